//! Every state that an acceptor was ever in, by number, and what leads from one to another.
//!
//! Of a state only the way to it is kept: the state before, and what was handed in. When a step from it is
//! asked for that was not asked for before, the real acceptor is brought there again, input by input. So each
//! step of each acceptor is run once, by the real code, however many states of the whole it is part of.

use crate::packets::{PacketId, Packets};
use crate::process::{Held, Input, Process, Start};
use crate::shape::{Plant, Shape};
use core::hash::{BuildHasherDefault, Hasher};
use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, RwLock};
use wire::{Ballot, Body};

pub type LocalId = u32;

/// What there is to see of an acceptor in one state.
#[derive(Debug)]
pub struct Local {
    /// The state before, and what was handed in; `None` where it starts.
    before: Option<(LocalId, Input)>,
    pub start: Start,
    pub promised: Ballot,
    pub life: u64,
    pub member: bool,
    /// It forgot something, and knows all of that again.
    pub sees_again: bool,
    pub held: Vec<Held>,
    pub fault: Option<&'static str>,
}

/// Where a step leads, and what is sent on the way.
#[derive(Clone, Debug)]
pub struct Step {
    pub to: LocalId,
    pub sent: Arc<[PacketId]>,
}

/// Small keys that are numbers already.
#[derive(Default)]
pub struct Mixer(u64);

impl Hasher for Mixer {
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u64((*byte).into());
        }
    }

    fn write_u8(&mut self, number: u8) {
        self.write_u64(number.into());
    }

    fn write_u32(&mut self, number: u32) {
        self.write_u64(number.into());
    }

    fn write_usize(&mut self, number: usize) {
        self.write_u64(number as u64);
    }

    fn write_u64(&mut self, number: u64) {
        self.0 = (self.0.rotate_left(5) ^ number).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    }

    fn finish(&self) -> u64 {
        self.0 ^ (self.0 >> 29)
    }
}

pub type Map<K, V> = HashMap<K, V, BuildHasherDefault<Mixer>>;

#[derive(Default)]
struct Table {
    numbers: Map<[u64; 2], LocalId>,
    locals: Vec<Arc<Local>>,
}

pub struct Locals {
    shape: Shape,
    table: RwLock<Table>,
    steps: RwLock<Map<(LocalId, Input), Option<Step>>>,
}

impl Locals {
    pub fn new(shape: &Shape) -> Locals {
        Locals { shape: shape.clone(), table: RwLock::default(), steps: RwLock::default() }
    }

    pub fn get(&self, id: LocalId) -> Arc<Local> {
        self.table.read().expect("no writer panics").locals[id as usize].clone()
    }

    /// How many states of acceptors there are, and how many steps between them.
    pub fn count(&self) -> (usize, usize) {
        let locals = self.table.read().expect("no writer panics").locals.len();
        (locals, self.steps.read().expect("no writer panics").len())
    }

    fn number(&self, process: &Process<'_>, before: Option<(LocalId, Input)>) -> LocalId {
        let essence = process.essence();
        let mut table = self.table.write().expect("no writer panics");
        let next = table.locals.len() as LocalId;
        let id = *table.numbers.entry(essence).or_insert(next);
        if id == next {
            table.locals.push(Arc::new(Local {
                before,
                start: process.start(),
                promised: process.promised(),
                life: process.life(),
                member: process.is_member(),
                sees_again: process.sees_again(),
                held: process.held(),
                fault: process.fault,
            }));
        }
        id
    }

    pub fn start(&self, packets: &Packets, start: Start) -> Step {
        let (process, sent) = Process::new(&self.shape, packets, start);
        Step { to: self.number(&process, None), sent: sent.into() }
    }

    /// Brings an acceptor to a state. Returns what was handed in on the way, too.
    fn rebuild<'a>(&'a self, packets: &'a Packets, id: LocalId) -> (Process<'a>, Vec<Input>) {
        let (mut inputs, mut local) = (Vec::new(), self.get(id));
        while let Some((before, input)) = local.before {
            inputs.push(input);
            local = self.get(before);
        }
        inputs.reverse();
        let (mut process, _) = Process::new(&self.shape, packets, local.start);
        for (at, input) in inputs.iter().enumerate() {
            self.take(packets, &mut process, &inputs[..at], *input);
        }
        (process, inputs)
    }

    fn take(
        &self,
        packets: &Packets,
        process: &mut Process<'_>,
        before: &[Input],
        input: Input,
    ) -> Vec<PacketId> {
        if self.shape.plant == Plant::NoFence
            && let Input::Packet(join) = input
            && matches!(packets.get(join).packet().body, Body::Join(_))
        {
            return self.help_without_a_fence(packets, process, before, join);
        }
        process.take(input)
    }

    /// Lets another process like this one help, and hands on what it says. This one only notes the life.
    fn help_without_a_fence(
        &self,
        packets: &Packets,
        process: &mut Process<'_>,
        before: &[Input],
        join: PacketId,
    ) -> Vec<PacketId> {
        let (mut helper, _) = Process::new(&self.shape, packets, process.start());
        for (at, input) in before.iter().enumerate() {
            self.take(packets, &mut helper, &before[..at], *input);
        }
        let sent = helper.take(Input::Packet(join)).into_iter();
        let answers = |id: &PacketId| matches!(packets.get(*id).packet().body, Body::Helped(body, _) if body.joiner.get() > 0);
        let granted = sent.filter(answers).map(|helped| {
            let (granted, note) = packets.unfenced(join, helped);
            process.take(Input::Packet(note));
            granted
        });
        granted.collect()
    }

    /// What an input does to an acceptor in this state; `None` when it does nothing and nothing is sent.
    pub fn step(&self, packets: &Packets, id: LocalId, input: Input) -> Option<Step> {
        if let Some(step) = self.steps.read().expect("no writer panics").get(&(id, input)) {
            return step.clone();
        }
        let (mut process, before) = self.rebuild(packets, id);
        // An assertion of the acceptor's own is a finding like any other.
        let taken = catch_unwind(AssertUnwindSafe(|| self.take(packets, &mut process, &before, input)));
        let sent = taken.unwrap_or_else(|_| {
            process.fault = Some("an assertion of its own failed");
            Vec::new()
        });
        let to = self.number(&process, Some((id, input)));
        let step = (to != id || !sent.is_empty()).then(|| Step { to, sent: sent.into() });
        self.steps.write().expect("no writer panics").insert((id, input), step.clone());
        step
    }
}
