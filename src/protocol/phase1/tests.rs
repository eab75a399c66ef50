//! Which value must be proposed, whatever came in which order [Lamport01 §2.2, phase 2 (a)].

use super::*;
use core::net::Ipv4Addr;
use wire::Range;
use zerocopy::FromZeros;

const B1: Ballot = Ballot::new(1, 1, 1);
const B2: Ballot = Ballot::new(2, 2, 2);
const OWN: Ballot = Ballot::new(9, 1, 1);

fn address(acceptor: usize) -> SocketAddrV4 {
    SocketAddrV4::new(Ipv4Addr::LOCALHOST, 1000 + acceptor as u16)
}

fn phase1(acceptors: u16, from: u64) -> Phase1 {
    let ids: Vec<u16> = (1..=acceptors).collect();
    let mut phase1 = Phase1::new(&Acceptors::new(&ids));
    phase1.begin(OWN, from);
    phase1
}

fn lives(acceptors: u16) -> Lives {
    let ids: Vec<u16> = (1..=acceptors).collect();
    Lives::new(&Acceptors::new(&ids))
}

/// Whether it has a quorum when nothing is known of lives.
fn quorum(phase1: &Phase1) -> bool {
    phase1.quorum(&lives(ACCEPTORS_MAX as u16))
}

/// What an acceptor answers: its page, how far it is complete, one past the highest instance that it
/// accepted, and runs.
struct Told<'a>(core::ops::Range<u64>, u64, u64, &'a [(core::ops::Range<u64>, Ballot)]);

fn answer_in(phase1: &mut Phase1, ballot: Ballot, acceptor: usize, told: Told<'_>) -> Option<u64> {
    let Told(page, complete_until, top, runs) = told;
    let body = Phase1b {
        ballot: ballot.into(),
        from: page.start.into(),
        until: page.end.into(),
        complete_until: complete_until.into(),
        top: top.into(),
        ..Phase1b::new_zeroed()
    };
    let runs: Vec<Run> =
        runs.iter().map(|(r, ballot)| Run::new(Range::new(r.start, r.end), *ballot)).collect();
    phase1.answer(acceptor, address(acceptor), &body, &runs)
}

fn answer(phase1: &mut Phase1, acceptor: usize, told: Told<'_>) -> Option<u64> {
    answer_in(phase1, OWN, acceptor, told)
}

#[test]
fn a_quorum_is_a_majority_of_acceptors_not_of_answers() {
    let mut phase1 = phase1(3, 0);
    for _ in 0..5 {
        answer(&mut phase1, 1, Told(0..0, 0, 0, &[]));
    }
    assert!(!quorum(&phase1));
    answer(&mut phase1, 2, Told(0..0, 0, 0, &[]));
    assert!(quorum(&phase1));
}

#[test]
fn an_answer_in_another_ballot_counts_for_nothing() {
    let mut phase1 = phase1(1, 0);
    for other in [B1, B2, Ballot::new(10, 1, 1)] {
        assert_eq!(answer_in(&mut phase1, other, 0, Told(0..3, 3, 3, &[(0..3, B1)])), None);
    }
    assert!(!quorum(&phase1) && phase1.best(0).is_zero() && phase1.complete_until().is_none());
}

#[test]
fn the_highest_ballot_wins_whatever_the_order_of_arrival() {
    let answers: [&[(core::ops::Range<u64>, Ballot)]; 3] = [&[(0..3, B1)], &[(1..2, B2)], &[(1..3, B1)]];
    for order in [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
        let mut phase1 = phase1(3, 0);
        for acceptor in order {
            answer(&mut phase1, acceptor, Told(0..3, 0, 3, answers[acceptor]));
        }
        let best: Vec<Ballot> = (0..4).map(|instance| phase1.best(instance)).collect();
        assert_eq!(best, [B1, B2, B1, Ballot::ZERO], "in order {order:?}");
        assert_eq!((phase1.top(), phase1.end()), (3, 3));
    }
}

#[test]
fn a_hole_below_what_was_accepted_is_told_as_one() {
    let mut phase1 = phase1(3, 0);
    answer(&mut phase1, 0, Told(0..9, 0, 9, &[(0..1, B1), (8..9, B2)]));
    answer(&mut phase1, 1, Told(0..0, 0, 0, &[]));
    assert!(quorum(&phase1));
    assert!((1..8).all(|instance| phase1.best(instance).is_zero()) && phase1.end() == 9);
}

#[test]
fn whoever_told_of_the_highest_ballot_can_be_asked_for_the_batch_one_after_the_other() {
    let mut phase1 = phase1(3, 0);
    answer(&mut phase1, 0, Told(0..1, 0, 1, &[(0..1, B2)]));
    answer(&mut phase1, 1, Told(0..1, 0, 1, &[(0..1, B1)]));
    answer(&mut phase1, 2, Told(0..1, 0, 1, &[(0..1, B2)]));
    let holders: Vec<_> = (0..4).map(|turn| phase1.holder(0, turn)).collect();
    let (first, third) = (Some((0, address(0))), Some((2, address(2))));
    assert_eq!(holders, [first, third, first, third]);
}

#[test]
fn an_acceptor_with_more_to_tell_is_asked_for_its_next_page_and_counts_when_it_has_told_all() {
    let mut phase1 = phase1(1, 0);
    assert_eq!(answer(&mut phase1, 0, Told(0..80, 0, 119, &[(0..80, B1)])), Some(80));
    assert!(!quorum(&phase1));
    assert_eq!(phase1.unanswered(&lives(1)).collect::<Vec<_>>(), [Some((address(0), 80))]);
    assert_eq!(answer(&mut phase1, 0, Told(80..119, 0, 119, &[(80..119, B1)])), None);
    assert!(quorum(&phase1) && phase1.unanswered(&lives(1)).next().is_none());
    assert!(phase1.best(118) == B1 && phase1.best(119).is_zero());
}

#[test]
fn a_page_that_comes_before_the_one_before_it_waits_for_that() {
    let mut phase1 = phase1(1, 0);
    assert_eq!(answer(&mut phase1, 0, Told(80..119, 0, 119, &[(80..119, B1)])), Some(0));
    assert!(!quorum(&phase1), "instances below 80 are not told");
    assert!(phase1.best(80).is_zero());
    assert_eq!(answer(&mut phase1, 0, Told(0..80, 0, 119, &[(0..80, B1)])), Some(80));
    assert_eq!(answer(&mut phase1, 0, Told(80..119, 0, 119, &[(80..119, B1)])), None);
    assert!(quorum(&phase1));
}

#[test]
fn who_was_not_heard_is_asked_by_way_of_the_group() {
    let mut phase1 = phase1(3, 0);
    answer(&mut phase1, 1, Told(0..0, 0, 0, &[]));
    assert_eq!(phase1.unanswered(&lives(3)).collect::<Vec<_>>(), [None, None]);
}

#[test]
fn a_page_of_the_proposer_ends_where_the_pipeline_would() {
    let mut phase1 = phase1(1, 100);
    let far = 100 + PAGE + 7;
    assert_eq!(answer(&mut phase1, 0, Told(100..far, 100, far, &[(100..far, B1)])), None);
    assert!(quorum(&phase1));
    assert_eq!((phase1.top(), phase1.end()), (far, 100 + PAGE), "the rest is for the next page");
    assert_eq!(phase1.best(99 + PAGE), B1);
}

#[test]
fn what_an_acceptor_told_from_an_earlier_instance_on_counts_for_a_later_page() {
    let mut phase1 = phase1(1, 50);
    assert_eq!(answer(&mut phase1, 0, Told(0..60, 0, 60, &[(0..55, B1), (58..60, B2)])), None);
    assert!(quorum(&phase1));
    assert_eq!([phase1.best(50), phase1.best(56), phase1.best(59)], [B1, Ballot::ZERO, B2]);
}

#[test]
fn the_acceptor_that_knows_most_of_the_log_is_named() {
    let mut phase1 = phase1(3, 0);
    assert_eq!(phase1.complete_until(), None);
    answer(&mut phase1, 0, Told(0..0, 7, 9, &[]));
    answer(&mut phase1, 2, Told(0..0, 5, 9, &[]));
    assert_eq!(phase1.complete_until(), Some((7, address(0))));
}

#[test]
fn a_new_page_begins_with_nothing_known() {
    let mut phase1 = phase1(1, 0);
    answer(&mut phase1, 0, Told(0..2, 0, 2, &[(0..2, B1)]));
    phase1.begin(OWN, 1);
    assert!(!quorum(&phase1) && phase1.best(1).is_zero() && phase1.top() == 0);
    assert_eq!((phase1.ballot(), phase1.from()), (OWN, 1));
}

/// Answers of one life, blind below an instance.
fn answer_of(phase1: &mut Phase1, acceptor: usize, life: u64, blind_until: u64, told: Told<'_>) {
    let Told(page, complete_until, top, runs) = told;
    let body = Phase1b {
        ballot: OWN.into(),
        from: page.start.into(),
        until: page.end.into(),
        complete_until: complete_until.into(),
        top: top.into(),
        life: life.into(),
        blind_until: blind_until.into(),
        ..Phase1b::new_zeroed()
    };
    let runs: Vec<Run> =
        runs.iter().map(|(r, ballot)| Run::new(Range::new(r.start, r.end), *ballot)).collect();
    phase1.answer(acceptor, address(acceptor), &body, &runs);
}

// [DISC17 §3]
#[test]
fn a_promise_of_a_life_that_is_over_counts_for_nothing() {
    let mut phase1 = phase1(3, 0);
    let mut lives = lives(3);
    answer_of(&mut phase1, 0, 5, 0, Told(0..3, 0, 3, &[(0..3, B1)]));
    answer_of(&mut phase1, 1, 5, 0, Told(0..0, 0, 0, &[]));
    assert!(phase1.quorum(&lives));
    lives.learn(0, 7);
    assert!(!phase1.quorum(&lives));
    assert_eq!(phase1.unanswered(&lives).collect::<Vec<_>>(), [None, None], "and it is asked again");
    answer_of(&mut phase1, 0, 7, 0, Told(0..0, 0, 0, &[]));
    assert!(phase1.quorum(&lives));
    assert_eq!(phase1.best(1), B1, "what it told was true all the same");
    answer_of(&mut phase1, 0, 5, 0, Told(0..3, 0, 3, &[(0..3, B1)]));
    assert!(phase1.quorum(&lives), "a delayed answer of the former life changes nothing");
}

#[test]
fn an_acceptor_counts_for_no_page_of_which_it_has_forgotten_something() {
    let (mut first, mut later) = (phase1(3, 10), phase1(3, 20));
    for page in [&mut first, &mut later] {
        let from = page.from();
        answer_of(page, 0, 5, 20, Told(from..from, 4, 20, &[]));
        answer_of(page, 1, 5, 0, Told(from..from, 4, from, &[]));
    }
    assert!(!first.quorum(&lives(3)) && later.quorum(&lives(3)));
    assert_eq!(first.top(), 20, "where it may have accepted something is run again");
    assert!(first.unanswered(&lives(3)).any(|again| again == Some((address(0), 10))));
    answer_of(&mut first, 0, 5, 0, Told(10..20, 20, 20, &[(10..20, B1)]));
    assert!(first.quorum(&lives(3)), "it has caught up");
}
