//! The share object: a template E0 of at most 512 bytes, in one coding only.

use super::Hash;
use crate::gp::key::Kcv;
use crate::tlv::{self, Item, Items, TlvError};
use alloc::vec::Vec;
use core::fmt;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

/// The most bytes that a coded object may have.
pub const MAX_LEN: usize = 512;

/// The most commitments that an object has room for.
const MAX_COMMITMENTS: u8 = 10;

/// The most shares that there can be.
pub(super) const MAX_SHARES: u8 = 16;

/// Why bytes or values are no share object. None of them is repeated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ShareError {
    /// A data object is missing, out of order, too many, or coded otherwise than in the shortest form.
    #[error("it is not coded as a share object is")]
    Coding,
    /// More than 512 bytes.
    #[error("a share object has at most 512 bytes")]
    TooLong,
    /// Another version of the object than 1 and 2.
    #[error("version {0} of the share object is not known, 1 and 2 are")]
    Version(u8),
    /// A value that there is not.
    #[error("{0}")]
    Value(&'static str),
}

/// How a secret is split.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scheme {
    /// 01: Shamir over GF(2^8), polynomial 0x11B, the secret at x = 0.
    Shamir,
    /// 02: all shares XORed give the secret.
    Xor,
}

impl Scheme {
    /// 01 or 02.
    #[must_use]
    pub const fn byte(self) -> u8 {
        match self {
            Self::Shamir => 1,
            Self::Xor => 2,
        }
    }

    /// From its byte; `None` for any other than 01 and 02.
    #[must_use]
    pub const fn from_byte(byte: u8) -> Option<Self> {
        match byte {
            1 => Some(Self::Shamir),
            2 => Some(Self::Xor),
            _ => None,
        }
    }

    /// Whether `m` of `n` shares can make a secret: `n` is 2 to 16, `m` 2 to `n`, and `n` with XOR.
    ///
    /// # Errors
    /// [`ShareError::Value`]
    pub fn check(self, m: u8, n: u8) -> Result<(), ShareError> {
        first_broken([
            ((2..=MAX_SHARES).contains(&n), "there are 2 to 16 shares (n)"),
            ((2..=n).contains(&m), "2 to n shares make the secret (m)"),
            (self == Self::Shamir || m == n, "with XOR all shares make the secret (m = n)"),
        ])
    }
}

/// What kind of key the secret is (CS table 11-16).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum KeyType {
    /// 80
    TripleDes,
    /// 88
    Aes,
}

impl KeyType {
    /// 80 or 88.
    #[must_use]
    pub const fn byte(self) -> u8 {
        match self {
            Self::TripleDes => 0x80,
            Self::Aes => 0x88,
        }
    }

    /// From its byte; `None` for any other than 80 and 88.
    #[must_use]
    pub const fn from_byte(byte: u8) -> Option<Self> {
        match byte {
            0x80 => Some(Self::TripleDes),
            0x88 => Some(Self::Aes),
            _ => None,
        }
    }
}

/// What is public of a share.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ShareInfo {
    /// How the secret is split.
    pub scheme: Scheme,
    /// Which set of shares it belongs to.
    pub set: [u8; 16],
    /// The ceremony that made it.
    pub ceremony: [u8; 16],
    /// How often the set was refreshed, from 1.
    pub generation: u32,
    /// The share's index, 1 to `n`.
    pub x: u8,
    /// How many shares make the secret, 2 to `n`; `n` with XOR.
    pub m: u8,
    /// How many shares there are, 2 to 16.
    pub n: u8,
    /// What the secret is for.
    pub key_type: KeyType,
    /// Bytes of the secret: 16, 24 or 32; 3DES has 16 or 24.
    pub key_length: u8,
    /// As the ceremony defines it.
    pub usage: u8,
    /// The secret's check value.
    pub kcv: Kcv,
    /// Hash of the deal's statement, in a share that a card dealt: version 02 of the object, which STORE SHARE does not take.
    pub statement: Option<Hash>,
}

/// What a share is checked against, with the salt that keeps the value from being guessed from it.
#[derive(Clone)]
pub struct Commitments {
    /// Secret.
    pub salt: Zeroizing<[u8; 16]>,
    /// One for each share, that of x = 1 first.
    pub hashes: Vec<[u8; 32]>,
}

/// A whole share. Its value is wiped when dropped, and never shown.
#[derive(Clone)]
pub struct ShareObject {
    info: ShareInfo,
    value: Zeroizing<Vec<u8>>,
    commitments: Option<Commitments>,
}

impl PartialEq for Commitments {
    /// In the same time whatever differs in the salt.
    fn eq(&self, other: &Self) -> bool {
        bool::from(self.salt.ct_eq(&*other.salt)) && self.hashes == other.hashes
    }
}

impl Eq for Commitments {}

impl PartialEq for ShareObject {
    /// In the same time whatever differs in the values.
    fn eq(&self, other: &Self) -> bool {
        let same = bool::from(self.value.ct_eq(&other.value));
        same && self.info == other.info && self.commitments == other.commitments
    }
}

impl Eq for ShareObject {}

impl ShareInfo {
    /// Whether the bounds of the table are kept.
    fn check(&self) -> Result<(), ShareError> {
        let Self { scheme, generation, x, m, n, key_type, key_length, .. } = *self;
        scheme.check(m, n)?;
        first_broken([
            (generation != 0, "the generation is counted from 1"),
            ((1..=n).contains(&x), "a share's index (x) is 1 to n"),
            (matches!(key_length, 16 | 24 | 32), "the key has 16, 24 or 32 bytes"),
            (key_length != 32 || key_type == KeyType::Aes, "a 3DES key has 16 or 24 bytes"),
        ])
    }

    /// Appends objects 80 to 8B, and 8F where there is a statement hash: all that GET STATE tells.
    ///
    /// # Errors
    /// None: the tags are constants, and the values short.
    pub(super) fn encode_into(&self, out: &mut Vec<u8>) -> Result<(), TlvError> {
        self.encode_start(out)?;
        self.encode_end(out)
    }

    /// Objects 80 to 8B.
    fn encode_start(&self, out: &mut Vec<u8>) -> Result<(), TlvError> {
        let generation = self.generation.to_be_bytes();
        let values: [&[u8]; 12] = [
            &[if self.statement.is_some() { 2 } else { 1 }],
            &[self.scheme.byte()],
            &self.set,
            &self.ceremony,
            &generation,
            &[self.x],
            &[self.m],
            &[self.n],
            &[self.key_type.byte()],
            &[self.key_length],
            &[self.usage],
            &self.kcv.0,
        ];
        (0x80..).zip(values).try_for_each(|(tag, value)| tlv::push(out, tag, value))
    }

    /// Object 8F.
    fn encode_end(&self, out: &mut Vec<u8>) -> Result<(), TlvError> {
        self.statement.as_ref().map_or(Ok(()), |hash| tlv::push(out, 0x8F, hash))
    }

    /// Reads objects 80 to 8B, 8F with version 02, and nothing behind them.
    ///
    /// # Errors
    /// [`ShareError`]
    pub(super) fn parse(bytes: &[u8]) -> Result<Self, ShareError> {
        let mut items = Items::new(bytes);
        let (version, mut info) = Self::read(&mut items)?;
        info.read_end(version, &mut items)?;
        if items.next().is_some() || coded(&info)? != bytes { Err(ShareError::Coding) } else { Ok(info) }
    }

    /// Objects 80 to 8B, and the version, which tells whether 8F has to come.
    fn read(items: &mut Items<'_>) -> Result<(u8, Self), ShareError> {
        let [version] = next(items, 0x80)?;
        if !matches!(version, 1 | 2) {
            return Err(ShareError::Version(version));
        }
        let [scheme] = next(items, 0x81)?;
        let scheme =
            Scheme::from_byte(scheme).ok_or(ShareError::Value("a scheme that there is not: Shamir and XOR are"))?;
        let (set, ceremony, generation) = (next(items, 0x82)?, next(items, 0x83)?, next(items, 0x84)?);
        let ([x], [m], [n]) = (next(items, 0x85)?, next(items, 0x86)?, next(items, 0x87)?);
        let [key_type] = next(items, 0x88)?;
        let key_type =
            KeyType::from_byte(key_type).ok_or(ShareError::Value("a key type that there is not: 3DES and AES are"))?;
        let ([key_length], [usage], kcv) = (next(items, 0x89)?, next(items, 0x8A)?, Kcv(next(items, 0x8B)?));
        let generation = u32::from_be_bytes(generation);
        let statement = None;
        let info = Self { scheme, set, ceremony, generation, x, m, n, key_type, key_length, usage, kcv, statement };
        info.check().map(|()| (version, info))
    }

    /// Object 8F, with version 02.
    fn read_end(&mut self, version: u8, items: &mut Items<'_>) -> Result<(), ShareError> {
        if version == 2 {
            self.statement = Some(next(items, 0x8F)?);
        }
        Ok(())
    }
}

impl ShareObject {
    /// From its parts.
    ///
    /// # Errors
    /// [`ShareError::Value`] where they do not keep to the bounds or do not fit one another.
    pub fn new(
        info: ShareInfo,
        value: Zeroizing<Vec<u8>>,
        commitments: Option<Commitments>,
    ) -> Result<Self, ShareError> {
        info.check()?;
        if value.len() != usize::from(info.key_length) {
            return Err(ShareError::Value("the share's value is as long as the key"));
        }
        if let Some(Commitments { hashes, .. }) = &commitments
            && (info.n > MAX_COMMITMENTS || hashes.len() != usize::from(info.n))
        {
            return Err(ShareError::Value("there is a commitment for each of at most 10 shares"));
        }
        if info.statement.is_some() && commitments.is_none() {
            return Err(ShareError::Value("a share with a statement hash has commitments, too"));
        }
        Ok(Self { info, value, commitments })
    }

    /// Reads a coded object. Every object has one coding only: what is parsed is coded to the same bytes again.
    ///
    /// # Errors
    /// [`ShareError`]
    pub fn parse(bytes: &[u8]) -> Result<Self, ShareError> {
        if bytes.len() > MAX_LEN {
            return Err(ShareError::TooLong);
        }
        let mut outer = Items::new(bytes);
        let mut items = Items::new(value_of(outer.next(), 0xE0)?);
        let (version, mut info) = ShareInfo::read(&mut items)?;
        let value = Zeroizing::new(value_of(items.next(), 0x8C)?.to_vec());
        let commitments = match items.next() {
            None => None,
            salt => {
                let salt = value_of(salt, 0x8D)?.try_into().map_err(|_| ShareError::Coding)?;
                let (hashes, rest) = value_of(items.next(), 0x8E)?.as_chunks::<32>();
                if !rest.is_empty() {
                    return Err(ShareError::Coding);
                }
                Some(Commitments { salt: Zeroizing::new(salt), hashes: hashes.to_vec() })
            }
        };
        info.read_end(version, &mut items)?;
        let share = Self::new(info, value, commitments)?;
        // Lengths coded too long, and whatever stands behind: nothing but the one coding is taken.
        if share.encode().as_slice() == bytes { Ok(share) } else { Err(ShareError::Coding) }
    }

    /// The coded object, 512 bytes at most.
    #[must_use]
    pub fn encode(&self) -> Zeroizing<Vec<u8>> {
        // All the room at once: a buffer that grows leaves copies.
        let mut inner = Zeroizing::new(Vec::with_capacity(MAX_LEN));
        let mut object = Zeroizing::new(Vec::with_capacity(MAX_LEN));
        let mut fill = || {
            self.info.encode_start(&mut inner)?;
            tlv::push(&mut inner, 0x8C, &self.value)?;
            if let Some(Commitments { salt, hashes }) = &self.commitments {
                tlv::push(&mut inner, 0x8D, &**salt)?;
                tlv::push(&mut inner, 0x8E, hashes.as_flattened())?;
            }
            self.info.encode_end(&mut inner)?;
            tlv::push(&mut object, 0xE0, &inner)
        };
        let filled = fill();
        debug_assert_eq!(filled, Ok(()), "the tags are constants, and the values short");
        object
    }

    /// What is public of it.
    #[must_use]
    pub const fn info(&self) -> &ShareInfo {
        &self.info
    }

    /// The share's value, y: as many bytes as the key has. Secret.
    #[must_use]
    pub fn value(&self) -> &[u8] {
        &self.value
    }

    /// Salt and commitments, where there are some.
    #[must_use]
    pub const fn commitments(&self) -> Option<&Commitments> {
        self.commitments.as_ref()
    }
}

impl fmt::Debug for ShareObject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ShareObject").field("info", &self.info).finish_non_exhaustive()
    }
}

impl fmt::Debug for Commitments {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Commitments").field("hashes", &self.hashes.len()).finish_non_exhaustive()
    }
}

/// How long an object is whose first bytes these are; `None` where they are no template E0.
pub(super) fn coded_len(start: &[u8]) -> Option<usize> {
    match *start {
        [0xE0, len @ 0..=0x7F, ..] => Some(2 + usize::from(len)),
        [0xE0, 0x81, len, ..] => Some(3 + usize::from(len)),
        [0xE0, 0x82, high, low, ..] => Some(4 + usize::from(u16::from_be_bytes([high, low]))),
        _ => None,
    }
}

/// The first bound that is not kept.
fn first_broken<const N: usize>(bounds: [(bool, &'static str); N]) -> Result<(), ShareError> {
    bounds.into_iter().find(|(kept, _)| !kept).map_or(Ok(()), |(_, what)| Err(ShareError::Value(what)))
}

/// The public objects, 80 to 8B and 8F, as they are coded.
fn coded(info: &ShareInfo) -> Result<Vec<u8>, ShareError> {
    let mut bytes = Vec::new();
    info.encode_into(&mut bytes).map(|()| bytes).map_err(|_| ShareError::Coding)
}

/// The value of the object that has to come next.
fn value_of<'a>(item: Option<Result<Item<'a>, TlvError>>, tag: u32) -> Result<&'a [u8], ShareError> {
    match item {
        Some(Ok(item)) if item.is(tag) => Ok(item.value),
        _ => Err(ShareError::Coding),
    }
}

/// The same, of a length that never changes.
fn next<const N: usize>(items: &mut Items<'_>, tag: u32) -> Result<[u8; N], ShareError> {
    value_of(items.next(), tag)?.try_into().map_err(|_| ShareError::Coding)
}
