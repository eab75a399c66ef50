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

/// A row of bytes in the memory that holds the batches, or among the copies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Piece {
    held: bool,
    begin: usize,
    end: usize,
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

    /// The same in one piece, for who looks at it.
    pub fn joined(&self, held: &[u8]) -> Vec<u8> {
        self.whole(held).flatten().copied().collect()
    }

    /// A turn ends, in which what is whole was printed: forgets it, and copies the beginning that is left.
    pub fn printed(&mut self, held: &[u8]) {
        match self.pieces.first() {
            // Of a long value only what this turn brought: the rest stays where it is.
            Some(first) if self.whole == 0 && *first == Piece::copied(0, self.copies.len()) => {
                for piece in &self.pieces[1..] {
                    assert!(piece.held, "all copies are in the first piece");
                    self.copies.extend_from_slice(&held[piece.begin..piece.end]);
                }
            }
            _ => self.gather(held),
        }
        (self.length, self.whole) = (self.copies.len(), 0);
        self.pieces.clear();
        if self.length > 0 {
            self.pieces.push(Piece::copied(0, self.length));
        }
    }

    /// Makes what is unfinished all that is copied, however its pieces lie.
    fn gather(&mut self, held: &[u8]) {
        let mut next = core::mem::take(&mut self.next);
        next.clear();
        self.unfinished(held).for_each(|bytes| next.extend_from_slice(bytes));
        self.next = core::mem::replace(&mut self.copies, next);
    }

    /// What follows the whole values, in pieces.
    fn unfinished<'a>(&'a self, held: &'a [u8]) -> impl Iterator<Item = &'a [u8]> {
        let mut skip = self.whole;
        self.pieces.iter().filter_map(move |piece| {
            let bytes = self.bytes(piece, held);
            let skipped = skip.min(bytes.len());
            skip -= skipped;
            (skipped < bytes.len()).then(|| &bytes[skipped..])
        })
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
                self.pieces.push(Piece { held: true, begin, end: begin + bytes.len() });
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
        self.unfinished(held).for_each(|bytes| take(owner, bytes));
        while self.length > self.whole {
            let last = self.pieces.last_mut().expect("there are as many bytes as the pieces have");
            let cut = (self.length - self.whole).min(last.end - last.begin);
            last.end -= cut;
            self.length -= cut;
            if last.begin == last.end {
                self.pieces.pop();
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
            Some(last) if !last.held && last.end == begin => last.end = end,
            _ => self.pieces.push(Piece::copied(begin, end)),
        }
    }

    fn bytes<'a>(&'a self, piece: &Piece, held: &'a [u8]) -> &'a [u8] {
        let memory = if piece.held { held } else { &self.copies };
        &memory[piece.begin..piece.end]
    }
}

impl Piece {
    fn copied(begin: usize, end: usize) -> Piece {
        Piece { held: false, begin, end }
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
        let text = String::from_utf8(output.joined(held)).unwrap();
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
        let in_held = |begin, end| Piece { held: true, begin, end };
        assert_eq!(output.pieces, [in_held(0, 1001), Piece::copied(0, 32), in_held(1033, 2034)]);
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
        assert_eq!(output.pieces, [Piece::copied(0, 2001)]);
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
        assert_eq!(output.pieces, [Piece::copied(0, 499 + 3 * 900)]);
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
