//! Power lost at every tear point of every command that writes: old or new, whole, and no try given back.

use cardwright_proto::apdu::{Command, Header, Ne};
use cardwright_proto::gp::delete_key::DeleteKey;
use cardwright_proto::gp::key::Kvn;
use cardwright_proto::scp::Mode;
use cardwright_tests::host::{CUSTODIAN, ECHO, Failure, Host, ISD, Keys};
use cardwright_tests::java::JavaCard;
use cardwright_tests::share::object;

const PIN: &[u8] = b"123456";
const NEW_PIN: &[u8] = b"98765432";
const PROFILE: &str = "tries=3";

type Java = Host<JavaCard>;

fn old_keys() -> Keys {
    Keys::test(16)
}

fn new_keys() -> Keys {
    Keys::made(0xA1, 16)
}

fn open(host: &mut Java, aid: &[u8], keys: &Keys, level: u8) -> Result<(), Failure> {
    host.select(aid)?;
    host.open(keys, 0, Mode::S8, level)
}

/// A command that has to be accepted.
fn accepted(host: &mut Java, header: [u8; 4], data: &[u8]) -> Result<(), Failure> {
    let [cla, ins, p1, p2] = header;
    let command = Command::new(Header::new(cla, ins, p1, p2), data, Some(Ne::SHORT_MAX));
    let sw = if host.level().is_some() { host.send(&command)?.1 } else { host.raw(&command.encode().unwrap())?.1 };
    if sw == 0x9000 { Ok(()) } else { Err(Failure::Refused(sw)) }
}

/// What a command leaves behind, as the next power-up finds it.
#[derive(Debug, PartialEq, Eq)]
enum Verdict {
    Old,
    New,
    Other(String),
}

/// One command under test.
struct Case {
    name: &'static str,
    /// From a new card to the state before the command, session included.
    before: fn(&mut Java) -> Result<(), Failure>,
    act: fn(&mut Java) -> Result<(), Failure>,
    /// What a host can see of the command's effect. The same for the same state.
    look: fn(&mut Java) -> String,
}

/// GET STATE but for the identity, which every new card has another.
fn state(host: &mut Java) -> String {
    host.forget();
    host.select(CUSTODIAN).unwrap();
    let mut state = host.hex("80360000 00").0;
    let at = state.windows(2).position(|tag| tag == [0x82, 8]).unwrap();
    state.drain(at..at + 10);
    hex::encode(state)
}

/// Whether sessions open under each of the keys, with the card's registry and key information.
fn domain(host: &mut Java) -> String {
    let fits = |host: &mut Java, keys: &Keys| open(host, ISD, keys, 1).is_ok();
    // The wrong keys first: the host sees it offline, and no try is spent.
    let keys = [fits(host, &new_keys()), fits(host, &old_keys())];
    let applications = match host.level() {
        Some(_) => {
            let status = Command::new(Header::new(0x80, 0xF2, 0x40, 2), &[0x4F, 0], Some(Ne::SHORT_MAX));
            host.send(&status).unwrap()
        }
        None => (Vec::new(), 0),
    };
    host.forget();
    let information = host.hex("00A40400 00").1;
    let sets = host.hex("80CA00E0 00");
    format!("{keys:?} {applications:02X?} {information:04X} {sets:02X?}")
}

fn with_pin(host: &mut Java) -> Result<(), Failure> {
    open(host, CUSTODIAN, &old_keys(), 0x33)?;
    accepted(host, [0x80, 0x24, 1, 0], PIN)
}

fn verified(host: &mut Java) -> Result<(), Failure> {
    with_pin(host)?;
    accepted(host, [0x00, 0x20, 0, 0], PIN)
}

/// The share but for its last block.
fn nearly_stored(host: &mut Java) -> Result<(), Failure> {
    verified(host)?;
    let share = object(7, true);
    let (last, blocks) = share.chunks(100).collect::<Vec<_>>().split_last().map(|(l, b)| (l.len(), b.len())).unwrap();
    assert!(last > 0);
    for (number, block) in share.chunks(100).take(blocks).enumerate() {
        accepted(host, [0x80, 0x30, 1, u8::try_from(number).unwrap()], block)?;
    }
    Ok(())
}

fn last_block(host: &mut Java) -> Result<(), Failure> {
    let share = object(7, true);
    let blocks = share.chunks(100).count();
    let number = u8::try_from(blocks - 1).unwrap();
    accepted(host, [0x80, 0x30, 0x81, number], share.chunks(100).last().unwrap())
}

fn stored(host: &mut Java) -> Result<(), Failure> {
    nearly_stored(host)?;
    last_block(host)?;
    accepted(host, [0x00, 0x20, 0, 0], PIN)
}

fn in_domain(host: &mut Java) -> Result<(), Failure> {
    open(host, ISD, &old_keys(), 1)
}

fn with_two_sets(host: &mut Java) -> Result<(), Failure> {
    in_domain(host)?;
    let dek = old_keys().0.dek;
    host.call(&old_keys().put(&dek, None, 0x30))?;
    host.call(&new_keys().put(&dek, None, 0x31))?;
    host.select(ISD)?;
    host.open(&old_keys(), 0x30, Mode::S8, 1)
}

fn delete_set(host: &mut Java) -> Result<(), Failure> {
    host.call(&DeleteKey { kvn: Kvn::target(0x31).unwrap() }).map(|_| ())
}

/// Length and value for each.
fn fields(values: &[&[u8]]) -> Vec<u8> {
    values.iter().flat_map(|value| [&[u8::try_from(value.len()).unwrap()], *value].concat()).collect()
}

const SECOND: &[u8] = b"\xF0CWECH2";

fn install(host: &mut Java) -> Result<(), Failure> {
    let data = fields(&[&[], ECHO, SECOND, &[0], &[0xC9, 0], &[]]);
    accepted(host, [0x80, 0xE6, 0x0C, 0], &data)
}

fn installed(host: &mut Java) -> Result<(), Failure> {
    in_domain(host)?;
    install(host)
}

const CASES: &[Case] = &[
    Case {
        name: "CHANGE PIN, first",
        before: |host| open(host, CUSTODIAN, &old_keys(), 0x33),
        act: |host| accepted(host, [0x80, 0x24, 1, 0], PIN),
        look: state,
    },
    Case { name: "STORE SHARE, last block", before: nearly_stored, act: last_block, look: state },
    Case { name: "WIPE, share", before: stored, act: |host| accepted(host, [0x80, 0x34, 0, 0], &[]), look: state },
    Case { name: "WIPE, all", before: stored, act: |host| accepted(host, [0x80, 0x34, 1, 0], &[]), look: state },
    Case {
        name: "PUT KEY, add",
        before: in_domain,
        act: |host| host.call(&new_keys().put(&old_keys().0.dek, None, 0x30)).map(|_| ()),
        look: domain,
    },
    Case {
        name: "PUT KEY, replace",
        before: with_two_sets,
        act: |host| host.call(&Keys::made(0xC3, 16).put(&old_keys().0.dek, Some(0x31), 0x32)).map(|_| ()),
        look: domain,
    },
    Case { name: "DELETE, key set", before: with_two_sets, act: delete_set, look: domain },
    Case { name: "INSTALL", before: in_domain, act: install, look: domain },
    Case {
        name: "DELETE, application",
        before: installed,
        act: |host| accepted(host, [0x80, 0xE4, 0, 0], &[&[0x4F, 7], SECOND].concat()),
        look: domain,
    },
    Case {
        name: "SET STATUS, application",
        before: in_domain,
        act: |host| accepted(host, [0x80, 0xF0, 0x40, 0x87], ECHO),
        look: domain,
    },
    Case {
        name: "SET STATUS, card",
        before: in_domain,
        act: |host| accepted(host, [0x80, 0xF0, 0x80, 0x07], ISD),
        look: |host| {
            open(host, ISD, &old_keys(), 1).unwrap();
            let status = Command::new(Header::new(0x80, 0xF2, 0x80, 2), &[0x4F, 0], Some(Ne::SHORT_MAX));
            hex::encode(host.send(&status).unwrap().0)
        },
    },
];

/// A new card in the state before the command.
fn prepare(host: &mut Java, case: &Case) {
    host.link.fresh(PROFILE);
    host.forget();
    (case.before)(host).unwrap_or_else(|failure| panic!("{}: {failure:?}", case.name));
}

fn look(host: &mut Java, case: &Case) -> String {
    host.reset().expect("power");
    (case.look)(host)
}

#[test]
fn every_command_is_whole_or_absent() {
    let Some(card) = JavaCard::start("tears of the Java card", PROFILE) else { return };
    let mut host = Host::new(card);
    let mut total = [0; 2];
    for case in CASES {
        prepare(&mut host, case);
        // Nothing that a session leaves in memory may show in what the test looks at.
        let old = look(&mut host, case);
        prepare(&mut host, case);
        let before = host.link.points();
        (case.act)(&mut host).unwrap_or_else(|failure| panic!("{}: {failure:?}", case.name));
        let points = host.link.points() - before;
        let new = look(&mut host, case);
        assert_ne!(old, new, "{}", case.name);
        let verdicts: Vec<Verdict> = (0..points).map(|point| torn(&mut host, case, point, (&old, &new))).collect();
        let count = |wanted: Verdict| verdicts.iter().filter(|verdict| **verdict == wanted).count();
        let (olds, news) = (count(Verdict::Old), count(Verdict::New));
        let others: Vec<_> = verdicts.iter().filter(|v| matches!(v, Verdict::Other(_))).collect();
        println!("{}: {points} tear points: {olds} old / {news} new / {} other", case.name, others.len());
        assert!(others.is_empty(), "{}: {old}\n{new}\n{others:#?}", case.name);
        assert!(olds > 0 && news > 0, "{}", case.name);
        let first_new = verdicts.iter().position(|verdict| *verdict == Verdict::New).unwrap();
        assert!(verdicts[first_new..].iter().all(|v| *v == Verdict::New), "{} went back: {verdicts:?}", case.name);
        total[0] += olds;
        total[1] += news;
    }
    println!("all: {} old / {} new / 0 other", total[0], total[1]);
    assert_eq!(host.link.faults(), 0);
}

fn torn(host: &mut Java, case: &Case, point: u64, (old, new): (&str, &str)) -> Verdict {
    prepare(host, case);
    host.link.tear(point);
    let acted = (case.act)(host);
    assert!(matches!(acted, Err(Failure::Lost)), "{} at {point}: {acted:?}", case.name);
    match look(host, case) {
        seen if seen == old => Verdict::Old,
        seen if seen == new => Verdict::New,
        seen => Verdict::Other(format!("at {point}: {seen}")),
    }
}

/// Tries left, by GET STATE.
fn tries_left(host: &mut Java) -> u8 {
    host.select(CUSTODIAN).unwrap();
    let state = host.hex("80360000 00").0;
    let at = state.windows(2).position(|tag| tag == [0x83, 1]).unwrap();
    state[at + 2]
}

#[test]
fn a_thousand_tears_around_verify() {
    const TEARS: u64 = 1_000;
    let Some(card) = JavaCard::start("tears around VERIFY", PROFILE) else { return };
    let mut host = Host::new(card);
    let (mut cost, mut blocked, mut torn_before) = (0, 0, 0);
    for tear in 0..TEARS {
        if tear == 0 || tries_left(&mut host) == 0 {
            blocked += u64::from(tear > 0);
            host.link.fresh(PROFILE);
            host.forget();
            with_pin(&mut host).unwrap();
        }
        // Before the try is taken away nothing is compared, so this is no guess, and costs none.
        if tear % 4 == 0 {
            assert_eq!(torn_verify(&mut host, 0), 0, "tear {tear}");
            torn_before += 1;
        }
        // Behind that, before an answer: the card has compared, and power goes before anybody is told.
        let lost = torn_verify(&mut host, 1);
        assert_eq!(lost, 1, "tear {tear}");
        cost += u64::from(lost);
    }
    println!(
        "{TEARS} tears around VERIFY cost {cost} tries and blocked {blocked} PINs; {torn_before} more, before anything was \
         compared, cost none"
    );
    assert_eq!(cost, TEARS);
}

/// A wrong PIN, power lost at this tear point; how many tries that cost.
fn torn_verify(host: &mut Java, point: u64) -> u8 {
    host.reset().unwrap();
    let before = tries_left(host);
    host.link.tear(point);
    let wrong = [&[0x00, 0x20, 0, 0, 4][..], b"0000"].concat();
    assert!(matches!(host.raw(&wrong), Err(Failure::Lost)), "point {point}");
    host.reset().unwrap();
    before.checked_sub(tries_left(host)).expect("no try is given back")
}

#[test]
fn a_torn_authentication_costs_its_try() {
    let Some(card) = JavaCard::start("tears around EXTERNAL AUTHENTICATE", PROFILE) else { return };
    let mut host = Host::new(card);
    let mut costs = Vec::new();
    for point in 0.. {
        host.link.fresh(PROFILE);
        host.select(ISD).unwrap();
        let _ = host.initialize(0, Mode::S8).unwrap();
        host.link.tear(point);
        let lost = host.raw(&[&[0x84, 0x82, 1, 0, 16][..], &[0xEE; 16]].concat()).is_err();
        host.reset().unwrap();
        // How many more may fail.
        let left = (0..).take_while(|_| {
            host.initialize(0, Mode::S8).is_ok() && {
                let wrong = [&[0x84, 0x82, 1, 0, 16][..], &[0xEE; 16]].concat();
                host.raw(&wrong).unwrap().1 == 0x6300
            }
        });
        costs.push(3 - left.count());
        if !lost {
            break;
        }
    }
    println!("tries that a wrong EXTERNAL AUTHENTICATE costs, by tear point: {costs:?}");
    assert_eq!(costs[0], 0, "torn before anything was compared");
    assert!(costs[1..].iter().all(|cost| *cost == 1), "{costs:?}");
}

#[test]
fn the_right_pin_torn_gives_no_try_back_too_early() {
    let Some(card) = JavaCard::start("tears around VERIFY with the right PIN", PROFILE) else { return };
    let mut host = Host::new(card);
    let mut left = Vec::new();
    for point in 0.. {
        host.link.fresh(PROFILE);
        host.forget();
        with_pin(&mut host).unwrap();
        host.reset().unwrap();
        host.select(CUSTODIAN).unwrap();
        let wrong = [&[0x00, 0x20, 0, 0, 4][..], b"0000"].concat();
        assert_eq!(host.raw(&wrong).unwrap().1, 0x63C2);
        host.link.tear(point);
        let lost = accepted(&mut host, [0x00, 0x20, 0, 0], PIN).is_err();
        host.reset().unwrap();
        left.push(tries_left(&mut host));
        if !lost {
            break;
        }
    }
    println!("tries left after the right PIN, from two, by tear point: {left:?}");
    assert_eq!(left, [2, 1, 3, 3], "not yet taken, taken, all given back, not torn");
}

#[test]
fn a_torn_initialize_update_never_repeats_a_counter() {
    let Some(card) = JavaCard::start("tears around INITIALIZE UPDATE", PROFILE) else { return };
    let mut host = Host::new(card);
    let counter = |host: &mut Java| host.initialize(0, Mode::S8).unwrap().card().counter.unwrap();
    let mut last = counter(&mut host);
    let mut steps = Vec::new();
    for point in 0.. {
        host.link.tear(point);
        let lost = host.initialize(0, Mode::S8).is_err();
        host.reset().unwrap();
        let next = counter(&mut host);
        steps.push(next - last);
        last = next;
        if !lost {
            break;
        }
    }
    println!("how far the counter went on, by tear point: {steps:?}");
    assert_eq!(steps.first(), Some(&1), "torn before anything was written");
    assert!(steps[1..].iter().all(|step| *step == 2), "{steps:?}");
}

/// Tears CHANGE PIN at every point, from a state with two tries left; what is there afterwards, for each point and at
/// last without a tear: the tries, and which PIN it is.
fn torn_changes(host: &mut Java, old_pin: &[u8]) -> Vec<(u8, &'static str)> {
    let mut seen = Vec::new();
    for point in 0.. {
        host.link.fresh(PROFILE);
        host.forget();
        with_pin(host).unwrap();
        let wrong = [&[0x00, 0x20, 0, 0, 4][..], b"0000"].concat();
        assert_eq!(host.raw(&wrong).unwrap().1, 0x63C2);
        host.link.tear(point);
        let change = [&[u8::try_from(old_pin.len()).unwrap()], old_pin, NEW_PIN].concat();
        let lost = matches!(accepted(host, [0x80, 0x24, 0, 0], &change), Err(Failure::Lost));
        host.reset().unwrap();
        let tries = tries_left(host);
        // The old one first: where one try is left, it has to be that.
        let fits = |host: &mut Java, pin| accepted(host, [0x00, 0x20, 0, 0], pin).is_ok();
        let pin = [(PIN, "old"), (NEW_PIN, "new")].into_iter().find(|(pin, _)| fits(host, pin));
        seen.push((tries, pin.map_or("other", |(_, name)| name)));
        if !lost {
            return seen;
        }
    }
    seen
}

#[test]
fn a_torn_change_of_the_pin() {
    let Some(card) = JavaCard::start("tears around CHANGE PIN", PROFILE) else { return };
    let mut host = Host::new(card);
    let right = torn_changes(&mut host, PIN);
    let count = |wanted| right.iter().filter(|(_, pin)| *pin == wanted).count();
    println!(
        "CHANGE PIN: {} old / {} new / {} other; tries and PIN {right:?}",
        count("old"),
        count("new"),
        count("other")
    );
    let order = [(2, "old"), (1, "old"), (3, "old"), (3, "new")];
    assert_eq!((right.first(), right.last()), (Some(&order[0]), Some(&order[3])));
    let steps: Vec<_> = right.iter().map(|seen| order.iter().position(|step| step == seen)).collect();
    assert!(steps.iter().all(Option::is_some) && steps.is_sorted(), "{right:?}");

    let wrong = torn_changes(&mut host, b"0000");
    println!("CHANGE PIN with a wrong old one: tries and PIN {wrong:?}");
    assert_eq!(wrong.first(), Some(&(2, "old")));
    assert!(wrong[1..].iter().all(|seen| *seen == (1, "old")), "{wrong:?}");
}
