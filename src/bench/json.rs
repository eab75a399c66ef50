//! The same numbers for programs: a JSON object a line, one for each run and a summary for each kind of run.
//! Names do not change, and end with their unit.

use super::measure::{Measure, Summary};
use super::setting::{Amount, Seal, Setting};
use std::fmt::Write;
use std::time::Duration;

/// One run, numbered from 1.
pub fn run(setting: &Setting, number: usize, measures: &[Measure]) -> String {
    let mut line = format!("{{\"kind\":\"run\",\"run\":{number}{}", about(setting));
    for measure in measures {
        let _ = write!(line, ",\"{}\":{}", measure.key, plain(measure.value)); // into a string
    }
    line + "}"
}

/// Several runs of a kind: median, lowest, highest of each measure.
pub fn summary(setting: &Setting, runs: usize, summaries: &[Summary]) -> String {
    let mut line = format!("{{\"kind\":\"summary\",\"runs\":{runs}{}", about(setting));
    for Summary { key, spread, .. } in summaries {
        let [median, min, max] = [spread.median, spread.min, spread.max].map(plain);
        let _ = write!(line, ",\"{key}\":{{\"median\":{median},\"min\":{min},\"max\":{max}}}");
    }
    line + "}"
}

fn about(setting: &Setting) -> String {
    let Setting { size, clients, proposers, acceptors, learners, mtu, loss, .. } = setting;
    let rate = setting.rate.map_or("null".into(), |rate| rate.to_string());
    let (seconds, values) = match setting.amount {
        Amount::Seconds(seconds) => (plain(seconds), "null".into()),
        Amount::Values(values) => ("null".into(), values.to_string()),
    };
    format!(
        ",\"value_bytes\":{size},\"clients\":{clients},\"proposers\":{proposers},\"acceptors\":{acceptors},\
         \"learners\":{learners},\"mtu_bytes\":{mtu},\"heartbeat_ms\":{},\"suspect_ms\":{},\"durable\":{},\
         \"reserve_bytes\":{},\"loss_percent\":{},\"sealed\":{},\"encrypted\":{},\"rate_values_per_s\":{rate},\"duration_s\":{seconds},\"values_asked\":{values}",
        plain(ms(setting.heartbeat)),
        plain(ms(setting.suspect)),
        setting.data.is_some(),
        setting.reserve,
        plain(*loss),
        setting.seal != Seal::No,
        setting.seal == Seal::Encrypt
    )
}

fn ms(duration: Duration) -> f64 {
    duration.as_micros() as f64 / 1e3
}

/// A number as JSON has it, which knows no infinity.
fn plain(value: f64) -> String {
    if value.is_finite() { value.to_string() } else { "null".into() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::measure::summarize;

    #[test]
    fn runs_and_summaries_are_one_object_a_line() {
        let amount = Amount::Seconds(5.0);
        let setting = Setting { loss: 0.5, rate: Some(1000), amount, ..Setting::example() };
        let about = "\"value_bytes\":100,\"clients\":1,\"proposers\":2,\"acceptors\":3,\"learners\":2,\
                     \"mtu_bytes\":1500,\"heartbeat_ms\":2000,\"suspect_ms\":5000,\"durable\":false,\
                     \"reserve_bytes\":0,\"loss_percent\":0.5,\"sealed\":false,\"encrypted\":false,\"rate_values_per_s\":1000,\"duration_s\":5,\"values_asked\":null";
        let measures = |value| vec![Measure::new("a_us", "an a", value), Measure::new("b", "b", f64::NAN)];
        let line = run(&setting, 2, &measures(1.5));
        assert_eq!(line, format!("{{\"kind\":\"run\",\"run\":2,{about},\"a_us\":1.5,\"b\":null}}"));
        let summaries = summarize(&[measures(1.5), measures(2.5)]);
        let line = summary(&setting, 2, &summaries[..1]);
        let spread = "\"a_us\":{\"median\":2,\"min\":1.5,\"max\":2.5}";
        assert_eq!(line, format!("{{\"kind\":\"summary\",\"runs\":2,{about},{spread}}}"));
    }
}
