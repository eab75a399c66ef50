//! `wire dump --live`: listens to the groups of a cluster.
//!
//! What comes is handed on as a capture, so that everything that reads captures reads this too. The sockets are as
//! those of the processes: bound to the group, joined on one interface, runs of packets taken as one (UDP_GRO), for
//! without that the kernel would cut each run into packets at its sender's expense.

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use socket2::{Domain, InterfaceIndexOrAddress, Protocol, Socket, Type};
use std::fmt::Display;
use std::fs;
use std::io::{self, Read};
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4, UdpSocket};
use std::os::fd::AsRawFd;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Instant, SystemTime, UNIX_EPOCH};
use wire::capture::write::{self, Direction, HEADERS, Passage};

const KEYS: [&str; 4] = ["clients", "proposers", "acceptors", "learners"];
/// What a record may hold: UDP over IPv4 carries no more.
const DATAGRAM_MAX: usize = 65_535 - HEADERS;
/// Bytes of receive buffer to ask for; the kernel may give less.
const BUFFER: usize = 4 << 20;
/// Datagrams that are read from a socket before the others have their turn.
const TURN: usize = 16;
/// How late an end is noticed that is told between a look and a wait; one that is told during a wait ends it.
const LATE: Timespec = Timespec { tv_sec: 0, tv_nsec: 200_000_000 };

/// The groups, as a capture that ends when it is told to.
pub struct Live {
    sockets: Vec<(UdpSocket, SocketAddrV4)>,
    started: Instant,
    base_ns: u64,
    datagram: Box<[u8]>,
    /// What was made of the capture and not yet handed on is `capture[given..]`.
    capture: Vec<u8>,
    given: usize,
    ended: Arc<AtomicBool>,
}

impl Live {
    /// Joins the four groups of a configuration. A signal that sets `ended` ends the capture.
    ///
    /// # Errors
    /// A sentence.
    pub fn open(conf: &Path, ended: Arc<AtomicBool>) -> Result<Live, String> {
        let named = |what: String| format!("{}: {what}", conf.display());
        let text = fs::read_to_string(conf).map_err(|error| match error.kind() {
            io::ErrorKind::InvalidData => named("not a configuration: it is not text".into()),
            _ => named(error.to_string()),
        })?;
        let (groups, interface) = read(&text).map_err(named)?;
        let open = |group: SocketAddrV4| match join(group, &interface) {
            Ok(socket) => Ok((socket, group)),
            Err(error) => Err(named(format!("cannot listen to {group} by {interface}: {error}"))),
        };
        let sockets = groups.into_iter().map(open).collect::<Result<_, _>>()?;
        let mut capture = Vec::new();
        write::section(&mut capture, "wire");
        write::interface(&mut capture, "live", "the groups of a cluster", 0);
        let base = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Ok(Live {
            sockets,
            started: Instant::now(),
            base_ns: base.as_nanos() as u64, // until the year 2554
            datagram: vec![0; DATAGRAM_MAX].into(),
            capture,
            given: 0,
            ended,
        })
    }

    /// Waits for packets, not for long, and adds what came to the capture.
    fn wait(&mut self) -> io::Result<()> {
        let mut polled: Vec<_> =
            self.sockets.iter().map(|(socket, _)| PollFd::new(socket, PollFlags::IN)).collect();
        match poll(&mut polled, Some(&LATE)) {
            Ok(0) | Err(Errno::INTR) => return Ok(()),
            polled => polled?,
        };
        for (socket, group) in &self.sockets {
            for _ in 0..TURN {
                let (length, from) = match socket.recv_from(&mut self.datagram) {
                    Ok((length, SocketAddr::V4(from))) => (length, from),
                    Ok(_) => continue,
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                    Err(error) => return Err(error),
                };
                let time_ns = self.base_ns + self.started.elapsed().as_nanos() as u64;
                let passage = Passage { time_ns, from, to: *group, direction: Direction::In };
                write::packet(&mut self.capture, &passage, &self.datagram[..length], 0, "");
            }
        }
        Ok(())
    }
}

impl Read for Live {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.given == self.capture.len() {
            self.capture.clear();
            self.given = 0;
            while self.capture.is_empty() && !self.ended.load(Ordering::Relaxed) {
                self.wait()?;
            }
        }
        let rest = &self.capture[self.given..];
        let length = rest.len().min(buffer.len());
        buffer[..length].copy_from_slice(&rest[..length]);
        self.given += length;
        Ok(length)
    }
}

/// The groups and the interface that a configuration names. The other keys are the processes' affair.
fn read(text: &str) -> Result<([SocketAddrV4; 4], String), String> {
    let mut groups = [None; 4];
    let mut interface = "loopback".to_string();
    for (index, line) in text.lines().enumerate() {
        let mut words = line.split('#').next().unwrap_or_default().split_whitespace();
        let Some(key) = words.next() else { continue };
        let wrong = |what: &dyn Display| format!("line {}: {what}", index + 1);
        if let Some(role) = KEYS.iter().position(|known| *known == key) {
            groups[role] = match (words.next().map(str::parse), words.next().map(str::parse)) {
                (Some(Ok(address)), Some(Ok(port))) if Ipv4Addr::is_multicast(&address) && port > 0 => {
                    Some(SocketAddrV4::new(address, port))
                }
                _ => return Err(wrong(&format_args!("write {key}, a multicast address and a port"))),
            };
        } else if key == "interface" {
            let word = words.next();
            interface = word.ok_or_else(|| wrong(&"write a name, an address or `loopback`"))?.into();
        }
    }
    let [Some(clients), Some(proposers), Some(acceptors), Some(learners)] = groups else {
        return Err(format!("the groups are missing; there must be lines for {}", KEYS.join(", ")));
    };
    Ok(([clients, proposers, acceptors, learners], interface))
}

/// A socket that hears this group by this interface, and sends nothing.
fn join(group: SocketAddrV4, interface: &str) -> io::Result<UdpSocket> {
    let socket = Socket::new(Domain::IPV4, Type::DGRAM.nonblocking().cloexec(), Some(Protocol::UDP))?;
    let by = match interface.parse::<Ipv4Addr>() {
        Ok(address) => InterfaceIndexOrAddress::Address(address),
        Err(_) if interface == "loopback" => InterfaceIndexOrAddress::Address(Ipv4Addr::LOCALHOST),
        Err(_) => {
            let index = rustix::net::netdevice::name_to_index(&socket, interface)?;
            InterfaceIndexOrAddress::Index(index)
        }
    };
    socket.set_reuse_address(true)?;
    socket.set_multicast_all_v4(false)?;
    socket.set_recv_buffer_size(BUFFER)?;
    take_runs(&socket);
    socket.bind(&group.into())?;
    socket.join_multicast_v4_n(group.ip(), &by)?;
    Ok(socket.into())
}

/// Where the kernel does not know UDP_GRO, packets come one by one, which is right as well.
fn take_runs(socket: &Socket) {
    let on: libc::c_int = 1;
    // SAFETY: the kernel reads one int, which lives until after the call.
    let _ = unsafe {
        let length = size_of_val(&on) as libc::socklen_t;
        libc::setsockopt(socket.as_raw_fd(), libc::SOL_UDP, libc::UDP_GRO, (&raw const on).cast(), length)
    };
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;
    use wire::capture::Capture;

    const CONF: &str = "clients 239.0.0.1 5000 # a comment\n\nproposers 239.0.0.1 6000\nacceptors 239.0.0.1 7000 0 1 2\n\
                        learners 239.0.0.1 8000\nmtu 9000\n";

    #[test]
    fn groups_and_interface_are_found_and_what_is_wrong_is_told_with_its_line() {
        let (groups, interface) = read(CONF).expect("it is whole");
        assert_eq!(groups.map(|group| group.port()), [5000, 6000, 7000, 8000]);
        assert_eq!(interface, "loopback");
        assert_eq!(read(&format!("{CONF}interface eth7")).expect("it is whole").1, "eth7");
        assert!(read(&CONF.replace("learners", "#")).unwrap_err().contains("the groups are missing"));
        let told = read(&CONF.replace("239.0.0.1 7000", "10.0.0.1 7000")).unwrap_err();
        assert!(told.starts_with("line 4: write acceptors"), "{told}");
    }

    #[test]
    fn what_is_sent_to_a_group_comes_as_a_capture() {
        let [_, high, mid, low] = std::process::id().to_be_bytes();
        let address = Ipv4Addr::new(239, 128 | high & 63, mid, low);
        let path = std::env::temp_dir().join(format!("wire-live-{}.conf", std::process::id()));
        let mut file = fs::File::create(&path).expect("it can be written");
        file.write_all(CONF.replace("239.0.0.1", &address.to_string()).as_bytes()).expect("there is space");
        let live = Live::open(&path, Arc::default()).expect("loopback is there");
        fs::remove_file(&path).expect("it is ours");
        let sender = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("loopback has ports");
        socket2::SockRef::from(&sender).set_multicast_if_v4(&Ipv4Addr::LOCALHOST).expect("it is there");
        sender.send_to(b"PX 1", (address, 6000)).expect("loopback takes it");
        sender.send_to(b"PX 2", (address, 8000)).expect("loopback takes it");
        let mut capture = Capture::new(live);
        for (bytes, port) in [(b"PX 1", 6000), (b"PX 2", 8000)] {
            let datagram = capture.next().expect("it never ends").expect("it is whole");
            assert_eq!(datagram.bytes, bytes);
            assert_eq!(datagram.destination, SocketAddrV4::new(address, port));
            assert_eq!(SocketAddr::V4(datagram.source), sender.local_addr().expect("it is bound"));
        }
    }
}
