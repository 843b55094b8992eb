//! `cardwright batch run`

use super::advice::JobFailure;
use super::cut_off::{alone, settle};
use super::job::Loaded;
use super::plan::{Plan, Ready, ready};
use super::progress::Bars;
use crate::advice::Failure;
use crate::args::{BatchPlanArgs, BatchRunArgs};
use crate::config::Settings;
use crate::{output, registers, setup};
use cardwright::batch::ahead::{A_READER, Ahead, Prepare};
use cardwright::batch::figures::Figures;
use cardwright::batch::run::{End, Ended, Halt, Left, Run, run as run_all};
use cardwright::batch::station::Station;
use cardwright::batch::{Contents, Hands};
use cardwright::session::Choices;
use cardwright::world::{Clock, Os};
use cardwright_keys::approval::one_line;
use cardwright_keys::audit::{AuditSink, Event};
use cardwright_keys::custody::hash::sha256;
use cardwright_keys::job::{Balance, Delivery};
use cardwright_keys::key::{Algorithm, KeyMaterial};
use cardwright_keys::vault::Purpose;
use cardwright_link::OpenOptions;
use cardwright_link::feeder::{Feeder, feeder};
use cardwright_registry::jobs::{JobEntry, JobState, Jobs};
use cardwright_registry::sqlite::SqliteRegistry;
use serde_json::json;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use std::sync::Arc;

/// Who works where, for the records.
struct Place {
    station: String,
    operator: String,
}

impl Place {
    fn new(settings: &Settings, args: &BatchRunArgs) -> Self {
        let user = || format!("uid {}", rustix::process::getuid().as_raw());
        let configured = settings.operator.as_ref().map(|operator| operator.name.to_string());
        Self {
            station: args.station.clone().unwrap_or_else(host),
            operator: args.operator.clone().or(configured).unwrap_or_else(user),
        }
    }
}

/// What this computer is called where nobody calls it something else.
pub(super) fn host() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

pub(super) fn run(settings: &Settings, args: &BatchRunArgs) -> Result<(), Failure> {
    let done = setup::with_keys(|| work(settings, args))?;
    let Some(Done { entry, ended, balance, left }) = done else { return Ok(()) };
    print(settings, &entry, &ended, &balance)?;
    match ended.end {
        End::Tripped(tripped) => Err(JobFailure::Stopped(tripped.to_string()).into()),
        End::Held(state, reason) => Err(JobFailure::Held { state, reason }.into()),
        End::NoReaders => Err(JobFailure::NoReaders.into()),
        End::AllMade | End::Elsewhere | End::NoMoreCards | End::Halted => match left {
            0 => Ok(()),
            left => Err(JobFailure::Left { left, all: balance.records }.into()),
        },
    }
}

struct Done {
    entry: JobEntry,
    ended: Ended,
    balance: Balance,
    /// Records that have no card yet.
    left: u64,
}

fn work(settings: &Settings, args: &BatchRunArgs) -> Result<Option<Done>, Failure> {
    let ready = ready(settings, &args.job)?;
    if args.dry_run {
        // As many as would be opened.
        let named = if args.on.is_empty() { ready.loaded.job.readers.len().max(1) } else { args.on.len() };
        let readers = u32::try_from(named).ok().map(|named| named.saturating_mul(args.times));
        let plan = BatchPlanArgs { job: None, example: false, readers, apdu: None };
        let pinned = ready.loaded.pinned(&registers::open_registry(settings)?, &ready.owned)?;
        pinned.as_ref().map_or(Ok(()), is_open)?;
        let plan = Plan::new(&ready, &plan)?;
        let shown = if settings.json { output::json(&plan.json()) } else { output::text(&plan.text()) };
        return shown.map(|()| None);
    }
    let place = Place::new(settings, args);
    let feeders = open_readers(settings, args, &ready.loaded.job.readers)?;
    let mut registry = registers::open_registry(settings)?;
    let mut audit = registers::open_audit(settings)?;
    let entry = ready.loaded.register(&mut registry, &ready.owned, Os.now(), &place.operator)?;
    let _alone = alone(settings, &entry, &place.station)?;
    is_open(&entry)?;
    settle((&mut registry, &mut audit), &entry, &place.station, args.operator.as_deref())?;
    let number = registry.run_began(entry.id, &place.station, &place.operator, Os.now())?;
    tell(&mut audit, &entry, "batch.began", format!("run {number} at {} by {}", place.station, place.operator))?;
    let (mut registry, mut audit, ended) = through(settings, &ready, &entry, place, (registry, audit), feeders)?;
    // The run stays open where its records could not be written: the next one wants an operator.
    let ended = ended?;
    registry.run_ended(number, Os.now(), &kept(&ended.figures))?;
    let balance = registry.balance(entry.id)?;
    tell(&mut audit, &entry, "batch.ended", format!("run {number}: {balance}"))?;
    let left = Left::of(&registry, entry.id)?.unmade();
    Ok(Some(Done { entry, ended, balance, left }))
}

fn is_open(entry: &JobEntry) -> Result<(), Failure> {
    match entry.state {
        JobState::Open => Ok(()),
        state => Err(JobFailure::NotOpen { state, reason: entry.reason.clone() }.into()),
    }
}

/// Figures as the registry keeps them; nothing, where a reader's name is none that a registry takes.
fn kept(figures: &Figures) -> String {
    serde_json::to_string(figures).ok().filter(|text| one_line(text)).unwrap_or_default()
}

type Ran = (SqliteRegistry, cardwright::audit_file::FileAudit, Result<Ended, cardwright::error::Error>);

fn through(
    settings: &Settings,
    ready: &Ready,
    entry: &JobEntry,
    place: Place,
    (registry, audit): (SqliteRegistry, cardwright::audit_file::FileAudit),
    feeders: Vec<Box<dyn Feeder>>,
) -> Result<Ran, Failure> {
    let Ready { loaded, vault, terms, .. } = ready;
    let job = &loaded.job;
    let key = sealing_key(loaded, vault)?;
    let contents = loaded.data.as_ref().map(|index| Contents { index, job: &job.name, key });
    let vault = &Ahead::new(vault, A_READER * feeders.len());
    let listed = job.deliveries.iter().any(Delivery::is_listed);
    let ahead = listed.then_some(vault as &dyn Prepare);
    let station = Station {
        job,
        id: entry.id,
        terms: terms.clone(),
        vault,
        choices: Choices { aid: job.aid.clone(), mode: None, level: job.level, accept_risk: false },
        contents,
        names_chips: loaded.names_chips(),
        name: place.station,
        operator: place.operator,
        profile: sha256(&[job.profile.as_bytes()]),
        clock: &Os,
        hands: Hands::default(),
    };
    let names: Vec<String> = feeders.iter().map(|feeder| feeder.name().to_owned()).collect();
    let bars = Bars::new(&names, Left::of(&registry, entry.id)?.waiting);
    let halt = Arc::new(Halt::default());
    on_signals(&halt)?;
    let dir = settings.state_dir()?.join("registry.db");
    let open = || SqliteRegistry::open(&dir);
    let run = Run {
        station: &station,
        entry,
        open: &open,
        ahead,
        registry,
        audit,
        entropy: Os,
        progress: &bars,
        halt: &halt,
    };
    let ran = run_all(run, feeders);
    bars.end();
    Ok(ran)
}

fn sealing_key<'v>(loaded: &Loaded, vault: &'v cardwright_hsm::Keyring) -> Result<Option<&'v KeyMaterial>, Failure> {
    let key = loaded.job.data.as_ref().and_then(|data| data.key.as_ref());
    Ok(key.map(|key| vault.material(key, (Purpose::Enc, Some(Algorithm::Aes)))).transpose()?)
}

/// Those of the command line; else those of the job; else the one of the settings.
fn open_readers(settings: &Settings, args: &BatchRunArgs, job: &[String]) -> Result<Vec<Box<dyn Feeder>>, Failure> {
    let uris: Vec<&str> = match (&args.on[..], job) {
        ([], []) => vec![settings.reader.as_deref().ok_or(Failure::NoReader)?],
        ([], uris) | (uris, _) => uris.iter().map(String::as_str).collect(),
    };
    let listening = |port| eprintln!("virtual cards can dial in at 127.0.0.1:{port}");
    let options = OpenOptions { time_limit: settings.time_limit, wait: settings.wait, listening };
    let mut feeders = Vec::new();
    for uri in uris {
        for _ in 0..args.times {
            feeders.push(feeder(uri, &options)?);
        }
    }
    Ok(feeders)
}

pub(super) fn tell(audit: &mut dyn AuditSink, entry: &JobEntry, what: &str, detail: String) -> Result<(), Failure> {
    let event = Event { at: Os.now(), what: what.to_owned(), subject: entry.name.to_string(), detail };
    Ok(audit.record(&event)?)
}

/// The first SIGINT or SIGTERM ends the run when every reader has ended its card; the second one ends the program. SIGHUP,
/// which comes more than once when a terminal is gone, is never more than a first one; under `nohup` it is nothing.
fn on_signals(halt: &Arc<Halt>) -> Result<(), Failure> {
    let halt = Arc::clone(halt);
    let hang_up = (!is_ignored(SIGHUP)).then_some(SIGHUP);
    let mut signals =
        signal_hook::iterator::Signals::new([SIGINT, SIGTERM].into_iter().chain(hang_up)).map_err(Failure::Output)?;
    std::thread::spawn(move || {
        let mut asked = false;
        for signal in signals.forever() {
            if asked && signal != SIGHUP {
                drop(signal_hook::low_level::emulate_default_handler(SIGINT));
            }
            asked |= signal != SIGHUP;
            halt.set(End::Halted);
            eprintln!("ending when every reader has ended its card; once more ends it at once");
        }
    });
    Ok(())
}

/// Whether whoever started this program wants it to ignore a signal: proc_pid_status(5), a bit for each from 1 on.
fn is_ignored(signal: i32) -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let ignored = ignored.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0);
    u32::try_from(signal - 1).ok().and_then(|bit| ignored.checked_shr(bit)).is_some_and(|mask| mask & 1 == 1)
}

fn print(settings: &Settings, entry: &JobEntry, ended: &Ended, balance: &Balance) -> Result<(), Failure> {
    let Figures { readers, took_us, .. } = &ended.figures;
    let (made, seconds) = (ended.figures.accepted(), *took_us as f64 / 1e6);
    let failed: u64 = readers.iter().map(|reader| reader.failed).sum();
    let aside: u64 = readers.iter().map(|reader| reader.aside).sum();
    let end = match &ended.end {
        End::AllMade if balance.accepted() < balance.records => "no card is left to be made".to_owned(),
        End::AllMade => "all cards are made".to_owned(),
        End::Elsewhere => "the last cards are in the middle at another station".to_owned(),
        End::NoMoreCards => "there are no more cards in the readers".to_owned(),
        End::NoReaders => "every reader was lost".to_owned(),
        End::Halted => "ended by a person".to_owned(),
        End::Held(state, _) => format!("the job is {state}"),
        End::Tripped(tripped) => format!("stopped: {tripped}"),
    };
    let rate = made as f64 / seconds.max(f64::EPSILON);
    if settings.json {
        return output::json(&json!({
            "job": entry.name.to_string(), "end": end, "made": made, "failed": failed, "aside": aside,
            "seconds": seconds, "cards_a_second": rate, "figures": ended.figures,
            "balance": super::status::balance_json(balance),
        }));
    }
    output::text(&format!(
        "job {}: {end}\n{made} cards made in {seconds:.1} s ({rate:.1} a second, {} readers), {failed} failed, {aside} put aside\n{balance}\n",
        entry.name,
        readers.len(),
    ))
}
