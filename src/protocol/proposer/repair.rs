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

    /// Somebody misses decided instances. The last ones come from here, all others that acceptors have from one
    /// of them: everybody waits for the leader, and who is far behind asks for much.
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
        let asker = (packet.sender.role, packet.sender.id);
        let Some(first) = RangeRecord::all(ranges).next().map(|range| range.first) else { return };
        let stored_until = if self.keeps(now, asker, first) { 0 } else { self.stored_until(now, packet) };
        let mut elsewhere = RangeSet::default();
        for range in RangeRecord::all(ranges) {
            for instance in range.first
                ..range.until.min(decided_until).min(range.first.saturating_add(crate::limits::CATCH_UP_MAX))
            {
                let near = decided_until - instance < NEARLY;
                let held = self.window.decided(instance).filter(|_| near || instance >= stored_until);
                let Some((ballot, bytes)) = held else {
                    if elsewhere.accepts(instance) {
                        elsewhere.insert(instance);
                    }
                    continue;
                };
                // What a learner misses others may miss as well: all of them listen to their group. Who is
                // far behind is served alone.
                let shared = packet.sender.role == Role::Learner && near;
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
        if let Some(missing) = elsewhere.ranges().first() {
            self.hand_on(asker, first);
            self.delegate(now, (from, packet), (missing.first, &elsewhere), out);
        }
    }

    /// Whether what this process asks for, from this instance on, was handed on in vain before.
    fn keeps(&mut self, now: Nanos, asker: (Role, u16), first: u64) -> bool {
        let Some(handed) = self.handed.iter_mut().find(|handed| handed.asker == asker) else { return false };
        if handed.first != first {
            handed.times = 0;
        } else if handed.times >= HANDED_TIMES {
            handed.kept_until = now + KEPT;
        }
        now < handed.kept_until
    }

    /// Remembers that a request was handed on.
    fn hand_on(&mut self, asker: (Role, u16), first: u64) {
        if let Some(handed) = self.handed.iter_mut().find(|handed| handed.asker == asker) {
            (handed.first, handed.times) = (first, handed.times + 1);
            return;
        }
        if self.handed.is_full() {
            self.handed.remove(0); // the oldest: it has moved on, or comes again
        }
        let _ = self.handed.push(Handed { asker, first, times: 1, kept_until: 0 });
    }

    /// Acceptors that can be asked for what the sender of this packet lacks, another one first each time.
    fn helpers(&self, now: Nanos, packet: &Packet<'_>) -> impl Iterator<Item = Seen> {
        let asker = packet.sender;
        let own = (asker.role == Role::Acceptor).then(|| self.acceptors.index(asker.id)).flatten();
        let count = self.acceptors.len();
        (0..count)
            .map(move |at| (at + self.fetch_turn) % count)
            .filter(move |at| Some(*at) != own)
            .filter_map(|at| self.seen[at])
            .filter(move |seen| now.saturating_sub(seen.heard) < self.setup.suspect * 2)
    }

    /// So many of them as are a majority have all instances below: one that died a moment ago is missed by nobody.
    fn stored_until(&self, now: Nanos, packet: &Packet<'_>) -> u64 {
        let mut complete: heapless::Vec<u64, ACCEPTORS_MAX> =
            self.helpers(now, packet).map(|seen| seen.complete_until).collect();
        complete.sort_unstable_by(|a, b| b.cmp(a));
        complete.get(self.acceptors.majority() - 1).copied().unwrap_or(0)
    }

    /// Hands a request for older instances to an acceptor, another one each time.
    pub(super) fn delegate(
        &mut self,
        now: Nanos,
        (from, packet): (SocketAddrV4, &Packet<'_>),
        (first, ranges): (u64, &RangeSet),
        out: &mut Outbox,
    ) {
        let asker = (packet.sender.role, packet.sender.id);
        let sure = self.helpers(now, packet).find(|seen| seen.complete_until > first);
        // With holes of its own further down, an acceptor may still hold what is asked for.
        let chosen = sure.or_else(|| self.helpers(now, packet).next());
        self.fetch_turn += 1;
        self.orphans.retain(|orphan| orphan.asker != asker || sure.is_none() && orphan.first == first);
        match self.orphans.iter_mut().find(|orphan| orphan.asker == asker) {
            Some(orphan) => orphan.again = now,
            None if sure.is_none() => {
                let _ = self.orphans.push(Orphan { asker, first, since: now, again: now });
            }
            None => {}
        }
        if let Some(seen) = chosen {
            let body = Fetch::new(Ballot::ZERO, from);
            out.send(To::Peer(seen.address), &body, &[ranges.records().as_bytes()]);
        }
    }
}
