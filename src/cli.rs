//! The command line.

use crate::conf::Conf;
use crate::engine::clock;
use crate::engine::input::{self, Input, Lines};
use crate::engine::reactor::{Driver, End, NoDriver, Reactor, Step};
use crate::protocol::acceptor::Acceptor;
use crate::protocol::client::Client;
use crate::protocol::deliver::Format;
use crate::protocol::learner::Learner;
use crate::protocol::proposer::Proposer;
use crate::protocol::{Nanos, Process, Stop};
use clap::{ArgAction, Args, Parser, Subcommand, ValueEnum};
use indicatif::{ProgressBar, ProgressStyle};
use log::LevelFilter;
use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;
use wire::Role;

/// Total-order broadcast for a LAN: Multi-Paxos over UDP/IP multicast.
///
/// Every learner prints the values of all clients in the same order, whatever crashes, is lost, duplicated or reordered, as
/// long as a majority of the acceptors and one proposer hear each other.
#[derive(Parser, Debug)]
#[command(version, max_term_width = 110)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
    /// Says more: -v tells every packet, -vv everything.
    #[arg(short, long, global = true, action = ArgAction::Count)]
    verbose: u8,
    /// Says less: -q only warnings, -qq only errors.
    #[arg(short, long, global = true, action = ArgAction::Count, conflicts_with = "verbose")]
    quiet: u8,
}

#[derive(Subcommand, Debug)]
enum Command {
    /// Votes, and remembers. A majority of the acceptors must run.
    Acceptor(Process1),
    /// Leads, or stands by to lead. One must run; the lowest id leads.
    Proposer(Process1),
    /// Prints the decided values on stdout, in their order.
    Learner(LearnerArgs),
    /// Submits every line of stdin as a value; exits 0 when all are decided.
    Client(ClientArgs),
    /// Prints a configuration as understood, defaults included.
    Check {
        /// The configuration file.
        conf: PathBuf,
    },
}

#[derive(Args, Debug)]
struct Process1 {
    /// Which one of its role this process is, 0 to 65535.
    id: u16,
    /// The configuration file, the same for all processes.
    conf: PathBuf,
}

#[derive(Args, Debug)]
struct LearnerArgs {
    #[command(flatten)]
    process: Process1,
    /// Prints only values decided in this instance and later ones.
    #[arg(long, value_name = "INSTANCE", default_value_t = 0)]
    from: u64,
    /// Ends, successfully, when nothing new came for so long.
    #[arg(long, value_name = "SECONDS")]
    until_idle: Option<f64>,
    /// How to print a value.
    #[arg(long, value_enum, default_value_t = FormatArg::Value)]
    format: FormatArg,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum FormatArg {
    /// The bytes as they were sent, and a newline.
    Value,
    /// {"instance":…,"client":…,"sequence":…,"value":…}; "bytes" in hexadecimal for what is not UTF-8.
    Json,
}

#[derive(Args, Debug)]
struct ClientArgs {
    #[command(flatten)]
    process: Process1,
    /// Submits no more than so many values per second; overrides `rate` in the configuration.
    #[arg(long, value_name = "VALUES_PER_S", value_parser = clap::value_parser!(u32).range(1..))]
    rate: Option<u32>,
}

/// Runs the program.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    let level = match (cli.verbose, cli.quiet) {
        (0, 0) => LevelFilter::Info,
        (0, 1) => LevelFilter::Warn,
        (0, _) => LevelFilter::Error,
        (1, _) => LevelFilter::Debug,
        (_, _) => LevelFilter::Trace,
    };
    if let Err(error) =
        simple_logger::SimpleLogger::new().with_level(level).with_utc_timestamps().env().init()
    {
        eprintln!("paxos: no log: {error}");
    }
    match run(cli.command) {
        Ok(code) => code,
        Err(message) => {
            eprintln!("{message}");
            ExitCode::FAILURE
        }
    }
}

fn run(command: Command) -> Result<ExitCode, String> {
    match command {
        Command::Check { conf } => {
            print!("{}", load(&conf)?);
            Ok(ExitCode::SUCCESS)
        }
        Command::Acceptor(process) => acceptor(&process),
        Command::Proposer(process) => {
            let conf = load(&process.conf)?;
            let (mut reactor, setup) = Reactor::open(Role::Proposer, process.id, &conf)?;
            ended(drive(&mut reactor, &mut Proposer::new(setup), &mut NoDriver)?)
        }
        Command::Learner(args) => learner(&args),
        Command::Client(args) => client(&args),
    }
}

fn load(path: &std::path::Path) -> Result<Conf, String> {
    Conf::load(path).map_err(|diagnostics| diagnostics.to_string())
}

fn drive<R: Process>(
    reactor: &mut Reactor,
    role: &mut R,
    driver: &mut impl Driver<R>,
) -> Result<End, String> {
    reactor.run(role, driver).map_err(|error| format!("paxos: the system fails: {error}"))
}

/// What the end of a role other than a client means.
fn ended(end: End) -> Result<ExitCode, String> {
    match end {
        End::Signal | End::OutputClosed | End::Driver => Ok(ExitCode::SUCCESS),
        End::Role(stop) => Err(reason(stop)),
    }
}

fn reason(stop: Stop) -> String {
    match stop {
        Stop::Done => "done".into(),
        Stop::SameId { at } => {
            format!(
                "another process with this role and id runs at {at}: give this one another id, or end that one"
            )
        }
        Stop::Superseded => {
            "a later start of a client with this id has taken over: its values are submitted, \
                             the rest of ours are not; give each client an id of its own"
                .into()
        }
        Stop::Ended => {
            "the session was ended: a value is longer than 1 MiB, or too many clients are in the middle of \
                        long values at once"
                .into()
        }
        Stop::Conflict { instance } => format!(
            "instance {instance}: two different values came that cannot both be right; stopping rather than going on \
             with a wrong order. Do two clusters share these groups, or has an acceptor lost its memory?"
        ),
    }
}

fn acceptor(process: &Process1) -> Result<ExitCode, String> {
    let conf = load(&process.conf)?;
    if !conf.is_acceptor(process.id) {
        let mut ids: Vec<u16> = conf.acceptor_ids.clone();
        let known = ids.iter().map(u16::to_string).collect::<Vec<_>>().join(", ");
        ids.push(process.id);
        ids.sort_unstable();
        let line = ids.iter().fold(String::new(), |mut line, id| {
            let _ = write!(line, " {id}");
            line
        });
        return Err(format!(
            "{}: acceptor {} is not one of the acceptors, which are {known}; to make it one, write `acceptors {} {}{line}` \
             in the configuration of every process",
            process.conf.display(),
            process.id,
            conf.acceptors.ip(),
            conf.acceptors.port(),
        ));
    }
    let (mut reactor, setup) = Reactor::open(Role::Acceptor, process.id, &conf)?;
    ended(drive(&mut reactor, &mut Acceptor::new(setup), &mut NoDriver)?)
}

/// Ends a learner that has had nothing to print for some time.
struct UntilIdle {
    idle: Option<Nanos>,
    last: Nanos,
}

impl Driver<Learner> for UntilIdle {
    fn turn(&mut self, now: Nanos, role: &mut Learner, printed: bool) -> Step {
        let Some(idle) = self.idle else { return Step::Whenever };
        let behind = role.delivered_until() < role.known();
        if printed || behind || self.last == 0 {
            self.last = now.max(1);
        }
        if now >= self.last + idle { Step::End } else { Step::Until(self.last + idle) }
    }
}

fn learner(args: &LearnerArgs) -> Result<ExitCode, String> {
    let conf = load(&args.process.conf)?;
    let idle = match args.until_idle {
        Some(seconds) if seconds.is_finite() && (0.0..1e9).contains(&seconds) => {
            Some(clock::nanos(Duration::from_secs_f64(seconds)))
        }
        Some(seconds) => return Err(format!("--until-idle {seconds}: write a number of seconds, as in 2.5")),
        None => None,
    };
    let format = match args.format {
        FormatArg::Value => Format::Value,
        FormatArg::Json => Format::Json,
    };
    let (mut reactor, setup) = Reactor::open(Role::Learner, args.process.id, &conf)?;
    reactor.print_to_stdout().map_err(|error| format!("paxos: no stdout: {error}"))?;
    let mut learner = Learner::new(setup, format, args.from);
    ended(drive(&mut reactor, &mut learner, &mut UntilIdle { idle, last: 0 })?)
}

/// Feeds a client from the reader thread, and tells a person how it goes.
struct Feeder {
    lines: Lines,
    chunk: Vec<u8>,
    taken: usize,
    ended: bool,
    refused: u64,
    broken: Option<std::io::Error>,
    acceptors: Vec<u16>,
    proposers: std::net::SocketAddrV4,
    bar: ProgressBar,
    /// When the bar was drawn last, and what was decided then.
    drawn: (Nanos, u64),
    rate: f64,
    /// When something was decided last, or nothing waited; how much was decided then; when we complained last.
    moved: (Nanos, u64),
    complained: Nanos,
}

const DRAW: Nanos = 200_000_000;
const COMPLAIN: Nanos = 3_000_000_000;

impl Driver<Client> for Feeder {
    fn turn(&mut self, now: Nanos, client: &mut Client, _printed: bool) -> Step {
        self.feed(client);
        self.draw(now, client);
        self.complain(now, client);
        Step::Until(now + DRAW)
    }
}

impl Feeder {
    fn feed(&mut self, client: &mut Client) {
        loop {
            if self.taken < self.chunk.len() {
                self.taken += client.offer(&self.chunk[self.taken..]);
                if self.taken < self.chunk.len() {
                    return; // the window is full
                }
                self.lines.give_back(std::mem::take(&mut self.chunk));
            }
            match self.lines.take() {
                None => return,
                Some(Input::Lines(chunk)) => (self.chunk, self.taken) = (chunk, 0),
                Some(Input::TooLong { line }) => {
                    self.refused += 1;
                    self.say(&format!(
                        "line {line}: longer than 1 MiB (1,048,576 bytes), refused; the others go on"
                    ));
                }
                Some(Input::End(how)) => {
                    self.broken = how.err();
                    self.ended = true;
                    client.end();
                }
            }
        }
    }

    fn draw(&mut self, now: Nanos, client: &Client) {
        if self.bar.is_hidden() || now < self.drawn.0 + DRAW {
            return;
        }
        let progress = client.progress();
        let seconds = (now - self.drawn.0) as f64 / 1e9;
        self.rate = (self.rate + (progress.decided - self.drawn.1) as f64 / seconds) / 2.0;
        self.drawn = (now, progress.decided);
        let in_flight = progress.offered - progress.decided;
        self.bar.set_message(format!(
            "{:.0} values/s, {} decided, {in_flight} in flight",
            self.rate, progress.decided
        ));
        self.bar.tick();
    }

    fn complain(&mut self, now: Nanos, client: &Client) {
        let progress = client.progress();
        if progress.decided != self.moved.1 || progress.offered == progress.decided {
            self.moved = (now, progress.decided);
        }
        if now < self.moved.0 + COMPLAIN || now < self.complained + COMPLAIN {
            return;
        }
        self.complained = now;
        let waiting = progress.offered - progress.decided;
        let why = match client.heard() {
            (_, Some((at, mask))) if now < at + COMPLAIN => self.missing_acceptors(mask),
            (leader, _) => match leader {
                Some(ballot) => format!("nothing heard from the leader, proposer {}", ballot.proposer()),
                None => format!("no proposer answers at {}", self.proposers),
            },
        };
        self.say(&format!("waiting for {waiting} values to be decided: {why}"));
    }

    fn missing_acceptors(&self, mask: u16) -> String {
        let missing: Vec<String> = (0..self.acceptors.len())
            .filter(|at| mask & 1 << at == 0)
            .map(|at| self.acceptors[at].to_string())
            .collect();
        let majority = self.acceptors.len() / 2 + 1;
        match missing.len() {
            0 => "the leader hears every acceptor; it is busy or cannot reach them".into(),
            n if self.acceptors.len() - n >= majority => {
                format!("the leader hears nothing from acceptor {}", missing.join(", "))
            }
            _ => {
                format!("the leader hears no majority of the acceptors: nothing from {}", missing.join(", "))
            }
        }
    }

    fn say(&self, text: &str) {
        self.bar.suspend(|| eprintln!("{text}"));
    }
}

fn client(args: &ClientArgs) -> Result<ExitCode, String> {
    let conf = load(&args.process.conf)?;
    let (mut reactor, setup) = Reactor::open(Role::Client, args.process.id, &conf)?;
    let lines = input::start(std::io::stdin(), args.rate.or(conf.rate), reactor.poller());
    let bar = ProgressBar::new_spinner();
    if let Ok(style) = ProgressStyle::with_template("{spinner} {msg}") {
        bar.set_style(style);
    }
    let mut feeder = Feeder {
        lines,
        chunk: Vec::new(),
        taken: 0,
        ended: false,
        refused: 0,
        broken: None,
        acceptors: setup.acceptors.clone(),
        proposers: conf.proposers,
        bar,
        drawn: (0, 0),
        rate: 0.0,
        moved: (0, 0),
        complained: 0,
    };
    let mut client = Client::new(setup);
    let end = drive(&mut reactor, &mut client, &mut feeder)?;
    feeder.bar.finish_and_clear();
    let progress = client.progress();
    let undecided = progress.offered - progress.decided;
    if let Some(error) = feeder.broken {
        return Err(format!("stdin: {error}; {} values read before are decided", progress.decided));
    }
    match end {
        End::Role(Stop::Done) if feeder.refused == 0 => Ok(ExitCode::SUCCESS),
        End::Role(Stop::Done) => {
            Err(format!("{} values decided, {} lines refused", progress.decided, feeder.refused))
        }
        End::Role(stop) => {
            Err(format!("{}; {} values decided, {undecided} not", reason(stop), progress.decided))
        }
        _ => {
            let unread = if feeder.ended { "" } else { "; stdin was not read to its end" };
            Err(format!("interrupted: {} values decided, {undecided} not{unread}", progress.decided))
        }
    }
}
