//! What a trace holds, read back as `wire dump` reads it.

use super::*;
use crate::engine::scratch::Scratch;
use std::fs::{self, File};
use std::path::Path;
use wire::Role;
use wire::capture::{Capture, Datagram};

const ME: Sender = Sender { role: Role::Acceptor, id: 2, incarnation: 7 };

fn addresses() -> (SocketAddrV4, SocketAddrV4) {
    let address = |text: &str| text.parse().expect("an address");
    (address("127.0.0.1:5000"), address("239.0.0.1:7000"))
}

fn options(path: &Path) -> Options {
    Options { path: path.into(), bytes_max: 64 << 20, snap: 0 }
}

/// Bytes that begin as a packet of ours, with a number.
fn bytes(number: usize, length: usize) -> Vec<u8> {
    let mut bytes = format!("PX{number}").into_bytes();
    bytes.resize(length, b' ');
    bytes
}

fn read(path: &Path) -> Vec<Datagram> {
    let file = File::open(path).expect("it was written");
    Capture::new(file).map(|next| next.expect("it is whole")).collect()
}

fn number(datagram: &Datagram) -> usize {
    let text = std::str::from_utf8(&datagram.bytes[2..]).expect("text");
    text.trim().parse().expect("a number")
}

#[test]
fn what_passed_is_there_in_order_with_times_that_never_fall() {
    let scratch = Scratch::new();
    let path = scratch.0.join("a2.pcapng");
    let (from, to) = addresses();
    let mut trace = Trace::open(&options(&path), ME).expect("it can be written");
    for number in 0..5000 {
        trace.clock();
        trace.received(from, to, &bytes(number, 300), None);
    }
    trace.sent(from, to, [bytes(5000, 50), bytes(5001, 50)].iter(), Some(&"no route"));
    trace.received(from, to, b"stranger", Some(&"not ours"));
    trace.dropped(3, to);
    trace.received(from, to, &bytes(5002, 50), None);
    assert_eq!(trace.counts(), Counts { traced: 5004, left_out: 0 });
    drop(trace);
    let read = read(&path);
    assert_eq!(read.len(), 5004);
    assert!(read[..5002].iter().map(number).eq(0..5002));
    assert!(read.is_sorted_by_key(|datagram| datagram.time_ns));
    let comment = |at: usize| read[at].note.comment.as_deref();
    assert_eq!(
        (comment(4999), comment(5001), comment(5002)),
        (None, Some("not sent: no route"), Some("refused: not ours"))
    );
    assert!(
        comment(5003)
            .is_some_and(|text| text.starts_with("the kernel dropped 3 datagrams at 239.0.0.1:7000"))
    );
    assert!(read.iter().all(|datagram| datagram.note.process.as_deref() == Some("A2")));
    assert_eq!(read[5000].note.direction, Some(Direction::Out));
}

#[test]
fn a_long_trace_is_two_files_that_can_each_be_read_and_the_newest_half_is_always_there() {
    let scratch = Scratch::new();
    let path = scratch.0.join("a2.pcapng");
    fs::write(&path, "of another life").expect("it can be written");
    let (from, to) = addresses();
    let limit = 8 * TRACE_BLOCK_MIN;
    let mut trace =
        Trace::open(&Options { bytes_max: limit, ..options(&path) }, ME).expect("it can be written");
    let former = scratch.0.join("a2.pcapng.1");
    assert_eq!(fs::read(&former).expect("it was kept"), b"of another life");
    for number in 0..20_000 {
        trace.received(from, to, &bytes(number, 1000), None);
        if number % 1000 == 0 {
            trace.blocks.wait_until_written(Instant::now() + END_WAIT);
        }
    }
    drop(trace);
    let numbers: Vec<usize> = read(&former).iter().chain(&read(&path)).map(number).collect();
    assert!(numbers.is_sorted() && numbers.last() == Some(&19_999));
    assert!(numbers.len() * 1000 > limit / 4 && numbers.windows(2).all(|pair| pair[1] == pair[0] + 1));
    let length = |path: &Path| fs::metadata(path).expect("it is there").len() as usize;
    assert!(length(&path) <= limit / 2 && length(&former) <= limit / 2);
}

#[test]
fn large_and_small_blocks_follow_each_other_in_a_file_without_a_gap() {
    let scratch = Scratch::new();
    let path = scratch.0.join("a2.pcapng");
    let (from, to) = addresses();
    let mut trace = Trace::open(&options(&path), ME).expect("it can be written");
    let mut sent = 0;
    for count in [1, 300, 7, 1, 1000, 60, 2000, 1] {
        for _ in 0..count {
            trace.received(from, to, &bytes(sent, 1003), None);
            sent += 1;
        }
        trace.hand_over();
        trace.blocks.wait_until_written(Instant::now() + END_WAIT);
        assert!(read(&path).iter().map(number).eq(0..sent), "what was handed over is there, in order");
    }
}

#[test]
fn long_packets_are_cut_when_asked_for_and_short_ones_are_not() {
    let scratch = Scratch::new();
    let path = scratch.0.join("a2.pcapng");
    let (from, to) = addresses();
    let mut trace =
        Trace::open(&Options { snap: SNAP_MIN, ..options(&path) }, ME).expect("it can be written");
    trace.received(from, to, &bytes(1, SHORT), None);
    trace.received(from, to, &bytes(2, SHORT + 1), None);
    drop(trace);
    let read = read(&path);
    assert_eq!((read[0].bytes.len(), read[0].truncated), (SHORT, None));
    assert_eq!((read[1].bytes.len(), read[1].truncated.is_some()), (SNAP_MIN - HEADERS, true));
}

#[test]
fn who_follows_a_trace_sees_a_lone_packet_soon() {
    let scratch = Scratch::new();
    let path = scratch.0.join("a2.pcapng");
    let (from, to) = addresses();
    let mut trace = Trace::open(&options(&path), ME).expect("it can be written");
    trace.received(from, to, &bytes(1, 100), None);
    while let Some(wait) = trace.turn() {
        assert!(wait <= TRACE_FLUSH);
        std::thread::sleep(Duration::from_nanos(wait));
    }
    trace.blocks.wait_until_written(Instant::now() + END_WAIT);
    assert_eq!(read(&path).len(), 1);
}

#[test]
fn what_the_disk_does_not_keep_up_with_is_left_out_and_counted() {
    let scratch = Scratch::new();
    let path = scratch.0.join("pipe");
    let made = std::process::Command::new("mkfifo").arg(&path).status().expect("mkfifo is there");
    assert!(made.success());
    // A reader that does not read, until it is told to.
    let (go, wait) = std::sync::mpsc::channel::<()>();
    let reader = std::thread::spawn({
        let path = path.clone();
        move || {
            let mut pipe = File::open(path).expect("it is there");
            wait.recv().expect("the test goes on");
            let mut bytes = Vec::new();
            std::io::Read::read_to_end(&mut pipe, &mut bytes).expect("a pipe can be read");
            bytes
        }
    });
    let (from, to) = addresses();
    let mut trace = Trace::open(&options(&path), ME).expect("it can be written");
    let all = crate::limits::TRACE_MEMORY / 1000 + 1000;
    for number in 0..all {
        trace.received(from, to, &bytes(number, 1000), None);
    }
    let left_out = trace.counts().left_out;
    assert!(left_out > 0);
    go.send(()).expect("the reader waits");
    trace.blocks.wait_until_written(Instant::now() + END_WAIT);
    trace.received(from, to, &bytes(all, 1000), None);
    drop(trace);
    let bytes = reader.join().expect("it read");
    let read: Vec<Datagram> = Capture::new(&bytes[..]).map(Result::unwrap).collect();
    assert_eq!(read.len() as u64 + left_out, all as u64 + 1);
    let last = read.last().expect("the last one");
    let comment = last.note.comment.as_deref().expect("it says what is missing before it");
    assert!(comment.starts_with(&format!("{left_out} packets are left out here")), "{comment}");
}

#[test]
fn a_full_disk_ends_the_trace_and_nothing_else() {
    let (from, to) = addresses();
    let mut trace = Trace::open(&options(Path::new("/dev/full")), ME).expect("it can be opened");
    for number in 0..50_000 {
        trace.received(from, to, &bytes(number, 1000), None);
    }
    trace.blocks.wait_until_written(Instant::now() + END_WAIT);
    assert!(trace.blocks.over());
}

#[test]
fn two_processes_do_not_write_one_file() {
    let scratch = Scratch::new();
    let path = scratch.0.join("a2.pcapng");
    let _first = Trace::open(&options(&path), ME).expect("it can be written");
    let refused = Trace::open(&options(&path), ME).err().expect("it is taken");
    assert!(refused.contains("another process writes it"), "{refused}");
    let nowhere = scratch.0.join("nowhere/a2.pcapng");
    let refused = Trace::open(&options(&nowhere), ME).err().expect("there is no such directory");
    assert!(refused.contains("nowhere/a2.pcapng: No such file"), "{refused}");
}
