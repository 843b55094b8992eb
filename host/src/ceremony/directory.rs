//! A ceremony's directory: a copy of the plan, and one transcript for each manifest, chained by their heads.
//!
//! `plan.toml`, `01-deal.jsonl`, `02-drill.jsonl`, ... Only the last one may be unfinished. Nothing in here is secret, but
//! for `test-ca.key` where the CA is a test CA, and the import key of a release into a vault, encrypted, until it is done.

use super::error::CeremonyError;
use super::progress::Progress;
use cardwright_keys::ceremony::plan::Plan;
use cardwright_keys::ceremony::transcript::{Chain, Record, Transcript};
use cardwright_keys::ceremony::verify::{Given, verify};
use cardwright_proto::custody::certificate::CertificateBody;
use cardwright_proto::custody::manifest::{Operation, Place};
use cardwright_proto::custody::signature::Signature;
use cardwright_proto::custody::{Hash, Point};
use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

/// The plan's copy.
const PLAN: &str = "plan.toml";

/// The plan's copy until it is whole.
const NEW_PLAN: &str = "plan.toml.new";

/// A transcript in the directory.
#[derive(Clone, Debug)]
pub struct Past {
    /// Its file's name.
    pub name: String,
    /// Its number, from 1.
    pub number: u32,
    /// Its head.
    pub head: Hash,
    /// What it says.
    pub progress: Progress,
    /// Its bytes: whole lines.
    pub bytes: Vec<u8>,
}

impl Past {
    /// Whether its last line is an end.
    #[must_use]
    pub const fn is_ended(&self) -> bool {
        self.progress.end.is_some()
    }
}

/// A ceremony's directory.
#[derive(Debug)]
pub struct Directory {
    path: PathBuf,
    /// Held until the value is dropped; nobody else writes until then.
    _lock: Option<File>,
    /// The plan.
    pub plan: Plan,
    /// All transcripts, in order.
    pub past: Vec<Past>,
}

impl Directory {
    /// Opens a ceremony for writing, and begins one with this plan where there is none.
    ///
    /// # Errors
    /// [`CeremonyError::InUse`]; [`CeremonyError::NoPlan`] without a plan on either side, [`CeremonyError::OtherPlan`]
    /// with two; as [`Self::read`].
    pub fn open(path: &Path, plan: Option<&Plan>) -> Result<Self, CeremonyError> {
        if plan.is_some() {
            let made = DirBuilder::new().recursive(true).create(path);
            made.map_err(failed(path, "made"))?;
        }
        let lock = File::open(path).map_err(|error| match error.kind() {
            ErrorKind::NotFound => CeremonyError::NoPlan(path.to_owned()),
            _ => failed(path, "opened")(error),
        })?;
        lock.try_lock().map_err(|error| match error {
            TryLockError::WouldBlock => CeremonyError::InUse(path.to_owned()),
            TryLockError::Error(error) => failed(path, "locked")(error),
        })?;
        if let Some(plan) = plan {
            keep_plan(path, plan)?;
        }
        let mut opened = Self { _lock: Some(lock), ..Self::read(path)? };
        opened.drop_empty()?;
        Ok(opened)
    }

    /// Reads a ceremony, while others may write.
    ///
    /// # Errors
    /// [`CeremonyError::NoPlan`], [`CeremonyError::Plan`]; [`CeremonyError::Transcript`] for one that is none,
    /// [`CeremonyError::Chain`] where one does not follow the one before; [`CeremonyError::File`].
    pub fn read(path: &Path) -> Result<Self, CeremonyError> {
        let file = path.join(PLAN);
        let source = std::fs::read(&file).map_err(|error| match error.kind() {
            ErrorKind::NotFound => CeremonyError::NoPlan(path.to_owned()),
            _ => failed(&file, "read")(error),
        })?;
        let plan = Plan::parse(&source).map_err(|error| CeremonyError::Plan { path: file, error })?;
        let past = transcripts(path)?;
        Ok(Self { path: path.to_owned(), _lock: None, plan, past })
    }

    /// A ceremony that is not begun, and has no files.
    #[must_use]
    pub fn planned(path: &Path, plan: Plan) -> Self {
        Self { path: path.to_owned(), _lock: None, plan, past: Vec::new() }
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The file of a transcript.
    #[must_use]
    pub fn file(&self, past: &Past) -> PathBuf {
        self.path.join(&past.name)
    }

    /// The one that is not finished, which is the last one.
    #[must_use]
    pub fn unfinished(&self) -> Option<&Past> {
        self.past.last().filter(|past| !past.is_ended())
    }

    /// The last deal, finished or not.
    #[must_use]
    pub fn last_deal(&self) -> Option<&Past> {
        self.past.iter().rev().find(|past| past.progress.operation() == Some(Operation::Deal))
    }

    /// The last transcript in which all cards are enrolled.
    #[must_use]
    pub fn last_enrolled(&self) -> Option<&Past> {
        let last = Place::Custodian(self.plan.n());
        self.past.iter().rev().find(|past| past.progress.certificate(last).is_some())
    }

    /// The highest sequence of a manifest that a card approved so far; 0 before the first.
    #[must_use]
    pub fn sequence(&self) -> u32 {
        let approved = self.past.iter().filter(|past| !past.progress.approvals.is_empty());
        let manifests = approved.filter_map(|past| past.progress.manifest.as_ref());
        manifests.map(|named| named.manifest.sequence).max().unwrap_or(0)
    }

    /// Whether each transcript is one that a verifier takes, of this plan, behind the one before.
    ///
    /// # Errors
    /// [`CeremonyError::Refused`]
    pub fn verify(&self) -> Result<(), CeremonyError> {
        self.past.iter().try_for_each(|past| {
            let (plan, prev) = (Some(self.plan.hash().into()), Some(self.before(past.number)));
            let verdict = verify(&past.bytes, &Given { plan, prev, ..Given::default() });
            verdict.map(drop).map_err(|error| CeremonyError::Refused { name: past.name.clone(), error })
        })
    }

    /// What a transcript hangs on: the head of the one before it, or zeros.
    #[must_use]
    pub fn before(&self, number: u32) -> Hash {
        self.past.iter().rev().find(|past| past.number < number).map_or([0; 32], |past| past.head)
    }

    /// This CA's signature of a certificate with this body, from any transcript.
    #[must_use]
    pub fn certified(&self, ca: &Point, body: &CertificateBody) -> Option<Signature> {
        let by_ca = self.past.iter().filter(|past| past.progress.ca.as_ref() == Some(ca));
        let enrolled = by_ca.flat_map(|past| &past.progress.enrolled).find(|one| one.certificate.body == *body)?;
        Some(enrolled.certificate.signature)
    }

    /// Begins a transcript behind the last one.
    ///
    /// # Errors
    /// [`CeremonyError::File`]
    pub fn begin(&self, operation: Operation) -> Result<Log, CeremonyError> {
        let (number, head) = self.past.last().map_or((1, [0; 32]), |past| (past.number + 1, past.head));
        let name = format!("{number:02}-{operation}.jsonl");
        let path = self.path.join(&name);
        let file = OpenOptions::new().append(true).create_new(true).open(&path).map_err(failed(&path, "made"))?;
        sync_directory(&self.path)?;
        Ok(Log { name, number, path, file, chain: Chain::new(self.plan.mode, head), failed: false })
    }

    /// Goes on with the unfinished one. What was torn off its last line goes.
    ///
    /// # Errors
    /// [`CeremonyError::NothingUnfinished`], [`CeremonyError::File`], [`CeremonyError::Transcript`].
    pub fn resume(&self) -> Result<(Log, Progress), CeremonyError> {
        let past = self.unfinished().ok_or(CeremonyError::NothingUnfinished)?;
        let path = self.file(past);
        let file = OpenOptions::new().append(true).open(&path).map_err(failed(&path, "opened"))?;
        let cut = file.set_len(past.bytes.len() as u64).and_then(|()| file.sync_all());
        cut.map_err(failed(&path, "made whole"))?;
        let chain = parse(&past.name, &past.bytes)?.chain().ok_or(CeremonyError::NothingUnfinished)?;
        let log = Log { name: past.name.clone(), number: past.number, path, file, chain, failed: false };
        Ok((log, past.progress.clone()))
    }

    /// A last transcript without a single line was begun and never written: it goes.
    fn drop_empty(&mut self) -> Result<(), CeremonyError> {
        if let Some(last) = self.past.pop_if(|past| past.bytes.is_empty()) {
            let path = self.file(&last);
            std::fs::remove_file(&path).map_err(failed(&path, "removed"))?;
        }
        Ok(())
    }
}

/// A transcript that is being written.
#[derive(Debug)]
pub struct Log {
    /// Its file's name.
    pub name: String,
    /// Its number.
    pub number: u32,
    path: PathBuf,
    file: File,
    chain: Chain,
    failed: bool,
}

impl Log {
    /// Appends a line. It is on disk when this returns; `at` is in seconds since 1970.
    ///
    /// # Errors
    /// [`CeremonyError::Line`] for a record that is none; [`CeremonyError::File`], after which there is only
    /// [`CeremonyError::Failed`]: what the file holds is known when it is opened again.
    pub fn append(&mut self, at: u64, record: &Record) -> Result<(), CeremonyError> {
        if self.failed {
            return Err(CeremonyError::Failed);
        }
        let at = i64::try_from(at).ok().and_then(|at| jiff::Timestamp::from_second(at).ok()).unwrap_or_default();
        let line = self.chain.append(at, record)?;
        let written = self.file.write_all(&line).and_then(|()| self.file.sync_data());
        self.failed = written.is_err();
        written.map_err(failed(&self.path, "written"))
    }

    /// A card is about to approve: its answer may get lost. What it is called is on disk when this returns.
    ///
    /// # Errors
    /// [`CeremonyError::File`]
    pub fn asks(&self, label: &str) -> Result<(), CeremonyError> {
        let path = self.asked_path();
        let written =
            File::create(&path).and_then(|mut file| file.write_all(label.as_bytes()).and_then(|()| file.sync_all()));
        written.map_err(failed(&path, "written"))?;
        sync_directory(path.parent().unwrap_or(Path::new(".")))
    }

    /// What the card is called that was asked last to approve, if that is not settled.
    ///
    /// # Errors
    /// [`CeremonyError::File`]
    pub fn asked(&self) -> Result<Option<String>, CeremonyError> {
        let path = self.asked_path();
        match std::fs::read(&path) {
            Ok(label) => Ok(String::from_utf8(label).ok()),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(failed(&path, "read")(error)),
        }
    }

    /// Its answer is on record.
    ///
    /// # Errors
    /// [`CeremonyError::File`]
    pub fn answered(&self) -> Result<(), CeremonyError> {
        let path = self.asked_path();
        match std::fs::remove_file(&path) {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(failed(&path, "removed")(error)),
            _ => Ok(()),
        }
    }

    fn asked_path(&self) -> PathBuf {
        self.path.with_extension("asked")
    }

    /// The hash that the next line hangs on.
    #[must_use]
    pub fn head(&self) -> Hash {
        self.chain.head()
    }

    /// All that it holds by now.
    ///
    /// # Errors
    /// [`CeremonyError::File`]
    pub fn bytes(&self) -> Result<Vec<u8>, CeremonyError> {
        std::fs::read(&self.path).map_err(failed(&self.path, "read"))
    }
}

/// For `map_err`: a file and what was attempted with it.
pub(super) fn failed(path: &Path, attempt: &'static str) -> impl FnOnce(std::io::Error) -> CeremonyError {
    let path = path.to_owned();
    move |error| CeremonyError::File { path, attempt, error }
}

fn sync_directory(path: &Path) -> Result<(), CeremonyError> {
    File::open(path).and_then(|directory| directory.sync_all()).map_err(failed(path, "made durable"))
}

/// Puts the plan into the directory; whole, or not at all.
fn keep_plan(path: &Path, plan: &Plan) -> Result<(), CeremonyError> {
    let file = path.join(PLAN);
    match std::fs::read(&file) {
        Ok(there) if there == plan.source() => return Ok(()),
        Ok(_) => return Err(CeremonyError::OtherPlan(path.to_owned())),
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        Err(error) => return Err(failed(&file, "read")(error)),
    }
    let new = path.join(NEW_PLAN);
    let written = File::create(&new).and_then(|mut new| new.write_all(plan.source()).and_then(|()| new.sync_all()));
    written.map_err(failed(&new, "written"))?;
    std::fs::rename(&new, &file).map_err(failed(&file, "made"))?;
    sync_directory(path)
}

/// All transcripts, each following the one before.
fn transcripts(path: &Path) -> Result<Vec<Past>, CeremonyError> {
    let mut names = Vec::new();
    for entry in std::fs::read_dir(path).map_err(failed(path, "read"))? {
        let name = entry.map_err(failed(path, "read"))?.file_name();
        names.extend(name.to_str().and_then(|name| Some((number(name)?, name.to_owned()))));
    }
    names.sort();
    let mut past: Vec<Past> = Vec::with_capacity(names.len());
    let last = names.len();
    for (at, (number, name)) in names.into_iter().enumerate() {
        let file = path.join(&name);
        let mut bytes = std::fs::read(&file).map_err(failed(&file, "read"))?;
        if at + 1 == last {
            let torn = |error| CeremonyError::Transcript { name: name.clone(), error };
            let whole = Transcript::recover(&bytes).map_err(torn)?.1;
            bytes.truncate(whole);
        }
        let (head, progress) = if bytes.is_empty() {
            ([0; 32], Progress::default())
        } else {
            let transcript = parse(&name, &bytes)?;
            let before = past.last().map_or([0; 32], |past| past.head);
            if transcript.lines.first().is_none_or(|line| line.prev != before) {
                return Err(CeremonyError::Chain(name));
            }
            (transcript.head().unwrap_or_default(), Progress::of(&transcript))
        };
        let one = Past { name, number, head, progress, bytes };
        if usize::try_from(number) != Ok(at + 1) || (at + 1 < last && !one.is_ended()) {
            return Err(CeremonyError::Chain(one.name));
        }
        past.push(one);
    }
    Ok(past)
}

fn parse(name: &str, bytes: &[u8]) -> Result<Transcript, CeremonyError> {
    Transcript::parse(bytes).map_err(|error| CeremonyError::Transcript { name: name.to_owned(), error })
}

/// The number of a file that is a transcript: `NN-OPERATION.jsonl`.
fn number(name: &str) -> Option<u32> {
    let (number, operation) = name.strip_suffix(".jsonl")?.split_once('-')?;
    let known = [Operation::Deal, Operation::Drill, Operation::Release, Operation::Destroy];
    let fits = number.len() >= 2 && known.iter().any(|known| known.to_string() == operation);
    number.parse().ok().filter(|_| fits)
}

/// The label of the card at a place, and its holder's name.
pub(super) fn named(plan: &Plan, place: Place) -> (String, String) {
    plan.card(place)
        .map_or_else(|| (place.to_string(), String::new()), |card| (card.label.clone(), card.holder.clone()))
}
