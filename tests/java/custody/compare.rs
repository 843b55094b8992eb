//! What is equal in two answers, and what only has to be the same thing.

use std::collections::BTreeMap;

/// A piece of an answer that was accepted. Signatures are none: each is checked where it comes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// The same on both sides.
    Same(Vec<u8>),
    /// Random, or of what is random: equal to another one here where it is there.
    Random(Vec<u8>),
}

/// What is random on one side, and what stands for it on the other.
#[derive(Debug, Default)]
pub(super) struct Symbols {
    there: BTreeMap<Vec<u8>, Vec<u8>>,
    back: BTreeMap<Vec<u8>, Vec<u8>>,
}

impl Symbols {
    /// Compares two answers, and learns what is new in them.
    pub(super) fn agree(&mut self, one: &[Part], other: &[Part]) -> bool {
        one.len() == other.len() && one.iter().zip(other).all(|pair| self.match_up(pair))
    }

    fn match_up(&mut self, pair: (&Part, &Part)) -> bool {
        match pair {
            (Part::Random(one), Part::Random(other)) if is_zero(one) || is_zero(other) => one == other,
            (Part::Random(one), Part::Random(other)) => {
                one.len() == other.len()
                    && self.there.entry(one.clone()).or_insert_with(|| other.clone()) == other
                    && self.back.entry(other.clone()).or_insert_with(|| one.clone()) == one
            }
            (one, other) => one == other,
        }
    }
}

fn is_zero(bytes: &[u8]) -> bool {
    bytes.iter().all(|byte| *byte == 0)
}

/// Tags in GET STATE whose values are random: identity, and of the share check value and statement hash.
const STATE: [u8; 3] = [0x82, 0x8B, 0x8F];
/// Certificate hash, M, Q, statement hash.
const CEREMONY: [u8; 4] = [0x84, 0x85, 0x8A, 0x8E];

/// An answer of GET STATE.
pub(super) fn state(p1: u8, answer: &[u8]) -> Vec<Part> {
    let mut parts = Vec::new();
    let (tag, value, rest) = object(answer);
    assert_eq!((tag, rest), (0xE1 + p1, [].as_slice()), "{answer:02X?}");
    if p1 == 1 {
        objects(value, &CEREMONY, &mut parts);
        return parts;
    }
    // Everything but the share is flat, and the set id in the share has the identity's tag.
    let mut left = value;
    while !left.is_empty() {
        let (tag, value, rest) = object(left);
        if tag == 0xE0 {
            parts.push(Part::Same(vec![tag]));
            objects(value, &STATE[1..], &mut parts);
        } else {
            objects(&left[..left.len() - rest.len()], &STATE[..1], &mut parts);
        }
        left = rest;
    }
    parts
}

fn objects(mut left: &[u8], random: &[u8], parts: &mut Vec<Part>) {
    while !left.is_empty() {
        let (tag, value, rest) = object(left);
        parts.push(Part::Same(vec![tag]));
        let value = value.to_vec();
        parts.push(if random.contains(&tag) { Part::Random(value) } else { Part::Same(value) });
        left = rest;
    }
}

/// The first object: lengths are in the shortest form.
fn object(bytes: &[u8]) -> (u8, &[u8], &[u8]) {
    let (tag, len, from) = match bytes {
        [tag, 0x81, len @ 0x80..=0xFF, ..] => (*tag, *len, 3),
        [tag, len @ ..=0x7F, ..] => (*tag, *len, 2),
        other => panic!("{other:02X?} is no object"),
    };
    let (value, rest) = bytes[from..].split_at(len.into());
    (tag, value, rest)
}
