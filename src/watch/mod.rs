//! Watching a cluster: `paxos status`, `paxos top` and `paxos exporter`.
//!
//! ```text
//! proposers' group ─► listen ─► gather ─┬► findings ─┬► status: a table, once
//!                                       │            ├► top: a terminal, always
//!                                       └► rates ────┴► exporter: Prometheus' text, when asked
//! ```
//!
//! Every process tells once a period how it is ([`wire::ProcessStatus`]). [`gather`] makes the state of the cluster of
//! that, [`findings`] says what is wrong with it; both are pure, time is passed in. The tools only listen: they send
//! nothing, and no process knows of them.

pub mod exporter;
pub mod findings;
pub mod gather;
pub mod http;
pub mod json;
pub mod listen;
pub mod metrics;
pub mod table;
pub mod top;

#[cfg(test)]
mod scene;
