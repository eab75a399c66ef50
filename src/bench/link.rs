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
use wire::Layout;

/// Bytes of the headers of Ethernet, and of IP and UDP.
const FRAME: u16 = 14;
const DATAGRAM: u16 = 28;
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
    let raw = multicast::flood_lan(lan, usize::from(setting.mtu - DATAGRAM), RAW)?;
    Ok(measures(setting, lan, (before, after), raw.mbit_per_s, run))
}

/// The part of a link, of 0 to 1, that values would take if nothing but full packets of a leader went over it.
fn full(setting: &Setting) -> f64 {
    let layout =
        Layout { packet: usize::from(setting.mtu - DATAGRAM), cluster: 0, trailer: setting.trailer() };
    let stream = layout.entry_room() as f64;
    let newlines = setting.size as f64 / (setting.size + 1) as f64;
    stream * newlines / f64::from(setting.mtu + FRAME)
}

fn measures(
    setting: &Setting,
    lan: &Lan,
    (before, after): (Queues, Queues),
    raw: f64,
    run: Vec<Measure>,
) -> Vec<Measure> {
    let values = find(&run, "value_mbit_per_s").unwrap_or(0.0);
    let percent = |mbit_per_s| mbit_per_s / f64::from(lan.link.mbit_per_s) * 100.0;
    let mut measures = vec![
        Measure::new("values_link_percent", "values, % of the link", percent(values)),
        Measure::new("raw_link_percent", "raw packets, % of the link", percent(raw)),
        Measure::new(
            "full_link_percent",
            "values in full packets and nothing else, %",
            full(setting) * 100.0,
        ),
        Measure::new("values_to_raw", "values ÷ raw packets", values / raw),
        Measure::new("link_mbit_per_s", "link, Mbit/s", lan.link.mbit_per_s.into()),
        Measure::new("queue_drops", "drops at full ports", (after.drops - before.drops) as f64),
    ];
    measures.extend(run);
    measures
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn full_packets_of_values_are_less_than_the_link() {
        let percent = |mtu| (full(&Setting { size: 1024, mtu, ..Setting::example() }) * 1e4).round() / 1e2;
        // Of 1,514 bytes on the link 1,390 are the stream, of which a newline is one of 1,025.
        assert_eq!((percent(1500), percent(9000)), (91.72, 98.53));
    }
}
