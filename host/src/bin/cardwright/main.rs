//! The command line. One file a command group; [`advice`] turns every error into an exit code and a next step.

/// As in `std`, but where standard error is gone (a pipe that was closed, a lost terminal), what was begun is ended all the
/// same, with its own exit code: `std`'s would panic.
macro_rules! eprintln {
    ($($text:tt)*) => {{
        let _ = std::io::Write::write_fmt(&mut std::io::stderr(), format_args!("{}\n", format_args!($($text)*)));
    }};
}

mod advice;
mod apdu;
mod approve;
mod args;
mod batch;
mod card_keys;
mod cards;
mod ceremony;
mod config;
mod custodian;
mod demo;
mod derive;
mod hsm;
mod info;
mod key;
mod life;
mod office;
mod operator;
mod output;
mod readers;
mod registers;
mod registry;
mod report;
mod setup;
mod show;
mod sim;
mod unlocked;
mod vault;

use advice::Failure;
use args::{CardCommand, CeremonyCommand, Cli, Command, KeysCommand};
use clap::Parser;
use clap::error::{ContextKind, ContextValue};
use std::process::ExitCode;

fn main() -> ExitCode {
    // Before anything secret can be in memory.
    let unprotected = cardwright_hsm::protect_process();
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version go to stdout with 0, usage errors to stderr with 2.
            let code = u8::try_from(error.exit_code()).unwrap_or(2);
            let error = shown(error);
            if code != 0 && wants_json() {
                let message = error.to_string();
                let first: Vec<_> = message.lines().map(str::trim).take_while(|line| !line.is_empty()).collect();
                let first = first.join(" ");
                let first = first.trim_start_matches("error: ");
                let next = "`--help` behind the command shows what it takes";
                let _ = output::json(&serde_json::json!({ "error": { "code": code, "message": first, "next": next } }));
            }
            return error.print().map_or(ExitCode::from(2), |()| ExitCode::from(code));
        }
    };
    setup::start_tracing(cli.global.verbose);
    for measure in &unprotected {
        tracing::info!("{measure}");
    }
    let json = cli.global.json;
    match run(cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(json),
    }
}

/// As far as that can be said of a command line that is none.
fn wants_json() -> bool {
    let asked = std::env::args_os().take_while(|arg| arg != "--").any(|arg| arg == "--json");
    let set = std::env::var("CARDWRIGHT_JSON").map(|set| set.to_ascii_lowercase());
    asked || set.is_ok_and(|set| ["1", "true", "t", "yes", "y", "on"].contains(&set.as_str()))
}

/// What was typed, or passed on by a script, may be anything, and as long as it likes: it is repeated harmless and short.
fn shown(mut error: clap::Error) -> clap::Error {
    for kind in [ContextKind::InvalidValue, ContextKind::InvalidArg, ContextKind::InvalidSubcommand] {
        if let Some(ContextValue::String(text)) = error.get(kind) {
            let short = text.chars().take(100).collect::<String>();
            error.insert(kind, ContextValue::String(output::harmless(&short)));
        }
    }
    error
}

fn run(cli: Cli) -> Result<(), Failure> {
    // On a computer that has nothing else of this, and no configuration that could be wrong.
    match &cli.command {
        Command::Ceremony { command: CeremonyCommand::Verify(args) } => {
            return ceremony::verify::run(cli.global.json, args);
        }
        Command::Ceremony { command: CeremonyCommand::Report(args) } => {
            return ceremony::report_html::run(cli.global.json, args);
        }
        _ => {}
    }
    let global = config::complete(cli.global)?;
    match cli.command {
        Command::Readers => readers::run(&global),
        Command::Info(args) => info::run(&global, &args),
        Command::Apdu(args) => apdu::run(&global, &args),
        Command::Card { command: CardCommand::Keys { command: KeysCommand::Put(args) } } => {
            card_keys::put(&global, &args)
        }
        Command::Card { command: CardCommand::Keys { command: KeysCommand::Check(args) } } => {
            card_keys::check(&global, &args)
        }
        Command::Custodian { command } => custodian::run(&global, &command),
        Command::Batch { command } => batch::run(&global, &command),
        Command::Ceremony { command } => ceremony::run(&global, &command),
        Command::Key { command } => key::run(&global, &command),
        Command::Cards { command } => cards::run(&global, &command),
        Command::Registry { command } => registry::run(&global, &command),
        Command::Report { command } => report::run(&global, &command),
        Command::Hsm { command } => hsm::run(&global, &command),
        Command::Operator { command } => operator::run(&global, &command),
        Command::Approve { command } => approve::run(&global, &command),
        Command::Vault { command } => vault::run(&global, &command),
        Command::Sim { command } => sim::run(&global, &command),
        Command::Demo(args) => demo::run(&global, &args),
    }
}
