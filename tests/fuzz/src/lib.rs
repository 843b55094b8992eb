//! What each fuzz target does with its bytes. A panic is a finding.

mod ceremony;
mod channel;
mod job;
mod vault;

use cardwright::journal_file::parse_journal;
use cardwright_link::vpcd::frame::{Control, read_frame, write_frame};
use cardwright_proto::apdu::class::Class;
use cardwright_proto::apdu::exchange::{Exchange, Step};
use cardwright_proto::apdu::{Command, Response, chain};
use cardwright_proto::custody::fci::Fci;
use cardwright_proto::custody::get_state::GetState;
use cardwright_proto::custody::read_share::Blocks;
use cardwright_proto::custody::share::ShareObject;
use cardwright_proto::gp::Command as _;
use cardwright_proto::gp::get_data::{Cplc, parse_key_information};
use cardwright_proto::gp::get_status::{GetStatus, Scope};
use cardwright_proto::gp::initialize_update::InitializeUpdate;
use cardwright_proto::gp::put_key::parse_blocks;
use cardwright_proto::gp::select::Select;
use cardwright_proto::scp::Token;
use cardwright_proto::status::StatusWord;
use cardwright_proto::tlv::{self, Items};
pub use ceremony::{plan, transcript};
pub use channel::{unwrap_card, unwrap_host};
pub use job::job_files;
pub use vault::vault_file;

/// A command is parsed, coded again, split; the same bytes, cut in pieces, are a card's answers.
pub fn apdu(data: &[u8]) {
    if let Ok(command) = Command::parse(data) {
        assert_eq!(command.encode().as_deref(), Ok(data));
        let pieces = chain::split(&command);
        assert_eq!(pieces.flat_map(|piece| piece.data.to_vec()).collect::<Vec<_>>(), command.data);
        if let Ok(class) = Class::parse(command.header.cla) {
            assert_eq!(class.byte(), command.header.cla);
        }
        let mut exchange = Exchange::new(&command);
        let mut answer = Vec::new();
        for raw in command.data.chunks(5).cycle().take(600) {
            match exchange.receive(raw, &mut answer) {
                Ok(Step::Done(_)) | Err(_) => break,
                Ok(_) => assert!(answer.len() <= 65_536),
            }
        }
    }
    if let Ok(Response { data: body, sw }) = Response::parse(data) {
        assert_eq!([body, &sw.0.to_be_bytes()].concat(), data);
        let _ = sw.meaning();
    }
}

/// Data objects, and the answers that are made of them.
pub fn tlv(data: &[u8]) {
    for item in Items::new(data).flatten() {
        let mut coded = Vec::new();
        let tag = item.tag.to_bytes().iter().fold(0u32, |n, byte| n << 8 | u32::from(*byte));
        tlv::push(&mut coded, tag, item.value).expect("what was read can be written");
        assert_eq!(tlv::find(&coded, tag), Ok(item.value));
    }
    let _ = parse_key_information(data);
    let _ = parse_blocks(data);
    let _ = Cplc::parse(data);
    let response = Response { data, sw: StatusWord::OK };
    let _ = Select { aid: &[] }.response(response);
    let _ = GetStatus { scope: Scope::Applications, next: false }.response(response);
}

/// What a custodian card answers: its state, and a share in blocks.
pub fn custody(data: &[u8]) {
    let response = Response { data, sw: StatusWord::OK };
    if let Ok(state) = GetState.response(response) {
        let mut coded = Vec::new();
        state.encode_into(&mut coded).expect("what was read can be written");
        assert_eq!(GetState.response(Response { data: &coded, sw: StatusWord::OK }).ok(), Some(state));
    }
    let _ = Fci::parse(data);
    if let Ok(share) = ShareObject::parse(data) {
        assert_eq!(share.encode().as_slice(), data, "a share has one coding");
    }
    let mut blocks = Blocks::default();
    for block in data.chunks(192) {
        match blocks.receive(block) {
            Ok(None) => {}
            Ok(Some(share)) => {
                assert!(data.starts_with(&share.encode()));
                break;
            }
            Err(_) => break,
        }
    }
}

/// An answer to INITIALIZE UPDATE. First byte: bit 01 asks for S16; second: KVN; the rest is the answer.
pub fn init_update(data: &[u8]) {
    let [mode, kvn, data @ ..] = data else { return };
    let challenge = Token::new(&[0xA5; 16][..if mode & 1 == 0 { 8 } else { 16 }]).expect("8 or 16 bytes");
    let initialize = InitializeUpdate { kvn: *kvn, challenge };
    let Ok(card) = initialize.parse(Response { data, sw: StatusWord::OK }) else { return };
    assert!(matches!(card.kvn, 1..=0x7F | 0xFF) && (*kvn == 0 || card.kvn == *kvn));
    assert_eq!(card.counter.is_some(), card.options.pseudo_random());
    let mut coded = Vec::new();
    card.encode_into(&mut coded);
    assert_eq!(coded, data);
}

/// A stream of vpcd frames.
pub fn vpcd_frames(data: &[u8]) {
    let mut stream = data;
    let (mut body, mut coded, mut scratch) = (Vec::new(), Vec::new(), Vec::new());
    while let Ok(true) = read_frame(&mut stream, &mut body) {
        write_frame(&mut coded, &mut scratch, &body).expect("a vector takes everything");
        if let [control] = body[..]
            && let Some(known) = Control::from_byte(control)
        {
            assert_eq!(known.body(), [control]);
        }
    }
    assert!(data.starts_with(&coded), "what was read is written the same way");
}

/// A journal: the bytes as they are, and each line of them with the right check sum in front.
pub fn journal(data: &[u8]) {
    let _ = parse_journal(data);
    let mut lines = Vec::new();
    for line in data.split(|byte| *byte == b'\n') {
        lines.extend_from_slice(format!("{:08x} ", crc32fast::hash(line)).as_bytes());
        lines.extend_from_slice(line);
        lines.push(b'\n');
    }
    let Ok(whole) = parse_journal(&lines) else { return };
    assert_eq!(whole.torn, 0);
    // Killed in the middle of the last append: what was acknowledged before is still there, and nothing else.
    let torn = parse_journal(&lines[..lines.len() - 1]).expect("a torn last line is no damage");
    assert!(torn.torn > 0 && whole.appends.starts_with(&torn.appends));
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    fn replay(name: &str, target: fn(&[u8])) {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(name);
        let files: Vec<_> = std::fs::read_dir(&folder).expect("a corpus").map(|entry| entry.expect("a file")).collect();
        assert!(!files.is_empty(), "{} is empty", folder.display());
        for file in files {
            let data = std::fs::read(file.path()).expect("a readable file");
            if std::panic::catch_unwind(|| target(&data)).is_err() {
                panic!("{} fails", file.path().display());
            }
        }
    }

    #[test]
    fn apdu() {
        replay("apdu", super::apdu);
    }

    #[test]
    fn tlv() {
        replay("tlv", super::tlv);
    }

    #[test]
    fn custody() {
        replay("custody", super::custody);
    }

    #[test]
    fn init_update() {
        replay("init_update", super::init_update);
    }

    #[test]
    fn unwrap_host() {
        replay("unwrap_host", super::unwrap_host);
    }

    #[test]
    fn unwrap_card() {
        replay("unwrap_card", super::unwrap_card);
    }

    #[test]
    fn vpcd_frames() {
        replay("vpcd_frames", super::vpcd_frames);
    }

    #[test]
    fn journal() {
        replay("journal", super::journal);
    }

    #[test]
    fn transcript() {
        replay("transcript", super::transcript);
    }

    #[test]
    fn plan() {
        replay("plan", super::plan);
    }

    #[test]
    fn vault_file() {
        replay("vault_file", super::vault_file);
    }

    #[test]
    fn job_files() {
        replay("job_files", super::job_files);
    }
}
