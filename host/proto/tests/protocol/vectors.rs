//! Values from other implementations and from NIST; where they come from is in `tests/vectors/README.md`.

use cardwright_proto::apdu::{Command, Response};
use cardwright_proto::block::CmacKey;
use cardwright_proto::scp::kdf::{self, Constant, Context};
use cardwright_proto::scp::scp03::{ChallengeCheck, Open, Scp03};
use cardwright_proto::scp::{Mode, SecurityLevel, SessionCipher, SoftCipher, Token};
use cardwright_proto::status::StatusWord;
use serde::Deserialize;

fn unhex(text: &str) -> Vec<u8> {
    hex::decode(text).unwrap()
}

fn token(text: &str) -> Token {
    Token::new(&unhex(text)).unwrap()
}

#[derive(Deserialize)]
struct KdfRow {
    key: String,
    constant: String,
    context: String,
    out: String,
}

#[derive(Deserialize)]
struct KdfFile {
    rows: Vec<KdfRow>,
}

#[test]
fn scp03_derivation() {
    let file: KdfFile = serde_json::from_str(include_str!("../../../../tests/vectors/scp03_kdf.json")).unwrap();
    assert_eq!(file.rows.len(), 40);
    for row in file.rows {
        let context = unhex(&row.context);
        let (host, card) = context.split_at(context.len() / 2);
        let context = Context::session(&Token::new(host).unwrap(), &Token::new(card).unwrap());
        let expected = unhex(&row.out);
        let mut out = vec![0; expected.len()];
        let constant = Constant::Other(unhex(&row.constant)[0]);
        kdf::derive(&mut CmacKey::new(&unhex(&row.key)).unwrap(), constant, &context, &mut out);
        assert_eq!(out, expected, "constant {}", row.constant);
    }
}

#[test]
fn nist_counter_in_the_middle() {
    let mut cases = 0;
    for line in include_str!("../../../../tests/vectors/nist_kbkdf_cmac_middle.txt").lines() {
        if line.starts_with('#') {
            continue;
        }
        let [prf, _, bits, key, before, after, expected] = line.split(' ').collect::<Vec<_>>()[..] else {
            panic!("{line}");
        };
        let key = unhex(key);
        assert_eq!(prf, format!("AES{}", key.len() * 8));
        let mut out = vec![0; bits.parse::<usize>().unwrap() / 8];
        let mut key = CmacKey::new(&key).unwrap();
        kdf::derive_around(&mut key, &unhex(before), &unhex(after), &mut out);
        assert_eq!(out, unhex(expected), "{line}");
        cases += 1;
    }
    assert_eq!(cases, 120);
}

#[derive(Deserialize)]
struct Misc {
    omfgp: Omfgp,
    delete_level_03: Delete,
}

#[derive(Deserialize)]
struct Omfgp {
    key_all: String,
    context: String,
    s_enc: String,
    s_mac: String,
    s_rmac: String,
    card_cryptogram: String,
    host_cryptogram: String,
    pseudo_random_challenge: PseudoRandom,
}

#[derive(Deserialize)]
struct PseudoRandom {
    key_enc: String,
    counter: String,
    aid: String,
    challenge: String,
}

#[derive(Deserialize)]
struct Delete {
    key_enc: String,
    key_mac: String,
    host_challenge: String,
    init_update_response: String,
    ext_auth_command: String,
    plain: String,
    wrapped: String,
}

fn misc() -> Misc {
    serde_json::from_str(include_str!("../../../../tests/vectors/scp03_misc.json")).unwrap()
}

#[test]
fn session_keys_and_cryptograms() {
    let v = misc().omfgp;
    let (key, context) = (unhex(&v.key_all), unhex(&v.context));
    let context = Context::session(&Token::new(&context[..8]).unwrap(), &Token::new(&context[8..]).unwrap());
    for (constant, expected) in [(Constant::SEnc, &v.s_enc), (Constant::SMac, &v.s_mac), (Constant::SRmac, &v.s_rmac)] {
        let mut out = [0; 16];
        kdf::derive(&mut CmacKey::new(&key).unwrap(), constant, &context, &mut out);
        assert_eq!(out[..], unhex(expected));
    }
    let cryptograms = [(Constant::CardCryptogram, &v.card_cryptogram), (Constant::HostCryptogram, &v.host_cryptogram)];
    for (constant, expected) in cryptograms {
        let mut out = [0; 8];
        kdf::derive(&mut CmacKey::new(&unhex(&v.s_mac)).unwrap(), constant, &context, &mut out);
        assert_eq!(out[..], unhex(expected));
    }
    let mut derived = SoftCipher::derive(&key, &key, &context).unwrap();
    let mut given = SoftCipher::new(&unhex(&v.s_enc), &unhex(&v.s_mac), &unhex(&v.s_rmac)).unwrap();
    assert_eq!(derived.mac(&[b"x"]), given.mac(&[b"x"]));
    assert_eq!(derived.rmac(&[b"x"]), given.rmac(&[b"x"]));
    let (mut a, mut b) = ([1; 32], [1; 32]);
    derived.encrypt([9; 16], &mut a).unwrap();
    given.encrypt([9; 16], &mut b).unwrap();
    assert_eq!(a, b);
}

#[test]
fn pseudo_random_challenge() {
    let v = misc().omfgp.pseudo_random_challenge;
    let mut key = CmacKey::new(&unhex(&v.key_enc)).unwrap();
    let counter = u32::from_str_radix(&v.counter, 16).unwrap();
    assert_eq!(kdf::card_challenge(&mut key, counter, &unhex(&v.aid), Mode::S8), token(&v.challenge));
}

/// Opens a session as a vector has it: every byte that the host sends is compared.
fn open(keys: [&str; 2], start: Scp03Start<'_>, level: u8, ext_auth: &str) -> Open<SoftCipher> {
    let Scp03Start { challenge, kvn, command, response } = start;
    let host = Scp03::start(challenge, kvn);
    if let Some(command) = command {
        assert_eq!(host.command().encode().unwrap(), unhex(command));
    }
    let need_keys = host.receive(Response { data: &unhex(response), sw: StatusWord::OK }).unwrap();
    let cipher = SoftCipher::derive(&unhex(keys[0]), &unhex(keys[1]), &need_keys.context()).unwrap();
    let check = match need_keys.card().counter {
        // The vectors do not name the AID, so the challenge is taken as it is.
        Some(_) => ChallengeCheck::PseudoRandom { expected: need_keys.card().challenge, last_counter: None },
        None => ChallengeCheck::Random,
    };
    let level = SecurityLevel::new(level).unwrap();
    let host = need_keys.authenticate(cipher, check, level).unwrap();
    assert_eq!(host.command().encode().unwrap(), unhex(ext_auth));
    host.receive(Response { data: &[], sw: StatusWord::OK }).unwrap()
}

struct Scp03Start<'a> {
    challenge: Token,
    kvn: u8,
    command: Option<&'a str>,
    response: &'a str,
}

#[test]
fn delete_at_level_03() {
    let v = misc().delete_level_03;
    let challenge = token(&v.host_challenge);
    let start = Scp03Start { challenge, kvn: 0x30, command: None, response: &v.init_update_response };
    let host = open([&v.key_enc, &v.key_mac], start, 0x03, &v.ext_auth_command);
    let mut out = Vec::new();
    host.wrap(&Command::parse(&unhex(&v.plain)).unwrap(), &mut out).unwrap();
    assert_eq!(out, unhex(&v.wrapped));
}

#[derive(Deserialize)]
struct Sessions {
    sessions: Vec<Session>,
}

#[derive(Deserialize)]
struct Session {
    key_enc: String,
    key_mac: String,
    level: String,
    init_update_command: String,
    init_update_response: String,
    ext_auth_command: String,
    exchanges: Vec<Exchange>,
    wrap_only_in_order: Vec<WrapOnly>,
}

#[derive(Deserialize)]
struct Exchange {
    plain: String,
    wrapped: String,
    response: String,
    plain_response: String,
    sw: String,
}

#[derive(Deserialize)]
struct WrapOnly {
    plain: String,
    wrapped: String,
}

#[test]
fn whole_sessions() {
    let file: Sessions = serde_json::from_str(include_str!("../../../../tests/vectors/scp03_sessions.json")).unwrap();
    assert_eq!(file.sessions.len(), 3);
    for v in file.sessions {
        let command = unhex(&v.init_update_command);
        let (challenge, response) = (Token::new(&command[5..13]).unwrap(), &v.init_update_response);
        let start = Scp03Start { challenge, kvn: command[2], command: Some(&v.init_update_command), response };
        let level = unhex(&v.level)[0];
        let mut host = open([&v.key_enc, &v.key_mac], start, level, &v.ext_auth_command);
        let mut out = Vec::new();
        for step in v.exchanges {
            let sent = host.wrap(&Command::parse(&unhex(&step.plain)).unwrap(), &mut out).unwrap();
            assert_eq!(out, unhex(&step.wrapped));
            let mut raw = unhex(&(step.response + &step.sw));
            let (open, response) = sent.unwrap(&mut raw).unwrap();
            assert_eq!((response.data, response.sw), (&unhex(&step.plain_response)[..], StatusWord::OK));
            host = open;
        }
        for step in v.wrap_only_in_order {
            let sent = host.wrap(&Command::parse(&unhex(&step.plain)).unwrap(), &mut out).unwrap();
            assert_eq!(out, unhex(&step.wrapped));
            // An error status word carries no MAC, and the session goes on with chain and counter advanced.
            host = sent.unwrap(&mut [0x6A, 0x88]).unwrap().0;
        }
    }
}

/// Host and card compute cryptograms with one function, and no published session is in S16: so its input is spelled out
/// here (AmdD 4.1.5: label, 00, L = 0040 or 0080, counter 01, both challenges).
#[test]
fn cryptograms_are_over_the_bytes_of_the_standard() {
    let s_mac = [0x4D; 16];
    for (mode, l) in [(Mode::S8, [0x00, 0x40]), (Mode::S16, [0x00, 0x80])] {
        let [host, card] = [0x11, 0x22].map(|byte| Token::cut([byte; 16], mode));
        for (which, constant) in [(Constant::CardCryptogram, 0x00), (Constant::HostCryptogram, 0x01)] {
            let mut input = vec![0; 11];
            input.extend([constant, 0x00, l[0], l[1], 0x01]);
            input.extend([host.bytes(), card.bytes()].concat());
            let expected = CmacKey::new(&s_mac).unwrap().mac(&[&input]);
            let mut cipher = SoftCipher::new(&[0; 16], &s_mac, &[0; 16]).unwrap();
            let got = kdf::cryptogram(&mut cipher, which, &Context::session(&host, &card), mode).unwrap();
            assert_eq!(got.bytes(), &expected[..mode.width()]);
        }
    }
}
