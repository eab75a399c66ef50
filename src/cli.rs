//! The command line.

mod bench;
mod doctor;
mod failure;
mod inspect;
mod logger;
mod manual;
mod sim;
mod watch;

use crate::conf::{self, Conf, data_directory, size_text};
use crate::engine::clock;
use crate::engine::heap;
use crate::engine::input::{self, Chunk, Input, Lines, Source};
use crate::engine::reactor::{self, Driver, End, NoDriver, Reactor, Step};
use crate::engine::storage;
use crate::engine::trace;
use crate::journal::Owner;
use crate::keygen;
use crate::protocol::acceptor::Acceptor;
use crate::protocol::client::Client;
use crate::protocol::deliver::Format;
use crate::protocol::learner::Learner;
use crate::protocol::memory::Memory;
use crate::protocol::proposer::Proposer;
use crate::protocol::{Nanos, Process, Stop};
use clap::{ArgAction, Args, Parser, Subcommand, ValueEnum};
use failure::Failure;
use indicatif::{ProgressBar, ProgressStyle};
use log::LevelFilter;
use logger::{Logger, complain};
use std::fmt::Write as _;
use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};
use wire::Role;

/// Total-order broadcast for a LAN: Multi-Paxos over UDP/IP multicast.
///
/// Every learner prints the values of all clients in the same order, whatever crashes, is lost, duplicated or
/// reordered, as long as a majority of the acceptors and one proposer hear each other.
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
#[allow(clippy::large_enum_variant)] // there is one of it
enum Command {
    /// Votes, and remembers. A majority of the acceptors must run.
    Acceptor(AcceptorArgs),
    /// Leads, or stands by to lead. One must run; the lowest id leads.
    Proposer(Process1),
    /// Prints the decided values on stdout, in their order.
    Learner(LearnerArgs),
    /// Submits every line of stdin as a value; exits 0 when all are decided.
    Client(ClientArgs),
    /// Runs the roles in a simulated world where everything goes wrong; exits 1 when an invariant breaks.
    Sim(sim::SimArgs),
    /// Measures how fast a cluster of real processes is on this machine, and checks what it prints.
    Bench(bench::BenchArgs),
    /// Looks at this host and, with others that run it at the same time, at the network between them; says what is wrong and
    /// how to mend it.
    ///
    /// Run it on each host before anything else. It exits with 0 when there is no problem, with 1 when there is one, and with
    /// 2 when nothing could be examined.
    Doctor(doctor::DoctorArgs),
    /// Says how a cluster is: a table of its processes, what is wrong, and what to do.
    ///
    /// Exits with 0 when nothing is wrong, with 1 when something is, with 2 when it could not look.
    Status(watch::StatusArgs),
    /// Serves how a cluster is as Prometheus metrics, over HTTP, until it is told to end.
    Exporter(watch::ExporterArgs),
    /// Shows a cluster in a terminal, always as it is now; `q` quits.
    Top(watch::TopArgs),
    /// Makes a file with a new key, for `key` in the configuration. Send it SIGHUP, and a process reads its keys again.
    Keygen {
        /// The file; only its owner may read it.
        file: PathBuf,
        /// The id of the key, 0 to 255: 1 without it, or with --append the lowest from 1 on that is free.
        #[arg(long)]
        id: Option<u8>,
        /// Puts the key behind those in the file, where it opens packets and seals none.
        #[arg(long)]
        append: bool,
    },
    /// Prints a configuration as understood, defaults included.
    Check {
        /// The configuration file.
        conf: PathBuf,
    },
    /// Looks at what an acceptor remembers on disk, while it runs or not.
    #[command(subcommand)]
    Log(inspect::Command),
    /// Writes the man pages, one for each command and one for paxos.conf, into man1 and man5 below a directory.
    Man {
        /// An existing directory, as in ~/.local/share/man.
        dir: PathBuf,
    },
    /// Prints a script that has a shell complete our commands.
    Completions {
        /// Which shell.
        shell: clap_complete::Shell,
    },
}

#[derive(Args, Debug)]
struct Process1 {
    /// Which one of its role this process is, 0 to 65535.
    id: u16,
    /// The configuration file, the same for all processes.
    conf: PathBuf,
    /// Writes what was counted (packets, system calls, drops, what was sent again) to a file at the end: one
    /// JSON object on a line.
    #[arg(long, value_name = "FILE")]
    stats: Option<PathBuf>,
    #[command(flatten)]
    trace: TraceArgs,
}

#[derive(Args, Debug)]
struct TraceArgs {
    /// Writes every packet in and out to a file, for `wire dump` and Wireshark: pcapng, with the time, the direction, and
    /// why a packet was refused or could not be sent. A file that is there becomes FILE.1.
    #[arg(long, value_name = "FILE")]
    trace: Option<PathBuf>,
    /// How long the trace gets, FILE and FILE.1 together: when FILE has half of it, it becomes FILE.1 and a new one begins.
    #[arg(long, value_name = "SIZE", default_value = "1024MiB", value_parser = conf::trace_size, requires = "trace")]
    trace_max: usize,
    /// Cuts packets in the trace after so many bytes, IP and UDP headers included; those of up to 256 bytes stay whole. 0
    /// keeps all whole, which takes a fast disk: at full speed a third of the throughput is lost.
    #[arg(long, value_name = "BYTES", default_value_t = TRACE_SNAP, value_parser = trace_snap, requires = "trace")]
    trace_snap: usize,
}

/// What stays of a packet in a trace when nothing else is said: its headers, and who votes for what.
const TRACE_SNAP: usize = 96;

fn trace_snap(word: &str) -> Result<usize, String> {
    let least = trace::SNAP_MIN;
    match word.parse() {
        Ok(bytes) if bytes == 0 || (least..=65_535).contains(&bytes) => Ok(bytes),
        _ => Err(format!("write a number of bytes from {least} to 65535, or 0 for whole packets")),
    }
}

#[derive(Args, Debug)]
struct AcceptorArgs {
    #[command(flatten)]
    process: Process1,
    /// Remembers in this directory, relative to the working directory; `%i` stands for the id, `none` for
    /// none. Overrides `data` in the configuration, which is relative to the configuration.
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
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
    /// Appends to a file how many values are decided so far, a line whenever that changes: the first so many that
    /// were read. After a crash the last line is still true.
    #[arg(long, value_name = "FILE")]
    acked: Option<PathBuf>,
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
    Logger::install(level);
    match run(cli.command, cli.quiet > 0) {
        Ok(code) => code,
        Err(failure) => {
            complain(&failure.sentence);
            failure.status.into()
        }
    }
}

fn run(command: Command, quiet: bool) -> Result<ExitCode, Failure> {
    match command {
        Command::Check { conf } => {
            let text = load(&conf)?.to_string();
            match std::io::stdout().write_all(text.as_bytes()) {
                Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
                    Err(format!("paxos: stdout: {error}").into())
                }
                _ => Ok(ExitCode::SUCCESS),
            }
        }
        Command::Keygen { file, id, append } => {
            let id = if append { keygen::append(&file, id) } else { keygen::create(&file, id) }?;
            complain(&format!("{}: key {id} is new", file.display()));
            Ok(ExitCode::SUCCESS)
        }
        Command::Sim(args) => Ok(sim::main(&args, quiet)?),
        Command::Bench(args) => Ok(bench::main(&args)?),
        Command::Log(command) => Ok(inspect::run(&command)?),
        Command::Man { dir } => Ok(manual::pages(&dir)?),
        Command::Completions { shell } => Ok(manual::completions(shell)?),
        Command::Status(args) => Ok(watch::status(&args)),
        Command::Top(args) => watch::top(&args),
        Command::Exporter(args) => watch::exporter(&args),
        Command::Doctor(args) => Ok(doctor::main(&args)),
        Command::Acceptor(args) => acceptor(&args),
        Command::Proposer(process) => {
            let conf = load(&process.conf)?;
            let (mut reactor, setup) = Reactor::open(Role::Proposer, process.id, &conf)?;
            ended(drive(&process, &mut reactor, &mut Proposer::new(setup), &mut NoDriver)?)
        }
        Command::Learner(args) => learner(&args),
        Command::Client(args) => client(&args),
    }
}

fn load(path: &Path) -> Result<Conf, Failure> {
    Conf::load(path).map_err(|diagnostics| Failure::configuration(diagnostics.to_string()))
}

fn drive<R: Process>(
    process: &Process1,
    reactor: &mut Reactor,
    role: &mut R,
    driver: &mut impl Driver<R>,
) -> Result<End, String> {
    if let Some(path) = &process.trace.trace {
        let TraceArgs { trace_max, trace_snap, .. } = process.trace;
        reactor.trace(&trace::Options { path: path.clone(), bytes_max: trace_max, snap: trace_snap })?;
    }
    let end = reactor.run(role, driver).map_err(|failure| format!("paxos: {failure}"));
    if let Some(path) = &process.stats {
        let written = reactor.stats().write(path, reactor.me());
        written.map_err(|error| format!("--stats {}: {error}", path.display()))?;
    }
    end
}

/// What the end of a role other than a client means.
fn ended(end: End) -> Result<ExitCode, Failure> {
    match end {
        End::Signal | End::OutputClosed | End::Driver => Ok(ExitCode::SUCCESS),
        End::Role(stop) => Err(Failure::stopped(stop, reason(stop))),
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
        Stop::Numbers => "this start has sent 2^48 packets, as many as it can number: start it anew".into(),
        Stop::OtherLog { own, new } => format!(
            "the acceptors have lost their memory and began a new log, {new:08x}; this process belongs to the former one, \
             {own:08x}, which is over: start it anew to follow the new one"
        ),
        Stop::Conflict { instance } => format!(
            "instance {instance}: two different values came that cannot both be right; stopping rather than going on \
             with a wrong order. Do two clusters share these groups, or has an acceptor lost its memory?"
        ),
    }
}

fn acceptor(args: &AcceptorArgs) -> Result<ExitCode, Failure> {
    let process = &args.process;
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
        return Err(Failure::configuration(format!(
            "{}: acceptor {} is not one of the acceptors, which are {known}; to make it one, write `acceptors {} {}{line}` \
             in the configuration of every process",
            process.conf.display(),
            process.id,
            conf.acceptors.ip(),
            conf.acceptors.port(),
        )));
    }
    // Remembering comes first: sockets that nobody reads for so long would overflow.
    let mut memory = Memory::touching(heap::touch);
    let journal = match data(args, &conf) {
        None => None,
        Some(directory) => {
            let owner = Owner { cluster: conf.layout().cluster, acceptor: process.id };
            let journal = storage::open(&directory, owner, &mut memory);
            Some(journal.map_err(|error| {
                let sentence = format!("paxos: {}", error.sentence);
                if error.for_good { Failure::configuration(sentence) } else { sentence.into() }
            })?)
        }
    };
    if conf.reserve > 0 {
        let begun = Instant::now();
        memory.reserve(conf.reserve);
        let took = begun.elapsed().as_millis();
        log::info!(target: "paxos", "{} of memory taken in {took} ms", size_text(conf.reserve));
    }
    let (mut reactor, setup) = match journal {
        None => Reactor::open(Role::Acceptor, process.id, &conf)?,
        Some(journal) => Reactor::open_durable(Role::Acceptor, process.id, &conf, journal)?,
    };
    ended(drive(process, &mut reactor, &mut Acceptor::remembering(setup, memory), &mut NoDriver)?)
}

/// The directory that an acceptor remembers in.
fn data(args: &AcceptorArgs, conf: &Conf) -> Option<PathBuf> {
    let id = args.process.id;
    match &args.data {
        None => conf.data_of(id),
        Some(directory) if directory.as_os_str() == "none" => None,
        // A name that is no text has no `%i` in it.
        Some(directory) => {
            Some(directory.to_str().map_or(directory.clone(), |data| data_directory(data, id)))
        }
    }
}

/// Ends a learner that has had nothing to print for some time.
struct UntilIdle {
    idle: Option<Nanos>,
    /// When something was delivered last, and how far.
    last: Option<(Nanos, u64)>,
}

impl Driver<Learner> for UntilIdle {
    fn turn(&mut self, now: Nanos, role: &mut Learner) -> Step {
        let Some(idle) = self.idle else { return Step::Whenever };
        let delivered = role.delivered_until();
        let (at, until) = *self.last.get_or_insert((now, delivered));
        if delivered > until {
            self.last = Some((now, delivered));
            return Step::Until(now + idle);
        }
        if now >= at + idle { Step::End } else { Step::Until(at + idle) }
    }
}

fn learner(args: &LearnerArgs) -> Result<ExitCode, Failure> {
    let conf = load(&args.process.conf)?;
    let idle = match args.until_idle {
        Some(seconds) if seconds.is_finite() && (0.0..1e9).contains(&seconds) => {
            Some(clock::nanos(Duration::from_secs_f64(seconds)))
        }
        Some(seconds) => {
            return Err(format!("--until-idle {seconds}: write a number of seconds, as in 2.5").into());
        }
        None => None,
    };
    let format = match args.format {
        FormatArg::Value => Format::Value,
        FormatArg::Json => Format::Json,
    };
    let (mut reactor, setup) = Reactor::open(Role::Learner, args.process.id, &conf)?;
    reactor.print_to_stdout().map_err(|error| format!("paxos: no stdout: {error}"))?;
    let mut learner = Learner::new(setup, format, args.from);
    ended(drive(&args.process, &mut reactor, &mut learner, &mut UntilIdle { idle, last: None })?)
}

/// Feeds a client from stdin, and tells a person how it goes.
struct Feeder {
    lines: Lines,
    chunk: Chunk,
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
    /// When something was decided last, or nothing waited; how far that was; when we complained last.
    moved: (Nanos, u64),
    complained: Nanos,
    acked: Option<Acked>,
}

const DRAW: Nanos = 200_000_000;
const COMPLAIN: Nanos = 3_000_000_000;

impl Driver<Client> for Feeder {
    fn turn(&mut self, now: Nanos, client: &mut Client) -> Step {
        self.feed(client);
        self.draw(now, client);
        self.complain(now, client);
        let decided = client.progress().decided;
        match self.acked.as_mut().map_or(Step::Whenever, |acked| acked.note(now, decided)) {
            Step::Whenever => Step::Until(now + DRAW),
            step => step,
        }
    }
}

impl Feeder {
    fn feed(&mut self, client: &mut Client) {
        self.lines.turn();
        loop {
            if self.taken < self.chunk.len() {
                self.taken += client.offer(&self.chunk[self.taken..]);
                if self.taken < self.chunk.len() {
                    self.lines.full();
                    return;
                }
                self.lines.give_back(std::mem::take(&mut self.chunk));
            }
            match self.lines.take() {
                None => return,
                Some(Input::Lines(chunk)) => (self.chunk, self.taken) = (chunk, 0),
                Some(Input::TooLong) => {
                    self.refused += 1;
                    let line = client.progress().offered + self.refused;
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
        let (decided, waiting) = (client.decided_until(), self.undecided(client));
        if decided != self.moved.1 || waiting == 0 {
            self.moved = (now, decided);
        }
        if now < self.moved.0 + COMPLAIN || now < self.complained + COMPLAIN {
            return;
        }
        self.complained = now;
        let why = match client.heard() {
            (_, Some((at, mask))) if now < at + COMPLAIN => self.missing_acceptors(mask),
            (leader, _) => match leader {
                Some(ballot) => format!("nothing heard from the leader, proposer {}", ballot.proposer()),
                None => format!("no proposer answers at {}", self.proposers),
            },
        };
        self.say(&format!("waiting for {} to be decided: {why}", counted(waiting, "value")));
    }

    /// Values that were read and are not decided, those that the client could not take yet included.
    fn undecided(&self, client: &Client) -> u64 {
        let progress = client.progress();
        let untaken =
            memchr::memchr_iter(b'\n', &self.chunk[self.taken.min(self.chunk.len())..]).count() as u64;
        progress.offered - progress.decided + untaken
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
        self.bar.suspend(|| complain(text));
    }
}

/// The file of `--acked`. A line goes there in one write, so that whatever kills us leaves whole lines.
struct Acked {
    path: PathBuf,
    file: File,
    /// When a line was written last, and which number.
    written: (Nanos, u64),
    broken: Option<std::io::Error>,
}

/// The shortest time between two lines of `--acked`, but for the last.
const ACKED_EVERY: Nanos = 5_000_000;

impl Acked {
    fn open(path: &Path) -> Result<Acked, String> {
        let file = File::options().append(true).create(true).open(path);
        let file = file.map_err(|error| format!("{}: {error}", path.display()))?;
        Ok(Acked { path: path.into(), file, written: (0, 0), broken: None })
    }

    /// Writes the number, if it is a new one and it is time.
    fn note(&mut self, now: Nanos, decided: u64) -> Step {
        let next = self.written.0 + ACKED_EVERY;
        if decided == self.written.1 {
            Step::Whenever
        } else if now < next {
            Step::Until(next)
        } else {
            self.written = (now, decided);
            match self.write() {
                Ok(()) => Step::Whenever,
                Err(error) => {
                    self.broken = Some(error);
                    Step::End
                }
            }
        }
    }

    /// Writes the last number, unless it stands there.
    fn finish(&mut self, decided: u64) -> Result<(), String> {
        let mut result = self.broken.take().map_or(Ok(()), Err);
        if result.is_ok() && decided != self.written.1 {
            self.written.1 = decided;
            result = self.write();
        }
        result.map_err(|error| {
            format!("{}: {error}; {} decided", self.path.display(), counted(decided, "value"))
        })
    }

    fn write(&mut self) -> std::io::Result<()> {
        self.file.write_all(format!("{}\n", self.written.1).as_bytes())
    }
}

/// `1 value`, `2 values`
fn counted(number: u64, what: &str) -> String {
    format!("{number} {what}{}", if number == 1 { "" } else { "s" })
}

fn client(args: &ClientArgs) -> Result<ExitCode, Failure> {
    let conf = load(&args.process.conf)?;
    let acked = args.acked.as_deref().map(Acked::open).transpose()?;
    let (mut reactor, setup) = Reactor::open(Role::Client, args.process.id, &conf)?;
    reactor::widen_pipe(std::io::stdin());
    let lines = input::start(Source::stdin(), args.rate.or(conf.rate), reactor.poller());
    let bar = ProgressBar::new_spinner();
    if let Ok(style) = ProgressStyle::with_template("{spinner} {msg}") {
        bar.set_style(style);
    }
    let mut feeder = Feeder {
        lines,
        chunk: Chunk::default(),
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
        acked,
    };
    let mut client = Client::new(setup);
    let end = drive(&args.process, &mut reactor, &mut client, &mut feeder)?;
    feeder.bar.finish_and_clear();
    let progress = client.progress();
    let undecided = feeder.undecided(&client);
    if let Some(acked) = &mut feeder.acked {
        acked.finish(progress.decided)?;
    }
    if let Some(error) = feeder.broken {
        return Err(
            format!("stdin: {error}; {} read before decided", counted(progress.decided, "value")).into()
        );
    }
    match end {
        End::Role(Stop::Done) if feeder.refused == 0 => Ok(ExitCode::SUCCESS),
        End::Role(Stop::Done) => Err(format!(
            "{} decided, {} refused",
            counted(progress.decided, "value"),
            counted(feeder.refused, "line")
        )
        .into()),
        End::Role(stop) => {
            let told =
                format!("{}; {} decided, {undecided} not", reason(stop), counted(progress.decided, "value"));
            Err(Failure::stopped(stop, told))
        }
        _ => {
            let unread = if feeder.ended { "" } else { "; stdin was not read to its end" };
            Err(format!(
                "interrupted: {} decided, {undecided} not{unread}",
                counted(progress.decided, "value")
            )
            .into())
        }
    }
}
