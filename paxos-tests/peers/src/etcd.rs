//! etcd: each value is a put, as many of them to a transaction as there are, and a watch has them all.
//!
//! A worker has one transaction under way, so its values stay in order. Its keys come again and again: every revision
//! is kept and told all the same, and etcd's index in memory stays small, which is to its advantage.

use crate::load::Load;
use crate::run::Tasks;
use crate::values::Values;
use etcd_client::{Client, EventType, Txn, TxnOp, WatchOptions, WatchStream};
use std::future::Future;
use std::sync::Arc;

/// Of all values.
const PREFIX: &str = "v/";
/// A message of the watch: etcd splits what is longer than a request may be, and a value or two on top.
const MESSAGE_MAX: usize = 64 << 20;
/// Connections of the producers.
const CONNECTIONS: usize = 4;

/// Transactions under way at once.
pub fn workers(in_flight: usize, batch: usize) -> usize {
    in_flight.div_ceil(batch).clamp(1, 9999)
}

/// # Errors
/// A sentence about what etcd refused.
pub async fn start(
    endpoints: &[String],
    load: &Arc<Load>,
    workers: usize,
) -> Result<(Tasks, impl Future<Output = Result<(), String>> + Send + 'static), String> {
    let leader = leader(endpoints).await?;
    let watch = connect(&leader).await?.watch_client();
    let mut watch = watch.max_decoding_message_size(MESSAGE_MAX);
    let options = WatchOptions::new().with_prefix().with_fragment();
    let stream = watch.watch(PREFIX, Some(options)).await.map_err(said)?;
    let mut clients = Vec::new();
    for _ in 0..CONNECTIONS.min(workers) {
        clients.push(connect(&leader).await?);
    }
    let mut producers = Tasks::new();
    for (number, client) in (0..workers).zip(clients.iter().cycle()) {
        producers.spawn(produce(client.clone(), number, Arc::clone(load)));
    }
    Ok((producers, consume(stream, Arc::clone(load))))
}

/// The member that leads: whoever asks another pays for one more hop.
async fn leader(endpoints: &[String]) -> Result<String, String> {
    for endpoint in endpoints {
        let status = connect(endpoint).await?.status().await.map_err(said)?;
        if status.header().is_some_and(|header| header.member_id() == status.leader()) {
            return Ok(endpoint.clone());
        }
    }
    Err("no member of etcd leads".into())
}

async fn connect(endpoint: &str) -> Result<Client, String> {
    Client::connect([endpoint], None).await.map_err(said)
}

async fn produce(mut client: Client, number: usize, load: Arc<Load>) -> Result<(), String> {
    let mut values = Values::new(number, load.shape.size);
    while let Some(count) = load.take(load.shape.batch).await {
        let now = load.now_ns();
        let put = |slot| TxnOp::put(format!("{PREFIX}{number:04}/{slot:03}"), values.next(now), None);
        let puts: Vec<TxnOp> = (0..count).map(put).collect();
        client.txn(Txn::new().and_then(puts)).await.map_err(said)?;
        load.acknowledge(count);
    }
    Ok(())
}

async fn consume(mut stream: WatchStream, load: Arc<Load>) -> Result<(), String> {
    while let Some(response) = stream.message().await.map_err(said)? {
        if response.canceled() {
            return Err(format!("etcd ended the watch: {}", response.cancel_reason()));
        }
        let puts = response.events().iter().filter(|event| event.event_type() == EventType::Put);
        load.deliver(puts.filter_map(|event| event.kv()).map(|kv| kv.value()))?;
    }
    Ok(())
}

fn said(error: etcd_client::Error) -> String {
    format!("etcd: {error}")
}
