//! One test per rule of a proposer, through packets; what it sends is read as it is printed.

use super::*;
use crate::protocol::TIMERS;
use core::net::Ipv4Addr;
use wire::report::Room;
use wire::{FixedBody, Layout, Nack, Phase1b, Phase2b, Run, Sender, Stamp, Submit};
use zerocopy::FromZeros;

const LAYOUT: Layout = Layout { packet: 1472, cluster: 5, trailer: 0 };
const SUSPECT: Nanos = 5_000 * MS;
/// Of proposer 1, started as 9; the bench plays everybody else, whose incarnation is their id.
const OWN: Ballot = Ballot::new(1, 1, 9);

fn address(role: Role, id: u16) -> SocketAddrV4 {
    SocketAddrV4::new(Ipv4Addr::LOCALHOST, 1000 * role as u16 + id)
}

fn batch(text: &str) -> Vec<u8> {
    let mut bytes = EntryHeader::new(1, 1, 0, text.len()).as_bytes().to_vec();
    bytes.extend_from_slice(text.as_bytes());
    bytes
}

struct Bench {
    proposer: Proposer,
    out: Outbox,
    now: Nanos,
    timers: [Option<Nanos>; TIMERS],
    sequence: u64,
    sent: Vec<String>,
}

impl Bench {
    fn new() -> Bench {
        let me = Sender { role: Role::Proposer, id: 1, incarnation: 9 };
        let address = address(Role::Proposer, 1);
        let (heartbeat, acceptors) = (2_000 * MS, vec![1, 2, 3]);
        let setup = Setup { me, layout: LAYOUT, address, acceptors, heartbeat, suspect: SUSPECT, seed: 1 };
        let (proposer, out) = (Proposer::new(setup), Outbox::new(LAYOUT, me));
        let mut bench =
            Bench { proposer, out, now: 0, timers: [None; TIMERS], sequence: 0, sent: Vec::new() };
        bench.proposer.receive_space(212_992, 0);
        bench.proposer.start(0, &mut bench.out);
        bench.turn();
        bench
    }

    /// One that campaigns, in [`OWN`].
    fn campaigning() -> Bench {
        let mut bench = Bench::new();
        bench.wait(SETTLE);
        assert!(bench.says("1a").contains(&"P1 1a 1.P1 from 0 → acceptors".into()));
        bench
    }

    /// One that leads an empty log.
    fn leading() -> Bench {
        let mut bench = Bench::campaigning();
        for acceptor in [1, 2] {
            bench.promises(acceptor, OWN, 0..0, 0, &[]);
        }
        bench.turn();
        assert!(bench.proposer.leads());
        bench.says("");
        bench
    }

    fn hears<B: FixedBody>(&mut self, role: Role, id: u16, flags: u8, body: &B, tail: &[u8]) {
        let sender = Sender { role, id, incarnation: id.into() };
        self.sequence += 1;
        let stamp = Stamp { sequence: self.sequence, log: 7, flags };
        let mut bytes = [0; 1472];
        let length = wire::seal(&mut bytes, LAYOUT, sender, stamp, body, &[tail]);
        let packet = Packet::parse(&bytes[..length]).expect("a test sends what can be read");
        self.proposer.packet(self.now, address(role, id), &packet, &mut self.out);
    }

    fn promises(
        &mut self,
        id: u16,
        ballot: Ballot,
        page: core::ops::Range<u64>,
        complete: u64,
        runs: &[(u64, Ballot)],
    ) {
        let body = Phase1b {
            ballot: ballot.into(),
            from: page.start.into(),
            until: page.end.into(),
            complete_until: complete.into(),
            top: page.end.into(),
            ..Phase1b::new_zeroed()
        };
        let runs: Vec<Run> =
            runs.iter().map(|(at, ballot)| Run::new(Range::new(*at, at + 1), *ballot)).collect();
        self.hears(Role::Acceptor, id, 0, &body, runs.as_bytes());
    }

    fn votes(&mut self, id: u16, ballot: Ballot, ranges: &[(u64, u64)]) {
        self.votes_with(id, ballot, (0, 0), ranges);
    }

    /// A vote of one that has heard every packet of ours below this sequence number, or lost it.
    fn votes_having_heard(&mut self, heard_until: u64, id: u16, ballot: Ballot, ranges: &[(u64, u64)]) {
        self.votes_with(id, ballot, (heard_until, 0), ranges);
    }

    /// Of an acceptor that moreover has all instances below `complete`.
    fn votes_with(
        &mut self,
        id: u16,
        ballot: Ballot,
        (heard_until, complete): (u64, u64),
        ranges: &[(u64, u64)],
    ) {
        let read_until = ranges.last().map_or(0, |range| range.1);
        let room = Room { read_until: read_until.into(), space: 212_992.into(), drops: 0.into() };
        let body = Phase2b {
            ballot: ballot.into(),
            decided_until: 0.into(),
            complete_until: complete.into(),
            room,
            heard_until: wire::sequence_field(heard_until),
            ..Phase2b::new_zeroed()
        };
        let ranges: Vec<RangeRecord> =
            ranges.iter().map(|r| RangeRecord::new(Range::new(r.0, r.1))).collect();
        self.hears(Role::Acceptor, id, 0, &body, ranges.as_bytes());
    }

    fn submits(&mut self, number: u64) {
        self.hears(Role::Client, 1, 0, &Submit { number: number.into() }, b"value\n");
    }

    fn heartbeat_of(&mut self, id: u16, flags: u8, ballot: Ballot, decided_until: u64) {
        let body = Heartbeat { ballot: ballot.into(), decided_until: decided_until.into() };
        self.hears(Role::Proposer, id, flags, &body, &[]);
    }

    fn turn(&mut self) {
        self.proposer.turn(self.now, &mut self.out);
        let timers = &mut self.timers;
        self.out.take_timers(|timer, at| timers[timer] = at);
        for (to, bytes) in self.out.queued(self.proposer.held()) {
            let to = match to {
                To::Group(role) => format!("{role}s"),
                To::Peer(to) => {
                    let role = Role::from_wire((to.port() / 1000) as u8).expect("addresses tell roles");
                    format!("{}{}", role.letter(), to.port() % 1000)
                }
            };
            let packet = Packet::parse(bytes).expect("only what can be read is sent");
            self.sent.push(format!("{packet} → {to}"));
        }
        self.out.sent();
    }

    /// Lets time pass; what is due fires.
    fn wait(&mut self, time: Nanos) {
        let end = self.now + time;
        loop {
            let due = (0..TIMERS).filter_map(|timer| self.timers[timer].map(|at| (at.max(self.now), timer)));
            let Some((at, timer)) = due.min().filter(|(at, _)| *at <= end) else { break };
            self.now = at;
            self.timers[timer] = None;
            self.proposer.timer(at, timer, &mut self.out);
            self.turn();
        }
        self.now = end;
        self.turn();
    }

    /// What was sent of this kind since it was asked last (of any kind: "").
    fn says(&mut self, kind: &str) -> Vec<String> {
        self.turn();
        let sent = core::mem::take(&mut self.sent);
        sent.into_iter().filter(|line| line.starts_with(&format!("P1 {kind}"))).collect()
    }
}

// ---------------------------------------------------------------------- phase 1 [Lamport01 §2.2, phase 1
// (a)]

#[test]
fn a_proposer_that_hears_no_other_campaigns_after_a_moment() {
    let mut bench = Bench::new();
    bench.wait(SETTLE - 1);
    assert!(bench.says("1a").is_empty());
    bench.wait(1);
    assert_eq!(bench.says("1a"), ["P1 1a 1.P1 from 0 → acceptors"]);
}

#[test]
fn a_proposer_that_hears_a_better_one_follows() {
    let mut bench = Bench::new();
    bench.heartbeat_of(0, flags::READY, Ballot::ZERO, 0);
    bench.wait(1_000 * MS);
    assert!(bench.says("1a").is_empty());
    bench.wait(2 * SUSPECT);
    assert!(!bench.says("1a").is_empty(), "until that one is silent");
}

#[test]
fn a_campaign_goes_above_every_ballot_that_was_heard_of() {
    let mut bench = Bench::new();
    bench.heartbeat_of(2, flags::READY, Ballot::new(41, 2, 2), 0);
    bench.wait(SETTLE);
    assert_eq!(bench.says("1a"), ["P1 1a 42.P1 from 0 → acceptors"]);
}

#[test]
fn nothing_is_proposed_before_a_majority_of_acceptors_promised() {
    let mut bench = Bench::campaigning();
    bench.promises(1, OWN, 0..0, 0, &[]);
    bench.promises(1, OWN, 0..0, 0, &[]);
    bench.submits(0);
    bench.wait(10 * MS);
    assert!(bench.says("2a").is_empty() && !bench.proposer.leads(), "one acceptor, twice, is one");
    bench.promises(7, OWN, 0..0, 0, &[]);
    bench.promises(3, Ballot::new(1, 1, 8), 0..0, 0, &[]);
    bench.turn();
    assert!(!bench.proposer.leads(), "a stranger, and the ballot of a former life");
    bench.promises(3, OWN, 0..0, 0, &[]);
    bench.turn();
    assert!(bench.proposer.leads());
}

#[test]
fn acceptors_that_do_not_answer_are_asked_again() {
    let mut bench = Bench::campaigning();
    bench.promises(1, OWN, 0..0, 0, &[]);
    bench.wait(200 * MS);
    let again = bench.says("1a");
    assert!(again.len() > 2 && again.iter().all(|line| line == "P1 1a 1.P1 from 0 → acceptors"), "{again:?}");
}

// [Lamport01 §2.2, phase 2 (a)]
#[test]
fn what_was_accepted_in_the_highest_ballot_is_proposed_again_and_holes_become_no_ops() {
    let (older, newer) = (Ballot::new(0, 2, 2), Ballot::new(0, 3, 3));
    let mut bench = Bench::campaigning();
    bench.promises(1, OWN, 0..3, 0, &[(0, older), (2, newer)]);
    bench.promises(2, OWN, 0..1, 0, &[(0, newer)]);
    let fetches = bench.says("fetch");
    assert_eq!(fetches.len(), 2, "{fetches:?}");
    assert!(fetches[0].ends_with("[2..3) for 127.0.0.1:2001 → A1"), "{fetches:?}");
    assert!(fetches[1].ends_with("[0..1) for 127.0.0.1:2001 → A2"), "{fetches:?}");
    bench.hears(
        Role::Acceptor,
        1,
        0,
        &Value { instance: 0.into(), ballot: older.into() },
        &batch("outvoted"),
    );
    for (acceptor, instance, text) in [(2, 0, "first"), (1, 2, "third")] {
        assert!(bench.says("2a").is_empty(), "not all is at hand");
        let body = Value { instance: instance.into(), ballot: newer.into() };
        bench.hears(Role::Acceptor, acceptor, 0, &body, &batch(text));
    }
    let proposed = [
        "P1 2a 1.P1 i0 decided<0: C1#0 5 B → acceptors",
        "P1 2a 1.P1 i1 decided<0: no-op → acceptors",
        "P1 2a 1.P1 i2 decided<0: C1#0 5 B → acceptors",
    ];
    assert_eq!(bench.says("2a"), proposed);
}

#[test]
fn nothing_new_is_proposed_before_all_that_was_found_is_decided() {
    let mut bench = Bench::campaigning();
    let older = Ballot::new(0, 2, 2);
    bench.promises(1, OWN, 0..1, 0, &[(0, older)]);
    bench.promises(2, OWN, 0..0, 0, &[]);
    bench.turn();
    bench.hears(Role::Acceptor, 1, 0, &Value { instance: 0.into(), ballot: older.into() }, &batch("found"));
    bench.turn();
    bench.submits(0);
    assert_eq!(bench.says("2a").len(), 1);
    assert!(!bench.proposer.leads());
    bench.votes(1, OWN, &[(0, 1)]);
    bench.votes(2, OWN, &[(0, 1)]);
    bench.turn();
    assert!(bench.proposer.leads());
    assert_eq!(bench.says("ack"), ["P1 ack 1.P1 heard 11 (leading) → clients"]);
    bench.submits(1); // what was found was its first
    assert_eq!(bench.says("2a"), ["P1 2a 1.P1 i1 decided<1: C1#1 6 B → acceptors"]);
}

#[test]
fn what_is_decided_is_learned_before_anything_is_proposed() {
    let mut bench = Bench::campaigning();
    bench.promises(
        1,
        OWN,
        0..3,
        2,
        &[(0, Ballot::new(0, 2, 2)), (1, Ballot::new(0, 2, 2)), (2, Ballot::new(0, 2, 2))],
    );
    bench.promises(2, OWN, 0..0, 0, &[]);
    bench.wait(5 * MS);
    let fetches = bench.says("fetch");
    assert!(fetches.iter().all(|line| line == "P1 fetch [0..2) for 127.0.0.1:2001 → A1"), "{fetches:?}");
    for instance in 0..2_u64 {
        let body = Value { instance: instance.into(), ballot: Ballot::new(0, 2, 2).into() };
        bench.hears(Role::Acceptor, 1, flags::DECIDED, &body, &batch("decided"));
    }
    assert_eq!(bench.says("1a"), ["P1 1a 1.P1 from 2 → acceptors"], "the page begins where the log stands");
    assert_eq!(bench.proposer.decided_until(), 2);
}

// ---------------------------------------------------------------------- phase 2

#[test]
fn a_value_is_decided_by_a_majority_of_votes_and_its_client_is_told() {
    let mut bench = Bench::leading();
    bench.submits(0);
    assert_eq!(bench.says("2a"), ["P1 2a 1.P1 i0 decided<0: C1#0 6 B → acceptors"]);
    bench.votes(1, OWN, &[(0, 1)]);
    bench.turn();
    assert_eq!(bench.proposer.decided_until(), 0);
    bench.votes(3, OWN, &[(0, 1)]);
    let acks = bench.says("ack");
    assert_eq!(bench.proposer.decided_until(), 1);
    assert!(acks.len() == 1 && acks[0].contains("C1 decided<1 received<1"), "{acks:?}");
}

#[test]
fn the_last_decision_is_told_when_nothing_else_carries_it() {
    let mut bench = Bench::leading();
    bench.submits(0);
    for acceptor in [1, 2] {
        bench.votes(acceptor, OWN, &[(0, 1)]);
    }
    bench.says("");
    bench.wait(500 * MS);
    let told = bench.says("watermark");
    assert_eq!(told[..3], ["P1 watermark 1.P1 decided<1 proposed<1 → acceptors"; 3], "{told:?}");
}

/// One that leads and has proposed instances 0 to 2, with the sequence number of each.
fn with_three_proposed() -> (Bench, [u64; 3]) {
    let mut bench = Bench::leading();
    let sequences = [0, 1, 2].map(|number| {
        let sequence = bench.out.sequence();
        bench.submits(number);
        bench.turn();
        sequence
    });
    assert_eq!(bench.says("2a").len(), 3);
    (bench, sequences)
}

#[test]
fn what_a_vote_leaves_out_though_later_packets_were_heard_is_sent_again_at_once() {
    let (mut bench, [_, second, _]) = with_three_proposed();
    bench.votes_having_heard(second + LATER, 1, OWN, &[(0, 1), (2, 3)]);
    assert!(bench.says("2a").is_empty(), "so many may have overtaken it");
    bench.votes_having_heard(second + 1 + LATER, 1, OWN, &[(0, 1), (2, 3)]);
    let again = ["P1 2a 1.P1 i1 decided<0: C1#1 6 B → acceptors"];
    assert_eq!(bench.says("2a"), again);
    bench.votes_having_heard(second + 1 + LATER, 2, OWN, &[(0, 1), (2, 3)]);
    assert!(bench.says("2a").iter().all(|line| !line.contains(" i1 ")), "that one is on its way");
}

#[test]
fn what_was_lost_behind_all_that_is_voted_for_is_sent_again_once_anything_later_is_heard() {
    let (mut bench, _) = with_three_proposed();
    let later = bench.out.sequence() + LATER;
    bench.votes_having_heard(later, 1, OWN, &[(0, 1)]);
    let again = bench.says("2a");
    assert!(again.len() == 2 && again[0].contains(" i1 ") && again[1].contains(" i2 "), "{again:?}");
}

#[test]
fn what_a_majority_voted_for_is_not_sent_again_for_the_third() {
    let (mut bench, _) = with_three_proposed();
    let later = bench.out.sequence() + LATER;
    bench.votes_having_heard(later, 1, OWN, &[(1, 3)]);
    bench.votes_having_heard(later, 2, OWN, &[(1, 3)]);
    bench.votes_having_heard(later, 3, OWN, &[(2, 3)]);
    let again = bench.says("2a");
    assert!(again.len() == 1 && again[0].contains(" i0 "), "{again:?}");
}

#[test]
fn who_takes_nothing_at_all_is_not_flooded_with_all_that_is_on_its_way() {
    let mut bench = Bench::leading();
    let piece = [&[b'v'; 1380][..], b"\n"].concat();
    for number in 0..60 {
        bench.hears(Role::Client, 1, 0, &Submit { number: number.into() }, &piece);
    }
    let proposed = bench.says("2a").len();
    assert!(proposed as u64 > INSISTED + 10, "{proposed}");
    for _ in 0..2_000 {
        bench.now += MS / 2;
        bench.submits(0); // what answers it goes to others, and counts
        bench.turn();
        let heard = bench.out.sequence();
        bench.votes_having_heard(heard, 1, OWN, &[]);
        bench.votes_having_heard(heard, 2, OWN, &[]);
        bench.turn();
    }
    let again = bench.says("2a");
    let times = |instance: u64| again.iter().filter(|line| line.contains(&format!(" i{instance} "))).count();
    assert!(times(0) > 20, "{} times in a second", times(0));
    assert_eq!(times(INSISTED), usize::from(UNLUCKY) - 1, "as often as bad luck asks for");
}

#[test]
fn who_never_takes_an_instance_is_asked_ever_more_rarely() {
    let (mut bench, _) = with_three_proposed();
    for _ in 0..10_000 {
        bench.now += MS / 100;
        bench.submits(0); // what answers it goes to others, and counts
        bench.turn();
        let heard = bench.out.sequence();
        bench.votes_having_heard(heard, 1, OWN, &[(0, 1), (2, 3)]);
        bench.turn();
    }
    let again = bench.says("2a").iter().filter(|line| line.contains(" i1 ")).count();
    assert!((8..100).contains(&again), "{again} times in 10,000 votes");
}

#[test]
fn nothing_new_is_sent_while_no_majority_of_acceptors_could_tell_of_more_gaps() {
    let gaps: Vec<(u64, u64)> =
        (0..crate::limits::VOTES_CROWDED as u64).map(|at| (2 * at + 1, 2 * at + 2)).collect();
    let mut bench = Bench::leading();
    for number in 0..3 {
        bench.submits(number);
        bench.turn();
    }
    bench.says("");
    bench.votes(1, OWN, &gaps);
    bench.votes(2, OWN, &gaps);
    bench.submits(3);
    assert!(!bench.says("2a").iter().any(|line| line.contains(" i3 ")), "no majority has room");
    bench.votes(2, OWN, &[(1, 3)]);
    assert!(bench.says("2a").iter().any(|line| line.contains(" i3 ")), "two of three have");
}

#[test]
fn what_nobody_votes_for_is_sent_again_and_again() {
    let mut bench = Bench::leading();
    bench.submits(0);
    bench.says("");
    bench.wait(300 * MS);
    let again = bench.says("2a").len() / PROBE;
    assert!((4..12).contains(&again), "{again} times in 300 ms");
}

#[test]
fn with_little_in_flight_a_value_leaves_at_once_and_with_much_packets_are_filled() {
    let mut bench = Bench::leading();
    for number in 0..40 {
        bench.submits(number);
        bench.turn();
    }
    assert_eq!(bench.says("2a").len() as u64, NAGLE_INSTANCES);
    bench.votes(1, OWN, &[(0, 4)]);
    bench.votes(2, OWN, &[(0, 4)]);
    let filled = bench.says("2a");
    assert!(filled.len() == 1 && filled[0].contains("C1#4 6 B, C1#5 6 B"), "{filled:?}");
}

// ---------------------------------------------------------------------- giving way

#[test]
fn an_acceptor_that_promised_a_higher_ballot_ends_a_leadership() {
    let higher = Ballot::new(2, 2, 2);
    for by_vote in [true, false] {
        let mut bench = Bench::leading();
        if by_vote {
            bench.votes(3, higher, &[]);
        } else {
            bench.hears(Role::Acceptor, 3, 0, &Nack { refused: OWN.into(), promised: higher.into() }, &[]);
        }
        bench.turn();
        assert!(!bench.proposer.leads());
        bench.submits(0);
        assert!(bench.says("2a").is_empty());
        bench.wait(3_000 * MS);
        assert_eq!(
            bench.says("1a")[0],
            "P1 1a 3.P1 from 0 → acceptors",
            "nobody better is there, so it tries again"
        );
    }
}

#[test]
fn a_nack_for_another_ballot_changes_nothing() {
    let mut bench = Bench::leading();
    let former = Ballot::new(1, 1, 8);
    bench.hears(
        Role::Acceptor,
        3,
        0,
        &Nack { refused: former.into(), promised: Ballot::new(2, 2, 2).into() },
        &[],
    );
    bench.turn();
    assert!(bench.proposer.leads());
}

#[test]
fn a_leader_with_a_higher_ballot_is_followed() {
    let mut bench = Bench::leading();
    let body =
        Watermark { ballot: Ballot::new(2, 2, 2).into(), decided_until: 0.into(), proposed_until: 0.into() };
    bench.hears(Role::Proposer, 2, 0, &body, &[]);
    bench.turn();
    assert!(!bench.proposer.leads());
}

#[test]
fn a_campaign_of_another_or_its_heartbeat_alone_end_no_leadership() {
    let mut bench = Bench::leading();
    let higher = Ballot::new(2, 2, 2);
    bench.hears(Role::Proposer, 2, 0, &Phase1a { ballot: higher.into(), from: 0.into() }, &[]);
    bench.heartbeat_of(0, flags::READY, higher, 0);
    bench.turn();
    assert!(bench.proposer.leads(), "only acceptors make a ballot count");
    assert_eq!(bench.proposer.highest(), higher);
}

#[test]
fn what_is_decided_while_following_is_not_submitted_again_by_the_next_leadership() {
    let mut bench = Bench::leading();
    bench.submits(0);
    bench.votes(3, Ballot::new(2, 2, 2), &[]);
    bench.turn();
    let header = EntryHeader::new(1, 1, 0, 6);
    let entry = [header.as_bytes(), b"value\n"].concat();
    let body = Value { instance: 0.into(), ballot: Ballot::new(2, 2, 2).into() };
    bench.hears(Role::Proposer, 2, flags::DECIDED, &body, &entry);
    bench.wait(20_000 * MS);
    let again = bench.proposer.highest();
    assert!(
        again > Ballot::new(2, 2, 2) && bench.says("1a").last().is_some_and(|line| line.contains("from 1"))
    );
    for acceptor in [1, 2] {
        bench.promises(acceptor, again, 1..1, 1, &[]);
    }
    bench.turn();
    bench.submits(0);
    bench.submits(1);
    let proposed = bench.says("2a");
    assert!(proposed.len() == 1 && proposed[0].contains("i1 decided<1: C1#1 6 B"), "{proposed:?}");
}

#[test]
fn who_has_work_and_no_quorum_for_the_suspicion_time_says_that_it_is_unfit() {
    let mut bench = Bench::leading();
    bench.heartbeat_of(2, flags::READY, Ballot::ZERO, 0);
    bench.submits(0);
    for _ in 0..12 {
        bench.wait(500 * MS);
        bench.heartbeat_of(2, flags::READY, Ballot::ZERO, 0);
    }
    assert!(bench.says("heartbeat").iter().any(|line| line.contains("(unfit)")));
    assert!(!bench.proposer.leads(), "the other one may try");
}

// ---------------------------------------------------------------------- helping others

#[test]
fn a_leader_tells_a_learner_that_asks_how_far_the_log_goes() {
    let mut bench = Bench::leading();
    bench.hears(Role::Learner, 4, flags::ASK, &Hello { answered: 0.into() }, &[]);
    assert_eq!(bench.says("watermark"), ["P1 watermark 1.P1 decided<0 proposed<0 (ask) → L4"]);
}

#[test]
fn a_leader_repairs_what_a_learner_lacks_for_all_learners_once() {
    let mut bench = Bench::leading();
    bench.submits(0);
    for acceptor in [1, 2] {
        bench.votes(acceptor, OWN, &[(0, 1)]);
    }
    bench.says("");
    bench.now += 5 * MS;
    let missing = RangeRecord::new(Range::new(0, 9));
    for learner in [1, 2] {
        bench.hears(Role::Learner, learner, 0, &wire::CatchUp { have_until: 0.into() }, missing.as_bytes());
    }
    assert_eq!(bench.says("value"), ["P1 value i0 of 1.P1: C1#0 6 B (decided) → learners"]);
}

#[test]
fn a_leader_hands_what_a_majority_has_to_an_acceptor_and_serves_the_rest_itself() {
    let mut bench = Bench::leading();
    let end = NEARLY + 20;
    for number in 0..end {
        bench.submits(number);
        bench.turn();
        for acceptor in [1, 2] {
            bench.votes(acceptor, OWN, &[(number, number + 1)]);
        }
    }
    bench.says("");
    let lacks = |bench: &mut Bench, first: u64, until: u64| {
        bench.now += 5 * MS;
        let (have_until, missing) = (first.into(), RangeRecord::new(Range::new(first, until)));
        bench.hears(Role::Learner, 4, 0, &wire::CatchUp { have_until }, missing.as_bytes());
        let (fetches, others): (Vec<_>, Vec<_>) =
            bench.says("").into_iter().partition(|line| line.starts_with("P1 fetch"));
        (fetches, others.iter().filter(|line| line.starts_with("P1 value")).count())
    };
    assert_eq!(lacks(&mut bench, 0, 3), (vec![], 3), "no acceptor has it yet");
    bench.votes_with(2, OWN, (0, 10), &[]);
    assert_eq!(lacks(&mut bench, 0, 3), (vec![], 3), "one acceptor has it, which may have died");
    bench.votes_with(3, OWN, (0, end), &[]);
    for acceptor in [2, 2, 3] {
        let fetch = format!("P1 fetch [8..10) for 127.0.0.1:4004 → A{acceptor}");
        assert_eq!(lacks(&mut bench, 8, 13), (vec![fetch], 3), "a majority has two of them");
    }
    assert_eq!(lacks(&mut bench, 8, 13), (vec![], 5), "no acceptor has answered, time and again");
    assert_eq!(lacks(&mut bench, 7, 13), (vec![], 6), "nor would it now");
    bench.now += KEPT;
    bench.votes_with(2, OWN, (0, end), &[]);
    let (fetches, values) = lacks(&mut bench, 0, end);
    assert_eq!(fetches, ["P1 fetch [0..21) for 127.0.0.1:4004 → A2"]);
    assert_eq!(values as u64, NEARLY - 1, "the last ones come from the leader");
}

#[test]
fn a_follower_repairs_nothing() {
    let mut bench = Bench::new();
    let missing = RangeRecord::new(Range::new(0, 9));
    bench.hears(Role::Learner, 1, 0, &wire::CatchUp { have_until: 0.into() }, missing.as_bytes());
    assert!(bench.says("value").is_empty() && bench.says("fetch").is_empty());
}

#[test]
fn a_new_proposer_announces_itself_and_is_answered_at_once() {
    let mut bench = Bench::leading();
    bench.heartbeat_of(2, flags::ASK, Ballot::ZERO, 0);
    assert_eq!(bench.says("heartbeat"), ["P1 heartbeat 1.P1 decided<0 (leading) (ready) → P2"]);
}

#[test]
fn a_ballot_far_above_its_own_deposes_a_leader_when_others_have_used_it() {
    let mut bench = Bench::leading();
    bench.submits(0);
    bench.turn();
    let jump = |times: u64| Ballot::new(times * Ballot::JUMP_MAX, 2, 2);
    // Heard of only: that is no reason to give way.
    bench.hears(Role::Proposer, 2, 0, &Phase1a { ballot: jump(1).into(), from: 0.into() }, &[]);
    assert!(bench.proposer.leads());
    let value = Value { instance: 0.into(), ballot: jump(2).into() };
    bench.hears(Role::Acceptor, 1, flags::DECIDED, &value, &batch("other"));
    bench.turn();
    assert!(!bench.proposer.leads());
}
