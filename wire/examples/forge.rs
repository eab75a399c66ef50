//! Changes one packet of a capture, tag included, so that `wire check` has something to find:
//!
//! ```text
//! cargo run --release -p wire --example forge -- payload run.pcap >forged.pcapng && wire check forged.pcapng
//! ```
//!
//! `payload`: a 2a that is sent again gets another value the second time. `vote`: a 2b votes for a
//! thousand instances more. `watermark`: a 2a takes a thousand instances more for decided.
//! `nothing`: only writes the capture anew.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, Write};
use wire::capture::write::{self, Direction, Passage};
use wire::capture::{Capture, Datagram};
use wire::{Body, HEADER_LEN, Packet, Role, Sender, tag};

/// How many instances more.
const MORE: u64 = 1000;
/// Datagrams of a leader that follow.
const GOES_ON: usize = 10;
/// Where the tag stands in a packet.
const TAG: std::ops::Range<usize> = 32..40;

fn main() -> io::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let usage = || io::Error::other("usage: forge payload|vote|watermark|nothing FILE >FORGED");
    let [what, path] = &arguments[..] else { return Err(usage()) };
    if !["payload", "vote", "watermark", "nothing"].contains(&what.as_str()) {
        return Err(usage());
    }
    let capture = Capture::new(File::open(path)?);
    let mut datagrams: Vec<Datagram> =
        capture.collect::<Result<_, _>>().map_err(|error| io::Error::other(error.to_string()))?;
    if what != "nothing" && !forge(what, &mut datagrams) {
        return Err(io::Error::other(format!("there is no packet to make a {what} of in {path}")));
    }
    let mut file = Vec::new();
    write::section(&mut file, "forged");
    write::interface(&mut file, "all", "one packet of it is forged", 0);
    for datagram in &datagrams {
        let passage = Passage {
            time_ns: datagram.time_ns as u64,
            from: datagram.source,
            to: datagram.destination,
            direction: Direction::Out,
        };
        write::packet(&mut file, &passage, &datagram.bytes, 0, "");
    }
    io::stdout().lock().write_all(&file)
}

/// Changes the first packet that will do; for all but payloads, one behind a quarter of all, whose leader goes on for a
/// while: of one that died just then the last packets might be missing, as far as a check can know.
fn forge(what: &str, datagrams: &mut [Datagram]) -> bool {
    let quarter = datagrams.len() / 4;
    let by =
        |(number, datagram): (usize, &Datagram)| match Packet::parse(wire::split(&datagram.bytes).next()?) {
            Ok(Packet { sender: Sender { role: Role::Proposer, id, .. }, .. }) => Some((number, id)),
            _ => None,
        };
    let leaders: Vec<(usize, u16)> = datagrams.iter().enumerate().filter_map(by).collect();
    let goes_on = |number: usize, leader: u16| {
        leaders.iter().filter(|(later, id)| *later > number && *id == leader).count() >= GOES_ON
    };
    let mut sent = BTreeSet::new();
    for (number, datagram) in datagrams.iter_mut().enumerate() {
        let mut at = 0;
        let lengths: Vec<usize> = wire::split(&datagram.bytes).map(<[u8]>::len).collect();
        for length in lengths {
            let bytes = &mut datagram.bytes[at..at + length];
            at += length;
            let Ok(packet) = Packet::parse(bytes) else { continue };
            let late = |leader| number > quarter && goes_on(number, leader);
            let done = match (what, packet.body) {
                ("payload", Body::Phase2a(body, batch)) => {
                    let name = (u128::from(packet.sender.incarnation), body.instance.get());
                    let again = !sent.insert(name) && !batch.is_noop();
                    again.then(|| (length - 2, [bytes[length - 2] ^ 1].to_vec()))
                }
                ("vote", Body::Phase2b(body, _, [.., last])) if late(body.ballot.get().proposer()) => {
                    let count = last.count.get() + MORE as u32;
                    Some((length - 4, count.to_be_bytes().to_vec()))
                }
                ("watermark", Body::Phase2a(body, _)) if late(packet.sender.id) => {
                    Some((HEADER_LEN + 8, (body.decided_until.get() + MORE).to_be_bytes().to_vec()))
                }
                _ => None,
            };
            if let Some((place, new)) = done {
                eprintln!("forged: {packet}");
                bytes[place..place + new.len()].copy_from_slice(&new);
                let tag = tag(bytes);
                bytes[TAG].copy_from_slice(&tag);
                return true;
            }
        }
    }
    false
}
