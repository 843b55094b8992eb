//! A job as its file and its inputs have it, checked whole, and as the registry has it.

use super::advice::JobFailure;
use crate::advice::Failure;
use crate::config::Settings;
use cardwright::batch::inputs::{CardList, DataIndex, InputError};
use cardwright::candidates::well_known;
use cardwright_hsm::Keyring;
use cardwright_keys::custody::hash::sha256;
use cardwright_keys::job::{Cards, Domain, Job, MAX_LEN};
use cardwright_keys::journal::CardId;
use cardwright_keys::key::KeyMaterial;
use cardwright_keys::keyref::{KeyRef, Name, Scheme, Source, VaultKey};
use cardwright_keys::lifecycle::Use;
use cardwright_keys::vault::{Vault, VaultError};
use cardwright_link::feeder::is_reader;
use cardwright_proto::gp::key::{Kcv, KeySet};
use cardwright_registry::RegistryError;
use cardwright_registry::jobs::{JobEntry, JobKey, Jobs, ListError, Listed, NewDelivery, NewJob};
use cardwright_registry::sqlite::SqliteRegistry;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

/// A job's keys, by what they are known again.
#[derive(Default)]
pub(super) struct Owned {
    /// Each with the reference that names it.
    keys: Vec<(KeyRef, JobKey)>,
    /// Check values of the target key, where it has no versions.
    target: Option<KeySet<Kcv>>,
}

/// A job with its files, all of them checked. Paths are meant from the job file's directory.
pub(super) struct Loaded {
    pub(super) job: Job,
    /// The file's text.
    text: String,
    /// SHA-256 over the file and its inputs.
    pub(super) sha256: [u8; 32],
    /// Paths as they are written, with SHA-256.
    pub(super) inputs: Vec<(String, [u8; 32])>,
    /// The list of each delivery that has one.
    lists: Vec<Option<CardList>>,
    names_chips: bool,
    pub(super) data: Option<DataIndex>,
}

/// A job's file, and its bytes.
pub(super) fn parsed(path: &Path) -> Result<(Job, Vec<u8>), Failure> {
    let failed = |error: std::io::Error| JobFailure::Input { path: path.to_owned(), error: error.into() };
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(failed)?;
    // One byte over the limit shows that it was passed.
    file.take(MAX_LEN as u64 + 1).read_to_end(&mut bytes).map_err(failed)?;
    let job = Job::parse(&bytes).map_err(|error| JobFailure::Job { path: path.to_owned(), error })?;
    Ok((job, bytes))
}

impl Loaded {
    /// Reads it all. No card is touched, and nothing is written.
    pub(super) fn read(path: &Path) -> Result<Self, Failure> {
        let (mut job, bytes) = parsed(path)?;
        let base = path.parent().unwrap_or(Path::new(""));
        let mut inputs = Vec::new();
        let mut lists = Vec::new();
        for delivery in &job.deliveries {
            let Cards::Listed(file) = &delivery.cards else {
                lists.push(None);
                continue;
            };
            let list = CardList::check(&base.join(file)).map_err(input(file))?;
            inputs.push((file.display().to_string(), list.pinned().sha256));
            lists.push(Some(list));
        }
        let data = match &job.data {
            None => None,
            Some(data) => {
                let index = DataIndex::check(&base.join(&data.file)).map_err(input(&data.file))?;
                inputs.push((data.file.display().to_string(), index.pinned().sha256));
                Some(index)
            }
        };
        let text = String::from_utf8_lossy(&bytes).into_owned();
        // The order of the inputs is the job's, and each hash has one length: nothing can take another's place.
        let mut pieces: Vec<&[u8]> = vec![text.as_bytes(), b"\0"];
        pieces.extend(inputs.iter().map(|(_, sha256)| sha256.as_slice()));
        let sha256 = sha256(&pieces);
        absolute(&mut job, base)?;
        readers(&job)?;
        let names_chips = names_chips(&job, &lists)?;
        let loaded = Self { job, text, sha256, inputs, lists, names_chips, data };
        loaded.check_rows()?;
        Ok(loaded)
    }

    /// Every card has its data, and no data is left over without a card.
    fn check_rows(&self) -> Result<(), Failure> {
        let Some(data) = &self.data else { return Ok(()) };
        let (cards, rows) = (self.cards(), data.pinned().cards);
        if cards != rows {
            return Err(JobFailure::Rows { cards, rows }.into());
        }
        if !data.names_cards() {
            return Ok(());
        }
        for (delivery, list) in self.job.deliveries.iter().zip(&self.lists) {
            let Some(list) = list else { return Err(JobFailure::Unlisted(delivery.name.clone()).into()) };
            let Cards::Listed(file) = &delivery.cards else { continue };
            for card in list.cards().map_err(input(file))? {
                let (card, line) = card.map_err(input(file))?;
                if !data.has(&card) {
                    return Err(JobFailure::NoRow { file: file.clone(), line }.into());
                }
            }
        }
        Ok(())
    }

    /// Whether a card's KDD tells which chip it is, so that the card need not be asked before its session.
    pub(super) const fn names_chips(&self) -> bool {
        self.names_chips
    }

    /// How many cards are to be made.
    pub(super) fn cards(&self) -> u64 {
        self.counts().sum()
    }

    /// How many of each delivery.
    pub(super) fn counts(&self) -> impl Iterator<Item = u64> {
        self.job.deliveries.iter().zip(&self.lists).map(|(delivery, list)| match (&delivery.cards, list) {
            (Cards::Any(count), _) => *count,
            (Cards::Listed(_), list) => list.as_ref().map_or(0, |list| list.pinned().cards),
        })
    }

    /// All keys that it names.
    pub(super) fn keys(&self) -> Vec<KeyRef> {
        let current = self.job.deliveries.iter().map(|delivery| delivery.key.clone());
        let data = self.job.data.iter().filter_map(|data| data.key.clone());
        std::iter::once(self.job.target.key.clone()).chain(current).chain(data).collect()
    }

    /// As the registry takes it.
    fn new_job(&self, owned: &Owned, at: u64, who: String) -> NewJob {
        let Job { name, issuer, domain, profile, deliveries, .. } = &self.job;
        let delivery = |(delivery, count): (&cardwright_keys::job::Delivery, u64)| NewDelivery {
            name: delivery.name.clone(),
            listed: delivery.is_listed(),
            count,
        };
        NewJob {
            name: name.clone(),
            issuer: issuer.clone(),
            domain: *domain,
            profile: profile.clone(),
            file: self.text.clone(),
            sha256: self.sha256,
            inputs: self.inputs.clone(),
            deliveries: deliveries.iter().zip(self.counts()).map(delivery).collect(),
            keys: owned.keys.iter().map(|(_, key)| key.clone()).collect(),
            target: owned.target,
            at,
            who,
        }
    }

    /// The job in the registry: as it was pinned, or added now.
    pub(super) fn register(
        &self,
        registry: &mut SqliteRegistry,
        owned: &Owned,
        at: u64,
        who: &str,
    ) -> Result<JobEntry, Failure> {
        let pinned = self.pinned(registry, owned)?;
        let new = self.new_job(owned, at, who.to_owned());
        let noted = match &pinned {
            // Its keys may have versions since that they had not then.
            Some(entry) => registry.add_keys(entry.id, &new.keys),
            None => registry.add_job(&new, &mut self.listed()?).map(drop),
        };
        match (noted, pinned) {
            // Another station may have brought it there a moment before.
            (Err(RegistryError::Conflict(why)), None) => {
                self.pinned(registry, owned)?.ok_or_else(|| JobFailure::Refused(why).into())
            }
            (Err(RegistryError::Conflict(why)), Some(_)) => Err(JobFailure::Refused(why).into()),
            (Err(error), _) => Err(error.into()),
            (Ok(()), Some(entry)) => Ok(entry),
            (Ok(()), None) => find(registry, &self.job.name),
        }
    }

    /// The job as the registry has it, where it has: nothing of it was changed since, and none of its keys is another's.
    pub(super) fn pinned(&self, registry: &SqliteRegistry, owned: &Owned) -> Result<Option<JobEntry>, Failure> {
        let entry = registry.job(&self.job.name)?;
        if let Some(entry) = &entry {
            self.same(entry)?;
        }
        self.check_owners(registry, owned)?;
        // A file keeps its name when other keys are put into it: the cards of one job would have keys of two masters.
        if entry.as_ref().is_some_and(|entry| entry.target != owned.target) {
            return Err(
                JobFailure::OtherKey { job: self.job.name.clone(), key: self.job.target.key.to_string() }.into()
            );
        }
        Ok(entry)
    }

    /// Refuses keys that belong to another issuer or the other domain: the registry would, with the first run.
    fn check_owners(&self, registry: &SqliteRegistry, owned: &Owned) -> Result<(), Failure> {
        let Job { issuer, domain, .. } = &self.job;
        for (shown, key) in &owned.keys {
            match registry.owner(key)? {
                Some((owner, of)) if (&owner, of) != (issuer, *domain) => {
                    return Err(JobFailure::OthersKey { key: shown.to_string(), issuer: owner, domain: of }.into());
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Refuses a job that was changed since it was pinned.
    fn same(&self, entry: &JobEntry) -> Result<(), Failure> {
        if entry.sha256 == self.sha256 {
            return Ok(());
        }
        let changed = entry.inputs.iter().zip(&self.inputs).find(|(before, now)| before != now);
        let what = changed.map_or_else(|| "the job file".to_owned(), |((path, _), _)| format!("its file {path}"));
        Err(JobFailure::Changed { job: self.job.name.clone(), what }.into())
    }

    /// The cards of all lists, one delivery after the other.
    fn listed(&self) -> Result<impl Iterator<Item = Result<Listed, ListError>>, Failure> {
        let mut all = Vec::new();
        for (number, list) in (0..).zip(&self.lists) {
            if let Some(list) = list {
                let cards = list.cards().map_err(input(Path::new("")))?;
                all.push(cards.map(move |card: Result<(CardId, u64), InputError>| match card {
                    Ok((card, _)) => Ok((number, card)),
                    Err(error) => Err(error.into()),
                }));
            }
        }
        Ok(all.into_iter().flatten())
    }

    /// By what its keys are known again, each with its reference. One that everybody knows belongs to nobody; a live job
    /// with one is refused, whatever it is called.
    pub(super) fn owned(&self, vault: &Keyring) -> Result<Owned, Failure> {
        let mut owned = Owned::default();
        for key in self.keys().into_iter().filter(|key| !well_known(key)) {
            let kept = JobKey::Kept(key.to_string());
            owned.keys.push((key, kept));
        }
        let mut public = Keyring::new();
        let gp_test = KeyRef { scheme: Scheme::Plain, source: Source::GpTest, kvn: None };
        public.load(&gp_test, KeyMaterial::gp_test());
        for key in self.job.deliveries.iter().map(|delivery| &delivery.key).chain([&self.job.target.key]) {
            let known = match derives(&public, &KeyRef { scheme: key.scheme, ..gp_test.clone() }) {
                // That diversification does not work with it, so the key is another one.
                Err(VaultError::Diversification { .. }) => None,
                known => Some(known?),
            };
            for version in vault.versions(key, Use::Process)? {
                let kcvs = derives(vault, &version)?;
                let is_known =
                    known.is_some_and(|known| kcvs.iter().zip(known.iter()).any(|(one, known)| one == known));
                if is_known && self.job.domain == Domain::Live {
                    return Err(JobFailure::WellKnown(key.to_string()).into());
                }
                if key == &self.job.target.key && is_one(key) {
                    owned.target = Some(kcvs);
                }
                // A vendor may have delivered to two issuers under one key; no two issuers give their cards one. Where all
                // three are one key, its check value has 24 bits: another key may have it, too.
                if key == &self.job.target.key && !is_known && kcvs.enc != kcvs.mac {
                    owned.keys.push((key.clone(), JobKey::Derives { scheme: key.scheme, kcvs }));
                }
            }
        }
        Ok(owned)
    }
}

/// Whether the reference means one key for ever: no other version of it, as a vault may get.
const fn is_one(key: &KeyRef) -> bool {
    !matches!(&key.source, Source::Vault(VaultKey { version: None, .. }))
}

/// Check values of the keys of a card with a KDD of zeros.
pub(super) fn derives(vault: &Keyring, key: &KeyRef) -> Result<KeySet<Kcv>, VaultError> {
    vault.kcvs(&vault.card_keys(key, &[0; 10])?)
}

/// Whether all cards are listed with their chips, and no two of them have one KDD, in whichever lists.
fn names_chips(job: &Job, lists: &[Option<CardList>]) -> Result<bool, Failure> {
    if !lists.iter().all(|list| list.as_ref().is_some_and(CardList::names_chips)) {
        return Ok(false);
    }
    if lists.len() == 1 {
        return Ok(true);
    }
    let mut all = Vec::new();
    for (list, file) in lists.iter().flatten().zip(job.files()) {
        for card in list.cards().map_err(input(file))? {
            let (card, _) = card.map_err(input(file))?;
            all.extend(card.kdd());
        }
    }
    all.sort_unstable();
    Ok(all.windows(2).all(|two| two[0] != two[1]))
}

/// The job's readers can be such.
fn readers(job: &Job) -> Result<(), Failure> {
    let wrong = (1..).zip(&job.readers).find(|(_, uri)| !is_reader(uri));
    wrong.map_or(Ok(()), |(number, _)| Err(JobFailure::Reader(number).into()))
}

/// Paths of keys as they are meant from the job's directory, and wherever the program runs later.
fn absolute(job: &mut Job, base: &Path) -> Result<(), Failure> {
    let keys = job.deliveries.iter_mut().map(|delivery| &mut delivery.key);
    for key in keys.chain([&mut job.target.key]).chain(job.data.iter_mut().filter_map(|data| data.key.as_mut())) {
        if let Source::File(path) = &mut key.source {
            let joined = base.join(&*path);
            // One file has one name, whichever way it is come by.
            *path = joined
                .canonicalize()
                .or_else(|_| std::path::absolute(&joined))
                .map_err(|error| Failure::File { path: joined, error })?;
        }
    }
    Ok(())
}

fn input(path: &Path) -> impl Fn(InputError) -> Failure {
    let path = path.to_owned();
    move |error| JobFailure::Input { path: path.clone(), error }.into()
}

/// The job of that name.
pub(super) fn find(registry: &SqliteRegistry, name: &Name) -> Result<JobEntry, Failure> {
    Ok(registry.job(name)?.ok_or_else(|| JobFailure::Unknown(name.clone()))?)
}

/// The same, where the configuration lets this computer work for its issuer.
pub(super) fn of_issuer(settings: &Settings, registry: &SqliteRegistry, name: &Name) -> Result<JobEntry, Failure> {
    let entry = find(registry, name)?;
    may_see(settings, &entry.issuer)?;
    Ok(entry)
}

/// Whether this computer works for that issuer.
pub(super) fn may_see(settings: &Settings, issuer: &Name) -> Result<(), Failure> {
    match &settings.issuer {
        Some(own) if own != issuer => Err(JobFailure::OtherIssuer(own.clone()).into()),
        _ => Ok(()),
    }
}

/// A new directory with mode 0700.
pub(super) fn new_dir(path: &Path) -> Result<PathBuf, Failure> {
    use std::os::unix::fs::DirBuilderExt;
    let made = std::fs::DirBuilder::new().mode(0o700).create(path);
    made.map_err(|error| match error.kind() {
        std::io::ErrorKind::AlreadyExists => Failure::FileExists(path.to_owned()),
        _ => Failure::File { path: path.to_owned(), error },
    })?;
    Ok(path.to_owned())
}
