//! A directory that goes away with its guard.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

pub struct Temporary(PathBuf);

impl Temporary {
    /// Makes a new directory below `parent`, which is made if it is not there.
    ///
    /// # Errors
    /// A sentence that names the directory.
    pub fn below(parent: &Path) -> Result<Temporary, String> {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let refused = |path: &Path, error| format!("cannot make the directory {}: {error}", path.display());
        fs::create_dir_all(parent).map_err(|error| refused(parent, error))?;
        loop {
            let number = NUMBER.fetch_add(1, Ordering::Relaxed);
            let path = parent.join(format!("paxos-bench-{}-{number}", std::process::id()));
            match fs::create_dir(&path) {
                Ok(()) => return Ok(Temporary(path)),
                // Of a process that had our pid before.
                Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(refused(&path, error)),
            }
        }
    }

    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.0) {
            log::warn!("{} stays behind: {error}", self.0.display());
        }
    }
}
