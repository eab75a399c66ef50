//! `paxos sim`: one run as a story, or many runs side by side.

use crate::engine::heap;
use crate::sim::failure::{Failure, Rule};
use crate::sim::shrink::shrink;
use crate::sim::story::Seconds;
use crate::sim::{self, Script, Story, Trace, Watch, World};
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// What to run.
#[derive(Args, Debug)]
pub struct SimArgs {
    /// Runs one seed, and tells every packet.
    #[arg(long, conflicts_with_all = ["seeds", "from", "minutes"])]
    seed: Option<u64>,
    /// Runs so many seeds; 1000 when nothing says otherwise.
    #[arg(long, value_name = "COUNT")]
    seeds: Option<u64>,
    /// The first of the seeds.
    #[arg(long, value_name = "SEED", default_value_t = 1)]
    from: u64,
    /// Runs seeds for so long.
    #[arg(long, conflicts_with = "seeds")]
    minutes: Option<f64>,
    /// Runs this scenario in place of the one that the seed makes up: sentences, parted by semicolons, as in
    /// "3 acceptors; 1 proposer; 1 learner; client 1 submits 9 values; expect all delivered within 1s".
    #[arg(long, value_name = "SENTENCES")]
    script: Option<String>,
    /// Writes every packet of the run to this file, as a capture for `wire check`, `wire story` and `wire dump`.
    #[arg(long, value_name = "FILE", requires = "seed")]
    trace: Option<PathBuf>,
    /// Tells nothing of what the checker finds, and goes on: the trace is to show it.
    #[arg(long, requires = "trace")]
    unchecked: bool,
    /// Ends with the first seed that fails, and tells it in one line.
    #[arg(long, conflicts_with = "seed")]
    first: bool,
    /// Plants a bug, to see how soon it is found.
    #[cfg(planted)]
    #[arg(long, value_name = "BUG", value_parser = planted_bug)]
    planted: Option<crate::planted::Bug>,
}

#[cfg(planted)]
fn planted_bug(name: &str) -> Result<crate::planted::Bug, String> {
    let names = || crate::planted::Bug::ALL.map(|(name, _)| name).join(", ");
    crate::planted::Bug::named(name).ok_or_else(|| format!("there is no such bug; there are {}", names()))
}

/// A sweep ends when so many seeds have failed.
const FAILURES_MAX: usize = 10;
/// Every so-manieth seed is run twice, to see that it comes to the same.
const TWICE: u64 = 64;
/// How long a failing run is made shorter.
const SHRINK_TIME: Duration = Duration::from_secs(30);
/// Lines of the story that a failure tells.
const LAST_LINES: usize = 40;

/// Runs the command.
///
/// # Errors
/// What is wrong with the command.
pub fn main(args: &SimArgs, quiet: bool) -> Result<ExitCode, String> {
    heap::large_blocks_from_the_system();
    #[cfg(planted)]
    args.planted.iter().copied().for_each(crate::planted::plant);
    let script = args.script.as_deref().map(parse).transpose()?;
    match args.seed {
        Some(seed) => tell(seed, script.unwrap_or_else(|| made_up(seed)), quiet, args),
        None => Ok(Sweep::new(args, script).run()),
    }
}

fn parse(text: &str) -> Result<Script, String> {
    Script::parse(text).map_err(|failure| format!("--script: {failure}"))
}

/// The script that a seed makes up.
fn made_up(seed: u64) -> Script {
    Script::parse(&sim::script(seed)).expect("what is made up is understood")
}

/// One run, as a story on stdout, and as a trace.
fn tell(seed: u64, script: Script, quiet: bool, args: &SimArgs) -> Result<ExitCode, String> {
    let told = |path: &Path, error: io::Error| format!("{}: {error}", path.display());
    let create = |path: &PathBuf| File::create(path).map(Trace::new).map_err(|error| told(path, error));
    let trace = args.trace.as_ref().map(create).transpose()?;
    let story = if quiet { Story::Untold } else { Story::Aloud(Box::new(line_on_stdout)) };
    let started = Instant::now();
    let watch = Watch { trace, unchecked: args.unchecked };
    let mut run = sim::run_watched(seed, &script, story, watch);
    if let (Some(path), Some(trace)) = (&args.trace, run.world.take_trace()) {
        trace.finish().map_err(|error| told(path, error))?;
    }
    let mut totals = Totals::default();
    totals.add(&run.world);
    match run.result {
        Ok(()) => {
            say(&format!("seed {seed}: as expected; {}", totals.summary(started.elapsed())));
            Ok(ExitCode::SUCCESS)
        }
        Err(failure) => {
            say(&format!("seed {seed}: {failure}"));
            Ok(ExitCode::FAILURE)
        }
    }
}

/// A line for whoever reads stdout. When nobody does any more, the process has no more to do.
fn line_on_stdout(line: &str) {
    if writeln!(io::stdout().lock(), "{line}").is_err() {
        std::process::exit(0);
    }
}

fn say(text: &str) {
    line_on_stdout(text);
}

/// What runs amounted to.
#[derive(Clone, Copy, Debug, Default)]
struct Totals {
    runs: u64,
    time: u64,
    events: u64,
    values: u64,
    refused: u64,
    /// Runs in which more acceptors were lost at once than the engine claims to survive.
    beyond: u64,
}

impl Totals {
    fn add(&mut self, world: &World) {
        self.runs += 1;
        self.time += world.now();
        self.events += world.counts().events;
        self.values += world.lines();
        self.refused += world.counts().refused.iter().sum::<u64>();
        self.beyond += u64::from(world.is_beyond_claims());
    }

    fn summary(&self, took: Duration) -> String {
        let seconds = took.as_secs_f64().max(1e-9);
        format!(
            "{} runs, {:.2} simulated hours, {} events, {:.0} events/s, {} values delivered, {} damaged packets refused, \
             {} runs beyond what is claimed",
            self.runs,
            self.time as f64 / 3.6e12,
            self.events,
            self.events as f64 / seconds,
            self.values,
            self.refused,
            self.beyond
        )
    }
}

/// A seed that failed.
struct Failed {
    seed: u64,
    failure: Failure,
}

/// Many seeds, on all cores; each has a world of its own.
struct Sweep {
    script: Option<Script>,
    next: AtomicU64,
    until: u64,
    deadline: Option<Instant>,
    first: bool,
    stop: AtomicBool,
    totals: Mutex<Totals>,
    failed: Mutex<Vec<Failed>>,
    bar: ProgressBar,
}

impl Sweep {
    fn new(args: &SimArgs, script: Option<Script>) -> Sweep {
        let seconds = args.minutes.map(|minutes| (minutes * 60.0).clamp(0.0, 1e9));
        let count = args.seeds.unwrap_or(if seconds.is_some() { u64::MAX } else { 1000 });
        let bar = ProgressBar::new(if seconds.is_some() { 0 } else { count });
        let style = ProgressStyle::with_template("{spinner} {pos} seeds {wide_bar} {msg}");
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
        Sweep {
            script,
            next: AtomicU64::new(args.from),
            until: args.from.saturating_add(count),
            deadline: seconds.map(|seconds| Instant::now() + Duration::from_secs_f64(seconds)),
            first: args.first,
            stop: AtomicBool::new(false),
            totals: Mutex::default(),
            failed: Mutex::default(),
            bar,
        }
    }

    fn run(self) -> ExitCode {
        let started = Instant::now();
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        std::thread::scope(|scope| {
            for _ in 0..threads {
                scope.spawn(|| self.work(started));
            }
        });
        self.bar.finish_and_clear();
        let took = started.elapsed();
        let mut failed = lock(&self.failed);
        failed.sort_by_key(|failed| failed.seed);
        if let Some(first) = failed.first().filter(|_| !self.first) {
            self.report(first);
        }
        for other in failed.iter().skip(usize::from(!self.first)) {
            say(&format!(
                "seed {}: {}\n  {}",
                other.seed,
                first_line(&other.failure),
                self.replay(other.seed)
            ));
        }
        let totals = lock(&self.totals).summary(took);
        say(&format!("{totals}, {} failures", failed.len()));
        if failed.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
    }

    /// Takes seeds until there are none left.
    fn work(&self, started: Instant) {
        loop {
            let seed = self.next.fetch_add(1, Ordering::Relaxed);
            let late = self.deadline.is_some_and(|deadline| Instant::now() >= deadline);
            if seed >= self.until || late || self.stop.load(Ordering::Relaxed) {
                return;
            }
            let script = self.script_of(seed);
            let mut run = sim::run(seed, &script, Story::Untold);
            if run.result.is_ok() && seed.is_multiple_of(TWICE) {
                run.result = twice(seed, &script, &run.world);
            }
            let mut totals = lock(&self.totals);
            totals.add(&run.world);
            self.bar.inc(1);
            self.bar.set_message(format!(
                "{:.0} events/s, {} simulated",
                totals.events as f64 / started.elapsed().as_secs_f64(),
                Seconds(totals.time)
            ));
            drop(totals);
            if let Err(failure) = run.result {
                let mut failed = lock(&self.failed);
                failed.push(Failed { seed, failure });
                self.stop.store(self.first || failed.len() >= FAILURES_MAX, Ordering::Relaxed);
            }
        }
    }

    fn script_of(&self, seed: u64) -> Script {
        self.script.clone().unwrap_or_else(|| made_up(seed))
    }

    /// The one command that replays a seed.
    fn replay(&self, seed: u64) -> String {
        match &self.script {
            Some(script) => format!("paxos sim --seed {seed} --script \"{script}\""),
            None => format!("paxos sim --seed {seed}"),
        }
    }

    /// A failure in full: what, how to see it again, and a shorter run that fails in the same way.
    fn report(&self, failed: &Failed) {
        let seed = failed.seed;
        say(&format!("seed {seed}: {}\n\nTo see it again:\n  {}\n", failed.failure, self.replay(seed)));
        let script = self.script_of(seed);
        if matches!(failed.failure, Failure::Script(_)) {
            return; // nothing of that would be of interest in a shorter one
        }
        let deadline = Instant::now() + SHRINK_TIME;
        let shrunk = shrink(seed, &script, &failed.failure, || Instant::now() < deadline);
        let (from, to) = (script.sentences.len(), shrunk.script.sentences.len());
        let again = sim::run(seed, &shrunk.script, Story::last(LAST_LINES));
        say(&format!("Shortened from {from} sentences to {to} in {} runs; its last lines are", shrunk.runs));
        again.world.story().lines().for_each(|line| say(&format!("  {line}")));
        say(&format!("  {}\n", shrunk.failure));
        say(&format!("  paxos sim --seed {seed} --script \"{}\"\n", shrunk.script));
    }
}

/// Runs a seed again, which must come to the same.
fn twice(seed: u64, script: &Script, first: &World) -> Result<(), Failure> {
    let again = sim::run(seed, script, Story::Untold).world;
    if (first.digest(), first.now()) == (again.digest(), again.now()) {
        return Ok(());
    }
    let text = "two runs of this seed differ".to_owned();
    Err(Failure::Violation { rule: Rule::Repeatable, text })
}

fn first_line(failure: &Failure) -> String {
    failure.to_string().lines().next().unwrap_or_default().to_owned()
}

/// A lock that no panic poisons: those of a run are caught inside it.
fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}
