//! The arguments of `operator` and `approve`.

use super::KeyText;
use cardwright_keys::approval::PublicKey;
use cardwright_keys::keyref::Name;
use cardwright_keys::lifecycle::Role;
use clap::{Args, Subcommand};

#[derive(Debug, Subcommand)]
pub(crate) enum OperatorCommand {
    /// The Ed25519 key that an operator signs with
    Key {
        #[command(subcommand)]
        command: OperatorKeyCommand,
    },
    /// Write somebody into the operators file
    Add(AddArgs),
    /// List the operators, and the rules of the policy that there are not people enough for
    List,
    /// Let nothing count any more that an operator signs; the name stays taken
    Retire(RetireArgs),
}

#[derive(Debug, Subcommand)]
pub(crate) enum OperatorKeyCommand {
    /// Make a key, and print its public half
    Make(OperatorKeyArgs),
    /// Print the public half of a key
    Show(OperatorKeyArgs),
}

#[derive(Debug, Args)]
pub(crate) struct OperatorKeyArgs {
    /// file:PATH (PKCS#8 under a passphrase, mode 0600, never overwritten), or pkcs11:..;object=LABEL?module-path=..
    #[arg(value_name = "KEY")]
    pub(crate) key: KeyText,
    /// The passphrase of a file: prompt (asked for twice when it is new), fd:N or file:PATH
    #[arg(long, value_name = "SOURCE")]
    pub(crate) passphrase: Option<KeyText>,
}

#[derive(Debug, Args)]
pub(crate) struct AddArgs {
    /// Under which requests and approvals are signed; never given twice
    pub(crate) name: Name,
    /// key-manager, custodian, card-manager or incident-responder; may be given again
    #[arg(long, required = true, value_name = "ROLE")]
    pub(crate) role: Vec<Role>,
    /// The person behind the name: whoever has two names counts once; default: the name
    #[arg(long, value_name = "PERSON")]
    pub(crate) person: Option<Name>,
    /// ed25519:HEX, as `operator key make` prints it
    #[arg(long, value_name = "KEY")]
    pub(crate) public: PublicKey,
}

#[derive(Debug, Args)]
pub(crate) struct RetireArgs {
    /// The operator
    pub(crate) name: Name,
    /// Also where the policy cannot be kept without this operator: what needs more approvals than there are people is
    /// then not done until somebody is added
    #[arg(long)]
    pub(crate) yes: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ApproveCommand {
    /// List the requests: what, by whom, until when, and which approvals count
    List(ApproveListArgs),
    /// Show all words of a request, and what the signatures under it count for
    Show(RequestArgs),
    /// Sign a request, after its words were shown
    Sign(SignArgs),
}

#[derive(Debug, Args)]
pub(crate) struct ApproveListArgs {
    /// Also those that have served, or whose time is over
    #[arg(long)]
    pub(crate) all: bool,
}

#[derive(Debug, Args)]
pub(crate) struct RequestArgs {
    /// The request: its digits, or at least the first four
    #[arg(value_name = "REQUEST")]
    pub(crate) request: String,
}

#[derive(Debug, Args)]
pub(crate) struct SignArgs {
    #[command(flatten)]
    pub(crate) request: RequestArgs,
    /// The operator who signs; default: `name` in `[operator]` of the configuration
    #[arg(long = "as", value_name = "NAME")]
    pub(crate) operator: Option<Name>,
    /// The operator's key; default: `key` in `[operator]` of the configuration
    #[arg(long, value_name = "KEY")]
    pub(crate) key: Option<KeyText>,
    /// The passphrase of a file: prompt, fd:N or file:PATH
    #[arg(long, value_name = "SOURCE")]
    pub(crate) passphrase: Option<KeyText>,
    /// Do not ask whether this is meant
    #[arg(long)]
    pub(crate) yes: bool,
}
