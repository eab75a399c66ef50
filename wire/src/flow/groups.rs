//! Who hears a packet: the groups, known by what is sent to them, and the addresses of processes.

use crate::dump::SenderId;
use crate::{Kind, Packet, Role, flags};
use std::collections::BTreeMap;
use std::net::SocketAddrV4;

/// How many addresses of processes are kept; a start of a process has one.
const ADDRESSES_MAX: usize = 1024;
/// How many groups are kept; a cluster has four.
const GROUPS_MAX: usize = 16;

/// Where packets go to, as far as the packets themselves tell.
#[derive(Default)]
pub struct Addresses {
    groups: Vec<(SocketAddrV4, Role)>,
    processes: BTreeMap<SocketAddrV4, SenderId>,
}

/// Who listens to an address.
#[derive(Debug, PartialEq, Eq)]
pub enum Audience {
    /// All processes of these roles.
    Roles(&'static [Role]),
    One(SenderId),
    Unknown,
}

impl Addresses {
    /// Learns from a packet where its sender is, and what its destination is for.
    pub fn learn(&mut self, source: SocketAddrV4, destination: SocketAddrV4, packet: &Packet) {
        let sender = SenderId { role: packet.sender.role, id: packet.sender.id };
        if self.processes.len() < ADDRESSES_MAX || self.processes.contains_key(&source) {
            self.processes.insert(source, sender);
        }
        if !destination.ip().is_multicast()
            || self.groups.len() == GROUPS_MAX
            || self.groups.iter().any(|(address, _)| *address == destination)
        {
            return;
        }
        if let Some(role) = group_of(packet) {
            self.groups.push((destination, role));
        }
    }

    pub fn audience(&self, destination: SocketAddrV4) -> Audience {
        if destination.ip().is_multicast() {
            let group = self.groups.iter().find(|(address, _)| *address == destination);
            group.map_or(Audience::Unknown, |(_, role)| Audience::Roles(listeners(*role)))
        } else {
            self.processes.get(&destination).map_or(Audience::Unknown, |process| Audience::One(*process))
        }
    }
}

/// Who listens to the group of a role: votes and proposals concern more than those they are named after.
fn listeners(group: Role) -> &'static [Role] {
    match group {
        Role::Client => &[Role::Client],
        Role::Proposer => &[Role::Proposer],
        Role::Acceptor => &[Role::Acceptor, Role::Learner, Role::Proposer],
        Role::Learner => &[Role::Learner, Role::Proposer],
        // It has no group.
        Role::Observer => &[],
    }
}

/// The group that a multicast packet of this kind goes to, where the kind leaves no doubt.
fn group_of(packet: &Packet) -> Option<Role> {
    match packet.kind {
        // With the flag it may be a question to acceptors.
        Kind::Hello if packet.has(flags::ASK) => None,
        Kind::Hello => Some(packet.sender.role),
        Kind::Submit | Kind::Heartbeat | Kind::Phase1b | Kind::CatchUp => Some(Role::Proposer),
        Kind::ProcessStatus => Some(Role::Proposer),
        Kind::Ack => Some(Role::Client),
        Kind::Phase1a | Kind::Phase2a | Kind::Watermark => Some(Role::Acceptor),
        Kind::Join | Kind::Helped | Kind::Found => Some(Role::Acceptor),
        Kind::Phase2b | Kind::Value => Some(Role::Learner),
        // Observers send the same to all.
        Kind::Probe | Kind::Tally => None,
        Kind::Nack | Kind::Fetch | Kind::Report | Kind::Over => None,
    }
}
