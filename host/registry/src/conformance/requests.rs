//! Requests, approvals, editions.

use super::{Open, card, set, sound};
use crate::{CardEntry, Due, NewVersion, Registry, RegistryError, RequestEntry};
use cardwright_keys::approval::{Approval, Filed, Nonce, Operation, Request};
use cardwright_keys::journal::Record;
use cardwright_keys::keyref::VaultKey;
use cardwright_keys::lifecycle::{Act, Step};
use cardwright_keys::vault::{KeyType, Purpose};

/// A request in its words; what it is signed with is not looked at here.
pub(super) fn request(number: u8) -> RequestEntry {
    let nonce = Nonce([number; 16]);
    let operation = Operation {
        act: Act::Activate,
        key: "office/kmc:1".parse().unwrap(),
        what: "aes256 master".to_owned(),
        steps: 1,
        head: [number; 32],
        not_before: None,
    };
    let reason = "next year's".to_owned();
    let requester = "alice".parse().unwrap();
    let text = Request { operation, reason, requester, at: 1000, nonce }.text();
    RequestEntry { nonce, filed: Filed { text, signature: [number; 64], approvals: Vec::new(), spent: false } }
}

fn approval(operator: &str, at: u64) -> Approval {
    Approval { operator: operator.parse().unwrap(), at, signature: [0xA5; 64] }
}

pub(super) fn conflict<T: std::fmt::Debug>(result: Result<T, RegistryError>) -> String {
    match result {
        Err(RegistryError::Conflict(what)) => what,
        other => panic!("{other:?}"),
    }
}

pub(super) fn kept(make: &dyn Fn() -> Open) {
    let open = make();
    let mut registry = open();
    let mut filed: Vec<_> = [9, 3, 5].map(request).into();
    for entry in &mut filed {
        entry.filed.approvals = vec![approval("dave", 4)];
        registry.file(entry).unwrap();
    }
    for (operator, at) in [("zoe", 3), ("bob", 2), ("carol", 1)] {
        registry.approve(filed[1].nonce, &approval(operator, at)).unwrap();
        filed[1].filed.approvals.push(approval(operator, at));
    }
    registry.spend(filed[2].nonce).unwrap();
    filed[2].filed.spent = true;
    assert_eq!(registry.requests().unwrap(), filed, "in the order in which they came");
    assert_eq!(open().requests().unwrap(), filed);
    sound(&*registry);
}

pub(super) fn once(make: &dyn Fn() -> Open) {
    let open = make();
    let (mut registry, mut other) = (open(), open());
    registry.file(&request(1)).unwrap();
    conflict(other.file(&request(1)));
    registry.approve(Nonce([1; 16]), &approval("bob", 1)).unwrap();
    conflict(other.approve(Nonce([1; 16]), &approval("bob", 2)));
    conflict(other.approve(Nonce([2; 16]), &approval("bob", 2)));
    let other_name = RequestEntry { nonce: Nonce([2; 16]), ..request(1) };
    assert!(matches!(registry.file(&other_name), Err(RegistryError::Unfit(_))));
    let mut changed = request(2);
    changed.filed.text.push(' ');
    assert!(matches!(registry.file(&changed), Err(RegistryError::Unfit(_))));
    let mut wanted = request(1);
    wanted.filed.approvals.push(approval("bob", 1));
    assert_eq!(other.requests().unwrap(), [wanted]);
}

pub(super) fn serves_once(make: &dyn Fn() -> Open) {
    let open = make();
    let (mut registry, mut other) = (open(), open());
    conflict(registry.spend(Nonce([1; 16])));
    registry.file(&request(1)).unwrap();
    other.spend(Nonce([1; 16])).unwrap();
    let what = conflict(registry.spend(Nonce([1; 16])));
    assert!(what.contains("has served already"), "{what}");
}

type Write<'a> = (bool, &'a dyn Fn(&mut dyn Registry));

pub(super) fn edition(make: &dyn Fn() -> Open) {
    let open = make();
    let mut handles = [open(), open()];
    let counter = |counter| Record::Counter { card: card(2), set: set(0), counter };
    let key: VaultKey = "office/kmc:1".parse().unwrap();
    let step = |act| Step { act, at: 1000, who: "alice".to_owned(), reason: String::new(), request: None };
    let (purpose, key_type, first) = (Purpose::Master, KeyType::Aes256, step(Act::Generate));
    let version = NewVersion { key: key.clone(), purpose, key_type, kcvs: None, first };
    let writes: [Write<'_>; 10] = [
        (false, &|registry| registry.append(&[counter(1)], 1).unwrap()),
        (true, &|registry| registry.file(&request(1)).unwrap()),
        (true, &|registry| registry.approve(Nonce([1; 16]), &approval("bob", 1)).unwrap()),
        (true, &|registry| registry.spend(Nonce([1; 16])).unwrap()),
        (false, &|registry| {
            registry.put_cards(&[CardEntry { card: card(0), profile: None, sets: Vec::new() }]).unwrap();
        }),
        (true, &|registry| registry.add_version(&version).unwrap()),
        (true, &|registry| registry.set_due(&key, Some(Due { at: 5, request: None })).unwrap()),
        (true, &|registry| registry.set_wrapped_under(&key, &"office/wrap:1".parse().unwrap()).unwrap()),
        (true, &|registry| registry.add_step(&key, 1, &step(Act::Activate)).unwrap()),
        (false, &|registry| drop(conflict(registry.add_step(&key, 1, &step(Act::Suspend))))),
    ];
    for (n, (about_keys, write)) in writes.into_iter().enumerate() {
        let before = handles.each_ref().map(|handle| handle.edition().unwrap());
        write(&mut *handles[n % 2]);
        let after = handles.each_ref().map(|handle| handle.edition().unwrap());
        let changed = [0, 1].map(|one| before[one] != after[one]);
        assert_eq!(changed, [about_keys; 2], "{n}: {before:?} {after:?}");
        handles.iter().for_each(|handle| drop((handle.requests().unwrap(), handle.card(&card(2)).unwrap())));
        assert_eq!(handles.each_ref().map(|handle| handle.edition().unwrap()), after, "nobody wrote");
        assert_eq!(open().edition().unwrap(), after[0]);
    }
}
