//! `cardwright custodian`: one share of a master key on a card, and the PIN in front of it.

use crate::advice::Failure;
use crate::args::{CustodianArgs, CustodianCommand, KeyText, PinChangeArgs, PinCommand, PinSetArgs};
use crate::args::{ReadArgs, StoreArgs, WipeArgs};
use crate::config::Settings;
use crate::output;
use crate::setup::{self, AnyCard, Terminal};
use cardwright::books::Books;
use cardwright::custodian::{self, AID};
use cardwright::session::{Choices, Session, open};
use cardwright::share_file::{self, key_type_name, scheme_name};
use cardwright::world::Os;
use cardwright_hsm::{KeyLoadError, Prompt, SoftVault, load_secret_fd, load_secret_file};
use cardwright_keys::keyref::{KeyRef, Scheme, Source};
use cardwright_keys::vault::Vault;
use cardwright_link::Transport;
use cardwright_proto::custody::get_state::State;
use cardwright_proto::custody::share::ShareInfo;
use cardwright_proto::custody::{Mode, PERSONALIZED, Pin};
use cardwright_proto::scp::SecurityLevel;
use serde_json::{Value, json};
use std::fmt::Write;
use std::io::{BufRead, IsTerminal};
use zeroize::Zeroizing;

/// The session with the applet, over whatever reader.
type Custodian<'c> = Session<'c, Box<dyn Transport>, <SoftVault as Vault>::Session>;

/// For a share that a host can read.
const THROUGH_HERE: &str = "host mode: the share passes through this computer";
/// For one that it could read this once.
const THROUGH_HERE_ONCE: &str = "the share passes through this computer now, and never again";

pub(crate) fn run(settings: &Settings, command: &CustodianCommand) -> Result<(), Failure> {
    match command {
        CustodianCommand::Info => info(settings),
        CustodianCommand::Pin { command: PinCommand::Set(args) } => set_pin(settings, args),
        CustodianCommand::Pin { command: PinCommand::Change(args) } => change_pin(settings, args),
        CustodianCommand::Store(args) => store(settings, args),
        CustodianCommand::Read(args) => read(settings, args),
        CustodianCommand::Wipe(args) => wipe(settings, args),
    }
}

fn info(settings: &Settings) -> Result<(), Failure> {
    let state = custodian::about(&mut setup::open_card(settings)?)?;
    if settings.json {
        return output::json(&json!({
            "aid": hex::encode_upper(AID),
            "version": version(&state),
            "identity": identity(&state),
            "pin": state.card.life_cycle == PERSONALIZED,
            "tries_left": state.tries,
            "share": state.share.map(|(mode, share)| share_json(mode, &share)),
        }));
    }
    let mut out = format!("custodian card {}, applet version {}\n", identity(&state), version(&state));
    let _ = match (state.card.life_cycle, state.tries) {
        (PERSONALIZED, 0) => writeln!(out, "PIN     blocked: that share is lost"),
        (PERSONALIZED, tries) => writeln!(out, "PIN     set, {tries} of 3 tries left"),
        _ => writeln!(out, "PIN     none"),
    };
    match &state.share {
        Some((mode, share)) => out.push_str(&share_text(*mode, share)),
        None => out.push_str("share   none\n"),
    }
    out.push_str("nothing of this is authenticated\n");
    output::text(&out)
}

fn set_pin(settings: &Settings, args: &PinSetArgs) -> Result<(), Failure> {
    let source = pin_source(&args.new)?;
    if args.dry_run {
        return dry_run(settings.json, &args.session, &["80 24 01 00 [new PIN, blanked]"], None);
    }
    let state = setup::with_keys(|| {
        let new = new_pin(&source)?;
        in_session(settings, &args.session, |_| Ok(()), |session| Ok(custodian::set_pin(session, &new)?))
    })?;
    report(settings.json, &state, "pin-set", "the card has its first PIN")
}

fn change_pin(settings: &Settings, args: &PinChangeArgs) -> Result<(), Failure> {
    let (old, new) = (pin_source(&args.pin)?, pin_source(&args.new)?);
    if args.dry_run {
        return dry_run(settings.json, &args.session, &["80 24 00 00 [both PINs, blanked]"], None);
    }
    let state = setup::with_keys(|| {
        let (old, new) = (pin(&old, "PIN")?, new_pin(&new)?);
        in_session(settings, &args.session, |_| Ok(()), |session| Ok(custodian::change_pin(session, &old, &new)?))
    })?;
    report(settings.json, &state, "pin-changed", "the card has another PIN")
}

fn store(settings: &Settings, args: &StoreArgs) -> Result<(), Failure> {
    let source = pin_source(&args.pin)?;
    if args.dry_run {
        setup::with_keys(|| Ok(share_file::load(&args.share).map(|_| ())?))?;
        let store =
            format!("80 30 {:02X} 00 .. [the share, blanked; bit 80 of P1 in the last block]", args.mode.byte());
        let steps = ["00 20 00 00 [PIN, blanked]", &store, "80 36 00 00"];
        return dry_run(settings.json, &args.session, &steps, Some("the mode of a share cannot be changed"));
    }
    let said = if args.mode == Mode::Host { THROUGH_HERE } else { THROUGH_HERE_ONCE };
    tracing::warn!("{said}");
    let state = setup::with_keys(|| {
        let share = share_file::load(&args.share)?;
        let pin = pin(&source, "PIN")?;
        let store = |session: &mut Custodian<'_>| Ok(custodian::store(session, &pin, &share, args.mode)?);
        in_session(settings, &args.session, |_| Ok(()), store)
    })?;
    report(settings.json, &state, "stored", "the share is on the card")
}

fn read(settings: &Settings, args: &ReadArgs) -> Result<(), Failure> {
    let source = pin_source(&args.pin)?;
    // The PIN is not spent on a file that cannot be made.
    if args.out.symlink_metadata().is_ok() {
        return Err(KeyLoadError::Exists(args.out.clone()).into());
    }
    tracing::warn!("{THROUGH_HERE}");
    let state = setup::with_keys(|| {
        let pin = pin(&source, "PIN")?;
        let read = |session: &mut Custodian<'_>| {
            let share = custodian::read(session, &pin)?;
            share_file::write(&args.out, &share).map_err(Failure::NotWritten)
        };
        in_session(settings, &args.session, |_| Ok(()), read)
    })?;
    let file = args.out.display().to_string();
    if settings.json {
        let share = state.share.map(|(mode, share)| share_json(mode, &share));
        return output::json(&json!({
            "identity": identity(&state), "result": "read", "kept_in": file, "share": share, "custody": THROUGH_HERE,
        }));
    }
    let mut out =
        format!("custodian card {}\nthe share is in {}, and on the card\n", identity(&state), output::harmless(&file));
    if let Some((mode, share)) = &state.share {
        out.push_str(&share_text(*mode, share));
    }
    output::text(&out)
}

fn wipe(settings: &Settings, args: &WipeArgs) -> Result<(), Failure> {
    let source = args.pin.as_ref().map_or(Ok(Source::Prompt), pin_source)?;
    let lost = if args.all { "the share on the card is destroyed for good, and its PIN" } else { LOST };
    if args.dry_run {
        let steps: &[&str] = if args.all { &["80 34 01 00"] } else { &["00 20 00 00 [PIN, blanked]", "80 34 00 00"] };
        return dry_run(settings.json, &args.session, steps, Some(lost));
    }
    let state = setup::with_keys(|| {
        let pin = if args.all { None } else { Some(pin(&source, "PIN")?) };
        let ask = |card: &mut AnyCard| if args.yes { Ok(()) } else { confirm(&custodian::about(card)?, lost) };
        in_session(settings, &args.session, ask, |session| Ok(custodian::wipe(session, pin.as_ref())?))
    })?;
    let result = if args.all { "all-wiped" } else { "share-wiped" };
    report(
        settings.json,
        &state,
        result,
        if args.all { "share and PIN are destroyed" } else { "the share is destroyed" },
    )
}

const LOST: &str = "the share on the card is destroyed for good";

/// A person says `yes` at a terminal, told what is lost.
fn confirm(state: &State, lost: &str) -> Result<(), Failure> {
    eprintln!("custodian card {}: {lost}", identity(state));
    if let Some((mode, share)) = &state.share {
        eprint!("{}", share_text(*mode, share));
    }
    let stdin = std::io::stdin();
    if !stdin.is_terminal() {
        return Err(Failure::NotConfirmed);
    }
    eprint!("type `yes` to go on: ");
    let mut line = String::new();
    let read = stdin.lock().read_line(&mut line);
    if read.is_ok() && line.trim() == "yes" { Ok(()) } else { Err(Failure::NotConfirmed) }
}

/// What would be sent. The card is not asked.
fn dry_run(json: bool, args: &CustodianArgs, then: &[&str], lost: Option<&str>) -> Result<(), Failure> {
    let key = setup::key_ref(&args.key)?;
    let p1 = key.kvn.map_or(0, |kvn| kvn.byte());
    let select = format!("00 A4 04 00 {}", hex::encode_upper(AID));
    let initialize = format!("80 50 {p1:02X} 00 [host challenge]");
    let opening = [&select, "80 CA 9F 7F", &initialize, "84 82 33 00 [host cryptogram, MAC]"];
    let steps: Vec<_> = opening.iter().chain(then).collect();
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

/// Runs `work` in a session of level 33 over the applet, and asks for the card's state behind it. `before` sees the
/// card before the session.
fn in_session(
    settings: &Settings,
    args: &CustodianArgs,
    before: impl FnOnce(&mut AnyCard) -> Result<(), Failure>,
    work: impl FnOnce(&mut Custodian<'_>) -> Result<(), Failure>,
) -> Result<State, Failure> {
    let key = setup::key_ref(&args.key)?;
    let vault = setup::load_vault([&key])?;
    let mut kept = setup::open_books(settings)?;
    let mut books = Books::new(&mut *kept.journal, &mut *kept.audit, &Os);
    let mut card = setup::open_card(settings)?;
    before(&mut card)?;
    let level = Some(SecurityLevel::FULL);
    let choices = Choices { aid: AID.to_vec(), mode: None, level, accept_risk: args.accept_risk };
    let mut opened = open(&mut card, &mut Os, (&vault, &key), &choices, &mut books)?;
    setup::warn_of_first_sight(opened.first_sight && kept.lasting);
    work(&mut opened.session)?;
    Ok(custodian::state(&mut opened.session)?)
}

/// Reads where a PIN comes from; the text itself is in no error.
fn pin_source(text: &KeyText) -> Result<Source, Failure> {
    match text.0.parse() {
        Ok(KeyRef { scheme: Scheme::Plain, kvn: None, source }) if source != Source::GpTest => Ok(source),
        _ => Err(Failure::PinSource),
    }
}

fn pin(source: &Source, what: &str) -> Result<Pin, Failure> {
    let (from, text) = match source {
        Source::File(path) => (format!("file:{}", path.display()), load_secret_file(path)?),
        Source::Fd(fd) => (format!("fd:{fd}"), load_secret_fd(*fd)?),
        Source::Prompt | Source::GpTest => {
            let error = |error| KeyLoadError::Io { source_name: "prompt".to_owned(), attempt: "read", error };
            let typed = Terminal.secret(what).map_err(error)?;
            ("prompt".to_owned(), Zeroizing::new(typed.as_bytes().to_vec()))
        }
    };
    Pin::new(text.trim_ascii()).map_err(|error| Failure::Pin { from, error })
}

/// At the terminal it is asked for twice.
fn new_pin(source: &Source) -> Result<Pin, Failure> {
    let first = pin(source, "New PIN (4 to 12 digits)")?;
    if *source == Source::Prompt && pin(source, "New PIN again")?.expose() != first.expose() {
        return Err(Failure::PinsDiffer);
    }
    Ok(first)
}

fn report(json: bool, state: &State, result: &str, text: &str) -> Result<(), Failure> {
    if json {
        return output::json(&json!({
            "identity": identity(state),
            "result": result,
            "pin": state.card.life_cycle == PERSONALIZED,
            "tries_left": state.tries,
            "share": state.share.map(|(mode, share)| share_json(mode, &share)),
        }));
    }
    let mut out = format!("custodian card {}\n{text}\n", identity(state));
    if let Some((mode, share)) = &state.share {
        out.push_str(&share_text(*mode, share));
    }
    output::text(&out)
}

fn identity(state: &State) -> String {
    hex::encode_upper(state.card.identity)
}

fn version(state: &State) -> String {
    let [major, minor] = state.card.version;
    format!("{major}.{minor}")
}

fn share_json(mode: Mode, share: &ShareInfo) -> Value {
    json!({
        "mode": mode.to_string(),
        "scheme": scheme_name(share.scheme),
        "set": hex::encode_upper(share.set),
        "ceremony": hex::encode_upper(share.ceremony),
        "generation": share.generation,
        "x": share.x,
        "m": share.m,
        "n": share.n,
        "key_type": key_type_name(share.key_type),
        "key_length": share.key_length,
        "usage": share.usage,
        "kcv": share.kcv.to_string(),
    })
}

/// Field and polynomial are always said: other tools have used others.
fn share_text(mode: Mode, share: &ShareInfo) -> String {
    let mut out = String::new();
    let ShareInfo { x, m, n, generation, key_length, kcv, .. } = share;
    let scheme = match scheme_name(share.scheme) {
        "xor" => "XOR",
        _ => "Shamir over GF(2^8), polynomial 0x11B, secret at x = 0",
    };
    let _ = writeln!(out, "share   {x} of {n}, {m} make the key; {scheme}");
    let _ = writeln!(out, "set     {}, generation {generation}", hex::encode_upper(share.set));
    let _ = writeln!(out, "made in ceremony {}", hex::encode_upper(share.ceremony));
    let key_type = key_type_name(share.key_type);
    let _ = writeln!(out, "key     {key_type}, {key_length} bytes, KCV {kcv}, usage {:02X}", share.usage);
    let _ = writeln!(
        out,
        "{}",
        match mode {
            Mode::Host => "mode    host: a computer can read it with the PIN",
            Mode::Blind => "mode    blind: the card never gives it out",
        }
    );
    out
}
