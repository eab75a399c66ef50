//! Redis: one stream on a primary with two replicas. Producers send XADDs in pipelines that end with WAIT 1; the consumer
//! reads at a replica, so what it has seen is on two of three machines, as with the others.
//!
//! This is no consensus: who takes over from a primary that failed may lack what was acknowledged.

use crate::load::Load;
use crate::run::Tasks;
use crate::values::Values;
use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Client, Value};
use std::fmt::Display;
use std::future::Future;
use std::sync::Arc;

const STREAM: &str = "values";
/// How long a replica has for a WAIT, ms.
const WAIT_MS: usize = 10_000;
/// How long a read waits at the server, ms, and how much it takes.
const BLOCK_MS: usize = 500;
const READ_MAX: usize = 1024;

/// # Errors
/// A sentence about what Redis refused.
pub async fn start(
    primary: &str,
    replica: &str,
    load: &Arc<Load>,
    workers: usize,
) -> Result<(Tasks, impl Future<Output = Result<(), String>> + Send + 'static), String> {
    let consumer = connect(replica).await?;
    let mut producers = Tasks::new();
    for number in 0..workers {
        // One each: a WAIT holds up all that its connection has.
        producers.spawn(produce(connect(primary).await?, number, Arc::clone(load)));
    }
    Ok((producers, consume(consumer, Arc::clone(load))))
}

async fn connect(address: &str) -> Result<MultiplexedConnection, String> {
    let config = AsyncConnectionConfig::new().set_response_timeout(None);
    let client = Client::open(address).map_err(said)?;
    client.get_multiplexed_async_connection_with_config(&config).await.map_err(said)
}

async fn produce(
    mut connection: MultiplexedConnection,
    number: usize,
    load: Arc<Load>,
) -> Result<(), String> {
    let mut values = Values::new(number, load.shape.size);
    while let Some(count) = load.take(load.shape.batch).await {
        let now = load.now_ns();
        let mut pipe = redis::pipe();
        for _ in 0..count {
            pipe.cmd("XADD").arg(STREAM).arg("*").arg("v").arg(values.next(now)).ignore();
        }
        pipe.cmd("WAIT").arg(1).arg(WAIT_MS);
        let (replicas,): (u32,) = pipe.query_async(&mut connection).await.map_err(said)?;
        if replicas == 0 {
            return Err(format!("redis: no replica has a value within {WAIT_MS} ms"));
        }
        load.acknowledge(count);
    }
    Ok(())
}

async fn consume(mut connection: MultiplexedConnection, load: Arc<Load>) -> Result<(), String> {
    let mut last = b"0-0".to_vec();
    loop {
        let mut read = redis::cmd("XREAD");
        read.arg("COUNT").arg(READ_MAX).arg("BLOCK").arg(BLOCK_MS).arg("STREAMS").arg(STREAM).arg(&last);
        let reply: Value = read.query_async(&mut connection).await.map_err(said)?;
        let Some(entries) = entries(&reply) else { continue };
        let mut values = Vec::with_capacity(entries.len());
        for entry in entries {
            let (id, value) = entry_of(entry).ok_or("redis: an answer to XREAD is not as it should be")?;
            values.push(value);
            if values.len() == entries.len() {
                last = id.to_vec();
            }
        }
        load.deliver(values)?;
    }
}

/// The entries in `[[stream, [entry, …]]]`; None: nothing new.
fn entries(reply: &Value) -> Option<&[Value]> {
    match array(array(reply)?.first()?)? {
        [_, entries] => array(entries),
        _ => None,
    }
}

/// Id and value of `[id, [field, value]]`.
fn entry_of(entry: &Value) -> Option<(&[u8], &[u8])> {
    match array(entry)? {
        [Value::BulkString(id), fields] => match array(fields)? {
            [_, Value::BulkString(value)] => Some((id, value)),
            _ => None,
        },
        _ => None,
    }
}

fn array(value: &Value) -> Option<&[Value]> {
    match value {
        Value::Array(values) => Some(values),
        _ => None,
    }
}

fn said(error: impl Display) -> String {
    format!("redis: {error}")
}
