//! The configuration file: what an option does not say, it does; what neither says has a default.

use crate::advice::Failure;
use crate::args::Global;
use serde::Deserialize;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The options with nothing left open.
#[derive(Debug)]
pub(crate) struct Settings {
    pub(crate) reader: Option<String>,
    pub(crate) json: bool,
    pub(crate) state_dir: Option<PathBuf>,
    pub(crate) time_limit: Duration,
    pub(crate) wait: Duration,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct File {
    reader: Option<String>,
    state_dir: Option<PathBuf>,
    time_limit: Option<u64>,
    wait: Option<u64>,
}

/// Options, then the file, then defaults.
pub(crate) fn complete(global: Global) -> Result<Settings, Failure> {
    let file = match &global.config {
        Some(path) => read(path)?,
        None => match user_dir("XDG_CONFIG_HOME", ".config").map(|dir| dir.join("config.toml")) {
            Some(path) if path.exists() => read(&path)?,
            _ => File::default(),
        },
    };
    Ok(Settings {
        reader: global.reader.or(file.reader),
        json: global.json,
        state_dir: global.state_dir.or(file.state_dir),
        time_limit: Duration::from_secs(global.time_limit.or(file.time_limit).unwrap_or(60)),
        wait: Duration::from_secs(global.wait.or(file.wait).unwrap_or(30)),
    })
}

impl Settings {
    /// Where the journal and the audit log live.
    pub(crate) fn state_dir(&self) -> Result<PathBuf, Failure> {
        self.state_dir.clone().or_else(|| user_dir("XDG_STATE_HOME", ".local/state")).ok_or(Failure::NoStateDir)
    }
}

fn read(path: &Path) -> Result<File, Failure> {
    let text = std::fs::read_to_string(path)
        .map_err(|error| Failure::Config { path: path.to_owned(), reason: error.to_string() })?;
    let mut file: File =
        toml::from_str(&text).map_err(|error| Failure::Config { path: path.to_owned(), reason: error.to_string() })?;
    // A relative path in a file is meant from there, not from wherever the program happens to run.
    if let (Some(dir), Some(base)) = (&mut file.state_dir, path.parent()) {
        *dir = base.join(&dir);
    }
    Ok(file)
}

/// The user's directory of a kind (XDG Base Directory Specification), with ours in it.
fn user_dir(variable: &str, fallback: &str) -> Option<PathBuf> {
    let base = std::env::var_os(variable).map(PathBuf::from).filter(|path| path.is_absolute());
    let home = || std::env::var_os("HOME").map(|home| PathBuf::from(home).join(fallback));
    base.or_else(home).map(|base| base.join("cardwright"))
}
