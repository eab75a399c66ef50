//! The language of the scenarios: sentences, parted by semicolons, that happen one after the other.
//!
//! ```text
//! 3 acceptors                  3 acceptors without 2 3      (2 and 3 may start later)
//! 2 proposers                  2 learners
//! client 1 submits 100 values  client 2 submits 9 odd values at 50/s
//! 64 clients submit 10 values of 700 bytes
//! start learner 3              start another proposer 1      crash proposer 1       restart client 1
//! pause learner 2 for 3s       learners have 32 KiB
//! lose 30%                     duplicate 10%                 reorder 20%            replay 1%
//! learner 1 hears nothing      proposer 1 hears no 2b        nobody hears acceptor 3
//! acceptors hear no proposer 1 learner 1 hears again         heal
//! wait 2s                      after 20ms crash proposer 1
//! expect all delivered within 20s       expect nothing delivered       expect 50 delivered within 3s
//! expect proposer 2 leads within 8s
//! ```

use super::network::{Cut, Who};
use super::stream::Shape;
use super::{MS, Nanos, SECOND, World};
use wire::{Kind, Role};

impl World {
    /// Runs a script to its end.
    pub fn run(&mut self, script: &str) {
        for sentence in script.split([';', '\n']) {
            let words: Vec<&str> = sentence.split_whitespace().collect();
            if !words.is_empty() {
                self.sentence(&words);
            }
        }
    }

    fn sentence(&mut self, words: &[&str]) {
        self.tell(super::Told::Said(words.join(" ")));
        match words {
            ["after", time, rest @ ..] => {
                self.wait(duration(time));
                self.sentence(rest);
            }
            ["wait", time] => self.wait(duration(time)),
            ["expect", rest @ ..] => self.expect(rest),
            ["start", "another", rest @ ..] => {
                self.doubles = true;
                let (role, id) = one(rest);
                self.restart(role, id);
            }
            ["start", rest @ ..] => {
                let (role, id) = one(rest);
                let there = self.alive().any(|node| node.me.role == role && node.me.id == id);
                assert!(!there, "{role} {id} is there already");
                self.restart(role, id);
            }
            ["crash", rest @ ..] => self.crash(who(rest)),
            ["restart", rest @ ..] => {
                self.crash(who(rest));
                let (role, id) = one(rest);
                self.restart(role, id);
            }
            ["pause", rest @ .., "for", time] => self.pause(who(rest), duration(time)),
            ["lose", percent] => self.network.loss = number(percent.trim_end_matches('%')),
            ["duplicate", percent] => self.network.duplicates = number(percent.trim_end_matches('%')),
            ["reorder", percent] => self.network.reordered = number(percent.trim_end_matches('%')),
            ["replay", percent] => self.network.replayed = number(percent.trim_end_matches('%')),
            ["heal"] => {
                self.network.cuts.clear();
                self.network.loss = 0;
            }
            ["nobody", "hears", rest @ ..] => self.cut(Some(who(rest)), None, None),
            [to @ .., "hear" | "hears", "nothing"] => self.cut(None, Some(who(to)), None),
            [to @ .., "hear" | "hears", "again"] => {
                let to = who(to);
                self.network.cuts.retain(|cut| cut.to != Some(to));
            }
            [to @ .., "hear" | "hears", "no", kind] if named_kind(kind).is_some() => {
                self.cut(None, Some(who(to)), named_kind(kind));
            }
            _ if words.contains(&"no") => {
                let parts: Vec<&[&str]> =
                    words.split(|word| matches!(*word, "hear" | "hears" | "no")).collect();
                let [to, [], from] = parts[..] else { panic!("what is {words:?}?") };
                self.cut(Some(who(from)), Some(who(to)), None);
            }
            [rest @ .., "has" | "have", size, "KiB"] => {
                self.spaces.push((who(rest), number(size) as u32 * 1024));
            }
            ["packets", "of", bytes, "bytes"] => self.packet = number(bytes) as usize,
            [count, "clients", "submit", rest @ ..] => {
                for id in 1..=number(count) {
                    self.submits(id as u16, rest);
                }
            }
            ["client", id, "submits", rest @ ..] => self.submits(number(id) as u16, rest),
            [count, "acceptors" | "acceptor", rest @ ..] => {
                let absent: Vec<u64> = match rest {
                    [] => Vec::new(),
                    ["without", absent @ ..] => absent.iter().map(|id| number(id)).collect(),
                    _ => panic!("what is {words:?}?"),
                };
                self.acceptors((1..=number(count) as u16).collect());
                for id in (1..=number(count)).filter(|id| !absent.contains(id)) {
                    self.start(Role::Acceptor, id as u16, None);
                }
            }
            [count, roles] => {
                for id in 1..=number(count) {
                    self.start(role(roles), id as u16, None);
                }
            }
            _ => panic!("what is {words:?}?"),
        }
    }

    fn wait(&mut self, time: Nanos) {
        self.until(self.now + time, |_| false);
    }

    fn cut(&mut self, from: Option<Who>, to: Option<Who>, kind: Option<Kind>) {
        self.network.cuts.push(Cut { from, to, kind });
    }

    fn submits(&mut self, client: u16, words: &[&str]) {
        let (count, mut rest) = words.split_first().expect("how many?");
        let (mut shape, mut rate) = (Shape::Named { bytes: 0 }, None);
        while !rest.is_empty() {
            rest = match rest {
                ["odd", rest @ ..] => {
                    shape = Shape::Odd;
                    rest
                }
                ["value" | "values", rest @ ..] => rest,
                ["of", bytes, "bytes", rest @ ..] => {
                    shape = Shape::Named { bytes: number(bytes) as usize };
                    rest
                }
                ["at", per_second, rest @ ..] => {
                    rate = Some(number(per_second.trim_end_matches("/s")));
                    rest
                }
                _ => panic!("what is {words:?}?"),
            };
        }
        self.submit(client, number(count), shape, rate);
    }

    fn expect(&mut self, words: &[&str]) {
        let met = match words {
            ["all", "delivered", "within", time] => self.until(self.now + duration(time), World::complete),
            ["nothing", "delivered"] => self.checker.frontier() == 0,
            [count, "delivered", "within", time] => {
                let count = number(count);
                self.until(self.now + duration(time), |world| world.lines() >= count)
            }
            ["proposer", id, "leads", "within", time] => {
                let id = number(id) as u16;
                self.until(self.now + duration(time), |world| world.leads(id))
            }
            [who_is @ .., "ended"] => {
                let who = who(who_is);
                self.ended.iter().any(|ended| who.is(ended.who))
            }
            _ => panic!("what is {words:?}?"),
        };
        assert!(
            met,
            "expected {} (it is {}.{:03} s now)",
            words.join(" "),
            self.now / SECOND,
            self.now % SECOND / MS
        );
    }
}

fn number(word: &str) -> u64 {
    word.parse().unwrap_or_else(|_| panic!("{word:?} is no number"))
}

fn duration(word: &str) -> Nanos {
    for (unit, nanos) in [("us", 1000), ("ms", MS), ("s", SECOND)] {
        if let Some(count) = word.strip_suffix(unit).and_then(|count| count.parse::<u64>().ok()) {
            return count * nanos;
        }
    }
    panic!("{word:?} is no time, as in 20ms");
}

fn role(word: &str) -> Role {
    let role = Role::ALL.into_iter().find(|role| word.strip_suffix('s').unwrap_or(word) == role.name());
    role.unwrap_or_else(|| panic!("{word:?} is no role"))
}

fn one(words: &[&str]) -> (Role, u16) {
    match words {
        [name, id] => (role(name), number(id) as u16),
        _ => panic!("{words:?} is not one process, as in learner 1"),
    }
}

fn who(words: &[&str]) -> Who {
    match words {
        [name] => Who { role: role(name), id: None },
        _ => Who { role: one(words).0, id: Some(one(words).1) },
    }
}

fn named_kind(word: &str) -> Option<Kind> {
    Kind::ALL.into_iter().find(|kind| kind.name() == word)
}
