//! The roles of Multi-Paxos, pure.
//!
//! A role is a function of (state, input, now) to (state, outbox): it cannot fail, block, look at a clock or
//! draw a random number that its seed does not fix. Safety lives in [`acceptor`], [`rejoin`] and [`lineage`]
//! (acceptors that lost their memory), [`window`] (what is decided), [`quorum`], [`phase1`] (which value a new
//! leader must propose) and [`sessions`]; the other files decide only when something is sent, and may be
//! wrong without harm.

pub mod acceptor;
pub mod catch_up;
pub mod client;
mod copy;
pub mod deliver;
pub mod digest;
pub mod election;
pub mod flow;
pub mod identity;
pub mod intake;
pub mod learner;
pub mod lineage;
pub mod memory;
pub mod outbox;
pub mod output;
pub mod phase1;
pub mod proposer;
pub mod quorum;
pub mod random;
pub mod ranges;
pub mod rejoin;
pub mod rto;
pub mod sessions;
pub mod store;
pub mod window;

pub use outbox::{Membership, Notice, Outbox, Stop, To};

use core::net::SocketAddrV4;
use wire::{Layout, Packet, ProcessStatus, Role, Sender};

/// Monotonic time, nanoseconds since some moment of this process.
pub type Nanos = u64;

/// How many timers a role has.
pub const TIMERS: usize = 8;

/// What the engine drives: one process of one role.
pub trait Process {
    /// Once, before anything else.
    fn start(&mut self, now: Nanos, out: &mut Outbox);
    /// One checked packet of our cluster, never one of our own.
    fn packet(&mut self, now: Nanos, from: SocketAddrV4, packet: &Packet<'_>, out: &mut Outbox);
    /// A timer that was armed is due. The number is one that this role armed.
    fn timer(&mut self, now: Nanos, timer: usize, out: &mut Outbox);
    /// All that one turn brought has been handed in: act on it. Called again at once after [`Outbox::again`].
    fn turn(&mut self, now: Nanos, out: &mut Outbox);
    /// The memory in which the packets and the values stand that this role sends and prints without a copy, see
    /// [`Outbox::send_held`] and [`output::Output`].
    fn held(&self) -> &[u8] {
        &[]
    }
    /// What flow control tells others about this process's receive buffers.
    fn receive_space(&mut self, space: u32, drops: u32);
    /// How long what is sent to this group, one of those that the role listens to, may lie unread while little
    /// comes, because nothing can be done with it yet or nobody waits for it. A hint: no promise depends on it.
    fn patience(&self, _group: Role) -> Nanos {
        0
    }
    /// Whether little but this process's own packets is expected in this group, so that of packets that come together the
    /// first is enough. The others are lost then, as a network may lose them.
    fn skims(&self, _group: Role) -> bool {
        false
    }
    /// Every instance below it is decided, as far as this process knows: for a person to look at.
    fn decided_until(&self) -> u64;
    /// How long a frame with accepted records may be in this turn, bytes: see [`crate::journal::Frame::fits`].
    /// Told before the turn's packets, and only to a process that keeps a log.
    fn journal_room(&mut self, _bytes: u64) {}
    /// Fills in what the role knows of itself in the packet that tells how this process is.
    fn status(&self, _now: Nanos, _status: &mut ProcessStatus) {}
}

/// What every role is told at its start.
#[derive(Clone, Debug)]
pub struct Setup {
    pub me: Sender,
    pub layout: Layout,
    /// Where direct replies reach this process.
    pub address: SocketAddrV4,
    /// The ids of the acceptors, ascending.
    pub acceptors: Vec<u16>,
    /// Time between heartbeats.
    pub heartbeat: Nanos,
    /// Silence after which a process is taken for dead.
    pub suspect: Nanos,
    /// Of the generator of jitter.
    pub seed: u64,
}
