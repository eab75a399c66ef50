//! Packets that only who has the key can make, or, if encrypted, read.
//!
//! A sealed packet is the same header, body and tail as any, with three differences. It begins with `PS`, or with `PE`
//! when what follows the header is encrypted. In the place of the tag, which proves nothing to anybody who can compute
//! it, the header says whom the packet was sent to and which key seals it. And behind the tail stand [`TRAILER_LEN`]
//! bytes that prove every byte before them.
//!
//! What proves, and encrypts, is AEGIS-128L, an AEAD. What may be read is its associated data: all before the trailer
//! of a `PS` packet, the header of a `PE` packet.
//!
//! No key seals packets itself. Of it, of the cluster, and of who sends (role, id, incarnation) HKDF-SHA-256 makes a
//! key of 128 bits and a mask of 128 bits; the nonce is the mask, its last 48 bits changed by the packet's sequence
//! number. An incarnation belongs to one start of a process, and a start never sends two packets of one number, so no
//! nonce comes twice under one key.
//!
//! ```text
//!  0       2       8      …      32            36     38   39  40            length - 16
//!  | PS|PE | …header…           | IPv4 address | port | key | 0 | body, tail… | proof    |
//! ```

use crate::header::{MAGIC, MAGIC_ENCRYPTED, MAGIC_SEALED, TAG_AT};
use crate::kinds::FixedBody;
use crate::packet::{compose, compose_in_place, whole};
use crate::{
    HEADER_LEN, Header, Key, Keys, Layout, Packet, Refusal, Role, Sender, Stamp, TRAILER_LEN, sequence_field,
    tag,
};
use aegis::aegis128l::Aegis128L;
use core::fmt;
use core::net::{Ipv4Addr, SocketAddrV4};
use zerocopy::FromBytes;
use zeroize::Zeroize;

/// How many packets one start of a process may seal: their numbers have 48 bits.
pub const SEQUENCE_MAX: u64 = 1 << 48;

/// What a subkey is made for, beside the sender. Another format of packets has another one.
const PURPOSE: &[u8; 16] = b"paxos packets v1";

/// What a sealed packet says before anything of it is proven.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seal {
    pub key: u8,
    pub to: SocketAddrV4,
    pub cluster: u32,
    pub sender: Sender,
    pub sequence: u64,
    pub encrypted: bool,
}

impl Seal {
    /// Looks at the header of a sealed packet, and at nothing else.
    ///
    /// # Errors
    /// Why it cannot be one: [`Refusal::Unsealed`] when it is not sealed.
    pub fn of(bytes: &[u8]) -> Result<Seal, Refusal> {
        let (header, rest) = whole(bytes)?;
        if !header.is_sealed() {
            return Err(Refusal::Unsealed);
        }
        if rest.len() < TRAILER_LEN {
            return Err(Refusal::Short { length: bytes.len() });
        }
        let [a, b, c, d, high, low, key, zero] = header.tag;
        if zero != 0 {
            return Err(Refusal::Reserved("seal"));
        }
        let role = Role::from_wire(header.role).ok_or(Refusal::Role(header.role))?;
        Ok(Seal {
            key,
            to: SocketAddrV4::new(Ipv4Addr::new(a, b, c, d), u16::from_be_bytes([high, low])),
            cluster: header.cluster.get(),
            sender: Sender { role, id: header.id.get(), incarnation: header.incarnation.get() },
            sequence: header.sequence(),
            encrypted: header.magic == MAGIC_ENCRYPTED,
        })
    }

    /// The field that a header has in the place of the tag.
    fn field(to: SocketAddrV4, key: u8) -> [u8; 8] {
        let ([a, b, c, d], [high, low]) = (to.ip().octets(), to.port().to_be_bytes());
        [a, b, c, d, high, low, key, 0]
    }
}

/// The id of the key that a sealed packet's header names.
pub(crate) fn key_of(header: &Header) -> u8 {
    header.tag[6]
}

/// What seals and opens the packets of one start of one process.
#[derive(Clone)]
pub struct Subkey {
    key: [u8; 16],
    mask: [u8; 16],
}

impl Subkey {
    /// The same for everybody who has the key.
    pub fn new(key: &Key, cluster: u32, sender: Sender) -> Subkey {
        let mut purpose = [0; 31];
        purpose[..16].copy_from_slice(PURPOSE);
        purpose[16..20].copy_from_slice(&cluster.to_be_bytes());
        purpose[20] = sender.role as u8;
        purpose[21..23].copy_from_slice(&sender.id.to_be_bytes());
        purpose[23..].copy_from_slice(&sender.incarnation.to_be_bytes());
        let mut made = key.expand(&purpose);
        let (mut key, mut mask) = ([0; 16], [0; 16]);
        key.copy_from_slice(&made[..16]);
        mask.copy_from_slice(&made[16..]);
        made.zeroize();
        Subkey { key, mask }
    }

    fn cipher(&self, sequence: u64) -> Aegis128L<TRAILER_LEN> {
        let mut nonce = self.mask;
        for (byte, number) in nonce[10..].iter_mut().zip(sequence_field(sequence)) {
            *byte ^= number;
        }
        Aegis128L::new(&self.key, &nonce)
    }

    /// Opens a packet where it lies: it is decrypted if need be, and checked as [`Packet::parse`] does.
    /// `seal` is what [`Seal::of`] said of these bytes.
    ///
    /// # Errors
    /// [`Refusal::Forged`] when another key sealed it, or none; the bytes are worth nothing then. What else is wrong
    /// with it its sender has done.
    pub fn open<'a>(&self, seal: &Seal, bytes: &'a mut [u8]) -> Result<Packet<'a>, Refusal> {
        let short = Refusal::Short { length: bytes.len() };
        let end = bytes.len().checked_sub(TRAILER_LEN).filter(|end| *end >= HEADER_LEN).ok_or(short)?;
        let (packet, trailer) = bytes.split_at_mut(end);
        let proof = (&*trailer).try_into().map_err(|_| short)?;
        let cipher = self.cipher(seal.sequence);
        // The comparison takes the same time whatever differs.
        let opened = if seal.encrypted {
            let (header, body) = packet.split_at_mut(HEADER_LEN);
            cipher.decrypt_in_place(body, proof, header)
        } else {
            cipher.decrypt_in_place(&mut [], proof, packet)
        };
        opened.map_err(|_| Refusal::Forged { key: seal.key })?;
        let (header, body) = whole(bytes)?;
        Packet::proven(header, &body[..body.len() - TRAILER_LEN])
    }
}

impl Drop for Subkey {
    fn drop(&mut self) {
        self.key.zeroize();
        self.mask.zeroize();
    }
}

impl fmt::Debug for Subkey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Subkey")
    }
}

/// Opens packets for who only looks on: whether they came before does not matter to it.
pub struct Opener {
    keys: Keys,
    /// What the last packet was opened with, for the next one is often of the same sender.
    last: Option<((u8, u32, Sender), Subkey)>,
}

impl Opener {
    pub fn new(keys: Keys) -> Opener {
        Opener { keys, last: None }
    }

    /// Opens a packet where it lies if it is sealed, and checks it.
    ///
    /// # Errors
    /// Why it is none. The bytes may be spoilt then.
    pub fn open<'a>(&mut self, bytes: &'a mut [u8]) -> Result<Packet<'a>, Refusal> {
        let seal = match Seal::of(bytes) {
            Ok(seal) => seal,
            Err(Refusal::Unsealed) => return Packet::parse(bytes),
            Err(refusal) => return Err(refusal),
        };
        let name = (seal.key, seal.cluster, seal.sender);
        let subkey = match self.last.take() {
            Some((known, subkey)) if known == name => subkey,
            _ => {
                let key = self.keys.get(seal.key).ok_or(Refusal::Sealed { key: seal.key })?;
                Subkey::new(key, seal.cluster, seal.sender)
            }
        };
        self.last.insert((name, subkey)).1.open(&seal, bytes)
    }

    /// Like [`Opener::open`], where only what is sealed counts.
    ///
    /// # Errors
    /// As there, and that it is not sealed.
    pub fn open_sealed<'a>(&mut self, bytes: &'a mut [u8]) -> Result<Packet<'a>, Refusal> {
        Seal::of(bytes)?;
        self.open(bytes)
    }

    /// Turns the sealed packets of a datagram into what they would be without a key, shorter by the trailer, so that
    /// whoever reads packets can read them. What cannot be opened stays as it is.
    pub fn unseal(&mut self, datagram: &[u8], to: &mut Vec<u8>) {
        let mut copy = Vec::new();
        for bytes in crate::split(datagram) {
            copy.clear();
            copy.extend_from_slice(bytes);
            if Seal::of(bytes).is_err() || self.open(&mut copy).is_err() {
                to.extend_from_slice(bytes);
                continue;
            }
            let length = copy.len() - TRAILER_LEN;
            copy.truncate(length);
            let (header, _) = Header::mut_from_prefix(&mut copy).expect("it was a packet");
            header.magic = MAGIC;
            header.length = (length as u16).into();
            let tag = tag(&copy);
            copy[TAG_AT..HEADER_LEN].copy_from_slice(&tag);
            to.extend_from_slice(&copy);
        }
    }
}

/// Seals what one start of one process sends.
#[derive(Clone, Debug)]
pub struct Sealer {
    key: u8,
    subkey: Subkey,
    encrypts: bool,
}

impl Sealer {
    pub fn new(key: &Key, cluster: u32, me: Sender, encrypts: bool) -> Sealer {
        Sealer { key: key.id(), subkey: Subkey::new(key, cluster, me), encrypts }
    }

    /// Like [`crate::seal()`], and sealed for this address. No two packets may have one number: that is for the caller to
    /// see to, and below [`SEQUENCE_MAX`] possible.
    ///
    /// # Panics
    /// When it does not fit in `buffer`, the number is too large, or the layout has no room for what proves it.
    #[expect(clippy::too_many_arguments)] // those of crate::seal, and the address
    pub fn seal<B: FixedBody>(
        &self,
        buffer: &mut [u8],
        layout: Layout,
        sender: Sender,
        stamp: Stamp,
        to: SocketAddrV4,
        body: &B,
        tail: &[&[u8]],
    ) -> usize {
        let end = compose(buffer, layout, sender, self.marks(layout, stamp, to), body, tail);
        self.prove(&mut buffer[..end + TRAILER_LEN], stamp);
        end + TRAILER_LEN
    }

    /// Like [`crate::seal_in_place`], and sealed for this address: behind the tail stands room for what proves it.
    /// If this encrypts, what is in `packet` is the tail no more.
    ///
    /// # Panics
    /// As [`Sealer::seal`], and when `packet` has no room for header, body and proof.
    pub fn seal_in_place<B: FixedBody>(
        &self,
        packet: &mut [u8],
        layout: Layout,
        sender: Sender,
        stamp: Stamp,
        to: SocketAddrV4,
        body: &B,
    ) {
        let end = packet.len() - TRAILER_LEN;
        compose_in_place(&mut packet[..end], layout, sender, self.marks(layout, stamp, to), body);
        self.prove(packet, stamp);
    }

    /// Whether what follows the header cannot be read without the key.
    pub fn encrypts(&self) -> bool {
        self.encrypts
    }

    /// What the header of a packet says because it is sealed.
    fn marks(&self, layout: Layout, stamp: Stamp, to: SocketAddrV4) -> (Stamp, [u8; 2], [u8; 8]) {
        assert_eq!(layout.trailer, TRAILER_LEN, "a layout of packets that are not sealed");
        assert!(stamp.sequence < SEQUENCE_MAX, "a number that was used before");
        let magic = if self.encrypts { MAGIC_ENCRYPTED } else { MAGIC_SEALED };
        (stamp, magic, Seal::field(to, self.key))
    }

    /// Writes the trailer of a packet, having encrypted it if need be.
    fn prove(&self, packet: &mut [u8], stamp: Stamp) {
        let (packet, trailer) = packet.split_at_mut(packet.len() - TRAILER_LEN);
        let cipher = self.subkey.cipher(stamp.sequence);
        let proof = if self.encrypts {
            let (header, body) = packet.split_at_mut(HEADER_LEN);
            cipher.encrypt_in_place(body, header)
        } else {
            cipher.encrypt_in_place(&mut [], packet)
        };
        trailer.copy_from_slice(&proof);
    }

    /// Reads one of its own packets.
    ///
    /// # Errors
    /// What is none.
    pub fn read<'a>(&self, bytes: &'a mut [u8]) -> Result<Packet<'a>, Refusal> {
        let seal = Seal::of(bytes)?;
        self.subkey.open(&seal, bytes)
    }
}

const _: () = assert!(TAG_AT + size_of::<[u8; 8]>() == HEADER_LEN);
// One glance at three bytes tells the three apart, and from what is not ours.
const _: () = assert!(MAGIC[0] == MAGIC_SEALED[0] && MAGIC[0] == MAGIC_ENCRYPTED[0]);

#[cfg(test)]
mod tests;
