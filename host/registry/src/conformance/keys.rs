//! Keys and the steps of their lives.

use super::requests::{conflict, request};
use super::{Open, sound};
use crate::{Due, NewVersion, Registry, RegistryError, VersionEntry};
use cardwright_keys::approval::Nonce;
use cardwright_keys::keyref::VaultKey;
use cardwright_keys::lifecycle::{Act, History, State, Step, after};
use cardwright_keys::vault::{KeyType, Purpose};

fn step(act: Act) -> Step {
    Step { act, at: 1000, who: "alice".to_owned(), reason: "because".to_owned(), request: None }
}

fn served(act: Act, request: Nonce) -> Step {
    Step { request: Some(request), ..step(act) }
}

fn key(text: &str) -> VaultKey {
    text.parse().unwrap()
}

fn new(of: &str) -> NewVersion {
    NewVersion {
        key: key(of),
        purpose: Purpose::Master,
        key_type: KeyType::Aes256,
        kcvs: Some("504A77".to_owned()),
        first: step(Act::Generate),
    }
}

/// The history of a version that is there.
fn history(registry: &dyn Registry, of: &str) -> History {
    let of = key(of);
    let entry = registry.key(&of).unwrap().unwrap();
    entry.versions.into_iter().find(|version| Some(version.version) == of.version).unwrap().history
}

pub(super) fn versions(make: &dyn Fn() -> Open) {
    let mut registry = make()();
    assert_eq!(registry.key(&key("office/kmc")).unwrap(), None);
    conflict(registry.add_version(&new("office/kmc:2")));
    assert!(matches!(registry.add_version(&new("office/kmc")), Err(RegistryError::Unfit(_))));
    for version in ["office/kmc:1", "office/kmc:2", "office/a:1", "annex/kmc:1", "office/kmc:3"] {
        registry.add_version(&new(version)).unwrap();
    }
    for again in ["office/kmc:1", "office/kmc:3", "office/kmc:5"] {
        conflict(registry.add_version(&new(again)));
    }
    conflict(registry.add_version(&NewVersion { purpose: Purpose::Dek, ..new("office/kmc:4") }));
    conflict(registry.add_version(&NewVersion { key_type: KeyType::Aes128, ..new("office/kmc:4") }));
    conflict(registry.add_version(&NewVersion { first: step(Act::Activate), ..new("office/kmc:4") }));
    for kcvs in ["504a77", "504A7", "504A77504A77", "XXXXXX"] {
        let unfit = NewVersion { kcvs: Some(kcvs.to_owned()), ..new("office/kmc:4") };
        assert!(matches!(registry.add_version(&unfit), Err(RegistryError::Unfit(_))), "{kcvs}");
    }
    let found = |entry: &crate::KeyEntry| (entry.key.to_string(), entry.versions.len());
    let keys: Vec<_> = registry.keys().unwrap().iter().map(found).collect();
    let wanted = [("annex/kmc", 1), ("office/a", 1), ("office/kmc", 3)].map(|(key, count)| (key.to_owned(), count));
    assert_eq!(keys, wanted, "by vault and name");
    sound(&*registry);
}

pub(super) fn as_written(make: &dyn Fn() -> Open) {
    let open = make();
    let mut registry = open();
    let first = Step { at: 0, who: "\u{141}ukasz".to_owned(), reason: String::new(), ..step(Act::Import) };
    let card = NewVersion {
        purpose: Purpose::Card,
        key_type: KeyType::TripleDes2,
        kcvs: Some("504A77".repeat(3)),
        first: first.clone(),
        ..new("office/kmc:1")
    };
    registry.add_version(&card).unwrap();
    registry.add_version(&NewVersion { kcvs: None, ..card.clone() }.clone_to("office/kmc:2")).unwrap();
    registry.add_version(&new("office/wrap:1")).unwrap();
    registry.set_wrapped_under(&key("office/kmc:2"), &key("office/wrap:1")).unwrap();
    conflict(registry.set_wrapped_under(&key("office/kmc:3"), &key("office/wrap:1")));
    let entry = open().key(&key("office/kmc:7")).unwrap().unwrap();
    assert_eq!(entry, registry.keys().unwrap()[0]);
    assert_eq!((entry.key, entry.purpose, entry.key_type), (key("office/kmc"), Purpose::Card, KeyType::TripleDes2));
    let one =
        VersionEntry { version: 1, kcvs: card.kcvs, history: History(vec![first]), due: None, wrapped_under: None };
    let two = VersionEntry { version: 2, kcvs: None, wrapped_under: Some(key("office/wrap:1")), ..one.clone() };
    assert_eq!(entry.versions, [one, two]);
    sound(&*registry);
}

impl NewVersion {
    fn clone_to(&self, of: &str) -> Self {
        Self { key: key(of), ..self.clone() }
    }
}

/// Every act is tried in every state.
pub(super) fn edges(make: &dyn Fn() -> Open) {
    use Act::{Activate, Compromise, Deactivate, Destroy, Generate, Suspend};
    let mut registry = make()();
    let ways: [&[Act]; 6] = [
        &[Generate],
        &[Generate, Activate],
        &[Generate, Activate, Suspend],
        &[Generate, Activate, Deactivate],
        &[Generate, Compromise],
        &[Generate, Destroy],
    ];
    let mut number = 0;
    for (way, state) in ways.iter().zip(State::ALL) {
        for act in Act::ALL {
            number += 1;
            let of = format!("office/kmc:{number}");
            registry.add_version(&new(&of)).unwrap();
            for (steps, act) in (1..).zip(&way[1..]) {
                registry.add_step(&key(&of), steps, &step(*act)).unwrap();
            }
            let made = registry.add_step(&key(&of), way.len(), &step(act));
            match after(Some(state), act) {
                Ok(next) => {
                    made.unwrap();
                    assert_eq!(history(&*registry, &of).state(), Ok(Some(next)));
                }
                Err(_) => {
                    conflict(made);
                    assert_eq!(history(&*registry, &of).state(), Ok(Some(state)));
                }
            }
        }
    }
    for bad in ["a\nb", "a\u{1b}[2J", "\u{202E}a"] {
        let who = Step { who: bad.to_owned(), ..step(Activate) };
        let why = Step { reason: bad.to_owned(), ..step(Activate) };
        registry.add_version(&new(&format!("office/kmc:{}", number + 1))).unwrap();
        number += 1;
        for unfit in [who, why] {
            let of = key(&format!("office/kmc:{number}"));
            assert!(matches!(registry.add_step(&of, 1, &unfit), Err(RegistryError::Unfit(_))));
        }
    }
    sound(&*registry);
}

pub(super) fn one_step(make: &dyn Fn() -> Open) {
    let open = make();
    let (mut registry, mut other) = (open(), open());
    registry.add_version(&new("office/kmc:1")).unwrap();
    conflict(other.add_version(&new("office/kmc:1")));
    let of = key("office/kmc:1");
    assert_eq!(history(&*registry, "office/kmc:1"), history(&*other, "office/kmc:1"));
    other.add_step(&of, 1, &step(Act::Activate)).unwrap();
    for steps in [0, 1, 3] {
        conflict(registry.add_step(&of, steps, &step(Act::Suspend)));
    }
    registry.add_step(&of, 2, &step(Act::Suspend)).unwrap();
    conflict(registry.add_step(&key("office/kmc:2"), 0, &step(Act::Generate)));
    assert!(matches!(registry.add_step(&key("office/kmc"), 3, &step(Act::Destroy)), Err(RegistryError::Unfit(_))));
    let steps = [Act::Generate, Act::Activate, Act::Suspend].map(step);
    assert_eq!(history(&*other, "office/kmc:1"), History(steps.into()));
}

pub(super) fn requests(make: &dyn Fn() -> Open) {
    let mut registry = make()();
    let [one, two] = [1, 2].map(request);
    let first = served(Act::Import, one.nonce);
    let version = NewVersion { first, ..new("office/kmc:1") };
    conflict(registry.add_version(&version));
    assert_eq!(registry.keys().unwrap(), [], "nobody has asked for it");
    [&one, &two].into_iter().for_each(|request| registry.file(request).unwrap());
    registry.add_version(&version).unwrap();
    conflict(registry.add_version(&version.clone_to("office/kmc:2")));
    let of = key("office/kmc:1");
    conflict(registry.add_step(&of, 1, &served(Act::Activate, one.nonce)));
    conflict(registry.add_step(&of, 1, &served(Act::Reactivate, two.nonce)));
    let spent =
        |registry: &dyn Registry| registry.requests().unwrap().iter().map(|one| one.filed.spent).collect::<Vec<_>>();
    assert_eq!(spent(&*registry), [true, false], "what was not done has used nothing up");
    registry.add_step(&of, 1, &served(Act::Activate, two.nonce)).unwrap();
    assert_eq!(spent(&*registry), [true, true]);
    assert_eq!(history(&*registry, "office/kmc:1").0[1].request, Some(two.nonce));
    assert_eq!(registry.keys().unwrap()[0].versions.len(), 1);
    sound(&*registry);
}

pub(super) fn dues(make: &dyn Fn() -> Open) {
    let mut registry = make()();
    let due = |registry: &dyn Registry| registry.keys().unwrap()[0].versions[0].due;
    let of = key("office/kmc:1");
    registry.add_version(&new("office/kmc:1")).unwrap();
    [1, 2].map(request).iter().for_each(|request| registry.file(request).unwrap());
    let [one, two] = [1, 2].map(|n| Nonce([n; 16]));
    conflict(registry.set_due(&of, Some(Due { at: 5, request: Some(Nonce([3; 16])) })));
    registry.set_due(&of, Some(Due { at: 5, request: None })).unwrap();
    assert_eq!(due(&*registry), Some(Due { at: 5, request: None }));
    registry.set_due(&of, None).unwrap();
    assert_eq!(due(&*registry), None);
    registry.set_due(&of, Some(Due { at: 6, request: Some(one) })).unwrap();
    conflict(registry.set_due(&of, Some(Due { at: 7, request: Some(one) })));
    assert_eq!(due(&*registry), Some(Due { at: 6, request: Some(one) }));
    conflict(registry.spend(one));
    registry.add_step(&of, 1, &served(Act::Activate, one)).unwrap();
    assert_eq!(due(&*registry), None, "it has been done");
    conflict(registry.set_due(&of, Some(Due { at: 8, request: Some(two) })));
    conflict(registry.add_step(&of, 2, &served(Act::Deactivate, one)));
    assert_eq!(history(&*registry, "office/kmc:1").0.len(), 2);
    assert!(!registry.requests().unwrap()[1].filed.spent);
    sound(&*registry);
}
