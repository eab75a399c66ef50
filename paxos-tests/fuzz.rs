//! What fuzzing found, again: every file of `wire/fuzz/seeds/` goes through the same function that libFuzzer
//! drives, and so do bytes of a generator with a fixed seed. How to fuzz on: see `README.md` beside this file.
//!
//! `PAXOS_FUZZ=FILE cargo test --test fuzz roles` runs one file through one of the functions, nothing else.

#[path = "../wire/fuzz/src/lib.rs"]
mod bodies;

use paxos::protocol::random::Random;
use std::fs;
use std::path::{Path, PathBuf};

/// What is tried, and what it is called when it fails.
struct Case {
    name: String,
    bytes: Vec<u8>,
}

/// Says which bytes it was, when a body panics, and keeps them.
impl Drop for Case {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let test = std::thread::current().name().unwrap_or_default().to_owned();
            let kept = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("fuzz-{test}"));
            let _ = fs::write(&kept, &self.bytes);
            eprintln!("\n{}, {} bytes. To see it again:", self.name, self.bytes.len());
            eprintln!("PAXOS_FUZZ={} cargo test --test fuzz {test} -- --exact", kept.display());
        }
    }
}

fn run(name: String, bytes: Vec<u8>, body: fn(&[u8])) {
    let case = Case { name, bytes };
    body(&case.bytes);
}

fn seeds(target: &str) -> Vec<(PathBuf, Vec<u8>)> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("wire/fuzz/seeds").join(target);
    let read = |path: PathBuf| {
        let bytes = fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        (path, bytes)
    };
    let entries = fs::read_dir(&directory).unwrap_or_else(|error| panic!("{}: {error}", directory.display()));
    let mut paths: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    paths.sort();
    paths.into_iter().map(read).collect()
}

/// All seeds, then so many cases made of them and of chance.
fn replay(target: &str, smoke: u64, body: fn(&[u8])) {
    if let Ok(path) = std::env::var("PAXOS_FUZZ") {
        let bytes = fs::read(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
        return run(path, bytes, body);
    }
    let seeds = seeds(target);
    assert!(!seeds.is_empty(), "no seeds of {target}");
    for (path, bytes) in &seeds {
        run(path.display().to_string(), bytes.clone(), body);
    }
    let mut random = Random::new(0x5EED);
    for number in 0..smoke {
        let bytes = make(&mut random, &seeds);
        run(format!("case {number} of {target}"), bytes, body);
    }
}

/// A seed with changes, two in one, or bytes of chance alone.
fn make(random: &mut Random, seeds: &[(PathBuf, Vec<u8>)]) -> Vec<u8> {
    let mut below = |bound: usize| (random.draw() >> 8) as usize % bound.max(1);
    let mut bytes = seeds[below(seeds.len())].1.clone();
    match below(4) {
        0 => {
            let length = if below(64) == 0 { 65_536 } else { below(600) };
            bytes = (0..length).map(|_| below(256) as u8).collect();
        }
        1 => {
            let other = &seeds[below(seeds.len())].1;
            bytes.truncate(below(bytes.len() + 1));
            bytes.extend_from_slice(&other[below(other.len() + 1)..]);
        }
        _ => {
            for _ in 0..=below(6) {
                let at = below(bytes.len());
                if let Some(byte) = bytes.get_mut(at) {
                    *byte = if below(2) == 0 { *byte ^ 1 << below(8) } else { below(256) as u8 };
                }
            }
        }
    }
    bytes
}

#[test]
fn packet() {
    replay("packet", 20_000, bodies::packet);
}

#[test]
fn capture() {
    replay("capture", 500, bodies::capture);
}

#[test]
fn trace() {
    replay("trace", 500, bodies::trace);
}

#[test]
fn conf() {
    replay("conf", 5_000, bodies::conf);
}

#[test]
fn journal() {
    replay("journal", 2_000, bodies::journal);
}

#[test]
fn roles() {
    replay("roles", 300, bodies::roles);
}

#[test]
fn sealed() {
    replay("sealed", 20_000, bodies::sealed);
}
