//! What this machine could do at all, without a protocol: the same packets to as many receivers, as many hops,
//! as many disks.

pub mod disk;
pub mod multicast;
pub mod rounds;

use super::measure::Measure;
use super::setting::Setting;
use super::temporary::Temporary;
use std::time::Duration;

/// How long each part is measured.
#[derive(Clone, Copy, Debug)]
pub struct Effort {
    pub multicast: Duration,
    /// Back to back, and as long again at a rate.
    pub rounds: Duration,
    /// Each of the block sizes and numbers of writers; none: no disk.
    pub disk: Option<Duration>,
}

/// Measures what a cluster of this shape would be made of.
///
/// # Errors
/// A sentence about what the system did not grant, or did not deliver.
pub fn measure(setting: &Setting, effort: Effort) -> Result<Vec<Measure>, String> {
    let packet = usize::from(setting.mtu) - 28;
    let flood = multicast::flood(setting.receivers(), packet, effort.multicast)?;
    let rounds = rounds::measure(setting, effort.rounds)?;
    let mut measures = vec![
        Measure::new("raw_multicast_mbit_per_s", "raw multicast, Mbit/s", flood.mbit_per_s),
        Measure::new("raw_multicast_drops", "raw multicast, receive drops", flood.drops as f64),
        Measure::new(
            "raw_round_p50_us",
            "raw three hops, back to back, p50, µs",
            rounds.back_to_back.quantile_us(0.5),
        ),
        Measure::new(
            "raw_round_p99_us",
            "raw three hops, back to back, p99, µs",
            rounds.back_to_back.quantile_us(0.99),
        ),
        Measure::new(
            "raw_paced_round_p50_us",
            "raw three hops, paced, p50, µs",
            rounds.paced.quantile_us(0.5),
        ),
        Measure::new(
            "raw_paced_round_p99_us",
            "raw three hops, paced, p99, µs",
            rounds.paced.quantile_us(0.99),
        ),
    ];
    if let Some(time) = effort.disk {
        let parent = setting.data.clone().unwrap_or_else(std::env::temp_dir);
        let directory = Temporary::below(&parent)?;
        measures.extend(disk::measure(directory.path(), time)?);
    }
    Ok(measures)
}

/// How a run compares with the raw measures that were taken beside it: those that mean something.
pub fn ratios(setting: &Setting, run: &[Measure], raw: &[Measure]) -> Vec<Measure> {
    let of = super::measure::find;
    let ratio = |key, label, ours: &str, theirs: f64| {
        Some(Measure::new(key, label, of(run, ours)? / theirs)).filter(|measure| measure.value.is_finite())
    };
    let mut ratios = Vec::new();
    if setting.rate.is_some() {
        let p50 = of(raw, "raw_paced_round_p50_us").and_then(|raw| {
            ratio("latency_p50_to_raw", "latency p50 ÷ raw three hops, paced", "latency_p50_us", raw)
        });
        let p99 = of(raw, "raw_paced_round_p99_us").and_then(|raw| {
            ratio("latency_p99_to_raw", "latency p99 ÷ raw three hops, paced", "latency_p99_us", raw)
        });
        ratios.extend(p50.into_iter().chain(p99));
        return ratios;
    }
    ratios.extend(
        of(raw, "raw_multicast_mbit_per_s").and_then(|raw| {
            ratio("values_to_raw_multicast", "values ÷ raw multicast", "value_mbit_per_s", raw)
        }),
    );
    if setting.data.is_some() {
        let keys = disk::MEASURED.iter().filter(|kind| kind.writers == 3).map(|kind| kind.mb_per_s.0);
        // Each acceptor writes all values, so what counts is what one of three gets.
        let best = keys.filter_map(|key| of(raw, key)).fold(0.0, f64::max) / 3.0;
        ratios.extend(ratio("values_to_raw_disk", "values ÷ raw disk", "value_mbit_per_s", best * 8.0));
    }
    ratios
}

#[cfg(test)]
mod tests {
    use super::*;

    fn setting(rate: Option<u64>, data: bool) -> Setting {
        Setting { data: data.then(std::env::temp_dir), rate, ..Setting::example() }
    }

    #[test]
    fn ratios_are_those_that_mean_something() {
        let run = [
            Measure::new("value_mbit_per_s", "", 800.0),
            Measure::new("latency_p50_us", "", 300.0),
            Measure::new("latency_p99_us", "", 900.0),
        ];
        let raw = [
            Measure::new("raw_multicast_mbit_per_s", "", 4000.0),
            Measure::new("raw_paced_round_p50_us", "", 100.0),
            Measure::new("raw_paced_round_p99_us", "", 200.0),
            Measure::new("raw_disk_3x1mib_mb_per_s", "", 600.0),
            Measure::new("raw_disk_1x1mib_mb_per_s", "", 9999.0),
        ];
        let told = |setting| -> Vec<_> {
            ratios(&setting, &run, &raw).iter().map(|ratio| (ratio.key, ratio.value)).collect()
        };
        assert_eq!(told(setting(None, false)), [("values_to_raw_multicast", 0.2)]);
        assert_eq!(
            told(setting(None, true)),
            [("values_to_raw_multicast", 0.2), ("values_to_raw_disk", 0.5)]
        );
        assert_eq!(
            told(setting(Some(1000), false)),
            [("latency_p50_to_raw", 3.0), ("latency_p99_to_raw", 4.5)]
        );
    }

    #[test]
    fn the_raw_multicast_loses_nothing() {
        let flood = multicast::flood(3, 1472, Duration::from_millis(50)).expect("loopback works");
        assert!(flood.mbit_per_s > 1.0, "{} Mbit/s", flood.mbit_per_s);
        assert_eq!(flood.drops, 0);
    }

    #[test]
    fn the_raw_disk_is_measured_in_every_way() {
        let directory = Temporary::below(&std::env::temp_dir()).expect("it can be made");
        let measures = disk::measure(directory.path(), Duration::from_millis(5)).expect("it can be written");
        assert_eq!(measures.len(), 12);
        assert!(measures.iter().all(|measure| measure.value > 0.0), "{measures:?}");
    }
}
