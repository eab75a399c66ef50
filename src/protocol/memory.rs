//! What an acceptor remembers: filled from the records of its log, in the order in which they were written.

use super::store::{Store, Touch};
use crate::journal::{Record, Standing};
use std::collections::BTreeMap;
use wire::Ballot;

/// The part of an acceptor that a disk keeps.
#[derive(Default, Hash)]
pub struct Memory {
    pub(super) promised: Ballot,
    pub(super) store: Store,
    pub(super) standing: Standing,
    /// Every instance below is decided; all of them are stored but those that are damaged.
    pub(super) decided_until: u64,
    /// Accepted in this ballot, and what was accepted is damaged.
    damaged: BTreeMap<u64, Ballot>,
}

impl Memory {
    /// Of nothing yet, in memory that the system gives by this.
    pub fn touching(touch: Touch) -> Memory {
        Memory { store: Store::touching(touch), ..Memory::default() }
    }

    /// Takes so many bytes for batches to come, before the first one does.
    pub fn reserve(&mut self, bytes: usize) {
        self.store.reserve(bytes);
    }

    /// The next record.
    pub fn recall(&mut self, record: Record<'_>) {
        match record {
            Record::Promised { ballot } => self.promised = self.promised.max(ballot),
            Record::Accepted { instance, ballot, decided, batch } => {
                self.promised = self.promised.max(ballot);
                if decided || self.damaged.get(&instance).is_some_and(|damaged| *damaged <= ballot) {
                    self.damaged.remove(&instance);
                }
                if self.store.put(instance, ballot, batch, decided).is_err() {
                    // It was stored when it was written: what stands in its way is damaged since.
                    self.damage(instance, ballot);
                }
            }
            Record::Damaged { instance, ballot, .. } => {
                self.promised = self.promised.max(ballot);
                self.damage(instance, ballot);
            }
            Record::Decided { until } => {
                self.decided_until = self.decided_until.max(until);
            }
            Record::Standing(standing) => self.standing = standing,
        }
    }

    /// What was recalled so far counts for nothing: something before it is missing.
    pub fn forget(&mut self) {
        *self = Memory { store: self.store.emptied(), ..Memory::default() };
    }

    /// The acceptor accepted something that it cannot tell below this instance. That holds for what is
    /// decided as well: a leader that does not know it yet must hear of it from somebody.
    pub(super) fn blind_until(&self) -> u64 {
        self.damaged.last_key_value().map_or(0, |(instance, _)| instance + 1)
    }

    /// What an earlier record says of this instance is not what was accepted last.
    fn damage(&mut self, instance: u64, ballot: Ballot) {
        self.store.remove(instance);
        self.damaged.insert(instance, ballot);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use wire::{Batch, EntryHeader};
    use zerocopy::IntoBytes;

    const B1: Ballot = Ballot::new(1, 1, 1);
    const B2: Ballot = Ballot::new(2, 2, 2);

    fn entry(text: &str) -> Vec<u8> {
        let mut bytes = EntryHeader::new(1, 7, 0, text.len()).as_bytes().to_vec();
        bytes.extend_from_slice(text.as_bytes());
        bytes
    }

    fn accepted(memory: &mut Memory, instance: u64, ballot: Ballot, text: &str) {
        let bytes = entry(text);
        let batch = Batch::parse(&bytes).expect("well formed");
        memory.recall(Record::Accepted { instance, ballot, decided: false, batch });
    }

    #[test]
    fn what_was_accepted_last_is_remembered() {
        let mut memory = Memory::default();
        memory.recall(Record::Promised { ballot: B1 });
        accepted(&mut memory, 0, B1, "one");
        accepted(&mut memory, 0, B2, "two");
        assert_eq!(memory.promised, B2);
        let held = memory.store.get(0).expect("accepted");
        assert_eq!((held.ballot, held.bytes), (B2, &entry("two")[..]));
        assert_eq!(memory.blind_until(), 0);
    }

    #[test]
    fn an_acceptor_is_blind_where_what_it_accepted_last_is_damaged() {
        let mut memory = Memory::default();
        accepted(&mut memory, 0, B1, "one");
        memory.recall(Record::Damaged { instance: 0, ballot: B2, decided: false });
        assert_eq!(memory.promised, B2, "the promise stands in the header");
        assert_eq!(memory.store.get(0), None, "the older value must not pass for the later");
        assert_eq!(memory.blind_until(), 1);
        accepted(&mut memory, 0, B2, "two");
        assert_eq!(memory.blind_until(), 0, "written again since");
    }

    #[test]
    fn damage_to_what_is_decided_blinds_too_until_it_is_written_again() {
        let mut memory = Memory::default();
        accepted(&mut memory, 0, B1, "one");
        memory.recall(Record::Damaged { instance: 1, ballot: B1, decided: false });
        memory.recall(Record::Decided { until: 2 });
        assert_eq!((memory.blind_until(), memory.store.get(1)), (2, None));
        let bytes = entry("fetched");
        let batch = Batch::parse(&bytes).expect("well formed");
        memory.recall(Record::Accepted { instance: 1, ballot: B1, decided: true, batch });
        assert_eq!(memory.blind_until(), 0);
    }
}
