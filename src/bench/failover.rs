//! How long nothing is delivered when the leader dies, and when a lower id returns.
//!
//! At a fixed rate values are due all the time, so the longest time between two outputs of a learner is what its
//! user notices. The leader is killed again and again; whenever another leads and all that was due is printed,
//! the killed one is started again. If it has the lower id it takes the lead back as soon as it knows all that is
//! decided, which is a gap of its own kind. What the gaps are while nothing happens is measured as well: it is
//! what the machine does by itself.

use super::cluster::Pipes;
use super::latency::Latency;
use super::leader::{Seen, Watch};
use super::measure::Measure;
use super::reader::Reader;
use super::running::{CLOSE_GLANCE, Running, Whole};
use super::setting::Setting;
use crate::engine::clock;
use crate::protocol::Nanos;
use wire::{Ballot, Role};

/// How long it may take until somebody leads: a proposer reads the whole log first.
const PATIENCE: Nanos = 60_000_000_000;

/// Its multiples, less their whole parts, are spread evenly, however many they are.
const GOLDEN: f64 = 0.618_034;

/// The longest gaps of each kind of event, and what belongs to them.
struct Gaps {
    /// The leader was killed.
    killed: Latency,
    /// From a kill to another's campaign.
    campaign: Latency,
    /// A lower id took the lead back.
    returned: Latency,
    /// From the start of that one until it led.
    back: Latency,
    /// Nothing was done.
    quiet: Latency,
    /// How often somebody began to lead.
    changes: u64,
}

/// A run that is on.
struct Failover<'a, 'b> {
    running: &'b mut Running<'a>,
    watch: Watch,
    gaps: Gaps,
}

/// Kills the leader so often, at the rate of the setting.
///
/// # Errors
/// As [`Running::run`]; and when nobody takes the lead.
pub fn run(setting: &Setting, kills: u32) -> Result<Vec<Measure>, String> {
    let (gaps, whole) = Running::run(setting, |running| {
        let cluster = &running.cluster;
        let watch = Watch::open(cluster.group(Role::Proposer), running.clock, cluster.keys()?)?;
        running.go();
        Failover { running, watch, gaps: Gaps::new() }.drive(kills)
    })?;
    Ok(measures(&gaps, kills, &whole))
}

impl Failover<'_, '_> {
    fn drive(mut self, kills: u32) -> Result<Gaps, String> {
        self.leads(|_| true)?;
        for number in 1..=kills {
            self.settle(number)?;
            let killed = self.kill()?;
            self.start_again(killed)?;
            log::debug!(target: "paxos", "kill {number} of {kills}: proposer {}", killed.proposer());
        }
        self.running.stop();
        self.gaps.changes = self.watch.look()?.changes();
        Ok(self.gaps)
    }

    /// Lets the cluster be until every proposer knows that every other one lives, and somewhat longer.
    fn settle(&mut self, number: u32) -> Result<(), String> {
        let Setting { heartbeat, suspect, proposers, .. } = *self.running.setting;
        self.watch.look()?;
        let begin = self.running.clock.now();
        self.until("not every proposer says that it lives", |seen| {
            seen.heard_since(begin) == usize::from(proposers)
        })?;
        self.flows()?;
        self.take_gap();
        // The next kill may come at any moment between two heartbeats: these are spread evenly.
        let pause = suspect + heartbeat.mul_f64(f64::from(number) * GOLDEN % 1.0);
        self.running.sleep_until(self.running.clock.now() + clock::nanos(pause))?;
        self.flows()?;
        let gap = self.take_gap();
        self.gaps.quiet.record(gap, 1);
        Ok(())
    }

    /// Kills the leader and waits until another leads, and all that was due until then is printed. Returns the
    /// ballot that was led.
    fn kill(&mut self) -> Result<Ballot, String> {
        let killed = self.leading()?;
        let at = self.running.clock.now();
        self.running.cluster.kill(Role::Proposer, killed.proposer());
        self.leads(|ballot| ballot > killed)?;
        self.flows()?;
        let gap = self.take_gap();
        self.gaps.killed.record(gap, 1);
        self.gaps.campaign.record(self.watch.look()?.campaigned().saturating_sub(at), 1);
        Ok(killed)
    }

    /// Starts it again; where it must take the lead back, waits for that.
    fn start_again(&mut self, killed: Ballot) -> Result<(), String> {
        let at = self.running.clock.now();
        self.running.cluster.add(Role::Proposer, killed.proposer(), &mut Pipes::default())?;
        let present = self.leading()?;
        if killed.proposer() > present.proposer() {
            return Ok(());
        }
        self.leads(|ballot| ballot > present && ballot.proposer() == killed.proposer())?;
        self.gaps.back.record(self.running.clock.now() - at, 1);
        self.flows()?;
        let gap = self.take_gap();
        self.gaps.returned.record(gap, 1);
        Ok(())
    }

    fn leading(&mut self) -> Result<Ballot, String> {
        self.watch.look()?.leading().ok_or_else(|| "nobody leads".into())
    }

    fn leads(&mut self, right: impl Fn(Ballot) -> bool) -> Result<(), String> {
        self.until("nobody leads who should", |seen| seen.leading().is_some_and(&right))
    }

    fn until(&mut self, complaint: &str, done: impl Fn(&Seen) -> bool) -> Result<(), String> {
        let deadline = self.running.clock.now() + PATIENCE;
        while !done(self.watch.look()?) {
            self.running.check()?;
            if self.running.clock.now() > deadline {
                return Err(format!("{complaint}, for {} s", PATIENCE / 1_000_000_000));
            }
            std::thread::sleep(CLOSE_GLANCE);
        }
        Ok(())
    }

    /// Waits until every learner has printed what is due by now.
    fn flows(&mut self) -> Result<(), String> {
        let due = self.running.shared.times.due_by(self.running.clock.now());
        self.running.wait(CLOSE_GLANCE, |running| running.printed() >= due)
    }

    /// The longest gap at a learner since this was asked last.
    fn take_gap(&self) -> Nanos {
        self.running.readers.iter().map(Reader::take_gap).max().unwrap_or(0)
    }
}

impl Gaps {
    fn new() -> Gaps {
        let [killed, campaign, returned, back, quiet] = std::array::from_fn(|_| Latency::new());
        Gaps { killed, campaign, returned, back, quiet, changes: 0 }
    }

    /// Changes of the lead that nothing was done for: the machine may have let a leader sleep for too long.
    fn unasked(&self) -> u64 {
        self.changes.saturating_sub(1 + self.killed.count() + self.returned.count())
    }
}

fn measures(gaps: &Gaps, kills: u32, whole: &Whole) -> Vec<Measure> {
    let ms = |latency: &Latency, part| latency.quantile_us(part) / 1e3;
    let Gaps { killed, campaign, returned, back, quiet, .. } = gaps;
    vec![
        Measure::new("kill_gap_p50_ms", "gap after a kill, p50, ms", ms(killed, 0.5)),
        Measure::new("kill_gap_p99_ms", "gap after a kill, p99, ms", ms(killed, 0.99)),
        Measure::new("kill_gap_max_ms", "gap after a kill, max, ms", ms(killed, 1.0)),
        Measure::new("campaign_p50_ms", "kill to another's campaign, p50, ms", ms(campaign, 0.5)),
        Measure::new("campaign_max_ms", "kill to another's campaign, max, ms", ms(campaign, 1.0)),
        Measure::new("return_gap_p50_ms", "gap when a lower id leads again, p50, ms", ms(returned, 0.5)),
        Measure::new("return_gap_p99_ms", "gap when a lower id leads again, p99, ms", ms(returned, 0.99)),
        Measure::new("return_gap_max_ms", "gap when a lower id leads again, max, ms", ms(returned, 1.0)),
        Measure::new("return_p50_ms", "start to leading again, p50, ms", ms(back, 0.5)),
        Measure::new("return_max_ms", "start to leading again, max, ms", ms(back, 1.0)),
        Measure::new("quiet_gap_p99_ms", "gap while nothing is done, p99, ms", ms(quiet, 0.99)),
        Measure::new("quiet_gap_max_ms", "gap while nothing is done, max, ms", ms(quiet, 1.0)),
        Measure::new("kills", "kills of the leader", f64::from(kills)),
        Measure::new("returns", "returns of a lower id", returned.count() as f64),
        Measure::new("unasked_changes", "other changes of the leader", gaps.unasked() as f64),
        Measure::new("values", "values in all", whole.values as f64),
    ]
}
