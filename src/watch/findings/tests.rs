use super::super::scene::{ID, S, Scene};
use super::*;
use wire::{Ballot, ProcessStatus, Sender};
use zerocopy::FromZeros;

fn contains(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "{part:?} is not in {text:?}");
    }
}

#[test]
fn the_documentation_tells_each_code_where_it_belongs() {
    let page = include_str!("../../../docs/watching.md");
    let (problems, notes) = page.split_once("Notes are worth knowing").expect("both are there");
    for (code, problem) in CODES {
        let row = format!("\n| `{code}` |");
        assert_eq!((problems.contains(&row), notes.contains(&row)), (problem, !problem), "{code}");
    }
}

#[test]
fn nothing_is_wrong_with_a_healthy_cluster() {
    let mut scene = Scene::healthy();
    assert_eq!(scene.findings(), []);
    scene.pass(60 * S);
    assert_eq!(scene.findings(), []);
    assert_eq!(scene.cluster.compared(), Some((1000, 4)), "learners and proposers");
}

#[test]
fn nobody_is_heard() {
    let scene = Scene::empty();
    assert_eq!(scene.problems(), ["nobody"]);
    contains(&scene.told("nobody").1, &["interface", "paxos.conf"]);
}

#[test]
fn processes_that_do_not_say_how_they_are_are_told_from_none() {
    let mut scene = Scene::empty();
    let mut bytes = [0; 1472];
    let sender = Sender { role: Role::Proposer, id: 1, incarnation: 5 };
    let layout = wire::Layout { packet: 1472, cluster: ID, trailer: 0 };
    let body = wire::Heartbeat { ballot: Ballot::ZERO.into(), decided_until: 0.into() };
    let length = wire::seal(&mut bytes, layout, sender, wire::Stamp::default(), &body, &[]);
    scene.bytes(&bytes[..length]);
    assert_eq!(scene.problems(), ["no-status"]);
}

#[test]
fn without_a_proposer_there_is_no_leader() {
    let mut scene = Scene::healthy();
    for id in [1, 2] {
        let key = scene.key(Role::Proposer, id);
        scene.silence(key);
    }
    scene.pass(5 * S);
    assert_eq!(scene.problems(), ["no-leader", "silent", "silent"]);
    contains(&scene.told("no-leader").1, &["paxos proposer 1 paxos.conf"]);
    contains(&scene.told("silent").0, &["proposer 1 at 10.0.0.1:4000 is silent for 5 s"]);
}

#[test]
fn a_proposer_that_does_not_get_to_lead_says_whom_it_hears() {
    let mut scene = Scene::healthy();
    let key = scene.key(Role::Proposer, 1);
    scene.change(key, |status| {
        status.state = state::PREPARING.into();
        status.heard = 0b101.into();
    });
    scene.pass(S);
    assert_eq!(scene.problems(), ["no-leader"]);
    contains(
        &scene.told("no-leader").0,
        &["P1 prepares ballot 1.P1", "hears acceptors 1 and 3", "P2 follows"],
    );
}

#[test]
fn without_a_majority_the_missing_acceptors_are_named_once() {
    let mut scene = Scene::healthy();
    for id in [2, 3] {
        let key = scene.key(Role::Acceptor, id);
        scene.silence(key);
    }
    scene.pass(5 * S);
    assert_eq!(scene.problems(), ["no-majority"]);
    let (what, todo) = scene.told("no-majority");
    contains(&what, &["1 of 3 acceptors may vote, 2 must", "acceptor 2 at 10.0.0.1:4000 is silent for 5 s"]);
    contains(&todo, &["start acceptors 2 and 3", "paxos acceptor ID paxos.conf"]);
}

#[test]
fn an_acceptor_that_is_missing_is_named_while_the_others_go_on() {
    let mut scene = Scene::healthy();
    let key = scene.key(Role::Acceptor, 3);
    scene.silence(key);
    scene.pass(5 * S);
    assert_eq!(scene.problems(), ["acceptor-missing"]);
    contains(
        &scene.told("acceptor-missing").1,
        &["paxos acceptor 3 paxos.conf", "loss of 1 acceptor in all"],
    );
}

#[test]
fn an_acceptor_without_memory_does_not_count() {
    let mut scene = Scene::healthy();
    let key = scene.key(Role::Acceptor, 3);
    scene.change(key, |status| status.state = 0.into());
    scene.pass(S);
    assert_eq!(scene.problems(), ["acceptor-missing"]);
    contains(&scene.told("acceptor-missing").0, &["acceptor 3", "no memory"]);
    scene.change(key, |status| status.state = (state::MEMBER | state::BLIND | state::FULL).into());
    scene.pass(S);
    assert_eq!((scene.problems(), scene.notes()), (vec!["disk-full"], vec!["acceptor-blind"]));
}

#[test]
fn two_that_lead_are_a_problem_when_it_lasts() {
    let mut scene = Scene::healthy();
    let key = scene.key(Role::Proposer, 2);
    scene.change(key, |status| {
        status.state = (state::LEADING | state::READY).into();
        status.ballot = Ballot::new(2, 2, 12).into();
    });
    scene.pass(S);
    assert_eq!(scene.problems(), [""; 0], "the first does not know yet");
    scene.pass(S);
    assert_eq!(scene.problems(), ["two-leaders"]);
    contains(&scene.told("two-leaders").0, &["P1 at", "in ballot 1.P1", "P2 at", "in ballot 2.P2"]);
}

#[test]
fn learners_that_differ_are_told_with_the_instance_and_stay_told() {
    let mut scene = Scene::healthy();
    let key = scene.key(Role::Learner, 2);
    scene.say(key, |status| status.digest = 0xBAD.into());
    assert_eq!(scene.problems(), ["learners-differ"]);
    contains(&scene.told("learners-differ").0, &["below instance 1000", "L2 has 0000000000000bad"]);
    scene.say(key, |status| {
        (status.decided_until, status.known_until) = (1001.into(), 1001.into());
    });
    scene.pass(60 * S);
    assert!(scene.problems().contains(&"learners-differ"), "it does not get right again");
}

#[test]
fn a_learner_that_lags_is_told_with_how_far_and_until_when() {
    let mut scene = Scene::healthy();
    let key = scene.key(Role::Learner, 1);
    let mut at = 0;
    for _ in 0..3 {
        at += 1000;
        scene.say(key, |status| (status.decided_until, status.known_until) = (at.into(), 101_000.into()));
    }
    assert_eq!(scene.problems(), ["learner-lags"]);
    contains(
        &scene.told("learner-lags").0,
        &["learner 1 at 10.0.0.1:4000 lags 98,000", "gains 1,000/s", "level in 1 min"],
    );
    scene.say(key, |_| {});
    assert_eq!(scene.problems(), ["learner-stuck"]);
    contains(&scene.told("learner-stuck").0, &["stands still at instance 3,000", "98,000 instances behind"]);
}

#[test]
fn a_process_that_stops_is_silent_and_a_client_that_ends_is_not_missed() {
    let mut scene = Scene::healthy();
    for key in [scene.key(Role::Learner, 1), scene.key(Role::Client, 1)] {
        scene.silence(key);
    }
    scene.pass(3 * S);
    assert_eq!(scene.problems(), [""; 0]);
    scene.pass(9 * S);
    assert_eq!(scene.problems(), ["silent"]);
    contains(&scene.told("silent").0, &["learner 1 at 10.0.0.1:4000 is silent for 12 s"]);
    scene.pass(600 * S);
    assert_eq!(scene.problems(), [""; 0], "it is forgotten");
}

#[test]
fn drops_are_a_problem_for_a_minute_and_a_note_from_then_on() {
    let mut scene = Scene::healthy();
    let key = scene.key(Role::Learner, 1);
    scene.change(key, |status| (status.drops, status.dropped_s) = (17.into(), 3.into()));
    scene.pass(S);
    assert_eq!(scene.problems(), ["drops"]);
    let (what, todo) = scene.told("drops");
    contains(&what, &["L1 at 10.0.0.1:4000 dropped 17 packets", "416 KiB", "3 s ago"]);
    contains(&todo, &["sysctl -w net.core.rmem_max"]);
    scene.change(key, |status| status.dropped_s = 61.into());
    scene.pass(S);
    assert_eq!((scene.problems(), scene.notes()), (vec![], vec!["drops-past"]));
}

#[test]
fn other_times_and_another_cluster_and_another_version_are_told_apart() {
    let mut scene = Scene::healthy();
    let key = scene.key(Role::Acceptor, 2);
    scene.change(key, |status| status.heartbeat_us = 50_000.into());
    scene.pass(S);
    assert_eq!(scene.problems(), ["settings-differ"]);
    contains(
        &scene.told("settings-differ").0,
        &["heartbeat 50ms, suspect 5s in A2;", "heartbeat 2s, suspect 5s in", "paxos.conf"],
    );

    let mut scene = Scene::healthy();
    let mut status = ProcessStatus::new_zeroed();
    status.period_ms = 1000.into();
    scene.packet(Sender { role: Role::Learner, id: 9, incarnation: 1 }, 0xBEEF, 0, &status);
    assert_eq!(scene.problems(), ["other-configuration"]);
    contains(&scene.told("other-configuration").0, &["L9 at 10.0.0.1:4000", "cluster 0000beef", "mtu"]);

    let mut scene = Scene::healthy();
    let mut bytes = [0; 64];
    bytes[..3].copy_from_slice(b"PX\x09");
    scene.bytes(&bytes);
    assert_eq!(scene.problems(), ["other-version"]);
    contains(&scene.told("other-version").0, &["version 9 of the packet format", "1 packet"]);
    scene.pass(120 * S);
    assert_eq!(scene.findings(), [], "it is over");
}

#[test]
fn two_of_one_id_are_told_and_a_restart_is_not() {
    let mut scene = Scene::healthy();
    let (role, id, first) = scene.key(Role::Learner, 2);
    scene.join((role, id, first + 1), |_| {});
    scene.silence((role, id, first));
    scene.pass(5 * S);
    assert_eq!(scene.problems(), [""; 0], "a restart");
    scene.join((role, id, first + 2), |_| {});
    scene.pass(3 * S);
    assert_eq!(scene.problems(), ["same-id"]);
    contains(&scene.told("same-id").0, &["two processes are L2"]);
}

#[test]
fn processes_of_two_logs_are_told_apart() {
    let mut scene = Scene::healthy();
    let mut status = ProcessStatus::new_zeroed();
    status.period_ms = 1000.into();
    (status.heartbeat_us, status.suspect_us) = (2_000_000.into(), 5_000_000.into());
    status.version_minor = 1.into();
    status.dropped_s = NEVER.into();
    scene.packet(Sender { role: Role::Learner, id: 9, incarnation: 1 }, ID, 0x77, &status);
    assert_eq!(scene.problems(), ["logs-differ"]);
    contains(&scene.told("logs-differ").0, &["L9 in log 00000077"]);
}

#[test]
fn what_is_only_worth_knowing_is_a_note() {
    let mut scene = Scene::healthy();
    let standby = scene.key(Role::Proposer, 2);
    let acceptor = scene.key(Role::Acceptor, 1);
    let client = scene.key(Role::Client, 1);
    scene.silence(standby);
    scene.change(acceptor, |status| {
        (status.sync_p99_us, status.sync_max_us) = (250_000.into(), 800_000.into());
        status.version_patch = 1.into();
    });
    scene.change(client, |status| status.known_until = 1005.into());
    scene.pass(5 * S);
    assert_eq!(scene.problems(), ["silent"]);
    assert_eq!(scene.notes(), ["versions-differ", "client-waits", "disk-slow", "no-standby"]);
    contains(&scene.told("disk-slow").0, &["A1 at", "250.0 ms", "800.0 ms"]);
    contains(&scene.told("versions-differ").0, &["0.1.0 in", "0.1.1 in A1"]);
}
