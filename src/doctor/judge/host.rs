//! What is wrong with this host.

use super::{Findings, Name, list};
use crate::conf::{BUFFER_DEFAULT, Interface};
use crate::doctor::facts::{Buffer, Facts, Querier};
use crate::doctor::survey::Survey;
use crate::engine::batch::Mode;
use std::net::Ipv4Addr;

pub(super) fn judge(facts: &Facts, survey: &Survey, to: &mut Findings) {
    interface(facts, survey, to);
    buffers(facts, to);
    speed(facts, to);
    reverse_path(facts, to);
    unsent(facts, to);
    clock(facts, to);
}

fn interface(facts: &Facts, survey: &Survey, to: &mut Findings) {
    let link = &facts.link;
    if facts.conf.interface == Interface::Loopback {
        let choices: Vec<String> =
            link.choices.iter().map(|(name, address)| format!("`interface {name}` ({address})")).collect();
        let mend = if choices.is_empty() {
            "no interface of this host does multicast; bring one up, and name it in the configuration".into()
        } else {
            format!("for several hosts write one of these in the configuration: {}", choices.join(", "))
        };
        let what = format!(
            "nothing leaves this host: the configuration names no `interface`, so {} is used",
            link.name
        );
        if facts.expected.is_some_and(|expected| expected > 1) {
            to.problem(Name::LoopbackOnly, what, mend);
        } else {
            to.caution(Name::LoopbackOnly, what, mend);
        }
        return;
    }
    if !link.more.is_empty() && !matches!(facts.conf.interface, Interface::Address(_)) {
        to.caution(
            Name::SeveralAddresses,
            format!(
                "{} has several IPv4 addresses; packets carry {}, the first, and not {}",
                link.name,
                link.address,
                list(&link.more)
            ),
            format!("if another one is meant, write it: `interface {}`", link.more[0]),
        );
    }
    let mtu = facts.conf.mtu;
    if let Some(link_mtu) = link.mtu
        && link_mtu < u32::from(mtu)
    {
        to.problem(
            Name::LinkMtuSmall,
            format!(
                "`mtu` is {mtu}, and {} takes packets of {link_mtu} bytes: longer ones are sent in fragments, each of \
                 which can be lost, and none in runs",
                link.name
            ),
            format!(
                "write `mtu {}` in the configuration of every process, or let all hosts and switches take more: \
                 `ip link set {} mtu {mtu}`",
                link_mtu.max(1280),
                link.name
            ),
        );
    }
    let far = survey.hosts.iter().skip(1).filter(|host| !link.is_near(host.address));
    let far: Vec<Ipv4Addr> = far.map(|host| host.address).collect();
    if !far.is_empty() {
        let ttl = facts.conf.ttl;
        to.caution(
            Name::OtherNetwork,
            format!(
                "{} is not in the network of {}, {}/{}; `ttl` is {ttl}, which {}",
                list(&far),
                link.name,
                link.address,
                link.prefix(),
                if ttl == 1 { "no router lets pass" } else { "routers must be told to let pass" }
            ),
            "give all hosts addresses of one network; or, if routers are meant to be between, let these route \
             multicast (PIM), and write a `ttl` of one more than there are routers",
        );
    }
}

fn buffers(facts: &Facts, to: &mut Findings) {
    for (name, Buffer { asked, got, sysctl, .. }) in [("receive", facts.receive), ("send", facts.send)] {
        if got >= asked {
            continue;
        }
        let what = format!("the {name} buffers were to have {asked} bytes (`buffer`), the kernel gave {got}");
        let mend = format!(
            "as root: `sysctl -w {sysctl}={asked}`; to keep it: `echo {sysctl}={asked} > /etc/sysctl.d/60-paxos-{}.conf`",
            name
        );
        // What was not asked for in so many words is a wish.
        if asked == BUFFER_DEFAULT {
            to.caution(Name::BufferSmall, what, mend);
        } else {
            to.problem(Name::BufferSmall, what, mend);
        }
    }
    if facts.drops > 0 {
        to.problem(
            Name::ReceiveDrops,
            format!(
                "the receive buffers of this doctor dropped {} packets: this host was too busy to read them in time, or \
                 the buffers are too small",
                facts.drops
            ),
            format!(
                "look for what keeps its processors busy; allow larger buffers: `sysctl -w {}={}`",
                facts.receive.sysctl,
                facts.receive.asked.max(BUFFER_DEFAULT)
            ),
        );
    }
}

fn speed(facts: &Facts, to: &mut Findings) {
    if facts.sending != Mode::Gso {
        to.caution(
            Name::SegmentationOff,
            "packets leave one by one: the kernel takes no runs of them here (UDP_SEGMENT), which costs several times \
             the processor time",
            format!(
                "use Linux 4.18 or later, an `mtu` that {} can take, and let it count checksums: `ethtool -K {} tx on`",
                facts.link.name, facts.link.name
            ),
        );
    }
    if !facts.gro {
        to.caution(
            Name::CoalescingOff,
            "packets are read one by one: the kernel does not put runs together (UDP_GRO)",
            "use Linux 5.0 or later",
        );
    }
}

/// After the network was judged: it may have shown what here is only feared.
pub(super) fn snooping(facts: &Facts, survey: &Survey, to: &mut Findings) {
    if matches!(facts.querier, Querier::Heard(_) | Querier::NotNeeded) {
        return;
    }
    if let Some(bridge) = facts.bridge.as_ref().filter(|bridge| bridge.snooping && !bridge.querier) {
        let name = &bridge.name;
        to.problem(
            Name::SnoopingWithoutQuerier,
            format!(
                "bridge {name} snoops on IGMP (multicast_snooping 1) and is no querier (multicast_querier 0), and nobody else is \
                 one: nobody renews memberships, and a bridge or switch that has known a querier cuts multicast off when they \
                 run out, some minutes later"
            ),
            format!(
                "make it one: `ip link set {name} type bridge mcast_querier 1`; or stop the snooping: \
                 `ip link set {name} type bridge mcast_snooping 0`"
            ),
        );
    } else if facts.querier == Querier::Silent
        && survey.hosts.len() > 1
        && !to.has(Name::SnoopingWithoutQuerier)
    {
        to.caution(
            Name::NoQuerier,
            "nobody on this network asks who listens to which group (no IGMP querier answered): a switch that snoops on \
             IGMP will cut multicast off after some minutes, though it works now",
            "if a switch between the hosts snoops, turn on its querier (\"IGMP snooping querier\"), or its snooping off; \
             without snooping there is nothing to do",
        );
    }
}

fn reverse_path(facts: &Facts, to: &mut Findings) {
    let Some(drops) = facts.reverse_path_drops.filter(|drops| *drops > 0) else { return };
    let name = &facts.link.name;
    let strict = facts.reverse_path.unwrap_or(0);
    if strict == 0 {
        return; // some other interface's
    }
    to.problem(
        Name::ReversePath,
        format!(
            "this host dropped {drops} packets because it would not answer their sender by the interface they came in by \
             (rp_filter {strict})"
        ),
        format!(
            "give {name} a route to the senders (`ip route`), or loosen the check: `sysctl -w \
             net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.{name}.rp_filter=0`"
        ),
    );
}

fn unsent(facts: &Facts, to: &mut Findings) {
    for unsent in &facts.unsent {
        let name = &facts.link.name;
        let mend = match unsent.code {
            Some(libc::EPERM) => {
                "a rule of this host's firewall refuses it: look at `nft list ruleset` and `iptables -S OUTPUT`".into()
            }
            Some(libc::ENETUNREACH | libc::EHOSTUNREACH) => format!(
                "there is no route: give {name} an address with the prefix of its network (`ip address`), or add a route \
                 (`ip route add {} dev {name}`)",
                unsent.to.ip()
            ),
            Some(libc::EMSGSIZE) => format!("lower `mtu`, or raise that of the interface: `ip link set {name} mtu …`"),
            Some(libc::ENETDOWN | libc::ENODEV | libc::EADDRNOTAVAIL) => {
                format!("bring the interface up and leave it so: `ip link set {name} up`")
            }
            _ => format!("look after {name} and its driver: `ip -s link show {name}`"),
        };
        let what = format!("{} packets to {} could not be sent: {}", unsent.packets, unsent.to, unsent.error);
        to.problem(Name::CannotSend, what, mend);
    }
}

fn clock(facts: &Facts, to: &mut Findings) {
    for step in &facts.steps {
        let direction = if *step < 0 { "back" } else { "forward" };
        to.problem(
            Name::ClockStep,
            format!(
                "the clock of this host was set {direction} by {:.3} s during the course; a process that starts after a step \
                 back looks older than what ran before: a client's values are refused, and of two processes with one id the \
                 wrong one ends",
                step.unsigned_abs() as f64 / 1e9
            ),
            "let one service alone set the clock, slowly (chrony with `makestep` for the start only), and no virtual \
             machine's host beside it",
        );
    }
}
