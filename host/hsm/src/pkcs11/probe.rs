//! `cardwright hsm probe`: what a token can do, tried and not believed, and attacks on throw-away keys.
//!
//! Everything is a session object, so that nothing outlives the process, however it ends.
//!
//! - [`abilities`]: mechanisms and field layouts, each compared with what software gives.
//! - [`master`]: what the same PIN can do to a master key.
//! - [`card_key`]: what it can do to a card's keys on their way to the card.
//! - [`import`]: what it can do to a key that comes in from custodians (the profile of the custody protocol).

mod abilities;
mod card_key;
mod import;
mod master;

use super::bench::Bench;
use super::error::{TokenError, code_name};
use super::template::{self, Guard, Usage};
use cryptoki::error::RvError;
use cryptoki::mechanism::Mechanism;
use cryptoki::object::{Attribute, AttributeType, KeyType, ObjectHandle};
use std::fmt;

/// Whose key an attack gives away, or what it undoes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Class {
    /// A master: all cards.
    Master,
    /// The keys of the card at hand.
    CardKey,
    /// A master that is being imported from custodians.
    Import,
}

impl fmt::Display for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Master => "MASTER",
            Self::CardKey => "CARD KEY",
            Self::Import => "IMPORT",
        })
    }
}

/// How an attack ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The token refused, or gave nothing away: with what, in the token's words.
    Refused(String),
    /// It gave the key away.
    Works,
    /// It could not be tried; what stood in the way. Nothing holds that was not tried.
    NotTried(String),
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(how) => write!(f, "refused: {how}"),
            Self::Works => f.write_str("WORKS"),
            Self::NotTried(why) => write!(f, "not tried: {why}"),
        }
    }
}

/// One attack, and how it ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// What it is after.
    pub class: Class,
    /// What was done.
    pub attack: &'static str,
    /// How it ended.
    pub verdict: Verdict,
}

/// One thing that a token can do for us, or not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ability {
    /// What it is good for, and with what mechanism.
    pub what: &'static str,
    /// `Ok` where it works and gives what software gives; else why not.
    pub works: Result<(), String>,
}

/// What is asked of a token.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Profile {
    /// A master that was made inside stays inside, and gives no readable card key.
    Master,
    /// A master that comes from custodians does too.
    Import,
    /// Both.
    #[default]
    All,
}

impl Profile {
    /// Whether findings of a class count. An attack of class CARD KEY is inherent in PUT KEY over PKCS#11.
    const fn asks(self, class: Class) -> bool {
        matches!((self, class), (Self::Master | Self::All, Class::Master) | (Self::Import | Self::All, Class::Import))
    }
}

/// All that was tried.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// Mechanisms and layouts.
    pub abilities: Vec<Ability>,
    /// Attacks.
    pub findings: Vec<Finding>,
}

impl Report {
    /// Whether the profile holds: every attack that it is about was tried and refused.
    #[must_use]
    pub fn holds(&self, profile: Profile) -> bool {
        let counted = |finding: &&Finding| profile.asks(finding.class);
        self.findings.iter().filter(counted).all(|finding| matches!(finding.verdict, Verdict::Refused(_)))
    }
}

/// Tries everything. `bench` makes one session of its own for each part.
///
/// # Errors
/// [`TokenError`] where the token went away.
pub(super) fn run(bench: impl Fn() -> Result<Bench, TokenError>) -> Result<Report, TokenError> {
    let abilities = abilities::all(&bench()?)?;
    let mut findings = master::all(&bench()?)?;
    findings.extend(card_key::all(&bench()?)?);
    findings.extend(import::all(&bench()?)?);
    Ok(Report { abilities, findings })
}

/// What an attack brought.
enum Loot {
    /// The key, or the use of it.
    Key,
    /// The calls went through, and what came out is not the key.
    Nothing(&'static str),
}

/// Runs an attack. That the token refuses is an answer, that it went away is an error, and anything else leaves open
/// whether the attack would have worked.
fn attack(
    class: Class,
    attack: &'static str,
    run: impl FnOnce() -> Result<Loot, TokenError>,
) -> Result<Finding, TokenError> {
    let verdict = match run() {
        Ok(Loot::Key) => Verdict::Works,
        Ok(Loot::Nothing(what)) => Verdict::Refused(what.to_owned()),
        Err(error) if error.is_lost() => return Err(error),
        Err(error) => match error.code() {
            Some(code) if is_refusal(code) => Verdict::Refused(code_name(code)),
            _ => Verdict::NotTried(error.to_string()),
        },
    };
    Ok(Finding { class, attack, verdict })
}

/// The answers of a token that does not allow something, or does not know it.
const fn is_refusal(code: RvError) -> bool {
    use RvError as Rv;
    matches!(
        code,
        Rv::ActionProhibited
            | Rv::AttributeReadOnly
            | Rv::AttributeSensitive
            | Rv::AttributeTypeInvalid
            | Rv::AttributeValueInvalid
            | Rv::FunctionNotSupported
            | Rv::KeyFunctionNotPermitted
            | Rv::KeyNotWrappable
            | Rv::KeyTypeInconsistent
            | Rv::KeyUnextractable
            | Rv::MechanismInvalid
            | Rv::MechanismParamInvalid
            | Rv::TemplateInconsistent
            | Rv::UnwrappingKeyTypeInconsistent
            | Rv::WrappingKeyHandleInvalid
            | Rv::WrappingKeyTypeInconsistent
    )
}

/// A key that everybody knows.
const KNOWN: [u8; 16] = [0x4B; 16];

impl Bench {
    /// Whether the token shows the value of an object.
    fn shown(&self, object: ObjectHandle) -> Result<Loot, TokenError> {
        let attributes = self.call(|session| session.get_attributes(object, &[AttributeType::Value]))?;
        let shown = |attribute: &Attribute| matches!(attribute, Attribute::Value(value) if !value.is_empty());
        Ok(if attributes.iter().any(shown) { Loot::Key } else { Loot::Nothing("the value is not shown") })
    }

    /// Makes an AES key that nobody knows, for as long as this session lives.
    fn generate(&self, template: &[Attribute]) -> Result<ObjectHandle, TokenError> {
        self.call(|session| session.generate_key(&Mechanism::AesKeyGen, template)).map(|object| self.made(object))
    }

    /// Wraps under a key that everybody knows, with each mechanism that there is, until one does it. That the known key wraps
    /// at all is tried first: without that, a refusal says nothing.
    fn wraps_under_known(&self, key: ObjectHandle) -> Result<Loot, TokenError> {
        let usage = Usage { wrap: true, decrypt: true, ..Usage::NONE };
        let known = self.create(&template::known(KeyType::AES, &KNOWN, usage, Guard::Inside))?;
        let any = self.generate(&template::session_key(16, Usage::DERIVE, Guard::Extractable))?;
        match self.wraps_anyhow(known, any) {
            Ok(Loot::Key) => self.wraps_anyhow(known, key),
            _ => Err(self.nonsense("a known key that wraps nothing")),
        }
    }

    fn wraps_anyhow(&self, with: ObjectHandle, key: ObjectHandle) -> Result<Loot, TokenError> {
        let mechanisms = [Mechanism::AesKeyWrap, Mechanism::AesKeyWrapPad, Mechanism::AesCbc([0; 16])];
        let mut refused = None;
        for mechanism in mechanisms {
            match self.call(|session| session.wrap_key(&mechanism, with, key)) {
                Ok(_) => return Ok(Loot::Key),
                Err(error) => refused = Some(error),
            }
        }
        refused.map_or(Ok(Loot::Nothing("nothing wraps")), Err)
    }
}
