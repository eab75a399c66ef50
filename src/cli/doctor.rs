//! `paxos doctor`: examines, prints, and says by its exit status what it found.

use super::load;
use crate::doctor::judge::{self, Finding, Severity};
use crate::doctor::live::{self, Failure, Options};
use crate::doctor::{host, json, text};
use clap::Args;
use std::io::{self, ErrorKind, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

/// Exit status when nothing could be examined.
const NOT_RUN: u8 = 2;

#[derive(Args, Debug)]
pub struct DoctorArgs {
    /// The configuration file, the same that processes get.
    conf: PathBuf,
    /// How long to send and listen, from the moment that the last host was first heard.
    #[arg(long, value_name = "SECONDS", default_value = "5", value_parser = seconds)]
    seconds: Duration,
    /// Waits until so many hosts run it, this one included, for a minute at most; fewer are a problem.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=i64::from(wire::HEARD_MAX as u16)))]
    hosts: Option<u16>,
    /// Which observer this is; by default the last two bytes of the address. Any will do.
    #[arg(long)]
    id: Option<u16>,
    /// Prints one JSON object instead.
    #[arg(long)]
    json: bool,
}

fn seconds(word: &str) -> Result<Duration, String> {
    match word.parse::<f64>() {
        Ok(seconds) if (1.0..=300.0).contains(&seconds) => Ok(Duration::from_secs_f64(seconds)),
        _ => Err("write a number of seconds from 1 to 300".into()),
    }
}

/// Examines. The exit status is 0 when there is no problem, 1 when there is one, 2 when nothing could be examined.
pub fn main(args: &DoctorArgs) -> ExitCode {
    match run(args) {
        Ok(findings) if findings.iter().any(|finding| finding.severity == Severity::Problem) => {
            ExitCode::FAILURE
        }
        Ok(_) => ExitCode::SUCCESS,
        Err(message) => {
            super::complain(&message);
            ExitCode::from(NOT_RUN)
        }
    }
}

fn run(args: &DoctorArgs) -> Result<Vec<Finding>, String> {
    let conf = load(&args.conf).map_err(|failure| failure.sentence)?;
    let options = Options { time: args.seconds, id: args.id, hosts: args.hosts.map(usize::from) };
    let mut report = String::new();
    let findings = match live::examine(&conf, &options) {
        Ok((facts, survey)) => {
            let findings = judge::findings(&facts, &survey);
            if args.json {
                report = format!("{}\n", json::report(&facts, &survey, &findings));
            } else {
                text::print(&mut report, &facts, &survey, &findings).expect("a string takes it");
            }
            findings
        }
        Err(Failure::Unusable(error)) => {
            let findings = vec![judge::unusable(&error.to_string())];
            if args.json {
                report = format!("{}\n", json::unusable(&host::name(), &findings));
            } else {
                text::print_findings(&mut report, &findings).expect("a string takes it");
            }
            findings
        }
        Err(Failure::System { doing, error }) => {
            return Err(format!("paxos doctor: cannot {doing}: {error}"));
        }
    };
    // Colours are for terminals; this leaves them out elsewhere.
    let mut out = anstream::AutoStream::auto(io::stdout());
    match out.write_all(report.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(format!("paxos doctor: stdout: {error}")),
        _ => Ok(findings),
    }
}
