//! Link types: what a frame begins with, and where IP begins in it.
//!
//! <https://www.tcpdump.org/linktypes.html>

use etherparse::EtherType;
use std::fmt;

/// The number by which a capture names the kind of its frames.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LinkType(pub u32);

impl LinkType {
    pub const NULL: LinkType = LinkType(0);
    pub const ETHERNET: LinkType = LinkType(1);
    /// Raw IP under the numbers that some systems have for it.
    pub const RAW_BSD: LinkType = LinkType(12);
    pub const RAW_OPENBSD: LinkType = LinkType(14);
    pub const RAW: LinkType = LinkType(101);
    pub const LOOP: LinkType = LinkType(108);
    pub const LINUX_COOKED: LinkType = LinkType(113);
    pub const IPV4: LinkType = LinkType(228);
    pub const IPV6: LinkType = LinkType(229);
    pub const LINUX_COOKED_2: LinkType = LinkType(276);

    /// All that [`LinkType::network`] understands.
    pub const SUPPORTED: [LinkType; 10] = [
        LinkType::NULL,
        LinkType::ETHERNET,
        LinkType::RAW_BSD,
        LinkType::RAW_OPENBSD,
        LinkType::RAW,
        LinkType::LOOP,
        LinkType::LINUX_COOKED,
        LinkType::IPV4,
        LinkType::IPV6,
        LinkType::LINUX_COOKED_2,
    ];

    pub fn is_supported(self) -> bool {
        LinkType::SUPPORTED.contains(&self)
    }

    /// What follows the header of the link in `frame`: its Ethernet type and its bytes. `None` when the frame
    /// ends in the header, or the link type is not supported.
    pub fn network(self, frame: &[u8]) -> Option<(EtherType, &[u8])> {
        // Where IP begins, and where the Ethernet type stands before it.
        let (header, ether_type) = match self {
            LinkType::ETHERNET => (14, 12),
            LinkType::LINUX_COOKED => (16, 14),
            LinkType::LINUX_COOKED_2 => (20, 0),
            LinkType::NULL | LinkType::LOOP => {
                let (family, payload) = frame.split_first_chunk()?;
                return Some((family_type(*family), payload));
            }
            LinkType::RAW_BSD | LinkType::RAW_OPENBSD | LinkType::RAW | LinkType::IPV4 | LinkType::IPV6 => {
                return Some((version_type(*frame.first()?), frame));
            }
            _ => return None,
        };
        let (header, payload) = frame.split_at_checked(header)?;
        Some((EtherType(super::Order::Big.u16(header, ether_type)), payload))
    }
}

/// `Ethernet (1)`.
impl fmt::Display for LinkType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match self.0 {
            0 => "BSD loopback",
            1 => "Ethernet",
            6 => "Token Ring",
            9 => "PPP",
            10 => "FDDI",
            12 | 14 | 101 => "raw IP",
            105 => "Wi-Fi",
            108 => "OpenBSD loopback",
            113 => "Linux cooked v1",
            119 => "Wi-Fi with Prism header",
            127 => "Wi-Fi with radiotap header",
            147..=162 => "private use",
            187 | 201 => "Bluetooth HCI",
            189 | 220 | 249 => "USB",
            195 | 215 | 230 | 283 => "IEEE 802.15.4",
            227 => "CAN",
            228 => "raw IPv4",
            229 => "raw IPv6",
            239 => "Linux NFLOG",
            242 => "InfiniBand",
            247 => "IP over InfiniBand",
            251 => "Bluetooth LE",
            252 => "Wireshark upper PDU",
            253 => "Linux netlink",
            276 => "Linux cooked v2",
            number => return write!(f, "number {number}"),
        };
        write!(f, "{name} ({})", self.0)
    }
}

/// An address family that no Ethernet type is known for.
const OTHER: EtherType = EtherType(0);

/// The family is in the byte order of the host that captured (type 0) or of the network (type 108). On all
/// systems 2 is IPv4.
fn family_type(family: [u8; 4]) -> EtherType {
    if u32::from_le_bytes(family) == 2 || u32::from_be_bytes(family) == 2 { EtherType::IPV4 } else { OTHER }
}

fn version_type(first: u8) -> EtherType {
    match first >> 4 {
        4 => EtherType::IPV4,
        6 => EtherType::IPV6,
        _ => OTHER,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_type_is_supported_when_its_frames_can_be_read() {
        for number in 0..1000 {
            let link = LinkType(number);
            assert_eq!(link.network(&[0x45; 100]).is_some(), link.is_supported(), "{link}");
            assert_eq!(link.network(&[]), None, "{link}");
        }
    }

    #[test]
    fn link_types_print_with_their_numbers() {
        assert_eq!(LinkType::ETHERNET.to_string(), "Ethernet (1)");
        assert_eq!(LinkType(127).to_string(), "Wi-Fi with radiotap header (127)");
        assert_eq!(LinkType(999).to_string(), "number 999");
    }
}
