//! Writing blocks one after the other and making each durable, as an acceptor's log does: `pwrite` and
//! `fdatasync` into files whose space is there and zeroed.

use crate::bench::interrupt;
use crate::bench::measure::Measure;
use rustix::io::Errno;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

/// Bytes of each writer's file, which is written round and round.
const FILE: usize = 64 << 20;
/// Writers at most.
const WRITERS: usize = 3;

/// One way of writing, with the names of what is measured.
pub struct Kind {
    pub writers: usize,
    /// Bytes.
    pub block: usize,
    pub mb_per_s: (&'static str, &'static str),
    pub syncs_per_s: (&'static str, &'static str),
}

macro_rules! kind {
    ($writers:literal, $block:expr, $short:literal, $size:literal) => {
        Kind {
            writers: $writers,
            block: $block,
            mb_per_s: (
                concat!("raw_disk_", $writers, "x", $short, "_mb_per_s"),
                concat!("raw disk, writers × block: ", $writers, " × ", $size, ", MB/s"),
            ),
            syncs_per_s: (
                concat!("raw_disk_", $writers, "x", $short, "_syncs_per_s"),
                concat!("raw disk, ", $writers, " × ", $size, ", syncs/s"),
            ),
        }
    };
}

pub const MEASURED: [Kind; 6] = [
    kind!(1, 4 << 10, "4kib", "4 KiB"),
    kind!(1, 64 << 10, "64kib", "64 KiB"),
    kind!(1, 1 << 20, "1mib", "1 MiB"),
    kind!(3, 4 << 10, "4kib", "4 KiB"),
    kind!(3, 64 << 10, "64kib", "64 KiB"),
    kind!(3, 1 << 20, "1mib", "1 MiB"),
];

/// Measures each kind for so long. What several writers do is told as a sum.
///
/// # Errors
/// A sentence about what the disk refused.
pub fn measure(directory: &Path, time: Duration) -> Result<Vec<Measure>, String> {
    let refused = |error: io::Error| format!("{}: {error}", directory.display());
    let make = |number| prepare(&directory.join(format!("writer-{number}")));
    let files: Vec<File> = (0..WRITERS).map(make).collect::<Result<_, _>>().map_err(refused)?;
    let mut measures = Vec::new();
    for kind in &MEASURED {
        interrupt::check()?;
        let begin = Instant::now();
        let syncs: io::Result<Vec<u64>> = thread::scope(|scope| {
            let start = |file| scope.spawn(move || write(file, kind.block, time));
            let writers: Vec<_> = files[..kind.writers].iter().map(start).collect();
            writers.into_iter().map(|writer| writer.join().expect("a writer does not panic")).collect()
        });
        let syncs: u64 = syncs.map_err(refused)?.iter().sum();
        let per_s = syncs as f64 / begin.elapsed().as_secs_f64();
        measures.push(Measure::new(kind.mb_per_s.0, kind.mb_per_s.1, per_s * kind.block as f64 / 1e6));
        measures.push(Measure::new(kind.syncs_per_s.0, kind.syncs_per_s.1, per_s));
    }
    Ok(measures)
}

/// A file that is all there: written once, so that no later write changes more than data.
fn prepare(path: &Path) -> io::Result<File> {
    let mut file = OpenOptions::new().write(true).create_new(true).open(path)?;
    match rustix::fs::fallocate(&file, rustix::fs::FallocateFlags::empty(), 0, FILE as u64) {
        Ok(()) | Err(Errno::OPNOTSUPP | Errno::NOSYS) => {}
        Err(error) => return Err(error.into()),
    }
    let zeros = vec![0; 1 << 20];
    for _ in 0..FILE / zeros.len() {
        file.write_all(&zeros)?;
    }
    file.sync_all()?;
    Ok(file)
}

/// Writes and syncs for so long; returns how often.
fn write(file: &File, block: usize, time: Duration) -> io::Result<u64> {
    let bytes = vec![0x5a; block];
    let (begin, mut syncs) = (Instant::now(), 0);
    while begin.elapsed() < time {
        let at = (syncs * block as u64) % FILE as u64;
        file.write_all_at(&bytes, at)?;
        file.sync_data()?;
        syncs += 1;
    }
    Ok(syncs)
}
