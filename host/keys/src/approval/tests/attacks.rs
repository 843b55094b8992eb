//! What somebody does who can write everything but the operators and the policy.

use super::{HOUR, NOON, approval, approved, filed, name, operation, operators, policy, request, signed_by, signing};
use crate::approval::check::authorise;
use crate::approval::{Approval, Dual, Filed, Nonce, Operation, Permit, Refusal, Reject, Request, Rules};
use crate::lifecycle::Act;
use ed25519_dalek::Signer;

fn now() -> u64 {
    NOON + 2 * HOUR
}

fn authorised(operation: &Operation, filed: &[Filed]) -> Result<Permit, Refusal> {
    authorise((&policy(), &operators()), operation, filed, now())
}

/// The approvals that do not count, with how many do.
fn missing(filed: &Filed) -> (usize, Vec<(String, Reject)>) {
    match authorised(&operation(), std::slice::from_ref(filed)) {
        Err(Refusal::Missing { act: Act::Destroy, request, needed: 2, have, rejected }) => {
            assert_eq!(request, super::request().nonce);
            (have, rejected.into_iter().map(|(name, why)| (name.to_string(), why)).collect())
        }
        other => panic!("{other:?}"),
    }
}

#[track_caller]
fn rejected(filed: &Filed, who: &str, why: Reject) {
    assert_eq!(missing(filed), (1, vec![(who.to_owned(), why)]));
}

fn requester(why: Reject) -> Result<Permit, Refusal> {
    Err(Refusal::Requester { requester: name("anna"), why })
}

#[test]
fn two_custodians_are_enough() {
    let permit = authorised(&operation(), &[approved(&request(), &["ben", "cem"])]).unwrap();
    assert_eq!(permit.operation(), &operation());
    assert_eq!((permit.request(), permit.requester()), (Some(request().nonce), Some(&name("anna"))));
    assert_eq!(permit.approvers(), [name("ben"), name("cem")]);
    // What does not count takes nothing away.
    let permit = authorised(&operation(), &[approved(&request(), &["eve", "ben", "ben2", "anna2", "dora"])]);
    assert_eq!(permit.unwrap().approvers(), [name("ben"), name("dora")]);
}

#[test]
fn one_is_not() {
    assert_eq!(missing(&approved(&request(), &["ben"])), (1, vec![]));
    assert_eq!(missing(&approved(&request(), &[])), (0, vec![]));
}

#[test]
fn an_approval_serves_once() {
    let spent = Filed { spent: true, ..approved(&request(), &["ben", "cem"]) };
    assert_eq!(authorised(&operation(), std::slice::from_ref(&spent)), Err(Refusal::Spent(request().nonce)));
    // Somebody who resets the mark in the database has not turned the key's history back.
    let reset = Filed { spent: false, ..spent };
    let after = Operation { steps: 4, head: [0xC5; 32], ..operation() };
    assert_eq!(authorised(&after, &[reset]), Err(Refusal::NotRequested(Act::Destroy)));
}

#[test]
fn only_what_was_asked_for_is_done() {
    let approved = approved(&request(), &["ben", "cem"]);
    let other = |change: fn(&mut Operation)| {
        let mut other = operation();
        change(&mut other);
        assert_eq!(
            authorised(&other, std::slice::from_ref(&approved)),
            Err(Refusal::NotRequested(other.act)),
            "{other:?}"
        );
    };
    other(|it| it.act = Act::Compromise);
    other(|it| it.act = Act::Deactivate);
    other(|it| it.key.version = Some(1));
    other(|it| it.key.version = None);
    other(|it| it.key.key = name("kmd"));
    other(|it| it.key.vault = name("shop"));
    other(|it| it.what = "AES 8BAF48".to_owned());
    other(|it| it.steps = 2);
    other(|it| it.head[31] ^= 1);
    other(|it| it.not_before = Some(NOON));
}

/// All of them, one after the other: not one byte can be changed by somebody without the keys.
#[test]
fn no_byte_of_the_text_can_change() {
    let approved = approved(&request(), &["ben", "cem"]);
    for at in 0..approved.text.len() {
        for flip in [0x01, 0x20] {
            let mut bytes = approved.text.clone().into_bytes();
            bytes[at] ^= flip;
            let changed = Filed { text: String::from_utf8(bytes).unwrap(), ..approved.clone() };
            let found = Request::parse(&changed.text).map_or(operation(), |request| request.operation);
            let refused = authorised(&found, &[changed]).unwrap_err();
            let signature = matches!(&refused, Refusal::Requester { .. } | Refusal::Damaged);
            let time = matches!(&refused, Refusal::Early { .. } | Refusal::Expired { .. });
            assert!(signature || time, "byte {at}: {refused:?}");
        }
    }
}

#[test]
fn no_byte_of_a_signature_can_change() {
    let approved = approved(&request(), &["ben", "cem"]);
    for at in 0..64 {
        let mut changed = approved.clone();
        changed.signature[at] ^= 1;
        assert_eq!(authorised(&operation(), &[changed]), requester(Reject::Signature), "byte {at}");
        let mut changed = approved.clone();
        changed.approvals[1].signature[at] ^= 1;
        rejected(&changed, "cem", Reject::Signature);
    }
}

#[test]
fn a_request_has_its_time() {
    let approved = [approved(&request(), &["ben", "cem"])];
    let at = |now| authorise((&policy(), &operators()), &operation(), &approved, now);
    let until = NOON + 24 * HOUR;
    assert!(at(until).is_ok());
    assert_eq!(at(until + 1), Err(Refusal::Expired { at: NOON, until }));
    assert_eq!(at(u64::MAX), Err(Refusal::Expired { at: NOON, until }));
    // Clocks differ by five minutes at the most.
    assert!(at(NOON - 300).is_ok());
    assert_eq!(at(NOON - 301), Err(Refusal::Early { at: NOON, now: NOON - 301 }));
    assert_eq!(at(0), Err(Refusal::Early { at: NOON, now: 0 }));
}

#[test]
fn an_approval_has_its_time() {
    let late = |at| {
        let mut filed = approved(&request(), &["ben"]);
        filed.approvals.push(approval(&filed, "cem", at));
        filed
    };
    assert!(authorised(&operation(), &[late(NOON - 300)]).is_ok());
    rejected(&late(NOON - 301), "cem", Reject::Late);
    rejected(&late(0), "cem", Reject::Late);
    assert!(authorised(&operation(), &[late(NOON + 24 * HOUR)]).is_ok());
    rejected(&late(NOON + 24 * HOUR + 1), "cem", Reject::Late);
    rejected(&late(u64::MAX), "cem", Reject::Late);
}

#[test]
fn nobody_counts_who_is_retired() {
    let approved = approved(&request(), &["ben", "cem"]);
    // Whenever that was: what the computer calls now is somebody's word.
    for at in [0, NOON, now() + HOUR, u64::MAX] {
        let mut operators = operators();
        operators.retire(&name("cem"), at).unwrap();
        let refused = authorise((&policy(), &operators), &operation(), std::slice::from_ref(&approved), now());
        assert!(matches!(refused, Err(Refusal::Missing { have: 1, rejected, .. })
            if rejected == [(name("cem"), Reject::Retired)]));
        operators.retire(&name("anna"), at).unwrap();
        let refused = authorise((&policy(), &operators), &operation(), std::slice::from_ref(&approved), now());
        assert_eq!(refused, requester(Reject::Retired));
    }
}

#[test]
fn nobody_counts_who_is_not_known() {
    let mut filed = approved(&request(), &["ben"]);
    filed.approvals.push(approval(&filed, "zoe", now()));
    rejected(&filed, "zoe", Reject::Unknown);
    let asked = approved(&Request { requester: name("zoe"), ..request() }, &["ben", "cem"]);
    let refused = Refusal::Requester { requester: name("zoe"), why: Reject::Unknown };
    assert_eq!(authorised(&operation(), &[asked]), Err(refused));
}

#[test]
fn a_role_is_needed_to_approve_and_to_ask() {
    rejected(&approved(&request(), &["ben", "eve"]), "eve", Reject::Role);
    let asked = approved(&Request { requester: name("eve"), ..request() }, &["ben", "cem"]);
    let refused = Refusal::Requester { requester: name("eve"), why: Reject::Role };
    assert_eq!(authorised(&operation(), &[asked]), Err(refused));
}

#[test]
fn nobody_approves_the_own_request() {
    let asked = Request { requester: name("ben"), ..request() };
    rejected(&approved(&asked, &["cem", "ben"]), "ben", Reject::Own);
    // Under another name and with another key it is the same person.
    rejected(&approved(&asked, &["cem", "ben2"]), "ben2", Reject::Own);
    rejected(&approved(&request(), &["cem", "anna2"]), "anna2", Reject::Own);
}

#[test]
fn a_person_counts_once() {
    rejected(&approved(&request(), &["ben", "ben2"]), "ben2", Reject::Again);
    rejected(&approved(&request(), &["ben2", "ben"]), "ben", Reject::Again);
    // The same signature twice, and a second one of another moment.
    rejected(&approved(&request(), &["ben", "ben"]), "ben", Reject::Again);
    let mut filed = approved(&request(), &["ben"]);
    filed.approvals.push(approval(&filed, "ben", now()));
    rejected(&filed, "ben", Reject::Again);
}

#[test]
fn name_and_time_of_an_approval_are_signed_too() {
    let mut renamed = approved(&request(), &["ben", "ben2"]);
    renamed.approvals[1].operator = name("cem");
    rejected(&renamed, "cem", Reject::Signature);
    let mut swapped = approved(&request(), &["ben", "cem"]);
    let [first, second] = &mut swapped.approvals[..] else { panic!("two") };
    std::mem::swap(&mut first.operator, &mut second.operator);
    let both = vec![("cem".to_owned(), Reject::Signature), ("ben".to_owned(), Reject::Signature)];
    assert_eq!(missing(&swapped), (0, both));
    let mut later = approved(&request(), &["ben", "cem"]);
    later.approvals[1].at += 1;
    rejected(&later, "cem", Reject::Signature);
}

#[test]
fn approvals_belong_to_their_request() {
    let first = approved(&request(), &["ben", "cem"]);
    for second in [
        Request { nonce: Nonce([0x18; 16]), ..request() },
        Request { reason: "another reason".to_owned(), ..request() },
        Request { at: NOON + 1, ..request() },
        Request { requester: name("dora"), ..request() },
    ] {
        let moved = Filed { approvals: first.approvals.clone(), ..filed(&second) };
        let refused = authorised(&operation(), &[moved]);
        assert!(matches!(refused, Err(Refusal::Missing { have: 0, rejected, .. })
            if rejected.iter().all(|(_, why)| *why == Reject::Signature) && rejected.len() == 2));
    }
}

#[test]
fn a_request_is_signed_by_the_one_who_asks() {
    for forger in ["ben", "anna2", "zoe"] {
        let mut forged = signed_by(forger, &request());
        forged.approvals = approved(&request(), &["ben", "cem"]).approvals;
        assert_eq!(authorised(&operation(), &[forged]), requester(Reject::Signature), "{forger}");
    }
}

/// What was signed as one thing is not taken for the other.
#[test]
fn asking_is_not_approving() {
    let mut filed = approved(&request(), &["ben"]);
    let signature = signing("cem").sign(&Filed::message(&filed.text)).to_bytes();
    filed.approvals.push(Approval { operator: name("cem"), at: now(), signature });
    rejected(&filed, "cem", Reject::Signature);
    let mut filed = approved(&request(), &["ben", "cem"]);
    filed.signature = signing("anna").sign(&Approval::message(&filed.text, &name("anna"), NOON)).to_bytes();
    assert_eq!(authorised(&operation(), &[filed]), requester(Reject::Signature));
}

#[test]
fn the_reason_given_is_that_of_the_request_that_came_furthest() {
    let with = |nonce: u8, at| Request { nonce: Nonce([nonce; 16]), at, ..request() };
    let damaged = Filed { text: "no request".to_owned(), ..filed(&request()) };
    let other = filed(&Request { operation: Operation { steps: 9, ..operation() }, ..request() });
    let spent = Filed { spent: true, ..filed(&with(1, NOON)) };
    let expired = filed(&with(2, NOON - 48 * HOUR));
    let forged = signed_by("ben", &with(3, NOON));
    let short = approved(&with(4, NOON), &["ben"]);
    let whole = approved(&with(5, NOON), &["ben", "cem"]);
    let all = [other, damaged, spent, expired, forged, short, whole];
    let kind = |refused: Result<Permit, Refusal>| match refused {
        Err(Refusal::NotRequested(_)) => 0,
        Err(Refusal::Damaged) => 1,
        Err(Refusal::Spent(_)) => 2,
        Err(Refusal::Expired { .. }) => 3,
        Err(Refusal::Requester { .. }) => 4,
        Err(Refusal::Missing { .. }) => 5,
        Ok(_) => 6,
        Err(other) => panic!("{other:?}"),
    };
    for last in 0..all.len() {
        assert_eq!(kind(authorised(&operation(), &all[..=last])), last);
        let backwards: Vec<_> = all[..=last].iter().rev().cloned().collect();
        assert_eq!(kind(authorised(&operation(), &backwards)), last, "whatever the order");
    }
}

/// What needs nobody else needs an operator with a role for it all the same, and no policy makes less of the rest.
#[test]
fn what_needs_nobody_else() {
    let rules =
        |me: Option<&str>| Rules::Dual(Box::new(Dual { policy: policy(), operators: operators(), me: me.map(name) }));
    let suspend = Operation { act: Act::Suspend, ..operation() };
    let permit = |me, operation: &Operation| rules(me).permit(operation, &[], now());
    let refused = |who: &str, why| Err(Refusal::Requester { requester: name(who), why });
    assert_eq!(permit(Some("eve"), &suspend).unwrap().requester(), Some(&name("eve")));
    assert_eq!(permit(None, &suspend), Err(Refusal::Nobody));
    assert_eq!(permit(Some("zoe"), &suspend), refused("zoe", Reject::Unknown));
    let make = Operation { act: Act::Generate, ..operation() };
    assert_eq!(permit(Some("eve"), &make), refused("eve", Reject::Role));
    for act in Act::ALL.into_iter().filter(|act| act.least_approvals() > 0) {
        let alone = Operation { act, ..operation() };
        assert_eq!(permit(Some("anna"), &alone), Err(Refusal::NotRequested(act)), "{act}");
    }
    // Where there is no policy one person decides; it is told so.
    let alone = Rules::Alone.permit(&operation(), &[], now()).unwrap();
    assert_eq!((alone.request(), alone.requester(), alone.approvers()), (None, None, [].as_slice()));
}
