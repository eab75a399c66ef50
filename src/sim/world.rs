//! One world: processes, the network between them, and the checker that watches both.

mod carry;
mod judge;
mod lives;
mod storage;
mod turn;

use super::Watch;
use super::budget::Budget;
use super::chance::Chance;
use super::check::{Checked, Checker};
use super::network::{Network, Who};
use super::node::Node;
use super::packets::Packets;
use super::queue::{Queue, What};
use super::script::Crash;
use super::story::Story;
use super::stream::Stream;
use super::trace::Trace;
use crate::protocol::{Nanos, Stop};
use carry::Old;
use storage::Storage;
use wire::{Kind, Refusal, Role, Sender};

/// A process that ended by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ended {
    pub who: Sender,
    pub stop: Stop,
}

/// What a run amounted to.
#[derive(Clone, Copy, Debug, Default)]
pub struct Counts {
    /// Packets that arrived, turns, and timers that fired.
    pub events: u64,
    /// Packets sent, by kind.
    pub sent: [u64; Kind::ALL.len() + 1],
    /// Packets lost because a receive buffer was full.
    pub overflowed: u64,
    /// Damaged packets, by why they were refused.
    pub refused: [u64; Refusal::COUNT],
}

/// What holds for those who start from now on.
#[derive(Clone, Debug)]
pub(super) struct Conditions {
    /// Receive space, bytes.
    pub spaces: Vec<(Who, u32)>,
    pub packet_length: usize,
    /// No network puts packets together: a turn reads few.
    pub alone: bool,
    /// How wrong their clocks are at most, percent.
    pub drift: u64,
    /// Each acceptor's clock shows less than that of the start before.
    pub set_back: bool,
    /// Two processes may meet under one id.
    pub doubles: bool,
}

/// Processes, a network, and the time.
pub struct World {
    now: Nanos,
    chance: Chance,
    story: Story,
    queue: Queue,
    pub(super) network: Network,
    pub(super) checker: Checker,
    pub(super) budget: Budget,
    pub(super) conditions: Conditions,
    pub(super) storage: Storage,
    /// How late timers wake a process at most.
    pub(super) late: Nanos,
    /// Who crashes in the course of its next turn that does something.
    pub(super) doomed: Vec<Crash>,
    /// By start. `None`: crashed, or ended.
    nodes: Vec<Option<Box<Node>>>,
    acceptors: Vec<u16>,
    /// Every (role, id) that there ever was.
    places: Vec<(Role, u16)>,
    /// By group: which starts listen to it, and with which socket.
    listeners: [Vec<(u16, u8)>; 4],
    streams: Vec<Stream>,
    packets: Packets,
    past: Vec<Old>,
    /// Who will receive what when it is released.
    held: Vec<(usize, What)>,
    /// Bytes that the network damages.
    scratch: Vec<u8>,
    ended: Vec<Ended>,
    counts: Counts,
    digest: u64,
    trace: Option<Trace>,
    unchecked: bool,
}

impl World {
    /// An empty world. The same seed, and the same things done to it, give the same life.
    pub fn new(seed: u64, story: Story) -> World {
        World {
            now: 0,
            chance: Chance::new(seed),
            story,
            queue: Queue::default(),
            network: Network::default(),
            checker: Checker::new(&[]),
            budget: Budget::default(),
            conditions: Conditions {
                spaces: Vec::new(),
                packet_length: 1472,
                alone: false,
                drift: 0,
                set_back: false,
                doubles: false,
            },
            storage: Storage::default(),
            late: 0,
            doomed: Vec::new(),
            nodes: Vec::new(),
            acceptors: Vec::new(),
            places: Vec::new(),
            listeners: Default::default(),
            streams: Vec::new(),
            packets: Packets::default(),
            past: Vec::new(),
            held: Vec::new(),
            scratch: Vec::new(),
            ended: Vec::new(),
            counts: Counts::default(),
            digest: 0,
            trace: None,
            unchecked: false,
        }
    }

    /// Lets somebody look on.
    pub(super) fn watch(&mut self, watch: Watch) {
        (self.trace, self.unchecked) = (watch.trace, watch.unchecked);
    }

    /// The trace, to be finished.
    pub fn take_trace(&mut self) -> Option<Trace> {
        self.trace.take()
    }

    /// Whether nothing holds any more: more was lost than the engine claims to survive, or nobody asks.
    pub fn is_unchecked(&self) -> bool {
        self.checker.is_suspended()
    }

    /// What the checker finds; nothing, and no more of it, where nobody asks.
    fn found(&mut self, checked: Checked) -> Checked {
        if checked.is_err() && self.unchecked {
            self.checker.suspend();
            return Ok(());
        }
        checked
    }

    /// The simulated time since the beginning.
    pub fn now(&self) -> Nanos {
        self.now
    }

    pub fn counts(&self) -> &Counts {
        &self.counts
    }

    /// A number that two runs have in common only if they were the same in every event.
    pub fn digest(&self) -> u64 {
        self.digest
    }

    /// Who was told.
    pub fn story(&self) -> &Story {
        &self.story
    }

    /// Whether more acceptors were without memory at once than the engine claims to survive.
    pub fn is_beyond_claims(&self) -> bool {
        self.budget.is_exceeded()
    }

    /// Processes that ended by themselves, in order.
    pub fn ended(&self) -> &[Ended] {
        &self.ended
    }

    /// Values that came out of the log.
    pub fn lines(&self) -> u64 {
        self.checker.lines()
    }

    /// Instances decided in the log in which something was decided last.
    pub fn frontier(&self) -> u64 {
        self.checker.current().chosen.frontier()
    }

    /// Packets sent of this kind.
    pub fn sent(&self, kind: Kind) -> u64 {
        self.counts.sent[kind as usize]
    }

    pub fn all_sent(&self) -> u64 {
        self.counts.sent.iter().sum()
    }

    /// The processes that run.
    pub(super) fn alive(&self) -> impl Iterator<Item = &Node> {
        self.nodes.iter().flatten().map(|node| &**node)
    }

    /// The place of an acceptor in the set.
    fn acceptor_at(&self, who: Sender) -> Option<usize> {
        let at = self.acceptors.iter().position(|id| *id == who.id);
        at.filter(|_| who.role == Role::Acceptor)
    }

    pub(super) fn tell(&mut self, text: core::fmt::Arguments<'_>) {
        self.story.tell(self.now, text);
    }
}
