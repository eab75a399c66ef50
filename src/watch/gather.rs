//! The state of a cluster, made of what its processes say of themselves.
//!
//! A packet is a moment of one process. What two processes say is never of the same moment, so nothing here compares two
//! that might both be right: a process lags behind what another had *before* it spoke, and digests are compared at the
//! same instance only.

use crate::conf::Conf;
use crate::limits::{
    WATCH_DIGESTS, WATCH_EVENTS, WATCH_HISTORY, WATCH_PROCESSES, WATCH_STRANGERS, WATCH_VOICES,
};
use crate::protocol::Nanos;
use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddrV4;
use std::path::PathBuf;
use std::time::Duration;
use wire::status::state;
use wire::{Body, Packet, ProcessStatus, Refusal, Role, Sender};

/// A process that is silent for so long is forgotten,
const FORGOTTEN: Nanos = 600 * SECOND;
/// but a client, which ends when it is done, is forgotten as soon as it is silent.
const SECOND: Nanos = 1_000_000_000;

/// Who a process is: role, id, and which start of it.
pub type Key = (Role, u16, u64);

/// What a process said once.
#[derive(Clone, Copy, Debug)]
pub struct Report {
    /// When it came.
    pub at: Nanos,
    pub status: ProcessStatus,
    /// The log that the sender belongs to; 0 when it knows none.
    pub log: u32,
    /// Instances (a client's: entries) that it was behind what it, or another process before it, knew to be decided.
    pub lag: u64,
}

/// A process.
#[derive(Clone, Debug)]
pub struct Seen {
    pub sender: Sender,
    pub address: SocketAddrV4,
    /// When it was heard first.
    pub since: Nanos,
    pub last: Report,
    /// The one before, if there was one.
    pub before: Option<Report>,
    /// Instances (a client's: values) per second between reports, the latest last.
    pub history: VecDeque<f64>,
}

/// Somebody else who sends to the group.
#[derive(Clone, Debug)]
pub struct Stranger {
    pub why: Strange,
    pub from: SocketAddrV4,
    pub last: Nanos,
    pub packets: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Strange {
    /// Its groups are ours, but its acceptors, its mtu or another group are not.
    Configuration { sender: Sender, cluster: u32 },
    /// It speaks another version of the packet format.
    Version(u8),
    /// Anything else that cannot be read.
    Unreadable(Refusal),
}

/// Something that happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    pub at: Nanos,
    pub text: String,
}

/// Rates of a process, per second, between its last two reports.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Rates {
    /// Instances; of a client: entries.
    pub decided: f64,
    pub values: f64,
    pub output_bytes: f64,
    pub received: f64,
    pub sent: f64,
    pub repeats: f64,
    pub drops: f64,
    pub syncs: f64,
}

/// What processes say of the log up to one instance: the digest of each.
type Voices = Vec<(Key, u64)>;

/// A cluster as it is heard.
#[derive(Debug)]
pub struct Cluster {
    /// The configuration of whoever watches.
    pub conf: PathBuf,
    pub id: u32,
    pub acceptors: Vec<u16>,
    pub heartbeat: Duration,
    pub suspect: Duration,
    /// How often its processes say how they are.
    pub period: Duration,
    /// Since when it is heard.
    pub since: Nanos,
    seen: BTreeMap<Key, Seen>,
    strangers: Vec<Stranger>,
    /// By log and instance.
    digests: BTreeMap<(u32, u64), Voices>,
    /// Who leads, as far as events know.
    leader: Option<Key>,
    events: VecDeque<Event>,
    /// Packets of this cluster, whatever they say.
    pub packets: u64,
    /// Processes that were one too many.
    pub left_out: u64,
}

impl Cluster {
    /// Nothing is heard yet.
    pub fn new(conf: &Conf, id: u32, now: Nanos) -> Cluster {
        Cluster {
            conf: conf.path.clone(),
            id,
            acceptors: conf.acceptor_ids.clone(),
            heartbeat: conf.heartbeat,
            suspect: conf.suspect,
            period: conf.status.unwrap_or_default(),
            since: now,
            seen: BTreeMap::new(),
            strangers: Vec::new(),
            digests: BTreeMap::new(),
            leader: None,
            events: VecDeque::new(),
            packets: 0,
            left_out: 0,
        }
    }

    /// One packet that came to the proposers' group, as [`Packet::parse`] reads it.
    pub fn packet(&mut self, now: Nanos, from: SocketAddrV4, parsed: Result<Packet<'_>, Refusal>) {
        let packet = match parsed {
            Ok(packet) => packet,
            Err(Refusal::Version(version)) => return self.strange(now, from, Strange::Version(version)),
            Err(refusal) => return self.strange(now, from, Strange::Unreadable(refusal)),
        };
        let cluster = packet.header.cluster.get();
        if cluster != self.id {
            return self.strange(now, from, Strange::Configuration { sender: packet.sender, cluster });
        }
        self.packets += 1;
        if let Body::ProcessStatus(status) = packet.body {
            self.status(now, from, packet.sender, packet.header.log.get(), *status);
        }
    }

    fn strange(&mut self, now: Nanos, from: SocketAddrV4, why: Strange) {
        let full = self.strangers.len() >= WATCH_STRANGERS;
        let same = |stranger: &&mut Stranger| stranger.from == from && stranger.why == why;
        match self.strangers.iter_mut().find(same) {
            Some(stranger) => (stranger.last, stranger.packets) = (now, stranger.packets + 1),
            None if full => {}
            None => self.strangers.push(Stranger { why, from, last: now, packets: 1 }),
        }
    }

    fn status(&mut self, now: Nanos, from: SocketAddrV4, sender: Sender, log: u32, status: ProcessStatus) {
        let key = (sender.role, sender.id, sender.incarnation);
        let lag = self.lag(sender.role, log, &status);
        let report = Report { at: now, status, log, lag };
        let full = self.seen.len() >= WATCH_PROCESSES;
        match self.seen.get_mut(&key) {
            // One that was overtaken, or came twice.
            Some(seen) if status.up_ms <= seen.last.status.up_ms => return,
            Some(seen) => {
                if seen.silent(now) {
                    self.events.push_back(Event { at: now, text: format!("{sender} is heard again") });
                }
                seen.address = from;
                seen.before = Some(std::mem::replace(&mut seen.last, report));
                let rates = seen.rates().unwrap_or_default();
                if seen.history.len() == WATCH_HISTORY {
                    seen.history.pop_front();
                }
                seen.history.push_back(if sender.role == Role::Client {
                    rates.values
                } else {
                    rates.decided
                });
            }
            None if full => {
                self.left_out += 1;
                return;
            }
            None => {
                let known = |key: &&Key| (key.0, key.1) == (sender.role, sender.id);
                let again = self.seen.keys().any(|key| known(&key));
                let young = status.up_ms.get() < 2 * u64::from(status.period_ms.get());
                let text = match (again, young) {
                    (true, _) => format!("another start of {sender} at {from}"),
                    (false, true) => format!("{sender} started at {from}"),
                    (false, false) => format!("{sender} is there, at {from}"),
                };
                self.events.push_back(Event { at: now, text });
                let seen = Seen {
                    sender,
                    address: from,
                    since: now,
                    last: report,
                    before: None,
                    history: VecDeque::new(),
                };
                self.seen.insert(key, seen);
            }
        }
        self.compare(key, log, &status);
        self.lead(now);
        self.trim();
    }

    /// How far it is behind what it knows of itself, or what another one knew before.
    fn lag(&self, role: Role, log: u32, status: &ProcessStatus) -> u64 {
        let decided = status.decided_until.get();
        let own = status.known_until.get() - decided;
        if role == Role::Client {
            return own;
        }
        let told = self.seen.values().filter(|seen| seen.sender.role != Role::Client && seen.last.log == log);
        let others = told.map(|seen| seen.last.status.decided_until.get()).max().unwrap_or(0);
        own.max(others.saturating_sub(decided))
    }

    fn compare(&mut self, key: Key, log: u32, status: &ProcessStatus) {
        for (until, digest) in status.digests() {
            let voices = self.digests.entry((log, until)).or_default();
            if voices.len() < WATCH_VOICES && !voices.contains(&(key, digest)) {
                voices.push((key, digest));
            }
        }
        while self.digests.len() > WATCH_DIGESTS {
            // What differs is kept: it will not be said again.
            let agreed = self.digests.iter().find(|(_, voices)| !differ(voices)).map(|(at, _)| *at);
            match agreed {
                Some(at) => self.digests.remove(&at),
                None => self.digests.pop_last().map(|(_, voices)| voices),
            };
        }
    }

    /// Notes who leads, when that has changed.
    fn lead(&mut self, now: Nanos) {
        let leads = |seen: &&Seen| seen.last.status.is(state::LEADING) && !seen.silent(now);
        let leader = self.seen.values().filter(leads).max_by_key(|seen| seen.last.status.ballot.get());
        let key = leader.map(Seen::key);
        if key != self.leader {
            let text = match leader {
                Some(seen) => format!("{} leads in ballot {}", seen.sender, seen.last.status.ballot.get()),
                None => "nobody leads any more".into(),
            };
            self.leader = key;
            self.events.push_back(Event { at: now, text });
        }
    }

    /// Time passes: notes who is silent, and forgets who has been for long.
    pub fn tick(&mut self, now: Nanos) {
        let (mut lost, mut gone) = (Vec::new(), Vec::new());
        for (key, seen) in &self.seen {
            let silence = now.saturating_sub(seen.last.at);
            let client = seen.sender.role == Role::Client;
            if client && seen.silent(now) || silence > FORGOTTEN.max(2 * seen.patience()) {
                lost.push(*key);
            } else if self.superseded(seen, now) {
                gone.push(*key);
            }
        }
        for key in lost {
            if let Some(seen) = self.seen.remove(&key) {
                let end = if key.0 == Role::Client { "has ended" } else { "is forgotten" };
                self.events.push_back(Event { at: now, text: format!("{} {end}", seen.sender) });
            }
            self.digests.values_mut().for_each(|voices| voices.retain(|(voice, _)| *voice != key));
        }
        for key in gone {
            self.seen.remove(&key);
        }
        self.strangers.retain(|stranger| now.saturating_sub(stranger.last) < 60 * SECOND);
        self.lead(now);
        self.trim();
    }

    /// Whether a later start of the same process took its place.
    fn superseded(&self, seen: &Seen, now: Nanos) -> bool {
        seen.silent(now) && self.others(seen).any(|other| other.since > seen.last.at)
    }

    /// The other starts of a process.
    pub fn others<'a>(&'a self, seen: &'a Seen) -> impl Iterator<Item = &'a Seen> {
        let (role, id, incarnation) = seen.key();
        let starts = self.seen.range((role, id, 0)..=(role, id, u64::MAX));
        starts.map(|(_, other)| other).filter(move |other| other.sender.incarnation != incarnation)
    }

    fn trim(&mut self) {
        let more = self.events.len().saturating_sub(WATCH_EVENTS);
        self.events.drain(..more);
    }

    /// How long it takes until everybody who is there was heard twice, so that there are rates.
    pub fn warm_up(&self) -> Duration {
        self.period * 22 / 10 + Duration::from_millis(200)
    }

    /// Whether it was heard for so long: before, what is not there may only not have been heard yet.
    pub fn is_warm(&self, now: Nanos) -> bool {
        now >= self.since + u64::try_from(self.warm_up().as_nanos()).unwrap_or(Nanos::MAX - self.since)
    }

    /// The processes: clients, proposers, acceptors, learners, each by id.
    pub fn processes(&self) -> impl Iterator<Item = &Seen> {
        self.seen.values()
    }

    /// Those of a role that are heard.
    pub fn live(&self, role: Role, now: Nanos) -> impl Iterator<Item = &Seen> {
        self.seen.values().filter(move |seen| seen.sender.role == role && !seen.silent(now))
    }

    pub fn strangers(&self) -> &[Stranger] {
        &self.strangers
    }

    /// What happened, the latest last.
    pub fn events(&self) -> impl DoubleEndedIterator<Item = &Event> {
        self.events.iter()
    }

    /// Notes something that a tool found.
    pub fn event(&mut self, now: Nanos, text: String) {
        self.events.push_back(Event { at: now, text });
        self.trim();
    }

    /// Who leads: the one in the highest ballot, when several say so.
    pub fn leader(&self, now: Nanos) -> Option<&Seen> {
        let leads = self.live(Role::Proposer, now).filter(|seen| seen.last.status.is(state::LEADING));
        leads.max_by_key(|seen| seen.last.status.ballot.get())
    }

    /// The first instance below which processes of one log have different digests, with who has which.
    pub fn difference(&self) -> Option<(u64, &[(Key, u64)])> {
        let first = self.digests.iter().filter(|(_, voices)| differ(voices)).min_by_key(|((_, at), _)| *at);
        first.map(|((_, at), voices)| (*at, voices.as_slice()))
    }

    /// The instance below which most processes were compared, the highest of those, and how many were; two at least.
    pub fn compared(&self) -> Option<(u64, usize)> {
        let shared = self.digests.iter().filter(|(_, voices)| voices.len() > 1);
        let at = shared.max_by_key(|((_, at), voices)| (voices.len(), *at));
        at.map(|((_, at), voices)| (*at, voices.len()))
    }

    /// Decided instances per second of the whole cluster: of whoever leads, or else of the fastest.
    pub fn rate(&self, now: Nanos) -> f64 {
        let rate = |seen: &Seen| seen.rates().unwrap_or_default().decided;
        let fastest = || self.live(Role::Learner, now).map(rate).fold(0.0, f64::max);
        self.leader(now).map_or_else(fastest, rate)
    }

    /// Values per second that all clients had decided.
    pub fn values(&self, now: Nanos) -> f64 {
        self.live(Role::Client, now)
            .map(|seen| seen.rates().unwrap_or_default().values)
            .fold(0.0, |sum, rate| sum + rate)
    }
}

fn differ(voices: &[(Key, u64)]) -> bool {
    voices.iter().any(|(_, digest)| *digest != voices[0].1)
}

impl Seen {
    pub fn key(&self) -> Key {
        (self.sender.role, self.sender.id, self.sender.incarnation)
    }

    /// How long it may be silent: three periods, and a moment.
    fn patience(&self) -> Nanos {
        3 * u64::from(self.last.status.period_ms.get()) * 1_000_000 + SECOND / 2
    }

    /// Whether it has not been heard for longer than it should be silent.
    pub fn silent(&self, now: Nanos) -> bool {
        now.saturating_sub(self.last.at) > self.patience()
    }

    /// Time since its last report.
    pub fn silence(&self, now: Nanos) -> Duration {
        Duration::from_nanos(now.saturating_sub(self.last.at))
    }

    /// Between the last two reports, by the sender's clock; `None` when there are no two yet.
    pub fn rates(&self) -> Option<Rates> {
        let (new, old) = (&self.last.status, &self.before.as_ref()?.status);
        let seconds = (new.up_ms.get() - old.up_ms.get()) as f64 / 1000.0;
        let per_second = |of: fn(&ProcessStatus) -> u64| of(new).saturating_sub(of(old)) as f64 / seconds;
        Some(Rates {
            decided: per_second(|status| status.decided_until.get()),
            values: per_second(|status| status.values.get()),
            output_bytes: per_second(|status| status.output_bytes.get()),
            received: per_second(|status| status.received.get()),
            sent: per_second(|status| status.sent.get()),
            repeats: per_second(|status| status.repeats.get()),
            drops: f64::from(new.drops.get().wrapping_sub(old.drops.get())) / seconds,
            syncs: per_second(|status| status.syncs.get()),
        })
    }

    /// What its last two reports both say that it lags, at least: 0 when only the last does, for a moment is no lag.
    pub fn lag(&self) -> u64 {
        self.before.as_ref().map_or(0, |before| before.lag.min(self.last.lag))
    }

    /// Whether it lags and did not move between its last two reports.
    pub fn stuck(&self) -> bool {
        let moved = |before: &Report| before.status.decided_until != self.last.status.decided_until;
        self.lag() > 0 && !self.before.as_ref().is_none_or(moved)
    }

    /// `0.1.0`
    pub fn version(&self) -> String {
        let status = &self.last.status;
        format!("{}.{}.{}", status.version_major, status.version_minor, status.version_patch)
    }
}

#[cfg(test)]
mod tests {
    use super::super::scene::{S, Scene};
    use super::*;

    #[test]
    fn rates_are_of_the_senders_clock_and_a_packet_that_comes_twice_or_late_is_none() {
        let mut scene = Scene::healthy();
        let learner = scene.key(Role::Learner, 1);
        scene.say(learner, |status| status.up_ms = 5_000.into());
        scene.say(learner, |status| {
            status.up_ms = 7_000.into();
            status.decided_until = (status.decided_until.get() + 500).into();
            status.known_until = status.decided_until;
        });
        scene.say(learner, |status| status.up_ms = 6_000.into());
        let seen = scene.cluster.live(Role::Learner, scene.now).next().expect("it was heard");
        assert_eq!(seen.rates().expect("two were heard").decided, 250.0);
        assert_eq!(seen.last.status.up_ms.get(), 7_000);
    }

    #[test]
    fn a_process_lags_behind_what_another_had_before_it_spoke_not_after() {
        let mut scene = Scene::healthy();
        let (leader, learner) = (scene.key(Role::Proposer, 1), scene.key(Role::Learner, 1));
        scene.say(learner, |_| {});
        scene.say(leader, |status| {
            (status.decided_until, status.known_until) = (9_000.into(), 9_000.into());
        });
        let lag = |scene: &Scene| {
            let seen = scene.cluster.live(Role::Learner, scene.now).next().expect("it was heard");
            (seen.last.lag, seen.lag())
        };
        assert_eq!(lag(&scene), (0, 0));
        scene.say(learner, |_| {});
        assert_eq!(lag(&scene).1, 0, "once is a moment");
        scene.say(learner, |_| {});
        assert_eq!(lag(&scene).0, lag(&scene).1);
        assert!(lag(&scene).0 > 7_000);
    }

    #[test]
    fn what_happens_is_told_in_order() {
        let mut scene = Scene::healthy();
        let (leader, client) = (scene.key(Role::Proposer, 1), scene.key(Role::Client, 1));
        scene.silence(client);
        scene.silence(leader);
        scene.pass(5 * S);
        let events: Vec<&str> = scene.cluster.events().map(|event| event.text.as_str()).collect();
        let at = |what: &str| events.iter().position(|event| event.contains(what)).expect(what);
        assert!(at("P1 started") < at("P1 leads in ballot 1.P1"));
        assert!(at("P1 leads") < at("C1 has ended"));
        assert!(at("P1 leads") < at("nobody leads any more"));
    }

    #[test]
    fn another_start_takes_the_place_of_one_that_has_ended() {
        let mut scene = Scene::healthy();
        let learner = scene.key(Role::Learner, 2);
        scene.silence(learner);
        scene.pass(S);
        let again = (learner.0, learner.1, learner.2 + 1);
        scene.join(again, |_| {});
        scene.pass(5 * S);
        let starts: Vec<u64> = scene
            .cluster
            .processes()
            .filter(|seen| (seen.sender.role, seen.sender.id) == (Role::Learner, 2))
            .map(|seen| seen.sender.incarnation)
            .collect();
        assert_eq!(starts, [again.2]);
    }

    #[test]
    fn nothing_grows_without_bound_whoever_sends_what() {
        let mut scene = Scene::healthy();
        for id in 0..4000_u16 {
            scene.join((Role::Learner, id, 77), |status| {
                (status.decided_until, status.known_until) =
                    (u64::from(id + 1).into(), u64::from(id + 1).into());
                status.digest = u64::from(id).into();
            });
        }
        assert_eq!(scene.cluster.processes().count(), WATCH_PROCESSES);
        assert!(scene.cluster.left_out > 0);
        assert!(scene.cluster.digests.len() <= WATCH_DIGESTS && scene.cluster.events.len() <= WATCH_EVENTS);
    }
}
