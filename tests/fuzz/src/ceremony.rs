//! The files of a ceremony.

use cardwright_keys::ceremony::plan::Plan;
use cardwright_keys::ceremony::transcript::{Chain, Transcript};
use cardwright_keys::ceremony::verify::{Given, verify, verify_all};
use cardwright_keys::ceremony::words::Fingerprint;

/// A transcript: what is taken is written again as the same bytes, and what verifies says so in sentences.
pub fn transcript(data: &[u8]) {
    let verified = verify(data, &Given::default());
    let parsed = Transcript::parse(data);
    if let Ok(transcript) = &parsed {
        assert_eq!(rewritten(transcript), data);
    }
    if let Ok(verdict) = verified {
        let transcript = parsed.expect("what verifies is well-formed");
        assert_eq!(transcript.head(), Some(verdict.head));
        let said = verdict.to_string();
        assert!(said.lines().all(|line| !line.chars().any(char::is_control)));
        let head = Some(Fingerprint::Hash(verdict.head));
        assert!(verify(data, &Given { head, ..Given::default() }).is_ok());
        assert!(verify_all(&[data, data], &Given::default()).is_err(), "nothing follows itself");
    }
    let Ok((recovered, whole)) = Transcript::recover(data) else { return };
    assert_eq!(rewritten(&recovered), data[..whole]);
}

/// Each line by itself, written again.
fn rewritten(transcript: &Transcript) -> Vec<u8> {
    let first = transcript.lines.first().map(|line| Chain::new(line.mode, line.prev));
    let Some(mut chain) = first else { return Vec::new() };
    let lines = transcript.lines.iter().flat_map(|line| chain.append(line.at, &line.record).expect("what was read"));
    lines.collect()
}

/// A plan's file, and a fingerprint that somebody typed.
pub fn plan(data: &[u8]) {
    if let Ok(plan) = Plan::parse(data) {
        assert_eq!(plan.source(), data);
        assert!((2..=16).contains(&plan.n()) && (2..=plan.n()).contains(&plan.m));
        assert_eq!(Plan::parse(plan.source()), Ok(plan));
    }
    let Ok(text) = str::from_utf8(data) else { return };
    if let Ok(fingerprint) = text.parse::<Fingerprint>() {
        let again: Fingerprint = fingerprint.to_string().parse().expect("words that were said");
        assert_eq!(again.to_string(), fingerprint.to_string());
    }
}
