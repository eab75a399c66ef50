//! How much happened when, in a line.

/// How many pieces the time is cut into at most.
const PIECES: usize = 64;
const BLOCKS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// Counts over time. When the time does not suffice, each piece becomes twice as long.
pub struct Timeline {
    piece_ns: i128,
    counts: [u64; PIECES],
    used: usize,
}

impl Default for Timeline {
    fn default() -> Timeline {
        Timeline { piece_ns: 1_000, counts: [0; PIECES], used: 0 }
    }
}

impl Timeline {
    /// At `time_ns` since the start; what lies before the start counts as the start.
    pub fn add(&mut self, time_ns: i128, count: u64) {
        let time_ns = time_ns.max(0);
        while time_ns / self.piece_ns >= PIECES as i128 {
            for at in 0..PIECES {
                let pair = self.counts.get(2 * at..2 * at + 2).map_or(0, |pair| pair.iter().sum());
                self.counts[at] = pair;
            }
            self.used = self.used.div_ceil(2);
            self.piece_ns *= 2;
        }
        let at = (time_ns / self.piece_ns) as usize;
        self.counts[at] += count;
        self.used = self.used.max(at + 1);
    }

    /// How long a piece is, ns.
    pub fn piece_ns(&self) -> i128 {
        self.piece_ns
    }

    /// The count of each piece up to the last that has been reached.
    pub fn counts(&self) -> &[u64] {
        &self.counts[..self.used]
    }

    /// A block per piece, as high as its count is to the highest; a blank where there was nothing.
    pub fn line(&self) -> String {
        let most = self.counts().iter().copied().max().unwrap_or_default().max(1);
        let block = |count: &u64| match *count {
            0 => ' ',
            count => BLOCKS[((u128::from(count) * 8).div_ceil(u128::from(most)) as usize).clamp(1, 8) - 1],
        };
        self.counts().iter().map(block).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_length_of_time_fits_and_nothing_is_lost() {
        let mut timeline = Timeline::default();
        for time_ns in [-5, 0, 63_999, 64_000, 1_000_000_000, i128::from(u64::MAX)] {
            timeline.add(time_ns, 2);
        }
        assert_eq!(timeline.counts().iter().sum::<u64>(), 12);
        assert!(timeline.counts().len() <= PIECES && timeline.counts().len() > PIECES / 4);
        assert_eq!(timeline.line().chars().next(), Some('█'));
    }

    #[test]
    fn blocks_grow_with_the_counts() {
        let mut timeline = Timeline::default();
        for (at, count) in [1, 0, 4, 8].into_iter().enumerate() {
            timeline.add(at as i128 * 1_000, count);
        }
        assert_eq!(timeline.line(), "▁ ▄█");
    }
}
