//! The way out: text gathers until there is much of it, or until somebody waits.

use std::cell::RefCell;
use std::io::{self, Read, Write};

/// How much text gathers before it is written, bytes.
const FULL: usize = 64 << 10;

/// Where the lines go. Shared with what is read, see [`FlushFirst`].
pub struct Output<W>(RefCell<Gathered<W>>);

struct Gathered<W> {
    text: String,
    to: W,
    /// The first error of writing; nothing is written after it.
    failed: Option<io::Error>,
}

impl<W: Write> Output<W> {
    pub fn new(to: W) -> Output<W> {
        Output(RefCell::new(Gathered { text: String::with_capacity(2 * FULL), to, failed: None }))
    }

    /// Lets `print` add to the text.
    pub(super) fn with(&self, print: impl FnOnce(&mut String)) {
        print(&mut self.0.borrow_mut().text);
    }

    /// Returns whether what was printed can be written.
    pub(super) fn flush_when_full(&self) -> bool {
        self.0.borrow().text.len() < FULL || self.flush()
    }

    pub(super) fn flush(&self) -> bool {
        let gathered = &mut *self.0.borrow_mut();
        if gathered.failed.is_none() && !gathered.text.is_empty() {
            let written = gathered.to.write_all(gathered.text.as_bytes());
            gathered.failed = written.and_then(|()| gathered.to.flush()).err();
            gathered.text.clear();
        }
        gathered.failed.is_none()
    }

    /// Flushes, and tells what went wrong since the start.
    pub(super) fn finish(&self) -> io::Result<()> {
        self.flush();
        self.0.borrow_mut().failed.take().map_or(Ok(()), Err)
    }
}

/// Shows what was printed before it waits for more input.
pub struct FlushFirst<'a, R, W> {
    input: R,
    output: &'a Output<W>,
}

impl<'a, R, W> FlushFirst<'a, R, W> {
    pub fn new(input: R, output: &'a Output<W>) -> FlushFirst<'a, R, W> {
        FlushFirst { input, output }
    }
}

impl<R: Read, W: Write> Read for FlushFirst<'_, R, W> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        // The input ends where nobody hears of it any more; `Output::finish` tells why.
        if self.output.flush() { self.input.read(buffer) } else { Ok(0) }
    }
}
