//! Catching up, and helping others to.

use super::*;

impl Proposer {
    pub(super) fn catch_up_turn(&mut self, now: Nanos, out: &mut Outbox) {
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
                let source =
                    self.phase1.complete_until().filter(|(complete, _)| quorum && *complete > frontier);
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
    pub(super) fn repair(
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
            for instance in
                range.first..range.until.min(decided_until).min(range.first.saturating_add(crate::limits::CATCH_UP_MAX))
            {
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
    pub(super) fn delegate(
        &mut self,
        now: Nanos,
        (from, packet): (SocketAddrV4, &Packet<'_>),
        (first, ranges): (u64, &RangeSet),
        out: &mut Outbox,
    ) {
        let count = self.acceptors.len();
        let asker =
            (packet.sender.role == Role::Acceptor).then(|| self.acceptors.index(packet.sender.id)).flatten();
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
}
