//! What a process counts, and how it tells it: one flat JSON object on a line.
//!
//! The engine counts in plain integers, a few times a turn; what takes a system call is asked for once, at the
//! end.

use std::fmt;
use std::fs;
use std::io;
use std::path::Path;
use wire::{Refusal, Sender};

/// Counts since the start of the process.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    pub turns: u64,
    /// Packets read, refused ones included; one's own, which multicast brings back, are not.
    pub received: u64,
    /// Reads of a socket, each one system call (recvmmsg) where the kernel has that.
    pub receive_calls: u64,
    pub sent: u64,
    pub send_calls: u64,
    /// Packets that the kernel did not take, or for which a turn had no room.
    pub unsent: u64,
    /// Datagrams that receive buffers had no room for; a run that the kernel did not cut counts once.
    pub drops: u32,
    /// Packets refused, by reason.
    pub refused: [u64; Refusal::COUNT],
    /// Proposer: instances sent again, repairs included. Client: entries sent again. Learner: catch-up requests.
    pub repeats: u64,
    /// Packets of another log than the one followed, which are ignored. Acceptors and clients do not count them.
    pub elsewhere: u64,
    /// Packets that a trace has, and those that it lacks because its disk did not keep up.
    pub traced: u64,
    pub trace_left_out: u64,
    /// Runs of packets leave as one (UDP_SEGMENT).
    pub gso: bool,
    /// Runs of packets are read as one (UDP_GRO), on every socket.
    pub gro: bool,
}

impl Stats {
    /// Packets refused, whatever the reason.
    pub fn refusals(&self) -> u64 {
        self.refused.iter().sum()
    }

    /// Writes the counts of this process to a file, which is made or emptied first.
    ///
    /// # Errors
    /// Those of writing the file.
    pub fn write(&self, path: &Path, me: Sender) -> io::Result<()> {
        fs::write(path, format!("{}\n", Told { stats: self, me }))
    }
}

/// An object of the reasons for which packets were refused.
struct Reasons<'a>(&'a [u64; Refusal::COUNT]);

impl fmt::Display for Reasons<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("{")?;
        let counts = Refusal::NAMES.iter().zip(self.0).filter(|(_, count)| **count > 0);
        for (at, (name, count)) in counts.enumerate() {
            let comma = if at == 0 { "" } else { "," };
            write!(f, "{comma}\"{name}\":{count}")?;
        }
        f.write_str("}")
    }
}

/// The counts of a process as they are told.
struct Told<'a> {
    stats: &'a Stats,
    me: Sender,
}

impl fmt::Display for Told<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Stats {
            turns,
            received,
            receive_calls,
            sent,
            send_calls,
            unsent,
            drops,
            repeats,
            elsewhere,
            traced,
            trace_left_out,
            gso,
            gro,
            ..
        } = self.stats;
        write!(
            f,
            "{{\"role\":\"{}\",\"id\":{},\"turns\":{turns},\"packets_received\":{received},\
             \"receive_calls\":{receive_calls},\"packets_sent\":{sent},\"send_calls\":{send_calls},\
             \"packets_unsent\":{unsent},\"receive_drops\":{drops},\"packets_refused\":{},\"refused\":{},\
             \"packets_of_other_logs\":{elsewhere},\"sent_again\":{repeats},\"packets_traced\":{traced},\"trace_left_out\":{trace_left_out},\"gso\":{gso},\"gro\":{gro}}}",
            self.me.role,
            self.me.id,
            self.stats.refusals(),
            Reasons(&self.stats.refused),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use wire::Role;

    #[test]
    fn counts_are_told_in_one_line_of_json() {
        let mut stats = Stats { turns: 3, received: 20, sent: 7, drops: 1, gso: true, ..Stats::default() };
        (stats.refused[0], stats.refused[Refusal::Version(0).index()]) = (4, 5);
        let me = Sender { role: Role::Learner, id: 2, incarnation: 99 };
        assert_eq!(
            Told { stats: &stats, me }.to_string(),
            "{\"role\":\"learner\",\"id\":2,\"turns\":3,\"packets_received\":20,\"receive_calls\":0,\
             \"packets_sent\":7,\"send_calls\":0,\"packets_unsent\":0,\"receive_drops\":1,\
             \"packets_refused\":9,\"refused\":{\"short\":4,\"version\":5},\"packets_of_other_logs\":0,\"sent_again\":0,\"packets_traced\":0,\"trace_left_out\":0,\"gso\":true,\"gro\":false}"
        );
    }
}
