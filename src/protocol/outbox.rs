//! The only way out of a role: packets, timers, delivered values, notices, the wish to stop.

use super::output::Output;
use super::{Nanos, TIMERS};
use crate::journal::Frame;
use crate::limits::{OUTBOX_BYTES, OUTBOX_PACKETS};
use crate::planted::{Bug, planted};
use core::fmt;
use core::net::SocketAddrV4;
use wire::sealing::{SEQUENCE_MAX, Sealer};
use wire::{Ballot, FixedBody, HEADER_LEN, Layout, Life, Role, Sender, Stamp};

/// Where a packet goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum To {
    /// The multicast group of a role.
    Group(Role),
    /// One process.
    Peer(SocketAddrV4),
}

/// Why a role wants its process to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// A client: everything is decided.
    Done,
    /// Another process with our role and id was here first.
    SameId { at: SocketAddrV4 },
    /// A client: a later start of the same id took over the session.
    Superseded,
    /// A client: the session broke a limit.
    Ended,
    /// Two values came for one instance that cannot both be right: a process broke the protocol, or two
    /// clusters were mixed.
    Conflict { instance: u64 },
    /// This start has sent as many packets as it can number.
    Numbers,
    /// The acceptors began a new log, and this process belongs to the former one.
    OtherLog { own: u32, new: u32 },
}

/// Something worth telling a person.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Notice {
    Campaign {
        ballot: Ballot,
    },
    Leading {
        ballot: Ballot,
        from: u64,
    },
    Following {
        ballot: Ballot,
    },
    Deposed {
        own: Ballot,
        by: Ballot,
    },
    /// An acceptor without memory asked that nothing below a ballot of its own be accepted any more.
    Fenced {
        acceptor: u16,
        own: Ballot,
    },
    Suspected {
        proposer: u16,
    },
    Returned {
        proposer: u16,
    },
    Unfit,
    Deaf,
    Fit,
    CatchingUp {
        from: u64,
        until: u64,
    },
    CaughtUp {
        until: u64,
    },
    OtherConfiguration {
        sender: Sender,
        at: SocketAddrV4,
    },
    Slow {
        role: Role,
        id: u16,
    },
    Keeping {
        role: Role,
        id: u16,
    },
    Full,
    /// There is room again.
    Room,
    SessionEnded {
        client: u16,
    },
    /// An acceptor has no memory.
    Blank,
    /// It still has none: how many other acceptors there are, how many of them are heard to be blank too, how
    /// many help, how many must.
    StillBlank {
        others: usize,
        blank: usize,
        helpers: usize,
        needed: usize,
    },
    /// An acceptor is a member of this log: it may promise and vote.
    Member {
        log: u32,
        life: u64,
        how: Membership,
    },
    /// A member knows again all that it may have accepted.
    Sees {
        until: u64,
    },
    /// A process that had delivered nothing yet goes over to another log.
    Moved {
        log: u32,
    },
}

/// How an acceptor became a member.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Membership {
    /// The log is new.
    Founded,
    /// The others helped. It is blind below this instance.
    Joined { blind_until: u64 },
    /// Its disk remembers.
    Remembered { complete_until: u64, blind_until: u64 },
}

impl Notice {
    /// Whether it says how this process itself stands, from now on, rather than what it saw of others.
    pub fn is_standing(self) -> bool {
        match self {
            Notice::Campaign { .. }
            | Notice::Leading { .. }
            | Notice::Following { .. }
            | Notice::Unfit
            | Notice::Deaf
            | Notice::CatchingUp { .. }
            | Notice::CaughtUp { .. }
            | Notice::Full
            | Notice::Room
            | Notice::Blank
            | Notice::StillBlank { .. }
            | Notice::Member { .. }
            | Notice::Sees { .. } => true,
            Notice::Deposed { .. }
            | Notice::Fenced { .. }
            | Notice::Suspected { .. }
            | Notice::Returned { .. }
            | Notice::Fit
            | Notice::OtherConfiguration { .. }
            | Notice::Slow { .. }
            | Notice::Keeping { .. }
            | Notice::SessionEnded { .. }
            | Notice::Moved { .. } => false,
        }
    }
}

impl fmt::Display for Notice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Notice::Campaign { ballot } => write!(f, "campaigning with ballot {ballot}"),
            Notice::Leading { ballot, from } => {
                write!(f, "leading in ballot {ballot}, from instance {from} on")
            }
            Notice::Following { ballot } => write!(f, "following P{} in ballot {ballot}", ballot.proposer()),
            Notice::Deposed { own, by } => write!(f, "ballot {own} gives way to {by}"),
            Notice::Fenced { acceptor, own } => {
                write!(
                    f,
                    "acceptor {acceptor} has lost its memory and joins: ballot {own} gives way to a higher one"
                )
            }
            Notice::Suspected { proposer } => write!(f, "nothing heard from P{proposer}: taking it for dead"),
            Notice::Returned { proposer } => write!(f, "P{proposer} is there"),
            Notice::Unfit => f.write_str("no quorum answers: unfit to lead, the next one may try"),
            Notice::Deaf => {
                f.write_str("others hear clients, and we hear none: unfit to lead, the next one may try")
            }
            Notice::Fit => f.write_str("a quorum answers again: fit to lead"),
            Notice::CatchingUp { from, until } => write!(f, "catching up on instances {from}..{until}"),
            Notice::CaughtUp { until } => write!(f, "caught up with instance {until}"),
            Notice::OtherConfiguration { sender, at } => {
                write!(f, "{sender} at {at} has another configuration: its groups, acceptors or mtu differ")
            }
            Notice::Slow { role, id } => {
                write!(f, "{role} {id} does not keep up: going on without waiting for it, it will catch up")
            }
            Notice::Keeping { role, id } => write!(f, "{role} {id} keeps up again"),
            Notice::Full => f.write_str("no space is left for accepted values: refusing new ones"),
            Notice::Room => f.write_str("there is space again: accepting values"),
            Notice::Blank => {
                f.write_str("without memory of a log: not voting before the other acceptors have helped")
            }
            Notice::StillBlank { others, blank, helpers, needed } => write!(
                f,
                "still without memory of a log: of {others} other acceptors {blank} have none either, {helpers} of \
                 {needed} needed help"
            ),
            Notice::Member { log, life, how } => {
                write!(f, "member of log {log:08x} in life {}: ", Life(life))?;
                match how {
                    Membership::Founded => f.write_str("the log is new"),
                    Membership::Joined { blind_until: 0 } => f.write_str("joined, nothing was missed"),
                    Membership::Joined { blind_until } => {
                        write!(f, "joined; catching up below instance {blind_until}")
                    }
                    Membership::Remembered { complete_until, blind_until } => {
                        write!(f, "remembered, complete below instance {complete_until}")?;
                        if blind_until > complete_until {
                            write!(f, "; catching up below instance {blind_until}")?;
                        }
                        Ok(())
                    }
                }
            }
            Notice::Sees { until } => {
                write!(f, "caught up with instance {until}: everything that was forgotten is known again")
            }
            Notice::Moved { log } => write!(f, "the acceptors follow log {log:08x}: following it too"),
            Notice::SessionEnded { client } => {
                write!(f, "client {client} sent a value over 1 MiB: session ended")
            }
        }
    }
}

/// One packet in the outbox.
#[derive(Clone, Copy, Debug)]
pub struct Queued {
    pub to: To,
    at: u32,
    length: u16,
    /// It stands in the memory of the role, see [`super::Process::held`].
    held: bool,
}

impl Queued {
    fn range(&self) -> core::ops::Range<usize> {
        self.at as usize..self.at as usize + usize::from(self.length)
    }
}

/// What a turn of a role wants done. Fixed memory: what does not fit is lost, as a datagram may always be,
/// and counted.
pub struct Outbox {
    layout: Layout,
    me: Sender,
    /// What seals the packets, and the addresses of the groups; none: they are not sealed.
    sealer: Option<(Sealer, [SocketAddrV4; 4])>,
    /// The life of the log that stands in every header.
    log: u32,
    sequence: u64,
    /// What must be durable before the packets leave. `None`: nothing is kept.
    journal: Option<Frame>,
    bytes: Box<[u8]>,
    used: usize,
    packets: Vec<Queued>,
    /// Packets that did not fit.
    pub overflowed: u64,
    /// Packets that bring again what was sent before, or ask for what is missing: for the statistics only.
    pub repeats: u64,
    /// Packets of another log, as if they had not come: for the statistics only.
    pub elsewhere: u64,
    timers: [Option<Nanos>; TIMERS],
    changed: [bool; TIMERS],
    output: Output,
    notices: heapless::Vec<Notice, 16>,
    again: bool,
    stop: Option<Stop>,
}

impl Outbox {
    pub fn new(layout: Layout, me: Sender) -> Outbox {
        Outbox {
            layout,
            me,
            sealer: None,
            log: 0,
            sequence: 0,
            journal: None,
            bytes: vec![0; OUTBOX_BYTES].into_boxed_slice(),
            used: 0,
            packets: Vec::with_capacity(OUTBOX_PACKETS),
            overflowed: 0,
            repeats: 0,
            elsewhere: 0,
            timers: [None; TIMERS],
            changed: [false; TIMERS],
            output: Output::default(),
            notices: heapless::Vec::new(),
            again: false,
            stop: None,
        }
    }

    /// An outbox of a process that keeps a log on a disk.
    pub fn durable(mut self) -> Outbox {
        self.journal = Some(Frame::default());
        self
    }

    /// Seals every packet from now on. `groups`: the addresses of the groups, in the order of [`Role::GROUPS`].
    pub fn seal_with(&mut self, sealer: Sealer, groups: [SocketAddrV4; 4]) {
        self.sealer = Some((sealer, groups));
    }

    /// What stands in every packet, and their room.
    pub fn layout(&self) -> Layout {
        self.layout
    }

    /// What seals the packets.
    pub fn sealer(&self) -> Option<&Sealer> {
        self.sealer.as_ref().map(|(sealer, _)| sealer)
    }

    /// Whether this process keeps a log on a disk.
    pub fn is_durable(&self) -> bool {
        self.journal.is_some()
    }

    /// Where to note what must be durable before this turn's packets leave; `None` when nothing is kept.
    pub fn journal(&mut self) -> Option<&mut Frame> {
        self.journal.as_mut()
    }

    /// Names the log that every packet belongs to from now on.
    pub fn set_log(&mut self, log: u32) {
        self.log = log;
    }

    /// The log that every packet belongs to; 0 while there is none.
    pub fn log(&self) -> u32 {
        self.log
    }

    /// The sequence number of the next packet.
    pub fn sequence(&self) -> u64 {
        self.sequence
    }

    /// Queues a packet: `body` and the pieces of its tail.
    pub fn send<B: FixedBody>(&mut self, to: To, body: &B, tail: &[&[u8]]) {
        self.send_flagged(to, 0, body, tail);
    }

    /// Like [`Outbox::send`], with [`wire::flags`].
    pub fn send_flagged<B: FixedBody>(&mut self, to: To, flags: u8, body: &B, tail: &[&[u8]]) {
        if self.room() == 0 {
            self.overflowed += 1;
            return;
        }
        // Whoever heard us would take what follows for packets that came before; and no number may be sealed twice.
        if self.sequence == SEQUENCE_MAX {
            self.overflowed += 1;
            return self.stop(Stop::Numbers);
        }
        let stamp = Stamp { sequence: self.sequence, log: self.log, flags };
        let room = &mut self.bytes[self.used..];
        let length = match &self.sealer {
            None => wire::seal(room, self.layout, self.me, stamp, body, tail),
            Some((sealer, groups)) => {
                sealer.seal(room, self.layout, self.me, stamp, address(groups, to), body, tail)
            }
        };
        self.sequence += 1;
        self.packets.push(Queued { to, at: self.used as u32, length: length as u16, held: false });
        self.used += length;
    }

    /// Queues a packet whose tail, which is long, is not copied: `packet` is what the role holds at `at`, see
    /// [`super::Process::held`], with room for header and body, the tail, and room for the trailer. It must not change
    /// before the end of the turn, so in one turn it is queued once.
    pub fn send_held<B: FixedBody>(&mut self, to: To, body: &B, packet: &mut [u8], at: usize) {
        let tail = &packet[HEADER_LEN + size_of::<B>()..packet.len() - self.layout.trailer];
        let encrypts = self.sealer().is_some_and(Sealer::encrypts);
        if encrypts || self.room() == 0 || self.sequence == SEQUENCE_MAX {
            return self.send(to, body, &[tail]); // what is held stays in the clear
        }
        let stamp = Stamp { sequence: self.sequence, log: self.log, flags: 0 };
        match &self.sealer {
            None => wire::seal_in_place(packet, self.layout, self.me, stamp, body),
            Some((sealer, groups)) => {
                sealer.seal_in_place(packet, self.layout, self.me, stamp, address(groups, to), body);
            }
        }
        self.sequence += 1;
        self.packets.push(Queued { to, at: at as u32, length: packet.len() as u16, held: true });
    }

    /// Full packets that surely fit yet.
    pub fn room(&self) -> usize {
        ((self.bytes.len() - self.used) / self.layout.packet).min(OUTBOX_PACKETS - self.packets.len())
    }

    /// Arms a timer of this role, or moves it.
    pub fn arm(&mut self, timer: usize, at: Nanos) {
        (self.timers[timer], self.changed[timer]) = (Some(at), true);
    }

    pub fn disarm(&mut self, timer: usize) {
        (self.timers[timer], self.changed[timer]) = (None, true);
    }

    /// For stdout.
    pub fn output(&mut self) -> &mut Output {
        &mut self.output
    }

    pub fn notice(&mut self, notice: Notice) {
        // More than a handful in one turn tells a person nothing more.
        let _ = self.notices.push(notice);
    }

    /// Asks for another turn at once: this one left work undone.
    pub fn again(&mut self) {
        self.again = true;
    }

    pub fn stop(&mut self, stop: Stop) {
        self.stop.get_or_insert(stop);
    }

    // What follows is for whoever drives the role.

    /// Ends a turn in the only order that is safe: what must not be forgotten is durable before any packet
    /// that says so leaves (invariant 4). When `persist` fails nothing leaves.
    ///
    /// # Errors
    /// That of `persist`.
    pub fn persist_then_send<E>(
        &mut self,
        persist: impl FnOnce(&mut Frame) -> Result<(), E>,
        send: impl FnOnce(&Outbox),
    ) -> Result<(), E> {
        if planted(Bug::VoteBeforeFsync) {
            send(self);
            self.sent();
            if let Some(frame) = self.journal.as_mut().filter(|frame| frame.wanted()) {
                persist(frame)?;
                frame.clear();
            }
            return Ok(());
        }
        if let Some(frame) = self.journal.as_mut().filter(|frame| frame.wanted()) {
            persist(frame)?;
            frame.clear();
        }
        send(self);
        self.sent();
        Ok(())
    }

    /// The queued packets, in order, as runs: packets to one destination, equally long but for the last,
    /// which may be shorter; each run is contiguous. `held` is the memory of the role.
    pub fn runs<'a>(&'a self, held: &'a [u8]) -> impl Iterator<Item = (To, &'a [u8], usize)> + 'a {
        let mut at = 0;
        core::iter::from_fn(move || {
            let first = *self.packets.get(at)?;
            let mut range = first.range();
            at += 1;
            let mut whole = true;
            while let Some(next) = self.packets.get(at)
                && whole
                && next.to == first.to
                && next.length <= first.length
                && (next.held, next.range().start) == (first.held, range.end)
            {
                whole = next.length == first.length;
                range.end = next.range().end;
                at += 1;
            }
            Some((first.to, &self.memory(first, held)[range], first.length.into()))
        })
    }

    /// The queued packets, one by one. `held` is the memory of the role.
    pub fn queued<'a>(&'a self, held: &'a [u8]) -> impl Iterator<Item = (To, &'a [u8])> + 'a {
        self.packets.iter().map(|packet| (packet.to, &self.memory(*packet, held)[packet.range()]))
    }

    /// How many packets are queued.
    pub fn len(&self) -> usize {
        self.packets.len()
    }

    pub fn is_empty(&self) -> bool {
        self.packets.is_empty()
    }

    fn memory<'a>(&'a self, packet: Queued, held: &'a [u8]) -> &'a [u8] {
        if packet.held { held } else { &self.bytes }
    }

    /// Timers that this turn armed (`Some`) or disarmed (`None`).
    pub fn take_timers(&mut self, mut each: impl FnMut(usize, Option<Nanos>)) {
        for timer in 0..TIMERS {
            if core::mem::take(&mut self.changed[timer]) {
                each(timer, self.timers[timer]);
            }
        }
    }

    pub fn take_notices(&mut self) -> heapless::Vec<Notice, 16> {
        core::mem::take(&mut self.notices)
    }

    pub fn take_again(&mut self) -> bool {
        core::mem::take(&mut self.again)
    }

    pub fn stopping(&self) -> Option<Stop> {
        self.stop
    }

    /// Forgets the packets, which were sent.
    pub fn sent(&mut self) {
        self.packets.clear();
        self.used = 0;
    }
}

/// Where a packet is sent.
fn address(groups: &[SocketAddrV4; 4], to: To) -> SocketAddrV4 {
    match to {
        To::Group(role) => groups[role as usize - 1],
        To::Peer(address) => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use wire::{Body, Hello, Key, Packet, Submit, TRAILER_LEN};

    fn outbox() -> Outbox {
        let me = Sender { role: Role::Client, id: 1, incarnation: 9 };
        Outbox::new(Layout { packet: 1472, cluster: 5, trailer: 0 }, me)
    }

    #[test]
    fn packets_of_one_length_and_destination_form_a_run_that_a_shorter_one_ends() {
        let mut out = outbox();
        let group = To::Group(Role::Proposer);
        for length in [100, 100, 40, 40, 100] {
            out.send(group, &Submit { number: 0.into() }, &[&vec![b'x'; length]]);
        }
        out.send(To::Group(Role::Client), &Hello { answered: 0.into() }, &[]);
        let runs: Vec<_> = out.runs(&[]).map(|(to, bytes, segment)| (to, bytes.len(), segment)).collect();
        let expected = [
            (group, 148 + 148 + 88, 148),
            (group, 88, 88),
            (group, 148, 148),
            (To::Group(Role::Client), 48, 48),
        ];
        assert_eq!(runs, expected);
        let sequences: Vec<u64> =
            out.queued(&[]).map(|(_, bytes)| Packet::parse(bytes).unwrap().header.sequence()).collect();
        assert_eq!(sequences, [0, 1, 2, 3, 4, 5]);
        out.sent();
        assert_eq!(out.runs(&[]).count(), 0);
    }

    #[test]
    fn packets_that_stand_in_the_memory_of_the_role_form_runs_where_they_adjoin() {
        let mut out = outbox();
        let (group, front) = (To::Group(Role::Proposer), 48);
        let mut held = vec![b'x'; 4 * 100];
        for (at, length) in [(0, 100), (100, 100), (300, 80)] {
            let packet = &mut held[at..at + length];
            out.send_held(group, &Submit { number: (at as u64).into() }, packet, at);
        }
        out.send(group, &Submit { number: 1.into() }, &[&[b'x'; 52]]);
        let runs: Vec<_> = out.runs(&held).map(|(_, bytes, segment)| (bytes.len(), segment)).collect();
        assert_eq!(runs, [(200, 100), (80, 80), (100, 100)]);
        for (sequence, (_, bytes)) in out.queued(&held).enumerate() {
            let packet = Packet::parse(bytes).unwrap();
            assert_eq!(packet.header.sequence(), sequence as u64);
            assert!(bytes[front..].iter().all(|byte| *byte == b'x'));
        }
    }

    #[test]
    fn what_a_key_proves_leaves_from_the_memory_of_the_role_and_what_it_encrypts_does_not() {
        for encrypts in [false, true] {
            let layout = Layout { packet: 1472, cluster: 5, trailer: TRAILER_LEN };
            let me = Sender { role: Role::Client, id: 1, incarnation: 9 };
            let mut out = Outbox::new(layout, me);
            let key = Key::new(1, core::array::from_fn(|at| at as u8));
            let groups = [SocketAddrV4::new([239, 0, 0, 1].into(), 6000); 4];
            out.seal_with(Sealer::new(&key, layout.cluster, me, encrypts), groups);
            let mut held = vec![b'x'; 200];
            let (first, second) = held.split_at_mut(100);
            for (at, packet) in [(0, first), (100, second)] {
                out.send_held(To::Group(Role::Proposer), &Submit { number: 3.into() }, packet, at);
            }
            let runs: Vec<_> =
                out.runs(&held).map(|(_, bytes, segment)| (bytes.as_ptr(), bytes.len(), segment)).collect();
            let from = if encrypts { out.bytes.as_ptr() } else { held.as_ptr() };
            assert_eq!(runs, [(from, 200, 100)]);
            assert_eq!(held[48..84], [b'x'; 36], "what is held stays in the clear");
            for (_, bytes) in out.queued(&held) {
                let mut copy = bytes.to_vec();
                let packet = out.sealer().unwrap().read(&mut copy).unwrap();
                let Body::Submit(_, piece) = packet.body else { panic!("{packet}") };
                assert_eq!(piece, [b'x'; 36]);
            }
        }
    }

    #[test]
    fn what_does_not_fit_is_lost_and_counted() {
        let mut out = outbox();
        let piece = vec![0; 1400];
        while out.room() > 0 {
            out.send(To::Group(Role::Proposer), &Submit { number: 0.into() }, &[&piece]);
        }
        assert_eq!(out.overflowed, 0);
        out.send(To::Group(Role::Proposer), &Submit { number: 0.into() }, &[&piece]);
        assert_eq!(out.overflowed, 1);
    }
}
