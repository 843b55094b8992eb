//! What cards get besides keys: data, some of it sealed; the old set's end; their life cycle state. And that nothing secret of
//! it is left anywhere but on the cards.

use super::{NEW, attempts, keys_of, of_delivery, put, registry};
use cardwright_link::VirtualCard;
use cardwright_link::feeder::make_deck;
use cardwright_proto::gp::get_status::{GetStatus, Scope};
use cardwright_proto::scp::Mode;
use cardwright_tests::altered::InProcess;
use cardwright_tests::cli::{Desk, Outcome};
use cardwright_tests::host::{Host, Keys};
use sha2::{Digest, Sha256};
use std::path::{Path, PathBuf};

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
    let mut kdd = [0; 10];
    kdd[..4].copy_from_slice(b"CWRT");
    kdd[6..].copy_from_slice(&number.to_be_bytes());
    host.open(&keys_of(&kdd), super::KVN, Mode::S8, 0x33).expect("the new keys");
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

#[track_caller]
fn assert_none(secrets: &[(String, Vec<u8>)], bytes: &[u8], place: &str) {
    for (name, secret) in secrets {
        for form in [secret.clone(), hex::encode(secret).into_bytes(), hex::encode_upper(secret).into_bytes()] {
            assert!(!bytes.windows(form.len()).any(|window| window == form), "{name} in {place}");
        }
    }
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
    let mut secrets = vec![("the master".to_owned(), hex::decode(NEW).expect("hex"))];
    secrets.push(("the sealing key".to_owned(), hex::decode(SEALING).expect("hex")));
    secrets.push(("the passphrase".to_owned(), PASSPHRASE.as_bytes().to_vec()));
    for number in 1..=CARDS {
        let mut kdd = [0; 10];
        kdd[..4].copy_from_slice(b"CWRT");
        kdd[6..].copy_from_slice(&number.to_be_bytes());
        let Keys(keys) = keys_of(&kdd);
        for (name, key) in [("ENC", keys.enc), ("MAC", keys.mac), ("DEK", keys.dek)] {
            secrets.push((format!("{name} of card {number}"), key));
        }
        // Any 16 bytes of it.
        secrets.extend(secret(number).chunks_exact(16).map(|part| (format!("data of card {number}"), part.to_vec())));
    }
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
    drop(open);
    // The control: the same search finds them where they are.
    let clear = std::fs::read(desk.path().join("clear.jsonl")).expect("read");
    assert!(std::panic::catch_unwind(|| assert_none(&secrets, &clear, "the clear file")).is_err());
}
