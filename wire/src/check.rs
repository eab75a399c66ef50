//! `wire check`: replays captures against the invariants of the protocol that packets can show.
//!
//! ```text
//! Datagram ─► split, parse ─► Start of its sender: sequence, promise, life, watermark
//!                         └─► Log: proposals, votes, what a majority chose, claims
//! finish   ─► claims without proof: wrong, or is something missing?  ─► Report
//! ```
//!
//! A false alarm is worse than no rule, so nothing is concluded from what is not there unless the capture is
//! known to hold it: an acceptor is *complete* when the sequence numbers of all its starts have no gap from 0
//! on, and it was heard again afterwards, or silent long before in a capture that has no gaps at all. What an incomplete
//! one may have voted is granted.
//! Of a log that was founded before the capture began, nothing is asked of the kind.
//!
//! Who spoke first is told by the sequence numbers of one sender, never by arrival. Only where everything was
//! recorded on the one host that everything ran on (one input, loopback addresses) is the order of the
//! capture that of what happened, and then a claim must have its proof before it. Elsewhere the proof may come
//! at any time.
//!
//! Memory is bounded: about 500 bytes for each of the last 32,768 instances of each of [`LOGS`]
//! logs, 12 KiB for each of [`STARTS`] starts of processes; payloads are held as XXH3-64.

mod acceptors;
mod doubts;
mod instances;
mod judge;
mod log;
mod members;
mod place;
mod report;
mod rule;
mod sessions;
mod starts;
#[cfg(test)]
mod tests;

pub use place::{Place, Proof};
pub use report::{Report, Unjudged, Violation};
pub use rule::{Count, Rule};

pub(crate) use instances::{Stance, Vote, together};
pub(crate) use place::Seconds;

use crate::capture::Datagram;
use crate::dump::{Host, Input, Merge, Step, Stream};
use crate::header::Header;
use crate::{AckRecord, Body, Front, Outline, Packet, Role, Status, flags};
use instances::Alarm;
use log::Log;
use sessions::Verdict;
use starts::{Met, Said, Start};
use std::collections::HashMap;
use zerocopy::FromBytes;

/// Logs that are told apart; packets of further ones are not judged.
pub const LOGS: usize = 16;
/// Starts of processes that are told apart; packets of further ones are not judged.
pub const STARTS: usize = 8192;

/// What is known of the captures beside their packets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Order {
    /// As happened, if there is one input and all its addresses are loopback; else none.
    #[default]
    Guess,
    /// As happened: one capture of the one host that everything ran on.
    AsHappened,
    /// None that says anything.
    Unknown,
}

type Who = (Role, u16, u64, u32);

/// Reads all inputs, and finds what is wrong in them. The lines of packets that prove it are found by
/// [`look_up`].
pub fn check(inputs: Vec<Input>, order: Order, host: &mut dyn Host) -> Report {
    let mut checker = Checker::new(inputs.len(), order);
    Merge::new(inputs).each(host, |at, datagram| checker.datagram(at, datagram));
    checker.finish()
}

/// Finds the lines of the packets of one input that prove something, reading it once more.
pub fn look_up(report: &mut Report, input: usize, mut stream: impl Stream) {
    let wanted = report.wanted(input);
    let mut next = wanted.iter().peekable();
    let mut spare = Vec::new();
    while next.peek().is_some() {
        let Step::Datagram(datagram) = stream.next(&mut spare) else { return };
        while let Some(place) = next.next_if(|place| u64::from(place.frame) <= datagram.frame) {
            let bytes = crate::split(&datagram.bytes).nth(place.part.into()).unwrap_or_default();
            let line = Packet::parse(bytes).map(|packet| packet.to_string());
            let cut = || Outline::of(bytes).map(|outline| outline.to_string());
            if let Some(line) = line.ok().or_else(cut).filter(|_| u64::from(place.frame) == datagram.frame) {
                report.found(place, &line);
            }
        }
    }
}

/// Reads packets, and finds what they break.
pub struct Checker {
    order: Order,
    /// The order of packets is that of what happened, as far as is known.
    ordered: bool,
    starts: Vec<Start>,
    by_name: HashMap<(u8, u16, u64, u32), usize>,
    logs: Vec<Log>,
    counts: [Count; Rule::ALL.len()],
    report: Report,
    /// Packets of logs and starts for which there was no room.
    beyond: u64,
    ordinal: u64,
    alarms: Vec<Alarm>,
}

impl Checker {
    /// Of so many inputs.
    pub fn new(inputs: usize, order: Order) -> Checker {
        let ordered = match order {
            Order::Guess => inputs == 1,
            Order::AsHappened => true,
            Order::Unknown => false,
        };
        Checker {
            order,
            ordered,
            starts: Vec::new(),
            by_name: HashMap::new(),
            logs: Vec::new(),
            counts: Default::default(),
            report: Report::default(),
            beyond: 0,
            ordinal: 0,
            alarms: Vec::new(),
        }
    }

    /// The next datagram of an input.
    pub fn datagram(&mut self, input: usize, datagram: &Datagram) {
        if self.order == Order::Guess
            && (!datagram.source.ip().is_loopback() || datagram.note.process.is_some())
        {
            self.ordered = false;
        }
        self.report.start_ns.get_or_insert(datagram.time_ns);
        let mut packets = crate::split(&datagram.bytes).enumerate().peekable();
        while let Some((part, bytes)) = packets.next() {
            let place = Place {
                ordinal: self.ordinal,
                time_ns: datagram.time_ns,
                frame: datagram.frame as u32,
                input: input as u16,
                part: part as u16,
            };
            self.ordinal += 1;
            match Packet::parse(bytes) {
                Ok(packet) => self.packet(place, &packet),
                Err(_) if datagram.truncated.is_some() && packets.peek().is_none() => self.cut(place, bytes),
                Err(refusal) if crate::dump::sealed(bytes, refusal).is_some() => self.cut(place, bytes),
                Err(_) => self.report.malformed += 1,
            }
        }
    }

    /// A packet of which the capture holds only the beginning, or whose key is not at hand. Its tag cannot be checked, so only what makes
    /// others' claims more likely is taken from it.
    fn cut(&mut self, place: Place, bytes: &[u8]) {
        self.report.cut += 1;
        let (Some(outline), Ok((header, _))) = (Outline::of(bytes), Header::ref_from_prefix(bytes)) else {
            return;
        };
        let (sender, cluster, log) = (outline.sender, header.cluster.get(), header.log.get());
        let who = (sender.role, sender.id, sender.incarnation, cluster);
        let Some(at) = self.start(who, place) else { return };
        if header.is_sealed() {
            // What stands in the place of its tag does not tell it from others, and it may be opened elsewhere.
            self.starts[at].count(outline.sequence, place);
        } else {
            self.starts[at].meet(outline.sequence, u64::from_be_bytes(header.tag), place);
        }
        match outline.front {
            // Its batch is missing, but not that it was proposed.
            Front::Phase2a { ballot, instance, .. } if log != 0 => {
                let mut alarms = core::mem::take(&mut self.alarms);
                if let Some(log) = self.log(cluster, log, instance) {
                    log.proposed((instance, ballot), None, true, place, &mut alarms);
                }
                self.alarms = alarms;
                self.raise(None);
            }
            _ => self.starts[at].cut += 1,
        }
    }

    fn start(&mut self, (role, id, incarnation, cluster): Who, place: Place) -> Option<usize> {
        let name = (role as u8, id, incarnation, cluster);
        if let Some(at) = self.by_name.get(&name) {
            return Some(*at);
        }
        if self.starts.len() >= STARTS {
            self.beyond += 1;
            return None;
        }
        self.starts.push(Start::new(role, id, incarnation, cluster, place));
        self.by_name.insert(name, self.starts.len() - 1);
        Some(self.starts.len() - 1)
    }

    fn log(&mut self, cluster: u32, id: u32, instance: u64) -> Option<&mut Log> {
        if let Some(at) = self.logs.iter().position(|log| (log.id, log.cluster) == (id, cluster)) {
            return self.logs.get_mut(at);
        }
        if self.logs.len() >= LOGS {
            self.beyond += 1;
            return None;
        }
        // The first packets may have overtaken others.
        let base = instance.saturating_sub(instances::WINDOW / 2);
        self.logs.push(Log::new(cluster, id, base));
        self.logs.last_mut()
    }

    /// Tells what was found wrong. `now`: the packet that is looked at.
    fn raise(&mut self, now: Option<(&Place, &dyn core::fmt::Display)>) {
        for (rule, text, proof) in self.alarms.drain(..) {
            self.counts[rule as usize].broken += u64::from(self.report.add(rule, text, proof, now));
        }
    }

    fn judged(&mut self, rule: Rule) {
        self.counts[rule as usize].judged += 1;
    }

    /// A packet that passed all checks.
    fn packet(&mut self, place: Place, packet: &Packet) {
        self.report.packets += 1;
        let (sender, header) = (packet.sender, packet.header);
        let (sequence, cluster) = (header.sequence(), header.cluster.get());
        let Some(at) = self.start((sender.role, sender.id, sender.incarnation, cluster), place) else {
            return;
        };
        match self.starts[at].meet(sequence, u64::from_be_bytes(header.tag), place) {
            Met::New => {}
            Met::Again => {
                self.report.again += 1;
                return;
            }
            Met::Other(other) => {
                let text = format!(
                    "two packets of {sender} have the sequence number {sequence}: two starts use the incarnation {:016x}",
                    sender.incarnation
                );
                self.alarms.push((Rule::Starts, text, vec![other, place]));
            }
        }
        self.judged(Rule::Starts);
        self.owns(place, packet);
        self.marks(at, place, packet);
        match packet.body {
            Body::Phase1b(body, told, runs) => self.phase1b(at, place, packet, body, told, runs),
            Body::Phase2b(body, told, ranges) => self.phase2b(at, place, packet, body, told, ranges),
            Body::Nack(body) => self.promises(at, place, packet, body.promised.get(), None),
            Body::Helped(body, told) => self.helped(at, place, packet, body, told),
            Body::Found(_, members) => {
                let members = members.iter().map(|member| (member.id.get(), member.life.get()));
                if let Some(log) = self.log_of(packet, 0) {
                    log.members.founded(members, at, place);
                }
            }
            Body::Phase2a(body, batch) => {
                let (instance, ballot) = (body.instance.get(), body.ballot(sender));
                if packet.header.log.get() != 0 {
                    self.judged(Rule::OneValue);
                    self.judged(Rule::OneDecision);
                }
                self.with_log(packet, instance, |log, _, alarms| {
                    log.proposed((instance, ballot), Some(batch), true, place, alarms);
                });
                self.claims(place, packet, body.decided_until.get());
            }
            Body::Value(body, batch) => {
                let (instance, ballot) = (body.instance.get(), body.ballot.get());
                let decided = packet.has(flags::DECIDED);
                self.judged(Rule::OneValue);
                self.counts[Rule::Decided as usize].judged += u64::from(decided);
                self.counts[Rule::OneDecision as usize].judged += u64::from(decided);
                let held = self.with_log(packet, instance, |log, ordered, alarms| {
                    if log.instances.base() > instance {
                        return false;
                    }
                    log.proposed((instance, ballot), Some(batch), false, place, alarms);
                    !decided || log.repaired(instance, Some(batch), place, ordered, alarms)
                });
                if held == Some(false) {
                    self.report.late_repairs += 1;
                    for rule in [Rule::OneValue, Rule::OneDecision, Rule::Decided] {
                        self.unjudge(rule, u64::from(decided || rule == Rule::OneValue));
                    }
                }
            }
            Body::Watermark(body) => self.claims(place, packet, body.decided_until.get()),
            Body::Heartbeat(body) => self.claims(place, packet, body.decided_until.get()),
            Body::CatchUp(body, _) => self.claims(place, packet, body.have_until.get()),
            Body::Report(body) => self.claims(place, packet, body.delivered_until.get()),
            Body::Ack(_, records) => self.acks(place, packet, records),
            Body::Hello(_) | Body::Submit(..) | Body::Phase1a(_) | Body::Fetch(..) => {}
            Body::Join(_) | Body::Over(_) | Body::ProcessStatus(_) => {}
            // Observers have no part in the cluster.
            Body::Probe(..) | Body::Tally(..) => {}
        }
        self.raise(Some((&place, packet)));
    }

    fn unjudge(&mut self, rule: Rule, by: u64) {
        let count = &mut self.counts[rule as usize];
        let by = by.min(count.judged);
        (count.judged, count.unjudged) = (count.judged - by, count.unjudged + by);
    }

    /// The log that a packet names; none when it names none.
    fn log_of(&mut self, packet: &Packet, instance: u64) -> Option<&mut Log> {
        match packet.header.log.get() {
            0 => None,
            id => self.log(packet.header.cluster.get(), id, instance),
        }
    }

    fn with_log<T>(
        &mut self,
        packet: &Packet,
        instance: u64,
        act: impl FnOnce(&mut Log, bool, &mut Vec<Alarm>) -> T,
    ) -> Option<T> {
        let ordered = self.ordered;
        let mut alarms = core::mem::take(&mut self.alarms);
        let done = self.log_of(packet, instance).map(|log| {
            let done = act(log, ordered, &mut alarms);
            log.settle(false);
            done
        });
        self.alarms = alarms;
        done
    }

    /// Nobody asks for promises, leads, or joins in a ballot of somebody else or of a former start.
    fn owns(&mut self, place: Place, packet: &Packet) {
        let (ballot, owner) = match packet.body {
            Body::Phase1a(body) => (body.ballot.get(), packet.sender.incarnation),
            Body::Watermark(body) => (body.ballot.get(), packet.sender.incarnation),
            Body::Join(body) => (body.ballot.get(), body.life.get()),
            _ => return,
        };
        if (ballot.proposer(), ballot.incarnation()) != (packet.sender.id, owner) {
            let text = format!("{} uses the ballot {ballot:#}, which is another start's", packet.sender);
            self.alarms.push((Rule::Starts, text, vec![place]));
        }
    }

    /// What is known decided never becomes less while a process runs.
    fn marks(&mut self, at: usize, place: Place, packet: &Packet) {
        let (sequence, id) = (packet.header.sequence(), packet.header.log.get());
        let start = &mut self.starts[at];
        let (what, value) = match (packet.body, packet.sender.role) {
            (Body::Phase2a(body, _), _) => ("decided<", body.decided_until.get()),
            (Body::Watermark(body), _) => ("decided<", body.decided_until.get()),
            (Body::Heartbeat(body), _) => ("decided<", body.decided_until.get()),
            (Body::Phase2b(body, ..), _) => ("complete<", body.complete_until.get()),
            (Body::Phase1b(body, ..), _) => ("complete<", body.complete_until.get()),
            (Body::Report(body), Role::Learner) => ("delivered<", body.delivered_until.get()),
            _ => return,
        };
        if id == 0 {
            return;
        }
        if start.mark.0 != id {
            start.mark = (id, Default::default());
        }
        let mut falls = start.mark.1.say(Said { sequence, value, place }).map(|last| (what, last, value));
        if let Body::Phase2b(body, ..) = packet.body {
            let (key, value) = ((body.life.get(), body.ballot.get()), body.decided_until.get());
            if start.heard.0 < key {
                start.heard = (key, Default::default());
            }
            if start.heard.0 == key
                && let Some(last) = start.heard.1.say(Said { sequence, value, place })
            {
                falls = Some(("decided<", last, value));
            }
        }
        self.judged(Rule::Watermarks);
        if let Some((what, last, value)) = falls {
            let sender = packet.sender;
            let (first, then) =
                if last.sequence < sequence { (last.value, value) } else { (value, last.value) };
            let text = format!("{sender} said {what}{first}, and {what}{then} later");
            self.alarms.push((Rule::Watermarks, text, by_sequence(last, sequence, place)));
        }
    }

    /// Somebody takes all instances below for decided.
    fn claims(&mut self, place: Place, packet: &Packet, until: u64) {
        if until == 0 || packet.header.log.get() == 0 {
            return;
        }
        self.judged(Rule::Decided);
        self.with_log(packet, until, |log, ordered, _| log.claimed(until, place, ordered));
    }

    fn acks(&mut self, place: Place, packet: &Packet, records: &[AckRecord]) {
        let mut unknown = 0;
        for record in records.iter().filter(|record| record.status() == Some(Status::Open)) {
            let (client, incarnation) = (record.client.get(), record.incarnation.get());
            let until = record.decided_until.get();
            self.judged(Rule::Acknowledged);
            let verdict = self.with_log(packet, 0, |log, ordered, _| {
                let verdict = log.sessions.judge(client, incarnation, until);
                if verdict == Verdict::TooMuch && ordered {
                    log.told_too_much(place);
                } else if verdict != Verdict::Right && !ordered {
                    log.sessions.wait(client, incarnation, until, place);
                }
                // Where a verdict waits for the end, it is asked again then.
                log.sessions.unknown |= ordered && verdict == Verdict::Unknown;
                verdict
            });
            unknown += u64::from(verdict.is_none_or(|verdict| verdict == Verdict::Unknown));
        }
        self.unjudge(Rule::Acknowledged, unknown);
    }
}

/// The places of two packets, the one that was sent first first.
fn by_sequence<T>(last: Said<T>, sequence: u64, place: Place) -> Vec<Place> {
    if last.sequence < sequence { vec![last.place, place] } else { vec![place, last.place] }
}
