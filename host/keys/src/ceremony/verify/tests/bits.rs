//! One bit changed, anywhere: somebody with the CA's fingerprint, and the head that was read aloud, refuses it.

use super::super::{Given, verify};
use super::cards::{Cards, Seeded, To};
use crate::ceremony::words::{Fingerprint, words};
use cardwright_proto::custody::manifest::Operation;
use cardwright_proto::custody::share::Scheme;
use std::collections::BTreeSet;

#[test]
fn a_thousand_bits() {
    let (mut refused, mut kinds, mut checks) = (0, BTreeSet::new(), BTreeSet::new());
    let mut random = 0;
    for scheme in [Scheme::Shamir, Scheme::Xor] {
        let mut cards = Cards::new(scheme, if scheme == Scheme::Shamir { 2 } else { 3 }, 3);
        for (operation, to) in [
            (Operation::Deal, To::P256),
            (Operation::Drill, To::P256),
            (Operation::Release, To::P256),
            (Operation::Release, To::Rsa),
            (Operation::Destroy, To::P256),
        ] {
            cards.to = to;
            let told = cards.tell(operation);
            let (bytes, head) = told.chained();
            let given = Given { head: Some(Fingerprint::Words(words(&head))), ..cards.given() };
            assert!(verify(&bytes, &given).is_ok());
            let lines: Vec<_> = bytes.split_inclusive(|byte| *byte == b'\n').collect();
            // As many of each line, the last one among them.
            for turn in 0..100 {
                let at = turn % lines.len();
                let before: usize = lines[..at].iter().map(|line| line.len()).sum();
                random += 1;
                let bit = u32::from_be_bytes(Seeded(random << 32).bytes()) as usize % (lines[at].len() * 8);
                let mut changed = bytes.clone();
                changed[before + bit / 8] ^= 1 << (bit % 8);
                let refusal = verify(&changed, &given).expect_err("a bit was changed");
                assert!(
                    refusal.line == at + 1 || refusal.line == at + 2,
                    "{refusal}, and the bit is in line {}",
                    at + 1
                );
                refused += 1;
                kinds.insert(told.records[at].kind());
                checks.insert(refusal.check);
            }
        }
    }
    println!("{refused} transcripts with one bit changed, all refused; {} kinds, checks {checks:?}", kinds.len());
    assert_eq!((refused, kinds.len()), (1000, 20));
}
