//! The form of a plan's file, and how it becomes a [`Plan`].

use super::{CardRole, CeremonyMode, MAX_LEN, Person, PersonRole, Plan, PlanError, PlannedCard, PlannedKey, Revoked};
use crate::approval::one_line;
use cardwright_proto::custody::manifest::Operation;
use cardwright_proto::custody::share::{KeyType, Scheme};
use serde::Deserialize;

/// As it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    format: u32,
    title: String,
    #[serde(with = "Mode")]
    mode: CeremonyMode,
    steps: Vec<Step>,
    applet: String,
    key: Key,
    quorum: Quorum,
    #[serde(default)]
    person: Vec<WrittenPerson>,
    #[serde(default)]
    card: Vec<WrittenCard>,
    #[serde(default)]
    revoked: Vec<WrittenRevoked>,
}

#[derive(Deserialize)]
#[serde(remote = "CeremonyMode", rename_all = "lowercase")]
enum Mode {
    Blind,
    Host,
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum Step {
    Deal,
    Drill,
    Release,
    Destroy,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Key {
    name: String,
    #[serde(rename = "type", with = "Type")]
    key_type: KeyType,
    bits: u32,
    usage: u8,
}

#[derive(Deserialize)]
#[serde(remote = "KeyType", rename_all = "lowercase")]
enum Type {
    #[serde(rename = "3des")]
    TripleDes,
    Aes,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Quorum {
    #[serde(with = "Split")]
    scheme: Scheme,
    m: u8,
    n: Option<u8>,
    waiver: Option<String>,
}

#[derive(Deserialize)]
#[serde(remote = "Scheme", rename_all = "lowercase")]
enum Split {
    Shamir,
    Xor,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenPerson {
    name: String,
    #[serde(with = "PersonRoleName")]
    role: PersonRole,
}

#[derive(Deserialize)]
#[serde(remote = "PersonRole", rename_all = "lowercase")]
enum PersonRoleName {
    Administrator,
    Custodian,
    Witness,
    Auditor,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenCard {
    label: String,
    #[serde(with = "CardRoleName")]
    role: CardRole,
    holder: String,
    identity: Option<String>,
}

#[derive(Deserialize)]
#[serde(remote = "CardRole", rename_all = "lowercase")]
enum CardRoleName {
    Ca,
    Dealer,
    Combiner,
    Custodian,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenRevoked {
    certificate: String,
    reason: String,
}

impl From<Step> for Operation {
    fn from(step: Step) -> Self {
        match step {
            Step::Deal => Self::Deal,
            Step::Drill => Self::Drill,
            Step::Release => Self::Release,
            Step::Destroy => Self::Destroy,
        }
    }
}

/// Reads the file. Rules about more than one member of it are not checked here, but the number of shares is settled.
pub(super) fn read(source: &[u8]) -> Result<Plan, PlanError> {
    if source.len() > MAX_LEN {
        return Err(PlanError::TooLong(source.len()));
    }
    let text =
        str::from_utf8(source).map_err(|error| PlanError::NotText { line: line(source, error.valid_up_to()) })?;
    let written: Written = toml::from_str(text).map_err(|error| PlanError::Syntax {
        line: line(source, error.span().map_or(0, |span| span.start)),
        message: error.message().to_owned(),
    })?;
    if written.format != 1 {
        return Err(PlanError::Format(written.format));
    }
    let cards = written.card.into_iter().map(card).collect::<Result<Vec<_>, _>>()?;
    let n = count(written.quorum.n, &cards, written.mode)?;
    Ok(Plan {
        title: printable("the title", written.title, 100)?,
        mode: written.mode,
        key: key(written.key)?,
        scheme: written.quorum.scheme,
        m: written.quorum.m,
        waiver: written.quorum.waiver.map(|waiver| printable("the waiver", waiver, 500)).transpose()?,
        applet: bytes("the applet's hash", &written.applet)?,
        people: written.person.into_iter().map(person).collect::<Result<_, _>>()?,
        cards,
        steps: written.steps.into_iter().map(Operation::from).collect(),
        revoked: written.revoked.into_iter().map(revoked).collect::<Result<_, _>>()?,
        n,
        source: source.to_vec(),
    })
}

/// The line that a byte is in, from 1.
fn line(source: &[u8], at: usize) -> usize {
    1 + source.iter().take(at).filter(|byte| **byte == b'\n').count()
}

/// The number of shares: that of the custodians' cards. Where the host deals, shares may go to something else.
fn count(n: Option<u8>, cards: &[PlannedCard], mode: CeremonyMode) -> Result<u8, PlanError> {
    let found = cards.iter().filter(|card| card.role == CardRole::Custodian).count();
    match (n, found) {
        (None, 0) if mode == CeremonyMode::Host => Err(PlanError::NoCount),
        (Some(n), 0) if mode == CeremonyMode::Host => Ok(n),
        (Some(n), _) if usize::from(n) != found => Err(PlanError::Count { n, cards: found }),
        _ => u8::try_from(found).map_err(|_| PlanError::Cards { role: CardRole::Custodian, found }),
    }
}

fn key(key: Key) -> Result<PlannedKey, PlanError> {
    let key_length = match (key.key_type, key.bits) {
        (_, 128) => 16,
        (_, 192) => 24,
        (KeyType::Aes, 256) => 32,
        (key_type, bits) => return Err(PlanError::Bits { key_type, bits }),
    };
    Ok(PlannedKey {
        name: printable("the key's name", key.name, 64)?,
        key_type: key.key_type,
        key_length,
        usage: key.usage,
    })
}

fn person(person: WrittenPerson) -> Result<Person, PlanError> {
    Ok(Person { name: printable("the name", person.name, 64)?, role: person.role })
}

fn card(card: WrittenCard) -> Result<PlannedCard, PlanError> {
    let typed = |byte: u8| byte.is_ascii_alphanumeric() || b".-_".contains(&byte);
    if !(1..=16).contains(&card.label.len()) || !card.label.bytes().all(typed) {
        return Err(PlanError::Label(card.label));
    }
    let identity = card.identity.map(|identity| bytes("the card's identity", &identity)).transpose()?;
    Ok(PlannedCard { label: card.label, role: card.role, holder: card.holder, identity })
}

fn revoked(revoked: WrittenRevoked) -> Result<Revoked, PlanError> {
    let certificate = bytes("the certificate's hash", &revoked.certificate)?;
    Ok(Revoked { certificate, reason: printable("the reason", revoked.reason, 100)? })
}

fn bytes<const N: usize>(what: &'static str, text: &str) -> Result<[u8; N], PlanError> {
    let mut bytes = [0; N];
    let wrong = || PlanError::Hex { what, value: text.to_owned(), bytes: N };
    hex::decode_to_slice(text, &mut bytes).map(|()| bytes).map_err(|_| wrong())
}

/// Text that looks the same to everybody who reads it, and no other text does.
fn printable(what: &'static str, value: String, max: usize) -> Result<String, PlanError> {
    let fits = (1..=max).contains(&value.chars().count());
    // Which of two forms a character has that does not show by itself.
    let selector = |character| ('\u{FE00}'..='\u{FE0F}').contains(&character);
    let spaces = value.chars().zip(value.chars().skip(1)).any(|(a, b)| a.is_whitespace() && b.is_whitespace());
    if fits && value.trim() == value && one_line(&value) && !value.contains(selector) && !spaces {
        Ok(value)
    } else {
        Err(PlanError::Text { what, value, max })
    }
}
