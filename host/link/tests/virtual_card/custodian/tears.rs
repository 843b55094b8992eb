//! Every command of the applet torn at every point: old or new, whole; and no try given back.

use super::super::host::{CUSTODIAN, Failure, Host, Session};
use super::{PIN, fresh, object, open, state, with_pin, with_share};
use cardwright_link::virtual_card::SmartCard;
use cardwright_proto::apdu::{Command, Header, Ne};

/// Sends a command that is carried out, or torn.
fn send(host: &mut Host, session: &mut Session, [cla, ins, p1, p2]: [u8; 4], data: &[u8]) -> Result<u16, Failure> {
    let command = Command::new(Header::new(cla, ins, p1, p2), data, Some(Ne::SHORT_MAX));
    session.send(host, &command).map(|(_, sw)| sw)
}

/// Tears `act` at each of its points and judges the card after power-up, once without and three times with another loss
/// of power on the way there. `judge` says "old", "spent" (a try is gone, and nothing else), "back" (all tries
/// are there, and nothing else is new), "new", or "other".
fn at_every_point(
    name: &str,
    fresh: impl Fn() -> (Host, Session),
    act: impl Fn(&mut Host, &mut Session) -> Result<u16, Failure>,
    judge: impl Fn(&mut Host) -> &'static str,
) {
    let (mut host, mut session) = fresh();
    let before = host.card.tear_points();
    act(&mut host, &mut session).unwrap();
    let points = host.card.tear_points() - before;
    let mut verdicts = Vec::new();
    for n in 0..points {
        for again in [None, Some(0), Some(2), Some(4)] {
            let (mut host, mut session) = fresh();
            host.card.tear_after(n);
            assert_eq!(act(&mut host, &mut session), Err(Failure::Torn), "{name}, point {n}");
            assert!(host.raw(&[0, 0xA4, 4, 0]).is_err(), "no power, no answer");
            if let Some(again) = again {
                host.card.tear_after(again);
                host.card.power_on();
                host.card.tear_after(u64::MAX);
            }
            host.card.power_on();
            host.select(CUSTODIAN);
            verdicts.push(judge(&mut host));
        }
    }
    let count = |verdict| verdicts.iter().filter(|it| **it == verdict).count();
    let (old, spent, back, new) = (count("old"), count("spent"), count("back"), count("new"));
    let other = verdicts.len() - old - spent - back - new;
    println!(
        "{name}: {points} tear points, 4 power-ups each: {old} old / {new} new / {other} other; {spent} a try spent; \
         {back} tries back"
    );
    assert!(old > 0 && new > 0 && other == 0, "{name}: {verdicts:?}");
    let order = |verdict: &&str| ["old", "spent", "back", "new"].iter().position(|name| name == verdict);
    assert!(verdicts.is_sorted_by_key(order), "{name}: {verdicts:?}");
}

/// With a PIN, and one try spent.
fn one_spent() -> (Host, Session) {
    let (mut host, mut session) = with_pin();
    assert_eq!(session.verify(&mut host, b"1111"), 0x63C2);
    (host, session)
}

/// Whether this is the PIN. Tries are counted before.
fn pin_is(host: &mut Host, pin: &[u8]) -> bool {
    open(host, 0x33).verify(host, pin) == 0x9000
}

/// The share, read with the PIN.
fn share(host: &mut Host) -> Option<Vec<u8>> {
    state(host).share?;
    let mut session = open(host, 0x33);
    assert_eq!(session.verify(host, PIN), 0x9000);
    Some((0..3).flat_map(|number| session.all(host, [0x80, 0x32, 0, number], &[]).0).collect())
}

#[test]
fn verify_with_the_right_pin() {
    let act = |host: &mut Host, session: &mut Session| send(host, session, [0, 0x20, 0, 0], PIN);
    at_every_point("VERIFY, right", one_spent, act, |host| match (state(host).tries, pin_is(host, PIN)) {
        (2, true) => "old",
        (1, true) => "spent",
        (3, true) => "new",
        _ => "other",
    });
}

#[test]
fn verify_with_a_wrong_pin() {
    let act = |host: &mut Host, session: &mut Session| {
        send(host, session, [0, 0x20, 0, 0], b"1111").inspect(|sw| assert_eq!(*sw, 0x63C1))
    };
    at_every_point("VERIFY, wrong", one_spent, act, |host| match (state(host).tries, pin_is(host, PIN)) {
        (2, true) => "old",
        (1, true) => "new",
        _ => "other",
    });
}

/// A try that a torn VERIFY was answered for, or that was compared, is gone: 1,000 tears never give one back.
#[test]
fn tears_around_verify_cost_tries() {
    let points = {
        let (mut host, mut session) = with_pin();
        let before = host.card.tear_points();
        assert_eq!(session.verify(&mut host, b"1111"), 0x63C2);
        host.card.tear_points() - before
    };
    // The try is durable at the ninth point: from there on the comparison may have been made.
    let late: Vec<u64> = (8..points).collect();
    assert!(late.len() > 3, "more points than a card has tries: {points}");
    let mut at = late.iter().cycle();
    let (mut tears, mut blocked) = (0, 0);
    while tears < 1000 {
        let (mut host, _) = with_pin();
        let mut left = 3;
        loop {
            let mut session = open(&mut host, 0x33);
            host.card.tear_after(*at.next().unwrap());
            assert_eq!(send(&mut host, &mut session, [0, 0x20, 0, 0], b"1111"), Err(Failure::Torn));
            tears += 1;
            host.card.power_on();
            host.select(CUSTODIAN);
            left -= 1;
            assert_eq!(state(&mut host).tries, left);
            if left == 0 {
                assert!(!pin_is(&mut host, PIN));
                blocked += 1;
                break;
            }
        }
    }
    println!("VERIFY torn {tears} times at {} points: {tears} tries spent, {blocked} cards blocked", late.len());
}

#[test]
fn the_first_pin() {
    let new = || {
        let mut host = fresh();
        let session = open(&mut host, 0x33);
        (host, session)
    };
    let act = |host: &mut Host, session: &mut Session| send(host, session, [0x80, 0x24, 1, 0], PIN);
    at_every_point("CHANGE PIN, first", new, act, |host| {
        let state = state(host);
        match (state.card.life_cycle, state.tries, pin_is(host, PIN)) {
            (0x07, 3, false) => "old",
            (0x0F, 3, true) => "new",
            _ => "other",
        }
    });
}

#[test]
fn another_pin() {
    let act = |host: &mut Host, session: &mut Session| send(host, session, [0x80, 0x24, 0, 0], b"\x04864297531");
    at_every_point("CHANGE PIN", one_spent, act, |host| {
        match (state(host).tries, pin_is(host, PIN), pin_is(host, b"97531")) {
            (2, true, false) => "old",
            (1, true, false) => "spent",
            // A card may give the tries back in a write of its own, before the new PIN's; this one does not.
            (3, true, false) => "back",
            (3, false, true) => "new",
            _ => "other",
        }
    });
}

#[test]
fn store_share() {
    let verified = || {
        let (mut host, mut session) = with_pin();
        assert_eq!(session.verify(&mut host, PIN), 0x9000);
        (host, session)
    };
    let act = |host: &mut Host, session: &mut Session| {
        let object = object();
        send(host, session, [0x80, 0x30, 1, 0], &object[..200])?;
        send(host, session, [0x80, 0x30, 0x81, 1], &object[200..])
    };
    at_every_point("STORE SHARE", verified, act, |host| match share(host) {
        None => "old",
        Some(share) if share == object() => "new",
        Some(_) => "other",
    });
}

#[test]
fn wipe_share() {
    let verified = || {
        let (mut host, mut session) = with_share(1);
        assert_eq!(session.verify(&mut host, PIN), 0x9000);
        (host, session)
    };
    let act = |host: &mut Host, session: &mut Session| send(host, session, [0x80, 0x34, 0, 0], &[]);
    at_every_point("WIPE, the share", verified, act, |host| match (state(host).card.life_cycle, share(host)) {
        (0x0F, Some(share)) if share == object() => "old",
        (0x0F, None) => "new",
        _ => "other",
    });
}

#[test]
fn wipe_all() {
    let one_spent = || {
        let (mut host, mut session) = with_share(1);
        assert_eq!(session.verify(&mut host, b"1111"), 0x63C2);
        (host, session)
    };
    let act = |host: &mut Host, session: &mut Session| send(host, session, [0x80, 0x34, 1, 0], &[]);
    at_every_point("WIPE, all", one_spent, act, |host| {
        let state = state(host);
        match (state.card.life_cycle, state.tries, share(host)) {
            (0x0F, 2, Some(share)) if share == object() => "old",
            (0x07, 3, None) => "new",
            _ => "other",
        }
    });
}

/// What writes nothing cannot be torn.
#[test]
fn reading_writes_nothing() {
    let (mut host, mut session) = with_share(1);
    assert_eq!(session.verify(&mut host, PIN), 0x9000);
    let before = host.card.tear_points();
    for (header, sw) in [([0x80, 0x32, 0, 0], 0x9000), ([0x80, 0x36, 0, 0], 0x9000), ([0, 0x20, 0, 0], 0x63C3)] {
        assert_eq!(send(&mut host, &mut session, header, &[]), Ok(sw));
    }
    assert_eq!(host.card.tear_points(), before);
}
