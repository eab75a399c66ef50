//! Ours: a client fed through a pipe, and a learner whose lines are read, with as many values in flight as the others have.

use crate::load::Load;
use crate::run::Tasks;
use crate::values::Values;
use std::future::Future;
use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, ChildStdout, Command};

/// Pipes are made this long, bytes, as `paxos bench` does; a user may do that without asking.
const PIPE: usize = 1 << 20;

/// # Errors
/// A sentence about what the system did not grant.
pub fn start(
    program: &Path,
    conf: &Path,
    load: &Arc<Load>,
) -> Result<(Tasks, impl Future<Output = Result<(), String>> + Send + 'static), String> {
    let spawn = |role: &str| {
        let mut command = Command::new(program);
        command
            .args(["-q", role, "9"])
            .arg(conf)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true);
        command.spawn().map_err(|error| format!("{}: {error}", program.display()))
    };
    let mut learner = spawn("learner")?;
    let lines = learner.stdout.take().ok_or("the learner has no stdout")?;
    // A short pipe costs speed, nothing else.
    let _ = rustix::pipe::fcntl_setpipe_size(&lines, PIPE);
    let mut producers = Tasks::new();
    producers.spawn(produce(spawn("client")?, Arc::clone(load)));
    Ok((producers, consume(learner, lines, Arc::clone(load))))
}

async fn produce(mut client: Child, load: Arc<Load>) -> Result<(), String> {
    let mut pipe = client.stdin.take().ok_or("the client has no stdin")?;
    let _ = rustix::pipe::fcntl_setpipe_size(&pipe, PIPE);
    let mut values = Values::new(0, load.shape.size);
    let mut all = 0;
    let mut piece = Vec::new();
    while let Some(count) = load.take(load.shape.batch).await {
        let now = load.now_ns();
        piece.clear();
        for _ in 0..count {
            piece.extend_from_slice(&values.next(now));
            piece.push(b'\n');
        }
        pipe.write_all(&piece).await.map_err(|error| format!("the client takes no more: {error}"))?;
        all += count;
    }
    drop(pipe);
    // It exits 0 when every line is decided.
    let status = client.wait().await.map_err(|error| error.to_string())?;
    if !status.success() {
        return Err(format!("the client ended with {status}"));
    }
    load.acknowledge(all);
    Ok(())
}

async fn consume(_learner: Child, mut lines: ChildStdout, load: Arc<Load>) -> Result<(), String> {
    let line = load.shape.size + 1;
    let mut buffer = Vec::with_capacity(2 * PIPE);
    while lines.read_buf(&mut buffer).await.map_err(|error| error.to_string())? > 0 {
        let whole = buffer.len() / line * line;
        load.deliver(buffer[..whole].chunks_exact(line).map(|value| &value[..line - 1]))?;
        buffer.drain(..whole);
        buffer.reserve(PIPE);
    }
    Ok(())
}
