//! The sockets of a process: one bound to its role's group, one of its own to send from, and the interface
//! that both use.
//!
//! Nothing leaves by an interface that was not named: the group is joined on `Via` by its index, and what is
//! sent to a group goes out by it, whatever the routing table says. A group socket is bound to group address
//! *and* port with `IP_MULTICAST_ALL` off, so other groups on the port, and the same group on other
//! interfaces, stay outside.
//!
//! Space in a receive buffer is counted here as the kernel counts it, in *truesize*: what a queued datagram
//! costs in kernel memory, headers and slack included, which for a small one is many times its length.
//! On Linux 6.18, loopback and veth alike, a run (UDP_SEGMENT) costs its bytes and 832 more; a single packet
//! costs 832 up to 197 bytes, 1,280 up to 645, 2,304 up to 1,669.
//!
//! `unsafe` is confined to this file and `batch.rs`: these are the calls for which socket2 has no
//! counterpart.

use std::ffi::{CStr, CString, c_int};
use std::fmt;
use std::io;
use std::net::{Ipv4Addr, SocketAddrV4, UdpSocket};
use std::os::fd::AsRawFd;
use std::ptr;

use socket2::{Domain, InterfaceIndexOrAddress, Protocol, SockRef, Socket, Type};

/// Which interface is meant, as the configuration says it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Which {
    /// The host's own loopback interface, whatever it is called.
    Loopback,
    /// By name, such as `eth0`; when it has several IPv4 addresses, by the first.
    Named(String),
    /// By one of its IPv4 addresses.
    Address(Ipv4Addr),
}

/// The interface that multicast is joined on and sent by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Via {
    pub name: String,
    /// The kernel's number for it, never 0.
    pub index: u32,
    /// The address that packets carry as their source.
    pub address: Ipv4Addr,
    /// True when nothing that is sent by it leaves the host.
    pub loopback: bool,
}

/// How full a receive queue is, in bytes as the kernel counts them (truesize).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Queue {
    /// Memory charged for datagrams that wait to be read. While there are some, the kernel may keep up to a
    /// quarter of `limit` charged for datagrams that *were* read: it gives memory back in large steps.
    pub allocated: usize,
    /// What may be charged before datagrams are dropped: the effective `SO_RCVBUF`. One that finds the queue
    /// empty is taken whatever its size.
    pub limit: usize,
    /// What the socket has dropped since it was opened, as a wrapping count. A run that arrives whole
    /// (UDP_SEGMENT) and is dropped counts once, not once per packet: evidence that there was loss, not a
    /// measure of it.
    pub drops: u32,
}

/// Why a socket cannot be had: one sentence for the user, saying what to do.
#[derive(Debug)]
pub enum Error {
    /// No interface has this name or address; `exist` lists those there are.
    NoInterface {
        wanted: String,
        exist: String,
    },
    NoAddress {
        name: String,
    },
    Down {
        name: String,
    },
    NoMulticast {
        name: String,
    },
    /// The address of a group is not in 224.0.0.0/4, or its port is 0.
    NotAGroup {
        group: SocketAddrV4,
    },
    /// Another program has the port and does not share it.
    PortTaken {
        group: SocketAddrV4,
    },
    /// The system does not let this user or this container do it.
    Forbidden {
        doing: &'static str,
        at: SocketAddrV4,
    },
    /// The interface, or its address, went away between looking it up and using it.
    Gone {
        via: Via,
    },
    /// Anything else that the system refused.
    System {
        doing: &'static str,
        error: io::Error,
    },
}

pub type Result<T> = std::result::Result<T, Error>;

/// Looks an interface up and checks that it can carry multicast: it is up, has an IPv4 address, and does
/// multicast or is loopback (which does as well, and does not say so).
pub fn via(which: &Which) -> Result<Via> {
    choose(&interfaces()?, which)
}

/// A socket that receives what is sent to a group by way of this interface. Other processes of this host may
/// open the same group, and each gets every packet. Non-blocking; coalesced reads (UDP_GRO) where the kernel
/// has them; counts drops.
///
/// `buffer`: bytes to ask for as `SO_RCVBUF`; the kernel gives at most `net.core.rmem_max`, see
/// `receive_space`.
pub fn group(group: SocketAddrV4, via: &Via, buffer: usize) -> Result<UdpSocket> {
    if !group.ip().is_multicast() || group.port() == 0 {
        return Err(Error::NotAGroup { group });
    }
    let socket = open(group)?;
    let doing = "prepare a socket for the group";
    socket.set_reuse_address(true).map_err(|error| Error::System { doing, error })?;
    socket.set_multicast_all_v4(false).map_err(|error| Error::System { doing, error })?;
    prepare_to_receive(&socket, buffer)?;
    socket.bind(&group.into()).map_err(|error| match error.raw_os_error() {
        Some(libc::EADDRINUSE) => Error::PortTaken { group },
        Some(libc::EACCES | libc::EPERM) => Error::Forbidden { doing: "bind to the group", at: group },
        _ => Error::System { doing: "bind to the group", error },
    })?;
    let interface = InterfaceIndexOrAddress::Index(via.index);
    socket.join_multicast_v4_n(group.ip(), &interface).map_err(|error| match error.raw_os_error() {
        Some(libc::ENODEV | libc::EADDRNOTAVAIL) => Error::Gone { via: via.clone() },
        Some(libc::EACCES | libc::EPERM) => Error::Forbidden { doing: "join the group", at: group },
        _ => Error::System { doing: "join the group", error },
    })?;
    Ok(socket.into())
}

/// The socket that a process sends from, to groups and to single addresses, and that direct replies come back
/// to: a free port on the interface's address. Processes on this host hear what it sends to groups, this one
/// included. Non-blocking; coalesced reads where the kernel has them; counts drops.
///
/// `ttl`: how many routers multicast may pass, plus one. `buffer`: bytes to ask for as `SO_RCVBUF` and
/// `SO_SNDBUF`.
pub fn unicast(via: &Via, ttl: u8, buffer: usize) -> Result<UdpSocket> {
    let own = SocketAddrV4::new(via.address, 0);
    let socket = open(own)?;
    let doing = "prepare a socket to send from";
    prepare_to_receive(&socket, buffer)?;
    socket.set_send_buffer_size(clamped(buffer)).map_err(|error| Error::System { doing, error })?;
    socket.set_multicast_ttl_v4(u32::from(ttl)).map_err(|error| Error::System { doing, error })?;
    socket.set_multicast_loop_v4(true).map_err(|error| Error::System { doing, error })?;
    // By index: two interfaces may have the same address, and socket2 only takes an address.
    let interface = libc::ip_mreqn {
        imr_multiaddr: libc::in_addr { s_addr: 0 },
        imr_address: libc::in_addr { s_addr: u32::from(via.address).to_be() },
        imr_ifindex: via.index as c_int,
    };
    set_option(&socket, libc::IPPROTO_IP, libc::IP_MULTICAST_IF, &interface).map_err(|error| match error
        .raw_os_error()
    {
        Some(libc::ENODEV | libc::EADDRNOTAVAIL) => Error::Gone { via: via.clone() },
        _ => Error::System { doing: "send multicast by the interface", error },
    })?;
    socket.bind(&own.into()).map_err(|error| match error.raw_os_error() {
        Some(libc::EADDRNOTAVAIL) => Error::Gone { via: via.clone() },
        Some(libc::EACCES | libc::EPERM) => Error::Forbidden { doing: "bind to the address", at: own },
        _ => Error::System { doing: "bind to the interface's address", error },
    })?;
    Ok(socket.into())
}

/// The effective `SO_RCVBUF` in bytes of truesize: what the kernel gave, which is twice what was asked for or
/// twice `net.core.rmem_max`, whichever is less.
pub fn receive_space(socket: &UdpSocket) -> usize {
    // Of a socket that is open this cannot fail; if a sandbox forbids asking, what the kernel gives by
    // default.
    SockRef::from(socket).recv_buffer_size().unwrap_or(212_992)
}

/// How full the receive queue is now, and what it has dropped so far. On a kernel older than 4.12, which
/// cannot say: empty, and nothing dropped.
pub fn queue(socket: &UdpSocket) -> Queue {
    /// What Linux 4.12 knew to tell (SK_MEMINFO_VARS); a later kernel cuts its answer to the room it finds.
    const VARIABLES: usize = 9;
    let mut answer = [0_u32; VARIABLES];
    let mut length = size_of_val(&answer) as libc::socklen_t;
    // SAFETY: `answer` has `length` bytes, any of which the kernel may write, and every bit pattern is a u32.
    let result = unsafe {
        let answer = answer.as_mut_ptr().cast();
        libc::getsockopt(socket.as_raw_fd(), libc::SOL_SOCKET, libc::SO_MEMINFO, answer, &mut length)
    };
    if result != 0 || (length as usize) < size_of_val(&answer) {
        return Queue { limit: receive_space(socket), ..Queue::default() };
    }
    Queue {
        allocated: answer[libc::SK_MEMINFO_RMEM_ALLOC as usize] as usize,
        limit: answer[libc::SK_MEMINFO_RCVBUF as usize] as usize,
        drops: answer[libc::SK_MEMINFO_DROPS as usize],
    }
}

/// A socket that receives what is sent to this broadcast address and port: the way to hosts of the network that
/// depends on no multicast. Non-blocking; others may open the same.
pub fn neighbours(at: SocketAddrV4) -> Result<UdpSocket> {
    let socket = open(at)?;
    let doing = "prepare a socket for broadcasts";
    socket.set_reuse_address(true).map_err(|error| Error::System { doing, error })?;
    socket.bind(&at.into()).map_err(|error| match error.raw_os_error() {
        Some(libc::EADDRINUSE) => Error::PortTaken { group: at },
        Some(libc::EACCES | libc::EPERM) => Error::Forbidden { doing: "bind to the broadcast address", at },
        _ => Error::System { doing: "bind to the broadcast address", error },
    })?;
    Ok(socket.into())
}

/// Lets a socket send to broadcast addresses.
///
/// # Errors
/// That of the system.
pub fn allow_broadcast(socket: &UdpSocket) -> io::Result<()> {
    SockRef::from(socket).set_broadcast(true)
}

/// A socket that receives the IGMP messages that reach this host by the interface, IP header included, and sends some.
/// Non-blocking. It is no UDP socket, but can be read and written as one.
///
/// # Errors
/// PermissionDenied for whoever may not open raw sockets, which takes root or CAP_NET_RAW.
pub fn igmp(via: &Via) -> io::Result<UdpSocket> {
    /// Router alert (RFC 2113), with which every IGMP message of version 2 and later goes.
    const ROUTER_ALERT: [u8; 4] = [0x94, 4, 0, 0];
    let socket = Socket::new(Domain::IPV4, Type::RAW, Some(Protocol::from(libc::IPPROTO_IGMP)))?;
    socket.set_nonblocking(true)?;
    socket.bind_device(Some(via.name.as_bytes()))?;
    socket.set_multicast_ttl_v4(1)?;
    socket.set_multicast_loop_v4(false)?;
    set_option(&socket, libc::IPPROTO_IP, libc::IP_OPTIONS, &ROUTER_ALERT)?;
    Ok(socket.into())
}

/// The longest IP packet that the interface takes, bytes, as it is now.
pub fn longest_packet(via: &Via, socket: &UdpSocket) -> Option<u32> {
    // SAFETY: all zeros are valid in every field.
    let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
    // A second address may be listed under a label such as eth0:1, whose interface is eth0.
    let name = via.name.split(':').next().unwrap_or_default();
    if name.len() >= request.ifr_name.len() {
        return None;
    }
    for (to, from) in request.ifr_name.iter_mut().zip(name.bytes()) {
        *to = from as libc::c_char;
    }
    // SAFETY: the request is a whole one, its name ends with a zero, and the kernel writes no more than it.
    let result = unsafe { libc::ioctl(socket.as_raw_fd(), libc::SIOCGIFMTU as _, &mut request) };
    // SAFETY: every bit pattern is an int; the kernel has written this one when it returned 0.
    let mtu = unsafe { request.ifr_ifru.ifru_mtu };
    (result == 0).then_some(u32::try_from(mtu).ok()).flatten()
}

/// The effective `SO_SNDBUF` in bytes as the kernel counts them, like [`receive_space`].
pub fn send_space(socket: &UdpSocket) -> usize {
    // As above.
    SockRef::from(socket).send_buffer_size().unwrap_or(212_992)
}

/// Whether runs of packets are read as one (UDP_GRO).
pub fn coalesces(socket: &UdpSocket) -> bool {
    let mut on: c_int = 0;
    let mut length = size_of_val(&on) as libc::socklen_t;
    // SAFETY: `on` has `length` bytes, any of which the kernel may write, and every bit pattern is an int.
    let result = unsafe {
        let on = ptr::from_mut(&mut on).cast();
        libc::getsockopt(socket.as_raw_fd(), libc::SOL_UDP, libc::UDP_GRO, on, &mut length)
    };
    result == 0 && on != 0
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::NoInterface { wanted, exist } => {
                write!(
                    f,
                    "there is no interface {wanted}; set `interface` to one of those there are: {exist}"
                )
            }
            Error::NoAddress { name } => {
                write!(f, "interface {name} has no IPv4 address; give it one, or set `interface` to another")
            }
            Error::Down { name } => write!(
                f,
                "interface {name} is down; bring it up (ip link set {name} up), or set `interface` to another"
            ),
            Error::NoMulticast { name } => {
                write!(f, "interface {name} does not do multicast; set `interface` to one that does")
            }
            Error::NotAGroup { group } if group.port() == 0 => {
                write!(f, "group {group} has no port; give it one from 1 to 65535")
            }
            Error::NotAGroup { group } => {
                write!(f, "{} is not a multicast address; use one such as 239.0.0.1", group.ip())
            }
            Error::PortTaken { group } => write!(
                f,
                "port {} of group {group} is in use by a program that does not share it (no SO_REUSEADDR); \
                 end that program, or give the group another port",
                group.port()
            ),
            Error::Forbidden { doing, at } if (1..1024).contains(&at.port()) => write!(
                f,
                "not permitted to {doing} {at}: ports below 1024 are for root; choose a port from 1024 up"
            ),
            Error::Forbidden { doing, at } => {
                write!(f, "not permitted to {doing} {at}; check the sandbox or container this runs in")
            }
            Error::Gone { via } => write!(
                f,
                "interface {} ({}) is gone, or has another address now; check `interface` and start again",
                via.name, via.address
            ),
            Error::System { doing, error } => write!(f, "cannot {doing}: {error}"),
        }
    }
}

impl std::error::Error for Error {}

/// What getifaddrs tells of an interface, once per address of it.
#[derive(Clone, Debug)]
pub struct Interface {
    pub name: String,
    flags: c_int,
    /// The kernel's number for it.
    pub index: u32,
    /// None when it was listed for something else than an IPv4 address.
    pub address: Option<Ipv4Addr>,
    /// Which part of the address is that of the network.
    pub mask: Option<Ipv4Addr>,
}

impl Interface {
    /// Whether multicast can leave the host by it: it is up, and does multicast.
    pub fn reaches_others(&self) -> bool {
        self.has(libc::IFF_UP) && self.has(libc::IFF_MULTICAST) && !self.has(libc::IFF_LOOPBACK)
    }

    fn has(&self, flag: c_int) -> bool {
        self.flags & flag != 0
    }
}

fn choose(interfaces: &[Interface], which: &Which) -> Result<Via> {
    let is_meant = |interface: &&Interface| match which {
        Which::Loopback => interface.has(libc::IFF_LOOPBACK),
        Which::Named(name) => interface.name == *name,
        Which::Address(address) => interface.address == Some(*address),
    };
    let meant = || interfaces.iter().filter(is_meant);
    let Some(interface) = meant().find(|interface| interface.address.is_some()).or_else(|| meant().next())
    else {
        let wanted = match which {
            Which::Loopback => "for loopback".into(),
            Which::Named(name) => name.clone(),
            Which::Address(address) => format!("with the address {address}"),
        };
        return Err(Error::NoInterface { wanted, exist: list(interfaces) });
    };
    let name = interface.name.clone();
    if !interface.has(libc::IFF_UP) {
        return Err(Error::Down { name });
    }
    let loopback = interface.has(libc::IFF_LOOPBACK);
    if !loopback && !interface.has(libc::IFF_MULTICAST) {
        return Err(Error::NoMulticast { name });
    }
    match interface.address {
        Some(address) => Ok(Via { name, index: interface.index, address, loopback }),
        None => Err(Error::NoAddress { name }),
    }
}

/// Every interface once, with its first IPv4 address: "lo (127.0.0.1), eth0 (192.0.2.7), dummy0 (no IPv4
/// address)".
fn list(interfaces: &[Interface]) -> String {
    let mut names: Vec<&str> = Vec::new();
    for interface in interfaces {
        if !names.contains(&interface.name.as_str()) {
            names.push(&interface.name);
        }
    }
    let describe = |name: &&str| match interfaces
        .iter()
        .filter(|interface| interface.name == *name)
        .find_map(|found| found.address)
    {
        Some(address) => format!("{name} ({address})"),
        None => format!("{name} (no IPv4 address)"),
    };
    names.iter().map(describe).collect::<Vec<_>>().join(", ")
}

/// The interfaces of this host, once for each address that they have.
pub fn interfaces() -> Result<Vec<Interface>> {
    let mut first: *mut libc::ifaddrs = ptr::null_mut();
    // SAFETY: getifaddrs writes a pointer to a list of its own making, which stays until freeifaddrs below.
    if unsafe { libc::getifaddrs(&mut first) } != 0 {
        let error = io::Error::last_os_error();
        return Err(Error::System { doing: "list the interfaces", error });
    }
    let mut found = Vec::new();
    let mut entry = first;
    // SAFETY: `entry` is null or points into the list, which has not been freed.
    while let Some(interface) = unsafe { entry.as_ref() } {
        // SAFETY: the name is a NUL-terminated string inside the list; `from_entry` only reads.
        found.push(unsafe { from_entry(interface) });
        entry = interface.ifa_next;
    }
    // SAFETY: `first` came from getifaddrs and is freed once; `found` holds copies only.
    unsafe { libc::freeifaddrs(first) };
    Ok(found)
}

/// # Safety
/// `entry` must be an entry of a list from getifaddrs that has not been freed.
unsafe fn from_entry(entry: &libc::ifaddrs) -> Interface {
    // SAFETY: by the caller's word the name is a NUL-terminated string.
    let name = unsafe { CStr::from_ptr(entry.ifa_name) }.to_string_lossy().into_owned();
    // SAFETY: by the caller's word each of them is null or a socket address.
    let (address, mask) = unsafe { (ipv4(entry.ifa_addr), ipv4(entry.ifa_netmask)) };
    // A second address may be listed under a label such as eth0:1, whose interface is eth0.
    let device = CString::new(name.split(':').next().unwrap_or_default()).unwrap_or_default();
    // SAFETY: `device` is a NUL-terminated string that outlives the call.
    let index = unsafe { libc::if_nametoindex(device.as_ptr()) };
    Interface { name, flags: entry.ifa_flags as c_int, index, address, mask }
}

/// # Safety
/// `address` must be null or point to a socket address.
unsafe fn ipv4(address: *const libc::sockaddr) -> Option<Ipv4Addr> {
    // SAFETY: not null, so by the caller's word a socket address, whose family says how long it is.
    unsafe {
        if address.is_null() || c_int::from((*address).sa_family) != libc::AF_INET {
            return None;
        }
        let inet: libc::sockaddr_in = ptr::read_unaligned(address.cast());
        Some(Ipv4Addr::from(u32::from_be(inet.sin_addr.s_addr)))
    }
}

fn open(at: SocketAddrV4) -> Result<Socket> {
    let doing = "open a UDP socket for";
    let open = || {
        let socket = Socket::new(Domain::IPV4, Type::DGRAM, Some(Protocol::UDP))?;
        socket.set_nonblocking(true)?;
        Ok(socket)
    };
    open().map_err(|error: io::Error| match error.raw_os_error() {
        Some(libc::EACCES | libc::EPERM) => Error::Forbidden { doing, at },
        _ => Error::System { doing: "open a UDP socket", error },
    })
}

/// The buffer, the drop counter, and coalesced reads, which the kernel has since 5.0 and we can do without.
fn prepare_to_receive(socket: &Socket, buffer: usize) -> Result<()> {
    let doing = "prepare a socket to receive";
    socket.set_recv_buffer_size(clamped(buffer)).map_err(|error| Error::System { doing, error })?;
    let on: c_int = 1;
    set_option(socket, libc::SOL_SOCKET, libc::SO_RXQ_OVFL, &on)
        .map_err(|error| Error::System { doing, error })?;
    if let Err(error) = set_option(socket, libc::SOL_UDP, libc::UDP_GRO, &on) {
        log::info!(
            "the kernel does not coalesce received packets (UDP_GRO: {error}); each is read by itself"
        );
    }
    Ok(())
}

/// A buffer size as setsockopt takes it, an int that the kernel doubles.
fn clamped(buffer: usize) -> usize {
    buffer.min(c_int::MAX as usize / 2)
}

fn set_option<T: Copy>(socket: &Socket, level: c_int, name: c_int, value: &T) -> io::Result<()> {
    // SAFETY: `value` is valid to read for its size during the call; the kernel copies it.
    let result = unsafe {
        let value = ptr::from_ref(value).cast();
        libc::setsockopt(socket.as_raw_fd(), level, name, value, size_of::<T>() as libc::socklen_t)
    };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::ErrorKind;
    use std::time::Duration;

    fn loopback() -> Via {
        via(&Which::Loopback).expect("tests run where loopback is up")
    }

    /// A group of this test alone: the tests of another process may run beside it.
    fn free_group(last_byte: u8) -> SocketAddrV4 {
        let port = 10_001 + (std::process::id() % 10_000) as u16 * 2;
        SocketAddrV4::new(Ipv4Addr::new(239, 0, 0, last_byte), port)
    }

    fn receive(socket: &UdpSocket) -> io::Result<Vec<u8>> {
        socket.set_nonblocking(false)?;
        socket.set_read_timeout(Some(Duration::from_millis(300)))?;
        let mut bytes = [0; 2048];
        let (length, _) = socket.recv_from(&mut bytes)?;
        Ok(bytes[..length].to_vec())
    }

    #[test]
    fn loopback_is_found_as_itself_by_name_and_by_address() {
        let via = loopback();
        assert!(via.loopback && via.index > 0 && via.address.is_loopback());
        assert_eq!(super::via(&Which::Named(via.name.clone())).unwrap(), via);
        assert_eq!(super::via(&Which::Address(via.address)).unwrap(), via);
    }

    #[test]
    fn an_interface_that_does_not_exist_is_answered_with_those_that_do() {
        for (which, wanted) in [
            (Which::Named("eth77".into()), "no interface eth77;"),
            (Which::Address(Ipv4Addr::new(203, 0, 113, 77)), "no interface with the address 203.0.113.77;"),
        ] {
            let sentence = via(&which).unwrap_err().to_string();
            assert!(sentence.contains(wanted), "{sentence}");
            assert!(sentence.contains(&format!("{} (127.0.0.1)", loopback().name)), "{sentence}");
        }
    }

    #[test]
    fn an_interface_must_be_up_have_an_address_and_do_multicast() {
        let (up, multicast) = (libc::IFF_UP, libc::IFF_MULTICAST);
        let address = Some(Ipv4Addr::new(192, 0, 2, 7));
        let try_one = |flags, address| {
            let listed = |name: &str, flags, index, address| Interface {
                name: name.into(),
                flags,
                index,
                address,
                mask: None,
            };
            let listed = [
                listed("lo", up | libc::IFF_LOOPBACK, 1, None),
                listed("x0", flags, 2, None),
                listed("x0", flags, 2, address),
            ];
            choose(&listed, &Which::Named("x0".into())).map_err(|error| error.to_string())
        };
        assert!(try_one(multicast, address).unwrap_err().contains("ip link set x0 up"));
        assert!(try_one(up, address).unwrap_err().contains("does not do multicast"));
        assert!(try_one(up | multicast, None).unwrap_err().contains("has no IPv4 address"));
        let via = try_one(up | multicast, address).unwrap();
        assert_eq!((via.index, Some(via.address), via.loopback), (2, address, false));
    }

    #[test]
    fn every_socket_of_a_group_gets_every_packet_and_only_of_its_group() {
        let (via, ours) = (loopback(), free_group(31));
        let receivers = [group(ours, &via, 65_536).unwrap(), group(ours, &via, 65_536).unwrap()];
        let other = SocketAddrV4::new(Ipv4Addr::new(239, 0, 0, 32), ours.port());
        let bystander = group(other, &via, 65_536).unwrap();
        let sender = unicast(&via, 1, 65_536).unwrap();
        sender.send_to(b"to ours", ours).unwrap();
        for receiver in &receivers {
            assert_eq!(receive(receiver).unwrap(), b"to ours");
        }
        assert_eq!(receive(&bystander).unwrap_err().kind(), ErrorKind::WouldBlock);
    }

    #[test]
    fn sockets_do_not_block_and_the_sending_one_is_answered_at_its_own_address() {
        let via = loopback();
        let (one, two) = (unicast(&via, 1, 65_536).unwrap(), unicast(&via, 1, 65_536).unwrap());
        assert_eq!(one.recv_from(&mut [0; 9]).unwrap_err().kind(), ErrorKind::WouldBlock);
        two.send_to(b"reply", one.local_addr().unwrap()).unwrap();
        assert_eq!(receive(&one).unwrap(), b"reply");
        assert_eq!(one.local_addr().unwrap().ip(), via.address);
    }

    #[test]
    fn what_is_not_a_group_is_refused_with_a_sentence() {
        let refusal = |text: &str| group(text.parse().unwrap(), &loopback(), 65_536).unwrap_err().to_string();
        assert!(refusal("10.0.0.1:7000").contains("10.0.0.1 is not a multicast address"));
        assert!(refusal("239.0.0.1:0").contains("has no port"));
    }

    #[test]
    fn a_port_held_by_a_program_that_does_not_share_is_named() {
        let ours = free_group(33);
        let selfish = UdpSocket::bind(ours).unwrap();
        let sentence = group(ours, &loopback(), 65_536).unwrap_err().to_string();
        assert!(
            sentence.starts_with(&format!("port {} of group {ours} is in use", ours.port())),
            "{sentence}"
        );
        drop(selfish);
        group(ours, &loopback(), 65_536).unwrap();
    }

    #[test]
    fn an_interface_that_went_away_is_said_to_be_gone() {
        let gone = Via {
            name: "eth77".into(),
            index: 987_654,
            address: Ipv4Addr::new(203, 0, 113, 77),
            loopback: false,
        };
        assert!(matches!(group(free_group(34), &gone, 65_536), Err(Error::Gone { .. })));
        assert!(matches!(unicast(&gone, 1, 65_536), Err(Error::Gone { .. })));
        let readdressed = Via { index: loopback().index, ..gone };
        let sentence = unicast(&readdressed, 1, 65_536).unwrap_err().to_string();
        assert!(sentence.contains("eth77 (203.0.113.77) is gone"), "{sentence}");
    }

    #[test]
    fn loopback_takes_the_longest_packets_and_is_of_no_use_to_others() {
        let socket = unicast(&loopback(), 1, 65_536).expect("a socket");
        assert_eq!(longest_packet(&loopback(), &socket), Some(65_536));
        let nowhere = Via { name: "no such".into(), ..loopback() };
        assert_eq!(longest_packet(&nowhere, &socket), None);
        let all = interfaces().expect("a list");
        let listed = all.iter().find(|interface| interface.address == Some(Ipv4Addr::LOCALHOST)).expect("it");
        assert!(!listed.reaches_others());
        assert_eq!(listed.mask, Some(Ipv4Addr::new(255, 0, 0, 0)));
    }

    #[test]
    fn the_space_is_what_the_kernel_gave_and_the_queue_shows_what_waits() {
        let (via, ours) = (loopback(), free_group(35));
        let receiver = group(ours, &via, 65_536).unwrap();
        assert_eq!(receive_space(&receiver), 131_072);
        assert_eq!(queue(&receiver), Queue { allocated: 0, limit: 131_072, drops: 0 });
        unicast(&via, 1, 65_536).unwrap().send_to(&[7; 1000], ours).unwrap();
        assert!(queue(&receiver).allocated > 1000);
        receive(&receiver).unwrap();
        assert_eq!(queue(&receiver).allocated, 0);
        // Asking for more than there is gives what there is, and is no error.
        assert!(receive_space(&group(ours, &via, usize::MAX).unwrap()) >= 131_072);
    }
}
