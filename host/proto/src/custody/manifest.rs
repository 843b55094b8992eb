//! The manifest of a ceremony: what is to be done, by whom, with which key. Everything else is signed under its hash.

use super::certificate::Roles;
use super::share::{KeyType, Scheme};
use super::tag::Kind;
use super::{Hash, Id};
use alloc::vec::Vec;
use core::fmt;

/// Bytes before the custodians' hashes.
const FIXED: usize = 179;

/// The most custodians.
pub const MAX_CUSTODIANS: u8 = 10;

/// The most bytes of a manifest: 499.
pub const MAX_LEN: usize = FIXED + 32 * MAX_CUSTODIANS as usize;

/// What a ceremony does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Operation {
    /// 01: a new key is dealt.
    Deal,
    /// 02: the shares make the key, and nothing leaves.
    Drill,
    /// 03: the key goes to an HSM.
    Release,
    /// 04: the shares are destroyed.
    Destroy,
}

impl Operation {
    /// 01 to 04.
    #[must_use]
    pub const fn byte(self) -> u8 {
        match self {
            Self::Deal => 1,
            Self::Drill => 2,
            Self::Release => 3,
            Self::Destroy => 4,
        }
    }

    /// From its byte; `None` for any other than 01 to 04.
    #[must_use]
    pub const fn from_byte(byte: u8) -> Option<Self> {
        match byte {
            1 => Some(Self::Deal),
            2 => Some(Self::Drill),
            3 => Some(Self::Release),
            4 => Some(Self::Destroy),
            _ => None,
        }
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Deal => "deal",
            Self::Drill => "drill",
            Self::Release => "release",
            Self::Destroy => "destroy",
        })
    }
}

/// Who somebody is in a ceremony.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Place {
    /// 01 to 0A: the custodian with this x.
    Custodian(u8),
    /// 0C
    Combiner,
    /// 0D
    Dealer,
    /// 0E
    Hsm,
}

impl Place {
    /// 01 to 0A, 0C, 0D, 0E.
    #[must_use]
    pub const fn byte(self) -> u8 {
        match self {
            Self::Custodian(x) => x,
            Self::Combiner => 0x0C,
            Self::Dealer => 0x0D,
            Self::Hsm => 0x0E,
        }
    }

    /// From its byte; `None` for any other.
    #[must_use]
    pub const fn from_byte(byte: u8) -> Option<Self> {
        match byte {
            x @ 1..=MAX_CUSTODIANS => Some(Self::Custodian(x)),
            0x0C => Some(Self::Combiner),
            0x0D => Some(Self::Dealer),
            0x0E => Some(Self::Hsm),
            _ => None,
        }
    }

    /// The role that a certificate wants for it.
    #[must_use]
    pub const fn role(self) -> Roles {
        match self {
            Self::Custodian(_) => Roles::CUSTODIAN,
            Self::Combiner => Roles::COMBINER,
            Self::Dealer => Roles::DEALER,
            Self::Hsm => Roles::HSM,
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Custodian(x) => write!(f, "custodian {x}"),
            Self::Combiner => f.write_str("combiner"),
            Self::Dealer => f.write_str("dealer"),
            Self::Hsm => f.write_str("HSM"),
        }
    }
}

/// A manifest. What is built by hand may be malformed: [`Manifest::check`] tells.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Manifest {
    /// What is done.
    pub operation: Operation,
    /// The ceremony's id.
    pub ceremony: Id,
    /// The id of the set of shares.
    pub set: Id,
    /// The set's generation, from 1.
    pub generation: u32,
    /// How the secret is split.
    pub scheme: Scheme,
    /// How many shares make the secret.
    pub m: u8,
    /// What the secret is for.
    pub key_type: KeyType,
    /// Bytes of the secret: 16, 24 or 32; 3DES has 16 or 24.
    pub key_length: u8,
    /// As the ceremony defines it.
    pub usage: u8,
    /// Higher than that of any manifest that its cards approved before.
    pub sequence: u32,
    /// SHA-256 of the plan's file.
    pub plan: Hash,
    /// Hash of the transcript's line before this manifest.
    pub head: Hash,
    /// Certificate hash of the dealer in a deal, of the HSM in a release; none in a drill and a destruction (zeros).
    pub partner: Option<Hash>,
    /// Certificate hash of the combiner; none in a destruction (zeros).
    pub combiner: Option<Hash>,
    /// Certificate hashes of the custodians, x = 1 first: n of them.
    pub custodians: Vec<Hash>,
}

/// Why bytes or values are no manifest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ManifestError {
    /// Other than 179 and 32 for each of 2 to 10 custodians.
    #[error("a manifest has not {0} bytes")]
    Length(usize),
    /// It begins otherwise than a manifest.
    #[error("it is not tagged as a manifest")]
    Tag,
    /// A value that there is not, or that does not fit another one.
    #[error("{0}")]
    Value(&'static str),
}

impl Manifest {
    /// How many custodians there are.
    #[must_use]
    pub fn n(&self) -> u8 {
        u8::try_from(self.custodians.len()).unwrap_or(u8::MAX)
    }

    /// Bytes of a manifest with this many custodians.
    #[must_use]
    pub const fn len_of(n: u8) -> usize {
        FIXED + 32 * n as usize
    }

    /// Whether it is well-formed.
    ///
    /// # Errors
    /// [`ManifestError::Value`]
    pub fn check(&self) -> Result<(), ManifestError> {
        let Self { operation, generation, scheme, m, key_type, key_length, .. } = *self;
        let partner = matches!(operation, Operation::Deal | Operation::Release);
        let hashes: Vec<&Hash> = self.custodians.iter().chain(&self.partner).chain(&self.combiner).collect();
        let doubled = hashes.iter().enumerate().any(|(at, hash)| hashes[..at].contains(hash));
        let bounds = [
            (generation != 0, "the generation is counted from 1"),
            (generation == 1 || operation != Operation::Deal, "a deal makes generation 1"),
            ((2..=MAX_CUSTODIANS).contains(&self.n()), "there are 2 to 10 custodians (n)"),
            (scheme.check(m, self.n()).is_ok(), "2 to n shares make the secret (m), and all n with XOR"),
            (matches!(key_length, 16 | 24 | 32), "the key has 16, 24 or 32 bytes"),
            (key_length != 32 || key_type == KeyType::Aes, "a 3DES key has 16 or 24 bytes"),
            (self.partner.is_some() == partner, "a deal has a dealer, a release an HSM, and nothing else has either"),
            (self.combiner.is_some() == (operation != Operation::Destroy), "a destruction alone has no combiner"),
            (!hashes.contains(&&[0; 32]), "a certificate's hash is zeros"),
            (!doubled, "a certificate is named twice"),
        ];
        bounds.into_iter().find(|(kept, _)| !kept).map_or(Ok(()), |(_, what)| Err(ManifestError::Value(what)))
    }

    /// The bytes that its hash M is made of.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(FIXED + 32 * self.custodians.len());
        bytes.extend(Kind::Manifest.tag());
        bytes.push(self.operation.byte());
        bytes.extend(self.ceremony);
        bytes.extend(self.set);
        bytes.extend(self.generation.to_be_bytes());
        bytes.extend([self.scheme.byte(), self.m, self.n(), self.key_type.byte(), self.key_length, self.usage]);
        bytes.extend(self.sequence.to_be_bytes());
        bytes.extend(self.plan);
        bytes.extend(self.head);
        bytes.extend(self.partner.unwrap_or_default());
        bytes.extend(self.combiner.unwrap_or_default());
        bytes.extend_from_slice(self.custodians.as_flattened());
        bytes
    }

    /// Reads a manifest. Each has one coding only.
    ///
    /// # Errors
    /// [`ManifestError`] where it is not well-formed, the length first.
    pub fn parse(bytes: &[u8]) -> Result<Self, ManifestError> {
        if !(2..=MAX_CUSTODIANS).any(|n| Self::len_of(n) == bytes.len()) {
            return Err(ManifestError::Length(bytes.len()));
        }
        let manifest = Self::read(bytes).ok_or(ManifestError::Length(bytes.len()))??;
        manifest.check().map(|()| manifest)
    }

    /// Field after field; `None` where they end too early.
    fn read(bytes: &[u8]) -> Option<Result<Self, ManifestError>> {
        let (tag, rest) = bytes.split_first_chunk::<4>()?;
        let ([operation], rest) = rest.split_first_chunk()?;
        let (ceremony, rest) = rest.split_first_chunk()?;
        let (set, rest) = rest.split_first_chunk()?;
        let (generation, rest) = rest.split_first_chunk()?;
        let ([scheme, m, n, key_type, key_length, usage], rest) = rest.split_first_chunk()?;
        let (sequence, rest) = rest.split_first_chunk()?;
        let (plan, rest) = rest.split_first_chunk()?;
        let (head, rest) = rest.split_first_chunk()?;
        let (partner, rest) = rest.split_first_chunk()?;
        let (combiner, rest) = rest.split_first_chunk()?;
        let (custodians, _) = rest.as_chunks();
        let refused = |what| Some(Err(ManifestError::Value(what)));
        if *tag != Kind::Manifest.tag() {
            return Some(Err(ManifestError::Tag));
        }
        let Some(operation) = Operation::from_byte(*operation) else {
            return refused("an operation that there is not");
        };
        let (Some(scheme), Some(key_type)) = (Scheme::from_byte(*scheme), KeyType::from_byte(*key_type)) else {
            return refused("a scheme or a key type that there is not");
        };
        if usize::from(*n) != custodians.len() {
            return refused("there are other than n custodians");
        }
        let named = |hash: &Hash| (*hash != [0; 32]).then_some(*hash);
        Some(Ok(Self {
            operation,
            ceremony: *ceremony,
            set: *set,
            generation: u32::from_be_bytes(*generation),
            scheme,
            m: *m,
            key_type,
            key_length: *key_length,
            usage: *usage,
            sequence: u32::from_be_bytes(*sequence),
            plan: *plan,
            head: *head,
            partner: named(partner),
            combiner: named(combiner),
            custodians: custodians.to_vec(),
        }))
    }

    /// The certificate hash that it has at a place: `None` where there is nobody, and for the dealer but in a deal, for in
    /// drill and release that is the set's, whom the manifest does not name.
    #[must_use]
    pub fn party(&self, place: Place) -> Option<&Hash> {
        match place {
            Place::Custodian(x) => self.custodians.get(usize::from(x).checked_sub(1)?),
            Place::Combiner => self.combiner.as_ref(),
            Place::Dealer => self.partner.as_ref().filter(|_| self.operation == Operation::Deal),
            Place::Hsm => self.partner.as_ref().filter(|_| self.operation == Operation::Release),
        }
    }

    /// The place of the card with this certificate hash. An HSM is no card: in a release, the partner's hash has none.
    #[must_use]
    pub fn place(&self, certificate: &Hash) -> Option<Place> {
        let custodians = (1..=MAX_CUSTODIANS).map(Place::Custodian);
        custodians.chain([Place::Combiner, Place::Dealer]).find(|place| self.party(*place) == Some(certificate))
    }
}
