//! TAKE STATEMENT, STORE BOX, RELEASE SHARE, RECEIPT: what a custodian does, and the statement, which the combiner takes too.

use super::Call;
use super::checks::{require, signed};
use super::crypto::{BROKEN, expected, sealed, unopened};
use super::kept::{self, Part};
use super::model::{Contribution, Destroyed, Hand, Offer};
use crate::virtual_card::Stop;
use cardwright_keys::custody::hash;
use cardwright_keys::share::Share;
use cardwright_proto::custody::Mode;
use cardwright_proto::custody::manifest::{Operation, Place};
use cardwright_proto::custody::message::{Fields, Held, Receipt, Statement, StatementError};
use cardwright_proto::custody::sealed::BoxKind;
use cardwright_proto::custody::share::{Commitments, ShareInfo, ShareObject};
use cardwright_proto::custody::subset::Bitmap;
use cardwright_proto::status::StatusWord;
use zeroize::Zeroizing;

impl Call<'_> {
    /// TAKE STATEMENT.
    pub(super) fn take_statement(&mut self) -> Result<StatusWord, Stop> {
        let Some(data) = self.in_blocks()? else { return Ok(StatusWord::OK) };
        let hand = self.hand()?;
        let deal = hand.manifest.operation == Operation::Deal;
        require(hand.place == Place::Combiner || deal && hand.x().is_some(), StatusWord::CONDITIONS)?;
        self.offer()?;
        let dealer = self.party(Place::Dealer)?;
        let len = Statement::len_of(hand.manifest.n());
        require(signed(len).contains(&data.len()), StatusWord::WRONG_LENGTH)?;
        let (bytes, signature) = data.split_at(len);
        let statement = Statement::parse(bytes).map_err(|error| match error {
            StatementError::Tag => StatusWord::WRONG_DATA,
            _ => StatusWord::WRONG_LENGTH,
        })?;
        require(!deal || statement.manifest == hand.hash, StatusWord::OTHER_MANIFEST)?;
        require(statement.dealer == dealer.hash, StatusWord::OTHER_CERTIFICATE)?;
        dealer.check_bytes(bytes, signature)?;
        if self.ceremony.statement.as_ref() != Some(&statement) {
            (self.ceremony.statement, self.ceremony.drilled) = (Some(statement), Bitmap::default());
            self.save_ceremony()?;
            self.ram.taken.clear();
        }
        Ok(StatusWord::OK)
    }

    /// "No statement: 6985".
    pub(super) fn statement(&self) -> Result<Statement, Stop> {
        Ok(self.ceremony.statement.clone().ok_or(StatusWord::CONDITIONS)?)
    }

    /// STORE BOX.
    pub(super) fn store_box(&mut self) -> Result<StatusWord, Stop> {
        let Some(data) = self.in_blocks()? else { return Ok(StatusWord::OK) };
        let (hand, x) = self.hand_as_custodian(&[Operation::Deal])?;
        self.offer()?;
        let statement = self.statement()?;
        require(kept::share(self.nvm).is_none(), StatusWord::CONDITIONS)?;
        let hashes = 32 * usize::from(hand.manifest.n());
        let (hashes, sealed_bytes) = data.split_at_checked(hashes).ok_or(StatusWord::WRONG_LENGTH)?;
        let (hashes, sealed) = (hashes.as_chunks().0, sealed(BoxKind::Share, sealed_bytes)?);
        require(hash::boxes(hashes) == statement.boxes, StatusWord::OTHER_BOX)?;
        require(hashes.get(usize::from(x) - 1) == Some(&hash::sealed(&sealed)), StatusWord::OTHER_BOX)?;
        let (route, key) = (self.route_from(statement.dealer, &hand, x)?, self.offer()?.key()?);
        let (share, salt) = route.open_share(&sealed, &key, &expected(&hand, x, &statement)?).map_err(unopened)?;
        let manifest = &hand.manifest;
        let info = ShareInfo {
            scheme: manifest.scheme,
            set: manifest.set,
            ceremony: manifest.ceremony,
            generation: manifest.generation,
            x,
            m: manifest.m,
            n: manifest.n(),
            key_type: manifest.key_type,
            key_length: manifest.key_length,
            usage: manifest.usage,
            kcv: statement.kcv,
            statement: Some(hash::statement(&statement)),
        };
        let commitments = Some(Commitments { salt, hashes: statement.shares });
        let object = ShareObject::new(info, Zeroizing::new(share.y().to_vec()), commitments);
        let object = object.map_err(|_| BROKEN)?.encode();
        (self.ceremony.offer, self.ceremony.contribution) = (Offer::Used, Contribution::Gone);
        kept::save(self.nvm, &[Part::Share(Some((Mode::Blind, &object))), Part::Ceremony(&self.ceremony)])?;
        self.answer_receipt(&hand)
    }

    /// The share, parsed.
    pub(super) fn held(&self) -> Result<Option<ShareObject>, Stop> {
        let object = kept::share(self.nvm).map(|(_, object)| ShareObject::parse(object));
        Ok(object.transpose().map_err(|_| BROKEN)?)
    }

    /// The share, which has to be of the manifest's set (6A88) and generation (660C).
    pub(super) fn held_of(&self, hand: &Hand) -> Result<ShareObject, Stop> {
        let share = self.held()?.filter(|share| share.info().set == hand.manifest.set);
        let share = share.ok_or(StatusWord::REFERENCE_NOT_FOUND)?;
        require(share.info().generation == hand.manifest.generation, StatusWord::OTHER_GENERATION)?;
        Ok(share)
    }

    /// RELEASE SHARE.
    pub(super) fn release_share(&mut self) -> Result<StatusWord, Stop> {
        self.at_level_33()?;
        self.p1p2_zero()?;
        let (hand, x) = self.hand_as_custodian(&[Operation::Deal, Operation::Drill, Operation::Release])?;
        let combiner = self.party(Place::Combiner)?;
        if hand.manifest.operation == Operation::Release {
            self.party(Place::Hsm)?;
        }
        self.length(signed(65))?;
        let share = self.held_of(&hand)?;
        let (Some(statement), Some(Commitments { salt, .. })) = (share.info().statement, share.commitments()) else {
            return Err(StatusWord::CONDITIONS.into());
        };
        let (of, manifest) = (share.info(), &hand.manifest);
        let fits = (of.scheme, of.m, of.n, of.x) == (manifest.scheme, manifest.m, manifest.n(), x)
            && (of.key_type, of.key_length, of.usage) == (manifest.key_type, manifest.key_length, manifest.usage);
        require(fits, StatusWord::OTHER_SHARE)?;
        self.use_pin()?;
        let to = self.offered(&hand, &combiner)?;
        let (route, value) = (self.route_to(combiner.hash, &hand, x)?, Share::new(x, share.value()));
        let sealed = route.release(&value, salt, &to, |bytes| self.random.fill(bytes))?;
        self.out.extend_from_slice(&sealed.to_bytes());
        self.answer_signed(Fields::Release { x, statement, sealed: hash::sealed(&sealed) })
    }

    /// RECEIPT.
    pub(super) fn receipt(&mut self) -> Result<StatusWord, Stop> {
        self.at_level_33()?;
        self.p1p2_zero()?;
        let hand = self.hand()?;
        require(hand.x().is_some(), StatusWord::CONDITIONS)?;
        self.no_data()?;
        self.answer_receipt(&hand)
    }

    /// RECEIPT, step 5.
    pub(super) fn answer_receipt(&mut self, hand: &Hand) -> Result<StatusWord, Stop> {
        let (set, generation) = (hand.manifest.set, hand.manifest.generation);
        let held = self.held()?.map(|share| Destroyed::of(&share));
        let of = |known: Option<Destroyed>| known.filter(|it| (it.set, it.generation) == (set, generation));
        let (x, status, statement) = match (of(held), of(self.enrolment.destroyed)) {
            (Some(held), _) => (held.x, Held::Yes, held.statement),
            (None, Some(gone)) => (gone.x, Held::Destroyed, gone.statement),
            (None, None) => (0, Held::No, [0; 32]),
        };
        self.out.extend_from_slice(&[x, status.byte()]);
        self.out.extend_from_slice(&statement);
        self.answer_signed(Fields::Receipt(Receipt { set, generation, x, status, statement }))
    }
}

impl Destroyed {
    /// What is noted of a share.
    pub(super) fn of(share: &ShareObject) -> Self {
        let info = share.info();
        let statement = info.statement.unwrap_or_default();
        Self { set: info.set, generation: info.generation, x: info.x, statement }
    }
}
