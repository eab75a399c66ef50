//! Each rule with packets made by hand that break it, and with their legal twins.

use super::*;
use crate::capture::{Cause, Truncated};
use crate::{
    Ack, Ballot, EntryHeader, FixedBody, Found, Hello, Helped, Join, Layout, Member, Nack, Phase1a, Phase1b,
    Phase2a, Phase2b, Range, RangeRecord, Run, Sender, Stamp, Value, Watermark,
};
use std::collections::BTreeMap;
use std::net::SocketAddrV4;
use zerocopy::byteorder::big_endian::U64;
use zerocopy::{FromZeros, IntoBytes};

const LOG: u32 = 7;
/// The incarnation of everybody's first start, and the life of every founder.
const FIRST: u64 = 100;

fn ballot(round: u64, proposer: u16) -> Ballot {
    Ballot::new(round, proposer, FIRST)
}

/// A capture that is made packet by packet.
struct Bench {
    checker: Checker,
    frame: u64,
    sequences: BTreeMap<(u8, u16, u64), u64>,
    /// Of packets: only so many bytes are captured.
    snap: usize,
}

impl Bench {
    /// Of one host, of a log that three acceptors found.
    fn new() -> Bench {
        let mut bench = Bench::without_founding(Order::AsHappened);
        let members: Vec<Member> = [1, 2, 3].map(|id| Member::new(id, FIRST)).to_vec();
        bench.acceptor(1, &Found { life: FIRST.into() }, &[members.as_bytes()]);
        bench
    }

    fn without_founding(order: Order) -> Bench {
        Bench { checker: Checker::new(1, order), frame: 0, sequences: BTreeMap::new(), snap: usize::MAX }
    }

    fn in_any_order() -> Bench {
        let mut bench = Bench::without_founding(Order::Unknown);
        let members: Vec<Member> = [1, 2, 3].map(|id| Member::new(id, FIRST)).to_vec();
        bench.acceptor(1, &Found { life: FIRST.into() }, &[members.as_bytes()]);
        bench
    }

    /// A packet, and its bytes: it may come again.
    fn sends<B: FixedBody>(&mut self, sender: Sender, flags: u8, body: &B, tail: &[&[u8]]) -> Vec<u8> {
        let key = (sender.role as u8, sender.id, sender.incarnation);
        let sequence = self.sequences.entry(key).or_default();
        let stamp = Stamp { sequence: *sequence, log: LOG, flags };
        *sequence += 1;
        let mut bytes = vec![0; 1472];
        let length = crate::seal(
            &mut bytes,
            Layout { packet: 1472, cluster: 5, trailer: 0 },
            sender,
            stamp,
            body,
            tail,
        );
        bytes.truncate(length);
        self.captured(&bytes);
        bytes
    }

    /// A packet of this sender is not captured.
    fn misses(&mut self, role: Role, id: u16) {
        *self.sequences.entry((role as u8, id, FIRST)).or_default() += 1;
    }

    fn captured(&mut self, bytes: &[u8]) {
        self.frame += 1;
        let sent = bytes.len();
        let captured = sent.min(self.snap);
        let cause = Cause::Capture;
        self.checker.datagram(
            0,
            &Datagram {
                time_ns: self.frame as i64 * 1_000_000,
                frame: self.frame,
                source: SocketAddrV4::new([127, 0, 0, 1].into(), 5000),
                destination: SocketAddrV4::new([239, 0, 0, 1].into(), 7000),
                bytes: bytes[..captured].to_vec(),
                truncated: (captured < sent).then_some(Truncated { cause, captured, sent }),
                note: Default::default(),
            },
        );
    }

    fn acceptor<B: FixedBody>(&mut self, id: u16, body: &B, tail: &[&[u8]]) -> Vec<u8> {
        self.sends(Sender { role: Role::Acceptor, id, incarnation: FIRST }, 0, body, tail)
    }

    fn proposer<B: FixedBody>(&mut self, id: u16, body: &B, tail: &[&[u8]]) -> Vec<u8> {
        self.sends(Sender { role: Role::Proposer, id, incarnation: FIRST }, 0, body, tail)
    }

    fn proposes(&mut self, round: u64, id: u16, instance: u64, text: &str) -> Vec<u8> {
        self.proposer(id, &Phase2a::new(instance, 0, round), &[&batch(instance, text)])
    }

    /// A vote in life [`FIRST`].
    fn votes(&mut self, id: u16, ballot: Ballot, ranges: &[(u64, u64)]) -> Vec<u8> {
        self.votes_as((id, FIRST), [FIRST; 3].map(|life| life + 1), ballot, ranges)
    }

    /// A vote in a life by one that knows these lives of the others.
    fn votes_as(
        &mut self,
        (id, life): (u16, u64),
        others: [u64; 3],
        ballot: Ballot,
        ranges: &[(u64, u64)],
    ) -> Vec<u8> {
        let mut lives = others.map(U64::new);
        lives[usize::from(id) - 1] = life.into();
        if others == [FIRST + 1; 3] {
            // Lives of founders are different numbers; here it is enough that nobody's is over.
            lives
                .iter_mut()
                .enumerate()
                .filter(|(at, _)| *at + 1 != usize::from(id))
                .for_each(|(_, l)| *l = 0.into());
        }
        let records: Vec<RangeRecord> =
            ranges.iter().map(|(first, until)| RangeRecord::new(Range::new(*first, *until))).collect();
        let body =
            Phase2b { ballot: ballot.into(), life: life.into(), lives: 3.into(), ..Phase2b::new_zeroed() };
        self.acceptor(id, &body, &[lives.as_bytes(), records.as_bytes()])
    }

    fn promises(&mut self, id: u16, ballot: Ballot, until: u64, runs: &[Run]) {
        let lives = [0, 0, 0].map(U64::new);
        let mut lives = lives;
        lives[usize::from(id) - 1] = FIRST.into();
        let body = Phase1b {
            ballot: ballot.into(),
            until: until.into(),
            top: until.into(),
            life: FIRST.into(),
            lives: 3.into(),
            ..Phase1b::new_zeroed()
        };
        self.acceptor(id, &body, &[lives.as_bytes(), runs.as_bytes()]);
    }

    fn decided(&mut self, id: u16, round: u64, until: u64) {
        let body = Watermark {
            ballot: ballot(round, id).into(),
            decided_until: until.into(),
            proposed_until: until.into(),
        };
        self.proposer(id, &body, &[]);
    }

    /// Instance 0 has value "a" in ballot 1.P1, from all three.
    fn with_one_decided() -> Bench {
        let mut bench = Bench::new();
        bench.proposes(1, 1, 0, "a");
        (1..=3).for_each(|id| drop(bench.votes(id, ballot(1, 1), &[(0, 1)])));
        bench
    }

    /// Everybody goes on, long afterwards.
    fn report(mut self) -> Report {
        self.frame += 20_000;
        let senders: Vec<(u8, u16, u64)> = self.sequences.keys().copied().collect();
        for (role, id, incarnation) in senders.repeat(3) {
            let role = Role::from_wire(role).expect("it was one");
            self.sends(Sender { role, id, incarnation }, 0, &Hello { answered: 0.into() }, &[]);
        }
        self.checker.finish()
    }

    #[track_caller]
    fn gives_no_alarm(self) {
        let report = self.report();
        assert!(report.is_fine(), "{}", report.text(&[]));
    }

    #[track_caller]
    fn breaks(self, rule: Rule) {
        let report = self.report();
        assert!(report.breaks(rule), "{}", report.text(&[]));
    }

    /// It neither breaks the rule, nor is all of it judged.
    #[track_caller]
    fn cannot_judge(self, rule: Rule) {
        let report = self.report();
        let told = report.text(&[]);
        assert!(report.is_fine(), "{told}");
        assert!(report.unjudged.iter().any(|unjudged| unjudged.rule == Some(rule)), "{told}");
    }
}

fn batch(number: u64, text: &str) -> Vec<u8> {
    let header = EntryHeader::new(1, 9, number, text.len());
    [header.as_bytes(), text.as_bytes()].concat()
}

fn value(instance: u64, ballot: Ballot) -> Value {
    Value { instance: instance.into(), ballot: ballot.into() }
}

// ---------------------------------------------------------------------- values

#[test]
fn two_values_in_one_ballot_are_a_violation_and_one_value_sent_twice_is_none() {
    let mut bench = Bench::new();
    let sent = bench.proposes(1, 1, 0, "a");
    bench.captured(&sent);
    bench.proposes(1, 1, 0, "a");
    bench.proposes(2, 2, 0, "b");
    bench.gives_no_alarm();

    let mut bench = Bench::new();
    bench.proposes(1, 1, 0, "a");
    bench.proposes(1, 1, 0, "b");
    bench.breaks(Rule::OneValue);
}

#[test]
fn a_repair_with_another_value_than_the_2a_of_its_ballot_is_a_violation() {
    let told = |text: &str| {
        let mut bench = Bench::with_one_decided();
        bench.acceptor(1, &value(0, ballot(1, 1)), &[&batch(0, text)]);
        bench
    };
    told("a").gives_no_alarm();
    told("b").breaks(Rule::OneValue);
}

#[test]
fn another_value_in_a_higher_ballot_than_the_chosen_one_is_a_violation_and_in_a_lower_one_it_is_not() {
    let mut bench = Bench::new();
    bench.proposes(1, 1, 0, "b");
    bench.proposes(2, 2, 0, "a");
    bench.votes(1, ballot(2, 2), &[(0, 1)]);
    bench.votes(2, ballot(2, 2), &[(0, 1)]);
    bench.proposes(3, 3, 0, "a");
    bench.gives_no_alarm();

    let mut bench = Bench::with_one_decided();
    bench.proposes(2, 2, 0, "b");
    bench.breaks(Rule::OneDecision);
}

#[test]
fn two_decided_values_are_a_violation_whoever_sends_them() {
    let mut bench = Bench::with_one_decided();
    let sender = |id| Sender { role: Role::Proposer, id, incarnation: FIRST };
    bench.sends(sender(2), flags::DECIDED, &value(0, ballot(1, 1)), &[&batch(0, "a")]);
    bench.sends(sender(2), flags::DECIDED, &value(0, ballot(1, 1)), &[&batch(0, "a")]);
    bench.gives_no_alarm();

    let mut bench = Bench::without_founding(Order::Unknown);
    bench.sends(sender(1), flags::DECIDED, &value(5, ballot(1, 1)), &[&batch(0, "a")]);
    bench.sends(sender(2), flags::DECIDED, &value(5, ballot(2, 1)), &[&batch(0, "b")]);
    bench.breaks(Rule::OneDecision);
}

#[test]
fn votes_of_a_life_that_another_voter_knows_to_be_over_choose_nothing() {
    let run = |known: u64| {
        let mut bench = Bench::new();
        bench.proposes(1, 1, 0, "a");
        bench.votes_as((1, FIRST), [0, 0, 0], ballot(1, 1), &[(0, 1)]);
        bench.votes_as((2, FIRST), [known, 0, 0], ballot(1, 1), &[(0, 1)]);
        bench.proposes(2, 2, 0, "b");
        bench
    };
    run(FIRST + 5).gives_no_alarm();
    run(0).breaks(Rule::OneDecision);
}

#[test]
fn a_vote_for_what_nobody_proposed_is_a_violation_only_when_all_of_the_proposer_was_captured() {
    let run = |missed: bool| {
        let mut bench = Bench::new();
        bench.proposes(1, 1, 0, "a");
        if missed {
            bench.misses(Role::Proposer, 1);
        }
        bench.votes(1, ballot(1, 1), &[(0, 2)]);
        bench
    };
    run(false).breaks(Rule::Proposed);
    run(true).cannot_judge(Rule::Proposed);
}

#[test]
fn a_vote_far_ahead_of_all_that_was_proposed_is_a_violation() {
    let run = |first: u64| {
        let mut bench = Bench::new();
        bench.proposes(1, 1, 0, "a");
        bench.proposes(1, 1, 1, "b");
        bench.votes(1, ballot(1, 1), &[(first, first + 1)]);
        bench
    };
    run(1).gives_no_alarm();
    run(1 << 33).breaks(Rule::Proposed);
}

#[test]
fn where_the_order_is_known_a_vote_comes_after_its_proposal() {
    let run = |mut bench: Bench| {
        bench.votes(1, ballot(1, 1), &[(0, 1)]);
        bench.proposes(1, 1, 0, "a");
        bench
    };
    run(Bench::new()).breaks(Rule::Proposed);
    run(Bench::in_any_order()).gives_no_alarm();
}

// ---------------------------------------------------------------------- claims

#[test]
fn a_watermark_needs_a_majority_in_one_ballot_for_all_below_it() {
    let mut bench = Bench::with_one_decided();
    bench.decided(1, 1, 1);
    bench.gives_no_alarm();

    let mut bench = Bench::with_one_decided();
    bench.decided(1, 1, 2);
    bench.breaks(Rule::Decided);

    let mut bench = Bench::new();
    bench.proposes(1, 1, 0, "a");
    bench.proposes(2, 2, 0, "a");
    bench.votes(1, ballot(1, 1), &[(0, 1)]);
    bench.votes(2, ballot(2, 2), &[(0, 1)]);
    bench.votes(3, ballot(2, 2), &[]);
    bench.decided(1, 1, 1);
    bench.breaks(Rule::Decided);
}

#[test]
fn a_watermark_over_a_hole_is_a_violation() {
    let mut bench = Bench::with_one_decided();
    bench.proposes(1, 1, 1, "b");
    bench.proposes(1, 1, 2, "c");
    (1..=3).for_each(|id| drop(bench.votes(id, ballot(1, 1), &[(2, 3)])));
    bench.decided(1, 1, 3);
    bench.breaks(Rule::Decided);
}

#[test]
fn one_acceptor_that_votes_twice_is_one_voter() {
    let mut bench = Bench::new();
    bench.proposes(1, 1, 0, "a");
    let vote = bench.votes(1, ballot(1, 1), &[(0, 1)]);
    bench.captured(&vote);
    bench.votes(1, ballot(1, 1), &[(0, 1)]);
    bench.votes(2, ballot(1, 1), &[]);
    bench.votes(3, ballot(1, 1), &[]);
    bench.decided(1, 1, 1);
    bench.breaks(Rule::Decided);
}

#[test]
fn a_claim_before_its_proof_is_a_violation_only_where_the_order_is_known() {
    let run = |mut bench: Bench| {
        bench.proposes(1, 1, 0, "a");
        (2..=3).for_each(|id| drop(bench.votes(id, ballot(1, 1), &[])));
        bench.votes(1, ballot(1, 1), &[(0, 1)]);
        bench.decided(1, 1, 1);
        bench.votes(2, ballot(1, 1), &[(0, 1)]);
        bench
    };
    run(Bench::new()).breaks(Rule::Decided);
    run(Bench::in_any_order()).gives_no_alarm();
}

#[test]
fn a_claim_without_proof_is_a_violation_in_any_order_too() {
    let mut bench = Bench::in_any_order();
    bench.proposes(1, 1, 0, "a");
    (1..=3).for_each(|id| drop(bench.votes(id, ballot(1, 1), &[])));
    bench.votes(1, ballot(1, 1), &[(0, 1)]);
    bench.decided(1, 1, 1);
    bench.breaks(Rule::Decided);
}

#[test]
fn a_missing_packet_of_an_acceptor_may_have_been_the_vote() {
    let mut bench = Bench::new();
    bench.proposes(1, 1, 0, "a");
    bench.votes(1, ballot(1, 1), &[(0, 1)]);
    bench.votes(2, ballot(1, 1), &[]);
    bench.votes(3, ballot(1, 1), &[]);
    bench.misses(Role::Acceptor, 2);
    bench.decided(1, 1, 1);
    bench.cannot_judge(Rule::Decided);
}

#[test]
fn the_last_packets_of_one_that_is_not_heard_any_more_may_be_missing() {
    let mut bench = Bench::new();
    bench.proposes(1, 1, 0, "a");
    bench.votes(1, ballot(1, 1), &[(0, 1)]);
    bench.votes(2, ballot(1, 1), &[]);
    bench.votes(3, ballot(1, 1), &[]);
    bench.decided(1, 1, 1);
    let report = bench.checker.finish();
    assert!(report.is_fine() && !report.unjudged.is_empty(), "{}", report.text(&[]));
}

#[test]
fn a_long_silence_is_one_only_where_the_capture_misses_nothing() {
    let silent = || {
        let mut bench = Bench::new();
        bench.proposes(1, 1, 0, "a");
        bench.votes(1, ballot(1, 1), &[(0, 1)]);
        bench.votes(2, ballot(1, 1), &[]);
        bench.votes(3, ballot(1, 1), &[]);
        bench.frame += 11_000; // 11 s
        bench
    };
    let mut whole = silent();
    whole.decided(1, 1, 1);
    assert!(!whole.checker.finish().is_fine());
    let mut with_a_hole = silent();
    with_a_hole.misses(Role::Proposer, 1); // perhaps that of votes, too
    with_a_hole.decided(1, 1, 1);
    let report = with_a_hole.checker.finish();
    assert!(report.is_fine() && !report.unjudged.is_empty(), "{}", report.text(&[]));
}

#[test]
fn of_a_log_that_began_before_the_capture_decisions_without_votes_are_not_judged() {
    let mut bench = Bench::without_founding(Order::AsHappened);
    bench.proposes(1, 1, 900, "a");
    bench.votes(1, ballot(1, 1), &[(900, 901)]);
    bench.decided(1, 1, 900);
    bench.cannot_judge(Rule::Decided);
}

#[test]
fn a_repair_called_decided_needs_a_majority() {
    let sender = Sender { role: Role::Acceptor, id: 1, incarnation: FIRST };
    let mut bench = Bench::with_one_decided();
    bench.sends(sender, flags::DECIDED, &value(0, ballot(1, 1)), &[&batch(0, "a")]);
    bench.gives_no_alarm();

    let mut bench = Bench::with_one_decided();
    bench.proposes(1, 1, 1, "b");
    bench.votes(1, ballot(1, 1), &[(1, 2)]);
    bench.sends(sender, flags::DECIDED, &value(1, ballot(1, 1)), &[&batch(1, "b")]);
    bench.breaks(Rule::Decided);
}

#[test]
fn an_ack_before_the_decision_of_its_entry_is_a_violation() {
    let run = |until: u64| {
        let mut bench = Bench::with_one_decided();
        bench.proposes(1, 1, 1, "b");
        bench.votes(2, ballot(1, 1), &[(1, 2)]);
        let record = AckRecord {
            client: 1.into(),
            incarnation: 9.into(),
            decided_until: until.into(),
            received_until: until.into(),
            ..AckRecord::new_zeroed()
        };
        bench.proposer(1, &Ack::new_zeroed(), &[record.as_bytes()]);
        bench
    };
    run(1).gives_no_alarm();
    run(2).breaks(Rule::Acknowledged);
}

#[test]
fn where_packets_are_cut_a_missing_payload_is_no_other_payload() {
    let mut bench = Bench::new();
    bench.snap = 64;
    bench.proposes(1, 1, 0, "a");
    bench.proposes(1, 1, 0, "b");
    bench.snap = usize::MAX;
    (1..=3).for_each(|id| drop(bench.votes(id, ballot(1, 1), &[(0, 1)])));
    bench.decided(1, 1, 1);
    bench.gives_no_alarm();

    let mut bench = Bench::new();
    bench.proposes(1, 1, 0, "a");
    bench.snap = 50;
    (1..=3).for_each(|id| drop(bench.votes(id, ballot(1, 1), &[(0, 1)])));
    bench.snap = usize::MAX;
    bench.votes(1, ballot(1, 1), &[(0, 1)]);
    bench.decided(1, 1, 1);
    bench.cannot_judge(Rule::Decided);
}

// ---------------------------------------------------------------------- acceptors

#[test]
fn a_vote_or_promise_below_an_earlier_promise_is_a_violation_by_sequence_and_not_by_arrival() {
    let mut bench = Bench::new();
    bench.promises(1, ballot(2, 2), 0, &[]);
    bench.votes(1, ballot(1, 1), &[]);
    bench.breaks(Rule::Promises);

    let mut sender = Bench::without_founding(Order::Unknown);
    let earlier = sender.votes(1, ballot(1, 1), &[]);
    let later = sender.votes(1, ballot(2, 2), &[]);
    let mut bench = Bench::without_founding(Order::Unknown);
    bench.captured(&later);
    bench.captured(&earlier);
    bench.captured(&later);
    bench.gives_no_alarm();
}

#[test]
fn a_nack_names_a_promise_too() {
    let mut bench = Bench::new();
    let nack = Nack { refused: ballot(1, 1).into(), promised: ballot(3, 3).into() };
    bench.acceptor(1, &nack, &[]);
    bench.votes(1, ballot(2, 2), &[]);
    bench.breaks(Rule::Promises);
}

#[test]
fn a_promise_outlives_a_restart_in_one_life_and_not_the_beginning_of_another() {
    let run = |life: u64| {
        let mut bench = Bench::new();
        bench.votes(1, ballot(2, 2), &[]);
        let body = Phase2b { ballot: ballot(1, 1).into(), life: life.into(), ..Phase2b::new_zeroed() };
        let again = Sender { role: Role::Acceptor, id: 1, incarnation: FIRST + 1 };
        bench.sends(again, 0, &body, &[]);
        bench.checker.finish()
    };
    assert!(run(FIRST).breaks(Rule::Promises));
    assert!(!run(FIRST + 1).breaks(Rule::Promises));
}

#[test]
fn who_promised_a_fence_keeps_that_promise() {
    let run = |vote: Ballot| {
        let mut bench = Bench::new();
        let body = Helped {
            joiner: 200.into(),
            ballot: Ballot::new(4, 2, 200).into(),
            life: FIRST.into(),
            ..Helped::new_zeroed()
        };
        bench.acceptor(1, &body, &[]);
        bench.votes(1, vote, &[]);
        bench
    };
    run(ballot(5, 1)).gives_no_alarm();
    run(ballot(3, 1)).breaks(Rule::Promises);
}

#[test]
fn a_1b_that_leaves_out_a_vote_or_names_a_lower_ballot_for_it_is_a_violation() {
    let run = |runs: &[Run]| {
        let mut bench = Bench::new();
        bench.proposes(2, 2, 0, "a");
        bench.votes(1, ballot(2, 2), &[(0, 1)]);
        bench.promises(1, ballot(3, 3), 1, runs);
        bench
    };
    run(&[Run::new(Range::new(0, 1), ballot(2, 2))]).gives_no_alarm();
    run(&[Run::new(Range::new(0, 1), ballot(3, 1))]).gives_no_alarm();
    run(&[]).breaks(Rule::Memory);
    run(&[Run::new(Range::new(0, 1), ballot(1, 1))]).breaks(Rule::Memory);
}

#[test]
fn who_knows_that_its_life_is_over_must_not_vote_from_it() {
    let mut bench = Bench::new();
    let lives = [FIRST + 9, 0, 0].map(U64::new);
    let body = Phase2b { life: FIRST.into(), lives: 3.into(), ..Phase2b::new_zeroed() };
    bench.acceptor(1, &body, &[lives.as_bytes()]);
    bench.breaks(Rule::Lives);
}

#[test]
fn a_life_that_nobody_let_in_must_not_vote() {
    let run = |helpers: &[u16]| {
        let mut bench = Bench::new();
        (1..=3).for_each(|id| drop(bench.votes(id, ballot(1, 1), &[])));
        for id in helpers {
            let mut lives = [0, 0, 500].map(U64::new);
            lives[usize::from(*id) - 1] = FIRST.into();
            let body = Helped {
                joiner: 500.into(),
                ballot: ballot(1, 1).into(),
                life: FIRST.into(),
                ..Helped::new_zeroed()
            };
            bench.acceptor(*id, &body, &[lives.as_bytes()]);
        }
        let lives = [0, 0, 500].map(U64::new);
        let body = Phase2b {
            ballot: ballot(1, 1).into(),
            life: 500.into(),
            lives: 3.into(),
            ..Phase2b::new_zeroed()
        };
        let again = Sender { role: Role::Acceptor, id: 3, incarnation: 500 };
        bench.sends(again, 0, &body, &[lives.as_bytes()]);
        bench
    };
    run(&[1, 2]).gives_no_alarm();
    run(&[1]).breaks(Rule::Members);
}

#[test]
fn more_acceptors_than_the_set_holds_are_a_violation() {
    let mut bench = Bench::new();
    (1..=3).for_each(|id| drop(bench.votes(id, ballot(1, 1), &[])));
    let lives = [FIRST, 0, 0].map(U64::new);
    let body = Phase2b { life: FIRST.into(), lives: 3.into(), ..Phase2b::new_zeroed() };
    bench.acceptor(4, &body, &[lives.as_bytes()]);
    bench.breaks(Rule::Set);
}

// ---------------------------------------------------------------------- starts

#[test]
fn a_watermark_that_falls_is_a_violation_and_one_that_was_overtaken_is_not() {
    let mut bench = Bench::without_founding(Order::Unknown);
    bench.decided(1, 1, 5);
    bench.decided(1, 1, 4);
    bench.breaks(Rule::Watermarks);

    let mut sender = Bench::without_founding(Order::Unknown);
    let mark = |bench: &mut Bench, until: u64| {
        let body = Watermark {
            ballot: ballot(1, 1).into(),
            decided_until: until.into(),
            proposed_until: until.into(),
        };
        bench.proposer(1, &body, &[])
    };
    let (four, five) = (mark(&mut sender, 4), mark(&mut sender, 5));
    let mut bench = Bench::without_founding(Order::Unknown);
    bench.captured(&five);
    bench.captured(&four);
    assert!(bench.checker.finish().is_fine());
}

#[test]
fn a_ballot_of_another_start_is_a_violation() {
    let asks = |ballot: Ballot| {
        let mut bench = Bench::new();
        bench.proposer(1, &Phase1a { ballot: ballot.into(), from: 0.into() }, &[]);
        bench
    };
    asks(ballot(1, 1)).gives_no_alarm();
    asks(ballot(1, 2)).breaks(Rule::Starts);
    asks(Ballot::new(1, 1, FIRST - 1)).breaks(Rule::Starts);
}

#[test]
fn a_fence_of_another_life_is_a_violation() {
    let asks = |life: u64| {
        let mut bench = Bench::new();
        bench.acceptor(1, &Join { life: 50.into(), ballot: Ballot::new(1, 1, life).into() }, &[]);
        bench
    };
    asks(50).gives_no_alarm();
    asks(51).breaks(Rule::Starts);
}

#[test]
fn an_incarnation_that_two_starts_use_is_a_violation() {
    let mut bench = Bench::new();
    bench.proposes(1, 1, 0, "a");
    bench.sequences.remove(&(Role::Proposer as u8, 1, FIRST));
    bench.proposes(1, 1, 1, "b");
    bench.breaks(Rule::Starts);
}

#[test]
fn what_is_told_names_the_packets_that_prove_it() {
    let mut bench = Bench::new();
    bench.proposes(1, 1, 0, "a");
    bench.proposes(1, 1, 0, "b");
    let report = bench.checker.finish();
    let [violation] = &report.violations[..] else { panic!("{}", report.text(&[])) };
    let frames: Vec<u32> = violation.proof.iter().map(|proof| proof.place.frame).collect();
    assert_eq!(frames, [2, 3]);
    assert_eq!(violation.proof[1].line, "P1 2a 1.P1 i0 decided<0: C1#0 1 B");
    assert_eq!(report.wanted(0).len(), 1, "the line of the other is to be found in the file");
    let json = report.json(&["run.pcap".into()]);
    for line in json.lines() {
        serde_json::from_str::<serde_json::Value>(line).expect("JSON");
    }
}

#[test]
fn a_check_that_had_nothing_to_judge_says_so() {
    let told =
        |report: &Report| report.unjudged.iter().map(|unjudged| unjudged.text.clone()).collect::<Vec<_>>();
    let report = Checker::new(1, Order::Guess).finish();
    assert_eq!(told(&report), ["anything: no whole packet of ours is in the captures"]);

    let mut bench = Bench::new();
    bench.snap = 64;
    bench.proposes(1, 1, 0, "a");
    let report = bench.checker.finish();
    let told = told(&report);
    assert!(told.iter().any(|text| text.starts_with("what the ends of 1 packets say")), "{told:?}");
}

#[test]
fn acknowledgements_of_what_the_capture_cut_off_are_told_to_be_unjudged() {
    let mut bench = Bench::new();
    bench.snap = 64;
    bench.proposes(1, 1, 0, "a");
    bench.snap = usize::MAX;
    (1..=3).for_each(|id| drop(bench.votes(id, ballot(1, 1), &[(0, 1)])));
    let record = AckRecord {
        client: 1.into(),
        incarnation: FIRST.into(),
        decided_until: 1.into(),
        received_until: 1.into(),
        ..AckRecord::new_zeroed()
    };
    bench.proposer(1, &Ack { ballot: ballot(1, 1).into(), ..Ack::new_zeroed() }, &[record.as_bytes()]);
    let report = bench.checker.finish();
    let why = "acknowledgements: the capture does not show all that instance 0 decided";
    let reason =
        |unjudged: &Unjudged| unjudged.rule == Some(Rule::Acknowledged) && unjudged.text.contains(why);
    assert!(report.is_fine() && report.unjudged.iter().any(reason), "{:?}", report.unjudged);
}

#[test]
fn why_decisions_are_not_judged_tells_a_late_capture_from_a_missing_packet_of_the_founder() {
    let told = |mut bench: Bench| {
        bench.proposes(1, 1, 0, "a");
        bench.votes(1, ballot(1, 1), &[(0, 1)]);
        bench.decided(1, 1, 1);
        bench.votes(1, ballot(1, 1), &[]);
        let report = bench.checker.finish();
        report.unjudged.into_iter().map(|unjudged| unjudged.text).collect::<String>()
    };
    let mut bench = Bench::new();
    bench.misses(Role::Acceptor, 1);
    let text = told(bench);
    assert!(text.contains("1 packets of the acceptor that founded the log are missing"), "{text}");
    let text = told(Bench::without_founding(Order::AsHappened));
    assert!(text.contains("the log began before the capture did"), "{text}");
}
