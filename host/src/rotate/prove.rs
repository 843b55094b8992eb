//! The proof of the new keys, and the end of the change.

use super::exchange::{Exchange, Proof};
use super::{Request, Rotation};
use crate::books::Books;
use crate::card::Card;
use crate::error::Error;
use crate::identify::{Greeting, greet_unnamed};
use crate::session::{Candidate, Choices, Initialized, Opened};
use crate::world::Entropy;
use cardwright_keys::journal::{Change, Outcome, Record};
use cardwright_keys::vault::{Custody, Vault};
use cardwright_link::Transport;
use cardwright_proto::gp::key::{Kcv, KeySet};
use cardwright_proto::scp::SecurityLevel;

/// How the card came to have the new keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Path {
    /// PUT KEY was sent in this run.
    Loaded,
    /// An earlier run had sent it; this one found the new keys on the card and finished.
    Finished,
    /// The card had the new keys, and no change was pending.
    AlreadyThere,
}

/// What was done, and what was proved.
#[derive(Clone, Debug)]
pub struct Report {
    /// The change.
    pub change: Change,
    /// How it came about.
    pub path: Path,
    /// Check values of the new keys.
    pub kcvs: KeySet<Kcv>,
    /// What is known of each new key.
    pub proofs: KeySet<Proof>,
    /// The level of the verifying session.
    pub level: SecurityLevel,
    /// What of the new keys never left their vault.
    pub custody: Custody,
    /// The card has a sequence counter whose first value on record is from this run.
    pub first_sight: bool,
    /// The chip, as it named itself in the session under the new keys: only where [`super::Rotation::run_on`] asked it there.
    pub chip: Option<[u8; 12]>,
}

/// A card that has the new keys, not proved yet.
pub(super) struct Changed<V: Vault> {
    pub(super) initialized: Initialized,
    pub(super) new: Candidate<V>,
    pub(super) change: Change,
    pub(super) path: Path,
    /// What is known of Key-DEK.
    pub(super) dek: Proof,
}

/// A session under the new keys, with what the card showed in it.
struct Shown<'c, T, V: Vault> {
    opened: Opened<'c, T, V>,
    level: SecurityLevel,
    enc: Proof,
    chip: Option<[u8; 12]>,
}

/// Opens the session, and has an encrypted exchange in it.
fn show<'c, T: Transport, V: Vault>(
    card: &'c mut Card<T>,
    books: &mut Books<'_>,
    choices: &Choices,
    (initialized, new): (Initialized, Candidate<V>),
    exchange: Exchange,
) -> Result<Shown<'c, T, V>, Error> {
    let key_enc = new.matched.key_enc;
    let mut opened = initialized.open(card, new, choices, books, (&[], &[]))?;
    let level = opened.session.level().ok_or(Error::SessionOver)?;
    let (proof, chip) = exchange.carry_out(&mut opened.session)?;
    let enc = match (proof, key_enc) {
        (Proof::Proved(how), _) => Proof::Proved(how),
        (_, Some(true)) => Proof::Proved("the pseudo-random challenge"),
        (other, _) => other,
    };
    Ok(Shown { opened, level, enc, chip })
}

/// A session under the new keys, one encrypted exchange in it, and the end of the change.
pub(super) fn prove<'c, T: Transport, V: Vault>(
    card: &'c mut Card<T>,
    vault: &V,
    books: &mut Books<'_>,
    choices: &Choices,
    changed: Changed<V>,
    exchange: Exchange,
) -> Result<(Report, Opened<'c, T, V>), Error> {
    let Changed { initialized, new, change, path, dek } = changed;
    let kcvs = new.kcvs;
    let Shown { opened, level, enc, chip } = show(card, books, choices, (initialized, new), exchange)?;
    let (custody, first_sight) = (vault.custody(&opened.keys), opened.first_sight);
    let proofs = KeySet { enc, mac: Proof::Proved("the card cryptogram"), dek };
    if path != Path::AlreadyThere {
        end(books, &change, Outcome::Loaded, "put-key.loaded", describe(&change))?;
    }
    Ok((Report { change, path, kcvs, proofs, level, custody, first_sight, chip }, opened))
}

impl<'r, T: Transport, V: Vault, E: Entropy> Rotation<'r, '_, T, V, E> {
    /// A reset of the card, and the same proof in a session of its own: the card keeps the keys that it was given. That
    /// session stays open; the report has what the card showed in it.
    ///
    /// # Errors
    /// [`Error::NotProved`] where another card answers, or one with other keys; as [`crate::session::open`].
    pub fn prove_again(mut self, request: &Request, report: Report) -> Result<(Report, Opened<'r, T, V>), Error> {
        self.card.reset()?;
        let chip = report.change.card.chip();
        let greeting = Greeting { chip, ..greet_unnamed(self.card, &self.choices.aid)? };
        let answered = self.under_new_keys(request, &report.change, &greeting)?;
        let Self { card, books, choices, .. } = self;
        let Shown { opened, level, enc, chip } = show(card, books, choices, answered, Exchange::Chip)?;
        let proofs = KeySet { enc, ..report.proofs };
        Ok((Report { proofs, level, chip, ..report }, opened))
    }
}

/// Tells the audit sink, then ends the change: told twice after a kill between the two does no harm, not at all would.
pub(super) fn end(
    books: &mut Books<'_>,
    change: &Change,
    outcome: Outcome,
    what: &str,
    detail: String,
) -> Result<(), Error> {
    books.tell(what, &change.card, detail)?;
    books.append(&[Record::Ended { change: change.clone(), outcome }])
}

pub(super) fn describe(change: &Change) -> String {
    let Change { old, new, replace, kept_in, .. } = change;
    let how = if *replace { "replacing" } else { "beside" };
    format!("set 0x{:02X} ({}) {how} 0x{:02X} ({}), kept in {kept_in}", new.kvn, new.kcvs, old.kvn, old.kcvs)
}
