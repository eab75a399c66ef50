//! `paxos doctor`: looks at a host and its network before a cluster runs there, and while it does.
//!
//! Every host runs one. Each sends small numbered packets to the four groups, to the others, and tallies of what it heard
//! of whom, to the groups, directly, and by IP broadcast; so they find each other where multicast does not work at all, and
//! each knows what all heard. It uses the sockets of a process (same interface, `ttl`, buffers, batches), so that what it
//! finds is true for processes; these ignore it.
//!
//! ```text
//! live ─► Course ─► Survey ─┐
//! host ─► Facts ────────────┴► judge::findings ─► text, json
//! ```
//!
//! [`live`], [`host`] and [`igmp`] touch the system, the rest are functions of what they are told. `docs/doctor.md`
//! explains every finding.

pub mod clocks;
pub mod course;
pub mod facts;
pub mod host;
pub mod igmp;
pub mod json;
pub mod judge;
pub mod live;
pub mod marks;
pub mod plan;
pub mod source;
pub mod strangers;
pub mod survey;
pub mod text;
