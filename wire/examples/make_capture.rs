//! Writes a large capture to standard output, to see how fast `wire dump` is and how much memory it takes:
//!
//! ```text
//! cargo run --release -p wire --example make_capture -- small 5000000 >/tmp/small.pcap
//! time wire dump /tmp/small.pcap >/dev/null
//! ```
//!
//! `small` is a datagram per packet, as at a low rate: submits, 2a and 2b of one value each. `runs` is 44 full 2a
//! of 1472 bytes to a datagram, as loopback shows what UDP_SEGMENT sends.

use etherparse::PacketBuilder;
use std::io::{self, BufWriter, Write};
use wire::report::Room;
use wire::{
    Ballot, EntryHeader, Layout, Phase2a, Phase2b, Range, RangeRecord, Role, Sender, Stamp, Submit, seal,
};
use zerocopy::IntoBytes;

const LAYOUT: Layout = Layout { packet: 1472, cluster: 5, trailer: 0 };
/// Packets of full length that fit a datagram.
const RUN: u64 = 44;

fn main() -> io::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (shape, count) = match &arguments[..] {
        [shape, count] if shape == "small" || shape == "runs" => (shape.as_str(), count.parse::<u64>().ok()),
        _ => ("", None),
    };
    let Some(count) = count else {
        return Err(io::Error::other("usage: make_capture small|runs PACKETS >FILE"));
    };
    let mut to = BufWriter::new(io::stdout().lock());
    for field in [0xA1B2_C3D4_u32, 0x0004_0002, 0, 0, 262_144, 101] {
        to.write_all(&field.to_le_bytes())?;
    }
    let mut payload = Vec::new();
    for number in 0..count {
        if shape == "runs" {
            proposal(&mut payload, number, LAYOUT.entry_room());
            if number % RUN < RUN - 1 && number < count - 1 {
                continue;
            }
        } else {
            match number % 3 {
                0 => submit(&mut payload, number),
                1 => proposal(&mut payload, number / 3, 20),
                _ => vote(&mut payload, number / 3),
            }
        }
        record(&mut to, number, &payload)?;
        payload.clear();
    }
    to.flush()
}

/// A microsecond after another.
fn record(to: &mut impl Write, us: u64, payload: &[u8]) -> io::Result<()> {
    let mut ip = Vec::with_capacity(payload.len() + 28);
    let builder = PacketBuilder::ipv4([127, 0, 0, 1], [239, 0, 0, 1], 1).udp(40_000 + (us % 3) as u16, 7000);
    builder.write(&mut ip, payload).map_err(io::Error::other)?;
    let length = ip.len() as u32;
    for field in [(us / 1_000_000) as u32, (us % 1_000_000) as u32, length, length] {
        to.write_all(&field.to_le_bytes())?;
    }
    to.write_all(&ip)
}

fn submit(to: &mut Vec<u8>, number: u64) {
    push(to, Role::Client, number, &Submit { number: number.into() }, &[b"a value of 20 bytes\n"]);
}

fn proposal(to: &mut Vec<u8>, instance: u64, length: usize) {
    let entry = EntryHeader::new(1, 7, instance, length);
    push(
        to,
        Role::Proposer,
        instance,
        &Phase2a::new(instance, instance, 1),
        &[entry.as_bytes(), &vec![b'x'; length]],
    );
}

fn vote(to: &mut Vec<u8>, instance: u64) {
    let body = Phase2b {
        ballot: Ballot::new(1, 1, 7).into(),
        decided_until: instance.into(),
        complete_until: instance.into(),
        room: Room { read_until: instance.into(), space: 425_984.into(), drops: 0.into() },
        life: 9.into(),
        lives: 0.into(),
        heard_until: [0; 6],
    };
    let range = RangeRecord::new(Range::new(instance, instance + 1));
    push(to, Role::Acceptor, instance, &body, &[range.as_bytes()]);
}

fn push<B: wire::FixedBody>(to: &mut Vec<u8>, role: Role, sequence: u64, body: &B, tail: &[&[u8]]) {
    let mut packet = [0; LAYOUT.packet];
    let sender = Sender { role, id: 1, incarnation: 7 };
    let length = seal(&mut packet, LAYOUT, sender, Stamp { sequence, ..Stamp::default() }, body, tail);
    to.extend_from_slice(&packet[..length]);
}
