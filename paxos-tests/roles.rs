//! The roles in simulated time: scenarios that read like sentences, held against the invariants of the
//! protocol at every packet. See `src/sim/script.rs` for the language. A failure prints the one command that
//! replays it.
//!
//! `PAXOS_SEED=7` runs one seed, `PAXOS_SEEDS=5000` so many of each sweep.

use paxos::protocol::Stop;
use paxos::sim::{self, Script, Story, World, amnesia, crowd, forget, late_promise, random_script, struggle};
use wire::{Kind, Role};

fn env(name: &str) -> Option<u64> {
    std::env::var(name)
        .ok()
        .map(|value| value.parse().unwrap_or_else(|_| panic!("{name}={value} is no number")))
}

/// Runs a script with one seed, and returns the world that it leaves behind.
fn run_seed(seed: u64, text: &str) -> World {
    let script = Script::parse(text).unwrap_or_else(|failure| panic!("{failure}"));
    let run = sim::run(seed, &script, Story::Untold);
    if let Err(failure) = run.result {
        // The same again, with every word.
        let again = sim::run(seed, &script, Story::last(120));
        again.world.story().lines().for_each(|line| eprintln!("{line}"));
        panic!("{failure}\n\nTo see it again:  paxos sim --seed {seed} --script \"{script}\"\n");
    }
    run.world
}

fn run(script: &str) -> World {
    run_seed(env("PAXOS_SEED").unwrap_or(1), script)
}

/// Runs as many scripts as the test asks for, or the environment does; each with a seed of its own.
fn sweep(seeds: u64, script: impl Fn(u64) -> String) {
    sweep_and(seeds, script, |_| ());
}

/// Does so, and judges each world that is left.
fn sweep_and(seeds: u64, script: impl Fn(u64) -> String, judge: impl Fn(&World)) {
    let seeds = match env("PAXOS_SEED") {
        Some(seed) => seed..seed + 1,
        None => 1..env("PAXOS_SEEDS").unwrap_or(seeds) + 1,
    };
    for seed in seeds {
        let world = run_seed(seed, &script(seed));
        judge(&world);
    }
}

// ---------------------------------------------------------------------- nothing goes wrong

#[test]
fn three_acceptors_decide_all_and_every_learner_prints_it() {
    run("3 acceptors; 2 proposers; 2 learners; client 1 submits 1000 values; expect all delivered within 1s");
}

#[test]
fn one_acceptor_is_a_majority_of_one() {
    run("1 acceptor; 1 proposer; 1 learner; client 1 submits 100 values; expect all delivered within 1s");
}

#[test]
fn five_acceptors_bear_the_loss_of_two() {
    run(
        "5 acceptors without 2 5; 2 proposers; 2 learners; client 1 submits 1000 values; expect all delivered within 1s",
    );
}

#[test]
fn a_value_that_finds_everything_idle_takes_three_message_delays() {
    let world = run(
        "3 acceptors; 1 proposer; 1 learner; client 1 submits 3 values at 1/s; wait 2s; expect 3 delivered within 1ms",
    );
    assert_eq!(world.sent(Kind::Phase2a), 3);
}

#[test]
fn sixty_four_clients_at_once() {
    run("3 acceptors; 2 proposers; 2 learners; 64 clients submit 50 values; expect all delivered within 5s");
}

#[test]
fn sixty_four_clients_at_once_over_a_bad_network() {
    run("3 acceptors; 2 proposers; 2 learners; lose 10%; 64 clients submit 20 values of 200 bytes; \
         expect all delivered within 30s");
}

#[test]
fn many_clients_with_a_full_window_each_whose_first_entries_are_lost() {
    run(
        "proposers have 8192 KiB; 3 acceptors; 1 proposer; 1 learner; wait 1s; lose 70%; 20 clients submit 300 values of 1300 bytes; \
         wait 300ms; lose 20%; expect all delivered within 20s",
    );
}

#[test]
fn an_idle_cluster_is_quiet() {
    let world = run(
        "3 acceptors; 2 proposers; 2 learners; client 1 submits 10 values; expect all delivered within 1s; wait 60s",
    );
    let packets: u64 = world.all_sent();
    assert!(packets < 2000, "{packets} packets in an idle minute");
}

// ---------------------------------------------------------------------- values of all shapes

#[test]
fn lines_that_straddle_packets_empty_lines_and_any_bytes() {
    sweep(5, |_| {
        "3 acceptors; 1 proposer; 2 learners; client 1 submits 300 odd values; client 2 submits 300 odd values at 1000/s; \
         client 3 submits 100 values of 2000 bytes; expect all delivered within 5s"
            .into()
    });
}

#[test]
fn lines_of_one_mebibyte() {
    run(
        "3 acceptors; 2 proposers; 2 learners; client 1 submits 2 values of 1048576 bytes; client 2 submits 100 odd values; \
         expect all delivered within 10s",
    );
}

#[test]
fn small_packets_and_large_ones() {
    run("packets of 1252 bytes; 3 acceptors; 1 proposer; 1 learner; client 1 submits 300 odd values; \
         expect all delivered within 5s");
    run("packets of 9188 bytes; 3 acceptors; 1 proposer; 1 learner; client 1 submits 300 odd values; \
         expect all delivered within 5s");
}

// ---------------------------------------------------------------------- acceptors

#[test]
fn one_acceptor_down_is_no_matter() {
    run(
        "3 acceptors without 1; 2 proposers; 2 learners; client 1 submits 1000 values; expect all delivered within 1s",
    );
}

#[test]
fn an_acceptor_that_crashes_in_mid_stream_is_no_matter() {
    sweep(20, |seed| {
        format!(
            "3 acceptors; 2 proposers; 2 learners; client 1 submits 2000 values; after {}ms crash acceptor 2; \
             expect all delivered within 3s",
            50 + seed / 2
        )
    });
}

#[test]
fn one_acceptor_of_three_decides_nothing_and_with_the_second_all_is_decided() {
    run(
        "3 acceptors without 2 3; 2 proposers; 2 learners; client 1 submits 1000 values; wait 30s; expect nothing delivered; \
         start acceptor 2; expect all delivered within 20s",
    );
}

#[test]
fn a_late_acceptor_learns_the_log_so_that_the_others_may_go() {
    run(
        "3 acceptors without 3; 1 proposer; 1 learner; client 1 submits 5000 values of 100 bytes; expect all delivered within 5s; \
         start acceptor 3; wait 20s; crash acceptor 1; restart proposer 1; start learner 2; \
         client 2 submits 100 values; expect all delivered within 20s",
    );
}

#[test]
fn an_acceptor_that_was_deaf_in_mid_stream_catches_up() {
    run(
        "3 acceptors; 1 proposer; 1 learner; client 1 submits 3000 values of 100 bytes at 3000/s; after 300ms acceptor 2 hears nothing; \
         after 300ms acceptor 2 hears again; expect all delivered within 5s; wait 10s; crash acceptor 1; restart proposer 1; \
         start learner 2; client 2 submits 10 values; expect all delivered within 20s",
    );
}

/// Every acceptor lacks some decided instances for good, so none knows much of the log complete; together
/// they hold it all.
#[test]
fn acceptors_full_of_holes_are_no_matter_to_a_new_leader_that_knows_more() {
    run(
        "lose 5%; 3 acceptors; 2 proposers; 1 learner; acceptors hear no value; client 1 submits 6000 values of 1250 bytes; \
         expect all delivered within 60s; wait 1s; crash proposer 1; client 2 submits 100 values; expect all delivered within 20s",
    );
}

#[test]
fn acceptors_full_of_holes_teach_a_new_leader_that_knows_nothing_and_a_late_learner() {
    run(
        "lose 5%; 3 acceptors; 1 proposer; 1 learner; acceptors hear no value; client 1 submits 6000 values of 1250 bytes; \
         expect all delivered within 60s; wait 1s; restart proposer 1; start learner 2; client 2 submits 100 values; \
         expect all delivered within 60s",
    );
}

#[test]
fn a_late_learner_gets_what_only_acceptors_full_of_holes_still_hold() {
    run(
        "lose 5%; 3 acceptors; 2 proposers; 1 learner; acceptors hear no value; client 1 submits 6000 values of 1250 bytes; \
         expect all delivered within 60s; wait 1s; start learner 2; expect all delivered within 60s",
    );
}

/// The acceptor that alone knows that the last values are decided goes while the new leader asks it for them.
/// Two remain: one accepted everything, one is new.
#[test]
fn an_acceptor_that_dies_while_a_new_leader_learns_from_it_does_not_stop_the_only_proposer() {
    sweep(15, |seed| {
        format!(
            "3 acceptors without 2; 1 proposer; 1 learner; acceptor 3 hears no watermark; client 1 submits 2000 values of 500 bytes; \
             expect all delivered within 3s; crash proposer 1; start acceptor 2; start proposer 1; wait {}us; crash acceptor 1; \
             client 2 submits 10 values; expect all delivered within 60s",
            50_000 + seed * 20
        )
    });
}

// ---------------------------------------------------------------------- acceptors without memory

#[test]
fn an_acceptor_that_lost_its_memory_comes_back_and_the_others_may_go() {
    sweep(20, |seed| {
        format!(
            "3 acceptors; 2 proposers; 2 learners; client 1 submits 3000 values of 100 bytes at 3000/s; after {}ms restart acceptor 2; \
             expect all delivered within 5s; wait 5s; crash acceptor 1; client 2 submits 100 values; \
             expect all delivered within 20s; start learner 3; expect all delivered within 5s",
            100 + seed * 7
        )
    });
}

#[test]
fn acceptors_that_lose_their_memory_one_after_the_other_under_load_lose_no_value() {
    sweep(20, |seed| {
        let pause = 1000 + seed * 13;
        format!(
            "3 acceptors; 2 proposers; 2 learners; lose {}%; client 1 submits 8000 values of 100 bytes at 1000/s; wait {pause}ms; \
             restart acceptor 1; expect acceptors whole within 20s; restart acceptor 2; wait {pause}ms; restart proposer 1; \
             expect acceptors whole within 20s; restart acceptor 3; expect acceptors whole within 20s; restart acceptor 1; expect all delivered within 20s; start learner 3; expect all delivered within 5s",
            seed % 4 * 5
        )
    });
}

#[test]
fn an_acceptor_that_loses_its_memory_while_nobody_leads_comes_back() {
    run(
        "3 acceptors; 1 learner; wait 1s; restart acceptor 2; wait 2s; 1 proposers; client 1 submits 10 values; \
         expect all delivered within 2s",
    );
}

#[test]
fn of_five_acceptors_two_lose_their_memory_at_once() {
    sweep(20, |seed| {
        format!(
            "5 acceptors; 2 proposers; 2 learners; client 1 submits 3000 values of 100 bytes at 1500/s; wait {}ms; restart acceptor 2; \
             restart acceptor 4; expect all delivered within 5s; wait 5s; crash acceptor 1; crash acceptor 3; \
             client 2 submits 100 values; expect all delivered within 20s",
            500 + seed * 31
        )
    });
}

/// Two of three found a log that the third does not hear of; it founds one of its own. A member of the first
/// that has accepted nothing yet must not take the third for a reason to begin anew: its log may live.
#[test]
fn a_log_that_a_majority_founded_outlives_one_that_a_single_acceptor_founded() {
    sweep(10, |_| {
        "acceptor 2 hears no acceptor 1; acceptor 3 hears no acceptor 1; 3 acceptors; wait 1s; heal; acceptor 1 hears no acceptors; \
         acceptor 2 hears no 2a; 1 proposer; 1 learner; client 1 submits 10 values; wait 5s; heal; expect all delivered within 30s; \
         expect acceptors whole within 30s"
            .into()
    });
}

/// A second process of its id, and one that lost its memory and hears no help, found a log together: who followed
/// the former one ends, and the majority that remembers it serves whoever comes.
#[test]
fn an_acceptor_that_remembers_is_not_talked_out_of_it_by_the_members_of_another_log() {
    sweep(5, |_| {
        "3 acceptors; 1 proposer; 1 learner; client 1 submits 10 values; expect all delivered within 2s; expect acceptors whole within 5s; \
         acceptor 1 hears no helped; acceptor 2 hears no acceptor 2; acceptor 3 hears no acceptor 2; restart acceptor 1; \
         start another acceptor 2; wait 200ms; acceptor 2 hears again; wait 5s; expect acceptor 2 ended; heal; start proposer 2; start learner 2; \
         client 2 submits 10 values; expect all delivered within 20s"
            .into()
    });
}

#[test]
fn a_cluster_that_starts_while_most_packets_are_lost_comes_to_one_log() {
    sweep(80, |seed| {
        format!(
            "lose {}%; {} acceptors; 2 proposers; 1 learner; client 1 submits 10 values; wait 10s; lose 10%; \
             expect all delivered within 60s; expect acceptors whole within 60s",
            [50, 70][seed as usize % 2],
            [3, 5, 5, 5][seed as usize % 4],
        )
    });
}

#[test]
fn an_acceptor_whose_clock_was_set_back_comes_back() {
    sweep(5, |_| {
        "3 acceptors; 2 proposers; 2 learners; client 1 submits 100 values; expect all delivered within 2s; clocks are set back; \
         restart acceptor 2; expect acceptors whole within 5s; restart acceptor 3; expect acceptors whole within 5s; \
         restart acceptor 2; expect acceptors whole within 5s; crash acceptor 1; client 2 submits 100 values; \
         expect all delivered within 20s"
            .into()
    });
}

/// It accepted its first value in the turn in which it died, and somebody heard so.
#[test]
fn a_lost_disk_is_beyond_what_is_claimed_though_the_acceptor_died_in_the_turn_of_its_first_vote() {
    let world = run_seed(
        1_037_185,
        "1 durable acceptor; delay 40000us; 1 proposer; client 1 submits 25 odd values at 250/s; wait 121517us; \
         crash acceptor 1 while sending; wait 66945us; restart acceptor 1 with an empty disk; wait 1s",
    );
    assert!(world.is_beyond_claims());
}

/// Its earlier start was heard, but joined nothing.
#[test]
fn acceptors_found_a_log_with_one_whose_clock_was_set_back() {
    run("3 acceptors without 1; wait 200ms; crash acceptor 3; \
         clocks are set back; start acceptor 3; expect acceptors whole within 5s; \
         1 proposer; 1 learner; client 1 submits 10 values; expect all delivered within 5s");
}

/// Acceptor 5 begins a life that only acceptor 1 notes down; the proposer hears of it, and acceptor 1 forgets.
/// Then acceptor 5 begins an earlier one, by a clock that was set back.
#[test]
fn an_acceptor_hears_from_a_proposer_that_its_life_is_over_when_nobody_else_knows() {
    run("5 acceptors; 1 proposer; 1 learner; client 1 submits 10 values; expect all delivered within 2s; \
         expect acceptors whole within 5s; wait 1s; within what is claimed; crash acceptor 5; acceptor 2 \
         hears no acceptor 5; acceptor 3 hears no acceptor 5; acceptor 4 hears no acceptor 5; acceptor 2 \
         hears no acceptor 1; acceptor 3 hears no acceptor 1; acceptor 4 hears no acceptor 1; start \
         acceptor 5; wait 200ms; client 3 submits 1 values; wait 1s; crash acceptor 5; restart acceptor \
         1; heal; expect all delivered within 20s; wait 5s; clocks are set back; start acceptor 5; \
         expect acceptors whole within 20s; wait 3s; crash acceptor 2; crash acceptor 3; client 2 \
         submits 10 values; expect all delivered within 60s");
}

/// One packet a datagram and a disk that takes its time: an answer lies in the receive buffer for many turns. Asked
/// for again in the meantime, it would come again and again, until the buffer holds nothing but copies.
#[test]
fn an_acceptor_that_reads_slowly_is_sent_what_it_missed_once() {
    let world =
        run("3 durable acceptors; packets come alone; 1 proposer; 1 learner; acceptors have 8192 KiB; \
         expect acceptors whole within 5s; crash acceptor 3; client 1 submits 12000 values of 1300 bytes; \
         expect all delivered within 60s; restart acceptor 3; disk of acceptor 3 takes 1ms; wait 5s");
    let (missed, sent) = (world.frontier(), world.sent(Kind::Value));
    assert!(missed > 11_000 && sent < missed + 100, "{sent} repairs of {missed} instances");
}

/// All that a blind acceptor may have forgotten is decided, and the one acceptor that sees holds it.
#[test]
fn a_new_leader_learns_from_the_one_acceptor_that_sees_what_the_blind_one_must_know() {
    run(
        "3 acceptors; 1 proposer; 1 learner; client 1 submits 100 values; expect all delivered within 2s; wait 5s; \
         acceptor 3 hears no value; restart acceptor 3; wait 2s; crash proposer 1; crash acceptor 1; wait 1s; heal; \
         start proposer 1; client 2 submits 10 values; expect all delivered within 30s",
    );
}

/// The others cannot tell it from one that was outvoted while they were away.
#[test]
fn one_acceptor_that_remembers_is_not_outvoted_by_two_that_do_not() {
    let world = run(
        "3 acceptors; 1 proposer; 1 learner; client 1 submits 100 values; expect all delivered within 2s; \
         restart acceptor 1; restart acceptor 2; client 2 submits 10 values; wait 60s",
    );
    assert_eq!(world.lines(), 100, "two of three have lost their memory: nothing more is decided");
}

// ---------------------------------------------------------------------- a bad network

#[test]
fn one_packet_in_ten_is_lost() {
    sweep(20, |_| lossy(10));
}

#[test]
fn three_packets_in_ten_are_lost() {
    sweep(20, |_| lossy(30));
}

#[test]
fn every_second_packet_is_lost() {
    sweep(20, |_| lossy(50));
}

fn lossy(percent: u64) -> String {
    format!(
        "lose {percent}%; 3 acceptors; 2 proposers; 2 learners; client 1 submits 100 values at 1000/s; \
         client 2 submits 100 values of 500 bytes; expect all delivered within 30s"
    )
}

#[test]
fn packets_come_twice_late_and_in_any_order() {
    sweep(20, |_| {
        "duplicate 30%; reorder 50%; 3 acceptors; 2 proposers; 2 learners; client 1 submits 200 values of 100 bytes; \
         client 2 submits 50 odd values; expect all delivered within 20s"
            .into()
    });
}

#[test]
fn packets_of_long_ago_come_back() {
    sweep(20, |_| {
        "replay 20%; duplicate 10%; 3 acceptors; 2 proposers; 2 learners; client 1 submits 300 values at 300/s; \
         after 200ms restart proposer 1; after 100ms restart proposer 2; after 100ms restart client 1; \
         expect all delivered within 20s"
            .into()
    });
}

// ---------------------------------------------------------------------- leaders that crash, return, sleep

#[test]
fn the_leader_crashes_at_any_moment() {
    sweep(60, |seed| {
        format!(
            "3 acceptors; 2 proposers; 2 learners; client 1 submits 500 values of 300 bytes; \
             after {}us crash proposer 1; expect all delivered within 8s",
            50_000 + seed * 97
        )
    });
}

#[test]
fn the_leader_crashes_and_returns_at_any_moment() {
    sweep(15, |seed| {
        format!(
            "3 acceptors; 2 proposers; 2 learners; client 1 submits 2000 values of 300 bytes at 2000/s; \
             after {}us crash proposer 1; after {}us start proposer 1; expect all delivered within 9s",
            50_000 + seed * 97,
            seed * seed * 1000,
        )
    });
}

#[test]
fn a_leader_that_returns_catches_up_first_and_then_leads_again() {
    run("3 acceptors; 2 proposers; 2 learners; client 1 submits 20000 values of 300 bytes at 2000/s; \
         expect proposer 1 leads within 1s; after 1s crash proposer 1; expect proposer 2 leads within 6s; after 1s start proposer 1; \
         expect proposer 1 leads within 1s; expect all delivered within 8s");
}

#[test]
fn both_proposers_start_anew_and_the_acceptors_know_the_log() {
    sweep(20, |seed| {
        format!(
            "3 acceptors; 2 proposers; 2 learners; client 1 submits 1000 values of 700 bytes at 5000/s; after {}ms crash proposers; \
             after 100ms start proposer 1; start proposer 2; expect all delivered within 9s",
            50 + seed * 7
        )
    });
}

#[test]
fn the_only_proposer_crashes_again_and_again() {
    sweep(5, |_| {
        format!(
            "3 acceptors; 1 proposer; 2 learners; client 1 submits 1000 values of 700 bytes at 1000/s; {} \
             expect all delivered within 9s",
            "after 80ms restart proposer 1; ".repeat(20)
        )
    });
}

#[test]
fn two_proposers_that_cannot_hear_each_other_harm_nobody_and_one_leads_when_they_can() {
    sweep(10, |_| {
        "3 acceptors; 2 proposers; 2 learners; proposer 1 hears no proposer 2; proposer 2 hears no proposer 1; \
         client 1 submits 500 values at 100/s; wait 3s; heal; expect all delivered within 9s"
            .into()
    });
}

#[test]
fn two_proposers_that_never_hear_each_other_decide_all_the_same() {
    sweep(5, |_| {
        "3 acceptors; 2 proposers; 2 learners; proposer 1 hears no proposer 2; proposer 2 hears no proposer 1; \
         client 1 submits 500 values at 100/s; expect all delivered within 60s"
            .into()
    });
}

#[test]
fn a_leader_that_is_not_heard_by_the_other_proposer_alone() {
    run(
        "3 acceptors; 2 proposers; 2 learners; proposer 2 hears no proposer 1; client 1 submits 500 values at 100/s; \
         expect all delivered within 60s",
    );
    run(
        "3 acceptors; 2 proposers; 2 learners; proposer 1 hears no proposer 2; client 1 submits 500 values at 100/s; \
         expect all delivered within 60s",
    );
}

#[test]
fn a_lowest_id_that_hears_no_votes_does_not_stall_the_group() {
    run("3 acceptors; 2 proposers; 2 learners; proposer 1 hears no 2b; client 1 submits 100 values; \
         expect all delivered within 20s");
    run("3 acceptors; 2 proposers; 2 learners; proposer 1 hears no acceptors; client 1 submits 100 values; \
         expect all delivered within 20s");
    run(
        "3 acceptors; 2 proposers; 2 learners; client 1 submits 1000 values at 100/s; after 300ms proposer 1 hears no 2b; \
         expect all delivered within 40s",
    );
}

#[test]
fn a_learner_gets_from_the_leader_what_acceptors_that_do_not_hear_it_cannot_be_asked_for() {
    run(
        "3 acceptors; 1 proposer; 1 learner; client 1 submits 2000 values of 1000 bytes at 1000/s; wait 4s; \
         acceptors hear no proposer 1; restart learner 1; expect all delivered within 30s",
    );
}

#[test]
fn a_lowest_id_that_no_acceptor_hears_does_not_stall_the_group() {
    run("3 acceptors; 2 proposers; 2 learners; acceptors hear no proposer 1; client 1 submits 100 values; \
         expect all delivered within 20s");
    run(
        "3 acceptors; 2 proposers; 2 learners; client 1 submits 1000 values at 100/s; after 300ms acceptors hear no proposer 1; \
         expect all delivered within 40s",
    );
}

#[test]
fn a_lowest_id_that_nobody_hears_does_not_stall_the_group() {
    run("3 acceptors; 2 proposers; 2 learners; nobody hears proposer 1; client 1 submits 100 values; \
         expect all delivered within 20s");
}

#[test]
fn a_lowest_id_that_hears_no_clients_does_not_stall_the_group() {
    run("3 acceptors; 2 proposers; 2 learners; proposer 1 hears no clients; client 1 submits 100 values; \
         expect all delivered within 20s");
}

/// What it submits again is decided, so the other proposer need not wait for that; but the client does.
#[test]
fn a_client_that_missed_its_ack_is_told_though_the_leader_hears_no_clients() {
    run("3 acceptors; 2 proposers; 1 learner; client 1 submits 1 value; client 1 hears nothing; wait 1s; \
         proposer 1 hears no clients; client 1 hears again; expect all delivered within 20s");
}

#[test]
fn a_leader_that_sleeps_wakes_up_after_the_next_one_leads() {
    sweep(20, |seed| {
        format!(
            "3 acceptors; 2 proposers; 2 learners; client 1 submits 2000 values of 300 bytes at 500/s; \
             after {}ms pause proposer 1 for {}ms; expect all delivered within 20s",
            60 + seed * 3,
            4000 + seed * 300
        )
    });
}

#[test]
fn everybody_sleeps_and_wakes() {
    run(
        "3 acceptors; 2 proposers; 2 learners; client 1 submits 1000 values at 1000/s; wait 300ms; pause acceptors for 30s; \
         pause proposers for 30s; pause learners for 30s; pause client 1 for 30s; wait 30s; expect all delivered within 3s",
    );
}

// ---------------------------------------------------------------------- learners

#[test]
fn the_tail_comes_to_a_learner_that_was_deaf_without_new_traffic() {
    run(
        "3 acceptors; 2 proposers; 2 learners; wait 1s; learner 2 hears nothing; client 1 submits 100 values; wait 300ms; \
         learner 2 hears again; expect all delivered within 3s",
    );
}

#[test]
fn a_learner_that_comes_when_all_is_over_prints_everything() {
    run(
        "3 acceptors; 2 proposers; 1 learner; client 1 submits 1000 values of 500 bytes; expect all delivered within 3s; wait 10s; \
         start learner 2; expect all delivered within 1s",
    );
}

#[test]
fn a_learner_that_starts_anew_prints_everything_again() {
    run(
        "3 acceptors; 2 proposers; 2 learners; client 1 submits 1000 values of 500 bytes at 1000/s; wait 500ms; restart learner 2; \
         expect all delivered within 3s",
    );
}

#[test]
fn a_learner_further_behind_than_its_window_and_the_leaders_memory_catches_up() {
    let world = run(
        "3 acceptors; 2 proposers; 1 learner; client 1 submits 10000 values of 1250 bytes; expect all delivered within 20s; \
         start learner 2; start learner 3; expect all delivered within 10s",
    );
    assert!(world.frontier() > 8192, "more than anybody keeps in a window: {}", world.frontier());
}

#[test]
fn a_learner_far_behind_catches_up_while_values_keep_coming() {
    run(
        "3 acceptors; 2 proposers; 1 learner; client 1 submits 10000 values of 1250 bytes; expect all delivered within 20s; \
         client 2 submits 2000 values at 1000/s; start learner 2; expect all delivered within 10s",
    );
}

#[test]
fn a_learner_far_behind_catches_up_over_a_bad_network() {
    run(
        "3 acceptors; 2 proposers; 1 learner; client 1 submits 6000 values of 1250 bytes; expect all delivered within 20s; \
         lose 20%; start learner 2; expect all delivered within 30s",
    );
}

#[test]
fn a_learner_far_behind_catches_up_with_proposers_that_know_nothing() {
    run(
        "3 acceptors; 2 proposers; 1 learner; client 1 submits 6000 values of 1250 bytes; expect all delivered within 20s; \
         crash proposers; start proposer 1; start learner 2; expect all delivered within 20s",
    );
}

#[test]
fn learners_hear_nothing_but_repairs() {
    run("3 acceptors; 2 proposers; 2 learners; learners hear no 2a; client 1 submits 300 values at 1000/s; \
         expect all delivered within 10s");
}

#[test]
fn learners_hear_no_votes() {
    run("3 acceptors; 2 proposers; 2 learners; learners hear no 2b; client 1 submits 300 values at 1000/s; \
         expect all delivered within 10s");
}

#[test]
fn learners_hear_no_proposer() {
    run(
        "3 acceptors; 2 proposers; 2 learners; client 1 submits 300 values at 1000/s; wait 200ms; learner 1 hears no proposers; \
         wait 500ms; learner 1 hears again; expect all delivered within 10s",
    );
}

// ---------------------------------------------------------------------- clients and sessions

#[test]
fn a_client_that_starts_anew_takes_the_place_of_its_former_life() {
    sweep(20, |seed| {
        format!(
            "3 acceptors; 2 proposers; 2 learners; client 1 submits 500 values of 300 bytes at 2000/s; \
             client 2 submits 200 odd values; after {}us restart client 1; expect all delivered within 5s",
            50_000 + seed * 3000
        )
    });
}

#[test]
fn of_two_clients_with_one_id_the_newer_ends_and_the_older_goes_on() {
    let script = |seed| {
        format!(
            "3 acceptors; 2 proposers; 2 learners; client 1 submits 300 values at 500/s; after {}ms start another client 1; \
             expect all delivered within 5s",
            20 * (seed % 25)
        )
    };
    sweep_and(10, script, |world| {
        let ends: Vec<_> = world.ended().iter().map(|ended| (ended.who.incarnation, ended.stop)).collect();
        assert!(matches!(ends[0].1, Stop::SameId { .. }) && ends[0].0 > ends[1].0, "{ends:?}");
        assert_eq!(ends[1].1, Stop::Done);
    });
}

#[test]
fn of_two_processes_with_one_id_the_newer_ends() {
    for (role, id) in [(Role::Proposer, 1), (Role::Proposer, 2), (Role::Learner, 2)] {
        let world = run(&format!(
            "3 acceptors; 2 proposers; 2 learners; client 1 submits 1000 values at 1000/s; wait 300ms; start another {role} {id}; \
             wait 10ms; expect {role} {id} ended; expect all delivered within 3s"
        ));
        let ended = world.ended()[0];
        assert_eq!((ended.who.role, ended.who.id), (role, id));
        assert!(matches!(ended.stop, Stop::SameId { .. }) && ended.who.incarnation >> 22 > 1_000 + 7);
    }
}

#[test]
fn what_the_leader_forgot_that_it_had_logged_is_decided_twice_and_delivered_once() {
    run_seed(env("PAXOS_SEED").unwrap_or(1), &crowd(1));
}

// ---------------------------------------------------------------------- flow

#[test]
fn small_receive_buffers_do_not_overflow_where_credit_is_kept() {
    run(
        "acceptors have 32 KiB; learners have 32 KiB; proposers have 32 KiB; 3 acceptors; 2 proposers; 2 learners; \
         client 1 submits 3000 values of 1000 bytes; client 2 submits 3000 values; expect all delivered within 10s",
    );
}

#[test]
fn default_receive_buffers_lose_nothing() {
    let world = run("3 acceptors; 2 proposers; 2 learners; 8 clients submit 3000 values of 500 bytes; \
         expect all delivered within 10s");
    assert_eq!(world.counts().overflowed, 0, "packets lost to full buffers");
}

#[test]
fn a_new_leader_with_much_to_propose_again_overflows_nobody() {
    let world = run(
        "lose 5%; 3 acceptors; 2 proposers; 1 learner; acceptors hear no value; client 1 submits 6000 values of 1250 bytes; \
         expect all delivered within 60s; wait 1s; heal; crash proposer 1; client 2 submits 100 values; expect all delivered within 20s",
    );
    assert_eq!(world.counts().overflowed, 0, "packets lost to full buffers");
}

#[test]
fn a_learner_that_stops_reading_slows_the_leader_for_a_bounded_time() {
    run(
        "3 acceptors; 2 proposers; 2 learners; client 1 submits 3000 values of 1000 bytes; wait 100ms; pause learner 2 for 20s; \
         expect 3000 delivered within 3s; expect all delivered within 22s",
    );
}

#[test]
fn an_acceptor_that_stops_reading_slows_the_leader_for_a_bounded_time() {
    run(
        "3 acceptors; 2 proposers; 2 learners; client 1 submits 3000 values of 1000 bytes; wait 100ms; pause acceptor 2 for 20s; \
         expect 3000 delivered within 3s; expect all delivered within 22s",
    );
}

// ---------------------------------------------------------------------- everything

#[test]
fn leaders_come_and_go_and_no_two_are_heard_by_the_same_acceptors() {
    sweep(30, struggle);
}

#[test]
fn acceptors_forget_in_the_middle_of_a_duel_of_leaders() {
    sweep(20, forget);
}

#[test]
fn a_promise_that_was_on_its_way_when_its_acceptor_forgot_it_counts_for_nothing() {
    sweep(20, late_promise);
}

#[test]
fn any_number_of_acceptors_forget_and_no_two_learners_of_one_log_differ() {
    sweep(20, amnesia);
}

#[test]
fn anything_goes_wrong() {
    sweep(30, random_script);
}
