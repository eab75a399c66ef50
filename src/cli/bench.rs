//! `paxos bench`: how fast a cluster is on this machine.

use crate::bench::lines::{CLIENTS_MAX, VALUE_MIN};
use crate::bench::setting::{Amount, Setting};
use crate::bench::{interrupt, run};
use crate::limits::{ACCEPTORS_MAX, PEERS_MAX, VALUE_MAX};
use clap::Args;
use std::path::PathBuf;
use std::process::ExitCode;

/// What to measure.
#[derive(Args, Debug)]
pub struct BenchArgs {
    /// Lengths of a value in bytes, at least 16, the newline not counted: 100, or 100,1000,10000. Each is measured by
    /// itself.
    #[arg(long, value_name = "BYTES", value_delimiter = ',', default_value = "100", value_parser = size)]
    size: Vec<usize>,
    /// Values per second of all clients together; without it, as fast as the cluster takes them. A value's time then
    /// counts from when it was due.
    #[arg(long, value_name = "VALUES_PER_S", value_parser = clap::value_parser!(u64).range(1..=1_000_000_000))]
    rate: Option<u64>,
    /// How long a run submits values, seconds; the first tenth of it is not measured.
    #[arg(long, value_name = "SECONDS", default_value_t = 5.0, value_parser = seconds, conflicts_with = "values")]
    duration: f64,
    /// How many values a run submits, all clients together, in place of a duration; all of it is measured.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=100_000_000_000))]
    values: Option<u64>,
    /// Runs of each kind, each with a cluster of its own.
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..))]
    runs: u32,
    /// Clients, each fed through a pipe.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=i64::from(CLIENTS_MAX)))]
    clients: u16,
    /// Learners, each of which prints and is checked.
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = clap::value_parser!(u16).range(1..=100))]
    learners: u16,
    /// Proposers, one of which leads.
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = clap::value_parser!(u16).range(1..=PEERS_MAX as i64))]
    proposers: u16,
    /// Acceptors.
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u16).range(1..=ACCEPTORS_MAX as i64))]
    acceptors: u16,
    /// The acceptors remember on disk, in directories made below this one and removed at the end.
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// The largest IP packet, bytes.
    #[arg(long, value_name = "BYTES", default_value_t = 1500, value_parser = clap::value_parser!(u16).range(1280..=9216))]
    mtu: u16,
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

impl BenchArgs {
    fn setting(&self, size: usize) -> Setting {
        Setting {
            size,
            clients: self.clients,
            proposers: self.proposers,
            acceptors: self.acceptors,
            learners: self.learners,
            mtu: self.mtu,
            data: self.data.clone(),
            loss: 0.0,
            rate: self.rate,
            amount: self.values.map_or(Amount::Seconds(self.duration), Amount::Values),
        }
    }
}

/// Runs the command.
///
/// # Errors
/// A sentence about the first run that was not right, or what the system did not grant.
pub fn main(args: &BenchArgs) -> Result<ExitCode, String> {
    interrupt::catch().map_err(|error| format!("cannot catch signals: {error}"))?;
    for size in &args.size {
        let setting = args.setting(*size);
        for _ in 0..args.runs {
            for measure in run::run(&setting)? {
                println!("{:40} {:>16.2}", measure.label, measure.value);
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}
