//! What the user sees.

use super::*;
use crate::capture::samples::{PcapFile, ethernet, frame, packet, pcap, udp};
use crate::capture::{Capture, Direction, Error as CaptureError, LinkType, Note, Order};
use std::cell::RefCell;
use std::io::Read;

/// Keeps what it hears, and never waits.
#[derive(Default)]
struct Heard(Vec<CaptureError>);

impl Host for Heard {
    fn failed(&mut self, _: &str, error: CaptureError) {
        self.0.push(error);
    }

    fn wait(&mut self) -> bool {
        false
    }
}

/// Prints captures named 0, 1, … to `output`.
fn dump_to<'a, W: Write>(
    files: Vec<impl Read + 'a>,
    options: &Options,
    output: &'a Output<W>,
) -> (Summary, Vec<CaptureError>, io::Result<()>) {
    let mut heard = Heard::default();
    let input = |(at, file): (usize, _)| {
        let stream = Box::new(Capture::new(FlushFirst::new(file, output)));
        Input { name: at.to_string(), stream }
    };
    let inputs = files.into_iter().enumerate().map(input).collect();
    let (summary, written) = dump(inputs, options, output, &mut heard);
    (summary, heard.0, written)
}

/// The lines, the summary, and what could not be read.
fn dumped_with(files: &[&[u8]], options: &Options) -> (String, String, Vec<CaptureError>) {
    let mut lines = Vec::new();
    let output = Output::new(&mut lines);
    let (summary, errors, written) = dump_to(files.to_vec(), options, &output);
    written.expect("a vector takes it");
    drop(output);
    (String::from_utf8(lines).expect("lines are text"), summary.to_string(), errors)
}

fn dumped(file: &[u8]) -> (String, String, Vec<CaptureError>) {
    dumped_with(&[file], &Options::default())
}

fn on_ethernet(payload: &[u8]) -> Vec<u8> {
    frame(LinkType::ETHERNET, &udp(payload))
}

#[test]
fn a_packet_is_a_line_and_the_rest_is_counted() {
    let mut damaged = packet(2);
    damaged[45] ^= 1;
    let file = pcap(&[
        on_ethernet(b"another program"),
        ethernet(0),
        on_ethernet(&damaged),
        on_ethernet(&packet(3)[..12]),
        on_ethernet(&[packet(0), packet(0), packet(0)[..45].to_vec()].concat()),
    ]);
    let (lines, summary, errors) = dumped(&file);
    assert!(errors.is_empty());
    assert_eq!(
        lines,
        "  0.000000  127.0.0.1:5000 > 239.0.0.1:7000  A2 hello
  0.001000  127.0.0.1:5000 > 239.0.0.1:7000  malformed: tag does not match: damaged or forged
  0.002000  127.0.0.1:5000 > 239.0.0.1:7000  malformed: too short: 12 of 40 bytes
  0.003000  127.0.0.1:5000 > 239.0.0.1:7000  A2 hello
  0.003000  127.0.0.1:5000 > 239.0.0.1:7000  A2 hello
  0.003000  127.0.0.1:5000 > 239.0.0.1:7000  malformed: says 48 bytes, has 45
"
    );
    assert_eq!(summary, "3 packets, 3 malformed, 1 foreign frame, 0 IP fragments, 0 truncated");
}

#[test]
fn of_a_cut_datagram_the_whole_packets_are_printed_and_the_cut_is_named() {
    let mut cut = on_ethernet(&[packet(0), packet(0)].concat());
    cut.truncate(42 + 60);
    let (lines, summary, _) = dumped(&pcap(&[cut])[..]);
    assert_eq!(
        lines,
        "  0.000000  127.0.0.1:5000 > 239.0.0.1:7000  A2 hello
  0.000000  127.0.0.1:5000 > 239.0.0.1:7000  truncated by the capture: 60 of 96 bytes
"
    );
    assert_eq!(summary, "1 packet, 0 malformed, 0 foreign frames, 0 IP fragments, 1 truncated");
}

#[test]
fn fragments_are_named_with_what_may_be_the_cause() {
    let mut first = ethernet(0);
    first[20] = 0x20;
    first[38..40].copy_from_slice(&3008u16.to_be_bytes());
    let (lines, summary, _) = dumped(&pcap(&[first])[..]);
    assert!(lines.ends_with("  first of several IP fragments: 48 of 3000 bytes\n"), "{lines}");
    assert!(summary.contains("1 IP fragment, 0 truncated (fragments are not reassembled"), "{summary}");
}

#[test]
fn columns_grow_to_the_widest_address_and_times_may_run_backwards() {
    let mut printer = Printer::new(&Options { filter: Filter::default(), ..Options::default() }).format;
    let mut text = String::new();
    let mut datagram = Datagram {
        frame: 1,
        time_ns: 0,
        source: "10.0.0.1:1".parse().expect("an address"),
        destination: "10.0.0.2:2".parse().expect("an address"),
        bytes: packet(0),
        truncated: None,
        note: Note::default(),
    };
    for (time_ns, source) in [(0, "10.0.0.1:1"), (-2_000, "192.168.100.100:65535"), (9_000, "10.0.0.1:1")] {
        datagram.source = source.parse().expect("an address");
        printer.begin(&Place { file: "", datagram: &datagram, time_ns });
        let packet = Packet::parse(&datagram.bytes).expect("a packet");
        printer.packet(&mut text, &packet, &datagram.bytes);
    }
    assert_eq!(
        text,
        "  0.000000      10.0.0.1:1 > 10.0.0.2:2      A2 hello
 -0.000002 192.168.100.100:65535 > 10.0.0.2:2      A2 hello
  0.000009            10.0.0.1:1 > 10.0.0.2:2      A2 hello
"
    );
}

#[test]
fn a_cut_file_is_printed_up_to_the_cut() {
    let file = pcap(&[ethernet(0), ethernet(0)]);
    let (lines, summary, errors) = dumped(&file[..file.len() - 1]);
    assert_eq!(lines.lines().count(), 1);
    assert!(summary.starts_with("1 packet,"));
    assert!(matches!(errors[..], [CaptureError::Cut { missing: 1, .. }]));
}

#[test]
fn all_that_came_is_shown_before_more_is_waited_for() {
    struct Live<'a> {
        chunks: Vec<&'a [u8]>,
        shown: &'a RefCell<Vec<u8>>,
        lines_at_read: &'a RefCell<Vec<usize>>,
    }
    impl Read for Live<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let lines = self.shown.borrow().iter().filter(|byte| **byte == b'\n').count();
            self.lines_at_read.borrow_mut().push(lines);
            let Some(chunk) = self.chunks.pop() else { return Ok(0) };
            buffer[..chunk.len()].copy_from_slice(chunk);
            Ok(chunk.len())
        }
    }
    struct Shared<'a>(&'a RefCell<Vec<u8>>);
    impl Write for Shared<'_> {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.borrow_mut().write(bytes)
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    // The first chunk ends with a foreign frame, the second in the middle of a record.
    let file = pcap(&[ethernet(0), ethernet(0), on_ethernet(b"another program"), ethernet(0)]);
    let third = pcap(&[ethernet(0), ethernet(0), on_ethernet(b"another program")]).len();
    let (shown, lines_at_read) = (RefCell::default(), RefCell::default());
    let chunks = vec![&file[third + 30..], &file[third..third + 30], &file[..third]];
    let live = Live { chunks, shown: &shown, lines_at_read: &lines_at_read };
    let (_, errors, written) = dump_to(vec![live], &Options::default(), &Output::new(Shared(&shown)));
    assert!(errors.is_empty() && written.is_ok());
    assert_eq!(*lines_at_read.borrow(), [0, 2, 2, 3]);
}

#[test]
fn a_reader_that_left_ends_the_dump_with_the_error_of_writing() {
    struct Left;
    impl Write for Left {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::BrokenPipe.into())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let many: Vec<_> = (0..1000).map(ethernet).collect();
    // Also when the file is cut: it does not matter any more.
    for (frames, cut) in [(&many[..1], 0), (&many[..2], 1), (&many[..], 0)] {
        let file = pcap(frames);
        let output = Output::new(Left);
        let (_, _, written) = dump_to(vec![&file[..file.len() - cut]], &Options::default(), &output);
        assert!(written.is_err_and(|error| error.kind() == io::ErrorKind::BrokenPipe));
    }
}

#[test]
fn captures_are_merged_by_time_and_each_keeps_its_own_order() {
    let at = |file: PcapFile, us: u32, sequence| file.record((1000, us), &ethernet(sequence), usize::MAX);
    let file = || PcapFile::new(Order::Little, PcapFile::US, LinkType::ETHERNET);
    // The clock of the second steps back; of equal times the first file's comes first.
    let first = at(at(at(file(), 10, 1), 40, 2), 50, 3).bytes;
    let second = at(at(at(file(), 20, 4), 5, 5), 40, 6).bytes;
    let (lines, summary, errors) = dumped_with(&[&first, &second], &Options::default());
    let told: Vec<_> =
        lines.lines().map(|line| (&line[..10], line.split_once("start ").map(|(_, s)| &s[15..16]))).collect();
    let expected = [
        ("0.000000", "1"),
        ("0.000010", "4"),
        ("-0.000005", "5"),
        ("0.000030", "2"),
        ("0.000030", "6"),
        ("0.000040", "3"),
    ];
    assert_eq!(
        told,
        expected
            .map(|(time, sequence)| (format!("{time:>10}"), Some(sequence)))
            .each_ref()
            .map(|(time, sequence)| (&time[..], *sequence))
    );
    assert!(summary.starts_with("6 packets, 0 malformed") && errors.is_empty());
}

#[test]
fn a_file_that_cannot_be_read_does_not_hide_the_others() {
    let whole = pcap(&[ethernet(0), ethernet(0)]);
    let (lines, _, errors) =
        dumped_with(&[&whole, b"no capture", &whole[..whole.len() - 1]], &Options::default());
    assert_eq!((lines.lines().count(), errors.len()), (3, 2));
}

#[test]
fn times_are_filtered_as_they_are_printed_whatever_else_is_left_out() {
    let file = pcap(&[ethernet(0), ethernet(0), ethernet(0), ethernet(0)]);
    let filter = Filter { since_ns: Some(1_000_000), until_ns: Some(3_000_000), ..Filter::default() };
    let (lines, summary, _) = dumped_with(&[&file], &Options { filter, ..Options::default() });
    assert_eq!(lines.lines().map(|line| &line[..10]).collect::<Vec<_>>(), ["  0.001000", "  0.002000"]);
    assert!(summary.starts_with("2 packets, 0 malformed, 2 more that the filters left out, "), "{summary}");
}

#[test]
fn what_is_malformed_is_shown_alone_or_with_all_packets() {
    let mut damaged = packet(2);
    damaged[45] ^= 1;
    let mut cut = on_ethernet(&[packet(0), packet(0)].concat());
    cut.truncate(42 + 60);
    let file = pcap(&[ethernet(0), on_ethernet(&damaged), cut]);
    let lines = |filter| dumped_with(&[&file], &Options { filter, ..Options::default() }).0.lines().count();
    assert_eq!(lines(Filter::default()), 4);
    assert_eq!(lines(Filter { malformed: true, ..Filter::default() }), 1);
    assert_eq!(lines(Filter { kinds: vec![crate::Kind::Hello], ..Filter::default() }), 2);
    assert_eq!(lines(Filter { kinds: vec![crate::Kind::Nack], ..Filter::default() }), 0);
}

#[test]
fn colours_are_asked_for_and_surround_the_same_text() {
    let file = pcap(&[ethernet(0), on_ethernet(&packet(3)[..12])]);
    let (plain, ..) = dumped(&file);
    let (coloured, ..) = dumped_with(&[&file], &Options { colour: true, ..Options::default() });
    assert!(!plain.contains('\u{1b}') && coloured.contains("\u{1b}[34mA2 hello\u{1b}[0m\n"), "{coloured:?}");
    let mut bare = String::new();
    let mut escape = false;
    for character in coloured.chars() {
        match (escape, character) {
            (_, '\u{1b}') => escape = true,
            (true, 'm') => escape = false,
            (true, _) => {}
            (false, character) => bare.push(character),
        }
    }
    assert_eq!(bare, plain);
}

#[test]
fn a_trace_shows_the_process_the_direction_and_what_was_refused() {
    use crate::capture::write::{self, Passage};
    let mut file = Vec::new();
    write::section(&mut file, "paxos 0.1.0");
    write::interface(&mut file, "A2", "acceptor 2", 0);
    let address = |text: &str| text.parse().expect("an address");
    let (from, to) = (address("127.0.0.1:5000"), address("239.0.0.1:7000"));
    let sent = Passage { time_ns: 1_000_000_000, from, to, direction: Direction::Out };
    let came = Passage { time_ns: 1_000_002_000, direction: Direction::In, ..sent };
    write::packet(&mut file, &sent, &packet(0), 0, "");
    write::packet(&mut file, &came, b"stranger", 0, "refused: \u{1B}[1m");
    write::packet(&mut file, &came, b"", 0, "refused: empty");
    write::packet(&mut file, &came, &packet(3), 28 + 44, "");
    let (lines, summary, errors) = dumped(&file);
    assert!(errors.is_empty());
    let length = packet(3).len();
    let place = |time, way| format!("  {time} A2 {way}  127.0.0.1:5000 > 239.0.0.1:7000 ");
    let expected = [
        place("0.000000", "out") + " A2 hello\n",
        place("0.000002", "in ") + " malformed: not ours: wrong magic  [refused: .[1m]\n",
        place("0.000002", "in ") + " malformed: too short: 0 of 40 bytes  [refused: empty]\n",
        place("0.000002", "in ")
            + &format!(" A2 hello in packet 3, truncated by the capture: 44 of {length} bytes\n"),
    ];
    assert_eq!(lines, expected.concat());
    assert_eq!(summary, "1 packet, 2 malformed, 0 foreign frames, 0 IP fragments, 1 truncated");
}

/// A trace of A2 with one packet in it, cut after so many bytes.
fn trace_of(packet: &[u8], bytes: usize, comment: &str) -> Vec<u8> {
    use crate::capture::write::{self, HEADERS, Passage};
    let address = |text: &str| text.parse().expect("an address");
    let (from, to) = (address("127.0.0.1:5000"), address("239.0.0.1:7000"));
    let passage = Passage { time_ns: 2_000_000_000, from, to, direction: Direction::In };
    let mut file = Vec::new();
    write::section(&mut file, "paxos 0.1.0");
    write::interface(&mut file, "A2", "acceptor 2", HEADERS + bytes);
    write::packet(&mut file, &passage, packet, HEADERS + bytes, comment);
    write::filler(&mut file, write::FILLER_MIN);
    file
}

fn example(kind: crate::Kind) -> Vec<u8> {
    let mut examples = crate::packet::tests::examples().into_iter();
    examples.find(|packet| packet[3] == kind as u8).expect("there is one")
}

#[test]
fn of_a_packet_that_a_trace_cut_the_filters_see_what_is_left_of_it() {
    let file = trace_of(&example(crate::Kind::Phase2a), 68, "");
    let told = |filter| dumped_with(&[&file], &Options { filter, ..Options::default() });
    let lines = |filter| told(filter).0.lines().count();
    let instances = |first| Filter { instances: Some(Instances { first, last: first }), ..Filter::default() };
    let from = |role| Filter { from: vec![SenderId { role, id: 1 }], ..Filter::default() };
    let ballot = |round| Filter { ballot: Some(BallotId { round, proposer: 1 }), ..Filter::default() };
    let kinds = |kind| Filter { kinds: vec![kind], ..Filter::default() };
    assert_eq!((lines(instances(7)), lines(instances(8))), (1, 0));
    assert_eq!((lines(from(crate::Role::Proposer)), lines(from(crate::Role::Learner))), (1, 0));
    assert_eq!((lines(ballot(3)), lines(ballot(2))), (1, 0));
    assert_eq!((lines(kinds(crate::Kind::Phase2a)), lines(kinds(crate::Kind::Phase2b))), (1, 0));
    assert_eq!(lines(Filter { clients: vec![1], ..Filter::default() }), 0, "values are not there");
    assert_eq!(lines(Filter { malformed: true, ..Filter::default() }), 0);
    let summary = told(instances(8)).1;
    assert!(summary.starts_with("0 packets, 0 malformed, 1 more that the filters left out, "), "{summary}");
}

#[test]
fn the_fields_of_a_cut_packet_are_shown_as_far_as_they_are_there() {
    let file = trace_of(&example(crate::Kind::Phase2a), 68, "said of it");
    let (lines, ..) = dumped_with(&[&file], &Options { depth: Depth::Fields, ..Options::default() });
    let lines: Vec<_> = lines.lines().collect();
    assert!(
        lines[0]
            .ends_with("  P1 2a 3.P1 i7 decided<5, truncated by the capture: 68 of 109 bytes  [said of it]"),
        "{lines:?}"
    );
    assert!(lines[1].starts_with("    header    version 5, kind 2a,") && lines[2].starts_with("    2a   "));
}

#[test]
fn lines_of_traces_and_of_other_captures_are_aligned_once_a_trace_was_seen() {
    let trace = trace_of(&packet(0), 1000, "");
    let (lines, ..) = dumped_with(&[&trace, &pcap(&[ethernet(0)])], &Options::default());
    let columns: Vec<_> = lines.lines().map(|line| line.find(" > ").expect("a destination")).collect();
    assert_eq!(columns.len(), 2);
    assert!(lines.starts_with("  0.000000 A2 in   127.0.0.1:5000 > "), "{lines}");
    assert!(columns[0] == columns[1], "{lines}");
}
