//! Packets that no honest process sends, for the tests of the checkers.

use super::{Checked, Checker, Speaker};
use crate::sim::failure::{Failure, Rule};
use crate::sim::stream::Stream;
use wire::{
    Ballot, EntryHeader, FixedBody, Layout, Packet, Phase1b, Phase2a, Phase2b, Range, RangeRecord, Role, Run,
    Sender, Stamp,
};
use zerocopy::byteorder::big_endian::U64;
use zerocopy::{FromZeros, IntoBytes};

/// The incarnation of a forged process is its id.
pub fn process(role: Role, id: u16) -> Sender {
    Sender { role, id, incarnation: id.into() }
}

pub fn proposer(id: u16) -> Sender {
    process(Role::Proposer, id)
}

pub fn acceptor(id: u16) -> Sender {
    process(Role::Acceptor, id)
}

pub fn ballot(round: u64, proposer: u16) -> Ballot {
    Ballot::new(round, proposer, proposer.into())
}

/// A packet of log 7 as bytes.
pub fn packet<B: FixedBody>(sender: Sender, flags: u8, body: &B, tail: &[&[u8]]) -> Vec<u8> {
    packet_of(7, sender, flags, body, tail)
}

/// A packet of any log as bytes.
pub fn packet_of<B: FixedBody>(log: u32, sender: Sender, flags: u8, body: &B, tail: &[&[u8]]) -> Vec<u8> {
    let mut bytes = vec![0; 1472];
    let layout = Layout { packet: 1472, cluster: 5, trailer: 0 };
    let length = wire::seal(&mut bytes, layout, sender, Stamp { sequence: 0, log, flags }, body, tail);
    bytes.truncate(length);
    bytes
}

/// A batch of one entry of client 1.
pub fn batch(number: u64, text: &str) -> Vec<u8> {
    batch_of(1, number, text)
}

/// The same of any start of client 1.
pub fn batch_of(incarnation: u64, number: u64, text: &str) -> Vec<u8> {
    let mut bytes = EntryHeader::new(1, incarnation, number, text.len()).as_bytes().to_vec();
    bytes.extend_from_slice(text.as_bytes());
    bytes
}

pub fn proposal(sender: Sender, round: u64, instance: u64, decided_until: u64, text: &str) -> Vec<u8> {
    packet(sender, 0, &Phase2a::new(instance, decided_until, round), &[&batch(instance, text)])
}

/// A vote in a life, by one who knows these lives of all.
pub fn vote_of(
    sender: Sender,
    life: u64,
    lives: &[u64],
    ballot: Ballot,
    decided_until: u64,
    ranges: &[Range],
) -> Vec<u8> {
    let records: Vec<RangeRecord> = ranges.iter().map(|range| RangeRecord::new(*range)).collect();
    let body = Phase2b {
        ballot: ballot.into(),
        decided_until: decided_until.into(),
        complete_until: 0.into(),
        life: life.into(),
        lives: (lives.len() as u16).into(),
        ..Phase2b::new_zeroed()
    };
    let lives: Vec<U64> = lives.iter().map(|life| U64::new(*life)).collect();
    packet(sender, 0, &body, &[lives.as_bytes(), records.as_bytes()])
}

pub fn vote(sender: Sender, ballot: Ballot, decided_until: u64, ranges: &[Range]) -> Vec<u8> {
    vote_of(sender, 0, &[], ballot, decided_until, ranges)
}

/// A page of 1b for instances `0..until`.
pub fn promise(sender: Sender, ballot: Ballot, until: u64, blind_until: u64, runs: &[Run]) -> Vec<u8> {
    let body = Phase1b {
        ballot: ballot.into(),
        from: 0.into(),
        until: until.into(),
        complete_until: 0.into(),
        top: until.into(),
        life: 0.into(),
        blind_until: blind_until.into(),
        lives: 0.into(),
        reserved: [0; 6],
    };
    packet(sender, 0, &body, &[runs.as_bytes()])
}

/// Shows the bytes of a packet to a check.
pub fn seen(bytes: &[u8], check: impl FnOnce(&Packet<'_>) -> Checked) -> Checked {
    check(&Packet::parse(bytes).expect("a forged packet can be read"))
}

/// Shows packets to the whole checker, each from the life that is its sender's incarnation.
pub fn told(checker: &mut Checker, streams: &[Stream], bytes: &[u8]) -> Checked {
    seen(bytes, |packet| {
        let speaker = Speaker { start: 0, life: packet.sender.incarnation, durable: None };
        checker.sent(0, packet, speaker, streams)
    })
}

/// The rule that is broken.
pub fn broken(result: Checked) -> Rule {
    match result {
        Err(Failure::Violation { rule, .. }) => rule,
        other => panic!("{other:?} breaks no rule"),
    }
}
