//! What a learner that is far behind costs the others, and how fast it catches up.
//!
//! Values flow, at a rate or as fast as the cluster takes them. When enough are printed, one learner is killed
//! and started again at once: it has to print everything from the first value on, while the others go on. As
//! many processes run before as after, so what changes is due to its being behind. How fast values are
//! delivered is taken at the other learners, while it catches up and for as long before.

use super::latency::Latency;
use super::measure::Measure;
use super::reader::Reader;
use super::running::{Running, Whole};
use super::setting::Setting;
use crate::engine::clock;
use crate::protocol::Nanos;
use std::time::Duration;
use wire::Role;

/// The learner that is started again.
const LATE: u16 = 1;
/// The part of the values before its start that is not measured.
const WARM_UP: f64 = 0.1;
/// Between two looks.
const GLANCE: Duration = Duration::from_millis(5);

/// What stood on the counters at a moment.
#[derive(Clone, Copy)]
struct Sample {
    at: Nanos,
    /// Of the slowest learner beside the late one.
    live: u64,
    late: u64,
}

/// What was seen of a run.
struct Seen {
    /// From the end of the warm-up to the start of the late learner.
    before: Vec<Sample>,
    latency_before: Latency,
    /// When the late one was started.
    start: Sample,
    latency: Latency,
    /// When it was level with the others, or nobody waited any longer.
    end: Sample,
}

/// Starts a learner again when the others have printed so many values, and waits until it is level with them,
/// but no longer than this.
///
/// # Errors
/// As [`Running::run`].
pub fn run(setting: &Setting, behind: u64, patience: Duration) -> Result<Vec<Measure>, String> {
    let (seen, whole) = Running::run(setting, |running| drive(running, behind, patience))?;
    Ok(measures(&seen, &whole))
}

fn drive(running: &mut Running<'_>, behind: u64, patience: Duration) -> Result<Seen, String> {
    running.measure_latency(0, Nanos::MAX);
    running.go();
    let warm = (behind as f64 * WARM_UP) as u64;
    running.wait(GLANCE, |running| running.printed() >= warm)?;
    take_latency(running);
    let mut before = vec![sample(running)];
    running.wait(GLANCE, |running| {
        before.push(sample(running));
        running.printed() >= behind
    })?;
    let latency_before = take_latency(running);
    running.restart_learner(LATE)?;
    let start = Sample { late: 0, ..*before.last().expect("one was taken first") };
    let deadline = start.at + clock::nanos(patience);
    let mut end = start;
    running.wait(GLANCE, |running| {
        // What the others had printed at the last look it has printed by now: it is level.
        let live = end.live;
        end = sample(running);
        end.late >= live || end.at >= deadline
    })?;
    running.stop();
    Ok(Seen { before, latency_before, start, latency: take_latency(running), end })
}

fn sample(running: &Running<'_>) -> Sample {
    let late = running.readers[usize::from(LATE) - 1].values();
    let live = others(running).map(Reader::values).min().unwrap_or(0);
    Sample { at: running.clock.now(), live, late }
}

fn take_latency(running: &Running<'_>) -> Latency {
    let mut latency = Latency::new();
    others(running).for_each(|reader| latency.add(&reader.take_latency()));
    latency
}

/// The readers of all learners but the late one.
fn others<'a>(running: &'a Running<'_>) -> impl Iterator<Item = &'a Reader> {
    (1..).zip(&running.readers).filter(|(learner, _)| *learner != LATE).map(|(_, reader)| reader)
}

impl Seen {
    fn catch_up_ns(&self) -> Nanos {
        self.end.at - self.start.at
    }

    /// Where the time before the start begins that is as long as catching up took, or as near as there is.
    fn reference(&self) -> Sample {
        let from = self.start.at.saturating_sub(self.catch_up_ns());
        let after = self.before.iter().find(|sample| sample.at >= from);
        *after.expect("the last one is the start")
    }

    fn live_before_per_s(&self) -> f64 {
        let from = self.reference();
        per_s(self.start.live - from.live, self.start.at - from.at)
    }

    fn live_per_s(&self) -> f64 {
        per_s(self.end.live - self.start.live, self.catch_up_ns())
    }

    fn catch_up_per_s(&self) -> f64 {
        per_s(self.end.late, self.catch_up_ns())
    }
}

fn per_s(values: u64, taken: Nanos) -> f64 {
    values as f64 / (taken as f64 / 1e9)
}

/// The numbers of a run, in the order in which they are told.
fn measures(seen: &Seen, whole: &Whole) -> Vec<Measure> {
    let (before, live, catch_up) = (seen.live_before_per_s(), seen.live_per_s(), seen.catch_up_per_s());
    let (counts, us) = (&whole.counts, Latency::quantile_us);
    let again = |role: Role| counts.sent_again[role as usize - 1] as f64;
    let left = seen.end.live.saturating_sub(seen.end.late);
    vec![
        Measure::new("catch_up_values_per_s", "catching up, values/s", catch_up),
        Measure::new("catch_up_to_live", "… times what the others print", catch_up / live),
        Measure::new("catch_up_ms", "from the start until level, ms", seen.catch_up_ns() as f64 / 1e6),
        Measure::new("behind_values", "behind at the start, values", seen.start.live as f64),
        Measure::new("left_values", "behind at the end, values", left as f64),
        Measure::new("live_before_values_per_s", "the others before, values/s", before),
        Measure::new("live_values_per_s", "the others meanwhile, values/s", live),
        Measure::new("live_cost_percent", "… less than before, %", (1.0 - live / before) * 100.0),
        Measure::new("latency_before_p50_us", "latency before, p50, µs", us(&seen.latency_before, 0.5)),
        Measure::new("latency_before_p99_us", "latency before, p99, µs", us(&seen.latency_before, 0.99)),
        Measure::new("latency_p50_us", "latency meanwhile, p50, µs", us(&seen.latency, 0.5)),
        Measure::new("latency_p99_us", "latency meanwhile, p99, µs", us(&seen.latency, 0.99)),
        Measure::new("receive_drops", "receive drops", counts.receive_drops as f64),
        Measure::new("packets_unsent", "packets not sent", counts.packets_unsent as f64),
        Measure::new("entries_sent_again", "entries sent again by clients", again(Role::Client)),
        Measure::new("instances_sent_again", "instances sent again by proposers", again(Role::Proposer)),
        Measure::new("catch_up_requests", "catch-up requests of learners", again(Role::Learner)),
        Measure::new("values", "values in all", whole.values as f64),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_before_is_as_long_as_catching_up_took() {
        let sample = |at, live, late| Sample { at: at * 1_000_000_000, live, late };
        let before = (0..=10).map(|at| sample(at, 100 * at, 0)).collect();
        let (latency_before, latency) = (Latency::new(), Latency::new());
        let mut seen =
            Seen { before, latency_before, start: sample(10, 1000, 0), latency, end: sample(14, 1200, 1200) };
        assert_eq!(seen.reference().at, 6_000_000_000);
        assert_eq!(
            (seen.live_before_per_s(), seen.live_per_s(), seen.catch_up_per_s()),
            (100.0, 50.0, 300.0)
        );
        seen.end.at *= 2;
        assert_eq!(seen.reference().at, 0, "there is no more");
    }
}
