//! `wire flow`: its options, and where the picture goes.

use super::captures::{self, name, say};
use super::dump::FilterArgs;
use super::{Error, values};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use wire::dump::{Filter, SenderId};
use wire::flow::{Format, Options, Summary, flow};

const AFTER_HELP: &str = "\
A line per process, grouped by role, time downwards, and an arrow per packet to each receiver, in colours by kind.
Who receives is inferred (dashed) from who listens where; with one capture nothing tells when. A trace of a process
(paxos --trace), or a capture that is called after one (A2.pcap, learner1.pcap), shows what that process sent and
received: then arrows end when they did (solid), what the trace lacks is crossed out, and what it says beside is
told. All clocks are taken as one.

Long gaps are cut short, with their length on the axis. Of more packets than --events says, those alike (one sender,
kind and destination) that follow each other are drawn as one with their number, so a picture of any capture opens:
about 1 KiB per event. The page looks closer: hover over a packet for its line, filter by words, drag, zoom.

Examples:
  wire flow run.pcap -o run.html
  wire flow run.pcap --since 1.05 --until 1.06 -o one.svg
  wire flow run.pcap --instance 7 -o - >seven.svg
  wire flow traces/*.pcapng -o losses.html";

#[derive(clap::Args)]
#[command(after_help = AFTER_HELP)]
pub struct Args {
    /// pcap or pcapng files, as for wire dump; - is standard input
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,

    #[command(flatten)]
    key: captures::KeyArg,

    /// Where the picture goes: FILE.svg, or FILE.html for a page; - is standard output, as SVG
    #[arg(short, long, value_name = "FILE", value_parser = target)]
    output: Target,

    /// How many packets are drawn one by one
    #[arg(long, value_name = "COUNT", default_value_t = 1500, value_parser = clap::value_parser!(u32).range(10..=20_000))]
    events: u32,

    /// What the picture is called; otherwise by its files
    #[arg(long, value_name = "TEXT")]
    title: Option<String>,

    // Last, because a heading is that of all that follows.
    #[command(flatten)]
    filter: FilterArgs,
}

#[derive(Clone, Debug)]
struct Target {
    /// `None`: standard output.
    path: Option<PathBuf>,
    format: Format,
}

fn target(text: &str) -> Result<Target, String> {
    if text == "-" {
        return Ok(Target { path: None, format: Format::Svg });
    }
    let path = PathBuf::from(text);
    let ending = path.extension().map(|ending| ending.to_ascii_lowercase());
    let format = match ending.as_ref().and_then(|ending| ending.to_str()) {
        Some("svg") => Format::Svg,
        Some("html" | "htm") => Format::Html,
        _ => return Err("the name says what is written: end it with .svg or .html".into()),
    };
    Ok(Target { path: Some(path), format })
}

/// The process that a file is called after.
fn process(path: &Path) -> Option<SenderId> {
    let stem = path.file_name()?.to_str()?.split('.').next()?.to_ascii_lowercase();
    let digits = stem.trim_start_matches(|letter: char| letter.is_ascii_lowercase() || "-_".contains(letter));
    let role = stem[..stem.len() - digits.len()].trim_end_matches(['-', '_']);
    let known = wire::Role::ALL.into_iter().find(|known| role == known.name() || role.len() == 1);
    known.and_then(|known| {
        let letter = if role == known.name() { known.letter().to_string() } else { role.into() };
        values::sender(&format!("{letter}{digits}")).ok()
    })
}

pub fn run(args: Args) -> Result<ExitCode, Error> {
    let mut talk = captures::Talk::default();
    let keys = args.key.keys()?;
    let (paths, inputs) = captures::open_all(&args.files, keys.as_ref(), &mut talk)?;
    if inputs.is_empty() {
        return Ok(ExitCode::FAILURE);
    }
    let traces: Vec<_> = paths.iter().map(|path| process(path)).collect();
    let last = |path: &PathBuf| {
        path.file_name().map_or_else(|| name(path), |last| last.to_string_lossy().into_owned())
    };
    let named = || args.files.iter().map(last).collect::<Vec<_>>().join(", ");
    let options = Options {
        filter: args.filter.into(),
        format: args.output.format,
        events_max: args.events as usize,
        title: args.title.unwrap_or_else(named),
    };
    let filtered = options.filter != Filter::default();
    let (text, summary) = flow(inputs, traces, &options, &mut talk);
    match args.output.path {
        None => super::print(&text)?,
        Some(path) => {
            std::fs::write(&path, &text).map_err(|error| Error::Create(path, error))?;
            ExitCode::SUCCESS
        }
    };
    say(&told(&summary, filtered));
    Ok(if talk.failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// What is drawn, in a line.
fn told(summary: &Summary, filtered: bool) -> String {
    let plural = |count| if count == 1 { "" } else { "s" };
    let (packets, events) = (summary.packets, summary.events);
    let mut told = format!("{packets} packet{} of {} processes", plural(packets), summary.processes);
    if (events as u64) < packets {
        told += &format!(", drawn as {events}: those alike together");
    }
    if summary.left_out > 0 {
        told += &format!(", {} more left out", summary.left_out);
    }
    if packets == 0 && filtered {
        told += "; is the filter too narrow?";
    }
    told
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_a_trace_when_it_is_called_after_a_process() {
        let told = |path| process(Path::new(path)).map(|process| process.to_string());
        for (path, name) in [
            ("A2.pcap", "A2"),
            ("/some/where/l1.pcapng", "L1"),
            ("learner1.pcap", "L1"),
            ("acceptor-3.pcapng.1", "A3"),
            ("proposer_65535.pcap", "P65535"),
        ] {
            assert_eq!(told(path).as_deref(), Some(name), "{path}");
        }
        for path in ["run.pcap", "-", "run1.pcap", "x1.pcap", "a.pcap", "1.pcap", "a1b.pcap", "é1.pcap", ""]
        {
            assert_eq!(told(path), None, "{path}");
        }
    }

    #[test]
    fn the_name_of_the_output_says_what_it_is() {
        assert_eq!(target("a.SVG").map(|target| target.format), Ok(Format::Svg));
        assert_eq!(target("b/a.html").map(|target| target.format), Ok(Format::Html));
        assert!(target("-").is_ok_and(|target| target.path.is_none()));
        assert!(target("a.png").is_err() && target("svg").is_err());
    }

    #[test]
    fn a_filter_is_blamed_only_where_there_is_one() {
        let nothing = Summary::default();
        assert_eq!(told(&nothing, false), "0 packets of 0 processes");
        assert!(told(&nothing, true).ends_with("is the filter too narrow?"));
    }
}
