//! What a card says about itself, and sessions with it.

use crate::card::{Card, NEW, OWN, S16};
use crate::target::not_here;

const ECHO: &str = "F043574543484F";
/// GET STATUS of the issuer security domain: every card answers that in a session.
const GET_STATUS: &str = "80F28002024F0000";

#[test]
fn a_card_says_what_it_is() {
    let Some(card) = Card::start("what a card says", NEW) else { return };
    let info = card.info();
    let reader = card.reader(0);
    assert!(info["reader"].as_str().is_some_and(|name| reader.contains(name)), "{info}");
    assert!(info["atr"].as_str().is_some_and(|atr| atr.starts_with("3B") || atr.starts_with("3F")), "{info}");
    assert!(info["protocols"].as_array().is_some_and(|list| list.iter().any(|one| one["scp"] == "03")), "{info}");
    if !card.is_real() {
        let key = |id| serde_json::json!({ "kvn": "0xFF", "id": id, "type": "88", "length": 16 });
        assert_eq!(info["keys"], serde_json::json!([key(1), key(2), key(3)]));
        assert_eq!(info["aid"], "A000000151000000");
        assert_eq!(info["protocols"], serde_json::json!([{ "scp": "03", "i": "70" }]));
    }
    let text = card.run(&["info"]).expect(0).stdout;
    assert!(text.ends_with("nothing of this is authenticated\n"), "{text}");
    let missing = card.run(&["apdu", "00A4040005F0000000FF00"]).expect(4);
    assert!(missing.stderr.contains("the card refused: 6A"), "{missing:#?}");
}

#[test]
fn a_session_at_every_level_that_the_card_offers() {
    for words in [OWN, "kvn=0x30,i=20", "kvn=0x30,i=00", S16] {
        let Some(card) = Card::start("sessions at every level", words) else { return };
        let levels = card.levels();
        for &(level, offered) in &levels {
            let level = format!("{level:02X}");
            if offered {
                // Each answer has its MAC, where the level has one, and they are in order.
                let answers = card.secure(0, &level, "", &[GET_STATUS, GET_STATUS]);
                assert!(answers[0].starts_with("E3") && answers[0].ends_with(" 9000"), "{words}, {level}: {answers:?}");
                assert_eq!(answers[0], answers[1]);
            } else {
                let args = ["apdu", "--secure", card.key(), "--level", &level, GET_STATUS];
                let outcome = card.run(&args).expect(2);
                assert!(outcome.stderr.contains("cannot work at security level"), "{words}, {level}: {outcome:#?}");
            }
        }
        assert!(levels.iter().any(|&(_, offered)| offered));
        if card.is_real() {
            // It is what it is.
            return;
        }
    }
}

#[test]
fn data_of_any_length_goes_and_comes_at_every_level() {
    for words in [OWN, S16] {
        let Some(card) = Card::start("data of any length", words) else { return };
        if card.run(&["apdu", &format!("00A4040007{ECHO}00")]).code() != 0 {
            return not_here("data of any length", "the card has no echo applet");
        }
        let echo = |length: usize| {
            let data: String = (0..length).map(|at| format!("{:02X}", at % 251)).collect();
            (format!("80EC0000{}00", if length == 0 { String::new() } else { format!("{length:02X}{data}") }), data)
        };
        let (commands, data): (Vec<_>, Vec<_>) = [0, 1, 15, 16, 17, 127, 128, 200].map(echo).into_iter().unzip();
        let commands: Vec<&str> = commands.iter().map(String::as_str).collect();
        let expected: Vec<String> = data.iter().map(|data| format!("{data} 9000").trim().to_owned()).collect();
        for (level, offered) in card.levels() {
            if offered {
                assert_eq!(card.secure(0, &format!("{level:02X}"), ECHO, &commands), expected, "{words}, {level:02X}");
            }
        }
        // A refusal does not end the session.
        let answers = card.secure(4, "33", ECHO, &["80EC6A8001AA00", "80EC000001BB00"]);
        assert_eq!(answers, ["6A80", "BB 9000"]);
        if card.is_real() {
            return;
        }
    }
}

#[test]
fn wrong_keys_are_noticed_before_anything_is_sent() {
    let Some(card) = Card::start("wrong keys", "kvn=0x30,tries=1") else { return };
    let wrong = card.desk.key_file("wrong.hex", "0F1E2D3C4B5A69788796A5B4C3D2E1F0");
    let kvn = card.key().rsplit('@').next().expect("a set");
    let wrong = format!("{wrong}@{kvn}");
    for _ in 0..2 {
        let outcome = card.run(&["-vv", "apdu", "--secure", &wrong, GET_STATUS]).expect(5);
        assert!(outcome.stderr.contains("nothing was sent after INITIALIZE UPDATE"), "{outcome:#?}");
        assert!(outcome.stderr.contains("> 80 50"), "the trace is there: {outcome:#?}");
        assert!(!outcome.stderr.contains("> 84 82"), "{outcome:#?}");
        let outcome = card.run(&["card", "keys", "check", "--json", "--key", &wrong]).expect(5);
        assert_eq!(outcome.json()["candidates"][0]["match"], false);
    }
    // There was one try, and it is still there.
    let both = card.run(&["card", "keys", "check", "--json", "--key", &wrong, "--key", card.key()]).expect(0).json();
    assert_eq!(
        both["candidates"].as_array().map(|list| list.iter().filter(|one| one["match"] == true).count()),
        Some(1)
    );
    card.run(&["apdu", "--secure", card.key(), GET_STATUS]).expect(0);
}

#[test]
fn two_cards_are_two() {
    let Some(card) = Card::start_virtual("two cards", NEW) else { return };
    let asked = [&["info", "--json"][..], &["custodian", "info", "--json"]];
    let [info, custodian] = asked.map(|args| [0, 1].map(|index| card.run_on(index, args).expect(0).json()));
    for name in ["cplc", "cin", "kdd"] {
        assert!(info[0][name].is_string(), "{info:?}");
        assert_ne!(info[0][name], info[1][name], "{name}");
    }
    assert_ne!(custodian[0]["identity"], custodian[1]["identity"]);
    // What is done to one is not done to the other.
    let pin = card.desk.key_file("pin", "4829");
    card.run_on(1, &["custodian", "pin", "set", "--new", &pin, "--key", card.key()]).expect(0);
    let now = [0, 1].map(|index| card.run_on(index, asked[1]).expect(0).json());
    assert_eq!((&now[0], &now[1]["pin"]), (&custodian[0], &true.into()));
    assert_eq!(now[1]["identity"], custodian[1]["identity"]);
    // Nor do they answer the same challenge in the same way: 8 bytes of it.
    let initialize = "8050000008010203040506070800";
    let challenges = [0, 1].map(|index| card.run_on(index, &["apdu", initialize]).expect(0).stdout);
    assert_ne!(challenges[0], challenges[1]);
}
