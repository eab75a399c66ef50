//! Packets as JSON, an object a line, for programs: what docs/wire-json.md promises.

mod body;
pub(crate) mod object;

use super::{Cut, Place};
use crate::capture::{Cause, Direction, Truncated};
use crate::{Front, Outline, Packet, Refusal, flags};
pub(crate) use object::Object;
use std::fmt::Write;

/// The layout of the objects.
#[derive(Default)]
pub struct Json {
    /// What all objects of a datagram begin with, brace included.
    place: String,
    /// What was said of the datagram, until the first object of it took it along.
    comment: Option<String>,
}

impl Json {
    /// Before the packets of a datagram.
    pub fn begin(&mut self, place: &Place) {
        self.place.clear();
        let mut object = Object::begin(&mut self.place);
        object.raw("time", format_args!("{}", Decimal(place.time_ns)));
        object.raw("unix", format_args!("\"{}\"", Decimal(place.datagram.time_ns.into())));
        object.text("file", place.file);
        object.raw("src", format_args!("\"{}\"", place.datagram.source));
        object.raw("dst", format_args!("\"{}\"", place.datagram.destination));
        let note = &place.datagram.note;
        if let Some(process) = &note.process {
            object.text("process", process);
        }
        if let Some(direction) = note.direction {
            object.text("direction", if direction == Direction::In { "in" } else { "out" });
        }
        self.comment.clone_from(&note.comment);
    }

    pub fn packet(&mut self, to: &mut String, packet: &Packet) {
        self.line(to, |object| {
            object.text("kind", packet.kind.name());
            object.raw("sender", format_args!("\"{}\"", packet.sender));
            let set = flags::ALL.iter().filter(|flag| packet.has(flag.bit));
            object.array("flags", set, |to, flag| object::push_text(to, flag.word));
            let header = packet.header;
            object.number("length", header.length.get());
            object.number("sequence", header.sequence());
            object.id("incarnation", header.incarnation.get());
            object.raw("cluster", format_args!("\"{:08x}\"", header.cluster));
            object.raw("log", format_args!("\"{:08x}\"", header.log));
            body::tell(object, packet);
        });
    }

    pub fn malformed(&mut self, to: &mut String, length: usize, refusal: Refusal) {
        self.line(to, |object| {
            object.text("kind", "malformed");
            object.text("reason", refusal.name());
            object.raw("refusal", format_args!("\"{refusal}\""));
            object.number("length", length as u64);
        });
    }

    pub fn sealed(&mut self, to: &mut String, Cut { outline, bytes }: Cut, refusal: Refusal) {
        self.line(to, |object| {
            object.text("kind", "sealed");
            if let Refusal::Sealed { key } = refusal {
                object.number("key", u64::from(key));
            }
            object.number("length", bytes.len() as u64);
            Json::outline(object, outline);
        });
    }

    pub fn truncated(&mut self, to: &mut String, truncated: Truncated, cut: Option<Cut>) {
        self.line(to, |object| {
            object.text("kind", "truncated");
            object.text(
                "cause",
                match truncated.cause {
                    Cause::Capture => "capture",
                    Cause::Fragmentation => "fragmentation",
                },
            );
            object.number("captured", truncated.captured as u64);
            object.number("sent", truncated.sent as u64);
            if let Some(Cut { outline, .. }) = cut {
                Json::outline(object, outline);
            }
        });
    }

    /// What is known of a packet that nothing proves.
    fn outline(object: &mut Object, outline: Outline) {
        object.text("cut", outline.kind.name());
        object.raw("sender", format_args!("\"{}\"", outline.sender));
        object.number("sequence", outline.sequence);
        object.id("incarnation", outline.sender.incarnation);
        match outline.front {
            Front::Phase2a { ballot, instance, decided_until } => {
                object.ballot("ballot", ballot);
                object.number("instance", instance);
                object.number("decided_until", decided_until);
            }
            Front::Value { ballot, instance } => {
                object.ballot("ballot", ballot);
                object.number("instance", instance);
            }
            Front::Other => {}
        }
    }

    fn line(&mut self, to: &mut String, tell: impl FnOnce(&mut Object)) {
        to.push_str(&self.place);
        let mut object = Object::resume(to);
        if let Some(comment) = self.comment.take() {
            object.text("comment", &comment);
        }
        tell(&mut object);
        object.end();
        to.push('\n');
    }
}

/// Nanoseconds as seconds, to the last digit.
struct Decimal(i128);

impl std::fmt::Display for Decimal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.0 < 0 {
            f.write_char('-')?;
        }
        let ns = self.0.unsigned_abs();
        write!(f, "{}.{:09}", ns / 1_000_000_000, ns % 1_000_000_000)
    }
}

#[cfg(test)]
mod tests;
