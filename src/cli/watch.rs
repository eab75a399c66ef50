//! The commands that look at a cluster from outside: `status`, `top`, `exporter`.

use super::failure::Failure;
use super::{complain, load};
use crate::conf;
use crate::watch::findings::{healthy, judge};
use crate::watch::http::Server;
use crate::watch::listen::Listener;
use crate::watch::{exporter, json, table, top};
use clap::Args;
use signal_hook::consts::{SIGINT, SIGTERM};
use std::io::Write;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

#[derive(Args, Debug)]
pub struct StatusArgs {
    /// The configuration file, the same as of the processes.
    conf: PathBuf,
    /// How long to listen, as in `3s`; a bit more than two periods of `status` in the configuration when not given, so that
    /// there are rates.
    #[arg(long, value_name = "DURATION", value_parser = conf::wait)]
    wait: Option<Duration>,
    /// Prints one JSON object on a line instead of a table.
    #[arg(long)]
    json: bool,
}

#[derive(Args, Debug)]
pub struct TopArgs {
    /// The configuration file, the same as of the processes.
    conf: PathBuf,
}

#[derive(Args, Debug)]
pub struct ExporterArgs {
    /// The configuration file, the same as of the processes.
    conf: PathBuf,
    /// Where to listen for scrapers, address and port; `0.0.0.0:9464` for all addresses of this host.
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:9464")]
    listen: SocketAddr,
}

/// What `paxos status` exits with when it could not look.
const BLIND: u8 = 2;

/// `paxos status`
pub fn status(args: &StatusArgs) -> ExitCode {
    match look(args) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(failure) => {
            complain(&failure.sentence);
            ExitCode::from(BLIND)
        }
    }
}

/// Returns whether nothing is wrong.
fn look(args: &StatusArgs) -> Result<bool, Failure> {
    let conf = load(&args.conf)?;
    let mut listener = Listener::open(&conf)?;
    listener.listen_for(args.wait.unwrap_or(listener.cluster.warm_up()), || false)?;
    let (cluster, now) = (&listener.cluster, listener.now());
    let findings = judge(cluster, now);
    let mut text = String::new();
    match args.json {
        true => text = json::line(cluster, &findings, now),
        false => table::write(&mut text, cluster, &findings, now).expect("a string takes everything"),
    }
    match std::io::stdout().write_all(text.as_bytes()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(format!("stdout: {error}").into())
        }
        _ => Ok(healthy(&findings)),
    }
}

/// `paxos top`
pub fn top(args: &TopArgs) -> Result<ExitCode, Failure> {
    let conf = load(&args.conf)?;
    let mut listener = Listener::open(&conf)?;
    let ended = ended()?;
    top::run(&mut listener, || ended.load(Ordering::Relaxed))?;
    Ok(ExitCode::SUCCESS)
}

/// `paxos exporter`
pub fn exporter(args: &ExporterArgs) -> Result<ExitCode, Failure> {
    let conf = load(&args.conf)?;
    let mut listener = Listener::open(&conf)?;
    let server = Server::open(args.listen)?;
    let ended = ended()?;
    let address = server.address().map_err(|error| format!("{}: {error}", args.listen))?;
    // Whoever asks now waits: before everybody was heard, it would be told that they are missing.
    listener.listen_for(listener.cluster.warm_up(), || ended.load(Ordering::Relaxed))?;
    log::info!(target: "paxos", "the metrics of {} are at http://{address}/metrics", conf.path.display());
    exporter::run(&mut listener, &server, || ended.load(Ordering::Relaxed))?;
    Ok(ExitCode::SUCCESS)
}

/// Becomes true with the first SIGTERM or SIGINT.
fn ended() -> Result<Arc<AtomicBool>, String> {
    let ended = Arc::new(AtomicBool::new(false));
    for signal in [SIGTERM, SIGINT] {
        signal_hook::flag::register(signal, Arc::clone(&ended))
            .map_err(|error| format!("cannot catch signals: {error}"))?;
    }
    Ok(ended)
}
