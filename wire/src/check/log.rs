//! One log of the acceptors: its instances, its members, and how far all of it is decided as the capture
//! shows it.

use super::doubts::Doubts;
use super::instances::WINDOW;
use super::instances::{Alarm, Instance, Instances, Stance, Vote};
use super::members::Members;
use super::place::Place;
use super::rule::Rule;
use super::sessions::Sessions;
use crate::{Ballot, Batch, LIVES_MAX, Range, RangeRecord, Run};
use std::collections::VecDeque;

/// Stances of acceptors that are told apart; further ones are not counted, and nothing is said to be missing.
const STANCES: usize = 4096;

/// What one acceptor voted for last: most of it comes again in its next 2b.
struct Voted {
    acceptor: u16,
    stance: u16,
    ballot: Ballot,
    ranges: heapless::Vec<Range, { crate::RANGES_MAX }>,
}

/// A log.
pub struct Log {
    pub cluster: u32,
    pub id: u32,
    pub members: Members,
    pub instances: Instances,
    stances: Vec<Stance>,
    voted: Vec<Voted>,
    /// Instances below are decided, as the capture shows, or are given up.
    pub frontier: u64,
    pub sessions: Sessions,
    pub doubts: Doubts,
    /// Where nothing can be told at once: how far all was said to be decided, and where, both rising.
    pub pending: VecDeque<(u64, Place)>,
    /// The first instance of which the capture can tell.
    began: u64,
    /// Votes were left out for want of room.
    pub crowded: bool,
    /// Something was proposed far beyond all that is held.
    far_proposed: bool,
    /// Instances that left the window before they were decided.
    pub lost: u64,
}

/// Claims that wait to be judged.
const PENDING: usize = 1024;

impl Log {
    /// A log of which the first packet is about this instance.
    pub fn new(cluster: u32, id: u32, base: u64) -> Log {
        Log {
            cluster,
            id,
            members: Members::default(),
            instances: Instances::new(base),
            stances: Vec::new(),
            voted: Vec::new(),
            frontier: base,
            sessions: Sessions::default(),
            doubts: Doubts::default(),
            pending: VecDeque::new(),
            began: base,
            crowded: false,
            far_proposed: false,
            lost: 0,
        }
    }

    /// Whether all of its votes were cast while the capture ran.
    pub fn is_whole(&self) -> bool {
        self.members.founded.is_some() && self.began == 0
    }

    /// A 2a, or a value that names its ballot. `batch`: none when the capture cut it off.
    pub fn proposed(
        &mut self,
        (instance, ballot): (u64, Ballot),
        batch: Option<Batch>,
        by_leader: bool,
        place: Place,
        alarms: &mut Vec<Alarm>,
    ) {
        let (doubts, stances) = (&mut self.doubts, &self.stances);
        let mut left = |instance, slot: &Instance| doubts.leaves(instance, slot, stances);
        let Some((slot, at)) = self.instances.propose(instance, ballot, place, &mut left) else {
            self.far_proposed |= instance >= self.instances.end();
            return;
        };
        slot.proposals[at].proposed |= by_leader;
        if let Some(batch) = batch {
            slot.learn(instance, at, batch, place, alarms);
        }
        self.advance();
    }

    /// A batch is sent as the one decided.
    pub fn repaired(
        &mut self,
        instance: u64,
        batch: Option<Batch>,
        place: Place,
        ordered: bool,
        alarms: &mut Vec<Alarm>,
    ) -> bool {
        let (doubts, stances) = (&mut self.doubts, &self.stances);
        let mut left = |instance, slot: &Instance| doubts.leaves(instance, slot, stances);
        let Some(slot) = self.instances.hold(instance, &mut left) else { return false };
        if let Some(batch) = batch {
            slot.repair(instance, batch, place, alarms);
        }
        if slot.chosen.is_none() {
            if ordered {
                self.doubts.raise(Rule::Decided, instance, place, Some(slot), &self.stances);
            } else {
                slot.claimed.get_or_insert(place);
            }
        }
        true
    }

    /// A 2b: in `ballot`, its sender accepted all of `ranges`.
    pub fn votes(
        &mut self,
        stance: Stance,
        (sequence, ballot): (u64, Ballot),
        ranges: &[RangeRecord],
        (place, ordered): (Place, bool),
        alarms: &mut Vec<Alarm>,
    ) {
        let acceptor = stance.acceptor;
        let Some(at) = self.stance(stance) else {
            self.crowded = true;
            return;
        };
        let known = match self.voted.iter().position(|voted| voted.acceptor == acceptor) {
            Some(known) => known,
            None if self.voted.len() < 4 * LIVES_MAX => {
                let ranges = heapless::Vec::new();
                self.voted.push(Voted { acceptor, stance: at, ballot, ranges });
                self.voted.len() - 1
            }
            None => return,
        };
        let before = &mut self.voted[known];
        if before.stance != at || before.ballot != ballot {
            (before.stance, before.ballot) = (at, ballot);
            before.ranges.clear();
        }
        let before = core::mem::take(&mut before.ranges);
        for range in RangeRecord::all(ranges) {
            let near = self.instances.near(range);
            if ordered && near.until < range.until && !self.far_proposed {
                self.doubts.unproposed(near.until.max(range.first), ballot, place);
            }
            let mut instance = near.first;
            while instance < near.until {
                let next = before.partition_point(|known| known.until <= instance);
                match before.get(next).filter(|known| known.contains(instance)) {
                    Some(known) => instance = known.until,
                    None => {
                        let vote = Vote { stance: at, sequence, place };
                        self.vote((instance, ballot), vote, ordered, alarms);
                        instance += 1;
                    }
                }
            }
        }
        self.voted[known].ranges = RangeRecord::all(ranges).collect();
        self.advance();
    }

    fn vote(
        &mut self,
        (instance, ballot): (u64, Ballot),
        vote: Vote,
        ordered: bool,
        alarms: &mut Vec<Alarm>,
    ) {
        let majority = self.members.majority();
        let (doubts, stances) = (&mut self.doubts, &self.stances);
        let mut left = |instance, slot: &Instance| doubts.leaves(instance, slot, stances);
        let Some((slot, at)) = self.instances.propose(instance, ballot, vote.place, &mut left) else {
            return;
        };
        let proposal = &mut slot.proposals[at];
        if ordered && !proposal.proposed && !core::mem::replace(&mut proposal.early, true) {
            self.doubts.unproposed(instance, ballot, vote.place);
        }
        if slot.vote(at, vote, &self.stances, majority) {
            slot.compare(instance, alarms);
        }
    }

    fn stance(&mut self, stance: Stance) -> Option<u16> {
        // Who speaks now spoke last, nearly always.
        let last = self.voted.iter().find(|voted| voted.acceptor == stance.acceptor);
        if let Some(voted) = last
            && self.stances[usize::from(voted.stance)] == stance
        {
            return Some(voted.stance);
        }
        if let Some(known) = self.stances.iter().rposition(|known| *known == stance) {
            return Some(known as u16);
        }
        if self.stances.len() >= STANCES || stance.index.is_none() {
            return None;
        }
        self.stances.push(stance);
        Some((self.stances.len() - 1) as u16)
    }

    /// Goes on over all that a majority chose.
    pub fn advance(&mut self) {
        let base = self.instances.base();
        if self.frontier < base {
            self.sessions.lose(self.frontier);
            self.lost += base - self.frontier;
            self.frontier = base;
        }
        while let Some(slot) = self.instances.get(self.frontier)
            && slot.chosen.is_some()
        {
            match slot.value() {
                Some(value) => self.sessions.apply(&value.entries),
                None => self.sessions.lose(self.frontier),
            }
            self.frontier += 1;
        }
    }

    /// Somebody takes all instances below for decided. Returns whether the capture bears it out so far.
    pub fn claimed(&mut self, until: u64, place: Place, ordered: bool) -> bool {
        if until <= self.frontier {
            return true;
        }
        if ordered {
            self.believe(until, place);
        } else if self.pending.back().is_none_or(|(last, _)| *last < until) && self.pending.len() < PENDING {
            self.pending.push_back((until, place));
        }
        false
    }

    /// Votes may still come for what was claimed a while ago, but not for ever.
    pub fn settle(&mut self, all: bool) {
        if !all && self.instances.end() - self.frontier < WINDOW / 2 {
            return;
        }
        while let Some((until, place)) = self.pending.front().copied()
            && (all || until < self.instances.end().saturating_sub(WINDOW / 4))
        {
            self.pending.pop_front();
            self.believe(until, place);
        }
    }

    /// Takes everything below for decided, and remembers what of it the capture does not show.
    fn believe(&mut self, until: u64, place: Place) {
        let end = self.instances.end();
        while self.frontier < until.min(end) {
            let slot = self.instances.get(self.frontier);
            self.doubts.raise(Rule::Decided, self.frontier, place, slot, &self.stances);
            self.sessions.lose(self.frontier);
            self.frontier += 1;
            self.advance();
        }
        if until > self.frontier {
            self.doubts.raise(Rule::Decided, self.frontier, place, None, &self.stances);
        }
    }

    /// A client was told of more than is decided.
    pub fn told_too_much(&mut self, place: Place) {
        let slot = self.instances.get(self.frontier);
        self.doubts.raise(Rule::Acknowledged, self.frontier, place, slot, &self.stances);
    }

    /// A page of a 1b: every instance of it that its sender voted for in this life must be told, in no lower
    /// ballot. `before`: whether what a start of it said with this sequence number was said before the page.
    pub fn tells(
        &self,
        (acceptor, life): (u16, u64),
        before: &dyn Fn(u64, u64) -> bool,
        page: Range,
        runs: &[Run],
        place: Place,
        alarms: &mut Vec<Alarm>,
    ) {
        let first = page.first.max(self.instances.base());
        let until = page.until.min(self.instances.end());
        for instance in first..until {
            let Some(slot) = self.instances.get(instance) else { continue };
            let own = |vote: &&Vote| {
                let stance = &self.stances[usize::from(vote.stance)];
                (stance.acceptor, stance.life) == (acceptor, life)
                    && before(stance.incarnation, vote.sequence)
            };
            let votes = slot.proposals.iter().filter_map(|proposal| {
                let vote = proposal.votes.iter().find(own)?;
                Some((proposal.ballot, vote.place))
            });
            let Some((voted, vote)) = votes.max_by_key(|(ballot, _)| *ballot) else { continue };
            let at = runs.partition_point(|run| run.range().until <= instance);
            let run = runs.get(at).filter(|run| run.range().contains(instance));
            let told = run.map_or(Ballot::ZERO, |run| run.ballot.get());
            if told < voted {
                let text = format!(
                    "A{acceptor} voted for instance {instance} in ballot {voted}, and tells of what it accepted in {told}"
                );
                alarms.push((Rule::Memory, text, vec![vote, place]));
                return;
            }
        }
    }

    /// Lets go of everything that is held.
    pub fn finish(&mut self) {
        let (doubts, stances) = (&mut self.doubts, &self.stances);
        let mut left = |instance, slot: &Instance| doubts.leaves(instance, slot, stances);
        self.instances.drain(&mut left);
    }
}
