//! Which chip a card is: a list tells it, or the card is asked; and in its session it has to be that one.

use super::{
    AGAIN, Book, KVN, PUT_KEY, RUN, all_made, attempts, balance, blank, desk, job, of_listed, put, registry, together,
};
use cardwright_keys::job::RecordState;
use cardwright_keys::journal::CardId;
use cardwright_link::VirtualCard;
use cardwright_registry::Registry;
use cardwright_tests::altered::Altered;
use cardwright_tests::cli::Desk;

/// As a list names its chips, and as they are counted.
const NAMED: [u8; 7] = [0xA4, 0x50, 0x82, 0xD8, 0x50, 0x82, 0xCA];
const ASKED: [u8; 8] = [0xA4, 0xCA, 0x50, 0x82, 0xD8, 0x50, 0x82, 0xCA];

/// Through a run that has to go well; what the card carried out.
#[track_caller]
fn made(desk: &Desk, card: VirtualCard) -> Vec<u8> {
    let mut chip = Book::new(card);
    desk.run_with(&mut chip, &RUN).expect(0);
    chip.sent()
}

/// The plain commands that the plan shows.
fn planned(desk: &Desk) -> Vec<u8> {
    let plan = desk.run(&["--json", "batch", "plan", "job.toml"]).expect(0).json();
    let commands = plan["commands"].as_array().expect("commands").iter();
    let ins = |text: &str| u8::from_str_radix(&text[3..5], 16).expect("INS");
    commands.map(|command| ins(command.as_str().expect("text"))).collect()
}

#[test]
fn seven_commands_where_a_list_names_the_chips() {
    let desk = of_listed(&[blank(1).1], "");
    assert_eq!(planned(&desk), NAMED);
    assert_eq!(made(&desk, blank(1).0), NAMED);
    all_made(&desk, 1, "listed with its chip");
}

#[test]
fn counted_cards_are_asked() {
    let desk = desk(&job(1, ""));
    assert_eq!(planned(&desk), ASKED);
    assert_eq!(made(&desk, blank(1).0), ASKED);
    all_made(&desk, 1, "counted");
}

#[test]
fn cards_that_are_listed_by_their_kdd_are_asked() {
    let desk = of_listed(&[blank(1).1[..20].to_owned()], "");
    assert_eq!(planned(&desk), ASKED);
    assert_eq!(made(&desk, blank(1).0), ASKED);
    all_made(&desk, 1, "listed by its KDD");
    assert_eq!(attempts(&registry(&desk))[0].card.0, blank(1).1);
}

/// A vendor that gives all cards of a box one KDD.
#[test]
fn chips_of_one_kdd_are_asked() {
    let twin = |serial: usize| {
        let card = VirtualCard::from_profile(&format!("kdd={},serial={serial:08X}", "55".repeat(10))).expect("a card");
        (card, format!("{}{}", "55".repeat(10), &blank(serial).1[20..]))
    };
    let desk = of_listed(&[twin(1).1, twin(2).1], "");
    assert_eq!(planned(&desk), ASKED);
    let [(mut one, _), (mut other, _)] = [twin(1), twin(2)];
    together(&desk, &RUN, &mut [&mut other, &mut one]).expect(0);
    all_made(&desk, 2, "of one KDD");
    let names: Vec<_> = attempts(&registry(&desk)).into_iter().map(|one| (one.record, one.card.0)).collect();
    assert_eq!(names, [(1, twin(1).1), (2, twin(2).1)]);
}

#[test]
fn a_card_that_no_list_has_is_put_aside() {
    let desk = of_listed(&[blank(1).1], "");
    let (mut stranger, mut listed) = (Book::new(blank(3).0), blank(1).0);
    let run = together(&desk, &RUN, &mut [&mut stranger, &mut listed]).expect(0);
    assert!(
        run.stderr.contains(&blank(3).1) && run.stderr.contains("no delivery of the job expects this card"),
        "{run:#?}"
    );
    assert_eq!(stranger.done, [(0xA4, 0x9000), (0x50, 0x9000), (0xCA, 0x9000)]);
    all_made(&desk, 1, "put aside");
}

/// The KDD is the listed card's, the chip is not: seen in the session, before the card gets anything besides keys.
#[test]
fn another_chip_with_a_listed_kdd_is_rejected() {
    let data = "[data]\nfile = \"data.jsonl\"\n[finish]\nstate = \"secured\"\n";
    let desk = of_listed(&[blank(1).1], data);
    put(&desk, "data.jsonl", format!("{{\"card\":\"{}\",\"dgi\":{{\"0101\":\"5F1C00\"}}}}\n", blank(1).1));
    let copy = VirtualCard::from_profile(&format!("kdd={},serial=00000009", &blank(1).1[..20])).expect("a card");
    let mut copy = Book::new(copy);
    let run = desk.run_with(&mut copy, &RUN);
    let told = format!("{}{}", &blank(1).1[..20], &blank(9).1[20..]);
    assert!(run.stderr.contains("another chip in its session") && run.stderr.contains(&told), "{run:#?}");
    assert_eq!(copy.sent(), NAMED, "neither data nor life cycle");
    assert_eq!(copy.done(PUT_KEY), 1);
    assert_eq!(balance(&desk).state(RecordState::Rejected), 1);
    let attempt = attempts(&registry(&desk)).remove(0);
    assert!(attempt.reason.contains(&told), "{attempt:?}");
    let facts = registry(&desk).card(&CardId(told)).expect("an answer").expect("it is on record");
    assert_eq!(facts.entry.sets.iter().map(|set| set.set.kvn).collect::<Vec<_>>(), [KVN], "with the keys that it got");
}

/// The card of the first job has the KDD that the second one's list has for another chip.
#[test]
fn a_chip_of_another_job_is_asked_and_put_aside() {
    let desk = of_listed(&[blank(1).1], "");
    made(&desk, blank(1).0);
    let text = std::fs::read_to_string(desk.path().join("job.toml")).expect("a job");
    put(&desk, "job.toml", text.replace("\"trial\"", "\"second\"").replace("box.csv", "more.csv"));
    let listed = |serial: usize| format!("{}{}", &blank(1).1[..20], &blank(serial).1[20..]);
    put(&desk, "more.csv", format!("card\n{}\n", listed(9)));
    let mut chips = [1, 9].map(|serial| {
        let profile = format!("kdd={},serial={serial:08X}", &blank(1).1[..20]);
        Book::new(VirtualCard::from_profile(&profile).expect("a card"))
    });
    let [made, meant] = &mut chips;
    let run = together(&desk, &RUN, &mut [made, meant]).expect(0);
    assert!(run.stderr.contains("no delivery of the job expects this card"), "{run:#?}");
    assert_eq!(chips[0].sent(), [0xA4, 0x50, 0xCA]);
    assert_eq!(chips[1].sent()[..4], [0xA4, 0x50, 0xCA, 0x50], "the listed one is asked, too");
    assert_eq!(chips[1].done(PUT_KEY), 1);
}

/// Whoever answers when the chip has been asked is whoever answered before.
#[test]
fn another_card_behind_the_question() {
    let desk = of_listed(&[blank(1).1], "");
    made(&desk, blank(1).0);
    let (name, spare) = (blank(1).1, blank(3).1[..20].to_owned());
    desk.run(&["batch", "reject", "trial", &name, "--reason", "scratched"]).expect(0);
    desk.run(&["batch", "reject", "trial", &name, "--fate", "quarantined", "--reason", "broken"]).expect(0);
    desk.run(&["batch", "remake", "trial", &name, "--spare", &spare, "--reason", "broken"]).expect(0);
    let mut answers = 0;
    let other = Altered::new(blank(3).0, move |command, answer| {
        answers += usize::from(command[1] == 0x50 && answer.len() > 20);
        if command[1] == 0x50 && answers == 2 {
            // The public keys are those of every KDD.
            answer[9] ^= 1;
        }
    });
    let mut other = Book::new(other);
    let run = together(&desk, &AGAIN, &mut [&mut other, &mut blank(3).0]).expect(0);
    assert!(run.stderr.contains("did a moment ago"), "{run:#?}");
    assert_eq!(other.sent(), [0xA4, 0x50, 0xCA, 0x50]);
}

/// Whichever list has it.
#[test]
fn one_kdd_in_two_lists_is_asked() {
    let desk = of_listed(&[blank(1).1], "[[delivery]]\nname = \"more\"\nkey = \"gp-test@0xFF\"\nfile = \"more.csv\"\n");
    put(&desk, "more.csv", format!("card\n{}\n", blank(2).1));
    assert_eq!(planned(&desk), NAMED);
    put(&desk, "more.csv", format!("card\n{}{}\n", &blank(1).1[..20], &blank(2).1[20..]));
    assert_eq!(planned(&desk), ASKED);
}

/// A chip that takes a listed card's place is known by its KDD, too; the card that it takes it from is not any more.
#[test]
fn a_spare_takes_the_listed_cards_place() {
    let desk = of_listed(&[blank(1).1], "");
    made(&desk, blank(1).0);
    let (name, spare) = (blank(1).1, blank(2).1);
    desk.run(&["batch", "reject", "trial", &name, "--reason", "scratched"]).expect(0);
    desk.run(&["batch", "reject", "trial", &name, "--fate", "quarantined", "--reason", "broken"]).expect(0);
    desk.run(&["batch", "remake", "trial", &name, "--spare", &spare, "--reason", "broken"]).expect(0);
    let [mut back, mut chip] = [1, 2].map(|serial| Book::new(blank(serial).0));
    let run = together(&desk, &RUN, &mut [&mut back, &mut chip]).expect(0);
    assert!(run.stderr.contains("has or waits for another one"), "{run:#?}");
    assert_eq!([back, chip].map(|chip| chip.sent()), [vec![0xA4, 0x50, 0xCA], NAMED.to_vec()]);
    all_made(&desk, 1, "a spare");
}

/// A card whose CPLC can be read in a session alone.
fn discreet() -> Altered<VirtualCard> {
    Altered::new(blank(1).0, |command, answer| {
        if command.starts_with(&[0x80, 0xCA, 0x9F, 0x7F]) {
            *answer = vec![0x6A, 0x88];
        }
    })
}

#[test]
fn a_chip_that_is_told_in_the_session_alone() {
    let desk = of_listed(&[blank(1).1[..20].to_owned()], "");
    desk.run_with(&mut discreet(), &RUN).expect(0);
    all_made(&desk, 1, "told in the session alone");
}

/// Something is on record of the chip that it turns out to be: whose card it is, is not known any more.
#[test]
fn a_known_chip_that_hides_before_the_session() {
    let desk = of_listed(&[blank(1).1[..20].to_owned()], "");
    desk.key_file("vendor.hex", super::NEW);
    let mut card = discreet();
    card.alter_by(|_, _| {});
    let put = ["card", "keys", "put", "--key", "gp-test", "--new", "kdf3+file:vendor.hex", "--kvn", "0x20"];
    desk.run_with(&mut card, &put).expect(0);
    let job = std::fs::read_to_string(desk.path().join("job.toml")).expect("a job");
    desk.key_file("new.hex", "2B7E151628AED2A6ABF7158809CF4F3C");
    super::put(&desk, "job.toml", job.replace("gp-test@0xFF", "kdf3+file:vendor.hex@0x20"));
    card.alter_by(|command, answer| {
        if command.starts_with(&[0x80, 0xCA, 0x9F, 0x7F]) {
            *answer = vec![0x6A, 0x88];
        }
    });
    let outcome = desk.run_with(&mut card, &RUN);
    assert!(outcome.stderr.contains("another chip in its session"), "{outcome:#?}");
    assert_eq!(balance(&desk).state(RecordState::Rejected), 1);
}
