//! Numbers as a person reads them.

use std::time::Duration;

/// `1,234,567`
pub fn grouped(number: u64) -> String {
    in_threes(&number.to_string())
}

/// Digits with a comma after each three, from behind.
pub fn in_threes(digits: &str) -> String {
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A rate per second: `0`, `0.4`, `12`, `1,234`.
pub fn rate(rate: f64) -> String {
    if rate > 0.0 && rate < 10.0 { format!("{rate:.1}") } else { grouped(rate.round() as u64) }
}

/// `7 s`, `12 min`, `3 h 20 min`, `5 d 3 h`
pub fn span(span: Duration) -> String {
    let seconds = span.as_secs();
    let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86_400);
    match () {
        () if days > 0 => format!("{days} d {} h", hours % 24),
        () if hours > 0 => format!("{hours} h {} min", minutes % 60),
        () if minutes > 0 => format!("{minutes} min"),
        () => format!("{seconds} s"),
    }
}

/// `512 B`, `30.1 MiB`
pub fn bytes(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["B", "KiB", "MiB", "GiB", "TiB"];
    let mut value = bytes as f64;
    let mut unit = 0;
    while value >= 1024.0 && unit + 1 < UNITS.len() {
        (value, unit) = (value / 1024.0, unit + 1);
    }
    if unit == 0 { format!("{bytes} B") } else { format!("{value:.1} {}", UNITS[unit]) }
}

/// Microseconds: `136 µs`, `2.5 ms`, `1.2 s`
pub fn micros(us: u32) -> String {
    match us {
        0..1000 => format!("{us} µs"),
        1000..1_000_000 => format!("{:.1} ms", f64::from(us) / 1e3),
        _ => format!("{:.1} s", f64::from(us) / 1e6),
    }
}

/// `1`, `1 and 2`, `1, 2 and 3`
pub fn list(words: &[String]) -> String {
    match words {
        [] => String::new(),
        [word] => word.clone(),
        [words @ .., last] => format!("{} and {last}", words.join(", ")),
    }
}

/// `1 process`, `2 processes`
pub fn counted(number: u64, one: &str, many: &str) -> String {
    format!("{} {}", grouped(number), if number == 1 { one } else { many })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_as_a_person_writes_them() {
        assert_eq!([grouped(0), grouped(999), grouped(1_234_567)], ["0", "999", "1,234,567"]);
        assert_eq!([rate(0.0), rate(0.44), rate(12.6), rate(1234.2)], ["0", "0.4", "13", "1,234"]);
        let spans = [7, 720, 12_000, 442_800].map(|s| span(Duration::from_secs(s)));
        assert_eq!(spans, ["7 s", "12 min", "3 h 20 min", "5 d 3 h"]);
        assert_eq!([bytes(512), bytes(31_562_138), bytes(1 << 40)], ["512 B", "30.1 MiB", "1.0 TiB"]);
        assert_eq!([micros(136), micros(2_500), micros(1_200_000)], ["136 µs", "2.5 ms", "1.2 s"]);
        let words = ["1", "2", "3"].map(str::to_owned);
        assert_eq!([list(&words[..1]), list(&words[..2]), list(&words)], ["1", "1 and 2", "1, 2 and 3"]);
    }
}
