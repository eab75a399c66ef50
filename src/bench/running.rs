//! A cluster that takes values while the bench watches what it prints: the frame of every kind of run.

use super::check::{self, Checker};
use super::cluster::{Cluster, Counts, Pipes};
use super::feeder::{self, Feeder};
use super::interrupt;
use super::latency::Latency;
use super::reader::{Reader, Shared};
use super::setting::Setting;
use super::times::Times;
use crate::engine::clock::Clock;
use crate::protocol::Nanos;
use std::process::ChildStdout;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use wire::Role;

/// How long nothing may happen before a run has failed.
const PATIENCE: Nanos = 20_000_000_000;
/// Between two looks while a run goes on by itself.
const GLANCE: Duration = Duration::from_millis(20);
/// Between two looks for what is near.
pub const CLOSE_GLANCE: Duration = Duration::from_millis(1);

/// A run that is on.
pub struct Running<'a> {
    pub setting: &'a Setting,
    pub clock: Clock,
    pub cluster: Cluster,
    /// Of the learners, in the order in which they were started.
    pub readers: Vec<Reader>,
    pub shared: Arc<Shared>,
    feeders: Vec<Feeder>,
    stop: Arc<AtomicBool>,
}

/// What is known of a run as a whole, at its end.
pub struct Whole {
    /// In the window that was measured, less what was taken before.
    pub latency: Latency,
    /// The most memory of a process of each role, KiB, in the order of [`wire::Role::GROUPS`].
    pub memory_kib: [u64; 4],
    /// Values submitted, opening ones included.
    pub values: u64,
    pub counts: Counts,
}

impl<'a> Running<'a> {
    /// Starts a cluster, lets `drive` do with it what it wants, lets everything come to its end, and checks all
    /// that was printed. Latency is measured in the window that `drive` sets.
    ///
    /// # Errors
    /// A sentence about what went wrong: what was not right, which process ended, what the system did not
    /// grant.
    pub fn run<T>(
        setting: &'a Setting,
        drive: impl FnOnce(&mut Running<'a>) -> Result<T, String>,
    ) -> Result<(T, Whole), String> {
        let (cluster, pipes) = Cluster::start(setting)?;
        let mut running = Running::new(setting, cluster, pipes)?;
        let driven = running.get_going().and_then(|()| drive(&mut running));
        running.finish(driven)
    }

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
            shared,
            stop: Arc::default(),
        };
        for (learner, pipe) in (1..).zip(pipes.learners) {
            running.readers.push(running.reader(learner, pipe)?);
        }
        for (client, pipe) in pipes.clients.into_iter().enumerate() {
            let values = (setting.size, setting.values_of(client));
            let feeder = Feeder::start(client, values, pipe, clock, (&times, &running.stop))?;
            running.feeders.push(feeder);
        }
        Ok(running)
    }

    fn reader(&self, learner: u16, pipe: ChildStdout) -> Result<Reader, String> {
        let checker = Checker::new(self.setting.clients, self.setting.size);
        Reader::start(learner, checker, pipe, &self.shared)
    }

    /// Waits until every learner has printed every client's opening value.
    fn get_going(&mut self) -> Result<(), String> {
        let clients = u64::from(self.setting.clients);
        self.wait(CLOSE_GLANCE, |running| running.printed() >= clients)
            .map_err(|error| format!("the cluster does not get going: {error}"))
    }

    fn finish<T>(mut self, driven: Result<T, String>) -> Result<(T, Whole), String> {
        let ended = driven.and_then(|told| {
            self.wait_for_all()?;
            let memory_kib = self.cluster.peak_memory_kib();
            self.feeders.iter_mut().for_each(Feeder::close);
            Ok((told, memory_kib, self.cluster.end()?))
        });
        // From here on nothing of the cluster runs, so the threads come to their end.
        let submitted: Option<Vec<u64>> = self.feeders.iter().map(Feeder::submitted).collect();
        self.stop();
        drop(self.cluster);
        self.feeders.into_iter().for_each(Feeder::join);
        let mut latency = Latency::new();
        let mut sums = Vec::new();
        for reader in self.readers {
            let (sum, more) = reader.join()?;
            latency.add(&more);
            sums.push(sum);
        }
        let (told, memory_kib, counts) = ended?;
        self.shared.check()?;
        let submitted = submitted.ok_or("a client was not given all values")?;
        check::agree(&sums, &submitted)?;
        Ok((told, Whole { latency, memory_kib, values: submitted.iter().sum(), counts }))
    }

    /// Lets the values go; returns when that was.
    pub fn go(&mut self) -> Nanos {
        let start = self.clock.now();
        self.shared.times.start_at(start);
        self.feeders.iter().for_each(Feeder::go);
        start
    }

    /// From now on latency is measured, at the learners that run, of values submitted in this time.
    pub fn measure_latency(&self, from: Nanos, until: Nanos) {
        self.readers.iter().for_each(|reader| reader.measure_latency(from, until));
    }

    /// Kills a learner (SIGKILL) and starts it again at once, which begins with instance 0 then.
    ///
    /// # Errors
    /// A sentence about what the system did not grant.
    pub fn restart_learner(&mut self, learner: u16) -> Result<(), String> {
        let mut pipes = Pipes::default();
        self.cluster.kill(Role::Learner, learner);
        self.cluster.add(Role::Learner, learner, &mut pipes)?;
        let pipe = pipes.learners.pop().expect("a learner has a pipe");
        let reader = self.reader(learner, pipe)?;
        let former = std::mem::replace(&mut self.readers[usize::from(learner) - 1], reader);
        former.join().map(drop) // what was wrong with it is said by `check`
    }

    /// No more values than the pipes have already.
    pub fn stop(&self) {
        self.stop.store(true, Ordering::Relaxed);
    }

    /// Waits until all values are submitted, and printed by every learner.
    pub fn wait_for_all(&mut self) -> Result<(), String> {
        self.wait(CLOSE_GLANCE, |running| running.submitted().is_some())?;
        let all = self.submitted().expect("that was waited for");
        self.wait(CLOSE_GLANCE, |running| running.printed() >= all)
    }

    /// Values that every learner has printed.
    pub fn printed(&self) -> u64 {
        self.readers.iter().map(Reader::values).min().unwrap_or(0)
    }

    /// Values that were submitted, when no more will be.
    fn submitted(&self) -> Option<u64> {
        self.feeders.iter().map(Feeder::submitted).sum()
    }

    /// # Errors
    /// When the run cannot be a good one any more.
    pub fn check(&mut self) -> Result<(), String> {
        interrupt::check()?;
        self.shared.check()?;
        self.cluster.check()
    }

    /// Waits until `done`, as long as values are printed.
    pub fn wait(
        &mut self,
        glance: Duration,
        mut done: impl FnMut(&mut Running<'a>) -> bool,
    ) -> Result<(), String> {
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

    pub fn sleep_until(&mut self, until: Nanos) -> Result<(), String> {
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
