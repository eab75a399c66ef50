//! What must always hold, and what must happen at least once for that to mean anything.

use crate::packets::{Kind, NOOP, own};
use crate::process::Start;
use crate::shape::{INSTANCES, Shape};
use crate::world::{State, World};
use stateright::Property;
use wire::Body;

pub const ONE_VALUE: &str = "one value is decided for an instance";

/// The invariants of the protocol.
pub fn always() -> Vec<Property<World>> {
    vec![
        // Every value that a learner finds chosen, that a watermark covers, or that an acceptor holds as
        // decided.
        Property::always(ONE_VALUE, |world, state: &State| {
            world.decided(state).iter().all(|values| values.windows(2).all(|pair| pair[0] == pair[1]))
        }),
        Property::always("what is accepted was proposed in that ballot", |world, state: &State| {
            world.acceptors(state).all(|local| {
                local.held.iter().all(|held| {
                    let place = world.shape.place(held.ballot);
                    place.is_some_and(|at| state.led[at][usize::from(held.instance)] == held.value)
                })
            })
        }),
        // As a checker of packets would find it, whatever is chosen first.
        Property::always(
            "no ballot proposes another value than a lower one chose",
            |world, state: &State| {
                let ballots = world.shape.ballots;
                (0..world.shape.instances).all(|instance| {
                    (0..ballots).filter(|ballot| state.is_chosen(*ballot, instance)).all(|ballot| {
                        let higher = state.led[ballot..ballots].iter().map(|led| led[instance]);
                        higher.filter(|value| *value != 0).all(|value| value == state.led[ballot][instance])
                    })
                })
            },
        ),
        Property::always("a leader proposes only what phase 1 permits", |_, state: &State| !state.forbidden),
        // A promise never falls within a life; nothing is accepted below it; nothing leaves before it is
        // durable; two values never meet; no assertion of the acceptor's own fails.
        Property::always("no acceptor is at fault", |world, state: &State| {
            world.acceptors(state).all(|local| local.fault.is_none())
        }),
    ]
}

pub fn a_value_is_chosen() -> Property<World> {
    Property::sometimes("a value is chosen", |_, state: &State| state.chosen != 0)
}

pub fn a_later_ballot_keeps_what_an_earlier_one_chose() -> Property<World> {
    Property::sometimes("a later ballot keeps what an earlier one chose", |world, state: &State| {
        (1..world.shape.ballots).any(|later| {
            (0..later).any(|earlier| {
                (0..INSTANCES).any(|at| state.is_chosen(earlier, at) && state.led[later][at] == own(earlier))
            })
        })
    })
}

pub fn a_hole_becomes_a_no_op() -> Property<World> {
    Property::sometimes("a hole becomes a no-op", |_, state: &State| {
        state.led.iter().any(|led| led[0] == NOOP && led[1] > NOOP)
    })
}

pub fn an_acceptor_knows_what_is_decided() -> Property<World> {
    Property::sometimes("an acceptor knows what is decided", |world, state: &State| {
        world.acceptors(state).any(|local| local.held.iter().any(|held| held.decided))
    })
}

/// Some vote, with the incarnation and the life of who cast it, is such.
fn voted(world: &World, state: &State, such: impl Fn(u64, u64) -> bool) -> bool {
    state.sent.iter().filter(|id| matches!(id.kind(), Kind::Vote { .. })).any(|id| {
        let sealed = world.packets.get(*id);
        let packet = sealed.packet();
        matches!(packet.body, Body::Phase2b(body, ..) if such(packet.sender.incarnation, body.life.get()))
    })
}

pub fn an_acceptor_recovered_and_voted() -> Property<World> {
    Property::sometimes("an acceptor recovered and voted", |world, state: &State| {
        voted(world, state, |incarnation, _| incarnation & 1 == 1)
    })
}

pub fn a_rejoined_acceptor_voted() -> Property<World> {
    Property::sometimes("a rejoined acceptor voted", |world, state: &State| {
        voted(world, state, |_, life| life >= Start::life(2))
    })
}

pub fn a_promise_of_a_dead_life_did_not_count() -> Property<World> {
    Property::sometimes("a promise of a dead life did not count", |world, state: &State| {
        world.outcomes(state).any(|(_, outcomes)| outcomes.dead)
    })
}

pub fn a_vote_of_a_dead_life_did_not_count() -> Property<World> {
    Property::sometimes("a vote of a dead life did not count", |world, state: &State| world.dropped(state))
}

pub fn a_blind_answer_did_not_count() -> Property<World> {
    Property::sometimes("a blind answer did not count", |world, state: &State| {
        world.outcomes(state).any(|(_, outcomes)| outcomes.blind)
    })
}

pub fn a_blind_acceptor_sees_again() -> Property<World> {
    Property::sometimes("a blind acceptor sees again", |world, state: &State| {
        world.acceptors(state).any(|local| local.sees_again)
    })
}

pub fn a_fence_keeps_a_ballot_out() -> Property<World> {
    Property::sometimes("a fence keeps a ballot out", |world, state: &State| {
        let fenced = |ballot: wire::Ballot| world.shape.place(ballot).is_none() && ballot > Shape::ballot(0);
        world.acceptors(state).filter(|local| fenced(local.promised)).count() > world.shape.acceptors / 2
    })
}
