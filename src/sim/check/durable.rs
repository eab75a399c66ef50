//! No 1b or 2b leaves before what it says is durable (invariant 4), as the bytes on the disk have it.

use super::Checked;
use crate::journal::Record;
use crate::journal::frame::FrameHeader;
use crate::sim::failure::hold;
use std::collections::BTreeMap;
use wire::{Ballot, Body, Packet, Range, RangeRecord};

/// What an acceptor's disk holds for good, by all frames that were synced.
#[derive(Clone, Debug, Default)]
pub struct Shadow {
    /// Frames of another epoch belong to a log that is no more.
    epoch: u64,
    promised: Ballot,
    /// By instance: the highest ballot in which it accepted.
    accepted: BTreeMap<u64, Ballot>,
    /// The life that it speaks from.
    life: u64,
}

impl Shadow {
    /// A log of this epoch was opened; if it is a new one, nothing of it is durable yet.
    pub fn open(&mut self, epoch: u64) {
        if self.epoch != epoch {
            *self = Shadow { epoch, ..Shadow::default() };
        }
    }

    /// These bytes are durable. A frame that is not whole counts for nothing.
    pub fn synced(&mut self, bytes: &[u8]) {
        let Some(header) = FrameHeader::find(bytes, self.epoch) else { return };
        if !header.records(bytes, |_, _| ()).is_ok_and(|condition| condition.bodies == 0) {
            return;
        }
        let _ = header.records(bytes, |_, record| match record {
            Record::Promised { ballot } => self.promised = self.promised.max(ballot),
            Record::Accepted { instance, ballot, .. } => {
                self.promised = self.promised.max(ballot);
                let accepted = self.accepted.entry(instance).or_default();
                *accepted = ballot.max(*accepted);
            }
            Record::Standing(standing) => self.life = standing.life,
            Record::Decided { .. } | Record::Damaged { .. } => {}
        });
    }

    /// An acceptor that keeps this disk says something.
    ///
    /// # Errors
    /// When a power cut would make it forget that.
    pub fn covers(&self, packet: &Packet<'_>) -> Checked {
        if packet.header.log.get() == 0 {
            return Ok(()); // a blank one promises nothing: it only tells another that its life is over
        }
        match packet.body {
            Body::Phase1b(body, _, runs) => {
                self.promise(packet, body.ballot.get(), body.life.get())?;
                runs.iter().try_for_each(|run| {
                    let Range { first, until } = run.range();
                    (first..until).try_for_each(|instance| self.accepted(packet, instance, run.ballot.get()))
                })
            }
            Body::Phase2b(body, _, ranges) => {
                self.promise(packet, body.ballot.get(), body.life.get())?;
                // The newest are the last; those before were told, and so looked at, before.
                for range in RangeRecord::all(ranges) {
                    self.accepted(packet, range.first, body.ballot.get())?;
                    self.accepted(packet, range.until - 1, body.ballot.get())?;
                }
                Ok(())
            }
            // Who helps promises the fence.
            Body::Helped(body, _) => self.promise(packet, body.ballot.get(), body.life.get()),
            _ => Ok(()),
        }
    }

    fn promise(&self, packet: &Packet<'_>, ballot: Ballot, life: u64) -> Checked {
        let durable = self.promised;
        hold!(ballot <= durable, DurableFirst, "{packet}: its disk holds only a promise of {durable:?}");
        hold!(life == self.life, DurableFirst, "{packet}: its disk speaks of life {:x}", self.life);
        Ok(())
    }

    fn accepted(&self, packet: &Packet<'_>, instance: u64, ballot: Ballot) -> Checked {
        let durable = self.accepted.get(&instance).copied().unwrap_or_default();
        hold!(
            ballot <= durable,
            DurableFirst,
            "{packet}: of instance {instance} its disk holds what was accepted in {durable:?}"
        );
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::forge::{acceptor, ballot, batch, broken, promise, seen, vote};
    use super::*;
    use crate::journal::{Frame, Standing};
    use crate::sim::failure::Rule;
    use wire::{Batch, Run};

    /// A disk that holds life 0, a promise of 3.1, and instances 4 and 5 accepted in it.
    fn shadow() -> Shadow {
        let mut frame = Frame::with_capacity(4096);
        frame.promised(ballot(3, 1));
        let bytes = batch(0, "x");
        let batch = Batch::parse(&bytes).unwrap();
        frame.accepted(4, ballot(3, 1), false, batch);
        frame.accepted(5, ballot(3, 1), false, batch);
        frame.standing(&Standing::default());
        let mut shadow = Shadow::default();
        shadow.open(9);
        shadow.synced(frame.seal(9, 1, 0).0);
        shadow
    }

    fn says(shadow: &Shadow, bytes: &[u8]) -> Checked {
        seen(bytes, |packet| shadow.covers(packet))
    }

    #[test]
    fn a_promise_or_a_vote_that_is_not_on_the_disk_is_a_violation() {
        let shadow = shadow();
        let me = acceptor(1);
        says(&shadow, &promise(me, ballot(3, 1), 9, 0, &[Run::new(Range::new(4, 6), ballot(3, 1))])).unwrap();
        says(&shadow, &vote(me, ballot(3, 1), 0, &[Range::new(4, 6)])).unwrap();
        for bytes in [
            promise(me, ballot(4, 1), 0, 0, &[]),
            promise(me, ballot(3, 1), 9, 0, &[Run::new(Range::new(4, 7), ballot(3, 1))]),
            vote(me, ballot(3, 1), 0, &[Range::new(3, 6)]),
            vote(me, ballot(4, 1), 0, &[]),
        ] {
            assert_eq!(broken(says(&shadow, &bytes)), Rule::DurableFirst);
        }
    }

    #[test]
    fn a_frame_of_which_a_part_is_missing_makes_nothing_durable() {
        let mut frame = Frame::with_capacity(4096);
        frame.standing(&Standing::default());
        frame.promised(ballot(4, 1));
        let bytes = batch(0, &"x".repeat(1000));
        frame.accepted(4, ballot(4, 1), false, Batch::parse(&bytes).unwrap());
        let whole = frame.seal(9, 1, 0).0.to_vec();
        for (lost, durable) in [(None, true), (Some(1024), false)] {
            let mut shadow = Shadow::default();
            shadow.open(9);
            let mut bytes = whole.clone();
            if let Some(lost) = lost {
                bytes[lost..lost + 512].fill(0);
            }
            shadow.synced(&bytes);
            assert_eq!(says(&shadow, &promise(acceptor(1), ballot(4, 1), 0, 0, &[])).is_ok(), durable);
        }
    }

    #[test]
    fn what_another_log_on_the_same_disk_held_is_gone() {
        let mut shadow = shadow();
        shadow.open(10);
        assert_eq!(broken(says(&shadow, &vote(acceptor(1), ballot(3, 1), 0, &[]))), Rule::DurableFirst);
        shadow.synced(&[7; 4096]);
    }
}
