//! APPROVE MANIFEST, PUT PARTY.

use super::Call;
use super::checks::{require, signed};
use super::kept::{self, Part};
use super::model::{Ceremony, Hand, Party};
use crate::virtual_card::Stop;
use cardwright_keys::custody::hash::{self, sha256};
use cardwright_keys::custody::signing::verify;
use cardwright_proto::custody::certificate::{CertificateBody, P256_BODY, RSA_BODY};
use cardwright_proto::custody::manifest::{MAX_CUSTODIANS, Manifest, Operation, Place};
use cardwright_proto::custody::message::Fields;
use cardwright_proto::status::StatusWord;

/// How far above the last sequence the next one may be: with one PIN nobody takes all that are left.
const MAX_STEP: u32 = 65_536;

impl Call<'_> {
    /// APPROVE MANIFEST.
    pub(super) fn approve_manifest(&mut self) -> Result<StatusWord, Stop> {
        let Some(bytes) = self.in_blocks()? else { return Ok(StatusWord::OK) };
        let certificate = self.enrolment.certificate.ok_or(StatusWord::CONDITIONS)?;
        let own = self.own_hash()?;
        require((2..=MAX_CUSTODIANS).any(|n| Manifest::len_of(n) == bytes.len()), StatusWord::WRONG_LENGTH)?;
        self.use_pin()?;
        let hash = sha256(&[&bytes]);
        if self.ceremony.hand.as_ref().is_none_or(|hand| hand.hash != hash) {
            require(!self.ceremony.deal.pending(), StatusWord::CONDITIONS)?;
            let manifest = Manifest::parse(&bytes).map_err(|_| StatusWord::WRONG_DATA)?;
            let step = manifest.sequence.checked_sub(self.enrolment.sequence);
            require(step.is_some_and(|step| (1..=MAX_STEP).contains(&step)), StatusWord::OLD_SEQUENCE)?;
            let place = manifest.place(&own).ok_or(StatusWord::OTHER_CERTIFICATE)?;
            require(certificate.body.roles.have(place.role()), StatusWord::WRONG_ROLE)?;
            let receives = manifest.operation == Operation::Deal && matches!(place, Place::Custodian(_));
            require(!receives || kept::share(self.nvm).is_none(), StatusWord::CONDITIONS)?;
            self.enrolment.sequence = manifest.sequence;
            self.enrolment.counter += 1;
            self.ceremony = Ceremony { hand: Some(Hand { manifest, hash, place }), ..Ceremony::default() };
            kept::save(self.nvm, &[Part::Enrolment(&self.enrolment), Part::Ceremony(&self.ceremony)])?;
            self.ram.taken.clear();
        }
        let counter = self.enrolment.counter;
        self.out.extend_from_slice(&counter.to_be_bytes());
        self.answer_signed(Fields::Approval { counter })
    }

    /// PUT PARTY.
    pub(super) fn put_party(&mut self) -> Result<StatusWord, Stop> {
        self.at_level_33()?;
        let (p1, p2) = self.p1p2();
        let place = Place::from_byte(p1).filter(|_| p2 == 0).ok_or(StatusWord::WRONG_P1P2)?;
        let manifest = self.hand()?.manifest;
        let takes_part = match place {
            Place::Custodian(x) => x <= manifest.n(),
            Place::Combiner | Place::Dealer => manifest.operation != Operation::Destroy,
            Place::Hsm => manifest.operation == Operation::Release,
        };
        require(takes_part, StatusWord::CONDITIONS)?;
        self.length(*signed(RSA_BODY).start()..=*signed(P256_BODY).end())?;
        let (body, signature) = CertificateBody::split(self.data()).map_err(|_| StatusWord::WRONG_DATA)?;
        require(signed(0).contains(&signature.len()), StatusWord::WRONG_DATA)?;
        require(body.roles.have(place.role()), StatusWord::WRONG_ROLE)?;
        let hash = hash::certificate(&body);
        // The dealer of a set that was dealt before is in no manifest: the first one that comes is it.
        let before = self.ceremony.party(place).map(|party| party.hash);
        let named = manifest.party(place).copied().or(before).unwrap_or(hash);
        require(hash == named, StatusWord::OTHER_CERTIFICATE)?;
        let ca = self.enrolment.ca.ok_or(StatusWord::CONDITIONS)?;
        require(verify(&ca, &body.encode(), signature).is_ok(), StatusWord::BAD_CERTIFICATE)?;
        if before.is_none() {
            self.ceremony.parties.push(Party { place, hash, key: body.key });
            return self.save_ceremony();
        }
        Ok(StatusWord::OK)
    }

    /// What changed under the manifest, and nothing else, is kept.
    pub(super) fn save_ceremony(&mut self) -> Result<StatusWord, Stop> {
        kept::save(self.nvm, &[Part::Ceremony(&self.ceremony)])?;
        Ok(StatusWord::OK)
    }
}
