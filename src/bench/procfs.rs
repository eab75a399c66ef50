//! What the kernel accounts to a process.

use std::fs;
use std::path::Path;

/// CPU time of all threads of a process so far, nanoseconds. Threads that have ended do not count, and what
/// cannot be read is 0. Of a thread that runs just now up to one tick of the kernel's clock is not in it yet.
pub fn cpu_ns(pid: u32) -> u64 {
    let Ok(threads) = fs::read_dir(format!("/proc/{pid}/task")) else { return 0 };
    threads.flatten().map(|thread| schedstat(&thread.path().join("schedstat"))).sum()
}

/// The first number of schedstat is the time on a CPU.
fn schedstat(path: &Path) -> u64 {
    let text = fs::read_to_string(path).unwrap_or_default();
    text.split_whitespace().next().and_then(|first| first.parse().ok()).unwrap_or(0)
}

/// The most memory that a process has had resident, KiB; 0 when it cannot be read.
pub fn peak_memory_kib(pid: u32) -> u64 {
    let text = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::{Duration, Instant};

    #[test]
    fn this_process_uses_cpu_and_memory() {
        // Other tests' threads come and go, so what grows for sure is the time of this one.
        let own = || schedstat(Path::new("/proc/thread-self/schedstat"));
        let (before, begin) = (own(), Instant::now());
        // What a thread that runs has used is added at the next tick.
        while own() == before {
            assert!(begin.elapsed() < Duration::from_secs(20), "the time on a CPU does not grow");
        }
        let pid = std::process::id();
        assert!(cpu_ns(pid) > 0 && peak_memory_kib(pid) > 100);
        assert_eq!((cpu_ns(u32::MAX), peak_memory_kib(u32::MAX)), (0, 0));
    }
}
