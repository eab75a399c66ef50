//! `paxos exporter`: the state of a cluster for Prometheus, over HTTP.
//!
//! One thread hears the cluster and answers, in turn: packets wait in the socket meanwhile, and there are few.

use super::findings::judge;
use super::http::{Answer, Server};
use super::listen::Listener;
use super::metrics;
use std::time::Duration;

const PAGE: &str = "<!doctype html><title>paxos exporter</title><p>The metrics of a cluster are at <a href=\"/metrics\">/metrics</a>.\n";
/// How often it is looked whether to stop.
const GLANCE: Duration = Duration::from_millis(200);

/// Hears and answers until `stop` says so.
///
/// # Errors
/// A sentence when the cluster cannot be heard any more.
pub fn run(listener: &mut Listener, server: &Server, stop: impl Fn() -> bool) -> Result<(), String> {
    while !stop() {
        listener.listen(GLANCE, Some(server.fd()))?;
        server.serve(|path| answer(listener, path));
    }
    Ok(())
}

fn answer(listener: &Listener, path: &str) -> Option<Answer> {
    match path {
        "/metrics" => {
            let now = listener.now();
            let body = metrics::text(&listener.cluster, &judge(&listener.cluster, now), now);
            Some(Answer { kind: "text/plain; version=0.0.4; charset=utf-8", body })
        }
        "/" => Some(Answer { kind: "text/html; charset=utf-8", body: PAGE.into() }),
        _ => None,
    }
}
