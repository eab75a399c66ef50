//! What a packet costs to check and to make: the kinds of which there are many, as long as they get under load.
//!
//! - `parse`: [`Packet::parse`], all checks, then the tail is walked through once as a role does.
//! - `seal`: [`wire::seal`], which copies the pieces behind a header and computes the tag.
//! - `seal with a key`, `open`: the same of packets that a key seals, and of such that are encrypted.
//! - `run`: 44 packets back to back, as one read of a socket brings them (UDP_GRO).

use criterion::{
    BenchmarkGroup, Criterion, Throughput, criterion_group, criterion_main, measurement::WallTime,
};
use std::hint::black_box;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::time::Duration;
use wire::report::Room;
use wire::sealing::{Seal, Sealer, Subkey};
use wire::{
    Ack, AckRecord, Ballot, Body, ENTRY_OVERHEAD, EntryHeader, FixedBody, HEADER_LEN, Key, Layout,
    PACKET_MAX, Packet, Phase2a, Phase2b, RANGES_MAX, Range, RangeRecord, Report, Role, Sender, Stamp,
    Submit, TRAILER_LEN, flags, seal,
};
use zerocopy::byteorder::big_endian::U64;
use zerocopy::{FromZeros, IntoBytes};

const LAYOUT: Layout = Layout { packet: 1472, cluster: 5, trailer: 0 };
/// Packets of this length that UDP_SEGMENT and UDP_GRO carry as one.
const RUN: usize = 44;
/// Of a small value, with its newline: bytes.
const LINE: usize = 65;

/// Writes a packet to a buffer, and says how long it is.
type Make = Box<dyn Fn(&mut [u8]) -> usize>;

/// A packet that benches make and read.
struct Example {
    name: &'static str,
    make: Make,
}

impl Example {
    fn new<B: FixedBody + 'static>(
        name: &'static str,
        role: Role,
        flags: u8,
        body: B,
        tail: Vec<u8>,
    ) -> Example {
        let sender = Sender { role, id: 1, incarnation: 7 };
        let stamp = Stamp { sequence: 9, log: 3, flags };
        Example { name, make: Box::new(move |buffer| seal(buffer, LAYOUT, sender, stamp, &body, &[&tail])) }
    }

    fn packet(&self) -> Vec<u8> {
        let mut buffer = vec![0; LAYOUT.packet];
        let length = (self.make)(&mut buffer);
        buffer.truncate(length);
        buffer
    }
}

fn ballot() -> Ballot {
    Ballot::new(1, 1, 7)
}

/// A full batch of entries, the last of which takes what the others leave.
fn batch(entry: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut left = LAYOUT.batch_room();
    for number in 0.. {
        let last = left < 2 * (ENTRY_OVERHEAD + entry);
        let length = if last { left - ENTRY_OVERHEAD } else { entry };
        bytes.extend_from_slice(EntryHeader::new(1, 7, number, length).as_bytes());
        bytes.resize(bytes.len() + length, b'v');
        left -= ENTRY_OVERHEAD + length;
        if last {
            break;
        }
    }
    bytes
}

/// A vote of an acceptor that knows three lives.
fn vote(name: &'static str, ranges: usize) -> Example {
    let lives = [0xA1, 0xB2, 0xC3].map(U64::new);
    let records: Vec<RangeRecord> =
        (0..ranges as u64).map(|at| RangeRecord::new(Range::new(100 * at, 100 * at + 64))).collect();
    let body = Phase2b {
        ballot: ballot().into(),
        decided_until: 0.into(),
        complete_until: 0.into(),
        room: room(),
        life: lives[0],
        lives: (lives.len() as u16).into(),
        heard_until: [0; 6],
    };
    Example::new(name, Role::Acceptor, 0, body, [lives.as_bytes(), records.as_bytes()].concat())
}

/// An ack that tells so many sessions what has come and what more may.
fn ack(name: &'static str, sessions: u16) -> Example {
    let records: Vec<AckRecord> = (0..sessions)
        .map(|client| {
            let mut record = AckRecord::new_zeroed();
            (record.client, record.credit, record.incarnation) = (client.into(), 600_000.into(), 7.into());
            (record.decided_until, record.received_until) = (900.into(), 964.into());
            record
        })
        .collect();
    let body = Ack { ballot: ballot().into(), heard: 0b111.into(), reserved: 0.into() };
    Example::new(name, Role::Proposer, flags::LEADING, body, records.as_bytes().to_vec())
}

fn room() -> Room {
    Room { read_until: 64.into(), space: 425_984.into(), drops: 0.into() }
}

fn examples() -> Vec<Example> {
    let proposal = |name, entry| Example::new(name, Role::Proposer, 0, Phase2a::new(7, 5, 1), batch(entry));
    let piece = vec![b'v'; LAYOUT.entry_room()];
    let report = Report { ballot: ballot().into(), room: room(), delivered_until: 9.into() };
    vec![
        Example::new("submit, full", Role::Client, 0, Submit { number: 9.into() }, piece),
        proposal("2a, full, entries of 64 bytes", LINE),
        proposal("2a, full, one entry", LAYOUT.entry_room()),
        vote("2b, one range", 1),
        vote("2b, most ranges", RANGES_MAX),
        ack("ack, one session", 1),
        ack("ack, 18 sessions", 18),
        Example::new("report", Role::Learner, 0, report, Vec::new()),
    ]
}

/// What a role does with any packet: checks it, then looks at all that it says.
fn read(bytes: &[u8]) -> u64 {
    let packet = Packet::parse(black_box(bytes)).expect("an example is well formed");
    match packet.body {
        Body::Submit(body, piece) => body.number.get() + piece.len() as u64,
        Body::Phase2a(body, batch) => {
            body.instance.get() + batch.entries().map(|entry| entry.number).sum::<u64>()
        }
        Body::Phase2b(_, _, ranges) => RangeRecord::all(ranges).map(Range::len).sum(),
        Body::Ack(_, records) => records.iter().map(|record| record.top()).sum(),
        Body::Report(report) => report.delivered_until.get(),
        _ => unreachable!("there is no example of it"),
    }
}

fn group<'a>(criterion: &'a mut Criterion, name: &str) -> BenchmarkGroup<'a, WallTime> {
    let mut group = criterion.benchmark_group(name);
    group.warm_up_time(Duration::from_millis(500)).measurement_time(Duration::from_secs(1)).sample_size(50);
    group
}

fn volume(packets: usize, bytes: usize) -> Throughput {
    Throughput::ElementsAndBytes { elements: packets as u64, bytes: bytes as u64 }
}

fn parse(criterion: &mut Criterion) {
    let mut group = group(criterion, "parse");
    for example in examples() {
        let packet = example.packet();
        group.throughput(volume(1, packet.len()));
        group.bench_function(example.name, |bencher| bencher.iter(|| read(&packet)));
    }
}

fn write(criterion: &mut Criterion) {
    let mut group = group(criterion, "seal");
    let mut buffer = vec![0; LAYOUT.packet];
    for example in examples() {
        group.throughput(volume(1, example.packet().len()));
        group.bench_function(example.name, |bencher| {
            bencher.iter(|| (example.make)(black_box(&mut buffer)));
        });
    }
}

/// Lengths of sealed packets: the shortest, full ones of Ethernet and of jumbo frames.
const SEALED: [usize; 3] = [80, 1472, PACKET_MAX];

fn sealed(criterion: &mut Criterion) {
    let me = Sender { role: Role::Client, id: 1, incarnation: 7 };
    let key = Key::new(1, core::array::from_fn(|at| at as u8));
    let layout = Layout { packet: PACKET_MAX, trailer: TRAILER_LEN, ..LAYOUT };
    let to = SocketAddrV4::new(Ipv4Addr::new(239, 0, 0, 1), 6000);
    let mut buffer = vec![0; PACKET_MAX];
    for (encrypts, word) in [(false, ""), (true, ", encrypted")] {
        let sealer = Sealer::new(&key, layout.cluster, me, encrypts);
        let subkey = Subkey::new(&key, layout.cluster, me);
        for length in SEALED {
            let piece = vec![b'v'; length - HEADER_LEN - size_of::<Submit>() - TRAILER_LEN];
            let make = |buffer: &mut [u8]| {
                let (stamp, body) = (Stamp { sequence: 9, log: 3, flags: 0 }, Submit { number: 9.into() });
                sealer.seal(buffer, layout, me, stamp, to, &body, &[&piece])
            };
            let name = format!("{length} bytes{word}");
            let mut seals = group(criterion, "seal with a key");
            seals.throughput(volume(1, length));
            seals.bench_function(&name, |bencher| bencher.iter(|| make(black_box(&mut buffer))));
            seals.finish();
            assert_eq!(make(&mut buffer), length);
            let packet = buffer[..length].to_vec();
            let seal = Seal::of(&packet).expect("it was just sealed");
            let mut opens = group(criterion, "open");
            opens.throughput(volume(1, length));
            opens.bench_function(&name, |bencher| {
                // What is opened lies there decrypted, so each time needs a copy, which counts.
                bencher.iter(|| {
                    buffer[..length].copy_from_slice(&packet);
                    subkey.open(&seal, black_box(&mut buffer[..length])).expect("it was sealed").kind
                });
            });
            opens.finish();
        }
    }
}

fn run(criterion: &mut Criterion) {
    let mut group = group(criterion, "run");
    for example in examples() {
        let packet = example.packet();
        if packet.len() < LAYOUT.packet {
            continue;
        }
        let run = packet.repeat(RUN);
        group.throughput(volume(RUN, run.len()));
        group.bench_function(example.name, |bencher| {
            bencher.iter(|| run.chunks(LAYOUT.packet).map(read).sum::<u64>());
        });
    }
}

criterion_group!(benches, parse, write, sealed, run);
criterion_main!(benches);
