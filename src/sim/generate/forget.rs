//! Acceptors that forget in the middle of a duel of leaders.

use crate::sim::chance::Chance;

/// Again and again one acceptor alone accepts something, or promises, and loses its memory before or after
/// others hear of it, while leaders come and go and what it said is still on its way: what fences, lives and
/// blindness are there for.
pub fn forget(seed: u64) -> String {
    let mut chance = Chance::new(!seed);
    let chance = &mut chance;
    let mut script = vec![
        "within what is claimed; 3 acceptors; 3 proposers; 2 learners; expect acceptors whole within 5s"
            .to_owned(),
    ];
    for client in 1..=2 {
        script.push(format!("client {client} submits 200 values of 200 bytes at 300/s"));
    }
    for _ in 0..4 {
        let mut order = [1, 2, 3];
        chance.shuffle(&mut order);
        let [forgets, second, third] = order;
        script.push(format!("reorder {}%", chance.pick(&[0, 20, 60])));
        script.push(format!("replay {}%", chance.pick(&[0, 10, 30])));
        script.push(format!("delay {}us", chance.pick(&[0, 500, 5_000])));
        let mut acts = vec![
            format!("restart acceptor {forgets}"),
            "crash proposers".to_owned(),
            format!("revive proposer {}", chance.between(1, 4)),
            format!("revive proposer {}", chance.between(1, 4)),
            chance
                .pick(&["heal", "learners hear no 2b", "proposers hear no 2b", "proposers hear no 1b"])
                .to_owned(),
        ];
        for deaf in [second, third] {
            let what = chance.pick(&["hears no 2a", "hears no 2a", "hears no 1a", "hears nothing"]);
            acts.push(format!("acceptor {deaf} {what}"));
        }
        // What is heard of whom must be settled before it matters, but not always.
        if chance.percent(50) {
            chance.shuffle(&mut acts);
        } else {
            acts.rotate_right(2);
        }
        for act in acts {
            script.push(act);
            let most = chance.pick(&[100, 2_000, 70_000]);
            script.push(format!("wait {}us", 1 + chance.below(most)));
        }
        script.push("heal".into());
        (1..=3).for_each(|id| script.push(format!("revive proposer {id}")));
        script.push("expect acceptors whole within 30s".into());
    }
    script.push("calm; expect all delivered within 30s".into());
    script.join("; ")
}
