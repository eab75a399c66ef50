//! A digest of all that is decided so far, so that two processes can be compared without sending values.
//!
//! It runs over the entries in their order: whose each is, its number in the session, its length, its first and its last
//! eight bytes. So it finds another order, another batch, one more or one less. A session's entry never changes once it
//! is sent, and every packet's tag is of all bytes, so what it leaves out, bytes in the middle of an entry, can only
//! differ by damage within a process's own memory. It costs two multiplications an entry, some nanoseconds a packet; a
//! hash of all bytes would cost as much as reading the packet does.
//!
//! Ballots are not in it: one learner may know a batch from the leader that proposed it, another from a repair.

use wire::status::DIGEST_STRIDES;
use wire::{Batch, Entry, ProcessStatus};

/// Fractions of the golden ratio and of the square root of 7: any odd numbers without pattern would do.
const MIX: [u64; 2] = [0x9e37_79b9_7f4a_7c15, 0xa54f_f53a_5f1d_36f1];

/// The digest of the log up to an instance, and at the last multiples of some strides before it.
#[derive(Clone, Debug, Default)]
pub struct Digest {
    /// How many instances it is of.
    until: u64,
    value: u64,
    /// For each of the strides: the digest at the last multiple of it.
    kept: [u64; DIGEST_STRIDES.len()],
}

impl Digest {
    /// The next instance decided this batch.
    pub fn instance(&mut self, batch: Batch<'_>) {
        for entry in batch.entries() {
            self.entry(&entry);
        }
        // So that a no-op, and where a batch ends, count as well.
        self.value = folded(self.value ^ MIX[0], self.until ^ MIX[1]);
        self.until += 1;
        for (kept, stride) in self.kept.iter_mut().zip(DIGEST_STRIDES) {
            if self.until.trailing_zeros() >= stride {
                *kept = self.value;
            }
        }
    }

    fn entry(&mut self, entry: &Entry<'_>) {
        let session = entry.incarnation ^ u64::from(entry.client).rotate_right(16);
        let place = entry.number ^ (entry.bytes.len() as u64).rotate_right(16);
        let (first, last) = ends(entry.bytes);
        self.value = folded(self.value ^ session ^ MIX[0], place ^ MIX[1]);
        self.value = folded(self.value ^ first ^ MIX[1], last ^ MIX[0]);
    }

    /// Tells it, with the instance that it is of.
    pub fn tell(&self, status: &mut ProcessStatus) {
        let [now, near, far, farther] = self.kept;
        status.decided_until = self.until.into();
        (status.digest, status.digest_8) = (now.into(), near.into());
        (status.digest_14, status.digest_20) = (far.into(), farther.into());
    }
}

/// Both halves of a product: every bit of either factor has a say in many of the result.
fn folded(a: u64, b: u64) -> u64 {
    let product = u128::from(a) * u128::from(b);
    product as u64 ^ (product >> 64) as u64
}

/// The first and the last eight bytes; of fewer, all of them twice.
fn ends(bytes: &[u8]) -> (u64, u64) {
    match (bytes.first_chunk::<8>(), bytes.last_chunk::<8>()) {
        (Some(first), Some(last)) => (u64::from_le_bytes(*first), u64::from_le_bytes(*last)),
        _ => {
            let all = bytes.iter().fold(0, |all, byte| all << 8 | u64::from(*byte));
            (all, all)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use wire::EntryHeader;
    use zerocopy::{FromZeros, IntoBytes};

    /// The entries of each batch: client, number, bytes.
    type Log<'a> = &'a [&'a [(u16, u64, &'a [u8])]];

    fn of(log: Log<'_>) -> Digest {
        let mut digest = Digest::default();
        for entries in log {
            let mut batch = Vec::new();
            for &(client, number, bytes) in *entries {
                batch.extend_from_slice(EntryHeader::new(client, 7, number, bytes.len()).as_bytes());
                batch.extend_from_slice(bytes);
            }
            digest.instance(Batch::parse(&batch).expect("a test's batch is one"));
        }
        digest
    }

    #[test]
    fn whatever_the_order_depends_on_changes_the_digest() {
        let log: Log<'_> = &[&[(1, 0, b"one\n"), (2, 0, b"two\n")], &[(1, 1, b"three, and more\n")]];
        let expected = of(log).value;
        let others: [Log<'_>; 8] = [
            &[&[(2, 0, b"two\n"), (1, 0, b"one\n")], log[1]],
            &[log[1], log[0]],
            &[log[0]],
            &[log[0], &[], log[1]],
            &[&log[0][..1], log[1]],
            &[&log[0][..1], &[(2, 0, b"two\n"), (1, 1, b"three, and more\n")]],
            &[log[0], &[(1, 2, b"three, and more\n")]],
            &[log[0], &[(1, 1, b"three, and mere\n")]],
        ];
        for other in others {
            assert_ne!(of(other).value, expected, "{other:?}");
        }
        assert_eq!(of(log).value, expected);
    }

    #[test]
    fn two_that_are_apart_can_be_compared_at_the_last_multiple_that_both_have_passed() {
        let mut ahead = Digest::default();
        let noop = Batch::parse(&[]).expect("it is a no-op");
        let mut behind = None;
        for instance in 0..300 {
            ahead.instance(noop);
            if instance == 259 {
                behind = Some(ahead.clone());
            }
        }
        let digests = |digest: &Digest| {
            let mut status = ProcessStatus::new_zeroed();
            digest.tell(&mut status);
            status.digests().collect::<Vec<_>>()
        };
        let (ahead, behind) = (digests(&ahead), digests(&behind.expect("it was kept")));
        assert_eq!((ahead[0].0, behind[0].0), (300, 260));
        assert_ne!(ahead[0].1, behind[0].1);
        assert_eq!((ahead[1].0, ahead[1]), (256, behind[1]));
    }
}
