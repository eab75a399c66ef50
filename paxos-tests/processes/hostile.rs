//! Datagrams that are damaged, random or absurd, on all four groups, under load.

use crate::cluster::spray::{Forge, Listener, Random, Sprayer, damaged, leads};
use crate::cluster::values::{same_and_complete, unique};
use crate::cluster::{Cluster, Proc, until};
use wire::{
    Ballot, CatchUp, EntryHeader, Fetch, Heartbeat, Phase1a, Phase2a, RangeRecord, Report, Role, Sender,
    Submit, Value, Watermark, flags,
};
use zerocopy::{FromZeros, IntoBytes};

/// Lines that a process may say while it is sprayed at.
const TALK_MAX: usize = 48;

/// A running cluster, some of its packets, and a client that goes on submitting.
struct Load {
    cluster: Cluster,
    servers: Vec<Proc>,
    learners: [Proc; 2],
    samples: Vec<Vec<u8>>,
}

impl Load {
    fn start() -> Load {
        Load::start_with("")
    }

    fn start_with(more: &str) -> Load {
        let cluster = Cluster::with("", more);
        let listener = Listener::new(&cluster);
        let mut servers = Vec::from(cluster.acceptors([1, 2, 3]));
        servers.extend(cluster.proposers([1, 2]));
        let mut learners = cluster.learners([1, 2]);
        let first = "0 is before all of it\n1 is, too\n";
        cluster.client(5, first, &[]).succeeds();
        let mut samples = Vec::new();
        until(|| {
            samples.extend(listener.take(200));
            if leads(&samples) { Ok(()) } else { Err("no 2a was heard".into()) }
        });
        for learner in &mut learners {
            learner.prints(2);
        }
        Load { cluster, servers, learners, samples }
    }

    /// Sprays with `each` while two clients submit; then everything must be as if nothing had been.
    /// Returns what the processes said.
    fn sprayed(mut self, seed: u64, count: usize, mut each: impl FnMut(&mut Sprayer, &mut Random)) -> String {
        let inputs = [unique(1, 2000), unique(2, 2000), unique(3, 100)];
        let mut clients =
            [0, 1].map(|at| self.cluster.client(at as u16 + 1, &inputs[at], &["--rate", "2000"]));
        let (mut sprayer, mut random) = (Sprayer::new(&self.cluster), Random::new(seed));
        while sprayer.sent < count {
            each(&mut sprayer, &mut random);
            if sprayer.sent.is_multiple_of(1000) {
                self.all_run(seed);
            }
        }
        for client in &mut clients {
            let talk = client.succeeds().stderr;
            assert!(talk.lines().count() <= TALK_MAX, "a client said {talk}");
        }
        self.cluster.client(3, &inputs[2], &[]).succeeds();
        let before = "0 is before all of it\n1 is, too\n";
        for learner in &mut self.learners {
            learner.prints(4102);
        }
        self.all_run(seed);
        same_and_complete(&mut self.learners, &[before, &inputs[0], &inputs[1], &inputs[2]]);
        let mut told = String::new();
        for server in &mut self.servers {
            server.terminates();
        }
        for process in self.servers.iter().chain(&self.learners) {
            let talk = process.stderr();
            assert!(talk.lines().count() <= TALK_MAX, "{} lines: {talk}", talk.lines().count());
            told += &talk;
        }
        assert!(told.contains("refused"), "what was sprayed came, and somebody mentions it: {told}");
        told
    }

    #[track_caller]
    fn all_run(&mut self, seed: u64) {
        for process in self.servers.iter_mut().chain(&mut self.learners) {
            assert!(process.runs(), "with seed {seed} a process ended: {}", process.stderr());
        }
    }
}

/// As many datagrams as the environment wants.
fn count() -> usize {
    let wanted = std::env::var("PAXOS_SPRAY").ok();
    wanted.map_or(20_000, |wanted| wanted.parse().expect("PAXOS_SPRAY is a number of datagrams"))
}

fn damaged_and_random(count: usize) {
    let load = Load::start();
    let samples = load.samples.clone();
    load.sprayed(4711, count, |sprayer, random| {
        sprayer.send(Role::GROUPS[random.below(4)], &damaged(random, &samples));
    });
}

fn absurd(count: usize) {
    let load = Load::start();
    let samples = load.samples.clone();
    let mut forge = None;
    load.sprayed(4713, count, |sprayer, random| {
        let forge = forge.get_or_insert_with(|| Forge::new(&samples, sprayer.address()));
        let (role, packet) = forge.absurd(random);
        sprayer.send(role, &packet);
    });
}

#[test]
fn damaged_and_random_datagrams_end_nothing_print_nothing_and_flood_no_log() {
    damaged_and_random(count() / 2);
}

#[test]
fn absurd_packets_with_a_right_tag_end_nothing_print_nothing_and_flood_no_log() {
    absurd(count() / 2);
}

#[test]
#[ignore = "takes half a minute"]
fn a_quarter_of_a_million_damaged_datagrams_do_not_either() {
    damaged_and_random(250_000);
}

#[test]
#[ignore = "takes half a minute"]
fn a_quarter_of_a_million_absurd_packets_do_not_either() {
    absurd(250_000);
}

#[test]
fn packets_that_another_repeats_on_every_group_change_nothing_and_are_refused_while_their_senders_are_heard()
{
    let load = Load::start();
    let samples = load.samples.clone();
    let garbage = [0x17; 99];
    let told = load.sprayed(4712, 4000, |sprayer, random| {
        sprayer.send_all(&samples[random.below(samples.len())]);
        if random.below(100) == 0 {
            sprayer.send_all(&garbage);
        }
    });
    assert!(told.contains("its sender is heard from"), "{told}");
}

/// What a flood of so many packets brings on: sessions, ids, askers, instances far ahead, votes for them.
fn flood(load: &Load, sprayer: &mut Sprayer, forge: &mut Forge, random: &mut Random, count: usize) {
    let sent = sprayer.sent + count;
    while sprayer.sent < sent {
        let id = random.below(65_536) as u16;
        let incarnation = 1 + random.below(1000) as u64;
        let stranger = |role| Sender { role, id, incarnation };
        match sprayer.sent % 6 {
            // A session of its own, and half a value that will never end.
            0 => {
                let submit = Submit { number: 0.into() };
                let packet = forge.seal(stranger(Role::Client), 0, &submit, &[&[b'x'; 64]]);
                sprayer.send(Role::Proposer, &packet);
            }
            // Entries that wait for others that never come.
            1 => {
                let submit = Submit { number: (1 + random.below(255) as u64).into() };
                let packet = forge.seal(stranger(Role::Client), 0, &submit, &[&[b'x'; 1300]]);
                sprayer.send(Role::Proposer, &packet);
            }
            2 => {
                let packet = forge.seal(stranger(Role::Learner), 0, &Report::new_zeroed(), &[]);
                sprayer.send(Role::Proposer, &packet);
            }
            3 => {
                let packet = forge.seal(stranger(Role::Proposer), 0, &Heartbeat::new_zeroed(), &[]);
                sprayer.send(Role::Proposer, &packet);
            }
            // Everything, to somebody who does not listen.
            4 => {
                let all = RangeRecord { first: 0.into(), count: u32::MAX.into() };
                let fetch = Fetch::new(Ballot::ZERO, sprayer.address());
                let packet = forge.seal(stranger(Role::Proposer), 0, &fetch, &[all.as_bytes()]);
                sprayer.send(Role::Acceptor, &packet);
                let ask = CatchUp { have_until: 0.into() };
                let packet = forge.seal(stranger(Role::Learner), 0, &ask, &[all.as_bytes()]);
                sprayer.send(Role::Learner, &packet);
            }
            _ => {
                let (role, packet) = forge.absurd(random);
                sprayer.send(role, &packet);
            }
        }
    }
    let input = unique(7, 10);
    load.cluster.client(7, &input, &[]).succeeds(); // all that came before is read by now
}

#[test]
fn floods_of_sessions_ids_askers_and_far_instances_take_no_memory_beyond_the_bounds_and_no_files() {
    let load = Load::start();
    let mut sprayer = Sprayer::new(&load.cluster);
    let (mut forge, mut random) = (Forge::new(&load.samples, sprayer.address()), Random::new(4715));
    let processes: Vec<&Proc> = load.servers.iter().chain(&load.learners).collect();
    let holds = || processes.iter().map(|process| process.holds()).collect::<Vec<_>>();
    flood(&load, &mut sprayer, &mut forge, &mut random, count());
    let before = holds();
    flood(&load, &mut sprayer, &mut forge, &mut random, count());
    for (before, after) in before.iter().zip(holds()) {
        // What is decided stays: a sixth of the packets, of some 140 bytes, at acceptors; and tables of sessions fill.
        let stays = count() as u64 / 6 * 140 / 1024 + 1024;
        assert!(after.0 <= before.0 + stays, "{} KiB, then {} KiB, {stays} more at most", before.0, after.0);
        assert_eq!(before.1, after.1, "open files");
    }
}

/// A process of no role in this cluster, long gone.
const GONE: Sender = Sender { role: Role::Proposer, id: 9, incarnation: 7 };

#[test]
fn strangers_of_ever_other_ids_do_not_flood_the_log() {
    let load = Load::start();
    let samples = load.samples.clone();
    let mut forge = None;
    load.sprayed(4714, 4000, |sprayer, random| {
        let forge = forge.get_or_insert_with(|| Forge::new(&samples, sprayer.address()));
        let id = 100 + random.below(60_000) as u16;
        let packet = match random.below(2) {
            0 => {
                let body = Report::new_zeroed();
                forge.seal(Sender { role: Role::Learner, id, ..GONE }, 0, &body, &[])
            }
            _ => forge.seal(Sender { id, ..GONE }, 0, &Heartbeat::new_zeroed(), &[]),
        };
        sprayer.send(Role::Proposer, &packet);
        if random.below(100) == 0 {
            sprayer.send_all(&[0x17; 99]);
        }
    });
}

#[test]
fn a_claim_of_a_ballot_long_past_that_everything_is_decided_does_not_keep_a_learner_until_idle_from_ending() {
    let load = Load::start();
    let mut learner = load.cluster.role("learner", 3, &["--until-idle", "1"]);
    learner.prints(2);
    let mut sprayer = Sprayer::new(&load.cluster);
    let mut forge = Forge::new(&load.samples, sprayer.address());
    let body = Watermark {
        ballot: Ballot::new(1, 0, 7).into(),
        decided_until: (u64::MAX - 1).into(),
        proposed_until: u64::MAX.into(),
    };
    sprayer.send(Role::Acceptor, &forge.seal(GONE, 0, &body, &[]));
    let ended = learner.succeeds();
    assert!(!ended.stderr.contains("18446744073709551614"), "{}", ended.stderr);
}

#[test]
fn two_values_for_one_instance_of_a_ballot_long_past_end_nobody() {
    let mut load = Load::start();
    let mut sprayer = Sprayer::new(&load.cluster);
    let mut forge = Forge::new(&load.samples, sprayer.address());
    for instance in 50..60 {
        for bytes in [b"one\n", b"two\n"] {
            let entry = EntryHeader::new(9, 7, 0, bytes.len());
            let packet = forge.seal(
                Sender { id: 0, ..GONE },
                0,
                &Phase2a::new(instance, 0, 1),
                &[entry.as_bytes(), bytes],
            );
            sprayer.send(Role::Acceptor, &packet);
        }
    }
    let input = unique(1, 2000);
    load.cluster.client(1, &input, &[]).succeeds();
    load.all_run(0);
    same_and_complete(&mut load.learners, &["0 is before all of it\n1 is, too\n", &input]);
}

/// After this packet to a group, values are decided, and after the leader's death as well.
#[track_caller]
fn a_leader_is_found_after(role: Role, packet: impl FnOnce(&mut Forge) -> Vec<u8>) {
    let mut load = Load::start_with("heartbeat 100ms\nsuspect 300ms\n");
    let mut sprayer = Sprayer::new(&load.cluster);
    let mut forge = Forge::new(&load.samples, sprayer.address());
    let packet = packet(&mut forge);
    sprayer.send(role, &packet);
    let inputs = [unique(1, 100), unique(2, 100)];
    load.cluster.client(1, &inputs[0], &[]).succeeds();
    sprayer.send(role, &packet);
    load.servers[3].kill(); // proposer 1
    load.cluster.client(2, &inputs[1], &[]).succeeds();
    same_and_complete(&mut load.learners, &["0 is before all of it\n1 is, too\n", &inputs[0], &inputs[1]]);
}

#[test]
fn a_proposer_that_asks_for_promises_and_vanishes_costs_an_election_and_no_more() {
    for id in [0, 9] {
        a_leader_is_found_after(Role::Acceptor, |forge| {
            let body = Phase1a { ballot: Ballot::new(99, id, 7).into(), from: 0.into() };
            forge.seal(Sender { id, ..GONE }, 0, &body, &[])
        });
    }
}

#[test]
fn a_heartbeat_that_knows_the_last_ballot_of_all_does_not_end_elections() {
    a_leader_is_found_after(Role::Proposer, |forge| {
        let ballot = Ballot::new(Ballot::ROUND_MAX, 9, 7).into();
        forge.seal(GONE, 0, &Heartbeat { ballot, decided_until: 0.into() }, &[])
    });
}

#[test]
fn a_promise_asked_for_the_last_ballot_of_all_does_not_end_elections() {
    a_leader_is_found_after(Role::Acceptor, |forge| {
        let ballot = Ballot::new(Ballot::ROUND_MAX, 9, 7).into();
        forge.seal(GONE, 0, &Phase1a { ballot, from: 0.into() }, &[])
    });
}

#[test]
fn a_packet_longer_than_the_mtu_allows_ends_nobody() {
    let mut load = Load::start();
    let mut sprayer = Sprayer::new(&load.cluster);
    let mut forge = Forge::new(&load.samples, sprayer.address());
    let entry = EntryHeader::new(9, 7, 0, 9000);
    let body = Value { instance: 2000.into(), ballot: Ballot::new(1, 0, 7).into() };
    let packet = forge.seal(GONE, flags::DECIDED, &body, &[entry.as_bytes(), &[b'x'; 9000]]);
    sprayer.send(Role::Acceptor, &packet);
    let range = RangeRecord { first: 2000.into(), count: 1.into() };
    let fetch = Fetch::new(Ballot::ZERO, sprayer.address());
    sprayer.send(Role::Acceptor, &forge.seal(GONE, 0, &fetch, &[range.as_bytes()]));
    let input = unique(1, 2000);
    load.cluster.client(1, &input, &[]).succeeds();
    load.all_run(0);
    same_and_complete(&mut load.learners, &["0 is before all of it\n1 is, too\n", &input]);
}
