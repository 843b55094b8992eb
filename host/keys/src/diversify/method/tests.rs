use super::{Derived, KeyUse, METHODS, Method, MethodError, RunError, Secret, run};
use crate::diversify::{self, DiversifyError, FieldError, InputError, Inputs, Name, StretchError};
use crate::key::{Algorithm, KeyMaterial, SecretKey};
use crate::keyref::Scheme;
use cardwright_proto::gp::key::KeySet;

const KDD: [u8; 10] = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9];

fn master(byte: u8, len: usize) -> SecretKey {
    SecretKey::new(&vec![byte; len]).unwrap()
}

fn set(len: usize) -> KeyMaterial {
    KeyMaterial::Set(KeySet { enc: master(1, len), mac: master(2, len), dek: master(3, len) })
}

fn derive(method: &str, material: &KeyMaterial, inputs: &str) -> Result<Derived, RunError> {
    run(&method.parse().unwrap(), Secret::Keys(material), &inputs.parse().unwrap())
}

fn uses(derived: &Derived) -> Vec<&'static str> {
    derived.keys.iter().map(|(what, _)| what.name()).collect()
}

fn parse_error(text: &str) -> MethodError {
    text.parse::<Method>().unwrap_err()
}

/// What each needs beyond its name.
fn complete(name: &str) -> String {
    let more = if name == "template" { ":cipher=aes-cmac,blocks=input" } else { "" };
    format!("{name}{more}")
}

#[test]
fn every_method_of_the_list() {
    let inputs: Inputs = "kdd=00010203040506070809,pan=4929123456789012,input=0007".parse().unwrap();
    for help in METHODS {
        let method: Method = complete(help.name).parse().unwrap();
        let (material, salt) = (KeyMaterial::gp_test(), Inputs::of_kdd(&KDD));
        if method.wants_pin() {
            let missing = run(&method, Secret::Pin(b"1234"), &salt).unwrap_err();
            assert_eq!(missing, RunError::Input(InputError::Missing(Name::Input)));
            continue;
        }
        let derived = run(&method, Secret::Keys(&material), &inputs).unwrap();
        let expected = match help.name {
            "scp02" => vec!["enc", "mac", "rmac", "dek"],
            "emv-a" | "emv-b" | "emv-c" | "template" => vec!["key"],
            _ => vec!["enc", "mac", "dek"],
        };
        assert_eq!(uses(&derived), expected, "{}", help.name);
        assert_eq!(derived.algorithm, method.algorithm());
        assert_eq!(derived.kcvs(derived.algorithm).unwrap().len(), expected.len());
        for (at, (_, key)) in derived.keys.iter().enumerate() {
            assert!(derived.keys[..at].iter().all(|(_, other)| other != key), "{}", help.name);
        }
    }
    let named = |scheme: &Scheme| METHODS.iter().any(|help| format!("{}+", help.name) == scheme.prefix());
    assert!(Scheme::ALL[1..].iter().all(named));
}

#[test]
fn algorithms() {
    for (method, algorithm) in [
        ("kdf3", Algorithm::Aes),
        ("kdf3-aria", Algorithm::Aria),
        ("kdf3-seed", Algorithm::Seed),
        ("visa", Algorithm::TripleDes),
        ("an10922", Algorithm::Aes),
        ("an10922:cipher=3des", Algorithm::TripleDes),
        ("emv-b", Algorithm::TripleDes),
        ("emv-c", Algorithm::Aes),
        ("scp02", Algorithm::TripleDes),
        ("sp800-108:prf=aria-cmac", Algorithm::Aria),
        ("sp800-108", Algorithm::Aes),
        ("pin-pbkdf2", Algorithm::Aes),
        ("template:cipher=3des-cbc,blocks=kdd[0..8] kdd[0..8]", Algorithm::TripleDes),
    ] {
        assert_eq!(method.parse::<Method>().unwrap().algorithm(), algorithm, "{method}");
    }
}

/// What stands before a key reference is the method of the same name.
#[test]
fn schemes_are_methods() {
    for scheme in &Scheme::ALL[1..] {
        let (material, name) = (set(16), scheme.prefix().trim_end_matches('+'));
        let expected = diversify::derive(*scheme, &material, &KDD).unwrap();
        let derived = derive(name, &material, "00010203040506070809").unwrap();
        assert!(derived.keys.iter().map(|(_, key)| key).eq(expected.iter()), "{name}");
    }
}

/// A set of masters gives each key from its own; R-MAC comes from MAC.
#[test]
fn three_masters() {
    for (method, inputs) in [
        ("an10922:input=input k", "0102"),
        ("sp800-108:prf=aes-cmac", "0102"),
        ("template:cipher=aes-cmac,blocks=input k", "0102"),
        ("scp02", "0102"),
    ] {
        let whole = derive(method, &set(16), inputs).unwrap();
        for (what, key) in &whole.keys {
            let byte = match what {
                KeyUse::Enc => 1,
                KeyUse::Dek => 3,
                _ => 2,
            };
            let alone = derive(method, &KeyMaterial::One(master(byte, 16)), inputs).unwrap();
            assert!(alone.keys.contains(&(*what, key.duplicate())), "{method}");
        }
        let one = method.replace(" k", "");
        if one != method {
            assert_eq!(derive(&one, &set(16), inputs).unwrap_err(), RunError::OneMaster, "{one}");
        }
    }
}

#[test]
fn defaults_are_what_the_help_says() {
    for (name, full) in [
        ("an10922", "an10922:cipher=aes,input=kdd k"),
        ("sp800-108", "sp800-108: prf = hmac-sha256 , layout = i32 k 00 input l32"),
        ("pin-pbkdf2", "pin-pbkdf2:iterations=600000,salt=input,bytes=16"),
        ("pin-argon2id", "pin-argon2id:memory=19456,passes=2,lanes=1,salt=input,bytes=16"),
    ] {
        let parsed = |text: &str| text.parse::<Method>().unwrap();
        assert_eq!(parsed(name), parsed(full));
    }
}

#[test]
fn keys_from_a_pin() {
    let key = |method: &str, pin: &[u8], salt: &str| {
        let derived = run(&method.parse().unwrap(), Secret::Pin(pin), &salt.parse().unwrap())?;
        Ok::<_, RunError>(derived.keys.into_iter().map(|(_, key)| key).collect::<Vec<_>>())
    };
    for method in ["pin-pbkdf2:iterations=100000", "pin-argon2id"] {
        let first = key(method, b"12345678", "0001020304050607").unwrap();
        assert_eq!(first.len(), 1);
        assert_ne!(first, key(method, b"12345679", "0001020304050607").unwrap());
        assert_ne!(first, key(method, b"12345678", "0001020304050608").unwrap());
        assert_eq!(key(method, b"12345678", "00010203040506").unwrap_err(), RunError::Salt(7));
        assert!(matches!(key(method, b"", "0001020304050607").unwrap_err(), RunError::Secret(_)));
    }
    let three = key("pin-pbkdf2:iterations=100000,salt=kdd k,bytes=32", b"1", "00010203040506070809").unwrap();
    assert!(three.len() == 3 && three[0] != three[1] && three.iter().all(|key| key.key_len() == 32));
}

#[test]
fn a_pin_is_no_key() {
    let inputs = Inputs::of_bytes(&[0; 10]).unwrap();
    for help in METHODS {
        let method: Method = complete(help.name).parse().unwrap();
        let (key, inputs) = (KeyMaterial::gp_test(), &mut inputs.clone());
        inputs.add(Name::Pan, "4929123456789012").unwrap();
        let inputs = if help.name == "scp02" { &Inputs::of_bytes(&[0; 2]).unwrap() } else { inputs };
        let secret = if method.wants_pin() { Secret::Keys(&key) } else { Secret::Pin(b"1234") };
        let error = run(&method, secret, inputs).unwrap_err();
        assert!(matches!(error, RunError::Secret(_)), "{}: {error}", help.name);
    }
    assert_eq!(format!("{:?} {:?}", Secret::Pin(b"1234"), Secret::Keys(&set(16))), "Pin(..) Keys(..)");
}

#[test]
fn inputs_that_do_not_fit() {
    let one = KeyMaterial::gp_test();
    let length = |has, least, most| RunError::InputLength { has, least, most };
    assert_eq!(derive("scp02", &one, "000102").unwrap_err(), length(3, 2, 2));
    assert_eq!(derive("an10922:input=input", &one, &"00".repeat(32)).unwrap_err(), length(32, 1, 31));
    assert_eq!(derive("an10922:input=input,cipher=3des", &one, &"00".repeat(16)).unwrap_err(), length(16, 1, 15));
    assert!(derive("an10922:input=input", &one, &"00".repeat(31)).is_ok());
    assert_eq!(derive("kdf3", &one, "0001").unwrap_err(), RunError::Input(InputError::Missing(Name::Kdd)));
    let long = KeyMaterial::One(master(1, 32));
    let seed = derive("kdf3-seed", &long, "00010203040506070809").unwrap_err();
    assert_eq!(seed, RunError::Scheme(DiversifyError::SeedLength));
    assert_eq!(derive("sp800-108:prf=seed-cmac", &long, "00").unwrap_err(), RunError::KeyLength(32));
}

#[test]
fn wrong_text() {
    for text in ["", "kdf4", "kdf3+", "KDF3", "404142434445464748494A4B4C4D4E4F"] {
        assert_eq!(parse_error(text), MethodError::Unknown, "{text}");
    }
    assert!(MethodError::Unknown.to_string().contains("kdf3, kdf3-aria, "));
    let parameter = |method, number| MethodError::Parameter { method, number };
    assert_eq!(parse_error("kdf3:"), parameter("kdf3", 1));
    assert_eq!(parse_error("kdf3:cipher=aes"), parameter("kdf3", 1));
    assert_eq!(parse_error("an10922:input=00,key=aes"), parameter("an10922", 2));
    assert_eq!(parse_error("an10922:input=00,input=01"), parameter("an10922", 2));
    let needed = |parameter| MethodError::Needed { method: "template", parameter };
    assert_eq!(parse_error("template"), needed("cipher"));
    assert_eq!(parse_error("template:cipher=aes-ecb"), needed("blocks"));
    for (text, name) in [
        ("an10922:cipher=seed", "cipher"),
        ("sp800-108:prf=hmac", "prf"),
        ("sp800-108:bytes=20", "bytes"),
        ("pin-pbkdf2:iterations=+600000", "iterations"),
        ("pin-argon2id:memory=4294967296", "memory"),
    ] {
        assert!(matches!(parse_error(text), MethodError::Value { parameter, .. } if parameter == name), "{text}");
    }
    let error = FieldError::Counters(0);
    assert_eq!(parse_error("sp800-108:layout=00"), MethodError::Fields { parameter: "layout", error });
    assert_eq!(parse_error("pin-pbkdf2:salt=serial"), MethodError::Never(RunError::Salt(4)));
    let too_long = RunError::Output { gives: 16, wanted: 32 };
    assert_eq!(parse_error("template:cipher=aes-cmac,blocks=kdd,bytes=32"), MethodError::Never(too_long));
    let least = StretchError { what: "iterations", given: 99_999, least: 100_000, most: 100_000_000 };
    assert_eq!(parse_error("pin-pbkdf2:iterations=99999"), MethodError::Stretch(least));
}
