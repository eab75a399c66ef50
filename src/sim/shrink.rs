//! Makes a failing script shorter, as long as it fails in the same way.

use super::failure::Failure;
use super::run;
use super::script::{Script, Sentence};
use super::story::Story;
use core::ops::Range;

/// A script that fails, and how.
#[derive(Clone, Debug)]
pub struct Shrunk {
    pub script: Script,
    pub failure: Failure,
    /// How many runs it took.
    pub runs: u64,
    /// Whether there was somebody left who could have done what was expected.
    viable: bool,
}

/// How many sentences two that belong together may be apart.
const PAIR_REACH: usize = 8;

/// Leaves out sentences, then halves numbers, greedily, as long as a run of the same seed fails in the same
/// way and `go_on` says so.
pub fn shrink(seed: u64, script: &Script, failure: &Failure, mut go_on: impl FnMut() -> bool) -> Shrunk {
    let viable = run(seed, script, Story::Untold).world.is_viable();
    let mut best = Shrunk { script: script.clone(), failure: failure.clone(), runs: 1, viable };
    loop {
        let before = best.script.clone();
        best.leave_out(seed, &mut go_on);
        best.leave_out_pairs(seed, &mut go_on);
        best.halve(seed, &mut go_on);
        if best.script == before || !go_on() {
            return best;
        }
    }
}

impl Shrunk {
    /// Takes a candidate that fails in the same way.
    fn takes(&mut self, seed: u64, candidate: Script) -> bool {
        self.runs += 1;
        let run = run(seed, &candidate, Story::Untold);
        // Without anybody who could do it, no expectation is met: that would be another failure.
        let unmet = matches!(self.failure, Failure::Unmet { .. });
        match run.result {
            _ if unmet && self.viable && !run.world.is_viable() => false,
            Err(failure) if failure.is_like(&self.failure) => {
                (self.script, self.failure) = (candidate, failure);
                true
            }
            _ => false,
        }
    }

    /// Tries without large pieces first, then without smaller ones (Zeller's ddmin without complements).
    fn leave_out(&mut self, seed: u64, go_on: &mut impl FnMut() -> bool) {
        let mut piece = self.script.sentences.len().div_ceil(2);
        loop {
            // From the end: what comes after the failure goes at once.
            let mut end = self.script.sentences.len();
            while end > 0 && go_on() {
                let first = end.saturating_sub(piece);
                let mut candidate = self.script.clone();
                let left_out = candidate.leave_out(first..end, &self.failure);
                if left_out > 0 {
                    self.takes(seed, candidate);
                }
                end = first.min(self.script.sentences.len());
            }
            if piece <= 1 {
                return;
            }
            piece = piece.div_ceil(2);
        }
    }

    /// Tries without two sentences that are not far from each other: who crashes, and comes back.
    fn leave_out_pairs(&mut self, seed: u64, go_on: &mut impl FnMut() -> bool) {
        let mut second = self.script.sentences.len();
        while second > 1 && go_on() {
            second -= 1;
            for first in second.saturating_sub(PAIR_REACH)..second {
                let mut candidate = self.script.clone();
                let both = candidate.leave_out(second..second + 1, &self.failure)
                    + candidate.leave_out(first..first + 1, &self.failure);
                if both == 2 && self.takes(seed, candidate) {
                    second = second.min(self.script.sentences.len());
                    break;
                }
            }
        }
    }

    fn halve(&mut self, seed: u64, go_on: &mut impl FnMut() -> bool) {
        for sentence in 0..self.script.sentences.len() {
            let words = self.script.sentences[sentence].0.split(' ').count();
            for word in 0..words {
                while go_on()
                    && let Some(candidate) = halved(&self.script, sentence, word)
                    && self.takes(seed, candidate)
                {}
            }
        }
    }
}

impl Script {
    /// Leaves out what may be left out of these sentences. Returns how many.
    fn leave_out(&mut self, range: Range<usize>, failure: &Failure) -> usize {
        let before = self.sentences.len();
        let fair = self.sentences.iter().rposition(|(_, s)| matches!(s, Sentence::Calm | Sentence::Heal));
        let mut at = 0;
        self.sentences.retain(|(_, sentence)| {
            // What ends all faults, and what comes behind that, stands where all faults have ended.
            let after_all = fair.is_some_and(|fair| at >= fair);
            let inside = range.contains(&at);
            at += 1;
            !inside || !dispensable(sentence, after_all, failure)
        });
        before - self.sentences.len()
    }
}

/// Whether a script without this sentence can fail for the same reason: a world without processes meets no
/// expectation, either. `after_all`: it stands where all faults have ended.
fn dispensable(sentence: &Sentence, after_all: bool, failure: &Failure) -> bool {
    if !matches!(failure, Failure::Unmet { .. }) {
        return true;
    }
    match sentence {
        Sentence::Acceptors { .. } | Sentence::Several { .. } | Sentence::Submit { .. } => false,
        Sentence::Expect(_) => false,
        _ => !after_all,
    }
}

/// The script with one number half as large; `None` when there is none, or it makes no sense then.
fn halved(script: &Script, sentence: usize, word: usize) -> Option<Script> {
    let mut words: Vec<&str> = script.sentences[sentence].0.split(' ').collect();
    let text = *words.get(word)?;
    let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let number: u64 = text[..digits].parse().ok()?;
    // The name of a process is no amount.
    let named = word > 0 && wire::Role::GROUPS.iter().any(|role| role.name() == words[word - 1]);
    let smaller = if number <= 1 || named { return None } else { number / 2 };
    let text = format!("{smaller}{}", &text[digits..]);
    words[word] = &text;
    let text = words.join(" ");
    if matches!(script.sentences[sentence].1, Sentence::Expect(_)) {
        return None; // less time is another expectation
    }
    let mut parsed = Script::parse(&text).ok()?;
    let mut candidate = script.clone();
    candidate.sentences[sentence] = parsed.sentences.pop()?;
    Some(candidate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_a_failure_needs_remains() {
        let text = "5 acceptors; 2 proposers; 2 learners; lose 10%; client 1 submits 400 values; wait 100ms; \
                    expect 100 delivered within 5s; duplicate 30%; crash proposers; wait 8s; \
                    expect one leader within 4s; expect all delivered within 9s";
        let script = Script::parse(text).unwrap();
        let failure = run(3, &script, Story::Untold).result.unwrap_err();
        let shrunk = shrink(3, &script, &failure, || true);
        let needed = "1 acceptors; 1 proposers; 1 learners; client 1 submits 100 values; \
                      expect 100 delivered within 5s; crash proposers; expect one leader within 4s; \
                      expect all delivered within 9s";
        assert_eq!(shrunk.script.to_string(), needed);
        assert!(shrunk.failure.is_like(&failure) && shrunk.runs < 100, "{} runs", shrunk.runs);
    }

    #[test]
    fn numbers_are_halved_and_names_are_not() {
        let script = Script::parse("client 9 submits 100 values of 50 bytes at 7/s").unwrap();
        let half = |word| halved(&script, 0, word).map(|script| script.to_string());
        assert_eq!(half(1), None);
        assert_eq!(half(3).unwrap(), "client 9 submits 50 values of 50 bytes at 7/s");
        assert_eq!(half(9).unwrap(), "client 9 submits 100 values of 50 bytes at 3/s");
        assert_eq!(half(2), None);
        assert_eq!(halved(&Script::parse("wait 1s").unwrap(), 0, 1), None);
    }
}
