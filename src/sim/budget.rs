//! What the engine claims to survive: no more than f of 2f + 1 acceptors without their memory at once.
//!
//! An acceptor is *lost* from the moment at which it has no memory, because it is new, or because it crashed
//! and keeps none, until it is a member and no longer blind. Before anything was accepted there is nothing to
//! lose.

use super::failure::Failure;

/// Who is lost.
#[derive(Clone, Debug, Default)]
pub struct Budget {
    lost: Vec<bool>,
    /// Something was accepted.
    begun: bool,
    /// A script says that it stays within the budget.
    pub promised: bool,
    exceeded: bool,
}

impl Budget {
    /// For so many acceptors, which are all new.
    pub fn new(acceptors: usize, promised: bool) -> Budget {
        Budget { lost: vec![true; acceptors], promised, ..Budget::default() }
    }

    /// Whether more were lost at once, at any time, than the engine claims to survive.
    pub fn is_exceeded(&self) -> bool {
        self.exceeded
    }

    /// Something happened that no engine survives.
    pub fn exceed(&mut self) {
        self.exceeded = true;
    }

    /// How the acceptor at this place stands.
    pub fn is_lost(&self, acceptor: usize) -> bool {
        self.lost[acceptor]
    }

    /// Something was accepted.
    pub fn begin(&mut self) {
        self.begun = true;
    }

    /// How the acceptor at this place stands.
    ///
    /// # Errors
    /// When that is too much for a script that promised to stay within the budget.
    pub fn set(&mut self, acceptor: usize, lost: bool) -> Result<(), Failure> {
        self.lost[acceptor] = lost;
        let count = self.lost.iter().filter(|lost| **lost).count();
        self.exceeded |= self.begun && 2 * count >= self.lost.len();
        if self.promised && self.exceeded {
            let all = self.lost.len();
            return Err(Failure::Script(format!("{count} of {all} acceptors are lost at once")));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_of_three_or_of_four_are_too_many_and_two_of_five_are_not() {
        for (acceptors, too_many) in [(1, 1), (2, 1), (3, 2), (4, 2), (5, 3)] {
            let mut budget = Budget::new(acceptors, true);
            (0..acceptors).for_each(|at| budget.set(at, false).unwrap());
            budget.begin();
            (0..too_many - 1).for_each(|at| budget.set(at, true).unwrap());
            assert!(budget.set(too_many - 1, true).is_err() && budget.is_exceeded(), "{acceptors}");
        }
    }

    #[test]
    fn new_acceptors_have_nothing_to_lose_before_anything_is_accepted() {
        let mut budget = Budget::new(3, true);
        budget.set(0, false).unwrap();
        budget.set(0, true).unwrap();
        budget.set(0, false).unwrap();
        budget.set(1, false).unwrap();
        budget.begin();
        budget.set(2, true).unwrap();
        assert!(!budget.is_exceeded());
    }
}
