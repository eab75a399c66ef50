//! Reads from the system what [`super::facts`] holds. What cannot be read is not known, and never an error.

use super::facts::{Bridge, Buffer, Link};
use crate::engine::sockets::{self, Via};
use std::fs;
use std::net::{Ipv4Addr, UdpSocket};
use std::path::{Path, PathBuf};

/// The host's name.
pub fn name() -> String {
    let name = rustix::system::uname().nodename().to_string_lossy().into_owned();
    if name.is_empty() { "unnamed".into() } else { name }
}

/// `mtu`: the longest packet that it takes, see [`sockets::longest_packet`].
pub fn link(via: &Via, mtu: Option<u32>) -> Link {
    let all = sockets::interfaces().unwrap_or_default();
    // A second address may be listed under a label such as eth0:1.
    let of_it = || all.iter().filter(|interface| interface.index == via.index);
    let listed = of_it().find(|interface| interface.address == Some(via.address));
    let mut choices: Vec<_> = all
        .iter()
        .filter(|interface| interface.reaches_others())
        .filter_map(|interface| Some((interface.name.clone(), interface.address?)))
        .collect();
    choices.sort();
    Link {
        name: via.name.clone(),
        index: via.index,
        address: via.address,
        mask: listed.and_then(|interface| interface.mask),
        loopback: via.loopback,
        mtu,
        more: of_it().filter_map(|interface| interface.address).filter(|one| *one != via.address).collect(),
        choices,
    }
}

/// The address of all hosts of the interface's network; `None` where there are no more than two.
pub fn broadcast(via: &Via) -> Option<Ipv4Addr> {
    let link = link(via, None);
    let mask = link.mask.filter(|_| !link.loopback && link.prefix() <= 30)?;
    Some(link.address | !mask)
}

pub fn receive_buffer(socket: &UdpSocket, asked: usize) -> Buffer {
    let sysctl = "net.core.rmem_max";
    Buffer { asked, got: sockets::receive_space(socket) / 2, sysctl, most: sysctl_value(sysctl) }
}

pub fn send_buffer(socket: &UdpSocket, asked: usize) -> Buffer {
    let sysctl = "net.core.wmem_max";
    Buffer { asked, got: sockets::send_space(socket) / 2, sysctl, most: sysctl_value(sysctl) }
}

/// How strict the check of sources is: the stricter of what is set for all interfaces and for this one.
pub fn reverse_path(via: &Via) -> Option<u8> {
    let of = |name: &str| number(&Path::new("/proc/sys/net/ipv4/conf").join(name).join("rp_filter"));
    let strictness = of("all")?.max(of(&via.name)?);
    u8::try_from(strictness).ok()
}

/// Packets that the check of sources has dropped since the host started.
pub fn reverse_path_drops() -> Option<u64> {
    counter(&fs::read_to_string("/proc/net/netstat").ok()?, "TcpExt:", "IPReversePathFilter")
}

/// The bridge that the interface is, or is a port of.
pub fn bridge(via: &Via) -> Option<Bridge> {
    let own = class(&via.name);
    let (name, directory) = if own.join("bridge").is_dir() {
        (via.name.clone(), own)
    } else {
        let directory = fs::canonicalize(own.join("master")).ok()?;
        (directory.file_name()?.to_str()?.to_owned(), directory)
    };
    let set = |file: &str| number(&directory.join("bridge").join(file)).map(|value| value > 0);
    Some(Bridge { name, snooping: set("multicast_snooping")?, querier: set("multicast_querier")? })
}

fn class(interface: &str) -> PathBuf {
    // A label is no interface of its own.
    Path::new("/sys/class/net").join(interface.split(':').next().unwrap_or_default())
}

fn sysctl_value(name: &str) -> Option<u64> {
    number(&Path::new("/proc/sys").join(name.replace('.', "/")))
}

fn number(path: &Path) -> Option<u64> {
    fs::read_to_string(path).ok()?.trim().parse().ok()
}

/// A counter of a file in which a line of names comes before each line of values.
fn counter(text: &str, kind: &str, name: &str) -> Option<u64> {
    let mut lines = text.lines().filter(|line| line.starts_with(kind));
    let (names, values) = (lines.next()?, lines.next()?);
    let at = names.split_whitespace().position(|word| word == name)?;
    values.split_whitespace().nth(at)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_counter_is_found_by_the_name_above_it() {
        let text = "TcpExt: SyncookiesSent IPReversePathFilter PAWSActive\nTcpExt: 0 17 3\nIpExt: InNoRoutes\nIpExt: 5\n";
        assert_eq!(counter(text, "TcpExt:", "IPReversePathFilter"), Some(17));
        assert_eq!(counter(text, "IpExt:", "InNoRoutes"), Some(5));
        assert_eq!(counter(text, "TcpExt:", "Unknown"), None);
        assert_eq!(counter("", "TcpExt:", "PAWSActive"), None);
    }
}
