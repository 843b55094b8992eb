//! Checks 1 and 2.

use super::super::{Given, Why, verify};
use super::whole::hosted;
use super::{deal, refused, refused_with, told};
use crate::ceremony::plan::CeremonyMode;
use crate::ceremony::transcript::{Chain, Fault, Record};
use crate::ceremony::verify::Refusal;
use crate::ceremony::words::Fingerprint;
use cardwright_proto::custody::manifest::{Operation, Place};
use cardwright_proto::custody::message::{Fields, Held};
use cardwright_proto::custody::take_part::Approval;
use cardwright_proto::gp::key::Kcv;

/// A line that was changed by hand.
#[track_caller]
fn malformed(from: &str, to: &str, line: usize, check: u8, fault: &Fault) {
    let (cards, told) = deal();
    let text = String::from_utf8(told.bytes()).unwrap();
    assert!(text.contains(from));
    let refusal = verify(text.replacen(from, to, 1).as_bytes(), &cards.given()).unwrap_err();
    assert_eq!((refusal.line, refusal.check), (line, check), "{refusal}");
    assert!(matches!(&refusal.why, Why::Malformed(found) if found == fault), "{refusal}");
}

#[test]
fn check_1_a_line_has_its_form() {
    malformed("{\"n\":0,", "{ \"n\":0,", 1, 1, &Fault::Member("n"));
    malformed("{\"n\":7,", "{\"n\":07,", 8, 1, &Fault::Value("n"));
    malformed("{\"n\":7,", "{\"n\":8,", 8, 1, &Fault::Number { found: 8, expected: Some(7) });
    malformed("12:00:07Z", "12:00:05Z", 8, 1, &{
        let [at, before] = ["2026-01-31T12:00:05Z", "2026-01-31T12:00:06Z"].map(|at| at.parse().unwrap());
        Fault::Time { at, before }
    });
    malformed("\"kind\":\"offer\"", "\"kind\":\"often\"", 14, 1, &Fault::Kind("often".to_owned()));
    malformed("\"outcome\":\"done\"}", "\"outcome\":\"done\",\"x\":1}", 40, 1, &Fault::Behind);
}

#[test]
fn check_1_lines_are_chained() {
    let (cards, told) = deal();
    let text = String::from_utf8(told.bytes()).unwrap();
    let lines: Vec<_> = text.lines().collect();
    // A line changed in its time shows in the next one; a line left out, or put elsewhere, by its number or there.
    malformed("12:00:05Z", "12:00:06Z", 7, 1, &Fault::Prev);
    for without in 1..lines.len() - 1 {
        let left: Vec<_> =
            (0..).zip(&lines).filter(|(at, _)| *at != without).map(|(_, line)| format!("{line}\n")).collect();
        let Refusal { line, check, .. } = verify(left.concat().as_bytes(), &cards.given()).unwrap_err();
        assert_eq!((line, check), (without + 1, 1));
    }
}

#[test]
fn check_1_all_lines_have_one_mode() {
    let (cards, told) = deal();
    let mut chain = Chain::new(CeremonyMode::Blind, [0; 32]);
    let at = jiff::Timestamp::UNIX_EPOCH;
    let mut bytes = chain.append(at, &told.records[0]).unwrap();
    let second = String::from_utf8(chain.append(at, &told.records[1]).unwrap()).unwrap();
    bytes.extend_from_slice(second.replace("blind", "host").as_bytes());
    let refusal = verify(&bytes, &cards.given()).unwrap_err();
    assert_eq!(refusal, Refusal { line: 2, check: 1, why: Why::Malformed(Fault::Mode(CeremonyMode::Host)) });
}

#[test]
fn check_1_a_last_line_that_is_cut_off() {
    let (cards, told) = deal();
    let mut bytes = told.bytes();
    bytes.pop();
    let refusal = verify(&bytes, &cards.given()).unwrap_err();
    assert_eq!(refusal, Refusal { line: 40, check: 1, why: Why::Malformed(Fault::Cut) });
}

#[test]
fn check_1_an_operation_has_its_records() {
    let (deals, dealt) = deal();
    let (releases, released) = told(Operation::Release);
    let (_, drilled) = told(Operation::Drill);
    let (_, destroyed) = told(Operation::Destroy);
    let kinds = |kinds: &[&'static str]| kinds.to_vec();
    let mut tried = 0;
    for (told, operation, others) in [
        (&dealt, Operation::Deal, kinds(&["export", "imported", "refused"])),
        (&drilled, Operation::Drill, kinds(&["commitment", "contribution", "box", "forget", "export", "imported"])),
        (&released, Operation::Release, kinds(&["commitment", "contribution", "box", "forget", "verdict"])),
        (
            &destroyed,
            Operation::Destroy,
            kinds(&[
                "commitment",
                "offer",
                "contribution",
                "box",
                "statement",
                "release",
                "refused",
                "verdict",
                "forget",
                "export",
            ]),
        ),
    ] {
        for kind in others {
            let from = if matches!(kind, "export" | "imported" | "refused") { &released } else { &dealt };
            let mut told = told.clone();
            let at = told.records.len() - 1;
            told.records.insert(at, from.records[from.at(kind)].clone());
            refused(&deals, &told, at, 1, Why::NotInOperation { kind, operation });
            tried += 1;
        }
    }
    assert_eq!(tried, 24);
    // A release may have a receipt.
    let mut told = released;
    told.records.insert(told.at("export"), releases.receipt(1, Held::Yes, releases.statement_hash()));
    assert!(told.verify(&releases).is_ok());
}

#[test]
fn check_1_a_mode_has_its_records() {
    let (cards, mut told) = deal();
    let hosted = hosted(Operation::Release);
    let at = told.at("approval");
    told.records.insert(at, hosted.records[1].clone());
    refused(&cards, &told, at, 1, Why::NotInMode { kind: "shared", mode: CeremonyMode::Blind });
    for kind in ["ca", "enrol", "manifest", "approval", "receipt"] {
        let mut host = hosted.clone();
        host.records.insert(2, told.records[told.at(kind)].clone());
        refused(&cards, &host, 2, 1, Why::NotInMode { kind, mode: CeremonyMode::Host });
    }
}

#[test]
fn check_1_the_manifest_stands_between() {
    let (cards, told) = deal();
    let manifest = told.at("manifest");
    for kind in ["ca", "enrol", "revoked"] {
        let mut late = told.clone();
        late.records.insert(manifest + 1, told.records[told.at(kind)].clone());
        refused(&cards, &late, manifest + 1, 1, Why::Behind { kind, barrier: "manifest" });
    }
    for kind in ["approval", "commitment", "offer", "statement", "receipt", "verdict", "forget"] {
        let mut early = told.clone();
        early.records.insert(manifest, told.records[told.at(kind)].clone());
        refused(&cards, &early, manifest, 1, Why::Before { kind, wanted: "manifest", place: None });
    }
}

#[test]
fn check_1_nothing_is_behind_the_end() {
    let (cards, mut told) = deal();
    told.records.push(Record::Note { text: "later".to_owned() });
    refused(&cards, &told, 40, 1, Why::BehindEnd("note"));
    told.records[40] = told.records[39].clone();
    refused(&cards, &told, 40, 1, Why::BehindEnd("end"));
}

#[test]
fn check_1_what_is_asked_for_again_says_the_same() {
    let (mut cards, told) = deal();
    let at = told.records.len() - 2;
    let insert = |record: Record| {
        let mut told = told.clone();
        told.records.insert(at, record);
        told
    };
    let counter = 2;
    let place = Place::Custodian(1);
    let signature = cards.sign(place, Fields::Approval { counter });
    let again = insert(Record::Approval { place, approval: Approval { counter, signature } });
    refused(&cards, &again, at, 1, Why::Differs("approval"));
    let fields = Fields::Committed { commitment: [9; 32] };
    let committed =
        cardwright_proto::custody::receive::Committed { commitment: [9; 32], signature: cards.sign(place, fields) };
    refused(&cards, &insert(Record::Commitment { x: 1, committed }), at, 1, Why::Differs("commitment"));
    refused(&cards, &insert(cards.receipt(1, Held::No, [0; 32])), at, 1, Why::Differs("receipt"));
    refused(&cards, &insert(cards.verdict_of([0; 32])), at, 1, Why::Differs("verdict"));
    let forget = cards.forget(cardwright_proto::custody::message::Outcome::Abandoned, cards.statement_hash());
    let mut forgot = told.clone();
    forgot.records.insert(at + 1, forget);
    refused(&cards, &forgot, at + 1, 1, Why::Differs("forget"));

    let mut release = cards.tell(Operation::Release);
    let at = release.last("imported");
    release.records.insert(at, cards.export_of(vec![4; 113]));
    refused(&cards, &release, at, 1, Why::Differs("export"));
}

#[test]
fn check_1_the_head_is_the_one_that_was_given() {
    let (cards, told) = deal();
    let (bytes, head) = told.chained();
    let given = |head| Given { head: Some(Fingerprint::Hash(head)), ..cards.given() };
    assert!(verify(&bytes, &given(head)).is_ok());
    refused_with(&given([1; 32]), &told, 39, 1, Why::Head);
    // Without the head, what nobody signs at the end can be cut off.
    let mut cut = told.clone();
    cut.records.pop();
    assert!(cut.verify(&cards).is_ok());
    refused_with(&given(head), &cut, 38, 1, Why::Head);
}

#[test]
fn check_2_it_begins_with_start() {
    let (cards, told) = deal();
    for kind in ["ca", "note", "manifest", "end"] {
        let mut other = told.clone();
        other.records = vec![told.records[told.at(kind)].clone()];
        refused(&cards, &other, 0, 2, Why::NoStart);
    }
    let refusal = verify(b"", &cards.given()).unwrap_err();
    assert_eq!(refusal, Refusal { line: 1, check: 2, why: Why::NoStart });
    let mut twice = told.clone();
    twice.records.insert(3, told.records[0].clone());
    refused(&cards, &twice, 3, 2, Why::Second("start"));
    malformed("\"format\":2", "\"format\":1", 1, 2, &Fault::Format(1));
}

#[test]
fn check_2_it_hangs_on_what_was_given() {
    let (cards, told) = deal();
    let given = Given { prev: Some([1; 32]), ..cards.given() };
    refused_with(&given, &told, 0, 2, Why::Prev);
}

#[test]
fn host_mode_fits_together() {
    let told = hosted(Operation::Release);
    let given = Given::default();
    let with = |at: usize, record: Record| {
        let mut told = told.clone();
        told.records[at] = record;
        told
    };
    let shared =
        |x, m, count, kcv| Record::Shared { x, m, count, kcv: Kcv([kcv; 3]), share: [0; 32], place: "file".to_owned() };
    refused_with(&given, &with(2, shared(2, 2, 3, 9)), 2, 1, Why::Differs("shared"));
    refused_with(&given, &with(2, shared(2, 3, 3, 9)), 2, 5, Why::NotPlanned("m or n"));
    refused_with(&given, &with(2, shared(2, 2, 4, 9)), 2, 5, Why::NotPlanned("m or n"));
    refused_with(&given, &with(2, shared(4, 2, 3, 9)), 2, 6, Why::X(4));
    let imported = |kcv| Record::Imported { kcv: Kcv([kcv; 3]) };
    refused_with(&given, &with(4, imported(9)), 4, 14, Why::Kcv("imported"));
    // Whichever comes first.
    let mut early = told.clone();
    early.records.insert(1, imported(9));
    refused_with(&given, &early, 2, 14, Why::Kcv("shared"));
    early.records[2] = imported(8);
    refused_with(&given, &early, 2, 14, Why::Kcv("imported"));
    // A share that is read again is the same.
    let again = |share| {
        let mut told = told.clone();
        told.records
            .insert(4, Record::Shared { x: 2, m: 2, count: 3, kcv: Kcv([1, 2, 3]), share, place: "file".to_owned() });
        told
    };
    assert!(verify(&again([2; 32]).bytes(), &given).is_ok());
    refused_with(&given, &again([3; 32]), 4, 1, Why::Differs("shared"));
    for operation in [Operation::Deal, Operation::Drill, Operation::Destroy] {
        let mut other = hosted(operation);
        other.records.insert(4, imported(1));
        refused_with(&given, &other, 4, 1, Why::NotInOperation { kind: "imported", operation });
    }
}
