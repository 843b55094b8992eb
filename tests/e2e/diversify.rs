//! Diversification against other people's software, over random inputs, and against all of NIST's counter mode vectors.

use cardwright_keys::diversify::{Derived, Inputs, Layout, METHODS, Method, Prf, Secret, run};
use cardwright_keys::key::{Algorithm, KeyMaterial, SecretKey};
use cardwright_proto::gp::key::KeySet;
use cardwright_tests::chance::rng;
use cardwright_tests::rig::{repository, skip};
use proptest::prelude::{Rng, RngExt};
use proptest::test_runner::TestRng;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};

/// The tests' Python; `None`, with words, where it is not installed.
fn python(what: &str) -> Option<PathBuf> {
    let python = repository().join(".tools/venv/bin/python");
    if python.exists() {
        return Some(python);
    }
    skip(what, "Python's packages are not installed: run scripts/setup.sh test");
    None
}

fn prf(name: &str) -> Prf {
    match name {
        "HMAC_SHA1" => Prf::HmacSha1,
        "HMAC_SHA224" => Prf::HmacSha224,
        "HMAC_SHA256" => Prf::HmacSha256,
        "HMAC_SHA384" => Prf::HmacSha384,
        "HMAC_SHA512" => Prf::HmacSha512,
        "CMAC_AES128" | "CMAC_AES192" | "CMAC_AES256" => Prf::Cmac(Algorithm::Aes),
        "CMAC_TDES2" | "CMAC_TDES3" => Prf::Cmac(Algorithm::TripleDes),
        other => panic!("an unknown PRF, {other}"),
    }
}

/// One case: what stands under `[..]`, and its own lines.
fn check(section: &BTreeMap<&str, &str>, case: &BTreeMap<&str, &str>) {
    let width = section["RLEN"].trim_end_matches("_BITS");
    let words = match section["CTRLOCATION"] {
        "BEFORE_FIXED" => format!("i{width} {}", case["FixedInputData"]),
        "AFTER_FIXED" => format!("{} i{width}", case["FixedInputData"]),
        _ => format!("{} i{width} {}", case["DataBeforeCtrData"], case["DataAfterCtrData"]),
    };
    let mut out = vec![0; case["L"].parse::<usize>().unwrap() / 8];
    let key = hex::decode(case["KI"]).unwrap();
    let layout = Layout::new(prf(section["PRF"]), &words).unwrap();
    layout.derive(&key, 0, &Inputs::default(), &mut out).unwrap();
    assert_eq!(hex::encode(out), case["KO"], "{section:?}, case {}", case["COUNT"]);
}

#[test]
fn all_of_nists_counter_mode() {
    let Some(python) = python("NIST's counter mode vectors") else { return };
    let find = "import cryptography_vectors as v; print(v.__path__[0])";
    let found = Command::new(python).args(["-c", find]).output().unwrap();
    let dir = String::from_utf8(found.stdout).unwrap();
    let text = std::fs::read_to_string(format!("{}/KDF/nist-800-108-KBKDF-CTR.txt", dir.trim())).unwrap();
    let (mut section, mut case) = (BTreeMap::new(), BTreeMap::new());
    let mut counts = BTreeMap::<_, usize>::new();
    for line in text.lines().map(str::trim).filter(|line| !line.starts_with('#')) {
        let (heading, line) = line.strip_prefix('[').map_or((false, line), |line| (true, line.trim_end_matches(']')));
        let Some((name, value)) = line.split_once('=').map(|(name, value)| (name.trim(), value.trim())) else {
            continue;
        };
        if heading {
            section.insert(name, value);
            continue;
        }
        case.insert(name, value);
        if name == "KO" {
            check(&section, &case);
            *counts.entry(section["PRF"]).or_default() += 1;
            case.clear();
        }
    }
    assert_eq!((counts.len(), counts.values().sum::<usize>()), (10, 4800), "{counts:?}");
    assert!(counts.values().all(|count| *count == 480), "{counts:?}");
}

fn bytes(rng: &mut TestRng, len: usize) -> Vec<u8> {
    let mut bytes = vec![0; len];
    rng.fill_bytes(&mut bytes);
    bytes
}

fn pick<T: Copy>(rng: &mut TestRng, of: &[T]) -> T {
    of[rng.random_range(0..of.len())]
}

/// The text of a method, the text of its inputs, and what the peer is told of both.
type Case = (String, String, Value);

/// A random case of a method; `len` is that of the masters.
fn case(rng: &mut TestRng, name: &str, len: usize) -> Case {
    match name {
        "an10922" => {
            let cipher = if len == 32 { "aes" } else { pick(rng, &["aes", "3des"]) };
            // The number of the key is one more byte.
            let input_len = rng.random_range(1..=if cipher == "aes" { 30 } else { 14 });
            let input = hex::encode(bytes(rng, input_len));
            let told = json!({ "cipher": cipher, "input": input });
            (format!("an10922:cipher={cipher},input=input k"), input, told)
        }
        "emv-a" | "emv-b" | "emv-c" => {
            let digits = rng.random_range(8..=19);
            // Now and then a PAN whose hash has too few decimal digits for option B.
            let odd = ["40000000000001264", "40000000000001540", "40000000000001985", "40000000000002800"];
            let pan: String = (0..digits).map(|_| char::from(rng.random_range(b'0'..=b'9'))).collect();
            let (pan, psn) = match rng.random_range(0..5) {
                0 => (pick(rng, &odd).to_owned(), "00".to_owned()),
                _ => (pan, format!("{:02}", rng.random_range(0..100))),
            };
            (name.to_owned(), format!("pan={pan},psn={psn}"), json!({ "pan": pan, "psn": psn }))
        }
        "scp02" => {
            let counter = hex::encode(bytes(rng, 2));
            (name.to_owned(), counter.clone(), json!({ "input": counter }))
        }
        "sp800-108" => layout(rng, len),
        "template" => {
            let names = ["aes-ecb", "aes-cbc", "aes-cmac", "3des-ecb", "3des-cbc"];
            let cipher = pick(rng, if len == 32 { &names[..3] } else { &names });
            let input = hex::encode(bytes(rng, 31));
            let told = json!({ "cipher": cipher, "input": input, "bytes": 16 });
            (format!("template:cipher={cipher},blocks=input k,bytes=16"), input, told)
        }
        "pin-pbkdf2" | "pin-argon2id" => pin(rng, name),
        _ => {
            let kdd = hex::encode(bytes(rng, 10));
            (name.to_owned(), format!("kdd={kdd}"), json!({ "kdd": kdd }))
        }
    }
}

/// Label, key number, separator, context and length in a random order around a counter of a random width.
fn layout(rng: &mut TestRng, len: usize) -> Case {
    let mut prfs = Vec::from(Prf::ALL.map(Prf::name));
    // The peer's library has no counter mode over ARIA or SEED, and 3DES no keys of 32 bytes.
    prfs.retain(|prf| !["aria-cmac", "seed-cmac"].contains(prf) && (len < 32 || *prf != "3des-cmac"));
    let (prf, width) = (pick(rng, &prfs), pick(rng, &[8, 16, 24, 32]));
    let out = pick(rng, if prf == "3des-cmac" { &[16, 24] } else { &[16, 24, 32] });
    let context = hex::encode(bytes(rng, 12));
    // Each with the bytes that it stands for; the peer puts the key's number where it finds KK.
    let mut words = [
        ("'Label'".to_owned(), hex::encode("Label")),
        ("k".to_owned(), hex::encode("KK")),
        ("00".to_owned(), "00".to_owned()),
        ("input".to_owned(), context.clone()),
        ("l16".to_owned(), format!("{:04x}", out * 8)),
        ("l32".to_owned(), format!("{:08x}", out * 8)),
    ];
    for at in (1..words.len()).rev() {
        words.swap(at, rng.random_range(0..=at));
    }
    let (before, after) = words.split_at(rng.random_range(0..=words.len()));
    let text = |part: &[(String, String)]| part.iter().map(|(word, _)| word.as_str()).collect::<Vec<_>>().join(" ");
    let means = |part: &[(String, String)]| part.iter().map(|(_, hex)| hex.as_str()).collect::<String>();
    let method = format!("sp800-108:prf={prf},layout={} i{width} {},bytes={out}", text(before), text(after));
    let told = json!({ "prf": prf, "width": width, "bytes": out, "before": means(before), "after": means(after) });
    (method, context, told)
}

fn pin(rng: &mut TestRng, name: &str) -> Case {
    let (out, salt_len) = (pick(rng, &[16, 24, 32]), rng.random_range(8..24));
    let salt = hex::encode(bytes(rng, salt_len));
    if name == "pin-pbkdf2" {
        let iterations = rng.random_range(100_000..110_000);
        let told = json!({ "input": salt, "iterations": iterations, "bytes": out });
        return (format!("{name}:iterations={iterations},bytes={out}"), salt, told);
    }
    let (memory, passes, lanes) = (rng.random_range(19_456..25_000), rng.random_range(2..4), rng.random_range(1..4));
    let told = json!({ "input": salt, "memory": memory, "passes": passes, "lanes": lanes, "bytes": out });
    (format!("{name}:memory={memory},passes={passes},lanes={lanes},bytes={out}"), salt, told)
}

/// Lengths of masters that a method takes.
fn lengths(name: &str) -> &'static [usize] {
    match name {
        "kdf3-seed" | "visa" | "visa2" | "emv" | "emv-a" | "emv-b" | "scp02" => &[16],
        _ => &[16, 24, 32],
    }
}

fn keys_of(derived: &Derived) -> Value {
    let kcvs = derived.kcvs(derived.algorithm).unwrap();
    let both = derived.keys.iter().zip(kcvs);
    both.map(|((what, key), (_, kcv))| (what.name().to_owned(), json!([hex::encode(key.expose()), kcv.to_string()])))
        .collect::<serde_json::Map<_, _>>()
        .into()
}

/// Runs a random case of a method, and tells the peer what it was and what came out.
fn line(rng: &mut TestRng, name: &str) -> String {
    let len = pick(rng, lengths(name));
    let (text, inputs, mut told) = case(rng, name, len);
    let (method, inputs): (Method, Inputs) = (text.parse().unwrap(), inputs.parse().unwrap());
    let derived = if method.wants_pin() {
        let digits = format!("{:08}", rng.random_range(0..100_000_000));
        told["pin"] = hex::encode(&digits).into();
        run(&method, Secret::Pin(digits.as_bytes()), &inputs)
    } else {
        let three = !name.starts_with("emv-") && rng.random_bool(0.5);
        let masters = if three { [0; 3].map(|_| bytes(rng, len)) } else { [(); 3].map(|()| vec![]) };
        let one = bytes(rng, len);
        let [enc, mac, dek] = masters.map(|master| if three { master } else { one.clone() });
        let hex = |key: &[u8]| hex::encode(key);
        told["masters"] =
            json!({ "enc": hex(&enc), "mac": hex(&mac), "rmac": hex(&mac), "dek": hex(&dek), "key": hex(&one) });
        let key = |bytes: &[u8]| SecretKey::new(bytes).unwrap();
        let material = if three {
            KeyMaterial::Set(KeySet { enc: key(&enc), mac: key(&mac), dek: key(&dek) })
        } else {
            KeyMaterial::One(key(&one))
        };
        run(&method, Secret::Keys(&material), &inputs)
    };
    let derived = derived.unwrap_or_else(|error| panic!("{text}: {error}"));
    told["method"] = name.into();
    told["algorithm"] = derived.algorithm.name().into();
    told["keys"] = keys_of(&derived);
    told.to_string()
}

#[test]
fn other_implementations_agree() {
    let Some(python) = python("a second implementation of diversification") else { return };
    let mut rng = rng("diversification");
    let peer = repository().join("tests/peers/diversify.py");
    let mut child = Command::new(python).arg(peer).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    // Each ARIA block is a process, and each PIN a hundred milliseconds.
    let times = |name: &str| match name {
        "kdf3-aria" => 12,
        "pin-pbkdf2" | "pin-argon2id" => 8,
        _ => 100,
    };
    for help in METHODS {
        for _ in 0..times(help.name) {
            writeln!(stdin, "{}", line(&mut rng, help.name)).unwrap();
        }
    }
    drop(stdin);
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "the peer disagrees, see above");
    let said = String::from_utf8(output.stdout).unwrap();
    let counts: BTreeMap<_, usize> = said
        .lines()
        .map(|line| line.split_once(' ').unwrap())
        .map(|(name, count)| (name, count.parse().unwrap()))
        .collect();
    println!("{counts:?}");
    assert!(METHODS.iter().all(|help| counts[help.name] == times(help.name)), "{counts:?}");
}
