//! `wire dump`: its options, its inputs, and what it says on standard error.

use super::captures::{self, name, say};
use super::follow::Followed;
use super::{Error, values};
use crate::live::Live;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{ArgAction, ValueEnum};
use signal_hook::consts::SIGINT;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use wire::Kind;
use wire::capture::{self, Capture};
use wire::dump::{
    BallotId, Depth, Filter, FlushFirst, Format, Host, Input, Instances, Options, Output, SenderId, Stream,
    Summary, dump,
};

/// How often a followed file is looked at: below what a person notices.
const LOOK: Duration = Duration::from_millis(50);

const AFTER_HELP: &str = "\
A line is: seconds since the first packet of ours, source, destination, packet. In traces of processes (paxos
--trace) the process and `in` or `out` stand before the source, and in brackets behind the packet why it was
refused or not sent, and what the process missed before it.

Times of --since and --until count from the first packet as well. A filter for what is in a packet leaves
malformed ones out; of a packet that the capture cut it sees kind, sender, and of 2a and value instance and
ballot. Followed files are printed as they come; their packets are not put in order with those that come later.

Frames that hold no packet of ours are counted in a summary on standard error. The exit status is 1 when
a file, or a part of it, could not be read; all that can be read is printed. Link types: Ethernet (with VLAN
tags), Linux cooked v1 and v2, BSD loopback, raw IP; IPv4 only.

Examples:
  tcpdump -i lo -w run.pcap udp               record on loopback; end it with ^C
  wire dump run.pcap
  wire dump a.pcap b.pcap --instance 7        what two hosts saw of one instance, by time
  wire dump run.pcap --kind 2a,2b --ballot 3.P1
  wire dump run.pcap --json | jq .kind        the objects are described in docs/wire-json.md
  tcpdump -i lo -U -w - udp | wire dump -     watch while it happens
  wire dump --follow run.pcap                 the same, from a file that another writes
  wire dump --live paxos.conf                 the same of the groups alone, without tcpdump and its rights
  wire dump a1.pcapng                         what `paxos acceptor 1 paxos.conf --trace a1.pcapng` saw";

#[derive(clap::Args)]
#[command(after_help = AFTER_HELP)]
pub struct Args {
    /// pcap or pcapng files, as tcpdump -w and tshark -w write them, merged by time; - is standard input
    #[arg(required_unless_present = "live", value_name = "FILE")]
    files: Vec<PathBuf>,

    /// Listen to the four groups of this configuration, on its interface, until ^C
    #[arg(long, value_name = "CONF", conflicts_with_all = ["files", "follow"])]
    live: Option<PathBuf>,

    #[command(flatten)]
    key: captures::KeyArg,

    /// Below each packet: a line for its header, one for its body, one for each record
    #[arg(short, long)]
    verbose: bool,

    /// Below each packet: a line for each field, with its bytes
    #[arg(short = 'x', long)]
    hex: bool,

    /// Print a JSON object per line instead of text
    #[arg(long, conflicts_with_all = ["verbose", "hex"])]
    json: bool,

    /// Go on with what is added to the files until ^C, also when a file is yet to come or replaced
    #[arg(short, long)]
    follow: bool,

    /// When lines have colours; auto: on a terminal, unless NO_COLOR is set
    #[arg(long, value_enum, value_name = "WHEN", default_value_t = Colour::Auto)]
    color: Colour,

    // Last, because a heading is that of all that follows.
    #[command(flatten)]
    filter: FilterArgs,
}

/// Which packets are printed.
#[derive(clap::Args)]
#[command(next_help_heading = "Filters, all of which must hold")]
pub(super) struct FilterArgs {
    /// Packets of these kinds, as in 2a,2b
    #[arg(long, value_name = "KIND,…", value_delimiter = ',', value_parser = kind())]
    kind: Vec<Kind>,

    /// Packets about one of these instances: 7, 7..9 (7 and 8), 7.. or ..9; that is 2a, value, and ranges of
    /// 2b, 1b, catch-up and fetch
    #[arg(long, value_name = "INSTANCES", value_parser = values::instances)]
    instance: Option<Instances>,

    /// Packets that name this ballot: round and proposer, as in 3.P1
    #[arg(long, value_name = "BALLOT", value_parser = values::ballot)]
    ballot: Option<BallotId>,

    /// Packets sent by one of these, as in A2 or P1,P2: C client, P proposer, A acceptor, L learner
    #[arg(long, value_name = "SENDER,…", value_delimiter = ',', value_parser = values::sender)]
    from: Vec<SenderId>,

    /// Packets with values of this client, or acks of them: C1 or 1
    #[arg(long, value_name = "CLIENT,…", value_delimiter = ',', value_parser = values::client)]
    client: Vec<u16>,

    /// Packets from this time on, in seconds as they are printed, as in 1.5 or 1500ms
    #[arg(long, value_name = "TIME", value_parser = values::time, allow_hyphen_values = true)]
    since: Option<i128>,

    /// Packets before this time
    #[arg(long, value_name = "TIME", value_parser = values::time, allow_hyphen_values = true)]
    until: Option<i128>,

    /// Only what was refused as a packet, with the reason
    #[arg(long, action = ArgAction::SetTrue,
        conflicts_with_all = ["kind", "instance", "ballot", "from", "client"])]
    malformed: bool,
}

#[derive(Clone, Copy, ValueEnum)]
enum Colour {
    Auto,
    Always,
    Never,
}

fn kind() -> impl TypedValueParser<Value = Kind> {
    PossibleValuesParser::new(Kind::ALL.map(Kind::name)).map(|name| {
        let named = Kind::ALL.into_iter().find(|kind| kind.name() == name);
        named.expect("it is one of the possible values")
    })
}

impl From<FilterArgs> for Filter {
    fn from(args: FilterArgs) -> Filter {
        Filter {
            kinds: args.kind,
            instances: args.instance,
            ballot: args.ballot,
            from: args.from,
            clients: args.client,
            since_ns: args.since,
            until_ns: args.until,
            malformed: args.malformed,
        }
    }
}

impl Colour {
    fn on(self, output: &io::Stdout) -> bool {
        match self {
            Colour::Auto => anstream::AutoStream::choice(output) != anstream::ColorChoice::Never,
            Colour::Always => true,
            Colour::Never => false,
        }
    }
}

pub fn run(args: Args) -> Result<ExitCode, Error> {
    captures::stdin_once(&args.files)?;
    let keys = args.key.keys()?;
    let stdout = io::stdout();
    let options = Options {
        filter: args.filter.into(),
        format: if args.json { Format::Json } else { Format::Lines },
        depth: match (args.hex, args.verbose) {
            (true, _) => Depth::Bytes,
            (_, true) => Depth::Fields,
            _ => Depth::Line,
        },
        colour: args.color.on(&stdout),
    };
    let output = Output::new(stdout.lock());
    let mut host = Patient::default();
    if args.follow || args.live.is_some() {
        // The second ^C ends the process even while it waits for who reads its output.
        signal_hook::flag::register_conditional_shutdown(SIGINT, 130, host.ended.clone())
            .and_then(|_| signal_hook::flag::register(SIGINT, host.ended.clone()))
            .map_err(Error::Signal)?;
    }
    let mut inputs = Vec::new();
    if let Some(conf) = &args.live {
        let live = Live::open(conf, host.ended.clone()).map_err(Error::Sentence)?;
        inputs.push(Input {
            name: name(conf),
            stream: captures::opened(capture_of(live, &output), keys.as_ref()),
        });
    }
    for path in &args.files {
        match open(path, args.follow, &host.ended, &output) {
            Ok(stream) => {
                let stream = captures::opened(stream, keys.as_ref());
                inputs.push(Input { name: name(path), stream });
            }
            Err(error) => host.talk.fail(&error.to_string()),
        }
    }
    if inputs.is_empty() {
        return Ok(ExitCode::FAILURE);
    }
    let (summary, written) = dump(inputs, &options, &output, &mut host);
    match written {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => return Ok(ExitCode::SUCCESS),
        written => written.map_err(Error::Write)?,
    }
    if !host.talk.failed || summary != Summary::default() {
        say(&summary.to_string());
    }
    Ok(if host.talk.failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn open<'a, W: Write>(
    path: &Path,
    follow: bool,
    ended: &Arc<AtomicBool>,
    output: &'a Output<W>,
) -> Result<Box<dyn Stream + 'a>, Error> {
    if !follow {
        return Ok(capture_of(captures::open(path)?, output));
    }
    if captures::is_stdin(path) {
        return Err(Error::FollowStdin);
    }
    let followed = || Box::new(Followed::new(path.into(), ended.clone()));
    match captures::open_file(path) {
        Err(Error::Open(_, error)) if error.kind() == io::ErrorKind::NotFound => {
            say(&format!("{}: not there yet, waiting for it", path.display()));
            Ok(followed())
        }
        Err(error) => Err(error),
        Ok((_, metadata)) if metadata.is_file() => Ok(followed()),
        // A pipe is read until it is closed, whatever is asked.
        Ok((pipe, _)) => Ok(capture_of(pipe, output)),
    }
}

fn capture_of<'a, W: Write>(input: impl Read + 'a, output: &'a Output<W>) -> Box<dyn Stream + 'a> {
    Box::new(Capture::new(FlushFirst::new(input, output)))
}

/// Waits for more, where files are followed or groups are listened to, until ^C.
#[derive(Default)]
struct Patient {
    talk: captures::Talk,
    ended: Arc<AtomicBool>,
}

impl Host for Patient {
    fn failed(&mut self, name: &str, error: capture::Error) {
        self.talk.failed(name, error);
    }

    fn wait(&mut self) -> bool {
        std::thread::sleep(LOOK);
        !self.ended.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Alone {
        #[command(flatten)]
        args: Args,
    }

    fn parse(line: &str) -> Result<Filter, String> {
        let words = std::iter::once("dump").chain(line.split_whitespace());
        Alone::try_parse_from(words).map(|alone| alone.args.filter.into()).map_err(|error| error.to_string())
    }

    #[test]
    fn filters_are_understood_as_they_are_written() {
        let line = "a b --kind 2a,catch-up --instance 7..9 --ballot 3.P1 --from A2,l1 --client C1,2 --since -1 --until 2s";
        let filter = parse(line).expect("well formed");
        assert_eq!(filter.kinds, [Kind::Phase2a, Kind::CatchUp]);
        assert_eq!(filter.instances, Some(Instances { first: 7, last: 8 }));
        assert_eq!(filter.ballot, Some(BallotId { round: 3, proposer: 1 }));
        assert_eq!(filter.from.len(), 2);
        assert_eq!(filter.clients, [1, 2]);
        assert_eq!((filter.since_ns, filter.until_ns), (Some(-1_000_000_000), Some(2_000_000_000)));
        assert!(!filter.malformed);
    }

    #[test]
    fn an_unknown_kind_is_answered_with_the_list_of_kinds() {
        let told = parse("a --kind 2c").expect_err("there is no such kind");
        for kind in Kind::ALL {
            assert!(told.contains(kind.name()), "{told}");
        }
    }

    #[test]
    fn what_is_malformed_has_no_kind_to_filter_for() {
        let told = parse("a --malformed --kind 2a").expect_err("nothing can be both");
        assert!(told.contains("'--malformed' cannot be used with '--kind"), "{told}");
        assert!(parse("a --malformed --since 1").is_ok());
    }
}
