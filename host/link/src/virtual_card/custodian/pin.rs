//! VERIFY, CHANGE PIN.

use super::Call;
use super::checks::require;
use super::kept::{self, Part};
use crate::virtual_card::Stop;
use cardwright_proto::custody::{MAX_TRIES, Pin, change_pin};
use cardwright_proto::status::StatusWord;

impl Call<'_> {
    /// VERIFY.
    pub(super) fn verify(&mut self) -> Result<StatusWord, Stop> {
        let pin = self.command.data;
        self.p1p2_zero()?;
        require(self.has_pin(), StatusWord::CONDITIONS)?;
        if pin.is_empty() {
            let tries = kept::tries(self.nvm);
            return Ok(match (self.ram.verified, tries) {
                (true, _) => StatusWord::OK,
                (false, 0) => StatusWord::BLOCKED,
                (false, left) => wrong_pin(left),
            });
        }
        well_formed(&[pin])?;
        let left = self.compare(pin)?;
        if let Some(left) = left {
            return Ok(wrong_pin(left));
        }
        kept::give_tries_back(self.nvm)?;
        self.ram.verified = true;
        Ok(StatusWord::OK)
    }

    /// VERIFY from step 6 up to the comparison: the tries left where the PIN is wrong.
    fn compare(&mut self, pin: &[u8]) -> Result<Option<u8>, Stop> {
        let left = kept::tries(self.nvm).checked_sub(1).ok_or(StatusWord::BLOCKED)?;
        kept::set_tries(self.nvm, left)?;
        self.ram.verified = false;
        Ok((!kept::is_pin(self.nvm, pin)).then_some(left))
    }

    /// CHANGE PIN.
    pub(super) fn change_pin(&mut self) -> Result<StatusWord, Stop> {
        self.at_level_33()?;
        let (p1, p2) = self.p1p2();
        require(p1 <= 1 && p2 == 0, StatusWord::WRONG_P1P2)?;
        let first = p1 == 1;
        require(first != self.has_pin(), StatusWord::CONDITIONS)?;
        let new = if first {
            well_formed(&[self.command.data])?;
            self.command.data
        } else {
            let (old, new) = change_pin::split(self.command.data).ok_or(StatusWord::WRONG_LENGTH)?;
            well_formed(&[old, new])?;
            if let Some(left) = self.compare(old)? {
                return Ok(wrong_pin(left));
            }
            new
        };
        kept::save(self.nvm, &[Part::Pin(new)])?;
        self.ram.verified = false;
        Ok(StatusWord::OK)
    }
}

/// 63CX.
fn wrong_pin(left: u8) -> StatusWord {
    StatusWord(0x63C0 | u16::from(left.min(MAX_TRIES)))
}

/// First the lengths of all, 6700, then their digits, 6A80.
fn well_formed(pins: &[&[u8]]) -> Result<(), Stop> {
    require(pins.iter().all(|pin| (Pin::MIN..=Pin::MAX).contains(&pin.len())), StatusWord::WRONG_LENGTH)?;
    // All of them, also behind one that is none.
    let digits = pins.iter().copied().flatten().fold(true, |all, digit| all & digit.is_ascii_digit());
    require(digits, StatusWord::WRONG_DATA)
}
