//! Nobody mixes two logs: a process that holds, or has printed, something of one never goes over to another
//! (invariant 1).

use super::Checked;
use crate::sim::failure::hold;
use crate::sim::node::{Actor, Node};
use wire::Sender;

/// The log that a process is bound to; 0: none yet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Bond(u32);

impl Bond {
    /// A process speaks of `log` (0: of none, as an acceptor without memory does), and `holds` something of
    /// it.
    ///
    /// # Errors
    /// When it held something of another one.
    pub fn keep(&mut self, who: Sender, log: u32, holds: bool) -> Checked {
        let broken = self.0 != 0 && log != 0 && log != self.0;
        hold!(!broken, TotalOrder, "{who} goes over to log {log:08x}, and holds something of {:08x}", self.0);
        if holds && log != 0 {
            self.0 = log;
        }
        Ok(())
    }
}

/// Whether a process holds something of its log, so that it can be of no other.
pub fn holds(node: &Node) -> bool {
    match &node.actor {
        Actor::Acceptor(acceptor) => acceptor.store().top() > 0,
        Actor::Proposer(proposer) => proposer.decided_until() > 0,
        Actor::Learner(learner) => learner.delivered_until() > 0,
        Actor::Client(client) => client.decided_until() > 0,
    }
}

#[cfg(test)]
mod tests {
    use super::super::forge::{acceptor, broken};
    use super::*;
    use crate::sim::failure::Rule;

    #[test]
    fn who_holds_something_of_one_log_and_goes_over_to_another_is_a_violation() {
        let (mut bond, who) = (Bond::default(), acceptor(1));
        bond.keep(who, 7, false).unwrap();
        bond.keep(who, 8, false).unwrap();
        bond.keep(who, 8, true).unwrap();
        bond.keep(who, 0, true).unwrap();
        bond.keep(who, 8, true).unwrap();
        assert_eq!(broken(bond.keep(who, 7, false)), Rule::TotalOrder);
    }
}
