//! Damaged, random and absurd datagrams for all four groups.
//!
//! Nobody can tell a forgery that lies plausibly, tag and all, from the truth, as long as the tag has no key.
//! So what is sprayed is damage (random bytes, cut and flipped packets), repetition, and packets that are
//! well tagged but say what cannot be: instances near 2^64, ranges of billions, ballots long past, strangers,
//! unknown kinds and roles.

use super::Cluster;
use socket2::{Domain, Protocol, Socket, Type};
use std::net::{Ipv4Addr, SocketAddrV4, UdpSocket};
use std::time::Duration;
use wire::report::Room;
use wire::{
    Ack, AckRecord, Ballot, Body, CatchUp, Fetch, FixedBody, HEADER_LEN, Header, Heartbeat, Hello, Layout,
    Nack, PACKET_MAX, Packet, Phase1a, Phase1b, Phase2a, Phase2b, Range, RangeRecord, Report, Role, Sender,
    Stamp, Submit, Value, Watermark, flags, seal,
};
use zerocopy::{FromBytes, FromZeros, IntoBytes};

/// A generator that needs no more than to be the same for the same seed (xorshift64*, Vigna 2016).
#[derive(Clone, Debug)]
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Random {
        Random(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    pub fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 8
    }

    pub fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound as u64) as usize
    }

    fn one_of<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len())]
    }

    fn bytes(&mut self, length: usize) -> Vec<u8> {
        (0..length).map(|_| self.next() as u8).collect()
    }
}

/// Sockets that hear all four groups.
pub struct Listener {
    sockets: [UdpSocket; 4],
}

impl Listener {
    pub fn new(cluster: &Cluster) -> Listener {
        Listener { sockets: cluster.groups.map(|group| open(group).expect("loopback does multicast")) }
    }

    /// Packets that came and were not taken yet, each of them sound.
    pub fn take(&self, most: usize) -> Vec<Vec<u8>> {
        let mut packets = self.take_any(most);
        packets.retain(|packet| Packet::parse(packet).is_ok());
        packets
    }

    /// The same, sealed ones and others.
    pub fn take_any(&self, most: usize) -> Vec<Vec<u8>> {
        let mut packets = Vec::new();
        let mut bytes = [0; 65_536];
        for socket in &self.sockets {
            for _ in 0..most {
                let Ok(length) = socket.recv(&mut bytes) else { break };
                packets.extend(wire::split(&bytes[..length]).map(<[u8]>::to_vec));
            }
        }
        packets
    }
}

fn open(group: SocketAddrV4) -> std::io::Result<UdpSocket> {
    let socket = Socket::new(Domain::IPV4, Type::DGRAM, Some(Protocol::UDP))?;
    socket.set_reuse_address(true)?;
    socket.bind(&group.into())?;
    socket.join_multicast_v4(group.ip(), &Ipv4Addr::LOCALHOST)?;
    socket.set_nonblocking(true)?;
    Ok(socket.into())
}

/// Sends datagrams to the groups, so fast that the processes can read most of them.
pub struct Sprayer {
    /// By the last bits of a sender's id: acceptors of one address are not believed.
    sockets: [UdpSocket; 4],
    groups: [SocketAddrV4; 4],
    pub sent: usize,
    /// Whether it waits now and then.
    paced: bool,
}

impl Sprayer {
    /// # Panics
    /// When there is no loopback.
    pub fn new(cluster: &Cluster) -> Sprayer {
        let socket = |_| {
            let socket =
                Socket::new(Domain::IPV4, Type::DGRAM, Some(Protocol::UDP)).expect("a socket can be had");
            socket.bind(&SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0).into()).expect("loopback is there");
            socket.set_multicast_if_v4(&Ipv4Addr::LOCALHOST).expect("loopback does multicast");
            socket.set_nonblocking(true).expect("sockets can be");
            socket.into()
        };
        Sprayer { sockets: [0; 4].map(socket), groups: cluster.groups, sent: 0, paced: true }
    }

    /// One that goes as fast as it is called.
    pub fn unpaced(cluster: &Cluster) -> Sprayer {
        Sprayer { paced: false, ..Sprayer::new(cluster) }
    }

    /// From now on to where nobody listens.
    pub fn miss(&mut self) {
        self.groups.iter_mut().for_each(|group| group.set_port(9)); // RFC 863
    }

    /// To one group; a full buffer loses it, as any network may.
    pub fn send(&mut self, role: Role, datagram: &[u8]) {
        let id = Header::ref_from_prefix(datagram).map_or(0, |(header, _)| header.id.get());
        let _ = self.sockets[usize::from(id) % 4].send_to(datagram, self.groups[role as usize - 1]);
        self.sent += 1;
        if self.paced && self.sent.is_multiple_of(32) {
            std::thread::sleep(Duration::from_millis(1)); // the pace, nothing that a result depends on
        }
    }

    /// To all of them.
    pub fn send_all(&mut self, datagram: &[u8]) {
        for role in Role::GROUPS {
            self.send(role, datagram);
        }
    }

    /// Where it sends from what has no sender, and listens to nobody.
    pub fn address(&self) -> SocketAddrV4 {
        match self.sockets[0].local_addr() {
            Ok(std::net::SocketAddr::V4(address)) => address,
            other => panic!("it was bound to an IPv4 address: {other:?}"),
        }
    }
}

/// A damaged datagram, or an old one once more.
pub fn damaged(random: &mut Random, samples: &[Vec<u8>]) -> Vec<u8> {
    let mut packet = samples[random.below(samples.len())].clone();
    match random.below(6) {
        0 => {
            let length = random.below(1600);
            random.bytes(length)
        }
        1 => {
            packet.truncate(random.below(packet.len()));
            packet
        }
        2 => {
            // A header that is ours in front of bytes that are not.
            packet.truncate(HEADER_LEN + random.below(40));
            let length = random.below(1400);
            packet.extend(random.bytes(length));
            packet
        }
        3 => {
            let other = &samples[random.below(samples.len())];
            packet.extend_from_slice(&other[..random.below(other.len())]);
            packet
        }
        _ => {
            for _ in 0..=random.below(4) {
                let at = random.below(packet.len());
                packet[at] ^= 1 << random.below(8);
            }
            packet
        }
    }
}

/// Makes packets whose tag is right and whose fields are absurd.
pub struct Forge {
    layout: Layout,
    /// Where answers are asked for.
    address: SocketAddrV4,
    /// The log that the cluster follows.
    log: u32,
    sequence: u64,
}

/// Instances that no log of a test comes near to.
const FAR: [u64; 6] = [u64::MAX - 1, u64::MAX - 2, u64::MAX - 600, 1 << 63, 1 << 48, 1 << 33];
/// Strangers, and the ids that tests use.
const IDS: [u16; 5] = [1, 2, 3, 9, 65_535];

impl Forge {
    /// For the cluster that these packets come from.
    pub fn new(samples: &[Vec<u8>], address: SocketAddrV4) -> Forge {
        let packet = Packet::parse(&samples[0]).expect("samples are sound");
        // The longest there is: longer than an honest process of this cluster may send.
        let layout = Layout { packet: PACKET_MAX, cluster: packet.header.cluster.get(), trailer: 0 };
        let logs = samples.iter().filter_map(|bytes| Packet::parse(bytes).ok()).map(|p| p.header.log.get());
        let log = logs.max().unwrap_or(0);
        assert!(log != 0, "the samples hold packets of processes that know the log");
        Forge { layout, address, log, sequence: 0 }
    }

    /// A packet of this cluster.
    pub fn seal<B: FixedBody>(&mut self, sender: Sender, flags: u8, body: &B, tail: &[&[u8]]) -> Vec<u8> {
        self.sequence += 1;
        let mut bytes = vec![0; PACKET_MAX];
        let stamp = Stamp { sequence: self.sequence, log: self.log, flags };
        let length = seal(&mut bytes, self.layout, sender, stamp, body, tail);
        bytes.truncate(length);
        bytes
    }

    /// One packet of any kind, and the group where its kind is looked at.
    pub fn absurd(&mut self, random: &mut Random) -> (Role, Vec<u8>) {
        match random.below(20) {
            0 => (Role::Proposer, self.submit(random)),
            1 => (Role::Acceptor, self.phase1a(random)),
            2 => (Role::Proposer, self.phase1b(random)),
            3 | 4 => (Role::Acceptor, self.phase2a(random)),
            5 | 6 => (Role::Learner, self.phase2b(random)),
            7 => (Role::Proposer, self.nack(random)),
            8 => (Role::Proposer, self.heartbeat(random)),
            9 => (Role::Acceptor, self.watermark(random)),
            10 | 11 => (random.one_of(&[Role::Learner, Role::Proposer]), self.catch_up(random)),
            12 => (Role::Acceptor, self.fetch(random)),
            13 | 14 => (random.one_of(&[Role::Acceptor, Role::Learner, Role::Proposer]), self.value(random)),
            15 => (Role::Proposer, self.report(random)),
            16 => (Role::Client, self.ack(random)),
            17 => (random.one_of(&Role::GROUPS), self.hello(random)),
            _ => (random.one_of(&Role::GROUPS), self.unknown(random)),
        }
    }

    /// A start long before any of this test.
    fn sender(&self, role: Role, random: &mut Random) -> Sender {
        Sender { role, id: random.one_of(&IDS), incarnation: random.one_of(&[0, 1, 77]) }
    }

    /// Below every ballot of an honest proposer: round 1 of an early start.
    fn past(&self, random: &mut Random) -> Ballot {
        Ballot::new(1, random.one_of(&[0, 1]), random.one_of(&[0, 1, 77]))
    }

    fn far(&self, random: &mut Random) -> u64 {
        random.one_of(&FAR)
    }

    fn ranges(&self, random: &mut Random) -> Vec<RangeRecord> {
        let record = |first: u64, count: u32| RangeRecord { first: first.into(), count: count.into() };
        match random.below(5) {
            0 => vec![record(0, u32::MAX)],
            1 => vec![record(u64::MAX - 3, 2)],
            2 => vec![record(0, 1), record(1 << 40, u32::MAX), record(u64::MAX - 700, 600)],
            3 => (0..wire::RANGES_MAX as u64).map(|at| record(at << 33, u32::MAX)).collect(),
            _ => vec![RangeRecord::new(Range::new(1 << 62, u64::MAX - 1))],
        }
    }

    /// A batch of one entry of a stranger's, sometimes longer than a packet of this cluster.
    fn batch(&self, random: &mut Random) -> Vec<u8> {
        let length = random.one_of(&[1, 100, 1_382, 9_000]);
        let header = wire::EntryHeader::new(random.one_of(&IDS), random.next(), random.next() >> 16, length);
        [header.as_bytes(), &random.bytes(length)].concat()
    }

    /// An entry that comes far too early, or of a start long past.
    fn submit(&mut self, random: &mut Random) -> Vec<u8> {
        let number = random.one_of(&[5, 255, 256, 1 << 20, (1 << 48) - 1]);
        let length = random.one_of(&[1, 100, 1_382, 9_000]);
        let bytes = random.bytes(length);
        let sender = self.sender(Role::Client, random);
        self.seal(sender, 0, &Submit { number: number.into() }, &[&bytes])
    }

    fn phase1a(&mut self, random: &mut Random) -> Vec<u8> {
        let sender = self.sender(Role::Proposer, random);
        let ballot = self.past(random).into();
        let from = random.one_of(&[0, u64::MAX, u64::MAX - 1, 1 << 40]);
        self.seal(sender, 0, &Phase1a { ballot, from: from.into() }, &[])
    }

    fn phase1b(&mut self, random: &mut Random) -> Vec<u8> {
        let sender = self.sender(Role::Acceptor, random);
        let ballot = self.past(random);
        let (from, until) = random.one_of(&[(0, u64::MAX), (u64::MAX, u64::MAX), (7, 1 << 40)]);
        let far = self.far(random);
        let body = Phase1b {
            ballot: ballot.into(),
            from: from.into(),
            until: until.into(),
            complete_until: random.one_of(&[0, 1]).into(),
            top: far.into(),
            ..Phase1b::new_zeroed()
        };
        let run = wire::Run {
            first: from.into(),
            count: random.one_of(&[1, u32::MAX]).into(),
            ballot: ballot.into(),
        };
        let runs = if random.below(2) == 0 { &[] } else { run.as_bytes() };
        self.seal(sender, 0, &body, &[runs])
    }

    /// Far ahead, in a ballot long past.
    fn phase2a(&mut self, random: &mut Random) -> Vec<u8> {
        let id = random.one_of(&[0, 1]);
        let sender = Sender { role: Role::Proposer, id, incarnation: random.one_of(&[0, 1, 77]) };
        let (instance, decided_until) = (self.far(random), random.one_of(&[0, 1, u64::MAX]));
        let batch = self.batch(random);
        self.seal(sender, 0, &Phase2a::new(instance, decided_until, 1), &[&batch])
    }

    /// Votes for everything, in a ballot long past.
    fn phase2b(&mut self, random: &mut Random) -> Vec<u8> {
        let sender = self.sender(Role::Acceptor, random);
        let ranges = self.ranges(random);
        let body = Phase2b {
            ballot: self.past(random).into(),
            decided_until: random.one_of(&[0, 7, u64::MAX]).into(),
            complete_until: random.one_of(&[0, 1, u64::MAX]).into(),
            room: self.room(random),
            ..Phase2b::new_zeroed()
        };
        self.seal(sender, 0, &body, &[ranges.as_bytes()])
    }

    fn room(&self, random: &mut Random) -> Room {
        Room {
            read_until: random.one_of(&[0, u64::MAX]).into(),
            space: random.one_of(&[0, u32::MAX]).into(),
            drops: random.one_of(&[0, u32::MAX]).into(),
        }
    }

    fn nack(&mut self, random: &mut Random) -> Vec<u8> {
        let sender = self.sender(Role::Acceptor, random);
        let promised = Ballot::new(Ballot::ROUND_MAX, u16::MAX, u64::MAX).into();
        let refused = self.past(random).into();
        self.seal(sender, 0, &Nack { refused, promised }, &[])
    }

    /// Of a stranger who stands behind all others.
    fn heartbeat(&mut self, random: &mut Random) -> Vec<u8> {
        let sender = Sender { role: Role::Proposer, id: random.one_of(&[9, 65_535]), incarnation: 7 };
        let body = Heartbeat { ballot: self.past(random).into(), decided_until: self.far(random).into() };
        let flags = random.one_of(&[0, flags::ASK, flags::LEADING | flags::UNFIT, flags::UNFIT]);
        self.seal(sender, flags, &body, &[])
    }

    fn watermark(&mut self, random: &mut Random) -> Vec<u8> {
        let sender = self.sender(Role::Proposer, random);
        let body = Watermark {
            ballot: self.past(random).into(),
            decided_until: self.far(random).into(),
            proposed_until: random.one_of(&[0, u64::MAX]).into(),
        };
        let flags = random.one_of(&[0, flags::ASK]);
        self.seal(sender, flags, &body, &[])
    }

    fn catch_up(&mut self, random: &mut Random) -> Vec<u8> {
        let role = random.one_of(&[Role::Proposer, Role::Acceptor, Role::Learner]);
        let sender = self.sender(role, random);
        let ranges = self.ranges(random);
        let body = CatchUp { have_until: random.one_of(&[0, u64::MAX]).into() };
        self.seal(sender, 0, &body, &[ranges.as_bytes()])
    }

    fn fetch(&mut self, random: &mut Random) -> Vec<u8> {
        let sender = self.sender(Role::Proposer, random);
        let ranges = self.ranges(random);
        let ballot = if random.below(2) == 0 { Ballot::ZERO } else { self.past(random) };
        let body = Fetch::new(ballot, self.address);
        self.seal(sender, 0, &body, &[ranges.as_bytes()])
    }

    fn value(&mut self, random: &mut Random) -> Vec<u8> {
        let role = random.one_of(&[Role::Proposer, Role::Acceptor]);
        let sender = self.sender(role, random);
        let batch = self.batch(random);
        let body = Value { instance: self.far(random).into(), ballot: self.past(random).into() };
        let flags = random.one_of(&[0, flags::DECIDED]);
        self.seal(sender, flags, &body, &[&batch])
    }

    /// Of a receiver that has no room, or all of it.
    fn report(&mut self, random: &mut Random) -> Vec<u8> {
        let sender = Sender { role: Role::Learner, id: random.one_of(&[9, 65_535]), incarnation: 7 };
        let ballot = self.past(random).into();
        let body = Report { ballot, room: self.room(random), delivered_until: self.far(random).into() };
        self.seal(sender, 0, &body, &[])
    }

    /// For a start of the client that is long past.
    fn ack(&mut self, random: &mut Random) -> Vec<u8> {
        let sender = self.sender(Role::Proposer, random);
        let mut record = AckRecord::new_zeroed();
        (record.client, record.status) = (random.one_of(&IDS).into(), random.one_of(&[0, 1, 2]));
        (record.incarnation, record.credit) = (random.one_of(&[0, 1]).into(), u32::MAX.into());
        record.decided_until = random.one_of(&[0, (1 << 48) - 1]).into();
        record.received_until = ((1 << 48) - 1).into();
        record.beyond = [0xff; 32];
        let body = Ack { ballot: self.past(random).into(), heard: 0xffff.into(), reserved: 0.into() };
        let flags = random.one_of(&[0, flags::LEADING]);
        self.seal(sender, flags, &body, &[record.as_bytes()])
    }

    fn hello(&mut self, random: &mut Random) -> Vec<u8> {
        let role = random.one_of(&Role::GROUPS);
        let incarnation = random.one_of(&[0, 1, u64::MAX]);
        let sender = Sender { role, id: random.one_of(&IDS), incarnation };
        let flags = random.one_of(&[0, flags::ASK]);
        self.seal(sender, flags, &Hello { answered: random.next().into() }, &[])
    }

    /// A field of the header that this version does not know, with the tag made right again.
    fn unknown(&mut self, random: &mut Random) -> Vec<u8> {
        let mut packet = match random.below(3) {
            0 => self.hello(random),
            1 => self.phase2b(random),
            _ => self.phase2a(random),
        };
        let strange = [(2, 0), (2, 2), (3, 0), (3, 15), (3, 255), (6, 0), (6, 5), (6, 255), (7, 255)];
        let (at, byte) = random.one_of(&strange);
        match random.below(8) {
            0 => packet[24] ^= 0x55, // of the cluster id: named, not read
            _ => packet[at] = byte,
        }
        let tag = wire::tag(&packet);
        packet[32..HEADER_LEN].copy_from_slice(&tag);
        packet
    }
}

/// Whether these packets show that somebody leads.
pub fn leads(samples: &[Vec<u8>]) -> bool {
    let is_2a =
        |packet: &Vec<u8>| matches!(Packet::parse(packet), Ok(Packet { body: Body::Phase2a(..), .. }));
    samples.iter().any(is_2a)
}
