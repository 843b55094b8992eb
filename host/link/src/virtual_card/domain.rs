//! The issuer security domain: what it tells, and what it lets an authenticated host change.

use super::Stop;
use super::custodian::{self, kept};
use super::echo;
use super::personal;
use super::put_key::put_key;
use super::secure::OpenSession;
use super::store::Store;
use cardwright_proto::apdu::Command;
use cardwright_proto::apdu::class::Class;
use cardwright_proto::gp::get_data::Cplc;
use cardwright_proto::status::StatusWord;
use cardwright_proto::tlv;

/// Its AID, GlobalPlatform's own.
pub(super) const AID: &[u8] = &[0xA0, 0, 0, 1, 0x51, 0, 0, 0];

const GET_DATA: u8 = 0xCA;
const GET_STATUS: u8 = 0xF2;
const SET_STATUS: u8 = 0xF0;
const PUT_KEY: u8 = 0xD8;
const DELETE: u8 = 0xE4;
const STORE_DATA: u8 = 0xE2;

/// Security domain, card lock, card terminate, card reset (CS table 6-2).
const DOMAIN_PRIVILEGES: [u8; 3] = [0x9C, 0, 0];
const SELECTABLE: u8 = 0x07;

/// Issuer identification number and the start of the card image number: a card of nobody's.
const IIN: [u8; 3] = [0x99, 0x99, 0x9F];
const CIN: [u8; 4] = *b"CWRT";

/// Key type AES (CS table 11-16).
const AES: u8 = 0x88;

/// Answers a command in clear. `session` is the one of the command's channel.
pub(super) fn process(
    store: &mut Store,
    session: Option<&mut OpenSession>,
    class: Class,
    command: &Command<'_>,
    out: &mut Vec<u8>,
) -> Result<StatusWord, Stop> {
    let ins = command.header.ins;
    if !matches!(ins, GET_DATA | GET_STATUS | SET_STATUS | PUT_KEY | DELETE | STORE_DATA) {
        return Err(StatusWord::INS_NOT_SUPPORTED.into());
    }
    if ins == GET_DATA {
        return get_data(store, command, out);
    }
    if !class.proprietary {
        return Err(StatusWord::CLA_NOT_SUPPORTED.into());
    }
    let session = session.ok_or(StatusWord::SECURITY_STATUS)?;
    if ins == GET_STATUS {
        return get_status(store, command, out);
    }
    if !session.messages.level().c_mac() {
        return Err(StatusWord::SECURITY_STATUS.into());
    }
    match ins {
        PUT_KEY => put_key(store, session, command, out),
        DELETE => delete_key(store, session, command),
        SET_STATUS => set_status(store, command),
        _ => session.blocks.store(store.nvm(), command),
    }
}

/// GET DATA (CS 11.3, H.2): 6A88 for what there is not.
fn get_data(store: &Store, command: &Command<'_>, out: &mut Vec<u8>) -> Result<StatusWord, Stop> {
    let identity = store.identity();
    let tag = u16::from_be_bytes([command.header.p1, command.header.p2]);
    let value = match tag {
        0x9F7F => cplc(identity.serial).to_vec(),
        0x0042 => IIN.to_vec(),
        0x0045 => [CIN, identity.serial].concat(),
        0x00CF => identity.kdd.to_vec(),
        0x00E0 => {
            store.sets().flat_map(|set| (1..=3).flat_map(move |id| [0xC0, 4, id, set.kvn, AES, set.key_len])).collect()
        }
        0x0066 => card_data(identity.options.byte()),
        personal::DIGEST => personal::digest(store.memory())?,
        _ => return Err(StatusWord::REFERENCE_NOT_FOUND.into()),
    };
    object(out, u32::from(tag), &value)?;
    Ok(StatusWord::OK)
}

/// The part of it that names the chip.
pub(super) fn chip(serial: [u8; 4]) -> [u8; 12] {
    Cplc { bytes: cplc(serial) }.chip()
}

/// Fabricator and type 4357 5254, operating system 0001 of level 0100, no dates, the serial, batch 0001: 42 bytes.
fn cplc(serial: [u8; 4]) -> [u8; 42] {
    let mut cplc = [0; 42];
    cplc[..12].copy_from_slice(&[0x43, 0x57, 0x52, 0x54, 0, 1, 0, 0, 1, 0, 0, 0]);
    cplc[12..16].copy_from_slice(&serial);
    cplc[17] = 1;
    cplc
}

/// Card recognition data (CS H.2): GlobalPlatform 2.3.1, SCP03 with this "i".
fn card_data(i: u8) -> Vec<u8> {
    let mut data = vec![0x73, 0];
    data.extend_from_slice(&[0x06, 7, 0x2A, 0x86, 0x48, 0x86, 0xFC, 0x6B, 1]);
    data.extend_from_slice(&[0x60, 12, 0x06, 10, 0x2A, 0x86, 0x48, 0x86, 0xFC, 0x6B, 2, 2, 3, 1]);
    data.extend_from_slice(&[0x63, 9, 0x06, 7, 0x2A, 0x86, 0x48, 0x86, 0xFC, 0x6B, 3]);
    data.extend_from_slice(&[0x64, 11, 0x06, 9, 0x2A, 0x86, 0x48, 0x86, 0xFC, 0x6B, 4, 3, i]);
    [.., data[1]] = (data.len() - 2).to_be_bytes();
    data
}

/// GET STATUS (CS 11.4), the data objects' form, the search by the beginning of an AID: 6A88 for nothing found.
fn get_status(store: &Store, command: &Command<'_>, out: &mut Vec<u8>) -> Result<StatusWord, Stop> {
    if command.header.p2 & !1 != 2 {
        return Err(StatusWord::WRONG_P1P2.into());
    }
    let entries = match command.header.p1 {
        0x80 => vec![(AID, store.life_cycle(), DOMAIN_PRIVILEGES)],
        0x40 => {
            let custodian = kept::life_cycle(store.memory());
            vec![(echo::AID, SELECTABLE, [0; 3]), (custodian::AID, custodian, [0; 3])]
        }
        0x20 | 0x10 => Vec::new(),
        _ => return Err(StatusWord::WRONG_P1P2.into()),
    };
    let wanted = tlv::find(command.data, 0x4F).map_err(|_| StatusWord::WRONG_DATA)?;
    // One answer holds the whole list, so there is never a next part.
    let first = command.header.p2 & 1 == 0;
    for (aid, state, privileges) in entries.into_iter().filter(|(aid, ..)| first && aid.starts_with(wanted)) {
        let mut value = Vec::new();
        object(&mut value, 0x4F, aid)?;
        object(&mut value, 0x9F70, &[state])?;
        object(&mut value, 0xC5, &privileges)?;
        object(out, 0xE3, &value)?;
    }
    if out.is_empty() { Err(StatusWord::REFERENCE_NOT_FOUND.into()) } else { Ok(StatusWord::OK) }
}

/// SET STATUS (CS 11.10) of the card, one state forward: 6A86 another scope or a state that there is not, 6985 any other
/// state. This card cannot be locked or terminated: 6985 as well.
fn set_status(store: &mut Store, command: &Command<'_>) -> Result<StatusWord, Stop> {
    match (command.header.p1, command.header.p2) {
        (0x80, state @ (0x07 | 0x0F | 0x7F | 0xFF)) => store.set_life_cycle(state)?,
        _ => return Err(StatusWord::WRONG_P1P2.into()),
    }
    Ok(StatusWord::OK)
}

/// DELETE \[key\] (CS 11.2), whole sets by KVN: 6A88 no such set, 6985 the session's own set or the last one.
fn delete_key(store: &mut Store, session: &OpenSession, command: &Command<'_>) -> Result<StatusWord, Stop> {
    if (command.header.p1, command.header.p2) != (0, 0) {
        return Err(StatusWord::WRONG_P1P2.into());
    }
    let &[0xD2, 1, kvn] = command.data else {
        return Err(StatusWord::WRONG_DATA.into());
    };
    let set = store.find(kvn).ok_or(StatusWord::REFERENCE_NOT_FOUND)?;
    if kvn == session.kvn || store.sets().count() == 1 {
        return Err(StatusWord::CONDITIONS.into());
    }
    store.delete(set.slot)?;
    Ok(StatusWord::OK)
}

/// One data object. The tags are constants, so 6400 never comes.
pub(super) fn object(out: &mut Vec<u8>, tag: u32, value: &[u8]) -> Result<(), Stop> {
    Ok(tlv::push(out, tag, value).map_err(|_| StatusWord(0x6400))?)
}
