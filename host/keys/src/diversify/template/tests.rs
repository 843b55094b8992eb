use super::{Template, TemplateCipher};
use crate::diversify::{self, Inputs, Method, RunError, Secret, run};
use crate::key::{KeyMaterial, SecretKey};
use crate::keyref::Scheme;
use proptest::prelude::{any, proptest};
use proptest::{collection::vec, prop_assert_eq};

fn new(cipher: TemplateCipher, blocks: &str, len: Option<usize>) -> Result<Template, RunError> {
    Template::new(cipher, blocks.parse().unwrap(), len)
}

proptest! {
    /// Four of the schemes by name, written as GlobalPlatformPro writes them.
    #[test]
    fn schemes_as_templates(master in vec(any::<u8>(), 16), kdd in any::<[u8; 10]>()) {
        let material = KeyMaterial::One(SecretKey::new(&master).unwrap());
        for (scheme, text) in [
            (Scheme::Emv, "template:cipher=3des-ecb,blocks=kdd[4..10] F0 k kdd[4..10] 0F k"),
            (Scheme::Visa2, "template:cipher=3des-ecb,blocks=kdd[0..2] kdd[4..8] F0 k kdd[0..2] kdd[4..8] 0F k"),
            (Scheme::Visa, "template:cipher=3des-ecb,blocks=kdd[0..4] kdd[8..10] F0 k kdd[0..4] kdd[8..10] 0F k"),
            (Scheme::Kdf3, "template:cipher=aes-cmac,blocks=01 000000 k 00 kdd"),
        ] {
            let expected = diversify::derive(scheme, &material, &kdd).unwrap();
            let method: Method = text.parse().unwrap();
            let derived = run(&method, Secret::Keys(&material), &Inputs::of_kdd(&kdd)).unwrap();
            let derived: Vec<_> = derived.keys.iter().map(|(_, key)| key).collect();
            prop_assert_eq!(derived, expected.iter().collect::<Vec<_>>(), "{}", text);
        }
    }
}

#[test]
fn what_can_never_fit_is_refused_at_once() {
    let ecb = TemplateCipher::TripleDesEcb;
    assert_eq!(new(ecb, "kdd", None), Err(RunError::Blocks { bytes: 10, block: 8 }));
    assert_eq!(new(TemplateCipher::AesCbc, "kdd kdd[0..4] k", None), Err(RunError::Blocks { bytes: 15, block: 16 }));
    assert_eq!(new(ecb, "kdd[0..8]", None), Err(RunError::Output { gives: 8, wanted: 16 }));
    assert_eq!(new(ecb, "kdd[0..8] kdd[0..8]", Some(24)), Err(RunError::Output { gives: 16, wanted: 24 }));
    assert_eq!(new(TemplateCipher::AesCmac, "kdd", Some(32)), Err(RunError::Output { gives: 16, wanted: 32 }));
}

#[test]
fn what_depends_on_the_inputs_is_refused_with_them() {
    let method: Method = "template:cipher=aes-ecb,blocks=input".parse().unwrap();
    let material = KeyMaterial::gp_test();
    let derive = |len| run(&method, Secret::Keys(&material), &Inputs::of_bytes(&vec![1; len]).unwrap());
    assert_eq!(derive(17).unwrap_err(), RunError::Blocks { bytes: 17, block: 16 });
    assert_eq!(derive(32).unwrap().keys[0].1.key_len(), 16);
    let long = KeyMaterial::One(SecretKey::new(&[1; 32]).unwrap());
    let error = run(&method, Secret::Keys(&long), &Inputs::of_bytes(&[1; 16]).unwrap()).unwrap_err();
    assert_eq!(error, RunError::Output { gives: 16, wanted: 32 });
}
