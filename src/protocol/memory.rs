//! What an acceptor's log says, recalled record by record.

use crate::journal::Record;

/// What an acceptor knows when it starts.
#[derive(Clone, Debug, Default)]
pub struct Memory {
    records: u64,
}

impl Memory {
    pub fn recall(&mut self, _record: Record<'_>) {
        self.records += 1;
    }

    pub fn forget(&mut self) {
        *self = Memory::default();
    }
}
