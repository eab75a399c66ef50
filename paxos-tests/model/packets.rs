//! The network: every packet that was ever sent, each once.
//!
//! A packet that is sent lies there for ever, and anybody that it is addressed to may take it at any moment,
//! once, often or never. So it may be lost, doubled, delayed and reordered without a step of its own for
//! any of that, and what any weaker network does, this one does too.
//!
//! Packets are the real ones, sealed and parsed. What makes two packets differ that say the same to whoever
//! takes safety from them is set to zero: sequence numbers, and what flow control and catching up read. A 2b
//! is taken apart into one for each instance: [`paxos::protocol::quorum::Tally`] counts instance by instance.

use crate::shape::{BALLOTS, INSTANCES, Plant, Shape};
use core::net::{Ipv4Addr, SocketAddrV4};
use paxos::protocol::To;
use std::collections::HashMap;
use std::sync::{Arc, RwLock};
use wire::{
    BallotField, Body, EntryHeader, FixedBody, Helped, Layout, Packet, Phase1a, Phase2a, Phase2b, Range,
    RangeRecord, Role, Sender, Stamp, Value, Watermark, flags,
};
use zerocopy::{FromZeros, IntoBytes};

pub const LAYOUT: Layout = Layout { packet: 1472, cluster: 5, trailer: 0 };
/// The log that all acceptors are members of from the first.
pub const LOG: u32 = 7;

/// What whoever moves packets about must know of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A proposer's packet: for every acceptor.
    Proposers,
    /// From an acceptor to the other ones.
    Acceptors { but: u8 },
    /// To one process.
    Process { slot: u8 },
    /// A 1b, in the ballot of this place.
    Promise { ballot: u8 },
    /// A 2b for one instance, in the ballot of this place.
    Vote { ballot: u8, instance: u8 },
}

/// A packet by its number among all that were met, with its kind before that.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PacketId(u32);

impl PacketId {
    const NUMBER: u32 = 20;

    fn new(kind: Kind, number: usize) -> PacketId {
        let (sort, first, second) = match kind {
            Kind::Proposers => (0, 0, 0),
            Kind::Acceptors { but } => (1, but, 0),
            Kind::Process { slot } => (2, slot, 0),
            Kind::Promise { ballot } => (3, ballot, 0),
            Kind::Vote { ballot, instance } => (4, ballot, instance),
        };
        assert!(number < 1 << PacketId::NUMBER && first < 16 && second < 16);
        let kind = sort << 8 | u32::from(first) << 4 | u32::from(second);
        PacketId(kind << PacketId::NUMBER | number as u32)
    }

    pub fn kind(self) -> Kind {
        let (first, second) = ((self.0 >> 24 & 15) as u8, (self.0 >> 20 & 15) as u8);
        match self.0 >> 28 {
            0 => Kind::Proposers,
            1 => Kind::Acceptors { but: first },
            2 => Kind::Process { slot: first },
            3 => Kind::Promise { ballot: first },
            _ => Kind::Vote { ballot: first, instance: second },
        }
    }

    fn number(self) -> usize {
        (self.0 & ((1 << PacketId::NUMBER) - 1)) as usize
    }
}

impl core::fmt::Debug for PacketId {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "{:?}#{}", self.kind(), self.number())
    }
}

#[derive(Debug)]
pub struct Sealed {
    pub from: SocketAddrV4,
    pub kind: Kind,
    bytes: Box<[u8]>,
}

impl Sealed {
    pub fn packet(&self) -> Packet<'_> {
        Packet::parse(&self.bytes).expect("only what can be read is sent")
    }
}

/// Where the process in a slot is.
pub fn address(slot: usize) -> SocketAddrV4 {
    SocketAddrV4::new(Ipv4Addr::LOCALHOST, 1000 + slot as u16)
}

/// Where the proposer of a ballot is.
fn proposer(ballot: usize) -> SocketAddrV4 {
    SocketAddrV4::new(Ipv4Addr::LOCALHOST, 2000 + ballot as u16)
}

/// Every value that can be proposed: the no-op, and of each ballot the one of its own.
pub const NOOP: u8 = 1;

pub fn own(ballot: usize) -> u8 {
    ballot as u8 + 2
}

/// The batch of a value.
pub fn batch(value: u8) -> Vec<u8> {
    if value <= NOOP {
        return Vec::new();
    }
    let mut bytes = EntryHeader::new(value.into(), 1, 0, 1).as_bytes().to_vec();
    bytes.push(b'a' + value);
    bytes
}

/// The value of a batch.
pub fn value(bytes: &[u8]) -> u8 {
    (NOOP..=own(BALLOTS)).find(|value| batch(*value) == bytes).expect("of a known value")
}

fn seal<B: FixedBody>(sender: Sender, (log, flags): (u32, u8), body: &B, tail: &[&[u8]]) -> Box<[u8]> {
    let mut buffer = [0; 1472];
    let length = wire::seal(&mut buffer, LAYOUT, sender, Stamp { sequence: 0, log, flags }, body, tail);
    buffer[..length].into()
}

type Key = (SocketAddrV4, Option<SocketAddrV4>, Box<[u8]>);

/// All packets that were met, by number.
#[derive(Default)]
struct Table {
    numbers: HashMap<Key, PacketId>,
    packets: Vec<Arc<Sealed>>,
}

/// A packet for every instance (or number of instances) and value.
type ByInstance<const VALUES: usize> = [[PacketId; VALUES]; INSTANCES + 1];

/// What a proposer can ever send in one ballot.
#[derive(Clone, Copy)]
struct OfProposer {
    prepare: ByInstance<1>,
    propose: ByInstance<VALUES>,
    watermark: ByInstance<1>,
    decision: ByInstance<VALUES>,
}

const VALUES: usize = BALLOTS + 2;

pub struct Packets {
    shape: Shape,
    table: RwLock<Table>,
    of_proposers: Vec<OfProposer>,
}

impl Packets {
    pub fn new(shape: &Shape) -> Packets {
        let mut packets =
            Packets { shape: shape.clone(), table: RwLock::default(), of_proposers: Vec::new() };
        packets.of_proposers = (0..shape.ballots).map(|ballot| packets.all_of_proposer(ballot)).collect();
        packets
    }

    fn all_of_proposer(&self, ballot: usize) -> OfProposer {
        let number = Shape::ballot(ballot);
        let field = BallotField::from(number);
        let value = |value: usize| batch(value as u8);
        let at = core::array::from_fn::<u64, { INSTANCES + 1 }, _>(|at| at as u64);
        OfProposer {
            prepare: at
                .map(|at| [self.of_proposer(ballot, 0, &Phase1a { ballot: field, from: at.into() }, &[])]),
            propose: at.map(|at| {
                let body = Phase2a::new(at, 0, number.round());
                core::array::from_fn(|of| self.of_proposer(ballot, 0, &body, &value(of)))
            }),
            watermark: at.map(|at| {
                let (decided_until, proposed_until) = (at.into(), at.into());
                [self.of_proposer(
                    ballot,
                    0,
                    &Watermark { ballot: field, decided_until, proposed_until },
                    &[],
                )]
            }),
            decision: at.map(|at| {
                let body = Value { instance: at.into(), ballot: field };
                core::array::from_fn(|of| self.of_proposer(ballot, flags::DECIDED, &body, &value(of)))
            }),
        }
    }

    pub fn get(&self, id: PacketId) -> Arc<Sealed> {
        self.table.read().expect("no reader panics").packets[id.number()].clone()
    }

    fn number(&self, from: SocketAddrV4, to: Option<SocketAddrV4>, bytes: Box<[u8]>, kind: Kind) -> PacketId {
        let key = (from, to, bytes);
        if let Some(id) = self.table.read().expect("no writer panics").numbers.get(&key) {
            return *id;
        }
        let mut table = self.table.write().expect("no writer panics");
        let next = PacketId::new(kind, table.packets.len());
        let bytes = key.2.clone();
        let id = *table.numbers.entry(key).or_insert(next);
        if id == next {
            table.packets.push(Arc::new(Sealed { from, kind, bytes }));
        }
        id
    }

    fn of_proposer<B: FixedBody>(&self, ballot: usize, flags: u8, body: &B, tail: &[u8]) -> PacketId {
        let number = Shape::ballot(ballot);
        let sender =
            Sender { role: Role::Proposer, id: number.proposer(), incarnation: number.incarnation() };
        self.number(proposer(ballot), None, seal(sender, (LOG, flags), body, &[tail]), Kind::Proposers)
    }

    pub fn prepare(&self, ballot: usize, from: usize) -> PacketId {
        self.of_proposers[ballot].prepare[from][0]
    }

    pub fn propose(&self, ballot: usize, instance: usize, value: u8) -> PacketId {
        self.of_proposers[ballot].propose[instance][usize::from(value)]
    }

    pub fn watermark(&self, ballot: usize, until: usize) -> PacketId {
        self.of_proposers[ballot].watermark[until][0]
    }

    pub fn decision(&self, ballot: usize, instance: usize, value: u8) -> PacketId {
        self.of_proposers[ballot].decision[instance][usize::from(value)]
    }

    /// What an acceptor's outbox holds, as the network keeps it. What no property depends on is left out.
    pub fn of_acceptor(&self, slot: usize, to: To, bytes: &[u8]) -> Vec<PacketId> {
        let packet = Packet::parse(bytes).expect("only what can be read is sent");
        let (sender, head) = (packet.sender, (packet.header.log.get(), packet.header.flags));
        let plant = self.shape.plant;
        let to = match to {
            To::Peer(to) => Some(to),
            To::Group(_) => None,
        };
        let (bytes, kind) = match packet.body {
            Body::Phase1b(body, told, runs) => {
                let Some(ballot) = self.shape.place(body.ballot.get()) else { return Vec::new() };
                let mut body = *body;
                if plant == Plant::BlindnessUntold {
                    body.blind_until = 0.into();
                }
                (
                    seal(sender, head, &body, &[told.as_bytes(), runs.as_bytes()]),
                    Kind::Promise { ballot: ballot as u8 },
                )
            }
            Body::Phase2b(body, told, ranges) => {
                let Some(ballot) = self.shape.place(body.ballot.get()) else { return Vec::new() };
                let body = Phase2b {
                    ballot: body.ballot,
                    life: body.life,
                    lives: body.lives,
                    ..Phase2b::new_zeroed()
                };
                let vote = |instance: u64| {
                    let range = RangeRecord::new(Range::new(instance, instance + 1));
                    let kind = Kind::Vote { ballot: ballot as u8, instance: instance as u8 };
                    let bytes = seal(sender, (LOG, 0), &body, &[told.as_bytes(), range.as_bytes()]);
                    self.number(address(slot), None, bytes, kind)
                };
                return RangeRecord::all(ranges)
                    .flat_map(|range| range.first..range.until)
                    .map(vote)
                    .collect();
            }
            Body::Join(body) => (seal(sender, head, body, &[]), Kind::Acceptors { but: sender.id as u8 }),
            Body::Helped(body, told) if body.joiner.get() == 0 => {
                if !self.shape.announcements {
                    return Vec::new();
                }
                (announcement(sender, body.life.get(), told), Kind::Acceptors { but: sender.id as u8 })
            }
            Body::Helped(body, told) => {
                let slot = (to.expect("help is for one").port() - 1000) as u8;
                let mut body = Helped { complete_until: 0.into(), ..*body };
                if plant == Plant::HelpersTellNoTop {
                    body.top = 0.into();
                }
                (seal(sender, head, &body, &[told.as_bytes()]), Kind::Process { slot })
            }
            _ => return Vec::new(), // hellos, refusals, requests and answers that bring no news
        };
        vec![self.number(address(slot), to, bytes, kind)]
    }

    /// Help that is given though nothing was promised, and the one thing that the helper then remembers.
    pub fn unfenced(&self, join: PacketId, helped: PacketId) -> (PacketId, PacketId) {
        let (join, helped) = (self.get(join), self.get(helped));
        let (asked, given) = (join.packet(), helped.packet());
        let (Body::Join(request), Body::Helped(body, told)) = (asked.body, given.body) else {
            unreachable!("help answers a request")
        };
        let head = (given.header.log.get(), given.header.flags);
        let body = Helped { ballot: request.ballot, ..*body };
        let bytes = seal(given.sender, head, &body, &[told.as_bytes()]);
        let granted = self.number(helped.from, Some(join.from), bytes, helped.kind);
        let note = announcement(asked.sender, request.life.get(), told);
        (granted, self.number(join.from, None, note, Kind::Acceptors { but: asked.sender.id as u8 }))
    }
}

fn announcement(sender: Sender, life: u64, told: &[zerocopy::byteorder::big_endian::U64]) -> Box<[u8]> {
    let body = Helped { life: life.into(), ..Helped::new_zeroed() };
    seal(sender, (LOG, 0), &body, &[told.as_bytes()])
}
