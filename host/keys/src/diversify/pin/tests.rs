use super::{Kind, Stretch, StretchError};
use crate::vectors::{bytes, cases, section};
use argon2::{Algorithm, AssociatedData, ParamsBuilder, Version};

fn number(value: &serde_json::Value) -> u32 {
    value.as_u64().unwrap().try_into().unwrap()
}

#[test]
fn pbkdf2_of_its_rfc() {
    for case in cases("pbkdf2") {
        let text = |name: &str| case[name].as_str().unwrap().as_bytes().to_vec();
        let mut out = [0; 32];
        let stretch = Stretch(Kind::Pbkdf2 { iterations: number(&case["iterations"]) });
        stretch.fill(&text("pin"), &text("salt"), &mut out).unwrap();
        assert_eq!(out[..], bytes(&case["out"]), "{case}");
    }
}

/// The RFC's example has a secret and associated data too, which we have no use for: the crate has them.
#[test]
fn argon2id_of_its_rfc() {
    let vector = section("argon2id");
    let [kib, passes, lanes] = ["kib", "passes", "lanes"].map(|name| number(&vector[name]));
    let [password, salt, secret] = ["password", "salt", "secret"].map(|name| bytes(&vector[name]));
    let mut out = [0; 32];
    Stretch(Kind::Argon2id { kib, passes, lanes }).fill(&password, &salt, &mut out).unwrap();
    assert_eq!(out[..], bytes(&vector["plain_tag"]));

    let mut params = ParamsBuilder::new();
    params.m_cost(kib).t_cost(passes).p_cost(lanes).output_len(32);
    let params = params.data(AssociatedData::new(&bytes(&vector["associated"])).unwrap()).build().unwrap();
    let argon2 = argon2::Argon2::new_with_secret(&secret, Algorithm::Argon2id, Version::V0x13, params).unwrap();
    let mut memory = vec![argon2::Block::default(); argon2.params().block_count()];
    argon2.hash_password_into_with_memory(&password, &salt, &mut out, &mut memory).unwrap();
    assert_eq!(out[..], bytes(&vector["tag"]));
}

#[test]
fn bounds() {
    let error = |what, given, least, most| Err(StretchError { what, given, least, most });
    let most = 100_000_000;
    assert_eq!(Stretch::pbkdf2(99_999), error("iterations", 99_999, 100_000, most));
    assert!(Stretch::pbkdf2(100_000).is_ok() && Stretch::pbkdf2(most).is_ok());
    assert_eq!(Stretch::pbkdf2(most + 1), error("iterations", most + 1, 100_000, most));
    assert_eq!(Stretch::pbkdf2(600_000), Ok(Stretch::PBKDF2));
    assert_eq!(Stretch::argon2id(19_456, 2, 1), Ok(Stretch::ARGON2ID));
    assert_eq!(Stretch::argon2id(19_455, 2, 1), error("memory", 19_455, 19_456, 4_194_304));
    assert_eq!(Stretch::argon2id(u32::MAX, 2, 1), error("memory", u32::MAX, 19_456, 4_194_304));
    assert_eq!(Stretch::argon2id(19_456, 1, 1), error("passes", 1, 2, 64));
    assert_eq!(Stretch::argon2id(19_456, 65, 1), error("passes", 65, 2, 64));
    assert_eq!(Stretch::argon2id(19_456, 2, 0), error("lanes", 0, 1, 64));
    assert_eq!(Stretch::argon2id(19_456, 2, 65), error("lanes", 65, 1, 64));
}
