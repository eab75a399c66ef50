//! Who belongs to a log: the size of the set, its founders, and who was let in later.

use super::place::Place;
use crate::LIVES_MAX;

/// Lives of acceptors that are told apart in a log.
const LIVES: usize = 1024;

/// What one helper answered to a life that asked.
#[derive(Clone, Copy, Debug)]
pub struct Help {
    pub acceptor: u16,
    /// In every answer it named an earlier life.
    pub former: bool,
    /// The least that it said to have accepted.
    pub top: u64,
    pub place: Place,
}

/// A life, and who helped it.
#[derive(Clone, Debug)]
pub struct Joined {
    pub life: u64,
    pub help: heapless::Vec<Help, LIVES_MAX>,
}

/// A life that promised or voted, and where it did first.
#[derive(Clone, Copy, Debug)]
pub struct Speaker {
    pub acceptor: u16,
    pub life: u64,
    pub place: Place,
    /// It was in order when it was seen.
    pub let_in: bool,
}

/// A life that tells what it accepted, though its helpers' answers make it blind.
#[derive(Clone, Debug)]
pub struct Seeing {
    pub acceptor: u16,
    pub life: u64,
    /// It cannot see below.
    pub until: u64,
    pub help: Vec<Place>,
    pub place: Place,
}

#[derive(Default)]
pub struct Members {
    /// How many acceptors there are; 0 while nobody said.
    pub size: usize,
    /// Those that were heard, ascending, each with its first packet; one more than there may be.
    pub ids: heapless::Vec<(u16, Place), { LIVES_MAX + 1 }>,
    /// Where it was told first that this log begins, and by which start.
    pub founded: Option<(Place, usize)>,
    founders: Vec<(u16, u64)>,
    joined: Vec<Joined>,
    pub speakers: Vec<Speaker>,
    pub seeing: Vec<Seeing>,
    /// More lives than are told apart.
    pub crowded: bool,
}

impl Members {
    /// Any two majorities share an acceptor. 0 while the size of the set is not known.
    pub fn majority(&self) -> usize {
        if self.size == 0 { 0 } else { self.size / 2 + 1 }
    }

    /// How many of the others must help one that joins.
    pub fn helpers(&self) -> usize {
        self.size.saturating_sub(1) / 2 + 1
    }

    /// An acceptor speaks as a member, of a set of so many.
    pub fn heard(&mut self, acceptor: u16, size: usize, place: Place) {
        if self.size == 0 {
            self.size = size;
        }
        if let Err(at) = self.ids.binary_search_by_key(&acceptor, |(id, _)| *id) {
            let _ = self.ids.insert(at, (acceptor, place)); // one too many is proof enough
        }
    }

    pub fn founded(&mut self, members: impl Iterator<Item = (u16, u64)>, by: usize, place: Place) {
        self.founded.get_or_insert((place, by));
        for member in members {
            if !self.founders.contains(&member) {
                self.founders.push(member);
            }
        }
        self.founders.truncate(LIVES);
    }

    pub fn helped(&mut self, life: u64, help: Help) {
        let at = self.joined.iter().rposition(|joined| joined.life == life);
        let joined = match at {
            Some(at) => &mut self.joined[at],
            None if self.joined.len() < LIVES => {
                self.joined.push(Joined { life, help: heapless::Vec::new() });
                self.joined.last_mut().expect("it was just added")
            }
            None => {
                self.crowded = true;
                return;
            }
        };
        match joined.help.iter_mut().find(|known| known.acceptor == help.acceptor) {
            Some(known) => {
                known.former &= help.former;
                known.top = known.top.min(help.top);
            }
            None => {
                let _ = joined.help.push(help); // no more than acceptors
            }
        }
    }

    /// Whether this life was let in: as a founder, or by enough others.
    pub fn let_in(&self, acceptor: u16, life: u64) -> bool {
        self.founders.contains(&(acceptor, life))
            || self.joined.iter().any(|joined| {
                let others = joined.help.iter().filter(|help| help.acceptor != acceptor);
                joined.life == life && others.count() >= self.helpers()
            })
    }

    /// Instances below which this life cannot see, whichever of its helpers it heard; and the packets of them.
    pub fn forgotten(&self, acceptor: u16, life: u64) -> Option<(u64, Vec<Place>)> {
        if self.founders.contains(&(acceptor, life)) {
            return None;
        }
        let joined = self.joined.iter().find(|joined| joined.life == life)?;
        let help: Vec<&Help> = joined.help.iter().filter(|help| help.acceptor != acceptor).collect();
        let enough = self.helpers();
        // It may have heard those who knew of no earlier life, or of the fewest instances.
        if help.len() < enough || help.iter().filter(|help| !help.former).count() >= enough {
            return None;
        }
        let mut tops: Vec<u64> = help.iter().map(|help| help.top).collect();
        tops.sort_unstable();
        Some((tops[enough - 1], help.iter().map(|help| help.place).collect()))
    }

    /// A life tells in a 1b what it accepted from `from` on, and knows all below `complete` decided.
    pub fn sees(&mut self, acceptor: u16, life: u64, (from, complete): (u64, u64), place: Place) {
        let known = |seeing: &Seeing| (seeing.acceptor, seeing.life) == (acceptor, life);
        if self.seeing.len() < LIVES
            && let Some((until, help)) = self.forgotten(acceptor, life)
            && from < until
            && complete < until
            && !self.seeing.iter().any(known)
        {
            self.seeing.push(Seeing { acceptor, life, until, help, place });
        }
    }

    /// A life promises or votes. Returns whether it is heard for the first time.
    pub fn speaks(&mut self, acceptor: u16, life: u64, place: Place) -> bool {
        if self.speakers.iter().rev().any(|known| (known.acceptor, known.life) == (acceptor, life)) {
            return false;
        }
        if self.speakers.len() >= LIVES {
            self.crowded = true;
            return false;
        }
        let let_in = self.let_in(acceptor, life);
        self.speakers.push(Speaker { acceptor, life, place, let_in });
        true
    }
}
