//! One run at full speed or at a rate: a cluster starts, takes values, is checked, ends.

use super::measure::Measure;
use super::procfs;
use super::reader::Reader;
use super::running::{Running, Whole};
use super::setting::{Amount, Setting};
use crate::engine::clock;
use crate::protocol::Nanos;
use std::time::Duration;
use wire::Role;

/// The part of a run in seconds that is not measured.
const WARM_UP: f64 = 0.1;

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
    let ((from, to), whole) = Running::run(setting, drive)?;
    Ok(measures(setting, (&from, &to), &whole))
}

/// Lets the values go and waits for them; returns what stood on the counters where the measured part begins
/// and where it ends.
fn drive(running: &mut Running<'_>) -> Result<(Sample, Sample), String> {
    let mut from = sample(running);
    if let Amount::Seconds(seconds) = running.setting.amount {
        let start = running.go();
        let after = |seconds| start + clock::nanos(Duration::from_secs_f64(seconds));
        let (warm, end) = (after(seconds * WARM_UP), after(seconds));
        running.measure_latency(warm, end);
        running.sleep_until(warm)?;
        from = sample(running);
        running.sleep_until(end)?;
        let to = sample(running);
        if running.setting.rate.is_none() {
            running.stop();
        }
        return Ok((from, to));
    }
    running.measure_latency(0, Nanos::MAX);
    from.at = running.go();
    running.wait_for_all()?;
    let at = running.readers.iter().map(Reader::at).max().unwrap_or(from.at);
    Ok((from, Sample { at, ..sample(running) }))
}

fn sample(running: &Running<'_>) -> Sample {
    Sample {
        at: running.clock.now(),
        printed: running.readers.iter().map(Reader::values).collect(),
        cpu_ns: running.cluster.cpu_ns(),
        own_cpu_ns: procfs::cpu_ns(std::process::id()),
    }
}

/// The numbers of a run, in the order in which they are told.
fn measures(setting: &Setting, (from, to): (&Sample, &Sample), whole: &Whole) -> Vec<Measure> {
    let (counts, memory, latency) = (&whole.counts, whole.memory_kib, &whole.latency);
    let printed = from.printed.iter().zip(&to.printed).map(|(from, to)| to - from);
    let values = printed.min().unwrap_or(0) as f64; // the slowest learner counts
    let per_s = values / ((to.at - from.at) as f64 / 1e9);
    let cpu = |role: usize| (to.cpu_ns[role] - from.cpu_ns[role]) as f64 / 1e3 / values;
    let again = |role: Role| counts.sent_again[role as usize - 1] as f64;
    let per_value = |count: u64| count as f64 / whole.values as f64;
    let mut measures = vec![
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
        Measure::new("values", "values in all", whole.values as f64),
    ];
    if setting.trace.is_some() {
        let [traced, left_out] = counts.traced.map(|packets| packets as f64);
        measures.push(Measure::new("packets_traced", "packets traced", traced));
        measures.push(Measure::new("trace_left_out", "… that the disk did not keep up with", left_out));
    }
    measures
}
