//! Host mode: shares are made, read back and joined in this process's memory, which is locked and wiped.
//!
//! For keys that are in this computer anyway, as those of software vaults are. Nobody signs anything: the transcript holds
//! this computer's word, and says in each line that it is host mode. A deal that was cut off is given up, what was kept
//! of it is destroyed, and it is begun again with another set; m shares of it make the key all the same.

use super::directory::{Directory, Log, Past};
use super::error::CeremonyError;
use super::progress::Progress;
use crate::error::Error;
use crate::world::{Clock, Entropy};
use cardwright_keys::ceremony::plan::{CeremonyMode, Plan};
use cardwright_keys::ceremony::transcript::{End, Record, Transcript};
use cardwright_keys::key::SecretKey;
use cardwright_keys::share::{Binding, JoinError, Quorum, Share, join_objects, split};
use cardwright_proto::custody::Hash;
use cardwright_proto::custody::manifest::Operation;
use cardwright_proto::custody::share::{Commitments, ShareInfo, ShareObject};
use cardwright_proto::custody::subset::Subsets;
use cardwright_proto::gp::key::Kcv;
use zeroize::Zeroizing;

/// A share, and where it is.
#[derive(Debug)]
pub struct Kept {
    /// The share, as it is there now.
    pub share: ShareObject,
    /// Where, for the transcript: a card's label and its holder, or a file's name.
    pub place: String,
}

/// Where shares are kept: on cards of custodians, or in files.
pub trait Keep {
    /// What stops it, beside what stops the use case.
    type Error: From<Error>;

    /// Keeps a share, and reads it back.
    ///
    /// # Errors
    /// Where it is not kept, or not certainly.
    fn keep(&mut self, share: &ShareObject) -> Result<Kept, Self::Error>;

    /// Reads a share.
    ///
    /// # Errors
    /// Where it is not to be had.
    fn fetch(&mut self, x: u8) -> Result<Kept, Self::Error>;

    /// Destroys a share of this set.
    ///
    /// # Errors
    /// Where it is not destroyed, or not certainly; [`CeremonyError::OtherSet`] for a share of another one, which stays.
    fn destroy(&mut self, x: u8, set: &[u8; 16]) -> Result<Gone, Self::Error>;
}

/// Where a share was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gone {
    /// As in [`Kept`].
    pub place: String,
    /// It was there until now.
    pub was_there: bool,
}

/// What came of an operation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    /// The transcript's file name.
    pub transcript: String,
    /// Its head.
    pub head: Hash,
    /// The key's check value.
    pub kcv: Kcv,
    /// Subsets that gave the key.
    pub subsets: usize,
}

/// One operation in host mode, and the world that it needs.
pub struct HostMode<'a, K> {
    directory: &'a Directory,
    clock: &'a dyn Clock,
    keep: &'a mut K,
}

impl<K> std::fmt::Debug for HostMode<'_, K> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("HostMode").field("directory", &self.directory.path()).finish_non_exhaustive()
    }
}

/// For `map_err`.
fn stop<E: From<Error>>(error: impl Into<CeremonyError>) -> E {
    Error::from(error.into()).into()
}

impl<'a, K: Keep> HostMode<'a, K> {
    /// Over a ceremony that is open for writing.
    pub fn new(directory: &'a Directory, clock: &'a dyn Clock, keep: &'a mut K) -> Self {
        Self { directory, clock, keep }
    }

    /// Splits a key, keeps the shares, and reads each back; then every m-subset of what was read has to give the key.
    /// `secret` is asked for once it is certain that there is nothing against a deal. What it returns beside the key goes
    /// into the transcript.
    ///
    /// # Errors
    /// [`CeremonyError::DealtAlready`], [`CeremonyError::CutOff`], [`CeremonyError::Unfinished`]; that of `secret`; those of
    /// [`Keep::keep`]; [`CeremonyError::Shares`] where what was read back is not what was kept.
    pub fn deal(
        &mut self,
        secret: impl FnOnce() -> Result<(SecretKey, Option<String>), K::Error>,
        entropy: &mut impl Entropy,
    ) -> Result<Held, K::Error> {
        self.may(Operation::Deal)?;
        let (secret, said) = secret()?;
        let mut set = [0; 16];
        entropy.fill(&mut set)?;
        let objects = objects(&self.directory.plan, set, &secret, entropy)?;
        let (mut log, _) = self.begin(Operation::Deal)?;
        self.write(&mut log, &Record::Note { text: format!("{SET}{}", hex::encode_upper(set)) })?;
        said.map_or(Ok(()), |text| self.write(&mut log, &Record::Note { text }))?;
        let mut back = Vec::with_capacity(objects.len());
        for object in &objects {
            let kept = self.keep.keep(object)?;
            if kept.share != *object {
                return Err(stop(JoinError::Commitment { x: object.info().x }));
            }
            self.write(&mut log, &shared(&kept))?;
            back.push(kept.share);
        }
        self.prove(log, &back)
    }

    /// Reads shares, and tries every m-subset of them.
    ///
    /// # Errors
    /// [`CeremonyError::NothingDealt`]; those of [`Keep::fetch`]; [`CeremonyError::Shares`] for shares of another deal.
    pub fn drill(&mut self, from: &[u8]) -> Result<Held, K::Error> {
        let dealt = self.dealt()?;
        let (mut log, _) = self.begin(Operation::Drill)?;
        let shares = self.fetch(&mut log, from, &dealt)?;
        self.prove(log, &shares)
    }

    /// Joins the shares of `from`, and hands the key to `deliver`; what that has to say goes into the transcript.
    ///
    /// # Errors
    /// [`CeremonyError::NothingDealt`]; those of [`Keep::fetch`] and `deliver`; [`CeremonyError::Shares`] for shares of
    /// another deal, or that make another key.
    pub fn release(
        &mut self,
        from: &[u8],
        deliver: impl FnOnce(&SecretKey) -> Result<Option<String>, K::Error>,
    ) -> Result<Held, K::Error> {
        let dealt = self.dealt()?;
        let (mut log, before) = self.begin(Operation::Release)?;
        if let Some(kcv) = before.imported {
            return self.end(log, kcv, 1);
        }
        let shares = self.fetch(&mut log, from, &dealt)?;
        let secret = join_objects(&shares).map_err(stop)?;
        let kcv = shares.first().map_or(Kcv([0; 3]), |share| share.info().kcv);
        let said = deliver(&secret)?;
        said.map_or(Ok(()), |text| self.write(&mut log, &Record::Note { text }))?;
        self.write(&mut log, &Record::Imported { kcv })?;
        self.end(log, kcv, 1)
    }

    /// Destroys all shares, those of a deal that was given up too. Gone on with where it stopped.
    ///
    /// # Errors
    /// [`CeremonyError::NothingDealt`]; those of [`Keep::destroy`], and those before are destroyed then.
    pub fn destroy(&mut self) -> Result<Held, K::Error> {
        let deal = self.directory.last_deal().ok_or_else(|| stop(CeremonyError::NothingDealt))?;
        let set = set_of(&deal.progress).ok_or_else(|| stop(CeremonyError::NothingDealt))?;
        let kcv = shares_of(deal).map_err(stop)?.first().map_or(Kcv([0; 3]), |(_, kcv)| *kcv);
        let (mut log, before) = self.begin(Operation::Destroy)?;
        for x in 1..=self.directory.plan.n() {
            if before.notes.iter().any(|note| note.starts_with(&format!("share {x}, "))) {
                continue;
            }
            let Gone { place, was_there } = self.keep.destroy(x, &set)?;
            let now = if was_there { "is destroyed" } else { "is not there" };
            self.write(&mut log, &Record::Note { text: format!("share {x}, {place}, {now}") })?;
        }
        self.end(log, kcv, 0)
    }

    /// Gives up what is unfinished. Shares that were kept of a deal stay where they are, and m of them make its key:
    /// [`Self::destroy`] takes them as well.
    ///
    /// # Errors
    /// [`CeremonyError::NothingUnfinished`]; [`CeremonyError::DoneAfterAll`] for a release whose key has arrived.
    pub fn abandon(directory: &Directory, clock: &dyn Clock) -> Result<(), CeremonyError> {
        directory.verify()?;
        let (mut log, progress) = directory.resume()?;
        if progress.imported.is_some() {
            return Err(CeremonyError::DoneAfterAll(Operation::Release));
        }
        log.append(clock.now(), &Record::End { outcome: End::Abandoned })
    }

    /// Whether there is nothing against an operation.
    fn may(&self, operation: Operation) -> Result<(), K::Error> {
        let plan = &self.directory.plan;
        if plan.mode != CeremonyMode::Host {
            return Err(stop(CeremonyError::BlindMode));
        }
        if !plan.steps.contains(&operation) {
            return Err(stop(CeremonyError::NotPlanned(operation)));
        }
        if operation == Operation::Deal && self.last_done().is_some() {
            return Err(stop(CeremonyError::DealtAlready));
        }
        self.directory.verify().map_err(stop)?;
        let Some(past) = self.directory.unfinished() else { return Ok(()) };
        match past.progress.operation() {
            Some(Operation::Deal) => Err(stop(CeremonyError::CutOff(past.name.clone()))),
            Some(other) if other != operation => {
                Err(stop(CeremonyError::Unfinished { name: past.name.clone(), operation: other }))
            }
            _ => Ok(()),
        }
    }

    /// A new transcript, or the one that is unfinished, and what it says by now.
    fn begin(&self, operation: Operation) -> Result<(Log, Progress), K::Error> {
        self.may(operation)?;
        if self.directory.unfinished().is_some() {
            return self.directory.resume().map_err(stop);
        }
        let mut log = self.directory.begin(operation).map_err(stop)?;
        let plan = self.directory.plan.source().to_vec();
        self.write(&mut log, &Record::Start { test_ca: false, operation, plan })?;
        Ok((log, Progress::default()))
    }

    fn write(&self, log: &mut Log, record: &Record) -> Result<(), K::Error> {
        log.append(self.clock.now(), record).map_err(stop)
    }

    /// The deal that came to its end.
    fn last_done(&self) -> Option<&Past> {
        self.directory.last_deal().filter(|past| past.progress.end == Some(End::Done))
    }

    /// Commitment and check value of each share of that deal, x = 1 first.
    fn dealt(&self) -> Result<Vec<(Hash, Kcv)>, K::Error> {
        shares_of(self.last_done().ok_or_else(|| stop(CeremonyError::NothingDealt))?).map_err(stop)
    }

    /// Reads shares, each the one that was dealt.
    fn fetch(&mut self, log: &mut Log, from: &[u8], dealt: &[(Hash, Kcv)]) -> Result<Vec<ShareObject>, K::Error> {
        let mut shares = Vec::with_capacity(from.len());
        for &x in from {
            let known = usize::from(x).checked_sub(1).and_then(|at| dealt.get(at));
            let (commitment, kcv) = known.ok_or_else(|| stop(CeremonyError::NoCustodian(x)))?;
            let kept = self.keep.fetch(x)?;
            let record = shared(&kept);
            if !matches!(&record, Record::Shared { x: found, share, kcv: own, .. } if (found, share, own) == (&x, commitment, kcv))
            {
                return Err(stop(JoinError::Commitment { x }));
            }
            self.write(log, &record)?;
            shares.push(kept.share);
        }
        Ok(shares)
    }

    /// Every m-subset of the shares has to give the key.
    fn prove(&self, mut log: Log, shares: &[ShareObject]) -> Result<Held, K::Error> {
        let Plan { m, .. } = self.directory.plan;
        let k = u8::try_from(shares.len()).unwrap_or(u8::MAX);
        let subsets = Subsets::new(m, k).map_err(|_| stop(JoinError::TooFew { given: shares.len(), m }))?;
        let mut count = 0;
        for mask in subsets.iter() {
            let chosen: Vec<ShareObject> = (0_u16..)
                .zip(shares)
                .filter(|(bit, _)| mask.0 >> bit & 1 == 1)
                .map(|(_, share)| share.clone())
                .collect();
            join_objects(&chosen).map_err(stop)?;
            count += 1;
        }
        let text = format!("{count} of {count} subsets of the {k} shares gave the key, by this computer's word");
        self.write(&mut log, &Record::Note { text })?;
        let kcv = shares.first().map_or(Kcv([0; 3]), |share| share.info().kcv);
        self.end(log, kcv, count)
    }

    fn end(&self, mut log: Log, kcv: Kcv, subsets: usize) -> Result<Held, K::Error> {
        self.write(&mut log, &Record::End { outcome: End::Done })?;
        Ok(Held { transcript: log.name.clone(), head: log.head(), kcv, subsets })
    }
}

/// How the note begins that has a deal's set.
const SET: &str = "set ";

/// The set of a deal.
fn set_of(progress: &Progress) -> Option<[u8; 16]> {
    let mut set = [0; 16];
    let digits = progress.notes.iter().find_map(|note| note.strip_prefix(SET))?;
    hex::decode_to_slice(digits, &mut set).ok().map(|()| set)
}

/// Commitment and check value of each share that a transcript has, in the order of its lines.
fn shares_of(past: &Past) -> Result<Vec<(Hash, Kcv)>, CeremonyError> {
    let torn = |error| CeremonyError::Transcript { name: past.name.clone(), error };
    let lines = Transcript::parse(&past.bytes).map_err(torn)?.lines;
    let shares = lines.into_iter().filter_map(|line| match line.record {
        Record::Shared { kcv, share, .. } => Some((share, kcv)),
        _ => None,
    });
    Ok(shares.collect())
}

/// The shares of a new set, each with the commitments to all.
fn objects<E: From<Error>>(
    plan: &Plan,
    set: [u8; 16],
    secret: &SecretKey,
    entropy: &mut impl Entropy,
) -> Result<Vec<ShareObject>, E> {
    let key = &plan.key;
    let kcv = secret.kcv(key.key_type.into()).map_err(|error| stop(JoinError::KeyLength(error)))?;
    if secret.key_len() != usize::from(key.key_length) {
        return Err(stop(CeremonyError::KeyLength { planned: key.key_length, given: secret.key_len() }));
    }
    let mut ceremony = [0; 16];
    entropy.fill(&mut ceremony)?;
    let quorum = Quorum::new(plan.scheme, plan.m, plan.n()).map_err(|error| stop(CeremonyError::Share(error)))?;
    let shares = split(secret, quorum, |bytes| entropy.fill(bytes))?;
    let mut salts = Vec::with_capacity(shares.len());
    for _ in &shares {
        let mut salt = Zeroizing::new([0; 16]);
        entropy.fill(&mut *salt)?;
        salts.push(salt);
    }
    let binding = Binding { set, generation: 1 };
    let hashes: Vec<Hash> = shares.iter().zip(&salts).map(|(share, salt)| binding.commit(share, salt)).collect();
    let object = |(share, salt): (&Share, &Zeroizing<[u8; 16]>)| {
        let info = ShareInfo {
            scheme: plan.scheme,
            set,
            ceremony,
            generation: 1,
            x: share.x(),
            m: plan.m,
            n: plan.n(),
            key_type: key.key_type,
            key_length: key.key_length,
            usage: key.usage,
            kcv,
            statement: None,
        };
        let commitments = Commitments { salt: salt.clone(), hashes: hashes.clone() };
        ShareObject::new(info, Zeroizing::new(share.y().to_vec()), Some(commitments))
    };
    let objects = shares.iter().zip(&salts).map(object).collect::<Result<Vec<_>, _>>();
    objects.map_err(|error| stop(CeremonyError::Share(error)))
}

/// What is public of a share that was made or read.
fn shared(kept: &Kept) -> Record {
    let (info, place) = (kept.share.info(), kept.place.clone());
    let own = Share::new(info.x, kept.share.value());
    let binding = Binding { set: info.set, generation: info.generation };
    // A share without commitments is none that was dealt here: it fits no hash.
    let share = kept.share.commitments().map_or([0; 32], |commitments| binding.commit(&own, &commitments.salt));
    Record::Shared { x: info.x, m: info.m, count: info.n, kcv: info.kcv, share, place }
}

#[cfg(test)]
mod tests;
