//! What was heard of one observer.

use super::marks::Marks;
use super::plan;
use crate::protocol::Nanos;
use std::net::SocketAddrV4;
use std::ops::Range;
use wire::{HEARD_MAX, Heard, Probe, Purpose, Sender, Tally, Way};

/// The latest rounds, which are not judged, 0.2 s: they may be on their way, or in a buffer while a busy host lets us wait.
const SETTLING: u32 = 40;
/// The first rounds, which are not judged, 0.2 s: the kernel reports a joined group after a moment chosen at random, and a
/// switch that snoops sends nothing of it here before it has taken note.
const STARTING: u32 = 40;

/// An observer, this one included.
#[derive(Debug)]
pub struct Source {
    pub sender: Sender,
    /// Where it sends from.
    pub address: SocketAddrV4,
    /// Of its configuration.
    pub cluster: u32,
    pub heard_at: Nanos,
    /// The first round and the latest that is known of.
    rounds: Option<(u32, u32)>,
    groups: [Marks; 4],
    direct: Marks,
    /// The first round of which a direct probe is due.
    direct_from: Option<u32>,
    bursts: Marks,
    again: u32,
    /// The latest round of which something came by a group.
    by_group: Option<u32>,
    /// The most rounds in a row, before that one, of which nothing came by any group.
    silent: u32,
    longest: u16,
    longest_direct: u16,
    pub told: Option<Told>,
    /// How far its host's clock is ahead of ours, as far as the best round trip tells.
    pub clock: Option<Ahead>,
}

/// Its latest tally.
#[derive(Clone, Debug)]
pub struct Told {
    pub tally: Tally,
    pub heard: heapless::Vec<Heard, HEARD_MAX>,
    at: Nanos,
}

/// How far another clock is ahead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ahead {
    /// Nanoseconds; negative when it is behind.
    pub by: i64,
    /// The round trip it was measured by, nanoseconds: it is wrong by half of that at most.
    pub round_trip: u64,
}

impl Source {
    pub fn new(sender: Sender, address: SocketAddrV4, cluster: u32) -> Source {
        Source {
            sender,
            address,
            cluster,
            heard_at: 0,
            rounds: None,
            groups: std::array::from_fn(|_| Marks::default()),
            direct: Marks::default(),
            direct_from: None,
            bursts: Marks::default(),
            again: 0,
            by_group: None,
            silent: 0,
            longest: 0,
            longest_direct: 0,
            told: None,
            clock: None,
        }
    }

    /// It has begun this round.
    pub fn begun(&mut self, round: u32) {
        let (first, top) = self.rounds.unwrap_or((round, round));
        self.rounds = Some((first.min(round), top.max(round)));
    }

    /// A probe came; `length`: of its IP packet.
    pub fn probe(&mut self, probe: &Probe, length: u16) {
        let (Some(way), Some(purpose)) = (probe.way(), probe.purpose()) else { return };
        let round = probe.round_number.get();
        self.begun(round);
        let new = match (way, purpose) {
            (Way::Group(role), Purpose::Count) => {
                self.groups.get_mut(role as usize - 1).is_some_and(|group| group.put(round))
            }
            (Way::Group(_), Purpose::Burst) => {
                plan::burst(round, probe.index.get()).is_some_and(|number| self.bursts.put(number))
            }
            (Way::Direct, Purpose::Count) => {
                self.direct_from.get_or_insert(round);
                self.direct.put(round)
            }
            (_, Purpose::Size) | (Way::Direct, Purpose::Burst) => true,
        };
        self.again += u32::from(!new);
        if matches!(way, Way::Group(_)) {
            self.silent = self.silent.max(self.silence_until(round));
            self.by_group = self.by_group.max(Some(round));
        }
        // A run of packets passes where no single one of that length does: virtual links cut it late.
        match (purpose, way) {
            (Purpose::Burst, _) => {}
            (_, Way::Group(_)) => self.longest = self.longest.max(length),
            (_, Way::Direct) => self.longest_direct = self.longest_direct.max(length),
        }
    }

    /// A tally came when our own clock showed `clock`, nanoseconds since 1970. `me`: who we are.
    pub fn tally(&mut self, now: Nanos, clock: u64, me: Sender, tally: &Tally, heard: &[Heard]) {
        if let Some(round) = tally.rounds.get().checked_sub(1) {
            self.begun(round);
        }
        let of_us = heard.iter().find(|one| one.incarnation.get() == me.incarnation && one.id.get() == me.id);
        if let Some(of_us) = of_us {
            // It knows us, so it sends to us directly.
            self.direct_from.get_or_insert(tally.rounds.get());
            self.compare_clocks(now, clock, tally, of_us);
        }
        let fresh = self.told.as_ref().is_none_or(|told| told.tally.sent_at.get() < tally.sent_at.get());
        if fresh {
            self.told =
                Some(Told { tally: *tally, heard: heard.iter().take(HEARD_MAX).copied().collect(), at: now });
        }
    }

    fn compare_clocks(&mut self, now: Nanos, clock: u64, tally: &Tally, of_us: &Heard) {
        let Some(round_trip) =
            now.checked_sub(of_us.echo.get()).and_then(|all| all.checked_sub(of_us.after.get()))
        else {
            return;
        };
        if of_us.echo.get() == 0 || self.clock.is_some_and(|best| best.round_trip <= round_trip) {
            return;
        }
        let theirs = i128::from(tally.clock.get()) + i128::from(round_trip / 2);
        let by = i64::try_from(theirs - i128::from(clock)).unwrap_or(i64::MAX);
        self.clock = Some(Ahead { by, round_trip });
    }

    /// What a tally says of it.
    pub fn heard(&self, now: Nanos) -> Heard {
        let rounds = self.judged(self.rounds.map(|(first, _)| first + STARTING));
        let direct = self.judged(self.direct_from);
        let [clients, proposers, acceptors, learners] =
            [0, 1, 2, 3].map(|group: usize| self.groups[group].count(rounds.clone()).into());
        let bursts = plan::bursts(rounds.clone());
        let top = self.rounds.map_or(0, |(_, top)| top);
        Heard {
            incarnation: self.sender.incarnation.into(),
            id: self.sender.id.into(),
            address: self.address.ip().octets(),
            rounds: (rounds.len() as u32).into(),
            clients,
            proposers,
            acceptors,
            learners,
            direct_rounds: (direct.len() as u32).into(),
            direct: self.direct.count(direct).into(),
            bursts: (bursts.len() as u32).into(),
            burst: self.bursts.count(bursts).into(),
            silent: self.silent.max(self.silence_until(top)).into(),
            again: self.again.into(),
            longest: self.longest.into(),
            longest_direct: self.longest_direct.into(),
            echo: self.told.as_ref().map_or(0, |told| told.tally.sent_at.get()).into(),
            after: self.told.as_ref().map_or(0, |told| now.saturating_sub(told.at)).into(),
        }
    }

    /// Rounds since the last of which something came by a group.
    fn silence_until(&self, round: u32) -> u32 {
        let first = self.rounds.map_or(round, |(first, _)| first);
        round.saturating_sub(self.by_group.unwrap_or(first))
    }

    /// The rounds that count, from the first one that should.
    fn judged(&self, from: Option<u32>) -> Range<u32> {
        match (from, self.rounds) {
            (Some(from), Some((_, top))) => from..(top + 1).saturating_sub(SETTLING).max(from),
            _ => 0..0,
        }
    }
}
