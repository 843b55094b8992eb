//! The text behind `sim:`: which card is wanted.

use crate::LinkError;
use cardwright_proto::gp::key::Kvn;
use cardwright_proto::scp::Options;
use std::path::PathBuf;

/// Every word that there is, for the error about one that there is not.
const WORDS: &str = "aes128, aes192, aes256, s8, s16, i=HEX, kvn=N, tries=N, kdd=HEX, serial=HEX, custodian=HEX, state=PATH, seed=HEX, \
     bare";

/// What makes a card the one it is: fixed when it is made, kept in its memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Identity {
    pub(super) options: Options,
    /// Of the initial key set.
    pub(super) kvn: u8,
    /// Of the initial keys, in bytes.
    pub(super) key_len: u8,
    /// Authentications that may fail in a row.
    pub(super) tries: u8,
    /// PUT KEY without the clear length byte only.
    pub(super) bare: bool,
    pub(super) kdd: [u8; 10],
    pub(super) serial: [u8; 4],
}

/// The words of a profile; `None` where the text is silent.
#[derive(Debug, Default)]
pub(super) struct Profile {
    i: Option<u8>,
    s16: Option<bool>,
    kvn: Option<u8>,
    key_len: Option<u8>,
    tries: Option<u8>,
    bare: Option<bool>,
    kdd: Option<[u8; 10]>,
    serial: Option<[u8; 4]>,
    /// Identity of the custodian applet.
    pub(super) custodian: Option<[u8; 8]>,
    pub(super) state: Option<PathBuf>,
    pub(super) seed: Option<Vec<u8>>,
}

impl Profile {
    /// Reads the text behind `sim:`.
    pub(super) fn parse(text: &str) -> Result<Self, LinkError> {
        let uri = |reason: String| LinkError::Uri { uri: format!("sim:{text}"), reason };
        let mut profile = Self::default();
        for word in text.split(',').map(str::trim).filter(|word| !word.is_empty()) {
            profile.word(word).map_err(uri)?;
        }
        profile.options().map_err(uri)?;
        Ok(profile)
    }

    /// The same card with this serial, which its diversification data ends with. Words that would make two cards of one
    /// are refused.
    pub(super) fn with_serial(mut self, text: &str, serial: u32) -> Result<Self, LinkError> {
        if self.serial.is_some() || self.custodian.is_some() || self.state.is_some() {
            let reason = "each card of a deck has its own serial, custodian and state".to_owned();
            return Err(LinkError::Uri { uri: format!("sim:{text}"), reason });
        }
        let serial = serial.to_be_bytes();
        if let Some(kdd) = &mut self.kdd {
            kdd[6..].copy_from_slice(&serial);
        }
        self.serial = Some(serial);
        Ok(self)
    }

    fn word(&mut self, word: &str) -> Result<(), String> {
        let (name, value) = word.split_once('=').map_or((word, None), |(name, value)| (name, Some(value)));
        match (name, value) {
            ("aes128", None) => once(&mut self.key_len, word, 16),
            ("aes192", None) => once(&mut self.key_len, word, 24),
            ("aes256", None) => once(&mut self.key_len, word, 32),
            ("s8", None) => once(&mut self.s16, word, false),
            ("s16", None) => once(&mut self.s16, word, true),
            ("bare", None) => once(&mut self.bare, word, true),
            ("i", Some(value)) => once(&mut self.i, word, bytes::<1>(word, value)?[0]),
            ("kvn", Some(value)) => once(&mut self.kvn, word, kvn(value)?),
            ("tries", Some(value)) => once(&mut self.tries, word, tries(value)?),
            ("kdd", Some(value)) => once(&mut self.kdd, word, bytes(word, value)?),
            ("serial", Some(value)) => once(&mut self.serial, word, bytes(word, &format!("{value:0>8}"))?),
            ("custodian", Some(value)) => once(&mut self.custodian, word, bytes(word, value)?),
            ("state", Some(value)) if !value.is_empty() => once(&mut self.state, word, value.into()),
            ("seed", Some(value)) => {
                once(&mut self.seed, word, hex::decode(value).map_err(|error| format!("`{word}`: {error}"))?)
            }
            _ => Err(format!("`{word}` is no word of a card profile; there are: {WORDS}")),
        }
    }

    /// "i" as the words say, taken together; 70 where they say nothing.
    fn options(&self) -> Result<Options, String> {
        let i = match (self.i, self.s16) {
            (Some(i), Some(s16)) if (i & 1 == 1) != s16 => {
                return Err(format!("i={i:02X} and {} contradict each other", if s16 { "s16" } else { "s8" }));
            }
            (Some(i), _) => i,
            (None, s16) => 0x70 | u8::from(s16 == Some(true)),
        };
        Options::new(i).map_err(|error| error.to_string())
    }

    /// A new card's identity.
    pub(super) fn identity(&self) -> Result<Identity, LinkError> {
        let options = self.options().map_err(LinkError::CardState)?;
        let serial = match self.serial {
            Some(serial) => serial,
            None if self.seed.is_some() => [0, 0, 0, 1],
            // Two cards with one identity would look to a host like one that was rolled back.
            None => random_serial()?,
        };
        let kdd = self.kdd.unwrap_or_else(|| {
            let mut kdd = *b"CWRT\0\0\0\0\0\0";
            kdd[6..].copy_from_slice(&serial);
            kdd
        });
        Ok(Identity {
            options,
            kvn: self.kvn.unwrap_or(Kvn::INITIAL.byte()),
            key_len: self.key_len.unwrap_or(16),
            tries: self.tries.unwrap_or(10),
            bare: self.bare.unwrap_or(false),
            kdd,
            serial,
        })
    }

    /// Whether a card that exists already is the one that the words describe.
    pub(super) fn describes(&self, card: &Identity) -> Result<(), LinkError> {
        let differs = [
            ("i", self.i.is_some_and(|i| i != card.options.byte())),
            ("s8 or s16", self.s16.is_some_and(|s16| s16 != (card.options.byte() & 1 == 1))),
            ("kvn", self.kvn.is_some_and(|kvn| kvn != card.kvn)),
            ("the key size", self.key_len.is_some_and(|len| len != card.key_len)),
            ("tries", self.tries.is_some_and(|tries| tries != card.tries)),
            ("bare", self.bare.is_some_and(|bare| bare != card.bare)),
            ("kdd", self.kdd.is_some_and(|kdd| kdd != card.kdd)),
            ("serial", self.serial.is_some_and(|serial| serial != card.serial)),
        ];
        match differs.iter().find(|(_, differs)| *differs) {
            Some((what, _)) => Err(LinkError::CardState(format!("the card in the state file has another `{what}`"))),
            None => Ok(()),
        }
    }
}

fn random_serial() -> Result<[u8; 4], LinkError> {
    let mut serial = [0; 4];
    getrandom::fill(&mut serial).map_err(|error| LinkError::CardState(error.to_string()))?;
    Ok(serial)
}

fn once<T>(place: &mut Option<T>, word: &str, value: T) -> Result<(), String> {
    if place.replace(value).is_some() {
        return Err(format!("`{word}` comes second: its place is taken"));
    }
    Ok(())
}

fn bytes<const N: usize>(word: &str, value: &str) -> Result<[u8; N], String> {
    let mut bytes = [0; N];
    hex::decode_to_slice(value, &mut bytes).map_err(|_| format!("`{word}` needs {} hex digits", 2 * N))?;
    Ok(bytes)
}

/// 48 or 0x30.
fn kvn(value: &str) -> Result<u8, String> {
    let number = match value.strip_prefix("0x") {
        Some(digits) => u8::from_str_radix(digits, 16),
        None => value.parse(),
    };
    let kvn = number.map_err(|_| format!("`kvn={value}`: 1 to 127 or 255"))?;
    Ok(Kvn::on_card(kvn).map_err(|_| format!("`kvn={value}`: 1 to 127 or 255"))?.byte())
}

fn tries(value: &str) -> Result<u8, String> {
    value.parse().ok().filter(|tries| *tries > 0).ok_or_else(|| format!("`tries={value}`: 1 to 255"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults() {
        let identity = Profile::parse("").unwrap().identity().unwrap();
        let Identity { options, kvn, key_len, tries, bare, .. } = identity;
        assert_eq!((options.byte(), kvn, key_len, tries, bare), (0x70, 0xFF, 16, 10, false));
    }

    #[test]
    fn every_word() {
        let text = "aes256, s16,i=31,kvn=0x30,tries=3,kdd=00112233445566778899,serial=ABC,custodian=0011223344556677,state=x,seed=00,bare";
        let profile = Profile::parse(text).unwrap();
        let identity = profile.identity().unwrap();
        assert_eq!((identity.options.byte(), identity.kvn, identity.key_len), (0x31, 0x30, 32));
        assert_eq!((identity.tries, identity.bare, identity.serial), (3, true, [0, 0, 0x0A, 0xBC]));
        assert!(profile.describes(&identity).is_ok());
        assert!(profile.describes(&Identity { tries: 4, ..identity }).is_err());
    }

    #[test]
    fn what_is_refused() {
        for text in [
            "aes512",
            "i=40",
            "i=7",
            "s8,i=71",
            "kvn=0",
            "kvn=128",
            "tries=0",
            "kdd=00",
            "state=",
            "aes128,aes256",
            "bare=1",
        ] {
            assert!(matches!(Profile::parse(text), Err(LinkError::Uri { .. })), "{text}");
        }
        let error = Profile::parse("aes512").unwrap_err().to_string();
        assert!(error.contains("aes128, aes192"), "{error}");
    }
}
