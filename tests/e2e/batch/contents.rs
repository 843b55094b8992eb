//! What cards get besides keys: data, some of it sealed; the old set's end; their life cycle state. And that nothing secret of
//! it is left anywhere but on the cards: not in files, and not in the program when the next card is in the reader.

use super::{NEW, PATIENCE, PUT_KEY, attempts, keys_of, of_delivery, put, registry};
use crate::secrets::{Canary, Exchange, TEST, assert_none, core_of, found, session_keys};
use cardwright_link::feeder::make_deck;
use cardwright_link::vpcd::{Stop, serve};
use cardwright_link::{SmartCard, VirtualCard};
use cardwright_proto::gp::get_status::{GetStatus, Scope};
use cardwright_proto::scp::Mode;
use cardwright_tests::altered::{Altered, InProcess};
use cardwright_tests::cli::{Desk, Listening, Outcome};
use cardwright_tests::host::{Host, Keys};
use sha2::{Digest, Sha256};
use std::path::{Path, PathBuf};
use std::sync::mpsc::channel;

const SELECT: u8 = 0xA4;
const STORE_DATA: u8 = 0xE2;

const CONFIG: &str = "[vault.office]\ntype = \"soft\"\nfile = \"office.vault\"\npassphrase = \"file:pass\"\n";
const PASSPHRASE: &str = "nine brown owls under a bridge";
const SEALING: &str = "6A1F0C93D8E7B254A1905EFC38D2476B0D9EC1524F87A3B6E01C5D79428F6BA3";
const CARDS: u32 = 3;
const CLEAR: [u8; 3] = [0x5F, 0x1C, 0x07];
const SECURED: u8 = 0x0F;

/// The value that is sealed, another one for each card: long enough for a second block.
fn secret(card: u32) -> Vec<u8> {
    (0..300_u32)
        .map(|at| Sha256::digest([card.to_be_bytes(), (at / 32).to_be_bytes()].concat())[at as usize % 32])
        .collect()
}

/// The first 10 bytes of a card's name.
fn kdd(card: u32) -> [u8; 10] {
    let mut kdd = [0; 10];
    kdd[..4].copy_from_slice(b"CWRT");
    kdd[6..].copy_from_slice(&card.to_be_bytes());
    kdd
}

/// What nobody may have of a card: its keys, and any 16 bytes of its sealed field.
fn of_card(card: u32) -> Vec<Canary> {
    let Keys(keys) = keys_of(&kdd(card));
    let keys = [("ENC", keys.enc), ("MAC", keys.mac), ("DEK", keys.dek)];
    let keys = keys.map(|(name, key)| Canary::new(format!("{name} of card {card}"), &key));
    let secret = secret(card);
    let parts = secret.chunks_exact(16).map(|part| Canary::new(format!("data of card {card}"), part));
    keys.into_iter().chain(parts).collect()
}

/// A row of the data file in clear.
fn row(name: Option<&str>, card: u32) -> String {
    let card_member = name.map_or(String::new(), |name| format!("\"card\":\"{name}\","));
    let (clear, secret) = (hex::encode_upper(CLEAR), hex::encode_upper(secret(card)));
    format!("{{{card_member}\"dgi\":{{\"0101\":\"{clear}\",\"8201\":\"{secret}\"}}}}\n")
}

fn run(desk: &Desk, args: &[&str]) -> Outcome {
    desk.run(&[&["--config", "cardwright.toml", "-vvv"], args].concat())
}

/// A desk with a vault that has the key for sealed fields, a deck of cards with set 0x21, their list, and sealed data. What
/// was said on the way.
fn ready(by_card: bool) -> (Desk, Vec<Outcome>) {
    let more = "[data]\nfile = \"data.jsonl\"\nkey = \"vault:office/job\"\n[finish]\nstate = \"secured\"\n";
    let delivery = if by_card { "file = \"box.csv\"".to_owned() } else { format!("count = {CARDS}") };
    let job = of_delivery(&delivery, more).replace("gp-test@0xFF", "gp-test@0x21");
    let desk = super::desk(&job.replace("[[delivery]]", "retire = true\n[[delivery]]"));
    put(&desk, "cardwright.toml", CONFIG);
    desk.key_file("pass", PASSPHRASE);
    desk.key_file("sealing.hex", SEALING);
    let names = make_deck(&desk.path().join("deck"), CARDS, "kvn=0x21", 1).expect("a deck");
    put(&desk, "box.csv", names.iter().fold("card\n".to_owned(), |list, name| format!("{list}{name}\n")));
    let rows = names.iter().zip(1..).map(|(name, card)| row(by_card.then_some(&*name.0), card));
    put(&desk, "clear.jsonl", rows.collect::<String>());
    let import =
        ["key", "import", "vault:office/job", "--from", "file:sealing.hex", "--type", "aes256", "--purpose", "enc"];
    let said = [
        &["vault", "create", "office", "--memory", "19", "--passes", "2"][..],
        &import,
        &["batch", "seal", "job.toml", "--dgi", "8201", "--from", "clear.jsonl"],
    ];
    let said = said.map(|args| run(&desk, args).expect(0)).into();
    (desk, said)
}

fn run_job(desk: &Desk) -> Outcome {
    let deck = format!("sim:deck={}", desk.path().join("deck").display());
    run(desk, &["batch", "run", "job.toml", "--on", &deck])
}

fn card(desk: &Desk, number: u32) -> VirtualCard {
    let state = desk.path().join(format!("deck/{number:08X}.card"));
    VirtualCard::from_profile(&format!("state={}", state.display())).expect("a card")
}

/// It has the data, the new keys alone, and is secured.
#[track_caller]
fn is_whole(desk: &Desk, number: u32) {
    let mut host = Host::new(InProcess(card(desk, number)));
    host.reset().expect("power");
    let secret = secret(number);
    let len = u16::try_from(secret.len()).expect("short").to_be_bytes();
    let all = [&[0x01, 0x01, 3], &CLEAR[..], &[0x82, 0x01, 0xFF], &len, &secret].concat();
    let (told, sw) = host.hex("80CAFF4000");
    let wanted = [&[0xFF, 0x40, 0x26, 0x80, 2, 0, 2, 0x81, 0x20][..], &Sha256::digest(&all)].concat();
    assert_eq!((hex::encode(told), sw), (hex::encode(wanted), 0x9000), "card {number}");
    assert!(host.open(&Keys::test(16), 0x21, Mode::S8, 0x33).is_err(), "card {number}: the old set is still there");
    host.open(&keys_of(&kdd(number)), super::KVN, Mode::S8, 0x33).expect("the new keys");
    let status = host.call(&GetStatus { scope: Scope::IssuerSecurityDomain, next: false }).expect("a status");
    assert_eq!(status.entries.first().expect("the domain").life_cycle, SECURED, "card {number}");
}

#[test]
fn data_by_card_and_by_record_then_retired_and_secured() {
    for by_card in [true, false] {
        let (desk, _) = ready(by_card);
        run_job(&desk).expect(0);
        (1..=CARDS).for_each(|number| is_whole(&desk, number));
        run(&desk, &["registry", "check"]).expect(0);
        run(&desk, &["batch", "close", "trial"]).expect(0);
        assert!(attempts(&registry(&desk)).iter().all(|attempt| attempt.apdus > 12));
    }
}

/// A sealed field belongs to its card and its job: in another place it does not open, and no card gets it.
#[test]
fn sealed_fields_in_another_place() {
    let (desk, _) = ready(true);
    let data = std::fs::read_to_string(desk.path().join("data.jsonl")).expect("a file");
    let sealed = |line: &str| line.split_once("\"sealed\"").expect("sealed").1.to_owned();
    let lines: Vec<_> = data.lines().collect();
    put(
        &desk,
        "data.jsonl",
        data.replace(&sealed(lines[0]), "SWAP")
            .replace(&sealed(lines[1]), &sealed(lines[0]))
            .replace("SWAP", &sealed(lines[1])),
    );
    let outcome = run_job(&desk);
    assert!(outcome.code() != 0, "{outcome:#?}");
    for number in 1..=2 {
        let mut host = Host::new(InProcess(card(&desk, number)));
        host.reset().expect("power");
        assert_eq!(host.hex("80CAFF4000").1, 0x6A88, "card {number} has somebody else's data: {outcome:#?}");
    }
    let error = outcome.stderr.lines().find(|line| line.starts_with("error: ")).unwrap_or_default();
    println!("swapped: exit {}: {error}", outcome.code());
}

/// All files below, but for the cards' own memories and what was there in clear before.
fn written(dir: &Path) -> Vec<PathBuf> {
    let given = ["new.hex", "sealing.hex", "pass", "clear.jsonl", "deck"];
    let entries = std::fs::read_dir(dir).expect("a directory").map(|entry| entry.expect("an entry").path());
    let ours = entries.filter(|path| !given.iter().any(|name| path.ends_with(name)));
    ours.flat_map(|path| if path.is_dir() { written(&path) } else { vec![path] }).collect()
}

#[test]
fn no_key_and_no_sealed_field_in_output_or_files() {
    let (desk, mut said) = ready(true);
    // As long as somebody has it open, what is written stands in its log as well.
    run(&desk, &["batch", "plan", "job.toml"]).expect(0);
    let open = registry(&desk);
    said.push(run_job(&desk).expect(0));
    for args in [
        &["batch", "status", "trial", "--list", "accepted"][..],
        &["batch", "plan", "job.toml"],
        &["batch", "run", "job.toml", "--dry-run"],
        &["registry", "check"],
        &["batch", "close", "trial"],
    ] {
        said.push(run(&desk, args));
    }
    said.push(run(&desk, &["batch", "report", "trial", "--out", "report"]).expect(0));
    let mut secrets = vec![
        Canary::new("the master", &hex::decode(NEW).expect("hex")),
        Canary::new("the sealing key", &hex::decode(SEALING).expect("hex")),
        Canary::new("the passphrase", PASSPHRASE.as_bytes()),
    ];
    secrets.extend((1..=CARDS).flat_map(of_card));
    for outcome in &said {
        assert_none(&secrets, outcome.stdout.as_bytes(), "standard output");
        assert_none(&secrets, outcome.stderr.as_bytes(), "standard error");
    }
    let files = written(desk.path());
    for path in &files {
        assert_none(&secrets, &std::fs::read(path).expect("read"), &path.display().to_string());
    }
    for name in ["data.jsonl", "state/audit.log", "state/registry.db", "state/registry.db-wal"] {
        assert!(files.contains(&desk.path().join(name)), "{files:?}");
    }
    for name in ["report.html", "cards.csv", "report.json", "response.csv"] {
        let text = std::fs::read_to_string(desk.path().join("report").join(name)).expect("a file");
        assert!(files.contains(&desk.path().join("report").join(name)), "{files:?}");
        // What it is about is in there, in the form that the keys would have.
        let about = if name == "report.json" { "trial".to_owned() } else { hex::encode_upper(kdd(1)) };
        assert!(text.contains(&about), "{name}: {text}");
    }
    drop(open);
    // The control: the same search finds them where they are.
    let clear = std::fs::read(desk.path().join("clear.jsonl")).expect("read");
    let hits = found(&secrets, &clear);
    let of_fields = hits.iter().filter(|hit| hit.starts_with("data of card"));
    assert!(of_fields.count() >= 18 * 3, "all of the sealed fields: {hits:?}");
}

/// All keys of the sessions in these exchanges, with the keys that the card came with and with its new ones.
fn of_sessions(card: u32, exchanges: &[Exchange]) -> Vec<Canary> {
    let Keys(new) = keys_of(&kdd(card));
    let begun = exchanges.iter().filter(|(command, answer)| command[1] == super::INITIALIZE_UPDATE && answer.len() > 2);
    let both = begun.flat_map(|exchange| {
        let one = std::slice::from_ref(exchange);
        [session_keys(one, TEST, TEST), session_keys(one, &new.enc, &new.mac)]
    });
    both.flatten().collect()
}

/// A card in the reader until the program takes the next one, or is done; what it was asked, and what it said.
fn put_in(program: &Listening, card: impl SmartCard + Send + 'static) -> Vec<Exchange> {
    let (heard, exchanges) = channel();
    let mut card = Altered::new(card, move |command: &[u8], answer: &mut Vec<u8>| {
        let _ = heard.send((command.to_vec(), answer.clone()));
    });
    serve(program.address.expect("it listens"), PATIENCE, &Stop::default(), &mut card).expect("served");
    exchanges.try_iter().collect()
}

/// A core without what is zero, which is most of it.
fn written_pages(core: &[u8]) -> Vec<u8> {
    core.chunks(4096).filter(|page| page.iter().any(|byte| *byte != 0)).flatten().copied().collect()
}

/// Cores of the program with the last card in the reader: at its first command, and where its keys and its data are on their
/// way. The others are made by then, and nothing of them is left; of the last one all is found that is in use.
fn nothing_of_the_cards_before(by_card: bool) {
    let (desk, _) = ready(by_card);
    let program = Listening::start(desk.command(&["--config", "cardwright.toml", "batch", "run", "job.toml"]));
    let mut canaries = vec![Canary::new("the passphrase", PASSPHRASE.as_bytes())];
    let mut sessions = Vec::new();
    for number in 1..CARDS {
        let exchanges = put_in(&program, card(&desk, number));
        canaries.extend(of_card(number));
        sessions.extend(of_sessions(number, &exchanges));
    }
    let (pid, dir) = (program.child.id(), desk.path().to_owned());
    let (sender, looked) = channel();
    let mut moments = vec![SELECT, PUT_KEY, STORE_DATA];
    let last = Altered::new(card(&desk, CARDS), move |command: &[u8], _: &mut Vec<u8>| {
        if moments.first() == command.get(1) {
            let _ = sender.send((moments.remove(0), core_of(pid, &dir)));
        }
    });
    put_in(&program, last);
    program.finish().expect(0);
    let cores: Vec<_> = looked.try_iter().collect();
    assert_eq!(cores.iter().map(|(ins, _)| *ins).collect::<Vec<_>>(), [SELECT, PUT_KEY, STORE_DATA]);
    let in_use = of_card(CARDS);
    for (ins, core) in cores {
        let Some(core) = core else { return };
        let core = written_pages(&core);
        assert_none(&canaries, &core, &format!("of cards that are made, at {ins:02X} of the last one, {by_card}"));
        assert_none(&sessions, &core, &format!("of sessions that are over, at {ins:02X} of the last card"));
        let open = found(&in_use, &core);
        println!("at {ins:02X} of card {CARDS}: {} bytes, {} of its canaries are in use", core.len(), open.len());
        let wanted: &[&str] = match ins {
            PUT_KEY => &["ENC", "MAC"],
            STORE_DATA => &["data"],
            _ => &[],
        };
        for word in wanted {
            let name = format!("{word} of card {CARDS} raw");
            assert!(open.iter().any(|hit| hit.starts_with(&name)), "{name} is not in use at {ins:02X}: {open:?}");
        }
    }
    (1..=CARDS).for_each(|number| is_whole(&desk, number));
}

#[test]
fn nothing_of_a_card_is_left_in_memory_when_the_last_one_is_in_the_reader() {
    for by_card in [true, false] {
        nothing_of_the_cards_before(by_card);
    }
}

/// A grouping that no row has was mistyped: what was to be sealed would leave the house in clear.
#[test]
fn a_grouping_to_seal_that_no_row_has() {
    let (desk, _) = ready(false);
    let sealed = desk.path().join("data.jsonl");
    std::fs::remove_file(&sealed).expect("it was written");
    for dgi in [&["8202"][..], &["8201", "8202"]] {
        let named: Vec<_> = dgi.iter().flat_map(|dgi| ["--dgi", dgi]).collect();
        let refused =
            run(&desk, &[&["batch", "seal", "job.toml", "--from", "clear.jsonl"][..], &named].concat()).expect(2);
        assert!(refused.stderr.contains("no row has the data grouping 8202"), "{refused:#?}");
        assert!(!sealed.exists());
    }
    let told = run(&desk, &["--json", "batch", "seal", "job.toml", "--from", "clear.jsonl", "--dgi", "8201"]).expect(0);
    let fields =
        serde_json::json!([{"dgi": "0101", "clear": 3, "sealed": 0}, {"dgi": "8201", "clear": 0, "sealed": 3}]);
    assert_eq!(told.json()["fields"], fields);
    assert_eq!(run(&desk, &["--json", "batch", "plan", "job.toml"]).expect(0).json()["data"], fields);
    let plan = run(&desk, &["batch", "plan", "job.toml"]).expect(0);
    assert!(plan.stdout.contains("  0101 in clear in 3 rows\n  8201 sealed in 3 rows\n"), "{plan:#?}");
}
