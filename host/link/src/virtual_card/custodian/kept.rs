//! What the applet keeps, each change one transaction of [`Nvm`]: whole or not at all.

use crate::virtual_card::Torn;
use crate::virtual_card::layout::{CUSTODIAN, custodian as field};
use crate::virtual_card::nvm::{Entry, Nvm};
use cardwright_proto::custody::share::{MAX_LEN, ShareObject};
use cardwright_proto::custody::{MAX_TRIES, Mode, PERSONALIZED, Pin, SELECTABLE};
use zeroize::Zeroizing;

/// Mode, a zero, length, object: written in one piece.
const SHARE_LEN: usize = 4 + MAX_LEN;

/// Bytes of the PIN's length and of the PIN, and the tries behind them.
const PIN_LEN: usize = 1 + Pin::MAX + 1;

/// The applet's place in a new card's image: everything zero but identity and tries.
pub(in crate::virtual_card) fn install(image: &mut [u8], identity: [u8; 8]) {
    image[CUSTODIAN + field::IDENTITY..][..8].copy_from_slice(&identity);
    image[CUSTODIAN + field::TRIES] = MAX_TRIES;
}

/// Whether this is what the applet leaves behind.
pub(in crate::virtual_card) fn sound(nvm: &Nvm) -> bool {
    let share = match byte(nvm, field::SHARE) {
        0 => true,
        _ => share(nvm).is_some_and(|(_, object)| ShareObject::parse(object).is_ok()),
    };
    let pin_or_nothing = if pin(nvm).is_empty() { byte(nvm, field::SHARE) == 0 } else { Pin::new(pin(nvm)).is_ok() };
    share && tries(nvm) <= MAX_TRIES && pin_or_nothing
}

/// Made when the card was made.
pub(in crate::virtual_card) fn identity(nvm: &Nvm) -> [u8; 8] {
    <[u8; 8]>::try_from(bytes(nvm, field::IDENTITY, 8)).unwrap_or_default()
}

/// 07 without a PIN, 0F with one.
pub(in crate::virtual_card) fn life_cycle(nvm: &Nvm) -> u8 {
    if pin(nvm).is_empty() { SELECTABLE } else { PERSONALIZED }
}

/// The PIN; empty where there is none.
fn pin(nvm: &Nvm) -> &[u8] {
    bytes(nvm, field::PIN + 1, usize::from(byte(nvm, field::PIN)))
}

/// Whether this is the PIN, in the same time whatever differs.
pub(super) fn is_pin(nvm: &Nvm, shown: &[u8]) -> bool {
    matches!((Pin::new(pin(nvm)), Pin::new(shown)), (Ok(kept), Ok(shown)) if kept == shown)
}

/// How many wrong PINs in a row are still taken.
pub(super) fn tries(nvm: &Nvm) -> u8 {
    byte(nvm, field::TRIES)
}

/// The share's mode and its coded object.
pub(super) fn share(nvm: &Nvm) -> Option<(Mode, &[u8])> {
    let mode = Mode::from_byte(byte(nvm, field::SHARE))?;
    let len = bytes(nvm, field::SHARE + 2, 2).iter().fold(0, |len, byte| len << 8 | usize::from(*byte));
    Some((mode, bytes(nvm, field::SHARE + 4, len)))
}

pub(super) fn set_tries(nvm: &mut Nvm, tries: u8) -> Result<(), Torn> {
    nvm.commit(&[Entry { at: CUSTODIAN + field::TRIES, bytes: &[tries] }])
}

pub(super) fn give_tries_back(nvm: &mut Nvm) -> Result<(), Torn> {
    set_tries(nvm, MAX_TRIES)
}

/// Another PIN, 4 to 12 bytes, with all its tries.
pub(super) fn set_pin(nvm: &mut Nvm, pin: &[u8]) -> Result<(), Torn> {
    let mut bytes = Zeroizing::new([0; PIN_LEN]);
    [.., bytes[0]] = pin.len().to_be_bytes();
    bytes[1..][..pin.len()].copy_from_slice(pin);
    bytes[PIN_LEN - 1] = MAX_TRIES;
    nvm.commit(&[Entry { at: CUSTODIAN + field::PIN, bytes: &*bytes }])
}

/// The share, where there is none: an object of at most 512 bytes.
pub(super) fn set_share(nvm: &mut Nvm, mode: Mode, object: &[u8]) -> Result<(), Torn> {
    let mut bytes = Zeroizing::new([0; SHARE_LEN]);
    let [.., high, low] = object.len().to_be_bytes();
    bytes[..4].copy_from_slice(&[mode.byte(), 0, high, low]);
    bytes[4..][..object.len()].copy_from_slice(object);
    nvm.commit(&[Entry { at: CUSTODIAN + field::SHARE, bytes: &*bytes }])
}

/// No share any more, zeros in its place.
pub(super) fn wipe_share(nvm: &mut Nvm) -> Result<(), Torn> {
    nvm.commit(&[GONE])
}

/// No share and no PIN any more, and all tries.
pub(super) fn wipe_all(nvm: &mut Nvm) -> Result<(), Torn> {
    let mut pin = [0; PIN_LEN];
    pin[PIN_LEN - 1] = MAX_TRIES;
    nvm.commit(&[GONE, Entry { at: CUSTODIAN + field::PIN, bytes: &pin }])
}

const GONE: Entry<'static> = Entry { at: CUSTODIAN + field::SHARE, bytes: &[0; SHARE_LEN] };

fn bytes(nvm: &Nvm, field: usize, len: usize) -> &[u8] {
    nvm.read(CUSTODIAN + field..CUSTODIAN + field + len)
}

fn byte(nvm: &Nvm, field: usize) -> u8 {
    bytes(nvm, field, 1).iter().fold(0, |_, byte| *byte)
}
