//! Leaders that die in mid-stream.

use crate::cluster::Cluster;
use crate::cluster::values::{same_and_complete, unique};

/// The leader is killed while two clients submit so many values each, and comes back: nothing is lost, doubled or
/// reordered. `before` is done just before it is killed.
pub fn a_leader_is_killed_and_comes_back(
    cluster: &Cluster,
    values: usize,
    rate: &str,
    before: impl FnOnce(),
) {
    let _acceptors = cluster.acceptors([1, 2, 3]);
    let mut one = cluster.role("proposer", 1, &[]);
    one.says("leading in ballot");
    let mut two = cluster.role("proposer", 2, &[]);
    let mut learners = cluster.learners([1, 2]);
    let inputs = [unique(1, values), unique(2, values)];
    let mut clients = [0, 1].map(|at| cluster.client(at as u16 + 1, &inputs[at], &["--rate", rate]));
    learners[0].prints(1000);
    before();
    one.kill();
    two.says("leading in ballot");
    let printed = learners[0].printed();
    learners[0].prints((printed + 100).min(2 * values));
    let mut again = cluster.role("proposer", 1, &[]);
    again.says("leading in ballot");
    for client in &mut clients {
        client.succeeds();
    }
    same_and_complete(&mut learners, &[&inputs[0], &inputs[1]]);
    assert!(two.runs() && again.runs());
}

#[test]
fn nothing_is_lost_doubled_or_reordered_when_the_leader_is_killed_and_comes_back() {
    a_leader_is_killed_and_comes_back(&Cluster::quick(), 3000, "2000", || {});
}

#[test]
fn a_leader_that_dies_again_and_again_costs_time_but_no_value() {
    let cluster = Cluster::quick();
    let _acceptors = cluster.acceptors([1, 2, 3]);
    let mut leader = cluster.role("proposer", 1, &[]);
    let _stand_in = cluster.role("proposer", 2, &[]);
    let mut learners = cluster.learners([1, 2]);
    let input = unique(1, 3000);
    let mut client = cluster.client(1, &input, &["--rate", "1000"]);
    for part in 1..=4 {
        learners[1].prints(part * 500);
        leader.kill();
        leader = cluster.role("proposer", 1, &[]);
    }
    client.succeeds();
    same_and_complete(&mut learners, &[&input]);
    assert!(leader.runs());
}

#[test]
fn the_lowest_id_that_lives_leads() {
    let cluster = Cluster::quick();
    let _acceptors = cluster.acceptors([1, 2, 3]);
    let mut proposers = cluster.proposers([7, 0, 3]);
    proposers[1].says("leading in ballot");
    proposers[1].kill();
    proposers[2].says("leading in ballot");
    proposers[2].terminates();
    proposers[0].says("leading in ballot");
}
