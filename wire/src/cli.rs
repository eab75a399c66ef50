//! The command line: what may be asked, and what the user hears when it cannot be done.

use crate::live::Live;
use clap::{Parser, Subcommand};
use std::fmt;
use std::fs::File;
use std::io::{self, IsTerminal, Read, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use wire::capture;
use wire::dump::{self, Summary, dump};

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
    /// Prints one line per packet of ours in a capture
    #[command(after_help = DUMP_HELP)]
    Dump {
        /// A pcap or pcapng file, as tcpdump -w and tshark -w write them; - is standard input
        #[arg(required_unless_present = "live")]
        file: Option<PathBuf>,
        /// Listens to the four groups of this configuration, on its interface, until it is interrupted
        #[arg(long, value_name = "CONF", conflicts_with = "file")]
        live: Option<PathBuf>,
    },
}

const DUMP_HELP: &str = "\
A line is: seconds since the first packet, source, destination, packet. In a trace of a process (paxos --trace)
its name and `in` or `out` stand before the source, and in brackets behind the packet why it was refused or not
sent, and what the process missed before it.

Frames that hold no packet of ours are counted in a summary on standard error. The exit status is 1 when
the file, or a part of it, could not be read; all that can be read is printed first. Link types: Ethernet
(with VLAN tags), Linux cooked v1 and v2, BSD loopback, raw IP; IPv4 only.

Examples:
  tcpdump -i lo -w run.pcap udp               record on loopback; end it with ^C
  wire dump run.pcap
  tcpdump -i lo -U -w - udp | wire dump -     watch while it happens
  wire dump --live paxos.conf                 the same of the groups alone, without tcpdump and its rights
  wire dump a1.pcapng                         what `paxos acceptor 1 paxos.conf --trace a1.pcapng` saw";

/// Does what the command line says.
///
/// # Errors
/// What the user must be told. A reader that closed our standard output has seen enough: that is success.
pub fn run() -> Result<ExitCode, Error> {
    let Command::Dump { file, live } = Cli::parse().command;
    let (file, input): (PathBuf, Box<dyn Read>) = match (file, live) {
        (_, Some(conf)) => {
            let live = Live::open(&conf).map_err(Error::Live)?;
            (conf, Box::new(live))
        }
        (file, None) => {
            let file = file.unwrap_or_else(|| "-".into()); // clap asks for one
            let input = open(&file)?;
            (file, input)
        }
    };
    let (summary, result) = dump(input, io::stdout().lock());
    match result {
        Err(dump::Error::Write(error)) if error.kind() == io::ErrorKind::BrokenPipe => {
            return Ok(ExitCode::SUCCESS);
        }
        Err(dump::Error::Write(error)) => return Err(Error::Write(error)),
        Ok(()) | Err(dump::Error::Read(_)) => {}
    }
    if result.is_ok() || summary != Summary::default() {
        // A summary that cannot be told does not make the dump a failure.
        let _ = writeln!(io::stderr(), "wire: {summary}");
    }
    match result {
        Err(dump::Error::Read(error)) => Err(Error::Read(file, error)),
        _ => Ok(ExitCode::SUCCESS),
    }
}

fn open(path: &Path) -> Result<Box<dyn Read>, Error> {
    if path.as_os_str() == "-" {
        let input = io::stdin();
        return if input.is_terminal() { Err(Error::Terminal) } else { Ok(Box::new(input.lock())) };
    }
    let file = File::open(path).map_err(|error| Error::Open(path.into(), error))?;
    if file.metadata().is_ok_and(|metadata| metadata.is_dir()) {
        return Err(Error::Directory(path.into()));
    }
    Ok(Box::new(file))
}

/// Why a command could not be done.
#[derive(Debug)]
pub enum Error {
    Open(PathBuf, io::Error),
    Directory(PathBuf),
    Terminal,
    /// A sentence.
    Live(String),
    Read(PathBuf, capture::Error),
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
            Error::Live(sentence) => f.write_str(sentence),
            Error::Read(path, error) if path.as_os_str() == "-" => write!(f, "standard input: {error}"),
            Error::Read(path, error) => write!(f, "{}: {error}", path.display()),
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

    #[test]
    fn a_missing_file_and_a_directory_are_named() {
        let missing = open(Path::new("/nowhere/run.pcap")).err().map(|error| error.to_string());
        assert!(missing.is_some_and(|text| text.starts_with("/nowhere/run.pcap: No such file")));
        let directory = open(Path::new("/")).err().map(|error| error.to_string());
        assert_eq!(directory.as_deref(), Some("/: a directory; name a capture file in it"));
    }
}
