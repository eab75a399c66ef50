//! The load of a run: how many values may be in flight, when it begins and ends, and what the consumer saw of it.

use crate::values::parse;
use hdrhistogram::Histogram;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tokio::sync::Semaphore;

/// What is measured.
#[derive(Clone, Copy, Debug)]
pub struct Shape {
    pub size: usize,
    /// Values that were submitted and that the consumer does not have yet, at most.
    pub in_flight: usize,
    /// Values of one request, at most, where the peer's API has that.
    pub batch: usize,
    pub values_max: u64,
}

pub struct Load {
    pub shape: Shape,
    begin: Instant,
    /// One for each value that may still be submitted; closed at the end.
    permits: Semaphore,
    submitted: AtomicU64,
    acknowledged: AtomicU64,
    delivered: AtomicU64,
    /// The measured part, nanoseconds since `begin`.
    from: AtomicU64,
    until: AtomicU64,
    seen: Mutex<Seen>,
}

struct Seen {
    /// The next number of each producer.
    next: Vec<u64>,
    latency: Histogram<u64>,
}

impl Load {
    pub fn new(shape: Shape, producers: usize) -> Load {
        let latency = Histogram::new_with_bounds(1, 600_000_000_000, 3).expect("these bounds are fine");
        Load {
            shape,
            begin: Instant::now(),
            permits: Semaphore::new(shape.in_flight),
            submitted: AtomicU64::new(0),
            acknowledged: AtomicU64::new(0),
            delivered: AtomicU64::new(0),
            from: AtomicU64::new(u64::MAX),
            until: AtomicU64::new(u64::MAX),
            seen: Mutex::new(Seen { next: vec![0; producers], latency }),
        }
    }

    pub fn now_ns(&self) -> u64 {
        self.begin.elapsed().as_nanos() as u64
    }

    /// Waits until a value may be submitted; returns how many may, up to `max`. None: no more in this run.
    pub async fn take(&self, max: usize) -> Option<usize> {
        self.permits.acquire().await.ok()?.forget();
        let mut taken = 1;
        while taken < max {
            let more = self.permits.available_permits().min(max - taken);
            if more == 0 {
                break;
            }
            // Another producer may have been faster: look again.
            if let Ok(permits) = self.permits.try_acquire_many(more as u32) {
                permits.forget();
                taken += more;
            }
            if self.permits.is_closed() {
                break;
            }
        }
        self.submitted.fetch_add(taken as u64, Ordering::Relaxed);
        Some(taken)
    }

    /// The peer said that it has so many values more.
    pub fn acknowledge(&self, values: usize) {
        self.acknowledged.fetch_add(values as u64, Ordering::Relaxed);
    }

    /// What came to the consumer at once, in order.
    ///
    /// # Errors
    /// When a value is none of ours, or not the next one of its producer: then one was lost, doubled or out of order.
    pub fn deliver<'a>(&self, values: impl IntoIterator<Item = &'a [u8]>) -> Result<(), String> {
        let now = self.now_ns();
        let measured = (self.from.load(Ordering::Relaxed)..self.until.load(Ordering::Relaxed)).contains(&now);
        let mut seen = self.seen.lock().expect("nobody panics while it holds this");
        let mut count = 0;
        for value in values {
            let stamp =
                parse(value, self.shape.size).ok_or("the consumer got a value that nobody submitted")?;
            let next =
                seen.next.get_mut(stamp.producer).ok_or("the consumer got a value of an unknown producer")?;
            if stamp.number != *next {
                return Err(format!(
                    "after value {next} of producer {} was due, {} came: values were lost, doubled or reordered",
                    stamp.producer, stamp.number
                ));
            }
            *next += 1;
            count += 1;
            if measured {
                seen.latency.saturating_record(now.saturating_sub(stamp.submitted_ns));
            }
        }
        drop(seen);
        self.delivered.fetch_add(count, Ordering::Relaxed);
        self.permits.add_permits(count as usize);
        Ok(())
    }

    /// Lets the load go on for so long, or until there are enough values; the first tenth is not measured.
    pub async fn drive(&self, seconds: f64) {
        let start = self.now_ns();
        let end = start + (seconds * 1e9) as u64;
        self.from.store(start + (seconds * 1e8) as u64, Ordering::Relaxed);
        while self.now_ns() < end && self.submitted() < self.shape.values_max {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        self.until.store(self.now_ns(), Ordering::Relaxed);
        self.permits.close();
    }

    pub fn submitted(&self) -> u64 {
        self.submitted.load(Ordering::Relaxed)
    }

    pub fn acknowledged(&self) -> u64 {
        self.acknowledged.load(Ordering::Relaxed)
    }

    pub fn delivered(&self) -> u64 {
        self.delivered.load(Ordering::Relaxed)
    }

    /// Seconds that were measured, and how long the values took that came in them.
    pub fn measured(&self) -> (f64, Histogram<u64>) {
        let ns = self.until.load(Ordering::Relaxed).saturating_sub(self.from.load(Ordering::Relaxed));
        (ns as f64 / 1e9, self.seen.lock().expect("nobody panics while it holds this").latency.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::values::Values;

    fn load() -> Load {
        Load::new(Shape { size: 64, in_flight: 4, batch: 3, values_max: 100 }, 1)
    }

    #[tokio::test]
    async fn no_more_are_in_flight_than_may_be() {
        let (load, mut values) = (load(), Values::new(0, 64));
        assert_eq!((load.take(3).await, load.take(3).await), (Some(3), Some(1)));
        let two = [values.next(1), values.next(2)];
        load.deliver(two.iter().map(Vec::as_slice)).expect("these are right");
        assert_eq!((load.take(3).await, load.submitted(), load.delivered()), (Some(2), 6, 2));
        load.drive(0.001).await;
        assert_eq!(load.take(3).await, None);
    }

    #[test]
    fn a_lost_or_doubled_value_is_found() {
        let (load, mut values) = (load(), Values::new(0, 64));
        let first = values.next(0);
        let _lost = values.next(0);
        let third = values.next(0);
        load.deliver([first.as_slice()]).expect("it is the next one");
        assert!(load.deliver([first.as_slice()]).unwrap_err().contains("doubled"));
        assert!(load.deliver([third.as_slice()]).unwrap_err().contains("lost"));
        assert!(load.deliver([b"x".as_slice()]).is_err());
    }
}
