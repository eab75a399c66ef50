//! The acceptor's log as bytes: records, frames, segments, recovery. No file, no clock, no role.
//!
//! What one turn of an acceptor must not forget is one [`Frame`]: records, one after the other, written with
//! one write and made durable with one `fdatasync` before any packet of that turn leaves. Frames follow each
//! other in segments of a fixed size.
//!
//! ```text
//! segment: │ header, 512 B: owner, epoch, first frame │ frame 17 │ frame 18 │ zeros …
//! frame:   │ header, 64 B: epoch, number, chain, length │ record │ record │ … │ padding up to 512 │
//! record:  │ header, 48 B: check, body check, kind, instance, ballot │ body │ zeros up to 8 │
//! ```
//!
//! Each frame begins at a multiple of [`SECTOR`], so that no durable byte is ever written again, and is durable
//! before the next one is written. So a frame that is damaged while a later one stands was durable once and
//! is *damage*; one that is damaged while nothing stands behind it was being written when the power went, no
//! packet that depended on it has left, and it is cut off: a *torn tail*. So that the last frame has one
//! behind it too, an empty one follows when the acceptor has been idle for a moment. Until then its sectors
//! tell: a segment is zeros when it is made and a sector is written whole or not at all, so a torn frame has
//! sectors of zeros, and one without is damaged. No single byte that turns over is taken for a power cut.
//!
//! The header of a segment is durable before its first frame is written, and proves all frames before it in
//! the same way. Where the headers of segments, frames or records are damaged it cannot be told what the
//! acceptor said, so its memory is *lost*: nothing is guessed, the segments are set aside, and it begins a new
//! life. See [`scan`] for how a log is read, [`Journal`] for how it is written.
//!
//! Every check is chained to the one before and seeded with the segment's epoch, so that what an earlier use
//! of the same space left behind never fits. A record's header is checked apart from its body: when only the
//! body is damaged, it is still known which instance was accepted in which ballot [FAST18 §3.3].

pub mod aligned;
mod append;
pub mod frame;
pub mod medium;
pub mod memory_disk;
pub mod record;
mod recovery;
mod report;
mod scan;
mod segment;

pub use append::Journal;
pub use frame::{Frame, FrameHeader};
pub use medium::{Medium, Source};
pub use record::{Record, Standing};
pub use report::{Fault, Finding, Loss, OpenError, Place, Report};
pub use scan::{End, scan};

use core::fmt;

/// Frames begin at multiples of this: a disk writes a sector whole, or not at all.
pub const SECTOR: usize = 512;

/// Whose log it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Owner {
    /// Of the configuration that must agree: see [`crate::conf::Conf::agreed`].
    pub cluster: u32,
    pub acceptor: u16,
}

impl fmt::Display for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "acceptor {} of cluster {:08x}", self.acceptor, self.cluster)
    }
}

/// What becomes of the records of a log that is opened.
pub trait Recall {
    /// The next record.
    fn recall(&mut self, record: Record<'_>);
    /// None of the records counts: some are lost, and it cannot be told which.
    fn forget(&mut self);
}

#[cfg(test)]
mod tests;
