//! `wire stat`: what captures hold, in numbers, in one pass and bounded memory.
//!
//! A packet is counted once, however many captures, interfaces or receivers show it: it is known by its sender, the
//! sender's incarnation and its sequence number. All times are between sightings in the captures.

mod counts;
mod hops;
mod json;
mod text;
mod timeline;
mod window;

pub use json::json;
pub use text::text;

use crate::capture::Tally;
use crate::dump::{Filter, Host, Input, SenderId};
use crate::sighting::{Cut, Sighting, What};
use crate::{Ballot, Body, Front, Kind, Outline, Packet, RangeRecord, flags};
use counts::{Counted, Counts};
use hops::Hops;
use timeline::Timeline;

/// How many changes of leader are told one by one.
const LEADERS_MAX: usize = 100;

/// All that was counted.
pub struct Stat {
    files: Vec<String>,
    counts: Counts,
    hops: Hops,
    packets: Timeline,
    values: Timeline,
    leaders: Vec<Leads>,
    leader: Ballot,
    leader_changes: u64,
    /// Of the first packet counted and of the last, since the start of the captures, ns.
    span_ns: Option<(i128, i128)>,
    /// The highest watermark that was told, of what is decided.
    decided_until: u64,
    malformed: u64,
    /// Cut within their header.
    cut_short: u64,
    frames: Tally,
}

/// A proposer that was first seen to lead in a ballot.
struct Leads {
    time_ns: i128,
    process: SenderId,
    ballot: Ballot,
}

/// Counts the packets that the inputs hold and the filter wants.
pub fn stat(inputs: Vec<Input>, filter: &Filter, host: &mut dyn Host) -> Stat {
    let files: Vec<String> = inputs.iter().map(|input| input.name.clone()).collect();
    let mut stat = Stat {
        counts: Counts::new(files.len()),
        files,
        hops: Hops::default(),
        packets: Timeline::default(),
        values: Timeline::default(),
        leaders: Vec::new(),
        leader: Ballot::ZERO,
        leader_changes: 0,
        span_ns: None,
        decided_until: 0,
        malformed: 0,
        cut_short: 0,
        frames: Tally::default(),
    };
    stat.frames = crate::sighting::each(inputs, filter, host, |sighting| stat.see(&sighting));
    stat
}

impl Stat {
    fn see(&mut self, sighting: &Sighting) {
        if !sighting.wanted {
            return;
        }
        let time_ns = sighting.time_ns;
        let counted = match &sighting.what {
            What::Packet(packet) => Counted {
                sender: SenderId { role: packet.sender.role, id: packet.sender.id },
                incarnation: packet.sender.incarnation,
                sequence: packet.header.sequence(),
                kind: packet.kind,
                destination: sighting.destination,
                bytes: packet.header.length.get().into(),
                cut: false,
            },
            What::Cut(Cut { outline, sent, .. }) => Counted {
                sender: SenderId { role: outline.sender.role, id: outline.sender.id },
                incarnation: outline.sender.incarnation,
                sequence: outline.sequence,
                kind: outline.kind,
                destination: sighting.destination,
                bytes: *sent as u64,
                cut: true,
            },
            What::CutShort => return self.cut_short += 1,
            What::Malformed => return self.malformed += 1,
        };
        let Some(row) = self.counts.see(sighting.file, &counted) else { return };
        let (first, last) = self.span_ns.unwrap_or((time_ns, time_ns));
        self.span_ns = Some((first.min(time_ns), last.max(time_ns)));
        self.packets.add(time_ns, 1);
        self.values.add(time_ns, 0);
        if let What::Cut(Cut {
            outline: Outline { front: Front::Phase2a { ballot, instance, .. }, .. },
            ..
        }) = sighting.what
        {
            row.repeats += u64::from(self.hops.propose(instance, ballot, None, time_ns));
        }
        if let What::Packet(packet) = &sighting.what {
            row.carry(packet);
            row.repeats += u64::from(self.hops.follow_packet(packet, time_ns, &mut self.values));
            self.lead(packet, time_ns);
            self.decided_until = self.decided_until.max(told_decided(packet));
        }
    }

    fn lead(&mut self, packet: &Packet, time_ns: i128) {
        let Some(ballot) = led_ballot(packet).filter(|ballot| *ballot > self.leader) else { return };
        self.leader = ballot;
        self.leader_changes += 1;
        if self.leaders.len() < LEADERS_MAX {
            let process = SenderId { role: packet.sender.role, id: packet.sender.id };
            self.leaders.push(Leads { time_ns, process, ballot });
        }
    }
}

impl Hops {
    /// Returns whether the packet repeats what one before has said.
    fn follow_packet(&mut self, packet: &Packet, time_ns: i128, values: &mut Timeline) -> bool {
        match packet.body {
            Body::Submit(body, _) => {
                self.submit((packet.sender.id, packet.sender.incarnation, body.number.get()), time_ns)
            }
            Body::Phase2a(body, batch) => {
                self.propose(body.instance.get(), body.ballot(packet.sender), Some(batch), time_ns)
            }
            Body::Phase2b(body, lives, ranges) => {
                let ranges = ranges.iter().map(RangeRecord::range);
                let chosen = self.vote(packet.sender.id, body.ballot.get(), lives.len(), ranges, time_ns);
                values.add(time_ns, chosen);
                false
            }
            Body::Ack(_, acks) => {
                for ack in acks {
                    self.ack(ack.client.get(), ack.incarnation.get(), ack.decided_until.get(), time_ns);
                }
                false
            }
            _ => false,
        }
    }
}

/// The ballot that the sender leads, where a packet says so.
pub(crate) fn led_ballot(packet: &Packet) -> Option<Ballot> {
    let ballot = match packet.body {
        Body::Phase2a(body, _) => body.ballot(packet.sender),
        Body::Watermark(body) => body.ballot.get(),
        Body::Ack(body, _) if packet.has(flags::LEADING) => body.ballot.get(),
        _ => return None,
    };
    (ballot.proposer() == packet.sender.id).then_some(ballot)
}

/// Every instance below is decided, the sender says.
fn told_decided(packet: &Packet) -> u64 {
    match packet.body {
        Body::Phase2a(body, _) => body.decided_until.get(),
        Body::Phase2b(body, ..) => body.decided_until.get().max(body.complete_until.get()),
        Body::Watermark(body) => body.decided_until.get(),
        Body::Heartbeat(body) => body.decided_until.get(),
        _ => 0,
    }
}

/// Packets that make up for losses: they ask for what is missing, or carry it.
fn repairs(kind: Kind) -> bool {
    matches!(kind, Kind::CatchUp | Kind::Fetch | Kind::Value)
}

#[cfg(test)]
mod tests;
