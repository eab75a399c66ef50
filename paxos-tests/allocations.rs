//! Nothing on the packet path allocates once it is warm: neither the roles, nor what reads and sends packets.
//!
//! What an acceptor without a disk accepts it keeps, and so must take memory for: by the block, once in many
//! hundreds of packets.

mod driven;

use driven::{Cluster, Gauge, Node};
use paxos::engine::batch::{Receiver, Run, Sender};
use paxos::engine::guard::Guard;
use paxos::engine::supervisor::Supervisor;
use paxos::engine::trace::{Options, Trace};
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::net::{Ipv4Addr, SocketAddrV4, UdpSocket};
use std::os::unix::net::UnixDatagram;
use wire::sealing::Sealer;
use wire::{Key, Keys, Role, Stamp, Submit};

/// The system's allocator, which counts what a thread asks of it while it is told to.
struct Counting;

thread_local! {
    static COUNTS: Cell<bool> = const { Cell::new(false) };
    static COUNTED: Cell<u64> = const { Cell::new(0) };
}

fn count() {
    if COUNTS.get() {
        COUNTED.set(COUNTED.get() + 1);
    }
}

// SAFETY: all is the system allocator's; counting touches two cells of the thread, which need no memory.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count();
        // SAFETY: as the caller promises.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count();
        // SAFETY: as the caller promises.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count();
        // SAFETY: as the caller promises.
        unsafe { System.realloc(block, layout, size) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: as the caller promises.
        unsafe { System.dealloc(block, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// How often `work` asked for memory.
fn counted<T>(work: impl FnOnce() -> T) -> (T, u64) {
    COUNTED.set(0);
    COUNTS.set(true);
    let result = work();
    COUNTS.set(false);
    (result, COUNTED.get())
}

/// How often a process asked for memory.
#[derive(Default)]
struct Allocations(u64);

impl Gauge for Allocations {
    fn watch<T>(&mut self, work: impl FnOnce() -> T) -> T {
        let (result, allocations) = counted(work);
        self.0 += allocations;
        result
    }
}

/// How often these have asked for memory since they were asked last.
fn taken<'a, R: 'a>(nodes: impl IntoIterator<Item = &'a mut Node<R, Allocations>>) -> Vec<u64> {
    nodes.into_iter().map(|node| std::mem::take(&mut node.gauge).0).collect()
}

#[test]
fn no_role_allocates_for_a_packet_once_it_is_warm_and_acceptors_only_for_what_they_keep() {
    let mut cluster = Cluster::new();
    cluster.until(20_000);
    let all = |cluster: &mut Cluster<Allocations>| {
        let Cluster { client, proposers, acceptors, learners, .. } = cluster;
        (taken([client]), taken(proposers), taken(acceptors), taken(learners))
    };
    all(&mut cluster);
    let before = cluster.delivered();
    cluster.until(before + 20_000);
    for packets in 0..100 {
        cluster.round(packets * 1000); // and from one standstill to the next
    }
    let instances = cluster.delivered() - before;
    let (client, proposers, acceptors, learners) = all(&mut cluster);
    assert_eq!((client, proposers, learners), (vec![0], vec![0; 2], vec![0; 2]));
    for allocations in acceptors {
        assert!(allocations > 0, "an acceptor keeps what it accepts");
        assert!(allocations < instances / 300, "{allocations} for {instances} instances");
    }
}

#[test]
fn reading_and_sending_packets_allocates_nothing() {
    let sockets = [(); 2].map(|()| UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("loopback has ports"));
    let [from, to] = &sockets;
    let std::net::SocketAddr::V4(address) = to.local_addr().expect("it is bound") else { unreachable!() };
    let (mut sender, mut receiver) = (Sender::new(from), Receiver::new());
    let bytes = vec![7; 20 * 1000];
    let mut exchange = || {
        let run = Run { to: address, bytes: &bytes, segment: 1000 };
        let sent = sender.send(from, [run, run].into_iter());
        let mut packets = 0;
        while receiver.read(to).expect("the socket is sound") > 0 {
            packets += receiver.datagrams().flat_map(|datagram| datagram.packets()).count() as u64;
        }
        (sent.packets, packets)
    };
    exchange();
    let ((sent, received), allocations) = counted(exchange);
    assert_eq!((sent, received, allocations), (40, 40, 0));
}

#[test]
fn tracing_packets_allocates_nothing() {
    let path = std::env::temp_dir().join(format!("paxos-allocations-{}.pcapng", std::process::id()));
    let me = wire::Sender { role: wire::Role::Acceptor, id: 1, incarnation: 1 };
    let options = Options { path: path.clone(), bytes_max: 64 << 20, snap: 0 };
    let mut trace = Trace::open(&options, me).expect("the temporary directory can be written");
    let address = "127.0.0.1:5000".parse().expect("an address");
    let (packets, allocations) = counted(|| {
        for _ in 0..10_000 {
            trace.clock();
            trace.received(address, address, &[7; 1000], None);
            trace.received(address, address, &[7; 10], Some(&"a reason"));
            trace.sent(address, address, [[7; 1000]; 2].iter(), None);
            trace.turn();
        }
        let counts = trace.counts();
        counts.traced + counts.left_out
    });
    assert_eq!((packets, allocations), (40_000, 0));
    drop(trace);
    for path in [path.clone(), path.with_extension("pcapng.1")] {
        let _ = std::fs::remove_file(path); // the second one may not be there
    }
}

#[test]
fn telling_a_service_manager_that_we_live_allocates_nothing() {
    let path = std::env::temp_dir().join(format!("paxos-allocations-{}.notify", std::process::id()));
    let _ = std::fs::remove_file(&path); // of a process that had our number before
    let manager = UnixDatagram::bind(&path).expect("the temporary directory can be written");
    let mut supervisor = Supervisor::at(path.as_os_str(), Some(1_000_000)).expect("it is there");
    supervisor.ready(0);
    let ((), allocations) = counted(|| {
        for now in 0..100 {
            supervisor.changed();
            supervisor.alive(now, format_args!("decided below instance {now}"));
        }
        supervisor.stopping();
    });
    assert_eq!(allocations, 0);
    let length = manager.recv(&mut [0; 64]).expect("it was told");
    assert_eq!(length, "READY=1".len());
    let _ = std::fs::remove_file(&path);
}

#[test]
fn sealing_and_opening_packets_allocates_nothing_nor_does_a_sender_that_was_not_known() {
    let key = Key::new(1, std::array::from_fn(|at| at as u8));
    let layout = wire::Layout { packet: 1472, cluster: 5, trailer: wire::TRAILER_LEN };
    let group = SocketAddrV4::new(Ipv4Addr::new(239, 0, 0, 1), 6000);
    let mut guard = Guard::new(Keys::parse(&key.line()).expect("a key has a line"));
    let mut buffer = vec![0; 1472];
    for encrypts in [false, true] {
        for id in 0..20 {
            let me = wire::Sender { role: Role::Client, id, incarnation: u64::from(encrypts) };
            let ((), allocations) = counted(|| {
                let sealer = Sealer::new(&key, 5, me, encrypts);
                for sequence in 0..20 {
                    let stamp = Stamp { sequence, log: 0, flags: 0 };
                    let body = Submit { number: sequence.into() };
                    let length = sealer.seal(&mut buffer, layout, me, stamp, group, &body, &[&[b'x'; 1000]]);
                    let opened = guard.open((0, group), &mut buffer[..length]);
                    assert!(opened.is_ok(), "{opened:?}");
                }
            });
            assert_eq!(allocations, 0, "of client {id}");
        }
    }
}
