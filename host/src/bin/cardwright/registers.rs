//! Where a command finds the registry, the audit log, the rules of dual control, and whoever runs it.

use crate::advice::Failure;
use crate::advice::approval::OperatorFailure;
use crate::config::{OperatorConfig, Settings};
use crate::setup::Terminal;
use cardwright::audit_file::FileAudit;
use cardwright::control::Signer;
use cardwright::journal_file::parse_journal;
use cardwright::world::{Clock, Os};
use cardwright_hsm::operator_key::Locked;
use cardwright_hsm::{OperatorKey, OperatorKeyRef, Passphrase, SecretSource};
use cardwright_keys::approval::{Dual, Operators, Policy, Rules};
use cardwright_keys::keyref::Name;
use cardwright_registry::sqlite::SqliteRegistry;
use rustix::fs::OFlags;
use std::fs::{DirBuilder, File, OpenOptions, rename};
use std::io::{ErrorKind, Read};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::Path;

/// The registry of the state directory.
pub(crate) fn open_registry(settings: &Settings) -> Result<SqliteRegistry, Failure> {
    registry_in(&settings.state_dir()?)
}

/// The audit log of the state directory.
pub(crate) fn open_audit(settings: &Settings) -> Result<FileAudit, Failure> {
    audit_in(&settings.state_dir()?)
}

/// The registry in this directory, which is made where it is missing. What a journal file of an earlier version holds is
/// taken over once.
pub(crate) fn registry_in(dir: &Path) -> Result<SqliteRegistry, Failure> {
    make(dir)?;
    let mut registry = SqliteRegistry::open(&dir.join("registry.db"))?;
    let old = dir.join("journal.log");
    if old.symlink_metadata().is_ok() {
        import_journal(&mut registry, &old)?;
    }
    Ok(registry)
}

/// Takes over the journal file of an earlier version, under the lock that such a version holds while it works.
fn import_journal(registry: &mut SqliteRegistry, old: &Path) -> Result<(), Failure> {
    let failed = |error| Failure::File { path: old.to_owned(), error };
    // A named pipe would block the opening until somebody writes.
    let flags = (OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::NOFOLLOW).bits().cast_signed();
    let mut file = match OpenOptions::new().read(true).custom_flags(flags).open(old) {
        // Another process was faster.
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        other => other.map_err(failed)?,
    };
    if !file.metadata().map_err(failed)?.is_file() {
        return Err(failed(ErrorKind::InvalidInput.into()));
    }
    file.try_lock().map_err(|_| Failure::JournalInUse(old.to_owned()))?;
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes).map_err(failed)?;
    let parsed = parse_journal(&bytes).map_err(|error| Failure::OldJournal { path: old.to_owned(), error })?;
    if parsed.torn > 0 {
        let torn = parsed.torn;
        tracing::warn!("the journal's last {torn} bytes were never whole (a crash while writing): left out");
    }
    // A process that is killed here does it again, and the registry knows that it was done.
    registry.import_journal(&parsed.appends, Os.now())?;
    let mut aside = old.with_extension("log.imported");
    if aside.symlink_metadata().is_ok() {
        aside = old.with_extension(format!("log.imported-{}", Os.now()));
    }
    match rename(old, aside) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(failed(error)),
        _ => Ok(()),
    }
}

/// The audit log in this directory, which is made where it is missing.
pub(crate) fn audit_in(dir: &Path) -> Result<FileAudit, Failure> {
    make(dir)?;
    let audit = FileAudit::open(&dir.join("audit.log"))?;
    if audit.torn() > 0 {
        let torn = audit.torn();
        tracing::warn!("the audit log's last {torn} bytes were never whole (a crash while writing): left out");
    }
    Ok(audit)
}

fn make(dir: &Path) -> Result<(), Failure> {
    let made = DirBuilder::new().recursive(true).mode(0o700).create(dir);
    made.map_err(|error| Failure::File { path: dir.to_owned(), error })
}

/// Who decides: the policy with its operators, or whoever uses the computer where the configuration names none. A policy
/// that is named and cannot be read ends the command: no file that is missing makes less of it.
pub(crate) fn rules(settings: &Settings) -> Result<Rules, Failure> {
    let Some((policy, operators)) = policy(settings)? else { return Ok(Rules::Alone) };
    // What stops harm has to go on; what there are not people enough for is refused when it is asked for.
    for unkept in policy.unkept(&operators) {
        tracing::warn!("{unkept}");
    }
    let me = settings.operator.as_ref().map(|operator| operator.name.clone());
    Ok(Rules::Dual(Box::new(Dual { policy, operators, me })))
}

/// Policy and operators, where the configuration names a policy.
pub(crate) fn policy(settings: &Settings) -> Result<Option<(Policy, Operators)>, Failure> {
    let Some(approvals) = &settings.approvals else { return Ok(None) };
    let Some(policy) = &approvals.policy else { return Ok(None) };
    Ok(Some((trusted(policy)?, trusted(&approvals.operators)?)))
}

/// The most bytes that such a file may have.
const MOST: u64 = 1 << 20;

/// Reads a file that everything else is checked against: what others can write is not believed.
pub(crate) fn trusted<T: serde::de::DeserializeOwned>(path: &Path) -> Result<T, Failure> {
    let wrong = |reason: String| OperatorFailure::File { path: path.to_owned(), reason };
    // A named pipe would block the opening until somebody writes.
    let flags = (OFlags::NONBLOCK | OFlags::NOCTTY).bits().cast_signed();
    let file =
        OpenOptions::new().read(true).custom_flags(flags).open(path).map_err(|error| wrong(error.to_string()))?;
    check_owner(&file).map_err(wrong)?;
    let mut text = String::new();
    let len = file.take(MOST + 1).read_to_string(&mut text).map_err(|error| wrong(error.to_string()))?;
    if len as u64 > MOST {
        return Err(wrong(format!("it has more than {MOST} bytes")).into());
    }
    toml::from_str(&text).map_err(|error| wrong(error.to_string()).into())
}

fn check_owner(file: &File) -> Result<(), String> {
    let meta = file.metadata().map_err(|error| error.to_string())?;
    let (owner, user, mode) = (meta.uid(), rustix::process::geteuid().as_raw(), meta.mode() & 0o7777);
    if !meta.is_file() {
        return Err("it is no regular file".to_owned());
    }
    if owner != user && owner != 0 {
        return Err(format!("it belongs to user {owner}, who can change it: it has to be root's, or user {user}'s"));
    }
    if mode & 0o022 != 0 {
        return Err(format!("it has mode {mode:04o}: others can write it"));
    }
    Ok(())
}

/// Signs with an operator's key.
pub(crate) struct Signing(pub(crate) OperatorKey);

impl Signer for Signing {
    fn sign(&self, message: &[u8]) -> Result<[u8; 64], Box<dyn std::error::Error + Send + Sync>> {
        Ok(self.0.sign(message)?)
    }
}

/// The key of whoever runs the program, which requests are signed with.
pub(crate) fn operator_key(settings: &Settings) -> Result<OperatorKey, Failure> {
    let own = settings.operator.as_ref().ok_or(OperatorFailure::Nobody)?;
    let (_, operators) = policy(settings)?.ok_or(OperatorFailure::Alone)?;
    let key = own_key(own)?;
    check_key(&operators, &own.name, &key)?;
    Ok(key)
}

/// The key that the configuration names.
pub(crate) fn own_key(own: &OperatorConfig) -> Result<OperatorKey, Failure> {
    let key = own.key.as_deref().ok_or(OperatorFailure::NoKey)?;
    open_key(&key.parse().map_err(OperatorFailure::KeyRef)?, own.passphrase.as_deref())
}

/// Opens an operator's key. A file is looked at before anybody is asked for its passphrase.
pub(crate) fn open_key(key: &OperatorKeyRef, passphrase: Option<&str>) -> Result<OperatorKey, Failure> {
    let opened = match key {
        OperatorKeyRef::File(path) => {
            let locked = Locked::read(path).map_err(OperatorFailure::from_file)?;
            let what = format!("Passphrase of {}", crate::output::harmless(&path.display().to_string()));
            let passphrase = Passphrase::new(&source(passphrase)?.read(&what, &mut Terminal)?);
            OperatorKey::File(locked.open(&passphrase).map_err(OperatorFailure::from_file)?)
        }
        OperatorKeyRef::Token(uri) => OperatorKey::in_token(uri, &mut Terminal).map_err(OperatorFailure::Key)?,
    };
    Ok(opened)
}

/// Where a passphrase comes from; asked for where nothing says.
pub(crate) fn source(passphrase: Option<&str>) -> Result<SecretSource, Failure> {
    passphrase.map_or(Ok(SecretSource::Prompt), |text| text.parse().map_err(|_| Failure::Passphrase))
}

/// Whether it is the key that the operators file has for that name: with any other nothing would count.
pub(crate) fn check_key(operators: &Operators, name: &Name, key: &OperatorKey) -> Result<(), Failure> {
    let known = operators.get(name).ok_or_else(|| OperatorFailure::Unknown(name.clone()))?;
    if known.key == key.public_key() {
        return Ok(());
    }
    let (expected, found) = (known.key, key.public_key());
    Err(OperatorFailure::OtherKey { name: name.clone(), expected, found }.into())
}
