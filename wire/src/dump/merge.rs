//! Several captures as one, by time: of each input only the datagram that is next is held.

use super::Host;
use crate::capture::{Capture, Datagram, Error, Tally};
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::io::Read;

/// How many datagrams are taken from others before an input that had nothing is asked again.
const PATIENCE: u32 = 256;

/// Datagrams in the order in which they are to be printed.
pub trait Stream {
    /// The next step. `spare` is room for the bytes of a datagram, to be used again.
    fn next(&mut self, spare: &mut Vec<u8>) -> Step;

    /// What else was seen up to here.
    fn tally(&self) -> Tally;
}

/// What a stream has to give.
#[derive(Debug)]
pub enum Step {
    Datagram(Datagram),
    /// Nothing yet; ask again later.
    Pending,
    /// Something could not be read. Ask on: there may be more, or the end.
    Failed(Error),
    End,
}

impl<R: Read> Stream for Capture<R> {
    fn next(&mut self, spare: &mut Vec<u8>) -> Step {
        match self.next_with(spare) {
            Some(Ok(datagram)) => Step::Datagram(datagram),
            Some(Err(error)) if error.is_pending() => Step::Pending,
            Some(Err(error)) => Step::Failed(error),
            None => Step::End,
        }
    }

    fn tally(&self) -> Tally {
        Capture::tally(self)
    }
}

/// A stream with the name by which it is told.
pub struct Input<'a> {
    pub name: String,
    pub stream: Box<dyn Stream + 'a>,
}

/// The datagrams of all inputs: always the earliest of those that are next. So the datagrams of one input keep
/// their order even where its clock steps back.
pub struct Merge<'a> {
    inputs: Vec<Input<'a>>,
    /// What each input has next.
    heads: Vec<Option<Datagram>>,
    /// The inputs with a head, by its time; of equal times the input that was named first.
    order: BinaryHeap<Reverse<(i64, usize)>>,
    /// Inputs to be asked for their next datagram.
    empty: Vec<usize>,
    /// Inputs that had none yet.
    pending: Vec<usize>,
    /// How many datagrams were taken since they were asked.
    since: u32,
    spare: Vec<u8>,
}

/// What a merge has to give.
pub enum Next {
    /// With the number of its input.
    Datagram(usize, Datagram),
    /// No input has anything yet.
    Waits,
    End,
}

impl<'a> Merge<'a> {
    pub fn new(inputs: Vec<Input<'a>>) -> Merge<'a> {
        let (heads, empty) = (inputs.iter().map(|_| None).collect(), (0..inputs.len()).collect());
        let (order, pending) = (BinaryHeap::new(), Vec::new());
        Merge { inputs, heads, order, empty, pending, since: 0, spare: Vec::new() }
    }

    pub fn name(&self, at: usize) -> &str {
        &self.inputs[at].name
    }

    /// Takes back a datagram that was printed: the next one needs no new room.
    pub fn reuse(&mut self, datagram: Datagram) {
        self.spare = datagram.bytes;
    }

    pub fn next(&mut self, host: &mut dyn Host) -> Next {
        if self.order.is_empty() || self.since >= PATIENCE {
            self.empty.append(&mut self.pending);
            self.since = 0;
        }
        while let Some(at) = self.empty.pop() {
            self.ask(at, host);
        }
        match self.order.pop() {
            Some(Reverse((_, at))) => {
                self.empty.push(at);
                self.since += 1;
                self.heads[at].take().map_or(Next::End, |datagram| Next::Datagram(at, datagram))
            }
            None if self.pending.is_empty() => Next::End,
            None => Next::Waits,
        }
    }

    fn ask(&mut self, at: usize, host: &mut dyn Host) {
        let input = &mut self.inputs[at];
        loop {
            match input.stream.next(&mut self.spare) {
                Step::Datagram(datagram) => {
                    self.order.push(Reverse((datagram.time_ns, at)));
                    self.heads[at] = Some(datagram);
                }
                Step::Pending => self.pending.push(at),
                Step::Failed(error) => {
                    host.failed(&input.name, error);
                    continue;
                }
                Step::End => {}
            }
            return;
        }
    }

    /// What all inputs hold besides datagrams of ours.
    /// Shows `see` every datagram, with the number of its input, and waits as long as `host` does. Returns what else there was.
    pub fn each(mut self, host: &mut dyn Host, mut see: impl FnMut(usize, &Datagram)) -> Tally {
        loop {
            match self.next(host) {
                Next::Datagram(at, datagram) => {
                    see(at, &datagram);
                    self.reuse(datagram);
                }
                Next::Waits if host.wait() => {}
                Next::Waits | Next::End => return self.tally(),
            }
        }
    }

    pub fn tally(&self) -> Tally {
        let tallies = self.inputs.iter().map(|input| input.stream.tally());
        tallies.fold(Tally::default(), |sum, tally| sum + tally)
    }
}
