//! The captures that a command names: how they are opened, and what is said of those that cannot be read.

use super::Error;
use std::fs::{File, Metadata};
use std::io::{self, IsTerminal, Read, Write};
use std::path::{Path, PathBuf};
use wire::Keys;
use wire::capture::{self, Capture};
use wire::dump::{Host, Input, Stream, Unsealed};

/// What is said on standard error of captures that are read from their beginning to their end, and whether one could not be
/// read.
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
        if !self.quiet {
            say(what);
        }
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

/// The keys of packets that are sealed.
#[derive(clap::Args, Clone, Default)]
pub struct KeyArg {
    /// Opens packets that are sealed with one of the keys in this file, as `key` in paxos.conf; without it no more than
    /// their headers is shown
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,
}

impl KeyArg {
    /// # Errors
    /// When the file cannot be used.
    pub fn keys(&self) -> Result<Option<Keys>, Error> {
        self.key.as_deref().map(Keys::load).transpose().map_err(|error| Error::Sentence(error.to_string()))
    }
}

/// The stream, its sealed packets opened if there are keys.
pub fn opened<'a>(stream: impl Stream + 'a, keys: Option<&Keys>) -> Box<dyn Stream + 'a> {
    match keys {
        None => Box::new(stream),
        Some(keys) => Box::new(Unsealed::new(stream, keys.clone())),
    }
}

/// What cannot be told, because nobody listens, changes nothing.
pub fn say(what: &str) {
    let _ = writeln!(io::stderr(), "wire: {what}");
}

/// The inputs that can be opened, and their paths; of the others it is said why.
///
/// # Errors
/// When standard input is named more than once.
pub fn open_all(
    files: &[PathBuf],
    keys: Option<&Keys>,
    talk: &mut Talk,
) -> Result<(Vec<PathBuf>, Vec<Input<'static>>), Error> {
    stdin_once(files)?;
    let (mut paths, mut inputs) = (Vec::new(), Vec::new());
    for path in files {
        match open(path) {
            Ok(reader) => {
                inputs.push(Input { name: name(path), stream: opened(Capture::new(reader), keys) });
                paths.push(path.clone());
            }
            Err(error) => talk.fail(&error.to_string()),
        }
    }
    Ok((paths, inputs))
}

/// What is read from standard input by one is not there for another.
///
/// # Errors
/// When standard input is named more than once.
pub fn stdin_once(files: &[PathBuf]) -> Result<(), Error> {
    let named = files.iter().filter(|path| is_stdin(path)).count();
    if named > 1 { Err(Error::StdinNamedTwice) } else { Ok(()) }
}

/// Opens a capture to be read once.
///
/// # Errors
/// When there is nothing to be read.
pub fn open(path: &Path) -> Result<Box<dyn Read>, Error> {
    if is_stdin(path) {
        let input = io::stdin();
        return if input.is_terminal() { Err(Error::Terminal) } else { Ok(Box::new(input.lock())) };
    }
    Ok(Box::new(open_file(path)?.0))
}

/// Opens what is no directory.
///
/// # Errors
/// When it is one, or cannot be opened.
pub fn open_file(path: &Path) -> Result<(File, Metadata), Error> {
    let failed = |error| Error::Open(path.into(), error);
    let file = File::open(path).map_err(failed)?;
    let metadata = file.metadata().map_err(failed)?;
    if metadata.is_dir() { Err(Error::Directory(path.into())) } else { Ok((file, metadata)) }
}

/// Whether the capture can be read more than once: pipes cannot.
pub fn stays(path: &Path) -> bool {
    !is_stdin(path) && path.metadata().is_ok_and(|metadata| metadata.is_file())
}

/// The capture, to be read once more; none where that cannot be done.
pub fn again(path: &Path) -> Option<Capture<impl Read>> {
    if stays(path) { open_file(path).ok().map(|(file, _)| Capture::new(file)) } else { None }
}

pub fn is_stdin(path: &Path) -> bool {
    path.as_os_str() == "-"
}

pub fn name(path: &Path) -> String {
    if is_stdin(path) { "standard input".into() } else { path.display().to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_file_and_a_directory_are_named() {
        let told =
            |path: &str| open(Path::new(path)).err().map(|error| error.to_string()).unwrap_or_default();
        assert!(told("/nowhere/run.pcap").starts_with("/nowhere/run.pcap: No such file"));
        assert_eq!(told("/"), "/: a directory; name a capture file in it");
    }

    #[test]
    fn standard_input_named_twice_is_refused_and_not_waited_for() {
        let mut talk = Talk::quiet();
        let opened = open_all(&["-".into(), "run.pcap".into(), "-".into()], None, &mut talk);
        assert!(matches!(opened, Err(Error::StdinNamedTwice)));
        assert!(!talk.failed);
    }

    #[test]
    fn what_is_no_file_is_not_read_again() {
        assert!(!stays(Path::new("/dev/null")) && !stays(Path::new("-")) && !stays(Path::new("/nowhere")));
        assert!(again(Path::new("/dev/null")).is_none());
    }
}
