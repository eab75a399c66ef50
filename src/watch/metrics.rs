//! The state of a cluster as Prometheus' text: <https://prometheus.io/docs/instrumenting/exposition_formats/>.
//!
//! Names and units are as its conventions want them: base units, `_total` behind what only grows. Counts are those of the
//! processes, so they begin again when a process starts anew, as a counter may.

use super::findings::{CODES, Finding, healthy};
use super::gather::{Cluster, Key, Seen};
use crate::protocol::Nanos;
use std::collections::BTreeMap;
use std::fmt::Write;
use wire::status::state;
use wire::{ProcessStatus, Role};

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Counter,
    Gauge,
}

/// A number that processes tell.
struct Metric {
    name: &'static str,
    kind: Kind,
    help: &'static str,
    /// Which roles tell it; all, when empty.
    of: &'static [Role],
    value: fn(&ProcessStatus) -> f64,
}

const LOGS: &[Role] = &[Role::Proposer, Role::Acceptor, Role::Learner];
const SENDERS: &[Role] = &[Role::Client, Role::Proposer];

/// Declares what processes tell, a line each.
macro_rules! metrics {
    ($($kind:ident $name:literal $of:expr, $help:literal, $value:expr;)+) => {
        &[$(Metric { name: $name, kind: Kind::$kind, help: $help, of: $of, value: $value }),+]
    };
}

const METRICS: &[Metric] = metrics! {
    Gauge "paxos_process_uptime_seconds" &[], "Time since the process started.", |s| s.up_ms.get() as f64 / 1e3;
    Gauge "paxos_process_resident_memory_bytes" &[], "Resident memory of the process.", |s| s.memory.get() as f64;
    Gauge "paxos_ballot_round" &[], "Round of the ballot that the process is in.", |s| s.ballot.get().round() as f64;
    Counter "paxos_decided_instances_total" LOGS,
        "Instances decided (learner: delivered, acceptor: stored and known decided).",
        |s| s.decided_until.get() as f64;
    Counter "paxos_decided_entries_total" &[Role::Client], "Entries of the client's session that are decided.",
        |s| s.decided_until.get() as f64;
    Counter "paxos_decided_values_total" &[Role::Client], "Values of the client that are decided.",
        |s| s.values.get() as f64;
    Counter "paxos_output_bytes_total" &[Role::Learner], "Bytes of values that the learner printed.",
        |s| s.output_bytes.get() as f64;
    Gauge "paxos_in_flight" SENDERS, "Instances that the leader, entries that the client has under way.",
        |s| s.in_flight.get().into();
    Gauge "paxos_credit_bytes" SENDERS, "What may be sent before somebody must read, as receive buffers count it.",
        |s| s.credit.get().into();
    Counter "paxos_packets_received_total" &[], "Packets read, refused ones included.", |s| s.received.get() as f64;
    Counter "paxos_packets_sent_total" &[], "Packets sent.", |s| s.sent.get() as f64;
    Counter "paxos_packets_unsent_total" &[], "Packets that the kernel did not take.", |s| s.unsent.get() as f64;
    Counter "paxos_packets_refused_total" &[], "Packets read and refused.", |s| s.refusals.get() as f64;
    Counter "paxos_packets_repeated_total" &[], "Packets that bring again what was sent, or ask for what is missing.",
        |s| s.repeats.get() as f64;
    Counter "paxos_receive_drops_total" &[], "Packets, or runs of them, that a receive buffer had no room for.",
        |s| s.drops.get().into();
    Gauge "paxos_receive_buffer_bytes" &[], "The smallest receive buffer of the process, as granted.",
        |s| s.space.get().into();
    Gauge "paxos_heartbeat_seconds" &[], "heartbeat of the process's configuration.",
        |s| f64::from(s.heartbeat_us.get()) / 1e6;
    Gauge "paxos_suspect_seconds" &[], "suspect of the process's configuration.",
        |s| f64::from(s.suspect_us.get()) / 1e6;
};

/// Everything, as a scraper reads it.
pub fn text(cluster: &Cluster, findings: &[Finding], now: Nanos) -> String {
    let mut page = Page { text: String::new() };
    page.cluster(cluster, findings, now);
    let all = latest(cluster);
    page.head("paxos_process_up", Kind::Gauge, "Whether the process was heard of late.");
    for seen in &all {
        page.sample("paxos_process_up", &labels(seen), f64::from(u8::from(!seen.silent(now))));
    }
    page.head("paxos_process_silent_seconds", Kind::Gauge, "Time since the process was heard last.");
    for seen in &all {
        page.sample("paxos_process_silent_seconds", &labels(seen), seen.silence(now).as_secs_f64());
    }
    // What a silent process said last is no news.
    let live: Vec<&Seen> = all.into_iter().filter(|seen| !seen.silent(now)).collect();
    page.head("paxos_process_info", Kind::Gauge, "1, with the version of the process and its log.");
    for seen in &live {
        let more = format!("{},version=\"{}\",log=\"{:08x}\"", labels(seen), seen.version(), seen.last.log);
        page.sample("paxos_process_info", &more, 1.0);
    }
    page.head("paxos_process_state", Kind::Gauge, "Whether this holds of the process.");
    for seen in &live {
        for (bit, word) in states(seen.sender.role) {
            let more = format!("{},state=\"{word}\"", labels(seen));
            page.sample("paxos_process_state", &more, f64::from(u8::from(seen.last.status.is(*bit))));
        }
    }
    page.head("paxos_lag_instances", Kind::Gauge, "How far the process is behind what is decided.");
    for seen in live.iter().filter(|seen| seen.sender.role != Role::Client) {
        page.sample("paxos_lag_instances", &labels(seen), seen.lag() as f64);
    }
    for metric in METRICS {
        page.head(metric.name, metric.kind, metric.help);
        let tell = |seen: &&&Seen| metric.of.is_empty() || metric.of.contains(&seen.sender.role);
        for seen in live.iter().filter(tell) {
            page.sample(metric.name, &labels(seen), (metric.value)(&seen.last.status));
        }
    }
    page.syncs(live.into_iter().filter(|seen| seen.last.status.is(state::DURABLE)));
    page.text
}

/// Of each role, id and host the start that was heard last: a series has one value.
fn latest(cluster: &Cluster) -> Vec<&Seen> {
    let mut latest: BTreeMap<(Role, u16, std::net::Ipv4Addr), (Nanos, Key, &Seen)> = BTreeMap::new();
    for seen in cluster.processes() {
        let series = (seen.sender.role, seen.sender.id, *seen.address.ip());
        let this = (seen.last.at, seen.key(), seen);
        let known = latest.entry(series).or_insert(this);
        if (known.0, known.1) < (this.0, this.1) {
            *known = this;
        }
    }
    latest.into_values().map(|(_, _, seen)| seen).collect()
}

fn labels(seen: &Seen) -> String {
    format!("role=\"{}\",id=\"{}\",host=\"{}\"", seen.sender.role.name(), seen.sender.id, seen.address.ip())
}

/// What may hold of a role.
fn states(role: Role) -> &'static [(u32, &'static str)] {
    match role {
        Role::Proposer => &[
            (state::LEADING, "leading"),
            (state::PREPARING, "preparing"),
            (state::READY, "ready"),
            (state::UNFIT, "unfit"),
        ],
        Role::Acceptor => &[
            (state::MEMBER, "member"),
            (state::BLIND, "blind"),
            (state::FULL, "full"),
            (state::DURABLE, "durable"),
        ],
        Role::Client | Role::Learner => &[],
    }
}

struct Page {
    text: String,
}

impl Page {
    fn head(&mut self, name: &str, kind: Kind, help: &str) {
        let kind = if kind == Kind::Counter { "counter" } else { "gauge" };
        let _ = writeln!(self.text, "# HELP {name} {help}\n# TYPE {name} {kind}");
    }

    fn sample(&mut self, name: &str, labels: &str, value: f64) {
        let _ = match labels.is_empty() {
            true => writeln!(self.text, "{name} {value}"),
            false => writeln!(self.text, "{name}{{{labels}}} {value}"),
        };
    }

    fn cluster(&mut self, cluster: &Cluster, findings: &[Finding], now: Nanos) {
        let live = |role| cluster.live(role, now).count() as f64;
        let voting =
            cluster.live(Role::Acceptor, now).filter(|seen| seen.last.status.is(state::MEMBER)).count();
        let whole: [(&str, &str, f64); 4] = [
            ("paxos_healthy", "Whether no problem is found.", f64::from(u8::from(healthy(findings)))),
            ("paxos_leaders", "Proposers that lead.", f64::from(u8::from(cluster.leader(now).is_some()))),
            ("paxos_acceptors_configured", "Acceptors of the configuration.", cluster.acceptors.len() as f64),
            ("paxos_acceptors_voting", "Acceptors that are heard and may vote.", voting as f64),
        ];
        for (name, help, value) in whole {
            self.head(name, Kind::Gauge, help);
            self.sample(name, "", value);
        }
        self.head("paxos_processes", Kind::Gauge, "Processes that are heard, by role.");
        for role in Role::ALL {
            self.sample("paxos_processes", &format!("role=\"{}\"", role.name()), live(role));
        }
        self.head(
            "paxos_problem",
            Kind::Gauge,
            "How often this problem is found; docs/watching.md tells each code.",
        );
        for (code, _) in CODES.iter().filter(|(_, problem)| *problem) {
            let count = findings.iter().filter(|finding| finding.code == *code).count();
            self.sample("paxos_problem", &format!("code=\"{code}\""), count as f64);
        }
        self.head("paxos_note", Kind::Gauge, "How often this, which is worth knowing, is found.");
        for (code, _) in CODES.iter().filter(|(_, problem)| !problem) {
            let count = findings.iter().filter(|finding| finding.code == *code).count();
            self.sample("paxos_note", &format!("code=\"{code}\""), count as f64);
        }
        if let Some((until, _)) = cluster.compared() {
            let name = "paxos_compared_instances";
            self.head(name, Kind::Gauge, "Learners and proposers were compared below this instance.");
            self.sample(name, "", until as f64);
        }
    }

    /// Quantiles are of the last period, as the process tells them; sum and count are of all.
    fn syncs<'a>(&mut self, durable: impl Iterator<Item = &'a Seen>) {
        let name = "paxos_log_sync_duration_seconds";
        let help = "How long writes to the acceptor's log took to be durable.";
        let _ = writeln!(self.text, "# HELP {name} {help}\n# TYPE {name} summary");
        for seen in durable {
            let (status, labels) = (&seen.last.status, labels(seen));
            let quantiles =
                [("0.5", status.sync_p50_us), ("0.99", status.sync_p99_us), ("1", status.sync_max_us)];
            for (quantile, us) in quantiles {
                let value = if us.get() == 0 { f64::NAN } else { f64::from(us.get()) / 1e6 };
                self.sample(name, &format!("{labels},quantile=\"{quantile}\""), value);
            }
            self.sample(&format!("{name}_sum"), &labels, status.sync_total_us.get() as f64 / 1e6);
            self.sample(&format!("{name}_count"), &labels, status.syncs.get() as f64);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::scene::{S, Scene};
    use super::*;
    use std::collections::BTreeSet;

    fn told(scene: &Scene) -> String {
        text(&scene.cluster, &scene.findings(), scene.now)
    }

    fn value(page: &str, series: &str) -> f64 {
        let line = page.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
        line.unwrap_or_else(|| panic!("no {series} in\n{page}")).parse().expect("a number")
    }

    #[test]
    fn each_series_has_one_value_and_each_name_its_help_and_type_before() {
        let mut scene = Scene::healthy();
        let (role, id, first) = scene.key(Role::Learner, 2);
        scene.join((role, id, first + 1), |_| {});
        scene.pass(S);
        let page = told(&scene);
        let (mut series, mut typed) = (BTreeSet::new(), BTreeSet::new());
        for line in page.lines() {
            if let Some(rest) = line.strip_prefix("# TYPE ") {
                assert!(typed.insert(rest.split(' ').next().expect("a name")), "{line}");
            } else if !line.starts_with('#') {
                let (name, number) = line.rsplit_once(' ').expect("a series and a number");
                assert!(series.insert(name), "{name} comes twice");
                number.parse::<f64>().expect("a number");
                let name = name.split('{').next().expect("a name");
                let known =
                    ["", "_sum", "_count"].iter().any(|end| typed.contains(name.trim_end_matches(end)));
                assert!(known, "{name} has no type");
            }
        }
    }

    #[test]
    fn what_processes_say_is_told_in_base_units() {
        let mut scene = Scene::healthy();
        let acceptor = scene.key(Role::Acceptor, 1);
        scene.change(acceptor, |status| {
            status.state = (state::MEMBER | state::DURABLE).into();
            (status.sync_p99_us, status.syncs, status.sync_total_us) =
                (1500.into(), 10.into(), 20_000.into());
        });
        scene.pass(S);
        let page = told(&scene);
        let a1 = "role=\"acceptor\",id=\"1\",host=\"10.0.0.1\"";
        let sync = "paxos_log_sync_duration_seconds";
        assert_eq!(value(&page, &format!("{sync}{{{a1},quantile=\"0.99\"}}")), 0.0015);
        assert_eq!(value(&page, &format!("{sync}_sum{{{a1}}}")), 0.02);
        assert_eq!(value(&page, &format!("paxos_process_resident_memory_bytes{{{a1}}}")), 30e6);
        assert_eq!(value(&page, &format!("paxos_decided_instances_total{{{a1}}}")), 1000.0);
        assert_eq!(value(&page, &format!("paxos_process_state{{{a1},state=\"member\"}}")), 1.0);
        assert_eq!(value(&page, "paxos_healthy"), 1.0);
    }

    /// The names that begin with `paxos_` in a text.
    fn names(text: &str) -> BTreeSet<String> {
        let word = |char: char| !(char.is_ascii_alphanumeric() || char == '_');
        let words = text.split(word).filter(|word| word.starts_with("paxos_"));
        words.map(|word| word.trim_end_matches("_count").trim_end_matches("_sum").to_owned()).collect()
    }

    #[test]
    fn the_documentation_and_the_dashboard_name_metrics_that_there_are() {
        let page = told(&Scene::healthy());
        let typed = page.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next());
        let there: BTreeSet<String> = typed.map(str::to_owned).collect();
        assert_eq!(names(include_str!("../../docs/watching.md")), there);
        let dashboard = include_str!("../../docs/grafana-dashboard.json");
        serde_json::from_str::<serde_json::Value>(dashboard).expect("it is JSON");
        let drawn = names(dashboard);
        assert!(drawn.len() > 10 && drawn.is_subset(&there), "{:?}", drawn.difference(&there));
    }

    #[test]
    fn a_silent_process_is_down_and_says_nothing_else_and_its_problem_counts() {
        let mut scene = Scene::healthy();
        let key = scene.key(Role::Learner, 1);
        scene.silence(key);
        scene.pass(9 * S);
        let page = told(&scene);
        let l1 = "role=\"learner\",id=\"1\",host=\"10.0.0.1\"";
        assert_eq!(value(&page, &format!("paxos_process_up{{{l1}}}")), 0.0);
        assert_eq!(value(&page, &format!("paxos_process_silent_seconds{{{l1}}}")), 9.0);
        assert!(!page.contains(&format!("paxos_decided_instances_total{{{l1}}}")));
        assert_eq!(value(&page, "paxos_problem{code=\"silent\"}"), 1.0);
        assert_eq!(
            (value(&page, "paxos_healthy"), value(&page, "paxos_problem{code=\"drops\"}")),
            (0.0, 0.0)
        );
    }
}
