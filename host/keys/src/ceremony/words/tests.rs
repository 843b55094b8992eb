use super::{COUNT, Fingerprint, LIST, Words, WordsError, words};
use crate::custody::hash::sha256;
use proptest::prelude::{any, proptest};

#[test]
fn the_list_has_1024_words_in_order() {
    let list: Vec<_> = LIST.lines().collect();
    assert_eq!(list.len(), 1024);
    assert!(list.is_sorted_by(|a, b| a[..4] < b[..4]), "told apart by four letters");
}

#[test]
fn a_word_is_ten_bits() {
    assert_eq!(words(&[0; 32]).to_string(), ["academic"; COUNT].join(" "));
    assert_eq!(words(&[0xFF; 32]).to_string(), ["zero"; COUNT].join(" "));
    // 0000000001 0000000010 ...: "acid" and "acne" are the second and third of the list.
    let mut hash = [0; 32];
    hash[1] = 0x40;
    hash[2] = 0x20;
    assert_eq!(words(&hash).to_string(), format!("acid acne {}", ["academic"; 11].join(" ")));
    // The last word ends with the second bit of byte 16.
    let mut hash = [0; 32];
    hash[16] = 0x7F;
    assert_eq!(words(&hash).to_string(), format!("{} acid", ["academic"; 12].join(" ")));
}

#[test]
fn each_of_the_130_bits_counts_and_no_other() {
    let hash = sha256(&[b"bits"]);
    for bit in 0..256 {
        let mut other = hash;
        other[bit / 8] ^= 0x80 >> (bit % 8);
        assert_eq!(words(&hash) == other, bit >= 130, "bit {bit}");
    }
}

#[test]
fn what_are_no_words_is_named() {
    let twelve = ["zero"; 12].join(" ");
    assert_eq!(twelve.parse::<Words>(), Err(WordsError::Count(12)));
    assert_eq!("".parse::<Words>(), Err(WordsError::Count(0)));
    assert_eq!(format!("{twelve} zero zero").parse::<Words>(), Err(WordsError::Count(14)));
    let unknown = WordsError::Unknown { at: 13, word: "zeroes".to_owned() };
    assert_eq!(unknown.to_string(), "word 13, `zeroes`, is not in the list");
    assert_eq!(format!("{twelve} zeroes").parse::<Words>(), Err(unknown));
}

#[test]
fn a_fingerprint_is_typed_as_words_or_as_digits() {
    let (hash, other) = (sha256(&[b"one"]), sha256(&[b"other"]));
    for text in [words(&hash).to_string(), hex::encode(hash), hex::encode_upper(hash)] {
        let given: Fingerprint = text.parse().unwrap();
        assert!(given.fits(&hash) && !given.fits(&other), "{text}");
        assert_eq!(given.to_string(), words(&hash).to_string());
    }
    assert!(hex::encode(&hash[1..]).parse::<Fingerprint>().is_err());
    assert!(Fingerprint::of(&[4; 65]).fits(&sha256(&[&[4; 65]])));
}

proptest! {
    #[test]
    fn words_are_read_as_they_are_written(hash in any::<[u8; 32]>()) {
        let said = words(&hash);
        assert_eq!(said.to_string().split(' ').count(), COUNT);
        assert_eq!(said.to_string().parse(), Ok(said));
        let shouted = format!("  {}\n", said.to_string().to_uppercase().replace(' ', " \t "));
        assert_eq!(shouted.parse(), Ok(said));
        assert!(said == hash);
    }
}
