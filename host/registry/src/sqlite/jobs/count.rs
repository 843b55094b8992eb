//! What is counted of a job, kept as it changes.

use crate::RegistryError;
use crate::jobs::StepCount;
use crate::sqlite::row::{Wrong, reading, rows, run};
use cardwright_keys::job::{Balance, Fate, RecordState, Step};
use rusqlite::{Connection, params};

/// One thing that is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Count {
    /// Records in that state.
    Record(RecordState),
    /// Rejected chips of that fate.
    Chip(Fate),
    /// Rejected chips whose fate is not told.
    Unfated,
    /// Chips that remakes brought in.
    Spare,
    /// Rejected records that wait for another chip.
    Remade,
    /// Chips that cancelled records did not use.
    Blank,
    /// Attempts that are at that step.
    At(Step),
    /// Attempts that ended at that step.
    EndedAt(Step),
}

impl Count {
    /// All of them.
    pub(super) fn all() -> impl Iterator<Item = Self> {
        let single = [Self::Unfated, Self::Spare, Self::Remade, Self::Blank];
        RecordState::ALL
            .into_iter()
            .map(Self::Record)
            .chain(Fate::ALL.into_iter().map(Self::Chip))
            .chain(single)
            .chain(Step::ALL.into_iter().flat_map(|step| [Self::At(step), Self::EndedAt(step)]))
    }

    /// As it is kept.
    pub(super) fn word(self) -> String {
        match self {
            Self::Record(state) => format!("record {state}"),
            Self::Chip(fate) => format!("chip {fate}"),
            Self::Unfated => "chip unfated".to_owned(),
            Self::Spare => "spare".to_owned(),
            Self::Remade => "remade".to_owned(),
            Self::Blank => "blank".to_owned(),
            Self::At(step) => format!("at {step}"),
            Self::EndedAt(step) => format!("ended at {step}"),
        }
    }

    /// What an attempt counts for that has come so far.
    pub(super) const fn of(state: RecordState, step: Step) -> Self {
        if has_ended(state) { Self::EndedAt(step) } else { Self::At(step) }
    }
}

/// Whether an attempt in this state has ended.
pub(super) const fn has_ended(state: RecordState) -> bool {
    matches!(state, RecordState::Pending | RecordState::Accepted | RecordState::Rejected)
}

/// Counts, or by how much they change.
#[derive(Clone, Debug, Default)]
pub(super) struct Tally(Vec<(Count, i64)>);

impl Tally {
    /// Adds to a count.
    pub(super) fn add(&mut self, what: Count, by: i64) {
        match self.0.iter_mut().find(|(count, _)| *count == what) {
            Some((_, change)) => *change = change.saturating_add(by),
            None => self.0.push((what, by)),
        }
    }

    /// One of the first less, one of the second more.
    pub(super) fn shift(&mut self, from: Count, to: Count) {
        self.add(from, -1);
        self.add(to, 1);
    }

    /// The count.
    pub(super) fn of(&self, what: Count) -> i64 {
        self.0.iter().find(|(count, _)| *count == what).map_or(0, |(_, count)| *count)
    }

    /// Writes the changes to a job's counts; there are none afterwards.
    pub(super) fn write(&mut self, db: &Connection, job: i64) -> Result<(), RegistryError> {
        for (what, by) in self.0.drain(..).filter(|(_, by)| *by != 0) {
            let sql = "UPDATE job_counts SET count = count + ?3 WHERE job = ?1 AND what = ?2";
            run(db, sql, params![job, what.word(), by])?;
        }
        Ok(())
    }

    /// Writes the counts of a new job.
    pub(super) fn begin(&self, db: &Connection, job: i64) -> Result<(), RegistryError> {
        Count::all().try_for_each(|what| {
            let sql = "INSERT INTO job_counts (job, what, count) VALUES (?1, ?2, ?3)";
            run(db, sql, params![job, what.word(), self.of(what)]).map(drop)
        })
    }
}

/// All counts of a job.
pub(super) fn read(db: &Connection, job: i64) -> Result<Tally, RegistryError> {
    let place = || format!("job_counts of job {job}");
    let mut words: Vec<_> = Count::all().map(|what| (what.word(), what)).collect();
    let mut tally = Tally::default();
    rows(db, "SELECT what, count FROM job_counts WHERE job = ?1", [job], |row| {
        let word = row.get_ref(0).map_err(reading)?.as_str().unwrap_or_default();
        let at = words.iter().position(|(known, _)| known == word);
        let (_, what) =
            at.map(|at| words.swap_remove(at)).ok_or_else(|| Wrong::from("nothing counts that").at(place()))?;
        let count: i64 = row.get(1).map_err(|error| Wrong::from(error).at(place()))?;
        if count < 0 {
            return Err(Wrong::from("less than nothing").at(place()));
        }
        tally.add(what, count);
        Ok(true)
    })?;
    match words.len() {
        0 => Ok(tally),
        _ if tally.0.is_empty() => Err(RegistryError::Conflict("there is no such job".to_owned())),
        _ => Err(Wrong::from("some are not there").at(place())),
    }
}

/// From all counts of a job.
pub(super) fn balance(tally: &Tally) -> Balance {
    let of = |what| tally.of(what).unsigned_abs();
    let states = RecordState::ALL.map(|state| of(Count::Record(state)));
    Balance {
        records: states.iter().sum(),
        spares: of(Count::Spare),
        states,
        fates: Fate::ALL.map(|fate| of(Count::Chip(fate))),
        unfated: of(Count::Unfated),
        cancelled_blanks: of(Count::Blank),
        remade: of(Count::Remade),
    }
}

/// From all counts of a job.
pub(super) fn steps(tally: &Tally) -> Vec<StepCount> {
    let of = |what| tally.of(what).unsigned_abs();
    let mut behind = 0;
    let mut steps: Vec<_> = Step::ALL
        .into_iter()
        .rev()
        .map(|step| {
            let left = behind + of(Count::EndedAt(step));
            behind = left + of(Count::At(step));
            (step, behind, left)
        })
        .collect();
    steps.reverse();
    steps
}
