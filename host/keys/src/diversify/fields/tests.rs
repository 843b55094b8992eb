use super::{FieldError, Fields, Filling};
use crate::diversify::{InputError, Inputs, Name};
use proptest::prelude::proptest;

fn filled(text: &str) -> Result<String, InputError> {
    let inputs: Inputs = "kdd=00010203040506070809,serial=AABBCCDD,input=0F".parse().unwrap();
    text.parse::<Fields>().unwrap().fill(&Filling { k: 3, bits: 128, inputs: &inputs }).map(hex::encode)
}

fn error(text: &str) -> FieldError {
    text.parse::<Fields>().unwrap_err()
}

#[test]
fn words() {
    for (text, expected) in [
        ("F0 k 0F k", "f0030f03"),
        (" kdd[4..10]\tserial ", "040506070809aabbccdd"),
        ("kdd[9] kdd[0..1] psn", "090000"),
        ("'a b' 00", "61206200"),
        ("input", "0f"),
    ] {
        assert_eq!(filled(text).unwrap(), expected, "{text}");
    }
}

#[test]
fn lengths_that_are_certain() {
    let known = |text: &str| text.parse::<Fields>().unwrap().known_len();
    assert_eq!(known("kdd F0 k serial 'abc' psn"), Some(20));
    assert_eq!(known("input[2..5] pan[0]"), Some(4));
    assert_eq!(known("kdd pan"), None);
    assert!("00 k".parse::<Fields>().unwrap().numbered());
    assert!(!"00 kdd".parse::<Fields>().unwrap().numbered());
}

#[test]
fn wrong_words() {
    assert_eq!(error(" "), FieldError::Empty);
    for text in ["00 F", "00 uid", "00 'a", "00 ''", "00 'a'b'", "00 'é'", "00 k[1]", "00 0x01"] {
        assert_eq!(error(text), FieldError::Unknown { word: 2 }, "{text}");
    }
    for text in ["kdd[", "kdd[]", "kdd[10]", "kdd[2..2]", "kdd[3..2]", "kdd[..2]", "kdd[0..11]", "kdd[+1]", "kdd[0"] {
        assert_eq!(error(text), FieldError::Range { word: 1, name: Name::Kdd }, "{text}");
    }
    assert_eq!(error("input[255]"), FieldError::Range { word: 1, name: Name::Input });
    for text in ["k i8", "k l32"] {
        assert_eq!(error(text), FieldError::OnlyInLayout { word: 2 }, "{text}");
    }
}

#[test]
fn what_is_not_there() {
    assert_eq!(filled("pan"), Err(InputError::Missing(Name::Pan)));
    assert_eq!(filled("input[1..4]"), Err(InputError::Short { name: Name::Input, wants: 4 }));
}

proptest! {
    #[test]
    fn any_text_is_survived(text in "[ik0-9a-f'\\[\\].a-z ]{0,40}|\\PC{0,20}") {
        let _ = text.parse::<Fields>();
        let _ = Fields::around_counter(&text);
    }
}
