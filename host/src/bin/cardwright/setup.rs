//! What commands share before they start: the reader, the keys, the books, the trace.

use crate::advice::Failure;
use crate::args::{ChannelArgs, KeyText};
use crate::config::{Settings, VaultConfig};
use crate::{office, registers};
use cardwright::books::{Forgetful, Memory};
use cardwright::card::Card;
use cardwright::session::Choices;
use cardwright_hsm::{Keyring, OpenVault, Prompt, load_key, scrub_stack};
use cardwright_keys::audit::AuditSink;
use cardwright_keys::journal::Journal;
use cardwright_keys::keyref::{KeyRef, Name, Source};
use cardwright_keys::lifecycle::Use;
use cardwright_keys::vault::Vault;
use cardwright_link::{OpenOptions, Transport};
use cardwright_proto::scp::SecurityLevel;
use std::collections::BTreeMap;
use std::io::{BufRead, IsTerminal};
use std::path::Path;
use std::sync::Arc;
use tracing::level_filters::LevelFilter;
use zeroize::Zeroizing;

/// A card behind whatever `--reader` named.
pub(crate) type AnyCard = Card<Box<dyn Transport>>;

/// -v steps, -vv commands; always on standard error.
pub(crate) fn start_tracing(verbose: u8) {
    let level = match verbose {
        0 => LevelFilter::WARN,
        1 => LevelFilter::INFO,
        2 => LevelFilter::DEBUG,
        _ => LevelFilter::TRACE,
    };
    tracing_subscriber::fmt()
        .with_max_level(level)
        .with_writer(std::io::stderr)
        // Told on standard error, too, and with a panic where that is gone.
        .log_internal_errors(false)
        .with_ansi(std::io::stderr().is_terminal())
        .without_time()
        .with_target(false)
        .init();
}

/// Connects to the card.
pub(crate) fn open_card(settings: &Settings) -> Result<AnyCard, Failure> {
    open_card_at(settings, settings.reader.as_deref().ok_or(Failure::NoReader)?)
}

/// The same with another reader than the one of `--reader`.
pub(crate) fn open_card_at(settings: &Settings, uri: &str) -> Result<AnyCard, Failure> {
    let listening = |port| eprintln!("a virtual card can dial in at 127.0.0.1:{port}");
    let options = OpenOptions { time_limit: settings.time_limit, wait: settings.wait, listening };
    let link = cardwright_link::open(uri, &options)?;
    tracing::info!("reader {}, ATR {}", crate::output::harmless(link.name()), hex::encode_upper(link.atr()));
    Ok(Card::new(link))
}

/// Reads a key reference; the text itself is in no error.
pub(crate) fn key_ref(text: &KeyText) -> Result<KeyRef, Failure> {
    Ok(text.0.parse()?)
}

/// Loads the material behind each reference, and opens the vaults that references name, each once. Whoever keeps the
/// registry is asked before each use of a vault's keys.
pub(crate) fn load_keys<'k>(
    settings: &Settings,
    keys: impl IntoIterator<Item = &'k KeyRef>,
) -> Result<Keyring, Failure> {
    let keys: Vec<&KeyRef> = keys.into_iter().collect();
    let mut keyring = Keyring::new();
    let mut vaults: BTreeMap<Name, OpenVault> = BTreeMap::new();
    for key in &keys {
        match &key.source {
            Source::Vault(in_vault) if vaults.contains_key(&in_vault.vault) => {}
            Source::Vault(in_vault) => {
                vaults.insert(in_vault.vault.clone(), open_vault(settings, &in_vault.vault)?);
            }
            _ if keyring.holds(key) => {}
            _ => keyring.load(key, load_key(key, &mut Terminal)?),
        }
    }
    // Last: an exception is spent by it, and nothing should be in its way then.
    if !vaults.is_empty() {
        let warden = office::warden(settings, &keys)?;
        vaults.into_iter().for_each(|(name, vault)| keyring.open(name, vault, Arc::clone(&warden)));
    }
    Ok(keyring)
}

/// The one version that new keys come from: durable, and allowed to make something new.
pub(crate) fn newest(vault: &Keyring, new: &KeyRef) -> Result<KeyRef, Failure> {
    Ok(vault.versions(new, Use::Protect)?.into_iter().next().unwrap_or_else(|| new.clone()))
}

/// Refuses keys that no session may be opened with, before a card is looked for.
pub(crate) fn readable<'k>(vault: &Keyring, keys: impl IntoIterator<Item = &'k KeyRef>) -> Result<(), Failure> {
    keys.into_iter().try_for_each(|key| Ok(vault.versions(key, Use::Process).map(drop)?))
}

/// Opens a vault that the configuration names.
pub(crate) fn open_vault(settings: &Settings, name: &Name) -> Result<OpenVault, Failure> {
    Ok(match settings.vault(name)? {
        VaultConfig::Soft(soft) => OpenVault::File(soft.open(name)?),
        VaultConfig::Pkcs11(token) => OpenVault::Token(token.open()?),
    })
}

/// A person says `yes` at a terminal.
pub(crate) fn confirmed() -> Result<(), Failure> {
    let stdin = std::io::stdin();
    if !stdin.is_terminal() {
        return Err(Failure::NotConfirmed);
    }
    eprint!("type `yes` to go on: ");
    let mut line = String::new();
    let read = stdin.lock().read_line(&mut line);
    if read.is_ok() && line.trim() == "yes" { Ok(()) } else { Err(Failure::NotConfirmed) }
}

/// Runs what works with keys. When its keys are dropped and wiped, the copies that calls left on the stack are wiped too;
/// only then is anything printed.
pub(crate) fn with_keys<R>(work: impl FnOnce() -> Result<R, Failure>) -> Result<R, Failure> {
    let done = in_its_own_frame(work);
    scrub_stack();
    done
}

/// Made part of its caller, the work would leave copies in a frame that is still alive when the stack is wiped.
#[inline(never)]
fn in_its_own_frame<R>(work: impl FnOnce() -> R) -> R {
    work()
}

/// What a first session with a card cannot tell.
pub(crate) fn warn_of_first_sight(first: bool) {
    if first {
        tracing::warn!("first sight of this card's sequence counter: a replay before now cannot be noticed");
    }
}

/// Asks on the terminal, without echo.
pub(crate) struct Terminal;

impl Prompt for Terminal {
    fn secret(&mut self, what: &str) -> std::io::Result<Zeroizing<String>> {
        rpassword::prompt_password(format!("{what}: ")).map(Zeroizing::new)
    }

    fn notice(&mut self, what: &str) {
        eprintln!("{}", crate::output::harmless(what));
    }
}

/// The channel that a person chose.
pub(crate) fn choices(channel: &ChannelArgs, level: Option<SecurityLevel>) -> Choices {
    Choices { aid: channel.aid.0.clone(), mode: channel.mode, level, accept_risk: channel.accept_risk }
}

/// Journal and audit sink behind the settings.
pub(crate) struct Kept {
    pub(crate) journal: Box<dyn Journal>,
    pub(crate) audit: Box<dyn AuditSink>,
    /// They outlive this process.
    pub(crate) lasting: bool,
}

/// Opens registry and audit log in the state directory. A simulated card that ends with this process (`sim:` without
/// `state=`) needs no record that outlives it.
pub(crate) fn open_books(settings: &Settings) -> Result<Kept, Failure> {
    let passing = settings.reader.as_deref().is_some_and(|uri| uri.starts_with("sim:") && !uri.contains("state="));
    if passing && settings.state_dir.is_none() {
        return Ok(Kept { journal: Box::<Memory>::default(), audit: Box::new(Forgetful), lasting: false });
    }
    file_books(&settings.state_dir()?)
}

/// Registry and audit log in this directory, which is made where it is missing.
pub(crate) fn file_books(dir: &Path) -> Result<Kept, Failure> {
    let (journal, audit) = (registers::registry_in(dir)?, registers::audit_in(dir)?);
    Ok(Kept { journal: Box::new(journal), audit: Box::new(audit), lasting: true })
}
