use super::{DekKey, StaticKeys, WrapError};
use crate::key::{Algorithm, SecretKey};
use cardwright_proto::block::{AesKey, CmacKey, KeyLength};
use cardwright_proto::gp::key::KeySet;
use cardwright_proto::gp::put_key::{BlockForm, KeyBlock};
use cardwright_proto::scp::kdf::{self, Constant, Context};
use cardwright_proto::scp::{Mode, SessionCipher, SoftCipher, Token};

fn bytes(first: u8, len: usize) -> Vec<u8> {
    (first..).take(len).collect()
}

fn set(first: u8, len: usize) -> StaticKeys {
    let key = |first| SecretKey::new(&bytes(first, len)).unwrap();
    KeySet { enc: key(first), mac: key(first + 0x40), dek: key(first + 0x80) }.into()
}

fn context() -> Context {
    Context::session(&Token::new(&[1; 8]).unwrap(), &Token::new(&[2; 8]).unwrap())
}

/// What the typed keys do is what `proto` does with the bytes of the right one.
#[test]
fn each_key_does_its_own_work() {
    for len in [16, 24, 32] {
        let (keys, context) = (set(0, len), context());
        let derived = |first, constant| {
            let mut out = vec![0; len];
            kdf::derive(&mut CmacKey::new(&bytes(first, len)).unwrap(), constant, &context, &mut out);
            out
        };
        let (s_enc, s_mac, s_rmac) =
            (derived(0, Constant::SEnc), derived(0x40, Constant::SMac), derived(0x40, Constant::SRmac));
        let (mut mac, mut rmac) = keys.mac.s_macs(&context).unwrap();
        assert_eq!(mac.mac(&[b"command"]), CmacKey::new(&s_mac).unwrap().mac(&[b"command"]));
        assert_eq!(rmac.mac(&[b"answer"]), CmacKey::new(&s_rmac).unwrap().mac(&[b"answer"]));
        let mut blocks = [[7; 16]; 2];
        keys.enc.s_enc(&context).unwrap().encrypt_block(&mut blocks[0]);
        AesKey::new(&s_enc).unwrap().encrypt_block(&mut blocks[1]);
        assert_eq!(blocks[0], blocks[1]);

        let mut session = keys.session(&context).unwrap();
        let mut same = SoftCipher::new(&s_enc, &s_mac, &s_rmac).unwrap();
        assert_eq!(session.mac(&[b"command"]), same.mac(&[b"command"]));
        assert_eq!(session.rmac(&[b"answer"]), same.rmac(&[b"answer"]));

        let mut static_enc = CmacKey::new(&bytes(0, len)).unwrap();
        let challenge = kdf::card_challenge(&mut static_enc, 42, &[0xA0; 7], Mode::S16);
        assert_eq!(keys.enc.card_challenge(42, &[0xA0; 7], Mode::S16), Ok(challenge));
    }
}

#[test]
fn check_values_are_those_of_the_bytes() {
    let (keys, kcv) = (set(0, 24), |first| SecretKey::new(&bytes(first, 24)).unwrap().kcv(Algorithm::Aes).unwrap());
    let expected = KeySet { enc: kcv(0), mac: kcv(0x40), dek: kcv(0x80) };
    assert_eq!(keys.kcvs(), Ok(expected));
    let each = [keys.enc.kcv(), keys.mac.kcv(), keys.dek.kcv()];
    assert_eq!(each.map(Result::unwrap), [expected.enc, expected.mac, expected.dek]);
    assert_eq!([keys.enc.key_len(), keys.mac.key_len(), keys.dek.key_len(), keys.key_len()], [24; 4]);
}

#[test]
fn new_keys_are_wrapped_under_the_dek() {
    for (dek, new) in [(16, 16), (24, 16), (24, 24), (32, 24), (32, 32)] {
        let (current, new_keys) = (set(0, dek), set(0x20, new));
        let blocks = current.dek.wrap(&new_keys, BlockForm::WithLength).unwrap();
        let expected = |first| {
            let mut clear = bytes(first, new);
            clear.resize(new.next_multiple_of(16), 0);
            AesKey::new(&bytes(0x80, dek)).unwrap().cbc_encrypt(&[0; 16], &mut clear);
            let kcv = SecretKey::new(&bytes(first, new)).unwrap().kcv(Algorithm::Aes).unwrap();
            KeyBlock::new(BlockForm::WithLength, new.try_into().unwrap(), &clear, kcv)
        };
        assert_eq!(blocks, KeySet { enc: expected(0x20), mac: expected(0x60), dek: expected(0xA0) });
    }
}

#[test]
fn a_stronger_key_is_not_wrapped() {
    let weak = DekKey::new(SecretKey::new(&[1; 16]).unwrap());
    assert_eq!(weak.wrap(&set(0, 24), BlockForm::Bare), Err(WrapError::Weaker { new: 24, dek: 16 }));
}

#[test]
fn a_set_has_keys_of_one_length() {
    let key = |len| SecretKey::new(&bytes(1, len)).unwrap();
    let keys = StaticKeys::from(KeySet { enc: key(16), mac: key(32), dek: key(32) });
    assert!(matches!(keys.session(&context()), Err(KeyLength(16))));
}

#[test]
fn nothing_shows_a_key() {
    let shown = format!("{:?}", set(0x11, 16));
    let expected = "StaticKeys { enc: EncKey(SecretKey(16 bytes)), mac: MacKey(SecretKey(16 bytes)), dek: DekKey(SecretKey(16 bytes)) }";
    assert_eq!(shown, expected);
}
