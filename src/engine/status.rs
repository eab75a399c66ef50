//! How this process is, told once a period: the engine's part, and when it is due.
//!
//! Nothing here is on the packet path but one comparison a turn, and a note of how long the disk took, which is a few
//! nanoseconds beside the disk.

use super::clock::nanos;
use super::stats::Stats;
use crate::conf::Conf;
use crate::limits::SYNC_US_MAX;
use crate::protocol::Nanos;
use hdrhistogram::Histogram;
use std::fs::File;
use std::os::unix::fs::FileExt;
use wire::ProcessStatus;
use wire::status::{NEVER, state};
use zerocopy::FromZeros;

/// What the engine knows of a process over time.
pub struct Reporter {
    /// `None`: nothing is ever told.
    period: Option<Nanos>,
    due: Nanos,
    /// What never changes.
    constant: ProcessStatus,
    /// Times of writes to the log since the last packet, µs.
    syncs: Histogram<u64>,
    /// How many there were since the start, and how long they took together.
    syncs_all: (u64, Nanos),
    /// Drops so far, and when the last ones were noticed.
    dropped: (u32, Option<Nanos>),
    output_bytes: u64,
    /// `/proc/self/statm`, where there is one.
    statm: Option<File>,
    page: u64,
}

impl Reporter {
    /// # Errors
    /// None that is known: the bounds of the histogram are right.
    pub fn new(conf: &Conf, durable: bool) -> Result<Reporter, String> {
        let [major, minor, patch] = version();
        let micros = |duration: std::time::Duration| u32::try_from(duration.as_micros()).unwrap_or(u32::MAX);
        let mut constant = ProcessStatus::new_zeroed();
        let period = conf.status.unwrap_or_default();
        constant.period_ms = u32::try_from(period.as_millis().max(1)).unwrap_or(u32::MAX).into();
        (constant.heartbeat_us, constant.suspect_us) =
            (micros(conf.heartbeat).into(), micros(conf.suspect).into());
        (constant.version_major, constant.version_minor) = (major.into(), minor.into());
        constant.version_patch = patch.into();
        constant.mark(state::DURABLE, durable);
        Ok(Reporter {
            period: conf.status.map(nanos),
            due: 0,
            constant,
            syncs: Histogram::new_with_max(SYNC_US_MAX, 2).map_err(|error| error.to_string())?,
            syncs_all: (0, 0),
            dropped: (0, None),
            output_bytes: 0,
            statm: File::open("/proc/self/statm").ok(),
            page: rustix::param::page_size() as u64,
        })
    }

    /// When the next packet is due.
    pub fn due(&self) -> Option<Nanos> {
        self.period.map(|_| self.due)
    }

    pub fn is_due(&self, now: Nanos) -> bool {
        self.due().is_some_and(|due| now >= due)
    }

    /// A write to the log took so long to be durable.
    pub fn synced(&mut self, took: Nanos) {
        self.syncs.saturating_record((took / 1000).max(1));
        self.syncs_all = (self.syncs_all.0 + 1, self.syncs_all.1 + took);
    }

    /// So many bytes of values were printed.
    pub fn printed(&mut self, bytes: usize) {
        self.output_bytes += bytes as u64;
    }

    /// The engine's part of the packet that is due; the next one is due a period later.
    pub fn report(&mut self, now: Nanos, stats: &Stats) -> ProcessStatus {
        self.due = now + self.period.unwrap_or(Nanos::MAX / 2);
        if stats.drops != self.dropped.0 {
            self.dropped = (stats.drops, Some(now));
        }
        let mut status = ProcessStatus::new_zeroed();
        status.clone_from(&self.constant);
        status.up_ms = (now / 1_000_000).into();
        status.mark(state::GSO, stats.gso);
        status.mark(state::GRO, stats.gro);
        (status.received, status.sent) = (stats.received.into(), stats.sent.into());
        (status.unsent, status.refusals) = (stats.unsent.into(), stats.refusals().into());
        (status.repeats, status.output_bytes) = (stats.repeats.into(), self.output_bytes.into());
        status.drops = stats.drops.into();
        let since = self.dropped.1.map(|at| (now - at) / 1_000_000_000);
        status.dropped_s = since.map_or(NEVER, |s| u32::try_from(s).unwrap_or(NEVER - 1)).into();
        let part = |quantile: f64| self.syncs.value_at_quantile(quantile) as u32;
        if !self.syncs.is_empty() {
            (status.sync_p50_us, status.sync_p99_us) = (part(0.5).into(), part(0.99).into());
            status.sync_max_us = (self.syncs.max() as u32).into();
            self.syncs.reset();
        }
        (status.syncs, status.sync_total_us) = (self.syncs_all.0.into(), (self.syncs_all.1 / 1000).into());
        status.memory = self.memory().into();
        status
    }

    /// Resident, bytes; 0 where the system does not tell.
    fn memory(&self) -> u64 {
        let mut text = [0; 128];
        let read = self.statm.as_ref().and_then(|file| file.read_at(&mut text, 0).ok()).unwrap_or(0);
        let resident =
            std::str::from_utf8(&text[..read]).ok().and_then(|text| text.split(' ').nth(1)?.parse().ok());
        resident.map_or(0, |pages: u64| pages * self.page)
    }
}

/// Of this program.
fn version() -> [u16; 3] {
    let [major, minor, patch] =
        [env!("CARGO_PKG_VERSION_MAJOR"), env!("CARGO_PKG_VERSION_MINOR"), env!("CARGO_PKG_VERSION_PATCH")];
    [major, minor, patch].map(|part| part.parse().unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    const S: Nanos = 1_000_000_000;

    fn reporter(line: &str) -> Reporter {
        let text =
            "clients 239.0.0.1 1\nproposers 239.0.0.1 2\nacceptors 239.0.0.1 3\nlearners 239.0.0.1 4\n";
        Reporter::new(&Conf::parse(&format!("{text}{line}"), "paxos.conf").unwrap(), true).unwrap()
    }

    #[test]
    fn a_status_is_due_at_the_start_and_a_period_after_each() {
        let mut reporter = reporter("status 2s");
        assert!(reporter.is_due(0));
        let status = reporter.report(5, &Stats::default());
        assert_eq!((status.period_ms.get(), status.suspect_us.get()), (2000, 5_000_000));
        assert!(!reporter.is_due(2 * S) && reporter.is_due(2 * S + 5));
        assert!(status.is(state::DURABLE) && !status.is(state::GSO));
        assert!(status.memory.get() > 100_000, "a process takes memory");
    }

    #[test]
    fn without_a_period_nothing_is_due() {
        assert_eq!(reporter("status off").due(), None);
    }

    #[test]
    fn times_of_the_disk_are_those_since_the_last_packet_and_their_number_is_of_all() {
        let mut reporter = reporter("");
        for us in 1..=100 {
            reporter.synced(us * 1000);
        }
        let status = reporter.report(S, &Stats::default());
        assert_eq!(
            (status.sync_p50_us.get(), status.sync_p99_us.get(), status.sync_max_us.get()),
            (50, 99, 100)
        );
        reporter.synced(7_000_000);
        let status = reporter.report(2 * S, &Stats::default());
        assert!((6_900..=7_100).contains(&status.sync_p50_us.get()), "{}", status.sync_p50_us);
        assert_eq!((status.syncs.get(), status.sync_total_us.get()), (101, 5050 + 7000));
        let status = reporter.report(3 * S, &Stats::default());
        assert_eq!((status.sync_max_us.get(), status.syncs.get()), (0, 101));
    }

    #[test]
    fn a_drop_is_told_with_how_long_ago_it_was() {
        let mut reporter = reporter("");
        let mut stats = Stats::default();
        assert_eq!(reporter.report(S, &stats).dropped_s.get(), NEVER);
        stats.drops = 3;
        assert_eq!(reporter.report(2 * S, &stats).dropped_s.get(), 0);
        let status = reporter.report(63 * S, &stats);
        assert_eq!((status.dropped_s.get(), status.drops.get()), (61, 3));
    }
}
