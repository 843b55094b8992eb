//! Somebody, or the disk, has changed the registry's file.

use super::{EXTERNAL_AUTHENTICATE, PUT, PUT_KEY, desk};
use cardwright_link::VirtualCard;
use cardwright_tests::cli::{Desk, Outcome};
use cardwright_tests::gate::Gate;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

/// Fields of SQLite's file header (fileformat2.html, 1.3), big-endian.
const SCHEMA: std::ops::Range<usize> = 60..64;
const APPLICATION: std::ops::Range<usize> = 68..72;

/// A desk with a registry that one key change is in.
fn used() -> (Desk, Gate<VirtualCard>, PathBuf) {
    let (desk, mut card) = desk();
    desk.run_with(&mut card, PUT).expect(0);
    card.forget();
    let file = desk.path().join("state/registry.db");
    (desk, card, file)
}

/// The same change again, with the registry as it is.
fn again(desk: &Desk, card: &mut Gate<VirtualCard>) -> Outcome {
    let outcome = desk.run_with(card, PUT);
    assert!(!outcome.stderr.contains("panicked"), "{outcome:#?}");
    outcome
}

/// What makes one registry into something else.
type Damage = fn(&Path);

fn change(file: &Path, change: impl FnOnce(&mut Vec<u8>)) {
    let mut bytes = std::fs::read(file).expect("a registry");
    change(&mut bytes);
    std::fs::write(file, bytes).expect("written");
}

#[test]
fn nothing_is_sent_without_a_registry() {
    let damages: [(&str, Damage, &str); 9] = [
        ("no database", |file| change(file, |bytes| bytes[0] ^= 1), "no registry"),
        ("another program's", |file| change(file, |bytes| bytes[APPLICATION].fill(7)), "no registry"),
        ("a later schema", |file| change(file, |bytes| bytes[SCHEMA].copy_from_slice(&[0, 0, 3, 0xE7])), "schema 999"),
        ("its header cut", |file| change(file, |bytes| bytes.truncate(70)), ""),
        ("half of it", |file| change(file, |bytes| bytes.truncate(bytes.len() / 2)), ""),
        ("text", |file| std::fs::write(file, "kvn,kcv\n").expect("written"), "no registry"),
        (
            "a directory",
            |file| {
                std::fs::remove_file(file).expect("removed");
                std::fs::create_dir(file).expect("made");
            },
            "",
        ),
        (
            "a link to a device",
            |file| {
                std::fs::remove_file(file).expect("removed");
                symlink("/dev/null", file).expect("made");
            },
            "",
        ),
        (
            "a link to nowhere",
            |file| {
                std::fs::remove_file(file).expect("removed");
                symlink("none/registry.db", file).expect("made");
            },
            "",
        ),
    ];
    for (what, damage, said) in damages {
        let (desk, mut card, file) = used();
        damage(&file);
        let outcome = again(&desk, &mut card);
        assert_eq!(outcome.code(), 9, "{what}: {outcome:#?}");
        let message = outcome.json()["error"]["message"].as_str().expect("a message").to_owned();
        assert!(message.contains("registry") && message.contains(said), "{what}: {message}");
        assert!(card.seen.is_empty(), "{what}: sent to the card: {:02X?}", card.seen);
    }
}

/// A byte flipped anywhere. What it says there cannot be known to be wrong in every place: but whoever notices stops before
/// authentication, and nobody takes it for the card's fault but where a counter has changed.
#[test]
fn a_byte_flipped_anywhere() {
    let (desk, mut card, file) = used();
    let whole = std::fs::read(&file).expect("a registry");
    // Most of the file is empty: only what is not is worth a try.
    let places: Vec<_> = (0..whole.len()).filter(|place| whole[*place] != 0).collect();
    let (mut unnoticed, mut noticed) = (0, 0);
    for place in places.iter().step_by(places.len() / 60) {
        let mut bytes = whole.clone();
        bytes[*place] ^= 0x15;
        std::fs::write(&file, &bytes).expect("written");
        for name in ["registry.db-wal", "registry.db-shm"] {
            let _ = std::fs::remove_file(file.with_file_name(name));
        }
        card.forget();
        let outcome = again(&desk, &mut card);
        match outcome.code() {
            // Everything was on the card already, and still is.
            0 => unnoticed += 1,
            9 => noticed += 1,
            // The counter on record is another one, and the card stands behind it.
            7 => assert!(outcome.stdout.contains("rolled back"), "{place}: {outcome:#?}"),
            code => panic!("byte {place}: exit {code}: {outcome:#?}"),
        }
        let sent = (card.count(EXTERNAL_AUTHENTICATE), card.count(PUT_KEY));
        assert!(outcome.code() == 0 || sent == (0, 0), "byte {place}: {outcome:#?}");
        assert_eq!(card.count(PUT_KEY), 0, "byte {place}: keys were sent again");
    }
    println!(
        "a byte flipped in {} places: noticed in {noticed}, of no account in {unnoticed}",
        places.len() / (places.len() / 60)
    );
    assert!(noticed > 5, "{noticed}");
}
