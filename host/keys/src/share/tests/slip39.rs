//! SLIP-39's vectors: the same field and interpolation, with the secret at x = 255 and a digest of it at x = 254.
//!
//! A mnemonic is read as far as that takes; the words are the secret under four rounds of PBKDF2, which are taken off last.

use crate::share::{Share, interpolate};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use std::collections::BTreeMap;

/// One mnemonic's share.
struct Member {
    /// Identifier, extendable flag and iteration exponent.
    id: u32,
    group: u8,
    groups_needed: u8,
    groups: u8,
    needed: u8,
    share: Share,
}

/// What a mnemonic's checksum is over first.
const fn customization(id: u32) -> &'static str {
    if id >> 4 & 1 == 1 { "shamir_extendable" } else { "shamir" }
}

/// RS1024: three words at the end that make it 1.
fn checksum(id: u32, words: &[u16]) -> u32 {
    const GENERATOR: [u32; 10] = [
        0x00E0_E040,
        0x01C1_C080,
        0x0383_8100,
        0x0707_0200,
        0x0E0E_0009,
        0x1C0C_2412,
        0x3808_6C24,
        0x3090_FC48,
        0x21B1_F890,
        0x03F3_F120,
    ];
    let all = customization(id).bytes().map(u32::from).chain(words.iter().map(|word| u32::from(*word)));
    all.fold(1, |sum, word| {
        let taps = (0..10).filter(|bit| sum >> (20 + bit) & 1 == 1).fold(0, |taps, bit| taps ^ GENERATOR[bit]);
        ((sum & 0xF_FFFF) << 10 ^ word) ^ taps
    })
}

fn read(mnemonic: &str) -> Option<Member> {
    let list: Vec<&str> = include_str!("../../ceremony/words.txt").lines().collect();
    let words: Vec<u16> =
        mnemonic.split(' ').map(|word| list.binary_search(&word).ok()?.try_into().ok()).collect::<Option<_>>()?;
    // 20 bits of id, 20 of parameters, the value behind as many zeros as make whole words of it, 30 of checksum.
    let (head, rest) = words.split_at_checked(4)?;
    let (value, _) = rest.split_at_checked(rest.len().checked_sub(3)?)?;
    let head = head.iter().fold(0_u64, |head, word| head << 10 | u64::from(*word));
    let id = u32::try_from(head >> 20).unwrap();
    let parameter = |shift: u32| u8::try_from(head >> shift & 0xF).unwrap();
    let padding = value.len() * 10 % 16;
    if checksum(id, &words) != 1 || padding > 8 || value.len() < 13 {
        return None;
    }
    let bits: Vec<u8> =
        value.iter().flat_map(|word| (0..10).rev().map(move |bit| u8::from(word >> bit & 1 == 1))).collect();
    let (zeros, bits) = bits.split_at(padding);
    let y: Vec<u8> = bits.chunks(8).map(|bits| bits.iter().fold(0, |byte, bit| byte << 1 | bit)).collect();
    let member = Member {
        id,
        group: parameter(16),
        groups_needed: parameter(12) + 1,
        groups: parameter(8) + 1,
        needed: parameter(0) + 1,
        share: Share::new(parameter(4), &y),
    };
    (!zeros.contains(&1) && member.groups_needed <= member.groups).then_some(member)
}

/// The secret of exactly as many shares as it takes, where its digest is right.
fn recover(needed: u8, shares: &[Share]) -> Option<Vec<u8>> {
    if shares.len() != usize::from(needed) {
        return None;
    }
    let secret = interpolate(shares, 255).ok()?;
    if needed > 1 {
        let check = interpolate(shares, 254).ok()?;
        let (digest, key) = check.split_at(4);
        let mut mac = Hmac::<Sha256>::new_from_slice(key).unwrap();
        mac.update(&secret);
        mac.verify_truncated_left(digest).ok()?;
    }
    Some(secret.to_vec())
}

/// Four Feistel rounds backwards, under the passphrase that all vectors have.
fn decrypt(id: u32, encrypted: &[u8]) -> Vec<u8> {
    let extendable = id >> 4 & 1 == 1;
    let salt =
        if extendable { vec![] } else { [b"shamir", &u16::try_from(id >> 5).unwrap().to_be_bytes()[..]].concat() };
    let (left, right) = encrypted.split_at(encrypted.len() / 2);
    let (mut left, mut right) = (left.to_vec(), right.to_vec());
    for round in (0..4).rev() {
        let mut key = vec![0; right.len()];
        let password = [&[round], &b"TREZOR"[..]].concat();
        pbkdf2::pbkdf2_hmac::<Sha256>(&password, &[&salt[..], &right].concat(), 2500 << (id & 0xF), &mut key);
        let next = left.iter().zip(key).map(|(left, key)| left ^ key).collect();
        left = std::mem::replace(&mut right, next);
    }
    [right, left].concat()
}

/// The master secret, or nothing where SLIP-39 refuses the mnemonics.
fn master(mnemonics: &[&str]) -> Option<Vec<u8>> {
    let members = mnemonics.iter().map(|mnemonic| read(mnemonic)).collect::<Option<Vec<_>>>()?;
    let (id, needed) = members.first().map(|first| (first.id, (first.groups_needed, first.groups)))?;
    let mut groups = BTreeMap::<u8, (u8, Vec<Share>)>::new();
    for member in members {
        let (members_needed, shares) = groups.entry(member.group).or_insert((member.needed, Vec::new()));
        if member.id != id || (member.groups_needed, member.groups) != needed || member.needed != *members_needed {
            return None;
        }
        shares.push(member.share);
    }
    let groups: Option<Vec<_>> =
        groups.iter().map(|(x, (needed, shares))| Some(Share::new(*x, &recover(*needed, shares)?))).collect();
    Some(decrypt(id, &recover(needed.0, &groups?)?))
}

#[test]
fn official_vectors() {
    let vectors: Vec<(String, Vec<String>, String, String)> =
        serde_json::from_str(include_str!("../../../../../tests/vectors/slip39.json")).unwrap();
    let (mut valid, mut refused) = (0, 0);
    for (name, mnemonics, secret, _) in &vectors {
        let mnemonics: Vec<&str> = mnemonics.iter().map(String::as_str).collect();
        assert_eq!(master(&mnemonics).map_or(String::new(), hex::encode), *secret, "{name}");
        *if secret.is_empty() { &mut refused } else { &mut valid } += 1;
    }
    assert_eq!((valid, refused), (15, 30));
}
