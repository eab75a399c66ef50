//! Bytes that lie in memory as a disk wants them.

use core::ops::{Deref, DerefMut};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// Enough for any device, and for a page of memory.
pub const ALIGNMENT: usize = 4096;

#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C, align(4096))]
struct Block([u8; ALIGNMENT]);

const ZEROS: Block = Block([0; ALIGNMENT]);

/// As a vector of bytes, but that it begins at a multiple of [`ALIGNMENT`].
#[derive(Clone, Debug, Default)]
pub struct Aligned {
    blocks: Vec<Block>,
    length: usize,
}

impl Aligned {
    /// With room for so many bytes before it must move.
    pub fn with_capacity(capacity: usize) -> Aligned {
        Aligned { blocks: Vec::with_capacity(capacity.div_ceil(ALIGNMENT)), length: 0 }
    }

    pub fn extend_from_slice(&mut self, bytes: &[u8]) {
        let at = self.length;
        self.grow(at + bytes.len());
        self[at..].copy_from_slice(bytes);
    }

    /// Cuts, or goes on with `value`.
    pub fn resize(&mut self, length: usize, value: u8) {
        let at = self.length.min(length);
        self.grow(length);
        self[at..].fill(value);
    }

    pub fn truncate(&mut self, length: usize) {
        self.length = self.length.min(length);
    }

    /// To this length; what is new may be anything.
    fn grow(&mut self, length: usize) {
        let blocks = length.div_ceil(ALIGNMENT);
        if blocks > self.blocks.len() {
            self.blocks.resize(blocks, ZEROS);
        }
        self.length = length;
    }
}

impl Deref for Aligned {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.blocks.as_bytes()[..self.length]
    }
}

impl DerefMut for Aligned {
    fn deref_mut(&mut self) -> &mut [u8] {
        &mut self.blocks.as_mut_bytes()[..self.length]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_holds_what_a_vector_would_and_begins_where_a_page_does() {
        let (mut aligned, mut vector) = (Aligned::with_capacity(5000), Vec::new());
        for step in 0..300_usize {
            let bytes = [step as u8].repeat(step * 7 % 61);
            aligned.extend_from_slice(&bytes);
            vector.extend_from_slice(&bytes);
            if step % 3 == 0 {
                let length = vector.len().next_multiple_of(64);
                aligned.resize(length, 0xA5);
                vector.resize(length, 0xA5);
            }
            if step % 50 == 0 {
                aligned.truncate(step);
                vector.truncate(step);
            }
            assert_eq!(aligned[..], vector[..]);
            assert!(aligned.as_ptr().addr().is_multiple_of(ALIGNMENT));
        }
        aligned.resize(3, 1);
        assert_eq!(aligned[..], vector[..3]);
    }
}
