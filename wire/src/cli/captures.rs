//! Captures that are read from their beginning to their end.

use super::Error;
use std::fs::File;
use std::io::{self, BufReader, IsTerminal, Read, Write};
use std::path::{Path, PathBuf};
use wire::capture::{self, Capture};
use wire::dump::{Host, Input};

/// What is said on standard error, and whether a capture could not be read.
#[derive(Default)]
pub struct Talk {
    pub failed: bool,
    quiet: bool,
}

impl Talk {
    /// One that says nothing.
    pub fn quiet() -> Talk {
        Talk { failed: false, quiet: true }
    }

    pub fn fail(&mut self, what: &str) {
        self.failed = true;
        if self.quiet {
            return;
        }
        // What cannot be told, because nobody listens, changes nothing.
        let _ = writeln!(io::stderr(), "wire: {what}");
    }
}

impl Host for Talk {
    fn failed(&mut self, name: &str, error: capture::Error) {
        self.fail(&format!("{name}: {error}"));
    }

    fn wait(&mut self) -> bool {
        false // files end, and pipes are waited for while they are read
    }
}

/// The inputs that can be opened, and their paths; of the others it is said why.
pub fn open_all(files: &[PathBuf], talk: &mut Talk) -> (Vec<PathBuf>, Vec<Input<'static>>) {
    let (mut paths, mut inputs) = (Vec::new(), Vec::new());
    for path in files {
        match open(path) {
            Ok(reader) => {
                inputs.push(Input { name: name(path), stream: Box::new(Capture::new(reader)) });
                paths.push(path.clone());
            }
            Err(error) => talk.fail(&error.to_string()),
        }
    }
    (paths, inputs)
}

/// The capture, to be read once more; none where that cannot be done.
pub fn again(path: &Path) -> Option<Capture<impl Read>> {
    let file = File::open(path).ok().filter(|_| path.as_os_str() != "-")?;
    file.metadata().is_ok_and(|metadata| metadata.is_file()).then(|| Capture::new(BufReader::new(file)))
}

fn name(path: &Path) -> String {
    if path.as_os_str() == "-" { "standard input".into() } else { path.display().to_string() }
}

fn open(path: &Path) -> Result<Box<dyn Read>, Error> {
    if path.as_os_str() == "-" {
        let input = io::stdin();
        return if input.is_terminal() { Err(Error::Terminal) } else { Ok(Box::new(input.lock())) };
    }
    let file = File::open(path).map_err(|error| Error::Open(path.into(), error))?;
    let metadata = file.metadata().map_err(|error| Error::Open(path.into(), error))?;
    if metadata.is_dir() {
        return Err(Error::Directory(path.into()));
    }
    Ok(Box::new(file))
}
