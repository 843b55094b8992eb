//! The proof that no static key leaves a token: a thousand cards are loaded, and every byte that passes between the program
//! and the module is looked at.

use super::{MASTER, cards_own, desk_behind, json, known_master};
use cardwright_keys::diversify;
use cardwright_keys::key::{KeyMaterial, SecretKey};
use cardwright_keys::keyref::Scheme;
use cardwright_tests::cli::Desk;
use cardwright_tests::hsm::{Kind, Token};
use serde_json::Value;

/// What the demonstration's cards have: `00004341524457` and their number.
fn card_keys(master: &[u8], cards: u32) -> Vec<Vec<u8>> {
    let master = KeyMaterial::One(SecretKey::new(master).expect("a key"));
    let keys = |number: u32| {
        let mut kdd = *b"\0\0CARDW\0\0\0";
        kdd[7..].copy_from_slice(&number.to_be_bytes()[1..]);
        let set = diversify::derive(Scheme::Kdf3, &master, &kdd).expect("a set");
        set.iter().map(|key| key.expose().to_vec()).collect::<Vec<_>>()
    };
    (0..cards).flat_map(keys).collect()
}

/// Loads so many cards from a known master through a tap. Gives the calls in which half of a card key, or of the
/// master, passed.
fn leaks(token: &Token, len: usize, cards: u32, custody: &str) -> Vec<String> {
    known_master(token, len);
    let tap = token.tap();
    let desk = desk_behind(token, &tap);
    let loaded = if len == 16 { load_at_once(&desk, cards) } else { load_each(&desk, len, cards) };
    assert_eq!(loaded.len(), cards as usize);
    assert!(loaded.iter().all(|card| card["custody"] == custody), "{loaded:#?}");
    // That what is looked for is what the cards have.
    let secrets = card_keys(&MASTER[..len], cards);
    let kcv = SecretKey::new(&secrets[0]).and_then(|key| key.kcv(cardwright_keys::key::Algorithm::Aes)).expect("a KCV");
    assert_eq!(loaded[0]["kcv"]["enc"], kcv.to_string());
    let mut all = secrets;
    all.push(MASTER[..len].to_vec());
    let calls = tap.log().lines().count();
    assert!(calls > 50 * loaded.len(), "{calls} calls for {cards} cards");
    println!("{:?}, {len} bytes: {cards} cards, {calls} calls looked through", token.kind());
    tap.leaks(&all)
}

/// The demonstration's cards have keys of 16 bytes.
fn load_at_once(desk: &Desk, cards: u32) -> Vec<Value> {
    let done = json(desk, &["demo", "--cards", &cards.to_string(), "--new", "kdf3+vault:hsm/known"]);
    done["cards"].as_array().expect("cards").clone()
}

/// Cards with longer ones, each in a run of its own.
fn load_each(desk: &Desk, len: usize, cards: u32) -> Vec<Value> {
    let factory = desk.key_file("factory.hex", &hex::encode(cards_own(len)));
    let load = |number: u32| {
        let reader = format!("sim:aes{},kdd=00004341524457{number:06X}", len * 8);
        let put = ["card", "keys", "put", "--key", &factory, "--new", "kdf3+vault:hsm/known", "--kvn", "0x30"];
        json(desk, &[["--reader", &reader].as_slice(), &put].concat())
    };
    (0..cards).map(load).collect()
}

#[test]
fn no_static_key_leaves_kryoptic() {
    for (len, cards) in [(16, 1000), (24, 20), (32, 20)] {
        let Some(token) = Token::new("a thousand cards", Kind::Kryoptic) else { return };
        assert_eq!(leaks(&token, len, cards, "static keys never leave"), Vec::<String>::new());
    }
}

/// The same look at a token that has to give card keys out: it sees them. And a level is never claimed that does not hold.
#[test]
fn card_keys_that_leave_are_seen() {
    let Some(token) = Token::new("card keys that leave", Kind::SoftHsm) else { return };
    let leaks = leaks(&token, 32, 3, "master never leaves");
    assert!(leaks.len() >= 2 * 3 * 3, "two halves of three keys of three cards: {leaks:#?}");
    assert!(leaks.iter().all(|line| line.contains(" C_GetAttributeValue ")), "{leaks:#?}");
}

/// With AES-128 SoftHSM2 is not asked for keys, only for inner values.
#[test]
fn short_card_keys_stay_in_softhsm_as_well() {
    let Some(token) = Token::new("AES-128 in SoftHSM2", Kind::SoftHsm) else { return };
    assert_eq!(leaks(&token, 16, 10, "master never leaves"), Vec::<String>::new());
}
