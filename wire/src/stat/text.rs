//! The counts as tables, for people.

use super::counts::Row;
use super::{Stat, repairs};
use crate::dump::SenderId;
use hdrhistogram::Histogram;
use std::fmt::Write;

/// A line of cells.
type Cells = Vec<String>;

/// All of it. Sections without anything in them are left out.
pub fn text(stat: &Stat) -> String {
    let mut sections = vec![head(stat)];
    if stat.counts.rows.is_empty() {
        return sections.remove(0);
    }
    sections.push(packets(stat));
    sections.push(repair(stat));
    sections.push(sizes(stat));
    sections.push(times(stat));
    sections.push(over_time(stat));
    sections.push(leaders(stat));
    sections.push(gaps(stat));
    sections.retain(|section| !section.is_empty());
    sections.join("\n")
}

fn head(stat: &Stat) -> String {
    let all = total(stat.counts.rows.values());
    let (first, last) = stat.span_ns.unwrap_or_default();
    let mut text = format!(
        "{} packet{}, {} bytes, of {} processes in {}, from {} on\n",
        number(all.packets),
        plural(all.packets),
        number(all.bytes),
        stat.counts.senders(),
        seconds(last - first),
        seconds(first),
    );
    let mut also = |count: u64, what: &str| {
        if count > 0 {
            let _ = writeln!(text, "{} {what}", number(count)); // into a string, which cannot fail
        }
    };
    also(stat.malformed, "malformed: begin as a packet of ours and are none");
    also(stat.cut_short, "cut by the capture within their header: counted nowhere below");
    also(all.cut, "cut by the capture: counted by their unchecked headers, what they say is not known");
    also(stat.counts.others, "sightings of packets of further processes: counted nowhere below");
    also(
        stat.counts.old,
        "sightings too late to tell whether the packet had been seen: not counted as packets",
    );
    also(stat.frames.foreign, "frames of others");
    also(stat.frames.fragments, "IP fragments: is `mtu` larger than that of the link?");
    text
}

fn packets(stat: &Stat) -> String {
    let all = total(stat.counts.rows.values());
    let mut rows = Vec::new();
    let mut last: Option<SenderId> = None;
    let row = |name: String, row: &Row| {
        let share = format!("{:.1} %", 100.0 * row.bytes as f64 / all.bytes.max(1) as f64);
        let counts = [row.packets, row.bytes].map(number);
        let rest = [row.repeats, row.again, row.cut]
            .map(|count| if count == 0 { "-".into() } else { number(count) });
        let mut cells = vec![name];
        cells.extend(counts);
        cells.push(share);
        cells.extend(rest);
        cells.push(carried(row));
        cells
    };
    for ((sender, kind), counted) in &stat.counts.rows {
        let name = if last == Some(*sender) { String::new() } else { sender.to_string() };
        last = Some(*sender);
        rows.push(row(format!("{name:<7}{kind}"), counted));
    }
    // Entries and votes do not add up.
    rows.push(row("all".into(), &Row { entries: 0, ranges: 0, ..all }));
    let note = "\
repeats: a 2a of an instance, or a submit of an entry, that was sent before in another packet (in the same ballot)
again:   the same packet once more in one capture; on loopback, a bridge or `-i any` that is each interface and
         receiver that it passes, elsewhere a duplicate of the network's: a capture does not tell which
";
    table(&["", "packets", "bytes", "share", "repeats", "again", "cut", "carry, each"], &rows) + note
}

/// What a packet of a row carries in the mean.
fn carried(row: &Row) -> String {
    let each = |count: u64| count as f64 / (row.packets - row.cut).max(1) as f64;
    if row.entries > 0 {
        format!("{:.1} entries, {:.0} bytes", each(row.entries), each(row.entry_bytes))
    } else if row.ranges > 0 {
        format!("{:.1} ranges, {:.1} votes", each(row.ranges), each(row.instances))
    } else {
        "-".into()
    }
}

fn repair(stat: &Stat) -> String {
    let all = total(stat.counts.rows.values());
    let of = |sort: fn(crate::Kind) -> bool| {
        total(stat.counts.rows.iter().filter(|((_, kind), _)| sort(*kind)).map(|(_, row)| row))
    };
    let repair = of(repairs);
    let share = 100.0 * repair.bytes as f64 / all.bytes.max(1) as f64;
    format!(
        "repairs: {} catch-up, {} fetch, {} value; {share:.1} % of the bytes\n",
        number(of(|kind| kind == crate::Kind::CatchUp).packets),
        number(of(|kind| kind == crate::Kind::Fetch).packets),
        number(of(|kind| kind == crate::Kind::Value).packets),
    )
}

fn sizes(stat: &Stat) -> String {
    let hops = &stat.hops;
    let parts = [
        ("entries in a 2a", &hops.entries),
        ("bytes of entries in a 2a", &hops.entry_bytes),
        ("ranges in a 2b", &hops.ranges),
        ("instances in a 2b", &hops.instances),
        ("new votes in a 2b", &hops.votes),
    ];
    let rows: Vec<Cells> = parts
        .into_iter()
        .filter(|(_, sizes)| !sizes.is_empty())
        .map(|(name, sizes)| {
            let at = |share| number(sizes.value_at_quantile(share));
            let mean = format!("{:.1}", sizes.mean());
            vec![name.into(), mean, at(0.5), at(0.99), number(sizes.max()), number(sizes.len())]
        })
        .collect();
    if rows.is_empty() {
        return String::new();
    }
    table(&["batches", "mean", "p50", "p99", "max", "packets"], &rows)
}

fn times(stat: &Stat) -> String {
    let hops = &stat.hops;
    let parts: [(&str, &Histogram<u64>); 5] = [
        ("submit to the 2a that carries it", &hops.submit_to_2a),
        ("2a to the first 2b", &hops.first_2b),
        ("2a to a quorum of 2b", &hops.quorum),
        ("quorum of 2b to ack", &hops.quorum_to_ack),
        ("submit to ack", &hops.submit_to_ack),
    ];
    let rows: Vec<Cells> = parts
        .into_iter()
        .filter(|(_, times)| !times.is_empty())
        .map(|(name, times)| {
            let at = |share| short(times.value_at_quantile(share));
            vec![name.into(), at(0.5), at(0.99), short(times.max()), number(times.len())]
        })
        .collect();
    if rows.is_empty() {
        return String::new();
    }
    let mut text = table(&["times", "p50", "p99", "max", "count"], &rows);
    text.push_str(
        "between sightings; of an entry its first submit, first 2a, and the first ack that covers it\n",
    );
    text
}

fn over_time(stat: &Stat) -> String {
    let hops = &stat.hops;
    let mut text = String::new();
    let (packets, values) = (&stat.packets, &stat.values);
    let most = |counts: &[u64]| number(counts.iter().copied().max().unwrap_or_default());
    // Into a string, which cannot fail.
    let _ = writeln!(text, "over time: a column is {}", short(packets.piece_ns() as u64));
    let _ = writeln!(text, "packets  |{}|  at most {}", packets.line(), most(packets.counts()));
    let _ = writeln!(text, "values   |{}|  at most {}", values.line(), most(values.counts()));
    let quorum = hops.quorum_size();
    let _ = writeln!(
        text,
        "{} value{} in {} instance{} chosen by a majority (of {quorum}), as far as seen; told decided: below {}",
        number(hops.values),
        plural(hops.values),
        number(hops.chosen),
        plural(hops.chosen),
        number(stat.decided_until),
    );
    if hops.chosen_unseen > 0 {
        let unseen = number(hops.chosen_unseen);
        let _ = writeln!(
            text,
            "of {unseen} of these instances the 2a is not to be seen, or not whole, so neither how many values it held"
        );
    }
    text
}

fn leaders(stat: &Stat) -> String {
    let mut rows: Vec<Cells> = Vec::new();
    for leads in &stat.leaders {
        rows.push(vec![leads.process.to_string(), leads.ballot.to_string(), seconds(leads.time_ns)]);
    }
    if rows.is_empty() {
        return "leaders: none is to be seen\n".into();
    }
    let mut text = table(&["leaders", "ballot", "first seen"], &rows);
    let more = stat.leader_changes - stat.leaders.len() as u64;
    if more > 0 {
        let _ = writeln!(text, "and {} more", number(more));
    }
    text
}

fn gaps(stat: &Stat) -> String {
    let several = stat.files.len() > 1;
    let gaps: Vec<_> = stat.counts.gaps().into_iter().filter(|gap| gap.missing > 0).collect();
    if gaps.is_empty() {
        return "gaps: none; of no sender does a capture lack a sequence number between the first and the last seen\n".into();
    }
    let mut rows: Vec<Cells> = Vec::new();
    for gap in &gaps {
        let mut cells = vec![format!("{:<7}{}", gap.sender.to_string(), stat.files[gap.file])];
        cells.push(format!("{} of {}", number(gap.missing), number(gap.spanned)));
        if several {
            cells.push(format!("{} of {}", number(gap.lost), number(gap.expected)));
        }
        rows.push(cells);
    }
    let mut heads = vec!["gaps", "numbers missing"];
    let mut note = "missing: what the capture lost, and what was not sent to where it was made (a sender counts all that it sends)\n";
    if several {
        heads.push("lost");
        note = "\
missing: what was lost on the way to the capture, and what was not sent there (a sender counts all that it sends)
lost:    of what other captures show on its way to an address that this one hears: if it is what one receiver saw,
         then lost to that receiver
";
    }
    table(&heads, &rows) + note
}

fn total<'a>(rows: impl Iterator<Item = &'a Row>) -> Row {
    rows.fold(Row::default(), |mut sum, row| {
        sum.add(row);
        sum
    })
}

/// The first column to the left, all others to the right, under their heads.
fn table(heads: &[&str], rows: &[Cells]) -> String {
    let heads: Cells = heads.iter().map(|head| (*head).to_owned()).collect();
    let all = || std::iter::once(&heads).chain(rows);
    let length = |cell: &String| cell.chars().count();
    let widths: Vec<usize> = (0..heads.len())
        .map(|at| all().filter_map(|row| row.get(at)).map(length).max().unwrap_or(0))
        .collect();
    let mut text = String::new();
    for row in all() {
        let mut line = String::new();
        for (at, (cell, width)) in row.iter().zip(&widths).enumerate() {
            // Into a string, which cannot fail.
            let _ = if at == 0 { write!(line, "{cell:width$}") } else { write!(line, "   {cell:>width$}") };
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

fn plural(count: u64) -> &'static str {
    if count == 1 { "" } else { "s" }
}

/// With its digits in groups of three.
fn number(value: impl Into<u64>) -> String {
    let digits = value.into().to_string();
    let mut text = String::new();
    for (at, digit) in digits.char_indices() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Three significant digits, in the unit that suits.
fn short(ns: u64) -> String {
    let (value, unit) = match ns {
        0..1_000 => return format!("{ns} ns"),
        1_000..1_000_000 => (ns as f64 / 1e3, "\u{b5}s"),
        1_000_000..1_000_000_000 => (ns as f64 / 1e6, "ms"),
        _ => (ns as f64 / 1e9, "s"),
    };
    let decimals = match value {
        100.0.. => 0,
        10.0.. => 1,
        _ => 2,
    };
    format!("{value:.decimals$} {unit}")
}

fn seconds(ns: i128) -> String {
    let sign = if ns < 0 { "-" } else { "" };
    let us = ns.unsigned_abs() / 1000;
    format!("{sign}{}.{:06} s", us / 1_000_000, us % 1_000_000)
}
