//! What is sealed is opened by who has the key, and by nobody else; golden bytes of both modes.

use super::*;
use crate::packet::tests::examples;
use crate::{Hello, PACKET_MAX, Submit};

const LAYOUT: Layout = Layout { packet: 1472, cluster: 0xC1C2_C3C4, trailer: TRAILER_LEN };
const ME: Sender = Sender { role: Role::Client, id: 1, incarnation: 0x1112_1314_1516_1718 };
const TO: SocketAddrV4 = SocketAddrV4::new(Ipv4Addr::new(239, 0, 0, 1), 6000);

fn key(id: u8) -> Key {
    Key::new(id, core::array::from_fn(|at| at as u8))
}

fn sealed(key: &Key, encrypts: bool, sequence: u64, value: &[u8]) -> Vec<u8> {
    let mut buffer = vec![0; PACKET_MAX];
    let stamp = Stamp { sequence, log: 0x3132_3334, flags: 0 };
    let sealer = Sealer::new(key, LAYOUT.cluster, ME, encrypts);
    let length = sealer.seal(&mut buffer, LAYOUT, ME, stamp, TO, &Submit { number: 12.into() }, &[value]);
    buffer.truncate(length);
    buffer
}

fn opened(bytes: &[u8], key: &Key) -> Result<String, Refusal> {
    let mut bytes = bytes.to_vec();
    let seal = Seal::of(&bytes)?;
    Subkey::new(key, seal.cluster, seal.sender).open(&seal, &mut bytes).map(|packet| packet.to_string())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn who_has_the_key_reads_what_was_sealed() {
    for encrypts in [false, true] {
        for value in [&b"value\n"[..], b"x", &[b'x'; 1000]] {
            let mut bytes = sealed(&key(7), encrypts, 5, value);
            let seal = Seal::of(&bytes).unwrap();
            let expected = Seal {
                key: 7,
                to: TO,
                cluster: LAYOUT.cluster,
                sender: ME,
                sequence: 5,
                encrypted: encrypts,
            };
            assert_eq!(seal, expected);
            let packet = Subkey::new(&key(7), LAYOUT.cluster, ME).open(&seal, &mut bytes).unwrap();
            let crate::Body::Submit(body, piece) = packet.body else { panic!("{packet}") };
            assert_eq!((body.number.get(), piece), (12, value));
        }
    }
}

#[test]
fn a_packet_sealed_where_its_tail_stands_is_the_same() {
    for encrypts in [false, true] {
        let expected = sealed(&key(7), encrypts, 5, b"value\n");
        let mut packet = vec![0xAA; expected.len()];
        packet[HEADER_LEN + 8..][..6].copy_from_slice(b"value\n");
        let stamp = Stamp { sequence: 5, log: 0x3132_3334, flags: 0 };
        let sealer = Sealer::new(&key(7), LAYOUT.cluster, ME, encrypts);
        sealer.seal_in_place(&mut packet, LAYOUT, ME, stamp, TO, &Submit { number: 12.into() });
        assert_eq!(packet, expected);
    }
}

/// The format is not an accident: these bytes are what this version means.
#[test]
fn the_bytes_are_those_that_they_always_were() {
    let header = "05020046010000010000000000051112131415161718c1c2c3c431323334ef00000117700700";
    let plain = hex(&sealed(&key(7), false, 5, b"value\n"));
    let encrypted = hex(&sealed(&key(7), true, 5, b"value\n"));
    let proof = "43e51d83dc564c16bc92ececfaafedd3";
    assert_eq!(plain, format!("5053{header}000000000000000c76616c75650a{proof}"));
    assert_eq!(
        encrypted,
        format!("5045{header}5be2e80ba2753c627e354e863567830bf6c7b97c6a725a777f4b73a3e1f8")
    );
}

#[test]
fn no_bit_can_be_changed() {
    for encrypts in [false, true] {
        let bytes = sealed(&key(7), encrypts, 5, b"value\n");
        for bit in 0..bytes.len() * 8 {
            let mut damaged = bytes.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            let told = opened(&damaged, &key(7));
            assert!(told.is_err(), "bit {bit}: {told:?}");
        }
        for length in 0..bytes.len() {
            assert!(opened(&bytes[..length], &key(7)).is_err());
        }
    }
}

#[test]
fn each_of_what_a_subkey_is_made_of_matters() {
    let bytes = sealed(&key(7), false, 5, b"value\n");
    let seal = Seal::of(&bytes).unwrap();
    let open = |key: &Key, cluster, sender| {
        Subkey::new(key, cluster, sender).open(&seal, &mut bytes.clone()).map(|_| ())
    };
    let forged = Err(Refusal::Forged { key: 7 });
    assert_eq!(open(&key(7), LAYOUT.cluster, ME), Ok(()));
    assert_eq!(open(&Key::new(7, [3; 32]), LAYOUT.cluster, ME), forged);
    assert_eq!(open(&key(7), LAYOUT.cluster + 1, ME), forged);
    assert_eq!(open(&key(7), LAYOUT.cluster, Sender { role: Role::Learner, ..ME }), forged);
    assert_eq!(open(&key(7), LAYOUT.cluster, Sender { id: 2, ..ME }), forged);
    assert_eq!(open(&key(7), LAYOUT.cluster, Sender { incarnation: 1, ..ME }), forged);
    // What was once encrypted cannot be passed off as readable, nor the other way round.
    for encrypts in [false, true] {
        let mut bytes = sealed(&key(7), encrypts, 5, b"value\n");
        bytes[..2].copy_from_slice(if encrypts { &MAGIC_SEALED } else { &MAGIC_ENCRYPTED });
        assert_eq!(opened(&bytes, &key(7)), Err(Refusal::Forged { key: 7 }));
    }
}

#[test]
fn two_packets_of_one_text_are_encrypted_differently() {
    let [one, two] = [5, 6].map(|sequence| sealed(&key(7), true, sequence, b"value\n"));
    assert_ne!(one[HEADER_LEN..], two[HEADER_LEN..]);
}

#[test]
fn who_lacks_the_key_says_which_and_who_has_one_wants_it_used() {
    let bytes = sealed(&key(7), false, 5, b"value\n");
    assert_eq!(Packet::parse(&bytes).map(|_| ()), Err(Refusal::Sealed { key: 7 }));
    let told = Refusal::Sealed { key: 7 }.to_string();
    assert_eq!(told, "sealed with key 7, which is not at hand");
    for plain in examples() {
        assert_eq!(Seal::of(&plain), Err(Refusal::Unsealed));
    }
}

#[test]
fn an_onlooker_sees_of_a_sealed_datagram_what_was_sealed() {
    let mut plain = vec![0; PACKET_MAX];
    let layout = Layout { trailer: 0, ..LAYOUT };
    let stamp = Stamp { sequence: 5, log: 0x3132_3334, flags: 0 };
    let length = crate::seal(&mut plain, layout, ME, stamp, &Submit { number: 12.into() }, &[b"value\n"]);
    plain.truncate(length);
    let strange = sealed(&Key::new(9, [4; 32]), true, 5, b"value\n");
    let mut damaged = sealed(&key(7), true, 5, b"value\n");
    damaged[50] ^= 1;
    let pieces =
        [sealed(&key(7), true, 5, b"value\n"), sealed(&key(7), false, 5, b"value\n"), strange, damaged];
    let keys = Keys::parse(&key(7).line()).unwrap();
    let mut to = Vec::new();
    Opener::new(keys).unseal(&pieces.concat(), &mut to);
    let expected = [&plain, &plain, &pieces[2], &pieces[3]].map(|piece| piece.as_slice()).concat();
    assert_eq!(to, expected);
}

#[test]
#[should_panic(expected = "a number that was used before")]
fn numbers_that_wrap_are_not_sealed() {
    sealed(&key(7), false, SEQUENCE_MAX, b"value\n");
}

#[test]
fn a_hello_is_as_short_as_it_may_be() {
    let mut buffer = [0; PACKET_MAX];
    let sealer = Sealer::new(&key(7), LAYOUT.cluster, ME, true);
    let hello = Hello { answered: 0.into() };
    let length = sealer.seal(&mut buffer, LAYOUT, ME, Stamp::default(), TO, &hello, &[]);
    assert_eq!(length, HEADER_LEN + size_of::<Hello>() + TRAILER_LEN);
    assert!(sealer.read(&mut buffer[..length]).is_ok());
}
