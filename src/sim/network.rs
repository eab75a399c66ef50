//! What happens to a packet between its sender and each of its receivers.

use super::chance::Chance;
use crate::protocol::Nanos;
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
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cut {
    pub from: Option<Who>,
    pub to: Option<Who>,
    pub kind: Option<Kind>,
    /// Those sent to this role's group.
    pub group: Option<Role>,
}

impl Cut {
    fn concerns(&self, hop: &Hop) -> bool {
        self.from.is_none_or(|who| who.is(hop.from))
            && self.to.is_none_or(|who| who.is(hop.to))
            && self.kind.is_none_or(|kind| kind == hop.kind)
            && self.group.is_none_or(|group| hop.group == Some(group))
    }
}

/// A packet between a sender and one of its receivers.
#[derive(Clone, Copy, Debug)]
pub struct Hop {
    pub from: Sender,
    pub to: Sender,
    pub kind: Kind,
    /// The group that it was sent to; `None`: straight to the receiver.
    pub group: Option<Role>,
    /// Which link it takes: the places of sender and receiver.
    pub link: (usize, usize),
}

/// Probabilities are in percent, and drawn for each receiver.
#[derive(Clone, Debug, Default)]
pub struct Weather {
    pub loss: u64,
    /// Packets lost in bursts, and how many are lost in a row on average.
    pub bursts: (u64, u64),
    pub duplicates: u64,
    pub reordered: u64,
    /// Packets that bring back an old one.
    pub replayed: u64,
    /// Packets that arrive cut off or with other bits.
    pub damaged: u64,
    /// What a packet takes longer at most.
    pub delay: Nanos,
}

impl Weather {
    fn is_fair(&self) -> bool {
        self.loss + self.bursts.0 + self.duplicates + self.reordered + self.damaged + self.delay == 0
    }
}

/// A packet takes this long when nothing delays it, and something that the two processes decide.
const DELAY: Nanos = 10_000;
const DISTANCE: Nanos = 30_000;

/// What becomes of a packet for one receiver.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Fate {
    /// How long each copy takes; none when it is lost.
    pub copies: [Option<Nanos>; 2],
    /// The first copy arrives damaged.
    pub damaged: bool,
}

#[derive(Default)]
pub struct Network {
    pub weather: Weather,
    pub cuts: Vec<Cut>,
    /// What matches one of these does not arrive before it is released.
    pub holds: Vec<Cut>,
    /// Some hear only each other, and nobody else hears them.
    pub islands: Vec<Vec<Who>>,
    /// By sender's and receiver's place: a burst of losses goes on (Gilbert 1960).
    bursting: Vec<Vec<bool>>,
}

impl Network {
    /// Everything arrives again, at once and once.
    pub fn calm(&mut self) {
        *self = Network::default();
    }

    /// Nothing is cut any more.
    pub fn mend(&mut self) {
        self.cuts.clear();
        self.islands.clear();
    }

    /// Whether a process is on an island.
    pub fn cut_off(&self, who: Sender) -> bool {
        self.islands.iter().any(|island| lives_on(island, who))
    }

    pub fn passes(&self, hop: &Hop) -> bool {
        let parted = |island: &Vec<Who>| lives_on(island, hop.from) != lives_on(island, hop.to);
        if self.islands.iter().any(parted) {
            return false;
        }
        !self.cuts.iter().any(|cut| cut.concerns(hop))
    }

    /// Whether a packet has to wait until it is released.
    pub fn holds(&self, hop: &Hop) -> bool {
        self.holds.iter().any(|hold| hold.concerns(hop))
    }

    /// What becomes of a packet that no cut stops.
    pub fn fate(&mut self, chance: &mut Chance, link: (usize, usize)) -> Fate {
        let pair = (link.0 * 31 + link.1) as u64;
        let usual = DELAY + pair * 0x9E37_79B9 % DISTANCE;
        let weather = &self.weather;
        if weather.is_fair() {
            return Fate { copies: [Some(usual), None], damaged: false };
        }
        let lost = chance.percent(weather.loss);
        if self.in_burst(chance, link) || lost {
            return Fate::default();
        }
        let weather = &self.weather;
        let copies = 1 + usize::from(chance.percent(weather.duplicates));
        let mut fate = Fate { copies: [None; 2], damaged: chance.percent(weather.damaged) };
        for copy in &mut fate.copies[..copies] {
            let mut time = usual;
            if weather.delay > 0 {
                time += chance.below(weather.delay);
            }
            if chance.percent(weather.reordered) {
                let most = chance.pick(&[100_000, 1_000_000, 20_000_000]);
                time += chance.below(most);
            }
            *copy = Some(time);
        }
        fate
    }

    /// Whether the link is in a burst of losses as this packet comes.
    fn in_burst(&mut self, chance: &mut Chance, (from, to): (usize, usize)) -> bool {
        let (percent, length) = self.weather.bursts;
        if percent == 0 {
            return false;
        }
        if self.bursting.len() <= from {
            self.bursting.resize(from + 1, Vec::new());
        }
        let links = &mut self.bursting[from];
        if links.len() <= to {
            links.resize(to + 1, false);
        }
        // A burst ends after `length` packets on average, and begins so often that `percent` are in one.
        links[to] = if links[to] {
            !chance.once_in(length)
        } else {
            chance.below((100 - percent) * length) < percent
        };
        links[to]
    }
}

fn lives_on(island: &[Who], who: Sender) -> bool {
    island.iter().any(|some| some.is(who))
}

/// What the network may make of a packet: never the packet itself, and never one that passes for one.
pub fn damage(chance: &mut Chance, bytes: &mut Vec<u8>) {
    match chance.below(5) {
        0 => bytes.truncate(chance.below(bytes.len() as u64) as usize),
        1 => {
            let more = chance.between(1, 64);
            bytes.extend((0..more).map(|_| chance.draw() as u8));
        }
        2 => {
            // Part of it is that of another packet.
            let (at, shift) = (chance.below(bytes.len() as u64) as usize, 1 + chance.below(255) as u8);
            bytes[at..].iter_mut().for_each(|byte| *byte = byte.wrapping_add(shift));
        }
        _ => {
            // An even number of flips might undo each other.
            for _ in 0..1 + 2 * chance.below(4) {
                let at = chance.below(8 * bytes.len() as u64);
                bytes[(at / 8) as usize] ^= 1 << (at % 8);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lost(network: &mut Network, packets: u64) -> Vec<bool> {
        let mut chance = Chance::new(7);
        (0..packets).map(|_| network.fate(&mut chance, (1, 2)).copies[0].is_none()).collect()
    }

    #[test]
    fn bursts_lose_as_many_packets_as_they_should_and_many_in_a_row() {
        let mut network = Network::default();
        network.weather.bursts = (20, 10);
        let lost = lost(&mut network, 100_000);
        let share = lost.iter().filter(|lost| **lost).count();
        assert!((17_000..23_000).contains(&share), "{share}");
        let bursts = lost.windows(2).filter(|pair| !pair[0] && pair[1]).count();
        let length = share / bursts;
        assert!((8..=12).contains(&length), "{length} in a row");
    }

    #[test]
    fn single_losses_are_independent() {
        let mut network = Network::default();
        network.weather.loss = 30;
        let share = lost(&mut network, 100_000).iter().filter(|lost| **lost).count();
        assert!((29_000..31_000).contains(&share), "{share}");
    }

    #[test]
    fn fair_weather_carries_every_packet_once_in_the_time_of_its_link() {
        let mut network = Network::default();
        let mut chance = Chance::new(7);
        let fate = network.fate(&mut chance, (3, 4));
        assert!(fate.copies[0].is_some_and(|time| (DELAY..DELAY + DISTANCE).contains(&time)));
        assert!(fate.copies[1].is_none() && fate == network.fate(&mut chance, (3, 4)));
    }

    #[test]
    fn damaged_bytes_are_never_those_that_were_sent() {
        let mut chance = Chance::new(7);
        let sent: Vec<u8> = (0..200).collect();
        for _ in 0..10_000 {
            let mut bytes = sent.clone();
            damage(&mut chance, &mut bytes);
            assert_ne!(bytes, sent);
        }
    }

    #[test]
    fn who_is_cut_off_hears_only_who_is_cut_off_with_it() {
        let sender = |id| Sender { role: Role::Learner, id, incarnation: 1 };
        let who = |id| Who { role: Role::Learner, id: Some(id) };
        let hop = |from, to| Hop {
            from: sender(from),
            to: sender(to),
            kind: Kind::Hello,
            group: Some(Role::Learner),
            link: (0, 1),
        };
        let mut network = Network::default();
        network.islands.push(vec![who(1), who(2)]);
        assert!(network.passes(&hop(1, 2)) && network.passes(&hop(3, 4)));
        assert!(!network.passes(&hop(1, 3)) && !network.passes(&hop(3, 2)));
        assert!(network.cut_off(sender(2)) && !network.cut_off(sender(3)));
        network.mend();
        assert!(network.passes(&hop(1, 3)));
    }

    #[test]
    fn a_cut_stops_what_it_names_and_nothing_else() {
        let sender = |role, id| Sender { role, id, incarnation: 1 };
        let (proposer, acceptor) = (sender(Role::Proposer, 1), sender(Role::Acceptor, 2));
        let hop = |from, to, kind, group| Hop { from, to, kind, group, link: (0, 1) };
        let mut network = Network::default();
        network.cuts.push(Cut { group: Some(Role::Acceptor), ..Cut::default() });
        assert!(!network.passes(&hop(proposer, acceptor, Kind::Phase2a, Some(Role::Acceptor))));
        assert!(network.passes(&hop(proposer, acceptor, Kind::Fetch, None)));
        network.cuts = vec![Cut {
            to: Some(Who { role: Role::Acceptor, id: Some(2) }),
            kind: Some(Kind::Phase2a),
            ..Cut::default()
        }];
        assert!(!network.passes(&hop(proposer, acceptor, Kind::Phase2a, Some(Role::Acceptor))));
        assert!(network.passes(&hop(acceptor, proposer, Kind::Phase2b, Some(Role::Learner))));
        assert!(network.passes(&hop(
            proposer,
            sender(Role::Acceptor, 1),
            Kind::Phase2a,
            Some(Role::Acceptor)
        )));
    }
}
