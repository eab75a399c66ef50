//! Real processes on loopback, and what the tests need to watch them.
//!
//! A [`Cluster`] is a directory with a `paxos.conf` whose groups nobody else uses; its methods start
//! processes. A [`Proc`] is one of them: it ends with its guard, by pid. Nothing here waits for a fixed time:
//! every wait is for something, with a deadline that only a hanging program meets.

pub mod json;
pub mod process;
pub mod spray;
pub mod values;

pub use process::{Ended, Proc};

use std::fs;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::{Duration, Instant};

/// How long anything may take that takes milliseconds on an idle machine.
pub const PATIENCE: Duration = Duration::from_secs(60);
/// Between two looks.
const GLANCE: Duration = Duration::from_millis(5);

/// Waits until `look` finds something; until then it says what is missing.
///
/// # Panics
/// With what `look` said last, when that takes longer than [`PATIENCE`].
#[track_caller]
pub fn until<T>(mut look: impl FnMut() -> Result<T, String>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        match look() {
            Ok(found) => return found,
            Err(missing) if Instant::now() >= deadline => panic!("after {} s: {missing}", PATIENCE.as_secs()),
            Err(_) => std::thread::sleep(GLANCE),
        }
    }
}

/// Four groups of their own and a directory for a configuration and everything that processes print.
pub struct Cluster {
    directory: PathBuf,
    /// The clients', proposers', acceptors' and learners' groups.
    pub groups: [SocketAddrV4; 4],
    started: AtomicU16,
    conf: PathBuf,
}

impl Cluster {
    /// With the four lines and `more`, which may hold any key but the groups; `ids` are the acceptors, or ""
    /// for the default.
    pub fn with(ids: &str, more: &str) -> Cluster {
        static CLUSTERS: AtomicU16 = AtomicU16::new(0);
        let number = CLUSTERS.fetch_add(1, Ordering::Relaxed);
        let pid = std::process::id();
        // Sockets are bound to the group's address, so an address per test process and ports per cluster
        // never meet.
        let [_, high, mid, low] = pid.to_be_bytes();
        let address = Ipv4Addr::new(239, 64 | high & 63, mid, low);
        let groups = [0, 1, 2, 3].map(|role| SocketAddrV4::new(address, 20_000 + number * 4 + role));
        let directory = std::env::temp_dir().join(format!("paxos-processes-{pid}-{number}"));
        let _ = fs::remove_dir_all(&directory); // of a process that had our pid before
        fs::create_dir_all(&directory).expect("the temporary directory can be written");
        let conf = directory.join("paxos.conf");
        let cluster = Cluster { directory, groups, started: AtomicU16::new(0), conf };
        cluster.write("paxos.conf", cluster.text(ids, more));
        cluster
    }

    /// With the four lines only.
    pub fn new() -> Cluster {
        Cluster::with("", "")
    }

    /// With heartbeats that are quick enough for tests in which somebody dies.
    pub fn quick() -> Cluster {
        Cluster::with("", "heartbeat 100ms\nsuspect 300ms\n")
    }

    /// The text of a configuration for these groups.
    pub fn text(&self, ids: &str, more: &str) -> String {
        let [clients, proposers, acceptors, learners] =
            self.groups.map(|group| format!("{} {}", group.ip(), group.port()));
        format!(
            "clients {clients}\nproposers {proposers}\nacceptors {acceptors} {ids}\nlearners {learners}\n{more}"
        )
    }

    /// The path of the configuration.
    pub fn conf(&self) -> &Path {
        &self.conf
    }

    /// Writes a file into the directory.
    pub fn write(&self, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
        let path = self.directory.join(name);
        fs::write(&path, bytes).expect("the temporary directory can be written");
        path
    }

    /// Runs `paxos` with these words, `conf` and `more`; stdout and stderr go to files.
    pub fn run(&self, words: &[&str], conf: &Path, more: &[&str], stdin: Stdio) -> Proc {
        let number = self.started.fetch_add(1, Ordering::Relaxed);
        let conf = conf.to_str().expect("a path of ours");
        let arguments: Vec<&str> = words.iter().chain([&conf]).chain(more).copied().collect();
        Proc::start(&self.directory.join(format!("{number:02}-{}", words.join("-"))), &arguments, stdin)
    }

    /// Starts a process of this role and id, without input.
    pub fn role(&self, role: &str, id: u16, more: &[&str]) -> Proc {
        self.run(&[role, &id.to_string()], &self.conf, more, Stdio::null())
    }

    /// Starts a process of this role and id with an environment of its own.
    pub fn role_in(
        &self,
        role: &str,
        id: u16,
        environment: impl FnOnce(&fs::File) -> Vec<(&'static str, String)>,
    ) -> Proc {
        let number = self.started.fetch_add(1, Ordering::Relaxed);
        let conf = self.conf.to_str().expect("a path of ours");
        let prefix = self.directory.join(format!("{number:02}-{role}-{id}"));
        Proc::start_in(&prefix, &[role, &id.to_string(), conf], environment)
    }

    pub fn acceptors<const N: usize>(&self, ids: [u16; N]) -> [Proc; N] {
        ids.map(|id| self.role("acceptor", id, &[]))
    }

    pub fn proposers<const N: usize>(&self, ids: [u16; N]) -> [Proc; N] {
        ids.map(|id| self.role("proposer", id, &[]))
    }

    pub fn learners<const N: usize>(&self, ids: [u16; N]) -> [Proc; N] {
        ids.map(|id| self.role("learner", id, &[]))
    }

    /// Three acceptors and two proposers.
    pub fn servers(&self) -> (Vec<Proc>, Vec<Proc>) {
        (self.acceptors([1, 2, 3]).into(), self.proposers([1, 2]).into())
    }

    /// Starts a client that reads `input` and then its end.
    pub fn client(&self, id: u16, input: impl AsRef<[u8]>, more: &[&str]) -> Proc {
        self.client_of(&self.conf, id, input, more)
    }

    /// The same with another configuration.
    pub fn client_of(&self, conf: &Path, id: u16, input: impl AsRef<[u8]>, more: &[&str]) -> Proc {
        let number = self.started.load(Ordering::Relaxed);
        let path = self.write(&format!("{number:02}-client-{id}.in"), input);
        let file = fs::File::open(path).expect("it was just written");
        self.run(&["client", &id.to_string()], conf, more, file.into())
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("what the processes printed is kept in {}", self.directory.display());
        } else {
            let _ = fs::remove_dir_all(&self.directory); // it is only a temporary directory
        }
    }
}
