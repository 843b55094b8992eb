use super::{Class, Uri, UriError};
use proptest::option;
use proptest::prelude::{any, prop_assert_eq, proptest};
use std::path::Path;

fn parse(text: &str) -> Result<Uri, UriError> {
    text.parse()
}

#[test]
fn every_attribute_is_read() {
    let uri = parse(
        "pkcs11:token=My%20Token;manufacturer=Acme%3b;serial=4A;model=v1;library-manufacturer=L;library-description=D;\
         library-version=3.1;object=master;type=secret-key;id=%00%ffA;slot-manufacturer=S;slot-description=T;slot-id=7\
         ?module-name=softhsm2&module-path=/usr/lib/x.so&pin-source=file:/run/pin",
    )
    .unwrap();
    let text = |text: &str| Some(text.to_owned());
    let expected = Uri {
        token: text("My Token"),
        manufacturer: text("Acme;"),
        serial: text("4A"),
        model: text("v1"),
        library_manufacturer: text("L"),
        library_description: text("D"),
        library_version: Some((3, 1)),
        object: text("master"),
        class: Some(Class::SecretKey),
        id: Some(vec![0x00, 0xFF, b'A']),
        slot_manufacturer: text("S"),
        slot_description: text("T"),
        slot_id: Some(7),
        pin_source: text("file:/run/pin"),
        module_name: text("softhsm2"),
        module_path: Some("/usr/lib/x.so".into()),
    };
    assert_eq!(uri, expected);
    assert_eq!(uri.module().as_deref(), Some(Path::new("/usr/lib/x.so")));
    assert_eq!(parse(&uri.to_string()), Ok(uri));
}

#[test]
fn little_is_enough() {
    assert_eq!(parse("pkcs11:"), Ok(Uri::default()));
    assert_eq!(parse("PKCS11:?"), Ok(Uri::default()));
    assert_eq!(parse("pkcs11:library-version=3").unwrap().library_version, Some((3, 0)));
    assert_eq!(parse("pkcs11:?module-name=softhsm2").unwrap().module().as_deref(), Some(Path::new("softhsm2.so")));
    assert_eq!(parse("pkcs11:token=").unwrap().token.as_deref(), Some(""));
}

/// A misspelt name in the path would else match every token there is.
#[test]
fn unknown_names_are_refused_in_the_path_and_passed_over_in_the_query() {
    assert_eq!(parse("pkcs11:tokne=a"), Err(UriError::Unknown("tokne".into())));
    assert_eq!(parse("pkcs11:x-vendor=a"), Err(UriError::Unknown("x-vendor".into())));
    assert_eq!(parse("pkcs11:token=a?x-vendor=1&x-vendor=2").unwrap().token.as_deref(), Some("a"));
}

#[test]
fn what_is_wrong_is_named_and_no_value_repeated() {
    let cases: [(&str, UriError); 13] = [
        ("file:x", UriError::Scheme),
        ("pkcs11", UriError::Scheme),
        ("pkcs11:token", UriError::NoAttribute(1)),
        ("pkcs11:token=a;;serial=b", UriError::NoAttribute(2)),
        ("pkcs11:token=a?=1234", UriError::NoAttribute(2)),
        ("pkcs11:token=a;token=a", UriError::Twice("token".into())),
        ("pkcs11:?module-name=a&module-name=a", UriError::Twice("module-name".into())),
        ("pkcs11:?pin-value=1234", UriError::PinValue),
        ("pkcs11:pin-value=1234", UriError::PinValue),
        ("pkcs11:slot-id=+1", UriError::Value("slot-id".into(), "a number was expected")),
        ("pkcs11:library-version=1.256", UriError::Value("library-version".into(), "a number was expected")),
        ("pkcs11:token=%ff", UriError::Value("token".into(), "it is no UTF-8")),
        ("pkcs11:token=%4", UriError::Value("token".into(), "% without two hex digits")),
    ];
    for (text, expected) in cases {
        let error = parse(text).unwrap_err();
        assert_eq!(error, expected, "{text}");
        assert!(!error.to_string().contains("1234"), "{error}");
    }
    for text in ["pkcs11:token=a b", "pkcs11:token=%zz", "pkcs11:object=a/b", "pkcs11:type=key"] {
        assert!(matches!(parse(text), Err(UriError::Value(..))), "{text}");
    }
}

proptest! {
    /// What is written is read back, whatever the values hold.
    #[test]
    fn written_and_read_back(
        token in option::of(any::<String>()), serial in option::of(any::<String>()),
        object in option::of(any::<String>()), id in option::of(any::<Vec<u8>>()),
        slot_id in option::of(any::<u64>()), library_version in option::of(any::<(u8, u8)>()),
        class in option::of(0..5_usize), pin_source in option::of(any::<String>()),
        module_path in option::of(any::<String>()), module_name in option::of("[a-zA-Z0-9_-]{1,20}")
    ) {
        let class = class.map(|place| Class::ALL[place].0);
        let module_path = module_path.map(Into::into);
        let uri = Uri {
            token, serial, object, id, slot_id, library_version, class, pin_source, module_path, module_name,
            ..Uri::default()
        };
        prop_assert_eq!(parse(&uri.to_string()), Ok(uri));
    }

    /// No text makes it fail otherwise than with an error.
    #[test]
    fn any_text_is_read_or_refused(text in "pkcs11:[a-z=;&?%0-9-]{0,60}") {
        if let Ok(uri) = parse(&text) {
            prop_assert_eq!(parse(&uri.to_string()), Ok(uri));
        }
    }
}
