//! SCP03 from the static keys to commands and answers at level 33, on both sides, and the blocks of PUT KEY.

use crate::checks::{Checks, Expect};
use crate::keys::{bytes, key};
use crate::valgrind::{public, published};
use cardwright_keys::key::{EncKey, MacKey, StaticKeys};
use cardwright_proto::apdu::{Command, Header, Ne, Response};
use cardwright_proto::gp::Command as _;
use cardwright_proto::gp::key::{KeySet, Kvn};
use cardwright_proto::gp::put_key::{BlockForm, PutKey};
use cardwright_proto::scp::card::{CardHello, CardSession};
use cardwright_proto::scp::kdf::Context;
use cardwright_proto::scp::scp03::{ChallengeCheck, NeedKeys, Open, Scp03};
use cardwright_proto::scp::{Mode, Options, SecurityLevel, SoftCipher, Token};
use cardwright_proto::status::StatusWord;

const COUNTER: u32 = 7;
const AID: &[u8] = &[0xA0, 0, 0, 1, 0x51, 0, 0, 0];
const KVN: u8 = 0x30;

const MAC: Expect = Expect::public(1, "the MAC is right or wrong");
/// The length is compared with the data's once more, where the data is cut to it.
const MAC_AND_PADDING: Expect =
    Expect::public(3, "the MAC is right or wrong; so is the padding; how long the data is without it");

pub fn run(checks: &mut Checks) {
    for (len, mode) in [(16, Mode::S8), (24, Mode::S8), (32, Mode::S8), (16, Mode::S16), (32, Mode::S16)] {
        let name = format!("SCP03, AES-{}, {mode:?}", 8 * len);
        let (host, card) = open(checks, &name, len, mode);
        exchange(checks, &name, host, card);
    }
    for len in [16, 24, 32] {
        put_key(checks, len);
    }
}

fn static_keys(len: usize) -> StaticKeys {
    KeySet { enc: key(len), mac: key(len), dek: key(len) }.into()
}

/// What a host and a card with these keys do until the session is open.
fn open(checks: &mut Checks, name: &str, len: usize, mode: Mode) -> (Open<SoftCipher>, CardSession<SoftCipher>) {
    let name = |what| format!("{name}: {what}");
    let host_challenge = Token::cut([0x11; 16], mode);
    let enc = EncKey::new(key(len));
    let challenge = checks.clean(&name("card challenge"), || enc.card_challenge(COUNTER, AID, mode));
    let expected = challenge.expect("a length of keys");
    // The card sends the same.
    let challenge = published(expected);
    let context = Context::session(&host_challenge, &challenge);
    let mac = MacKey::new(key(len));
    checks.clean(&name("S-ENC"), || enc.s_enc(&context)).expect("a length of keys");
    checks.clean(&name("S-MAC and S-RMAC"), || mac.s_macs(&context)).expect("a length of keys");
    let keys = static_keys(len);
    let mut session = || checks.clean(&name("session keys"), || keys.session(&context)).expect("a length of keys");
    let (host_keys, card_keys) = (session(), session());

    let options = Options::new(if mode == Mode::S8 { 0x70 } else { 0x71 }).expect("options of SCP03");
    let hello = CardHello { kdd: [0; 10], kvn: KVN, options, challenge, counter: Some(COUNTER) };
    let mut answer = Vec::with_capacity(64);
    let waiting = checks.clean(&name("card's cryptogram"), || hello.answer(&host_challenge, card_keys, &mut answer));
    public(&mut answer);
    let need_keys = Scp03::start(host_challenge, KVN).receive(Response { data: &answer, sw: StatusWord::OK });
    let need_keys = need_keys.expect("an answer to INITIALIZE UPDATE");
    candidate(checks, &name("a candidate tried"), &need_keys, &keys, &expected);
    let check = ChallengeCheck::PseudoRandom { expected, last_counter: None };
    let verdicts = Expect::public(2, "cryptogram and challenge are right or wrong");
    let authenticate = checks
        .run(&name("host checks the card"), verdicts, || need_keys.authenticate(host_keys, check, SecurityLevel::FULL));
    let authenticate = authenticate.expect("the card's keys");
    let mut sent = authenticate.command().encode().expect("a short command");
    public(&mut sent);
    let command = Command::parse(&sent).expect("a command");
    let verdict = Expect::public(1, "cryptogram and MAC are right or wrong");
    let waiting = waiting.expect("session keys in memory");
    let card = checks.run(&name("card checks the host"), verdict, || waiting.receive(&command));
    let host = authenticate.receive(Response { data: &[], sw: StatusWord::OK });
    (host.expect("accepted"), card.expect("the host's keys"))
}

fn candidate(checks: &mut Checks, name: &str, card: &NeedKeys, keys: &StaticKeys, expected: &Token) {
    let mut cipher = keys.session(&card.context()).expect("a length of keys");
    let found = checks.clean(name, || card.try_keys(&mut cipher, Some(expected)));
    assert!(published(found).expect("session keys in memory").accepted());
}

/// Commands and answers with secrets in them; the last one, on either side, with a MAC that was changed.
fn exchange(checks: &mut Checks, name: &str, mut host: Open<SoftCipher>, mut card: CardSession<SoftCipher>) {
    let name = |what, len| format!("{name}: {what} of {len} bytes");
    for len in [15, 16] {
        let secret = bytes(len);
        let command = Command::new(Header::new(0x80, 0xD8, 0, 0x81), &secret, Some(Ne::SHORT_MAX));
        let mut wire = Vec::with_capacity(256);
        let sent = checks.clean(&name("wrap a command", len), || host.wrap(&command, &mut wire));
        public(&mut wire);
        checks.run(&name("unwrap a command", len), MAC_AND_PADDING, || {
            assert_eq!(published(card.unwrap(&mut wire)).expect("from the host").data.len(), len);
        });
        let mut answer = Vec::with_capacity(256);
        answer.extend_from_slice(&secret);
        checks.clean(&name("wrap an answer", len), || card.wrap(&mut answer, StatusWord::OK)).expect("keys in memory");
        public(&mut answer);
        let back = checks.run(&name("unwrap an answer", len), MAC_AND_PADDING, || {
            let (host, answer) = published(sent.expect("room").unwrap(&mut answer)).expect("from the card");
            assert_eq!(answer.data.len(), len);
            host
        });
        host = back;
    }
    let mut wire = Vec::new();
    let secret = bytes(16);
    let command = Command::new(Header::new(0x80, 0xD8, 0, 0x81), &secret, None);
    let sent = host.wrap(&command, &mut wire).expect("room");
    public(&mut wire);
    let mut answer = bytes(16);
    card.unwrap(&mut wire.clone()).expect("from the host");
    card.wrap(&mut answer, StatusWord::OK).expect("keys in memory");
    public(&mut answer);
    *wire.last_mut().expect("bytes") ^= 1;
    answer[0] ^= 1;
    checks.run(&name("refuse a command", 16), MAC, || assert!(card.unwrap(&mut wire).is_err()));
    checks.run(&name("refuse an answer", 16), MAC, || assert!(sent.unwrap(&mut answer).is_err()));
}

/// Wrapped under a DEK of the same length.
fn put_key(checks: &mut Checks, len: usize) {
    let (current, new) = (static_keys(len), static_keys(len));
    let name = |what| format!("AES-{}: {what}", 8 * len);
    let blocks = checks.clean(&name("PUT KEY blocks"), || current.dek.wrap(&new, BlockForm::WithLength));
    let blocks = blocks.expect("keys of one length");
    checks.clean(&name("PUT KEY command"), || {
        let put_key = PutKey { replace: None, kvn: Kvn::target(KVN).expect("a number of key sets"), blocks };
        put_key.apdu(&mut Vec::new()).encode().expect("a short command")
    });
    checks.clean(&name("check values of a set"), || new.kcvs()).expect("a length of keys");
    let same = static_keys(len);
    let equal = checks.clean(&name("== of sets"), || new == same);
    assert!(published(equal));
}
