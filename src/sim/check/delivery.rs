//! What every learner must print, and what it prints (invariants 1 and 7).

use super::Checked;
use super::chosen::Chosen;
use crate::limits::VALUE_MAX;
use crate::sim::failure::hold;
use crate::sim::stream::Stream;
use std::collections::BTreeMap;
use wire::{Batch, Entry};

/// A client's latest start that got something into the log. (Not the roles' own table: what is wrong in that
/// must show here.)
#[derive(Clone, Debug, Default)]
struct Session {
    incarnation: u64,
    /// Number of the entry that comes next.
    next: u64,
    /// The beginning of a value that is not finished.
    tail: Vec<u8>,
}

/// The chosen values, in order.
#[derive(Default)]
pub struct Delivery {
    /// By client.
    sessions: BTreeMap<u16, Session>,
    /// Instances below are in `output`.
    applied: u64,
    /// What every learner must print.
    output: Vec<u8>,
    lines: u64,
    /// By stream: values that came out.
    delivered: Vec<u64>,
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

    /// How many values of one of the world's streams came out.
    pub fn delivered(&self, stream: usize) -> u64 {
        self.delivered.get(stream).copied().unwrap_or(0)
    }

    /// How many entries of this start of a client are decided.
    pub fn entries(&self, client: u16, incarnation: u64) -> u64 {
        let session = self.sessions.get(&client).filter(|session| session.incarnation == incarnation);
        session.map_or(0, |session| session.next)
    }

    /// Delivers what is chosen by now.
    ///
    /// # Errors
    /// When a value comes out that nobody submitted, twice, or out of its client's order.
    pub fn advance(&mut self, chosen: &Chosen, streams: &[Stream]) -> Checked {
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

    fn apply(&mut self, entry: &Entry<'_>, streams: &[Stream]) -> Checked {
        let session = self.sessions.entry(entry.client).or_default();
        if entry.incarnation > session.incarnation && entry.number == 0 {
            *session = Session { incarnation: entry.incarnation, ..Session::default() };
        }
        if (entry.incarnation, entry.number) != (session.incarnation, session.next) {
            return Ok(()); // of a start that is over, or decided before, or it jumps the queue
        }
        session.next += 1;
        for piece in entry.bytes.split_inclusive(|byte| *byte == b'\n') {
            session.tail.extend_from_slice(piece);
            if let Some(line) = session.tail.strip_suffix(b"\n") {
                hold!(
                    line.len() <= VALUE_MAX,
                    Bounds,
                    "client {}: a value of {} bytes",
                    entry.client,
                    line.len()
                );
                self.lines += 1;
                self.delivered.resize(streams.len(), 0);
                comes_out(entry, line, streams, &mut self.delivered, &mut self.value)?;
                self.output.append(&mut session.tail);
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
    entry: &Entry<'_>,
    line: &[u8],
    streams: &[Stream],
    delivered: &mut [u64],
    value: &mut Vec<u8>,
) -> Checked {
    let client = entry.client;
    let text = || format!("{:?} of client {client}", beginning(line).to_string());
    let found = streams.iter().position(|s| s.client == client && s.incarnation == entry.incarnation);
    hold!(found.is_some(), TotalOrder, "{} comes out, which nobody submitted", text());
    let Some(at) = found else { return Ok(()) };
    let (stream, number) = (&streams[at], delivered[at]);
    hold!(number < stream.offered, TotalOrder, "{} comes out before it was submitted", text());
    value.clear();
    stream.value(number, value);
    hold!(value == line, TotalOrder, "{} comes out where number {number} should", text());
    let mut later = streams.iter().zip(&*delivered).filter(|(s, _)| s.client == client);
    let later = later.any(|(s, delivered)| s.start > stream.start && *delivered > 0);
    hold!(!later, TotalOrder, "{} comes out after values of a later start", text());
    delivered[at] += 1;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::Checker;
    use super::super::forge::{acceptor, ballot, batch_of, broken, packet, proposer, told, vote};
    use super::*;
    use crate::sim::failure::Rule;
    use crate::sim::stream::Shape;
    use wire::{Phase2a, Range};

    fn stream(incarnation: u64, start: u64, offered: u64) -> Stream {
        let shape = Shape::Named { bytes: 0 };
        Stream { client: 1, incarnation, start, values: 9, shape, offered }
    }

    /// Each of these becomes an instance of its own, with an entry of the incarnation that it names.
    fn chosen(streams: &[Stream], texts: &[(u64, &str)]) -> Result<Checker, super::super::Failure> {
        let mut checker = Checker::new(&[1]);
        let mut next = BTreeMap::new();
        for (instance, (incarnation, text)) in texts.iter().enumerate() {
            let (instance, number) = (instance as u64, next.entry(incarnation).or_insert(0));
            let batch = batch_of(*incarnation, *number, text);
            *number += 1;
            told(&mut checker, streams, &packet(proposer(1), 0, &Phase2a::new(instance, 0, 1), &[&batch]))?;
            let range = Range::new(instance, instance + 1);
            told(&mut checker, streams, &vote(acceptor(1), ballot(1, 1), 0, &[range]))?;
        }
        Ok(checker)
    }

    #[test]
    fn values_come_out_as_they_were_submitted_whatever_entries_they_were_cut_into() {
        let texts = [(1, "c1.0#0\nc1"), (1, ".0#1"), (1, "\nc1.0#2\n")];
        let checker = chosen(&[stream(1, 0, 3)], &texts).unwrap();
        let delivery = &checker.current().delivery;
        assert_eq!((delivery.lines(), delivery.output()), (3, &b"c1.0#0\nc1.0#1\nc1.0#2\n"[..]));
        assert_eq!((delivery.entries(1, 1), delivery.entries(1, 2), delivery.delivered(0)), (3, 0, 3));
    }

    #[test]
    fn a_value_that_comes_twice_too_early_or_from_nobody_is_a_violation() {
        let comes = |streams: &[Stream], texts: &[(u64, &str)]| broken(chosen(streams, texts).map(|_| ()));
        assert_eq!(comes(&[stream(1, 0, 3)], &[(1, "c1.0#0\n"), (1, "c1.0#0\n")]), Rule::TotalOrder);
        assert_eq!(comes(&[stream(1, 0, 3)], &[(1, "c1.0#1\n")]), Rule::TotalOrder);
        assert_eq!(comes(&[stream(1, 0, 0)], &[(1, "c1.0#0\n")]), Rule::TotalOrder);
        assert_eq!(comes(&[stream(2, 0, 3)], &[(1, "c1.0#0\n")]), Rule::TotalOrder);
    }

    #[test]
    fn an_entry_that_is_decided_twice_comes_out_once() {
        let mut checker = Checker::new(&[1]);
        for (instance, number, text) in
            [(0, 0, "c1.0#0\n"), (1, 0, "c1.0#0\n"), (2, 2, "x\n"), (3, 1, "c1.0#1\n")]
        {
            let batch = batch_of(1, number, text);
            let bytes = packet(proposer(1), 0, &Phase2a::new(instance, 0, 1), &[&batch]);
            told(&mut checker, &[stream(1, 0, 3)], &bytes).unwrap();
            let vote = vote(acceptor(1), ballot(1, 1), 0, &[Range::new(instance, instance + 1)]);
            told(&mut checker, &[stream(1, 0, 3)], &vote).unwrap();
        }
        assert_eq!(checker.current().delivery.output(), b"c1.0#0\nc1.0#1\n");
    }

    #[test]
    fn a_start_of_a_client_that_comes_after_a_later_one_is_a_violation() {
        let both = [stream(1, 1, 3), stream(2, 0, 3)];
        let texts = [(1, "c1.1#0\n"), (2, "c1.0#0\n")];
        assert_eq!(broken(chosen(&both, &texts).map(|_| ())), Rule::TotalOrder);
    }

    #[test]
    fn a_learner_that_prints_anything_else_or_more_is_a_violation() {
        let checker = chosen(&[stream(1, 0, 3)], &[(1, "c1.0#0\n"), (1, "c1.0#1\n")]).unwrap();
        let delivery = &checker.current().delivery;
        delivery.printed(1, 0, b"c1.0#0\n").unwrap();
        delivery.printed(1, 7, b"c1.0#1\n").unwrap();
        assert_eq!(broken(delivery.printed(1, 0, b"c1.0#1\n")), Rule::TotalOrder);
        assert_eq!(broken(delivery.printed(1, 7, b"c1.0#1\nc1.0#2\n")), Rule::TotalOrder);
        assert_eq!(broken(delivery.printed(1, 70, b"c")), Rule::TotalOrder);
    }
}
