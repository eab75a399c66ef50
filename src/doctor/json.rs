//! The report for programs: one JSON object on a line. Names stay; those of numbers end with their unit.

use super::facts::{Facts, Querier};
use super::judge::{Finding, Severity};
use super::survey::Survey;
use crate::engine::batch::Mode;
use std::fmt::{self, Display, Write};
use wire::Role;

/// The whole report.
pub fn report(facts: &Facts, survey: &Survey, findings: &[Finding]) -> String {
    let hosts = array(survey.hosts.iter().map(|host| {
        let cluster = host.cluster.map_or("null".into(), |cluster| format!("\"{cluster:08x}\""));
        let at = host.at.map_or("null".into(), |at| format!("\"{at}\""));
        let ahead = host.ahead.map_or("null".into(), |ahead| ahead.by.to_string());
        format!(
            "{{\"host\":{},\"id\":{},\"address\":\"{}\",\"at\":{at},\"cluster\":{cluster},\"clock_ahead_ns\":{ahead}}}",
            Text(&host.label),
            host.sender.id,
            host.address
        )
    }));
    let pairs = array(survey.pairs.iter().map(|pair| {
        let heard = &pair.heard;
        let groups: Vec<String> = Role::GROUPS
            .iter()
            .zip(heard.groups())
            .map(|(role, came)| format!("\"{role}s\":{came}"))
            .collect();
        format!(
            "{{\"at\":{},\"of\":{},\"rounds\":{},{},\"direct_rounds\":{},\"direct\":{},\"bursts\":{},\"burst\":{},\
             \"again\":{},\"longest_bytes\":{},\"longest_direct_bytes\":{}}}",
            Text(survey.label(pair.to)),
            Text(survey.label(pair.from)),
            heard.rounds,
            groups.join(","),
            heard.direct_rounds,
            heard.direct,
            heard.bursts,
            heard.burst,
            heard.again,
            heard.longest,
            heard.longest_direct
        )
    }));
    let processes = array(survey.processes.iter().map(|process| {
        let (role, id, incarnation) = (process.sender.role, process.sender.id, process.sender.incarnation);
        format!(
            "{{\"role\":\"{role}\",\"id\":{id},\"at\":\"{}\",\"incarnation\":\"{incarnation:016x}\",\"cluster\":\"{:08x}\",\
             \"packets\":{}}}",
            process.at, process.cluster, process.packets
        )
    }));
    format!(
        "{{{},\"hosts\":{hosts},\"pairs\":{pairs},\"processes\":{processes},\"findings\":{},\"problems\":{}}}",
        host(facts),
        list(findings),
        problems(findings)
    )
}

/// The report when the interface cannot be used.
pub fn unusable(host: &str, findings: &[Finding]) -> String {
    format!("{{\"host\":{},\"findings\":{},\"problems\":{}}}", Text(host), list(findings), problems(findings))
}

fn host(facts: &Facts) -> String {
    let link = &facts.link;
    let number = |value: Option<u64>| value.map_or("null".into(), |value| value.to_string());
    let querier = match facts.querier {
        Querier::NotNeeded => "\"not needed\"".into(),
        Querier::NotAllowed | Querier::NotLooked => "null".into(),
        Querier::Heard(address) => format!("\"{address}\""),
        Querier::Silent => "\"none\"".to_string(),
    };
    format!(
        "\"host\":{},\"duration_s\":{:.3},\"interface\":{},\"address\":\"{}\",\"loopback\":{},\"link_mtu_bytes\":{},\
         \"mtu_bytes\":{},\"ttl_hops\":{},\"receive_buffer_bytes\":{},\"send_buffer_bytes\":{},\"buffer_asked_bytes\":{},\
         \"gso\":{},\"gro\":{},\"querier\":{querier},\"drops\":{},\"clock_steps_ns\":{:?}",
        Text(&facts.host),
        facts.seconds,
        Text(&link.name),
        link.address,
        link.loopback,
        number(link.mtu.map(u64::from)),
        facts.conf.mtu,
        facts.conf.ttl,
        facts.receive.got,
        facts.send.got,
        facts.receive.asked,
        facts.sending == Mode::Gso,
        facts.gro,
        facts.drops,
        facts.steps
    )
}

fn problems(findings: &[Finding]) -> usize {
    findings.iter().filter(|finding| finding.severity == Severity::Problem).count()
}

fn list(findings: &[Finding]) -> String {
    array(findings.iter().map(|finding| {
        format!(
            "{{\"severity\":\"{}\",\"name\":\"{}\",\"what\":{},\"do\":{}}}",
            finding.severity.text(),
            finding.name,
            Text(&finding.what),
            Text(&finding.mend)
        )
    }))
}

fn array(items: impl Iterator<Item = String>) -> String {
    format!("[{}]", items.collect::<Vec<_>>().join(","))
}

/// A text as JSON has it.
struct Text<'a>(&'a str);

impl Display for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_char('"')?;
        for character in self.0.chars() {
            match character {
                '"' | '\\' => write!(f, "\\{character}")?,
                character if character < ' ' => write!(f, "\\u{:04x}", u32::from(character))?,
                character => f.write_char(character)?,
            }
        }
        f.write_char('"')
    }
}
