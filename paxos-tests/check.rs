//! What the simulator's network carries, held against `wire check`: runs of every kind are found to be in order, as
//! a whole capture and as what poor captures leave of them; and (with `--cfg planted`) planted bugs are found.

mod traces;

#[cfg(not(planted))]
use paxos::sim::Story;
use paxos::sim::{Script, Watch};
#[cfg(not(planted))]
use traces::Poor;
use traces::{checked, made_up, traced};
use wire::check::Order;
#[cfg(planted)]
use wire::check::Rule;
#[cfg(not(planted))]
use wire::story::Subject;

/// How many seeds each of these looks at; more are asked for with PAXOS_CHECK_SEEDS=FROM..UNTIL.
fn seeds(usual: core::ops::Range<u64>) -> core::ops::Range<u64> {
    let Ok(asked) = std::env::var("PAXOS_CHECK_SEEDS") else { return usual };
    let (from, until) = asked.split_once("..").expect("as in 1..500");
    from.parse().expect("a number")..until.parse().expect("a number")
}

#[cfg(not(planted))]
#[test]
fn a_run_that_keeps_the_invariants_gives_no_alarm_whole_or_poorly_captured() {
    let (mut runs, mut packets) = (0, 0);
    for seed in seeds(1..9) {
        let (run, bytes) = traced(seed, &made_up(seed), Watch::default());
        if run.result.is_err() || run.world.is_unchecked() || run.world.is_beyond_claims() {
            continue; // what was lost is more than is claimed to be survived
        }
        let report = checked(vec![bytes.clone()], Order::Guess);
        let told = report.text(&["trace".into()]);
        assert!(report.is_fine(), "paxos sim --seed {seed} --trace FILE && wire check FILE:\n{told}");
        assert!(report.ordered && report.malformed == 0, "{told}");
        for poor in Poor::ALL {
            let report = checked(poor.of(seed, &bytes), poor.order());
            let told = report.text(&["trace".into(), "other".into()]);
            assert!(report.is_fine(), "seed {seed}, captured {poor:?}:\n{told}");
        }
        (runs, packets) = (runs + 1, packets + report.packets);
    }
    println!("{runs} runs, {packets} packets");
    assert!(runs > 0);
}

/// The story of the simulator, `wire dump` and `wire story` have one printer.
#[cfg(not(planted))]
#[test]
fn a_packet_reads_the_same_in_the_simulators_story_in_a_dump_and_in_a_story_of_the_trace() {
    let script = "3 acceptors; 2 proposers; 1 learner; lose 10%; client 1 submits 50 values; \
                  expect all delivered within 10s";
    let script = Script::parse(script).expect("well formed");
    let told = std::rc::Rc::new(std::cell::RefCell::new(Vec::new()));
    let listener = told.clone();
    let story = Story::Aloud(Box::new(move |line: &str| {
        // `0.001234 P1 2a … → A1 A2 (lost)`; what happens beside packets has no arrow.
        if let Some((packet, _)) = line.split_once(" →") {
            let (_, packet) = packet.split_once(' ').expect("a time");
            listener.borrow_mut().push(packet.to_owned());
        }
    }));
    let (run, bytes) = traces::traced_aloud(7, &script, Watch::default(), story);
    assert_eq!(run.result, Ok(()));
    let told = told.borrow();
    let dumped = traces::dumped(&bytes);
    let dumped: Vec<&str> = dumped.lines().collect();
    assert_eq!(told.len(), dumped.len());
    for (told, line) in told.iter().zip(&dumped) {
        assert!(line.ends_with(told.as_str()), "the simulator tells {told}, wire dump {line}");
    }
    let story = traces::told(&bytes, Subject::Instance(0));
    let (lines, summary) = story.split_once("\n\n").expect("a summary");
    assert!(summary.contains("2a → votes of a majority") && !summary.contains('?'), "{story}");
    for line in lines.lines().filter(|line| !line.contains("DECIDED")) {
        assert!(told.iter().any(|told| line.ends_with(told.as_str())), "only wire story tells {line}");
    }
    for what in ["submitted", "proposed", "accepted by A", "DECIDED", "acknowledged"] {
        assert!(lines.contains(what), "{what}: {story}");
    }
}

/// Whether a planted bug shows on the wire.
#[cfg(planted)]
enum Shows {
    /// By breaking one of these rules.
    As(&'static [Rule]),
    /// It does not, for this reason.
    Not(&'static str),
}

#[cfg(planted)]
const PLANTED: [(&str, Shows); 20] = [
    ("vote-before-fsync", Shows::As(&[Rule::Memory, Rule::Promises])),
    ("promise-not-persisted", Shows::As(&[Rule::Promises])),
    ("quorum-counts-packets", Shows::As(&[Rule::Decided, Rule::Acknowledged])),
    ("ballot-reused", Shows::As(&[Rule::Starts])),
    ("value-by-arrival", Shows::As(&[Rule::OneDecision])),
    (
        "promise-once",
        Shows::Not(
            "a promise that is not given again is a packet that is not sent: nobody is bound to send it",
        ),
    ),
    ("votes-without-ballot", Shows::As(&[Rule::Decided, Rule::Acknowledged])),
    ("delivered-twice", Shows::Not("learners print it, and send nothing about it")),
    ("undecided-repairs", Shows::As(&[Rule::Decided])),
    ("no-tail-repair", Shows::Not("a watermark that is not told is a packet that is not sent")),
    (
        "recycled-tail",
        Shows::Not(
            "an acceptor that remembers too much promises more than it must: a ballot may rise for any reason",
        ),
    ),
    (
        "fsync-retried",
        Shows::Not(
            "a power cut must follow and take what was not synced; none of the runs made up brings it in time",
        ),
    ),
    ("empty-disk-votes", Shows::As(&[Rule::Members])),
    ("far-ahead-stored", Shows::As(&[Rule::Proposed])),
    (
        "half-deaf-leader",
        Shows::Not("a leader that does not give way says nothing that is wrong, only in vain"),
    ),
    ("not-blind", Shows::As(&[Rule::Memory])),
    ("no-fence", Shows::As(&[Rule::Promises])),
    ("dead-lives-count", Shows::As(&[Rule::Lives, Rule::OneDecision, Rule::Decided])),
    ("damage-cut-off", Shows::As(&[Rule::Memory, Rule::Promises])),
    ("accept-below-promise", Shows::Not("an assertion ends the acceptor before the vote leaves it")),
];

/// Seeds that are looked at for each bug.
#[cfg(planted)]
const SEEDS: core::ops::Range<u64> = 1..600;

#[cfg(planted)]
#[test]
fn a_planted_bug_that_shows_on_the_wire_is_found_there() {
    let only = std::env::var("PAXOS_CHECK_BUG").unwrap_or_default();
    let mut missed = Vec::new();
    for (name, shows) in PLANTED.iter().filter(|(name, _)| name.contains(&only)) {
        let rules = match shows {
            Shows::As(rules) => rules,
            Shows::Not(why) => {
                println!("{name}: does not show: {why}");
                continue;
            }
        };
        paxos::planted::plant(paxos::planted::Bug::named(name).expect("it is one of them"));
        let found = seeds(SEEDS).find_map(|seed| {
            let watch = Watch { unchecked: true, ..Watch::default() };
            // A leader that learns of an instance far ahead proposes all before it: long runs do not end.
            let far = "3 acceptors; 1 proposer; 1 learner; client 1 submits 9 values; expect all delivered within 1s; \
                       acceptors hear of an instance far ahead; wait 7s";
            let script = if *name == "far-ahead-stored" {
                Script::parse(far).expect("well formed")
            } else {
                made_up(seed)
            };
            let (run, bytes) = traced(seed, &script, watch);
            if run.world.is_beyond_claims() {
                return None;
            }
            let report = checked(vec![bytes], Order::Guess);
            let first = report.violations.iter().find(|violation| rules.contains(&violation.rule))?;
            Some((seed, first.rule, first.text.clone()))
        });
        println!("{name}: {found:?}");
        if found.is_none() {
            missed.push(*name);
        }
    }
    assert!(missed.is_empty(), "not found in traces: {missed:?}");
}
