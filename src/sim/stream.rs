//! What clients submit: values that tell who submitted them, and in which place.

use super::chance::Chance;
use crate::protocol::Nanos;
use std::io::Write;

/// The values of one start of a client.
#[derive(Clone, Debug)]
pub struct Stream {
    pub client: u16,
    pub incarnation: u64,
    /// Which start of this client it is, from 0.
    pub start: u64,
    pub values: u64,
    pub shape: Shape,
    /// Values handed to the client so far.
    pub offered: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// `c1.0#17`, filled up to this many bytes.
    Named { bytes: usize },
    /// Of any length, from none to some packets, and any bytes but a newline: such a value tells nothing
    /// about itself.
    Odd,
}

impl Stream {
    /// Appends the value at this place, without its newline.
    pub fn value(&self, number: u64, to: &mut Vec<u8>) {
        match self.shape {
            Shape::Named { bytes } => {
                let end = to.len() + bytes;
                // Writing to a vector cannot fail.
                let _ = write!(to, "c{}.{}#{number}", self.client, self.start);
                if to.len() < end {
                    to.push(b' ');
                    to.resize(end.max(to.len()), b'x');
                }
            }
            Shape::Odd => {
                let mut chance = Chance::new(number << 24 | u64::from(self.client) << 8 | self.start);
                let most = chance.pick(&[1, 1, 2, 40, 1400, 1500, 6000]);
                let length = chance.below(most);
                let bytes = (0..length).map(|_| chance.draw() as u8);
                to.extend(bytes.map(|byte| if byte == b'\n' { 0 } else { byte }));
            }
        }
    }
}

/// A stream on its way into a client, at a pace.
#[derive(Debug)]
pub struct Feed {
    /// Which of the world's streams.
    pub stream: usize,
    pub per_second: Option<u64>,
    pub begun: Nanos,
    pub pending: Vec<u8>,
    pub taken: usize,
    pub ended: bool,
}

impl Feed {
    pub fn new(stream: usize, per_second: Option<u64>, begun: Nanos) -> Feed {
        Feed { stream, per_second, begun, pending: Vec::new(), taken: 0, ended: false }
    }

    /// How many values may have been handed in by now.
    pub fn allowed(&self, now: Nanos) -> u64 {
        match self.per_second {
            None => u64::MAX,
            Some(rate) => (u128::from(now - self.begun) * u128::from(rate) / 1_000_000_000) as u64 + 1,
        }
    }

    /// When one more may be handed in.
    pub fn next(&self, offered: u64) -> Option<Nanos> {
        self.per_second
            .map(|rate| self.begun + (u128::from(offered) * 1_000_000_000 / u128::from(rate)) as u64 + 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_says_who_submitted_it_in_which_place_and_is_as_long_as_it_should_be() {
        let shape = Shape::Named { bytes: 12 };
        let stream = Stream { client: 3, incarnation: 9, start: 1, values: 9, shape, offered: 0 };
        let mut bytes = b"before ".to_vec();
        stream.value(17, &mut bytes);
        assert_eq!(bytes, b"before c3.1#17 xxxx");
    }
}
