//! What is wrong with a configuration, and where.

use std::fmt;

/// No file is so wrong that more lines than this would help, and a binary file must not flood a terminal.
const PROBLEMS_MAX: usize = 20;

/// One or more problems of one file.
///
/// [`Display`](fmt::Display) prints one a line, `path:line:column: what is wrong; what to write`, the column
/// in characters from 1; what belongs to no line has only the path. At most 20 lines, then how many more
/// there are. No line feed at the end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostics {
    path: String,
    problems: Vec<Problem>,
    more: usize,
}

/// A place in the file: the line and the character in it, both from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct At {
    pub(super) line: usize,
    pub(super) column: usize,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Problem {
    /// `None`: the file as a whole.
    at: Option<At>,
    text: String,
}

impl Diagnostics {
    /// No problem yet; not to be shown before there is one.
    pub(super) fn new(path: &str) -> Diagnostics {
        Diagnostics { path: path.to_string(), problems: Vec::new(), more: 0 }
    }

    /// The one problem of a file that cannot be looked into.
    pub(super) fn one(path: &str, at: Option<At>, text: String) -> Diagnostics {
        Diagnostics { path: path.to_string(), problems: vec![Problem { at, text }], more: 0 }
    }

    /// Adds a problem; beyond the bound it is only counted.
    pub(super) fn add(&mut self, at: Option<At>, text: String) {
        if self.problems.len() < PROBLEMS_MAX {
            self.problems.push(Problem { at, text });
        } else {
            self.more += 1;
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.problems.is_empty()
    }

    /// In the order of the file, what belongs to no line last.
    pub(super) fn sorted(mut self) -> Diagnostics {
        self.problems.sort_by_key(|problem| (problem.at.is_none(), problem.at));
        self
    }
}

impl fmt::Display for Diagnostics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, Problem { at, text }) in self.problems.iter().enumerate() {
            let feed = if index == 0 { "" } else { "\n" };
            match at {
                Some(At { line, column }) => write!(f, "{feed}{}:{line}:{column}: {text}", self.path)?,
                None => write!(f, "{feed}{}: {text}", self.path)?,
            }
        }
        match self.more {
            0 => Ok(()),
            1 => write!(f, "\n{}: and 1 more problem", self.path),
            more => write!(f, "\n{}: and {more} more problems", self.path),
        }
    }
}

impl std::error::Error for Diagnostics {}
