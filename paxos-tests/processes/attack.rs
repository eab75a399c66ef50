//! What an attacker without the key costs: the throughput of a real client while packets of every kind that is refused come
//! in, and the memory of every process.
//!
//! `PAXOS_ATTACK=20000 cargo test --release --test processes attack -- --ignored --nocapture` says how many packets a second.
//!
//! The attacker runs on the same machine. So there are two measures: beside peace, and beside an attacker that sends as much to a
//! port where nobody is. The second is what the attack costs those that it is made on.

use crate::cluster::Cluster;
use crate::cluster::spray::{Listener, Random, Sprayer, damaged};
use crate::cluster::values::unique;
use crate::sealed::{cluster, early, line, sealed, submit_of, unsealed};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use wire::{Keys, Role};

/// Values that a client submits while it is measured.
const VALUES: usize = 1_000_000;
/// Rounds, each of one run in peace, one beside an attack on nobody, and one under attack.
const ROUNDS: usize = 5;

/// Sends what `each` makes, so many a second, until it is told to stop. Returns how many were sent.
fn attack(
    cluster: &Cluster,
    rate: u32,
    stop: &AtomicBool,
    (hits, mut each): (bool, impl FnMut(&mut Random) -> (Role, Vec<u8>)),
) -> usize {
    let (mut sprayer, mut random) = (Sprayer::unpaced(cluster), Random::new(4716));
    if !hits {
        sprayer.miss();
    }
    let begun = Instant::now();
    while !stop.load(Ordering::Relaxed) {
        if sprayer.sent as f64 >= begun.elapsed().as_secs_f64() * f64::from(rate) {
            std::thread::sleep(Duration::from_millis(1));
            continue;
        }
        let (role, packet) = each(&mut random);
        sprayer.send(role, &packet);
    }
    sprayer.sent
}

/// How long a client takes.
fn takes(cluster: &Cluster, (id, input): &(u16, String)) -> Duration {
    let begun = Instant::now();
    cluster.client(*id, input, &[]).succeeds();
    begun.elapsed()
}

fn median(ratios: &[f64]) -> f64 {
    let mut ratios = ratios.to_vec();
    ratios.sort_by(f64::total_cmp);
    ratios[ratios.len() / 2]
}

#[test]
#[ignore = "measures, for a minute"]
fn an_attacker_without_the_key_changes_nothing_and_costs_little() {
    let rate = std::env::var("PAXOS_ATTACK").ok();
    let rate = rate.map_or(10_000, |rate| rate.parse().expect("PAXOS_ATTACK is packets a second"));
    let cluster = cluster("");
    let listener = Listener::new(&cluster);
    let mut first = early(&cluster);
    let (_acceptors, proposers) = cluster.servers();
    let mut learners = cluster.learners([1, 2]);
    cluster.client(1, unique(1, 2_000), &["--rate", "20000"]).succeeds();
    first.succeeds();
    learners[0].prints(2_001);
    let samples = listener.take_any(2_000);
    drop(listener);
    let keys = Keys::parse(&line(1, 1)).expect("it is one");
    let submit = submit_of(&samples, &keys);
    let other = Keys::parse(&line(1, 9)).expect("it is one");
    let group = cluster.groups[Role::Proposer as usize - 1];
    let any = |random: &mut Random| Role::GROUPS[random.below(4)];
    type Kind<'a> = (&'a str, Box<dyn FnMut(&mut Random) -> (Role, Vec<u8>) + Send + 'a>);
    let kinds: [Kind<'_>; 4] = [
        (
            "a capture, replayed",
            Box::new(|random| (any(random), samples[random.below(samples.len())].clone())),
        ),
        ("damaged packets", Box::new(|random| (any(random), damaged(random, &samples)))),
        (
            "packets of another key",
            Box::new(|random| {
                (Role::Proposer, sealed(&other, &submit, random.next() >> 24, group, "forged\n"))
            }),
        ),
        (
            "packets without a key",
            Box::new(|random| (any(random), unsealed(&submit, random.next() >> 24, "forged\n"))),
        ),
    ];
    takes(&cluster, &(2, unique(2, VALUES))); // what is bounded is memory from now on
    let (mut inputs, mut count) = (2, 2_001 + VALUES);
    for (name, mut each) in kinds {
        let (mut beside_peace, mut beside_noise, mut sent) = (Vec::new(), Vec::new(), 0);
        let before: Vec<u64> = proposers.iter().map(|proposer| proposer.holds().0).collect();
        for _ in 0..ROUNDS {
            let [first, second, third] =
                [1, 2, 3].map(|client| (inputs + client, unique(inputs + client, VALUES)));
            (inputs, count) = (inputs + 3, count + 3 * VALUES);
            let peace = takes(&cluster, &first);
            let mut under = |hits, input| {
                let stop = AtomicBool::new(false);
                std::thread::scope(|scope| {
                    let attacker = scope.spawn(|| attack(&cluster, rate, &stop, (hits, &mut each)));
                    let took = takes(&cluster, input);
                    stop.store(true, Ordering::Relaxed);
                    (took, attacker.join().expect("it sends"))
                })
            };
            let (noise, _) = under(false, &second);
            let (war, hit) = under(true, &third);
            sent += hit;
            beside_peace.push(peace.as_secs_f64() / war.as_secs_f64());
            beside_noise.push(noise.as_secs_f64() / war.as_secs_f64());
        }
        let grown = proposers.iter().zip(&before).map(|(one, before)| one.holds().0.saturating_sub(*before));
        println!(
            "{name}: {sent} sent, {rate} a second; throughput {:.2} of that in peace ({beside_peace:.2?}), {:.2} of that beside \
             an attack on nobody ({beside_noise:.2?}); proposers have {:?} KiB more",
            median(&beside_peace),
            median(&beside_noise),
            grown.collect::<Vec<_>>(),
        );
    }
    let printed = learners.each_mut().map(|learner| {
        learner.prints(count);
        learner.terminates().stdout
    });
    assert!(printed[0] == printed[1], "the learners differ");
    assert_eq!(memchr::memchr_iter(b'\n', &printed[0]).count(), count);
    assert!(memchr::memmem::find(&printed[0], b"forged").is_none());
}
