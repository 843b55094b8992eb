//! People at a terminal. What they are asked is on standard error; what they answer comes from standard input, PINs from
//! the terminal without echo.

use super::into::Release;
use crate::advice::Failure;
use crate::args::{CardsArgs, KeyText};
use crate::config::Settings;
use crate::output::harmless;
use crate::setup;
use cardwright::card::Card;
use cardwright::ceremony::directory::Directory;
use cardwright::ceremony::people::{By, Compared, Delivery, Dice, People, Question, Wanted};
use cardwright::ceremony::{CeremonyError, NotThis};
use cardwright::error::Error;
use cardwright_hsm::SecretSource;
use cardwright_keys::ceremony::plan::{Person, PersonRole, Plan};
use cardwright_keys::ceremony::words::words;
use cardwright_link::Transport;
use cardwright_proto::custody::certificate::KeyAlgorithm;
use cardwright_proto::custody::manifest::Place;
use cardwright_proto::custody::{Hash, Pin};
use cardwright_proto::gp::key::Kcv;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead, Write};
use std::path::PathBuf;

/// Whoever sits here.
pub(super) struct Terminal<'s> {
    settings: &'s Settings,
    /// Cards with a reader of their own, by label.
    readers: BTreeMap<String, String>,
    /// Where PINs come from that are not asked for, by label.
    pins: BTreeMap<String, SecretSource>,
    /// Where throws of dice come from, by label of a custodian's card.
    dice: BTreeMap<String, SecretSource>,
    unattended: bool,
    /// What cannot be undone is meant.
    yes: bool,
    directory: PathBuf,
    /// The vault that a release goes to; without one it goes into a file.
    release: Option<Release>,
}

/// For `map_err`: a ceremony's error as this program's.
pub(super) fn stop(error: CeremonyError) -> Failure {
    Error::from(error).into()
}

impl<'s> Terminal<'s> {
    pub(super) fn new(
        settings: &'s Settings,
        args: &CardsArgs,
        directory: &Directory,
        yes: bool,
    ) -> Result<Self, Failure> {
        let plan = &directory.plan;
        let pins = sources(plan, &args.pin)?;
        let readers = args.card.iter().map(|(label, uri)| Ok((planned(plan, label)?, uri.clone())));
        let readers = readers.collect::<Result<_, Failure>>()?;
        let (unattended, directory) = (args.unattended, directory.path().to_owned());
        Ok(Self { settings, readers, pins, dice: BTreeMap::new(), unattended, yes, directory, release: None })
    }

    /// Custodians throw dice.
    pub(super) fn take_dice(&mut self, plan: &Plan, dice: &[KeyText]) -> Result<(), Failure> {
        self.dice = sources(plan, dice)?;
        let custodian = |label: &String| {
            (1..=plan.n()).any(|x| plan.card(Place::Custodian(x)).is_some_and(|card| card.label == *label))
        };
        match self.dice.keys().find(|label| !custodian(label)) {
            Some(label) => Err(Failure::NoSuchCard(label.clone())),
            None => Ok(()),
        }
    }

    /// What is released goes into a vault.
    pub(super) fn deliver_into(&mut self, release: Release) {
        self.release = Some(release);
    }

    /// The release is done: its import key is destroyed.
    pub(super) fn released(&mut self) -> Result<(), Failure> {
        self.release.take().map_or(Ok(()), Release::finish)
    }

    fn open(&self, uri: &str) -> Result<Card<Box<dyn Transport>>, Failure> {
        setup::open_card_at(self.settings, uri)
    }

    fn source(&self, wanted: &Wanted) -> Result<SecretSource, Failure> {
        match self.pins.get(&wanted.label) {
            Some(source) => Ok(source.clone()),
            None if self.unattended => Err(stop(CeremonyError::Nobody("a PIN is wanted"))),
            None => Ok(SecretSource::Prompt),
        }
    }
}

/// Where what belongs to a card comes from, by its label.
fn sources(plan: &Plan, texts: &[KeyText]) -> Result<BTreeMap<String, SecretSource>, Failure> {
    let source = |text: &KeyText| {
        // What is not LABEL=SOURCE may be the secret itself: it is not repeated.
        let (label, source) = text.0.split_once('=').ok_or(Failure::PinSource)?;
        let source = source.parse().map_err(|_| Failure::PinSource)?;
        Ok((planned(plan, label)?, source))
    };
    texts.iter().map(source).collect()
}

/// A label that the plan has.
fn planned(plan: &Plan, label: &str) -> Result<String, Failure> {
    let card = plan.cards.iter().find(|card| card.label == label);
    card.map(|card| card.label.clone()).ok_or_else(|| Failure::NoSuchCard(label.chars().take(16).collect()))
}

/// A line that somebody types.
fn line(what: &'static str) -> Result<String, Failure> {
    let mut line = String::new();
    match std::io::stdin().lock().read_line(&mut line) {
        Ok(read) if read > 0 => Ok(line.trim().to_owned()),
        _ => Err(stop(CeremonyError::Nobody(what))),
    }
}

fn pin(source: &SecretSource, what: &str) -> Result<Pin, Failure> {
    let text = source.read(what, &mut setup::Terminal)?;
    Pin::new(text.trim_ascii()).map_err(|error| Failure::Pin { from: source.to_string(), error })
}

/// "C2 (Ben Carter)".
fn card_of(wanted: &Wanted) -> String {
    format!("{} ({})", harmless(&wanted.label), harmless(&wanted.holder))
}

impl People for Terminal<'_> {
    type Error = Failure;

    fn put_in(&mut self, wanted: &Wanted, not_this: Option<&NotThis>) -> Result<Card<Box<dyn Transport>>, Failure> {
        let wrong = |why: &NotThis| CeremonyError::WrongCard { wanted: wanted.label.clone(), why: why.clone() };
        let card = card_of(wanted);
        if not_this.is_none() {
            eprintln!("visit {} of {}: card {card}, {}", wanted.number, wanted.of, wanted.purpose);
        }
        if let Some(uri) = self.readers.get(&wanted.label) {
            return not_this.map_or_else(|| self.open(uri), |why| Err(stop(wrong(why))));
        }
        let uri = self.settings.reader.as_deref().ok_or(Failure::NoReader)?;
        match not_this {
            Some(why) if self.unattended => return Err(stop(wrong(why))),
            Some(why) => eprintln!("  {}", harmless(&why.to_string())),
            None => {}
        }
        if !self.unattended {
            eprint!("  put in card {card}, then press Enter: ");
            line("a card is to be put in")?;
        }
        self.open(uri)
    }

    fn pin(&mut self, wanted: &Wanted, left: Option<u8>) -> Result<Option<Pin>, Failure> {
        let source = self.source(wanted)?;
        match left {
            Some(_) if source != SecretSource::Prompt => return Ok(None),
            Some(1) => eprintln!("  that PIN is wrong; one more wrong PIN loses what is on this card"),
            Some(left) => eprintln!("  that PIN is wrong; {left} tries are left"),
            None => {}
        }
        pin(&source, &format!("  PIN of card {}, {}", card_of(wanted), wanted.purpose)).map(Some)
    }

    fn new_pin(&mut self, wanted: &Wanted) -> Result<Pin, Failure> {
        let source = self.source(wanted)?;
        let first = pin(&source, &format!("  first PIN of card {} (4 to 12 digits)", card_of(wanted)))?;
        if source == SecretSource::Prompt && pin(&source, "  the same again")? != first {
            return Err(Failure::PinsDiffer);
        }
        Ok(first)
    }

    fn dice(&mut self, wanted: &Wanted) -> Result<Option<Dice>, Failure> {
        let Some(source) = self.dice.get(&wanted.label) else { return Ok(None) };
        let what = format!("  throws of dice for card {} (50 or more, digits 1 to 6)", card_of(wanted));
        let text = source.read(&what, &mut setup::Terminal)?;
        Dice::new(&text).map(Some).map_err(stop)
    }

    fn compare(&mut self, what: Compared, fingerprint: &Hash, people: &[Person]) -> Result<By, Failure> {
        eprintln!("fingerprint of {what}:\n  {}\n  {}", words(fingerprint), hex::encode_upper(fingerprint));
        if self.unattended {
            eprintln!("  nobody compares it: the run is unattended");
            return Ok(By::Nobody);
        }
        let may = people.iter().filter(|person| person.role != PersonRole::Administrator);
        let may = may.map(|person| harmless(&person.name).to_string()).collect::<Vec<_>>().join(", ");
        eprintln!("  two of these compare it with what they have of it elsewhere, and type their names: {may}");
        let mut names = Vec::new();
        while names.len() < 2 {
            eprint!("  name: ");
            let name = line("two people are to compare a fingerprint")?;
            names.push(name);
        }
        let [first, second] = <[String; 2]>::try_from(names).unwrap_or_default();
        Ok(By::People([first, second]))
    }

    fn agree(&mut self, question: Question) -> Result<(), Failure> {
        if self.yes {
            return Ok(());
        }
        if self.unattended {
            return Err(Failure::NotConfirmed);
        }
        eprintln!(
            "{}",
            match question {
                Question::Destroy => "all shares are destroyed for good: nobody gets the key from these cards again",
                Question::Abandon => "what is unfinished is given up: what is not stored on a card by now is lost",
            }
        );
        eprint!("  type `yes` to go on: ");
        if line("somebody has to agree")? == "yes" { Ok(()) } else { Err(Failure::NotConfirmed) }
    }

    /// Into the vault; or into a file beside the transcript, which may be made a second time, of the same content.
    fn deliver(&mut self, delivery: &Delivery<'_>) -> Result<Option<Kcv>, Failure> {
        if let Some(release) = &mut self.release {
            return release.take(self.settings, delivery).map(Some);
        }
        let kind = if delivery.algorithm == KeyAlgorithm::P256 { "box" } else { "oaep" };
        let path = self.directory.join(format!("{:02}-release.{kind}", delivery.number));
        let written =
            File::create(&path).and_then(|mut file| file.write_all(delivery.result).and_then(|()| file.sync_all()));
        let durable = written.and_then(|()| File::open(&self.directory)?.sync_all());
        durable.map_err(|error| Failure::File { path: path.clone(), error })?;
        eprintln!("what the HSM can open is in {}", harmless(&path.display().to_string()));
        Ok(None)
    }
}
