//! Nobody claims to know more than is true: of what is decided (invariant 5: such a claim counted a quorum
//! that was none), and of what a client was told (invariant 7).

use super::Checked;
use super::chosen::Chosen;
use super::delivery::Delivery;
use crate::sim::failure::hold;
use wire::{Body, Packet, Sender, flags};

/// What a packet claims.
///
/// # Errors
/// When it claims too much.
pub fn check(packet: &Packet<'_>, chosen: &Chosen, delivery: &Delivery) -> Checked {
    let decided = |until: u64| {
        let frontier = chosen.frontier();
        hold!(until <= frontier, Quorums, "{packet}: only instances below {frontier} are chosen");
        Ok(())
    };
    match packet.body {
        Body::Phase1b(body, ..) => decided(body.complete_until.get()),
        Body::Phase2a(body, _) => decided(body.decided_until.get()),
        Body::Phase2b(body, ..) => decided(body.decided_until.get().max(body.complete_until.get())),
        Body::Watermark(body) => decided(body.decided_until.get()),
        Body::Heartbeat(body) => decided(body.decided_until.get()),
        Body::CatchUp(body, _) => decided(body.have_until.get()),
        Body::Report(body) => decided(body.delivered_until.get()),
        Body::Helped(body, _) => decided(body.complete_until.get()),
        Body::Value(body, batch) if packet.has(flags::DECIDED) => {
            let right = chosen.chosen(body.instance.get()) == Some(batch.as_bytes());
            hold!(right, TotalOrder, "{packet}: that was not chosen");
            Ok(())
        }
        Body::Value(body, batch) => {
            let right = chosen.proposed(body.instance.get(), body.ballot.get()) == Some(batch.as_bytes());
            hold!(right, TotalOrder, "{packet}: that was not proposed");
            Ok(())
        }
        Body::Ack(_, records) => {
            for record in records {
                let client = record.client.get();
                let until = delivery.entries(client, record.incarnation.get());
                hold!(
                    record.decided_until.get() <= until,
                    Acknowledged,
                    "{packet}: only {until} entries of client {client} are decided"
                );
            }
            Ok(())
        }
        Body::Hello(_) | Body::Submit(..) | Body::Phase1a(_) | Body::Fetch(..) => Ok(()),
        Body::Nack(_) | Body::Join(_) | Body::Found(..) | Body::Over(_) => Ok(()),
        Body::ProcessStatus(_) | Body::Probe(..) | Body::Tally(..) => Ok(()),
    }
}

/// A process takes all instances below for decided.
///
/// # Errors
/// When they are not chosen.
pub fn decided(who: Sender, until: u64, chosen: &Chosen) -> Checked {
    let frontier = chosen.frontier();
    hold!(until <= frontier, Quorums, "{who} takes {until} instances for decided, and {frontier} are chosen");
    Ok(())
}

/// A client takes so many of its values for decided.
///
/// # Errors
/// When they are not.
pub fn acknowledged(who: Sender, values: u64, delivered: u64) -> Checked {
    hold!(
        values <= delivered,
        Acknowledged,
        "{who} takes {values} values for decided, and {delivered} came out of the log"
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::Checker;
    use super::super::forge::{
        acceptor, ballot, batch, broken, packet, packet_of, process, proposal, proposer, told, vote,
    };
    use super::*;
    use crate::sim::failure::Rule;
    use crate::sim::stream::{Shape, Stream};
    use wire::{Ack, AckRecord, Range, Role, Value, Watermark};
    use zerocopy::{FromZeros, IntoBytes};

    /// One value, `c1.0#0`, is chosen for instance 0, in ballot 1.P1.
    fn one_chosen() -> (Checker, Vec<Stream>) {
        let mut checker = Checker::new(&[1, 2, 3]);
        let shape = Shape::Named { bytes: 0 };
        let streams = vec![Stream { client: 1, incarnation: 1, start: 0, values: 9, shape, offered: 9 }];
        told(&mut checker, &streams, &proposal(proposer(1), 1, 0, 0, "c1.0#0\n")).unwrap();
        for id in [1, 3] {
            let bytes = vote(acceptor(id), ballot(1, 1), 0, &[Range::new(0, 1)]);
            told(&mut checker, &streams, &bytes).unwrap();
        }
        let log = checker.current();
        assert_eq!((log.chosen.frontier(), log.delivery.delivered(0)), (1, 1));
        (checker, streams)
    }

    fn says(bytes: &[u8]) -> Checked {
        let (mut checker, streams) = one_chosen();
        told(&mut checker, &streams, bytes)
    }

    #[test]
    fn a_watermark_beyond_what_is_chosen_is_a_violation_in_whatever_packet() {
        let mark = |until: u64| {
            let body = Watermark {
                ballot: ballot(1, 1).into(),
                decided_until: until.into(),
                proposed_until: 0.into(),
            };
            packet(proposer(1), 0, &body, &[])
        };
        says(&mark(1)).unwrap();
        assert_eq!(broken(says(&mark(2))), Rule::Quorums);
        assert_eq!(broken(says(&proposal(proposer(1), 1, 2, 2, "x\n"))), Rule::Quorums);
        assert_eq!(broken(says(&vote(acceptor(1), ballot(1, 1), 2, &[]))), Rule::Quorums);
    }

    #[test]
    fn a_repair_with_another_value_is_a_violation() {
        let repair = |flags, instance: u64, text| {
            let body = Value { instance: instance.into(), ballot: ballot(1, 1).into() };
            packet(proposer(2), flags, &body, &[&batch(0, text)])
        };
        says(&repair(flags::DECIDED, 0, "c1.0#0\n")).unwrap();
        assert_eq!(broken(says(&repair(flags::DECIDED, 0, "c1.0#1\n"))), Rule::TotalOrder);
        assert_eq!(broken(says(&repair(flags::DECIDED, 1, "c1.0#0\n"))), Rule::TotalOrder);
        assert_eq!(broken(says(&repair(0, 0, "c1.0#1\n"))), Rule::TotalOrder);
    }

    #[test]
    fn an_ack_of_what_is_not_decided_is_a_violation() {
        let ack = |until: u64, incarnation: u64| {
            let record = AckRecord {
                client: 1.into(),
                incarnation: incarnation.into(),
                decided_until: until.into(),
                received_until: until.into(),
                ..AckRecord::new_zeroed()
            };
            packet(proposer(1), 0, &Ack::new_zeroed(), &[record.as_bytes()])
        };
        says(&ack(1, 1)).unwrap();
        assert_eq!(broken(says(&ack(2, 1))), Rule::Acknowledged);
        assert_eq!(broken(says(&ack(1, 2))), Rule::Acknowledged);
    }

    #[test]
    fn a_process_that_believes_too_much_is_a_violation() {
        let (checker, _) = one_chosen();
        let chosen = &checker.current().chosen;
        let learner = process(Role::Learner, 1);
        decided(learner, 1, chosen).unwrap();
        assert_eq!(broken(decided(learner, 2, chosen)), Rule::Quorums);
        acknowledged(process(Role::Client, 1), 1, 1).unwrap();
        assert_eq!(broken(acknowledged(process(Role::Client, 1), 2, 1)), Rule::Acknowledged);
    }

    #[test]
    fn what_is_chosen_in_one_log_is_not_chosen_in_another() {
        let (mut checker, streams) = one_chosen();
        let body =
            Watermark { ballot: ballot(1, 1).into(), decided_until: 1.into(), proposed_until: 1.into() };
        let other = packet_of(8, proposer(1), 0, &body, &[]);
        assert_eq!(broken(told(&mut checker, &streams, &other)), Rule::Quorums);
    }
}
