//! `paxos man` and `paxos completions`: what a package, or a person without one, installs beside the program. Options
//! and commands come from the command line's own definition, so they cannot differ from it.

use super::Cli;
use crate::conf;
use clap::{Command, CommandFactory};
use clap_mangen::Man;
use clap_mangen::roff::{Roff, bold, italic, roman};
use std::fs;
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// What every role does alike, after the options and commands of `paxos.1`: headings, terms and texts.
const COMMON: &[(&str, &[(&str, &str)])] = &[
    (
        "EXIT STATUS",
        &[
            (
                "0",
                "Done; of a role other than a client: ended by SIGTERM or SIGINT, or because its stdout was closed.",
            ),
            ("1", "Failed; it may go well another time."),
            ("2", "The command line is wrong."),
            (
                "65",
                "The order that this process belongs to is over: the acceptors began another one, or two values came for one \
                 place in it. What a learner printed is all there is of that order.",
            ),
            ("78", "The configuration is refused; starting again does not help before it is mended."),
            ("101", "A bug: it says where."),
        ],
    ),
    (
        "SIGNALS",
        &[
            (
                "SIGTERM, SIGINT",
                "End in an orderly way: what was printed is whole. A second one ends at once.",
            ),
            ("SIGHUP", "Does not end a process that a service manager started (with NOTIFY_SOCKET)."),
        ],
    ),
    (
        "ENVIRONMENT",
        &[
            (
                "NOTIFY_SOCKET, WATCHDOG_USEC, WATCHDOG_PID",
                "A role tells the service manager there that it is ready, how it does, that it still lives, and that it \
                 stops: see sd_notify(3).",
            ),
            (
                "JOURNAL_STREAM",
                "If stderr is the journal, each line begins with its priority, and has no time: see sd-daemon(3).",
            ),
            ("RUST_LOG", "off, error, warn, info, debug or trace, in place of -v and -q."),
            ("NO_COLOR", "No colours in the log on stderr."),
        ],
    ),
    (
        "FILES",
        &[
            ("/etc/paxos/paxos.conf", "The configuration that the units of the Debian package name."),
            ("/var/lib/paxos", "There: what acceptors remember, and what learners print."),
        ],
    ),
    (
        "SEE ALSO",
        &[
            ("paxos.conf(5)", "The configuration."),
            ("wire(1)", "Looks at the packets, in captures and traces."),
        ],
    ),
];

/// Writes `man1/paxos.1`, `man1/paxos-acceptor.1` and so on, and `man5/paxos.conf.5`, below a directory.
///
/// # Errors
/// A sentence that begins with the directory.
pub fn pages(directory: &Path) -> Result<ExitCode, String> {
    let mut command = command().disable_help_subcommand(true);
    command.build();
    let written = section_of(directory, 1).and_then(|section| page_of(&command, &section)).and_then(|()| {
        let page = configuration().to_roff();
        fs::write(section_of(directory, 5)?.join("paxos.conf.5"), page)
    });
    match written {
        Ok(()) => Ok(ExitCode::SUCCESS),
        Err(error) if error.kind() == ErrorKind::NotFound => {
            Err(format!("{}: there is no such directory; make it first", directory.display()))
        }
        Err(error) => Err(format!("{}: cannot write the man pages: {error}", directory.display())),
    }
}

/// The directory of a section of the manual, made if need be.
fn section_of(directory: &Path, section: u8) -> io::Result<PathBuf> {
    let directory = directory.join(format!("man{section}"));
    match fs::create_dir(&directory) {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => Err(error),
        _ => Ok(directory),
    }
}

/// The page of `paxos.conf`.
fn configuration() -> Roff {
    let mut roff = Roff::new();
    let source = concat!("paxos ", env!("CARGO_PKG_VERSION"));
    roff.control("TH", ["paxos.conf", "5", "", source, "Total-order broadcast"]);
    roff.control("SH", ["NAME"]);
    roff.text([roman("paxos.conf - what the processes of one cluster are told")]);
    roff.control("SH", ["SYNOPSIS"]);
    for told in conf::keys().filter(|told| told.default.is_none()) {
        roff.text([bold(told.key), roman(" "), italic(told.value)]);
        roff.control("br", []);
    }
    roff.control("SH", ["DESCRIPTION"]);
    roff.text([roman(
        "A key and its value a line, in any order; # begins a comment. The four lines above are a whole configuration, the \
         same file for every process; all other keys have defaults. Every process reads it once, at its start. What is not \
         understood is refused with its line and what to write instead; paxos check FILE does so without starting anything, \
         and prints what is understood.",
    )]);
    roff.control("PP", []);
    roff.text([roman(
        "Processes whose groups, acceptors or mtu differ, or of which one has a key and one has none, refuse each other's \
         packets and say so. Everything else may differ from host to host. Relative paths are relative to the directory of \
         the file.",
    )]);
    roff.control("SH", ["KEYS"]);
    for told in conf::keys() {
        roff.control("TP", []);
        roff.text([bold(told.key), roman(" "), italic(told.value)]);
        let default = told.default.map_or(String::new(), |default| format!(" The default is {default}."));
        roff.text([roman(format!("{}{default}", told.meaning))]);
    }
    roff.control("PP", []);
    roff.text([roman(
        "A DURATION is a number and its unit, us, ms, s or m. A SIZE is a number of bytes, or of k (1000), M (1000000), KiB \
         or MiB.",
    )]);
    roff.control("SH", ["SEE ALSO"]);
    roff.text([
        bold("paxos"),
        roman("(1), "),
        bold("paxos-check"),
        roman("(1), "),
        bold("paxos-doctor"),
        roman("(1)"),
    ]);
    roff
}

/// Writes the page of a command, and those of the commands below it.
fn page_of(command: &Command, directory: &Path) -> io::Result<()> {
    for below in command.get_subcommands().filter(|below| !below.is_hide_set()) {
        page_of(below, directory)?;
    }
    let is_root = command.get_name() == "paxos";
    let man = Man::new(command.clone())
        .source(concat!("paxos ", env!("CARGO_PKG_VERSION")))
        .manual("Total-order broadcast");
    let mut page = Vec::new();
    man.render(&mut page)?;
    if is_root {
        for (heading, items) in COMMON {
            section(heading, items).to_writer(&mut page)?;
        }
    } else {
        section("SEE ALSO", &[("paxos(1)", "Exit statuses, signals, environment.")]).to_writer(&mut page)?;
    }
    fs::write(directory.join(man.get_filename()), page)
}

fn section(heading: &str, items: &[(&str, &str)]) -> Roff {
    let mut roff = Roff::new();
    roff.control("SH", [heading]);
    for (term, text) in items {
        roff.control("TP", []);
        roff.text([bold(*term)]);
        roff.text([roman(*text)]);
    }
    roff
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

fn command() -> Command {
    Cli::command().name("paxos")
}
