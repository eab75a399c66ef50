//! Sessions: each client's entries exactly once, in order, as a function of the log alone.
//!
//! One live session per client id; a later start of the client takes the place of the earlier one. The
//! leader, the followers and the learners hold this table and feed it the same log, so they all come to the
//! same verdicts, and an entry that was decided twice under two leaders is delivered once.

use crate::limits::{PARTIAL_MAX, SESSIONS, VALUE_MAX};
use crate::planted::{Bug, planted};
use wire::{Batch, ENTRY_OVERHEAD, Entry};
use zerocopy::FromZeros;

/// How a client's session stands at the frontier of the log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, FromZeros)]
pub struct Session {
    pub incarnation: u64,
    /// Number of the entry that comes next.
    pub next: u64,
    /// Bytes of a value whose newline has not come yet.
    pub partial: u32,
    /// It broke a limit; nothing more of it is delivered.
    pub ended: bool,
}

/// What the log says about an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The session's next entry; `fresh`: the first of a new session.
    Deliver { fresh: bool },
    /// Decided before.
    Duplicate,
    /// An entry before it is missing; the client will submit it again.
    Gap,
    /// A later start of the client has taken over.
    Superseded,
    /// This entry breaks a limit: it and all that follow in its session are void.
    Breaks,
    /// The session ended before.
    Ended,
}

pub struct Sessions {
    table: Box<[Session]>,
    partial: usize,
}

impl Default for Sessions {
    fn default() -> Sessions {
        // Zeroed, so that only what is used of it takes memory.
        let table = <[Session]>::new_box_zeroed_with_elems(SESSIONS).expect("memory for the table");
        Sessions { table, partial: 0 }
    }
}

impl Sessions {
    pub fn get(&self, client: u16) -> &Session {
        &self.table[usize::from(client)]
    }

    /// How many bytes of the entry that was applied last, and is delivered, belong to values that have come whole.
    pub fn whole(&self, entry: &Entry<'_>) -> usize {
        entry.bytes.len().saturating_sub(self.get(entry.client).partial as usize)
    }

    /// Applies the next entry of the log, which has so many bytes behind its last newline, see [`entries`].
    pub fn apply(&mut self, entry: &Entry<'_>, tail: usize) -> Verdict {
        let session = &mut self.table[usize::from(entry.client)];
        if entry.incarnation < session.incarnation {
            return Verdict::Superseded;
        }
        let fresh = entry.incarnation > session.incarnation;
        if fresh {
            if entry.number != 0 {
                return Verdict::Gap;
            }
            self.partial -= session.partial as usize;
            *session = Session { incarnation: entry.incarnation, ..Session::default() };
        }
        if session.ended {
            return Verdict::Ended;
        }
        if planted(Bug::DeliveredTwice) && entry.number < session.next {
            return Verdict::Deliver { fresh: false };
        }
        if entry.number != session.next {
            return if entry.number < session.next { Verdict::Duplicate } else { Verdict::Gap };
        }
        session.next += 1;
        let before = session.partial as usize;
        let after = if tail < entry.bytes.len() { tail } else { before + tail };
        self.partial -= before;
        if is_too_long(before, entry.bytes) || self.partial + after > PARTIAL_MAX {
            (session.ended, session.partial) = (true, 0);
            return Verdict::Breaks;
        }
        self.partial += after;
        session.partial = after as u32;
        Verdict::Deliver { fresh }
    }
}

/// How many bytes come behind the last newline: all of them if there is none.
pub fn tail(bytes: &[u8]) -> usize {
    memchr::memrchr(b'\n', bytes).map_or(bytes.len(), |end| bytes.len() - end - 1)
}

/// The entries of a batch, each with its [`tail`]. That of the batch is known: it was looked for when its bytes were at hand,
/// and decides about the last entry, in most batches the only one.
pub fn entries(batch: Batch<'_>, of_batch: usize) -> impl Iterator<Item = (Entry<'_>, usize)> {
    let mut left = batch.as_bytes().len();
    batch.entries().map(move |entry| {
        let length = entry.bytes.len();
        left -= ENTRY_OVERHEAD + length;
        let tail = if left == 0 { of_batch.min(length) } else { tail(entry.bytes) };
        (entry, tail)
    })
}

/// Whether the value that so many bytes came of before, and goes on here, is too long.
fn is_too_long(before: usize, bytes: &[u8]) -> bool {
    // Hardly ever is it worth a look where the value ends.
    before + bytes.len() > VALUE_MAX
        && before + memchr::memchr(b'\n', bytes).unwrap_or(bytes.len()) > VALUE_MAX
}

#[cfg(test)]
mod tests {
    use super::*;
    use wire::EntryHeader;
    use zerocopy::IntoBytes;

    impl Sessions {
        fn next(&mut self, entry: &Entry<'_>) -> Verdict {
            self.apply(entry, tail(entry.bytes))
        }
    }

    fn entry(client: u16, incarnation: u64, number: u64, bytes: &[u8]) -> Entry<'_> {
        Entry { client, incarnation, number, bytes }
    }

    #[test]
    fn an_entry_decided_twice_is_delivered_once() {
        let mut sessions = Sessions::default();
        assert_eq!(sessions.next(&entry(1, 5, 0, b"a\n")), Verdict::Deliver { fresh: true });
        assert_eq!(sessions.next(&entry(1, 5, 0, b"a\n")), Verdict::Duplicate);
        assert_eq!(sessions.next(&entry(1, 5, 1, b"b\n")), Verdict::Deliver { fresh: false });
        assert_eq!(sessions.next(&entry(1, 5, 0, b"a\n")), Verdict::Duplicate);
    }

    #[test]
    fn an_entry_that_jumps_the_queue_waits_to_be_submitted_again() {
        let mut sessions = Sessions::default();
        assert_eq!(sessions.next(&entry(1, 5, 1, b"b\n")), Verdict::Gap, "of an unknown session");
        sessions.next(&entry(1, 5, 0, b"a\n"));
        assert_eq!(sessions.next(&entry(1, 5, 2, b"c\n")), Verdict::Gap);
        assert_eq!(sessions.next(&entry(1, 5, 1, b"b\n")), Verdict::Deliver { fresh: false });
        assert_eq!(sessions.next(&entry(1, 5, 2, b"c\n")), Verdict::Deliver { fresh: false });
    }

    #[test]
    fn a_later_start_takes_over_and_the_earlier_one_stays_out() {
        let mut sessions = Sessions::default();
        sessions.next(&entry(1, 5, 0, b"half a val"));
        assert_eq!(sessions.partial, 10);
        assert_eq!(sessions.next(&entry(1, 6, 0, b"x\n")), Verdict::Deliver { fresh: true });
        assert_eq!(sessions.partial, 0);
        assert_eq!(sessions.next(&entry(1, 5, 1, b"ue\n")), Verdict::Superseded);
        assert_eq!(
            sessions.next(&entry(2, 5, 0, b"y\n")),
            Verdict::Deliver { fresh: true },
            "others are untouched"
        );
    }

    #[test]
    fn a_value_of_the_longest_length_passes_and_one_byte_more_ends_the_session() {
        for (extra, expected) in [(0, Verdict::Deliver { fresh: false }), (1, Verdict::Breaks)] {
            let mut sessions = Sessions::default();
            let piece = vec![b'v'; 1024];
            for number in 0..1024 {
                sessions.next(&entry(1, 5, number, &piece));
            }
            let last = [&vec![b'v'; extra][..], b"\nnext"].concat();
            assert_eq!(sessions.next(&entry(1, 5, 1024, &last)), expected);
            let after = sessions.next(&entry(1, 5, 1025, b"\n"));
            assert_eq!(after == Verdict::Ended, expected == Verdict::Breaks);
            assert_eq!(sessions.partial, 0);
        }
    }

    #[test]
    fn unfinished_values_are_bounded_over_all_sessions() {
        let mut sessions = Sessions::default();
        let piece = vec![b'v'; VALUE_MAX];
        for client in 0..256 {
            assert_eq!(sessions.next(&entry(client, 5, 0, &piece)), Verdict::Deliver { fresh: true });
        }
        assert_eq!(sessions.next(&entry(256, 5, 0, b"v")), Verdict::Breaks);
        assert_eq!(sessions.next(&entry(3, 5, 1, b"\n")), Verdict::Deliver { fresh: false });
        assert_eq!(sessions.next(&entry(257, 5, 0, b"v")), Verdict::Deliver { fresh: true });
    }

    #[test]
    fn the_last_entry_s_tail_is_that_of_its_batch_whatever_stands_before_it() {
        let pieces: [&[u8]; 5] = [b"a\n", b"a\nbc", b"abc", b"\n", b"\n\nx"];
        for first in pieces {
            for last in pieces {
                // 10 is a newline: the headers are full of them.
                let headers =
                    [first, last].map(|piece| EntryHeader::new(10, 0x0A0A_0A0A, 0x0A0A, piece.len()));
                let bytes = [headers[0].as_bytes(), first, headers[1].as_bytes(), last].concat();
                let batch = Batch::parse(&bytes).unwrap();
                let tails: Vec<usize> = entries(batch, tail(&bytes)).map(|(_, tail)| tail).collect();
                assert_eq!(tails, [tail(first), tail(last)], "{first:?} {last:?}");
            }
        }
    }
}
