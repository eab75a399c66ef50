//! Values that say whose they are, which one, and when they were submitted, so that a consumer alone can check them:
//!
//! ```text
//! 0003-00000001234-0000000123456789…    producer, number from 0 on, nanoseconds since the run began, padding
//! ```
//!
//! The padding is noise without newlines: some stores compress what they log and send, which with equal letters would
//! leave next to nothing to do.

/// The shortest value.
pub const VALUE_MIN: usize = 33;

/// What a value says of itself.
#[derive(Debug, PartialEq)]
pub struct Stamp {
    pub producer: usize,
    pub number: u64,
    pub submitted_ns: u64,
}

/// The next values of one producer.
pub struct Values {
    producer: usize,
    next: u64,
    size: usize,
    /// Longer than a value, so that each takes another part of it.
    noise: Vec<u8>,
}

/// How far apart the parts of two values may be; a prime, so that they do not come round soon.
const SHIFTS: u64 = 65_521;

impl Values {
    pub fn new(producer: usize, size: usize) -> Values {
        let mut state = producer as u64 + 1;
        let mut noise = || loop {
            // splitmix64
            state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            let byte = (mixed >> 40) as u8;
            if byte != b'\n' {
                return byte;
            }
        };
        let noise = (0..size + SHIFTS as usize).map(|_| noise()).collect();
        Values { producer, next: 0, size, noise }
    }

    pub fn next(&mut self, now_ns: u64) -> Vec<u8> {
        let mut value = Vec::with_capacity(self.size + 1); // and a newline, where one is needed
        value.extend_from_slice(format!("{:04}-{:011}-{now_ns:016}", self.producer, self.next).as_bytes());
        let from = (self.next.wrapping_mul(40_503) % SHIFTS) as usize;
        value.extend_from_slice(&self.noise[from..from + self.size - VALUE_MIN]);
        self.next += 1;
        value
    }
}

/// What a value says, if it is one of ours and has this length.
pub fn parse(value: &[u8], size: usize) -> Option<Stamp> {
    if value.len() != size || value.get(4) != Some(&b'-') || value.get(16) != Some(&b'-') {
        return None;
    }
    let digits = |range: std::ops::Range<usize>| {
        value
            .get(range)?
            .iter()
            .try_fold(0_u64, |sum, digit| digit.is_ascii_digit().then(|| sum * 10 + u64::from(digit - b'0')))
    };
    Some(Stamp {
        producer: digits(0..4)? as usize,
        number: digits(5..16)?,
        submitted_ns: digits(17..VALUE_MIN)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_say_whose_they_are() {
        let mut values = Values::new(3, 64);
        let first = values.next(1);
        let second = values.next(987_654_321);
        assert_eq!((first.len(), first.contains(&b'\n')), (64, false));
        assert_ne!(first[VALUE_MIN..], second[VALUE_MIN..]);
        let stamp = Stamp { producer: 3, number: 1, submitted_ns: 987_654_321 };
        assert_eq!(parse(&second, 64), Some(stamp));
        assert_eq!((parse(&second, 63), parse(&[b'x'; 64], 64)), (None, None));
    }
}
