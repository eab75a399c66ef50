//! Whole examinations in simulated time: observers, the network between them, and what they find.

use super::*;
use crate::conf::Conf;
use crate::doctor::course::{Course, Setup};
use crate::doctor::facts::{Bridge, Buffer, Link, Querier, Unsent};
use crate::doctor::plan;
use crate::engine::batch::Mode;
use crate::limits::MS;
use crate::protocol::{Nanos, Outbox, To};
use std::net::{Ipv4Addr, SocketAddrV4};
use wire::{Endpoint, Hello, Layout, PACKET_MAX, Packet, Refusal, Role, Sender, Stamp, Tally, host_field};
use zerocopy::FromZeros;

const CONF: &str = "clients 239.0.0.1 5000\nproposers 239.0.0.1 6000\nacceptors 239.0.0.1 7000\n\
                    learners 239.0.0.1 8000\ninterface eth0\n";
const BROADCAST: SocketAddrV4 = SocketAddrV4::new(Ipv4Addr::new(10, 0, 0, 255), 5000);
/// What the clocks showed at the start.
const BEGUN: u64 = 1_700_000_000_000_000_000;
const SECOND: Nanos = 1000 * MS;

/// How a packet travels.
#[derive(Clone, Copy)]
struct Travel {
    from: usize,
    to: usize,
    /// `None`: to one host, or to all by broadcast.
    group: Option<Role>,
    broadcast: bool,
    /// Of the IP packet, bytes.
    length: usize,
    at: Nanos,
    /// Unlike that of any other packet.
    number: u64,
}

struct World {
    hosts: Vec<(Course, Outbox)>,
    conf: Conf,
    /// How far the clock of each is ahead.
    ahead: Vec<u64>,
    now: Nanos,
    sent: u64,
}

fn conf(more: &str) -> Conf {
    Conf::parse(&format!("{CONF}{more}"), "paxos.conf").expect("it is right")
}

fn address(host: usize) -> SocketAddrV4 {
    SocketAddrV4::new(Ipv4Addr::new(10, 0, 0, host as u8 + 1), 4000 + host as u16)
}

fn course(host: usize, conf: &Conf) -> (Course, Outbox) {
    let me = Sender { role: Role::Observer, id: host as u16 + 1, incarnation: 100 + host as u64 };
    let cluster = conf.layout().cluster;
    let tally = Tally {
        host: host_field(&format!("h{}", host + 1)),
        link_mtu: 1500.into(),
        mtu: conf.mtu.into(),
        heartbeat: (conf.heartbeat.as_micros() as u64).into(),
        suspect: (conf.suspect.as_micros() as u64).into(),
        ttl: conf.ttl,
        clients: Endpoint::new(conf.clients),
        proposers: Endpoint::new(conf.proposers),
        acceptors: Endpoint::new(conf.acceptors),
        learners: Endpoint::new(conf.learners),
        ..Tally::new_zeroed()
    };
    let setup = Setup { me, address: address(host), cluster, broadcast: Some(BROADCAST), tally };
    (Course::new(setup, 0), Outbox::new(Layout { packet: PACKET_MAX, cluster, trailer: 0 }, me))
}

impl World {
    fn new(hosts: usize) -> World {
        World::with((0..hosts).map(|_| conf("")).collect())
    }

    /// A host for each configuration.
    fn with(confs: Vec<Conf>) -> World {
        let hosts: Vec<_> = confs.iter().enumerate().map(|(host, conf)| course(host, conf)).collect();
        World { ahead: vec![0; hosts.len()], hosts, conf: confs[0].clone(), now: 0, sent: 0 }
    }

    /// Lets time pass; what `arrives` says of a packet decides its fate.
    fn run(&mut self, time: Nanos, mut arrives: impl FnMut(Travel) -> bool) {
        let until = self.now + time;
        while self.now < until {
            for from in 0..self.hosts.len() {
                let (course, out) = &mut self.hosts[from];
                course.turn(self.now, BEGUN + self.ahead[from] + self.now, out);
                let packets: Vec<(To, Vec<u8>)> =
                    out.queued(&[]).map(|(to, bytes)| (to, bytes.to_vec())).collect();
                out.sent();
                for (to, bytes) in packets {
                    self.carry(from, to, &bytes, &mut arrives);
                }
            }
            self.now += plan::ROUND;
        }
    }

    fn carry(&mut self, from: usize, way: To, bytes: &[u8], arrives: &mut impl FnMut(Travel) -> bool) {
        for to in 0..self.hosts.len() {
            let (group, broadcast) = match way {
                To::Group(role) => (Some(role), false),
                To::Peer(at) if at == BROADCAST && to != from => (None, true),
                To::Peer(at) if at == address(to) => (None, false),
                To::Peer(_) => continue,
            };
            self.sent += 1;
            let (length, at, number) = (bytes.len() + 28, self.now, self.sent);
            if arrives(Travel { from, to, group, broadcast, length, at, number }) {
                let clock = BEGUN + self.ahead[to] + self.now;
                let packet = Packet::parse(bytes).expect("a good one");
                self.hosts[to].0.packet(self.now, clock, address(from), &packet);
            }
        }
    }

    fn survey(&self, host: usize) -> Survey {
        Survey::of(&self.hosts[host].0, self.now)
    }

    /// What the doctor of a host finds.
    fn findings(&self, host: usize) -> Vec<Finding> {
        findings(&facts(&self.conf, host), &self.survey(host))
    }

    /// The names of these, and the text of the first.
    fn found(&self, host: usize) -> (Vec<Name>, String) {
        names_of(&self.findings(host))
    }
}

fn names_of(findings: &[Finding]) -> (Vec<Name>, String) {
    let what = findings.first().map_or(String::new(), |finding| finding.what.clone());
    (findings.iter().map(|finding| finding.name).collect(), what)
}

/// A host of which nothing bad is known.
fn facts(conf: &Conf, host: usize) -> Facts {
    let buffer =
        |sysctl| Buffer { asked: conf.buffer, got: conf.buffer, sysctl, most: Some(conf.buffer as u64) };
    Facts {
        conf: conf.clone(),
        host: format!("h{}", host + 1),
        link: Link {
            name: "eth0".into(),
            index: 2,
            address: *address(host).ip(),
            mask: Some(Ipv4Addr::new(255, 255, 255, 0)),
            loopback: false,
            mtu: Some(1500),
            more: Vec::new(),
            choices: Vec::new(),
        },
        receive: buffer("net.core.rmem_max"),
        send: buffer("net.core.wmem_max"),
        sending: Mode::Gso,
        gro: true,
        coalesced: 1,
        reverse_path: Some(0),
        reverse_path_drops: Some(0),
        drops: 0,
        unsent: Vec::new(),
        bridge: None,
        querier: Querier::Heard(Ipv4Addr::new(10, 0, 0, 254)),
        steps: Vec::new(),
        seconds: 3.0,
        expected: None,
    }
}

#[test]
fn of_a_healthy_network_nothing_is_found() {
    let mut world = World::new(3);
    world.run(3 * SECOND, |_| true);
    for host in 0..3 {
        assert_eq!(world.findings(host), []);
        let survey = world.survey(host);
        assert_eq!(survey.pairs.len(), 9);
        for pair in &survey.pairs {
            let heard = &pair.heard;
            assert!(heard.rounds.get() > 450 && heard.groups() == [heard.rounds.get(); 4]);
            assert!(heard.bursts.get() >= 4 * plan::BURST && heard.burst == heard.bursts);
            assert_eq!(heard.longest.get(), 1500);
            assert_eq!(heard.again.get(), 0);
            assert!(
                pair.from == pair.to
                    || heard.direct_rounds.get() > 450 && heard.direct == heard.direct_rounds
            );
        }
    }
}

#[test]
fn what_a_switch_does_not_send_to_a_host_before_it_knows_of_its_groups_is_no_loss() {
    let mut world = World::new(3);
    let knows = 150 * MS;
    world.run(3 * SECOND, |travel| travel.to != 1 || travel.group.is_none() || travel.at >= knows);
    for host in 0..3 {
        assert_eq!(world.findings(host), []);
    }
}

#[test]
fn a_host_alone_says_so() {
    let mut world = World::new(1);
    world.run(SECOND, |_| true);
    assert_eq!(world.found(0).0, [Name::Alone]);
    let facts = Facts { expected: Some(3), ..facts(&world.conf, 0) };
    let (names, what) = names_of(&findings(&facts, &world.survey(0)));
    assert_eq!(
        (names, &what[..]),
        (vec![Name::HostsMissing], "1 of 3 hosts run the doctor and are heard here")
    );
}

#[test]
fn loss_one_way_is_named_with_both_hosts_by_all() {
    let mut world = World::new(3);
    world.run(3 * SECOND, |travel| (travel.from, travel.to) != (0, 2) || travel.number % 10 > 2);
    for host in 0..3 {
        let (names, what) = world.found(host);
        assert_eq!(names, [Name::Loss], "{what}");
        assert!(
            what.starts_with("h3 misses ")
                && what.contains(" of what h1 sends (one way only: h1 misses 0.0 %")
        );
    }
}

#[test]
fn loss_of_all_that_comes_to_a_host_is_one_finding_about_that_host() {
    let mut world = World::new(3);
    world.run(3 * SECOND, |travel| travel.to != 1 || travel.from == 1 || travel.number % 10 > 0);
    let (names, what) = world.found(0);
    assert_eq!(names, [Name::Loss], "{what}");
    assert!(what.starts_with("h2 misses ") && what.ends_with("of what all others send"), "{what}");
}

#[test]
fn a_group_that_a_host_does_not_hear_is_named() {
    let mut world = World::new(3);
    world.run(3 * SECOND, |travel| travel.to != 1 || travel.group != Some(Role::Learner));
    let (names, what) = world.found(2);
    assert_eq!(names, [Name::GroupBlocked]);
    assert!(
        what.starts_with(
            "h2 hears nothing by the group of the learners (239.0.0.1:8000), not even of its own"
        )
    );
}

#[test]
fn a_group_to_which_nobody_hears_a_host_is_its_own_matter() {
    let mut world = World::new(3);
    world.run(3 * SECOND, |travel| travel.from != 1 || travel.group != Some(Role::Proposer));
    let (names, what) = world.found(0);
    assert_eq!(
        (names, &what[..]),
        (vec![Name::SenderBlocked], "nobody hears what h2 sends to proposers (239.0.0.1:6000)")
    );
}

#[test]
fn a_host_whose_multicast_does_not_come_back_is_named() {
    let mut world = World::new(2);
    world.run(3 * SECOND, |travel| (travel.from, travel.to) != (0, 0));
    let (names, what) = world.found(1);
    assert_eq!(names, [Name::OwnUnheard]);
    assert!(what.starts_with("h1 does not hear what it sends itself"));
}

#[test]
fn hosts_that_hear_each_other_by_everything_but_multicast_say_so() {
    let mut world = World::new(3);
    world.run(3 * SECOND, |travel| travel.group.is_none() || travel.from == travel.to);
    let (names, what) = world.found(0);
    assert_eq!(names, [Name::NoMulticast]);
    assert!(what.starts_with("h1, h2 and h3 hear no multicast"), "{what}");
}

#[test]
fn a_host_that_drops_even_its_own_multicast_is_deaf() {
    let mut world = World::new(3);
    world.run(3 * SECOND, |travel| travel.group.is_none() || travel.to != 2);
    let (names, what) = world.found(0);
    assert_eq!((names, &what[..]), (vec![Name::Deaf], "h3 hears no multicast at all, not even its own"));
}

#[test]
fn multicast_that_stops_is_told_from_loss_and_without_a_querier_it_is_snooping() {
    let mut world = World::new(3);
    let stops = |travel: Travel| travel.group.is_none() || travel.from == travel.to || travel.at < 2 * SECOND;
    world.run(4 * SECOND, stops);
    let (names, what) = world.found(1);
    assert_eq!(names, [Name::Stopped]);
    assert!(
        what.starts_with("for 2.0 s in a row no multicast of others reached h1, h2 and h3, by no group"),
        "{what}"
    );
    let facts = Facts { querier: Querier::Silent, ..facts(&world.conf, 1) };
    let (names, what) = names_of(&findings(&facts, &world.survey(1)));
    assert_eq!(names, [Name::SnoopingWithoutQuerier]);
    assert!(
        what.starts_with("for 2.0 s in a row") && what.ends_with("a switch snoops on IGMP without a querier")
    );

    // The same when members report themselves again.
    let mut world = World::new(3);
    let pauses = |travel: Travel| stops(travel) || travel.at > 3 * SECOND;
    world.run(4 * SECOND, pauses);
    assert_eq!(world.found(1).0, [Name::Stopped]);
}

#[test]
fn lengths_that_do_not_pass_are_named_with_the_host_that_has_the_short_link() {
    let mut world = World::new(3);
    world.run(3 * SECOND, |travel| {
        travel.from == travel.to || travel.length <= 1450 || (travel.from != 1 && travel.to != 1)
    });
    let (names, what) = world.found(0);
    let expected = "between h2 and the others packets of up to 1450 bytes arrive and those of 1476 do not; `mtu` is 1500";
    assert_eq!(what, expected);
    assert_eq!(names, [Name::PathMtu]);
}

#[test]
fn bursts_that_lose_their_ends_are_told_from_loss() {
    let mut world = World::new(2);
    // What carries 1,500 bytes and is no probe of lengths belongs to a burst; every second one is lost.
    let mut nth = 0;
    world.run(4 * SECOND, |travel| {
        let burst = travel.length == 1500 && travel.group.is_some() && (travel.from, travel.to) == (0, 1);
        nth += u32::from(burst);
        !burst || nth.is_multiple_of(2)
    });
    let (names, what) = world.found(1);
    assert_eq!(names, [Name::BurstLoss], "{what}");
    assert!(what.starts_with("h2 misses "));
}

#[test]
fn packets_to_one_host_that_do_not_arrive_are_named() {
    let mut world = World::new(2);
    world.run(3 * SECOND, |travel| travel.group.is_some() || travel.broadcast || travel.to != 1);
    let (names, what) = world.found(0);
    assert_eq!(names, [Name::DirectBlocked]);
    assert!(what.starts_with("h2 misses 100.0 % of what h1 sends to it alone"), "{what}");
}

#[test]
fn a_host_that_hears_nothing_at_all_is_named_by_those_that_hear_it() {
    let mut world = World::new(3);
    world.run(3 * SECOND, |travel| travel.to != 1 || travel.from == 1);
    let (names, what) = world.found(0);
    assert_eq!(names, [Name::Unheard]);
    assert!(what.starts_with("h2 hears nothing at all of h1 and h3"), "{what}");
    assert_eq!(world.found(1).0, [Name::Alone]);
}

#[test]
fn a_host_that_only_others_hear_is_named() {
    let mut world = World::new(3);
    world.run(3 * SECOND, |travel| !matches!((travel.from, travel.to), (2, 0) | (0, 2)));
    let (names, what) = world.found(0);
    assert_eq!(names, [Name::Unheard]);
    assert!(what.starts_with("others hear the doctor of 10.0.0.3"), "{what}");
}

#[test]
fn the_key_that_differs_is_named_with_both_values() {
    let other = Conf::parse(&CONF.replace("8000", "8001"), "paxos.conf").expect("it is right");
    let mut world = World::with(vec![conf(""), other]);
    world.run(3 * SECOND, |travel| travel.group != Some(Role::Learner) || travel.from == travel.to);
    let (names, what) = world.found(0);
    assert_eq!(names, [Name::OtherConfiguration]);
    let expected = "h2 has another configuration: `learners` is 239.0.0.1 8001 there, 239.0.0.1 8000 here";
    assert_eq!(what, expected);

    let mut world = World::with(vec![conf(""), conf("mtu 9000\nheartbeat 1s\n")]);
    world.run(3 * SECOND, |_| true);
    let findings = world.findings(0);
    assert_eq!(names_of(&findings).0, [Name::OtherConfiguration, Name::OtherTimes]);
    assert!(findings[0].what.ends_with("`mtu` is 9000 there, 1500 here"));
    assert_eq!(findings[1].what, "h2: `heartbeat` is 1s there, 2s here");
}

#[test]
fn clocks_are_compared_by_the_round_trip() {
    let mut world = World::new(2);
    world.ahead[1] = 90 * SECOND;
    world.run(3 * SECOND, |_| true);
    let ahead = world.survey(0).hosts[1].ahead.expect("it was measured");
    assert!((ahead.by - 90 * SECOND.cast_signed()).abs() <= ahead.round_trip.cast_signed() + 1);
    assert_eq!(world.found(0).0, [Name::ClocksDiffer]);
    assert!(world.found(1).1.contains("90.0 s behind"), "{}", world.found(1).1);
}

#[test]
fn a_host_that_comes_late_or_leaves_early_is_no_loss() {
    let mut world = World::new(2);
    world.run(2 * SECOND, |travel| travel.from == travel.to);
    world.run(2 * SECOND, |_| true);
    world.run(2 * SECOND, |travel| travel.from != 1 || travel.to == 1);
    assert_eq!(world.survey(0).pairs.iter().filter(|pair| pair.from != pair.to).count(), 2);
    assert_eq!(world.found(0), (vec![], String::new()));
}

#[test]
fn processes_are_listed_and_two_with_one_id_are_named() {
    let mut world = World::new(1);
    let cluster = world.conf.layout().cluster;
    let mut hear = |id: u16, incarnation: u64, from: usize, cluster: u32, now: Nanos| {
        let sender = Sender { role: Role::Proposer, id, incarnation };
        let mut bytes = [0; 64];
        let layout = Layout { packet: 1472, cluster, trailer: 0 };
        let length =
            wire::seal(&mut bytes, layout, sender, Stamp::default(), &Hello { answered: 0.into() }, &[]);
        let packet = Packet::parse(&bytes[..length]).expect("a good one");
        world.hosts[0].0.packet(now, BEGUN, address(from), &packet);
    };
    for at in 1..5 {
        hear(1, 7, 1, cluster, at * MS);
        hear(1, 8, 2, cluster, at * MS + 1);
        hear(2, 9, 3, cluster ^ 1, at * MS);
    }
    // One that came back is no second one.
    hear(3, 1, 4, cluster, MS);
    hear(3, 2, 4, cluster, 2 * MS);
    world.run(SECOND, |_| true);
    let findings = world.findings(0);
    assert_eq!(names_of(&findings).0, [Name::OtherConfiguration, Name::SameId, Name::Alone]);
    assert_eq!(
        findings[0].what,
        "proposer 2 at 10.0.0.4:4003 has another configuration: groups, acceptors or mtu differ"
    );
    assert_eq!(findings[1].what, "two processes are proposer 1: at 10.0.0.2:4001 and at 10.0.0.3:4002");
    assert_eq!(world.survey(0).processes.len(), 5);
}

#[test]
fn what_is_no_packet_of_ours_is_named_by_its_sender() {
    let mut world = World::new(1);
    for refusal in [Refusal::Version(3), Refusal::Magic, Refusal::Magic, Refusal::Tag] {
        world.hosts[0].0.refused(address(5), refusal);
    }
    world.run(SECOND, |_| true);
    let findings = world.findings(0);
    assert_eq!(names_of(&findings).0, [Name::OtherVersion, Name::Foreign, Name::Damaged, Name::Alone]);
    assert!(findings[1].what.ends_with("2 of them"));
}

#[test]
fn each_fault_of_the_host_is_named() {
    let mut world = World::new(2);
    world.run(3 * SECOND, |_| true);
    let survey = world.survey(0);
    let check = |name: Name, change: &dyn Fn(&mut Facts)| {
        let mut facts = facts(&world.conf, 0);
        change(&mut facts);
        let found = findings(&facts, &survey);
        assert_eq!(names_of(&found).0, [name], "{found:?}");
        found.into_iter().next().expect("one")
    };
    let small = check(Name::BufferSmall, &|facts| facts.receive.got = 212_992);
    assert_eq!(small.severity, Severity::Caution);
    assert!(small.mend.contains("sysctl -w net.core.rmem_max=4194304"));
    let small = check(Name::BufferSmall, &|facts| facts.send.asked = 64 << 20);
    assert_eq!(small.severity, Severity::Problem);
    check(Name::LinkMtuSmall, &|facts| facts.link.mtu = Some(1400));
    check(Name::SeveralAddresses, &|facts| facts.link.more = vec![Ipv4Addr::new(192, 0, 2, 1)]);
    check(Name::OtherNetwork, &|facts| facts.link.mask = Some(Ipv4Addr::new(255, 255, 255, 254)));
    check(Name::ReceiveDrops, &|facts| facts.drops = 3);
    check(Name::SegmentationOff, &|facts| facts.sending = Mode::Mmsg);
    check(Name::CoalescingOff, &|facts| facts.gro = false);
    check(Name::NoQuerier, &|facts| facts.querier = Querier::Silent);
    check(Name::SnoopingWithoutQuerier, &|facts| {
        facts.querier = Querier::Silent;
        facts.bridge = Some(Bridge { name: "br0".into(), snooping: true, querier: false });
    });
    check(Name::ReversePath, &|facts| (facts.reverse_path, facts.reverse_path_drops) = (Some(1), Some(9)));
    let back = check(Name::ClockStep, &|facts| facts.steps = vec![-3_500_000_000]);
    assert!(back.what.contains("set back by 3.500 s"));
    check(Name::CannotSend, &|facts| {
        let error = "Network is unreachable".into();
        facts.unsent = vec![Unsent { to: address(1), error, code: Some(libc::ENETUNREACH), packets: 7 }];
    });
}

#[test]
fn without_an_interface_it_is_said_that_nothing_leaves_the_host() {
    let text = CONF.replace("interface eth0\n", "");
    let mut world = World::with(vec![Conf::parse(&text, "paxos.conf").expect("it is right")]);
    world.run(SECOND, |_| true);
    let mut facts = facts(&world.conf, 0);
    (facts.link.loopback, facts.querier) = (true, Querier::NotNeeded);
    facts.link.choices = vec![("eth0".into(), Ipv4Addr::new(192, 0, 2, 7))];
    let found = findings(&facts, &world.survey(0));
    assert_eq!((names_of(&found).0, found[0].severity), (vec![Name::LoopbackOnly], Severity::Caution));
    assert!(found[0].mend.contains("`interface eth0` (192.0.2.7)"));
    facts.expected = Some(2);
    let found = findings(&facts, &world.survey(0));
    assert_eq!((names_of(&found).0[0], found[0].severity), (Name::LoopbackOnly, Severity::Problem));
}

#[test]
fn an_interface_that_cannot_be_used_is_a_finding_with_its_advice() {
    let found = unusable("interface eth7 is down; bring it up (ip link set eth7 up)");
    assert_eq!((found.name, &found.what[..]), (Name::InterfaceUnusable, "interface eth7 is down"));
    assert_eq!(found.mend, "bring it up (ip link set eth7 up)");
}

#[test]
fn more_observers_than_there_is_room_for_are_counted_and_told() {
    let mut world = World::new(wire::HEARD_MAX + 2);
    world.run(SECOND, |_| true);
    let survey = world.survey(0);
    assert_eq!(survey.hosts.len(), wire::HEARD_MAX);
    assert!(survey.crowded);
    assert!(world.found(0).0.contains(&Name::Crowded));
}

#[test]
fn the_docs_explain_every_finding() {
    let docs = include_str!("../../../docs/doctor.md");
    for name in Name::ALL {
        assert!(docs.contains(&format!("`{name}`")), "docs/doctor.md says nothing of {name}");
    }
}

#[test]
fn lists_read_like_sentences() {
    assert_eq!(list::<u8>(&[]), "");
    assert_eq!(list(&[1]), "1");
    assert_eq!(list(&[1, 2, 3]), "1, 2 and 3");
}
