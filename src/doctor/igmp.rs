//! Whether anybody on the network asks who listens to which group.
//!
//! A switch that snoops on IGMP sends multicast only to where members are. It learns of members when they join, and
//! forgets them after some minutes unless somebody, the querier, asks for them again. A querier asks every two minutes or
//! so, which is too long to wait for; but one must ask at once when it is told that a member has left (RFC 2236, 3). So we
//! join a group that nobody uses, say that we left it, and stay.

use crate::engine::sockets::{self, Via};
use crate::protocol::Nanos;
use std::io;
use std::net::{Ipv4Addr, SocketAddrV4, UdpSocket};

/// When to say that we left, after the start: the report of the joining needs a moment.
const LEAVE_AT: [Nanos; 3] = [400_000_000, 1_200_000_000, 2_500_000_000];

const IGMP: u8 = 2;
const MEMBERSHIP_QUERY: u8 = 0x11;
const LEAVE_GROUP: u8 = 0x17;
const ALL_ROUTERS: Ipv4Addr = Ipv4Addr::new(224, 0, 0, 2);

/// Asks for a querier, and hears it.
#[derive(Debug)]
pub struct Igmp {
    socket: UdpSocket,
    /// Keeps the group joined.
    _member: UdpSocket,
    group: Ipv4Addr,
    left: usize,
    pub heard: Option<Ipv4Addr>,
}

impl Igmp {
    /// `random` chooses the group.
    ///
    /// # Errors
    /// PermissionDenied for whoever may not open raw sockets.
    pub fn open(via: &Via, random: u64) -> io::Result<Igmp> {
        let socket = sockets::igmp(via)?;
        let [.., third, fourth] = random.to_be_bytes();
        // Of the range that belongs to nobody beyond this site (RFC 2365).
        let group = Ipv4Addr::new(239, 255, third, fourth);
        let member = sockets::group(SocketAddrV4::new(group, 9), via, 65_536).map_err(io::Error::other);
        Ok(Igmp { socket, _member: member?, group, left: 0, heard: None })
    }

    pub fn socket(&self) -> &UdpSocket {
        &self.socket
    }

    /// Reads what came, and says what is due, `since` the start.
    pub fn turn(&mut self, since: Nanos) {
        let mut packet = [0; 256];
        while let Ok((length, _)) = self.socket.recv_from(&mut packet) {
            self.heard = query(&packet[..length]).or(self.heard);
        }
        if self.heard.is_none() && LEAVE_AT.get(self.left).is_some_and(|at| since >= *at) {
            self.left += 1;
            // What is not sent is not answered, which is what then is said.
            let _ = self.socket.send_to(&leave(self.group), SocketAddrV4::new(ALL_ROUTERS, 0));
        }
    }
}

/// Who asks, when an IP packet is a query.
fn query(packet: &[u8]) -> Option<Ipv4Addr> {
    let header = usize::from(*packet.first()? & 15) * 4;
    let is_ours = packet[0] >> 4 == 4 && header >= 20 && *packet.get(9)? == IGMP;
    let source: [u8; 4] = packet.get(12..16)?.try_into().ok()?;
    (is_ours && *packet.get(header)? == MEMBERSHIP_QUERY).then(|| Ipv4Addr::from(source))
}

/// The message that says that the last member of a group has left.
fn leave(group: Ipv4Addr) -> [u8; 8] {
    let [a, b, c, d] = group.octets();
    let mut message = [LEAVE_GROUP, 0, 0, 0, a, b, c, d];
    let sum: u32 = message.chunks(2).map(|pair| u32::from(pair[0]) << 8 | u32::from(pair[1])).sum();
    let folded = (sum & 0xFFFF) + (sum >> 16);
    [message[2], message[3]] = (!(folded as u16)).to_be_bytes();
    message
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_names_who_asks_and_nothing_else_is_one() {
        let mut packet = vec![0x46, 0xC0, 0, 32, 0, 0, 0, 0, 1, 2, 0, 0, 10, 0, 0, 254, 224, 0, 0, 1];
        packet.extend([0x94, 4, 0, 0, 0x11, 100, 0, 0, 0, 0, 0, 0]);
        assert_eq!(query(&packet), Some(Ipv4Addr::new(10, 0, 0, 254)));
        for length in 0..25 {
            assert_eq!(query(&packet[..length]), None);
        }
        packet[24] = 0x16;
        assert_eq!(query(&packet), None);
    }

    #[test]
    fn the_checksum_of_a_leave_makes_the_sum_of_all_words_complete() {
        for group in [Ipv4Addr::new(239, 255, 0, 0), Ipv4Addr::new(239, 255, 255, 254)] {
            let sum: u32 = leave(group).chunks(2).map(|w| u32::from(w[0]) << 8 | u32::from(w[1])).sum();
            assert_eq!((sum & 0xFFFF) + (sum >> 16), 0xFFFF);
        }
    }
}
