//! NATS JetStream: a stream with three replicas; each producer publishes without waiting for acknowledgements, and an
//! ordered consumer has all messages.

use crate::load::Load;
use crate::run::Tasks;
use crate::values::Values;
use async_nats::jetstream::consumer::push::{Ordered, OrderedConfig};
use async_nats::jetstream::context::ContextBuilder;
use async_nats::jetstream::stream::{Config, StorageType};
use async_nats::{Client, ConnectOptions, jetstream};
use futures::StreamExt;
use std::fmt::Display;
use std::future::{Future, IntoFuture};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;

const STREAM: &str = "values";
/// Connections, each with a producer.
pub const PRODUCERS: usize = 4;
/// What a consumer at the client may have waiting, messages.
const WAITING: usize = 1 << 20;
/// The cluster takes some seconds to have a leader of its own.
const TRIES: u32 = 60;
const BETWEEN_TRIES: Duration = Duration::from_millis(250);

/// `servers` are names and addresses, for a stream tells the name of the server that leads it.
///
/// # Errors
/// A sentence about what NATS refused.
pub async fn start(
    servers: &[(String, String)],
    storage: StorageType,
    load: &Arc<Load>,
) -> Result<(Tasks, impl Future<Output = Result<(), String>> + Send + 'static), String> {
    let leader = create(&servers[0].1, storage).await?;
    let near = servers.iter().find(|(name, _)| *name == leader).map_or(&servers[0].1, |(_, address)| address);
    let deliver_subject = "deliver".to_string();
    let config = OrderedConfig { deliver_subject, ..OrderedConfig::default() };
    let context = jetstream::new(connect(near).await?);
    let stream = context.get_stream(STREAM).await.map_err(said)?;
    let consumer = stream.create_consumer(config).await.map_err(said)?;
    let messages = consumer.messages().await.map_err(said)?;
    let mut producers = Tasks::new();
    for number in 0..PRODUCERS {
        let client = connect(near).await?;
        producers.spawn(produce(client, number, Arc::clone(load)));
    }
    Ok((producers, consume(messages, Arc::clone(load))))
}

/// Makes the stream; returns the name of the server that leads it.
async fn create(address: &str, storage: StorageType) -> Result<String, String> {
    let context = jetstream::new(connect(address).await?);
    let config = || Config {
        name: STREAM.into(),
        subjects: vec!["v.*".into()],
        num_replicas: 3,
        storage,
        ..Config::default()
    };
    let mut wrong = String::new();
    for _ in 0..TRIES {
        match context.get_or_create_stream(config()).await {
            Ok(mut stream) => match stream.info().await {
                Ok(info) => {
                    let cluster = info.cluster.as_ref();
                    let ready = cluster.is_some_and(|all| {
                        all.replicas.len() == 2 && all.replicas.iter().all(|one| one.current)
                    });
                    if let (true, Some(leader)) = (ready, cluster.and_then(|all| all.leader.clone())) {
                        return Ok(leader);
                    }
                    wrong = "its stream has no leader or not all its replicas".into();
                }
                Err(error) => wrong = error.to_string(),
            },
            Err(error) => wrong = error.to_string(),
        }
        tokio::time::sleep(BETWEEN_TRIES).await;
    }
    Err(format!("nats: {wrong}"))
}

async fn connect(address: &str) -> Result<Client, String> {
    let options = ConnectOptions::new().subscription_capacity(WAITING).ignore_discovered_servers();
    options.connect(address).await.map_err(said)
}

async fn produce(client: Client, number: usize, load: Arc<Load>) -> Result<(), String> {
    let context = ContextBuilder::new().max_ack_inflight(load.shape.in_flight + 1).build(client);
    let mut values = Values::new(number, load.shape.size);
    let subject = format!("v.{number}");
    let (sender, mut acks) = mpsc::unbounded_channel::<jetstream::context::PublishAckFuture>();
    let acknowledged = Arc::clone(&load);
    let acks = tokio::spawn(async move {
        while let Some(ack) = acks.recv().await {
            let ack = ack.into_future().await.map_err(said)?;
            if ack.duplicate {
                return Err("nats: a value was taken for another one".to_string());
            }
            acknowledged.acknowledge(1);
        }
        Ok(())
    });
    'run: while let Some(count) = load.take(load.shape.batch).await {
        for _ in 0..count {
            let value = values.next(load.now_ns());
            let ack = context.publish(subject.clone(), value.into()).await.map_err(said)?;
            if sender.send(ack).is_err() {
                break 'run; // the other half says why
            }
        }
    }
    drop(sender);
    acks.await.map_err(said)?
}

async fn consume(mut messages: Ordered, load: Arc<Load>) -> Result<(), String> {
    while let Some(message) = messages.next().await {
        load.deliver([message.map_err(said)?.payload.as_ref()])?;
    }
    Ok(())
}

fn said(error: impl Display) -> String {
    format!("nats: {error}")
}
