//! Cards' keys derived, and their PUT KEY blocks wrapped, before the cards are in a reader.
//!
//! Where a delivery has a list, a thread goes through the cards that wait, in the list's order, and has the vault work for
//! the next few of them. A reader finds its card's keys ready then, and never waits for the vault; a card that comes out of
//! order has them made when it comes. Before each use the vault is still asked whether the keys may serve.

use crate::error::Error;
use crate::rotate::Request;
use cardwright_keys::keyref::KeyRef;
use cardwright_keys::lifecycle::Use;
use cardwright_keys::vault::{ChallengeInput, Custody, Vault, VaultError};
use cardwright_proto::gp::key::{Kcv, KeySet};
use cardwright_proto::gp::put_key::{BlockForm, KeyBlock};
use cardwright_proto::scp::Token;
use cardwright_proto::scp::kdf::Context;
use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// For so many cards a reader keys are made ready.
pub const A_READER: usize = 4;

/// A card's static keys, with what tells whose they are.
#[derive(Debug)]
pub struct Keys<K> {
    keys: K,
    of: (KeyRef, [u8; 10]),
}

/// What is ready for one card.
struct Ready<K> {
    kdd: [u8; 10],
    keys: Vec<Keys<K>>,
    /// Blocks with their keys, present ones and new ones, and their form.
    blocks: Option<((KeyRef, KeyRef), BlockForm, KeySet<KeyBlock>)>,
}

/// A vault that has worked ahead.
pub struct Ahead<'v, V: Vault> {
    vault: &'v V,
    /// The first one is the oldest.
    ready: Mutex<VecDeque<Ready<V::CardKeys>>>,
    room: usize,
}

impl<V: Vault> std::fmt::Debug for Ahead<'_, V> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Ahead").field("room", &self.room).finish_non_exhaustive()
    }
}

/// Who can be asked to work ahead.
pub trait Prepare: Sync {
    /// For how many cards at a time.
    fn room(&self) -> u64;

    /// Makes ready what a card with this KDD needs.
    ///
    /// # Errors
    /// [`Error::Vault`]: nothing is ready for that card, and whoever has it hears the same.
    fn prepare(&self, request: &Request, kdd: &[u8; 10]) -> Result<(), Error>;
}

impl<'v, V: Vault> Ahead<'v, V> {
    /// Keeps so many cards' keys ready at the most.
    pub fn new(vault: &'v V, room: usize) -> Self {
        Self { vault, ready: Mutex::default(), room }
    }

    fn ready(&self) -> MutexGuard<'_, VecDeque<Ready<V::CardKeys>>> {
        // A thread that panicked has put nothing half made in there.
        self.ready.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn derive(&self, key: &KeyRef, kdd: &[u8; 10]) -> Result<Keys<V::CardKeys>, VaultError> {
        Ok(Keys { keys: self.vault.card_keys(key, kdd)?, of: (key.clone(), *kdd) })
    }
}

impl<V: Vault + Sync> Prepare for Ahead<'_, V>
where
    V::CardKeys: Send,
{
    fn room(&self) -> u64 {
        self.room as u64
    }

    fn prepare(&self, request: &Request, kdd: &[u8; 10]) -> Result<(), Error> {
        let new = self.derive(request.new.key(), kdd)?;
        self.vault.kcvs(&new.keys)?;
        let mut keys = vec![new];
        let mut blocks = None;
        for version in self.vault.versions(&request.current, Use::Process)? {
            let present = self.derive(&version, kdd)?;
            self.vault.kcvs(&present.keys)?;
            // The likeliest version comes first, and most keys have one.
            if blocks.is_none() {
                let made = self.vault.put_key_blocks(&present.keys, &keys[0].keys, request.form)?;
                blocks = Some(((version.clone(), keys[0].of.0.clone()), request.form, made));
            }
            keys.push(present);
        }
        let mut ready = self.ready();
        // Cards that did not come make room for others.
        if ready.len() >= 2 * self.room {
            ready.pop_front();
        }
        ready.push_back(Ready { kdd: *kdd, keys, blocks });
        Ok(())
    }
}

impl<V: Vault> Vault for Ahead<'_, V> {
    type CardKeys = Keys<V::CardKeys>;
    type Session = V::Session;

    fn versions(&self, key: &KeyRef, what: Use) -> Result<Vec<KeyRef>, VaultError> {
        self.vault.versions(key, what)
    }

    fn withheld(&self, key: &KeyRef, what: Use) -> Result<(), VaultError> {
        self.vault.withheld(key, what)
    }

    fn custody(&self, keys: &Self::CardKeys) -> Custody {
        self.vault.custody(&keys.keys)
    }

    /// What is ready serves once: a card that comes again has its keys made anew.
    fn card_keys(&self, key: &KeyRef, kdd: &[u8; 10]) -> Result<Self::CardKeys, VaultError> {
        let mut all = self.ready();
        let found = all.iter_mut().find(|ready| ready.kdd == *kdd).and_then(|ready| {
            let at = ready.keys.iter().position(|keys| keys.of.0 == *key)?;
            Some(ready.keys.swap_remove(at))
        });
        drop(all);
        found.map_or_else(|| self.derive(key, kdd), Ok)
    }

    fn key_len(&self, keys: &Self::CardKeys) -> usize {
        self.vault.key_len(&keys.keys)
    }

    fn kcvs(&self, keys: &Self::CardKeys) -> Result<KeySet<Kcv>, VaultError> {
        self.vault.kcvs(&keys.keys)
    }

    fn session(&self, keys: &Self::CardKeys, context: &Context) -> Result<V::Session, VaultError> {
        self.vault.session(&keys.keys, context)
    }

    fn card_challenge(&self, keys: &Self::CardKeys, input: &ChallengeInput<'_>) -> Result<Token, VaultError> {
        self.vault.card_challenge(&keys.keys, input)
    }

    fn put_key_blocks(
        &self,
        current: &Self::CardKeys,
        new: &Self::CardKeys,
        form: BlockForm,
    ) -> Result<KeySet<KeyBlock>, VaultError> {
        let ((old, kdd), (target, same)) = (&current.of, &new.of);
        let mut all = self.ready();
        let at = all.iter().position(|ready| ready.kdd == *kdd && kdd == same);
        let blocks = at.and_then(|at| all.remove(at)).and_then(|ready| ready.blocks);
        drop(all);
        match blocks {
            Some((of, made_as, blocks)) if of == (old.clone(), target.clone()) && made_as == form => {
                // They were wrapped a while ago: the keys may have been suspended since.
                self.vault.versions(target, Use::Protect)?;
                self.vault.versions(old, Use::Process)?;
                Ok(blocks)
            }
            _ => self.vault.put_key_blocks(&current.keys, &new.keys, form),
        }
    }
}

#[cfg(test)]
mod tests;
