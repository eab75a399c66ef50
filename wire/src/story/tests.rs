//! Stories of captures made by hand.

use super::*;
use crate::capture::samples::{PcapFile, frame, udp};
use crate::capture::{self, Capture, LinkType, Order};
use crate::{
    Ack, AckRecord, Ballot, EntryHeader, FixedBody, Layout, Phase2a, Phase2b, Range, RangeRecord, Role,
    Sender, Stamp, Submit, Value, flags,
};
use zerocopy::byteorder::big_endian::U64;
use zerocopy::{FromZeros, IntoBytes};

struct Nobody;

impl Host for Nobody {
    fn failed(&mut self, name: &str, error: capture::Error) {
        panic!("{name}: {error}");
    }

    fn wait(&mut self) -> bool {
        false
    }
}

const BALLOT: Ballot = Ballot::new(1, 1, 1);

/// A capture, a packet a millisecond.
struct Made(PcapFile, u32, usize);

impl Made {
    fn new() -> Made {
        Made(PcapFile::new(Order::Little, PcapFile::US, LinkType::ETHERNET), 0, usize::MAX)
    }

    fn packet<B: FixedBody>(self, role: Role, id: u16, flags: u8, body: &B, tail: &[&[u8]]) -> Made {
        let mut bytes = [0; 1472];
        let sender = Sender { role, id, incarnation: 1 };
        let stamp = Stamp { sequence: self.1.into(), log: 7, flags };
        let layout = Layout { packet: 1472, cluster: 5, trailer: 0 };
        let length = crate::seal(&mut bytes, layout, sender, stamp, body, tail);
        let ethernet = frame(LinkType::ETHERNET, &udp(&bytes[..length]));
        Made(self.0.record((1, self.1 * 1000), &ethernet, self.2), self.1 + 1, self.2)
    }

    fn submits(self, number: u64, text: &str) -> Made {
        self.packet(Role::Client, 1, 0, &Submit { number: number.into() }, &[text.as_bytes()])
    }

    /// Of the packets that follow only so many bytes are captured.
    fn cut_after(self, snap: usize) -> Made {
        Made(self.0, self.1, snap)
    }

    /// A proposal in round 2.
    fn proposes_again(self, instance: u64, number: u64, text: &str) -> Made {
        let header = EntryHeader::new(1, 1, number, text.len());
        self.packet(
            Role::Proposer,
            1,
            0,
            &Phase2a::new(instance, 0, 2),
            &[header.as_bytes(), text.as_bytes()],
        )
    }

    fn proposes(self, instance: u64, number: u64, text: &str) -> Made {
        let header = EntryHeader::new(1, 1, number, text.len());
        let tail: [&[u8]; 2] = [header.as_bytes(), text.as_bytes()];
        self.packet(Role::Proposer, 1, 0, &Phase2a::new(instance, 0, 1), &tail)
    }

    fn votes(self, id: u16, first: u64, until: u64) -> Made {
        self.votes_in(BALLOT, id, first, until)
    }

    fn votes_in(self, ballot: Ballot, id: u16, first: u64, until: u64) -> Made {
        let mut lives = [0, 0, 0].map(U64::new);
        lives[usize::from(id) - 1] = U64::new(id.into());
        let ranges = [RangeRecord::new(Range::new(first, until))];
        let life = u64::from(id).into();
        let body = Phase2b { ballot: ballot.into(), life, lives: 3.into(), ..Phase2b::new_zeroed() };
        self.packet(Role::Acceptor, id, 0, &body, &[lives.as_bytes(), ranges.as_bytes()])
    }

    fn acknowledges(self, until: u64) -> Made {
        let record = AckRecord {
            client: 1.into(),
            incarnation: 1.into(),
            decided_until: until.into(),
            received_until: until.into(),
            ..AckRecord::new_zeroed()
        };
        self.packet(Role::Proposer, 1, 0, &Ack::new_zeroed(), &[record.as_bytes()])
    }

    fn story(&self, subject: Subject) -> String {
        let input = || {
            let stream = Box::new(Capture::new(&self.0.bytes[..]));
            vec![Input { name: "made".into(), stream }]
        };
        let found = find(input(), subject, &mut Nobody);
        tell(input(), subject, &found, &mut Nobody)
    }
}

#[test]
fn an_instance_is_told_from_its_submit_to_its_ack_with_the_time_of_each_step() {
    let made = Made::new()
        .submits(0, "other\n")
        .submits(1, "a\n")
        .proposes(0, 0, "other\n")
        .proposes(1, 1, "a\n")
        .votes(1, 0, 2)
        .votes(1, 0, 2)
        .votes(3, 1, 2)
        .acknowledges(2);
    let told = made.story(Subject::Instance(1));
    let expected = "    0.001000  submitted                   C1 submit #1 2 B
    0.003000  proposed                    P1 2a 1.P1 i1 decided<0: C1#1 2 B
    0.004000  accepted by A1              A1 2b 1.P1 [0..2) ";
    assert!(told.starts_with(expected), "{told}");
    assert!(
        told.contains("DECIDED                     instance 1: 2 of 3 voted in 1.P1: A1, A3\n"),
        "{told}"
    );
    assert!(told.contains("1 × votes repeated"), "{told}");
    for step in [
        "0.002000 s  submit → 2a",
        "0.003000 s  2a → votes of a majority",
        "0.001000 s  votes of a majority → ack",
        "0.006000 s  submit → ack",
    ] {
        assert!(told.contains(step), "{step}: {told}");
    }
}

#[test]
fn what_the_capture_does_not_show_is_said() {
    let told = Made::new().proposes(1, 1, "a\n").votes(1, 1, 2).story(Subject::Instance(1));
    assert!(told.contains("submit → 2a: the capture shows no submit"), "{told}");
    assert!(told.contains("2a → votes of a majority: the capture shows no votes of a majority"), "{told}");
    assert!(!told.contains("DECIDED"), "{told}");
    assert_eq!(
        Made::new().proposes(1, 1, "a\n").story(Subject::Instance(2)),
        "nothing about instance 2 is in the capture\n"
    );
}

#[test]
fn a_value_in_pieces_and_decided_twice_is_found_in_all_its_instances() {
    let made = Made::new()
        .submits(3, "begins")
        .submits(4, " and ends\n")
        .proposes(7, 3, "begins")
        .proposes(8, 4, " and ends\n")
        .proposes(9, 5, "not of it\n")
        .proposes(20, 3, "begins");
    let told = made.story(Subject::Value { client: 1, number: 3 });
    assert!(told.contains("in instances 7, 8, 20"), "{told}");
    assert!(told.contains("takes 2 entries") && !told.contains("i9 "), "{told}");
    let whole = Made::new()
        .proposes(7, 3, "a\n")
        .proposes(8, 4, "b\n")
        .story(Subject::Value { client: 1, number: 3 });
    assert!(whole.contains("in instance 7\n"), "{whole}");
}

#[test]
fn repeats_and_repairs_are_called_what_they_are() {
    let body = Value { instance: 1.into(), ballot: BALLOT.into() };
    let told = Made::new()
        .proposes(1, 1, "a\n")
        .proposes(1, 1, "a\n")
        .packet(Role::Acceptor, 1, flags::DECIDED, &body, &[])
        .packet(Role::Acceptor, 1, 0, &body, &[])
        .story(Subject::Instance(1));
    for what in ["proposed again", "repaired", "told as accepted", "1 × proposed again in the same ballot"] {
        assert!(told.contains(what), "{what}: {told}");
    }
}

#[test]
fn a_vote_for_a_further_instance_of_the_value_is_no_repetition() {
    let made = Made::new()
        .proposes(7, 3, "begins")
        .votes(1, 7, 8)
        .votes(2, 7, 8)
        .proposes(8, 4, " and ends\n")
        .votes(1, 7, 9)
        .votes(2, 7, 9);
    let told = made.story(Subject::Value { client: 1, number: 3 });
    for instance in [7, 8] {
        assert!(told.contains(&format!("instance {instance}: 2 of 3 voted")), "{told}");
    }
    assert!(told.contains("0.005000 s  first 2a → votes of a majority for all"), "{told}");
    let half = Made::new()
        .submits(3, "begins")
        .proposes(7, 3, "begins")
        .votes(1, 7, 8)
        .votes(2, 7, 8)
        .proposes(8, 4, " and ends\n");
    let told = half.acknowledges(4).story(Subject::Value { client: 1, number: 3 });
    assert!(
        told.contains("shows no votes of a majority for all") && told.contains("shows no ack of all"),
        "{told}"
    );
}

#[test]
fn a_proposal_that_its_votes_overtook_is_not_one_of_another_ballot() {
    let told = Made::new().votes(1, 1, 2).proposes(1, 1, "a\n").story(Subject::Instance(1));
    assert!(told.contains("proposed  ") && !told.contains("another"), "{told}");
}

#[test]
fn of_two_values_proposed_for_an_instance_the_decided_one_is_timed() {
    let ballot = Ballot::new(2, 1, 1);
    let made = Made::new()
        .submits(1, "lost\n")
        .proposes(1, 1, "lost\n")
        .submits(0, "decided\n")
        .proposes_again(1, 0, "decided\n")
        .votes_in(ballot, 1, 1, 2)
        .votes_in(ballot, 2, 1, 2)
        .acknowledges(1)
        .acknowledges(2);
    let told = made.story(Subject::Instance(1));
    for step in ["0.001000 s  submit → 2a", "0.002000 s  2a → votes", "0.001000 s  votes of a majority → ack"]
    {
        assert!(told.contains(step), "{step}: {told}");
    }
    assert!(told.contains("proposed in another ballot"), "{told}");
}

#[test]
fn of_packets_that_were_cut_off_the_beginning_is_told() {
    let text = "x".repeat(300) + "\n";
    let made =
        Made::new().cut_after(14 + 28 + 64).submits(1, &text).proposes(1, 1, &text).cut_after(usize::MAX);
    let made = made.votes(1, 1, 2).votes(2, 1, 2).acknowledges(2);
    let told = made.story(Subject::Instance(1));
    assert!(told.contains("proposed                    P1 2a 1.P1 i1 decided<0 (cut)"), "{told}");
    assert!(
        told.contains("0.002000 s  2a → votes of a majority") && told.contains("2 × a packet cut off"),
        "{told}"
    );
    let told = made.story(Subject::Value { client: 1, number: 1 });
    assert!(told.contains("submitted                   C1 submit in packet 0 (cut)"), "{told}");
    let told = made.story(Subject::Value { client: 1, number: 9 });
    assert!(told.starts_with("nothing about entry 9") && told.contains("tcpdump -s 0"), "{told}");
}

#[test]
fn many_instances_are_told_as_a_range() {
    let mut made = Made::new();
    for piece in 0..100 {
        made = made.proposes(5 + piece, piece, "piece").votes(1, 5, 6 + piece).votes(2, 5, 6 + piece);
    }
    let told = made.proposes(105, 100, "the end\n").story(Subject::Value { client: 1, number: 0 });
    assert!(
        told.contains("in instances [5..106); each") && !told.contains("more than can be told"),
        "{told}"
    );
}

#[test]
fn what_was_accepted_before_the_decision_is_no_repair() {
    let body = Value { instance: 1.into(), ballot: BALLOT.into() };
    let made = Made::new()
        .proposes(1, 1, "a\n")
        .packet(Role::Acceptor, 1, 0, &body, &[])
        .votes(1, 1, 2)
        .votes(2, 1, 2);
    assert!(!made.story(Subject::Instance(1)).contains("first repair"));
    let repaired = made.packet(Role::Acceptor, 1, flags::DECIDED, &body, &[]);
    let told = repaired.story(Subject::Instance(1));
    assert!(told.contains("0.001000 s  votes of a majority → first repair"), "{told}");
}
