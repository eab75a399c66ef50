//! Where everything stands: a column per process, time downwards.
//!
//! Time is drawn to one scale while something happens, but two packets never stand on top of each other, nor do two
//! labels of one column; and silence takes a short, marked piece of the axis, however long it was.

use super::event::Event;
use super::gather::{Gathered, Way};
use crate::Role;

/// Between processes of one role, or what the labels of the right one need, and more between roles, px.
const COLUMN: f64 = 104.0;
const BETWEEN_ROLES: f64 = 22.0;
/// What the axis takes at the left edge, px.
const AXIS: f64 = 96.0;
/// What a character takes at the most, px.
pub const CHARACTER: f64 = 5.9;
/// From the last process to the right edge: notes.
const RIGHT: f64 = 160.0;
/// Between packets at one time, and between labels of one column, px.
const STEP: f64 = 10.0;
pub const LABEL_STEP: f64 = 12.0;
/// The median of the times between packets takes this much, px.
const USUAL: f64 = 13.0;
/// What takes more is silence, and takes that much, px.
const SILENCE: f64 = 70.0;
const BREAK: f64 = 38.0;
/// How much an arrow drops on its way when nobody saw its arrival: px per px, and never less than the other.
const SLOPE: f64 = 0.028;
const SLOPE_MIN: f64 = 0.003;
/// What is left free below the last packet before a silence, px.
const DROP: f64 = 16.0;
/// Between labels of the axis, px.
const TICK: f64 = 26.0;

/// Where everything stands, px.
pub struct Layout {
    /// Of each process, from the left.
    pub columns: Vec<f64>,
    pub width: f64,
    pub height: f64,
    /// The x of notes.
    pub notes: f64,
    pub rows: Vec<Row>,
    pub ticks: Vec<Tick>,
    /// Silences: their y, and how long they were, ns.
    pub breaks: Vec<(f64, i128)>,
}

/// Where an event stands.
pub struct Row {
    /// Of the sender's column.
    pub column: usize,
    pub y: f64,
    pub arrows: Vec<Arrow>,
    /// Whether nobody knows who listens to the destination.
    pub unknown: bool,
}

/// One way of a packet.
pub struct Arrow {
    pub column: usize,
    pub y: f64,
    pub way: Way,
}

/// A label of the axis.
pub struct Tick {
    pub y: f64,
    pub text: String,
    /// After a silence: a time since the start, not since the label before.
    pub whole: bool,
}

/// Lays everything out below `top`.
pub fn layout(gathered: &Gathered, top: f64) -> Layout {
    let columns = columns(gathered);
    let last = columns.last().copied().unwrap_or(AXIS);
    let ways: Vec<_> = gathered.events.iter().map(|event| gathered.receivers(event)).collect();
    let points = points(&gathered.events, &ways);
    let scale = scale(&points);
    let column = |event: &Event| gathered.processes.binary_search_by_key(&event.sender, |process| process.id);

    let mut axis = Axis { anchors: Vec::new(), breaks: Vec::new() };
    let mut labels = vec![f64::MIN; columns.len()];
    let (mut note_at, mut y, mut before) = (f64::MIN, top, None);
    let mut rows: Vec<Row> = Vec::new();
    for (time_ns, event) in &points {
        let gap = before.map_or(0, |before| time_ns - before) as f64 * scale;
        if gap > SILENCE {
            axis.breaks.push((y + DROP, y + BREAK, time_ns - before.unwrap_or_default()));
            y += BREAK + DROP;
        } else {
            y += gap;
        }
        if let Some(event) = event.map(|at| &gathered.events[at]) {
            let column = column(event).unwrap_or_default();
            if let Some(row) = rows.last() {
                y = y.max(row.y + STEP);
            }
            y = y.max(labels[column] + LABEL_STEP);
            labels[column] = y;
            let notes = event.notes.len() + event.remarks.len();
            if notes > 0 {
                y = y.max(note_at + LABEL_STEP);
                labels[column] = y;
                note_at = y + LABEL_STEP * (notes - 1) as f64;
            }
            rows.push(Row { column, y, arrows: Vec::new(), unknown: false });
        }
        before = Some(*time_ns);
        axis.anchors.push((*time_ns, y));
    }
    arrows(gathered, ways, &axis, &columns, &mut rows);
    let lowest = rows.iter().flat_map(|row| &row.arrows).map(|arrow| arrow.y).fold(y, f64::max);
    Layout {
        width: last + RIGHT,
        height: lowest.max(note_at) + 34.0,
        notes: last + 26.0,
        ticks: axis.ticks(scale),
        breaks: axis.breaks.iter().map(|(from, to, ns)| ((from + to) / 2.0, *ns)).collect(),
        columns,
        rows,
    }
}

/// A label stands to the left of its sender's line, and reaches no other.
fn columns(gathered: &Gathered) -> Vec<f64> {
    let mut widest = vec![0.0_f64; gathered.processes.len()];
    for event in &gathered.events {
        if let Ok(at) = gathered.processes.binary_search_by_key(&event.sender, |process| process.id) {
            widest[at] = widest[at].max(event.label().chars().count() as f64 * CHARACTER);
        }
    }
    let (mut x, mut role): (f64, Option<Role>) = (AXIS, None);
    let mut columns = Vec::new();
    for (process, widest) in gathered.processes.iter().zip(widest) {
        x += match role {
            None => (COLUMN - 22.0).max(widest + 12.0),
            Some(role) if role == process.id.role => COLUMN.max(widest + 14.0),
            Some(_) => (COLUMN + BETWEEN_ROLES).max(widest + 14.0),
        };
        role = Some(process.id.role);
        columns.push(x);
    }
    columns
}

type Ways = Option<Vec<(usize, Way)>>;

/// All times at which something is known to have happened, with the events that were sent then.
fn points(events: &[Event], ways: &[Ways]) -> Vec<(i128, Option<usize>)> {
    let mut points: Vec<_> =
        events.iter().enumerate().map(|(at, event)| (event.first_ns, Some(at))).collect();
    for (_, way) in ways.iter().flatten().flatten() {
        if let Way::Seen(time_ns) = way {
            points.push((*time_ns, None));
        }
    }
    // Of one time: what was sent, in the order of sight, before what came.
    points.sort_by_key(|(time_ns, event)| (*time_ns, event.is_none(), *event));
    points
}

/// Pixels per nanosecond.
fn scale(points: &[(i128, Option<usize>)]) -> f64 {
    let mut gaps: Vec<i128> =
        points.windows(2).map(|two| two[1].0 - two[0].0).filter(|gap| *gap > 0).collect();
    gaps.sort_unstable();
    let median = gaps.get(gaps.len() / 2).copied().unwrap_or(1_000);
    USUAL / median as f64
}

/// What place each time has.
struct Axis {
    /// Times that have a place, ascending.
    anchors: Vec<(i128, f64)>,
    /// From, to, and how long it was.
    breaks: Vec<(f64, f64, i128)>,
}

impl Axis {
    fn y(&self, time_ns: i128) -> f64 {
        let after = self.anchors.partition_point(|(anchor, _)| *anchor <= time_ns);
        match (after.checked_sub(1).map(|at| self.anchors[at]), self.anchors.get(after).copied()) {
            (Some((from, top)), Some((to, bottom))) => {
                top + (bottom - top) * ((time_ns - from) as f64 / (to - from) as f64)
            }
            (Some((_, y)), None) | (None, Some((_, y))) => y,
            (None, None) => 0.0,
        }
    }

    fn ticks(&self, scale: f64) -> Vec<Tick> {
        let step = nice(TICK / scale);
        let mut ticks: Vec<Tick> = Vec::new();
        let mut starts = std::iter::once(f64::MIN).chain(self.breaks.iter().map(|(_, to, _)| *to)).peekable();
        let mut from = 0;
        while let Some(start) = starts.next() {
            let end = starts.peek().copied().unwrap_or(f64::MAX);
            let until = from + self.anchors[from..].partition_point(|(_, y)| *y < end);
            let Some((&(first, y), &(last, _))) =
                self.anchors[from..until].first().zip(self.anchors[from..until].last())
            else {
                continue;
            };
            debug_assert!(y >= start);
            ticks.push(Tick { y, text: seconds(first), whole: true });
            let mut drawn = y;
            let mut time_ns = first + step;
            while time_ns <= last {
                let y = self.y(time_ns);
                if y - drawn >= TICK * 0.7 {
                    ticks.push(Tick { y, text: format!("+{}", short(time_ns - first)), whole: false });
                    drawn = y;
                }
                // Where the axis is stretched or squeezed, so are the steps; there are never more than pixels.
                time_ns += step;
            }
            from = until;
        }
        ticks
    }
}

/// The first of 1, 2, 5, 10, … ns that is no less.
fn nice(ns: f64) -> i128 {
    let mut step = 1;
    while (step as f64) < ns && step < 1_000_000_000_000_000 {
        let digits = step.to_string();
        step = if digits.starts_with('2') { step / 2 * 5 } else { step * 2 };
    }
    step
}

/// `1.055522 s`
pub fn seconds(ns: i128) -> String {
    let sign = if ns < 0 { "-" } else { "" };
    let us = ns.unsigned_abs() / 1000;
    format!("{sign}{}.{:06} s", us / 1_000_000, us % 1_000_000)
}

/// A length of time in the unit that suits it: `38.2 ms`.
pub fn short(ns: i128) -> String {
    let (value, unit) = match ns.unsigned_abs() {
        0..1_000 => return format!("{ns} ns"),
        1_000..1_000_000 => (ns as f64 / 1e3, "\u{b5}s"),
        1_000_000..1_000_000_000 => (ns as f64 / 1e6, "ms"),
        _ => (ns as f64 / 1e9, "s"),
    };
    let digits = if value >= 100.0 || value.fract() < 1e-9 { 0 } else { 1 };
    format!("{value:.digits$} {unit}")
}

/// Where the arrows end. What was not seen arrives soon, and before its receiver says anything; to one side all of it goes
/// the same slope, so that a packet to many is one line.
fn arrows(gathered: &Gathered, ways: Vec<Ways>, axis: &Axis, columns: &[f64], rows: &mut [Row]) {
    let mut next_said = vec![f64::MAX; columns.len()];
    for ((at, event), ways) in gathered.events.iter().enumerate().zip(ways).rev() {
        let row = &mut rows[at];
        row.unknown = ways.is_none();
        let ways = ways.unwrap_or_default();
        let seen = |way: &Way| matches!(way, Way::Seen(time_ns) if *time_ns > event.first_ns);
        let distance = |column: usize| (columns[column] - columns[row.column]).abs().max(1.0);
        let slope = |left: bool| {
            let side = ways.iter().filter(|(column, way)| !seen(way) && (*column < row.column) == left);
            let steepest = side.map(|(column, _)| (next_said[*column] - 2.0 - row.y) / distance(*column));
            steepest.fold(SLOPE, f64::min).max(SLOPE_MIN)
        };
        let slopes = [slope(false), slope(true)];
        for (column, way) in ways {
            let y = match way {
                Way::Seen(time_ns) if seen(&way) => axis.y(time_ns).max(row.y),
                _ => row.y + distance(column) * slopes[usize::from(column < row.column)],
            };
            row.arrows.push(Arrow { column, y, way });
        }
        next_said[row.column] = row.y;
    }
}
