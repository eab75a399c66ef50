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
        let again = self.window.sending(instance).is_some_and(|sending| sending.times > 0);
        self.window.mark_sent(instance, now, out.sequence());
        let (packet, at) = self.window.packet(instance).expect("what is proposed is held");
        let to = To::Group(Role::Acceptor);
        let body = Phase2a::new(instance, decided_until, self.ballot.round());
        let length = packet.len();
        if again {
            let batch = &packet[BATCH_AT..length - self.setup.layout.trailer];
            out.send(to, &body, &[batch]); // perhaps more than once in this turn
        } else {
            out.send_held(to, &body, packet, at);
        }
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
            self.announce(now, To::Group(Role::Client), flags::LEADING, out);
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
            let length = self.window.bytes(self.sent_until).map_or(0, <[u8]>::len);
            let length = self.setup.layout.batch_packet(length);
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

    /// Sends again at once what was lost on the way to an acceptor: its vote leaves the instance out, though it has
    /// heard packets that left later. Loss is told by the order of packets and not by the time that has passed, which
    /// a long queue stretches (RFC 9002 §6.1.1).
    pub(super) fn send_missed(&mut self, now: Nanos, out: &mut Outbox) {
        let mut left = RESEND;
        let frontier = self.window.frontier();
        let undecided = Range::new(frontier, self.sent_until.max(frontier));
        for acceptor in 0..self.acceptors.len() {
            let left_out = self.window.tally.left_out(acceptor, self.ballot, undecided);
            for instance in left_out.iter().flat_map(|range| range.first..range.until) {
                let sending = self.window.sending(instance).expect("what was sent is held");
                let lost = sending.sequence + LATER < self.heard_until[acceptor];
                if !lost && sending.times == 1 {
                    break; // all that comes after it was sent later
                }
                if !lost || !self.is_due(now, instance, sending) || self.chosen(instance) {
                    continue;
                }
                if left == 0 || out.room() == 0 {
                    return; // the next votes show the rest
                }
                left -= 1;
                out.repeats += 1;
                self.send_2a(now, instance, out);
            }
        }
    }

    /// Who does not take an instance however often it is sent, for want of space, is asked ever more rarely.
    fn is_due(&self, now: Nanos, instance: u64, sending: Sending) -> bool {
        let doublings = sending.times.saturating_sub(UNLUCKY).min(8);
        let wait = (self.rto.round_trip() << doublings).min(MISSED_MAX);
        let waited = now.saturating_sub(sending.at) > wait;
        sending.times < UNLUCKY || waited && instance - self.window.frontier() < INSISTED
    }

    fn chosen(&self, instance: u64) -> bool {
        self.window.tally.count(self.ballot, instance) >= self.acceptors.majority()
    }

    pub(super) fn set_timers(&mut self, now: Nanos, out: &mut Outbox) {
        let frontier = self.window.frontier();
        if self.sent_until == frontier {
            self.waiting_since = None;
            out.disarm(RETRANSMIT);
        } else if self.waiting_since.is_none() {
            self.waiting_since = Some(now);
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
                let Some(since) = self.waiting_since.map(|since| since.max(self.progress)) else { return };
                let due = since + self.rto.timeout();
                if now < due {
                    self.waiting_since = Some(since);
                    out.arm(RETRANSMIT, due);
                    return;
                }
                self.waiting_since = None; // set again by the turn
                self.rto.expired();
                let waits =
                    (self.window.frontier()..self.sent_until).filter(|instance| !self.chosen(*instance));
                let probe: heapless::Vec<u64, PROBE> = waits.take(PROBE).collect();
                for instance in probe.iter().cycle().take(PROBE) {
                    out.repeats += 1;
                    self.send_2a(now, *instance, out);
                }
                if probe.is_empty() {
                    self.watermark(To::Group(Role::Acceptor), flags::ASK, out);
                }
            }
        }
    }
}
