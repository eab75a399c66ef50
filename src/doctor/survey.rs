//! What all observers together heard: hosts, and pairs of them.

use super::course::Course;
use super::source::{Ahead, Source};
use super::strangers::{Process, Refused};
use crate::protocol::Nanos;
use std::net::{Ipv4Addr, SocketAddrV4};
use wire::{Heard, Sender, Tally};

/// A host that runs the doctor.
#[derive(Clone, Debug)]
pub struct Host {
    /// Its name, or its address where others have that name, too.
    pub label: String,
    pub sender: Sender,
    pub address: Ipv4Addr,
    /// Its socket's address; `None` of one that only others hear.
    pub at: Option<SocketAddrV4>,
    /// How it is set up, as it told; `None` while it has not.
    pub tally: Option<Tally>,
    /// Of its configuration; `None` of one that only others hear.
    pub cluster: Option<u32>,
    /// Its clock before ours.
    pub ahead: Option<Ahead>,
}

/// What one host heard of one host.
#[derive(Clone, Copy, Debug)]
pub struct Pair {
    /// Places in [`Survey::hosts`]; the same one for what comes back of one's own.
    pub from: usize,
    pub to: usize,
    pub heard: Heard,
}

/// All of it.
#[derive(Clone, Debug)]
pub struct Survey {
    /// This host first.
    pub hosts: Vec<Host>,
    pub pairs: Vec<Pair>,
    pub processes: Vec<Process>,
    /// Processes with one role and id.
    pub same_ids: Vec<(Process, Process)>,
    pub refused: Vec<Refused>,
    /// Observers and processes that there was no room for were heard.
    pub crowded: bool,
}

impl Survey {
    pub fn of(course: &Course, now: Nanos) -> Survey {
        let setup = course.setup();
        let mut hosts = vec![Host {
            label: String::new(),
            sender: setup.me,
            address: *setup.address.ip(),
            at: Some(setup.address),
            tally: Some(setup.tally),
            cluster: Some(setup.cluster),
            ahead: None,
        }];
        hosts.extend(course.others().iter().map(host));
        let reports = course.others().iter().filter_map(|other| other.told.as_ref());
        for heard in reports.flat_map(|told| &told.heard) {
            if find(&hosts, heard).is_none() {
                hosts.push(hearsay(heard));
            }
        }
        let mut survey = Survey {
            pairs: pairs(course, &hosts, now),
            hosts,
            processes: course.strangers.processes(),
            same_ids: course.strangers.same_ids(),
            refused: course.strangers.refusals().to_vec(),
            crowded: course.turned_away + course.strangers.unlisted > 0,
        };
        survey.name_hosts();
        survey
    }

    fn name_hosts(&mut self) {
        let names: Vec<String> = self
            .hosts
            .iter()
            .map(|host| host.tally.map_or(String::new(), |tally| tally.host().into()))
            .collect();
        let addresses: Vec<Ipv4Addr> = self.hosts.iter().map(|host| host.address).collect();
        for (at, host) in self.hosts.iter_mut().enumerate() {
            let once = |same: &mut dyn Iterator<Item = bool>| same.filter(|same| *same).count() == 1;
            host.label = if !names[at].is_empty() && once(&mut names.iter().map(|name| *name == names[at])) {
                names[at].clone()
            } else if once(&mut addresses.iter().map(|address| *address == host.address)) {
                host.address.to_string()
            } else {
                host.at.map_or(format!("{} {}", host.address, host.sender), |at| at.to_string())
            };
        }
    }

    pub fn label(&self, host: usize) -> &str {
        &self.hosts[host].label
    }
}

fn host(source: &Source) -> Host {
    Host {
        label: String::new(),
        sender: source.sender,
        address: *source.address.ip(),
        at: Some(source.address),
        tally: source.told.as_ref().map(|told| told.tally),
        cluster: Some(source.cluster),
        ahead: source.clock,
    }
}

/// One that others tell of.
fn hearsay(heard: &Heard) -> Host {
    let (id, incarnation) = (heard.id.get(), heard.incarnation.get());
    Host {
        label: String::new(),
        sender: Sender { role: wire::Role::Observer, id, incarnation },
        address: heard.address.into(),
        at: None,
        tally: None,
        cluster: None,
        ahead: None,
    }
}

fn find(hosts: &[Host], heard: &Heard) -> Option<usize> {
    hosts.iter().position(|host| {
        host.sender.incarnation == heard.incarnation.get() && host.sender.id == heard.id.get()
    })
}

fn pairs(course: &Course, hosts: &[Host], now: Nanos) -> Vec<Pair> {
    let own = std::iter::once(course.own()).chain(course.others()).map(|source| source.heard(now));
    let mut pairs: Vec<Pair> = own.enumerate().map(|(from, heard)| Pair { from, to: 0, heard }).collect();
    for (at, other) in course.others().iter().enumerate() {
        for heard in other.told.iter().flat_map(|told| &told.heard) {
            if let Some(from) = find(hosts, heard) {
                pairs.push(Pair { from, to: at + 1, heard: *heard });
            }
        }
    }
    pairs.sort_by_key(|pair| (pair.to, pair.from));
    pairs
}
