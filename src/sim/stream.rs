//! What clients submit: values that tell who submitted them, and in which place.

use super::chance::Chance;

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
    /// Values that came out of the log.
    pub delivered: u64,
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
    /// The value at this place, without its newline.
    pub fn value(&self, number: u64) -> Vec<u8> {
        match self.shape {
            Shape::Named { bytes } => {
                let mut value = format!("c{}.{}#{number}", self.client, self.start).into_bytes();
                if value.len() < bytes {
                    value.push(b' ');
                    value.resize(bytes.max(value.len()), b'x');
                }
                value
            }
            Shape::Odd => {
                let mut chance = Chance::new(number << 24 | u64::from(self.client) << 8 | self.start);
                let most = chance.pick(&[1, 1, 2, 40, 1400, 1500, 6000]);
                let length = chance.below(most);
                (0..length)
                    .map(|_| chance.draw() as u8)
                    .map(|byte| if byte == b'\n' { 0 } else { byte })
                    .collect()
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
    pub begun: u64,
    pub pending: Vec<u8>,
    pub taken: usize,
    pub ended: bool,
}

impl Feed {
    /// How many values may have been handed in by now.
    pub fn allowed(&self, now: u64) -> u64 {
        match self.per_second {
            None => u64::MAX,
            Some(rate) => ((now - self.begun) as u128 * u128::from(rate) / 1_000_000_000) as u64 + 1,
        }
    }

    /// When one more may be handed in.
    pub fn next(&self, offered: u64) -> Option<u64> {
        self.per_second
            .map(|rate| self.begun + (u128::from(offered) * 1_000_000_000 / u128::from(rate)) as u64 + 1)
    }
}
