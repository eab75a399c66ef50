//! The 40 bytes that every packet begins with.

use crate::layout::record;
use core::fmt;
use twox_hash::XxHash3_64;
use zerocopy::byteorder::big_endian::{U16, U32, U64};

/// What a packet begins with that no key seals.
pub const MAGIC: [u8; 2] = *b"PX";
/// What a packet begins with that is sealed and can be read.
pub const MAGIC_SEALED: [u8; 2] = *b"PS";
/// What a packet begins with that is sealed, and encrypted behind its header.
pub const MAGIC_ENCRYPTED: [u8; 2] = *b"PE";
/// Of this packet format. A process counts and names packets of another version; it never guesses at them.
pub const VERSION: u8 = 5;
/// Bytes of a [`Header`].
pub const HEADER_LEN: usize = 40;
/// Bytes that a sealed packet has behind all others: what proves that its sender had the key.
pub const TRAILER_LEN: usize = 16;

/// The roles. The numbers are those of the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Role {
    Client = 1,
    Proposer = 2,
    Acceptor = 3,
    Learner = 4,
    /// Looks at the network and has no part in the cluster: `paxos doctor`.
    Observer = 5,
}

impl Role {
    pub const ALL: [Role; 5] = [Role::Client, Role::Proposer, Role::Acceptor, Role::Learner, Role::Observer];
    /// Those that make up a cluster, each with a group of its own.
    pub const GROUPS: [Role; 4] = [Role::Client, Role::Proposer, Role::Acceptor, Role::Learner];

    pub fn from_wire(number: u8) -> Option<Role> {
        Role::ALL.into_iter().find(|role| *role as u8 == number)
    }

    pub const fn name(self) -> &'static str {
        match self {
            Role::Client => "client",
            Role::Proposer => "proposer",
            Role::Acceptor => "acceptor",
            Role::Learner => "learner",
            Role::Observer => "observer",
        }
    }

    pub const fn letter(self) -> char {
        match self {
            Role::Client => 'C',
            Role::Proposer => 'P',
            Role::Acceptor => 'A',
            Role::Learner => 'L',
            Role::Observer => 'O',
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Who sent a packet: role, id, and which start of that process it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sender {
    pub role: Role,
    pub id: u16,
    /// Unique to one start of the process; a later start has a larger one.
    pub incarnation: u64,
}

/// `A2`: the letter of the role and the id.
impl fmt::Display for Sender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.role.letter(), self.id)
    }
}

record! {
    /// The header as it stands in a packet.
    pub struct Header: 40 bytes {
        /// `PX`; of a sealed packet `PS`, or `PE` when what follows the header is encrypted.
        pub magic: [u8; 2] as Bytes,
        /// Of the packet format, see [`VERSION`].
        pub version: u8,
        /// A [`crate::Kind`].
        pub kind: u8 as Kind,
        /// Of the whole packet, bytes. It lets a tool split what the kernel coalesced.
        pub length: U16,
        /// A [`Role`].
        pub role: u8 as Role,
        /// By kind, see [`crate::flags`]; unknown ones are refused.
        pub flags: u8 as Flags,
        /// Of the sender, among those of its role.
        pub id: U16,
        /// Counts the packets of this sender, from 0, over all destinations; 48 bits.
        pub sequence: [u8; 6] as Number,
        /// Of the sender: unique to one start of it, and larger than those of its earlier starts.
        pub incarnation: U64 as Hex,
        /// Hash of the configuration that all processes must agree on.
        pub cluster: U32 as Hex,
        /// Which life of the log this packet belongs to; 0 while the sender does not know.
        pub log: U32 as Hex,
        /// XXH3-64 over everything else: over the header with the hash of the rest in the place of the tag,
        /// see [`tag`]. Of a sealed packet: whom it was sent to (IPv4 address, 4 bytes, and port, 2 bytes), the id of the
        /// key (1 byte), and a zero byte; what proves it are its last 16 bytes, behind the tail, see [`crate::sealing`].
        pub tag: [u8; 8] as Hex,
    }
}

const _: () = assert!(size_of::<Header>() == HEADER_LEN);
/// Where the tag stands.
pub(crate) const TAG_AT: usize = 32;

impl Header {
    pub fn sequence(&self) -> u64 {
        sequence(self.sequence)
    }

    /// Whether it begins as a packet of ours does, sealed or not.
    pub fn is_ours(&self) -> bool {
        self.magic == MAGIC || self.is_sealed()
    }

    /// Whether the packet is sealed with a key.
    pub fn is_sealed(&self) -> bool {
        self.magic == MAGIC_SEALED || self.magic == MAGIC_ENCRYPTED
    }

    /// How many bytes follow the body and its tail.
    pub fn trailer(&self) -> usize {
        if self.is_sealed() { TRAILER_LEN } else { 0 }
    }
}

/// The number in a field of 48 bits.
pub(crate) fn sequence(s: [u8; 6]) -> u64 {
    u64::from_be_bytes([0, 0, s[0], s[1], s[2], s[3], s[4], s[5]])
}

/// The lowest 48 bits of a number, as they stand in a packet.
pub fn sequence_field(sequence: u64) -> [u8; 6] {
    let b = sequence.to_be_bytes();
    [b[2], b[3], b[4], b[5], b[6], b[7]]
}

/// The tag of a packet: XXH3-64 over all bytes but the tag itself. It finds damage, not malice.
///
/// The body is hashed where it lies; its hash takes the place of the tag behind the other 32 header bytes,
/// and the hash of these 40 bytes is the tag. So nothing needs to be copied or blanked.
///
/// # Panics
/// When `packet` is shorter than a header.
pub fn tag(packet: &[u8]) -> [u8; 8] {
    let (header, body) = packet.split_at(HEADER_LEN);
    let mut hashed = [0; HEADER_LEN];
    hashed[..TAG_AT].copy_from_slice(&header[..TAG_AT]);
    hashed[TAG_AT..].copy_from_slice(&XxHash3_64::oneshot(body).to_be_bytes());
    XxHash3_64::oneshot(&hashed).to_be_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;
    use zerocopy::FromZeros;

    #[test]
    fn a_sequence_number_keeps_its_48_bits() {
        let mut header = Header::new_zeroed();
        for sequence in [0, 1, 255, 256, 0x1234_5678_9ABC, (1 << 48) - 1] {
            header.sequence = sequence_field(sequence);
            assert_eq!(header.sequence(), sequence);
        }
    }

    #[test]
    fn the_tag_covers_every_byte_but_its_own() {
        let packet: Vec<u8> = (0..200u8).collect();
        let before = tag(&packet);
        for at in 0..packet.len() {
            let mut other = packet.clone();
            other[at] ^= 1;
            let inside_tag = (TAG_AT..HEADER_LEN).contains(&at);
            assert_eq!(tag(&other) == before, inside_tag, "byte {at}");
        }
    }

    #[test]
    fn roles_keep_their_numbers_and_letters() {
        for role in Role::ALL {
            assert_eq!(Role::from_wire(role as u8), Some(role));
        }
        assert_eq!(Role::from_wire(0), None);
        assert_eq!(Role::from_wire(6), None);
        assert_eq!(Sender { role: Role::Acceptor, id: 2, incarnation: 7 }.to_string(), "A2");
    }
}
