//! What is said on stderr: to a person, or to the journal.
//!
//! The journal keeps the time and colours lines itself; from us it takes a priority before each line, `<6>` as
//! sd-daemon(3) has it.

use log::{Level, LevelFilter};
use std::fmt::Write as _;
use std::io::Write as _;
use std::os::fd::AsFd;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

/// Lines on stderr, about something that went wrong; when nobody reads that any more, nothing.
pub fn complain(text: &str) {
    let _ = if is_journal() { journal(Level::Error, text) } else { writeln!(std::io::stderr(), "{text}") };
}

/// The log on stderr. A process must not die because whoever read its log has gone away, which `eprintln!`,
/// and so the logger behind this, would make it do.
pub struct Logger {
    inner: simple_logger::SimpleLogger,
    broken: AtomicBool,
}

impl Logger {
    /// Makes this the log of the process.
    pub fn install(level: LevelFilter) {
        let inner = simple_logger::SimpleLogger::new().with_level(level).with_utc_timestamps().env();
        let max_level = inner.max_level();
        let logger = Box::new(Logger { inner, broken: AtomicBool::new(false) });
        match log::set_boxed_logger(logger) {
            Ok(()) => log::set_max_level(max_level),
            Err(error) => complain(&format!("paxos: no log: {error}")),
        }
    }
}

impl log::Log for Logger {
    fn enabled(&self, metadata: &log::Metadata<'_>) -> bool {
        self.inner.enabled(metadata)
    }

    fn log(&self, record: &log::Record<'_>) {
        if self.broken.load(Ordering::Relaxed) {
            return;
        }
        if is_journal() {
            if self.enabled(record.metadata()) {
                let _ = journal(record.level(), &record.args().to_string()); // a journal that is gone wants nothing
            }
            return;
        }
        if std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| self.inner.log(record))).is_err() {
            self.broken.store(true, Ordering::Relaxed);
        }
    }

    fn flush(&self) {
        self.inner.flush();
    }
}

/// Whether stderr is the journal's: `JOURNAL_STREAM` names it by device and inode, and is inherited by processes
/// whose stderr is another.
fn is_journal() -> bool {
    static JOURNAL: OnceLock<bool> = OnceLock::new();
    *JOURNAL.get_or_init(|| {
        let named = std::env::var("JOURNAL_STREAM").ok();
        let own = rustix::fs::fstat(std::io::stderr().as_fd()).ok();
        named.zip(own).is_some_and(|(named, own)| named == format!("{}:{}", own.st_dev, own.st_ino))
    })
}

/// Hands a text to the journal in one write.
fn journal(level: Level, text: &str) -> std::io::Result<()> {
    std::io::stderr().write_all(with_priority(level, text).as_bytes())
}

/// Each line with its priority before it, of those of syslog(3).
fn with_priority(level: Level, text: &str) -> String {
    let priority = match level {
        Level::Error => 3,
        Level::Warn => 4,
        Level::Info => 6,
        Level::Debug | Level::Trace => 7,
    };
    let mut lines = String::with_capacity(text.len() + 8);
    for line in text.lines() {
        let _ = writeln!(lines, "<{priority}>{line}"); // a String takes all
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_for_the_journal_has_its_priority() {
        assert_eq!(with_priority(Level::Info, "leading"), "<6>leading\n");
        assert_eq!(
            with_priority(Level::Error, "a.conf:1: no\na.conf:2: no\n"),
            "<3>a.conf:1: no\n<3>a.conf:2: no\n"
        );
        assert_eq!(with_priority(Level::Warn, "x") + &with_priority(Level::Trace, "y"), "<4>x\n<7>y\n");
    }
}
