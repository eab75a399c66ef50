//! The command line: what may be asked, and what the user hears when it cannot be done.

mod dump;
mod follow;
mod values;

use clap::{Parser, Subcommand};
use std::fmt;
use std::io;
use std::path::PathBuf;
use std::process::ExitCode;

#[derive(Parser)]
#[command(
    name = "wire",
    version,
    about = "Looks at the packets of the paxos engine",
    arg_required_else_help = true
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Prints one line per packet of ours in captures
    Dump(dump::Args),
}

/// Does what the command line says.
///
/// # Errors
/// What the user must be told. A reader that closed our standard output has seen enough: that is success.
pub fn run() -> Result<ExitCode, Error> {
    match Cli::parse().command {
        Command::Dump(args) => dump::run(args),
    }
}

/// Why a command could not be done.
#[derive(Debug)]
pub enum Error {
    Open(PathBuf, io::Error),
    Directory(PathBuf),
    Terminal,
    FollowStdin,
    Signal(io::Error),
    Write(io::Error),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Open(path, error) => write!(f, "{}: {error}", path.display()),
            Error::Directory(path) => write!(f, "{}: a directory; name a capture file in it", path.display()),
            Error::Terminal => f.write_str(
                "standard input is a terminal; pipe a capture into it: tcpdump -U -w - udp | wire dump -",
            ),
            Error::FollowStdin => f.write_str(
                "standard input is read until it is closed anyway: leave out --follow, or name a file",
            ),
            Error::Signal(error) => write!(f, "cannot wait for SIGINT: {error}"),
            Error::Write(error) => write!(f, "cannot write to standard output: {error}"),
        }
    }
}

impl std::error::Error for Error {}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_well_formed() {
        Cli::command().debug_assert();
    }
}
