//! The picture.

use super::escape::Escaped;
use super::event::{Event, Note};
use super::gather::{Gathered, Process, Way};
use super::layout::{Arrow, CHARACTER, LABEL_STEP, Layout, Row, layout, seconds, short};
use crate::{Kind, Role};
use std::fmt::{self, Write};

/// Kinds that have to do with each other have one colour, as in `wire dump`.
const HUES: [(&str, &[Kind]); 10] = [
    ("submit", &[Kind::Submit]),
    ("ack", &[Kind::Ack]),
    ("2a", &[Kind::Phase2a]),
    ("2b", &[Kind::Phase2b]),
    ("1a, 1b", &[Kind::Phase1a, Kind::Phase1b]),
    ("nack, over", &[Kind::Nack, Kind::Over]),
    ("catch-up, fetch, value", &[Kind::CatchUp, Kind::Fetch, Kind::Value]),
    (
        "hello, heartbeat, status, watermark, report",
        &[Kind::Hello, Kind::Heartbeat, Kind::ProcessStatus, Kind::Watermark, Kind::Report],
    ),
    ("join, helped, found", &[Kind::Join, Kind::Helped, Kind::Found]),
    ("probe, tally", &[Kind::Probe, Kind::Tally]),
];

/// Shared by the picture and the page.
pub const STYLE: &str = include_str!("picture.css");

/// From the top to the names of the processes, px: title and legend are above.
const HEAD: f64 = 118.0;
/// The same in a page, which says those elsewhere.
const PAGE_HEAD: f64 = 8.0;
/// From there to the first event.
const NAMES: f64 = 44.0;

/// What the legend needs, px.
const WIDTH_MIN: f64 = 1010.0;

/// Appends the picture as an `svg` element. `title`: what it is of.
pub fn picture(to: &mut String, gathered: &Gathered, title: &str, standalone: bool) {
    let top = if standalone { HEAD } else { PAGE_HEAD };
    let layout = layout(gathered, top + NAMES);
    draw(to, gathered, &layout, title, standalone).expect("a string takes it");
}

fn draw(to: &mut String, all: &Gathered, layout: &Layout, title: &str, standalone: bool) -> fmt::Result {
    let (width, height) = (layout.width.max(WIDTH_MIN), layout.height);
    writeln!(
        to,
        r#"<svg xmlns="http://www.w3.org/2000/svg" id="picture" viewBox="0 0 {width:.0} {height:.0}" width="{width:.0}" height="{height:.0}" font-family="DejaVu Sans, Verdana, sans-serif" font-size="10">"#
    )?;
    if standalone {
        writeln!(to, "<title>{}</title>\n<style>\n{STYLE}</style>", Escaped(title))?;
        writeln!(to, r#"<rect class="paper" width="100%" height="100%"/>"#)?;
        writeln!(to, r#"<text class="title" x="20" y="26">{}</text>"#, Escaped(title))?;
        legend(to, all)?;
    }
    let top = if standalone { HEAD } else { PAGE_HEAD };
    axis(to, layout, top)?;
    lines(to, all, layout, top)?;
    for (event, row) in all.events.iter().zip(&layout.rows) {
        write!(to, r#"<g class="e c{}""#, hue(event.kind))?;
        if !event.instances.is_empty() {
            let ranges: Vec<_> =
                event.instances.iter().map(|(first, last)| format!("{first}-{last}")).collect();
            write!(to, r#" data-i="{}""#, ranges.join(" "))?;
        }
        write!(to, "><title>{} {}", seconds(event.first_ns), Escaped(&event.line))?;
        if event.count > 1 {
            let last = seconds(event.last_ns);
            write!(
                to,
                "\nthe first of {} alike, the last at {last}: {}",
                event.count,
                Escaped(&event.label())
            )?;
        }
        write!(to, "\nto {}{}", event.destination, Receivers(all, row))?;
        for remark in &event.remarks {
            write!(to, "\n{}", Escaped(remark))?;
        }
        to.push_str("</title>");
        ways(to, layout, row, event.count > 1)?;
        to.push_str("</g>\n");
    }
    // Words stand above all arrows, in the same order.
    for (event, row) in all.events.iter().zip(&layout.rows) {
        words(to, layout, event, row)?;
    }
    // Above the arrows, and in a page where they can be seen however far one is down.
    names(to, all, layout, top)?;
    to.push_str("</svg>\n");
    Ok(())
}

fn hue(kind: Kind) -> usize {
    HUES.iter().position(|(_, kinds)| kinds.contains(&kind)).unwrap_or_default()
}

/// What stands beside an event: what it is, and what it brought about.
fn words(to: &mut String, layout: &Layout, event: &Event, row: &Row) -> fmt::Result {
    let (x, y) = (layout.columns[row.column], row.y);
    write!(to, r#"<g class="w c{}">"#, hue(event.kind))?;
    let label = event.label();
    let wide = CHARACTER * label.chars().count() as f64;
    write!(
        to,
        r#"<rect class="under" x="{:.1}" y="{:.1}" width="{wide:.1}" height="10"/>"#,
        x - 5.0 - wide,
        y - 10.0
    )?;
    write!(to, r#"<text class="l" x="{:.0}" y="{:.1}">{}</text>"#, x - 5.0, y - 1.5, Escaped(&label))?;
    if event.notes.len() + event.remarks.len() > 0 {
        write!(to, r#"<path class="to-note" d="M{x:.0} {y:.1}H{:.0}"/>"#, layout.notes - 4.0)?;
        write!(to, r#"<path class="mark" d="M{x:.0} {:.1}l4 4l-4 4l-4 -4z"/>"#, y - 4.0)?;
    }
    let mut notes: Vec<String> = event.notes.iter().map(Note::to_string).collect();
    notes.extend(event.remarks.iter().map(|remark| shortened(remark)));
    for (at, note) in notes.iter().enumerate() {
        let y = y + at as f64 * LABEL_STEP + 3.5;
        write!(to, r#"<text class="note" x="{:.0}" y="{y:.1}">{}</text>"#, layout.notes, Escaped(note))?;
    }
    to.push_str("</g>\n");
    Ok(())
}

/// As much of a remark as there is room for beside the picture.
fn shortened(remark: &str) -> String {
    let mut text: String = remark.chars().take(21).collect();
    if text.len() < remark.len() {
        text.push('\u{2026}');
    }
    text
}

/// Where an event goes, in words.
struct Receivers<'a>(&'a Gathered, &'a Row);

impl fmt::Display for Receivers<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Receivers(all, row) = self;
        if row.unknown {
            return f.write_str(", and who listens there is not known");
        }
        for (at, arrow) in row.arrows.iter().enumerate() {
            write!(f, "{}{}", if at == 0 { ": " } else { ", " }, all.processes[arrow.column].id)?;
            match arrow.way {
                Way::Seen(time_ns) => write!(f, " at {}", seconds(time_ns))?,
                Way::Inferred => {}
                Way::Lost(1) => write!(f, " lost")?,
                Way::Lost(count) => write!(f, " {count} lost")?,
            }
        }
        Ok(())
    }
}

fn ways(to: &mut String, layout: &Layout, row: &Row, several: bool) -> fmt::Result {
    let (x, y) = (layout.columns[row.column], row.y);
    let more = if several { " many" } else { "" };
    let of =
        |kind: fn(&Way) -> bool| row.arrows.iter().filter(move |arrow| kind(&arrow.way)).collect::<Vec<_>>();
    let end = |arrow: &Arrow| (layout.columns[arrow.column], arrow.y);
    let guessed = of(|way| matches!(way, Way::Inferred));
    if !guessed.is_empty() {
        write!(to, r#"<path class="a guess{more}" d=""#)?;
        // To each side one line as far as the last receiver.
        let (left, right): (Vec<&Arrow>, Vec<&Arrow>) =
            guessed.iter().partition(|arrow| arrow.column < row.column);
        for arrow in left.first().into_iter().chain(right.last()) {
            write!(to, "M{x:.0} {y:.1}L{:.0} {:.1}", end(arrow).0, end(arrow).1)?;
        }
        write!(to, r#""/><path class="a head" d=""#)?;
        for arrow in guessed {
            head(to, (x, y), end(arrow))?;
        }
        to.push_str("\"/>");
    }
    let seen = of(|way| matches!(way, Way::Seen(_)));
    if !seen.is_empty() {
        write!(to, r#"<path class="a{more}" d=""#)?;
        for arrow in seen {
            write!(to, "M{x:.0} {y:.1}L{:.0} {:.1}", end(arrow).0, end(arrow).1)?;
            head(to, (x, y), end(arrow))?;
        }
        to.push_str("\"/>");
    }
    for arrow in of(|way| matches!(way, Way::Lost(_))) {
        let (end_x, end_y) = end(arrow);
        let at = (end_x - 14.0 * (end_x - x).signum(), end_y - 1.0);
        write!(to, r#"<path class="a lost" d="M{x:.0} {y:.1}L{:.1} {:.1}"#, at.0, at.1)?;
        write!(to, r#"M{:.1} {:.1}l8 8m0 -8l-8 8"/>"#, at.0 - 4.0, at.1 - 4.0)?;
    }
    if row.unknown {
        write!(to, r#"<path class="a guess" d="M{x:.0} {y:.1}l22 6"/>"#)?;
        write!(to, r#"<text class="q" x="{:.0}" y="{:.1}">?</text>"#, x + 25.0, y + 10.0)?;
    }
    write!(to, r#"<circle class="dot" cx="{x:.0}" cy="{y:.1}" r="1.8"/>"#)
}

/// An open head at the end of a line.
fn head(to: &mut String, from: (f64, f64), end: (f64, f64)) -> fmt::Result {
    let length = (end.0 - from.0).hypot(end.1 - from.1).max(1.0);
    let (dx, dy) = ((end.0 - from.0) / length, (end.1 - from.1) / length);
    let (x, y) = (end.0 - 1.0 * dx, end.1 - 1.0 * dy);
    let (back_x, back_y) = (x - 7.0 * dx, y - 7.0 * dy);
    let (side_x, side_y) = (2.8 * dy, -2.8 * dx);
    write!(
        to,
        "M{:.1} {:.1}L{x:.1} {y:.1}L{:.1} {:.1}",
        back_x + side_x,
        back_y + side_y,
        back_x - side_x,
        back_y - side_y
    )
}

fn axis(to: &mut String, layout: &Layout, top: f64) -> fmt::Result {
    writeln!(to, r#"<g class="axis">"#)?;
    let right = layout.columns.last().copied().unwrap_or_default() + 14.0;
    for tick in &layout.ticks {
        let class = if tick.whole { "whole" } else { "part" };
        write!(to, r#"<path class="{class}" d="M88 {:.1}h6"/>"#, tick.y)?;
        writeln!(to, r#"<text class="{class}" x="84" y="{:.1}">{}</text>"#, tick.y + 3.5, tick.text)?;
    }
    let _ = write!(to, r#"<path d="M91 {:.1}V{:.1}"/>"#, top + NAMES - 12.0, layout.height - 14.0);
    for (y, ns) in &layout.breaks {
        write!(to, r#"<path class="gap" d="M91 {y:.1}H{right:.0}"/>"#)?;
        write!(to, r#"<path class="cut" d="M86 {:.1}l10 -4M86 {:.1}l10 -4"/>"#, y, y + 4.0)?;
        writeln!(to, r#"<text class="gap" x="80" y="{:.1}">{}</text>"#, y + 3.5, short(*ns))?;
    }
    writeln!(to, "</g>")
}

fn lines(to: &mut String, all: &Gathered, layout: &Layout, top: f64) -> fmt::Result {
    writeln!(to, r#"<g class="lines">"#)?;
    let bottom = layout.height - 14.0;
    let begin_ns = all.events.first().map(|event| event.first_ns);
    for (process, x) in all.processes.iter().zip(&layout.columns) {
        // Before what is drawn, others may have seen him.
        let born = process.born_ns.filter(|born| begin_ns.is_some_and(|begin| begin <= *born));
        let first = all.events.iter().position(|event| event.sender == process.id);
        let born = born.and(first).map_or(top + NAMES - 12.0, |at| layout.rows[at].y);
        let mut from = top + NAMES - 12.0;
        let mut piece = |class: &str, until: f64| -> fmt::Result {
            if until > from {
                writeln!(to, r#"<path class="{class}" d="M{x:.0} {from:.1}V{until:.1}"/>"#)?;
                from = until;
            }
            Ok(())
        };
        piece("unborn", born)?;
        for (last, next) in absences(all, layout, process) {
            piece("life", last)?;
            piece("unborn", next)?;
        }
        piece("life", bottom)?;
    }
    let before =
        all.led_before.and_then(|leader| all.processes.iter().position(|process| process.id == leader));
    let before = before.map(|column| (column, top + NAMES - 12.0));
    let mut leads = before.into_iter().chain(leads(all, layout)).peekable();
    while let Some((column, y)) = leads.next() {
        let until = leads.peek().map_or(bottom, |(_, y)| *y);
        // Nobody leads when he is not there.
        let absences = absences(all, layout, &all.processes[column]);
        let left = absences.into_iter().find(|(_, next)| *next > y).map(|(last, _)| last.max(y));
        let (x, until) = (layout.columns[column], until.min(left.unwrap_or(bottom)));
        writeln!(to, r#"<path class="leads" d="M{x:.0} {y:.1}V{until:.1}"/>"#)?;
    }
    writeln!(to, "</g>")
}

/// From which y to which a process was gone.
fn absences(all: &Gathered, layout: &Layout, process: &Process) -> Vec<(f64, f64)> {
    let y = |at: usize| layout.rows.get(at).map(|row| row.y);
    let absence = |(last, next): &(i128, i128)| {
        let until = all.events.partition_point(|event| event.first_ns <= *last);
        let from = all.events.partition_point(|event| event.first_ns < *next);
        let last = until.checked_sub(1).and_then(y).unwrap_or_default();
        (last, y(from).unwrap_or(layout.height - 14.0))
    };
    process.absent_ns.iter().map(absence).collect()
}

/// From when on who leads: column and y.
fn leads(all: &Gathered, layout: &Layout) -> Vec<(usize, f64)> {
    let mut leads = Vec::new();
    for (event, row) in all.events.iter().zip(&layout.rows) {
        if event.notes.iter().any(|note| matches!(note, Note::Leads(..))) {
            leads.push((row.column, row.y));
        }
    }
    leads
}

fn names(to: &mut String, all: &Gathered, layout: &Layout, top: f64) -> fmt::Result {
    writeln!(to, r#"<g id="names">"#)?;
    writeln!(
        to,
        r#"<rect class="paper" x="0" y="{:.1}" width="{:.0}" height="{:.1}"/>"#,
        top - PAGE_HEAD,
        layout.width.max(WIDTH_MIN),
        NAMES - 14.0 + PAGE_HEAD
    )?;
    for role in Role::ALL {
        let of_role =
            all.processes.iter().zip(&layout.columns).filter(|(process, _)| process.id.role == role);
        let xs: Vec<f64> = of_role.map(|(_, x)| *x).collect();
        if let (Some(first), Some(last)) = (xs.first(), xs.last()) {
            let plural = if xs.len() == 1 { "" } else { "s" };
            let middle = (first + last) / 2.0;
            writeln!(to, r#"<text class="role" x="{middle:.0}" y="{:.1}">{role}{plural}</text>"#, top + 8.0)?;
        }
    }
    for (process, x) in all.processes.iter().zip(&layout.columns) {
        let y = top + 13.0;
        write!(to, r#"<rect class="name" x="{:.0}" y="{y:.1}" width="44" height="17" rx="4"/>"#, x - 22.0)?;
        writeln!(to, r#"<text class="name" x="{x:.0}" y="{:.1}">{}</text>"#, y + 12.5, process.id)?;
    }
    writeln!(to, "</g>")
}

/// What is to be known beside the colours.
pub fn remarks(all: &Gathered) -> Vec<String> {
    let mut remarks = Vec::new();
    let traced = all.traces.iter().filter(|trace| trace.process.is_some()).count();
    let ways = if traced == 0 {
        "Dashed: who receives, and when, is inferred from who listens where; losses cannot be known from this capture."
    } else {
        "Solid: the receiver's own trace shows the packet. Crossed out: it does not. Dashed: inferred from who listens where."
    };
    remarks.push(ways.into());
    remarks.push(format!(
        "Diamond: an instance is chosen by the votes of a majority (of {}), or an election begins or ends. Thick line: who leads; dotted: not started, or between two starts. Long gaps are cut short.",
        all.quorum
    ));
    let mut rest = Vec::new();
    if all.together {
        rest.push("to keep the picture small, packets alike are drawn as one where the first was sent, with their number".to_owned());
    }
    if all.left_out > 0 {
        rest.push(format!("{} packets are left out: too many processes or kinds", all.left_out));
    }
    if all.not_drawn > 0 {
        rest.push(format!("{} pieces that are malformed or cut are not drawn", all.not_drawn));
    }
    if !rest.is_empty() {
        remarks.push(format!("Note: {}.", rest.join("; ")));
    }
    remarks
}

/// The colours that occur, with the kinds that have them.
pub fn hues(all: &Gathered) -> Vec<(usize, &'static str)> {
    let occurs = |kinds: &[Kind]| all.events.iter().any(|event| kinds.contains(&event.kind));
    let named = HUES.iter().enumerate().filter(|(_, (_, kinds))| occurs(kinds));
    named.map(|(hue, (name, _))| (hue, *name)).collect()
}

fn legend(to: &mut String, all: &Gathered) -> fmt::Result {
    writeln!(to, r#"<g class="legend">"#)?;
    let mut x = 20.0;
    for (hue, name) in hues(all) {
        write!(to, r#"<path class="a swatch c{hue}" d="M{x:.0} 44h20m-5 -3l5 3l-5 3"/>"#)?;
        writeln!(to, r#"<text x="{:.0}" y="47.5">{name}</text>"#, x + 25.0)?;
        x += 25.0 + 5.9 * name.len() as f64 + 18.0;
    }
    for (at, remark) in remarks(all).iter().enumerate() {
        writeln!(
            to,
            r#"<text class="remark" x="20" y="{:.0}">{}</text>"#,
            66.0 + 14.0 * at as f64,
            Escaped(remark)
        )?;
    }
    writeln!(to, "</g>")
}
