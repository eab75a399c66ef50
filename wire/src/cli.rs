//! The command line: what may be asked, and what the user hears when it cannot be done.

use clap::{Parser, Subcommand};
use std::fmt;
use std::fs::File;
use std::io::{self, IsTerminal, Read, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use wire::capture;
use wire::dissector::dissector;
use wire::dump::{self, Depth, Summary, dump};

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
        file: PathBuf,
        /// Below each packet: a line for its header, one for its body, one for each record
        #[arg(short, long)]
        verbose: bool,
        /// Below each packet: a line for each field, with its bytes
        #[arg(short = 'x', long)]
        hex: bool,
    },
    /// Prints a Wireshark dissector of the packets, in Lua
    #[command(after_help = DISSECTOR_HELP)]
    Dissector,
}

const DUMP_HELP: &str = "\
A line is: seconds since the first packet, source, destination, packet.

Frames that hold no packet of ours are counted in a summary on standard error. The exit status is 1 when
the file, or a part of it, could not be read; all that can be read is printed first. Link types: Ethernet
(with VLAN tags), Linux cooked v1 and v2, BSD loopback, raw IP; IPv4 only.

Examples:
  tcpdump -i lo -w run.pcap udp               record on loopback; end it with ^C
  wire dump run.pcap
  tcpdump -i lo -U -w - udp | wire dump -     watch while it happens";

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
    let (file, depth) = match Cli::parse().command {
        Command::Dump { file, hex: true, .. } => (file, Depth::Bytes),
        Command::Dump { file, verbose: true, .. } => (file, Depth::Fields),
        Command::Dump { file, .. } => (file, Depth::Line),
        Command::Dissector => return print(&dissector()),
    };
    let (summary, result) = dump(open(&file)?, io::stdout().lock(), depth);
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

fn print(text: &str) -> Result<ExitCode, Error> {
    match io::stdout().lock().write_all(text.as_bytes()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(Error::Write(error)),
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
