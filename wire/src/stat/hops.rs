//! How long each step of a value took, as the captures show it.

use crate::votes::{Vote, Votes};
use crate::{Ballot, Batch, Range};
use hdrhistogram::Histogram;
use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, VecDeque};

/// How many instances, and how many entries, are followed at once.
const INSTANCES_MAX: usize = 1 << 12;
const ENTRIES_MAX: usize = 1 << 14;
const SESSIONS_MAX: usize = 1 << 10;
/// The longest time told apart, ns: an hour.
const LONGEST: u64 = 3_600_000_000_000;

/// A client's start, and the number of an entry of it.
type EntryId = (u16, u64, u64);

/// Follows entries from submit to ack. Of more than it can follow it forgets the oldest instances and entries.
pub struct Hops {
    /// The first submit to the first 2a that carries the entry, ns; and so on.
    pub submit_to_2a: Histogram<u64>,
    pub first_2b: Histogram<u64>,
    pub quorum: Histogram<u64>,
    pub quorum_to_ack: Histogram<u64>,
    pub submit_to_ack: Histogram<u64>,
    /// What a 2a carries: entries, and bytes of them.
    pub entries: Histogram<u64>,
    pub entry_bytes: Histogram<u64>,
    /// What a 2b tells: ranges, instances in them, and votes among these that its acceptor had not told before.
    pub ranges: Histogram<u64>,
    pub instances: Histogram<u64>,
    pub votes: Histogram<u64>,
    /// Instances that the votes seen choose, and those of them whose 2a was not seen, or not whole.
    pub chosen: u64,
    pub chosen_unseen: u64,
    /// Values that end in the batches chosen.
    pub values: u64,
    counted: Votes,
    proposed: BTreeMap<u64, Proposal>,
    submitted: BTreeMap<EntryId, Times>,
    /// By session, below which entry all is acknowledged.
    acked: BTreeMap<(u16, u64), u64>,
    /// Entries in the order in which they came, to forget the oldest.
    order: VecDeque<EntryId>,
}

/// The first 2a of an instance in its latest ballot.
struct Proposal {
    ballot: Ballot,
    time_ns: i128,
    /// That end in its batch, where that is known.
    values: Option<u64>,
    entries: Vec<EntryId>,
}

/// When an entry was where.
#[derive(Default)]
struct Times {
    submitted_ns: Option<i128>,
    proposed: bool,
    chosen_ns: Option<i128>,
}

impl Default for Hops {
    fn default() -> Hops {
        let times = || Histogram::new_with_bounds(1, LONGEST, 3).expect("the bounds are well formed");
        let sizes = || Histogram::new_with_bounds(1, 1 << 40, 3).expect("the bounds are well formed");
        Hops {
            submit_to_2a: times(),
            first_2b: times(),
            quorum: times(),
            quorum_to_ack: times(),
            submit_to_ack: times(),
            entries: sizes(),
            entry_bytes: sizes(),
            ranges: sizes(),
            instances: sizes(),
            votes: sizes(),
            chosen: 0,
            chosen_unseen: 0,
            values: 0,
            counted: Votes::default(),
            proposed: BTreeMap::new(),
            submitted: BTreeMap::new(),
            acked: BTreeMap::new(),
            order: VecDeque::new(),
        }
    }
}

impl Hops {
    pub fn quorum_size(&self) -> usize {
        self.counted.quorum()
    }

    /// Returns whether the entry had been submitted before.
    pub fn submit(&mut self, entry: EntryId, time_ns: i128) -> bool {
        let times = self.follow(entry);
        let again = times.submitted_ns.is_some();
        // When it was proposed before it was seen to be submitted, another submit was missed.
        if !again && !times.proposed {
            times.submitted_ns = Some(time_ns);
        }
        again
    }

    /// Returns whether the instance had been proposed in this ballot before. Of a 2a that was cut the batch is not known.
    pub fn propose(&mut self, instance: u64, ballot: Ballot, batch: Option<Batch>, time_ns: i128) -> bool {
        if let Some(batch) = batch {
            self.entries.saturating_record(batch.entries().count() as u64);
            self.entry_bytes.saturating_record(batch.entries().map(|entry| entry.bytes.len() as u64).sum());
        }
        if let Some(known) = self.proposed.get(&instance).filter(|known| known.ballot >= ballot) {
            return known.ballot == ballot;
        }
        let mut entries = Vec::new();
        let mut values = 0;
        for entry in batch.into_iter().flat_map(Batch::entries) {
            values += entry.bytes.iter().filter(|byte| **byte == b'\n').count() as u64;
            let id = (entry.client, entry.incarnation, entry.number);
            entries.push(id);
            let times = self.follow(id);
            let first = !std::mem::replace(&mut times.proposed, true);
            if let Some(submitted_ns) = times.submitted_ns.filter(|_| first) {
                record(&mut self.submit_to_2a, time_ns - submitted_ns);
            }
        }
        let values = batch.map(|_| values);
        self.proposed.insert(instance, Proposal { ballot, time_ns, values, entries });
        if self.proposed.len() > INSTANCES_MAX {
            self.proposed.pop_first();
        }
        false
    }

    /// Returns how many values the votes choose.
    pub fn vote(
        &mut self,
        acceptor: u16,
        ballot: Ballot,
        lives: usize,
        ranges: impl Iterator<Item = Range> + Clone,
        time_ns: i128,
    ) -> u64 {
        self.ranges.saturating_record(ranges.clone().count() as u64);
        self.instances.saturating_record(ranges.clone().map(Range::len).fold(0, u64::saturating_add));
        let mut told = 0;
        let before = self.values;
        let mut counted = std::mem::take(&mut self.counted);
        counted.hear(acceptor, ballot, lives, ranges, |vote| {
            told += 1;
            self.hear(vote, ballot, time_ns);
        });
        self.counted = counted;
        self.votes.saturating_record(told);
        self.values - before
    }

    fn hear(&mut self, vote: Vote, ballot: Ballot, time_ns: i128) {
        self.chosen += u64::from(vote.chosen);
        let Some(proposal) = self.proposed.get(&vote.instance).filter(|known| known.ballot == ballot) else {
            self.chosen_unseen += u64::from(vote.chosen);
            return;
        };
        if vote.first {
            record(&mut self.first_2b, time_ns - proposal.time_ns);
        }
        if vote.chosen {
            record(&mut self.quorum, time_ns - proposal.time_ns);
            self.values += proposal.values.unwrap_or_default();
            self.chosen_unseen += u64::from(proposal.values.is_none());
            for entry in &proposal.entries {
                if let Some(times) = self.submitted.get_mut(entry) {
                    times.chosen_ns.get_or_insert(time_ns);
                }
            }
        }
    }

    /// The leader tells a client that its entries below `decided_until` are decided.
    pub fn ack(&mut self, client: u16, incarnation: u64, decided_until: u64, time_ns: i128) {
        let room = self.acked.len() < SESSIONS_MAX;
        let acked = match self.acked.entry((client, incarnation)) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(new) if room => new.insert(0),
            Entry::Vacant(_) => return,
        };
        let new = *acked..decided_until.max(*acked);
        *acked = new.end;
        let ids = (client, incarnation, new.start)..(client, incarnation, new.end);
        for (_, times) in self.submitted.range(ids) {
            if let Some(chosen_ns) = times.chosen_ns {
                record(&mut self.quorum_to_ack, time_ns - chosen_ns);
            }
            if let Some(submitted_ns) = times.submitted_ns {
                record(&mut self.submit_to_ack, time_ns - submitted_ns);
            }
        }
    }

    fn follow(&mut self, entry: EntryId) -> &mut Times {
        if !self.submitted.contains_key(&entry) {
            self.order.push_back(entry);
            if self.order.len() > ENTRIES_MAX
                && let Some(oldest) = self.order.pop_front()
            {
                self.submitted.remove(&oldest);
            }
        }
        self.submitted.entry(entry).or_default()
    }
}

/// Clocks may step back: then nothing is known.
fn record(times: &mut Histogram<u64>, ns: i128) {
    if let Ok(ns) = u64::try_from(ns) {
        times.saturating_record(ns);
    }
}
