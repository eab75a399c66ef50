//! Processes that a service manager starts: what it is told, what goes to its journal, which exit statuses say that a
//! restart mends nothing; and what packets of another version of the wire do, as they come during an upgrade.

use crate::cluster::spray::Sprayer;
use crate::cluster::values::unique;
use crate::cluster::{Cluster, PATIENCE, Proc, until};
use std::fs::File;
use std::mem::offset_of;
use std::os::unix::fs::MetadataExt;
use std::os::unix::net::UnixDatagram;
use std::time::{Duration, Instant};
use wire::{Header, Hello, Layout, Role, Sender, Stamp, VERSION};

/// A service manager's end: its socket, and what it asks for.
struct Manager {
    socket: UnixDatagram,
    path: String,
}

/// How long a manager waits for a sign of life before it takes a process for hung.
const WATCHDOG: Duration = Duration::from_secs(2);

impl Manager {
    fn new(cluster: &Cluster, name: &str) -> Manager {
        let path = cluster.write(name, ""); // only to have the path
        std::fs::remove_file(&path).expect("it was just written");
        let socket = UnixDatagram::bind(&path).expect("a socket can be made there");
        socket.set_read_timeout(Some(PATIENCE)).expect("it can wait");
        Manager { socket, path: path.to_str().expect("a path of ours").into() }
    }

    fn starts(&self, cluster: &Cluster, role: &str, id: u16) -> Proc {
        cluster.role_in(role, id, |_| {
            let watchdog_us = WATCHDOG.as_micros().to_string();
            vec![("NOTIFY_SOCKET", self.path.clone()), ("WATCHDOG_USEC", watchdog_us)]
        })
    }

    fn hears(&self) -> String {
        let mut bytes = [0; 4096];
        let length = self.socket.recv(&mut bytes).expect("something is said in time");
        String::from_utf8(bytes[..length].to_vec()).expect("it is text")
    }

    /// Waits for a message that contains this.
    fn hears_of(&self, words: &str) -> String {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let said = self.hears();
            if said.contains(words) {
                return said;
            }
            assert!(Instant::now() < deadline, "{words:?} is not said, but {said:?}");
        }
    }

    /// Forgets what was said already.
    fn forgets(&self) {
        self.socket.set_nonblocking(true).expect("a socket can be");
        while self.socket.recv(&mut [0; 4096]).is_ok() {}
        self.socket.set_nonblocking(false).expect("a socket can be");
    }
}

#[test]
fn a_service_manager_hears_that_a_process_is_ready_that_it_lives_and_that_it_stops() {
    let cluster = Cluster::with("", "data remembers-%i\n");
    let processes = [("acceptor", 1), ("acceptor", 2), ("acceptor", 3), ("proposer", 1), ("learner", 1)];
    let mut all: Vec<(Manager, Proc)> = processes
        .iter()
        .map(|(role, id)| {
            let manager = Manager::new(&cluster, &format!("{role}{id}.notify"));
            let process = manager.starts(&cluster, role, *id);
            (manager, process)
        })
        .collect();
    for (manager, process) in &mut all {
        assert_eq!(manager.hears(), "READY=1");
        // Ready is who has its sockets, and its log.
        assert!(process.stderr().contains(", cluster "), "{}", process.stderr());
    }
    cluster.client(1, "a value\n", &[]).succeeds();
    std::thread::scope(|scope| {
        for (manager, process) in &mut all {
            scope.spawn(|| {
                manager.forgets();
                let mut last = Instant::now();
                for _ in 0..3 {
                    manager.hears_of("WATCHDOG=1\nSTATUS=");
                    assert!(last.elapsed() < WATCHDOG, "a sign of life came after {:?}", last.elapsed());
                    last = Instant::now();
                }
                process.signal(libc::SIGHUP); // the reload of the units
                manager.hears_of("WATCHDOG=1");
            });
        }
    });
    let (leader, _) = &all[3];
    let said = leader.hears_of("STATUS=leading in ballot ");
    assert!(said.contains("; decided below instance "), "{said}");
    for (manager, process) in &mut all {
        manager.forgets(); // its queue is short
        process.terminates();
        manager.hears_of("STOPPING=1");
    }
}

#[test]
fn a_process_that_hangs_gives_no_sign_of_life() {
    let cluster = Cluster::new();
    let manager = Manager::new(&cluster, "notify");
    let mut process = manager.starts(&cluster, "proposer", 1);
    manager.hears_of("WATCHDOG=1");
    process.signal(libc::SIGSTOP);
    until(|| match std::fs::read_to_string(format!("/proc/{}/stat", process.pid())) {
        Ok(stat) if stat.contains(") T ") => Ok(()),
        other => Err(format!("it is not stopped: {other:?}")),
    });
    manager.forgets();
    manager.socket.set_read_timeout(Some(WATCHDOG)).expect("it can wait");
    assert!(manager.socket.recv(&mut [0; 4096]).is_err(), "a stopped process says nothing");
    manager.socket.set_read_timeout(Some(PATIENCE)).expect("it can wait");
    process.signal(libc::SIGCONT);
    manager.hears_of("WATCHDOG=1");
    process.terminates();
}

#[test]
fn a_manager_that_cannot_be_reached_is_named_and_stops_nobody() {
    let cluster = Cluster::new();
    let mut process = cluster.role_in("proposer", 1, |_| vec![("NOTIFY_SOCKET", "/nowhere/at/all".into())]);
    process.says("cannot tell the service manager at NOTIFY_SOCKET=/nowhere/at/all that we are ready");
    process.serves();
    process.terminates();
}

/// What names the journal to a process whose stderr goes there.
fn journal(stderr: &File) -> Vec<(&'static str, String)> {
    let file = stderr.metadata().expect("an open file has some");
    vec![("JOURNAL_STREAM", format!("{}:{}", file.dev(), file.ino()))]
}

#[test]
fn lines_for_the_journal_have_a_priority_and_no_time() {
    let cluster = Cluster::new();
    let mut process = cluster.role_in("proposer", 1, journal);
    process.says("campaigning");
    let said = process.terminates().stderr;
    assert!(said.starts_with("<6>proposer 1 on "), "{said}");
    assert!(said.lines().all(|line| line.starts_with("<6>") && !line.contains('\x1b')), "{said}");

    cluster.write("paxos.conf", "clients 1\nproposers 2\n");
    let ended = cluster.role_in("proposer", 1, journal).fails();
    assert!(ended.stderr.lines().count() > 1, "{}", ended.stderr);
    assert!(ended.stderr.lines().all(|line| line.starts_with("<3>")), "{}", ended.stderr);
}

#[test]
fn who_only_inherits_the_name_of_the_journal_talks_to_a_person() {
    let cluster = Cluster::new();
    let mut process = cluster.role_in("proposer", 1, |_| vec![("JOURNAL_STREAM", "1:1".into())]);
    process.says("campaigning");
    let said = process.terminates().stderr;
    assert!(said.starts_with("20") && said.contains(" INFO "), "{said}");
}

#[test]
fn the_exit_status_says_what_a_restart_does_not_mend() {
    let cluster = Cluster::new();
    assert_eq!(cluster.role("acceptor", 9, &[]).fails().code, Some(78), "9 is not one of the acceptors");
    let directory = cluster.conf().with_file_name("remembers");
    let of_1 = ["--data", directory.to_str().expect("a path of ours")];
    let mut owner = cluster.role("acceptor", 1, &of_1);
    owner.serves();
    assert_eq!(cluster.role("acceptor", 2, &of_1).fails().code, Some(1), "acceptor 1 may end");
    owner.terminates();
    assert_eq!(cluster.role("acceptor", 2, &of_1).fails().code, Some(78), "the directory is acceptor 1's");
    let foreign = cluster.write("foreign.conf", cluster.text("1 2 3", "interface no-such0\n"));
    let mut early = cluster.run(&["proposer", "1"], &foreign, &[], std::process::Stdio::null());
    assert_eq!(early.fails().code, Some(1), "an interface may come later");
    cluster.write("paxos.conf", "what is this\n");
    for role in ["acceptor", "proposer", "learner", "client"] {
        assert_eq!(cluster.role(role, 1, &[]).fails().code, Some(78), "of the {role}");
    }
}

#[test]
fn a_learner_whose_order_is_over_says_so_by_its_exit_status() {
    let cluster = Cluster::quick();
    let (mut acceptors, _proposers) = cluster.servers();
    let [mut learner] = cluster.learners([1]);
    cluster.client(1, "of the first log\n", &[]).succeeds();
    learner.prints(1);
    acceptors.iter_mut().for_each(Proc::kill);
    let _anew = cluster.acceptors([1, 2, 3]);
    let ended = learner.fails();
    assert_eq!(ended.code, Some(65), "{}", ended.stderr);
    assert!(ended.stderr.contains("began a new log"), "{}", ended.stderr);
    assert_eq!(ended.stdout, b"of the first log\n");
}

/// Sound packets but for the version.
fn of_versions(versions: [u8; 2]) -> [Vec<u8>; 2] {
    versions.map(|version| {
        let layout = Layout { packet: 1472, cluster: 7, trailer: 0 };
        let me = Sender { role: Role::Proposer, id: 7, incarnation: 99 };
        let stamp = Stamp { sequence: 0, log: 0, flags: 0 };
        let mut packet = vec![0; 1472];
        let length = wire::seal(&mut packet, layout, me, stamp, &Hello { answered: 0.into() }, &[]);
        packet.truncate(length);
        packet[offset_of!(Header, version)] = version;
        packet
    })
}

#[test]
fn packets_of_another_version_are_counted_and_named_by_every_role_and_harm_none() {
    let cluster = Cluster::new();
    let stats: Vec<_> =
        ["acceptor", "proposer", "learner", "client"].map(|role| cluster.write(role, "")).into();
    let counts = |at: usize| ["--stats", stats[at].to_str().expect("a path of ours")];
    let mut processes = vec![
        cluster.role("acceptor", 1, &counts(0)),
        cluster.role("proposer", 1, &counts(1)),
        cluster.role("learner", 1, &counts(2)),
        cluster.run(
            &["client", "3"],
            cluster.conf(),
            &[&counts(3)[..], &["-v"]].concat(),
            std::process::Stdio::piped(),
        ),
    ];
    let _rest = cluster.acceptors([2, 3]);
    for process in &mut processes {
        process.serves();
    }
    let mut sprayer = Sprayer::new(&cluster);
    let [older, newer] = of_versions([VERSION - 1, VERSION + 1]);
    for _ in 0..100 {
        sprayer.send_all(&older);
    }
    for process in &mut processes {
        process.says(&format!(
            "of another version of the wire, {}; this program speaks {VERSION}; ",
            VERSION - 1
        ));
    }
    for _ in 0..100 {
        sprayer.send_all(&newer);
    }
    let input = unique(1, 500);
    cluster.client(1, &input, &[]).succeeds();
    processes[2].prints(500);
    assert_eq!(processes[2].stdout(), input.as_bytes());
    drop(processes[3].take_stdin()); // the client ends when it has read all
    processes[3].succeeds();
    for process in &mut processes[..3] {
        process.terminates();
    }
    for path in &stats {
        let told = std::fs::read_to_string(path).expect("it was written at the end");
        let count = told.split_once("\"version\":").expect("it is told").1;
        let count: u32 = count.split([',', '}']).next().expect("a number").parse().expect("a number");
        // 200 to each of the groups that a role listens to, one to three of them.
        assert!(count > 100 && count <= 600, "{count}: {told}");
    }
}
