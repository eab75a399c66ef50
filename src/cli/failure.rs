//! Why a command failed, and the exit status that tells it to whoever started it: a service manager starts again what
//! may go well the next time, and leaves alone what it would only make worse.

use crate::protocol::Stop;
use std::process::ExitCode;

/// What the user is told, and the exit status.
#[derive(Debug)]
pub struct Failure {
    pub status: Status,
    pub sentence: String,
}

/// Exit statuses. Those of clap (2: the command line) and of a panic (101) come from elsewhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// Anything that may be otherwise at another time: the disk, the network, another process.
    Failed = 1,
    /// The order that this process belongs to cannot go on: the acceptors began another one, or two values came for one
    /// place in it. What was printed is what there is of it. EX_DATAERR of sysexits(3).
    OrderOver = 65,
    /// What the configuration says cannot be, now or later. EX_CONFIG of sysexits(3).
    Configuration = 78,
}

impl From<Status> for ExitCode {
    fn from(status: Status) -> ExitCode {
        ExitCode::from(status as u8)
    }
}

impl Failure {
    /// The configuration is refused.
    pub fn configuration(sentence: String) -> Failure {
        Failure { status: Status::Configuration, sentence }
    }

    /// A role stopped.
    pub fn stopped(stop: Stop, sentence: String) -> Failure {
        let status = match stop {
            Stop::OtherLog { .. } | Stop::Conflict { .. } => Status::OrderOver,
            Stop::Done | Stop::SameId { .. } | Stop::Numbers | Stop::Superseded | Stop::Ended => {
                Status::Failed
            }
        };
        Failure { status, sentence }
    }
}

impl From<String> for Failure {
    fn from(sentence: String) -> Failure {
        Failure { status: Status::Failed, sentence }
    }
}
