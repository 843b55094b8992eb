//! What a card remembers: its identity, its life cycle state, its key sets with counters and tries. What the custodian
//! applet keeps is in `custodian::kept`.
//!
//! Every change is one transaction of [`Nvm`]: whole or not at all.

use super::challenge::custodian_identity;
use super::custodian::kept;
use super::layout::{self, SET_COUNT, SET_LEN, SETS, set};
use super::nvm::{Entry, Nvm, crc32};
use super::personal;
use super::profile::{Identity, Profile};
use super::{Stop, Torn};
use crate::LinkError;
use cardwright_proto::gp::key::{KeySet, Kvn};
use cardwright_proto::status::StatusWord;
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use zeroize::Zeroizing;

/// The life cycle states (CS table 11-6) in their order; a new card is in the first, OP_READY.
const LIFE: [u8; 3] = [0x01, 0x07, 0x0F];

/// The highest sequence counter: 3 bytes.
const COUNTER_MAX: u32 = 0x00FF_FFFF;

/// A key set's place in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Slot(usize);

impl Slot {
    const fn at(self, field: usize) -> usize {
        SETS + self.0 * SET_LEN + field
    }
}

/// What is public of a key set.
#[derive(Clone, Copy, Debug)]
pub(super) struct SetInfo {
    pub(super) slot: Slot,
    pub(super) kvn: u8,
    pub(super) key_len: u8,
    pub(super) tries: u8,
    order: u32,
}

/// A card's memory, read and changed in its own terms.
pub(super) struct Store {
    nvm: Nvm,
    identity: Identity,
}

impl Store {
    /// A new card, or the one in the profile's state file.
    pub(super) fn open(profile: &Profile) -> Result<Self, LinkError> {
        let Some(path) = &profile.state else { return Self::made(profile, None) };
        let io = |error| LinkError::Io { what: format!("the card's state file {}", path.display()), error };
        match create(path) {
            Ok(file) => {
                lock(&file, path)?;
                Self::made(profile, Some(file))
            }
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                let file = OpenOptions::new().read(true).write(true).open(path).map_err(io)?;
                lock(&file, path)?;
                let image = whole(&file).map_err(io)?;
                // Made and never written: its maker was stopped in between.
                if image.is_empty() { Self::made(profile, Some(file)) } else { Self::remembered(profile, image, file) }
            }
            Err(error) => Err(io(error)),
        }
    }

    /// A new card in a new file.
    pub(super) fn create(profile: &Profile, path: &Path) -> Result<Self, LinkError> {
        let io = |error| LinkError::Io { what: format!("making the card's state file {}", path.display()), error };
        let file = create(path).map_err(io)?;
        lock(&file, path)?;
        Self::made(profile, Some(file))
    }

    /// The card in a state file, which the caller has locked.
    pub(super) fn resume(file: File) -> Result<Self, LinkError> {
        let io = |error| LinkError::Io { what: "reading the card's state file".to_owned(), error };
        Self::remembered(&Profile::default(), whole(&file).map_err(io)?, file)
    }

    fn made(profile: &Profile, file: Option<File>) -> Result<Self, LinkError> {
        let identity = profile.identity()?;
        let mut image = Zeroizing::new(layout::blank(&identity));
        image[layout::LIFE_CYCLE] = LIFE[0];
        let custodian = match profile.custodian {
            Some(custodian) => custodian,
            None => custodian_identity(profile.seed.as_deref(), identity.serial)?,
        };
        kept::install(&mut image, custodian);
        // The test keys that GlobalPlatform cards are delivered with: 40, 41, 42 ...
        let key: Zeroizing<Vec<u8>> = Zeroizing::new((0x40..0x40 + identity.key_len).collect());
        let keys = KeySet { enc: key.as_slice(), mac: &key, dek: &key };
        let slot = Slot(0);
        image[slot.at(0)..][..SET_LEN].copy_from_slice(&set_bytes(identity.kvn, identity.tries, 0, keys)[..]);
        if let Some(mut file) = file.as_ref() {
            let used = image.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
            // The zeros behind need no place on the disk: a deck has many cards.
            file.write_all(&image[..used])
                .and_then(|()| file.set_len(image.len() as u64))
                .map_err(|error| LinkError::Io { what: "writing the new card's state file".to_owned(), error })?;
        }
        Ok(Self { nvm: Nvm::new(image, layout::JOURNAL, file), identity })
    }

    fn remembered(profile: &Profile, image: Zeroizing<Vec<u8>>, file: File) -> Result<Self, LinkError> {
        let identity = layout::read(&image)?;
        profile.describes(&identity)?;
        let mut store = Self { nvm: Nvm::new(image, layout::JOURNAL, Some(file)), identity };
        store.recover().map_err(|Torn| store.broken())?;
        let sound = |set: &SetInfo| {
            Kvn::on_card(set.kvn).is_ok() && matches!(set.key_len, 16 | 24 | 32) && set.tries <= identity.tries
        };
        let mut sets = store.sets().peekable();
        if sets.peek().is_none() || !sets.all(|set| sound(&set)) {
            return Err(LinkError::CardState("its key sets are not as a card leaves them".to_owned()));
        }
        drop(sets);
        if !LIFE.contains(&store.life_cycle()) || !personal::sound(&store.nvm) {
            return Err(LinkError::CardState(
                "its life cycle or personalisation is not as a card leaves it".to_owned(),
            ));
        }
        if !kept::sound(&store.nvm) {
            return Err(LinkError::CardState("its custodian applet is not as a card leaves it".to_owned()));
        }
        if profile.custodian.is_some_and(|custodian| custodian != kept::identity(&store.nvm)) {
            return Err(LinkError::CardState("the card in the state file has another `custodian`".to_owned()));
        }
        Ok(store)
    }

    /// Why the memory takes nothing any more.
    pub(super) fn broken(&self) -> LinkError {
        let why = self.nvm.failure().map_or_else(|| "no power".to_owned(), ToString::to_string);
        LinkError::CardState(format!("it cannot be written: {why}"))
    }

    /// The state file failed.
    pub(super) const fn failed(&self) -> bool {
        self.nvm.failure().is_some()
    }

    /// The raw memory, for its tear points and for what an applet keeps.
    pub(super) const fn nvm(&mut self) -> &mut Nvm {
        &mut self.nvm
    }

    /// The same, to read.
    pub(super) const fn memory(&self) -> &Nvm {
        &self.nvm
    }

    /// Of all that the card remembers: another one after each change.
    pub(super) fn checksum(&self) -> u32 {
        crc32(self.nvm.read(0..layout::JOURNAL.start))
    }

    /// Tear points passed.
    pub(super) const fn points(&self) -> u64 {
        self.nvm.points()
    }

    /// At power-up.
    pub(super) fn recover(&mut self) -> Result<(), Torn> {
        self.nvm.recover()
    }

    /// Fixed when the card was made.
    pub(super) const fn identity(&self) -> &Identity {
        &self.identity
    }

    /// The card's life cycle state (CS 5.1).
    pub(super) fn life_cycle(&self) -> u8 {
        self.byte(layout::LIFE_CYCLE)
    }

    /// Moves the life cycle on by one state: 6985 to any other.
    pub(super) fn set_life_cycle(&mut self, state: u8) -> Result<(), Stop> {
        let now = LIFE.iter().position(|known| *known == self.life_cycle());
        if now.and_then(|now| LIFE.get(now + 1)) != Some(&state) {
            return Err(StatusWord::CONDITIONS.into());
        }
        Ok(self.nvm.commit(&[Entry { at: layout::LIFE_CYCLE, bytes: &[state] }])?)
    }

    /// All key sets, in the order of their places.
    pub(super) fn sets(&self) -> impl Iterator<Item = SetInfo> {
        (0..SET_COUNT).map(|n| self.info(Slot(n))).filter(|set| set.kvn != 0)
    }

    /// The set with this KVN.
    pub(super) fn find(&self, kvn: u8) -> Option<SetInfo> {
        self.sets().find(|set| set.kvn == kvn)
    }

    /// The set that INITIALIZE UPDATE with P1 = 0 takes: the one added last.
    pub(super) fn default_set(&self) -> Option<SetInfo> {
        self.sets().max_by_key(|set| set.order)
    }

    /// The static keys of a set.
    pub(super) fn keys(&self, set: &SetInfo) -> KeySet<&[u8]> {
        let key = |n: usize| {
            let at = set.slot.at(set::KEYS + n * set::KEY_ROOM);
            self.nvm.read(at..at + usize::from(set.key_len))
        };
        KeySet { enc: key(0), mac: key(1), dek: key(2) }
    }

    /// Moves the sequence counter on and returns it. At its maximum the set opens no session any more: 6982.
    pub(super) fn advance_counter(&mut self, slot: Slot) -> Result<u32, Stop> {
        let counter = self.number(slot.at(set::COUNTER));
        if counter >= COUNTER_MAX {
            return Err(StatusWord::SECURITY_STATUS.into());
        }
        let next = counter + 1;
        self.nvm.commit(&[Entry { at: slot.at(set::COUNTER), bytes: &next.to_be_bytes() }])?;
        Ok(next)
    }

    /// Takes a try away before a comparison; 6983 where none is left.
    pub(super) fn take_try(&mut self, slot: Slot) -> Result<(), Stop> {
        let left = self.info(slot).tries.checked_sub(1).ok_or(StatusWord::BLOCKED)?;
        Ok(self.nvm.commit(&[Entry { at: slot.at(set::TRIES), bytes: &[left] }])?)
    }

    /// Gives all tries back after a successful authentication.
    pub(super) fn restore_tries(&mut self, slot: Slot) -> Result<(), Torn> {
        self.nvm.commit(&[Entry { at: slot.at(set::TRIES), bytes: &[self.identity.tries] }])
    }

    /// Adds a set; the initial one goes with the first. 6A80 where the KVN is taken, 6A84 where there is no room.
    pub(super) fn add(&mut self, kvn: u8, keys: KeySet<&[u8]>) -> Result<(), Stop> {
        if self.find(kvn).is_some() {
            return Err(StatusWord::WRONG_DATA.into());
        }
        let free = (0..SET_COUNT).map(Slot).find(|slot| self.info(*slot).kvn == 0).ok_or(StatusWord::NO_MEMORY)?;
        let order = self.sets().map(|set| set.order).max().unwrap_or(0).saturating_add(1);
        let bytes = set_bytes(kvn, self.identity.tries, order, keys);
        let added = Entry { at: free.at(0), bytes: &bytes[..] };
        match self.find(Kvn::INITIAL.byte()) {
            Some(initial) => self.nvm.commit(&[added, Entry { at: initial.slot.at(0), bytes: &[0; SET_LEN] }])?,
            None => self.nvm.commit(&[added])?,
        }
        Ok(())
    }

    /// Puts other keys, counter zero and all tries in a set's place. 6A80 where the new KVN is another set's, or the
    /// keys have another size.
    pub(super) fn replace(&mut self, old: &SetInfo, kvn: u8, keys: KeySet<&[u8]>) -> Result<(), Stop> {
        let other_size = keys.iter().any(|key| key.len() != usize::from(old.key_len));
        if other_size || self.find(kvn).is_some_and(|set| set.slot != old.slot) {
            return Err(StatusWord::WRONG_DATA.into());
        }
        let bytes = set_bytes(kvn, self.identity.tries, old.order, keys);
        Ok(self.nvm.commit(&[Entry { at: old.slot.at(0), bytes: &bytes[..] }])?)
    }

    /// Wipes a set.
    pub(super) fn delete(&mut self, slot: Slot) -> Result<(), Torn> {
        self.nvm.commit(&[Entry { at: slot.at(0), bytes: &[0; SET_LEN] }])
    }

    fn info(&self, slot: Slot) -> SetInfo {
        SetInfo {
            slot,
            kvn: self.byte(slot.at(set::KVN)),
            key_len: self.byte(slot.at(set::KEY_LEN)),
            tries: self.byte(slot.at(set::TRIES)),
            order: self.number(slot.at(set::ORDER)),
        }
    }

    fn byte(&self, at: usize) -> u8 {
        self.nvm.read(at..at + 1).iter().fold(0, |_, byte| *byte)
    }

    fn number(&self, at: usize) -> u32 {
        self.nvm.read(at..at + 4).iter().fold(0, |number, byte| number << 8 | u32::from(*byte))
    }
}

/// A set as it stands in memory, its counter zero.
fn set_bytes(kvn: u8, tries: u8, order: u32, keys: KeySet<&[u8]>) -> Zeroizing<[u8; SET_LEN]> {
    let mut bytes = Zeroizing::new([0; SET_LEN]);
    let [.., key_len] = keys.enc.len().to_be_bytes();
    (bytes[set::KVN], bytes[set::KEY_LEN], bytes[set::TRIES]) = (kvn, key_len, tries);
    bytes[set::ORDER..][..4].copy_from_slice(&order.to_be_bytes());
    for (room, key) in bytes[set::KEYS..].chunks_mut(set::KEY_ROOM).zip(keys.iter()) {
        room[..key.len()].copy_from_slice(key);
    }
    bytes
}

fn create(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).write(true).create_new(true).mode(0o600).open(path)
}

/// All of the file, and one byte more where it is longer than a card's image.
fn whole(file: &File) -> io::Result<Zeroizing<Vec<u8>>> {
    let mut image = Zeroizing::new(Vec::with_capacity(layout::SIZE + 1));
    file.take(layout::SIZE as u64 + 1).read_to_end(&mut image)?;
    Ok(image)
}

/// One card, one process: two would overwrite each other's journal.
fn lock(file: &File, path: &Path) -> Result<(), LinkError> {
    file.try_lock().map_err(|error| match error {
        std::fs::TryLockError::WouldBlock => {
            LinkError::CardState(format!("{} is in use by another card", path.display()))
        }
        std::fs::TryLockError::Error(error) => {
            LinkError::Io { what: format!("locking the card's state file {}", path.display()), error }
        }
    })
}
