//! Measured numbers: each with a name that stays, a label for people, and its unit.

/// One number of one run.
#[derive(Clone, Debug, PartialEq)]
pub struct Measure {
    /// Stable, with the unit.
    pub key: &'static str,
    pub label: &'static str,
    pub value: f64,
}

impl Measure {
    pub fn new(key: &'static str, label: &'static str, value: f64) -> Measure {
        Measure { key, label, value }
    }
}

/// The value of a measure among those of one run.
pub fn find(measures: &[Measure], key: &str) -> Option<f64> {
    measures.iter().find(|measure| measure.key == key).map(|measure| measure.value)
}

/// A number over several runs.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Spread {
    pub median: f64,
    pub min: f64,
    pub max: f64,
}

impl Spread {
    /// Of at least one value; the median of an even number is the mean of the two in the middle.
    pub fn of(values: &[f64]) -> Option<Spread> {
        let mut sorted = values.to_vec();
        sorted.sort_by(f64::total_cmp);
        let (min, max) = (*sorted.first()?, *sorted.last()?);
        let middle = sorted.len() / 2;
        let median =
            if sorted.len() % 2 == 1 { sorted[middle] } else { (sorted[middle - 1] + sorted[middle]) / 2.0 };
        Some(Spread { median, min, max })
    }
}

/// A measure over several runs.
#[derive(Clone, Debug, PartialEq)]
pub struct Summary {
    pub key: &'static str,
    pub label: &'static str,
    pub spread: Spread,
}

/// The measures of several runs, in the order of the first one that has them.
pub fn summarize(runs: &[Vec<Measure>]) -> Vec<Summary> {
    let mut summaries: Vec<Summary> = Vec::new();
    for measure in runs.iter().flatten() {
        if summaries.iter().any(|summary| summary.key == measure.key) {
            continue;
        }
        let values: Vec<f64> = runs.iter().filter_map(|run| find(run, measure.key)).collect();
        summaries.extend(Spread::of(&values).map(|spread| Summary {
            key: measure.key,
            label: measure.label,
            spread,
        }));
    }
    summaries
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn median_and_spread() {
        let spread =
            |values: &[f64]| Spread::of(values).map(|spread| (spread.min, spread.median, spread.max));
        assert_eq!(spread(&[]), None);
        assert_eq!(spread(&[3.0]), Some((3.0, 3.0, 3.0)));
        assert_eq!(spread(&[9.0, 1.0, 2.0]), Some((1.0, 2.0, 9.0)));
        assert_eq!(spread(&[4.0, 1.0, 2.0, 100.0]), Some((1.0, 3.0, 100.0)));
    }

    #[test]
    fn runs_are_summarized_measure_by_measure() {
        let run = |a, b| vec![Measure::new("a", "an a", a), Measure::new("b", "a b", b)];
        let mut runs = vec![run(1.0, 10.0), run(3.0, 20.0), run(2.0, 30.0)];
        runs[1].push(Measure::new("c", "a c", 5.0));
        let summaries = summarize(&runs);
        let told: Vec<_> = summaries.iter().map(|summary| (summary.key, summary.spread.median)).collect();
        assert_eq!(told, [("a", 2.0), ("b", 20.0), ("c", 5.0)]);
    }
}
