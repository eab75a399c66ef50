//! Several runs of several kinds, and what is told of them.

use super::measure::{Measure, Summary, find, summarize};
use super::plot::{self, Curve, Point};
use super::raw::{self, Effort};
use super::setting::{Amount, Seal, Setting};
use super::table::{Column, number, table};
use super::{json, run};
use crate::conf::{HEARTBEAT_DEFAULT, SUSPECT_DEFAULT, duration_text, size_text};
use std::fs;
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};

/// The parts of what a cluster takes at most at which latency is plotted.
const LADDER: [f64; 8] = [0.05, 0.1, 0.2, 0.35, 0.5, 0.65, 0.8, 0.9];
/// What of a rate must be delivered, or the run says that it was not.
const NEARLY_ALL: f64 = 0.98;

/// Why a session ended early.
pub enum Stopped {
    /// Nobody reads what is printed any more.
    Closed,
    /// A sentence about what went wrong.
    Failed(String),
}

impl From<String> for Stopped {
    fn from(sentence: String) -> Stopped {
        Stopped::Failed(sentence)
    }
}

/// Makes one run of a kind.
pub type Once<'a> = &'a dyn Fn(&Setting) -> Result<Vec<Measure>, String>;

/// How to measure, and how to tell it.
pub struct Session {
    pub runs: u32,
    /// JSON in place of a table.
    pub json: bool,
    /// Raw measures beside every run.
    pub raw: Option<Effort>,
    pub plot: Option<PathBuf>,
}

impl Session {
    /// Measures each of these kinds, and with a plot each of them at a ladder of rates.
    ///
    /// # Errors
    /// When a run was not right, or could not be had.
    pub fn run(&self, settings: &[Setting]) -> Result<(), Stopped> {
        let mut columns = Vec::new();
        let mut curves = Vec::new();
        for setting in settings {
            let summaries = self.kind(setting, &|setting| self.once(setting))?;
            let peak = median(&summaries, "values_per_s");
            columns.push(Column { title: title(setting), summaries });
            if self.plot.is_some() {
                curves.push(self.curve(setting, peak, &mut columns)?);
            }
        }
        if let (Some(path), Some(first)) = (&self.plot, settings.first()) {
            write_plot(path, &curves, &shape(first))?;
        }
        settings.first().map_or(Ok(()), |first| self.table(&about(first), &columns))
    }

    /// Measures each of these kinds by a function that makes one run of it; `more` says what that does.
    ///
    /// # Errors
    /// As [`Session::run`].
    pub fn measure(&self, settings: &[Setting], more: &str, once: Once<'_>) -> Result<(), Stopped> {
        let mut columns = Vec::new();
        for setting in settings {
            columns.push(Column { title: title(setting), summaries: self.kind(setting, once)? });
        }
        settings.first().map_or(Ok(()), |first| self.table(&format!("{}; {more}", shape(first)), &columns))
    }

    /// The table at the end, where one is wanted.
    fn table(&self, about: &str, columns: &[Column]) -> Result<(), Stopped> {
        if self.json {
            return Ok(());
        }
        print(&format!("{about}; {}\n\n{}", runs(self.runs), table(columns)))
    }

    /// Only the raw measures.
    ///
    /// # Errors
    /// When they could not be had.
    pub fn raw(&self, setting: &Setting, effort: Effort) -> Result<(), Stopped> {
        let mut runs = Vec::new();
        for number in 1..=self.runs as usize {
            let measures = raw::measure(setting, effort)?;
            if self.json {
                print(&(json::run(setting, number, &measures) + "\n"))?;
            }
            runs.push(measures);
        }
        let summaries = summarize(&runs);
        if self.json {
            return print(&(json::summary(setting, runs.len(), &summaries) + "\n"));
        }
        let about = format!("{} receivers of packets of {} bytes", setting.receivers(), setting.mtu - 28);
        self.table(&about, &[Column { title: "raw".into(), summaries }])
    }

    /// All runs of one kind.
    fn kind(&self, setting: &Setting, once: Once<'_>) -> Result<Vec<Summary>, Stopped> {
        let mut runs = Vec::new();
        for number in 1..=self.runs as usize {
            let measures = once(setting)?;
            tell(setting, (number, self.runs), &measures);
            if self.json {
                print(&(json::run(setting, number, &measures) + "\n"))?;
            }
            runs.push(measures);
        }
        let summaries = summarize(&runs);
        if self.json {
            print(&(json::summary(setting, runs.len(), &summaries) + "\n"))?;
        }
        Ok(summaries)
    }

    fn once(&self, setting: &Setting) -> Result<Vec<Measure>, String> {
        let mut measures = run::run(setting)?;
        if let Some(effort) = self.raw {
            let raw = raw::measure(setting, effort)?;
            let ratios = raw::ratios(setting, &measures, &raw);
            measures.extend(raw);
            measures.extend(ratios);
        }
        Ok(measures)
    }

    fn curve(&self, setting: &Setting, peak: f64, columns: &mut Vec<Column>) -> Result<Curve, Stopped> {
        let mut points = Vec::new();
        for part in LADDER {
            let rate = ((peak * part) as u64).max(1);
            let seconds = match setting.amount {
                Amount::Seconds(seconds) => seconds,
                Amount::Values(values) => values as f64 / peak,
            };
            let amount = Amount::Seconds(seconds);
            let step = Setting { rate: Some(rate), amount, ..setting.clone() };
            let summaries = self.kind(&step, &|setting| self.once(setting))?;
            points.push(Point {
                mbit_per_s: median(&summaries, "value_mbit_per_s"),
                values_per_s: median(&summaries, "values_per_s"),
                p50_us: median(&summaries, "latency_p50_us"),
                p99_us: median(&summaries, "latency_p99_us"),
            });
            columns.push(Column { title: title(&step), summaries });
        }
        Ok(Curve { name: format!("{} B", number(setting.size as f64)), points })
    }
}

fn median(summaries: &[Summary], key: &str) -> f64 {
    summaries.iter().find(|summary| summary.key == key).map_or(0.0, |summary| summary.spread.median)
}

/// A line on the log for each run, so that somebody who waits sees that it goes on.
fn tell(setting: &Setting, (number_of, runs): (usize, u32), measures: &[Measure]) {
    if let Some(Measure { label, value, .. }) = measures.first() {
        let title = title(setting);
        log::info!(target: "paxos", "run {number_of} of {runs}, {title}: {label} {}", number(*value));
    }
    if let (Some(rate), Amount::Seconds(_), Some(per_s)) =
        (setting.rate, setting.amount, find(measures, "values_per_s"))
        && per_s < rate as f64 * NEARLY_ALL
    {
        log::warn!(
            target: "paxos",
            "of {} values/s only {} were delivered in time; latency is that of values that queue up",
            number(rate as f64),
            number(per_s)
        );
    }
}

fn runs(number: u32) -> String {
    if number == 1 { "1 run".into() } else { format!("{number} runs: median (min..max)") }
}

fn title(setting: &Setting) -> String {
    let size = number(setting.size as f64);
    match setting.rate {
        None => format!("{size} B, no limit"),
        Some(rate) => format!("{size} B, {}/s", number(rate as f64)),
    }
}

fn shape(setting: &Setting) -> String {
    let Setting { clients, proposers, acceptors, learners, mtu, heartbeat, suspect, .. } = setting;
    let durable = if setting.data.is_some() { "durable" } else { "volatile" };
    let counted =
        |number: &u16, what: &str| format!("{number} {what}{}", if *number == 1 { "" } else { "s" });
    let times = match (*heartbeat, *suspect) {
        (HEARTBEAT_DEFAULT, SUSPECT_DEFAULT) => String::new(),
        (heartbeat, suspect) => {
            format!(", heartbeat {}, suspect {}", duration_text(heartbeat), duration_text(suspect))
        }
    };
    let reserve = match setting.reserve {
        0 => String::new(),
        bytes => format!(", {} of memory each taken before", size_text(bytes)),
    };
    let seal = match setting.seal {
        Seal::No => "",
        Seal::Key => ", sealed",
        Seal::Encrypt => ", encrypted",
    };
    format!(
        "{}, {}, {}{reserve}, {}, MTU {mtu} bytes{seal}{times}",
        counted(clients, "client"),
        counted(proposers, "proposer"),
        counted(acceptors, &format!("{durable} acceptor")),
        counted(learners, "learner")
    )
}

fn about(setting: &Setting) -> String {
    let amount = match setting.amount {
        Amount::Seconds(seconds) => format!("{} s", number(seconds)),
        Amount::Values(values) => format!("{} values", number(values as f64)),
    };
    let loss = match setting.loss {
        0.0 => String::new(),
        loss => format!(", {} % of datagrams lost", number(loss)),
    };
    format!("{}{loss}; {amount} a run", shape(setting))
}

fn write_plot(path: &Path, curves: &[Curve], about: &str) -> Result<(), String> {
    fs::write(path, plot::svg(curves, about)).map_err(|error| format!("--plot {}: {error}", path.display()))
}

fn print(text: &str) -> Result<(), Stopped> {
    let mut stdout = io::stdout().lock();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        Ok(()) => Ok(()),
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Err(Stopped::Closed),
        Err(error) => Err(Stopped::Failed(format!("paxos: stdout: {error}"))),
    }
}
