//! A cluster in a test: processes that say what the test wants, in time that the test passes.

use super::findings::{Finding, judge};
use super::gather::{Cluster, Key};
use crate::conf::Conf;
use crate::protocol::Nanos;
use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddrV4};
use wire::status::{NEVER, state};
use wire::{Ballot, Layout, Packet, ProcessStatus, Role, Sender, Stamp};
use zerocopy::FromZeros;

pub const S: Nanos = 1_000_000_000;
pub const ID: u32 = 0xC1;
const LOG: u32 = 0x10;

pub struct Scene {
    pub now: Nanos,
    pub cluster: Cluster,
    /// What each process says, as long as it is not silent.
    says: BTreeMap<Key, ProcessStatus>,
}

impl Scene {
    /// Nobody is there.
    pub fn empty() -> Scene {
        let text = "clients 239.0.0.1 5000\nproposers 239.0.0.1 6000\nacceptors 239.0.0.1 7000\n\
                    learners 239.0.0.1 8000\n";
        let conf = Conf::parse(text, "paxos.conf").expect("it is whole");
        Scene { now: S, cluster: Cluster::new(&conf, ID, S), says: BTreeMap::new() }
    }

    /// Three acceptors, two proposers of which the first leads, two learners, a client; heard twice.
    pub fn healthy() -> Scene {
        let mut scene = Scene::empty();
        let ballot = Ballot::new(1, 1, 11);
        for (role, ids) in
            [(Role::Acceptor, 1..=3), (Role::Proposer, 1..=2), (Role::Learner, 1..=2), (Role::Client, 1..=1)]
        {
            for id in ids {
                scene.join((role, id, 10 + u64::from(id)), |status| {
                    status.ballot = ballot.into();
                    status.state = match (role, id) {
                        (Role::Acceptor, _) => state::MEMBER,
                        (Role::Proposer, 1) => state::LEADING | state::READY,
                        (Role::Proposer, _) => state::READY,
                        _ => 0,
                    }
                    .into();
                    status.heard = if role == Role::Proposer { 0b111 } else { 0 }.into();
                });
            }
        }
        scene.pass(3 * S);
        scene
    }

    /// A process starts.
    pub fn join(&mut self, key: Key, change: impl FnOnce(&mut ProcessStatus)) {
        let mut status = ProcessStatus::new_zeroed();
        status.up_ms = 10.into();
        status.period_ms = 1000.into();
        (status.heartbeat_us, status.suspect_us) = (2_000_000.into(), 5_000_000.into());
        status.version_minor = 1.into();
        (status.decided_until, status.known_until) = (1000.into(), 1000.into());
        let digests = matches!(key.0, Role::Learner | Role::Proposer);
        status.digest = if digests { 0xD1 } else { 0 }.into();
        status.space = 425_984.into();
        status.dropped_s = NEVER.into();
        status.memory = 30_000_000.into();
        change(&mut status);
        self.says.insert(key, status);
        self.send(key);
    }

    pub fn key(&self, role: Role, id: u16) -> Key {
        *self.says.keys().find(|key| (key.0, key.1) == (role, id)).expect("it is there")
    }

    /// A process says something new, and goes on to.
    pub fn say(&mut self, key: Key, change: impl FnOnce(&mut ProcessStatus)) {
        let status = self.says.get_mut(&key).expect("it is there");
        status.up_ms = (status.up_ms.get() + 1000).into();
        change(status);
        self.send(key);
    }

    /// It says the same, with this change, from its next packet on.
    pub fn change(&mut self, key: Key, change: impl FnOnce(&mut ProcessStatus)) {
        change(self.says.get_mut(&key).expect("it is there"));
    }

    /// It says nothing any more.
    pub fn silence(&mut self, key: Key) {
        self.says.remove(&key);
    }

    /// Time passes, and everybody says how it is every second.
    pub fn pass(&mut self, time: Nanos) {
        for _ in 0..time / S {
            self.now += S;
            for key in self.says.keys().copied().collect::<Vec<_>>() {
                self.say(key, |_| {});
            }
            self.cluster.tick(self.now);
        }
    }

    fn send(&mut self, (role, id, incarnation): Key) {
        let status = self.says[&(role, id, incarnation)];
        self.packet(Sender { role, id, incarnation }, ID, LOG, &status);
    }

    /// Any packet of a status.
    pub fn packet(&mut self, sender: Sender, cluster: u32, log: u32, status: &ProcessStatus) {
        let mut bytes = [0; 1472];
        let layout = Layout { packet: 1472, cluster, trailer: 0 };
        let length = wire::seal(&mut bytes, layout, sender, Stamp { log, ..Stamp::default() }, status, &[]);
        self.bytes(&bytes[..length]);
    }

    pub fn bytes(&mut self, bytes: &[u8]) {
        let from = SocketAddrV4::new(Ipv4Addr::new(10, 0, 0, 1), 4000);
        self.cluster.packet(self.now, from, Packet::parse(bytes));
    }

    pub fn findings(&self) -> Vec<Finding> {
        judge(&self.cluster, self.now)
    }

    /// What is wrong, by its code.
    pub fn problems(&self) -> Vec<&'static str> {
        self.findings().iter().filter(|finding| finding.problem).map(|finding| finding.code).collect()
    }

    pub fn notes(&self) -> Vec<&'static str> {
        self.findings().iter().filter(|finding| !finding.problem).map(|finding| finding.code).collect()
    }

    /// The sentences of the finding with this code.
    pub fn told(&self, code: &str) -> (String, String) {
        let finding = self.findings().into_iter().find(|finding| finding.code == code).expect("it is found");
        (finding.what, finding.todo)
    }
}
