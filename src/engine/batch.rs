//! Many packets per system call, in both directions.
//!
//! A *run* is a row of packets of equal size, back to back in memory, the last of which may be shorter. With
//! UDP_SEGMENT a run of up to 64 packets goes through the kernel as one, is copied to every receiver of this
//! host as one, and arrives as one where UDP_GRO is on: `Datagram::segment` says where the packets part.
//! Several runs leave by one sendmmsg.
//!
//! UDP promises nothing, and neither does this file: what the kernel refuses to send is a lost packet,
//! counted, mentioned in the log at most once a second, and sent again by those whose business that is.
//! Nothing allocates after `new`.
//!
//! `unsafe` is confined to this file and `sockets.rs`. The rule that makes it sound here: every pointer that
//! a system call is given was written just before the call, from a borrow that outlives it; what is left of
//! it afterwards is never followed.

use std::io;
use std::mem;
use std::net::{Ipv4Addr, SocketAddrV4, UdpSocket};
use std::os::fd::AsRawFd;
use std::ptr;
use std::time::{Duration, Instant};

/// Datagrams that one read may return, each up to `DATAGRAM_MAX` bytes.
pub const READ_MAX: usize = crate::limits::READ_DATAGRAMS as usize;
/// Packets in a run as the kernel takes it: UDP_MAX_SEGMENTS before Linux 6.9, twice that since.
pub const SEGMENTS_MAX: usize = 64;
// What a learner's window must hold beside the pipeline is reckoned from these two.
const _: () =
    assert!((READ_MAX * SEGMENTS_MAX) as u64 + crate::limits::TURN_ENOUGH == crate::limits::TURN_PACKETS);

/// Bytes in a run, or in a packet: what the length field of an IPv4 header leaves after IP and UDP headers.
pub const RUN_BYTES_MAX: usize = 65_535 - 20 - 8;

/// No UDP datagram over IPv4 is longer, coalesced or not.
pub const DATAGRAM_MAX: usize = 65_536;
/// Messages per sendmmsg.
const MESSAGES: usize = 64;
/// How long to wait for room in the send buffer. The kernel calls it writable when less than half is taken:
/// by default that is when of 7 runs of 64 kB 3 are left, in 2 ms at 1 Gbit/s, and in 22 ms at 100 Mbit/s.
const ROOM_WAIT_MS: i32 = 30;
const COMPLAINT_INTERVAL: Duration = Duration::from_secs(1);

/// Reads batches of datagrams into buffers of its own: 1 MiB of address space, of which only what is used
/// becomes memory.
pub struct Receiver {
    /// `READ_MAX` buffers of `DATAGRAM_MAX` bytes.
    buffers: Box<[u8]>,
    iovecs: Box<[libc::iovec]>,
    headers: Box<[libc::mmsghdr]>,
    names: Box<[libc::sockaddr_in]>,
    controls: Box<[Control]>,
    /// What the last read brought, in `buffers` of the same index.
    arrivals: Box<[Arrival]>,
    count: usize,
    /// What the last read was to bring at most.
    most: Most,
    drops: Option<u32>,
    /// False once the kernel has refused recvmmsg.
    batched: bool,
}

/// What a read brings at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Most {
    /// Datagrams: 1 to `READ_MAX`.
    pub datagrams: usize,
    /// Bytes of each; what is longer is cut off, and the kernel does not copy it. Up to 65,536, which no datagram exceeds.
    pub bytes: usize,
}

impl Default for Most {
    /// All there can be.
    fn default() -> Most {
        Most { datagrams: READ_MAX, bytes: DATAGRAM_MAX }
    }
}

/// One datagram, or a run that the kernel coalesced into one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Datagram<'a> {
    pub from: SocketAddrV4,
    pub bytes: &'a [u8],
    /// Length of each packet in it but the last, which may be shorter; the length of `bytes` when it is a
    /// single packet.
    pub segment: usize,
    /// The datagram, or what the kernel said of it, did not fit: its packets are not to be trusted.
    pub truncated: bool,
}

/// Packets to send: equal in size and back to back, the last may be shorter, all to one destination.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Run<'a> {
    pub to: SocketAddrV4,
    /// Any number of packets; `Sender` cuts what is too long for the kernel. Empty: nothing to send.
    pub bytes: &'a [u8],
    /// Length of each packet but the last; not 0 unless `bytes` is empty.
    pub segment: usize,
}

/// How packets leave, the best first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// sendmmsg of runs, cut into packets by the kernel or the device (UDP_SEGMENT).
    Gso,
    /// sendmmsg of single packets.
    Mmsg,
    /// A sendto per packet.
    Plain,
}

/// What became of what was to be sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sent {
    /// Packets the kernel took.
    pub packets: u64,
    /// Bytes the kernel took, without headers.
    pub bytes: u64,
    /// System calls it cost, those in vain and the waiting included.
    pub system_calls: u64,
    /// Packets the kernel did not take. They are lost, like those the network loses.
    pub refused: u64,
}

/// Hears of every message what became of it.
pub type Told<'t> = &'t mut dyn FnMut(&Run<'_>, Option<&io::Error>);

/// Sends runs, in the best mode the kernel takes.
pub struct Sender {
    mode: Mode,
    iovecs: Box<[libc::iovec]>,
    headers: Box<[libc::mmsghdr]>,
    names: Box<[libc::sockaddr_in]>,
    controls: Box<[Control]>,
    /// False for the rest of a `send` that has once waited in vain for room in the send buffer.
    patient: bool,
    complaint: Option<Instant>,
    /// Packets refused since the last complaint.
    unmentioned: u64,
}

impl Receiver {
    /// Allocates all it will ever use.
    pub fn new() -> Receiver {
        let from = SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, 0);
        let nothing = Arrival { from, length: 0, segment: 0, truncated: false };
        Receiver {
            buffers: vec![0; READ_MAX * DATAGRAM_MAX].into(),
            iovecs: vec![NO_IOVEC; READ_MAX].into(),
            headers: vec![no_header(); READ_MAX].into(),
            names: vec![name_of(from); READ_MAX].into(),
            controls: vec![Control::EMPTY; READ_MAX].into(),
            arrivals: vec![nothing; READ_MAX].into(),
            count: 0,
            most: Most::default(),
            drops: None,
            batched: true,
        }
    }

    /// Like `new`, but a system call per datagram, as on a kernel without recvmmsg.
    pub fn without_recvmmsg() -> Receiver {
        Receiver { batched: false, ..Receiver::new() }
    }

    /// Reads up to `READ_MAX` datagrams without waiting, in place of those of the read before. Returns how
    /// many; 0 when none waits. Fewer than `READ_MAX` does not promise that none is left.
    ///
    /// Errors are those of the socket itself. What an ICMP message reports of an earlier packet is not one.
    pub fn read(&mut self, socket: &UdpSocket) -> io::Result<usize> {
        self.read_most(socket, Most::default())
    }

    /// The same, but no more than so much.
    ///
    /// # Errors
    /// As [`Receiver::read`].
    pub fn read_most(&mut self, socket: &UdpSocket, most: Most) -> io::Result<usize> {
        self.most = most;
        self.count = 0;
        self.drops = None;
        let mut count = Ok(0);
        if self.batched {
            count = self.receive(socket, 0, most.datagrams);
            if matches!(&count, Err(error) if error.raw_os_error() == Some(libc::ENOSYS)) {
                log::info!("the kernel has no recvmmsg; reading datagrams one by one");
                self.batched = false;
            }
        }
        if !self.batched {
            count = self.receive_one_by_one(socket);
        }
        let count = count?;
        for index in 0..count {
            self.note(index);
        }
        self.count = count;
        Ok(count)
    }

    /// What the last read brought, in the order of arrival.
    pub fn datagrams(&self) -> impl Iterator<Item = Datagram<'_>> {
        let arrivals = &self.arrivals[..self.count];
        arrivals.iter().zip(self.buffers.chunks_exact(DATAGRAM_MAX)).map(|(arrival, buffer)| Datagram {
            from: arrival.from,
            bytes: &buffer[..arrival.length],
            segment: arrival.segment,
            truncated: arrival.truncated,
        })
    }

    /// Bytes that the last read brought.
    pub fn bytes(&self) -> usize {
        self.arrivals[..self.count].iter().map(|arrival| arrival.length).sum()
    }

    /// The same, to be changed where they lie: each packet with where it came from. Of a datagram that was cut off, its first
    /// packet.
    pub fn packets_mut(&mut self) -> impl Iterator<Item = (SocketAddrV4, &mut [u8])> {
        let arrivals = &self.arrivals[..self.count];
        arrivals.iter().zip(self.buffers.chunks_exact_mut(DATAGRAM_MAX)).flat_map(|(arrival, buffer)| {
            let whole = if arrival.truncated { arrival.segment } else { arrival.length };
            let bytes = &mut buffer[..whole];
            let (packets, empty) = match bytes {
                [] => (Default::default(), Some(bytes)),
                _ => (bytes, None),
            };
            packets.chunks_mut(arrival.segment.max(1)).chain(empty).map(|packet| (arrival.from, packet))
        })
    }

    /// The socket's count of dropped datagrams (SO_RXQ_OVFL), as it stood when the latest datagram of the
    /// last read that carries it was queued. `None` when none does: as long as nothing was dropped, or when
    /// nothing was read. Wraps; a dropped run counts once.
    pub fn kernel_drops(&self) -> Option<u32> {
        self.drops
    }

    fn receive_one_by_one(&mut self, socket: &UdpSocket) -> io::Result<usize> {
        let mut count = 0;
        while count < self.most.datagrams {
            match self.receive(socket, count, 1) {
                Ok(0) => break,
                Ok(_) => count += 1,
                // What was read is handed out first; an error that stays comes again.
                Err(_) if count > 0 => break,
                Err(error) => return Err(error),
            }
        }
        Ok(count)
    }

    /// Receives up to `count` datagrams into the buffers from `first` on; 0 when none waits.
    fn receive(&mut self, socket: &UdpSocket, first: usize, count: usize) -> io::Result<usize> {
        // Each error that ICMP left behind is reported once; more of them than this is something else.
        let mut stale_errors_left = READ_MAX;
        loop {
            self.prepare(first, count);
            let headers = &mut self.headers[first..first + count];
            let flags = libc::MSG_DONTWAIT;
            // SAFETY: `prepare` has just pointed each header to a buffer, a name and a control block of its
            // own index, all owned by `self`, which is borrowed mutably until after the call; their lengths
            // are as written there. The kernel writes to them within these lengths, and any bytes are valid
            // there.
            let received = unsafe {
                if self.batched {
                    let headers = headers.as_mut_ptr();
                    libc::recvmmsg(socket.as_raw_fd(), headers, count as _, flags as _, ptr::null_mut())
                        as isize
                } else {
                    let length = libc::recvmsg(socket.as_raw_fd(), &mut headers[0].msg_hdr, flags);
                    headers[0].msg_len = length.max(0) as _;
                    if length < 0 { -1 } else { 1 }
                }
            };
            if received >= 0 {
                return Ok(received as usize);
            }
            let error = io::Error::last_os_error();
            match error.raw_os_error() {
                Some(libc::EINTR) => {}
                Some(libc::EAGAIN) => return Ok(0),
                Some(
                    libc::ECONNREFUSED
                    | libc::EHOSTUNREACH
                    | libc::ENETUNREACH
                    | libc::EHOSTDOWN
                    | libc::EMSGSIZE
                    | libc::EPROTO
                    | libc::ENOPROTOOPT,
                ) if stale_errors_left > 0 => stale_errors_left -= 1,
                _ => return Err(error),
            }
        }
    }

    /// Points the headers to their buffers; the kernel overwrote the lengths in the call before.
    fn prepare(&mut self, first: usize, count: usize) {
        let buffers = self.buffers[first * DATAGRAM_MAX..].chunks_exact_mut(DATAGRAM_MAX);
        for (index, buffer) in (first..first + count).zip(buffers) {
            let iovec = &mut self.iovecs[index];
            *iovec = libc::iovec {
                iov_base: buffer.as_mut_ptr().cast(),
                iov_len: buffer.len().min(self.most.bytes),
            };
            let header = &mut self.headers[index].msg_hdr;
            header.msg_name = ptr::from_mut(&mut self.names[index]).cast();
            header.msg_namelen = size_of::<libc::sockaddr_in>() as libc::socklen_t;
            header.msg_iov = iovec;
            header.msg_iovlen = 1;
            header.msg_control = ptr::from_mut(&mut self.controls[index]).cast();
            header.msg_controllen = size_of::<Control>() as _;
            header.msg_flags = 0;
        }
    }

    /// Takes down what the kernel said of a datagram just received.
    fn note(&mut self, index: usize) {
        let received = &self.headers[index];
        let length = (received.msg_len as usize).min(self.most.bytes);
        let mut segment = length;
        // SAFETY: the kernel filled this header in the read that has just returned, and nothing has moved
        // since: `msg_control` points to `controls[index]`, and `msg_controllen` is what it wrote there. The
        // CMSG functions stay within that length, and values are read unaligned, and only when the length of
        // their message covers them.
        unsafe {
            let mut message = libc::CMSG_FIRSTHDR(&received.msg_hdr);
            while let Some(control) = message.as_ref() {
                let value = libc::CMSG_DATA(control);
                let holds = |bytes: usize| control.cmsg_len >= libc::CMSG_LEN(bytes as u32) as _;
                match (control.cmsg_level, control.cmsg_type) {
                    (libc::SOL_UDP, libc::UDP_GRO) if holds(size_of::<i32>()) => {
                        let size = ptr::read_unaligned(value.cast::<i32>());
                        segment = usize::try_from(size).unwrap_or(0);
                    }
                    (libc::SOL_SOCKET, libc::SO_RXQ_OVFL) if holds(size_of::<u32>()) => {
                        self.drops = Some(ptr::read_unaligned(value.cast::<u32>()));
                    }
                    _ => {}
                }
                message = libc::CMSG_NXTHDR(&received.msg_hdr, message);
            }
        }
        if segment == 0 || segment > length {
            segment = length;
        }
        let name = &self.names[index];
        let ip = Ipv4Addr::from(u32::from_be(name.sin_addr.s_addr));
        let from = SocketAddrV4::new(ip, u16::from_be(name.sin_port));
        let truncated = received.msg_hdr.msg_flags & (libc::MSG_TRUNC | libc::MSG_CTRUNC) != 0;
        self.arrivals[index] = Arrival { from, length, segment, truncated };
    }
}

impl Default for Receiver {
    fn default() -> Receiver {
        Receiver::new()
    }
}

impl<'a> Datagram<'a> {
    /// The packets in it, in the order they were sent. An empty datagram is one empty packet, so that
    /// somebody counts it.
    pub fn packets(&self) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        let empty = self.bytes.is_empty().then_some(self.bytes);
        self.bytes.chunks(self.segment.max(1)).chain(empty)
    }
}

impl Sender {
    /// A sender in the best mode that this socket's kernel knows. What the kernel, or the device a packet
    /// leaves by, refuses only when it is asked to send, is found out then: the mode falls, for good, and the
    /// log says it.
    pub fn new(socket: &UdpSocket) -> Sender {
        Sender::with_mode(if segments(socket) { Mode::Gso } else { Mode::Mmsg })
    }

    /// A sender that begins in this mode, whatever the kernel knows; from there it may still fall. A kernel
    /// older than 4.18 takes what `Mode::Gso` gives it for one long datagram.
    pub fn with_mode(mode: Mode) -> Sender {
        Sender {
            mode,
            iovecs: vec![NO_IOVEC; MESSAGES].into(),
            headers: vec![no_header(); MESSAGES].into(),
            names: vec![name_of(Run::NOTHING.to); MESSAGES].into(),
            controls: vec![Control::EMPTY; MESSAGES].into(),
            patient: true,
            complaint: None,
            unmentioned: 0,
        }
    }

    /// The mode it is in: it only ever falls.
    pub fn mode(&self) -> Mode {
        self.mode
    }

    /// Sends all runs in their order, in as few system calls as the mode allows: 64 runs, each of 64 packets
    /// or 65,507 bytes, or 64 packets, or one. When the send buffer is full it waits, up to 30 ms, and
    /// again as long as that helps, so that a link slower than this process slows it down and loses nothing.
    ///
    /// Never fails: see `Sent::refused`. Panics when a run that is not empty has packets of no length.
    pub fn send<'a>(&mut self, socket: &UdpSocket, runs: impl Iterator<Item = Run<'a>>) -> Sent {
        self.send_and_tell(socket, runs, &mut |_, _| {})
    }

    /// The same, and tells `told` of every message what became of it: the kernel took it, or why it did not.
    pub fn send_and_tell<'a>(
        &mut self,
        socket: &UdpSocket,
        runs: impl Iterator<Item = Run<'a>>,
        told: Told<'_>,
    ) -> Sent {
        self.patient = true;
        let mut sent = Sent::default();
        let mut messages = [Run::NOTHING; MESSAGES];
        let mut count = 0;
        for run in runs {
            assert!(run.segment > 0 || run.bytes.is_empty(), "packets of no length");
            let mut rest = run.bytes;
            while !rest.is_empty() {
                let (bytes, tail) = rest.split_at(rest.len().min(self.message_bytes(run.segment)));
                messages[count] = Run { bytes, ..run };
                count += 1;
                rest = tail;
                if count == MESSAGES {
                    self.flush(socket, &messages, &mut sent, told);
                    count = 0;
                }
            }
        }
        self.flush(socket, &messages[..count], &mut sent, told);
        sent
    }

    /// How many bytes of a run of such packets make a message.
    fn message_bytes(&self, segment: usize) -> usize {
        match self.mode {
            Mode::Gso => segment * (RUN_BYTES_MAX / segment).clamp(1, SEGMENTS_MAX),
            Mode::Mmsg | Mode::Plain => segment,
        }
    }

    fn flush(&mut self, socket: &UdpSocket, messages: &[Run], sent: &mut Sent, told: Told<'_>) {
        let mut next = 0;
        // The message that has been waited for.
        let mut waited = usize::MAX;
        while next < messages.len() && self.mode != Mode::Plain {
            let message = &messages[next];
            sent.system_calls += 1;
            let error = match self.sendmmsg(socket, &messages[next..]) {
                Ok(taken) => {
                    messages[next..][..taken].iter().for_each(|message| {
                        sent.count(message);
                        told(message, None);
                    });
                    next += taken;
                    continue;
                }
                Err(error) => error,
            };
            match error.raw_os_error() {
                Some(libc::EINTR) => continue,
                Some(libc::EAGAIN) if waited != next && self.wait_for_room(socket, sent) => {
                    waited = next;
                    continue;
                }
                Some(libc::ENOSYS) => {
                    log::info!("the kernel has no sendmmsg ({error}); sending packets one by one");
                    self.mode = Mode::Plain;
                    break;
                }
                Some(code) if message.packets() > 1 && may_mean_no_segmentation(code) => {
                    // Many things are EINVAL. If its packets go one by one, it was the run that was refused.
                    let before = sent.packets;
                    self.send_plain(socket, message, sent, told);
                    next += 1;
                    if sent.packets > before {
                        self.give_up_segmentation(message, &error);
                        break;
                    }
                }
                _ => {
                    self.lose(message, &error, sent);
                    told(message, Some(&error));
                    next += 1;
                }
            }
        }
        // Nothing, unless the mode has fallen, now or before.
        messages[next..].iter().for_each(|message| self.send_plain(socket, message, sent, told));
    }

    /// Hands messages to the kernel; returns how many it took, at least one, or why it did not take the
    /// first.
    fn sendmmsg(&mut self, socket: &UdpSocket, messages: &[Run]) -> io::Result<usize> {
        for (index, message) in messages.iter().enumerate() {
            self.names[index] = name_of(message.to);
            let base = message.bytes.as_ptr().cast_mut().cast();
            self.iovecs[index] = libc::iovec { iov_base: base, iov_len: message.bytes.len() };
            let header = &mut self.headers[index].msg_hdr;
            header.msg_name = ptr::from_mut(&mut self.names[index]).cast();
            header.msg_namelen = size_of::<libc::sockaddr_in>() as libc::socklen_t;
            header.msg_iov = &mut self.iovecs[index];
            header.msg_iovlen = 1;
            header.msg_control = ptr::null_mut();
            header.msg_controllen = 0;
            if message.packets() > 1 {
                // At most RUN_BYTES_MAX, as there is more than one of them in a message.
                self.controls[index] = Control::segment(message.segment as u16);
                header.msg_control = ptr::from_mut(&mut self.controls[index]).cast();
                header.msg_controllen = SEGMENT_CONTROL_BYTES as _;
            }
        }
        let count = messages.len();
        let headers = self.headers[..count].as_mut_ptr();
        // SAFETY: the first `count` headers were written above. They point to names, iovecs and control
        // blocks of the same index, owned by `self` and borrowed mutably for the call, and to the bytes of
        // `messages`, borrowed for longer than the call; the kernel only reads these, which is why the cast
        // to a mutable pointer is sound. It writes `msg_len`.
        let taken = unsafe { libc::sendmmsg(socket.as_raw_fd(), headers, count as _, 0) };
        usize::try_from(taken).map_err(|_| io::Error::last_os_error())
    }

    /// A system call for each packet of a message.
    fn send_plain(&mut self, socket: &UdpSocket, message: &Run, sent: &mut Sent, told: Told<'_>) {
        for bytes in message.bytes.chunks(message.segment) {
            let packet = Run { bytes, ..*message };
            let mut waited = false;
            loop {
                sent.system_calls += 1;
                let Err(error) = socket.send_to(bytes, message.to) else {
                    sent.count(&packet);
                    told(&packet, None);
                    break;
                };
                match error.raw_os_error() {
                    Some(libc::EINTR) => {}
                    Some(libc::EAGAIN) if !waited && self.wait_for_room(socket, sent) => waited = true,
                    _ => {
                        self.lose(&packet, &error, sent);
                        told(&packet, Some(&error));
                        break;
                    }
                }
            }
        }
    }

    /// Waits until the send buffer has room, up to `ROOM_WAIT_MS`; false when it has not by then, or had
    /// not in this `send`.
    fn wait_for_room(&mut self, socket: &UdpSocket, sent: &mut Sent) -> bool {
        if self.patient {
            let mut wait = libc::pollfd { fd: socket.as_raw_fd(), events: libc::POLLOUT, revents: 0 };
            sent.system_calls += 1;
            // SAFETY: one pollfd, borrowed mutably for the call.
            self.patient = unsafe { libc::poll(&mut wait, 1, ROOM_WAIT_MS) } > 0;
        }
        self.patient
    }

    fn give_up_segmentation(&mut self, message: &Run, error: &io::Error) {
        self.mode = Mode::Mmsg;
        log::warn!(
            "the kernel refuses runs of {}-byte packets to {} (UDP_SEGMENT: {error}); sending single packets \
             from now on, which is slower; if `mtu` is larger than that of the interface, lower it",
            message.segment,
            message.to
        );
    }

    fn lose(&mut self, message: &Run, error: &io::Error, sent: &mut Sent) {
        let packets = message.packets();
        sent.refused += packets;
        self.unmentioned += packets;
        if self.complaint.is_none_or(|at| at.elapsed() >= COMPLAINT_INTERVAL) {
            let packets = mem::take(&mut self.unmentioned);
            log::warn!("{packets} packets not sent, the last to {}: {error}; they count as lost", message.to);
            self.complaint = Some(Instant::now());
        }
    }
}

impl Run<'_> {
    const NOTHING: Run<'static> =
        Run { to: SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, 0), bytes: &[], segment: 1 };

    /// Its packets, one by one.
    pub fn each(&self) -> impl Iterator<Item = &[u8]> {
        self.bytes.chunks(self.segment.max(1))
    }

    /// How many packets it has.
    fn packets(&self) -> u64 {
        self.bytes.len().div_ceil(self.segment) as u64
    }
}

impl Sent {
    fn count(&mut self, message: &Run) {
        self.packets += message.packets();
        self.bytes += message.bytes.len() as u64;
    }
}

/// Where a datagram came from and how it is to be read.
#[derive(Clone, Copy)]
struct Arrival {
    from: SocketAddrV4,
    length: usize,
    segment: usize,
    truncated: bool,
}

/// Room for control messages, aligned as their headers want it: two of up to 8 bytes.
#[derive(Clone, Copy)]
#[repr(C, align(8))]
struct Control([u8; 64]);

/// The control message that names the length of a segment, without padding and with.
const SEGMENT_CONTROL_LEN: usize = {
    // SAFETY: CMSG_LEN and CMSG_SPACE only compute.
    unsafe { libc::CMSG_LEN(size_of::<u16>() as u32) as usize }
};
const SEGMENT_CONTROL_BYTES: usize = {
    // SAFETY: as above.
    unsafe { libc::CMSG_SPACE(size_of::<u16>() as u32) as usize }
};

const _: () = assert!(align_of::<Control>() >= align_of::<libc::cmsghdr>());
const _: () = assert!(2 * (size_of::<libc::cmsghdr>() + 8) <= size_of::<Control>());
const _: () = assert!(SEGMENT_CONTROL_BYTES <= size_of::<Control>());
const _: () = assert!(RUN_BYTES_MAX <= u16::MAX as usize);

impl Control {
    const EMPTY: Control = Control([0; 64]);

    /// "Cut this message into packets of so many bytes."
    fn segment(bytes: u16) -> Control {
        let mut control = Control::EMPTY;
        // SAFETY: a cmsghdr fits at the start of a Control, in size and in alignment (asserted above), and is
        // integers only.
        let header = unsafe { &mut *control.0.as_mut_ptr().cast::<libc::cmsghdr>() };
        header.cmsg_level = libc::SOL_UDP;
        header.cmsg_type = libc::UDP_SEGMENT;
        header.cmsg_len = SEGMENT_CONTROL_LEN as _;
        let value = SEGMENT_CONTROL_LEN - size_of::<u16>();
        control.0[value..][..size_of::<u16>()].copy_from_slice(&bytes.to_ne_bytes());
        control
    }
}

const NO_IOVEC: libc::iovec = libc::iovec { iov_base: ptr::null_mut(), iov_len: 0 };

fn no_header() -> libc::mmsghdr {
    // SAFETY: integers and pointers, for which zero is a value; on some systems it has padding that only so
    // can be set.
    unsafe { mem::zeroed() }
}

fn name_of(address: SocketAddrV4) -> libc::sockaddr_in {
    libc::sockaddr_in {
        sin_family: libc::AF_INET as libc::sa_family_t,
        sin_port: address.port().to_be(),
        sin_addr: libc::in_addr { s_addr: u32::from(*address.ip()).to_be() },
        sin_zero: [0; 8],
    }
}

/// Whether the kernel knows UDP_SEGMENT (Linux 4.18). One that does not ignores it in a message.
fn segments(socket: &UdpSocket) -> bool {
    let mut value: libc::c_int = 0;
    let mut length = size_of_val(&value) as libc::socklen_t;
    // SAFETY: `value` has `length` bytes, which the kernel may write, and any bytes are an int.
    let result = unsafe {
        let value = ptr::from_mut(&mut value).cast();
        libc::getsockopt(socket.as_raw_fd(), libc::SOL_UDP, libc::UDP_SEGMENT, value, &mut length)
    };
    if result != 0 {
        let error = io::Error::last_os_error();
        log::info!(
            "the kernel does not cut runs into packets (UDP_SEGMENT: {error}); sending single packets"
        );
    }
    result == 0
}

/// Errors by which a kernel or a device says that it does not cut runs, some of which mean other things as
/// well: EIO where the device computes no checksums, EINVAL and EMSGSIZE where a segment exceeds the MTU.
fn may_mean_no_segmentation(code: i32) -> bool {
    matches!(code, libc::EIO | libc::EINVAL | libc::EMSGSIZE | libc::ENOPROTOOPT | libc::EOPNOTSUPP)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::sockets::{self, Via, Which};

    const BUFFER: usize = 212_992;
    const MODES: [Mode; 3] = [Mode::Gso, Mode::Mmsg, Mode::Plain];

    fn loopback() -> Via {
        sockets::via(&Which::Loopback).expect("tests run where loopback is up")
    }

    /// A group of this test alone: the tests of another process may run beside it.
    fn free_group(last_byte: u8) -> SocketAddrV4 {
        let port = 10_001 + (std::process::id() % 10_000) as u16 * 2;
        SocketAddrV4::new(Ipv4Addr::new(239, 0, 0, last_byte), port)
    }

    fn bytes(length: usize, seed: usize) -> Vec<u8> {
        (0..length).map(|at| (at * 31 + at / 251 + seed * 101) as u8).collect()
    }

    /// The packets of one batch of reads, and how many datagrams they came in.
    #[derive(Default)]
    struct Got {
        packets: Vec<Vec<u8>>,
        datagrams: usize,
        coalesced: usize,
    }

    /// Reads until `packets` have come; gives up after two seconds.
    fn receive(receiver: &mut Receiver, socket: &UdpSocket, packets: usize) -> Got {
        let begin = Instant::now();
        let mut got = Got::default();
        while got.packets.len() < packets && begin.elapsed() < Duration::from_secs(2) {
            if receiver.read(socket).expect("the socket works") == 0 {
                std::thread::sleep(Duration::from_micros(100));
            }
            for datagram in receiver.datagrams() {
                assert!(!datagram.truncated && datagram.from.ip().is_loopback());
                got.datagrams += 1;
                got.coalesced += usize::from(datagram.segment < datagram.bytes.len());
                got.packets.extend(datagram.packets().map(<[u8]>::to_vec));
            }
        }
        assert_eq!(receiver.read(socket).expect("the socket works"), 0, "nothing came twice");
        got
    }

    /// Sends runs of these (bytes, segment) and holds what both receivers get against what was sent.
    fn all_arrive_in_order(
        mode: Mode,
        mut receiver: Receiver,
        group: SocketAddrV4,
        lengths: &[(usize, usize)],
    ) {
        let via = loopback();
        let listeners = [
            sockets::group(group, &via, BUFFER).expect("first listener"),
            sockets::group(group, &via, BUFFER).expect("second listener"),
        ];
        let socket = sockets::unicast(&via, 1, BUFFER).expect("socket to send from");
        let mut sender = Sender::with_mode(mode);
        let contents: Vec<Vec<u8>> =
            (0..).zip(lengths).map(|(seed, &(length, _))| bytes(length, seed)).collect();
        let runs =
            || contents.iter().zip(lengths).map(|(bytes, &(_, segment))| Run { to: group, bytes, segment });
        let expect: Vec<&[u8]> = runs().flat_map(|run| run.bytes.chunks(run.segment)).collect();
        let sent = sender.send(&socket, runs());
        assert_eq!(sent.packets, expect.len() as u64, "{mode:?}");
        assert_eq!(sent.bytes, contents.iter().map(Vec::len).sum::<usize>() as u64);
        assert_eq!((sent.refused, sender.mode()), (0, mode));
        for listener in &listeners {
            let got = receive(&mut receiver, listener, expect.len());
            assert!(got.packets == expect, "{mode:?}: {} of {} packets", got.packets.len(), expect.len());
            let calls = match mode {
                Mode::Gso => 1,
                Mode::Mmsg => expect.len().div_ceil(MESSAGES),
                Mode::Plain => expect.len(),
            };
            assert_eq!(sent.system_calls, calls as u64, "{mode:?}");
            if mode == Mode::Gso {
                assert!(got.coalesced > 0 && got.datagrams < expect.len(), "runs arrive as runs");
            }
        }
    }

    #[test]
    fn large_packets_arrive_whole_and_in_order_in_every_mode() {
        for mode in MODES {
            all_arrive_in_order(
                mode,
                Receiver::new(),
                free_group(41),
                &[(44 * 1472 + 100, 1472), (1472 * 3, 1472)],
            );
        }
    }

    #[test]
    fn small_packets_arrive_whole_and_in_order_in_every_mode() {
        for mode in MODES {
            all_arrive_in_order(mode, Receiver::new(), free_group(42), &[(64 * 150 + 7, 64), (30, 64)]);
        }
    }

    #[test]
    fn without_recvmmsg_the_same_arrives() {
        for mode in MODES {
            all_arrive_in_order(mode, Receiver::without_recvmmsg(), free_group(43), &[(64 * 100 + 1, 64)]);
        }
    }

    #[test]
    fn many_small_runs_leave_in_one_system_call_each_with_its_own_packet_length() {
        let (via, group) = (loopback(), free_group(44));
        let listener = sockets::group(group, &via, BUFFER).unwrap();
        let socket = sockets::unicast(&via, 1, BUFFER).unwrap();
        let (mut sender, mut receiver) = (Sender::new(&socket), Receiver::new());
        let contents: Vec<Vec<u8>> = (0..60).map(|seed| bytes(3 * (20 + seed), seed)).collect();
        let runs = contents.iter().map(|bytes| Run { to: group, bytes, segment: bytes.len() / 3 });
        let sent = sender.send(&socket, runs);
        assert_eq!((sent.packets, sent.system_calls, sent.refused), (180, 1, 0));
        let got = receive(&mut receiver, &listener, 180);
        assert_eq!((got.datagrams, got.coalesced), (60, 60));
        let expect: Vec<&[u8]> = contents.iter().flat_map(|bytes| bytes.chunks(bytes.len() / 3)).collect();
        assert!(got.packets == expect);
    }

    #[test]
    fn runs_go_to_the_destinations_they_name() {
        let via = loopback();
        let (one, two) = (free_group(45), free_group(46));
        let listeners = [one, two].map(|group| sockets::group(group, &via, BUFFER).unwrap());
        let socket = sockets::unicast(&via, 1, BUFFER).unwrap();
        let other = sockets::unicast(&via, 1, BUFFER).unwrap();
        let std::net::SocketAddr::V4(direct) = other.local_addr().unwrap() else {
            unreachable!("it is IPv4")
        };
        let runs = [(one, "first"), (two, "second"), (direct, "third"), (one, "last")];
        let runs = runs.map(|(to, text)| Run { to, bytes: text.as_bytes(), segment: 100 });
        let mut receiver = Receiver::new();
        assert_eq!(Sender::new(&socket).send(&socket, runs.into_iter()).packets, 4);
        assert_eq!(receive(&mut receiver, &listeners[0], 2).packets, [b"first".as_slice(), b"last"]);
        assert_eq!(receive(&mut receiver, &listeners[1], 1).packets, [b"second"]);
        assert_eq!(receive(&mut receiver, &other, 1).packets, [b"third"]);
    }

    #[test]
    fn a_kernel_that_refuses_segmentation_makes_the_mode_fall_and_nothing_is_lost() {
        let (via, group) = (loopback(), free_group(47));
        let listener = sockets::group(group, &via, BUFFER).unwrap();
        let socket = sockets::unicast(&via, 1, BUFFER).unwrap();
        let on: libc::c_int = 1;
        // SAFETY: an int, read during the call. Without checksums the kernel refuses UDP_SEGMENT with EINVAL.
        let result = unsafe {
            let value = ptr::from_ref(&on).cast();
            libc::setsockopt(socket.as_raw_fd(), libc::SOL_SOCKET, libc::SO_NO_CHECK, value, 4)
        };
        assert_eq!(result, 0);
        let mut sender = Sender::new(&socket);
        assert_eq!(sender.mode(), Mode::Gso);
        let content = bytes(64 * 150 + 9, 1);
        for _ in 0..2 {
            let sent = sender.send(&socket, [Run { to: group, bytes: &content, segment: 64 }].into_iter());
            assert_eq!((sent.packets, sent.refused, sender.mode()), (151, 0, Mode::Mmsg));
            let got = receive(&mut Receiver::new(), &listener, 151);
            assert!(got.packets == content.chunks(64).collect::<Vec<_>>());
        }
    }

    #[test]
    fn a_refusal_for_other_reasons_costs_the_packets_and_not_the_mode() {
        let via = loopback();
        let socket = sockets::unicast(&via, 1, BUFFER).unwrap();
        let content = bytes(70_000, 1);
        let nowhere = SocketAddrV4::new(via.address, 0);
        for mode in MODES {
            let mut sender = Sender::with_mode(mode);
            // Port 0 is EINVAL, with segments and without.
            let runs = [Run { to: nowhere, bytes: &content[..600], segment: 64 }];
            let sent = sender.send(&socket, runs.into_iter());
            assert_eq!((sent.packets, sent.refused, sender.mode()), (0, 10, mode));
            // One packet that no datagram can hold, between two that arrive.
            let to = free_group(48);
            let listener = sockets::group(to, &via, BUFFER).unwrap();
            let small = Run { to, bytes: b"small", segment: 64 };
            let runs = [small, Run { to, bytes: &content, segment: 70_000 }, small];
            let sent = sender.send(&socket, runs.into_iter());
            assert_eq!((sent.packets, sent.refused, sender.mode()), (2, 1, mode));
            assert_eq!(receive(&mut Receiver::new(), &listener, 2).packets, [b"small", b"small"]);
        }
    }

    #[test]
    fn a_receiver_with_a_small_buffer_says_how_much_it_dropped() {
        let (via, group) = (loopback(), free_group(49));
        let listener = sockets::group(group, &via, 4096).unwrap();
        let socket = sockets::unicast(&via, 1, BUFFER).unwrap();
        let (mut sender, mut receiver) = (Sender::with_mode(Mode::Mmsg), Receiver::new());
        let content = bytes(100 * 1472, 1);
        let sent = sender.send(&socket, [Run { to: group, bytes: &content, segment: 1472 }].into_iter());
        assert_eq!((sent.packets, sent.refused), (100, 0), "the sender does not notice");
        let queue = sockets::queue(&listener);
        assert!(queue.allocated > 0 && queue.allocated <= queue.limit, "{queue:?}");
        let mut kept = 0;
        while receiver.read(&listener).unwrap() > 0 {
            kept += receiver.datagrams().count();
            assert_eq!(receiver.kernel_drops(), None, "these were queued before anything was dropped");
        }
        assert_eq!(kept as u32 + queue.drops, 100);
        // The next one to be queued carries the count.
        sender.send(&socket, [Run { to: group, bytes: b"after", segment: 5 }].into_iter());
        assert_eq!(receiver.read(&listener).unwrap(), 1);
        assert_eq!(receiver.kernel_drops(), Some(queue.drops));
    }

    #[test]
    fn of_a_run_that_is_cut_off_the_first_packet_comes_and_of_a_lone_one_as_much_as_was_asked_for() {
        let (via, group) = (loopback(), free_group(52));
        let listener = sockets::group(group, &via, BUFFER).unwrap();
        let socket = sockets::unicast(&via, 1, BUFFER).unwrap();
        let (mut sender, mut receiver) = (Sender::new(&socket), Receiver::new());
        let content = bytes(10 * 1000, 1);
        for (length, segment) in [(10 * 1000, 1000), (300, 300), (2000, 2000)] {
            sender.send(&socket, [Run { to: group, bytes: &content[..length], segment }].into_iter());
        }
        socket.send_to(&[], group).unwrap();
        let most = Most { datagrams: 3, bytes: 1001 };
        assert_eq!(receiver.read_most(&listener, most).unwrap(), 3, "no more than was asked for");
        let whole: Vec<_> = receiver.datagrams().map(|datagram| datagram.truncated).collect();
        assert_eq!((whole, receiver.bytes()), (vec![true, false, true], 1001 + 300 + 1001));
        let packets: Vec<_> = receiver.packets_mut().map(|(_, packet)| packet.to_vec()).collect();
        assert_eq!(packets, [&content[..1000], &content[..300], &content[..1001]]);
        assert_eq!(receiver.read_most(&listener, most).unwrap(), 1);
        assert_eq!(receiver.packets_mut().map(|(_, packet)| packet.len()).collect::<Vec<_>>(), [0]);
        sender.send(&socket, [Run { to: group, bytes: &content, segment: 1000 }].into_iter());
        assert_eq!(receive(&mut receiver, &listener, 10).packets.len(), 10, "the next read is of all");
    }

    #[test]
    fn an_empty_datagram_is_one_empty_packet_and_an_empty_run_is_nothing() {
        let (via, group) = (loopback(), free_group(50));
        let listener = sockets::group(group, &via, BUFFER).unwrap();
        let socket = sockets::unicast(&via, 1, BUFFER).unwrap();
        let sent =
            Sender::new(&socket).send(&socket, [Run { to: group, bytes: &[], segment: 0 }].into_iter());
        assert_eq!(sent, Sent::default());
        socket.send_to(&[], group).unwrap();
        assert_eq!(receive(&mut Receiver::new(), &listener, 1).packets, [b""]);
    }

    #[test]
    fn a_receiver_may_be_moved_between_a_read_and_its_datagrams() {
        let (via, group) = (loopback(), free_group(51));
        let listener = sockets::group(group, &via, BUFFER).unwrap();
        let socket = sockets::unicast(&via, 1, BUFFER).unwrap();
        socket.send_to(b"one", group).unwrap();
        let mut receiver = Receiver::new();
        assert_eq!(receiver.read(&listener).unwrap(), 1);
        let moved = Box::new(receiver);
        let datagram = moved.datagrams().next().unwrap();
        assert_eq!((datagram.bytes, datagram.segment), (b"one".as_slice(), 3));
        assert_eq!(std::net::SocketAddr::V4(datagram.from), socket.local_addr().unwrap());
    }
}
