//! What is drawn as one: a packet, or several alike that follow each other.

use crate::dump::SenderId;
use crate::sighting::Cut;
use crate::{Ballot, Body, Kind, Outline, Packet, RangeRecord, Run};
use std::fmt::{self, Write};
use std::net::SocketAddrV4;

/// Characters of a packet's line that are kept.
const LINE_MAX: usize = 400;
/// Ranges of instances, receivers and notes that an event keeps apart.
const APART_MAX: usize = 16;

/// A packet on its way, or several of one sender, kind and destination.
#[derive(Clone, Debug)]
pub struct Event {
    /// When the first was sent, and the last, since the start of the capture, ns.
    pub first_ns: i128,
    pub last_ns: i128,
    pub sender: SenderId,
    pub kind: Kind,
    pub destination: SocketAddrV4,
    pub count: u64,
    /// As `wire dump` prints the first.
    pub line: String,
    pub label: Label,
    /// What it is about, first and last instance.
    pub instances: Vec<(u64, u64)>,
    /// Whom a trace of his own shows to have got it.
    pub receipts: Vec<Receipt>,
    pub notes: Vec<Note>,
    /// What the traces of processes say of it: that it was refused, or what was dropped before it.
    pub remarks: Vec<String>,
}

/// What the trace of a receiver shows.
#[derive(Clone, Copy, Debug)]
pub struct Receipt {
    pub process: SenderId,
    /// Of the first.
    pub time_ns: i128,
    pub count: u64,
}

/// What an event brought about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Note {
    /// Votes for these instances, first and last, became a quorum.
    Chosen(u64, u64),
    /// The first 1a of a ballot: an election begins.
    Asks(SenderId, Ballot),
    Leads(SenderId, Ballot),
    /// Another incarnation speaks.
    Restarted(SenderId),
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Note::Chosen(first, last) if first == last => write!(f, "i{first} chosen"),
            Note::Chosen(first, last) => write!(f, "i{first}\u{2013}i{last} chosen"),
            Note::Asks(process, ballot) => write!(f, "{process} asks for {ballot}"),
            Note::Leads(process, ballot) => write!(f, "{process} leads {ballot}"),
            Note::Restarted(process) => write!(f, "{process} started again"),
        }
    }
}

/// The few words that stand beside an arrow.
#[derive(Clone, Debug, Default)]
pub struct Label {
    /// Behind the kind.
    words: String,
    /// What numbers are marked by, and the lowest and highest of them.
    numbers: Option<(&'static str, u64, u64)>,
    /// Whether this is all that the capture kept of it.
    cut: bool,
}

impl Event {
    pub fn of(packet: &Packet, destination: SocketAddrV4, time_ns: i128) -> Event {
        let mut line = Cropped { text: String::new(), left: LINE_MAX };
        if write!(line, "{packet}").is_err() {
            line.text.push_str(" \u{2026}");
        }
        Event {
            first_ns: time_ns,
            last_ns: time_ns,
            sender: SenderId { role: packet.sender.role, id: packet.sender.id },
            kind: packet.kind,
            destination,
            count: 1,
            line: line.text,
            label: Label::of(packet),
            instances: instances(packet),
            receipts: Vec::new(),
            notes: Vec::new(),
            remarks: Vec::new(),
        }
    }

    /// Of a packet that the capture cut.
    pub fn of_cut(cut: &Cut, destination: SocketAddrV4, time_ns: i128) -> Event {
        let outline = &cut.outline;
        Event {
            first_ns: time_ns,
            last_ns: time_ns,
            sender: SenderId { role: outline.sender.role, id: outline.sender.id },
            kind: outline.kind,
            destination,
            count: 1,
            line: format!("{outline} cut by the capture: {} of {} bytes", cut.captured, cut.sent),
            label: Label::cut(outline),
            instances: outline.front.instance().map(|instance| (instance, instance)).into_iter().collect(),
            receipts: Vec::new(),
            notes: Vec::new(),
            remarks: Vec::new(),
        }
    }

    /// What stands beside the arrow.
    pub fn label(&self) -> String {
        let mut text = self.kind.name().to_owned();
        if !self.label.words.is_empty() {
            text.push(' ');
            text.push_str(&self.label.words);
        }
        // Into a string, which cannot fail.
        if let Some((mark, low, high)) = self.label.numbers {
            let _ = match (mark, low == high) {
                ("<", _) => write!(text, " <{high}"),
                (mark, true) => write!(text, " {mark}{low}"),
                (mark, false) => write!(text, " {mark}{low}\u{2013}{mark}{high}"),
            };
        }
        if self.label.cut {
            text.push_str(" (cut)");
        }
        if self.count > 1 {
            let _ = write!(text, " \u{d7}{}", self.count);
        }
        text
    }

    /// Takes in a later one of the same sender, kind and destination.
    pub fn absorb(&mut self, later: Event) {
        self.first_ns = self.first_ns.min(later.first_ns);
        self.last_ns = self.last_ns.max(later.last_ns);
        self.count += later.count;
        if self.label.words != later.label.words {
            self.label.words.clear();
        }
        self.label.numbers = match (self.label.numbers, later.label.numbers) {
            (Some((mark, low, high)), Some((other, from, to))) if mark == other => {
                Some((mark, low.min(from), high.max(to)))
            }
            (mine, None) => mine,
            (None, theirs) => theirs,
            _ => None,
        };
        for range in later.instances {
            add(&mut self.instances, range);
        }
        for receipt in later.receipts {
            self.receive(receipt);
        }
        for note in later.notes {
            self.note(note);
        }
        for remark in later.remarks {
            self.remark(remark);
        }
    }

    pub fn remark(&mut self, remark: String) {
        if self.remarks.len() < APART_MAX {
            self.remarks.push(remark);
        }
    }

    pub fn receive(&mut self, receipt: Receipt) {
        match self.receipts.iter_mut().find(|known| known.process == receipt.process) {
            Some(known) => known.count += receipt.count,
            None => self.receipts.push(receipt),
        }
    }

    /// Notes of instances that follow each other become one.
    pub fn note(&mut self, note: Note) {
        if let Note::Chosen(from, to) = note {
            for known in &mut self.notes {
                if let Note::Chosen(first, last) = known
                    && from <= last.saturating_add(1)
                    && *first <= to.saturating_add(1)
                {
                    (*first, *last) = ((*first).min(from), (*last).max(to));
                    return;
                }
            }
        }
        if self.notes.len() < APART_MAX {
            self.notes.push(note);
        }
    }
}

impl Label {
    fn of(packet: &Packet) -> Label {
        let words = match packet.body {
            Body::Phase1a(body) => body.ballot.get().to_string(),
            Body::Phase1b(body, ..) => body.ballot.get().to_string(),
            Body::Nack(body) => body.refused.get().to_string(),
            Body::Ack(_, [ack, ..]) => format!("C{}", ack.client),
            Body::Over(body) => format!("A{}", body.acceptor),
            _ => String::new(),
        };
        let until = |until: u64| Some(("<", until, until));
        let numbers = match packet.body {
            Body::Submit(body, _) => Some(("#", body.number.get(), body.number.get())),
            Body::Ack(_, [ack, ..]) => until(ack.decided_until.get()),
            Body::Watermark(body) => until(body.decided_until.get()),
            Body::Report(body) => until(body.delivered_until.get()),
            Body::Phase1b(..) => None,
            _ => instances(packet)
                .into_iter()
                .reduce(|a, b| (a.0.min(b.0), a.1.max(b.1)))
                .map(|(a, b)| ("i", a, b)),
        };
        Label { words, numbers, cut: false }
    }

    /// Of a packet that the capture cut.
    fn cut(outline: &Outline) -> Label {
        let numbers = outline.front.instance().map(|instance| ("i", instance, instance));
        Label { words: String::new(), numbers, cut: true }
    }
}

/// The instances that a packet is about, first and last of each range.
fn instances(packet: &Packet) -> Vec<(u64, u64)> {
    let mut all = Vec::new();
    let mut each = |first, until: u64| add(&mut all, (first, until.saturating_sub(1)));
    match packet.body {
        Body::Phase2a(body, _) => each(body.instance.get(), body.instance.get() + 1),
        Body::Value(body, _) => each(body.instance.get(), body.instance.get() + 1),
        Body::Phase2b(_, _, ranges) | Body::CatchUp(_, ranges) | Body::Fetch(_, ranges) => {
            RangeRecord::all(ranges).for_each(|range| each(range.first, range.until));
        }
        Body::Phase1b(_, _, runs) => {
            runs.iter().map(Run::range).for_each(|range| each(range.first, range.until));
        }
        _ => {}
    }
    all
}

/// Adds a range; when there are too many, they become one that holds them all.
fn add(ranges: &mut Vec<(u64, u64)>, range: (u64, u64)) {
    if let Some(last) = ranges.last_mut()
        && range.0 >= last.0
        && range.0 <= last.1.saturating_add(1)
    {
        last.1 = last.1.max(range.1);
    } else if ranges.len() < APART_MAX {
        ranges.push(range);
    } else {
        let (low, high) = ranges.iter().fold(range, |sum, one| (sum.0.min(one.0), sum.1.max(one.1)));
        *ranges = vec![(low, high)];
    }
}

/// Text up to a length; printing further is an error, which ends the printing.
struct Cropped {
    text: String,
    left: usize,
}

impl fmt::Write for Cropped {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let end = text.char_indices().map(|(at, _)| at).nth(self.left).unwrap_or(text.len());
        self.text.push_str(&text[..end]);
        self.left -= text[..end].chars().count();
        if end < text.len() { Err(fmt::Error) } else { Ok(()) }
    }
}
