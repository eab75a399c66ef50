//! Hearing a cluster: the proposers' group, to which every process says how it is.
//!
//! Only that group: the others carry the values, and whoever listened there would cost a loaded host as much as a learner
//! does. Nothing is ever sent.

use super::gather::Cluster;
use crate::conf::Conf;
use crate::engine::batch::Receiver;
use crate::engine::clock::{Clock, nanos};
use crate::engine::guard::Guard;
use crate::engine::{reactor, sockets};
use crate::protocol::Nanos;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use std::net::{SocketAddrV4, UdpSocket};
use std::os::fd::BorrowedFd;
use std::time::Duration;
use wire::{Keys, Packet};

/// Hears a cluster.
pub struct Listener {
    socket: UdpSocket,
    receiver: Receiver,
    /// There where packets are sealed.
    guard: Option<Guard>,
    group: SocketAddrV4,
    clock: Clock,
    pub cluster: Cluster,
}

impl Listener {
    /// Joins the proposers' group of a configuration, on its interface.
    ///
    /// # Errors
    /// A sentence about what the system did not grant, or that nothing would be heard.
    pub fn open(conf: &Conf) -> Result<Listener, String> {
        if conf.status.is_none() {
            return Err(format!(
                "{}: `status off` stands there, so no process says how it is; write `status 1s` and start them anew",
                conf.path.display()
            ));
        }
        let via = reactor::via(conf).map_err(|error| error.to_string())?;
        let socket = sockets::group(conf.proposers, &via, conf.buffer).map_err(|error| error.to_string())?;
        let clock = Clock::start();
        let cluster = Cluster::new(conf, conf.layout().cluster, clock.now());
        let keys =
            conf.key_file().map(|path| Keys::load(&path)).transpose().map_err(|error| error.to_string())?;
        let (guard, group) = (keys.map(Guard::new), conf.proposers);
        Ok(Listener { socket, receiver: Receiver::new(), guard, group, clock, cluster })
    }

    pub fn now(&self) -> Nanos {
        self.clock.now()
    }

    /// Waits for packets, or for something else, for so long at most; takes note of what is there, and lets time pass.
    ///
    /// # Errors
    /// A sentence when the socket fails.
    pub fn listen(&mut self, wait: Duration, also: Option<BorrowedFd<'_>>) -> Result<(), String> {
        let failed = |error: std::io::Error| format!("the proposers' group cannot be read: {error}");
        let wait = Timespec { tv_sec: wait.as_secs().min(3600) as i64, tv_nsec: wait.subsec_nanos().into() };
        let mut polled = vec![PollFd::new(&self.socket, PollFlags::IN)];
        polled.extend(also.map(|fd| PollFd::from_borrowed_fd(fd, PollFlags::IN)));
        match poll(&mut polled, Some(&wait)) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(error) => return Err(failed(error.into())),
        }
        while self.receiver.read(&self.socket).map_err(failed)? > 0 {
            let now = self.clock.now();
            for (from, bytes) in self.receiver.packets_mut() {
                let packet = match &mut self.guard {
                    None => Packet::parse(bytes),
                    Some(guard) => guard.open((0, self.group), bytes),
                };
                self.cluster.packet(now, from, packet);
            }
        }
        self.cluster.tick(self.clock.now());
        Ok(())
    }

    /// Listens for so long, or until `stop` says so.
    ///
    /// # Errors
    /// As [`Listener::listen`].
    pub fn listen_for(&mut self, time: Duration, stop: impl Fn() -> bool) -> Result<(), String> {
        let end = self.now() + nanos(time);
        while self.now() < end && !stop() {
            let left = Duration::from_nanos(end.saturating_sub(self.now()));
            self.listen(left.min(LATE), None)?;
        }
        Ok(())
    }
}

/// How late a stop is noticed.
const LATE: Duration = Duration::from_millis(100);
