//! Who should lead: fit before unfit, ready before lagging, low id before high; and who is taken for dead,
//! when.

use super::*;
use crate::limits::MS;
use wire::{Ballot, Heartbeat, Layout, Role, Sender, Stamp};

const LAYOUT: Layout = Layout { packet: 1472, cluster: 5, trailer: 0 };
const SUSPECT: Nanos = 5_000 * MS;
const READY: u8 = flags::READY;

struct Bench {
    election: Election,
    out: Outbox,
    now: Nanos,
}

impl Bench {
    /// Of the proposer with this id.
    fn new(id: u16) -> Bench {
        let me = Sender { role: Role::Proposer, id, incarnation: 9 };
        Bench { election: Election::new(id, SUSPECT), out: Outbox::new(LAYOUT, me), now: 0 }
    }

    fn hears(&mut self, id: u16, flags: u8) {
        let sender = Sender { role: Role::Proposer, id, incarnation: 1 };
        let body = Heartbeat { ballot: Ballot::ZERO.into(), decided_until: 0.into() };
        let mut bytes = [0; 1472];
        let length = wire::seal(&mut bytes, LAYOUT, sender, Stamp { sequence: 0, log: 0, flags }, &body, &[]);
        let packet = Packet::parse(&bytes[..length]).expect("a test sends what can be read");
        self.election.heartbeat(self.now, &packet, &mut self.out);
    }

    /// Time passes as it does for a process that is awake.
    fn wait(&mut self, time: Nanos) -> bool {
        let end = self.now + time;
        let mut ask = false;
        while self.now < end {
            self.now = end.min(self.now + self.election.period());
            ask = self.election.look(self.now, &mut self.out);
        }
        ask
    }

    fn notices(&mut self) -> Vec<Notice> {
        self.out.take_notices().into_iter().collect()
    }

    fn should_lead(&self) -> bool {
        self.election.should_lead(false, true)
    }
}

#[test]
fn who_is_alone_should_lead_however_it_stands() {
    let bench = Bench::new(7);
    assert!(bench.election.alone());
    assert!(bench.election.should_lead(false, true) && bench.election.should_lead(true, false));
}

#[test]
fn the_lowest_id_should_lead() {
    let (mut low, mut high) = (Bench::new(1), Bench::new(2));
    low.hears(2, READY);
    high.hears(1, READY);
    assert!(low.should_lead() && !high.should_lead());
}

#[test]
fn who_knows_all_that_is_decided_goes_before_a_lower_id_that_does_not() {
    let (mut low, mut high) = (Bench::new(1), Bench::new(2));
    low.hears(2, READY);
    high.hears(1, 0);
    assert!(!low.election.should_lead(false, false) && high.should_lead());
    high.hears(1, READY);
    assert!(!high.should_lead(), "it caught up");
}

#[test]
fn who_is_fit_goes_before_everybody_who_is_not() {
    let (mut low, mut high) = (Bench::new(1), Bench::new(2));
    low.hears(2, 0);
    high.hears(1, READY | flags::UNFIT);
    assert!(!low.election.should_lead(true, true), "even one that lags is better");
    assert!(high.election.should_lead(false, false));
}

#[test]
fn when_all_are_unfit_somebody_should_lead_all_the_same() {
    let (mut low, mut high) = (Bench::new(1), Bench::new(2));
    low.hears(2, READY | flags::UNFIT);
    high.hears(1, READY | flags::UNFIT);
    assert!(low.election.should_lead(true, true) && !high.election.should_lead(true, true));
}

#[test]
fn of_any_proposers_that_know_each_other_exactly_one_should_lead() {
    for states in 0..64_u32 {
        let state = |id: u16| (states >> (2 * (id - 1)) & 1 != 0, states >> (2 * (id - 1)) & 2 != 0);
        let leaders = (1..=3).filter(|id| {
            let mut bench = Bench::new(*id);
            for other in (1..=3).filter(|other| other != id) {
                let (unfit, ready) = state(other);
                bench.hears(other, if unfit { flags::UNFIT } else { 0 } | if ready { READY } else { 0 });
            }
            let (unfit, ready) = state(*id);
            bench.election.should_lead(unfit, ready)
        });
        assert_eq!(leaders.count(), 1, "{states:b}");
    }
}

#[test]
fn anything_from_a_proposer_is_a_sign_of_life() {
    let mut bench = Bench::new(2);
    assert!(!bench.election.alive(0, 1, &mut bench.out), "it was not known");
    assert!(bench.election.alive(0, 1, &mut bench.out));
    assert_eq!(bench.notices(), [Notice::Returned { proposer: 1 }]);
    assert!(!bench.should_lead(), "until it says otherwise it is fit");
}

#[test]
fn who_was_silent_for_the_suspicion_time_is_taken_for_dead_and_may_return() {
    let mut bench = Bench::new(2);
    bench.hears(1, READY);
    bench.notices();
    bench.wait(SUSPECT - 1);
    assert!(!bench.should_lead() && bench.notices().is_empty());
    bench.wait(1);
    assert!(bench.should_lead());
    assert_eq!(bench.notices(), [Notice::Suspected { proposer: 1 }]);
    bench.hears(1, READY);
    assert!(!bench.should_lead());
    assert_eq!(bench.notices(), [Notice::Returned { proposer: 1 }]);
}

#[test]
fn who_was_silent_for_half_the_suspicion_time_is_asked_for_a_sign_of_life() {
    let mut bench = Bench::new(2);
    bench.hears(1, READY);
    assert!(!bench.wait(SUSPECT / 2 - 1));
    assert!(bench.wait(1));
    bench.hears(1, READY);
    assert!(!bench.wait(1));
}

#[test]
fn a_process_that_slept_does_not_judge_others_by_it() {
    let mut bench = Bench::new(2);
    bench.hears(1, READY);
    bench.wait(1_000 * MS);
    bench.now += 10 * SUSPECT;
    bench.election.look(bench.now, &mut bench.out);
    assert!(!bench.should_lead(), "it could not have heard anything");
    bench.wait(SUSPECT);
    assert!(bench.should_lead(), "now it could");
}

#[test]
fn more_proposers_than_there_is_room_for_are_not_watched() {
    let mut bench = Bench::new(1);
    for id in 0..PEERS_MAX as u16 + 10 {
        bench.hears(100 + id, READY);
    }
    assert!(bench.should_lead());
}
