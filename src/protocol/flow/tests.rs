//! Credit, patience, halving; and when a receiver reports.

use super::*;
use core::net::Ipv4Addr;
use wire::{Body, Layout, Packet};

const B1: Ballot = Ballot::new(1, 1, 1);
const B2: Ballot = Ballot::new(2, 2, 2);
const SPACE: u32 = 160_000;
const SUSPECT: Nanos = 5_000 * MS;
/// 1,000 bytes at what they cost.
const COST: u64 = 1000 + PACKET_COST;

fn outbox() -> Outbox {
    let me = Sender { role: Role::Learner, id: 1, incarnation: 9 };
    Outbox::new(Layout { packet: 1472, cluster: 5, trailer: 0 }, me)
}

fn leader() -> SocketAddrV4 {
    SocketAddrV4::new(Ipv4Addr::LOCALHOST, 1000)
}

fn learner(id: u16) -> Sender {
    Sender { role: Role::Learner, id, incarnation: 7 }
}

struct Bench {
    flow: Flow,
    out: Outbox,
    now: Nanos,
    next: u64,
}

impl Bench {
    fn new() -> Bench {
        let mut flow = Flow::new(1024, SUSPECT);
        flow.begin(0);
        Bench { flow, out: outbox(), now: 0, next: 0 }
    }

    fn says_of(&mut self, who: Sender, read_until: u64, drops: u32) {
        let room = Room { read_until: read_until.into(), space: SPACE.into(), drops: drops.into() };
        self.flow.heard(self.now, who, &room, &mut self.out);
    }

    fn says(&mut self, id: u16, read_until: u64, drops: u32) {
        self.says_of(learner(id), read_until, drops);
    }

    fn credit(&mut self) -> u64 {
        self.flow.credit(self.now, &mut self.out)
    }

    /// Sends packets of 1,000 bytes.
    fn send(&mut self, count: u64) {
        for _ in 0..count {
            self.flow.sent(self.next, 1000);
            self.next += 1;
        }
    }

    fn notices(&mut self) -> Vec<Notice> {
        self.out.take_notices().into_iter().collect()
    }
}

// ---------------------------------------------------------------------- the leader's side

#[test]
fn while_nobody_is_known_others_are_taken_to_have_the_room_that_we_have() {
    let mut bench = Bench::new();
    bench.flow.own_space(425_984);
    assert_eq!(bench.credit(), share(425_984));
    bench.send(10);
    let left = bench.credit();
    assert!(left < share(425_984) && left > 0);
    bench.send(1000);
    assert_eq!(bench.credit(), 0);
}

#[test]
fn the_credit_is_a_share_of_the_smallest_room_less_what_is_unread() {
    let mut bench = Bench::new();
    bench.says(1, 0, 0);
    bench.says(2, 0, 0);
    assert_eq!(bench.credit(), share(SPACE));
    bench.send(10);
    assert_eq!(bench.credit(), share(SPACE) - 10 * COST);
    bench.says(1, 10, 0);
    assert_eq!(bench.credit(), share(SPACE) - 10 * COST, "the slowest counts");
    bench.says(2, 4, 0);
    assert_eq!(bench.credit(), share(SPACE) - 6 * COST);
    bench.says(2, 10, 0);
    assert_eq!(bench.credit(), share(SPACE));
}

#[test]
fn a_receiver_cannot_have_read_what_was_not_sent() {
    let mut bench = Bench::new();
    bench.send(3);
    bench.says(1, 1_000_000, 0);
    assert_eq!(bench.credit(), share(SPACE));
    bench.send(2);
    assert_eq!(bench.credit(), share(SPACE) - 2 * COST);
}

#[test]
fn drops_halve_what_a_receiver_gets_and_reading_brings_it_back() {
    let mut bench = Bench::new();
    bench.says(1, 0, 0);
    bench.says(1, 0, 3);
    assert_eq!(bench.credit(), share(SPACE) / 2);
    bench.says(1, 0, 3);
    assert_eq!(bench.credit(), share(SPACE) / 2, "the same drops told again are no new ones");
    bench.says(1, 0, 4);
    assert_eq!(bench.credit(), share(SPACE) / 4);
    for read in 1..=16 {
        bench.send(1);
        bench.says(1, read, 4);
    }
    assert_eq!(bench.credit(), share(SPACE));
}

#[test]
fn however_much_is_dropped_one_packet_may_always_go() {
    let mut bench = Bench::new();
    for drops in 0..100 {
        bench.says(1, 0, drops);
    }
    assert_eq!(bench.credit(), share(SPACE) / 8);
    assert!(bench.credit() > cost(wire::PACKET_MAX));
}

#[test]
fn a_receiver_that_starts_anew_has_not_dropped_anything_yet() {
    let mut bench = Bench::new();
    bench.says(1, 0, 50);
    bench.says_of(Sender { incarnation: 8, ..learner(1) }, 0, 0);
    assert_eq!(bench.credit(), share(SPACE));
}

#[test]
fn a_receiver_that_does_not_read_holds_the_leader_back_for_a_bounded_time_and_may_return() {
    let mut bench = Bench::new();
    bench.says(1, 0, 0);
    bench.says(2, 0, 0);
    while bench.credit() >= cost(wire::PACKET_MAX) {
        bench.send(1);
        bench.says(1, bench.next, 0);
    }
    let stuck = bench.next;
    bench.now = PATIENCE - 1;
    assert!(bench.credit() < cost(wire::PACKET_MAX) && bench.notices().is_empty());
    bench.now = PATIENCE;
    assert_eq!(bench.credit(), share(SPACE), "the other one reads");
    assert_eq!(bench.notices(), [Notice::Slow { role: Role::Learner, id: 2 }]);
    bench.send(200);
    bench.says(1, bench.next, 0);
    bench.says(2, stuck, 0);
    assert!(bench.notices().is_empty(), "still far behind");
    bench.says(2, bench.next - 10, 0);
    assert_eq!(bench.notices(), [Notice::Keeping { role: Role::Learner, id: 2 }]);
    assert_eq!(bench.credit(), share(SPACE) - 10 * COST, "it counts again");
}

#[test]
fn a_slow_receiver_that_reads_a_little_now_and_then_is_waited_for() {
    let mut bench = Bench::new();
    bench.says(1, 0, 0);
    for read in 1..100 {
        while bench.credit() >= cost(wire::PACKET_MAX) {
            bench.send(1);
        }
        bench.now += PATIENCE - 1;
        bench.says(1, read, 0);
    }
    assert!(bench.notices().is_empty());
}

#[test]
fn a_receiver_that_is_silent_for_the_suspicion_time_is_forgotten() {
    let mut bench = Bench::new();
    bench.says(1, 0, 0);
    bench.send(1);
    bench.now = SUSPECT;
    let before = bench.credit();
    bench.says(2, 1, 0);
    assert!(before > bench.credit(), "as while nobody was known, not as the silent one allowed");
}

#[test]
fn a_new_ballot_begins_with_nothing_unread() {
    let mut bench = Bench::new();
    bench.says(1, 0, 0);
    bench.send(20);
    bench.flow.begin(12);
    assert_eq!(bench.credit(), share(SPACE));
    bench.flow.sent(12, 1000);
    assert_eq!(bench.credit(), share(SPACE) - COST);
    bench.says(1, 5, 0);
    assert_eq!(bench.credit(), share(SPACE) - COST, "a report of the ballot before");
}

#[test]
fn a_receiver_further_behind_than_the_leader_remembers_has_no_credit() {
    let mut bench = Bench::new();
    let room = Room { read_until: 0.into(), space: u32::MAX.into(), drops: 0.into() };
    bench.flow.heard(0, learner(1), &room, &mut bench.out);
    bench.send(1023);
    assert!(bench.credit() > 0);
    bench.send(1);
    assert_eq!(bench.credit(), 0);
}

#[test]
fn what_was_sent_before_a_receiver_came_is_not_in_its_buffer() {
    let mut bench = Bench::new();
    bench.send(20);
    bench.says(1, 0, 0);
    assert_eq!(bench.credit(), share(SPACE));
    bench.send(3);
    bench.says_of(Sender { incarnation: 8, ..learner(1) }, 0, 0);
    assert_eq!(bench.credit(), share(SPACE), "nor what was sent before it started anew");
}

#[test]
fn more_receivers_than_there_is_room_for_are_served_unwatched() {
    let mut bench = Bench::new();
    for id in 0..RECEIVERS_MAX as u16 + 10 {
        bench.says(id, 0, 0);
    }
    assert_eq!(bench.flow.receivers.len(), RECEIVERS_MAX);
}

// ---------------------------------------------------------------------- the receiver's side

fn reports(reader: &mut Reader, out: &mut Outbox) -> Vec<String> {
    reader.turn(3, out);
    let reports = out.queued(&[]).map(|(to, bytes)| {
        assert_eq!(to, To::Peer(leader()));
        let packet = Packet::parse(bytes).expect("only what can be read is sent");
        assert!(matches!(packet.body, Body::Report(_)));
        packet.to_string()
    });
    let reports = reports.collect();
    out.sent();
    reports
}

#[test]
fn a_reader_that_knows_no_leader_says_nothing() {
    let (mut reader, mut out) = (Reader::default(), outbox());
    reader.receive_space(SPACE, 0);
    reader.asked();
    assert_eq!(reports(&mut reader, &mut out), [""; 0]);
}

#[test]
fn a_reader_reports_to_a_new_leader_at_once_and_then_before_the_least_share_is_full() {
    let (mut reader, mut out) = (Reader::default(), outbox());
    reader.receive_space(SPACE, 0);
    reader.heard(B1, leader());
    reader.read(B1, 0, 1000);
    assert_eq!(reports(&mut reader, &mut out), ["L1 report 1.P1 delivered<3 read<1 space 160000 drops 0"]);
    let mut instance = 1;
    while reports(&mut reader, &mut out).is_empty() {
        reader.read(B1, instance, 1000);
        instance += 1;
    }
    assert_eq!(instance - 1, (share(SPACE) / 12).div_ceil(COST));
}

#[test]
fn a_reader_reports_drops_and_when_it_is_asked() {
    let (mut reader, mut out) = (Reader::default(), outbox());
    reader.receive_space(SPACE, 0);
    reader.heard(B1, leader());
    reports(&mut reader, &mut out);
    reader.receive_space(SPACE, 2);
    assert_eq!(reports(&mut reader, &mut out), ["L1 report 1.P1 delivered<3 read<0 space 160000 drops 2"]);
    reader.receive_space(SPACE, 2);
    assert!(reports(&mut reader, &mut out).is_empty());
    reader.asked();
    assert_eq!(reports(&mut reader, &mut out).len(), 1);
}

#[test]
fn a_reader_follows_the_higher_ballot_and_does_not_count_the_lower_ones_instances() {
    let (mut reader, mut out) = (Reader::default(), outbox());
    reader.receive_space(SPACE, 0);
    reader.heard(B2, leader());
    reader.heard(B1, SocketAddrV4::new(Ipv4Addr::LOCALHOST, 1));
    reader.read(B1, 900, 1000);
    reader.read(B2, 4, 1000);
    assert_eq!(reports(&mut reader, &mut out), ["L1 report 2.P2 delivered<3 read<5 space 160000 drops 0"]);
}
