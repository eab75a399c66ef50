//! What learners print, when, and in which form.

use crate::cluster::process::first_line;
use crate::cluster::values::{complete, same_and_complete, unique};
use crate::cluster::{Cluster, Proc, json};
use std::process::Stdio;

#[test]
fn a_learner_started_after_everything_prints_it_all_without_new_traffic() {
    let cluster = Cluster::new();
    let _servers = cluster.servers();
    let inputs = [unique(1, 1000), unique(2, 1000)];
    cluster.client(1, &inputs[0], &[]).succeeds();
    cluster.client(2, &inputs[1], &[]).succeeds();
    let mut learners = cluster.learners([1, 2]);
    same_and_complete(&mut learners, &[&inputs[0], &inputs[1]]);
}

#[test]
fn a_learner_started_between_two_clients_prints_both() {
    let cluster = Cluster::new();
    let _servers = cluster.servers();
    let inputs = [unique(1, 1000), unique(2, 1000)];
    let one = cluster.role("learner", 1, &[]);
    cluster.client(1, &inputs[0], &[]).succeeds();
    let two = cluster.role("learner", 2, &[]);
    cluster.client(2, &inputs[1], &[]).succeeds();
    same_and_complete(&mut [one, two], &[&inputs[0], &inputs[1]]);
}

#[test]
fn a_learner_until_idle_prints_everything_and_ends_with_success() {
    let cluster = Cluster::new();
    let _servers = cluster.servers();
    let input = unique(1, 1000);
    cluster.client(1, &input, &[]).succeeds();
    let ended = cluster.role("learner", 1, &["--until-idle", "2"]).succeeds();
    complete(&String::from_utf8(ended.stdout).expect("text"), &[&input]);
}

#[test]
fn a_learner_until_idle_ends_when_there_is_nothing_at_all() {
    let cluster = Cluster::new();
    let ended = cluster.role("learner", 1, &["--until-idle", "0.2"]).succeeds();
    assert!(ended.stdout.is_empty());
}

#[test]
fn until_idle_wants_a_number_of_seconds() {
    let cluster = Cluster::new();
    for wrong in ["soon", "-1", "inf", "NaN", "1e300"] {
        let ended = cluster.role("learner", 1, &[&format!("--until-idle={wrong}")]).fails();
        assert!(ended.stderr.contains("--until-idle"), "{wrong}: {}", ended.stderr);
        assert!(ended.stdout.is_empty());
    }
}

#[test]
fn json_tells_instance_client_sequence_and_value_and_from_begins_at_an_instance() {
    let cluster = Cluster::new();
    let _servers = cluster.servers();
    let mut learner = cluster.role("learner", 1, &["--format", "json"]);
    let texts = [unique(1, 300), unique(2, 300), "\"quoted\"\\ \t\u{1}\u{7f} über €\n\n".to_string()];
    cluster.client(1, &texts[0], &[]).succeeds();
    cluster.client(2, &texts[1], &[]).succeeds();
    cluster.client(7, &texts[2], &[]).succeeds();
    cluster.client(8, b"\xff\x00\n", &[]).succeeds();
    learner.prints(603);
    let printed = String::from_utf8(learner.terminates().stdout).expect("JSON is UTF-8, whatever the values");
    let lines: Vec<json::Line> = printed.lines().map(json::line).collect();
    assert!(lines.is_sorted_by_key(|line| line.instance), "instances ascend");
    for (client, text) in
        [(1, texts[0].as_bytes()), (2, texts[1].as_bytes()), (7, texts[2].as_bytes()), (8, b"\xff\x00\n")]
    {
        let own: Vec<_> = lines.iter().filter(|line| line.client == client).collect();
        assert!(
            own.iter().map(|line| line.sequence).eq(0..own.len() as u64),
            "client {client} counts from 0"
        );
        let values: Vec<u8> = own.iter().flat_map(|line| [&line.value[..], b"\n"].concat()).collect();
        assert!(values == text, "the values of client {client}");
        assert!(
            own.iter().all(|line| line.hexadecimal == (client == 8)),
            "hexadecimal is for what is not UTF-8"
        );
    }
    from_begins_at_an_instance(&cluster, &lines);
}

/// `--from` prints exactly what the JSON said of that instance and later ones.
#[track_caller]
fn from_begins_at_an_instance(cluster: &Cluster, lines: &[json::Line]) {
    let middle = lines[lines.len() / 2].instance;
    assert!(lines[0].instance < middle, "the values fill more than one instance");
    let late: Vec<_> = lines.iter().filter(|line| line.instance >= middle).collect();
    let mut learner = cluster.role("learner", 2, &["--from", &middle.to_string()]);
    learner.prints(late.len());
    let expected: Vec<u8> = late.iter().flat_map(|line| [&line.value[..], b"\n"].concat()).collect();
    assert!(learner.terminates().stdout == expected, "--from {middle}");
}

#[test]
fn a_learner_whose_reader_goes_away_has_succeeded() {
    let cluster = Cluster::new();
    let _servers = cluster.servers();
    let prefix = cluster.write("piped", "");
    let conf = cluster.conf().to_str().expect("a path of ours");
    let mut learner = Proc::start_piped(&prefix, &["learner", "1", conf]);
    let mut stdout = learner.take_stdout();
    let mut client = cluster.client(1, unique(1, 2000), &["--rate", "4000"]);
    assert!(first_line(&mut stdout).starts_with(b"value 0 of client 1"));
    drop(stdout);
    let ended = learner.succeeds();
    assert!(!ended.stderr.contains("rror") && !ended.stderr.contains("pipe"), "{}", ended.stderr);
    client.succeeds();
}

#[test]
fn every_role_ends_with_success_on_sigterm_and_on_sigint() {
    let cluster = Cluster::new();
    for signal in [libc::SIGTERM, libc::SIGINT] {
        let mut all = Vec::from(cluster.acceptors([1, 2, 3]));
        all.extend(cluster.proposers([1, 2]));
        all.extend(cluster.learners([1]));
        for process in &mut all {
            process.serves();
            process.signal(signal);
        }
        for process in &mut all {
            let ended = process.succeeds();
            assert!(!ended.stderr.contains("panicked"), "{}", ended.stderr);
        }
    }
}

#[test]
fn a_learner_ended_in_mid_stream_has_printed_whole_lines_that_are_the_beginning_of_the_order() {
    let cluster = Cluster::new();
    let _servers = cluster.servers();
    let mut learners = cluster.learners([1, 2, 3]);
    let inputs = [unique(1, 2000), unique(2, 2000)];
    let _clients = [0, 1].map(|at| cluster.client(at as u16 + 1, &inputs[at], &["--rate", "4000"]));
    let mut early = Vec::new();
    for (learner, lines) in learners[..2].iter_mut().zip([300, 1200]) {
        learner.prints(lines);
        early.push(learner.terminates().stdout);
    }
    let whole = same_and_complete(&mut learners[2..], &[&inputs[0], &inputs[1]]);
    for output in early {
        assert!(output.ends_with(b"\n"), "whole lines");
        assert!(whole.as_bytes().starts_with(&output), "a learner's output is a prefix of another's");
    }
}

#[test]
fn stdout_is_data_and_stderr_is_talk() {
    let cluster = Cluster::new();
    let (mut acceptors, mut proposers) = cluster.servers();
    let mut learner = cluster.role("learner", 1, &["-v"]);
    let mut client = cluster.run(&["client", "1", "-v"], cluster.conf(), &[], Stdio::null());
    assert!(client.succeeds().stdout.is_empty());
    cluster.client(2, "x\n", &[]).succeeds();
    learner.prints(1);
    let ended = learner.terminates();
    assert_eq!(ended.stdout, b"x\n");
    assert!(ended.stderr.contains("< P1 2a"), "-v tells every packet: {}", ended.stderr);
    for process in acceptors.iter_mut().chain(&mut proposers) {
        assert!(process.terminates().stdout.is_empty());
    }
}
