//! Certificates: what the ceremony's CA says of a card or an HSM.

use super::signature::{Signature, SignatureForm};
use super::tag::Kind;
use super::{Hash, Point};
use alloc::vec::Vec;
use core::fmt;

/// Bytes of a body with a P-256 key.
pub const P256_BODY: usize = 111;

/// Bytes of a body with an RSA key.
pub const RSA_BODY: usize = 78;

/// What a card or an HSM may do: a bit for each role.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Roles(u8);

impl Roles {
    /// 01: signs certificates.
    pub const CA: Self = Self(0x01);
    /// 02: deals.
    pub const DEALER: Self = Self(0x02);
    /// 04: holds a share.
    pub const CUSTODIAN: Self = Self(0x04);
    /// 08: puts shares together.
    pub const COMBINER: Self = Self(0x08);
    /// 10: takes the key.
    pub const HSM: Self = Self(0x10);

    /// The byte.
    #[must_use]
    pub const fn byte(self) -> u8 {
        self.0
    }

    /// From its byte: 01, 10, or an even number from 02 to 0E. `None` for any other.
    #[must_use]
    pub const fn from_byte(byte: u8) -> Option<Self> {
        match byte {
            0x01 | 0x02 | 0x04 | 0x06 | 0x08 | 0x0A | 0x0C | 0x0E | 0x10 => Some(Self(byte)),
            _ => None,
        }
    }

    /// Both; `None` where nobody can have both.
    #[must_use]
    pub const fn and(self, other: Self) -> Option<Self> {
        Self::from_byte(self.0 | other.0)
    }

    /// Whether all of these are among them.
    #[must_use]
    pub const fn have(self, wanted: Self) -> bool {
        self.0 & wanted.0 == wanted.0
    }
}

impl fmt::Display for Roles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = [
            (Self::CA, "CA"),
            (Self::DEALER, "dealer"),
            (Self::CUSTODIAN, "custodian"),
            (Self::COMBINER, "combiner"),
            (Self::HSM, "HSM"),
        ];
        let mut names = names.into_iter().filter(|(role, _)| self.have(*role)).map(|(_, name)| name);
        names.next().map_or(Ok(()), |name| f.write_str(name))?;
        names.try_for_each(|name| write!(f, ", {name}"))
    }
}

impl fmt::Debug for Roles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Roles({self})")
    }
}

/// What kind of key is certified.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum KeyAlgorithm {
    /// 01: P-256.
    P256,
    /// 02
    Rsa2048,
    /// 03
    Rsa3072,
    /// 04
    Rsa4096,
}

impl KeyAlgorithm {
    /// 01 to 04.
    #[must_use]
    pub const fn byte(self) -> u8 {
        match self {
            Self::P256 => 1,
            Self::Rsa2048 => 2,
            Self::Rsa3072 => 3,
            Self::Rsa4096 => 4,
        }
    }

    /// From its byte; `None` for any other than 01 to 04.
    #[must_use]
    pub const fn from_byte(byte: u8) -> Option<Self> {
        match byte {
            1 => Some(Self::P256),
            2 => Some(Self::Rsa2048),
            3 => Some(Self::Rsa3072),
            4 => Some(Self::Rsa4096),
            _ => None,
        }
    }

    /// Bytes of the public key itself: the point's 65, or the modulus's 256, 384 or 512.
    #[must_use]
    pub const fn key_len(self) -> usize {
        match self {
            Self::P256 => 65,
            Self::Rsa2048 => 256,
            Self::Rsa3072 => 384,
            Self::Rsa4096 => 512,
        }
    }

    /// Bytes of a body with such a key: 111, or 78.
    #[must_use]
    pub const fn body_len(self) -> usize {
        match self {
            Self::P256 => P256_BODY,
            _ => RSA_BODY,
        }
    }
}

/// The key field of a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CertifiedKey {
    /// A point. Whether it is on the curve is not checked here.
    P256(Point),
    /// RSA, 2048 bits: SHA-256 of the modulus.
    Rsa2048(Hash),
    /// RSA, 3072 bits: SHA-256 of the modulus.
    Rsa3072(Hash),
    /// RSA, 4096 bits: SHA-256 of the modulus.
    Rsa4096(Hash),
}

impl CertifiedKey {
    /// What kind of key it is.
    #[must_use]
    pub const fn algorithm(&self) -> KeyAlgorithm {
        match self {
            Self::P256(_) => KeyAlgorithm::P256,
            Self::Rsa2048(_) => KeyAlgorithm::Rsa2048,
            Self::Rsa3072(_) => KeyAlgorithm::Rsa3072,
            Self::Rsa4096(_) => KeyAlgorithm::Rsa4096,
        }
    }

    /// The field: 65 bytes of a point, or 32 of a hash.
    #[must_use]
    pub const fn bytes(&self) -> &[u8] {
        match self {
            Self::P256(point) => point,
            Self::Rsa2048(hash) | Self::Rsa3072(hash) | Self::Rsa4096(hash) => hash,
        }
    }
}

/// What is signed of a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct CertificateBody {
    /// The card's identity; of an HSM whatever the ceremony calls it.
    pub identity: [u8; 8],
    /// What it may do.
    pub roles: Roles,
    /// SHA-256 of the applet's load file, as the ceremony says.
    pub applet: Hash,
    /// Its key.
    pub key: CertifiedKey,
}

/// Why bytes are no certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CertificateError {
    /// Too short or too long for its algorithm.
    #[error("a certificate has not {0} bytes")]
    Length(usize),
    /// It begins otherwise than a certificate.
    #[error("it is not tagged as a certificate")]
    Tag,
    /// Roles that nobody can have.
    #[error("{0:02X} is no set of roles: a CA has no other role, neither has an HSM")]
    Roles(u8),
    /// No such algorithm, or not for these roles.
    #[error("a key with algorithm {algorithm:02X} cannot have the roles {roles:02X}")]
    Algorithm {
        /// The byte of the algorithm.
        algorithm: u8,
        /// The byte of the roles.
        roles: u8,
    },
    /// What is behind the body has not the form of a signature.
    #[error(transparent)]
    Signature(#[from] SignatureForm),
}

impl CertificateBody {
    /// The bytes that are signed: 111, or 78 with an RSA key.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let algorithm = self.key.algorithm();
        let mut body = Vec::with_capacity(algorithm.body_len());
        body.extend(Kind::Certificate.tag());
        body.extend(self.identity);
        body.extend([self.roles.byte(), algorithm.byte()]);
        body.extend(self.applet);
        body.extend_from_slice(self.key.bytes());
        body
    }

    /// Reads a body and nothing behind it.
    ///
    /// # Errors
    /// [`CertificateError`] where it is not well-formed.
    pub fn parse(bytes: &[u8]) -> Result<Self, CertificateError> {
        let (body, rest) = Self::split(bytes)?;
        if rest.is_empty() { Ok(body) } else { Err(CertificateError::Length(bytes.len())) }
    }

    /// Reads a body; what is behind it comes back with it. The algorithm tells the body's length.
    ///
    /// # Errors
    /// [`CertificateError`] where it is not well-formed.
    pub fn split(bytes: &[u8]) -> Result<(Self, &[u8]), CertificateError> {
        let cut = CertificateError::Length(bytes.len());
        let (tag, rest) = bytes.split_first_chunk::<4>().ok_or(cut)?;
        let (identity, rest) = rest.split_first_chunk::<8>().ok_or(cut)?;
        let ([roles, algorithm], rest) = rest.split_first_chunk::<2>().ok_or(cut)?;
        let (applet, rest) = rest.split_first_chunk::<32>().ok_or(cut)?;
        if *tag != Kind::Certificate.tag() {
            return Err(CertificateError::Tag);
        }
        let allowed = Roles::from_byte(*roles).ok_or(CertificateError::Roles(*roles))?;
        let of = KeyAlgorithm::from_byte(*algorithm).filter(|of| *of == KeyAlgorithm::P256 || allowed == Roles::HSM);
        let wrong = CertificateError::Algorithm { algorithm: *algorithm, roles: *roles };
        let (key, rest) = match of.ok_or(wrong)? {
            KeyAlgorithm::P256 => rest.split_first_chunk().map(|(key, rest)| (CertifiedKey::P256(*key), rest)),
            KeyAlgorithm::Rsa2048 => rest.split_first_chunk().map(|(key, rest)| (CertifiedKey::Rsa2048(*key), rest)),
            KeyAlgorithm::Rsa3072 => rest.split_first_chunk().map(|(key, rest)| (CertifiedKey::Rsa3072(*key), rest)),
            KeyAlgorithm::Rsa4096 => rest.split_first_chunk().map(|(key, rest)| (CertifiedKey::Rsa4096(*key), rest)),
        }
        .ok_or(cut)?;
        Ok((Self { identity: *identity, roles: allowed, applet: *applet, key }, rest))
    }
}

/// A body, and the CA's signature over it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Certificate {
    /// What is signed.
    pub body: CertificateBody,
    /// The CA's signature. That it is good is not checked here.
    pub signature: Signature,
}

impl Certificate {
    /// Body and signature: 86 to 183 bytes.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = self.body.encode();
        bytes.extend(self.signature.to_der());
        bytes
    }

    /// Reads body and signature.
    ///
    /// A card answers to a body that is not well-formed otherwise than to a signature that has not the form of one: it
    /// uses [`CertificateBody::split`].
    ///
    /// # Errors
    /// [`CertificateError`]
    pub fn parse(bytes: &[u8]) -> Result<Self, CertificateError> {
        let (body, signature) = CertificateBody::split(bytes)?;
        Ok(Self { body, signature: Signature::parse(signature)? })
    }
}

/// What a card signs to show that it has its identity key: T(02), its identity, its point.
#[must_use]
pub fn possession(identity: &[u8; 8], point: &Point) -> Vec<u8> {
    [Kind::Possession.tag().as_slice(), identity, point].concat()
}
