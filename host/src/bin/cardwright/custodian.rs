//! `cardwright custodian`: one share of a master key on a card, and the PIN in front of it.

pub(crate) mod advice;
mod report;

use crate::advice::Failure;
use crate::args::{CustodianArgs, CustodianCommand, KeyText, PinChangeArgs, PinCommand, PinSetArgs};
use crate::args::{ReadArgs, StoreArgs, WipeArgs};
use crate::config::Settings;
use crate::output;
use crate::setup::{self, Terminal};
use cardwright::books::Books;
use cardwright::custodian::{self, AID, Custodian, Done, Operation};
use cardwright::share_file;
use cardwright::world::Os;
use cardwright_hsm::{Keyring, NewSecretFile, SecretSource};
use cardwright_link::Transport;
use cardwright_proto::custody::get_state::State;
use cardwright_proto::custody::{Mode, Pin};
use report::{Report, identity, share_text};
use serde_json::json;
use std::fmt::Write;

/// A custodian card over whatever reader.
type Opened<'c, 'b, 'k> = Custodian<'c, 'b, 'k, Box<dyn Transport>, Keyring>;

/// For a share that a host can read.
const THROUGH_HERE: &str = "host mode: the share passes through this computer";
/// For one that it could read this once.
const THROUGH_HERE_ONCE: &str = "blind mode: the share passes through this computer now, and never again";

pub(crate) fn run(settings: &Settings, command: &CustodianCommand) -> Result<(), Failure> {
    match command {
        CustodianCommand::Info => report::info(settings, &custodian::about(&mut setup::open_card(settings)?)?),
        CustodianCommand::Pin { command: PinCommand::Set(args) } => set_pin(settings, args),
        CustodianCommand::Pin { command: PinCommand::Change(args) } => change_pin(settings, args),
        CustodianCommand::Store(args) => store(settings, args),
        CustodianCommand::Read(args) => read(settings, args),
        CustodianCommand::Wipe(args) => wipe(settings, args),
    }
}

fn set_pin(settings: &Settings, args: &PinSetArgs) -> Result<(), Failure> {
    let source = pin_source(&args.new)?;
    if args.dry_run {
        return dry_run(settings.json, &args.session, &Operation::SetPin { new: &nobodys()? }, None);
    }
    let (card, done) = setup::with_keys(|| {
        let new = new_pin(&source)?;
        in_session(settings, &args.session, |card| change(card, &Operation::SetPin { new: &new }))
    })?;
    Report::new("pin-set", "the card has its first PIN").print(settings.json, &card, done)
}

fn change_pin(settings: &Settings, args: &PinChangeArgs) -> Result<(), Failure> {
    let (old, new) = (pin_source(&args.pin)?, pin_source(&args.new)?);
    if args.dry_run {
        let pin = nobodys()?;
        return dry_run(settings.json, &args.session, &Operation::ChangePin { old: &pin, new: &pin }, None);
    }
    let (card, done) = setup::with_keys(|| {
        let (old, new) = (pin(&old, "PIN")?, new_pin(&new)?);
        in_session(settings, &args.session, |card| change(card, &Operation::ChangePin { old: &old, new: &new }))
    })?;
    Report::new("pin-changed", "the card has another PIN").print(settings.json, &card, done)
}

fn store(settings: &Settings, args: &StoreArgs) -> Result<(), Failure> {
    let (source, mode) = (pin_source(&args.pin)?, args.mode);
    if args.dry_run {
        let lost = Some("the mode of a share cannot be changed");
        return setup::with_keys(|| {
            let share = share_file::load(&args.share)?;
            let store = Operation::Store { pin: &nobodys()?, share: &share, mode };
            dry_run(settings.json, &args.session, &store, lost)
        });
    }
    let custody = if mode == Mode::Host { THROUGH_HERE } else { THROUGH_HERE_ONCE };
    let (card, done) = setup::with_keys(|| {
        let share = share_file::load(&args.share)?;
        let pin = pin(&source, "PIN")?;
        tracing::warn!("{custody}");
        in_session(settings, &args.session, |card| change(card, &Operation::Store { pin: &pin, share: &share, mode }))
    })?;
    let file = args.share.display().to_string();
    let text = match mode {
        Mode::Host => format!("the share is on the card, and still in {}", output::harmless(&file)),
        Mode::Blind => {
            format!("the share is on the card; {} still has it: destroy that file", output::harmless(&file))
        }
    };
    Report::new("stored", &text).of_share(custody, file).print(settings.json, &card, done)
}

fn read(settings: &Settings, args: &ReadArgs) -> Result<(), Failure> {
    let source = pin_source(&args.pin)?;
    if args.dry_run {
        return dry_run(settings.json, &args.session, &Operation::Read { pin: &nobodys()? }, None);
    }
    let (card, recorded) = setup::with_keys(|| {
        let pin = pin(&source, "PIN")?;
        // The PIN is not spent on a file that cannot be made; without a share the file goes again.
        let file = NewSecretFile::create(&args.out)?;
        tracing::warn!("{THROUGH_HERE}");
        in_session(settings, &args.session, |card| {
            let read = card.read(&pin)?;
            share_file::write(file, &read.share).map_err(Failure::NotWritten)?;
            Ok((*card.state(), read.recorded))
        })
    })?;
    let file = args.out.display().to_string();
    let text = format!("the share is in {}, and on the card", output::harmless(&file));
    let report = Report::new("read", &text).of_share(THROUGH_HERE, file);
    // Reading changes nothing: the state is that of before.
    report.print(settings.json, &card, Done { state: recorded.map(|()| card) })
}

fn wipe(settings: &Settings, args: &WipeArgs) -> Result<(), Failure> {
    let source = args.pin.as_ref().map_or(Ok(SecretSource::Prompt), pin_source)?;
    let lost = if args.all { LOST_ALL } else { LOST };
    if args.dry_run {
        let pin = nobodys()?;
        let wipe = if args.all { Operation::WipeAll } else { Operation::Wipe { pin: &pin } };
        return dry_run(settings.json, &args.session, &wipe, Some(lost));
    }
    let (card, done) = setup::with_keys(|| {
        let pin = if args.all { None } else { Some(pin(&source, "PIN")?) };
        let wipe = pin.as_ref().map_or(Operation::WipeAll, |pin| Operation::Wipe { pin });
        in_session(settings, &args.session, |card| {
            wipe.check(card.state()).map_err(cardwright::error::Error::from)?;
            // What is shown comes through the session in which it is wiped.
            if !args.yes {
                confirm(card.state(), lost)?;
            }
            change(card, &wipe)
        })
    })?;
    let (result, text) =
        if args.all { ("all-wiped", "share and PIN are destroyed") } else { ("share-wiped", "the share is destroyed") };
    Report::new(result, text).print(settings.json, &card, done)
}

const LOST: &str = "the share on the card is destroyed for good";
const LOST_ALL: &str = "the share on the card is destroyed for good, and its PIN";

/// A person says `yes` at a terminal, told what is lost.
fn confirm(state: &State, lost: &str) -> Result<(), Failure> {
    eprintln!("custodian card {}: {lost}", identity(state));
    if let Some((mode, share)) = &state.share {
        eprint!("{}", share_text(*mode, share));
    }
    setup::confirmed()
}

/// What would be sent. The card is not asked.
fn dry_run(json: bool, args: &CustodianArgs, operation: &Operation<'_>, lost: Option<&str>) -> Result<(), Failure> {
    let key = setup::key_ref(&args.key)?;
    let p1 = key.kvn.map_or(0, |kvn| kvn.byte());
    let mut steps = vec![
        format!("00 A4 04 00 {}", hex::encode_upper(AID)),
        "80 CA 9F 7F".to_owned(),
        format!("80 50 {p1:02X} 00 [host challenge]"),
        "84 82 33 00 [host cryptogram, MAC]".to_owned(),
    ];
    steps.extend(operation.plan());
    if matches!(operation, Operation::Read { .. }) {
        steps.push("80 32 00 01 .. [as many as the share takes]".to_owned());
    }
    if json {
        return output::json(&json!({ "dry_run": steps, "current": key.to_string(), "cannot_be_undone": lost }));
    }
    let mut out = String::new();
    for step in steps {
        let _ = writeln!(out, "{step}");
    }
    if let Some(lost) = lost {
        let _ = writeln!(out, "what cannot be undone: {lost}");
    }
    out.push_str("nothing was sent\n");
    output::text(&out)
}

/// In a dry run's place of a PIN, which is not asked for and not shown.
fn nobodys() -> Result<Pin, Failure> {
    Pin::new(&[b'0'; Pin::MIN]).map_err(|error| Failure::Pin { from: "dry run".to_owned(), error })
}

/// Makes a change, with the card's state before it.
fn change(card: &mut Opened<'_, '_, '_>, operation: &Operation<'_>) -> Result<(State, Done), Failure> {
    let before = *card.state();
    Ok((before, card.change(operation)?))
}

/// Runs `work` in a session of level 33 over the applet.
fn in_session<R>(
    settings: &Settings,
    args: &CustodianArgs,
    work: impl FnOnce(&mut Opened<'_, '_, '_>) -> Result<R, Failure>,
) -> Result<R, Failure> {
    let key = setup::key_ref(&args.key)?;
    let vault = setup::load_keys(settings, [&key])?;
    setup::readable(&vault, [&key])?;
    let mut kept = setup::open_books(settings)?;
    let mut books = Books::new(&mut *kept.journal, &mut *kept.audit, &Os);
    let mut card = setup::open_card(settings)?;
    let mut opened = Custodian::open(&mut card, &mut Os, (&vault, &key), args.accept_risk, &mut books)?;
    setup::warn_of_first_sight(opened.first_sight && kept.lasting);
    work(&mut opened)
}

/// Reads where a PIN comes from; the text itself is in no error.
fn pin_source(text: &KeyText) -> Result<SecretSource, Failure> {
    text.0.parse().map_err(|_| Failure::PinSource)
}

fn pin(source: &SecretSource, what: &str) -> Result<Pin, Failure> {
    let text = source.read(what, &mut Terminal)?;
    Pin::new(text.trim_ascii()).map_err(|error| Failure::Pin { from: source.to_string(), error })
}

/// At the terminal it is asked for twice.
fn new_pin(source: &SecretSource) -> Result<Pin, Failure> {
    let first = pin(source, "New PIN (4 to 12 digits)")?;
    if *source == SecretSource::Prompt && pin(source, "New PIN again")? != first {
        return Err(Failure::PinsDiffer);
    }
    Ok(first)
}
