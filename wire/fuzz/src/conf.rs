//! Any text as a configuration.

use paxos::conf::Conf;

/// Lines of diagnostics, and bytes of each, that a person is told at most.
const LINES_MAX: usize = 21;
const LINE_MAX: usize = 1000;

/// Any text is understood, and then prints to a text that says the same; or is refused in a few lines.
pub fn conf(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    match Conf::parse(&text, "paxos.conf") {
        Ok(conf) => {
            let printed = conf.to_string();
            let again = Conf::parse(&printed, "paxos.conf").unwrap_or_else(|problems| {
                panic!("{printed}is what was understood, and refused:\n{problems}")
            });
            assert_eq!(again, conf, "{printed}says something else than {text:?}");
            assert_eq!(again.agreed(), conf.agreed());
            // What it printed says everything, so this time nothing is a default.
            assert!(!again.to_string().contains("# default"), "{again}");
            assert!(conf.acceptor_ids.is_sorted_by(|a, b| a < b) && conf.suspect > conf.heartbeat);
        }
        Err(problems) => {
            let told = problems.to_string();
            assert!((1..=LINES_MAX).contains(&told.lines().count()), "{told}");
            assert!(
                told.lines().all(|line| line.starts_with("paxos.conf:") && line.len() <= LINE_MAX),
                "{told}"
            );
            assert!(
                !told.contains(|c: char| c.is_control() && c != '\n'),
                "{told:?} would act on a terminal"
            );
        }
    }
}
