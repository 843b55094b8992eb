//! Signatures and boxes in the card's words.

use super::Call;
use super::checks::require;
use super::model::{Hand, Pair, Party};
use crate::virtual_card::Stop;
use cardwright_keys::custody::hash;
use cardwright_keys::custody::sealing::{Expected, OpenError, Route};
use cardwright_keys::custody::signing::{KeyPair, PublicKey, verify};
use cardwright_keys::key::SecretKey;
use cardwright_keys::share::{Binding, Share};
use cardwright_proto::custody::certificate::CertifiedKey;
use cardwright_proto::custody::message::{Fields, Message, Statement};
use cardwright_proto::custody::sealed::{BoxKind, SealedBox};
use cardwright_proto::custody::share::KeyType;
use cardwright_proto::custody::{Hash, Point};
use cardwright_proto::gp::key::Kcv;
use cardwright_proto::status::StatusWord;
use zeroize::Zeroizing;

/// Something that no memory of this card has in it.
pub(super) const BROKEN: StatusWord = StatusWord(0x6400);

impl Pair {
    /// Ready for use.
    pub(super) fn key(&self) -> Result<KeyPair, Stop> {
        Ok(KeyPair::new(&self.secret).map_err(|_| BROKEN)?)
    }
}

/// "Point" in a list: 6A80.
pub(super) fn point(bytes: &Point) -> Result<PublicKey, Stop> {
    Ok(PublicKey::new(bytes).map_err(|_| StatusWord::WRONG_DATA)?)
}

/// A box of a kind, which no other length is: 6700.
pub(super) fn sealed(kind: BoxKind, bytes: &[u8]) -> Result<SealedBox, Stop> {
    Ok(SealedBox::parse(kind, bytes).map_err(|_| StatusWord::WRONG_LENGTH)?)
}

/// The card's answer to a box that it does not open: 6A80, 6607, 6608.
pub(super) fn unopened(error: OpenError) -> Stop {
    error.status().into()
}

/// A key's check value.
pub(super) fn kcv(secret: &SecretKey, key_type: KeyType) -> Result<Kcv, Stop> {
    Ok(secret.kcv(key_type.into()).map_err(|_| BROKEN)?)
}

/// What every share of a manifest is bound to.
pub(super) const fn binding(hand: &Hand) -> Binding {
    Binding { set: hand.manifest.set, generation: hand.manifest.generation }
}

/// What a statement says about the share at `x`: 6608 where it says nothing.
pub(super) fn expected(hand: &Hand, x: u8, statement: &Statement) -> Result<Expected, Stop> {
    let commitment = usize::from(x).checked_sub(1).and_then(|at| statement.shares.get(at));
    let commitment = *commitment.ok_or(StatusWord::BOX_CONTENT)?;
    Ok(Expected { binding: binding(hand), commitment, key_length: hand.manifest.key_length })
}

/// A share's value with zeros behind it, as it is kept.
pub(super) fn padded(share: &Share) -> Result<Zeroizing<[u8; 32]>, Stop> {
    let mut y = Zeroizing::new([0; 32]);
    y.get_mut(..share.y().len()).ok_or(BROKEN)?.copy_from_slice(share.y());
    Ok(y)
}

/// Back from what is kept.
pub(super) fn unpadded(hand: &Hand, x: u8, y: &[u8; 32]) -> Result<Share, Stop> {
    Ok(Share::new(x, y.get(..usize::from(hand.manifest.key_length)).ok_or(BROKEN)?))
}

impl Call<'_> {
    /// A new key pair.
    pub(super) fn new_pair(&mut self) -> Result<Pair, Stop> {
        let key = KeyPair::generate(|bytes| self.random.fill(bytes))?;
        Ok(Pair { secret: key.expose(), point: key.point() })
    }

    /// The hash of the card's own certificate: 6985 without one.
    pub(super) fn own_hash(&self) -> Result<Hash, Stop> {
        let certificate = self.enrolment.certificate.as_ref().ok_or(StatusWord::CONDITIONS)?;
        Ok(hash::certificate(&certificate.body))
    }

    /// From this card, about the custodian `x`.
    pub(super) fn route_to(&self, recipient: Hash, hand: &Hand, x: u8) -> Result<Route, Stop> {
        Ok(Route { manifest: hand.hash, x, sender: self.own_hash()?, recipient })
    }

    /// To this card.
    pub(super) fn route_from(&self, sender: Hash, hand: &Hand, x: u8) -> Result<Route, Stop> {
        Ok(Route { manifest: hand.hash, x, sender, recipient: self.own_hash()? })
    }

    /// The answer ends with this card's signature over these bytes.
    pub(super) fn answer_signed_bytes(&mut self, bytes: &[u8]) -> Result<StatusWord, Stop> {
        let key = self.enrolment.key.as_ref().ok_or(StatusWord::CONDITIONS)?.key()?;
        self.out.extend_from_slice(&key.sign(bytes).to_der());
        Ok(StatusWord::OK)
    }

    /// The answer ends with this card's signature of a message under the manifest in hand.
    pub(super) fn answer_signed(&mut self, fields: Fields) -> Result<StatusWord, Stop> {
        let message = Message { manifest: self.hand()?.hash, signer: self.own_hash()?, fields };
        self.answer_signed_bytes(&message.to_bytes())
    }
}

impl Party {
    /// A party's signature of a message: 6601.
    pub(super) fn check(&self, hand: &Hand, fields: Fields, signature: &[u8]) -> Result<(), Stop> {
        self.check_bytes(&Message { manifest: hand.hash, signer: self.hash, fields }.to_bytes(), signature)
    }

    /// Its signature over bytes: 6601. An HSM signs nothing.
    pub(super) fn check_bytes(&self, bytes: &[u8], signature: &[u8]) -> Result<(), Stop> {
        let good = matches!(&self.key, CertifiedKey::P256(key) if verify(key, bytes, signature).is_ok());
        require(good, StatusWord::BAD_SIGNATURE)
    }
}
