//! Whoever started this process and watches it: what it is told, as sd_notify(3) has it.
//!
//! Ready, still alive, stopping, and a line for a person to read. A service manager that does not read its socket
//! must not stop us: what it does not take at once it is not told. Nothing here allocates after the start.

use super::stats::Stats;
use crate::limits::SUPERVISOR_MESSAGE as MESSAGE;
use crate::protocol::{Nanos, Notice};
use std::env;
use std::ffi::OsStr;
use std::fmt::{self, Display, Write};
use std::io;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::Duration;

/// How often the line for a person is told when nothing in it has changed but numbers.
const TOLD: Nanos = 10_000_000_000;
/// How soon it is told when something has.
const SOON: Nanos = 1_000_000_000;
/// How long the first word waits for a service manager whose queue is full.
const READY_PATIENCE: Duration = Duration::from_secs(5);

/// The service manager that listens.
#[derive(Debug)]
pub struct Supervisor {
    socket: UnixDatagram,
    /// How often it must hear that we live, if it asks for that: half of its patience.
    pulse: Option<Nanos>,
    /// When it is told something next.
    next: Nanos,
    /// When the line was told last.
    told: Nanos,
}

impl Supervisor {
    /// The one that the environment names: `NOTIFY_SOCKET`, `WATCHDOG_USEC` and `WATCHDOG_PID`.
    ///
    /// # Errors
    /// A sentence about a socket that cannot be reached.
    pub fn of_environment() -> Result<Option<Supervisor>, String> {
        let Some(name) = env::var_os("NOTIFY_SOCKET").filter(|name| !name.is_empty()) else {
            return Ok(None);
        };
        let number = |name: &str| env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
        let ours = number("WATCHDOG_PID").is_none_or(|pid| pid == u64::from(std::process::id()));
        let patience_us = number("WATCHDOG_USEC").filter(|us| ours && *us > 0);
        match Supervisor::at(&name, patience_us) {
            Ok(supervisor) => Ok(Some(supervisor)),
            Err(error) => Err(format!(
                "cannot tell the service manager at NOTIFY_SOCKET={} that we are ready: {error}",
                name.display()
            )),
        }
    }

    /// The one at this socket: a path, or a name in the abstract name space behind `@`. It takes us for hung after
    /// `patience_us`, if it watches.
    ///
    /// # Errors
    /// When nobody is there.
    pub fn at(name: &OsStr, patience_us: Option<u64>) -> io::Result<Supervisor> {
        let address = match name.as_bytes() {
            [b'@', name @ ..] => SocketAddr::from_abstract_name(name)?,
            _ => SocketAddr::from_pathname(name)?,
        };
        let socket = UnixDatagram::unbound()?;
        socket.connect_addr(&address)?;
        socket.set_write_timeout(Some(READY_PATIENCE))?;
        let pulse = patience_us.map(|us| (us.saturating_mul(1000) / 2).max(1));
        Ok(Supervisor { socket, pulse, next: 0, told: 0 })
    }

    /// Everything is open: whoever waited for this process may go on. This alone waits for a service manager that
    /// is busy, for it is said only once.
    pub fn ready(&mut self, now: Nanos) {
        self.tell("READY=1");
        let _ = self.socket.set_nonblocking(true); // a socket can be
        self.next = now;
    }

    /// When it must be told that we live, at the latest.
    pub fn next(&self) -> Nanos {
        self.next
    }

    /// The line has changed: it is told soon, and not with every change.
    pub fn changed(&mut self) {
        self.next = self.next.min(self.told + SOON);
    }

    /// Says that we live, and how we do.
    pub fn alive(&mut self, now: Nanos, how: impl Display) {
        let mut message = heapless::String::<MESSAGE>::new();
        if self.pulse.is_some() {
            let _ = message.push_str("WATCHDOG=1\n"); // it fits
        }
        let _ = write!(Cut(&mut message), "STATUS={how}"); // Cut takes all
        self.tell(&message);
        self.told = now;
        self.next = now + self.pulse.unwrap_or(TOLD).min(TOLD);
    }

    /// We end, in an orderly way.
    pub fn stopping(&mut self) {
        self.tell("STOPPING=1");
    }

    fn tell(&self, message: &str) {
        // Nobody may be there any more, or too busy to listen: that is theirs to find out.
        let _ = self.socket.send(message.as_bytes());
    }
}

/// How a process does, in a line.
pub struct Standing<'a> {
    /// What it said last of how it stands.
    pub standing: Option<Notice>,
    pub decided_until: u64,
    pub stats: &'a Stats,
}

impl fmt::Display for Standing<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(standing) = self.standing {
            write!(f, "{standing}; ")?;
        }
        let Stats { received, sent, drops, .. } = self.stats;
        write!(f, "decided below instance {}; {received} packets read, {sent} sent", self.decided_until)?;
        match self.stats.refusals() {
            0 => {}
            refused => write!(f, ", {refused} refused")?,
        }
        match drops {
            0 => Ok(()),
            drops => write!(f, ", {drops} dropped in receive buffers"),
        }
    }
}

/// Takes what fits, and no half character.
struct Cut<'a>(&'a mut heapless::String<MESSAGE>);

impl Write for Cut<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let mut end = text.len().min(self.0.capacity() - self.0.len());
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        let _ = self.0.push_str(&text[..end]); // there is room
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::scratch::Scratch;

    fn heard(socket: &UnixDatagram) -> String {
        let mut bytes = [0; 2 * MESSAGE];
        let length = socket.recv(&mut bytes).unwrap();
        String::from_utf8(bytes[..length].to_vec()).unwrap()
    }

    #[test]
    fn a_service_manager_hears_that_all_is_ready_then_every_half_of_its_patience_that_we_live() {
        let scratch = Scratch::new();
        let path = scratch.0.join("notify");
        let manager = UnixDatagram::bind(&path).unwrap();
        let mut supervisor = Supervisor::at(path.as_os_str(), Some(3_000_000)).unwrap();
        supervisor.ready(7);
        assert_eq!((heard(&manager).as_str(), supervisor.next()), ("READY=1", 7));
        supervisor.alive(7, "leading");
        assert_eq!(heard(&manager), "WATCHDOG=1\nSTATUS=leading");
        assert_eq!(supervisor.next(), 1_500_000_007);
        supervisor.changed();
        assert_eq!(supervisor.next(), SOON + 7);
        supervisor.stopping();
        assert_eq!(heard(&manager), "STOPPING=1");
    }

    #[test]
    fn without_a_watchdog_only_the_line_is_told_and_a_longer_one_is_cut() {
        let name = format!("paxos-test-{}-{}", std::process::id(), crate::engine::clock::random());
        let manager = UnixDatagram::bind_addr(&SocketAddr::from_abstract_name(&name).unwrap()).unwrap();
        let mut supervisor = Supervisor::at(OsStr::new(&format!("@{name}")), None).unwrap();
        supervisor.alive(0, "é".repeat(MESSAGE));
        let said = heard(&manager);
        assert!(said.starts_with("STATUS=éé") && said.len() > MESSAGE - 2, "{said}");
        assert_eq!(supervisor.next(), TOLD);
    }

    #[test]
    fn a_service_manager_that_does_not_listen_stops_nobody() {
        let scratch = Scratch::new();
        let path = scratch.0.join("notify");
        let manager = UnixDatagram::bind(&path).unwrap();
        let mut supervisor = Supervisor::at(path.as_os_str(), None).unwrap();
        supervisor.ready(0);
        for now in 0..10_000 {
            supervisor.alive(now, "busy"); // more than its socket holds
        }
        drop(manager);
        supervisor.stopping();
        assert!(Supervisor::at(path.as_os_str(), None).is_err());
    }

    #[test]
    fn how_a_process_does_is_a_line_without_what_did_not_happen() {
        let mut stats = Stats { received: 7, sent: 5, ..Stats::default() };
        let standing = Standing { standing: None, decided_until: 3, stats: &stats };
        assert_eq!(standing.to_string(), "decided below instance 3; 7 packets read, 5 sent");
        (stats.refused[0], stats.drops) = (2, 1);
        let standing = Standing { standing: Some(Notice::Blank), decided_until: 3, stats: &stats };
        let expected = format!(
            "{}; decided below instance 3; 7 packets read, 5 sent, 2 refused, 1 dropped in receive buffers",
            Notice::Blank
        );
        assert_eq!(standing.to_string(), expected);
    }
}
