//! How many packets: by sender and kind, and which of them where.

use super::window::{Seen, Window};
use crate::dump::SenderId;
use crate::{Body, Kind, Packet, RangeRecord};
use std::collections::BTreeMap;
use std::net::SocketAddrV4;

/// How many processes are told apart. What others send is counted as one.
pub const SENDERS_MAX: usize = 64;
/// How many destinations of one sender are told apart, to see what each capture lacks.
const DESTINATIONS_MAX: usize = 32;

/// What one sender sent of one kind.
#[derive(Clone, Copy, Debug, Default)]
pub struct Row {
    /// Different packets.
    pub packets: u64,
    /// As they were sent, without the headers of UDP and IP.
    pub bytes: u64,
    /// Sightings of a packet beyond the first in its capture.
    pub again: u64,
    /// Packets that say again what one before has said: the same instance in the same ballot, the same entry.
    pub repeats: u64,
    /// Packets whose end the capture lacks: of these only the header is known, and not checked.
    pub cut: u64,
    /// What 2a and value packets carry.
    pub entries: u64,
    pub entry_bytes: u64,
    /// What 2b carry: each instance is a vote.
    pub ranges: u64,
    pub instances: u64,
}

impl Row {
    pub fn add(&mut self, other: &Row) {
        self.packets += other.packets;
        self.bytes += other.bytes;
        self.again += other.again;
        self.repeats += other.repeats;
        self.cut += other.cut;
        self.entries += other.entries;
        self.entry_bytes += other.entry_bytes;
        self.ranges += other.ranges;
        self.instances = self.instances.saturating_add(other.instances);
    }

    /// Counts what a packet carries.
    pub fn carry(&mut self, packet: &Packet) {
        match packet.body {
            Body::Phase2a(_, batch) | Body::Value(_, batch) => {
                for entry in batch.entries() {
                    self.entries += 1;
                    self.entry_bytes += entry.bytes.len() as u64;
                }
            }
            Body::Phase2b(_, _, ranges) => {
                for range in RangeRecord::all(ranges) {
                    self.ranges += 1;
                    self.instances = self.instances.saturating_add(range.len());
                }
            }
            _ => {}
        }
    }
}

/// A packet as it is counted.
#[derive(Clone, Copy)]
pub struct Counted {
    pub sender: SenderId,
    pub incarnation: u64,
    pub sequence: u64,
    pub kind: Kind,
    pub destination: SocketAddrV4,
    pub bytes: u64,
    pub cut: bool,
}

/// The counts, by sender and kind.
pub struct Counts {
    pub rows: BTreeMap<(SenderId, Kind), Row>,
    senders: BTreeMap<SenderId, Sender>,
    files: usize,
    /// Packets of senders beyond [`SENDERS_MAX`].
    pub others: u64,
    /// Packets of which it could not be told whether they had been seen.
    pub old: u64,
}

/// What is seen of one sender.
struct Sender {
    anywhere: Window,
    /// By file.
    places: Vec<Option<Window>>,
    destinations: BTreeMap<SocketAddrV4, Destination>,
}

/// What is sent to one address.
struct Destination {
    /// Different packets, in all files together.
    sent: u64,
    /// By file.
    seen: Vec<Coverage>,
}

/// What of it one file shows: of what was sent from the first to the last that is in the file.
#[derive(Clone, Copy, Default)]
struct Coverage {
    seen: u64,
    from: u64,
    until: u64,
}

/// What a capture lacks of a sender.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gap {
    pub sender: SenderId,
    pub file: usize,
    /// Sequence numbers from the first seen to the last, and how many of them the capture does not show. What was not
    /// sent to where the capture was made is among them.
    pub spanned: u64,
    pub missing: u64,
    /// Packets that other captures show on their way to an address that this one hears, and how many of them it lacks.
    pub expected: u64,
    pub lost: u64,
}

impl Counts {
    pub fn new(files: usize) -> Counts {
        Counts { rows: BTreeMap::new(), senders: BTreeMap::new(), files, others: 0, old: 0 }
    }

    /// Counts a sighting; returns the row to add to when the packet had not been seen anywhere.
    pub fn see(&mut self, file: usize, packet: &Counted) -> Option<&mut Row> {
        if !self.senders.contains_key(&packet.sender) {
            if self.senders.len() == SENDERS_MAX {
                self.others += 1;
                return None;
            }
            let places = (0..self.files).map(|_| None).collect();
            let anywhere = Window::new(packet.incarnation);
            self.senders.insert(packet.sender, Sender { anywhere, places, destinations: BTreeMap::new() });
        }
        let (sender, row) = (
            self.senders.get_mut(&packet.sender)?,
            self.rows.entry((packet.sender, packet.kind)).or_default(),
        );
        let anywhere = sender.anywhere.see(packet.incarnation, packet.sequence);
        let place = sender.places.get_mut(file)?;
        let place = place.get_or_insert_with(|| Window::new(packet.incarnation));
        let here = place.see(packet.incarnation, packet.sequence);
        if here == Seen::Again {
            row.again += 1;
        }
        if anywhere == Seen::Old || here == Seen::Old {
            self.old += 1;
        }
        sender.cover(file, self.files, packet.destination, anywhere == Seen::New, here == Seen::New);
        if anywhere != Seen::New {
            return None;
        }
        row.packets += 1;
        row.bytes += packet.bytes;
        row.cut += u64::from(packet.cut);
        Some(row)
    }

    /// The processes seen.
    pub fn senders(&self) -> usize {
        self.senders.len()
    }

    /// What each capture lacks of each sender that it shows.
    pub fn gaps(&self) -> Vec<Gap> {
        let mut gaps = Vec::new();
        for (id, sender) in &self.senders {
            for (file, window) in sender.places.iter().enumerate() {
                let Some(window) = window else { continue };
                let covered = sender.destinations.values().map(|destination| destination.seen[file]);
                let (expected, seen) =
                    covered.filter(|covered| covered.seen > 0).fold((0, 0), |sum, covered| {
                        (sum.0 + (covered.until - covered.from), sum.1 + covered.seen)
                    });
                let (spanned, missing) = (window.spanned(), window.missing());
                let lost = u64::saturating_sub(expected, seen);
                gaps.push(Gap { sender: *id, file, spanned, missing, expected, lost });
            }
        }
        gaps
    }
}

impl Sender {
    fn cover(&mut self, file: usize, files: usize, destination: SocketAddrV4, first: bool, here: bool) {
        let known = self.destinations.len();
        let destination = match self.destinations.get_mut(&destination) {
            Some(destination) => destination,
            None if known == DESTINATIONS_MAX => return,
            None => {
                let new = Destination { sent: 0, seen: vec![Coverage::default(); files] };
                self.destinations.entry(destination).or_insert(new)
            }
        };
        let before = destination.sent;
        destination.sent += u64::from(first);
        if here {
            let covered = &mut destination.seen[file];
            if covered.seen == 0 {
                // What another capture showed first may be this very packet, and nothing before it counts.
                covered.from = if first { before } else { before.saturating_sub(1) };
            }
            covered.seen += 1;
            covered.until = destination.sent;
        }
    }
}
