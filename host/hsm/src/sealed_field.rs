//! Fields of personalisation data that only the job's key opens: AES-256-GCM, each bound to its job, its card and its DGI.
//!
//! ```text
//! nonce 12 | ciphertext | tag 16
//! ```
//!
//! Associated data are four lines: `cardwright-job-data-1`, the job's name, the card's identity, the DGI in hex (4 digits,
//! upper case); each ends with a line feed. A row that names no card has `row N` in its place, from 1.

use crate::random::NoRandomness;
use aes_gcm::Aes256Gcm;
use aes_gcm::aead::{AeadInOut, KeyInit};
use cardwright_keys::journal::CardId;
use cardwright_keys::key::{KeyMaterial, SecretKey};
use cardwright_keys::keyref::Name;
use std::fmt;
use zeroize::Zeroizing;

/// Bytes of a GCM nonce.
pub const NONCE_LEN: usize = 12;

/// Bytes of a GCM tag.
pub const TAG_LEN: usize = 16;

/// Whose data a field is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Owner<'a> {
    /// That card's.
    Card(&'a CardId),
    /// In a file that names no cards: its row, from 1.
    Row(u64),
}

impl fmt::Display for Owner<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Card(card) => write!(f, "{card}"),
            Self::Row(row) => write!(f, "row {row}"),
        }
    }
}

/// Where a field belongs, and opens nowhere else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FieldPlace<'a> {
    /// The job.
    pub job: &'a Name,
    /// Whose it is.
    pub owner: Owner<'a>,
    /// The data grouping.
    pub dgi: u16,
}

impl FieldPlace<'_> {
    fn associated(&self) -> Vec<u8> {
        let Self { job, owner, dgi } = self;
        format!("cardwright-job-data-1\n{job}\n{owner}\n{dgi:04X}\n").into_bytes()
    }
}

/// Why a field was not sealed or opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FieldError {
    /// Another key than AES-256, or three of them.
    #[error("sealed fields are under one AES key of 256 bits, and the job's is another")]
    Key,
    /// The tag is not the right one.
    #[error("DGI {dgi:04X} of {owner} does not open: it was changed, or sealed for another place or with another key")]
    Tag {
        /// Whose field it is.
        owner: String,
        /// The data grouping.
        dgi: u16,
    },
    /// More than GCM takes: 64 GiB.
    #[error("DGI {dgi:04X} of {owner} is too long to be sealed")]
    TooLong {
        /// Whose field it is.
        owner: String,
        /// The data grouping.
        dgi: u16,
    },
    /// No nonce.
    #[error(transparent)]
    Randomness(#[from] NoRandomness),
}

/// Seals a value: nonce, ciphertext, tag.
///
/// # Errors
/// [`FieldError`]
pub fn seal(key: &KeyMaterial, place: &FieldPlace<'_>, value: &[u8]) -> Result<Vec<u8>, FieldError> {
    let cipher = cipher(key)?;
    let mut nonce = [0; NONCE_LEN];
    getrandom::fill(&mut nonce).map_err(NoRandomness::from)?;
    // All the room at once: a buffer that grows leaves copies of the value.
    let mut sealed = Zeroizing::new(Vec::with_capacity(NONCE_LEN + value.len() + TAG_LEN));
    sealed.extend_from_slice(&nonce);
    sealed.extend_from_slice(value);
    let text = &mut sealed[NONCE_LEN..];
    let tag = cipher.encrypt_inout_detached((&nonce).into(), &place.associated(), text.into());
    let tag = tag.map_err(|_| FieldError::TooLong { owner: place.owner.to_string(), dgi: place.dgi })?;
    sealed.extend_from_slice(&tag);
    Ok(std::mem::take(&mut *sealed))
}

/// Opens what stands behind a nonce: ciphertext and tag.
///
/// # Errors
/// [`FieldError`]
pub fn open(
    key: &KeyMaterial,
    place: &FieldPlace<'_>,
    nonce: &[u8; NONCE_LEN],
    sealed: &[u8],
) -> Result<Zeroizing<Vec<u8>>, FieldError> {
    let cipher = cipher(key)?;
    let wrong = || FieldError::Tag { owner: place.owner.to_string(), dgi: place.dgi };
    let (text, tag) = sealed.split_last_chunk::<TAG_LEN>().ok_or_else(wrong)?;
    let mut text = Zeroizing::new(text.to_vec());
    let opened =
        cipher.decrypt_inout_detached(nonce.into(), &place.associated(), text.as_mut_slice().into(), tag.into());
    opened.map(|()| text).map_err(|_| wrong())
}

fn cipher(key: &KeyMaterial) -> Result<Aes256Gcm, FieldError> {
    let KeyMaterial::One(key) = key else { return Err(FieldError::Key) };
    Aes256Gcm::new_from_slice(SecretKey::expose(key)).map_err(|_| FieldError::Key)
}

#[cfg(test)]
mod tests {
    use super::*;
    use cardwright_proto::gp::key::KeySet;
    use proptest::prelude::{any, proptest};
    use proptest::{collection::vec, prop_assert, prop_assert_eq, sample};

    fn key(byte: u8, len: usize) -> KeyMaterial {
        KeyMaterial::One(SecretKey::new(&vec![byte; len]).unwrap())
    }

    fn name(text: &str) -> Name {
        text.parse().unwrap()
    }

    fn card(last: u8) -> CardId {
        CardId::new(&[0, 1, 2, 3, 4, 5, 6, 7, 8, last], None)
    }

    fn opened(
        key: &KeyMaterial,
        (job, owner, dgi): (&str, Owner<'_>, u16),
        sealed: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, FieldError> {
        let (nonce, sealed) = sealed.split_first_chunk().unwrap();
        open(key, &FieldPlace { job: &name(job), owner, dgi }, nonce, sealed)
    }

    /// Other programs seal, too: made with pyca/cryptography's AESGCM.
    #[test]
    fn these_are_the_bytes() {
        let card = card(9);
        let place = FieldPlace { job: &name("acme-2026-11"), owner: Owner::Card(&card), dgi: 0x820A };
        assert_eq!(place.associated(), b"cardwright-job-data-1\nacme-2026-11\n00010203040506070809\n820A\n");
        let place = FieldPlace { owner: Owner::Row(17), ..place };
        assert_eq!(place.associated(), b"cardwright-job-data-1\nacme-2026-11\nrow 17\n820A\n");
        let sealed = hex::decode(KNOWN).unwrap();
        let open = opened(&key(0x42, 32), ("acme-2026-11", Owner::Card(&card), 0x820A), &sealed).unwrap();
        assert_eq!(*open, b"a PIN block");
    }

    const KNOWN: &str = "a0a1a2a3a4a5a6a7a8a9aaabcc133f5b6a15ac1ada56e1654369a674321d37f0061e878622a1ba";

    #[test]
    fn opens_in_its_own_place_alone() {
        let (own, other) = (card(1), card(2));
        let place = FieldPlace { job: &name("a"), owner: Owner::Card(&own), dgi: 0x0101 };
        let sealed = seal(&key(1, 32), &place, b"secret").unwrap();
        assert_eq!(*opened(&key(1, 32), ("a", Owner::Card(&own), 0x0101), &sealed).unwrap(), b"secret");
        for (key, place) in [
            (key(2, 32), ("a", Owner::Card(&own), 0x0101)),
            (key(1, 32), ("b", Owner::Card(&own), 0x0101)),
            (key(1, 32), ("a", Owner::Card(&other), 0x0101)),
            (key(1, 32), ("a", Owner::Row(1), 0x0101)),
            (key(1, 32), ("a", Owner::Card(&own), 0x0102)),
        ] {
            let error = opened(&key, place, &sealed).unwrap_err();
            assert!(matches!(error, FieldError::Tag { .. }), "{place:?}");
        }
        for at in 0..sealed.len() {
            let mut bad = sealed.clone();
            bad[at] ^= 1;
            assert!(opened(&key(1, 32), ("a", Owner::Card(&own), 0x0101), &bad).is_err(), "byte {at}");
            if at >= NONCE_LEN {
                assert!(opened(&key(1, 32), ("a", Owner::Card(&own), 0x0101), &sealed[..at]).is_err(), "cut at {at}");
            }
        }
    }

    #[test]
    fn under_aes_256_alone() {
        let own = card(1);
        let place = FieldPlace { job: &name("a"), owner: Owner::Card(&own), dgi: 1 };
        let one = || SecretKey::new(&[1; 32]).unwrap();
        let set = KeyMaterial::Set(KeySet { enc: one(), mac: one(), dek: one() });
        for key in [key(1, 16), key(1, 24), set] {
            assert!(matches!(seal(&key, &place, b"x"), Err(FieldError::Key)));
            assert!(matches!(open(&key, &place, &[0; NONCE_LEN], &[0; 40]), Err(FieldError::Key)));
        }
    }

    proptest! {
        #[test]
        fn any_value_comes_back(value in vec(any::<u8>(), 0..200), dgi in any::<u16>(), flip in any::<sample::Index>()) {
            let own = card(3);
            let place = FieldPlace { job: &name("a"), owner: Owner::Card(&own), dgi };
            let mut sealed = seal(&key(7, 32), &place, &value).unwrap();
            prop_assert_eq!(sealed.len(), NONCE_LEN + value.len() + TAG_LEN);
            prop_assert!(sealed != seal(&key(7, 32), &place, &value).unwrap(), "no nonce twice");
            let open = opened(&key(7, 32), ("a", Owner::Card(&own), dgi), &sealed).unwrap();
            prop_assert_eq!(&*open, &value);
            let bit = flip.index(8 * sealed.len());
            sealed[bit / 8] ^= 1 << (bit % 8);
            prop_assert!(opened(&key(7, 32), ("a", Owner::Card(&own), dgi), &sealed).is_err());
        }
    }
}
