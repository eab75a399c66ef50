//! Rounds: 64 full packets of lines are offered to a client and followed until all is delivered, acknowledged and
//! quiet again. How long each process was at work on them is taken, without how its packets are carried.

use crate::driven::{Cluster, Gauge, LAYOUT};
use paxos::engine::heap;
use paxos::limits::PROPOSER_WINDOW;
use std::time::{Duration, Instant};

/// Packets of a round.
pub const PACKETS: usize = 64;
/// Bytes of these packets.
pub const BYTES: usize = PACKETS * LAYOUT.packet;
/// Who is at work, and what a round is for it:
///
/// - `client`: lines to 64 entries, each a packet; an ack.
/// - `leader`: 64 entries to 64 instances, each a packet; the votes of three acceptors; an ack.
/// - `follower`: 64 instances held, votes counted, a report.
/// - `acceptor`: 64 instances accepted, one vote.
/// - `learner`: 64 instances held, votes counted, all delivered, a report.
pub const ROLES: [&str; 5] = ["client", "leader", "follower", "acceptor", "learner"];

/// Rounds until a cluster has grown so large that a new one takes its place: an acceptor keeps 0.1 MB of each.
const LIFETIME: usize = 1000;

/// How long a process was at work.
#[derive(Default)]
struct Stopwatch(Duration);

impl Gauge for Stopwatch {
    fn watch<T>(&mut self, work: impl FnOnce() -> T) -> T {
        let begun = Instant::now();
        let result = work();
        self.0 += begun.elapsed();
        result
    }
}

/// A cluster that has been once around all of its windows.
pub struct Rounds {
    cluster: Cluster<Stopwatch>,
    left: usize,
}

impl Rounds {
    pub fn new() -> Rounds {
        // So an acceptor pays for every new page, as it does where it has a process of its own.
        heap::large_blocks_from_the_system();
        let mut rounds = Rounds { cluster: Cluster::new(), left: LIFETIME };
        rounds.cluster.until(PROPOSER_WINDOW as u64);
        rounds.cluster.round(0);
        rounds.times();
        rounds
    }

    /// How long one process of each of [`ROLES`] was at work on a round.
    pub fn round(&mut self) -> [Duration; ROLES.len()] {
        if self.left == 0 {
            *self = Rounds::new();
        }
        self.left -= 1;
        let before = self.cluster.delivered();
        self.cluster.round(PACKETS * LAYOUT.entry_room());
        assert_eq!(self.cluster.delivered() - before, PACKETS as u64);
        self.times()
    }

    /// Reads the stopwatches, and sets them back.
    fn times(&mut self) -> [Duration; ROLES.len()] {
        let Cluster { client, proposers, acceptors, learners, .. } = &mut self.cluster;
        let [leader, follower] = &mut proposers[..] else { unreachable!("there are two") };
        let gauges = [
            &mut client.gauge,
            &mut leader.gauge,
            &mut follower.gauge,
            &mut acceptors[0].gauge,
            &mut learners[0].gauge,
        ];
        gauges.map(|gauge| std::mem::take(gauge).0)
    }
}
