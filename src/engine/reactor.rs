//! The reactor: one thread, one turn after another.
//!
//! A turn reads what waits at each socket, up to a bound, hands it to the role, lets due timers fire, lets the
//! role act once, and then sends everything the role wants sent. So under load packets gather and one system
//! call carries many; when idle the first packet is acted on at once.

use super::attention::Attention;
use super::batch::{DATAGRAM_MAX, Mode, Most, Receiver, Run, Sender};
use super::clock::{self, Clock};
use super::files::Files;
use super::guard::SOCKETS;
use super::input;
use super::portion::Portion;
use super::refusals::Refusals;
use super::sealing::Sealing;
use super::sockets::{self, Via};
use super::sources::Sources;
use super::stats::Stats;
use super::status::Reporter;
use super::supervisor::{Standing, Supervisor};
use super::trace::{self, Trace};
use crate::conf::{Conf, Interface};
use crate::journal::{Frame, Journal};
use crate::limits::{LAN_SPACE, PIPE, TURN_ENOUGH};
use crate::protocol::{Nanos, Notice, Outbox, Process, Setup, Stop, TIMERS, To, flow};
use crate::wheel::Wheel;
use polling::{Event, Events, PollMode, Poller};
use std::fmt;
use std::fs::File;
use std::io::{self, IoSlice, Write};
use std::net::{SocketAddr, SocketAddrV4, UdpSocket};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;
use wire::{HEADER_LEN, Header, Layout, Packet, Refusal, Role, Sender as Identity};
use zerocopy::FromBytes;

/// Poller key of the signal pipe; sockets have their index.
const SIGNALS: usize = 1000;
/// Poller key of the pipe that tells of SIGHUP.
const HANGUPS: usize = 1001;
/// How many groups there are.
const ROLES: usize = Role::GROUPS.len();

/// Why the reactor ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// The role wanted it.
    Role(Stop),
    /// SIGTERM or SIGINT.
    Signal,
    /// Whoever reads our output has closed it.
    OutputClosed,
    /// The driver of the role wanted it.
    Driver,
}

/// Why the reactor failed.
#[derive(Debug)]
pub enum Failure {
    /// The system failed in a way that is not a lost packet.
    System(io::Error),
    /// The log could not be written. No packet that depends on what it should have held has left.
    Data { directory: PathBuf, error: io::Error },
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Failure {
        Failure::System(error)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failure::System(error) => write!(f, "the system fails: {error}"),
            Failure::Data { directory, error } if error.kind() == io::ErrorKind::StorageFull => write!(
                f,
                "{}: {error}: not even a promise fits the log any more; make space, then start again",
                directory.display()
            ),
            Failure::Data { directory, error } => write!(
                f,
                "{}: {error}: votes could not be made durable, so none were sent; look after the disk, then \
                 start again",
                directory.display()
            ),
        }
    }
}

impl std::error::Error for Failure {}

/// What a role's command adds to the reactor: input, limits in time, talk.
pub trait Driver<R> {
    /// Called in every turn before the role acts. Returns when to be called again at the latest.
    fn turn(&mut self, now: Nanos, role: &mut R) -> Step;
}

/// What a driver wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Go on; call again at this time at the latest.
    Until(Nanos),
    /// Go on.
    Whenever,
    /// End.
    End,
}

/// A driver that adds nothing.
pub struct NoDriver;

impl<R> Driver<R> for NoDriver {
    fn turn(&mut self, _now: Nanos, _role: &mut R) -> Step {
        Step::Whenever
    }
}

pub struct Reactor {
    poller: Arc<Poller>,
    clock: Clock,
    /// The groups this role listens to, most important first, and last its own socket.
    sockets: Vec<UdpSocket>,
    drops: Vec<u32>,
    /// Whether each of them wakes this process.
    attention: Vec<Attention>,
    /// How much a read of each of them brings.
    portions: Vec<Portion>,
    signals: UnixStream,
    receiver: Receiver,
    sender: Sender,
    wheel: Wheel<TIMERS>,
    outbox: Outbox,
    /// Where the outbox's frames go; there when the outbox is durable.
    journal: Option<Journal<Files>>,
    groups: [SocketAddrV4; 4],
    me: Identity,
    layout: Layout,
    /// The longest packet of this configuration.
    packet_max: usize,
    /// Of larger receive buffers no more is filled.
    space_max: usize,
    output: Option<File>,
    stats: Stats,
    refusals: Refusals,
    talk: Talk,
    print_packets: bool,
    reporter: Reporter,
    /// The addresses of `sockets`: where what comes in was sent to.
    addresses: Vec<SocketAddrV4>,
    trace: Option<Trace>,
    /// Whoever started this process and wants to know how it does.
    supervisor: Option<Supervisor>,
    /// What was said last of how this process stands.
    standing: Option<Notice>,
    /// There where packets are sealed.
    sealing: Option<Sealing>,
    /// For where they are not.
    sources: Sources,
}

/// A client talks to a person about values; how it talks to the network is for who asks.
fn chatty(role: Role) -> log::Level {
    if role == Role::Client { log::Level::Debug } else { log::Level::Info }
}

/// Which groups a role listens to, in the order in which they are read: payloads before votes on them.
fn listens_to(role: Role) -> &'static [Role] {
    match role {
        Role::Client => &[Role::Client],
        Role::Proposer => &[Role::Acceptor, Role::Learner, Role::Proposer],
        Role::Acceptor => &[Role::Acceptor],
        Role::Learner => &[Role::Acceptor, Role::Learner],
        Role::Observer => &Role::GROUPS,
    }
}

impl Reactor {
    /// Opens the sockets of a process with this role and id.
    ///
    /// # Errors
    /// A sentence about what the system did not grant.
    pub fn open(role: Role, id: u16, conf: &Conf) -> Result<(Reactor, Setup), String> {
        Reactor::build(role, id, conf, None)
    }

    /// The same for a process that keeps a log on a disk.
    ///
    /// # Errors
    /// As [`Reactor::open`].
    pub fn open_durable(
        role: Role,
        id: u16,
        conf: &Conf,
        journal: Journal<Files>,
    ) -> Result<(Reactor, Setup), String> {
        Reactor::build(role, id, conf, Some(journal))
    }

    fn build(
        role: Role,
        id: u16,
        conf: &Conf,
        journal: Option<Journal<Files>>,
    ) -> Result<(Reactor, Setup), String> {
        let via = via(conf).map_err(|error| error.to_string())?;
        let groups = [conf.clients, conf.proposers, conf.acceptors, conf.learners];
        let (mut sockets, mut addresses) = (Vec::new(), Vec::new());
        for group in listens_to(role) {
            let address = groups[*group as usize - 1];
            sockets.push(sockets::group(address, &via, conf.buffer).map_err(|error| error.to_string())?);
            addresses.push(address);
        }
        let own = sockets::unicast(&via, conf.ttl, conf.buffer).map_err(|error| error.to_string())?;
        let address = match own.local_addr() {
            Ok(SocketAddr::V4(address)) => address,
            other => return Err(format!("the socket has no IPv4 address of its own: {other:?}")),
        };
        let sender = Sender::new(&own);
        sockets.push(own);
        addresses.push(address);
        let layout = conf.layout();
        let me = Identity { role, id, incarnation: clock::incarnation() };
        let setup = Setup {
            me,
            layout,
            address,
            acceptors: conf.acceptor_ids.clone(),
            heartbeat: clock::nanos(conf.heartbeat),
            suspect: clock::nanos(conf.suspect),
            seed: clock::random(),
        };
        let system = |doing: &str, error: io::Error| format!("cannot {doing}: {error}");
        let poller = Arc::new(Poller::new().map_err(|error| system("wait for packets", error))?);
        for (key, socket) in sockets.iter().enumerate() {
            // SAFETY: the sockets live in the reactor as long as the poller does, and leave it first, in
            // `drop`.
            unsafe { poller.add_with_mode(socket, Event::readable(key), PollMode::Level) }
                .map_err(|error| system("wait for packets", error))?;
        }
        let supervisor = Supervisor::of_environment().unwrap_or_else(|sentence| {
            log::warn!(target: "paxos", "{sentence}");
            None
        });
        let signals = signals(supervisor.is_some()).map_err(|error| system("catch signals", error))?;
        // SAFETY: as above.
        unsafe { poller.add_with_mode(&signals, Event::readable(SIGNALS), PollMode::Level) }
            .map_err(|error| system("catch signals", error))?;
        let reporter = Reporter::new(conf, journal.is_some())?;
        let sealing = conf.key_file().map(|path| Sealing::open(path, conf.encrypt)).transpose()?;
        let mut outbox = Outbox::new(layout, me);
        if let Some((sealing, keys)) = &sealing {
            assert!(sockets.len() <= SOCKETS, "a window for each socket");
            outbox.seal_with(sealing.sealer(keys, layout.cluster, me), groups);
            // SAFETY: as above.
            unsafe { poller.add_with_mode(sealing.hangups(), Event::readable(HANGUPS), PollMode::Level) }
                .map_err(|error| system("catch SIGHUP", error))?;
        }
        let clock = Clock::start();
        log::log!(
            target: "paxos",
            chatty(role),
            "{role} {id} on {} ({}), cluster {:08x}, receive buffers {} KiB{}",
            via.name,
            via.address,
            layout.cluster,
            space(&sockets) / 1024,
            if via.loopback {
                "; nothing leaves this host: write `interface NAME` in the configuration to change that"
            } else {
                ""
            }
        );
        if let Some((sealing, keys)) = &sealing {
            log::log!(target: "paxos", chatty(role), "{}", sealing.text(keys));
        }
        let reactor = Reactor {
            poller,
            clock,
            drops: vec![0; sockets.len()],
            attention: vec![Attention::default(); sockets.len()],
            portions: vec![Portion::default(); sockets.len()],
            sockets,
            signals,
            receiver: Receiver::new(),
            sender,
            wheel: Wheel::new(clock.now()),
            outbox: if journal.is_some() { outbox.durable() } else { outbox },
            journal,
            groups,
            me,
            layout,
            packet_max: layout.packet,
            space_max: if via.loopback { usize::MAX } else { LAN_SPACE },
            output: None,
            stats: Stats::default(),
            refusals: Refusals::default(),
            talk: Talk::default(),
            print_packets: log::log_enabled!(log::Level::Debug),
            reporter,
            addresses,
            trace: None,
            supervisor,
            standing: None,
            sealing: sealing.map(|(sealing, _)| sealing),
            sources: Sources::new(&conf.acceptor_ids, clock::nanos(conf.suspect)),
        };
        Ok((reactor, setup))
    }

    /// Delivered values go to this process's stdout.
    ///
    /// # Errors
    /// When stdout cannot be had.
    pub fn print_to_stdout(&mut self) -> io::Result<()> {
        widen_pipe(io::stdout());
        // Not `Stdout`, which would copy everything once more and look for newlines.
        self.output = Some(File::from(io::stdout().as_fd().try_clone_to_owned()?));
        Ok(())
    }

    /// Every packet in and out goes to a file as well.
    ///
    /// # Errors
    /// A sentence when the file cannot be made.
    pub fn trace(&mut self, options: &trace::Options) -> Result<(), String> {
        self.trace = Some(Trace::open(options, self.me)?);
        Ok(())
    }

    /// For waking the reactor from another thread.
    pub fn poller(&self) -> Arc<Poller> {
        Arc::clone(&self.poller)
    }

    /// Who this process is.
    pub fn me(&self) -> Identity {
        self.me
    }

    /// What was counted so far. Asks the kernel about each socket, so not for the packet path.
    pub fn stats(&self) -> Stats {
        let trace::Counts { traced, left_out } = self.trace.as_ref().map(Trace::counts).unwrap_or_default();
        Stats {
            traced,
            trace_left_out: left_out,
            unsent: self.stats.unsent + self.outbox.overflowed,
            drops: self.sockets.iter().fold(0, |sum, socket| sum.wrapping_add(sockets::queue(socket).drops)),
            repeats: self.outbox.repeats,
            elsewhere: self.outbox.elsewhere,
            gso: self.sender.mode() == Mode::Gso,
            gro: self.sockets.iter().all(sockets::coalesces),
            ..self.stats
        }
    }

    /// Runs the role until something ends it.
    ///
    /// # Errors
    /// When the system, or the disk of a process that keeps a log, fails.
    pub fn run<R: Process>(&mut self, role: &mut R, driver: &mut impl Driver<R>) -> Result<End, Failure> {
        let mut events = Events::new();
        self.tell_space(role);
        role.start(self.clock.now(), &mut self.outbox);
        if let Some(supervisor) = &mut self.supervisor {
            supervisor.ready(self.clock.now());
        }
        let mut wake = Some(0);
        loop {
            let now = self.clock.now();
            let timer = self.wheel.next();
            let look = self.attention.iter().filter_map(Attention::look).min();
            let traced = self.trace.as_mut().and_then(Trace::turn).map(|after| now + after);
            let alive = self.supervisor.as_ref().map(Supervisor::next);
            let until = [timer, wake, look, traced, alive, self.reporter.due()].into_iter().flatten().min();
            let timeout = until.map(|until| Duration::from_nanos(until.saturating_sub(now)));
            events.clear();
            self.poller.wait(&mut events, timeout)?;
            self.stats.turns += 1;
            let now = self.clock.now();
            if let Some(journal) = &mut self.journal {
                role.journal_room(journal.room());
            }
            let mut readable = 0_u32;
            for event in events.iter() {
                match event.key {
                    SIGNALS => return self.finish(End::Signal, role),
                    HANGUPS => self.reload(),
                    input::KEY => {} // the driver looks in every turn
                    key => readable |= 1 << key,
                }
            }
            let mut costs = [0; ROLES];
            for key in 0..self.sockets.len() {
                if readable & 1 << key != 0 || self.attention[key].look().is_some() {
                    let read = self.read(key, now, role)?;
                    if let Some(cost) = costs.get_mut(key) {
                        *cost = read;
                    }
                }
            }
            while let Some(timer) = self.wheel.expired(now) {
                role.timer(now, timer, &mut self.outbox);
            }
            let step = driver.turn(now, role);
            role.turn(now, &mut self.outbox);
            self.report(now, role);
            let again = self.outbox.take_again();
            if !self.flush(now, role)? {
                return Ok(End::OutputClosed);
            }
            if let Some(stop) = self.outbox.stopping() {
                return self.finish(End::Role(stop), role);
            }
            wake = match step {
                _ if again => Some(now),
                Step::Until(until) => Some(until),
                Step::Whenever => None,
                Step::End => return self.finish(End::Driver, role),
            };
            self.attend(now, costs, role)?;
            self.refusals.mention(now, &self.stats);
            self.tell_supervisor(now, role);
        }
    }

    /// Tells whoever watches how this process is, once a period.
    fn report<R: Process>(&mut self, now: Nanos, role: &R) {
        if !self.reporter.is_due(now) || self.outbox.room() == 0 {
            return;
        }
        let mut status = self.reporter.report(now, &self.stats());
        status.space = u32::try_from(space(&self.sockets)).unwrap_or(u32::MAX).into();
        role.status(now, &mut status);
        self.outbox.send(To::Group(Role::Proposer), &status, &[]);
    }

    /// Settles which groups' sockets wake this process, each of which brought packets of this cost.
    fn attend<R: Process>(&mut self, now: Nanos, costs: [u64; ROLES], role: &R) -> io::Result<()> {
        for (key, (group, cost)) in listens_to(self.me.role).iter().zip(costs).enumerate() {
            if self.attention[key].turn(now, cost, role.patience(*group)) {
                let interest = match self.attention[key].look() {
                    Some(_) => Event::none(key),
                    None => Event::readable(key),
                };
                self.poller.modify_with_mode(&self.sockets[key], interest, PollMode::Level)?;
            }
        }
        Ok(())
    }

    fn finish<R: Process>(&mut self, end: End, role: &R) -> Result<End, Failure> {
        if let Some(supervisor) = &mut self.supervisor {
            supervisor.stopping();
        }
        let now = self.clock.now();
        let open = self.flush(now, role)?;
        let Stats { turns, received, sent, send_calls, unsent, drops, .. } = self.stats();
        log::log!(
            target: "paxos",
            chatty(self.me.role),
            "{turns} turns, {received} packets read, {sent} sent in {send_calls} calls, {unsent} not sent, {drops} drops in \
             receive buffers"
        );
        Ok(if open { end } else { End::OutputClosed })
    }

    /// Reads a socket until it is empty or enough has come: a read of runs is enough, of lone packets it takes
    /// several. No more in one turn, so that what is read is acted on before more is: a learner's window holds
    /// the pipeline and one such turn. Returns what the packets that came cost the socket's buffer.
    fn read<R: Process>(&mut self, key: usize, now: Nanos, role: &mut R) -> io::Result<u64> {
        let before = self.stats.received;
        let mut sum = 0;
        while self.read_once(key, now, role, &mut sum)? && self.stats.received - before < TURN_ENOUGH {}
        Ok(sum)
    }

    /// Adds to `sum` what the packets cost. Returns whether as much came as was asked for, so that there may be more.
    fn read_once<R: Process>(
        &mut self,
        key: usize,
        now: Nanos,
        role: &mut R,
        sum: &mut u64,
    ) -> io::Result<bool> {
        self.stats.receive_calls += 1;
        let group = listens_to(self.me.role).get(key);
        let bytes = match group {
            // One byte more than a packet may have, so that one that is too long is told as that.
            Some(group) if role.skims(*group) => self.packet_max + 1,
            _ => DATAGRAM_MAX,
        };
        let most = Most { datagrams: self.portions[key].datagrams(), bytes };
        let count = self.receiver.read_most(&self.sockets[key], most)?;
        self.portions[key].came(count, self.receiver.bytes());
        if let Some(trace) = &mut self.trace {
            trace.clock();
        }
        if let Some(drops) = self.receiver.kernel_drops()
            && drops != self.drops[key]
        {
            self.drops[key] = drops;
            self.stats.drops = self.drops.iter().fold(0, |sum, drops| sum.wrapping_add(*drops));
            if let Some(trace) = &mut self.trace {
                trace.dropped(self.stats.drops.into(), self.addresses[key]);
            }
            self.tell_space(role);
        }
        let address = self.addresses[key];
        for (from, bytes) in self.receiver.packets_mut() {
            if is_from(self.me, bytes) {
                continue;
            }
            self.stats.received += 1;
            let length = bytes.len();
            *sum += flow::cost(length);
            let (came, parsed): (&[u8], _) = match &mut self.sealing {
                _ if length > self.packet_max => (bytes, Err(Refusal::Long { length })),
                None => {
                    let bytes = &*bytes;
                    let parsed = Packet::parse(bytes).and_then(|packet| {
                        let cluster = packet.header.cluster.get();
                        self.sources.check(now, from, packet.sender, cluster).map(|()| packet)
                    });
                    (bytes, parsed)
                }
                Some(sealing) => sealing.receive((key, address), bytes, self.trace.is_some()),
            };
            if let Some(trace) = &mut self.trace {
                let refused = parsed.as_ref().err().map(|refusal| refusal as &dyn fmt::Display);
                trace.received(from, address, came, refused);
            }
            match parsed {
                Ok(packet) => {
                    if self.print_packets {
                        log::debug!(target: "paxos", "< {packet}");
                    }
                    role.packet(now, from, &packet, &mut self.outbox);
                }
                Err(refusal) => {
                    self.stats.refused[refusal.index()] += 1;
                    self.refusals.note(refusal, from);
                }
            }
        }
        Ok(count == most.datagrams)
    }

    /// Goes over to the keys that the file has now; to none when it is wrong.
    fn reload(&mut self) {
        let (cluster, me) = (self.layout.cluster, self.me);
        if let Some(sealer) = self.sealing.as_mut().and_then(|sealing| sealing.reload(cluster, me)) {
            self.outbox.seal_with(sealer, self.groups);
        }
    }

    fn tell_space<R: Process>(&self, role: &mut R) {
        let space = space(&self.sockets).min(self.space_max);
        role.receive_space(u32::try_from(space).unwrap_or(u32::MAX), self.stats.drops);
    }

    /// Does what the role wants done. Returns whether anybody still reads our output.
    fn flush<R: Process>(&mut self, now: Nanos, role: &R) -> Result<bool, Failure> {
        for notice in &self.outbox.take_notices() {
            if let Some(unsaid) = self.talk.may_speak(now) {
                if unsaid > 0 {
                    log::info!(target: "paxos", "{unsaid} more lines like the last ones were left out");
                }
                log::info!(target: "paxos", "{notice}");
            }
            if notice.is_standing() {
                self.standing = Some(*notice);
                if let Some(supervisor) = &mut self.supervisor {
                    supervisor.changed();
                }
            }
        }
        let wheel = &mut self.wheel;
        // At least a tick later: a timer that is armed for now must not fire for ever within one turn.
        self.outbox.take_timers(|timer, at| match at {
            Some(at) => wheel.arm(timer, at.max(now + 1)),
            None => wheel.cancel(timer),
        });
        if self.print_packets {
            for (_, bytes) in self.outbox.queued(role.held()) {
                let packet = match (self.outbox.sealer(), &mut self.sealing) {
                    (Some(sealer), Some(sealing)) => sealing.read_own(sealer, bytes),
                    _ => Packet::parse(bytes),
                };
                if let Ok(packet) = packet {
                    log::debug!(target: "paxos", "> {packet}");
                }
            }
        }
        self.persist_and_send(role.held())?;
        Ok(self.print(role.held())?)
    }

    fn persist_and_send(&mut self, held: &[u8]) -> Result<(), Failure> {
        let (groups, sender, stats, journal) =
            (&self.groups, &mut self.sender, &mut self.stats, &mut self.journal);
        let (clock, reporter) = (self.clock, &mut self.reporter);
        let own = self.sockets.last().expect("a role has a socket of its own");
        let (trace, address) = (&mut self.trace, self.addresses[self.addresses.len() - 1]);
        let persist = |frame: &mut Frame| {
            let journal = journal.as_mut().expect("a durable outbox comes with a journal");
            let begun = clock.now();
            let committed = journal.commit(frame);
            reporter.synced(clock.now() - begun);
            committed.map_err(|error| {
                let directory = journal.medium().directory().to_path_buf();
                Failure::Data { directory, error }
            })
        };
        self.outbox.persist_then_send(persist, |outbox| {
            let runs = outbox.runs(held).map(|(to, bytes, segment)| {
                let to = match to {
                    To::Group(role) => groups[role as usize - 1],
                    To::Peer(address) => address,
                };
                Run { to, bytes, segment }
            });
            let sent = match trace {
                None => sender.send(own, runs),
                Some(trace) => {
                    // Before the packets leave, so that in nobody's trace they come first.
                    trace.clock();
                    sender.send_and_tell(own, runs, &mut |run, error| {
                        let lost = error.map(|error| error as &dyn fmt::Display);
                        trace.sent(address, run.to, run.each(), lost);
                    })
                }
            };
            stats.sent += sent.packets;
            stats.send_calls += sent.system_calls;
            stats.unsent += sent.refused;
        })
    }

    fn print(&mut self, held: &[u8]) -> io::Result<bool> {
        let output = self.outbox.output();
        let result = match &mut self.output {
            Some(file) => write_all(file, output.whole(held)),
            None => Ok(()),
        };
        self.reporter.printed(output.len());
        output.printed(held);
        match result {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Tells whoever watches this process that it lives, when it is time.
    fn tell_supervisor<R: Process>(&mut self, now: Nanos, role: &R) {
        if let Some(supervisor) = self.supervisor.as_mut().filter(|supervisor| now >= supervisor.next()) {
            let (standing, decided_until) = (self.standing, role.decided_until());
            supervisor.alive(now, Standing { standing, decided_until, stats: &self.stats });
        }
    }
}

impl Drop for Reactor {
    fn drop(&mut self) {
        for socket in &self.sockets {
            let _ = self.poller.delete(socket);
        }
        let _ = self.poller.delete(&self.signals);
        if let Some(sealing) = &self.sealing {
            let _ = self.poller.delete(sealing.hangups());
        }
    }
}

/// Makes a pipe hold more, when it is a pipe and the system allows it.
pub fn widen_pipe(fd: impl AsFd) {
    if rustix::pipe::fcntl_getpipe_size(&fd).is_ok_and(|size| size < PIPE) {
        let _ = rustix::pipe::fcntl_setpipe_size(fd, PIPE);
    }
}

/// Pieces that one write takes.
const WRITE_PIECES: usize = 256;

/// Writes all, waiting as a blocking file would when somebody made stdout one that does not block.
fn write_all<'a>(file: &mut File, mut pieces: impl Iterator<Item = &'a [u8]>) -> io::Result<()> {
    loop {
        let mut slices: heapless::Vec<IoSlice<'_>, WRITE_PIECES> =
            pieces.by_ref().take(WRITE_PIECES).map(IoSlice::new).collect();
        if slices.is_empty() {
            return Ok(());
        }
        let mut left = &mut slices[..];
        while !left.is_empty() {
            match file.write_vectored(left) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(written) => IoSlice::advance_slices(&mut left, written),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    std::thread::sleep(Duration::from_millis(1))
                }
                Err(error) => return Err(error),
            }
        }
    }
}

/// Keeps a process from flooding its log, whatever happens to it: so many lines at once, then a few per
/// second.
#[derive(Debug, Default)]
struct Talk {
    /// Lines of the recent past, in 1/[`TALK_PER_S`] seconds; it drains with time.
    spoken: Nanos,
    at: Nanos,
    unsaid: u64,
}

const TALK_AT_ONCE: u64 = 30;
const TALK_PER_S: u64 = 1;

impl Talk {
    /// Whether another line may be written; if so, how many were left out since the last one.
    fn may_speak(&mut self, now: Nanos) -> Option<u64> {
        let line = 1_000_000_000 / TALK_PER_S;
        self.spoken = self.spoken.saturating_sub(now - self.at);
        self.at = now;
        if self.spoken > (TALK_AT_ONCE - 1) * line {
            self.unsaid += 1;
            return None;
        }
        self.spoken += line;
        Some(std::mem::take(&mut self.unsaid))
    }
}

/// The smallest of the receive buffers, bytes as the kernel counts them.
fn space(sockets: &[UdpSocket]) -> usize {
    sockets.iter().map(sockets::receive_space).min().unwrap_or(0)
}

/// Whether a packet is one of our own, which multicast brings back to us. Looked at before anything is
/// computed.
fn is_from(me: Identity, bytes: &[u8]) -> bool {
    bytes.len() >= HEADER_LEN
        && Header::ref_from_prefix(bytes).is_ok_and(|(header, _)| {
            header.incarnation.get() == me.incarnation
                && header.id.get() == me.id
                && header.role == me.role as u8
        })
}

/// The interface that the configuration names.
///
/// # Errors
/// When it cannot carry multicast, or is not there.
pub fn via(conf: &Conf) -> sockets::Result<Via> {
    let which = match &conf.interface {
        Interface::Loopback => sockets::Which::Loopback,
        Interface::Named(name) => sockets::Which::Named(name.clone()),
        Interface::Address(address) => sockets::Which::Address(*address),
    };
    sockets::via(&which)
}

/// A stream that becomes readable with the first SIGTERM or SIGINT. The second one ends the process at once:
/// whoever sends it does not want to wait for a blocked output. SIGHUP, with which a service manager asks for a reload,
/// does not end what one has started; elsewhere it does, for then a terminal was closed.
fn signals(supervised: bool) -> io::Result<UnixStream> {
    let (read, write) = UnixStream::pair()?;
    let seen = Arc::new(AtomicBool::new(false));
    for signal in [signal_hook::consts::SIGTERM, signal_hook::consts::SIGINT] {
        signal_hook::flag::register_conditional_shutdown(signal, 1, Arc::clone(&seen))?;
        signal_hook::flag::register(signal, Arc::clone(&seen))?;
        signal_hook::low_level::pipe::register(signal, write.try_clone()?)?;
    }
    if supervised {
        signal_hook::flag::register(signal_hook::consts::SIGHUP, Arc::default())?;
    }
    Ok(read)
}
