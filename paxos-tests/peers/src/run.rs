//! One run against one peer, whatever it is.

use crate::load::Load;
use serde::Serialize;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinSet;

/// How long nothing may be missing after the last value was submitted.
const PATIENCE: Duration = Duration::from_secs(20);
/// How long doubled values have to show up at the end.
const AFTERMATH: Duration = Duration::from_millis(200);

/// Producers end when the load has no more for them; the consumer never does.
pub type Tasks = JoinSet<Result<(), String>>;

/// What one run gave; the names are those of `paxos bench --json` where it has the same.
#[derive(Debug, Serialize)]
pub struct Report {
    pub value_bytes: usize,
    pub in_flight: usize,
    pub values_per_request: usize,
    pub measured_s: f64,
    pub submitted: u64,
    pub acknowledged: u64,
    pub delivered: u64,
    pub values_per_s: f64,
    pub value_mbit_per_s: f64,
    pub latency_p50_us: f64,
    pub latency_p99_us: f64,
    pub latency_max_us: f64,
    pub generator_cpu_us_per_value: f64,
}

/// Runs for so many seconds, and checks that every value came once.
///
/// # Errors
/// A sentence about what was lost, doubled or refused.
pub async fn run(
    load: &Arc<Load>,
    seconds: f64,
    mut producers: Tasks,
    consumer: impl Future<Output = Result<(), String>> + Send + 'static,
) -> Result<Report, String> {
    let mut consumer = tokio::spawn(consumer);
    let cpu = cpu_s();
    tokio::select! {
        () = load.drive(seconds) => {}
        ended = &mut consumer => return Err(sentence(ended, "the consumer ended too early")),
        Some(ended) = failed(&mut producers) => return Err(ended),
    }
    let cpu = cpu_s() - cpu;
    let all_came = async {
        if let Some(wrong) = failed(&mut producers).await {
            return Err(wrong);
        }
        while load.delivered() < load.submitted() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        tokio::time::sleep(AFTERMATH).await;
        Ok(())
    };
    tokio::select! {
        ended = tokio::time::timeout(PATIENCE, all_came) => ended.unwrap_or_else(|_| {
            Err(format!(
                "of {} values submitted, {} were acknowledged and {} came to the consumer; nothing more came in {} s",
                load.submitted(), load.acknowledged(), load.delivered(), PATIENCE.as_secs()
            ))
        })?,
        ended = &mut consumer => return Err(sentence(ended, "the consumer ended too early")),
    }
    consumer.abort();
    report(load, cpu)
}

fn report(load: &Load, cpu_s: f64) -> Result<Report, String> {
    let (submitted, acknowledged, delivered) = (load.submitted(), load.acknowledged(), load.delivered());
    if submitted != acknowledged || submitted != delivered {
        return Err(format!(
            "{submitted} submitted, {acknowledged} acknowledged, {delivered} delivered: not the same"
        ));
    }
    let (measured_s, latency) = load.measured();
    if latency.is_empty() {
        return Err(
            "nothing came in the measured part of the run; give it more --seconds or --bytes-max".into()
        );
    }
    let values_per_s = latency.len() as f64 / measured_s;
    let quantile_us = |part| latency.value_at_quantile(part) as f64 / 1e3;
    Ok(Report {
        value_bytes: load.shape.size,
        in_flight: load.shape.in_flight,
        values_per_request: load.shape.batch,
        measured_s,
        submitted,
        acknowledged,
        delivered,
        values_per_s,
        value_mbit_per_s: values_per_s * load.shape.size as f64 * 8.0 / 1e6,
        latency_p50_us: quantile_us(0.5),
        latency_p99_us: quantile_us(0.99),
        latency_max_us: latency.max() as f64 / 1e3,
        generator_cpu_us_per_value: cpu_s * 1e6 / submitted as f64,
    })
}

/// The first error of a producer; None: all are done.
async fn failed(producers: &mut Tasks) -> Option<String> {
    while let Some(ended) = producers.join_next().await {
        if !matches!(ended, Ok(Ok(()))) {
            return Some(sentence(ended, "a producer ended too early"));
        }
    }
    None
}

fn sentence(ended: Result<Result<(), String>, tokio::task::JoinError>, silent: &str) -> String {
    match ended {
        Ok(Ok(())) => silent.into(),
        Ok(Err(wrong)) => wrong,
        Err(panic) => format!("a thread of the generator failed: {panic}"),
    }
}

/// CPU time of this process so far; Linux counts it in hundredths of a second.
fn cpu_s() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let after_name = stat.rsplit(')').next().unwrap_or_default();
    after_name.split_whitespace().skip(11).take(2).filter_map(|ticks| ticks.parse::<f64>().ok()).sum::<f64>()
        / 100.0
}
