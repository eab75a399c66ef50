//! Values that say whose they are, which one, and when they were submitted, so that a consumer alone can check them:
//!
//! ```text
//! 0003-00000001234-0000000123456789xxxx…    producer, number from 0 on, nanoseconds since the run began, padding
//! ```

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
}

impl Values {
    pub fn new(producer: usize, size: usize) -> Values {
        Values { producer, next: 0, size }
    }

    pub fn next(&mut self, now_ns: u64) -> Vec<u8> {
        let mut value = Vec::with_capacity(self.size + 1); // and a newline, where one is needed
        value.extend_from_slice(format!("{:04}-{:011}-{now_ns:016}", self.producer, self.next).as_bytes());
        value.resize(self.size, b'x');
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
        assert_eq!(values.next(1).len(), 64);
        let second = values.next(987_654_321);
        let stamp = Stamp { producer: 3, number: 1, submitted_ns: 987_654_321 };
        assert_eq!(parse(&second, 64), Some(stamp));
        assert_eq!((parse(&second, 63), parse(&[b'x'; 64], 64)), (None, None));
    }
}
