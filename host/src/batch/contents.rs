//! What a card gets besides keys, in the session that its new keys were proved in: data, the old set's end, its life
//! cycle state.

use super::BatchError;
use super::admission::Admitted;
use super::desk::Desk;
use super::inputs::{DataIndex, InputError, OpenDgi};
use super::station::Station;
use crate::error::Error;
use crate::session::Session;
use cardwright_keys::job::{LifeCycle, Step};
use cardwright_keys::journal::{CardId, Journal as _, Record};
use cardwright_keys::key::KeyMaterial;
use cardwright_keys::keyref::Name;
use cardwright_keys::vault::Vault;
use cardwright_link::Transport;
use cardwright_proto::gp::GpError;
use cardwright_proto::gp::delete_key::DeleteKey;
use cardwright_proto::gp::get_status::{GetStatus, Scope};
use cardwright_proto::gp::set_status::{CardState, SetStatus};
use cardwright_proto::gp::store_data::{Dgi, blocks};
use cardwright_proto::scp::SessionCipher;
use cardwright_proto::status::StatusWord;
use cardwright_registry::Registry;
use cardwright_registry::jobs::{JobId, Jobs};
use zeroize::Zeroizing;

/// The data of a job's cards. What is sealed is opened card by card, and only sent through the secure channel.
#[derive(Debug)]
pub struct Contents<'a> {
    /// The rows.
    pub index: &'a DataIndex,
    /// The job that sealed fields belong to.
    pub job: &'a Name,
    /// Their key.
    pub key: Option<&'a KeyMaterial>,
}

impl Contents<'_> {
    /// What is written to a card: the row that names it, or where rows name no cards, that of its record. A spare gets what
    /// the card was to get whose place it takes.
    fn of<R: Jobs>(&self, card: &CardId, record: u64, (registry, id): (&R, JobId)) -> Result<Vec<OpenDgi>, BatchError> {
        let row = if self.index.names_cards() {
            let first = registry.attempts_of(id, record)?.into_iter().next();
            self.index.read(&first.map_or_else(|| card.clone(), |first| first.card))?
        } else {
            self.index.read_row(record)?
        };
        let row = row.ok_or_else(|| BatchError::NoData { card: card.clone(), record })?;
        Ok(row.open(self.job, self.key)?)
    }

    /// Opens every sealed field, before the first card: what does not open is found out while nothing is lost.
    ///
    /// # Errors
    /// [`InputError`], for the first one.
    pub fn check(&self) -> Result<(), InputError> {
        self.index.rows().try_for_each(|row| row?.open(self.job, self.key).map(drop))
    }
}

/// Carries it all out. `step` says how far it came.
pub(super) fn carry_out<V: Vault, T: Transport, C: SessionCipher, R: Registry + Jobs>(
    station: &Station<'_, V>,
    desk: &Desk<R>,
    admitted: &Admitted<'_>,
    session: &mut Session<'_, T, C>,
    step: &mut Step,
) -> Result<(), Error> {
    let job = station.job;
    if let Some(contents) = &station.contents {
        *step = Step::Data;
        let groups = contents.of(&admitted.card, admitted.record, (desk.registry(), station.id))?;
        // A job that says nothing of a level takes what the card offers.
        if contents.index.sealed() && !session.level().is_some_and(|level| level.c_enc()) {
            return Err(BatchError::InClear.into());
        }
        store(session, &groups)?;
    }
    let old = station.terms_of(admitted)?.current.kvn;
    if let (true, Some(kvn)) = (job.target.retire, old) {
        *step = Step::Retire;
        // That the new keys are on the card and proved is durable before the old ones go.
        desk.flush()?;
        match session.call(&DeleteKey { kvn }) {
            // It went in an earlier run.
            Err(Error::Gp(GpError::Refused { sw: StatusWord::REFERENCE_NOT_FOUND, .. })) => {}
            other => other?,
        }
        let mut journal = desk;
        let record = Record::Deleted { card: admitted.card.clone(), kvn: kvn.byte() };
        journal.append(&[record], station.clock.now())?;
    }
    if let Some(wanted) = job.finish {
        *step = Step::Finish;
        finish(session, &job.aid, wanted)?;
    }
    Ok(())
}

/// STORE DATA, block by block. The whole of it is wiped when it is sent.
fn store<T: Transport, C: SessionCipher>(session: &mut Session<'_, T, C>, groups: &[OpenDgi]) -> Result<(), Error> {
    // All the room at once: a buffer that grows leaves copies of what it held.
    let room = groups.iter().map(|group| group.value.len() + 5).sum();
    let mut all = Zeroizing::new(Vec::with_capacity(room));
    for OpenDgi { tag, value } in groups {
        Dgi { tag: *tag, value }.encode_into(&mut all).map_err(BatchError::Dgi)?;
    }
    let room = session.short_capacity().ok_or(Error::SessionOver)?;
    for block in blocks(&all, room).map_err(BatchError::Dgi)? {
        session.call(&block)?;
    }
    Ok(())
}

/// Leaves the card in that state. It goes forwards only: what was done in an earlier run is not done again.
fn finish<T: Transport, C: SessionCipher>(
    session: &mut Session<'_, T, C>,
    aid: &[u8],
    wanted: LifeCycle,
) -> Result<(), Error> {
    let status = session.call(&GetStatus { scope: Scope::IssuerSecurityDomain, next: false })?;
    let found = status.entries.first().map_or(0, |entry| entry.life_cycle);
    let way = match wanted {
        LifeCycle::OpReady => (found == wanted.byte()).then_some(&[][..]),
        LifeCycle::Initialized => CardState::Initialized.way_from(found),
        LifeCycle::Secured => CardState::Secured.way_from(found),
    };
    for state in way.ok_or(BatchError::Beyond { found, wanted })? {
        session.call(&SetStatus { aid, state: *state })?;
    }
    Ok(())
}
