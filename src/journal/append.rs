//! Writing to a log: one frame, one write, one sync.

use super::medium::Medium;
use super::segment::SegmentHeader;
use super::{Frame, Owner, SECTOR};
use crate::limits::SEGMENT_RESERVE;
use crate::planted::{Bug, planted};
use std::io;
use zerocopy::IntoBytes;

/// An acceptor's log, opened for writing: see [`Journal::open`].
#[derive(Debug)]
pub struct Journal<M> {
    pub(super) medium: M,
    pub(super) owner: Owner,
    pub(super) epoch: u64,
    pub(super) segment: u64,
    /// Of the segment, bytes.
    pub(super) length: u64,
    /// Where in it the next frame goes.
    pub(super) at: u64,
    /// Of the next frame.
    pub(super) number: u64,
    /// For the next frame.
    pub(super) chain: u64,
    /// The first error. Behind it nobody knows what the disk holds.
    pub(super) failed: Option<(io::ErrorKind, String)>,
}

impl<M: Medium> Journal<M> {
    /// Writes a frame and makes it durable. When this returns, what the frame says may be told.
    ///
    /// # Errors
    /// The first is final: no later frame is taken, for the journal cannot know what the disk holds of this
    /// one. [`io::ErrorKind::StorageFull`] when there is neither room nor space for a new segment, which
    /// [`Journal::room`] tells in advance.
    pub fn commit(&mut self, frame: &mut Frame) -> io::Result<()> {
        if let Some((kind, text)) = &self.failed {
            return Err(io::Error::new(*kind, text.clone()));
        }
        let result = self.append(frame);
        if let Err(error) = &result {
            self.failed = Some((error.kind(), error.to_string()));
        }
        result
    }

    pub(super) fn append(&mut self, frame: &mut Frame) -> io::Result<()> {
        let length = frame.length() as u64;
        if length > self.length - self.at {
            self.turn_page()?;
            assert!(length <= self.length - self.at, "a turn brings less than a segment holds");
        }
        let (bytes, chain) = frame.seal(self.epoch, self.number, self.chain);
        self.medium.write(self.segment, self.at, bytes)?;
        if planted(Bug::FsyncRetried) {
            let _ = self.medium.sync(self.segment);
        }
        self.medium.sync(self.segment)?;
        self.at += length;
        self.number += 1;
        self.chain = chain;
        Ok(())
    }

    /// Goes on in the next segment.
    fn turn_page(&mut self) -> io::Result<()> {
        let next = self.segment + 1;
        if !self.medium.create(next)? {
            return Err(io::ErrorKind::StorageFull.into());
        }
        self.begin(next)
    }

    /// Makes a segment that exists the one that is written to. Its header is durable before any frame in it,
    /// so that a frame without one is known for damage.
    pub(super) fn begin(&mut self, segment: u64) -> io::Result<()> {
        let length = self.medium.segment_len();
        let space = (segment, length, self.medium.is_zeroed(segment));
        let header = SegmentHeader::new(self.owner, self.epoch, space, (self.number, self.chain));
        self.medium.write(segment, 0, header.as_bytes())?;
        self.medium.sync(segment)?;
        (self.segment, self.length, self.at) = (segment, length, SECTOR as u64);
        self.medium.prepare(segment + 1);
        Ok(())
    }

    /// How long the next frame may be, bytes, if it holds accepted records: such a one can surely be
    /// committed, and leaves the space that promises need. Longer ones must not be tried. It may fall to 0
    /// when the disk is full, and rises again when it is no more.
    pub fn room(&mut self) -> u64 {
        if self.failed.is_some() {
            return 0;
        }
        let fresh = match self.medium.prepare(self.segment + 1) {
            true => self.medium.segment_len() - SECTOR as u64,
            false => 0,
        };
        fresh.max(self.length - self.at).saturating_sub(reserve(self.medium.segment_len()))
    }

    /// Which use of the directory this is.
    pub fn epoch(&self) -> u64 {
        self.epoch
    }

    pub fn medium(&self) -> &M {
        &self.medium
    }

    pub fn medium_mut(&mut self) -> &mut M {
        &mut self.medium
    }

    /// Ends the journal; what was committed is durable.
    pub fn into_medium(self) -> M {
        self.medium
    }
}

/// Bytes of a segment that accepted records leave to promises.
fn reserve(segment: u64) -> u64 {
    (segment / SEGMENT_RESERVE).next_multiple_of(SECTOR as u64)
}
