//! `wire man` and `wire completions`: what a package, or a person without one, installs beside the program. All of it
//! comes from the command line's own definition.

use super::{Cli, Error, print};
use clap::{Command, CommandFactory};
use clap_mangen::Man;
use clap_mangen::roff::{Roff, bold, roman};
use std::fs;
use std::io;
use std::path::Path;
use std::process::ExitCode;

/// Writes `man1/wire.1`, `man1/wire-dump.1` and so on below a directory.
///
/// # Errors
/// When the directory is not there, or cannot be written to.
pub fn pages(directory: &Path) -> Result<ExitCode, Error> {
    let mut command = Cli::command().disable_help_subcommand(true);
    command.build();
    let section = directory.join("man1");
    let made = match fs::create_dir(&section) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        _ => page_of(&command, &section),
    };
    match made {
        Ok(()) => Ok(ExitCode::SUCCESS),
        Err(error) => Err(Error::Create(directory.into(), error)),
    }
}

/// Writes the page of a command, and those of the commands below it.
fn page_of(command: &Command, directory: &Path) -> io::Result<()> {
    for below in command.get_subcommands().filter(|below| !below.is_hide_set()) {
        page_of(below, directory)?;
    }
    let man = Man::new(command.clone())
        .source(concat!("wire ", env!("CARGO_PKG_VERSION")))
        .manual("Total-order broadcast");
    let mut page = Vec::new();
    man.render(&mut page)?;
    let (other, what) = match command.get_name() {
        "wire" => ("paxos(1)", "The engine, whose packets these are."),
        _ => ("wire(1)", "The other commands."),
    };
    let mut see = Roff::new();
    see.control("SH", ["SEE ALSO"]);
    see.control("TP", []);
    see.text([bold(other)]);
    see.text([roman(what)]);
    see.to_writer(&mut page)?;
    fs::write(directory.join(man.get_filename()), page)
}

/// Prints the completions for a shell.
///
/// # Errors
/// When they cannot be written to standard output.
pub fn completions(shell: clap_complete::Shell) -> Result<ExitCode, Error> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "wire", &mut script);
    print(&String::from_utf8_lossy(&script))
}
