//! The clients' sessions as the decided instances make them: how many entries of each are decided.

use super::instances::Entries;
use super::place::Place;
use std::collections::BTreeMap;

/// Sessions and the number of the entry that each expects next, at the frontier of a log. There is one for
/// each client id, of which there are 65,536.
#[derive(Default)]
pub struct Sessions {
    table: BTreeMap<u16, (u64, u64)>,
    /// The first instance of which the capture does not show what was decided: nothing is known from there on.
    pub lost: Option<u64>,
    /// There were acknowledgements that could not be judged.
    pub unknown: bool,
    /// Where nothing can be told at once: the most that was acknowledged to each session.
    pub pending: BTreeMap<(u16, u64), (u64, Place)>,
}

/// Sessions whose acknowledgements wait to be judged.
const PENDING: usize = 65_536;

/// What the table says of an acknowledgement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    Right,
    TooMuch,
    Unknown,
}

impl Sessions {
    /// An instance is decided with these entries: each counts once, in its session's order.
    pub fn apply(&mut self, entries: &[Entries]) {
        if self.lost.is_some() {
            return;
        }
        for entry in entries {
            let (incarnation, next) = self.table.entry(entry.client).or_default();
            if entry.incarnation > *incarnation && entry.first == 0 {
                (*incarnation, *next) = (entry.incarnation, 0);
            }
            let range = entry.first..entry.first.saturating_add(entry.count);
            if entry.incarnation == *incarnation && range.contains(next) {
                *next = range.end;
            }
        }
    }

    /// Remembers an acknowledgement until all is known.
    pub fn wait(&mut self, client: u16, incarnation: u64, decided_until: u64, place: Place) {
        let room = self.pending.len() < PENDING;
        match self.pending.get_mut(&(client, incarnation)) {
            Some(known) if known.0 < decided_until => *known = (decided_until, place),
            None if room => {
                self.pending.insert((client, incarnation), (decided_until, place));
            }
            _ => {}
        }
    }

    pub fn lose(&mut self, instance: u64) {
        self.lost.get_or_insert(instance);
    }

    /// Whether so many entries of a session are decided.
    pub fn judge(&self, client: u16, incarnation: u64, decided_until: u64) -> Verdict {
        let (current, next) = self.table.get(&client).copied().unwrap_or_default();
        if decided_until == 0 || current == incarnation && decided_until <= next {
            Verdict::Right
        } else if self.lost.is_some() || incarnation < current {
            Verdict::Unknown
        } else {
            Verdict::TooMuch
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entries(incarnation: u64, first: u64, count: u64) -> Entries {
        Entries { client: 1, incarnation, first, count }
    }

    #[test]
    fn entries_count_once_in_order_and_a_later_start_takes_over_with_its_first_entry() {
        let mut sessions = Sessions::default();
        sessions.apply(&[entries(5, 0, 3), entries(5, 4, 1), entries(5, 1, 2)]);
        assert_eq!(sessions.judge(1, 5, 3), Verdict::Right);
        assert_eq!(sessions.judge(1, 5, 4), Verdict::TooMuch, "entry 3 is missing");
        sessions.apply(&[entries(5, 2, 3), entries(6, 1, 1)]);
        assert_eq!((sessions.judge(1, 5, 5), sessions.judge(1, 6, 1)), (Verdict::Right, Verdict::TooMuch));
        sessions.apply(&[entries(6, 0, 1), entries(5, 5, 1)]);
        assert_eq!((sessions.judge(1, 6, 1), sessions.judge(1, 5, 1)), (Verdict::Right, Verdict::Unknown));
    }

    #[test]
    fn behind_what_is_not_known_nothing_is_judged_to_be_too_much() {
        let mut sessions = Sessions::default();
        sessions.apply(&[entries(5, 0, 3)]);
        sessions.lose(1);
        sessions.apply(&[entries(5, 3, 3)]);
        assert_eq!((sessions.judge(1, 5, 3), sessions.judge(1, 5, 4)), (Verdict::Right, Verdict::Unknown));
    }
}
