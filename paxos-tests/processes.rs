//! Real processes on loopback: what a user sees.
//!
//! Each test starts a cluster of its own, on groups of its own, and ends all that it started. The sentences
//! of the tests are the promises of the README. `cargo test --test processes` runs them; half a million
//! hostile datagrams instead of twenty thousand come with `PAXOS_SPRAY=500000`, or with `--
//! --include-ignored`.

mod cluster;

#[path = "processes/attack.rs"]
mod attack;
#[path = "processes/bench.rs"]
mod bench;
#[path = "processes/clients.rs"]
mod clients;
#[path = "processes/crashes.rs"]
mod crashes;
#[path = "processes/data.rs"]
mod data;
#[path = "processes/hostile.rs"]
mod hostile;
#[path = "processes/learners.rs"]
mod learners;
#[path = "processes/order.rs"]
mod order;
#[path = "processes/sealed.rs"]
mod sealed;
#[path = "processes/sentences.rs"]
mod sentences;
#[path = "processes/strangers.rs"]
mod strangers;
#[path = "processes/supervised.rs"]
mod supervised;
#[path = "processes/trace.rs"]
mod trace;
#[path = "processes/watching.rs"]
mod watching;
