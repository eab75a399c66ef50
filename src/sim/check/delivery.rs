//! What every learner must print, and what it prints (invariants 1 and 7).

use super::Checked;
use super::chosen::Chosen;
use crate::protocol::sessions::{Sessions, Verdict};
use crate::sim::failure::hold;
use crate::sim::stream::Stream;
use std::collections::BTreeMap;
use wire::{Batch, Entry};

/// The chosen values, in order.
#[derive(Default)]
pub struct Delivery {
    sessions: Sessions,
    /// Instances below are in `output`.
    applied: u64,
    /// By client: the beginning of a value that is not finished.
    tails: BTreeMap<u16, Vec<u8>>,
    /// What every learner must print.
    output: Vec<u8>,
    lines: u64,
    /// For comparing.
    value: Vec<u8>,
}

impl Delivery {
    pub fn output(&self) -> &[u8] {
        &self.output
    }

    /// Values that came out of the log.
    pub fn lines(&self) -> u64 {
        self.lines
    }

    /// How many entries of this start of a client are decided.
    pub fn entries(&self, client: u16, incarnation: u64) -> u64 {
        let session = self.sessions.get(client);
        if session.incarnation == incarnation { session.next } else { 0 }
    }

    /// Delivers what is chosen by now.
    ///
    /// # Errors
    /// When a value comes out that nobody submitted, twice, or out of its client's order.
    pub fn advance(&mut self, chosen: &Chosen, streams: &mut [Stream]) -> Checked {
        while self.applied < chosen.frontier()
            && let Some(bytes) = chosen.chosen(self.applied)
        {
            let batch = Batch::parse(bytes).expect("it came in a packet that was parsed");
            for entry in batch.entries() {
                self.apply(&entry, streams)?;
            }
            self.applied += 1;
        }
        Ok(())
    }

    fn apply(&mut self, entry: &Entry<'_>, streams: &mut [Stream]) -> Checked {
        let tail = self.tails.entry(entry.client).or_default();
        match self.sessions.apply(entry) {
            Verdict::Deliver { fresh: true } => tail.clear(),
            Verdict::Deliver { fresh: false } => {}
            Verdict::Breaks => hold!(false, Bounds, "client {} broke a limit", entry.client),
            Verdict::Duplicate | Verdict::Gap | Verdict::Superseded | Verdict::Ended => return Ok(()),
        }
        for piece in entry.bytes.split_inclusive(|byte| *byte == b'\n') {
            tail.extend_from_slice(piece);
            if let Some(line) = tail.strip_suffix(b"\n") {
                self.lines += 1;
                self.value.clear();
                comes_out(entry.client, entry.incarnation, line, streams, &mut self.value)?;
                self.output.append(tail);
            }
        }
        Ok(())
    }

    /// A learner prints `new` after `printed` bytes.
    ///
    /// # Errors
    /// When that is not what was chosen.
    pub fn printed(&self, learner: u16, printed: usize, new: &[u8]) -> Checked {
        let rest = self.output.get(printed..).unwrap_or(&[]);
        hold!(
            rest.starts_with(new),
            TotalOrder,
            "learner {learner} prints\n{}\nwhere what was chosen is\n{}",
            beginning(new),
            beginning(rest)
        );
        Ok(())
    }
}

fn beginning(bytes: &[u8]) -> impl core::fmt::Display {
    String::from_utf8_lossy(&bytes[..bytes.len().min(300)]).into_owned()
}

/// One more value comes out of the log: it must be the next one that this start of the client submitted.
fn comes_out(
    client: u16,
    incarnation: u64,
    line: &[u8],
    streams: &mut [Stream],
    value: &mut Vec<u8>,
) -> Checked {
    let text = || format!("{:?} of client {client}", beginning(line).to_string());
    let found = streams.iter().position(|s| s.client == client && s.incarnation == incarnation);
    hold!(found.is_some(), TotalOrder, "{} comes out, which nobody submitted", text());
    let Some(at) = found else { return Ok(()) };
    let stream = &streams[at];
    let number = stream.delivered;
    hold!(number < stream.offered, TotalOrder, "{} comes out before it was submitted", text());
    stream.value(number, value);
    hold!(value == line, TotalOrder, "{} comes out where number {number} should", text());
    let later = streams.iter().any(|s| s.client == client && s.start > stream.start && s.delivered > 0);
    hold!(!later, TotalOrder, "{} comes out after values of a later start", text());
    streams[at].delivered += 1;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::Checker;
    use super::super::forge::{acceptor, ballot, broken, proposal, proposer, told, vote};
    use super::*;
    use crate::sim::failure::Rule;
    use crate::sim::stream::Shape;
    use wire::Range;

    fn stream(incarnation: u64, start: u64, offered: u64) -> Stream {
        let shape = Shape::Named { bytes: 0 };
        Stream { client: 1, incarnation, start, values: 9, shape, offered, delivered: 0 }
    }

    /// Each of these becomes an instance of its own.
    fn chosen(streams: &mut [Stream], texts: &[&str]) -> Result<Checker, super::super::Failure> {
        let mut checker = Checker::new(&[1]);
        for (instance, text) in texts.iter().enumerate() {
            let instance = instance as u64;
            told(&mut checker, streams, &proposal(proposer(1), 1, instance, 0, text))?;
            let range = Range::new(instance, instance + 1);
            told(&mut checker, streams, &vote(acceptor(1), ballot(1, 1), 0, &[range]))?;
        }
        Ok(checker)
    }

    #[test]
    fn values_come_out_as_they_were_submitted_whatever_entries_they_were_cut_into() {
        let checker = chosen(&mut [stream(1, 0, 3)], &["c1.0#0\nc1", ".0#1", "\nc1.0#2\n"]).unwrap();
        assert_eq!(
            (checker.delivery.lines(), checker.delivery.output()),
            (3, &b"c1.0#0\nc1.0#1\nc1.0#2\n"[..])
        );
        assert_eq!((checker.delivery.entries(1, 1), checker.delivery.entries(1, 2)), (3, 0));
    }

    #[test]
    fn a_value_that_comes_twice_too_early_or_from_nobody_is_a_violation() {
        let comes = |streams: &mut [Stream], texts: &[&str]| broken(chosen(streams, texts).map(|_| ()));
        assert_eq!(comes(&mut [stream(1, 0, 3)], &["c1.0#0\n", "c1.0#0\n"]), Rule::TotalOrder);
        assert_eq!(comes(&mut [stream(1, 0, 3)], &["c1.0#1\n"]), Rule::TotalOrder);
        assert_eq!(comes(&mut [stream(1, 0, 0)], &["c1.0#0\n"]), Rule::TotalOrder);
        assert_eq!(comes(&mut [stream(2, 0, 3)], &["c1.0#0\n"]), Rule::TotalOrder);
        let mut later = stream(2, 1, 3);
        later.delivered = 1;
        assert_eq!(comes(&mut [stream(1, 0, 3), later], &["c1.0#0\n"]), Rule::TotalOrder);
    }

    #[test]
    fn a_learner_that_prints_anything_else_or_more_is_a_violation() {
        let delivery = chosen(&mut [stream(1, 0, 3)], &["c1.0#0\n", "c1.0#1\n"]).unwrap().delivery;
        delivery.printed(1, 0, b"c1.0#0\n").unwrap();
        delivery.printed(1, 7, b"c1.0#1\n").unwrap();
        assert_eq!(broken(delivery.printed(1, 0, b"c1.0#1\n")), Rule::TotalOrder);
        assert_eq!(broken(delivery.printed(1, 7, b"c1.0#1\nc1.0#2\n")), Rule::TotalOrder);
        assert_eq!(broken(delivery.printed(1, 70, b"c")), Rule::TotalOrder);
    }
}
