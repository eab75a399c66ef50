//! `peers`: measures other total-order stores as `paxos bench` measures ours. `scripts/compare.sh` starts them and this.

mod etcd;
mod load;
mod nats;
mod ours;
mod plot;
mod redis_stream;
mod run;
mod table;
mod values;

use async_nats::jetstream::stream::StorageType;
use clap::{Args, Parser, Subcommand};
use load::{Load, Shape};
use run::Report;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

/// Operations of an etcd transaction, by its default `--max-txn-ops`; the others get as many to a pipeline.
const BATCH_MAX: usize = 128;
/// Bytes of values in a request: etcd takes 1.5 MiB by default.
const REQUEST_MAX: usize = 1 << 20;
/// Requests that share what may be in flight, at least, so that some are under way while others are made.
const REQUESTS_MIN: usize = 8;

#[derive(Parser)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Measures an etcd cluster: transactions of puts, and a watch.
    Etcd {
        #[command(flatten)]
        load: LoadArgs,
        /// Of every member.
        #[arg(required = true)]
        endpoints: Vec<String>,
    },
    /// Measures a NATS JetStream cluster: a stream with three replicas, and an ordered consumer.
    Nats {
        #[command(flatten)]
        load: LoadArgs,
        /// The stream is kept on disk, not in memory.
        #[arg(long)]
        file: bool,
        /// Name and address of every server.
        #[arg(required = true, value_parser = server)]
        servers: Vec<(String, String)>,
    },
    /// Measures a Redis primary with replicas: pipelines of XADD with a WAIT, and XREAD at a replica.
    Redis {
        #[command(flatten)]
        load: LoadArgs,
        primary: String,
        replica: String,
    },
    /// Measures ours, whose acceptors and proposers run: starts client 9 and learner 9.
    Paxos {
        #[command(flatten)]
        load: LoadArgs,
        program: PathBuf,
        conf: PathBuf,
    },
    /// Prints what `compare.sh` measured as a Markdown table, and draws it.
    Table {
        /// Lines of JSON.
        runs: PathBuf,
        /// Where to draw it.
        #[arg(long)]
        plot: Option<PathBuf>,
    },
}

#[derive(Args, Clone, Copy)]
struct LoadArgs {
    /// Bytes of a value.
    #[arg(long, default_value_t = 100)]
    size: usize,
    /// Values that the consumer does not have yet, at most.
    #[arg(long, default_value_t = 1024)]
    in_flight: usize,
    /// How long values are submitted; the first tenth is not measured.
    #[arg(long, default_value_t = 5.0)]
    seconds: f64,
    /// Ends earlier when so many bytes of values were submitted.
    #[arg(long, default_value_t = 1 << 30)]
    bytes_max: u64,
}

impl LoadArgs {
    fn shape(&self) -> Result<Shape, String> {
        let LoadArgs { size, in_flight, bytes_max, .. } = *self;
        if !(values::VALUE_MIN..=REQUEST_MAX).contains(&size) {
            return Err(format!("--size is from {} to {REQUEST_MAX}", values::VALUE_MIN));
        }
        if !(1..=1 << 20).contains(&in_flight) || !(0.1..=3600.0).contains(&self.seconds) {
            return Err("--in-flight is from 1 to 1048576, --seconds from 0.1 to 3600".into());
        }
        let batch = (in_flight / REQUESTS_MIN).clamp(1, BATCH_MAX).min(REQUEST_MAX / size);
        Ok(Shape { size, in_flight, batch, values_max: (bytes_max / size as u64).max(1) })
    }
}

fn server(text: &str) -> Result<(String, String), String> {
    let (name, address) = text.split_once('=').ok_or("write NAME=ADDRESS")?;
    Ok((name.into(), address.into()))
}

async fn main_of(command: Command) -> Result<(), String> {
    let report = match command {
        Command::Etcd { load, endpoints } => {
            let shape = load.shape()?;
            let workers = etcd::workers(shape.in_flight, shape.batch);
            let all = Arc::new(Load::new(shape, workers));
            let (producers, consumer) = etcd::start(&endpoints, &all, workers).await?;
            run::run(&all, load.seconds, producers, consumer).await?
        }
        Command::Nats { load, file, servers } => {
            let all = Arc::new(Load::new(load.shape()?, nats::PRODUCERS));
            let storage = if file { StorageType::File } else { StorageType::Memory };
            let (producers, consumer) = nats::start(&servers, storage, &all).await?;
            Report { values_per_request: 1, ..run::run(&all, load.seconds, producers, consumer).await? }
        }
        Command::Redis { load, primary, replica } => {
            let shape = load.shape()?;
            let workers = etcd::workers(shape.in_flight, shape.batch);
            let all = Arc::new(Load::new(shape, workers));
            let (producers, consumer) = redis_stream::start(&primary, &replica, &all, workers).await?;
            run::run(&all, load.seconds, producers, consumer).await?
        }
        Command::Paxos { load, program, conf } => {
            let all = Arc::new(Load::new(load.shape()?, 1));
            let (producers, consumer) = ours::start(&program, &conf, &all)?;
            run::run(&all, load.seconds, producers, consumer).await?
        }
        Command::Table { runs, plot } => return table::print(&runs, plot.as_deref()),
    };
    println!("{}", serde_json::to_string(&report).map_err(|error| error.to_string())?);
    Ok(())
}

#[tokio::main(worker_threads = 2)]
async fn main() -> ExitCode {
    match main_of(Cli::parse().command).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(wrong) => {
            eprintln!("peers: {wrong}");
            ExitCode::FAILURE
        }
    }
}
