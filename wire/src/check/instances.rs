//! What the capture shows of each instance: who proposed what, who voted, and so what a majority chose.

use super::place::Place;
use super::rule::Rule;
use crate::{Ballot, Batch, Range};
use std::collections::VecDeque;
use twox_hash::XxHash3_64;

/// Instances of a log that are held at once: sixteen full pipelines. They take about 500 bytes each.
pub const WINDOW: u64 = 32_768;
/// Votes for one proposal that are told apart: of each acceptor, and of a few that lost their memory since.
const VOTES: usize = 12;
/// Packets about instances beyond the window before it is believed that the log has got there.
const FAR: u32 = 64;

/// Entries of one session that follow each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entries {
    pub client: u16,
    pub incarnation: u64,
    pub first: u64,
    pub count: u64,
}

#[derive(Clone, Copy, Debug)]
pub struct Vote {
    /// Which [`Stance`].
    pub stance: u16,
    pub sequence: u64,
    pub place: Place,
}

impl Vote {
    /// One whose place nobody asks for.
    pub fn new(stance: u16, sequence: u64) -> Vote {
        let place = Place { ordinal: 0, time_ns: 0, frame: 0, input: 0, part: 0 };
        Vote { stance, sequence, place }
    }
}

/// What was proposed for an instance in one ballot.
#[derive(Clone, Debug)]
pub struct Proposal {
    pub ballot: Ballot,
    /// XXH3-64 of the batch; none while only votes for it, or its beginning, were seen.
    pub digest: Option<u64>,
    /// Its 2a was seen.
    pub proposed: bool,
    /// A vote came before the 2a, where their order is known; it was told.
    pub early: bool,
    /// Where it was seen first: its 2a, a repair, or a vote for it.
    pub place: Place,
    pub entries: Vec<Entries>,
    pub votes: heapless::Vec<Vote, VOTES>,
}

/// An instance.
#[derive(Clone, Debug, Default)]
pub struct Instance {
    pub proposals: Vec<Proposal>,
    /// The lowest ballot in which a majority accepted.
    pub chosen: Option<Ballot>,
    /// What a repair says that was decided, and where.
    pub repaired: Option<(u64, Place)>,
    /// A repair called it decided before the capture shows that.
    pub claimed: Option<Place>,
    /// More votes than are told apart.
    pub crowded: bool,
}

impl Instance {
    pub fn proposal(&self, ballot: Ballot) -> Option<&Proposal> {
        self.proposals.iter().find(|proposal| proposal.ballot == ballot)
    }

    /// What was chosen, if its batch was seen.
    pub fn value(&self) -> Option<&Proposal> {
        self.proposal(self.chosen?).filter(|proposal| proposal.digest.is_some())
    }
}

/// What an acceptor was when it voted: two votes count together when neither knew the other's life to be over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stance {
    pub acceptor: u16,
    pub incarnation: u64,
    pub life: u64,
    /// The lives of all that it knew of.
    pub lives: heapless::Vec<u64, { crate::LIVES_MAX }>,
    /// Its own place among them.
    pub index: Option<usize>,
}

impl Stance {
    /// Whether it knew that the other's life was over.
    fn buries(&self, other: &Stance) -> bool {
        other.index.and_then(|at| self.lives.get(at)).is_some_and(|known| *known > other.life)
    }

    fn agrees(&self, other: &Stance) -> bool {
        self.acceptor != other.acceptor && !self.buries(other) && !other.buries(self)
    }
}

/// The largest number of voters whose word goes together [DISC17 §3], and which acceptors they are.
pub fn together(votes: &[Vote], stances: &[Stance]) -> heapless::Vec<u16, VOTES> {
    fn grow(
        votes: &[Vote],
        stances: &[Stance],
        with: &mut heapless::Vec<u16, VOTES>,
        best: &mut heapless::Vec<u16, VOTES>,
    ) {
        if with.len() > best.len() {
            best.clone_from(with);
        }
        for (at, vote) in votes.iter().enumerate() {
            if with.len() + votes.len() - at <= best.len() {
                return;
            }
            let stance = &stances[usize::from(vote.stance)];
            if with.iter().all(|other| stances[usize::from(*other)].agrees(stance))
                && with.push(vote.stance).is_ok()
            {
                grow(&votes[at + 1..], stances, with, best);
                with.pop();
            }
        }
    }
    let mut best = heapless::Vec::new();
    grow(votes, stances, &mut heapless::Vec::new(), &mut best);
    best.iter().map(|stance| stances[usize::from(*stance)].acceptor).collect()
}

/// A broken rule, and the packets that prove it, the latest last.
pub type Alarm = (Rule, String, Vec<Place>);

/// The instances of one log.
pub struct Instances {
    /// The first that is held.
    base: u64,
    slots: VecDeque<Instance>,
    spare: Vec<Proposal>,
    far: (u64, u32),
}

/// What leaves the window.
pub type Left<'a> = &'a mut dyn FnMut(u64, &Instance);

impl Instances {
    pub fn new(base: u64) -> Instances {
        Instances { base, slots: VecDeque::new(), spare: Vec::new(), far: (0, 0) }
    }

    pub fn base(&self) -> u64 {
        self.base
    }

    /// One past the last that is held.
    pub fn end(&self) -> u64 {
        self.base + self.slots.len() as u64
    }

    pub fn get(&self, instance: u64) -> Option<&Instance> {
        self.slots.get(usize::try_from(instance.checked_sub(self.base)?).ok()?)
    }

    /// The part of a range that can be held without moving far, so that no packet costs more than the window.
    pub fn near(&self, range: Range) -> Range {
        let until = self.end().saturating_add(WINDOW);
        let first = range.first.max(self.base).min(until);
        Range { first, until: range.until.min(until).max(first) }
    }

    /// The instance, if it can be held. What it takes the place of goes to `left`.
    pub fn hold(&mut self, instance: u64, left: Left) -> Option<&mut Instance> {
        let at = instance.checked_sub(self.base)?;
        if at >= WINDOW {
            if instance >= self.end().saturating_add(WINDOW) && !self.is_there(instance) {
                return None;
            }
            let base = instance - WINDOW + 1;
            while self.base < base && !self.slots.is_empty() {
                self.leave(left);
            }
            self.base = base;
        }
        let at = (instance - self.base) as usize;
        if self.slots.len() <= at {
            self.slots.resize_with(at + 1, Instance::default);
        }
        self.slots.get_mut(at)
    }

    /// Whether so many packets were about instances there that one made-up packet is not the reason.
    fn is_there(&mut self, instance: u64) -> bool {
        if instance.abs_diff(self.far.0) >= WINDOW {
            self.far = (instance, 0);
        }
        self.far.1 += 1;
        self.far.1 >= FAR
    }

    fn leave(&mut self, left: Left) {
        if let Some(mut slot) = self.slots.pop_front() {
            left(self.base, &slot);
            self.base += 1;
            if self.spare.len() < 2 * WINDOW as usize {
                self.spare.append(&mut slot.proposals);
            }
        }
    }

    /// Lets go of everything, in order.
    pub fn drain(&mut self, left: Left) {
        while !self.slots.is_empty() {
            self.leave(left);
        }
    }

    /// What was proposed in a ballot, made anew if nothing was seen of it.
    pub fn propose(
        &mut self,
        instance: u64,
        ballot: Ballot,
        place: Place,
        left: Left,
    ) -> Option<(&mut Instance, usize)> {
        let spare = self.spare.pop();
        let slot = self.hold(instance, left)?;
        let known = slot.proposals.iter().position(|proposal| proposal.ballot == ballot);
        let at = known.unwrap_or(slot.proposals.len());
        if known.is_none() {
            let mut proposal = spare.unwrap_or_else(|| Proposal {
                ballot,
                digest: None,
                proposed: false,
                early: false,
                place,
                entries: Vec::new(),
                votes: heapless::Vec::new(),
            });
            (proposal.ballot, proposal.digest) = (ballot, None);
            (proposal.proposed, proposal.early, proposal.place) = (false, false, place);
            proposal.entries.clear();
            proposal.votes.clear();
            slot.proposals.push(proposal);
        }
        Some((slot, at))
    }
}

impl Instance {
    /// The batch of a proposal was seen. Returns what that breaks.
    pub fn learn(&mut self, instance: u64, at: usize, batch: Batch, place: Place, alarms: &mut Vec<Alarm>) {
        let digest = XxHash3_64::oneshot(batch.as_bytes());
        let proposal = &mut self.proposals[at];
        match proposal.digest {
            Some(known) if known == digest => return,
            Some(_) => {
                let text = format!("two values for instance {instance} in ballot {}", proposal.ballot);
                alarms.push((Rule::OneValue, text, vec![proposal.place, place]));
                return;
            }
            None => {}
        }
        (proposal.digest, proposal.place) = (Some(digest), place);
        for entry in batch.entries() {
            let next = Entries {
                client: entry.client,
                incarnation: entry.incarnation,
                first: entry.number,
                count: 1,
            };
            let last = proposal
                .entries
                .iter_mut()
                .rev()
                .take(4)
                .find(|last| (last.client, last.incarnation) == (next.client, next.incarnation));
            match last {
                Some(last) if last.first + last.count == next.first => last.count += 1,
                _ => proposal.entries.push(next),
            }
        }
        self.compare(instance, alarms);
    }

    /// Whether what was chosen, proposed in higher ballots and repaired is one value.
    pub fn compare(&self, instance: u64, alarms: &mut Vec<Alarm>) {
        let Some(chosen) = self.value() else { return };
        let votes = chosen.votes.iter().map(|vote| vote.place);
        let proof: Vec<Place> = std::iter::once(chosen.place).chain(votes).collect();
        for other in self.proposals.iter().filter(|other| other.ballot > chosen.ballot) {
            if other.digest.is_some_and(|digest| Some(digest) != chosen.digest) {
                let text = format!(
                    "instance {instance}: a majority chose a value in ballot {}, and another was proposed in ballot {}",
                    chosen.ballot, other.ballot
                );
                alarms.push((Rule::OneDecision, text, proof.iter().copied().chain([other.place]).collect()));
            }
        }
        if let Some((digest, place)) = self.repaired
            && Some(digest) != chosen.digest
        {
            let text = format!(
                "instance {instance}: a majority chose a value in ballot {}, and another is sent as decided",
                chosen.ballot
            );
            alarms.push((Rule::OneDecision, text, proof.into_iter().chain([place]).collect()));
        }
    }

    /// A repair calls this batch decided.
    pub fn repair(&mut self, instance: u64, batch: Batch, place: Place, alarms: &mut Vec<Alarm>) {
        let digest = XxHash3_64::oneshot(batch.as_bytes());
        match self.repaired {
            Some((other, first)) if other != digest => {
                let text = format!("instance {instance}: two values are sent as decided");
                alarms.push((Rule::OneDecision, text, vec![first, place]));
            }
            Some(_) => {}
            None => {
                self.repaired = Some((digest, place));
                self.compare(instance, alarms);
            }
        }
    }

    /// A vote for a proposal. Returns whether it made a majority.
    pub fn vote(&mut self, at: usize, vote: Vote, stances: &[Stance], majority: usize) -> bool {
        let proposal = &mut self.proposals[at];
        if proposal.votes.iter().any(|other| other.stance == vote.stance) {
            return false;
        }
        let ballot = proposal.ballot;
        if proposal.votes.push(vote).is_err() {
            self.crowded = true;
            return false;
        }
        let lowest = self.chosen.is_none_or(|chosen| ballot < chosen);
        if !lowest || majority == 0 || proposal.votes.len() < majority {
            return false;
        }
        let chosen = together(&proposal.votes, stances).len() >= majority;
        if chosen {
            self.chosen = Some(ballot);
        }
        chosen
    }
}
