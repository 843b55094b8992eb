//! Which of many keys a card has: one INITIALIZE UPDATE, every candidate tried offline, nothing sent after it.

use crate::error::Error;
use crate::session::Initialized;
use cardwright_keys::keyref::{KeyRef, Scheme, Source};
use cardwright_keys::lifecycle::Use;
use cardwright_keys::vault::{Vault, VaultError};
use cardwright_proto::gp::key::{Kcv, KeySet};
use cardwright_proto::scp::scp03::Match;

/// What came of one candidate.
#[derive(Clone, Debug)]
pub struct Verdict {
    /// The candidate, with its diversification.
    pub key: KeyRef,
    /// The check values that it gives for this card; `None` where the scheme does not work with that key, or its vault
    /// does not do it.
    pub kcvs: Option<KeySet<Kcv>>,
    /// What the card's answer says.
    pub matched: Match,
}

/// Each reference as given; and one given without a diversification also with every one.
#[must_use]
pub fn expand(keys: &[KeyRef]) -> Vec<KeyRef> {
    let mut all = Vec::new();
    for key in keys {
        let schemes: &[Scheme] = if key.scheme == Scheme::Plain { &Scheme::ALL } else { &[key.scheme] };
        for scheme in schemes {
            let candidate = KeyRef { scheme: *scheme, ..key.clone() };
            if !all.contains(&candidate) {
                all.push(candidate);
            }
        }
    }
    all
}

/// Tries every candidate, and of a key in a vault every version that may still be read with.
///
/// # Errors
/// [`Error::Vault`] where the vault fails for another reason than a scheme that does not fit the key.
pub fn check<V: Vault>(initialized: &Initialized, vault: &V, candidates: &[KeyRef]) -> Result<Vec<Verdict>, Error> {
    let mut verdicts = Vec::with_capacity(candidates.len());
    let versions = candidates.iter().map(|key| vault.versions(key, Use::Process)).collect::<Result<Vec<_>, _>>()?;
    for key in versions.iter().flatten() {
        let verdict = match initialized.try_key(vault, key) {
            Ok(tried) => Verdict { key: key.clone(), kcvs: Some(tried.kcvs), matched: tried.matched },
            Err(Error::Vault(
                VaultError::Diversification { .. } | VaultError::Purpose { .. } | VaultError::Unable { .. },
            )) => Verdict { key: key.clone(), kcvs: None, matched: Match { key_mac: false, key_enc: None } },
            Err(error) => return Err(error),
        };
        verdicts.push(verdict);
    }
    Ok(verdicts)
}

/// Whether keys are known to everybody.
#[must_use]
pub fn well_known(key: &KeyRef) -> bool {
    key.source == Source::GpTest
}
