//! What is measured.

use super::lan::Lan;
use std::path::PathBuf;
use std::rc::Rc;
use std::time::Duration;
use wire::Role;

/// One kind of run.
#[derive(Clone, Debug)]
pub struct Setting {
    /// Bytes of a value, its newline not counted.
    pub size: usize,
    pub clients: u16,
    pub proposers: u16,
    pub acceptors: u16,
    pub learners: u16,
    /// Largest IP packet, bytes.
    pub mtu: u16,
    /// How often processes say that they live.
    pub heartbeat: Duration,
    /// Silence after which a proposer is taken for dead.
    pub suspect: Duration,
    /// Where the acceptors' directories are made; none: they are volatile.
    pub data: Option<PathBuf>,
    /// Bytes of memory that each acceptor takes before it begins.
    pub reserve: usize,
    /// Where processes trace their packets, and how many bytes of each; none: nowhere.
    pub trace: Option<(PathBuf, usize)>,
    /// Whether packets are sealed with a key made for the run.
    pub seal: Seal,
    /// Percent of the datagrams that are dropped.
    pub loss: f64,
    /// Hosts for the processes; none: they are all on this one's loopback interface.
    pub lan: Option<Rc<Lan>>,
    /// Values per second of all clients together; none: as fast as the cluster takes them.
    pub rate: Option<u64>,
    pub amount: Amount,
}

/// What is done with packets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Seal {
    #[default]
    No,
    /// They are sealed.
    Key,
    /// They are sealed and encrypted.
    Encrypt,
}

/// How long a run is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Amount {
    /// The first tenth is not measured. Infinite: until enough has happened.
    Seconds(f64),
    /// All clients together, all of it measured.
    Values(u64),
}

impl Setting {
    /// A small cluster, for tests.
    #[cfg(test)]
    pub fn example() -> Setting {
        Setting {
            size: 100,
            clients: 1,
            proposers: 2,
            acceptors: 3,
            learners: 2,
            mtu: 1500,
            heartbeat: crate::conf::HEARTBEAT_DEFAULT,
            suspect: crate::conf::SUSPECT_DEFAULT,
            data: None,
            reserve: 0,
            trace: None,
            seal: Seal::No,
            loss: 0.0,
            lan: None,
            rate: None,
            amount: Amount::Seconds(1.0),
        }
    }

    /// How many values a client submits at most, its opening one not counted; none: until it is told to stop.
    pub fn values_of(&self, client: usize) -> Option<u64> {
        let all = match (self.amount, self.rate) {
            (Amount::Values(all), _) => all,
            (Amount::Seconds(seconds), Some(rate)) if seconds.is_finite() => {
                (seconds * rate as f64).ceil() as u64
            }
            (Amount::Seconds(_), _) => return None,
        };
        // What does not divide goes to the first ones.
        let clients = u64::from(self.clients);
        Some(all / clients + u64::from((client as u64) < all % clients))
    }

    /// The processes of the cluster, in the order in which they start.
    pub fn members(&self) -> impl Iterator<Item = (Role, u16)> {
        let roles = [
            (Role::Acceptor, self.acceptors),
            (Role::Proposer, self.proposers),
            (Role::Learner, self.learners),
            (Role::Client, self.clients),
        ];
        roles.into_iter().flat_map(|(role, count)| (1..=count).map(move |id| (role, id)))
    }

    /// Bytes behind each packet.
    pub fn trailer(&self) -> usize {
        if self.seal == Seal::No { 0 } else { wire::TRAILER_LEN }
    }

    /// Processes that get what the leader multicasts, itself not counted.
    pub fn receivers(&self) -> u16 {
        self.acceptors + self.learners + self.proposers - 1
    }
}
