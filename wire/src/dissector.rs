//! `wire dissector`: a Wireshark dissector in Lua, made from the declarations of the packets.
//!
//! What it shows is data, printed here; how it shows it is `dissector/engine.lua`.

use crate::kinds::ack::Status;
use crate::layout::{Declared, Form, Parts, Struct, Tail, What, plain};
use crate::{HEADER_LEN, Header, Kind, Role, VERSION, flags};
use std::collections::BTreeMap;
use std::fmt::Write;

/// The text of the dissector.
pub fn dissector() -> String {
    let mut lua = String::from(
        "-- Wireshark dissector of the paxos engine's packets, printed by `wire dissector`. To install it:\n\
         --   wire dissector > ~/.local/lib/wireshark/plugins/paxos.lua\n\
         -- Tags (XXH3-64) are shown and not checked; `wire dump` checks them.\n\n",
    );
    put(&mut lua, format_args!("local VERSION = {VERSION}\nlocal HEADER_LEN = {HEADER_LEN}\n\n"));
    let names = |lua: &mut String, name, all: &mut dyn Iterator<Item = (u8, &str)>| {
        let rows: Vec<String> = all.map(|(number, name)| format!("[{number}] = \"{name}\"")).collect();
        put(lua, format_args!("local {name} = {{ {} }}\n", rows.join(", ")));
    };
    names(&mut lua, "ROLES", &mut Role::ALL.into_iter().map(|role| (role as u8, role.name())));
    names(&mut lua, "STATUSES", &mut Status::ALL.into_iter().map(|status| (status as u8, status.name())));
    lua.push_str("local LETTERS = {");
    for role in Role::ALL {
        put(&mut lua, format_args!(" [{}] = \"{}\",", role as u8, role.letter()));
    }
    lua.push_str(" }\n\nlocal FLAGS = {\n");
    for flag in flags::ALL {
        put(&mut lua, format_args!("  {{ {}, \"{}\", {} }},\n", flag.bit, flag.word, text(flag.doc)));
    }
    lua.push_str("}\n\n-- Every field that packets have; ballots have more below them.\nlocal fields = {\n");
    for (name, (maker, doc)) in filters() {
        put(&mut lua, format_args!("  [\"{name}\"] = ProtoField.{maker}, {}),\n", text(doc)));
    }
    lua.push_str("}\n\n-- { name, offset, length, form }\nlocal HEADER = ");
    fields(&mut lua, "paxos", &Header::LAYOUT, "");
    lua.push_str("\n\nlocal KINDS = {\n");
    for kind in Kind::ALL {
        put(&mut lua, format_args!("  [{}] = ", kind as u8));
        self::kind(&mut lua, kind);
    }
    lua.push_str("}\n\n");
    lua + include_str!("dissector/engine.lua")
}

fn put(lua: &mut String, text: std::fmt::Arguments) {
    lua.write_fmt(text).expect("a string takes it");
}

/// A doc comment as a string of Lua.
fn text(doc: &str) -> String {
    format!("\"{}\"", plain(doc).replace('`', "").replace('\\', "\\\\").replace('"', "\\\""))
}

fn kind(lua: &mut String, kind: Kind) {
    let Parts { body, tails } = Parts::of_kind(kind);
    let roles: Vec<String> = Role::ALL
        .into_iter()
        .filter(|role| kind.sent_by(*role))
        .map(|role| format!("[{}] = true", role as u8))
        .collect();
    let (name, flags) = (kind.name(), kind.flags());
    put(lua, format_args!("{{ name = \"{name}\", flags = {flags}, senders = {{ {} }},\n", roles.join(", ")));
    put(lua, format_args!("    size = {}, fields = ", body.size));
    fields(lua, "paxos", body, "    ");
    lua.push_str(",\n    tails = {");
    for tail in tails {
        self::tail(lua, tail);
    }
    lua.push_str(" },\n  },\n");
}

fn tail(lua: &mut String, tail: &Tail) {
    let abbreviation = format!("paxos.{}", tail.name);
    let What::Records { of, counted_by, then_bytes, max } = tail.what else {
        return put(lua, format_args!(" {{ bytes = \"{abbreviation}\" }},"));
    };
    put(lua, format_args!("\n      {{ record = \"{abbreviation}\", size = {}, ", of.size));
    if let Some(name) = counted_by {
        put(lua, format_args!("count = \"paxos.{name}\", "));
    }
    if let Some(name) = then_bytes {
        put(lua, format_args!("length = \"{abbreviation}.{name}\", bytes = \"{abbreviation}.bytes\", "));
    }
    if max != usize::MAX {
        put(lua, format_args!("max = {max}, "));
    }
    lua.push_str("fields = ");
    fields(lua, &abbreviation, of, "      ");
    lua.push_str(" },");
}

/// The fields of a struct, the structs within it dissolved.
fn fields(lua: &mut String, prefix: &str, of: &Struct, indent: &str) {
    lua.push_str("{\n");
    leaves(prefix, of, 0, &mut |name, at, length, form, _| {
        let form = format!("{form:?}").to_lowercase();
        put(lua, format_args!("{indent}  {{ \"{name}\", {at}, {length}, \"{form}\" }},\n"));
    });
    put(lua, format_args!("{indent}}}"));
}

fn leaves(
    prefix: &str,
    of: &Struct,
    from: usize,
    each: &mut impl FnMut(&str, usize, usize, Form, &'static str),
) {
    for field in of.fields {
        let (name, at) = (format!("{prefix}.{}", field.name), from + field.at);
        match field.form {
            Form::Nested(inner) => leaves(&name, inner, at, each),
            form => each(&name, at, field.length, form, field.doc),
        }
    }
}

/// Every abbreviation to filter by: how Wireshark makes it, and what it means. One that means different things
/// in different kinds has no meaning here.
fn filters() -> BTreeMap<String, (String, &'static str)> {
    let mut all: BTreeMap<String, (String, &str)> = BTreeMap::new();
    let mut add = |name: &str, length, form, doc| {
        let maker = maker(name, length, form);
        let entry = all.entry(name.into()).or_insert_with(|| (maker.clone(), doc));
        assert_eq!(entry.0, maker, "fields of one name are of one type");
        if entry.1 != doc {
            entry.1 = "";
        }
    };
    leaves("paxos", &Header::LAYOUT, 0, &mut |name, _, length, form, doc| add(name, length, form, doc));
    for kind in Kind::ALL {
        let Parts { body, tails } = Parts::of_kind(kind);
        leaves("paxos", body, 0, &mut |name, _, length, form, doc| add(name, length, form, doc));
        for tail in tails {
            let name = format!("paxos.{}", tail.name);
            let What::Records { of, then_bytes, .. } = tail.what else {
                add(&name, 0, Form::Bytes, tail.doc);
                continue;
            };
            leaves(&name, of, 0, &mut |name, _, length, form, doc| add(name, length, form, doc));
            if then_bytes.is_some() {
                add(&format!("{name}.bytes"), 0, Form::Bytes, "A piece of the session's stream.");
            }
        }
    }
    all
}

/// The call that makes a field, but for its last argument.
fn maker(name: &str, length: usize, form: Form) -> String {
    let title = name.rsplit('.').next().unwrap_or(name).replace('_', " ");
    let bits = if length > 4 { 64 } else { length * 8 };
    match form {
        Form::Number | Form::Round => format!("uint{bits}(\"{name}\", \"{title}\", base.DEC, nil, nil"),
        Form::Hex | Form::Bits | Form::Flags => {
            format!("uint{bits}(\"{name}\", \"{title}\", base.HEX, nil, nil")
        }
        Form::Role => format!("uint8(\"{name}\", \"{title}\", base.DEC, ROLES, nil"),
        Form::Status => format!("uint8(\"{name}\", \"{title}\", base.DEC, STATUSES, nil"),
        Form::Kind | Form::Ballot => format!("string(\"{name}\", \"{title}\", base.ASCII"),
        Form::Address => format!("ipv4(\"{name}\", \"{title}\""),
        Form::Set | Form::Bytes | Form::Zero | Form::Nested(_) => {
            format!("bytes(\"{name}\", \"{title}\", base.NONE")
        }
    }
}

#[cfg(test)]
mod tests;
