//! Checks a transcript: whether it is what cards signed, by the sixteen checks of `docs/protocol/transcript.md`.
//!
//! Line by line, and for each line check by check: the first failure ends it. Nothing is taken from elsewhere but what is
//! [`Given`].

mod checker;
mod refusal;
mod together;
mod verdict;

use super::transcript::Lines;
use super::words::Fingerprint;
use cardwright_proto::custody::Hash;
use checker::Checker;
use refusal::Failed;
pub use refusal::{AmongAll, Refusal, Why};
use together::{Before, Shown};
pub use verdict::{Completion, Verdict};

/// What whoever verifies knows from elsewhere.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Given<'a> {
    /// Of the CA's key: SHA-256 of its point.
    pub ca: Option<Fingerprint>,
    /// Of the plan: SHA-256 of its file.
    pub plan: Option<Fingerprint>,
    /// Head of the transcript before; zeros where there is none.
    pub prev: Option<Hash>,
    /// Head of this transcript, as it was read aloud at its end. Without it, what is behind the last signature is the
    /// host's word.
    pub head: Option<Fingerprint>,
    /// Hashes of certificates that are not to be used.
    pub revoked: &'a [Hash],
}

/// Checks a transcript.
///
/// # Errors
/// [`Refusal`], for the first line and check that it fails.
pub fn verify(bytes: &[u8], given: &Given<'_>) -> Result<Verdict, Refusal> {
    check(bytes, given, &Before::default()).map(|(verdict, _)| verdict)
}

/// Checks several transcripts together, each chained to the one before: [`Given::prev`] is what the first one hangs on,
/// [`Given::head`] the head of the last one. Beside each by itself: the counter of each card rises with the sequence, by 1
/// each, and what is behind a deal is of that deal's set, statement and CA. Without a deal before them, drills, releases and
/// destructions are of one set among themselves.
///
/// # Errors
/// [`AmongAll`], for the first transcript with a [`Refusal`].
pub fn verify_all(transcripts: &[&[u8]], given: &Given<'_>) -> Result<Vec<Verdict>, AmongAll> {
    let mut before = Before::default();
    let mut verdicts: Vec<Verdict> = Vec::new();
    for (at, bytes) in transcripts.iter().enumerate() {
        let prev = verdicts.last().map_or(given.prev, |before| Some(before.head));
        let last = at + 1 == transcripts.len();
        let given = Given { prev, head: given.head.filter(|_| last), ..*given };
        let checked = check(bytes, &given, &before);
        let checked = checked.and_then(|(verdict, shown)| before.follow(&verdict, shown).map(|()| verdict));
        let verdict = checked.map_err(|refusal| AmongAll { transcript: at + 1, refusal })?;
        // The next one hangs on it.
        verdicts.push(Verdict { head_known: verdict.head_known || !last, ..verdict });
    }
    Ok(verdicts)
}

/// Checks one transcript behind others: what it is, and what it shows to those behind it.
fn check(bytes: &[u8], given: &Given<'_>, before: &Before) -> Result<(Verdict, Shown), Refusal> {
    let mut checker = Checker::new(given, before);
    let mut lines = Lines::new(bytes);
    let mut number = 0;
    for line in lines.by_ref() {
        let line = line.map_err(Refusal::from)?;
        number += 1;
        checker.line(&line, number).map_err(|Failed { check, why }| Refusal { line: number, check, why })?;
    }
    let refused = |check, why| Refusal { line: number.max(1), check, why };
    let head = lines.head().ok_or_else(|| refused(2, Why::NoStart))?;
    if given.head.is_some_and(|given| !given.fits(&head)) {
        return Err(refused(1, Why::Head));
    }
    let verdict = checker.verdict(head).ok_or_else(|| refused(2, Why::NoStart))?;
    Ok((verdict, checker.shown()))
}

#[cfg(test)]
mod tests;
