//! The keys of the file: names, examples, and the guess at what a misspelt one meant.

/// A word longer than this is no misspelt key, and not worth comparing.
const GUESSED_MAX: usize = 32;

/// A key, in the order in which a configuration is printed. The first four are the groups.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Key {
    Clients,
    Proposers,
    Acceptors,
    Learners,
    Interface,
    Ttl,
    Mtu,
    Heartbeat,
    Suspect,
    Rate,
    Buffer,
    Status,
    Reserve,
    Data,
    Keys,
    Encrypt,
}

impl Key {
    pub(super) const ALL: [Key; 16] = [
        Key::Clients,
        Key::Proposers,
        Key::Acceptors,
        Key::Learners,
        Key::Interface,
        Key::Ttl,
        Key::Mtu,
        Key::Heartbeat,
        Key::Suspect,
        Key::Rate,
        Key::Buffer,
        Key::Status,
        Key::Reserve,
        Key::Data,
        Key::Keys,
        Key::Encrypt,
    ];

    /// The four that every file has.
    pub(super) const GROUPS: [Key; 4] = [Key::Clients, Key::Proposers, Key::Acceptors, Key::Learners];

    /// The key as it is written.
    pub(super) fn name(self) -> &'static str {
        // The example starts with it, so the two cannot differ.
        self.example().split(' ').next().unwrap_or_default()
    }

    /// A whole line that is right.
    pub(super) fn example(self) -> &'static str {
        match self {
            Key::Clients => "clients 239.0.0.1 5000",
            Key::Proposers => "proposers 239.0.0.1 6000",
            Key::Acceptors => "acceptors 239.0.0.1 7000",
            Key::Learners => "learners 239.0.0.1 8000",
            Key::Interface => "interface eth0",
            Key::Ttl => "ttl 1",
            Key::Mtu => "mtu 1500",
            Key::Heartbeat => "heartbeat 2s",
            Key::Suspect => "suspect 5s",
            Key::Rate => "rate 100000",
            Key::Buffer => "buffer 4MiB",
            Key::Status => "status 1s",
            Key::Reserve => "reserve 1024MiB",
            Key::Data => "data /var/lib/paxos/%i",
            Key::Keys => "key paxos.key",
            Key::Encrypt => "encrypt yes",
        }
    }

    /// What stands behind it, what holds where it is missing, and what it means.
    pub(super) fn told(self) -> Told {
        let (value, default, meaning) = match self {
            Key::Clients => ("ADDRESS PORT", None, "Multicast group and port that clients listen to."),
            Key::Proposers => ("ADDRESS PORT", None, "Those that proposers listen to."),
            Key::Acceptors => (
                "ADDRESS PORT [ID ...]",
                None,
                "Those that acceptors listen to, and the ids of the acceptors, up to 15, if they are not 1 2 3. A majority of \
                 them decides.",
            ),
            Key::Learners => {
                ("ADDRESS PORT", None, "Those that learners listen to. No two of the four are the same.")
            }
            Key::Interface => (
                "NAME|ADDRESS|loopback",
                Some("loopback"),
                "Where groups are joined and packets leave: a name, or one of this host's addresses. With loopback nothing \
                 leaves the host.",
            ),
            Key::Ttl => ("HOPS", Some("1"), "Hops that a packet may take, 1 to 255; 1 stays on the LAN."),
            Key::Mtu => {
                ("BYTES", Some("1500"), "The largest IP packet, 1280 to 9216. It must agree everywhere.")
            }
            Key::Heartbeat => ("DURATION", Some("2s"), "How often processes say that they live, 1ms to 10m."),
            Key::Suspect => (
                "DURATION",
                Some("5s"),
                "Silence after which a proposer is taken for dead: more than heartbeat, up to 60m.",
            ),
            Key::Rate => ("NUMBER|none", Some("none"), "Values per second that a client submits at most."),
            Key::Buffer => (
                "SIZE",
                Some("4MiB"),
                "Socket buffer to ask for, 64KiB to 1024MiB. The kernel may give less (net.core.rmem_max), which is fine.",
            ),
            Key::Status => (
                "DURATION|off",
                Some("1s"),
                "How often a process tells those who watch how it is, 10ms to 60m: see paxos-status(1).",
            ),
            Key::Reserve => (
                "SIZE",
                Some("0"),
                "Memory that an acceptor takes at its start for what it will accept, up to 65536MiB, so that no vote waits \
                 for the system to find some.",
            ),
            Key::Data => (
                "DIRECTORY|none",
                Some("none"),
                "Where acceptors remember what they promised and accepted; %i in its name stands for the id. Each acceptor \
                 needs one of its own. With none they remember as long as they run.",
            ),
            Key::Keys => (
                "FILE|none",
                Some("none"),
                "The keys that seal all packets: see paxos-keygen(1). All processes have a key, or none has.",
            ),
            Key::Encrypt => {
                ("yes|no", Some("no"), "Whether what packets carry is encrypted as well. It needs key.")
            }
        };
        Told { key: self.name(), value, default, meaning }
    }

    /// The key of exactly this name.
    pub(super) fn named(word: &str) -> Option<Key> {
        Key::ALL.into_iter().find(|key| key.name() == word)
    }

    /// The key that `word` most resembles, if it is near: a third of the letters wrong, one at least.
    pub(super) fn guessed(word: &str) -> Option<Key> {
        if word.len() > GUESSED_MAX {
            return None;
        }
        let word = word.to_lowercase();
        let distance = |key: &Key| strsim::damerau_levenshtein(&word, key.name());
        let near = |key: &Key| distance(key) <= (key.name().len() / 3).max(1);
        Key::ALL.into_iter().filter(near).min_by_key(distance)
    }
}

/// A key as a person is told of it.
#[derive(Clone, Copy, Debug)]
pub struct Told {
    pub key: &'static str,
    /// What stands behind it.
    pub value: &'static str,
    /// What holds where the key is missing; `None`: it must be there.
    pub default: Option<&'static str>,
    /// Sentences.
    pub meaning: &'static str,
}

/// Which keys a file wrote (of `acceptors`: whether it wrote the ids).
///
/// How a file is worded is not what it says, so any two are equal, and do not make two configurations differ.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Written(u16);

impl Written {
    pub(super) fn add(&mut self, key: Key) {
        self.0 |= 1 << key as u16;
    }

    /// Whether the whole value of `key` was written. A group's address always was.
    pub(super) fn has(self, key: Key) -> bool {
        self.0 & (1 << key as u16) != 0
    }
}

impl PartialEq for Written {
    fn eq(&self, _: &Written) -> bool {
        true
    }
}

impl Eq for Written {}
