//! Scripts that nobody would think of.

use super::chance::Chance;

/// The script of a seed: one of all kinds.
pub fn script(seed: u64) -> String {
    if seed.is_multiple_of(4) { struggle(seed) } else { random_script(seed) }
}

/// A short life of a small cluster in which anything may go wrong that the engine must survive, and which
/// heals at the end.
pub fn random_script(seed: u64) -> String {
    let mut chance = Chance::new(!seed);
    let chance = &mut chance;
    let acceptors = chance.pick(&[1, 3, 3, 3, 3, 5]);
    let proposers = chance.pick(&[1, 2, 2, 2, 3]);
    let learners = chance.pick(&[1, 2, 2]);
    let clients = chance.between(1, 4);
    let mut life = Life {
        script: Vec::new(),
        acceptors,
        proposers,
        learners,
        clients,
        late: Vec::new(),
        lost: 0,
        down: Vec::new(),
    };
    if acceptors > 1 && chance.percent(20) {
        life.late.push(chance.between(1, acceptors + 1));
    }
    let without = life.late.iter().map(|id| format!(" without {id}")).collect::<String>();
    life.says(format!("{acceptors} acceptors{without}"));
    if chance.percent(20) {
        let (role, space) = (chance.pick(&["acceptors", "learners", "proposers"]), chance.pick(&[8, 32, 64]));
        life.says(format!("{role} have {space} KiB"));
    }
    if chance.percent(50) {
        life.weather(chance);
    }
    life.says(format!("{proposers} proposers; {learners} learners"));
    for client in 1..=clients {
        let shape = chance.pick(&[" odd", "", "", ""]);
        let values = chance.pick(&[1, 20, 100, 100, 400, 400, 3000]);
        let sizes = ["", "", " of 300 bytes", if values > 400 { " of 1200 bytes" } else { " of 3000 bytes" }];
        let size = if shape.is_empty() { chance.pick(&sizes) } else { "" };
        let pace = chance.pick(&["", if values > 100 { " at 500/s" } else { " at 50/s" }, " at 2000/s"]);
        life.says(format!("client {client} submits {values}{shape} values{size}{pace}"));
        life.waits(chance);
    }
    for _ in 0..chance.below(10) {
        life.happens(chance);
        life.waits(chance);
    }
    life.ends(chance);
    life.script.join(";\n")
}

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

struct Life {
    script: Vec<String>,
    acceptors: u64,
    proposers: u64,
    learners: u64,
    clients: u64,
    /// Acceptors that did not start yet.
    late: Vec<u64>,
    /// Acceptors that crashed, for good.
    lost: u64,
    /// Proposers that crashed and did not come back.
    down: Vec<u64>,
}

impl Life {
    fn says(&mut self, sentence: String) {
        self.script.push(sentence);
    }

    fn waits(&mut self, chance: &mut Chance) {
        let most = chance.pick(&[1, 2_000, 20_000, 200_000, 1_000_000, 7_000_000]);
        let time = chance.below(most);
        if time > 0 {
            self.says(format!("wait {time}us"));
        }
    }

    fn weather(&mut self, chance: &mut Chance) {
        let loss = chance.pick(&[0, 0, 1, 10, 30, 50]);
        self.says(format!("lose {loss}%"));
        self.says(format!("duplicate {}%", chance.pick(&[0, 10, 50])));
        self.says(format!("reorder {}%", chance.pick(&[0, 5, 50])));
        self.says(format!("replay {}%", chance.pick(&[0, 0, 1, 10])));
    }

    fn anybody(&self, chance: &mut Chance) -> String {
        match chance.below(6) {
            0 | 1 => format!("acceptor {}", chance.between(1, self.acceptors + 1)),
            2 | 3 => format!("proposer {}", chance.between(1, self.proposers + 1)),
            4 => format!("learner {}", chance.between(1, self.learners + 1)),
            _ => format!("client {}", chance.between(1, self.clients + 1)),
        }
    }

    fn happens(&mut self, chance: &mut Chance) {
        let (one, other) = (self.anybody(chance), self.anybody(chance));
        match chance.below(16) {
            0 | 1 => {
                let id = chance.between(1, self.proposers + 1);
                self.down.retain(|down| *down != id);
                self.says(format!("restart proposer {id}"));
            }
            2 => {
                let id = chance.between(1, self.proposers + 1);
                self.down.push(id);
                self.says(format!("crash proposer {id}"));
            }
            3 => {
                self.down.clear();
                for id in 1..=self.proposers {
                    self.says(format!("restart proposer {id}"));
                }
            }
            4 => self.says(format!("restart learner {}", chance.between(1, self.learners + 1))),
            5 => self.says(format!("restart client {}", chance.between(1, self.clients + 1))),
            6 => self.says(format!("pause {one} for {}ms", chance.pick(&[1, 30, 1000, 6000, 12_000]))),
            7 => self.says(format!("{one} hears nothing")),
            8 => self.says(format!("nobody hears {one}")),
            9 | 10 if one != other => self.says(format!("{one} hears no {other}")),
            11 => {
                let kind =
                    chance.pick(&["1a", "1b", "2a", "2b", "heartbeat", "watermark", "nack", "value", "ack"]);
                let whom = chance.pick(&[&one, &one, "acceptors", "proposers", "learners"]);
                self.says(format!("{whom} hear no {kind}"));
            }
            12 => self.says("heal".into()),
            13 => self.weather(chance),
            14 if (self.lost + 1) * 2 < self.acceptors && self.late.is_empty() => {
                self.lost += 1;
                self.says(format!("crash acceptor {}", self.lost));
            }
            _ => {
                if let Some(id) = self.late.pop() {
                    self.says(format!("start acceptor {id}"));
                }
            }
        }
    }

    fn ends(&mut self, chance: &mut Chance) {
        if chance.percent(50)
            && let Some(id) = self.late.pop()
        {
            self.says(format!("start acceptor {id}"));
        }
        self.says("heal".into());
        self.says("duplicate 0%".into());
        self.says("reorder 0%".into());
        self.says("replay 0%".into());
        if (1..=self.proposers).all(|id| self.down.contains(&id)) {
            self.says(format!("restart proposer {}", chance.between(1, self.proposers + 1)));
        }
        self.says("expect all delivered within 120s".into());
    }
}
