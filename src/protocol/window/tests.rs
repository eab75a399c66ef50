//! The three rules of the window's page, in both directions: each decides, and nothing less does.

use super::*;
use wire::EntryHeader;
use zerocopy::IntoBytes;

const B1: Ballot = Ballot::new(1, 1, 1);
const B2: Ballot = Ballot::new(2, 2, 2);
const B3: Ballot = Ballot::new(3, 1, 1);
const AHEAD: u64 = 16;

fn window() -> Window {
    Window::new(&Acceptors::new(&[1, 2, 3]), 32, AHEAD, Space { front: 24, batch: 200, back: 16 })
}

fn bytes(text: &str) -> Vec<u8> {
    let mut bytes = EntryHeader::new(1, 1, 0, text.len()).as_bytes().to_vec();
    bytes.extend_from_slice(text.as_bytes());
    bytes
}

fn put(window: &mut Window, instance: u64, ballot: Ballot, text: &str) -> bool {
    window.put(instance, ballot, Batch::parse(&bytes(text)).unwrap())
}

fn put_decided(window: &mut Window, instance: u64, ballot: Ballot, text: &str) -> bool {
    window.put_decided(instance, ballot, Batch::parse(&bytes(text)).unwrap())
}

/// An acceptor, by place, votes for these instances; `at` grows from packet to packet.
fn vote(window: &mut Window, acceptor: usize, at: u64, ballot: Ballot, first: u64, until: u64) {
    window.tally.vote(acceptor, (7, at), ballot, core::iter::once(Range::new(first, until)));
}

// ---------------------------------------------------------------------- rule 1

#[test]
fn a_majority_in_the_ballot_of_the_payload_decides() {
    let mut window = window();
    put(&mut window, 0, B1, "x");
    assert_eq!(window.advance(), None, "nobody voted");
    vote(&mut window, 0, 1, B1, 0, 1);
    assert_eq!(window.advance(), None, "one of three is no majority");
    vote(&mut window, 2, 1, B1, 0, 1);
    assert_eq!(window.advance(), Some(0));
    assert_eq!(window.decided(0), Some((B1, &bytes("x")[..])));
    assert_eq!(window.advance(), None);
}

#[test]
fn a_majority_before_the_payload_decides_when_the_payload_comes() {
    let mut window = window();
    vote(&mut window, 0, 1, B1, 0, 3);
    vote(&mut window, 1, 1, B1, 0, 3);
    assert_eq!(window.advance(), None, "what was chosen is not known");
    put(&mut window, 0, B1, "x");
    assert_eq!(window.advance(), Some(0));
}

#[test]
fn votes_in_a_ballot_other_than_that_of_the_payload_decide_nothing() {
    for (held, voted) in [(B1, B2), (B2, B1)] {
        let mut window = window();
        put(&mut window, 0, held, "x");
        vote(&mut window, 0, 1, voted, 0, 1);
        vote(&mut window, 1, 1, voted, 0, 1);
        assert_eq!(window.advance(), None, "held in {held}, voted for in {voted}");
    }
}

#[test]
fn one_vote_in_each_of_two_ballots_decides_nothing() {
    let mut window = window();
    put(&mut window, 0, B2, "x");
    vote(&mut window, 0, 1, B1, 0, 1);
    vote(&mut window, 1, 1, B2, 0, 1);
    assert_eq!(window.advance(), None);
}

#[test]
fn a_gap_holds_back_what_is_decided_behind_it() {
    let mut window = window();
    for instance in [0, 2] {
        put(&mut window, instance, B1, "x");
    }
    vote(&mut window, 0, 1, B1, 0, 3);
    vote(&mut window, 1, 1, B1, 0, 3);
    assert_eq!((window.advance(), window.advance()), (Some(0), None));
    put(&mut window, 1, B1, "x");
    assert_eq!((window.advance(), window.advance(), window.advance()), (Some(1), Some(2), None));
}

// ---------------------------------------------------------------------- rule 2

#[test]
fn a_watermark_of_the_ballot_of_the_payload_decides_what_it_covers() {
    let mut window = window();
    put(&mut window, 0, B1, "x");
    put(&mut window, 1, B1, "y");
    window.watermark(B1, 1);
    assert_eq!((window.advance(), window.advance()), (Some(0), None));
    window.watermark(B1, 2);
    assert_eq!(window.advance(), Some(1));
}

#[test]
fn a_watermark_of_a_later_ballot_decides_nothing_for_the_payload_of_an_earlier_one() {
    let mut window = window();
    put(&mut window, 0, B1, "perhaps outvoted");
    window.watermark(B2, 1);
    assert_eq!(window.advance(), None);
    assert_eq!(window.missing::<4>(1).as_slice(), [Range::new(0, 1)], "it must be asked for");
    put(&mut window, 0, B2, "x");
    assert_eq!(window.advance(), Some(0));
    assert_eq!(window.bytes(0), Some(&bytes("x")[..]));
}

#[test]
fn a_watermark_of_an_earlier_ballot_decides_nothing_for_the_payload_of_a_later_one() {
    let mut window = window();
    put(&mut window, 0, B2, "x");
    window.watermark(B1, 1);
    assert_eq!(window.advance(), None);
}

#[test]
fn a_claim_without_a_ballot_is_a_reason_to_ask_and_never_to_deliver() {
    let mut window = window();
    put(&mut window, 0, B1, "x");
    window.heard(1);
    assert_eq!((window.known(), window.advance()), (1, None));
}

#[test]
fn a_watermark_never_falls_within_its_ballot() {
    let mut window = window();
    put(&mut window, 0, B1, "x");
    window.watermark(B1, 1);
    window.watermark(B1, 0);
    assert_eq!(window.advance(), Some(0));
}

// ---------------------------------------------------------------------- rule 3

#[test]
fn a_payload_that_comes_as_decided_is() {
    let mut window = window();
    put(&mut window, 0, B1, "outvoted");
    assert!(put_decided(&mut window, 0, B2, "x"));
    assert_eq!(window.advance(), Some(0));
    assert_eq!(window.decided(0), Some((B2, &bytes("x")[..])));
}

#[test]
fn a_payload_that_comes_as_decided_of_an_earlier_ballot_replaces_a_later_proposal() {
    let mut window = window();
    put(&mut window, 0, B3, "x");
    assert!(put_decided(&mut window, 0, B1, "x"));
    assert_eq!(window.advance(), Some(0));
}

#[test]
fn the_news_that_what_is_held_is_decided_is_enough() {
    let mut window = window();
    put(&mut window, 0, B1, "x");
    put_decided(&mut window, 0, B1, "x");
    assert_eq!(window.advance(), Some(0));
}

#[test]
fn a_decision_is_not_replaced_by_a_later_proposal() {
    let mut window = window();
    put_decided(&mut window, 1, B1, "x");
    assert!(!put(&mut window, 1, B2, "other"));
    window.adopt(1, B2, Batch::parse(&bytes("other")).unwrap());
    assert_eq!(window.bytes(1), Some(&bytes("x")[..]));
    assert_eq!(window.conflict(), None);
}

// ---------------------------------------------------------------------- what is held

#[test]
fn a_later_ballot_replaces_an_earlier_and_not_the_other_way_round() {
    let mut window = window();
    assert!(put(&mut window, 3, B2, "later"));
    assert!(!put(&mut window, 3, B1, "earlier"));
    assert_eq!(window.held(3), Some(B2));
    assert!(put(&mut window, 3, B3, "latest"));
    assert_eq!(
        window.get(3).map(|(ballot, batch)| (ballot, batch.as_bytes().to_vec())),
        Some((B3, bytes("latest")))
    );
}

#[test]
fn a_phase_1_finding_replaces_a_later_proposal_that_nobody_accepted() {
    let mut window = window();
    put(&mut window, 3, B2, "accepted by nobody");
    window.adopt(3, B1, Batch::parse(&bytes("found")).unwrap());
    assert_eq!(window.held(3), Some(B1));
    window.repropose(3, B3);
    assert_eq!((window.held(3), window.bytes(3)), (Some(B3), Some(&bytes("found")[..])));
}

#[test]
fn two_values_in_one_ballot_are_a_conflict() {
    let mut window = window();
    put(&mut window, 0, B1, "one");
    put(&mut window, 0, B1, "one");
    assert_eq!(window.conflict(), None);
    put(&mut window, 0, B1, "two");
    assert_eq!(window.conflict(), Some(0));
}

#[test]
fn two_decisions_for_one_instance_are_a_conflict() {
    let mut window = window();
    put_decided(&mut window, 0, B1, "one");
    put_decided(&mut window, 0, B2, "one");
    assert_eq!(window.conflict(), None);
    put_decided(&mut window, 0, B2, "two");
    assert_eq!(window.conflict(), Some(0));
}

#[test]
fn nothing_beyond_its_reach_or_below_its_frontier_is_held() {
    let mut window = window();
    put_decided(&mut window, 0, B1, "x");
    window.advance();
    assert!(!put(&mut window, 0, B2, "decided before") && !put(&mut window, 1 + AHEAD, B2, "far"));
    assert!(put(&mut window, AHEAD, B2, "the last"));
    assert!(!put(&mut window, u64::MAX - 1, B2, "the end of all"));
}

#[test]
fn history_is_kept_as_far_as_there_is_room_and_only_without_gaps() {
    let mut window = window();
    for instance in 0..40 {
        put_decided(&mut window, instance, B1, "x");
        assert_eq!(window.advance(), Some(instance));
    }
    assert_eq!(window.history(), 40 - (32 - AHEAD));
    window.open(40, B2);
    window.rewind(30);
    assert_eq!(window.frontier(), 30);
    assert_eq!(window.history(), 30 - (32 - AHEAD), "what the ring still holds");
}

#[test]
fn what_is_missing_is_what_no_payload_is_held_for() {
    let mut window = window();
    put_decided(&mut window, 1, B1, "x");
    put(&mut window, 4, B2, "covered");
    put(&mut window, 5, B1, "of another ballot");
    window.watermark(B2, 6);
    let missing = [Range::new(0, 1), Range::new(2, 4), Range::new(5, 6)];
    assert_eq!(window.missing::<8>(6).as_slice(), missing);
    assert_eq!(window.missing::<2>(6).as_slice(), &missing[..2], "no more than asked for");
}

#[test]
fn batches_are_filled_until_they_are_full() {
    let mut window = window();
    window.open(0, B1);
    assert!(window.append(0, [&[1; 100], &[2; 90]]));
    assert!(!window.append(0, [&[3; 5], &[4; 6]]), "11 bytes where 10 fit");
    assert!(window.append(0, [&[3; 5], &[4; 5]]));
    assert_eq!(window.bytes(0).map(<[u8]>::len), Some(200));
}
