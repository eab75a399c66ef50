//! A buffer of fixed size over what is read, which knows its place in the file.

use super::{Error, RECORD_MAX};
use std::io::{self, Read};

/// Room for a record of the largest size, however it lies.
const BUFFER: usize = RECORD_MAX + (64 << 10);

/// Bytes on their way from a reader, in order. It reads only when it holds fewer than it is asked for.
pub struct Input<R> {
    reader: R,
    buffer: Box<[u8]>,
    /// The bytes read and not yet taken are `buffer[start..end]`.
    start: usize,
    end: usize,
    /// Where `start` lies in the file, bytes.
    offset: u64,
    /// Where the current record begins.
    record_at: u64,
}

impl<R: Read> Input<R> {
    pub fn new(reader: R) -> Input<R> {
        let buffer = vec![0; BUFFER].into_boxed_slice();
        Input { reader, buffer, start: 0, end: 0, offset: 0, record_at: 0 }
    }

    /// Marks that a record begins here, or returns false when the file ends here.
    pub fn begin_record(&mut self) -> Result<bool, Error> {
        self.record_at = self.offset;
        Ok(!self.peek(1)?.is_empty())
    }

    /// Where the current record begins, bytes from the start of the file.
    pub fn record_at(&self) -> u64 {
        self.record_at
    }

    /// The next `wanted` bytes, which stay next; fewer only where the file ends.
    pub fn peek(&mut self, wanted: usize) -> Result<&[u8], Error> {
        assert!(
            wanted <= BUFFER,
            "asked for {wanted} bytes at once: lengths are checked before they are asked for"
        );
        while self.end - self.start < wanted && self.read()? > 0 {}
        let end = self.end.min(self.start + wanted);
        Ok(&self.buffer[self.start..end])
    }

    /// The next `wanted` bytes, which are part of the current record.
    pub fn peek_whole(&mut self, wanted: usize) -> Result<&[u8], Error> {
        let found = self.peek(wanted)?.len();
        if found < wanted {
            return Err(self.cut(wanted - found));
        }
        Ok(&self.buffer[self.start..self.start + wanted])
    }

    /// Takes the next `wanted` bytes, which are part of the current record.
    pub fn take(&mut self, wanted: usize) -> Result<&[u8], Error> {
        self.peek_whole(wanted)?;
        let from = self.start;
        self.advance(wanted);
        Ok(&self.buffer[from..from + wanted])
    }

    /// Passes over `count` bytes of the current record, any number.
    pub fn skip(&mut self, count: usize) -> Result<(), Error> {
        let mut left = count;
        while left > 0 {
            let found = self.peek(1)?.len();
            if found == 0 {
                return Err(self.cut(left));
            }
            let step = left.min(self.end - self.start);
            self.advance(step);
            left -= step;
        }
        Ok(())
    }

    fn advance(&mut self, count: usize) {
        self.start += count;
        self.offset += count as u64;
    }

    fn cut(&self, missing: usize) -> Error {
        let at = self.offset + (self.end - self.start) as u64;
        Error::Cut { at, record_at: self.record_at, missing }
    }

    /// Reads once. Returns how many bytes came: 0 at the end of the file.
    fn read(&mut self) -> Result<usize, Error> {
        if self.start == self.end {
            (self.start, self.end) = (0, 0);
        } else if self.end == self.buffer.len() {
            self.buffer.copy_within(self.start..self.end, 0);
            (self.start, self.end) = (0, self.end - self.start);
        }
        loop {
            match self.reader.read(&mut self.buffer[self.end..]) {
                Ok(count) => {
                    self.end += count;
                    return Ok(count);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(Error::Io(error)),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_come_in_order_across_the_end_of_the_buffer() {
        let file: Vec<u8> = (0..3 * BUFFER as u32).map(|at| (at % 251) as u8).collect();
        let mut input = Input::new(&file[..]);
        let mut at = 0;
        for step in [1, RECORD_MAX, 7, RECORD_MAX - 1, 100_000] {
            assert_eq!(input.take(step).expect("it is there"), &file[at..at + step]);
            at += step;
        }
        input.skip(500_000).expect("it is there");
        at += 500_000;
        let rest = input.peek(RECORD_MAX).expect("a slice can be read").len();
        assert_eq!(rest, file.len() - at);
    }

    #[test]
    fn a_cut_is_told_with_its_place() {
        let mut input = Input::new(&[0; 100][..]);
        input.take(60).expect("it is there");
        assert!(input.begin_record().expect("a slice can be read"));
        input.take(10).expect("it is there");
        let told = |error| matches!(error, Err(Error::Cut { at: 100, record_at: 60, missing: 7 }));
        assert!(told(input.take(37).map(drop)));
        assert!(told(input.skip(37)));
        assert!(!input.begin_record().expect("a slice can be read"));
    }
}
