//! What an acceptor makes of what the others say, through packets.

use super::*;
use wire::{Body, FixedBody, Hello, Layout, PACKET_MAX, Sender, Stamp};

const LAYOUT: Layout = Layout { packet: 1472, cluster: 5, trailer: 0 };
const LOG: u32 = 7;
const OTHER: u32 = 5;

struct Bench {
    rejoin: Rejoin,
}

fn setup(acceptors: u16, incarnation: u64) -> Setup {
    Setup {
        me: Sender { role: Role::Acceptor, id: 1, incarnation },
        layout: LAYOUT,
        address: core::net::SocketAddrV4::new(core::net::Ipv4Addr::LOCALHOST, 1),
        acceptors: (1..=acceptors).collect(),
        heartbeat: 2_000 * MS,
        suspect: 5_000 * MS,
        seed: 1,
    }
}

impl Bench {
    /// Acceptor 1 of so many, a member of [`LOG`].
    fn member(acceptors: u16) -> Bench {
        let lives = (0..acceptors).map(|_| 9).collect();
        let standing = Standing { life: 9, log: LOG, blind_until: 0, lives };
        Bench { rejoin: Rejoin::new(&setup(acceptors, 9), &standing) }
    }

    /// The same without memory.
    fn blank(acceptors: u16) -> Bench {
        let mut rejoin = Rejoin::new(&setup(acceptors, 9), &Standing::default());
        rejoin.begin(0, Ballot::ZERO, 0);
        Bench { rejoin }
    }

    /// A packet of another acceptor comes. Returns the life that it is told, and whether it is helped.
    fn hears<B: FixedBody>(
        &mut self,
        now: Nanos,
        (id, start, log): (u16, u64, u32),
        body: &B,
        tail: &[u8],
    ) -> Option<(u64, bool)> {
        let sender = Sender { role: Role::Acceptor, id, incarnation: start };
        let mut bytes = [0; PACKET_MAX];
        let length =
            wire::seal(&mut bytes, LAYOUT, sender, Stamp { sequence: 0, log, flags: 0 }, body, &[tail]);
        let packet = Packet::parse(&bytes[..length]).expect("a test sends what can be read");
        let latest = self.rejoin.heard(now, &packet);
        match packet.body {
            Body::Join(join) => {
                if latest {
                    self.rejoin.heard_blank(now, &packet, join);
                }
                let helped = self.rejoin.help(&packet, join, Ballot::ZERO);
                helped.map(|(life, _, new)| (life, new))
            }
            Body::Found(_, members) => {
                self.rejoin.founded(&packet, members);
                None
            }
            Body::Helped(body, told) => {
                self.rejoin.helped(&packet, body, told);
                None
            }
            _ => None,
        }
    }

    fn hears_member(&mut self, now: Nanos, id: u16, log: u32) {
        self.hears(now, (id, 9, log), &helped(9, (0, Ballot::ZERO)), U64::new(9).as_bytes());
    }

    fn hears_blank(&mut self, now: Nanos, id: u16, start: u64) -> Option<(u64, bool)> {
        let body = Join { life: start.into(), ballot: Ballot::new(1, id, start).into() };
        self.hears(now, (id, start, 0), &body, &[])
    }
}

fn helped(life: u64, (joiner, ballot): (u64, Ballot)) -> Helped {
    Helped {
        joiner: joiner.into(),
        former: 0.into(),
        ballot: ballot.into(),
        life: life.into(),
        top: 0.into(),
        complete_until: 0.into(),
    }
}

#[test]
fn an_old_packet_makes_nobody_outbid_a_fence_that_was_given_since() {
    let mut bench = Bench::member(3);
    let mut promised = Ballot::ZERO;
    let mut asks = |id: u16, round: u64| {
        let (life, ballot) = (20, Ballot::new(round, id, 20));
        let sender = Sender { role: Role::Acceptor, id, incarnation: life };
        let (mut bytes, stamp) = ([0; PACKET_MAX], Stamp { sequence: 0, log: 0, flags: 0 });
        let body = Join { life: life.into(), ballot: ballot.into() };
        let length = wire::seal(&mut bytes, LAYOUT, sender, stamp, &body, &[]);
        let packet = Packet::parse(&bytes[..length]).expect("a test sends what can be read");
        let Body::Join(join) = packet.body else { unreachable!("it is a join") };
        let (_, told, new) = bench.rejoin.help(&packet, join, promised).expect("it is told something");
        if new {
            promised = told;
        }
        (told.round(), told.proposer(), new)
    };
    assert_eq!(asks(2, 1), (1, 2, true));
    assert_eq!(asks(3, 1), (1, 3, true));
    assert_eq!(asks(2, 1), (1, 2, false), "the answer was lost");
    assert_eq!(asks(2, 2), (2, 2, true));
    assert_eq!(asks(3, 1), (1, 3, false), "a copy, though more was promised since");
    assert_eq!(asks(3, 2), (2, 3, true));
    assert_eq!(asks(2, 1), (2, 2, false), "a copy of what it asked for before it asked for more");
}

#[test]
fn lives_tell_the_order_of_starts_and_where_there_are_none_the_starts_do() {
    let mut bench = Bench::member(3);
    assert_eq!(bench.hears_blank(0, 2, 20), Some((20, true)));
    assert_eq!(bench.hears_blank(0, 2, 12), Some((20, false)), "it is told that it needs a larger life");
    let later = Join { life: 21.into(), ballot: Ballot::new(1, 2, 21).into() };
    assert_eq!(bench.hears(0, (2, 12, 0), &later, &[]), Some((21, true)));
    bench.hears(0, (2, 12, LOG), &helped(21, (0, Ballot::ZERO)), U64::new(9).as_bytes());
    assert!(bench.rejoin.recent(0, 1).is_none());
    bench.hears(0, (2, 12, 0), &later, &[]);
    assert!(bench.rejoin.recent(0, 1).is_none(), "a copy that comes late");
    bench.hears(0, (2, 11, OTHER), &Hello { answered: 0.into() }, &[]);
    assert!(bench.rejoin.elsewhere[1].is_none());
    bench.hears(0, (2, 20, OTHER), &helped(20, (0, Ballot::ZERO)), U64::new(9).as_bytes());
    assert!(bench.rejoin.elsewhere[1].is_none());
}

#[test]
fn who_founds_a_log_is_not_blind_in_it_whatever_it_was_in_another() {
    let mut bench = Bench::member(3);
    bench.rejoin.blind_until = 10;
    bench.rejoin.begin(0, Ballot::ZERO, 0);
    let life = bench.rejoin.life();
    let members = [Member::new(1, life), Member::new(2, 30)];
    bench.hears(0, (2, 30, OTHER), &Found { life: 30.into() }, members.as_bytes());
    assert_eq!((bench.rejoin.log(), bench.rejoin.blind_until()), (OTHER, 0));

    for (log, blind_until) in [(LOG, 10), (OTHER, 0)] {
        let mut bench = Bench::member(3);
        bench.rejoin.blind_until = 10;
        bench.rejoin.begin(0, Ballot::ZERO, 0);
        let (life, ballot) = (bench.rejoin.life(), bench.rejoin.asked);
        let lives = [U64::new(life), U64::new(9), U64::new(9)];
        for id in [2, 3] {
            bench.hears(0, (id, 9, log), &helped(9, (life, ballot)), lives.as_bytes());
        }
        assert_eq!((bench.rejoin.log(), bench.rejoin.blind_until()), (log, blind_until));
    }
}

#[test]
fn a_blank_acceptor_heeds_whoever_knows_a_later_life_of_it() {
    let mut bench = Bench::blank(3);
    assert_eq!(bench.rejoin.life(), 9);
    let lives = [U64::new(1 << 40), U64::new(0), U64::new(0)];
    bench.hears(0, (2, 9, 0), &helped(0, (1 << 40, Ballot::ZERO)), lives.as_bytes());
    assert!(bench.rejoin.life() > 1 << 40);
}

#[test]
fn a_member_whose_life_is_over_by_a_proposers_word_begins_a_later_one() {
    let mut bench = Bench::member(3);
    for (acceptor, life, over) in [(1, 8, false), (1, 9, false), (2, 1 << 40, false), (1, 1 << 40, true)] {
        assert_eq!(bench.rejoin.over(&Over::new(acceptor, life)), over, "A{acceptor} has had life {life}");
    }
    bench.rejoin.begin(0, Ballot::ZERO, LOG);
    assert!(bench.rejoin.life() > 1 << 40);
}

/// Whether it begins anew when things stay as they are; it does not at once.
fn stranded(bench: &mut Bench) -> bool {
    assert!(!bench.rejoin.stranded(0));
    bench.rejoin.stranded(RECENT - 1)
}

#[test]
fn a_member_begins_anew_only_when_its_log_can_have_no_majority() {
    let mut bench = Bench::member(3);
    bench.hears_member(0, 2, OTHER);
    assert!(!stranded(&mut bench), "the third may be one of ours, though the other log is older");
    bench.hears_member(0, 3, LOG + 1);
    assert!(!bench.rejoin.stranded(0) && bench.rejoin.stranded(RECENT));

    let mut bench = Bench::member(5);
    for (id, log, gone) in [(2, LOG + 1, false), (3, LOG + 1, false), (4, OTHER, true)] {
        bench.hears_member(0, id, log);
        assert!(!bench.rejoin.stranded(0));
        assert_eq!(bench.rejoin.stranded(RECENT), gone);
    }
    bench.hears_member(0, 4, LOG + 1);
    assert!(bench.rejoin.stranded(0), "a majority is elsewhere: there is nothing to wait for");

    let mut bench = Bench::member(4);
    bench.hears_member(0, 2, OTHER);
    assert!(!stranded(&mut bench));
    bench.hears_member(0, 3, OTHER);
    assert!(!bench.rejoin.stranded(0) && bench.rejoin.stranded(RECENT), "two of four are no majority");
}

#[test]
fn a_member_begins_anew_when_others_stay_blank_and_are_no_founders() {
    let mut bench = Bench::member(3);
    for now in [0, RECENT] {
        bench.hears_blank(now, 2, 10);
        bench.hears_blank(now, 3, 10);
        assert_eq!(bench.rejoin.stranded(now), now > 0);
    }

    let mut bench = Bench::blank(3);
    let members = [Member::new(1, 9), Member::new(2, 10)];
    bench.hears(0, (2, 10, LOG), &Found { life: 10.into() }, members.as_bytes());
    bench.rejoin.members = [0; ACCEPTORS_MAX]; // as if somebody else had told of it
    for now in [0, RECENT] {
        bench.hears_blank(now, 2, 10);
        bench.hears_blank(now, 3, 10);
        assert!(bench.rejoin.is_member() && !bench.rejoin.stranded(now), "2 is told that it is one");
    }
}

/// A packet between a blank acceptor and a member.
#[derive(Clone)]
enum Flight {
    Asks { blank: usize, member: usize, join: Join },
    Answers { blank: usize, member: usize, helped: Helped, lives: Vec<u64> },
}

/// Two acceptors that lost their memories at once, some members, and the packets on their way.
struct Pair {
    blanks: [Rejoin; 2],
    /// With what each has promised.
    members: Vec<(Rejoin, Ballot)>,
    flying: Vec<Flight>,
    /// How many packets have come.
    come: usize,
    /// How often each blank one had to ask for a higher fence.
    raises: [usize; 2],
}

fn sealed<'a, B: FixedBody>(
    bytes: &'a mut [u8; PACKET_MAX],
    (id, incarnation, log): (usize, u64, u32),
    body: &B,
    tail: &[u8],
) -> Packet<'a> {
    let sender = Sender { role: Role::Acceptor, id: id as u16, incarnation };
    let length = wire::seal(bytes, LAYOUT, sender, Stamp { sequence: 0, log, flags: 0 }, body, &[tail]);
    Packet::parse(&bytes[..length]).expect("a test sends what can be read")
}

impl Pair {
    /// A leader's ballot is promised by all members, so both must ask again at least once.
    fn new(acceptors: u16) -> Pair {
        let start = |id, incarnation, standing: &Standing| {
            let mut setup = setup(acceptors, incarnation);
            setup.me.id = id;
            Rejoin::new(&setup, standing)
        };
        let blanks = [1, 2].map(|id| {
            let mut blank = start(id, 20, &Standing::default());
            blank.begin(0, Ballot::ZERO, 0);
            blank
        });
        let lives = (0..acceptors).map(|_| 9).collect();
        let standing = Standing { life: 9, log: LOG, blind_until: 0, lives };
        let members = (3..=acceptors).map(|id| (start(id, 9, &standing), Ballot::new(1, 7, 7)));
        Pair { blanks, members: members.collect(), flying: Vec::new(), come: 0, raises: [0; 2] }
    }

    /// What blank acceptor `blank` asks for by now, to every member.
    fn asks(&self, blank: usize) -> Vec<Flight> {
        let Rejoin { life, asked, .. } = self.blanks[blank];
        let join = Join { life: life.into(), ballot: asked.into() };
        (0..self.members.len()).map(|member| Flight::Asks { blank, member, join }).collect()
    }

    /// As at the end of a turn, or when the time to ask again has come.
    fn ask(&mut self, blank: usize, again: bool) {
        if (core::mem::take(&mut self.blanks[blank].ask_due) || again) && !self.blanks[blank].is_member() {
            self.flying.extend(self.asks(blank));
        }
    }

    fn comes(&mut self, flight: Flight) {
        let mut bytes = [0; PACKET_MAX];
        self.come += 1;
        match flight {
            Flight::Asks { blank, member, join } => {
                let packet = sealed(&mut bytes, (blank + 1, 20, 0), &join, &[]);
                let (rejoin, promised) = &mut self.members[member];
                let Some((joiner, ballot, new)) = rejoin.help(&packet, &join, *promised) else { return };
                if new {
                    assert!(ballot > *promised, "a promise never falls");
                    *promised = ballot;
                }
                let (helped, lives) = (helped(9, (joiner, ballot)), rejoin.lives().all().to_vec());
                self.flying.push(Flight::Answers { blank, member, helped, lives });
            }
            Flight::Answers { blank, member, helped, lives } => {
                let lives: Vec<U64> = lives.into_iter().map(U64::new).collect();
                let packet = sealed(&mut bytes, (member + 3, 9, LOG), &helped, lives.as_bytes());
                let before = self.blanks[blank].asked;
                self.blanks[blank].helped(&packet, &helped, &lives);
                self.raises[blank] += usize::from(self.blanks[blank].asked > before);
                self.ask(blank, false);
            }
        }
    }

    /// Until nothing is on its way any more; each packet comes once.
    fn settle(&mut self) {
        let limit = self.come + 100;
        while let Some(flight) = self.flying.pop() {
            self.comes(flight);
            assert!(self.come < limit, "packets beget packets for ever");
        }
    }
}

/// Each of two blank acceptors asks for a fence above all that was promised, so above the other's too. An old
/// copy of a request must not set the two at each other.
#[test]
fn an_old_copy_of_a_request_costs_nothing() {
    let mut pair = Pair::new(3); // each would need the other's help, so they stay blank
    let old = [pair.asks(0), pair.asks(1)];
    (0..2).for_each(|blank| pair.ask(blank, false));
    pair.settle();
    let raises = pair.raises;
    assert!(raises[0] > 0 && raises[1] > 0, "a leader's ballot was in the way");
    for copy in 0..10 {
        pair.flying = old[copy % 2].clone();
        pair.settle();
        (0..2).for_each(|blank| pair.ask(blank, true));
        pair.settle();
        assert_eq!(pair.raises, raises, "what was granted is granted again");
    }
}

/// With more members each hears the two in an order of its own, and whoever comes late somewhere asks again.
/// Every time it takes another loss or another detour, so it ends.
#[test]
fn two_blank_acceptors_both_come_back_however_the_network_shuffles_their_requests() {
    for seed in 1..=200 {
        let (mut pair, mut random) = (Pair::new(5), Random::new(seed * 0x9E37_79B9));
        while !pair.blanks.iter().all(Rejoin::is_member) {
            if pair.flying.is_empty() || random.between(0, 20) == 0 {
                (0..2).for_each(|blank| pair.ask(blank, true)); // the time to ask again has come
            }
            let at = random.between(0, pair.flying.len() as u64) as usize;
            let chance = random.between(0, 10);
            let flight = if chance < 2 { pair.flying[at].clone() } else { pair.flying.swap_remove(at) }; // a copy stays
            if chance < 8 {
                pair.comes(flight);
            }
            assert!(pair.come < 500, "seed {seed}: still blank");
        }
    }
}
