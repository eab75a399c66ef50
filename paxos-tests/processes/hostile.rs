//! Datagrams that are damaged, random or absurd, on all four groups, under load.

use crate::cluster::spray::{Forge, Listener, Random, Sprayer, damaged, leads};
use crate::cluster::values::{same_and_complete, unique};
use crate::cluster::{Cluster, Proc, until};
use wire::Role;

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
        let cluster = Cluster::new();
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
    fn sprayed(mut self, seed: u64, count: usize, mut each: impl FnMut(&mut Sprayer, &mut Random)) {
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

fn random_damaged_and_absurd(count: usize) {
    let load = Load::start();
    let samples = load.samples.clone();
    let mut forge = None;
    load.sprayed(4711, count, |sprayer, random| {
        let forge = forge.get_or_insert_with(|| Forge::new(&samples, sprayer.address()));
        match random.below(2) {
            0 => sprayer.send(Role::ALL[random.below(4)], &damaged(random, &samples)),
            _ => {
                let (role, packet) = forge.absurd(random);
                sprayer.send(role, &packet);
            }
        }
    });
}

#[test]
fn damaged_random_and_absurd_datagrams_end_nothing_print_nothing_and_flood_no_log() {
    random_damaged_and_absurd(count());
}

#[test]
#[ignore = "half a million datagrams take half a minute"]
fn half_a_million_of_them_do_not_either() {
    random_damaged_and_absurd(500_000);
}

#[test]
fn packets_repeated_on_every_group_change_nothing() {
    let load = Load::start();
    let samples = load.samples.clone();
    let garbage = [0x17; 99];
    load.sprayed(4712, 4000, |sprayer, random| {
        sprayer.send_all(&samples[random.below(samples.len())]);
        if random.below(100) == 0 {
            sprayer.send_all(&garbage);
        }
    });
}
