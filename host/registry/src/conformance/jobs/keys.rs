//! Keys of jobs: whose they are, and the chips that have them.

use super::added::refused;
use super::{add, attempt, conflict, counted, fate, made, step, write};
use crate::RegistryError;
use crate::conformance::{Open, Store, card, set, sound};
use crate::jobs::{JobId, JobKey, JobWrite, NewAttempt, NewJob};
use cardwright_keys::job::{Domain, Fate, RecordState, Step};
use cardwright_keys::journal::{Change, Outcome, Record};
use cardwright_keys::keyref::Scheme;
use cardwright_proto::gp::key::{Kcv, KeySet};

fn kept(reference: &str) -> JobKey {
    JobKey::Kept(reference.to_owned())
}

/// A key that is kept in two places is one key.
pub(in crate::conformance) fn copied(make: &dyn Fn() -> Open) {
    let mut registry = make()();
    let derives = |scheme, tag| {
        let kcvs = KeySet { enc: Kcv([tag; 3]), mac: Kcv([2; 3]), dek: Kcv([3; 3]) };
        JobKey::Derives { scheme, kcvs }
    };
    let with = |name: &str, issuer: &str, keys: Vec<JobKey>| NewJob {
        issuer: issuer.parse().unwrap(),
        keys,
        ..counted(name, 1)
    };
    let first = derives(Scheme::Kdf3, 1);
    add(&mut *registry, &with("one", "acme", vec![kept("file:keys.hex"), first.clone()]), &[]);
    let acme = Some(("acme".parse().unwrap(), counted("one", 1).domain));
    assert_eq!(registry.owner(&first).unwrap(), acme);
    let what = refused(&mut *registry, &with("two", "other", vec![kept("file:copy.hex"), first.clone()]), Vec::new());
    assert!(matches!(&what, RegistryError::Conflict(what) if what.contains("acme")), "{what}");
    assert_eq!(registry.owner(&kept("file:copy.hex")).unwrap(), None, "what was refused names nothing");
    for (name, key) in [("two", derives(Scheme::Visa2, 1)), ("three", derives(Scheme::Kdf3, 9))] {
        assert_eq!(registry.owner(&key).unwrap(), None);
        add(&mut *registry, &with(name, "other", vec![key]), &[]);
    }
    let four = add(&mut *registry, &with("four", "acme", vec![kept("file:copy.hex"), first]), &[]);
    // Keys that it has had since are its issuer's, too; another's are none of it, and then none is noted.
    let (later, others) = (derives(Scheme::Kdf3, 5), derives(Scheme::Kdf3, 9));
    match registry.add_keys(four, &[later.clone(), others.clone()]) {
        Err(RegistryError::Conflict(what)) => assert!(what.contains("belongs to issuer other"), "{what}"),
        added => panic!("{added:?}"),
    }
    assert_eq!(registry.owner(&later).unwrap(), None);
    registry.add_keys(four, &[later.clone(), kept("file:keys.hex")]).unwrap();
    assert_eq!(registry.owner(&later).unwrap(), acme);
    assert_eq!(registry.owner(&others).unwrap().map(|(issuer, _)| issuer), Some("other".parse().unwrap()));
    assert!(registry.add_keys(four, &[kept("prompt")]).is_err());
    let nowhere = registry.add_keys(JobId(four.0 + 99), &[kept("file:fresh.hex")]);
    assert!(matches!(nowhere, Err(RegistryError::Conflict(_))), "{nowhere:?}");
    sound(&*registry);
}

pub(in crate::conformance) fn owned(make: &dyn Fn() -> Open) {
    let open = make();
    let (mut registry, mut other) = (open(), open());
    let with = |name: &str, issuer: &str, domain, keys: &[&str]| NewJob {
        issuer: issuer.parse().unwrap(),
        domain,
        keys: keys.iter().map(|key| kept(key)).collect(),
        ..counted(name, 1)
    };
    let first = with("one", "acme", Domain::Live, &["vault:office/kmc", "file:keys.hex", "kdf3+vault:office/kmc"]);
    add(&mut *registry, &first, &[]);
    for key in ["vault:office/kmc", "kdf3+vault:office/kmc:2", "vault:office/kmc@0x30", "file:keys.hex"] {
        for (issuer, domain) in [("acme", Domain::Test), ("other", Domain::Live), ("other", Domain::Test)] {
            let bad = with("two", issuer, domain, &["vault:fresh/kmc", key]);
            let what = match refused(&mut *other, &bad, Vec::new()) {
                RegistryError::Conflict(what) => what,
                other => panic!("{other:?}"),
            };
            assert!(what.contains("acme") && what.contains("live"), "{what}");
        }
        assert_eq!(other.owner(&kept(key)).unwrap(), Some(("acme".parse().unwrap(), Domain::Live)), "{key}");
    }
    assert_eq!(registry.owner(&kept("vault:fresh/kmc")).unwrap(), None, "what was refused names nothing");
    assert!(registry.owner(&kept("gp-test")).is_err());
    let second = with("two", "acme", Domain::Live, &["kdf3+vault:office/kmc:2", "vault:acme/other"]);
    add(&mut *other, &second, &[]);
    add(&mut *registry, &with("three", "other", Domain::Test, &["vault:fresh/kmc", "vault:office/kmc2"]), &[]);
    sound(&*registry);
}

/// A chip goes back to the blanks as it came, or not at all: which keys it has is what the journal has of it, whatever its
/// record has gone through.
pub(in crate::conformance) fn blanks(make: &dyn Fn() -> Open) {
    const FIRST: &str = "kdf3+vault:office/kmc:1";
    const SECOND: &str = "kdf3+vault:office/kmc:2";
    let mut registry = make()();
    let registry = &mut *registry;
    let job = add(registry, &counted("job", 9), &[]);
    let change = |of, kept_in: &str| {
        let (card, old, new, kept_in) = (card(of), set(3), set(0), kept_in.to_owned());
        Change { card, old, new, replace: true, kept_in }
    };
    let sending = |of| Record::Sending(change(of, FIRST));
    let ended = |of, kept_in, outcome| Record::Ended { change: change(of, kept_in), outcome };
    let (sent, keyed) = (Some("PUT KEY was sent to it"), Some("it has the job's keys"));
    // The keys that it came with, those that it is to have, what was written of it, and what is against it.
    let (vendor, target) = ("kdf3+vault:vendor/tmk@0xFF", "kdf3+vault:office/kmc");
    let cases: [(&str, &str, Vec<Record>, Option<&str>); 8] = [
        (vendor, target, vec![], None),
        (vendor, target, vec![sending(3), ended(3, FIRST, Outcome::NotLoaded)], None),
        (vendor, target, vec![sending(4)], sent),
        (vendor, target, vec![sending(5), ended(5, FIRST, Outcome::Loaded)], keyed),
        (vendor, FIRST, vec![ended(6, SECOND, Outcome::Loaded)], keyed),
        (vendor, target, vec![ended(7, "vault:vendor/tmk:1", Outcome::Loaded)], None),
        // From one version of a key to another: the one that it came with is none of the job's.
        ("kdf3+vault:office/kmc:1@0x20", SECOND, vec![ended(8, FIRST, Outcome::Loaded)], None),
        ("kdf3+vault:office/kmc:1@0x20", SECOND, vec![ended(9, SECOND, Outcome::Loaded)], keyed),
    ];
    for (record, (current, target, journal, why)) in (1..).zip(cases) {
        let chip = card(u8::try_from(record).unwrap() + 1);
        let attempt = NewAttempt { current: current.to_owned(), target: target.to_owned(), ..attempt(chip) };
        let claim = JobWrite::Claim { record, remake: false, attempt, at: 200 };
        let rejected = step(record, 1, RecordState::Rejected, Step::Keys);
        write(registry, job, vec![claim, JobWrite::Journal(journal, 300), rejected]);
        returned(registry, job, record, why);
    }
    // One that was made.
    write(registry, job, made(9, card(10)));
    let journal = JobWrite::Journal(vec![ended(10, FIRST, Outcome::Loaded)], 300);
    write(registry, job, vec![journal, step(9, 1, RecordState::Rejected, Step::Done)]);
    returned(registry, job, 9, keyed);
    sound(registry);
}

/// Told so of a rejected chip: written, or refused for this reason; then something else can be told of it.
fn returned(registry: &mut dyn Store, job: JobId, record: u64, why: Option<&str>) {
    let Some(why) = why else {
        write(registry, job, vec![fate(record, 1, Fate::Returned)]);
        return;
    };
    let what = conflict(registry, job, vec![fate(record, 1, Fate::Returned)]);
    assert!(what.contains(why) && what.contains(&format!("record {record} ")), "{what}");
    write(registry, job, vec![fate(record, 1, Fate::Quarantined)]);
}
