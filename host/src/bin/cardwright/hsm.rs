//! `cardwright hsm`: which tokens there are, and what they can do.

use crate::advice::Failure;
use crate::args::{HsmCommand, HsmListArgs, ProbeArgs};
use crate::config::Settings;
use crate::setup::Terminal;
use crate::{output, setup};
use cardwright_hsm::pkcs11::probe::{Finding, Report, Verdict};
use cardwright_hsm::pkcs11::{Module, Token, TokenName, TokenOptions, Uri};
use serde_json::{Value, json};
use std::fmt::Write;

pub(crate) fn run(settings: &Settings, command: &HsmCommand) -> Result<(), Failure> {
    match command {
        HsmCommand::List(args) => list(settings, args),
        HsmCommand::Probe(args) => probe(settings, args),
    }
}

/// The tokens of a module; with each the URI that names it.
fn list(settings: &Settings, args: &HsmListArgs) -> Result<(), Failure> {
    let module = Uri { module_path: Some(args.module.clone()), ..Uri::default() };
    let tokens: Vec<_> = Module::load(&module)?.tokens()?.into_iter().map(|present| present.name).collect();
    let uri = |token: &TokenName| Uri {
        token: Some(token.label.clone()),
        serial: Some(token.serial.clone()),
        ..module.clone()
    };
    if settings.json {
        let tokens: Vec<_> = tokens.iter().map(|token| token_json(token, &uri(token))).collect();
        return output::json(&json!({ "tokens": tokens }));
    }
    let mut out = String::new();
    for token in &tokens {
        let TokenName { label, serial, manufacturer, model } = &**token;
        let _ = writeln!(out, "{}", output::harmless(&format!("{label}  {manufacturer} {model}, serial {serial}")));
        let _ = writeln!(out, "  {}", output::harmless(&uri(token).to_string()));
    }
    if tokens.is_empty() {
        out.push_str("no token that is ready for use\n");
    }
    output::text(&out)
}

fn token_json(token: &TokenName, uri: &Uri) -> Value {
    let TokenName { label, serial, manufacturer, model } = token;
    json!({ "label": label, "serial": serial, "manufacturer": manufacturer, "model": model, "uri": uri.to_string() })
}

fn probe(settings: &Settings, args: &ProbeArgs) -> Result<(), Failure> {
    let uri: Uri = args.uri.parse()?;
    let report = setup::with_keys(|| Ok(Token::open(&uri, TokenOptions::default(), &mut Terminal)?.probe()?))?;
    let holds = report.holds(args.profile.into());
    if settings.json {
        output::json(&report_json(&report, holds, args))?;
    } else {
        output::text(&text(&report, holds, args))?;
    }
    if holds { Ok(()) } else { Err(Failure::ProfileBroken(args.profile.name())) }
}

fn report_json(report: &Report, holds: bool, args: &ProbeArgs) -> Value {
    let abilities = report.abilities.iter().map(|ability| {
        json!({ "what": ability.what, "works": ability.works.is_ok(), "error": ability.works.as_ref().err() })
    });
    let findings = report.findings.iter().map(|Finding { class, attack, verdict }| {
        let word = match verdict {
            Verdict::Refused(_) => "refused",
            Verdict::Works => "works",
            Verdict::NotTried(_) => "not-tried",
        };
        json!({ "class": class.to_string(), "attack": attack, "verdict": word, "detail": verdict.to_string() })
    });
    json!({
        "abilities": abilities.collect::<Vec<_>>(),
        "findings": findings.collect::<Vec<_>>(),
        "profile": args.profile.name(),
        "holds": holds,
    })
}

fn text(report: &Report, holds: bool, args: &ProbeArgs) -> String {
    let mut out = String::from("What it can do, tried and compared with software:\n");
    for ability in &report.abilities {
        let works = ability.works.as_ref().map_or_else(|why| format!("no: {why}"), |()| "yes".to_owned());
        let _ = writeln!(out, "  {:<62} {}", ability.what, output::harmless(&works));
    }
    out.push_str("\nAttacks with the user's PIN, on throw-away keys:\n");
    for Finding { class, attack, verdict } in &report.findings {
        let _ = writeln!(out, "  {:<8} {:<62} {}", class.to_string(), attack, output::harmless(&verdict.to_string()));
    }
    let _ = writeln!(out, "\nprofile {}: {}", args.profile.name(), if holds { "holds" } else { "DOES NOT HOLD" });
    out.push_str("only session objects were made: they ended with the session\n");
    out
}
