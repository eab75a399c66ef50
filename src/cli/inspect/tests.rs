use super::*;
use crate::engine::files::Files;
use crate::engine::scratch::Scratch;
use crate::journal::{Frame, Journal, Owner, Recall};
use std::fs;
use wire::{Ballot, Batch};

struct Nothing;

impl Recall for Nothing {
    fn recall(&mut self, _: Record<'_>) {}
    fn forget(&mut self) {}
}

/// A log of a promise, three accepted instances and a mark.
fn log(scratch: &Scratch) -> Journal<Files> {
    let files = Files::open(&scratch.0, 8192, "acceptor 1").unwrap();
    let owner = Owner { cluster: 0xabc, acceptor: 1 };
    let (mut journal, _) = Journal::open(files, owner, 0xe1, &mut Nothing).unwrap();
    let ballot = Ballot::new(3, 1, 9);
    for instance in 0..4 {
        let mut frame = Frame::with_capacity(0);
        match instance {
            0 => frame.promised(ballot),
            _ => frame.accepted(instance, ballot, false, Batch::NOOP),
        }
        journal.commit(&mut frame).unwrap();
    }
    journal
}

fn says(verdict: Result<ExitCode, OpenError>, out: &[u8]) -> (bool, String) {
    let clean = verdict.expect("readable") == ExitCode::SUCCESS;
    (clean, String::from_utf8(out.to_vec()).expect("text"))
}

fn verified(scratch: &Scratch) -> (bool, String) {
    let mut out = Vec::new();
    let verdict = verify(&scratch.0, &mut out);
    says(verdict, &out)
}

/// Changes a byte of the first segment.
fn flip(scratch: &Scratch, offset: usize) {
    let path = scratch.0.join("00000001.log");
    let mut bytes = fs::read(&path).unwrap();
    bytes[offset] ^= 1;
    fs::write(&path, bytes).unwrap();
}

#[test]
fn a_log_in_use_is_verified_without_its_lock() {
    let scratch = Scratch::new();
    let _journal = log(&scratch);
    let summary = "acceptor 1 of cluster 00000abc: 4 records in 1 segment, 0.0 MiB, 4 frames; clean\n";
    assert_eq!(verified(&scratch), (true, summary.to_string()));
}

#[test]
fn damage_and_a_torn_tail_are_a_line_each_with_their_place() {
    let scratch = Scratch::new();
    drop(log(&scratch));
    flip(&scratch, 512 + 300);
    flip(&scratch, 5 * 512 + 7);
    let (clean, text) = verified(&scratch);
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(
        lines[..2],
        [
            "segment 1, byte 512: damaged: padding; no record is touched",
            "segment 1, byte 2560: torn tail: 8 bytes behind the end that are no whole frame; nothing was \
             answered that depends on them",
        ]
    );
    let verdict = "0 damaged (0 of them repaired), 1 torn tail, 1 without harm; the acceptor can start";
    assert!(!clean && lines[2].ends_with(verdict), "{text}");
}

#[test]
fn a_loss_is_told_with_what_it_means() {
    let scratch = Scratch::new();
    drop(log(&scratch));
    flip(&scratch, 2 * 512 + 9);
    let (clean, text) = verified(&scratch);
    assert!(
        !clean && text.starts_with("segment 1, byte 1024: lost: frame 2 was written whole, and is damaged\n")
    );
    assert!(text.ends_with("the acceptor would start without memory\n"), "{text}");
}

#[test]
fn a_dump_has_a_line_for_each_record_from_an_instance_on() {
    let scratch = Scratch::new();
    drop(log(&scratch));
    let mut out = Vec::new();
    let verdict = dump(&scratch.0, 2, &mut out);
    let expected = "1:576      promised 3.P1\n\
                    1:1600     accepted i2 of 3.P1: no-op\n\
                    1:2112     accepted i3 of 3.P1: no-op\n";
    assert_eq!(says(verdict, &out), (true, expected.to_string()));
}

#[test]
fn a_closed_pipe_ends_a_dump_early() {
    struct Closed;
    impl Write for Closed {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(ErrorKind::BrokenPipe.into())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let scratch = Scratch::new();
    drop(log(&scratch));
    let error = dump(&scratch.0, 0, &mut Closed).unwrap_err();
    assert!(matches!(error, OpenError::Io(error) if error.kind() == ErrorKind::BrokenPipe));
}

#[test]
fn a_directory_without_a_log_is_named() {
    let scratch = Scratch::new();
    for dir in [scratch.0.clone(), scratch.0.join("nowhere")] {
        let error = run(&Command::Verify { dir: dir.clone() }).unwrap_err();
        assert!(error.starts_with(&format!("{}: there is no log here", dir.display())), "{error}");
    }
}
