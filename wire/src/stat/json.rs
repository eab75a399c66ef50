//! The counts as one object of JSON, as docs/wire-json.md describes it.

use super::{Stat, repairs};
use crate::dump::json::object::{self, Object};
use hdrhistogram::Histogram;

/// One line.
pub fn json(stat: &Stat) -> String {
    let mut text = String::new();
    let mut object = Object::begin(&mut text);
    object.array("files", &stat.files, |to, name| object::push_text(to, name));
    let (first, last) = stat.span_ns.unwrap_or_default();
    object.raw("first_ns", format_args!("{first}"));
    object.raw("last_ns", format_args!("{last}"));
    object.objects("packets", &stat.counts.rows, |object, ((sender, kind), row)| {
        object.raw("sender", format_args!("\"{sender}\""));
        object.text("kind", kind.name());
        object.number("packets", row.packets);
        object.number("bytes", row.bytes);
        object.number("repeats", row.repeats);
        object.number("again", row.again);
        object.number("cut", row.cut);
        object.number("entries", row.entries);
        object.number("entry_bytes", row.entry_bytes);
        object.number("ranges", row.ranges);
        object.number("instances", row.instances);
    });
    let rows = stat.counts.rows.iter();
    object.number(
        "repair_bytes",
        rows.filter(|((_, kind), _)| repairs(*kind)).map(|(_, row)| row.bytes).sum::<u64>(),
    );
    object.number("malformed", stat.malformed);
    object.number("cut_short", stat.cut_short);
    object.number("other_processes", stat.counts.others);
    object.number("too_late_to_tell", stat.counts.old);
    object.number("foreign_frames", stat.frames.foreign);
    object.number("fragments", stat.frames.fragments);
    let hops = &stat.hops;
    for (name, sizes) in [
        ("entries_in_2a", &hops.entries),
        ("entry_bytes_in_2a", &hops.entry_bytes),
        ("ranges_in_2b", &hops.ranges),
        ("instances_in_2b", &hops.instances),
        ("new_votes_in_2b", &hops.votes),
        ("submit_to_2a_ns", &hops.submit_to_2a),
        ("2a_to_first_2b_ns", &hops.first_2b),
        ("2a_to_quorum_ns", &hops.quorum),
        ("quorum_to_ack_ns", &hops.quorum_to_ack),
        ("submit_to_ack_ns", &hops.submit_to_ack),
    ] {
        spread(&mut object, name, sizes);
    }
    object.number("quorum", hops.quorum_size() as u64);
    object.number("instances_chosen", hops.chosen);
    object.number("instances_chosen_without_2a", hops.chosen_unseen);
    object.number("values_chosen", hops.values);
    object.number("decided_until", stat.decided_until);
    object.raw("piece_ns", format_args!("{}", stat.packets.piece_ns()));
    let number = |to: &mut String, count: &u64| to.push_str(&count.to_string());
    object.array("packets_over_time", stat.packets.counts(), number);
    object.array("values_over_time", stat.values.counts(), number);
    object.number("leader_changes", stat.leader_changes);
    object.objects("leaders", &stat.leaders, |object, leads| {
        object.raw("time_ns", format_args!("{}", leads.time_ns));
        object.raw("process", format_args!("\"{}\"", leads.process));
        object.ballot("ballot", leads.ballot);
    });
    object.objects("gaps", stat.counts.gaps(), |object, gap| {
        object.raw("sender", format_args!("\"{}\"", gap.sender));
        object.text("file", &stat.files[gap.file]);
        object.number("spanned", gap.spanned);
        object.number("missing", gap.missing);
        object.number("expected", gap.expected);
        object.number("lost", gap.lost);
    });
    object.end();
    text.push('\n');
    text
}

/// What is known of a spread; null when nothing was measured.
fn spread(object: &mut Object, name: &str, values: &Histogram<u64>) {
    if values.is_empty() {
        return object.raw(name, format_args!("null"));
    }
    let at = |share| values.value_at_quantile(share);
    object.raw(
        name,
        format_args!(
            "{{\"count\":{},\"mean\":{:.3},\"p50\":{},\"p99\":{},\"max\":{}}}",
            values.len(),
            values.mean(),
            at(0.5),
            at(0.99),
            values.max()
        ),
    );
}
