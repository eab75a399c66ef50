//! The same order everywhere, under every configuration.

use crate::cluster::Cluster;
use crate::cluster::values::{noise, same_and_complete, unique};
use wire::Layout;

const EACH: usize = 2000;

/// Two clients submit unique values at once, two learners print them.
#[track_caller]
fn two_learners_agree(cluster: &Cluster, acceptors: &[u16]) {
    let _acceptors: Vec<_> = acceptors.iter().map(|id| cluster.role("acceptor", *id, &[])).collect();
    let _proposers = cluster.proposers([1, 2]);
    let mut learners = cluster.learners([1, 2]);
    let inputs = [unique(1, EACH), unique(2, EACH)];
    let mut clients = [cluster.client(1, &inputs[0], &[]), cluster.client(2, &inputs[1], &[])];
    for client in &mut clients {
        let said = client.succeeds();
        assert!(said.stdout.is_empty(), "stdout is data, and a client has none");
    }
    same_and_complete(&mut learners, &[&inputs[0], &inputs[1]]);
}

#[test]
fn two_learners_print_all_values_of_two_clients_once_in_one_order_and_each_clients_in_its_own() {
    two_learners_agree(&Cluster::new(), &[1, 2, 3]);
}

#[test]
fn two_acceptors_of_three_suffice() {
    two_learners_agree(&Cluster::new(), &[1, 3]);
}

#[test]
fn a_small_mtu_works() {
    two_learners_agree(&Cluster::with("", "mtu 1280\n"), &[1, 2, 3]);
}

#[test]
fn a_jumbo_mtu_works() {
    two_learners_agree(&Cluster::with("", "mtu 9000\n"), &[1, 2, 3]);
}

#[test]
fn the_smallest_buffers_work() {
    two_learners_agree(&Cluster::with("", "buffer 65536\n"), &[1, 2, 3]);
}

#[test]
fn acceptors_may_have_any_ids() {
    two_learners_agree(&Cluster::with("0 7 9", ""), &[0, 7, 9]);
}

#[test]
fn one_acceptor_alone_is_a_cluster() {
    two_learners_agree(&Cluster::with("5", ""), &[5]);
}

#[test]
fn five_acceptors_go_on_when_two_die() {
    let cluster = Cluster::with("1 2 3 4 5", "heartbeat 100ms\nsuspect 300ms\n");
    let mut acceptors = cluster.acceptors([1, 2, 3, 4, 5]);
    let _proposers = cluster.proposers([1, 2]);
    let mut learners = cluster.learners([1, 2]);
    let inputs = [unique(1, EACH), unique(2, EACH)];
    let mut clients = [
        cluster.client(1, &inputs[0], &["--rate", "2000"]),
        cluster.client(2, &inputs[1], &["--rate", "2000"]),
    ];
    learners[0].prints(500);
    acceptors[1].kill();
    acceptors[3].kill();
    for client in &mut clients {
        client.succeeds();
    }
    same_and_complete(&mut learners, &[&inputs[0], &inputs[1]]);
}

/// Lines of all lengths that mean something to a packet of this mtu.
fn lines_of_all_lengths(mtu: usize) -> Vec<u8> {
    let room = Layout { packet: mtu - 28, cluster: 0, trailer: 0 }.entry_room();
    let mut input = Vec::new();
    for length in
        [0, 1, 0, 0, 1389, 1390, 1391, 2, room - 2, room - 1, room, room + 1, 2 * room, 0, 65_536, 1 << 20, 3]
    {
        input.extend(noise(length as u64, length));
        input.push(b'\n');
    }
    input
}

#[track_caller]
fn comes_out_as_it_went_in(cluster: &Cluster, input: &[u8]) {
    let _servers = cluster.servers();
    let mut learners = cluster.learners([1, 2]);
    cluster.client(1, input, &[]).succeeds();
    for learner in &mut learners {
        learner.prints(input.iter().filter(|byte| **byte == b'\n').count());
        assert!(learner.terminates().stdout == input, "the learner's output differs from the client's input");
    }
}

#[test]
fn lines_of_any_length_up_to_a_mebibyte_and_any_bytes_come_out_as_they_went_in() {
    comes_out_as_it_went_in(&Cluster::new(), &lines_of_all_lengths(1500));
}

#[test]
fn so_they_do_with_a_small_and_a_jumbo_mtu() {
    comes_out_as_it_went_in(&Cluster::with("", "mtu 1280\n"), &lines_of_all_lengths(1280));
    comes_out_as_it_went_in(&Cluster::with("", "mtu 9000\n"), &lines_of_all_lengths(9000));
}

#[test]
fn equal_lines_are_values_of_their_own_and_no_byte_but_newline_means_anything() {
    let mut input = b"same\nsame\n\n\nsame\r\n\0\n \t \n\xff\xfe\n\x1b[2J\n".to_vec();
    input.extend(b"again\n".repeat(300));
    comes_out_as_it_went_in(&Cluster::new(), &input);
}
