//! Steps that were made before: whether they had their approvals then.

use super::{HOUR, NOON, approved, name, operation, operators, policy, request, signed_by};
use crate::approval::{
    Disbelief, Dual, Filed, Nonce, Operation, Operators, Refusal, Reject, Request, Rules, check::vouch,
};
use crate::keyref::VaultKey;
use crate::lifecycle::{Act, History, State, Step};

fn vouched(operators: &Operators, filed: &Filed) -> Result<(), Refusal> {
    vouch((&policy(), operators), &operation(), filed)
}

fn done() -> Filed {
    Filed { spent: true, ..approved(&request(), &["ben", "cem"]) }
}

#[test]
fn what_has_served_stays_approved() {
    assert_eq!(vouched(&operators(), &done()), Ok(()));
}

/// What counts is the time that is signed.
#[test]
fn who_retired_afterwards_had_not_retired_then() {
    for (who, signed) in [("anna", NOON), ("ben", NOON + HOUR)] {
        let mut after = operators();
        after.retire(&name(who), signed + 1).unwrap();
        assert!(vouched(&after, &done()).is_ok(), "{who}");
        let mut before = operators();
        before.retire(&name(who), signed).unwrap();
        let retired = match vouched(&before, &done()).unwrap_err() {
            Refusal::Requester { why, .. } => why,
            Refusal::Missing { rejected, .. } => rejected[0].1,
            other => panic!("{other:?}"),
        };
        assert_eq!(retired, Reject::Retired, "{who}");
    }
}

#[test]
fn a_step_is_vouched_for_by_its_own_request() {
    let vouch_for = |operation: &Operation| vouch((&policy(), &operators()), operation, &done());
    assert!(vouch_for(&operation()).is_ok());
    for other in [
        Operation { steps: 4, ..operation() },
        Operation { head: [0; 32], ..operation() },
        Operation { key: "office/kmc:1".parse().unwrap(), ..operation() },
    ] {
        assert_eq!(vouch_for(&other), Err(Refusal::NotRequested(Act::Destroy)));
    }
    assert_eq!(vouched(&operators(), &Filed { text: String::new(), ..done() }), Err(Refusal::Damaged));
}

#[test]
fn forged_rows_do_not_vouch() {
    assert!(matches!(
        vouched(&operators(), &approved(&request(), &["ben", "ben2"])),
        Err(Refusal::Missing { have: 1, .. })
    ));
    let mut forged = signed_by("ben", &request());
    forged.approvals = done().approvals;
    let refused = Refusal::Requester { requester: name("anna"), why: Reject::Signature };
    assert_eq!(vouched(&operators(), &forged), Err(refused));
}

fn key() -> VaultKey {
    operation().key
}

/// A key that was generated, activated and destroyed under dual control, with the requests for it.
fn life() -> (History, Vec<Filed>) {
    let step = |act, at, request| Step { act, at, who: "anna".to_owned(), reason: "it is time".to_owned(), request };
    let mut history = History(vec![step(Act::Generate, NOON, None)]);
    let mut filed = Vec::new();
    for (index, act) in [(1_u8, Act::Activate), (2, Act::Destroy)] {
        let at = NOON + u64::from(index) * HOUR;
        let operation = Operation { act, steps: index.into(), head: history.head(), ..operation() };
        let request = Request { operation, at, nonce: Nonce([index; 16]), ..request() };
        filed.push(Filed { spent: true, ..approved(&request, &["ben", "cem"]) });
        history.0.push(step(act, at + HOUR, Some(request.nonce)));
    }
    (history, filed)
}

fn state(history: &History, filed: &[Filed]) -> Result<Option<State>, Disbelief> {
    let find = |nonce: Nonce| {
        let is = |one: &&Filed| Request::parse(&one.text).is_ok_and(|request| request.nonce == nonce);
        filed.iter().find(is).cloned()
    };
    let dual = Dual { policy: policy(), operators: operators(), me: None };
    Rules::Dual(Box::new(dual)).state(&key(), history, &find)
}

/// Which step is not believed.
#[track_caller]
fn disbelieved(history: &History, filed: &[Filed]) -> (usize, Refusal) {
    match state(history, filed) {
        Err(Disbelief::NotApproved { step, refusal, .. }) => (step, *refusal),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_life_is_believed_step_by_step() {
    let (history, filed) = life();
    assert_eq!(state(&history, &filed), Ok(Some(State::Destroyed)));
    // Whoever turns a history back is believed: what is gone from the vault does not come back by that.
    let shorter = History(history.0[..2].to_vec());
    assert_eq!(state(&shorter, &filed), Ok(Some(State::Active)));
}

#[test]
fn an_edited_row_is_not_believed() {
    let (history, filed) = life();
    let edited = |change: fn(&mut History)| {
        let mut history = history.clone();
        change(&mut history);
        history
    };
    let not_requested = |act| Refusal::NotRequested(act);
    // A step without its request, with another step's, with one that is not there.
    let bare = edited(|history| history.0[1].request = None);
    assert_eq!(disbelieved(&bare, &filed), (2, not_requested(Act::Activate)));
    let swapped = edited(|history| history.0[1].request = history.0[2].request);
    assert_eq!(disbelieved(&swapped, &filed), (2, not_requested(Act::Activate)));
    assert_eq!(disbelieved(&history, &filed[..1]), (3, not_requested(Act::Destroy)));
    // Another act in its place; and what a step before says is bound into the next.
    let other = edited(|history| history.0[2].act = Act::Deactivate);
    assert_eq!(disbelieved(&other, &filed), (3, not_requested(Act::Deactivate)));
    for earlier in [
        edited(|history| history.0[0].who = "ben".to_owned()),
        edited(|history| history.0[0].reason = String::new()),
        edited(|history| history.0[0].at -= 1),
        edited(|history| history.0[0].act = Act::Import),
    ] {
        assert!(state(&earlier, &filed).is_err(), "{earlier:?}");
    }
    let backwards = edited(|history| history.0[2].at = NOON);
    assert!(matches!(state(&backwards, &filed), Err(Disbelief::Backwards { step: 3, .. })));
}

/// An activation that was decided ahead is made on its date, however far ahead.
#[test]
fn a_due_activation_waits_for_its_date() {
    let (mut history, _) = life();
    history.0.truncate(1);
    let due = NOON + 1000 * HOUR;
    let ahead = Operation { act: Act::Activate, steps: 1, head: history.head(), not_before: Some(due), ..operation() };
    let request = Request { operation: ahead, ..request() };
    let filed = [Filed { spent: true, ..approved(&request, &["ben", "cem"]) }];
    let mut step = Step { act: Act::Activate, at: due, request: Some(request.nonce), ..history.0[0].clone() };
    history.0.push(step.clone());
    assert_eq!(state(&history, &filed), Ok(Some(State::Active)));
    step.at -= 1;
    history.0[1] = step;
    assert!(matches!(disbelieved(&history, &filed), (2, Refusal::Early { .. })));
}

/// Steps from before there was a policy count when people have vouched for the history that has them, not for their date.
#[test]
fn a_history_from_before_the_policy_is_confirmed() {
    let step = |act, at| Step { act, at, who: "root".to_owned(), reason: String::new(), request: None };
    let mut history = History(vec![step(Act::Import, 1), step(Act::Activate, 2), step(Act::Suspend, 3)]);
    assert_eq!(disbelieved(&history, &[]), (1, Refusal::NotRequested(Act::Import)));
    let words = Operation { act: Act::Confirm, steps: 3, head: history.head(), ..operation() };
    let request = Request { operation: words, ..request() };
    let filed = [Filed { spent: true, ..approved(&request, &["ben", "cem"]) }];
    history.0.push(Step { request: Some(request.nonce), ..step(Act::Confirm, NOON) });
    assert_eq!(state(&history, &filed), Ok(Some(State::Suspended)));
    // What comes after it needs its own, whatever its date.
    history.0.push(step(Act::Reactivate, NOON));
    assert_eq!(disbelieved(&history, &filed), (5, Refusal::NotRequested(Act::Reactivate)));
    // And nothing that went before it can be changed any more.
    history.0.pop();
    history.0[2].act = Act::Deactivate;
    assert_eq!(disbelieved(&history, &filed), (1, Refusal::NotRequested(Act::Import)));
}
