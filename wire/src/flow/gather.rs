//! From sightings to events: what is one packet, what it brought about, and how many are drawn as one.

use super::event::{Event, Note, Receipt};
use super::groups::{Addresses, Audience};
use crate::dump::SenderId;
use crate::sighting::{Sighting, What};
use crate::votes::{Vote, Votes};
use crate::{Ballot, Body, Front, Kind, Packet};
use std::collections::{BTreeMap, VecDeque};

/// How many processes get a line; packets of more are counted and left out.
pub const PROCESSES_MAX: usize = 48;
/// Characters that are kept of what a trace says of a packet.
const REMARK_MAX: usize = 200;
/// How many new starts of a process break its line.
const STARTS_MAX: usize = 64;
/// How many packets are remembered to recognise them when they are sighted again.
const RECENT_MAX: usize = 1 << 16;
/// At first, packets alike at most so far apart become one when there are too many, ns.
const WINDOW_NS: i128 = 100_000;

/// A process that was seen to send.
#[derive(Clone, Debug)]
pub struct Process {
    pub id: SenderId,
    incarnation: u64,
    /// From when on it is taken to hear what it listens to; `None`: since before the capture.
    pub born_ns: Option<i128>,
    /// Of the last packet of this incarnation.
    last_ns: i128,
    /// From the last packet of one incarnation to the first of the next: somewhere in between it ended and started.
    pub absent_ns: Vec<(i128, i128)>,
}

impl Process {
    fn is_absent(&self, event: &Event) -> bool {
        self.absent_ns.iter().any(|(from, to)| *from < event.first_ns && event.last_ns < *to)
    }
}

/// What was seen, ready to be drawn.
#[derive(Default)]
pub struct Gathered {
    pub processes: Vec<Process>,
    /// By time of the first packet.
    pub events: Vec<Event>,
    pub addresses: Addresses,
    /// By file: whose trace it is, and from when to when it shows something.
    pub traces: Vec<Trace>,
    /// Packets drawn, each once however often it was sighted.
    pub packets: u64,
    /// Packets of processes beyond [`PROCESSES_MAX`], or beyond what can be drawn.
    pub left_out: u64,
    /// Packets cut within their header, and what was refused as a packet: seen but not drawn.
    pub not_drawn: u64,
    pub quorum: usize,
    /// Who led before the first event.
    pub led_before: Option<SenderId>,
    /// Whether packets were drawn together to keep the bound.
    pub together: bool,
}

/// A file that is the trace of one process.
#[derive(Clone, Debug, Default)]
pub struct Trace {
    pub process: Option<SenderId>,
    pub span_ns: Option<(i128, i128)>,
}

type Identity = (SenderId, u64, u64);

/// Gathers in bounded memory: of events twice as many as may be drawn.
pub struct Gather {
    all: Gathered,
    events_max: usize,
    window_ns: i128,
    recent: BTreeMap<Identity, usize>,
    order: VecDeque<Identity>,
    votes: Votes,
    /// What a trace said last, until an event takes it along.
    remark: Option<String>,
    asked: Ballot,
    leader: Ballot,
    leading: Option<SenderId>,
}

impl Gather {
    /// `traces`: by file, whose trace it is.
    pub fn new(traces: Vec<Option<SenderId>>, events_max: usize) -> Gather {
        let traces = traces.into_iter().map(|process| Trace { process, span_ns: None }).collect();
        Gather {
            all: Gathered { traces, ..Gathered::default() },
            events_max: events_max.max(1),
            window_ns: WINDOW_NS,
            recent: BTreeMap::new(),
            order: VecDeque::new(),
            votes: Votes::default(),
            remark: None,
            asked: Ballot::ZERO,
            leader: Ballot::ZERO,
            leading: None,
        }
    }

    pub fn see(&mut self, sighting: Sighting) {
        if let Some(trace) = self.all.traces.get_mut(sighting.file) {
            let (first, last) = trace.span_ns.unwrap_or((sighting.time_ns, sighting.time_ns));
            trace.span_ns = Some((first.min(sighting.time_ns), last.max(sighting.time_ns)));
            // A trace says itself whose it is.
            if let Some(process) = sighting.note.process.as_deref().and_then(SenderId::read) {
                trace.process = Some(process);
            }
        }
        if let Some(comment) = &sighting.note.comment {
            let process = sighting.note.process.as_deref().unwrap_or("the capture");
            let comment: String = comment.chars().take(REMARK_MAX).collect();
            self.remark = Some(format!("{process}: {comment}"));
        }
        match &sighting.what {
            What::Packet(packet) => {
                self.all.addresses.learn(sighting.source, sighting.destination, packet);
                let sender = SenderId { role: packet.sender.role, id: packet.sender.id };
                let identity = (sender, packet.sender.incarnation, packet.header.sequence());
                if self.is_new(identity, &sighting) {
                    let mut event = Event::of(packet, sighting.destination, sighting.time_ns);
                    self.note(&mut event, packet);
                    self.add(event, identity, &sighting);
                }
            }
            What::Cut(cut) => {
                let outline = &cut.outline;
                let mut event = Event::of_cut(cut, sighting.destination, sighting.time_ns);
                let identity = (event.sender, outline.sender.incarnation, outline.sequence);
                if self.is_new(identity, &sighting) {
                    if let Front::Phase2a { ballot, .. } = outline.front {
                        self.lead(&mut event, ballot);
                    }
                    self.add(event, identity, &sighting);
                }
            }
            What::CutShort | What::Malformed => self.all.not_drawn += 1,
        }
    }

    /// A packet that was sighted before has arrived where this capture is.
    fn is_new(&mut self, identity: Identity, sighting: &Sighting) -> bool {
        let Some(at) = self.recent.get(&identity) else { return true };
        let receiver = self.all.traces.get(sighting.file).and_then(|trace| trace.process);
        if let Some(process) = receiver
            && process != identity.0
            && let Some(event) = self.all.events.get_mut(*at)
        {
            if let Some(remark) = self.remark.take() {
                event.remark(remark);
            }
            event.receive(Receipt { process, time_ns: sighting.time_ns, count: 1 });
        }
        false
    }

    fn add(&mut self, mut event: Event, identity: Identity, sighting: &Sighting) {
        let known = self.know(&mut event, identity);
        if !(known && sighting.wanted) {
            // Nor is it drawn when it is sighted again.
            self.remember(identity, usize::MAX);
            self.all.left_out += u64::from(!known && sighting.wanted);
            return;
        }
        if self.all.events.is_empty() && !event.notes.iter().any(|note| matches!(note, Note::Leads(..))) {
            self.all.led_before = self.leading;
        }
        if let Some(remark) = self.remark.take() {
            event.remark(remark);
        }
        self.all.packets += 1;
        let receiver = self.all.traces.get(sighting.file).and_then(|trace| trace.process);
        if let Some(process) = receiver.filter(|process| *process != identity.0) {
            // Nothing shows when it was sent: not later than it came.
            event.receive(Receipt { process, time_ns: sighting.time_ns, count: 1 });
        }
        self.remember(identity, self.all.events.len());
        self.all.events.push(event);
        if self.all.events.len() >= 2 * self.events_max {
            self.draw_together();
        }
    }

    fn remember(&mut self, identity: Identity, at: usize) {
        self.recent.insert(identity, at);
        self.order.push_back(identity);
        if self.order.len() > RECENT_MAX
            && let Some(oldest) = self.order.pop_front()
        {
            self.recent.remove(&oldest);
        }
    }

    /// Whether the sender has a line, or gets one.
    fn know(&mut self, event: &mut Event, (id, incarnation, sequence): Identity) -> bool {
        let processes = &mut self.all.processes;
        match processes.binary_search_by_key(&id, |process| process.id) {
            Ok(at) => {
                let process = &mut processes[at];
                if process.incarnation < incarnation {
                    if process.absent_ns.len() < STARTS_MAX {
                        process.absent_ns.push((process.last_ns, event.first_ns));
                    }
                    (process.incarnation, process.last_ns) = (incarnation, event.first_ns);
                    event.note(Note::Restarted(id));
                } else if process.incarnation == incarnation {
                    process.last_ns = process.last_ns.max(event.first_ns);
                }
                true
            }
            Err(_) if processes.len() == PROCESSES_MAX => false,
            Err(at) => {
                let born_ns = (sequence == 0).then_some(event.first_ns);
                let (last_ns, absent_ns) = (event.first_ns, Vec::new());
                processes.insert(at, Process { id, incarnation, born_ns, last_ns, absent_ns });
                true
            }
        }
    }

    fn note(&mut self, event: &mut Event, packet: &Packet) {
        if let Body::Phase1a(body) = packet.body
            && body.ballot.get() > self.asked
        {
            self.asked = body.ballot.get();
            event.note(Note::Asks(event.sender, self.asked));
        }
        if let Some(ballot) = crate::stat::led_ballot(packet) {
            self.lead(event, ballot);
        }
        if let Body::Phase2b(body, lives, ranges) = packet.body {
            let ranges = crate::RangeRecord::all(ranges);
            self.votes.hear(packet.sender.id, body.ballot.get(), lives.len(), ranges, |vote: Vote| {
                if vote.chosen {
                    event.note(Note::Chosen(vote.instance, vote.instance));
                }
            });
        }
    }

    fn lead(&mut self, event: &mut Event, ballot: Ballot) {
        if ballot > self.leader {
            (self.leader, self.leading) = (ballot, Some(event.sender));
            event.note(Note::Leads(event.sender, ballot));
        }
    }

    /// Makes events of packets alike, further and further apart, until no more are left than may be drawn.
    fn draw_together(&mut self) {
        self.all.together = true;
        let span = |events: &[Event]| {
            let first = events.iter().map(|event| event.first_ns).min().unwrap_or_default();
            events.iter().map(|event| event.first_ns).max().unwrap_or_default() - first
        };
        let whole = span(&self.all.events);
        loop {
            // At the end not even the destination keeps packets apart.
            self.merge(self.window_ns <= whole);
            if self.all.events.len() <= self.events_max {
                return;
            }
            if self.window_ns > whole {
                for event in self.all.events.drain(self.events_max..) {
                    self.all.left_out += event.count;
                    self.all.packets -= event.count;
                }
                return;
            }
            self.window_ns *= 2;
        }
    }

    fn merge(&mut self, by_destination: bool) {
        let mut merged: Vec<Event> = Vec::with_capacity(self.events_max);
        let mut open: BTreeMap<(SenderId, Kind, Option<std::net::SocketAddrV4>), usize> = BTreeMap::new();
        let mut moved = Vec::with_capacity(self.all.events.len());
        for event in self.all.events.drain(..) {
            let key = (event.sender, event.kind, by_destination.then_some(event.destination));
            let at = match open.get(&key) {
                Some(at) if event.first_ns - merged[*at].first_ns <= self.window_ns => {
                    merged[*at].absorb(event);
                    *at
                }
                _ => {
                    merged.push(event);
                    merged.len() - 1
                }
            };
            open.insert(key, at);
            moved.push(at);
        }
        self.all.events = merged;
        for at in self.recent.values_mut() {
            *at = moved.get(*at).copied().unwrap_or(usize::MAX);
        }
    }

    pub fn finish(mut self) -> Gathered {
        if self.all.events.len() > self.events_max {
            self.draw_together();
        }
        self.all.events.sort_by_key(|event| event.first_ns);
        self.all.quorum = self.votes.quorum();
        self.all
    }
}

/// How a packet's way to a receiver is known.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Way {
    /// His own trace shows it, at this time.
    Seen(i128),
    /// He listens there, and nothing shows whether and when it came.
    Inferred,
    /// His own trace lacks so many of the event's packets.
    Lost(u64),
}

impl Gathered {
    /// Who gets an event, by place among the processes; `None`: nobody knows who listens there.
    pub fn receivers(&self, event: &Event) -> Option<Vec<(usize, Way)>> {
        let audience = self.addresses.audience(event.destination);
        let heard = |process: &Process| match &audience {
            Audience::Roles(roles) => roles.contains(&process.id.role),
            Audience::One(one) => process.id == *one,
            Audience::Unknown => false,
        };
        let mut all = Vec::new();
        for (at, process) in self.processes.iter().enumerate() {
            let receipt = event.receipts.iter().find(|receipt| receipt.process == process.id);
            if process.id == event.sender || !(heard(process) || receipt.is_some()) {
                continue;
            }
            let way = match receipt {
                Some(receipt) if receipt.count < event.count => Way::Lost(event.count - receipt.count),
                Some(receipt) => Way::Seen(receipt.time_ns),
                None if self.traced(process.id, event) => Way::Lost(event.count),
                None if process.born_ns.is_some_and(|born| event.last_ns < born) => continue,
                None if process.is_absent(event) => continue,
                None => Way::Inferred,
            };
            all.push((at, way));
        }
        (audience != Audience::Unknown || !all.is_empty()).then_some(all)
    }

    /// Whether a trace of the process would show this event had it come.
    fn traced(&self, process: SenderId, event: &Event) -> bool {
        self.traces.iter().any(|trace| {
            trace.process == Some(process)
                && trace.span_ns.is_some_and(|(first, last)| first < event.first_ns && event.last_ns < last)
        })
    }
}
