//! GET STATE.

use super::checks::require;
use super::crypto::BROKEN;
use super::model::{Contribution, Deal, Offer};
use super::{Call, fci, kept};
use crate::virtual_card::Stop;
use cardwright_keys::custody::hash;
use cardwright_proto::custody::get_ceremony::{self, At, CeremonyState, Contributed, Offered, Part};
use cardwright_proto::custody::get_state::State;
use cardwright_proto::custody::manifest::Place;
use cardwright_proto::custody::subset::Mask;
use cardwright_proto::status::StatusWord;

impl Call<'_> {
    /// GET STATE.
    pub(super) fn get_state(&mut self) -> Result<StatusWord, Stop> {
        let (p1, p2) = self.p1p2();
        require(p1 <= 1 && p2 == 0, StatusWord::WRONG_P1P2)?;
        self.no_data()?;
        if p1 == 0 {
            let share = self.held()?.map(|share| *share.info());
            let share = kept::share(self.nvm).map(|(mode, _)| mode).zip(share);
            let state = State { card: fci(self.nvm), tries: kept::tries(self.nvm), share };
            state.encode_into(self.out).map_err(|_| BROKEN)?;
        } else {
            self.ceremony_state().encode_into(self.out).map_err(|_| BROKEN)?;
        }
        Ok(StatusWord::OK)
    }

    fn ceremony_state(&self) -> CeremonyState {
        let kept = &self.enrolment;
        CeremonyState {
            identity_key: kept.key.is_some(),
            ca_key: kept.ca.is_some(),
            is_ca: self.is_ca(),
            sequence: kept.sequence,
            counter: kept.counter,
            signed: kept.certified.count,
            certificate: kept.certificate.as_ref().map(|certificate| hash::certificate(&certificate.body)),
            part: self.part(),
        }
    }

    fn part(&self) -> Option<Part> {
        let kept = &self.ceremony;
        let hand = kept.hand.as_ref()?;
        let stated = kept.statement.as_ref().map(hash::statement);
        Some(Part {
            manifest: hand.hash,
            operation: hand.manifest.operation,
            parties: kept.parties.iter().map(|party| party.place).collect(),
            contribution: match kept.contribution {
                Contribution::None => Contributed::None,
                Contribution::Made(_) => Contributed::Made,
                Contribution::Gone => Contributed::Gone,
            },
            offer: match &kept.offer {
                Offer::None => Offered::None,
                Offer::There(pair) => Offered::There(pair.point),
                Offer::Used => Offered::Used,
            },
            statement: stated.or(kept.deal.stated),
            place: match hand.place {
                Place::Custodian(x) => At::Custodian(x),
                Place::Dealer => At::Dealer(kept.deal.told()),
                Place::Combiner => At::Combiner {
                    drilled: u8::try_from(kept.drilled.count()).unwrap_or(u8::MAX),
                    taken: self.ram.taken.keys().copied().map(Place::Custodian).collect(),
                    result: u16::try_from(kept.result.len()).ok().filter(|len| *len > 0),
                },
                // An HSM is no card.
                Place::Hsm => return None,
            },
        })
    }
}

impl Deal {
    /// What GET STATE tells of it.
    fn told(&self) -> get_ceremony::Deal {
        let of = |has: fn(&super::model::Admitted) -> bool| -> Mask {
            let places = (1..).map(Place::Custodian).zip(&self.admitted);
            places.filter(|(_, admitted)| has(admitted)).map(|(place, _)| place).collect()
        };
        get_ceremony::Deal {
            phase: self.phase,
            next: self.next,
            approvals: of(|it| it.approved),
            commitments: of(|it| it.commitment.is_some()),
            offers: of(|it| it.offer.is_some()),
            boxes: of(|it| it.sealed.is_some()),
            receipts: self.receipts,
            drill: self.drill,
        }
    }
}
