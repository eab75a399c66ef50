//! Opening an acceptor's log, and telling a person what was found.

use super::clock::{Clock, random};
use super::files::Files;
use crate::journal::{Fault, Journal, OpenError, Owner, Recall, Record, Report};
use crate::limits::SEGMENT;
use crate::protocol::memory::Memory;
use crate::text::grouped;
use std::path::Path;

/// Findings that are told one by one; of more only the number.
const TOLD_MAX: usize = 20;

impl Recall for Memory {
    fn recall(&mut self, record: Record<'_>) {
        Memory::recall(self, record);
    }

    fn forget(&mut self) {
        Memory::forget(self);
    }
}

/// Why a log was not opened.
#[derive(Debug)]
pub struct Unopened {
    /// Begins with the directory.
    pub sentence: String,
    /// It is another acceptor's, or another program's: trying again does not help.
    pub for_good: bool,
}

/// Opens the log in `directory`, and recalls what it says.
///
/// # Errors
/// When somebody else uses the directory, the disk fails, or the log is not ours to go on with.
pub fn open(directory: &Path, owner: Owner, memory: &mut Memory) -> Result<Journal<Files>, Unopened> {
    let begun = Clock::start();
    let place = directory.display();
    let who = format!("acceptor {}", owner.acceptor);
    let files = Files::open(directory, SEGMENT, &who)
        .map_err(|error| Unopened { sentence: format!("{place}: {error}"), for_good: false })?;
    // A random epoch, for nobody who sends values must be able to write what looks like a frame.
    let (journal, report) = Journal::open(files, owner, random(), memory).map_err(|error| Unopened {
        sentence: format!("{place}: {error}"),
        for_good: matches!(error, OpenError::Foreign { .. } | OpenError::Version { .. }),
    })?;
    let ms = begun.now() / 1_000_000;
    if report.is_new() {
        log::info!(target: "paxos", "data: {place} is new, and begun in {ms} ms");
    } else {
        log::info!(target: "paxos", "data: {}, recovered in {ms} ms", counts(&report));
    }
    tell(&report, &journal);
    Ok(journal)
}

fn tell(report: &Report, journal: &Journal<Files>) {
    let place = journal.medium().directory().display();
    for finding in report.findings.iter().take(TOLD_MAX) {
        match finding.what {
            Fault::TornTail { .. } => log::info!(target: "paxos", "data: {place}: {finding}; cut off"),
            _ => log::warn!(target: "paxos", "data: {place}: {finding}"),
        }
    }
    if let Some(more) = report.findings.len().checked_sub(TOLD_MAX + 1) {
        log::warn!(target: "paxos", "data: {place}: and {} more; see `paxos log verify {place}`", more + 1);
    }
    if report.lost() {
        let aside = journal.medium().aside().unwrap_or(journal.medium().directory()).display();
        log::warn!(
            target: "paxos",
            "data: what this acceptor promised and accepted is lost: it starts without memory, and votes again \
             when the others have told it what it must know; the damaged log is kept in {aside}"
        );
    }
}

/// `12,345 records in 3 segments, 7.1 MiB`
pub fn counts(report: &Report) -> String {
    let plural = |count| if count == 1 { "" } else { "s" };
    format!(
        "{} record{} in {} segment{}, {:.1} MiB",
        grouped(report.records),
        plural(report.records),
        report.segments,
        plural(report.segments),
        report.bytes as f64 / f64::from(1 << 20)
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::scratch::Scratch;

    #[test]
    fn counts_are_told_with_their_units() {
        let report = Report { segments: 1, records: 1_234_567, bytes: 7_444_890, ..Report::default() };
        assert_eq!(counts(&report), "1,234,567 records in 1 segment, 7.1 MiB");
        assert_eq!([grouped(0), grouped(999), grouped(1000)], ["0", "999", "1,000"]);
    }

    #[test]
    fn a_directory_of_another_acceptor_is_named_with_whose_it_is() {
        let scratch = Scratch::new();
        let owner = Owner { cluster: 7, acceptor: 1 };
        drop(open(&scratch.0, owner, &mut Memory::default()).unwrap());
        let error = open(&scratch.0, Owner { acceptor: 2, ..owner }, &mut Memory::default()).unwrap_err();
        let expected =
            format!("{}: this is the memory of acceptor 1, not of acceptor 2", scratch.0.display());
        assert!(error.sentence.starts_with(&expected) && error.for_good, "{error:?}");
    }
}
