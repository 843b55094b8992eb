//! STORE SHARE, READ SHARE, WIPE.

use super::checks::require;
use super::kept::{self, Part};
use super::model::{Ceremony, Destroyed, Enrolment};
use super::{Call, Volatile};
use crate::virtual_card::Stop;
use cardwright_proto::custody::Mode;
use cardwright_proto::custody::blocks::LAST;
use cardwright_proto::custody::manifest::Operation;
use cardwright_proto::custody::read_share::BLOCK;
use cardwright_proto::custody::share::ShareObject;
use cardwright_proto::status::StatusWord;

impl Call<'_> {
    /// STORE SHARE.
    pub(super) fn store_share(&mut self) -> Result<StatusWord, Stop> {
        self.at_level_33()?;
        require(self.has_pin(), StatusWord::CONDITIONS)?;
        let (p1, number) = self.p1p2();
        let mode = Mode::from_byte(p1 & !LAST).ok_or(StatusWord::WRONG_P1P2)?;
        self.block_is_due(mode.byte())?;
        require(!self.data().is_empty(), StatusWord::WRONG_LENGTH)?;
        // In every block: another logical channel may have stored one since the first.
        require(kept::share(self.nvm).is_none(), StatusWord::CONDITIONS)?;
        if number == 0 {
            self.pin_verified()?;
        }
        let Some(whole) = self.append()? else { return Ok(StatusWord::OK) };
        self.use_pin()?;
        // One with a statement hash was dealt, and comes in a box.
        let taken = ShareObject::parse(&whole).is_ok_and(|share| share.info().statement.is_none());
        require(taken, StatusWord::WRONG_DATA)?;
        kept::save(self.nvm, &[Part::Share(Some((mode, &whole)))])?;
        Ok(StatusWord::OK)
    }

    /// READ SHARE.
    pub(super) fn read_share(&mut self) -> Result<StatusWord, Stop> {
        self.at_level_33()?;
        let (p1, number) = self.p1p2();
        require(p1 == 0, StatusWord::WRONG_P1P2)?;
        self.no_data()?;
        let mode = kept::share(self.nvm).map(|(mode, _)| mode).ok_or(StatusWord::REFERENCE_NOT_FOUND)?;
        require(mode == Mode::Host, StatusWord::CONDITIONS)?;
        if number == 0 {
            self.use_pin()?;
            self.ram.reading = Some(0);
        }
        require(self.ram.reading == Some(number), StatusWord::WRONG_P1P2)?;
        let object = kept::share(self.nvm).map(|(_, object)| object).unwrap_or_default();
        let mut blocks = object.chunks(BLOCK).skip(usize::from(number));
        self.out.extend_from_slice(blocks.next().unwrap_or_default());
        self.ram.reading = blocks.next().map(|_| number + 1);
        Ok(StatusWord::OK)
    }

    /// WIPE.
    pub(super) fn wipe(&mut self) -> Result<StatusWord, Stop> {
        self.at_level_33()?;
        let (p1, p2) = self.p1p2();
        require(p1 <= 2 && p2 == 0, StatusWord::WRONG_P1P2)?;
        self.no_data()?;
        let (hand, share) = match p1 {
            0 => (None, self.held()?.ok_or(StatusWord::REFERENCE_NOT_FOUND)?),
            1 => return self.wipe_all(),
            _ => {
                let (hand, _) = self.hand_as_custodian(&[Operation::Destroy])?;
                let share = self.held_of(&hand)?;
                (Some(hand), share)
            }
        };
        self.use_pin()?;
        self.enrolment.destroyed = Some(Destroyed::of(&share));
        kept::save(self.nvm, &[Part::Share(None), Part::Enrolment(&self.enrolment)])?;
        hand.map_or(Ok(StatusWord::OK), |hand| self.answer_receipt(&hand))
    }

    fn wipe_all(&mut self) -> Result<StatusWord, Stop> {
        let (enrolment, ceremony) = (Enrolment::default(), Ceremony::default());
        let nothing = [Part::Share(None), Part::Pin(&[]), Part::Enrolment(&enrolment), Part::Ceremony(&ceremony)];
        kept::save(self.nvm, &nothing)?;
        *self.ram = Volatile::default();
        Ok(StatusWord::OK)
    }
}
