//! `paxos bench`: how fast a cluster is on this machine.

use crate::bench::lan::{Lan, Link};
use crate::bench::lines::{CLIENTS_MAX, VALUE_MIN};
use crate::bench::raw::{Effort, rounds};
use crate::bench::session::{Session, Stopped};
use crate::bench::setting::{Amount, Seal, Setting};
use crate::bench::table::number;
use crate::bench::{catch_up, failover, interrupt, link, namespace};
use crate::conf;
use crate::limits::{ACCEPTORS_MAX, PEERS_MAX, VALUE_MAX};
use clap::{Args, Subcommand, value_parser};
use std::net::SocketAddrV4;
use std::path::PathBuf;
use std::process::ExitCode;
use std::rc::Rc;
use std::time::Duration;

/// What to measure.
#[derive(Args, Debug)]
#[command(args_conflicts_with_subcommands = true)]
pub struct BenchArgs {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    shape: ShapeArgs,
    #[command(flatten)]
    load: LoadArgs,
}

#[derive(Subcommand, Debug)]
enum Command {
    /// Measures what the machine could do without a protocol: multicast on loopback, three hops from process to
    /// process, durable writes.
    Raw(ShapeArgs),
    /// Measures how long nothing is delivered when the leader is killed, and when a lower id takes the lead back.
    #[command(mut_arg("runs", |runs| runs.default_value("1")))]
    Failover(FailoverArgs),
    /// Measures how fast a learner catches up that is started again far behind, and what that costs the others.
    CatchUp(CatchUpArgs),
    /// Measures what share of a link the values reach, each process on a host of its own: network namespaces on a bridge,
    /// shaped both ways (needs iproute2, and root or the right to make namespaces).
    Link(LinkArgs),
    /// One process of the raw measurement of three hops.
    #[command(hide = true)]
    Hop {
        /// Groups to listen to; what comes to the first one is passed on.
        #[arg(required = true)]
        listen: Vec<SocketAddrV4>,
        /// The group to pass it on to.
        #[arg(long)]
        send: Option<SocketAddrV4>,
    },
}

#[derive(Args, Debug)]
struct ShapeArgs {
    /// Runs of each kind, each with processes of its own.
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = value_parser!(u32).range(1..))]
    runs: u32,
    /// Learners, each of which prints all values.
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = value_parser!(u16).range(1..=100))]
    learners: u16,
    /// Proposers, one of which leads.
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = value_parser!(u16).range(1..=PEERS_MAX as i64))]
    proposers: u16,
    /// Acceptors, a majority of which decides.
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = value_parser!(u16).range(1..=ACCEPTORS_MAX as i64))]
    acceptors: u16,
    /// The largest IP packet, bytes.
    #[arg(long, value_name = "BYTES", default_value_t = 1500, value_parser = value_parser!(u16).range(1280..=9216))]
    mtu: u16,
    /// Acceptors remember on disk, below this directory; what is made there is removed at the end. Without it they are
    /// volatile, and `raw` measures the disk of temporary files.
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Memory that each acceptor takes before it begins, as `reserve` in paxos.conf: what it accepts later need not wait
    /// for the system's memory.
    #[arg(long, value_name = "SIZE", default_value = "0", value_parser = conf::reserve)]
    reserve: usize,
    /// Each process traces its packets to a file in this directory, as `--trace` of the roles; to see what that costs.
    #[arg(long, value_name = "DIR")]
    trace: Option<PathBuf>,
    /// As `--trace-snap` of the roles.
    #[arg(long, value_name = "BYTES", default_value_t = super::TRACE_SNAP, value_parser = super::trace_snap, requires = "trace")]
    trace_snap: usize,
    /// Packets are sealed with a key that is made for the run, as `key` in paxos.conf; to see what that costs.
    #[arg(long)]
    key: bool,
    /// Packets are sealed and encrypted, as `encrypt yes` in paxos.conf.
    #[arg(long)]
    encrypt: bool,
    /// Prints a JSON object a line, one for each run and a summary for each kind of run, in place of a table; the names
    /// end with their units.
    #[arg(long)]
    json: bool,
}

#[derive(Args, Debug)]
struct LoadArgs {
    /// Lengths of a value in bytes, at least 16, the newline not counted: 100, or 100,1000,10000. Each is measured by
    /// itself.
    #[arg(long, value_name = "BYTES", value_delimiter = ',', default_value = "100", value_parser = size)]
    size: Vec<usize>,
    /// Values per second of all clients together; without it, as fast as the cluster takes them. With it the latency of
    /// a value counts from when it was due.
    #[arg(long, value_name = "VALUES_PER_S", value_parser = value_parser!(u64).range(1..=1_000_000_000))]
    rate: Option<u64>,
    /// How long a run submits values, seconds; the first tenth of it is not measured.
    #[arg(long, value_name = "SECONDS", default_value_t = 5.0, value_parser = seconds, conflicts_with = "values")]
    duration: f64,
    /// How many values a run submits, all clients together, in place of a duration; all of it is measured, until the last
    /// learner has printed the last value.
    #[arg(long, value_name = "N", value_parser = value_parser!(u64).range(1..=100_000_000_000))]
    values: Option<u64>,
    /// Clients, each fed through a pipe.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = value_parser!(u16).range(1..=i64::from(CLIENTS_MAX)))]
    clients: u16,
    /// Drops this part of the datagrams, percent, in a network namespace of its own (needs iptables and
    /// iproute2; no raw measures then).
    #[arg(long, value_name = "PERCENT", value_parser = percent)]
    loss: Option<f64>,
    /// Leaves out the raw measures, which are otherwise taken after each run, a second or two each.
    #[arg(long)]
    no_raw: bool,
    /// Draws latency against throughput, a curve for each size: after the runs without a limit, runs at a ladder of
    /// rates from 5 to 90 % of what those reached.
    #[arg(long, value_name = "FILE.svg", conflicts_with = "rate")]
    plot: Option<PathBuf>,
}

#[derive(Args, Debug)]
struct FailoverArgs {
    #[command(flatten)]
    shape: ShapeArgs,
    /// How often a run kills the leader (SIGKILL). It starts again when another leads and what was due is printed.
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = value_parser!(u32).range(1..=100_000))]
    kills: u32,
    /// How often processes say that they live.
    #[arg(long, value_name = "DURATION", default_value = "50ms", value_parser = conf::heartbeat)]
    heartbeat: Duration,
    /// Silence after which a proposer is taken for dead; longer than the heartbeat.
    #[arg(long, value_name = "DURATION", default_value = "150ms", value_parser = conf::suspect)]
    suspect: Duration,
    /// Values per second of all clients together.
    #[arg(long, value_name = "VALUES_PER_S", default_value_t = 10_000, value_parser = value_parser!(u64).range(1..=1_000_000_000))]
    rate: u64,
    /// Length of a value in bytes, the newline not counted.
    #[arg(long, value_name = "BYTES", default_value = "100", value_parser = size)]
    size: usize,
    /// Clients, each fed through a pipe.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = value_parser!(u16).range(1..=i64::from(CLIENTS_MAX)))]
    clients: u16,
}

#[derive(Args, Debug)]
struct CatchUpArgs {
    #[command(flatten)]
    shape: ShapeArgs,
    /// Values that the learner is behind, at least, when it is started again.
    #[arg(long, value_name = "N", default_value_t = 1_000_000, value_parser = value_parser!(u64).range(1..=1_000_000_000))]
    behind: u64,
    /// How long a run waits at most until the learner is level with the others, seconds.
    #[arg(long, value_name = "SECONDS", default_value_t = 10.0, value_parser = seconds)]
    patience: f64,
    /// Values per second of all clients together, or `none` for as fast as the cluster takes them: 200000, or
    /// 200000,none. Each is measured by itself.
    #[arg(long, value_name = "VALUES_PER_S", value_delimiter = ',', default_value = "200000", value_parser = conf::rate)]
    rate: Vec<Option<u32>>,
    /// Length of a value in bytes, the newline not counted.
    #[arg(long, value_name = "BYTES", default_value = "100", value_parser = size)]
    size: usize,
    /// Clients, each fed through a pipe.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = value_parser!(u16).range(1..=i64::from(CLIENTS_MAX)))]
    clients: u16,
}

#[derive(Args, Debug)]
struct LinkArgs {
    #[command(flatten)]
    shape: ShapeArgs,
    /// What a host's link carries in each direction, Mbit/s, Ethernet headers counted.
    #[arg(long, value_name = "MBIT_PER_S", default_value_t = 1000, value_parser = value_parser!(u32).range(10..=100_000))]
    link_rate: u32,
    /// Length of a value in bytes, the newline not counted.
    #[arg(long, value_name = "BYTES", default_value = "1024", value_parser = size)]
    size: usize,
    /// How long a run submits values, seconds; the first tenth of it is not measured.
    #[arg(long, value_name = "SECONDS", default_value_t = 3.0, value_parser = seconds)]
    duration: f64,
    /// Clients, each fed through a pipe.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = value_parser!(u16).range(1..=i64::from(CLIENTS_MAX)))]
    clients: u16,
}

/// What is measured beside a run.
const BESIDE: Effort =
    Effort { multicast: Duration::from_millis(400), rounds: Duration::from_millis(300), disk: None };
const BESIDE_DISK: Duration = Duration::from_millis(150);
/// What `raw` measures.
const ALONE: Effort = Effort {
    multicast: Duration::from_secs(2),
    rounds: Duration::from_secs(1),
    disk: Some(Duration::from_millis(500)),
};

fn percent(text: &str) -> Result<f64, String> {
    match text.trim_end_matches('%').parse() {
        Ok(percent) if (0.0..100.0).contains(&percent) => Ok(percent),
        _ => Err("write percents from 0 to below 100".into()),
    }
}

fn size(text: &str) -> Result<usize, String> {
    let size: usize = text.parse().map_err(|_| "write a number of bytes".to_string())?;
    match size {
        VALUE_MIN..=VALUE_MAX => Ok(size),
        _ => Err(format!("a value of the bench has {VALUE_MIN} to {VALUE_MAX} bytes")),
    }
}

fn seconds(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(seconds) if (0.1..=86_400.0).contains(&seconds) => Ok(seconds),
        _ => Err("write a number of seconds from 0.1 to 86400".into()),
    }
}

impl ShapeArgs {
    fn setting(&self) -> Setting {
        Setting {
            size: VALUE_MIN,
            clients: 1,
            proposers: self.proposers,
            acceptors: self.acceptors,
            learners: self.learners,
            mtu: self.mtu,
            heartbeat: conf::HEARTBEAT_DEFAULT,
            suspect: conf::SUSPECT_DEFAULT,
            data: self.data.clone(),
            reserve: self.reserve,
            trace: self.trace.clone().map(|directory| (directory, self.trace_snap)),
            seal: match (self.key, self.encrypt) {
                (_, true) => Seal::Encrypt,
                (true, false) => Seal::Key,
                (false, false) => Seal::No,
            },
            loss: 0.0,
            lan: None,
            rate: None,
            amount: Amount::Values(1),
        }
    }

    fn session(&self) -> Session {
        Session { runs: self.runs, json: self.json, raw: None, plot: None }
    }
}

impl FailoverArgs {
    fn run(&self) -> Result<(), Stopped> {
        let FailoverArgs { kills, heartbeat, suspect, rate, size, clients, .. } = *self;
        if suspect <= heartbeat {
            return Err(Stopped::Failed("--suspect must be longer than --heartbeat".into()));
        }
        if self.shape.proposers < 2 {
            return Err(Stopped::Failed("failover needs two proposers: one is killed, another leads".into()));
        }
        let rate = Some(rate);
        let setting = Setting {
            size,
            clients,
            rate,
            heartbeat,
            suspect,
            amount: Amount::Seconds(f64::INFINITY),
            ..self.shape.setting()
        };
        let what = format!("{kills} kills of the leader a run");
        self.shape.session().measure(&[setting], &what, &|setting| failover::run(setting, kills))
    }
}

impl CatchUpArgs {
    fn run(&self) -> Result<(), Stopped> {
        let CatchUpArgs { behind, size, clients, .. } = *self;
        if self.shape.learners < 2 {
            return Err(Stopped::Failed("catch-up needs two learners: one is behind, another is not".into()));
        }
        let patience = Duration::from_secs_f64(self.patience);
        let at = |rate: &Option<u32>| Setting {
            size,
            clients,
            rate: rate.map(u64::from),
            amount: Amount::Seconds(f64::INFINITY),
            ..self.shape.setting()
        };
        let settings: Vec<Setting> = self.rate.iter().map(at).collect();
        let what = format!("one learner starts again {} values behind", number(behind as f64));
        let once = |setting: &Setting| catch_up::run(setting, behind, patience);
        self.shape.session().measure(&settings, &what, &once)
    }
}

impl LinkArgs {
    fn run(&self) -> Result<(), Stopped> {
        let LinkArgs { link_rate, size, duration, clients, .. } = *self;
        let setting = Setting { size, clients, amount: Amount::Seconds(duration), ..self.shape.setting() };
        let link = Link { mbit_per_s: link_rate, mtu: setting.mtu };
        let lan = Rc::new(Lan::build(&setting, link)?);
        let setting = Setting { lan: Some(Rc::clone(&lan)), ..setting };
        let what = format!("each on a host of its own, links of {} Mbit/s", number(link_rate.into()));
        self.shape.session().measure(&[setting], &what, &|setting| link::run(setting, &lan))
    }
}

impl BenchArgs {
    fn setting(&self, size: usize) -> Setting {
        let load = &self.load;
        Setting {
            size,
            clients: load.clients,
            loss: load.loss.unwrap_or(0.0),
            rate: load.rate,
            amount: load.values.map_or(Amount::Seconds(load.duration), Amount::Values),
            ..self.shape.setting()
        }
    }

    fn session(&self) -> Session {
        let disk = self.shape.data.as_ref().map(|_| BESIDE_DISK);
        Session {
            raw: (!self.load.no_raw && self.load.loss.is_none()).then_some(Effort { disk, ..BESIDE }),
            plot: self.load.plot.clone(),
            ..self.shape.session()
        }
    }
}

/// Runs the command.
///
/// # Errors
/// A sentence about the first run that was not right, or what the system did not grant.
pub fn main(args: &BenchArgs) -> Result<ExitCode, String> {
    if let Some(Command::Hop { listen, send }) = &args.command {
        return rounds::hop(listen, *send).map(|()| ExitCode::SUCCESS);
    }
    interrupt::catch().map_err(|error| format!("cannot catch signals: {error}"))?;
    let result = match &args.command {
        Some(Command::Raw(shape)) => shape.session().raw(&shape.setting(), ALONE),
        Some(Command::Failover(args)) => args.run(),
        Some(Command::CatchUp(args)) => args.run(),
        Some(Command::Link(args)) => args.run(),
        _ => {
            args.load.loss.map_or(Ok(()), namespace::with_loss)?;
            let settings: Vec<Setting> = args.load.size.iter().map(|size| args.setting(*size)).collect();
            args.session().run(&settings)
        }
    };
    match result {
        Ok(()) | Err(Stopped::Closed) => Ok(ExitCode::SUCCESS),
        Err(Stopped::Failed(sentence)) => Err(sentence),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_and_percents_are_checked() {
        assert_eq!(size("16"), Ok(16));
        assert!(size("15").unwrap_err().contains("16 to 1048576 bytes"));
        assert_eq!((percent("30"), percent("0.5%")), (Ok(30.0), Ok(0.5)));
        assert!(percent("100").is_err() && percent("-1").is_err());
        assert!(seconds("0").is_err() && seconds("x").is_err());
    }
}
