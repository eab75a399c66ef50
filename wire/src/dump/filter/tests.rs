//! Which packets of every kind pass which filter.

use super::*;
use crate::packet::tests::examples;

/// The lines of the examples that a filter wants, without what is behind the second word.
fn wanted(filter: &Filter) -> Vec<String> {
    let examples = examples();
    let packets = examples.iter().map(|bytes| Packet::parse(bytes).expect("an example is well formed"));
    let head = |packet: Packet| format!("{} {}", packet.sender, packet.kind);
    packets.filter(|packet| filter.wants(packet)).map(head).collect()
}

#[test]
fn without_filters_every_packet_passes() {
    assert_eq!(wanted(&Filter::default()).len(), examples().len());
}

#[test]
fn kinds_and_senders_are_alternatives_and_both_must_hold() {
    let kinds = vec![Kind::Hello, Kind::Nack];
    assert_eq!(
        wanted(&Filter { kinds: kinds.clone(), ..Filter::default() }),
        ["L1 hello", "A2 hello", "A2 nack"]
    );
    let from = vec![SenderId { role: Role::Acceptor, id: 2 }, SenderId { role: Role::Acceptor, id: 1 }];
    assert_eq!(wanted(&Filter { kinds, from, ..Filter::default() }), ["A2 hello", "A2 nack"]);
}

#[test]
fn an_instance_is_looked_for_in_proposals_values_ranges_and_runs() {
    let about =
        |first, last| wanted(&Filter { instances: Some(Instances { first, last }), ..Filter::default() });
    let seven =
        ["A2 1b", "P1 2a", "A2 2b", "L1 catch-up", "P1 fetch", "A2 value", "A2 value"].map(String::from);
    assert_eq!(about(7, 7), seven);
    // Ranges are [3..5) and [7..9), runs [7..8) and [8..10).
    assert_eq!(about(9, u64::MAX), ["A2 1b"]);
    assert_eq!(about(4, 4), ["A2 2b", "L1 catch-up", "P1 fetch", "P1 fetch"]);
    assert!(about(5, 6).is_empty() && about(10, 1000).is_empty());
    assert_eq!(about(0, u64::MAX).len(), 9);
}

#[test]
fn a_ballot_is_looked_for_wherever_a_packet_names_one() {
    let of =
        |round, proposer| wanted(&Filter { ballot: Some(BallotId { round, proposer }), ..Filter::default() });
    assert_eq!(of(2, 2), ["A2 1b", "A2 2b", "A2 nack"]);
    let none: Vec<String> = Vec::new();
    assert_eq!(of(3, 2), none);
    assert_eq!(of(0, 0), none, "nothing promised is no ballot");
    let all = wanted(&Filter::default());
    let without = ["L1 hello", "A2 hello", "C1 submit", "L1 catch-up", "A2 found", "P1 over"];
    let observers = all.iter().filter(|packet| packet.starts_with('O')).count();
    let others = all.len() - observers - of(3, 1).len();
    assert_eq!(others, without.len() + 3, "those, and a 2b, a heartbeat and a fetch");
}

#[test]
fn a_client_is_looked_for_in_submits_acks_and_batches() {
    let of = |client| wanted(&Filter { clients: vec![client], ..Filter::default() });
    assert_eq!(of(1), ["C1 submit", "P1 ack", "P1 2a", "A2 value"]);
    assert_eq!(of(2), ["P1 2a", "A2 value"]);
    assert_eq!(of(7), ["P1 ack"]);
    assert_eq!(wanted(&Filter { clients: vec![2, 7], ..Filter::default() }).len(), 3);
}
