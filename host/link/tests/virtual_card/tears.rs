//! Power lost at every tear point of every command that writes.

use super::host::{Failure, Host, Keys, Session, level, put_key};
use cardwright_link::virtual_card::SmartCard;
use cardwright_proto::scp::Mode;
use std::collections::BTreeMap;

const KVN: u8 = 0x30;

/// Runs `act` on a fresh card once for each of its tear points, power lost there, and judges the card after power-up.
/// Prints and returns how often each verdict came, in all and in the order of the points.
fn at_every_point(
    name: &str,
    fresh: impl Fn() -> (Host, Session),
    act: impl Fn(&mut Host, Session) -> Result<(), Failure>,
    judge: impl Fn(&mut Host) -> &'static str,
) -> Vec<&'static str> {
    let (mut host, session) = fresh();
    let before = host.card.tear_points();
    act(&mut host, session).unwrap();
    let points = host.card.tear_points() - before;
    let verdicts: Vec<_> = (0..points)
        .map(|n| {
            let (mut host, session) = fresh();
            host.card.tear_after(n);
            assert_eq!(act(&mut host, session), Err(Failure::Torn), "{name}, point {n}");
            assert!(host.raw(&[0, 0xA4, 4, 0]).is_err(), "no power, no answer");
            host.card.power_on();
            judge(&mut host)
        })
        .collect();
    let mut counts = BTreeMap::from([("old", 0), ("new", 0), ("other", 0)]);
    for verdict in &verdicts {
        *counts.entry(*verdict).or_default() += 1;
    }
    println!("{name}: {points} tear points: {counts:?}");
    assert!(points > 0 && counts["old"] > 0 && counts["new"] > 0 && counts["other"] == 0, "{name}: {counts:?}");
    verdicts
}

/// The verdict changes once, from old to new.
fn changes_once(verdicts: &[&str]) {
    assert!(verdicts.is_sorted_by_key(|verdict| *verdict != "old"), "{verdicts:?}");
}

fn fresh() -> (Host, Session) {
    let mut host = Host::new("tries=3");
    let session = host.open(&Keys::test(16), 0, Mode::S8, level(1)).unwrap();
    (host, session)
}

/// With set A under 30, and a session under it.
fn with_a() -> (Host, Session) {
    let (mut host, mut session) = fresh();
    session.command(&mut host, &put_key(&Keys::test(16).0.dek, None, KVN, &a())).unwrap();
    let session = host.open(&a(), KVN, Mode::S8, level(1)).unwrap();
    (host, session)
}

fn a() -> Keys {
    Keys::made(0xA1, 16)
}

fn b() -> Keys {
    Keys::made(0xB2, 16)
}

/// Whether a session under these keys opens and carries an encrypted exchange.
fn works(host: &mut Host, keys: &Keys, kvn: u8) -> bool {
    host.open(keys, kvn, Mode::S8, level(0x33)).is_ok_and(|mut session| {
        let get = cardwright_proto::gp::get_status::GetStatus {
            scope: cardwright_proto::gp::get_status::Scope::Applications,
            next: false,
        };
        session.command(host, &get).is_ok()
    })
}

fn exactly_one(old: bool, new: bool) -> &'static str {
    match (old, new) {
        (true, false) => "old",
        (false, true) => "new",
        _ => "other",
    }
}

#[test]
fn put_key_add() {
    let act = |host: &mut Host, mut session: Session| {
        session.command(host, &put_key(&Keys::test(16).0.dek, None, KVN, &a())).map(|_| ())
    };
    changes_once(&at_every_point("PUT KEY, adding", fresh, act, |host| {
        exactly_one(works(host, &Keys::test(16), 0xFF), works(host, &a(), KVN))
    }));
}

#[test]
fn put_key_replace() {
    let act = |host: &mut Host, mut session: Session| {
        session.command(host, &put_key(&a().0.dek, Some(KVN), KVN, &b())).map(|_| ())
    };
    changes_once(&at_every_point("PUT KEY, replacing", with_a, act, |host| {
        let verdict = exactly_one(works(host, &a(), KVN), works(host, &b(), KVN));
        assert_eq!(host.tries(KVN, Mode::S8), 3);
        verdict
    }));
}

#[test]
fn delete_key() {
    let two = || {
        let (mut host, mut session) = with_a();
        session.command(&mut host, &put_key(&a().0.dek, None, 0x31, &b())).unwrap();
        let session = host.open(&b(), 0x31, Mode::S8, level(1)).unwrap();
        (host, session)
    };
    changes_once(&at_every_point(
        "DELETE KEY",
        two,
        |host, mut session| session.delete(host, KVN),
        |host| {
            assert!(works(host, &b(), 0x31), "the other set is untouched");
            let gone = host.initialize(KVN, Mode::S8).is_err_and(|refused| refused.sw() == 0x6A88);
            exactly_one(works(host, &a(), KVN), gone)
        },
    ));
}

#[test]
fn initialize_update() {
    // The session before has used counter 1; the torn command is to use 2.
    let act = |host: &mut Host, _| host.initialize(0, Mode::S8).map(|_| ());
    changes_once(&at_every_point("INITIALIZE UPDATE", fresh, act, |host| match host.counter(0) {
        2 => "old",
        3 => "new",
        _ => "other",
    }));
}

#[test]
fn external_authenticate_with_wrong_keys() {
    let act = |host: &mut Host, _| {
        host.initialize(0, Mode::S8)?;
        host.raw(&[&[0x84, 0x82, 1, 0, 16][..], &[0xEE; 16]].concat()).map(|answer| assert_eq!(answer, [0x63, 0]))?;
        Ok(())
    };
    changes_once(&at_every_point("EXTERNAL AUTHENTICATE, wrong", fresh, act, |host| match host.tries(0, Mode::S8) {
        3 => "old",
        2 => "new",
        _ => "other",
    }));
}

/// Two tries are left before; one while the cryptogram is compared; three behind it.
#[test]
fn external_authenticate_with_the_right_keys() {
    let one_spent = || {
        let (mut host, session) = fresh();
        assert_eq!(host.fail(0, Mode::S8), 0x6300);
        (host, session)
    };
    let act = |host: &mut Host, _| host.open(&Keys::test(16), 0, Mode::S8, level(1)).map(|_| ());
    let verdicts = at_every_point("EXTERNAL AUTHENTICATE", one_spent, act, |host| match host.tries(0, Mode::S8) {
        2 => "old",
        1 => "spent",
        3 => "new",
        _ => "other",
    });
    let order = |verdict: &&str| ["old", "spent", "new"].iter().position(|name| name == verdict);
    assert!(verdicts.is_sorted_by_key(order), "{verdicts:?}");
    assert!(verdicts.contains(&"spent"), "a try is gone, durably, before it is given back");
}

/// Power is lost while PUT KEY is carried out, and again while the journal is replayed.
#[test]
fn torn_again_at_power_up() {
    let mut replays = 0;
    for n in 0.. {
        for second in 0.. {
            let (mut host, mut session) = with_a();
            host.card.tear_after(n);
            if session.command(&mut host, &put_key(&a().0.dek, Some(KVN), KVN, &b())).is_ok() {
                println!("PUT KEY torn, and torn again at power-up: {replays} pairs, 0 other");
                assert!(replays > 50);
                return;
            }
            host.card.tear_after(second);
            host.card.power_on();
            let whole = host.raw(&[0, 0xA4, 4, 0]).is_ok();
            host.card.tear_after(u64::MAX);
            host.card.power_on();
            let need = host.initialize(KVN, Mode::S8).unwrap();
            assert!(a().fit(&need, host.aid) != b().fit(&need, host.aid), "points {n} and {second}");
            if whole {
                break;
            }
            replays += 1;
        }
    }
}
