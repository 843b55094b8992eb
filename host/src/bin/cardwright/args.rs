//! The arguments, as clap reads them. No argument takes a key; key references are read in [`crate::setup`], so that a
//! key typed in their place is not repeated in an error.

mod batch;
mod ceremony;
mod life;
mod operators;
mod registry;
mod sim;
mod vaults;

pub(crate) use batch::{
    BatchCardArgs, BatchCommand, BatchHoldArgs, BatchPlanArgs, BatchRecoverArgs, BatchReportArgs, BatchRunArgs,
    BatchSignArgs, BatchStatusArgs, CloseArgs, RejectArgs, RemakeArgs, SealArgs, WhichCard,
};
use cardwright_keys::keyref::parse_byte;
use cardwright_proto::custody::Mode as ShareMode;
use cardwright_proto::gp::key::Kvn;
use cardwright_proto::scp::{Mode, SecurityLevel};
pub(crate) use ceremony::{
    AbandonArgs, CardsArgs, CeremonyCommand, DestroySharesArgs, DirArgs, DrillArgs, GivenArgs, IntoArgs, PlanArgs,
    ReleaseArgs, ReportArgs, RunArgs, VerifyArgs,
};
use clap::{Args, Parser, Subcommand};
pub(crate) use life::{
    ActivateArgs, CompromiseArgs, DestroyArgs, DueArgs, JobArgs, KeysReportArgs, MoveArgs, ReportCommand, RotateArgs,
    WrappedArgs,
};
pub(crate) use operators::{
    AddArgs, ApproveCommand, ApproveListArgs, OperatorCommand, OperatorKeyArgs, OperatorKeyCommand, RetireArgs,
    SignArgs,
};
pub(crate) use registry::{
    AdoptArgs, CardArgs, CardsCommand, ExportArgs, FindArgs, Format, RegistryCheckArgs, RegistryCommand,
    RegistryImportArgs, WhichArgs,
};
pub(crate) use sim::{DeckArgs, ServeArgs, SimCommand};
use std::path::PathBuf;
pub(crate) use vaults::{
    CreateArgs, DeriveArgs, GenerateArgs, HsmCommand, HsmListArgs, ImportArgs, KdfArgs, KdfName, KeyCommand, ListArgs,
    PasswdArgs, ProbeArgs, ShowArgs, SpecArgs, UnlockArgs, VaultArgs, VaultCommand,
};

/// Loads, splits, rotates and proves smart-card keys.
#[derive(Debug, Parser)]
#[command(name = "cardwright", version, max_term_width = 100, after_help = EXIT_CODES)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

const EXIT_CODES: &str = "\
Key references (KEYREF), with @KVN behind for a certain key set on the card:
  vault:NAME/KEY  a key in a vault that the configuration file names; with :N behind, its version N
  file:PATH       mode 0600, hex: one key, or ENC,MAC,DEK
  fd:N            an open file descriptor, read once
  prompt          asked for on the terminal
  gp-test         the public test key 404142..4F; never tried unless named
  kdf3+, visa+, visa2+, emv+, an10922+, kdf3-aria+, kdf3-seed+ in front: diversified per card,
  e.g. kdf3+file:master.hex; `cardwright key derive --help` says what each is

Exit codes: 0 done, 2 usage, 3 reader or link, 4 card refused, 5 keys do not match (nothing sent),
6 card blocked or at risk, 7 integrity failure, 8 vault or HSM, 9 registry or journal,
10 partly done, 11 others have to approve it first";

/// Options of every command.
#[derive(Clone, Debug, Args)]
pub(crate) struct Global {
    /// The reader: pcsc:NAME-PART, vpcd:PORT (a virtual card dials in), sim:PROFILE (a simulated card in process)
    #[arg(long, global = true, env = "CARDWRIGHT_READER", value_name = "URI")]
    pub(crate) reader: Option<String>,
    /// Print one JSON object on standard output
    #[arg(long, global = true, env = "CARDWRIGHT_JSON", value_parser = clap::builder::BoolishValueParser::new())]
    pub(crate) json: bool,
    /// Configuration file (TOML: reader, state-dir, time-limit, wait, vaults, approvals, operator, issuer)
    #[arg(long, global = true, env = "CARDWRIGHT_CONFIG", value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Where the registry and the audit log are kept
    #[arg(long, global = true, env = "CARDWRIGHT_STATE_DIR", value_name = "DIR")]
    pub(crate) state_dir: Option<PathBuf>,
    /// Seconds that a card may take for one APDU [default: 60]
    #[arg(long, global = true, env = "CARDWRIGHT_TIME_LIMIT", value_name = "SECONDS", value_parser = seconds())]
    pub(crate) time_limit: Option<u64>,
    /// Seconds to wait for a virtual card to dial in; `batch run` waits until it ends [default: 30]
    #[arg(long, global = true, env = "CARDWRIGHT_WAIT", value_name = "SECONDS", value_parser = seconds())]
    pub(crate) wait: Option<u64>,
    /// Read what compromised keys made, for this reason: logged, and approved where there is dual control
    #[arg(long, global = true, value_name = "REASON", value_parser = life::why)]
    pub(crate) despite_compromise: Option<String>,
    /// Say more on standard error: -v steps, -vv commands in plain form, key material blanked
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub(crate) verbose: u8,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// List the PC/SC readers
    Readers,
    /// Show what the card says about itself, without authenticating
    Info(InfoArgs),
    /// Send APDUs, in clear or through a secure channel
    Apdu(ApduArgs),
    /// Change what is on a card
    Card {
        #[command(subcommand)]
        command: CardCommand,
    },
    /// A share of a master key on a custodian card
    Custodian {
        #[command(subcommand)]
        command: CustodianCommand,
    },
    /// Jobs: cards by the thousand through many readers
    Batch {
        #[command(subcommand)]
        command: BatchCommand,
    },
    /// A master key dealt to cards, with a transcript that anybody can verify
    Ceremony {
        #[command(subcommand)]
        command: CeremonyCommand,
    },
    /// Keys in vaults and files
    Key {
        #[command(subcommand)]
        command: KeyCommand,
    },
    /// Cards on record
    Cards {
        #[command(subcommand)]
        command: CardsCommand,
    },
    /// What is known of cards and keys, beside the keys themselves
    Registry {
        #[command(subcommand)]
        command: RegistryCommand,
    },
    /// Reports: self-contained HTML files
    Report {
        #[command(subcommand)]
        command: ReportCommand,
    },
    /// Vaults that are encrypted files
    Vault {
        #[command(subcommand)]
        command: VaultCommand,
    },
    /// PKCS#11 tokens: HSMs, and software tokens
    Hsm {
        #[command(subcommand)]
        command: HsmCommand,
    },
    /// Who may ask and approve, where there is dual control
    Operator {
        #[command(subcommand)]
        command: OperatorCommand,
    },
    /// Requests that wait for approval
    Approve {
        #[command(subcommand)]
        command: ApproveCommand,
    },
    /// Simulated cards
    Sim {
        #[command(subcommand)]
        command: SimCommand,
    },
    /// Load diversified keys onto simulated cards, hold a ceremony, and make a thousand cards in a job
    Demo(DemoArgs),
}

#[derive(Debug, Subcommand)]
pub(crate) enum CardCommand {
    /// The card's secure channel keys
    Keys {
        #[command(subcommand)]
        command: KeysCommand,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum KeysCommand {
    /// Load a new key set, verify it, or finish a change that was interrupted
    Put(PutArgs),
    /// Find out which keys a card has: one INITIALIZE UPDATE, candidates tried offline
    Check(CheckArgs),
}

#[derive(Debug, Subcommand)]
pub(crate) enum CustodianCommand {
    /// Show what the card keeps, without keys and without authenticating
    Info,
    /// The custodian's PIN
    Pin {
        #[command(subcommand)]
        command: PinCommand,
    },
    /// Store a share from a file on the card
    Store(StoreArgs),
    /// Read a share that was stored in host mode into a new file
    Read(ReadArgs),
    /// Destroy the share on the card, for good
    Wipe(WipeArgs),
}

#[derive(Debug, Subcommand)]
pub(crate) enum PinCommand {
    /// Give a card that has no PIN its first one
    Set(PinSetArgs),
    /// Put another PIN in the present one's place
    Change(PinChangeArgs),
}

#[derive(Debug, Args)]
pub(crate) struct InfoArgs {
    /// Application to select first (hex); default: the issuer security domain
    #[arg(long, env = "CARDWRIGHT_AID", value_name = "AID", default_value = "", hide_default_value = true, value_parser = aid)]
    pub(crate) aid: Bytes,
}

/// The secure channel, as a person chooses it.
#[derive(Debug, Args)]
pub(crate) struct ChannelArgs {
    /// Application whose secure channel it is (hex); default: the issuer security domain
    #[arg(long, env = "CARDWRIGHT_AID", value_name = "AID", default_value = "", hide_default_value = true, value_parser = aid)]
    pub(crate) aid: Bytes,
    /// s8 or s16; default: s8, and s16 where the card asks for it
    #[arg(long, env = "CARDWRIGHT_MODE", value_name = "MODE", value_parser = mode)]
    pub(crate) mode: Option<Mode>,
    /// Authenticate although earlier failures on record say that it may block the card
    #[arg(long)]
    pub(crate) accept_risk: bool,
}

#[derive(Debug, Args)]
pub(crate) struct ApduArgs {
    /// Command APDUs in hex, sent in this order
    #[arg(required = true, value_name = "HEX")]
    pub(crate) commands: Vec<String>,
    /// Open a secure channel with these keys first
    #[arg(long, env = "CARDWRIGHT_SECURE", hide_env_values = true, value_name = "KEYREF[@KVN]")]
    pub(crate) secure: Option<KeyText>,
    /// Security level: 00, 01, 03, 11, 13 or 33; default: the highest that the card offers
    #[arg(long, value_name = "LEVEL", value_parser = level, requires = "secure")]
    pub(crate) level: Option<SecurityLevel>,
    /// Send commands of more than 255 bytes as a chain of short ones, not with extended length
    #[arg(long)]
    pub(crate) chain: bool,
    /// Do not send what comes after a command that the card refused
    #[arg(long)]
    pub(crate) stop_on_error: bool,
    #[command(flatten)]
    pub(crate) channel: ChannelArgs,
}

#[derive(Debug, Args)]
pub(crate) struct PutArgs {
    /// The keys that the card has now
    #[arg(long, value_name = "KEYREF[@KVN]")]
    pub(crate) key: KeyText,
    /// The keys that it is to have: from a file, which is where they are kept
    #[arg(long, value_name = "KEYREF")]
    pub(crate) new: KeyText,
    /// Key version number of the new set: 1 to 127, or 0x01 to 0x7F
    #[arg(long, value_name = "KVN", value_parser = kvn)]
    pub(crate) kvn: Kvn,
    /// Replace the present set; otherwise the new one is added
    #[arg(long)]
    pub(crate) replace: bool,
    /// Send key blocks without the key-length byte (CS 11.8.2.3); default: with it (AmdD table 7-10)
    #[arg(long)]
    pub(crate) bare: bool,
    /// Security level of all sessions: 01, 03, 11, 13 or 33; default: the highest that the card says it offers, which
    /// nothing authenticates
    #[arg(long, value_name = "LEVEL", value_parser = level)]
    pub(crate) level: Option<SecurityLevel>,
    /// End another key change that is pending for this card, where the card proves that it still has its old keys
    #[arg(long)]
    pub(crate) abandon_pending: bool,
    /// Print the commands in plain form, and what cannot be undone; send nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    #[command(flatten)]
    pub(crate) channel: ChannelArgs,
}

#[derive(Debug, Args)]
pub(crate) struct CheckArgs {
    /// A candidate; without a diversification in front it is tried with every one. May be given again
    #[arg(long, required = true, value_name = "KEYREF[@KVN]")]
    pub(crate) key: Vec<KeyText>,
    /// More candidates
    #[arg(value_name = "KEYREF")]
    pub(crate) more: Vec<KeyText>,
    /// Application whose secure channel it is (hex); default: the issuer security domain
    #[arg(long, env = "CARDWRIGHT_AID", value_name = "AID", default_value = "", hide_default_value = true, value_parser = aid)]
    pub(crate) aid: Bytes,
    /// s8 or s16; default: s8, and s16 where the card asks for it
    #[arg(long, env = "CARDWRIGHT_MODE", value_name = "MODE", value_parser = mode)]
    pub(crate) mode: Option<Mode>,
}

/// The session with the custodian applet: always level 33.
#[derive(Debug, Args)]
pub(crate) struct CustodianArgs {
    /// The card's keys
    #[arg(long, value_name = "KEYREF[@KVN]")]
    pub(crate) key: KeyText,
    /// Authenticate although earlier failures on record say that it may block the card
    #[arg(long)]
    pub(crate) accept_risk: bool,
}

#[derive(Debug, Args)]
pub(crate) struct PinSetArgs {
    /// The PIN, 4 to 12 digits: prompt (asked for twice), fd:N or file:PATH
    #[arg(long, value_name = "SOURCE", default_value = "prompt")]
    pub(crate) new: KeyText,
    /// Print the commands in plain form; send nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    #[command(flatten)]
    pub(crate) session: CustodianArgs,
}

#[derive(Debug, Args)]
pub(crate) struct PinChangeArgs {
    /// The present PIN: prompt, fd:N or file:PATH
    #[arg(long, value_name = "SOURCE", default_value = "prompt")]
    pub(crate) pin: KeyText,
    /// The new PIN, 4 to 12 digits: prompt (asked for twice), fd:N or file:PATH
    #[arg(long, value_name = "SOURCE", default_value = "prompt")]
    pub(crate) new: KeyText,
    /// Print the commands in plain form; send nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    #[command(flatten)]
    pub(crate) session: CustodianArgs,
}

#[derive(Debug, Args)]
pub(crate) struct StoreArgs {
    /// The share: a TOML file of mode 0600
    #[arg(long, value_name = "FILE")]
    pub(crate) share: PathBuf,
    /// host: a host can read it back with the PIN. blind: the card never gives it out. There is no changing it later
    #[arg(long, value_name = "MODE", value_parser = share_mode)]
    pub(crate) mode: ShareMode,
    /// The PIN: prompt, fd:N or file:PATH
    #[arg(long, value_name = "SOURCE", default_value = "prompt")]
    pub(crate) pin: KeyText,
    /// Print the commands in plain form; send nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    #[command(flatten)]
    pub(crate) session: CustodianArgs,
}

#[derive(Debug, Args)]
pub(crate) struct ReadArgs {
    /// The file to be made, mode 0600; never overwritten
    #[arg(long, value_name = "FILE")]
    pub(crate) out: PathBuf,
    /// The PIN: prompt, fd:N or file:PATH
    #[arg(long, value_name = "SOURCE", default_value = "prompt")]
    pub(crate) pin: KeyText,
    /// Print the commands in plain form; send nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    #[command(flatten)]
    pub(crate) session: CustodianArgs,
}

#[derive(Debug, Args)]
pub(crate) struct WipeArgs {
    /// Destroy the PIN too, and ask for none: the way out of a blocked PIN
    #[arg(long, conflicts_with = "pin")]
    pub(crate) all: bool,
    /// The PIN: prompt (the default), fd:N or file:PATH
    #[arg(long, value_name = "SOURCE")]
    pub(crate) pin: Option<KeyText>,
    /// Do not ask whether this is meant
    #[arg(long)]
    pub(crate) yes: bool,
    /// Print the commands in plain form, and what cannot be undone; send nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    #[command(flatten)]
    pub(crate) session: CustodianArgs,
}

#[derive(Debug, Args)]
pub(crate) struct DemoArgs {
    /// How many cards get keys
    #[arg(long, default_value_t = 20)]
    pub(crate) cards: u32,
    /// How many cards the job of the third act makes; 0 leaves it out
    #[arg(long, value_name = "N", default_value_t = 1000, value_parser = clap::value_parser!(u32).range(0..=100_000))]
    pub(crate) job_cards: u32,
    /// Keep master key, journal, audit log, the ceremony and the job in this new directory
    #[arg(long, value_name = "DIR")]
    pub(crate) keep: Option<PathBuf>,
    /// Load keys from here, a vault for example, in place of a master key made for the occasion; the first act only
    #[arg(long, value_name = "KEYREF")]
    pub(crate) new: Option<KeyText>,
}

/// Text where a key reference or a PIN's source belongs. Not shown in Debug: somebody may have typed a key or a PIN.
#[derive(Clone)]
pub(crate) struct KeyText(pub(crate) String);

impl From<String> for KeyText {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl std::fmt::Debug for KeyText {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("KeyText(..)")
    }
}

/// Bytes given in hex.
#[derive(Clone, Debug, Default)]
pub(crate) struct Bytes(pub(crate) Vec<u8>);

/// Up to a day: time limits beyond are slips.
fn seconds() -> clap::builder::RangedU64ValueParser<u64> {
    clap::value_parser!(u64).range(1..=86_400)
}

fn aid(text: &str) -> Result<Bytes, &'static str> {
    let bytes = hex::decode(text).map_err(|_| "an AID is given in hex")?;
    if bytes.is_empty() || (5..=16).contains(&bytes.len()) { Ok(Bytes(bytes)) } else { Err("an AID has 5 to 16 bytes") }
}

fn mode(text: &str) -> Result<Mode, &'static str> {
    match text.to_ascii_lowercase().as_str() {
        "s8" => Ok(Mode::S8),
        "s16" => Ok(Mode::S16),
        _ => Err("s8 or s16"),
    }
}

fn share_mode(text: &str) -> Result<ShareMode, &'static str> {
    match text {
        "host" => Ok(ShareMode::Host),
        "blind" => Ok(ShareMode::Blind),
        _ => Err("host or blind"),
    }
}

fn level(text: &str) -> Result<SecurityLevel, &'static str> {
    let digits = text.strip_prefix("0x").unwrap_or(text);
    let byte = Some(digits).filter(|d| d.len() == 2).and_then(|d| u8::from_str_radix(d, 16).ok());
    byte.and_then(|byte| SecurityLevel::new(byte).ok()).ok_or("00, 01, 03, 11, 13 and 33 exist")
}

fn kvn(text: &str) -> Result<Kvn, &'static str> {
    let byte = parse_byte(text).ok_or("a number: 48 or 0x30")?;
    Kvn::target(byte).map_err(|_| "a new key set has a number from 1 to 127 (0x01 to 0x7F)")
}
