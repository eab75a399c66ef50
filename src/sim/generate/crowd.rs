//! More clients than a leader keeps in mind.

use crate::limits::INTAKE_MAX;
use crate::sim::chance::Chance;

/// Nothing is decided for some time. Clients with something in the log fall asleep, others take their places
/// in the leader's mind, and when those of before awake they submit again what is in the log already: it is
/// decided twice, and must be delivered once.
pub fn crowd(seed: u64) -> String {
    let mut chance = Chance::new(!seed);
    let chance = &mut chance;
    let many = INTAKE_MAX as u64 - 4;
    let newcomers = chance.between(20, 60);
    let asleep = chance.between(2500, 4000);
    let mut script = vec![
        "proposers have 8192 KiB; 3 acceptors; 1 proposer; 1 learner; expect acceptors whole within 5s"
            .to_owned(),
        format!("{many} clients submit 2 values at 1/s; wait 500ms; proposers hear no 2b; wait 700ms"),
        format!("pause clients for {asleep}ms; wait 1100ms"),
    ];
    script.extend((0..newcomers).map(|id| format!("client {} submits 1 value", 2000 + id)));
    script.push(format!("wait {}ms; heal; expect all delivered within 60s", asleep - 1000));
    script.join("; ")
}
