//! `paxos man` and `paxos completions`: what a package, or a person without one, installs beside the program. Options
//! and commands come from the command line's own definition, so they cannot differ from it.

use super::Cli;
use clap::{Command, CommandFactory};
use clap_mangen::Man;
use clap_mangen::roff::{Roff, bold, roman};
use std::fs;
use std::io::{self, ErrorKind, Write};
use std::path::Path;
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
    ("SEE ALSO", &[("wire(1)", "Looks at the packets, in captures and traces.")]),
];

/// Writes `paxos.1`, `paxos-acceptor.1` and so on into a directory.
///
/// # Errors
/// A sentence that begins with the directory.
pub fn pages(directory: &Path) -> Result<ExitCode, String> {
    let mut command = command().disable_help_subcommand(true);
    command.build();
    match page_of(&command, directory) {
        Ok(()) => Ok(ExitCode::SUCCESS),
        Err(error) if error.kind() == ErrorKind::NotFound => {
            Err(format!("{}: there is no such directory; make it first", directory.display()))
        }
        Err(error) => Err(format!("{}: cannot write the man pages: {error}", directory.display())),
    }
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
