//! What a process has where packets are sealed: the guard, the file of its keys, and SIGHUP, which asks for them to be
//! read again.

use super::guard::Guard;
use std::io::{self, Read};
use std::net::SocketAddrV4;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use wire::sealing::Sealer;
use wire::{Keys, PACKET_MAX, Packet, Refusal, Sender};

pub struct Sealing {
    guard: Guard,
    /// The file of the keys.
    path: PathBuf,
    encrypts: bool,
    /// Becomes readable with SIGHUP.
    hangups: UnixStream,
    /// Where a packet is copied to that is about to be decrypted, for who wants to see it as it was.
    copy: Box<[u8; PACKET_MAX]>,
}

impl Sealing {
    /// Reads the keys, and catches SIGHUP, which from now on asks for them to be read again.
    ///
    /// # Errors
    /// A sentence about the file, or what the system did not grant.
    pub fn open(path: PathBuf, encrypts: bool) -> Result<(Sealing, Keys), String> {
        let keys = Keys::load(&path).map_err(|error| error.to_string())?;
        let hangups = hangups().map_err(|error| format!("cannot catch SIGHUP: {error}"))?;
        let guard = Guard::new(keys.clone());
        Ok((Sealing { guard, path, encrypts, hangups, copy: Box::new([0; PACKET_MAX]) }, keys))
    }

    /// What becomes readable with SIGHUP.
    pub fn hangups(&self) -> &UnixStream {
        &self.hangups
    }

    /// What seals the packets of this process with the first of these keys.
    pub fn sealer(&self, keys: &Keys, cluster: u32, me: Sender) -> Sealer {
        Sealer::new(keys.first(), cluster, me, self.encrypts)
    }

    /// After SIGHUP: goes over to the keys that the file has now, and says what seals from now on; `None`, and
    /// nothing has changed, when the file is wrong.
    pub fn reload(&mut self, cluster: u32, me: Sender) -> Option<Sealer> {
        // However often it was sent, the file is read once.
        let mut told = [0; 64];
        while matches!((&self.hangups).read(&mut told), Ok(read) if read == told.len()) {}
        match Keys::load(&self.path) {
            Ok(keys) => {
                let sealer = self.sealer(&keys, cluster, me);
                log::info!(target: "paxos", "{}", self.text(&keys));
                self.guard.replace(keys);
                Some(sealer)
            }
            Err(error) => {
                log::error!(target: "paxos", "{error}; the keys from before stay in use");
                None
            }
        }
    }

    /// Opens, where it lies, a packet that came to this socket, which has this address. Before it the packet as it
    /// came, where that is to be kept.
    pub fn receive<'a>(
        &'a mut self,
        socket: (usize, SocketAddrV4),
        bytes: &'a mut [u8],
        keep: bool,
    ) -> (&'a [u8], Result<Packet<'a>, Refusal>) {
        let copy = &mut self.copy[..bytes.len()];
        if keep {
            copy.copy_from_slice(bytes);
        }
        (copy, self.guard.open(socket, bytes))
    }

    /// Reads a packet that this process has sealed.
    ///
    /// # Errors
    /// What is none.
    pub fn read_own(&mut self, sealer: &Sealer, bytes: &[u8]) -> Result<Packet<'_>, Refusal> {
        let copy = &mut self.copy[..bytes.len()];
        copy.copy_from_slice(bytes);
        sealer.read(copy)
    }

    /// `sealing with key 2, and accepting key 1; encrypting`
    pub fn text(&self, keys: &Keys) -> String {
        let others = keys.ids();
        let others = others.split_once(", ").map_or(String::new(), |(_, others)| {
            let s = if others.contains(',') { "s" } else { "" };
            format!(", and accepting key{s} {others}")
        });
        let encrypting = if self.encrypts { "; encrypting" } else { "" };
        format!("sealing with key {}{others}{encrypting}", keys.first().id())
    }
}

/// A stream that becomes readable with every SIGHUP.
fn hangups() -> io::Result<UnixStream> {
    let (read, write) = UnixStream::pair()?;
    read.set_nonblocking(true)?;
    signal_hook::low_level::pipe::register(signal_hook::consts::SIGHUP, write)?;
    Ok(read)
}
