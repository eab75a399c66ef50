//! Networks of our own, apart from the host's: nothing leaves them, and they end with the processes in them.

use rustix::thread::{LinkNameSpaceType, UnshareFlags, move_into_link_name_space, unshare_unsafe};
use std::fs::{self, File};
use std::io;
use std::os::fd::{AsFd, AsRawFd};
use std::path::Path;
use std::process::Command;

/// A network, kept as long as this or a process in it.
#[derive(Debug)]
pub struct Namespace(File);

impl Namespace {
    /// A new one, which has nothing but a loopback interface that is down.
    ///
    /// # Errors
    /// Those of the system; it takes the rights that one has after [`leave`].
    pub fn new() -> io::Result<Namespace> {
        let made = within(|| {
            unshare(UnshareFlags::NEWNET)?;
            Namespace::present()
        });
        made?
    }

    /// That of this thread.
    ///
    /// # Errors
    /// Those of reading /proc.
    pub fn present() -> io::Result<Namespace> {
        File::open("/proc/thread-self/ns/net").map(Namespace)
    }

    /// Another handle of it.
    ///
    /// # Errors
    /// When there are too many open files.
    pub fn share(&self) -> io::Result<Namespace> {
        self.0.try_clone().map(Namespace)
    }

    /// A path by which other programs find it, as long as this lives.
    pub fn path(&self) -> String {
        format!("/proc/{}/fd/{}", std::process::id(), self.0.as_raw_fd())
    }

    /// Moves the calling thread into it. One system call, which a child may make before it becomes a program.
    ///
    /// # Errors
    /// Those of the system.
    pub fn enter(&self) -> io::Result<()> {
        Ok(move_into_link_name_space(self.0.as_fd(), Some(LinkNameSpaceType::Network))?)
    }

    /// Does something in it: sockets that are opened there stay there.
    ///
    /// # Errors
    /// A sentence when the system does not let us in.
    pub fn visit<T: Send>(&self, what: impl FnOnce() -> T + Send) -> Result<T, String> {
        let done = within(|| self.enter().map(|()| what()));
        done.and_then(|done| done).map_err(|error| format!("cannot enter a network namespace: {error}"))
    }
}

/// Does something in a thread of its own, for a namespace belongs to a thread.
fn within<T: Send>(what: impl FnOnce() -> T + Send) -> io::Result<T> {
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().spawn_scoped(scope, what)?;
        thread.join().map_err(|_| io::Error::other("a thread has failed"))
    })
}

/// Leaves the host's network for one of our own. Processes and threads started from here on are in it as well, so
/// this must come before any other thread. `why` is the option or command that needs it.
///
/// # Errors
/// A sentence about what is not permitted.
pub fn leave(why: &str) -> Result<(), String> {
    left().map_err(|error| {
        format!(
            "{why} needs a network namespace of its own, which this system does not permit ({error}); run it as \
             root, or where users may make namespaces (sysctl kernel.unprivileged_userns_clone, user.max_user_namespaces)"
        )
    })
}

/// Leaves the host's network for one that has nothing but a loopback interface, and drops this part, in
/// percent, of the datagrams that come in there, multicast or not. See [`leave`].
///
/// # Errors
/// A sentence about what is missing or not permitted.
pub fn with_loss(percent: f64) -> Result<(), String> {
    const WHY: &str = "--loss";
    leave(WHY)?;
    ip(WHY, "link set lo up")?;
    ip(WHY, "link set lo multicast on")?;
    // Else a run of packets (UDP_SEGMENT) would be lost or kept as one.
    ip(WHY, "link set lo gso_max_segs 1")?;
    let probability = percent / 100.0;
    let rule = format!("-A INPUT -p udp -m statistic --mode random --probability {probability} -j DROP");
    command(WHY, "iptables", &rule, "install iptables with its `statistic` match").map(drop)
}

fn left() -> io::Result<()> {
    if unshare(UnshareFlags::NEWNET).is_ok() {
        return Ok(());
    }
    // Whoever is root only in a user namespace of their own may make a network there.
    let (user, group) = (rustix::process::geteuid().as_raw(), rustix::process::getegid().as_raw());
    unshare(UnshareFlags::NEWUSER | UnshareFlags::NEWNET)?;
    let map = |name: &str, text: String| fs::write(Path::new("/proc/self").join(name), text);
    map("setgroups", "deny".into())?;
    map("uid_map", format!("0 {user} 1"))?;
    map("gid_map", format!("0 {group} 1"))
}

fn unshare(flags: UnshareFlags) -> io::Result<()> {
    // SAFETY: of what unshare may pull away from under others (descriptors, the address space) the flags that are
    // given here name nothing; a network namespace changes no memory.
    Ok(unsafe { unshare_unsafe(flags) }?)
}

fn ip(why: &str, words: &str) -> Result<(), String> {
    command(why, "ip", words, "install iproute2").map(drop)
}

/// Runs a program with these words; returns what it prints.
///
/// # Errors
/// A sentence when it fails or is not there, which ends in an advice.
pub fn command(why: &str, program: &str, words: &str, advice: &str) -> Result<String, String> {
    let mut command = Command::new(program);
    // As root of a user namespace we may not write where iptables keeps its lock.
    command.env("XTABLES_LOCKFILE", "/dev/null");
    match command.args(words.split_whitespace()).output() {
        Ok(output) if output.status.success() => Ok(String::from_utf8_lossy(&output.stdout).into_owned()),
        Ok(output) => Err(format!(
            "{why}: `{program} {words}` failed: {}; {advice}",
            String::from_utf8_lossy(&output.stderr).trim()
        )),
        Err(error) => Err(format!("{why}: {program} cannot be started ({error}); {advice}")),
    }
}
