//! How fast a cluster of real processes is, on this machine.
//!
//! ```text
//! feeder (thread) ─► client's stdin ─► cluster ─► learner's stdout ─► reader (thread): checks, measures
//! ```

pub mod check;
pub mod child;
pub mod cluster;
pub mod feeder;
pub mod interrupt;
pub mod latency;
pub mod lines;
pub mod measure;
pub mod procfs;
pub mod reader;
pub mod run;
pub mod setting;
pub mod temporary;
pub mod times;
