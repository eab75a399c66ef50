//! `wire`: looks at the packets of the paxos engine, from outside.

mod cli;
mod live;

use std::io::{self, Write};
use std::process::ExitCode;

fn main() -> ExitCode {
    cli::run().unwrap_or_else(|error| {
        // Not eprintln: it panics when nobody listens, and then there is nobody to tell.
        let _ = writeln!(io::stderr(), "wire: {error}");
        ExitCode::FAILURE
    })
}
