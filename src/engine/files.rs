//! The journal's medium: a directory of files, one for each segment.
//!
//! ```text
//! DIR/lock            held by the acceptor that writes here; names it
//! DIR/00000001.log    a segment; and so on
//! DIR/next            the next segment in the making
//! DIR/damaged-…/      segments that were set aside
//! ```

use super::spare::{Spare, path};
use super::uncached::Uncached;
use crate::journal::{Medium, Source};
use rustix::fs::{Advice, FlockOperation, fadvise, flock};
use std::collections::BTreeSet;
use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

/// A directory that this process alone writes to.
#[derive(Debug)]
pub struct Files {
    directory: PathBuf,
    segment_len: u64,
    /// Segments that exist with the right length.
    there: BTreeSet<u64>,
    /// The segment that is written to.
    open: Option<(u64, Uncached)>,
    spare: Spare,
    aside: Option<PathBuf>,
    /// Held as long as it is open.
    _lock: File,
}

impl Files {
    /// Takes the directory, which is made if it is not there. `who` is what others are told holds it.
    ///
    /// # Errors
    /// A sentence, without the directory, about what the system does not grant or who has it.
    pub fn open(directory: &Path, segment_len: u64, who: &str) -> Result<Files, String> {
        make(directory).map_err(|error| refused("make this directory", &error))?;
        let lock = lock(directory, who)?;
        let files = Segments { directory: directory.into() };
        let there = files.list().map_err(|error| refused("read this directory", &error))?;
        let right = |segment: &u64| {
            fs::metadata(path(directory, *segment)).is_ok_and(|found| found.len() == segment_len)
        };
        Ok(Files {
            directory: directory.into(),
            segment_len,
            there: there.into_iter().filter(right).collect(),
            open: None,
            spare: Spare::start(directory, segment_len).map_err(|error| refused("start a thread", &error))?,
            aside: None,
            _lock: lock,
        })
    }

    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// Where segments were set aside, if they were.
    pub fn aside(&self) -> Option<&Path> {
        self.aside.as_deref()
    }

    fn file(&mut self, segment: u64) -> io::Result<&mut Uncached> {
        let open = match self.open.take() {
            Some(open) if open.0 == segment => open,
            _ => (segment, Uncached::new(writable(&path(&self.directory, segment))?)),
        };
        Ok(&mut self.open.insert(open).1)
    }

    fn sync_directory(&self) -> io::Result<()> {
        File::open(&self.directory)?.sync_all()
    }
}

fn writable(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).write(true).open(path)
}

/// Makes a directory and those above it, durably.
fn make(directory: &Path) -> io::Result<()> {
    if directory.is_dir() {
        return Ok(());
    }
    let parent = match directory.parent() {
        Some(parent) if parent.as_os_str().is_empty() => Path::new("."),
        Some(parent) => parent,
        None => Path::new("/"),
    };
    make(parent)?;
    match fs::create_dir(directory) {
        Err(error) if error.kind() == ErrorKind::AlreadyExists && directory.is_dir() => {}
        result => result?,
    }
    File::open(parent)?.sync_all()
}

/// Locks the directory against others, for as long as the file is open.
fn lock(directory: &Path, who: &str) -> Result<File, String> {
    let mut file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .open(directory.join("lock"))
        .map_err(|error| refused("write to this directory", &error))?;
    match flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => {}
        Err(rustix::io::Errno::WOULDBLOCK) => {
            let mut holder = String::new();
            let _ = file.take(256).read_to_string(&mut holder); // whoever it is, it is not us
            let holder = if holder.trim().is_empty() { "it does not say which" } else { holder.trim() };
            return Err(format!(
                "another acceptor uses this directory ({holder}); give each acceptor one of its own (`%i` in its \
                 name stands for the id)"
            ));
        }
        Err(error) => return Err(refused("lock this directory", &error.into())),
    }
    let written = file
        .set_len(0)
        .and_then(|()| file.rewind())
        .and_then(|()| writeln!(file, "{who}, process {}", std::process::id()));
    match written {
        Err(error) if error.kind() != ErrorKind::StorageFull => {
            Err(refused("write to this directory", &error))
        }
        _ => Ok(file), // on a full disk too: it may have all the space it needs already
    }
}

/// What the system did not grant, and what to do.
fn refused(doing: &str, error: &io::Error) -> String {
    let advice = match error.kind() {
        ErrorKind::PermissionDenied => {
            "; allow it with chmod or chown, or name another directory with `data`"
        }
        ErrorKind::ReadOnlyFilesystem => "; name a directory on another file system with `data`",
        ErrorKind::NotADirectory | ErrorKind::AlreadyExists => {
            "; something of that name is there and is no directory: name another one with `data`"
        }
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => "; make space, or name another directory",
        _ => "",
    };
    format!("cannot {doing}: {error}{advice}")
}

impl Source for Files {
    fn segments(&mut self) -> io::Result<Vec<u64>> {
        Segments { directory: self.directory.clone() }.list()
    }

    /// What the disk holds, not what the kernel remembers of it: an earlier process may have ended because
    /// a write failed, and then the two differ.
    fn read(&mut self, segment: u64) -> io::Result<Vec<u8>> {
        let path = path(&self.directory, segment);
        let mut file = writable(&path).map_err(|error| named(&path, error))?;
        file.sync_data().map_err(|error| named(&path, error))?;
        let _ = fadvise(&file, 0, None, Advice::DontNeed); // some file systems have nothing to drop
        read_all(&mut file).map_err(|error| named(&path, error))
    }
}

impl Medium for Files {
    fn segment_len(&self) -> u64 {
        self.segment_len
    }

    fn prepare(&mut self, segment: u64) -> bool {
        if self.there.contains(&segment) {
            return true;
        }
        let made = self.spare.want(segment);
        if made {
            self.there.insert(segment);
        }
        made
    }

    /// Waits for the disk if the segment is not there yet, which a disk that keeps up never makes it do.
    fn create(&mut self, segment: u64) -> io::Result<bool> {
        if self.there.contains(&segment) {
            return Ok(true);
        }
        match self.spare.wait(segment) {
            Ok(()) => {
                self.there.insert(segment);
                Ok(true)
            }
            Err(error) if matches!(error.kind(), ErrorKind::StorageFull | ErrorKind::QuotaExceeded) => {
                Ok(false)
            }
            Err(error) => Err(named(&path(&self.directory, segment), error)),
        }
    }

    /// As [`super::spare`] makes them.
    fn is_zeroed(&self, _segment: u64) -> bool {
        true
    }

    fn write(&mut self, segment: u64, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.file(segment)?.write_all_at(bytes, offset)
    }

    fn sync(&mut self, segment: u64) -> io::Result<()> {
        self.file(segment)?.sync_data()
    }

    fn set_aside(&mut self, below: u64) -> io::Result<()> {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        let mut aside = self.directory.join(format!("damaged-{since}"));
        for more in 2.. {
            match fs::create_dir(&aside) {
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {
                    aside = self.directory.join(format!("damaged-{since}-{more}"));
                }
                result => {
                    result?;
                    break;
                }
            }
        }
        for segment in self.segments()?.into_iter().filter(|segment| *segment < below) {
            fs::rename(path(&self.directory, segment), path(&aside, segment))?;
        }
        File::open(&aside)?.sync_all()?;
        self.sync_directory()?;
        self.there = self.there.split_off(&below);
        (self.open, self.aside) = (None, Some(aside));
        Ok(())
    }
}

/// The segments of a directory, to look at: whoever writes there is not disturbed.
#[derive(Debug)]
pub struct Segments {
    directory: PathBuf,
}

impl Segments {
    pub fn of(directory: &Path) -> Segments {
        Segments { directory: directory.into() }
    }

    fn list(&self) -> io::Result<Vec<u64>> {
        let mut segments = Vec::new();
        for entry in fs::read_dir(&self.directory)? {
            let name = entry?.file_name();
            let number = name.to_str().and_then(|name| name.strip_suffix(".log"));
            if let Some(segment) = number.and_then(|number| number.parse().ok())
                && path(Path::new(""), segment).as_os_str() == name
            {
                segments.push(segment);
            }
        }
        segments.sort_unstable();
        Ok(segments)
    }
}

impl Source for Segments {
    fn segments(&mut self) -> io::Result<Vec<u64>> {
        self.list()
    }

    fn read(&mut self, segment: u64) -> io::Result<Vec<u8>> {
        let path = path(&self.directory, segment);
        File::open(&path).and_then(|mut file| read_all(&mut file)).map_err(|error| named(&path, error))
    }
}

fn read_all(file: &mut File) -> io::Result<Vec<u8>> {
    let length = file.metadata()?.len();
    let mut bytes = Vec::with_capacity(usize::try_from(length).unwrap_or(0));
    file.read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// An error that says which file it is about.
fn named(path: &Path, error: io::Error) -> io::Error {
    let name = path.file_name().unwrap_or(path.as_os_str());
    io::Error::new(error.kind(), format!("{}: {error}", Path::new(name).display()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::scratch::Scratch;
    use crate::journal::{Frame, Journal, Owner, Recall, Record};
    use wire::Ballot;

    #[derive(Default)]
    struct Promises(Vec<u64>);

    impl Recall for Promises {
        fn recall(&mut self, record: Record<'_>) {
            if let Record::Promised { ballot } = record {
                self.0.push(ballot.round());
            }
        }

        fn forget(&mut self) {
            self.0.clear();
        }
    }

    const LENGTH: u64 = 4096;
    const OWNER: Owner = Owner { cluster: 7, acceptor: 1 };

    fn open(directory: &Path) -> (Journal<Files>, Vec<u64>) {
        let files = Files::open(directory, LENGTH, "acceptor 1").unwrap();
        let mut promises = Promises::default();
        let (journal, _) = Journal::open(files, OWNER, 9, &mut promises).unwrap();
        (journal, promises.0)
    }

    fn promise(journal: &mut Journal<Files>, round: u64) {
        let mut frame = Frame::with_capacity(0);
        frame.promised(Ballot::new(round, 1, 1));
        journal.commit(&mut frame).unwrap();
    }

    #[test]
    fn what_is_committed_is_there_after_another_start_over_many_files() {
        let scratch = Scratch::new();
        let directory = scratch.0.join("a/b");
        for round in 1..30 {
            let (mut journal, promises) = open(&directory);
            assert_eq!(promises, (1..round).collect::<Vec<_>>());
            promise(&mut journal, round);
        }
        assert!(Segments::of(&directory).segments().unwrap().len() >= 4);
    }

    #[test]
    fn a_directory_has_one_acceptor_and_the_second_hears_which() {
        let scratch = Scratch::new();
        let first = Files::open(&scratch.0, LENGTH, "acceptor 5").unwrap();
        let error = Files::open(&scratch.0, LENGTH, "acceptor 6").unwrap_err();
        let holder = format!("(acceptor 5, process {})", std::process::id());
        assert!(
            error.starts_with("another acceptor uses this directory") && error.contains(&holder),
            "{error}"
        );
        drop(first);
        Files::open(&scratch.0, LENGTH, "acceptor 6").unwrap();
    }

    #[test]
    fn what_is_lost_is_set_aside_whole_and_a_new_life_begins() {
        let scratch = Scratch::new();
        let (mut journal, _) = open(&scratch.0);
        for round in 1..10 {
            promise(&mut journal, round);
        }
        drop(journal);
        let before = fs::read(path(&scratch.0, 2)).unwrap();
        fs::remove_file(path(&scratch.0, 1)).unwrap();
        let (mut journal, promises) = open(&scratch.0);
        assert!(promises.is_empty());
        promise(&mut journal, 77);
        let aside = journal.medium().aside().unwrap().to_path_buf();
        assert_eq!(fs::read(path(&aside, 2)).unwrap(), before);
        drop(journal);
        assert_eq!(open(&scratch.0).1, [77]);
    }

    #[test]
    fn a_name_that_is_no_segments_is_left_alone() {
        let scratch = Scratch::new();
        for name in ["1.log", "00000001.log.bak", "+0000001.log", "next", "notes.log"] {
            fs::write(scratch.0.join(name), "x").unwrap();
        }
        assert!(Segments::of(&scratch.0).segments().unwrap().is_empty());
        promise(&mut open(&scratch.0).0, 1);
        assert_eq!(fs::read(scratch.0.join("notes.log")).unwrap(), b"x");
    }

    #[test]
    fn a_directory_that_cannot_be_is_refused_with_a_sentence() {
        let scratch = Scratch::new();
        let file = scratch.0.join("file");
        fs::write(&file, "x").unwrap();
        for directory in [file.clone(), file.join("below")] {
            let error = Files::open(&directory, LENGTH, "acceptor 1").unwrap_err();
            assert!(error.contains("is no directory: name another one with `data`"), "{error}");
        }
        let error = Files::open(Path::new("/proc/nothing"), LENGTH, "acceptor 1").unwrap_err();
        assert!(error.starts_with("cannot make this directory"), "{error}");
    }
}
