//! A buffer over what is read, which knows its place in the file and can go back to the start of a record.

use super::{Error, RECORD_MAX};
use std::io::{self, Read};

/// Room at first: a few of the largest datagrams, and small enough for a processor's cache.
const ROOM: usize = 256 << 10;
/// Room for a record of the largest size, which few files need.
const ROOM_MAX: usize = RECORD_MAX + ROOM;

/// Bytes on their way from a reader, in order. It reads only when it holds fewer than it is asked for.
pub struct Input<R> {
    reader: R,
    buffer: Box<[u8]>,
    /// The bytes of the current record, as far as it was not passed over, begin here.
    kept: usize,
    /// The bytes read and not yet taken are `buffer[start..end]`.
    start: usize,
    end: usize,
    /// Bytes still to be passed over before the next record.
    passing: usize,
    /// Where `start` lies in the file, bytes.
    offset: u64,
    /// Where the current record begins.
    record_at: u64,
}

impl<R: Read> Input<R> {
    pub fn new(reader: R) -> Input<R> {
        let buffer = vec![0; ROOM].into_boxed_slice();
        Input { reader, buffer, kept: 0, start: 0, end: 0, passing: 0, offset: 0, record_at: 0 }
    }

    pub fn reader(&mut self) -> &mut R {
        &mut self.reader
    }

    /// Marks that a record begins here, or returns false when the file ends here.
    pub fn begin_record(&mut self) -> Result<bool, Error> {
        self.pass()?;
        (self.kept, self.record_at) = (self.start, self.offset);
        Ok(!self.peek(1)?.is_empty())
    }

    /// Goes back to where the current record begins, because it is not all there yet. What was passed over
    /// stays so.
    pub fn rewind(&mut self) {
        self.offset -= (self.start - self.kept) as u64;
        self.start = self.kept;
    }

    /// Where the current record begins, bytes from the start of the file.
    pub fn record_at(&self) -> u64 {
        self.record_at
    }

    /// The next `wanted` bytes, which stay next; fewer only where the file ends.
    pub fn peek(&mut self, wanted: usize) -> Result<&[u8], Error> {
        assert!(
            wanted <= RECORD_MAX,
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

    /// Passes over the next `count` bytes, the rest of the current record, any number.
    pub fn skip(&mut self, count: usize) -> Result<(), Error> {
        self.passing = count;
        self.pass()
    }

    fn pass(&mut self) -> Result<(), Error> {
        while self.passing > 0 {
            if self.peek(1)?.is_empty() {
                return Err(self.cut(self.passing));
            }
            let step = self.passing.min(self.end - self.start);
            self.advance(step);
            self.passing -= step;
            self.kept = self.start;
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
        if self.kept == self.end {
            (self.kept, self.start, self.end) = (0, 0, 0);
        } else if self.end == self.buffer.len() {
            if self.kept == 0 {
                self.grow();
            }
            self.buffer.copy_within(self.kept..self.end, 0);
            (self.kept, self.start, self.end) = (0, self.start - self.kept, self.end - self.kept);
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

    /// Once, for a record larger than the room at first.
    fn grow(&mut self) {
        let mut larger = vec![0; ROOM_MAX].into_boxed_slice();
        larger[..self.end].copy_from_slice(&self.buffer[..self.end]);
        self.buffer = larger;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_come_in_order_across_the_end_of_the_buffer() {
        let file: Vec<u8> = (0..3 * ROOM_MAX as u32).map(|at| (at % 251) as u8).collect();
        let mut input = Input::new(&file[..]);
        let mut at = 0;
        for step in [1, RECORD_MAX, 7, RECORD_MAX - 1, 100_000] {
            assert!(input.begin_record().expect("it is there"));
            assert_eq!(input.take(step).expect("it is there"), &file[at..at + step]);
            at += step;
        }
        input.skip(500_000).expect("it is there");
        at += 500_000;
        assert!(input.begin_record().expect("it is there"));
        let rest = input.peek(RECORD_MAX).expect("a slice can be read").len();
        assert_eq!(rest, RECORD_MAX.min(file.len() - at));
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
    }

    /// Gives what there is, then says that it would have to wait.
    struct Growing<'a>(&'a [u8]);

    impl Read for Growing<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            match self.0.read(buffer) {
                Ok(0) => Err(io::ErrorKind::WouldBlock.into()),
                read => read,
            }
        }
    }

    #[test]
    fn a_record_that_is_not_all_there_is_read_again_from_its_start() {
        let file: Vec<u8> = (0..ROOM + 100).map(|at| (at % 251) as u8).collect();
        let mut input = Input::new(Growing(&file[..70]));
        input.take(60).expect("it is there");
        for known in [70, 80, ROOM + 20] {
            input.reader().0 = &file[input.end..known];
            assert!(input.begin_record().expect("it is there"));
            input.take(5).expect("it is there");
            assert!(matches!(input.take(ROOM), Err(Error::Io(_))));
            input.rewind();
        }
        input.reader().0 = &file[ROOM + 20..];
        assert!(input.begin_record().expect("it is there"));
        assert_eq!(input.record_at(), 60);
        assert_eq!(input.take(ROOM).expect("it is there"), &file[60..60 + ROOM]);
    }

    #[test]
    fn what_is_passed_over_need_not_be_there_at_once() {
        let file = [0; 100];
        let mut input = Input::new(Growing(&file[..30]));
        assert!(input.begin_record().expect("it is there"));
        input.take(10).expect("it is there");
        assert!(matches!(input.skip(60), Err(Error::Io(_))));
        input.rewind();
        assert!(matches!(input.begin_record(), Err(Error::Io(_))));
        input.reader().0 = &file[30..];
        assert!(input.begin_record().expect("it is there"));
        assert_eq!(input.record_at(), 70);
    }
}
