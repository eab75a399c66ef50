//! How an acceptor without memory becomes one that may vote, and how the others help it.
//!
//! An acceptor speaks from a *life*, a memory without a gap. Without memory it is *blank*: it promises and
//! votes for nothing. It begins a new life, larger than its former ones, and asks the others to note that
//! life down and to promise it a *fence*, a ballot of its own in which nobody proposes. When
//! [`Acceptors::helpers`] of them have, it is a *member* again: it has promised the fence too, and it is
//! *blind* below the highest instance that any of them accepted, until it knows all below decided.
//!
//! Why that is safe, after \[DISC17\]. Let i be the acceptor, L its former life, B the fence, H its helpers.
//!
//! - What i voted for in L. A ballot b in which it voted had a quorum of promises, which meets H in somebody
//!   who had promised b before it helped, so b < B, and no helper votes in b afterwards. A quorum that chose
//!   with i's vote meets H in a voter that voted before it helped: what it voted for lies below the instance
//!   from which on i sees, and for what lies below i counts in no phase 1 until it knows it decided.
//! - What i promised in L. A promise of a ballot above B may still be on its way to a proposer. It is
//!   counted only with others, one of which comes from a helper; given after it helped, it tells that L is
//!   over, and the promise of L does not count. The same holds for votes of a process that still runs in L.
//! - The helpers' own word is a quorum like any other: an answer of a life that another answer knows to be
//!   over does not count, and lives are handed on to whoever joins.
//!
//! Where a majority is blank and nobody with memory is heard there is nothing to come back to: the lowest
//! of them founds a new log, under a new random number. With disks it waits until all are blank, for a disk
//! that is merely late must not be outvoted by nothing. See [`super::lineage`] for who follows which log.

use super::outbox::{Outbox, To};
use super::quorum::{Acceptors, Lives, lives};
use super::random::Random;
use super::{Nanos, Notice, Setup};
use crate::journal::Standing;
use crate::limits::{ACCEPTORS_MAX, MS};
use wire::{Ballot, Body, Found, Helped, Join, Member, Over, Packet, Role, flags};
use zerocopy::IntoBytes;
use zerocopy::byteorder::big_endian::U64;

/// The bits of a life that are drawn at random; the others order lives in time.
const RANDOM_BITS: u32 = 22;
/// How often a blank acceptor asks: at first, and at last.
const ASK: core::ops::Range<Nanos> = 40 * MS..800 * MS;
/// A blank acceptor is taken to be there for so long after it was heard.
const RECENT: Nanos = 3 * ASK.end;
/// How long a blank majority without disks listens for somebody with memory before it founds a new log.
const MOMENT: Nanos = 500 * MS;
/// How long after somebody with memory was heard nothing is founded.
const REMEMBERED: Nanos = 5_000 * MS;
/// When a blank acceptor says what it waits for, and how often.
const EXPLAIN: Nanos = 10_000 * MS;

/// Somebody who helps.
#[derive(Clone, Debug, Hash)]
struct Helper {
    log: u32,
    /// It knows of a life of ours before this one.
    former: bool,
    life: u64,
    lives: Lives,
    top: u64,
}

/// A blank acceptor that was heard.
#[derive(Clone, Copy, Debug, Hash)]
struct Blank {
    life: u64,
    heard: Nanos,
    durable: bool,
}

/// What a blank acceptor became a member with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Joined {
    /// Promised from the first.
    pub fence: Ballot,
}

#[derive(Hash)]
pub struct Rejoin {
    acceptors: Acceptors,
    /// Our place among them.
    at: usize,
    id: u16,
    random: Random,
    life: u64,
    log: u32,
    blind_until: u64,
    lives: Lives,
    // As a blank one:
    /// The log that it was a member of last, and may be blind in.
    former_log: u32,
    home: u32,
    asked: Ballot,
    ask_due: bool,
    tries: u32,
    helpers: [Option<Helper>; ACCEPTORS_MAX],
    blanks: [Option<Blank>; ACCEPTORS_MAX],
    blank_since: Nanos,
    member_heard: Option<Nanos>,
    explained: Nanos,
    // As a member:
    /// By acceptor: the latest life before its latest one that may have been a member. 0: none was.
    former: [u64; ACCEPTORS_MAX],
    /// By acceptor: the fence that was promised to its latest life.
    fences: [Ballot; ACCEPTORS_MAX],
    /// Who founded the log with us: one that did not hear of it is told again.
    founders: heapless::Vec<(u16, u64), ACCEPTORS_MAX>,
    /// Since when it has looked as if nothing could come of our log.
    stranded_since: Option<Nanos>,
    /// Acceptors that were heard in another log: which one, and when.
    elsewhere: [Option<(u32, Nanos)>; ACCEPTORS_MAX],
    /// The latest start of each that was heard.
    starts: [u64; ACCEPTORS_MAX],
    /// The latest life in which each was heard as a member.
    members: [u64; ACCEPTORS_MAX],
}

impl Rejoin {
    /// As an acceptor that remembers this standing; a standing of no log is that of a blank one.
    ///
    /// # Panics
    /// When this process is none of the acceptors: the command line sees to that.
    pub fn new(setup: &Setup, standing: &Standing) -> Rejoin {
        let acceptors = Acceptors::new(&setup.acceptors);
        let at = acceptors.index(setup.me.id).expect("an acceptor is one of the acceptors");
        let mut known = Lives::new(&acceptors);
        known.learn_all(standing.lives.iter().copied());
        let mut former = [0; ACCEPTORS_MAX];
        former[..acceptors.len()].copy_from_slice(known.all());
        let blank = standing.log == 0;
        let life = if blank { setup.me.incarnation } else { standing.life };
        known.learn(at, life);
        Rejoin {
            at,
            id: setup.me.id,
            random: Random::new(setup.seed ^ 0x5265_6A6F_696E),
            life,
            log: standing.log,
            blind_until: standing.blind_until,
            lives: known,
            former_log: 0,
            home: 0,
            asked: Ballot::ZERO,
            ask_due: false,
            tries: 0,
            helpers: [const { None }; ACCEPTORS_MAX],
            blanks: [None; ACCEPTORS_MAX],
            blank_since: 0,
            member_heard: None,
            explained: 0,
            former,
            fences: [Ballot::ZERO; ACCEPTORS_MAX],
            founders: heapless::Vec::new(),
            stranded_since: None,
            elsewhere: [None; ACCEPTORS_MAX],
            starts: [0; ACCEPTORS_MAX],
            members: [0; ACCEPTORS_MAX],
            acceptors,
        }
    }

    /// Whether it may promise and vote.
    pub fn is_member(&self) -> bool {
        self.log != 0
    }

    /// The log that it is a member of; 0 while it is blank.
    pub fn log(&self) -> u32 {
        self.log
    }

    /// The log that a blank acceptor was a member of, and still holds something of; 0 for none.
    pub fn home(&self) -> u32 {
        self.home
    }

    pub fn life(&self) -> u64 {
        self.life
    }

    pub fn lives(&self) -> &Lives {
        &self.lives
    }

    /// It does not know what it accepted below, while not all below is known decided.
    pub fn blind_until(&self) -> u64 {
        self.blind_until
    }

    /// It has accepted something below that it cannot tell.
    pub fn blinded(&mut self, until: u64) {
        self.blind_until = self.blind_until.max(until);
    }

    /// As it must be remembered.
    pub fn standing(&self) -> Standing {
        Standing {
            life: self.life,
            log: self.log,
            blind_until: self.blind_until,
            lives: self.lives.all().iter().copied().collect(),
        }
    }

    // ------------------------------------------------------------------ without memory

    /// Is blank from now on, in a life above all that are known of this acceptor.
    ///
    /// What it still holds belongs to the log `home`, and it can be a member of no other; 0: it holds nothing.
    pub fn begin(&mut self, now: Nanos, promised: Ballot, home: u32) {
        if self.life == 0 || self.log != 0 {
            self.next_life();
        }
        if self.log != 0 {
            self.former_log = self.log;
        }
        (self.log, self.home) = (0, home);
        self.founders.clear();
        self.stranded_since = None;
        self.blanks = [None; ACCEPTORS_MAX];
        self.elsewhere = [None; ACCEPTORS_MAX];
        (self.blank_since, self.member_heard, self.tries) = (now, None, 0);
        self.explained = now;
        self.ask_above(promised);
    }

    fn next_life(&mut self) {
        let known = self.lives.of(self.at).max(self.life);
        let random = self.random.draw() & ((1 << RANDOM_BITS) - 1);
        self.life = ((known >> RANDOM_BITS) + 1) << RANDOM_BITS | random;
        self.lives.learn(self.at, self.life);
    }

    /// Asks anew, for a fence above this ballot.
    fn ask_above(&mut self, ballot: Ballot) {
        let round = ballot.round().max(self.asked.round());
        let round = if ballot >= self.asked { round + 1 } else { round };
        self.asked = Ballot::new(round.clamp(1, Ballot::ROUND_MAX - 1), self.id, self.life);
        self.helpers = [const { None }; ACCEPTORS_MAX];
        self.ask_due = true;
    }

    /// It is time to ask again. Returns when the next time is.
    pub fn ask_again(&mut self, now: Nanos) -> Nanos {
        self.ask_due = true;
        let wait = (ASK.start << self.tries.min(8)).min(ASK.end);
        self.tries += 1;
        now + wait + self.random.between(0, wait / 4)
    }

    /// At the end of a turn in which it is blank: asks, if it is time to.
    pub fn ask(&mut self, now: Nanos, out: &mut Outbox) {
        if core::mem::take(&mut self.ask_due) {
            let flags = if out.is_durable() { flags::DURABLE } else { 0 };
            let body = Join { life: self.life.into(), ballot: self.asked.into() };
            out.send_flagged(To::Group(Role::Acceptor), flags, &body, &[]);
        }
        if now >= self.explained + EXPLAIN {
            self.explained = now;
            let others = self.acceptors.len() - 1;
            let blank = (0..=others).filter(|at| self.recent(now, *at).is_some()).count();
            let helpers = self.helpers.iter().flatten().count();
            let needed = self.acceptors.helpers();
            out.notice(Notice::StillBlank { others, blank, helpers, needed });
        }
    }

    /// Another acceptor was heard. Returns whether it was as it is now: what it still has on the way from
    /// before says nothing of how things stand. Its lives tell the order of its starts, for its clock may have
    /// been set back; where a packet names none, the starts themselves do.
    pub fn heard(&mut self, now: Nanos, packet: &Packet<'_>) -> bool {
        let Some(at) = self.acceptors.index(packet.sender.id) else { return false };
        let (start, log) = (packet.sender.incarnation, packet.header.log.get());
        let life = match packet.body {
            Body::Join(join) => Some(join.life.get()),
            Body::Helped(body, _) => Some(body.life.get()),
            Body::Found(body, _) => Some(body.life.get()),
            _ => None,
        };
        let blank = matches!(packet.body, Body::Join(_));
        let old = match life {
            Some(life) => self.lives.over(at, life) || blank && life <= self.members[at],
            None => start < self.starts[at],
        };
        if old {
            return false;
        }
        self.starts[at] = start;
        if log != 0 {
            self.members[at] = self.members[at].max(life.unwrap_or(0));
            self.blanks[at] = None;
            self.member_heard = Some(now);
            let own = if self.is_member() { self.log } else { self.home };
            self.elsewhere[at] = (own != 0 && log != own).then_some((log, now));
        }
        true
    }

    /// A blank acceptor asks, in its latest life.
    pub fn heard_blank(&mut self, now: Nanos, packet: &Packet<'_>, join: &Join) {
        if let Some(at) = self.acceptors.index(packet.sender.id) {
            let life = join.life.get();
            self.learn(at, life);
            self.blanks[at] = Some(Blank { life, heard: now, durable: packet.has(flags::DURABLE) });
        }
    }

    /// Notes down a life of an acceptor, and that there may have been one before.
    fn learn(&mut self, at: usize, life: u64) {
        let before = self.lives.of(at);
        if self.lives.learn(at, life) {
            self.former[at] = before;
        }
    }

    fn recent(&self, now: Nanos, at: usize) -> Option<Blank> {
        self.blanks[at].filter(|blank| now.saturating_sub(blank.heard) < RECENT)
    }

    /// An answer to our asking. Returns what we are a member with, when it was the last one needed.
    pub fn helped(&mut self, packet: &Packet<'_>, body: &Helped, told: &[U64]) -> Option<Joined> {
        let at = self.acceptors.index(packet.sender.id).filter(|at| *at != self.at)?;
        let (joiner, ballot, log) = (body.joiner.get(), body.ballot.get(), packet.header.log.get());
        let foreign = log == 0 || self.home != 0 && log != self.home;
        if self.is_member() || told.len() != self.acceptors.len() {
            return None;
        }
        if joiner > self.life || told[self.at].get() > self.life {
            // They know of a later life of ours, or of one whose clock ran before ours. Whoever has no memory
            // either, or another log, may know that as well.
            self.lives.learn(self.at, joiner.max(told[self.at].get()));
            self.next_life();
            self.ask_above(if ballot.follows(self.asked) { self.asked.max(ballot) } else { self.asked });
            return None;
        }
        if foreign {
            return None;
        }
        if ballot > self.asked && ballot.follows(self.asked) && joiner > 0 {
            self.ask_above(ballot);
            return None;
        }
        if joiner != self.life || ballot != self.asked {
            return None;
        }
        let mut known = Lives::new(&self.acceptors);
        known.learn_all(lives(told));
        let (life, top) = (body.life.get(), body.top.get());
        let former = body.former.get() != 0;
        self.helpers[at] = Some(Helper { log, former, life, lives: known, top });
        self.join()
    }

    /// Is a member of a log without anybody's help: a planted bug, and nothing else.
    pub(super) fn adopt(&mut self, log: u32) {
        self.log = log;
    }

    fn join(&mut self) -> Option<Joined> {
        let helpers = || self.helpers.iter().enumerate().filter_map(|(at, h)| h.as_ref().map(|h| (at, h)));
        let alive = |at: usize, life: u64| helpers().all(|(_, other)| !other.lives.over(at, life));
        let log = helpers().map(|(_, helper)| helper.log).find(|log| {
            let count =
                helpers().filter(|(at, helper)| helper.log == *log && alive(*at, helper.life)).count();
            count >= self.acceptors.helpers()
        })?;
        // Helpers enough meet whoever helped, or founded the log with, an earlier life of ours. When none of
        // them knows of one there was none, and there is nothing that we could have forgotten.
        let forgot = helpers().any(|(_, helper)| helper.log == log && helper.former);
        let mut blind_until = if log == self.former_log { self.blind_until } else { 0 };
        let mut known = self.lives.clone();
        for (at, helper) in helpers().filter(|(_, helper)| helper.log == log) {
            if forgot {
                blind_until = blind_until.max(helper.top);
            }
            known.learn(at, helper.life);
            known.learn_all(helper.lives.all().iter().copied());
        }
        (self.log, self.blind_until, self.lives) = (log, blind_until, known);
        self.lives.learn(self.at, self.life);
        self.former[..self.acceptors.len()].copy_from_slice(self.lives.all());
        Some(Joined { fence: self.asked })
    }

    // ------------------------------------------------------------------ a new log

    /// Founds a new log when nobody remembers one.
    pub fn found(&mut self, now: Nanos, out: &mut Outbox) -> bool {
        let others = || (0..self.acceptors.len()).filter(|at| *at != self.at);
        let blanks = others().filter(|at| self.recent(now, *at).is_some()).count() + 1;
        let durable =
            out.is_durable() || others().any(|at| self.recent(now, at).is_some_and(|blank| blank.durable));
        let lowest = others().all(|at| at > self.at || self.recent(now, at).is_none());
        let forgotten = self.member_heard.is_none_or(|heard| now.saturating_sub(heard) >= REMEMBERED)
            && now.saturating_sub(self.blank_since) >= MOMENT;
        let enough =
            blanks == self.acceptors.len() || !durable && blanks >= self.acceptors.majority() && forgotten;
        if !lowest || !enough || self.home != 0 {
            return false;
        }
        self.founders.clear();
        for at in 0..self.acceptors.len() {
            let life = if at == self.at { Some(self.life) } else { self.recent(now, at).map(|b| b.life) };
            if let Some(life) = life {
                let _ = self.founders.push((self.acceptors.ids()[at], life)); // one for each acceptor
                self.learn(at, life);
            }
        }
        (self.log, self.blind_until) = ((self.random.draw() >> 32) as u32 | 1, 0);
        out.set_log(self.log);
        self.tell_founders(out);
        true
    }

    fn tell_founders(&self, out: &mut Outbox) {
        let members: heapless::Vec<Member, ACCEPTORS_MAX> =
            self.founders.iter().map(|(id, life)| Member::new(*id, *life)).collect();
        out.send(To::Group(Role::Acceptor), &Found { life: self.life.into() }, &[members.as_bytes()]);
    }

    /// A log was founded. Returns whether we, as the blank acceptor that we are, belong to it from the first.
    pub fn founded(&mut self, packet: &Packet<'_>, members: &[Member]) -> bool {
        let ours = |member: &Member| (member.id.get(), member.life.get()) == (self.id, self.life);
        let log = packet.header.log.get();
        if self.is_member() || self.home != 0 || log == 0 || !members.iter().any(ours) {
            return false;
        }
        self.founders.clear();
        for member in members {
            if let Some(at) = self.acceptors.index(member.id.get()) {
                self.learn(at, member.life.get());
                let _ = self.founders.push((member.id.get(), member.life.get())); // as many as acceptors
            }
        }
        (self.log, self.blind_until) = (log, 0);
        true
    }

    // ------------------------------------------------------------------ with memory

    /// A blank acceptor asks for help. Returns what to answer it with: the life that is noted down, the
    /// ballot promised (by now, if that is more than what it asked for), and whether the fence must be
    /// promised first and the life remembered. [`Rejoin::former`] goes with it.
    pub fn help(
        &mut self,
        packet: &Packet<'_>,
        join: &Join,
        promised: Ballot,
    ) -> Option<(u64, Ballot, bool)> {
        let at = self.acceptors.index(packet.sender.id).filter(|at| *at != self.at)?;
        let (life, fence) = (join.life.get(), join.ballot.get());
        let own = (fence.proposer(), fence.incarnation()) == (packet.sender.id, life);
        if !own || !fence.follows(promised) {
            return None;
        }
        if self.lives.over(at, life) {
            return Some((self.lives.of(at), promised, false));
        }
        self.learn(at, life);
        // The answer was lost; or it asks for more by now, and must not ask for yet more for an old packet's sake:
        // two that come back would outbid each other with every such packet.
        let given = self.fences[at];
        if given.incarnation() == life && fence <= given {
            return Some((life, given, false));
        }
        if fence <= promised {
            return Some((life, promised, false));
        }
        self.fences[at] = fence;
        Some((life, fence, true))
    }

    /// The later life that whoever asks had, if we know of one: the clock that it began this one by runs behind.
    pub fn later(&self, packet: &Packet<'_>, join: &Join) -> Option<u64> {
        let at = self.acceptors.index(packet.sender.id)?;
        self.lives.over(at, join.life.get()).then(|| self.lives.of(at))
    }

    /// The life that whoever sent this may have had before the one that is noted down; 0: none.
    pub fn former(&self, packet: &Packet<'_>) -> u64 {
        self.acceptors.index(packet.sender.id).map_or(0, |at| self.former[at])
    }

    /// Tells a founder that it belongs to the log, if it is one that asks.
    pub fn tell_founder(&self, packet: &Packet<'_>, join: &Join, out: &mut Outbox) -> bool {
        let founder = self.founders.contains(&(packet.sender.id, join.life.get()));
        if founder {
            self.tell_founders(out);
        }
        founder
    }

    /// What another member says of itself. Returns whether our own life is over, as it knows.
    pub fn announced(&mut self, packet: &Packet<'_>, body: &Helped, told: &[U64]) -> bool {
        if let Some(at) = self.acceptors.index(packet.sender.id)
            && told.len() == self.acceptors.len()
        {
            self.learn(at, body.life.get());
            for (at, life) in lives(told).enumerate() {
                self.learn(at, life);
            }
        }
        self.lives.over(self.at, self.life)
    }

    /// A proposer says that an acceptor has had this life. Returns whether it is ours that is over.
    pub fn over(&mut self, over: &Over) -> bool {
        if let Some(at) = self.acceptors.index(over.acceptor.get()) {
            self.learn(at, over.life.get());
        }
        self.lives.over(self.at, self.life)
    }

    /// Whether a majority of the acceptors follows another log, so that ours is over.
    pub fn outvoted(&self, now: Nanos) -> Option<u32> {
        let recent = || {
            let elsewhere = self.elsewhere.iter().flatten();
            elsewhere.filter(|(_, heard)| now.saturating_sub(*heard) < REMEMBERED).map(|(log, _)| *log)
        };
        recent().find(|log| recent().filter(|other| other == log).count() >= self.acceptors.majority())
    }

    /// Whether a member that has accepted nothing had better begin anew: nothing can come of its log, for too
    /// many are blank or members of others. Not before: as long as a majority may belong to it, somebody may
    /// have accepted what only we could help to decide. A founder that asks is one of ours: it is told again
    /// and again. And what was heard of a blank one counts only after so long that it would have been heard as
    /// a member by then, or not at all.
    pub fn stranded(&mut self, now: Nanos) -> bool {
        let founder = |at: usize, life| self.founders.contains(&(self.acceptors.ids()[at], life));
        let blank = |at: usize| self.recent(now, at).is_some_and(|blank| !founder(at, blank.life));
        let gone = |at: &usize| blank(*at) || self.elsewhere[*at].is_some();
        let gone = (0..self.acceptors.len()).filter(|at| *at != self.at).filter(gone).count();
        if self.acceptors.len() - gone >= self.acceptors.majority() {
            self.stranded_since = None;
            return false;
        }
        let since = *self.stranded_since.get_or_insert(now);
        now.saturating_sub(since) >= RECENT || self.outvoted(now).is_some()
    }
}

#[cfg(test)]
mod tests;
