//! `cardwright key derive`: what a diversification makes of a key, in check values.

use crate::advice::Failure;
use crate::args::{DeriveArgs, KeyText};
use crate::config::Settings;
use crate::setup::Terminal;
use crate::{output, setup};
use cardwright_hsm::SecretSource;
use cardwright_keys::diversify::{self, Inputs, KeyUse, Method, Prf, Secret};
use cardwright_keys::key::Algorithm;
use cardwright_keys::keyref::{KeyRef, Scheme};
use cardwright_keys::vault::{Custody, Purpose, Vault};
use cardwright_proto::gp::key::Kcv;
use serde_json::json;
use std::fmt::Write;

/// Check values of what was derived.
struct Checks {
    kcvs: Vec<(KeyUse, Kcv)>,
    algorithm: &'static str,
    custody: Custody,
}

pub(crate) fn run(settings: &Settings, args: &DeriveArgs) -> Result<(), Failure> {
    let inputs = inputs(args.input.as_ref())?;
    let method: Option<Method> = args.scheme.as_deref().map(str::parse).transpose()?;
    let (shown, checks) = match method {
        Some(method) if method.wants_pin() => of_pin(args, &method, &inputs)?,
        method => of_key(settings, args, method, &inputs)?,
    };
    if settings.json {
        let kcvs = checks.kcvs.iter().map(|(what, kcv)| (what.name().to_owned(), kcv.to_string().into()));
        let kcvs: serde_json::Map<_, _> = kcvs.collect();
        let (algorithm, custody) = (checks.algorithm, checks.custody.to_string());
        return output::json(&json!({ "key": shown, "kcv": kcvs, "kcv_algorithm": algorithm, "custody": custody }));
    }
    let mut out = format!("{}\n", output::harmless(&shown));
    for (what, kcv) in &checks.kcvs {
        let _ = writeln!(out, "  {:<5} KCV {kcv} ({})", what.name(), checks.algorithm);
    }
    let _ = writeln!(out, "custody: {}", checks.custody);
    output::text(&out)
}

/// From a PIN, which is no key: it comes from where PINs come from.
fn of_pin(args: &DeriveArgs, method: &Method, inputs: &Inputs) -> Result<(String, Checks), Failure> {
    let source: SecretSource = args.key.0.parse().map_err(|_| Failure::PinSource)?;
    let checks = setup::with_keys(|| {
        let pin = source.read("PIN", &mut Terminal)?;
        in_software(method, Secret::Pin(&pin), inputs)
    })?;
    Ok((source.to_string(), checks))
}

fn of_key(
    settings: &Settings,
    args: &DeriveArgs,
    method: Option<Method>,
    inputs: &Inputs,
) -> Result<(String, Checks), Failure> {
    let key = setup::key_ref(&args.key)?;
    let method = match (key.scheme, method) {
        (Scheme::Plain, Some(method)) => method,
        (Scheme::Plain, None) => return Err(Failure::NoScheme),
        (scheme, None) => Method::Card(scheme),
        (_, Some(_)) => return Err(Failure::TwoSchemes),
    };
    let checks = setup::with_keys(|| {
        let keyring = setup::load_keys(settings, [&key])?;
        match &method {
            // A token does this where the key is; its card keys are AES keys, whatever they were derived with.
            Method::Card(scheme) if keyring.is_in_token(&key) => {
                let key = KeyRef { scheme: *scheme, ..key.clone() };
                let keys = keyring.card_keys(&key, &inputs.kdd()?)?;
                let set = keyring.kcvs(&keys)?;
                let kcvs = vec![(KeyUse::Enc, set.enc), (KeyUse::Mac, set.mac), (KeyUse::Dek, set.dek)];
                Ok(Checks { kcvs, algorithm: "AES", custody: keyring.custody(&keys) })
            }
            method => in_software(method, Secret::Keys(keyring.material(&key, wanted(method))?), inputs),
        }
    })?;
    Ok((key.to_string(), checks))
}

/// Inputs in clear, or where they come from: a PAN is nobody's business on a command line.
fn inputs(given: Option<&KeyText>) -> Result<Inputs, Failure> {
    let Some(KeyText(text)) = given else { return Ok(Inputs::default()) };
    let Ok(source) = text.parse::<SecretSource>() else { return Ok(text.parse()?) };
    let read = source.read("Inputs (kdd=.., pan=..)", &mut Terminal)?;
    Ok(String::from_utf8_lossy(&read).trim().parse()?)
}

/// What a vault has to keep a key for, so that a method may have it.
fn wanted(method: &Method) -> (Purpose, Option<Algorithm>) {
    match method {
        // Session keys come from a card's own.
        Method::Scp02 => (Purpose::Card, Some(method.algorithm())),
        // HMAC has no keys of its own type.
        Method::Counter { layout, .. } if !matches!(layout.prf(), Prf::Cmac(_)) => (Purpose::Master, None),
        _ => (Purpose::Master, Some(method.algorithm())),
    }
}

fn in_software(method: &Method, secret: Secret<'_>, inputs: &Inputs) -> Result<Checks, Failure> {
    let derived = diversify::run(method, secret, inputs)?;
    let kcvs = derived.kcvs(derived.algorithm).map_err(|_| Failure::NoCheckValue)?;
    Ok(Checks { kcvs, algorithm: derived.algorithm.name(), custody: Custody::Software })
}
