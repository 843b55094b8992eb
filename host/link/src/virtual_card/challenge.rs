//! Where random card challenges and the custodian applet's random bytes come from, and a new card's identity.

use super::Stop;
use crate::LinkError;
use cardwright_proto::block::CmacKey;
use cardwright_proto::status::StatusWord;
use zeroize::Zeroizing;

/// 8 bytes that tell a new card's custodian applet from every other: random or, for tests, from seed and serial.
pub(super) fn custodian_identity(seed: Option<&[u8]>, serial: [u8; 4]) -> Result<[u8; 8], LinkError> {
    let mut identity = [0; 8];
    match seed.and_then(Seeded::new) {
        Some(mut seeded) => identity.copy_from_slice(&seeded.key.mac(&[b"custodian", &serial])[..8]),
        None => getrandom::fill(&mut identity).map_err(|error| LinkError::CardState(error.to_string()))?,
    }
    Ok(identity)
}

/// A source of random bytes.
pub(super) trait Generator {
    /// 16 fresh bytes. 6400 where there is no randomness.
    fn next(&mut self) -> Result<[u8; 16], Stop>;

    /// As many as there is room for.
    fn fill(&mut self, room: &mut [u8]) -> Result<(), Stop> {
        for piece in room.chunks_mut(16) {
            let bytes = Zeroizing::new(self.next()?);
            piece.copy_from_slice(&bytes[..piece.len()]);
        }
        Ok(())
    }
}

/// The operating system's generator.
pub(super) struct OsRandom;

impl Generator for OsRandom {
    fn next(&mut self) -> Result<[u8; 16], Stop> {
        let mut bytes = [0; 16];
        getrandom::fill(&mut bytes).map_err(|_| StatusWord(0x6400))?;
        Ok(bytes)
    }
}

/// The same sequence at every start, for tests: CMAC(CMAC(zero key, seed), counter).
pub(crate) struct Seeded {
    key: CmacKey,
    count: u64,
}

impl Seeded {
    /// From a seed of any length; `None` never comes, 16-byte keys always fit.
    pub(crate) fn new(seed: &[u8]) -> Option<Self> {
        let key = CmacKey::new(&[0; 16]).ok()?.mac(&[seed]);
        Some(Self { key: CmacKey::new(&key).ok()?, count: 0 })
    }

    /// Another sequence, of the same seed for each card, and each time that one is taken up from a file, by the checksum of
    /// what it remembers: two cards must not have the same keys, nor one card the same keys again.
    pub(super) fn of_card(&mut self, identity: &[u8; 8], checksum: u32) -> Option<Self> {
        let key = self.key.mac(&[b"custodian's", identity, &checksum.to_be_bytes()]);
        Some(Self { key: CmacKey::new(&key).ok()?, count: 0 })
    }

    /// The next 16 bytes.
    pub(crate) fn draw(&mut self) -> [u8; 16] {
        self.count += 1;
        self.key.mac(&[&self.count.to_be_bytes()])
    }
}

impl Generator for Seeded {
    fn next(&mut self) -> Result<[u8; 16], Stop> {
        Ok(self.draw())
    }
}
