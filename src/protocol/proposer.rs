//! The proposer: follows the log as a learner does, and leads when it should.
//!
//! As leader it runs phase 1 once per ballot, page by page; learns all that is decided; proposes again what
//! must be; and only then proposes what clients submit. It gives way as soon as an *acceptor*, or another
//! leader's decision, shows a higher ballot: so it never announces a decision of a ballot higher than its
//! own, which [`super::window`] relies on.

mod campaign;
mod pipeline;
mod repair;
mod standing;

use super::catch_up::{CatchUp, Step};
use super::digest::Digest;
use super::election::Election;
use super::flow::{Flow, Reader, cost};
use super::identity::Identity;
use super::intake::{Intake, Submitted};
use super::lineage::{Belongs, Lineage};
use super::outbox::{Notice, Outbox, Stop, To};
use super::phase1::Phase1;
use super::quorum::{Acceptors, lives};
use super::random::Random;
use super::ranges::{RangeSet, append, records};
use super::rto::{LATER, PROBE, Rto, UNLUCKY};
use super::sessions::{self, Sessions, Verdict};
use super::window::{Sending, Space, Window};
use super::{Nanos, Process, Setup};
use crate::limits::{
    ACCEPTORS_MAX, FLOW_INSTANCES, MS, NAGLE_INSTANCES, PATIENT, PIPELINE, PROPOSER_AHEAD, PROPOSER_WINDOW,
    REPAIR_BURST, VOTES_GATHER,
};
use crate::planted::{Bug, planted};
use core::net::SocketAddrV4;
use wire::status::state;
use wire::{
    Ack, BATCH_AT, Ballot, Body, EntryHeader, Fetch, Heartbeat, Hello, Over, Packet, Phase1a, Phase2a,
    ProcessStatus, RANGES_MAX, Range, RangeRecord, Role, Value, Watermark, flags,
};
use zerocopy::IntoBytes;

const HEARTBEAT: usize = 0;
const LOOK: usize = 1;
const RETRANSMIT: usize = 2;
const CATCH_UP: usize = 3;
const IDLE: usize = 4;
const CAMPAIGN: usize = 5;
const FLOW: usize = 6;

/// How long a new proposer listens for others before it leads: a round trip on a LAN, generously.
const SETTLE: Nanos = 50 * MS;
/// An instance that was sent [`UNLUCKY`] times is sent again after this long at the latest,
const MISSED_MAX: Nanos = 20 * MS;
/// if it is one of the first so many that are not decided: without them nothing behind them is.
const INSISTED: u64 = 32;
/// Instances that a turn sends again at most.
const RESEND: usize = 128;
/// A proposer that lags by no more knows "all" that is decided: the rest is on its way.
const NEARLY: u64 = 256;
/// When the watermark is told again while nothing else carries it.
const IDLE_DELAYS: [Nanos; 3] = [MS, 10 * MS, 100 * MS];
/// A page of phase 1 of which nothing came for so long is asked for anew.
const STALE: Nanos = 300 * MS;
/// A proposer that has fallen behind, or caught up, says so; no more often than this.
const READY_TOLD: Nanos = 50 * MS;
/// An acceptor whose life is over is told so no more often than this.
const OVER_TOLD: Nanos = 50 * MS;
/// How often a proposer that does not lead yet tells clients why.
const EXPLAIN: Nanos = 500 * MS;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Following,
    /// Phase 1 of `ballot` runs, for one page.
    Preparing,
    /// A page of phase 1 is done; its instances are proposed, or new ones.
    Leading,
}

/// An acceptor as a proposer sees it.
#[derive(Clone, Copy, Debug)]
struct Seen {
    heard: Nanos,
    address: SocketAddrV4,
    complete_until: u64,
}

/// An entry that a client submits within the hearing of a follower.
#[derive(Clone, Copy, Debug)]
struct Waiting {
    client: u16,
    incarnation: u64,
    number: u64,
    since: Nanos,
    /// When this client was heard last.
    again: Nanos,
    /// Whether it submitted this entry, or one before it, since we looked last.
    asks: bool,
}

/// A request for decided instances that perhaps nobody can serve.
#[derive(Clone, Copy, Debug)]
struct Orphan {
    asker: (Role, u16),
    first: u64,
    since: Nanos,
    /// When it was made last.
    again: Nanos,
}

/// Requests of this kind that are watched at once.
const ORPHANS_MAX: usize = 16;

/// A request that was handed on to an acceptor.
#[derive(Clone, Copy, Debug)]
struct Handed {
    asker: (Role, u16),
    first: u64,
    /// How often it was handed on, all in vain.
    times: u32,
    /// Until then nothing of this asker is handed on that we have ourselves.
    kept_until: Nanos,
}

/// Requests of this kind that are remembered at once.
const HANDED_MAX: usize = 16;
/// A request that was handed on so often in vain is served by the leader: acceptors may not hear it, or not be heard.
const HANDED_TIMES: u32 = 3;
/// So are the asker's next ones for so long.
const KEPT: Nanos = 1_000 * MS;

pub struct Proposer {
    setup: Setup,
    identity: Identity,
    acceptors: Acceptors,
    window: Window,
    sessions: Sessions,
    /// Instances below were applied to `sessions`, once each.
    applied: u64,
    digest: Digest,
    election: Election,
    phase1: Phase1,
    flow: Flow,
    intake: Intake,
    catch_up: CatchUp,
    reader: Reader,
    rto: Rto,
    random: Random,
    stage: Stage,
    /// Our own, while not following.
    ballot: Ballot,
    /// The highest ballot heard of.
    highest: Ballot,
    /// Whose watermark or 2a was heard last, for telling.
    followed: Ballot,
    /// Instances below are sealed: they do not change any more.
    proposed: u64,
    /// Whether `proposed` itself is being filled.
    open: bool,
    /// Instances below were sent in this ballot.
    sent_until: u64,
    /// Phase 1 found instances below accepted: nothing new is proposed until they are decided.
    recover_until: u64,
    announced: bool,
    /// Round trips were measured on instances below.
    measured_until: u64,
    campaign_at: Nanos,
    /// How often in a row this proposer had to follow soon after it had last had to, and when it was last.
    deposed: u32,
    deposed_at: Nanos,
    seen: [Option<Seen>; ACCEPTORS_MAX],
    /// When each acceptor that has nothing to say yet said so last.
    blank: [Option<Nanos>; ACCEPTORS_MAX],
    /// When each acceptor was told last that its life is over.
    told_over: [Nanos; ACCEPTORS_MAX],
    unfit: bool,
    unfit_until: Nanos,
    unfit_times: u32,
    /// When there was last progress, or nothing to do.
    progress: Nanos,
    /// Since when the retransmission timer runs; progress puts it off.
    waiting_since: Option<Nanos>,
    /// Every packet of ours before this sequence number has reached the acceptor, or is lost.
    heard_until: [u64; ACCEPTORS_MAX],
    fetch_turn: usize,
    /// Batches of instances below were asked for in this page.
    fetched_until: u64,
    /// When the page of phase 1 was asked for, or something of it came.
    moved: Nanos,
    /// Somebody must read before we send more; the FLOW timer runs.
    blocked: bool,
    /// The watermark that was told last, and how often since then.
    told: (u64, usize),
    idle_set: bool,
    repairs: u64,
    explained: Nanos,
    /// Who asks for decided instances that no acceptor is known to hold complete: the first of them, and
    /// since when.
    orphans: heapless::Vec<Orphan, ORPHANS_MAX>,
    /// What was handed on to acceptors, by who asked: the latest request of each.
    handed: heapless::Vec<Handed, HANDED_MAX>,
    /// Whether others were told that we know all that is decided, and when.
    told_ready: (bool, Nanos),
    /// When any client's entry came last.
    submit_heard: Nanos,
    /// One whose fate we watch while we follow.
    waiting: Option<Waiting>,
    lineage: Lineage,
    space: u32,
    drops: u32,
}

impl Proposer {
    pub fn new(setup: Setup) -> Proposer {
        let acceptors = Acceptors::new(&setup.acceptors);
        let layout = setup.layout;
        let space = Space { front: BATCH_AT, batch: layout.batch_room(), back: layout.trailer };
        Proposer {
            identity: Identity::new(&setup),
            window: Window::new(&acceptors, PROPOSER_WINDOW, PROPOSER_AHEAD, space),
            sessions: Sessions::default(),
            applied: 0,
            digest: Digest::default(),
            election: Election::new(setup.me.id, setup.suspect),
            phase1: Phase1::new(&acceptors),
            flow: Flow::new(FLOW_INSTANCES, setup.suspect),
            intake: Intake::new(setup.layout.entry_room()),
            catch_up: CatchUp::new(setup.seed),
            reader: Reader::default(),
            rto: Rto::new(4 * MS, 50 * MS),
            random: Random::new(!setup.seed),
            stage: Stage::Following,
            ballot: Ballot::ZERO,
            highest: Ballot::ZERO,
            followed: Ballot::ZERO,
            proposed: 0,
            open: false,
            sent_until: 0,
            recover_until: 0,
            announced: false,
            measured_until: 0,
            campaign_at: 0,
            deposed: 0,
            deposed_at: 0,
            seen: [None; ACCEPTORS_MAX],
            blank: [None; ACCEPTORS_MAX],
            told_over: [0; ACCEPTORS_MAX],
            unfit: false,
            unfit_until: 0,
            unfit_times: 0,
            progress: 0,
            waiting_since: None,
            heard_until: [0; ACCEPTORS_MAX],
            fetch_turn: 0,
            fetched_until: 0,
            moved: 0,
            blocked: false,
            told: (0, 0),
            idle_set: false,
            repairs: 0,
            explained: 0,
            orphans: heapless::Vec::new(),
            handed: heapless::Vec::new(),
            told_ready: (true, 0),
            submit_heard: 0,
            waiting: None,
            lineage: Lineage::new(&acceptors),
            space: 0,
            drops: 0,
            acceptors,
            setup,
        }
    }

    /// Whether this proposer leads, and has proposed again all that it had to.
    pub fn leads(&self) -> bool {
        self.stage == Stage::Leading && self.announced
    }

    /// Every instance below is decided, as far as this process knows.
    pub fn decided_until(&self) -> u64 {
        self.window.frontier().max(self.applied)
    }

    /// The highest ballot heard of.
    pub fn highest(&self) -> Ballot {
        self.highest
    }

    fn ready(&self) -> bool {
        self.stage == Stage::Leading || self.window.known() - self.window.frontier() <= NEARLY
    }

    fn should_lead(&self) -> bool {
        self.election.should_lead(self.unfit, self.ready())
    }

    /// After a rewind, what is decided must still be sent once more in our ballot, or told by an acceptor,
    /// before we go past it: that is what the rewind was for.
    fn may_advance(&self) -> bool {
        let frontier = self.window.frontier();
        frontier >= self.applied
            || match self.stage {
                Stage::Following => true,
                Stage::Preparing => {
                    self.phase1.complete_until().is_some_and(|(complete, _)| frontier < complete)
                }
                Stage::Leading => frontier < self.sent_until,
            }
    }

    fn apply_decided(&mut self, now: Nanos, out: &mut Outbox) {
        let before = self.window.frontier();
        while self.may_advance()
            && let Some(instance) = self.window.advance()
        {
            assert!(
                self.stage != Stage::Leading || self.window.held(instance) <= Some(self.ballot),
                "a leader never learns a decision of a ballot higher than its own"
            );
            if instance != self.applied {
                continue; // run once more after a rewind
            }
            self.applied += 1;
            let (_, batch) = self.window.get(instance).expect("what was decided is held");
            self.digest.instance(batch);
            for (entry, tail) in sessions::entries(batch, self.window.tail(instance)) {
                let verdict = self.sessions.apply(&entry, tail);
                if verdict == Verdict::Breaks {
                    out.notice(Notice::SessionEnded { client: entry.client });
                }
                if self.stage == Stage::Leading {
                    self.intake.decided(entry.client);
                }
            }
        }
        if self.window.frontier() == before {
            return;
        }
        (self.progress, self.moved) = (now, now);
        if self.stage == Stage::Leading {
            self.unfit_times = 0;
            self.fit(out);
            self.rto.progress();
        }
    }

    fn voted(&mut self, now: Nanos, from: SocketAddrV4, packet: &Packet<'_>, out: &mut Outbox) {
        let Body::Phase2b(body, told, ranges) = packet.body else { return };
        let Some(acceptor) = self.acceptors.index(packet.sender.id) else { return };
        let (ballot, complete_until) = (body.ballot.get(), body.complete_until.get());
        if !ballot.follows(self.highest) {
            return; // nobody honest could have come to it
        }
        self.seen[acceptor] = Some(Seen { heard: now, address: from, complete_until });
        self.outranked(now, ballot, packet.has(flags::FENCE), out);
        if !self.window.tally.live(acceptor, body.life.get(), lives(told)) {
            return self.tell_over(now, acceptor, from, out);
        }
        let stamp = (packet.sender.incarnation, packet.header.sequence());
        let news = self.window.tally.vote(acceptor, stamp, ballot, RangeRecord::all(ranges));
        self.window.watermark(ballot, body.decided_until.get());
        self.window.heard(complete_until);
        if self.stage != Stage::Following && ballot == self.ballot {
            self.flow.heard(now, packet.sender, &body.room, out);
        }
        if self.stage == Stage::Leading && ballot == self.ballot && news {
            self.heard_until[acceptor] = body.heard_until();
            self.measure(now);
        }
    }

    /// The newest vote tells how long a round trip takes, if its instance was sent once: it has waited for
    /// nothing else.
    fn measure(&mut self, now: Nanos) {
        let top = self.window.tally.top(self.ballot);
        if top > self.measured_until {
            self.measured_until = top;
            if let Some(Sending { at, times: 1, .. }) = self.window.sending(top - 1) {
                self.rto.measured(now.saturating_sub(at));
            }
        }
    }

    fn submitted(&mut self, now: Nanos, from: SocketAddrV4, packet: &Packet<'_>, out: &mut Outbox) {
        let Body::Submit(body, piece) = packet.body else { return };
        self.submit_heard = now;
        if !self.leads() {
            let (client, incarnation, number) =
                (packet.sender.id, packet.sender.incarnation, body.number.get());
            let new = Waiting { client, incarnation, number, since: now, again: now, asks: true };
            let waiting = self.waiting.get_or_insert(new);
            if (waiting.client, waiting.incarnation) == (client, incarnation) {
                waiting.again = now;
                waiting.asks |= number <= waiting.number;
            }
            if self.should_lead() && now >= self.explained {
                self.explained = now + EXPLAIN;
                self.announce(now, To::Group(Role::Client), 0, out);
            }
            return;
        }
        // Sealed packets are kept by whoever hears them. What names no log could be a former log's, and is submitted
        // again once its client has heard of ours, which it does a round trip later.
        if self.setup.layout.is_sealed() && packet.header.log.get() == 0 {
            return self.announce(now, To::Peer(from), flags::LEADING, out);
        }
        let entry = Submitted {
            client: packet.sender.id,
            incarnation: packet.sender.incarnation,
            number: body.number.get(),
            piece,
        };
        let (window, proposed, open) = (&mut self.window, &mut self.proposed, &mut self.open);
        let ballot = self.ballot;
        let log =
            |entry: Submitted<'_>| Proposer::log((&mut *window, &mut *proposed, &mut *open), ballot, entry);
        self.intake.submit(now, (from, packet.header.sequence()), entry, &self.sessions, log);
    }
}

impl Process for Proposer {
    fn start(&mut self, now: Nanos, out: &mut Outbox) {
        self.progress = now;
        self.campaign_at = now + SETTLE.min(self.setup.heartbeat);
        self.identity.hello(0, out);
        self.heartbeat(To::Group(Role::Proposer), flags::ASK, out);
        out.arm(HEARTBEAT, now + self.setup.heartbeat);
        out.arm(LOOK, now + self.election.period());
        out.arm(CAMPAIGN, self.campaign_at);
    }

    fn packet(&mut self, now: Nanos, from: SocketAddrV4, packet: &Packet<'_>, out: &mut Outbox) {
        if !self.identity.admit(now, from, packet, out) || !self.belongs(now, packet, out) {
            return;
        }
        if packet.sender.role == Role::Proposer {
            let known = self.election.alive(now, packet.sender.id, out);
            if !known && !matches!(packet.body, Body::Heartbeat(_)) {
                self.heartbeat(To::Peer(from), flags::ASK, out);
            }
            if matches!(packet.body, Body::Phase1a(_) | Body::Phase2a(..) | Body::Watermark(_)) {
                self.election.leading(packet.sender.id);
            }
        }
        match packet.body {
            Body::Submit(..) => self.submitted(now, from, packet, out),
            Body::Phase2b(..) => self.voted(now, from, packet, out),
            Body::Phase2a(body, batch) => {
                let (ballot, instance) = (body.ballot(packet.sender), body.instance.get());
                if !ballot.follows(self.highest) {
                    return;
                }
                self.outranked(now, ballot, false, out);
                self.led(ballot, from, out);
                self.reader.read(ballot, instance, packet.header.length.get().into());
                self.window.watermark(ballot, body.decided_until.get());
                self.window.put(instance, ballot, batch);
            }
            Body::Watermark(body) => {
                let ballot = body.ballot.get();
                if !ballot.follows(self.highest) {
                    return;
                }
                self.outranked(now, ballot, false, out);
                self.led(ballot, from, out);
                self.window.watermark(ballot, body.decided_until.get());
                if packet.has(flags::ASK) {
                    self.reader.asked();
                }
            }
            Body::Heartbeat(body) => {
                self.heard_of(body.ballot.get());
                self.window.heard(body.decided_until.get());
                self.election.heartbeat(now, packet, out);
                if packet.has(flags::ASK) {
                    self.heartbeat(To::Peer(from), 0, out);
                }
                if packet.has(flags::WAITING) {
                    self.clients_wait(now, out);
                }
            }
            Body::Phase1a(body) => self.heard_of(body.ballot.get()),
            Body::Phase1b(body, told, runs) => {
                let Some(acceptor) = self.acceptors.index(packet.sender.id) else { return };
                let complete_until = body.complete_until.get();
                self.seen[acceptor] = Some(Seen { heard: now, address: from, complete_until });
                if !self.window.tally.live(acceptor, body.life.get(), lives(told)) {
                    return self.tell_over(now, acceptor, from, out);
                }
                if self.stage == Stage::Preparing
                    && let Some(more) = self.phase1.answer(acceptor, from, body, runs)
                {
                    out.send(To::Peer(from), &Phase1a { ballot: self.ballot.into(), from: more.into() }, &[]);
                }
            }
            Body::Nack(body) if body.refused.get() == self.ballot => {
                self.outranked(now, body.promised.get(), packet.has(flags::FENCE), out)
            }
            Body::Value(body, batch) => {
                let (instance, ballot) = (body.instance.get(), body.ballot.get());
                if !ballot.follows(self.highest) {
                    return;
                }
                if packet.has(flags::DECIDED) {
                    self.catch_up.repaired(body.instance.get());
                    self.outranked(now, ballot, false, out);
                    // Of what we have not proposed yet, nothing of our ballot or a lower one can be decided.
                    if self.stage != Stage::Leading || instance < self.proposed {
                        self.window.put_decided(instance, ballot, batch);
                    }
                } else if self.stage == Stage::Preparing
                    && (self.phase1.from()..self.phase1.end()).contains(&instance)
                    && self.phase1.best(instance) == ballot
                {
                    self.window.adopt(instance, ballot, batch);
                    self.moved = now;
                }
            }
            Body::CatchUp(body, ranges) => {
                let end = RangeRecord::all(ranges).last().map_or(0, |range| range.until);
                self.catch_up.overheard(now, body.have_until.get(), end);
                self.repair(now, from, packet, ranges, out);
            }
            Body::Report(body) if self.stage == Stage::Leading && body.ballot.get() == self.ballot => {
                self.flow.heard(now, packet.sender, &body.room, out);
            }
            Body::Hello(_) if packet.sender.role == Role::Acceptor => {
                if let Some(acceptor) = self.acceptors.index(packet.sender.id) {
                    self.blank[acceptor] = Some(now);
                }
            }
            Body::Hello(_)
                if self.stage == Stage::Leading
                    && packet.sender.role == Role::Learner
                    && packet.has(flags::ASK) =>
            {
                self.watermark(To::Peer(from), flags::ASK, out);
            }
            _ => {}
        }
    }

    fn timer(&mut self, now: Nanos, timer: usize, out: &mut Outbox) {
        match timer {
            HEARTBEAT => {
                self.identity.hello(0, out);
                self.heartbeat(To::Group(Role::Proposer), 0, out);
                if self.leads() {
                    if !planted(Bug::NoTailRepair) {
                        self.watermark(To::Group(Role::Acceptor), flags::ASK, out);
                    }
                    self.announce(now, To::Group(Role::Client), flags::LEADING, out);
                }
                self.reader.asked();
                out.arm(HEARTBEAT, now + self.setup.heartbeat);
            }
            LOOK => {
                if self.election.look(now, out) {
                    self.heartbeat(To::Group(Role::Proposer), flags::ASK, out);
                }
                self.judge_self(now, out);
                self.watch_clients(now, out);
                out.arm(LOOK, now + self.election.period());
            }
            RETRANSMIT => self.retransmit(now, out),
            IDLE => {
                self.idle_set = false;
                if !planted(Bug::NoTailRepair) && self.leads() && self.sent_until == self.window.frontier() {
                    self.told.1 += 1;
                    self.watermark(To::Group(Role::Acceptor), 0, out);
                }
            }
            FLOW => {
                self.blocked = false;
                if self.stage == Stage::Leading {
                    self.watermark(To::Group(Role::Acceptor), flags::ASK, out);
                }
            }
            _ => {}
        }
    }

    fn turn(&mut self, now: Nanos, out: &mut Outbox) {
        self.repairs = 0;
        self.apply_decided(now, out);
        if let Some(instance) = self.window.conflict() {
            out.stop(Stop::Conflict { instance });
            return;
        }
        self.tell_ready(now, out);
        if self.stage == Stage::Following && now >= self.campaign_at && self.should_lead() {
            self.campaign(now, out);
        }
        if self.stage == Stage::Preparing {
            self.prepared(now, out);
        }
        if self.stage == Stage::Leading {
            self.leading(now, out);
        }
        self.catch_up_turn(now, out);
        if self.stage == Stage::Following {
            self.reader.turn(self.window.frontier(), out);
        }
    }

    /// Nobody waits for a follower; and another leader shows in votes.
    fn patience(&self, group: Role) -> Nanos {
        match group {
            Role::Acceptor => PATIENT,
            Role::Learner if self.stage == Stage::Following => PATIENT,
            Role::Learner if self.leads() && self.sent_until == self.window.frontier() + 1 => VOTES_GATHER,
            _ => 0,
        }
    }

    /// What a leader hears where acceptors are addressed is its own, brought back by the kernel: half of all that would be
    /// copied for it. One who leads as well shows in the first packet of a run, and so does an acceptor: what concerns a
    /// leader of what they say there is that they are there.
    fn skims(&self, group: Role) -> bool {
        group == Role::Acceptor && self.stage == Stage::Leading
    }

    fn held(&self) -> &[u8] {
        self.window.memory()
    }

    fn status(&self, now: Nanos, status: &mut ProcessStatus) {
        let leads = self.stage == Stage::Leading;
        let own = if self.stage == Stage::Following { self.highest } else { self.ballot };
        status.ballot = own.into();
        status.heard = self.heard(now).into();
        status.mark(state::LEADING, self.leads());
        status.mark(state::PREPARING, self.stage == Stage::Preparing || leads && !self.announced);
        status.mark(state::READY, self.ready());
        status.mark(state::UNFIT, self.unfit);
        self.digest.tell(status);
        status.known_until = self.window.known().max(self.applied).into();
        if leads {
            let in_flight = self.sent_until.saturating_sub(self.window.frontier());
            status.in_flight = u32::try_from(in_flight).unwrap_or(u32::MAX).into();
            status.credit = u32::try_from(self.flow.open()).unwrap_or(u32::MAX).into();
        }
    }

    fn receive_space(&mut self, space: u32, drops: u32) {
        (self.space, self.drops) = (space, drops);
        self.flow.own_space(space);
        self.catch_up.space(space, self.setup.layout.packet);
        self.reader.receive_space(space, drops);
    }

    fn decided_until(&self) -> u64 {
        Proposer::decided_until(self)
    }
}

#[cfg(test)]
mod tests;
