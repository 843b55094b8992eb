//! The canonical text.

use super::{NOON, filed, name, operation, public, request, signing};
use crate::approval::{Approval, Filed, Nonce, Operation, PublicKey, REASON_MAX, Request, reason, time};
use crate::lifecycle::Act;
use ed25519_dalek::Signer;
use proptest::prelude::{Strategy, any, proptest};
use proptest::{option, prop_assert, prop_assert_eq, prop_oneof, sample};

const TEXT: &str = "cardwright request 1\n\
    operation: destroy\n\
    key: vault:office/kmc:2\n\
    which is: AES 8BAF47\n\
    steps so far: 3\n\
    history: c4c4c4c4c4c4c4c4c4c4c4c4c4c4c4c4c4c4c4c4c4c4c4c4c4c4c4c4c4c4c4c4\n\
    reason: the cards of this year have expired\n\
    requested by: anna\n\
    requested at: 2026-11-22T12:00:00Z\n\
    request: 17171717171717171717171717171717\n";

/// Written down, for what was signed once has to be readable for ever.
#[test]
fn these_are_the_words() {
    assert_eq!(request().text(), TEXT);
    assert_eq!(Request::parse(TEXT), Ok(request()));
    let due = Request { operation: Operation { not_before: Some(NOON), ..operation() }, ..request() };
    let line = "not before: 2026-11-22T12:00:00Z\nreason: ";
    assert_eq!(due.text(), TEXT.replace("reason: ", line));
    assert_eq!(Request::parse(&due.text()), Ok(due));
}

#[test]
fn these_are_the_bytes_under_the_signatures() {
    let asked = [b"cardwright: I request\0", TEXT.as_bytes()].concat();
    assert_eq!(Filed::message(TEXT), asked);
    let by = "approved by: ben\napproved at: 2026-11-22T12:00:00Z\n";
    let approved = [b"cardwright: I approve\0", TEXT.as_bytes(), by.as_bytes()].concat();
    assert_eq!(Approval::message(TEXT, &name("ben"), NOON), approved);
}

#[test]
fn no_other_form_is_read() {
    let refused = |from: &str, to: &str| {
        assert!(TEXT.contains(from), "{from}");
        let text = TEXT.replacen(from, to, 1);
        assert!(Request::parse(&text).is_err(), "{text}");
    };
    refused("request 1", "request 2");
    refused("key: vault:office/kmc:2", "key: vault:office/kmc");
    refused("key: vault:office/kmc:2", "key: vault:office/kmc:02");
    refused("key: vault:office/kmc:2", "key: kdf3+vault:office/kmc:2");
    refused("key: vault:office/kmc:2", "key: vault:office/kmc:2@0x30");
    refused("key: vault:office/kmc:2", "key: file:kmc");
    refused("far: 3", "far: +3");
    refused("far: 3", "far: 03");
    refused("history: c4", "history: C4");
    refused("request: 17", "request: 1");
    refused("T12:00:00Z", "T12:00:00.0Z");
    refused("T12:00:00Z", "T13:00:00+01:00");
    refused("T12:00:00Z", "t12:00:00z");
    refused("2026-11-22T", "1926-11-22T");
    refused("reason: ", "reason:  ");
    refused("\nreason", "\r\nreason");
    refused("reason: the", "reason: \u{202E}the");
    refused("which is: AES", "which is: \u{1b}[2JAES");
    // A line missing, twice, in another place, behind the end.
    refused("steps so far: 3\n", "");
    refused("steps so far: 3\n", "steps so far: 3\nsteps so far: 3\n");
    refused("operation: destroy\nkey: vault:office/kmc:2\n", "key: vault:office/kmc:2\noperation: destroy\n");
    refused("1717\n", "1717\n\n");
    refused("1717\n", "1717");
    refused("1717\n", "1717\nrequest: 17171717171717171717171717171717\n");
}

/// Line ends in a field would let one request read as another.
#[test]
fn a_field_cannot_add_a_line() {
    let mut forged = request();
    forged.operation.what = "AES 8BAF47\nsteps so far: 9".to_owned();
    assert!(Request::parse(&forged.text()).is_err());
    let mut forged = request();
    forged.reason = "why not\nrequested by: ben".to_owned();
    assert!(Request::parse(&forged.text()).is_err());
}

#[test]
fn a_reason_is_one_plain_line() {
    for good in ["", "r\u{e4}umt auf", "\u{5e9}\u{5dc}\u{5d5}\u{5dd}", &"x".repeat(REASON_MAX)] {
        assert_eq!(reason(good), Ok(good));
    }
    for bad in
        [" x", "x ", "a\nb", "a\rb", "a\tb", "a\0b", "\u{1b}[31m", "\u{7f}", "\u{85}", &"x".repeat(REASON_MAX + 1)]
    {
        assert!(reason(bad).is_err(), "{bad:?}");
    }
    // Direction marks, line ends that only Unicode knows, and what has no width.
    let marks = "\u{AD}\u{61C}\u{180E}\u{200B}\u{200E}\u{200F}\u{2028}\u{2029}\u{202A}\u{202E}\u{2060}\u{2066}\u{2069}\u{206F}\
        \u{FEFF}\u{FFF9}\u{E0001}\u{E0041}";
    for mark in marks.chars() {
        assert!(reason(&format!("a{mark}b")).is_err(), "{}", mark.escape_unicode());
    }
}

#[test]
fn times_beyond_the_calendar_are_no_times() {
    assert_eq!(time(NOON), "2026-11-22T12:00:00Z");
    for at in [u64::MAX, i64::MAX.unsigned_abs(), 253_402_300_800] {
        assert!(Request::parse(&Request { at, ..request() }.text()).is_err(), "{at}");
    }
}

/// Every key signs in one form only: small-order points sign everything, and other bytes for one point would be two keys.
#[test]
fn weak_public_keys_are_refused() {
    // The eight points of small order, and their other encodings (RFC 8032, 5.1.3; 2^255 - 19 in bytes is ED FF .. 7F).
    for hex in [
        "0100000000000000000000000000000000000000000000000000000000000000",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "0000000000000000000000000000000000000000000000000000000000000080",
        "0000000000000000000000000000000000000000000000000000000000000000",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
        "0100000000000000000000000000000000000000000000000000000000000080",
        "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
    ] {
        assert!(format!("ed25519:{hex}").parse::<PublicKey>().is_err(), "{hex}");
    }
    // y = p + 3 is y = 3, a point like any other, written in a second form.
    let mut bytes = [0xFF; 32];
    (bytes[0], bytes[31]) = (0xED + 3, 0x7F);
    let mut canonical = [0; 32];
    canonical[0] = 3;
    assert!(PublicKey::new(&canonical).is_ok());
    assert!(PublicKey::new(&bytes).is_err());
    // No point at all; and text that is none.
    let mut off = [0; 32];
    off[0] = 2;
    assert!(PublicKey::new(&off).is_err());
    let good = public("anna").to_string();
    assert_eq!(good.parse(), Ok(public("anna")));
    for bad in
        [&good[..good.len() - 1], &good["ed25519:".len()..], "ed25519:", "", &format!("{good}00"), &format!(" {good}")]
    {
        assert!(bad.parse::<PublicKey>().is_err(), "{bad}");
    }
}

/// S + L signs the same for whoever does not look (RFC 8032, 5.1.7).
#[test]
fn a_signature_has_one_form() {
    const L: [u8; 32] =
        *b"\xed\xd3\xf5\x5c\x1a\x63\x12\x58\xd6\x9c\xf7\xa2\xde\xf9\xde\x14\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x10";
    let message = Filed::message(TEXT);
    let mut signature = signing("anna").sign(&message).to_bytes();
    assert!(public("anna").signed(&message, &signature));
    let mut carry = 0;
    for (byte, l) in signature[32..].iter_mut().zip(L) {
        let sum = u16::from(*byte) + u16::from(l) + carry;
        (*byte, carry) = ((sum & 0xFF) as u8, sum >> 8);
    }
    assert!(!public("anna").signed(&message, &signature));
}

fn plain() -> impl Strategy<Value = String> {
    prop_oneof!["[a-zA-Z0-9 :.,=-]{0,40}", "\\PC{0,60}"]
        .prop_map(|text: String| text.trim().to_owned())
        .prop_filter("a reason", |text| reason(text).is_ok())
}

fn requests() -> impl Strategy<Value = Request> {
    let seconds = || 0_u64..=253_402_300_799 - 86_400;
    let name = || "[A-Za-z0-9][A-Za-z0-9._-]{0,20}";
    let key = (name(), name(), 1_u32..).prop_map(|(vault, key, version)| format!("{vault}/{key}:{version}").parse());
    let key = key.prop_filter_map("a key", Result::ok);
    let operation =
        (sample::select(&Act::ALL[..]), key, plain(), any::<u64>(), any::<[u8; 32]>(), option::of(seconds()));
    let operation = operation.prop_map(|(act, key, what, steps, head, not_before)| Operation {
        act,
        key,
        what,
        steps,
        head,
        not_before,
    });
    (operation, plain(), name(), seconds(), any::<[u8; 16]>()).prop_map(|(operation, reason, requester, at, nonce)| {
        Request { operation, reason, requester: requester.parse().unwrap(), at, nonce: Nonce(nonce) }
    })
}

proptest! {
    #[test]
    fn a_request_reads_as_it_was_written(request in requests()) {
        let text = request.text();
        let read = Request::parse(&text);
        prop_assert_eq!(read.as_ref(), Ok(&request));
        prop_assert_eq!(read.unwrap().text(), text);
    }

    /// It is no request any more, or another one; what was signed before signs neither.
    #[test]
    fn one_byte_is_another_request(request in requests(), at in any::<sample::Index>(), flip in 1_u8..) {
        let filed = filed(&Request { requester: name("anna"), ..request });
        let mut bytes = filed.text.clone().into_bytes();
        let at = at.index(bytes.len());
        bytes[at] ^= flip;
        if let Ok(changed) = String::from_utf8(bytes) {
            prop_assert!(Request::parse(&changed) != Request::parse(&filed.text));
            prop_assert!(!public("anna").signed(&Filed::message(&changed), &filed.signature));
        }
    }

    #[test]
    fn whatever_is_read_would_be_written_so(text in "\\PC{0,80}", cut in any::<sample::Index>()) {
        let (before, after) = TEXT.split_at(cut.index(TEXT.len()));
        let text = format!("{before}{text}{after}");
        if let Ok(request) = Request::parse(&text) {
            prop_assert_eq!(request.text(), text);
        }
    }
}
