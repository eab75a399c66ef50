//! What acceptors say of themselves: promises, lives, who let them in, what they accepted.

use super::instances::Stance;
use super::members::Help;
use super::place::Place;
use super::rule::Rule;
use super::starts::{Promised, Said, Start};
use super::{Checker, by_sequence};
use crate::{Ballot, Helped, LIVES_MAX, Packet, Phase1b, Phase2b, Range, RangeRecord, Run};
use zerocopy::byteorder::big_endian::U64;

impl Checker {
    /// An acceptor names the ballot that it has promised, and the life that it speaks from, if it says so.
    pub(super) fn promises(
        &mut self,
        at: usize,
        place: Place,
        packet: &Packet,
        ballot: Ballot,
        life: Option<u64>,
    ) {
        if packet.header.log.get() == 0 {
            return;
        }
        self.judged(Rule::Promises);
        let (sender, sequence) = (packet.sender, packet.header.sequence());
        let said = Said { sequence, value: ballot, place };
        let start = &mut self.starts[at];
        if let Some(last) = start.promised.say(said) {
            let (first, then) =
                if last.sequence < sequence { (last.value, ballot) } else { (ballot, last.value) };
            let text = format!("{sender} promised {first:#}, and names {then:#} later");
            self.alarms.push((Rule::Promises, text, by_sequence(last, sequence, place)));
        }
        if let Some(fence) = start.fence
            && fence.sequence < sequence
            && fence.value > ballot
        {
            let text =
                format!("{sender} promised {:#} to one that joined, and names {ballot:#} later", fence.value);
            self.alarms.push((Rule::Promises, text, vec![fence.place, place]));
        }
        let Some(life) = life else { return };
        let (known, news) = match start.by_life.iter_mut().find(|known| known.life == life) {
            Some(known) if known.lowest.0 <= ballot && ballot <= known.highest.0 => return,
            Some(known) => {
                if ballot < known.lowest.0 {
                    known.lowest = (ballot, place);
                } else {
                    known.highest = (ballot, place);
                }
                (*known, true)
            }
            None => {
                let new = Promised { life, lowest: (ballot, place), highest: (ballot, place) };
                (new, start.by_life.push(new).is_ok())
            }
        };
        if news {
            self.across_restarts(at, &known);
        }
    }

    /// The incarnations of earlier starts of the same process. A clock may have been set back, and a packet late:
    /// only where numbers and arrival agree is one the earlier.
    fn earlier(&self, at: usize) -> Vec<u64> {
        let me = &self.starts[at];
        let same = |other: &&Start| {
            (other.role, other.id, other.cluster) == (me.role, me.id, me.cluster)
                && other.incarnation < me.incarnation
                && other.first.time_ns < me.first.time_ns
        };
        self.starts.iter().filter(same).map(|other| other.incarnation).collect()
    }

    /// Who speaks from one life in several starts remembers what it promised in the earlier ones.
    fn across_restarts(&mut self, at: usize, own: &Promised) {
        let me = &self.starts[at];
        for other in &self.starts {
            if (other.role, other.id, other.cluster) != (me.role, me.id, me.cluster)
                || other.incarnation == me.incarnation
            {
                continue;
            }
            let Some(theirs) = other.by_life.iter().find(|theirs| theirs.life == own.life) else { continue };
            // A clock may have been set back, and a packet late: only where both say so is one the earlier.
            let (earlier, later) = match (
                other.incarnation < me.incarnation && other.first.time_ns < me.first.time_ns,
                me.incarnation < other.incarnation && me.first.time_ns < other.first.time_ns,
            ) {
                (true, _) => (theirs.highest, own.lowest),
                (_, true) => (own.highest, theirs.lowest),
                _ => continue,
            };
            if later.0 < earlier.0 {
                let text = format!(
                    "A{} promised {:#}, and names {:#} after a restart, in the same life",
                    me.id, earlier.0, later.0
                );
                self.alarms.push((Rule::Promises, text, vec![earlier.1, later.1]));
            }
        }
    }

    /// An acceptor says from which life it speaks, and which lives of others it knows.
    fn lives(&mut self, at: usize, place: Place, packet: &Packet, life: u64, told: &[U64]) {
        self.judged(Rule::Lives);
        let (sender, sequence) = (packet.sender, packet.header.sequence());
        let start = &mut self.starts[at];
        if let Some(last) = start.life.say(Said { sequence, value: life, place }) {
            let text = format!("{sender} goes back to a life that it had begun anew");
            self.alarms.push((Rule::Lives, text, by_sequence(last, sequence, place)));
        }
        if !told.is_empty() && !told.iter().any(|known| known.get() == life) {
            let text = format!("{sender} speaks from life {life:x}, and knows that it is over");
            self.alarms.push((Rule::Lives, text, vec![place]));
        }
        let falls = start.told.as_ref().filter(|last| {
            let one_by_one = || last.value.iter().zip(told);
            last.value.len() == told.len()
                && if last.sequence < sequence {
                    one_by_one().any(|(before, now)| now.get() < *before)
                } else {
                    one_by_one().any(|(later, now)| now.get() > *later)
                }
        });
        if let Some(last) = falls {
            let proof = vec![last.place.min(place), last.place.max(place)];
            self.alarms.push((Rule::Lives, format!("{sender} has forgotten a life of another"), proof));
        }
        match &mut start.told {
            Some(last) if last.sequence > sequence => {}
            Some(last) => {
                (last.sequence, last.place) = (sequence, place);
                last.value.clear();
                last.value.extend(told.iter().take(LIVES_MAX).map(|life| life.get()));
            }
            none => {
                let value = told.iter().take(LIVES_MAX).map(|life| life.get()).collect();
                *none = Some(Said { sequence, value, place });
            }
        }
    }

    /// An acceptor promises or votes: it must be one of the set, and have been let in.
    fn speaks(&mut self, place: Place, packet: &Packet, life: u64, told: &[U64]) {
        let id = packet.sender.id;
        self.judged(Rule::Set);
        let mut alarms = core::mem::take(&mut self.alarms);
        if let Some(log) = self.log_of(packet, 0) {
            let members = &mut log.members;
            if !told.is_empty() {
                members.heard(id, told.len(), place);
            }
            if members.size > 0 && members.ids.len() > members.size {
                let ids: Vec<String> = members.ids.iter().map(|(id, _)| format!("A{id}")).collect();
                let text = format!("{} promise or vote in a set of {}", ids.join(", "), members.size);
                alarms.push((Rule::Set, text, members.ids.iter().map(|(_, place)| *place).collect()));
            }
            members.speaks(id, life, place);
        }
        self.alarms = alarms;
    }

    pub(super) fn phase1b(
        &mut self,
        at: usize,
        place: Place,
        packet: &Packet,
        body: &Phase1b,
        told: &[U64],
        runs: &[Run],
    ) {
        let life = body.life.get();
        self.promises(at, place, packet, body.ballot.get(), Some(life));
        self.lives(at, place, packet, life, told);
        self.speaks(place, packet, life, told);
        self.judged(Rule::Memory);
        let sender = packet.sender;
        let page = Range { first: body.from.get().max(body.blind_until.get()), until: body.until.get() };
        let (blind, complete) = (body.blind_until.get(), body.complete_until.get());
        let (sequence, earlier) = (packet.header.sequence(), self.earlier(at));
        self.with_log(packet, body.from.get(), |log, _, alarms| {
            let before = |start: u64, number: u64| {
                if start == sender.incarnation { number < sequence } else { earlier.contains(&start) }
            };
            log.tells((sender.id, life), &before, page, runs, place, alarms);
            log.members.sees(sender.id, life, (blind, complete), place);
        });
        self.claims(place, packet, complete);
    }

    pub(super) fn phase2b(
        &mut self,
        at: usize,
        place: Place,
        packet: &Packet,
        body: &Phase2b,
        told: &[U64],
        ranges: &[RangeRecord],
    ) {
        let (life, ballot) = (body.life.get(), body.ballot.get());
        self.promises(at, place, packet, ballot, Some(life));
        self.lives(at, place, packet, life, told);
        self.speaks(place, packet, life, told);
        let mut own = told.iter().enumerate().filter(|(_, known)| known.get() == life);
        let index = own.next().map(|(at, _)| at).filter(|_| own.next().is_none());
        let stance = Stance {
            acceptor: packet.sender.id,
            incarnation: packet.sender.incarnation,
            life,
            lives: told.iter().take(LIVES_MAX).map(|life| life.get()).collect(),
            index,
        };
        let first = ranges.first().map_or(body.decided_until.get(), |range| range.range().first);
        self.with_log(packet, first, |log, ordered, alarms| {
            let stamp = (packet.header.sequence(), ballot);
            log.votes(stance, stamp, ranges, (place, ordered), alarms);
        });
        self.claims(place, packet, body.decided_until.get().max(body.complete_until.get()));
    }

    pub(super) fn helped(&mut self, at: usize, place: Place, packet: &Packet, body: &Helped, told: &[U64]) {
        if packet.header.log.get() == 0 {
            return;
        }
        let (sequence, ballot) = (packet.header.sequence(), body.ballot.get());
        let start = &mut self.starts[at];
        if let Some(last) = start.promised.last()
            && last.sequence > sequence
            && last.value < ballot
        {
            let text = format!("{} promised {ballot:#}, and names {:#} later", packet.sender, last.value);
            self.alarms.push((Rule::Promises, text, vec![place, last.place]));
        }
        if start.fence.is_none_or(|fence| fence.value < ballot) {
            start.fence = Some(Said { sequence, value: ballot, place });
        }
        self.lives(at, place, packet, body.life.get(), told);
        let acceptor = packet.sender.id;
        let (joiner, top) = (body.joiner.get(), body.top.get());
        let former = body.former.get() != 0 && body.former.get() != joiner;
        if joiner != 0
            && let Some(log) = self.log_of(packet, 0)
        {
            log.members.helped(joiner, Help { acceptor, former, top, place });
        }
        self.claims(place, packet, body.complete_until.get());
    }
}
