//! A bounded set of instances, kept as ranges.

use wire::{RANGES_MAX, Range, RangeRecord};

/// Ascending ranges with gaps between them, no more than one packet carries.
#[derive(Clone, Debug, Default, Hash)]
pub struct RangeSet {
    ranges: heapless::Vec<Range, RANGES_MAX>,
}

impl RangeSet {
    /// Adds an instance. `false` when that would take one range too many.
    pub fn insert(&mut self, instance: u64) -> bool {
        // Nearly always the instance right after the last one.
        let at = match self.ranges.last() {
            Some(last) if last.until <= instance => self.ranges.len(),
            _ => self.ranges.partition_point(|range| range.until <= instance),
        };
        if self.ranges.get(at).is_some_and(|range| range.contains(instance)) {
            return true;
        }
        let joins_before = at > 0 && self.ranges[at - 1].until == instance;
        let joins_after = self.ranges.get(at).is_some_and(|range| range.first == instance + 1);
        match (joins_before, joins_after) {
            (true, true) => {
                self.ranges[at - 1].until = self.ranges[at].until;
                self.ranges.remove(at);
            }
            (true, false) => self.ranges[at - 1].until += 1,
            (false, true) => self.ranges[at].first = instance,
            (false, false) => return self.ranges.insert(at, Range::new(instance, instance + 1)).is_ok(),
        }
        true
    }

    /// Whether [`RangeSet::insert`] would succeed.
    pub fn accepts(&self, instance: u64) -> bool {
        !self.ranges.is_full()
            || self
                .ranges
                .iter()
                .any(|r| r.contains(instance) || r.until == instance || r.first == instance + 1)
    }

    /// Drops every instance below.
    pub fn trim(&mut self, below: u64) {
        while self.ranges.first().is_some_and(|range| range.until <= below) {
            self.ranges.remove(0);
        }
        if let Some(first) = self.ranges.first_mut() {
            first.first = first.first.max(below);
        }
    }

    pub fn clear(&mut self) {
        self.ranges.clear();
    }

    pub fn ranges(&self) -> &[Range] {
        &self.ranges
    }

    pub fn records(&self) -> heapless::Vec<RangeRecord, RANGES_MAX> {
        records(&self.ranges)
    }
}

/// Appends an instance to ascending ranges. `false` when it would take one range too many.
pub fn append<const N: usize>(ranges: &mut heapless::Vec<Range, N>, instance: u64) -> bool {
    if let Some(last) = ranges.last_mut()
        && last.until == instance
    {
        last.until += 1;
        return true;
    }
    ranges.push(Range::new(instance, instance + 1)).is_ok()
}

/// Ranges as they stand in a packet.
pub fn records(ranges: &[Range]) -> heapless::Vec<RangeRecord, RANGES_MAX> {
    ranges.iter().take(RANGES_MAX).map(|range| RangeRecord::new(*range)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::random::Random;
    use std::collections::BTreeSet;

    #[test]
    fn behaves_as_a_plain_set_does() {
        let mut random = Random::new(7);
        for _ in 0..200 {
            let (mut set, mut model) = (RangeSet::default(), BTreeSet::new());
            for step in 0..300 {
                let instance = random.draw() % 250;
                let accepts = set.accepts(instance);
                assert_eq!(set.insert(instance), accepts);
                if accepts {
                    model.insert(instance);
                }
                if step % 50 == 49 {
                    let below = random.draw() % 100;
                    set.trim(below);
                    model = model.split_off(&below);
                }
                let all: Vec<u64> = set.ranges().iter().flat_map(|range| range.first..range.until).collect();
                assert!(all.iter().eq(model.iter()), "{all:?} is not {model:?}");
                assert!(set.ranges().windows(2).all(|pair| pair[0].until < pair[1].first));
            }
        }
    }

    #[test]
    fn refuses_one_range_too_many_and_says_so_before() {
        let mut set = RangeSet::default();
        for at in 0..RANGES_MAX as u64 {
            assert!(set.insert(at * 2));
        }
        assert!(!set.accepts(1000) && !set.insert(1000));
        assert!(set.accepts(3) && set.insert(3), "joining two ranges makes room");
        assert!(set.insert(1000));
    }
}
