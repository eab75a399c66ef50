//! A proposer: the real [`Phase1`], and the rule of `lead` in `src/protocol/proposer/campaign.rs`.
//!
//! It keeps nothing: what it may do is a function of the packets that were sent. It may have read any of them,
//! in any order, once or never, and no timer holds it back; so for a set of 1b the model asks what *some*
//! reading of it leads to. Where a proposer reads the others' packets as well it only learns of more lives
//! that are over, which makes its quorums fewer.

use crate::learner::orders;
use crate::packets::{NOOP, PacketId, Packets, own};
use crate::shape::{INSTANCES, Plant, Shape};
use paxos::protocol::phase1::Phase1;
use paxos::protocol::quorum::{Acceptors, Lives, Tally, lives};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, RwLock};
use wire::{Ballot, Body, Phase1b};
use zerocopy::IntoBytes;

/// What a proposer has found out, and may act on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Quorum {
    /// Its page begins here: all below is decided, and it knows that.
    pub from: usize,
    /// One past the last instance that it must propose again.
    pub end: usize,
    /// By instance: in which ballot that was accepted.
    best: [Ballot; INSTANCES],
    /// [Lamport01 §2.2] permits what it proposes.
    pub permitted: bool,
}

impl Quorum {
    /// What it proposes for an instance, when `of` tells what a ballot proposed for it; 0 for nothing.
    pub fn value(&self, ballot: usize, instance: usize, of: impl Fn(Ballot) -> u8) -> u8 {
        match (instance < self.from, instance < self.end, self.best[instance]) {
            (true, _, _) => 0,
            (_, false, _) => own(ballot),
            (_, _, Ballot::ZERO) => NOOP,
            (_, _, best) => of(best),
        }
    }
}

/// What may come of a set of 1b.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outcomes {
    pub quorums: BTreeSet<Quorum>,
    /// A majority promised, but one of them in a life that is over.
    pub dead: bool,
    /// A majority promised, but one of them is blind.
    pub blind: bool,
}

/// By the place of a ballot, and the 1b of it that were sent.
type Known = HashMap<(usize, Vec<PacketId>), Arc<Outcomes>>;

/// Who says it, from which memory.
fn voice(promise: &wire::Packet<'_>) -> (u16, u64) {
    let Body::Phase1b(body, ..) = promise.body else { unreachable!("only 1b are asked for") };
    (promise.sender.id, body.life.get())
}

pub struct Proposers {
    shape: Shape,
    acceptors: Acceptors,
    known: RwLock<Known>,
}

impl Proposers {
    pub fn new(shape: &Shape) -> Proposers {
        Proposers { shape: shape.clone(), acceptors: Acceptors::new(&shape.ids()), known: RwLock::default() }
    }

    /// What may come of these 1b of one ballot, and of every part of them. Of two that one life of an acceptor
    /// sent the proposer need read only one: what was accepted below the ballot cannot have changed between
    /// them, and what it says of blindness stands for what the other said.
    pub fn outcomes(&self, packets: &Packets, ballot: usize, promises: &[PacketId]) -> Arc<Outcomes> {
        let key = (ballot, promises.to_vec());
        if let Some(known) = self.known.read().expect("no writer panics").get(&key) {
            return known.clone();
        }
        let mut outcomes = Outcomes::default();
        for left_out in 0..promises.len() {
            let mut fewer = promises.to_vec();
            fewer.remove(left_out);
            let fewer = self.outcomes(packets, ballot, &fewer);
            outcomes.quorums.extend(&fewer.quorums);
            outcomes.dead |= fewer.dead;
            outcomes.blind |= fewer.blind;
        }
        let sealed: Vec<_> = promises.iter().map(|id| packets.get(*id)).collect();
        let voices: BTreeSet<(u16, u64)> = sealed.iter().map(|sealed| voice(&sealed.packet())).collect();
        let instances = if voices.len() == sealed.len() { self.shape.instances } else { 0 };
        for from in 0..instances {
            orders(sealed.len(), &mut |order| {
                let read = order.iter().map(|at| sealed[*at].packet());
                self.read(&mut outcomes, ballot, from, read);
                true
            });
        }
        let outcomes = Arc::new(outcomes);
        self.known.write().expect("no writer panics").insert(key, outcomes.clone());
        outcomes
    }

    /// Whether the earlier of two 1b of one ballot leads wherever the later one does: it is of the same life and
    /// tells the same, but that it knew of no more lives.
    pub fn leads_wherever(&self, packets: &Packets, earlier: PacketId, later: PacketId) -> bool {
        let (earlier, later) = (packets.get(earlier), packets.get(later));
        let (earlier, later) = (earlier.packet(), later.packet());
        let (Body::Phase1b(one, knew, runs), Body::Phase1b(other, knows, again)) = (earlier.body, later.body)
        else {
            unreachable!("only promises are compared")
        };
        earlier.sender.id == later.sender.id
            && one.as_bytes() == other.as_bytes()
            && runs.as_bytes() == again.as_bytes()
            && lives(knew).zip(lives(knows)).all(|(before, now)| before <= now)
    }

    /// Reads a page: these 1b, in this order.
    fn read<'a>(
        &self,
        outcomes: &mut Outcomes,
        ballot: usize,
        from: usize,
        promises: impl Iterator<Item = wire::Packet<'a>> + Clone,
    ) {
        let number = Shape::ballot(ballot);
        let (mut phase1, mut seeing) = (Phase1::new(&self.acceptors), Phase1::new(&self.acceptors));
        phase1.begin(number, from as u64);
        seeing.begin(number, from as u64);
        let mut tally = Tally::new(&self.acceptors);
        let mut last = [Ballot::ZERO; INSTANCES];
        for packet in promises.clone() {
            let Body::Phase1b(body, told, runs) = packet.body else { unreachable!("only 1b are asked for") };
            let at = self.acceptors.index(packet.sender.id).expect("of one of the acceptors");
            let counts = tally.live(at, body.life.get(), lives(told));
            if !counts && self.shape.plant != Plant::PromisesOfAnyLife {
                outcomes.dead = true;
                continue;
            }
            let address = crate::packets::address(at);
            phase1.answer(at, address, body, runs);
            seeing.answer(at, address, &Phase1b { blind_until: 0.into(), ..*body }, runs);
            for (instance, last) in last.iter_mut().enumerate() {
                let run = runs.iter().find(|run| run.range().contains(instance as u64));
                *last = run.map_or(Ballot::ZERO, |run| run.ballot.get());
            }
        }
        let unaware = Lives::new(&self.acceptors);
        let quorum = match self.shape.plant {
            Plant::PromisesOfAnyLife => phase1.quorum(&unaware),
            _ => phase1.quorum(tally.lives()),
        };
        if !quorum {
            outcomes.dead |= phase1.quorum(&unaware);
            outcomes.blind |= seeing.quorum(tally.lives());
            return;
        }
        if phase1.complete_until().is_some_and(|(until, _)| until > from as u64) {
            return; // it learns that first, and begins a page behind it
        }
        let mut quorum =
            Quorum { from, end: phase1.end() as usize, best: [Ballot::ZERO; INSTANCES], permitted: true };
        let page = quorum.best.iter_mut().enumerate().take(quorum.end.min(self.shape.instances));
        for (instance, best) in page.skip(from) {
            *best = match self.shape.plant {
                Plant::LastAnswerWins => last[instance],
                Plant::OwnValueAlways => Ballot::ZERO,
                _ => phase1.best(instance as u64),
            };
        }
        quorum.permitted = self.permits(&quorum, promises);
        outcomes.quorums.insert(quorum);
    }

    /// The rule once more, word for word and without a care for speed: for each instance a majority, each in a
    /// life that nobody of those read knows to be over and not blind there, has told of nothing above what is
    /// proposed again; and that was told. (A page that begins behind the instance tells of it when nothing was
    /// accepted as far up as that.)
    fn permits<'a>(&self, quorum: &Quorum, promises: impl Iterator<Item = wire::Packet<'a>> + Clone) -> bool {
        let bodies = || {
            promises.clone().map(|packet| match packet.body {
                Body::Phase1b(body, told, runs) => (packet.sender.id, body, told, runs),
                _ => unreachable!("only 1b are asked for"),
            })
        };
        let mut latest: BTreeMap<u16, u64> = BTreeMap::new();
        for (id, body, told, _) in bodies() {
            let known = lives(told).enumerate().map(|(at, life)| (at as u16 + 1, life));
            for (of, life) in known.chain([(id, body.life.get())]) {
                let entry = latest.entry(of).or_default();
                *entry = life.max(*entry);
            }
        }
        let told = |runs: &[wire::Run], instance: usize| {
            let run = runs.iter().find(|run| run.range().contains(instance as u64));
            run.map_or(Ballot::ZERO, |run| run.ballot.get())
        };
        (quorum.from..self.shape.instances).all(|instance| {
            let best = quorum.best[instance];
            let voters = bodies().filter(|(id, body, _, runs)| {
                let tells = body.from.get().min(body.top.get()) <= instance as u64;
                let sees = body.blind_until.get() <= instance as u64;
                tells && sees && body.life.get() >= latest[id] && told(runs, instance) <= best
            });
            let voters: BTreeSet<u16> = voters.map(|(id, ..)| id).collect();
            voters.len() >= self.acceptors.majority()
                && (best.is_zero() || bodies().any(|(.., runs)| told(runs, instance) == best))
        })
    }
}
