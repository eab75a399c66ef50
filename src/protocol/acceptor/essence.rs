//! What tells two acceptors apart: for a model checker, which must know when it has been somewhere before.

use super::Acceptor;
use core::hash::{Hash, Hasher};

/// By all that decides what it promises, accepts and tells of that. What only decides when something is sent,
/// or how much of it, is left out, and so is what never changes. Between two turns, while time stands still.
impl Hash for Acceptor {
    fn hash<H: Hasher>(&self, state: &mut H) {
        // Named one by one, so that whoever adds a field must say on which side it stands.
        let Acceptor {
            promised,
            store,
            votes,
            watermark,
            complete,
            vote_due,
            nack_due,
            conflict,
            settled,
            rejoin,
            fenced,
            announce_due,
            written_until,
            // It never changes:
            setup: _,
            identity: _,
            // When it asks for what it misses:
            known: _,
            catch_up: _,
            // What it has yet to hand on:
            jobs: _,
            // When it votes and who hears that, when the leader sends again, and flow control:
            unvoted: _,
            queue: _,
            queue_long: _,
            leader: _,
            voted: _,
            vote_timer_set: _,
            heard_until: _,
            read_until: _,
            space: _,
            drops: _,
            room: _,
            // What it has said to a person:
            full: _,
            sees: _,
        } = self;
        (promised, store, votes, watermark, complete, rejoin, written_until).hash(state);
        (vote_due, nack_due, conflict, settled, fenced, announce_due).hash(state);
    }
}
