//! What is said about a wrong command line, configuration or system: a sentence each, and what to do.

use crate::cluster::{Cluster, Ended};
use std::net::UdpSocket;
use std::path::Path;
use std::process::Stdio;

const ROLES: [&str; 4] = ["acceptor", "proposer", "learner", "client"];

#[track_caller]
fn says_only(ended: &Ended, words: &[&str]) {
    for word in words {
        assert!(ended.stderr.contains(word), "{word:?} is not in {}", ended.stderr);
    }
    assert!(ended.stdout.is_empty() && !ended.stderr.contains("panicked"), "{}", ended.stderr);
    assert!(ended.stderr.lines().count() <= 3, "a sentence, no story: {}", ended.stderr);
}

#[test]
fn a_bad_configuration_is_refused_by_every_role_with_path_line_and_column() {
    let cluster = Cluster::new();
    let text = cluster.text("", "").replacen("acceptors ", "aceptors ", 1);
    let path = cluster.write("misspelt.conf", text);
    for role in ROLES {
        let ended = cluster.run(&[role, "1"], &path, &[], Stdio::null()).fails();
        says_only(&ended, &[&format!("{}:3:1: ", path.display()), "did you mean `acceptors`?"]);
    }
    let ended = cluster.run(&["check"], &path, &[], Stdio::null()).fails();
    says_only(&ended, &[&format!("{}:3:1: ", path.display())]);
}

#[test]
fn every_problem_of_a_configuration_is_told_at_once_with_what_to_write() {
    let cluster = Cluster::new();
    let cases = [
        ("heartbeat 5\n", ":5:11: ", "has no unit"),
        ("mtu 100\n", ":5:5: ", "from 1280 to 9216"),
        ("suspect 1s\n", ":5:9: ", "is not longer than heartbeat"),
        ("ttl 1\nttl 2\n", ":6:1: ", "written twice"),
        ("rate\n", ":5:5: ", "has no value"),
        ("buffer 1KiB\n", ":5:8: ", "out of range"),
        ("interface 239.0.0.1\n", ":5:11: ", "is a multicast group"),
    ];
    for (line, place, words) in cases {
        let path = cluster.write("wrong.conf", cluster.text("", line));
        let ended = cluster.run(&["check"], &path, &[], Stdio::null()).fails();
        says_only(&ended, &[&format!("{}{place}", path.display()), words]);
    }
    let path = cluster.write("wrong.conf", cluster.text("", "mtu 100\nheartbeat 5\n"));
    says_only(&cluster.run(&["check"], &path, &[], Stdio::null()).fails(), &[":5:5: ", ":6:11: "]);
}

#[test]
fn a_group_that_is_not_multicast_is_refused() {
    let cluster = Cluster::new();
    let group = cluster.groups[3].ip().to_string();
    let path = cluster.write(
        "unicast.conf",
        cluster.text("", "").replace(&format!("learners {group}"), "learners 10.0.0.1"),
    );
    let ended = cluster.run(&["learner", "1"], &path, &[], Stdio::null()).fails();
    says_only(&ended, &[":4:10: ", "10.0.0.1 is not a multicast group"]);
}

#[test]
fn a_file_that_is_missing_or_none_is_named() {
    let cluster = Cluster::new();
    let missing = Path::new("/nonexistent/paxos.conf");
    for role in ROLES {
        let ended = cluster.run(&[role, "1"], missing, &[], Stdio::null()).fails();
        says_only(&ended, &["/nonexistent/paxos.conf: ", "no such file"]);
    }
    let directory = cluster.conf().parent().expect("it lies in a directory");
    says_only(&cluster.run(&["check"], directory, &[], Stdio::null()).fails(), &["this is a directory"]);
    let empty = cluster.write("empty.conf", "");
    says_only(
        &cluster.run(&["check"], &empty, &[], Stdio::null()).fails(),
        &["empty.conf: the file is empty"],
    );
    let binary = cluster.write("binary.conf", b"clients \xff\n");
    says_only(&cluster.run(&["check"], &binary, &[], Stdio::null()).fails(), &["binary.conf:1:9: ", "UTF-8"]);
}

#[test]
fn an_acceptor_outside_the_set_says_what_to_write() {
    let cluster = Cluster::new();
    let ended = cluster.role("acceptor", 4, &[]).fails();
    let group = cluster.groups[2];
    let line = format!("`acceptors {} {} 1 2 3 4`", group.ip(), group.port());
    says_only(&ended, &["acceptor 4 is not one of the acceptors, which are 1, 2, 3", &line]);
    let cluster = Cluster::with("9 0 7", "");
    says_only(&cluster.role("acceptor", 8, &[]).fails(), &[" 0 7 8 9`"]);
}

#[test]
fn an_interface_that_does_not_exist_is_answered_with_those_that_do() {
    for (interface, words) in [("nosuch0", "there is no interface nosuch0"), ("203.0.113.9", "203.0.113.9")] {
        let cluster = Cluster::with("", &format!("interface {interface}\n"));
        for role in ROLES {
            says_only(&cluster.role(role, 1, &[]).fails(), &[words, "(127.0.0.1)"]);
        }
    }
}

#[test]
fn a_port_that_another_program_does_not_share_is_named() {
    let cluster = Cluster::new();
    let groups = cluster.groups;
    for (role, group) in ["client", "proposer", "acceptor", "learner"].into_iter().zip(groups) {
        let _selfish = UdpSocket::bind(group).expect("nobody else has our groups");
        let words = format!("port {} of group {group} is in use", group.port());
        says_only(&cluster.role(role, 1, &[]).fails(), &[&words, "give the group another port"]);
    }
}

#[test]
fn ids_are_numbers_of_16_bits() {
    let cluster = Cluster::new();
    for role in ROLES {
        for id in ["65536", "one", ""] {
            let ended = cluster.run(&[role, id], cluster.conf(), &[], Stdio::null()).fails();
            assert!(ended.stderr.contains("<ID>"), "{role} {id:?}: {}", ended.stderr);
        }
    }
    cluster.run(&["learner", "65535"], cluster.conf(), &["--until-idle", "0.1"], Stdio::null()).succeeds();
}

#[test]
fn what_check_prints_is_a_configuration_that_says_the_same() {
    for more in
        ["", "mtu 9000\nheartbeat 1500us\nsuspect 0.05m\nrate 7\nbuffer 66k\nttl 3\ninterface lo # why not\n"]
    {
        let cluster = Cluster::with("4 0", more);
        let check = |path: &Path| {
            let ended = cluster.run(&["check"], path, &[], Stdio::null()).succeeds();
            assert!(ended.stderr.is_empty(), "{}", ended.stderr);
            String::from_utf8(ended.stdout).expect("text")
        };
        let first = check(cluster.conf());
        let said = |text: &str| -> Vec<String> {
            let words = |line: &str| {
                line.split('#').next().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "))
            };
            text.lines().filter_map(words).collect()
        };
        let second = check(&cluster.write("second.conf", &first));
        assert_eq!(said(&first), said(&second));
        assert!(!second.contains('#'), "now nothing is a default any more: {second}");
        assert_eq!(second, check(&cluster.write("third.conf", &second)));
        for key in [
            "clients",
            "proposers",
            "acceptors",
            "learners",
            "interface",
            "ttl",
            "mtu",
            "heartbeat",
            "suspect",
        ] {
            assert!(first.lines().any(|line| line.starts_with(key)), "{key} is in {first}");
        }
    }
}

#[test]
fn help_exists_for_every_subcommand() {
    let cluster = Cluster::new();
    let help = |words: &[&str]| {
        let ended = cluster.run(words, Path::new("--help"), &[], Stdio::null()).succeeds();
        assert!(ended.stderr.is_empty(), "{}", ended.stderr);
        String::from_utf8(ended.stdout).expect("text")
    };
    let all = help(&[]);
    let commands =
        all.lines().skip_while(|line| *line != "Commands:").skip(1).take_while(|line| !line.is_empty());
    let names: Vec<&str> = commands
        .filter(|line| !line.starts_with("   "))
        .filter_map(|line| line.split_whitespace().next())
        .collect();
    for command in ["acceptor", "proposer", "learner", "client", "check"] {
        assert!(names.contains(&command), "{command} is in {all}");
    }
    for command in names.into_iter().filter(|name| *name != "help") {
        let text = help(&[command]);
        assert!(
            text.contains("Usage: paxos") && text.lines().next().is_some_and(|line| line.len() > 10),
            "{text}"
        );
    }
    let learner = help(&["learner"]);
    assert!(
        ["--from", "--until-idle", "--format", "<ID>", "<CONF>"].iter().all(|word| learner.contains(word)),
        "{learner}"
    );
    assert!(help(&["client"]).contains("--rate"));
}

#[test]
fn a_command_without_arguments_or_with_wrong_ones_says_how_it_is_used() {
    let cluster = Cluster::new();
    for arguments in [
        &["acceptor"][..],
        &["learner", "1", "--format", "xml"],
        &["client", "1", "--rate", "0"],
        &["serve", "1"],
    ] {
        let ended = cluster.run(arguments, cluster.conf(), &[], Stdio::null()).fails();
        assert!(ended.stderr.contains("--help"), "{arguments:?}: {}", ended.stderr);
        assert!(ended.stdout.is_empty());
    }
}
