//! The people of a ceremony, as the use case asks them: a port, so that a terminal, a test or a demonstration can stand
//! behind it.

use super::error::{CeremonyError, NotThis};
use crate::card::Card;
use crate::error::Error;
use cardwright_keys::ceremony::plan::Person;
use cardwright_keys::custody::hash::sha256;
use cardwright_keys::custody::sealing::Route;
use cardwright_keys::custody::signing::KeyPair;
use cardwright_keys::key::SecretKey;
use cardwright_link::Transport;
use cardwright_proto::custody::certificate::KeyAlgorithm;
use cardwright_proto::custody::sealed::{BoxKind, SealedBox};
use cardwright_proto::custody::{Hash, Pin};
use cardwright_proto::gp::key::Kcv;
use std::fmt;
use zeroize::Zeroizing;

/// A card that is put in, for one visit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// Its label in the plan.
    pub label: String,
    /// Whose it is.
    pub holder: String,
    /// What is done with it, as in "Anna Berg, to ...".
    pub purpose: &'static str,
    /// Which visit it is, from 1.
    pub number: usize,
    /// How many there are in all, as far as is known.
    pub of: usize,
}

/// Throws of dice, for a card to mix into its contribution: their SHA-256.
pub struct Dice(Zeroizing<Hash>);

impl Dice {
    /// Fewest throws that are worth 128 bits: log2(6) is 2.58 bits a throw.
    pub const MIN: usize = 50;

    /// Throws as they are typed, digits 1 to 6; spaces and line ends do not count.
    ///
    /// # Errors
    /// [`CeremonyError::Dice`] for anything else, and for fewer than [`Self::MIN`].
    pub fn new(text: &[u8]) -> Result<Self, CeremonyError> {
        // Room for all: what grows leaves copies behind.
        let mut throws = Zeroizing::new(Vec::with_capacity(text.len()));
        throws.extend(text.iter().filter(|byte| !byte.is_ascii_whitespace()));
        if throws.len() < Self::MIN || !throws.iter().all(|throw| (b'1'..=b'6').contains(throw)) {
            return Err(CeremonyError::Dice);
        }
        Ok(Self(Zeroizing::new(sha256(&[&throws]))))
    }

    /// The 32 bytes that go to the card.
    #[must_use]
    pub fn expose(&self) -> &Hash {
        &self.0
    }
}

impl fmt::Debug for Dice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Dice(..)")
    }
}

/// What people compare.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compared {
    /// The plan's hash.
    Plan,
    /// The CA's key.
    Ca,
    /// The HSM's key.
    Hsm,
}

impl fmt::Display for Compared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Plan => "the plan",
            Self::Ca => "the CA's key",
            Self::Hsm => "the HSM's key",
        })
    }
}

/// Who compared a fingerprint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum By {
    /// Two people of the plan.
    People([String; 2]),
    /// Nobody: the run is unattended.
    Nobody,
}

/// What a person is asked to agree to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Question {
    /// All shares are destroyed.
    Destroy,
    /// An unfinished operation is given up.
    Abandon,
}

/// What a release makes.
#[derive(Clone, Copy, Debug)]
pub struct Delivery<'a> {
    /// A box of kind 0E to a P-256 key, OAEP to an RSA key.
    pub result: &'a [u8],
    /// M, the manifest's hash: a box is bound to it.
    pub manifest: &'a Hash,
    /// The combiner's certificate hash: so is it to this.
    pub combiner: &'a Hash,
    /// The HSM's certificate hash, and this.
    pub hsm: &'a Hash,
    /// Which kind of key the HSM has.
    pub algorithm: KeyAlgorithm,
    /// Bytes of the key.
    pub key_length: u8,
    /// The check value that it was dealt with.
    pub kcv: Kcv,
    /// The transcript's number in the ceremony's directory.
    pub number: u32,
}

impl Delivery<'_> {
    /// What is in it, for whoever has the private key of a P-256 key. The check value is the caller's to compute.
    ///
    /// # Errors
    /// [`CeremonyError::NoBox`], as for an RSA key; [`CeremonyError::Box`].
    pub fn open(&self, key: &KeyPair) -> Result<SecretKey, CeremonyError> {
        let sealed = SealedBox::parse(BoxKind::Export, self.result).map_err(|_| CeremonyError::NoBox)?;
        let route = Route { manifest: *self.manifest, x: 0, sender: *self.combiner, recipient: *self.hsm };
        route.open_secret(&sealed, key, self.key_length).map_err(CeremonyError::Box)
    }
}

/// Whoever puts in cards, types PINs, compares words, says yes.
///
/// An implementation may refuse each with an error of its own: the ceremony stops there, and can be gone on with.
pub trait People {
    /// What stops a ceremony, beside what stops the use case.
    type Error: From<Error>;

    /// A card is to be put in: a link to what was. `not_this`: the one before was wrong, and why.
    ///
    /// # Errors
    /// Where there is none to be had, or nobody is there to change it.
    fn put_in(&mut self, wanted: &Wanted, not_this: Option<&NotThis>) -> Result<Card<Box<dyn Transport>>, Self::Error>;

    /// The PIN of the card that was put in. `left`: the one before was wrong, and so many tries are left. `None`: there is no
    /// other one.
    ///
    /// # Errors
    /// Where there is none to be had.
    fn pin(&mut self, wanted: &Wanted, left: Option<u8>) -> Result<Option<Pin>, Self::Error>;

    /// The first PIN of a card that has none.
    ///
    /// # Errors
    /// As [`Self::pin`].
    fn new_pin(&mut self, wanted: &Wanted) -> Result<Pin, Self::Error>;

    /// Throws of dice of whoever's card this is, where the card's own randomness is not to be all.
    ///
    /// # Errors
    /// Where they were to be had, and are not.
    fn dice(&mut self, _wanted: &Wanted) -> Result<Option<Dice>, Self::Error> {
        Ok(None)
    }

    /// Two people compare a fingerprint with what they have of it elsewhere.
    ///
    /// # Errors
    /// Where they do not agree.
    fn compare(&mut self, what: Compared, fingerprint: &Hash, people: &[Person]) -> Result<By, Self::Error>;

    /// Somebody agrees to what cannot be undone.
    ///
    /// # Errors
    /// Where nobody does.
    fn agree(&mut self, question: Question) -> Result<(), Self::Error>;

    /// What a release made goes where it belongs. The key's check value comes back where the key itself is there now.
    ///
    /// # Errors
    /// Where it cannot be kept.
    fn deliver(&mut self, delivery: &Delivery<'_>) -> Result<Option<Kcv>, Self::Error>;
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What goes to the card is SHA-256 of the digits alone, however they are grouped.
    #[test]
    fn dice_are_digits() {
        let plain = Dice::new("123456".repeat(9).as_bytes()).unwrap();
        let grouped = Dice::new("123 456\n".repeat(9).as_bytes()).unwrap();
        assert_eq!(plain.expose(), grouped.expose());
        assert_eq!(*plain.expose(), sha256(&["123456".repeat(9).as_bytes()]));
        assert_eq!(format!("{plain:?}"), "Dice(..)");
        for bad in ["1".repeat(49), "7".repeat(50), "0".repeat(50), String::new(), format!("{}x", "6".repeat(50))] {
            assert!(matches!(Dice::new(bad.as_bytes()), Err(CeremonyError::Dice)), "{bad}");
        }
        assert!(Dice::new("6".repeat(50).as_bytes()).is_ok());
    }
}
