//! What passes between the host and each card, seen on the line and, by whoever has the session keys, below its secure
//! messaging.

use cardwright_hsm::SoftVault;
use cardwright_keys::keyref::KeyRef;
use cardwright_keys::vault::{ChallengeInput, Custody, Vault, VaultError};
use cardwright_link::{LinkError, Transport};
use cardwright_proto::block::Block;
use cardwright_proto::gp::key::{Kcv, KeySet};
use cardwright_proto::gp::put_key::{BlockForm, KeyBlock};
use cardwright_proto::scp::kdf::Context;
use cardwright_proto::scp::{CipherFailed, SessionCipher, Token};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::ops::AddAssign;
use std::rc::Rc;

/// Of one card, or of all.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Sums {
    pub(crate) visits: u64,
    pub(crate) commands: u64,
    /// Bytes of data in a session, both ways, before secure messaging and without padding.
    pub(crate) data: u64,
    /// Bytes of command and response APDUs.
    pub(crate) line: u64,
    /// AES blocks of the host's end in its sessions.
    pub(crate) blocks: u64,
    /// What the card computes on P-256.
    pub(crate) key_pairs: u64,
    pub(crate) agreements: u64,
    pub(crate) signatures: u64,
    pub(crate) checks: u64,
}

impl AddAssign for Sums {
    fn add_assign(&mut self, other: Self) {
        self.visits += other.visits;
        self.commands += other.commands;
        self.data += other.data;
        self.line += other.line;
        self.blocks += other.blocks;
        self.key_pairs += other.key_pairs;
        self.agreements += other.agreements;
        self.signatures += other.signatures;
        self.checks += other.checks;
    }
}

/// All cards', by label.
#[derive(Debug, Default)]
pub(crate) struct Meter {
    cards: BTreeMap<String, Sums>,
    /// The card in the reader.
    seated: String,
    /// Bytes of each command and of its response.
    pub(crate) exchanges: Vec<(usize, usize)>,
}

impl Meter {
    pub(crate) fn seat(&mut self, label: &str) {
        label.clone_into(&mut self.seated);
        self.seated().visits += 1;
    }

    pub(crate) fn of(&self, label: &str) -> Sums {
        self.cards.get(label).copied().unwrap_or_default()
    }

    pub(crate) fn all(&self) -> Sums {
        let mut all = Sums::default();
        self.cards.values().for_each(|sums| all += *sums);
        all
    }

    fn seated(&mut self) -> &mut Sums {
        self.cards.entry(self.seated.clone()).or_default()
    }

    fn exchanged(&mut self, command: &[u8], response: &[u8]) {
        self.exchanges.push((command.len(), response.len()));
        let sums = self.seated();
        sums.commands += 1;
        sums.line += (command.len() + response.len()) as u64;
        if !response.ends_with(&[0x90, 0]) {
            return;
        }
        let [key_pairs, agreements, signatures, checks] = computed(command[1], command[2]);
        sums.key_pairs += key_pairs;
        sums.agreements += agreements;
        sums.signatures += signatures;
        sums.checks += checks;
    }
}

/// Key pairs, ECDH, signatures made and checked, for a command that is carried out
/// (`docs/protocol/custody-commands.md`); P1 of a last block has its highest bit.
const fn computed(ins: u8, p1: u8) -> [u64; 4] {
    match (ins, p1) {
        // GENERATE IDENTITY
        (0x38, _) => [1, 0, 0, 0],
        // GET IDENTITY: possession. STATE DEAL, FORGET, VERDICT, COMMIT CONTRIBUTION. APPROVE MANIFEST.
        (0x3A, 0) | (0x44 | 0x56 | 0x5E | 0xA8, _) | (0x42, 0x80..) => [0, 0, 1, 0],
        // SIGN CERTIFICATE
        (0x3E, _) => [0, 0, 1, 1],
        // PUT CERTIFICATE, PUT PARTY, ADMIT, CONFIRM. TAKE STATEMENT.
        (0x40 | 0x4C | 0x4E | 0x5C, _) | (0x58, 0x80..) => [0, 0, 0, 1],
        // MAKE OFFER
        (0x46, _) => [1, 0, 1, 0],
        // REVEAL CONTRIBUTION
        (0x48, _) => [1, 1, 0, 1],
        // TAKE CONTRIBUTION
        (0x52, _) => [0, 1, 0, 0],
        // DEAL BOX
        (0x54, _) => [1, 1, 0, 0],
        // STORE BOX
        (0x5A, 0x80..) => [0, 1, 1, 0],
        // RELEASE SHARE
        (0xA0, _) => [1, 1, 1, 1],
        // TAKE SHARE
        (0xA2, _) => [0, 1, 0, 1],
        _ => [0; 4],
    }
}

/// A line that is measured.
pub(crate) struct Line<T> {
    pub(crate) card: Rc<RefCell<T>>,
    pub(crate) meter: Rc<RefCell<Meter>>,
}

impl<T: Transport> Transport for Line<T> {
    fn transmit(&mut self, command: &[u8], response: &mut Vec<u8>) -> Result<(), LinkError> {
        self.card.borrow_mut().transmit(command, response)?;
        self.meter.borrow_mut().exchanged(command, response);
        Ok(())
    }

    fn reset(&mut self) -> Result<(), LinkError> {
        self.card.borrow_mut().reset()
    }

    fn atr(&self) -> &[u8] {
        &[0x3B, 0]
    }

    fn name(&self) -> &'static str {
        "a card on the table"
    }
}

/// A vault whose sessions are measured.
pub(crate) struct Metered {
    pub(crate) vault: SoftVault,
    pub(crate) meter: Rc<RefCell<Meter>>,
}

/// One of its sessions.
pub(crate) struct MeteredSession {
    cipher: <SoftVault as Vault>::Session,
    meter: Rc<RefCell<Meter>>,
}

type Keys = <SoftVault as Vault>::CardKeys;

impl Vault for Metered {
    type CardKeys = Keys;
    type Session = MeteredSession;

    fn custody(&self, keys: &Keys) -> Custody {
        self.vault.custody(keys)
    }

    fn card_keys(&self, key: &KeyRef, kdd: &[u8; 10]) -> Result<Keys, VaultError> {
        self.vault.card_keys(key, kdd)
    }

    fn key_len(&self, keys: &Keys) -> usize {
        self.vault.key_len(keys)
    }

    fn kcvs(&self, keys: &Keys) -> Result<KeySet<Kcv>, VaultError> {
        self.vault.kcvs(keys)
    }

    fn session(&self, keys: &Keys, context: &Context) -> Result<MeteredSession, VaultError> {
        Ok(MeteredSession { cipher: self.vault.session(keys, context)?, meter: Rc::clone(&self.meter) })
    }

    fn card_challenge(&self, keys: &Keys, input: &ChallengeInput<'_>) -> Result<Token, VaultError> {
        self.vault.card_challenge(keys, input)
    }

    fn put_key_blocks(&self, current: &Keys, new: &Keys, form: BlockForm) -> Result<KeySet<KeyBlock>, VaultError> {
        self.vault.put_key_blocks(current, new, form)
    }
}

impl MeteredSession {
    fn computed(&self, len: usize) {
        self.meter.borrow_mut().seated().blocks += len.div_ceil(16) as u64;
    }

    /// What was padded with 80 and zeros (ISO/IEC 9797-1, method 2).
    fn data(&self, padded: &[u8]) {
        let len = padded.iter().rposition(|byte| *byte == 0x80).expect("padding");
        self.meter.borrow_mut().seated().data += len as u64;
    }
}

impl SessionCipher for MeteredSession {
    fn mac(&mut self, parts: &[&[u8]]) -> Result<Block, CipherFailed> {
        self.computed(parts.concat().len());
        self.cipher.mac(parts)
    }

    fn rmac(&mut self, parts: &[&[u8]]) -> Result<Block, CipherFailed> {
        self.computed(parts.concat().len());
        self.cipher.rmac(parts)
    }

    fn encrypt(&mut self, counter: Block, data: &mut [u8]) -> Result<(), CipherFailed> {
        // The IV is a block, too.
        self.computed(16 + data.len());
        self.data(data);
        self.cipher.encrypt(counter, data)
    }

    fn decrypt(&mut self, counter: Block, data: &mut [u8]) -> Result<(), CipherFailed> {
        self.computed(16 + data.len());
        self.cipher.decrypt(counter, data)?;
        self.data(data);
        Ok(())
    }
}
