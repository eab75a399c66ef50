//! The report for programs: one JSON object on a line. Names stay; those of numbers end with their unit.

use super::facts::{Facts, Querier};
use super::judge::{Finding, Severity};
use super::survey::Survey;
use crate::engine::batch::Mode;
use serde_json::{Map, Value, json};
use wire::Role;

/// The whole report.
pub fn report(facts: &Facts, survey: &Survey, findings: &[Finding]) -> Value {
    let mut report = host(facts);
    report.extend(judged(findings));
    let hosts = survey.hosts.iter().map(|host| {
        json!({
            "host": host.label,
            "id": host.sender.id,
            "address": host.address.to_string(),
            "at": host.at.map(|at| at.to_string()),
            "cluster": host.cluster.map(|cluster| format!("{cluster:08x}")),
            "clock_ahead_ns": host.ahead.map(|ahead| ahead.by),
        })
    });
    report.insert("hosts".into(), hosts.collect());
    let pairs = survey.pairs.iter().map(|pair| {
        let heard = &pair.heard;
        let mut object = json!({
            "at": survey.label(pair.to),
            "of": survey.label(pair.from),
            "rounds": heard.rounds.get(),
            "direct_rounds": heard.direct_rounds.get(),
            "direct": heard.direct.get(),
            "bursts": heard.bursts.get(),
            "burst": heard.burst.get(),
            "again": heard.again.get(),
            "longest_bytes": heard.longest.get(),
            "longest_direct_bytes": heard.longest_direct.get(),
        });
        for (role, came) in Role::GROUPS.iter().zip(heard.groups()) {
            object[format!("{role}s")] = came.into();
        }
        object
    });
    report.insert("pairs".into(), pairs.collect());
    let processes = survey.processes.iter().map(|process| {
        json!({
            "role": process.sender.role.name(),
            "id": process.sender.id,
            "at": process.at.to_string(),
            "incarnation": format!("{:016x}", process.sender.incarnation),
            "cluster": format!("{:08x}", process.cluster),
            "packets": process.packets,
        })
    });
    report.insert("processes".into(), processes.collect());
    report.into()
}

/// The report when the interface cannot be used.
pub fn unusable(host: &str, findings: &[Finding]) -> Value {
    let mut report = judged(findings);
    report.insert("host".into(), host.into());
    report.into()
}

fn host(facts: &Facts) -> Map<String, Value> {
    let link = &facts.link;
    let querier = match facts.querier {
        Querier::NotNeeded => "not needed".into(),
        Querier::NotAllowed | Querier::NotLooked => Value::Null,
        Querier::Heard(address) => address.to_string().into(),
        Querier::Silent => "none".into(),
    };
    object(json!({
        "host": facts.host,
        "duration_s": (facts.seconds * 1e3).round() / 1e3,
        "interface": link.name,
        "address": link.address.to_string(),
        "loopback": link.loopback,
        "link_mtu_bytes": link.mtu,
        "mtu_bytes": facts.conf.mtu,
        "ttl_hops": facts.conf.ttl,
        "receive_buffer_bytes": facts.receive.got,
        "send_buffer_bytes": facts.send.got,
        "buffer_asked_bytes": facts.receive.asked,
        "gso": facts.sending == Mode::Gso,
        "gro": facts.gro,
        "querier": querier,
        "drops": facts.drops,
        "clock_steps_ns": facts.steps,
    }))
}

/// What was found.
fn judged(findings: &[Finding]) -> Map<String, Value> {
    let each: Vec<Value> = findings
        .iter()
        .map(|finding| {
            let Finding { severity, name, what, mend } = finding;
            json!({"severity": severity.text(), "name": name.to_string(), "what": what, "do": mend})
        })
        .collect();
    let problems = findings.iter().filter(|finding| finding.severity == Severity::Problem).count();
    object(json!({"findings": each, "problems": problems}))
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        other => unreachable!("{other} is no object"),
    }
}
