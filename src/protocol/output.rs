//! What a learner prints: whole values, and behind them the beginning of one that goes on.
//!
//! A value that comes in pieces is put together where it will be printed from, so that its bytes are copied once. It is
//! only while the values of several clients come mixed that one of them has to wait elsewhere.

use crate::limits::OUTPUT_TURN;

pub struct Output {
    bytes: Vec<u8>,
    /// Bytes that are whole values. What follows is the beginning of another.
    whole: usize,
    /// Whose value it is that stands unfinished at the end; `None` exactly when none does.
    unfinished: Option<u16>,
}

impl Default for Output {
    fn default() -> Output {
        Output { bytes: Vec::with_capacity(2 * OUTPUT_TURN), whole: 0, unfinished: None }
    }
}

impl Output {
    /// What is to be printed: whole values.
    pub fn whole(&self) -> &[u8] {
        &self.bytes[..self.whole]
    }

    /// Forgets what was printed.
    pub fn printed(&mut self) {
        self.bytes.copy_within(self.whole.., 0);
        self.bytes.truncate(self.bytes.len() - self.whole);
        self.whole = 0;
    }

    /// Whether what is there should be printed before more comes.
    pub fn is_full(&self) -> bool {
        self.bytes.len() >= OUTPUT_TURN
    }

    /// Whether bytes of this client may come next: no value of another client is unfinished.
    pub fn continues(&self, client: u16) -> bool {
        self.unfinished.is_none_or(|owner| owner == client)
    }

    /// Whether a value of this client stands unfinished at the end.
    pub fn awaits(&self, client: u16) -> bool {
        self.unfinished == Some(client)
    }

    /// Appends bytes of a client, of which the first `whole` end what is whole.
    ///
    /// # Panics
    /// When a value of another client is unfinished.
    pub fn append(&mut self, client: u16, bytes: &[u8], whole: usize) {
        assert!(self.continues(client));
        if whole > 0 {
            self.whole = self.bytes.len() + whole;
        }
        self.bytes.extend_from_slice(bytes);
        self.unfinished = (self.whole < self.bytes.len()).then_some(client);
    }

    /// Appends what `print` writes: whole values.
    ///
    /// # Panics
    /// When a value is unfinished.
    pub fn print(&mut self, print: impl FnOnce(&mut Vec<u8>)) {
        assert!(self.unfinished.is_none());
        print(&mut self.bytes);
        self.whole = self.bytes.len();
    }

    /// Takes away the value that stands unfinished: whose it is, and its bytes so far.
    pub fn take_unfinished(&mut self, take: impl FnOnce(u16, &[u8])) {
        if let Some(owner) = self.unfinished.take() {
            take(owner, &self.bytes[self.whole..]);
            self.bytes.truncate(self.whole);
        }
    }
}
