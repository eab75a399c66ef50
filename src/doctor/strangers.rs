//! Who else sends to the groups: processes of clusters, and programs that are none of ours.

use crate::limits::{DOCTOR_PROCESSES, DOCTOR_REFUSALS};
use crate::protocol::Nanos;
use std::net::{Ipv4Addr, SocketAddrV4};
use wire::{Packet, Refusal, Sender};

/// A process that was heard.
#[derive(Clone, Copy, Debug)]
pub struct Process {
    pub sender: Sender,
    pub at: SocketAddrV4,
    pub cluster: u32,
    /// Which life of the log it follows; 0 while it does not say.
    pub log: u32,
    pub packets: u64,
    first: Nanos,
    last: Nanos,
}

/// What was refused of one host.
#[derive(Clone, Copy, Debug)]
pub struct Refused {
    pub from: Ipv4Addr,
    pub refusal: Refusal,
    pub packets: u64,
}

/// All that is no observer.
#[derive(Debug, Default)]
pub struct Strangers {
    processes: Vec<Process>,
    refused: Vec<Refused>,
    /// Processes that there was no room for were heard so often.
    pub unlisted: u64,
}

impl Strangers {
    pub fn heard(&mut self, now: Nanos, from: SocketAddrV4, packet: &Packet<'_>) {
        let (cluster, log) = (packet.header.cluster.get(), packet.header.log.get());
        let known = self.processes.iter_mut().find(|process| {
            process.sender == packet.sender && process.cluster == cluster && process.at == from
        });
        if let Some(process) = known {
            process.packets += 1;
            process.last = now;
            process.log = if log > 0 { log } else { process.log };
        } else if self.processes.len() < DOCTOR_PROCESSES {
            let sender = packet.sender;
            self.processes.push(Process {
                sender,
                at: from,
                cluster,
                log,
                packets: 1,
                first: now,
                last: now,
            });
        } else {
            self.unlisted += 1;
        }
    }

    pub fn refused(&mut self, from: SocketAddrV4, refusal: Refusal) {
        let same = |known: &Refused| known.from == *from.ip() && known.refusal.index() == refusal.index();
        if let Some(known) = self.refused.iter_mut().find(|known| same(known)) {
            known.packets += 1;
        } else if self.refused.len() < DOCTOR_REFUSALS {
            self.refused.push(Refused { from: *from.ip(), refusal, packets: 1 });
        }
    }

    /// The processes, by role and id.
    pub fn processes(&self) -> Vec<Process> {
        let mut all = self.processes.clone();
        all.sort_by_key(|process| (process.sender.role, process.sender.id, process.sender.incarnation));
        all
    }

    pub fn refusals(&self) -> &[Refused] {
        &self.refused
    }

    /// Pairs of processes of one cluster with one role and id that ran at the same time.
    pub fn same_ids(&self) -> Vec<(Process, Process)> {
        let all = self.processes();
        let same = |one: &Process, other: &Process| {
            (one.sender.role, one.sender.id, one.cluster)
                == (other.sender.role, other.sender.id, other.cluster)
                && one.sender.incarnation != other.sender.incarnation
                && one.first.max(other.first) < one.last.min(other.last)
        };
        let pairs = all.windows(2).filter(|pair| same(&pair[0], &pair[1]));
        pairs.map(|pair| (pair[0], pair[1])).collect()
    }
}
