use super::SoftVault;
use cardwright_keys::key::{KeyMaterial, SecretKey, StaticKeys};
use cardwright_keys::keyref::KeyRef;
use cardwright_keys::vault::{ChallengeInput, Custody, Vault, VaultError};
use cardwright_proto::block::AesKey;
use cardwright_proto::gp::Command;
use cardwright_proto::gp::key::{Kcv, KeySet, Kvn};
use cardwright_proto::gp::put_key::{BlockForm, PutKey, parse_blocks};
use cardwright_proto::scp::kdf::{Constant, Context, label};
use cardwright_proto::scp::{Mode, SessionCipher, Token};
use proptest::prelude::{Just, Strategy, any, prop_oneof, proptest};
use proptest::{collection::vec, prop_assert, prop_assert_eq};

const KDD: [u8; 10] = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9];

fn key(text: &str) -> KeyRef {
    text.parse().unwrap()
}

fn set(keys: [&[u8]; 3]) -> StaticKeys {
    let [enc, mac, dek] = keys.map(|key| SecretKey::new(key).unwrap());
    KeySet { enc, mac, dek }.into()
}

fn gp_test() -> SoftVault {
    let mut vault = SoftVault::new();
    vault.load(&key("gp-test"), KeyMaterial::gp_test());
    vault
}

#[test]
fn material_belongs_to_its_source() {
    let vault = gp_test();
    let keys = vault.card_keys(&key("gp-test"), &KDD).unwrap();
    assert_eq!(vault.custody(&keys), Custody::Software);
    for name in ["gp-test", "kdf3+gp-test", "visa2+gp-test@0x30"] {
        assert!(vault.holds(&key(name)));
        assert_eq!(vault.key_len(&vault.card_keys(&key(name), &KDD).unwrap()), 16);
    }
    assert!(!vault.holds(&key("prompt")));
    let error = vault.card_keys(&key("kdf3+file:a"), &KDD).unwrap_err();
    assert!(matches!(&error, VaultError::UnknownKey(name) if name == "kdf3+file:a"));
}

#[test]
fn diversified_as_the_reference_says() {
    let vault = gp_test();
    let kcvs = |name| {
        let kcvs = vault.kcvs(&vault.card_keys(&key(name), &KDD).unwrap()).unwrap();
        kcvs.iter().map(Kcv::to_string).collect::<Vec<_>>()
    };
    assert_eq!(kcvs("gp-test"), ["504A77"; 3]);
    // From tests/vectors/scp03_misc.json.
    assert_eq!(kcvs("kdf3+gp-test"), ["E79C05", "D1BD77", "3FDE8C"]);

    let mut vault = vault;
    vault.load(&key("fd:3"), KeyMaterial::One(SecretKey::new(&[1; 32]).unwrap()));
    let error = vault.card_keys(&key("emv+fd:3"), &KDD).unwrap_err();
    assert!(matches!(&error, VaultError::Diversification { key, .. } if key == "emv+fd:3"), "{error}");
}

/// From tests/vectors/scp03_misc.json, `omfgp`.
#[test]
fn session_keys_and_challenge() {
    let vault = gp_test();
    let keys = vault.card_keys(&key("gp-test"), &KDD).unwrap();
    let token = |hex: &str| Token::new(&hex::decode(hex).unwrap()).unwrap();
    let context = Context::session(&token("68E9C8799FF8CB46"), &token("F8D89D88BA1287BF"));
    let mut session = vault.session(&keys, &context).unwrap();
    let cryptogram = session.mac(&[&label(Constant::CardCryptogram, 64, 1), context.bytes()]).unwrap();
    assert_eq!(hex::encode_upper(&cryptogram[..8]), "9B5C9D42D5059430");

    let aid = hex::decode("A000000018434D08090A0B0C000000").unwrap();
    let input = ChallengeInput { counter: 0x2A, aid: &aid, mode: Mode::S8 };
    assert_eq!(vault.card_challenge(&keys, &input).unwrap(), token("A3F5F144D19BE66E"));
}

/// Key-ENC makes S-ENC and the challenge, Key-MAC makes S-MAC and S-RMAC: none stands in for another.
#[test]
fn each_key_has_its_own_work() {
    let vault = SoftVault::new();
    let base: [&[u8]; 3] = [&[1; 16], &[2; 16], &[3; 16]];
    let other = [4; 16];
    let token = Token::new(&[9; 8]).unwrap();
    let work = |keys: &StaticKeys| {
        let mut session = vault.session(keys, &Context::session(&token, &token)).unwrap();
        let mut block = [0; 16];
        session.encrypt([0; 16], &mut block).unwrap();
        let input = ChallengeInput { counter: 1, aid: &[0xA0; 8], mode: Mode::S16 };
        let challenge = vault.card_challenge(keys, &input).unwrap().bytes().to_vec();
        [block.to_vec(), session.mac(&[]).unwrap().to_vec(), session.rmac(&[]).unwrap().to_vec(), challenge]
    };
    let before = work(&set(base));
    for (place, changes) in [[true, false, false, true], [false, true, true, false], [false; 4]].iter().enumerate() {
        let mut keys = base;
        keys[place] = &other;
        let after = work(&set(keys));
        let changed: Vec<bool> = before.iter().zip(&after).map(|(before, after)| before != after).collect();
        assert_eq!(changed, changes);
    }
}

#[test]
fn never_under_a_weaker_key() {
    let vault = SoftVault::new();
    let of = |len: usize| set([&vec![1; len], &vec![2; len], &vec![3; len]].map(Vec::as_slice));
    for (dek, new) in [16, 24, 32].into_iter().flat_map(|dek| [16, 24, 32].map(|new| (dek, new))) {
        let blocks = vault.put_key_blocks(&of(dek), &of(new), BlockForm::WithLength);
        match blocks {
            Ok(_) => assert!(new <= dek),
            Err(VaultError::WeakerWrap { new: n, dek: d }) => assert!((n, d) == (new, dek) && new > dek),
            Err(other) => panic!("{other}"),
        }
    }
}

/// Computed with OpenSSL (Python, `cryptography`): AES-CBC, key 40..4F over 50..5F; key 40..5F over 24 x 11, 8 x 00.
#[test]
fn known_blocks() {
    let vault = gp_test();
    let current = vault.card_keys(&key("gp-test"), &KDD).unwrap();
    let keys: Vec<u8> = (0x50..0x60).collect();
    let blocks = vault.put_key_blocks(&current, &set([&keys; 3]), BlockForm::WithLength).unwrap();
    let put = PutKey { replace: None, kvn: Kvn::target(0x30).unwrap(), blocks };
    let mut data = Vec::new();
    put.apdu(&mut data);
    let block = concat!("881110", "C62E5212589B9EAF19AE940D03C3B7C2", "03", "F2A8DF");
    assert_eq!(hex::encode_upper(&data), format!("30{}", block.repeat(3)));

    let dek: Vec<u8> = (0x40..0x60).collect();
    let (current, new) = (set([&dek; 3]), set([&[0x11; 24]; 3]));
    let blocks = vault.put_key_blocks(&current, &new, BlockForm::Bare).unwrap();
    PutKey { blocks, ..put }.apdu(&mut data);
    let block = concat!("8820", "61DFA31FAE1054ABA6F4EE0825AA80DADFAB2213C7695B2FBCE45DD50797D4D5", "03", "D8D687");
    assert_eq!(hex::encode_upper(&data), format!("30{}", block.repeat(3)));
}

fn length() -> impl Strategy<Value = usize> {
    prop_oneof![Just(16), Just(24), Just(32)]
}

proptest! {
    /// What a card unwraps is what was given: in order, whole, with the right check value.
    #[test]
    fn a_card_unwraps_what_was_wrapped(
        new in length(), more in 0..2_usize, bytes in vec(any::<u8>(), 192), bare in any::<bool>()
    ) {
        let vault = SoftVault::new();
        let dek = [new, 32][more];
        let form = if bare { BlockForm::Bare } else { BlockForm::WithLength };
        let take = |len: usize, from: usize| set([0, 1, 2].map(|place| &bytes[from + 32 * place..][..len]));
        let (current, new_keys) = (take(dek, 0), take(new, 96));
        let blocks = vault.put_key_blocks(&current, &new_keys, form).unwrap();
        let kcvs = vault.kcvs(&new_keys).unwrap();
        let put = PutKey { replace: None, kvn: Kvn::target(0x31).unwrap(), blocks };
        let mut data = Vec::new();
        put.apdu(&mut data);
        let received = parse_blocks(&data[1..]).unwrap();
        prop_assert_eq!(received.len(), 3);
        for ((received, key), kcv) in received.iter().zip(new_keys.secrets().iter()).zip(kcvs.iter()) {
            let mut clear = received.ciphertext.to_vec();
            AesKey::new(current.secrets().dek.expose()).unwrap().cbc_decrypt(&[0; 16], &mut clear);
            prop_assert_eq!(&clear[..new], key.expose());
            prop_assert!(clear[new..].iter().all(|byte| *byte == 0));
            prop_assert_eq!(clear.len(), new.next_multiple_of(16));
            prop_assert_eq!(received.kcv, Some(*kcv));
            prop_assert_eq!(received.key_len.map(usize::from), (!bare).then_some(new));
        }
    }
}
