//! What a client does with its input, and what its exit status says.

use crate::cluster::process::feed;
use crate::cluster::values::{same_and_complete, unique};
use crate::cluster::{Cluster, Proc, until};
use std::process::Stdio;
use std::time::{Duration, Instant};

/// A client whose stdin is a pipe that we hold.
fn piped(cluster: &Cluster, id: u16) -> Proc {
    cluster.run(&["client", &id.to_string()], cluster.conf(), &[], Stdio::piped())
}

#[test]
fn a_client_with_nothing_to_say_succeeds_even_alone() {
    let cluster = Cluster::new();
    let ended = cluster.client(1, "", &[]).succeeds();
    assert!(ended.stdout.is_empty());
}

#[test]
fn the_last_line_needs_no_newline() {
    let cluster = Cluster::new();
    let _servers = cluster.servers();
    let mut learners = cluster.learners([1, 2]);
    cluster.client(1, "first\nlast", &[]).succeeds();
    same_and_complete(&mut learners, &["first\nlast\n"]);
}

#[test]
fn values_are_decided_while_stdin_stays_open() {
    let cluster = Cluster::new();
    let _servers = cluster.servers();
    let mut learners = cluster.learners([1]);
    let mut client = piped(&cluster, 1);
    let mut stdin = client.take_stdin();
    for at in 1..=3 {
        assert!(feed(&mut stdin, format!("line {at}\n").as_bytes()));
        learners[0].prints(at);
        assert!(client.runs(), "there may be more to come");
    }
    drop(stdin);
    client.succeeds();
}

#[test]
fn a_line_of_more_than_a_mebibyte_is_refused_by_number_and_the_rest_goes_through() {
    let cluster = Cluster::new();
    let _servers = cluster.servers();
    let mut learners = cluster.learners([1, 2]);
    let long = "x".repeat((1 << 20) + 1);
    let input = format!("one\n{long}\nthree\n{long}{long}\n{long}\nsix\n");
    let ended = cluster.client(1, &input, &[]).fails();
    for refused in ["line 2: ", "line 4: ", "line 5: "] {
        assert!(ended.stderr.contains(refused), "{refused} in {}", ended.stderr);
    }
    assert!(!ended.stderr.contains("line 3: "), "{}", ended.stderr);
    assert!(ended.stderr.contains("3 values decided, 3 lines refused"), "{}", ended.stderr);
    assert!(ended.stderr.len() < 4096, "it does not repeat the line");
    same_and_complete(&mut learners, &["one\nthree\nsix\n"]);
}

#[test]
fn without_a_proposer_a_client_says_so_and_when_interrupted_how_much_is_not_decided() {
    let cluster = Cluster::new();
    let _acceptors = cluster.acceptors([1, 2, 3]);
    let mut clients = [cluster.client(1, unique(1, 10), &[]), cluster.client(2, unique(2, 20), &[])];
    let begun = Instant::now();
    let proposers = cluster.groups[1].to_string();
    for (client, waiting) in clients.iter_mut().zip(["waiting for 10 values", "waiting for 20 values"]) {
        client.says(waiting);
        client.says(&format!("no proposer answers at {proposers}"));
    }
    // Some 3 s on an idle machine.
    assert!(begun.elapsed() < Duration::from_secs(20), "it said so only after {:?}", begun.elapsed());
    for (client, signal, undecided) in [(0, libc::SIGINT, "10 not"), (1, libc::SIGTERM, "20 not")] {
        clients[client].signal(signal);
        let ended = clients[client].fails();
        assert!(ended.stderr.contains("interrupted: 0 values decided"), "{}", ended.stderr);
        assert!(ended.stderr.contains(undecided), "{}", ended.stderr);
        assert!(!ended.stderr.contains("not read to its end"), "{}", ended.stderr);
    }
}

#[test]
fn an_interrupted_client_says_that_stdin_was_not_read_to_its_end() {
    let cluster = Cluster::new();
    let _servers = cluster.servers();
    let mut learners = cluster.learners([1]);
    let mut client = piped(&cluster, 1);
    let mut stdin = client.take_stdin();
    assert!(feed(&mut stdin, b"one\ntwo\nhal"));
    learners[0].prints(2);
    client.signal(libc::SIGINT);
    let ended = client.fails();
    assert!(ended.stderr.contains("stdin was not read to its end"), "{}", ended.stderr);
    assert_eq!(learners[0].terminates().stdout, b"one\ntwo\n", "half a line is no value");
}

#[test]
fn without_a_majority_a_client_names_the_missing_acceptors_and_goes_on_when_one_starts() {
    let cluster = Cluster::quick();
    let _acceptor = cluster.role("acceptor", 2, &[]);
    let _proposers = cluster.proposers([1, 2]);
    let mut learners = cluster.learners([1, 2]);
    let input = unique(1, 100);
    let mut client = cluster.client(1, &input, &[]);
    client.says("waiting for 100 values to be decided: the leader hears no majority of the acceptors: nothing from 1, 3");
    assert!(client.runs() && learners[0].printed() == 0, "one acceptor decides nothing");
    let _second = cluster.role("acceptor", 3, &[]);
    client.succeeds();
    same_and_complete(&mut learners, &[&input]);
}

#[test]
fn a_rate_is_an_upper_bound_from_the_command_line_and_from_the_configuration() {
    let cluster = Cluster::new();
    let _servers = cluster.servers();
    let mut learners = cluster.learners([1, 2]);
    let slow = cluster.write("slow.conf", cluster.text("", "rate 1000\n"));
    let inputs = [unique(1, 600), unique(2, 600)];
    let begun = Instant::now();
    let mut clients =
        [cluster.client(1, &inputs[0], &["--rate", "1000"]), cluster.client_of(&slow, 2, &inputs[1], &[])];
    for client in &mut clients {
        client.succeeds();
        assert!(begun.elapsed() >= Duration::from_millis(550), "600 values in {:?}", begun.elapsed());
    }
    same_and_complete(&mut learners, &[&inputs[0], &inputs[1]]);
}

#[test]
fn a_client_started_again_with_the_same_id_adds_to_what_it_said() {
    let cluster = Cluster::new();
    let _servers = cluster.servers();
    let mut learners = cluster.learners([1, 2]);
    for (round, said) in [unique(1, 50), unique(2, 50), unique(3, 50)].iter().enumerate() {
        cluster.client(1, said, &[]).succeeds();
        learners[0].prints(50 * (round + 1));
    }
    let all = unique(1, 50) + &unique(2, 50) + &unique(3, 50);
    same_and_complete(&mut learners, &[&all]);
}

#[test]
fn what_was_acknowledged_is_known_even_of_a_client_that_was_killed() {
    let cluster = Cluster::new();
    let _servers = cluster.servers();
    let mut learners = cluster.learners([1]);
    let file = cluster.write("acked", "");
    let path = file.to_str().expect("a path of ours");
    let numbers = || -> Vec<usize> {
        let text = std::fs::read_to_string(&file).expect("it was just written");
        assert!(text.is_empty() || text.ends_with('\n'), "whole lines only");
        text.lines().map(|line| line.parse().expect("a number")).collect()
    };

    let input = unique(1, 500);
    cluster.client(1, &input, &["--acked", path]).succeeds();
    assert_eq!(numbers().last(), Some(&500), "the last line is written at the end");

    let words = ["client", "2"];
    let mut client = cluster.run(&words, cluster.conf(), &["--acked", path], Stdio::piped());
    let mut stdin = client.take_stdin();
    assert!(feed(&mut stdin, unique(2, 3).as_bytes()));
    until(|| match numbers().last() {
        Some(3) => Ok(()),
        other => Err(format!("{other:?} and not 3 acknowledged")),
    });
    client.kill();
    learners[0].prints(503);
    let numbers = numbers();
    let second = numbers.iter().position(|number| *number == 500).expect("of the first") + 1;
    assert!(numbers[..second].is_sorted() && numbers[second..].is_sorted(), "{numbers:?}");
}

#[test]
fn a_client_that_cannot_note_what_is_acknowledged_says_so_before_it_sends_anything() {
    let cluster = Cluster::new();
    let ended = cluster.client(1, "one\n", &["--acked", "/no/such/directory/acked"]).fails();
    assert!(ended.stderr.contains("/no/such/directory/acked: "), "{}", ended.stderr);
}
