//! The roles in simulated time: scenarios that read like sentences, held against the invariants of the protocol at every
//! packet. See `world/script.rs` for the language. A failure prints the one command that replays it.
//!
//! `PAXOS_SEED=7` runs one seed, `PAXOS_SEEDS=5000` so many of each sweep, `PAXOS_STORY=1` tells every packet.

mod world;

use world::{World, random_script};

fn env(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|value| value.parse().unwrap_or_else(|_| panic!("{name}={value} is no number")))
}

/// Runs a script with one seed, in the world that it leaves behind.
fn run_seed(seed: u64, script: &str) -> World {
    let mut world = World::new(seed, script);
    world.run(script);
    world
}

/// Runs a script.
fn run(script: &str) -> World {
    run_seed(env("PAXOS_SEED").unwrap_or(1), script)
}

/// Runs as many scripts as the test asks for, or the environment does.
fn sweep(seeds: u64, script: impl Fn(u64) -> String) {
    let seeds = match env("PAXOS_SEED") {
        Some(seed) => seed..seed + 1,
        None => 1..env("PAXOS_SEEDS").unwrap_or(seeds) + 1,
    };
    for seed in seeds {
        run_seed(seed, &script(seed));
    }
}

#[test]
fn three_acceptors_decide_all_and_every_learner_prints_it() {
    run("3 acceptors; 2 proposers; 2 learners; client 1 submits 1000 values; expect all delivered within 2s");
}

#[test]
fn anything_goes_wrong() {
    sweep(100, random_script);
}
