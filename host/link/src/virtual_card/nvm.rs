//! Non-volatile memory: a byte image, a redo journal in it, and a power cut at any raw write.
//!
//! A transaction goes in five steps: entries into the journal, the commit mark, the entries to their places, the mark
//! cleared, the journal wiped. Power lost before the mark is whole leaves the old state, after it the new one:
//! [`Nvm::recover`] does the rest at power-up. The image may live in a file, written at the same places in the same
//! order, so that it outlives a kill of the process (not a crash of the machine: nothing is synced).

use super::Torn;
use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use zeroize::Zeroizing;

/// Bytes of the commit mark: CRC-32 of the entries (4), their length (2), [`COMMITTED`] (2), all big-endian.
///
/// What commits stands last, so that half a mark is none.
const MARK: usize = 8;
const COMMITTED: [u8; 2] = [0xC0, 0xDE];

/// Bytes in front of an entry's data: its place (2) and length (2), big-endian.
const ENTRY_HEAD: usize = 4;

/// One write of a transaction.
#[derive(Clone, Copy)]
pub(super) struct Entry<'a> {
    /// Offset in the image.
    pub(super) at: usize,
    /// What is to stand there.
    pub(super) bytes: &'a [u8],
}

/// The memory of one card.
pub(super) struct Nvm {
    image: Zeroizing<Vec<u8>>,
    journal: Range<usize>,
    file: Option<File>,
    failure: Option<io::Error>,
    passed: u64,
    tear_at: Option<u64>,
}

impl Nvm {
    /// Takes an image, its journal's place, and the file that holds the same bytes, if any.
    pub(super) fn new(image: Zeroizing<Vec<u8>>, journal: Range<usize>, file: Option<File>) -> Self {
        Self { image, journal, file, failure: None, passed: 0, tear_at: None }
    }

    /// The bytes from `at` on; empty beyond the image.
    pub(super) fn read(&self, range: Range<usize>) -> &[u8] {
        self.image.get(range).unwrap_or_default()
    }

    /// How many tear points have been passed since the card was made: three for each raw write.
    pub(super) const fn points(&self) -> u64 {
        self.passed
    }

    /// Power is lost at the `n`-th tear point from now; 0 is the next one.
    pub(super) const fn tear_after(&mut self, n: u64) {
        self.tear_at = Some(self.passed.saturating_add(n));
    }

    /// The error that stopped the state file, for good.
    pub(super) const fn failure(&self) -> Option<&io::Error> {
        self.failure.as_ref()
    }

    /// Writes all entries or, after a power cut, all or none of them.
    pub(super) fn commit(&mut self, entries: &[Entry<'_>]) -> Result<(), Torn> {
        let mut at = self.journal.start + MARK;
        let mut all = Zeroizing::new(Vec::with_capacity(self.journal.len()));
        for entry in entries {
            let begin = all.len();
            for number in [entry.at, entry.bytes.len()] {
                let [.., high, low] = number.to_be_bytes();
                all.extend_from_slice(&[high, low]);
            }
            all.extend_from_slice(entry.bytes);
            self.write(at, &all[begin..])?;
            at += all.len() - begin;
        }
        let mut mark = [0; MARK];
        let [.., high, low] = all.len().to_be_bytes();
        mark[..4].copy_from_slice(&crc32(&all).to_be_bytes());
        mark[4..6].copy_from_slice(&[high, low]);
        mark[6..].copy_from_slice(&COMMITTED);
        self.write(self.journal.start, &mark)?;
        for entry in entries {
            self.write(entry.at, entry.bytes)?;
        }
        self.clear(all.len())
    }

    /// At power-up: finishes a committed transaction, and wipes what is left of one that was not.
    pub(super) fn recover(&mut self) -> Result<(), Torn> {
        if let Some(entries) = self.committed() {
            for (at, bytes) in &entries {
                self.write(*at, bytes)?;
            }
        }
        let journal = self.read(self.journal.clone());
        match journal.iter().rposition(|byte| *byte != 0) {
            Some(last) => self.clear((last + 1).saturating_sub(MARK)),
            None => Ok(()),
        }
    }

    /// Takes the mark away, then wipes the entries: they may hold keys.
    fn clear(&mut self, entries: usize) -> Result<(), Torn> {
        self.write(self.journal.start, &[0; MARK])?;
        if entries > 0 { self.write(self.journal.start + MARK, &vec![0; entries]) } else { Ok(()) }
    }

    /// The transaction whose mark is whole and whose entries lie in front of the journal.
    fn committed(&self) -> Option<Vec<(usize, Zeroizing<Vec<u8>>)>> {
        let (mark, rest) = self.read(self.journal.clone()).split_first_chunk::<MARK>()?;
        let [a, b, c, d, high, low, committed @ ..] = *mark;
        let mut all = rest.get(..usize::from(u16::from_be_bytes([high, low])))?;
        if committed != COMMITTED || crc32(all) != u32::from_be_bytes([a, b, c, d]) {
            return None;
        }
        let mut entries = Vec::new();
        while !all.is_empty() {
            let (&[a, b, c, d], rest) = all.split_first_chunk::<ENTRY_HEAD>()?;
            let (at, len) = (usize::from(u16::from_be_bytes([a, b])), usize::from(u16::from_be_bytes([c, d])));
            let (bytes, rest) = rest.split_at_checked(len)?;
            if at + len > self.journal.start {
                return None;
            }
            entries.push((at, Zeroizing::new(bytes.to_vec())));
            all = rest;
        }
        Some(entries)
    }

    /// One raw write: power can go before it, with the first half written, and after it.
    fn write(&mut self, at: usize, bytes: &[u8]) -> Result<(), Torn> {
        self.point()?;
        if let Err(torn) = self.point() {
            self.put(at, &bytes[..bytes.len() / 2])?;
            return Err(torn);
        }
        self.put(at, bytes)?;
        self.point()
    }

    /// A tear point: counted, and the end where it is the armed one.
    fn point(&mut self) -> Result<(), Torn> {
        let here = self.passed;
        self.passed += 1;
        if self.tear_at == Some(here) {
            self.tear_at = None;
            return Err(Torn);
        }
        Ok(())
    }

    /// A state file that cannot be written any more stops the card: its memory and the file must not part.
    fn put(&mut self, at: usize, bytes: &[u8]) -> Result<(), Torn> {
        if self.failure.is_some() {
            return Err(Torn);
        }
        let place = self.image.get_mut(at..at + bytes.len()).ok_or(Torn)?;
        if let Some(Err(error)) = self.file.as_ref().map(|file| file.write_all_at(bytes, at as u64)) {
            self.failure = Some(error);
            return Err(Torn);
        }
        place.copy_from_slice(bytes);
        Ok(())
    }
}

/// CRC-32 as in ISO/IEC 13239 (reflected, 04C11DB7): against torn writes and foreign files, not against people.
pub(super) fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| (crc >> 1) ^ if crc & 1 == 1 { 0xEDB8_8320 } else { 0 })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn blank() -> Nvm {
        Nvm::new(Zeroizing::new(vec![0; 128]), 64..128, None)
    }

    const ENTRIES: [Entry<'static>; 2] = [Entry { at: 3, bytes: b"first" }, Entry { at: 40, bytes: b"and second" }];

    fn places(nvm: &Nvm) -> [&[u8]; 2] {
        [nvm.read(3..8), nvm.read(40..50)]
    }

    #[test]
    fn crc_check_value() {
        assert_eq!(crc32(b"123456789"), 0xCBF4_3926);
    }

    /// A cut at every point of the transaction, and for each of them a cut at every point of the recovery.
    #[test]
    fn all_or_nothing() {
        let mut whole = blank();
        whole.commit(&ENTRIES).unwrap();
        let points = whole.points();
        assert_eq!(points, 3 * 7);
        let (mut old, mut new) = (0, 0);
        for n in 0..points {
            for second in 0.. {
                let mut nvm = blank();
                nvm.tear_after(n);
                assert!(nvm.commit(&ENTRIES).is_err());
                nvm.tear_after(second);
                let torn_again = nvm.recover().is_err();
                nvm.recover().unwrap();
                match places(&nvm) {
                    [b"first", b"and second"] => new += 1,
                    [b"\0\0\0\0\0", b"\0\0\0\0\0\0\0\0\0\0"] => old += 1,
                    other => panic!("cut at {n}, then at {second}: {other:?}"),
                }
                assert!(nvm.read(64..128).iter().all(|byte| *byte == 0), "the journal is wiped");
                if !torn_again {
                    break;
                }
            }
        }
        assert!(old > 0 && new > 0, "{old} old, {new} new");
    }

    #[test]
    fn once_committed_stays_committed() {
        let mut nvm = blank();
        nvm.commit(&ENTRIES).unwrap();
        // The mark is written at points 6 to 8: whole at 8.
        for n in 8..21 {
            let mut torn = blank();
            torn.tear_after(n);
            torn.commit(&ENTRIES).unwrap_err();
            torn.recover().unwrap();
            assert_eq!(places(&torn), places(&nvm), "cut at {n}");
        }
    }

    #[test]
    fn a_journal_that_points_at_itself_is_none() {
        let mut nvm = blank();
        nvm.tear_after(8);
        nvm.commit(&[Entry { at: 3, bytes: b"x" }, Entry { at: 62, bytes: b"abc" }]).unwrap_err();
        nvm.recover().unwrap();
        assert_eq!(nvm.read(3..4), b"\0");
    }
}
