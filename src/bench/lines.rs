//! The values of a bench: lines of one length that say whose they are and which one.
//!
//! ```text
//! 0003-00000001234xxxxxxxx…    client, number of the value from 0 on, padding
//! ```
//!
//! A line is made by patching the digits of the one before, so that making a value costs little more than
//! copying it.

/// Bytes of client and number: the shortest value.
pub const VALUE_MIN: usize = 16;
/// Clients whose number fits.
pub const CLIENTS_MAX: u16 = 9999;

const CLIENT_DIGITS: usize = 4;
const NUMBER: std::ops::Range<usize> = CLIENT_DIGITS + 1..VALUE_MIN;

/// The next line of a client.
#[derive(Clone, Debug)]
pub struct Lines {
    line: Vec<u8>,
    next: u64,
}

impl Lines {
    /// From value 0 on; `size` is the length of a value in bytes, its newline not counted.
    ///
    /// # Panics
    /// When `size` is below [`VALUE_MIN`], or the client above [`CLIENTS_MAX`].
    pub fn new(client: u16, size: usize) -> Lines {
        assert!(size >= VALUE_MIN && client <= CLIENTS_MAX, "checked where the options are read");
        let mut line = format!("{client:04}-{:011}", 0).into_bytes();
        line.resize(size, b'x');
        line.push(b'\n');
        Lines { line, next: 0 }
    }

    /// The number of the next value.
    pub fn next(&self) -> u64 {
        self.next
    }

    /// The next line, with its newline.
    pub fn line(&self) -> &[u8] {
        &self.line
    }

    /// Goes on to the one after it.
    pub fn advance(&mut self) {
        self.next += 1;
        for digit in self.line[NUMBER].iter_mut().rev() {
            if *digit != b'9' {
                *digit += 1;
                return;
            }
            *digit = b'0';
        }
    }

    /// Appends the next `count` lines.
    pub fn append(&mut self, count: u64, to: &mut Vec<u8>) {
        for _ in 0..count {
            to.extend_from_slice(&self.line);
            self.advance();
        }
    }
}

/// Whose line this is and which one, if it begins as ours do.
pub fn parse(line: &[u8]) -> Option<(u16, u64)> {
    let digits = |range: std::ops::Range<usize>| {
        line.get(range)?
            .iter()
            .try_fold(0_u64, |sum, digit| digit.is_ascii_digit().then(|| sum * 10 + u64::from(digit - b'0')))
    };
    (line.get(CLIENT_DIGITS) == Some(&b'-')).then_some(())?;
    Some((digits(0..CLIENT_DIGITS)? as u16, digits(NUMBER)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_have_the_length_asked_for_and_count_up() {
        for size in [VALUE_MIN, 17, 1000] {
            let mut lines = Lines::new(7, size);
            let mut made = Vec::new();
            lines.append(1234, &mut made);
            assert_eq!((made.len(), lines.next()), (1234 * (size + 1), 1234));
            for (number, line) in (0..).zip(made.chunks(size + 1)) {
                assert_eq!(line.last(), Some(&b'\n'));
                assert_eq!(parse(line), Some((7, number)));
                assert_eq!(&line[..VALUE_MIN], format!("0007-{number:011}").as_bytes());
            }
        }
    }

    #[test]
    fn what_is_not_a_line_of_ours_is_not_taken_for_one() {
        for line in
            ["", "0001", "0001 00000000001", "0001-0000000000", "000a-00000000001", "0001-000000x0001"]
        {
            assert_eq!(parse(line.as_bytes()), None, "{line}");
        }
    }
}
