//! Phase 1: a campaign, page by page, up to the moment when the page may be proposed.

use super::*;

impl Proposer {
    pub(super) fn campaign(&mut self, now: Nanos, out: &mut Outbox) {
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
    pub(super) fn prepare(&mut self, now: Nanos, from: u64, out: &mut Outbox) {
        self.stage = Stage::Preparing;
        self.phase1.begin(self.ballot, from);
        self.fetched_until = 0;
        self.moved = now;
        self.ask_promises(out);
        out.arm(RETRANSMIT, now + self.rto.timeout());
    }

    pub(super) fn ask_promises(&mut self, out: &mut Outbox) {
        let ballot = self.ballot.into();
        let mut everybody = false;
        for unanswered in self.phase1.unanswered(self.window.tally.lives()) {
            match unanswered {
                Some((address, from)) => {
                    out.send(To::Peer(address), &Phase1a { ballot, from: from.into() }, &[])
                }
                None => everybody = true,
            }
        }
        if everybody {
            let from = self.phase1.from().into();
            out.send(To::Group(Role::Acceptor), &Phase1a { ballot, from }, &[]);
        }
    }

    /// Whether a majority has promised, and told all of the page.
    pub(super) fn promised(&self) -> bool {
        self.phase1.quorum(self.window.tally.lives())
    }

    /// Whether it is time to learn what the acceptors know decided: when a majority has promised, or could if
    /// one that is blind counted. It does for what lies behind all that it may have forgotten.
    pub(super) fn may_learn(&self) -> bool {
        self.promised() || self.phase1.blinded()
    }

    /// Goes on with phase 1 as far as what has come allows.
    pub(super) fn prepared(&mut self, now: Nanos, out: &mut Outbox) {
        if !self.may_learn() {
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
        if !self.promised() {
            return;
        }
        if complete < self.window.history() {
            // Between the two lie decided instances that no acceptor of the quorum knows decided, and that we
            // do not hold any more. Running them once more gives the same values, and lets everybody know.
            self.window.rewind(complete);
            self.prepare(now, complete, out);
            return;
        }
        let missing = self.unresolved();
        if missing.is_empty() {
            self.lead(now, out);
        } else if missing[0].first >= self.fetched_until {
            self.fetch_accepted(&missing, out);
        }
    }

    /// Instances of the page whose batch must be proposed again and is not at hand.
    pub(super) fn unresolved(&self) -> heapless::Vec<Range, RANGES_MAX> {
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
    pub(super) fn fetch_accepted(&mut self, missing: &[Range], out: &mut Outbox) {
        self.fetch_turn += 1;
        let wanted = || missing.iter().flat_map(|range| range.first..range.until).take(RANGES_MAX);
        self.fetched_until = wanted().last().map_or(0, |last| last + 1);
        for at in 0..self.acceptors.len() {
            let mut from_this = RangeSet::default();
            let mut address = None;
            for instance in wanted() {
                if let Some((holder, to)) = self.phase1.holder(instance, self.fetch_turn)
                    && holder == at
                {
                    address = Some(to);
                    from_this.insert(instance);
                }
            }
            if let Some(address) = address {
                let body = Fetch::new(self.ballot, self.setup.address);
                out.send(To::Peer(address), &body, &[from_this.records().as_bytes()]);
            }
        }
    }

    /// The page is known: proposes again what was accepted, no-ops where nothing was [Lamport01 §3].
    pub(super) fn lead(&mut self, now: Nanos, out: &mut Outbox) {
        let frontier = self.window.frontier();
        let end = self.phase1.end();
        for instance in frontier..end {
            let found = !self.phase1.best(instance).is_zero() || self.window.decided(instance).is_some();
            if !found && instance < self.applied {
                // A majority has forgotten what it decided. To decide it anew would make two orders.
                out.stop(Stop::Conflict { instance });
                return;
            }
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
        self.waiting_since = None;
        self.heard_until.fill(0);
        self.flow.begin(frontier);
        out.disarm(RETRANSMIT);
    }
}
