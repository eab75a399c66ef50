//! What a log was told, and what it may tell.

use paxos::journal::{Frame, Recall, Record, Standing};
use std::collections::BTreeSet;
use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};
use wire::{Ballot, Batch};

/// A record, as a line that is its own for every content.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Line {
    pub whole: String,
    /// What is told when only its header can be read.
    pub damaged: Option<String>,
}

impl Line {
    pub fn of(record: &Record<'_>) -> Line {
        match *record {
            Record::Accepted { instance, ballot, decided, batch } => {
                let mut hash = DefaultHasher::new();
                batch.as_bytes().hash(&mut hash);
                Line {
                    whole: format!("{record} {ballot:#} {:x}", hash.finish()),
                    damaged: Some(Line::of(&Record::Damaged { instance, ballot, decided }).whole),
                }
            }
            Record::Promised { ballot } | Record::Damaged { ballot, .. } => {
                Line { whole: format!("{record} {ballot:#}"), damaged: None }
            }
            _ => Line { whole: record.to_string(), damaged: None },
        }
    }

    /// Whether this is what may be told of `written`.
    fn tells(&self, written: &Line) -> bool {
        self.whole == written.whole || Some(&self.whole) == written.damaged.as_ref()
    }
}

/// What is recalled.
#[derive(Debug, Default)]
pub struct Memory {
    pub lines: Vec<Line>,
    pub forgot: bool,
}

impl Recall for Memory {
    fn recall(&mut self, record: Record<'_>) {
        self.lines.push(Line::of(&record));
    }

    fn forget(&mut self) {
        self.lines.clear();
        self.forgot = true;
    }
}

/// A frame, and its lines.
pub struct Entry {
    pub frame: Frame,
    pub lines: Vec<Line>,
    /// Whether it holds accepted records, which leave room to the others.
    pub accepts: bool,
}

impl Entry {
    pub fn new() -> Entry {
        Entry { frame: Frame::with_capacity(0), lines: Vec::new(), accepts: false }
    }

    pub fn promised(&mut self, ballot: Ballot) {
        self.frame.promised(ballot);
        self.lines.push(Line::of(&Record::Promised { ballot }));
    }

    pub fn accepted(&mut self, instance: u64, ballot: Ballot, decided: bool, batch: Batch<'_>) {
        self.frame.accepted(instance, ballot, decided, batch);
        self.lines.push(Line::of(&Record::Accepted { instance, ballot, decided, batch }));
        self.accepts = true;
    }

    pub fn decided(&mut self, until: u64) {
        self.frame.decided(until);
        self.lines.push(Line::of(&Record::Decided { until }));
    }

    pub fn standing(&mut self, standing: Standing) {
        self.frame.standing(&standing);
        self.lines.push(Line::of(&Record::Standing(standing)));
    }
}

/// What was written.
#[derive(Debug, Default)]
pub struct History {
    /// All lines of the log, in order, as they were written and as they were told last, or will be.
    lines: Vec<Line>,
    last: Vec<String>,
    /// How many of them there were behind each frame.
    borders: Vec<usize>,
    /// So many of the lines are durable.
    pub durable: usize,
    /// Every line of any log on this disk; `None` when the bytes are anybody's.
    ever: Option<BTreeSet<String>>,
    /// The disk was damaged since the log was read last.
    pub damaged: bool,
    /// Segments of an earlier log were put back: which log is read is the disk's choice.
    pub mixed: bool,
}

impl History {
    pub fn new() -> History {
        History { ever: Some(BTreeSet::new()), ..History::default() }
    }

    /// Anything may be on the disk.
    pub fn forget(&mut self) {
        (self.ever, self.damaged, self.mixed) = (None, true, true);
    }

    /// A frame with these lines was written; `durable`: it will surely be read.
    pub fn wrote(&mut self, lines: &[Line], durable: bool) {
        self.lines.extend_from_slice(lines);
        self.last.extend(lines.iter().map(|line| line.whole.clone()));
        self.borders.push(self.lines.len());
        if durable {
            self.durable = self.lines.len();
        }
        if let Some(ever) = &mut self.ever {
            ever.extend(lines.iter().flat_map(|line| line.damaged.iter().chain([&line.whole]).cloned()));
        }
    }

    /// The log was opened, and told this; `lost`: it said that all is lost.
    ///
    /// # Panics
    /// When that is not so.
    pub fn recalled(&mut self, memory: Memory, lost: bool) {
        assert_eq!(memory.forgot, lost, "what is lost must be forgotten");
        if lost {
            assert!(memory.lines.is_empty() && self.damaged, "lost without damage");
        }
        if let Some(ever) = &self.ever {
            for line in &memory.lines {
                assert!(ever.contains(&line.whole), "{line:?} was never written");
            }
        }
        if !lost && !self.mixed {
            let count = memory.lines.len();
            let told = || format!("told {:#?} of {:#?}", memory.lines, self.lines);
            assert!(count == 0 || self.borders.contains(&count), "half a frame: {}", told());
            assert!(
                memory.lines.iter().zip(&self.lines).all(|(line, written)| line.tells(written)),
                "{}",
                told()
            );
            if !self.damaged {
                assert!(count >= self.durable, "durable, and not there: {}", told());
                let same = memory.lines.iter().zip(&self.last).all(|(line, last)| line.whole == *last);
                assert!(same, "changed without damage: {}", told());
            }
            self.borders.retain(|border| *border <= count);
            self.lines.truncate(count);
        } else {
            self.borders = (0..=memory.lines.len()).collect();
            self.lines.clone_from(&memory.lines);
        }
        self.durable = self.lines.len();
        self.last = memory.lines.into_iter().map(|line| line.whole).collect();
        (self.damaged, self.mixed) = (false, false);
    }
}
