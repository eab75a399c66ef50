//! Packets that were refused are mentioned now and then, never one by one: the last one of each reason.

use super::stats::Stats;
use crate::protocol::Nanos;
use std::net::SocketAddrV4;
use wire::{Refusal, VERSION};

/// How often refused packets are mentioned, of each reason.
const TOLD: Nanos = 10_000_000_000;

/// What was refused and is to be mentioned.
#[derive(Default)]
pub struct Refusals {
    last: [Option<(Refusal, SocketAddrV4)>; Refusal::COUNT],
    /// Whether something came that was not mentioned.
    new: bool,
    /// Of each reason: before when it is not mentioned again, and how many were.
    told: [(Nanos, u64); Refusal::COUNT],
}

impl Refusals {
    /// A packet of this sender was refused.
    pub fn note(&mut self, refusal: Refusal, from: SocketAddrV4) {
        self.last[refusal.index()] = Some((refusal, from));
        self.new = true;
    }

    /// Mentions what is new and due. `stats` has how many were refused.
    pub fn mention(&mut self, now: Nanos, stats: &Stats) {
        if !self.new {
            return;
        }
        self.new = false;
        for (last, (told, refused)) in self.last.iter_mut().zip(self.told.iter_mut().zip(stats.refused)) {
            let Some((refusal, from)) = *last else { continue };
            if now < told.0 {
                self.new = true;
                continue;
            }
            let new = refused - told.1;
            let s = if new == 1 { "" } else { "s" };
            match refusal {
                Refusal::Version(version) => log::warn!(
                    target: "paxos",
                    "refused {new} packet{s} of another version of the wire, {version}; this program speaks {VERSION}; the \
                     last one came from {from}. Is an upgrade under way? Programs of different versions do not hear each \
                     other: start the same one everywhere"
                ),
                _ => {
                    log::warn!(target: "paxos", "refused {new} packet{s}; the last one, from {from}: {refusal}")
                }
            }
            (*last, *told) = (None, (now + TOLD, refused));
        }
    }
}
