//! What share of a link the values reach, on a [`lan`](super::lan) whose links are slower than the processes.
//!
//! Every process has a host of its own. What counts is the payload of values at the slowest learner; beside each run
//! raw packets go the same way, from the leader's host to the others, which is what no protocol can surpass.

use super::lan::{Lan, Queues};
use super::measure::{Measure, find};
use super::raw::multicast;
use super::run;
use super::setting::Setting;
use std::time::Duration;

/// How long raw packets are sent.
const RAW: Duration = Duration::from_secs(1);

/// Runs once on this LAN, which the setting has.
///
/// # Errors
/// As [`run::run`]; and when the raw packets do not arrive.
pub fn run(setting: &Setting, lan: &Lan) -> Result<Vec<Measure>, String> {
    let before = lan.queues()?;
    let run = run::run(setting)?;
    let after = lan.queues()?;
    let raw = multicast::flood_lan(lan, usize::from(setting.mtu) - 28, RAW)?;
    Ok(measures(lan, (before, after), raw.mbit_per_s, run))
}

fn measures(lan: &Lan, (before, after): (Queues, Queues), raw: f64, run: Vec<Measure>) -> Vec<Measure> {
    let values = find(&run, "value_mbit_per_s").unwrap_or(0.0);
    let percent = |mbit_per_s| mbit_per_s / f64::from(lan.link.mbit_per_s) * 100.0;
    let mut measures = vec![
        Measure::new("values_link_percent", "values, % of the link", percent(values)),
        Measure::new("raw_link_percent", "raw packets, % of the link", percent(raw)),
        Measure::new("values_to_raw", "values ÷ raw packets", values / raw),
        Measure::new("link_mbit_per_s", "link, Mbit/s", lan.link.mbit_per_s.into()),
        Measure::new("queue_drops", "drops at full ports", (after.drops - before.drops) as f64),
    ];
    measures.extend(run);
    measures
}
