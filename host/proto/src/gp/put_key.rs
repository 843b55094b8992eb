//! PUT KEY for AES sets: CS 11.8, AmdD 7.2 and table 7-10.

use super::key::{Kcv, KeySet, Kvn};
use super::{Command, GpError, accepted};
use crate::apdu::{self, Header, Ne, Response};
use alloc::vec::Vec;

/// Key type AES (CS table 11-16).
const AES: u8 = 0x88;

/// The two forms of an AES key data field that cards take.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum BlockForm {
    /// AmdD table 7-10: a clear key-length byte before the ciphertext.
    #[default]
    WithLength,
    /// CS 11.8.2.3: the ciphertext alone.
    Bare,
}

/// One key of a set, wrapped under the card's Key-DEK, with its check value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyBlock {
    bytes: Vec<u8>,
    kcv: Kcv,
}

impl KeyBlock {
    /// `ciphertext` is AES-CBC(Key-DEK, IV zero) over the key, a 24-byte key padded to 32; `key_len` its length.
    #[must_use]
    pub fn new(form: BlockForm, key_len: u8, ciphertext: &[u8], kcv: Kcv) -> Self {
        let mut bytes = Vec::with_capacity(7 + ciphertext.len());
        let prefix: &[u8] = if form == BlockForm::WithLength { &[key_len] } else { &[] };
        // At most 1 + 32 bytes, so the field fits one length byte.
        let [.., field] = (prefix.len() + ciphertext.len()).to_be_bytes();
        bytes.extend_from_slice(&[AES, field]);
        bytes.extend_from_slice(prefix);
        bytes.extend_from_slice(ciphertext);
        bytes.push(3);
        bytes.extend_from_slice(&kcv.0);
        Self { bytes, kcv }
    }
}

/// Loads a whole set of three AES keys in one command, which a card carries out whole or not at all
/// (CS 11.8.2.3.3): `80 D8 P1 81 Lc KVN block block block 00`.
#[derive(Clone, Debug)]
pub struct PutKey {
    /// The set to be replaced; `None` adds a set.
    pub replace: Option<Kvn>,
    /// The new set's number.
    pub kvn: Kvn,
    /// Key-ENC, Key-MAC, Key-DEK.
    pub blocks: KeySet<KeyBlock>,
}

/// What the card says it stored. It proves nothing about what it did store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PutKeyEcho {
    /// The set's number.
    pub kvn: u8,
    /// The check values as the card computes them.
    pub kcvs: KeySet<Kcv>,
}

impl PutKey {
    /// The echo that a card gives that understood.
    #[must_use]
    pub fn expected(&self) -> PutKeyEcho {
        PutKeyEcho { kvn: self.kvn.byte(), kcvs: self.blocks.as_ref().map(|block| block.kcv) }
    }
}

impl Command for PutKey {
    type Response = PutKeyEcho;
    const NAME: &'static str = "PUT KEY";

    fn apdu<'d>(&self, data: &'d mut Vec<u8>) -> apdu::Command<'d> {
        data.clear();
        data.push(self.kvn.byte());
        for block in self.blocks.iter() {
            data.extend_from_slice(&block.bytes);
        }
        // P2: first key identifier 1, and bit 80 for more than one key.
        let header = Header::new(0x80, 0xD8, self.replace.map_or(0, Kvn::byte), 0x81);
        apdu::Command::new(header, data, Some(Ne::SHORT_MAX))
    }

    fn response(&self, response: Response<'_>) -> Result<PutKeyEcho, GpError> {
        match *accepted(Self::NAME, response)? {
            [kvn, a, b, c, d, e, f, g, h, i] => {
                Ok(PutKeyEcho { kvn, kcvs: KeySet { enc: Kcv([a, b, c]), mac: Kcv([d, e, f]), dek: Kcv([g, h, i]) } })
            }
            _ => Err(GpError::Malformed {
                command: Self::NAME,
                what: "a KVN and three 3-byte check values were expected",
            }),
        }
    }
}

/// Card side: one key data field as it arrived, still encrypted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReceivedKey<'a> {
    /// The clear length byte, where the host sent one.
    pub key_len: Option<u8>,
    /// 16 or 32 bytes.
    pub ciphertext: &'a [u8],
    /// The check value that the host sent: 3 bytes, or none.
    pub kcv: Option<Kcv>,
}

/// Card side: reads the key data fields behind the KVN; `None` where they are malformed or not AES.
#[must_use]
pub fn parse_blocks(mut data: &[u8]) -> Option<Vec<ReceivedKey<'_>>> {
    let mut keys = Vec::new();
    while !data.is_empty() {
        let (&[kind, len], rest) = data.split_first_chunk::<2>()?;
        let (field, rest) = rest.split_at_checked(usize::from(len))?;
        let (&kcv_len, rest) = rest.split_first()?;
        let (kcv, rest) = rest.split_at_checked(usize::from(kcv_len))?;
        let (key_len, ciphertext) = match field {
            [len, ciphertext @ ..] if matches!(ciphertext.len(), 16 | 32) => (Some(*len), ciphertext),
            ciphertext => (None, ciphertext),
        };
        if kind != AES || !matches!(ciphertext.len(), 16 | 32) || !matches!(kcv_len, 0 | 3) {
            return None;
        }
        let kcv = kcv.try_into().ok().map(Kcv);
        keys.push(ReceivedKey { key_len, ciphertext, kcv });
        data = rest;
    }
    Some(keys)
}
