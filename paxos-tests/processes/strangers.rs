//! Processes that should not be there: the same id twice, another configuration.

use crate::cluster::values::{same_and_complete, unique};
use crate::cluster::{Cluster, Proc};
use std::process::Stdio;

#[test]
fn of_two_processes_with_one_id_the_newer_ends_with_a_sentence_and_the_older_goes_on() {
    let cluster = Cluster::quick();
    let (mut acceptors, mut proposers) = cluster.servers();
    let mut learners = cluster.learners([1, 2]);
    // A client says that it serves only to who asks.
    let open = |id: &str| cluster.run(&["client", id], cluster.conf(), &["-v"], Stdio::piped());
    let mut client = open("4");
    for older in acceptors.iter_mut().chain(&mut proposers).chain(&mut learners).chain([&mut client]) {
        older.serves();
    }
    let mut newer: Vec<Proc> =
        ["acceptor", "proposer", "learner"].map(|role| cluster.role(role, 1, &[])).into();
    newer.push(open("4"));
    for process in &mut newer {
        let ended = process.fails();
        assert!(
            ended.stderr.contains("another process with this role and id runs at 127.0.0.1:"),
            "{}",
            ended.stderr
        );
        assert!(ended.stderr.contains("give this one another id"), "{}", ended.stderr);
        assert!(ended.stdout.is_empty());
    }
    let input = unique(1, 500);
    cluster.client(1, &input, &[]).succeeds();
    same_and_complete(&mut learners, &[&input]);
    for older in acceptors.iter_mut().chain(&mut proposers).chain([&mut client]) {
        assert!(older.runs(), "{}", older.stderr());
    }
}

#[test]
fn processes_of_another_configuration_are_named_and_not_mixed_in() {
    let cluster = Cluster::quick();
    let (mut acceptors, mut proposers) = cluster.servers();
    let mut learners = cluster.learners([1, 2]);
    let quick = "heartbeat 100ms\nsuspect 300ms\n";
    let foreign = cluster.write("foreign.conf", cluster.text("1 2 3 4 5", quick));
    let start = |role: &str, id: &str| cluster.run(&[role, id], &foreign, &[], Stdio::null());
    let mut strangers =
        [start("acceptor", "4"), start("acceptor", "5"), start("proposer", "0"), start("learner", "3")];
    let mut lost = cluster.client_of(&foreign, 3, "of another world\n", &[]);
    let inputs = [unique(1, 500), unique(2, 500)];
    let mut clients = [cluster.client(1, &inputs[0], &[]), cluster.client(2, &inputs[1], &[])];
    for client in &mut clients {
        client.succeeds();
    }
    acceptors[0].says("has another configuration: its groups, acceptors or mtu differ");
    proposers[0].says("has another configuration");
    for learner in &mut learners {
        learner.says("has another configuration");
    }
    strangers[0].says("has another configuration");
    strangers[3].says("has another configuration");
    same_and_complete(&mut learners, &[&inputs[0], &inputs[1]]);
    assert!(strangers[3].terminates().stdout.is_empty(), "two acceptors of five decide nothing");
    lost.says("waiting for 1 value");
    lost.signal(libc::SIGTERM);
    assert!(lost.fails().stderr.contains("1 not"));
}

#[test]
fn what_need_not_agree_may_differ() {
    let cluster = Cluster::new();
    let otherwise =
        cluster.write("other.conf", cluster.text("3 2 1", "heartbeat 1s\nttl 3\nbuffer 1MiB # smaller\n"));
    let _acceptors = cluster.acceptors([1, 2, 3]);
    let _proposer = cluster.run(&["proposer", "1"], &otherwise, &[], Stdio::null());
    let mut learners =
        [cluster.role("learner", 1, &[]), cluster.run(&["learner", "2"], &otherwise, &[], Stdio::null())];
    let input = unique(1, 200);
    cluster.client_of(&otherwise, 1, &input, &[]).succeeds();
    same_and_complete(&mut learners, &[&input]);
}
