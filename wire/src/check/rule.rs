//! The rules that packets can show to be kept or broken, and how often each was looked at.

use std::fmt;

/// A rule, after DESIGN §4.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(usize)]
pub enum Rule {
    /// One value per ballot and instance.
    OneValue,
    /// One value decided per instance, and proposed in every higher ballot.
    OneDecision,
    /// Only what was proposed is voted for.
    Proposed,
    /// What is said to be decided, a majority of live acceptors voted for in one ballot.
    Decided,
    /// What is acknowledged is decided.
    Acknowledged,
    /// A promise never falls.
    Promises,
    /// An acceptor tells of all that it accepted.
    Memory,
    /// Nobody speaks from a life that it knows to be over.
    Lives,
    /// Who votes was let in.
    Members,
    /// What is known decided never becomes less.
    Watermarks,
    /// A ballot, and an incarnation, belongs to one start of one process.
    Starts,
    /// There are no more acceptors than the set holds.
    Set,
}

impl Rule {
    pub const ALL: [Rule; 12] = [
        Rule::OneValue,
        Rule::OneDecision,
        Rule::Proposed,
        Rule::Decided,
        Rule::Acknowledged,
        Rule::Promises,
        Rule::Memory,
        Rule::Lives,
        Rule::Members,
        Rule::Watermarks,
        Rule::Starts,
        Rule::Set,
    ];

    pub const fn name(self) -> &'static str {
        match self {
            Rule::OneValue => "one-value",
            Rule::OneDecision => "one-decision",
            Rule::Proposed => "proposed",
            Rule::Decided => "decided",
            Rule::Acknowledged => "acknowledged",
            Rule::Promises => "promises",
            Rule::Memory => "memory",
            Rule::Lives => "lives",
            Rule::Members => "members",
            Rule::Watermarks => "watermarks",
            Rule::Starts => "starts",
            Rule::Set => "set",
        }
    }

    pub const fn sentence(self) -> &'static str {
        match self {
            Rule::OneValue => "one value per ballot and instance",
            Rule::OneDecision => "one value decided per instance, the same in all higher ballots",
            Rule::Proposed => "votes are for what was proposed",
            Rule::Decided => "what is said to be decided has a majority of live voters in one ballot",
            Rule::Acknowledged => "what is acknowledged is decided",
            Rule::Promises => "a promise never falls, and nothing is accepted below it",
            Rule::Memory => "a 1b tells of all that its sender accepted",
            Rule::Lives => "nobody speaks from a life that it knows to be over",
            Rule::Members => "who promises or votes was let in by enough others",
            Rule::Watermarks => "what is known decided never becomes less",
            Rule::Starts => "a ballot, and an incarnation, belongs to one start of one process",
            Rule::Set => "no more acceptors than the set holds",
        }
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// How often a rule was looked at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Count {
    /// Claims that the capture shows to be right or wrong.
    pub judged: u64,
    /// Claims of which it does not show enough.
    pub unjudged: u64,
    /// Claims that are wrong.
    pub broken: u64,
}
