//! A ceremony's secret, its shares and whatever makes them: only cards may have them. The cards are in this process, which
//! looks into the program while they hold their answers back, and into themselves for what to look for.

mod distinct;
mod line;
mod pages;

use super::vault::files;
use super::{Canary, assert_none, core_of, found, full_pipe, hits, told_of, wait_until_it_writes};
use cardwright_keys::custody::hash::sha256;
use cardwright_keys::custody::sealing::Route;
use cardwright_keys::custody::secret::{Chain, Contribution};
use cardwright_keys::custody::signing::KeyPair;
use cardwright_keys::key::{Algorithm, SecretKey};
use cardwright_keys::share::join_objects;
use cardwright_link::VirtualCard;
use cardwright_proto::custody::manifest::{Manifest, Place};
use cardwright_proto::custody::sealed::{BoxKind, SealedBox};
use cardwright_proto::custody::share::ShareObject;
use cardwright_tests::ceremony::{Room, public_key_info};
use cardwright_tests::cli::Outcome;
use cardwright_tests::image::Secrets;
use cardwright_tests::seats::{Event, Seats};
use line::Lines;
use pages::Memory;
use serde_json::Value;
use std::collections::BTreeMap;
use std::io::{PipeReader, Read};
use std::path::Path;
use std::thread::JoinHandle;
use tempfile::TempDir;

/// A room whose cards are in this process, their memory in files of a directory that the program does not know.
struct Table {
    room: Room,
    cards: TempDir,
    seats: Seats,
}

impl Table {
    /// Each card has a PIN of its own. `profile`: what is said of every card.
    fn new(room: Room, profile: &str) -> Self {
        let cards = TempDir::new().expect("a directory");
        let made = room.labels.iter().zip(1..).map(|(label, number)| {
            room.desk.key_file(&format!("{label}.pin"), &pin(number));
            let state = cards.path().join(label);
            let card = VirtualCard::from_profile(&format!("state={},{profile}", state.display()));
            (label.clone(), card.expect("a card"))
        });
        let seats = Seats::new(made.collect());
        Self { room, cards, seats }
    }

    /// What these cards keep.
    fn shares(&self, labels: &[&str]) -> Vec<ShareObject> {
        labels.iter().map(|label| Secrets::read(&self.cards.path().join(label)).share.expect("a share")).collect()
    }

    /// Runs `cardwright ceremony` to the end of its work, and looks on. What it prints is in the outcome.
    fn run(&mut self, command: &str, args: &[&str], seen: &mut Seen) -> Outcome {
        // Without --json: what goes wrong is not said on standard output, which is full.
        let args = self.room.seated_args(command, &[&["-vvv"], args].concat());
        let args: Vec<String> = args.iter().map(|arg| own_pin(arg)).collect();
        let mut command = self.room.desk.command(&args.iter().map(String::as_str).collect::<Vec<_>>());
        let (reader, writer) = full_pipe();
        command.stdout(writer);
        let (mut reader, mut printed) = (Some(reader), None);
        let (desk, room, cards) = (self.room.desk.path(), self.room.dir(), self.cards.path());
        let outcome = self.seats.run(command, |pid, event| match *event {
            Event::Answered { card, command, answer } => {
                seen.answered(card, (command, answer), &Secrets::read(&cards.join(card)));
                seen.look_where_written(pid, desk, &room);
            }
            Event::Over => {
                if seen.looks {
                    wait_until_it_writes(pid);
                    seen.told.extend(told_of(pid));
                    seen.look(pid, desk);
                }
                printed = reader.take().map(drain);
            }
        });
        let printed = printed.map(|printed| printed.join().expect("it reads")).unwrap_or_default();
        Outcome { stdout: printed.trim_start().to_owned(), ..outcome }
    }
}

/// A PIN that no two cards share, too long to turn up by chance.
fn pin(card: u32) -> String {
    format!("8642975318{card:02}")
}

/// A host-mode plan's room: custodians only.
fn host_mode(mut room: Room) -> Room {
    let path = room.desk.path().join("plan.toml");
    let plan = std::fs::read_to_string(&path).expect("a plan").replace("mode = \"blind\" ", "mode = \"host\" ");
    let (people, cards) = plan.split_once("# The CA's card").expect("cards");
    let custodians = &cards[cards.find("# Custodians' cards").expect("custodians")..];
    std::fs::write(path, [people, custodians].concat()).expect("written");
    room.labels.retain(|label| label.starts_with('C') && label != "CA");
    room
}

/// Each card's PIN from a file of its own.
fn own_pin(arg: &str) -> String {
    match arg.split_once('=') {
        Some((label, "file:pin")) => format!("{label}=file:{label}.pin"),
        _ => arg.to_owned(),
    }
}

/// Reads to the end what was in the pipe, and what comes.
fn drain(mut reader: PipeReader) -> JoinHandle<String> {
    std::thread::spawn(move || {
        let mut text = String::new();
        reader.read_to_string(&mut text).expect("UTF-8");
        text
    })
}

/// All that could be seen, and all that nobody may see.
#[derive(Default)]
struct Seen {
    /// Into the memory, too.
    looks: bool,
    memory: Memory,
    /// When each core was taken, and what was in it of [`Self::brief`].
    moments: Vec<(String, Vec<String>)>,
    /// What is expected in some cores, but not in all.
    brief: Vec<Canary>,
    /// The last core.
    last: Vec<u8>,
    /// How long the transcripts were at the last core.
    written: u64,
    lines: Lines,
    /// Arguments and environment.
    told: Vec<u8>,
    /// What is to be looked for, and what it is.
    secrets: BTreeMap<Vec<u8>, String>,
    /// As the dealer had them.
    chain: BTreeMap<u8, [u8; 32]>,
    contributions: BTreeMap<String, [u8; 32]>,
}

impl Seen {
    /// Into all that there is, and at each core for the cards' PINs.
    fn all(labels: &[String]) -> Self {
        let brief = labels.iter().zip(1..).map(|(label, number)| Canary::new(label, pin(number).as_bytes())).collect();
        Self { looks: true, brief, ..Self::default() }
    }

    fn answered(&mut self, card: &str, exchange: (&[u8], &[u8]), now: &Secrets) {
        self.lines.add(card, exchange);
        let mut secret = |what: String, bytes: &[u8]| {
            self.secrets.entry(bytes.to_vec()).or_insert(what);
        };
        for (what, pair) in [("identity key", now.identity), ("one-time key", now.offer)] {
            if let Some(pair) = pair {
                secret(format!("{card}, {what}"), &pair.secret);
            }
        }
        if let Some(r) = now.contribution {
            secret(format!("{card}, r"), &r);
            self.contributions.insert(card.to_owned(), r);
        }
        if let Some((x, a)) = now.chain {
            secret(format!("{card}, a({x})"), &a);
            self.chain.insert(x, a);
        }
        for (x, dealt) in (1..).zip(&now.dealt) {
            secret(format!("{card}, y({x})"), &dealt.y);
            secret(format!("{card}, salt {x}"), &dealt.salt);
        }
        if let Some(share) = &now.share {
            let own = share.commitments().expect("with commitments");
            secret(format!("{card}, its share"), share.value());
            secret(format!("{card}, its salt"), &*own.salt);
        }
    }

    /// Takes a core where the program has written something since the last one; with `POINTS=all`, at every command.
    fn look_where_written(&mut self, pid: u32, desk: &Path, room: &Path) {
        let transcripts = files(room).into_iter().filter(|path| path.extension().is_some_and(|end| end == "jsonl"));
        let written = transcripts.map(|path| path.metadata().expect("a file").len()).sum();
        let all = std::env::var_os("POINTS").is_some_and(|points| points == "all");
        if self.looks && (std::mem::replace(&mut self.written, written) != written || all) {
            self.look(pid, desk);
        }
    }

    fn look(&mut self, pid: u32, desk: &Path) {
        if let Some(core) = core_of(pid, desk) {
            self.memory.add(&core);
            self.moments.push((self.lines.last.clone(), found(&self.brief, &core)));
            self.last = core;
        }
    }

    /// a(n), of what was before it.
    fn last_of_chain(&self, n: u8) -> [u8; 32] {
        let r = &self.contributions[&format!("C{n}")];
        *Chain::new(&self.chain[&(n - 1)]).then(&Contribution::new(r)).expose()
    }

    fn canaries(&self) -> Vec<Canary> {
        self.secrets.iter().map(|(raw, name)| Canary::new(name, raw)).collect()
    }

    /// What of these was in memory, with the moment at which it was there first.
    fn in_memory(&self, canaries: &[Canary]) -> Vec<String> {
        let hits = hits(canaries, &self.memory.kept).into_iter();
        hits.map(|(name, at)| format!("{name}, from {} on", self.moments[self.memory.new_in(at)].0)).collect()
    }
}

/// A transcript's records of one kind.
fn records(transcript: &str, kind: &str) -> Vec<Value> {
    let lines = transcript.lines().map(|line| serde_json::from_str::<Value>(line).expect("JSON"));
    lines.filter(|line| line["kind"] == kind).collect()
}

fn bytes(record: &Value, member: &str) -> Vec<u8> {
    hex::decode(record[member].as_str().expect("text")).expect("hex")
}

/// Opens what the release left for the HSM.
fn opened(room: &Room, hsm: &KeyPair) -> SecretKey {
    let transcript = room.transcript("02-release.jsonl");
    let manifest = bytes(&records(&transcript, "manifest")[0], "manifest");
    let named = Manifest::parse(&manifest).expect("a manifest");
    let party = |place| *named.party(place).expect("named");
    let (sender, recipient) = (party(Place::Combiner), party(Place::Hsm));
    let route = Route { manifest: sha256(&[&manifest]), x: 0, sender, recipient };
    let sealed = std::fs::read(room.dir().join("02-release.box")).expect("a box");
    let sealed = SealedBox::parse(BoxKind::Export, &sealed).expect("a box");
    route.open_secret(&sealed, hsm, named.key_length).expect("it opens")
}

/// What the control looks for: public, and in the same forms in the same places.
fn published(transcript: &str) -> Vec<Canary> {
    let of = |kind, member| records(transcript, kind).into_iter().map(move |record| (kind, bytes(&record, member)));
    let all = of("commitment", "commitment").chain(of("offer", "point")).chain(of("box", "share"));
    all.zip(1..).map(|((kind, raw), number)| Canary::new(format!("public: {kind} {number}"), &raw)).collect()
}

/// None of it was printed, or is in arguments, environment, on the line, in files but those that the PINs come from.
fn assert_not_left(table: &Table, seen: &Seen, canaries: &[Canary], printed: &str) {
    assert_none(canaries, printed.as_bytes(), "standard output or error");
    assert_none(canaries, &seen.told, "arguments or environment");
    assert_none(canaries, &seen.lines.raw, "on the line");
    let given: Vec<_> = table.room.labels.iter().map(|label| format!("{label}.pin")).collect();
    let written = files(table.room.desk.path()).into_iter();
    let written: Vec<_> = written.filter(|path| !given.iter().any(|name| path.ends_with(name))).collect();
    for path in &written {
        assert_none(canaries, &std::fs::read(path).expect("read"), &path.display().to_string());
    }
    for name in ["state/audit.log", "state/registry.db", "room/01-deal.jsonl", "room/plan.toml"] {
        assert!(written.contains(&table.room.desk.path().join(name)), "{written:?}");
    }
    let (lines, memory) = (&seen.lines, &seen.memory);
    println!(
        "{} canaries looked for in {} files, {} commands and answers of {} bytes, {} unwrapped, {} cores of {} bytes, of \
         which {} pages are distinct",
        canaries.len(),
        written.len(),
        lines.count,
        lines.raw.len(),
        lines.unwrapped,
        memory.cores,
        memory.bytes,
        memory.pages(),
    );
}

/// A PIN is in memory while its card is in the reader, if at all, and no longer.
fn assert_brief(seen: &Seen) {
    for (moment, pins) in &seen.moments {
        let of_card =
            |pin: &String| moment.starts_with(&format!("card {} ", pin.split(' ').next().unwrap_or_default()));
        assert!(pins.iter().all(of_card), "{moment}: PINs of {pins:?}");
    }
    let with = seen.moments.iter().filter(|(_, pins)| !pins.is_empty()).count();
    println!("{with} of {} cores have the PIN of the card in the reader, none has another", seen.moments.len());
    let last = seen.moments.last();
    assert!(last.is_none_or(|(_, pins)| pins.is_empty()), "{last:?}");
}

#[track_caller]
fn assert_all(canaries: &[Canary], hits: &[String]) {
    for Canary { name, .. } in canaries {
        assert!(hits.iter().any(|hit| hit.starts_with(&format!("{name} raw"))), "{name} is not among {hits:?}");
    }
}

#[test]
fn a_blind_ceremony_leaves_no_secret_with_the_host() {
    let mut table = Table::new(Room::new(2, 3), "");
    let hsm = KeyPair::new(&[0x5A; 32]).expect("a key");
    let info = public_key_info(&hsm.point());
    std::fs::write(table.room.desk.path().join("hsm.der"), info).expect("written");
    let mut seen = Seen::all(&table.room.labels);
    let dealt = table.run("run", &[], &mut seen).expect(0);
    let released = table.run("release", &["--hsm-key", "hsm.der", "--from", "1,3"], &mut seen).expect(0);

    // The same secret in three ways, and the check value that was printed.
    let last = seen.last_of_chain(3);
    let joined = join_objects(&table.shares(&["C1", "C2"])).expect("a key");
    let secret = opened(&table.room, &hsm);
    assert_eq!((secret.expose(), joined.expose()), (&last[..], &last[..]));
    let kcv = secret.kcv(Algorithm::Aes).expect("32 bytes").to_string();
    assert!([&dealt, &released].iter().all(|outcome| outcome.stdout.contains(&kcv)), "{kcv}: {dealt:#?}");

    seen.secrets.insert(last.to_vec(), "the secret, a(3)".to_owned());
    let canaries = seen.canaries();
    // Identity keys 6, one-time keys 5 and one of the release, r 3, a(0) to a(3), shares 3, salts 3.
    assert_eq!(canaries.len(), 6 + 6 + 3 + 4 + 3 + 3, "{:?}", seen.secrets.values());
    let printed = [&dealt, &released].map(|outcome| [&*outcome.stdout, &outcome.stderr].concat()).concat();
    assert_not_left(&table, &seen, &seen.brief, &printed);
    assert_not_left(&table, &seen, &canaries, &printed);
    assert_none(&canaries, &seen.lines.plain, "in commands and answers");
    // What anybody may see is found where the secrets are not.
    let transcript = table.room.transcript("01-deal.jsonl");
    let public = published(&transcript);
    assert_eq!(public.len(), 3 + 5 + 3);
    assert_all(&public, &found(&public, &seen.lines.plain));
    assert_none(&public, &seen.lines.raw, "the line is encrypted");
    if seen.memory.cores > 0 {
        assert_all(&public, &seen.in_memory(&public));
        assert_eq!(seen.in_memory(&canaries), Vec::<String>::new(), "in memory");
        assert_brief(&seen);
    }
}

/// The control: in host mode the same search finds the secret and each share, as long as they are in use.
#[test]
fn in_host_mode_the_same_search_finds_the_secret() {
    let mut table = Table::new(host_mode(Room::with_test_ca(2, 3)), "");
    let mut seen = Seen::all(&table.room.labels);
    let dealt = table.run("run", &[], &mut seen).expect(0);
    let mut canaries = seen.canaries();
    assert_eq!(canaries.len(), 3 + 3, "shares and salts: {:?}", seen.secrets.values());
    assert_all(&canaries, &found(&canaries, &seen.lines.plain));
    let secret = join_objects(&table.shares(&["C2", "C3"])).expect("a key");
    let kcv = secret.kcv(Algorithm::Aes).expect("32 bytes").to_string();
    assert!(dealt.stdout.contains(&format!("KCV {kcv}")), "{kcv}: {dealt:#?}");
    let secret = Canary::new("the secret", secret.expose());
    assert_none(std::slice::from_ref(&secret), &seen.lines.plain, "in commands and answers");
    canaries.push(secret);
    let printed = [dealt.stdout, dealt.stderr].concat();
    assert_not_left(&table, &seen, &seen.brief, &printed);
    assert_not_left(&table, &seen, &canaries, &printed);
    if seen.memory.cores > 0 {
        assert_all(&canaries, &seen.in_memory(&canaries));
        assert_none(&canaries, &seen.last, "left in memory at the end");
        assert_brief(&seen);
    }
}
