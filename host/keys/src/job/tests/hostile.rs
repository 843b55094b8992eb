//! Files that are no jobs.

use super::{line, refused, with};
use crate::job::{CARDS_MAX, EXAMPLE, Job, JobError, MAX_LEN};
use crate::keyref::KeyRefError;
use proptest::prelude::{any, proptest};
use proptest::{prop_assert, sample};

#[test]
fn only_plain_text() {
    let bytes = |text: &[u8]| Job::parse(text).unwrap_err();
    let insert = |at: &str, what: &[u8]| {
        let (before, after) = EXAMPLE.split_once(at).unwrap();
        bytes(&[before.as_bytes(), at.as_bytes(), what, after.as_bytes()].concat())
    };
    let after_name = line("name = ");
    assert_eq!(bytes(&[b"\xEF\xBB\xBF", EXAMPLE.as_bytes()].concat()), JobError::Bom);
    assert_eq!(insert("name = \"acme", b"\0"), JobError::Nul { line: after_name });
    assert_eq!(insert("# no two jobs have one name", b"\r"), JobError::CarriageReturn { line: after_name });
    assert_eq!(bytes(EXAMPLE.replace('\n', "\r\n").as_bytes()), JobError::CarriageReturn { line: 1 });
    assert_eq!(insert("name = \"acme", b"\xC3"), JobError::NotText { line: after_name });
    assert_eq!(insert("name = \"acme", b"\x1B"), JobError::Syntax { line: after_name });
    let mut long = EXAMPLE.as_bytes().to_vec();
    long.resize(MAX_LEN, b'\n');
    Job::parse(&long).unwrap();
    long.push(b'\n');
    assert_eq!(bytes(&long), JobError::TooLong(MAX_LEN + 1));
    assert_eq!(bytes("[".repeat(MAX_LEN).as_bytes()), JobError::Syntax { line: 1 });
    let deep = format!("{EXAMPLE}x = {}", "[".repeat(MAX_LEN / 2));
    assert!(matches!(bytes(deep.as_bytes()), JobError::Syntax { .. }));
    assert_eq!(bytes(b""), JobError::Missing { line: 1, member: "format" });
}

#[test]
fn only_the_members_that_there_are() {
    for (at, member) in [("name = ", "name"), ("issuer = ", "issuer"), ("domain = ", "domain"), ("profile", "profile")]
    {
        let text = EXAMPLE.lines().filter(|line| !line.starts_with(at)).collect::<Vec<_>>().join("\n");
        // The delivery's name goes as well; what is missing first is told.
        assert!(matches!(Job::parse(text.as_bytes()), Err(JobError::Missing { member: m, .. }) if m == member), "{at}");
    }
    let missing = |from, to, member| match refused(from, to) {
        JobError::Missing { line: at, member: found } => {
            assert_eq!(found, member);
            at
        }
        other => panic!("{other}"),
    };
    assert_eq!(missing("kvn = \"0x30\"", "", "kvn"), line("[target]"));
    assert_eq!(missing("key = \"kdf3+vault:vendor/tmk@0x20\"", "", "key"), line("[[delivery]]"));
    assert_eq!(missing("file = \"data.jsonl\"", "", "file"), line("[data]"));
    assert_eq!(missing("state = \"secured\"", "", "state"), line("[finish]"));
    for (from, to) in [
        ("retire = true", "retired = true"),
        ("name = \"acme", "evil = 1\nname = \"acme"),
        ("in_row = 3", "in_rows = 3"),
        ("retire = true", "retire = \"evil\""),
        ("count = 1000", "count = \"evil\""),
        ("count = 1000", "count = -1"),
        ("in_row = 3", "in_row = 4294967296"),
        ("percent = 5", "percent = 256"),
        ("name = \"acme-2026-11\"", "name = 5"),
    ] {
        assert_eq!(refused(from, to), JobError::Member { line: line(from) }, "{to}");
    }
    for twice in ["domain = \"test\"", "kvn = \"0x30\"", "percent = 5"] {
        let again = format!("{twice}\n{twice}");
        assert_eq!(refused(twice, &again), JobError::Syntax { line: line(twice) + 1 }, "{twice}");
    }
    assert!(matches!(refused("[finish]", "[target]"), JobError::Syntax { .. }));
}

#[test]
fn values_keep_their_rules() {
    for (from, to) in [
        ("\"cardwright-job-1\"", "\"cardwright-job-2\""),
        ("\"acme-2026-11\"", "\"acme 2026\""),
        ("\"acme-2026-11\"", "\"\""),
        ("\"acme\"", "\"\u{430}cme\""),
        ("\"test\"", "\"Test\""),
        ("\"jcop4-scp03\"", "\"\""),
        ("\"jcop4-scp03\"", "\" jcop4\""),
        ("\"jcop4-scp03\"", "\"a\\u001B[2Jb\""),
        ("\"jcop4-scp03\"", "\"a\u{202E}b\""),
        ("# aid = \"A000000151000000\"", "aid = \"A0000001\""),
        ("# aid = \"A000000151000000\"", "aid = \"A00000015100000\""),
        ("# aid = \"A000000151000000\"", "aid = \"\""),
        ("# verify = \"session\"", "verify = \"none\""),
        ("# readers = [\"pcsc:ACS\"]", "readers = []"),
        ("# readers = [\"pcsc:ACS\"]", "readers = [\"\"]"),
        ("# readers = [\"pcsc:ACS\"]", "readers = [\"a\\tb\"]"),
        ("# level = \"33\"", "level = \"00\""),
        ("# level = \"33\"", "level = \"+3\""),
        ("# level = \"33\"", "level = \"0x33\""),
        ("# level = \"33\"", "level = \"32\""),
        ("\"0x30\"", "\"0x80\""),
        ("\"0x30\"", "\"0xFF\""),
        ("\"0x30\"", "0"),
        ("\"0x30\"", "304"),
        ("\"0x30\"", "-208"),
        ("\"0x30\"", "\"+48\""),
        ("\"0x30\"", "48.0"),
        // Arabic, full-width and mathematical digits.
        ("\"0x30\"", "\"\u{664}\u{668}\""),
        ("\"0x30\"", "\"0x\u{FF13}\u{FF10}\""),
        ("\"0x30\"", "\"\u{1D7DC}\""),
        ("\"box-17.csv\"", "\"\""),
        ("\"box-17.csv\"", "\"box\\u0000.csv\""),
        ("\"box-17.csv\"", "\"box\\n17.csv\""),
        ("\"data.jsonl\"", "\"\"\"data\n.jsonl\"\"\""),
        ("\"kdf3+vault:office/kmc\"", "\"file:a\\u0000b\""),
        ("state = \"secured\"", "state = \"locked\""),
        ("in_row = 3", "in_row = 0"),
        ("percent = 5", "percent = 0"),
        ("percent = 5", "percent = 101"),
    ] {
        let error = refused(from, to);
        assert!(matches!(error, JobError::Unfit { line: at, .. } if at == line(from)), "{from} {to}: {error}");
    }
    let long = |what: &str, len: usize| format!("\"{}\"", what.repeat(len));
    with("\"jcop4-scp03\"", &long("x", 100)).unwrap();
    assert!(matches!(refused("\"jcop4-scp03\"", &long("x", 101)), JobError::Unfit { .. }));
    with("\"box-17.csv\"", &long("x", 4096)).unwrap();
    assert!(matches!(refused("\"box-17.csv\"", &long("x", 4097)), JobError::Unfit { .. }));
}

#[test]
fn keys_are_where_stations_find_them() {
    const TARGET: &str = "\"kdf3+vault:office/kmc\"";
    const BOX: &str = "\"kdf3+vault:vendor/tmk@0x20\"";
    const DATA: &str = "\"vault:office/job-17\"";
    let quoted = |key: &str| format!("\"{key}\"");
    for place in [TARGET, BOX, DATA] {
        for key in ["fd:5", "prompt", "kdf3+fd:5", "kdf3+prompt"] {
            assert_eq!(refused(place, &quoted(key)), JobError::Once { line: line(place) }, "{key}");
        }
        let vault = KeyRefError::Vault;
        assert_eq!(refused(place, "\"vault:office\""), JobError::Key { line: line(place), error: vault });
    }
    for place in [TARGET, BOX] {
        for key in ["gp-test", "kdf3+gp-test", "file:a key.hex", "visa2+file:/k", "vault:a/b:2"] {
            with(place, &quoted(key)).unwrap();
        }
        let live = with(place, "\"kdf3+gp-test\"").map(|_| EXAMPLE.replacen(place, "\"kdf3+gp-test\"", 1)).unwrap();
        let live = Job::parse(live.replacen("\"test\" ", "\"live\" ", 1).as_bytes());
        assert_eq!(live, Err(JobError::WellKnown { line: line(place) }));
    }
    with("\"test\" ", "\"live\" ").unwrap();
    for key in ["gp-test", "file:k", "kdf3+vault:office/job-17", "vault:office/job-17@0x30"] {
        assert_eq!(refused(DATA, &quoted(key)), JobError::DataKey { line: line(DATA) }, "{key}");
    }
    let set = JobError::TargetSet { line: line(TARGET) };
    assert_eq!(refused(TARGET, "\"kdf3+vault:office/kmc@0x30\""), set);
    assert_eq!(refused("replace = false", "replace = true"), JobError::ReplaceAndRetire { line: line(TARGET) });
    assert_eq!(refused(BOX, "\"gp-test@48\""), JobError::SameSet { line: line(BOX) });
    let replaced = EXAMPLE.replacen(BOX, "\"gp-test@48\"", 1).replacen("replace = false", "replace = true", 1);
    Job::parse(replaced.replacen("retire = true", "retire = false", 1).as_bytes()).unwrap();
}

#[test]
fn deliveries_keep_their_rules() {
    let second = line("name = \"box-18\"");
    assert_eq!(refused("\"box-18\"", "\"box-17\""), JobError::DeliveryTwice { line: second });
    with("\"box-18\"", "\"Box-17\"").unwrap();
    assert_eq!(refused("\"data.jsonl\"", "\"box-17.csv\""), JobError::FileTwice { line: line("\"data.jsonl\"") });
    assert_eq!(refused("count = 1000", "file = \"box-17.csv\""), JobError::FileTwice { line: line("count = 1000") });
    assert_eq!(refused("count = 1000", "count = 1\nfile = \"b\""), JobError::ListOrCount { line: second });
    assert_eq!(refused("count = 1000", ""), JobError::ListOrCount { line: second });
    let count = |count: u64| with("count = 1000", &format!("count = {count}"));
    let wrong = Err(JobError::Count { line: line("count = 1000") });
    assert_eq!(count(0), wrong);
    assert_eq!(count(CARDS_MAX + 1), wrong);
    assert_eq!(count(u64::MAX >> 1), wrong);
    count(CARDS_MAX).unwrap();
    let first = format!("count = {CARDS_MAX}");
    assert_eq!(with("file = \"box-17.csv\"", &first), wrong, "together");
    let none = EXAMPLE.split("[[delivery]]").next().unwrap();
    assert_eq!(Job::parse(none.as_bytes()), Err(JobError::Missing { line: 1, member: "delivery" }));
    let empty = none.replacen("\n[target]", "\ndelivery = []\n[target]", 1);
    assert_eq!(Job::parse(empty.as_bytes()), Err(JobError::NoDelivery));
}

/// A key in the place of anything, in any notation: no error repeats it, for people or for developers.
#[test]
fn errors_show_no_key() {
    const SECRET: &str = "5F1C3A99D2604E0B8877665544332211";
    let mut refused = 0;
    for written in EXAMPLE.lines().filter(|line| !line.starts_with('#') && line.contains(" = ")) {
        let (name, _) = written.split_once(" = ").unwrap();
        for value in [
            format!("\"{SECRET}\""),
            format!("'{SECRET}'"),
            format!("\"\"\"{SECRET}\"\"\""),
            format!("\"{SECRET}"),
            format!("\"kdf3+{SECRET}\""),
            format!("\"vault:office/kmc@{SECRET}\""),
            format!("\"vault:{SECRET}\""),
            format!("\"fd:{SECRET}\""),
            SECRET.to_owned(),
            "5771234987571234987".to_owned(),
            format!("[\"{SECRET}\"]"),
            format!("{{ {SECRET} = 1 }}"),
            format!("true\n{SECRET} = 1"),
            format!("true\n[{SECRET}]"),
            format!("\"{SECRET}\"\n{name} = \"{SECRET}\""),
        ] {
            let text = EXAMPLE.replacen(written, &format!("{name} = {value}"), 1);
            // It is a name, a profile or a path as good as any.
            let Err(error) = Job::parse(text.as_bytes()) else { continue };
            refused += 1;
            let told = format!("{error} {error:?}");
            assert!(!told.contains("5F1C") && !told.contains("57712") && !told.contains("3A99D2"), "{told}");
            assert!(told.starts_with("line "), "{told}");
        }
    }
    assert!(refused > 250, "{refused}");
    // The name of a delivery may be a key, and stands twice.
    let text = EXAMPLE.replace("\"box-17\"", &format!("\"{SECRET}\"")).replace("\"box-18\"", &format!("\"{SECRET}\""));
    let error = Job::parse(text.as_bytes()).unwrap_err();
    assert!(!format!("{error} {error:?}").contains("5F1C"));
}

proptest! {
    #[test]
    fn any_bytes(at in any::<sample::Index>(), bytes in proptest::collection::vec(any::<u8>(), 0..40)) {
        let (before, after) = EXAMPLE.split_at(at.index(EXAMPLE.len()));
        let _ = Job::parse(&[before.as_bytes(), &bytes, after.as_bytes()].concat());
        if let Err(error) = Job::parse(&bytes) {
            prop_assert!(error.to_string().len() < 300);
        }
    }
}
