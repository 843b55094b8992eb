//! Every method by name, with its parameters, and one way to run them: for whoever reads methods from a command line.

mod parse;

pub use parse::{METHODS, MethodError, MethodHelp};

use super::an10922;
use super::counter::{Layout, Prf};
use super::fields::{Fields, Filling};
use super::icc::{self, IccOption};
use super::inputs::{InputError, Inputs, Name};
use super::pin::{NoMemory, Stretch};
use super::template::Template;
use super::{DiversifyError, scp02};
use crate::key::{Algorithm, KeyMaterial, SecretKey};
use crate::keyref::Scheme;
use cardwright_proto::block::KeyLength;
use cardwright_proto::gp::key::Kcv;
use std::fmt;
use zeroize::Zeroizing;

/// A method with its parameters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Method {
    /// What can stand before a key reference too: ENC, MAC, DEK from the KDD.
    Card(Scheme),
    /// AN10922 over an input of the caller's making.
    An10922 {
        /// AES or 3DES.
        cipher: Algorithm,
        /// The diversification input.
        input: Fields,
    },
    /// An ICC master key from PAN and sequence number.
    Icc(IccOption),
    /// SCP02's session keys; the input is the sequence counter.
    Scp02,
    /// SP 800-108 in counter mode.
    Counter {
        /// PRF and fixed data.
        layout: Layout,
        /// Bytes of the key; the master's where there are none.
        len: Option<usize>,
    },
    /// A key from a PIN.
    Pin {
        /// How it is stretched.
        stretch: Stretch,
        /// The card's own salt.
        salt: Fields,
        /// Bytes of the key.
        len: usize,
    },
    /// A free template.
    Template(Template),
}

/// Why there is no key.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RunError {
    /// The master does not fit the scheme.
    #[error(transparent)]
    Scheme(#[from] DiversifyError),
    /// An input is missing or too short.
    #[error(transparent)]
    Input(#[from] InputError),
    /// The master is no key of the method's cipher.
    #[error("a master of {0} bytes is no key of this method's cipher")]
    KeyLength(usize),
    /// Three masters where the method makes one key.
    #[error("this method makes one key of one master, and there are three, ENC, MAC and DEK")]
    OneMaster,
    /// A PIN where a key is wanted, a key where a PIN is, or an empty PIN.
    #[error("this method wants {0}")]
    Secret(&'static str),
    /// The input is too long, or too short.
    #[error("the input has {has} bytes: {least} to {most} are wanted")]
    InputLength {
        /// What it has.
        has: usize,
        /// The fewest.
        least: usize,
        /// The most.
        most: usize,
    },
    /// The cipher wants whole blocks.
    #[error("{bytes} bytes are no whole blocks of {block}")]
    Blocks {
        /// What there is.
        bytes: usize,
        /// A block.
        block: usize,
    },
    /// Less comes out than a key needs.
    #[error("{gives} bytes come out, and the key has {wanted}")]
    Output {
        /// What comes out.
        gives: usize,
        /// What is wanted.
        wanted: usize,
    },
    /// Salt is for telling cards apart: less than 8 bytes do not.
    #[error("a salt of {0} bytes: 8 at least are wanted, and others for each card")]
    Salt(usize),
    /// Not enough memory for Argon2id.
    #[error(transparent)]
    NoMemory(#[from] NoMemory),
}

impl From<KeyLength> for RunError {
    fn from(KeyLength(len): KeyLength) -> Self {
        Self::KeyLength(len)
    }
}

/// What a key is derived from.
#[derive(Clone, Copy)]
pub enum Secret<'s> {
    /// One master, or ENC, MAC, DEK.
    Keys(&'s KeyMaterial),
    /// A PIN, as its bytes are typed.
    Pin(&'s [u8]),
}

impl<'s> Secret<'s> {
    fn material(self) -> Result<&'s KeyMaterial, RunError> {
        match self {
            Self::Keys(material) => Ok(material),
            Self::Pin(_) => Err(RunError::Secret("a key, and was given a PIN")),
        }
    }

    /// What the key for this use comes from: R-MAC from Key-MAC.
    fn master(self, what: KeyUse) -> Result<&'s SecretKey, RunError> {
        match (self.material()?, what) {
            (KeyMaterial::One(key), _) => Ok(key),
            (KeyMaterial::Set(set), KeyUse::Enc) => Ok(&set.enc),
            (KeyMaterial::Set(set), KeyUse::Mac | KeyUse::Rmac) => Ok(&set.mac),
            (KeyMaterial::Set(set), KeyUse::Dek) => Ok(&set.dek),
            (KeyMaterial::Set(_), KeyUse::Only) => Err(RunError::OneMaster),
        }
    }

    fn pin(self) -> Result<&'s [u8], RunError> {
        match self {
            Self::Pin(pin) if !pin.is_empty() => Ok(pin),
            Self::Pin(_) => Err(RunError::Secret("a PIN, and was given an empty one")),
            Self::Keys(_) => Err(RunError::Secret("a PIN, and was given a key")),
        }
    }
}

impl fmt::Debug for Secret<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Keys(_) => "Keys(..)",
            Self::Pin(_) => "Pin(..)",
        })
    }
}

/// Which key of those that a method gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyUse {
    /// ENC, or S-ENC.
    Enc,
    /// MAC, or C-MAC.
    Mac,
    /// R-MAC, in SCP02 only.
    Rmac,
    /// DEK
    Dek,
    /// The only one.
    Only,
}

impl KeyUse {
    /// As reports call it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Enc => "enc",
            Self::Mac => "mac",
            Self::Rmac => "rmac",
            Self::Dek => "dek",
            Self::Only => "key",
        }
    }
}

/// What came out: ENC, MAC and DEK; with SCP02 R-MAC too; or one key.
#[derive(Debug)]
pub struct Derived {
    /// What the keys are for, as far as the method says; their check values go by it.
    pub algorithm: Algorithm,
    /// The keys in order.
    pub keys: Vec<(KeyUse, SecretKey)>,
}

impl Derived {
    /// The check value of each key under an algorithm: [`Self::algorithm`], or another.
    ///
    /// # Errors
    /// [`KeyLength`] where a key is none of this algorithm's.
    pub fn kcvs(&self, algorithm: Algorithm) -> Result<Vec<(KeyUse, Kcv)>, KeyLength> {
        self.keys.iter().map(|(what, key)| Ok((*what, key.kcv(algorithm)?))).collect()
    }
}

impl Method {
    /// What the keys are for, as far as the method says.
    #[must_use]
    pub const fn algorithm(&self) -> Algorithm {
        match self {
            Self::Card(scheme) => scheme.algorithm(),
            Self::An10922 { cipher, .. } => *cipher,
            Self::Icc(option) => option.algorithm(),
            Self::Scp02 => Algorithm::TripleDes,
            Self::Counter { layout, .. } => match layout.prf() {
                Prf::Cmac(algorithm) => algorithm,
                _ => Algorithm::Aes,
            },
            Self::Pin { .. } => Algorithm::Aes,
            Self::Template(template) => template.cipher().algorithm(),
        }
    }

    /// Whether it wants a PIN in place of a key.
    #[must_use]
    pub const fn wants_pin(&self) -> bool {
        matches!(self, Self::Pin { .. })
    }

    /// Whether it gives ENC, MAC and DEK, each of its own number.
    fn numbered(&self) -> bool {
        match self {
            Self::Card(_) | Self::Scp02 => true,
            Self::Icc(_) => false,
            Self::An10922 { input, .. } => input.numbered(),
            Self::Counter { layout, .. } => layout.numbered(),
            Self::Pin { salt, .. } => salt.numbered(),
            Self::Template(template) => template.numbered(),
        }
    }
}

/// Runs a method.
///
/// Where the key's number `k` occurs in what a method is laid over there are three keys, of one master or of three;
/// otherwise there is one, of one master.
///
/// # Errors
/// [`RunError`]
pub fn run(method: &Method, secret: Secret<'_>, inputs: &Inputs) -> Result<Derived, RunError> {
    let each = |derive: &dyn Fn(KeyUse, Filling<'_>) -> Result<SecretKey, RunError>| {
        let uses: &[_] = if method.numbered() {
            &[(KeyUse::Enc, 1), (KeyUse::Mac, 2), (KeyUse::Dek, 3)]
        } else {
            &[(KeyUse::Only, 0)]
        };
        let one = |(what, k): &_| Ok((*what, derive(*what, Filling { k: *k, bits: 0, inputs })?));
        uses.iter().map(one).collect::<Result<Vec<_>, RunError>>()
    };
    let master = |what| secret.master(what);
    let keys = match method {
        Method::Card(scheme) => {
            let set = super::derive(*scheme, secret.material()?, &inputs.kdd()?)?;
            vec![(KeyUse::Enc, set.enc), (KeyUse::Mac, set.mac), (KeyUse::Dek, set.dek)]
        }
        Method::An10922 { cipher, input } => each(&|what, filling| {
            let input = input.fill(&filling)?;
            let (has, most) = (input.len(), an10922::most(*cipher));
            if !(1..=most).contains(&has) {
                return Err(RunError::InputLength { has, least: 1, most });
            }
            Ok(an10922::derive(*cipher, master(what)?, &input)?)
        })?,
        Method::Icc(option) => each(&|what, _| icc::derive(*option, master(what)?, inputs))?,
        Method::Scp02 => {
            let counter = inputs.bytes(Name::Input)?;
            let wrong = RunError::InputLength { has: counter.len(), least: 2, most: 2 };
            let counter = counter.try_into().map_err(|_| wrong)?;
            let derive = |(what, constant)| Ok((what, scp02::derive(master(what)?, constant, counter)?));
            scp02::KEYS.into_iter().map(derive).collect::<Result<_, RunError>>()?
        }
        Method::Counter { layout, len } => each(&|what, filling| {
            let master = master(what)?;
            let mut key = Zeroizing::new(vec![0; len.unwrap_or(master.key_len())]);
            layout.derive(master.expose(), filling.k, inputs, &mut key)?;
            Ok(SecretKey::new(&key)?)
        })?,
        Method::Pin { stretch, salt, len } => each(&|_, filling| {
            let (pin, salt) = (secret.pin()?, salt.fill(&filling)?);
            if salt.len() < Stretch::SALT {
                return Err(RunError::Salt(salt.len()));
            }
            let mut key = Zeroizing::new(vec![0; *len]);
            stretch.fill(pin, &salt, &mut key)?;
            Ok(SecretKey::new(&key)?)
        })?,
        Method::Template(template) => each(&|what, filling| template.derive(master(what)?, &filling))?,
    };
    Ok(Derived { algorithm: method.algorithm(), keys })
}

#[cfg(test)]
mod tests;
