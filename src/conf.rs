//! `paxos.conf`: what the processes of one cluster are told, read once at start.
//!
//! The file is one key a line, words separated by whitespace; `#` starts a comment anywhere. Four lines are
//! required and suffice, `clients|proposers|acceptors|learners ADDRESS PORT`; every other key has a default.
//! Nothing is ignored silently: what is not understood is refused with its line, its column and what to write
//! instead, and all of it in one go ([`Diagnostics`]). [`keys`] tells of each key.
//!
//! Durations are a number and `us`, `ms`, `s` or `m`. Sizes are a whole number of bytes, of `k` (1000), `M`
//! (1000²), `KiB` (1024) or `MiB` (1024²).
//!
//! Reading goes one way: `file` (bytes to text), `parse` (lines to words to a draft), `value` (one word to
//! one value); `key` knows the names, `diagnostics` collects what was wrong.

mod diagnostics;
mod file;
mod key;
mod parse;
#[cfg(test)]
mod tests;
mod value;

use std::fmt;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::time::Duration;

pub use diagnostics::Diagnostics;
pub use key::Told;
use key::{Key, Written};
pub use value::{duration_text, heartbeat, rate, reserve, size_text, status, suspect, trace_size, wait};

pub use crate::limits::ACCEPTORS_MAX;
use wire::{Layout, TRAILER_LEN};

const ACCEPTOR_IDS_DEFAULT: [u16; 3] = [1, 2, 3];

const TTL_DEFAULT: u8 = 1;
const TTL: RangeInclusive<u8> = 1..=u8::MAX;

/// Below 1280 bytes a full page of votes would not fit a packet; 9216 is the usual jumbo frame.
const MTU: RangeInclusive<u16> = 1280..=9216;
const MTU_DEFAULT: u16 = 1500;

const HEARTBEAT: RangeInclusive<Duration> = Duration::from_millis(1)..=Duration::from_secs(600);
/// How often processes say that they live when nothing else is said.
pub const HEARTBEAT_DEFAULT: Duration = Duration::from_secs(2);

const SUSPECT: RangeInclusive<Duration> = Duration::from_millis(1)..=Duration::from_secs(3600);
/// Silence after which a proposer is taken for dead when nothing else is said.
pub const SUSPECT_DEFAULT: Duration = Duration::from_secs(5);

/// A lower bound that costs a process little: 100 packets a second.
const STATUS: RangeInclusive<Duration> = Duration::from_millis(10)..=Duration::from_secs(3600);
/// How often a process tells how it is when nothing else is said.
pub const STATUS_DEFAULT: Duration = Duration::from_secs(1);

const RATE: RangeInclusive<u32> = 1..=u32::MAX;

/// The lower bound has room for the bytes of one full GSO send, 65,507.
const BUFFER: RangeInclusive<usize> = 64 * 1024..=1024 * 1024 * 1024;
/// Bytes of a socket buffer that are asked for when nothing else is said.
pub const BUFFER_DEFAULT: usize = 4 * 1024 * 1024;

/// What a machine has at most, and a volatile acceptor keeps.
const RESERVE: RangeInclusive<usize> = 0..=crate::limits::STORE_MAX;

/// The lower bound has room for four blocks in each of two files.
const TRACE_SIZE: RangeInclusive<usize> = 8 * crate::limits::TRACE_BLOCK_MIN..=1 << 40;

/// A configuration in which everything is valid.
///
/// Two are equal when they say the same under the same path, whether a value was written or is the default.
/// [`Display`](fmt::Display) prints it as a `paxos.conf` that [`Conf::parse`] reads back to an equal one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Conf {
    /// The file, as the user named it.
    pub path: PathBuf,
    /// The multicast group that clients listen to. No two of the four groups are the same.
    pub clients: SocketAddrV4,
    /// The multicast group that proposers listen to.
    pub proposers: SocketAddrV4,
    /// The multicast group that acceptors listen to.
    pub acceptors: SocketAddrV4,
    /// The multicast group that learners listen to.
    pub learners: SocketAddrV4,
    /// The acceptors of the cluster: ascending, distinct, 1 to [`ACCEPTORS_MAX`] of them. A majority is a
    /// quorum.
    pub acceptor_ids: Vec<u16>,
    /// Where the groups are joined and where packets leave.
    pub interface: Interface,
    /// How many hops a packet may take, 1 (never past a router) to 255.
    pub ttl: u8,
    /// Bytes of one IP datagram, 1280 to 9216. A packet is `mtu - 28`: the IPv4 and UDP headers come off.
    pub mtu: u16,
    /// How often a proposer says that it lives, 1 ms to 10 minutes, in whole microseconds.
    pub heartbeat: Duration,
    /// How long a proposer may be silent before it is thought dead: above `heartbeat`, up to an hour, in
    /// whole microseconds.
    pub suspect: Duration,
    /// The most values per second that one client submits, at least 1; `None` is no limit.
    pub rate: Option<u32>,
    /// Bytes to ask for as `SO_RCVBUF` and `SO_SNDBUF`, 64 KiB to 1 GiB. The kernel may give less, silently.
    pub buffer: usize,
    /// How often a process tells how it is, 10 ms to an hour, in whole microseconds; `None`: never.
    pub status: Option<Duration>,
    /// Bytes of memory that an acceptor takes at its start for what it will accept, up to 64 GiB; 0: it takes what it
    /// needs when it needs it.
    pub reserve: usize,
    /// The directory that acceptors remember in, as it was written: see [`Conf::data_of`]. `None`: they
    /// remember in memory only.
    pub data: Option<String>,
    /// The file of the keys that seal all packets, as it was written: see [`Conf::key_file`]. `None`: packets are not
    /// sealed.
    pub key: Option<String>,
    /// Whether sealed packets are encrypted as well. Never without `key`.
    pub encrypt: bool,
    written: Written,
}

/// The network interface of every socket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Interface {
    /// Nothing leaves this host. What no `interface` line means, and what `interface loopback` says.
    Loopback,
    /// By name, for example `eth0`: 1 to 15 bytes, not known to exist.
    Named(String),
    /// By one of its own addresses: not a group, not 0.0.0.0, not 255.255.255.255, not known to exist.
    Address(Ipv4Addr),
}

impl Conf {
    /// Reads the file at `path`.
    ///
    /// # Errors
    /// A file that is missing, unreadable, a directory, over 64 KiB, or not UTF-8; then as [`Conf::parse`].
    pub fn load(path: &Path) -> Result<Conf, Diagnostics> {
        let text = file::read_text(path)?;
        let conf = Conf::parse(&text, &path.to_string_lossy())?;
        // Not every path is UTF-8; the one that opens the file again is the one to keep.
        Ok(Conf { path: path.to_path_buf(), ..conf })
    }

    /// Reads a configuration from `text`; `path` is what the diagnostics call it.
    ///
    /// A byte order mark at the start and carriage returns at the ends of lines are fine.
    ///
    /// # Errors
    /// All that is wrong with the text, in the order of its lines. Never panics, whatever the text.
    pub fn parse(text: &str, path: &str) -> Result<Conf, Diagnostics> {
        parse::parse(text, path)
    }

    /// Exactly what all processes of a cluster must agree on: the groups, the acceptors, the packet size, and whether
    /// packets are sealed, for what fits a packet depends on it. With which keys is not part of it: they come and go.
    ///
    /// One canonical text per meaning, whatever the file's order, spacing and comments, and whether a default
    /// was written: made to be hashed into the cluster id. Changing its form changes every cluster's id.
    pub fn agreed(&self) -> String {
        let group = |role: &str, group: SocketAddrV4| format!("{role} {} {}", group.ip(), group.port());
        let ids: String = self.acceptor_ids.iter().map(|id| format!(" {id}")).collect();
        format!(
            "{}\n{}\n{}{ids}\n{}\nmtu {}\n{}",
            group("clients", self.clients),
            group("proposers", self.proposers),
            group("acceptors", self.acceptors),
            group("learners", self.learners),
            self.mtu,
            if self.key.is_some() { "sealed\n" } else { "" }
        )
    }

    /// The directory that acceptor `id` remembers in. One that is relative lies beside the configuration.
    pub fn data_of(&self, id: u16) -> Option<PathBuf> {
        let directory = data_directory(self.data.as_ref()?, id);
        Some(self.path.parent().unwrap_or(Path::new("")).join(directory))
    }

    /// The file of keys. One that is relative lies beside the configuration.
    pub fn key_file(&self) -> Option<PathBuf> {
        Some(self.path.parent().unwrap_or(Path::new("")).join(self.key.as_ref()?))
    }

    /// The packets that this configuration is about: how long they are, and what all have in common. Processes whose groups,
    /// acceptors or mtu differ, or of which one seals packets and one does not, have another `cluster`.
    pub fn layout(&self) -> Layout {
        Layout {
            packet: usize::from(self.mtu) - 28,
            cluster: twox_hash::XxHash3_64::oneshot(self.agreed().as_bytes()) as u32,
            trailer: if self.key.is_some() { TRAILER_LEN } else { 0 },
        }
    }

    /// Whether `id` is one of the cluster's acceptors.
    pub fn is_acceptor(&self, id: u16) -> bool {
        self.acceptor_ids.contains(&id)
    }

    fn group_text(&self, group: SocketAddrV4) -> String {
        let groups = [self.clients, self.proposers, self.acceptors, self.learners];
        let width = groups.iter().map(|group| group.ip().to_string().len()).max().unwrap_or(0);
        format!("{:<width$} {}", group.ip().to_string(), group.port())
    }

    fn value_text(&self, key: Key) -> String {
        match key {
            Key::Clients => self.group_text(self.clients),
            Key::Proposers => self.group_text(self.proposers),
            Key::Acceptors => {
                let ids: String = self.acceptor_ids.iter().map(|id| format!(" {id}")).collect();
                self.group_text(self.acceptors) + &ids
            }
            Key::Learners => self.group_text(self.learners),
            Key::Interface => self.interface.to_string(),
            Key::Ttl => self.ttl.to_string(),
            Key::Mtu => self.mtu.to_string(),
            Key::Heartbeat => value::duration_text(self.heartbeat),
            Key::Suspect => value::duration_text(self.suspect),
            Key::Rate => self.rate.map_or("none".to_string(), |rate| rate.to_string()),
            Key::Buffer => value::size_text(self.buffer),
            Key::Status => self.status.map_or("off".to_string(), value::duration_text),
            Key::Reserve => value::size_text(self.reserve),
            Key::Data => self.data.clone().unwrap_or("none".to_string()),
            Key::Keys => self.key.clone().unwrap_or("none".to_string()),
            Key::Encrypt => if self.encrypt { "yes" } else { "no" }.to_string(),
        }
    }
}

/// All keys, as a person is told of them.
pub fn keys() -> impl Iterator<Item = Told> {
    Key::ALL.into_iter().map(Key::told)
}

/// The directory that the value of `data` names for acceptor `id`, as far as it is relative: `%i` stands for
/// the id.
pub fn data_directory(data: &str, id: u16) -> PathBuf {
    data.replace("%i", &id.to_string()).into()
}

/// What `paxos check CONF` prints: every key, columns aligned, `# default` behind what the file left out.
impl fmt::Display for Conf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rows = Key::ALL.map(|key| (key, format!("{:<9}  {}", key.name(), self.value_text(key))));
        let width = rows.iter().map(|(_, row)| row.chars().count()).max().unwrap_or(0);
        for (key, row) in rows {
            match key {
                _ if self.written.has(key) => writeln!(f, "{row}")?,
                Key::Acceptors => writeln!(f, "{row:<width$}  # default ids")?,
                _ => writeln!(f, "{row:<width$}  # default")?,
            }
        }
        Ok(())
    }
}

/// The value of an `interface` line.
impl fmt::Display for Interface {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Interface::Loopback => f.write_str("loopback"),
            Interface::Named(name) => f.write_str(name),
            Interface::Address(address) => write!(f, "{address}"),
        }
    }
}
