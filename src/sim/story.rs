//! What happened, a line each, in the words of the packets' printer.

use crate::protocol::Nanos;
use core::fmt;
use std::collections::VecDeque;

/// Who is told what happens.
pub enum Story {
    /// Nobody: a run can always be run again.
    Untold,
    /// The last lines are kept.
    Last { lines: VecDeque<String>, most: usize },
    /// Every line goes to somebody, who says whether to go on.
    Aloud(Box<dyn FnMut(&str)>),
}

impl Story {
    /// Keeps the last so many lines.
    pub fn last(most: usize) -> Story {
        Story::Last { lines: VecDeque::with_capacity(most), most }
    }

    /// Whether it is worth the trouble to find words.
    pub fn is_told(&self) -> bool {
        !matches!(self, Story::Untold)
    }

    pub fn tell(&mut self, now: Nanos, text: fmt::Arguments<'_>) {
        let line = || format!("{}.{:06} {text}", now / 1_000_000_000, now % 1_000_000_000 / 1000);
        match self {
            Story::Untold => {}
            Story::Last { lines, most } => {
                if lines.len() == *most {
                    lines.pop_front();
                }
                lines.push_back(line());
            }
            Story::Aloud(listener) => listener(&line()),
        }
    }

    /// The lines that were kept.
    pub fn lines(&self) -> impl Iterator<Item = &str> {
        let lines = if let Story::Last { lines, .. } = self { Some(lines) } else { None };
        lines.into_iter().flatten().map(String::as_str)
    }
}

/// A moment or a length of time, as `1.250 s`.
#[derive(Clone, Copy, Debug)]
pub struct Seconds(pub Nanos);

impl fmt::Display for Seconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:03} s", self.0 / 1_000_000_000, self.0 % 1_000_000_000 / 1_000_000)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_last_lines_are_kept() {
        let mut story = Story::last(2);
        for line in ["one", "two", "three"] {
            story.tell(1_500_000_000, format_args!("{line}"));
        }
        assert_eq!(story.lines().collect::<Vec<_>>(), ["1.500000 two", "1.500000 three"]);
    }
}
