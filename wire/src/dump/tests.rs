//! What the user sees.

use super::*;
use crate::capture::samples::{ethernet, frame, packet, pcap, udp};
use crate::capture::{Error as CaptureError, LinkType};

/// The lines, the summary, and how it ended.
fn dumped(input: impl Read) -> (String, String, Result<(), Error>) {
    let mut output = Vec::new();
    let (summary, result) = dump(input, &mut output);
    (String::from_utf8(output).expect("lines are text"), summary.to_string(), result)
}

fn on_ethernet(payload: &[u8]) -> Vec<u8> {
    frame(LinkType::ETHERNET, &udp(payload))
}

#[test]
fn a_packet_is_a_line_and_the_rest_is_counted() {
    let mut damaged = packet(2);
    damaged[50] ^= 1;
    let file = pcap(&[
        on_ethernet(b"another program"),
        ethernet(0),
        on_ethernet(&damaged),
        on_ethernet(&packet(3)[..12]),
        on_ethernet(&[packet(0), packet(0), packet(0)[..50].to_vec()].concat()),
    ]);
    let (lines, summary, result) = dumped(&file[..]);
    assert!(result.is_ok());
    assert_eq!(
        lines,
        "  0.000000  127.0.0.1:5000 > 239.0.0.1:7000  A2 hello
  0.001000  127.0.0.1:5000 > 239.0.0.1:7000  malformed: tag does not match: damaged or forged
  0.002000  127.0.0.1:5000 > 239.0.0.1:7000  malformed: too short: 12 of 40 bytes
  0.003000  127.0.0.1:5000 > 239.0.0.1:7000  A2 hello
  0.003000  127.0.0.1:5000 > 239.0.0.1:7000  A2 hello
  0.003000  127.0.0.1:5000 > 239.0.0.1:7000  malformed: says 56 bytes, has 50
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
  0.000000  127.0.0.1:5000 > 239.0.0.1:7000  truncated by the capture: 60 of 112 bytes
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
    assert!(lines.ends_with("  first of several IP fragments: 56 of 3000 bytes\n"), "{lines}");
    assert!(summary.contains("1 IP fragment, 0 truncated (fragments are not reassembled"), "{summary}");
}

#[test]
fn columns_grow_to_the_widest_address_and_times_may_run_backwards() {
    let mut lines = Lines::default();
    let mut output = Vec::new();
    let mut datagram = Datagram {
        time_ns: 5_000_000_000,
        source: "10.0.0.1:1".parse().expect("an address"),
        destination: "10.0.0.2:2".parse().expect("an address"),
        bytes: packet(0),
        truncated: None,
        note: Note::default(),
    };
    let mut summary = Summary::default();
    lines.print(&mut output, &datagram, &mut summary).expect("a vector takes it");
    (datagram.time_ns, datagram.source) =
        (4_999_998_000, "192.168.100.100:65535".parse().expect("an address"));
    lines.print(&mut output, &datagram, &mut summary).expect("a vector takes it");
    (datagram.time_ns, datagram.source) = (1_234_567_891_234, "10.0.0.1:1".parse().expect("an address"));
    lines.print(&mut output, &datagram, &mut summary).expect("a vector takes it");
    assert_eq!(
        String::from_utf8(output).expect("lines are text"),
        "  0.000000      10.0.0.1:1 > 10.0.0.2:2      A2 hello
 -0.000002 192.168.100.100:65535 > 10.0.0.2:2      A2 hello
1229.567891            10.0.0.1:1 > 10.0.0.2:2      A2 hello
"
    );
}

#[test]
fn a_cut_file_is_printed_up_to_the_cut() {
    let file = pcap(&[ethernet(0), ethernet(0)]);
    let (lines, summary, result) = dumped(&file[..file.len() - 1]);
    assert_eq!(lines.lines().count(), 1);
    assert!(summary.starts_with("1 packet,"));
    assert!(matches!(result, Err(Error::Read(CaptureError::Cut { missing: 1, .. }))));
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
    let (_, result) = dump(live, Shared(&shown));
    assert!(result.is_ok());
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
        let (_, result) = dump(&file[..file.len() - cut], Left);
        assert!(matches!(result, Err(Error::Write(error)) if error.kind() == io::ErrorKind::BrokenPipe));
    }
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
    let (lines, summary, result) = dumped(&file[..]);
    assert!(result.is_ok());
    let length = packet(3).len();
    let place = |time, way| format!("  {time} A2 {way}  127.0.0.1:5000 > 239.0.0.1:7000 ");
    let expected = [
        place("0.000000", "out") + " A2 hello\n",
        place("0.000002", "in ") + " malformed: not ours: wrong magic  [refused: .[1m]\n",
        place("0.000002", "in ") + " malformed: empty  [refused: empty]\n",
        place("0.000002", "in ")
            + &format!(" A2 hello in packet 3, truncated by the capture: 44 of {length} bytes\n"),
    ];
    assert_eq!(lines, expected.concat());
    assert_eq!(summary, "1 packet, 2 malformed, 0 foreign frames, 0 IP fragments, 1 truncated");
}
