//! From decided entries to lines on stdout.

use super::sessions::{Sessions, Verdict};
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
    /// By client: the beginning of a value that is not finished.
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

    /// Applies one decided instance and prints the values that it completes.
    pub fn instance(&mut self, instance: u64, batch: Batch<'_>, output: &mut Vec<u8>) {
        for entry in batch.entries() {
            match self.sessions.apply(&entry) {
                Verdict::Deliver { fresh } => self.entry(instance, &entry, fresh, output),
                Verdict::Breaks => self.tails[usize::from(entry.client)] = Vec::new(),
                Verdict::Duplicate | Verdict::Gap | Verdict::Superseded | Verdict::Ended => {}
            }
        }
    }

    fn entry(&mut self, instance: u64, entry: &Entry<'_>, fresh: bool, output: &mut Vec<u8>) {
        let client = usize::from(entry.client);
        let tail = &mut self.tails[client];
        if fresh {
            tail.clear();
            if let Some(count) = self.counts.get_mut(client) {
                *count = 0;
            }
        }
        let (whole, rest) = entry.bytes.split_at(self.sessions.whole(entry));
        if whole.is_empty() {
            tail.extend_from_slice(rest);
            return;
        }
        match self.format {
            Format::Value if instance >= self.from => {
                output.extend_from_slice(tail);
                output.extend_from_slice(whole);
            }
            Format::Value => {}
            Format::Json => {
                tail.extend_from_slice(whole);
                for line in tail.split_inclusive(|byte| *byte == b'\n') {
                    if instance >= self.from {
                        json(output, instance, entry.client, self.counts[client], &line[..line.len() - 1]);
                    }
                    self.counts[client] += 1;
                }
            }
        }
        tail.clear();
        if tail.capacity() > TAIL_KEPT {
            tail.shrink_to(TAIL_KEPT);
        }
        tail.extend_from_slice(rest);
    }
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

    fn print(deliver: &mut Deliver, instance: u64, entries: &[(u16, u64, u64, &[u8])]) -> String {
        let mut bytes = Vec::new();
        for &(client, incarnation, number, piece) in entries {
            bytes.extend_from_slice(EntryHeader::new(client, incarnation, number, piece.len()).as_bytes());
            bytes.extend_from_slice(piece);
        }
        let mut output = Vec::new();
        deliver.instance(instance, Batch::parse(&bytes).unwrap(), &mut output);
        String::from_utf8(output).unwrap()
    }

    #[test]
    fn values_that_straddle_entries_come_out_whole_where_they_end() {
        let mut deliver = Deliver::new(Format::Value, 0);
        assert_eq!(print(&mut deliver, 0, &[(1, 5, 0, b"one\ntw")]), "one\n");
        assert_eq!(print(&mut deliver, 1, &[(2, 5, 0, b"other\n"), (1, 5, 1, b"o")]), "other\n");
        assert_eq!(print(&mut deliver, 2, &[(1, 5, 2, b"\n\nthree\nfo")]), "two\n\nthree\n");
        assert_eq!(
            print(&mut deliver, 3, &[(1, 6, 0, b"new life\n")]),
            "new life\n",
            "half a value is no value"
        );
    }

    #[test]
    fn the_log_before_from_is_read_but_not_printed() {
        let mut deliver = Deliver::new(Format::Value, 1);
        assert_eq!(print(&mut deliver, 0, &[(1, 5, 0, b"one\ntw")]), "");
        assert_eq!(print(&mut deliver, 1, &[(1, 5, 0, b"one\ntw"), (1, 5, 1, b"o\n")]), "two\n");
    }

    #[test]
    fn json_numbers_the_values_of_a_session_and_keeps_any_bytes() {
        let mut deliver = Deliver::new(Format::Json, 0);
        assert_eq!(
            print(&mut deliver, 3, &[(1, 5, 0, b"a\"b\\\x01\tc\n\xff\xfe\npart")]),
            "{\"instance\":3,\"client\":1,\"sequence\":0,\"value\":\"a\\\"b\\\\\\u0001\\tc\"}\n\
             {\"instance\":3,\"client\":1,\"sequence\":1,\"bytes\":\"fffe\"}\n"
        );
        assert_eq!(
            print(&mut deliver, 4, &[(1, 5, 1, b"ial\n")]),
            "{\"instance\":4,\"client\":1,\"sequence\":2,\"value\":\"partial\"}\n"
        );
        assert_eq!(
            print(&mut deliver, 5, &[(1, 6, 0, b"again\n")]),
            "{\"instance\":5,\"client\":1,\"sequence\":0,\"value\":\"again\"}\n"
        );
    }
}
