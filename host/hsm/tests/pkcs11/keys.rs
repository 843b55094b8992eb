//! Keys made in a token, listed, destroyed; and what they can be used for.

use super::{AES, Kind, PIN, Rig, SO_PIN, import_master, name, random_key, random_set, spec};
use cardwright_hsm::pkcs11::probe::{Class, Profile, Verdict};
use cardwright_hsm::pkcs11::{Token, TokenError};
use cardwright_keys::key::{Algorithm, KeyMaterial, SecretKey};
use cardwright_keys::keyref::Scheme;
use cardwright_keys::vault::{Custody, Kcvs, KeySpec, KeyType, Purpose, Store, VaultError};
use cryptoki::mechanism::Mechanism;
use cryptoki::mechanism::ekdf::AesCbcDeriveParams;
use cryptoki::mechanism::misc::KeyDerivationStringData;
use cryptoki::object::{Attribute, AttributeType, KeyType as CkKeyType, ObjectClass, ObjectHandle};
use cryptoki::session::{Session, UserType};
use cryptoki::types::AuthPin;

const PURPOSES: [Purpose; 4] = [Purpose::Master, Purpose::Enc, Purpose::Mac, Purpose::Dek];

fn labelled(session: &Session, label: &str) -> Vec<ObjectHandle> {
    session.find_objects(&[Attribute::Token(true), Attribute::Label(label.as_bytes().to_vec())]).unwrap()
}

fn token_error<T: std::fmt::Debug>(result: Result<T, VaultError>) -> TokenError {
    match result.unwrap_err() {
        VaultError::Failed(error) => *error.downcast().unwrap(),
        other => panic!("{other:?}"),
    }
}

/// All purposes and lengths: made, listed with the same words, destroyed, gone.
pub(crate) fn life(kind: Kind) {
    let rig = Rig::new(kind);
    let mut token = rig.open();
    let types: &[KeyType] = if kind == Kind::SoftHsm { &KeyType::ALL } else { &AES };
    let mut made = Vec::new();
    for &key_type in types {
        for purpose in PURPOSES {
            for portable in [false, true] {
                let named = name(&format!("{purpose}-{key_type}-{portable}"));
                let info = token.generate(&named, KeySpec { purpose, key_type, portable }).unwrap();
                assert_eq!((&info.name, info.spec.purpose, info.spec.key_type), (&named, purpose, key_type));
                assert_eq!(info.spec.portable, portable);
                made.push(info);
            }
        }
        if key_type.algorithm() == Algorithm::Aes {
            made.push(token.generate(&name(&format!("card-{key_type}")), spec(Purpose::Card, key_type)).unwrap());
        } else {
            let refused = token.generate(&name("card"), spec(Purpose::Card, key_type));
            assert!(matches!(refused, Err(VaultError::Unfit(_))), "{refused:?}");
        }
    }
    made.sort_by(|a, b| a.name.cmp(&b.name));
    assert_eq!(token.list().unwrap(), made);
    for info in &made {
        let again = token.generate(&info.name, info.spec);
        assert!(matches!(&again, Err(VaultError::Exists(named)) if *named == info.name), "{again:?}");
    }
    while let Some(info) = made.pop() {
        token.destroy(&info.name).unwrap();
        assert_eq!(token.list().unwrap(), made);
        assert!(matches!(token.destroy(&info.name), Err(VaultError::UnknownKey(_))));
    }
    let left = rig.session().find_objects(&[Attribute::Class(ObjectClass::SECRET_KEY)]).unwrap();
    assert!(left.is_empty(), "{left:?}");
}

/// Check values of imported keys are those that software computes.
pub(crate) fn check_values(kind: Kind) {
    let rig = Rig::new(kind);
    let mut token = rig.open();
    let types: &[KeyType] = if kind == Kind::SoftHsm { &KeyType::ALL } else { &AES };
    for &key_type in types {
        for purpose in PURPOSES {
            let key = random_key(key_type.key_len());
            let expected = match (purpose, key_type.algorithm()) {
                (Purpose::Mac, _) | (Purpose::Dek, Algorithm::TripleDes) => None,
                (_, algorithm) => Some(Kcvs::One(key.kcv(algorithm).unwrap())),
            };
            let named = name(&format!("{purpose}-{key_type}"));
            let info = token.import(&named, spec(purpose, key_type), &KeyMaterial::One(key)).unwrap();
            assert_eq!(info.kcvs, expected, "{named}");
        }
    }
    let set = random_set(32);
    let expected = Kcvs::Set(set.as_ref().try_map(|key| key.kcv(Algorithm::Aes)).unwrap());
    let info = token.import(&name("set"), spec(Purpose::Card, KeyType::Aes256), &KeyMaterial::Set(set)).unwrap();
    assert_eq!(info.kcvs, Some(expected));
    let long = token.import(&name("x"), spec(Purpose::Card, KeyType::Aes128), &KeyMaterial::One(random_key(32)));
    assert!(matches!(long, Err(VaultError::Unfit(_))), "{long:?}");
    let three = token.import(&name("x"), spec(Purpose::Master, KeyType::Aes128), &KeyMaterial::Set(random_set(16)));
    assert!(matches!(three, Err(VaultError::Unfit(_))), "{three:?}");
    let portable = KeySpec { portable: true, ..spec(Purpose::Card, KeyType::Aes128) };
    let portable = token.generate(&name("x"), portable);
    assert!(matches!(portable, Err(VaultError::Unfit(_))), "{portable:?}");
    let part = token.generate(&name("set.enc"), spec(Purpose::Master, KeyType::Aes128));
    assert!(matches!(part, Err(VaultError::Unfit(_))), "{part:?}");
    let part = token.destroy(&name("set.enc"));
    assert!(matches!(part, Err(VaultError::Unfit(_))), "{part:?}");
}

/// A key does what it is for. The token itself refuses the rest, whoever asks.
pub(crate) fn purposes(kind: Kind) {
    let rig = Rig::new(kind);
    let mut token = rig.open();
    for purpose in Purpose::ALL {
        token.generate(&name(purpose.name()), spec(purpose, KeyType::Aes128)).unwrap();
    }
    for (purpose, scheme, wanted) in [
        (Purpose::Master, Scheme::Plain, Purpose::Card),
        (Purpose::Card, Scheme::Kdf3, Purpose::Master),
        (Purpose::Enc, Scheme::Kdf3, Purpose::Master),
        (Purpose::Dek, Scheme::Plain, Purpose::Card),
    ] {
        match token.card_keys(&name(purpose.name()), scheme, &[0; 10]) {
            Err(VaultError::Purpose { purpose: is, wanted: asked, .. }) => assert_eq!((is, asked), (purpose, wanted)),
            other => panic!("{other:?}"),
        }
    }
    let missing = token.card_keys(&name("none"), Scheme::Kdf3, &[0; 10]);
    assert!(matches!(missing, Err(VaultError::UnknownKey(_))), "{missing:?}");
    let session = rig.session();
    for label in ["master", "card.enc", "card.mac", "mac", "dek"] {
        let [key] = labelled(&session, label)[..] else { panic!("{label}") };
        assert!(session.encrypt(&Mechanism::AesCbc([0; 16]), key, &[0; 16]).is_err(), "{label} encrypts");
    }
    let session = rig.session();
    for label in ["master", "card.enc", "card.mac", "card.dek", "enc", "dek"] {
        let [key] = labelled(&session, label)[..] else { panic!("{label}") };
        assert!(session.sign(&Mechanism::AesCMac, key, &[0; 16]).is_err(), "{label} signs");
    }
}

/// What the attributes of a master are; and that nobody who is logged in reads what is derived from it, where the token
/// can see to that.
pub(crate) fn masters(kind: Kind) {
    let rig = Rig::new(kind);
    let mut token = rig.open();
    token.generate(&name("m"), spec(Purpose::Master, KeyType::Aes256)).unwrap();
    token.generate(&name("p"), KeySpec { portable: true, ..spec(Purpose::Master, KeyType::Aes256) }).unwrap();
    let session = rig.session();
    for (label, portable) in [("m", false), ("p", true)] {
        let found = labelled(&session, label);
        let [key] = found[..] else { panic!("{label}: {found:?}") };
        let wanted = [
            AttributeType::Private,
            AttributeType::Sensitive,
            AttributeType::Extractable,
            AttributeType::WrapWithTrusted,
            AttributeType::Modifiable,
            AttributeType::Copyable,
        ];
        let attributes = session.get_attributes(key, &wanted).unwrap();
        let text = format!("{attributes:?}");
        let expected = [
            Attribute::Private(true),
            Attribute::Sensitive(true),
            Attribute::Extractable(portable),
            Attribute::WrapWithTrusted(portable),
            Attribute::Modifiable(false),
            Attribute::Copyable(false),
        ];
        assert_eq!(text, format!("{expected:?}"));
        assert!(session.get_attributes(key, &[AttributeType::Value]).unwrap().is_empty());
        let allowed = session.get_attributes(key, &[AttributeType::AllowedMechanisms]).unwrap();
        assert!(matches!(&allowed[..], [Attribute::AllowedMechanisms(two)] if two.len() == 2), "{allowed:?}");
        let readable = [
            Attribute::Class(ObjectClass::SECRET_KEY),
            Attribute::KeyType(CkKeyType::GENERIC_SECRET),
            Attribute::ValueLen(16.into()),
            Attribute::Sensitive(false),
            Attribute::Extractable(true),
        ];
        let mechanism = Mechanism::AesCbcEncryptData(AesCbcDeriveParams::new([0; 16], &[7; 16]));
        let derived = session.derive_key(&mechanism, key, &readable);
        assert_eq!(derived.is_err(), kind == Kind::Kryoptic, "{derived:?}");
    }
}

/// A key that derives can be copied into one that can be wrapped, by deriving: not one that the vault made.
pub(crate) fn copies(kind: Kind) {
    let rig = Rig::new(kind);
    let mut token = rig.open();
    token.generate(&name("m"), spec(Purpose::Master, KeyType::Aes128)).unwrap();
    token.generate(&name("card"), spec(Purpose::Card, KeyType::Aes128)).unwrap();
    let session = rig.session();
    foreign(&session, "control", &[Attribute::Sensitive(true), Attribute::Extractable(false)]);
    let template = [
        Attribute::Class(ObjectClass::SECRET_KEY),
        Attribute::KeyType(CkKeyType::AES),
        Attribute::ValueLen(16.into()),
        Attribute::Sensitive(true),
        Attribute::Extractable(true),
    ];
    let known = [
        Attribute::Class(ObjectClass::SECRET_KEY),
        Attribute::KeyType(CkKeyType::AES),
        Attribute::Wrap(true),
        Attribute::Value(vec![1; 16]),
    ];
    let known = session.create_object(&known).unwrap();
    let copied = |label: &str| {
        let mechanism = Mechanism::ConcatenateBaseAndData(KeyDerivationStringData::new(&[0; 16]));
        let copy = session.derive_key(&mechanism, labelled(&session, label)[0], &template)?;
        session.wrap_key(&Mechanism::AesCbc([0; 16]), known, copy)
    };
    // SoftHSM 2.6.1 does not have the mechanism.
    assert_eq!(copied("control").is_ok(), kind == Kind::Kryoptic);
    for label in ["m", "card.enc", "card.mac", "card.dek"] {
        assert!(copied(label).is_err(), "{label} left the token");
    }
}

/// What the probe finds. Kryoptic 1.5.4 looks at no attribute of the second key of CKM_CONCATENATE_BASE_AND_KEY.
pub(crate) fn attacks(kind: Kind) {
    let rig = Rig::new(kind);
    let report = rig.open().probe().unwrap();
    let mut works = vec!["wrap a card's new key under a known key (inherent in PUT KEY)"];
    works.extend(match kind {
        Kind::Kryoptic => {
            ["derive a known key with it behind", "derive a known key with a portable master behind"].as_slice()
        }
        Kind::SoftHsm => ["derive a readable card key from it"].as_slice(),
    });
    works.sort_unstable();
    let ended = |is: fn(&Verdict) -> bool| {
        let mut ended: Vec<_> =
            report.findings.iter().filter(|finding| is(&finding.verdict)).map(|finding| finding.attack).collect();
        ended.sort_unstable();
        ended
    };
    assert_eq!(ended(|verdict| *verdict == Verdict::Works), works, "{report:#?}");
    assert_eq!(ended(|verdict| matches!(verdict, Verdict::NotTried(_))), [""; 0], "{report:#?}");
    assert!(!report.holds(Profile::Master) && report.holds(Profile::Import));
    assert!(report.findings.iter().filter(|finding| finding.class == Class::Import).count() > 5);
}

/// `portable` in full: the security officer's key wraps the master, another key does not.
pub(crate) fn portable(kind: Kind) {
    let rig = Rig::new(kind);
    // The officer makes the wrapping key, before anybody else logs in.
    let officer = rig.session();
    officer.login(UserType::So, Some(&AuthPin::from(SO_PIN))).unwrap();
    let wrapping = |label: &str, trusted: bool| {
        let mut template = vec![
            Attribute::Class(ObjectClass::SECRET_KEY),
            Attribute::KeyType(CkKeyType::AES),
            Attribute::Label(label.as_bytes().to_vec()),
            Attribute::Token(true),
            Attribute::Private(false),
            Attribute::Wrap(true),
            Attribute::ValueLen(32.into()),
        ];
        template.extend(trusted.then_some(Attribute::Trusted(true)));
        template
    };
    officer.generate_key(&Mechanism::AesKeyGen, &wrapping("trusted", true)).unwrap();
    officer.logout().unwrap();
    let mut token = rig.open();
    token.generate(&name("p"), KeySpec { portable: true, ..spec(Purpose::Master, KeyType::Aes256) }).unwrap();
    token.generate(&name("m"), spec(Purpose::Master, KeyType::Aes256)).unwrap();
    let session = rig.session();
    let any = session.generate_key(&Mechanism::AesKeyGen, &wrapping("any", false)).unwrap();
    let key = |label| labelled(&session, label)[0];
    let wrap = |under, label| session.wrap_key(&Mechanism::AesKeyWrap, under, key(label));
    assert_eq!(wrap(key("trusted"), "p").unwrap().len(), 40);
    assert!(wrap(any, "p").is_err());
    assert!(wrap(key("trusted"), "m").is_err());
    assert!(wrap(any, "m").is_err());
}

fn foreign(session: &Session, label: &str, extra: &[Attribute]) -> ObjectHandle {
    let mut template = vec![
        Attribute::Class(ObjectClass::SECRET_KEY),
        Attribute::KeyType(CkKeyType::AES),
        Attribute::Label(label.as_bytes().to_vec()),
        Attribute::Token(true),
        Attribute::Private(true),
        Attribute::Value(vec![9; 16]),
    ];
    let usages = [
        Attribute::Encrypt(false),
        Attribute::Decrypt(false),
        Attribute::Sign(false),
        Attribute::Verify(false),
        Attribute::Wrap(false),
        Attribute::Unwrap(false),
        Attribute::Derive(true),
    ];
    let kinds = |attributes: &[Attribute]| attributes.iter().map(std::mem::discriminant).collect::<Vec<_>>();
    let given = kinds(extra);
    template.extend(usages.into_iter().filter(|usage| !given.contains(&std::mem::discriminant(usage))));
    template.extend_from_slice(extra);
    session.create_object(&template).unwrap()
}

/// Keys that others made: two of a name, of several purposes, readable, half a set.
pub(crate) fn foreign_keys(kind: Kind) {
    let rig = Rig::new(kind);
    let mut token = rig.open();
    let session = rig.session();
    let hidden = [Attribute::Sensitive(true), Attribute::Extractable(false)];
    foreign(&session, "twice", &[&hidden[..], &[Attribute::Id(vec![1])]].concat());
    foreign(&session, "twice", &[&hidden[..], &[Attribute::Id(vec![2])]].concat());
    foreign(&session, "mixed", &[&hidden[..], &[Attribute::Encrypt(true)]].concat());
    foreign(&session, "clear", &[Attribute::Sensitive(false), Attribute::Extractable(true)]);
    foreign(&session, "open", &[Attribute::Sensitive(true), Attribute::Extractable(true)]);
    foreign(&session, "half.enc", &hidden);
    let keys = |token: &Token, label: &str, scheme| token.card_keys(&name(label), scheme, &[0; 10]);
    let twice = token_error(keys(&token, "twice", Scheme::Kdf3));
    assert!(matches!(&twice, TokenError::Ambiguous { label, count: 2, .. } if label == "twice"), "{twice:?}");
    assert!(matches!(token_error(token.destroy(&name("twice"))), TokenError::Ambiguous { .. }));
    let mixed = token_error(keys(&token, "mixed", Scheme::Kdf3));
    assert!(matches!(&mixed, TokenError::Unbound { may, .. } if may == "encrypt, derive"), "{mixed:?}");
    assert!(matches!(token_error(keys(&token, "half", Scheme::Plain)), TokenError::NotWhole { .. }));
    assert_eq!(keys(&token, "clear", Scheme::Kdf3).unwrap().custody(), Custody::Software);
    let listed: Vec<_> = token.list().unwrap().into_iter().map(|info| info.name.to_string()).collect();
    assert_eq!(listed, ["clear", "open"]);
    assert!(matches!(token_error(keys(&token, "half.enc", Scheme::Kdf3)), TokenError::Unbound { .. }));
    assert_eq!(keys(&token, "open", Scheme::Kdf3).unwrap().custody(), Custody::Software);
    // By CKA_ID there is one.
    let mut by_id = rig.uri();
    by_id.id = Some(vec![2]);
    let mut typing = super::Typing::new(PIN);
    let mut one = Token::open(&by_id, Default::default(), &mut typing).unwrap();
    assert_eq!(typing.asked, 0, "the process is logged in already");
    keys(&one, "twice", Scheme::Kdf3).unwrap();
    one.destroy(&name("twice")).unwrap();
    keys(&token, "twice", Scheme::Kdf3).unwrap();
    // By label no other is seen.
    let mut by_label = rig.uri();
    by_label.object = Some("clear".into());
    let mut other = Token::open(&by_label, Default::default(), &mut typing).unwrap();
    assert_eq!(other.list().unwrap().len(), 1);
    let narrow = other.generate(&name("new"), spec(Purpose::Master, KeyType::Aes128));
    assert!(matches!(narrow, Err(VaultError::Unable { .. })), "{narrow:?}");
    token.destroy(&name("half")).unwrap();
    assert!(labelled(&session, "half.enc").is_empty());
}

/// A key that somebody else destroys and makes again is looked up again.
pub(crate) fn stale_handles(kind: Kind) {
    let rig = Rig::new(kind);
    let mut token = rig.open();
    import_master(&mut token, "m", KeyType::Aes128);
    token.card_keys(&name("m"), Scheme::Kdf3, &[0; 10]).unwrap();
    let session = rig.session();
    session.destroy_object(labelled(&session, "m")[0]).unwrap();
    let gone = token.card_keys(&name("m"), Scheme::Kdf3, &[0; 10]);
    assert!(matches!(gone, Err(VaultError::UnknownKey(_))), "{gone:?}");
    foreign(&session, "m", &[Attribute::Sensitive(true), Attribute::Extractable(false)]);
    let keys = token.card_keys(&name("m"), Scheme::Kdf3, &[0; 10]).unwrap();
    let expected = KeyMaterial::One(SecretKey::new(&[9; 16]).unwrap());
    let expected = cardwright_keys::diversify::derive(Scheme::Kdf3, &expected, &[0; 10]).unwrap();
    assert_eq!(keys.kcvs().unwrap(), expected.as_ref().try_map(|key| key.kcv(Algorithm::Aes)).unwrap());
}
