//! `wire story`: its options, and its inputs.

use super::{Error, captures, values};
use std::path::PathBuf;
use std::process::ExitCode;
use wire::story::{Subject, find, tell};

const AFTER_HELP: &str = "\
Each line is: seconds since the first packet of ours, what it means for the story, the packet as wire dump
prints it. Votes that a later 2b repeats are counted and not shown. At the end stands how long each step took,
and what of it the captures do not show: packets that were not captured, and what happens inside a process.
A learner says how far it has delivered only when it reports. Of packets that the captures cut off, as traces of
processes do unless --trace-snap is 0, only the beginning is known: which instance a 2a is for, not its values.

Examples:
  wire story run.pcap --instance 7
  wire story run.pcap --client C1 --sequence 0      the value that begins in entry 0 of client 1
  wire story a.pcap b.pcap --instance 7             what two hosts saw";

#[derive(clap::Args)]
#[command(after_help = AFTER_HELP)]
#[command(group(clap::ArgGroup::new("subject").required(true).args(["instance", "client"])))]
pub struct Args {
    /// pcap or pcapng files, as tcpdump -w and tshark -w write them, merged by time; they are read twice, so no pipes
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,

    #[command(flatten)]
    key: captures::KeyArg,

    /// Tell of this instance
    #[arg(long, value_name = "INSTANCE")]
    instance: Option<u64>,

    /// Tell of a value of this client: C1 or 1
    #[arg(long, value_name = "CLIENT", value_parser = values::client, requires = "sequence")]
    client: Option<u16>,

    /// The number of the client's entry in which the value begins, as in C1#0 of a 2a
    #[arg(long, value_name = "NUMBER", requires = "client")]
    sequence: Option<u64>,
}

pub fn run(args: &Args) -> Result<ExitCode, Error> {
    if args.files.iter().any(|path| captures::is_stdin(path)) {
        return Err(Error::StdinReadTwice);
    }
    if let Some(pipe) =
        args.files.iter().find(|path| path.exists() && !path.is_dir() && !captures::stays(path))
    {
        return Err(Error::PipeReadTwice(pipe.clone()));
    }
    let subject = match (args.instance, args.client, args.sequence) {
        (Some(instance), ..) => Subject::Instance(instance),
        (None, Some(client), Some(number)) => Subject::Value { client, number },
        _ => unreachable!("the command line asks for one of them"),
    };
    let mut talk = captures::Talk::default();
    let keys = args.key.keys()?;
    let (_, inputs) = captures::open_all(&args.files, keys.as_ref(), &mut talk)?;
    if inputs.is_empty() {
        return Ok(ExitCode::FAILURE);
    }
    let found = find(inputs, subject, &mut talk);
    // What cannot be read was said the first time.
    let mut silent = captures::Talk::quiet();
    let (_, inputs) = captures::open_all(&args.files, keys.as_ref(), &mut silent)?;
    let text = tell(inputs, subject, &found, &mut silent);
    super::print(&text)?;
    Ok(if talk.failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}
