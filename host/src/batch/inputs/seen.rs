//! Which cards stand in a file, in little memory.

use super::InputError;
use cardwright_keys::journal::CardId;
use cardwright_registry::cards::card_id;

/// A card's identity in bytes: KDD, whether the chip is told, chip. In order, a KDD alone stands right before the chips
/// that have it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key([u8; 23]);

const KDD: usize = 10;

impl Key {
    /// `None` where it is no identity in the form that it is written in.
    pub(super) fn of(card: &CardId) -> Option<Self> {
        let CardId(card) = card_id(&card.0)?;
        let mut bytes = [0; 23];
        let (kdd, chip) = card.split_at_checked(2 * KDD)?;
        hex::decode_to_slice(kdd, &mut bytes[..KDD]).ok()?;
        if let Some(chip) = chip.strip_prefix('-') {
            bytes[KDD] = 1;
            hex::decode_to_slice(chip, &mut bytes[KDD + 1..]).ok()?;
        }
        Some(Self(bytes))
    }

    /// The card without its chip; `None` where none is told.
    pub(super) fn without_chip(&self) -> Option<Self> {
        let mut alone = [0; 23];
        alone[..KDD].copy_from_slice(&self.0[..KDD]);
        (self.0[KDD] == 1).then_some(Self(alone))
    }
}

/// The identity that a person wrote, in either case.
pub(super) fn identity(line: u64, text: &str) -> Result<(CardId, Key), InputError> {
    let card = card_id(&text.to_ascii_uppercase());
    let found = card.and_then(|card| Key::of(&card).map(|key| (card, key)));
    found.ok_or_else(|| InputError::unfit(line, "`card` is 20 hex digits, and maybe `-` and 24 more"))
}

/// Whether all are different cards, in the order of their keys, and of their lines where keys are the same.
pub(super) fn once(sorted: impl Iterator<Item = (Key, u32)>) -> Result<(), InputError> {
    let mut last: Option<(Key, u32)> = None;
    for (key, line) in sorted {
        if let Some((before, first)) = last
            && (before == key || key.without_chip() == Some(before))
        {
            return Err(InputError::Twice { line: line.max(first), first: line.min(first) });
        }
        last = Some((key, line));
    }
    Ok(())
}

/// Whether each names its chip, and has a KDD of its own. They come in the order of their keys.
pub(super) fn tell_chips<'k>(sorted: impl Iterator<Item = &'k Key>) -> bool {
    let mut last = None;
    sorted.map(Key::without_chip).all(|kdd| kdd.is_some() && last.replace(kdd) != Some(kdd))
}
