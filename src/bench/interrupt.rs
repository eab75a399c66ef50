//! Ctrl-C, and being told to end: noticed between two looks, so that all that was started is ended in order.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

static SEEN: OnceLock<Arc<AtomicBool>> = OnceLock::new();

/// From now on SIGINT, SIGTERM and SIGHUP end nothing by themselves.
///
/// # Errors
/// When the system does not let us catch them.
pub fn catch() -> io::Result<()> {
    let seen = SEEN.get_or_init(Arc::default);
    for signal in [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM, signal_hook::consts::SIGHUP] {
        signal_hook::flag::register(signal, Arc::clone(seen))?;
    }
    Ok(())
}

/// # Errors
/// When one of them has come.
pub fn check() -> Result<(), String> {
    match SEEN.get().is_some_and(|seen| seen.load(Ordering::Relaxed)) {
        true => Err("interrupted: every process that was started is ended".into()),
        false => Ok(()),
    }
}
