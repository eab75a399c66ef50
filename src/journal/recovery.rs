//! Opening a log: remembering what it says, cutting off what was never said, and, when it cannot be told what
//! was said, beginning anew.

use super::append::Journal;
use super::medium::Medium;
use super::report::{OpenError, Report};
use super::scan::{End, scan};
use super::{Frame, Owner, Recall, SECTOR};
use std::io;

impl<M: Medium> Journal<M> {
    /// Opens the log that a medium holds, or begins one, and tells `memory` every record of it, in order.
    ///
    /// Behind the last whole frame everything is made zero before this returns, so that what was cut off once
    /// stays cut off. When records are [lost](Report::lost), `memory` is told to forget all, the segments are
    /// set aside, and an empty log is begun: the acceptor has no memory and must not act as if it had.
    ///
    /// `fresh_epoch` names this use of the directory if it is a new one: never the same twice, and nothing
    /// that others can guess, for it seeds the checks.
    ///
    /// # Errors
    /// The log is somebody else's or of another version (and was not touched), there is no space for one, or
    /// the medium fails.
    pub fn open(
        medium: M,
        owner: Owner,
        fresh_epoch: u64,
        memory: &mut impl Recall,
    ) -> Result<(Journal<M>, Report), OpenError> {
        let mut journal = Journal {
            medium,
            owner,
            epoch: fresh_epoch,
            segment: 0,
            length: 0,
            at: 0,
            number: 1,
            chain: 0,
            failed: None,
        };
        let (report, end) = scan(&mut journal.medium, Some(owner), &mut |_, record| {
            memory.recall(record);
            Ok(())
        })?;
        match end {
            Some(end) if !report.lost() => journal.resume(end)?,
            _ => journal.begin_anew(report.lost(), memory)?,
        }
        Ok((journal, report))
    }

    fn resume(&mut self, end: End) -> io::Result<()> {
        let End { place, length, epoch, number, chain, remains, doubtful } = end;
        // What stands behind a doubtful frame proves it, and goes only when something else does.
        let from = if doubtful { remains.start.max(place.offset + SECTOR as u64) } else { remains.start };
        if from < remains.end {
            let zeros = vec![0; (remains.end - from) as usize];
            self.medium.write(place.segment, from, &zeros)?;
        }
        // Whatever was read may have been written and not synced by a process that was killed in between; it
        // is acted on from now on. Frames before the last one were durable before that was written.
        self.medium.sync(place.segment)?;
        (self.segment, self.at, self.length) = (place.segment, place.offset, length);
        (self.epoch, self.number, self.chain) = (epoch, number, chain);
        if doubtful {
            let mut mark = Frame::with_capacity(0);
            mark.mark();
            self.append(&mut mark)?;
        }
        self.medium.prepare(self.segment + 1);
        Ok(())
    }

    fn begin_anew(&mut self, lost: bool, memory: &mut impl Recall) -> Result<(), OpenError> {
        let there = self.medium.segments()?;
        let first = match lost {
            // A number that was used is not used again, so that no old segment can pass for a new one.
            true => there.last().map_or(1, |last| last + 1),
            false => there.first().copied().unwrap_or(1),
        };
        // Space first: without it the old log stays where it is, and is told lost again the next time.
        if !self.medium.create(first)? {
            return Err(OpenError::NoSpace);
        }
        if lost {
            memory.forget();
            self.medium.set_aside(first)?;
        }
        self.begin(first)?;
        Ok(())
    }
}
