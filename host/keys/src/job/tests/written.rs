//! A job reads as it was written.

use super::{line, with};
use crate::approval::one_line;
use crate::job::{Cards, Data, Delivery, Domain, EXAMPLE, Job, LifeCycle, Stop, Target, Verify};
use crate::keyref::{KeyRef, Scheme, Source};
use cardwright_proto::gp::key::Kvn;
use cardwright_proto::gp::put_key::BlockForm;
use cardwright_proto::scp::SecurityLevel;
use proptest::collection::{btree_map, vec};
use proptest::prelude::{Just, Strategy, any, proptest};
use proptest::{option, prop_assert_eq, prop_oneof, sample};
use std::path::{Path, PathBuf};

#[test]
fn the_example_is_a_job() {
    let job = Job::parse(EXAMPLE.as_bytes()).unwrap();
    assert_eq!((job.name.as_str(), job.issuer.as_str(), job.domain), ("acme-2026-11", "acme", Domain::Test));
    assert_eq!((job.profile.as_str(), job.form, job.level), ("jcop4-scp03", BlockForm::WithLength, None));
    assert!(job.aid.is_empty());
    let key = |text: &str| text.parse::<KeyRef>().unwrap();
    let target =
        Target { key: key("kdf3+vault:office/kmc"), kvn: Kvn::target(0x30).unwrap(), replace: false, retire: true };
    assert_eq!(job.target, target);
    assert_eq!(job.deliveries.len(), 2);
    assert_eq!(job.deliveries[0].key, key("kdf3+vault:vendor/tmk@0x20"));
    assert_eq!(job.deliveries[0].cards, Cards::Listed("box-17.csv".into()));
    assert_eq!(job.deliveries[1].cards, Cards::Any(1000));
    let data = Data { file: "data.jsonl".into(), key: Some(key("vault:office/job-17")) };
    assert_eq!((&job.data, job.finish), (&Some(data), Some(LifeCycle::Secured)));
    assert_eq!(job.stop, Stop { in_row: 3, percent: 5 });
    assert_eq!(job.files().collect::<Vec<_>>(), [Path::new("box-17.csv"), Path::new("data.jsonl")]);
    assert!(EXAMPLE.lines().all(|line| line.len() <= 120));
}

/// What the comments say is there may be written, too.
#[test]
fn all_that_can_be_left_out() {
    for (from, to) in [("# aid", "aid"), ("# level", "level"), ("# bare = false", "bare = true")] {
        with(from, to).unwrap();
    }
    assert_eq!(with("# aid", "aid").unwrap().aid, [0xA0, 0, 0, 1, 0x51, 0, 0, 0]);
    assert_eq!(with("# level", "level").unwrap().level, Some(SecurityLevel::FULL));
    assert_eq!(with("# verify = \"session\"", "verify = \"reset\"").unwrap().verify, Verify::Reset);
    assert_eq!(with("# readers", "readers").unwrap().readers, ["pcsc:ACS"]);
    assert_eq!(with("# bare = false", "bare = true").unwrap().form, BlockForm::Bare);
    let short = EXAMPLE.split("\n[data]\n").next().unwrap();
    let job = Job::parse(short.as_bytes()).unwrap();
    assert_eq!((job.data, job.finish, job.stop), (None, None, Stop::default()));
    assert_eq!((job.verify, job.readers), (Verify::Session, Vec::new()));
    for kvn in ["48", "0x30", "\"48\"", "\"0X30\""] {
        assert_eq!(with("\"0x30\"", kvn).unwrap().target.kvn.byte(), 0x30, "{kvn}");
    }
    assert_eq!(line("format = "), 3);
}

fn name() -> impl Strategy<Value = String> {
    "[A-Za-z0-9][A-Za-z0-9._-]{0,20}"
}

fn text(max: usize) -> impl Strategy<Value = String> {
    prop_oneof!["[a-zA-Z0-9 /.,\"'\\\\#=]{1,40}", "\\PC{1,40}"]
        .prop_map(|text: String| text.trim().to_owned())
        .prop_filter("one line", move |text| (1..=max).contains(&text.len()) && one_line(text))
}

fn path() -> impl Strategy<Value = PathBuf> {
    text(400).prop_map(PathBuf::from)
}

fn key(domain: Domain) -> impl Strategy<Value = KeyRef> {
    let vault = (name(), name()).prop_map(|(vault, key)| Source::Vault(format!("{vault}/{key}").parse().unwrap()));
    // A path that ends with `@` and a number would be read as one with a set.
    let file = text(400).prop_filter("a path", |path| !path.contains('@')).prop_map(|path| Source::File(path.into()));
    let source = match domain {
        Domain::Test => prop_oneof![vault, file, Just(Source::GpTest)].boxed(),
        Domain::Live => prop_oneof![vault, file].boxed(),
    };
    (sample::select(&Scheme::ALL[..]), source).prop_map(|(scheme, source)| KeyRef { scheme, source, kvn: None })
}

fn deliveries(domain: Domain) -> impl Strategy<Value = Vec<Delivery>> {
    let number = |byte| Kvn::on_card(byte).unwrap();
    // Numbers from 0x40 are never the target's.
    let set = option::of(prop_oneof![0x40..=0x7F_u8, Just(0xFF)].prop_map(number));
    let cards = prop_oneof![path().prop_map(Cards::Listed), (1..1000_u64).prop_map(Cards::Any)];
    btree_map(name(), (key(domain), set, cards), 1..5).prop_map(|all| {
        let delivery = |(name, (key, kvn, cards)): (String, (KeyRef, _, _))| Delivery {
            name: name.parse().unwrap(),
            key: KeyRef { kvn, ..key },
            cards,
        };
        all.into_iter().map(delivery).collect()
    })
}

fn target(domain: Domain) -> impl Strategy<Value = Target> {
    let how = prop_oneof![Just((false, false)), Just((true, false)), Just((false, true))];
    (key(domain), 1..0x40_u8, how).prop_map(|(key, kvn, (replace, retire))| {
        let kvn = Kvn::target(kvn).unwrap();
        Target { key, kvn, replace, retire }
    })
}

fn job() -> impl Strategy<Value = Job> {
    sample::select(&Domain::ALL[..]).prop_flat_map(|domain| {
        let vault = (name(), name()).prop_map(|(vault, key)| format!("vault:{vault}/{key}").parse().unwrap());
        let data = option::of((path(), option::of(vault)).prop_map(|(file, key)| Data { file, key }));
        let aid = prop_oneof![Just(Vec::new()), vec(any::<u8>(), 5..=16)];
        let level = option::of(sample::select(&SecurityLevel::ALL[1..]));
        let form = sample::select(&[BlockForm::WithLength, BlockForm::Bare][..]);
        let finish = option::of(sample::select(&LifeCycle::ALL[..]));
        let stop = (1_u32.., 1..=100_u8).prop_map(|(in_row, percent)| Stop { in_row, percent });
        let how = (sample::select(&Verify::ALL[..]), vec(text(200), 0..=4));
        let people = (name(), name(), text(100));
        let cards = (deliveries(domain), target(domain), data);
        (people, cards, (aid, level, form, finish, stop), how).prop_map(
            move |(
                (name, issuer, profile),
                (deliveries, target, data),
                (aid, level, form, finish, stop),
                (verify, readers),
            )| {
                let (name, issuer) = (name.parse().unwrap(), issuer.parse().unwrap());
                Job {
                    name,
                    issuer,
                    domain,
                    profile,
                    aid,
                    level,
                    form,
                    deliveries,
                    target,
                    data,
                    finish,
                    verify,
                    readers,
                    stop,
                }
            },
        )
    })
}

/// As somebody else's program would write it.
fn write(job: &Job) -> String {
    let string = |text: &str| toml::Value::String(text.to_owned()).to_string();
    let file = |path: &Path| string(path.to_str().unwrap());
    let mut out = format!("format = \"cardwright-job-1\"\nname = \"{}\"\nissuer = \"{}\"\n", job.name, job.issuer);
    out += &format!("domain = \"{}\"\nprofile = {}\n", job.domain, string(&job.profile));
    if !job.aid.is_empty() {
        out += &format!("aid = \"{}\"\n", hex::encode(&job.aid));
    }
    if let Some(level) = job.level {
        out += &format!("level = \"{:02x}\"\n", level.byte());
    }
    out += &format!("bare = {}\n", job.form == BlockForm::Bare);
    out += &format!("verify = \"{}\"\n", job.verify);
    if !job.readers.is_empty() {
        let readers: Vec<_> = job.readers.iter().map(|reader| string(reader)).collect();
        out += &format!("readers = [{}]\n", readers.join(", "));
    }
    let Target { key, kvn, replace, retire } = &job.target;
    out += &format!("[target]\nkey = {}\nkvn = {kvn}\n", string(&key.to_string()));
    out += &format!("replace = {replace}\nretire = {retire}\n");
    for Delivery { name, key, cards } in &job.deliveries {
        out += &format!("[[delivery]]\nname = \"{name}\"\nkey = {}\n", string(&key.to_string()));
        out += &match cards {
            Cards::Listed(path) => format!("file = {}\n", file(path)),
            Cards::Any(count) => format!("count = {count}\n"),
        };
    }
    if let Some(data) = &job.data {
        out += &format!("[data]\nfile = {}\n", file(&data.file));
        out += &data.key.as_ref().map(|key| format!("key = \"{key}\"\n")).unwrap_or_default();
    }
    out += &job.finish.map(|state| format!("[finish]\nstate = \"{state}\"\n")).unwrap_or_default();
    out + &format!("[stop]\nin_row = {}\npercent = {}\n", job.stop.in_row, job.stop.percent)
}

proptest! {
    #[test]
    fn a_job_reads_as_it_was_written(job in job()) {
        let mut files: Vec<_> = job.files().collect();
        files.sort_unstable();
        let twice = files.windows(2).any(|two| two[0] == two[1]);
        let read = Job::parse(write(&job).as_bytes());
        prop_assert_eq!(read.is_err(), twice, "{:?}", read);
        if let Ok(read) = read {
            prop_assert_eq!(read, job);
        }
    }
}
