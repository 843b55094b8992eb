//! BEGIN DEAL, ADMIT, TAKE CONTRIBUTION, DEAL BOX, STATE DEAL, CONFIRM, FORGET.

use super::Call;
use super::checks::{custodian, require, signed};
use super::crypto::{BROKEN, binding, kcv, padded, point, sealed, unopened, unpadded};
use super::model::{Admitted, Dealt, Hand, Offer};
use crate::virtual_card::Stop;
use cardwright_keys::custody::hash;
use cardwright_keys::custody::secret::Chain;
use cardwright_keys::share::{Quorum, split};
use cardwright_proto::custody::Hash;
use cardwright_proto::custody::get_ceremony::Phase;
use cardwright_proto::custody::manifest::{Operation, Place};
use cardwright_proto::custody::message::{Fields, Held, Outcome, Receipt, Statement};
use cardwright_proto::custody::sealed::BoxKind;
use cardwright_proto::custody::signature::{MAX_LEN, MIN_LEN};
use cardwright_proto::custody::subset::{Bitmap, Mask, Subsets};
use cardwright_proto::status::StatusWord;
use zeroize::Zeroizing;

impl Call<'_> {
    /// "As the dealer in deal."
    fn hand_as_dealer(&self) -> Result<Hand, Stop> {
        self.hand_as(Place::Dealer, &[Operation::Deal])
    }

    /// What of one custodian there is: `None` for an x above n, or without a deal.
    fn of(&mut self, x: u8) -> Option<&mut Admitted> {
        self.ceremony.deal.admitted.get_mut(usize::from(x).checked_sub(1)?)
    }

    /// BEGIN DEAL.
    pub(super) fn begin_deal(&mut self) -> Result<StatusWord, Stop> {
        self.at_level_33()?;
        self.p1p2_zero()?;
        let hand = self.hand_as_dealer()?;
        require(self.ceremony.deal.phase == Phase::None, StatusWord::CONDITIONS)?;
        self.offer()?;
        self.no_data()?;
        self.use_pin()?;
        let mut random = Zeroizing::new([0; 32]);
        self.random.fill(&mut *random)?;
        let deal = &mut self.ceremony.deal;
        (deal.phase, deal.next, deal.chain) =
            (Phase::Begun, 1, Some(Zeroizing::new(*Chain::start(&hand.hash, &random).expose())));
        deal.admitted = vec![Admitted::default(); usize::from(hand.manifest.n())];
        self.save_ceremony()
    }

    /// ADMIT.
    pub(super) fn admit(&mut self) -> Result<StatusWord, Stop> {
        self.at_level_33()?;
        let (p1, what) = self.p1p2();
        let x = custodian(p1)?;
        require((1..=3).contains(&what), StatusWord::WRONG_P1P2)?;
        let hand = self.hand_as_dealer()?;
        require(self.ceremony.deal.phase == Phase::Begun && x <= hand.manifest.n(), StatusWord::CONDITIONS)?;
        let party = self.party(Place::Custodian(x))?;
        let admitted = *self.of(x).ok_or(StatusWord::CONDITIONS)?;
        let (before, fields) = match what {
            1 => (admitted.approved, 4),
            2 => (admitted.commitment.is_some(), 32),
            _ => (admitted.offer.is_some(), 65),
        };
        require(!before, StatusWord::CONDITIONS)?;
        self.length(signed(fields))?;
        let (field, signature) = self.data().split_at(fields);
        let admitted = match what {
            1 => {
                let counter = field.iter().fold(0, |counter, byte| counter << 8 | u32::from(*byte));
                party.check(&hand, Fields::Approval { counter }, signature)?;
                Admitted { approved: true, ..admitted }
            }
            2 => {
                let commitment = Hash::try_from(field).map_err(|_| StatusWord::WRONG_LENGTH)?;
                party.check(&hand, Fields::Committed { commitment }, signature)?;
                Admitted { commitment: Some(commitment), ..admitted }
            }
            _ => Admitted { offer: Some(self.offered(&hand, &party)?.point()), ..admitted },
        };
        *self.of(x).ok_or(StatusWord::CONDITIONS)? = admitted;
        self.save_ceremony()
    }

    /// TAKE CONTRIBUTION.
    pub(super) fn take_contribution(&mut self) -> Result<StatusWord, Stop> {
        self.at_level_33()?;
        let (p1, p2) = self.p1p2();
        require(p2 == 0, StatusWord::WRONG_P1P2)?;
        let x = custodian(p1)?;
        let hand = self.hand_as_dealer()?;
        let deal = &self.ceremony.deal;
        let all = deal.admitted.iter().all(|it| it.approved && it.commitment.is_some() && it.offer.is_some());
        require(deal.phase == Phase::Begun && all, StatusWord::CONDITIONS)?;
        require(deal.next == x, StatusWord::WRONG_P1P2)?;
        let sealed = sealed(BoxKind::Contribution, self.data())?;
        let sender = self.party(Place::Custodian(x))?.hash;
        let (route, key) = (self.route_from(sender, &hand, x)?, self.offer()?.key()?);
        let commitment = self.of(x).and_then(|admitted| admitted.commitment).ok_or(BROKEN)?;
        let contribution = route.open_contribution(&sealed, &key, &commitment).map_err(unopened)?;
        let chain = Chain::new(self.ceremony.deal.chain.as_ref().ok_or(BROKEN)?).then(&contribution);
        self.ceremony.deal.next = x + 1;
        if x == hand.manifest.n() {
            self.split(&hand, &chain)?;
        } else {
            self.ceremony.deal.chain = Some(Zeroizing::new(*chain.expose()));
        }
        self.save_ceremony()
    }

    /// TAKE CONTRIBUTION, step 7 with x = n.
    fn split(&mut self, hand: &Hand, last: &Chain) -> Result<(), Stop> {
        let quorum = quorum(hand)?;
        let secret = last.secret(hand.manifest.key_length).map_err(|_| BROKEN)?;
        let kcv = kcv(&secret, hand.manifest.key_type)?;
        let shares = split(&secret, quorum, |random| self.random.fill(random))?;
        let mut dealt = Vec::with_capacity(shares.len());
        for share in &shares {
            let mut salt = Zeroizing::new([0; 16]);
            self.random.fill(&mut *salt)?;
            let commitment = binding(hand).commit(share, &salt);
            dealt.push(Dealt { y: padded(share)?, salt, commitment });
        }
        let deal = &mut self.ceremony.deal;
        (deal.phase, deal.chain, deal.shares, deal.kcv) = (Phase::Split, None, dealt, kcv);
        self.ceremony.offer = Offer::Used;
        Ok(())
    }

    /// DEAL BOX.
    pub(super) fn deal_box(&mut self) -> Result<StatusWord, Stop> {
        self.at_level_33()?;
        let (p1, p2) = self.p1p2();
        require(p2 == 0, StatusWord::WRONG_P1P2)?;
        let x = custodian(p1)?;
        let hand = self.hand_as_dealer()?;
        let at = usize::from(x) - 1;
        let (Phase::Split, Some(dealt)) = (self.ceremony.deal.phase, self.ceremony.deal.shares.get(at).cloned()) else {
            return Err(StatusWord::CONDITIONS.into());
        };
        self.no_data()?;
        let to = point(&self.of(x).and_then(|admitted| admitted.offer).ok_or(BROKEN)?)?;
        let recipient = *hand.manifest.party(Place::Custodian(x)).ok_or(BROKEN)?;
        let (route, share) = (self.route_to(recipient, &hand, x)?, unpadded(&hand, x, &dealt.y)?);
        let sealed = route.deal(&share, &dealt.salt, &to, |bytes| self.random.fill(bytes))?;
        self.of(x).ok_or(BROKEN)?.sealed = Some(hash::sealed(&sealed));
        self.save_ceremony()?;
        self.out.extend_from_slice(&sealed.to_bytes());
        self.out.extend_from_slice(&dealt.commitment);
        Ok(StatusWord::OK)
    }

    /// STATE DEAL.
    pub(super) fn state_deal(&mut self) -> Result<StatusWord, Stop> {
        self.at_level_33()?;
        self.p1p2_zero()?;
        let hand = self.hand_as_dealer()?;
        let deal = &self.ceremony.deal;
        require(matches!(deal.phase, Phase::Split | Phase::Stated), StatusWord::CONDITIONS)?;
        let boxes: Option<Vec<Hash>> = deal.admitted.iter().map(|admitted| admitted.sealed).collect();
        let boxes = hash::boxes(&boxes.ok_or(StatusWord::CONDITIONS)?);
        self.no_data()?;
        let (kcv, shares) = (deal.kcv, deal.shares.iter().map(|share| share.commitment).collect());
        let statement = Statement { manifest: hand.hash, dealer: self.own_hash()?, kcv, shares, boxes };
        if deal.phase == Phase::Split {
            (self.ceremony.deal.phase, self.ceremony.deal.stated) = (Phase::Stated, Some(hash::statement(&statement)));
            self.save_ceremony()?;
        }
        self.out.extend_from_slice(&kcv.0);
        self.answer_signed_bytes(&statement.to_bytes())
    }

    /// CONFIRM.
    pub(super) fn confirm(&mut self) -> Result<StatusWord, Stop> {
        self.at_level_33()?;
        let place = match self.p1p2() {
            (1, p2) => Place::Custodian(custodian(p2)?),
            (2, 0) => Place::Combiner,
            _ => return Err(StatusWord::WRONG_P1P2.into()),
        };
        let hand = self.hand_as_dealer()?;
        let (Phase::Stated, Some(statement)) = (self.ceremony.deal.phase, self.ceremony.deal.stated) else {
            return Err(StatusWord::CONDITIONS.into());
        };
        require(hand.manifest.party(place).is_some(), StatusWord::CONDITIONS)?;
        let party = self.party(place)?;
        let deal = &self.ceremony.deal;
        let new = match place {
            Place::Custodian(x) => {
                self.length(MIN_LEN..=MAX_LEN)?;
                let (set, generation) = (hand.manifest.set, hand.manifest.generation);
                let receipt = Receipt { set, generation, x, status: Held::Yes, statement };
                party.check(&hand, Fields::Receipt(receipt), self.data())?;
                !deal.receipts.has(place)
            }
            _ => {
                self.length(signed(32))?;
                let (bitmap, signature) = self.data().split_first_chunk().ok_or(StatusWord::WRONG_LENGTH)?;
                let bitmap = Bitmap(*bitmap);
                party.check(&hand, Fields::Verdict { statement, bitmap }, signature)?;
                require(bitmap == subsets(&hand)?.full(), StatusWord::DRILL_INCOMPLETE)?;
                !deal.drill
            }
        };
        if new {
            match place {
                Place::Custodian(_) => self.ceremony.deal.receipts.insert(place),
                _ => self.ceremony.deal.drill = true,
            }
            self.save_ceremony()?;
        }
        Ok(StatusWord::OK)
    }

    /// FORGET.
    pub(super) fn forget(&mut self) -> Result<StatusWord, Stop> {
        self.at_level_33()?;
        let (p1, p2) = self.p1p2();
        let outcome = Outcome::from_byte(p1).filter(|_| p2 == 0).ok_or(StatusWord::WRONG_P1P2)?;
        let hand = self.hand_as_dealer()?;
        let deal = &self.ceremony.deal;
        let confirmed = deal.drill && deal.receipts == Mask::all(hand.manifest.n());
        let (may, end) = match outcome {
            Outcome::Confirmed => {
                let done = deal.phase == Phase::Forgotten || deal.phase == Phase::Stated && confirmed;
                (done, Phase::Forgotten)
            }
            Outcome::Abandoned => (deal.pending() || deal.phase == Phase::Abandoned, Phase::Abandoned),
        };
        require(may, StatusWord::CONDITIONS)?;
        self.no_data()?;
        if outcome == Outcome::Abandoned {
            self.use_pin()?;
        }
        let deal = &mut self.ceremony.deal;
        if deal.phase != end {
            (deal.phase, deal.chain, deal.shares) = (end, None, Vec::new());
            self.ceremony.offer = Offer::Used;
            self.save_ceremony()?;
        }
        let statement = self.ceremony.deal.stated.unwrap_or_default();
        self.answer_signed(Fields::Forget { statement, outcome })
    }
}

/// The m-subsets of a manifest.
pub(super) fn subsets(hand: &Hand) -> Result<Subsets, Stop> {
    Ok(Subsets::new(hand.manifest.m, hand.manifest.n()).map_err(|_| BROKEN)?)
}

/// How many shares make the secret of a manifest.
pub(super) fn quorum(hand: &Hand) -> Result<Quorum, Stop> {
    Ok(Quorum::new(hand.manifest.scheme, hand.manifest.m, hand.manifest.n()).map_err(|_| BROKEN)?)
}
