//! The report for a person.

use super::facts::{Buffer, Facts, Querier};
use super::judge::{Finding, Severity};
use super::survey::{Pair, Survey};
use crate::conf::Interface;
use crate::engine::batch::Mode;
use anstyle::{AnsiColor, Style};
use std::fmt::{self, Write};
use wire::Role;

const PLAIN: Style = Style::new();
const HEAD: Style = Style::new().bold();
const PROBLEM: Style = AnsiColor::Red.on_default().bold();
const CAUTION: Style = AnsiColor::Yellow.on_default().bold();
const WELL: Style = AnsiColor::Green.on_default().bold();

/// Prints all of it.
///
/// # Errors
/// Those of `to`.
pub fn print(to: &mut impl Write, facts: &Facts, survey: &Survey, findings: &[Finding]) -> fmt::Result {
    let seconds = facts.seconds;
    writeln!(to, "{HEAD}paxos doctor on {} ({}){HEAD:#}, {seconds:.1} s", facts.host, facts.link.address)?;
    writeln!(to)?;
    host(to, facts)?;
    clocks(to, facts, survey)?;
    doctors(to, survey)?;
    processes(to, survey)?;
    matrix(to, survey)?;
    writeln!(to)?;
    print_findings(to, findings)
}

/// Prints what is wrong, or that nothing is.
///
/// # Errors
/// Those of `to`.
pub fn print_findings(to: &mut impl Write, findings: &[Finding]) -> fmt::Result {
    for finding in findings {
        let style = match finding.severity {
            Severity::Problem => PROBLEM,
            Severity::Caution => CAUTION,
        };
        let Finding { severity, name, what, mend } = finding;
        writeln!(to, "{style}{} {name}:{style:#} {what}", severity.text())?;
        writeln!(to, "  do: {mend}")?;
    }
    let count = |severity| findings.iter().filter(|finding| finding.severity == severity).count();
    let cautions = match count(Severity::Caution) {
        0 => String::new(),
        1 => ", 1 caution".into(),
        many => format!(", {many} cautions"),
    };
    match count(Severity::Problem) {
        0 => writeln!(to, "{WELL}no problem found{WELL:#}{cautions}"),
        1 => writeln!(to, "{PROBLEM}1 problem{PROBLEM:#}{cautions}"),
        many => writeln!(to, "{PROBLEM}{many} problems{PROBLEM:#}{cautions}"),
    }
}

fn line(to: &mut impl Write, name: &str, text: impl fmt::Display) -> fmt::Result {
    writeln!(to, "{name:<10}  {text}")
}

fn host(to: &mut impl Write, facts: &Facts) -> fmt::Result {
    let link = &facts.link;
    let why = match &facts.conf.interface {
        Interface::Loopback => "because no `interface` is named".to_string(),
        Interface::Named(name) => format!("because of `interface {name}`"),
        Interface::Address(address) => format!("because it has the address of `interface {address}`"),
    };
    let mtu = link.mtu.map_or("unknown".into(), |mtu| mtu.to_string());
    let (name, address, prefix) = (&link.name, link.address, link.prefix());
    line(to, "interface", format_args!("{name}, {address}/{prefix}, takes {mtu} bytes; {why}"))?;
    let conf = &facts.conf;
    let reach =
        if conf.ttl == 1 { "no router passes it on" } else { "routers pass it on as often, less one" };
    line(to, "packets", format_args!("mtu {}, ttl {}: {reach}", conf.mtu, conf.ttl))?;
    buffer(to, "receive", &facts.receive)?;
    buffer(to, "send", &facts.send)?;
    let sending = match facts.sending {
        Mode::Gso => "sent in runs (GSO)",
        Mode::Mmsg => "sent one by one, many to a call (GSO is refused)",
        Mode::Plain => "sent one by one",
    };
    let receiving = match (facts.gro, facts.coalesced) {
        (false, _) => "read one by one (GRO is refused)".into(),
        (true, 0) => "would be read in runs (GRO), none came".into(),
        (true, runs) => format!("read in runs (GRO), {runs} came"),
    };
    line(to, "batches", format_args!("{sending}; {receiving}"))?;
    let querier = match facts.querier {
        Querier::NotNeeded => "loopback needs none".into(),
        Querier::NotAllowed => "not looked for, which takes root (CAP_NET_RAW)".into(),
        Querier::NotLooked => "not looked for: the system does not let us".into(),
        Querier::Heard(address) if address.is_unspecified() => {
            "there is one, a bridge or switch without an address".into()
        }
        Querier::Heard(address) => format!("there is one, {address}"),
        Querier::Silent => "none answers".into(),
    };
    let bridge = facts.bridge.as_ref().map_or(String::new(), |bridge| {
        let not = |on: bool| if on { "" } else { "not " };
        format!(
            "; bridge {} is {}snooping and {}a querier",
            bridge.name,
            not(bridge.snooping),
            not(bridge.querier)
        )
    });
    line(to, "querier", format_args!("{querier}{bridge}"))
}

fn buffer(to: &mut impl Write, name: &str, buffer: &Buffer) -> fmt::Result {
    let Buffer { asked, got, sysctl, most } = buffer;
    let most = most.map_or(String::new(), |most| format!("; {sysctl} is {most}"));
    line(to, name, format_args!("buffer of {got} bytes, {asked} were asked for{most}"))
}

fn clocks(to: &mut impl Write, facts: &Facts, survey: &Survey) -> fmt::Result {
    let steps = match facts.steps.len() {
        0 => "not set during the course".to_string(),
        1 => "set once during the course".into(),
        times => format!("set {times} times during the course"),
    };
    let mut text = steps;
    for host in &survey.hosts[1..] {
        if let Some(ahead) = host.ahead {
            let (by, half) = (ahead.by as f64 / 1e6, ahead.round_trip as f64 / 2e6);
            write!(text, "; {} is {by:+.1} ms from it, within {half:.1} ms", host.label)?;
        }
    }
    line(to, "clock", text)
}

fn doctors(to: &mut impl Write, survey: &Survey) -> fmt::Result {
    writeln!(to, "\n{HEAD}doctors{HEAD:#}")?;
    for host in &survey.hosts {
        let at = host.at.map_or(host.address.to_string(), |at| at.to_string());
        let cluster = host.cluster.map_or("unknown".into(), |cluster| format!("{cluster:08x}"));
        write!(to, "  {:<16} {} at {at}, cluster {cluster}", host.label, host.sender)?;
        if let Some(tally) = host.tally {
            let (mtu, link, space, drops) =
                (tally.mtu, tally.link_mtu, tally.space.get() / 1024, tally.drops);
            write!(to, ", mtu {mtu} of {link}, receive buffers {space} KiB, {drops} drops")?;
        }
        writeln!(to)?;
    }
    Ok(())
}

fn processes(to: &mut impl Write, survey: &Survey) -> fmt::Result {
    if survey.processes.is_empty() {
        return writeln!(to, "\nno other process was heard on the groups");
    }
    writeln!(to, "\n{HEAD}processes{HEAD:#}")?;
    for process in &survey.processes {
        let (sender, at, cluster, packets) = (process.sender, process.at, process.cluster, process.packets);
        write!(to, "  {:<16} at {at}, cluster {cluster:08x}", sender.to_string())?;
        if process.log > 0 {
            write!(to, ", log {:08x}", process.log)?;
        }
        writeln!(to, ", incarnation {:016x}, {packets} packets", sender.incarnation)?;
    }
    Ok(())
}

/// Who misses how much of whom, a pair a line.
fn matrix(to: &mut impl Write, survey: &Survey) -> fmt::Result {
    writeln!(to, "\n{HEAD}lost, percent{HEAD:#}")?;
    let [a, b, c, d] = Role::GROUPS.map(|role| format!("{role}s"));
    writeln!(
        to,
        "  {:<16} {:<16} {a:>9} {b:>9} {c:>9} {d:>9} {:>9} {:>9} {:>9}",
        "at", "of", "directly", "bursts", "longest"
    )?;
    for pair in &survey.pairs {
        row(to, survey, pair)?;
    }
    Ok(())
}

fn row(to: &mut impl Write, survey: &Survey, pair: &Pair) -> fmt::Result {
    let heard = &pair.heard;
    let own = pair.from == pair.to;
    let from = if own { "itself" } else { survey.label(pair.from) };
    write!(to, "  {:<16} {from:<16}", survey.label(pair.to))?;
    for came in heard.groups() {
        cell(to, came, heard.rounds.get())?;
    }
    cell(to, heard.direct.get(), if own { 0 } else { heard.direct_rounds.get() })?;
    cell(to, heard.burst.get(), heard.bursts.get())?;
    match heard.longest.get().max(heard.longest_direct.get()) {
        0 => writeln!(to, " {:>9}", "-"),
        longest => writeln!(to, " {longest:>9}"),
    }
}

/// What part of them did not come: `-` when none was due.
fn cell(to: &mut impl Write, came: u32, of: u32) -> fmt::Result {
    if of == 0 {
        return write!(to, " {:>9}", "-");
    }
    let lost = 100.0 * (1.0 - f64::from(came.min(of)) / f64::from(of));
    let style = match lost {
        lost if lost >= 1.0 => PROBLEM,
        lost if lost > 0.0 => CAUTION,
        _ => PLAIN,
    };
    write!(to, " {style}{lost:>9.1}{style:#}")
}
