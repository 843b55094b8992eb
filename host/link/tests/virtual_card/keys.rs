//! PUT KEY, DELETE KEY, and what the card tells of itself.

use super::host::{Host, ISD, Keys, Session, block, level, put_key};
use cardwright_proto::apdu::{Command, Header, Ne, Response};
use cardwright_proto::gp::Command as _;
use cardwright_proto::gp::get_data::{Cplc, GetData, Object, parse_key_information};
use cardwright_proto::gp::get_status::{GetStatus, Scope};
use cardwright_proto::gp::key::Kvn;
use cardwright_proto::gp::put_key::{BlockForm, PutKey};
use cardwright_proto::scp::Mode;

fn opened(profile: &str, len: u8) -> (Host, Session, Keys) {
    let mut host = Host::new(profile);
    let keys = Keys::test(len);
    let session = host.open(&keys, 0, Mode::S8, level(0x33)).unwrap();
    (host, session, keys)
}

/// What the key information template lists, asked for on channel 1, so that a session on channel 0 goes on.
fn kvns(host: &mut Host) -> Vec<u8> {
    host.sw("0070 0001");
    let (data, sw) = host.hex("81CA 00E0 00");
    let get = GetData { object: Object::KeyInformation };
    let template = get.response(Response { data: &data, sw: cardwright_proto::status::StatusWord(sw) }).unwrap();
    let mut kvns: Vec<u8> = parse_key_information(&template).unwrap().iter().map(|key| key.kvn.byte()).collect();
    kvns.sort_unstable();
    kvns.dedup();
    kvns
}

#[test]
fn added_sets_replace_the_initial_one_and_the_last_is_the_default() {
    for (word, len) in [("aes128", 16), ("aes192", 24), ("aes256", 32)] {
        let (mut host, mut session, initial) = opened(word, len);
        let (first, second) = (Keys::made(1, len.into()), Keys::made(2, 32));
        let put = put_key(&initial.0.dek, None, 0x30, &first);
        assert_eq!(session.command(&mut host, &put).unwrap(), put.expected());
        assert_eq!(kvns(&mut host), [0x30], "the initial set is gone");
        // The session's keys stay: Key-DEK is still the initial one.
        session.command(&mut host, &put_key(&initial.0.dek, None, 0x31, &second)).unwrap();
        assert_eq!(host.open(&initial, 0xFF, Mode::S8, level(1)).err().unwrap().sw(), 0x6A88);
        host.open(&first, 0x30, Mode::S8, level(0x33)).unwrap();
        host.open(&second, 0, Mode::S8, level(0x33)).unwrap();
        assert_eq!(kvns(&mut host), [0x30, 0x31]);
    }
}

#[test]
fn a_replaced_set_starts_anew() {
    let (mut host, mut session, initial) = opened("tries=3", 16);
    let (old, new) = (Keys::made(1, 16), Keys::made(2, 16));
    session.command(&mut host, &put_key(&initial.0.dek, None, 0x30, &old)).unwrap();
    assert_eq!(host.counter(0x30), 1, "a new set counts from zero");
    let mut session = host.open(&old, 0x30, Mode::S8, level(1)).unwrap();
    session.command(&mut host, &put_key(&old.0.dek, Some(0x30), 0x30, &new)).unwrap();
    assert!(session.command(&mut host, &GetStatus { scope: Scope::IssuerSecurityDomain, next: false }).is_ok());
    assert_eq!(host.counter(0x30), 1);
    assert!(host.open(&old, 0x30, Mode::S8, level(1)).is_err());
    let mut session = host.open(&new, 0x30, Mode::S8, level(0x33)).unwrap();
    session.command(&mut host, &put_key(&new.0.dek, Some(0x30), 0x32, &old)).unwrap();
    assert_eq!(kvns(&mut host), [0x32], "a replacement may have another KVN");
    assert_eq!(host.tries(0x32, Mode::S8), 3);
}

#[test]
fn what_put_key_refuses() {
    let (mut host, mut session, initial) = opened("", 16);
    let dek = &initial.0.dek;
    let keys = Keys::made(1, 16);
    session.command(&mut host, &put_key(dek, None, 0x30, &keys)).unwrap();
    session.command(&mut host, &put_key(dek, None, 0x31, &keys)).unwrap();
    let mut refused = |put: PutKey| session.command(&mut host, &put).unwrap_err().sw();
    assert_eq!(refused(put_key(dek, None, 0x30, &keys)), 0x6A80, "the KVN is taken");
    assert_eq!(refused(put_key(dek, Some(0x30), 0x31, &keys)), 0x6A80, "by another set");
    assert_eq!(refused(put_key(dek, Some(0x32), 0x32, &keys)), 0x6A88, "no such set");
    assert_eq!(refused(put_key(dek, Some(0x30), 0x30, &Keys::made(1, 32))), 0x6A80, "another size");
    assert_eq!(refused(PutKey { kvn: Kvn::INITIAL, ..put_key(dek, None, 0x33, &keys) }), 0x6A80);
    assert_eq!(refused(PutKey { replace: Some(Kvn::INITIAL), ..put_key(dek, None, 0x33, &keys) }), 0x6A86);
    assert_eq!(refused(put_key(&keys.0.dek, None, 0x33, &keys)), 0x9485, "the KCV tells the wrong Key-DEK");
    let mut mixed = put_key(dek, None, 0x33, &keys);
    mixed.blocks.mac = block(dek, &[9; 32], BlockForm::WithLength);
    assert_eq!(refused(mixed), 0x6A80, "one size in a set");
    for kvn in 0x40..0x4E {
        session.command(&mut host, &put_key(dek, None, kvn, &keys)).unwrap();
    }
    let full = put_key(dek, None, 0x4E, &keys);
    assert_eq!(session.command(&mut host, &full).unwrap_err().sw(), 0x6A84);
}

#[test]
fn both_forms_and_the_bare_one_alone() {
    for (profile, form, taken) in [
        ("", BlockForm::WithLength, true),
        ("", BlockForm::Bare, true),
        ("bare", BlockForm::Bare, true),
        ("bare", BlockForm::WithLength, false),
    ] {
        for (word, len) in [("aes128", 16), ("aes192", 24), ("aes256", 32)] {
            let (mut host, mut session, initial) = opened(&format!("{word},{profile}"), len);
            let new = Keys::made(3, len.into());
            let mut put = put_key(&initial.0.dek, None, 0x30, &new);
            put.blocks = new.0.as_ref().map(|key| block(&initial.0.dek, key, form));
            match session.command(&mut host, &put) {
                Ok(echo) => assert!(taken && echo.kcvs == new.kcvs(), "{profile} {word} {form:?}"),
                Err(refused) => assert!(!taken && refused.sw() == 0x6A80, "{profile} {word} {form:?}"),
            }
            assert_eq!(host.open(&new, 0x30, Mode::S8, level(0x33)).is_ok(), taken);
        }
    }
}

#[test]
fn deleting_sets() {
    let (mut host, mut session, initial) = opened("", 16);
    let keys = Keys::made(1, 16);
    session.command(&mut host, &put_key(&initial.0.dek, None, 0x30, &keys)).unwrap();
    assert_eq!(session.delete(&mut host, 0x30).unwrap_err().sw(), 0x6985, "the last one");
    session.command(&mut host, &put_key(&initial.0.dek, None, 0x31, &keys)).unwrap();
    let mut session = host.open(&keys, 0x31, Mode::S8, level(1)).unwrap();
    assert_eq!(session.delete(&mut host, 0x31).unwrap_err().sw(), 0x6985, "the session's own");
    assert_eq!(session.delete(&mut host, 0x32).unwrap_err().sw(), 0x6A88);
    session.delete(&mut host, 0x30).unwrap();
    assert_eq!(kvns(&mut host), [0x31]);
    assert_eq!(host.open(&keys, 0x30, Mode::S8, level(1)).err().unwrap().sw(), 0x6A88);
}

#[test]
fn without_a_session_nothing_changes() {
    let mut host = Host::new("");
    assert_eq!(host.sw("80D8 0081 01 30 00"), 0x6982);
    assert_eq!(host.sw("80E4 0000 03 D20130 00"), 0x6982);
    assert_eq!(host.sw("80F2 8002 02 4F00 00"), 0x6982);
}

#[test]
fn get_status_lists_domain_and_applets() {
    let (mut host, mut session, _) = opened("", 16);
    let domain = session.command(&mut host, &GetStatus { scope: Scope::IssuerSecurityDomain, next: false }).unwrap();
    assert_eq!((domain.entries[0].aid.as_slice(), domain.entries[0].life_cycle), (ISD, 1));
    let applets = session.command(&mut host, &GetStatus { scope: Scope::Applications, next: false }).unwrap();
    let applets: Vec<_> = applets.entries.iter().map(|entry| (entry.aid.as_slice(), entry.life_cycle)).collect();
    assert_eq!(applets, [(super::host::ECHO, 7), (super::host::CUSTODIAN, 7)]);
    let one = [&[0x4F, 7], super::host::CUSTODIAN].concat();
    let one = Command::new(Header::new(0x80, 0xF2, 0x40, 2), &one, Some(Ne::SHORT_MAX));
    let (found, sw) = session.send(&mut host, &one).unwrap();
    assert_eq!((&found[4..11], sw), (super::host::CUSTODIAN, 0x9000), "the search by AID");
    let none = session.command(&mut host, &GetStatus { scope: Scope::LoadFiles, next: false });
    assert_eq!(none.unwrap_err().sw(), 0x6A88);
}

#[test]
fn what_the_card_tells_in_clear() {
    let mut host = Host::new("serial=1234ABCD,kdd=00112233445566778899,i=71");
    let mut get = |object: Object| {
        let (data, sw) = host.hex(&format!("80CA {:04X} 00", object.tag()));
        let sw = cardwright_proto::status::StatusWord(sw);
        GetData { object }.response(Response { data: &data, sw }).unwrap()
    };
    assert_eq!(Cplc::parse(&get(Object::Cplc)).unwrap().chip()[6..10], [0x12, 0x34, 0xAB, 0xCD]);
    assert_eq!(get(Object::Kdd), hex::decode("00112233445566778899").unwrap());
    assert_eq!(get(Object::Cin)[4..], [0x12, 0x34, 0xAB, 0xCD]);
    assert_eq!(get(Object::Iin).len(), 3);
    let card_data = get(Object::CardData);
    assert!(card_data.ends_with(&[0xFC, 0x6B, 4, 3, 0x71]), "{card_data:02X?}");
    assert_eq!(usize::from(card_data[1]), card_data.len() - 2);
    let information = parse_key_information(&get(Object::KeyInformation)).unwrap();
    assert_eq!(
        information.iter().map(|key| (key.id, key.kvn.byte(), key.kind, key.len)).collect::<Vec<_>>(),
        [(1, 0xFF, 0x88, 16), (2, 0xFF, 0x88, 16), (3, 0xFF, 0x88, 16)]
    );
    assert_eq!(host.sw("80CA 00C9 00"), 0x6A88);
}
