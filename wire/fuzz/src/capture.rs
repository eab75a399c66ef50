//! Any bytes as a capture.

use super::packet::make_right_by;
use std::io::{self, Read};
use wire::Kind;
use wire::capture::{self, Capture};
use wire::check::{Order, Rule, check, look_up};
use wire::dump::{
    self, BallotId, Depth, Filter, FlushFirst, Host, Input, Instances, Options, Output, SenderId, Summary,
    dump,
};
use wire::flow::{self, Format, flow};
use wire::stat::{self, stat};
use wire::story::{Subject, find, tell};

/// Any bytes are read to their end or to a reason, every packet in them is a line, and how they arrive makes
/// no difference; nor do filters, other formats and other captures beside it change what a packet is.
pub fn capture(bytes: &[u8]) {
    let lines = Options::default();
    let all = dumped(vec![bytes], &lines);
    let Dumped { text, summary, .. } = &all;
    // Not even a forged length makes more lines than there are bytes for.
    assert!(text.len() <= 16 * bytes.len() + 512, "{} bytes of text from {}", text.len(), bytes.len());
    assert!(text.lines().count() as u64 >= summary.packets + summary.malformed);
    assert!(plain(text), "plain text: {text:?}");
    let trickled = dumped(vec![Trickle { rest: bytes, next: 1 }], &lines);
    assert_eq!(all, trickled, "another result when the bytes come a few at a time");

    let json = dumped(vec![bytes], &Options { format: dump::Format::Json, ..Options::default() });
    assert_eq!((json.summary, &json.failures), (*summary, &all.failures));
    assert_eq!(json.text.lines().count(), text.lines().count(), "an object is a line");
    assert!(plain(&json.text), "plain text: {:?}", json.text);
    assert!(json.text.lines().all(balanced), "{}", json.text);

    for depth in [Depth::Fields, Depth::Bytes] {
        let deep = dumped(vec![bytes], &Options { depth, ..Options::default() }).text;
        assert!(plain(&deep), "plain text: {deep:?}");
        assert!(text.lines().all(|line| deep.contains(line)), "a line is missing where there are more");
    }

    let colour = dumped(vec![bytes], &Options { colour: true, ..Options::default() });
    assert_eq!((colour.summary, colour.text.lines().count()), (*summary, text.lines().count()));

    counted_and_drawn(bytes, summary.packets);
    checked(bytes);

    let twice = dumped(vec![bytes, bytes], &lines);
    assert_eq!(twice.summary.packets, 2 * summary.packets, "two captures are one and the other");
    for filter in filters(bytes) {
        let some = dumped(vec![bytes], &Options { filter, ..Options::default() });
        let Summary { packets, malformed, left_out, .. } = some.summary;
        // Of a packet that was cut, a line tells; it is left out as others are, if it shows whose it is.
        let (some_lines, lines) = (some.text.lines().count() as u64, text.lines().count() as u64);
        assert!(packets + malformed <= some_lines && some_lines + left_out <= lines);
        assert!(some_lines + left_out >= summary.packets + summary.malformed);
        // The widths of columns follow what is printed, the rest of a line does not.
        let told = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
        let mut rest = text.lines();
        assert!(
            some.text.lines().all(|line| rest.any(|other| told(other) == told(line))),
            "{}is not part of\n{text}",
            some.text
        );
    }
}

/// Any bytes are counted and drawn, alone and as the traces of two processes: always as text in bounded room, and nothing in
/// them becomes markup.
fn counted_and_drawn(bytes: &[u8], packets: u64) {
    let mut heard = Heard(Vec::new());
    let counted = stat(inputs(bytes), &Filter::default(), &mut heard);
    for told in [stat::text(&counted), stat::json(&counted)] {
        assert!(told.chars().all(|character| character == '\n' || !character.is_control()), "{told:?}");
    }
    assert!(balanced(stat::json(&counted).trim_end()));

    let traces = [wire::Role::Acceptor, wire::Role::Learner].map(|role| Some(SenderId { role, id: 1 }));
    let filters = [Filter::default(), Filter { kinds: vec![Kind::Phase2b], ..Filter::default() }];
    for (format, filter) in [Format::Svg, Format::Html].into_iter().zip(filters) {
        let options = flow::Options { filter, format, events_max: 16, title: "a <script> \"name\"".into() };
        let (text, summary) = flow(inputs(bytes), traces.into(), &options, &mut heard);
        assert!(
            summary.events <= 16 && summary.packets + summary.left_out <= 2 * packets + bytes.len() as u64
        );
        assert!(text.len() < 1 << 20, "a picture of {} bytes", text.len());
        assert_eq!(text.matches("<script").count(), usize::from(format == Format::Html));
        assert!(text.chars().all(|character| character == '\n' || !character.is_control()));
    }
}

fn inputs(bytes: &[u8]) -> Vec<Input<'_>> {
    let input = |name: &str| Input { name: name.into(), stream: Box::new(Capture::new(bytes)) };
    vec![input("a"), input("a \"name\"")]
}

/// A packet as the only one of a capture, so that what prints it, filters it and tells it as JSON meets whatever
/// the tag, which nobody guesses, lets through.
pub fn alone(packet: &[u8]) {
    let mut file = begun();
    add(&mut file, 0, 1, packet);
    assert_eq!(dumped(vec![&file[..]], &Options::default()).summary.packets, 1);
    capture(&file);
}

/// Packets most of which have right tags, as a capture of what happened one after the other, so that what follows instances,
/// sessions and starts has something to follow. Each is preceded by what is made right of it, as for `packet`; where it goes,
/// and how much later, µs; and its length, two bytes.
pub fn trace(bytes: &[u8]) {
    let (mut file, mut rest, mut time_us) = (begun(), bytes, 0);
    while let [mode, place, high, low, behind @ ..] = rest {
        let length = usize::from(u16::from_be_bytes([*high, *low])).min(behind.len());
        let (piece, after) = behind.split_at(length);
        let mut packet = piece.to_vec();
        make_right_by(*mode, &mut packet);
        time_us += u32::from(*place);
        add(&mut file, time_us, place % 8, &packet);
        rest = after;
    }
    capture(&file);
}

/// The beginning of a pcap file of IPv4 packets.
fn begun() -> Vec<u8> {
    [0xA1B2_C3D4_u32, 0x0004_0002, 0, 0, 262_144, 101].iter().flat_map(|field| field.to_le_bytes()).collect()
}

/// Adds a datagram to a group, 239.0.0.0 to 239.0.0.7.
fn add(file: &mut Vec<u8>, time_us: u32, group: u8, payload: &[u8]) {
    let Ok(udp) = u16::try_from(8 + payload.len()) else { return };
    let length = 20 + u32::from(udp);
    for field in [time_us / 1_000_000, time_us % 1_000_000, length, length] {
        file.extend_from_slice(&field.to_le_bytes());
    }
    file.extend_from_slice(&[0x45, 0]);
    file.extend_from_slice(&(length as u16).to_be_bytes());
    file.extend_from_slice(&[0, 0, 0, 0, 1, 17, 0, 0, 127, 0, 0, 1, 239, 0, 0, group, 19, 136, 27, 88]);
    file.extend_from_slice(&udp.to_be_bytes());
    file.extend_from_slice(&[0, 0]);
    file.extend_from_slice(payload);
}

/// Any capture is checked to its end, and its story told, alone and twice over.
fn checked(bytes: &[u8]) {
    for order in [Order::Guess, Order::AsHappened, Order::Unknown] {
        let inputs = || vec![input(bytes), input(bytes)];
        let mut report = check(inputs(), order, &mut Heard(Vec::new()));
        look_up(&mut report, 0, Capture::new(bytes));
        let files = ["a \"name\"".to_string()];
        assert!(report.json(&files).lines().all(balanced), "{}", report.json(&files));
        assert!(report.text(&files).lines().count() >= Rule::ALL.len());
    }
    let byte = |at: usize| bytes.get(at).copied().unwrap_or_default();
    let value = Subject::Value { client: u16::from(byte(60) % 4), number: u64::from(byte(61) % 4) };
    for subject in [Subject::Instance(u64::from(byte(50) % 16)), value] {
        let found = find(vec![input(bytes)], subject, &mut Heard(Vec::new()));
        let told = tell(vec![input(bytes), input(bytes)], subject, &found, &mut Heard(Vec::new()));
        assert!(!told.is_empty());
    }
}

fn input(bytes: &[u8]) -> Input<'_> {
    Input { name: "a \"name\"".into(), stream: Box::new(Capture::new(bytes)) }
}

/// One of each, and all together, with values from these bytes.
fn filters(bytes: &[u8]) -> Vec<Filter> {
    let byte = |at: usize| bytes.get(at).copied().unwrap_or_default();
    let packets = bytes.windows(2).filter(|two| *two == wire::MAGIC).count();
    let kind = Kind::ALL[usize::from(byte(27)) % Kind::ALL.len()];
    let first = u64::from(byte(50) % 16);
    let from = SenderId { role: wire::Role::ALL[packets % 4], id: u16::from(byte(60) % 4) };
    let all = Filter {
        kinds: vec![kind, Kind::Phase2a, Kind::Phase2b],
        instances: Some(Instances { first, last: first + 8 }),
        ballot: Some(BallotId { round: 3, proposer: 1 }),
        from: vec![from],
        clients: vec![from.id],
        since_ns: Some(i128::from(byte(40)) * 10_000),
        until_ns: Some(i128::from(byte(41)) * 1_000_000),
        malformed: false,
    };
    let none = Filter::default();
    vec![
        Filter { kinds: all.kinds.clone(), ..none.clone() },
        Filter { instances: all.instances, ..none.clone() },
        Filter { ballot: all.ballot, ..none.clone() },
        Filter { from: all.from.clone(), ..none.clone() },
        Filter { clients: all.clients.clone(), ..none.clone() },
        Filter { since_ns: all.since_ns, until_ns: all.until_ns, ..none.clone() },
        Filter { malformed: true, ..none },
        all,
    ]
}

fn plain(text: &str) -> bool {
    text.bytes().all(|byte| byte == b'\n' || (b' '..=b'~').contains(&byte))
}

/// Whether every brace and bracket outside of strings is closed, and the line is one object.
fn balanced(line: &str) -> bool {
    let (mut open, mut string, mut escaped) = (Vec::new(), false, false);
    for (at, byte) in line.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if string => escaped = true,
            b'"' => string = !string,
            b'{' | b'[' if !string => open.push(byte),
            b'}' | b']' if !string && open.pop() != Some(if byte == b'}' { b'{' } else { b'[' }) => {
                return false;
            }
            _ => {}
        }
        if open.is_empty() && at + 1 < line.len() {
            return false;
        }
    }
    open.is_empty() && !string
}

/// What came of a dump.
#[derive(Debug, PartialEq)]
struct Dumped {
    text: String,
    summary: Summary,
    failures: Vec<String>,
}

struct Heard(Vec<String>);

impl Host for Heard {
    fn failed(&mut self, _: &str, error: capture::Error) {
        self.0.push(format!("{error:?}"));
    }

    fn wait(&mut self) -> bool {
        panic!("nothing here has to be waited for")
    }
}

fn dumped<'a>(files: Vec<impl Read + 'a>, options: &Options) -> Dumped {
    let (mut text, mut heard) = (Vec::new(), Heard(Vec::new()));
    let output = Output::new(&mut text);
    let input = |file| Input {
        name: "a \"name\"".into(),
        stream: Box::new(Capture::new(FlushFirst::new(file, &output))),
    };
    let inputs = files.into_iter().map(input).collect();
    let (summary, written) = dump(inputs, options, &output, &mut heard);
    written.expect("a vector takes it");
    drop(output);
    Dumped { text: String::from_utf8(text).expect("lines are text"), summary, failures: heard.0 }
}

/// Hands out 1, 2, 3, … bytes at a time.
struct Trickle<'a> {
    rest: &'a [u8],
    next: usize,
}

impl Read for Trickle<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.next.min(self.rest.len()).min(buffer.len());
        let (now, rest) = self.rest.split_at(length);
        buffer[..length].copy_from_slice(now);
        (self.rest, self.next) = (rest, self.next + 1);
        Ok(length)
    }
}
