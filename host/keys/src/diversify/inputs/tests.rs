use super::{InputError, Inputs, Name};
use proptest::prelude::proptest;
use proptest::prop_assert;

fn error(text: &str) -> InputError {
    text.parse::<Inputs>().unwrap_err()
}

#[test]
fn by_name() {
    let text = "kdd=00010203040506070809, serial=0A0B0C0D,iin=42424242,cin=01,pan=4929123456789012345,psn=07,input=ff";
    let inputs: Inputs = text.parse().unwrap();
    let hex = |name| hex::encode(inputs.bytes(name).unwrap());
    let values = ["00010203040506070809", "0a0b0c0d", "42424242", "01", "04929123456789012345", "07", "ff"];
    assert_eq!(Name::ALL.map(hex), values);
    assert_eq!(inputs.pan().unwrap().expose(), "4929123456789012345");
    assert_eq!(inputs.kdd().unwrap()[9], 9);
    let even: Inputs = "pan=492912345678901234".parse().unwrap();
    assert_eq!(hex::encode(even.bytes(Name::Pan).unwrap()), "492912345678901234");
}

#[test]
fn without_a_name() {
    let inputs: Inputs = " 0007\n".parse().unwrap();
    assert_eq!(inputs, Inputs::of_bytes(&[0, 7]).unwrap());
    assert_eq!(inputs.kdd(), Err(InputError::Missing(Name::Kdd)));
    assert_eq!(Inputs::of_bytes(&[5; 10]).unwrap().kdd(), Ok([5; 10]));
    assert_eq!(Inputs::of_kdd(&[5; 10]).kdd(), Ok([5; 10]));
    assert_eq!(Inputs::default().bytes(Name::Psn), Ok(vec![0]));
}

#[test]
fn wrong_text() {
    for text in ["", "0", "xy", &"00".repeat(256)] {
        assert_eq!(error(text), InputError::Value(Name::Input), "{text}");
    }
    for (text, name) in [
        ("kdd=0001", Name::Kdd),
        ("serial=0001020304", Name::Serial),
        ("iin=", Name::Iin),
        ("psn=1", Name::Psn),
        ("psn=0A", Name::Psn),
        ("psn=001", Name::Psn),
        ("pan=4929123", Name::Pan),
        ("pan=49291234567890123456", Name::Pan),
        ("pan=4929 1234 5678 9012", Name::Pan),
    ] {
        assert_eq!(error(text), InputError::Value(name), "{text}");
    }
    assert_eq!(error("cin=01,0102"), InputError::Nameless(2));
    assert_eq!(error("cin=01,mac=0102"), InputError::UnknownName(2));
    assert_eq!(error("cin=01,cin=01"), InputError::Twice(Name::Cin));
    assert_eq!(error("pan=49291234,pan=49291234"), InputError::Twice(Name::Pan));
    assert_eq!(error("kdd=1").to_string(), "`kdd` wants 10 bytes in hex");
    assert_eq!(InputError::Missing(Name::Psn).to_string(), "`psn` is needed and not given: 2 digits");
}

#[test]
fn a_pan_is_masked() {
    let shown = |pan: &str| format!("{:?}", format!("pan={pan}").parse::<Inputs>().unwrap());
    assert!(shown("4929123456789012").contains("492912******9012"), "{}", shown("4929123456789012"));
    assert!(shown("492912345678901").contains("***********8901"));
    assert!(shown("12345678").contains("****5678"));
    assert!(!shown("12345678").contains("1234"));
}

proptest! {
    /// Whatever is typed, an error shows no more of it than a digit or two.
    #[test]
    fn errors_repeat_nothing(text in "[a-z]{0,6}=?[0-9]{7,24}[,=]?[0-9 ]{0,9}") {
        if let Err(error) = text.parse::<Inputs>() {
            let said = format!("{error} {error:?}");
            for piece in text.as_bytes().windows(5).filter(|piece| piece.iter().all(u8::is_ascii_digit)) {
                prop_assert!(!said.as_bytes().windows(5).any(|window| window == piece), "{}", said);
            }
        }
    }
}
