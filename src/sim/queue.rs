//! What is to happen, in the order of time.

use super::packets::PacketId;
use crate::protocol::Nanos;
use core::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;

/// What happens to a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    /// It takes a turn.
    Turn,
    /// A packet reaches one of its sockets; `from` is the start that sent it.
    Arrive { packet: PacketId, from: u16, socket: u8 },
}

/// Something that happens at some moment.
#[derive(Clone, Copy, Debug)]
pub struct Event {
    pub at: Nanos,
    /// Makes the order of events of one moment that in which they were made.
    order: u32,
    /// Which start of a process.
    pub node: u16,
    pub what: What,
}

// There may be millions of them.
const _: () = assert!(size_of::<Event>() == 24);

impl PartialEq for Event {
    fn eq(&self, other: &Event) -> bool {
        self.order == other.order
    }
}
impl Eq for Event {}
impl PartialOrd for Event {
    fn partial_cmp(&self, other: &Event) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Event {
    fn cmp(&self, other: &Event) -> Ordering {
        (self.at, self.order).cmp(&(other.at, other.order))
    }
}

/// The events to come.
#[derive(Default)]
pub struct Queue {
    heap: BinaryHeap<Reverse<Event>>,
    orders: u32,
}

impl Queue {
    /// # Panics
    /// After four billion events, or when there are more than 65,536 starts.
    pub fn push(&mut self, at: Nanos, node: usize, what: What) {
        self.orders = self.orders.checked_add(1).expect("a run has fewer than four billion events");
        let node = u16::try_from(node).expect("a run has fewer than 65,536 starts");
        self.heap.push(Reverse(Event { at, order: self.orders, node, what }));
    }

    /// The next event, if it happens by then.
    pub fn pop(&mut self, until: Nanos) -> Option<Event> {
        match self.heap.peek() {
            Some(Reverse(event)) if event.at <= until => self.heap.pop().map(|Reverse(event)| event),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_come_in_the_order_of_time_and_those_of_one_moment_as_they_were_made() {
        let mut queue = Queue::default();
        for (at, node) in [(5, 0), (3, 1), (5, 2), (3, 3), (9, 4)] {
            queue.push(at, node, What::Turn);
        }
        let order: Vec<u16> = core::iter::from_fn(|| queue.pop(5)).map(|event| event.node).collect();
        assert_eq!(order, [1, 3, 0, 2]);
        assert!(queue.pop(8).is_none() && queue.pop(9).is_some());
    }
}
