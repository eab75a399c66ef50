//! Planted bugs: what the simulator must find, to show that it would find the like.
//!
//! Each is one line where the right code stands, and exists only in a build with `--cfg planted`; in every
//! other build [`planted`] is the constant `false`. `paxos-tests/planted.sh` builds such a program and lets
//! `paxos sim --planted NAME` look for each; docs/planted.md tells how soon it was found.

/// A bug that can be planted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Bug {
    /// Packets leave before what they say is durable.
    VoteBeforeFsync = 1,
    /// A promise is not written to the log.
    PromiseNotPersisted,
    /// A quorum counts packets, not acceptors.
    QuorumCountsPackets,
    /// A restarted proposer uses the ballots of its former life again.
    BallotReused,
    /// The value of a new ballot is that of the 1b that came last, not that of the highest ballot.
    ValueByArrival,
    /// `>` for `>=`: a promise that was lost is not given again.
    PromiseOnce,
    /// Votes of different ballots add up.
    VotesWithoutBallot,
    /// A value that was submitted twice is delivered twice.
    DeliveredTwice,
    /// Catch-up tells what was accepted as if it were decided.
    UndecidedRepairs,
    /// Nobody is told that the last instance is decided.
    NoTailRepair,
    /// What an earlier use of a segment left behind is taken for a part of the log.
    RecycledTail,
    /// A sync that failed is tried again, and believed.
    FsyncRetried,
    /// An acceptor without memory votes at once.
    EmptyDiskVotes,
    /// An instance far ahead of all that is decided is stored.
    FarAheadStored,
    /// A leader that hears no quorum goes on believing in itself.
    HalfDeafLeader,
    /// An acceptor that joined again counts where it has forgotten what it accepted.
    NotBlind,
    /// A joining acceptor is promised nothing by those who help it.
    NoFence,
    /// Quorums count lives that are over.
    DeadLivesCount,
    /// Damage in the middle of a log is cut off as if it were a torn tail.
    DamageCutOff,
    /// The acceptor takes a proposal below its promise.
    AcceptBelowPromise,
}

impl Bug {
    pub const ALL: [(&'static str, Bug); 20] = [
        ("vote-before-fsync", Bug::VoteBeforeFsync),
        ("promise-not-persisted", Bug::PromiseNotPersisted),
        ("quorum-counts-packets", Bug::QuorumCountsPackets),
        ("ballot-reused", Bug::BallotReused),
        ("value-by-arrival", Bug::ValueByArrival),
        ("promise-once", Bug::PromiseOnce),
        ("votes-without-ballot", Bug::VotesWithoutBallot),
        ("delivered-twice", Bug::DeliveredTwice),
        ("undecided-repairs", Bug::UndecidedRepairs),
        ("no-tail-repair", Bug::NoTailRepair),
        ("recycled-tail", Bug::RecycledTail),
        ("fsync-retried", Bug::FsyncRetried),
        ("empty-disk-votes", Bug::EmptyDiskVotes),
        ("far-ahead-stored", Bug::FarAheadStored),
        ("half-deaf-leader", Bug::HalfDeafLeader),
        ("not-blind", Bug::NotBlind),
        ("no-fence", Bug::NoFence),
        ("dead-lives-count", Bug::DeadLivesCount),
        ("damage-cut-off", Bug::DamageCutOff),
        ("accept-below-promise", Bug::AcceptBelowPromise),
    ];

    pub fn named(name: &str) -> Option<Bug> {
        Bug::ALL.into_iter().find(|(known, _)| *known == name).map(|(_, bug)| bug)
    }
}

/// Whether this bug is planted.
#[cfg(not(planted))]
#[inline(always)]
pub const fn planted(_: Bug) -> bool {
    false
}

/// Whether this bug is planted.
#[cfg(planted)]
pub fn planted(bug: Bug) -> bool {
    PLANTED.load(core::sync::atomic::Ordering::Relaxed) == bug as u8
}

#[cfg(planted)]
static PLANTED: core::sync::atomic::AtomicU8 = core::sync::atomic::AtomicU8::new(0);

/// Plants a bug in this process.
#[cfg(planted)]
pub fn plant(bug: Bug) {
    PLANTED.store(bug as u8, core::sync::atomic::Ordering::Relaxed);
}
