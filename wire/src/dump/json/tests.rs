//! What docs/wire-json.md promises.

use crate::Kind;
use crate::capture::samples::{PcapFile, frame, packet, udp};
use crate::capture::write::{self, HEADERS, Passage};
use crate::capture::{Capture, Direction, Error, LinkType, Order};
use crate::dump::{Format, Host, Input, Options, Output, dump};
use crate::packet::tests::examples;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

struct Nobody;

impl Host for Nobody {
    fn failed(&mut self, name: &str, error: Error) {
        panic!("{name}: {error}");
    }

    fn wait(&mut self) -> bool {
        false
    }
}

/// One object for each of these payloads, captured 1.5 s apart.
fn objects(payloads: &[Vec<u8>]) -> Vec<Value> {
    let mut file = PcapFile::new(Order::Little, PcapFile::NS, LinkType::RAW);
    for (at, payload) in payloads.iter().enumerate() {
        let ns = 1_000_000_001 + 1_500_000_000 * at as u64;
        let time = ((ns / 1_000_000_000) as u32, (ns % 1_000_000_000) as u32);
        file = file.record(time, &frame(LinkType::RAW, &udp(payload)), 28 + 1500);
    }
    objects_of(&file.bytes)
}

fn objects_of(file: &[u8]) -> Vec<Value> {
    let mut text = Vec::new();
    let output = Output::new(&mut text);
    let inputs = vec![Input { name: "a \"b\".pcap".into(), stream: Box::new(Capture::new(file)) }];
    let options = Options { format: Format::Json, ..Options::default() };
    dump(inputs, &options, &output, &mut Nobody).1.expect("a vector takes it");
    drop(output);
    let text = String::from_utf8(text).expect("text");
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}")))
        .collect()
}

#[test]
fn a_packet_is_told_with_all_its_fields() {
    let of = |kind: &str| {
        objects(&examples()).into_iter().find(|object| object["kind"] == kind).expect("an example")
    };
    let mut nack = of("nack");
    nack["time"].take();
    nack["unix"].take();
    assert_eq!(
        nack,
        json!({
            "time": null, "unix": null, "file": "a \"b\".pcap", "src": "127.0.0.1:5000", "dst": "239.0.0.1:7000",
            "kind": "nack", "sender": "A2", "flags": [], "length": 72, "sequence": 0x2122_2324_2526u64,
            "incarnation": "1112131415161718", "cluster": "c1c2c3c4", "log": "31323334",
            "refused": {"round": 2, "proposer": 2, "incarnation": "0000000000000005"},
            "promised": {"round": 3, "proposer": 1, "incarnation": "1112131415161718"},
        })
    );
    assert_eq!(of("2b")["ranges"], json!([{"first": 3, "until": 5}, {"first": 7, "until": 9}]));
    assert_eq!(of("2b")["lives"], json!(["00000000000000a1", "00000000000000b2", null]));
    assert_eq!(
        of("2a")["entries"][1],
        json!({"client": 2, "incarnation": "000000000000004d", "number": 5, "bytes": 3, "text": "wor"})
    );
    assert_eq!(of("ack")["acks"][0]["beyond"], json!([13, 15]));
    assert_eq!(of("ack")["acks"][1]["status"], "superseded");
    assert_eq!(of("ack")["heard"], json!([0, 2]));
    assert_eq!(of("heartbeat")["flags"], json!(["leading", "ready"]));
    assert_eq!(of("fetch")["ballot"], Value::Null);
}

#[test]
fn times_are_exact() {
    let objects = objects(&[packet(0), packet(0), packet(0)]);
    assert_eq!(objects[0]["time"], 0.0);
    assert_eq!(objects[1]["time"], 1.5);
    assert_eq!(objects[2]["unix"], "4.000000001");
}

#[test]
fn what_is_no_whole_packet_is_told_with_its_reason() {
    let mut damaged = packet(0);
    damaged[45] ^= 1;
    let objects = objects(&[damaged, packet(0).repeat(40)]);
    let told = |object: &Value| {
        let mut fields = object.as_object().expect("an object").clone();
        ["time", "unix", "file", "src", "dst"]
            .iter()
            .for_each(|field| assert!(fields.remove(*field).is_some()));
        Value::Object(fields)
    };
    assert_eq!(
        told(&objects[0]),
        json!({"kind": "malformed", "reason": "tag", "refusal": "tag does not match: damaged or forged", "length": 48})
    );
    assert_eq!(
        told(objects.last().expect("some")),
        json!({"kind": "truncated", "cause": "capture", "captured": 1500, "sent": 1920})
    );
}

#[test]
fn a_trace_tells_the_process_and_of_each_datagram_once_what_was_said() {
    let address = |text: &str| text.parse().expect("an address");
    let (from, to) = (address("127.0.0.1:5000"), address("239.0.0.1:7000"));
    let passage = Passage { time_ns: 2_000_000_000, from, to, direction: Direction::Out };
    let proposal =
        examples().into_iter().find(|packet| packet[3] == Kind::Phase2a as u8).expect("an example");
    let mut file = Vec::new();
    write::section(&mut file, "paxos 0.1.0");
    write::interface(&mut file, "P1", "proposer 1", 0);
    write::packet(&mut file, &passage, &packet(0).repeat(2), 0, "not sent: \"no route\"");
    write::packet(&mut file, &Passage { direction: Direction::In, ..passage }, &proposal, HEADERS + 68, "");
    let objects = objects_of(&file);
    let [first, second, cut] = &objects[..] else { panic!("{objects:?}") };
    let note = |object: &Value| ["process", "direction", "comment"].map(|field| object[field].clone());
    assert_eq!(note(first), [json!("P1"), json!("out"), json!("not sent: \"no route\"")]);
    assert_eq!(note(second), [json!("P1"), json!("out"), Value::Null]);
    assert_eq!(note(cut), [json!("P1"), json!("in"), Value::Null]);
    let told = ["kind", "cut", "sender", "instance", "decided_until", "captured", "sent"];
    assert_eq!(
        told.map(|field| cut[field].clone()),
        [json!("truncated"), json!("2a"), json!("P1"), json!(7), json!(5), json!(68), json!(109)]
    );
    assert_eq!((&cut["ballot"]["round"], &cut["ballot"]["proposer"]), (&json!(3), &json!(1)));
}

/// The fields in the docs: every word in backquotes behind the first column, by the words in the first.
fn documented() -> BTreeMap<String, BTreeSet<String>> {
    let docs = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/wire-json.md"))
        .expect("the docs");
    let rows = docs.lines().filter_map(|line| line.strip_prefix("| ")?.split_once(" | "));
    let words = |text: &str| text.split('`').skip(1).step_by(2).map(str::to_owned).collect::<BTreeSet<_>>();
    let each =
        rows.flat_map(|(kinds, fields)| words(kinds).into_iter().map(move |kind| (kind, words(fields))));
    each.collect()
}

#[test]
fn the_docs_name_exactly_the_fields_of_every_kind() {
    let documented = documented();
    let common = [
        "time",
        "unix",
        "file",
        "src",
        "dst",
        "kind",
        "sender",
        "flags",
        "length",
        "sequence",
        "incarnation",
        "cluster",
        "log",
    ];
    let mut missing: BTreeSet<_> = Kind::ALL.iter().map(|kind| kind.name()).collect();
    for object in objects(&examples()) {
        let kind = object["kind"].as_str().expect("a kind");
        let fields = object.as_object().expect("an object").keys();
        let own: BTreeSet<_> = fields.filter(|field| !common.contains(&field.as_str())).cloned().collect();
        let mut told = documented.get(kind).cloned().unwrap_or_default();
        if kind == "submit" {
            told.remove("hex");
        }
        assert_eq!(own, told, "{kind}");
        missing.remove(kind);
    }
    assert!(missing.is_empty());
    for field in common {
        assert!(documented.contains_key(field), "{field} is not in the docs");
    }
}
