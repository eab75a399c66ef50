//! Entries come in any order, twice, too many, too late; they go into the log once and in order.

use super::*;
use crate::limits::MS;
use core::net::Ipv4Addr;
use wire::{Body, Entry, Layout, Packet, Sender};

const ROOM: usize = 100;
const B1: Ballot = Ballot::new(1, 1, 1);

/// Where a client sends from.
fn address(client: u16) -> SocketAddrV4 {
    SocketAddrV4::new(Ipv4Addr::LOCALHOST, client)
}

struct Bench {
    intake: Intake,
    sessions: Sessions,
    log: Vec<(u16, u64, u64)>,
    /// Entries that the log still takes.
    free: usize,
    now: Nanos,
    out: Outbox,
}

impl Bench {
    fn new() -> Bench {
        let me = Sender { role: Role::Proposer, id: 1, incarnation: 9 };
        Bench {
            intake: Intake::new(ROOM),
            sessions: Sessions::default(),
            log: Vec::new(),
            free: usize::MAX,
            now: 0,
            out: Outbox::new(Layout { packet: 1472, cluster: 5, trailer: 0 }, me),
        }
    }

    /// Entries of a client come, each the bytes of its number.
    fn comes(&mut self, client: u16, incarnation: u64, numbers: &[u64]) {
        let Bench { intake, sessions, log, free, now, .. } = self;
        for &number in numbers {
            let piece = number.to_be_bytes();
            let entry = Submitted { client, incarnation, number, piece: &piece };
            intake.submit(*now, (address(client), number), entry, sessions, |entry| take(log, free, entry));
        }
    }

    fn drain(&mut self) {
        let Bench { intake, log, free, .. } = self;
        intake.drain_all(|entry| take(log, free, entry));
    }

    /// An entry of the log is decided.
    fn decided(&mut self, client: u16, incarnation: u64, number: u64) {
        self.sessions.apply(&Entry { client, incarnation, number, bytes: b"x\n" }, 0);
        self.intake.decided(client);
    }

    fn numbers(&self) -> Vec<u64> {
        self.log.iter().map(|(_, _, number)| *number).collect()
    }

    fn acks(&mut self) -> Vec<AckRecord> {
        self.intake.acknowledge(self.now, &self.sessions, (B1, 0), (200_000, 1000, 1472), &mut self.out);
        let mut records = Vec::new();
        for (_, bytes) in self.out.queued(&[]) {
            let packet = Packet::parse(bytes).expect("only what can be read is sent");
            let Body::Ack(_, acks) = packet.body else { panic!("{packet} is no ack") };
            records.extend_from_slice(acks);
        }
        self.out.sent();
        records
    }

    /// Where the acks that are owed go.
    fn acks_go_to(&mut self) -> Vec<To> {
        self.intake.acknowledge(self.now, &self.sessions, (B1, 0), (200_000, 1000, 1472), &mut self.out);
        let to = self.out.queued(&[]).map(|(to, _)| to).collect();
        self.out.sent();
        to
    }

    /// The one ack that is owed: decided until, received until.
    fn ack(&mut self) -> (u64, u64) {
        let acks = self.acks();
        assert_eq!(acks.len(), 1);
        (acks[0].decided_until.get(), acks[0].received_until.get())
    }
}

fn take(log: &mut Vec<(u16, u64, u64)>, free: &mut usize, entry: Submitted<'_>) -> bool {
    let fits = *free > 0;
    if fits {
        assert_eq!(entry.piece, entry.number.to_be_bytes(), "the bytes belong to the number");
        *free -= 1;
        log.push((entry.client, entry.incarnation, entry.number));
    }
    fits
}

#[test]
fn entries_in_order_go_straight_into_the_log() {
    let mut bench = Bench::new();
    bench.comes(1, 5, &[0, 1, 2]);
    assert_eq!(bench.numbers(), [0, 1, 2]);
    assert_eq!(bench.ack(), (0, 3));
    assert!(bench.acks().is_empty(), "an ack is owed once");
}

#[test]
fn an_ack_tells_how_far_the_session_was_heard_whatever_came_of_it() {
    let mut bench = Bench::new();
    bench.comes(1, 5, &[0, 9, 3]);
    assert_eq!(bench.acks()[0].heard_until(), 10);
    bench.comes(1, 5, &[0]);
    assert_eq!(bench.acks()[0].heard_until(), 10, "an old packet takes nothing back");
    bench.comes(1, 6, &[1]);
    assert_eq!(bench.acks()[0].heard_until(), 2, "a later start counts from 0");
}

#[test]
fn an_ack_to_one_client_goes_to_it_alone_until_an_entry_comes_again() {
    let mut bench = Bench::new();
    let group = To::Group(Role::Client);
    bench.comes(1, 5, &[0, 1]);
    assert_eq!(bench.acks_go_to(), [To::Peer(address(1))]);
    bench.comes(1, 5, &[2]);
    bench.comes(2, 5, &[0, 1]);
    assert_eq!(bench.acks_go_to(), [group], "two clients have a packet in common");
    bench.comes(1, 5, &[2]);
    assert_eq!(bench.acks_go_to(), [group], "what it was sent alone may be lost on the way");
    bench.comes(2, 5, &[2]);
    assert_eq!(bench.acks_go_to(), [To::Peer(address(2))], "which says nothing of another's way");
    bench.now += ACTIVE;
    bench.comes(1, 5, &[3]);
    assert_eq!(bench.acks_go_to(), [To::Peer(address(1))]);
    bench.decided(1, 5, 0);
    bench.acks_go_to();
    bench.comes(1, 4, &[0]);
    assert_eq!(bench.acks_go_to(), [group], "an earlier start is known by its id alone");
}

#[test]
fn the_only_entry_on_the_way_is_told_of_when_it_is_decided_or_comes_again() {
    let mut bench = Bench::new();
    bench.comes(1, 5, &[0]);
    assert!(bench.acks().is_empty());
    bench.comes(1, 5, &[0]);
    assert_eq!(bench.ack(), (0, 1), "its client does not know");
    bench.decided(1, 5, 0);
    assert_eq!(bench.ack(), (1, 1));
    bench.comes(1, 5, &[1]);
    assert!(bench.acks().is_empty());
    bench.comes(1, 5, &[2]);
    assert_eq!(bench.ack(), (1, 3), "two are on the way");
}

#[test]
fn an_entry_that_overtook_another_waits_for_it() {
    let mut bench = Bench::new();
    bench.comes(1, 5, &[2, 1]);
    assert!(bench.log.is_empty());
    let acks = bench.acks();
    assert_eq!(
        (acks[0].received_until.get(), acks[0].has(0), acks[0].has(1), acks[0].has(2)),
        (0, false, true, true)
    );
    bench.comes(1, 5, &[0]);
    assert_eq!(bench.numbers(), [0, 1, 2]);
    assert_eq!(bench.ack(), (0, 3));
}

#[test]
fn an_entry_that_comes_twice_goes_into_the_log_once() {
    let mut bench = Bench::new();
    bench.comes(1, 5, &[0, 0, 2, 2, 0, 1, 1, 2, 0]);
    assert_eq!(bench.numbers(), [0, 1, 2]);
}

#[test]
fn any_order_and_any_duplicates_come_out_in_order() {
    let mut random = crate::protocol::random::Random::new(3);
    for _ in 0..50 {
        let mut bench = Bench::new();
        while bench.log.len() < 300 {
            let logged = bench.log.len() as u64;
            let number = (logged + random.draw() % 40).saturating_sub(10);
            bench.free = (random.draw() % 4) as usize;
            bench.comes(1, 5, &[number]);
            bench.drain();
            assert!(bench.numbers().iter().copied().eq(0..bench.log.len() as u64));
        }
    }
}

#[test]
fn an_entry_further_ahead_than_an_ack_can_tell_is_not_kept() {
    let mut bench = Bench::new();
    let last = BEYOND_BITS as u64 - 1;
    bench.comes(1, 5, &[last, last + 1]);
    bench.comes(1, 5, &(0..last).collect::<Vec<_>>());
    assert_eq!(bench.log.len() as u64, last + 1);
    assert_eq!(bench.ack(), (0, last + 1));
}

#[test]
fn a_full_log_makes_entries_wait_and_they_follow_when_there_is_room() {
    let mut bench = Bench::new();
    bench.free = 1;
    bench.comes(1, 5, &[0, 1, 2]);
    assert_eq!(bench.numbers(), [0]);
    assert_eq!(bench.ack(), (0, 3), "they are here, and need not be sent again");
    bench.free = 1;
    bench.drain();
    assert_eq!(bench.numbers(), [0, 1]);
    bench.free = 9;
    bench.drain();
    assert_eq!(bench.numbers(), [0, 1, 2]);
}

#[test]
fn an_exhausted_pool_loses_entries_that_overtook_and_all_of_it_is_given_back() {
    let mut bench = Bench::new();
    let clients = (REORDER_POOL / 200) as u16 + 2;
    for client in 0..clients {
        bench.comes(client, 5, &(1..=200).collect::<Vec<_>>());
    }
    assert_eq!(bench.intake.free.len(), 0);
    bench.comes(clients - 1, 5, &(0..=200).collect::<Vec<_>>());
    assert_eq!(bench.log.len(), 201, "who waits for nothing needs no room in the pool");
    bench.intake.clear();
    assert_eq!(bench.intake.free.len(), REORDER_POOL);
}

#[test]
fn the_entry_that_others_wait_for_needs_no_room_in_the_pool() {
    let mut bench = Bench::new();
    let clients = (REORDER_POOL / 200) as u16 + 2;
    for client in 0..clients {
        bench.comes(client, 5, &(1..=200).collect::<Vec<_>>());
    }
    for client in 0..clients {
        bench.comes(client, 5, &(0..=200).collect::<Vec<_>>());
    }
    for client in 0..clients {
        let numbers = bench.log.iter().filter(|entry| entry.0 == client).map(|entry| entry.2);
        assert!(numbers.eq(0..=200), "client {client}");
    }
    assert_eq!(bench.intake.free.len(), REORDER_POOL, "everything was given back");
}

#[test]
fn what_is_decided_is_told() {
    let mut bench = Bench::new();
    bench.comes(1, 5, &[0, 1]);
    bench.acks();
    bench.decided(1, 5, 0);
    assert_eq!(bench.ack(), (1, 2));
    bench.decided(7, 5, 0);
    assert!(bench.acks().is_empty(), "client 7 did not ask this leader for anything");
}

#[test]
fn a_new_leader_goes_on_where_the_log_stands() {
    let mut bench = Bench::new();
    bench.sessions.apply(&Entry { client: 1, incarnation: 5, number: 0, bytes: b"x\n" }, 0);
    bench.comes(1, 5, &[2, 0, 1]);
    assert_eq!(bench.numbers(), [1, 2], "the first was decided before");
    bench.intake.clear();
    bench.comes(1, 5, &[1]);
    assert_eq!(bench.numbers(), [1, 2, 1], "what is not decided is forgotten with the leadership");
    assert_eq!(bench.intake.free.len(), REORDER_POOL);
}

#[test]
fn a_later_start_takes_over_and_the_earlier_one_is_told_when_it_is_decided() {
    let mut bench = Bench::new();
    bench.comes(1, 5, &[0, 2]);
    bench.comes(1, 6, &[0]);
    assert_eq!(bench.log, [(1, 5, 0), (1, 6, 0)]);
    assert_eq!(bench.intake.free.len(), REORDER_POOL, "what waited for the earlier start is gone");
    bench.comes(1, 5, &[1]);
    assert_eq!(bench.log.len(), 2);
    bench.decided(1, 5, 0);
    bench.decided(1, 6, 0);
    bench.acks();
    bench.comes(1, 5, &[1]);
    let acks = bench.acks();
    assert_eq!((acks[0].status(), acks[0].incarnation.get()), (Some(Status::Superseded), 6));
}

#[test]
fn an_earlier_start_goes_on_when_a_later_one_ended_before_anything_of_it_was_logged() {
    let mut bench = Bench::new();
    bench.comes(1, 5, &[0]);
    bench.comes(1, 6, &[1]); // its first entry is lost, and it ends
    bench.comes(1, 5, &[1]);
    assert_eq!(bench.log, [(1, 5, 0)]);
    bench.now = ACTIVE;
    bench.comes(1, 5, &[1, 0]);
    assert_eq!(bench.log, [(1, 5, 0), (1, 5, 0), (1, 5, 1)], "again what is not decided yet");
    assert_eq!(bench.intake.free.len(), REORDER_POOL, "what waited of the later one is given back");
    bench.comes(1, 6, &[0]);
    bench.now = 3 * ACTIVE;
    bench.comes(1, 5, &[2]);
    assert_eq!(bench.log[3..], [(1, 6, 0)], "what is logged will be decided");
}

#[test]
fn a_session_that_ended_is_told_so() {
    let mut bench = Bench::new();
    let piece = vec![b'x'; 60_000];
    for number in 0..18 {
        bench.sessions.apply(&Entry { client: 1, incarnation: 5, number, bytes: &piece }, piece.len());
    }
    bench.comes(1, 5, &[18]);
    assert_eq!(bench.acks()[0].status(), Some(Status::Ended));
    assert!(bench.log.is_empty());
}

#[test]
fn one_client_too_many_takes_the_place_of_one_that_has_been_silent() {
    let mut bench = Bench::new();
    for client in 0..INTAKE_MAX as u16 {
        bench.comes(client, 5, &[0]);
    }
    bench.comes(5000, 5, &[0]);
    assert_eq!(bench.log.len(), INTAKE_MAX, "all of them are here");
    bench.now = 2_000 * MS;
    bench.comes(5000, 5, &[0]);
    assert_eq!(bench.log.len(), INTAKE_MAX + 1);
}

#[test]
fn the_credit_doubles_with_every_ack_up_to_a_share_of_the_clients_that_are_there() {
    let mut bench = Bench::new();
    let mut alone = vec![];
    bench.comes(1, 5, &[0]);
    for number in 1..=10 {
        bench.comes(1, 5, &[number]);
        alone.push(bench.acks()[0].credit.get());
    }
    assert!(alone[1] == 2 * alone[0] && alone[9] == alone[8] && alone[9] > 10 * alone[0], "{alone:?}");
    for number in 0..10 {
        for client in 2..=10 {
            bench.comes(client, 5, &[number]);
        }
        bench.comes(1, 5, &[11 + number]);
        let shared: Vec<u32> = bench.acks().iter().map(|ack| ack.credit.get()).collect();
        assert!(shared.iter().all(|credit| *credit <= alone[9] / 10), "{shared:?} of {alone:?}");
    }
}

#[test]
fn clients_that_come_together_do_not_get_all_of_the_credit_each() {
    let mut bench = Bench::new();
    let mut given = 0;
    for client in 1..=10 {
        bench.comes(client, 5, &[0, 1]);
        given += u64::from(bench.acks()[0].credit.get());
    }
    assert!(given <= 200_000, "{given} bytes of credit for a buffer of 200000");
}

#[test]
fn a_crowd_is_told_in_several_packets() {
    let mut bench = Bench::new();
    for client in 0..50 {
        bench.comes(client, 5, &[0, 1]);
    }
    let clients: Vec<u16> = bench.acks().iter().map(|ack| ack.client.get()).collect();
    assert_eq!(clients, (0..50).collect::<Vec<_>>());
}
