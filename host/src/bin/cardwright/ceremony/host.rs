//! Host mode: shares on cards or in files, through this computer.

mod cupboard;

use super::into::Target;
use super::terminal::{Terminal, stop};
use super::unfinished;
use crate::advice::Failure;
use crate::args::{AbandonArgs, CardsArgs, DestroySharesArgs, DrillArgs, KeyText, ReleaseArgs, RunArgs};
use crate::config::Settings;
use crate::{output, setup};
use cardwright::books::Books;
use cardwright::ceremony::CeremonyError;
use cardwright::ceremony::directory::Directory;
use cardwright::ceremony::host_mode::{Held, HostMode};
use cardwright::ceremony::people::{People, Question};
use cardwright::error::Error;
use cardwright::world::{Entropy, Os};
use cardwright_hsm::{Kdf, Passphrase, VaultFile};
use cardwright_keys::ceremony::plan::Plan;
use cardwright_keys::key::{Algorithm, KeyMaterial, SecretKey};
use cardwright_keys::keyref::Name;
use cardwright_keys::vault::{KeySpec, KeyType, Purpose, Store};
use cardwright_proto::custody::manifest::{Operation, Place};
use cupboard::Cupboard;
use serde_json::json;
use std::fmt::Write;
use std::path::Path;
use zeroize::Zeroizing;

/// What stands in each report of this mode.
pub(super) const THROUGH_HERE: &str = "host mode: shares passed through this computer";

pub(super) fn deal(settings: &Settings, args: &RunArgs, plan: Option<&Plan>) -> Result<(), Failure> {
    if args.cards.dry_run {
        let directory = match plan {
            Some(plan) => Directory::planned(&args.cards.dir, plan.clone()),
            None => read(&args.cards)?,
        };
        return dry_run(settings, &directory, Operation::Deal, &[]);
    }
    let held = with_cupboard(settings, &args.cards, (plan, None), true, |mut mode, directory| {
        let key = &directory.plan.key;
        let secret = || match (&args.split, &args.wrapped) {
            (Some(split), None) => Ok((given(settings, split, key.key_type.into())?, None)),
            (None, None) => Ok((fresh(key.key_length)?, None)),
            (split, Some(path)) => {
                let given = split.as_ref().map(|split| given(settings, split, Algorithm::Aes)).transpose()?;
                let (secret, key) = (fresh(key.key_length)?, given.map_or_else(|| fresh(32), Ok)?);
                let said = format!("what is split is the passphrase of a file, {}", said_of(path, &key)?);
                wrap(path, &secret, key)?;
                Ok((secret, Some(said)))
            }
        };
        mode.deal(secret, &mut Os)
    })?;
    print(settings, &args.cards, "deal", &held)
}

pub(super) fn drill(settings: &Settings, args: &DrillArgs) -> Result<(), Failure> {
    if args.cards.dry_run {
        return dry_run(settings, &read(&args.cards)?, Operation::Drill, &args.from);
    }
    let held = with_cupboard(settings, &args.cards, (None, None), true, |mut mode, directory| {
        mode.drill(&chosen(&args.from, directory.plan.n()))
    })?;
    print(settings, &args.cards, "drill", &held)
}

pub(super) fn release(settings: &Settings, args: &ReleaseArgs) -> Result<(), Failure> {
    if args.cards.dry_run {
        return dry_run(settings, &read(&args.cards)?, Operation::Release, &args.from);
    }
    if args.into.into.is_none() {
        return Err(Failure::NoTarget);
    }
    let held = with_cupboard(settings, &args.cards, (None, None), true, |mut mode, directory| {
        let target = Target::open(settings, directory, &args.into)?.ok_or(Failure::NoTarget)?;
        mode.release(&chosen(&args.from, directory.plan.m), |secret| {
            deliver(settings, (target, secret), args.wrapped.as_deref())
        })
    })?;
    print(settings, &args.cards, "release", &held)
}

pub(super) fn destroy(settings: &Settings, args: &DestroySharesArgs) -> Result<(), Failure> {
    if args.cards.dry_run {
        return dry_run(settings, &read(&args.cards)?, Operation::Destroy, &[]);
    }
    let asked = (None, Some(Question::Destroy));
    let held = with_cupboard(settings, &args.cards, asked, args.yes, |mut mode, _| mode.destroy())?;
    print(settings, &args.cards, "destroy", &held)
}

pub(super) fn abandon(settings: &Settings, args: &AbandonArgs) -> Result<(), Failure> {
    let directory = Directory::open(&args.cards.dir, None).map_err(Error::from)?;
    Terminal::new(settings, &args.cards, &directory, args.yes)?.agree(Question::Abandon)?;
    HostMode::<Cupboard<'_, '_, '_>>::abandon(&directory, &Os).map_err(Error::from)?;
    if settings.json {
        return output::json(&json!({ "outcome": "abandoned", "mode": "host" }));
    }
    output::text(
        "what was unfinished is given up. Shares of a deal that are kept by now make its key, where they are enough: \
         `cardwright ceremony destroy DIR` destroys them\n",
    )
}

fn read(args: &CardsArgs) -> Result<Directory, Failure> {
    Directory::read(&args.dir).map_err(|error| Error::from(error).into())
}

/// Who would be asked, and with which commands.
fn dry_run(settings: &Settings, directory: &Directory, operation: Operation, from: &[u8]) -> Result<(), Failure> {
    let plan = &directory.plan;
    if !plan.steps.contains(&operation) {
        return Err(stop(CeremonyError::NotPlanned(operation)));
    }
    let enough = if operation == Operation::Release { plan.m } else { plan.n() };
    let commands: &[&str] = match operation {
        Operation::Deal => &["CHANGE PIN", "STORE SHARE", "READ SHARE"],
        Operation::Drill | Operation::Release => &["READ SHARE"],
        Operation::Destroy => &["WIPE"],
    };
    let (mut rows, mut out) = (Vec::new(), String::new());
    for x in chosen(from, enough) {
        if !(1..=plan.n()).contains(&x) {
            return Err(stop(CeremonyError::NoCustodian(x)));
        }
        let place = match plan.card(Place::Custodian(x)) {
            Some(card) => format!("card {}, {}", card.label, card.holder),
            None => cupboard::file_name(x),
        };
        let commands = if plan.card(Place::Custodian(x)).is_some() { commands } else { &[] };
        let listed = commands.join(", ");
        let _ = writeln!(
            out,
            "share {x}: {}{}{listed}",
            output::harmless(&place),
            if listed.is_empty() { "" } else { ": " }
        );
        rows.push(json!({ "x": x, "place": place, "commands": commands }));
    }
    if settings.json {
        return output::json(&json!({ "operation": operation.to_string(), "mode": "host", "dry_run": rows }));
    }
    output::text(&format!("{THROUGH_HERE}\n{out}nothing was sent\n"))
}

/// All from 1, where nobody chose.
fn chosen(from: &[u8], enough: u8) -> Vec<u8> {
    if from.is_empty() { (1..=enough).collect() } else { from.to_vec() }
}

fn with_cupboard(
    settings: &Settings,
    args: &CardsArgs,
    (plan, question): (Option<&Plan>, Option<Question>),
    yes: bool,
    work: impl FnOnce(HostMode<'_, Cupboard<'_, '_, '_>>, &Directory) -> Result<Held, Failure>,
) -> Result<Held, Failure> {
    let key = args.key.as_ref().map(setup::key_ref).transpose()?;
    let directory = Directory::open(&args.dir, plan).map_err(Error::from)?;
    let mut people = Terminal::new(settings, args, &directory, yes)?;
    question.map_or(Ok(()), |question| people.agree(question))?;
    tracing::warn!("{THROUGH_HERE}");
    let done = setup::with_keys(|| {
        let vault = setup::load_keys(settings, &key)?;
        setup::readable(&vault, &key)?;
        let mut kept = setup::open_books(settings)?;
        let mut books = Books::new(&mut *kept.journal, &mut *kept.audit, &Os);
        let (accept_risk, plan, shares) = (args.accept_risk, &directory.plan, args.shares.as_deref());
        let (people, books) = (&mut people, &mut books);
        let mut cupboard =
            Cupboard { people, books, plan, key: key.as_ref().map(|key| (&vault, key)), accept_risk, shares };
        work(HostMode::new(&directory, &Os, &mut cupboard), &directory)
    });
    done.map_err(|error| unfinished(&args.dir, error))
}

/// A new key of so many bytes.
fn fresh(len: u8) -> Result<SecretKey, Failure> {
    let mut bytes = Zeroizing::new([0; 32]);
    Os.fill(&mut *bytes)?;
    SecretKey::new(bytes.get(..len.into()).unwrap_or_default()).map_err(|_| Failure::NoCheckValue)
}

/// The key that is split, from wherever it is: a master of a vault, a file.
fn given(settings: &Settings, text: &KeyText, algorithm: Algorithm) -> Result<SecretKey, Failure> {
    let key = setup::key_ref(text)?;
    let keyring = setup::load_keys(settings, [&key])?;
    match keyring.material(&key, (Purpose::Master, Some(algorithm)))? {
        KeyMaterial::One(secret) => copy(secret),
        KeyMaterial::Set(_) => Err(Failure::KeySet),
    }
}

fn copy(secret: &SecretKey) -> Result<SecretKey, Failure> {
    SecretKey::new(secret.expose()).map_err(|_| Failure::NoCheckValue)
}

/// The key's name in a wrapped key file.
fn wrapped_name() -> Result<Name, Failure> {
    WRAPPED.parse().map_err(|_| Failure::NoCheckValue)
}

const WRAPPED: &str = "key";

/// What the shares make, as the passphrase of a vault file: its hexadecimal digits.
fn passphrase(secret: &SecretKey) -> Passphrase {
    let mut digits = Zeroizing::new([0; 64]);
    let used = &mut digits[..2 * secret.key_len()];
    // The room is exactly twice the key's.
    let coded = hex::encode_to_slice(secret.expose(), used);
    debug_assert!(coded.is_ok());
    Passphrase::new(used)
}

/// A key into a vault file of its own, whose passphrase is what is split (`docs/protocol/vault-file.md`).
fn wrap(path: &Path, secret: &SecretKey, key: SecretKey) -> Result<(), Failure> {
    let key_type = match key.key_len() {
        16 => KeyType::Aes128,
        24 => KeyType::Aes192,
        _ => KeyType::Aes256,
    };
    let spec = KeySpec { purpose: Purpose::Master, key_type, portable: false };
    let mut file = VaultFile::create(path, &passphrase(secret), Kdf::ARGON2ID)?;
    file.import(&wrapped_name()?, spec, &KeyMaterial::One(key))?;
    Ok(())
}

/// Into the vault: what the shares make, or what it opens. What the transcript has to say of a file that it opened.
fn deliver(
    settings: &Settings,
    (mut target, secret): (Target, &SecretKey),
    wrapped: Option<&Path>,
) -> Result<Option<String>, Failure> {
    let Some(path) = wrapped else {
        target.take(settings, KeyMaterial::One(copy(secret)?))?;
        return Ok(None);
    };
    let file = VaultFile::open(path, &passphrase(secret))?;
    let (spec, key) = match file.material(&wrapped_name()?)? {
        (spec, KeyMaterial::One(key)) => (spec, key),
        (_, KeyMaterial::Set(_)) => return Err(Failure::KeySet),
    };
    let said = format!("what came into the vault is the key of a file, {}", said_of(path, key)?);
    target.of_type(spec.key_type).take(settings, KeyMaterial::One(copy(key)?))?;
    Ok(Some(said))
}

/// A wrapped key's file, and the check value of the AES key in it.
fn said_of(path: &Path, key: &SecretKey) -> Result<String, Failure> {
    let kcv = key.kcv(Algorithm::Aes).map_err(|_| Failure::NoCheckValue)?;
    let name = path.file_name().map(|name| name.to_string_lossy()).unwrap_or_default();
    Ok(format!("{}, and the check value of that key is {kcv}", output::harmless(&name)))
}

fn print(settings: &Settings, args: &CardsArgs, operation: &str, held: &Held) -> Result<(), Failure> {
    let transcript = args.dir.join(&held.transcript).display().to_string();
    let (kcv, head) = (held.kcv.to_string(), hex::encode_upper(held.head));
    if settings.json {
        return output::json(&json!({
            "operation": operation, "outcome": "done", "mode": "host", "custody": THROUGH_HERE, "kcv": kcv, "head": head,
            "subsets": held.subsets, "transcript": transcript,
        }));
    }
    let done = match operation {
        "deal" => format!("the shares are kept; each was read back, and all {} subsets give the key", held.subsets),
        "drill" => format!("all {} subsets give the key", held.subsets),
        "release" => "the key is in the vault".to_owned(),
        _ => "all shares are destroyed".to_owned(),
    };
    let transcript = output::harmless(&transcript).to_string();
    output::text(&format!("{done}\n{THROUGH_HERE}\nKCV {kcv}\nhead {head}\ntranscript {transcript}\n"))
}
