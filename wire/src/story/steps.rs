//! The steps of a story: which packets are part of it, what each of them means, and how long it took.

use super::{EntryId, Found, Subject};
use crate::check::{Seconds, Stance, Vote, together};
use crate::{Ballot, Body, LIVES_MAX, Packet, RangeRecord, Role, Run, Status, flags};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

/// Lines of a story at most.
const LINES: u64 = 10_000;
/// Lives of acceptors that are told apart.
const STANCES: usize = 256;

/// One ballot's proposal for one instance.
#[derive(Default)]
struct Proposed {
    at: Option<i64>,
    votes: heapless::Vec<Vote, 32>,
    /// When a majority of votes had been seen.
    quorum: Option<i64>,
}

pub struct Teller<'a> {
    subject: Subject,
    found: &'a Found,
    text: String,
    lines: u64,
    left_out: u64,
    /// Packets that were seen: several captures may hold the same.
    seen: BTreeSet<(Role, u16, u64, u64)>,
    again: u64,
    submitted: BTreeMap<EntryId, i64>,
    resubmitted: u64,
    proposed: BTreeMap<(u32, u64, Ballot), Proposed>,
    retransmitted: u64,
    repeated_votes: u64,
    stances: Vec<Stance>,
    /// Who is known to know it decided.
    knows: BTreeSet<(Role, u16, u64, u64)>,
    first_repair: Option<i64>,
    acknowledged: BTreeMap<EntryId, i64>,
    delivered: BTreeMap<u16, i64>,
}

impl<'a> Teller<'a> {
    pub fn new(subject: Subject, found: &'a Found) -> Teller<'a> {
        Teller {
            subject,
            found,
            text: String::new(),
            lines: 0,
            left_out: 0,
            seen: BTreeSet::new(),
            again: 0,
            submitted: BTreeMap::new(),
            resubmitted: 0,
            proposed: BTreeMap::new(),
            retransmitted: 0,
            repeated_votes: 0,
            stances: Vec::new(),
            knows: BTreeSet::new(),
            first_repair: None,
            acknowledged: BTreeMap::new(),
            delivered: BTreeMap::new(),
        }
    }

    fn since_start(&self, time_ns: i64) -> Seconds {
        Seconds(i128::from(time_ns) - i128::from(self.found.start_ns.unwrap_or(time_ns)))
    }

    fn line(&mut self, time_ns: i64, what: &str, packet: &dyn std::fmt::Display) {
        if self.lines >= LINES {
            self.left_out += 1;
            return;
        }
        self.lines += 1;
        let time = self.since_start(time_ns).to_string();
        writeln!(self.text, "{time:>12}  {what:<26}  {packet}").expect("a string takes it");
    }

    /// The lowest of the story's instances in a range.
    fn within(&self, first: u64, until: u64) -> Option<u64> {
        if first >= until {
            return None;
        }
        self.found.instances.range(first..until).next().copied()
    }

    pub fn packet(&mut self, time_ns: i64, packet: &Packet) {
        let Some(what) = self.meaning(time_ns, packet) else { return };
        let (sender, sequence) = (packet.sender, packet.header.sequence());
        if !self.seen.insert((sender.role, sender.id, sender.incarnation, sequence)) {
            self.again += 1;
            return;
        }
        self.line(time_ns, &what, packet);
        if let Body::Phase2b(body, lives, ranges) = packet.body {
            self.votes(time_ns, packet, body.ballot.get(), (body.life.get(), lives), ranges);
        }
    }

    /// What a packet means for the story; none when it is no part of it, or only repeats another.
    fn meaning(&mut self, time_ns: i64, packet: &Packet) -> Option<String> {
        let (sender, log) = (packet.sender, packet.header.log.get());
        let stamp = (sender.role, sender.id, sender.incarnation, packet.header.sequence());
        let again = self.seen.contains(&stamp);
        match packet.body {
            Body::Submit(body, _) => {
                let id = (sender.id, sender.incarnation, body.number.get());
                if !self.found.entries.contains(&id) {
                    return None;
                }
                if self.submitted.contains_key(&id) {
                    self.resubmitted += u64::from(!again);
                    return Some("submitted again".into());
                }
                self.submitted.insert(id, time_ns);
                Some("submitted".into())
            }
            Body::Phase2a(body, _) => {
                let instance = body.instance.get();
                if !self.found.instances.contains(&instance) {
                    return self.knowing(packet, body.decided_until.get());
                }
                let other = self.proposed.keys().any(|(_, known, _)| *known == instance);
                let proposed = self.proposed.entry((log, instance, body.ballot(sender))).or_default();
                if proposed.at.is_some() {
                    self.retransmitted += u64::from(!again);
                    return Some("proposed again".into());
                }
                proposed.at = Some(time_ns);
                Some(if other { "proposed in another ballot" } else { "proposed" }.into())
            }
            Body::Phase2b(body, _, ranges) => {
                let ballot = body.ballot.get();
                let voted = RangeRecord::all(ranges).find_map(|range| self.within(range.first, range.until));
                let Some(instance) = voted else {
                    return self.knowing(packet, body.decided_until.get().max(body.complete_until.get()));
                };
                let votes = self.proposed.get(&(log, instance, ballot)).map(|proposed| &proposed.votes);
                let mut known =
                    votes.into_iter().flatten().map(|vote| &self.stances[usize::from(vote.stance)]);
                if known.any(|known| (known.acceptor, known.life) == (sender.id, body.life.get())) {
                    self.repeated_votes += u64::from(!again);
                    return None;
                }
                Some(format!("accepted by {sender}"))
            }
            Body::Phase1b(body, _, runs) => {
                let told =
                    runs.iter().map(Run::range).find_map(|range| self.within(range.first, range.until));
                told.map(|_| "told to a new leader".to_string())
                    .or_else(|| self.knowing(packet, body.complete_until.get()))
            }
            Body::Value(body, _) => {
                self.within(body.instance.get(), body.instance.get().saturating_add(1))?;
                self.first_repair.get_or_insert(time_ns);
                Some(if packet.has(flags::DECIDED) { "repaired" } else { "told as accepted" }.into())
            }
            Body::CatchUp(_, ranges) | Body::Fetch(_, ranges) => {
                let missing =
                    RangeRecord::all(ranges).any(|range| self.within(range.first, range.until).is_some());
                missing.then(|| {
                    if let Body::Fetch(..) = packet.body { "asked of an acceptor" } else { "missed" }.into()
                })
            }
            Body::Watermark(body) => self.knowing(packet, body.decided_until.get()),
            Body::Heartbeat(body) => self.knowing(packet, body.decided_until.get()),
            Body::Report(body) => {
                let news = self.knowing(packet, body.delivered_until.get())?;
                let all = self.found.instances.last().is_some_and(|last| *last < body.delivered_until.get());
                if sender.role != Role::Learner {
                    return Some(news);
                }
                if all {
                    self.delivered.entry(sender.id).or_insert(time_ns);
                }
                Some(format!("delivered by {sender}"))
            }
            Body::Ack(_, records) => {
                let open = || records.iter().filter(|record| record.status() == Some(Status::Open));
                let acknowledged = |id: &&EntryId| {
                    open().any(|record| {
                        (record.client.get(), record.incarnation.get()) == (id.0, id.1)
                            && id.2 < record.decided_until.get()
                    })
                };
                let new: Vec<EntryId> = self
                    .found
                    .entries
                    .iter()
                    .filter(|id| !self.acknowledged.contains_key(id))
                    .filter(acknowledged)
                    .copied()
                    .collect();
                self.acknowledged.extend(new.iter().map(|id| (*id, time_ns)));
                (!new.is_empty()).then(|| "acknowledged".into())
            }
            _ => None,
        }
    }

    /// Whether it is news that the sender knows all of the story's instances below `until` decided.
    fn knowing(&mut self, packet: &Packet, until: u64) -> Option<String> {
        let last = self.found.instances.range(..until).next_back().copied()?;
        let sender = packet.sender;
        let news = self.knows.insert((sender.role, sender.id, sender.incarnation, last));
        news.then(|| format!("decided, says {sender}"))
    }

    fn votes(
        &mut self,
        time_ns: i64,
        packet: &Packet,
        ballot: Ballot,
        (life, lives): (u64, &[zerocopy::byteorder::big_endian::U64]),
        ranges: &[RangeRecord],
    ) {
        let sender = packet.sender;
        let stance = Stance {
            acceptor: sender.id,
            incarnation: sender.incarnation,
            life,
            lives: lives.iter().take(LIVES_MAX).map(|life| life.get()).collect(),
            index: lives.iter().position(|known| known.get() == life),
        };
        let at = match self.stances.iter().position(|known| *known == stance) {
            Some(at) => at,
            None if self.stances.len() < STANCES => {
                self.stances.push(stance);
                self.stances.len() - 1
            }
            None => return,
        };
        let ranges: Vec<_> = RangeRecord::all(ranges).filter(|range| range.first < range.until).collect();
        let instances: Vec<u64> = ranges
            .iter()
            .flat_map(|range| self.found.instances.range(range.first..range.until))
            .copied()
            .collect();
        let majority = self.found.acceptors / 2 + 1;
        for instance in instances {
            let proposed = self.proposed.entry((packet.header.log.get(), instance, ballot)).or_default();
            if proposed.votes.iter().any(|vote| usize::from(vote.stance) == at) {
                continue;
            }
            let vote = Vote::new(at as u16, packet.header.sequence());
            let _ = proposed.votes.push(vote); // so many are enough
            let votes = together(&proposed.votes, &self.stances);
            if proposed.quorum.is_none() && self.found.acceptors > 0 && votes.len() >= majority {
                proposed.quorum = Some(time_ns);
                let who: Vec<String> = votes.iter().map(|id| format!("A{id}")).collect();
                let what = format!(
                    "instance {instance}: {} of {} voted in {ballot}: {}",
                    votes.len(),
                    self.found.acceptors,
                    who.join(", ")
                );
                self.line(time_ns, "DECIDED", &what);
            }
        }
    }

    /// The story, with a summary of where the time went and of what the captures do not show.
    pub fn finish(mut self, captures: usize) -> String {
        if self.lines == 0 {
            return match self.subject {
                Subject::Instance(instance) => {
                    format!("nothing about instance {instance} is in the capture\n")
                }
                Subject::Value { client, number } => {
                    format!("nothing about entry {number} of client {client} is in the capture\n")
                }
            };
        }
        let mut told = std::mem::take(&mut self.text);
        told.push('\n');
        self.whereabouts(&mut told).expect("a string takes it");
        self.times(&mut told).expect("a string takes it");
        if captures > 1 {
            told.push_str("Times of several captures: how far their clocks differ is in them.\n");
        }
        told
    }

    fn whereabouts(&self, to: &mut String) -> std::fmt::Result {
        let instances: Vec<String> = self.found.instances.iter().map(u64::to_string).collect();
        if let Subject::Value { client, number } = self.subject {
            let entries = self.found.entries.len();
            write!(to, "Client {client}, entry {number}: ")?;
            match instances.len() {
                0 => writeln!(to, "in no instance that the capture shows")?,
                1 => writeln!(to, "in instance {}", instances[0])?,
                _ => writeln!(
                    to,
                    "in instances {}; each entry counts where it comes first in its turn",
                    instances.join(", ")
                )?,
            }
            let starts: BTreeSet<u64> = self.found.entries.iter().map(|(_, start, _)| *start).collect();
            if starts.len() > 1 {
                writeln!(to, "Client {client} was started {} times: each start numbers anew", starts.len())?;
            } else if entries > 1 {
                writeln!(to, "Its last value goes on: it takes {entries} entries")?;
            }
        }
        for (count, what) in [
            (self.resubmitted, "submitted again"),
            (self.retransmitted, "proposed again in the same ballot"),
            (self.repeated_votes, "votes repeated by later 2b, not shown"),
            (self.again, "packets captured more than once, shown once"),
            (self.left_out, "further lines left out"),
        ] {
            if count > 0 {
                writeln!(to, "{count} × {what}")?;
            }
        }
        if self.found.more {
            writeln!(to, "There is more than can be told: only the first instances and entries are")?;
        }
        Ok(())
    }

    fn times(&self, to: &mut String) -> std::fmt::Result {
        let submitted = self.submitted.values().min().copied();
        let proposed = self.proposed.values().filter_map(|proposed| proposed.at).min();
        let quorum = self.proposed.values().filter_map(|proposed| proposed.quorum).min();
        let acknowledged = self.acknowledged.values().max().copied();
        let steps =
            [("submit", submitted), ("2a", proposed), ("votes of a majority", quorum), ("ack", acknowledged)];
        writeln!(to, "Where the time went:")?;
        for pair in steps.windows(2) {
            step(to, pair[0], pair[1])?;
        }
        step(to, steps[0], steps[3])?;
        for (learner, at) in &self.delivered {
            step(to, steps[2], (&format!("delivered, says L{learner} when it reports"), Some(*at)))?;
        }
        if let Some(repair) = self.first_repair {
            step(to, steps[2], ("first repair", Some(repair)))?;
        }
        if self.found.acceptors == 0 {
            writeln!(to, "  No 1b or 2b tells how many acceptors there are, so no majority can be seen")?;
        }
        Ok(())
    }
}

fn step(
    to: &mut String,
    (from, since): (&str, Option<i64>),
    (until, at): (&str, Option<i64>),
) -> std::fmt::Result {
    match (since, at) {
        (Some(since), Some(at)) => {
            writeln!(
                to,
                "{:>12} s  {from} → {until}",
                Seconds(i128::from(at) - i128::from(since)).to_string()
            )
        }
        (None, _) => writeln!(to, "{:>12}    {from} → {until}: the capture shows no {from}", "?"),
        (_, None) => writeln!(to, "{:>12}    {from} → {until}: the capture shows no {until}", "?"),
    }
}
