//! What a check came to: violations with their proof, what could not be judged and why, and the counts.

use super::place::{Place, Proof, Seconds};
use super::rule::{Count, Rule};
use crate::dump::Object;
use std::fmt::{self, Write};

/// Violations of each rule that are told; of more only the number is.
const TOLD: usize = 16;

/// A rule is broken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    pub rule: Rule,
    pub text: String,
    /// The packets that prove it.
    pub proof: Vec<Proof>,
}

/// Something that the capture does not show enough of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unjudged {
    /// None: any.
    pub rule: Option<Rule>,
    pub text: String,
}

#[derive(Debug, Default)]
pub struct Report {
    pub packets: u64,
    /// Of them: packets of proposers and acceptors that had been seen before.
    pub again: u64,
    pub malformed: u64,
    /// Packets of which the capture holds only the beginning.
    pub cut: u64,
    /// Repairs of instances that had left the window.
    pub late_repairs: u64,
    /// Of the first datagram, ns since 1970.
    pub start_ns: Option<i64>,
    /// The order of packets was taken for that of what happened.
    pub ordered: bool,
    pub violations: Vec<Violation>,
    /// Violations beyond those that are told.
    pub more: u64,
    pub unjudged: Vec<Unjudged>,
    pub counts: Vec<(Rule, Count)>,
}

impl Report {
    /// Whether nothing was found to be wrong.
    pub fn is_fine(&self) -> bool {
        self.violations.is_empty()
    }

    /// Whether this rule is broken.
    pub fn breaks(&self, rule: Rule) -> bool {
        self.violations.iter().any(|violation| violation.rule == rule)
    }

    /// Adds a violation. `now`: a packet that is at hand, and where. Returns whether it is another one.
    pub(super) fn add(
        &mut self,
        rule: Rule,
        text: String,
        proof: Vec<Place>,
        now: Option<(&Place, &dyn fmt::Display)>,
    ) -> bool {
        let same = self.violations.iter().filter(|known| known.rule == rule);
        if same.clone().any(|known| known.text == text) {
            return false;
        }
        if same.count() >= TOLD {
            self.more += 1;
            return true;
        }
        let mut proof: Vec<Proof> = proof
            .into_iter()
            .map(|place| {
                let here = now.filter(|(at, _)| at.same(&place));
                Proof { place, line: here.map_or_else(String::new, |(_, packet)| packet.to_string()) }
            })
            .collect();
        proof.dedup_by(|one, other| one.place.same(&other.place));
        self.violations.push(Violation { rule, text, proof });
        true
    }

    /// The packets of an input whose lines are still to be found, in the order of the file.
    pub fn wanted(&self, input: usize) -> Vec<Place> {
        let proof = self.violations.iter().flat_map(|violation| &violation.proof);
        let open = proof.filter(|proof| proof.line.is_empty() && usize::from(proof.place.input) == input);
        let mut places: Vec<Place> = open.map(|proof| proof.place).collect();
        places.sort_unstable_by_key(|place| (place.frame, place.part));
        places.dedup_by(|one, other| one.same(other));
        places
    }

    /// The line of a packet was found.
    pub fn found(&mut self, place: &Place, line: &str) {
        for violation in &mut self.violations {
            for proof in violation.proof.iter_mut().filter(|proof| proof.place.same(place)) {
                proof.line.clear();
                proof.line.push_str(line);
            }
        }
    }

    fn seconds(&self, place: &Place) -> Seconds {
        Seconds(i128::from(place.time_ns) - i128::from(self.start_ns.unwrap_or_default()))
    }

    /// As text, for people. `files`: the names of the inputs.
    pub fn text(&self, files: &[String]) -> String {
        let mut text = String::new();
        self.print(&mut text, files).expect("a string takes it");
        text
    }

    fn print(&self, to: &mut String, files: &[String]) -> fmt::Result {
        for Violation { rule, text, proof } in &self.violations {
            writeln!(to, "{rule}: {text}")?;
            for Proof { place, line } in proof {
                let file = files.get(usize::from(place.input)).map_or("?", String::as_str);
                let line = if line.is_empty() { "(cannot be read again)" } else { line };
                writeln!(
                    to,
                    "  {:>10} {file} frame {}  {line}",
                    self.seconds(place).to_string(),
                    place.frame
                )?;
            }
        }
        if self.more > 0 {
            writeln!(to, "{} more violations of the same rules", self.more)?;
        }
        for Unjudged { text, .. } in &self.unjudged {
            writeln!(to, "not judged: {text}")?;
        }
        if self.late_repairs > 0 {
            writeln!(to, "not judged: {} repairs of instances long gone by", self.late_repairs)?;
        }
        writeln!(
            to,
            "{} packets (of proposers and acceptors {} seen before), {} malformed, {} cut; their order is {}",
            self.packets,
            self.again,
            self.malformed,
            self.cut,
            if self.ordered { "that of what happened: one capture of one host" } else { "not relied on" }
        )?;
        writeln!(to, "{:<13} {:>10} {:>10}  verdict", "rule", "judged", "not judged")?;
        for (rule, count) in &self.counts {
            let verdict = match count {
                Count { broken: 0, judged: 0, .. } => "-".to_string(),
                Count { broken: 0, .. } => "kept".to_string(),
                Count { broken, .. } => format!("BROKEN ({broken})"),
            };
            writeln!(
                to,
                "{:<13} {:>10} {:>10}  {verdict:<11} {}",
                rule.name(),
                count.judged,
                count.unjudged,
                rule.sentence()
            )?;
        }
        Ok(())
    }

    /// As JSON, an object a line: violations, what was not judged, and a summary at the end.
    pub fn json(&self, files: &[String]) -> String {
        let mut text = String::new();
        for Violation { rule, text: what, proof } in &self.violations {
            line(&mut text, "violation", |object| {
                object.text("rule", rule.name());
                object.text("text", what);
                object.objects("proof", proof, |object, Proof { place, line }| {
                    object.raw("time", format_args!("{}", self.seconds(place)));
                    object.text("file", files.get(usize::from(place.input)).map_or("?", String::as_str));
                    object.number("frame", place.frame);
                    object.text("packet", line);
                });
            });
        }
        for Unjudged { rule, text: what } in &self.unjudged {
            line(&mut text, "unjudged", |object| {
                if let Some(rule) = rule {
                    object.text("rule", rule.name());
                }
                object.text("text", what);
            });
        }
        line(&mut text, "summary", |object| {
            object.number("packets", self.packets);
            object.number("malformed", self.malformed);
            object.number("cut", self.cut);
            object.raw("ordered", format_args!("{}", self.ordered));
            object.objects("rules", &self.counts, |object, (rule, count)| {
                object.text("rule", rule.name());
                object.number("judged", count.judged);
                object.number("unjudged", count.unjudged);
                object.number("broken", count.broken);
            });
        });
        text
    }
}

fn line(to: &mut String, what: &str, tell: impl FnOnce(&mut Object)) {
    let mut object = Object::begin(to);
    object.text("check", what);
    tell(&mut object);
    object.end();
    to.push('\n');
}
