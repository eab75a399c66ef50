//! The proposer: follows the log as a learner does, and leads when it should.
//!
//! As leader it runs phase 1 once per ballot, page by page; learns all that is decided; proposes again what must be; and only
//! then proposes what clients submit. It gives way as soon as an *acceptor*, or another leader's decision, shows a higher ballot:
//! so it never announces a decision of a ballot higher than its own, which [`super::window`] relies on.

use super::catch_up::{CatchUp, Step};
use super::election::Election;
use super::flow::{Flow, Reader, cost};
use super::identity::Identity;
use super::intake::{Intake, Submitted};
use super::outbox::{Notice, Outbox, Stop, To};
use super::phase1::Phase1;
use super::quorum::Acceptors;
use super::random::Random;
use super::ranges::{RangeSet, append, records};
use super::rto::Rto;
use super::sessions::{Sessions, Verdict};
use super::window::Window;
use super::{Nanos, Process, Setup};
use crate::limits::{
    ACCEPTORS_MAX, MS, NAGLE_INSTANCES, PIPELINE, PROPOSER_AHEAD, PROPOSER_WINDOW, REPAIR_BURST,
};
use core::net::SocketAddrV4;
use wire::{
    Ack, Ballot, Body, EntryHeader, Fetch, HEADER_LEN, Heartbeat, Hello, Packet, Phase1a, Phase2a, RANGES_MAX, Range,
    RangeRecord, Role, Value, Watermark, batch_room, entry_room, flags,
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
/// Instances sent again when a timeout passes in vain.
const RESEND: usize = 32;
/// How far a retransmission looks beyond the frontier for instances that acceptors missed.
const MISSED_SCAN: u64 = 256;
/// A proposer that lags by no more knows "all" that is decided: the rest is on its way.
const NEARLY: u64 = 256;
/// When the watermark is told again while nothing else carries it.
const IDLE_DELAYS: [Nanos; 3] = [MS, 10 * MS, 100 * MS];
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

pub struct Proposer {
    setup: Setup,
    identity: Identity,
    acceptors: Acceptors,
    window: Window,
    sessions: Sessions,
    /// Instances below were applied to `sessions`, once each.
    applied: u64,
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
    unfit: bool,
    unfit_until: Nanos,
    unfit_times: u32,
    /// When there was last progress, or nothing to do.
    progress: Nanos,
    /// The frontier when the retransmission timer was set.
    timer_frontier: Option<u64>,
    fetch_turn: usize,
    fetched: Option<u64>,
    /// The watermark that was told last, and how often since then.
    told: (u64, usize),
    idle_set: bool,
    repairs: u64,
    explained: Nanos,
    /// Since when decided instances are asked for that nobody at hand holds.
    orphaned: Option<Nanos>,
    space: u32,
}

impl Proposer {
    pub fn new(setup: Setup) -> Proposer {
        let acceptors = Acceptors::new(&setup.acceptors);
        let room = batch_room(setup.layout.packet);
        Proposer {
            identity: Identity::new(&setup),
            window: Window::new(&acceptors, PROPOSER_WINDOW, PROPOSER_AHEAD, room),
            sessions: Sessions::default(),
            applied: 0,
            election: Election::new(setup.me.id, setup.suspect),
            phase1: Phase1::new(&acceptors),
            flow: Flow::new(PROPOSER_AHEAD, setup.suspect),
            intake: Intake::new(entry_room(setup.layout.packet)),
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
            unfit: false,
            unfit_until: 0,
            unfit_times: 0,
            progress: 0,
            timer_frontier: None,
            fetch_turn: 0,
            fetched: None,
            told: (0, 0),
            idle_set: false,
            repairs: 0,
            explained: 0,
            orphaned: None,
            space: 0,
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

    // ------------------------------------------------------------------ following and giving way

    /// An acceptor or another leader showed this ballot: if it is higher than ours, ours is over.
    fn outranked(&mut self, now: Nanos, by: Ballot, out: &mut Outbox) {
        self.highest = self.highest.max(by);
        if self.stage != Stage::Following && by > self.ballot {
            out.notice(Notice::Deposed { own: self.ballot, by });
            self.follow(now, out);
        }
    }

    fn follow(&mut self, now: Nanos, out: &mut Outbox) {
        self.stage = Stage::Following;
        (self.open, self.announced, self.timer_frontier) = (false, false, None);
        self.intake.clear();
        self.progress = now;
        // Two that depose each other again and again give each other more time each time.
        self.deposed = if now < self.deposed_at + self.setup.suspect { (self.deposed + 1).min(6) } else { 0 };
        self.deposed_at = now;
        self.campaign_at = now + (self.random.between(5 * MS, 30 * MS) << self.deposed);
        out.disarm(RETRANSMIT);
        out.disarm(FLOW);
        out.arm(CAMPAIGN, self.campaign_at);
    }

    /// A packet of another proposer that leads `ballot`.
    fn led(&mut self, ballot: Ballot, from: SocketAddrV4, out: &mut Outbox) {
        self.reader.heard(ballot, from);
        if ballot > self.followed && self.stage == Stage::Following {
            self.followed = ballot;
            out.notice(Notice::Following { ballot });
        }
    }

    fn heartbeat(&self, to: To, ask: u8, out: &mut Outbox) {
        let mut flags = ask;
        flags |= if self.stage == Stage::Leading { flags::LEADING } else { 0 };
        flags |= if self.unfit { flags::UNFIT } else { 0 };
        flags |= if self.ready() { flags::READY } else { 0 };
        let body = Heartbeat { ballot: self.highest.into(), decided_until: self.decided_until().into() };
        out.send_flagged(to, flags, &body, &[]);
    }

    fn watermark(&mut self, to: To, flags: u8, out: &mut Outbox) {
        let decided_until = self.decided_until();
        let body = Watermark {
            ballot: self.ballot.into(),
            decided_until: decided_until.into(),
            proposed_until: self.sent_until.max(decided_until).into(),
        };
        out.send_flagged(to, flags, &body, &[]);
    }

    /// Bit i: the i-th acceptor was heard lately.
    fn heard(&self, now: Nanos) -> u16 {
        let lately = |seen: &&Seen| now.saturating_sub(seen.heard) < self.setup.suspect;
        (0..ACCEPTORS_MAX).filter(|at| self.seen[*at].as_ref().filter(lately).is_some()).fold(0, |bits, at| bits | 1 << at)
    }

    fn announce(&self, now: Nanos, leading: u8, out: &mut Outbox) {
        let body = Ack { ballot: self.ballot.into(), heard: self.heard(now).into(), reserved: 0.into() };
        out.send_flagged(To::Group(Role::Client), leading, &body, &[]);
    }

    // ------------------------------------------------------------------ phase 1

    fn campaign(&mut self, now: Nanos, out: &mut Outbox) {
        let round = self.highest.round() + 1;
        if round > Ballot::ROUND_MAX {
            return;
        }
        self.ballot = Ballot::new(round, self.setup.me.id, self.setup.me.incarnation);
        self.highest = self.ballot;
        self.stage = Stage::Preparing;
        self.announced = false;
        self.progress = now;
        self.recover_until = 0;
        out.notice(Notice::Campaign { ballot: self.ballot });
        self.heartbeat(To::Group(Role::Proposer), 0, out);
        self.prepare(now, self.window.frontier(), out);
    }

    /// Reads a page of phase 1, from this instance on.
    fn prepare(&mut self, now: Nanos, from: u64, out: &mut Outbox) {
        self.stage = Stage::Preparing;
        self.phase1.begin(self.ballot, from);
        self.fetched = None;
        self.ask_promises(out);
        out.arm(RETRANSMIT, now + self.rto.timeout());
    }

    fn ask_promises(&mut self, out: &mut Outbox) {
        let ballot = self.ballot.into();
        let mut everybody = false;
        for unanswered in self.phase1.unanswered(self.acceptors.len()) {
            match unanswered {
                Some((address, from)) => out.send(To::Peer(address), &Phase1a { ballot, from: from.into() }, &[]),
                None => everybody = true,
            }
        }
        if everybody {
            let from = self.phase1.from().into();
            out.send(To::Group(Role::Acceptor), &Phase1a { ballot, from }, &[]);
        }
    }

    /// Goes on with phase 1 as far as what has come allows.
    fn prepared(&mut self, now: Nanos, out: &mut Outbox) {
        if !self.phase1.quorum() {
            return;
        }
        let frontier = self.window.frontier();
        let Some((complete, _)) = self.phase1.complete_until() else { return };
        self.window.heard(complete);
        if complete > frontier {
            return; // learn first; see `catch_up_turn`
        }
        if frontier > self.phase1.from() {
            self.prepare(now, frontier, out);
            return;
        }
        if complete < self.window.history() {
            // Between the two lie decided instances that no acceptor of the quorum knows decided, and that we do not hold
            // any more. Running them once more gives the same values, and lets everybody know.
            self.window.rewind(complete);
            self.prepare(now, complete, out);
            return;
        }
        let missing = self.unresolved();
        if missing.is_empty() {
            self.lead(now, out);
        } else if self.fetched != Some(frontier) {
            self.fetched = Some(frontier);
            self.fetch_accepted(&missing, out);
        }
    }

    /// Instances of the page whose batch must be proposed again and is not at hand.
    fn unresolved(&self) -> heapless::Vec<Range, RANGES_MAX> {
        let mut ranges: heapless::Vec<Range, RANGES_MAX> = heapless::Vec::new();
        for instance in self.window.frontier()..self.phase1.end() {
            let best = self.phase1.best(instance);
            let known = self.window.held(instance) == Some(best) || self.window.decided(instance).is_some();
            if best.is_zero() || known {
                continue;
            }
            if !append(&mut ranges, instance) {
                break;
            }
        }
        ranges
    }

    /// Asks the acceptors that told of them for the batches of these instances.
    fn fetch_accepted(&mut self, missing: &[Range], out: &mut Outbox) {
        self.fetch_turn += 1;
        for at in 0..self.acceptors.len() {
            let mut wanted = RangeSet::default();
            let mut address = None;
            for instance in missing.iter().flat_map(|range| range.first..range.until).take(RANGES_MAX) {
                if let Some((holder, to)) = self.phase1.holder(instance, self.fetch_turn)
                    && holder == at
                {
                    address = Some(to);
                    wanted.insert(instance);
                }
            }
            if let Some(address) = address {
                let body = Fetch::new(self.ballot, self.setup.address);
                out.send(To::Peer(address), &body, &[wanted.records().as_bytes()]);
            }
        }
    }

    /// The page is known: proposes again what was accepted, no-ops where nothing was [Lamport01 §3].
    fn lead(&mut self, now: Nanos, out: &mut Outbox) {
        let frontier = self.window.frontier();
        let end = self.phase1.end();
        for instance in frontier..end {
            let found = !self.phase1.best(instance).is_zero() || self.window.decided(instance).is_some();
            if found {
                self.window.repropose(instance, self.ballot);
            } else {
                self.window.open(instance, self.ballot);
            }
        }
        if self.recover_until == 0 {
            out.notice(Notice::Leading { ballot: self.ballot, from: frontier });
        }
        (self.proposed, self.sent_until, self.open) = (end.max(frontier), frontier, false);
        self.recover_until = self.phase1.top().max(frontier);
        self.measured_until = frontier;
        self.stage = Stage::Leading;
        self.progress = now;
        self.timer_frontier = None;
        self.flow.begin(frontier);
        out.disarm(RETRANSMIT);
    }

    // ------------------------------------------------------------------ phase 2

    /// Appends a client's entry to the batch that is being filled. `false` when the pipeline is full.
    fn log(
        (window, proposed, open): (&mut Window, &mut u64, &mut bool),
        ballot: Ballot,
        entry: Submitted<'_>,
    ) -> bool {
        let header = EntryHeader::new(entry.client, entry.incarnation, entry.number, entry.piece.len());
        for _ in 0..2 {
            if !*open {
                if *proposed - window.frontier() >= PIPELINE {
                    return false;
                }
                window.open(*proposed, ballot);
                *open = true;
            }
            if window.append(*proposed, [header.as_bytes(), entry.piece]) {
                return true;
            }
            (*proposed, *open) = (*proposed + 1, false);
        }
        unreachable!("an entry of a packet fits an empty batch");
    }

    fn send_2a(&mut self, now: Nanos, instance: u64, out: &mut Outbox) -> usize {
        let decided_until = self.decided_until();
        self.told = (decided_until, 0);
        self.window.mark_sent(instance, now);
        let bytes = self.window.bytes(instance).expect("what is proposed is held");
        let length = HEADER_LEN + size_of::<Phase2a>() + bytes.len();
        out.send(To::Group(Role::Acceptor), &Phase2a::new(instance, decided_until, self.ballot.round()), &[bytes]);
        length
    }

    fn leading(&mut self, now: Nanos, out: &mut Outbox) {
        let frontier = self.window.frontier();
        if frontier >= self.proposed && self.recover_until > frontier {
            self.prepare(now, frontier, out); // the next page
            return;
        }
        if frontier >= self.recover_until && !core::mem::replace(&mut self.announced, true) {
            self.announce(now, flags::LEADING, out);
            self.watermark(To::Group(Role::Acceptor), 0, out);
        }
        let slots = (&mut self.window, &mut self.proposed, &mut self.open);
        let ballot = self.ballot;
        self.intake.drain_all({
            let (window, proposed, open) = slots;
            move |entry| Proposer::log((&mut *window, &mut *proposed, &mut *open), ballot, entry)
        });
        if self.open && self.proposed - frontier < NAGLE_INSTANCES {
            (self.proposed, self.open) = (self.proposed + 1, false);
        }
        self.send_missed(now, out);
        self.send_new(now, out);
        let heard = self.heard(now);
        let free = PIPELINE.saturating_sub(self.proposed - frontier);
        let limits = (self.space, free, self.setup.layout.packet);
        self.intake.acknowledge(now, &self.sessions, (self.ballot, heard), limits, out);
        self.set_timers(now, out);
    }

    fn send_new(&mut self, now: Nanos, out: &mut Outbox) {
        if self.sent_until == self.proposed {
            out.disarm(FLOW);
            return;
        }
        let mut credit = self.flow.credit(now, out);
        while self.sent_until < self.proposed {
            let length = self.window.bytes(self.sent_until).map_or(0, <[u8]>::len) + HEADER_LEN + size_of::<Phase2a>();
            if cost(length) > credit {
                out.arm(FLOW, now + Flow::AGAIN);
                return;
            }
            if out.room() < 256 {
                out.again();
                return;
            }
            credit -= cost(length);
            self.send_2a(now, self.sent_until, out);
            self.flow.sent(self.sent_until, length);
            self.sent_until += 1;
        }
        out.disarm(FLOW);
    }

    /// Sends again at once what an acceptor must have missed: it voted for a later instance, not for this one.
    fn send_missed(&mut self, now: Nanos, out: &mut Outbox) {
        let frontier = self.window.frontier();
        let top = self.window.tally.top(self.ballot).min(self.sent_until).min(frontier + MISSED_SCAN);
        let patience = self.rto.round_trip() * 3 / 2;
        for instance in frontier..top {
            let late = self.window.sent(instance).is_some_and(|(at, _)| now.saturating_sub(at) > patience);
            if late
                && self.window.tally.missed(self.ballot, instance)
                && self.window.tally.count(self.ballot, instance) < self.acceptors.majority()
            {
                self.send_2a(now, instance, out);
            }
        }
    }

    fn set_timers(&mut self, now: Nanos, out: &mut Outbox) {
        let frontier = self.window.frontier();
        if self.sent_until == frontier {
            self.timer_frontier = None;
            out.disarm(RETRANSMIT);
        } else if self.timer_frontier.is_none() {
            self.timer_frontier = Some(frontier);
            out.arm(RETRANSMIT, now + self.rto.timeout());
        }
        if self.told.0 < self.decided_until() {
            self.told = (self.decided_until(), 0);
            self.idle_set = false;
        }
        if !self.idle_set && self.told.1 < IDLE_DELAYS.len() && self.sent_until == frontier {
            self.idle_set = true;
            out.arm(IDLE, now + IDLE_DELAYS[self.told.1]);
        }
    }

    fn retransmit(&mut self, now: Nanos, out: &mut Outbox) {
        match self.stage {
            Stage::Following => {}
            Stage::Preparing => {
                self.rto.expired();
                if self.phase1.quorum() {
                    self.fetched = None;
                } else {
                    self.ask_promises(out);
                }
                out.arm(RETRANSMIT, now + self.rto.timeout());
            }
            Stage::Leading => {
                let frontier = self.window.frontier();
                if self.timer_frontier.take().is_some_and(|then| then < frontier) {
                    self.rto.progress();
                    return; // set again by the turn
                }
                self.rto.expired();
                let majority = self.acceptors.majority();
                let mut left = RESEND;
                for instance in frontier..self.sent_until.min(frontier + MISSED_SCAN) {
                    if left > 0 && self.window.tally.count(self.ballot, instance) < majority {
                        left -= 1;
                        self.send_2a(now, instance, out);
                    }
                }
                if left == RESEND {
                    self.watermark(To::Group(Role::Acceptor), flags::ASK, out);
                }
            }
        }
    }

    // ------------------------------------------------------------------ catching up, and helping others to

    fn catch_up_turn(&mut self, now: Nanos, out: &mut Outbox) {
        let (frontier, known) = (self.window.frontier(), self.window.known());
        let quorum = self.stage == Stage::Preparing && self.phase1.quorum();
        if self.stage == Stage::Leading || self.stage == Stage::Preparing && !quorum {
            out.disarm(CATCH_UP);
            return;
        }
        match self.catch_up.step(now, frontier, known, out) {
            Step::Nothing => out.disarm(CATCH_UP),
            Step::Wait(until) => out.arm(CATCH_UP, until),
            Step::Ask { until } => {
                let missing = records(&self.window.missing::<RANGES_MAX>(until));
                let source = self.phase1.complete_until().filter(|(complete, _)| quorum && *complete > frontier);
                if missing.is_empty() {
                    // Everything is held and waits for votes or a watermark.
                } else if let Some((_, acceptor)) = source {
                    let body = Fetch::new(Ballot::ZERO, self.setup.address);
                    out.send(To::Peer(acceptor), &body, &[missing.as_bytes()]);
                } else {
                    let body = wire::CatchUp { have_until: frontier.into() };
                    out.send(To::Group(Role::Proposer), &body, &[missing.as_bytes()]);
                }
                if let Some(deadline) = self.catch_up.deadline() {
                    out.arm(CATCH_UP, deadline);
                }
            }
        }
    }

    /// Somebody misses decided instances. Recent ones come from here, older ones from an acceptor.
    fn repair(
        &mut self,
        now: Nanos,
        from: SocketAddrV4,
        packet: &Packet<'_>,
        ranges: &[RangeRecord],
        out: &mut Outbox,
    ) {
        if self.stage != Stage::Leading {
            return;
        }
        let decided_until = self.decided_until();
        let mut elsewhere = RangeSet::default();
        for range in RangeRecord::all(ranges) {
            for instance in range.first..range.until.min(decided_until).min(range.first + crate::limits::CATCH_UP_MAX) {
                let Some((ballot, bytes)) = self.window.decided(instance) else {
                    if elsewhere.accepts(instance) {
                        elsewhere.insert(instance);
                    }
                    continue;
                };
                // What a learner misses others may miss as well: all of them listen to their group. Who is far behind
                // is served alone.
                let shared = packet.sender.role == Role::Learner && decided_until - instance < NEARLY;
                let recently = self.window.sent(instance).is_some_and(|(at, _)| now.saturating_sub(at) < MS);
                if self.repairs >= REPAIR_BURST || out.room() < 128 || shared && recently {
                    continue;
                }
                let body = Value { instance: instance.into(), ballot: ballot.into() };
                let to = if shared { To::Group(Role::Learner) } else { To::Peer(from) };
                out.send_flagged(to, flags::DECIDED, &body, &[bytes]);
                self.repairs += 1;
                self.window.mark_sent(instance, now);
            }
        }
        if let Some(first) = elsewhere.ranges().first() {
            self.delegate(now, (from, packet), (first.first, &elsewhere), out);
        }
    }

    /// Hands a request for older instances to an acceptor, another one each time.
    fn delegate(
        &mut self,
        now: Nanos,
        (from, packet): (SocketAddrV4, &Packet<'_>),
        (first, ranges): (u64, &RangeSet),
        out: &mut Outbox,
    ) {
        let count = self.acceptors.len();
        let asker = (packet.sender.role == Role::Acceptor).then(|| self.acceptors.index(packet.sender.id)).flatten();
        let fit = |at: &usize| {
            let seen = self.seen[*at].filter(|seen| now.saturating_sub(seen.heard) < self.setup.suspect * 2);
            Some(*at) != asker && seen.is_some_and(|seen| seen.complete_until > first)
        };
        let chosen = (0..count).map(|at| (at + self.fetch_turn) % count).find(fit);
        self.fetch_turn += 1;
        match chosen.and_then(|at| self.seen[at]) {
            Some(seen) => {
                self.orphaned = None;
                let body = Fetch::new(Ballot::ZERO, from);
                out.send(To::Peer(seen.address), &body, &[ranges.records().as_bytes()]);
            }
            None => {
                // Decided, but nobody at hand knows it and holds it. If that lasts, a new ballot finds it again.
                self.orphaned.get_or_insert(now);
            }
        }
    }

    // ------------------------------------------------------------------ fitness

    fn judge_self(&mut self, now: Nanos, out: &mut Outbox) {
        let work = match self.stage {
            Stage::Following => false,
            Stage::Preparing => true,
            Stage::Leading => self.sent_until > self.window.frontier(),
        };
        if !work {
            self.progress = now;
        }
        if !self.unfit && now.saturating_sub(self.progress) >= self.setup.suspect {
            self.unfit = true;
            self.unfit_until = now + (self.setup.suspect << self.unfit_times.min(4));
            self.unfit_times += 1;
            out.notice(Notice::Unfit);
            self.heartbeat(To::Group(Role::Proposer), 0, out);
        }
        if self.unfit {
            if self.stage == Stage::Following {
                out.send_flagged(To::Group(Role::Acceptor), flags::ASK, &Hello { answered: 0.into() }, &[]);
            }
            let hears = self.heard(now).count_ones() as usize >= self.acceptors.majority();
            if now >= self.unfit_until && hears && self.stage == Stage::Following {
                self.fit(out);
            }
        }
        if self.stage != Stage::Following && !self.leads() && !self.should_lead() {
            self.follow(now, out);
        }
        if self.stage == Stage::Leading && self.unfit && !self.should_lead() {
            self.follow(now, out);
        }
        if self.orphaned.is_some_and(|since| now.saturating_sub(since) >= self.setup.suspect) && self.leads() {
            self.orphaned = None;
            self.follow(now, out);
        }
    }

    fn fit(&mut self, out: &mut Outbox) {
        if core::mem::take(&mut self.unfit) {
            out.notice(Notice::Fit);
            self.heartbeat(To::Group(Role::Proposer), 0, out);
        }
    }

    fn apply_decided(&mut self, now: Nanos, out: &mut Outbox) {
        let before = self.window.frontier();
        while let Some(instance) = self.window.advance() {
            assert!(
                self.stage != Stage::Leading || self.window.held(instance) <= Some(self.ballot),
                "a leader never learns a decision of a ballot higher than its own"
            );
            if instance != self.applied {
                continue; // run once more after a rewind
            }
            self.applied += 1;
            let (_, batch) = self.window.get(instance).expect("what was decided is held");
            for entry in batch.entries() {
                let verdict = self.sessions.apply(&entry);
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
        self.progress = now;
        if self.stage == Stage::Leading {
            self.unfit_times = 0;
            self.fit(out);
            self.rto.progress();
        }
    }

    fn voted(&mut self, now: Nanos, from: SocketAddrV4, packet: &Packet<'_>, out: &mut Outbox) {
        let Body::Phase2b(body, ranges) = packet.body else { return };
        let Some(acceptor) = self.acceptors.index(packet.sender.id) else { return };
        let (ballot, complete_until) = (body.ballot.get(), body.complete_until.get());
        self.seen[acceptor] = Some(Seen { heard: now, address: from, complete_until });
        self.outranked(now, ballot, out);
        let stamp = (packet.sender.incarnation, packet.header.sequence());
        self.window.tally.vote(acceptor, stamp, ballot, RangeRecord::all(ranges));
        self.window.watermark(ballot, body.decided_until.get());
        self.window.heard(complete_until);
        if self.stage == Stage::Leading && ballot == self.ballot {
            self.flow.heard(now, packet.sender, &body.room, out);
            self.measure(now);
        }
    }

    /// The newest vote tells how long a round trip takes, if its instance was sent once: it has waited for nothing else.
    fn measure(&mut self, now: Nanos) {
        let top = self.window.tally.top(self.ballot);
        if top > self.measured_until {
            self.measured_until = top;
            if let Some((sent, 1)) = self.window.sent(top - 1) {
                self.rto.measured(now.saturating_sub(sent));
            }
        }
    }

    fn submitted(&mut self, now: Nanos, packet: &Packet<'_>, out: &mut Outbox) {
        let Body::Submit(body, piece) = packet.body else { return };
        if !self.leads() {
            if self.should_lead() && now >= self.explained {
                self.explained = now + EXPLAIN;
                self.announce(now, 0, out);
            }
            return;
        }
        let entry = Submitted {
            client: packet.sender.id,
            incarnation: packet.sender.incarnation,
            number: body.number.get(),
            piece,
        };
        let (window, proposed, open) = (&mut self.window, &mut self.proposed, &mut self.open);
        let ballot = self.ballot;
        let log = |entry: Submitted<'_>| Proposer::log((&mut *window, &mut *proposed, &mut *open), ballot, entry);
        self.intake.submit(now, entry, &self.sessions, log);
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
        if !self.identity.admit(now, from, packet, out) {
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
            Body::Submit(..) => self.submitted(now, packet, out),
            Body::Phase2b(..) => self.voted(now, from, packet, out),
            Body::Phase2a(body, batch) => {
                let (ballot, instance) = (body.ballot(packet.sender), body.instance.get());
                self.outranked(now, ballot, out);
                self.led(ballot, from, out);
                self.reader.read(ballot, instance, packet.header.length.get().into());
                self.window.watermark(ballot, body.decided_until.get());
                self.window.put(instance, ballot, batch);
            }
            Body::Watermark(body) => {
                let ballot = body.ballot.get();
                self.outranked(now, ballot, out);
                self.led(ballot, from, out);
                self.window.watermark(ballot, body.decided_until.get());
                if packet.has(flags::ASK) {
                    self.reader.asked();
                }
            }
            Body::Heartbeat(body) => {
                self.highest = self.highest.max(body.ballot.get());
                self.window.heard(body.decided_until.get());
                self.election.heartbeat(now, packet, out);
                if packet.has(flags::ASK) {
                    self.heartbeat(To::Peer(from), 0, out);
                }
            }
            Body::Phase1a(body) => self.highest = self.highest.max(body.ballot.get()),
            Body::Phase1b(body, runs) => {
                let Some(acceptor) = self.acceptors.index(packet.sender.id) else { return };
                let complete_until = body.complete_until.get();
                self.seen[acceptor] = Some(Seen { heard: now, address: from, complete_until });
                if self.stage == Stage::Preparing
                    && let Some(more) = self.phase1.answer(acceptor, from, body, runs)
                {
                    out.send(To::Peer(from), &Phase1a { ballot: self.ballot.into(), from: more.into() }, &[]);
                }
            }
            Body::Nack(body) if body.refused.get() == self.ballot => self.outranked(now, body.promised.get(), out),
            Body::Value(body, batch) => {
                let (instance, ballot) = (body.instance.get(), body.ballot.get());
                if packet.has(flags::DECIDED) {
                    self.outranked(now, ballot, out);
                    self.window.put_decided(instance, ballot, batch);
                } else if self.stage == Stage::Preparing
                    && (self.phase1.from()..self.phase1.end()).contains(&instance)
                    && self.phase1.best(instance) == ballot
                {
                    self.window.adopt(instance, ballot, batch);
                }
            }
            Body::CatchUp(body, ranges) => {
                let end = RangeRecord::all(ranges).last().map_or(0, |range| range.until);
                self.catch_up.overheard(now, body.have_until.get(), end);
                self.repair(now, from, packet, ranges, out);
            }
            Body::Report(body) if self.stage == Stage::Leading => {
                self.flow.heard(now, packet.sender, &body.room, out);
            }
            Body::Hello(_)
                if self.stage == Stage::Leading && packet.sender.role == Role::Learner && packet.has(flags::ASK) =>
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
                    self.watermark(To::Group(Role::Acceptor), flags::ASK, out);
                    self.announce(now, flags::LEADING, out);
                }
                self.reader.asked();
                out.arm(HEARTBEAT, now + self.setup.heartbeat);
            }
            LOOK => {
                if self.election.look(now, out) {
                    self.heartbeat(To::Group(Role::Proposer), flags::ASK, out);
                }
                self.judge_self(now, out);
                out.arm(LOOK, now + self.election.period());
            }
            RETRANSMIT => self.retransmit(now, out),
            IDLE => {
                self.idle_set = false;
                if self.leads() && self.sent_until == self.window.frontier() {
                    self.told.1 += 1;
                    self.watermark(To::Group(Role::Acceptor), 0, out);
                }
            }
            FLOW if self.stage == Stage::Leading => self.watermark(To::Group(Role::Acceptor), flags::ASK, out),
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

    fn receive_space(&mut self, space: u32, drops: u32) {
        self.space = space;
        self.catch_up.space(space, self.setup.layout.packet);
        self.reader.receive_space(space, drops);
    }
}

#[cfg(test)]
mod tests;
