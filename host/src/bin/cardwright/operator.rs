//! `cardwright operator`: who may ask and approve, and the keys that they sign with.

use crate::advice::Failure;
use crate::advice::approval::OperatorFailure;
use crate::args::{AddArgs, KeyText, OperatorCommand, OperatorKeyArgs, OperatorKeyCommand, RetireArgs};
use crate::config::Settings;
use crate::registers::{self, trusted};
use crate::setup::{self, Terminal};
use crate::{output, vault};
use cardwright::world::{Clock, Os};
use cardwright_hsm::operator_key::FileSigner;
use cardwright_hsm::pkcs11::TokenSigner;
use cardwright_hsm::{OperatorKeyRef, Passphrase};
use cardwright_keys::approval::{Operator, Operators, Policy, PolicyError, PublicKey, time};
use cardwright_keys::audit::{AuditSink, Event};
use cardwright_keys::keyref::Name;
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::fs::{File, Permissions};
use std::io::{ErrorKind, Write as _};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

pub(crate) fn run(settings: &Settings, command: &OperatorCommand) -> Result<(), Failure> {
    match command {
        OperatorCommand::Key { command: OperatorKeyCommand::Make(args) } => make_key(settings, args),
        OperatorCommand::Key { command: OperatorKeyCommand::Show(args) } => show_key(settings, args),
        OperatorCommand::Add(args) => add(settings, args),
        OperatorCommand::List => list(settings),
        OperatorCommand::Retire(args) => retire(settings, args),
    }
}

/// Reads where a key is; the text itself is in no error.
pub(crate) fn key_ref(text: &KeyText) -> Result<OperatorKeyRef, Failure> {
    Ok(text.0.parse().map_err(OperatorFailure::KeyRef)?)
}

fn make_key(settings: &Settings, args: &OperatorKeyArgs) -> Result<(), Failure> {
    let key = key_ref(&args.key)?;
    let public = setup::with_keys(|| match &key {
        OperatorKeyRef::File(path) => {
            let source = registers::source(text(args.passphrase.as_ref()))?;
            let passphrase: Passphrase = vault::new_passphrase(&source, "the key")?;
            Ok(FileSigner::create(path, &passphrase).map_err(OperatorFailure::from_file)?.public_key())
        }
        OperatorKeyRef::Token(uri) => {
            let made = TokenSigner::generate(uri, &mut Terminal);
            Ok(made.map_err(|error| OperatorFailure::Key(error.into()))?.public_key())
        }
    })?;
    print_key(settings, Some("made"), &key, public)
}

fn show_key(settings: &Settings, args: &OperatorKeyArgs) -> Result<(), Failure> {
    let key = key_ref(&args.key)?;
    let public = setup::with_keys(|| Ok(registers::open_key(&key, text(args.passphrase.as_ref()))?.public_key()))?;
    print_key(settings, None, &key, public)
}

pub(crate) fn text(source: Option<&KeyText>) -> Option<&str> {
    source.map(|source| source.0.as_str())
}

fn print_key(
    settings: &Settings,
    result: Option<&str>,
    key: &OperatorKeyRef,
    public: PublicKey,
) -> Result<(), Failure> {
    if settings.json {
        let mut object = json!({ "key": key.to_string(), "public": public.to_string() });
        if let Some(result) = result {
            object["result"] = result.into();
        }
        return output::json(&object);
    }
    output::text(&format!("{public}\n"))
}

/// What is known of people and rules. The operators file may be yet to be made; a policy that is named may not.
struct People {
    operators: Operators,
    policy: Option<Policy>,
}

impl People {
    fn read(settings: &Settings) -> Result<Self, Failure> {
        let path = path(settings)?;
        let operators = match std::fs::symlink_metadata(path) {
            Err(error) if error.kind() == ErrorKind::NotFound => Operators::default(),
            _ => trusted(path)?,
        };
        let named = settings.approvals.as_ref().and_then(|approvals| approvals.policy.as_deref());
        let policy = named.map(trusted).transpose()?;
        Ok(Self { operators, policy })
    }

    fn unkept(&self) -> Vec<PolicyError> {
        self.policy.as_ref().map_or(Vec::new(), |policy| policy.unkept(&self.operators))
    }

    /// What becomes of the rules, for people.
    fn state(&self) -> String {
        if self.policy.is_none() {
            return "the configuration names no policy: there is no dual control\n".to_owned();
        }
        let line = |unkept: PolicyError| format!("not enough people: {unkept}\n");
        self.unkept().into_iter().map(line).collect()
    }

    fn json(&self) -> Value {
        let unkept: Vec<_> = self.unkept().iter().map(ToString::to_string).collect();
        json!({ "dual_control": self.policy.is_some(), "unkept": unkept })
    }
}

fn path(settings: &Settings) -> Result<&Path, OperatorFailure> {
    settings.approvals.as_ref().map(|approvals| approvals.operators.as_path()).ok_or(OperatorFailure::NoOperatorsFile)
}

fn add(settings: &Settings, args: &AddArgs) -> Result<(), Failure> {
    let AddArgs { name, role, person, public } = args;
    let mut roles = role.clone();
    roles.sort_unstable();
    roles.dedup();
    let operator = Operator { person: person.as_ref().unwrap_or(name).clone(), roles, key: *public, retired: None };
    let people =
        change(settings, "operator.added", name, |people| Ok(people.operators.add(name.clone(), operator.clone())?))?;
    report(settings, "added", name, &people)
}

fn retire(settings: &Settings, args: &RetireArgs) -> Result<(), Failure> {
    let RetireArgs { name, yes } = args;
    // What was signed while the clock ran ahead stays signed before this.
    let mut now = Os.now();
    registers::open_audit(settings)?.events(&mut |event| now = now.max(event.at.saturating_add(1)))?;
    let people = change(settings, "operator.retired", name, |people| {
        let before = people.unkept();
        people.operators.retire(name, now)?;
        let mut unkept = people.unkept();
        unkept.retain(|rule| !before.contains(rule));
        if unkept.is_empty() || *yes { Ok(()) } else { Err(OperatorFailure::Needed { name: name.clone(), unkept }) }
    })?;
    report(settings, "retired", name, &people)
}

/// Reads the people, changes them, tells the audit log, and writes the file: one process at a time.
fn change(
    settings: &Settings,
    what: &str,
    name: &Name,
    change: impl FnOnce(&mut People) -> Result<(), OperatorFailure>,
) -> Result<People, Failure> {
    let path = path(settings)?;
    let real = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let failed = |error| OperatorFailure::Write { path: path.to_owned(), error };
    let directory = real.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let lock = File::open(directory).map_err(failed)?;
    lock.lock().map_err(failed)?;
    let mut people = People::read(settings)?;
    change(&mut people)?;
    let text = toml::to_string(&people.operators).map_err(OperatorFailure::Encode)?;
    let detail = people.operators.get(name).map(detail).unwrap_or_default();
    let detail = format!("{detail}; by uid {}", rustix::process::getuid().as_raw());
    let event = Event { at: Os.now(), what: what.to_owned(), subject: format!("operator {name}"), detail };
    registers::open_audit(settings)?.record(&event)?;
    replace(&real, directory, text.as_bytes()).map_err(failed)?;
    lock.sync_all().map_err(failed)?;
    Ok(people)
}

/// Puts new text in the place of the file, which keeps its mode; a new one is for everybody to read. Who reads it finds the
/// old text or the new.
fn replace(path: &Path, directory: &Path, text: &[u8]) -> std::io::Result<()> {
    let mode = match std::fs::metadata(path) {
        Ok(meta) => meta.permissions().mode() & 0o7777,
        Err(error) if error.kind() == ErrorKind::NotFound => 0o644,
        Err(error) => return Err(error),
    };
    let mut new = tempfile::NamedTempFile::new_in(directory)?;
    new.write_all(text)?;
    new.as_file().set_permissions(Permissions::from_mode(mode))?;
    new.as_file().sync_all()?;
    new.persist(path)?;
    Ok(())
}

fn roles(operator: &Operator) -> Vec<&'static str> {
    operator.roles.iter().map(|role| role.name()).collect()
}

fn detail(operator: &Operator) -> String {
    let Operator { person, key, retired, .. } = operator;
    let retired = retired.map(|at| format!(", retired {}", time(at))).unwrap_or_default();
    format!("person {person}, {}, {key}{retired}", roles(operator).join(" "))
}

fn operator_json(name: &Name, operator: &Operator) -> Value {
    json!({
        "name": name.as_str(), "person": operator.person.as_str(), "roles": roles(operator),
        "key": operator.key.to_string(), "retired": operator.retired.map(time),
    })
}

fn report(settings: &Settings, result: &str, name: &Name, people: &People) -> Result<(), Failure> {
    let Some(operator) = people.operators.get(name) else { return Ok(()) };
    if settings.json {
        let mut object = people.json();
        object["result"] = result.into();
        object["operator"] = operator_json(name, operator);
        return output::json(&object);
    }
    output::text(&format!("{name} {result}: {}\n{}", detail(operator), people.state()))
}

fn list(settings: &Settings) -> Result<(), Failure> {
    let people = People::read(settings)?;
    if settings.json {
        let mut object = people.json();
        object["operators"] = people.operators.iter().map(|(name, operator)| operator_json(name, operator)).collect();
        return output::json(&object);
    }
    let mut out = String::new();
    for (name, operator) in people.operators.iter() {
        let _ = writeln!(out, "{name}  {}", detail(operator));
    }
    if out.is_empty() {
        out.push_str("no operators\n");
    }
    out.push_str(&people.state());
    output::text(&out)
}
