//! What is drawn of small runs made by hand.

use super::event::Note;
use super::gather::{Gather, Gathered, Way};
use super::*;
use crate::Role;
use crate::capture::samples::run::{ACCEPTORS, Calm, Run, small};
use crate::capture::{Capture, Direction, write};

fn inputs(files: &[Vec<u8>]) -> Vec<Input<'_>> {
    let input = |file| Input { name: "a".into(), stream: Box::new(Capture::new(file)) };
    files.iter().map(|file| input(&file[..])).collect()
}

fn gathered(files: &[Vec<u8>], traces: Vec<Option<SenderId>>, events_max: usize) -> Gathered {
    let mut gather = Gather::new(traces, events_max);
    crate::sighting::each(inputs(files), &Filter::default(), &mut Calm, |sighting| gather.see(sighting));
    gather.finish()
}

fn drawn(files: &[Vec<u8>], format: Format, title: &str) -> String {
    let options = Options { filter: Filter::default(), format, events_max: 1000, title: title.into() };
    flow(inputs(files), vec![None; files.len()], &options, &mut Calm).0
}

const A2: SenderId = SenderId { role: Role::Acceptor, id: 2 };

/// The ways of the events that have this label.
fn ways(all: &Gathered, label: &str) -> Vec<(String, Way)> {
    let events = all.events.iter().filter(|event| event.label() == label);
    let receivers = events.flat_map(|event| all.receivers(event).unwrap_or_default());
    receivers.map(|(at, way)| (all.processes[at].id.to_string(), way)).collect()
}

#[test]
fn a_proposal_goes_to_all_who_listen_and_votes_choose_it() {
    let mut run = small(0);
    let ask = crate::Phase1a { ballot: crate::Ballot::new(1, 1, 7).into(), from: 0.into() };
    for us in [500, 600] {
        run.send(us, (Role::Proposer, 1), 0, ACCEPTORS, &ask, &[]);
    }
    run.decide(1000, 0, b"value\n");
    run.decide(2000, 1, b"value\n");
    let all = gathered(&[run.whole()], vec![None], 1000);
    let to = |label| ways(&all, label).into_iter().map(|(who, _)| who).collect::<Vec<_>>().join(" ");
    assert_eq!(to("2a i1"), "A1 A2 A3 L1");
    assert_eq!(to("submit #1"), "P1");
    assert_eq!(to("ack C1 <2"), "C1");
    let notes: Vec<String> =
        all.events.iter().flat_map(|event| &event.notes).map(|note| format!("{note}")).collect();
    assert_eq!(notes, ["P1 asks for 1.P1", "P1 leads 1.P1", "i0 chosen", "i1 chosen"]);
    let chosen = all.events.iter().find(|event| event.notes.contains(&Note::Chosen(1, 1)));
    assert_eq!(chosen.map(|event| event.sender), Some(A2), "the second of three votes is a majority");
}

#[test]
fn nobody_hears_what_was_sent_before_his_start() {
    let all = gathered(&[small(1).whole()], vec![None], 1000);
    assert_eq!(
        ways(&all, "hello").iter().map(|(who, _)| &who[..]).collect::<Vec<_>>().join(" "),
        "P1 P1 A1 P1 A1 A2 P1"
    );
}

#[test]
fn nobody_hears_anything_between_his_last_word_and_his_next_start() {
    let mut run = small(0);
    run.hello(100, (Role::Acceptor, 2)); // P1 was last heard at 10 us
    run.starts = 1;
    run.hello(200, (Role::Proposer, 1));
    run.hello(300, (Role::Acceptor, 3));
    let all = gathered(&[run.whole()], vec![None], 1000);
    let heard = |us: i128| {
        let event = all.events.iter().find(|event| event.first_ns == us * 1000).expect("it is there");
        let receivers = all.receivers(event).unwrap_or_default();
        receivers.into_iter().any(|(at, _)| all.processes[at].id.role == Role::Proposer)
    };
    assert_eq!((heard(100), heard(300)), (false, true));
    let notes = all.events.iter().flat_map(|event| &event.notes).map(Note::to_string).collect::<Vec<_>>();
    assert_eq!(notes, ["P1 started again", "A3 started again"]);
    let mut text = String::new();
    svg::picture(&mut text, &all, "a start", true);
    assert!(text.contains("class=\"unborn\""));
}

#[test]
fn filters_leave_lines_and_receivers_as_they_are() {
    let mut gather = Gather::new(vec![None], 1000);
    let filter = Filter { kinds: vec![crate::Kind::Phase2a], since_ns: Some(1_500_000), ..Filter::default() };
    crate::sighting::each(inputs(&[small(3).whole()]), &filter, &mut Calm, |sighting| gather.see(sighting));
    let all = gather.finish();
    assert_eq!((all.processes.len(), all.events.len()), (6, 2), "two 2a come after that time");
    assert_eq!(ways(&all, "2a i2").len(), 4);
    assert_eq!(all.led_before.map(|process| process.to_string()).as_deref(), Some("P1"));
}

#[test]
fn the_trace_of_a_receiver_shows_when_it_came_and_what_was_lost() {
    let run = small(3);
    let of = |label: &str| {
        let all = gathered(&[run.whole()], vec![None], 1000);
        all.events.iter().position(|event| event.label() == label).expect("it is there")
    };
    let lost = of("2a i1");
    // What A2 itself sends stands in its trace at the same time; the rest comes 5 us later, but for one.
    let trace = run.pcap(5, usize::MAX, |at| at != lost);
    let all = gathered(&[run.whole(), trace], vec![None, Some(A2)], 1000);
    let way = |label| ways(&all, label).into_iter().find(|(who, _)| who == "A2").map(|(_, way)| way);
    assert_eq!(way("2a i0"), Some(Way::Seen(1_015_000)));
    assert_eq!(way("2a i1"), Some(Way::Lost(1)));
    let others = ways(&all, "2a i1").into_iter().filter(|(who, _)| who != "A2");
    assert!(others.into_iter().all(|(_, way)| way == Way::Inferred));
    let mut text = String::new();
    svg::picture(&mut text, &all, "losses", true);
    assert!(text.contains("class=\"a lost\"") && text.contains("A2 lost"), "{text}");
}

#[test]
fn a_trace_says_whose_it_is_and_what_happened_and_that_is_drawn() {
    let run = small(2);
    let mut trace = Vec::new();
    write::section(&mut trace, write::APPLICATION);
    write::interface(&mut trace, "A2", "acceptor 2", 96);
    for (at, (us, ip)) in run.datagrams.iter().enumerate() {
        let mine = ip[28..].get(6..10) == Some(&[Role::Acceptor as u8, 0, 0, 2]);
        let port = |at: usize| u16::from_be_bytes([ip[at], ip[at + 1]]);
        if !mine && port(22) != ACCEPTORS {
            continue;
        }
        let passage = write::Passage {
            time_ns: 1_000_000_000_000 + (u64::from(*us) + if mine { 0 } else { 5 }) * 1000,
            from: std::net::SocketAddrV4::new([127, 0, 0, 1].into(), port(20)),
            to: std::net::SocketAddrV4::new([239, 0, 0, 1].into(), port(22)),
            direction: if mine { Direction::Out } else { Direction::In },
        };
        // The last that comes; one before it was dropped.
        let comment = if at == 13 { "the kernel dropped <3> datagrams" } else { "" };
        write::packet(&mut trace, &passage, &ip[28..], 96, comment);
    }
    let all = gathered(&[run.whole(), trace.clone()], vec![None, None], 1000);
    assert_eq!(
        ways(&all, "2a i0").into_iter().find(|(who, _)| who == "A2"),
        Some(("A2".into(), Way::Seen(1_015_000)))
    );
    let mut text = String::new();
    svg::picture(&mut text, &all, "a trace", true);
    assert!(text.contains("A2: the kernel dropped &lt;3&gt; datagrams"), "{text}");
    let alone = gathered(&[trace], vec![None], 1000);
    assert!(
        alone.events.iter().any(|event| event.label() == "2a i1 (cut)"),
        "long packets are cut in a trace"
    );
}

#[test]
fn a_packet_sighted_twice_is_drawn_once() {
    let file = small(3).whole();
    let once = gathered(std::slice::from_ref(&file), vec![None], 1000);
    let twice = gathered(&[file.clone(), file], vec![None, None], 1000);
    assert_eq!((once.packets, once.events.len()), (twice.packets, twice.events.len()));
}

#[test]
fn of_many_packets_those_alike_are_drawn_as_one() {
    let all = gathered(&[small(500).whole()], vec![None], 100);
    assert!(all.events.len() <= 100, "{}", all.events.len());
    assert_eq!(all.events.iter().map(|event| event.count).sum::<u64>(), all.packets);
    assert_eq!((all.packets, all.left_out), (6 + 500 * 6, 0));
    let labels: Vec<String> = all.events.iter().map(|event| event.label()).collect();
    assert!(
        labels.iter().any(|label| label.starts_with("2a i") && label.contains("\u{2013}i")),
        "{labels:?}"
    );
    let chosen = all.events.iter().flat_map(|event| &event.notes).map(|note| match note {
        Note::Chosen(first, last) => last - first + 1,
        _ => 0,
    });
    assert_eq!(chosen.sum::<u64>(), 500, "no decision is forgotten");
}

#[test]
fn nothing_in_a_capture_or_a_title_becomes_markup() {
    let evil = b"</script></svg><script>alert(1)</script><img src=x onerror=alert(1)>\n\0\xFF\x1b[31m";
    let mut run = small(0);
    run.decide(1000, 0, evil);
    let title = "</title><script>alert('\"&')</script>";
    for format in [Format::Svg, Format::Html] {
        let text = drawn(&[run.whole()], format, title);
        assert_eq!(text.matches("<script>").count(), usize::from(format == Format::Html), "only our own");
        assert!(!text.contains("alert('") && !text.contains("<img") && !text.contains("onerror"), "{text}");
        assert!(text.contains("&lt;/title&gt;&lt;script&gt;alert(&#39;&quot;&amp;&#39;)"));
        assert!(text.chars().all(|character| character == '\n' || !character.is_control()));
    }
}

#[test]
fn labels_of_one_column_do_not_overlap_and_time_runs_down() {
    let mut run = small(20);
    // All at once, and then nothing for a minute.
    for number in 100..130 {
        run.propose(30_000, 1, number, b"x\n");
    }
    run.propose(60_000_000, 1, 200, b"x\n");
    let all = gathered(&[run.whole()], vec![None], 1000);
    let layout = layout::layout(&all, 0.0);
    for (at, row) in layout.rows.iter().enumerate() {
        if let Some(next) = layout.rows[at + 1..].iter().find(|next| next.column == row.column) {
            assert!(next.y - row.y >= layout::LABEL_STEP, "{} and {}", row.y, next.y);
        }
        assert!(row.arrows.iter().all(|arrow| arrow.y >= row.y));
    }
    assert!(layout.rows.windows(2).all(|two| two[0].y < two[1].y));
    assert!(layout.height < 4000.0, "a minute of silence takes no room: {}", layout.height);
    let mut marks: Vec<f64> =
        layout.ticks.iter().map(|tick| tick.y).chain(layout.breaks.iter().map(|(y, _)| *y)).collect();
    marks.sort_by(f64::total_cmp);
    assert!(marks.windows(2).all(|two| two[1] - two[0] > 9.0), "labels of the axis overlap: {marks:?}");
}

#[test]
fn a_packet_that_was_cut_is_drawn_with_what_its_header_says() {
    let run = small(1);
    let all = gathered(&[run.pcap(0, 28 + 44, |_| true)], vec![None], 1000);
    assert!(all.events.iter().any(|event| event.label() == "2a (cut)"));
    assert!(
        all.events.iter().any(|event| event.line.starts_with("P1 2a in packet 1 cut by the capture: 44 of "))
    );
}

#[test]
fn what_goes_to_an_unknown_address_goes_nowhere() {
    let mut run = Run::default();
    run.send(0, (Role::Learner, 1), 0, ACCEPTORS, &crate::Hello { answered: 0.into() }, &[]);
    let all = gathered(&[run.whole()], vec![None], 10);
    assert_eq!(all.receivers(&all.events[0]), Some(vec![]), "its group, as far as is known");
    let text = drawn(&[small(0).pcap(0, usize::MAX, |_| false)], Format::Html, "empty");
    assert!(text.contains("</html>"), "nothing to draw is a page, too");
}
