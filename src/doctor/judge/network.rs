//! What is wrong between the hosts.

use super::{Findings, Name, list};
use crate::doctor::facts::{Facts, Querier};
use crate::doctor::plan;
use crate::doctor::survey::{Pair, Survey};
use wire::Role;

/// Rounds below which nothing is said of a pair: 0.2 s.
const ROUNDS_MIN: u32 = 40;
/// Rounds after which whoever is there has been heard, 1 s.
const SETTLED: u32 = 200;
/// Rounds in a row without anything by any group that are no loss: 0.5 s. Of 100 rounds, 400 packets, no loss at random
/// takes all.
const STOPPED: u32 = 100;
/// The same where it has stopped elsewhere: 0.1 s.
const STOPPING: u32 = 20;
/// Loss that is a problem, and loss that is worth a word; parts of what was sent.
const LOSS: f64 = 0.01;
const LOSS_SMALL: f64 = 0.001;
/// Rounds after which each length was tried often enough, 4 times.
const SIZES_TRIED: u32 = 220;

pub(super) fn judge(facts: &Facts, survey: &Survey, to: &mut Findings) {
    presence(facts, survey, to);
    let mut network = Network { facts, survey, told: Vec::new() };
    network.deaf(to);
    network.stopped(to);
    network.blocked(to);
    network.own(to);
    network.loss(to);
    network.bursts(to);
    network.lengths(to);
    network.direct(to);
    network.duplicates(to);
}

fn presence(facts: &Facts, survey: &Survey, to: &mut Findings) {
    let heard = survey.hosts.iter().filter(|host| host.at.is_some()).count();
    match facts.expected {
        Some(expected) if heard < expected => to.problem(
            Name::HostsMissing,
            format!("{heard} of {expected} hosts run the doctor and are heard here"),
            format!(
                "start it on the others at the same time; where it runs, look at what it says there: they are on another \
                 network than {}, their firewall drops UDP, or their ports differ",
                facts.link.name
            ),
        ),
        None if heard == 1 && !facts.link.loopback => to.caution(
            Name::Alone,
            "no other host was heard: only this one was looked at",
            "run `paxos doctor` on the other hosts at the same time; `--hosts N` waits until N of them are there",
        ),
        _ => {}
    }
    for host in survey.hosts.iter().filter(|host| host.at.is_none()) {
        to.problem(
            Name::Unheard,
            format!("others hear the doctor of {}, of which nothing at all comes here, no broadcast either", host.label),
            "compare addresses and networks of both hosts (`ip address`), and look for VLANs, or client isolation, of the \
             switch or wireless network between them",
        );
    }
    for (to_host, host) in survey.hosts.iter().enumerate() {
        // Whoever has just begun may hear the others yet.
        if host.tally.is_none_or(|tally| tally.rounds.get() < SETTLED) && to_host > 0 {
            continue;
        }
        let unheard: Vec<&str> = (0..survey.hosts.len())
            .filter(|from| lacks(survey, *from, to_host))
            .map(|from| survey.label(from))
            .collect();
        if !unheard.is_empty() {
            to.problem(
                Name::Unheard,
                format!(
                    "{} hears nothing at all of {}: by no group, not directly, by no broadcast",
                    host.label,
                    list(&unheard)
                ),
                format!(
                    "look at {} for a firewall, for `rp_filter` and for a missing route to the others (run the doctor there, and read \
                     what it says of its own host)",
                    host.label
                ),
            );
        }
    }
}

/// Whether a host that we hear has no word of another one that we hear well.
fn lacks(survey: &Survey, from: usize, to: usize) -> bool {
    let has = |from: usize, to: usize, rounds: u32| {
        survey
            .pairs
            .iter()
            .any(|pair| (pair.from, pair.to) == (from, to) && pair.heard.rounds.get() >= rounds)
    };
    to > 0 && from != to && has(from, 0, SETTLED) && !has(from, to, 0)
}

struct Network<'a> {
    facts: &'a Facts,
    survey: &'a Survey,
    /// Pairs of which enough was said: from, to.
    told: Vec<(usize, usize)>,
}

/// Whether nothing came by a group.
fn dead(pair: &Pair, group: usize) -> bool {
    pair.heard.groups()[group] == 0
}

fn all_dead(pair: &Pair) -> bool {
    (0..4).all(|group| dead(pair, group))
}

/// The part that is missing of those.
fn missing(came: u32, of: u32) -> f64 {
    if of == 0 { 0.0 } else { 1.0 - f64::from(came.min(of)) / f64::from(of) }
}

/// The part that is missing in all groups by which anything came.
fn lost(pair: &Pair) -> f64 {
    let alive: Vec<u32> = pair.heard.groups().into_iter().filter(|came| *came > 0).collect();
    missing(alive.iter().sum(), pair.heard.rounds.get() * alive.len() as u32)
}

fn percent(part: f64) -> String {
    format!("{:.1} %", part * 100.0)
}

impl Network<'_> {
    /// Pairs that can be judged: same configuration, enough rounds.
    fn pairs(&self) -> impl Iterator<Item = &Pair> {
        let cluster = self.survey.hosts[0].cluster;
        let same = move |host: usize| self.survey.hosts[host].cluster == cluster;
        self.survey
            .pairs
            .iter()
            .filter(move |pair| same(pair.from) && same(pair.to) && pair.heard.rounds.get() >= ROUNDS_MIN)
    }

    /// What a host heard of the others.
    fn of_others(&self, to: usize) -> Vec<&Pair> {
        self.pairs().filter(|pair| pair.to == to && pair.from != to).collect()
    }

    fn pair(&self, from: usize, to: usize) -> Option<&Pair> {
        self.pairs().find(|pair| (pair.from, pair.to) == (from, to))
    }

    /// Pairs of different hosts of which nothing was said yet.
    fn untold(&self) -> Vec<Pair> {
        self.pairs()
            .filter(|pair| pair.from != pair.to && !self.told.contains(&(pair.from, pair.to)))
            .copied()
            .collect()
    }

    fn hosts(&self) -> std::ops::Range<usize> {
        0..self.survey.hosts.len()
    }

    fn labels(&self, hosts: &[usize]) -> String {
        let mut labels: Vec<&str> = hosts.iter().map(|host| self.survey.label(*host)).collect();
        labels.sort_unstable();
        list(&labels)
    }

    fn group(&self, group: usize) -> String {
        let conf = &self.facts.conf;
        let address = [conf.clients, conf.proposers, conf.acceptors, conf.learners][group];
        format!("{}s ({address})", Role::GROUPS[group])
    }

    fn groups(&self, groups: &[usize]) -> String {
        list(&groups.iter().map(|group| self.group(*group)).collect::<Vec<_>>())
    }

    /// Hosts that hear nobody by any group.
    fn deaf(&mut self, to: &mut Findings) {
        let mut unreached = Vec::new();
        for host in self.hosts() {
            let pairs = self.of_others(host);
            if pairs.is_empty() || !pairs.iter().all(|pair| all_dead(pair)) {
                continue;
            }
            let told: Vec<_> = pairs.iter().map(|pair| (pair.from, pair.to)).collect();
            let own = self.pair(host, host).is_some_and(all_dead);
            self.told.extend(told);
            if own {
                to.problem(
                    Name::Deaf,
                    format!("{} hears no multicast at all, not even its own", self.survey.label(host)),
                    "its own firewall drops it: look at `nft list ruleset` and `iptables -S INPUT` there, and let UDP to the four \
                     groups in",
                );
            } else {
                unreached.push(host);
            }
        }
        if !unreached.is_empty() {
            to.problem(
                Name::NoMulticast,
                format!(
                    "{} no multicast of any other host, by no group, though what is sent to the host or to all hosts of the network \
                     arrives",
                    if unreached.len() == 1 {
                        format!("{} hears", self.labels(&unreached))
                    } else {
                        format!("{} hear", self.labels(&unreached))
                    }
                ),
                "the network between filters multicast: a switch that snoops on IGMP without a querier, a wireless network or a \
                 cloud that carries none, or a firewall; turn on the querier of the switch, or its snooping off",
            );
        }
    }

    /// Multicast that came at first, and then no more, or only after a time.
    fn stopped(&mut self, to: &mut Findings) {
        let alive: Vec<Pair> = self.untold().into_iter().filter(|pair| !all_dead(pair)).collect();
        let silent_for = |rounds: u32| move |pair: &Pair| pair.heard.silent.get() >= rounds;
        // Where it has stopped at some host, a shorter silence at another one is no loss either.
        let least = if alive.iter().any(silent_for(STOPPED)) { STOPPING } else { STOPPED };
        let stopped: Vec<Pair> = alive.into_iter().filter(silent_for(least)).collect();
        let mut hosts: Vec<usize> = stopped.iter().map(|pair| pair.to).collect();
        hosts.dedup();
        let Some(longest) = stopped.iter().map(|pair| pair.heard.silent.get()).max() else { return };
        self.told.extend(stopped.iter().map(|pair| (pair.from, pair.to)));
        let seconds = f64::from(longest) * plan::ROUND as f64 / 1e9;
        let what = format!(
            "for {seconds:.1} s in a row no multicast of others reached {}, by no group, though it did at other times, and direct packets \
             or broadcasts of the same hosts came meanwhile",
            self.labels(&hosts)
        );
        let mend = "turn on the querier of the switch (\"IGMP snooping querier\"), or its snooping off; of a Linux bridge: \
                    `ip link set BRIDGE type bridge mcast_querier 1`, or `mcast_snooping 0`";
        if self.facts.querier == Querier::Silent {
            let what = format!(
                "{what}; and nobody asks for members (no IGMP querier answered): a switch snoops on IGMP without a querier"
            );
            to.problem(Name::SnoopingWithoutQuerier, what, mend);
        } else {
            let what =
                format!("{what}: as where a switch snoops on IGMP and nobody asks for members (no querier)");
            let mend =
                format!("{mend}; a firewall or a membership that was changed meanwhile looks the same");
            to.problem(Name::Stopped, what, mend);
        }
    }

    /// Single groups that do not pass.
    fn blocked(&mut self, to: &mut Findings) {
        let mut senders: Vec<(usize, Vec<usize>)> = Vec::new();
        for host in self.hosts() {
            let pairs: Vec<Pair> = self.untold().into_iter().filter(|pair| pair.to == host).collect();
            let of_all: Vec<usize> = (0..4)
                .filter(|group| !pairs.is_empty() && pairs.iter().all(|pair| dead(pair, *group)))
                .filter(|group| pairs.len() > 1 || !self.is_mute(pairs[0].from, *group))
                .collect();
            if !of_all.is_empty() {
                self.receiver_blocked(host, &of_all, to);
            }
            for pair in &pairs {
                let groups: Vec<usize> =
                    (0..4).filter(|group| dead(pair, *group) && !of_all.contains(group)).collect();
                let (mute, single): (Vec<usize>, Vec<usize>) =
                    groups.into_iter().partition(|group| self.is_mute(pair.from, *group));
                if !mute.is_empty() && !senders.iter().any(|(from, _)| *from == pair.from) {
                    senders.push((pair.from, mute));
                }
                if !single.is_empty() {
                    to.problem(
                        Name::GroupBlocked,
                        format!(
                            "{} hears nothing of what {} sends to {}; other packets arrive",
                            self.survey.label(pair.to),
                            self.survey.label(pair.from),
                            self.groups(&single)
                        ),
                        "look for a rule about these two hosts in the firewalls of both, and in switches between them",
                    );
                }
            }
        }
        for (from, groups) in senders {
            to.problem(
                Name::SenderBlocked,
                format!("nobody hears what {} sends to {}", self.survey.label(from), self.groups(&groups)),
                "look for a rule of its own firewall about what leaves: `nft list ruleset`, `iptables -S OUTPUT`",
            );
        }
    }

    fn receiver_blocked(&self, host: usize, groups: &[usize], to: &mut Findings) {
        let label = self.survey.label(host);
        let own = self.pair(host, host).is_some_and(|pair| groups.iter().all(|group| dead(pair, *group)));
        let (whose, mend) = if own {
            (
                ", not even of its own packets",
                "its own firewall drops them: look at `nft list ruleset` and `iptables -S INPUT` there",
            )
        } else {
            ("", "a filter on the way to it: its own firewall, or a switch that does not know it as a member")
        };
        to.problem(
            Name::GroupBlocked,
            format!(
                "{label} hears nothing by the group of the {}{whose}; other groups arrive",
                self.groups(groups)
            ),
            format!("{mend}; let UDP to this group and port in"),
        );
    }

    /// Whether nobody hears what a host sends to a group, neither two others nor itself.
    fn is_mute(&self, from: usize, group: usize) -> bool {
        let mut pairs = self.pairs().filter(|pair| pair.from == from && pair.to != from).peekable();
        let own = self.pair(from, from).is_some_and(|pair| dead(pair, group));
        let several = self.pairs().filter(|pair| pair.from == from && pair.to != from).count() > 1;
        pairs.peek().is_some() && pairs.all(|pair| dead(pair, group)) && (own || several)
    }

    /// What should come back of one's own, and does not, where that is all that is wrong.
    fn own(&self, to: &mut Findings) {
        for host in self.hosts() {
            let Some(pair) = self.pair(host, host) else { continue };
            let others = self.of_others(host);
            let groups: Vec<usize> = (0..4)
                .filter(|group| dead(pair, *group) && !others.iter().any(|other| dead(other, *group)))
                .filter(|group| others.is_empty() || !self.is_mute(host, *group))
                .collect();
            if !groups.is_empty() {
                to.problem(
                    Name::OwnUnheard,
                    format!(
                        "{} does not hear what it sends itself to {}: processes on it would not hear each other",
                        self.survey.label(host),
                        self.groups(&groups)
                    ),
                    "its own firewall drops them: look at `nft list ruleset`, `iptables -S INPUT` and `iptables -S OUTPUT` there",
                );
            }
        }
    }

    /// Parts of what was sent that did not arrive.
    fn loss(&self, to: &mut Findings) {
        let pairs: Vec<Pair> = self
            .pairs()
            .filter(|pair| !self.told.contains(&(pair.from, pair.to)) && !all_dead(pair))
            .copied()
            .collect();
        let lossy = |pair: &&Pair| lost(pair) >= LOSS;
        let mut told = Vec::new();
        for host in self.hosts() {
            let of_others: Vec<&Pair> =
                pairs.iter().filter(|pair| pair.to == host && pair.from != host).collect();
            if of_others.len() > 1 && of_others.iter().all(lossy) {
                told.extend(of_others.iter().map(|pair| (pair.from, pair.to)));
                let label = self.survey.label(host);
                to.problem(
                    Name::Loss,
                    format!("{label} misses {} of what all others send", each(self, &of_others, |pair| pair.from)),
                    format!(
                        "look after the link, the port and the load of {label}: `ip -s link`, `ethtool -S`, cable and duplex; then \
                         for a limit of rates on the way to it"
                    ),
                );
            }
            let to_others: Vec<&Pair> =
                pairs.iter().filter(|pair| pair.from == host && pair.to != host).collect();
            if to_others.len() > 1 && to_others.iter().all(lossy) {
                let new: Vec<&Pair> =
                    to_others.into_iter().filter(|pair| !told.contains(&(pair.from, pair.to))).collect();
                if new.len() > 1 {
                    told.extend(new.iter().map(|pair| (pair.from, pair.to)));
                    let label = self.survey.label(host);
                    to.problem(
                        Name::Loss,
                        format!("of what {label} sends, others miss {}", each(self, &new, |pair| pair.to)),
                        format!("look after the link and the port of {label}: `ip -s link`, `ethtool -S`, cable and duplex"),
                    );
                }
            }
        }
        for pair in pairs.iter().filter(|pair| !told.contains(&(pair.from, pair.to))) {
            self.pair_loss(pair, to);
        }
    }

    fn pair_loss(&self, pair: &Pair, to: &mut Findings) {
        let part = lost(pair);
        let (from, at) = (self.survey.label(pair.from), self.survey.label(pair.to));
        if pair.from == pair.to {
            if part >= LOSS {
                to.problem(
                    Name::Loss,
                    format!("{at} misses {} of its own multicast, which no network has seen", percent(part)),
                    "its receive buffers are too small or it is too busy, or its firewall drops a part: `iptables -S`",
                );
            }
            return;
        }
        let back = self.pair(pair.to, pair.from).map(lost);
        let other_way = match back {
            Some(back) if back < LOSS => {
                format!(" (one way only: {from} misses {} of {at}'s)", percent(back))
            }
            _ => String::new(),
        };
        let what = format!("{at} misses {} of what {from} sends{other_way}", percent(part));
        let mend = format!(
            "look at what is between them: counters of both cards and of the switch's ports (`ethtool -S`, `ip -s link`), \
             rules that drop or limit (`iptables -S`, `tc -s qdisc`), and how busy {at} is"
        );
        if part >= LOSS {
            to.problem(Name::Loss, what, mend);
        } else if part >= LOSS_SMALL {
            to.caution(Name::Loss, what, mend);
        }
    }

    /// Bursts of which more is lost than of single packets.
    fn bursts(&self, to: &mut Findings) {
        for pair in self.untold() {
            let heard = &pair.heard;
            let part = missing(heard.burst.get(), heard.bursts.get());
            // Neither a group that is blocked nor a length that does not pass is a matter of bursts.
            let length = self.mtu_of(pair.from).min(plan::BURST_LENGTH_MAX);
            let passes = heard.longest.get() >= length && !dead(&pair, Role::Acceptor as usize - 1);
            if heard.bursts.get() < 2 * plan::BURST || !passes {
                continue;
            }
            // Where single packets are lost as well that is said, and some bursts are too few to tell more.
            if part >= LOSS && lost(&pair) < LOSS {
                to.problem(
                    Name::BurstLoss,
                    format!(
                        "{} misses {} of the bursts of {}, runs of {} packets, and {} of what comes singly",
                        self.survey.label(pair.to),
                        percent(part),
                        self.survey.label(pair.from),
                        plan::BURST,
                        percent(lost(&pair))
                    ),
                    "something between holds too little: raise the receive buffers (`sysctl -w net.core.rmem_max=4194304`) and the ring \
                     of the card (`ethtool -G`), look for limits of rates (`tc -s qdisc`), and at the buffers of the switch's ports",
                );
            }
        }
    }

    /// `mtu` of a host's configuration.
    fn mtu_of(&self, host: usize) -> u16 {
        // Only hosts of our own configuration are judged.
        self.survey.hosts[host].tally.map_or(self.facts.conf.mtu, |tally| tally.mtu.get())
    }

    /// Lengths that do not arrive.
    fn lengths(&self, to: &mut Findings) {
        let short: Vec<(Pair, u16, u16)> = self
            .untold()
            .into_iter()
            .filter(|pair| pair.heard.rounds.get() >= SIZES_TRIED)
            .filter_map(|pair| {
                let mtu = self.mtu_of(pair.from);
                let longest = pair.heard.longest.get();
                let next = plan::sizes(mtu, mtu).into_iter().find(|size| *size > longest)?;
                (longest > 0).then_some((pair, longest, next))
            })
            .filter(|(pair, ..)| !dead(pair, Role::Acceptor as usize - 1))
            .collect();
        let Some((_, least, next)) = short.iter().min_by_key(|(_, longest, _)| *longest) else { return };
        let of = |pair: &Pair| [pair.from, pair.to];
        let common =
            of(&short[0].0).into_iter().find(|host| short.iter().all(|(pair, ..)| of(pair).contains(host)));
        let between = match common {
            Some(host) if short.len() > 2 => format!("between {} and the others", self.survey.label(host)),
            _ => list(
                &short
                    .iter()
                    .map(|(pair, ..)| {
                        format!("from {} to {}", self.survey.label(pair.from), self.survey.label(pair.to))
                    })
                    .collect::<Vec<_>>(),
            ),
        };
        to.problem(
            Name::PathMtu,
            format!(
                "{between} packets of up to {least} bytes arrive and those of {next} do not; `mtu` is {}",
                self.facts.conf.mtu
            ),
            format!(
                "let every interface, bridge and switch port on the way take as much (`ip link set … mtu {}`; for jumbo frames the switch, \
                 too); or write `mtu {}` in the configuration of every process",
                self.facts.conf.mtu,
                (*least).max(1280)
            ),
        );
    }

    /// Packets to single hosts that do not arrive.
    fn direct(&self, to: &mut Findings) {
        for pair in self.pairs().filter(|pair| pair.from != pair.to) {
            let heard = &pair.heard;
            let part = missing(heard.direct.get(), heard.direct_rounds.get());
            if heard.direct_rounds.get() < ROUNDS_MIN || part < LOSS {
                continue;
            }
            // Where all is lost alike it is no matter of how it was sent.
            if heard.direct.get() > 0 && part <= 2.0 * lost(pair) {
                continue;
            }
            let (from, at) = (self.survey.label(pair.from), self.survey.label(pair.to));
            to.problem(
                Name::DirectBlocked,
                format!("{at} misses {} of what {from} sends to it alone, from a port to a port", percent(part)),
                format!(
                    "let UDP between the two hosts pass, to any port from 1024 up: votes, acknowledgements and repairs come so; look at \
                     the firewall of {at} (`nft list ruleset`, `iptables -S INPUT`) and for routes (`ip route get`)"
                ),
            );
        }
    }

    fn duplicates(&self, to: &mut Findings) {
        for pair in self.pairs() {
            let (again, rounds) = (pair.heard.again.get(), pair.heard.rounds.get());
            if f64::from(again) > f64::from(rounds) * LOSS {
                to.caution(
                    Name::Duplicates,
                    format!(
                        "{} got {again} packets of {} more than once",
                        self.survey.label(pair.to),
                        self.survey.label(pair.from)
                    ),
                    "there are two ways between them, which does no harm but costs: look for a loop, a bond, or a bridge that is in \
                     the network twice",
                );
            }
        }
    }
}

/// `29.8 % (h1) and 30.1 % (h2)`
fn each(network: &Network<'_>, pairs: &[&Pair], whose: impl Fn(&Pair) -> usize) -> String {
    let parts: Vec<String> = pairs
        .iter()
        .map(|pair| format!("{} ({})", percent(lost(pair)), network.survey.label(whose(pair))))
        .collect();
    list(&parts)
}
