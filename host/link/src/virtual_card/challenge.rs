//! Where random card challenges come from.

use super::Stop;
use cardwright_proto::block::CmacKey;
use cardwright_proto::status::StatusWord;

/// 16 fresh bytes for a card challenge.
pub(super) trait Challenges {
    /// 6400 where there is no randomness.
    fn next(&mut self) -> Result<[u8; 16], Stop>;
}

/// The operating system's generator.
pub(super) struct OsRandom;

impl Challenges for OsRandom {
    fn next(&mut self) -> Result<[u8; 16], Stop> {
        let mut bytes = [0; 16];
        getrandom::fill(&mut bytes).map_err(|_| StatusWord(0x6400))?;
        Ok(bytes)
    }
}

/// The same sequence at every start, for tests: CMAC(CMAC(zero key, seed), counter).
pub(super) struct Seeded {
    key: CmacKey,
    count: u64,
}

impl Seeded {
    /// From a seed of any length; `None` never comes, 16-byte keys always fit.
    pub(super) fn new(seed: &[u8]) -> Option<Self> {
        let key = CmacKey::new(&[0; 16]).ok()?.mac(&[seed]);
        Some(Self { key: CmacKey::new(&key).ok()?, count: 0 })
    }
}

impl Challenges for Seeded {
    fn next(&mut self) -> Result<[u8; 16], Stop> {
        self.count += 1;
        Ok(self.key.mac(&[&self.count.to_be_bytes()]))
    }
}
