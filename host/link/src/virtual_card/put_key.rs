//! PUT KEY on the card (CS 11.8, AmdD 7.2): a whole AES set, added or replaced in one transaction.

use super::Stop;
use super::secure::OpenSession;
use super::store::Store;
use cardwright_proto::apdu::Command;
use cardwright_proto::block::{AesKey, BLOCK};
use cardwright_proto::gp::key::{Kcv, KeySet, Kvn};
use cardwright_proto::gp::put_key::{ReceivedKey, parse_blocks};
use cardwright_proto::status::StatusWord;
use zeroize::Zeroizing;

/// Invalid key check value (CS table 11-77).
const WRONG_KCV: StatusWord = StatusWord(0x9485);

/// P2: the first key is number 1, and more follow.
const WHOLE_SET: u8 = 0x81;

/// Adds a set (P1 = 00) or replaces the set P1, which may get another KVN with it.
///
/// 6A86 P1 or P2, 6A88 no set P1, 6A80 malformed, a KVN that cannot be or is taken, or other key sizes than before, 9485
/// a wrong check value (none at all is accepted), 6A84 no room.
pub(super) fn put_key(
    store: &mut Store,
    session: &OpenSession,
    command: &Command<'_>,
    out: &mut Vec<u8>,
) -> Result<StatusWord, Stop> {
    if command.header.p1 > 0x7F || command.header.p2 != WHOLE_SET {
        return Err(StatusWord::WRONG_P1P2.into());
    }
    let (&kvn, blocks) = command.data.split_first().ok_or(StatusWord::WRONG_DATA)?;
    Kvn::target(kvn).map_err(|_| StatusWord::WRONG_DATA)?;
    let blocks = parse_blocks(blocks).ok_or(StatusWord::WRONG_DATA)?;
    let [enc, mac, dek] = blocks[..] else {
        return Err(StatusWord::WRONG_DATA.into());
    };
    let bare_only = store.identity().bare;
    let keys = KeySet { enc, mac, dek }.try_map(|block| unwrap_key(session, bare_only, &block))?;
    let bytes = keys.as_ref().map(|(key, _)| key.as_slice());
    if bytes.iter().any(|key| key.len() != bytes.enc.len()) {
        return Err(StatusWord::WRONG_DATA.into());
    }
    match command.header.p1 {
        0 => store.add(kvn, bytes)?,
        old => {
            let old = store.find(old).ok_or(StatusWord::REFERENCE_NOT_FOUND)?;
            store.replace(&old, kvn, bytes)?;
        }
    }
    out.push(kvn);
    for (_, kcv) in keys.iter() {
        out.extend_from_slice(&kcv.0);
    }
    Ok(StatusWord::OK)
}

/// Decrypts one key under the session's Key-DEK and checks its check value.
///
/// Where no length byte tells 24-byte keys, padded to 32, from 32-byte ones, a card whose own keys have 24 bytes takes
/// them for 24.
fn unwrap_key(
    session: &OpenSession,
    bare_only: bool,
    received: &ReceivedKey<'_>,
) -> Result<(Zeroizing<Vec<u8>>, Kcv), Stop> {
    let room = received.ciphertext.len();
    let len = match received.key_len {
        Some(_) if bare_only => return Err(StatusWord::WRONG_DATA.into()),
        Some(len) => usize::from(len),
        None if room == 32 && session.key_len == 24 => 24,
        None => room,
    };
    if !matches!((len, room), (16, 16) | (24 | 32, 32)) {
        return Err(StatusWord::WRONG_DATA.into());
    }
    let mut key = Zeroizing::new(received.ciphertext.to_vec());
    session.dek.cbc_decrypt(&[0; BLOCK], &mut key);
    key.truncate(len);
    let mut block = [1; BLOCK];
    AesKey::new(&key).map_err(|_| StatusWord::WRONG_DATA)?.encrypt_block(&mut block);
    let [a, b, c, ..] = block;
    let kcv = Kcv([a, b, c]);
    if received.kcv.is_some_and(|sent| sent != kcv) {
        return Err(WRONG_KCV.into());
    }
    Ok((key, kcv))
}
