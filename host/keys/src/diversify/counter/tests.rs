use super::{Layout, Prf};
use crate::diversify::{FieldError, Inputs, RunError};
use crate::key::Algorithm;

fn prf(name: &str) -> Prf {
    match name {
        "HMAC_SHA1" => Prf::HmacSha1,
        "HMAC_SHA224" => Prf::HmacSha224,
        "HMAC_SHA256" => Prf::HmacSha256,
        "HMAC_SHA384" => Prf::HmacSha384,
        "HMAC_SHA512" => Prf::HmacSha512,
        "CMAC_TDES2" | "CMAC_TDES3" => Prf::Cmac(Algorithm::TripleDes),
        _ => Prf::Cmac(Algorithm::Aes),
    }
}

/// One case of each of NIST's 120 sections; all 4,800 are an end-to-end test, from the package that they come in.
#[test]
fn nist() {
    let lines = include_str!("../../../../../tests/vectors/nist_kbkdf_ctr.txt").lines();
    let mut count = 0;
    for line in lines.filter(|line| !line.starts_with('#')) {
        let words: Vec<_> = line.split(' ').collect();
        let [name, width, _, bits, key, before, after, expected] = words[..] else { panic!("{line}") };
        let around = [before, after].map(|words| if words == "-" { "" } else { words });
        let layout = Layout::new(prf(name), &format!("{} i{width} {}", around[0], around[1])).unwrap();
        let mut out = vec![0; bits.parse::<usize>().unwrap() / 8];
        layout.derive(&hex::decode(key).unwrap(), 0, &Inputs::default(), &mut out).unwrap();
        assert_eq!(hex::encode(out), expected, "{line}");
        count += 1;
    }
    assert_eq!(count, 120);
}

/// The words of a layout, against the same bytes written out.
#[test]
fn words() {
    let key = [7; 32];
    let derived = |text: &str| {
        let mut out = [0; 40];
        Layout::new(Prf::HmacSha256, text).unwrap().derive(&key, 2, &"0A0B0C".parse().unwrap(), &mut out).unwrap();
        out
    };
    for (words, bytes) in [
        ("i32 'Key A' 00 input l32", "i32 4B65792041 00 0A0B0C 00000140"),
        ("'x' k 00 l16 i8 input[1..3]", "78 02 00 0140 i8 0B0C"),
        ("input i16", "0A0B0C i16"),
    ] {
        assert_eq!(derived(words), derived(bytes), "{words}");
    }
}

#[test]
fn what_does_not_fit() {
    let layout = |text| Layout::new(Prf::HmacSha256, text);
    assert_eq!(layout("input"), Err(FieldError::Counters(0)));
    assert_eq!(layout("i8 input i32"), Err(FieldError::Counters(2)));
    assert_eq!(layout("i8 inputs"), Err(FieldError::Unknown { word: 2 }));
    let layout = Layout::new(Prf::Cmac(Algorithm::TripleDes), "i8 01").unwrap();
    let derive = |key: &[u8], len| layout.derive(key, 0, &Inputs::default(), &mut vec![0; len]);
    assert_eq!(derive(&[1; 16], Layout::MOST), Ok(()));
    assert_eq!(derive(&[1; 16], 1025), Err(RunError::Output { gives: 1024, wanted: 1025 }));
    assert_eq!(derive(&[1; 20], 16), Err(RunError::KeyLength(20)));
}
