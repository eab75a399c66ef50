//! The invariants, held against every packet and every line of output.
//!
//! The checker sees every packet that leaves a process. From 2a and 2b alone it knows what is chosen, before
//! any process does, and so what the learners must print. It stops the run at the first packet that claims
//! too much.

use super::stream::Stream;
use paxos::protocol::sessions::{Sessions, Verdict};
use std::collections::BTreeMap;
use std::rc::Rc;
use wire::{Ballot, Batch, Body, Packet, Range, RangeRecord, flags};

type Bytes = Rc<[u8]>;

pub struct Checker {
    acceptors: Vec<u16>,
    /// Every 2a that was sent.
    proposed: BTreeMap<(u64, Ballot), Bytes>,
    /// Who accepted it, by place in `acceptors`.
    votes: BTreeMap<(u64, Ballot), u16>,
    /// What each acceptor voted for in its last 2b.
    voted: Vec<(Ballot, Vec<Range>)>,
    promised: Vec<Ballot>,
    chosen: BTreeMap<u64, (Ballot, Bytes)>,
    /// Every instance below is chosen.
    frontier: u64,
    sessions: Sessions,
    /// By client: the beginning of a value that is not finished.
    tails: BTreeMap<u16, Vec<u8>>,
    /// What every learner must print.
    output: Vec<u8>,
    pub lines: u64,
}

impl Checker {
    pub fn new(acceptors: Vec<u16>) -> Checker {
        Checker {
            voted: vec![(Ballot::ZERO, Vec::new()); acceptors.len()],
            promised: vec![Ballot::ZERO; acceptors.len()],
            acceptors,
            proposed: BTreeMap::new(),
            votes: BTreeMap::new(),
            chosen: BTreeMap::new(),
            frontier: 0,
            sessions: Sessions::default(),
            tails: BTreeMap::new(),
            output: Vec::new(),
            lines: 0,
        }
    }

    pub fn output(&self) -> &[u8] {
        &self.output
    }

    pub fn frontier(&self) -> u64 {
        self.frontier
    }

    /// A packet leaves a process.
    pub fn sent(&mut self, packet: &Packet<'_>, streams: &mut [Stream]) {
        match packet.body {
            Body::Phase2a(body, batch) => {
                self.claims(packet, body.decided_until.get());
                self.propose(packet, body.instance.get(), body.ballot(packet.sender), batch);
            }
            Body::Phase2b(body, _, ranges) => {
                self.vote(packet, body.ballot.get(), ranges);
                self.choose(streams);
                self.claims(packet, body.decided_until.get());
                self.claims(packet, body.complete_until.get());
            }
            Body::Phase1b(body, ..) => self.claims(packet, body.complete_until.get()),
            Body::Watermark(body) => self.claims(packet, body.decided_until.get()),
            Body::Heartbeat(body) => self.claims(packet, body.decided_until.get()),
            Body::CatchUp(body, _) => self.claims(packet, body.have_until.get()),
            Body::Report(body) => self.claims(packet, body.delivered_until.get()),
            Body::Value(body, batch) if packet.has(flags::DECIDED) => {
                let chosen = self.chosen.get(&body.instance.get()).map(|(_, bytes)| &bytes[..]);
                assert_eq!(chosen, Some(batch.as_bytes()), "{packet}: that was not chosen");
            }
            Body::Value(body, batch) => {
                let proposed =
                    self.proposed.get(&(body.instance.get(), body.ballot.get())).map(|bytes| &bytes[..]);
                assert_eq!(proposed, Some(batch.as_bytes()), "{packet}: that was not proposed");
            }
            Body::Ack(_, records) => {
                for record in records {
                    let session = self.sessions.get(record.client.get());
                    let decided =
                        if record.incarnation.get() == session.incarnation { session.next } else { 0 };
                    assert!(
                        record.decided_until.get() <= decided,
                        "{packet}: only {decided} entries are decided"
                    );
                }
            }
            Body::Nack(body) => assert!(body.refused.get() < body.promised.get(), "{packet}"),
            Body::Hello(_) | Body::Submit(..) | Body::Phase1a(_) | Body::Fetch(..) => {}
            Body::Join(_) | Body::Helped(..) | Body::Found(..) => {}
        }
    }

    fn claims(&self, packet: &Packet<'_>, decided_until: u64) {
        assert!(
            decided_until <= self.frontier,
            "{packet}: only instances below {} are chosen",
            self.frontier
        );
    }

    fn propose(&mut self, packet: &Packet<'_>, instance: u64, ballot: Ballot, batch: Batch<'_>) {
        let bytes = batch.as_bytes();
        let known = self.proposed.entry((instance, ballot)).or_insert_with(|| bytes.into());
        assert!(**known == *bytes, "{packet}: two values in one ballot");
        if let Some((below, chosen)) = self.chosen.get(&instance) {
            assert!(ballot < *below || **chosen == *bytes, "{packet}: another value was chosen in {below:?}");
        }
    }

    fn vote(&mut self, packet: &Packet<'_>, ballot: Ballot, ranges: &[RangeRecord]) {
        let Some(at) = self.acceptors.iter().position(|id| *id == packet.sender.id) else { return };
        let before =
            if self.voted[at].0 == ballot { core::mem::take(&mut self.voted[at].1) } else { Vec::new() };
        for range in RangeRecord::all(ranges) {
            let mut instance = range.first;
            while instance < range.until {
                if let Some(known) = before.iter().find(|known| known.contains(instance)) {
                    instance = known.until;
                    continue;
                }
                self.vote_for(packet, instance, ballot, at);
                instance += 1;
            }
        }
        self.voted[at] = (ballot, RangeRecord::all(ranges).collect());
    }

    fn vote_for(&mut self, packet: &Packet<'_>, instance: u64, ballot: Ballot, acceptor: usize) {
        let Some(bytes) = self.proposed.get(&(instance, ballot)) else {
            panic!("{packet}: instance {instance} was not proposed in {ballot:?}");
        };
        let votes = self.votes.entry((instance, ballot)).or_default();
        *votes |= 1 << acceptor;
        if (votes.count_ones() as usize) * 2 <= self.acceptors.len() {
            return;
        }
        let (first, chosen) = self.chosen.entry(instance).or_insert_with(|| (ballot, Rc::clone(bytes)));
        assert!(
            **chosen == **bytes,
            "{packet}: two values chosen for instance {instance}, in {first:?} and {ballot:?}"
        );
        *first = ballot.min(*first);
        for ((_, later), other) in
            self.proposed.range((instance, ballot)..=(instance, Ballot::new(Ballot::ROUND_MAX, !0, !0)))
        {
            assert!(
                **other == **chosen,
                "{packet}: instance {instance}: {later:?} proposed another value than was chosen"
            );
        }
    }

    /// Delivers what is chosen, as every learner must.
    fn choose(&mut self, streams: &mut [Stream]) {
        while let Some((_, bytes)) = self.chosen.get(&self.frontier) {
            let batch = Batch::parse(bytes).expect("it came in a packet that was parsed");
            for entry in batch.entries() {
                let tail = self.tails.entry(entry.client).or_default();
                match self.sessions.apply(&entry) {
                    Verdict::Deliver { fresh: true } => tail.clear(),
                    Verdict::Deliver { fresh: false } => {}
                    Verdict::Breaks => panic!("client {} broke a limit", entry.client),
                    Verdict::Duplicate | Verdict::Gap | Verdict::Superseded | Verdict::Ended => continue,
                }
                for piece in entry.bytes.split_inclusive(|byte| *byte == b'\n') {
                    tail.extend_from_slice(piece);
                    if tail.ends_with(b"\n") {
                        self.lines += 1;
                        value(entry.client, entry.incarnation, &tail[..tail.len() - 1], streams);
                        self.output.append(tail);
                    }
                }
            }
            self.frontier += 1;
        }
    }

    /// A learner printed `new` after `printed` bytes.
    pub fn printed(&self, learner: u16, printed: usize, new: &[u8]) {
        let expected = self.output.get(printed..printed + new.len());
        if expected != Some(new) {
            let new = String::from_utf8_lossy(&new[..new.len().min(300)]);
            let rest = self.output.get(printed..).unwrap_or(&[]);
            let expected = String::from_utf8_lossy(&rest[..rest.len().min(300)]);
            panic!("learner {learner} prints\n{new}\nwhere what was chosen is\n{expected}");
        }
    }

    /// An acceptor's promise after a turn.
    pub fn promise(&mut self, id: u16, promised: Ballot) {
        let Some(at) = self.acceptors.iter().position(|known| *known == id) else { return };
        assert!(promised >= self.promised[at], "the promise of acceptor {id} fell");
        self.promised[at] = promised;
    }
}

/// One more value comes out of the log: it must be the next one that this start of the client submitted.
fn value(client: u16, incarnation: u64, line: &[u8], streams: &mut [Stream]) {
    let text = || format!("{:?} of client {client}", String::from_utf8_lossy(&line[..line.len().min(100)]));
    let Some(at) = streams.iter().position(|s| s.client == client && s.incarnation == incarnation) else {
        panic!("{} comes out, which nobody submitted", text());
    };
    let stream = &streams[at];
    assert!(stream.delivered < stream.offered, "{} comes out before it was submitted", text());
    assert!(
        stream.value(stream.delivered) == line,
        "{} comes out where number {} should",
        text(),
        stream.delivered
    );
    let later = streams.iter().any(|s| s.client == client && s.start > stream.start && s.delivered > 0);
    assert!(!later, "{} comes out after values of a later start", text());
    streams[at].delivered += 1;
}
