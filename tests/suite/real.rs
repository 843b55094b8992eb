//! A real card: one, so that its tests take turns; of worth, so that somebody is told what will happen to it, and asked.

use crate::card::{free_kvn, levels};
use crate::target::say;
use cardwright_tests::cli::{Desk, Outcome, finish};
use serde_json::Value;
use std::process::Command;
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

static TURN: Mutex<()> = Mutex::new(());
/// Whether the person agreed; asked once. What was in the way otherwise.
static AGREED: OnceLock<Result<(), String>> = OnceLock::new();

/// How far a sequence counter goes on at most: once for each session, and for each time that keys are looked at.
pub(crate) const COUNTS: u32 = 80;

/// The first PIN that the custodian tests set, and the other one.
pub(crate) const PIN: &str = "48291655";
pub(crate) const OTHER_PIN: &str = "5550123";

/// The card behind a reader, while it is this test's turn.
#[derive(Debug)]
pub(crate) struct Real {
    pub(crate) reader: String,
    /// The reference of its keys, with the number of their set.
    pub(crate) key: String,
    _turn: MutexGuard<'static, ()>,
}

impl Real {
    /// Waits for the turn, and for the person's word.
    ///
    /// # Panics
    /// Where CARD_KEY is missing or no good, and where nobody agreed. Nothing has been changed then.
    pub(crate) fn wait_for_turn(reader: &str) -> Self {
        // A test that failed has put things right, or said what it could not.
        let turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
        let key = key();
        let real = Self { reader: reader.to_owned(), key: key.clone().unwrap_or_default(), _turn: turn };
        let agreed = AGREED.get_or_init(|| key.map_err(str::to_owned).and_then(|_| real.ask()));
        if let Err(why) = agreed {
            panic!("{why}. Nothing on the card was changed");
        }
        real
    }

    /// The program as it is, with the person's own journal: it knows the card's counters and failed authentications.
    pub(crate) fn run(&self, mut plain: Command) -> Outcome {
        plain.env_remove("CARDWRIGHT_STATE_DIR");
        for name in ["HOME", "XDG_STATE_HOME", "XDG_CONFIG_HOME"] {
            match std::env::var_os(name) {
                Some(value) => plain.env(name, value),
                None => plain.env_remove(name),
            };
        }
        finish(plain.spawn().expect("the program starts"))
    }

    /// Lists what will change, and waits for a yes.
    fn ask(&self) -> Result<(), String> {
        say(&self.list());
        if std::env::var("CARD_CONFIRM").is_ok_and(|word| word == "yes") {
            return Ok(());
        }
        say("Type yes to go on: ");
        let mut line = String::new();
        let read = std::io::stdin().read_line(&mut line);
        if read.is_ok() && line.trim() == "yes" { Ok(()) } else { Err("nobody said yes".to_owned()) }
    }

    /// Everything that the suite will change on this card. Asks the card in clear only.
    fn list(&self) -> String {
        let desk = Desk::new();
        let ask = |args: &[&str]| {
            let mut plain = desk.command(args);
            plain.env("CARDWRIGHT_READER", format!("pcsc:{}", self.reader));
            self.run(plain)
        };
        let info = ask(&["info", "--json"]).expect(0).json();
        let custodian = ask(&["custodian", "info", "--json"]);
        let custodian = (custodian.code() == 0).then(|| custodian.json());
        let key = &self.key;
        let mut list = format!("On the card in reader {}, opened with {key}, this is going to change:\n", self.reader);
        let mut line = |text: &str| list.extend([text, "\n"]);
        line(&format!("- sequence counters: that of the set in CARD_KEY goes on by {COUNTS} at most"));
        line(
            "- tries: none where all is well; one of the set in CARD_KEY, should the card refuse the host's cryptogram. \
             cardwright authenticates no more then",
        );
        match keys_offered(key, &info) {
            Ok(()) => {
                let kvn = free_kvn(&info);
                let delete = format!("80E4000003D201{}", &kvn[2..]);
                line(&format!("- key set {kvn}: added, replaced and deleted, with keys that only this run knows"));
                line(&format!("  should this be killed, `cardwright apdu --secure {key} {delete}` deletes it"));
            }
            Err(why) => line(&format!("- key sets: none ({why})")),
        }
        match custodian_offered(&info, custodian.as_ref()) {
            Ok(()) => {
                line(&format!(
                    "- custodian applet: gets the PIN {PIN}, then {OTHER_PIN}, and wrong ones, one at a time"
                ));
                line(
                    "  shares are stored in host and in blind mode, read and wiped; at the end share and PIN are wiped",
                );
                line(&format!("  should this be killed, `cardwright custodian wipe --all --key {key}` does that"));
            }
            Err(why) => line(&format!("- custodian applet: nothing ({why})")),
        }
        line("Afterwards it has the key sets, the PIN and the share that it has now. Only counters have moved.");
        list
    }
}

/// CARD_KEY, if it can be used: no key is a default for a card of worth, and each run of the program reads it anew.
fn key() -> Result<String, &'static str> {
    let key = std::env::var("CARD_KEY").map_err(|_| {
        "CARD_KEY is not set: it names the card's keys, as file:/PATH@KVN or gp-test@KVN. No keys are tried on a real card \
         that nobody named"
    })?;
    let (reference, kvn) =
        key.rsplit_once('@').ok_or("CARD_KEY wants the number of the key set, as in gp-test@0x30")?;
    let place = reference.rsplit('+').next().unwrap_or_default();
    if kvn.is_empty() || place != "gp-test" && !place.starts_with("file:/") {
        return Err("CARD_KEY is gp-test or file: with a path from the root, with @KVN behind");
    }
    Ok(key)
}

/// The numbers of the card's key sets, as `info` writes them.
pub(crate) fn sets(info: &Value) -> Vec<String> {
    let keys = info["keys"].as_array().map(Vec::as_slice).unwrap_or_default();
    keys.iter().filter_map(|key| Some(key["kvn"].as_str()?.to_owned())).collect()
}

/// Whether a set can be added and deleted again.
pub(crate) fn keys_offered(key: &str, info: &Value) -> Result<(), &'static str> {
    if sets(info).is_empty() {
        return Err("the card does not say which key sets it has");
    }
    let kvn = key.rsplit('@').next().unwrap_or_default().to_ascii_lowercase();
    if kvn == "0xff" || kvn == "255" || sets(info).iter().any(|kvn| kvn == "0xFF") {
        return Err("the card has its initial keys, 0xFF: the first set that is added replaces them for good");
    }
    Ok(())
}

/// Whether the custodian applet is there, usable and as new; `state` is what it said.
pub(crate) fn custodian_offered(info: &Value, state: Option<&Value>) -> Result<(), &'static str> {
    let Some(state) = state else { return Err("the card has no custodian applet") };
    if !levels(info).contains(&(0x33, true)) {
        return Err("the card does not offer level 33");
    }
    if state["pin"] != false || !state["share"].is_null() {
        return Err("it has a PIN or a share, which are not the suite's to destroy");
    }
    Ok(())
}
