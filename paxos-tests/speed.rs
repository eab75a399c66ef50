//! No turn takes many times as long as it takes to copy what it reads. Both are taken at their fastest, so a slow
//! machine, or one that is busy with other things, looks like one that is not.
//!
//! It finds what a turn must not do at all, as to look through a table for each packet. What makes it slower by
//! a fifth is for `cargo bench`.

mod driven;
mod rounds;

use rounds::{BYTES, ROLES, Rounds};
use std::hint::black_box;
use std::time::{Duration, Instant};

/// How many copies of its 64 packets a role may take the time of: three times of what it takes in a program that is
/// made as tests are, which is about twice what it takes in one made for use.
const COPIES_MAX: [u32; ROLES.len()] = [20, 33, 20, 33, 21];
const ROUNDS: usize = 300;

#[test]
fn no_role_takes_much_longer_for_a_packet_than_a_few_copies_of_it() {
    let (from, mut to) = (vec![7_u8; BYTES], vec![0_u8; BYTES]);
    let mut copy = Duration::MAX;
    let mut fastest = [Duration::MAX; ROLES.len()];
    let mut rounds = Rounds::new();
    for _ in 0..ROUNDS {
        for (fastest, time) in fastest.iter_mut().zip(rounds.round()) {
            *fastest = time.min(*fastest);
        }
        let begun = Instant::now();
        black_box(&mut to).copy_from_slice(black_box(&from));
        copy = copy.min(begun.elapsed());
    }
    for ((role, time), copies_max) in ROLES.into_iter().zip(fastest).zip(COPIES_MAX) {
        println!("{role}: {time:?}, {:.1} copies of {copy:?}", time.as_secs_f64() / copy.as_secs_f64());
        assert!(time <= copy * copies_max, "{role}: {time:?} for 64 packets, a copy of which takes {copy:?}");
    }
}
