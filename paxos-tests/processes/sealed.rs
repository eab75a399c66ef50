//! Clusters with a key: they work, keys are replaced while they do, and nobody without the key is heard.

use crate::cluster::spray::{Listener, Random, Sprayer};
use crate::cluster::values::{complete, same_and_complete, unique};
use crate::cluster::{Cluster, Proc, until};
use crate::crashes::a_leader_is_killed_and_comes_back;
use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::process::Stdio;
use std::time::{Duration, Instant};
use wire::sealing::{Opener, Seal, Sealer};
use wire::{Keys, Layout, Role, Sender, Stamp, Submit, TRAILER_LEN};

/// Secrets by number. What is drawn at random must not be in a test that fails by chance.
pub fn line(id: u8, secret: u8) -> String {
    let digits: String = (0..32_u8).map(|at| format!("{:02x}", at.wrapping_mul(7) ^ secret)).collect();
    format!("{id} {digits}\n")
}

fn write_keys(cluster: &Cluster, text: &str) {
    let path = cluster.write("new.key", text);
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).expect("it is ours");
    fs::rename(&path, path.with_file_name("paxos.key")).expect("the directory is ours");
}

pub fn cluster(more: &str) -> Cluster {
    let cluster = Cluster::with("", &format!("heartbeat 100ms\nsuspect 300ms\nkey paxos.key\n{more}"));
    write_keys(&cluster, &line(1, 1));
    cluster
}

#[test]
fn encrypted_nothing_is_lost_when_the_leader_is_killed_and_no_value_can_be_read_on_the_way() {
    let cluster = cluster("encrypt yes\n");
    let listener = Listener::new(&cluster);
    let mut heard = Vec::new();
    a_leader_is_killed_and_comes_back(&cluster, 5000, "4000", || heard = listener.take_any(200));
    assert!(heard.len() > 100, "there was something to hear");
    for packet in &heard {
        assert!(packet.starts_with(b"PE"), "a packet is not encrypted: {packet:?}");
        assert!(!packet.windows(8).any(|bytes| bytes == b"of clien"), "a value can be read: {packet:?}");
    }
}

/// One line at a time, and when it was written.
struct Paced {
    client: Proc,
    stdin: std::process::ChildStdin,
    written: Vec<Instant>,
    printed: usize,
    slowest: Duration,
}

impl Paced {
    /// Writes a value a millisecond and sees when the learner has printed each, until `done`.
    fn until(&mut self, learner: &Proc, mut done: impl FnMut(&Paced) -> bool) {
        let started = Instant::now();
        let before = self.written.len();
        while !done(self) {
            let due = before + started.elapsed().as_millis() as usize;
            while self.written.len() < due {
                let value = format!("value {}\n", self.written.len());
                self.written.push(Instant::now());
                self.stdin.write_all(value.as_bytes()).expect("the client reads");
            }
            self.look(learner);
            std::thread::sleep(Duration::from_millis(1)); // the pace of the values
        }
    }

    fn look(&mut self, learner: &Proc) {
        let (printed, now) = (learner.printed(), Instant::now());
        for written in &self.written[self.printed..printed] {
            self.slowest = self.slowest.max(now - *written);
        }
        // What is not there yet is at least as late as now.
        if let Some(written) = self.written.get(printed) {
            self.slowest = self.slowest.max(now - *written);
        }
        self.printed = printed;
    }
}

#[test]
fn keys_are_replaced_under_a_running_cluster_and_no_value_is_a_second_late() {
    let cluster = cluster("");
    let stats = |number: usize| cluster.conf().with_file_name(format!("{number}.stats"));
    let start = |number: usize, role: &str, id: u16| {
        let path = stats(number);
        cluster.role(role, id, &["--stats", path.to_str().expect("a path of ours")])
    };
    let mut servers: Vec<Proc> = (1..=3).map(|id| start(id.into(), "acceptor", id)).collect();
    servers.extend((1..=2).map(|id| start(3 + usize::from(id), "proposer", id)));
    servers[3].says("leading in ballot");
    let mut learners: Vec<Proc> = (1..=2).map(|id| start(5 + usize::from(id), "learner", id)).collect();
    learners.iter_mut().for_each(Proc::serves);
    let paced = |id: &str| {
        let mut client = cluster.run(&["client", id], cluster.conf(), &["-v"], Stdio::piped());
        let stdin = client.take_stdin();
        Paced { client, stdin, written: Vec::new(), printed: 0, slowest: Duration::ZERO }
    };
    // The second one is quiet, and turns its keys like the others.
    let (mut busy, mut quiet) = (paced("1"), paced("2"));
    busy.until(&learners[0], |busy| busy.printed >= 200);
    let steps = [
        ([line(1, 1), line(2, 2)].concat(), "sealing with key 1, and accepting key 2"),
        ([line(2, 2), line(1, 1)].concat(), "sealing with key 2, and accepting key 1"),
        ("2 no key at all".into(), "the keys from before stay in use"),
        (line(2, 2), "sealing with key 2\n"),
    ];
    for (text, said) in steps {
        write_keys(&cluster, &text);
        let clients = [&mut busy.client, &mut quiet.client];
        for process in servers.iter_mut().chain(&mut learners).chain(clients) {
            process.signal(libc::SIGHUP);
        }
        let turned = |busy: &Paced| {
            let all = servers.iter().chain(&learners).chain([&busy.client, &quiet.client]);
            all.filter(|process| !process.stderr().contains(said)).count() == 0
        };
        let begun = Instant::now();
        busy.until(&learners[0], |busy| {
            assert!(begun.elapsed() < crate::cluster::PATIENCE, "somebody does not say {said:?}");
            turned(busy)
        });
        let printed = busy.printed;
        busy.until(&learners[0], |busy| busy.printed >= printed + 200);
    }
    let values = busy.written.len();
    busy.until(&learners[0], |busy| busy.printed >= values);
    let values = busy.written.len();
    drop((busy.stdin, quiet.stdin));
    busy.client.succeeds();
    quiet.client.succeeds();
    let input: String = (0..values).map(|at| format!("value {at}\n")).collect();
    same_and_complete(&mut learners, &[&input]);
    for server in &mut servers {
        server.terminates();
    }
    for number in 1..=7 {
        let text = fs::read_to_string(stats(number)).expect("each has ended and told");
        assert!(text.contains("\"packets_refused\":0,\"refused\":{}"), "{text}");
    }
    assert!(busy.slowest < Duration::from_secs(1), "a value came after {:?}", busy.slowest);
}

/// What a process has counted of packets that it refused, by reason.
fn refused(stats: &std::path::Path, reason: &str) -> u64 {
    let text = fs::read_to_string(stats).expect("it has ended and told");
    let after = text.split_once(&format!("\"{reason}\":")).map(|(_, after)| after);
    let number = after.and_then(|after| after.split([',', '}']).next()?.parse().ok());
    number.unwrap_or_else(|| panic!("no {reason} in {text}"))
}

#[test]
fn what_is_forged_unsealed_damaged_replayed_or_misdirected_is_counted_and_changes_nothing() {
    let cluster = cluster("");
    let listener = Listener::new(&cluster);
    let stats = cluster.conf().with_file_name("proposer.stats");
    let mut early = early(&cluster);
    let _acceptors = cluster.acceptors([1, 2, 3]);
    let mut leader = cluster.role("proposer", 1, &["--stats", stats.to_str().expect("a path of ours")]);
    leader.says("leading in ballot");
    let mut learners = cluster.learners([1, 2]);
    let inputs = [unique(1, 300), unique(2, 300)];
    cluster.client(1, &inputs[0], &["--rate", "3000"]).succeeds();
    early.succeeds();
    learners[0].prints(301);
    let samples = listener.take_any(300);
    let keys = Keys::parse(&line(1, 1)).expect("it is one");
    let submit = submit_of(&samples, &keys);
    let (mut sprayer, mut random) = (Sprayer::new(&cluster), Random::new(4714));
    let group = |role: Role| cluster.groups[role as usize - 1];
    for round in 0..100 {
        let sample = &samples[random.below(samples.len())];
        let at = random.below(sample.len());
        let mut flipped = sample.clone();
        flipped[at] ^= 1 << random.below(8);
        sprayer.send(Role::Proposer, &flipped);
        // As it was, to its group and to another.
        sprayer.send(Role::Proposer, &submit);
        sprayer.send(Role::Acceptor, &submit);
        for (text, key) in [(line(1, 9), 1), (line(3, 3), 3)] {
            let keys = Keys::parse(&text).expect("it is one");
            let value = format!("forged {round} with key {key}\n");
            sprayer.send(Role::Proposer, &sealed(&keys, &submit, round, group(Role::Proposer), &value));
        }
        sprayer.send(Role::Proposer, &unsealed(&submit, round, &format!("forged {round} without a key\n")));
    }
    cluster.client(2, &inputs[1], &["--rate", "3000"]).succeeds();
    let printed = same_and_complete(&mut learners, &[&inputs[0], &inputs[1], EARLY]);
    assert!(!printed.contains("forged"));
    let said = leader.terminates().stderr;
    for (reason, least, sentence) in [
        ("replayed", 90, "again, or far too late"),
        ("misdirected", 90, "and not sent there: replayed"),
        ("forged", 90, "not sealed by key 1 as we have it"),
        ("sealed", 90, "sealed with key 3, which is not at hand"),
        ("unsealed", 90, "not sealed, but this configuration asks for a key"),
    ] {
        assert!(refused(&stats, reason) >= least, "{reason} in {}", fs::read_to_string(&stats).unwrap());
        assert!(said.contains(sentence), "{sentence}: {said}");
        // At once, and not again for as long as this takes.
        assert!(said.matches(sentence).count() <= 2, "{said}");
    }
}

/// What [`early`] submits.
const EARLY: &str = "of an early client\n";

/// A client that has submitted before anybody leads, so to the group: it would submit to a leader that it knows alone, and
/// whether it hears of one before it has read its first line is chance.
pub fn early(cluster: &Cluster) -> Proc {
    let mut client = cluster.client(9, EARLY, &["-v"]);
    client.says("> C9 submit");
    client
}

/// The first packet with values of a client, to the proposers' group.
pub fn submit_of(samples: &[Vec<u8>], keys: &Keys) -> Vec<u8> {
    let mut opener = Opener::new(keys.clone());
    let is_submit = |bytes: &&Vec<u8>| {
        opener.open(&mut bytes.to_vec()).is_ok_and(|packet| packet.kind == wire::Kind::Submit)
    };
    samples.iter().find(is_submit).expect("a client has submitted something").clone()
}

/// A client of a start to come that has some key.
pub fn sealed(keys: &Keys, like: &[u8], sequence: u64, to: std::net::SocketAddrV4, value: &str) -> Vec<u8> {
    let seal = Seal::of(like).expect("it is sealed");
    let me = Sender { incarnation: seal.sender.incarnation + 1, ..seal.sender };
    let layout = Layout { packet: 1472, cluster: seal.cluster, trailer: TRAILER_LEN };
    let mut buffer = vec![0; 1472];
    let stamp = Stamp { sequence, log: 0, flags: 0 };
    let sealer = Sealer::new(keys.first(), seal.cluster, me, false);
    let body = Submit { number: sequence.into() };
    let length = sealer.seal(&mut buffer, layout, me, stamp, to, &body, &[value.as_bytes()]);
    buffer.truncate(length);
    buffer
}

/// The same without a key.
pub fn unsealed(like: &[u8], sequence: u64, value: &str) -> Vec<u8> {
    let seal = Seal::of(like).expect("it is sealed");
    let me = Sender { incarnation: seal.sender.incarnation + 1, ..seal.sender };
    let layout = Layout { packet: 1472, cluster: seal.cluster, trailer: 0 };
    let mut buffer = vec![0; 1472];
    let stamp = Stamp { sequence, log: 0, flags: 0 };
    let body = Submit { number: sequence.into() };
    let length = wire::seal(&mut buffer, layout, me, stamp, &body, &[value.as_bytes()]);
    buffer.truncate(length);
    buffer
}

#[test]
fn a_cluster_that_was_founded_anew_accepts_nothing_of_its_former_life() {
    let cluster = cluster("");
    let listener = Listener::new(&cluster);
    let former = unique(1, 300);
    let samples = {
        // A client that begins before there is a log names none.
        let mut first = early(&cluster);
        let (mut acceptors, mut leader) = (cluster.acceptors([1, 2, 3]), cluster.role("proposer", 1, &[]));
        let mut learner = cluster.role("learner", 1, &[]);
        leader.says("leading in ballot");
        cluster.client(1, &former, &[]).succeeds();
        first.succeeds();
        learner.prints(301);
        acceptors.iter_mut().for_each(Proc::kill);
        leader.kill();
        learner.kill();
        listener.take_any(2000)
    };
    assert!(samples.len() > 10, "there was something to hear");
    let stats = cluster.conf().with_file_name("proposer.stats");
    let _acceptors = cluster.acceptors([1, 2, 3]);
    let mut leader = cluster.role("proposer", 1, &["--stats", stats.to_str().expect("a path of ours")]);
    leader.says("leading in ballot");
    let mut learners = cluster.learners([1, 2]);
    let new = unique(2, 300).replace("value", "new value");
    cluster.client(1, &new, &["--rate", "3000"]).succeeds();
    learners[0].prints(300);
    let mut sprayer = Sprayer::new(&cluster);
    // Even what its first packets said, which name no log, and of a client that nobody has heard of since.
    for packet in &samples {
        sprayer.send_all(packet);
    }
    cluster.client(2, "the last one\n", &[]).succeeds();
    let printed = same_and_complete(&mut learners, &[&new, "the last one\n"]);
    complete(&printed, &[&new, "the last one\n"]);
    leader.terminates();
    assert!(refused(&stats, "outdated") > 0 && refused(&stats, "misdirected") > 0);
}

#[test]
fn with_a_key_and_without_one_processes_do_not_mix_and_say_why() {
    let cluster = cluster("");
    let plain = cluster.write("plain.conf", cluster.text("", ""));
    let _acceptors = cluster.acceptors([1, 2, 3]);
    let mut leader = cluster.role("proposer", 1, &[]);
    leader.says("leading in ballot");
    let mut stranger = cluster.run(&["learner", "9"], &plain, &[], Stdio::null());
    stranger.says("sealed with key 1, which is not at hand");
    leader.says("not sealed, but this configuration asks for a key");
    assert!(leader.runs() && stranger.runs());
}

#[test]
fn a_file_of_keys_that_others_may_read_or_that_is_none_is_refused_with_what_to_do() {
    let cluster = cluster("");
    let path = cluster.conf().with_file_name("paxos.key");
    let says = |words: &str| {
        let said = cluster.role("acceptor", 1, &[]).fails().stderr;
        assert!(said.contains(words), "{said}");
    };
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).expect("it is ours");
    says("chmod go=");
    fs::remove_file(&path).expect("it is ours");
    says("make it with: paxos keygen");
    let keygen = |more: &[&str]| cluster.run(&["keygen"], &path, more, Stdio::null()).ends();
    assert_eq!(keygen(&[]).code, Some(0));
    assert_eq!(fs::metadata(&path).expect("it was made").permissions().mode() & 0o777, 0o600);
    assert_eq!(keygen(&["--append", "--id", "7"]).code, Some(0));
    assert!(keygen(&[]).stderr.contains("--append"));
    let mut acceptor = cluster.role("acceptor", 1, &[]);
    acceptor.says("sealing with key 1, and accepting key 7");
    until(|| if acceptor.runs() { Ok(()) } else { Err("it has ended".into()) });
}
