//! From words to meaning.

use super::{Crash, DiskFate, DiskTrouble, Expectation, Input, Moment, One, Sentence, Turn};
use crate::protocol::Nanos;
use crate::sim::network::{Cut, Who};
use crate::sim::stream::Shape;
use wire::{Kind, PACKET_MAX, PACKET_MIN, Role};

/// What is not understood, in a sentence.
type Understood<T> = Result<T, String>;

pub(super) fn sentence(words: &[&str]) -> Understood<Sentence> {
    Ok(match words {
        ["after", time, rest @ ..] => Sentence::After(duration(time)?, Box::new(sentence(rest)?)),
        ["wait", time] => Sentence::Wait(duration(time)?),
        ["within", "what", "is", "claimed"] => Sentence::WithinClaims,
        ["beyond", "what", "is", "claimed"] => Sentence::BeyondClaims,
        ["expect", rest @ ..] => Sentence::Expect(expectation(rest)?),
        ["start", "another", rest @ ..] => Sentence::Start { one: one(rest)?, another: true },
        ["start", rest @ ..] => Sentence::Start { one: one(rest)?, another: false },
        ["revive", rest @ ..] => with_disk(rest).map(|(one, fate)| Sentence::Revive(one, fate))?,
        ["restart", rest @ ..] => with_disk(rest).map(|(one, fate)| Sentence::Restart(one, fate))?,
        ["crash", rest @ ..] => Sentence::Crash(crash(rest, false)?),
        ["cut", "the", "power", "of", rest @ ..] => Sentence::Crash(crash(rest, true)?),
        ["disk", "of", rest @ ..] => disk(rest)?,
        ["segments", "of", size, "KiB"] => {
            let kib = number(size)?;
            if !(16..=65_536).contains(&kib) {
                return Err("segments have 16 to 65536 KiB".into());
            }
            Sentence::SegmentLength(kib * 1024)
        }
        ["pause", rest @ .., "for", time] => Sentence::Pause(who(rest)?, duration(time)?),
        ["packets", "of", bytes, "bytes"] => Sentence::PacketLength(packet(bytes)?),
        ["clocks", "are", "set", "back"] => Sentence::ClocksSetBack,
        ["packets", "come", "alone"] => Sentence::PacketsAlone,
        ["clocks", "drift", most] => Sentence::ClocksDrift(at_most(90, percent(most)?)?),
        ["timers", "late", "by", time] => Sentence::TimersLate(duration(time)?),
        ["acceptors", "hear", "of", "an", "instance", "far", "ahead"] => Sentence::FarAhead,
        ["hold", what, "from", rest @ ..] => {
            let kind = match (*what, named_kind(what)) {
                ("all", _) => None,
                (_, None) => return Err(format!("{what:?} is no kind of packet")),
                (_, kind) => kind,
            };
            let (from, to) = match rest.iter().position(|word| *word == "to") {
                Some(at) => (&rest[..at], Some(who(&rest[at + 1..])?)),
                None => (rest, None),
            };
            Sentence::Hold(Cut { from: Some(who(from)?), to, kind, group: None })
        }
        ["release"] => Sentence::Release,
        ["heal"] => Sentence::Heal,
        ["calm"] => Sentence::Calm,
        ["group", group, "is", "deaf"] => Sentence::Cut(Cut { group: Some(role(group)?), ..Cut::default() }),
        [rest @ .., "has" | "have", size, "KiB"] => {
            Sentence::Space(who(rest)?, at_most(1 << 21, number(size)?)? as u32 * 1024)
        }
        [count, "clients", "submit", rest @ ..] => {
            Sentence::Submit { first: 1, last: id(count)?, input: input(rest)? }
        }
        ["client", client, "submits", rest @ ..] => {
            let client = id(client)?;
            Sentence::Submit { first: client, last: client, input: input(rest)? }
        }
        [count, "durable", "acceptors" | "acceptor"] => {
            let count = at_most(crate::limits::ACCEPTORS_MAX as u64, number(count)?)? as u16;
            Sentence::Acceptors { count: at_least_one(count)?, absent: Vec::new(), durable: true }
        }
        [count, "acceptors" | "acceptor", rest @ ..] => {
            let absent = match rest {
                [] => Vec::new(),
                ["without", absent @ ..] => absent.iter().map(|word| id(word)).collect::<Understood<_>>()?,
                _ => return Err(unknown(words)),
            };
            let count = at_most(crate::limits::ACCEPTORS_MAX as u64, number(count)?)? as u16;
            Sentence::Acceptors { count: at_least_one(count)?, absent, durable: false }
        }
        _ => match weather(words)? {
            Some(turn) => Sentence::Weather(turn),
            None => match network(words)? {
                Some(sentence) => sentence,
                None => match words {
                    [count, roles] => Sentence::Several { count: id(count)?, role: role(roles)? },
                    _ => return Err(unknown(words)),
                },
            },
        },
    })
}

/// `acceptor 2`, `acceptor 2 with an empty disk`
fn with_disk(words: &[&str]) -> Understood<(One, DiskFate)> {
    let (who, fate) = match words {
        [who @ .., "with", "the", "same", "disk"] => (who, DiskFate::Same),
        [who @ .., "with", "an", "empty", "disk"] => (who, DiskFate::Empty),
        [who @ .., "with", "an", "older", "disk"] => (who, DiskFate::Older),
        [who @ .., "with", bits, "flipped", "bits" | "bit"] => (who, DiskFate::Rotten(number(bits)?)),
        who => (who, DiskFate::Same),
    };
    Ok((one(who)?, fate))
}

/// `acceptors`, `acceptor 2 before syncing`
fn crash(words: &[&str], power: bool) -> Understood<Crash> {
    let (words, moment) = match words {
        [rest @ .., "before", "writing"] => (rest, Moment::BeforeWriting),
        [rest @ .., "before", "syncing"] => (rest, Moment::BeforeSyncing),
        [rest @ .., "before", "sending"] => (rest, Moment::BeforeSending),
        [rest @ .., "while", "sending"] => (rest, Moment::WhileSending),
        rest => (rest, Moment::Now),
    };
    Ok(Crash { who: who(words)?, moment, power })
}

fn disk(words: &[&str]) -> Understood<Sentence> {
    let (rest, trouble) = match words {
        [rest @ .., "fails"] => (rest, DiskTrouble::Fails),
        [rest @ .., "is", "full"] => (rest, DiskTrouble::Full(true)),
        [rest @ .., "has", "space"] => (rest, DiskTrouble::Full(false)),
        [rest @ .., "takes", time] => (rest, DiskTrouble::Slow(duration(time)?)),
        _ => return Err(unknown(words)),
    };
    Ok(Sentence::Disk(who(rest)?, trouble))
}

fn weather(words: &[&str]) -> Understood<Option<Turn>> {
    Ok(Some(match words {
        ["lose", share] => Turn::Lose(percent(share)?),
        ["lose", share, "in", "bursts", "of", length] => {
            let length = number(length)?;
            if length == 0 {
                return Err("a burst loses at least one packet".into());
            }
            Turn::LoseInBursts(at_most(90, percent(share)?)?, length)
        }
        ["duplicate", share] => Turn::Duplicate(percent(share)?),
        ["reorder", share] => Turn::Reorder(percent(share)?),
        ["replay", share] => Turn::Replay(percent(share)?),
        ["damage", share] => Turn::Damage(percent(share)?),
        ["delay", time] => Turn::Delay(duration(time)?),
        _ => return Ok(None),
    }))
}

fn network(words: &[&str]) -> Understood<Option<Sentence>> {
    let cut = match words {
        ["nobody", "hears", rest @ ..] => Cut { from: Some(who(rest)?), ..Cut::default() },
        [some @ .., "is" | "are", "cut", "off"] => {
            return several(some).map(|some| Some(Sentence::CutOff(some)));
        }
        [to @ .., "hear" | "hears", "again"] => return Ok(Some(Sentence::HearsAgain(who(to)?))),
        [to @ .., "hear" | "hears", "nothing"] => Cut { to: Some(who(to)?), ..Cut::default() },
        [to @ .., "hear" | "hears", "no", kind] if named_kind(kind).is_some() => {
            Cut { to: Some(who(to)?), kind: named_kind(kind), ..Cut::default() }
        }
        _ => {
            let says = |two: &[&str]| matches!(two, ["hear" | "hears", "no"]);
            let Some(at) = words.windows(2).position(says) else { return Ok(None) };
            Cut { from: Some(who(&words[at + 2..])?), to: Some(who(&words[..at])?), ..Cut::default() }
        }
    };
    Ok(Some(Sentence::Cut(cut)))
}

fn input(words: &[&str]) -> Understood<Input> {
    let [count, rest @ ..] = words else { return Err("how many values?".into()) };
    let mut input = Input { values: number(count)?, shape: Shape::Named { bytes: 0 }, per_second: None };
    let mut rest = rest;
    while !rest.is_empty() {
        rest = match rest {
            ["odd", rest @ ..] => {
                input.shape = Shape::Odd;
                rest
            }
            ["value" | "values", rest @ ..] => rest,
            ["of", bytes, "bytes", rest @ ..] => {
                let bytes = at_most(crate::limits::VALUE_MAX as u64, number(bytes)?)? as usize;
                input.shape = Shape::Named { bytes };
                rest
            }
            ["at", pace, rest @ ..] => {
                let pace = number(pace.strip_suffix("/s").unwrap_or(pace))?;
                input.per_second = Some(pace.max(1));
                rest
            }
            _ => return Err(unknown(words)),
        };
    }
    Ok(input)
}

fn expectation(words: &[&str]) -> Understood<Expectation> {
    Ok(match words {
        ["all", "delivered", "within", time] => Expectation::AllDelivered { within: duration(time)? },
        ["nothing", "delivered"] => Expectation::NothingDelivered,
        ["one", "leader", "within", time] => Expectation::OneLeader { within: duration(time)? },
        ["ballots", "still", "for", time, "within", within] => {
            Expectation::BallotsStill { time: duration(time)?, within: duration(within)? }
        }
        ["acceptors", "whole", "within", time] => Expectation::Whole { within: duration(time)? },
        ["proposer", proposer, "leads", "within", time] => {
            Expectation::Leads { proposer: id(proposer)?, within: duration(time)? }
        }
        [values, "delivered", "within", time] => {
            Expectation::Delivered { values: number(values)?, within: duration(time)? }
        }
        [rest @ .., "ended"] => Expectation::Ended(who(rest)?),
        _ => return Err(unknown(words)),
    })
}

fn unknown(words: &[&str]) -> String {
    format!("what is {:?}?", words.join(" "))
}

fn number(word: &str) -> Understood<u64> {
    word.parse().map_err(|_| format!("{word:?} is no number"))
}

fn id(word: &str) -> Understood<u16> {
    word.parse().map_err(|_| format!("{word:?} is no number from 0 to 65535"))
}

fn at_most(most: u64, number: u64) -> Understood<u64> {
    if number <= most { Ok(number) } else { Err(format!("{number} is too much: {most} at most")) }
}

fn at_least_one(count: u16) -> Understood<u16> {
    if count > 0 { Ok(count) } else { Err("there must be one at least".into()) }
}

fn percent(word: &str) -> Understood<u64> {
    let share = word.strip_suffix('%').unwrap_or(word);
    at_most(100, number(share)?)
}

fn packet(word: &str) -> Understood<usize> {
    let bytes = number(word)? as usize;
    if (PACKET_MIN..=PACKET_MAX).contains(&bytes) {
        Ok(bytes)
    } else {
        Err(format!("packets have {PACKET_MIN} to {PACKET_MAX} bytes"))
    }
}

/// No scenario lasts longer than a day.
const LONGEST: Nanos = 86_400 * 1_000_000_000;

fn duration(word: &str) -> Understood<Nanos> {
    for (unit, nanos) in [("us", 1_000), ("ms", 1_000_000), ("s", 1_000_000_000)] {
        if let Some(count) = word.strip_suffix(unit).and_then(|count| count.parse::<u64>().ok()) {
            return at_most(LONGEST / nanos, count).map(|count| count * nanos);
        }
    }
    Err(format!("{word:?} is no time, as in 20ms"))
}

fn role(word: &str) -> Understood<Role> {
    let name = word.strip_suffix('s').unwrap_or(word);
    let role = Role::GROUPS.into_iter().find(|role| role.name() == name);
    role.ok_or_else(|| format!("{word:?} is no role"))
}

fn one(words: &[&str]) -> Understood<One> {
    match words {
        [name, number] => Ok((role(name)?, id(number)?)),
        _ => Err(format!("{:?} is not one process, as in learner 1", words.join(" "))),
    }
}

fn who(words: &[&str]) -> Understood<Who> {
    match words {
        [name] => Ok(Who { role: role(name)?, id: None }),
        _ => one(words).map(|(role, id)| Who { role, id: Some(id) }),
    }
}

/// `acceptor 1, proposers and learner 2`
fn several(words: &[&str]) -> Understood<Vec<Who>> {
    let text = words.join(" ").replace(" and ", ", ");
    text.split(',').map(|part| who(&part.split_whitespace().collect::<Vec<_>>())).collect()
}

fn named_kind(word: &str) -> Option<Kind> {
    Kind::ALL.into_iter().find(|kind| kind.name() == word)
}

#[cfg(test)]
mod tests {
    use super::super::Script;
    use super::*;

    fn parse(text: &str) -> Sentence {
        let script = Script::parse(text).unwrap();
        assert_eq!(script.sentences.len(), 1);
        script.sentences[0].1.clone()
    }

    fn complaint(text: &str) -> String {
        Script::parse(text).unwrap_err().to_string()
    }

    const fn process(role: Role, id: u16) -> Who {
        Who { role, id: Some(id) }
    }

    #[test]
    fn every_example_of_the_language_is_understood() {
        let page = include_str!("../script.rs");
        let examples = page.split("```text").nth(1).unwrap().split("```").next().unwrap();
        let mut count = 0;
        for line in examples.lines().map(|line| line.trim_start_matches("//! ")) {
            for part in line.split("  ").map(str::trim).filter(|part| !part.is_empty()) {
                if !part.starts_with('(') && part != "//!" {
                    parse(part);
                    count += 1;
                }
            }
        }
        assert!(count > 35, "{count}");
    }

    #[test]
    fn sentences_mean_what_they_say() {
        assert_eq!(parse("2 learners"), Sentence::Several { count: 2, role: Role::Learner });
        assert_eq!(
            parse("acceptors hear no proposer 1"),
            Sentence::Cut(Cut {
                from: Some(process(Role::Proposer, 1)),
                to: Some(Who { role: Role::Acceptor, id: None }),
                ..Cut::default()
            })
        );
        assert_eq!(
            parse("proposer 1 hears no 2b"),
            Sentence::Cut(Cut {
                to: Some(process(Role::Proposer, 1)),
                kind: Some(Kind::Phase2b),
                ..Cut::default()
            })
        );
        assert_eq!(
            parse("acceptor 1, proposer 2 and learner 1 are cut off"),
            Sentence::CutOff(vec![
                process(Role::Acceptor, 1),
                process(Role::Proposer, 2),
                process(Role::Learner, 1)
            ])
        );
        assert_eq!(
            parse("after 20ms crash acceptor 2 while sending"),
            Sentence::After(
                20_000_000,
                Box::new(Sentence::Crash(Crash {
                    who: process(Role::Acceptor, 2),
                    moment: Moment::WhileSending,
                    power: false
                }))
            )
        );
        assert_eq!(
            parse("cut the power of acceptors before syncing"),
            Sentence::Crash(Crash {
                who: Who { role: Role::Acceptor, id: None },
                moment: Moment::BeforeSyncing,
                power: true
            })
        );
        assert_eq!(
            parse("restart acceptor 2 with 3 flipped bits"),
            Sentence::Restart((Role::Acceptor, 2), DiskFate::Rotten(3))
        );
        let shape = Shape::Named { bytes: 700 };
        let input = Input { values: 10, shape, per_second: Some(50) };
        assert_eq!(
            parse("64 clients submit 10 values of 700 bytes at 50/s"),
            Sentence::Submit { first: 1, last: 64, input }
        );
    }

    #[test]
    fn what_is_not_understood_is_quoted() {
        for (text, complains) in [
            ("dance", "what is \"dance\"?"),
            ("lose 101%", "101 is too much: 100 at most"),
            ("wait 3", "\"3\" is no time, as in 20ms"),
            ("2 dancers", "\"dancers\" is no role"),
            ("crash", "\"\" is not one process, as in learner 1"),
            ("client x submits 3 values", "\"x\" is no number from 0 to 65535"),
            ("client 1 submits", "how many values?"),
            ("packets of 9 bytes", "packets have 1252 to 9188 bytes"),
            ("0 acceptors", "there must be one at least"),
        ] {
            assert_eq!(complaint(text), format!("the script cannot be performed: {complains}"));
        }
    }

    #[test]
    fn a_script_is_printed_as_it_can_be_read_again() {
        let script = Script::parse("3 acceptors;\n\n wait   2s ;").unwrap();
        assert_eq!(script.to_string(), "3 acceptors; wait 2s");
        assert_eq!(Script::parse(&script.to_string()).unwrap(), script);
    }
}
