//! The command line: what may be asked, and what the user hears when it cannot be done.

mod captures;
mod check;
mod dump;
mod flow;
mod follow;
mod manual;
mod stat;
mod story;
mod values;

use clap::{Parser, Subcommand};
use std::fmt;
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use wire::dissector::dissector;

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
    Dump(Box<dump::Args>),
    /// Counts what captures hold: packets, batches, times, losses, leaders
    Stat(Box<stat::Args>),
    /// Draws who sent what to whom when, as a picture or a page
    Flow(Box<flow::Args>),
    /// Holds captures against the invariants of the protocol
    Check(check::Args),
    /// Tells all that happened to one instance, or to one value
    Story(story::Args),
    /// Prints a Wireshark dissector of the packets, in Lua
    #[command(after_help = DISSECTOR_HELP)]
    Dissector,
    /// Writes the man pages, one for each command, into man1 below a directory
    Man {
        /// An existing directory, as in ~/.local/share/man
        dir: PathBuf,
    },
    /// Prints a script that has a shell complete our commands
    Completions {
        /// Which shell
        shell: clap_complete::Shell,
    },
}

const DISSECTOR_HELP: &str = "\
Install it, then start Wireshark or tshark; they find our packets on any UDP port:
  mkdir -p ~/.local/lib/wireshark/plugins
  wire dissector > ~/.local/lib/wireshark/plugins/paxos.lua

Or use it once:
  wire dissector > paxos.lua
  tshark -X lua_script:paxos.lua -r run.pcap -Y 'paxos.kind == \"2a\" && paxos.instance == 7'

Malformed packets are flagged (filter: paxos.malformed), but tags (XXH3-64) are shown and not checked, nor is
what fields of well-formed packets may not say; wire dump checks all. Packets of a run that the kernel was
handed as one are told apart.";

/// Does what the command line says.
///
/// # Errors
/// What the user must be told. A reader that closed our standard output has seen enough: that is success.
pub fn run() -> Result<ExitCode, Error> {
    match Cli::parse().command {
        Command::Dump(args) => dump::run(*args),
        Command::Stat(args) => stat::run(*args),
        Command::Flow(args) => flow::run(*args),
        Command::Check(args) => check::run(&args),
        Command::Story(args) => story::run(&args),
        Command::Dissector => print(&dissector()),
        Command::Man { dir } => manual::pages(&dir),
        Command::Completions { shell } => manual::completions(shell),
    }
}

fn print(text: &str) -> Result<ExitCode, Error> {
    match io::stdout().lock().write_all(text.as_bytes()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(Error::Write(error)),
        _ => Ok(ExitCode::SUCCESS),
    }
}

/// Why a command could not be done.
#[derive(Debug)]
pub enum Error {
    Open(PathBuf, io::Error),
    Directory(PathBuf),
    Terminal,
    FollowStdin,
    StdinNamedTwice,
    StdinReadTwice,
    PipeReadTwice(PathBuf),
    Signal(io::Error),
    Create(PathBuf, io::Error),
    Sentence(String),
    Write(io::Error),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Open(path, error) | Error::Create(path, error) => write!(f, "{}: {error}", path.display()),
            Error::Directory(path) => write!(f, "{}: a directory; name a capture file in it", path.display()),
            Error::Terminal => f.write_str(
                "standard input is a terminal; pipe a capture into it: tcpdump -U -w - udp | wire dump -",
            ),
            Error::StdinNamedTwice => {
                f.write_str("standard input is named twice, and can be read once: name - once, or files")
            }
            Error::StdinReadTwice => f.write_str(
                "standard input cannot be read twice, which a story takes: save it to a file, and name that",
            ),
            Error::PipeReadTwice(path) => write!(
                f,
                "{}: a pipe cannot be read twice, which a story takes: save it to a file, and name that",
                path.display()
            ),
            Error::FollowStdin => f.write_str(
                "standard input is read until it is closed anyway: leave out --follow, or name a file",
            ),
            Error::Sentence(sentence) => f.write_str(sentence),
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
