//! Speed of the vaults: a card's keys, session keys and PUT KEY blocks, from a file and in tokens; session keys that stay
//! in a token, beside the same in memory; and how long a file with many keys takes to open. Medians of rounds.

// A benchmark fails by panicking, with what it saw.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use cardwright_hsm::pkcs11::{Module, SessionKeys, Token as Hsm, TokenOptions, Uri};
use cardwright_hsm::{FileKey, Kdf, Keyring, OpenVault, Passphrase, Prompt, VaultFile, random_material};
use cardwright_keys::key::KeyMaterial;
use cardwright_keys::keyref::{KeyRef, Name};
use cardwright_keys::vault::{Custody, KeySpec, KeyType, Purpose, Store, Vault};
use cardwright_link::VirtualCard;
use cardwright_proto::gp::put_key::BlockForm;
use cardwright_proto::scp::kdf::Context;
use cardwright_proto::scp::{Mode, Token};
use cardwright_tests::hsm::{self, Kind};
use cardwright_tests::speed::{Bench, each, echo, median, verdict};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::Instant;
use tempfile::TempDir;
use zeroize::Zeroizing;

const INSIDE: &str = "--inside-a-token";
const ROUNDS: usize = 15;
const MASTERS: [KeyType; 2] = [KeyType::Aes128, KeyType::Aes256];

fn main() {
    let args: Vec<_> = std::env::args().collect();
    if let Some([_, name, uri, sums]) = args.iter().position(|arg| arg == INSIDE).map(|at| &args[at..]) {
        return in_token(name, &uri.parse().expect("a URI"), sums.into());
    }
    in_file();
    opening();
    Kind::ALL.into_iter().for_each(token);
}

const fn spec(purpose: Purpose, key_type: KeyType) -> KeySpec {
    KeySpec { purpose, key_type, portable: false }
}

fn name(text: &str) -> Name {
    text.parse().expect("a name")
}

/// A keyring with the vault `v` and the public test key.
fn keyring(vault: OpenVault) -> Keyring {
    let mut keyring = Keyring::new();
    keyring.load(&gp_test(), KeyMaterial::gp_test());
    keyring.open(name("v"), vault);
    keyring
}

fn gp_test() -> KeyRef {
    "gp-test".parse().expect("a reference")
}

/// Cards one after another, each with a KDD and challenges of its own.
struct Cards<'a> {
    vault: &'a Keyring,
    present: KeyRef,
    master: KeyRef,
    number: u64,
}

impl<'a> Cards<'a> {
    fn new(vault: &'a Keyring, master: KeyType) -> Self {
        let master = format!("kdf3+vault:v/{master}").parse().expect("a reference");
        // An AES-256 key is wrapped under one as long.
        let present = match master_len_present(&master) {
            _ => gp_test(),
        };
        Self { vault, present, master, number: 0 }
    }
}
