//! Several who have it open at once.

use super::{card, counter, entry, fill, open, place, request};
use cardwright_keys::journal::{Journal, Record};
use cardwright_registry::{Registry, RegistryError};
use std::sync::Barrier;

const SEVERAL: u8 = 8;

/// Each in a thread of its own, from the same moment on.
fn at_once<T: Send>(run: impl Fn(u8) -> T + Sync) -> Vec<T> {
    let barrier = Barrier::new(usize::from(SEVERAL));
    std::thread::scope(|scope| {
        let start = |number| {
            let (run, barrier) = (&run, &barrier);
            scope.spawn(move || {
                barrier.wait();
                run(number)
            })
        };
        let threads: Vec<_> = (0..SEVERAL).map(start).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    })
}

#[test]
fn make_it() {
    for _ in 0..20 {
        let (_dir, path) = place();
        at_once(|number| open(&path).append(&[counter(number, 5)], 1).unwrap());
        let registry = open(&path);
        assert!((0..SEVERAL).all(|number| registry.ledger(&card(number)).unwrap().counters.len() == 1));
        assert_eq!(registry.check().unwrap(), []);
    }
}

#[test]
fn write_to_it() {
    let (_dir, path) = place();
    fill(&mut open(&path));
    at_once(|number| {
        let mut registry = open(&path);
        for n in 0..20 {
            let attempt = Record::Authenticating { card: card(100), set: super::set() };
            registry.append(&[counter(100 + number, n), attempt], 1).unwrap();
            registry.put_cards(&[entry(200), entry(210 + number)]).unwrap();
        }
    });
    let registry = open(&path);
    assert_eq!(registry.ledger(&card(100)).unwrap().failures.unanswered, 20 * u32::from(SEVERAL));
    assert_eq!(registry.count_dependants(&"office/kmc:1".parse().unwrap()).unwrap(), 3 + u64::from(SEVERAL));
    assert_eq!(registry.check().unwrap(), []);
}

#[test]
fn want_the_same_request() {
    let (_dir, path) = place();
    open(&path).file(&request(1)).unwrap();
    let spent = at_once(|_| open(&path).spend(request(1).nonce));
    assert_eq!(spent.iter().filter(|spent| spent.is_ok()).count(), 1);
    assert!(spent.iter().all(|spent| matches!(spent, Ok(()) | Err(RegistryError::Conflict(_)))), "{spent:?}");
}

#[test]
fn a_refusal_is_not_the_end() {
    let (_dir, path) = place();
    let mut registry = open(&path);
    registry.file(&request(1)).unwrap();
    assert!(matches!(registry.file(&request(1)), Err(RegistryError::Conflict(_))));
    registry.file(&request(2)).unwrap();
    assert_eq!(open(&path).requests().unwrap().len(), 2);
}
