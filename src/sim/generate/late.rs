//! A promise that was on its way when its acceptor lost its memory.

use crate::sim::chance::Chance;

/// An acceptor promises a proposer, and loses its memory before the promise arrives. It comes back, and helps
/// another proposer to have something chosen in a lower ballot. Then the promise arrives: it must count for
/// nothing, for whoever gave it has forgotten what it means.
pub fn late_promise(seed: u64) -> String {
    let mut chance = Chance::new(!seed);
    let chance = &mut chance;
    let mut acceptors = [1, 2, 3];
    chance.shuffle(&mut acceptors);
    let [forgets, helps, votes] = acceptors;
    // The ballot of the first must be the higher one.
    let (late, early) = (3, chance.pick(&[1, 2]));
    let hold = if chance.percent(50) { "1b" } else { "all" };
    let wait = chance.between(55, 110);
    [
        "within what is claimed; 3 acceptors; 1 learner; expect acceptors whole within 5s".to_owned(),
        format!("acceptor {votes} hears no proposer {late}; acceptor {helps} hears no proposer {early}"),
        format!("hold all from proposer {late} to acceptor {helps}"),
        format!("hold {hold} from acceptor {forgets} to proposer {late}"),
        "client 1 submits 20 values at 50/s; client 2 submits 20 values".to_owned(),
        format!("proposer {early} hears no client 2; start proposer {late}; wait {wait}ms"),
        format!("acceptor {forgets} hears no proposer {late}; proposer {late} hears no acceptor {forgets}"),
        format!("restart acceptor {forgets}; expect acceptors whole within 5s"),
        format!("proposer {late} hears no proposer {early}; proposer {early} hears no proposer {late}"),
        format!("start proposer {early}; expect 1 delivered within 3s; release"),
        format!("wait {}ms; calm; expect all delivered within 20s", chance.between(1, 300)),
    ]
    .join("; ")
}
