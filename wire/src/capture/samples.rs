//! Captures made by hand, for tests.

pub mod run;

use super::{LinkType, Order};
use crate::{Hello, Layout, PACKET_MAX, Role, Sender, Stamp};
use etherparse::PacketBuilder;

pub const SOURCE: &str = "127.0.0.1:5000";
pub const DESTINATION: &str = "239.0.0.1:7000";

/// A packet of ours with this sequence number, 48 bytes.
pub fn packet(sequence: u64) -> Vec<u8> {
    let mut buffer = [0; PACKET_MAX];
    let layout = Layout { packet: 1472, cluster: 0xC1C2_C3C4, trailer: 0 };
    let sender = Sender { role: Role::Acceptor, id: 2, incarnation: 1 };
    let hello = Hello { answered: sequence.into() };
    let length =
        crate::seal(&mut buffer, layout, sender, Stamp { sequence, ..Stamp::default() }, &hello, &[]);
    buffer[..length].to_vec()
}

/// An IP packet from [`SOURCE`] to [`DESTINATION`].
pub fn udp(payload: &[u8]) -> Vec<u8> {
    let builder = PacketBuilder::ipv4([127, 0, 0, 1], [239, 0, 0, 1], 1).udp(5000, 7000);
    let mut ip = Vec::with_capacity(builder.size(payload.len()));
    builder.write(&mut ip, payload).expect("a vector takes it");
    ip
}

/// The frame of this link type around an IP packet.
pub fn frame(link: LinkType, ip: &[u8]) -> Vec<u8> {
    let header: &[u8] = match link {
        LinkType::NULL => &[2, 0, 0, 0],
        LinkType::LOOP => &[0, 0, 0, 2],
        LinkType::ETHERNET => &[1, 0, 0x5E, 0, 0, 1, 2, 0, 0, 0, 0, 1, 8, 0],
        LinkType::LINUX_COOKED => &[0, 0, 3, 4, 0, 6, 0, 0, 0, 0, 0, 0, 0, 0, 8, 0],
        LinkType::LINUX_COOKED_2 => &[8, 0, 0, 0, 0, 0, 0, 1, 3, 4, 0, 6, 0, 0, 0, 0, 0, 0, 0, 0],
        _ => &[],
    };
    [header, ip].concat()
}

/// A frame on Ethernet with one packet of ours.
pub fn ethernet(sequence: u64) -> Vec<u8> {
    frame(LinkType::ETHERNET, &udp(&packet(sequence)))
}

impl Order {
    fn put<const N: usize>(self, to: &mut Vec<u8>, mut little: [u8; N]) {
        if self == Order::Big {
            little.reverse();
        }
        to.extend_from_slice(&little);
    }
}

/// A pcap file.
pub struct PcapFile {
    order: Order,
    pub bytes: Vec<u8>,
}

impl PcapFile {
    pub const US: u32 = 0xA1B2_C3D4;
    pub const NS: u32 = 0xA1B2_3C4D;

    pub fn new(order: Order, magic: u32, link: LinkType) -> PcapFile {
        let mut bytes = Vec::new();
        order.put(&mut bytes, magic.to_le_bytes());
        order.put(&mut bytes, 2u16.to_le_bytes());
        order.put(&mut bytes, 4u16.to_le_bytes());
        for field in [0, 0, 262_144, link.0] {
            order.put(&mut bytes, field.to_le_bytes());
        }
        PcapFile { order, bytes }
    }

    /// Of `frame`, cut to `snap_length`.
    pub fn record(mut self, time: (u32, u32), frame: &[u8], snap_length: usize) -> PcapFile {
        let kept = &frame[..frame.len().min(snap_length)];
        for field in [time.0, time.1, kept.len() as u32, frame.len() as u32] {
            self.order.put(&mut self.bytes, field.to_le_bytes());
        }
        self.bytes.extend_from_slice(kept);
        self
    }
}

/// A pcap file in the usual format, with these frames on Ethernet, 1 ms apart.
pub fn pcap(frames: &[Vec<u8>]) -> Vec<u8> {
    let file = PcapFile::new(Order::Little, PcapFile::US, LinkType::ETHERNET);
    let add = |file: PcapFile, (index, frame): (usize, &Vec<u8>)| {
        file.record((1000, index as u32 * 1000), frame, usize::MAX)
    };
    frames.iter().enumerate().fold(file, add).bytes
}

/// A pcapng file.
pub struct PcapNgFile {
    order: Order,
    pub bytes: Vec<u8>,
}

impl PcapNgFile {
    pub fn new() -> PcapNgFile {
        PcapNgFile { order: Order::Little, bytes: Vec::new() }
    }

    pub fn section(mut self, order: Order) -> PcapNgFile {
        self.order = order;
        let mut content = Vec::new();
        order.put(&mut content, 0x1A2B_3C4Du32.to_le_bytes());
        order.put(&mut content, 1u16.to_le_bytes());
        order.put(&mut content, 0u16.to_le_bytes());
        order.put(&mut content, u64::MAX.to_le_bytes());
        self.block(0x0A0D_0D0A, &content)
    }

    pub fn interface(
        self,
        link: LinkType,
        snap_length: u32,
        resolution: Option<u8>,
        offset_s: i64,
    ) -> PcapNgFile {
        let order = self.order;
        let mut content = Vec::new();
        order.put(&mut content, (link.0 as u16).to_le_bytes());
        order.put(&mut content, 0u16.to_le_bytes());
        order.put(&mut content, snap_length.to_le_bytes());
        let mut option = |code: u16, value: &[u8]| {
            order.put(&mut content, code.to_le_bytes());
            order.put(&mut content, (value.len() as u16).to_le_bytes());
            content.extend_from_slice(value);
            content.resize(content.len().next_multiple_of(4), 0);
        };
        option(2, b"lo");
        if let Some(resolution) = resolution {
            option(9, &[resolution]);
        }
        let mut offset = Vec::new();
        order.put(&mut offset, offset_s.to_le_bytes());
        option(14, &offset);
        option(0, &[]);
        self.block(1, &content)
    }

    pub fn enhanced(self, interface: u32, ticks: u64, frame: &[u8], snap_length: usize) -> PcapNgFile {
        let mut content = Vec::new();
        self.order.put(&mut content, interface.to_le_bytes());
        self.times_and_frame(content, 6, ticks, frame, snap_length)
    }

    pub fn obsolete(self, interface: u16, ticks: u64, frame: &[u8]) -> PcapNgFile {
        let mut content = Vec::new();
        self.order.put(&mut content, interface.to_le_bytes());
        self.order.put(&mut content, 0u16.to_le_bytes());
        self.times_and_frame(content, 2, ticks, frame, usize::MAX)
    }

    pub fn simple(self, frame: &[u8], snap_length: usize) -> PcapNgFile {
        let mut content = Vec::new();
        self.order.put(&mut content, (frame.len() as u32).to_le_bytes());
        content.extend_from_slice(&frame[..frame.len().min(snap_length)]);
        self.block(3, &content)
    }

    fn times_and_frame(
        self,
        mut content: Vec<u8>,
        kind: u32,
        ticks: u64,
        frame: &[u8],
        snap_length: usize,
    ) -> PcapNgFile {
        let kept = &frame[..frame.len().min(snap_length)];
        for field in [(ticks >> 32) as u32, ticks as u32, kept.len() as u32, frame.len() as u32] {
            self.order.put(&mut content, field.to_le_bytes());
        }
        content.extend_from_slice(kept);
        self.block(kind, &content)
    }

    pub fn block(mut self, kind: u32, content: &[u8]) -> PcapNgFile {
        let length = content.len().next_multiple_of(4) as u32 + 12;
        self.order.put(&mut self.bytes, kind.to_le_bytes());
        self.order.put(&mut self.bytes, length.to_le_bytes());
        self.bytes.extend_from_slice(content);
        self.bytes.resize(self.bytes.len().next_multiple_of(4), 0);
        self.order.put(&mut self.bytes, length.to_le_bytes());
        self
    }
}

/// A pcapng file that holds every kind of block and five packets of ours: one section in each byte order.
pub fn pcapng() -> Vec<u8> {
    let cooked = frame(LinkType::LINUX_COOKED, &udp(&packet(2)));
    PcapNgFile::new()
        .section(Order::Little)
        .interface(LinkType::ETHERNET, 0, None, 0)
        .interface(LinkType::LINUX_COOKED, 0, Some(9), 0)
        .enhanced(0, 1_000_000, &ethernet(1), usize::MAX)
        .enhanced(1, 1_500_000_000, &cooked, usize::MAX)
        .block(5, &[0; 12])
        .section(Order::Big)
        .interface(LinkType::ETHERNET, 262_144, Some(0x80 | 10), 1)
        .enhanced(0, 1024, &ethernet(3), usize::MAX)
        .simple(&ethernet(4), usize::MAX)
        .obsolete(0, 1536, &ethernet(5))
        .bytes
}

/// Numbers that look random and are always the same (xorshift64*).
pub struct Numbers(pub u64);

impl Numbers {
    pub fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33) as usize % bound
    }
}
