//! From decided entries to lines on stdout.

use super::output::Output;
use super::sessions::{self, Sessions, Verdict};
use crate::limits::SESSIONS;
use std::io::Write;
use wire::{Batch, Entry};

/// How values are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Format {
    /// The bytes as they were sent, and a newline.
    #[default]
    Value,
    /// One JSON object a line: instance, client, sequence, value.
    Json,
}

/// Puts the sessions' streams together and cuts them into lines.
pub struct Deliver {
    sessions: Sessions,
    format: Format,
    /// Instances below are not printed.
    from: u64,
    /// By client: the beginning of a value that is not finished, unless it stands at the end of the output.
    tails: Box<[Vec<u8>]>,
    /// By client: values delivered in the session. Counted for JSON only.
    counts: Box<[u64]>,
}

/// A kept tail gives back what it holds beyond this when it is done with a long value.
const TAIL_KEPT: usize = 64 << 10;

impl Deliver {
    pub fn new(format: Format, from: u64) -> Deliver {
        let counts = if format == Format::Json { SESSIONS } else { 0 };
        Deliver {
            sessions: Sessions::default(),
            format,
            from,
            tails: vec![Vec::new(); SESSIONS].into_boxed_slice(),
            counts: vec![0; counts].into_boxed_slice(),
        }
    }

    /// Applies one decided instance and prints the values that it completes. `tail` is that of the batch, see
    /// [`sessions::entries`]; `held` the memory in which it lies until the output is printed.
    pub fn instance(
        &mut self,
        instance: u64,
        (batch, tail): (Batch<'_>, usize),
        held: &[u8],
        output: &mut Output,
    ) {
        for (entry, tail) in sessions::entries(batch, tail) {
            match self.sessions.apply(&entry, tail) {
                Verdict::Deliver { fresh } => {
                    if fresh {
                        self.forget(entry.client, held, output);
                    }
                    self.entry(instance, &entry, held, output);
                }
                Verdict::Breaks => self.forget(entry.client, held, output),
                Verdict::Duplicate | Verdict::Gap | Verdict::Superseded | Verdict::Ended => {}
            }
        }
    }

    /// Drops the unfinished value of a client's session, which is over.
    fn forget(&mut self, client: u16, held: &[u8], output: &mut Output) {
        if output.awaits(client) {
            output.take_unfinished(held, |_, _| {});
        }
        empty(&mut self.tails[usize::from(client)]);
        if let Some(count) = self.counts.get_mut(usize::from(client)) {
            *count = 0;
        }
    }

    fn entry(&mut self, instance: u64, entry: &Entry<'_>, held: &[u8], output: &mut Output) {
        let whole = self.sessions.whole(entry);
        match self.format {
            Format::Value if instance >= self.from => self.value(entry, whole, held, output),
            Format::Value => {
                let tail = &mut self.tails[usize::from(entry.client)];
                if whole > 0 {
                    empty(tail);
                }
                tail.extend_from_slice(&entry.bytes[whole..]);
            }
            Format::Json => self.json(instance, entry, whole, output),
        }
    }

    fn value(&mut self, entry: &Entry<'_>, whole: usize, held: &[u8], output: &mut Output) {
        let (client, bytes) = (entry.client, entry.bytes);
        let tail = &mut self.tails[usize::from(client)];
        if tail.is_empty() && output.continues(client) {
            output.append(client, bytes, whole, held);
        } else if whole == 0 {
            tail.extend_from_slice(bytes);
        } else {
            output.take_unfinished(held, |owner, bytes| {
                self.tails[usize::from(owner)].extend_from_slice(bytes);
            });
            let tail = &mut self.tails[usize::from(client)];
            output.append(client, tail, 0, held);
            output.append(client, bytes, whole, held);
            empty(tail);
        }
    }

    fn json(&mut self, instance: u64, entry: &Entry<'_>, whole: usize, output: &mut Output) {
        let client = usize::from(entry.client);
        let (tail, count) = (&mut self.tails[client], &mut self.counts[client]);
        let (bytes, rest) = entry.bytes.split_at(whole);
        tail.extend_from_slice(bytes);
        if whole > 0 {
            for line in tail.split_inclusive(|byte| *byte == b'\n') {
                if instance >= self.from {
                    let value = &line[..line.len() - 1];
                    output.print(|output| json(output, instance, entry.client, *count, value));
                }
                *count += 1;
            }
            empty(tail);
        }
        tail.extend_from_slice(rest);
    }
}

/// Empties a tail, and gives back what a long value took.
fn empty(tail: &mut Vec<u8>) {
    tail.clear();
    tail.shrink_to(TAIL_KEPT);
}

/// One line of JSON. A value that is not UTF-8 comes as `"bytes"`, in hexadecimal, instead of `"value"`.
fn json(output: &mut Vec<u8>, instance: u64, client: u16, sequence: u64, value: &[u8]) {
    // Writing to a vector cannot fail.
    let _ = write!(output, r#"{{"instance":{instance},"client":{client},"sequence":{sequence},"#);
    match core::str::from_utf8(value) {
        Ok(text) => {
            output.extend_from_slice(b"\"value\":\"");
            for char in text.chars() {
                let _ = match char {
                    '"' => write!(output, "\\\""),
                    '\\' => write!(output, "\\\\"),
                    '\t' => write!(output, "\\t"),
                    '\r' => write!(output, "\\r"),
                    char if char < ' ' || char == '\u{7f}' => write!(output, "\\u{:04x}", char as u32),
                    char => write!(output, "{char}"),
                };
            }
        }
        Err(_) => {
            output.extend_from_slice(b"\"bytes\":\"");
            for byte in value {
                let _ = write!(output, "{byte:02x}");
            }
        }
    }
    output.extend_from_slice(b"\"}\n");
}

#[cfg(test)]
mod tests {
    use super::*;
    use wire::EntryHeader;
    use zerocopy::IntoBytes;

    struct Learner {
        deliver: Deliver,
        output: Output,
        /// All batches, one behind the other, with `'-'` between them where they are forgotten.
        held: Vec<u8>,
    }

    impl Learner {
        fn new(format: Format, from: u64) -> Learner {
            let held = Vec::with_capacity(1 << 20);
            Learner { deliver: Deliver::new(format, from), output: Output::default(), held }
        }

        /// What an instance with these entries prints.
        fn prints(&mut self, instance: u64, entries: &[(u16, u64, u64, &[u8])]) -> String {
            self.learns(instance, entries);
            let text = self.output.joined(&self.held);
            self.output.printed(&self.held);
            self.held.fill(b'-');
            String::from_utf8(text).unwrap()
        }

        fn learns(&mut self, instance: u64, entries: &[(u16, u64, u64, &[u8])]) {
            let begin = self.held.len();
            for &(client, incarnation, number, piece) in entries {
                let header = EntryHeader::new(client, incarnation, number, piece.len());
                self.held.extend_from_slice(header.as_bytes());
                self.held.extend_from_slice(piece);
            }
            let batch = Batch::parse(&self.held[begin..]).unwrap();
            let tail = sessions::tail(batch.as_bytes());
            self.deliver.instance(instance, (batch, tail), &self.held, &mut self.output);
        }
    }

    #[test]
    fn values_that_straddle_entries_come_out_whole_where_they_end() {
        let mut learner = Learner::new(Format::Value, 0);
        assert_eq!(learner.prints(0, &[(1, 5, 0, b"one\ntw")]), "one\n");
        assert_eq!(learner.prints(1, &[(2, 5, 0, b"other\n"), (1, 5, 1, b"o")]), "other\n");
        assert_eq!(learner.prints(2, &[(1, 5, 2, b"\n\nthree\nfo")]), "two\n\nthree\n");
        assert_eq!(learner.prints(3, &[(1, 6, 0, b"new life\n")]), "new life\n", "half a value is no value");
    }

    #[test]
    fn values_of_clients_that_come_mixed_are_printed_as_each_ends() {
        let mut learner = Learner::new(Format::Value, 0);
        assert_eq!(learner.prints(0, &[(1, 5, 0, b"one "), (2, 5, 0, b"two "), (3, 5, 0, b"three ")]), "");
        assert_eq!(learner.prints(1, &[(2, 5, 1, b"goes on\nand "), (1, 5, 1, b"too, ")]), "two goes on\n");
        assert_eq!(
            learner.prints(2, &[(1, 5, 2, b"and ends\n"), (3, 5, 1, b"ends\n")]),
            "one too, and ends\nthree ends\n"
        );
        assert_eq!(learner.prints(3, &[(2, 5, 2, b"ends\n")]), "and ends\n");
    }

    #[test]
    fn what_is_unfinished_stays_when_the_rest_is_printed_and_goes_with_its_session() {
        let mut learner = Learner::new(Format::Value, 0);
        for number in 0..4 {
            learner.learns(number, &[(1, 5, number, b"begin\nan")]);
            assert!(learner.output.awaits(1));
        }
        assert_eq!(learner.prints(4, &[]), "begin\nanbegin\nanbegin\nanbegin\n");
        assert_eq!(learner.prints(5, &[(2, 5, 0, b"two\nlost")]), "two\n");
        assert_eq!(learner.prints(6, &[(2, 6, 0, b"again\n")]), "again\n", "half a value is no value");
        assert_eq!(learner.prints(7, &[(1, 5, 4, b"end\n")]), "anend\n");
        assert!(learner.output.is_empty());
    }

    #[test]
    fn the_log_before_from_is_read_but_not_printed() {
        let mut learner = Learner::new(Format::Value, 1);
        assert_eq!(learner.prints(0, &[(1, 5, 0, b"one\ntw")]), "");
        assert_eq!(learner.prints(1, &[(1, 5, 0, b"one\ntw"), (1, 5, 1, b"o\n")]), "two\n");
    }

    #[test]
    fn json_numbers_the_values_of_a_session_and_keeps_any_bytes() {
        let mut learner = Learner::new(Format::Json, 0);
        assert_eq!(
            learner.prints(3, &[(1, 5, 0, b"a\"b\\\x01\tc\n\xff\xfe\npart")]),
            "{\"instance\":3,\"client\":1,\"sequence\":0,\"value\":\"a\\\"b\\\\\\u0001\\tc\"}\n\
             {\"instance\":3,\"client\":1,\"sequence\":1,\"bytes\":\"fffe\"}\n"
        );
        assert_eq!(
            learner.prints(4, &[(1, 5, 1, b"ial\n")]),
            "{\"instance\":4,\"client\":1,\"sequence\":2,\"value\":\"partial\"}\n"
        );
        assert_eq!(
            learner.prints(5, &[(1, 6, 0, b"again\n")]),
            "{\"instance\":5,\"client\":1,\"sequence\":0,\"value\":\"again\"}\n"
        );
    }
}
