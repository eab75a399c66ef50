//! Performs the sentences of a script.

use super::failure::Failure;
use super::network::Who;
use super::node::Actor;
use super::script::{Crash, DiskFate, Expectation, Moment, Script, Sentence, Turn};
use super::story::Seconds;
use super::world::World;
use crate::protocol::Nanos;
use wire::{Ballot, Role};

impl World {
    /// Performs a script to its end, or to the first failure.
    ///
    /// # Errors
    /// The failure.
    pub fn run(&mut self, script: &Script) -> Result<(), Failure> {
        self.storage.remembers = script.mentions_older_disks();
        for (text, sentence) in &script.sentences {
            self.tell(format_args!("--- {text}"));
            self.perform(sentence, text)?;
        }
        Ok(())
    }

    fn perform(&mut self, sentence: &Sentence, text: &str) -> Result<(), Failure> {
        match sentence {
            Sentence::After(time, then) => {
                self.wait(*time)?;
                self.perform(then, text)?;
            }
            Sentence::Wait(time) => self.wait(*time)?,
            Sentence::Expect(expectation) => self.expect(expectation, text)?,
            Sentence::WithinClaims => self.budget.promised = true,
            Sentence::BeyondClaims => self.budget.promised = false,
            Sentence::Acceptors { count, absent, durable } => {
                self.storage.durable = *durable;
                self.acceptors((1..=*count).collect())?;
                for id in (1..=*count).filter(|id| !absent.contains(id)) {
                    self.start(Role::Acceptor, id, None)?;
                }
            }
            Sentence::Several { count, role } => {
                for id in 1..=*count {
                    self.start(*role, id, None)?;
                }
            }
            Sentence::Start { one: (role, id), another } => {
                if !another && self.runs(*role, *id) {
                    return Err(Failure::Script(format!("{role} {id} is there already")));
                }
                self.conditions.doubles |= another;
                self.restart(*role, *id, DiskFate::Same)?;
            }
            Sentence::Revive((role, id), disk) => {
                if !self.runs(*role, *id) {
                    self.restart(*role, *id, *disk)?;
                }
            }
            Sentence::Restart((role, id), disk) => {
                self.crash(Who { role: *role, id: Some(*id) }, false)?;
                self.restart(*role, *id, *disk)?;
            }
            Sentence::Crash(Crash { who, moment: Moment::Now, power }) => self.crash(*who, *power)?,
            Sentence::Crash(crash) => self.doomed.push(*crash),
            Sentence::Disk(who, trouble) => self.trouble(*who, *trouble),
            Sentence::SegmentLength(bytes) => self.storage.segment_len = *bytes,
            Sentence::Pause(who, time) => self.pause(*who, *time),
            Sentence::Submit { first, last, input } => {
                for client in *first..=*last {
                    self.submit(client, *input)?;
                }
            }
            Sentence::Space(who, space) => self.conditions.spaces.push((*who, *space)),
            Sentence::PacketLength(bytes) => self.conditions.packet_length = *bytes,
            Sentence::PacketsAlone => self.conditions.alone = true,
            Sentence::ClocksDrift(percent) => self.conditions.drift = *percent,
            Sentence::ClocksSetBack => self.conditions.set_back = true,
            Sentence::TimersLate(time) => self.late = *time,
            Sentence::Weather(turn) => self.turns(*turn),
            Sentence::Cut(cut) => self.network.cuts.push(*cut),
            Sentence::Hold(hold) => self.network.holds.push(*hold),
            Sentence::Release => self.release(),
            Sentence::CutOff(some) => self.network.islands.push(some.clone()),
            Sentence::HearsAgain(who) => self.network.cuts.retain(|cut| cut.to != Some(*who)),
            Sentence::FarAhead => self.propose_far_ahead(),
            Sentence::Heal => {
                self.network.mend();
                self.network.weather.loss = 0;
                self.network.weather.bursts = (0, 0);
            }
            Sentence::Calm => {
                self.network.calm();
                self.release();
                self.doomed.clear();
                self.wake_all();
                self.mend_disks();
            }
        }
        Ok(())
    }

    fn runs(&self, role: Role, id: u16) -> bool {
        self.alive().any(|node| (node.me.role, node.me.id) == (role, id))
    }

    fn turns(&mut self, turn: Turn) {
        let weather = &mut self.network.weather;
        match turn {
            Turn::Lose(percent) => (weather.loss, weather.bursts) = (percent, (0, 0)),
            Turn::LoseInBursts(percent, length) => (weather.loss, weather.bursts) = (0, (percent, length)),
            Turn::Duplicate(percent) => weather.duplicates = percent,
            Turn::Reorder(percent) => weather.reordered = percent,
            Turn::Replay(percent) => weather.replayed = percent,
            Turn::Damage(percent) => weather.damaged = percent,
            Turn::Delay(time) => weather.delay = time,
        }
    }

    fn wait(&mut self, time: Nanos) -> Result<(), Failure> {
        self.until(self.now() + time, |_| false).map(|_| ())
    }

    fn expect(&mut self, expectation: &Expectation, text: &str) -> Result<(), Failure> {
        let now = self.now();
        let met = match *expectation {
            Expectation::AllDelivered { within } => self.until(now + within, World::complete)?,
            Expectation::NothingDelivered => self.frontier() == 0,
            Expectation::Delivered { values, within } => {
                self.until(now + within, |world| world.lines() >= values)?
            }
            Expectation::Leads { proposer, within } => {
                self.until(now + within, |world| world.leaders().any(|id| id == proposer))?
            }
            Expectation::Whole { within } => self.until(now + within, World::whole)?,
            Expectation::OneLeader { within } => {
                self.until(now + within, |world| world.leaders().count() == 1)?
            }
            Expectation::BallotsStill { time, within } => {
                let (mut since, mut ballots) = (now, Vec::new());
                self.until(now + within, |world| {
                    if !world.promised().eq(ballots.iter().copied()) {
                        (since, ballots) = (world.now(), world.promised().collect());
                    }
                    world.now() >= since + time
                })?
            }
            Expectation::Ended(who) => self.ended().iter().any(|ended| who.is(ended.who)),
        };
        if met {
            return Ok(());
        }
        let standing = self.standing().join("\n  ");
        Err(Failure::Unmet {
            expectation: text.trim_start_matches("expect ").to_owned(),
            text: format!("it is {} now, and\n  {standing}", Seconds(self.now())),
        })
    }

    /// Who leads, of those that are not cut off.
    pub fn leaders(&self) -> impl Iterator<Item = u16> {
        self.alive().filter(|node| !self.network.cut_off(node.me)).filter_map(|node| match &node.actor {
            Actor::Proposer(proposer) if proposer.leads() => Some(node.me.id),
            _ => None,
        })
    }

    /// The promises of the acceptors that are there.
    fn promised(&self) -> impl Iterator<Item = Ballot> + use<'_> {
        self.alive().filter_map(|node| match &node.actor {
            Actor::Acceptor(acceptor) => Some(acceptor.promised()),
            _ => None,
        })
    }
}
