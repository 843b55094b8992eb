//! Boxes sealed and opened: ECDH, the one-step KDF of NIST SP 800-56C, AES-256-CBC, then AES-256-CMAC.
//!
//! Each box has a key pair of its own, so that its keys serve once, and the IV is zeros.

use super::hash::sha256;
use super::secret::Contribution;
use super::signing::{KeyPair, PublicKey};
use crate::key::SecretKey;
use crate::share::{Binding, Share};
use cardwright_proto::block::{AesKey, CmacKey, KeyLength};
use cardwright_proto::custody::sealed::{BoxKind, MAX_CONTENT, SealedBox};
use cardwright_proto::custody::{Hash, Point};
use cardwright_proto::status::StatusWord;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

/// What a box is bound to, beside its kind: whoever opens it has to have the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Route {
    /// M, the manifest's hash.
    pub manifest: Hash,
    /// The custodian's x; 0 in a box to an HSM.
    pub x: u8,
    /// The sender's certificate hash.
    pub sender: Hash,
    /// The recipient's certificate hash.
    pub recipient: Hash,
}

/// What a share in a box is checked against.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Expected {
    /// Set and generation.
    pub binding: Binding,
    /// c(x).
    pub commitment: Hash,
    /// Bytes of the key: 16, 24 or 32.
    pub key_length: u8,
}

/// Why a box is not opened, in the order of the checks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    /// 6A80: E is no point.
    #[error("the box has no point")]
    Point,
    /// 6607: it was changed, or is for another card, index, manifest or offer.
    #[error("the box was changed, or is for another card, index, manifest or offer")]
    Tag,
    /// 6608: what is in it does not fit its commitment.
    #[error("what is in the box does not fit its commitment")]
    Content,
}

impl OpenError {
    /// A card's answer to such a box.
    #[must_use]
    pub const fn status(self) -> StatusWord {
        match self {
            Self::Point => StatusWord::WRONG_DATA,
            Self::Tag => StatusWord::BOX_TAG,
            Self::Content => StatusWord::BOX_CONTENT,
        }
    }
}

/// A content, with zeros behind it; on the heap, so that moving it leaves no copy behind.
type Content = Box<Zeroizing<[u8; MAX_CONTENT]>>;

/// A share's y, at most as long as the longest key: zeros behind it up to here, then the salt.
const Y: usize = 32;

impl Route {
    /// Seals a share to a custodian, kind 0B, with the salt of its commitment.
    ///
    /// # Errors
    /// Those of `fill`, which [`KeyPair::generate`] is given.
    pub fn deal<E>(
        &self,
        share: &Share,
        salt: &[u8; 16],
        to: &PublicKey,
        fill: impl FnMut(&mut [u8]) -> Result<(), E>,
    ) -> Result<SealedBox, E> {
        self.seal(BoxKind::Share, &salted(share, salt), to, fill)
    }

    /// Seals a share to a combiner, kind 0D.
    ///
    /// # Errors
    /// As [`Self::deal`].
    pub fn release<E>(
        &self,
        share: &Share,
        salt: &[u8; 16],
        to: &PublicKey,
        fill: impl FnMut(&mut [u8]) -> Result<(), E>,
    ) -> Result<SealedBox, E> {
        self.seal(BoxKind::Release, &salted(share, salt), to, fill)
    }

    /// Seals a contribution to the dealer, kind 0C.
    ///
    /// # Errors
    /// As [`Self::deal`].
    pub fn contribute<E>(
        &self,
        contribution: &Contribution,
        to: &PublicKey,
        fill: impl FnMut(&mut [u8]) -> Result<(), E>,
    ) -> Result<SealedBox, E> {
        self.seal(BoxKind::Contribution, &padded(contribution.expose()), to, fill)
    }

    /// Seals a secret to an HSM, kind 0E.
    ///
    /// # Errors
    /// As [`Self::deal`].
    pub fn export<E>(
        &self,
        secret: &SecretKey,
        to: &PublicKey,
        fill: impl FnMut(&mut [u8]) -> Result<(), E>,
    ) -> Result<SealedBox, E> {
        self.seal(BoxKind::Export, &padded(secret.expose()), to, fill)
    }

    /// Opens a box of kind 0B or 0D: the share, and the salt of its commitment.
    ///
    /// # Errors
    /// [`OpenError`], `Content` also for zeros behind the share that are none.
    pub fn open_share(
        &self,
        sealed: &SealedBox,
        key: &KeyPair,
        expected: &Expected,
    ) -> Result<(Share, Zeroizing<[u8; 16]>), OpenError> {
        let content = self.open(sealed, key, &[BoxKind::Share, BoxKind::Release])?;
        let (y, salt) = content.split_at(Y);
        let mut kept = Zeroizing::new([0; 16]);
        kept.copy_from_slice(salt);
        let share = Share::new(self.x, unpadded(y, expected.key_length)?);
        let Expected { binding, commitment, .. } = expected;
        binding.check(&share, &kept, commitment).map_err(|_| OpenError::Content)?;
        Ok((share, kept))
    }

    /// Opens a box of kind 0C.
    ///
    /// # Errors
    /// [`OpenError`]
    pub fn open_contribution(
        &self,
        sealed: &SealedBox,
        key: &KeyPair,
        commitment: &Hash,
    ) -> Result<Contribution, OpenError> {
        let content = self.open(sealed, key, &[BoxKind::Contribution])?;
        let r = content.first_chunk().ok_or(OpenError::Content)?;
        let contribution = Contribution::new(r);
        if contribution.fits(&self.manifest, self.x, commitment) { Ok(contribution) } else { Err(OpenError::Content) }
    }

    /// Opens a box of kind 0E. The check value is the caller's to compare.
    ///
    /// # Errors
    /// [`OpenError`], `Content` for zeros behind the secret that are none, and for a length that no key has.
    pub fn open_secret(&self, sealed: &SealedBox, key: &KeyPair, key_length: u8) -> Result<SecretKey, OpenError> {
        let content = self.open(sealed, key, &[BoxKind::Export])?;
        let secret = unpadded(&content[..Y], key_length)?;
        SecretKey::new(secret).map_err(|KeyLength(_)| OpenError::Content)
    }

    fn seal<E>(
        &self,
        kind: BoxKind,
        content: &Content,
        to: &PublicKey,
        fill: impl FnMut(&mut [u8]) -> Result<(), E>,
    ) -> Result<SealedBox, E> {
        let own = KeyPair::generate(fill)?;
        let point = own.point();
        let mut keys = self.keys(kind, &own.agree(to), &to.point(), &point);
        let mut sealed = content.clone();
        let used = &mut sealed[..kind.content_len()];
        keys.cipher.cbc_encrypt(&[0; 16], used);
        let tag = keys.mac.mac(&[used]);
        Ok(SealedBox::new(kind, point, **sealed, tag))
    }

    /// The content, once point and tag are right. A box of another kind has another tag, whoever it is for.
    fn open(&self, sealed: &SealedBox, key: &KeyPair, kinds: &[BoxKind]) -> Result<Content, OpenError> {
        let from = PublicKey::new(sealed.point()).map_err(|_| OpenError::Point)?;
        if !kinds.contains(&sealed.kind()) {
            return Err(OpenError::Tag);
        }
        let mut keys = self.keys(sealed.kind(), &key.agree(&from), &key.point(), sealed.point());
        if !bool::from(keys.mac.mac(&[sealed.content()]).ct_eq(sealed.tag())) {
            return Err(OpenError::Tag);
        }
        let mut content = padded(sealed.content());
        keys.cipher.cbc_decrypt(&[0; 16], &mut content[..sealed.kind().content_len()]);
        Ok(content)
    }

    /// K(1) and K(2): K(j) = SHA-256(j in 4 bytes | Z | info).
    fn keys(&self, kind: BoxKind, z: &[u8; 32], q: &Point, e: &Point) -> Keys {
        let Self { manifest, x, sender, recipient } = self;
        let info = sha256(&[&kind.kind().tag(), manifest, &[*x], sender, recipient, q, e]);
        let derived = |j: u32| Zeroizing::new(sha256(&[&j.to_be_bytes(), z, &info]));
        Keys { cipher: AesKey::of_256(&derived(1)), mac: CmacKey::of_256(&derived(2)) }
    }
}

/// The keys of one box.
struct Keys {
    cipher: AesKey,
    mac: CmacKey,
}

/// Zeros behind a content that is shorter.
fn padded(bytes: &[u8]) -> Content {
    let mut content = Content::new(Zeroizing::new([0; MAX_CONTENT]));
    content.iter_mut().zip(bytes).for_each(|(to, from)| *to = *from);
    content
}

/// y, zeros, salt.
fn salted(share: &Share, salt: &[u8; 16]) -> Content {
    let mut content = padded(share.y());
    content[Y..].copy_from_slice(salt);
    content
}

/// The start of a padded key, where the rest is zeros. How far it goes is public, what it is takes the same time.
fn unpadded(bytes: &[u8], len: u8) -> Result<&[u8], OpenError> {
    let (key, rest) = bytes.split_at_checked(len.into()).ok_or(OpenError::Content)?;
    let set = rest.iter().fold(0, |set, byte| set | byte);
    if bool::from(set.ct_eq(&0)) { Ok(key) } else { Err(OpenError::Content) }
}

#[cfg(test)]
mod tests;
