//! The runs as a Markdown table of medians, and as bars.

use crate::plot;
use serde::Deserialize;
use std::fmt::Write;
use std::fs;
use std::path::Path;

/// A line of the results.
#[derive(Deserialize)]
struct Line {
    peer: String,
    kind: String,
    run: Run,
}

/// What `paxos bench` and this program both tell of a run, and some of what only this one does.
#[derive(Deserialize)]
struct Run {
    value_bytes: u64,
    values_per_s: f64,
    value_mbit_per_s: f64,
    latency_p50_us: f64,
    latency_p99_us: f64,
    in_flight: Option<u64>,
    generator_cpu_us_per_value: Option<f64>,
}

/// Medians of all runs of one kind.
pub struct Row {
    pub peer: String,
    pub kind: String,
    pub value_bytes: u64,
    pub in_flight: Option<u64>,
    pub values_per_s: f64,
    pub mbit_per_s: f64,
    min_max: (f64, f64),
    p50_us: f64,
    p99_us: f64,
    generator_us: Option<f64>,
}

/// # Errors
/// A sentence about a file that cannot be read or written.
pub fn print(path: &Path, picture: Option<&Path>) -> Result<(), String> {
    let wrong = |path: &Path, error: &dyn std::fmt::Display| format!("{}: {error}", path.display());
    let text = fs::read_to_string(path).map_err(|error| wrong(path, &error))?;
    let lines: Result<Vec<Line>, _> = text.lines().map(serde_json::from_str).collect();
    let rows = rows(&lines.map_err(|error| wrong(path, &error))?);
    print!("{}", markdown(&rows));
    picture.map_or(Ok(()), |path| fs::write(path, plot::svg(&rows)).map_err(|error| wrong(path, &error)))
}

/// Sorted by size, volatile before durable; the peers stand in the order in which they were measured.
fn rows(lines: &[Line]) -> Vec<Row> {
    let mut rows: Vec<Row> = Vec::new();
    for line in lines {
        let same = |other: &Line| {
            other.peer == line.peer
                && other.kind == line.kind
                && other.run.value_bytes == line.run.value_bytes
        };
        let known = |row: &Row| {
            row.peer == line.peer && row.kind == line.kind && row.value_bytes == line.run.value_bytes
        };
        if rows.iter().any(known) {
            continue;
        }
        let all: Vec<&Run> = lines.iter().filter(|other| same(other)).map(|other| &other.run).collect();
        let of = |value: fn(&Run) -> f64| median(all.iter().map(|run| value(run)).collect());
        let speeds = all.iter().map(|run| run.value_mbit_per_s);
        rows.push(Row {
            peer: line.peer.clone(),
            kind: line.kind.clone(),
            value_bytes: line.run.value_bytes,
            in_flight: line.run.in_flight,
            values_per_s: of(|run| run.values_per_s),
            mbit_per_s: of(|run| run.value_mbit_per_s),
            min_max: (speeds.clone().fold(f64::INFINITY, f64::min), speeds.fold(0.0, f64::max)),
            p50_us: of(|run| run.latency_p50_us),
            p99_us: of(|run| run.latency_p99_us),
            generator_us: line
                .run
                .generator_cpu_us_per_value
                .map(|_| of(|run| run.generator_cpu_us_per_value.unwrap_or(0.0))),
        });
    }
    rows.sort_by_key(|row| (row.value_bytes, row.kind == "durable"));
    rows
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    if values.len() % 2 == 1 { values[middle] } else { (values[middle - 1] + values[middle]) / 2.0 }
}

fn markdown(rows: &[Row]) -> String {
    let mut text = String::from(
        "| value, bytes | | store | in flight | values/s | Mbit/s of values (lowest..highest) | p50, ms | p99, ms | \
         generator, CPU µs/value |\n|--:|---|---|--:|--:|--:|--:|--:|--:|\n",
    );
    for row in rows {
        let in_flight = row.in_flight.map_or("full pipes".into(), |number| number.to_string());
        let generator = row.generator_us.map_or(String::new(), |us| format!("{us:.2}"));
        let _ = writeln!(
            text, // a string, which takes it
            "| {} | {} | {} | {in_flight} | {} | {} ({}..{}) | {} | {} | {generator} |",
            row.value_bytes,
            row.kind,
            name(&row.peer),
            number(row.values_per_s),
            number(row.mbit_per_s),
            number(row.min_max.0),
            number(row.min_max.1),
            number(row.p50_us / 1e3),
            number(row.p99_us / 1e3),
        );
    }
    text
}

/// What people call it.
pub fn name(peer: &str) -> &str {
    match peer {
        "bench" => "ours, `paxos bench`",
        "paxos" => "ours",
        "nats" => "NATS JetStream",
        "redis" => "Redis stream (no consensus)",
        other => other,
    }
}

/// Three significant digits, and every digit before the point, in groups of three.
pub fn number(value: f64) -> String {
    let decimals = match value {
        0.0 => 0,
        value if value >= 100.0 => 0,
        value if value >= 10.0 => 1,
        value if value >= 1.0 => 2,
        _ => 3,
    };
    let text = format!("{value:.decimals$}");
    let (whole, fraction) = text.split_at(text.find('.').unwrap_or(text.len()));
    let mut grouped = String::new();
    for (at, digit) in whole.char_indices() {
        if at > 0 && (whole.len() - at) % 3 == 0 {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped + fraction
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(peer: &str, kind: &str, mbit: f64) -> String {
        format!(
            "{{\"peer\":\"{peer}\",\"kind\":\"{kind}\",\"run\":{{\"value_bytes\":64,\"values_per_s\":{mbit},\
             \"value_mbit_per_s\":{mbit},\"latency_p50_us\":1500.0,\"latency_p99_us\":2.0,\"unknown\":1}}}}"
        )
    }

    #[test]
    fn medians_by_size_and_kind() {
        let texts =
            [line("bench", "durable", 1.0), line("bench", "volatile", 5.0), line("bench", "durable", 4.0)];
        let lines: Vec<Line> =
            texts.iter().map(|text| serde_json::from_str(text).expect("it is JSON")).collect();
        let rows = rows(&lines);
        let told: Vec<_> = rows.iter().map(|row| (row.kind.as_str(), row.mbit_per_s)).collect();
        assert_eq!(told, [("volatile", 5.0), ("durable", 2.5)]);
        assert!(
            markdown(&rows).contains("| 2.50 | 2.50 (1.00..4.00) | 1.50 | 0.002 |"),
            "{}",
            markdown(&rows)
        );
        assert!(plot::svg(&rows).ends_with("</svg>\n"));
    }

    #[test]
    fn numbers_are_grouped() {
        let told = [0.0, 0.5, 12.34, 123.4, 1_234_567.0].map(number);
        assert_eq!(told, ["0", "0.500", "12.3", "123", "1,234,567"]);
    }
}
