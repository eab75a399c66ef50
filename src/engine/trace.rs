//! Every packet in and out, written to a file as it passes: `--trace`.
//!
//! The packet path only formats into blocks of memory that are there from the start; a thread writes them to the
//! file. Where that thread does not keep up, packets are left out of the trace, which says how many; nothing ever
//! waits for it. What is there after a crash ends with the last block that was written.

mod block;
mod writer;

use crate::limits::{TRACE_BLOCK_MIN, TRACE_FLUSH};
use crate::protocol::Nanos;
use block::Block;
use std::fmt::{self, Write as _};
use std::net::SocketAddrV4;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use wire::Sender;
use wire::capture::write::{self, COMMENT_MAX, Direction, HEADERS, PACKET_OVERHEAD, Passage, STATISTICS_MAX};
use writer::{Blocks, Writer};

/// How long the end of a process may wait for the rest of its trace to be written.
const END_WAIT: Duration = Duration::from_secs(5);

/// The least that may be kept of a packet: its headers and ours.
pub const SNAP_MIN: usize = HEADERS + wire::HEADER_LEN;

/// Packets of up to so many bytes stay whole: votes and the like, which are few when there is much to do.
const SHORT: usize = 256;

/// What the user wants traced.
#[derive(Clone, Debug)]
pub struct Options {
    pub path: PathBuf,
    /// Bytes of both files together: the one that is written, and the former one.
    pub bytes_max: usize,
    /// Bytes of a long packet that are kept, IP and UDP headers included; 0: all.
    pub snap: usize,
}

/// What became of what passed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    pub traced: u64,
    /// Packets that the disk did not keep up with.
    pub left_out: u64,
}

/// An open trace.
pub struct Trace {
    blocks: Arc<Blocks>,
    /// The block that is being filled; none while all wait to be written, or the trace is over.
    block: Option<Block>,
    snap: usize,
    started: Instant,
    /// The time of `started` by the system's clock, ns since 1970. It is asked once, so that times never fall.
    base_ns: u64,
    now_ns: u64,
    /// When a block was handed to the writer last, ns since 1970.
    handed_ns: u64,
    counts: Counts,
    /// Of those left out, how many the trace has told.
    told: u64,
    /// What the last statistics said.
    received: u64,
    dropped: u64,
}

impl Trace {
    /// Begins a trace of this process. A file that is there already becomes `FILE.1`.
    ///
    /// # Errors
    /// A sentence when the file cannot be made.
    pub fn open(options: &Options, me: Sender) -> Result<Trace, String> {
        let mut header = Vec::new();
        write::section(&mut header, concat!("paxos ", env!("CARGO_PKG_VERSION")));
        let host = rustix::system::uname();
        let host = host.nodename().to_string_lossy();
        let description = format!("{} {}, incarnation {:016x}, on {host}", me.role, me.id, me.incarnation);
        let snap = if options.snap == 0 { 0 } else { options.snap.max(HEADERS + SHORT) };
        write::interface(&mut header, &me.to_string(), &description, snap);
        let writer = Writer::open(options, header)?;
        let blocks = writer.start()?;
        let base = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let base_ns = base.as_nanos() as u64; // until the year 2554
        Ok(Trace {
            block: blocks.take(),
            blocks,
            snap: options.snap,
            started: Instant::now(),
            base_ns,
            now_ns: base_ns,
            handed_ns: base_ns,
            counts: Counts::default(),
            told: 0,
            received: 0,
            dropped: 0,
        })
    }

    /// Takes the time for what is added from here on: after a read, before a send.
    pub fn clock(&mut self) {
        self.now_ns = self.base_ns + self.started.elapsed().as_nanos() as u64;
    }

    /// Adds a packet that came, and why it was refused if it was.
    pub fn received(
        &mut self,
        from: SocketAddrV4,
        to: SocketAddrV4,
        bytes: &[u8],
        refused: Option<&dyn fmt::Display>,
    ) {
        self.received += 1;
        let passage = Passage { time_ns: self.now_ns, from, to, direction: Direction::In };
        self.packet(&passage, bytes, refused.map(|why| Comment::new(format_args!("refused: {why}"))));
    }

    /// Adds packets that were to be sent, and why they were not if they were not.
    pub fn sent(
        &mut self,
        from: SocketAddrV4,
        to: SocketAddrV4,
        packets: impl Iterator<Item = impl AsRef<[u8]>>,
        lost: Option<&dyn fmt::Display>,
    ) {
        let passage = Passage { time_ns: self.now_ns, from, to, direction: Direction::Out };
        for bytes in packets {
            let comment = lost.map(|why| Comment::new(format_args!("not sent: {why}")));
            self.packet(&passage, bytes.as_ref(), comment);
        }
    }

    /// Says that the kernel has dropped so many datagrams since the start, the latest ones `at` this socket.
    pub fn dropped(&mut self, datagrams: u64, at: SocketAddrV4) {
        let new = datagrams.saturating_sub(self.dropped);
        self.dropped = datagrams;
        let comment = Comment::new(format_args!(
            "the kernel dropped {new} datagrams at {at}: no room in the receive buffer"
        ));
        self.statistics(comment);
    }

    /// Hands over what waits long enough. Returns how long after now there is something to hand over, if there is.
    pub fn turn(&mut self) -> Option<Nanos> {
        self.block.as_ref().filter(|block| !block.is_empty())?;
        self.clock();
        let waited = self.now_ns - self.handed_ns;
        if waited < TRACE_FLUSH {
            return Some(TRACE_FLUSH - waited);
        }
        self.hand_over();
        None
    }

    pub fn counts(&self) -> Counts {
        self.counts
    }

    fn packet(&mut self, passage: &Passage, bytes: &[u8], comment: Option<Comment>) {
        let snap = if bytes.len() <= SHORT { 0 } else { self.snap };
        let captured = if snap == 0 { HEADERS + bytes.len() } else { snap.min(HEADERS + bytes.len()) };
        let Some(block) = self.room(captured + PACKET_OVERHEAD) else {
            self.counts.left_out += u64::from(!self.blocks.over());
            return;
        };
        write::packet(block, passage, bytes, snap, comment.as_ref().map_or("", Comment::text));
        self.counts.traced += 1;
    }

    fn statistics(&mut self, comment: Comment) {
        let (now_ns, received, dropped) = (self.now_ns, self.received, self.dropped);
        if let Some(block) = self.room(STATISTICS_MAX) {
            write::statistics(block, now_ns, received, dropped, comment.text());
        }
    }

    /// A block with room for so many bytes, unless all are full.
    fn room(&mut self, bytes: usize) -> Option<&mut Vec<u8>> {
        // What was left out is told first, so there must be room for that too.
        let room = bytes + STATISTICS_MAX;
        if self.block.as_ref().is_some_and(|block| block.left() < room) {
            self.hand_over();
        }
        if self.block.is_none() {
            self.block = self.blocks.take();
        }
        let block = self.block.as_mut()?.records();
        let new = self.counts.left_out - self.told;
        if new > 0 {
            if self.told == 0 {
                log::warn!(target: "paxos", "the trace's disk does not keep up: packets are left out of it, and it says how many");
            }
            self.told = self.counts.left_out;
            let comment =
                Comment::new(format_args!("{new} packets are left out here: the disk did not keep up"));
            write::statistics(block, self.now_ns, self.received, self.dropped, comment.text());
        }
        Some(block)
    }

    fn hand_over(&mut self) {
        self.handed_ns = self.now_ns;
        if let Some(block) = self.block.take() {
            self.blocks.give(block);
            self.block = self.blocks.take();
        }
    }

    /// Closes with the counts of it all.
    fn finish(&mut self) {
        self.clock();
        let deadline = Instant::now() + END_WAIT;
        if self.block.is_none() {
            // Who ends has time.
            self.blocks.wait_until_written(deadline);
        }
        let Counts { traced, left_out } = self.counts;
        self.statistics(Comment::new(format_args!("the end: {traced} packets, {left_out} left out")));
        self.hand_over();
        self.blocks.wait_until_written(deadline);
        if left_out > 0 {
            log::warn!(target: "paxos", "the trace has {traced} packets; {left_out} are left out, for its disk did not keep up");
        }
    }
}

impl Drop for Trace {
    fn drop(&mut self) {
        self.finish();
        self.blocks.end();
    }
}

/// A short text without memory of its own.
struct Comment(heapless::String<COMMENT_MAX>);

impl Comment {
    fn new(text: fmt::Arguments<'_>) -> Comment {
        let mut comment = heapless::String::new();
        let _ = comment.write_fmt(text); // what does not fit is left out
        Comment(comment)
    }

    fn text(&self) -> &str {
        &self.0
    }
}

// The longest packet fits an empty block beside what may be said before it.
const _: () = assert!(u16::MAX as usize + PACKET_OVERHEAD + 2 * STATISTICS_MAX < TRACE_BLOCK_MIN);

#[cfg(test)]
mod tests;
