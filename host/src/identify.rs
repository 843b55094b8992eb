//! What a card says about itself without authentication. Nothing of it is authenticated: no decision rests on it.

use crate::card::Card;
use crate::error::Error;
use cardwright_link::Transport;
use cardwright_proto::gp::get_data::{Cplc, GetData, KeyInformation, Object, parse_key_information};
use cardwright_proto::gp::select::{Select, Selected};

/// What a card answers to GET DATA before authentication; `None` where it does not know the object, or answers with
/// something else.
#[derive(Clone, Debug)]
pub struct Identity {
    /// Card production life cycle data (9F7F).
    pub cplc: Option<Cplc>,
    /// Issuer identification number (42).
    pub iin: Option<Vec<u8>>,
    /// Card image number (45).
    pub cin: Option<Vec<u8>>,
    /// Key diversification data (CF).
    pub kdd: Option<Vec<u8>>,
    /// Key sets (E0).
    pub keys: Option<Vec<KeyInformation>>,
    /// Card data (66), as it came.
    pub card_data: Option<Vec<u8>>,
}

/// Selects the application whose secure channel is wanted; an empty AID selects the issuer security domain.
///
/// # Errors
/// [`Error::Link`], [`Error::Apdu`], [`Error::Gp`].
pub fn select<T: Transport>(card: &mut Card<T>, aid: &[u8]) -> Result<Selected, Error> {
    card.call(&Select { aid })
}

/// Asks for everything that a card tells anyone.
///
/// # Errors
/// [`Error::Link`], [`Error::Apdu`]. A refusal or a malformed object is no error: nothing rests on it.
pub fn identity<T: Transport>(card: &mut Card<T>) -> Result<Identity, Error> {
    let keys = get(card, Object::KeyInformation)?;
    Ok(Identity {
        cplc: get(card, Object::Cplc)?.as_deref().and_then(|value| Cplc::parse(value).ok()),
        iin: get(card, Object::Iin)?,
        cin: get(card, Object::Cin)?,
        kdd: get(card, Object::Kdd)?,
        keys: keys.as_deref().and_then(|template| parse_key_information(template).ok()),
        card_data: get(card, Object::CardData)?,
    })
}

/// What is known of a card before a session: the application that opens the channel, and the chip.
#[derive(Clone, Debug)]
pub struct Greeting {
    /// The selected application's AID: a pseudo-random challenge is bound to it.
    pub aid: Vec<u8>,
    /// The chip's bytes of CPLC, where they are known.
    pub chip: Option<[u8; 12]>,
}

impl Greeting {
    /// Behind a SELECT that asked for this AID; the chip is not known.
    pub(crate) fn unnamed(selected: Selected, asked: &[u8]) -> Self {
        // A card may be asked for a part of an AID; it says which one that was.
        Self { aid: selected.aid.unwrap_or_else(|| asked.to_vec()), chip: None }
    }
}

/// The issuer security domain's AID where the card does not say it (CS 5.1).
const ISSUER_SECURITY_DOMAIN: [u8; 8] = [0xA0, 0x00, 0x00, 0x01, 0x51, 0x00, 0x00, 0x00];

/// Selects the application, and asks which chip it is.
///
/// # Errors
/// As [`identity`], and [`Error::Gp`] where the application is not there.
pub fn greet<T: Transport>(card: &mut Card<T>, aid: &[u8]) -> Result<Greeting, Error> {
    let unnamed = greet_unnamed(card, aid)?;
    Ok(Greeting { chip: chip(card)?, ..unnamed })
}

/// Selects the application, and asks nothing.
///
/// # Errors
/// As [`greet`].
pub(crate) fn greet_unnamed<T: Transport>(card: &mut Card<T>, aid: &[u8]) -> Result<Greeting, Error> {
    let selected = select(card, aid)?;
    Ok(Greeting::unnamed(selected, if aid.is_empty() { &ISSUER_SECURITY_DOMAIN } else { aid }))
}

/// The chip as the card's CPLC names it.
///
/// # Errors
/// As [`identity`].
pub(crate) fn chip<T: Transport>(card: &mut Card<T>) -> Result<Option<[u8; 12]>, Error> {
    let cplc = get(card, Object::Cplc)?;
    Ok(cplc.and_then(|value| Cplc::parse(&value).ok()).map(|cplc| cplc.chip()))
}

fn get<T: Transport>(card: &mut Card<T>, object: Object) -> Result<Option<Vec<u8>>, Error> {
    match card.call(&GetData { object }) {
        Ok(value) => Ok(Some(value)),
        Err(Error::Gp(_)) => Ok(None),
        Err(error) => Err(error),
    }
}
