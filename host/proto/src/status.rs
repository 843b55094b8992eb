//! Status words and what they mean (ISO/IEC 7816-4 5.6, CS 11.1.3; 6601 to 660E: `docs/protocol/custody-objects.md`).

use core::fmt;

/// The two bytes that end every response, SW1 first.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct StatusWord(pub u16);

impl StatusWord {
    /// Done.
    pub const OK: Self = Self(0x9000);
    /// EXTERNAL AUTHENTICATE: the host cryptogram is wrong. It has cost a try.
    pub const AUTHENTICATION_FAILED: Self = Self(0x6300);
    /// Custodian: a signature is not good, or is not over what it would have to be.
    pub const BAD_SIGNATURE: Self = Self(0x6601);
    /// Custodian: a certificate's signature is not good under the CA's key on the card.
    pub const BAD_CERTIFICATE: Self = Self(0x6602);
    /// Custodian: a certificate lacks the role.
    pub const WRONG_ROLE: Self = Self(0x6603);
    /// Custodian: the statement is of another manifest.
    pub const OTHER_MANIFEST: Self = Self(0x6604);
    /// Custodian: another certificate or key than the manifest, or the card, has.
    pub const OTHER_CERTIFICATE: Self = Self(0x6605);
    /// Custodian: a box or the list of box hashes is not the statement's.
    pub const OTHER_BOX: Self = Self(0x6606);
    /// Custodian: a box's tag is wrong.
    pub const BOX_TAG: Self = Self(0x6607);
    /// Custodian: what is in a box does not fit its commitment.
    pub const BOX_CONTENT: Self = Self(0x6608);
    /// Custodian: the check value is another.
    pub const OTHER_KCV: Self = Self(0x6609);
    /// Custodian: the sequence is not higher.
    pub const OLD_SEQUENCE: Self = Self(0x660A);
    /// Custodian: the CA has certified this key already.
    pub const CERTIFIED_BEFORE: Self = Self(0x660B);
    /// Custodian: the share is of another generation.
    pub const OTHER_GENERATION: Self = Self(0x660C);
    /// Custodian: the manifest does not fit the share.
    pub const OTHER_SHARE: Self = Self(0x660D);
    /// Custodian: the drill is not complete.
    pub const DRILL_INCOMPLETE: Self = Self(0x660E);
    /// Wrong length.
    pub const WRONG_LENGTH: Self = Self(0x6700);
    /// The logical channel is not supported.
    pub const CHANNEL_NOT_SUPPORTED: Self = Self(0x6881);
    /// Secure messaging is not supported, or no session is open.
    pub const SECURE_MESSAGING_NOT_SUPPORTED: Self = Self(0x6882);
    /// Command chaining: the last command of the chain was expected.
    pub const LAST_OF_CHAIN_EXPECTED: Self = Self(0x6883);
    /// A security check failed.
    pub const SECURITY_STATUS: Self = Self(0x6982);
    /// Authentication is blocked: no tries are left.
    pub const BLOCKED: Self = Self(0x6983);
    /// Not now: a condition of use is not met.
    pub const CONDITIONS: Self = Self(0x6985);
    /// Secure messaging objects are missing.
    pub const SM_OBJECT_MISSING: Self = Self(0x6987);
    /// Secure messaging objects are wrong.
    pub const SM_OBJECT_WRONG: Self = Self(0x6988);
    /// The data field is wrong.
    pub const WRONG_DATA: Self = Self(0x6A80);
    /// The function is not supported.
    pub const FUNCTION_NOT_SUPPORTED: Self = Self(0x6A81);
    /// An application or file was not found.
    pub const NOT_FOUND: Self = Self(0x6A82);
    /// There is not enough memory.
    pub const NO_MEMORY: Self = Self(0x6A84);
    /// P1 or P2 is wrong.
    pub const WRONG_P1P2: Self = Self(0x6A86);
    /// Referenced data (a key, a tag) was not found.
    pub const REFERENCE_NOT_FOUND: Self = Self(0x6A88);
    /// The instruction is not known.
    pub const INS_NOT_SUPPORTED: Self = Self(0x6D00);
    /// The class is not known.
    pub const CLA_NOT_SUPPORTED: Self = Self(0x6E00);

    /// SW1, the class of the answer.
    #[must_use]
    pub const fn sw1(self) -> u8 {
        self.0.to_be_bytes()[0]
    }

    /// SW2, its detail.
    #[must_use]
    pub const fn sw2(self) -> u8 {
        self.0.to_be_bytes()[1]
    }

    /// 9000.
    #[must_use]
    pub const fn is_ok(self) -> bool {
        self.0 == 0x9000
    }

    /// 62xx and 63xx: carried out, with something to say.
    #[must_use]
    pub const fn is_warning(self) -> bool {
        matches!(self.sw1(), 0x62 | 0x63)
    }

    /// Whether a response with this status word carries an R-MAC when the session asks for one (AmdD 6.2.5):
    /// 9000, 62xx and 63xx do, errors do not.
    #[must_use]
    pub const fn carries_rmac(self) -> bool {
        self.is_ok() || self.is_warning()
    }

    /// Whether the card ends a secure channel session with this answer (CS 10.2.3): 6982, 6987, 6988.
    #[must_use]
    pub const fn ends_session(self) -> bool {
        matches!(self, Self::SECURITY_STATUS | Self::SM_OBJECT_MISSING | Self::SM_OBJECT_WRONG)
    }

    /// The status word with its meaning behind it in brackets, for messages.
    pub fn described(self) -> impl fmt::Display {
        struct Described(StatusWord);
        impl fmt::Display for Described {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{} ({})", self.0, self.0.meaning().unwrap_or("no standard meaning"))
            }
        }
        Described(self)
    }

    /// What the status word says, in words; `None` where nobody assigns a meaning.
    #[must_use]
    pub fn meaning(self) -> Option<&'static str> {
        EXACT.iter().find(|(sw, _)| *sw == self.0).map(|(_, text)| *text).or(match self.sw1() {
            0x61 => Some("more data to fetch (SW2 bytes)"),
            0x62 => Some("warning: memory unchanged"),
            0x63 if self.sw2() & 0xF0 == 0xC0 => Some("warning: tries left in the last digit"),
            0x63 => Some("warning: memory changed"),
            0x64 => Some("execution error: memory unchanged"),
            0x65 => Some("execution error: memory changed"),
            0x66 => Some("security-related issue"),
            0x67 => Some("wrong length"),
            0x68 => Some("function in CLA not supported"),
            0x69 => Some("command not allowed"),
            0x6A => Some("wrong parameters"),
            0x6C => Some("wrong Le: SW2 is the right one"),
            _ => None,
        })
    }
}

const EXACT: &[(u16, &str)] = &[
    (0x9000, "done"),
    (0x6200, "warning: memory unchanged"),
    (0x6283, "card locked"),
    (0x6285, "selected in termination state"),
    (0x6300, "authentication of the host failed"),
    (0x6310, "more data available"),
    (0x6400, "no specific diagnosis"),
    (0x6581, "memory failure"),
    (0x6601, "a signature is not good, or over something else"),
    (0x6602, "a certificate is not signed by this card's CA"),
    (0x6603, "a certificate lacks the role"),
    (0x6604, "the statement is of another manifest"),
    (0x6605, "another certificate or key than the manifest, or the card, has"),
    (0x6606, "a box or the list of boxes is not the statement's"),
    (0x6607, "a box was changed, or is for another card, index, manifest or offer"),
    (0x6608, "what is in a box does not fit its commitment"),
    (0x6609, "the key has another check value"),
    (0x660A, "the manifest's sequence is not higher than the last one's"),
    (0x660B, "the CA has certified this key already"),
    (0x660C, "the share is of another generation"),
    (0x660D, "the manifest does not fit the share"),
    (0x660E, "the drill is not complete"),
    (0x6700, "wrong length"),
    (0x6881, "logical channel not supported or not active"),
    (0x6882, "secure messaging not supported"),
    (0x6883, "last command of the chain expected"),
    (0x6884, "command chaining not supported"),
    (0x6981, "command incompatible with file structure"),
    (0x6982, "security status not satisfied"),
    (0x6983, "authentication method blocked"),
    (0x6984, "reference data not usable"),
    (0x6985, "conditions of use not satisfied"),
    (0x6986, "command not allowed (no current file)"),
    (0x6987, "secure messaging data objects missing"),
    (0x6988, "secure messaging data objects incorrect"),
    (0x6999, "applet selection failed"),
    (0x6A80, "wrong data"),
    (0x6A81, "function not supported, or card locked"),
    (0x6A82, "application or file not found"),
    (0x6A84, "not enough memory"),
    (0x6A86, "incorrect P1 or P2"),
    (0x6A88, "referenced data not found"),
    (0x6B00, "wrong P1 or P2"),
    (0x6D00, "instruction not supported"),
    (0x6E00, "class not supported"),
    (0x6F00, "no precise diagnosis"),
    (0x9484, "algorithm not supported"),
    (0x9485, "invalid key check value"),
];

impl fmt::Display for StatusWord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04X}", self.0)
    }
}

impl fmt::Debug for StatusWord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "StatusWord({self})")
    }
}

impl From<[u8; 2]> for StatusWord {
    fn from(bytes: [u8; 2]) -> Self {
        Self(u16::from_be_bytes(bytes))
    }
}
