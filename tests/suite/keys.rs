//! Key sets that are added, replaced and deleted.

use crate::card::{Card, NEW, OWN, free_kvn};
use crate::real::keys_offered;
use crate::target::not_here;
use std::io::Read;

const GET_STATUS: &str = "80F28002024F0000";

/// A file with three keys of this run alone.
fn random_keys(card: &Card, name: &str) -> String {
    let mut bytes = [0; 48];
    std::fs::File::open("/dev/urandom").and_then(|mut file| file.read_exact(&mut bytes)).expect("random bytes");
    let keys: Vec<String> = bytes.chunks(16).map(hex::encode_upper).collect();
    card.desk.key_file(name, &keys.join(","))
}

#[test]
fn a_set_is_added_replaced_and_deleted() {
    let Some(mut card) = Card::start("a key set and back", OWN) else { return };
    let before = card.info();
    if let Err(why) = keys_offered(card.key(), &before) {
        return not_here("a key set and back", why);
    }
    let (one, two) = (random_keys(&card, "one.hex"), random_keys(&card, "two.hex"));
    let kvn = free_kvn(&before);
    let delete = format!("80E4000003D201{}", &kvn[2..]);
    let key = card.key().to_owned();
    card.undo_by(&["apdu", "--secure", &key, &delete]);

    let put = ["card", "keys", "put", "--json", "--key", &key, "--new", &one, "--kvn", &kvn];
    let report = card.run(&put).expect(0).json();
    assert_eq!((&report["result"], &report["kvn"]), (&"loaded".into(), &kvn.as_str().into()));
    assert_eq!(report["proofs"]["mac"], "proved by the card cryptogram");
    let listed = card.info()["keys"].as_array().expect("a list").iter().filter(|key| key["kvn"] == kvn).count();
    assert_eq!(listed, 3, "ENC, MAC and DEK");
    let [with_one, with_two] = [&one, &two].map(|keys| format!("{keys}@{kvn}"));
    let matches = |keys: &str, code| {
        let checked = card.run(&["card", "keys", "check", "--json", "--key", keys]).expect(code).json();
        assert_eq!(checked["candidates"][0]["match"], code == 0, "{checked}");
    };
    matches(&with_one, 0);
    matches(&with_two, 5);
    card.run(&["apdu", "--secure", &with_one, GET_STATUS]).expect(0);
    let again = card.run(&put).expect(0).json();
    assert_eq!(again["result"], "already-there", "the same command again changes nothing");

    let replace = ["card", "keys", "put", "--json", "--key", &with_one, "--new", &two, "--kvn", &kvn, "--replace"];
    assert_eq!(card.run(&replace).expect(0).json()["replaced"], true);
    matches(&with_two, 0);
    matches(&with_one, 5);
    // The set that was there first is untouched, and deletes the other.
    matches(&key, 0);
    card.run(&["apdu", "--secure", &key, &delete]).expect(0);
    let gone = card.run(&["apdu", "--secure", &with_two, GET_STATUS]).expect(4);
    assert!(gone.stderr.contains("INITIALIZE UPDATE"), "{gone:#?}");
    assert_eq!(card.info(), before);
    card.run(&["apdu", "--secure", &key, GET_STATUS]).expect(0);
}

#[test]
fn initial_keys_give_way_to_the_first_set() {
    let Some(card) = Card::start_virtual("initial keys", NEW) else { return };
    let new = random_keys(&card, "new.hex");
    card.run(&["card", "keys", "put", "--key", card.key(), "--new", &new, "--kvn", "0x30"]).expect(0);
    let sets = card.info()["keys"].as_array().expect("a list").iter().map(|key| key["kvn"].clone()).collect::<Vec<_>>();
    assert_eq!(sets, ["0x30"; 3]);
    card.run(&["apdu", "--secure", card.key(), GET_STATUS]).expect(4);
    card.run(&["apdu", "--secure", "gp-test", GET_STATUS]).expect(5);
    card.run(&["apdu", "--secure", &new, GET_STATUS]).expect(0);
}

#[test]
fn the_last_set_and_the_sessions_own_stay() {
    let Some(card) = Card::start_virtual("the last key set", OWN) else { return };
    let before = card.info();
    assert_eq!(card.secure(4, "33", "", &["80E4000003D20130", GET_STATUS])[0], "6985");
    assert_eq!(card.secure(4, "33", "", &["80E4000003D20131"]), ["6A88"]);
    // Not without a MAC, and not without a session.
    assert_eq!(card.secure(4, "00", "", &["80E4000003D20131"]), ["6982"]);
    card.run(&["apdu", "80E4000003D20131"]).expect(4);
    assert_eq!(card.info(), before);
}
