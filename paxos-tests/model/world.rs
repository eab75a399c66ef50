//! The whole: acceptors, what the proposers have led, and the packets that were sent.

use crate::learner::Learners;
use crate::locals::{Local, LocalId, Locals};
use crate::packets::{Kind, NOOP, PacketId, Packets, own};
use crate::process::{Input, Start};
use crate::proposer::{Outcomes, Proposers};
use crate::shape::{BALLOTS, INSTANCES, Plant, Restarts, SLOTS, Shape};
use stateright::{Model, Property};
use std::sync::Arc;

/// What a ballot proposed, by instance. All 0: it is not led yet.
type Led = [u8; INSTANCES];

/// What can matter no more is not kept: 1b of a ballot that is led; a later 1b or vote of a life that said the
/// same when it knew of fewer lives (the earlier one counts wherever the later one does); votes once they
/// have decided; and help for who is a member (it could only tell it of lives, and who knows of more lives
/// counts less).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct State {
    processes: [LocalId; SLOTS],
    pub led: [Led; BALLOTS],
    /// By ballot and instance: some learner could find it decided.
    pub chosen: u8,
    /// A leader proposed what phase 1 does not permit.
    pub forbidden: bool,
    /// Ascending: 1b, 2b, and what acceptors sent to one another.
    pub sent: Vec<PacketId>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    Take {
        slot: usize,
        packet: PacketId,
    },
    /// An acceptor without memory takes all the help that it needs. It said nothing since it asked, so nobody
    /// can tell at which moments it took the single answers.
    Join {
        slot: usize,
        helped: Vec<PacketId>,
    },
    Restart {
        slot: usize,
    },
    Heartbeat {
        slot: usize,
    },
    /// An acceptor's memory is lost, and the acceptor is started without any.
    Lose {
        slot: usize,
    },
    Lead {
        ballot: usize,
        proposed: Led,
        permitted: bool,
    },
}

pub struct World {
    pub shape: Shape,
    pub packets: Packets,
    pub locals: Locals,
    proposers: Proposers,
    learners: Learners,
    always: Vec<Property<World>>,
}

const fn bit(ballot: usize, instance: usize) -> u8 {
    1 << (ballot * INSTANCES + instance)
}

impl State {
    pub fn is_chosen(&self, ballot: usize, instance: usize) -> bool {
        self.chosen & bit(ballot, instance) != 0
    }

    fn is_led(&self, ballot: usize) -> bool {
        self.led[ballot] != [0; INSTANCES]
    }

    /// Somebody who has come no further than this ballot may know that the instance is decided.
    fn known(&self, ballot: usize, instance: usize) -> bool {
        (0..=ballot).any(|earlier| self.is_chosen(earlier, instance))
    }

    /// The leader of this ballot may say that everything below is decided.
    fn watermark(&self, ballot: usize, until: usize) -> bool {
        self.is_led(ballot) && (0..until).all(|instance| self.known(ballot, instance))
    }
}

impl World {
    pub fn new(shape: Shape, sometimes: &[Property<World>]) -> World {
        assert!(shape.ballots <= BALLOTS && shape.instances <= INSTANCES && shape.slots() <= SLOTS);
        let always = crate::properties::always().into_iter().chain(sometimes.iter().cloned()).collect();
        World {
            packets: Packets::new(&shape),
            locals: Locals::new(&shape),
            proposers: Proposers::new(&shape),
            learners: Learners::new(&shape),
            always,
            shape,
        }
    }

    pub fn acceptors(&self, state: &State) -> impl Iterator<Item = Arc<Local>> {
        (0..self.shape.slots()).map(|slot| self.locals.get(state.processes[slot]))
    }

    /// What was sent of one kind.
    fn sent(state: &State, kind: Kind) -> Vec<PacketId> {
        state.sent.iter().filter(|id| id.kind() == kind).copied().collect()
    }

    fn votes(state: &State, ballot: usize, instance: usize) -> Vec<PacketId> {
        World::sent(state, Kind::Vote { ballot: ballot as u8, instance: instance as u8 })
    }

    /// What each ballot may do that is not led yet.
    pub fn outcomes(&self, state: &State) -> impl Iterator<Item = (usize, Arc<Outcomes>)> {
        let campaigning = (0..self.shape.ballots).filter(|ballot| !state.is_led(*ballot));
        campaigning.map(|ballot| {
            let promises = World::sent(state, Kind::Promise { ballot: ballot as u8 });
            (ballot, self.proposers.outcomes(&self.packets, ballot, &promises))
        })
    }

    /// What every proposer may have sent by now. It may have sent it the moment it could, and who takes it
    /// late takes it as if it had been sent late.
    fn of_proposers(&self, state: &State, mut each: impl FnMut(PacketId)) {
        let (ballots, instances) = (0..self.shape.ballots, self.shape.instances);
        for ballot in ballots {
            each(self.packets.prepare(ballot, 0));
            for instance in 0..instances {
                if state.led[ballot][instance] != 0 {
                    each(self.packets.propose(ballot, instance, state.led[ballot][instance]));
                }
            }
            if !self.shape.decisions {
                continue;
            }
            for from in (1..instances).filter(|from| self.may_begin(state, ballot, *from)) {
                each(self.packets.prepare(ballot, from));
            }
            for until in (1..=instances).filter(|until| state.watermark(ballot, *until)) {
                each(self.packets.watermark(ballot, until));
            }
            for (instance, value) in self.told(state, ballot) {
                each(self.packets.decision(ballot, instance, value));
            }
        }
    }

    /// A proposer may read phase 1 from this instance on: it has learned all below.
    fn may_begin(&self, state: &State, ballot: usize, from: usize) -> bool {
        from == 0
            || self.shape.decisions
                && ballot > 0
                && (0..from).all(|instance| state.known(ballot - 1, instance))
    }

    /// What somebody may have learned from this ballot to be decided: its votes say so, or its leader's
    /// watermark, beside what the leader proposed.
    fn told(&self, state: &State, ballot: usize) -> impl Iterator<Item = (usize, u8)> {
        (0..self.shape.instances).filter_map(move |instance| {
            let watermark = self.shape.decisions && state.watermark(ballot, instance + 1);
            let proposed = state.led[ballot][instance];
            (proposed != 0 && (watermark || state.is_chosen(ballot, instance)))
                .then_some((instance, proposed))
        })
    }

    /// A packet is sent: keeps it if it can matter.
    fn send(&self, state: &mut State, id: PacketId) {
        let Err(at) = state.sent.binary_search(&id) else { return };
        match id.kind() {
            Kind::Promise { ballot } if state.is_led(ballot.into()) => {}
            Kind::Promise { .. } => {
                let mut promises = state.sent.iter().filter(|earlier| earlier.kind() == id.kind());
                if !promises.any(|earlier| self.proposers.leads_wherever(&self.packets, *earlier, id)) {
                    state.sent.insert(at, id);
                }
            }
            Kind::Process { slot } if self.locals.get(state.processes[usize::from(slot)]).member => {}
            Kind::Vote { ballot, instance } => self.vote(state, id, (ballot.into(), instance.into())),
            _ => state.sent.insert(at, id),
        }
    }

    fn vote(&self, state: &mut State, id: PacketId, (ballot, instance): (usize, usize)) {
        if state.is_chosen(ballot, instance) {
            return;
        }
        let mut votes = World::votes(state, ballot, instance);
        if votes.iter().any(|earlier| self.learners.counts_wherever(&self.packets, *earlier, id)) {
            return;
        }
        votes.push(id);
        votes.sort_unstable();
        if self.learners.count(&self.packets, &votes).chosen {
            state.chosen |= bit(ballot, instance);
            state.sent.retain(|id| !votes.contains(id));
        } else if let Err(at) = state.sent.binary_search(&id) {
            state.sent.insert(at, id);
        }
    }

    /// All that an acceptor without memory may come to by the help that is there for it.
    fn helped(
        &self,
        state: &State,
        (slot, local): (usize, LocalId),
        taken: &mut Vec<PacketId>,
        actions: &mut Vec<Action>,
    ) {
        let helper = |id: PacketId| self.packets.get(id).packet().sender;
        for id in World::sent(state, Kind::Process { slot: slot as u8 }) {
            if taken.iter().any(|before| helper(*before) == helper(id)) {
                continue; // it would take the place of the one before: leave that one
            }
            let Some(step) = self.locals.step(&self.packets, local, Input::Packet(id)) else { continue };
            taken.push(id);
            if self.locals.get(step.to).member || !step.sent.is_empty() {
                actions.push(Action::Join { slot, helped: taken.clone() });
            } else {
                self.helped(state, (slot, step.to), taken, actions);
            }
            taken.pop();
        }
    }

    fn may_lose(&self, state: &State, slot: usize) -> bool {
        let local = self.locals.get(state.processes[slot]);
        let losses = self.shape.losses.get(slot).copied().unwrap_or(0);
        let others = || (0..self.shape.acceptors).filter(|other| *other != slot);
        local.start.memory <= losses
            && (self.shape.together
                || local.member && others().all(|other| self.locals.get(state.processes[other]).member))
    }

    fn lose(&self, start: Start) -> crate::locals::Step {
        let blank = self.shape.plant != Plant::Amnesia;
        self.locals.start(&self.packets, Start { memory: start.memory + 1, again: false, blank, ..start })
    }

    /// Whether a majority voted for some instance in some ballot, but not in lives that go together.
    pub fn dropped(&self, state: &State) -> bool {
        (0..self.shape.ballots).any(|ballot| {
            (0..self.shape.instances).any(|instance| {
                self.learners.count(&self.packets, &World::votes(state, ballot, instance)).dropped
            })
        })
    }

    /// What any process may take for decided: by instance, all values.
    pub fn decided(&self, state: &State) -> [Vec<u8>; INSTANCES] {
        let mut values: [Vec<u8>; INSTANCES] = Default::default();
        for (instance, value) in (0..self.shape.ballots).flat_map(|ballot| self.told(state, ballot)) {
            values[instance].push(value);
        }
        for held in self.acceptors(state).flat_map(|local| local.held.clone()) {
            if held.decided {
                values[usize::from(held.instance)].push(held.value);
            }
        }
        values
    }
}

impl Model for World {
    type State = State;
    type Action = Action;

    fn init_states(&self) -> Vec<State> {
        let mut state = State {
            processes: [0; SLOTS],
            led: [[0; INSTANCES]; BALLOTS],
            chosen: 0,
            forbidden: false,
            sent: Vec::new(),
        };
        for slot in 0..self.shape.slots() {
            let zombie = slot == self.shape.acceptors;
            let acceptor = if zombie { 0 } else { slot as u8 };
            let memory = if zombie { 2 } else { 1 };
            let start = Start { slot: slot as u8, acceptor, memory, again: false, blank: zombie };
            let step = self.locals.start(&self.packets, start);
            state.processes[slot] = step.to;
            step.sent.iter().for_each(|id| self.send(&mut state, *id));
        }
        vec![state]
    }

    fn actions(&self, state: &State, actions: &mut Vec<Action>) {
        if self.acceptors(state).any(|local| local.fault.is_some()) {
            return;
        }
        for slot in 0..self.shape.slots() {
            let local = self.locals.get(state.processes[slot]);
            if local.member {
                self.of_proposers(state, |packet| actions.push(Action::Take { slot, packet }));
            } else {
                self.helped(state, (slot, state.processes[slot]), &mut Vec::new(), actions);
            }
            let takes = |id: &PacketId| match id.kind() {
                Kind::Acceptors { but } => but != local.start.acceptor + 1,
                Kind::Process { slot: to } => local.member && usize::from(to) == slot,
                _ => false,
            };
            let taken = state.sent.iter().copied().filter(takes);
            actions.extend(taken.map(|packet| Action::Take { slot, packet }));
            if self.shape.restarts != Restarts::Never {
                actions.push(Action::Restart { slot });
            }
            if self.shape.announcements {
                actions.push(Action::Heartbeat { slot });
            }
            if self.may_lose(state, slot) {
                actions.push(Action::Lose { slot });
            }
        }
        for (ballot, outcomes) in self.outcomes(state) {
            for quorum in outcomes.quorums.iter().filter(|quorum| self.may_begin(state, ballot, quorum.from))
            {
                let mut proposed = [0; INSTANCES];
                for (instance, value) in proposed.iter_mut().enumerate().take(self.shape.instances) {
                    let of = |best| self.shape.place(best).map_or(0, |place| state.led[place][instance]);
                    *value = quorum.value(ballot, instance, of);
                }
                actions.push(Action::Lead { ballot, proposed, permitted: quorum.permitted });
            }
        }
    }

    fn next_state(&self, state: &State, action: Action) -> Option<State> {
        let input = |slot: usize, input| {
            let step = self.locals.step(&self.packets, state.processes[slot], input)?;
            Some((slot, step))
        };
        let (slot, step) = match action {
            Action::Take { slot, packet } => input(slot, Input::Packet(packet))?,
            Action::Join { slot, helped } => {
                let mut last = None;
                let mut to = state.processes[slot];
                for id in helped {
                    last = self.locals.step(&self.packets, to, Input::Packet(id));
                    to = last.as_ref()?.to;
                }
                (slot, last?)
            }
            Action::Heartbeat { slot } => input(slot, Input::Heartbeat)?,
            Action::Restart { slot } => {
                let start = self.locals.get(state.processes[slot]).start;
                if start.again && self.shape.restarts == Restarts::Once {
                    return None;
                }
                input(slot, Input::Restart)?
            }
            Action::Lose { slot } => (slot, self.lose(self.locals.get(state.processes[slot]).start)),
            Action::Lead { ballot, proposed, permitted } => {
                let mut next = state.clone();
                next.led[ballot] = proposed;
                next.forbidden |= !permitted;
                next.sent.retain(|id| id.kind() != Kind::Promise { ballot: ballot as u8 });
                return Some(next);
            }
        };
        let mut next = state.clone();
        next.processes[slot] = step.to;
        if self.locals.get(step.to).member {
            next.sent.retain(|id| id.kind() != Kind::Process { slot: slot as u8 });
        }
        step.sent.iter().for_each(|id| self.send(&mut next, *id));
        (next != *state).then_some(next)
    }

    fn format_action(&self, action: &Action) -> String {
        let name =
            |slot: usize| if slot == self.shape.acceptors { "A1'".into() } else { format!("A{}", slot + 1) };
        match action {
            Action::Take { slot, packet } => {
                format!("{} takes  {}", name(*slot), self.packets.get(*packet).packet())
            }
            Action::Join { slot, helped } => {
                let helped = helped.iter().map(|id| self.packets.get(*id).packet().to_string());
                format!("{} takes  {}", name(*slot), helped.collect::<Vec<_>>().join(" and "))
            }
            Action::Restart { slot } => format!("{} restarts", name(*slot)),
            Action::Heartbeat { slot } => format!("{} tells how it stands", name(*slot)),
            Action::Lose { slot } => format!("{} loses its memory", name(*slot)),
            Action::Lead { ballot, proposed, .. } => {
                let values = proposed.iter().take(self.shape.instances).map(|value| match *value {
                    0 => "nothing".into(),
                    NOOP => "a no-op".into(),
                    value => format!("value {}", value - own(0) + 1),
                });
                let values: Vec<String> = values.collect();
                format!("{} leads: {}", Shape::ballot(*ballot), values.join(", "))
            }
        }
    }

    fn properties(&self) -> Vec<Property<World>> {
        self.always.clone()
    }

    fn within_boundary(&self, state: &State) -> bool {
        self.acceptors(state).all(|local| {
            local.life < Start::life(self.shape.lives + 1) && local.promised.round() <= self.shape.rounds
        })
    }
}
