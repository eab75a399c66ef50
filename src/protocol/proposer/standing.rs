//! How this proposer stands: following, giving way, telling others, judging itself. Liveness only.

use super::*;

impl Proposer {
    /// Whether a packet is of the log that we follow. Whoever knows nothing decided goes where a majority of
    /// the acceptors is; whoever does must not mix two orders.
    pub(super) fn belongs(&mut self, now: Nanos, packet: &Packet<'_>, out: &mut Outbox) -> bool {
        let own = self.lineage.log();
        match self.lineage.judge(packet) {
            Belongs::Here => {
                out.set_log(self.lineage.log());
                true
            }
            Belongs::Elsewhere => {
                out.elsewhere += 1;
                false
            }
            Belongs::Moved(new) if self.decided_until() == 0 => {
                let mut fresh = Proposer::new(self.setup.clone());
                // Its ballots must not be used again, in whatever log.
                (fresh.highest, fresh.ballot) = (self.highest, self.ballot);
                fresh.lineage = self.lineage.clone();
                fresh.lineage.follow(new);
                fresh.progress = now;
                fresh.campaign_at = now;
                fresh.receive_space(self.space, self.drops);
                *self = fresh;
                out.set_log(new);
                out.notice(Notice::Moved { log: new });
                true
            }
            Belongs::Moved(new) => {
                out.stop(Stop::OtherLog { own, new });
                false
            }
        }
    }

    /// An acceptor or another leader showed this ballot: if it is higher than ours, ours is over, however much
    /// higher. A decision of such a ballot must never be learned by one that still leads. A `fence` is no
    /// rival, only an acceptor that comes back: we may try again at once.
    pub(super) fn outranked(&mut self, now: Nanos, by: Ballot, fence: bool, out: &mut Outbox) {
        if !by.follows(self.highest) {
            return; // nobody honest could have come to it
        }
        self.heard_of(by);
        if self.stage != Stage::Following && by > self.ballot {
            out.notice(match fence {
                true => Notice::Fenced { acceptor: by.proposer(), own: self.ballot },
                false => Notice::Deposed { own: self.ballot, by },
            });
            let deposed = (self.deposed, self.deposed_at);
            self.follow(now, out);
            if fence {
                (self.deposed, self.deposed_at) = deposed;
                self.campaign_at = now;
                out.arm(CAMPAIGN, now);
            }
        }
    }

    pub(super) fn follow(&mut self, now: Nanos, out: &mut Outbox) {
        self.stage = Stage::Following;
        (self.open, self.announced, self.waiting_since) = (false, false, None);
        self.intake.clear();
        self.progress = now;
        // Two that depose each other again and again give each other more time each time.
        self.deposed = if now < self.deposed_at + self.setup.suspect { (self.deposed + 1).min(6) } else { 0 };
        self.deposed_at = now;
        self.campaign_at = now + (self.random.between(5 * MS, 30 * MS) << self.deposed);
        self.blocked = false;
        self.orphans.clear();
        self.handed.clear();
        self.heartbeat(To::Group(Role::Proposer), 0, out);
        out.disarm(RETRANSMIT);
        out.disarm(FLOW);
        out.arm(CAMPAIGN, self.campaign_at);
    }

    /// Somebody has used this ballot: ours must be higher.
    pub(super) fn heard_of(&mut self, ballot: Ballot) {
        if ballot.follows(self.highest) {
            self.highest = self.highest.max(ballot);
        }
    }

    /// A packet of another proposer that leads `ballot`.
    pub(super) fn led(&mut self, ballot: Ballot, from: SocketAddrV4, out: &mut Outbox) {
        self.reader.heard(ballot, from);
        if ballot > self.followed && self.stage == Stage::Following {
            self.followed = ballot;
            out.notice(Notice::Following { ballot });
        }
    }

    pub(super) fn heartbeat(&self, to: To, ask: u8, out: &mut Outbox) {
        let mut flags = ask;
        flags |= if self.stage == Stage::Leading { flags::LEADING } else { 0 };
        flags |= if self.unfit { flags::UNFIT } else { 0 };
        flags |= if self.ready() { flags::READY } else { 0 };
        let body = Heartbeat { ballot: self.highest.into(), decided_until: self.decided_until().into() };
        out.send_flagged(to, flags, &body, &[]);
    }

    /// Others wait for us to lead as long as they believe that we know all that is decided: a newcomer that
    /// learns that it does not must not wait for its next heartbeat to say so.
    pub(super) fn tell_ready(&mut self, now: Nanos, out: &mut Outbox) {
        let ready = self.ready();
        if ready != self.told_ready.0 && now.saturating_sub(self.told_ready.1) >= READY_TOLD {
            self.told_ready = (ready, now);
            self.heartbeat(To::Group(Role::Proposer), 0, out);
        }
    }

    /// An acceptor speaks from a life that is over, as far as we know. Whoever told us may have lost its memory
    /// since, and then nobody else can tell it that we shall never believe what it says.
    pub(super) fn tell_over(&mut self, now: Nanos, acceptor: usize, at: SocketAddrV4, out: &mut Outbox) {
        if now >= self.told_over[acceptor] + OVER_TOLD {
            self.told_over[acceptor] = now;
            let life = self.window.tally.lives().of(acceptor);
            out.send(To::Peer(at), &Over::new(self.acceptors.ids()[acceptor], life), &[]);
        }
    }

    pub(super) fn watermark(&mut self, to: To, flags: u8, out: &mut Outbox) {
        let decided_until = self.decided_until();
        let body = Watermark {
            ballot: self.ballot.into(),
            decided_until: decided_until.into(),
            proposed_until: self.sent_until.max(decided_until).into(),
        };
        out.send_flagged(to, flags, &body, &[]);
    }

    /// Bit i: the i-th acceptor was heard lately.
    pub(super) fn heard(&self, now: Nanos) -> u16 {
        let lately = |seen: &&Seen| now.saturating_sub(seen.heard) < self.setup.suspect;
        (0..ACCEPTORS_MAX)
            .filter(|at| self.seen[*at].as_ref().filter(lately).is_some())
            .fold(0, |bits, at| bits | 1 << at)
    }

    /// Bit i: the i-th acceptor was heard lately to have no memory yet.
    fn heard_blank(&self, now: Nanos) -> u16 {
        let lately =
            |at: &usize| self.blank[*at].is_some_and(|at| now.saturating_sub(at) < self.setup.suspect);
        (0..ACCEPTORS_MAX).filter(lately).fold(0, |bits, at| bits | 1 << at)
    }

    pub(super) fn announce(&self, now: Nanos, to: To, leading: u8, out: &mut Outbox) {
        let heard = self.heard(now) | self.heard_blank(now);
        let body = Ack { ballot: self.ballot.into(), heard: heard.into(), reserved: 0.into() };
        out.send_flagged(to, leading, &body, &[]);
    }

    pub(super) fn judge_self(&mut self, now: Nanos, out: &mut Outbox) {
        let work = match self.stage {
            Stage::Following => false,
            Stage::Preparing => true,
            Stage::Leading => self.sent_until > self.window.frontier(),
        };
        if !work {
            self.progress = now;
        }
        if now.saturating_sub(self.progress) >= self.setup.suspect && !planted(Bug::HalfDeafLeader) {
            self.become_unfit(now, Notice::Unfit, out);
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
        // Decided, but nobody who is asked has it, and neither have we: a new ballot finds it again.
        let suspect = self.setup.suspect;
        if self.leads()
            && self.orphans.iter().any(|orphan| orphan.again.saturating_sub(orphan.since) >= suspect)
        {
            self.follow(now, out);
        }
    }

    fn become_unfit(&mut self, now: Nanos, why: Notice, out: &mut Outbox) {
        if !core::mem::replace(&mut self.unfit, true) {
            self.unfit_until = now + (self.setup.suspect << self.unfit_times.min(4));
            self.unfit_times += 1;
            out.notice(why);
            self.heartbeat(To::Group(Role::Proposer), 0, out);
        }
    }

    /// A follower hears a client that waits in vain. If we hear none at all, it is we who are deaf.
    pub(super) fn clients_wait(&mut self, now: Nanos, out: &mut Outbox) {
        if self.leads() && now.saturating_sub(self.submit_heard) >= self.setup.suspect {
            self.become_unfit(now, Notice::Deaf, out);
            if !self.should_lead() {
                self.follow(now, out);
            }
        }
    }

    /// Looks whether the leader takes what a client submits within our hearing; if not for the suspicion
    /// time, says so. A client that goes on to submit what is decided waits too: for the leader to tell it.
    pub(super) fn watch_clients(&mut self, now: Nanos, out: &mut Outbox) {
        let Some(waiting) = &mut self.waiting else { return };
        let asks = core::mem::take(&mut waiting.asks);
        let session = self.sessions.get(waiting.client);
        let taken = (session.incarnation, session.next) > (waiting.incarnation, waiting.number);
        if taken && !asks
            || self.stage != Stage::Following
            || now.saturating_sub(waiting.again) >= self.setup.suspect
        {
            self.waiting = None;
        } else if now.saturating_sub(waiting.since) >= self.setup.suspect {
            self.heartbeat(To::Group(Role::Proposer), flags::WAITING, out);
        }
    }

    pub(super) fn fit(&mut self, out: &mut Outbox) {
        if core::mem::take(&mut self.unfit) {
            out.notice(Notice::Fit);
            self.heartbeat(To::Group(Role::Proposer), 0, out);
        }
    }
}
