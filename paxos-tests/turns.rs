//! What the turns of each role cost for 64 full packets, without sockets: see [`rounds`].

mod driven;
mod rounds;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use rounds::{BYTES, PACKETS, ROLES, Rounds};
use std::time::Duration;

fn turns(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("turns");
    group.throughput(Throughput::ElementsAndBytes { elements: PACKETS as u64, bytes: BYTES as u64 });
    group.warm_up_time(Duration::from_secs(1)).measurement_time(Duration::from_secs(2)).sample_size(50);
    let mut rounds = Rounds::new();
    for (at, role) in ROLES.into_iter().enumerate() {
        group.bench_function(role, |bencher| {
            bencher.iter_custom(|count| (0..count).map(|_| rounds.round()[at]).sum());
        });
    }
    group.finish();
}

criterion_group!(benches, turns);
criterion_main!(benches);
