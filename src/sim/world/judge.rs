//! How things stand.

use super::World;
use crate::sim::node::{Actor, Node};
use wire::Role;

impl World {
    /// Whether everything came to its end: every client that still runs is done, and every learner printed
    /// all.
    pub(in crate::sim) fn complete(&self) -> bool {
        let mut reachable = self.alive().filter(|node| !self.network.cut_off(node.me));
        reachable.all(|node| match &node.actor {
            Actor::Client(_) => false,
            Actor::Learner(learner) => {
                node.printed == self.checker.current().delivery.output().len()
                    && learner.delivered_until() == self.frontier()
            }
            _ => true,
        })
    }

    /// Whether a majority of the acceptors and one proposer run, and are not cut off.
    pub fn is_viable(&self) -> bool {
        let count =
            |role| self.alive().filter(|node| node.me.role == role && !self.network.cut_off(node.me)).count();
        2 * count(Role::Acceptor) > self.acceptors.len() && count(Role::Proposer) > 0
    }

    /// How every process stands, a line each.
    pub fn standing(&self) -> Vec<String> {
        let line = |node: &Node| match &node.actor {
            Actor::Client(client) => format!("{} has {:?}", node.me, client.progress()),
            Actor::Learner(learner) => format!(
                "{} delivered {} of {} instances and {} of {} bytes",
                node.me,
                learner.delivered_until(),
                self.frontier(),
                node.printed,
                self.checker.current().delivery.output().len()
            ),
            Actor::Proposer(proposer) => format!(
                "{} {}, decided {}, highest ballot {}",
                node.me,
                if proposer.leads() { "leads" } else { "does not lead" },
                proposer.decided_until(),
                proposer.highest()
            ),
            Actor::Acceptor(acceptor) => {
                format!(
                    "{} promised {}, top {}, complete {}, {}",
                    node.me,
                    acceptor.promised(),
                    acceptor.store().top(),
                    acceptor.complete_until(),
                    match (acceptor.is_member(), acceptor.blind_until()) {
                        (false, _) => "blank".into(),
                        (true, 0) => "member".to_owned(),
                        (true, until) => format!("member, blind below {until}"),
                    }
                )
            }
        };
        self.alive().map(line).collect()
    }

    /// Whether every acceptor that runs is a member of one log, and knows what it accepted; what it has found on
    /// its disk counts from its first turn on.
    pub(in crate::sim) fn whole(&self) -> bool {
        let mut log = None;
        self.alive().all(|node| match &node.actor {
            Actor::Acceptor(acceptor) => {
                let same = *log.get_or_insert(acceptor.log()) == acceptor.log();
                let lost = self.acceptor_at(node.me).is_none_or(|at| self.budget.is_lost(at));
                same && !lost && acceptor.is_member() && acceptor.blind_until() == 0
            }
            _ => true,
        })
    }
}
