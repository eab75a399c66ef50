//! How fast a cluster of real processes is, on this machine.
//!
//! ```text
//! feeder (thread) ─► client's stdin ─► cluster ─► learner's stdout ─► reader (thread): checks, measures
//! ```
//!
//! [`running`] is the frame of every run, from the start of its [`cluster`] to its end. What happens in between is
//! [`run`]: values, at full speed or at a rate; or [`failover`]: the leader is killed again and again; or [`catch_up`]:
//! a learner begins anew, far behind; or [`link`]: values, over links that are shaped, on a [`lan`]. [`session`] makes
//! several runs of several kinds and tells of them, as a [`table`], as [`json`], as a [`plot`]. [`raw`] is what
//! the machine could do without a protocol. Values are made by [`lines`], written by [`feeder`] on time ([`pace`]), read by [`reader`],
//! checked by [`check`].

pub mod catch_up;
pub mod check;
pub mod child;
pub mod cluster;
pub mod failover;
pub mod feeder;
pub mod interrupt;
pub mod json;
pub mod lan;
pub mod latency;
pub mod leader;
pub mod lines;
pub mod link;
pub mod measure;
pub mod namespace;
pub mod pace;
pub mod plot;
pub mod procfs;
pub mod raw;
pub mod reader;
pub mod run;
pub mod running;
pub mod session;
pub mod setting;
pub mod table;
pub mod temporary;
pub mod times;
