//! GET DATA: CS 11.3, H.2 to H.6 (card data), 11.3.3.1 (key information template).

use super::key::Kvn;
use super::{Command, GpError, accepted, malformed};
use crate::apdu::{self, Header, Ne, Response};
use crate::tlv::{self, Items};
use alloc::vec::Vec;

/// What can be asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Object {
    /// 9F7F: card production life cycle data, 42 bytes.
    Cplc,
    /// 0042: issuer identification number.
    Iin,
    /// 0045: card image number.
    Cin,
    /// 00CF: key diversification data.
    Kdd,
    /// 00E0: key information template.
    KeyInformation,
    /// 0066: card data.
    CardData,
}

impl Object {
    /// P1 and P2.
    #[must_use]
    pub const fn tag(self) -> u16 {
        match self {
            Self::Cplc => 0x9F7F,
            Self::Iin => 0x0042,
            Self::Cin => 0x0045,
            Self::Kdd => 0x00CF,
            Self::KeyInformation => 0x00E0,
            Self::CardData => 0x0066,
        }
    }
}

/// Asks for one data object: `80 CA tag 00`. The response is its value, the tag and length taken off.
#[derive(Clone, Copy, Debug)]
pub struct GetData {
    /// Which.
    pub object: Object,
}

impl Command for GetData {
    type Response = Vec<u8>;
    const NAME: &'static str = "GET DATA";

    fn apdu<'d>(&self, data: &'d mut Vec<u8>) -> apdu::Command<'d> {
        data.clear();
        let [p1, p2] = self.object.tag().to_be_bytes();
        apdu::Command::new(Header::new(0x80, 0xCA, p1, p2), data, Some(Ne::SHORT_MAX))
    }

    fn response(&self, response: Response<'_>) -> Result<Vec<u8>, GpError> {
        let data = accepted(Self::NAME, response)?;
        let value = tlv::find(data, u32::from(self.object.tag())).map_err(malformed(Self::NAME))?;
        Ok(value.to_vec())
    }
}

/// Card production life cycle data: where and when a chip was made. 42 bytes, of which these name the chip.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cplc {
    /// The 42 bytes.
    pub bytes: [u8; 42],
}

impl Cplc {
    /// From the value of 9F7F.
    ///
    /// # Errors
    /// [`GpError::Malformed`] unless there are 42 bytes.
    pub fn parse(value: &[u8]) -> Result<Self, GpError> {
        let bytes = value.try_into();
        bytes
            .map(|bytes| Self { bytes })
            .map_err(|_| GpError::Malformed { command: GetData::NAME, what: "CPLC has 42 bytes" })
    }

    /// IC fabricator and type, fabrication date, serial number, batch: 12 bytes that name the chip.
    #[must_use]
    pub fn chip(&self) -> [u8; 12] {
        let mut chip = [0; 12];
        chip[..4].copy_from_slice(&self.bytes[..4]);
        chip[4..].copy_from_slice(&self.bytes[10..18]);
        chip
    }
}

/// One key that a card says it has (C0 in the key information template).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyInformation {
    /// Key identifier: 1 ENC, 2 MAC, 3 DEK.
    pub id: u8,
    /// Key version number.
    pub kvn: Kvn,
    /// Key type of the (first) component: 80 DES, 88 AES, ...
    pub kind: u8,
    /// Length of the component in bytes.
    pub len: u8,
}

/// Reads a key information template (the value of E0).
///
/// # Errors
/// [`GpError::Tlv`], or [`GpError::Malformed`] where an entry is too short or its KVN cannot be one. The extended
/// format (FF in place of a type) is read as far as its first component.
pub fn parse_key_information(template: &[u8]) -> Result<Vec<KeyInformation>, GpError> {
    let command = GetData::NAME;
    let mut keys = Vec::new();
    for item in Items::new(template) {
        let item = item.map_err(malformed(command))?;
        if !item.is(0xC0) {
            continue;
        }
        let (id, kvn, kind, len) = match *item.value {
            [id, kvn, 0xFF, kind, _, len, ..] | [id, kvn, kind @ 0..=0xFE, len, ..] => (id, kvn, kind, len),
            _ => return Err(GpError::Malformed { command, what: "a key information entry is too short" }),
        };
        let kvn =
            Kvn::on_card(kvn).map_err(|_| GpError::Malformed { command, what: "a key version number cannot be" })?;
        keys.push(KeyInformation { id, kvn, kind, len });
    }
    Ok(keys)
}

/// A secure channel protocol that a card announces (64 in its card recognition data).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Protocol {
    /// 02, 03, ...
    pub scp: u8,
    /// Its "i" parameter.
    pub i: u8,
}

/// {iso(1) member-body(2) country-USA(840) globalPlatform(114283) 4}: what stands before protocol and "i" (CS H.2).
const SCP_OID: [u8; 7] = [0x2A, 0x86, 0x48, 0x86, 0xFC, 0x6B, 0x04];

/// The protocols in card data (the value of 66): each 64 within 73 holds an object identifier. What is malformed is
/// passed over: a card describes itself here, and nothing rests on it.
#[must_use]
pub fn protocols(card_data: &[u8]) -> Vec<Protocol> {
    let recognition = tlv::find(card_data, 0x73).unwrap_or_default();
    let announced = Items::new(recognition).flatten().filter(|item| item.is(0x64));
    let oids = announced.filter_map(|item| tlv::find(item.value, 0x06).ok());
    oids.filter_map(|oid| match *oid.strip_prefix(&SCP_OID)? {
        [scp, i] => Some(Protocol { scp, i }),
        // i of 80 and above takes two bytes in an object identifier.
        [scp, 0x81, i] => Some(Protocol { scp, i: 0x80 | i }),
        _ => None,
    })
    .collect()
}
