//! What goes over the lines to cards, as it is and unwrapped.

use crate::secrets::vault::{TEST, session_keys};
use cardwright_proto::apdu::{Command, Response};
use cardwright_proto::block::AesKey;
use cardwright_proto::gp::initialize_update::InitializeUpdate;
use std::collections::BTreeMap;

const SELECT: u8 = 0xA4;
const INITIALIZE_UPDATE: u8 = 0x50;
const EXTERNAL_AUTHENTICATE: u8 = 0x82;
/// Of S8.
const MAC: usize = 8;

/// All commands and answers.
#[derive(Default)]
pub(super) struct Lines {
    pub(super) count: usize,
    /// One after the other.
    pub(super) raw: Vec<u8>,
    /// The same, and what was encrypted in them.
    pub(super) plain: Vec<u8>,
    /// How many were encrypted.
    pub(super) unwrapped: usize,
    /// The host's and the card's, of each session that was begun.
    pub(super) challenges: Vec<[Vec<u8>; 2]>,
    /// The last card, and the header of its last command.
    pub(super) last: String,
    sessions: BTreeMap<String, Session>,
}

/// A card's session, as somebody sees it who has its static keys: the public test keys.
#[derive(Default)]
enum Session {
    #[default]
    Closed,
    Begun(Vec<u8>, Vec<u8>),
    /// S-ENC, and how many commands there were in it.
    Open(AesKey, u32),
}

impl Lines {
    pub(super) fn add(&mut self, card: &str, (command, answer): (&[u8], &[u8])) {
        self.count += 1;
        self.last = format!("card {card} at {}", hex::encode_upper(&command[..4]));
        self.challenges.extend(challenges(command, answer));
        let session = self.sessions.entry(card.to_owned()).or_default();
        for bytes in session.unwrap(command, answer) {
            self.unwrapped += 1;
            self.plain.extend(bytes);
        }
        for all in [&mut self.raw, &mut self.plain] {
            all.extend_from_slice(command);
            all.extend_from_slice(answer);
        }
    }
}

/// Those of a session that begins here.
fn challenges(command: &[u8], answer: &[u8]) -> Option<[Vec<u8>; 2]> {
    let request = InitializeUpdate::from_command(&Command::parse(command).ok()?)?;
    let answer = request.parse(Response::parse(answer).ok()?).ok()?;
    Some([request.challenge.bytes().to_vec(), answer.challenge.bytes().to_vec()])
}

impl Session {
    /// What was encrypted in a command and in its answer.
    fn unwrap(&mut self, command: &[u8], answer: &[u8]) -> Vec<Vec<u8>> {
        let good = answer.ends_with(&[0x90, 0]);
        match (std::mem::take(self), command[1]) {
            (_, INITIALIZE_UPDATE) if command[0] & 4 == 0 => *self = Self::Begun(command.to_vec(), answer.to_vec()),
            (Self::Begun(command, answer), EXTERNAL_AUTHENTICATE) if good => {
                let [enc, ..] = session_keys(&[(command, answer)], TEST, TEST);
                *self = Self::Open(AesKey::new(&enc.raw).expect("16 bytes"), 0);
            }
            (Self::Open(enc, count), _) if command[0] & 4 != 0 => {
                let count = count + 1;
                let data = Command::parse(command).expect("a command").data;
                let both = [(0, data), (0x80, &answer[..answer.len() - 2])];
                let plain = both.into_iter().filter(|(_, data)| data.len() > MAC).map(|(direction, data)| {
                    let mut iv = [0; 16];
                    iv[12..].copy_from_slice(&count.to_be_bytes());
                    iv[0] = direction;
                    enc.encrypt_block(&mut iv);
                    let mut data = data[..data.len() - MAC].to_vec();
                    enc.cbc_decrypt(&iv, &mut data);
                    data
                });
                let plain = plain.collect();
                *self = Self::Open(enc, count);
                return plain;
            }
            (open, ins) if ins != SELECT => *self = open,
            _ => {}
        }
        Vec::new()
    }
}
