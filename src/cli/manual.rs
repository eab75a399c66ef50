//! `paxos man` and `paxos completions`: what a package, or a person without one, installs beside the program. All of
//! it comes from the command line's own definition.

use super::Cli;
use clap::CommandFactory;
use std::io::{self, ErrorKind, Write};
use std::path::Path;
use std::process::ExitCode;

/// Writes `paxos.1`, `paxos-acceptor.1` and so on into a directory.
///
/// # Errors
/// A sentence that begins with the directory.
pub fn pages(directory: &Path) -> Result<ExitCode, String> {
    match clap_mangen::generate_to(command(), directory) {
        Ok(()) => Ok(ExitCode::SUCCESS),
        Err(error) if error.kind() == ErrorKind::NotFound => {
            Err(format!("{}: there is no such directory; make it first", directory.display()))
        }
        Err(error) => Err(format!("{}: cannot write the man pages: {error}", directory.display())),
    }
}

/// Prints the completions for a shell.
///
/// # Errors
/// A sentence about stdout. Whoever closed it has seen enough: that is success.
pub fn completions(shell: clap_complete::Shell) -> Result<ExitCode, String> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut command(), "paxos", &mut script);
    match io::stdout().write_all(&script) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(format!("paxos: stdout: {error}")),
        _ => Ok(ExitCode::SUCCESS),
    }
}

fn command() -> clap::Command {
    Cli::command().name("paxos").display_name("paxos")
}
