//! `paxos status`: one table, and what is wrong below it.

use super::findings::Finding;
use super::gather::{Cluster, Seen};
use crate::protocol::Nanos;
use crate::text::{bytes, counted, grouped, list, micros, rate, span};
use std::fmt::{self, Write};
use std::time::Duration;
use wire::Role;
use wire::status::state;

const HEADS: [&str; 14] = [
    "PROCESS",
    "ADDRESS",
    "VERSION",
    "UP",
    "STATE",
    "BALLOT",
    "DECIDED",
    "PER S",
    "LAG",
    "IN FLIGHT",
    "DROPS",
    "REPEATS",
    "SYNC P99",
    "MEMORY",
];
/// Columns of words; those of numbers end at the right.
const WORDS: [bool; HEADS.len()] =
    [true, true, true, false, true, true, false, false, false, false, false, false, false, false];

/// The whole answer: a line about the cluster, a row for each process, the findings.
pub fn write(to: &mut impl Write, cluster: &Cluster, findings: &[Finding], now: Nanos) -> fmt::Result {
    writeln!(to, "{}", headline(cluster, now))?;
    let rows: Vec<[String; HEADS.len()]> = cluster.processes().map(|seen| row(seen, now)).collect();
    if !rows.is_empty() {
        writeln!(to)?;
        table(to, &rows)?;
    }
    writeln!(to)?;
    if findings.is_empty() {
        return writeln!(to, "{}", well(cluster));
    }
    for finding in findings {
        let level = if finding.problem { "PROBLEM" } else { "note" };
        writeln!(to, "{level} {}: {}", finding.code, finding.what)?;
        writeln!(to, "    → {}", finding.todo)?;
    }
    Ok(())
}

/// `cluster 1234abcd of paxos.conf: 3 acceptors, …`
pub fn headline(cluster: &Cluster, now: Nanos) -> String {
    let count = |role| cluster.live(role, now).count() as u64;
    let roles = [
        counted(count(Role::Acceptor), "acceptor", "acceptors") + &format!(" of {}", cluster.acceptors.len()),
        counted(count(Role::Proposer), "proposer", "proposers"),
        counted(count(Role::Learner), "learner", "learners"),
        counted(count(Role::Client), "client", "clients"),
    ];
    let leader = match cluster.leader(now) {
        Some(seen) => format!("{} leads", seen.sender),
        None => "nobody leads".into(),
    };
    format!(
        "cluster {:08x} of {}: {}; {leader}; {} instances/s, {} values/s",
        cluster.id,
        cluster.conf.display(),
        list(&roles),
        rate(cluster.rate(now)),
        rate(cluster.values(now))
    )
}

/// What can be said when nothing is wrong.
pub fn well(cluster: &Cluster) -> String {
    match cluster.compared() {
        Some((until, count)) => format!(
            "all is well; {} have the same below instance {}",
            counted(count as u64, "process", "processes"),
            grouped(until)
        ),
        None => "all is well; no two learners or proposers could be compared yet".into(),
    }
}

/// What a process does, in a word or two.
pub fn does(seen: &Seen, now: Nanos) -> String {
    let status = &seen.last.status;
    if seen.silent(now) {
        return format!("silent {}", span(seen.silence(now)));
    }
    let word = match seen.sender.role {
        Role::Proposer if status.is(state::LEADING) => "leads",
        Role::Proposer if status.is(state::PREPARING) => "prepares",
        Role::Proposer if status.is(state::UNFIT) => "unfit",
        Role::Proposer if !status.is(state::READY) => "catches up",
        Role::Proposer => "follows",
        Role::Acceptor if !status.is(state::MEMBER) => "no memory",
        Role::Acceptor if status.is(state::FULL) => "full",
        Role::Acceptor if status.is(state::BLIND) => "blind",
        Role::Acceptor if status.is(state::DURABLE) => "votes, disk",
        Role::Acceptor => "votes",
        Role::Learner if seen.stuck() => "stands still",
        Role::Learner => "delivers",
        Role::Client if seen.stuck() => "waits",
        Role::Client => "submits",
        Role::Observer => "looks", // and says nothing of itself
    };
    word.into()
}

/// The cells of a process, as [`HEADS`] names them.
fn row(seen: &Seen, now: Nanos) -> [String; HEADS.len()] {
    let status = &seen.last.status;
    let rates = seen.rates();
    let client = seen.sender.role == Role::Client;
    let none = || "-".to_string();
    let ballot = status.ballot.get();
    let flight = matches!(seen.sender.role, Role::Client) || status.is(state::LEADING);
    [
        seen.sender.to_string(),
        seen.address.to_string(),
        seen.version(),
        span(Duration::from_millis(status.up_ms.get())),
        does(seen, now),
        if ballot.is_zero() { none() } else { ballot.to_string() },
        grouped(status.decided_until.get()),
        rates.map_or_else(none, |rates| rate(rates.decided)),
        if client { none() } else { grouped(seen.lag()) },
        if flight { grouped(status.in_flight.get().into()) } else { none() },
        grouped(status.drops.get().into()),
        grouped(status.repeats.get()),
        if status.sync_p99_us.get() > 0 { micros(status.sync_p99_us.get()) } else { none() },
        bytes(status.memory.get()),
    ]
}

fn table(to: &mut impl Write, rows: &[[String; HEADS.len()]]) -> fmt::Result {
    let width = |column: usize| {
        let cells = rows.iter().map(|row| row[column].chars().count());
        cells.max().unwrap_or(0).max(HEADS[column].len())
    };
    let widths: Vec<usize> = (0..HEADS.len()).map(width).collect();
    let mut line = |cells: [&str; HEADS.len()]| {
        let mut text = String::new();
        for (column, cell) in cells.into_iter().enumerate() {
            let width = widths[column];
            let _ = match WORDS[column] {
                true => write!(text, "{cell:<width$}  "),
                false => write!(text, "{cell:>width$}  "),
            };
        }
        writeln!(to, "{}", text.trim_end())
    };
    line(HEADS)?;
    for row in rows {
        line(row.each_ref().map(String::as_str))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::scene::{S, Scene};
    use super::*;

    fn told(scene: &Scene) -> String {
        let mut text = String::new();
        write(&mut text, &scene.cluster, &scene.findings(), scene.now).expect("a string takes it");
        text
    }

    #[test]
    fn a_healthy_cluster_is_a_table_and_a_sentence() {
        let mut scene = Scene::healthy();
        let acceptor = scene.key(Role::Acceptor, 1);
        scene.change(acceptor, |status| {
            status.state = (state::MEMBER | state::DURABLE).into();
            status.sync_p99_us = 1234.into();
        });
        scene.pass(60 * S);
        let text = told(&scene);
        let lines: Vec<&str> = text.lines().collect();
        assert!(
            lines[0].starts_with(
                "cluster 000000c1 of paxos.conf: 3 acceptors of 3, 2 proposers, 2 learners and 1 client; P1 leads"
            ),
            "{text}"
        );
        assert!(lines[2].starts_with("PROCESS  ADDRESS"), "{text}");
        let row = lines.iter().find(|line| line.starts_with("A1")).expect("it is there");
        let cells: Vec<&str> = row.split("  ").map(str::trim).filter(|cell| !cell.is_empty()).collect();
        assert_eq!(
            cells,
            [
                "A1",
                "10.0.0.1:4000",
                "0.1.0",
                "1 min",
                "votes, disk",
                "1.P1",
                "1,000",
                "0",
                "0",
                "-",
                "0",
                "0",
                "1.2 ms",
                "28.6 MiB"
            ]
        );
        assert_eq!(
            *lines.last().expect("some"),
            "all is well; 4 processes have the same below instance 1,000"
        );
        let ends: Vec<usize> = lines[2..11].iter().map(|line| line.chars().count()).collect();
        assert!(ends.iter().all(|end| *end == ends[0]), "all rows end at the same column:\n{text}");
    }

    #[test]
    fn what_is_wrong_stands_below_with_what_to_do() {
        let mut scene = Scene::healthy();
        let key = scene.key(Role::Acceptor, 3);
        scene.silence(key);
        scene.pass(5 * S);
        let text = told(&scene);
        assert!(text.contains("A3") && text.contains("silent 5 s"), "{text}");
        assert!(text.contains("\nPROBLEM acceptor-missing: acceptor 3 at 10.0.0.1:4000 is silent for 5 s\n    → start it again"), "{text}");
    }

    #[test]
    fn without_a_process_there_is_no_table() {
        let text = told(&Scene::empty());
        assert!(!text.contains("PROCESS") && text.contains("PROBLEM nobody"), "{text}");
    }
}
