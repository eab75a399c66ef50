//! `paxos`: see [`paxos::cli`].

use std::process::ExitCode;

fn main() -> ExitCode {
    paxos::cli::main()
}
