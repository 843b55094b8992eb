//! Finding the token, and the PIN.

use super::{Kind, PIN, Rig, SO_PIN, Typing, import_master, name};
use cardwright_hsm::pkcs11::{Token, TokenError, TokenOptions};
use cardwright_keys::keyref::Scheme;
use cardwright_keys::vault::KeyType;
use cryptoki::session::UserType;
use cryptoki::types::AuthPin;

fn open(rig: &Rig, typing: &mut Typing) -> Result<Token, TokenError> {
    Token::open(&rig.uri(), TokenOptions::default(), typing)
}

/// A PIN that is wrong is tried once, whoever asks; the token loses one try and no more.
pub(crate) fn a_wrong_pin_is_tried_once(kind: Kind) {
    let rig = Rig::new(kind);
    let mut typing = Typing::new("wrong-12345");
    assert!(matches!(open(&rig, &mut typing), Err(TokenError::PinWrong(_))));
    let mut right = Typing::new(PIN);
    for _ in 0..3 {
        assert!(matches!(open(&rig, &mut right), Err(TokenError::PinSpent(_))));
    }
    assert_eq!((typing.asked, right.asked), (1, 0));
    // The token is not locked: a single try was spent.
    let session = rig.session();
    session.login(UserType::User, Some(&AuthPin::from(PIN))).unwrap();
}

/// The PIN comes from a file of mode 0600, or a person. Nothing repeats it.
pub(crate) fn where_the_pin_comes_from(kind: Kind) {
    let rig = Rig::new(kind);
    let mut typing = Typing::new(PIN);
    let file = rig.file("pin", &format!("{PIN}\n"));
    let mut uri = rig.uri();
    let mut open = |source: &str| {
        uri.pin_source = Some(source.to_owned());
        Token::open(&uri, TokenOptions::default(), &mut typing)
    };
    for refused in ["pin", "|cat pin", "prompt", "fd:0", "file:", "gp-test"] {
        assert!(matches!(open(refused), Err(TokenError::PinSource)), "{refused}");
    }
    std::fs::set_permissions(&file, std::os::unix::fs::PermissionsExt::from_mode(0o640)).unwrap();
    let readable = open(&format!("file:{}", file.display())).unwrap_err();
    assert!(matches!(&readable, TokenError::Pin { .. }) && readable.to_string().contains("0640"), "{readable}");
    std::fs::set_permissions(&file, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    let token = open(&format!("file:{}", file.display())).unwrap();
    let text = format!("{token:?}");
    assert!(!text.contains(PIN), "{text}");
    drop(token);
    let token = Token::open(&rig.uri(), TokenOptions::default(), &mut typing).unwrap();
    assert_eq!(typing.asked, 1);
    // A second vault on the same token shares the login.
    Token::open(&rig.uri(), TokenOptions::default(), &mut typing).unwrap();
    assert_eq!((typing.asked, token.name().serial.as_str()), (1, rig.serial.as_str()));
}

/// None, the one, another: by what the URI says.
pub(crate) fn the_token_is_the_one_that_was_named(kind: Kind) {
    let rig = Rig::new(kind);
    let mut typing = Typing::new(PIN);
    let mut uri = rig.uri();
    uri.serial = Some("0000".into());
    let Err(TokenError::NoToken { present, .. }) = Token::open(&uri, TokenOptions::default(), &mut typing) else {
        panic!("a token that is not there");
    };
    assert_eq!(present.iter().map(|token| token.serial.as_str()).collect::<Vec<_>>(), [rig.serial.as_str()]);
    let text = rig.uri().to_string();
    let full = text.replace('?', ";token=cardwright%20test%3B%20one%3F?");
    Token::open(&full.parse().unwrap(), TokenOptions::default(), &mut typing).unwrap();
    for other in [";manufacturer=Nobody?", ";library-version=99?", ";slot-id=4711?", ";type=secret-key;model=x?"] {
        let uri = text.replace('?', other).parse().unwrap();
        let error = Token::open(&uri, TokenOptions::default(), &mut typing).unwrap_err();
        assert!(matches!(error, TokenError::NoToken { .. }), "{other} {error}");
    }
    let uri = text.replace('?', ";type=cert?").parse().unwrap();
    assert!(matches!(Token::open(&uri, TokenOptions::default(), &mut typing), Err(TokenError::NotAKey(_))));
    for (module, named) in
        [("?module-path=/nowhere.so", "nowhere"), ("?module-path=/dev/null", "null"), ("", "module-path")]
    {
        let uri = format!("pkcs11:{module}").parse().unwrap();
        let error = Token::open(&uri, TokenOptions::default(), &mut typing).unwrap_err();
        assert!(error.to_string().contains(named), "{error}");
    }
}

/// Two tokens that fit: neither is taken.
pub(crate) fn two_tokens_are_told_apart(kind: Kind) {
    let rig = Rig::new(kind);
    let free = rig.pkcs11.get_all_slots().unwrap().into_iter().find(|slot| *slot != rig.slot()).unwrap();
    rig.pkcs11.init_token(free, &AuthPin::from(SO_PIN), "other").unwrap();
    let mut typing = Typing::new(PIN);
    let mut uri = rig.uri();
    uri.serial = None;
    let Err(TokenError::ManyTokens { matching, .. }) = Token::open(&uri, TokenOptions::default(), &mut typing) else {
        panic!("one of two");
    };
    assert_eq!(matching.len(), 2);
    assert_eq!(typing.asked, 0);
    uri.token = Some("other".into());
    assert!(matches!(Token::open(&uri, TokenOptions::default(), &mut typing), Err(TokenError::NoPin(_))));
    open(&rig, &mut typing).unwrap();
}

/// Logged out behind its back: the next card logs in again with the PIN that worked, and nobody is asked.
pub(crate) fn a_lost_login_is_made_again(kind: Kind) {
    let rig = Rig::new(kind);
    let mut typing = Typing::new(PIN);
    let mut token = open(&rig, &mut typing).unwrap();
    import_master(&mut token, "m", KeyType::Aes128);
    let kcvs = |token: &Token| token.card_keys(&name("m"), Scheme::Kdf3, &[0; 10]).and_then(|keys| keys.kcvs());
    let expected = kcvs(&token).unwrap();
    let other = rig.session();
    for _ in 0..3 {
        other.logout().unwrap();
        assert_eq!(kcvs(&token).unwrap(), expected);
    }
    assert_eq!(typing.asked, 1);
    // A PIN that was changed meanwhile is wrong, and tried once.
    other.set_pin(&AuthPin::from(PIN), &AuthPin::from("changed-38271")).unwrap();
    other.logout().unwrap();
    let wrong = kcvs(&token).unwrap_err().to_string();
    assert!(wrong.contains("refused the PIN"), "{wrong}");
    let spent = kcvs(&token).unwrap_err().to_string();
    assert!(spent.contains("no other is tried"), "{spent}");
    other.login(UserType::User, Some(&AuthPin::from("changed-38271"))).unwrap();
}

/// Somebody else in the process logged in: the PIN that was read was not looked at, so it is not kept for later.
pub(crate) fn an_untested_pin_is_never_used(kind: Kind) {
    let rig = Rig::new(kind);
    let other = rig.session();
    other.login(UserType::User, Some(&AuthPin::from(PIN))).unwrap();
    let mut typing = Typing::new("wrong-12345");
    let mut token = open(&rig, &mut typing).unwrap();
    import_master(&mut token, "m", KeyType::Aes128);
    other.logout().unwrap();
    let error = token.card_keys(&name("m"), Scheme::Kdf3, &[0; 10]).unwrap_err();
    assert!(error.to_string().contains("logged out"), "{error}");
    // The token was asked nothing: the right PIN still works, and no try was spent.
    other.login(UserType::User, Some(&AuthPin::from(PIN))).unwrap();
    token.card_keys(&name("m"), Scheme::Kdf3, &[0; 10]).unwrap();
}
