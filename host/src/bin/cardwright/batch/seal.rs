//! `cardwright batch seal`: fields of a data file encrypted under the job's key.

use super::advice::JobFailure;
use super::job::parsed;
use super::plan::{fields_json, fields_text};
use crate::advice::Failure;
use crate::args::SealArgs;
use crate::config::Settings;
use crate::{output, setup};
use cardwright::batch::inputs::{Field, InputError, seal};
use cardwright_keys::key::Algorithm;
use cardwright_keys::vault::Purpose;
use serde_json::json;

pub(super) fn run(settings: &Settings, args: &SealArgs) -> Result<(), Failure> {
    let (job, _) = parsed(&args.job)?;
    let data = job.data.as_ref().ok_or(JobFailure::NoSealingKey)?;
    let key = data.key.as_ref().ok_or(JobFailure::NoSealingKey)?;
    let to = args.job.parent().unwrap_or(std::path::Path::new("")).join(&data.file);
    if to.symlink_metadata().is_ok() {
        return Err(Failure::FileExists(to));
    }
    let wrong = |error: InputError| JobFailure::Input { path: args.from.clone(), error };
    let index = setup::with_keys(|| {
        let vault = setup::load_keys(settings, [key])?;
        let material = vault.material(key, (Purpose::Enc, Some(Algorithm::Aes)))?;
        Ok(seal(&args.from, &to, &job.name, material, &args.dgi).map_err(wrong)?)
    })?;
    let (to, rows) = (to.display().to_string(), index.pinned().cards);
    let sealed =
        |tag: &u16, field: &Field| if args.dgi.contains(tag) { field.clear + field.sealed } else { field.sealed };
    let fields = index.fields().iter().map(|(tag, field)| {
        let (all, sealed) = (field.clear + field.sealed, sealed(tag, field));
        (*tag, Field { clear: all - sealed, sealed })
    });
    let fields = fields.collect();
    if settings.json {
        return output::json(&json!({ "file": to, "rows": rows, "fields": fields_json(&fields) }));
    }
    let (to, from) = (output::harmless(&to), output::harmless(&args.from.display().to_string()));
    output::text(&format!(
        "{rows} rows written to {to}:\n{}{from} still has the sealed fields in clear: destroy it\n",
        fields_text(&fields)
    ))
}
