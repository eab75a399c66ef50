//! Time, and what processes do in it.

use super::{Ended, World};
use crate::journal::Frame;
use crate::limits::MS;
use crate::protocol::{Nanos, Stop};
use crate::sim::check::logs::holds;
use crate::sim::failure::{Failure, hold};
use crate::sim::node::{Actor, Node};
use crate::sim::packets::PacketId;
use crate::sim::queue::{Event, What};
use crate::sim::script::{Crash, Moment};
use crate::sim::stream::Stream;
use core::cell::RefCell;
use wire::{Packet, Sender};

/// Who sends.
#[derive(Clone, Copy)]
pub(super) struct Origin {
    pub start: usize,
    pub place: usize,
    pub me: Sender,
    /// Of an acceptor: the memory that it speaks from.
    pub life: u64,
}

/// How a turn left its process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Left {
    Alive,
    Dead { power: bool },
}

impl World {
    pub(super) fn wake(&mut self, start: usize, at: Nanos) {
        let Some(node) = &mut self.nodes[start] else { return };
        let at = at.max(self.now).max(node.busy_until).max(node.paused_until);
        if node.wake.is_none_or(|wake| at < wake) {
            node.wake = Some(at);
            self.queue.push(at, start, What::Turn);
        }
    }

    /// Lets time pass until then, or until `enough`. Returns whether it was enough.
    pub(in crate::sim) fn until(
        &mut self,
        end: Nanos,
        mut enough: impl FnMut(&World) -> bool,
    ) -> Result<bool, Failure> {
        let mut checked = self.now;
        loop {
            // Looking whether it is enough costs more than most events.
            if self.now >= checked {
                checked = self.now + MS;
                if enough(self) {
                    return Ok(true);
                }
            }
            let Some(event) = self.queue.pop(end) else { break };
            self.now = event.at;
            self.event(event)?;
        }
        self.now = end;
        Ok(enough(self))
    }

    fn event(&mut self, event: Event) -> Result<(), Failure> {
        let start = usize::from(event.node);
        match event.what {
            What::Arrive { packet, from, socket } => {
                self.counts.events += 1;
                self.arrive(start, packet, from, socket);
                Ok(())
            }
            What::Turn if self.nodes[start].as_ref().is_some_and(|node| node.wake == Some(event.at)) => {
                self.turn(start)
            }
            What::Turn => Ok(()),
        }
    }

    fn arrive(&mut self, start: usize, packet: PacketId, from: u16, socket: u8) {
        let Some(node) = &mut self.nodes[start] else { return self.packets.release(packet) };
        let bytes = self.packets.bytes(packet);
        if node.arrive(usize::from(socket), from, packet, bytes.len()) {
            let at = node.busy_until;
            return self.wake(start, at);
        }
        self.counts.overflowed += 1;
        let me = node.me;
        if self.story.is_told()
            && let Ok(packet) = Packet::parse(bytes)
        {
            self.story.tell(self.now, format_args!("    buffer of {me} is full: lost {packet}"));
        }
        self.packets.release(packet);
    }

    fn turn(&mut self, start: usize) -> Result<(), Failure> {
        let Some(mut node) = self.nodes[start].take() else { return Ok(()) };
        node.wake = None;
        let turned = node.turn(self.now, &mut self.packets, &mut self.streams, &mut self.counts.refused);
        // It is in its place again whatever happens, so that a failure can tell how it stands.
        let result = turned.and_then(|turned| {
            self.counts.events += 1 + turned.timers;
            self.act(start, &mut node)
        });
        let stop = node.out.stopping();
        let next = node.next(&self.streams);
        self.nodes[start] = Some(node);
        match result? {
            Left::Dead { power } => self.bury(start, power),
            Left::Alive => match (stop, next) {
                (Some(stop), _) => self.ends(start, stop),
                (None, Some(next)) => {
                    let late = if self.late > 0 { self.chance.below(self.late) } else { 0 };
                    self.wake(start, next + late);
                    Ok(())
                }
                (None, None) => Ok(()),
            },
        }
    }

    /// Does what a node's turn wants done: makes durable what must be, sends, prints.
    fn act(&mut self, start: usize, node: &mut Node) -> Result<Left, Failure> {
        let me = node.me;
        for notice in &node.out.take_notices() {
            self.tell(format_args!("    {me}: {notice}"));
        }
        let doom = self.doom(node);
        if let Some(Crash { moment, power, .. }) = doom {
            let how = if power { "loses power" } else { "crashes" };
            self.tell(format_args!("--- {me} {how}: {moment:?}"));
        }
        let left = self.persist_and_send(start, node, doom)?;
        if left != Left::Alive {
            return Ok(left);
        }
        let output = node.out.output();
        let printed = output.joined(node.actor.held());
        output.printed(node.actor.held());
        if !printed.is_empty() {
            let checked = self.checker.printed(node, &printed);
            self.found(checked)?;
            node.printed += printed.len();
        }
        node.bond.keep(me, node.out.log(), holds(node))?;
        let checked = self.checker.turned(node, &self.streams);
        self.found(checked)?;
        self.account(node)?;
        Ok(Left::Alive)
    }

    /// In the order of [`crate::protocol::Outbox::persist_then_send`], which is that of the engine.
    fn persist_and_send(
        &mut self,
        start: usize,
        node: &mut Node,
        doom: Option<Crash>,
    ) -> Result<Left, Failure> {
        let me = node.me;
        let life = match &node.actor {
            Actor::Acceptor(acceptor) => acceptor.life(),
            _ => me.incarnation,
        };
        let origin = Origin { start, place: node.place, me, life };
        let moment = doom.map_or(Moment::Now, |doom| doom.moment);
        let count = node.out.len() as u64;
        let leave = match moment {
            Moment::Now => usize::MAX,
            Moment::WhileSending => self.chance.below(count + 1) as usize,
            _ => 0,
        };
        let (out, journal, held) = (&mut node.out, &mut node.journal, node.actor.held());
        let durable = journal.is_some();
        let shadow = durable.then(|| self.storage.shadows.remove(&me.id)).flatten();
        let shadow = RefCell::new(shadow.unwrap_or_default());
        let mut slow = 0;
        let persist = |frame: &mut Frame| {
            let journal = journal.as_mut().ok_or(())?;
            match moment {
                Moment::BeforeWriting => return Err(()),
                Moment::BeforeSyncing => journal.medium_mut().dies_before_sync = true,
                _ => {}
            }
            let result = journal.commit(frame);
            let disk = journal.medium_mut();
            disk.take_synced(|_, bytes| shadow.borrow_mut().synced(bytes));
            slow = disk.take_time();
            result.map_err(|_| ())
        };
        let mut sent = Ok(());
        let persisted = out.persist_then_send(persist, |out| {
            let mut packets = out.queued(held).take(leave);
            sent = packets.try_for_each(|(to, bytes)| {
                self.send(origin, to, bytes, durable.then(|| shadow.borrow()).as_deref())
            });
        });
        if durable {
            self.storage.shadows.insert(me.id, shadow.into_inner());
        }
        node.busy_until += slow;
        sent?;
        match (persisted, doom) {
            (_, Some(Crash { power, .. })) => Ok(Left::Dead { power }),
            (Err(()), None) => {
                self.tell(format_args!("--- {me} ends: its disk fails"));
                Ok(Left::Dead { power: false })
            }
            (Ok(()), None) => Ok(Left::Alive),
        }
    }

    /// How a process is to crash in this turn, if it is, and the turn is one that does something.
    fn doom(&mut self, node: &mut Node) -> Option<Crash> {
        let at = self.doomed.iter().position(|crash| crash.who.is(node.me))?;
        let sends = !node.out.is_empty();
        let writes = node.out.journal().is_some_and(|frame| frame.wanted());
        let acts = match self.doomed[at].moment {
            Moment::BeforeWriting | Moment::BeforeSyncing if node.journal.is_some() => writes,
            _ => sends,
        };
        acts.then(|| self.doomed.remove(at))
    }

    fn ends(&mut self, start: usize, stop: Stop) -> Result<(), Failure> {
        let Some(node) = &self.nodes[start] else { return Ok(()) };
        let (who, log) = (node.me, node.out.log());
        self.tell(format_args!("--- {who} ends: {stop:?}"));
        let of = |stream: &&Stream| stream.client == who.id;
        let own = |stream: &&Stream| stream.incarnation == who.incarnation;
        match stop {
            Stop::Done => {
                let stream = self.streams.iter().position(|stream| of(&stream) && own(&stream));
                let all = stream.zip(self.checker.log(log)).is_some_and(|(stream, log)| {
                    log.delivery.delivered(stream) == self.streams[stream].values
                });
                hold!(all || self.checker.is_suspended(), Acknowledged, "{who} was told that all is decided");
            }
            Stop::Superseded => {
                let later = self.streams.iter().filter(of).any(|s| s.incarnation > who.incarnation);
                hold!(later, TotalOrder, "nobody took the place of {who}");
            }
            Stop::SameId { .. } => {
                hold!(self.conditions.doubles, TotalOrder, "{who} ends, and it is the only one of its id");
            }
            Stop::OtherLog { .. } => {
                let beyond = self.budget.is_exceeded();
                hold!(beyond, TotalOrder, "{who} ends: {stop:?}, and a majority remembers");
            }
            Stop::Ended | Stop::Numbers | Stop::Conflict { .. } => {
                hold!(self.checker.is_suspended(), TotalOrder, "{who} ends: {stop:?}");
            }
        }
        self.ended.push(Ended { who, stop });
        self.bury(start, false)
    }
}
