//! COMMIT CONTRIBUTION, MAKE OFFER, REVEAL CONTRIBUTION.

use super::Call;
use super::checks::{require, signed};
use super::crypto::point;
use super::model::{Contribution, Hand, Offer, Party};
use crate::virtual_card::Stop;
use cardwright_keys::custody::secret;
use cardwright_keys::custody::signing::PublicKey;
use cardwright_proto::custody::manifest::{Operation, Place};
use cardwright_proto::custody::message::Fields;
use cardwright_proto::status::StatusWord;
use zeroize::Zeroizing;

impl Call<'_> {
    /// COMMIT CONTRIBUTION.
    pub(super) fn commit_contribution(&mut self) -> Result<StatusWord, Stop> {
        self.at_level_33()?;
        self.p1p2_zero()?;
        let (hand, x) = self.hand_as_custodian(&[Operation::Deal])?;
        require(!matches!(self.ceremony.contribution, Contribution::Gone), StatusWord::CONDITIONS)?;
        self.length(0..=32)?;
        if matches!(self.ceremony.contribution, Contribution::None) {
            let mut random = Zeroizing::new([0; 32]);
            self.random.fill(&mut *random)?;
            self.ceremony.contribution =
                Contribution::Made(Zeroizing::new(*secret::Contribution::mix(&random, self.data()).expose()));
            self.save_ceremony()?;
        }
        let Contribution::Made(r) = &self.ceremony.contribution else { return Err(StatusWord::CONDITIONS.into()) };
        let commitment = secret::Contribution::new(r).commit(&hand.hash, x);
        self.out.extend_from_slice(&commitment);
        self.answer_signed(Fields::Committed { commitment })
    }

    /// MAKE OFFER.
    pub(super) fn make_offer(&mut self) -> Result<StatusWord, Stop> {
        self.at_level_33()?;
        self.p1p2_zero()?;
        let hand = self.hand()?;
        let receives = hand.manifest.operation == Operation::Deal || hand.place == Place::Combiner;
        require(receives && !matches!(self.ceremony.offer, Offer::Used), StatusWord::CONDITIONS)?;
        self.no_data()?;
        if matches!(self.ceremony.offer, Offer::None) {
            self.ceremony.offer = Offer::There(self.new_pair()?);
            self.save_ceremony()?;
        }
        let point = self.offer()?.point;
        self.out.extend_from_slice(&point);
        self.answer_signed(Fields::Offer { point })
    }

    /// REVEAL CONTRIBUTION.
    pub(super) fn reveal_contribution(&mut self) -> Result<StatusWord, Stop> {
        self.at_level_33()?;
        self.p1p2_zero()?;
        let (hand, x) = self.hand_as_custodian(&[Operation::Deal])?;
        let Contribution::Made(r) = &self.ceremony.contribution else { return Err(StatusWord::CONDITIONS.into()) };
        let contribution = secret::Contribution::new(r);
        let dealer = self.party(Place::Dealer)?;
        self.length(signed(65))?;
        let to = self.offered(&hand, &dealer)?;
        let route = self.route_to(dealer.hash, &hand, x)?;
        let sealed = route.contribute(&contribution, &to, |bytes| self.random.fill(bytes))?;
        self.out.extend_from_slice(&sealed.to_bytes());
        Ok(StatusWord::OK)
    }

    /// Q and the signature of an offer in the data: 6601, and 6A80 where Q is no point.
    pub(super) fn offered(&self, hand: &Hand, from: &Party) -> Result<PublicKey, Stop> {
        let (offered, signature) = self.data().split_first_chunk().ok_or(StatusWord::WRONG_LENGTH)?;
        from.check(hand, Fields::Offer { point: *offered }, signature)?;
        point(offered)
    }
}
