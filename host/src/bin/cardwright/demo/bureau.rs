//! The third act: a job through eight readers, with faults, killed in the middle, gone on with, balanced to zero. The runs
//! are processes of their own, so that a kill is a kill.

use crate::advice::Failure;
use crate::batch::advice::JobFailure;
use crate::{output, registers};
use cardwright_keys::job::{Balance, RecordState};
use cardwright_keys::keyref::Name;
use cardwright_link::feeder::make_deck;
use cardwright_registry::jobs::{JobEntry, Jobs};
use cardwright_registry::sqlite::SqliteRegistry;
use indicatif::ProgressBar;
use serde_json::{Value, json};
use std::fmt::Write;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// The act's directory, below the demonstration's.
pub(super) const DIR: &str = "bureau";

const READERS: &str = "8";

/// How often the job is looked at while it runs.
const LOOK: Duration = Duration::from_millis(5);

/// A run has so long, and so many are begun at the most.
const PATIENCE: Duration = Duration::from_secs(300);
const RUNS: u32 = 10;

/// What was done, as the registry has it.
pub(super) struct Personalised {
    balance: Balance,
    /// Cards that were made when the program was killed, and in the middle then.
    killed_at: (u64, u64),
    runs: u32,
    attempts: u64,
    took: Duration,
}

/// A process that is ended with its owner.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // Gone already, in most cases.
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// The job's place.
struct Works<'d> {
    dir: &'d Path,
    name: Name,
}

/// Makes so many cards in a new directory.
pub(super) fn act(dir: &Path, cards: u32) -> Result<Personalised, Failure> {
    let failed = |error| Failure::File { path: dir.to_owned(), error };
    let started = Instant::now();
    std::fs::create_dir(dir).map_err(failed)?;
    make_deck(&dir.join("deck"), cards, "", 1)?;
    let job = format!(
        "format = \"cardwright-job-1\"\nname = \"demo\"\nissuer = \"nobody\"\ndomain = \"test\"\nprofile = \"simulated\"\n\n\
         [target]\nkey = \"kdf3+file:../master.hex\"\nkvn = 0x30\n\n\
         [[delivery]]\nname = \"box\"\nkey = \"gp-test@0xFF\"\ncount = {cards}\n\n\
         [stop]\nin_row = 100\npercent = 50\n"
    );
    std::fs::write(dir.join("job.toml"), job).map_err(failed)?;
    let works = Works { dir, name: "demo".parse().map_err(|_| Failure::VaultName("demo".to_owned()))? };
    let bar = super::bar("cards made by a job");
    bar.set_length(cards.into());
    let killed_at = works.killed_in_the_middle(cards.into(), &bar)?;
    let mut runs = 1;
    let balance = loop {
        runs += 1;
        works.wait(&mut works.begin()?, &bar)?;
        let (_, balance) = works.look()?.ok_or_else(|| JobFailure::Unknown(works.name.clone()))?;
        if balance.accepted() == u64::from(cards) || runs == RUNS {
            break balance;
        }
    };
    bar.finish_and_clear();
    works.command(&["batch", "close", "demo"]).status().map_err(failed)?;
    let (registry, mut attempts) = (works.registry()?, 0);
    if let Some(entry) = registry.job(&works.name)? {
        registry.attempts(entry.id, (0, 0), &mut |_| {
            attempts += 1;
            true
        })?;
    }
    Ok(Personalised { balance, killed_at, runs, attempts, took: started.elapsed() })
}

impl Works<'_> {
    fn registry(&self) -> Result<SqliteRegistry, Failure> {
        registers::registry_in(&self.dir.join("state"))
    }

    /// The job as it stands; `None` where no run has registered it yet.
    fn look(&self) -> Result<Option<(JobEntry, Balance)>, Failure> {
        let registry = self.registry()?;
        let Some(entry) = registry.job(&self.name)? else { return Ok(None) };
        let balance = registry.balance(entry.id)?;
        Ok(Some((entry, balance)))
    }

    fn command(&self, args: &[&str]) -> Command {
        let program = std::env::current_exe().unwrap_or_else(|_| "cardwright".into());
        let mut command = Command::new(program);
        command.args(args).arg("--state-dir").arg(self.dir.join("state")).env_remove("CARDWRIGHT_CONFIG");
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        command
    }

    fn begin(&self) -> Result<Running, Failure> {
        let job = self.dir.join("job.toml");
        let deck = format!("sim:deck={},faults=1", self.dir.join("deck").display());
        let mut command = self.command(&["batch", "run"]);
        command.arg(&job).args(["--on", &deck, "--times", READERS, "--operator", "demo", "--station", "demo"]);
        command.spawn().map(Running).map_err(|error| Failure::File { path: job, error })
    }

    /// Waits for the end of a run, and shows how far it is.
    fn wait(&self, run: &mut Running, bar: &ProgressBar) -> Result<(), Failure> {
        let began = Instant::now();
        while began.elapsed() < PATIENCE {
            let ended = run.0.try_wait().map_err(|error| Failure::File { path: self.dir.to_owned(), error })?;
            if let Some((_, balance)) = self.look()? {
                bar.set_position(balance.accepted());
            }
            if ended.is_some() {
                return Ok(());
            }
            std::thread::sleep(LOOK);
        }
        Ok(())
    }

    /// Begins a run and kills it when a good part of the cards is made. How many were, and how many in the middle.
    fn killed_in_the_middle(&self, cards: u64, bar: &ProgressBar) -> Result<(u64, u64), Failure> {
        let mut run = self.begin()?;
        let began = Instant::now();
        loop {
            let made = self.look()?.map_or(0, |(_, balance)| balance.accepted());
            bar.set_position(made);
            let ended = run.0.try_wait().is_ok_and(|ended| ended.is_some());
            if made * 10 >= cards * 4 || ended || began.elapsed() > PATIENCE {
                break;
            }
            std::thread::sleep(LOOK);
        }
        // SIGKILL, and waits for the end.
        drop(run);
        let balance = self.look()?.map(|(_, balance)| balance).unwrap_or_default();
        let under_way = [RecordState::Claimed, RecordState::Writing, RecordState::Verified, RecordState::Unknown];
        Ok((balance.accepted(), under_way.into_iter().map(|state| balance.state(state)).sum()))
    }
}

impl Personalised {
    pub(super) fn json(&self) -> Value {
        json!({
            "cards": self.balance.records,
            "accepted": self.balance.accepted(),
            "killed_at": self.killed_at.0,
            "in_the_middle": self.killed_at.1,
            "runs": self.runs,
            "attempts": self.attempts,
            "open": self.balance.open(),
            "balances": self.balance.balances(),
            "milliseconds": self.took.as_secs_f64() * 1e3,
        })
    }

    pub(super) fn text(&self) -> String {
        let mut out = String::new();
        let (made, middle) = self.killed_at;
        let _ =
            writeln!(out, "a job of {} cards on {READERS} readers, 1 % of all commands failing:", self.balance.records);
        let _ =
            writeln!(out, "  killed (SIGKILL) when {made} cards were made and {middle} were in the middle or unknown");
        let _ = writeln!(
            out,
            "  {} runs, {} chips taken up; every unknown card was settled by what it proved",
            self.runs, self.attempts
        );
        let zero = if self.balance.balances() { "balanced to zero" } else { "NOT balanced" };
        let _ = writeln!(out, "  {}: {zero}", output::harmless(&self.balance.to_string()));
        let _ = writeln!(out, "  {:.1} s in all", self.took.as_secs_f64());
        out
    }
}
