//! One test per rule, through packets: what goes in is sealed and parsed, what comes out is read as it is
//! printed.

use super::*;
use crate::journal::memory_disk::MemoryDisk;
use crate::journal::{Journal, Owner, Record, Standing};
use crate::protocol::To;
use core::net::Ipv4Addr;
use wire::{Body, EntryHeader, FixedBody, Hello, Layout, Phase1a, Sender, Stamp, Watermark};

const LAYOUT: Layout = Layout { packet: 1472, cluster: 5, trailer: 0 };
const LOG: u32 = 7;
const P1: u16 = 1;
const P2: u16 = 2;

fn ballot(round: u64, proposer: u16) -> Ballot {
    Ballot::new(round, proposer, u64::from(proposer))
}

fn address(id: u16) -> SocketAddrV4 {
    SocketAddrV4::new(Ipv4Addr::LOCALHOST, 1000 + id)
}

fn batch(text: &str) -> Vec<u8> {
    let mut bytes = EntryHeader::new(1, 1, 0, text.len()).as_bytes().to_vec();
    bytes.extend_from_slice(text.as_bytes());
    bytes
}

struct Bench {
    acceptor: Acceptor,
    out: Outbox,
}

/// A member of the log [`LOG`].
fn standing() -> Standing {
    Standing { life: 9, log: LOG, blind_until: 0, lives: [9, 8, 8].into_iter().collect() }
}

impl Bench {
    fn new() -> Bench {
        let mut memory = Memory::default();
        memory.recall(Record::Standing(standing()));
        Bench::remembering(memory, false)
    }

    fn remembering(memory: Memory, durable: bool) -> Bench {
        let me = Sender { role: Role::Acceptor, id: 1, incarnation: 9 };
        let (heartbeat, suspect) = (2_000_000_000, 5_000_000_000);
        let setup = Setup {
            me,
            layout: LAYOUT,
            address: address(0),
            acceptors: vec![1, 2, 3],
            heartbeat,
            suspect,
            seed: 1,
        };
        let (mut acceptor, mut out) = (Acceptor::remembering(setup, memory), Outbox::new(LAYOUT, me));
        if durable {
            out = out.durable();
        }
        acceptor.timer(0, super::SETTLE, &mut out);
        acceptor.turn(0, &mut out);
        out.sent();
        Bench { acceptor, out }
    }

    /// A packet of a proposer comes, its first one; its incarnation is its id.
    fn hears<B: FixedBody>(&mut self, proposer: u16, flags: u8, body: &B, tail: &[u8]) {
        self.hears_numbered(0, proposer, flags, body, tail);
    }

    fn hears_numbered<B: FixedBody>(
        &mut self,
        sequence: u64,
        proposer: u16,
        flags: u8,
        body: &B,
        tail: &[u8],
    ) {
        let sender = Sender { role: Role::Proposer, id: proposer, incarnation: proposer.into() };
        let mut bytes = [0; 1472];
        let stamp = Stamp { sequence, log: LOG, flags };
        let length = wire::seal(&mut bytes, LAYOUT, sender, stamp, body, &[tail]);
        let packet = Packet::parse(&bytes[..length]).expect("a test sends what can be read");
        self.acceptor.packet(0, address(proposer), &packet, &mut self.out);
    }

    fn prepare(&mut self, ballot: Ballot, from: u64) {
        self.hears(ballot.proposer(), 0, &Phase1a { ballot: ballot.into(), from: from.into() }, &[]);
    }

    fn propose(&mut self, ballot: Ballot, instance: u64, decided_until: u64, text: &str) {
        let body = Phase2a::new(instance, decided_until, ballot.round());
        self.hears(ballot.proposer(), 0, &body, &batch(text));
    }

    fn watermark(&mut self, ballot: Ballot, decided_until: u64) {
        let (decided_until, proposed_until) = (decided_until.into(), decided_until.into());
        let body = Watermark { ballot: ballot.into(), decided_until, proposed_until };
        self.hears(ballot.proposer(), 0, &body, &[]);
    }

    fn repair(&mut self, ballot: Ballot, instance: u64, text: &str) {
        let body = Value { instance: instance.into(), ballot: ballot.into() };
        self.hears(P2, flags::DECIDED, &body, &batch(text));
    }

    /// Ends the turn. Returns the packets that it sends, as they are printed, and to whom.
    fn answers(&mut self) -> Vec<String> {
        self.answers_at(0)
    }

    fn answers_at(&mut self, now: Nanos) -> Vec<String> {
        self.acceptor.turn(now, &mut self.out);
        let answers = self.out.queued(&[]).map(|(to, bytes)| {
            let to = match to {
                To::Group(role) => format!("{role}s"),
                To::Peer(to) => format!("P{}", to.port() - 1000),
            };
            format!("{} → {to}", Packet::parse(bytes).expect("only what can be read is sent"))
        });
        let answers = answers.collect();
        self.out.sent();
        answers
    }

    fn accepted(&self, instance: u64) -> Option<(Ballot, bool, Vec<u8>)> {
        self.acceptor.store().get(instance).map(|at| (at.ballot, at.decided, at.bytes.to_vec()))
    }
}

const ROOM: &str = "space 0 drops 0 life 9 of 9,8,8 → learners";

// [Lamport01 §2.2, phase 1 (b)]
#[test]
fn an_acceptor_promises_the_higher_ballot_and_refuses_the_lower() {
    let mut bench = Bench::new();
    bench.prepare(ballot(2, P1), 0);
    let promise = "A1 1b 2.P1 page [0..0) complete<0 top 0 life 9 of 9,8,8: nothing accepted → P1";
    let vote = format!("A1 2b 2.P1 [] decided<0 complete<0 heard<0 read<0 {ROOM}");
    assert_eq!(bench.answers(), [promise, &vote]);
    bench.prepare(ballot(1, P2), 0);
    assert_eq!(bench.answers(), ["A1 nack 1.P2 promised 2.P1 → P2"]);
    bench.prepare(ballot(2, P2), 0);
    assert_eq!(bench.answers().len(), 2, "of one round the higher proposer goes before");
    assert_eq!(bench.acceptor.promised(), ballot(2, P2));
}

#[test]
fn a_promise_that_was_lost_is_given_again() {
    let mut bench = Bench::new();
    bench.prepare(ballot(1, P1), 0);
    bench.answers();
    bench.prepare(ballot(1, P1), 0);
    assert_eq!(
        bench.answers(),
        ["A1 1b 1.P1 page [0..0) complete<0 top 0 life 9 of 9,8,8: nothing accepted → P1"]
    );
}

#[test]
fn the_same_round_of_another_start_of_the_same_proposer_is_another_ballot() {
    let mut bench = Bench::new();
    bench.prepare(ballot(1, P1), 0);
    bench.propose(ballot(1, P1), 0, 0, "mine");
    let later = Ballot::new(1, P1, 77);
    bench.prepare(later, 0);
    assert_eq!(bench.acceptor.promised(), later);
    bench.propose(ballot(1, P1), 1, 0, "of the former life");
    assert_eq!(bench.accepted(1), None);
}

#[test]
fn a_promise_tells_what_was_accepted_and_in_which_ballot() {
    let mut bench = Bench::new();
    bench.propose(ballot(1, P1), 0, 0, "a");
    bench.propose(ballot(1, P1), 1, 0, "b");
    bench.propose(ballot(2, P2), 1, 0, "c");
    bench.propose(ballot(2, P2), 4, 0, "d");
    bench.answers();
    bench.prepare(ballot(3, P1), 0);
    assert_eq!(
        bench.answers()[0],
        "A1 1b 3.P1 page [0..5) complete<0 top 5 life 9 of 9,8,8: [0..1) in 1.P1 [1..2) in 2.P2 [4..5) in 2.P2 → P1"
    );
    bench.prepare(ballot(3, P1), 2);
    assert_eq!(
        bench.answers()[0],
        "A1 1b 3.P1 page [2..5) complete<0 top 5 life 9 of 9,8,8: [4..5) in 2.P2 → P1"
    );
}

#[test]
fn a_promise_that_does_not_fit_a_packet_comes_in_pages() {
    let mut bench = Bench::new();
    for at in 0..60 {
        bench.propose(ballot(1, P1), 2 * at, 0, "x");
    }
    bench.answers();
    bench.prepare(ballot(2, P2), 0);
    let page = bench.answers().remove(0);
    assert!(page.starts_with("A1 1b 2.P2 page [0..70) complete<0 top 119 life 9 of 9,8,8:"), "{page}");
    bench.prepare(ballot(2, P2), 70);
    let page = bench.answers().remove(0);
    assert!(
        page.starts_with("A1 1b 2.P2 page [70..119) complete<0 top 119 life 9 of 9,8,8: [70..71) in 1.P1"),
        "{page}"
    );
}

// [Lamport01 §2.2, phase 2 (b)]
#[test]
fn an_acceptor_accepts_unless_it_promised_a_higher_ballot() {
    let mut bench = Bench::new();
    bench.prepare(ballot(2, P2), 0);
    bench.answers();
    bench.propose(ballot(1, P1), 0, 0, "lower");
    assert_eq!(bench.answers(), ["A1 nack 1.P1 promised 2.P2 → P1"]);
    assert_eq!(bench.accepted(0), None);
    bench.propose(ballot(2, P2), 0, 0, "equal");
    assert_eq!(bench.answers(), [format!("A1 2b 2.P2 [0..1) decided<0 complete<0 heard<1 read<1 {ROOM}")]);
    bench.propose(ballot(3, P1), 0, 0, "higher");
    assert_eq!(bench.acceptor.promised(), ballot(3, P1), "to accept is to promise");
    assert_eq!(bench.accepted(0), Some((ballot(3, P1), false, batch("higher"))));
}

#[test]
fn the_votes_of_a_turn_leave_in_one_packet_as_ranges() {
    let mut bench = Bench::new();
    for instance in [0, 1, 2, 5, 6, 9] {
        bench.propose(ballot(1, P1), instance, 0, "x");
    }
    assert_eq!(
        bench.answers(),
        [format!("A1 2b 1.P1 [0..3) [5..7) [9..10) decided<0 complete<0 heard<1 read<10 {ROOM}")]
    );
}

/// A long queue: everything up to here was accepted and voted for at time 0, and nothing is decided.
fn queue(room: u32) -> Bench {
    let mut bench = Bench::new();
    bench.acceptor.receive_space(room, 0);
    for instance in 0..=QUEUE_LONG {
        bench.propose(ballot(1, P1), instance, 0, "x");
    }
    assert_eq!(bench.answers().len(), 1);
    bench
}

#[test]
fn a_vote_on_the_latest_of_a_long_queue_waits_for_more_but_not_for_long() {
    let mut bench = queue(1 << 20);
    let mut armed = None;
    for instance in 129..135 {
        bench.propose(ballot(1, P1), instance, 0, "x");
        assert_eq!(bench.answers_at(GATHER - 1), [""; 0]);
        bench.out.take_timers(|timer, at| armed = at.filter(|_| timer == VOTE).or(armed));
    }
    assert_eq!(armed, Some(GATHER));
    bench.acceptor.timer(GATHER, VOTE, &mut bench.out);
    let answers = bench.answers_at(GATHER);
    assert!(answers.len() == 1 && answers[0].starts_with("A1 2b 1.P1 [0..135)"), "{answers:?}");
    assert_eq!(bench.answers_at(2 * GATHER), [""; 0], "a vote is owed once");
}

#[test]
fn where_little_may_be_unread_a_short_queue_is_long() {
    let packet = cost(LAYOUT.packet) as u32;
    let mut bench = Bench::new();
    bench.acceptor.receive_space(50 * packet, 0); // of which 31 may be unread
    for (instance, at_once) in [(0, true), (1, true), (6, true), (7, false)] {
        for missing in bench.acceptor.read_until..=instance {
            bench.propose(ballot(1, P1), missing, 0, "x");
        }
        assert_eq!(!bench.answers().is_empty(), at_once, "{instance} are under way");
    }
}

#[test]
fn a_vote_waits_no_longer_than_the_leader_can_go_on_without_it() {
    let mut bench = queue(100_000);
    let votes = (129..300).find(|instance| {
        bench.propose(ballot(1, P1), *instance, 0, "x");
        !bench.answers().is_empty()
    });
    let read = votes.expect("a quarter of the room is read at last") - QUEUE_LONG;
    let packet = cost(LAYOUT.batch_packet(batch("x").len()));
    assert!(read * packet >= share(100_000) / 4 && (read - 1) * packet < share(100_000) / 4, "{read}");
}

#[test]
fn a_vote_on_the_latest_of_a_long_queue_goes_to_the_leader_alone_unless_it_is_asked_for() {
    let mut bench = queue(1 << 20);
    let mut goes_to = |what: &mut dyn FnMut(&mut Bench)| {
        what(&mut bench);
        let answers = bench.answers_at(GATHER);
        assert_eq!(answers.len(), 1, "{answers:?}");
        answers[0].split(" → ").last().map(str::to_owned).expect("it goes somewhere")
    };
    assert_eq!(goes_to(&mut |bench| bench.propose(ballot(1, P1), 129, 0, "x")), "P1");
    let hello = Hello { answered: 0.into() };
    assert_eq!(goes_to(&mut |bench| bench.hears(P2, flags::ASK, &hello, &[])), "learners");
    assert_eq!(goes_to(&mut |bench| bench.propose(ballot(1, P1), 131, 0, "130 is missing")), "learners");
    assert_eq!(goes_to(&mut |bench| bench.propose(ballot(2, P2), 300, 0, "another leader")), "learners");
}

#[test]
fn a_vote_that_shows_a_loss_waits_for_nothing() {
    let mut bench = queue(1 << 20);
    bench.propose(ballot(1, P1), 130, 0, "129 is missing");
    assert_eq!(bench.answers().len(), 1);
    bench.propose(ballot(1, P1), 131, 0, "still");
    assert_eq!(bench.answers().len(), 1);
    bench.propose(ballot(1, P1), 129, 0, "comes late");
    assert_eq!(bench.answers().len(), 1);
    bench.propose(ballot(1, P1), 30, 0, "x");
    assert_eq!(bench.answers().len(), 1, "what comes again was asked for: the vote on it is lost");
}

#[test]
fn a_vote_tells_how_far_the_leader_of_its_ballot_was_heard() {
    let mut bench = Bench::new();
    let heard = |bench: &mut Bench| {
        let vote = bench.answers().into_iter().find(|line| line.contains(" 2b ")).expect("it votes");
        vote.split_once("heard<").and_then(|(_, after)| after.split(' ').next()).unwrap().to_owned()
    };
    let propose = |bench: &mut Bench, sequence, ballot: Ballot, instance| {
        let body = Phase2a::new(instance, 0, ballot.round());
        bench.hears_numbered(sequence, ballot.proposer(), 0, &body, &batch("a"));
    };
    propose(&mut bench, 41, ballot(1, P1), 0);
    assert_eq!(heard(&mut bench), "42");
    propose(&mut bench, 40, ballot(1, P1), 1);
    assert_eq!(heard(&mut bench), "42", "one that was overtaken");
    let body = Watermark { ballot: ballot(1, P1).into(), decided_until: 0.into(), proposed_until: 2.into() };
    bench.hears_numbered(50, P1, flags::ASK, &body, &[]);
    assert_eq!(heard(&mut bench), "51");
    propose(&mut bench, 7, ballot(2, P2), 0);
    assert_eq!(heard(&mut bench), "8", "of another leader");
    propose(&mut bench, 60, ballot(1, P1), 2);
    bench.hears(P2, 0, &Hello { answered: 0.into() }, &[]);
    bench.watermark(ballot(2, P2), 1);
    propose(&mut bench, 8, ballot(2, P2), 3);
    assert_eq!(heard(&mut bench), "9", "a deposed one does not count");
}

#[test]
fn votes_are_told_again_until_they_are_known_decided_so_that_a_lost_2b_does_no_harm() {
    let mut bench = Bench::new();
    bench.propose(ballot(1, P1), 0, 0, "x");
    bench.answers();
    bench.propose(ballot(1, P1), 1, 0, "x");
    assert_eq!(bench.answers(), [format!("A1 2b 1.P1 [0..2) decided<0 complete<0 heard<1 read<2 {ROOM}")]);
    bench.propose(ballot(1, P1), 2, 1, "x");
    assert_eq!(bench.answers(), [format!("A1 2b 1.P1 [1..3) decided<1 complete<1 heard<1 read<3 {ROOM}")]);
}

#[test]
fn votes_in_one_2b_all_belong_to_its_ballot() {
    let mut bench = Bench::new();
    for instance in 0..5 {
        bench.propose(ballot(1, P1), instance, 0, "x");
    }
    bench.propose(ballot(2, P2), 2, 0, "x");
    assert_eq!(bench.answers(), [format!("A1 2b 2.P2 [2..3) decided<0 complete<0 heard<1 read<3 {ROOM}")]);
}

#[test]
fn a_watermark_of_the_promised_ballot_decides_what_was_accepted_in_it() {
    let mut bench = Bench::new();
    for instance in [0, 1, 3] {
        bench.propose(ballot(1, P1), instance, 0, "x");
    }
    bench.watermark(ballot(1, P1), 4);
    assert_eq!(bench.answers()[0], format!("A1 2b 1.P1 [] decided<4 complete<2 heard<1 read<4 {ROOM}"));
    assert!(bench.acceptor.store().decided(3) && bench.accepted(2).is_none());
}

#[test]
fn a_watermark_of_another_ballot_decides_nothing() {
    for other in [ballot(1, P1), ballot(3, P1)] {
        let mut bench = Bench::new();
        bench.propose(ballot(2, P2), 0, 0, "x");
        bench.watermark(other, 1);
        assert!(!bench.acceptor.store().decided(0), "by {other}");
    }
}

#[test]
fn a_watermark_does_not_decide_what_was_accepted_in_a_lower_ballot() {
    let mut bench = Bench::new();
    bench.propose(ballot(1, P1), 0, 0, "outvoted");
    bench.propose(ballot(2, P2), 1, 0, "x");
    bench.watermark(ballot(2, P2), 2);
    assert!(!bench.acceptor.store().decided(0) && bench.acceptor.store().decided(1));
}

#[test]
fn an_instance_far_ahead_is_dropped() {
    let mut bench = Bench::new();
    for instance in [AHEAD_MAX, AHEAD_MAX + 1, u64::MAX - 2] {
        bench.propose(ballot(1, P1), instance, 0, "far");
        assert_eq!(bench.accepted(instance), None);
    }
    bench.propose(ballot(1, P1), AHEAD_MAX - 1, 0, "near");
    assert!(bench.accepted(AHEAD_MAX - 1).is_some());
}

#[test]
fn an_instance_that_would_take_one_range_too_many_is_as_good_as_lost() {
    let mut bench = Bench::new();
    for at in 0..RANGES_MAX as u64 + 1 {
        bench.propose(ballot(1, P1), 2 * at, 0, "x");
    }
    assert_eq!(bench.accepted(2 * RANGES_MAX as u64), None);
    bench.answers();
    bench.propose(ballot(1, P1), 1, 0, "x");
    bench.propose(ballot(1, P1), 2 * RANGES_MAX as u64, 0, "x");
    assert!(bench.accepted(2 * RANGES_MAX as u64).is_some(), "where two ranges became one there is room");
}

#[test]
fn a_repaired_decision_is_kept_and_is_no_vote() {
    let mut bench = Bench::new();
    bench.prepare(ballot(3, P1), 0);
    bench.answers();
    bench.repair(ballot(2, P2), 0, "decided");
    assert_eq!(bench.accepted(0), Some((ballot(2, P2), true, batch("decided"))));
    bench.watermark(ballot(3, P1), 0);
    bench.hears(P1, flags::ASK, &Hello { answered: 0.into() }, &[]);
    assert_eq!(bench.answers()[0], format!("A1 2b 3.P1 [] decided<0 complete<1 heard<1 read<0 {ROOM}"));
}

#[test]
fn the_proposal_of_an_outvoted_leader_does_not_touch_a_decision() {
    let mut bench = Bench::new();
    bench.propose(ballot(1, P1), 1, 0, "x");
    bench.repair(ballot(2, P2), 0, "decided");
    bench.propose(ballot(1, P1), 0, 0, "late");
    bench.answers();
    assert_eq!(bench.out.stopping(), None);
    assert_eq!(bench.accepted(0).map(|(_, decided, bytes)| (decided, bytes)), Some((true, batch("decided"))));
}

#[test]
fn a_promise_can_be_read_whatever_was_repaired() {
    let mut bench = Bench::new();
    bench.repair(ballot(2, P2), 0, "decided");
    bench.prepare(ballot(1, P1), 0);
    bench.answers();
    bench.prepare(ballot(3, P1), 0);
    assert!(bench.answers()[0].starts_with("A1 1b 3.P1 page [0..1)"));
}

#[test]
fn two_values_in_one_ballot_end_the_process() {
    let mut bench = Bench::new();
    bench.propose(ballot(1, P1), 0, 0, "one");
    bench.propose(ballot(1, P1), 0, 0, "one");
    bench.answers();
    assert_eq!(bench.out.stopping(), None, "the same value twice is no conflict");
    bench.propose(ballot(1, P1), 0, 0, "two");
    bench.answers();
    assert_eq!(bench.out.stopping(), Some(Stop::Conflict { instance: 0 }));
}

#[test]
fn what_is_accepted_is_told_to_whom_it_was_promised_and_what_is_decided_to_anybody() {
    let mut bench = Bench::new();
    bench.propose(ballot(1, P1), 0, 0, "a");
    bench.propose(ballot(1, P1), 1, 1, "b");
    bench.answers();
    let all = RangeRecord::new(Range::new(0, 9));
    bench.hears(P2, 0, &Fetch::new(Ballot::ZERO, address(P2)), all.as_bytes());
    assert_eq!(bench.answers(), ["A1 value i0 of 1.P1: C1#0 1 B (decided) → P2"]);
    bench.hears(P2, 0, &Fetch::new(ballot(2, P2), address(P2)), all.as_bytes());
    assert_eq!(bench.answers(), [""; 0], "nothing was promised in this ballot");
    bench.prepare(ballot(2, P2), 0);
    bench.answers();
    bench.hears(P2, 0, &Fetch::new(ballot(2, P2), address(P2)), all.as_bytes());
    let both = ["A1 value i0 of 1.P1: C1#0 1 B (decided) → P2", "A1 value i1 of 1.P1: C1#0 1 B → P2"];
    assert_eq!(bench.answers(), both);
}

#[test]
fn a_long_fetch_is_served_in_bursts_and_in_full() {
    for (durable, burst) in [(false, FETCH_BURST), (true, FETCH_BURST_DURABLE)] {
        let mut memory = Memory::default();
        memory.recall(Record::Standing(standing()));
        let mut bench = Bench::remembering(memory, durable);
        for instance in 0..600 {
            bench.propose(ballot(1, P1), instance, instance, "x");
        }
        bench.watermark(ballot(1, P1), 600);
        bench.answers();
        let all = RangeRecord::new(Range::new(0, 1000));
        bench.hears(P2, 0, &Fetch::new(Ballot::ZERO, address(P2)), all.as_bytes());
        let mut served = Vec::new();
        loop {
            served.push(bench.answers().len() as u64);
            if !bench.out.take_again() {
                break;
            }
        }
        assert_eq!((served[0], served.iter().sum()), (burst, 600_u64));
    }
}

#[test]
fn what_was_missed_is_asked_for_after_a_moment() {
    let mut bench = Bench::new();
    bench.propose(ballot(1, P1), 0, 0, "x");
    bench.propose(ballot(1, P1), 2, 0, "x");
    bench.watermark(ballot(1, P1), 3);
    bench.answers();
    bench.acceptor.turn(10_000_000, &mut bench.out);
    let asked: Vec<String> =
        bench.out.queued(&[]).map(|(_, b)| Packet::parse(b).unwrap().to_string()).collect();
    assert_eq!(asked, ["A1 catch-up have<1 missing [1..2)"]);
    assert!(matches!(
        Packet::parse(bench.out.queued(&[]).next().unwrap().1).unwrap().body,
        Body::CatchUp(..)
    ));
}

// ---------------------------------------------------------------------- with a disk

const OWNER: Owner = Owner { cluster: 5, acceptor: 1 };

/// An acceptor whose journal lies on a disk in memory.
struct Durable {
    bench: Bench,
    journal: Journal<MemoryDisk>,
}

impl Durable {
    /// With an empty disk; then a member.
    fn new() -> Durable {
        Durable::standing(&standing())
    }

    fn standing(standing: &Standing) -> Durable {
        let mut memory = Memory::default();
        let (journal, _) = Journal::open(MemoryDisk::new(16384), OWNER, 77, &mut memory).expect("it is new");
        memory.recall(Record::Standing(standing.clone()));
        let mut durable = Durable { bench: Bench::remembering(memory, true), journal };
        let frame = durable.bench.out.journal().expect("it is durable");
        frame.standing(standing);
        durable.turn();
        durable
    }

    /// Ends a turn as the reactor does.
    fn turn(&mut self) {
        self.bench.acceptor.journal_room(self.journal.room());
        self.bench.acceptor.turn(0, &mut self.bench.out);
        let journal = &mut self.journal;
        let result: std::io::Result<()> =
            self.bench.out.persist_then_send(|frame| journal.commit(frame), |_| ());
        result.expect("the disk is sound");
    }

    fn seal(&mut self) {
        self.bench.acceptor.timer(0, SEAL, &mut self.bench.out);
        self.turn();
    }
}

/// Voted for six instances in two ballots, of which four are decided; promised a third ballot.
fn history() -> Durable {
    let mut durable = Durable::new();
    durable.bench.prepare(ballot(1, P1), 0);
    for instance in 0..4 {
        durable.bench.propose(ballot(1, P1), instance, 0, &format!("first {instance}"));
        durable.turn();
    }
    durable.bench.propose(ballot(2, P2), 2, 2, "second 2");
    durable.bench.propose(ballot(2, P2), 3, 2, "second 3");
    durable.turn();
    durable.bench.propose(ballot(2, P2), 4, 3, "second 4");
    durable.bench.propose(ballot(2, P2), 5, 3, "second 5");
    durable.turn();
    durable.bench.repair(ballot(1, P1), 0, "first 0");
    durable.bench.repair(ballot(1, P1), 1, "first 1");
    durable.bench.watermark(ballot(2, P2), 4);
    durable.bench.prepare(ballot(3, P1), 0);
    durable.turn();
    durable
}

/// An acceptor that came back must not speak as if it had not voted for what it voted for, or not promised
/// what it promised: it remembers, or says where it is blind, or is blank and no acceptor at all yet.
fn speaks_no_less(before: &Acceptor, after: &Acceptor, what: &str) {
    if !after.is_member() {
        assert_eq!(after.store().top(), 0, "{what}: a blank one has nothing");
        return;
    }
    assert_eq!(after.promised(), before.promised(), "{what}");
    assert_eq!(after.life(), before.life(), "{what}");
    for instance in 0..before.store().top() {
        let (voted, tells) = (before.store().get(instance), after.store().get(instance));
        let same = voted.map(|at| (at.ballot, at.bytes)) == tells.map(|at| (at.ballot, at.bytes));
        assert!(same || instance < after.blind_until(), "{what}: instance {instance} is forgotten");
        assert!(tells.is_none() || same, "{what}: instance {instance} is another one");
        let decided = |at: Option<crate::protocol::store::Accepted<'_>>| at.is_some_and(|at| at.decided);
        assert!(decided(voted) || !decided(tells), "{what}: instance {instance} is not known decided");
    }
    assert!(after.complete_until() <= before.complete_until(), "{what}");
}

#[test]
fn an_acceptor_remembers_all_that_it_promised_and_voted_for() {
    let mut durable = history();
    durable.seal();
    let mut memory = Memory::default();
    let (_, report) =
        Journal::open(durable.journal.into_medium(), OWNER, 78, &mut memory).expect("it is ours");
    assert!(report.is_clean());
    let after = Bench::remembering(memory, true).acceptor;
    assert_eq!((after.blind_until(), after.complete_until(), after.store().top()), (0, 4, 6));
    speaks_no_less(&durable.bench.acceptor, &after, "nothing is damaged");
}

/// That it sees again lies in what it knows decided, which nothing else may have made it write.
#[test]
fn an_acceptor_that_saw_again_sees_after_another_start() {
    let mut durable = Durable::standing(&Standing { blind_until: 4, ..standing() });
    durable.bench.prepare(ballot(1, P1), 0);
    for instance in 0..4 {
        durable.bench.propose(ballot(1, P1), instance, 0, "x");
    }
    durable.turn();
    durable.seal();
    assert_eq!(durable.bench.acceptor.blind_until(), 4);
    durable.bench.watermark(ballot(1, P1), 4);
    durable.turn();
    assert_eq!(durable.bench.acceptor.blind_until(), 0);
    let mut memory = Memory::default();
    Journal::open(durable.journal.into_medium(), OWNER, 78, &mut memory).expect("it is ours");
    let after = Bench::remembering(memory, true).acceptor;
    assert_eq!((after.blind_until(), after.complete_until()), (0, 4));
}

/// At once, too, when nothing stands behind its last frame yet.
#[test]
fn whichever_byte_of_its_log_is_damaged_an_acceptor_never_speaks_as_if_it_knew_less_than_it_says() {
    for seals in 0..=2 {
        let mut durable = history();
        (0..seals).for_each(|_| durable.seal());
        damage_every_byte(durable);
    }
}

fn damage_every_byte(durable: Durable) {
    let before = &durable.bench.acceptor;
    let disk = durable.journal.into_medium();
    let used = disk.bytes(1).expect("it has one segment").iter().rposition(|byte| *byte != 0).unwrap_or(0);
    let (mut blind, mut blank, mut whole) = (0, 0, 0);
    for offset in 0..=used + 600 {
        for mask in [1, 0xFF] {
            let what = format!("byte {offset} turned by {mask:#x}");
            let mut disk = disk.clone();
            disk.flip(1, offset as u64, mask);
            let mut memory = Memory::default();
            let (_, report) = Journal::open(disk, OWNER, 78, &mut memory).expect("it is not refused");
            assert!(!report.is_clean(), "{what} is reported");
            let after = Bench::remembering(memory, true).acceptor;
            speaks_no_less(before, &after, &what);
            match (after.is_member(), after.blind_until()) {
                (false, _) => blank += 1,
                (true, 0) => whole += 1,
                (true, _) => blind += 1,
            }
        }
    }
    assert!(blind > 200 && blank > 500 && whole > 500, "{blind} blind, {blank} blank, {whole} whole");
}

#[test]
fn an_instance_far_away_does_not_make_a_start_endless() {
    let mut memory = Memory::default();
    let ballot = ballot(1, P1);
    for instance in [0, 1 << 62, u64::MAX - 2] {
        memory.recall(Record::Accepted { instance, ballot, decided: false, batch: Batch::NOOP });
    }
    memory.recall(Record::Decided { until: 1 << 63 });
    let acceptor = Bench::remembering(memory, true).acceptor;
    assert!(acceptor.store().decided(0) && acceptor.store().decided(1 << 62));
    assert!(acceptor.complete_until() == 1 && !acceptor.store().decided(u64::MAX - 2));
}
