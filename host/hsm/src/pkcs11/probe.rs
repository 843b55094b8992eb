//! `cardwright hsm probe`: what a token can do, tried and not believed, and attacks on throw-away keys.
//!
//! Everything is a session object, so that nothing outlives the process, however it ends.
//!
//! - `abilities`: mechanisms and field layouts, each compared with what software gives.
//! - `master`: what the same PIN can do to a master key.
//! - `copies`: derivations that put a master's own bytes into another key.
//! - `card_key`: what it can do to a card's keys on their way to the card.
//! - `import`: what it can do to a key that comes in from custodians (the profile of the custody protocol).

mod abilities;
mod card_key;
mod copies;
mod import;
mod master;

use super::bench::Bench;
use super::error::{TokenError, code_name};
use super::template::{self, Guard, Usage};
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
    findings.extend(copies::all(&bench()?)?);
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

/// Why an attack did not come to its end.
enum Stopped {
    /// Before the calls that it is about: whether it works is open.
    SetUp(TokenError),
    /// The token's answer to one of these.
    Answer(TokenError),
}

/// What is not marked as an answer is part of the set-up.
impl From<TokenError> for Stopped {
    fn from(error: TokenError) -> Self {
        Self::SetUp(error)
    }
}

type Tried = Result<Loot, Stopped>;

/// Marks the calls that an attack is about.
trait Answered<T> {
    fn answer(self) -> Result<T, Stopped>;
}

impl<T> Answered<T> for Result<T, TokenError> {
    fn answer(self) -> Result<T, Stopped> {
        self.map_err(Stopped::Answer)
    }
}

impl Stopped {
    const fn error(&self) -> &TokenError {
        match self {
            Self::SetUp(error) | Self::Answer(error) => error,
        }
    }

    /// Whether the token said no.
    fn is_refusal(&self) -> bool {
        matches!(self, Self::Answer(error) if error.is_refusal())
    }
}

/// Runs an attack. That the token refuses is an answer, that it went away is an error, and anything else leaves open
/// whether the attack would have worked.
fn attack(class: Class, attack: &'static str, run: impl FnOnce() -> Tried) -> Result<Finding, TokenError> {
    let verdict = match run() {
        Ok(Loot::Key) => Verdict::Works,
        Ok(Loot::Nothing(what)) => Verdict::Refused(what.to_owned()),
        Err(Stopped::SetUp(error) | Stopped::Answer(error)) if error.is_lost() => return Err(error),
        Err(stopped) if stopped.is_refusal() => {
            Verdict::Refused(stopped.error().code().map_or_else(String::new, code_name))
        }
        Err(stopped) => Verdict::NotTried(stopped.error().to_string()),
    };
    Ok(Finding { class, attack, verdict })
}

/// Several ways to the same end. One that works is enough; else all have to be refused.
fn any<F: FnOnce() -> Tried>(ways: impl IntoIterator<Item = F>) -> Tried {
    let mut refused = Ok(Loot::Nothing("there is no way to try"));
    let mut open = None;
    for way in ways {
        match way() {
            Ok(Loot::Key) => return Ok(Loot::Key),
            Err(stopped) if stopped.error().is_lost() => return Err(stopped),
            Err(stopped) if !stopped.is_refusal() => open = Some(stopped),
            nothing => refused = nothing,
        }
    }
    open.map_or(refused, Err)
}

/// A key that everybody knows.
const KNOWN: [u8; 16] = [0x4B; 16];

/// What is encrypted and signed where it does not matter what.
const BLOCK: [u8; 16] = [0x01; 16];

/// A known key, and the mechanisms with which it was seen to wrap: without one, a refusal to wrap says nothing.
struct Wrapping {
    known: ObjectHandle,
    mechanisms: Vec<Mechanism<'static>>,
}

impl Wrapping {
    fn new(bench: &Bench) -> Result<Self, TokenError> {
        let wraps = Usage { wrap: true, ..Usage::NONE };
        let known = bench.create(&template::known(KeyType::AES, &KNOWN, wraps, Guard::Inside))?;
        let any = bench.create(&template::known(KeyType::AES, &BLOCK, Usage::DERIVE, Guard::Extractable))?;
        let mut wrapping = Self { known, mechanisms: Vec::new() };
        for mechanism in [Mechanism::AesCbc([0; 16]), Mechanism::AesKeyWrap, Mechanism::AesKeyWrapPad] {
            match wrapping.wrap(bench, &mechanism, any) {
                Ok(_) => wrapping.mechanisms.push(mechanism),
                Err(error) if error.is_lost() => return Err(error),
                Err(_) => {}
            }
        }
        bench.discard(any)?;
        if wrapping.mechanisms.is_empty() {
            return Err(bench.nonsense("a known key that wraps nothing"));
        }
        Ok(wrapping)
    }

    fn wrap(&self, bench: &Bench, mechanism: &Mechanism<'_>, key: ObjectHandle) -> Result<Vec<u8>, TokenError> {
        bench.call(|session| session.wrap_key(mechanism, self.known, key))
    }
}

impl Bench {
    /// Whether the token shows the value of an object.
    fn shown(&self, object: ObjectHandle) -> Tried {
        let attributes = self.call(|session| session.get_attributes(object, &[AttributeType::Value])).answer()?;
        let shown = |attribute: &Attribute| matches!(attribute, Attribute::Value(value) if !value.is_empty());
        Ok(if attributes.iter().any(shown) { Loot::Key } else { Loot::Nothing("the value is not shown") })
    }

    /// Makes an AES key that nobody knows, for as long as this session lives.
    fn generate(&self, template: &[Attribute]) -> Result<ObjectHandle, TokenError> {
        self.call(|session| session.generate_key(&Mechanism::AesKeyGen, template)).map(|object| self.made(object))
    }

    /// Wraps under a key that everybody knows, in every way in which that is seen to wrap.
    fn wraps_under_known(&self, key: ObjectHandle) -> Tried {
        let wrapping = Wrapping::new(self)?;
        any(wrapping
            .mechanisms
            .iter()
            .map(|mechanism| || wrapping.wrap(self, mechanism, key).answer().map(|_| Loot::Key)))
    }

    /// KDF3 is nothing else than CMACs.
    fn signs(&self, key: ObjectHandle) -> Tried {
        self.call(|session| session.sign(&Mechanism::AesCMac, key, &BLOCK)).answer().map(|_| Loot::Key)
    }

    fn encrypts(&self, key: ObjectHandle) -> Tried {
        any([Mechanism::AesEcb, Mechanism::AesCbc([0; 16])].map(|mechanism| {
            move || self.call(|session| session.encrypt(&mechanism, key, &BLOCK)).answer().map(|_| Loot::Key)
        }))
    }
}

/// An attribute that makes a key weaker, and what is done with it then.
type Weakness = (Attribute, fn(&Bench, ObjectHandle) -> Tried);

/// Ways to weaken a key that is neither shown nor wrapped, and does not sign or encrypt.
fn weaknesses() -> [Weakness; 4] {
    [
        (Attribute::Sensitive(false), Bench::shown),
        (Attribute::Extractable(true), Bench::wraps_under_known),
        (Attribute::Sign(true), Bench::signs),
        (Attribute::Encrypt(true), Bench::encrypts),
    ]
}
