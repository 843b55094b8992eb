//! Keys of jobs: by what they are known again, and which chips have them.

use super::AttemptEntry;
use crate::{CardFacts, RegistryError};
use cardwright_keys::keyref::{KeyRef, Scheme, Source, VaultKey};
use cardwright_proto::gp::key::{Kcv, KeySet};

/// By what a key is known again: it belongs to the issuer and the domain of the first job that had it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum JobKey {
    /// Its reference, in a vault or a file. Which version and how diversified makes no difference: it is one key.
    Kept(String),
    /// What comes of it, wherever it is kept.
    Derives {
        /// The diversification.
        scheme: Scheme,
        /// GlobalPlatform's check values of the keys of a card with a KDD of zeros: ENC, MAC, DEK.
        kcvs: KeySet<Kcv>,
    },
}

impl JobKey {
    /// As it stands in a registry: two references to one key have one name.
    ///
    /// # Errors
    /// [`RegistryError::Unfit`] for text that is no reference of a kept key.
    pub fn known_as(&self) -> Result<String, RegistryError> {
        let unfit = |what: &str| RegistryError::Unfit(what.to_owned());
        let reference = match self {
            Self::Kept(reference) => reference,
            Self::Derives { scheme, kcvs } => {
                let kcvs: String = kcvs.iter().map(Kcv::to_string).collect();
                return Ok(format!("kcv:{}{kcvs}", scheme.prefix()));
            }
        };
        // It is not repeated: it may be a key typed by mistake.
        crate::cards::from(reference).map_err(|_| unfit("a key of a job is a key reference"))?;
        let reference: KeyRef = reference.parse().map_err(|_| unfit("a key of a job is a key reference"))?;
        match reference.source {
            Source::Vault(VaultKey { vault, key, .. }) => Ok(format!("vault:{vault}/{key}")),
            Source::File(path) => Ok(format!("file:{}", path.display())),
            Source::Fd(_) | Source::Prompt | Source::GpTest => {
                Err(unfit("a key of a job is kept in a vault or a file"))
            }
        }
    }
}

/// Why a chip is not what it was when it came: nobody takes it up as a blank again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotBlank {
    /// A key change is open.
    #[error("PUT KEY was sent to it, and nobody knows what became of it")]
    Sent,
    /// It is on record with them.
    #[error("it has the job's keys")]
    Keyed,
}

impl NotBlank {
    /// What the records have against a chip that was taken up; `None` where it may go back to the blanks.
    #[must_use]
    pub fn of(chip: &AttemptEntry, facts: &CardFacts) -> Option<Self> {
        if facts.open.as_ref().is_some_and(|open| open.sent) {
            return Some(Self::Sent);
        }
        let known_as = |reference: &str| JobKey::Kept(reference.to_owned()).known_as().ok();
        let (current, target) = (known_as(&chip.current), known_as(&chip.target));
        // Which version it got another run may have decided; only a job from one version to another tells them apart.
        let is_target = |kept_in: &String| {
            *kept_in == chip.target || (target.is_some() && current != target && known_as(kept_in) == target)
        };
        facts.entry.sets.iter().any(|set| is_target(&set.kept_in)).then_some(Self::Keyed)
    }
}
