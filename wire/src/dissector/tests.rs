//! What tshark makes of packets. Where it is missing these tests say so and prove nothing.

use super::dissector;
use crate::Packet;
use crate::capture::LinkType;
use crate::capture::samples::{frame, packet, pcap, udp};
use crate::layout::walk::walk;
use crate::packet::tests::examples;
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::{Command, Output};
use std::sync::atomic::{AtomicUsize, Ordering};

/// tshark with the dissector, in a directory of its own.
struct Tshark {
    directory: PathBuf,
}

impl Tshark {
    /// To look at these datagrams. `None` where there is no tshark.
    fn new(datagrams: &[Vec<u8>]) -> Option<Tshark> {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        if Command::new("tshark").arg("--version").output().is_err() {
            // Not by a macro: what they print of a test that passes, nobody sees.
            let _ = writeln!(io::stderr(), "SKIPPED: tshark is missing, the dissector is not tested");
            return None;
        }
        let name = format!("wire-tshark-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let directory = std::env::temp_dir().join(name);
        std::fs::create_dir(&directory).expect("a directory for the test");
        let frames: Vec<_> = datagrams.iter().map(|bytes| frame(LinkType::ETHERNET, &udp(bytes))).collect();
        std::fs::write(directory.join("run.pcap"), pcap(&frames)).expect("a capture for the test");
        std::fs::write(directory.join("paxos.lua"), dissector()).expect("a dissector for the test");
        Some(Tshark { directory })
    }

    /// What it prints; it must have nothing to complain of.
    fn run(&self, arguments: &[&str]) -> String {
        let Output { status, stdout, stderr } = Command::new("tshark")
            .current_dir(&self.directory)
            .env("HOME", &self.directory)
            .env_remove("XDG_CONFIG_HOME")
            .args(["-X", "lua_script:paxos.lua", "-r", "run.pcap"])
            .args(arguments)
            .output()
            .expect("tshark runs");
        let (stdout, stderr) = (String::from_utf8_lossy(&stdout), String::from_utf8_lossy(&stderr));
        assert!(
            status.success() && !stderr.contains(".lua") && !stdout.contains("Lua Error"),
            "{stderr}{stdout}"
        );
        stdout.into()
    }

    /// The numbers of the frames that a filter lets through, from 0.
    fn frames(&self, filter: &str) -> Vec<usize> {
        let numbers = self.run(&["-Y", filter, "-T", "fields", "-e", "frame.number"]);
        numbers.lines().map(|number| number.parse::<usize>().expect("a number") - 1).collect()
    }

    /// The info column of each frame.
    fn lines(&self) -> Vec<String> {
        self.run(&["-T", "fields", "-e", "_ws.col.Info"]).lines().map(Into::into).collect()
    }
}

impl Drop for Tshark {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.directory);
    }
}

/// The value of a field as PDML has it in `show`.
fn shown(name: &str, value: &str, bytes: &[u8]) -> String {
    let number = || bytes.iter().fold(0u64, |number, byte| number << 8 | u64::from(*byte));
    let raw = || bytes.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(":");
    match name {
        "magic" | "bytes" | "beyond" | "reserved" => raw(),
        "role" | "status" => number().to_string(),
        "flags" | "heard" | "state" => format!("0x{:0width$x}", number(), width = bytes.len() * 2),
        "ballot" | "refused" | "promised" => value.split('/').next().unwrap_or(value).into(),
        "tag" | "cluster" | "log" | "incarnation" | "life" | "answered" | "joiner" | "former" | "digest"
        | "digest_8" | "digest_14" | "digest_20" => {
            format!("0x{value}")
        }
        _ => value.into(),
    }
}

#[test]
fn every_field_of_every_kind_is_shown_as_it_is() {
    let examples = examples();
    let Some(tshark) = Tshark::new(&examples) else { return };
    let pdml = tshark.run(&["-T", "pdml"]);
    let frames: Vec<&str> = pdml.split("<packet>").skip(1).collect();
    assert_eq!(frames.len(), examples.len());
    for (pdml, packet) in frames.iter().zip(&examples) {
        for part in walk(packet) {
            let group = part.title.split(' ').next().unwrap_or_default();
            let group = match group {
                "entry" | "ack" | "range" | "run" | "member" | "known" if part.title.contains(' ') => {
                    format!("{group}.")
                }
                _ => String::new(),
            };
            for piece in part.pieces {
                let show =
                    shown(piece.name.rsplit('.').next().unwrap_or_default(), &piece.value, piece.bytes);
                let (name, size) = (format!("paxos.{group}{}", piece.name), piece.bytes.len());
                let found = pdml.lines().any(|line| {
                    line.contains(&format!("name=\"{name}\""))
                        && line.contains(&format!(" size=\"{size}\" pos=\"{}\"", 42 + piece.at))
                        && line.contains(&format!(" show=\"{show}\""))
                });
                assert!(found, "{name} = {show} of {}\n{pdml}", Packet::parse(packet).unwrap());
            }
        }
        assert!(!pdml.contains("paxos.malformed"), "{}", Packet::parse(packet).unwrap());
    }
}

#[test]
fn filters_find_what_they_name() {
    let examples = examples();
    let Some(tshark) = Tshark::new(&examples) else { return };
    let of = |wanted: &dyn Fn(&str) -> bool| -> Vec<usize> {
        let lines = examples.iter().map(|packet| Packet::parse(packet).unwrap().to_string());
        lines.enumerate().filter(|(_, line)| wanted(line)).map(|(at, _)| at).collect()
    };
    let check = |filter: &str, wanted: &dyn Fn(&str) -> bool| {
        let frames = tshark.frames(filter);
        assert!(!frames.is_empty(), "nothing for {filter}");
        assert_eq!(frames, of(wanted), "{filter}");
    };
    check("paxos", &|_| true);
    check("paxos.kind == \"2a\" && paxos.instance == 7", &|line| line.contains(" 2a 3.P1 i7 "));
    check("paxos.kind_number == 7", &|line| line.contains(" 2b "));
    check("paxos.sender == \"A2\"", &|line| line.starts_with("A2 "));
    check("paxos.flags.leading == 1", &|line| line.contains("(leading)"));
    check("paxos.flags.fence == 1", &|line| line.contains("(fence)"));
    check("paxos.kind == \"2a\" && paxos.ballot.round == 3 && paxos.ballot.proposer == 1", &|line| {
        line.contains(" 2a 3.P1 ")
    });
    check("paxos.promised.round == 3", &|line| line.contains(" nack "));
    check("paxos.entry.bytes contains \"hello\"", &|line| line.contains("C1#0 6 B"));
    check("paxos.range.first == 7", &|line| line.contains("[7..9)") && !line.contains(" in "));
    check("paxos.ack.status == 1", &|line| line.contains("superseded"));
    check("paxos.member.id == 2", &|line| line.contains(" found "));
    check("paxos.known.life == 0xa1 && paxos.run.count == 2", &|line| line.contains("[8..10) in"));
    check("paxos.address == 127.0.0.1", &|line| line.contains(" fetch "));
}

#[test]
fn the_info_column_reads_like_the_one_line_printer() {
    let examples = examples();
    let Some(tshark) = Tshark::new(&examples) else { return };
    let lines = tshark.lines();
    let mut same = 0;
    for (line, packet) in lines.iter().zip(&examples) {
        let printed = Packet::parse(packet).unwrap().to_string();
        let start = |line: &str| line.split(' ').take(2).collect::<Vec<_>>().join(" ");
        assert_eq!(start(line), start(&printed));
        same += usize::from(*line == printed);
    }
    assert!(same >= 6, "{same} are the same of {lines:#?}");
}

#[test]
fn several_packets_in_one_datagram_are_told_apart() {
    let run = packet(1).repeat(3);
    let all = examples();
    let Some(tshark) = Tshark::new(&[run, all.concat(), packet(1).repeat(1364)]) else { return };
    assert_eq!(tshark.lines()[0], "A2 hello answered 1 | A2 hello answered 1 | A2 hello answered 1");
    assert!(tshark.lines()[1].ends_with(&format!(" | and {} more", all.len() - 4)));
    assert!(tshark.lines()[2].ends_with(" | and 1360 more"));
    assert_eq!(tshark.frames("paxos.kind == \"over\" && paxos.kind == \"hello\""), [1]);
    assert!(tshark.frames("paxos.malformed").is_empty());
}

#[test]
fn malformed_packets_are_flagged_with_the_reason() {
    let good = examples().into_iter().find(|packet| packet[3] == 6).expect("a 2a");
    let change = |change: &dyn Fn(&mut Vec<u8>)| {
        let mut packet = good.clone();
        change(&mut packet);
        let length = (packet.len() as u16).to_be_bytes();
        packet[4..6].copy_from_slice(&length);
        packet
    };
    let mut short = packet(0);
    short.truncate(12);
    let mut long = packet(0);
    long.push(0);
    let cases = [
        (change(&|p| p[2] = 9), "version 9, not 5"),
        (change(&|p| p[3] = 99), "unknown kind 99"),
        (change(&|p| p[6] = 9), "unknown role 9"),
        (change(&|p| p[6] = 3), "a acceptor does not send 2a"),
        (change(&|p| p[7] = 1), "reserved bits set in flags"),
        (change(&|p| p.truncate(50)), "body of 2a has a wrong length"),
        (change(&|p| p.truncate(p.len() - 1)), "body of 2a has a wrong length: an entry that is not whole"),
        (change(&|p| p.truncate(70)), "body of 2a has a wrong length: a record that is not whole"),
        (change(&|p| p[0x43] = 0), "body of 2a has a wrong length: an entry without bytes"),
        (short, "too short: 12 of 40 bytes"),
        (packet(0)[..45].to_vec(), "says 48 bytes, has 45"),
        (long, "not ours: wrong magic"),
    ];
    let mut datagrams: Vec<_> = cases.iter().map(|(packet, _)| packet.clone()).collect();
    datagrams.push(change(&|p| p[0x3F] = 1));
    datagrams.push(good.clone());
    datagrams.push(b"PX is what another program says, too".to_vec());
    let Some(tshark) = Tshark::new(&datagrams) else { return };
    let lines = tshark.lines();
    for (line, (packet, reason)) in lines.iter().zip(&cases) {
        assert!(line.ends_with(&format!("malformed: {reason}")), "{line}, not {reason}");
        assert!(Packet::parse(packet).is_err());
    }
    let flagged: Vec<_> = (0..=cases.len()).collect();
    assert_eq!(tshark.frames("paxos.malformed"), flagged, "and reserved bytes that are not zero");
    assert_eq!(tshark.frames("paxos"), (0..=cases.len() + 1).collect::<Vec<_>>(), "but not another program");
}

#[test]
fn no_bytes_make_an_error_in_the_dissector() {
    let mut numbers = crate::capture::samples::Numbers(11);
    let examples = examples();
    let datagrams: Vec<Vec<u8>> = (0..3000)
        .map(|round| {
            let mut packet = examples[round % examples.len()].clone();
            for _ in 0..numbers.below(4) {
                let at = 3 + numbers.below(packet.len() - 3);
                packet[at] = [0, 1, 255, numbers.below(256) as u8][numbers.below(4)];
            }
            if numbers.below(3) == 0 {
                packet.truncate(6 + numbers.below(packet.len() - 5));
            }
            if numbers.below(2) == 0 {
                let length = (packet.len() as u16).to_be_bytes();
                packet[4..6].copy_from_slice(&length);
            }
            packet
        })
        .collect();
    let Some(tshark) = Tshark::new(&datagrams) else { return };
    assert!(tshark.run(&["-V"]).contains("Paxos"));
}
