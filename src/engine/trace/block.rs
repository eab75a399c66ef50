//! Blocks of a trace: memory that the packet path fills, so placed that a disk can take it without a copy.

use wire::capture::write::{self, FILLER_MIN};

/// What disks take at once: addresses, places in a file and lengths are multiples of it, or of a divisor.
pub const SECTOR: usize = 4096;

/// Room for records. It does not grow, and so it does not move.
pub struct Block {
    /// What stands before `start` only moves the records to where a disk can take them from.
    bytes: Vec<u8>,
    start: usize,
    room: usize,
}

impl Block {
    /// With room for so many bytes. What is never filled is never memory.
    pub fn new(room: usize) -> Block {
        let mut bytes: Vec<u8> = Vec::with_capacity(SECTOR + room + 2 * SECTOR);
        let start = bytes.as_ptr().align_offset(SECTOR).min(SECTOR);
        bytes.resize(start, 0);
        Block { bytes, start, room }
    }

    /// The records, to add to them no more than there is room [`left`](Block::left).
    pub fn records(&mut self) -> &mut Vec<u8> {
        &mut self.bytes
    }

    pub fn bytes(&self) -> &[u8] {
        &self.bytes[self.start..]
    }

    pub fn len(&self) -> usize {
        self.bytes.len() - self.start
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many bytes there is room for.
    pub fn left(&self) -> usize {
        self.room.saturating_sub(self.len())
    }

    pub fn clear(&mut self) {
        self.bytes.truncate(self.start);
    }

    /// Makes it whole sectors long, by a record that says nothing.
    pub fn fill(&mut self) {
        let gap = gap(self.len());
        if gap > 0 {
            write::filler(&mut self.bytes, gap);
        }
    }
}

/// How long a filler must be behind so many bytes to make them whole sectors; 0: none is needed.
pub fn gap(length: usize) -> usize {
    let gap = length.next_multiple_of(SECTOR) - length;
    if gap > 0 && gap < FILLER_MIN { gap + SECTOR } else { gap }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filled_block_is_whole_sectors_and_has_not_moved() {
        for length in (0..2 * SECTOR).step_by(4).chain([8 * SECTOR - 4, 8 * SECTOR]) {
            let mut block = Block::new(8 * SECTOR);
            let place = block.bytes().as_ptr();
            assert_eq!(place.align_offset(SECTOR), 0);
            block.records().extend(std::iter::repeat_n(7, length));
            assert_eq!((block.len(), block.left()), (length, 8 * SECTOR - length));
            block.fill();
            assert_eq!((block.bytes().as_ptr(), block.len() % SECTOR), (place, 0));
            assert!(
                block.len() < length + SECTOR + FILLER_MIN && block.bytes()[..length].iter().all(|b| *b == 7)
            );
            block.clear();
            assert!(block.is_empty());
        }
    }
}
