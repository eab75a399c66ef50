//! How much one read of a socket brings.
//!
//! What is read is acted on before more is read, and while it fits the nearest caches of a core that is quicker: a
//! megabyte of long runs, read at once, would push out its own beginning. Of short datagrams many are read at once, for
//! then it is the system calls that cost.

use super::batch::READ_MAX;

/// Bytes of a read, about: two runs.
const BYTES: usize = 128 << 10;
/// Datagrams of a read at least, so that not every run costs a second read that finds nothing.
const LEAST: usize = 2;

/// Of one socket.
#[derive(Clone, Copy, Debug)]
pub struct Portion {
    datagrams: usize,
}

impl Default for Portion {
    fn default() -> Portion {
        Portion { datagrams: READ_MAX }
    }
}

impl Portion {
    /// How many datagrams the next read may bring.
    pub fn datagrams(&self) -> usize {
        self.datagrams
    }

    /// A read brought so many datagrams, and so many bytes in all.
    pub fn came(&mut self, datagrams: usize, bytes: usize) {
        if datagrams > 0 {
            self.datagrams = (BYTES * datagrams / bytes.max(1)).clamp(LEAST, READ_MAX);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_long_runs_few_are_read_at_once_and_of_short_datagrams_many() {
        let mut portion = Portion::default();
        assert_eq!(portion.datagrams(), READ_MAX);
        portion.came(16, 16 * 65_000);
        assert_eq!(portion.datagrams(), 2);
        portion.came(0, 0);
        assert_eq!(portion.datagrams(), 2, "nothing tells nothing");
        portion.came(2, 2 * 20_000);
        assert_eq!(portion.datagrams(), 6);
        portion.came(3, 3 * 100);
        assert_eq!(portion.datagrams(), READ_MAX);
        portion.came(1, 0);
        assert_eq!(portion.datagrams(), READ_MAX);
    }
}
