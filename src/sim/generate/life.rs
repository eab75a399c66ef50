//! The life of a small cluster in which anything goes wrong that the engine must survive.
//!
//! Storms (bad weather, cuts, crashes, sleep, acceptors that lose their memory), with a calm after each in
//! which all acceptors that are left come to know again what they must. At the end the faults end for a
//! majority of the acceptors and at least one proposer; the others stay dead, or cut off. From then on
//! everything must come to its end.

use crate::sim::chance::Chance;

/// A short life of a small cluster, within what the engine claims to survive.
pub fn random_script(seed: u64) -> String {
    let mut chance = Chance::new(!seed);
    let chance = &mut chance;
    let mut life = Life::new(chance);
    life.says("within what is claimed");
    life.begins(chance);
    for storm in 0..chance.pick(&[1, 1, 1, 2, 3]) {
        if storm > 0 {
            life.calms_down(chance);
        }
        life.storms(chance);
    }
    life.ends(chance);
    life.script.join("; ")
}

/// A life in which any number of acceptors lose their memory. What then still holds is safety: no two
/// learners of one log differ, and nobody mixes two logs.
pub fn amnesia(seed: u64) -> String {
    let mut chance = Chance::new(!seed);
    let chance = &mut chance;
    let mut life = Life::new(chance);
    life.beyond = true;
    life.says("beyond what is claimed");
    life.begins(chance);
    life.storms(chance);
    life.says("calm");
    life.says("wait 20s");
    life.script.join("; ")
}

struct Life {
    script: Vec<String>,
    acceptors: u64,
    proposers: u64,
    learners: u64,
    clients: u64,
    /// Acceptors keep their logs on disks.
    durable: bool,
    /// Any number of acceptors may be lost.
    beyond: bool,
    /// All acceptors that run were seen to be members since the last of them started.
    whole: bool,
    /// Acceptors that did not start yet.
    late: Vec<u64>,
    /// Acceptors that are lost, or may be: they did not start, crashed, or started without memory.
    lost: Vec<u64>,
}

const KINDS: [&str; 16] = [
    "1a",
    "1b",
    "2a",
    "2b",
    "heartbeat",
    "watermark",
    "nack",
    "value",
    "ack",
    "catch-up",
    "fetch",
    "report",
    "join",
    "helped",
    "found",
    "over",
];

impl Life {
    fn new(chance: &mut Chance) -> Life {
        let acceptors = chance.pick(&[1, 3, 3, 3, 3, 5]);
        let durable = chance.percent(50);
        // With disks, a log is founded only by all together.
        let is_late = acceptors > 1 && !durable && chance.percent(20);
        let late = if is_late { vec![chance.between(1, acceptors + 1)] } else { vec![] };
        Life {
            script: Vec::new(),
            acceptors,
            proposers: chance.pick(&[1, 2, 2, 2, 3]),
            learners: chance.pick(&[1, 2, 2]),
            clients: chance.between(1, 4),
            durable,
            beyond: false,
            whole: false,
            lost: late.clone(),
            late,
        }
    }

    fn says(&mut self, sentence: impl Into<String>) {
        self.script.push(sentence.into());
    }

    fn begins(&mut self, chance: &mut Chance) {
        if chance.percent(30) {
            self.says(format!("clocks drift {}%", chance.pick(&[1, 5])));
        }
        if chance.percent(30) {
            self.says("packets come alone");
        }
        if chance.percent(30) {
            self.says(format!("timers late by {}ms", chance.pick(&[1, 5, 30])));
        }
        let packet = chance.pick(&[1472, 1472, 1472, 1472, 1472, 1472, 1472, 1472, 1252, 9188]);
        if packet != 1472 {
            self.says(format!("packets of {packet} bytes"));
        }
        if self.durable {
            if chance.percent(30) {
                self.says(format!("segments of {} KiB", chance.pick(&[64, 256])));
            }
            self.says(format!("{} durable acceptors", self.acceptors));
        } else {
            let without: String = self.late.iter().map(|id| format!(" without {id}")).collect();
            self.says(format!("{} acceptors{without}", self.acceptors));
        }
        if chance.percent(50) {
            self.sees_all_whole();
        }
        if chance.percent(20) {
            let role = chance.pick(&["acceptors", "learners", "proposers"]);
            let space = chance.pick(&[8, 32, 64]) * if packet == 9188 { 8 } else { 1 };
            self.says(format!("{role} have {space} KiB"));
        }
        if chance.percent(50) {
            self.weather(chance);
        }
        self.says(format!("{} proposers", self.proposers));
        self.says(format!("{} learners", self.learners));
        for client in 1..=self.clients {
            self.submits(client, chance);
            self.waits(chance);
        }
    }

    fn sees_all_whole(&mut self) {
        if !self.beyond {
            self.says("expect acceptors whole within 60s");
            self.whole = true;
        }
    }

    fn storms(&mut self, chance: &mut Chance) {
        for _ in 0..chance.below(10) {
            self.happens(chance);
            self.waits(chance);
        }
    }

    fn submits(&mut self, client: u64, chance: &mut Chance) {
        let shape = chance.pick(&[" odd", "", "", ""]);
        let values = chance.pick(&[1, 20, 100, 100, 400, 400, 3000]);
        let sizes = ["", "", " of 300 bytes", if values > 400 { " of 1200 bytes" } else { " of 3000 bytes" }];
        let size = if shape.is_empty() { chance.pick(&sizes) } else { "" };
        let pace = chance.pick(&["", if values > 100 { " at 500/s" } else { " at 50/s" }, " at 2000/s"]);
        self.says(format!("client {client} submits {values}{shape} values{size}{pace}"));
    }

    fn waits(&mut self, chance: &mut Chance) {
        let most = chance.pick(&[1, 2_000, 20_000, 200_000, 1_000_000, 7_000_000]);
        let time = chance.below(most);
        if time > 0 {
            self.says(format!("wait {time}us"));
        }
    }

    fn weather(&mut self, chance: &mut Chance) {
        if chance.percent(30) {
            let (loss, length) = (chance.pick(&[5, 20, 40]), chance.pick(&[3, 20, 200]));
            self.says(format!("lose {loss}% in bursts of {length}"));
        } else {
            self.says(format!("lose {}%", chance.pick(&[0, 0, 1, 10, 30, 50])));
        }
        self.says(format!("duplicate {}%", chance.pick(&[0, 10, 50])));
        self.says(format!("reorder {}%", chance.pick(&[0, 5, 50])));
        self.says(format!("replay {}%", chance.pick(&[0, 0, 1, 10])));
        self.says(format!("damage {}%", chance.pick(&[0, 0, 1, 10])));
        self.says(format!("delay {}us", chance.pick(&[0, 0, 0, 300, 5_000, 40_000])));
    }

    fn any(&self, role: &str, chance: &mut Chance) -> String {
        let count = match role {
            "acceptor" => self.acceptors,
            "proposer" => self.proposers,
            "learner" => self.learners,
            _ => self.clients,
        };
        format!("{role} {}", chance.between(1, count + 1))
    }

    fn anybody(&self, chance: &mut Chance) -> String {
        let role = chance.pick(&["acceptor", "acceptor", "proposer", "proposer", "learner", "client"]);
        self.any(role, chance)
    }

    fn happens(&mut self, chance: &mut Chance) {
        if self.beyond && chance.percent(30) {
            let id = chance.between(1, self.acceptors + 1);
            let disk = if self.durable { " with an empty disk" } else { "" };
            return self.says(format!("restart acceptor {id}{disk}"));
        }
        match chance.below(9) {
            0 | 1 => self.somebody_crashes(chance),
            2 | 3 if self.durable => self.a_disk_suffers(chance),
            2 | 3 => self.an_acceptor_crashes(chance),
            4 => {
                let (who, time) = (self.anybody(chance), chance.pick(&[1, 30, 1000, 6000, 12_000]));
                self.says(format!("pause {who} for {time}ms"));
            }
            5 | 6 => self.cuts(chance),
            7 if chance.percent(20) => self.says("acceptors hear of an instance far ahead"),
            7 => self.weather(chance),
            _ => match self.late.pop() {
                Some(id) => self.says(format!("revive acceptor {id}")),
                None => self.says(chance.pick(&["heal", "heal", "calm"])),
            },
        }
    }

    fn somebody_crashes(&mut self, chance: &mut Chance) {
        let role = chance.pick(&["proposer", "proposer", "proposer", "learner", "client"]);
        let who = self.any(role, chance);
        let how = chance.pick(&["", "", " before sending", " while sending"]);
        match chance.below(7) {
            0..=2 => self.says(format!("restart {who}")),
            3 => self.says(format!("crash {who}{how}")),
            4 => {
                self.says(format!("crash {who}{how}"));
                self.waits(chance);
                self.says(format!("restart {who}"));
            }
            5 => (1..=self.proposers).for_each(|id| self.says(format!("restart proposer {id}"))),
            _ => self.says(format!("start another {who}")),
        }
    }

    /// An acceptor loses its memory, now or in the middle of what it says, and comes back, or does not.
    fn an_acceptor_crashes(&mut self, chance: &mut Chance) {
        let id = chance.between(1, self.acceptors + 1);
        if !self.may_lose(id) || self.late.contains(&id) {
            return;
        }
        self.loses(id);
        match chance.below(7) {
            6 if self.beyond => self.says(format!("start another acceptor {id}")),
            0 | 1 | 6 => self.says(format!("restart acceptor {id}")),
            2 => self.says(format!("crash acceptor {id}")),
            kind => {
                let how = chance.pick(&["before", "while"]);
                self.says(format!("crash acceptor {id} {how} sending"));
                if kind > 3 {
                    self.waits(chance);
                    self.says(format!("restart acceptor {id}"));
                }
            }
        }
    }

    /// Acceptors crash or lose power, and come back with what is on their disks.
    fn a_disk_suffers(&mut self, chance: &mut Chance) {
        let id = chance.between(1, self.acceptors + 1);
        let one = format!("acceptor {id}");
        let whom = if chance.percent(20) { "acceptors" } else { &one };
        match chance.below(8) {
            0 => self.says(format!("disk of {whom} takes {}us", chance.pick(&[200, 5_000, 100_000]))),
            1 => {
                let trouble = chance.pick(&["is full", "is full", "has space", "fails", "fails"]);
                self.says(format!("disk of {whom} {trouble}"));
            }
            2 | 3 if self.may_lose(id) => {
                self.loses(id);
                let bits = chance.pick(&[1, 1, 3, 30]);
                let damage =
                    if chance.percent(50) { "an empty disk".into() } else { format!("{bits} flipped bits") };
                self.says(format!("restart {one} with {damage}"));
            }
            _ => {
                let how = chance.pick(&["crash", "cut the power of", "cut the power of"]);
                let moments = [
                    "",
                    " before writing",
                    " before syncing",
                    " before syncing",
                    " before sending",
                    " while sending",
                ];
                self.says(format!("{how} {whom}{}", chance.pick(&moments)));
                if chance.percent(70) {
                    self.waits(chance);
                    let ids = if whom == one { id..id + 1 } else { 1..self.acceptors + 1 };
                    ids.for_each(|id| self.says(format!("revive acceptor {id}")));
                }
            }
        }
    }

    /// Whether a majority remains that remembers, without this acceptor too.
    fn may_lose(&self, id: u64) -> bool {
        let others = self.lost.iter().filter(|lost| **lost != id).count() as u64;
        self.beyond || self.whole && 2 * (others + 1) < self.acceptors
    }

    fn loses(&mut self, id: u64) {
        if !self.lost.contains(&id) {
            self.lost.push(id);
        }
    }

    fn cuts(&mut self, chance: &mut Chance) {
        let (one, other) = (self.anybody(chance), self.anybody(chance));
        match chance.below(8) {
            0 => self.says(format!("{one} hears nothing")),
            1 => self.says(format!("nobody hears {one}")),
            2 | 3 if one != other => self.says(format!("{one} hears no {other}")),
            4 => {
                let group = chance.pick(&["clients", "proposers", "acceptors", "learners"]);
                self.says(format!("group {group} is deaf"));
            }
            6 if chance.percent(50) => {
                let what = if chance.percent(30) { "all" } else { chance.pick(&KINDS) };
                self.says(format!("hold {what} from {one}"));
                if chance.percent(50) {
                    self.waits(chance);
                    self.says("release");
                }
            }
            5 => {
                let third = self.anybody(chance);
                self.says(format!("{one}, {other}, {third} are cut off"));
            }
            _ => {
                let whom = chance.pick(&[&one, &one, "acceptors", "proposers", "learners"]);
                self.says(format!("{whom} hear no {}", chance.pick(&KINDS)));
            }
        }
    }

    /// All acceptors come back, and remember.
    fn calms_down(&mut self, chance: &mut Chance) {
        self.says("calm");
        self.late.clear();
        self.lost.clear();
        (1..=self.acceptors).for_each(|id| self.says(format!("revive acceptor {id}")));
        // Who was blind sees again with the help of one.
        self.says(format!("restart proposer {}", chance.between(1, self.proposers + 1)));
        self.sees_all_whole();
    }

    /// The storm is over, for a majority; the others stay as they are.
    fn ends(&mut self, chance: &mut Chance) {
        self.says("calm");
        // Those who lost their memory, if it is sure that they and no others did, stay away, or come at last.
        let (late, whole) = (self.late.clone(), self.whole);
        self.lost.retain(|id| (whole || late.contains(id)) && chance.percent(50));
        for id in 1..=self.acceptors {
            let how = if self.lost.contains(&id) { "crash" } else { "revive" };
            self.says(format!("{how} acceptor {id}"));
        }
        let stays = chance.between(1, self.proposers + 1);
        // It may be down, or not: that depends on when it was to crash.
        self.says(format!("restart proposer {stays}"));
        self.sees_all_whole();
        let mut away = Vec::new();
        for id in 1..=self.acceptors {
            if !self.lost.contains(&id) && self.may_lose(id) && chance.percent(30) {
                self.loses(id);
                away.push(format!("acceptor {id}"));
            }
        }
        for id in (1..=self.proposers).filter(|id| *id != stays) {
            if chance.percent(30) {
                away.push(format!("proposer {id}"));
            }
        }
        for who in away {
            let fate = if chance.percent(50) { format!("crash {who}") } else { format!("{who} is cut off") };
            self.says(fate);
        }
        if self.proposers > 1 && chance.percent(25) {
            // Any of the others, and so perhaps the one that would lead, hears or is heard only in part.
            let other = if stays == 1 { self.proposers } else { 1 };
            let half = chance.pick(&["hears no 2b", "hears no acceptors", "hears no clients"]);
            self.says(format!("revive proposer {other}"));
            self.says(match chance.below(5) {
                0 => format!("acceptors hear no proposer {other}"),
                1 => format!("nobody hears proposer {other}"),
                _ => format!("proposer {other} {half}"),
            });
            // They may try again and again which of them can lead.
            self.says("expect all delivered within 300s");
            return;
        }
        self.says("expect all delivered within 120s");
        self.says("expect ballots still for 10s within 60s");
        self.says("expect one leader within 20s");
    }
}
