//! `wire flow`: the space-time diagram of a capture, as in Lamport's papers: a line per process, an arrow per packet.
//!
//! ```text
//! sightings ─► gather: packets, once each ─► layout: columns and time ─► svg ─► html: a page around it
//! ```
//!
//! What a capture does not show is inferred and drawn so: who listens to a group (by role), and when a packet came. Only
//! a file that is known to be one process's trace tells what that process received, and so what was lost.
//!
//! Memory and picture are bounded: when there are more packets than [`Options::events_max`], those alike that follow each
//! other become one, further and further apart, until there are few enough.

mod escape;
mod event;
mod gather;
mod groups;
mod html;
mod layout;
mod svg;

pub use gather::PROCESSES_MAX;

use crate::capture::Tally;
use crate::dump::{Filter, Host, Input, SenderId};
use gather::Gather;

/// What is drawn.
#[derive(Clone, Debug)]
pub struct Options {
    pub filter: Filter,
    pub format: Format,
    /// How many packets are drawn one by one.
    pub events_max: usize,
    /// What the picture is called.
    pub title: String,
}

/// What comes out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// A picture.
    Svg,
    /// A page that needs nothing else, to look closer.
    Html,
}

/// What was drawn.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    pub processes: usize,
    /// Packets, each once.
    pub packets: u64,
    /// Arrows with their branches: packets, or packets drawn together.
    pub events: usize,
    /// Packets for which there was no room.
    pub left_out: u64,
    pub frames: Tally,
}

/// Draws the packets that the inputs hold and the filter wants. `traces`: by input, which process it is the trace of,
/// where that is known.
pub fn flow(
    inputs: Vec<Input>,
    traces: Vec<Option<SenderId>>,
    options: &Options,
    host: &mut dyn Host,
) -> (String, Summary) {
    let mut gather = Gather::new(traces, options.events_max);
    let frames = crate::sighting::each(inputs, &options.filter, host, |sighting| gather.see(sighting));
    let gathered = gather.finish();
    let mut text = String::new();
    match options.format {
        Format::Svg => svg::picture(&mut text, &gathered, &options.title, true),
        Format::Html => html::page(&mut text, &gathered, &options.title),
    }
    let summary = Summary {
        processes: gathered.processes.len(),
        packets: gathered.packets,
        events: gathered.events.len(),
        left_out: gathered.left_out,
        frames,
    };
    (text, summary)
}

#[cfg(test)]
mod tests;
