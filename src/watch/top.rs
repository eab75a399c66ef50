//! `paxos top`: a cluster in a terminal, always as it is now.
//!
//! [`draw`] is a function of what was heard, so tests look at its cells; [`run`] has the terminal.

use super::findings::{Finding, judge};
use super::gather::{Cluster, Seen};
use super::listen::Listener;
use super::table::does;
use crate::protocol::Nanos;
use crate::text::{bytes, counted, grouped, micros, rate, span};
use ratatui::Frame;
use ratatui::crossterm::event::{self, Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, Borders, Cell, Paragraph, Row, Sparkline, Table, Wrap};
use std::collections::{BTreeSet, VecDeque};
use std::io::IsTerminal;
use std::os::fd::AsFd;
use std::time::Duration;
use wire::Role;
use wire::status::state;

/// How often it is drawn, when nothing is typed.
const GLANCE: Duration = Duration::from_millis(250);
/// How often the rate of the whole is noted for its history.
const MOMENT: Nanos = 1_000_000_000;
/// How many of these are kept: the width of a wide terminal.
const MOMENTS_MAX: usize = 400;
/// Below this width addresses are left out.
const WIDE: u16 = 112;
/// From this height on it is told what to do, too.
const SPACIOUS: u16 = 32;
/// Moments of a process's own history that are drawn.
const SPARKS: usize = 10;

const BAD: Style = Style::new().fg(Color::Red).add_modifier(Modifier::BOLD);
const ODD: Style = Style::new().fg(Color::Yellow);
const GOOD: Style = Style::new().fg(Color::Green);
const HEAD: Style = Style::new().add_modifier(Modifier::BOLD);
const FAINT: Style = Style::new().add_modifier(Modifier::DIM);

/// What is drawn beside the cluster itself.
#[derive(Debug, Default)]
pub struct View {
    /// Instances per second of the whole, a number for each second.
    history: VecDeque<u64>,
    noted: Nanos,
    /// Rows of the table that are scrolled away.
    scrolled: usize,
    without_clients: bool,
    /// The problems that were there last: what is new, or over, is an event.
    problems: BTreeSet<String>,
}

/// Draws until `q` is typed, or `stop` says so.
///
/// # Errors
/// A sentence when there is no terminal, or the cluster cannot be heard any more.
pub fn run(listener: &mut Listener, stop: impl Fn() -> bool) -> Result<(), String> {
    if !std::io::stdout().is_terminal() {
        return Err("paxos top draws on a terminal, and stdout is none: `paxos status` is for scripts".into());
    }
    let failed = |error: std::io::Error| format!("the terminal: {error}");
    // A panic gives the terminal back, too: that is part of this.
    let mut terminal = ratatui::try_init().map_err(failed)?;
    let result = (|| {
        // Anything else would be readable at once, for ever; keys come from the terminal all the same.
        let keys = Some(std::io::stdin()).filter(IsTerminal::is_terminal);
        let mut view = View::default();
        while !stop() {
            listener.listen(GLANCE, keys.as_ref().map(AsFd::as_fd))?;
            while event::poll(Duration::ZERO).map_err(failed)? {
                if let Event::Key(key) = event::read().map_err(failed)?
                    && view.typed(key)
                {
                    return Ok(());
                }
            }
            let now = listener.now();
            let warm = listener.cluster.is_warm(now);
            let findings = if warm { judge(&listener.cluster, now) } else { Vec::new() };
            view.note(&mut listener.cluster, &findings, now);
            terminal
                .draw(|frame| draw(frame, &mut view, &listener.cluster, &findings, now))
                .map_err(failed)?;
        }
        Ok(())
    })();
    // Some terminals that were made larger meanwhile would show what is left in it.
    let _ = terminal.clear().and_then(|()| terminal.set_cursor_position((0, 0)));
    ratatui::restore();
    result
}

impl View {
    /// Whether the key means the end.
    fn typed(&mut self, key: KeyEvent) -> bool {
        if key.kind == KeyEventKind::Release {
            return false;
        }
        match key.code {
            KeyCode::Char('q') | KeyCode::Esc => return true,
            KeyCode::Char('c') if key.modifiers.contains(KeyModifiers::CONTROL) => return true,
            KeyCode::Char('c') => (self.without_clients, self.scrolled) = (!self.without_clients, 0),
            KeyCode::Down | KeyCode::Char('j') => self.scrolled += 1,
            KeyCode::Up | KeyCode::Char('k') => self.scrolled = self.scrolled.saturating_sub(1),
            KeyCode::PageDown => self.scrolled += 10,
            KeyCode::PageUp => self.scrolled = self.scrolled.saturating_sub(10),
            _ => {}
        }
        false
    }

    /// Keeps history, and makes events of what is found now and was not, or the other way round.
    fn note(&mut self, cluster: &mut Cluster, findings: &[Finding], now: Nanos) {
        if now >= self.noted + MOMENT {
            self.noted = now;
            if self.history.len() == MOMENTS_MAX {
                self.history.pop_front();
            }
            self.history.push_back(cluster.rate(now).round() as u64);
        }
        let problems: BTreeSet<String> = findings
            .iter()
            .filter(|finding| finding.problem)
            .map(|finding| finding.code.to_owned())
            .collect();
        for code in problems.difference(&self.problems) {
            cluster.event(now, format!("problem: {code}"));
        }
        for code in self.problems.difference(&problems) {
            cluster.event(now, format!("no problem any more: {code}"));
        }
        self.problems = problems;
    }
}

/// Draws everything.
pub fn draw(frame: &mut Frame, view: &mut View, cluster: &Cluster, findings: &[Finding], now: Nanos) {
    let rows: Vec<&Seen> = cluster
        .processes()
        .filter(|seen| !view.without_clients || seen.sender.role != Role::Client)
        .collect();
    let (width, height) = (usize::from(frame.area().width.max(1)), frame.area().height);
    let spacious = height >= SPACIOUS;
    let troubles = troubles(findings, spacious);
    let found: usize = troubles.iter().map(|line| line.width().div_ceil(width).max(1)).sum();
    let found = u16::try_from(found).unwrap_or(u16::MAX).min(height / 3);
    let table = u16::try_from(rows.len() + 1).unwrap_or(u16::MAX);
    let [head, rate, table, problems, events, foot] = Layout::vertical([
        Constraint::Length(2),
        Constraint::Length(if height >= 20 { 4 } else { 0 }),
        Constraint::Max(table),
        Constraint::Length(if found > 0 { found + 1 } else { 0 }),
        Constraint::Min(3),
        Constraint::Length(1),
    ])
    .areas(frame.area());
    headline(frame, head, cluster, findings, now);
    sparkline(frame, rate, view);
    view.scrolled = view.scrolled.min((rows.len() + 1).saturating_sub(table.height.into()));
    processes(frame, table, &rows[view.scrolled..], now);
    if found > 0 {
        let title = match spacious {
            true => " what is wrong, and what to do ",
            false => " what is wrong; `paxos status` says what to do ",
        };
        let lines = Paragraph::new(troubles).wrap(Wrap { trim: false });
        frame.render_widget(lines.block(ruled(title)), problems);
    }
    happened(frame, events, cluster, now);
    let keys = " q quits   ↑ ↓ scroll   c clients on or off";
    frame.render_widget(Line::styled(keys, FAINT), foot);
}

fn headline(frame: &mut Frame, area: Rect, cluster: &Cluster, findings: &[Finding], now: Nanos) {
    let problems = findings.iter().filter(|finding| finding.problem).count();
    let leader = match cluster.leader(now) {
        Some(seen) => {
            Span::styled(format!("{} leads in ballot {}", seen.sender, seen.last.status.ballot.get()), GOOD)
        }
        None if !cluster.is_warm(now) => Span::raw(""),
        None => Span::styled("nobody leads", BAD),
    };
    let verdict = match problems {
        _ if !cluster.is_warm(now) => Span::styled("listening", FAINT),
        0 => Span::styled("all is well", GOOD),
        1 => Span::styled("1 problem", BAD),
        _ => Span::styled(format!("{problems} problems"), BAD),
    };
    let rates = format!("{} instances/s, {} values/s", rate(cluster.rate(now)), rate(cluster.values(now)));
    let live = |role| cluster.live(role, now).count() as u64;
    let counts = format!(
        "{} of {} acceptors, {}, {}, {}",
        live(Role::Acceptor),
        cluster.acceptors.len(),
        counted(live(Role::Proposer), "proposer", "proposers"),
        counted(live(Role::Learner), "learner", "learners"),
        counted(live(Role::Client), "client", "clients")
    );
    // Last, for a path may be longer than the line.
    let name = Span::styled(cluster.conf.display().to_string(), HEAD);
    let lines = vec![
        Line::from(vec![Span::raw(" "), verdict, Span::raw("  "), leader, Span::raw("  "), name]),
        Line::from(format!(" {rates}; {counts}")),
    ];
    frame.render_widget(Paragraph::new(lines), area);
}

fn sparkline(frame: &mut Frame, area: Rect, view: &View) {
    let width = usize::from(area.width);
    let skipped = view.history.len().saturating_sub(width);
    let data: Vec<u64> = view.history.iter().skip(skipped).copied().collect();
    let highest = data.iter().max().copied().unwrap_or(0);
    let title = format!(" instances/s, the last {} s, highest {} ", data.len(), grouped(highest));
    frame.render_widget(Sparkline::default().data(&data).style(GOOD).block(ruled(title)), area);
}

fn processes(frame: &mut Frame, area: Rect, rows: &[&Seen], now: Nanos) {
    let wide = area.width >= WIDE;
    let right = |text: &str| Cell::from(Line::from(text.to_owned()).right_aligned());
    let mut heads = vec![Cell::from(" PROC"), Cell::from("STATE")];
    let mut widths = vec![Constraint::Length(7), Constraint::Length(12)];
    if wide {
        heads.push(Cell::from("ADDRESS"));
        heads.push(Cell::from("VERSION"));
        widths.extend([Constraint::Length(21), Constraint::Length(8)]);
    }
    heads.extend(["DECIDED", "PER S", "LAG", "DROPS", "MEMORY"].map(right));
    widths.extend([13, 9, 7, 5, 9].map(Constraint::Length));
    if wide {
        heads.push(right("SYNC P99"));
        widths.push(Constraint::Length(8));
    }
    heads.push(Cell::from("HISTORY"));
    widths.push(Constraint::Min(1));
    let rows = rows.iter().map(|seen| {
        let status = &seen.last.status;
        let rates = seen.rates().map_or("-".into(), |rates| rate(rates.decided));
        let mut cells = vec![Cell::from(format!(" {}", seen.sender)), Cell::from(does(seen, now))];
        if wide {
            cells.push(Cell::from(seen.address.to_string()));
            cells.push(Cell::from(seen.version()));
        }
        let lag = if seen.sender.role == Role::Client { "-".into() } else { grouped(seen.lag()) };
        let sync = match status.sync_p99_us.get() {
            0 => "-".into(),
            us => micros(us),
        };
        let drops = grouped(status.drops.get().into());
        let numbers = [grouped(status.decided_until.get()), rates, lag, drops, bytes(status.memory.get())];
        cells.extend(numbers.iter().map(|number| right(number)));
        if wide {
            cells.push(right(&sync));
        }
        cells.push(Cell::from(sparks(seen)));
        Row::new(cells).style(style(seen, now))
    });
    frame.render_widget(Table::new(rows, widths).header(Row::new(heads).style(HEAD)).column_spacing(1), area);
}

fn style(seen: &Seen, now: Nanos) -> Style {
    let status = &seen.last.status;
    match seen.sender.role {
        _ if seen.silent(now) => BAD,
        Role::Acceptor if !status.is(state::MEMBER) || status.is(state::FULL) => BAD,
        Role::Learner if seen.stuck() => BAD,
        Role::Acceptor if status.is(state::BLIND) => ODD,
        Role::Proposer if status.is(state::LEADING) => GOOD,
        _ => Style::new(),
    }
}

/// The latest rates of a process, as tall as they are high among themselves.
fn sparks(seen: &Seen) -> String {
    const BARS: [char; 9] = [' ', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    let skipped = seen.history.len().saturating_sub(SPARKS);
    let latest: Vec<f64> = seen.history.iter().skip(skipped).copied().collect();
    let highest = latest.iter().copied().fold(0.0, f64::max);
    let bar = |rate: f64| {
        if highest > 0.0 { BARS[(rate / highest * 8.0).ceil() as usize % BARS.len()] } else { BARS[0] }
    };
    latest.into_iter().map(bar).collect()
}

/// The findings as lines; what to do stands there only where there is much room.
fn troubles(findings: &[Finding], spacious: bool) -> Vec<Line<'static>> {
    let mut lines = Vec::new();
    for finding in findings {
        let style = if finding.problem { BAD } else { ODD };
        let code = Span::styled(format!(" {}: ", finding.code), style);
        lines.push(Line::from(vec![code, Span::raw(finding.what.clone())]));
        if spacious {
            lines.push(Line::styled(format!("   → {}", finding.todo), FAINT));
        }
    }
    lines
}

/// A line above, with a title in it.
fn ruled(title: impl Into<Line<'static>>) -> Block<'static> {
    Block::new().borders(Borders::TOP).title(title).border_style(FAINT)
}

fn happened(frame: &mut Frame, area: Rect, cluster: &Cluster, now: Nanos) {
    let room = usize::from(area.height.saturating_sub(1));
    let lines: Vec<Line> = cluster
        .events()
        .rev()
        .take(room)
        .map(|event| {
            let ago = span(Duration::from_nanos(now.saturating_sub(event.at)));
            Line::from(vec![Span::styled(format!(" {ago:>10} ago  "), FAINT), Span::raw(event.text.clone())])
        })
        .collect();
    frame.render_widget(Paragraph::new(lines).block(ruled(" what happened ")), area);
}

#[cfg(test)]
mod tests {
    use super::super::scene::{S, Scene};
    use super::*;
    use ratatui::Terminal;
    use ratatui::backend::TestBackend;

    /// The lines of a screen of this size.
    fn screen(scene: &mut Scene, view: &mut View, (width, height): (u16, u16)) -> Vec<String> {
        let mut terminal = Terminal::new(TestBackend::new(width, height)).expect("it is memory");
        let findings = scene.findings();
        view.note(&mut scene.cluster, &findings, scene.now);
        terminal.draw(|frame| draw(frame, view, &scene.cluster, &findings, scene.now)).expect("it is memory");
        let buffer = terminal.backend().buffer();
        let line = |y| (0..width).map(|x| buffer[(x, y)].symbol()).collect::<String>().trim_end().to_owned();
        (0..height).map(line).collect()
    }

    fn key(code: KeyCode) -> KeyEvent {
        KeyEvent::new(code, KeyModifiers::NONE)
    }

    #[test]
    fn a_healthy_cluster_fits_a_terminal_of_80_by_24() {
        let mut scene = Scene::healthy();
        let lines = screen(&mut scene, &mut View::default(), (80, 24));
        let text = lines.join("\n");
        assert!(lines[0].starts_with(" all is well  P1 leads in ballot 1.P1  "), "{text}");
        assert!(lines[0].contains("paxos.conf"), "{text}");
        assert!(lines[1].contains("3 of 3 acceptors, 2 proposers, 2 learners, 1 client"), "{text}");
        for name in ["C1", "P1", "P2", "A1", "A2", "A3", "L1", "L2"] {
            assert!(lines.iter().any(|line| line.starts_with(&format!(" {name} "))), "{name}:\n{text}");
        }
        let row = lines.iter().find(|line| line.starts_with(" P1")).expect("it is there");
        assert!(row.contains("leads") && row.contains("1,000") && row.contains("28.6 MiB"), "{text}");
        assert!(text.contains("what happened") && text.contains("P1 leads in ballot"), "{text}");
        assert!(lines[23].contains("q quits"), "{text}");
        assert!(!text.contains("ADDRESS"), "{text}");
    }

    #[test]
    fn a_wide_terminal_shows_addresses_as_well() {
        let text = screen(&mut Scene::healthy(), &mut View::default(), (140, 40)).join("\n");
        assert!(text.contains("ADDRESS") && text.contains("10.0.0.1:4000"), "{text}");
    }

    #[test]
    fn what_is_wrong_is_told_with_what_to_do_and_becomes_an_event() {
        let (mut scene, mut view) = (Scene::healthy(), View::default());
        screen(&mut scene, &mut view, (80, 24));
        let silent = scene.key(Role::Acceptor, 3);
        scene.silence(silent);
        scene.pass(5 * S);
        let text = screen(&mut scene, &mut view, (80, 24)).join("\n");
        assert!(text.contains("1 problem") && text.contains("silent 5 s"), "{text}");
        assert!(
            text.contains("acceptor-missing: acceptor 3") && !text.contains("→ start it again"),
            "{text}"
        );
        assert!(text.contains("problem: acceptor-missing"), "{text}");
        let text = screen(&mut scene, &mut view, (80, 40)).join("\n");
        assert!(text.contains("→ start it again"), "{text}");
    }

    #[test]
    fn history_is_drawn_for_the_whole_and_for_each_process() {
        let (mut scene, mut view) = (Scene::healthy(), View::default());
        let leader = scene.key(Role::Proposer, 1);
        for second in 1..=8_u64 {
            scene.change(leader, |status| {
                status.decided_until = (status.decided_until.get() + 100 * second).into();
                status.known_until = status.decided_until;
            });
            scene.pass(S);
            screen(&mut scene, &mut view, (80, 24));
        }
        let lines = screen(&mut scene, &mut view, (80, 24));
        let text = lines.join("\n");
        assert!(text.contains("the last 8 s, highest 800"), "{text}");
        let row = lines.iter().find(|line| line.starts_with(" P1")).expect("it is there");
        assert!(row.ends_with("▁▂▃▄▅▆▇█"), "{text}");
    }

    #[test]
    fn keys_scroll_hide_clients_and_quit() {
        let (mut scene, mut view) = (Scene::healthy(), View::default());
        for id in 10..60 {
            scene.join((Role::Learner, id, 7), |_| {});
        }
        let first = |lines: &[String]| {
            let head = lines.iter().position(|line| line.starts_with(" PROC")).expect("a table");
            lines[head + 1].split_whitespace().next().expect("a name").to_owned()
        };
        assert_eq!(first(&screen(&mut scene, &mut view, (80, 24))), "C1");
        assert!(!view.typed(key(KeyCode::Down)));
        assert_eq!(first(&screen(&mut scene, &mut view, (80, 24))), "P1");
        assert!(!view.typed(key(KeyCode::Char('c'))));
        assert_eq!(first(&screen(&mut scene, &mut view, (80, 24))), "P1");
        for _ in 0..100 {
            view.typed(key(KeyCode::PageDown));
        }
        let text = screen(&mut scene, &mut view, (80, 24)).join("\n");
        assert!(text.contains(" L59 "), "it ends with the last row:\n{text}");
        assert!(view.typed(key(KeyCode::Char('q'))));
    }

    #[test]
    fn no_size_of_a_terminal_makes_it_fail() {
        let mut scene = Scene::healthy();
        let silent = scene.key(Role::Proposer, 1);
        scene.silence(silent);
        scene.pass(5 * S);
        for size in [(1, 1), (2, 3), (20, 5), (80, 10), (300, 100)] {
            screen(&mut scene, &mut View::default(), size);
        }
    }
}
