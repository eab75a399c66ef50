//! The examination itself: the sockets of a process, with the same interface, buffers and batching, and one loop.

use super::clocks::Steps;
use super::course::{Course, Setup};
use super::facts::{Facts, Querier, Unsent};
use super::host;
use super::igmp::Igmp;
use super::survey::Survey;
use crate::conf::Conf;
use crate::engine::batch::{Receiver, Run, Sender};
use crate::engine::clock::{self, Clock};
use crate::engine::reactor;
use crate::engine::sockets::{self, Via};
use crate::limits::MS;
use crate::protocol::{Nanos, Outbox, To};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::io;
use std::net::{SocketAddr, SocketAddrV4, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use wire::sealing::{Opener, Sealer};
use wire::{Endpoint, Keys, Layout, PACKET_MAX, Packet, Role, Sender as Identity, Tally, host_field};
use zerocopy::FromZeros;

/// The longest that other hosts are waited for.
const WAIT: Nanos = 60_000 * MS;
/// The longest course, whoever comes late.
const COURSE_MAX: Nanos = 300_000 * MS;
/// Two readings of a clock further apart than this tell nothing about another clock read between them.
const READING: Nanos = MS;
/// Where packets could not be sent to: so many addresses are listed.
const UNSENT_MAX: usize = 16;

/// How to examine.
#[derive(Clone, Debug)]
pub struct Options {
    /// Of the course, from the moment the last host was first heard.
    pub time: Duration,
    /// Our id; else one that follows from the address.
    pub id: Option<u16>,
    /// How many hosts to wait for, this one included.
    pub hosts: Option<usize>,
}

/// Why there is nothing to tell.
#[derive(Debug)]
pub enum Failure {
    /// The interface, or a group, cannot be had: that is a finding.
    Unusable(sockets::Error),
    /// Something else failed.
    System { doing: &'static str, error: io::Error },
}

/// Examines host and network.
///
/// # Errors
/// When the system does not let us.
pub fn examine(conf: &Conf, options: &Options) -> Result<(Facts, Survey), Failure> {
    let mut examination = Examination::open(conf, options)?;
    let ended = stop_flag().map_err(|error| Failure::System { doing: "catch signals", error })?;
    examination.run(options, &ended).map_err(|error| Failure::System { doing: "wait for packets", error })?;
    Ok(examination.result(conf, options))
}

struct Examination {
    via: Via,
    clock: Clock,
    groups: [SocketAddrV4; 4],
    /// Of the four groups, then our own, then that of broadcasts if there is one.
    sockets: Vec<UdpSocket>,
    receiver: Receiver,
    /// There where packets are sealed.
    opener: Option<Opener>,
    sender: Sender,
    outbox: Outbox,
    course: Course,
    steps: Steps,
    igmp: Option<Igmp>,
    querier: Querier,
    coalesced: u64,
    unsent: Vec<Unsent>,
    reverse_path_drops: Option<u64>,
    print_packets: bool,
}

/// Our own socket's place among the sockets.
const OWN: usize = Role::GROUPS.len();

impl Examination {
    fn open(conf: &Conf, options: &Options) -> Result<Examination, Failure> {
        let via = reactor::via(conf).map_err(Failure::Unusable)?;
        let groups = [conf.clients, conf.proposers, conf.acceptors, conf.learners];
        let mut sockets = Vec::with_capacity(OWN + 2);
        for group in groups {
            sockets.push(sockets::group(group, &via, conf.buffer).map_err(Failure::Unusable)?);
        }
        let own = sockets::unicast(&via, conf.ttl, conf.buffer).map_err(Failure::Unusable)?;
        let Ok(SocketAddr::V4(address)) = own.local_addr() else {
            let error = io::Error::other("a socket has no IPv4 address of its own");
            return Err(Failure::System { doing: "open a socket", error });
        };
        let broadcast = host::broadcast(&via).map(|all| SocketAddrV4::new(all, conf.clients.port()));
        let neighbours = broadcast.and_then(|at| {
            let socket = sockets::neighbours(at).inspect_err(|error| log::info!("no broadcasts: {error}"));
            socket.ok().filter(|_| sockets::allow_broadcast(&own).is_ok())
        });
        let cluster = conf.layout().cluster;
        let [.., third, fourth] = via.address.octets();
        let id = options.id.unwrap_or(u16::from_be_bytes([third, fourth]));
        let me = Identity { role: Role::Observer, id, incarnation: clock::incarnation() };
        let link_mtu = sockets::longest_packet(&via, &own);
        let tally = tally(conf, &via, link_mtu, sockets.iter().chain([&own]));
        let setup =
            Setup { me, address, cluster, broadcast: broadcast.filter(|_| neighbours.is_some()), tally };
        let sender = Sender::new(&own);
        sockets.push(own);
        sockets.extend(neighbours);
        let (igmp, querier) = look_for_querier(&via, me.incarnation);
        let layout = Layout { packet: PACKET_MAX, ..conf.layout() };
        let (mut outbox, mut opener) = (Outbox::new(layout, me), None);
        if let Some(path) = conf.key_file() {
            let keys = Keys::load(&path).map_err(|error| Failure::System {
                doing: "read the keys",
                error: io::Error::other(error.to_string()),
            })?;
            outbox.seal_with(Sealer::new(keys.first(), cluster, me, conf.encrypt), groups);
            opener = Some(Opener::new(keys));
        }
        let clock = Clock::start();
        Ok(Examination {
            course: Course::new(setup, clock.now()),
            clock,
            groups,
            sockets,
            receiver: Receiver::new(),
            sender,
            outbox,
            opener,
            steps: Steps::default(),
            igmp,
            querier,
            coalesced: 0,
            unsent: Vec::new(),
            reverse_path_drops: host::reverse_path_drops(),
            print_packets: log::log_enabled!(target: "paxos", log::Level::Debug),
            via,
        })
    }

    fn run(&mut self, options: &Options, ended: &AtomicBool) -> io::Result<()> {
        let time = clock::nanos(options.time);
        let mut known = 0;
        log::info!(
            target: "paxos",
            "sending and listening on {} ({}) for {} s{}",
            self.via.name,
            self.via.address,
            options.time.as_secs_f64(),
            if self.via.loopback { "" } else { ", longer when others come: run it on the other hosts now" }
        );
        while !ended.load(Ordering::Relaxed) {
            let now = self.clock.now();
            let realtime = self.realtime(now);
            let others = self.course.others().len();
            let all_there = options.hosts.is_none_or(|hosts| others + 1 >= hosts);
            let end = if all_there { self.course.last_new + time } else { WAIT.max(time) };
            if now >= end.min(COURSE_MAX.max(time)) {
                return Ok(());
            }
            let next = self.course.turn(now, realtime, &mut self.outbox);
            self.send();
            if let Some(igmp) = &mut self.igmp {
                igmp.turn(now);
            }
            self.wait(next.min(end).saturating_sub(self.clock.now()))?;
            for key in 0..self.sockets.len() {
                self.read(key)?;
            }
            for other in self.course.others().iter().skip(known) {
                log::info!(target: "paxos", "another doctor is heard at {}", other.address);
            }
            known = known.max(self.course.others().len());
        }
        Ok(())
    }

    fn wait(&self, time: Nanos) -> io::Result<()> {
        let igmp = self.igmp.iter().map(Igmp::socket);
        let mut ready: Vec<PollFd<'_>> =
            self.sockets.iter().chain(igmp).map(|socket| PollFd::new(socket, PollFlags::IN)).collect();
        let time =
            Timespec { tv_sec: (time / 1_000_000_000).cast_signed(), tv_nsec: (time % 1_000_000_000) as _ };
        match poll(&mut ready, Some(&time)) {
            Ok(_) | Err(rustix::io::Errno::INTR) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    fn read(&mut self, key: usize) -> io::Result<()> {
        while self.receiver.read(&self.sockets[key])? > 0 {
            let now = self.clock.now();
            let realtime = realtime();
            let runs = self.receiver.datagrams().filter(|datagram| datagram.packets().count() > 1);
            self.coalesced += runs.count() as u64;
            for (from, bytes) in self.receiver.packets_mut() {
                let packet = match &mut self.opener {
                    None => Packet::parse(bytes),
                    Some(opener) => opener.open_sealed(bytes),
                };
                match packet {
                    Ok(packet) => {
                        if self.print_packets {
                            log::debug!(target: "paxos", "< {packet}");
                        }
                        self.course.packet(now, realtime, from, &packet);
                    }
                    Err(refusal) => self.course.refused(from, refusal),
                }
            }
        }
        Ok(())
    }

    fn send(&mut self) {
        let (groups, unsent) = (&self.groups, &mut self.unsent);
        let runs = self.outbox.runs(&[]).map(|(to, bytes, segment)| {
            let to = match to {
                To::Group(role) => groups[role as usize - 1],
                To::Peer(address) => address,
            };
            Run { to, bytes, segment }
        });
        self.sender.send_and_tell(&self.sockets[OWN], runs, &mut |run, error| {
            if let Some(error) = error {
                note_unsent(unsent, run, error);
            }
        });
        self.outbox.sent();
        let drops =
            self.sockets.iter().fold(0_u32, |sum, socket| sum.wrapping_add(sockets::queue(socket).drops));
        self.course.dropped(drops);
    }

    /// Reads the host's clock, and looks whether somebody has set it since.
    fn realtime(&mut self, now: Nanos) -> u64 {
        let realtime = realtime();
        if self.clock.now() - now < READING {
            self.steps.look(now, realtime);
        }
        realtime
    }

    fn result(self, conf: &Conf, options: &Options) -> (Facts, Survey) {
        let now = self.clock.now();
        let querier = match self.igmp.as_ref().map(|igmp| igmp.heard) {
            Some(Some(querier)) => Querier::Heard(querier),
            Some(None) => Querier::Silent,
            None => self.querier,
        };
        let own = &self.sockets[OWN];
        let dropped = |before: u64| host::reverse_path_drops().map(|drops| drops.saturating_sub(before));
        let facts = Facts {
            conf: conf.clone(),
            host: host::name(),
            link: host::link(&self.via, sockets::longest_packet(&self.via, own)),
            receive: host::receive_buffer(own, conf.buffer),
            send: host::send_buffer(own, conf.buffer),
            sending: self.sender.mode(),
            gro: self.sockets[..=OWN].iter().all(sockets::coalesces),
            coalesced: self.coalesced,
            reverse_path: host::reverse_path(&self.via),
            reverse_path_drops: self.reverse_path_drops.and_then(dropped),
            drops: self.course.setup().tally.drops.get(),
            bridge: host::bridge(&self.via),
            querier,
            steps: self.steps.steps().to_vec(),
            seconds: now as f64 / 1e9,
            expected: options.hosts,
            unsent: self.unsent,
        };
        (facts, Survey::of(&self.course, now))
    }
}

fn note_unsent(unsent: &mut Vec<Unsent>, run: &Run<'_>, error: &io::Error) {
    let packets = run.each().count() as u64;
    let code = error.raw_os_error();
    if let Some(known) = unsent.iter_mut().find(|known| known.to == run.to && known.code == code) {
        known.packets += packets;
    } else if unsent.len() < UNSENT_MAX {
        unsent.push(Unsent { to: run.to, error: error.to_string(), code, packets });
    }
}

/// What does not change of our tallies.
fn tally<'a>(
    conf: &Conf,
    via: &Via,
    link_mtu: Option<u32>,
    sockets: impl Iterator<Item = &'a UdpSocket>,
) -> Tally {
    let ids: Vec<u8> = conf.acceptor_ids.iter().flat_map(|id| id.to_be_bytes()).collect();
    let micros = |time: Duration| u64::try_from(time.as_micros()).unwrap_or(u64::MAX).into();
    let space = sockets.map(sockets::receive_space).min().unwrap_or(0);
    let link_mtu = link_mtu.unwrap_or(u32::from(conf.mtu));
    Tally {
        host: host_field(&host::name()),
        space: u32::try_from(space).unwrap_or(u32::MAX).into(),
        link_mtu: u16::try_from(link_mtu).unwrap_or(u16::MAX).into(),
        mtu: conf.mtu.into(),
        heartbeat: micros(conf.heartbeat),
        suspect: micros(conf.suspect),
        ttl: conf.ttl,
        acceptor_ids: (twox_hash::XxHash3_64::oneshot(&ids) as u32).into(),
        loopback: via.loopback.into(),
        clients: Endpoint::new(conf.clients),
        proposers: Endpoint::new(conf.proposers),
        acceptors: Endpoint::new(conf.acceptors),
        learners: Endpoint::new(conf.learners),
        ..Tally::new_zeroed()
    }
}

fn look_for_querier(via: &Via, random: u64) -> (Option<Igmp>, Querier) {
    if via.loopback {
        return (None, Querier::NotNeeded);
    }
    match Igmp::open(via, random) {
        Ok(igmp) => (Some(igmp), Querier::Silent),
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => (None, Querier::NotAllowed),
        Err(error) => {
            log::info!(target: "paxos", "IGMP could not be looked at: {error}");
            (None, Querier::NotLooked)
        }
    }
}

/// Nanoseconds since 1970 as the host's clock has it.
fn realtime() -> u64 {
    clock::nanos(SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default())
}

/// Becomes true with the first SIGTERM or SIGINT: what was found until then is told. The second one ends the process.
fn stop_flag() -> io::Result<Arc<AtomicBool>> {
    let flag = Arc::new(AtomicBool::new(false));
    for signal in [signal_hook::consts::SIGTERM, signal_hook::consts::SIGINT] {
        signal_hook::flag::register_conditional_shutdown(signal, 2, Arc::clone(&flag))?;
        signal_hook::flag::register(signal, Arc::clone(&flag))?;
    }
    Ok(flag)
}
