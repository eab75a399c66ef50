//! What is wrong with a cluster, and what to do about it.
//!
//! A problem is what somebody should look at now: values are not decided, or may soon not be, or come late, or are lost on
//! the way and sent again. A note is worth knowing. docs/watching.md explains each by its code.

use super::gather::{Cluster, Report, Seen, Strange};
use crate::conf::duration_text;
use crate::protocol::Nanos;
use crate::text::{counted, grouped, list, micros, rate, span};
use std::collections::BTreeMap;
use std::time::Duration;
use wire::status::{NEVER, state};
use wire::{Role, VERSION};

/// Instances that a learner may be behind and still keep up: twice what a leader has under way at most.
const LAG_MAX: u64 = 2 * crate::limits::PIPELINE;
/// Drops are a problem for so long after the last of them, s.
const DROPS_RECENT_S: u32 = 60;
/// A disk that takes so long for one of a hundred writes is slow, µs.
const SYNC_SLOW_US: u32 = 100_000;

/// Something that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// A name that does not change: for scripts, and for the documentation.
    pub code: &'static str,
    /// Or else only a note.
    pub problem: bool,
    /// What is, and where: a sentence.
    pub what: String,
    /// What to do: a sentence.
    pub todo: String,
}

/// All codes, and whether each is of a problem.
pub const CODES: [(&str, bool); 25] = [
    ("nobody", true),
    ("no-status", true),
    ("no-majority", true),
    ("no-leader", true),
    ("two-leaders", true),
    ("acceptor-missing", true),
    ("disk-full", true),
    ("learners-differ", true),
    ("logs-differ", true),
    ("learner-lags", true),
    ("learner-stuck", true),
    ("silent", true),
    ("drops", true),
    ("settings-differ", true),
    ("other-configuration", true),
    ("other-version", true),
    ("same-id", true),
    ("acceptor-blind", false),
    ("client-waits", false),
    ("disk-slow", false),
    ("drops-past", false),
    ("no-learner", false),
    ("no-standby", false),
    ("unreadable", false),
    ("versions-differ", false),
];

/// All that is found now, problems first.
pub fn judge(cluster: &Cluster, now: Nanos) -> Vec<Finding> {
    let mut judge = Judge { cluster, now, found: Vec::new() };
    if cluster.processes().next().is_none() {
        judge.nobody();
    } else {
        judge.quorum();
        judge.leaders();
        judge.acceptors();
        judge.order();
        judge.lag();
        judge.silent();
        judge.drops();
        judge.settings();
        judge.same_ids();
        judge.clients();
        judge.disks();
        judge.spare();
    }
    judge.strangers();
    judge.found.sort_by_key(|finding| !finding.problem);
    judge.found
}

/// Whether nothing is wrong.
pub fn healthy(findings: &[Finding]) -> bool {
    findings.iter().all(|finding| !finding.problem)
}

struct Judge<'a> {
    cluster: &'a Cluster,
    now: Nanos,
    found: Vec<Finding>,
}

impl Judge<'_> {
    fn problem(&mut self, code: &'static str, what: String, todo: impl Into<String>) {
        debug_assert!(CODES.contains(&(code, true)), "{code} is not among the codes");
        self.found.push(Finding { code, problem: true, what, todo: todo.into() });
    }

    fn note(&mut self, code: &'static str, what: String, todo: impl Into<String>) {
        debug_assert!(CODES.contains(&(code, false)), "{code} is not among the codes");
        self.found.push(Finding { code, problem: false, what, todo: todo.into() });
    }

    fn conf(&self) -> String {
        self.cluster.conf.display().to_string()
    }

    /// The acceptors of the configuration that may vote, and those that may not.
    fn voters(&self) -> (Vec<u16>, Vec<u16>) {
        let votes = |id: &u16| {
            let mut live = self.cluster.live(Role::Acceptor, self.now);
            live.any(|seen| seen.sender.id == *id && seen.last.status.is(state::MEMBER))
        };
        self.cluster.acceptors.iter().partition(|id| votes(id))
    }

    fn has_majority(&self) -> bool {
        self.voters().0.len() > self.cluster.acceptors.len() / 2
    }

    fn nobody(&mut self) {
        let conf = self.conf();
        if self.cluster.packets > 0 {
            let what = format!(
                "{} came, but no process says how it is",
                counted(self.cluster.packets, "packet", "packets")
            );
            self.problem("no-status", what, format!("`status off` stands in their configuration: write `status 1s` in {conf} everywhere, and start them anew"));
        } else {
            let what = "no process of this cluster is heard".into();
            let todo = format!(
                "start them; if they run, see that `interface` in {conf} names the network that they use, and that their groups are those of {conf}"
            );
            self.problem("nobody", what, todo);
        }
    }

    fn quorum(&mut self) {
        let (voters, missing) = self.voters();
        let all = self.cluster.acceptors.len();
        if self.has_majority() {
            return;
        }
        let blank = self.blank();
        let what = format!(
            "{} of {all} acceptors may vote, {} must; {}",
            voters.len(),
            all / 2 + 1,
            list(&missing.iter().map(|id| self.missing(*id)).collect::<Vec<_>>())
        );
        let todo = if blank.len() == missing.len() {
            "they have lost their memory or are new, and wait for the others: start those that remember"
                .into()
        } else {
            let ids: Vec<String> =
                missing.iter().filter(|id| !blank.contains(id)).map(u16::to_string).collect();
            let acceptors = if ids.len() == 1 { "acceptor" } else { "acceptors" };
            format!("start {acceptors} {}: `paxos acceptor ID {}`", list(&ids), self.conf())
        };
        self.problem("no-majority", what, todo);
    }

    /// Acceptors that are heard, and have no memory of a log.
    fn blank(&self) -> Vec<u16> {
        let live = self.cluster.live(Role::Acceptor, self.now);
        live.filter(|seen| !seen.last.status.is(state::MEMBER)).map(|seen| seen.sender.id).collect()
    }

    /// `acceptor 2 is not heard`
    fn missing(&self, id: u16) -> String {
        let seen = self
            .cluster
            .processes()
            .filter(|seen| (seen.sender.role, seen.sender.id) == (Role::Acceptor, id));
        match seen.max_by_key(|seen| seen.last.at) {
            None => format!("acceptor {id} is not heard"),
            Some(seen) if seen.silent(self.now) => {
                format!("acceptor {id} at {} is silent for {}", seen.address, span(seen.silence(self.now)))
            }
            Some(seen) => format!("acceptor {id} at {} has no memory of the log", seen.address),
        }
    }

    fn leaders(&mut self) {
        let live: Vec<&Seen> = self.cluster.live(Role::Proposer, self.now).collect();
        let led = |report: &Report| report.status.is(state::LEADING);
        let leaders: Vec<&&Seen> = live.iter().filter(|seen| led(&seen.last)).collect();
        let conf = self.conf();
        if live.is_empty() {
            let what = "no proposer is heard".into();
            return self.problem("no-leader", what, format!("start one: `paxos proposer 1 {conf}`"));
        }
        if leaders.is_empty() {
            let how: Vec<String> = live.iter().map(|seen| self.proposer(seen)).collect();
            let todo = if self.has_majority() {
                "if it lasts longer than `suspect`, look whether proposers and acceptors hear each other: firewall, interface, \
                 switch with IGMP snooping"
            } else {
                "nobody can lead without a majority of the acceptors: start those first"
            };
            return self.problem("no-leader", format!("nobody leads; {}", list(&how)), todo);
        }
        let lasting = leaders.iter().filter(|seen| seen.before.as_ref().is_some_and(led)).count();
        if leaders.len() > 1 && lasting > 1 {
            let who: Vec<String> = leaders
                .iter()
                .map(|seen| {
                    format!("{} at {} in ballot {}", seen.sender, seen.address, seen.last.status.ballot.get())
                })
                .collect();
            let what = format!("{} proposers take themselves for the leader: {}", leaders.len(), list(&who));
            let todo = "they do not hear each other: look at the network between them. The order is safe, for only one of them has \
                        a majority; but clients of the other wait";
            self.problem("two-leaders", what, todo);
        }
    }

    /// `P1 prepares ballot 3.P1 and hears acceptors 1 and 2`
    fn proposer(&self, seen: &Seen) -> String {
        let status = &seen.last.status;
        let does = match () {
            () if status.is(state::PREPARING) => format!("prepares ballot {}", status.ballot.get()),
            () if status.is(state::UNFIT) => "takes itself for unfit".into(),
            () if !status.is(state::READY) => "catches up".into(),
            () => "follows".into(),
        };
        let heard = |at: &usize| status.heard.get() & 1 << at != 0;
        let acceptors: Vec<String> = (0..self.cluster.acceptors.len())
            .filter(heard)
            .map(|at| self.cluster.acceptors[at].to_string())
            .collect();
        let hears = match acceptors.len() {
            0 => "no acceptor".into(),
            1 => format!("acceptor {}", acceptors[0]),
            _ => format!("acceptors {}", list(&acceptors)),
        };
        format!("{} {does} and hears {hears}", seen.sender)
    }

    fn acceptors(&mut self) {
        let live: Vec<&Seen> = self.cluster.live(Role::Acceptor, self.now).collect();
        for seen in &live {
            let who = format!("{} at {}", seen.sender, seen.address);
            if seen.last.status.is(state::FULL) {
                let what = format!("{who} has no space left: it takes no more values");
                self.problem(
                    "disk-full",
                    what,
                    "make space on its disk, or give it more memory; it goes on by itself",
                );
            }
            if seen.last.status.is(state::BLIND) {
                let what = format!(
                    "{who} does not know yet all that it may have accepted before it lost its memory"
                );
                self.note(
                    "acceptor-blind",
                    what,
                    "it catches up by itself; restart no other acceptor before it has",
                );
            }
        }
        if !self.has_majority() {
            return; // told already
        }
        let (_, missing) = self.voters();
        for id in missing {
            let what = self.missing(id);
            let spare = self.cluster.acceptors.len() - self.cluster.acceptors.len() / 2 - 1;
            let todo = match self.blank().contains(&id) {
                true => {
                    "it joins by itself when the others have helped; if it does not, look at its log".into()
                }
                false => format!(
                    "start it again: `paxos acceptor {id} {}`; the cluster bears the loss of {} in all",
                    self.conf(),
                    counted(spare as u64, "acceptor", "acceptors")
                ),
            };
            self.problem("acceptor-missing", what, todo);
        }
    }

    /// Whether all follow one log, and had the same in it.
    fn order(&mut self) {
        if let Some((until, voices)) = self.cluster.difference() {
            let mut sides: BTreeMap<u64, Vec<String>> = BTreeMap::new();
            for ((role, id, _), digest) in voices {
                sides.entry(*digest).or_default().push(format!("{}{id}", role.letter()));
            }
            let sides: Vec<String> =
                sides.iter().map(|(digest, who)| format!("{} has {digest:016x}", list(who))).collect();
            let what = format!("of what is decided below instance {until}, {}", list(&sides));
            let todo = "stop using what they printed, keep their logs and the acceptors' data, and look for a damaged or foreign data \
                        directory (`paxos log verify DIR`), or for another program in these groups";
            self.problem("learners-differ", what, todo);
        }
        let mut logs: BTreeMap<u32, Vec<String>> = BTreeMap::new();
        for seen in self.cluster.processes().filter(|seen| !seen.silent(self.now) && seen.last.log != 0) {
            logs.entry(seen.last.log).or_default().push(seen.sender.to_string());
        }
        if logs.len() > 1 {
            let sides: Vec<String> =
                logs.iter().map(|(log, who)| format!("{} in log {log:08x}", list(who))).collect();
            let todo = "start those of the log that has no majority of the acceptors anew; an acceptor's data of another log must be \
                        moved away first";
            self.problem("logs-differ", list(&sides), todo);
        }
    }

    fn lag(&mut self) {
        let roles = [Role::Learner, Role::Proposer];
        let lagging: Vec<&Seen> =
            roles.into_iter().flat_map(|role| self.cluster.live(role, self.now)).collect();
        for seen in lagging {
            let lag = seen.lag();
            let who = format!("{} {} at {}", seen.sender.role, seen.sender.id, seen.address);
            if seen.stuck() {
                let what = format!(
                    "{who} stands still at instance {}, {} behind",
                    grouped(seen.last.status.decided_until.get()),
                    counted(lag, "instance", "instances")
                );
                let todo = "it does not get what it asks for: look at its log, and whether packets reach it (firewall, interface). If \
                            it is a learner, see that whoever reads its output does";
                self.problem("learner-stuck", what, todo);
            } else if lag > LAG_MAX {
                let speed = seen.rates().unwrap_or_default().decided - self.cluster.rate(self.now);
                let end = match speed > 0.0 {
                    true => format!(
                        "; it gains {}/s, and is level in {}",
                        rate(speed),
                        span(Duration::from_secs_f64((lag as f64 / speed).min(1e9)))
                    ),
                    false => "; it does not gain".into(),
                };
                let what = format!("{who} lags {}{end}", counted(lag, "instance", "instances"));
                let todo = match speed > 0.0 {
                    true => "wait; it was late or was not heard for a time",
                    false => {
                        "its host is too slow for the load, or whoever reads its output is: look at its processor and at its pipe"
                    }
                };
                self.problem("learner-lags", what, todo);
            }
        }
    }

    fn silent(&mut self) {
        let silent = |seen: &&Seen| seen.silent(self.now) && !matches!(seen.sender.role, Role::Client);
        let silent: Vec<&Seen> = self.cluster.processes().filter(silent).collect();
        for seen in silent {
            if seen.sender.role == Role::Acceptor
                || self.cluster.others(seen).any(|other| !other.silent(self.now))
            {
                continue; // told as one that is missing, or it has started again
            }
            let what = format!(
                "{} {} at {} is silent for {}",
                seen.sender.role,
                seen.sender.id,
                seen.address,
                span(seen.silence(self.now))
            );
            let todo = "start it again if it has ended; if it runs, it is stopped, starved, or waits for whoever reads its output. It is \
                        forgotten after 10 minutes";
            self.problem("silent", what, todo);
        }
    }

    fn drops(&mut self) {
        for seen in
            self.cluster.processes().filter(|seen| !seen.silent(self.now)).cloned().collect::<Vec<_>>()
        {
            let status = &seen.last.status;
            let who = format!("{} at {}", seen.sender, seen.address);
            let since = status.dropped_s.get();
            if since == NEVER {
                continue;
            }
            let told = |ago: String| {
                format!(
                    "{who} dropped {} for want of room in a receive buffer of {} KiB, the last {ago} ago",
                    counted(status.drops.get().into(), "packet", "packets"),
                    status.space.get() / 1024
                )
            };
            let ago = span(Duration::from_secs(since.into()));
            let todo = "they are sent again, which costs time. If it goes on, allow larger buffers on its host: `sysctl -w \
                        net.core.rmem_max=8388608`, and start it anew; or give it more processor";
            if since <= DROPS_RECENT_S {
                self.problem("drops", told(ago), todo);
            } else {
                self.note("drops-past", told(ago), todo);
            }
        }
    }

    fn settings(&mut self) {
        let here = (self.cluster.heartbeat, self.cluster.suspect);
        let mut sides: BTreeMap<(Duration, Duration), Vec<String>> = BTreeMap::new();
        let mut versions: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for seen in self.cluster.processes().filter(|seen| !seen.silent(self.now)) {
            let status = &seen.last.status;
            let micros = |us: u32| Duration::from_micros(us.into());
            let side = (micros(status.heartbeat_us.get()), micros(status.suspect_us.get()));
            sides.entry(side).or_default().push(seen.sender.to_string());
            versions.entry(seen.version()).or_default().push(seen.sender.to_string());
        }
        sides.entry(here).or_default().push(self.conf());
        if sides.len() > 1 {
            let sides: Vec<String> = sides
                .iter()
                .map(|((heartbeat, suspect), who)| {
                    let (heartbeat, suspect) = (duration_text(*heartbeat), duration_text(*suspect));
                    format!("heartbeat {heartbeat}, suspect {suspect} in {}", list(who))
                })
                .collect();
            let what = sides.join("; ");
            let todo = "write the same everywhere, and start anew those that have the other: with different times processes take each \
                        other for dead too soon";
            self.problem("settings-differ", what, todo);
        }
        if versions.len() > 1 {
            let sides: Vec<String> =
                versions.iter().map(|(version, who)| format!("{version} in {}", list(who))).collect();
            let todo = "fine while you upgrade; bring the rest up to date when you are done";
            self.note("versions-differ", sides.join("; "), todo);
        }
    }

    fn same_ids(&mut self) {
        let mut told = Vec::new();
        for seen in self.cluster.processes().filter(|seen| !seen.silent(self.now)) {
            // A start that is over was not heard any more when the later one was.
            let together = |other: &Seen| {
                !other.silent(self.now) && other.since < seen.last.at && seen.since < other.last.at
            };
            let name = seen.sender.to_string();
            if let Some(other) = self.cluster.others(seen).find(|other| together(other))
                && !told.iter().any(|(known, _, _)| *known == name)
            {
                told.push((name, seen.address, other.address));
            }
        }
        for (name, one, other) in told {
            let what = format!("two processes are {name}: one at {one}, one at {other}");
            self.problem(
                "same-id",
                what,
                "end one of them, or give it another id: ids of a role must differ",
            );
        }
    }

    fn clients(&mut self) {
        let waits = |seen: &&Seen| seen.stuck();
        let waiting: Vec<String> = self
            .cluster
            .live(Role::Client, self.now)
            .filter(waits)
            .map(|seen| seen.sender.to_string())
            .collect();
        if !waiting.is_empty() {
            let what = format!("nothing that {} read was decided of late", list(&waiting));
            self.note(
                "client-waits",
                what,
                "see the problems above, if any; a client that waits says why on its stderr",
            );
        }
    }

    fn disks(&mut self) {
        for seen in self.cluster.live(Role::Acceptor, self.now).cloned().collect::<Vec<_>>() {
            let status = &seen.last.status;
            if status.sync_p99_us.get() > SYNC_SLOW_US {
                let what = format!(
                    "the disk of {} at {} is slow: 1 of 100 writes took {} or longer, the longest {}",
                    seen.sender,
                    seen.address,
                    micros(status.sync_p99_us.get()),
                    micros(status.sync_max_us.get())
                );
                self.note(
                    "disk-slow",
                    what,
                    "see what else uses it; values wait for the disks of a majority",
                );
            }
        }
    }

    fn spare(&mut self) {
        let conf = self.conf();
        if self.cluster.live(Role::Proposer, self.now).count() == 1 {
            let what = "only one proposer is heard: nobody takes over when it ends".into();
            self.note(
                "no-standby",
                what,
                format!("start another one, on another host: `paxos proposer 2 {conf}`"),
            );
        }
        if self.cluster.live(Role::Learner, self.now).next().is_none() {
            let what = "no learner is heard: nobody prints what is decided".into();
            self.note(
                "no-learner",
                what,
                format!("start one where values are wanted: `paxos learner 1 {conf}`"),
            );
        }
    }

    fn strangers(&mut self) {
        for stranger in self.cluster.strangers() {
            let (from, packets) = (stranger.from, counted(stranger.packets, "packet", "packets"));
            match stranger.why {
                Strange::Configuration { sender, cluster } => {
                    let what = format!(
                        "{sender} at {from} has another configuration (cluster {cluster:08x}, here {:08x}): its groups, acceptors or mtu \
                         differ",
                        self.cluster.id
                    );
                    let todo = format!(
                        "compare its file with {}: `paxos check CONF` prints both as understood; start it anew with the same one. Two \
                         clusters need different groups",
                        self.conf()
                    );
                    self.problem("other-configuration", what, todo);
                }
                Strange::Version(version) => {
                    let what = format!(
                        "{from} speaks version {version} of the packet format, here is {VERSION}: {packets}"
                    );
                    let todo = "run the same release on all hosts: versions of the packet format do not understand each other";
                    self.problem("other-version", what, todo);
                }
                Strange::Unreadable(refusal) => {
                    let what = format!("{packets} from {from} cannot be read: {refusal}");
                    self.note(
                        "unreadable",
                        what,
                        "another program sends to the proposers' group: give one of them another group",
                    );
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;
