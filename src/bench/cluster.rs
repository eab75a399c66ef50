//! A cluster of real processes, on the loopback interface or on the hosts of a LAN.

use super::child::Process;
use super::lan::{self, Lan};
use super::procfs;
use super::setting::{Seal, Setting};
use super::temporary::Temporary;
use crate::conf::{duration_text, size_text};
use crate::keygen;
use std::ffi::OsStr;
use std::fs;
use std::net::{Ipv4Addr, SocketAddrV4, UdpSocket};
use std::path::PathBuf;
use std::process::{ChildStdin, ChildStdout, Stdio};
use std::rc::Rc;
use std::thread::sleep;
use std::time::{Duration, Instant};
use wire::{Keys, Role};

/// The file of keys, beside the configuration.
const KEY_FILE: &str = "paxos.key";

/// How long acceptors may take to have their memory.
const PATIENCE: Duration = Duration::from_secs(60);

pub struct Cluster {
    // In this order: processes end before their directories go.
    members: Vec<Member>,
    directory: Temporary,
    data: Option<Temporary>,
    trace: Option<(PathBuf, usize)>,
    lan: Option<Rc<Lan>>,
    /// In the order of [`Role::GROUPS`].
    groups: [SocketAddrV4; 4],
}

struct Member {
    role: Role,
    id: u16,
    process: Process,
    stats: PathBuf,
}

/// The pipes of processes that were started.
#[derive(Default)]
pub struct Pipes {
    pub clients: Vec<ChildStdin>,
    pub learners: Vec<ChildStdout>,
}

/// What the processes of a cluster counted, all together.
#[derive(Clone, Copy, Debug, Default)]
pub struct Counts {
    pub packets_sent: u64,
    pub packets_unsent: u64,
    pub packets_refused: u64,
    pub receive_drops: u64,
    /// Of each role, in the order of [`Role::GROUPS`].
    pub sent_again: [u64; 4],
    /// Processes that had to do without sending, or without receiving, runs of packets as one.
    pub slow_paths: u64,
    /// Packets in traces, and those that traces lack because the disk did not keep up.
    pub traced: [u64; 2],
}

impl Cluster {
    /// Starts all processes.
    ///
    /// # Errors
    /// A sentence about what the system did not grant.
    pub fn start(setting: &Setting) -> Result<(Cluster, Pipes), String> {
        let directory = Temporary::below(&std::env::temp_dir())?;
        let data = setting.data.as_deref().map(Temporary::below).transpose()?;
        let conf = directory.path().join("paxos.conf");
        let groups = free_groups()?;
        let written = fs::write(&conf, text(setting, groups));
        written.map_err(|error| format!("{}: {error}", conf.display()))?;
        if setting.seal != Seal::No {
            keygen::create(&directory.path().join(KEY_FILE), None)?;
        }
        let lan = setting.lan.clone();
        let trace = setting.trace.clone();
        if let Some((directory, _)) = &trace {
            let made = fs::create_dir_all(directory);
            made.map_err(|error| format!("--trace {}: {error}", directory.display()))?;
        }
        let mut cluster = Cluster { members: Vec::new(), directory, data, trace, lan, groups };
        let mut pipes = Pipes::default();
        for (role, id) in setting.members() {
            if role != Role::Acceptor {
                cluster.wait_for_memory(setting.reserve)?;
            }
            cluster.add(role, id, &mut pipes)?;
        }
        Ok((cluster, pipes))
    }

    /// Until every acceptor has taken what it is to take before it begins.
    fn wait_for_memory(&mut self, bytes: usize) -> Result<(), String> {
        let deadline = Instant::now() + PATIENCE;
        while self.pids(Role::Acceptor).any(|pid| procfs::peak_memory_kib(pid) < bytes as u64 >> 10) {
            self.check()?;
            if Instant::now() > deadline {
                let kib = bytes >> 10;
                return Err(format!(
                    "no memory of {kib} KiB for each acceptor within {} s",
                    PATIENCE.as_secs()
                ));
            }
            sleep(Duration::from_millis(10));
        }
        Ok(())
    }

    /// Starts one more process, or one again that was killed.
    ///
    /// # Errors
    /// A sentence about what the system did not grant.
    pub fn add(&mut self, role: Role, id: u16, pipes: &mut Pipes) -> Result<(), String> {
        let file = |end: &str| self.directory.path().join(format!("{role}-{id}.{end}"));
        let (conf, stats) = (self.directory.path().join("paxos.conf"), file("stats"));
        let (name, number) = (role.to_string(), id.to_string());
        let mut arguments: Vec<&OsStr> =
            vec![name.as_ref(), number.as_ref(), conf.as_ref(), "--stats".as_ref(), stats.as_ref()];
        let data = self.data.as_ref().map(|data| data.path().join(format!("acceptor-{id}")));
        if let Some(data) = data.as_ref().filter(|_| role == Role::Acceptor) {
            arguments.extend([OsStr::new("--data"), data.as_ref()]);
        }
        let trace = self
            .trace
            .as_ref()
            .map(|(directory, snap)| (directory.join(format!("{role}-{id}.pcapng")), snap.to_string()));
        if let Some((file, snap)) = &trace {
            arguments.extend(["--trace".as_ref(), file.as_os_str(), "--trace-snap".as_ref(), snap.as_ref()]);
        }
        let stdin = if role == Role::Client { Stdio::piped() } else { Stdio::null() };
        let stdout = if role == Role::Learner { Stdio::piped() } else { Stdio::null() };
        let network = self.lan.as_ref().map(|lan| lan.host(role, id));
        let mut process = Process::start(&arguments, (stdin, stdout), file("log"), network)?;
        pipes.clients.extend(process.take_stdin());
        pipes.learners.extend(process.take_stdout());
        self.members.push(Member { role, id, process, stats });
        Ok(())
    }

    /// Kills a process (SIGKILL). What it counted is lost.
    pub fn kill(&mut self, role: Role, id: u16) {
        self.members.retain(|member| (member.role, member.id) != (role, id));
    }

    /// The group that processes of this role listen to.
    pub fn group(&self, role: Role) -> SocketAddrV4 {
        self.groups[role as usize - 1]
    }

    /// The keys that its packets are sealed with; none: they are not.
    ///
    /// # Errors
    /// A sentence when the file cannot be read any more.
    pub fn keys(&self) -> Result<Option<Keys>, String> {
        let path = self.directory.path().join(KEY_FILE);
        if !path.exists() {
            return Ok(None);
        }
        Keys::load(&path).map(Some).map_err(|error| error.to_string())
    }

    /// # Errors
    /// A sentence when a process does not run any more.
    pub fn check(&mut self) -> Result<(), String> {
        self.members.iter_mut().try_for_each(|member| member.process.check_runs())
    }

    /// CPU time of all processes of each role so far, nanoseconds, in the order of [`Role::GROUPS`].
    pub fn cpu_ns(&self) -> [u64; 4] {
        Role::GROUPS.map(|role| self.pids(role).map(procfs::cpu_ns).sum())
    }

    /// The most memory that a process of each role has had, KiB, in the order of [`Role::GROUPS`].
    pub fn peak_memory_kib(&self) -> [u64; 4] {
        Role::GROUPS.map(|role| self.pids(role).map(procfs::peak_memory_kib).max().unwrap_or(0))
    }

    fn pids(&self, role: Role) -> impl Iterator<Item = u32> {
        self.members.iter().filter(move |member| member.role == role).map(|member| member.process.pid())
    }

    /// Waits for the end of the clients, whose stdin has ended; then ends everything else.
    ///
    /// # Errors
    /// A sentence about the first process that did not end with success.
    pub fn end(&mut self) -> Result<Counts, String> {
        let (clients, others): (Vec<_>, Vec<_>) =
            self.members.iter_mut().partition(|member| member.role == Role::Client);
        for client in clients {
            client.process.succeeds()?;
        }
        others.iter().for_each(|member| member.process.terminate());
        for member in others {
            member.process.succeeds()?;
        }
        let mut counts = Counts::default();
        for member in &self.members {
            let text = fs::read_to_string(&member.stats);
            counts
                .add(member.role, &text.map_err(|error| format!("{}: {error}", member.stats.display()))?)?;
        }
        Ok(counts)
    }
}

impl Counts {
    /// Adds what one process wrote.
    fn add(&mut self, role: Role, text: &str) -> Result<(), String> {
        let word = |key: &str| {
            let after = text.split_once(&format!("\"{key}\":")).map(|(_, after)| after)?;
            after.split([',', '}']).next()
        };
        let number = |key: &str| {
            word(key).and_then(|word| word.parse::<u64>().ok()).ok_or(format!("no number {key} in {text}"))
        };
        self.packets_sent += number("packets_sent")?;
        self.packets_unsent += number("packets_unsent")?;
        self.packets_refused += number("packets_refused")?;
        self.receive_drops += number("receive_drops")?;
        self.traced[0] += number("packets_traced")?;
        self.traced[1] += number("trace_left_out")?;
        self.sent_again[role as usize - 1] += number("sent_again")?;
        self.slow_paths += u64::from(word("gso") != Some("true") || word("gro") != Some("true"));
        Ok(())
    }
}

fn text(setting: &Setting, groups: [SocketAddrV4; 4]) -> String {
    let [clients, proposers, acceptors, learners] =
        groups.map(|group| format!("{} {}", group.ip(), group.port()));
    let interface = if setting.lan.is_some() { lan::INTERFACE } else { "loopback" };
    let ids: String = (1..=setting.acceptors).map(|id| format!(" {id}")).collect();
    format!(
        "clients {clients}\nproposers {proposers}\nacceptors {acceptors}{ids}\nlearners {learners}\n\
         interface {interface}\nmtu {}\nheartbeat {}\nsuspect {}\nreserve {}\n{}",
        setting.mtu,
        duration_text(setting.heartbeat),
        duration_text(setting.suspect),
        size_text(setting.reserve),
        match setting.seal {
            Seal::No => String::new(),
            Seal::Key => format!("key {KEY_FILE}\n"),
            Seal::Encrypt => format!("key {KEY_FILE}\nencrypt yes\n"),
        }
    )
}

/// Groups that nobody on this host listens to.
///
/// # Errors
/// A sentence when there are none.
pub fn free_groups<const N: usize>() -> Result<[SocketAddrV4; N], String> {
    let [_, high, mid, low] = std::process::id().to_be_bytes();
    let address = Ipv4Addr::new(239, 192 | high & 63, mid, low);
    let mut found = Vec::new();
    for port in 20_000..30_000 {
        let group = SocketAddrV4::new(address, port);
        // Without SO_REUSEADDR this fails where anybody has the port of this group. Bound to the group, it
        // receives nothing before it joins.
        if UdpSocket::bind(group).is_ok() {
            found.push(group);
        }
        if let Ok(groups) = <[SocketAddrV4; N]>::try_from(found.as_slice()) {
            return Ok(groups);
        }
    }
    Err(format!("no {N} free ports for groups of {address}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conf::Conf;

    #[test]
    fn the_configuration_is_understood() {
        let [heartbeat, suspect] = [50, 150].map(Duration::from_millis);
        let setting = Setting { acceptors: 5, mtu: 9000, heartbeat, suspect, ..Setting::example() };
        let groups = free_groups().expect("there are free ports");
        let directory = Temporary::below(&std::env::temp_dir()).expect("it can be made");
        let path = directory.path().join("conf");
        fs::write(&path, text(&setting, groups)).expect("it can be written");
        let conf = Conf::load(&path).unwrap_or_else(|wrong| panic!("{wrong}"));
        assert_eq!((conf.acceptor_ids.as_slice(), conf.mtu), ([1, 2, 3, 4, 5].as_slice(), 9000));
        assert_eq!((conf.heartbeat, conf.suspect), (heartbeat, suspect));
        assert_eq!([conf.clients, conf.proposers, conf.acceptors, conf.learners], groups);
    }

    #[test]
    fn the_counts_of_processes_are_added() {
        let mut counts = Counts::default();
        let line = "{\"role\":\"learner\",\"id\":2,\"packets_sent\":7,\"packets_unsent\":1,\"packets_refused\":0,\
                    \"receive_drops\":3,\"sent_again\":4,\"packets_traced\":0,\"trace_left_out\":0,\"gso\":true,\"gro\":false}\n";
        counts
            .add(Role::Learner, line)
            .and_then(|()| counts.add(Role::Client, line))
            .expect("it has all counts");
        assert_eq!((counts.packets_sent, counts.receive_drops, counts.sent_again), (14, 6, [4, 0, 0, 4]));
        assert_eq!((counts.packets_unsent, counts.slow_paths), (2, 2));
        assert!(counts.add(Role::Client, "{}").unwrap_err().contains("packets_sent"));
    }
}
