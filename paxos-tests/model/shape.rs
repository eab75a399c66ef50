//! What a model is made of: how many there are of each, what may happen to them, and what is planted.

use wire::Ballot;

/// More than any shape has.
pub const SLOTS: usize = 6;
pub const BALLOTS: usize = 3;
pub const INSTANCES: usize = 2;

/// What a crash leaves of an acceptor with a disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Restarts {
    Never,
    /// As often as it likes. All its starts bear one number, so that a state in which it has come back is not
    /// another one for that; nothing but liveness looks at that number while its life goes on.
    Often,
    /// Each acceptor once; the second start has a number of its own.
    Once,
}

#[derive(Clone, Debug)]
pub struct Shape {
    pub acceptors: usize,
    /// How many of [`Shape::ballot`] are led, at most.
    pub ballots: usize,
    pub instances: usize,
    /// The acceptors keep logs on disks.
    pub durable: bool,
    pub restarts: Restarts,
    /// How often each acceptor loses its memory, at most.
    pub losses: &'static [u8],
    /// One that lost its memory may lose it again, or another one may, before it is a member again.
    pub together: bool,
    /// Whoever starts without memory has a clock that lies behind, so that it begins a life below its former one.
    pub behind: bool,
    /// How many lives each acceptor begins at most: two processes with one id may end one another's for ever.
    pub lives: u64,
    /// The highest round that is promised, so the highest in which there is a fence. Each of two blank acceptors
    /// asks for a fence above what was promised, and a leader's or the other's fence is promised meanwhile.
    pub rounds: u64,
    /// The first acceptor runs a second time, without memory, beside its first run.
    pub zombie: bool,
    /// Proposers tell what is decided: watermarks, repairs, pages that begin later.
    pub decisions: bool,
    /// Acceptors tell the lives that they know of.
    pub announcements: bool,
    pub plant: Plant,
}

/// A fault that a model must find.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Plant {
    Nothing,
    /// Helpers do not say how far they accepted, so whoever joins does not know that it is blind.
    HelpersTellNoTop,
    /// A 1b does not say that its sender is blind.
    BlindnessUntold,
    /// Helpers note the life of whoever joins, but promise it nothing.
    NoFence,
    /// A new leader counts promises of lives that are over.
    PromisesOfAnyLife,
    /// A learner counts votes of lives that are over.
    VotesOfAnyLife,
    /// A learner counts votes, not voters.
    VotersCountTwice,
    /// A new leader proposes what came last, not what was accepted in the highest ballot.
    LastAnswerWins,
    /// A new leader does not ask what was accepted.
    OwnValueAlways,
    /// A restarted acceptor has forgotten what it promised.
    PromisesForgotten,
    /// A restarted acceptor has forgotten what it accepted.
    VotesForgotten,
    /// Packets leave before what they say is durable.
    SentBeforeDurable,
    /// An acceptor that lost its memory goes on at once as if it had never had any.
    Amnesia,
}

impl Shape {
    /// Three acceptors that never fail, one instance, two ballots.
    pub const SMALL: Shape = Shape {
        acceptors: 3,
        ballots: 2,
        instances: 1,
        durable: false,
        restarts: Restarts::Never,
        losses: &[],
        together: false,
        behind: false,
        lives: 3,
        rounds: BALLOTS as u64 + 2, // more than any shape comes to in which one at a time is blank
        zombie: false,
        decisions: false,
        announcements: false,
        plant: Plant::Nothing,
    };

    /// The ballots of two proposers. A fence that is asked for above one of them lies below the next, and the
    /// first fence that an acceptor asks for lies below them all.
    pub fn ballot(at: usize) -> Ballot {
        let proposer = [7, 8][at % 2];
        Ballot::new(at as u64 + 1, proposer, u64::from(proposer))
    }

    /// The place of a proposer's ballot among them; `None` for a fence.
    pub fn place(&self, ballot: Ballot) -> Option<usize> {
        (0..self.ballots).find(|at| Shape::ballot(*at) == ballot)
    }

    pub fn ids(&self) -> Vec<u16> {
        (1..=self.acceptors as u16).collect()
    }

    /// How many processes run at most.
    pub fn slots(&self) -> usize {
        self.acceptors + usize::from(self.zombie)
    }
}
