use super::{IccOption, decimal, derive, last};
use crate::diversify::{InputError, Inputs, Name, RunError};
use crate::key::SecretKey;
use crate::vectors::{cases, key, section};

fn inputs(pan: &str, psn: Option<&str>) -> Inputs {
    let mut inputs = Inputs::default();
    inputs.add(Name::Pan, pan).unwrap();
    psn.into_iter().for_each(|psn| inputs.add(Name::Psn, psn).unwrap());
    inputs
}

#[test]
fn published_keys() {
    let issuer = key(&section("emv")["issuer"]);
    for case in cases("emv") {
        let option = if case["option"] == "a" { IccOption::A } else { IccOption::B };
        let inputs = inputs(case["pan"].as_str().unwrap(), case["psn"].as_str());
        assert_eq!(derive(option, &issuer, &inputs), Ok(key(&case["key"])), "{case}");
    }
}

#[test]
fn option_b_is_option_a_up_to_16_digits() {
    let issuer = key(&section("emv")["issuer"]);
    for len in 8..=19 {
        let inputs = inputs(&"4929123456789012345"[..len], Some("07"));
        let [a, b] = [IccOption::A, IccOption::B].map(|option| derive(option, &issuer, &inputs).unwrap());
        assert_eq!(a == b, len <= 16, "{len}");
    }
}

#[test]
fn no_sequence_number_is_zero() {
    let issuer = key(&section("emv")["issuer"]);
    for option in [IccOption::A, IccOption::B, IccOption::C] {
        let key = |psn| derive(option, &issuer, &inputs("4929123456789012345", psn)).unwrap();
        assert_eq!(key(None), key(Some("00")));
        assert_ne!(key(None), key(Some("01")));
    }
}

#[test]
fn odd_parity() {
    let issuer = key(&section("emv")["issuer"]);
    for option in [IccOption::A, IccOption::B] {
        let key = derive(option, &issuer, &inputs("40000000000001264", None)).unwrap();
        assert!(key.expose().iter().all(|byte| byte.count_ones() % 2 == 1));
    }
}

#[test]
fn digits_of_a_hash() {
    // Letters stand in only where the digits are too few, and behind them.
    let mut hash = [0xAB; 20];
    hash[..2].copy_from_slice(&[0x1C, 0x2F]);
    assert_eq!(decimal(&hash), [0x12, 0x25, 0x01, 0x01, 0x01, 0x01, 0x01, 0x01]);
    hash[12..].copy_from_slice(&[0x98, 0x76, 0x54, 0x32, 0x10, 0x98, 0x76, 0x54]);
    assert_eq!(decimal(&hash), [0x12, 0x98, 0x76, 0x54, 0x32, 0x10, 0x98, 0x76]);
}

#[test]
fn right_most_bytes() {
    assert_eq!(last::<4>(&[1, 2]), [0, 0, 1, 2]);
    assert_eq!(last::<4>(&[1, 2, 3, 4, 5]), [2, 3, 4, 5]);
}

#[test]
fn what_does_not_fit() {
    let issuer = SecretKey::new(&[1; 24]).unwrap();
    let pan = inputs("4929123456789012", None);
    assert_eq!(derive(IccOption::A, &issuer, &pan), Err(RunError::KeyLength(24)));
    assert_eq!(derive(IccOption::C, &issuer, &pan).unwrap().key_len(), 24);
    let none = derive(IccOption::C, &issuer, &Inputs::default());
    assert_eq!(none, Err(RunError::Input(InputError::Missing(Name::Pan))));
}
