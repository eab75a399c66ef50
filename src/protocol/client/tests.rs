//! What a client submits, when, to whom, and when it is done; through packets.

use super::*;
use crate::protocol::TIMERS;
use core::net::Ipv4Addr;
use wire::{Layout, Sender, Stamp};
use zerocopy::IntoBytes;

const LAYOUT: Layout = Layout { packet: 1472, cluster: 5, trailer: 0 };
const ROOM: usize = LAYOUT.entry_room();
const PLENTY: u32 = 1_000_000;

fn address(proposer: u16) -> SocketAddrV4 {
    SocketAddrV4::new(Ipv4Addr::LOCALHOST, 1000 + proposer)
}

fn ballot(round: u64, proposer: u16) -> Ballot {
    Ballot::new(round, proposer, proposer.into())
}

struct Bench {
    client: Client,
    out: Outbox,
    now: Nanos,
    timers: [Option<Nanos>; TIMERS],
    sequence: u64,
}

impl Bench {
    fn new() -> Bench {
        let me = Sender { role: Role::Client, id: 1, incarnation: 9 };
        let (heartbeat, suspect) = (2_000 * MS, 5_000 * MS);
        let acceptors = vec![1, 2, 3];
        let setup = Setup { me, layout: LAYOUT, address: address(0), acceptors, heartbeat, suspect, seed: 1 };
        let (mut client, mut out) = (Client::new(setup), Outbox::new(LAYOUT, me));
        client.timer(0, super::SETTLE, &mut out);
        Bench { client, out, now: 0, timers: [None; TIMERS], sequence: 0 }
    }

    /// One that knows a leader, which takes all that it sends.
    fn led() -> Bench {
        let mut bench = Bench::new();
        bench.ack(ballot(1, 1), 0, 0, PLENTY);
        bench
    }

    fn record(decided: u64, received: u64, credit: u32) -> AckRecord {
        let mut record = AckRecord::new_zeroed();
        (record.client, record.incarnation, record.credit) = (1.into(), 9.into(), credit.into());
        (record.decided_until, record.received_until) = (decided.into(), received.into());
        record
    }

    /// Of one that has the entries below `received` and those beyond, and heard all packets below `heard_until` or lost
    /// them.
    fn record_heard(received: u64, beyond: &[u64], heard_until: u64) -> AckRecord {
        let mut record = Bench::record(0, received, PLENTY);
        for number in beyond {
            let bit = number - received - 1;
            record.beyond[bit as usize / 8] |= 1 << (bit % 8);
        }
        record.heard_until = wire::sequence_field(heard_until);
        record
    }

    fn ack(&mut self, ballot: Ballot, decided: u64, received: u64, credit: u32) {
        self.acks(ballot, &[Bench::record(decided, received, credit)]);
    }

    fn acks(&mut self, ballot: Ballot, records: &[AckRecord]) {
        let (id, incarnation) = (ballot.proposer(), ballot.incarnation());
        let sender = Sender { role: Role::Proposer, id, incarnation };
        let stamp = Stamp { sequence: self.sequence, log: 7, flags: flags::LEADING };
        self.sequence += 1;
        let body = Ack { ballot: ballot.into(), heard: 0b111.into(), reserved: 0.into() };
        let mut bytes = [0; 1472];
        let length = wire::seal(&mut bytes, LAYOUT, sender, stamp, &body, &[records.as_bytes()]);
        let packet = Packet::parse(&bytes[..length]).expect("a test sends what can be read");
        self.client.packet(self.now, address(ballot.proposer()), &packet, &mut self.out);
    }

    /// Ends the turn: the entries that it submits, and to whom (0: to all proposers).
    fn submits(&mut self) -> Vec<(u64, u16)> {
        self.client.turn(self.now, &mut self.out);
        let timers = &mut self.timers;
        self.out.take_timers(|timer, at| timers[timer] = at);
        let mut submits = Vec::new();
        for (to, bytes) in self.out.queued(self.client.held()) {
            let packet = Packet::parse(bytes).expect("only what can be read is sent");
            let to = match to {
                To::Group(role) => {
                    assert_eq!(role, Role::Proposer);
                    0
                }
                To::Peer(to) => to.port() - 1000,
            };
            if let Body::Submit(body, _) = packet.body {
                submits.push((body.number.get(), to));
            }
        }
        self.out.sent();
        submits
    }

    fn numbers(&mut self) -> Vec<u64> {
        self.submits().into_iter().map(|(number, _)| number).collect()
    }

    /// Hands in values of so many bytes, newline and all.
    fn offers(&mut self, count: usize, bytes: usize) {
        let mut value = vec![b'v'; bytes];
        value[bytes - 1] = b'\n';
        for _ in 0..count {
            assert_eq!(self.client.offer(&value), bytes, "there is room");
        }
    }

    /// Waits for the retransmission timer and lets it fire. Returns what it waited.
    fn timeout(&mut self) -> Nanos {
        let at = self.timers[RETRANSMIT].take().expect("the timer is set");
        let waited = at - self.now;
        self.now = at;
        self.client.timer(self.now, RETRANSMIT, &mut self.out);
        waited
    }
}

#[test]
fn before_a_leader_is_known_two_entries_go_to_all_proposers() {
    let mut bench = Bench::new();
    bench.offers(10, ROOM);
    assert_eq!(bench.submits(), [(0, 0), (1, 0)]);
    assert!(bench.submits().is_empty());
}

#[test]
fn when_a_leader_is_known_entries_go_straight_to_it() {
    let mut bench = Bench::led();
    bench.offers(3, ROOM);
    assert_eq!(bench.submits(), [(0, 1), (1, 1), (2, 1)]);
}

#[test]
fn a_value_leaves_at_once_when_little_is_under_way_and_fills_packets_when_much_is() {
    let mut bench = Bench::led();
    for number in 0..NAGLE_INSTANCES {
        bench.offers(1, 10);
        assert_eq!(bench.numbers(), [number]);
    }
    bench.offers(1, 10);
    assert!(bench.numbers().is_empty(), "it waits for company");
    bench.ack(ballot(1, 1), 1, NAGLE_INSTANCES, PLENTY);
    assert_eq!(bench.numbers(), [NAGLE_INSTANCES]);
}

#[test]
fn a_value_longer_than_a_packet_straddles_entries() {
    let mut bench = Bench::led();
    bench.offers(1, 3 * ROOM + 5);
    assert_eq!(bench.numbers(), [0, 1, 2, 3]);
    bench.ack(ballot(1, 1), 3, 4, PLENTY);
    assert_eq!(bench.client.progress(), Progress { offered: 1, decided: 0 });
    bench.ack(ballot(1, 1), 4, 4, PLENTY);
    assert_eq!(bench.client.progress(), Progress { offered: 1, decided: 1 });
}

#[test]
fn the_credit_of_the_leader_bounds_what_is_under_way() {
    let mut bench = Bench::led();
    let price = cost(ROOM + wire::HEADER_LEN) as u32;
    bench.ack(ballot(1, 1), 0, 0, 3 * price);
    bench.offers(10, ROOM);
    assert_eq!(bench.numbers(), [0, 1, 2]);
    bench.ack(ballot(1, 1), 0, 2, 3 * price);
    assert_eq!(bench.numbers(), [3, 4], "what has come is not under way any more");
    bench.ack(ballot(1, 1), 5, 5, 0);
    assert_eq!(bench.numbers(), [5], "one entry may always go");
}

#[test]
fn a_full_window_takes_no_more_until_something_is_decided() {
    let mut bench = Bench::led();
    bench.offers(CLIENT_WINDOW, ROOM);
    assert_eq!(bench.client.offer(b"more\n"), 0);
    while !bench.numbers().is_empty() {}
    bench.ack(ballot(1, 1), 1, 256, PLENTY);
    assert_eq!(bench.client.offer(b"more\n"), 5);
    assert_eq!(bench.client.offer(&[b'x'; 2 * ROOM]), ROOM - 5);
}

#[test]
fn no_entry_goes_further_than_an_ack_can_tell_of() {
    let mut bench = Bench::led();
    bench.offers(400, ROOM);
    assert_eq!(bench.numbers().len(), BEYOND_BITS);
}

#[test]
fn a_new_leader_gets_everything_that_is_not_decided_and_nothing_else() {
    let mut bench = Bench::led();
    bench.offers(5, ROOM);
    bench.submits();
    bench.ack(ballot(1, 1), 2, 5, PLENTY);
    assert!(bench.submits().is_empty());
    bench.ack(ballot(2, 2), 2, 2, PLENTY);
    assert_eq!(bench.submits(), [(2, 2), (3, 2), (4, 2)]);
}

#[test]
fn a_leader_of_a_lower_ballot_is_not_listened_to() {
    let mut bench = Bench::led();
    bench.ack(ballot(2, 2), 0, 0, PLENTY);
    bench.offers(3, ROOM);
    bench.submits();
    bench.ack(ballot(1, 1), 3, 3, PLENTY);
    assert_eq!(bench.client.progress().decided, 0);
    assert_eq!(bench.client.heard().0, Some(ballot(2, 2)));
}

#[test]
fn an_ack_that_is_overtaken_by_a_later_one_changes_nothing() {
    let mut bench = Bench::led();
    bench.offers(3, ROOM);
    bench.submits();
    bench.sequence = 100;
    bench.ack(ballot(1, 1), 0, 3, PLENTY);
    bench.sequence = 50;
    bench.ack(ballot(1, 1), 0, 1, PLENTY);
    assert!(bench.numbers().is_empty(), "it did not forget anything");
}

#[test]
fn an_ack_for_another_start_or_another_client_decides_nothing() {
    let mut bench = Bench::led();
    bench.offers(3, ROOM);
    bench.submits();
    let (mut other, mut former) = (Bench::record(3, 3, PLENTY), Bench::record(3, 3, PLENTY));
    other.client = 2.into();
    former.incarnation = 8.into();
    bench.acks(ballot(1, 1), &[other]);
    bench.acks(ballot(1, 1), &[former]);
    assert_eq!(bench.client.progress().decided, 0);
}

#[test]
fn an_entry_that_has_not_come_though_packets_that_left_later_were_heard_is_sent_again_at_once() {
    let mut bench = Bench::led();
    bench.offers(10, ROOM);
    let first = bench.out.sequence();
    assert_eq!(bench.numbers().len(), 10);
    bench.acks(ballot(1, 1), &[Bench::record_heard(1, &[2, 3], first + 1 + LATER)]);
    assert!(bench.numbers().is_empty(), "it may be late");
    bench.acks(ballot(1, 1), &[Bench::record_heard(1, &[2, 3, 4], first + 2 + LATER)]);
    assert_eq!(bench.numbers(), [1]);
    assert!(bench.numbers().is_empty(), "nothing was heard that left after it");
}

#[test]
fn what_was_lost_behind_all_that_has_come_is_sent_again_once_anything_later_is_heard() {
    let mut bench = Bench::led();
    bench.offers(3, ROOM);
    bench.submits();
    bench.acks(ballot(1, 1), &[Bench::record_heard(1, &[], bench.out.sequence())]);
    bench.timeout();
    bench.submits();
    bench.timeout();
    let probed = bench.out.sequence();
    assert_eq!(bench.numbers(), [1, 2, 1, 2], "the answer will show what was lost before, and one more");
    bench.acks(ballot(1, 1), &[Bench::record_heard(2, &[], probed)]);
    assert!(bench.numbers().is_empty());
    bench.acks(ballot(1, 1), &[Bench::record_heard(2, &[], probed + PROBE as u64 + LATER)]);
    assert_eq!(bench.numbers(), [2]);
}

#[test]
fn an_entry_that_is_lost_again_and_again_is_sent_once_for_each_time_that_it_is_told_lost() {
    let mut bench = Bench::led();
    bench.offers(2, ROOM);
    bench.submits();
    let heard = |bench: &mut Bench| {
        let record = Bench::record_heard(0, &[1], bench.out.sequence() + LATER);
        bench.acks(ballot(1, 1), &[record]);
        bench.numbers()
    };
    for _ in 1..UNLUCKY {
        assert_eq!(heard(&mut bench), [0]);
    }
    assert!(heard(&mut bench).is_empty(), "this is not bad luck: perhaps there is no room for it");
    bench.now += 2 * MS;
    assert_eq!(heard(&mut bench), [0], "once per round trip");
}

#[test]
fn without_an_answer_everything_is_sent_again_ever_more_slowly_and_to_all_proposers() {
    let mut bench = Bench::led();
    bench.offers(2, ROOM);
    assert_eq!(bench.submits(), [(0, 1), (1, 1)]);
    let mut last = 0;
    for _ in 0..8 {
        let waited = bench.timeout();
        assert!(waited >= last && waited <= 100 * MS, "{waited} after {last}");
        last = waited;
        assert_eq!(bench.submits(), [(0, 0), (1, 0), (0, 0), (1, 0)]);
    }
    assert_eq!(last, 100 * MS);
}

#[test]
fn a_timeout_after_which_something_moved_is_no_reason_to_send_again() {
    let mut bench = Bench::led();
    bench.offers(2, ROOM);
    bench.submits();
    bench.ack(ballot(1, 1), 0, 1, PLENTY);
    bench.timeout();
    assert!(bench.submits().is_empty());
    bench.timeout();
    assert_eq!(bench.numbers(), [1; PROBE], "only what has not come");
}

#[test]
fn when_all_has_come_but_nothing_is_heard_of_it_the_first_is_sent_again_to_ask() {
    let mut bench = Bench::led();
    bench.offers(3, ROOM);
    bench.submits();
    bench.ack(ballot(1, 1), 1, 3, PLENTY);
    bench.timeout();
    bench.submits();
    bench.timeout();
    assert_eq!(bench.numbers(), [1; PROBE]);
}

#[test]
fn the_timeout_follows_the_round_trip() {
    let mut bench = Bench::led();
    for number in 0..50 {
        bench.offers(1, ROOM);
        bench.submits();
        bench.now += 6 * MS;
        bench.ack(ballot(1, 1), number, number + 1, PLENTY);
    }
    bench.ack(ballot(1, 1), 50, 50, PLENTY);
    bench.submits();
    bench.offers(1, ROOM);
    bench.submits();
    let waited = bench.timers[RETRANSMIT].expect("the timer is set") - bench.now;
    assert!((6 * MS..12 * MS).contains(&waited), "{waited} for a round trip of 6 ms");
}

#[test]
fn nothing_under_way_needs_no_timer() {
    let mut bench = Bench::led();
    bench.offers(1, 10);
    bench.submits();
    assert!(bench.timers[RETRANSMIT].is_some());
    bench.ack(ballot(1, 1), 1, 1, PLENTY);
    bench.submits();
    assert!(bench.timers[RETRANSMIT].is_none());
}

#[test]
fn a_client_is_done_when_its_input_has_ended_and_all_of_it_is_decided() {
    let mut bench = Bench::led();
    bench.offers(1, 10);
    bench.submits();
    bench.ack(ballot(1, 1), 1, 1, PLENTY);
    bench.submits();
    assert_eq!(bench.out.stopping(), None, "more may come");
    bench.offers(9, 10);
    bench.client.end();
    bench.submits();
    assert_eq!(bench.out.stopping(), None, "received is not decided");
    bench.ack(ballot(1, 1), 2, 2, PLENTY);
    bench.submits();
    assert_eq!(bench.out.stopping(), Some(Stop::Done));
    assert_eq!(bench.client.progress(), Progress { offered: 10, decided: 10 });
}

#[test]
fn a_client_without_any_input_is_done_at_once() {
    let mut bench = Bench::new();
    bench.client.end();
    bench.submits();
    assert_eq!(bench.out.stopping(), Some(Stop::Done));
}

#[test]
fn a_later_start_of_the_same_client_ends_this_one_and_an_earlier_does_not() {
    for (incarnation, end) in [(10, Some(Stop::Superseded)), (8, None)] {
        let mut bench = Bench::led();
        let mut record = Bench::record(0, 0, 0);
        (record.status, record.incarnation) = (Status::Superseded as u8, incarnation.into());
        bench.acks(ballot(1, 1), &[record]);
        assert_eq!(bench.out.stopping(), end, "by {incarnation}");
    }
}

#[test]
fn a_session_that_broke_a_limit_ends_the_client() {
    let mut bench = Bench::led();
    let mut record = Bench::record(0, 0, 0);
    record.status = Status::Ended as u8;
    bench.acks(ballot(1, 1), &[record]);
    assert_eq!(bench.out.stopping(), Some(Stop::Ended));
}

#[test]
fn a_leader_that_forgot_this_client_gets_what_it_lacks_again() {
    let mut bench = Bench::led();
    bench.offers(6, ROOM);
    bench.submits();
    bench.ack(ballot(1, 1), 2, 6, PLENTY);
    bench.submits();
    bench.ack(ballot(1, 1), 2, 2, PLENTY);
    assert_eq!(bench.numbers(), [2, 3, 4, 5]);
}

#[test]
fn a_new_client_submits_nothing_before_an_earlier_one_with_its_id_could_answer() {
    let me = Sender { role: Role::Client, id: 1, incarnation: 9 };
    let (heartbeat, suspect, acceptors) = (2_000 * MS, 5_000 * MS, vec![1, 2, 3]);
    let setup = Setup { me, layout: LAYOUT, address: address(0), acceptors, heartbeat, suspect, seed: 1 };
    let (mut client, mut out) = (Client::new(setup), Outbox::new(LAYOUT, me));
    client.start(0, &mut out);
    out.sent();
    client.offer(b"value\n");
    client.turn(MS, &mut out);
    assert_eq!(out.len(), 0);
    client.timer(super::SETTLE_TIME, super::SETTLE, &mut out);
    client.turn(super::SETTLE_TIME, &mut out);
    assert_eq!(out.len(), 1);
}
