//! Keys by reference: what they are for, and what the registry knows of them. No key is opened for a report.

use super::outside::outside;
use super::tally::{Apart, Tally};
use super::{Account, ReportError};
use cardwright_keys::job::Job;
use cardwright_keys::keyref::{KeyRef, Source};
use cardwright_registry::Registry;

/// A reference that occurs in a job.
#[derive(Clone, Debug)]
pub(super) struct Used {
    /// What it is for.
    pub(super) what: &'static str,
    /// As it is written.
    pub(super) reference: String,
    /// Key version number on the cards, as in `0x30`; empty where they name none.
    pub(super) kvn: String,
    /// Chips that it was used with.
    pub(super) chips: u64,
    /// Check values of the vault's version with their algorithm, as the registry has them; empty where it knows none.
    pub(super) kcvs: String,
    /// Where it is.
    source: Option<Source>,
}

/// All that occur: those that chips came with, those that they have, the one of sealed data.
pub(super) fn used<R: Registry>(registry: &R, job: &Job, tally: &Tally) -> Result<Vec<Used>, ReportError> {
    let target = job.target.kvn.to_string();
    let mut all = Vec::new();
    let with = "the chips came with it";
    let on_list = job.deliveries.iter().map(|delivery| delivery.key.to_string());
    for (reference, chips) in counted(&tally.had, on_list) {
        all.push(of(registry, (with, None), reference, chips)?);
    }
    // A path in the job's file is meant from there: what was used stands with the cards.
    let wanted = Some(job.target.key.to_string()).filter(|_| tally.have.by.is_empty());
    for (reference, chips) in counted(&tally.have, wanted.into_iter()) {
        all.push(of(registry, ("chips have proved keys from it", Some(&target)), reference, chips)?);
    }
    if let Some(key) = job.data.as_ref().and_then(|data| data.key.as_ref()) {
        all.push(of(registry, ("sealed data is under it", Some("")), key.to_string(), 0)?);
    }
    Ok(all)
}

/// Those that were counted; where there are none, those that the job names.
fn counted(of: &Apart<u64>, named: impl Iterator<Item = String>) -> Vec<(String, u64)> {
    if of.by.is_empty() {
        return named.map(|reference| (reference, 0)).collect();
    }
    of.by.iter().map(|(reference, chips)| (reference.clone(), *chips)).collect()
}

fn of<R: Registry>(
    registry: &R,
    (what, kvn): (&'static str, Option<&str>),
    reference: String,
    chips: u64,
) -> Result<Used, ReportError> {
    let key: Option<KeyRef> = reference.parse().ok();
    let set = key.as_ref().and_then(|key| key.kvn).map(|kvn| kvn.to_string());
    let source = key.map(|key| key.source);
    let kcvs = if let Some(Source::Vault(key)) = &source {
        registry.key(key)?.map(|entry| {
            let meant = |version: u32| key.version.is_none_or(|wanted| wanted == version);
            let algorithm = entry.key_type.algorithm().name();
            let shown = entry.versions.iter().filter(|one| meant(one.version)).filter_map(|one| {
                let kcvs = one.kcvs.as_ref()?;
                Some(format!("{kcvs} ({algorithm}), version {}", one.version))
            });
            shown.collect::<Vec<_>>().join("; ")
        })
    } else {
        None
    };
    let kvn = kvn.map(str::to_owned).or(set).unwrap_or_default();
    Ok(Used { what, reference, kvn, chips, kcvs: kcvs.unwrap_or_default(), source })
}

impl Account<'_> {
    /// Who has a key in hand, as far as its reference and the configuration say.
    pub(super) fn custody(&self, key: &Used) -> String {
        match &key.source {
            Some(Source::Vault(vault)) => {
                let known = self.facts.vaults.iter().find(|(name, _)| *name == vault.vault);
                let vault = outside(vault.vault.as_str());
                known.map_or_else(|| format!("vault {vault}"), |(_, what)| format!("vault {vault}: {}", outside(what)))
            }
            Some(Source::File(_)) => "a file: all keys pass through the computer's memory".to_owned(),
            Some(Source::GpTest) => "the public test key: everybody has it".to_owned(),
            Some(Source::Fd(_) | Source::Prompt) => "given when it was run: software".to_owned(),
            None => "none is named".to_owned(),
        }
    }
}
