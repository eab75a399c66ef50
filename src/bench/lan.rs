//! A LAN in network namespaces: hosts on a switch, every link shaped to one rate both ways.
//!
//! ```text
//! leader ══ eth0 ─► port1 ┐                     each ─► is a token bucket:
//! client ══ eth0 ─► port2 ┼ bridge              hosts send, and the switch
//! others ══ eth0 ─► port… ┘   (and ◄─ back)     sends to each of them, no faster
//! ```
//!
//! The bench itself is in the switch's namespace, where no host's packet is delivered. Nothing has a name on the
//! host, so all of it ends with the bench and its processes, however they end.

use super::namespace::{self, Namespace};
use super::setting::Setting;
use wire::Role;

/// What every host calls its interface.
pub const INTERFACE: &str = "eth0";
/// Who complains when something of it cannot be had.
const WHY: &str = "bench link";
const ADVICE: &str = "install iproute2, and a kernel with veth, bridge and sch_tbf";

/// What a port may send at once after a pause, bytes: two runs of packets (UDP_SEGMENT), 64 KiB each and a header
/// for each packet. A run then passes whole, and a timer that is late costs nothing. 1.2 ms at 1 Gbit/s.
const BURST: u32 = 150_000;
/// What may wait at a port, bytes, as in a switch with little memory; the rest is dropped.
pub const QUEUE: u32 = 512 << 10;

/// The links of a LAN.
#[derive(Clone, Copy, Debug)]
pub struct Link {
    /// In each direction, Ethernet headers counted.
    pub mbit_per_s: u32,
    /// Largest IP packet, bytes.
    pub mtu: u16,
}

/// Hosts for the processes of a cluster, one for each.
#[derive(Debug)]
pub struct Lan {
    pub link: Link,
    hosts: Vec<Host>,
}

#[derive(Debug)]
struct Host {
    role: Role,
    id: u16,
    network: Namespace,
}

/// What the ports of a LAN have done so far, those of its hosts and those of its switch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Queues {
    /// Packets, or runs of them, that found no room.
    pub drops: u64,
}

impl Lan {
    /// Makes hosts for the processes of such a cluster, in a network of our own. See [`namespace::leave`].
    ///
    /// # Errors
    /// A sentence about what is missing or not permitted.
    pub fn build(setting: &Setting, link: Link) -> Result<Lan, String> {
        namespace::leave(WHY)?;
        ip(&format!("link add switch mtu {} type bridge mcast_snooping 0", link.mtu))?;
        ip("link set switch up")?;
        let mut lan = Lan { link, hosts: Vec::new() };
        for (role, id) in setting.members() {
            let made = Namespace::new();
            let network = made.map_err(|error| format!("{WHY}: cannot make a network namespace: {error}"))?;
            let host = Host { role, id, network };
            host.connect(lan.hosts.len() + 1, link)?;
            lan.hosts.push(host);
        }
        Ok(lan)
    }

    /// The network of a process's host.
    ///
    /// # Panics
    /// When the LAN was not made for such a process.
    pub fn host(&self, role: Role, id: u16) -> &Namespace {
        let host = self.hosts.iter().find(|host| (host.role, host.id) == (role, id));
        &host.expect("a host is made for every process").network
    }

    /// The networks of those that get what the first proposer multicasts.
    pub fn receivers(&self) -> impl Iterator<Item = &Namespace> {
        let gets = |host: &&Host| host.role != Role::Client && (host.role, host.id) != (Role::Proposer, 1);
        self.hosts.iter().filter(gets).map(|host| &host.network)
    }

    /// # Errors
    /// A sentence when they cannot be asked.
    pub fn queues(&self) -> Result<Queues, String> {
        let mut queues = Queues::default();
        let ask = || tc("-s -j qdisc show");
        queues.add(&ask()?);
        for host in &self.hosts {
            queues.add(&host.network.visit(ask)??);
        }
        Ok(queues)
    }
}

impl Host {
    /// Plugs the host, which has this number from 1 on, into the switch.
    fn connect(&self, number: usize, link: Link) -> Result<(), String> {
        let Link { mbit_per_s, mtu } = link;
        let there = self.network.path();
        let shaped = format!("root tbf rate {mbit_per_s}mbit burst {BURST} limit {QUEUE}");
        ip(&format!(
            "link add port{number} mtu {mtu} type veth peer name {INTERFACE} mtu {mtu} netns {there}"
        ))?;
        ip(&format!("link set port{number} master switch up"))?;
        tc(&format!("qdisc add dev port{number} {shaped}"))?;
        self.network.visit(|| {
            let [_, _, high, low] = (number as u32).to_be_bytes();
            ip(&format!("address add 10.77.{high}.{low}/16 dev {INTERFACE}"))?;
            ip(&format!("link set {INTERFACE} up"))?;
            tc(&format!("qdisc add dev {INTERFACE} {shaped}")).map(drop)
        })?
    }
}

impl Queues {
    /// Adds what `tc -s -j` tells of some ports.
    fn add(&mut self, told: &str) {
        let after = told.split("\"drops\":").skip(1);
        let number = |text: &str| text.split([',', '}']).next()?.trim().parse::<u64>().ok();
        self.drops += after.filter_map(number).sum::<u64>();
    }
}

fn ip(words: &str) -> Result<(), String> {
    namespace::command(WHY, "ip", words, ADVICE).map(drop)
}

fn tc(words: &str) -> Result<String, String> {
    namespace::command(WHY, "tc", words, ADVICE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_drops_of_all_ports_are_added() {
        let mut queues = Queues::default();
        queues.add(r#"[{"kind":"noqueue","drops":0},{"kind":"tbf","bytes":9,"drops":7,"overlimits":0}]"#);
        queues.add(r#"[{"kind":"tbf","drops":5}]"#);
        assert_eq!(queues, Queues { drops: 12 });
    }
}
