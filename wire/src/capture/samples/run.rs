//! A run of a small cluster made by hand: a client, a proposer, three acceptors, a learner, all on one host.

use super::{LinkType, Order, PcapFile, frame};
use crate::kinds::FixedBody;
use crate::report::Room;
use crate::{
    Ack, AckRecord, Ballot, EntryHeader, Hello, Layout, PACKET_MAX, Phase2a, Phase2b, Range, RangeRecord,
    Role, Sender, Stamp, Submit, seal,
};
use etherparse::PacketBuilder;
use zerocopy::{FromZeros, IntoBytes};

pub const CLIENTS: u16 = 5000;
pub const PROPOSERS: u16 = 6000;
pub const ACCEPTORS: u16 = 7000;
pub const LEARNERS: u16 = 8000;

/// Datagrams with their times, µs.
#[derive(Clone, Default)]
pub struct Run {
    pub datagrams: Vec<(u32, Vec<u8>)>,
    sequences: Vec<(Role, u16, u64)>,
    /// How many times everybody has started again.
    pub starts: u64,
}

impl Run {
    /// A packet to a group, from the port that its sender has.
    pub fn send<B: FixedBody>(
        &mut self,
        us: u32,
        (role, id): (Role, u16),
        flags: u8,
        group: u16,
        body: &B,
        tail: &[&[u8]],
    ) {
        let known = self.sequences.iter_mut().find(|known| (known.0, known.1) == (role, id));
        let sequence = match known {
            Some((.., next)) => std::mem::replace(next, *next + 1),
            None => {
                self.sequences.push((role, id, 1));
                0
            }
        };
        let mut buffer = [0; PACKET_MAX];
        let layout = Layout { packet: 1472, cluster: 5, trailer: 0 };
        let sender = Sender { role, id, incarnation: 7 + self.starts };
        let length = seal(&mut buffer, layout, sender, Stamp { sequence, log: 9, flags }, body, tail);
        let port = 40_000 + 100 * role as u16 + id;
        let builder = PacketBuilder::ipv4([127, 0, 0, 1], [239, 0, 0, 1], 1).udp(port, group);
        let mut ip = Vec::new();
        builder.write(&mut ip, &buffer[..length]).expect("a vector takes it");
        self.datagrams.push((us, ip));
    }

    pub fn hello(&mut self, us: u32, (role, id): (Role, u16)) {
        let group = [CLIENTS, PROPOSERS, ACCEPTORS, LEARNERS][role as usize - 1];
        self.send(us, (role, id), 0, group, &Hello { answered: 0.into() }, &[]);
    }

    /// Entry and instance `number`, of these bytes: submitted at `us`, proposed 10 µs later, voted for by the three
    /// acceptors after 20, 21 and 22 µs, acknowledged after 30.
    pub fn decide(&mut self, us: u32, number: u64, bytes: &[u8]) {
        self.send(us, (Role::Client, 1), 0, PROPOSERS, &Submit { number: number.into() }, &[bytes]);
        self.propose(us + 10, 1, number, bytes);
        for acceptor in 1..=3 {
            self.vote(us + 19 + u32::from(acceptor), acceptor, Range::new(number, number + 1));
        }
        let mut record = AckRecord::new_zeroed();
        record.client = 1.into();
        record.incarnation = 7.into();
        record.decided_until = (number + 1).into();
        record.received_until = (number + 1).into();
        let ack = Ack { ballot: Ballot::new(1, 1, 7).into(), heard: 7.into(), reserved: 0.into() };
        self.send(us + 30, (Role::Proposer, 1), crate::flags::LEADING, CLIENTS, &ack, &[record.as_bytes()]);
    }

    pub fn propose(&mut self, us: u32, round: u64, number: u64, bytes: &[u8]) {
        let entry = EntryHeader::new(1, 7, number, bytes.len());
        let body = Phase2a::new(number, number, round);
        self.send(us, (Role::Proposer, 1), 0, ACCEPTORS, &body, &[entry.as_bytes(), bytes]);
    }

    pub fn vote(&mut self, us: u32, acceptor: u16, range: Range) {
        let body = Phase2b {
            ballot: Ballot::new(1, 1, 7).into(),
            decided_until: 0.into(),
            complete_until: 0.into(),
            room: Room { read_until: 0.into(), space: 425_984.into(), drops: 0.into() },
            life: 9.into(),
            lives: 3.into(),
            heard_until: [0; 6],
        };
        let lives = [9u64, 9, 9].map(zerocopy::byteorder::big_endian::U64::new);
        let record = RangeRecord::new(range);
        let tail = [lives.as_bytes(), record.as_bytes()];
        self.send(us, (Role::Acceptor, acceptor), 0, LEARNERS, &body, &tail);
    }

    /// As a capture file, of the datagrams that `keep` wants, each `late_us` later, cut to `snap` bytes.
    pub fn pcap(&self, late_us: u32, snap: usize, keep: impl Fn(usize) -> bool) -> Vec<u8> {
        let kept = self.datagrams.iter().enumerate().filter(|(at, _)| keep(*at));
        let file = PcapFile::new(Order::Little, PcapFile::US, LinkType::IPV4);
        let add = |file: PcapFile, (_, (us, ip)): (usize, &(u32, Vec<u8>))| {
            let us = us + late_us;
            file.record((1000 + us / 1_000_000, us % 1_000_000), &frame(LinkType::IPV4, ip), snap)
        };
        kept.fold(file, add).bytes
    }

    /// All of it.
    pub fn whole(&self) -> Vec<u8> {
        self.pcap(0, usize::MAX, |_| true)
    }
}

/// Everybody says hello, and so many values are decided, one a millisecond.
pub fn small(values: u64) -> Run {
    let mut run = Run::default();
    let everybody = [
        (Role::Client, 1),
        (Role::Proposer, 1),
        (Role::Acceptor, 1),
        (Role::Acceptor, 2),
        (Role::Acceptor, 3),
        (Role::Learner, 1),
    ];
    for (at, who) in everybody.into_iter().enumerate() {
        run.hello(at as u32 * 10, who);
    }
    for number in 0..values {
        run.decide(1000 + 1000 * number as u32, number, b"value\n");
    }
    run
}

/// For captures that may not fail, and need not be waited for.
pub struct Calm;

impl crate::dump::Host for Calm {
    fn failed(&mut self, name: &str, error: crate::capture::Error) {
        panic!("{name}: {error}");
    }

    fn wait(&mut self) -> bool {
        false
    }
}
