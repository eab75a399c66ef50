//! One run: a cluster starts, takes values, is checked, ends.

use super::check::{self, Checker};
use super::cluster::{Cluster, Counts, Pipes};
use super::feeder::{self, Feeder};
use super::interrupt;
use super::latency::Latency;
use super::measure::Measure;
use super::procfs;
use super::reader::{Reader, Shared};
use super::setting::{Amount, Setting};
use super::times::Times;
use crate::engine::clock::{self, Clock};
use crate::protocol::Nanos;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use wire::Role;

/// The part of a run in seconds that is not measured.
const WARM_UP: f64 = 0.1;
/// How long nothing may happen before a run has failed.
const PATIENCE: Nanos = 20_000_000_000;
/// Between two looks while a run goes on by itself.
const GLANCE: Duration = Duration::from_millis(20);
/// Between two looks for an end that is near.
const CLOSE_GLANCE: Duration = Duration::from_millis(1);

/// A run that is on.
struct Running<'a> {
    setting: &'a Setting,
    clock: Clock,
    cluster: Cluster,
    feeders: Vec<Feeder>,
    readers: Vec<Reader>,
    shared: Arc<Shared>,
    stop: Arc<AtomicBool>,
}

/// What stood on the counters at a moment.
struct Sample {
    at: Nanos,
    /// Of each learner.
    printed: Vec<u64>,
    cpu_ns: [u64; 4],
    own_cpu_ns: u64,
}

/// Runs once.
///
/// # Errors
/// A sentence about what went wrong: what was not right, which process ended, what the system did not grant.
pub fn run(setting: &Setting) -> Result<Vec<Measure>, String> {
    let (cluster, pipes) = Cluster::start(setting)?;
    Running::new(setting, cluster, pipes)?.run()
}

impl<'a> Running<'a> {
    fn new(setting: &'a Setting, cluster: Cluster, pipes: Pipes) -> Result<Running<'a>, String> {
        let clock = Clock::start();
        let times = Arc::new(Times::new(setting.clients, feeder::per_piece(setting.size), setting.rate));
        let shared = Arc::new(Shared::new(clock, Arc::clone(&times)));
        let mut running = Running {
            setting,
            clock,
            cluster,
            feeders: Vec::new(),
            readers: Vec::new(),
            shared: Arc::clone(&shared),
            stop: Arc::default(),
        };
        for (learner, pipe) in (1..).zip(pipes.learners) {
            let checker = Checker::new(setting.clients, setting.size);
            running.readers.push(Reader::start(learner, checker, pipe, &shared)?);
        }
        for (client, pipe) in pipes.clients.into_iter().enumerate() {
            let values = (setting.size, setting.values_of(client));
            let feeder = Feeder::start(client, values, pipe, clock, (&times, &running.stop))?;
            running.feeders.push(feeder);
        }
        Ok(running)
    }

    fn run(mut self) -> Result<Vec<Measure>, String> {
        let measured = self.drive();
        let ended = measured.and_then(|(from, to)| {
            let memory = self.cluster.peak_memory_kib();
            self.feeders.iter_mut().for_each(Feeder::close);
            Ok((from, to, memory, self.cluster.end()?))
        });
        // From here on nothing of the cluster runs, so the threads come to their end.
        let submitted: Option<Vec<u64>> = self.feeders.iter().map(Feeder::submitted).collect();
        self.stop.store(true, Ordering::Relaxed);
        drop(self.cluster);
        self.feeders.into_iter().for_each(Feeder::join);
        let mut latency = Latency::new();
        let mut sums = Vec::new();
        for reader in self.readers {
            let (sum, more) = reader.join()?;
            latency.add(&more);
            sums.push(sum);
        }
        let (from, to, memory, counts) = ended?;
        self.shared.check()?;
        let submitted = submitted.ok_or("a client was not given all values")?;
        check::agree(&sums, &submitted)?;
        let all: u64 = submitted.iter().sum();
        Ok(measures(self.setting, (&from, &to), &latency, memory, (all, counts)))
    }

    /// Lets the values go and waits for them; returns what stood on the counters where the measured part
    /// begins and where it ends.
    fn drive(&mut self) -> Result<(Sample, Sample), String> {
        let clients = u64::from(self.setting.clients);
        self.wait(CLOSE_GLANCE, |running| running.printed() >= clients)
            .map_err(|error| format!("the cluster does not get going: {error}"))?;
        let mut from = self.sample();
        let start = self.clock.now();
        self.shared.times.start_at(start);
        let begin = |from: Nanos| self.shared.from.store(from, Ordering::Relaxed);
        if let Amount::Values(_) = self.setting.amount {
            begin(start);
        }
        self.feeders.iter().for_each(Feeder::go);
        let mut to = None;
        match self.setting.amount {
            Amount::Values(_) => from.at = start,
            Amount::Seconds(seconds) => {
                let after = |seconds| start + clock::nanos(Duration::from_secs_f64(seconds));
                let (warm, end) = (after(seconds * WARM_UP), after(seconds));
                begin(warm);
                self.shared.until.store(end, Ordering::Relaxed);
                self.sleep_until(warm)?;
                from = self.sample();
                self.sleep_until(end)?;
                to = Some(self.sample());
                if self.setting.rate.is_none() {
                    self.stop.store(true, Ordering::Relaxed);
                }
            }
        }
        self.wait(CLOSE_GLANCE, |running| running.submitted().is_some())?;
        let all = self.submitted().expect("that was waited for");
        self.wait(CLOSE_GLANCE, |running| running.printed() >= all)?;
        let to = to.unwrap_or_else(|| {
            let at = self.readers.iter().map(Reader::at).max().unwrap_or(start);
            Sample { at, ..self.sample() }
        });
        Ok((from, to))
    }

    /// Values that every learner has printed.
    fn printed(&self) -> u64 {
        self.readers.iter().map(Reader::values).min().unwrap_or(0)
    }

    /// Values that were submitted, when no more will be.
    fn submitted(&self) -> Option<u64> {
        self.feeders.iter().map(Feeder::submitted).sum()
    }

    fn sample(&self) -> Sample {
        Sample {
            at: self.clock.now(),
            printed: self.readers.iter().map(Reader::values).collect(),
            cpu_ns: self.cluster.cpu_ns(),
            own_cpu_ns: procfs::cpu_ns(std::process::id()),
        }
    }

    /// # Errors
    /// When the run cannot be a good one any more.
    fn check(&mut self) -> Result<(), String> {
        interrupt::check()?;
        self.shared.check()?;
        self.cluster.check()
    }

    /// Waits until `done`, as long as values are printed.
    fn wait(&mut self, glance: Duration, done: impl Fn(&Running<'_>) -> bool) -> Result<(), String> {
        let (mut printed, mut moved) = (self.printed(), self.clock.now());
        while !done(self) {
            self.check()?;
            std::thread::sleep(glance);
            let now = self.clock.now();
            if self.printed() != printed {
                (printed, moved) = (self.printed(), now);
            } else if now.saturating_sub(moved) > PATIENCE {
                return Err(format!(
                    "no learner has printed anything for {} s, after {printed} values",
                    PATIENCE / 1_000_000_000
                ));
            }
        }
        Ok(())
    }

    fn sleep_until(&mut self, until: Nanos) -> Result<(), String> {
        loop {
            self.check()?;
            let left = Duration::from_nanos(until.saturating_sub(self.clock.now()));
            if left.is_zero() {
                return Ok(());
            }
            std::thread::sleep(left.min(GLANCE));
        }
    }
}

/// The numbers of a run, in the order in which they are told.
fn measures(
    setting: &Setting,
    (from, to): (&Sample, &Sample),
    latency: &Latency,
    memory: [u64; 4],
    (all, counts): (u64, Counts),
) -> Vec<Measure> {
    let printed = from.printed.iter().zip(&to.printed).map(|(from, to)| to - from);
    let values = printed.min().unwrap_or(0) as f64; // the slowest learner counts
    let per_s = values / ((to.at - from.at) as f64 / 1e9);
    let cpu = |role: usize| (to.cpu_ns[role] - from.cpu_ns[role]) as f64 / 1e3 / values;
    let again = |role: Role| counts.sent_again[role as usize - 1] as f64;
    let per_value = |count: u64| count as f64 / all as f64;
    vec![
        Measure::new("values_per_s", "values/s", per_s),
        Measure::new("value_mbit_per_s", "values, Mbit/s", per_s * setting.size as f64 * 8.0 / 1e6),
        Measure::new("latency_p50_us", "latency p50, µs", latency.quantile_us(0.5)),
        Measure::new("latency_p99_us", "latency p99, µs", latency.quantile_us(0.99)),
        Measure::new("latency_p999_us", "latency p99.9, µs", latency.quantile_us(0.999)),
        Measure::new("latency_max_us", "latency max, µs", latency.max_us()),
        Measure::new("cpu_clients_us_per_value", "CPU clients, µs/value", cpu(0)),
        Measure::new("cpu_proposers_us_per_value", "CPU proposers, µs/value", cpu(1)),
        Measure::new("cpu_acceptors_us_per_value", "CPU acceptors, µs/value", cpu(2)),
        Measure::new("cpu_learners_us_per_value", "CPU learners, µs/value", cpu(3)),
        Measure::new(
            "cpu_bench_us_per_value",
            "CPU of the bench itself, µs/value",
            (to.own_cpu_ns - from.own_cpu_ns) as f64 / 1e3 / values,
        ),
        Measure::new("memory_client_kib", "peak memory of a client, KiB", memory[0] as f64),
        Measure::new("memory_proposer_kib", "… of a proposer, KiB", memory[1] as f64),
        Measure::new("memory_acceptor_kib", "… of an acceptor, KiB", memory[2] as f64),
        Measure::new("memory_learner_kib", "… of a learner, KiB", memory[3] as f64),
        Measure::new("packets_per_value", "packets sent per value", per_value(counts.packets_sent)),
        Measure::new("receive_drops", "receive drops", counts.receive_drops as f64),
        Measure::new("packets_unsent", "packets not sent", counts.packets_unsent as f64),
        Measure::new("packets_refused", "packets refused", counts.packets_refused as f64),
        Measure::new("entries_sent_again", "entries sent again by clients", again(Role::Client)),
        Measure::new("instances_sent_again", "instances sent again by proposers", again(Role::Proposer)),
        Measure::new("catch_up_requests", "catch-up requests of learners", again(Role::Learner)),
        Measure::new("slow_paths", "processes without GSO or GRO", counts.slow_paths as f64),
        Measure::new("values", "values in all", all as f64),
    ]
}
