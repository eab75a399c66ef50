//! What the fuzz targets do with their bytes. Each is a plain function that panics when something is wrong.
//!
//! `targets/` hands them what libFuzzer comes up with. `paxos-tests/fuzz.rs` includes this very file and
//! hands them what was found so far (`seeds/`), on a stable compiler with every `cargo test`. So nothing here
//! may need more than the crates `wire`, `paxos`, `zerocopy` and `twox-hash`.

mod capture;
mod conf;
mod input;
mod journal;
mod packet;
mod roles;
mod sealed;

pub use capture::{capture, trace};
pub use conf::conf;
pub use journal::journal;
pub use packet::packet;
pub use roles::roles;
pub use sealed::sealed;
