//! What a learner prints: whole values, and behind them the beginning of one that goes on.
//!
//! Until the end of the turn, when it is printed, a value stays where its batch is held, in pieces if it came in pieces:
//! nobody copies it but the system, into the pipe. Only what is short is copied at once, for a piece costs as much as
//! some hundred bytes, and what is unfinished when the turn ends, for then its batch may go.

use crate::limits::OUTPUT_TURN;

/// What is shorter is copied.
const SHORT: usize = 256;
/// Pieces after which output is full.
const PIECES: usize = OUTPUT_TURN / SHORT;

pub struct Output {
    copies: Vec<u8>,
    /// In the order in which they are printed, none empty.
    pieces: Vec<Piece>,
    /// Bytes of all pieces.
    length: usize,
    /// Bytes that are whole values. What follows is the beginning of another.
    whole: usize,
    /// Whose value it is that stands unfinished at the end; `None` exactly when none does.
    unfinished: Option<u16>,
    /// Where the beginning of the next turn's output is put together.
    next: Vec<u8>,
}

/// Bytes from the first number until before the second.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Piece {
    Copied(usize, usize),
    Held(usize, usize),
}

impl Default for Output {
    fn default() -> Output {
        Output {
            copies: Vec::with_capacity(2 * OUTPUT_TURN),
            pieces: Vec::with_capacity(2 * PIECES),
            length: 0,
            whole: 0,
            unfinished: None,
            next: Vec::with_capacity(2 * OUTPUT_TURN),
        }
    }
}

impl Output {
    /// Bytes to be printed.
    pub fn len(&self) -> usize {
        self.whole
    }

    /// Whether nothing is to be printed.
    pub fn is_empty(&self) -> bool {
        self.whole == 0
    }

    /// What is to be printed, in pieces: whole values. `held` is the memory that holds the batches.
    pub fn whole<'a>(&'a self, held: &'a [u8]) -> impl Iterator<Item = &'a [u8]> {
        let mut left = self.whole;
        self.pieces.iter().map_while(move |piece| {
            let bytes = self.bytes(piece, held);
            let length = left.min(bytes.len());
            left -= length;
            (length > 0).then(|| &bytes[..length])
        })
    }

    /// A turn ends, in which what is whole was printed: forgets it, and copies the beginning that is left.
    pub fn printed(&mut self, held: &[u8]) {
        match self.pieces.first() {
            Some(Piece::Copied(0, end)) if self.whole == 0 && *end == self.copies.len() => {}
            None => {
                self.copies.clear();
                return;
            }
            _ => return self.gather(held),
        }
        // Of a long value only what this turn brought: the rest stays where it is.
        for piece in self.pieces.drain(1..) {
            let Piece::Held(begin, end) = piece else { unreachable!("all copies are in the first piece") };
            self.copies.extend_from_slice(&held[begin..end]);
        }
        self.pieces[0] = Piece::Copied(0, self.length);
    }

    /// The same, however the pieces lie.
    fn gather(&mut self, held: &[u8]) {
        let (mut skip, mut next) = (self.whole, core::mem::take(&mut self.next));
        next.clear();
        for piece in &self.pieces {
            let bytes = self.bytes(piece, held);
            let skipped = skip.min(bytes.len());
            skip -= skipped;
            next.extend_from_slice(&bytes[skipped..]);
        }
        self.next = core::mem::replace(&mut self.copies, next);
        (self.length, self.whole) = (self.copies.len(), 0);
        self.pieces.clear();
        if self.length > 0 {
            self.pieces.push(Piece::Copied(0, self.length));
        }
    }

    /// Whether what is there should be printed before more comes.
    pub fn is_full(&self) -> bool {
        self.length >= OUTPUT_TURN || self.pieces.len() >= PIECES
    }

    /// Whether bytes of this client may come next: no value of another client is unfinished.
    pub fn continues(&self, client: u16) -> bool {
        self.unfinished.is_none_or(|owner| owner == client)
    }

    /// Whether a value of this client stands unfinished at the end.
    pub fn awaits(&self, client: u16) -> bool {
        self.unfinished == Some(client)
    }

    /// Appends bytes of a client, of which the first `whole` end what is whole. They stay where they are if they lie in the
    /// memory that holds the batches.
    ///
    /// # Panics
    /// When a value of another client is unfinished.
    pub fn append(&mut self, client: u16, bytes: &[u8], whole: usize, held: &[u8]) {
        assert!(self.continues(client));
        if whole > 0 {
            self.whole = self.length + whole;
        }
        match place(bytes, held) {
            Some(begin) if bytes.len() >= SHORT => {
                self.length += bytes.len();
                self.pieces.push(Piece::Held(begin, begin + bytes.len()));
            }
            _ => self.copy(|copies| copies.extend_from_slice(bytes)),
        }
        self.unfinished = (self.whole < self.length).then_some(client);
    }

    /// Appends what `print` writes: whole values.
    ///
    /// # Panics
    /// When a value is unfinished.
    pub fn print(&mut self, print: impl FnOnce(&mut Vec<u8>)) {
        assert!(self.unfinished.is_none());
        self.copy(print);
        self.whole = self.length;
    }

    /// Takes away the value that stands unfinished: whose it is, and its bytes so far, piece by piece.
    pub fn take_unfinished(&mut self, held: &[u8], mut take: impl FnMut(u16, &[u8])) {
        let Some(owner) = self.unfinished.take() else { return };
        let mut before = 0;
        for piece in &self.pieces {
            let bytes = self.bytes(piece, held);
            if before + bytes.len() > self.whole {
                take(owner, &bytes[self.whole.saturating_sub(before)..]);
            }
            before += bytes.len();
        }
        while self.length > self.whole {
            let last = self.pieces.pop().expect("there are as many bytes as the pieces have");
            let kept = last.length().saturating_sub(self.length - self.whole);
            self.length -= last.length() - kept;
            if kept > 0 {
                self.pieces.push(last.cut(kept));
            }
        }
    }

    fn copy(&mut self, print: impl FnOnce(&mut Vec<u8>)) {
        let begin = self.copies.len();
        print(&mut self.copies);
        let end = self.copies.len();
        self.length += end - begin;
        match self.pieces.last_mut() {
            _ if begin == end => {}
            Some(Piece::Copied(_, last)) if *last == begin => *last = end,
            _ => self.pieces.push(Piece::Copied(begin, end)),
        }
    }

    fn bytes<'a>(&'a self, piece: &Piece, held: &'a [u8]) -> &'a [u8] {
        match *piece {
            Piece::Copied(begin, end) => &self.copies[begin..end],
            Piece::Held(begin, end) => &held[begin..end],
        }
    }
}

impl Piece {
    fn length(self) -> usize {
        let (Piece::Copied(begin, end) | Piece::Held(begin, end)) = self;
        end - begin
    }

    /// Its first bytes.
    fn cut(self, length: usize) -> Piece {
        match self {
            Piece::Copied(begin, _) => Piece::Copied(begin, begin + length),
            Piece::Held(begin, _) => Piece::Held(begin, begin + length),
        }
    }
}

/// Where in this memory these bytes lie, if they do.
fn place(bytes: &[u8], memory: &[u8]) -> Option<usize> {
    let begin = bytes.as_ptr().addr().checked_sub(memory.as_ptr().addr())?;
    memory.get(begin..begin.checked_add(bytes.len())?).map(|_| begin)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a turn that ends now prints.
    fn prints(output: &mut Output, held: &[u8]) -> String {
        let text = String::from_utf8(output.whole(held).flatten().copied().collect()).unwrap();
        assert_eq!(text.len(), output.len());
        output.printed(held);
        assert!(output.is_empty());
        text
    }

    /// Memory that holds lines of so many letters, one behind the other, and the lines in it.
    fn lines(lengths: &[usize]) -> (Vec<u8>, Vec<core::ops::Range<usize>>) {
        let (mut bytes, mut lines) = (Vec::new(), Vec::new());
        for (length, letter) in lengths.iter().zip(b'a'..) {
            lines.push(bytes.len()..bytes.len() + length + 1);
            bytes.extend(core::iter::repeat_n(letter, *length));
            bytes.push(b'\n');
        }
        (bytes, lines)
    }

    #[test]
    fn long_values_stay_where_they_are_held_and_short_ones_are_copied_next_to_one_another() {
        let (held, lines) = lines(&[1000, 10, 20, 1000]);
        let mut output = Output::default();
        for line in &lines {
            output.append(1, &held[line.clone()], line.len(), &held);
        }
        let copied = Piece::Copied(0, 32);
        assert_eq!(output.pieces, [Piece::Held(0, 1001), copied, Piece::Held(1033, 2034)]);
        assert_eq!(prints(&mut output, &held).as_bytes(), held);
        assert_eq!((output.pieces.len(), output.length, output.copies.len()), (0, 0, 0));
    }

    #[test]
    fn bytes_from_elsewhere_are_copied_however_long() {
        let (held, lines) = lines(&[1000, 1000]);
        let (memory, elsewhere) = held.split_at(1001);
        let mut output = Output::default();
        output.append(1, elsewhere, lines[1].len(), memory);
        output.append(1, &held[500..1500], 501, memory);
        assert_eq!(output.pieces, [Piece::Copied(0, 2001)]);
    }

    #[test]
    fn what_is_unfinished_when_a_turn_ends_is_there_when_its_memory_is_not() {
        let held = "x".repeat(1000) + "\n" + &"y".repeat(2000);
        let mut output = Output::default();
        output.append(3, &held.as_bytes()[..1500], 1001, held.as_bytes());
        assert!(output.awaits(3) && !output.continues(4));
        assert_eq!(prints(&mut output, held.as_bytes()), "x".repeat(1000) + "\n");
        let mut before = Vec::new();
        for round in 0..3 {
            let memory = vec![b'0' + round; 3000];
            output.append(3, &memory[10..][..500], 0, &memory);
            output.append(3, &memory[900..][..400], 0, &memory);
            assert_eq!(prints(&mut output, &memory), "");
            before.extend_from_slice(&memory[..900]);
        }
        assert_eq!(output.pieces, [Piece::Copied(0, 499 + 3 * 900)]);
        let memory = "z".repeat(600) + "\nrest";
        output.append(3, memory.as_bytes(), 601, memory.as_bytes());
        let text = "y".repeat(499) + core::str::from_utf8(&before).unwrap() + &"z".repeat(600) + "\n";
        assert_eq!(prints(&mut output, memory.as_bytes()), text);
        output.append(3, b"!\n", 2, &[]);
        assert_eq!(prints(&mut output, &[]), "rest!\n");
    }

    #[test]
    fn an_unfinished_value_can_be_taken_away_from_wherever_its_pieces_are() {
        let held = "x".repeat(1000) + "\n" + &"y".repeat(400);
        let mut output = Output::default();
        output.append(1, held.as_bytes(), 1001, held.as_bytes());
        output.append(1, b"short", 0, &[]);
        output.append(1, &held.as_bytes()[1001..], 0, held.as_bytes());
        let mut taken = String::new();
        output.take_unfinished(held.as_bytes(), |owner, bytes| {
            assert_eq!(owner, 1);
            taken.push_str(core::str::from_utf8(bytes).unwrap());
        });
        assert_eq!(taken, "y".repeat(400) + "short" + &"y".repeat(400));
        output.take_unfinished(held.as_bytes(), |_, _| panic!("once is enough"));
        assert!(output.continues(2) && !output.awaits(1));
        output.append(2, b"two\n", 4, &[]);
        assert_eq!(prints(&mut output, held.as_bytes()), "x".repeat(1000) + "\ntwo\n");
    }

    #[test]
    fn many_pieces_fill_it_as_many_bytes_do() {
        let held = vec![b'\n'; SHORT];
        let mut output = Output::default();
        let mut appended = 0;
        while !output.is_full() {
            output.append(1, &held, held.len(), &held);
            appended += 1;
        }
        assert_eq!((appended, output.len()), (PIECES, OUTPUT_TURN));
    }
}
