//! A card's static keys, each a type of its own: what a key is not for, it cannot be used for.
//!
//! Key-ENC, Key-MAC and Key-DEK offer what AmdD has them do, and no bytes. A MAC key does not encrypt, because it has no
//! such method; [`StaticKeys`] holds one of each, and takes no other in its place.

use super::{Algorithm, SecretKey};
use cardwright_proto::block::{AesKey, CmacKey, KeyLength};
use cardwright_proto::gp::key::{Kcv, KeySet};
use cardwright_proto::gp::put_key::{BlockForm, KeyBlock};
use cardwright_proto::scp::kdf::{self, Context};
use cardwright_proto::scp::{Mode, SoftCipher, Token};
use zeroize::Zeroizing;

macro_rules! purpose {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, PartialEq, Eq)]
        pub struct $name(SecretKey);

        impl $name {
            /// Gives the key this purpose. There is no way back.
            #[must_use]
            pub const fn new(key: SecretKey) -> Self {
                Self(key)
            }

            /// Bytes in the key: 16, 24 or 32.
            #[must_use]
            pub fn key_len(&self) -> usize {
                self.0.key_len()
            }

            /// Its AES check value (CS B.5).
            ///
            /// # Errors
            /// [`KeyLength`]
            pub fn kcv(&self) -> Result<Kcv, KeyLength> {
                self.0.kcv(Algorithm::Aes)
            }
        }
    };
}

purpose! {
    /// Key-ENC: session keys for encryption come from it, and a card's pseudo-random challenge.
    EncKey
}

purpose! {
    /// Key-MAC: session keys for MACs come from it, and nothing else does.
    MacKey
}

purpose! {
    /// Key-DEK: it wraps new keys, and nothing else.
    DekKey
}

impl EncKey {
    /// S-ENC (AmdD 6.2.1), as long as this key.
    ///
    /// # Errors
    /// [`KeyLength`]
    pub fn s_enc(&self, context: &Context) -> Result<AesKey, KeyLength> {
        kdf::session_enc(self.0.expose(), context)
    }

    /// The pseudo-random card challenge (AmdD 6.2.2.1) for this sequence counter and the AID of the application that called
    /// `SecureChannel`.
    ///
    /// # Errors
    /// [`KeyLength`]
    pub fn card_challenge(&self, counter: u32, aid: &[u8], mode: Mode) -> Result<Token, KeyLength> {
        Ok(kdf::card_challenge(&mut CmacKey::new(self.0.expose())?, counter, aid, mode))
    }
}

impl MacKey {
    /// S-MAC and S-RMAC (AmdD 6.2.1), as long as this key.
    ///
    /// # Errors
    /// [`KeyLength`]
    pub fn s_macs(&self, context: &Context) -> Result<(CmacKey, CmacKey), KeyLength> {
        kdf::session_macs(self.0.expose(), context)
    }
}

/// Why new keys were not wrapped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WrapError {
    /// A new key is stronger than the key that would wrap it.
    #[error("a new key has {new} bytes and the card's DEK {dek}: a key is never wrapped under a weaker one")]
    Weaker {
        /// Bytes of the new key.
        new: usize,
        /// Bytes of the card's present Key-DEK.
        dek: usize,
    },
    /// A key is none of AES's.
    #[error(transparent)]
    Length(#[from] KeyLength),
}

impl DekKey {
    /// The three blocks of PUT KEY, each key of the new set under this one: AES-CBC, IV zero, 24 bytes filled up to 32 with
    /// zeros (AmdD 7.2).
    ///
    /// # Errors
    /// [`WrapError`]
    pub fn wrap(&self, new: &StaticKeys, form: BlockForm) -> Result<KeySet<KeyBlock>, WrapError> {
        let dek = self.key_len();
        let new = new.secrets();
        if let Some(new) = new.iter().map(|key| key.key_len()).find(|new| *new > dek) {
            return Err(WrapError::Weaker { new, dek });
        }
        let cipher = AesKey::new(self.0.expose())?;
        new.try_map(|key| {
            let mut block = Zeroizing::new([0; 32]);
            let (clear, _) = block.split_at_mut(key.key_len().next_multiple_of(16));
            clear[..key.key_len()].copy_from_slice(key.expose());
            cipher.cbc_encrypt(&[0; 16], clear);
            let [.., len] = key.key_len().to_be_bytes();
            Ok(KeyBlock::new(form, len, clear, key.kcv(Algorithm::Aes)?))
        })
    }
}

/// A card's static keys.
#[derive(Debug)]
pub struct StaticKeys {
    /// Key-ENC, identifier 1.
    pub enc: EncKey,
    /// Key-MAC, identifier 2.
    pub mac: MacKey,
    /// Key-DEK, identifier 3.
    pub dek: DekKey,
}

impl PartialEq for StaticKeys {
    /// In the same time whichever of them differ.
    fn eq(&self, other: &Self) -> bool {
        (self.enc == other.enc) & (self.mac == other.mac) & (self.dek == other.dek)
    }
}

impl Eq for StaticKeys {}

impl From<KeySet<SecretKey>> for StaticKeys {
    fn from(set: KeySet<SecretKey>) -> Self {
        Self { enc: EncKey(set.enc), mac: MacKey(set.mac), dek: DekKey(set.dek) }
    }
}

impl StaticKeys {
    /// Bytes in each key: 16, 24 or 32.
    #[must_use]
    pub fn key_len(&self) -> usize {
        self.dek.key_len()
    }

    /// Their AES check values.
    ///
    /// # Errors
    /// [`KeyLength`]
    pub fn kcvs(&self) -> Result<KeySet<Kcv>, KeyLength> {
        self.secrets().try_map(|key| key.kcv(Algorithm::Aes))
    }

    /// The session keys over a context (AmdD 6.2.1).
    ///
    /// # Errors
    /// [`KeyLength`], also where Key-ENC is not as long as Key-MAC: a set has keys of one length (AmdD 5.1).
    pub fn session(&self, context: &Context) -> Result<SoftCipher, KeyLength> {
        SoftCipher::derive(self.enc.0.expose(), self.mac.0.expose(), context)
    }

    /// The keys without their types, for whoever hands them to a token. Every use is a place where a purpose can get lost.
    #[must_use]
    pub const fn secrets(&self) -> KeySet<&SecretKey> {
        KeySet { enc: &self.enc.0, mac: &self.mac.0, dek: &self.dek.0 }
    }
}

#[cfg(test)]
mod tests;
