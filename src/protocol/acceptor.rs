//! The acceptor: promises, votes, and remembers [Lamport01 §2.2].
//!
//! Invariants: `promised` never falls; nothing is accepted below it; every instance in the ranges of a 2b was
//! accepted in the 2b's ballot. An instance is marked decided when it was accepted in the ballot of a
//! watermark that covers it (see [`super::window`] for why that suffices), or when a process that knew it
//! decided sent it.
//!
//! With a disk, every promise and every acceptance goes into the outbox's journal in the turn in which it is
//! made, and no packet of that turn leaves before that is durable ([`Outbox::persist_then_send`]). Without
//! memory it does nothing of the kind before it is a member again: see [`super::rejoin`].

mod essence;

use super::catch_up::{CatchUp, Step};
use super::flow::{cost, share};
use super::identity::Identity;
use super::lineage::bound;
use super::memory::Memory;
use super::outbox::{Membership, Notice, Outbox, Stop, To};
use super::ranges::{RangeSet, append, records};
use super::rejoin::Rejoin;
use super::store::{Refused, Store};
use super::{Nanos, Process, Setup};
use crate::limits::{AHEAD_MAX, FETCH_BURST, FETCH_BURST_DURABLE, FETCH_JOBS, MS, NAGLE_INSTANCES};
use crate::planted::{Bug, planted};
use core::net::SocketAddrV4;
use wire::report::Room;
use wire::status::state;
use wire::{
    Ballot, Batch, Body, Fetch, Helped, Join, Nack, Packet, Phase1b, Phase2a, Phase2b, ProcessStatus,
    RANGES_MAX, Range, RangeRecord, Role, Value, flags, sequence_field,
};
use zerocopy::IntoBytes;

const HEARTBEAT: usize = 0;
const CATCH_UP: usize = 1;
const SETTLE: usize = 2;
const JOIN: usize = 3;
const SEAL: usize = 4;
const VOTE: usize = 5;

/// How long a new acceptor waits for an earlier one with its id to answer, before it promises or votes in
/// that one's name.
const SETTLE_TIME: Nanos = 20 * MS;

/// Votes gather, while the leader has so many instances under way and may go on without them, for so long at most:
/// each takes room on the link of every learner. Nobody waits for a vote on the latest of a long queue. Where fewer may
/// be unread, a queue is long when it is a quarter of that.
const QUEUE_LONG: u64 = 128;
const GATHER: Nanos = MS / 2;

/// How long after its last frame an idle acceptor writes an empty one, which proves the last to have been
/// durable.
const SEAL_AFTER: Nanos = 20 * MS;
/// What stands beside an accepted batch in a turn's frame takes at most, bytes: headers, a promise, how we
/// stand, padding.
const FRAME_ROOM: usize = 2048;

/// A disk that was full has space again when it takes so many bytes more; before, what it still takes of small
/// batches is not worth telling.
const SPACIOUS: usize = 1 << 20;

/// How far a search for missing instances looks in one go.
const SCAN: u64 = 4096;

/// Instances to send to somebody, as a [`Fetch`] asked for.
#[derive(Clone, Debug)]
struct Job {
    to: SocketAddrV4,
    /// Only what is known decided, or all that is accepted.
    undecided: bool,
    ranges: heapless::Vec<Range, RANGES_MAX>,
}

pub struct Acceptor {
    setup: Setup,
    identity: Identity,
    promised: Ballot,
    store: Store,
    /// Accepted in `promised`, and not below its watermark.
    votes: RangeSet,
    /// The watermark heard in `promised`.
    watermark: u64,
    /// The highest claim of what is decided.
    known: u64,
    /// Every instance below is stored and known decided.
    complete: u64,
    /// One past the sequence number of the latest packet that came from the leader of the promised ballot.
    heard_until: u64,
    read_until: u64,
    space: u32,
    drops: u32,
    /// A vote is owed at once.
    vote_due: bool,
    /// What was accepted since the last vote, as a cost, when nothing is missing before it.
    unvoted: u64,
    /// Instances that the leader had under way when it sent the latest.
    queue: u64,
    /// From how many on that is many.
    queue_long: u64,
    /// Where the leader of the promised ballot is.
    leader: Option<SocketAddrV4>,
    voted: Nanos,
    vote_timer_set: bool,
    /// A refusal is owed: to whom, for which ballot.
    nack_due: Option<(SocketAddrV4, Ballot)>,
    catch_up: CatchUp,
    jobs: heapless::Deque<Job, FETCH_JOBS>,
    full: bool,
    conflict: Option<u64>,
    /// Nobody with our id has answered in time.
    settled: bool,
    rejoin: Rejoin,
    /// The promised ballot is a fence: nobody leads it.
    fenced: bool,
    /// How the others should know of us: as a new member.
    announce_due: bool,
    /// What this turn's frame may still take of accepted batches, bytes.
    room: u64,
    /// The journal says that everything below is decided.
    written_until: u64,
    /// It is not blind.
    sees: bool,
}

impl Acceptor {
    /// Without memory.
    pub fn new(setup: Setup) -> Acceptor {
        Acceptor::remembering(setup, Memory::default())
    }

    /// With what its journal remembers.
    pub fn remembering(setup: Setup, memory: Memory) -> Acceptor {
        let mut rejoin = Rejoin::new(&setup, &memory.standing);
        rejoin.blinded(memory.blind_until());
        let mut acceptor = Acceptor {
            identity: Identity::new(&setup),
            catch_up: CatchUp::new(setup.seed),
            setup,
            promised: memory.promised,
            store: memory.store,
            votes: RangeSet::default(),
            watermark: 0,
            known: memory.decided_until,
            complete: 0,
            rejoin,
            fenced: false,
            announce_due: true,
            room: u64::MAX,
            written_until: memory.decided_until,
            sees: true,
            heard_until: 0,
            read_until: 0,
            space: 0,
            drops: 0,
            vote_due: false,
            queue_long: QUEUE_LONG,
            leader: None,
            unvoted: 0,
            queue: 0,
            voted: 0,
            vote_timer_set: false,
            nack_due: None,
            jobs: heapless::Deque::new(),
            full: false,
            conflict: None,
            settled: false,
        };
        acceptor.recalled(memory.decided_until);
        acceptor
    }

    /// Every instance below is decided; what was accepted beyond, in the promised ballot, was voted for and
    /// may be voted for again.
    fn recalled(&mut self, decided_until: u64) {
        // Only what is stored is looked at: an instance may lie anywhere, if somebody lied.
        let decided: Vec<u64> =
            self.store.stored(0).take_while(|instance| *instance < decided_until).collect();
        for instance in decided {
            self.store.decide(instance);
        }
        self.completed();
        for instance in self.store.stored(self.complete) {
            let own = self.store.ballot(instance) == self.promised && !self.store.decided(instance);
            if own && !self.votes.insert(instance) {
                break; // the leader will ask for the rest
            }
        }
    }

    /// Whether it may promise and vote.
    pub fn is_member(&self) -> bool {
        self.rejoin.is_member()
    }

    /// The memory that it speaks from.
    pub fn life(&self) -> u64 {
        self.rejoin.life()
    }

    /// The log that it is a member of; 0 while it is blank.
    pub fn log(&self) -> u32 {
        self.rejoin.log()
    }

    /// It does not know what it accepted below; 0 when it does.
    pub fn blind_until(&self) -> u64 {
        let sees = self.complete >= self.rejoin.blind_until() || planted(Bug::NotBlind);
        if sees { 0 } else { self.rejoin.blind_until() }
    }

    /// Every instance below is stored, and known decided.
    pub fn complete_until(&self) -> u64 {
        self.complete
    }

    /// One past the highest instance accepted, or that may have been accepted in a former life.
    fn top(&self) -> u64 {
        self.store.top().max(self.blind_until())
    }

    pub fn promised(&self) -> Ballot {
        self.promised
    }

    /// What was accepted for an instance.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// Phase 1a [Lamport01 §2.2, phase 1 (b)].
    fn prepare(&mut self, from: SocketAddrV4, ballot: Ballot, first: u64, out: &mut Outbox) {
        if !ballot.follows(self.promised) {
            return;
        }
        if ballot < self.promised || planted(Bug::PromiseOnce) && ballot <= self.promised {
            self.nack_due = Some((from, ballot));
            return;
        }
        self.promise(ballot, out);
        let (runs, mut until) = self.store.page(first);
        if until >= self.store.top() {
            until = until.max(self.top()); // nothing more is known up to there
        }
        let lives = self.rejoin.lives().records();
        let body = Phase1b {
            ballot: ballot.into(),
            from: first.into(),
            until: until.into(),
            complete_until: self.complete.into(),
            top: self.top().into(),
            life: self.life().into(),
            blind_until: self.blind_until().into(),
            lives: (lives.len() as u16).into(),
            reserved: [0; 6],
        };
        out.send(To::Peer(from), &body, &[lives.as_bytes(), runs.as_bytes()]);
    }

    /// Phase 2a [Lamport01 §2.2, phase 2 (b)].
    fn accept(
        &mut self,
        from: SocketAddrV4,
        ballot: Ballot,
        body: &Phase2a,
        batch: Batch<'_>,
        out: &mut Outbox,
    ) {
        if ballot < self.promised && !planted(Bug::AcceptBelowPromise) {
            self.nack_due = Some((from, ballot));
            return;
        }
        if !ballot.follows(self.promised) {
            return;
        }
        let instance = body.instance.get();
        let decided_until = body.decided_until.get();
        if !self.has_room(batch.as_bytes().len(), out) {
            if ballot == self.promised {
                (self.read_until, self.vote_due) = (self.read_until.max(instance + 1), true);
                self.learn(ballot, decided_until);
            }
            return self.not_stored(instance, Refused::Full, out);
        }
        self.promise(ballot, out);
        self.read_until = self.read_until.max(instance + 1);
        self.queue = instance.saturating_sub(decided_until);
        match self.votes.ranges() {
            [all] if all.until == instance => {
                self.unvoted += cost(self.setup.layout.batch_packet(batch.as_bytes().len()))
            }
            _ => self.vote_due = true,
        }
        if instance >= decided_until.saturating_add(AHEAD_MAX) && !planted(Bug::FarAheadStored) {
            return; // far ahead: no honest leader proposes there
        }
        self.learn(ballot, decided_until);
        if instance >= self.watermark && !self.votes.accepts(instance) {
            return; // as if it were lost: the leader will send it again
        }
        let decided = instance < self.watermark;
        if !self.keep(instance, ballot, batch, decided, out) {
            return;
        }
        if decided {
            self.completed();
        } else {
            assert!(self.votes.insert(instance), "room was looked for before");
        }
    }

    /// Stores a batch, and notes it in the journal. `false` when that could not be.
    fn keep(
        &mut self,
        instance: u64,
        ballot: Ballot,
        batch: Batch<'_>,
        decided: bool,
        out: &mut Outbox,
    ) -> bool {
        assert!(ballot <= self.promised, "nothing is stored above the promise");
        match self.store.put(instance, ballot, batch, decided) {
            Ok(changed) => {
                if changed && let Some(journal) = out.journal() {
                    journal.accepted(instance, ballot, decided, batch);
                }
                true
            }
            Err(why) => {
                self.not_stored(instance, why, out);
                false
            }
        }
    }

    /// Whether the disk takes a batch of so many bytes.
    fn has_room(&mut self, batch: usize, out: &mut Outbox) -> bool {
        let Some(journal) = out.journal() else { return true };
        let fits = journal.fits(batch + FRAME_ROOM, self.room);
        if self.full && journal.fits(SPACIOUS, self.room) {
            self.full = false;
            out.notice(Notice::Room);
        }
        fits
    }

    fn not_stored(&mut self, instance: u64, why: Refused, out: &mut Outbox) {
        match why {
            Refused::Full => {
                if !core::mem::replace(&mut self.full, true) {
                    out.notice(Notice::Full);
                }
            }
            Refused::Late => {} // only ever said of a proposal, never of a decision
            Refused::Conflict => self.conflict = Some(instance),
        }
    }

    fn promise(&mut self, ballot: Ballot, out: &mut Outbox) {
        assert!(ballot >= self.promised, "a promise never falls");
        assert!(self.rejoin.is_member(), "only a member promises");
        if ballot > self.promised {
            if let Some(journal) = out.journal().filter(|_| !planted(Bug::PromiseNotPersisted)) {
                journal.promised(ballot);
            }
            self.promised = ballot;
            self.fenced = false;
            self.votes.clear();
            self.watermark = 0;
            (self.heard_until, self.read_until, self.leader) = (0, 0, None);
            self.vote_due = true;
        }
    }

    /// A packet came from who leads `ballot`, perhaps overtaken by later ones.
    fn heard(&mut self, ballot: Ballot, from: SocketAddrV4, packet: &Packet<'_>) {
        if ballot == self.promised {
            self.leader = Some(from);
            self.heard_until = self.heard_until.max(packet.header.sequence() + 1);
        }
    }

    /// A watermark. In the promised ballot it marks decided what was accepted in that ballot.
    fn learn(&mut self, ballot: Ballot, decided_until: u64) {
        if ballot < self.promised {
            return; // whoever leads now knows better
        }
        self.known = self.known.max(decided_until);
        if ballot > self.promised || decided_until <= self.watermark {
            return;
        }
        for range in self.votes.ranges() {
            for instance in range.first..range.until.min(decided_until) {
                self.store.decide(instance);
            }
        }
        self.watermark = decided_until;
        self.votes.trim(decided_until);
        self.completed();
    }

    fn completed(&mut self) {
        while self.store.decided(self.complete) {
            self.complete += 1;
        }
    }

    /// Says it once when all that was forgotten is known again.
    fn look_up(&mut self, out: &mut Outbox) {
        let sees = self.blind_until() == 0;
        if sees && !core::mem::replace(&mut self.sees, sees) {
            out.notice(Notice::Sees { until: self.complete });
        }
        self.sees = sees;
        // It must see after another start too, or those that lose their memory then find no majority that does.
        let until = self.rejoin.blind_until();
        if self.written_until < until
            && until <= self.complete
            && let Some(journal) = out.journal()
        {
            journal.mark();
        }
    }

    /// A batch that some process knew decided. It is no vote: it is stored to be handed on.
    fn repaired(&mut self, instance: u64, ballot: Ballot, batch: Batch<'_>, out: &mut Outbox) {
        let near = instance >= self.complete && instance < self.complete.saturating_add(SCAN);
        if !near || !ballot.follows(self.promised) {
            return;
        }
        if !self.has_room(batch.as_bytes().len(), out) {
            return self.not_stored(instance, Refused::Full, out);
        }
        // As if its 2a had come: what is stored is never of a ballot above the promise.
        self.promise(ballot.max(self.promised), out);
        if self.keep(instance, ballot, batch, true, out) {
            self.completed();
        }
    }

    fn fetch(&mut self, from: SocketAddrV4, fetch: &Fetch, ranges: &[RangeRecord]) {
        let ballot = fetch.ballot.get();
        if !ballot.is_zero() && ballot != self.promised {
            self.nack_due = Some((from, ballot)); // what was accepted is told to whom it was promised
            return;
        }
        let job = Job {
            to: fetch.to(),
            undecided: !ballot.is_zero(),
            ranges: RangeRecord::all(ranges).take(RANGES_MAX).collect(),
        };
        // The latest request of one process replaces its earlier one, which it no longer waits for.
        for other in self.jobs.iter_mut() {
            if other.to == job.to && other.undecided == job.undecided {
                *other = job;
                return;
            }
        }
        let _ = self.jobs.push_back(job); // when full: it will be asked again
    }

    /// Sends some of what was asked for.
    fn serve(&mut self, out: &mut Outbox) {
        let Some(mut job) = self.jobs.pop_front() else { return };
        let burst = if out.journal().is_some() { FETCH_BURST_DURABLE } else { FETCH_BURST };
        let (mut sent, mut looked) = (0, 0);
        while let Some(range) = job.ranges.first_mut() {
            if range.is_empty() || range.first >= self.store.top() {
                job.ranges.remove(0);
                continue;
            }
            if sent >= burst || looked >= SCAN || out.room() < 64 {
                break;
            }
            let instance = range.first;
            range.first += 1;
            looked += 1;
            let Some(accepted) = self.store.get(instance) else { continue };
            let decided = accepted.decided || planted(Bug::UndecidedRepairs);
            if decided || job.undecided {
                let body = Value { instance: instance.into(), ballot: accepted.ballot.into() };
                let flags = if decided { flags::DECIDED } else { 0 };
                out.send_flagged(To::Peer(job.to), flags, &body, &[accepted.bytes]);
                sent += 1;
            }
        }
        if !job.ranges.is_empty() {
            let _ = self.jobs.push_back(job); // there is room: it came from there
        }
        if !self.jobs.is_empty() {
            out.again();
        }
    }

    /// Who has to hear a vote. While the leader has many instances under way, and none is missing, it alone: learners and
    /// followers hear what is decided with its next proposals, and neither wake for votes nor give them a part of their
    /// links.
    fn votes_go_to(&self) -> To {
        match self.leader {
            Some(leader) if self.many_under_way() && !self.vote_due => To::Peer(leader),
            _ => To::Group(Role::Learner),
        }
    }

    fn many_under_way(&self) -> bool {
        self.queue >= self.queue_long && self.votes.ranges().len() == 1
    }

    /// Whether the vote on what came last can wait for more. Timers see to it that it does not for long.
    fn gathers(&mut self, now: Nanos, out: &mut Outbox) -> bool {
        let until = self.voted + GATHER;
        let goes_on = self.many_under_way() && self.unvoted < share(self.space) / 4;
        let gathers = goes_on && now < until;
        if gathers && !core::mem::replace(&mut self.vote_timer_set, true) {
            out.arm(VOTE, until);
        }
        gathers
    }

    fn vote(&mut self, now: Nanos, out: &mut Outbox) {
        let lives = self.rejoin.lives().records();
        let body = Phase2b {
            life: self.life().into(),
            lives: (lives.len() as u16).into(),
            heard_until: sequence_field(self.heard_until),
            ballot: self.promised.into(),
            decided_until: self.watermark.into(),
            complete_until: self.complete.into(),
            room: Room {
                read_until: self.read_until.into(),
                space: self.space.into(),
                drops: self.drops.into(),
            },
        };
        let votes = self.votes.records();
        out.send_flagged(self.votes_go_to(), self.fence_flag(), &body, &[lives.as_bytes(), votes.as_bytes()]);
        (self.vote_due, self.unvoted, self.voted) = (false, 0, now);
    }

    fn fence_flag(&self) -> u8 {
        if self.fenced { flags::FENCE } else { 0 }
    }

    // ------------------------------------------------------------------ memory, lost and found

    /// Is blank from now on.
    fn begin(&mut self, now: Nanos, out: &mut Outbox) {
        let home = if self.store.top() > 0 { self.rejoin.log() } else { 0 };
        self.rejoin.begin(now, self.promised, home);
        self.votes.clear();
        self.jobs.clear();
        (self.watermark, self.heard_until, self.read_until, self.vote_due) = (0, 0, 0, false);
        self.nack_due = None;
        out.set_log(0);
        out.notice(Notice::Blank);
        out.arm(JOIN, self.rejoin.ask_again(now));
    }

    /// Is a member from now on.
    fn member(&mut self, how: Membership, out: &mut Outbox) {
        let (log, life) = (self.rejoin.log(), self.life());
        out.set_log(log);
        if let Some(journal) = out.journal().filter(|_| !matches!(how, Membership::Remembered { .. })) {
            journal.standing(&self.rejoin.standing());
        }
        out.notice(Notice::Member { log, life, how });
        out.disarm(JOIN);
        (self.vote_due, self.announce_due) = (true, true);
    }

    /// A blank acceptor asks for help.
    fn join_heard(&mut self, from: SocketAddrV4, packet: &Packet<'_>, join: &Join, out: &mut Outbox) {
        if !self.is_member() {
            // No help comes from here, but the news that it needs a larger life.
            if let Some(later) = self.rejoin.later(packet, join) {
                self.announce(To::Peer(from), (later, 0), self.promised, out);
            }
            return;
        }
        if self.rejoin.tell_founder(packet, join, out) {
            return;
        }
        let Some((joiner, ballot, new)) = self.rejoin.help(packet, join, self.promised) else { return };
        if new {
            if !planted(Bug::NoFence) {
                self.promise(ballot, out);
                self.fenced = true;
            }
            if let Some(journal) = out.journal() {
                journal.standing(&self.rejoin.standing());
            }
        }
        self.announce(To::Peer(from), (joiner, self.rejoin.former(packet)), ballot, out);
    }

    fn announce(&self, to: To, (joiner, former): (u64, u64), ballot: Ballot, out: &mut Outbox) {
        let body = Helped {
            joiner: joiner.into(),
            former: former.into(),
            ballot: ballot.into(),
            life: self.life().into(),
            top: self.top().into(),
            complete_until: self.complete.into(),
        };
        out.send(to, &body, &[self.rejoin.lives().records().as_bytes()]);
    }

    /// A packet of another acceptor, or one that names another log than ours. Returns whether it is done
    /// with.
    fn among_acceptors(
        &mut self,
        now: Nanos,
        from: SocketAddrV4,
        packet: &Packet<'_>,
        out: &mut Outbox,
    ) -> bool {
        if packet.sender.role != Role::Acceptor {
            let log = packet.header.log.get();
            if !self.is_member() && matches!(packet.body, Body::Phase1a(_)) {
                self.identity.answer(from, out); // it promises nothing, but it is there
            }
            return !self.is_member() || (log != self.rejoin.log() && (log != 0 || bound(packet.kind)));
        }
        let latest = self.rejoin.heard(now, packet);
        // One that needs a larger life must be told; and whose help counts the helpers' own word tells.
        let counts = match packet.body {
            Body::Join(_) => true,
            Body::Helped(..) => !self.is_member(),
            _ => false,
        };
        if !latest && !counts {
            return true;
        }
        if planted(Bug::EmptyDiskVotes) && !self.is_member() && packet.header.log.get() != 0 {
            self.rejoin.adopt(packet.header.log.get());
            self.member(Membership::Founded, out);
        }
        match packet.body {
            Body::Join(join) => {
                if latest {
                    self.rejoin.heard_blank(now, packet, join);
                }
                self.join_heard(from, packet, join, out);
            }
            Body::Found(_, members) => {
                if self.rejoin.founded(packet, members) {
                    self.member(Membership::Founded, out);
                }
            }
            Body::Helped(body, told) => {
                if self.is_member() {
                    // Whoever began anew in another log has not done so in ours.
                    let ours = packet.header.log.get() == self.rejoin.log();
                    if ours && self.rejoin.announced(packet, body, told) {
                        self.begin(now, out); // others have noted down a later life of ours
                    }
                } else if let Some(joined) = self.rejoin.helped(packet, body, told) {
                    self.promise(joined.fence.max(self.promised), out);
                    self.fenced = true;
                    let blind_until = self.blind_until();
                    self.member(Membership::Joined { blind_until }, out);
                }
            }
            _ => return packet.header.log.get() != self.rejoin.log() || !self.is_member(),
        }
        true
    }

    /// Whether a member must begin anew, or end, for want of others in its log.
    fn look_around(&mut self, now: Nanos, out: &mut Outbox) {
        if self.store.top() == 0 && self.rejoin.stranded(now) {
            self.begin(now, out);
        } else if let Some(new) = self.rejoin.outvoted(now) {
            out.stop(Stop::OtherLog { own: self.rejoin.log(), new });
        }
    }

    /// Asks for decided instances that were missed, so that every acceptor can serve all of the log.
    fn heal(&mut self, now: Nanos, out: &mut Outbox) {
        match self.catch_up.step(now, self.complete, self.known, out) {
            Step::Nothing => out.disarm(CATCH_UP),
            Step::Wait(until) => out.arm(CATCH_UP, until),
            Step::Ask { until } => {
                let missing = self.missing(until);
                let body = wire::CatchUp { have_until: self.complete.into() };
                out.send(To::Group(Role::Proposer), &body, &[records(&missing).as_bytes()]);
                if let Some(deadline) = self.catch_up.deadline() {
                    out.arm(CATCH_UP, deadline);
                }
            }
        }
    }

    /// Notes how far everything is decided whenever something must be written anyway, and seals what was
    /// written when there is nothing more for a moment.
    fn write_progress(&mut self, now: Nanos, out: &mut Outbox) {
        let Some(journal) = out.journal().filter(|journal| journal.wanted()) else { return };
        if self.complete > self.written_until {
            self.written_until = self.complete;
            journal.decided(self.complete);
        }
        if journal.records() > 0 {
            out.arm(SEAL, now + SEAL_AFTER);
        }
    }

    fn missing(&self, until: u64) -> heapless::Vec<Range, RANGES_MAX> {
        let mut ranges: heapless::Vec<Range, RANGES_MAX> = heapless::Vec::new();
        for instance in self.complete..until {
            if self.store.decided(instance) {
                continue;
            }
            if !append(&mut ranges, instance) {
                break;
            }
        }
        ranges
    }
}

impl Process for Acceptor {
    fn start(&mut self, now: Nanos, out: &mut Outbox) {
        self.identity.hello(0, out);
        out.arm(SETTLE, now + SETTLE_TIME);
        out.arm(HEARTBEAT, now + self.setup.heartbeat);
    }

    fn packet(&mut self, now: Nanos, from: SocketAddrV4, packet: &Packet<'_>, out: &mut Outbox) {
        if !self.identity.admit(now, from, packet, out) || !self.settled {
            return;
        }
        if self.among_acceptors(now, from, packet, out) {
            return;
        }
        match packet.body {
            Body::Phase1a(body) => self.prepare(from, body.ballot.get(), body.from.get(), out),
            Body::Phase2a(body, batch) => {
                let ballot = body.ballot(packet.sender);
                self.accept(from, ballot, body, batch, out);
                self.heard(ballot, from, packet);
            }
            Body::Watermark(body) => {
                if body.ballot.get() < self.promised {
                    self.nack_due = Some((from, body.ballot.get()));
                }
                self.learn(body.ballot.get(), body.decided_until.get());
                self.heard(body.ballot.get(), from, packet);
                if body.ballot.get() == self.promised && packet.has(flags::ASK) {
                    self.vote_due = true;
                }
            }
            Body::Value(body, batch) if packet.has(flags::DECIDED) => {
                self.catch_up.repaired(body.instance.get());
                self.repaired(body.instance.get(), body.ballot.get(), batch, out);
            }
            Body::Fetch(body, ranges) => self.fetch(from, body, ranges),
            Body::Over(body) if self.rejoin.over(body) => self.begin(now, out),
            Body::Hello(_) if packet.has(flags::ASK) => self.vote_due = true,
            _ => {}
        }
    }

    fn timer(&mut self, now: Nanos, timer: usize, out: &mut Outbox) {
        match timer {
            SETTLE => {
                self.settled = true;
                if self.is_member() {
                    let (complete_until, blind_until) = (self.complete, self.blind_until());
                    self.member(Membership::Remembered { complete_until, blind_until }, out);
                } else {
                    self.begin(now, out);
                }
            }
            HEARTBEAT => {
                self.identity.hello(0, out);
                (self.vote_due, self.announce_due) = (!planted(Bug::NoTailRepair), true);
                if self.is_member() {
                    self.look_around(now, out);
                }
                out.arm(HEARTBEAT, now + self.setup.heartbeat);
            }
            JOIN if !self.is_member() => out.arm(JOIN, self.rejoin.ask_again(now)),
            VOTE => self.vote_timer_set = false,
            SEAL => {
                if let Some(journal) = out.journal() {
                    journal.mark();
                }
            }
            _ => {}
        }
    }

    fn turn(&mut self, now: Nanos, out: &mut Outbox) {
        if let Some(instance) = self.conflict {
            out.stop(Stop::Conflict { instance });
            return;
        }
        if !self.settled {
            return;
        }
        if !self.is_member() {
            if self.rejoin.found(now, out) {
                self.member(Membership::Founded, out);
            } else {
                self.rejoin.ask(now, out);
                if let Some(new) = self.rejoin.outvoted(now) {
                    out.stop(Stop::OtherLog { own: self.rejoin.home(), new });
                }
                return;
            }
        }
        if self.vote_due || self.unvoted > 0 && !self.gathers(now, out) {
            self.vote(now, out);
        }
        if let Some((to, refused)) = self.nack_due.take()
            && refused < self.promised
        {
            let body = Nack { refused: refused.into(), promised: self.promised.into() };
            out.send_flagged(To::Peer(to), self.fence_flag(), &body, &[]);
        }
        if core::mem::take(&mut self.announce_due) {
            self.announce(To::Group(Role::Acceptor), (0, 0), self.promised, out);
        }
        self.look_up(out);
        self.heal(now, out);
        self.serve(out);
        self.write_progress(now, out);
    }

    fn journal_room(&mut self, bytes: u64) {
        self.room = bytes;
    }

    fn status(&self, _now: Nanos, status: &mut ProcessStatus) {
        status.ballot = self.promised.into();
        status.decided_until = self.complete.into();
        status.known_until = self.known.max(self.complete).into();
        status.mark(state::MEMBER, self.is_member());
        status.mark(state::BLIND, self.blind_until() > 0);
        status.mark(state::FULL, self.full);
    }

    fn receive_space(&mut self, space: u32, drops: u32) {
        self.catch_up.space(space, self.setup.layout.packet);
        (self.space, self.drops) = (space, drops);
        let unread_max = share(space) / cost(self.setup.layout.packet);
        self.queue_long = (unread_max / 4).clamp(NAGLE_INSTANCES, QUEUE_LONG);
    }

    fn decided_until(&self) -> u64 {
        self.known
    }
}

#[cfg(test)]
mod tests;
