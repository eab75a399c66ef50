//! A duel of leaders.

use crate::sim::chance::Chance;

/// Leaders that come and go all the time, each heard by other acceptors, so that acceptors accept what others do not, in one
/// ballot after another: what phase 1 is there for.
pub fn struggle(seed: u64) -> String {
    let mut chance = Chance::new(!seed);
    let mut script = vec!["3 acceptors; 2 proposers; 2 learners; reorder 20%; duplicate 10%".to_owned()];
    for client in 1..=3 {
        script.push(format!("client {client} submits 300 values of 200 bytes at 400/s"));
    }
    for _ in 0..5 {
        let [alone, second, third] =
            chance.pick(&[[1, 2, 3], [2, 3, 1], [3, 1, 2], [1, 3, 2], [3, 2, 1], [2, 1, 3]]);
        // One acceptor alone accepts what the first leader proposes.
        script.push(format!("acceptor {second} hears no 2a; acceptor {third} hears no 2a"));
        script.push(format!("wait {}ms", chance.between(1, 20)));
        // The others accept something else of the next one, and perhaps nobody is told.
        script.push(format!(
            "crash proposers; heal; nobody hears acceptor {alone}; acceptor {alone} hears nothing"
        ));
        if chance.percent(70) {
            script.push("proposers hear no 2b; learners hear no 2b".into());
        }
        if chance.percent(30) {
            script.push(format!("acceptor {second} hears no 2a"));
        }
        script.push(format!("start proposer {}; wait {}ms", chance.between(1, 3), chance.between(52, 75)));
        // A third one finds both.
        script.push("crash proposers; heal".into());
        if chance.percent(70) {
            let deaf = chance.pick(&[second, third]);
            script.push(format!("nobody hears acceptor {deaf}; acceptor {deaf} hears nothing"));
        }
        script.push(format!("start proposer {}; wait {}ms", chance.between(1, 3), chance.between(52, 75)));
        script.push(if chance.percent(70) { "heal; wait 20ms".into() } else { "wait 2ms".to_owned() });
    }
    script.push("heal; expect all delivered within 9s".into());
    script.join(";\n")
}
