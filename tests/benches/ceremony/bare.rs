//! The same work without a ceremony around it.

use crate::meter::Sums;
use cardwright::world::{Entropy, Os};
use cardwright_keys::custody::signing::KeyPair;
use cardwright_link::Transport;
use cardwright_proto::block::AesKey;
use cardwright_tests::host::ECHO;
use std::fs::File;
use std::hint::black_box;
use std::io::Write;
use std::path::Path;
use std::time::Instant;

/// Milliseconds for what the cards compute on P-256, the host's check of each signature as it is written down and once
/// more at the end, the AES blocks of both ends, and the lines of the transcript, each durable before the next.
pub(crate) fn work(sums: &Sums, transcript: &[u8]) -> f64 {
    let dir = tempfile::TempDir::new_in(env!("CARGO_TARGET_TMPDIR")).expect("a directory");
    let new = || KeyPair::generate(|bytes| Os.fill(bytes)).expect("randomness");
    let (own, other, message) = (new(), new(), [0x5A; 128]);
    let signature = own.sign(&message).to_der();
    let aes = AesKey::new(&[0x40; 16]).expect("a key");
    let mut blocks = vec![0; usize::try_from(2 * 16 * sums.blocks).expect("some")];
    let started = Instant::now();
    (0..sums.key_pairs).for_each(|_| drop(black_box(new())));
    (0..sums.agreements).for_each(|_| drop(black_box(own.agree(other.public()))));
    (0..sums.signatures).for_each(|_| drop(black_box(own.sign(&message).to_der())));
    for _ in 0..sums.checks + 2 * sums.signatures {
        own.public().verify(&message, &signature).expect("a good signature");
    }
    aes.cbc_encrypt(&[0; 16], black_box(&mut blocks));
    append(&dir.path().join("transcript"), transcript);
    started.elapsed().as_secs_f64() * 1e3
}

fn append(path: &Path, transcript: &[u8]) {
    let mut file = File::create_new(path).expect("a file");
    for line in transcript.split_inclusive(|byte| *byte == b'\n') {
        file.write_all(line).and_then(|()| file.sync_data()).expect("on disk");
    }
}

/// Milliseconds for as many resets, and commands and bytes, both ways together, which the echo applet answers in clear.
pub(crate) fn transport(mut card: impl Transport, resets: u64, exchanges: &[(usize, usize)]) -> f64 {
    let mut answer = Vec::new();
    let select = [&[0, 0xA4, 4, 0, 7][..], ECHO].concat();
    let started = Instant::now();
    (0..resets).for_each(|_| card.reset().expect("power"));
    card.transmit(&select, &mut answer).expect("selected");
    for (command, response) in exchanges {
        // Header, Lc and Le; the status word.
        let len = ((command + response).saturating_sub(8) / 2).clamp(1, 255);
        let lc = u8::try_from(len).expect("short");
        let echo = [&[0x80, 0xEC, 0, 0, lc][..], &[0x5A; 255][..len], &[0]].concat();
        card.transmit(&echo, &mut answer).expect("an answer");
        assert_eq!(answer.len(), len + 2);
    }
    started.elapsed().as_secs_f64() * 1e3
}
