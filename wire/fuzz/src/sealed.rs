//! Any bytes as sealed packets.

use std::net::{Ipv4Addr, SocketAddrV4};
use wire::sealing::{Opener, Seal, Sealer};
use wire::{
    HEADER_LEN, Key, Keys, Layout, PACKET_MAX, Packet, Refusal, Role, Sender, Stamp, Submit, TRAILER_LEN,
};

const LAYOUT: Layout = Layout { packet: PACKET_MAX, cluster: 5, trailer: TRAILER_LEN };
const GROUP: SocketAddrV4 = SocketAddrV4::new(Ipv4Addr::new(239, 0, 0, 1), 6000);
const ME: Sender = Sender { role: Role::Client, id: 1, incarnation: 9 };

/// Whatever comes, nobody without the key makes anything that is accepted, and nothing panics.
///
/// The first byte says what is done: the bytes come as they are; with the front of a sealed packet put before
/// them; or as changes to a packet that was sealed.
pub fn sealed(bytes: &[u8]) {
    let Some((&mode, bytes)) = bytes.split_first() else { return };
    let key = Key::new(7, core::array::from_fn(|at| at as u8));
    let real = real(&key, mode & 1 == 1, bytes);
    let mut forged = match mode % 8 {
        0 | 1 => bytes.to_vec(),
        2..=4 => fronted(&real, bytes),
        _ => changed(&real, bytes),
    };
    forged.truncate(PACKET_MAX);
    let same = forged == real;
    let keys = Keys::parse(&key.line()).expect("a key has a line");
    let mut opener = Opener::new(keys);
    let seal = Seal::of(&forged);
    let opened = opener.open(&mut forged.clone()).map(|packet| packet.to_string());
    match (seal, opened) {
        (Ok(_), Ok(line)) => assert!(same, "a forged packet is accepted: {line}"),
        (Ok(seal), Err(refusal)) => {
            assert!(!same, "{refusal}");
            let expected = [Refusal::Forged { key: seal.key }, Refusal::Sealed { key: seal.key }];
            assert!(expected.contains(&refusal), "{refusal}");
        }
        // Not sealed: as without a key.
        (Err(Refusal::Unsealed), opened) => {
            assert_eq!(opened, Packet::parse(&forged).map(|packet| packet.to_string()));
        }
        (Err(refusal), opened) => assert_eq!(opened, Err(refusal)),
    }
    let mut plain = Vec::new();
    opener.unseal(&forged, &mut plain);
    assert!(plain.len() <= forged.len());
    if !wire::split(&forged).any(|piece| piece == real) {
        assert_eq!(plain, forged, "what cannot be opened stays as it is");
    }
}

/// A packet whose sender has the key.
fn real(key: &Key, encrypts: bool, bytes: &[u8]) -> Vec<u8> {
    let value = [&bytes[..bytes.len().min(LAYOUT.entry_room())], b"\n"].concat();
    let mut buffer = vec![0; PACKET_MAX];
    let sealer = Sealer::new(key, LAYOUT.cluster, ME, encrypts);
    let stamp = Stamp { sequence: bytes.len() as u64, log: 1, flags: 0 };
    let length = sealer.seal(&mut buffer, LAYOUT, ME, stamp, GROUP, &Submit { number: 0.into() }, &[&value]);
    buffer.truncate(length);
    buffer
}

/// The bytes behind the header of a real packet, whose length is made right.
fn fronted(real: &[u8], bytes: &[u8]) -> Vec<u8> {
    let mut packet = [&real[..HEADER_LEN], bytes].concat();
    packet.truncate(PACKET_MAX);
    let length = packet.len() as u16;
    packet[4..6].copy_from_slice(&length.to_be_bytes());
    packet
}

/// Three bytes each are a place and what is changed there.
fn changed(real: &[u8], bytes: &[u8]) -> Vec<u8> {
    let mut packet = real.to_vec();
    for change in bytes.chunks_exact(3).take(8) {
        let at = usize::from(u16::from_be_bytes([change[0], change[1]])) % packet.len();
        packet[at] ^= change[2];
    }
    packet
}
