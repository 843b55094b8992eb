//! `cardwright demo`: simulated cards, real keys, real files. Keys are loaded onto cards; then a master key is dealt to
//! custodians' cards, and comes back; then a job of many cards is killed in the middle, and made all the same.

mod bureau;
mod custody;
mod loading;
mod table;

use crate::advice::Failure;
use crate::args::DemoArgs;
use crate::config::Settings;
use crate::{output, setup};
use bureau::Personalised;
use cardwright::books::Books;
use cardwright::world::Os;
use cardwright_keys::keyref::{KeyRef, Scheme, Source};
use custody::Held;
use indicatif::{ProgressBar, ProgressStyle};
use loading::Loaded;
use serde_json::Value;
use std::fmt::Write;
use std::path::{Path, PathBuf};

pub(crate) fn run(settings: &Settings, args: &DemoArgs) -> Result<(), Failure> {
    let place = Place::new(args.keep.as_deref())?;
    let acts = setup::with_keys(|| acts(settings, place.path(), args))?;
    if settings.json { output::json(&acts.json()) } else { output::text(&acts.text(args.keep.as_deref())) }
}

/// What was done in each act.
struct Acts {
    loaded: Loaded,
    held: Option<Held>,
    personalised: Option<Personalised>,
}

/// Who brings keys of their own is shown those alone.
fn acts(settings: &Settings, dir: &Path, args: &DemoArgs) -> Result<Acts, Failure> {
    let mut kept = setup::file_books(dir)?;
    let mut books = Books::new(&mut *kept.journal, &mut *kept.audit, &Os);
    let loaded = loading::act(settings, dir, &mut books, args)?;
    if args.new.is_some() {
        return Ok(Acts { loaded, held: None, personalised: None });
    }
    let held = Some(custody::act(settings, &dir.join(custody::DIR), &mut books)?);
    let personalised = match args.job_cards {
        0 => None,
        cards => Some(bureau::act(&dir.join(bureau::DIR), cards)?),
    };
    Ok(Acts { loaded, held, personalised })
}

/// The keys that a new card comes with.
fn factory() -> KeyRef {
    KeyRef { scheme: Scheme::Plain, source: Source::GpTest, kvn: None }
}

/// What is to be done, and how far it is; nothing where standard error is no terminal.
fn bar(of: &str) -> ProgressBar {
    let style = ProgressStyle::with_template(&format!("{{bar:40}} {{pos}}/{{len}} {of}, {{eta}} left {{msg}}"));
    ProgressBar::new(0).with_style(style.unwrap_or(ProgressStyle::default_bar()))
}

impl Acts {
    fn json(&self) -> Value {
        let mut all = self.loaded.json();
        all["ceremony"] = self.held.as_ref().map_or(Value::Null, Held::json);
        all["job"] = self.personalised.as_ref().map_or(Value::Null, Personalised::json);
        all
    }

    fn text(&self, kept: Option<&Path>) -> String {
        let mut out = self.loaded.text();
        if let Some(held) = &self.held {
            let _ = write!(out, "\n{}", held.text());
        }
        if let Some(personalised) = &self.personalised {
            let _ = write!(out, "\n{}", personalised.text());
        }
        match kept {
            Some(dir) => {
                let shown = dir.display();
                let _ = writeln!(out, "master key, journal and audit log are in {shown}");
                if self.held.is_some() {
                    let dir = dir.join(custody::DIR);
                    let _ = writeln!(out, "so is the ceremony: cardwright ceremony verify {}/*.jsonl", dir.display());
                }
                if self.personalised.is_some() {
                    let state = dir.join(bureau::DIR).join("state");
                    let _ =
                        writeln!(out, "so is the job: cardwright batch status demo --state-dir {}", state.display());
                }
            }
            None => out.push_str("its files are gone again; --keep DIR keeps them\n"),
        }
        out
    }
}

/// Where the demo's files are: kept, or gone with it.
enum Place {
    Kept(PathBuf),
    Passing(tempfile::TempDir),
}

impl Place {
    fn new(keep: Option<&Path>) -> Result<Self, Failure> {
        let Some(dir) = keep else {
            let dir = tempfile::Builder::new().prefix("cardwright-demo-").tempdir();
            return dir.map(Self::Passing).map_err(|error| Failure::File { path: std::env::temp_dir(), error });
        };
        std::fs::create_dir(dir).map_err(|error| match error.kind() {
            std::io::ErrorKind::AlreadyExists => Failure::Exists(dir.to_owned()),
            _ => Failure::File { path: dir.to_owned(), error },
        })?;
        Ok(Self::Kept(dir.to_owned()))
    }

    fn path(&self) -> &Path {
        match self {
            Self::Kept(path) => path,
            Self::Passing(dir) => dir.path(),
        }
    }
}
