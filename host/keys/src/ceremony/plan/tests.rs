use super::{CardRole, CeremonyMode, MAX_LEN, PersonRole, Plan, PlanError};
use crate::custody::hash::sha256;
use cardwright_proto::custody::manifest::{Operation, Place};
use cardwright_proto::custody::share::{KeyType, Scheme, ShareError};

/// 2 of 3, blind.
fn text() -> String {
    Plan::example(Scheme::Shamir, 2, 3).unwrap()
}

/// What becomes of the example with something else in place of its first `from`.
fn with(from: &str, to: &str) -> Result<Plan, PlanError> {
    let text = text();
    assert!(text.contains(from), "{from:?} is in the example");
    Plan::parse(text.replacen(from, to, 1).as_bytes())
}

fn refused(from: &str, to: &str) -> PlanError {
    with(from, to).unwrap_err()
}

/// Host mode: custodians' cards only.
fn host(custodians: u8, quorum: &str) -> String {
    let (mut people, mut cards) = (String::new(), String::new());
    for x in 1..=custodians {
        people += &format!("[[person]]\nname = \"P{x}\"\nrole = \"custodian\"\n");
        cards += &format!("[[card]]\nlabel = \"C{x}\"\nrole = \"custodian\"\nholder = \"P{x}\"\n");
    }
    format!(
        "format = 1\ntitle = \"T\"\nmode = \"host\"\nsteps = [\"deal\"]\napplet = \"{}\"\n[key]\nname = \"K\"\n\
         type = \"3des\"\nbits = 192\nusage = 0\n[quorum]\n{quorum}\n[[person]]\nname = \"W\"\nrole = \"witness\"\n{people}{cards}",
        "0A".repeat(32)
    )
}

fn card(label: &str, role: &str, holder: &str) -> String {
    format!("[[card]]\nlabel = \"{label}\"\nrole = \"{role}\"\nholder = \"{holder}\"\n")
}

#[test]
fn the_example_is_a_plan_for_all_numbers() {
    let mut plans = 0;
    for n in 2..=10 {
        for (scheme, m) in (2..=n).map(|m| (Scheme::Shamir, m)).chain([(Scheme::Xor, n)]) {
            let text = Plan::example(scheme, m, n).unwrap();
            let plan = Plan::parse(text.as_bytes()).unwrap();
            assert_eq!((plan.scheme, plan.m, plan.n(), plan.mode), (scheme, m, n, CeremonyMode::Blind));
            assert_eq!(plan.waiver.is_some(), scheme == Scheme::Xor);
            plans += 1;
        }
    }
    assert_eq!(plans, 54);
    assert!(matches!(Plan::example(Scheme::Shamir, 4, 3), Err(PlanError::Quorum { m: 4, n: 3, .. })));
    assert!(matches!(Plan::example(Scheme::Xor, 2, 3), Err(PlanError::Quorum { m: 2, n: 3, .. })));
    let cards = |found| PlanError::Cards { role: CardRole::Custodian, found };
    assert_eq!(Plan::example(Scheme::Shamir, 2, 11), Err(cards(11)));
    assert_eq!(Plan::example(Scheme::Shamir, 1, 1), Err(cards(1)));
    assert_eq!(Plan::example(Scheme::Shamir, 0, 0), Err(cards(0)));
}

#[test]
fn all_of_a_plan_is_read() {
    let plan = with("label = \"C2\"\n", "label = \"C2\"\nidentity = \"00112233445566FF\"\n").unwrap();
    assert_eq!((plan.title.as_str(), plan.key.name.as_str()), ("Master key, first issue", "Issuer master key"));
    assert_eq!((plan.key.key_type, plan.key.key_length, plan.key.usage), (KeyType::Aes, 32, 12));
    assert_eq!(plan.steps, [Operation::Deal, Operation::Drill, Operation::Release, Operation::Destroy]);
    assert_eq!(plan.people.len(), 6);
    assert_eq!(plan.ca().unwrap().label, "CA");
    let label = |place| plan.card(place).map(|card| card.label.as_str());
    assert_eq!(label(Place::Dealer), Some("D"));
    assert_eq!(label(Place::Combiner), Some("R"));
    assert_eq!([1, 3, 4, 0].map(|x| label(Place::Custodian(x))), [Some("C1"), Some("C3"), None, None]);
    assert_eq!(label(Place::Hsm), None);
    assert_eq!(plan.card(Place::Custodian(2)).unwrap().identity, Some([0, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0xFF]));
    let revoked = format!("\n[[revoked]]\ncertificate = \"{}\"\nreason = \"lost\"\n", "5A".repeat(32));
    let plan = Plan::parse((text() + &revoked).as_bytes()).unwrap();
    assert_eq!((plan.revoked[0].certificate, plan.revoked[0].reason.as_str()), ([0x5A; 32], "lost"));
}

#[test]
fn the_hash_is_over_the_files_bytes() {
    let text = text();
    let plan = Plan::parse(text.as_bytes()).unwrap();
    assert_eq!(plan.hash(), sha256(&[text.as_bytes()]));
    assert_eq!(plan.source(), text.as_bytes());
    let commented = Plan::parse((text.clone() + "# one more comment\n").as_bytes()).unwrap();
    assert_ne!(commented.hash(), plan.hash());
}

#[test]
fn a_plan_without_a_ca_is_for_a_test_ca() {
    let plan = with(&card("CA", "ca", "Administrator 1"), "").unwrap();
    assert_eq!(plan.ca(), None);
}

#[test]
fn host_mode_has_cards_for_custodians_or_none() {
    let plan = Plan::parse(host(3, "scheme = \"shamir\"\nm = 2").as_bytes()).unwrap();
    assert_eq!((plan.mode, plan.n(), plan.key.key_length), (CeremonyMode::Host, 3, 24));
    let plan = Plan::parse(host(0, "scheme = \"shamir\"\nm = 2\nn = 16").as_bytes()).unwrap();
    assert_eq!((plan.n(), plan.card(Place::Custodian(1))), (16, None));
    let with_person = host(0, "scheme = \"shamir\"\nm = 2\nn = 3") + "[[person]]\nname = \"P\"\nrole = \"custodian\"\n";
    assert!(Plan::parse(with_person.as_bytes()).is_ok(), "shares go to files");
    let without = Plan::parse(host(0, "scheme = \"shamir\"\nm = 2").as_bytes());
    assert_eq!(without, Err(PlanError::NoCount));
    let other = host(2, "scheme = \"shamir\"\nm = 2\nn = 3");
    assert_eq!(Plan::parse(other.as_bytes()), Err(PlanError::Count { n: 3, cards: 2 }));
    let people = "[[person]]\nname = \"A\"\nrole = \"administrator\"\n";
    let dealer = host(2, "scheme = \"shamir\"\nm = 2") + people + &card("D", "dealer", "A");
    let label = "D".to_owned();
    assert_eq!(Plan::parse(dealer.as_bytes()), Err(PlanError::HostCard { label, role: CardRole::Dealer }));
}

#[test]
fn the_form_is_kept() {
    assert_eq!(refused("format = 1", "format = 2"), PlanError::Format(2));
    let long = text() + &"#".repeat(MAX_LEN);
    assert_eq!(Plan::parse(long.as_bytes()), Err(PlanError::TooLong(long.len())));
    assert_eq!(Plan::parse(b"format = 1\ntitle = \"\xFF\"\n"), Err(PlanError::NotText { line: 2 }));
    let syntax = |error| match error {
        PlanError::Syntax { line, message } => (line, message),
        other => panic!("{other}"),
    };
    let (line, message) = syntax(Plan::parse(b"format = 1\nfoo = 3\n").unwrap_err());
    assert!(line == 2 && message.contains("foo"), "{line}: {message}");
    for (from, to, named) in [
        ("[key]\n", "[key]\nwrong = 1\n", "wrong"),
        ("[quorum]\n", "[quorum]\nk = 1\n", "`k`"),
        ("name = \"Witness 1\"\n", "name = \"Witness 1\"\nage = 40\n", "age"),
        ("label = \"D\"\n", "label = \"D\"\npin = \"1234\"\n", "pin"),
        ("mode = \"blind\"", "mode = \"deaf\"", "deaf"),
        ("\"drill\", ", "\"drown\", ", "drown"),
        ("type = \"aes\"", "type = \"des\"", "des"),
        ("scheme = \"shamir\"", "scheme = \"samir\"", "samir"),
        ("role = \"witness\"", "role = \"wise\"", "wise"),
        ("role = \"dealer\"", "role = \"healer\"", "healer"),
    ] {
        let text = text().replacen(from, to, 1);
        let at = text.lines().position(|line| line.contains(to.trim_end().lines().last().unwrap())).unwrap() + 1;
        let (line, message) = syntax(Plan::parse(text.as_bytes()).unwrap_err());
        assert!(line == at && message.contains(named), "line {line}, and not {at}: {message}");
    }
}

#[test]
fn what_people_read_is_short_and_shows() {
    let text = |what, value: &str, max| PlanError::Text { what, value: value.to_owned(), max };
    let title = "\"Master key, first issue\"";
    assert_eq!(refused(title, "\"\""), text("the title", "", 100));
    let long = "x".repeat(101);
    assert_eq!(refused(title, &format!("\"{long}\"")), text("the title", &long, 100));
    assert!(with(title, &format!("\"{}\"", "é".repeat(100))).is_ok(), "characters are counted");
    assert_eq!(refused("\"Issuer master key\"", "\" key\""), text("the key's name", " key", 64));
    let selectors = ['\u{FE00}', '\u{FE0E}', '\u{FE0F}', '\u{E0100}'];
    let hidden = ['\u{7}', '\u{7F}', '\u{85}', '\u{200B}', '\u{202E}', '\u{2066}', '\u{FEFF}', '\u{FFF9}', '\u{E0041}'];
    for hidden in hidden.into_iter().chain(selectors) {
        let name = format!("A{hidden}B");
        let written = format!("name = \"A\\U{:08X}B\"", u32::from(hidden));
        assert_eq!(refused("name = \"Witness 1\"", &written), text("the name", &name, 64));
    }
    for wide in ["A  B", "A \u{A0}B"] {
        assert_eq!(refused("name = \"Witness 1\"", &format!("name = \"{wide}\"")), text("the name", wide, 64));
    }
    let said = text("the name", "A  B", 64).to_string();
    assert_eq!(
        said,
        "the name \"A  B\" has to be 1 to 64 characters that show, with single spaces, and none around them"
    );
    let revoked = |reason: &str| format!("[[revoked]]\ncertificate = \"{}\"\nreason = \"{reason}\"\n", "00".repeat(32));
    let plan = super::tests::text() + &revoked("");
    assert_eq!(Plan::parse(plan.as_bytes()), Err(text("the reason", "", 100)));
    let xor = Plan::example(Scheme::Xor, 3, 3).unwrap();
    let empty = xor.replace("There is an m-of-n backup elsewhere.", "");
    assert_eq!(Plan::parse(empty.as_bytes()), Err(text("the waiver", "", 500)));
    for label in ["", "a b", "a=b", "é", "12345678901234567"] {
        assert_eq!(refused("label = \"D\"", &format!("label = \"{label}\"")), PlanError::Label(label.to_owned()));
    }
    assert!(with("label = \"D\"", "label = \"Dealer-1_a.16-xx\"").is_ok());
}

#[test]
fn bytes_are_as_many_as_they_have_to_be() {
    let hex = |what, value: &str, bytes| PlanError::Hex { what, value: value.to_owned(), bytes };
    let zeros = "00".repeat(32);
    let short = "00".repeat(31);
    assert_eq!(refused(&zeros, &short), hex("the applet's hash", &short, 32));
    let identity = "label = \"D\"\nidentity = \"0011\"";
    assert_eq!(refused("label = \"D\"", identity), hex("the card's identity", "0011", 8));
    let plan = text() + "[[revoked]]\ncertificate = \"xy\"\nreason = \"lost\"\n";
    assert_eq!(Plan::parse(plan.as_bytes()), Err(hex("the certificate's hash", "xy", 32)));
}

#[test]
fn a_key_has_bits_of_its_type() {
    for bits in [0, 64, 127, 512] {
        assert_eq!(refused("bits = 256", &format!("bits = {bits}")), PlanError::Bits { key_type: KeyType::Aes, bits });
    }
    for (bits, length) in [(128, 16), (192, 24)] {
        assert_eq!(with("bits = 256", &format!("bits = {bits}")).unwrap().key.key_length, length);
    }
    let triple = refused("type = \"aes\"", "type = \"3des\"");
    assert_eq!(triple, PlanError::Bits { key_type: KeyType::TripleDes, bits: 256 });
    assert_eq!(triple.to_string(), "no 3DES key has 256 bits");
}

#[test]
fn steps_begin_with_the_deal_and_are_there_once() {
    let steps = "[\"deal\", \"drill\", \"release\", \"destroy\"]";
    assert_eq!(refused(steps, "[]"), PlanError::NoSteps);
    assert_eq!(refused(steps, "[\"drill\", \"deal\"]"), PlanError::FirstStep(Operation::Drill));
    let twice = "[\"deal\", \"drill\", \"release\", \"drill\"]";
    assert_eq!(refused(steps, twice), PlanError::StepTwice(Operation::Drill));
    assert_eq!(with(steps, "[\"deal\"]").unwrap().steps, [Operation::Deal]);
}

#[test]
fn everybody_is_there_once() {
    let twice = refused("\"Administrator 2\"", "\"Custodian 1\"");
    assert_eq!(twice, PlanError::PersonTwice("Custodian 1".to_owned()));
    // Capitals, and which space it is, make nobody another person.
    for other in ["CUSTODIAN 1", "custodian\u{A0}1"] {
        let twice = refused("\"Administrator 2\"", &format!("\"{other}\""));
        assert!(matches!(twice, PlanError::PersonTwice(_)), "{twice}");
    }
    assert_eq!(refused("role = \"witness\"", "role = \"auditor\""), PlanError::NoWitness);
}

#[test]
fn cards_are_told_apart() {
    assert_eq!(refused("label = \"R\"", "label = \"C3\""), PlanError::LabelTwice("C3".to_owned()));
    let identity = "identity = \"0011223344556677\"\n";
    let text = text().replace("label = \"R\"\n", &format!("label = \"R\"\n{identity}"));
    let text = text.replace("label = \"C2\"\n", &format!("label = \"C2\"\n{identity}"));
    let twice = PlanError::IdentityTwice { first: "R".to_owned(), second: "C2".to_owned() };
    assert_eq!(Plan::parse(text.as_bytes()), Err(twice));
}

#[test]
fn cards_are_held_by_those_who_may() {
    let label = |label: &str| label.to_owned();
    let stranger = PlanError::Stranger { label: label("D"), holder: label("Nobody") };
    let dealer = |holder| card("D", "dealer", holder);
    assert_eq!(refused(&dealer("Administrator 2"), &dealer("Nobody")), stranger);
    for (before, card, holder, role) in [
        (dealer("Administrator 2"), CardRole::Dealer, "Custodian 1", PersonRole::Custodian),
        (card("CA", "ca", "Administrator 1"), CardRole::Ca, "Custodian 2", PersonRole::Custodian),
        (card("R", "combiner", "Administrator 2"), CardRole::Combiner, "Witness 1", PersonRole::Witness),
        (card("C1", "custodian", "Custodian 1"), CardRole::Custodian, "Administrator 1", PersonRole::Administrator),
        (card("C2", "custodian", "Custodian 2"), CardRole::Custodian, "Witness 1", PersonRole::Witness),
    ] {
        let named = before.lines().nth(1).unwrap().split('"').nth(1).unwrap();
        let old = before.lines().nth(3).unwrap();
        let error = refused(&before, &before.replace(old, &format!("holder = \"{holder}\"")));
        let holder = holder.to_owned();
        assert_eq!(error, PlanError::Holder { label: label(named), card, holder, role });
    }
    let auditor = text().replace(
        "role = \"custodian\"\n\n[[person]]\nname = \"Custodian 2\"",
        "role = \"auditor\"\n\n[[person]]\nname = \"Custodian 2\"",
    );
    let error = Plan::parse(auditor.as_bytes()).unwrap_err();
    assert_eq!(error.to_string(), "the card C1 (custodian) is Custodian 1's, who is no custodian but an auditor");
}

#[test]
fn no_person_counts_twice() {
    let other = card("C2", "custodian", "Custodian 1");
    let error = refused(&card("C2", "custodian", "Custodian 2"), &other);
    let (holder, first, second) = ("Custodian 1".to_owned(), "C1".to_owned(), "C2".to_owned());
    assert_eq!(error, PlanError::TwoShares { holder, first, second });
    let error = refused(&card("C2", "custodian", "Custodian 2"), "");
    assert_eq!(error, PlanError::NoShare("Custodian 2".to_owned()));
}

#[test]
fn a_blind_ceremony_has_its_cards() {
    let cards = |role, found| PlanError::Cards { role, found };
    let (ca, dealer, combiner) = (
        card("CA", "ca", "Administrator 1"),
        card("D", "dealer", "Administrator 2"),
        card("R", "combiner", "Administrator 2"),
    );
    let second = |card: &str, label| format!("{card}{}", card.replacen("label = \"", &format!("label = \"{label}"), 1));
    assert_eq!(refused(&ca, &second(&ca, "X")), cards(CardRole::Ca, 2));
    assert_eq!(refused(&dealer, ""), cards(CardRole::Dealer, 0));
    assert_eq!(refused(&dealer, &second(&dealer, "X")), cards(CardRole::Dealer, 2));
    assert_eq!(refused(&combiner, ""), cards(CardRole::Combiner, 0));
    assert_eq!(refused(&combiner, &second(&combiner, "X")), cards(CardRole::Combiner, 2));
}

#[test]
fn a_quorum_is_one_that_there_can_be() {
    let text = "2 to n shares make the secret (m)";
    assert_eq!(refused("\nm = 2", "\nm = 4"), PlanError::Quorum { m: 4, n: 3, source: ShareError::Value(text) });
    assert_eq!(refused("\nm = 2", "\nm = 1"), PlanError::Quorum { m: 1, n: 3, source: ShareError::Value(text) });
    assert_eq!(refused("\nm = 2", "\nm = 2\nn = 4"), PlanError::Count { n: 4, cards: 3 });
    assert!(with("\nm = 2", "\nm = 2\nn = 3").is_ok());
    assert_eq!(refused("\nm = 2", "\nm = 2\nwaiver = \"no\""), PlanError::Waiver);
    let xor = Plan::example(Scheme::Xor, 3, 3).unwrap();
    let without: String =
        xor.lines().filter(|line| !line.starts_with("waiver")).map(|line| format!("{line}\n")).collect();
    assert_eq!(Plan::parse(without.as_bytes()), Err(PlanError::NoWaiver));
}
