//! What an acceptor accepted, in memory.

use super::copy::copy;
use crate::limits::STORE_MAX;
use core::hash::{Hash, Hasher};
use std::collections::BTreeMap;
use wire::{Ballot, Batch, RUNS_MAX, Range, Run};

/// Instances per chunk of the index.
const CHUNK: u64 = 1024;
/// Bytes per block of payloads. The first is small, and each is twice as long as the one before: an idle
/// acceptor takes little, a busy one soon allocates once in a thousand packets.
const BLOCK: core::ops::RangeInclusive<usize> = 4 << 10..=1 << 20;
/// Bytes of a block that the system is asked for at once: a stall of some 40 µs, in place of 32 shorter ones that
/// take half as long again.
const TOUCH: usize = 128 << 10;
/// Bytes of a block that is there before it is needed.
const RESERVED: usize = 64 << 20;
/// Instances that one page of 1b looks at.
const PAGE_SCAN: u64 = 1 << 16;

/// An accepted batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Accepted<'a> {
    /// The highest ballot in which it was accepted.
    pub ballot: Ballot,
    /// Known decided.
    pub decided: bool,
    /// The batch.
    pub bytes: &'a [u8],
}

#[derive(Clone, Copy, PartialEq, Eq)]
struct Place {
    ballot: Ballot,
    block: u32,
    offset: u32,
    length: u16,
    decided: bool,
}

const NOTHING: Place = Place { ballot: Ballot::ZERO, block: 0, offset: 0, length: 0, decided: false };

/// Why something was not stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// No memory is left for it.
    Full,
    /// A proposal of a ballot below the one that is stored: what a leader that was outvoted still sends.
    Late,
    /// Another batch is stored that was decided, or proposed in the same ballot, or in a higher one than a
    /// decision: two values were chosen, or somebody lies.
    Conflict,
}

/// Has the system put memory behind zeroed bytes that will be written soon. That may be nothing: they have it
/// when they are written, page by page.
pub type Touch = fn(&mut [u8]);

/// Accepted batches by instance. It grows with the log, by a chunk or a block at a time, up to [`STORE_MAX`].
pub struct Store {
    chunks: BTreeMap<u64, Box<[Place]>>,
    blocks: Vec<Box<[u8]>>,
    /// Blocks to come, with memory behind all of them.
    reserved: Vec<Box<[u8]>>,
    /// Bytes of all blocks, but for those to come.
    allocated: usize,
    /// Bytes of the last block that are taken.
    used: usize,
    /// Bytes of the last block that have memory behind them.
    touched: usize,
    touch: Touch,
    top: u64,
    /// Bytes.
    limit: usize,
}

impl Default for Store {
    fn default() -> Store {
        Store::bounded(STORE_MAX)
    }
}

impl Store {
    /// That takes no more than so many bytes, a block and a chunk apart.
    fn bounded(limit: usize) -> Store {
        Store {
            chunks: BTreeMap::new(),
            blocks: Vec::new(),
            reserved: Vec::new(),
            allocated: 0,
            used: 0,
            touched: 0,
            touch: |_| {},
            top: 0,
            limit,
        }
    }

    /// An empty one that has its memory from the system by this.
    pub fn touching(touch: Touch) -> Store {
        Store { touch, ..Store::default() }
    }

    /// An empty one that has its memory as this one has.
    pub fn emptied(&self) -> Store {
        Store { touch: self.touch, ..Store::bounded(self.limit) }
    }

    /// Has memory put behind so many bytes now, so that what is accepted later need not wait for it.
    pub fn reserve(&mut self, bytes: usize) {
        // The last one is the shortest. It is used last, so that it does not stand before the others if no batch fits it.
        for begin in (0..bytes).step_by(RESERVED).rev() {
            let mut block = vec![0; RESERVED.min(bytes - begin)].into_boxed_slice();
            (self.touch)(&mut block);
            self.reserved.push(block);
        }
    }

    /// One past the highest instance stored.
    pub fn top(&self) -> u64 {
        self.top
    }

    pub fn get(&self, instance: u64) -> Option<Accepted<'_>> {
        let place = self.place(instance)?;
        let bytes = self.bytes(place);
        Some(Accepted { ballot: place.ballot, decided: place.decided, bytes })
    }

    pub fn decided(&self, instance: u64) -> bool {
        self.place(instance).is_some_and(|place| place.decided)
    }

    /// The ballot in which the instance was accepted; [`Ballot::ZERO`] when it was not.
    pub fn ballot(&self, instance: u64) -> Ballot {
        self.place(instance).map_or(Ballot::ZERO, |place| place.ballot)
    }

    /// Stores a batch, in place of one of a lower ballot. Returns whether that changed anything.
    ///
    /// # Errors
    /// See [`Refused`]; then nothing has changed.
    pub fn put(
        &mut self,
        instance: u64,
        ballot: Ballot,
        batch: Batch<'_>,
        decided: bool,
    ) -> Result<bool, Refused> {
        let bytes = batch.as_bytes();
        // An empty batch takes no bytes, but its place does.
        if self.is_full() && !self.chunks.contains_key(&(instance / CHUNK)) {
            return Err(Refused::Full);
        }
        let before = self.place(instance).copied().unwrap_or(NOTHING);
        let mut place = before;
        let known = !place.ballot.is_zero();
        if known && self.bytes(&place) == bytes {
            place.ballot = place.ballot.max(ballot);
        } else {
            if known && ballot < place.ballot && !decided {
                return Err(Refused::Late);
            }
            if place.decided || known && ballot <= place.ballot {
                return Err(Refused::Conflict);
            }
            let (block, offset) = self.append(bytes)?;
            place = Place { ballot, block, offset, length: bytes.len() as u16, decided: false };
        }
        place.decided |= decided;
        let chunk = self.chunks.entry(instance / CHUNK);
        chunk.or_insert_with(|| vec![NOTHING; CHUNK as usize].into_boxed_slice())
            [(instance % CHUNK) as usize] = place;
        self.top = self.top.max(instance + 1);
        Ok(place != before)
    }

    /// Forgets what is stored for an instance, if anything is.
    pub fn remove(&mut self, instance: u64) {
        if let Some(chunk) = self.chunks.get_mut(&(instance / CHUNK)) {
            chunk[(instance % CHUNK) as usize] = NOTHING;
        }
    }

    /// Notes that what is stored for an instance is what it decided.
    ///
    /// # Panics
    /// When nothing is stored for it.
    pub fn decide(&mut self, instance: u64) {
        let chunk = self.chunks.get_mut(&(instance / CHUNK)).expect("only stored instances are decided");
        let place = &mut chunk[(instance % CHUNK) as usize];
        assert!(!place.ballot.is_zero(), "only stored instances are decided");
        place.decided = true;
    }

    /// The instances from `from` on for which something is stored, ascending. It takes as long as there are
    /// many, however far apart they lie.
    pub fn stored(&self, from: u64) -> impl Iterator<Item = u64> + '_ {
        self.chunks.range(from / CHUNK..).flat_map(move |(chunk, places)| {
            let stored = places.iter().enumerate().filter(|(_, place)| !place.ballot.is_zero());
            stored.map(move |(at, _)| chunk * CHUNK + at as u64).filter(move |instance| *instance >= from)
        })
    }

    /// A page of what was accepted from `from` on: runs, and where the page ends.
    pub fn page(&self, from: u64) -> (heapless::Vec<Run, RUNS_MAX>, u64) {
        let mut runs: heapless::Vec<(Range, Ballot), RUNS_MAX> = heapless::Vec::new();
        let end = self.top.max(from).min(from.saturating_add(PAGE_SCAN));
        let mut until = end;
        for instance in from..end {
            let ballot = self.ballot(instance);
            if ballot.is_zero() {
                continue;
            }
            if let Some((range, same)) = runs.last_mut()
                && *same == ballot
                && range.until == instance
            {
                range.until += 1;
            } else if runs.push((Range::new(instance, instance + 1), ballot)).is_err() {
                until = instance;
                break;
            }
        }
        (runs.into_iter().map(|(range, ballot)| Run::new(range, ballot)).collect(), until)
    }

    fn place(&self, instance: u64) -> Option<&Place> {
        let place = &self.chunks.get(&(instance / CHUNK))?[(instance % CHUNK) as usize];
        (!place.ballot.is_zero()).then_some(place)
    }

    fn bytes(&self, place: &Place) -> &[u8] {
        if place.length == 0 {
            return &[];
        }
        &self.blocks[place.block as usize][place.offset as usize..][..place.length.into()]
    }

    fn is_full(&self) -> bool {
        self.allocated + self.chunks.len() * CHUNK as usize * size_of::<Place>() >= self.limit
    }

    fn append(&mut self, bytes: &[u8]) -> Result<(u32, u32), Refused> {
        let last = self.blocks.last().map_or(0, |block| block.len());
        if self.blocks.is_empty() || self.used + bytes.len() > last {
            if self.is_full() {
                return Err(Refused::Full);
            }
            let (block, touched) = match self.reserved.pop_if(|block| block.len() >= bytes.len()) {
                Some(block) => (block, usize::MAX),
                None => {
                    let length = (2 * last).clamp(*BLOCK.start(), *BLOCK.end()).max(bytes.len());
                    (vec![0; length].into_boxed_slice(), 0)
                }
            };
            (self.allocated, self.used, self.touched) = (self.allocated + block.len(), 0, touched);
            self.blocks.push(block);
        }
        let (block, offset) = (self.blocks.len() - 1, self.used);
        let space = &mut self.blocks[block];
        self.used += bytes.len();
        while self.touched < self.used {
            let next = space.len().min(self.touched + TOUCH);
            (self.touch)(&mut space[self.touched..next]);
            self.touched = next;
        }
        copy(&mut space[offset..self.used], bytes);
        Ok((block as u32, offset as u32))
    }
}

/// By what is stored, not by where.
impl Hash for Store {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.top.hash(state);
        for (at, chunk) in &self.chunks {
            for (instance, place) in (at * CHUNK..self.top).zip(chunk.iter()) {
                if !place.ballot.is_zero() {
                    (instance, place.ballot, place.decided, self.bytes(place)).hash(state);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const B1: Ballot = Ballot::new(1, 1, 1);
    const B2: Ballot = Ballot::new(2, 1, 1);

    fn entry(text: &str) -> Vec<u8> {
        let mut bytes = zerocopy::IntoBytes::as_bytes(&wire::EntryHeader::new(1, 1, 0, text.len())).to_vec();
        bytes.extend_from_slice(text.as_bytes());
        bytes
    }

    fn put(store: &mut Store, instance: u64, ballot: Ballot, text: &str) -> Result<bool, Refused> {
        let bytes = entry(text);
        store.put(instance, ballot, Batch::parse(&bytes).unwrap(), false)
    }

    #[test]
    fn what_was_reserved_is_used_before_more_is_asked_for() {
        let mut store = Store::touching(|bytes| bytes[0] = 0);
        store.reserve(10_000);
        store.reserve(0);
        assert_eq!((store.reserved.len(), store.allocated), (1, 0));
        let text = "x".repeat(4_000);
        for instance in 0..3 {
            put(&mut store, instance, B1, &text).unwrap();
        }
        let lengths: Vec<usize> = store.blocks.iter().map(|block| block.len()).collect();
        assert_eq!((lengths, store.allocated), (vec![10_000, 20_000], 30_000));
        assert!((0..3).all(|instance| store.get(instance).unwrap().bytes == entry(&text)));
        store.reserve(10);
        for instance in 3..9 {
            put(&mut store, instance, B1, &text).unwrap();
        }
        assert_eq!(store.reserved.len(), 1, "what does not fit a batch is left");
    }

    #[test]
    fn a_rest_that_fits_no_batch_does_not_stand_before_what_else_was_reserved() {
        let mut store = Store::default();
        store.reserve(RESERVED + 10);
        put(&mut store, 0, B1, "x").unwrap();
        assert_eq!((store.blocks[0].len(), store.reserved.len()), (RESERVED, 1));
    }

    #[test]
    fn a_higher_ballot_replaces_and_a_decision_stays() {
        let mut store = Store::default();
        put(&mut store, 5, B1, "old").unwrap();
        put(&mut store, 5, B2, "new").unwrap();
        assert_eq!(store.get(5), Some(Accepted { ballot: B2, decided: false, bytes: &entry("new") }));
        store.decide(5);
        assert_eq!(put(&mut store, 5, Ballot::new(3, 1, 1), "other"), Err(Refused::Conflict));
        put(&mut store, 5, Ballot::new(3, 1, 1), "new").unwrap();
        assert_eq!(store.ballot(5), Ballot::new(3, 1, 1));
        assert!(store.decided(5) && !store.decided(4) && store.get(4).is_none());
    }

    #[test]
    fn what_an_outvoted_leader_still_sends_does_not_touch_a_decision() {
        let mut store = Store::default();
        let bytes = entry("chosen");
        store.put(5, B2, Batch::parse(&bytes).unwrap(), true).unwrap();
        assert_eq!(put(&mut store, 5, B1, "outvoted"), Err(Refused::Late));
        assert_eq!(put(&mut store, 5, B1, "chosen"), Ok(false));
        assert_eq!(store.get(5), Some(Accepted { ballot: B2, decided: true, bytes: &entry("chosen") }));
    }

    #[test]
    fn one_ballot_has_one_value() {
        let mut store = Store::default();
        put(&mut store, 5, B1, "one").unwrap();
        assert_eq!(put(&mut store, 5, B1, "two"), Err(Refused::Conflict));
        assert_eq!(put(&mut store, 5, B1, "one"), Ok(false), "nothing new");
    }

    #[test]
    fn a_no_op_may_come_first_and_blocks_grow_as_more_comes() {
        let mut store = Store::default();
        store.put(0, B1, Batch::NOOP, false).unwrap();
        assert_eq!(store.get(0).map(|held| held.bytes), Some(&[][..]));
        let long = "x".repeat(1400);
        for at in 1..2000 {
            put(&mut store, at, B1, &long).unwrap();
        }
        assert!((1..2000).all(|at| store.get(at).is_some_and(|held| held.bytes == entry(&long))));
        let lengths: Vec<usize> = store.blocks.iter().map(|block| block.len()).collect();
        assert_eq!(lengths[..4], [4 << 10, 8 << 10, 16 << 10, 32 << 10]);
        assert!(lengths.iter().all(|length| *length <= 1 << 20));
        assert_eq!(store.allocated, lengths.iter().sum::<usize>());
    }

    #[test]
    fn memory_is_asked_for_a_piece_at_a_time_before_it_is_written() {
        let mut store = Store::touching(|bytes| {
            assert!(
                bytes.len() <= TOUCH && bytes.iter().all(|byte| *byte == 0),
                "touched after it was written"
            );
            bytes.fill(b'?');
        });
        let long = "x".repeat(1400);
        for at in 0..2000 {
            put(&mut store, at, B1, &long).unwrap();
        }
        let last = store.blocks.last().unwrap();
        let untouched = last.iter().rev().take_while(|byte| **byte == 0).count();
        assert_eq!(last.len() - untouched, store.touched);
        assert!(store.touched >= store.used && store.touched < store.used + TOUCH && untouched > 0);
    }

    #[test]
    fn pages_tell_runs_of_one_ballot() {
        let mut store = Store::default();
        for (instance, ballot) in [(0, B1), (1, B1), (2, B2), (5000, B2), (5001, B2)] {
            put(&mut store, instance, ballot, "x").unwrap();
        }
        store.put(5002, B2, Batch::NOOP, false).unwrap();
        let (runs, until) = store.page(1);
        let told: Vec<_> = runs.iter().map(|run| (run.range(), run.ballot.get())).collect();
        assert_eq!(told, [(Range::new(1, 2), B1), (Range::new(2, 3), B2), (Range::new(5000, 5003), B2)]);
        assert_eq!((until, store.top()), (5003, 5003));
        assert_eq!(store.page(9000).1, 9000);
    }

    #[test]
    fn a_page_that_is_full_says_where_the_next_begins() {
        let mut store = Store::default();
        for at in 0..100 {
            put(&mut store, at * 2, B1, "x").unwrap();
        }
        let (runs, until) = store.page(0);
        assert_eq!((runs.len(), until), (RUNS_MAX, 2 * RUNS_MAX as u64));
        assert_eq!(store.page(until).0.first().unwrap().range().first, until);
    }

    #[test]
    fn batches_without_bytes_fill_it_too() {
        let mut store = Store::bounded(2 << 20);
        let stored = (0..1000).take_while(|at| store.put(at * CHUNK, B1, Batch::NOOP, false).is_ok()).count();
        assert!((10..=64).contains(&stored), "{stored}");
        assert_eq!(store.put(1000 * CHUNK, B1, Batch::NOOP, false), Err(Refused::Full));
        assert_eq!(store.put(7, B1, Batch::NOOP, false), Ok(true), "where there is a place already");
    }

    #[test]
    fn a_far_instance_costs_one_chunk() {
        let mut store = Store::default();
        put(&mut store, u64::MAX - 2, B1, "far").unwrap();
        assert_eq!(store.chunks.len(), 1);
        assert_eq!(store.top(), u64::MAX - 1);
    }
}
