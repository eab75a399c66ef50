//! What is known of this host: plain data, read from the system by [`super::host`], judged by [`super::judge`].

use crate::conf::Conf;
use crate::engine::batch::Mode;
use std::net::{Ipv4Addr, SocketAddrV4};

/// What one doctor knows of its own host at the end.
#[derive(Clone, Debug)]
pub struct Facts {
    pub conf: Conf,
    pub host: String,
    pub link: Link,
    pub receive: Buffer,
    pub send: Buffer,
    /// How packets left: what the engine itself fell back to.
    pub sending: Mode,
    /// Whether the kernel reads runs of packets as one.
    pub gro: bool,
    /// Runs that came as one datagram.
    pub coalesced: u64,
    /// `net.ipv4.conf.*.rp_filter` as it holds for the interface: 0 off, 1 strict, 2 loose.
    pub reverse_path: Option<u8>,
    /// What it dropped during the course, on all interfaces of the host.
    pub reverse_path_drops: Option<u64>,
    /// What our own receive buffers dropped.
    pub drops: u32,
    /// What could not be sent: where to, and why.
    pub unsent: Vec<Unsent>,
    pub bridge: Option<Bridge>,
    pub querier: Querier,
    /// How far the host's clock was set forward or back during the course, nanoseconds, each time.
    pub steps: Vec<i64>,
    /// Seconds of the course.
    pub seconds: f64,
    /// How many hosts were said to run it.
    pub expected: Option<usize>,
}

/// The interface.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    pub name: String,
    pub index: u32,
    pub address: Ipv4Addr,
    pub mask: Option<Ipv4Addr>,
    pub loopback: bool,
    /// The longest IP packet, bytes.
    pub mtu: Option<u32>,
    /// Its other IPv4 addresses.
    pub more: Vec<Ipv4Addr>,
    /// Interfaces that reach other hosts, with their addresses.
    pub choices: Vec<(String, Ipv4Addr)>,
}

/// A socket buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Buffer {
    /// Bytes asked for.
    pub asked: usize,
    /// Bytes got; the kernel counts twice as many, for what packets cost beside their bytes.
    pub got: usize,
    /// The sysctl that bounds it, and its value.
    pub sysctl: &'static str,
    pub most: Option<u64>,
}

/// Packets that the kernel did not take.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unsent {
    pub to: SocketAddrV4,
    pub error: String,
    /// The system's number of the error.
    pub code: Option<i32>,
    pub packets: u64,
}

/// The bridge that the interface is, or belongs to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bridge {
    pub name: String,
    pub snooping: bool,
    pub querier: bool,
}

/// Whether somebody on the network asks for members of groups.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Querier {
    /// On loopback there is none, nor need be.
    NotNeeded,
    /// It takes root.
    NotAllowed,
    /// The system does not let us look.
    NotLooked,
    /// This one asked, or answered.
    Heard(Ipv4Addr),
    /// Nobody answered.
    Silent,
}

impl Link {
    /// Whether an address belongs to the interface's network.
    pub fn is_near(&self, address: Ipv4Addr) -> bool {
        let Some(mask) = self.mask.map(u32::from) else { return true };
        u32::from(self.address) & mask == u32::from(address) & mask
    }

    /// How many bits of the address are the network's.
    pub fn prefix(&self) -> u32 {
        self.mask.map_or(32, |mask| u32::from(mask).leading_ones())
    }
}
