//! Cards to lines.

use super::{COLUMNS, Line};
use crate::cards::{CardEntry, CardQuery, KeySetEntry};
use crate::{Registry, RegistryError};
use cardwright_keys::approval::time;
use cardwright_keys::keyref::VaultKey;
use serde::Serialize;
use std::io::{self, Write};

/// Why cards were not all written.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// They could not be read.
    #[error(transparent)]
    Registry(#[from] RegistryError),
    /// Where they go refused.
    #[error("the cards could not be written: {0}")]
    Io(#[from] io::Error),
}

/// Writes cards, a line for each key set.
#[derive(Debug)]
pub struct Writer<W> {
    to: W,
    csv: bool,
}

impl<W: Write> Writer<W> {
    /// As CSV, beginning with the names of the columns.
    ///
    /// # Errors
    /// Those of `to`.
    pub fn csv(mut to: W) -> io::Result<Self> {
        writeln!(to, "{}", COLUMNS.join(","))?;
        Ok(Self { to, csv: true })
    }

    /// As JSON Lines.
    pub const fn jsonl(to: W) -> Self {
        Self { to, csv: false }
    }

    /// One card.
    ///
    /// # Errors
    /// Those of where it goes.
    pub fn put(&mut self, entry: &CardEntry) -> io::Result<()> {
        if entry.sets.is_empty() {
            return self.line(line(entry, None));
        }
        entry.sets.iter().try_for_each(|set| self.line(line(entry, Some(set))))
    }

    fn line(&mut self, mut line: Line) -> io::Result<()> {
        if self.csv {
            let cells = line.cells().map(|cell| cell.as_deref().map(quoted).unwrap_or_default());
            writeln!(self.to, "{}", cells.join(","))
        } else {
            json(&mut self.to, &line)
        }
    }

    /// All cards that are meant, by identity. How many there were.
    ///
    /// # Errors
    /// [`ExportError`]
    pub fn export(&mut self, registry: &dyn Registry, query: &CardQuery) -> Result<u64, ExportError> {
        let mut count = 0;
        let mut written = Ok(());
        registry.cards(query, &mut |entry| {
            count += 1;
            written = self.put(&entry);
            written.is_ok()
        })?;
        written?;
        self.to.flush()?;
        Ok(count)
    }
}

fn json(to: &mut impl Write, value: &impl Serialize) -> io::Result<()> {
    serde_json::to_writer(&mut *to, value)?;
    to.write_all(b"\n")
}

/// A cell in which a mark or a comma stands for itself.
fn quoted(cell: &str) -> String {
    if cell.contains(['"', ',']) { format!("\"{}\"", cell.replace('"', "\"\"")) } else { cell.to_owned() }
}

fn line(entry: &CardEntry, set: Option<&KeySetEntry>) -> Line {
    let line = Line { card: Some(entry.card.0.clone()), profile: entry.profile.clone(), ..Line::default() };
    let Some(KeySetEntry { set, kcv_algorithm, kept_in, at, .. }) = set else { return line };
    let kcv = |digits| set.kcvs.get(digits).map(str::to_owned);
    Line {
        kvn: Some(number(set.kvn)),
        kcv_enc: kcv(0..6),
        kcv_mac: kcv(6..12),
        kcv_dek: kcv(12..18),
        kcv_algorithm: Some(kcv_algorithm.clone()),
        kept_in: Some(kept_in.clone()),
        at: Some(time(*at)),
        ..line
    }
}

fn number(kvn: u8) -> String {
    format!("0x{kvn:02X}")
}

/// A key set that is to be rotated.
#[derive(Serialize)]
struct Job<'a> {
    card: &'a str,
    kvn: String,
    kcvs: &'a str,
    from: String,
    to: Option<String>,
    kept_in: &'a str,
}

/// Writes a job file: JSON Lines of the key sets that come from a version, with `card`, `kvn`, `kcvs`, `from` and `to`
/// as in `vault:office/kmc:1` (`to` is null where there is no next version yet), and `kept_in`. How many there were.
///
/// # Errors
/// [`ExportError`]
pub fn write_jobs(
    registry: &dyn Registry,
    from: &VaultKey,
    to: Option<&VaultKey>,
    mut out: impl Write,
) -> Result<u64, ExportError> {
    let mut count = 0;
    let mut written = Ok(());
    registry.dependants(from, &mut |dependant| {
        let (card, set) = (&dependant.card.0, &dependant.set);
        let from = format!("vault:{}", set.from.as_ref().unwrap_or(from));
        let to = to.map(|to| format!("vault:{to}"));
        let (kvn, kcvs, kept_in) = (number(set.set.kvn), &set.set.kcvs, &set.kept_in);
        count += 1;
        written = json(&mut out, &Job { card, kvn, kcvs, from, to, kept_in });
        written.is_ok()
    })?;
    written?;
    out.flush()?;
    Ok(count)
}
