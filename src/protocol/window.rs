//! The instance window: which payloads are held, which instances are decided.
//!
//! A ring of fixed slots, each with room for one batch. The *frontier* is the first instance not known
//! decided. A payload is held with the ballot in which it was proposed. The instance at the frontier is
//! decided when its payload is held and
//!
//! 1. a majority voted for it in the ballot of that payload [Lamport01 §2.2], or
//! 2. a watermark of that same ballot covers it: whatever was chosen for it before or in that ballot is what
//!    that ballot's leader proposed, by the rule of phase 1, and a leader announces no decision of a later
//!    ballot, or
//! 3. a process that knew it decided said so, with the payload.

use super::Nanos;
use super::copy::copy;
use super::quorum::{Acceptors, Tally};
use super::ranges::append;
use super::sessions::tail;
use wire::{Ballot, Batch, Range};

/// One instance.
#[derive(Clone, Copy, Debug)]
struct Slot {
    instance: u64,
    ballot: Ballot,
    length: u16,
    /// Bytes behind the last newline.
    tail: u16,
    decided: bool,
    /// For whoever sends.
    sending: Sending,
}

/// How an instance was sent.
#[derive(Clone, Copy, Debug)]
pub struct Sending {
    /// When, last.
    pub at: Nanos,
    /// The sequence number of the packet that brought it last.
    pub sequence: u64,
    /// How often.
    pub times: u16,
}

const NEVER: Sending = Sending { at: 0, sequence: 0, times: 0 };
const EMPTY: Slot =
    Slot { instance: u64::MAX, ballot: Ballot::ZERO, length: 0, tail: 0, decided: false, sending: NEVER };

/// Bytes of a slot, where whoever sends packets from it has room around the batch; nobody else needs any.
#[derive(Clone, Copy, Debug, Default)]
pub struct Space {
    /// Room for what stands before the batch in a packet.
    pub front: usize,
    /// The longest batch.
    pub batch: usize,
    /// Room for what stands behind the batch.
    pub back: usize,
}

pub struct Window {
    space: Space,
    mask: usize,
    /// Instances beyond the frontier that are kept.
    ahead: u64,
    slots: Box<[Slot]>,
    bytes: Box<[u8]>,
    frontier: u64,
    /// The highest ballot that told a watermark, and that watermark.
    watermark: (Ballot, u64),
    /// The highest claim of what is decided, from whomever: a reason to ask, never to deliver.
    known: u64,
    /// An instance for which two batches came that cannot both be right.
    conflict: Option<u64>,
    pub tally: Tally,
}

impl Space {
    const fn whole(self) -> usize {
        self.front + self.batch + self.back
    }
}

impl Window {
    /// `slots` instances, of which `ahead` beyond the frontier.
    ///
    /// # Panics
    /// When `slots` is not a power of two or `ahead` exceeds it.
    pub fn new(acceptors: &Acceptors, slots: usize, ahead: u64, space: Space) -> Window {
        assert!(slots.is_power_of_two() && ahead <= slots as u64);
        Window {
            space,
            mask: slots - 1,
            ahead,
            slots: vec![EMPTY; slots].into_boxed_slice(),
            bytes: vec![0; slots * space.whole()].into_boxed_slice(),
            frontier: 0,
            watermark: (Ballot::ZERO, 0),
            known: 0,
            conflict: None,
            tally: Tally::new(acceptors),
        }
    }

    /// The first instance not known decided.
    pub fn frontier(&self) -> u64 {
        self.frontier
    }

    /// One past the highest instance that somebody said is decided.
    pub fn known(&self) -> u64 {
        self.known.max(self.frontier)
    }

    /// The batch held for an instance, with the ballot in which it was proposed.
    pub fn get(&self, instance: u64) -> Option<(Ballot, Batch<'_>)> {
        let slot = self.slot(instance)?;
        let batch = Batch::parse(self.payload(instance, slot.length.into()));
        Some((slot.ballot, batch.expect("only checked batches are put")))
    }

    /// How many bytes of the batch held come behind its last newline. It was looked for when the batch came: later its bytes
    /// are far from any core.
    ///
    /// # Panics
    /// When no batch is held.
    pub fn tail(&self, instance: u64) -> usize {
        self.slot(instance).expect("its batch is held").tail.into()
    }

    /// The ballot of the batch held for an instance.
    pub fn held(&self, instance: u64) -> Option<Ballot> {
        self.slot(instance).map(|slot| slot.ballot)
    }

    /// The bytes of a batch known decided.
    pub fn decided(&self, instance: u64) -> Option<(Ballot, &[u8])> {
        let slot = self.slot(instance)?;
        slot.decided.then(|| (slot.ballot, self.payload(instance, slot.length.into())))
    }

    /// The bytes of the batch held, unchecked again: for sending.
    pub fn bytes(&self, instance: u64) -> Option<&[u8]> {
        self.slot(instance).map(|slot| self.payload(instance, slot.length.into()))
    }

    /// The memory of the packet that proposes an instance, its batch between room for the rest of it, and where that is
    /// in [`Window::memory`].
    pub fn packet(&mut self, instance: u64) -> Option<(&mut [u8], usize)> {
        let length = self.slot(instance)?.length;
        let at = (instance as usize & self.mask) * self.space.whole();
        let length = self.space.front + usize::from(length) + self.space.back;
        Some((&mut self.bytes[at..][..length], at))
    }

    /// The memory of all slots.
    pub fn memory(&self) -> &[u8] {
        &self.bytes
    }

    /// Whether an instance lies where this window keeps payloads.
    pub fn reaches(&self, instance: u64) -> bool {
        instance >= self.frontier && instance - self.frontier < self.ahead
    }

    /// Holds a proposed batch, unless a later ballot's is held, or the instance is decided or out of reach.
    pub fn put(&mut self, instance: u64, ballot: Ballot, batch: Batch<'_>) -> bool {
        self.put_bytes(instance, ballot, batch.as_bytes(), false)
    }

    /// Holds a batch that is decided.
    pub fn put_decided(&mut self, instance: u64, ballot: Ballot, batch: Batch<'_>) -> bool {
        if self.decided(instance).is_some_and(|(_, bytes)| bytes != batch.as_bytes()) {
            self.conflict = Some(instance);
            return false;
        }
        self.put_bytes(instance, ballot, batch.as_bytes(), true)
    }

    /// An instance for which two batches came under one ballot, or two as decided. Somebody broke the
    /// protocol; a process that saw it must not go on.
    pub fn conflict(&self) -> Option<u64> {
        self.conflict
    }

    /// Opens the slot of an instance that this process proposes itself.
    ///
    /// # Panics
    /// When the instance is out of reach.
    pub fn open(&mut self, instance: u64, ballot: Ballot) {
        assert!(self.reaches(instance));
        self.slots[instance as usize & self.mask] = Slot { instance, ballot, ..EMPTY };
    }

    /// Appends to a slot that is open. `false`, and nothing changed, when it does not fit.
    ///
    /// # Panics
    /// When the slot was not opened.
    pub fn append(&mut self, instance: u64, pieces: [&[u8]; 2]) -> bool {
        let at = instance as usize & self.mask;
        assert!(self.slots[at].instance == instance && !self.slots[at].decided);
        let mut end = usize::from(self.slots[at].length);
        if end + pieces[0].len() + pieces[1].len() > self.space.batch {
            return false;
        }
        for piece in pieces {
            let place = self.batch(at) + end;
            copy(&mut self.bytes[place..][..piece.len()], piece);
            end += piece.len();
        }
        self.slots[at].length = end as u16;
        self.slots[at].tail = tail(self.payload(instance, end)) as u16;
        true
    }

    /// Holds a batch that phase 1 found, whatever else was held, except a decision.
    pub fn adopt(&mut self, instance: u64, ballot: Ballot, batch: Batch<'_>) {
        let held = self.slot(instance).copied();
        if self.reaches(instance) && !held.is_some_and(|slot| slot.decided || slot.ballot == ballot) {
            self.open(instance, ballot);
            let fits = self.append(instance, [batch.as_bytes(), &[]]);
            assert!(fits, "a batch that came in a packet fits a slot");
        }
    }

    /// The same batch, proposed again in a higher ballot, as phase 1 demands.
    ///
    /// # Panics
    /// When no batch is held, or one of a higher ballot.
    pub fn repropose(&mut self, instance: u64, ballot: Ballot) {
        let slot = &mut self.slots[instance as usize & self.mask];
        assert!(slot.instance == instance && slot.ballot <= ballot);
        (slot.ballot, slot.sending) = (ballot, NEVER);
    }

    /// How the instance was sent; `None` when its batch is not held.
    pub fn sending(&self, instance: u64) -> Option<Sending> {
        self.slot(instance).map(|slot| slot.sending)
    }

    /// The instance leaves now, in the packet of this sequence number.
    pub fn mark_sent(&mut self, instance: u64, at: Nanos, sequence: u64) {
        let slot = &mut self.slots[instance as usize & self.mask];
        if slot.instance == instance {
            slot.sending = Sending { at, sequence, times: slot.sending.times.saturating_add(1) };
        }
    }

    /// Notes a leader's watermark. Only that of the highest ballot counts for deciding.
    pub fn watermark(&mut self, ballot: Ballot, decided_until: u64) {
        if ballot < self.watermark.0 || !ballot.follows(self.watermark.0) {
            return; // whoever leads now knows better; and nobody honest comes to such a ballot
        }
        self.known = self.known.max(decided_until);
        let until =
            if ballot == self.watermark.0 { self.watermark.1.max(decided_until) } else { decided_until };
        self.watermark = (ballot, until);
    }

    /// Notes a claim of what is decided that comes without a ballot.
    pub fn heard(&mut self, decided_until: u64) {
        self.known = self.known.max(decided_until);
    }

    /// Whether the instance at the frontier is decided; if so the frontier moves past it.
    pub fn advance(&mut self) -> Option<u64> {
        let instance = self.frontier;
        let at = instance as usize & self.mask;
        let slot = self.slots[at];
        if slot.instance != instance {
            return None;
        }
        let by_watermark = slot.ballot == self.watermark.0 && instance < self.watermark.1;
        if !(slot.decided || by_watermark || self.tally.chosen_until(slot.ballot, instance) > instance) {
            return None;
        }
        self.slots[at].decided = true;
        self.frontier += 1;
        Some(instance)
    }

    /// Begins again at a lower instance, as a leader must when nobody else knows the instances from there on
    /// decided. What was delivered stays delivered: who delivers keeps count by himself.
    pub fn rewind(&mut self, instance: u64) {
        assert!(instance <= self.frontier);
        self.frontier = instance;
    }

    /// The lowest instance from which on every decided batch is still held.
    pub fn history(&self) -> u64 {
        let mut first = self.frontier;
        let limit = self.frontier.saturating_sub(self.slots.len() as u64 - self.ahead);
        while first > limit && self.decided(first - 1).is_some() {
            first -= 1;
        }
        first
    }

    /// What is missing of `self.frontier()..until`: instances whose payload is not held, or held in a ballot
    /// that cannot decide it any more. At most `N` ranges, within the reach of the window.
    pub fn missing<const N: usize>(&self, until: u64) -> heapless::Vec<Range, N> {
        let mut ranges: heapless::Vec<Range, N> = heapless::Vec::new();
        for instance in self.frontier..until.min(self.frontier + self.ahead) {
            let held = self.slot(instance).is_some_and(|slot| {
                slot.decided || (slot.ballot == self.watermark.0 && instance < self.watermark.1)
            });
            if held {
                continue;
            }
            if !append(&mut ranges, instance) {
                break;
            }
        }
        ranges
    }

    fn slot(&self, instance: u64) -> Option<&Slot> {
        let slot = &self.slots[instance as usize & self.mask];
        (slot.instance == instance).then_some(slot)
    }

    fn payload(&self, instance: u64, length: usize) -> &[u8] {
        &self.bytes[self.batch(instance as usize & self.mask)..][..length]
    }

    /// Where the batch of a slot begins.
    fn batch(&self, slot: usize) -> usize {
        slot * self.space.whole() + self.space.front
    }

    fn put_bytes(&mut self, instance: u64, ballot: Ballot, bytes: &[u8], decided: bool) -> bool {
        if !self.reaches(instance) || bytes.len() > self.space.batch {
            return false;
        }
        let at = instance as usize & self.mask;
        let batch = self.batch(at);
        let slot = &mut self.slots[at];
        if slot.instance == instance {
            let later = slot.ballot > ballot && !decided;
            if slot.decided || later {
                return false;
            }
            if slot.ballot == ballot {
                // One value per ballot and instance: a duplicate brings nothing but, perhaps, the news that
                // it is decided.
                let same =
                    slot.length as usize == bytes.len() && self.bytes[batch..batch + bytes.len()] == *bytes;
                slot.decided |= decided && same;
                if !same && ballot >= self.watermark.0 {
                    self.conflict = Some(instance); // of a ballot that still matters
                }
                return false;
            }
        }
        *slot =
            Slot { instance, ballot, length: bytes.len() as u16, tail: tail(bytes) as u16, decided, ..EMPTY };
        copy(&mut self.bytes[batch..][..bytes.len()], bytes);
        true
    }
}

#[cfg(test)]
mod tests;
