//! A writer of JSON that goes straight to text. All text is ASCII, so a terminal can be shown any of it.

use crate::Ballot;
use std::fmt::{self, Write};

/// An object under way.
pub struct Object<'a> {
    to: &'a mut String,
    first: bool,
}

impl<'a> Object<'a> {
    pub fn begin(to: &'a mut String) -> Object<'a> {
        to.push('{');
        Object { to, first: true }
    }

    /// Goes on with an object that has fields already.
    pub fn resume(to: &'a mut String) -> Object<'a> {
        Object { to, first: false }
    }

    pub fn end(self) {
        self.to.push('}');
    }

    fn name(&mut self, name: &str) {
        if !self.first {
            self.to.push(',');
        }
        self.first = false;
        self.to.push('"');
        self.to.push_str(name);
        self.to.push_str("\":");
    }

    /// What is JSON as it stands.
    pub fn raw(&mut self, name: &str, value: fmt::Arguments) {
        self.name(name);
        push(self.to, value);
    }

    /// A count or a place in an order.
    pub fn number(&mut self, name: &str, value: impl Into<u64>) {
        self.raw(name, format_args!("{}", value.into()));
    }

    pub fn text(&mut self, name: &str, text: &str) {
        self.name(name);
        push_text(self.to, text);
    }

    /// A name of 64 bits that nobody counts with, or null for 0, which is nobody's.
    pub fn id(&mut self, name: &str, id: u64) {
        self.name(name);
        push_id(self.to, id);
    }

    pub fn ballot(&mut self, name: &str, ballot: Ballot) {
        self.name(name);
        push_ballot(self.to, ballot);
    }

    /// Bytes of a client's stream: how many, and as text if they are, else in hexadecimal.
    pub fn piece(&mut self, bytes: &[u8]) {
        self.number("bytes", bytes.len() as u64);
        match std::str::from_utf8(bytes) {
            Ok(text) => self.text("text", text),
            Err(_) => {
                self.name("hex");
                self.to.push('"');
                bytes.iter().for_each(|byte| push(self.to, format_args!("{byte:02x}")));
                self.to.push('"');
            }
        }
    }

    pub fn array<T>(
        &mut self,
        name: &str,
        items: impl IntoIterator<Item = T>,
        tell: impl Fn(&mut String, T),
    ) {
        self.name(name);
        self.to.push('[');
        for (at, item) in items.into_iter().enumerate() {
            if at > 0 {
                self.to.push(',');
            }
            tell(self.to, item);
        }
        self.to.push(']');
    }

    /// An array of objects.
    pub fn objects<T>(
        &mut self,
        name: &str,
        items: impl IntoIterator<Item = T>,
        tell: impl Fn(&mut Object, T),
    ) {
        self.array(name, items, |to, item| {
            let mut object = Object::begin(to);
            tell(&mut object, item);
            object.end();
        });
    }
}

fn push(to: &mut String, what: fmt::Arguments) {
    to.write_fmt(what).expect("a string takes it");
}

pub fn push_id(to: &mut String, id: u64) {
    if id == 0 {
        to.push_str("null");
    } else {
        push(to, format_args!("\"{id:016x}\""));
    }
}

fn push_ballot(to: &mut String, ballot: Ballot) {
    if ballot.is_zero() {
        return to.push_str("null");
    }
    let mut object = Object::begin(to);
    object.number("round", ballot.round());
    object.number("proposer", ballot.proposer());
    object.id("incarnation", ballot.incarnation());
    object.end();
}

/// [RFC 8259 §7], with everything that is not printable ASCII escaped.
pub fn push_text(to: &mut String, text: &str) {
    to.push('"');
    for character in text.chars() {
        match character {
            '"' => to.push_str("\\\""),
            '\\' => to.push_str("\\\\"),
            '\n' => to.push_str("\\n"),
            ' '..='~' => to.push(character),
            _ => {
                for unit in character.encode_utf16(&mut [0; 2]) {
                    push(to, format_args!("\\u{unit:04x}"));
                }
            }
        }
    }
    to.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_text_comes_back_from_ascii() {
        for text in ["", "a \"b\" \\ c\n", "\0\u{1b}[31m\u{7f}", "ü € 𝄞"] {
            let mut json = String::new();
            push_text(&mut json, text);
            assert!(json.bytes().all(|byte| (b' '..=b'~').contains(&byte)), "{json}");
            assert_eq!(serde_json::from_str::<String>(&json).expect("JSON"), text);
        }
    }
}
