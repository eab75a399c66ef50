//! Traces: what a process saw, in a file that this and other programs read.

use crate::cluster::{Cluster, until};
use std::fs::{self, File};
use std::net::UdpSocket;
use std::path::{Path, PathBuf};
use std::process::Command;
use wire::capture::{Capture, Datagram, Direction};

/// What is in a trace, as far as it is whole.
fn read(path: &Path) -> Vec<Datagram> {
    let file = File::open(path).expect("it was made");
    Capture::new(file).map_while(Result::ok).collect()
}

/// How many packets another program finds, if it is there and has nothing to complain about.
fn frames_of_tshark(path: &Path) -> Option<usize> {
    let output = Command::new("tshark").args(["-n", "-r"]).arg(path).output().ok()?;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let complaint = said.lines().find(|line| !line.is_empty() && !line.starts_with("Running as user"));
    assert!(output.status.success() && complaint.is_none(), "{said}");
    Some(output.stdout.iter().filter(|byte| **byte == b'\n').count())
}

fn trace_of(cluster: &Cluster, name: &str) -> PathBuf {
    cluster.conf().with_file_name(format!("{name}.pcapng"))
}

#[test]
fn each_process_traces_what_it_sent_heard_and_refused_and_others_can_read_it() {
    let cluster = Cluster::new();
    let traced = |name: &str| trace_of(&cluster, name).to_str().expect("a path of ours").to_owned();
    let acceptors: Vec<_> = (1..=3)
        .map(|id| cluster.role("acceptor", id, &["--trace", &traced(&format!("A{id}")), "--trace-snap", "0"]))
        .collect();
    let proposer = cluster.role("proposer", 1, &["--trace", &traced("P1")]);
    let mut learner = cluster.role("learner", 1, &["--trace", &traced("L1"), "--trace-max", "1MiB"]);
    let mut ended: Vec<_> = acceptors.into_iter().chain([proposer]).collect();
    ended.iter_mut().for_each(|process| process.serves());
    learner.serves();
    let stranger = UdpSocket::bind("127.0.0.1:0").expect("loopback has ports");
    socket2::SockRef::from(&stranger)
        .set_multicast_if_v4(&std::net::Ipv4Addr::LOCALHOST)
        .expect("loopback is there");
    stranger.send_to(b"not for you", cluster.groups[2]).expect("loopback takes it");
    let lines: String = (0..1000).map(|line| format!("value {line}\n")).collect();
    cluster.client(1, &lines, &["--trace", &traced("C1")]).succeeds();
    learner.prints(1000);
    // While it runs, what happened a moment ago is there.
    let heard_the_stranger = |name: &str| {
        let all = read(&trace_of(&cluster, name));
        let refused = all.iter().find(|datagram| datagram.bytes == b"not for you");
        let comment = refused.ok_or("the stranger's packet is not there")?.note.comment.as_deref();
        assert_eq!(comment, Some("refused: not ours: wrong magic"));
        Ok(())
    };
    until(|| heard_the_stranger("A1").and_then(|()| heard_the_stranger("A3")));
    let learned = learner.terminates();
    assert_eq!(learned.stdout.iter().filter(|byte| **byte == b'\n').count(), 1000);
    ended[2].kill();
    ended.remove(2);
    heard_the_stranger("A3").expect("what was there is there after a crash");
    ended.iter_mut().for_each(|process| drop(process.terminates()));
    for name in ["A1", "A2", "A3", "P1", "L1", "C1"] {
        let path = trace_of(&cluster, name);
        let all = read(&path);
        let is_own = |datagram: &&Datagram| datagram.note.direction == Some(Direction::Out);
        let own: Vec<_> = all.iter().filter(is_own).collect();
        assert!(!own.is_empty() && own.len() < all.len(), "{name}: {} of {}", own.len(), all.len());
        assert!(all.is_sorted_by_key(|datagram| datagram.time_ns), "{name}");
        assert!(all.iter().all(|datagram| datagram.note.process.as_deref() == Some(name)), "{name}");
        // What multicast brings back to its sender is there once.
        let source = own[0].source;
        assert!(
            all.iter()
                .all(|datagram| (datagram.source == source)
                    == (datagram.note.direction == Some(Direction::Out))),
            "{name}"
        );
        match frames_of_tshark(&path) {
            Some(frames) => assert_eq!(frames, all.len(), "{name}"),
            None => eprintln!("skipped: tshark is missing"),
        }
    }
    let whole = read(&trace_of(&cluster, "A1"));
    assert!(whole.iter().all(|datagram| datagram.truncated.is_none()));
}

#[test]
fn the_log_at_debug_level_tells_each_packet_in_the_words_of_a_dump_of_the_trace() {
    let cluster = Cluster::new();
    let path = trace_of(&cluster, "A1");
    let more = ["-v", "--trace", path.to_str().expect("a path of ours"), "--trace-snap", "0"];
    let mut first = cluster.role("acceptor", 1, &more);
    let _others = [2, 3].map(|id| cluster.role("acceptor", id, &[]));
    let _proposer = cluster.role("proposer", 1, &[]);
    let mut learner = cluster.role("learner", 1, &[]);
    learner.serves();
    cluster.client(1, "a\nb\n", &[]).succeeds();
    learner.prints(2);
    let log = first.terminates().stderr;
    let words = |mark: &str| -> Vec<String> {
        let lines = log.lines().filter_map(|line| line.split_once(mark));
        lines.map(|(_, packet)| packet.trim().to_owned()).collect()
    };
    let all = read(&path);
    let packets = |way: Direction| -> Vec<String> {
        let some = all.iter().filter(|datagram| datagram.note.direction == Some(way));
        let packets = some.flat_map(|datagram| wire::split(&datagram.bytes));
        packets.filter_map(|bytes| wire::Packet::parse(bytes).ok()).map(|packet| packet.to_string()).collect()
    };
    for (mark, way) in [("> ", Direction::Out), ("< ", Direction::In)] {
        let (logged, traced) = (words(mark), packets(way));
        assert!(!traced.is_empty());
        // What came back to its own sender is logged, and in the trace once.
        assert!(traced.iter().all(|line| logged.contains(line)), "{mark}: {traced:?} is not {logged:?}");
        assert!(
            logged.iter().any(|line| line.contains(if mark == "> " { " 2b " } else { " 2a " })),
            "{logged:?}"
        );
    }
}

#[test]
fn a_trace_without_space_ends_and_the_process_goes_on() {
    let cluster = Cluster::new();
    let more = ["--trace", "/dev/full"];
    let mut acceptors = [1, 2, 3].map(|id| cluster.role("acceptor", id, &more));
    let _proposer = cluster.role("proposer", 1, &more);
    let mut learner = cluster.role("learner", 1, &more);
    learner.serves();
    cluster.client(1, "a\nb\n", &more).succeeds();
    learner.prints(2);
    let words = "/dev/full: No space left on device (os error 28): the trace ends here, the process goes on";
    for acceptor in &mut acceptors {
        acceptor.says(words);
        assert_eq!(acceptor.terminates().stderr.matches("the trace ends here").count(), 1);
    }
}

#[test]
fn what_cannot_be_traced_to_is_said_at_the_start() {
    let cluster = Cluster::new();
    let fails = |more: &[&str]| cluster.role("acceptor", 1, more).fails().stderr;
    let said = fails(&["--trace", "/nowhere/a1.pcapng"]);
    assert!(said.contains("--trace /nowhere/a1.pcapng: No such file or directory"), "{said}");
    let said = fails(&["--trace", "/tmp", "--trace-max", "10MiB"]);
    assert!(said.contains("--trace /tmp: a directory; name a file in it"), "{said}");
    assert!(fails(&["--trace", "a", "--trace-max", "10"]).contains("1MiB to 1048576MiB"));
    assert!(fails(&["--trace", "a", "--trace-snap", "20"]).contains("from 68 to 65535, or 0"));
    assert!(fails(&["--trace-snap", "0"]).contains("--trace <FILE>"));
    let path = cluster.write("a1.pcapng", "");
    fs::remove_file(&path).expect("it is ours");
    let path = path.to_str().expect("a path of ours");
    let mut first = cluster.role("acceptor", 1, &["--trace", path]);
    first.serves();
    until(|| fs::metadata(path).map(drop).map_err(|error| error.to_string()));
    let said = cluster.role("acceptor", 2, &["--trace", path]).fails().stderr;
    assert!(said.contains("another process writes it; give each process a file of its own"), "{said}");
}
