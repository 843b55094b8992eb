//! The arguments of `key`, `vault` and `hsm`.

use super::KeyText;
use super::life::{ActivateArgs, CompromiseArgs, DestroyArgs, DueArgs, MoveArgs, RotateArgs, WrappedArgs, why};
use cardwright_hsm::pkcs11::probe::Profile;
use cardwright_keys::diversify::{METHODS, MethodHelp};
use cardwright_keys::keyref::Name;
use cardwright_keys::vault::{KeyType, Purpose};
use clap::{Args, Subcommand, ValueEnum};
use std::fmt::Write;
use std::path::PathBuf;

#[derive(Debug, Subcommand)]
pub(crate) enum KeyCommand {
    /// Make a new key in a vault, or a new key file
    Generate(GenerateArgs),
    /// Put a key that is outside into a vault
    Import(ImportArgs),
    /// List the keys of one vault, or of all
    List(ListArgs),
    /// Show what a key is, and its check values; never the key
    Show(ShowArgs),
    /// Derive a card's keys, or others, and show their check values; never the keys
    #[command(after_help = methods())]
    Derive(DeriveArgs),
    /// Put a pre-operational version to use
    Activate(ActivateArgs),
    /// Hold an active version back: it serves for nothing until it is reactivated
    Suspend(MoveArgs),
    /// Put a suspended version to use again
    Reactivate(MoveArgs),
    /// End making new keys with a version; cards that have keys from it can still be reached
    Deactivate(MoveArgs),
    /// Note that somebody else may have a version; everything that hangs on it is flagged
    Compromise(CompromiseArgs),
    /// Have people vouch for a version's history so far: where a policy is newer than the key
    Confirm(MoveArgs),
    /// Destroy a version in its vault, for good
    Destroy(DestroyArgs),
    /// Make the next version, and activate it: now, or on a day
    Rotate(RotateArgs),
    /// Note that a version is kept outside of its vault, wrapped under another key: it is flagged with that
    Wrapped(WrappedArgs),
    /// List what has to be done soon: activations, ends of cryptoperiods (SP 800-57 Part 1, table 1)
    Due(DueArgs),
}

/// What a new key is.
#[derive(Debug, Args)]
pub(crate) struct SpecArgs {
    /// master (cards' keys are derived from it), card (one card's ENC, MAC, DEK), enc, mac or dek
    #[arg(long, value_name = "PURPOSE", default_value = "master")]
    pub(crate) purpose: Purpose,
    /// aes128, aes192, aes256, 3des2 or 3des3
    #[arg(long = "type", value_name = "TYPE", default_value = "aes256")]
    pub(crate) key_type: KeyType,
    /// In a token: a trusted backup key can wrap it
    #[arg(long)]
    pub(crate) portable: bool,
}

#[derive(Debug, Args)]
pub(crate) struct GenerateArgs {
    /// vault:NAME/KEY, or file:PATH for a new key file of mode 0600; nothing is ever written over
    #[arg(value_name = "KEYREF")]
    pub(crate) key: KeyText,
    #[command(flatten)]
    pub(crate) spec: SpecArgs,
    /// Do not activate it: it serves for nothing until `cardwright key activate`
    #[arg(long)]
    pub(crate) pre_operational: bool,
    /// Why, in one line: it is kept with the key's history, and approvers read it
    #[arg(long, value_name = "TEXT", default_value = "not given", hide_default_value = true, value_parser = why)]
    pub(crate) reason: String,
}

#[derive(Debug, Args)]
pub(crate) struct ImportArgs {
    /// vault:NAME/KEY
    #[arg(value_name = "KEYREF")]
    pub(crate) key: KeyText,
    /// Where it is now: file:PATH, fd:N, prompt or gp-test
    #[arg(long, value_name = "KEYREF")]
    pub(crate) from: KeyText,
    #[command(flatten)]
    pub(crate) spec: SpecArgs,
    /// Do not activate it: it serves for nothing until `cardwright key activate`
    #[arg(long)]
    pub(crate) pre_operational: bool,
    /// Why, in one line: it is kept with the key's history, and approvers read it
    #[arg(long, value_name = "TEXT", default_value = "not given", hide_default_value = true, value_parser = why)]
    pub(crate) reason: String,
}

#[derive(Debug, Args)]
pub(crate) struct ListArgs {
    /// The vault, as the configuration names it; left out: all of them
    #[arg(value_name = "NAME")]
    pub(crate) vault: Option<Name>,
}

#[derive(Debug, Args)]
pub(crate) struct ShowArgs {
    /// vault:NAME/KEY, or any other key reference
    #[arg(value_name = "KEYREF")]
    pub(crate) key: KeyText,
}

#[derive(Debug, Args)]
pub(crate) struct DeriveArgs {
    /// The master; or, for the methods that take a PIN, where the PIN comes from: prompt, fd:N or file:PATH
    #[arg(value_name = "KEYREF")]
    pub(crate) key: KeyText,
    /// The method, with its parameters: NAME or NAME:PARAMETER=VALUE,..; left out: the one in front of KEYREF
    #[arg(long, value_name = "SCHEME")]
    pub(crate) scheme: Option<String>,
    /// Hex, or by name, with commas between: kdd=, serial=, iin=, cin=, pan=, psn=, input=; or where that is to be
    /// read, which keeps a PAN off the command line: prompt, fd:N or file:PATH
    #[arg(long, value_name = "INPUT")]
    pub(crate) input: Option<KeyText>,
}

/// The methods, for the help text.
fn methods() -> String {
    let mut text = String::from("Methods:\n");
    for MethodHelp { name, what, wants, parameters } in METHODS {
        let _ = writeln!(text, "  {name:<13} {what}\n                wants {wants}");
        if !parameters.is_empty() {
            let _ = writeln!(text, "                parameters: {parameters}");
        }
    }
    text
}

#[derive(Debug, Subcommand)]
pub(crate) enum VaultCommand {
    /// Make the file of a soft vault that the configuration names
    Create(CreateArgs),
    /// Open a soft vault once, and run a command in which nothing asks for its passphrase
    Unlock(UnlockArgs),
    /// Put another passphrase in the present one's place; every key is encrypted anew
    Passwd(PasswdArgs),
    /// Open a vault, and look at every key in it
    Check(VaultArgs),
}

#[derive(Debug, Args)]
pub(crate) struct VaultArgs {
    /// The vault, as the configuration names it
    #[arg(value_name = "NAME")]
    pub(crate) vault: Name,
}

/// How a passphrase becomes a key.
#[derive(Debug, Args)]
pub(crate) struct KdfArgs {
    /// Key derivation from the passphrase; for a new vault argon2id, otherwise what the vault has
    #[arg(long, value_enum)]
    pub(crate) kdf: Option<KdfName>,
    /// Argon2id: MiB of memory, 19 to 1024; for a new vault 64
    #[arg(long, value_name = "MIB", value_parser = clap::value_parser!(u32).range(19..=1024))]
    pub(crate) memory: Option<u32>,
    /// Argon2id: passes over it, 2 to 16; for a new vault 3
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(2..=16))]
    pub(crate) passes: Option<u32>,
    /// PBKDF2: iterations, 100000 to 10000000; for a new vault 600000
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(100_000..=10_000_000))]
    pub(crate) iterations: Option<u32>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum KdfName {
    /// RFC 9106
    Argon2id,
    /// PBKDF2-HMAC-SHA-256 (SP 800-132), for FIPS shops
    Pbkdf2,
}

#[derive(Debug, Args)]
pub(crate) struct CreateArgs {
    #[command(flatten)]
    pub(crate) vault: VaultArgs,
    #[command(flatten)]
    pub(crate) kdf: KdfArgs,
}

#[derive(Debug, Args)]
pub(crate) struct PasswdArgs {
    #[command(flatten)]
    pub(crate) vault: VaultArgs,
    /// The new passphrase: prompt (asked for twice), fd:N or file:PATH
    #[arg(long, value_name = "SOURCE", default_value = "prompt")]
    pub(crate) new: KeyText,
    #[command(flatten)]
    pub(crate) kdf: KdfArgs,
}

#[derive(Debug, Args)]
pub(crate) struct UnlockArgs {
    #[command(flatten)]
    pub(crate) vault: VaultArgs,
    /// The command, and its arguments; left out: your shell
    #[arg(last = true, value_name = "COMMAND")]
    pub(crate) command: Vec<std::ffi::OsString>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum HsmCommand {
    /// List the tokens behind a PKCS#11 module, with the URI that names each
    List(HsmListArgs),
    /// Try what a token can do, and attacks on throw-away keys; leaves no object behind
    Probe(ProbeArgs),
}

#[derive(Debug, Args)]
pub(crate) struct HsmListArgs {
    /// The vendor's PKCS#11 module (a shared library)
    #[arg(long, env = "CARDWRIGHT_MODULE", value_name = "PATH")]
    pub(crate) module: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct ProbeArgs {
    /// The token: pkcs11:token=LABEL;serial=..?module-path=PATH, and &pin-source=file:PATH where the PIN is not asked for
    #[arg(value_name = "URI")]
    pub(crate) uri: String,
    /// What is asked of it: exit 0 where it holds, 8 where it does not
    #[arg(long, value_enum, default_value_t = ProfileName::All)]
    pub(crate) profile: ProfileName,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ProfileName {
    /// A master made inside stays inside
    Master,
    /// A master that comes from custodians stays inside
    Import,
    /// Both
    All,
}

impl ProfileName {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Master => "master",
            Self::Import => "import",
            Self::All => "all",
        }
    }
}

impl From<ProfileName> for Profile {
    fn from(name: ProfileName) -> Self {
        match name {
            ProfileName::Master => Self::Master,
            ProfileName::Import => Self::Import,
            ProfileName::All => Self::All,
        }
    }
}
