//! `wire stat`: its options.

use super::dump::FilterArgs;
use super::{Error, captures};
use std::path::PathBuf;
use std::process::ExitCode;
use wire::stat::{json, stat, text};

const AFTER_HELP: &str = "\
A packet is counted once, however many of the captures, interfaces or receivers show it: it is known by its sender,
the sender's start and its sequence number. What a capture lacks, nobody can count: times are between sightings, and
a gap in a sender's numbers is what was lost on the way to the capture, or was not sent there. Captures of several
hosts are taken to have one clock. Traces of processes (paxos --trace) are captures like any other.

Memory is bounded: 64 processes are told apart, 4096 instances and 16384 entries followed at once.

Examples:
  wire stat run.pcap
  wire stat traces/*.pcapng       also what each of them lacks of what the others show
  wire stat run.pcap --since 10 --until 20
  wire stat run.pcap --json | jq .submit_to_ack_ns.p99    the object is described in docs/wire-json.md";

#[derive(clap::Args)]
#[command(after_help = AFTER_HELP)]
pub struct Args {
    /// pcap or pcapng files, as for wire dump; - is standard input
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,

    #[command(flatten)]
    key: captures::KeyArg,

    /// Print one JSON object instead of tables
    #[arg(long)]
    json: bool,

    // Last, because a heading is that of all that follows.
    #[command(flatten)]
    filter: FilterArgs,
}

pub fn run(args: Args) -> Result<ExitCode, Error> {
    let mut talk = captures::Talk::default();
    let keys = args.key.keys()?;
    let (_, inputs) = captures::open_all(&args.files, keys.as_ref(), &mut talk)?;
    if inputs.is_empty() {
        return Ok(ExitCode::FAILURE);
    }
    let counted = stat(inputs, &args.filter.into(), &mut talk);
    super::print(&if args.json { json(&counted) } else { text(&counted) })?;
    Ok(if talk.failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}
