//! Golden packets: every kind at least once, printed and byte for byte, against `golden.txt`; and what must
//! be refused.

use super::*;
use crate::kinds::ack::Status;
use crate::kinds::report::Room;
use crate::{Ballot, EntryHeader, Range};
use core::net::SocketAddrV4;
use std::fmt::Write;
use zerocopy::FromZeros;

const LAYOUT: Layout = Layout { packet: 1472, cluster: 0xC1C2_C3C4 };

fn sender(role: Role, id: u16) -> Sender {
    Sender { role, id, incarnation: 0x1112_1314_1516_1718 }
}

fn sealed<B: FixedBody>(from: Sender, flags: u8, body: &B, tail: &[&[u8]]) -> Vec<u8> {
    let mut buffer = [0; PACKET_MAX];
    let stamp = Stamp { sequence: 0x2122_2324_2526, log: 0x3132_3334, flags };
    let length = seal(&mut buffer, LAYOUT, from, stamp, body, tail);
    buffer[..length].to_vec()
}

fn room() -> Room {
    Room { read_until: 9.into(), space: 425_984.into(), drops: 3.into() }
}

/// One or more packets of every kind.
pub(crate) fn examples() -> Vec<Vec<u8>> {
    let (client, proposer) = (sender(Role::Client, 1), sender(Role::Proposer, 1));
    let (acceptor, learner) = (sender(Role::Acceptor, 2), sender(Role::Learner, 1));
    let ballot = Ballot::new(3, 1, proposer.incarnation);
    let older = Ballot::new(2, 2, 5);
    let mut ack = AckRecord::new_zeroed();
    (ack.client, ack.credit, ack.incarnation) = (1.into(), 9000.into(), client.incarnation.into());
    (ack.decided_until, ack.received_until) = (10.into(), 12.into());
    ack.beyond[0] = 0b101;
    let mut gone = ack;
    (gone.client, gone.status, gone.beyond) = (7.into(), Status::Superseded as u8, [0; 32]);
    let mut batch = Vec::new();
    for (client, number, piece) in [(1, 0, "hello\n"), (2, 5, "wor")] {
        batch.extend_from_slice(EntryHeader::new(client, 77, number, piece.len()).as_bytes());
        batch.extend_from_slice(piece.as_bytes());
    }
    let ranges = [Range::new(3, 5), Range::new(7, 9)].map(RangeRecord::new);
    let runs = [Run::new(Range::new(7, 8), older), Run::new(Range::new(8, 10), ballot)];
    let lives: [U64; 3] = [0xA1, 0xB2, 0].map(U64::new);
    let members = [Member::new(1, 0xA1), Member::new(2, 0xB2)];
    let value = Value { instance: 7.into(), ballot: ballot.into() };
    let to = SocketAddrV4::new([127, 0, 0, 1].into(), 9999);
    vec![
        sealed(learner, flags::ASK, &Hello { answered: 0.into() }, &[]),
        sealed(acceptor, 0, &Hello { answered: 0x99.into() }, &[]),
        sealed(client, 0, &Submit { number: 12.into() }, &[b"value\n"]),
        sealed(proposer, flags::LEADING, &heard(ballot), &[[ack, gone].as_bytes()]),
        sealed(proposer, 0, &heard(ballot), &[]),
        sealed(proposer, 0, &Phase1a { ballot: ballot.into(), from: 7.into() }, &[]),
        sealed(acceptor, 0, &page(ballot, 7, 10, 3), &[lives.as_bytes(), runs.as_bytes()]),
        sealed(acceptor, 0, &page(ballot, 10, 10, 0), &[]),
        sealed(proposer, 0, &Phase2a::new(7, 5, 3), &[&batch]),
        sealed(proposer, 0, &Phase2a::new(8, 5, 3), &[]),
        sealed(acceptor, 0, &votes(ballot, 3), &[lives.as_bytes(), ranges.as_bytes()]),
        sealed(acceptor, flags::FENCE, &votes(older, 0), &[]),
        sealed(acceptor, 0, &Nack { refused: older.into(), promised: ballot.into() }, &[]),
        sealed(
            proposer,
            flags::READY | flags::LEADING,
            &Heartbeat { ballot: ballot.into(), decided_until: 9.into() },
            &[],
        ),
        sealed(
            proposer,
            flags::UNFIT | flags::ASK | flags::WAITING,
            &Heartbeat { ballot: Ballot::ZERO.into(), decided_until: 0.into() },
            &[],
        ),
        sealed(
            proposer,
            flags::ASK,
            &Watermark { ballot: ballot.into(), decided_until: 9.into(), proposed_until: 11.into() },
            &[],
        ),
        sealed(learner, 0, &CatchUp { have_until: 3.into() }, &[ranges.as_bytes()]),
        sealed(proposer, 0, &Fetch::new(Ballot::ZERO, to), &[ranges.as_bytes()]),
        sealed(proposer, 0, &Fetch::new(ballot, to), &[ranges[..1].as_bytes()]),
        sealed(acceptor, flags::DECIDED, &value, &[&batch]),
        sealed(acceptor, 0, &value, &[]),
        sealed(learner, 0, &Report { ballot: ballot.into(), room: room(), delivered_until: 8.into() }, &[]),
        sealed(acceptor, flags::DURABLE, &Join { life: 0xB2.into(), ballot: ballot.into() }, &[]),
        sealed(acceptor, 0, &helped(ballot), &[lives.as_bytes()]),
        sealed(acceptor, 0, &Found { life: 0xB2.into() }, &[members.as_bytes()]),
        sealed(proposer, 0, &Over::new(2, 0xB2), &[]),
        sealed(learner, 0, &process_status(ballot), &[]),
    ]
}

fn process_status(ballot: Ballot) -> ProcessStatus {
    use crate::status::state;
    ProcessStatus {
        ballot: ballot.into(),
        up_ms: 61_500.into(),
        period_ms: 1000.into(),
        heartbeat_us: 2_000_000.into(),
        suspect_us: 5_000_000.into(),
        version_major: 0.into(),
        version_minor: 1.into(),
        version_patch: 2.into(),
        heard: 0b101.into(),
        state: (state::MEMBER | state::DURABLE | state::GSO).into(),
        decided_until: 0x12_3456.into(),
        known_until: 0x12_3460.into(),
        in_flight: 10.into(),
        credit: 70_000.into(),
        digest: 0xD0.into(),
        digest_8: 0xD8.into(),
        digest_14: 0xD14.into(),
        digest_20: 0xD20.into(),
        values: 500.into(),
        output_bytes: 9_000.into(),
        received: 11.into(),
        sent: 12.into(),
        unsent: 13.into(),
        refusals: 14.into(),
        repeats: 15.into(),
        space: 425_984.into(),
        drops: 3.into(),
        dropped_s: 7.into(),
        sync_p50_us: 136.into(),
        sync_p99_us: 900.into(),
        sync_max_us: 2_500.into(),
        syncs: 40.into(),
        sync_total_us: 8_000.into(),
        memory: 50_000_000.into(),
    }
}

fn heard(ballot: Ballot) -> Ack {
    Ack { ballot: ballot.into(), heard: 0b101.into(), reserved: 0.into() }
}

fn page(ballot: Ballot, from: u64, until: u64, lives: u16) -> Phase1b {
    Phase1b {
        ballot: ballot.into(),
        from: from.into(),
        until: until.into(),
        complete_until: 5.into(),
        top: 10.into(),
        life: 0xB2.into(),
        blind_until: u64::from(lives).into(),
        lives: lives.into(),
        reserved: [0; 6],
    }
}

fn helped(ballot: Ballot) -> Helped {
    let (complete_until, top) = (5.into(), 10.into());
    let former = 0xA0.into();
    Helped { joiner: 0xA1.into(), former, ballot: ballot.into(), life: 0xB2.into(), top, complete_until }
}

fn votes(ballot: Ballot, lives: u16) -> Phase2b {
    Phase2b {
        ballot: ballot.into(),
        decided_until: 5.into(),
        complete_until: 4.into(),
        room: room(),
        life: 0xB2.into(),
        lives: lives.into(),
        heard_until: sequence_field(258),
    }
}

/// Gives a changed packet the tag that it would have been sent with.
fn retag(packet: &mut [u8]) {
    let right = tag(packet);
    packet[TAG_AT..HEADER_LEN].copy_from_slice(&right);
}

#[test]
fn every_kind_keeps_its_bytes_and_its_words() {
    let mut now = String::new();
    for packet in examples() {
        writeln!(now, "{}", Packet::parse(&packet).expect("an example is well formed")).unwrap();
        for line in packet.chunks(32) {
            let hex: String = line.iter().map(|byte| format!("{byte:02x}")).collect();
            writeln!(now, "    {hex}").unwrap();
        }
    }
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/src/packet/golden.txt");
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(path, &now).unwrap();
    }
    let golden = std::fs::read_to_string(path).unwrap_or_default();
    assert_eq!(
        now, golden,
        "the wire format changed: raise VERSION, then UPDATE_GOLDEN=1 cargo test -p wire"
    );
    for kind in Kind::ALL {
        assert!(
            golden.contains(&format!(" {kind} ")) || golden.contains(&format!(" {kind}\n")),
            "no example of {kind}"
        );
    }
}

#[test]
fn any_flipped_bit_is_refused() {
    for packet in examples() {
        for bit in 0..packet.len() * 8 {
            let mut damaged = packet.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            assert!(Packet::parse(&damaged).is_err(), "bit {bit} of {}", Packet::parse(&packet).unwrap());
        }
    }
}

#[test]
fn any_cut_packet_is_refused() {
    for packet in examples() {
        for length in 0..packet.len() {
            assert!(Packet::parse(&packet[..length]).is_err());
        }
    }
}

#[test]
fn well_tagged_nonsense_is_refused_or_printed_but_never_panics() {
    let mut random = 0x9E37_79B9_7F4A_7C15_u64;
    let mut draw = move || {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        random
    };
    let (mut accepted, mut refused) = (0, 0);
    for round in 0..40_000 {
        let examples = examples();
        let mut packet = examples[round % examples.len()].clone();
        for _ in 0..1 + draw() % 4 {
            let at = draw() as usize % packet.len();
            packet[at] = [0, 1, 255, draw() as u8][draw() as usize % 4];
        }
        if draw() % 4 == 0 {
            packet.truncate(HEADER_LEN + draw() as usize % (packet.len() - HEADER_LEN + 1));
        }
        let length = (packet.len() as u16).to_be_bytes();
        packet[4..6].copy_from_slice(&length);
        retag(&mut packet);
        match Packet::parse(&packet) {
            Ok(packet) => {
                accepted += 1;
                assert!(!packet.to_string().contains('\n'));
            }
            Err(refusal) => {
                refused += 1;
                assert!(!refusal.to_string().is_empty());
            }
        }
    }
    assert!(
        accepted > 1000 && refused > 1000,
        "{accepted} accepted, {refused} refused: the test tests nothing"
    );
}

#[test]
fn what_may_be_proposed_may_be_voted_for() {
    let ballot = Ballot::new(1, 1, 1);
    let (proposer, acceptor) = (sender(Role::Proposer, 1), sender(Role::Acceptor, 1));
    for instance in [0, u64::MAX - 3, u64::MAX - 2, u64::MAX - 1, u64::MAX] {
        let proposal = sealed(proposer, 0, &Phase2a::new(instance, 0, 1), &[]);
        let value = Value { instance: instance.into(), ballot: ballot.into() };
        let value = sealed(proposer, 0, &value, &[]);
        let vote = RangeRecord { first: instance.into(), count: 1.into() };
        let vote = sealed(acceptor, 0, &votes(ballot, 0), &[vote.as_bytes()]);
        let possible = instance < u64::MAX - 1;
        for packet in [proposal, value, vote] {
            assert_eq!(Packet::parse(&packet).is_ok(), possible, "instance {instance}");
        }
    }
}

#[test]
fn each_refusal_names_its_reason() {
    let good = examples().swap_remove(0);
    let reason = |change: &dyn Fn(&mut Vec<u8>)| {
        let mut packet = good.clone();
        change(&mut packet);
        if packet.len() >= HEADER_LEN {
            retag(&mut packet);
        }
        Packet::parse(&packet).map(|packet| packet.to_string()).unwrap_err().to_string()
    };
    assert_eq!(reason(&|p| p.truncate(12)), "too short: 12 of 40 bytes");
    assert_eq!(reason(&|p| p.resize(PACKET_MAX + 1, 0)), "too long: 9189 bytes");
    assert_eq!(reason(&|p| p[0] = b'Q'), "not ours: wrong magic");
    assert_eq!(reason(&|p| p[2] = 9), "version 9, not 5");
    assert_eq!(reason(&|p| p.push(0)), "says 48 bytes, has 49");
    assert_eq!(reason(&|p| p[3] = 99), "unknown kind 99");
    assert_eq!(reason(&|p| p[6] = 0), "unknown role 0");
    assert_eq!(reason(&|p| p[3] = Kind::Phase2a as u8), "a learner does not send 2a");
    assert_eq!(reason(&|p| p[7] = 0x80), "reserved bits set in flags");
    let mut packet = good.clone();
    packet[40] ^= 1;
    assert_eq!(Packet::parse(&packet).unwrap_err(), Refusal::Tag);
}

#[test]
fn a_coalesced_datagram_splits_into_its_packets() {
    let examples = examples();
    let mut datagram: Vec<u8> = examples.concat();
    assert!(split(&datagram).eq(examples.iter().map(Vec::as_slice)));
    datagram.extend_from_slice(b"trailing rubbish");
    assert_eq!(split(&datagram).last(), Some(&b"trailing rubbish"[..]));
    assert_eq!(split(&[]).count(), 0);
    let zero_length = [&MAGIC[..], &[0; 100]].concat();
    assert_eq!(split(&zero_length).count(), 1, "a length that does not advance ends the split");
}

#[test]
fn rooms_follow_from_the_packet_length() {
    assert_eq!(batch_room(1472), 1408);
    assert_eq!(entry_room(1472), 1390);
    let piece = [b'x'; 1390];
    let entry = EntryHeader::new(1, 2, 3, piece.len());
    let packet = sealed(sender(Role::Proposer, 1), 0, &Phase2a::new(0, 0, 1), &[entry.as_bytes(), &piece]);
    assert_eq!(packet.len(), 1472);
}
