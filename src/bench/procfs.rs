//! What the kernel accounts to a process.

use std::fs;
use std::path::Path;

/// CPU time of all threads of a process so far, nanoseconds. Threads that have ended do not count, and what
/// cannot be read is 0.
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

    #[test]
    fn this_process_uses_cpu_and_memory() {
        // Other tests' threads come and go, so what grows for sure is the time of this one.
        let own = || schedstat(Path::new("/proc/thread-self/schedstat"));
        let before = own();
        let mut sum = 0_u64;
        for number in 0..5_000_000_u64 {
            sum = std::hint::black_box(sum ^ number);
        }
        assert!(own() > before, "{sum}");
        let pid = std::process::id();
        assert!(cpu_ns(pid) > 0 && peak_memory_kib(pid) > 100);
        assert_eq!((cpu_ns(u32::MAX), peak_memory_kib(u32::MAX)), (0, 0));
    }
}
