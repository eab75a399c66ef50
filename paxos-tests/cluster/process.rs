//! One process of the program.

use super::until;
use std::fs::{self, File};
use std::io::{Read, Write};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

/// A running `paxos`, killed when it goes out of scope.
pub struct Proc {
    name: String,
    child: Child,
    out: PathBuf,
    err: PathBuf,
}

/// How a process ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ended {
    /// `None` when a signal ended it.
    pub code: Option<i32>,
    pub signal: Option<i32>,
    pub stdout: Vec<u8>,
    pub stderr: String,
}

impl Proc {
    /// Starts `paxos` with these arguments; what it prints goes to `prefix.out` and `prefix.err`.
    pub fn start(prefix: &Path, arguments: &[&str], stdin: Stdio) -> Proc {
        let (out, err) = (with_end(prefix, ".out"), with_end(prefix, ".err"));
        let stdout = File::create(&out).expect("the temporary directory can be written");
        Proc::spawn(arguments, stdin, stdout.into(), out, err)
    }

    /// The same with a pipe for stdout, which [`Proc::take_stdout`] hands out.
    pub fn start_piped(prefix: &Path, arguments: &[&str]) -> Proc {
        Proc::spawn(
            arguments,
            Stdio::null(),
            Stdio::piped(),
            with_end(prefix, ".out"),
            with_end(prefix, ".err"),
        )
    }

    /// The same with an environment as a service manager makes it; it may depend on the file that stderr goes to.
    pub fn start_in(
        prefix: &Path,
        arguments: &[&str],
        environment: impl FnOnce(&File) -> Vec<(&'static str, String)>,
    ) -> Proc {
        let (out, err) = (with_end(prefix, ".out"), with_end(prefix, ".err"));
        let stdout = File::create(&out).expect("the temporary directory can be written");
        Proc::spawn_in(arguments, Stdio::null(), stdout.into(), out, err, environment)
    }

    fn spawn(arguments: &[&str], stdin: Stdio, stdout: Stdio, out: PathBuf, err: PathBuf) -> Proc {
        Proc::spawn_in(arguments, stdin, stdout, out, err, |_| Vec::new())
    }

    fn spawn_in(
        arguments: &[&str],
        stdin: Stdio,
        stdout: Stdio,
        out: PathBuf,
        err: PathBuf,
        environment: impl FnOnce(&File) -> Vec<(&'static str, String)>,
    ) -> Proc {
        let stderr = File::create(&err).expect("the temporary directory can be written");
        let child = Command::new(env!("CARGO_BIN_EXE_paxos"))
            .args(arguments)
            .env_remove("RUST_LOG")
            .env("NO_COLOR", "1")
            .env_remove("JOURNAL_STREAM")
            .env_remove("NOTIFY_SOCKET")
            .envs(environment(&stderr))
            .stdin(stdin)
            .stdout(stdout)
            .stderr(stderr)
            .spawn()
            .expect("cargo built the program");
        Proc { name: format!("paxos {}", arguments.join(" ")), child, out, err }
    }

    pub fn take_stdin(&mut self) -> ChildStdin {
        self.child.stdin.take().expect("it was started with a pipe, and taken once")
    }

    pub fn take_stdout(&mut self) -> ChildStdout {
        self.child.stdout.take().expect("it was started with a pipe, and taken once")
    }

    /// What it has printed so far.
    pub fn stdout(&self) -> Vec<u8> {
        fs::read(&self.out).unwrap_or_default() // a piped one has no file
    }

    /// What it has said so far.
    pub fn stderr(&self) -> String {
        String::from_utf8_lossy(&fs::read(&self.err).expect("it was created with the process")).into_owned()
    }

    /// How many lines it has printed so far.
    pub fn printed(&self) -> usize {
        self.stdout().iter().filter(|byte| **byte == b'\n').count()
    }

    /// Whether it still runs.
    pub fn runs(&mut self) -> bool {
        self.status().is_none()
    }

    /// Waits until it has printed this many lines.
    #[track_caller]
    pub fn prints(&mut self, lines: usize) {
        until(|| {
            let runs = self.runs(); // looked at first: what it printed last counts
            let printed = self.printed();
            if printed >= lines {
                return Ok(());
            }
            let missing =
                format!("{} printed {printed} lines of {lines}, and said {}", self.name, self.stderr());
            assert!(runs, "it has ended: {missing}");
            Err(missing)
        });
    }

    /// Waits until it has said something that contains `words`.
    #[track_caller]
    pub fn says(&mut self, words: &str) {
        until(|| {
            let runs = self.runs(); // looked at first: what it said last counts
            let said = self.stderr();
            if said.contains(words) {
                return Ok(());
            }
            let missing = format!("{} does not say {words:?} but {said}", self.name);
            assert!(runs, "it has ended: {missing}");
            Err(missing)
        });
    }

    /// Waits until it serves: its sockets are open and signals are caught.
    #[track_caller]
    pub fn serves(&mut self) {
        self.says(", cluster ");
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Memory that it has resident, KiB, and files that it has open.
    pub fn holds(&self) -> (u64, usize) {
        let pid = self.child.id();
        let status = fs::read_to_string(format!("/proc/{pid}/status")).expect("it runs");
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("the kernel tells it");
        let kib = line.trim().trim_end_matches(" kB").parse().expect("a number of KiB");
        let files = fs::read_dir(format!("/proc/{pid}/fd")).expect("it runs").count();
        (kib, files)
    }

    /// Sends it a signal.
    #[track_caller]
    pub fn signal(&mut self, signal: i32) {
        assert!(self.runs(), "{} has ended already: {}", self.name, self.stderr());
        let pid = i32::try_from(self.child.id()).expect("a pid is an int");
        // SAFETY: no memory is involved; the child was not waited for, so the pid is still its own.
        let result = unsafe { libc::kill(pid, signal) };
        assert_eq!(result, 0, "a child of ours can be signalled");
    }

    /// Waits for its end.
    #[track_caller]
    pub fn ends(&mut self) -> Ended {
        let status = until(|| {
            self.status().ok_or_else(|| format!("{} does not end; it says {}", self.name, self.stderr()))
        });
        Ended { code: status.code(), signal: status.signal(), stdout: self.stdout(), stderr: self.stderr() }
    }

    /// Waits for its successful end.
    #[track_caller]
    pub fn succeeds(&mut self) -> Ended {
        let ended = self.ends();
        assert_eq!(ended.code, Some(0), "{} failed ({:?}): {}", self.name, ended.signal, ended.stderr);
        ended
    }

    /// Waits for its end with failure: by its own exit status, not by a signal or a panic.
    #[track_caller]
    pub fn fails(&mut self) -> Ended {
        let ended = self.ends();
        assert!(
            matches!(ended.code, Some(1 | 2 | 65 | 78)),
            "{} ended with {:?} {:?}: {}",
            self.name,
            ended.code,
            ended.signal,
            ended.stderr
        );
        ended
    }

    /// SIGTERM, and the successful end that must follow.
    #[track_caller]
    pub fn terminates(&mut self) -> Ended {
        self.signal(libc::SIGTERM);
        self.succeeds()
    }

    /// `kill -9`.
    pub fn kill(&mut self) {
        let _ = self.child.kill(); // it may have ended already
        let _ = self.child.wait();
    }

    fn status(&mut self) -> Option<std::process::ExitStatus> {
        self.child.try_wait().expect("a child of ours can be waited for")
    }
}

impl Drop for Proc {
    fn drop(&mut self) {
        self.kill();
    }
}

fn with_end(prefix: &Path, end: &str) -> PathBuf {
    let mut path = prefix.as_os_str().to_owned();
    path.push(end);
    path.into()
}

/// Reads up to and with the first newline.
pub fn first_line(pipe: &mut impl Read) -> Vec<u8> {
    let mut line = Vec::new();
    let mut byte = [0];
    while line.last() != Some(&b'\n') && pipe.read(&mut byte).expect("a pipe can be read") == 1 {
        line.push(byte[0]);
    }
    line
}

/// Writes to a process that may have ended.
pub fn feed(pipe: &mut impl Write, bytes: &[u8]) -> bool {
    pipe.write_all(bytes).and_then(|()| pipe.flush()).is_ok()
}
