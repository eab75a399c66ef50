//! Three multicast hops from process to process, as a value takes them: to the leader, from it to everybody,
//! from the acceptors to the learners.
//!
//! The processes sleep in poll(2) and pass packets on, nothing else. As in a cluster everybody listens where
//! its role does, so as many processes are woken.

use crate::bench::child::Process;
use crate::bench::latency::Latency;
use crate::bench::setting::Setting;
use crate::bench::temporary::Temporary;
use crate::bench::{cluster, interrupt, pace};
use crate::conf::BUFFER_DEFAULT;
use crate::engine::clock;
use crate::engine::sockets::{self, Via, Which};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::ffi::{OsStr, OsString};
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddrV4, UdpSocket};
use std::process::Stdio;
use std::time::{Duration, Instant};

/// Bytes of a packet: a small value.
const PACKET: usize = 100;
/// How long a round may take.
const PATIENCE: Duration = Duration::from_secs(2);

fn opened(groups: &[SocketAddrV4], via: &Via) -> Result<Vec<UdpSocket>, String> {
    let open = |group: &SocketAddrV4| sockets::group(*group, via, BUFFER_DEFAULT);
    groups.iter().map(open).collect::<Result<_, _>>().map_err(|error| error.to_string())
}

fn own(via: &Via) -> Result<UdpSocket, String> {
    sockets::unicast(via, 1, BUFFER_DEFAULT).map_err(|error| error.to_string())
}

/// Sleeps until one of them can be read; false when none can in time.
fn wait(listeners: &[UdpSocket], time: Option<Duration>) -> Result<bool, String> {
    let mut waits: Vec<_> = listeners.iter().map(|listener| PollFd::new(listener, PollFlags::IN)).collect();
    let timeout =
        time.map(|time| Timespec { tv_sec: time.as_secs() as i64, tv_nsec: time.subsec_nanos().into() });
    match poll(&mut waits, timeout.as_ref()) {
        Ok(ready) => Ok(ready > 0),
        Err(rustix::io::Errno::INTR) => Ok(true),
        Err(error) => Err(format!("cannot wait for packets: {error}")),
    }
}

/// One packet, if there is one.
fn receive<'a>(listener: &UdpSocket, buffer: &'a mut [u8]) -> Result<Option<&'a [u8]>, String> {
    match listener.recv(buffer) {
        Ok(length) => Ok(Some(&buffer[..length])),
        Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => Ok(None),
        Err(error) => Err(format!("cannot receive: {error}")),
    }
}

/// One process of the chain: passes on to `send`, if that is set, what comes to the first group; takes note of
/// what comes to the others. Says on stdout that it listens, and goes on until it is ended.
///
/// # Errors
/// A sentence about what the system did not grant.
pub fn hop(listen: &[SocketAddrV4], send: Option<SocketAddrV4>) -> Result<(), String> {
    let via = sockets::via(&Which::Loopback).map_err(|error| error.to_string())?;
    let (listeners, own) = (opened(listen, &via)?, own(&via)?);
    writeln!(std::io::stdout(), "listening").map_err(|error| format!("stdout: {error}"))?;
    let mut buffer = [0; 2048];
    loop {
        wait(&listeners, None)?;
        for (at, listener) in listeners.iter().enumerate() {
            while let Some(packet) = receive(listener, &mut buffer)? {
                if let (0, Some(group)) = (at, send) {
                    own.send_to(packet, group).map_err(|error| format!("cannot send: {error}"))?;
                }
            }
        }
    }
}

/// Latency of rounds. A round is over when a majority's packets are here.
pub struct Rounds {
    /// The next one began when all packets of the one before were here: nobody slept for long.
    pub back_to_back: Latency,
    /// They began at the rate of the setting, or 1,000 a second: what it costs that everybody sleeps first.
    pub paced: Latency,
}

/// Rounds a second when the setting has no rate.
const RATE: u64 = 1000;

/// Makes rounds for so long in each of the two ways.
///
/// # Errors
/// A sentence about what the system did not grant, or did not deliver.
pub fn measure(setting: &Setting, time: Duration) -> Result<Rounds, String> {
    let via = sockets::via(&Which::Loopback).map_err(|error| error.to_string())?;
    let [proposers, acceptors, learners] = cluster::free_groups()?;
    let listeners = opened(&[learners, acceptors], &via)?;
    let own = own(&via)?;
    let directory = Temporary::below(&std::env::temp_dir())?;
    let all = [proposers, acceptors, learners];
    let mut chain: Vec<(&[SocketAddrV4], Option<SocketAddrV4>)> = vec![(&all, Some(acceptors))];
    chain.extend((1..setting.proposers).map(|_| (&all[..], None)));
    chain.extend((0..setting.acceptors).map(|_| (&all[1..2], Some(learners))));
    chain.extend((1..setting.learners).map(|_| (&all[1..], None)));
    let mut processes = Vec::new();
    for (number, (listen, send)) in chain.iter().enumerate() {
        let mut words: Vec<OsString> = vec!["bench".into(), "hop".into()];
        words.extend(listen.iter().map(|group| group.to_string().into()));
        words.extend(send.iter().flat_map(|group| ["--send".into(), group.to_string().into()]));
        let words: Vec<&OsStr> = words.iter().map(OsString::as_os_str).collect();
        let log = directory.path().join(format!("hop-{number}.log"));
        processes.push(Process::start(&words, (Stdio::null(), Stdio::piped()), log, None)?);
    }
    for process in &mut processes {
        let mut word = [0; 9];
        let pipe = process.take_stdout();
        if pipe.is_none_or(|mut pipe| pipe.read_exact(&mut word).is_err()) {
            process.check_runs()?;
            return Err("a process of the raw measurement does not listen".into());
        }
    }
    let pause = Duration::from_nanos(1_000_000_000 / setting.rate.unwrap_or(RATE));
    let at = |pause| rounds(setting, (time, pause), (&own, proposers), &listeners);
    Ok(Rounds { back_to_back: at(Duration::ZERO)?, paced: at(pause)? })
}

fn rounds(
    setting: &Setting,
    (time, pause): (Duration, Duration),
    (own, to): (&UdpSocket, SocketAddrV4),
    listeners: &[UdpSocket],
) -> Result<Latency, String> {
    let (all, majority) = (setting.acceptors, setting.acceptors / 2 + 1);
    let (begin, mut latency, mut buffer) = (Instant::now(), Latency::new(), [0; 2048]);
    for number in 0_u64.. {
        let due = begin + pause.saturating_mul(u32::try_from(number).unwrap_or(u32::MAX));
        pace::wait(due.saturating_duration_since(Instant::now()));
        if begin.elapsed() >= time {
            break;
        }
        let mut packet = [0; PACKET];
        packet[..8].copy_from_slice(&number.to_ne_bytes());
        let sent = Instant::now();
        own.send_to(&packet, to).map_err(|error| format!("cannot send: {error}"))?;
        let mut votes = 0;
        while votes < all {
            interrupt::check()?;
            if !wait(listeners, Some(PATIENCE))? {
                return Err(format!(
                    "raw three hops: a packet did not come within {} s; does a firewall drop multicast on the \
                     loopback interface?",
                    PATIENCE.as_secs()
                ));
            }
            for (at, listener) in listeners.iter().enumerate() {
                while let Some(packet) = receive(listener, &mut buffer)? {
                    if at == 0 && packet.starts_with(&number.to_ne_bytes()) {
                        votes += 1;
                        if votes == majority {
                            latency.record(clock::nanos(sent.elapsed()), 1);
                        }
                    }
                }
            }
        }
    }
    Ok(latency)
}
