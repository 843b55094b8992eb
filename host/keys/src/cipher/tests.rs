use super::BlockKey;
use crate::key::Algorithm;
use crate::vectors::{bytes, cases, section};
use cardwright_proto::block::{AesKey, CmacKey, KeyLength};
use proptest::prelude::{Just, any, prop_oneof, proptest};
use proptest::{collection::vec, prop_assert_eq};

fn encrypted(algorithm: Algorithm, key: &[u8], plain: &[u8]) -> Vec<u8> {
    let mut block = plain.to_vec();
    BlockKey::new(algorithm, key).unwrap().ecb(&mut block);
    block
}

#[test]
fn aria_of_its_rfc() {
    let plain = bytes(&section("aria")["plain"]);
    for case in cases("aria") {
        assert_eq!(encrypted(Algorithm::Aria, &bytes(&case["key"]), &plain), bytes(&case["cipher"]));
    }
}

#[test]
fn seed_of_its_rfc() {
    for case in cases("seed") {
        let out = encrypted(Algorithm::Seed, &bytes(&case["key"]), &bytes(&case["plain"]));
        assert_eq!(out, bytes(&case["cipher"]), "{case}");
    }
}

#[test]
fn cmac_of_3des() {
    for case in cases("cmac_3des") {
        let key = BlockKey::new(Algorithm::TripleDes, &bytes(&case["key"])).unwrap();
        assert_eq!(key.cmac(&[&bytes(&case["message"])])[..8], bytes(&case["mac"]), "{case}");
    }
}

#[test]
fn keys_of_other_lengths() {
    let wrong = |algorithm, len| BlockKey::new(algorithm, &vec![0; len]).err();
    for (algorithm, good) in [
        (Algorithm::Aes, &[16, 24, 32][..]),
        (Algorithm::TripleDes, &[16, 24]),
        (Algorithm::Aria, &[16, 24, 32]),
        (Algorithm::Seed, &[16]),
    ] {
        for len in 0..=40 {
            assert_eq!(wrong(algorithm, len), (!good.contains(&len)).then_some(KeyLength(len)), "{algorithm:?}");
        }
    }
}

proptest! {
    /// What stands here and in `cardwright_proto` is the same, in whatever parts the message comes.
    #[test]
    fn aes_as_in_proto(
        key in prop_oneof![vec(any::<u8>(), 16), vec(any::<u8>(), 24), vec(any::<u8>(), 32)],
        message in vec(any::<u8>(), 0..80),
        cut in any::<proptest::sample::Index>(),
        least in prop_oneof![Just(0_usize), Just(1)],
    ) {
        let ours = BlockKey::new(Algorithm::Aes, &key).unwrap();
        let (first, second) = message.split_at(cut.index(message.len() + 1));
        prop_assert_eq!(*ours.padded_cmac(&[first, second], least), CmacKey::new(&key).unwrap().mac(&[&message]));

        let mut blocks = message[..message.len() / 16 * 16].to_vec();
        let mut same = blocks.clone();
        ours.cbc(&mut blocks);
        AesKey::new(&key).unwrap().cbc_encrypt(&[0; 16], &mut same);
        prop_assert_eq!(blocks, same);
    }

    /// Padding by hand to two blocks makes no difference where the message is as long already.
    #[test]
    fn longer_padding_changes_short_messages_only(key in vec(any::<u8>(), 16), message in vec(any::<u8>(), 0..48)) {
        for algorithm in [Algorithm::Aes, Algorithm::TripleDes, Algorithm::Aria, Algorithm::Seed] {
            let key = BlockKey::new(algorithm, &key).unwrap();
            let short = message.len() <= key.block_len();
            let same = key.padded_cmac(&[&message], 2) == key.cmac(&[&message]);
            prop_assert_eq!(same, !short);
        }
    }
}
