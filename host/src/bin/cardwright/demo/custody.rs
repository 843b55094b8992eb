//! The second act: a master key is made on a card and dealt to five, a card is lost, three others bring the key back.

use super::table::Table;
use crate::advice::Failure;
use crate::config::Settings;
use crate::setup;
use cardwright::books::Books;
use cardwright::ceremony::course::From;
use cardwright::ceremony::directory::Directory;
use cardwright::ceremony::{Ceremony, CeremonyError, Done, Wish, World};
use cardwright::error::Error;
use cardwright::world::Os;
use cardwright_hsm::Keyring;
use cardwright_keys::ceremony::plan::{Plan, PlannedCard};
use cardwright_keys::ceremony::verify::{Given, Verdict, verify_all};
use cardwright_keys::ceremony::words::{Fingerprint, words};
use cardwright_keys::keyref::KeyRef;
use cardwright_proto::custody::Hash;
use cardwright_proto::custody::manifest::{Operation, Place};
use cardwright_proto::gp::key::Kcv;
use serde_json::{Value, json};
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// The ceremony's directory, below the demonstration's.
pub(super) const DIR: &str = "ceremony";

const PLAN: &str = include_str!("plan.toml");

/// Whose card is lost.
const LOST: u8 = 2;

/// Who brings the key back.
const ASKED: [u8; 3] = [1, 3, 5];

/// What was done, as the transcripts show it.
pub(super) struct Held {
    plan: Plan,
    ca: Hash,
    dealt: Verdict,
    visits: [usize; 2],
    recovered: Option<Kcv>,
    commands: u64,
    transcripts: usize,
    took: Duration,
}

/// Where it happens.
struct Room<'r, 'k> {
    dir: &'r Path,
    plan: &'r Plan,
    vault: &'r Keyring,
    key: &'r KeyRef,
    books: &'r mut Books<'k>,
}

impl Room<'_, '_> {
    fn carry_out(&mut self, table: &mut Table, wish: Wish) -> Result<Done, Failure> {
        let directory = Directory::open(self.dir, Some(self.plan)).map_err(Error::from)?;
        let world = World {
            people: table,
            vault: self.vault,
            key: self.key,
            accept_risk: false,
            books: self.books,
            entropy: &mut Os,
            clock: &Os,
        };
        Ceremony::begin(world, &directory, wish)?.run()
    }
}

/// Holds the ceremony in a new directory.
pub(super) fn act(settings: &Settings, dir: &Path, books: &mut Books<'_>) -> Result<Held, Failure> {
    let started = Instant::now();
    let failed = |error| Error::from(CeremonyError::Plan { path: PathBuf::from("plan.toml"), error });
    let plan = Plan::parse(PLAN.as_bytes()).map_err(failed)?;
    let key = super::factory();
    let vault = setup::load_keys(settings, [&key])?;
    let mut table = Table::new(&plan)?;
    let mut room = Room { dir, plan: &plan, vault: &vault, key: &key, books };
    let deal = room.carry_out(&mut table, Wish { operation: Some(Operation::Deal), ..Wish::default() })?;
    if let Some(card) = plan.card(Place::Custodian(LOST)) {
        table.lose(&card.label);
    }
    let (from, hsm) = (From::Only(ASKED.to_vec()), Some(table.vault()));
    let release = Wish { operation: Some(Operation::Release), from, hsm, ..Wish::default() };
    let release = room.carry_out(&mut table, release)?;
    table.clear();
    let ca = table.ca.unwrap_or_default();
    let given = Given {
        ca: Some(Fingerprint::Hash(ca)),
        plan: Some(Fingerprint::Hash(plan.hash())),
        prev: Some([0; 32]),
        head: Some(Fingerprint::Hash(release.verdict.head)),
        revoked: &[],
    };
    let verdicts = verified(dir, &given)?;
    let (transcripts, visits) = (verdicts.len(), [deal.visits, release.visits]);
    let dealt = verdicts.into_iter().next().ok_or(CeremonyError::NothingDealt).map_err(Error::from)?;
    let (recovered, commands, took) = (table.recovered, table.commands(), started.elapsed());
    Ok(Held { plan, ca, dealt, visits, recovered, commands, transcripts, took })
}

/// All transcripts together, read from their files again.
fn verified(dir: &Path, given: &Given<'_>) -> Result<Vec<Verdict>, Failure> {
    let past = Directory::read(dir).map_err(Error::from)?.past;
    let bytes: Vec<&[u8]> = past.iter().map(|past| past.bytes.as_slice()).collect();
    let verdicts = verify_all(&bytes, given).map_err(|error| {
        let name = past.get(error.transcript.saturating_sub(1)).map(|past| past.name.clone()).unwrap_or_default();
        Error::from(CeremonyError::Refused { name, error: error.refusal })
    })?;
    Ok(verdicts)
}

/// A check value, or that there is none.
fn shown(kcv: Option<Kcv>) -> String {
    kcv.map_or_else(|| "none".to_owned(), |kcv| kcv.to_string())
}

/// Labels as in "C1, C3 and C5".
fn listed(labels: &[&str]) -> String {
    match labels {
        [] => String::new(),
        [one] => (*one).to_owned(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}

impl Held {
    fn card(&self, x: u8) -> Option<&PlannedCard> {
        self.plan.card(Place::Custodian(x))
    }

    fn asked(&self) -> Vec<&str> {
        ASKED.iter().filter_map(|x| self.card(*x)).map(|card| card.label.as_str()).collect()
    }

    pub(super) fn json(&self) -> Value {
        let (drilled, of) = self.dealt.drilled.unwrap_or_default();
        let [deal, release] = self.visits;
        json!({
            "m": self.plan.m,
            "n": self.plan.n(),
            "ca": hex::encode_upper(self.ca),
            "words": words(&self.ca).to_string(),
            "kcv": self.dealt.kcv.map(|kcv| kcv.to_string()),
            "drilled": { "subsets": drilled, "of": of },
            "lost": self.card(LOST).map(|card| &card.label),
            "asked": self.asked(),
            "recovered": self.recovered.map(|kcv| kcv.to_string()),
            "visits": { "deal": deal, "release": release },
            "commands": self.commands,
            "transcripts": self.transcripts,
            "milliseconds": self.took.as_secs_f64() * 1e3,
        })
    }

    pub(super) fn text(&self) -> String {
        let (m, n, cards) = (self.plan.m, self.plan.n(), self.plan.cards.len());
        let (drilled, of) = self.dealt.drilled.unwrap_or_default();
        let [deal, release] = self.visits;
        let mut out =
            format!("second act: a master key dealt among {cards} more cards; the host between them only relays\n\n");
        let mut line = |what: &str, text: String| {
            let _ = writeln!(out, "{what:<10} {text}");
        };
        line("CA", words(&self.ca).to_string());
        let kcv = shown(self.dealt.kcv);
        line(
            "dealt",
            format!("the dealer's card made a key, KCV {kcv}, and {n} shares, any {m} of which make it again"),
        );
        line("drilled", format!("{drilled} of {of} subsets gave that key, and the dealer's card forgot it"));
        if let Some(PlannedCard { holder, label, .. }) = self.card(LOST) {
            line("lost", format!("{holder}'s card {label} went through the laundry"));
        }
        let (asked, kcv) = (listed(&self.asked()), shown(self.recovered));
        line(
            "recovered",
            format!("{asked} gave their shares for a vault that the CA certified; there the KCV is {kcv}"),
        );
        line("verified", format!("{} transcripts, by what the cards signed, with no card at hand", self.transcripts));
        let _ = writeln!(
            out,
            "\ncards were put in {deal} times for the deal, {release} times for the release, and answered {} commands",
            self.commands
        );
        let _ = writeln!(
            out,
            "{:.0} ms in all; these cards live in this process, where real ones keep key and shares to themselves",
            self.took.as_secs_f64() * 1e3
        );
        out
    }
}
