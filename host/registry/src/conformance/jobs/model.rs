//! Jobs in the plainest way that does the same, and random writes to both.

use super::{add, again, claim, counted, fate, listed, records, step};
use crate::conformance::{Open, Store, card, random, sound};
use crate::jobs::{JobAnswer, JobId, JobState, JobWrite, RecordEntry};
use cardwright_keys::job::{EDGES, Fate, RecordState, Step};
use cardwright_keys::journal::CardId;
use proptest::collection::vec;
use proptest::prelude::{Strategy, any, prop_assert_eq};
use proptest::proptest;

/// Cards that there are: two of them have the same KDD, one of these without its chip.
const CARDS: u8 = 5;

#[derive(Clone, Debug)]
struct Attempt {
    card: CardId,
    state: RecordState,
    step: Step,
    fate: Option<Fate>,
}

#[derive(Clone, Debug)]
struct Made {
    delivery: u32,
    expected: Option<CardId>,
    state: RecordState,
    remade: bool,
    spares: u64,
    blank: bool,
    attempts: Vec<Attempt>,
}

#[derive(Clone, Debug)]
struct Job {
    state: JobState,
    records: Vec<Made>,
}

/// Two jobs: one with a list, one without.
#[derive(Clone, Debug)]
struct Model([Job; 2]);

fn pending(delivery: u32, expected: Option<CardId>) -> Made {
    Made {
        delivery,
        expected,
        state: RecordState::Pending,
        remade: false,
        spares: 0,
        blank: false,
        attempts: Vec::new(),
    }
}

fn list() -> [CardId; 3] {
    [card(0), card(2), card(3)]
}

impl Model {
    fn new() -> Self {
        let mut first: Vec<_> = list().map(|card| pending(0, Some(card))).into();
        first.extend([pending(1, None), pending(1, None)]);
        let second = vec![pending(0, None), pending(0, None), pending(0, None)];
        Self([first, second].map(|records| Job { state: JobState::Open, records }))
    }

    /// Whether no attempt in any job has the chip.
    fn is_free(&self, card: &CardId) -> bool {
        let attempts = self.0.iter().flat_map(|job| &job.records).flat_map(|record| &record.attempts);
        attempts
            .filter(|one| one.card == *card)
            .all(|one| one.state == RecordState::Pending || one.fate == Some(Fate::Returned))
    }

    /// `None` where it is refused.
    fn apply(&mut self, job: usize, write: &JobWrite) -> Option<JobAnswer> {
        let free = matches!(write, JobWrite::Claim { attempt, .. } if self.is_free(&attempt.card));
        let job = &mut self.0[job];
        if job.state == JobState::Closed {
            return None;
        }
        match write {
            JobWrite::Claim { record, remake, attempt, .. } => {
                let waits = job.expecting(&attempt.card);
                let open = job.state == JobState::Open;
                let made = job.record(*record)?;
                let ready = if *remake {
                    made.state == RecordState::Rejected && made.remade
                } else {
                    made.state == RecordState::Pending
                };
                let right = if made.expected.is_some() { waits == Some(*record) } else { waits.is_none() };
                if !(free && open && ready && right) {
                    return None;
                }
                let (card, state, step) = (attempt.card.clone(), RecordState::Claimed, Step::Identify);
                made.attempts.push(Attempt { card, state, step, fate: None });
                (made.state, made.remade) = (RecordState::Claimed, false);
                return Some(JobAnswer::Claimed { attempt: made.number_of_attempts() });
            }
            JobWrite::Expect { record, attempt, state } => {
                let made = job.record(*record)?;
                let is_last = *attempt > 0 && made.number_of_attempts() == *attempt;
                (is_last && made.state == *state).then_some(())?;
            }
            JobWrite::Step { record, attempt, to, step, .. } => {
                let open = job.state == JobState::Open;
                let made = job.record(*record)?;
                if (made.state, *to, open) == (RecordState::Unknown, RecordState::Writing, false) {
                    return None;
                }
                made.step(*attempt, *to, *step)?;
            }
            JobWrite::Fate { record, attempt, fate, .. } => {
                let made = job.record(*record)?;
                let one = made.attempts.get_mut((*attempt as usize).checked_sub(1)?)?;
                if one.state != RecordState::Rejected || one.fate.is_some() {
                    return None;
                }
                one.fate = Some(*fate);
            }
            JobWrite::Cancel { record, .. } => job.record(*record)?.cancel()?,
            JobWrite::Remake { record, spare, .. } => job.remake(*record, spare.as_ref())?,
            JobWrite::Job { state, .. } => {
                let allowed = match (job.state, state) {
                    (_, JobState::Closed) => job.open() == 0,
                    (from, to) => from != *to && (from, *to) != (JobState::Stopped, JobState::Paused),
                };
                allowed.then(|| job.state = *state)?;
            }
            JobWrite::Close { .. } | JobWrite::Journal(..) => return None,
        }
        Some(JobAnswer::Done)
    }
}

impl Made {
    fn number_of_attempts(&self) -> u32 {
        self.attempts.len().try_into().unwrap()
    }

    fn step(&mut self, attempt: u32, to: RecordState, step: Step) -> Option<()> {
        use RecordState::{Accepted, Cancelled, Claimed};
        let goes_on = self.state == to && self.state.is_live() && to != Accepted;
        let edge = EDGES.contains(&(self.state, to)) && !matches!(to, Claimed | Cancelled);
        let edge = edge && !(self.state == RecordState::Rejected && self.is_settled());
        if self.attempts.len() != attempt as usize || !(goes_on || edge) {
            return None;
        }
        let last = self.attempts.last_mut()?;
        (last.state, last.step) = (to, last.step.max(step));
        self.state = to;
        Some(())
    }

    fn is_settled(&self) -> bool {
        self.attempts.last().is_some_and(|last| last.fate.is_some())
    }

    fn cancel(&mut self) -> Option<()> {
        match self.state {
            RecordState::Pending => self.blank = true,
            RecordState::Rejected if self.is_settled() => self.blank = self.remade,
            _ => return None,
        }
        self.state = RecordState::Cancelled;
        Some(())
    }

    /// Whether a chip of it is not accounted for.
    fn is_open(&self) -> bool {
        match self.state {
            RecordState::Accepted | RecordState::Cancelled => false,
            RecordState::Rejected => self.remade || !self.is_settled(),
            _ => true,
        }
    }
}

impl Job {
    fn record(&mut self, number: u64) -> Option<&mut Made> {
        self.records.get_mut(usize::try_from(number).ok()?.checked_sub(1)?)
    }

    fn waits(&self, fits: impl Fn(&CardId) -> bool) -> Option<u64> {
        let at = self.records.iter().position(|record| record.expected.as_ref().is_some_and(&fits))?;
        Some(at as u64 + 1)
    }

    fn expecting(&self, card: &CardId) -> Option<u64> {
        let kdd = card.0.split_once('-').map(|(kdd, _)| kdd);
        self.waits(|expected| expected == card).or_else(|| self.waits(|expected| Some(&*expected.0) == kdd))
    }

    fn remake(&mut self, number: u64, spare: Option<&CardId>) -> Option<()> {
        let waited = spare.and_then(|spare| self.expecting(spare)).is_some_and(|other| other != number);
        let listed = self.records.first()?.expected.is_some() || self.records.len() == 5;
        let kdd_of_another = spare.is_some_and(|spare| {
            let begins = |one: &Made| one.expected.as_ref().is_some_and(|card| card.0.starts_with(&spare.0));
            (1..).zip(&self.records).any(|(other, one)| other != number && begins(one))
        });
        let made = self.record(number)?;
        let can_be_bound = spare.is_none() || (listed && made.delivery == 0 && !waited && !kdd_of_another);
        let again = made.remade;
        if made.state != RecordState::Rejected || (again && spare.is_none()) || !made.is_settled() || !can_be_bound {
            return None;
        }
        made.expected = spare.cloned();
        made.remade = true;
        made.spares += u64::from(!again);
        Some(())
    }

    fn open(&self) -> usize {
        self.records.iter().filter(|record| record.is_open()).count()
    }

    fn attempts(&self) -> impl Iterator<Item = (u64, u32, &Attempt)> {
        let numbered = (1..).zip(&self.records);
        numbered
            .flat_map(|(number, record)| (1..).zip(&record.attempts).map(move |(attempt, one)| (number, attempt, one)))
    }
}

/// What is tried: much of it is what can be.
#[derive(Clone, Debug)]
struct Try {
    record: u64,
    what: u8,
    which: u8,
    card: u8,
    step: usize,
}

fn tries() -> impl Strategy<Value = Try> {
    (1..=6_u64, any::<u8>(), any::<u8>(), 0..CARDS, 0..Step::ALL.len())
        .prop_map(|(record, what, which, card, step)| Try { record, what, which, card, step })
}

fn nth<T: Copy>(all: &[T], which: u8) -> T {
    all[usize::from(which) % all.len()]
}

impl Try {
    fn write(&self, job: &Job) -> JobWrite {
        let Self { record, what, which, card: of, step: at } = *self;
        let made = (1..).zip(&job.records).find(|(number, _)| *number == record).map(|(_, made)| made);
        let (remade, attempts) = made.map_or((false, 0), |made| (made.remade, made.number_of_attempts()));
        let last = if which > 240 { attempts + 1 } else { attempts };
        match what % 32 {
            0..=9 if remade != (which > 240) => again(record, card(of)),
            0..=9 => claim(record, card(of)),
            10..=19 => {
                let from = made.map_or(RecordState::Pending, |made| made.state);
                let next: Vec<_> = EDGES.iter().filter(|edge| edge.0 == from).map(|edge| edge.1).collect();
                let to = if next.is_empty() { RecordState::Pending } else { nth(&next, which) };
                step(record, last, to, Step::ALL[at])
            }
            20 => step(record, last, nth(&RecordState::ALL, which), Step::ALL[at]),
            21..=24 => fate(record, last, nth(&Fate::ALL, which)),
            25..=27 => JobWrite::Remake { record, spare: (which % 2 == 0).then(|| card(of)), at: 600 },
            28 => JobWrite::Cancel { record, statement: None, at: 700 },
            30 => JobWrite::Expect { record, attempt: last, state: nth(&RecordState::ALL, which) },
            29 => JobWrite::Job { state: nth(&JobState::ALL, which), reason: String::new(), at: 800 },
            _ => JobWrite::Job { state: JobState::Open, reason: String::new(), at: 800 },
        }
    }
}

/// Whatever can be asked about a job.
fn agree(registry: &dyn Store, id: JobId, job: &Job) {
    let entry = registry.jobs().unwrap().into_iter().find(|entry| entry.id == id).unwrap();
    assert_eq!(entry.state, job.state);
    let number_of = |record: RecordEntry| record.number;
    let found = records(registry, id, 0, &[]);
    assert_eq!(found.len(), job.records.len());
    for (seen, made) in found.iter().zip(&job.records) {
        assert_eq!((seen.state, &seen.expected, seen.remade), (made.state, &made.expected, made.remade), "{seen:?}");
        assert_eq!(seen.attempts as usize, made.attempts.len());
    }
    in_states(registry, id, &found);
    let mut seen = Vec::new();
    let take = &mut |one: crate::jobs::AttemptEntry| {
        seen.push((one.record, one.number, one.card, one.state, one.step, one.fate));
        true
    };
    registry.attempts(id, (0, 0), take).unwrap();
    let told =
        |(record, number, one): (u64, u32, &Attempt)| (record, number, one.card.clone(), one.state, one.step, one.fate);
    let wanted: Vec<_> = job.attempts().map(told).collect();
    assert_eq!(seen, wanted);
    known_by_kdd(registry, id, job);
    balanced(registry, id, job);
    for delivery in 0..2 {
        let is_free = |one: &&(u64, &Made)| {
            let ready = one.1.state == RecordState::Pending || (one.1.state == RecordState::Rejected && one.1.remade);
            one.1.delivery == delivery && one.1.expected.is_none() && ready
        };
        let numbered: Vec<_> = (1..).zip(&job.records).collect();
        let wanted = numbered.iter().find(is_free).map(|(number, _)| *number);
        assert_eq!(registry.next_pending(id, delivery).unwrap().map(number_of), wanted);
    }
    for of in (0..CARDS).map(card) {
        let holds = |one: &(u64, u32, &Attempt)| {
            one.2.card == of && one.2.state != RecordState::Pending && one.2.fate != Some(Fate::Returned)
        };
        let wanted = job.attempts().find(holds).map(|(record, ..)| record).or_else(|| job.expecting(&of));
        let seen = registry.record_of(id, &of).unwrap().map(number_of);
        match wanted {
            Some(_) => assert_eq!(seen, wanted, "{of}"),
            // Of several that had it, the last one.
            None => assert_eq!(seen.is_some(), job.attempts().any(|(.., one)| one.card == of), "{of}"),
        }
    }
}

/// Whichever states are asked for, in their order, behind any record.
fn in_states(registry: &dyn Store, id: JobId, all: &[RecordEntry]) {
    use RecordState::{Accepted, Claimed, Pending, Rejected, Unknown, Verified, Writing};
    let mixed: [&[RecordState]; 4] =
        [&[Rejected, Pending], &[Claimed, Writing, Verified], &[Unknown, Pending, Accepted], &RecordState::ALL];
    for states in RecordState::ALL.chunks(1).chain(mixed) {
        for after in 0..2 {
            let is_in = |record: &&RecordEntry| record.number > after && states.contains(&record.state);
            let wanted: Vec<_> = all.iter().filter(is_in).cloned().collect();
            assert_eq!(records(registry, id, after, states), wanted, "{states:?}");
        }
    }
    let remade = all.iter().filter(|record| record.state == Rejected && record.remade).count();
    assert_eq!(registry.balance(id).unwrap().remade, remade as u64);
}

/// By its KDD alone a card is known where one entry begins so, and names its chip.
fn known_by_kdd(registry: &dyn Store, id: JobId, job: &Job) {
    for number in 0..=u8::MAX {
        let kdd = [number; 10];
        let name = CardId::new(&kdd, None).0;
        let begin: Vec<_> = job
            .records
            .iter()
            .filter_map(|record| record.expected.as_ref())
            .filter(|card| card.0.starts_with(&name))
            .collect();
        let wanted = match begin[..] {
            [one] => Some(one.clone()).filter(|one| one.chip().is_some()),
            _ => None,
        };
        assert_eq!(registry.listed(id, &kdd).unwrap(), wanted, "{name}");
    }
}

/// What is counted as it changes is what is there.
fn balanced(registry: &dyn Store, id: JobId, job: &Job) {
    let balance = registry.balance(id).unwrap();
    assert_eq!((balance.records, balance.open()), (job.records.len() as u64, job.open() as i64));
    assert_eq!(balance.spares, job.records.iter().map(|record| record.spares).sum::<u64>());
    assert_eq!(balance.cancelled_blanks, job.records.iter().filter(|record| record.blank).count() as u64);
    let count = |state| job.records.iter().filter(|record| record.state == state).count() as u64;
    assert_eq!(balance.states, RecordState::ALL.map(count));
    let fated =
        |fate| job.attempts().filter(|(.., one)| one.fate == fate && one.state == RecordState::Rejected).count();
    assert_eq!(balance.fates, Fate::ALL.map(|fate| fated(Some(fate)) as u64));
    assert_eq!(balance.unfated, fated(None) as u64);
    let ended = [RecordState::Pending, RecordState::Accepted, RecordState::Rejected];
    for (step, entered, left) in registry.steps(id).unwrap() {
        assert_eq!(entered, job.attempts().filter(|(.., one)| one.step >= step).count() as u64, "{step}");
        let is_away = |one: &Attempt| one.step > step || (one.step == step && ended.contains(&one.state));
        assert_eq!(left, job.attempts().filter(|(.., one)| is_away(one)).count() as u64, "{step}");
    }
}

pub(in crate::conformance) fn as_the_model(make: &dyn Fn() -> Open) {
    let calls = vec((any::<bool>(), 0..2_usize, vec(vec(tries(), 0..4), 0..4)), 0..40);
    proptest!(random(64), |(calls in calls)| {
        let open = make();
        let mut handles = [open(), open()];
        let mut model = Model::new();
        let ids = [
            add(&mut *handles[0], &listed("one", &list(), 2), &list()),
            add(&mut *handles[1], &counted("two", 3), &[]),
        ];
        for (which, job, call) in calls {
            let (mut batches, mut wanted) = (Vec::new(), Vec::new());
            for tries in call {
                let (mut next, mut answers, mut batch) = (model.clone(), Some(Vec::new()), Vec::new());
                for one in tries {
                    batch.push(one.write(&next.0[job]));
                    let answer = next.apply(job, batch.last().unwrap());
                    answers = answers.zip(answer).map(|(mut answers, answer)| {
                        answers.push(answer);
                        answers
                    });
                }
                batches.push(batch);
                if answers.is_some() {
                    model = next;
                }
                wanted.push(answers);
            }
            let seen = handles[usize::from(which)].write_all(ids[job], &batches).unwrap();
            let seen: Vec<_> = seen.into_iter().map(Result::ok).collect();
            prop_assert_eq!(seen, wanted, "{:?}", batches);
        }
        for (id, job) in ids.into_iter().zip(&model.0) {
            agree(&*handles[0], id, job);
            agree(&*open(), id, job);
        }
        sound(&*handles[1]);
    });
}
