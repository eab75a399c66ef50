//! The only door to the world: sockets, files, clock, timers, stdin, stdout, signals.
//!
//! Knows nothing of ballots or quorums.

mod attention;
pub mod batch;
pub mod clock;
pub mod files;
pub mod guard;
pub mod heap;
pub mod input;
mod portion;
pub mod reactor;
mod refusals;
#[cfg(test)]
pub(crate) mod scratch;
mod sealing;
mod senders;
pub mod sockets;
mod sources;
pub mod spare;
pub mod stats;
pub mod status;
pub mod storage;
pub mod supervisor;
pub mod trace;
mod uncached;
