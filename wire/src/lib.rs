//! The packets of the paxos engine: formats, checks, and the one-line printer.
//!
//! Every packet is a fixed [`Header`] followed by the fixed body of its kind and, for some kinds, a tail of
//! records or bytes. [`Packet::parse`] is the only way in: it checks *everything* once (length, tag, reserved
//! bytes, every record of the tail), so that no accessor behind it can fail or panic. What it refuses, it
//! refuses with a [`Refusal`] that names the reason.
//!
//! The structs are declared so that tools know as much of them as the code does: [`packets`] is the page of
//! all, [`dissector()`](dissector::dissector) shows them in Wireshark.
//!
//! One file per kind under `kinds`, each in the same order: layout, checks, printing, tests. Numbers are big
//! endian. All sizes are proved at compile time; no struct has padding; reserved bytes are zero.
//!
//! ```text
//!  0       2   3    4       6    7     8    10         16            24        28    32            40
//!  | magic |ver|kind| length|role|flags| id | sequence | incarnation | cluster | log | tag         | body …
//! ```
//!
//! This crate holds no socket, no clock and no role: it can be used by tools that only look, as its own
//! `wire dump` does: [`capture`] reads what was recorded, [`dump`] prints it,
//! [`mod@stat`] counts it, [`mod@flow`] draws it.

mod ballot;
mod batch;
pub mod capture;
pub mod check;
pub mod dissector;
pub mod dump;
pub mod flow;
mod header;
mod key;
mod kinds;
mod layout;
mod outline;
mod packet;
mod ranges;
mod refusal;
pub mod sealing;
mod sighting;
pub mod stat;
pub mod story;
mod votes;

/// The page of all packets, made from their declarations.
#[cfg_attr(doc, doc = "", doc = include_str!("../../docs/packets.md"))]
pub mod packets {}

pub use ballot::{Ballot, BallotField};
pub use batch::{Batch, ENTRY_OVERHEAD, Entries, Entry, EntryHeader};
pub use header::{HEADER_LEN, Header, MAGIC, Role, Sender, TRAILER_LEN, VERSION, sequence_field, tag};
pub use key::{KEY_LEN, KEYS_MAX, Key, KeyError, Keys};
pub use kinds::ack::{Ack, AckRecord, BEYOND_BITS, Status};
pub use kinds::catch_up::{CatchUp, Fetch};
pub use kinds::heartbeat::Heartbeat;
pub use kinds::hello::Hello;
pub use kinds::nack::Nack;
pub use kinds::phase1::{Life, Phase1a, Phase1b, RUNS_MAX, Run};
pub use kinds::phase2::{Phase2a, Phase2b};
pub use kinds::probe::{Probe, Purpose, Way};
pub use kinds::rejoin::{Found, Helped, Join, Member, Over};
pub use kinds::report::{Report, Room};
pub use kinds::status::ProcessStatus;
pub use kinds::submit::Submit;
pub use kinds::tally::{Endpoint, HEARD_MAX, HOST_MAX, Heard, Tally, host_field};
pub use kinds::value::Value;
pub use kinds::watermark::Watermark;
pub use kinds::{FixedBody, Kind, flags, report, status};
pub use outline::{Front, Outline};
pub use packet::{BATCH_AT, Body, Layout, PACKET_MAX, PACKET_MIN, Packet, Stamp, seal, seal_in_place, split};
pub use ranges::{RANGES_MAX, Range, RangeRecord};
pub use refusal::Refusal;

/// How many acceptors a packet can tell the lives of.
pub const LIVES_MAX: usize = 15;
