//! A custodian's PIN and share, as `cardwright custodian` shows them.

use crate::card::{Card, NEW};
use crate::real::{OTHER_PIN, PIN, custodian_offered};
use crate::target::{is_virtual, not_here};
use cardwright_tests::cli::Outcome;
use serde_json::Value;

const AID: &str = "F0435743555354";

/// The custodian applet of a card, without PIN or share. Each test puts that back.
#[derive(Debug)]
struct Custodian {
    card: Card,
    before: Value,
}

impl Custodian {
    #[track_caller]
    fn start(what: &str) -> Option<Self> {
        let mut card = Card::start(what, NEW)?;
        let state = card.run(&["custodian", "info", "--json"]);
        let state = (state.code() == 0).then(|| state.json());
        if let Err(why) = custodian_offered(&card.info(), state.as_ref()) {
            assert!(card.is_real(), "{why}");
            not_here(what, why);
            return None;
        }
        card.desk.key_file("pin", PIN);
        card.desk.key_file("pin2", OTHER_PIN);
        card.desk.key_file("wrong", "0000");
        let key = card.key().to_owned();
        card.undo_by(&["custodian", "wipe", "--all", "--yes", "--key", &key]);
        Some(Self { card, before: state.expect("offered") })
    }

    fn with_pin(what: &str) -> Option<Self> {
        let custodian = Self::start(what)?;
        custodian.run(&["pin", "set", "--new", "file:pin"]).expect(0);
        Some(custodian)
    }

    fn run(&self, args: &[&str]) -> Outcome {
        self.card.run(&[&["custodian"], args, &["--key", self.card.key()]].concat())
    }

    fn info(&self) -> Value {
        self.card.run(&["custodian", "info", "--json"]).expect(0).json()
    }

    fn store(&self, mode: &str) -> Outcome {
        self.run(&["store", "--share", "share.toml", "--mode", mode, "--pin", "file:pin", "--json"])
    }

    fn read(&self, file: &str, pin: &str) -> Outcome {
        self.run(&["read", "--out", file, "--pin", pin, "--json"])
    }

    /// Wipes share and PIN: the card is as it was.
    fn put_back(&self) {
        assert_eq!(self.run(&["wipe", "--all", "--yes", "--json"]).expect(0).json()["result"], "all-wiped");
        assert_eq!(self.info(), self.before);
    }
}

/// A share file of one of `n` shares, with or without commitments.
fn share(n: usize, commitments: bool) -> String {
    let (set, ceremony, value) = ("5E".repeat(16), "CE".repeat(16), "C3A5F17E".repeat(4));
    let mut text = format!(
        "version = 1\nscheme = \"shamir\"\nset = \"{set}\"\nceremony = \"{ceremony}\"\ngeneration = 7\nx = 2\nm = 2\n\
         n = {n}\nkey_type = \"AES\"\nkey_length = 16\nusage = 5\nkcv = \"504A77\"\nvalue = \"{value}\""
    );
    if commitments {
        let list: Vec<_> = (0..n).map(|at| format!("\"{}\"", format!("{at:02X}").repeat(32))).collect();
        text += &format!("\nsalt = \"{}\"\ncommitments = [{}]", "9B62D80F".repeat(4), list.join(", "));
    }
    text
}

#[test]
fn the_first_pin_another_pin_and_a_wrong_one() {
    let Some(custodian) = Custodian::start("PINs") else { return };
    assert_eq!((&custodian.before["pin"], &custodian.before["tries_left"]), (&false.into(), &3.into()));
    let change = |pin: &str, new: &str| custodian.run(&["pin", "change", "--pin", pin, "--new", new, "--json"]);
    let none = change("file:pin", "file:pin2").expect(4);
    assert!(none.stderr.contains("the card has no PIN yet"), "{none:#?}");
    let set = custodian.run(&["pin", "set", "--new", "file:pin", "--json"]).expect(0).json();
    assert_eq!((&set["result"], &set["identity"]), (&"pin-set".into(), &custodian.before["identity"]));
    let twice = custodian.run(&["pin", "set", "--new", "file:pin2"]).expect(4);
    assert!(twice.stderr.contains("the card has a PIN already"), "{twice:#?}");
    assert_eq!(change("file:pin", "file:pin2").expect(0).json()["result"], "pin-changed");

    let wrong = change("file:pin", "file:wrong").expect(4);
    assert!(wrong.stderr.contains("the PIN is wrong, 2 tries are left"), "{wrong:#?}");
    assert_eq!(custodian.info()["tries_left"], 2);
    change("file:pin2", "file:pin").expect(0);
    assert_eq!(custodian.info()["tries_left"], 3);
    custodian.put_back();
}

#[test]
fn a_share_in_host_mode_comes_back_as_it_was() {
    let Some(custodian) = Custodian::with_pin("a share in host mode") else { return };
    for (n, commitments) in [(3, false), (2, true), (10, true)] {
        custodian.card.desk.key_file("share.toml", &share(n, commitments));
        let stored = custodian.store("host").expect(0);
        assert!(stored.stderr.contains("host mode: the share passes through this computer"), "{stored:#?}");
        let again = custodian.store("host").expect(4);
        assert!(again.stderr.contains("a card keeps one share"), "{again:#?}");
        let info = custodian.info();
        assert_eq!((&info["share"]["mode"], &info["share"]["n"]), (&"host".into(), &n.into()));
        // A wrong PIN in between costs a try, and no share.
        assert!(custodian.read("back.toml", "file:wrong").expect(4).stderr.contains("2 tries are left"));
        custodian.read("back.toml", "file:pin").expect(0);
        let file = |name| std::fs::read(custodian.card.desk.path().join(name)).expect("a file");
        assert_eq!(file("back.toml"), file("share.toml"), "{n} shares, commitments {commitments}");
        std::fs::remove_file(custodian.card.desk.path().join("back.toml")).expect("removed");
        let wiped = custodian.run(&["wipe", "--yes", "--pin", "file:pin", "--json"]).expect(0).json();
        assert_eq!((&wiped["result"], &wiped["pin"]), (&"share-wiped".into(), &true.into()));
        let gone = custodian.read("back.toml", "file:pin").expect(4);
        assert!(gone.stderr.contains("there is no share on the card"), "{gone:#?}");
    }
    custodian.put_back();
}

#[test]
fn a_blind_share_never_comes_back() {
    let Some(custodian) = Custodian::with_pin("a blind share") else { return };
    custodian.card.desk.key_file("share.toml", &share(3, true));
    custodian.store("blind").expect(0);
    assert_eq!(custodian.info()["share"]["mode"], "blind");
    for _ in 0..2 {
        let refused = custodian.read("back.toml", "file:pin").expect(4);
        assert!(refused.stderr.contains("the card never gives it out"), "{refused:#?}");
        assert!(!custodian.card.desk.path().join("back.toml").exists());
    }
    // The program does not even ask; the card refuses whoever does.
    let verify = format!("00200000{:02X}{}", PIN.len(), hex::encode(PIN));
    let answers = custodian.card.secure(4, "33", AID, &[&verify, "8032000000"]);
    assert_eq!(answers, ["9000", "6985"]);
    // Wiping it all wants no PIN.
    custodian.put_back();
}

#[test]
fn nothing_below_level_33() {
    let Some(custodian) = Custodian::with_pin("levels of the custodian applet") else { return };
    for (level, offered) in custodian.card.levels() {
        if offered && level != 0x33 {
            let answers = custodian.card.secure(4, &format!("{level:02X}"), AID, &["8034010000"]);
            assert_eq!(answers, ["6982"], "WIPE at level {level:02X}");
        }
    }
    assert_eq!(custodian.info()["pin"], true);
    custodian.put_back();
}

#[test]
fn three_wrong_pins_block_and_wiping_is_the_way_out() {
    if !is_virtual("a blocked PIN") {
        return;
    }
    let Some(custodian) = Custodian::with_pin("a blocked PIN") else { return };
    custodian.card.desk.key_file("share.toml", &share(3, false));
    custodian.store("host").expect(0);
    for (code, says) in [(4, "2 tries are left"), (4, "1 try is left"), (6, "is blocked now")] {
        let refused = custodian.read("back.toml", "file:wrong").expect(code);
        assert!(refused.stderr.contains(says), "{refused:#?}");
    }
    custodian.read("back.toml", "file:pin").expect(6);
    assert_eq!(custodian.info()["tries_left"], 0);
    custodian.run(&["wipe", "--yes", "--pin", "file:pin"]).expect(6);
    custodian.put_back();
}
