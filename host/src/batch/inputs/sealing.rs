//! A data file with some of its fields sealed.

use super::row::{CardData, Value};
use super::{DataIndex, InputError, Owner};
use cardwright_hsm::sealed_field::{FieldPlace, seal as seal_field};
use cardwright_keys::key::KeyMaterial;
use cardwright_keys::keyref::Name;
use serde_json::{Map, json};
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;
use tempfile::NamedTempFile;
use zeroize::Zeroizing;

/// Writes a data file as JSON Lines into a new file, mode 0600, the values of these data groupings sealed for the job. What
/// was in the file.
///
/// # Errors
/// [`InputError`]: there is no new file then.
pub fn seal(from: &Path, to: &Path, job: &Name, key: &KeyMaterial, tags: &[u16]) -> Result<DataIndex, InputError> {
    let index = DataIndex::check(from)?;
    if let Some(tag) = tags.iter().find(|tag| !index.fields().contains_key(tag)) {
        return Err(InputError::NoField(*tag));
    }
    let directory = to.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    // Until it is whole it has another name: mode 0600 as all such files.
    let mut out = BufWriter::new(NamedTempFile::with_prefix_in(".cardwright-seal-", directory)?);
    for data in index.rows() {
        write_row(&mut out, &data?, (job, key), tags)?;
    }
    let whole = out.into_inner().map_err(std::io::IntoInnerError::into_error)?;
    whole.as_file().sync_all()?;
    whole.persist_noclobber(to).map_err(|error| error.error)?;
    File::open(directory)?.sync_all()?;
    Ok(index)
}

fn write_row(
    out: &mut impl Write,
    data: &CardData,
    (job, key): (&Name, &KeyMaterial),
    tags: &[u16],
) -> Result<(), InputError> {
    let owner = data.card.as_ref().map_or(Owner::Row(data.row), Owner::Card);
    let (mut clear, mut sealed) = (Map::new(), Map::new());
    for block in &data.blocks {
        let name = format!("{:04X}", block.tag);
        match &block.value {
            Value::Sealed { nonce, sealed: text } => {
                sealed.insert(name, hex::encode_upper([nonce.as_slice(), text].concat()).into());
            }
            Value::Clear(value) if tags.contains(&block.tag) => {
                let place = FieldPlace { job, owner, dgi: block.tag };
                sealed.insert(name, hex::encode_upper(seal_field(key, &place, value)?).into());
            }
            Value::Clear(value) => {
                clear.insert(name, hex::encode_upper(value).into());
            }
        }
    }
    let mut row = Map::new();
    if let Some(card) = &data.card {
        row.insert("card".to_owned(), card.0.clone().into());
    }
    for (name, groups) in [("dgi", clear), ("sealed", sealed)] {
        if !groups.is_empty() {
            row.insert(name.to_owned(), groups.into());
        }
    }
    let line = Zeroizing::new(format!("{}\n", json!(row)));
    Ok(out.write_all(line.as_bytes())?)
}
