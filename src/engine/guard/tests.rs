//! Who is let in, once, and who is not and why.

use super::*;
use std::net::Ipv4Addr;
use wire::sealing::Sealer;
use wire::{Hello, Key, Layout, Role, Stamp, TRAILER_LEN};

const LAYOUT: Layout = Layout { packet: 1472, cluster: 5, trailer: TRAILER_LEN };
const GROUP: SocketAddrV4 = SocketAddrV4::new(Ipv4Addr::new(239, 0, 0, 1), 7000);
const OTHER: SocketAddrV4 = SocketAddrV4::new(Ipv4Addr::new(239, 0, 0, 1), 8000);

fn key(id: u8, secret: u8) -> Key {
    Key::new(id, core::array::from_fn(|at| at as u8 ^ secret))
}

fn keys(of: &[Key]) -> Keys {
    let lines: String = of.iter().map(|key| key.line().to_string()).collect();
    Keys::parse(&lines).expect("they are well formed")
}

fn acceptor(id: u16, incarnation: u64) -> Sender {
    Sender { role: Role::Acceptor, id, incarnation }
}

fn packet(key: &Key, from: Sender, sequence: u64, to: SocketAddrV4) -> Vec<u8> {
    let mut buffer = vec![0; 200];
    let sealer = Sealer::new(key, LAYOUT.cluster, from, sequence % 2 == 1);
    let stamp = Stamp { sequence, log: 0, flags: 0 };
    let length = sealer.seal(&mut buffer, LAYOUT, from, stamp, to, &Hello { answered: 0.into() }, &[]);
    buffer.truncate(length);
    buffer
}

/// What becomes of it at the first socket, that of the group.
fn comes(guard: &mut Guard, bytes: &[u8]) -> Result<(), Refusal> {
    guard.open((0, GROUP), &mut bytes.to_vec()).map(|_| ())
}

fn guard() -> Guard {
    Guard::new(keys(&[key(1, 0)]))
}

#[test]
fn a_packet_is_accepted_once() {
    let mut guard = guard();
    for sequence in [0, 3, 1, 2] {
        let bytes = packet(&key(1, 0), acceptor(2, 9), sequence, GROUP);
        assert_eq!(comes(&mut guard, &bytes), Ok(()));
        assert_eq!(comes(&mut guard, &bytes), Err(Refusal::Replayed { sequence }));
    }
}

#[test]
fn what_is_forged_moves_no_window_and_makes_nobody_known() {
    let mut guard = guard();
    assert_eq!(
        comes(&mut guard, &packet(&key(1, 7), acceptor(2, 99), 1 << 40, GROUP)),
        Err(Refusal::Forged { key: 1 })
    );
    assert_eq!(comes(&mut guard, &packet(&key(1, 0), acceptor(2, 9), 1, GROUP)), Ok(()));
    assert_eq!(
        comes(&mut guard, &packet(&key(1, 7), acceptor(2, 9), 1 << 40, GROUP)),
        Err(Refusal::Forged { key: 1 })
    );
    assert_eq!(comes(&mut guard, &packet(&key(1, 0), acceptor(2, 9), 0, GROUP)), Ok(()));
}

#[test]
fn what_was_sent_elsewhere_is_not_accepted_here() {
    let mut guard = guard();
    let bytes = packet(&key(1, 0), acceptor(2, 9), 1, OTHER);
    assert_eq!(comes(&mut guard, &bytes), Err(Refusal::Misdirected { to: OTHER }));
    assert!(guard.open((1, OTHER), &mut bytes.clone()).is_ok());
}

#[test]
fn what_waits_in_one_socket_is_not_too_old_because_another_was_read_first() {
    let mut guard = guard();
    assert!(guard.open((1, OTHER), &mut packet(&key(1, 0), acceptor(2, 9), 1_000_000, OTHER)).is_ok());
    assert_eq!(comes(&mut guard, &packet(&key(1, 0), acceptor(2, 9), 4, GROUP)), Ok(()));
    assert_eq!(comes(&mut guard, &packet(&key(1, 0), acceptor(2, 9), 900_000, GROUP)), Ok(()));
    assert_eq!(
        comes(&mut guard, &packet(&key(1, 0), acceptor(2, 9), 5, GROUP)),
        Err(Refusal::Replayed { sequence: 5 })
    );
}

#[test]
fn of_an_earlier_start_nothing_is_accepted_unless_it_was_heard_before() {
    let mut guard = guard();
    let comes = |guard: &mut Guard, start, sequence| {
        comes(guard, &packet(&key(1, 0), acceptor(2, start), sequence, GROUP))
    };
    assert_eq!(comes(&mut guard, 10, 0), Ok(()));
    assert_eq!(comes(&mut guard, 20, 0), Ok(()));
    assert_eq!(comes(&mut guard, 15, 0), Err(Refusal::Outdated));
    // Of two processes with one id the later one ends, and the first goes on.
    assert_eq!(comes(&mut guard, 10, 1), Ok(()));
    assert_eq!(comes(&mut guard, 10, 0), Err(Refusal::Replayed { sequence: 0 }));
}

#[test]
fn keys_are_replaced_one_after_the_other_and_nothing_is_accepted_again() {
    let [old, new] = [key(1, 0), key(2, 1)];
    let mut guard = guard();
    let first = packet(&old, acceptor(2, 9), 0, GROUP);
    assert_eq!(comes(&mut guard, &first), Ok(()));
    assert_eq!(comes(&mut guard, &packet(&new, acceptor(2, 9), 1, GROUP)), Err(Refusal::Sealed { key: 2 }));
    guard.replace(keys(&[old.clone(), new.clone()]));
    assert_eq!(comes(&mut guard, &packet(&new, acceptor(2, 9), 1, GROUP)), Ok(()));
    assert_eq!(comes(&mut guard, &packet(&old, acceptor(2, 9), 2, GROUP)), Ok(()));
    assert_eq!(comes(&mut guard, &first), Err(Refusal::Replayed { sequence: 0 }));
    guard.replace(keys(std::slice::from_ref(&new)));
    assert_eq!(comes(&mut guard, &packet(&old, acceptor(2, 9), 3, GROUP)), Err(Refusal::Sealed { key: 1 }));
    assert_eq!(comes(&mut guard, &packet(&new, acceptor(2, 9), 3, GROUP)), Ok(()));
    // Another key of the same id.
    guard.replace(keys(&[key(2, 5)]));
    assert_eq!(comes(&mut guard, &packet(&new, acceptor(2, 9), 4, GROUP)), Err(Refusal::Forged { key: 2 }));
}

#[test]
fn a_crowd_of_senders_pushes_out_who_was_silent_for_longest_and_never_who_speaks() {
    let mut guard = guard();
    let speaker = acceptor(2, 9);
    let mut sequence = 0;
    for id in 0..3 * SENDERS as u16 {
        let client = Sender { role: Role::Client, id, incarnation: 1 };
        assert_eq!(comes(&mut guard, &packet(&key(1, 0), client, 0, GROUP)), Ok(()));
        if id % 64 == 0 {
            assert_eq!(comes(&mut guard, &packet(&key(1, 0), speaker, sequence, GROUP)), Ok(()));
            sequence += 1;
        }
    }
    for sequence in 0..sequence {
        let again = packet(&key(1, 0), speaker, sequence, GROUP);
        assert_eq!(comes(&mut guard, &again), Err(Refusal::Replayed { sequence }));
    }
}

#[test]
fn as_many_clients_as_a_leader_serves_all_stay_known() {
    for step in [1, 7, 16, 60] {
        let mut guard = guard();
        let ids = (0..crate::limits::INTAKE_MAX as u16).map(|at| at * step);
        let clients: Vec<Vec<u8>> = ids
            .map(|id| packet(&key(1, 0), Sender { role: Role::Client, id, incarnation: 1 }, 0, GROUP))
            .collect();
        for bytes in &clients {
            assert_eq!(comes(&mut guard, bytes), Ok(()));
        }
        let again = clients.iter().filter(|bytes| comes(&mut guard, bytes).is_ok()).count();
        assert_eq!(again, 0, "ids in steps of {step}");
    }
}
