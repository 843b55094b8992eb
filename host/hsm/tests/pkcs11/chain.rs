//! What comes out of the chain in a token is what software gives.

use super::{AES, Kind, Rig, duplicate, import_master, name, random, random_key, random_set, spec};
use cardwright_hsm::keyring::Session;
use cardwright_hsm::pkcs11::{NewKeys, Token, TokenKeys};
use cardwright_hsm::soft::SoftVault;
use cardwright_keys::diversify;
use cardwright_keys::key::{KeyMaterial, SecretKey, StaticKeys};
use cardwright_keys::keyref::Scheme;
use cardwright_keys::vault::{ChallengeInput, Custody, KeyType, Purpose, Store, Vault, VaultError};
use cardwright_proto::gp::key::KeySet;
use cardwright_proto::gp::put_key::BlockForm;
use cardwright_proto::scp::kdf::Context;
use cardwright_proto::scp::{Mode, SessionCipher, Token as Challenge};
use cryptoki::object::Attribute;

const CASES: usize = 20;

fn challenge(mode: Mode) -> Challenge {
    Challenge::new(&random::<16>()[..mode.width()]).unwrap()
}

fn soft(material: &KeyMaterial, scheme: Scheme, kdd: &[u8; 10]) -> StaticKeys {
    diversify::derive(scheme, material, kdd).unwrap().into()
}

/// Session keys are the same keys when all they do is the same.
fn same_session(mut in_token: impl SessionCipher, mut in_memory: impl SessionCipher) {
    for len in [0, 1, 15, 16, 17, 64, 250] {
        let message = vec![0x3C; len];
        let parts: [&[u8]; 3] = [&random::<16>(), &message, &random::<3>()];
        assert_eq!(in_token.mac(&parts), in_memory.mac(&parts));
        assert_eq!(in_token.rmac(&parts), in_memory.rmac(&parts));
        let counter = random();
        let mut data = [vec![0xC3; len / 16 * 16], random::<16>().to_vec()].concat();
        let (clear, mut expected) = (data.clone(), data.clone());
        in_token.encrypt(counter, &mut data).unwrap();
        in_memory.encrypt(counter, &mut expected).unwrap();
        assert_eq!(data, expected);
        in_token.decrypt(counter, &mut data).unwrap();
        assert_eq!(data, clear);
    }
}

fn same_keys(in_token: &TokenKeys, in_memory: &StaticKeys, mode: Mode) {
    let soft = SoftVault::new();
    assert_eq!(in_token.key_len(), in_memory.key_len());
    assert_eq!(in_token.kcvs().unwrap(), soft.kcvs(in_memory).unwrap());
    let context = Context::session(&challenge(mode), &challenge(mode));
    let expected = soft.session(in_memory, &context).unwrap();
    match in_token.session(&context).unwrap() {
        Session::Soft(keys) => same_session(keys, expected),
        Session::Token(keys) => same_session(keys, expected),
    }
    for aid_len in [5, 8, 12, 13, 16] {
        let [a, b, c] = random();
        let aid = random::<16>();
        let input = ChallengeInput { counter: u32::from_be_bytes([0, a, b, c]), aid: &aid[..aid_len], mode };
        assert_eq!(in_token.card_challenge(&input).unwrap(), soft.card_challenge(in_memory, &input).unwrap());
    }
}

/// No object of any session is left.
fn nothing_left(rig: &Rig) {
    let left = rig.session().find_objects(&[Attribute::Token(false)]).unwrap();
    assert!(left.is_empty(), "{left:?}");
}

fn is_inside(session: &Session) -> bool {
    matches!(session, Session::Token(_))
}

/// Card keys, check values, challenges and sessions of masters of all lengths.
pub(crate) fn kdf3(kind: Kind) {
    let rig = Rig::new(kind);
    let mut token = rig.open();
    let readable = rig.open_readable();
    for key_type in AES {
        let named = format!("m-{key_type}");
        let material = import_master(&mut token, &named, key_type);
        for case in 0..CASES {
            let kdd = random();
            let expected = soft(&material, Scheme::Kdf3, &kdd);
            let mode = [Mode::S8, Mode::S16][case % 2];
            for token in [&token, &readable] {
                same_keys(&token.card_keys(&name(&named), Scheme::Kdf3, &kdd).unwrap(), &expected, mode);
            }
        }
        let context = Context::session(&challenge(Mode::S8), &challenge(Mode::S8));
        let session = |token: &Token| {
            let keys = token.card_keys(&name(&named), Scheme::Kdf3, &[1; 10]).unwrap();
            (keys.custody(), is_inside(&keys.session(&context).unwrap()))
        };
        let expected = match (kind, key_type) {
            (Kind::Kryoptic, _) => (Custody::StaticKeysNeverLeave, true),
            (Kind::SoftHsm, KeyType::Aes128) => (Custody::MasterNeverLeaves, true),
            (Kind::SoftHsm, _) => (Custody::MasterNeverLeaves, false),
        };
        assert_eq!(session(&token), expected, "{key_type}");
        assert!(!session(&readable).1);
    }
    nothing_left(&rig);
}

/// A set that is kept in the token.
pub(crate) fn card_sets(kind: Kind) {
    let rig = Rig::new(kind);
    let mut token = rig.open();
    for key_type in AES {
        let set = random_set(key_type.key_len());
        let named = name(&format!("card-{key_type}"));
        let expected = StaticKeys::from(duplicate(&set));
        let info = token.import(&named, spec(Purpose::Card, key_type), &KeyMaterial::Set(set)).unwrap();
        let keys = token.card_keys(&named, Scheme::Plain, &random()).unwrap();
        for mode in [Mode::S8, Mode::S16] {
            same_keys(&keys, &expected, mode);
        }
        assert_eq!(keys.custody(), info.custody);
        let level = if kind == Kind::Kryoptic { Custody::StaticKeysNeverLeave } else { Custody::MasterNeverLeaves };
        assert_eq!(info.custody, level);
    }
    nothing_left(&rig);
}

/// PUT KEY where the old keys, the new ones, or both are in the token.
pub(crate) fn put_key(kind: Kind) {
    let rig = Rig::new(kind);
    let mut token = rig.open();
    let vault = SoftVault::new();
    let masters = AES.map(|key_type| (key_type, import_master(&mut token, &format!("m-{key_type}"), key_type)));
    for case in 0..CASES {
        let form = [BlockForm::WithLength, BlockForm::Bare][case % 2];
        for (old_type, old) in &masters {
            let old_kdd = random();
            let in_memory = soft(old, Scheme::Kdf3, &old_kdd);
            let current = token.card_keys(&name(&format!("m-{old_type}")), Scheme::Kdf3, &old_kdd).unwrap();
            for (new_type, new) in &masters {
                let kdd = random();
                let new_keys = soft(new, Scheme::Kdf3, &kdd);
                let in_token = token.card_keys(&name(&format!("m-{new_type}")), Scheme::Kdf3, &kdd).unwrap();
                let results = [
                    current.put_key_blocks(NewKeys::Token(&in_token), form),
                    current.put_key_blocks(NewKeys::Soft(&new_keys), form),
                    in_token.put_key_blocks_under(in_memory.secrets().dek, form),
                ];
                let expected = vault.put_key_blocks(&in_memory, &new_keys, form);
                for result in results {
                    match (&expected, result) {
                        (Ok(expected), Ok(blocks)) => assert_eq!(&blocks, expected, "{old_type} {new_type}"),
                        (Err(VaultError::WeakerWrap { new, dek }), Err(VaultError::WeakerWrap { new: n, dek: d })) => {
                            assert_eq!((new, dek), (&n, &d));
                        }
                        (expected, result) => panic!("{old_type} {new_type}: {expected:?} {result:?}"),
                    }
                }
            }
        }
    }
    nothing_left(&rig);
}

/// A set that was made in the token is loaded onto a card: nobody knows it, so what its blocks hold is read out of
/// them.
pub(crate) fn put_key_of_a_generated_set(kind: Kind) {
    let rig = Rig::new(kind);
    let mut token = rig.open();
    token.generate(&name("new"), spec(Purpose::Card, KeyType::Aes128)).unwrap();
    let dek = random_key(16);
    let keys = token.card_keys(&name("new"), Scheme::Plain, &[0; 10]).unwrap();
    let blocks = keys.put_key_blocks_under(&dek, BlockForm::Bare).unwrap();
    let put = cardwright_proto::gp::put_key::PutKey {
        replace: None,
        kvn: cardwright_proto::gp::key::Kvn::target(0x31).unwrap(),
        blocks,
    };
    let mut data = Vec::new();
    cardwright_proto::gp::Command::apdu(&put, &mut data);
    let received = cardwright_proto::gp::put_key::parse_blocks(&data[1..]).unwrap();
    let keys_in_clear: Vec<_> = received
        .iter()
        .map(|key| {
            let mut clear = key.ciphertext.to_vec();
            cardwright_proto::block::AesKey::new(dek.expose()).unwrap().cbc_decrypt(&[0; 16], &mut clear);
            SecretKey::new(&clear).unwrap()
        })
        .collect();
    let [enc, mac, dek] = keys_in_clear.try_into().unwrap();
    same_keys(&keys, &KeySet { enc, mac, dek }.into(), Mode::S8);
    nothing_left(&rig);
}

/// Readers each on a thread of their own.
pub(crate) fn threads(kind: Kind) {
    let rig = Rig::new(kind);
    let mut token = rig.open();
    let material = import_master(&mut token, "m", KeyType::Aes128);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..CASES {
                    let kdd = random();
                    let keys = token.card_keys(&name("m"), Scheme::Kdf3, &kdd).unwrap();
                    same_keys(&keys, &soft(&material, Scheme::Kdf3, &kdd), Mode::S8);
                }
            });
        }
    });
    nothing_left(&rig);
}
