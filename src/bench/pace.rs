//! Being on time: the bench's own delay is no latency of the cluster.

use rustix::thread::set_current_timer_slack;
use std::num::NonZeroU64;
use std::time::{Duration, Instant};

/// How much later than asked for a sleep may end when the processor has slept as well.
const LATE: Duration = Duration::from_micros(60);
/// From how long a wait on it is worth to be on time: watching the clock for the rest takes at most an eighth of a
/// processor then.
const WORTH: Duration = Duration::from_micros(480);

/// Lets the sleeps of this thread end when they are due: the kernel may let them last 50 µs longer.
pub fn be_punctual() {
    let _ = set_current_timer_slack(NonZeroU64::new(1));
}

/// Waits for so long. At the end of a long wait it watches the clock, so that what is to be measured begins on time,
/// though all processors were asleep.
pub fn wait(time: Duration) {
    if time < WORTH {
        return std::thread::sleep(time);
    }
    let due = Instant::now() + time;
    std::thread::sleep(time - LATE);
    while Instant::now() < due {
        std::hint::spin_loop();
    }
}
