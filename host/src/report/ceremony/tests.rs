use super::{Account, Report};
use crate::ceremony::progress::Progress;
use cardwright_keys::ceremony::plan::{CeremonyMode, Plan};
use cardwright_keys::ceremony::transcript::{Chain, End, Record, Transcript};
use cardwright_keys::ceremony::verify::{Given, verify};
use cardwright_keys::ceremony::words::words;
use cardwright_proto::custody::certificate::{Certificate, CertificateBody, CertifiedKey, Roles};
use cardwright_proto::custody::combine;
use cardwright_proto::custody::manifest::{Manifest, Operation, Place};
use cardwright_proto::custody::message::{Held, Outcome, Statement};
use cardwright_proto::custody::receive::SignedReceipt;
use cardwright_proto::custody::share::{KeyType, Scheme};
use cardwright_proto::custody::signature::Signature;
use cardwright_proto::custody::subset::Bitmap;
use cardwright_proto::custody::take_part::Approval;
use cardwright_proto::gp::key::Kcv;
use cardwright_proto::status::StatusWord;

const KCV: Kcv = Kcv([0xAB, 0x12, 0xCD]);

fn signature() -> Signature {
    Signature::new([1; 32], [2; 32])
}

fn plan(change: impl Fn(String) -> String) -> Vec<u8> {
    change(Plan::example(Scheme::Shamir, 2, 3).expect("a plan")).into_bytes()
}

/// Host mode has custodians' cards only, and no administrators are needed.
fn host_plan() -> Vec<u8> {
    plan(|text| {
        let card =
            |label, role, holder| format!("[[card]]\nlabel = \"{label}\"\nrole = \"{role}\"\nholder = \"{holder}\"\n");
        let text = text.replace("mode = \"blind\"", "mode = \"host\"");
        let text = text.replace(&card("CA", "ca", "Administrator 1"), "");
        let text = text.replace(&card("D", "dealer", "Administrator 2"), "");
        text.replace(&card("R", "combiner", "Administrator 2"), "")
    })
}

fn lines(mode: CeremonyMode, prev: [u8; 32], records: &[Record]) -> Vec<u8> {
    let mut chain = Chain::new(mode, prev);
    let at = "2026-05-04T10:00:00Z".parse().expect("a time");
    records.iter().flat_map(|record| chain.append(at, record).expect("a line")).collect()
}

fn start(plan: &[u8], operation: Operation, test_ca: bool) -> Record {
    Record::Start { test_ca, operation, plan: plan.to_vec() }
}

fn note(text: &str) -> Record {
    Record::Note { text: text.to_owned() }
}

fn report(files: &[(&str, Vec<u8>)]) -> Report {
    let files: Vec<_> = files.iter().map(|(name, bytes)| ((*name).to_owned(), bytes.as_slice())).collect();
    Report::verified(&files, &Given::default()).expect("verified")
}

/// What no test in here can have: transcripts that cards signed. What a verdict would say of them is made up.
fn account(name: &str, plan: &[u8], operation: Operation, records: &[Record]) -> Account {
    let whole = [&[start(plan, operation, false)], records, &[Record::End { outcome: End::Done }]].concat();
    let read = Transcript::parse(&lines(CeremonyMode::Blind, [0; 32], &whole)).expect("lines");
    let begun = lines(CeremonyMode::Blind, [0; 32], &[whole[0].clone(), Record::End { outcome: End::Abandoned }]);
    let mut verdict = verify(&begun, &Given::default()).expect("a verdict");
    let progress = Progress::of(&read);
    verdict.outcome = cardwright_keys::ceremony::verify::Completion::Done;
    verdict.manifest = progress.manifest.as_ref().map(|named| named.manifest.clone());
    verdict.receipts = progress.receipts.iter().map(|(x, receipt)| (*x, receipt.status)).collect();
    verdict.kcv = progress.statement.as_ref().map(|stated| stated.statement.kcv);
    verdict.exported = progress.export.as_ref().and_then(|_| verdict.manifest.as_ref()?.partner);
    verdict.imported = progress.imported.is_some();
    verdict.head = read.head().expect("a head");
    Account { name: name.to_owned(), lines: read.lines, progress, verdict }
}

fn manifest(plan: &Plan, operation: Operation, partner: Option<[u8; 32]>) -> Manifest {
    Manifest {
        operation,
        ceremony: [3; 16],
        set: [0x5E; 16],
        generation: 1,
        scheme: Scheme::Shamir,
        m: 2,
        key_type: KeyType::Aes,
        key_length: 32,
        usage: 12,
        sequence: u32::from(operation.byte()),
        plan: plan.hash(),
        head: [4; 32],
        partner,
        combiner: (operation != Operation::Destroy).then_some([0xC0; 32]),
        custodians: (1..=3).map(|x| [x; 32]).collect(),
    }
}

fn receipt(x: u8, status: Held) -> Record {
    let own = if status == Held::No { 0 } else { x };
    Record::Receipt { x, receipt: SignedReceipt { x: own, status, statement: [7; 32], signature: signature() } }
}

/// A deal, a drill of two, a release, and a destruction in which one card had nothing any more.
fn four() -> Report {
    let source = plan(|text| text);
    let plan = Plan::parse(&source).expect("a plan");
    let dealt = manifest(&plan, Operation::Deal, Some([0xD0; 32]));
    let stated =
        Statement { manifest: [8; 32], dealer: [0xD0; 32], kcv: KCV, shares: vec![[9; 32]; 3], boxes: [6; 32] };
    let statement = || Record::Statement { manifest: dealt.clone(), statement: stated.clone(), signature: signature() };
    let approval = |place, counter| Record::Approval { place, approval: Approval { counter, signature: signature() } };
    let bitmap = |subsets: &[u8]| {
        let mut bitmap = Bitmap::default();
        subsets.iter().for_each(|number| bitmap.insert(*number));
        Record::Verdict(combine::Verdict { bitmap, signature: signature() })
    };
    let body = CertificateBody {
        identity: [0xE5; 8],
        roles: Roles::HSM,
        applet: [0; 32],
        key: CertifiedKey::Rsa2048([0x77; 32]),
    };
    let hsm = cardwright_keys::custody::hash::certificate(&body);
    let enrol = |body| Record::Enrol { certificate: Certificate { body, signature: signature() }, possession: None };
    // Another HSM's certificate stands before it.
    let other = CertificateBody { identity: [0xE6; 8], key: CertifiedKey::Rsa2048([0x66; 32]), ..body };
    let forget = Record::Forget { outcome: Outcome::Confirmed, statement: [7; 32], signature: signature() };
    let deal = [
        vec![
            Record::Manifest(dealt.clone()),
            approval(Place::Dealer, 1),
            approval(Place::Custodian(2), 41),
            statement(),
        ],
        (1..=3).map(|x| receipt(x, Held::Yes)).collect(),
        vec![bitmap(&[0, 1, 2]), forget],
    ];
    let drill = [
        Record::Manifest(manifest(&plan, Operation::Drill, None)),
        statement(),
        Record::Refused { x: 2, word: StatusWord(0x6A88) },
        receipt(2, Held::No),
        bitmap(&[1]),
    ];
    let release = [
        enrol(other),
        enrol(body),
        Record::Manifest(manifest(&plan, Operation::Release, Some(hsm))),
        statement(),
        Record::Export { result: vec![0; 256], signature: signature() },
        Record::Imported { kcv: KCV },
    ];
    let destroy = [
        Record::Manifest(manifest(&plan, Operation::Destroy, None)),
        receipt(1, Held::Destroyed),
        receipt(2, Held::No),
        receipt(3, Held::Destroyed),
    ];
    let accounts = vec![
        account("01-deal.jsonl", &source, Operation::Deal, &deal.concat()),
        account("02-drill.jsonl", &source, Operation::Drill, &drill),
        account("03-release.jsonl", &source, Operation::Release, &release),
        account("04-destroy.jsonl", &source, Operation::Destroy, &destroy),
    ];
    Report { plan, accounts, head_given: true }
}

#[test]
fn all_four_operations() {
    let report = four();
    let html = report.render(0);
    for shown in [
        "All 4 transcripts pass all checks: cards signed what is said here of them.",
        "AES, 256 bits, usage 12",
        "2 of 3 shares make it (Shamir's scheme)",
        "<code>AB12CD</code>, set <code>5E5E5E5E5E5E5E5E5E5E5E5E5E5E5E5E</code>",
        "approved, counter 41 (<span class=\"t\">2026-05-04T10:00:00Z</span>)",
        "stated the deal: KCV AB12CD</td><td>D</td><td>Administrator 2",
        "01-deal.jsonl: 3 of 3 subsets gave the key",
        "02-drill.jsonl: 1 of 3 subsets gave the key",
        "<span class=\"subset not\">1 2</span><span class=\"subset\">1 3</span><span class=\"subset not\">2 3</span>",
        "refused to release, by the host&#39;s word (6A88",
        "RSA, 2048 bits",
        "done: sealed to it, signed by the combiner; imported, by the host's word",
        "04-destroy.jsonl: destroyed by 2 of 3 cards, 1 had no such set.",
        "forgot the key and all shares; the deal is done",
    ] {
        assert!(html.contains(shown), "{shown}\n{html}");
    }
    // The key of the HSM, as people compare it, and its certificate; of the other one nothing.
    assert!(html.contains(&words(&[0x77; 32]).to_string()));
    assert!(!html.contains(&words(&[0x66; 32]).to_string()));
    assert!(html.contains("forgot the key and all shares; the deal is done (<span"), "beside the dealer's holder");
    for never in ["TEST CA", "HOST MODE", "No head was given", "<script", "http:", "https:", "src="] {
        assert!(!html.contains(never), "{never}");
    }
}

/// Each share's last word counts.
#[test]
fn shares_in_the_drawing() {
    use super::quorum::Fate::{Gone, Held, Unknown};
    let mut report = four();
    assert_eq!(report.fates(), [Gone; 3]);
    report.accounts.truncate(2);
    assert_eq!(report.fates(), [Held, Gone, Held]);
    let html = report.render(0);
    assert_eq!(html.matches("class=\"node held\"").count(), 3, "two, and one in the legend");
    assert_eq!(html.matches("<line class=\"x\"").count(), 4, "one card and one in the legend, two strokes each");
    report.accounts.clear();
    assert_eq!(report.fates(), [Unknown; 3]);
}

/// Receipts of another set say nothing of these shares, and a deal without a manifest takes nothing back.
#[test]
fn shares_of_another_set() {
    use super::quorum::Fate::{Gone, Held};
    let mut report = four();
    let destroyed = report.accounts[3].verdict.manifest.as_mut().expect("a manifest");
    destroyed.set = [0x0F; 16];
    report.accounts.remove(1);
    assert_eq!(report.fates(), [Held; 3]);
    let source = plan(|text| text);
    report.accounts.insert(1, account("02-deal.jsonl", &source, Operation::Deal, &[]));
    assert_eq!(report.fates(), [Held; 3]);
    report.accounts.drain(..3);
    assert_eq!(report.fates(), [Gone; 3], "no other set is known");
}

/// What is not in the files may have been done all the same.
#[test]
fn what_is_not_in_these_transcripts() {
    let mut report = four();
    report.accounts.truncate(2);
    let html = report.render(0);
    assert!(html.contains("<p>No release is in these transcripts.</p>"), "{html}");
    assert!(html.contains("<p>No destruction is in these transcripts.</p>"), "{html}");
}

#[test]
fn a_dealer_that_gave_up() {
    let mut report = four();
    let dealt = report.accounts[0].lines.iter_mut();
    let forget = dealt.filter_map(|line| match &mut line.record {
        Record::Forget { outcome, .. } => Some(outcome),
        _ => None,
    });
    forget.for_each(|outcome| *outcome = Outcome::Abandoned);
    let html = report.render(0);
    assert!(!html.contains("forgot the key"), "{html}");
    assert_eq!(html.matches("forgot the deal, which is given up").count(), 2, "in the course, and beside its holder");
}

/// A label for each card, and the same for its envelope.
#[test]
fn labels() {
    let html = four().render(0);
    let labels = html.split("class=\"labels\"").nth(1).expect("labels");
    for shown in ["<b>C2</b></p><p>Custodian 2, custodian, share 2 of 3</p>", "<b>R</b>", "set 5E5E5E5E, 2026-05-04"] {
        assert_eq!(labels.matches(shown).count() % 2, 0, "a card and an envelope: {shown}");
        assert!(labels.contains(shown), "{shown}\n{labels}");
    }
}

#[test]
fn a_test_ca_unfinished_and_given_up() {
    let source =
        plan(|text| text.replace("[[card]]\nlabel = \"CA\"\nrole = \"ca\"\nholder = \"Administrator 1\"\n", ""));
    let begun = lines(CeremonyMode::Blind, [0; 32], &[start(&source, Operation::Deal, true)]);
    let html = report(&[("01-deal.jsonl", begun)]).render(0);
    for shown in [
        "<div class=\"mark\">TEST CA</div>",
        "TEST CA: its key is in a file",
        "01-deal.jsonl: NOT FINISHED.",
        "@bottom-left{content:\"TEST CA",
        "No head was given",
    ] {
        assert!(html.contains(shown), "{shown}\n{html}");
    }
    let given_up = [start(&source, Operation::Deal, true), Record::End { outcome: End::Abandoned }];
    let html = report(&[("01-deal.jsonl", lines(CeremonyMode::Blind, [0; 32], &given_up))]).render(0);
    assert!(html.contains("01-deal.jsonl: ABANDONED.") && html.contains("deal: ABANDONED"), "{html}");
}

#[test]
fn host_mode() {
    use super::quorum::Fate;
    let source = host_plan();
    let shared =
        |x| Record::Shared { x, m: 2, count: 3, kcv: KCV, share: [x; 32], place: format!("C{x} (Custodian {x})") };
    let end = Record::End { outcome: End::Done };
    let host = |prev, records: &[Record]| lines(CeremonyMode::Host, prev, records);
    let deal = host([0; 32], &[start(&source, Operation::Deal, false), shared(1), shared(2), shared(3), end.clone()]);
    let head = Transcript::parse(&deal).expect("lines").head().expect("a head");
    let made = report(&[("01-deal.jsonl", deal.clone())]);
    assert_eq!(made.fates(), [Fate::ByWord; 3]);
    let html = made.render(0);
    for shown in [
        "<p>HOST MODE: shares passed through this computer, and nobody signed anything.</p>",
        "share 2 was made by this computer</td><td>C2 (Custodian 2)",
        "AB12CD</code>",
        "nobody signed anything, and whoever had that computer",
    ] {
        assert!(html.contains(shown), "{shown}\n{html}");
    }
    let gone = [note("share 1, C1 (Custodian 1), is destroyed"), note("share 3, C3 (Custodian 3), is not there")];
    let begun = [&[start(&source, Operation::Destroy, false)], &gone[..]].concat();
    let both = |last: &[Record]| {
        let destroy = host(head, &[&begun[..], last].concat());
        report(&[("01-deal.jsonl", deal.clone()), ("02-destroy.jsonl", destroy)])
    };
    let done = both(&[end]);
    assert_eq!(done.fates(), [Fate::Gone; 3]);
    assert!(done.render(0).contains("share 1, C1 (Custodian 1), is destroyed"));
    // Where it was stopped, of the other one nothing is known.
    for last in [vec![], vec![Record::End { outcome: End::Abandoned }], vec![note("share 2 is destroyed")]] {
        assert_eq!(both(&last).fates(), [Fate::Gone, Fate::Unknown, Fate::Gone], "{last:?}");
    }
}

/// What a plan and people say is text, whatever it looks like.
#[test]
fn everything_is_escaped() {
    let source = plan(|text| {
        text.replace("Custodian 2", "<b>Eve & \\\"Co\\\"</b>").replace("Master key, first issue", "<script>x</script>")
    });
    let records = [start(&source, Operation::Deal, false), note("<img src='http://example.org'>"), note("a\u{202E}b")];
    let mut made = report(&[("01-<i>.jsonl", lines(CeremonyMode::Blind, [0; 32], &records))]);
    made.accounts[0].progress.notes.clear();
    let html = made.render(0);
    for raw in ["<script", "<b>Eve", "<img", "<i>", "\u{202E}"] {
        assert!(!html.contains(raw), "{raw}\n{html}");
    }
    for shown in ["&lt;b&gt;Eve &amp; &quot;Co&quot;&lt;/b&gt;", "&lt;script&gt;x", "01-&lt;i&gt;.jsonl", "a\\u{202e}b"]
    {
        assert!(html.contains(shown), "{shown}\n{html}");
    }
}

/// No report of what is refused: another plan, another chain, nothing.
#[test]
fn what_is_refused_has_no_report() {
    let (one, other) = (plan(|text| text), plan(|text| text.replace("first issue", "second issue")));
    let end = Record::End { outcome: End::Abandoned };
    let first = lines(CeremonyMode::Blind, [0; 32], &[start(&one, Operation::Deal, false), end]);
    let head = Transcript::parse(&first).expect("lines").head().expect("a head");
    let second = |plan, prev| lines(CeremonyMode::Blind, prev, &[start(plan, Operation::Deal, false)]);
    let verified = |files: &[&[u8]]| {
        let files: Vec<_> = files.iter().map(|bytes| (String::new(), *bytes)).collect();
        Report::verified(&files, &Given::default()).map_err(|error| (error.transcript, error.refusal.check))
    };
    assert!(verified(&[&first, &second(&one, head)]).is_ok());
    assert_eq!(verified(&[&first, &second(&other, head)]).expect_err("another plan"), (2, 5));
    assert_eq!(verified(&[&first, &second(&one, [1; 32])]).expect_err("another chain"), (2, 2));
    assert_eq!(verified(&[]).expect_err("nothing"), (1, 2));
    assert_eq!(verified(&[b""]).expect_err("nothing"), (1, 2));
}
