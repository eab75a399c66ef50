//! Starts of processes as the capture shows them: what is missing of what each sent, and what each said last.
//!
//! A capture tells nothing of the order in which a process spoke: packets overtake each other. Their sequence
//! numbers do, so everything here is compared by those.

use super::place::Place;
use crate::{Ballot, LIVES_MAX, Role};

/// How far behind the latest a packet may come and still be counted. What comes later counts as missing.
const LATE: u64 = 4096;
/// Packets of each start that are remembered by tag: its first ones, and its latest.
const FIRST: u64 = 64;
const LATEST: u64 = 256;
/// Who is silent for so long has nothing on its way any more: five heartbeats.
pub const SILENCE_NS: i64 = 10_000_000_000;
/// Packets that tell that a process went on: one alone may be the next of a row that is missing, and late.
const NEWS: usize = 3;
/// Lives of one start that are told apart.
const LIVES: usize = 8;

/// Something said, and where.
#[derive(Clone, Copy, Debug)]
pub struct Said<T> {
    pub sequence: u64,
    pub value: T,
    pub place: Place,
}

/// Something that must not fall while the sequence numbers rise.
#[derive(Clone, Copy, Debug)]
pub struct Rising<T>(Option<Said<T>>);

impl<T> Default for Rising<T> {
    fn default() -> Self {
        Rising(None)
    }
}

impl<T: Copy + PartialOrd> Rising<T> {
    /// Returns what was said on the other side and contradicts this.
    pub fn say(&mut self, said: Said<T>) -> Option<Said<T>> {
        let Some(last) = self.0 else {
            self.0 = Some(said);
            return None;
        };
        let falls = last.sequence < said.sequence && said.value < last.value
            || said.sequence < last.sequence && last.value < said.value;
        if said.sequence > last.sequence {
            self.0 = Some(said);
        }
        falls.then_some(last)
    }

    pub fn last(&self) -> Option<Said<T>> {
        self.0
    }
}

/// The lowest and the highest ballot that a start named as promised in one life.
#[derive(Clone, Copy, Debug)]
pub struct Promised {
    pub life: u64,
    pub lowest: (Ballot, Place),
    pub highest: (Ballot, Place),
}

/// The tags of some packets, by sequence number.
struct Tags {
    first: Vec<Option<(u64, Place)>>,
    latest: Vec<Option<(u64, u64, Place)>>,
    /// Which of the last [`LATE`] packets were seen, a bit each.
    seen: Box<[u64]>,
}

/// What became of a packet.
pub enum Met {
    New,
    /// Seen before, the very same.
    Again,
    /// Another packet has this number.
    Other(Place),
}

/// One start of one process.
pub struct Start {
    pub role: Role,
    pub id: u16,
    pub incarnation: u64,
    pub cluster: u32,
    /// Its first packet in the capture.
    pub first: Place,
    /// The latest of those that had a higher number than all before, the very latest last: an old packet that comes
    /// again tells nothing of how long a process went on.
    news: [Place; NEWS],
    /// When a packet came last that had been missing.
    filled: Option<u64>,
    tags: Option<Box<Tags>>,
    /// One past the highest sequence number, and how many numbers were seen.
    until: u64,
    distinct: u64,
    /// Packets of which the capture holds only the beginning.
    pub cut: u64,
    /// What its 1b, 2b and nacks name as promised, and the most that its helping took for promised.
    pub promised: Rising<Ballot>,
    pub fence: Option<Said<Ballot>>,
    pub by_life: heapless::Vec<Promised, LIVES>,
    pub life: Rising<u64>,
    /// The lives that it knew of last.
    pub told: Option<Said<heapless::Vec<u64, LIVES_MAX>>>,
    /// Of a proposer or learner, by log: what it knows decided. Of an acceptor: what it holds complete.
    pub mark: (u32, Rising<u64>),
    /// Of an acceptor, by life and ballot: the watermark that it heard.
    pub heard: ((u64, Ballot), Rising<u64>),
}

impl Start {
    pub fn new(role: Role, id: u16, incarnation: u64, cluster: u32, place: Place) -> Start {
        let counted = matches!(role, Role::Acceptor | Role::Proposer);
        Start {
            role,
            id,
            incarnation,
            cluster,
            first: place,
            news: [place; NEWS],
            filled: None,
            tags: counted.then(|| {
                Box::new(Tags {
                    first: vec![None; FIRST as usize],
                    latest: vec![None; LATEST as usize],
                    seen: vec![0; LATE as usize / 64].into_boxed_slice(),
                })
            }),
            until: 0,
            distinct: 0,
            cut: 0,
            promised: Rising::default(),
            fence: None,
            by_life: heapless::Vec::new(),
            life: Rising::default(),
            told: None,
            mark: (0, Rising::default()),
            heard: ((0, Ballot::ZERO), Rising::default()),
        }
    }

    /// A packet of it.
    pub fn meet(&mut self, sequence: u64, tag: u64, place: Place) -> Met {
        let Some(tags) = &mut self.tags else { return Met::New };
        let known = if sequence < FIRST {
            tags.first[sequence as usize]
        } else {
            let at = &tags.latest[(sequence % LATEST) as usize];
            at.filter(|(number, ..)| *number == sequence).map(|(_, tag, place)| (tag, place))
        };
        match known {
            Some((other, _)) if other == tag => return Met::Again,
            Some((_, other)) => return Met::Other(other),
            None if sequence < FIRST => tags.first[sequence as usize] = Some((tag, place)),
            None => {
                let at = &mut tags.latest[(sequence % LATEST) as usize];
                if at.is_none_or(|(number, ..)| number < sequence) {
                    *at = Some((sequence, tag, place));
                }
            }
        }
        self.count(sequence, place);
        Met::New
    }

    /// A packet of it, of which nothing but its number is known.
    pub fn count(&mut self, sequence: u64, place: Place) {
        let Some(tags) = &mut self.tags else { return };
        if sequence >= self.until {
            let from = self.until.max((sequence + 1).saturating_sub(LATE));
            if sequence - from >= LATE - 1 {
                tags.seen.fill(0);
            } else {
                for passed in from..=sequence {
                    tags.seen[(passed % LATE) as usize / 64] &= !(1 << (passed % 64));
                }
            }
            self.until = sequence + 1;
            self.news.rotate_left(1);
            self.news[NEWS - 1] = place;
        } else if self.until - sequence > LATE {
            return;
        }
        let word = &mut tags.seen[(sequence % LATE) as usize / 64];
        let bit = 1 << (sequence % 64);
        if *word & bit != 0 {
            return;
        }
        *word |= bit;
        self.distinct += 1;
        if sequence + 1 < self.until {
            self.filled = Some(place.ordinal);
        }
    }

    /// Packets that it sent and the capture does not hold, as far as its sequence numbers tell, or holds only
    /// the beginning of.
    pub fn missing(&self) -> u64 {
        self.until - self.distinct.min(self.until) + self.cut
    }

    /// Whether the capture holds all that it sent before `claim`: nothing is missing, and it went on
    /// afterwards, or had nothing more to say long before. `ordered`: the order of the capture is that of
    /// what happened; `whole`: it misses nothing of anybody, else silence may be a hole in it.
    pub fn complete(&self, claim: &Place, ordered: bool, whole: bool) -> bool {
        let (then, last) = (self.news[0], self.news[NEWS - 1]);
        let silent = whole && last.time_ns <= claim.time_ns.saturating_sub(SILENCE_NS);
        let after = if ordered {
            then.ordinal > claim.ordinal
        } else {
            then.time_ns >= claim.time_ns.saturating_add(SILENCE_NS)
        };
        // What the network brings back later was not there at the time.
        let in_time = !ordered || self.filled.is_none_or(|at| at < claim.ordinal);
        self.missing() == 0 && in_time && (silent || after)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(ordinal: u64) -> Place {
        Place { ordinal, time_ns: ordinal as i64, frame: ordinal as u32, input: 0, part: 0 }
    }

    fn start() -> Start {
        Start::new(Role::Acceptor, 1, 7, 5, place(0))
    }

    #[test]
    fn what_is_missing_is_what_the_sequence_numbers_leave_out_whatever_the_order() {
        let mut start = start();
        for sequence in [0, 2, 5, 1, 5] {
            start.meet(sequence, sequence, place(sequence));
        }
        assert_eq!(start.missing(), 2);
        start.meet(4, 4, place(9));
        start.meet(3, 3, place(10));
        assert_eq!(start.missing(), 0);
        start.meet(3 + 2 * LATE, 1, place(11));
        assert_eq!(start.missing(), 2 * LATE - 3);
        start.meet(6, 6, place(12));
        assert_eq!(start.missing(), 2 * LATE - 3, "too late to be told from one that was counted");
    }

    #[test]
    fn a_capture_that_begins_in_the_middle_misses_the_beginning() {
        let mut start = start();
        start.meet(1000, 1, place(1));
        assert_eq!(start.missing(), 1000);
    }

    #[test]
    fn one_number_is_one_packet() {
        let mut start = start();
        assert!(matches!(start.meet(3, 9, place(1)), Met::New));
        assert!(matches!(start.meet(3, 9, place(2)), Met::Again));
        assert!(matches!(start.meet(3, 8, place(3)), Met::Other(first) if first == place(1)));
    }

    #[test]
    fn what_rises_by_sequence_may_come_in_any_order() {
        let said = |sequence, value| Said { sequence, value, place: place(sequence) };
        let mut rising = Rising::default();
        for (sequence, value) in [(5, 50), (3, 30), (4, 50), (9, 50), (1, 1)] {
            assert!(rising.say(said(sequence, value)).is_none());
        }
        assert!(rising.say(said(8, 51)).is_some(), "more than was said later");
        assert!(rising.say(said(10, 49)).is_some());
    }
}
