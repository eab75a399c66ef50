//! docs/packets.md, made from the declarations.

use super::{Declared, Form, Parts, Struct, Tail, What, plain};
use crate::kinds::ack::Status;
use crate::{HEADER_LEN, Header, Kind, Role, VERSION, flags};
use std::fmt::Write;

const START: &str = "\
# The packets

Every packet is a header of 40 bytes, then the fixed body of its kind and, for some kinds, records or bytes up to its end.
Numbers are big endian and have no sign. Reserved bytes are zero. What breaks a rule is refused as a whole, and counted.

A datagram is one packet. A capture on the sending or receiving host may show a run of them as one datagram: what the kernel was
handed, or handed on, in one piece. The length in each header tells them apart.

*Instance* n is the n-th place of the log. A field `…_until` is one past the last instance, or entry, that it speaks of. A
*ballot* is (round, proposer, incarnation), in 48, 16 and 64 bits; all zeros are none. A *session* is one start of a client.

This page is made from the declarations of the structs in `wire/src`; so are `wire dump -v` and `-x`, which show a packet field by
field, and `wire dissector`, which prints a dissector for Wireshark.

";

/// The text of the page.
fn page() -> String {
    let mut page = String::from(START);
    writeln!(page, "This is version {VERSION}.\n").unwrap();
    writeln!(page, "<a id=\"Header\"></a>\n## Header\n").unwrap();
    table(&mut page, &Header::LAYOUT, 0, &[]);
    let roles: Vec<String> = Role::ALL.map(|role| format!("{} {role}", role as u8)).into();
    writeln!(page, "\nRoles: {}.\n", roles.join(", ")).unwrap();
    writeln!(page, "| bit | flag | kinds | meaning |\n|--:|---|---|---|").unwrap();
    for flag in flags::ALL {
        let kinds: Vec<&str> =
            Kind::ALL.into_iter().filter(|kind| kind.flags() & flag.bit != 0).map(Kind::name).collect();
        let (bit, word, kinds) = (flag.bit, flag.word, kinds.join(", "));
        writeln!(page, "| {bit} | {word} | {kinds} | {} |", plain(flag.doc)).unwrap();
    }
    writeln!(page, "\n## Kinds\n\n| number | kind | sent by | bytes | then |\n|--:|---|---|--:|---|")
        .unwrap();
    for kind in Kind::ALL {
        let Parts { body, tails } = Parts::of_kind(kind);
        let (number, name, bytes) = (kind as u8, body.name, HEADER_LEN + body.size);
        let tails: Vec<String> = tails.iter().map(behind).collect();
        let (senders, tails) = (senders(kind), tails.join(", "));
        writeln!(page, "| {number} | [{kind}](#{name}) | {senders} | {bytes} | {tails} |").unwrap();
    }
    for kind in Kind::ALL {
        section(&mut page, kind);
    }
    writeln!(page, "\n## Records").unwrap();
    for of in records() {
        writeln!(page, "\n<a id=\"{}\"></a>\n### {}\n\n{}\n", of.name, words(of.name), text(of.doc)).unwrap();
        table(&mut page, of, 0, &[]);
    }
    let statuses: Vec<String> =
        Status::ALL.map(|status| format!("{} {}", status as u8, status.name())).into();
    writeln!(page, "\nStatuses of a session: {}.", statuses.join(", ")).unwrap();
    page
}

fn section(page: &mut String, kind: Kind) {
    let Parts { body, tails } = Parts::of_kind(kind);
    writeln!(page, "\n<a id=\"{}\"></a>\n### {kind}\n\n{}\n", body.name, text(body.doc)).unwrap();
    writeln!(page, "Kind {}, sent by: {}.", kind as u8, senders(kind)).unwrap();
    let known: Vec<&str> =
        flags::ALL.iter().filter(|flag| kind.flags() & flag.bit != 0).map(|flag| flag.word).collect();
    if !known.is_empty() {
        writeln!(page, "Flags: {}.", known.join(", ")).unwrap();
    }
    writeln!(page).unwrap();
    table(page, body, HEADER_LEN, tails);
}

/// A row for each field, and one for each part of the tail.
fn table(page: &mut String, of: &Struct, from: usize, tails: &[Tail]) {
    writeln!(page, "| at | bytes | field | what | meaning |\n|--:|--:|---|---|---|").unwrap();
    rows(page, "", of, from);
    let mut at = (from + of.size).to_string();
    for tail in tails {
        let bytes = match tail.what {
            What::Records { of, then_bytes: None, .. } => format!("{} each", of.size),
            _ => "…".into(),
        };
        let (name, what, doc) = (tail.name, behind(tail), tail.doc);
        writeln!(page, "| {at} | {bytes} | `{name}` … | {what} | {doc} |").unwrap();
        at = "…".into();
    }
}

fn rows(page: &mut String, prefix: &str, of: &Struct, from: usize) {
    for field in of.fields {
        let (name, at) = (format!("{prefix}{}", field.name), from + field.at);
        if let Form::Nested(inner) = field.form {
            rows(page, &format!("{name}."), inner, at);
        } else {
            let (length, what, doc) = (field.length, what(field.form, field.length), plain(field.doc));
            writeln!(page, "| {at} | {length} | `{name}` | {what} | {doc} |").unwrap();
        }
    }
}

fn what(form: Form, length: usize) -> String {
    match form {
        Form::Number => format!("u{}", length * 8),
        Form::Hex => format!("u{}, as hex", length * 8),
        Form::Round => "u48, a round".into(),
        Form::Kind | Form::Role | Form::Status => format!("u8, a {form:?}").to_lowercase(),
        Form::Zero => "zeros".into(),
        Form::Address => "IPv4 address".into(),
        Form::Ballot | Form::Bits | Form::Set | Form::Flags | Form::Bytes | Form::Nested(_) => {
            format!("{form:?}").to_lowercase()
        }
    }
}

/// What a tail is, in a word or two.
fn behind(tail: &Tail) -> String {
    let What::Records { of, counted_by, max, .. } = tail.what else { return "bytes".into() };
    let count = match (counted_by, max) {
        (Some(field), _) => format!(", as many as `{field}` says"),
        (None, usize::MAX) => String::new(),
        (None, max) => format!(", {max} at most"),
    };
    format!("[{}](#{}){count}", words(of.name), of.name)
}

/// Every struct that tails are made of, once, in the order of its first use.
fn records() -> Vec<&'static Struct> {
    let mut all: Vec<&Struct> = Vec::new();
    for tail in Kind::ALL.into_iter().flat_map(|kind| Parts::of_kind(kind).tails) {
        match tail.what {
            What::Records { of, .. } if all.iter().all(|known| known.name != of.name) => all.push(of),
            _ => {}
        }
    }
    all
}

fn senders(kind: Kind) -> String {
    let roles: Vec<&str> = Role::ALL.into_iter().filter(|role| kind.sent_by(*role)).map(Role::name).collect();
    roles.join(", ")
}

/// `AckRecord`: ack record.
fn words(name: &str) -> String {
    let mut words = String::new();
    for (at, letter) in name.char_indices() {
        if letter.is_uppercase() && at > 0 {
            words.push(' ');
        }
        words.extend(letter.to_lowercase());
    }
    words
}

/// A doc comment as paragraphs.
fn text(doc: &str) -> String {
    let lines: Vec<&str> = doc.lines().map(str::trim).collect();
    lines.join("\n").split("\n\n").map(plain).collect::<Vec<_>>().join("\n\n")
}

#[test]
fn the_page_of_all_packets_is_what_the_code_says() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/packets.md");
    let now = page();
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(path, &now).unwrap();
    }
    let page = std::fs::read_to_string(path).unwrap_or_default();
    assert_eq!(now, page, "docs/packets.md is not of this code: UPDATE_GOLDEN=1 cargo test -p wire");
}
