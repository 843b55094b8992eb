//! What two people sign: the fate of a chip, a record that is not made, a job that does not balance.
//!
//! [`Statement::text`] is what people read and what they sign. It is believed only as far as the signatures reach:
//! [`judge`] checks them again at the moment of use, against operators that stand in a file outside.

use super::Fate;
use crate::approval::{Operators, Reject, reason, seconds, time};
use crate::journal::CardId;
use crate::keyref::Name;

/// So many persons have to sign.
pub const SIGNERS: usize = 2;

/// What a statement says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    /// Where a chip went.
    Fate {
        /// The chip.
        card: CardId,
        /// Where it went.
        fate: Fate,
        /// When it was rejected: one that is tried once more, and rejected again, is another matter. Seconds since 1970-01-01
        /// UTC.
        rejected: u64,
    },
    /// A record is not made.
    Cancel {
        /// Its number, from 1.
        record: u64,
        /// When it became what it is. Seconds since 1970-01-01 UTC.
        since: u64,
    },
    /// The job is closed though chips are missing, or too many.
    Variance {
        /// [`Balance::open`](super::Balance::open)
        variance: i64,
        /// [`Balance`](super::Balance) in one line.
        balance: String,
    },
}

/// What somebody says of a job, for two people to sign.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statement {
    /// The job.
    pub job: Name,
    /// Whose job it is.
    pub issuer: Name,
    /// What is said.
    pub what: What,
    /// Why, in a person's words: [`reason`].
    pub reason: String,
    /// Who says so.
    pub by: Name,
    /// When. Seconds since 1970-01-01 UTC.
    pub at: u64,
}

/// Text that is no statement, or not in the one form that it is written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("that is no statement as this program writes it")]
pub struct NotAStatement;

const FIRST: &str = "cardwright statement 1";

impl Statement {
    /// The canonical bytes, which are words: what is shown is what is signed. Every line ends with a line feed; lines
    /// come in this order, each once.
    #[must_use]
    pub fn text(&self) -> String {
        let Self { job, issuer, what, reason, by, at } = self;
        let what = match what {
            What::Fate { card, fate, rejected } => {
                format!("what: fate\ncard: {card}\nfate: {fate}\nrejected at: {}\n", time(*rejected))
            }
            What::Cancel { record, since } => {
                format!("what: cancel\nrecord: {record}\nas it is since: {}\n", time(*since))
            }
            What::Variance { variance, balance } => {
                format!("what: variance\nvariance: {variance}\nbalance: {balance}\n")
            }
        };
        let at = time(*at);
        format!("{FIRST}\njob: {job}\nissuer: {issuer}\n{what}reason: {reason}\nstated by: {by}\nstated at: {at}\n")
    }

    /// Whether a signature of that time counts: none from before the statement, give or take what clocks differ.
    #[must_use]
    pub const fn is_signed_from(&self, at: u64) -> bool {
        at.saturating_add(SKEW) >= self.at
    }

    /// Reads what [`Self::text`] wrote.
    ///
    /// # Errors
    /// [`NotAStatement`] for anything that would not be written so again, byte for byte.
    pub fn parse(text: &str) -> Result<Self, NotAStatement> {
        // The other form of each field is found by writing it again.
        read(text).filter(|statement| statement.text() == text).ok_or(NotAStatement)
    }
}

fn read(text: &str) -> Option<Statement> {
    let lines = text.strip_prefix(FIRST)?.strip_prefix('\n')?.strip_suffix('\n')?;
    let lines: Option<Vec<_>> = lines.split('\n').map(|line| line.split_once(": ")).collect();
    let lines = lines?;
    let [
        ("job", job),
        ("issuer", issuer),
        ("what", kind),
        says @ ..,
        ("reason", why),
        ("stated by", by),
        ("stated at", at),
    ] = lines.as_slice()
    else {
        return None;
    };
    let what = match (*kind, says) {
        ("fate", [("card", chip), ("fate", fate), ("rejected at", rejected)]) => {
            What::Fate { card: card(chip)?, fate: fate.parse().ok()?, rejected: seconds(rejected).ok()? }
        }
        ("cancel", [("record", record), ("as it is since", since)]) => {
            let record = record.parse().ok().filter(|record: &u64| *record > 0)?;
            What::Cancel { record, since: seconds(since).ok()? }
        }
        ("variance", [("variance", variance), ("balance", balance)]) => {
            What::Variance { variance: variance.parse().ok()?, balance: reason(balance).ok()?.to_owned() }
        }
        _ => return None,
    };
    Some(Statement {
        job: job.parse().ok()?,
        issuer: issuer.parse().ok()?,
        what,
        reason: reason(why).ok()?.to_owned(),
        by: by.parse().ok()?,
        at: seconds(at).ok()?,
    })
}

/// A card's identity from its bytes.
fn card(text: &str) -> Option<CardId> {
    fn bytes<const N: usize>(digits: &str) -> Option<[u8; N]> {
        let mut bytes = [0; N];
        hex::decode_to_slice(digits, &mut bytes).ok().map(|()| bytes)
    }
    Some(match text.split_once('-') {
        Some((kdd, chip)) => CardId::new(&bytes(kdd)?, Some(&bytes(chip)?)),
        None => CardId::new(&bytes(text)?, None),
    })
}

/// What each of them signs: the words, with the own name and time.
#[must_use]
pub fn message(text: &str, operator: &Name, at: u64) -> Vec<u8> {
    let by = format!("signed by: {operator}\nsigned at: {}\n", time(at));
    [b"cardwright: I state\0", text.as_bytes(), by.as_bytes()].concat()
}

/// Why a statement does not count.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Doubt {
    /// The words on file are no statement.
    #[error("a statement on file is damaged: nobody can have signed it so")]
    Damaged,
    /// Not enough signatures that count.
    #[error("a statement needs the signatures of {SIGNERS} persons, {} count{}", signed.len(), because(rejected))]
    Missing {
        /// Who signed, each another person.
        signed: Vec<Name>,
        /// Whose signatures do not count, and why.
        rejected: Vec<(Name, Reject)>,
    },
}

fn because(rejected: &[(Name, Reject)]) -> String {
    rejected.iter().map(|(name, why)| format!("; {name}: {why}")).collect()
}

/// Clocks of two computers may differ by so many seconds.
const SKEW: u64 = 300;

/// Who signed, each another person, each before retirement by the time that is signed with the words. A signature is an
/// operator, seconds since 1970-01-01 UTC, and Ed25519 over [`message`].
///
/// # Errors
/// [`Doubt`]; fewer than [`SIGNERS`] are [`Doubt::Missing`].
pub fn judge(text: &str, signatures: &[(Name, u64, [u8; 64])], operators: &Operators) -> Result<Vec<Name>, Doubt> {
    let statement = Statement::parse(text).map_err(|NotAStatement| Doubt::Damaged)?;
    let (mut persons, mut signed, mut rejected) = (Vec::new(), Vec::new(), Vec::new());
    for (name, at, signature) in signatures {
        let judged = match operators.get(name) {
            None => Err(Reject::Unknown),
            Some(operator) if operator.retired.is_some_and(|retired| retired <= *at) => Err(Reject::Retired),
            Some(operator) if !operator.key.signed(&message(text, name, *at), signature) => Err(Reject::Signature),
            Some(operator) if persons.contains(&&operator.person) => Err(Reject::Again),
            // Whoever is retired could otherwise sign with a time before that.
            Some(_) if !statement.is_signed_from(*at) => Err(Reject::Late),
            Some(operator) => Ok(&operator.person),
        };
        match judged {
            Ok(person) => {
                persons.push(person);
                signed.push(name.clone());
            }
            Err(why) => rejected.push((name.clone(), why)),
        }
    }
    if signed.len() < SIGNERS { Err(Doubt::Missing { signed, rejected }) } else { Ok(signed) }
}

#[cfg(test)]
mod tests;
