//! What the filters of `wire dump` take, and what is said of anything else.

use wire::dump::{BallotId, Instances, SenderId};

/// `7`, `7..9`, `7..=9`, `7..`, `..9`: as Rust writes them.
pub fn instances(text: &str) -> Result<Instances, String> {
    let number = |digits: &str| {
        digits.parse().map_err(|_| format!("{digits:?} is no instance; write 7, 7..9 (7 and 8), 7.. or ..9"))
    };
    let (first, last) = match text.split_once("..") {
        None => {
            let instance = number(text)?;
            (instance, Some(instance))
        }
        Some(("", "")) => return Err("that is every instance; leave it out".into()),
        Some((first, until)) => {
            let first = if first.is_empty() { 0 } else { number(first)? };
            let last = match (until, until.strip_prefix('=')) {
                ("", _) => Some(u64::MAX),
                (_, Some(last)) => Some(number(last)?),
                (until, None) => number(until)?.checked_sub(1),
            };
            (first, last)
        }
    };
    match last {
        Some(last) if first <= last => Ok(Instances { first, last }),
        _ => Err("no instance is in that range: its end does not count, so 7..8 is only 7".into()),
    }
}

/// `3.P1`.
pub fn ballot(text: &str) -> Result<BallotId, String> {
    let parts = text.split_once('.').and_then(|(round, proposer)| {
        let proposer = proposer.strip_prefix(['P', 'p'])?;
        Some(BallotId { round: round.parse().ok()?, proposer: proposer.parse().ok()? })
    });
    parts.ok_or_else(|| "a ballot is a round and a proposer, as in 3.P1".into())
}

/// `A2`.
pub fn sender(text: &str) -> Result<SenderId, String> {
    SenderId::read(text).ok_or_else(|| "a sender is C, P, A or L and an id of 0 to 65535, as in A2".into())
}

/// `C1` or `1`.
pub fn client(text: &str) -> Result<u16, String> {
    let digits = text.strip_prefix(['C', 'c']).unwrap_or(text);
    digits.parse().map_err(|_| "a client is an id of 0 to 65535, as in C1 or 1".into())
}

/// Seconds, or what the unit says, in ns; exact, so that a time that was printed is that time.
pub fn time(text: &str) -> Result<i128, String> {
    let (negative, rest) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
    let digits = rest.trim_end_matches(|character: char| character.is_ascii_alphabetic());
    let unit_ns: i128 = match &rest[digits.len()..] {
        "" | "s" => 1_000_000_000,
        "ms" => 1_000_000,
        "us" => 1_000,
        "ns" => 1,
        "m" | "min" => 60_000_000_000,
        "h" => 3_600_000_000_000,
        unit => return Err(format!("{unit:?} is no unit of time: h, min, s, ms, us and ns are")),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let number = |part: &str| {
        // 18 digits of seconds are longer than any clock runs, and fit.
        let fine = part.len() <= 18 && part.bytes().all(|byte| byte.is_ascii_digit());
        let number = if part.is_empty() { Some(0) } else { part.parse::<i128>().ok() };
        number.filter(|_| fine)
    };
    match (number(whole), number(fraction)) {
        (Some(seconds), Some(part)) if whole.len() + fraction.len() > 0 => {
            let ns = seconds * unit_ns + part * unit_ns / 10i128.pow(fraction.len() as u32);
            Ok(if negative { -ns } else { ns })
        }
        _ => Err("a time is a number of seconds, or one with a unit, as in 1.5 or 1500ms".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use wire::Role;

    #[test]
    fn ranges_of_instances_end_before_their_end_as_in_rust() {
        let range = |first, last| Ok(Instances { first, last });
        assert_eq!(instances("7"), range(7, 7));
        assert_eq!(instances("7..9"), range(7, 8));
        assert_eq!(instances("7..=9"), range(7, 9));
        assert_eq!(instances("7.."), range(7, u64::MAX));
        assert_eq!(instances("..9"), range(0, 8));
        for empty in ["9..7", "7..7", "..0", "0..0"] {
            assert!(instances(empty).is_err_and(|told| told.starts_with("no instance is in")), "{empty}");
        }
        for nonsense in ["", "..", "x", "7-9", "-7", "1...3", "18446744073709551616"] {
            assert!(instances(nonsense).is_err(), "{nonsense}");
        }
    }

    #[test]
    fn senders_ballots_and_clients_read_as_they_print() {
        assert_eq!(sender("A2"), Ok(SenderId { role: Role::Acceptor, id: 2 }));
        assert_eq!(sender("p65535").map(|sender| sender.id), Ok(65535));
        assert_eq!(ballot("3.P1"), Ok(BallotId { round: 3, proposer: 1 }));
        assert_eq!((client("C1"), client("1")), (Ok(1), Ok(1)));
        for nonsense in ["", "A", "2", "X2", "A65536", "ä2", "A-1"] {
            assert!(sender(nonsense).is_err(), "{nonsense}");
        }
        for nonsense in ["", "3", "3.1", "3.A1", ".P1", "3.P"] {
            assert!(ballot(nonsense).is_err(), "{nonsense}");
        }
        assert!(client("A1").is_err() && client("").is_err());
    }

    #[test]
    fn times_are_exact_and_carry_units() {
        assert_eq!(time("1.5"), Ok(1_500_000_000));
        assert_eq!(time("1500ms"), Ok(1_500_000_000));
        assert_eq!(time("0.000001"), Ok(1_000));
        assert_eq!(time(".5s"), Ok(500_000_000));
        assert_eq!(time("-0.000002"), Ok(-2_000));
        assert_eq!(time("2min"), Ok(120_000_000_000));
        assert_eq!(time("999999999999999999h").map(|ns| ns > 0), Ok(true));
        for nonsense in
            ["", ".", "s", "1.2.3", "1 s", "1d", "+1", "--1", "1e3", "1.5µs", "9999999999999999999"]
        {
            assert!(time(nonsense).is_err(), "{nonsense}");
        }
    }
}
