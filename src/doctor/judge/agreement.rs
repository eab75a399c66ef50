//! Where hosts and processes differ: configuration, version, ids, clocks.

use super::{Findings, Name, list};
use crate::conf::duration_text;
use crate::doctor::facts::Facts;
use crate::doctor::survey::{Host, Survey};
use std::time::Duration;
use wire::{Refusal, Tally};

/// A difference of clocks that could make a client that moves look like its own past: 1 s.
const CLOCKS_APART: i64 = 1_000_000_000;

pub(super) fn judge(facts: &Facts, survey: &Survey, to: &mut Findings) {
    let own = survey.hosts[0].tally.expect("our own is there from the start");
    let cluster = survey.hosts[0].cluster;
    for host in &survey.hosts[1..] {
        let Some(tally) = host.tally else { continue };
        let differ = keys(&own, &tally);
        if host.cluster != cluster {
            let differences =
                if differ.is_empty() { vec!["something that it does not tell".into()] } else { differ };
            to.problem(
                Name::OtherConfiguration,
                format!("{} has another configuration: {}", host.label, differences.join("; ")),
                format!(
                    "give both hosts the same {}: processes with different groups, acceptors or mtu refuse each other's packets",
                    facts.conf.path.display()
                ),
            );
        }
        times(host, &own, &tally, to);
        clocks(host, to);
    }
    processes(survey, cluster, to);
    refused(survey, to);
    if survey.crowded {
        to.caution(
            Name::Crowded,
            "more doctors or processes were heard than there is room for; some of them are not judged",
            format!("run the doctor on at most {} hosts at once", wire::HEARD_MAX),
        );
    }
}

/// The keys of the configuration that must agree and do not, with both values.
fn keys(own: &Tally, other: &Tally) -> Vec<String> {
    let mut differ = Vec::new();
    let groups = [
        ("clients", own.clients, other.clients),
        ("proposers", own.proposers, other.proposers),
        ("acceptors", own.acceptors, other.acceptors),
        ("learners", own.learners, other.learners),
    ];
    for (key, ours, theirs) in groups {
        let (ours, theirs) = (ours.get(), theirs.get());
        if ours != theirs {
            differ.push(format!(
                "`{key}` is {} {} there, {} {} here",
                theirs.ip(),
                theirs.port(),
                ours.ip(),
                ours.port()
            ));
        }
    }
    if own.acceptor_ids != other.acceptor_ids {
        differ.push("the ids in `acceptors` are others".into());
    }
    if own.mtu != other.mtu {
        differ.push(format!("`mtu` is {} there, {} here", other.mtu, own.mtu));
    }
    differ
}

/// Keys that may differ, and seldom should.
fn times(host: &Host, own: &Tally, tally: &Tally, to: &mut Findings) {
    let time = |microseconds: u64| duration_text(Duration::from_micros(microseconds));
    let mut differ = Vec::new();
    for (key, ours, theirs) in
        [("heartbeat", own.heartbeat, tally.heartbeat), ("suspect", own.suspect, tally.suspect)]
    {
        if ours != theirs {
            differ.push(format!("`{key}` is {} there, {} here", time(theirs.get()), time(ours.get())));
        }
    }
    if own.ttl != tally.ttl {
        differ.push(format!("`ttl` is {} there, {} here", tally.ttl, own.ttl));
    }
    if !differ.is_empty() {
        to.caution(
            Name::OtherTimes,
            format!("{}: {}", host.label, differ.join("; ")),
            "write the same in the configuration of every host, unless it is meant so: processes that suspect earlier than \
             others say that they live change leaders for nothing",
        );
    }
}

fn clocks(host: &Host, to: &mut Findings) {
    let Some(ahead) = host.ahead.filter(|ahead| ahead.by.abs() > CLOCKS_APART) else { return };
    to.caution(
        Name::ClocksDiffer,
        format!(
            "the clock of {} is {:.1} s {} that of this host; a client that starts again on the host behind looks older than \
             its former start, and its values are refused",
            host.label,
            ahead.by.unsigned_abs() as f64 / 1e9,
            if ahead.by > 0 { "ahead of" } else { "behind" }
        ),
        "let all hosts follow one time: `chronyc tracking`, `timedatectl status`",
    );
}

fn processes(survey: &Survey, cluster: Option<u32>, to: &mut Findings) {
    let others: Vec<String> = survey
        .processes
        .iter()
        .filter(|process| Some(process.cluster) != cluster)
        .map(|process| format!("{} {} at {}", process.sender.role, process.sender.id, process.at))
        .collect();
    if !others.is_empty() {
        to.problem(
            Name::OtherConfiguration,
            format!("{} {} another configuration: groups, acceptors or mtu differ", list(&others), verb(&others)),
            "compare `paxos check CONF` on both hosts; another cluster on the same network needs groups of its own",
        );
    }
    for (one, other) in &survey.same_ids {
        to.problem(
            Name::SameId,
            format!(
                "two processes are {} {}: at {} and at {}",
                one.sender.role, one.sender.id, one.at, other.at
            ),
            "give each process of a role an id of its own",
        );
    }
}

fn verb(all: &[String]) -> &'static str {
    if all.len() == 1 { "has" } else { "have" }
}

fn refused(survey: &Survey, to: &mut Findings) {
    for refused in &survey.refused {
        let (packets, from) = (refused.packets, refused.from);
        match refused.refusal {
            Refusal::Version(version) => to.problem(
                Name::OtherVersion,
                format!("{from} sends packets of version {version}, this program knows {}", wire::VERSION),
                "install the same release on all hosts",
            ),
            Refusal::Magic | Refusal::Short { .. } => to.problem(
                Name::Foreign,
                format!("{from} sends packets that are none of ours to the groups, {packets} of them"),
                "find the program there that sends to them (`ss -unap`), or choose other groups or ports",
            ),
            refusal => to.problem(
                Name::Damaged,
                format!("{packets} packets from {from} were damaged or forged; the first one: {refusal}"),
                "look for errors of the network cards and cables (`ethtool -S`), and for programs that imitate ours",
            ),
        }
    }
}
