//! What stands where in a card's memory image. Numbers are big-endian.
//!
//! ```text
//!    0  magic 8, version 2, size 2
//!   12  identity: i 1, initial KVN 1, key length 1, tries 1, PUT KEY form 1, KDD 10, serial 4, zeros
//!   60  CRC-32 of bytes 0 to 59
//!   64  life cycle state of the card 1, zeros
//!  128  16 key sets of 112 bytes:
//!         KVN 1 (00: free), key length 1, tries left 1, zero, sequence counter 4 (upper byte 00), order 4,
//!         Key-ENC 32, Key-MAC 32, Key-DEK 32 (zeros behind shorter keys), zeros 4
//! 1920  custodian applet:
//!         identity 8, PIN length 1 (00: none), PIN 12, tries left 1,
//!         mode of the share 1 (00: none), zero, length of the object 2, object 512 (zeros behind shorter ones)
//! 2560  its enrolment 2048, and
//! 4608  its ceremony 5632: as `custodian::model` has them, field after field, zeros behind
//! 10240 personalisation data 1024: its length 2, data groupings as in STORE DATA, zeros behind
//! 11264 journal 10240
//! ```

use super::nvm::crc32;
use super::profile::Identity;
use crate::LinkError;
use cardwright_proto::scp::Options;
use std::ops::Range;

/// Bytes of the whole image.
pub(super) const SIZE: usize = 21_504;
/// The redo journal: room for all that the custodian applet keeps, which one transaction may change.
pub(super) const JOURNAL: Range<usize> = 11_264..SIZE;
/// Personalisation data.
pub(super) const PERSONAL: Range<usize> = 10_240..11_264;
/// The card's life cycle state (CS 5.1).
pub(super) const LIFE_CYCLE: usize = 64;
/// The first key set.
pub(super) const SETS: usize = 128;
/// How many there can be.
pub(super) const SET_COUNT: usize = 16;
/// Bytes of each.
pub(super) const SET_LEN: usize = 112;

/// What the custodian applet keeps.
pub(super) const CUSTODIAN: usize = SETS + SET_COUNT * SET_LEN;

const MAGIC: [u8; 8] = *b"CWRTCARD";
const VERSION: [u8; 2] = [0, 4];
const IDENTITY: usize = 12;
const CHECKSUM: usize = 60;

/// Offsets in a key set.
pub(super) mod set {
    pub(crate) const KVN: usize = 0;
    pub(crate) const KEY_LEN: usize = 1;
    pub(crate) const TRIES: usize = 2;
    pub(crate) const COUNTER: usize = 4;
    pub(crate) const ORDER: usize = 8;
    pub(crate) const KEYS: usize = 12;
    pub(crate) const KEY_ROOM: usize = 32;
}

/// Offsets in what the custodian applet keeps.
pub(super) mod custodian {
    use std::ops::Range;

    pub(crate) const IDENTITY: usize = 0;
    pub(crate) const PIN: usize = 8;
    pub(crate) const TRIES: usize = 21;
    pub(crate) const SHARE: usize = 22;
    pub(crate) const ENROLMENT: Range<usize> = 640..2688;
    pub(crate) const CEREMONY: Range<usize> = 2688..8320;
}

/// The bytes of a new card, without key sets.
pub(super) fn blank(identity: &Identity) -> Vec<u8> {
    let mut image = vec![0; SIZE];
    image[..8].copy_from_slice(&MAGIC);
    image[8..10].copy_from_slice(&VERSION);
    let [.., high, low] = SIZE.to_be_bytes();
    image[10..12].copy_from_slice(&[high, low]);
    let Identity { options, kvn, key_len, tries, bare, kdd, serial } = *identity;
    image[IDENTITY..][..5].copy_from_slice(&[options.byte(), kvn, key_len, tries, u8::from(bare)]);
    image[IDENTITY + 5..][..10].copy_from_slice(&kdd);
    image[IDENTITY + 15..][..4].copy_from_slice(&serial);
    let checksum = crc32(&image[..CHECKSUM]);
    image[CHECKSUM..][..4].copy_from_slice(&checksum.to_be_bytes());
    image
}

/// Checks size, magic, version and checksum, and reads the identity.
pub(super) fn read(image: &[u8]) -> Result<Identity, LinkError> {
    let wrong = |what: String| Err(LinkError::CardState(what));
    // The version first: an image of another one has another size.
    let (Some(&MAGIC), Some(&[major, minor])) = (image.first_chunk(), image.get(8..).and_then(<[u8]>::first_chunk))
    else {
        return wrong("this file is no card image".to_owned());
    };
    if matches!([major, minor], [0, 1..=3]) {
        return wrong(format!(
            "an earlier cardwright made it (image version {major:02X}{minor:02X}, now {}): make a new card",
            hex::encode(VERSION)
        ));
    }
    if [major, minor] != VERSION {
        return wrong(format!("image version {major:02X}{minor:02X} is not known, {} is", hex::encode(VERSION)));
    }
    if image.len() != SIZE {
        return wrong(format!("{} bytes, an image has {SIZE}", image.len()));
    }
    if image[CHECKSUM..][..4] != crc32(&image[..CHECKSUM]).to_be_bytes() {
        return wrong("the checksum of its header is wrong".to_owned());
    }
    let field = &image[IDENTITY..CHECKSUM];
    let options = Options::new(field[0]).map_err(|error| LinkError::CardState(error.to_string()))?;
    let (mut kdd, mut serial) = ([0; 10], [0; 4]);
    kdd.copy_from_slice(&field[5..15]);
    serial.copy_from_slice(&field[15..19]);
    Ok(Identity { options, kvn: field[1], key_len: field[2], tries: field[3], bare: field[4] != 0, kdd, serial })
}
