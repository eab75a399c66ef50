//! `wire story`: everything that happened to one instance, or to one value, in order, and where the time went.
//!
//! The captures are read twice. [`find`] learns which entries the instance carries, or which instances carry the
//! value: it may be cut into several entries, and decided more than once. [`tell`] prints each packet about them, in
//! the words in which every packet is printed, and at the end how long each step took. What is repeated is told
//! once, and counted.

mod steps;
#[cfg(test)]
mod tests;

use crate::capture::Datagram;
use crate::dump::{Host, Input, Merge};
use crate::{Body, Header, Kind, Outline, Packet, Submit, flags};
use std::collections::{BTreeMap, BTreeSet};
use steps::Teller;
use zerocopy::FromBytes;

/// Entries that one story is about, at most: as many as a batch holds, and as a value is cut into.
const ENTRIES: usize = 4096;
/// Instances that one story is about, at most: each entry in one of its own.
const INSTANCES: usize = ENTRIES;
/// Instances that carry the same entry, at most.
const PLACES: usize = 64;

/// What a story is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subject {
    Instance(u64),
    /// The value that begins in this entry of a client.
    Value {
        client: u16,
        number: u64,
    },
}

/// A client's entry: client, incarnation, number.
pub type EntryId = (u16, u64, u64);

/// What the captures hold of a subject.
#[derive(Clone, Debug, Default)]
pub struct Found {
    pub instances: BTreeSet<u64>,
    pub entries: BTreeSet<EntryId>,
    /// Of the first datagram of all, ns since 1970.
    start_ns: Option<i64>,
    /// How many acceptors there are; 0 while nobody said.
    acceptors: usize,
    /// There was more than is told.
    more: bool,
    /// How often only the beginning of a packet was captured.
    cut: u64,
}

/// What a capture holds of a packet.
enum Seen<'a> {
    Whole(Packet<'a>),
    Cut(Cut),
}

/// The beginning of a packet, of which the captures lack the end.
struct Cut {
    outline: Outline,
    log: u32,
    /// Of a value: it is called decided.
    decided: bool,
    /// Of a submit: which entry it carries.
    number: Option<u64>,
}

impl Cut {
    fn of(bytes: &[u8]) -> Option<Cut> {
        let outline = Outline::of(bytes)?;
        let (header, body) = Header::ref_from_prefix(bytes).ok()?;
        let number = match outline.kind {
            Kind::Submit => Submit::ref_from_prefix(body).ok().map(|(body, _)| body.number.get()),
            _ => None,
        };
        let decided = header.flags & flags::DECIDED != 0;
        Some(Cut { outline, log: header.log.get(), decided, number })
    }
}

/// Calls `each` with every packet of all inputs, and when it was captured.
fn packets(inputs: Vec<Input>, host: &mut dyn Host, mut each: impl FnMut(i64, Seen)) {
    Merge::new(inputs).each(host, |_, datagram| packets_of(datagram, |seen| each(datagram.time_ns, seen)));
}

fn packets_of(datagram: &Datagram, mut each: impl FnMut(Seen)) {
    let mut packets = crate::split(&datagram.bytes).peekable();
    while let Some(bytes) = packets.next() {
        match Packet::parse(bytes) {
            Ok(packet) => each(Seen::Whole(packet)),
            Err(_) if datagram.truncated.is_some() && packets.peek().is_none() => {
                Cut::of(bytes).into_iter().for_each(|cut| each(Seen::Cut(cut)));
            }
            Err(_) => {}
        }
    }
}

/// Reads the captures for the first time.
pub fn find(inputs: Vec<Input>, subject: Subject, host: &mut dyn Host) -> Found {
    let mut found = Found::default();
    // Of the client: which entries of which start lie in which instances, and whether a value ends with it.
    let mut pieces: BTreeMap<EntryId, (BTreeSet<u64>, bool)> = BTreeMap::new();
    // Of an entry that was cut nobody knows whether the value goes on.
    let mut piece = |id: EntryId, bytes: Option<&[u8]>, instance: Option<u64>| {
        let Subject::Value { client, number } = subject else { return };
        let near = number <= id.2 && id.2 - number < ENTRIES as u64;
        if id.0 == client && near && (pieces.len() < ENTRIES || pieces.contains_key(&id)) {
            let (instances, ends) = pieces.entry(id).or_insert((BTreeSet::new(), true));
            if let Some(bytes) = bytes {
                *ends = bytes.ends_with(b"\n") || id.2 > number && bytes.contains(&b'\n');
            }
            if instances.len() < PLACES {
                instances.extend(instance);
            }
        }
    };
    packets(inputs, host, |time_ns, seen| {
        found.start_ns.get_or_insert(time_ns);
        let packet = match seen {
            Seen::Whole(packet) => packet,
            Seen::Cut(Cut { outline, number, .. }) => {
                found.cut += 1;
                if let Some(number) = number {
                    piece((outline.sender.id, outline.sender.incarnation, number), None, None);
                }
                return;
            }
        };
        match packet.body {
            Body::Phase1b(_, lives, _) | Body::Phase2b(_, lives, _) if found.acceptors == 0 => {
                found.acceptors = lives.len();
            }
            Body::Submit(body, bytes) => {
                piece((packet.sender.id, packet.sender.incarnation, body.number.get()), Some(bytes), None);
            }
            Body::Phase2a(..) | Body::Value(..) => {
                let (instance, batch) = match packet.body {
                    Body::Phase2a(body, batch) => (body.instance.get(), batch),
                    Body::Value(body, batch) => (body.instance.get(), batch),
                    _ => return,
                };
                for entry in batch.entries() {
                    let id = (entry.client, entry.incarnation, entry.number);
                    piece(id, Some(entry.bytes), Some(instance));
                    if subject == Subject::Instance(instance) && !found.entries.contains(&id) {
                        let room = found.entries.len() < ENTRIES;
                        found.more |= !room || !found.entries.insert(id);
                    }
                }
            }
            _ => {}
        }
    });
    match subject {
        Subject::Instance(instance) => drop(found.instances.insert(instance)),
        Subject::Value { client, number } => {
            let starts: BTreeSet<u64> =
                pieces.keys().filter(|(_, _, first)| *first == number).map(|(_, start, _)| *start).collect();
            for start in starts {
                let mut next = number;
                // Up to the entry in which the value ends, as far as the capture holds them.
                while let Some((instances, ends)) = pieces.get(&(client, start, next)) {
                    found.entries.insert((client, start, next));
                    let room = INSTANCES - found.instances.len();
                    found.more |= instances.len() > room;
                    found.instances.extend(instances.iter().take(room));
                    if *ends {
                        break;
                    }
                    next += 1;
                    found.more |= next - number >= ENTRIES as u64;
                }
            }
        }
    }
    found
}

/// Reads the captures for the second time, and tells what happened. `captures`: how many there are.
pub fn tell(inputs: Vec<Input>, subject: Subject, found: &Found, host: &mut dyn Host) -> String {
    let captures = inputs.len();
    let mut teller = Teller::new(subject, found);
    packets(inputs, host, |time_ns, seen| match seen {
        Seen::Whole(packet) => teller.packet(time_ns, &packet),
        Seen::Cut(cut) => teller.cut(time_ns, &cut),
    });
    teller.finish(captures)
}
