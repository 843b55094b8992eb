//! `cardwright demo`: simulated cards in process, real keys, real files. Keys are loaded onto cards; then a master key is
//! dealt to custodians' cards, and comes back.

mod custody;
mod loading;
mod table;

use crate::advice::Failure;
use crate::args::DemoArgs;
use crate::config::Settings;
use crate::{output, setup};
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
    let (loaded, held) = setup::with_keys(|| both_acts(settings, place.path(), args))?;
    if settings.json {
        output::json(&json(&loaded, held.as_ref()))
    } else {
        output::text(&text(&loaded, held.as_ref(), args.keep.as_deref()))
    }
}

/// Who brings keys of their own is shown those alone.
fn both_acts(settings: &Settings, dir: &Path, args: &DemoArgs) -> Result<(Loaded, Option<Held>), Failure> {
    let mut kept = setup::file_books(dir)?;
    let mut books = Books::new(&mut *kept.journal, &mut *kept.audit, &Os);
    let loaded = loading::act(settings, dir, &mut books, args)?;
    let held = match args.new {
        None => Some(custody::act(settings, &dir.join(custody::DIR), &mut books)?),
        Some(_) => None,
    };
    Ok((loaded, held))
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

fn json(loaded: &Loaded, held: Option<&Held>) -> Value {
    let mut all = loaded.json();
    all["ceremony"] = held.map_or(Value::Null, Held::json);
    all
}

fn text(loaded: &Loaded, held: Option<&Held>, kept: Option<&Path>) -> String {
    let mut out = loaded.text();
    if let Some(held) = held {
        let _ = write!(out, "\n{}", held.text());
    }
    match kept {
        Some(dir) => {
            let shown = dir.display();
            let _ = writeln!(out, "master key, journal and audit log are in {shown}");
            if held.is_some() {
                let dir = dir.join(custody::DIR);
                let _ = writeln!(out, "so is the ceremony: cardwright ceremony verify {}/*.jsonl", dir.display());
            }
        }
        None => out.push_str("its files are gone again; --keep DIR keeps them\n"),
    }
    out
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
