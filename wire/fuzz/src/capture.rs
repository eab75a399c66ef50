//! Any bytes as a capture.

use std::io::{self, Read};
use wire::dump::{Depth, Summary, dump};

/// Any bytes are read to their end or to a reason, every packet in them is a line, and how they arrive makes
/// no difference.
pub fn capture(bytes: &[u8]) {
    let (lines, summary, result) = dumped(bytes, Depth::Line);
    // Not even a forged length makes more lines than there are bytes for.
    assert!(lines.len() <= 16 * bytes.len() + 512, "{} bytes of text from {}", lines.len(), bytes.len());
    assert!(lines.lines().count() as u64 >= summary.packets + summary.malformed);
    assert!(
        lines.bytes().all(|byte| byte == b'\n' || (b' '..=b'~').contains(&byte)),
        "plain text: {lines:?}"
    );
    for depth in [Depth::Fields, Depth::Bytes] {
        let (deep, ..) = dumped(bytes, depth);
        assert!(
            deep.bytes().all(|byte| byte == b'\n' || (b' '..=b'~').contains(&byte)),
            "plain text: {deep:?}"
        );
        assert!(lines.lines().all(|line| deep.contains(line)), "a line is missing where there are more");
    }
    let again = dumped(Trickle { rest: bytes, next: 1 }, Depth::Line);
    assert_eq!((lines, summary, result), again, "another result when the bytes come a few at a time");
}

fn dumped(input: impl Read, depth: Depth) -> (String, Summary, Result<(), String>) {
    let mut output = Vec::new();
    let (summary, result) = dump(input, &mut output, depth);
    let lines = String::from_utf8(output).expect("lines are text");
    (lines, summary, result.map_err(|error| format!("{error:?}")))
}

/// Hands out 1, 2, 3, … bytes at a time.
struct Trickle<'a> {
    rest: &'a [u8],
    next: usize,
}

impl Read for Trickle<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.next.min(self.rest.len()).min(buffer.len());
        let (now, rest) = self.rest.split_at(length);
        buffer[..length].copy_from_slice(now);
        (self.rest, self.next) = (rest, self.next + 1);
        Ok(length)
    }
}
