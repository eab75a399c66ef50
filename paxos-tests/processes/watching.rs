//! `paxos status` of real clusters: a healthy one, and broken ones, each of which it names.

use crate::cluster::spray::Sprayer;
use crate::cluster::values::unique;
use crate::cluster::{Cluster, Ended, Proc, until};
use paxos::conf::Conf;
use serde_json::Value;
use std::process::Stdio;
use wire::status::NEVER;
use wire::{Layout, ProcessStatus, Role, Sender, Stamp};
use zerocopy::FromZeros;

/// Quick enough for tests.
const TIMES: &str = "status 100ms\nheartbeat 100ms\nsuspect 300ms\n";

/// A cluster and its processes: three acceptors, two proposers, two learners.
struct Watched {
    cluster: Cluster,
    acceptors: Vec<Proc>,
    proposers: Vec<Proc>,
    learners: Vec<Proc>,
}

impl Watched {
    /// Everybody runs, and some values are decided.
    fn start() -> Watched {
        let cluster = Cluster::with("", TIMES);
        let (acceptors, proposers) = cluster.servers();
        let learners = cluster.learners([1, 2]).into();
        let mut watched = Watched { cluster, acceptors, proposers, learners };
        let input = unique(1, 500);
        watched.cluster.client(1, &input, &[]).succeeds();
        watched.learners.iter_mut().for_each(|learner| learner.prints(500));
        watched
    }

    fn look(&self, more: &[&str]) -> Ended {
        self.cluster.run(&["status"], self.cluster.conf(), more, Stdio::null()).ends()
    }

    /// The problems by their codes, and the whole answer.
    fn problems(&self) -> (Vec<String>, Value) {
        let ended = self.look(&["--json"]);
        let told: Value = serde_json::from_slice(&ended.stdout).expect("an object");
        let findings = told["findings"].as_array().expect("an array").iter();
        let problems = findings.filter(|finding| finding["problem"] == true);
        let problems: Vec<String> =
            problems.map(|finding| finding["code"].as_str().expect("a text").to_owned()).collect();
        assert_eq!(ended.code, Some(i32::from(!problems.is_empty())), "{told}");
        assert_eq!(told["healthy"], problems.is_empty(), "{told}");
        (problems, told)
    }

    /// Looks until these are the problems: what ended or started a moment ago may still be heard, or not yet.
    #[track_caller]
    fn finds(&self, expected: &[&str]) -> Value {
        until(|| {
            let (problems, told) = self.problems();
            if problems == expected {
                Ok(told)
            } else {
                Err(format!("{problems:?}, not {expected:?}: {told}"))
            }
        })
    }

    /// Sends a status in the name of a process of this cluster.
    fn forge(&self, sender: Sender, change: impl Fn(&mut ProcessStatus)) -> Vec<u8> {
        let conf = Conf::load(self.cluster.conf()).expect("it is whole");
        let mut status = ProcessStatus::new_zeroed();
        (status.up_ms, status.period_ms) = (50.into(), 100.into());
        (status.heartbeat_us, status.suspect_us) = (100_000.into(), 300_000.into());
        let version = env!("CARGO_PKG_VERSION").split('.').map(|part| part.parse::<u16>().expect("a number"));
        let version: Vec<u16> = version.collect();
        status.version_major = version[0].into();
        (status.version_minor, status.version_patch) = (version[1].into(), version[2].into());
        status.dropped_s = NEVER.into();
        change(&mut status);
        let mut bytes = [0; 1472];
        let layout = Layout { packet: 1472, cluster: conf.layout().cluster, trailer: 0 };
        let length = wire::seal(&mut bytes, layout, sender, Stamp::default(), &status, &[]);
        bytes[..length].to_vec()
    }

    /// Looks while these packets come to the proposers' group, made for the time that their senders are up, in ms.
    fn finds_of(&self, packets: impl Fn(u64) -> Vec<Vec<u8>>, expected: &[&str]) -> Value {
        let mut sprayer = Sprayer::new(&self.cluster);
        let mut up_ms = 0;
        until(|| {
            let mut look = self.cluster.run(
                &["status", "--wait", "500ms", "--json"],
                self.cluster.conf(),
                &[],
                Stdio::null(),
            );
            while look.runs() {
                up_ms += 20;
                packets(up_ms).iter().for_each(|packet| sprayer.send(Role::Proposer, packet));
                std::thread::sleep(std::time::Duration::from_millis(20));
            }
            let told: Value = serde_json::from_slice(&look.ends().stdout).expect("an object");
            let findings = told["findings"].as_array().expect("an array").iter();
            let problems: Vec<&str> = findings
                .filter(|finding| finding["problem"] == true)
                .map(|finding| finding["code"].as_str().expect("a text"))
                .collect();
            if problems == expected { Ok(told.clone()) } else { Err(format!("{problems:?}: {told}")) }
        })
    }
}

/// What a finding says, and what to do.
fn told(object: &Value, code: &str) -> String {
    let found =
        object["findings"].as_array().expect("an array").iter().find(|finding| finding["code"] == code);
    let found = found.expect("it is found");
    format!("{}\n{}", found["what"].as_str().expect("a text"), found["todo"].as_str().expect("a text"))
}

#[test]
fn a_healthy_cluster_is_found_healthy_and_its_learners_the_same() {
    let watched = Watched::start();
    let object = watched.finds(&[]);
    assert_eq!(object["leader"], "P1");
    assert_eq!(object["processes"].as_array().map(Vec::len), Some(7), "{object}");
    assert!(object["compared_until"].as_u64() > Some(0), "{object}");
    let ended = watched.look(&[]);
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""));
    let text = String::from_utf8(ended.stdout).expect("it is text");
    assert!(text.contains("3 acceptors of 3, 2 proposers, 2 learners"), "{text}");
    assert!(text.lines().any(|line| line.starts_with("P1") && line.contains("leads")), "{text}");
    assert!(text.contains("all is well; 4 processes have the same below instance"), "{text}");
}

#[test]
fn a_cluster_without_a_proposer_has_no_leader() {
    let mut watched = Watched::start();
    watched.proposers.iter_mut().for_each(Proc::kill);
    let object = watched.finds(&["no-leader"]);
    assert!(
        told(&object, "no-leader").contains("no proposer is heard\nstart one: `paxos proposer 1 "),
        "{object}"
    );
}

#[test]
fn a_cluster_without_a_majority_names_the_acceptors_that_are_missing() {
    let mut watched = Watched::start();
    watched.acceptors[1..].iter_mut().for_each(Proc::kill);
    let object = watched.finds(&["no-majority"]);
    let words = told(&object, "no-majority");
    assert!(
        words.contains("1 of 3 acceptors may vote, 2 must; acceptor 2 is not heard and acceptor 3"),
        "{words}"
    );
}

#[test]
fn an_acceptor_that_is_missing_is_named_and_how_to_start_it() {
    let mut watched = Watched::start();
    watched.acceptors[2].kill();
    let object = watched.finds(&["acceptor-missing"]);
    assert!(told(&object, "acceptor-missing").contains("paxos acceptor 3 "), "{object}");
}

#[test]
fn processes_with_other_times_or_another_mtu_are_named() {
    let watched = Watched::start();
    let slow = watched.cluster.text("", "status 100ms\nheartbeat 150ms\nsuspect 300ms\n");
    let slow = watched.cluster.write("slow.conf", slow);
    let mut learner = watched.cluster.run(&["learner", "3"], &slow, &[], Stdio::null());
    let object = watched.finds(&["settings-differ"]);
    assert!(told(&object, "settings-differ").contains("heartbeat 150ms, suspect 300ms in L3"), "{object}");
    learner.terminates();
    let jumbo = watched.cluster.write("jumbo.conf", watched.cluster.text("", &format!("mtu 9000\n{TIMES}")));
    let _learner = watched.cluster.run(&["learner", "3"], &jumbo, &[], Stdio::null());
    let object = watched.finds(&["other-configuration"]);
    assert!(told(&object, "other-configuration").contains("L3 at 127.0.0.1:"), "{object}");
}

#[test]
fn learners_that_differ_are_named_with_the_instance() {
    let watched = Watched::start();
    let object = watched.finds(&[]);
    let learners =
        object["processes"].as_array().expect("an array").iter().filter(|seen| seen["role"] == "learner");
    let until = learners.filter_map(|seen| seen["digests"][0]["until"].as_u64()).max().expect("they tell");
    let log =
        u32::from_str_radix(object["processes"][0]["log"].as_str().expect("a text"), 16).expect("it is one");
    let liar = Sender { role: Role::Learner, id: 3, incarnation: 1 };
    let packet = |up_ms: u64| {
        let mut packet = watched.forge(liar, |status| {
            status.up_ms = up_ms.into();
            (status.decided_until, status.known_until) = (until.into(), until.into());
            status.digest = 0xBAD.into();
        });
        in_log(&mut packet, log);
        vec![packet]
    };
    let object = watched.finds_of(packet, &["learners-differ"]);
    let words = told(&object, "learners-differ");
    assert!(
        words.contains(&format!("below instance {until}")) && words.contains("L3 has 0000000000000bad"),
        "{words}"
    );
}

/// Puts a packet into a log: the header names it.
fn in_log(packet: &mut [u8], log: u32) {
    packet[28..32].copy_from_slice(&log.to_be_bytes());
    let tag = wire::tag(packet);
    packet[32..40].copy_from_slice(&tag);
}

#[test]
fn a_learner_whose_receive_buffer_overflowed_is_named() {
    let watched = Watched::start();
    let small = watched.cluster.text("", &format!("buffer 64KiB\n{TIMES}"));
    let small = watched.cluster.write("small.conf", small);
    let mut learner = watched.cluster.run(&["learner", "3"], &small, &[], Stdio::null());
    learner.serves();
    learner.signal(libc::SIGSTOP);
    // The leader does not wait for it for long, and some 2 MB do not fit its buffer.
    watched.cluster.client(2, unique(2, 100_000), &[]).succeeds();
    learner.signal(libc::SIGCONT);
    let object = watched.finds(&["drops"]);
    let words = told(&object, "drops");
    assert!(
        words.starts_with("L3 at 127.0.0.1:") && words.contains(" in a receive buffer of 128 KiB"),
        "{words}"
    );
}

#[test]
fn drops_are_named_with_what_to_set() {
    let watched = Watched::start();
    let learner = Sender { role: Role::Learner, id: 3, incarnation: 1 };
    let packet = |up_ms: u64| {
        vec![watched.forge(learner, |status| {
            status.up_ms = up_ms.into();
            (status.drops, status.dropped_s, status.space) = (7.into(), 2.into(), 131_072.into());
        })]
    };
    let object = watched.finds_of(packet, &["drops"]);
    let words = told(&object, "drops");
    assert!(words.contains("dropped 7 packets") && words.contains("128 KiB"), "{words}");
    assert!(words.contains("sysctl -w net.core.rmem_max"), "{words}");
}

#[test]
fn two_processes_of_one_id_and_another_version_are_named() {
    let watched = Watched::start();
    // Two learners that hear each other's hellos do not both go on; these do not.
    let twins = [1, 2].map(|incarnation| Sender { role: Role::Learner, id: 3, incarnation });
    let packets =
        |up_ms: u64| twins.map(|twin| watched.forge(twin, |status| status.up_ms = up_ms.into())).to_vec();
    let object = watched.finds_of(packets, &["same-id"]);
    assert!(told(&object, "same-id").contains("two processes are L3"), "{object}");
    let mut other = watched.forge(Sender { role: Role::Learner, id: 3, incarnation: 1 }, |_| {});
    other[2] = 99;
    let object = watched.finds_of(|_| vec![other.clone()], &["other-version"]);
    assert!(told(&object, "other-version").contains("version 99 of the packet format"), "{object}");
}

#[test]
fn nobody_and_a_configuration_without_status_are_told_apart_from_a_cluster() {
    let cluster = Cluster::with("", "status 50ms\n");
    let mut look = cluster.run(&["status"], cluster.conf(), &[], Stdio::null());
    let ended = look.ends();
    assert_eq!(ended.code, Some(1));
    assert!(
        String::from_utf8_lossy(&ended.stdout)
            .contains("PROBLEM nobody: no process of this cluster is heard")
    );
    let silent = cluster.write("silent.conf", cluster.text("", "status off\n"));
    let ended = cluster.run(&["status"], &silent, &[], Stdio::null()).ends();
    assert_eq!((ended.code, ended.stdout.len()), (Some(2), 0));
    assert!(ended.stderr.contains("`status off` stands there"), "{}", ended.stderr);
    let _proposer = cluster.run(&["proposer", "1"], &silent, &[], Stdio::null());
    until(|| {
        let ended = cluster.run(&["status", "--wait", "3s"], cluster.conf(), &[], Stdio::null()).ends();
        let text = String::from_utf8_lossy(&ended.stdout).into_owned();
        if text.contains("PROBLEM no-status") { Ok(()) } else { Err(text) }
    });
}
