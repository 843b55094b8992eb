//! The state file.

use super::host::{Failure, Host, Keys, level, put_key};
use cardwright_link::virtual_card::VirtualCard;
use cardwright_link::{LinkError, Lost, Transport};
use cardwright_proto::scp::Mode;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use tempfile::TempDir;

fn place() -> (TempDir, PathBuf, String) {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("card");
    let profile = format!("state={}", path.display());
    (dir, path, profile)
}

fn refusal(profile: &str) -> String {
    match VirtualCard::from_profile(profile) {
        Err(LinkError::CardState(why)) => why,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_card_survives_its_process() {
    let (_dir, path, profile) = place();
    let new = Keys::made(7, 32);
    let mut host = Host::new(&format!("aes256,serial=77,tries=4,{profile}"));
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    let mut session = host.open(&Keys::test(32), 0, Mode::S8, level(0x33)).unwrap();
    session.command(&mut host, &put_key(&Keys::test(32).0.dek, None, 0x30, &new)).unwrap();
    assert_eq!(host.fail(0x30, Mode::S8), 0x6300);
    assert_eq!(host.counter(0x30), 2);
    drop(host);
    let mut host = Host::new(&profile);
    assert_eq!(host.counter(0x30), 3);
    host.open(&new, 0, Mode::S8, level(0x33)).unwrap();
    host.card.reset().unwrap();
    assert_eq!(host.hex("80CA 0045 00").0[2..], *b"CWRT\0\0\0\x77");
}

/// What a kill leaves in the file at each point is taken up whole by the next process.
#[test]
fn a_torn_file_is_old_or_new() {
    let (mut old, mut new) = (0, 0);
    for n in 0.. {
        let (_dir, _path, profile) = place();
        let mut host = Host::new(&profile);
        let (initial, added) = (Keys::test(16), Keys::made(7, 16));
        let mut session = host.open(&initial, 0, Mode::S8, level(1)).unwrap();
        host.card.tear_after(n);
        let put = session.command(&mut host, &put_key(&initial.0.dek, None, 0x30, &added));
        drop(host);
        let mut host = Host::new(&profile);
        let initial_works = host.open(&initial, 0xFF, Mode::S8, level(1)).is_ok();
        let added_works = host.open(&added, 0x30, Mode::S8, level(1)).is_ok();
        assert_ne!(initial_works, added_works, "point {n}");
        match put {
            Err(Failure::Torn) if initial_works => old += 1,
            Err(Failure::Torn) => new += 1,
            other => {
                assert!(other.is_ok() && added_works);
                break;
            }
        }
    }
    assert!(old > 0 && new > 0);
    println!("a torn state file: {} tear points: {old} old / {new} new / 0 other", old + new);
}

#[test]
fn one_card_one_process() {
    let (_dir, _path, profile) = place();
    let host = Host::new(&profile);
    assert!(refusal(&profile).contains("in use"));
    drop(host);
    Host::new(&profile);
}

#[test]
fn words_about_an_old_card_have_to_be_true() {
    let (_dir, _path, profile) = place();
    drop(Host::new(&format!("s16,serial=1,{profile}")));
    for word in ["s8", "aes192", "kvn=1", "tries=3", "bare", "serial=2", "kdd=00112233445566778899", "i=70"] {
        let why = refusal(&format!("{word},{profile}"));
        assert!(why.contains("another"), "{why}");
    }
    Host::new(&format!("s16,aes128,kvn=255,i=71,tries=10,serial=1,{profile}"));
}

#[test]
fn what_is_no_state_file() {
    let (_dir, path, profile) = place();
    drop(Host::new(&profile));
    let good = fs::read(&path).unwrap();
    // Magic, version, identity under the checksum; KVN, key length and tries of the first set.
    for at in [0, 9, 13, 20, 61, 128, 129, 130] {
        let mut bad = good.clone();
        bad[at] ^= 0x7E;
        fs::write(&path, &bad).unwrap();
        refusal(&profile);
    }
    // Mode of the share, tries and PIN length of the custodian applet.
    // Then whether there is an identity key, and whether there is a manifest in hand.
    for at in [1920 + 22, 1920 + 21, 1920 + 8, 2560, 4608] {
        let mut bad = good.clone();
        bad[at] ^= 0x41;
        fs::write(&path, &bad).unwrap();
        refusal(&profile);
    }
    // Their images were shorter.
    for version in [1, 2, 3] {
        let mut earlier = good[..4096].to_vec();
        earlier[9] = version;
        fs::write(&path, &earlier).unwrap();
        let why = refusal(&profile);
        assert!(why.contains("an earlier cardwright made it") && why.contains("make a new card"), "{why}");
    }
    for len in [1, good.len() - 1] {
        fs::write(&path, &good[..len]).unwrap();
        refusal(&profile);
    }
    fs::write(&path, [good.as_slice(), &[0]].concat()).unwrap();
    refusal(&profile);
    fs::write(&path, &good).unwrap();
    Host::new(&profile);
    // One whose maker was stopped before it wrote anything.
    fs::write(&path, []).unwrap();
    drop(Host::new(&profile));
    assert_eq!(fs::read(&path).unwrap().len(), good.len());
    let missing = format!("{profile}/no/such/directory");
    assert!(matches!(VirtualCard::from_profile(&missing), Err(LinkError::Io { .. })));
}

/// Keys that were deleted or replaced are nowhere in the image, the journal included.
#[test]
fn old_keys_are_wiped() {
    let (_dir, path, profile) = place();
    let mut host = Host::new(&profile);
    let initial = Keys::test(16);
    let mut session = host.open(&initial, 0, Mode::S8, level(1)).unwrap();
    let canary = Keys::made(0xC7, 16);
    session.command(&mut host, &put_key(&initial.0.dek, None, 0x30, &canary)).unwrap();
    let holds = |key: &[u8]| fs::read(&path).unwrap().windows(16).filter(|window| *window == key).count();
    assert_eq!((holds(&canary.0.enc), holds(&initial.0.enc)), (1, 0));
    session.command(&mut host, &put_key(&initial.0.dek, Some(0x30), 0x30, &Keys::made(1, 16))).unwrap();
    assert_eq!(holds(&canary.0.enc) + holds(&canary.0.mac) + holds(&canary.0.dek), 0);
}

#[test]
fn a_torn_card_is_lost_then_absent_then_back() {
    let mut card = VirtualCard::from_profile("").unwrap();
    let mut response = Vec::new();
    let initialize = [0x80, 0x50, 0, 0, 8, 0, 1, 2, 3, 4, 5, 6, 7, 0];
    card.tear_after(4);
    assert!(matches!(card.transmit(&initialize, &mut response), Err(LinkError::Lost(Lost::Torn))));
    assert!(response.is_empty());
    assert!(matches!(card.transmit(&initialize, &mut response), Err(LinkError::NoCard(name)) if name == card.name()));
    card.reset().unwrap();
    card.transmit(&initialize, &mut response).unwrap();
    assert_eq!(response.len(), 34);
    let atr = Transport::atr(&card);
    assert_eq!(atr[1..].iter().fold(0, |xor, byte| xor ^ byte), 0, "the check byte");
}
