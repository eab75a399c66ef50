//! A child process that never outlives us.

use super::interrupt;
use super::namespace::Namespace;
use rustix::process::{Pid, Signal, getppid, kill_process, set_parent_process_death_signal};
use std::ffi::OsStr;
use std::fs::{self, File};
use std::io;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, ChildStdin, ChildStdout, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// Between two looks at a child.
const GLANCE: Duration = Duration::from_millis(2);
/// How long an end that was asked for may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// A process of this program, killed and waited for when it goes out of scope.
pub struct Process {
    name: String,
    child: Child,
    stderr: PathBuf,
}

impl Process {
    /// Starts this program with these arguments. `stderr` is where it says what it says, `network` where its
    /// sockets are, if not where ours are.
    ///
    /// To be called from the main thread: the kernel ends the child with the thread that made it.
    ///
    /// # Errors
    /// A sentence about what the system did not grant.
    pub fn start(
        arguments: &[&OsStr],
        (stdin, stdout): (Stdio, Stdio),
        stderr: PathBuf,
        network: Option<&Namespace>,
    ) -> Result<Process, String> {
        let words: Vec<_> = arguments.iter().take(2).map(|word| word.to_string_lossy()).collect();
        let name = words.join(" ");
        let refused = |error: io::Error| format!("cannot start `paxos {name}`: {error}");
        let program = std::env::current_exe().map_err(refused)?;
        let file = File::create(&stderr).map_err(refused)?;
        let network = network.map(Namespace::share).transpose().map_err(refused)?;
        let parent = rustix::process::getpid();
        let mut command = Command::new(program);
        // Ctrl-C is for us alone; we end the child.
        command.args(arguments).stdin(stdin).stdout(stdout).stderr(file).process_group(0);
        command.env_remove("RUST_LOG").env("NO_COLOR", "1");
        let prepare =
            move || network.as_ref().map_or(Ok(()), Namespace::enter).and_then(|()| die_with(parent));
        // SAFETY: between fork and exec only three system calls are made, and nothing is allocated.
        unsafe { command.pre_exec(prepare) };
        let child = command.spawn().map_err(refused)?;
        Ok(Process { name, child, stderr })
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    pub fn take_stdin(&mut self) -> Option<ChildStdin> {
        self.child.stdin.take()
    }

    pub fn take_stdout(&mut self) -> Option<ChildStdout> {
        self.child.stdout.take()
    }

    /// # Errors
    /// A sentence when it does not run any more.
    pub fn check_runs(&mut self) -> Result<(), String> {
        match self.child.try_wait() {
            Ok(None) => Ok(()),
            Ok(Some(status)) => Err(self.complaint(&format!("ended ({status}) in the middle"))),
            Err(error) => Err(self.complaint(&format!("cannot be watched: {error}"))),
        }
    }

    /// Asks it to end.
    pub fn terminate(&self) {
        // Not waited for, so the pid is still its own; and if it has ended, nothing happens.
        let _ = kill_process(Pid::from_child(&self.child), Signal::TERM);
    }

    /// Waits for its successful end.
    ///
    /// # Errors
    /// A sentence when it ends otherwise, or not in time.
    pub fn succeeds(&mut self) -> Result<(), String> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            match self.child.try_wait() {
                Ok(Some(status)) if status.success() => return Ok(()),
                Ok(Some(status)) => return Err(self.complaint(&format!("failed ({})", said(status)))),
                Ok(None) if Instant::now() >= deadline => {
                    return Err(self.complaint(&format!("did not end within {} s", PATIENCE.as_secs())));
                }
                Ok(None) => interrupt::check()?,
                Err(error) => return Err(self.complaint(&format!("cannot be waited for: {error}"))),
            }
            std::thread::sleep(GLANCE);
        }
    }

    /// A sentence, and the last that the process said.
    fn complaint(&self, what: &str) -> String {
        let text = fs::read_to_string(&self.stderr).unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        let last = lines[lines.len().saturating_sub(3)..].join("\n  ");
        let last = if last.is_empty() { "nothing".into() } else { last };
        format!("`paxos {}` {what}; it said last:\n  {last}", self.name)
    }
}

fn said(status: ExitStatus) -> String {
    status.to_string()
}

fn die_with(parent: Pid) -> io::Result<()> {
    set_parent_process_death_signal(Some(Signal::KILL))?;
    // It may have died before that.
    if getppid() == Some(parent) { Ok(()) } else { Err(io::ErrorKind::BrokenPipe.into()) }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill(); // it may have ended
        let _ = self.child.wait();
    }
}
