//! The end of a check: what of the doubts is a broken rule, and what the capture does not show.

use super::doubts::{Doubt, Doubts};
use super::log::Log;
use super::place::Place;
use super::report::{Report, Unjudged};
use super::rule::Rule;
use super::sessions::Verdict;
use super::starts::Start;
use super::{Checker, LOGS, STARTS};
use crate::Role;
use std::fmt;

/// Reasons that are told of each log; of more only the number is.
const REASONS: usize = 24;

/// What could not be judged, and why.
struct Reason {
    rule: Rule,
    what: String,
    /// Of which instances, first to last and one.
    instances: Option<(u64, u64)>,
    why: String,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)?;
        match self.instances {
            Some((first, until)) if until == first + 1 => write!(f, " of instance {first}")?,
            Some((first, until)) => write!(f, " of instances {first}..{until}")?,
            None => {}
        }
        write!(f, ": {}", self.why)
    }
}

/// Of the same for the same reason one is told.
fn add(reasons: &mut Vec<Reason>, rule: Rule, what: String, instances: Option<(u64, u64)>, why: &str) {
    let same = |known: &&mut Reason| known.rule == rule && known.what == what && known.why == why;
    match (reasons.iter_mut().find(same), instances) {
        (Some(Reason { instances: Some(known), .. }), Some((first, until))) => {
            *known = (known.0.min(first), known.1.max(until));
        }
        (Some(_), _) => {}
        (None, _) => reasons.push(Reason { rule, what, instances, why: why.into() }),
    }
}

impl Checker {
    /// Judges what is left.
    pub fn finish(mut self) -> Report {
        let mut logs = core::mem::take(&mut self.logs);
        for log in &mut logs {
            self.finish_log(log);
        }
        if self.beyond > 0 {
            let text = format!(
                "{} packets of more than {LOGS} logs or {STARTS} starts of processes: they are not looked at",
                self.beyond
            );
            self.report.unjudged.push(Unjudged { rule: None, text });
        }
        self.tell_of_captures();
        self.report.ordered = self.ordered;
        self.report.counts = Rule::ALL.map(|rule| (rule, self.counts[rule as usize])).to_vec();
        self.report
    }

    /// Why a verdict that rests on few packets says little.
    fn tell_of_captures(&mut self) {
        let cut = self.report.cut;
        let mut tell = |text| self.report.unjudged.push(Unjudged { rule: None, text });
        if cut > 0 {
            tell(format!(
                "what the ends of {cut} packets say, which the captures cut off, or whose keys are not at hand: \
                 record them whole (tcpdump -s 0, --trace-snap 0), and name the keys (--key FILE)"
            ));
        }
        if self.report.packets == 0 {
            tell("anything: no whole packet of ours is in the captures".into());
        }
    }

    fn finish_log(&mut self, log: &mut Log) {
        log.settle(true);
        for ((client, incarnation), (until, place)) in core::mem::take(&mut log.sessions.pending) {
            match log.sessions.judge(client, incarnation, until) {
                Verdict::Right => {}
                Verdict::TooMuch => log.told_too_much(place),
                Verdict::Unknown => {
                    self.unjudge(Rule::Acknowledged, 1);
                    log.sessions.unknown = true;
                }
            }
        }
        log.finish();
        let mut doubts = core::mem::take(&mut log.doubts);
        self.counts[Rule::Proposed as usize].judged += doubts.voted_for;
        doubts.list.sort_by_key(|doubt| (doubt.first, doubt.claim.ordinal));
        let mut reasons = Vec::new();
        // Its founder's start is in the capture from the first packet on, and so all that came of it.
        let founder = log.members.founded.map(|(_, start)| self.starts[start].missing());
        if !log.is_whole() || founder != Some(0) {
            self.not_whole(log, founder.unwrap_or(0), &doubts, &mut reasons);
        } else {
            for doubt in &doubts.list {
                self.judge(log, doubt, &mut reasons);
            }
            self.judge_members(log, &mut reasons);
            self.judge_blind(log, &mut reasons);
        }
        self.judge_proposed(log, &doubts, &mut reasons);
        if log.sessions.unknown {
            let why = log.sessions.lost.map_or_else(
                || "they are of earlier starts of clients".into(),
                |instance| {
                    format!("the capture does not show all that instance {instance} decided, or that it did")
                },
            );
            add(&mut reasons, Rule::Acknowledged, "acknowledgements".into(), None, &why);
        }
        if doubts.more > 0 {
            self.unjudge(Rule::Decided, doubts.more);
            add(
                &mut reasons,
                Rule::Decided,
                format!("{} more claims", doubts.more),
                None,
                "too many at once",
            );
        }
        if log.lost > 0 {
            let what = format!("decisions of {} instances", log.lost);
            add(&mut reasons, Rule::Decided, what, None, "they left the window before they were decided");
        }
        self.tell(log, reasons);
    }

    fn tell(&mut self, log: &Log, reasons: Vec<Reason>) {
        let more = reasons.len().saturating_sub(REASONS);
        for reason in reasons.into_iter().take(REASONS) {
            let text = format!("log {:08x}: {reason}", log.id);
            self.report.unjudged.push(Unjudged { rule: Some(reason.rule), text });
        }
        if more > 0 {
            let text = format!("log {:08x}: {more} more", log.id);
            self.report.unjudged.push(Unjudged { rule: None, text });
        }
    }

    /// The capture holds not all votes that were ever cast. `missing`: packets of the start that founded the log.
    fn not_whole(&mut self, log: &Log, missing: u64, doubts: &Doubts, reasons: &mut Vec<Reason>) {
        let claims: u64 = doubts.list.iter().map(|doubt| doubt.claims).sum();
        if claims == 0 {
            return;
        }
        for doubt in &doubts.list {
            self.unjudge(doubt.rule, doubt.claims);
        }
        let why = if log.members.founded.is_none() {
            "the log began before the capture did".into()
        } else if !log.is_whole() {
            "the beginning of the log is missing from the capture".into()
        } else {
            format!(
                "{missing} packets of the acceptor that founded the log are missing from the capture, by its sequence numbers"
            )
        };
        let (first, until) = doubts
            .list
            .iter()
            .fold((u64::MAX, 0), |(first, until), doubt| (first.min(doubt.first), until.max(doubt.until)));
        add(reasons, Rule::Decided, "decisions".into(), Some((first, until)), &why);
    }

    fn judge(&mut self, log: &Log, doubt: &Doubt, reasons: &mut Vec<Reason>) {
        let absent = self.absent(log, &doubt.claim);
        let (majority, best) = (log.members.majority(), doubt.best);
        let Doubt { rule, first, until, .. } = *doubt;
        if majority == 0 || log.crowded || best + absent.len() >= majority {
            self.unjudge(rule, doubt.claims);
            let what = match rule {
                Rule::Acknowledged => "acknowledgements, which need decisions",
                _ => "decisions",
            };
            let why = match absent.is_empty() {
                false => absent.join("; "),
                true if log.crowded => "more lives of acceptors than are told apart".into(),
                true => "no packet tells how many acceptors there are".into(),
            };
            add(reasons, rule, what.into(), Some((first, until)), &why);
            return;
        }
        let when = if self.ordered { "when" } else { "though" };
        let text = match rule {
            Rule::Acknowledged => {
                format!(
                    "entries are acknowledged {when} instance {first}, which they need, has {best} of {majority} votes that go together in one ballot"
                )
            }
            _ => format!(
                "instance {first} is taken for decided {when} it has {best} of {majority} votes that go together in one ballot"
            ),
        };
        let mut proof = doubt.votes.to_vec();
        proof.push(doubt.claim);
        self.counts[rule as usize].broken += u64::from(self.report.add(rule, text, proof, None));
    }

    /// Whether nothing is missing of anybody, as far as sequence numbers tell.
    fn whole(&self) -> bool {
        self.starts.iter().all(|start| start.missing() == 0)
    }

    /// The acceptors that the capture may lack something of that was said before this claim, with what.
    fn absent(&self, log: &Log, claim: &Place) -> Vec<String> {
        let mut absent = Vec::new();
        let whole = self.whole();
        let ids = log.members.ids.iter().map(|(id, _)| *id);
        for id in ids.clone() {
            let own =
                |start: &&Start| (start.role, start.id, start.cluster) == (Role::Acceptor, id, log.cluster);
            let missing: u64 = self.starts.iter().filter(own).map(Start::missing).sum();
            if missing > 0 {
                absent.push(format!(
                    "packets of A{id} are missing from the capture: {missing} by its sequence numbers"
                ));
            } else if self.starts.iter().filter(own).any(|start| !start.complete(claim, self.ordered, whole))
            {
                absent.push(format!("A{id} was not heard afterwards, so its last packets may be missing"));
            }
        }
        let unheard = log.members.size.saturating_sub(ids.count());
        for _ in 0..unheard {
            absent.push("an acceptor is not in the capture".into());
        }
        absent
    }

    /// Who promised or voted must have been let in.
    fn judge_members(&mut self, log: &Log, reasons: &mut Vec<Reason>) {
        for speaker in &log.members.speakers {
            self.judged(Rule::Members);
            if speaker.let_in || !self.ordered && log.members.let_in(speaker.acceptor, speaker.life) {
                continue;
            }
            let absent = self.absent(log, &speaker.place);
            let (id, life) = (speaker.acceptor, speaker.life);
            if log.members.crowded || log.members.size == 0 || !absent.is_empty() {
                self.unjudge(Rule::Members, 1);
                let why = if absent.is_empty() { "too many lives".into() } else { absent.join("; ") };
                add(reasons, Rule::Members, format!("whether life {life:x} of A{id} was let in"), None, &why);
                continue;
            }
            let text = format!(
                "A{id} speaks from life {life:x}, which is none of the founders', and {} others did not help it to join",
                log.members.helpers()
            );
            let proof =
                log.members.founded.map(|(place, _)| place).into_iter().chain([speaker.place]).collect();
            self.counts[Rule::Members as usize].broken +=
                u64::from(self.report.add(Rule::Members, text, proof, None));
        }
    }

    /// Who joined again must say what it may have forgotten.
    fn judge_blind(&mut self, log: &Log, reasons: &mut Vec<Reason>) {
        for seeing in &log.members.seeing {
            let absent = self.absent(log, &seeing.place);
            if log.members.size == 0 || !absent.is_empty() {
                self.unjudge(Rule::Memory, 1);
                let what = format!("whether A{} may see below instance {}", seeing.acceptor, seeing.until);
                add(reasons, Rule::Memory, what, None, &absent.join("; "));
                continue;
            }
            let text = format!(
                "A{} joined again and may have forgotten what it accepted below {}, and does not say so",
                seeing.acceptor, seeing.until
            );
            let proof = seeing.help.iter().copied().chain([seeing.place]).collect();
            self.counts[Rule::Memory as usize].broken +=
                u64::from(self.report.add(Rule::Memory, text, proof, None));
        }
    }

    /// Votes of which no proposal was seen: wrong, if all of the proposer's packets were.
    fn judge_proposed(&mut self, log: &Log, doubts: &Doubts, reasons: &mut Vec<Reason>) {
        let (mut unknown, whole) = (doubts.more_unproposed, self.whole());
        for vote in &doubts.unproposed {
            let (id, incarnation) = (vote.ballot.proposer(), vote.ballot.incarnation());
            let name = (Role::Proposer as u8, id, incarnation, log.cluster);
            let proposer = self.by_name.get(&name).map(|at| &self.starts[*at]);
            if proposer.is_none_or(|start| !start.complete(&vote.vote, self.ordered, whole)) {
                unknown += 1;
                continue;
            }
            let text = format!(
                "instance {} was voted for in ballot {}, and not proposed in it{}",
                vote.instance,
                vote.ballot,
                if self.ordered { " before" } else { "" }
            );
            self.counts[Rule::Proposed as usize].broken +=
                u64::from(self.report.add(Rule::Proposed, text, vec![vote.vote], None));
        }
        if unknown > 0 {
            self.unjudge(Rule::Proposed, unknown);
            let why = "their proposals are missing, as are packets of the proposers";
            add(reasons, Rule::Proposed, format!("{unknown} votes"), None, why);
        }
    }
}
