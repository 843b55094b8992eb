//! TAKE SHARE, DRILL, VERDICT, EXPORT, READ RESULT.

use super::Call;
use super::checks::{custodian, require, signed};
use super::crypto::{BROKEN, expected, kcv, padded, sealed, unopened, unpadded};
use super::dealer::{quorum, subsets};
use super::model::{Hand, Offer};
use crate::virtual_card::Stop;
use cardwright_keys::custody::hash::{self, sha256};
use cardwright_keys::custody::import::{ImportKey, ImportKeyError};
use cardwright_keys::key::SecretKey;
use cardwright_keys::share::join;
use cardwright_proto::custody::manifest::{Operation, Place};
use cardwright_proto::custody::message::{Export, Fields, Statement};
use cardwright_proto::custody::read_share::BLOCK;
use cardwright_proto::custody::sealed::BoxKind;
use cardwright_proto::custody::subset::Mask;
use cardwright_proto::status::StatusWord;
use subtle::ConstantTimeEq;

/// Operations that a drill belongs to.
const DRILLS: &[Operation] = &[Operation::Deal, Operation::Drill];

impl Call<'_> {
    /// TAKE SHARE.
    pub(super) fn take_share(&mut self) -> Result<StatusWord, Stop> {
        self.at_level_33()?;
        let (p1, p2) = self.p1p2();
        require(p2 == 0, StatusWord::WRONG_P1P2)?;
        let x = custodian(p1)?;
        let hand = self.hand()?;
        require(hand.place == Place::Combiner, StatusWord::CONDITIONS)?;
        self.offer()?;
        let statement = self.statement()?;
        require(x <= hand.manifest.n(), StatusWord::CONDITIONS)?;
        let party = self.party(Place::Custodian(x))?;
        require(!self.ram.taken.contains_key(&x), StatusWord::CONDITIONS)?;
        self.length(signed(BoxKind::Release.box_len()))?;
        let (bytes, signature) = self.data().split_at(BoxKind::Release.box_len());
        let sealed = sealed(BoxKind::Release, bytes)?;
        let about = (hash::statement(&statement), hash::sealed(&sealed));
        party.check(&hand, Fields::Release { x, statement: about.0, sealed: about.1 }, signature)?;
        let (route, key) = (self.route_from(party.hash, &hand, x)?, self.offer()?.key()?);
        let (share, _) = route.open_share(&sealed, &key, &expected(&hand, x, &statement)?).map_err(unopened)?;
        self.ram.taken.insert(x, padded(&share)?);
        Ok(StatusWord::OK)
    }

    /// The secret of these taken shares, m of them: 6609 where its check value is not the statement's.
    fn secret(&self, hand: &Hand, statement: &Statement, of: &[u8]) -> Result<SecretKey, Stop> {
        let taken = of.iter().filter_map(|x| self.ram.taken.get(x).map(|y| unpadded(hand, *x, y)));
        let secret = join(quorum(hand)?, &taken.collect::<Result<Vec<_>, _>>()?).map_err(|_| BROKEN)?;
        let same = kcv(&secret, hand.manifest.key_type)?.0.ct_eq(&statement.kcv.0);
        require(same.into(), StatusWord::OTHER_KCV)?;
        Ok(secret)
    }

    /// DRILL.
    pub(super) fn drill(&mut self) -> Result<StatusWord, Stop> {
        self.at_level_33()?;
        let hand = self.hand_as(Place::Combiner, DRILLS)?;
        let statement = self.statement()?;
        let (p1, p2) = self.p1p2();
        let (subset, subsets) = (Mask(u16::from_be_bytes([p1, p2])), subsets(&hand)?);
        let number = subsets.number(subset).ok_or(StatusWord::WRONG_P1P2)?;
        self.no_data()?;
        let of: Vec<u8> = subset.custodians().collect();
        require(of.iter().all(|x| self.ram.taken.contains_key(x)), StatusWord::REFERENCE_NOT_FOUND)?;
        self.secret(&hand, &statement, &of)?;
        if !self.ceremony.drilled.has(number) {
            self.ceremony.drilled.insert(number);
            if self.ceremony.drilled == subsets.full() {
                self.ceremony.offer = Offer::Used;
            }
            self.save_ceremony()?;
        }
        Ok(StatusWord::OK)
    }

    /// VERDICT.
    pub(super) fn verdict(&mut self) -> Result<StatusWord, Stop> {
        self.at_level_33()?;
        self.p1p2_zero()?;
        self.hand_as(Place::Combiner, DRILLS)?;
        let statement = hash::statement(&self.statement()?);
        self.no_data()?;
        let bitmap = self.ceremony.drilled;
        self.out.extend_from_slice(&bitmap.0);
        self.answer_signed(Fields::Verdict { statement, bitmap })
    }

    /// EXPORT.
    pub(super) fn export(&mut self) -> Result<StatusWord, Stop> {
        let Some(data) = self.in_blocks()? else { return Ok(StatusWord::OK) };
        let hand = self.hand_as(Place::Combiner, &[Operation::Release])?;
        self.offer()?;
        let statement = self.statement()?;
        let hsm = self.party(Place::Hsm)?;
        let algorithm = hsm.key.algorithm();
        require(data.len() == algorithm.key_len(), StatusWord::WRONG_LENGTH)?;
        self.use_pin()?;
        let key = ImportKey::new(algorithm, &data).map_err(|error| match error {
            ImportKeyError::Length { .. } => StatusWord::WRONG_LENGTH,
            ImportKeyError::Point | ImportKeyError::Modulus => StatusWord::WRONG_DATA,
        })?;
        require(key.certified() == hsm.key, StatusWord::OTHER_CERTIFICATE)?;
        let m = usize::from(hand.manifest.m);
        let of: Vec<u8> = self.ram.taken.keys().copied().take(m).collect();
        require(of.len() == m, StatusWord::REFERENCE_NOT_FOUND)?;
        let secret = self.secret(&hand, &statement, &of)?;
        let route = self.route_to(hsm.hash, &hand, 0)?;
        self.ceremony.result = match &key {
            ImportKey::P256(to) => route.export(&secret, to, |bytes| self.random.fill(bytes))?.to_bytes(),
            ImportKey::Rsa(modulus) => modulus.oaep(&secret, |seed| self.random.fill(seed))?,
        };
        self.ceremony.offer = Offer::Used;
        self.save_ceremony()?;
        self.ram.taken.clear();
        Ok(StatusWord::OK)
    }

    /// READ RESULT.
    pub(super) fn read_result(&mut self) -> Result<StatusWord, Stop> {
        self.at_level_33()?;
        let (p1, p2) = self.p1p2();
        require(p1 == 0 || (p1, p2) == (1, 0), StatusWord::WRONG_P1P2)?;
        self.hand_as(Place::Combiner, &[Operation::Release])?;
        require(!self.ceremony.result.is_empty(), StatusWord::CONDITIONS)?;
        self.no_data()?;
        let result = &self.ceremony.result;
        if p1 == 0 {
            let block = result.chunks(BLOCK).nth(usize::from(p2)).ok_or(StatusWord::WRONG_P1P2)?;
            self.out.extend_from_slice(block);
            return Ok(StatusWord::OK);
        }
        let (result, statement) = (sha256(&[result]), self.statement()?);
        let (kcv, statement) = (statement.kcv, hash::statement(&statement));
        let hsm = self.party(Place::Hsm)?.hash;
        self.answer_signed(Fields::Export(Export { statement, kcv, hsm, result }))
    }
}
