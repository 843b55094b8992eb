//! Where random card challenges come from, and a new card's identity.

use super::Stop;
use crate::LinkError;
use cardwright_proto::block::CmacKey;
use cardwright_proto::status::StatusWord;

/// 8 bytes that tell a new card's custodian applet from every other: random or, for tests, from seed and serial.
pub(super) fn custodian_identity(seed: Option<&[u8]>, serial: [u8; 4]) -> Result<[u8; 8], LinkError> {
    let mut identity = [0; 8];
    match seed.and_then(Seeded::new) {
        Some(mut seeded) => identity.copy_from_slice(&seeded.key.mac(&[b"custodian", &serial])[..8]),
        None => getrandom::fill(&mut identity).map_err(|error| LinkError::CardState(error.to_string()))?,
    }
    Ok(identity)
}

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
