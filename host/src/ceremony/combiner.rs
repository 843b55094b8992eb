//! The combiner's visits.

use super::error::CeremonyError;
use super::people::People;
use super::seated::{Seated, stop};
use cardwright_keys::ceremony::transcript::Record;
use cardwright_keys::vault::Vault;
use cardwright_proto::custody::combine::{Drill, ExportSecret, GetVerdict, ReadExport, ReadResult, TakeShare, Verdict};
use cardwright_proto::custody::get_ceremony::{At, Offered};
use cardwright_proto::custody::manifest::Place;
use cardwright_proto::custody::subset::Mask;
use cardwright_proto::status::StatusWord;

impl<P: People, V: Vault> Seated<'_, '_, '_, '_, '_, P, V> {
    /// It approves, and offers a one-time key.
    pub(super) fn join_as_combiner(&mut self) -> Result<(), P::Error> {
        self.approve(Place::Combiner)?;
        self.offer(Place::Combiner)
    }

    fn combiner_state(&self) -> Result<(u8, Mask, Option<u16>), P::Error> {
        match self.part()?.place {
            At::Combiner { drilled, taken, result } => Ok((drilled, taken, result)),
            _ => Err(self.evidence("it says that it is not the combiner")),
        }
    }

    /// It is told of everybody who released a share, takes the statement, and the shares. A reset has made it forget those
    /// that it had taken.
    fn take_shares(&mut self, hsm: Option<Place>) -> Result<(), P::Error> {
        let released: Vec<u8> = self.minutes.progress.releases.keys().copied().collect();
        let parties = released.iter().map(|x| Place::Custodian(*x)).chain([Place::Dealer]).chain(hsm);
        for place in parties {
            self.put_party(place)?;
        }
        self.take_statement()?;
        self.refresh()?;
        let (_, taken, _) = self.combiner_state()?;
        for x in released.into_iter().filter(|x| !taken.has(Place::Custodian(*x))) {
            if let Some(released) = self.minutes.progress.releases.get(&x).cloned() {
                let taken = self.session.call(&TakeShare { x, released: &released });
                let bad = |sw| matches!(sw, StatusWord::BOX_TAG | StatusWord::BOX_CONTENT);
                self.unless_refused(taken, bad)?.ok_or_else(|| stop(CeremonyError::BadShare(x)))?;
            }
        }
        Ok(())
    }

    /// It tries every subset of the shares that were released.
    pub(super) fn drill(&mut self) -> Result<(), P::Error> {
        let stated = self.minutes.statement().map_err(stop)?.hash;
        let (drilled, ..) = self.combiner_state()?;
        let before = match self.part()?.statement {
            Some(hash) if hash == stated && drilled > 0 => Some(self.call(&GetVerdict)?),
            _ => None,
        };
        let done = |verdict: &Verdict, number| verdict.bitmap.has(number);
        let subsets = self.minutes.progress.subsets();
        let missing: Vec<Mask> = subsets
            .into_iter()
            .filter(|(number, _)| !before.as_ref().is_some_and(|verdict| done(verdict, *number)))
            .map(|(_, mask)| mask)
            .collect();
        if !missing.is_empty() {
            self.take_shares(None)?;
            for subset in missing {
                self.call(&Drill { subset })?;
            }
        }
        let verdict = self.call(&GetVerdict)?;
        if !self.minutes.progress.is_drilled(&verdict.bitmap) {
            return Err(self.evidence("its verdict has not all subsets that it drilled"));
        }
        self.note(Place::Combiner, &Record::Verdict(verdict))
    }

    /// It puts the key together for the HSM.
    pub(super) fn export(&mut self, key: &[u8]) -> Result<(), P::Error> {
        let (.., result) = self.combiner_state()?;
        if result.is_none() {
            if self.part()?.offer == Offered::Used {
                return Err(self.evidence("its one-time key is used, and there is no result"));
            }
            self.take_shares(Some(Place::Hsm))?;
            self.verify()?;
            self.in_blocks(key, |block| ExportSecret { block })?;
        }
        let hsm = self.minutes.progress.certificate(Place::Hsm).map(|hsm| hsm.certificate.body.key.algorithm());
        let algorithm = hsm.ok_or_else(|| stop(CeremonyError::Missing("the HSM's certificate")))?;
        let mut result = Vec::new();
        for block in ReadResult::all(algorithm) {
            result.extend(self.call(&block)?);
        }
        let signature = self.call(&ReadExport)?;
        self.note(Place::Combiner, &Record::Export { result, signature })
    }
}
