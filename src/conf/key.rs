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
