//! The only door to the world: sockets, clock, timers, stdin, stdout, signals.
//!
//! Knows nothing of ballots or quorums.

pub mod batch;
pub mod clock;
pub mod input;
pub mod reactor;
pub mod sockets;
