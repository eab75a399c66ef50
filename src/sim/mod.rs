//! A small world for the roles: the production roles, wheel and packets under simulated time, and one seed.
//!
//! A network that loses, doubles, delays, damages and cuts; processes that crash, sleep and come back; and a
//! [`check::Checker`] outside the roles that holds the invariants against every packet. What happens is told
//! in a small language ([`mod@script`]). The same seed and script give the same run, event for event.
//!
//! ```
//! use paxos::sim::{run, Script, Story};
//!
//! let script = Script::parse("3 acceptors; 1 proposer; 1 learner; client 1 submits 9 values; \
//!                             expect all delivered within 1s")?;
//! let run = run(7, &script, Story::Untold);
//! assert_eq!(run.result, Ok(()));
//! assert_eq!(run.world.lines(), 9);
//! # Ok::<(), paxos::sim::Failure>(())
//! ```

pub mod budget;
pub mod chance;
pub mod check;
pub mod clock;
pub mod disk;
pub mod failure;
pub mod generate;
pub mod network;
pub mod node;
pub mod packets;
mod perform;
pub mod queue;
pub mod script;
pub mod shrink;
pub mod story;
pub mod stream;
pub mod trace;
pub mod world;

pub use chance::Chance;
pub use failure::{Failure, Rule};
pub use generate::{amnesia, crowd, forget, late_promise, random_script, script, struggle};
pub use network::Who;
pub use script::Script;
pub use story::Story;
pub use trace::Trace;
pub use world::World;

/// What a script came to.
pub struct Run {
    /// The world as it was left, with its story and its counts.
    pub world: World,
    /// How it failed, if it did.
    pub result: Result<(), Failure>,
}

/// Runs a script in a new world. A panic is a failure as any other.
pub fn run(seed: u64, script: &Script, story: Story) -> Run {
    run_watched(seed, script, story, Watch::default())
}

/// Who looks on besides the story.
#[derive(Default)]
pub struct Watch {
    /// Every packet goes there.
    pub trace: Option<Trace>,
    /// The checker tells of nothing that it finds, so that the run goes on.
    pub unchecked: bool,
}

/// As [`run`].
pub fn run_watched(seed: u64, script: &Script, story: Story, watch: Watch) -> Run {
    let mut world = World::new(seed, story);
    world.watch(watch);
    let result = failure::catch(|| world.run(script));
    Run { world, result }
}
