//! `paxos log`: what an acceptor remembers on disk, for a person to look at. It reads as recovery does, never
//! writes, and takes no lock, so an acceptor may run meanwhile.

use super::complain;
use crate::engine::files::Segments;
use crate::engine::storage::counts;
use crate::journal::{Fault, OpenError, Place, Record, Report, Source, scan};
use clap::Subcommand;
use std::io::{self, BufWriter, ErrorKind, Write};
use std::mem::discriminant;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

#[derive(Subcommand, Debug)]
pub enum Command {
    /// Checks everything; one line for each damage, and a summary. The exit status is 1 if there is any.
    Verify {
        /// The directory of one acceptor, or one that was set aside.
        dir: PathBuf,
    },
    /// Prints one line for each record: segment, byte, what it says.
    Dump {
        /// The directory of one acceptor, or one that was set aside.
        dir: PathBuf,
        /// Leaves out what is about earlier instances only.
        #[arg(long, value_name = "INSTANCE", default_value_t = 0)]
        from: u64,
    },
}

/// How long a frame that looks torn may take to be written, if that is all there is to it.
const WRITTEN: Duration = Duration::from_millis(300);

/// Does what was asked.
///
/// # Errors
/// A sentence that begins with the directory: it holds no log, or the log cannot be read.
pub fn run(command: &Command) -> Result<ExitCode, String> {
    let mut out = BufWriter::new(io::stdout().lock());
    let (dir, result) = match command {
        Command::Verify { dir } => (dir, verify(dir, &mut out)),
        Command::Dump { dir, from } => (dir, dump(dir, *from, &mut out)),
    };
    match result.and_then(|code| Ok(out.flush().map(|()| code)?)) {
        // Whoever closed our output has seen enough.
        Err(OpenError::Io(error)) if error.kind() == ErrorKind::BrokenPipe => Ok(ExitCode::SUCCESS),
        Err(OpenError::Io(error)) if error.kind() == ErrorKind::NotFound => {
            Err(format!("{}: there is no log here ({error})", dir.display()))
        }
        Err(error) => Err(format!("{}: {error}", dir.display())),
        Ok(code) => Ok(code),
    }
}

type Each<'a> = &'a mut dyn FnMut(Place, Record<'_>) -> io::Result<()>;

fn look(dir: &Path, each: Each<'_>) -> Result<Report, OpenError> {
    let mut segments = Segments::of(dir);
    if segments.segments()?.is_empty() {
        return Err(io::Error::new(ErrorKind::NotFound, "no file of it").into());
    }
    Ok(scan(&mut segments, None, each)?.0)
}

fn verify(dir: &Path, out: &mut impl Write) -> Result<ExitCode, OpenError> {
    let mut report = look(dir, &mut |_, _| Ok(()))?;
    if !report.is_clean() {
        // An acceptor may be writing: what is in the making looks torn, or a later segment was seen fuller
        // than an earlier one. Damage stays where it is; the end of a log in use moves on.
        std::thread::sleep(WRITTEN);
        let before = std::mem::replace(&mut report, look(dir, &mut |_, _| Ok(()))?).findings;
        report.findings.retain(|finding| {
            let same = |what: &Fault| discriminant(what) == discriminant(&finding.what);
            before.iter().any(|earlier| earlier.place == finding.place && same(&earlier.what))
        });
    }
    for finding in &report.findings {
        writeln!(out, "{finding}")?;
    }
    writeln!(out, "{}", summary(&report))?;
    Ok(if report.is_clean() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// `acceptor 1 of cluster 0a1b2c3d: 9 records in 1 segment, 0.1 MiB, 4 frames; clean`
fn summary(report: &Report) -> String {
    let owner = report.owner.map_or("nobody yet".to_string(), |owner| owner.to_string());
    let count = |which: fn(&Fault) -> bool| report.findings.iter().filter(|found| which(&found.what)).count();
    let damaged = count(|what| matches!(what, Fault::Body { .. }));
    let repaired = count(|what| matches!(what, Fault::Body { repaired: true, .. }));
    let torn = count(|what| matches!(what, Fault::TornTail { .. }));
    let lost = count(|what| matches!(what, Fault::Lost(_)));
    let verdict = match (report.findings.len(), lost) {
        (0, _) => "clean".to_string(),
        (_, 0) => {
            let harmless = report.findings.len() - damaged - torn;
            format!(
                "{damaged} damaged ({repaired} of them repaired), {torn} torn tail, {harmless} without harm; \
                 the acceptor can start"
            )
        }
        _ => format!("{lost} times lost what was said: the acceptor would start without memory"),
    };
    format!("{owner}: {}, {} frames; {verdict}", counts(report), report.frames)
}

fn dump(dir: &Path, from: u64, out: &mut impl Write) -> Result<ExitCode, OpenError> {
    let report = look(dir, &mut |place, record| {
        let wanted = match &record {
            Record::Accepted { instance, .. } | Record::Damaged { instance, .. } => *instance >= from,
            Record::Decided { until } => *until > from,
            Record::Promised { .. } | Record::Standing(_) => true,
        };
        if wanted { writeln!(out, "{}:{:<8} {record}", place.segment, place.offset) } else { Ok(()) }
    })?;
    out.flush()?;
    // A torn tail may be one that is being written.
    let told = |what: &Fault| !matches!(what, Fault::TornTail { .. });
    for finding in report.findings.iter().filter(|finding| told(&finding.what)) {
        complain(&format!("{}: {finding}", dir.display()));
    }
    Ok(ExitCode::SUCCESS)
}

#[cfg(test)]
mod tests;
