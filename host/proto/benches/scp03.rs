//! The host's side of SCP03 against the same crates doing the bare block work on the same bytes.
//!
//! Ours and bare are run in turns, sample by sample, so that a slow moment of the machine hits both. What is compared
//! are medians. The run fails where a ratio is above [`LIMIT`].
#![allow(clippy::unwrap_used, reason = "a benchmark that cannot run says so by stopping")]

use aes::cipher::{Array, BlockCipherEncrypt, BlockModeDecrypt, BlockModeEncrypt, InnerIvInit};
use aes::{Aes128, Block};
use cardwright_proto::apdu::{Command, Header, Ne, Response};
use cardwright_proto::scp::card::{CardHello, CardSession};
use cardwright_proto::scp::kdf::{Constant, Context, label};
use cardwright_proto::scp::scp03::{ChallengeCheck, Open, Scp03};
use cardwright_proto::scp::{Options, SecurityLevel, SoftCipher, Token};
use cardwright_proto::status::StatusWord;
use cmac::{Cmac, KeyInit, Mac};
use criterion::Criterion;
use std::hint::black_box;
use std::process::ExitCode;
use std::time::{Duration, Instant};

/// How many times the bare block work a step may take.
const LIMIT: f64 = 1.5;
const SAMPLES: usize = 401;
/// Operations in a sample.
const BATCH: u64 = 64;

const KEY_ENC: [u8; 16] = [0x41; 16];
const KEY_MAC: [u8; 16] = [0x42; 16];
const HOST: [u8; 8] = [1; 8];
const CARD: [u8; 8] = [2; 8];
const DATA: [u8; 200] = [0x5A; 200];

fn host_token() -> Token {
    Token::new(&HOST).unwrap()
}

fn card_token() -> Token {
    Token::new(&CARD).unwrap()
}

fn session_keys() -> SoftCipher {
    SoftCipher::derive(&KEY_ENC, &KEY_MAC, &Context::session(&host_token(), &card_token())).unwrap()
}

/// The card's answer to INITIALIZE UPDATE, without the status word, and the card waiting for the host.
fn hello() -> (Vec<u8>, cardwright_proto::scp::card::AwaitAuthentication<SoftCipher>) {
    let options = Options::new(0x60).unwrap();
    let hello = CardHello { kdd: [0; 10], kvn: 0x30, options, challenge: card_token(), counter: None };
    let mut answer = Vec::new();
    let waiting = hello.answer(&host_token(), session_keys(), &mut answer).unwrap();
    (answer, waiting)
}

/// A whole handshake on the host, from the challenge to the open session; `sent` holds what goes to the card.
fn handshake(answer: &[u8], sent: &mut Vec<u8>) -> Open<SoftCipher> {
    let start = Scp03::start(host_token(), 0x30);
    sent.clear();
    start.command().encode_into(sent).unwrap();
    let need_keys = start.receive(Response { data: answer, sw: StatusWord::OK }).unwrap();
    let cipher = SoftCipher::derive(&KEY_ENC, &KEY_MAC, &need_keys.context()).unwrap();
    let authenticate = need_keys.authenticate(cipher, ChallengeCheck::Random, SecurityLevel::FULL).unwrap();
    sent.clear();
    authenticate.command().encode_into(sent).unwrap();
    authenticate.receive(Response { data: &[], sw: StatusWord::OK }).unwrap()
}

fn open_pair() -> (Open<SoftCipher>, CardSession<SoftCipher>) {
    let (answer, waiting) = hello();
    let mut sent = Vec::new();
    let host = handshake(&answer, &mut sent);
    (host, waiting.receive(&Command::parse(&sent).unwrap()).unwrap())
}

/// What no host can do without: five key expansions, three derivations, two cryptograms, one C-MAC.
fn bare_handshake() -> (Aes128, [Cmac<Aes128>; 2], [Block; 3]) {
    let mut context = [0; 16];
    context[..8].copy_from_slice(&HOST);
    context[8..].copy_from_slice(&CARD);
    let kdf = |key: &mut Cmac<Aes128>, constant, bits| {
        key.update(&label(constant, bits, 1));
        key.update(&context);
        key.finalize_reset().into_bytes()
    };
    let mut from_enc = <Cmac<Aes128> as KeyInit>::new(&KEY_ENC.into());
    let mut from_mac = <Cmac<Aes128> as KeyInit>::new(&KEY_MAC.into());
    let enc = Aes128::new(&kdf(&mut from_enc, Constant::SEnc, 128));
    let mut mac = <Cmac<Aes128> as KeyInit>::new(&kdf(&mut from_mac, Constant::SMac, 128));
    let rmac = <Cmac<Aes128> as KeyInit>::new(&kdf(&mut from_mac, Constant::SRmac, 128));
    let card = kdf(&mut mac, Constant::CardCryptogram, 64);
    let host = kdf(&mut mac, Constant::HostCryptogram, 64);
    mac.update(&[0; 16]);
    mac.update(&[0x84, 0x82, 0x33, 0, 0x10]);
    mac.update(&host[..8]);
    let chain = mac.finalize_reset().into_bytes();
    (enc, [mac, rmac], [card, host, chain])
}

/// Wrapping a command and unwrapping its answer, 200 bytes each way, at level 33: only the library's part is timed.
fn exchanges(count: u64) -> Duration {
    let command = Command::new(Header::new(0x80, 0xE2, 0, 0), &DATA, Some(Ne::SHORT_MAX));
    let (mut twin, mut card) = open_pair();
    let (mut host, _) = open_pair();
    let mut out = Vec::with_capacity(300);
    let mut spent = Duration::ZERO;
    let mut left = count;
    while left > 0 {
        let batch = left.min(BATCH);
        left -= batch;
        let mut answers = Vec::new();
        for _ in 0..batch {
            let sent = twin.wrap(&command, &mut out).unwrap();
            card.unwrap(&mut out).unwrap();
            let mut answer = DATA.to_vec();
            card.wrap(&mut answer, StatusWord::OK).unwrap();
            twin = sent.unwrap(&mut answer.clone()).unwrap().0;
            answers.push(answer);
        }
        let start = Instant::now();
        for answer in &mut answers {
            let sent = host.wrap(black_box(&command), &mut out).unwrap();
            black_box(&mut out);
            let (open, response) = sent.unwrap(answer).unwrap();
            black_box(response);
            host = open;
        }
        spent += start.elapsed();
        if left > 0 && left.is_multiple_of(1 << 14) {
            (twin, card) = open_pair();
            (host, _) = open_pair();
        }
    }
    spent
}

/// Two counter blocks, CBC both ways over 208 bytes, C-MAC and R-MAC.
fn bare_exchanges(count: u64) -> Duration {
    let (enc, [mut mac, mut rmac], _) = bare_handshake();
    let mut data = [0; 208];
    let start = Instant::now();
    for _ in 0..count {
        let data = black_box(&mut data);
        let (blocks, _) = Array::slice_as_chunks_mut(data);
        let mut iv = Block::default();
        enc.encrypt_block(&mut iv);
        cbc::Encryptor::inner_iv_init(&enc, &iv).encrypt_blocks(blocks);
        mac.update(&iv);
        mac.update(&[0x84, 0xE2, 0, 0, 0xD8]);
        mac.update(data);
        let chain = black_box(mac.finalize_reset().into_bytes());
        rmac.update(&chain);
        rmac.update(data);
        rmac.update(&[0x90, 0]);
        black_box(rmac.finalize_reset().into_bytes());
        let (blocks, _) = Array::slice_as_chunks_mut(data);
        enc.encrypt_block(&mut iv);
        cbc::Decryptor::inner_iv_init(&enc, &iv).decrypt_blocks(blocks);
    }
    start.elapsed()
}

fn handshakes(count: u64) -> Duration {
    let (answer, _) = hello();
    let mut sent = Vec::with_capacity(64);
    let start = Instant::now();
    for _ in 0..count {
        black_box(handshake(black_box(&answer), &mut sent));
    }
    start.elapsed()
}

fn bare_handshakes(count: u64) -> Duration {
    let start = Instant::now();
    for _ in 0..count {
        black_box(bare_handshake());
    }
    start.elapsed()
}

fn median(mut samples: Vec<Duration>) -> f64 {
    samples.sort_unstable();
    samples[samples.len() / 2].as_secs_f64() * 1e6 / f64::from(u32::try_from(BATCH).unwrap())
}

/// Prints one line and says whether the ratio is within [`LIMIT`].
fn compare(name: &str, ours: impl Fn(u64) -> Duration, bare: impl Fn(u64) -> Duration) -> bool {
    let (ours, bare): (Vec<_>, Vec<_>) = (0..SAMPLES).map(|_| (ours(BATCH), bare(BATCH))).unzip();
    let (ours, bare) = (median(ours), median(bare));
    let ratio = ours / bare;
    println!("{name:<44} {ours:>7.3} us   bare {bare:>7.3} us   ratio {ratio:.2} (limit {LIMIT})");
    ratio <= LIMIT
}

fn main() -> ExitCode {
    println!("Medians of {SAMPLES} interleaved samples of {BATCH}:");
    let handshake_ok = compare("handshake, host side", handshakes, bare_handshakes);
    let exchange_ok = compare("wrap + unwrap, 200 bytes each way, level 33", exchanges, bare_exchanges);

    let mut criterion = Criterion::default().configure_from_args();
    criterion.bench_function("scp03/handshake", |b| b.iter_custom(handshakes));
    criterion.bench_function("scp03/wrap_unwrap_200", |b| b.iter_custom(exchanges));
    criterion.final_summary();
    if handshake_ok && exchange_ok { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
