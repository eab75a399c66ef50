//! `wire check`: its options, its inputs, and its exit status.

use super::{Error, captures};
use std::path::PathBuf;
use std::process::ExitCode;
use wire::check::{Order, check};

const AFTER_HELP: &str = "\
Rules:
  one-value     a ballot has one value for each instance
  one-decision  one value is decided for an instance, and proposed for it in all higher ballots
  proposed      votes are for what was proposed
  decided       what is said to be decided has a majority of live voters in one ballot
  acknowledged  what clients are told is decided
  promises      a promise never falls, nor across restarts of one life; nothing is accepted below it
  memory        a 1b tells of all that its sender accepted, or that it has forgotten
  lives         nobody speaks from a life that it knows to be over
  members       who promises or votes founded the log, or was let in by enough others
  watermarks    what a process knows decided never becomes less
  starts        a ballot, and an incarnation, belongs to one start of one process
  set           there are no more acceptors than the set holds

What the captures cannot show is not judged, and told: an acceptor whose sequence numbers have gaps may have
voted for anything. Of a log that began before the capture, decisions without votes are not judged. Where one
capture holds all of one host (one file, loopback), a claim must follow its proof; elsewhere it may come first.

The exit status is 1 when a rule is broken. It is 2 when none is, as far as was seen, and a capture could not be
read as a whole, or no packet was found that could be judged.

Examples:
  tcpdump -i lo -B 65536 -w run.pcap udp      record all of a cluster on loopback; end it with ^C
  wire check run.pcap
  wire check a.pcap b.pcap c.pcap             what three hosts saw
  wire check --json run.pcap | jq -r 'select(.check == \"violation\") | .text'
  paxos sim --seed 7 --trace run.pcapng && wire check run.pcapng";

/// The exit status of a check that found nothing wrong and did not see all.
const UNKNOWN: u8 = 2;

#[derive(clap::Args)]
#[command(after_help = AFTER_HELP)]
pub struct Args {
    /// pcap or pcapng files, as tcpdump -w and tshark -w write them, merged by time; - is standard input
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,

    #[command(flatten)]
    key: captures::KeyArg,

    /// Print JSON objects, one a line: violations, what could not be judged, and a summary
    #[arg(long)]
    json: bool,

    /// The order of packets is that in which they were sent: all of them were recorded on the one host that
    /// every process ran on. Taken for granted for a single file with nothing but loopback addresses
    #[arg(long, conflicts_with = "any_order")]
    one_host: bool,

    /// The order of packets says nothing
    #[arg(long)]
    any_order: bool,
}

pub fn run(args: &Args) -> Result<ExitCode, Error> {
    // Status 1 is kept for broken rules.
    Ok(judge(args).unwrap_or_else(|error| {
        captures::say(&error.to_string());
        ExitCode::from(UNKNOWN)
    }))
}

fn judge(args: &Args) -> Result<ExitCode, Error> {
    let mut talk = captures::Talk::default();
    let keys = args.key.keys()?;
    let (paths, inputs) = captures::open_all(&args.files, keys.as_ref(), &mut talk)?;
    if inputs.is_empty() {
        return Ok(ExitCode::from(UNKNOWN));
    }
    let order = match (args.one_host, args.any_order) {
        (true, _) => Order::AsHappened,
        (_, true) => Order::Unknown,
        _ => Order::Guess,
    };
    let files: Vec<String> = inputs.iter().map(|input| input.name.clone()).collect();
    let mut report = check(inputs, order, &mut talk);
    for (at, path) in paths.iter().enumerate() {
        if !report.wanted(at).is_empty()
            && let Some(capture) = captures::again(path)
        {
            wire::check::look_up(&mut report, at, captures::opened(capture, keys.as_ref()));
        }
    }
    let text = if args.json { report.json(&files) } else { report.text(&files) };
    super::print(&text)?;
    Ok(match (report.is_fine(), talk.failed || report.packets == 0) {
        (false, _) => ExitCode::FAILURE,
        (true, true) => ExitCode::from(UNKNOWN),
        (true, false) => ExitCode::SUCCESS,
    })
}
