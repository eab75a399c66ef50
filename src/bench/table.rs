//! The table: a row for each measure, a column for each kind of run.

use super::measure::{Spread, Summary};
use crate::text::in_threes;
use std::fmt::Write;

/// Columns beside one another.
const COLUMNS: usize = 4;

/// What one kind of run is called, and what was measured of it.
pub struct Column {
    pub title: String,
    pub summaries: Vec<Summary>,
}

/// The table as text; each cell is a median, and the lowest and highest of the runs where they differ.
pub fn table(columns: &[Column]) -> String {
    columns.chunks(COLUMNS).map(block).collect::<Vec<_>>().join("\n")
}

fn block(columns: &[Column]) -> String {
    let mut labels: Vec<&str> = Vec::new();
    for summary in columns.iter().flat_map(|column| &column.summaries) {
        if !labels.contains(&summary.label) {
            labels.push(summary.label);
        }
    }
    let width = |texts: &mut dyn Iterator<Item = usize>| texts.max().unwrap_or(0);
    let first = width(&mut labels.iter().map(|label| label.chars().count()));
    let cells: Vec<Vec<String>> = columns
        .iter()
        .map(|column| {
            let of = |label| column.summaries.iter().find(|summary| summary.label == label);
            labels.iter().map(|label| of(*label).map_or(String::new(), |found| cell(found.spread))).collect()
        })
        .collect();
    let widths: Vec<usize> = columns
        .iter()
        .zip(&cells)
        .map(|(column, cells)| {
            let titles = std::iter::once(column.title.chars().count());
            width(&mut titles.chain(cells.iter().map(|cell| cell.chars().count())))
        })
        .collect();
    let mut text = String::new();
    let mut line = |label: &str, row: &mut dyn Iterator<Item = &str>| {
        let mut line = format!("{label:first$}");
        for (cell, width) in row.zip(&widths) {
            let _ = write!(line, "   {cell:>width$}"); // into a string, which cannot fail
        }
        text.push_str(line.trim_end());
        text.push('\n');
    };
    line("", &mut columns.iter().map(|column| column.title.as_str()));
    for (at, label) in labels.iter().enumerate() {
        line(label, &mut cells.iter().map(|cells| cells[at].as_str()));
    }
    text
}

fn cell(spread: Spread) -> String {
    let (median, min, max) = (number(spread.median), number(spread.min), number(spread.max));
    if min == max { median } else { format!("{median} ({min}..{max})") }
}

/// Three significant digits, and every digit before the point, in groups of three.
pub fn number(value: f64) -> String {
    let decimals = match value.abs() {
        size if size >= 100.0 || value.fract() == 0.0 => 0,
        size if size >= 10.0 => 1,
        size if size >= 1.0 => 2,
        _ => 3,
    };
    let text = format!("{value:.decimals$}");
    let (whole, fraction) = text.split_at(text.find('.').unwrap_or(text.len()));
    let digits = whole.trim_start_matches('-');
    let sign = &whole[..whole.len() - digits.len()];
    format!("{sign}{}{fraction}", in_threes(digits))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short_and_grouped() {
        let pairs = [
            (0.0, "0"),
            (0.1234, "0.123"),
            (1.0, "1"),
            (1.2345, "1.23"),
            (12.345, "12.3"),
            (123.45, "123"),
            (1234.5, "1,234"),
            (10_000_000.0, "10,000,000"),
            (-1234.0, "-1,234"),
        ];
        for (value, text) in pairs {
            assert_eq!(number(value), text);
        }
    }

    #[test]
    fn a_row_for_each_measure_and_a_column_for_each_kind() {
        let spread = |median, min, max| Spread { median, min, max };
        let summary = |key, label, spread| Summary { key, label, spread };
        let columns = [
            Column {
                title: "100 B".into(),
                summaries: vec![
                    summary("a", "values/s", spread(2e6, 1e6, 3e6)),
                    summary("b", "CPU, µs/value", spread(0.5, 0.5, 0.5)),
                ],
            },
            Column {
                title: "1000 B".into(),
                summaries: vec![summary("a", "values/s", spread(9.0, 9.0, 9.0))],
            },
        ];
        let expected = "\
                                                     100 B   1000 B
values/s        2,000,000 (1,000,000..3,000,000)        9
CPU, µs/value                              0.500
";
        let table = table(&columns);
        let trimmed =
            |text: &str| -> Vec<String> { text.lines().map(|line| line.trim().to_string()).collect() };
        assert_eq!(trimmed(&table), trimmed(expected), "\n{table}");
        let ends: Vec<usize> = table.lines().take(2).map(|line| line.chars().count()).collect();
        assert_eq!(ends[0], ends[1], "columns stand under their titles");
    }
}
