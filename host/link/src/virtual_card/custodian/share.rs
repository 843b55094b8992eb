//! STORE SHARE, READ SHARE, WIPE.

use super::{Call, Storing, kept, require};
use crate::virtual_card::Stop;
use cardwright_proto::custody::Mode;
use cardwright_proto::custody::read_share::BLOCK;
use cardwright_proto::custody::share::{MAX_LEN, ShareObject};
use cardwright_proto::custody::store_share::LAST;
use cardwright_proto::status::StatusWord;
use zeroize::Zeroizing;

impl Call<'_> {
    /// STORE SHARE.
    pub(super) fn store(&mut self) -> Result<StatusWord, Stop> {
        self.at_level_33()?;
        require(self.has_pin(), StatusWord::CONDITIONS)?;
        let (p1, number) = self.p1p2();
        let mode = Mode::from_byte(p1 & !LAST).ok_or(StatusWord::WRONG_P1P2)?;
        if number == 0 {
            self.ram.storing = Some(Storing { mode, bytes: Zeroizing::new(Vec::with_capacity(MAX_LEN)), next: 0 });
        }
        let due = |storing: &&mut Storing| storing.next == u16::from(number) && storing.mode == mode;
        let storing = self.ram.storing.as_mut().filter(due).ok_or(StatusWord::WRONG_P1P2)?;
        let block = self.command.data;
        require(!block.is_empty(), StatusWord::WRONG_LENGTH)?;
        // In every block: another logical channel may have stored one since the first.
        require(kept::share(self.nvm).is_none(), StatusWord::CONDITIONS)?;
        if number == 0 {
            require(self.ram.verified, StatusWord::SECURITY_STATUS)?;
        }
        require(storing.bytes.len() + block.len() <= MAX_LEN, StatusWord::NO_MEMORY)?;
        storing.bytes.extend_from_slice(block);
        storing.next += 1;
        if p1 & LAST == 0 {
            return Ok(StatusWord::OK);
        }
        self.use_pin()?;
        let whole = self.ram.storing.take().map(|storing| storing.bytes).unwrap_or_default();
        require(ShareObject::parse(&whole).is_ok(), StatusWord::WRONG_DATA)?;
        kept::set_share(self.nvm, mode, &whole)?;
        Ok(StatusWord::OK)
    }

    /// READ SHARE.
    pub(super) fn read(&mut self, out: &mut Vec<u8>) -> Result<StatusWord, Stop> {
        self.at_level_33()?;
        let (p1, number) = self.p1p2();
        require(p1 == 0, StatusWord::WRONG_P1P2)?;
        require(self.command.data.is_empty(), StatusWord::WRONG_LENGTH)?;
        let mode = kept::share(self.nvm).map(|(mode, _)| mode).ok_or(StatusWord::REFERENCE_NOT_FOUND)?;
        require(mode == Mode::Host, StatusWord::CONDITIONS)?;
        if number == 0 {
            self.use_pin()?;
            self.ram.reading = Some(0);
        }
        require(self.ram.reading == Some(number), StatusWord::WRONG_P1P2)?;
        let object = kept::share(self.nvm).map(|(_, object)| object).unwrap_or_default();
        let mut blocks = object.chunks(BLOCK).skip(usize::from(number));
        out.extend_from_slice(blocks.next().unwrap_or_default());
        self.ram.reading = blocks.next().map(|_| number + 1);
        Ok(StatusWord::OK)
    }

    /// WIPE.
    pub(super) fn wipe(&mut self) -> Result<StatusWord, Stop> {
        self.at_level_33()?;
        let (p1, p2) = self.p1p2();
        require(p1 <= 1 && p2 == 0, StatusWord::WRONG_P1P2)?;
        require(self.command.data.is_empty(), StatusWord::WRONG_LENGTH)?;
        if p1 == 1 {
            kept::wipe_all(self.nvm)?;
            self.ram.verified = false;
            return Ok(StatusWord::OK);
        }
        require(kept::share(self.nvm).is_some(), StatusWord::REFERENCE_NOT_FOUND)?;
        self.use_pin()?;
        kept::wipe_share(self.nvm)?;
        Ok(StatusWord::OK)
    }
}
