//! Multicast as fast as it goes without loss, on loopback or over a LAN of our own: one sender of runs (UDP_SEGMENT), receivers that read
//! runs (UDP_GRO) and look at every byte.
//!
//! The receivers tell the sender by shared memory what they have read, which costs no packets, so this is
//! what a protocol with perfect flow control could come near to.

use crate::bench::lan::{self, Lan};
use crate::bench::namespace::Namespace;
use crate::bench::{cluster, interrupt};
use crate::conf::BUFFER_DEFAULT;
use crate::engine::batch::{Mode, RUN_BYTES_MAX, Receiver, Run, SEGMENTS_MAX, Sender};
use crate::engine::sockets::{self, Which};
use crate::limits::PACKET_COST;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::net::{SocketAddrV4, UdpSocket};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};
use wire::Role;

/// What came of it.
#[derive(Clone, Copy, Debug)]
pub struct Flood {
    /// Payload that every receiver got.
    pub mbit_per_s: f64,
    pub drops: u64,
}

/// How long a receiver may read nothing while something is on its way.
const PATIENCE: Duration = Duration::from_secs(2);

/// What a receiver tells.
struct Told {
    bytes: AtomicU64,
    drops: AtomicU64,
}

struct Shared {
    receivers: Vec<Told>,
    /// The sender waits for room.
    waits: AtomicBool,
    end: AtomicBool,
    sender: Thread,
}

/// The ends of a flood.
struct Ends {
    own: UdpSocket,
    listeners: Vec<UdpSocket>,
    group: SocketAddrV4,
    /// Bytes that may be under way.
    under_way_max: usize,
}

/// Sends packets of `packet` bytes to so many receivers for so long, on loopback.
///
/// # Errors
/// A sentence about what the system did not grant, or did not deliver.
pub fn flood(receivers: u16, packet: usize, time: Duration) -> Result<Flood, String> {
    let [group] = cluster::free_groups()?;
    let listeners = (0..receivers).map(|_| listener(group, &Which::Loopback)).collect::<Result<_, _>>()?;
    let own = own(&Which::Loopback)?;
    run(&Ends { own, listeners, group, under_way_max: usize::MAX }, packet, time)
}

/// The same from the first proposer's host of a LAN to the others that get what a leader multicasts.
///
/// # Errors
/// A sentence about what the system did not grant, or did not deliver.
pub fn flood_lan(lan: &Lan, packet: usize, time: Duration) -> Result<Flood, String> {
    let [group] = cluster::free_groups()?;
    let which = Which::Named(lan::INTERFACE.into());
    let own = lan.host(Role::Proposer, 1).visit(|| own(&which))??;
    let open = |host: &Namespace| host.visit(|| listener(group, &which))?;
    let listeners = lan.receivers().map(open).collect::<Result<_, _>>()?;
    // What a port holds, less what the hosts say by themselves.
    run(&Ends { own, listeners, group, under_way_max: lan::QUEUE as usize / 8 * 7 }, packet, time)
}

fn listener(group: SocketAddrV4, which: &Which) -> Result<UdpSocket, String> {
    let opened = sockets::via(which).and_then(|via| sockets::group(group, &via, BUFFER_DEFAULT));
    opened.map_err(|error| error.to_string())
}

fn own(which: &Which) -> Result<UdpSocket, String> {
    let opened = sockets::via(which).and_then(|via| sockets::unicast(&via, 1, BUFFER_DEFAULT));
    opened.map_err(|error| error.to_string())
}

fn run(ends: &Ends, packet: usize, time: Duration) -> Result<Flood, String> {
    let Ends { own, listeners, group, under_way_max } = ends;
    let space = listeners.iter().map(sockets::receive_space).min().unwrap_or(0);
    let mut sender = Sender::new(own);
    let told = |_: &UdpSocket| Told { bytes: AtomicU64::new(0), drops: AtomicU64::new(0) };
    let shared = Shared {
        receivers: listeners.iter().map(told).collect(),
        waits: AtomicBool::new(false),
        end: AtomicBool::new(false),
        sender: thread::current(),
    };
    let run = vec![0x5a; packet * (RUN_BYTES_MAX / packet).clamp(1, SEGMENTS_MAX)];
    let pieces = if sender.mode() == Mode::Gso { 1 } else { run.len() / packet };
    // The kernel may keep a quarter of the buffer charged for what was read.
    let room = (space * 3 / 4).min(*under_way_max);
    let runs_max = room / (run.len() + pieces * PACKET_COST as usize);
    let credit = (runs_max.max(1) * run.len()) as u64;
    let begin = Instant::now();
    let (mut sent, mut seconds) = (0, 0.0);
    thread::scope(|scope| {
        for (listener, told) in listeners.iter().zip(&shared.receivers) {
            let shared = &shared;
            scope.spawn(move || receive(listener, told, shared));
        }
        let mut send = || {
            while begin.elapsed() < time {
                shared.wait_for(sent + run.len() as u64, credit)?;
                let went = sender.send(own, [Run { to: *group, bytes: &run, segment: packet }].into_iter());
                sent += went.bytes;
            }
            shared.wait_for(sent, 0)
        };
        let result = send();
        // Before the receivers look up, which takes a while when nothing comes any more.
        seconds = begin.elapsed().as_secs_f64();
        shared.end.store(true, Ordering::Relaxed);
        result
    })?;
    let drops = shared.receivers.iter().map(|told| told.drops.load(Ordering::Relaxed)).sum();
    Ok(Flood { mbit_per_s: sent as f64 * 8.0 / 1e6 / seconds, drops })
}

impl Shared {
    /// Waits until no receiver is more than `credit` bytes behind `sent`.
    fn wait_for(&self, sent: u64, credit: u64) -> Result<(), String> {
        let read = || self.receivers.iter().map(|told| told.bytes.load(Ordering::SeqCst)).min().unwrap_or(0);
        let begin = Instant::now();
        while sent.saturating_sub(read()) > credit {
            self.waits.store(true, Ordering::SeqCst);
            if sent.saturating_sub(read()) > credit {
                thread::park_timeout(Duration::from_millis(10));
            }
            interrupt::check()?;
            if begin.elapsed() > PATIENCE {
                return Err(
                    "raw multicast: packets were lost though nothing overflowed; does a firewall drop \
                            multicast on the loopback interface?"
                        .into(),
                );
            }
        }
        Ok(())
    }
}

fn receive(listener: &UdpSocket, told: &Told, shared: &Shared) {
    let mut receiver = Receiver::new();
    let mut seen = 0_u64;
    while !shared.end.load(Ordering::Relaxed) {
        let timeout = Timespec { tv_sec: 0, tv_nsec: 10_000_000 };
        if !matches!(poll(&mut [PollFd::new(listener, PollFlags::IN)], Some(&timeout)), Ok(1)) {
            continue;
        }
        if receiver.read(listener).is_err() {
            return; // the sender will miss us
        }
        let mut bytes = 0;
        for datagram in receiver.datagrams() {
            seen = seen.wrapping_add(look_at(datagram.bytes));
            bytes += datagram.bytes.len() as u64;
        }
        told.bytes.fetch_add(bytes, Ordering::SeqCst);
        if shared.waits.swap(false, Ordering::SeqCst) {
            shared.sender.unpark();
        }
    }
    told.drops.store(sockets::queue(listener).drops.into(), Ordering::Relaxed);
    std::hint::black_box(seen);
}

/// Reads every byte once, as fast as memory goes.
fn look_at(bytes: &[u8]) -> u64 {
    let (words, rest) = bytes.as_chunks::<8>();
    let sum = words.iter().fold(0_u64, |sum, word| sum.wrapping_add(u64::from_ne_bytes(*word)));
    rest.iter().fold(sum, |sum, byte| sum.wrapping_add(u64::from(*byte)))
}
