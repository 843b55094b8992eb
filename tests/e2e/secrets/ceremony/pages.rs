//! What was in a process's memory at any of many moments: of the cores that are taken of it, every page as often as it was
//! another one.

use std::collections::BTreeMap;

const PAGE: usize = 4096;
/// What a page is kept with of the next one: a canary may begin in the one and end in the other. As long as the longest form
/// of 32 bytes.
const OVERLAP: usize = 64;

/// Memory that was looked into, again and again.
#[derive(Default)]
pub(super) struct Memory {
    /// All that is kept, page after page, each with what is behind it.
    pub(super) kept: Vec<u8>,
    /// Which of them stands at an address now.
    now: BTreeMap<u64, usize>,
    /// The core in which each was new, counted from 1.
    new_in: Vec<usize>,
    pub(super) cores: usize,
    /// Of all cores.
    pub(super) bytes: usize,
}

impl Memory {
    /// Keeps what is new in a core.
    pub(super) fn add(&mut self, core: &[u8]) {
        self.cores += 1;
        self.bytes += core.len();
        for (address, segment) in segments(core) {
            for (page, at) in (address..).step_by(PAGE).zip((segment.start..segment.end).step_by(PAGE)) {
                let bytes = &core[at..(at + PAGE + OVERLAP).min(core.len())];
                let known = self.now.get(&page).map(|at| &self.kept[at * (PAGE + OVERLAP)..][..bytes.len()]);
                if known != Some(bytes) {
                    self.now.insert(page, self.new_in.len());
                    self.new_in.push(self.cores);
                    self.kept.extend_from_slice(bytes);
                    self.kept.resize(self.new_in.len() * (PAGE + OVERLAP), 0);
                }
            }
        }
    }

    pub(super) fn pages(&self) -> usize {
        self.new_in.len()
    }

    /// The core in which a byte of what is kept was new, counted from 0.
    pub(super) fn new_in(&self, at: usize) -> usize {
        self.new_in[at / (PAGE + OVERLAP)] - 1
    }
}

/// The memory in a core: addresses, and where they stand (ELF-64, program headers of type PT_LOAD).
fn segments(core: &[u8]) -> Vec<(u64, std::ops::Range<usize>)> {
    assert_eq!(core[..6], *b"\x7FELF\x02\x01", "64 bits, little-endian");
    let word = |at: usize| u64::from_le_bytes(core[at..at + 8].try_into().expect("8 bytes"));
    let place = |at| usize::try_from(word(at)).expect("within the core");
    let half = |at: usize| usize::from(u16::from_le_bytes([core[at], core[at + 1]]));
    let headers = (0..half(56)).map(|number| place(32) + number * half(54));
    let loaded = headers.filter(|at| core[*at..at + 4] == [1, 0, 0, 0]);
    let segments: Vec<_> = loaded.map(|at| (word(at + 16), place(at + 8)..place(at + 8) + place(at + 32))).collect();
    assert!(segments.iter().any(|(_, segment)| !segment.is_empty()), "a core without memory");
    segments
}

#[test]
fn each_page_is_kept_as_often_as_it_changes() {
    // One segment of two pages at 0x10000, at 0x78 of the file.
    let core = |fill: [u8; 2]| {
        let mut core = vec![0; 0x78 + 2 * PAGE];
        core[..6].copy_from_slice(b"\x7FELF\x02\x01");
        (core[32], core[54], core[56], core[64]) = (64, 56, 1, 1);
        (core[64 + 8], core[64 + 18], core[64 + 33]) = (0x78, 1, 0x20);
        core[0x78..][..PAGE].fill(fill[0]);
        core[0x78 + PAGE..].fill(fill[1]);
        core
    };
    let mut memory = Memory::default();
    for (fill, pages) in [([1, 1], 2), ([1, 1], 2), ([2, 1], 3), ([2, 3], 5), ([1, 3], 6)] {
        memory.add(&core(fill));
        assert_eq!(memory.pages(), pages, "{fill:?}");
    }
    assert_eq!((memory.cores, memory.bytes), (5, 5 * (0x78 + 2 * PAGE)));
    // What goes over the edge between two pages is there.
    let edge = [[2; 32], [3; 32]].concat();
    let at = memory.kept.windows(64).position(|bytes| bytes == edge).expect("kept");
    assert_eq!(memory.new_in(at), 3);
}
