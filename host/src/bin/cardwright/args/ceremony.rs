//! The arguments of `cardwright ceremony`.

use super::KeyText;
use super::life::why;
use cardwright_keys::vault::Purpose;
use cardwright_proto::custody::share::Scheme;
use clap::{Args, Subcommand};
use std::path::PathBuf;

#[derive(Debug, Subcommand)]
pub(crate) enum CeremonyCommand {
    /// Show a plan for review, with its fingerprint; or make one to begin with
    Plan(PlanArgs),
    /// Deal the key, or go on with whatever is unfinished
    Run(RunArgs),
    /// Show how far it is, card by card, and who has to come next
    Status(DirArgs),
    /// Try the shares: every subset has to give the key, and nothing leaves the cards
    Drill(DrillArgs),
    /// Put the key together for one HSM, whose key the CA certifies
    Release(ReleaseArgs),
    /// Destroy all shares, each card signing that it did
    Destroy(DestroySharesArgs),
    /// End what is unfinished; the dealer's card forgets what it has pending
    Abandon(AbandonArgs),
    /// Check transcripts offline, from the files alone
    Verify(VerifyArgs),
    /// Make an HTML report of transcripts, once all of them are verified
    Report(ReportArgs),
}

#[derive(Debug, Args)]
pub(crate) struct PlanArgs {
    /// The plan to review
    #[arg(value_name = "FILE", required_unless_present = "new")]
    pub(crate) file: Option<PathBuf>,
    /// Write a plan to begin with into this new file
    #[arg(long, value_name = "FILE", conflicts_with = "file")]
    pub(crate) new: Option<PathBuf>,
    /// How its key is split: shamir or xor
    #[arg(long, value_name = "SCHEME", default_value = "shamir", value_parser = scheme, requires = "new")]
    pub(crate) scheme: Scheme,
    /// How many shares make the key
    #[arg(long, value_name = "NUMBER", default_value_t = 3, requires = "new")]
    pub(crate) m: u8,
    /// How many shares there are
    #[arg(long, value_name = "NUMBER", default_value_t = 5, requires = "new")]
    pub(crate) n: u8,
}

#[derive(Debug, Args)]
pub(crate) struct DirArgs {
    /// The ceremony's directory
    #[arg(value_name = "DIR")]
    pub(crate) dir: PathBuf,
}

/// The cards, and how they are reached.
#[derive(Debug, Args)]
pub(crate) struct CardsArgs {
    /// The ceremony's directory
    #[arg(value_name = "DIR")]
    pub(crate) dir: PathBuf,
    /// The keys of the cards' secure channels
    #[arg(long, value_name = "KEYREF[@KVN]", required_unless_present_any = ["dry_run", "shares"])]
    pub(crate) key: Option<KeyText>,
    /// A card with a reader of its own; all others are put into --reader, one after another. May be given again
    #[arg(long, value_name = "LABEL=URI", value_parser = assigned)]
    pub(crate) card: Vec<(String, String)>,
    /// Where a card's PIN comes from: prompt (the default), fd:N or file:PATH. May be given again
    #[arg(long, value_name = "LABEL=SOURCE")]
    pub(crate) pin: Vec<KeyText>,
    /// The manifest's sequence, if it is to be higher: for a card that has approved younger manifests elsewhere
    #[arg(long, value_name = "NUMBER", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) sequence: u32,
    /// Ask nobody anything: cards are not swapped, and the transcript says that nobody compared fingerprints
    #[arg(long)]
    pub(crate) unattended: bool,
    /// Authenticate although earlier failures on record say that it may block a card
    #[arg(long)]
    pub(crate) accept_risk: bool,
    /// List the visits and their commands; send nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Host mode: the directory of share files, where the plan has no custodians' cards
    #[arg(long, value_name = "DIR")]
    pub(crate) shares: Option<PathBuf>,
}

/// The vault that a key goes to.
#[derive(Debug, Args)]
pub(crate) struct IntoArgs {
    /// The key goes into this vault, a file, as vault:NAME/KEY
    #[arg(long, value_name = "KEYREF")]
    pub(crate) into: Option<KeyText>,
    /// What the vault keeps it for: master, enc, mac or dek
    #[arg(long, value_name = "PURPOSE", default_value = "master")]
    pub(crate) purpose: Purpose,
    /// Do not activate it: it serves for nothing until `cardwright key activate`
    #[arg(long)]
    pub(crate) pre_operational: bool,
    /// Why, in one line: it is kept with the key's history, and approvers read it
    #[arg(long, value_name = "TEXT", default_value = "released in a ceremony", value_parser = why)]
    pub(crate) reason: String,
}

#[derive(Debug, Args)]
pub(crate) struct RunArgs {
    #[command(flatten)]
    pub(crate) cards: CardsArgs,
    /// The plan, to begin with; a copy of it is kept in the directory
    #[arg(long, value_name = "FILE")]
    pub(crate) plan: Option<PathBuf>,
    /// The CA is a key in a file, for tests: every line of evidence says so
    #[arg(long)]
    pub(crate) test_ca: bool,
    /// Throws of dice that a custodian's card mixes into its part of the key's randomness, from prompt, fd:N or file:PATH: at
    /// least 50 digits, 1 to 6. May be given again
    #[arg(long, value_name = "LABEL=SOURCE")]
    pub(crate) dice: Vec<KeyText>,
    /// The HSM's public key, where a release is unfinished
    #[arg(long, value_name = "FILE", conflicts_with = "into")]
    pub(crate) hsm_key: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) into: IntoArgs,
    /// Host mode: the key that is split; left out: a new one
    #[arg(long, value_name = "KEYREF")]
    pub(crate) split: Option<KeyText>,
    /// Host mode: what is split is the passphrase of this new file, in which the key is
    #[arg(long, value_name = "FILE")]
    pub(crate) wrapped: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct DrillArgs {
    #[command(flatten)]
    pub(crate) cards: CardsArgs,
    /// The combiner's card is another one than before: it is enrolled, and the CA's card certifies it
    #[arg(long)]
    pub(crate) new_combiner: bool,
    /// Which custodians, e.g. 1,3,5; left out: all
    #[arg(long, value_name = "NUMBERS", value_delimiter = ',')]
    pub(crate) from: Vec<u8>,
}

#[derive(Debug, Args)]
pub(crate) struct ReleaseArgs {
    #[command(flatten)]
    pub(crate) cards: CardsArgs,
    /// The HSM's public key: RSA of 2048 to 4096 bits or P-256, PEM or DER. What it can open is kept in the directory
    #[arg(long, value_name = "FILE", required_unless_present = "into", conflicts_with = "into")]
    pub(crate) hsm_key: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) into: IntoArgs,
    /// Host mode: the shares make the passphrase of this file, and the key in it is what goes into the vault
    #[arg(long, value_name = "FILE")]
    pub(crate) wrapped: Option<PathBuf>,
    /// The combiner's card is another one than before: it is enrolled, and the CA's card certifies it
    #[arg(long)]
    pub(crate) new_combiner: bool,
    /// Which custodians, e.g. 1,3,5; left out: as many as make the key
    #[arg(long, value_name = "NUMBERS", value_delimiter = ',')]
    pub(crate) from: Vec<u8>,
}

#[derive(Debug, Args)]
pub(crate) struct DestroySharesArgs {
    #[command(flatten)]
    pub(crate) cards: CardsArgs,
    /// Do not ask whether this is meant
    #[arg(long)]
    pub(crate) yes: bool,
}

#[derive(Debug, Args)]
pub(crate) struct AbandonArgs {
    #[command(flatten)]
    pub(crate) cards: CardsArgs,
    /// The card that is asked for is not to be had: what the dealer's has pending stays there, and an approval that was
    /// not answered stays unknown
    #[arg(long)]
    pub(crate) without_card: bool,
    /// Do not ask whether this is meant
    #[arg(long)]
    pub(crate) yes: bool,
}

#[derive(Debug, Args)]
pub(crate) struct VerifyArgs {
    /// Transcripts; several are checked as a chain, in this order
    #[arg(value_name = "TRANSCRIPT", required = true)]
    pub(crate) transcripts: Vec<PathBuf>,
    #[command(flatten)]
    pub(crate) given: GivenArgs,
}

/// What is known from elsewhere.
#[derive(Debug, Args)]
pub(crate) struct GivenArgs {
    /// Fingerprint of the CA's key: 13 words, or 64 hexadecimal digits
    #[arg(long, value_name = "WORDS|HEX")]
    pub(crate) ca: Option<String>,
    /// Fingerprint of the plan
    #[arg(long, value_name = "WORDS|HEX")]
    pub(crate) plan: Option<String>,
    /// Head of the transcript before the first one, in hexadecimal; zeros where there was none
    #[arg(long, value_name = "HEX")]
    pub(crate) prev: Option<String>,
    /// Head of the last one, as it was read aloud at its end
    #[arg(long, value_name = "WORDS|HEX")]
    pub(crate) head: Option<String>,
    /// Certificates that are not to be used: a file with a hash in hexadecimal on each line
    #[arg(long, value_name = "FILE")]
    pub(crate) revoked: Option<PathBuf>,
}

#[derive(Debug, Args)]
#[command(after_help = "Where a transcript is refused, there is no report, and the exit code is 7.")]
pub(crate) struct ReportArgs {
    /// The ceremony's directory; or transcripts, in their order
    #[arg(value_name = "DIR|TRANSCRIPT", required = true)]
    pub(crate) of: Vec<PathBuf>,
    /// The file to write; it is never overwritten
    #[arg(long, value_name = "FILE")]
    pub(crate) out: PathBuf,
    #[command(flatten)]
    pub(crate) given: GivenArgs,
}

fn scheme(text: &str) -> Result<Scheme, &'static str> {
    match text {
        "shamir" => Ok(Scheme::Shamir),
        "xor" => Ok(Scheme::Xor),
        _ => Err("shamir or xor"),
    }
}

fn assigned(text: &str) -> Result<(String, String), &'static str> {
    let (label, value) = text.split_once('=').ok_or("LABEL=URI, e.g. C1=pcsc:ACS")?;
    Ok((label.to_owned(), value.to_owned()))
}
