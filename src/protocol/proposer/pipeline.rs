//! Phase 2: batches, the pipeline, retransmission.

use super::*;

impl Proposer {
    /// Appends a client's entry to the batch that is being filled. `false` when the pipeline is full.
    pub(super) fn log(
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

    pub(super) fn send_2a(&mut self, now: Nanos, instance: u64, out: &mut Outbox) -> usize {
        let decided_until = self.decided_until();
        self.told = (decided_until, 0);
        self.window.mark_sent(instance, now);
        let bytes = self.window.bytes(instance).expect("what is proposed is held");
        let length = HEADER_LEN + size_of::<Phase2a>() + bytes.len();
        out.send(
            To::Group(Role::Acceptor),
            &Phase2a::new(instance, decided_until, self.ballot.round()),
            &[bytes],
        );
        length
    }

    pub(super) fn leading(&mut self, now: Nanos, out: &mut Outbox) {
        let frontier = self.window.frontier();
        if frontier > self.proposed {
            // More was known decided than phase 1 told of.
            (self.proposed, self.sent_until, self.open) = (frontier, frontier, false);
            self.flow.begin(frontier);
        }
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

    pub(super) fn send_new(&mut self, now: Nanos, out: &mut Outbox) {
        if self.sent_until == self.proposed {
            self.unblock(out);
            return;
        }
        if self.sent_until > self.window.frontier() && self.window.tally.crowded(self.ballot) {
            return; // until votes come, which those do that ask for what was missed
        }
        let mut credit = self.flow.credit(now, out);
        while self.sent_until < self.proposed {
            let length =
                self.window.bytes(self.sent_until).map_or(0, <[u8]>::len) + HEADER_LEN + size_of::<Phase2a>();
            if cost(length) > credit {
                if !core::mem::replace(&mut self.blocked, true) {
                    out.arm(FLOW, now + Flow::AGAIN);
                }
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
        self.unblock(out);
    }

    /// Nobody's reading holds us back.
    fn unblock(&mut self, out: &mut Outbox) {
        if core::mem::take(&mut self.blocked) {
            out.disarm(FLOW);
        }
    }

    /// Sends again at once what an acceptor must have missed: it voted for a later instance, not for this
    /// one.
    pub(super) fn send_missed(&mut self, now: Nanos, out: &mut Outbox) {
        let frontier = self.window.frontier();
        let top = self.window.tally.top(self.ballot).min(self.sent_until).min(frontier + MISSED_SCAN);
        let patience = self.rto.round_trip() * 3 / 2;
        for instance in frontier..top {
            // Who does not take it however often it is sent, for want of space, is asked ever more rarely.
            let late = self.window.sent(instance).is_some_and(|(at, sends)| {
                let doublings = sends.saturating_sub(1).min(8);
                now.saturating_sub(at) > (patience << doublings).min(MISSED_MAX.max(patience))
            });
            if late
                && self.window.tally.missed(self.ballot, instance)
                && self.window.tally.count(self.ballot, instance) < self.acceptors.majority()
            {
                out.repeats += 1;
                self.send_2a(now, instance, out);
            }
        }
    }

    pub(super) fn set_timers(&mut self, now: Nanos, out: &mut Outbox) {
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

    pub(super) fn retransmit(&mut self, now: Nanos, out: &mut Outbox) {
        match self.stage {
            Stage::Following => {}
            Stage::Preparing => {
                self.rto.expired();
                if !self.promised() {
                    self.ask_promises(out);
                } else if now.saturating_sub(self.moved) > STALE {
                    // Who told of it may have died since: ask everybody again.
                    self.prepare(now, self.window.frontier(), out);
                    return;
                } else {
                    self.fetched_until = 0;
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
                        out.repeats += 1;
                        self.send_2a(now, instance, out);
                    }
                }
                if left == RESEND {
                    self.watermark(To::Group(Role::Acceptor), flags::ASK, out);
                }
            }
        }
    }
}
