//! Catching up, and helping others to.

use super::*;

impl Proposer {
    pub(super) fn catch_up_turn(&mut self, now: Nanos, out: &mut Outbox) {
        let (frontier, known) = (self.window.frontier(), self.window.known());
        let learning = self.stage == Stage::Preparing && self.may_learn();
        if self.stage == Stage::Leading || self.stage == Stage::Preparing && !learning {
            out.disarm(CATCH_UP);
            return;
        }
        match self.catch_up.step(now, frontier, known, out) {
            Step::Nothing => out.disarm(CATCH_UP),
            Step::Wait(until) => out.arm(CATCH_UP, until),
            Step::Ask { until } => {
                let missing = records(&self.window.missing::<RANGES_MAX>(until));
                let source = self.phase1.source(frontier, self.fetch_turn).filter(|_| learning);
                self.fetch_turn += 1;
                if missing.is_empty() {
                    // Everything is held and waits for votes or a watermark.
                } else if let Some(acceptor) = source {
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
            for instance in range.first
                ..range.until.min(decided_until).min(range.first.saturating_add(crate::limits::CATCH_UP_MAX))
            {
                let Some((ballot, bytes)) = self.window.decided(instance) else {
                    if elsewhere.accepts(instance) {
                        elsewhere.insert(instance);
                    }
                    continue;
                };
                // What a learner misses others may miss as well: all of them listen to their group. Who is
                // far behind is served alone.
                let shared = packet.sender.role == Role::Learner && decided_until - instance < NEARLY;
                let recently =
                    self.window.sending(instance).is_some_and(|last| now.saturating_sub(last.at) < MS);
                if self.repairs >= REPAIR_BURST || out.room() < 128 || shared && recently {
                    continue;
                }
                let sequence = out.sequence();
                let body = Value { instance: instance.into(), ballot: ballot.into() };
                let to = if shared { To::Group(Role::Learner) } else { To::Peer(from) };
                out.send_flagged(to, flags::DECIDED, &body, &[bytes]);
                self.repairs += 1;
                out.repeats += 1;
                self.window.mark_sent(instance, now, sequence);
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
        let asker = (packet.sender.role, packet.sender.id);
        let own = (asker.0 == Role::Acceptor).then(|| self.acceptors.index(asker.1)).flatten();
        let alive = |at: &usize| {
            let seen = self.seen[*at].filter(|seen| now.saturating_sub(seen.heard) < self.setup.suspect * 2);
            seen.is_some() && Some(*at) != own
        };
        let complete = |at: &usize| self.seen[*at].is_some_and(|seen| seen.complete_until > first);
        let order = (0..count).map(|at| (at + self.fetch_turn) % count).filter(alive);
        let sure = order.clone().find(complete);
        // With holes of its own further down, an acceptor may still hold what is asked for.
        let chosen = sure.or_else(|| order.clone().next());
        self.fetch_turn += 1;
        self.orphans.retain(|orphan| orphan.asker != asker || sure.is_none() && orphan.first == first);
        match self.orphans.iter_mut().find(|orphan| orphan.asker == asker) {
            Some(orphan) => orphan.again = now,
            None if sure.is_none() => {
                let _ = self.orphans.push(Orphan { asker, first, since: now, again: now });
            }
            None => {}
        }
        if let Some(seen) = chosen.and_then(|at| self.seen[at]) {
            let body = Fetch::new(Ballot::ZERO, from);
            out.send(To::Peer(seen.address), &body, &[ranges.records().as_bytes()]);
        }
    }
}
