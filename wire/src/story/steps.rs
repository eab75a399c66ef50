//! The steps of a story: which packets are part of it, what each of them means, and how long it took.

use super::{Cut, EntryId, Found, Subject};
use crate::check::{Seconds, Stance, Vote, together};
use crate::{Ballot, Batch, Body, Front, LIVES_MAX, Packet, RangeRecord, Role, Run, Sender, Status, flags};
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
    /// None while no whole packet told.
    entries: Option<Vec<EntryId>>,
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

    /// All of the story's instances in ranges.
    fn all_within(&self, ranges: &[RangeRecord]) -> Vec<u64> {
        let ranges = RangeRecord::all(ranges).filter(|range| range.first < range.until);
        ranges.flat_map(|range| self.found.instances.range(range.first..range.until)).copied().collect()
    }

    fn has_voted(&self, proposal: (u32, u64, Ballot), acceptor: u16, life: u64) -> bool {
        let votes = self.proposed.get(&proposal).map(|proposed| &proposed.votes);
        let mut known = votes.into_iter().flatten().map(|vote| &self.stances[usize::from(vote.stance)]);
        known.any(|known| (known.acceptor, known.life) == (acceptor, life))
    }

    pub fn packet(&mut self, time_ns: i64, packet: &Packet) {
        let Some(what) = self.meaning(time_ns, packet) else { return };
        if !self.first_time(packet.sender, packet.header.sequence()) {
            return;
        }
        self.line(time_ns, &what, packet);
        if let Body::Phase2b(body, lives, ranges) = packet.body {
            self.votes(time_ns, packet, body.ballot.get(), (body.life.get(), lives), ranges);
        }
    }

    /// A packet of which only the beginning was captured.
    pub fn cut(&mut self, time_ns: i64, cut: &Cut) {
        let (sender, sequence) = (cut.outline.sender, cut.outline.sequence);
        let again = self.seen.contains(&(sender.role, sender.id, sender.incarnation, sequence));
        let instances = &self.found.instances;
        let what = match (cut.outline.front, cut.number) {
            (Front::Phase2a { ballot, instance, .. }, _) if instances.contains(&instance) => {
                self.proposes(time_ns, (cut.log, instance, ballot), None, again)
            }
            (Front::Value { instance, .. }, _) if instances.contains(&instance) => {
                self.repairs(time_ns, cut.decided)
            }
            (_, Some(number)) => {
                match self.submits(time_ns, (sender.id, sender.incarnation, number), again) {
                    Some(what) => what,
                    None => return,
                }
            }
            _ => return,
        };
        if self.first_time(sender, sequence) {
            self.line(time_ns, &what, &format_args!("{} (cut)", cut.outline));
        }
    }

    /// Whether this packet of the story is told for the first time.
    fn first_time(&mut self, sender: Sender, sequence: u64) -> bool {
        let first = self.seen.insert((sender.role, sender.id, sender.incarnation, sequence));
        self.again += u64::from(!first);
        first
    }

    fn submits(&mut self, time_ns: i64, id: EntryId, again: bool) -> Option<String> {
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

    fn proposes(
        &mut self,
        time_ns: i64,
        (log, instance, ballot): (u32, u64, Ballot),
        batch: Option<Batch>,
        again: bool,
    ) -> String {
        let others = self.proposed.iter().filter(|((_, known, other), proposed)| {
            *known == instance && *other != ballot && proposed.at.is_some()
        });
        let alike = |other: &Ballot| other.to_string() == ballot.to_string();
        let what = match others.map(|((_, _, other), _)| alike(other)).max() {
            None => "proposed",
            Some(false) => "proposed in another ballot",
            // What is printed of their ballots leaves out the starts.
            Some(true) => "proposed by another start",
        };
        self.carries((log, instance, ballot), batch);
        let proposed = self.proposed.entry((log, instance, ballot)).or_default();
        if proposed.at.is_some() {
            self.retransmitted += u64::from(!again);
            return "proposed again".into();
        }
        proposed.at = Some(time_ns);
        what.into()
    }

    /// What was proposed for an instance in a ballot.
    fn carries(&mut self, proposal: (u32, u64, Ballot), batch: Option<Batch>) {
        let proposed = self.proposed.entry(proposal).or_default();
        if let (Some(batch), None) = (batch, &proposed.entries) {
            let ids = batch.entries().map(|entry| (entry.client, entry.incarnation, entry.number));
            proposed.entries = Some(ids.collect());
        }
    }

    fn repairs(&mut self, time_ns: i64, decided: bool) -> String {
        if !decided {
            return "told as accepted".into();
        }
        self.first_repair.get_or_insert(time_ns);
        "repaired".into()
    }

    /// What a packet means for the story; none when it is no part of it, or only repeats another.
    fn meaning(&mut self, time_ns: i64, packet: &Packet) -> Option<String> {
        let (sender, log) = (packet.sender, packet.header.log.get());
        let stamp = (sender.role, sender.id, sender.incarnation, packet.header.sequence());
        let again = self.seen.contains(&stamp);
        match packet.body {
            Body::Submit(body, _) => {
                self.submits(time_ns, (sender.id, sender.incarnation, body.number.get()), again)
            }
            Body::Phase2a(body, batch) => {
                let instance = body.instance.get();
                if !self.found.instances.contains(&instance) {
                    return self.knowing(packet, body.decided_until.get());
                }
                Some(self.proposes(time_ns, (log, instance, body.ballot(sender)), Some(batch), again))
            }
            Body::Phase2b(body, _, ranges) => {
                let ballot = body.ballot.get();
                let voted = self.all_within(ranges);
                if voted.is_empty() {
                    return self.knowing(packet, body.decided_until.get().max(body.complete_until.get()));
                }
                let life = body.life.get();
                if voted.iter().all(|instance| self.has_voted((log, *instance, ballot), sender.id, life)) {
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
            Body::Value(body, batch) => {
                let instance = body.instance.get();
                if !self.found.instances.contains(&instance) {
                    return None;
                }
                self.carries((log, instance, body.ballot.get()), Some(batch));
                Some(self.repairs(time_ns, packet.has(flags::DECIDED)))
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
                if sender.role != Role::Learner {
                    return Some(news);
                }
                match self.part(body.delivered_until.get()) {
                    Some(last) => Some(format!("delivered to i{last} by {sender}")),
                    None => {
                        self.delivered.entry(sender.id).or_insert(time_ns);
                        Some(format!("delivered by {sender}"))
                    }
                }
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
        news.then(|| match self.part(until) {
            Some(last) => format!("decided to i{last}, says {sender}"),
            None => format!("decided, says {sender}"),
        })
    }

    /// The last of the story's instances below `until`, if others follow.
    fn part(&self, until: u64) -> Option<u64> {
        self.found.instances.range(until..).next()?;
        self.found.instances.range(..until).next_back().copied()
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
        let instances = self.all_within(ranges);
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
            let mut told = match self.subject {
                Subject::Instance(instance) => {
                    format!("nothing about instance {instance} is in the capture\n")
                }
                Subject::Value { client, number } => {
                    format!("nothing about entry {number} of client {client} is in the capture\n")
                }
            };
            self.cut_off(&mut told).expect("a string takes it");
            return told;
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
        if let Subject::Value { client, number } = self.subject {
            let entries = self.found.entries.len();
            write!(to, "Client {client}, entry {number}: ")?;
            let instances = listed(&self.found.instances);
            match self.found.instances.len() {
                0 => writeln!(to, "in no instance that the capture shows")?,
                1 => writeln!(to, "in instance {instances}")?,
                _ => writeln!(
                    to,
                    "in instances {instances}; each entry counts where it comes first in its turn"
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
        self.cut_off(to)
    }

    fn cut_off(&self, to: &mut String) -> std::fmt::Result {
        match self.found.cut {
            0 => Ok(()),
            cut => writeln!(
                to,
                "{cut} × a packet cut off by the captures: what it carries is not told; record packets whole (tcpdump -s 0, --trace-snap 0)"
            ),
        }
    }

    /// When each step of the story was done, as far as the captures show: submitted, proposed, decided, acknowledged. Of
    /// several entries those are the first submit and 2a, and the last of all votes and acks that it takes.
    fn steps(&self) -> [Option<i64>; 4] {
        let with_quorum = self.proposed.values().filter(|proposed| proposed.quorum.is_some());
        let chosen = with_quorum.clone().min_by_key(|proposed| proposed.quorum);
        // Of an instance, the value that was decided; of others that were proposed for it nothing need come.
        let chosen =
            chosen.filter(|chosen| matches!(self.subject, Subject::Instance(_)) && chosen.entries.is_some());
        let entries: Vec<EntryId> = match chosen {
            Some(chosen) => chosen.entries.clone().unwrap_or_default(),
            None => self.found.entries.iter().copied().collect(),
        };
        let decided_at = |id: &EntryId| {
            let its = with_quorum
                .clone()
                .filter(|proposed| proposed.entries.iter().flatten().any(|entry| entry == id));
            its.filter_map(|proposed| proposed.quorum).min()
        };
        let submitted = entries.iter().filter_map(|id| self.submitted.get(id)).min().copied();
        let proposals = self.proposed.values();
        let same = |proposed: &&Proposed| chosen.is_none_or(|chosen| chosen.entries == proposed.entries);
        let proposed = proposals.filter(same).filter_map(|proposed| proposed.at).min();
        let decided = match self.subject {
            Subject::Instance(_) => with_quorum.clone().filter_map(|proposed| proposed.quorum).min(),
            Subject::Value { .. } => last_of_all(entries.iter().map(decided_at)),
        };
        let acknowledged = last_of_all(entries.iter().map(|id| self.acknowledged.get(id).copied()));
        [submitted, proposed, decided, acknowledged]
    }

    fn times(&self, to: &mut String) -> std::fmt::Result {
        let [submitted, proposed, quorum, acknowledged] = self.steps();
        let names = match self.subject {
            Subject::Value { .. } if self.found.entries.len() > 1 => {
                ["first submit", "first 2a", "votes of a majority for all", "ack of all"]
            }
            _ => ["submit", "2a", "votes of a majority", "ack"],
        };
        let steps =
            [(names[0], submitted), (names[1], proposed), (names[2], quorum), (names[3], acknowledged)];
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

/// The latest, if there are any and none is missing.
fn last_of_all(times: impl Iterator<Item = Option<i64>>) -> Option<i64> {
    let times: Option<Vec<i64>> = times.collect();
    times?.into_iter().max()
}

/// `7, 8, [20..31)`: what follows each other for long is told as a range.
fn listed(instances: &BTreeSet<u64>) -> String {
    let mut runs: Vec<(u64, u64)> = Vec::new();
    for instance in instances {
        match runs.last_mut() {
            Some((_, last)) if *last + 1 == *instance => *last = *instance,
            _ => runs.push((*instance, *instance)),
        }
    }
    let told = runs.into_iter().map(|(first, last)| match last - first {
        0 => first.to_string(),
        1 => format!("{first}, {last}"),
        _ => format!("[{first}..{})", u128::from(last) + 1),
    });
    told.collect::<Vec<_>>().join(", ")
}
