//! What is known of a card.

use crate::RegistryError;
use cardwright_keys::approval::{one_line, reason};
use cardwright_keys::journal::{CardId, Failures, OpenChange, SetId};
use cardwright_keys::key::Algorithm;
use cardwright_keys::keyref::{KeyRef, Source, VaultKey};
use cardwright_proto::gp::key::Kvn;

/// A card as it is written down, by a key change or by a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CardEntry {
    /// Its identity: the KDD, and the chip's CPLC bytes where they are known.
    pub card: CardId,
    /// What kind of card it is, in a person's words: at most 100 bytes.
    pub profile: Option<String>,
    /// The key sets that it has now, by number.
    pub sets: Vec<KeySetEntry>,
}

/// A key set on a card.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeySetEntry {
    /// Number and check values.
    pub set: SetId,
    /// The check values' algorithm: `AES` (GlobalPlatform: over 16 x 01).
    pub kcv_algorithm: String,
    /// Where the keys are kept: a key reference, with diversification in front and version behind.
    pub kept_in: String,
    /// The version that they come from, where [`Self::kept_in`] names a vault: [`from`] of it.
    pub from: Option<VaultKey>,
    /// When they were loaded, or written down. Seconds since 1970-01-01 UTC.
    pub at: u64,
}

/// A card with everything that is known of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CardFacts {
    /// The card and its key sets.
    pub entry: CardEntry,
    /// The last sequence counter of each set.
    pub counters: Vec<(SetId, u32)>,
    /// Authentications since the last one that was accepted.
    pub failures: Failures,
    /// The key change that has not ended.
    pub open: Option<OpenChange>,
    /// What was told of the end of key changes, the last one first: when, what it aimed at, how it ended in words.
    pub ended: Vec<(u64, SetId, String)>,
}

/// Which cards are meant. Every part that is given has to fit.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CardQuery {
    /// The identity begins so: hex digits, upper case.
    pub begins: Option<String>,
    /// The profile is this.
    pub profile: Option<String>,
    /// It has a set of that number.
    pub kvn: Option<u8>,
    /// It has keys from this version; from any where the key names none.
    pub from: Option<VaultKey>,
}

/// The longest text of where keys are kept, in bytes: a path and what stands around it.
const KEPT_IN_MAX: usize = 8192;

/// The last second that has a date for people to read, of the year 9999: seconds since 1970-01-01 UTC.
pub(crate) const MOMENT_MAX: u64 = 253_402_207_200;

/// The longest profile, in bytes.
const PROFILE_MAX: usize = 100;

/// The version that a key reference names, where it names a key in a vault. A reference without a version was written
/// before there were any: what a vault keeps under the bare name is the first one.
///
/// # Errors
/// What is wrong with the text.
pub fn from(kept_in: &str) -> Result<Option<VaultKey>, &'static str> {
    if kept_in.len() > KEPT_IN_MAX || !one_line(kept_in) {
        return Err("where the keys are kept is one line of at most 8192 bytes");
    }
    let kept: KeyRef = kept_in.parse().map_err(|_| "where the keys are kept is a key reference")?;
    Ok(match kept.source {
        Source::Vault(key) => Some(key.at(key.version.unwrap_or(1))),
        Source::File(_) | Source::Fd(_) | Source::Prompt | Source::GpTest => None,
    })
}

/// Reads a card's identity: 20 hex digits, upper case, and maybe a dash and 24 more.
#[must_use]
pub fn card_id(text: &str) -> Option<CardId> {
    let digits =
        |text: &str, count| text.len() == count && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'A'..=b'F'));
    let good = match text.split_once('-') {
        Some((kdd, chip)) => digits(kdd, 20) && digits(chip, 24),
        None => digits(text, 20),
    };
    good.then(|| CardId(text.to_owned()))
}

impl CardEntry {
    /// Whether it can be kept. Whatever a registry holds fulfils this.
    ///
    /// # Errors
    /// [`RegistryError::Unfit`], naming the card where it has a name.
    pub fn check(&self) -> Result<(), RegistryError> {
        let Some(CardId(card)) = card_id(&self.card.0) else {
            return Err(RegistryError::Unfit("a card is named by 20 hex digits, and maybe `-` and 24 more".to_owned()));
        };
        let unfit = |what: &str| RegistryError::Unfit(format!("card {card}: {what}"));
        self.profile.as_deref().map_or(Ok(()), profile).map_err(unfit)?;
        self.sets.iter().try_for_each(|set| set.check().map_err(unfit))
    }
}

/// Whether this is a profile.
pub(crate) fn profile(text: &str) -> Result<(), &'static str> {
    let good = !text.is_empty() && text.len() <= PROFILE_MAX && reason(text).is_ok();
    if good { Ok(()) } else { Err("a profile is one line of 1 to 100 bytes, without white space at an end") }
}

/// Whether this is an algorithm of check values.
pub(crate) fn kcv_algorithm(text: &str) -> Result<(), &'static str> {
    let known = [Algorithm::Aes, Algorithm::TripleDes, Algorithm::Aria, Algorithm::Seed].map(Algorithm::name);
    if known.contains(&text) { Ok(()) } else { Err("algorithms of check values are AES, 3DES, ARIA and SEED") }
}

/// Number and check values of a set; these as bytes.
pub(crate) fn set_bytes(set: &SetId) -> Result<(u8, [u8; 9]), &'static str> {
    Kvn::on_card(set.kvn).map_err(|_| "a key set's number is 0x01 to 0x7F, or 0xFF for initial keys")?;
    Ok((set.kvn, check_values(&set.kcvs)?))
}

/// The check values of a set as bytes: ENC, MAC, DEK, three each.
pub(crate) fn check_values(hex: &str) -> Result<[u8; 9], &'static str> {
    let mut kcvs = [0; 9];
    let upper = hex.bytes().all(|byte| !byte.is_ascii_lowercase());
    hex::decode_to_slice(hex, &mut kcvs)
        .ok()
        .filter(|()| upper)
        .ok_or("check values of a set are 18 hex digits, upper case")?;
    Ok(kcvs)
}

impl KeySetEntry {
    /// With [`Self::from`] out of [`Self::kept_in`].
    ///
    /// # Errors
    /// What is wrong with the text.
    pub fn new(set: SetId, kcv_algorithm: String, kept_in: String, at: u64) -> Result<Self, &'static str> {
        let from = from(&kept_in)?;
        Ok(Self { set, kcv_algorithm, kept_in, from, at })
    }

    fn check(&self) -> Result<(), &'static str> {
        set_bytes(&self.set)?;
        kcv_algorithm(&self.kcv_algorithm)?;
        if self.at > MOMENT_MAX {
            return Err("a moment is before the year 10000");
        }
        if from(&self.kept_in)? != self.from {
            return Err("the version that keys come from is the one that the reference names");
        }
        Ok(())
    }

    /// Whether the other says the same of the card, whenever it was written down.
    pub(crate) fn same_as(&self, other: &Self) -> bool {
        (&self.set, &self.kcv_algorithm, &self.kept_in) == (&other.set, &other.kcv_algorithm, &other.kept_in)
    }
}
