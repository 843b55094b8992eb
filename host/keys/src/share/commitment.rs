//! Commitments to shares (`docs/protocol/custody-objects.md`): a bad share is named before anything is joined.

use super::{JoinError, Share};
use cardwright_proto::custody::tag::Kind;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

/// What a commitment binds a share to: its set and generation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Binding {
    /// The set's id.
    pub set: [u8; 16],
    /// The set's generation.
    pub generation: u32,
}

impl Binding {
    /// c(x) = SHA-256(T(0A) | set id 16 | generation 4, big-endian | x 1 | salt 16 | y), y as long as the key.
    ///
    /// The salt is secret: without it, a guessed share could be confirmed.
    #[must_use]
    pub fn commit(&self, share: &Share, salt: &[u8; 16]) -> [u8; 32] {
        let mut hash = Sha256::new();
        hash.update(Kind::Share.tag());
        hash.update(self.set);
        hash.update(self.generation.to_be_bytes());
        hash.update([share.x()]);
        hash.update(salt);
        hash.update(share.y());
        hash.finalize().into()
    }

    /// Whether a share is the one that was committed to, found out in the same time wherever it differs.
    ///
    /// # Errors
    /// [`JoinError::Commitment`]
    pub fn check(&self, share: &Share, salt: &[u8; 16], commitment: &[u8; 32]) -> Result<(), JoinError> {
        let same = self.commit(share, salt).ct_eq(commitment);
        if bool::from(same) { Ok(()) } else { Err(JoinError::Commitment { x: share.x() }) }
    }
}
