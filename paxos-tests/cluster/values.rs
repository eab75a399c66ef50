//! Values to submit, and what must be true of what learners print.

use super::Proc;
use std::collections::HashMap;

/// `count` values of one client, each unlike any other of any client, of different lengths.
pub fn unique(client: u16, count: usize) -> String {
    (0..count).map(|at| format!("value {at} of client {client}{}\n", "x".repeat(at * 7 % 61))).collect()
}

/// Bytes of any values but newline, the same for the same seed.
pub fn noise(seed: u64, length: usize) -> Vec<u8> {
    let mut random = super::spray::Random::new(seed);
    (0..length).map(|_| random.next() as u8).map(|byte| if byte == b'\n' { 0xff } else { byte }).collect()
}

/// Waits until both learners have printed all of `inputs`, one text per client; ends the learners, and checks
/// that they printed the same, every value once, and each client's in its order. Returns what they printed.
#[track_caller]
pub fn same_and_complete(learners: &mut [Proc], inputs: &[&str]) -> String {
    let count = inputs.iter().map(|input| input.lines().count()).sum();
    let mut printed = Vec::new();
    for learner in learners.iter_mut() {
        learner.prints(count);
    }
    for learner in learners.iter_mut() {
        printed.push(String::from_utf8(learner.terminates().stdout).expect("values of ours are text"));
    }
    for other in &printed[1..] {
        assert!(printed[0] == *other, "learners differ: {}", first_difference(&printed[0], other));
    }
    complete(&printed[0], inputs);
    printed.swap_remove(0)
}

/// Checks that one learner's output holds every value once, and each client's in its order.
#[track_caller]
pub fn complete(printed: &str, inputs: &[&str]) {
    let mut places = HashMap::new();
    for (client, input) in inputs.iter().enumerate() {
        for (at, value) in input.lines().enumerate() {
            assert!(places.insert(value, (client, at)).is_none(), "the test's values are unique: {value}");
        }
    }
    let mut next = vec![0; inputs.len()];
    for (line, value) in printed.lines().enumerate() {
        let Some(&(client, at)) = places.get(value) else {
            panic!("line {line} was never submitted: {value:?}")
        };
        assert_eq!(
            at, next[client],
            "line {line}, {value:?}, of input {client}: lost, doubled or out of order"
        );
        next[client] += 1;
    }
    let all: Vec<usize> = inputs.iter().map(|input| input.lines().count()).collect();
    assert_eq!(next, all, "values printed per client");
}

fn first_difference(one: &str, other: &str) -> String {
    let at = one.lines().zip(other.lines()).position(|(one, other)| one != other);
    match at {
        Some(at) => format!("line {at}: {:?} and {:?}", one.lines().nth(at), other.lines().nth(at)),
        None => format!("{} and {} lines", one.lines().count(), other.lines().count()),
    }
}
