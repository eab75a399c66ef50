//! Every order of events, for small numbers of everything: the shipped acceptor, its rejoin and its log, the
//! shipped count of promises and of votes, under the model checker `stateright`.

#[path = "model/learner.rs"]
mod learner;
#[path = "model/locals.rs"]
mod locals;
#[path = "model/packets.rs"]
mod packets;
#[path = "model/process.rs"]
mod process;
#[path = "model/properties.rs"]
mod properties;
#[path = "model/proposer.rs"]
mod proposer;
#[path = "model/shape.rs"]
mod shape;
#[path = "model/world.rs"]
mod world;

use properties::*;
use shape::{Plant, Restarts, Shape};
use stateright::{Checker, HasDiscoveries, Model, Property};
use std::time::Instant;
use world::World;

/// Visits every state of a shape, and says how many there were. Depth first, for that keeps few states that
/// wait for their turn.
fn check(shape: Shape, sometimes: &[Property<World>]) {
    let begun = Instant::now();
    let checker = World::new(shape, sometimes).checker().threads(2);
    let checker = checker.finish_when(HasDiscoveries::AnyFailures).spawn_dfs().join();
    let world = checker.model();
    let (locals, steps) = world.locals.count();
    println!(
        "{} states, {} of them distinct, depth {}, {} s; of acceptors {locals} states, {steps} steps",
        checker.state_count(),
        checker.unique_state_count(),
        checker.max_depth(),
        begun.elapsed().as_secs(),
    );
    for property in world.properties().iter().filter(|p| p.expectation.discovery_is_failure()) {
        if let Some(path) = checker.discovery(property.name) {
            panic!("not so: {}\n{}", property.name, tell(world, path.into_actions()));
        }
    }
    for property in sometimes {
        assert!(checker.discovery(property.name).is_some(), "it never happened that {}", property.name);
    }
}

fn tell(world: &World, actions: Vec<world::Action>) -> String {
    let lines = actions
        .iter()
        .enumerate()
        .map(|(at, action)| format!("{:3}. {}\n", at + 1, world.format_action(action)));
    lines.collect()
}

/// Looks for the two decisions that a planted fault must lead to.
fn bites(shape: Shape) {
    let begun = Instant::now();
    let plant = shape.plant;
    let checker = World::new(shape, &[]).checker().threads(2);
    let two_values = HasDiscoveries::AnyOf([ONE_VALUE].into());
    let checker = checker.finish_when(two_values).spawn_bfs().join();
    let path = checker.discovery(ONE_VALUE).unwrap_or_else(|| panic!("{plant:?} is not found"));
    println!(
        "{plant:?}: two values after {} distinct states, {} ms:\n{}",
        checker.unique_state_count(),
        begun.elapsed().as_millis(),
        tell(checker.model(), path.into_actions())
    );
}

const LOSSY: Shape = Shape { losses: &[1], ..Shape::SMALL };
const DURABLE: Shape = Shape { durable: true, restarts: Restarts::Often, ..Shape::SMALL };
const ZOMBIE: Shape = Shape { zombie: true, ..Shape::SMALL };

/// What the lives are for happens in every shape in which a memory is lost.
fn lives_matter() -> Vec<Property<World>> {
    vec![
        a_value_is_chosen(),
        a_later_ballot_keeps_what_an_earlier_one_chose(),
        a_rejoined_acceptor_voted(),
        a_promise_of_a_dead_life_did_not_count(),
        a_vote_of_a_dead_life_did_not_count(),
        a_blind_answer_did_not_count(),
        a_fence_keeps_a_ballot_out(),
    ]
}

#[test]
fn three_ballots_decide_one_value_for_each_of_two_instances() {
    let shape = Shape { ballots: 3, instances: 2, ..Shape::SMALL };
    check(
        shape,
        &[a_value_is_chosen(), a_later_ballot_keeps_what_an_earlier_one_chose(), a_hole_becomes_a_no_op()],
    );
}

#[test]
fn acceptors_and_proposers_that_learn_what_is_decided_keep_it() {
    let shape = Shape { ballots: 3, decisions: true, ..Shape::SMALL };
    check(shape, &[a_value_is_chosen(), an_acceptor_knows_what_is_decided()]);
}

#[test]
fn acceptors_may_crash_at_any_moment_and_recover_from_their_disks() {
    let shape = Shape { ballots: 3, instances: 2, ..DURABLE };
    check(shape, &[a_value_is_chosen(), a_hole_becomes_a_no_op()]);
    let shape = Shape { ballots: 3, restarts: Restarts::Once, ..DURABLE };
    check(shape, &[a_value_is_chosen(), an_acceptor_recovered_and_voted()]);
}

#[test]
fn an_acceptor_that_lost_its_memory_rejoins_while_its_old_packets_are_about() {
    check(LOSSY, &lives_matter());
}

#[test]
fn an_acceptor_may_run_on_in_its_former_life_beside_the_new_one() {
    check(ZOMBIE, &lives_matter());
}

#[test]
fn every_planted_fault_leads_to_two_decisions() {
    for (plant, shape) in [
        (Plant::OwnValueAlways, Shape::SMALL),
        (Plant::LastAnswerWins, Shape::SMALL),
        (Plant::VotersCountTwice, Shape::SMALL),
        (Plant::PromisesForgotten, DURABLE),
        (Plant::VotesForgotten, DURABLE),
        (Plant::SentBeforeDurable, DURABLE),
        (Plant::Amnesia, LOSSY),
        (Plant::HelpersTellNoTop, LOSSY),
        (Plant::BlindnessUntold, LOSSY),
        (Plant::NoFence, LOSSY),
        (Plant::PromisesOfAnyLife, LOSSY),
        // What an acceptor voted before it lost its memory harms nobody, for the fence lies above it.
        (Plant::VotesOfAnyLife, ZOMBIE),
    ] {
        bites(Shape { plant, ..shape });
    }
}

// What follows takes minutes, and memory: `cargo test --release --test model -- --ignored --test-threads 1
// --nocapture`. Each shape holds all that a smaller one above holds.

#[test]
#[ignore = "a minute"]
fn a_blind_acceptor_counts_again_when_it_has_learned_what_it_forgot() {
    let mut sometimes = lives_matter();
    sometimes.extend([an_acceptor_knows_what_is_decided(), a_blind_acceptor_sees_again()]);
    check(Shape { decisions: true, ..LOSSY }, &sometimes);
}

#[test]
#[ignore = "a minute"]
fn two_acceptors_lose_their_memories_one_after_the_other() {
    check(Shape { losses: &[1, 1], ..LOSSY }, &lives_matter());
}

#[test]
#[ignore = "a minute"]
fn a_clock_that_lies_behind_makes_no_dead_life_the_living_one() {
    check(Shape { behind: true, ..LOSSY }, &lives_matter());
}

#[test]
#[ignore = "minutes"]
fn crashes_and_recoveries_beside_what_is_decided() {
    let shape = Shape { ballots: 3, decisions: true, restarts: Restarts::Once, ..DURABLE };
    check(shape, &[an_acceptor_recovered_and_voted(), an_acceptor_knows_what_is_decided()]);
}

/// With fences of two rounds: below the first ballot, and between it and the last. That leaves out two that are
/// blank at once while others have promised the last ballot, and longer contests between the two. Fences above
/// all ballots are in the shapes in which one at a time is blank, which have an end without any bound.
#[test]
#[ignore = "minutes"]
fn two_acceptors_lose_their_memories_at_once() {
    check(Shape { losses: &[1, 1], together: true, rounds: 2, ..LOSSY }, &lives_matter());
}
