//! Whether a learner's output is right: each value exactly once, each client's in the order it sent them.
//!
//! Both hold exactly when every line is the next one of its client, from the first to the last. That all
//! learners print the same order is seen from a hash of all that each has printed.

use super::lines::{self, Lines};
use std::fmt;
use std::hash::Hasher;
use twox_hash::XxHash3_64;

/// What is wrong with an output.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wrong {
    /// This value had been printed already, or an earlier one after it.
    Again { client: u16, number: u64, expected: u64 },
    /// Values from `expected` on are missing, or come after this one.
    Skipped { client: u16, number: u64, expected: u64 },
    /// Nobody sent such a line.
    Foreign { line: String },
}

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Wrong::Again { client, number, expected } => write!(
                f,
                "value {number} of client {client} came where {expected} was due: it is doubled or out of order"
            ),
            Wrong::Skipped { client, number, expected } => write!(
                f,
                "value {number} of client {client} came where {expected} was due: one is lost or out of order"
            ),
            Wrong::Foreign { line } => write!(f, "nobody submitted the value {line:?}"),
        }
    }
}

/// Values of one client that came one right after the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stretch {
    /// The client's place among the clients, from 0 on.
    pub client: usize,
    /// Number of the first value.
    pub first: u64,
    pub count: u64,
}

/// The sum of an output.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sum {
    /// Values of each client.
    pub values: Vec<u64>,
    /// Of all bytes.
    pub hash: u64,
    /// Bytes after the last newline.
    pub rest: usize,
}

/// Reads the output of one learner, in pieces as they come.
pub struct Checker {
    /// What each client's next line must be; clients have the ids 1, 2, 3, …
    expected: Vec<Lines>,
    line_bytes: usize,
    /// The beginning of a line whose end has not come.
    partial: Vec<u8>,
    last: usize,
    hash: XxHash3_64,
}

impl Checker {
    pub fn new(clients: u16, size: usize) -> Checker {
        Checker {
            expected: (1..=clients).map(|client| Lines::new(client, size)).collect(),
            line_bytes: size + 1,
            partial: Vec::with_capacity(size + 1),
            last: 0,
            hash: XxHash3_64::new(),
        }
    }

    /// Takes the next piece; tells of the values that are complete with it.
    ///
    /// # Errors
    /// The first thing that is wrong; the checker is of no use after that.
    pub fn take(&mut self, bytes: &[u8], mut tell: impl FnMut(Stretch)) -> Result<(), Wrong> {
        self.hash.write(bytes);
        let mut stretch = Stretch { client: self.last, first: self.expected[self.last].next(), count: 0 };
        let mut rest = bytes;
        if !self.partial.is_empty() {
            let (end, after) = rest.split_at(rest.len().min(self.line_bytes - self.partial.len()));
            self.partial.extend_from_slice(end);
            rest = after;
            if self.partial.len() == self.line_bytes {
                let line = std::mem::take(&mut self.partial);
                self.line(&line, &mut stretch, &mut tell)?;
                self.partial = line;
                self.partial.clear();
            }
        }
        let mut lines = rest.chunks_exact(self.line_bytes);
        for line in &mut lines {
            self.line(line, &mut stretch, &mut tell)?;
        }
        self.partial.extend_from_slice(lines.remainder());
        if stretch.count > 0 {
            tell(stretch);
        }
        Ok(())
    }

    fn line(
        &mut self,
        line: &[u8],
        stretch: &mut Stretch,
        tell: &mut impl FnMut(Stretch),
    ) -> Result<(), Wrong> {
        if self.expected[self.last].line() != line {
            self.last = self.find(line)?;
            if stretch.count > 0 {
                tell(*stretch);
            }
            *stretch = Stretch { client: self.last, first: self.expected[self.last].next(), count: 0 };
        }
        self.expected[self.last].advance();
        stretch.count += 1;
        Ok(())
    }

    /// Which client's next line this is.
    fn find(&self, line: &[u8]) -> Result<usize, Wrong> {
        let foreign = || {
            let shown = &line[..line.len().min(40)];
            Wrong::Foreign { line: String::from_utf8_lossy(shown).trim_end().into() }
        };
        let (client, number) = lines::parse(line).ok_or_else(foreign)?;
        let at = usize::from(client).checked_sub(1).ok_or_else(foreign)?;
        let lines = self.expected.get(at).ok_or_else(foreign)?;
        let expected = lines.next();
        match number {
            _ if lines.line() == line => Ok(at),
            _ if number == expected => Err(foreign()), // the padding differs
            _ if number < expected => Err(Wrong::Again { client, number, expected }),
            _ => Err(Wrong::Skipped { client, number, expected }),
        }
    }

    pub fn sum(&self) -> Sum {
        Sum {
            values: self.expected.iter().map(Lines::next).collect(),
            hash: self.hash.finish(),
            rest: self.partial.len(),
        }
    }
}

/// Whether all learners printed all that was submitted (`submitted` values of each client), in one order.
///
/// # Errors
/// A sentence about the first learner that did not.
pub fn agree(sums: &[Sum], submitted: &[u64]) -> Result<(), String> {
    for (learner, sum) in (1..).zip(sums) {
        for (client, (printed, submitted)) in (1..).zip(sum.values.iter().zip(submitted)) {
            if printed != submitted {
                return Err(format!(
                    "learner {learner} printed {printed} values of client {client}, which submitted {submitted}"
                ));
            }
        }
        if sum.rest > 0 {
            return Err(format!(
                "the output of learner {learner} ends within a line, {} bytes of it",
                sum.rest
            ));
        }
        if sum.hash != sums[0].hash {
            return Err(format!("learners 1 and {learner} printed the values in different orders"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIZE: usize = 20;

    /// The lines of these values, as (client, number).
    fn output(values: &[(u16, u64)]) -> Vec<u8> {
        let line = |&(client, number): &(u16, u64)| format!("{client:04}-{number:011}xxxx\n").into_bytes();
        values.iter().flat_map(line).collect()
    }

    fn check(values: &[(u16, u64)]) -> Result<Sum, Wrong> {
        let mut checker = Checker::new(2, SIZE);
        checker.take(&output(values), |_| ()).map(|()| checker.sum())
    }

    #[test]
    fn any_interleaving_of_clients_is_right_however_it_is_cut() {
        let values = [(1, 0), (1, 1), (2, 0), (1, 2), (2, 1), (2, 2)];
        let whole = check(&values).expect("it is right");
        assert_eq!((whole.values.as_slice(), whole.rest), ([3, 3].as_slice(), 0));
        for piece in 1..50 {
            let mut checker = Checker::new(2, SIZE);
            let mut seen = Vec::new();
            for bytes in output(&values).chunks(piece) {
                let tell = |stretch: Stretch| {
                    seen.extend((0..stretch.count).map(|at| (stretch.client as u16 + 1, stretch.first + at)));
                };
                checker.take(bytes, tell).expect("it is right");
            }
            assert_eq!(seen, values, "pieces of {piece} bytes");
            assert_eq!(checker.sum(), whole);
        }
    }

    #[test]
    fn values_of_one_client_in_a_row_are_told_at_once() {
        let mut seen = Vec::new();
        let bytes = output(&[(1, 0), (1, 1), (2, 0), (2, 1), (2, 2)]);
        Checker::new(2, SIZE).take(&bytes, |stretch| seen.push(stretch)).expect("it is right");
        let stretch = |client, count| Stretch { client, first: 0, count };
        assert_eq!(seen, [stretch(0, 2), stretch(1, 3)]);
    }

    #[test]
    fn a_doubled_value_is_found() {
        let wrong = check(&[(1, 0), (2, 0), (1, 0)]).unwrap_err();
        assert_eq!(wrong, Wrong::Again { client: 1, number: 0, expected: 1 });
    }

    #[test]
    fn a_lost_value_is_found_in_the_middle_and_at_the_end() {
        let wrong = check(&[(1, 0), (2, 0), (2, 2)]).unwrap_err();
        assert_eq!(wrong, Wrong::Skipped { client: 2, number: 2, expected: 1 });
        let short = check(&[(1, 0), (2, 0)]).expect("so far it is right");
        assert!(agree(&[short], &[1, 2]).unwrap_err().contains("learner 1 printed 1 values of client 2"));
    }

    #[test]
    fn values_of_a_client_in_another_order_are_found() {
        let wrong = check(&[(1, 1), (1, 0)]).unwrap_err();
        assert_eq!(wrong, Wrong::Skipped { client: 1, number: 1, expected: 0 });
    }

    #[test]
    fn changed_and_invented_lines_are_found() {
        let mut bytes = output(&[(1, 0)]);
        bytes[18] = b'y';
        let padding = Checker::new(2, SIZE).take(&bytes, |_| ());
        assert!(matches!(padding, Err(Wrong::Foreign { .. })));
        for invented in [check(&[(3, 0)]), check(&[(0, 0)])] {
            assert!(matches!(invented, Err(Wrong::Foreign { .. })));
        }
    }

    #[test]
    fn learners_that_differ_in_the_order_of_clients_are_found() {
        let one = check(&[(1, 0), (2, 0)]).expect("right by itself");
        let two = check(&[(2, 0), (1, 0)]).expect("right by itself");
        assert_eq!(agree(&[one.clone(), one.clone()], &[1, 1]), Ok(()));
        let sentence = agree(&[one.clone(), one, two], &[1, 1]).unwrap_err();
        assert!(sentence.contains("learners 1 and 3"), "{sentence}");
    }

    #[test]
    fn an_output_that_ends_within_a_line_is_found() {
        let mut checker = Checker::new(1, SIZE);
        let bytes = [output(&[(1, 0)]).as_slice(), b"0001-"].concat();
        checker.take(&bytes, |_| ()).expect("right so far");
        assert!(agree(&[checker.sum()], &[1]).unwrap_err().contains("ends within a line, 5 bytes"));
    }
}
