//! Reports of jobs that were run over decks of simulated cards, and of a job that is too long to be listed.

use super::{CARD_COLUMNS, CARDS_LISTED, Facts, Made, RESPONSE_COLUMNS, ReportError, make};
use crate::batch::tests::{Bench, JOB};
use cardwright_keys::approval::{Operator, Operators, PublicKey};
use cardwright_keys::custody::hash::sha256;
use cardwright_keys::job::statement::{Statement, What, message};
use cardwright_keys::job::{Domain, Fate, RecordState, Step};
use cardwright_keys::journal::CardId;
use cardwright_keys::keyref::Name;
use cardwright_keys::lifecycle::Role;
use cardwright_registry::jobs::{Facts as Told, JobWrite, Jobs, NewAttempt, NewDelivery, NewJob};
use cardwright_registry::sqlite::SqliteRegistry;
use ed25519_dalek::{Signer, SigningKey};
use serde_json::Value;
use std::io;

const FACTS: Facts<'static> = Facts { operators: None, vaults: &[] };

fn name(text: &str) -> Name {
    text.parse().unwrap()
}

/// The files of a report.
struct Files(Vec<Made<Vec<u8>>>);

impl Files {
    fn of(registry: &SqliteRegistry, job: &str, facts: &Facts<'_>) -> Self {
        let entry = registry.job(&name(job)).unwrap().unwrap();
        Self(make(registry, &entry, facts, &mut |_| Ok(Vec::new())).unwrap())
    }

    fn text(&self, name: &str) -> &str {
        std::str::from_utf8(&self.0.iter().find(|made| made.name == name).unwrap().to).unwrap()
    }

    fn html(&self) -> &str {
        self.text("report.html")
    }

    fn json(&self) -> Value {
        serde_json::from_str(self.text("report.json")).unwrap()
    }

    /// Rows without the header, each with as many cells as that.
    fn rows(&self, name: &str, columns: &[&str]) -> Vec<Vec<String>> {
        let mut rows = parsed(self.text(name));
        assert_eq!(rows.remove(0), columns);
        assert!(rows.iter().all(|row| row.len() == columns.len()), "{name}: {rows:?}");
        rows
    }

    /// The cells of a column of `cards.csv`.
    fn column(&self, column: &str) -> Vec<String> {
        let at = CARD_COLUMNS.iter().position(|one| *one == column).unwrap();
        self.rows("cards.csv", &CARD_COLUMNS).into_iter().map(|mut row| row.swap_remove(at)).collect()
    }
}

/// As RFC 4180 says it is read.
fn parsed(text: &str) -> Vec<Vec<String>> {
    let (mut rows, mut row, mut cell, mut quoted) = (Vec::new(), Vec::new(), String::new(), false);
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '"' if quoted && chars.peek() == Some(&'"') => cell.extend(chars.next()),
            '"' => quoted = !quoted,
            ',' if !quoted => row.push(std::mem::take(&mut cell)),
            '\r' if !quoted => {
                assert_eq!(chars.next(), Some('\n'));
                row.push(std::mem::take(&mut cell));
                rows.push(std::mem::take(&mut row));
            }
            c => cell.push(c),
        }
    }
    assert!(!quoted && row.is_empty() && cell.is_empty(), "it ends with a line's end");
    rows
}

/// Runs until all is made, as the command line keeps its runs.
fn run_all(bench: &Bench, words: &str) {
    for seed in 0..8 {
        let mut registry = bench.registry();
        let run = registry.run_began(bench.entry.id, "here", "me", 10).unwrap();
        let ended = bench.run(2, &format!("{words},seed={seed:02X}")).0.unwrap();
        registry.run_ended(run, 20, &serde_json::to_string(&ended.figures).unwrap()).unwrap();
        if registry.balance(bench.entry.id).unwrap().accepted() == bench.entry.deliveries[0].2 {
            return;
        }
    }
    panic!("cards are left");
}

fn step(record: u64, to: RecordState, reason: &str, kcvs: Option<&str>) -> JobWrite {
    let facts = Told { kcvs: kcvs.map(str::to_owned), exchanged: Some([4; 32]), apdus: 8, took_us: 150_000 + record };
    let (step, reason) = (Step::Done, reason.to_owned());
    JobWrite::Step { record, attempt: 1, to, step, reason, facts, at: 1000 + record }
}

fn claim(record: u64, station: &str) -> JobWrite {
    let mut chip = [7; 12];
    chip[4..].copy_from_slice(&record.to_be_bytes());
    let attempt = NewAttempt {
        card: CardId::new(&[1; 10], Some(&chip)),
        atr: vec![0x3B, 0x80],
        station: station.to_owned(),
        reader: "+cmd".to_owned(),
        operator: "@me".to_owned(),
        profile: [7; 32],
        current: "gp-test@0xFF".to_owned(),
        target: "kdf3+vault:office/kmc".to_owned(),
    };
    JobWrite::Claim { record, remake: false, attempt, at: 900 }
}

fn accepted(record: u64) -> Vec<JobWrite> {
    use RecordState::{Accepted, Verified, Writing};
    let kcvs = "504A77504A78504A79";
    let verified = step(record, Verified, "", Some(kcvs));
    vec![claim(record, "north"), step(record, Writing, "", None), verified, step(record, Accepted, "", None)]
}

/// A job of that many cards that no run has touched.
fn job(job: &str, domain: Domain, cards: u64) -> (tempfile::TempDir, SqliteRegistry, cardwright_registry::jobs::JobId) {
    let dir = tempfile::tempdir().unwrap();
    let mut registry = SqliteRegistry::open(&dir.path().join("registry.db")).unwrap();
    let file = JOB.replace("CARDS", &cards.to_string()).replace("gp-test", "file:old.hex");
    let new = NewJob {
        name: name(job),
        issuer: name("acme"),
        domain,
        profile: "<b>sim</b>".to_owned(),
        file,
        sha256: [1; 32],
        inputs: vec![("<i>/4111111111111111.csv".to_owned(), [2; 32])],
        deliveries: vec![NewDelivery { name: name("box"), listed: false, count: cards }],
        keys: Vec::new(),
        target: None,
        at: 1,
        who: "<u>me</u>".to_owned(),
    };
    let id = registry.add_job(&new, &mut std::iter::empty()).unwrap();
    (dir, registry, id)
}

fn written(registry: &mut SqliteRegistry, id: cardwright_registry::jobs::JobId, batches: &[Vec<JobWrite>]) {
    registry.write_all(id, batches).unwrap().into_iter().for_each(|done| drop(done.unwrap()));
}

/// Everything that is counted is the balance's, after runs in which cards failed and were gone on with.
#[test]
fn the_counts_are_those_of_the_balance() {
    let bench = Bench::new(40);
    run_all(&bench, ",faults=4");
    let mut registry = bench.registry();
    let id = bench.entry.id;
    let spoil = |record| JobWrite::Step {
        record,
        attempt: registry.record(id, record).unwrap().unwrap().attempts,
        to: RecordState::Rejected,
        step: Step::Done,
        reason: "defaced".to_owned(),
        facts: Told::default(),
        at: 2_000_000_000,
    };
    let batch = vec![spoil(3), spoil(4)];
    written(&mut registry, id, &[batch]);
    let balance = registry.balance(id).unwrap();
    let files = Files::of(&registry, "trial", &FACTS);
    let verdicts = files.column("verdict");
    let of = |state: &str| verdicts.iter().filter(|verdict| *verdict == state).count() as u64;
    assert_eq!((of("accepted"), of("rejected"), balance.accepted()), (38, 2, 38));
    assert_eq!(files.rows("response.csv", &RESPONSE_COLUMNS).len(), 38);
    let json = files.json();
    assert_eq!(json["balance"], super::balance_json(&balance));
    for state in RecordState::ALL {
        assert_eq!(json["attempts"][state.name()], of(state.name()), "{state}");
    }
    let sum = |member: &str, of: &str| {
        json[member].as_array().unwrap().iter().map(|one| one[of].as_u64().unwrap()).sum::<u64>()
    };
    assert_eq!((sum("readers", "accepted"), sum("readers", "others")), (38, verdicts.len() as u64 - 38));
    assert_eq!(sum("causes", "chips"), of("pending") + of("rejected") + of("unknown"));
    assert_eq!(
        json["throughput"]["bins"].as_array().unwrap().iter().map(|bin| bin["accepted"].as_u64().unwrap()).sum::<u64>(),
        38
    );
    assert_eq!((&json["card_time"]["count"], &json["runs_without_figures"]), (&38.into(), &0.into()));
    assert_eq!(json["runs"].as_array().unwrap().len(), registry.runs(id).unwrap().len());
    assert!(json["commands"]["PUT KEY"]["count"].as_u64().unwrap() >= 40);
    assert!(json["mark"].as_str().unwrap().starts_with("TEST"));
    let html = files.html();
    for shown in [
        "<td>accepted</td><td>38</td>",
        "<td>rejected without a fate</td><td>2</td>",
        "<td>open: issued less all of these</td><td>2</td>",
        "It does NOT balance yet: 2 chips are open.",
        "<div class=\"mark\">TEST</div>",
        "@bottom-left{content:\"TEST",
        "<title>TEST: Job trial</title>",
        "PUT KEY",
        "<td>2</td><td>defaced</td>",
        "NOT TOLD",
    ] {
        assert!(html.contains(shown), "{shown}\n{html}");
    }
    assert_eq!(html.matches("class=\"s v-accepted\"").count(), 38);
    for never in ["<script", "http:", "https:", "src=", "@import", "url("] {
        assert!(!html.contains(never), "{never}");
    }
}

#[test]
fn what_a_card_and_the_issuer_get() {
    let (_dir, mut registry, id) = job("acme-7", Domain::Live, 2);
    written(&mut registry, id, &[accepted(2)]);
    let files = Files::of(&registry, "acme-7", &FACTS);
    let card = "01010101010101010101-070707070000000000000002";
    let response = files.rows("response.csv", &RESPONSE_COLUMNS);
    let row = ["2", card, "0x30", "504A77", "504A78", "504A79", "AES", "1970-01-01T00:16:42Z", "live"];
    assert_eq!(response, [row.map(str::to_owned).to_vec()]);
    assert!(
        files.html().contains(&format!(
            "<code>{card}</code></td><td>0x30</td><td><code>504A77 504A78 504A79</code></td><td>450.0 ms</td>"
        )),
        "{}",
        files.html()
    );
    assert!(files.html().contains("<td>1</td><td>none</td><td>any card</td>"), "the one that waits");
    assert!(!files.html().contains("TEST"), "it is a live job");
    assert_eq!(files.json()["mark"], Value::Null);
    assert_eq!((files.column("domain"), files.column("took_us")), (vec!["live".to_owned()], vec!["450006".to_owned()]));
    let of = |file: &str| hex::encode(sha256(&[files.text(file).as_bytes()]));
    for made in &files.0 {
        assert_eq!(hex::encode(made.sha256), of(made.name), "{}", made.name);
    }
    assert_eq!(files.json()["files"][1]["sha256"], of("response.csv"));
    assert!(files.html().contains(&of("report.json")) && files.html().contains(&of("cards.csv")));
}

#[test]
fn the_same_registry_gives_the_same_bytes() {
    let bench = Bench::new(6);
    run_all(&bench, ",faults=5");
    let (one, other) = (Files::of(&bench.registry(), "trial", &FACTS), Files::of(&bench.registry(), "trial", &FACTS));
    for (one, other) in one.0.iter().zip(&other.0) {
        assert_eq!((one.name, one.sha256), (other.name, other.sha256));
        assert_eq!(one.to, other.to, "{}", one.name);
    }
    let names: Vec<_> = one.0.iter().map(|made| made.name).collect();
    assert_eq!(names, ["cards.csv", "response.csv", "report.json", "report.html"]);
}

/// Words of people, stations, readers are text wherever they stand, and no card number is shown.
#[test]
fn hostile_texts() {
    let pan = "4111111111111111";
    let (_dir, mut registry, id) = job(pan, Domain::Live, 3);
    let evil = format!("=HYPERLINK(\"http://example.org\",\"<img src=x onerror=1>\") 4111 1111 1111 1111 {pan}");
    let rejected = |record, reason: &str| {
        vec![
            claim(record, &evil[..60]),
            step(record, RecordState::Writing, "", None),
            step(record, RecordState::Rejected, reason, None),
        ]
    };
    written(&mut registry, id, &[rejected(1, &evil), rejected(2, "-1+1|cmd"), accepted(3)]);
    let statement = registry.add_statement(id, &format!("<script>{pan}</script>\n")).unwrap();
    let run = registry.run_began(id, "<s>north</s>", &format!("-{pan}"), 3).unwrap();
    registry.run_ended(run, 4, "{\"readers\":[],\"commands\":{\"<em>\":{}},\"took_us\":1}").unwrap();
    let pause = JobWrite::Job { state: cardwright_registry::jobs::JobState::Paused, reason: evil.clone(), at: 9 };
    written(&mut registry, id, &[vec![pause]]);
    let files = Files::of(&registry, pan, &FACTS);
    for made in &files.0 {
        let text = std::str::from_utf8(&made.to).unwrap();
        for never in [pan, "1111 1111"] {
            assert!(!text.contains(never), "{never}: {text}");
        }
        assert_eq!(text.contains("411111******1111"), made.name != "response.csv", "{}", made.name);
    }
    let html = files.html();
    for raw in ["<img", "<script", "<s>", "<i>/", "<b>sim", "<u>", "<em>"] {
        assert!(!html.contains(raw), "{raw}\n{html}");
    }
    for shown in
        ["&lt;img src=x onerror=1&gt;", "&lt;s&gt;north", "&lt;i&gt;/411111******1111.csv", "damaged: nobody can"]
    {
        assert!(html.contains(shown), "{shown}\n{html}");
    }
    assert!(html.contains(&format!("<td>{statement}</td>")));
    for row in files.rows("cards.csv", &CARD_COLUMNS) {
        for cell in row {
            assert!(!cell.starts_with(['=', '+', '-', '@', '\t']), "{cell}");
        }
    }
    assert_eq!(files.column("reason")[1], "'-1+1|cmd");
    assert_eq!((files.column("operator")[0].as_str(), files.column("reader")[0].as_str()), ("'@me", "'+cmd"));
}

/// Beyond so many chips the page has those of which there is something to say; CSV has all.
#[test]
fn a_long_job() {
    let cards = CARDS_LISTED + 1;
    let (_dir, mut registry, id) = job("long", Domain::Test, cards);
    let batches: Vec<_> = (1..cards - 3).map(accepted).collect();
    written(&mut registry, id, &batches);
    let reject = |record| {
        vec![
            claim(record, "north"),
            step(record, RecordState::Writing, "", None),
            step(record, RecordState::Rejected, "torn", None),
        ]
    };
    let fate = |record| JobWrite::Fate { record, attempt: 1, fate: Fate::Quarantined, statement: None, at: 9999 };
    written(&mut registry, id, &[reject(cards - 3), reject(cards - 2), vec![fate(cards - 2)]]);
    written(&mut registry, id, &[vec![JobWrite::Cancel { record: cards, statement: None, at: 9999 }]]);
    let files = Files::of(&registry, "long", &FACTS);
    let html = files.html();
    assert_eq!(html.matches("class=\"s v-").count(), 3, "two rejected, one cancelled");
    assert!(html.contains("cards that were accepted at the first attempt are NOT listed here"));
    assert!(html.contains(" 1 records that no chip was taken up for yet are left out, too."));
    assert!(html.contains("<td>torn</td><td>quarantined</td>") && html.contains("<td>torn</td><td>NOT TOLD</td>"));
    assert_eq!(files.column("record").len() as u64, cards - 2);
    assert_eq!(files.rows("response.csv", &RESPONSE_COLUMNS).len() as u64, cards - 4);
    assert!(files.column("domain").iter().all(|domain| domain == "TEST"));
    assert_eq!(files.json()["balance"]["accepted"], cards - 4);
    let short = job("short", Domain::Test, CARDS_LISTED);
    let files = Files::of(&short.1, "short", &FACTS);
    assert_eq!(files.html().matches("class=\"s v-pending\"").count() as u64, CARDS_LISTED);
    assert!(!files.html().contains("NOT listed here"));
}

/// Signatures are checked where there is something to check them against.
#[test]
fn who_signed() {
    let (_dir, mut registry, id) = job("signed", Domain::Live, 1);
    let (what, at) = (What::Cancel { record: 1, since: 4_000 }, 5_000);
    let (job, issuer, by) = (name("signed"), name("acme"), name("anna"));
    let text = Statement { job, issuer, what, reason: "<b>torn</b>".to_owned(), by, at }.text();
    let statement = registry.add_statement(id, &text).unwrap();
    let mut operators = Operators::default();
    for (seed, who) in [(1, "anna"), (2, "ben")] {
        let key = SigningKey::from_bytes(&[seed; 32]);
        let public = PublicKey::new(key.verifying_key().as_bytes()).unwrap();
        let operator = Operator { person: name(who), roles: vec![Role::CardManager], key: public, retired: None };
        operators.add(name(who), operator).unwrap();
        let signature = key.sign(&message(&text, &name(who), at)).to_bytes();
        registry.sign_statement(statement, &name(who), at, signature).unwrap();
    }
    registry.sign_statement(statement, &name("mallory"), at, [9; 64]).unwrap();
    let judged = |operators| {
        let files = Files::of(&registry, "signed", &Facts { operators, ..FACTS });
        assert!(
            files.html().contains(
                "<td>record 1 is not made</td><td>&lt;b&gt;torn&lt;/b&gt;</td><td>anna (1970-01-01T01:23:20Z)</td>"
            ),
            "{}",
            files.html()
        );
        assert!(files.html().contains("mallory (1970-01-01T01:23:20Z)"));
        let judged = files.json()["statements"][0]["judged"].as_str().unwrap().to_owned();
        assert!(files.html().contains(&judged));
        judged
    };
    assert_eq!(judged(Some(&operators)), "checked: 2 persons signed these words");
    let nobody = Operators::default();
    assert_eq!(judged(Some(&nobody)), "0 of 2 signatures count");
    assert!(judged(None).starts_with("as on file"));
}

/// Where what was counted is not what the job counts, or a file cannot be written, there is no report.
#[test]
fn no_report() {
    let (_dir, mut registry, id) = job("some", Domain::Live, 3);
    written(&mut registry, id, &[accepted(1)]);
    let mut tally = super::Tally::default();
    super::walk::walk(&registry, id, &mut |record, attempts| {
        tally.add(record, attempts);
        Ok(())
    })
    .unwrap();
    assert!(tally.agrees(&registry.balance(id).unwrap()));
    written(&mut registry, id, &[accepted(2)]);
    assert!(!tally.agrees(&registry.balance(id).unwrap()));
    let entry = registry.job(&name("some")).unwrap().unwrap();
    let made = make(&registry, &entry, &FACTS, &mut |file| match file {
        "report.html" => Err(io::ErrorKind::StorageFull.into()),
        _ => Ok(Vec::new()),
    });
    assert!(matches!(made, Err(ReportError::Io { file: "report.html", .. })));
}

/// Somebody writes while the report is made: it is of the moment in which it began, in all of its files.
#[test]
fn of_one_moment() {
    let (dir, mut registry, id) = job("busy", Domain::Live, 3);
    written(&mut registry, id, &[accepted(1)]);
    let entry = registry.job(&name("busy")).unwrap().unwrap();
    let mut other = SqliteRegistry::open(&dir.path().join("registry.db")).unwrap();
    let mut next = 2;
    let made = make(&registry, &entry, &FACTS, &mut |file| {
        if file.starts_with("report") {
            written(&mut other, id, &[accepted(next)]);
            next += 1;
        }
        Ok(Vec::new())
    });
    let files = Files(made.unwrap());
    assert_eq!((next, other.balance(id).unwrap().accepted()), (4, 3));
    assert_eq!((&files.json()["balance"]["accepted"], files.column("record").len()), (&1.into(), 1));
    assert_eq!(files.html().matches("class=\"s v-accepted\"").count(), 1);
}
