//! Simulated runs as captures, whole and poor.

use paxos::sim::{self, Run, Script, Story, Trace, Watch};
use std::cell::RefCell;
use std::io::{self, Write};
use std::rc::Rc;
#[cfg(not(planted))]
use wire::capture::Datagram;
#[cfg(not(planted))]
use wire::capture::write::{self, Direction, Passage};
use wire::capture::{self, Capture};
use wire::check::{Order, Report, check};
use wire::dump::{Host, Input};

/// A capture that stays in memory.
#[derive(Clone, Default)]
struct Memory(Rc<RefCell<Vec<u8>>>);

impl Write for Memory {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.borrow_mut().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The script that a seed makes up.
pub fn made_up(seed: u64) -> Script {
    Script::parse(&sim::script(seed)).expect("what is made up is understood")
}

/// A run, and the capture of it.
pub fn traced(seed: u64, script: &Script, watch: Watch) -> (Run, Vec<u8>) {
    traced_aloud(seed, script, watch, Story::Untold)
}

/// The same, told to somebody.
pub fn traced_aloud(seed: u64, script: &Script, watch: Watch, story: Story) -> (Run, Vec<u8>) {
    let memory = Memory::default();
    let trace = Some(Trace::new(memory.clone()));
    let mut run = sim::run_watched(seed, script, story, Watch { trace, ..watch });
    run.world.take_trace().expect("it was given one").finish().expect("memory takes it");
    let bytes = memory.0.take();
    (run, bytes)
}

/// Nobody to talk to: what cannot be read is a failed test.
struct Silent;

impl Host for Silent {
    fn failed(&mut self, name: &str, error: capture::Error) {
        panic!("{name}: {error}");
    }

    fn wait(&mut self) -> bool {
        false
    }
}

/// What a check says of these captures.
pub fn checked(captures: Vec<Vec<u8>>, order: Order) -> Report {
    let input = |bytes: &Vec<u8>| {
        let stream = Box::new(Capture::new(io::Cursor::new(bytes.clone())));
        Input { name: "trace".into(), stream }
    };
    let mut report = check(captures.iter().map(input).collect(), order, &mut Silent);
    for (at, bytes) in captures.iter().enumerate() {
        wire::check::look_up(&mut report, at, Capture::new(&bytes[..]));
    }
    report
}

#[cfg(not(planted))]
fn input(bytes: &[u8]) -> Vec<Input<'_>> {
    vec![Input { name: "trace".into(), stream: Box::new(Capture::new(bytes)) }]
}

/// What `wire dump` prints of a capture.
#[cfg(not(planted))]
pub fn dumped(bytes: &[u8]) -> String {
    let mut text = Vec::new();
    let output = wire::dump::Output::new(&mut text);
    let (_, written) = wire::dump::dump(input(bytes), &Default::default(), &output, &mut Silent);
    written.expect("memory takes it");
    drop(output);
    String::from_utf8(text).expect("text")
}

/// What `wire story` tells of a capture.
#[cfg(not(planted))]
pub fn told(bytes: &[u8], subject: wire::story::Subject) -> String {
    let found = wire::story::find(input(bytes), subject, &mut Silent);
    wire::story::tell(input(bytes), subject, &found, &mut Silent)
}

/// How a capture can be poor.
#[cfg(not(planted))]
#[derive(Clone, Copy, Debug)]
pub enum Poor {
    /// A packet in twenty is missing.
    Thin,
    /// Packets are missing in long rows.
    Holes,
    /// It begins in the middle.
    Late,
    /// It ends in the middle.
    Short,
    /// Packets are cut after 96 bytes.
    Cut,
    /// Their order is another one.
    Shuffled,
    /// Packets come twice.
    Doubled,
    /// Two hosts captured it, one of them with a clock that is half a second fast; each missed something.
    TwoHosts,
    /// One acceptor is not in it.
    WithoutOne,
}

#[cfg(not(planted))]
impl Poor {
    pub const ALL: [Poor; 9] = [
        Poor::Thin,
        Poor::Holes,
        Poor::Late,
        Poor::Short,
        Poor::Cut,
        Poor::Shuffled,
        Poor::Doubled,
        Poor::TwoHosts,
        Poor::WithoutOne,
    ];

    /// What is known of its order.
    pub fn order(self) -> Order {
        match self {
            Poor::Shuffled => Order::Unknown,
            _ => Order::Guess,
        }
    }

    pub fn of(self, seed: u64, whole: &[u8]) -> Vec<Vec<u8>> {
        let mut chance = Chance(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1);
        let mut datagrams: Vec<Datagram> =
            Capture::new(whole).map(|datagram| datagram.expect("a whole capture")).collect();
        let count = datagrams.len();
        match self {
            Poor::Thin => datagrams.retain(|_| chance.below(20) > 0),
            Poor::Holes => {
                let mut missing = 0u64;
                datagrams.retain(|_| {
                    if missing == 0 && chance.below(500) == 0 {
                        missing = chance.below(200);
                    }
                    missing = missing.saturating_sub(1);
                    missing == 0
                });
            }
            Poor::Late => drop(datagrams.drain(..count / 3)),
            Poor::Short => datagrams.truncate(count / 2),
            Poor::Cut | Poor::WithoutOne => {}
            Poor::Shuffled => {
                for at in 0..count {
                    let other = (at + chance.below(300) as usize).min(count - 1);
                    datagrams.swap(at, other);
                }
            }
            Poor::Doubled => {
                let again: Vec<Datagram> = datagrams.clone();
                datagrams = datagrams.into_iter().zip(again).flat_map(|(one, other)| [one, other]).collect();
            }
            Poor::TwoHosts => {
                let mut other = datagrams.clone();
                other.retain(|_| chance.below(10) > 0);
                datagrams.retain(|_| chance.below(10) > 0);
                other.iter_mut().for_each(|datagram| datagram.time_ns += 500_000_000);
                return vec![written(&datagrams, 0), written(&other, 0)];
            }
        }
        if let Poor::WithoutOne = self {
            let id = 1 + chance.below(3) as u16;
            let acceptor =
                |bytes: &[u8]| bytes[6] == wire::Role::Acceptor as u8 && bytes[8..10] == id.to_be_bytes();
            datagrams.retain(|datagram| !acceptor(&datagram.bytes));
        }
        vec![written(&datagrams, if let Poor::Cut = self { 96 } else { 0 })]
    }
}

/// A capture of these datagrams, each cut to so many bytes with its headers; 0: whole.
#[cfg(not(planted))]
pub fn written(datagrams: &[Datagram], snap: usize) -> Vec<u8> {
    let mut file = Vec::new();
    write::section(&mut file, "a test");
    write::interface(&mut file, "all", "", snap);
    for datagram in datagrams {
        let passage = Passage {
            time_ns: datagram.time_ns as u64,
            from: datagram.source,
            to: datagram.destination,
            direction: Direction::Out,
        };
        write::packet(&mut file, &passage, &datagram.bytes, snap, "");
    }
    file
}

/// Numbers that look random and are always the same (xorshift64*).
#[cfg(not(planted))]
struct Chance(u64);

#[cfg(not(planted))]
impl Chance {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33) % bound
    }
}
