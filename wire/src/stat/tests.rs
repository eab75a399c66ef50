//! What is counted of small runs made by hand.

use super::*;
use crate::Role;
use crate::capture::Capture;
use crate::capture::samples::run::{Calm, Run, small};

fn counted(files: &[Vec<u8>]) -> Stat {
    let input = |(at, file): (usize, &'static [u8])| Input {
        name: format!("file {at}"),
        stream: Box::new(Capture::new(file)),
    };
    let files = files.iter().map(|file| &*file.clone().leak());
    stat(files.enumerate().map(input).collect(), &Filter::default(), &mut Calm)
}

fn object(stat: &Stat) -> serde_json::Value {
    serde_json::from_str(&json(stat)).expect("it is JSON")
}

#[test]
fn every_packet_and_every_step_of_a_value_is_counted() {
    let stat = counted(&[small(50).whole()]);
    let told = object(&stat);
    let packets: u64 = stat.counts.rows.values().map(|row| row.packets).sum();
    assert_eq!(packets, 6 + 50 * 6);
    for (hop, us) in [
        ("submit_to_2a_ns", 10),
        ("2a_to_first_2b_ns", 10),
        ("2a_to_quorum_ns", 11),
        ("quorum_to_ack_ns", 9),
        ("submit_to_ack_ns", 30),
    ] {
        assert_eq!(told[hop]["count"], 50, "{hop}");
        let p50 = told[hop]["p50"].as_u64().expect("a number");
        assert!(p50.abs_diff(us * 1000) < 100, "{hop}: {p50} ns");
    }
    assert_eq!(
        (&told["values_chosen"], &told["instances_chosen"], &told["quorum"]),
        (&50.into(), &50.into(), &2.into())
    );
    assert_eq!((&told["leaders"][0]["process"], &told["leader_changes"]), (&"P1".into(), &1.into()));
    let values: u64 =
        told["values_over_time"].as_array().expect("one").iter().filter_map(|count| count.as_u64()).sum();
    assert_eq!(values, 50);
    assert!(told["gaps"].as_array().is_some_and(|gaps| gaps.iter().all(|gap| gap["missing"] == 0)));
}

#[test]
fn repeats_are_told_from_packets_sighted_again() {
    let mut run = small(2);
    run.propose(5_000, 1, 1, b"value\n");
    let again = run.datagrams.last().expect("one").clone();
    run.datagrams.push(again);
    let stat = counted(&[run.whole()]);
    let row = stat.counts.rows[&(SenderId { role: Role::Proposer, id: 1 }, Kind::Phase2a)];
    assert_eq!((row.packets, row.repeats, row.again), (3, 1, 1));
    assert_eq!((row.entries, row.entry_bytes), (3, 18));
    let row = stat.counts.rows[&(SenderId { role: Role::Acceptor, id: 3 }, Kind::Phase2b)];
    assert_eq!((row.ranges, row.instances), (2, 2));
}

#[test]
fn a_second_capture_of_the_same_changes_no_count() {
    let file = small(20).whole();
    let once = object(&counted(std::slice::from_ref(&file)));
    let twice = object(&counted(&[file.clone(), file]));
    for same in ["packets", "values_chosen", "submit_to_ack_ns", "packets_over_time"] {
        assert_eq!(once[same], twice[same], "{same}");
    }
}

#[test]
fn what_one_capture_lacks_of_another_is_lost() {
    let run = small(30);
    // The second lacks every fifth packet, and begins late.
    let lacking = run.pcap(1, usize::MAX, |at| at >= 20 && at % 5 > 0);
    let stat = counted(&[run.whole(), lacking]);
    let (mut lost, mut expected) = (0, 0);
    for gap in stat.counts.gaps() {
        if gap.file == 0 {
            assert_eq!((gap.missing, gap.lost), (0, 0), "{gap:?}");
        } else {
            (lost, expected) = (lost + gap.lost, expected + gap.expected);
        }
    }
    // Of 166 packets from there on 33; what is lost before the first or after the last sighting does not show.
    assert!((25..=33).contains(&lost) && expected <= 167, "{lost} of {expected}");
}

#[test]
fn packets_cut_by_the_capture_are_counted_as_such() {
    let stat = counted(&[small(1).pcap(0, 28 + 44, |_| true)]);
    let cut: u64 = stat.counts.rows.values().map(|row| row.cut).sum();
    assert_eq!(cut, 12, "all of them");
    assert_eq!(stat.hops.chosen, 0);
    assert!(text(&stat).contains("12 cut by the capture"), "{}", text(&stat));
    assert_eq!(counted(&[small(1).pcap(0, 28 + 20, |_| true)]).cut_short, 12);
}

#[test]
fn the_tables_stand_under_their_heads() {
    let text = text(&counted(&[small(5).whole()]));
    let begin =
        text.lines().position(|line| line.trim_start().starts_with("packets")).expect("the first table");
    let table: Vec<&str> = text.lines().skip(begin).take_while(|line| !line.starts_with("repeats")).collect();
    let ends: Vec<usize> = table.iter().map(|line| line.chars().count()).collect();
    assert!(ends.windows(2).all(|two| two[0] == two[1]), "{text}");
    assert!(text.contains("5 values in 5 instances chosen by a majority (of 2)"), "{text}");
}

#[test]
fn nothing_at_all_is_told_in_a_line() {
    let stat = counted(&[Run::default().whole()]);
    assert_eq!(text(&stat), "0 packets, 0 bytes, of 0 processes in 0.000000 s, from 0.000000 s on\n");
    assert_eq!(object(&stat)["submit_to_2a_ns"], serde_json::Value::Null);
}
