//! What happens to a packet between its sender and each of its receivers.

use super::chance::Chance;
use wire::{Kind, Role, Sender};

/// One process, or all of a role.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Who {
    pub role: Role,
    pub id: Option<u16>,
}

impl Who {
    pub fn is(self, sender: Sender) -> bool {
        self.role == sender.role && self.id.is_none_or(|id| id == sender.id)
    }
}

/// Packets that do not arrive. What is not named is any.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cut {
    pub from: Option<Who>,
    pub to: Option<Who>,
    pub kind: Option<Kind>,
}

/// The weather. All in percent, drawn for each receiver.
#[derive(Clone, Debug, Default)]
pub struct Network {
    pub loss: u64,
    pub duplicates: u64,
    pub reordered: u64,
    /// Packets that bring back an old one.
    pub replayed: u64,
    pub cuts: Vec<Cut>,
}

/// A packet takes this long when nothing delays it, nanoseconds, and something that the two processes decide.
const DELAY: u64 = 10_000;

impl Network {
    pub fn passes(&self, from: Sender, to: Sender, kind: Kind) -> bool {
        !self.cuts.iter().any(|cut| {
            cut.from.is_none_or(|who| who.is(from))
                && cut.to.is_none_or(|who| who.is(to))
                && cut.kind.is_none_or(|cut| cut == kind)
        })
    }

    /// How long each copy of a packet takes; none when it is lost.
    pub fn copies(&self, chance: &mut Chance, pair: u64) -> impl Iterator<Item = u64> + use<> {
        let copies =
            if chance.percent(self.loss) { 0 } else { 1 + u64::from(chance.percent(self.duplicates)) };
        let mut delays = [None; 2];
        for delay in delays.iter_mut().take(copies as usize) {
            let mut time = DELAY + pair * 0x9E37_79B9 % 30_000;
            if chance.percent(self.reordered) {
                let most = chance.pick(&[100_000, 1_000_000, 20_000_000]);
                time += chance.below(most);
            }
            *delay = Some(time);
        }
        delays.into_iter().flatten()
    }
}
