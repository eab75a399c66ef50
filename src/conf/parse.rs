//! Lines to words, words to a draft, a draft to a configuration.

use std::net::SocketAddrV4;
use std::time::Duration;

use super::diagnostics::{At, Diagnostics};
use super::key::{Key, Written};
use super::value::{self, duration_text, excerpt};
use super::{
    ACCEPTOR_IDS_DEFAULT, ACCEPTORS_MAX, BUFFER_DEFAULT, Conf, HEARTBEAT, HEARTBEAT_DEFAULT, Interface,
    MTU_DEFAULT, STATUS_DEFAULT, SUSPECT_DEFAULT, TTL_DEFAULT,
};

/// See [`Conf::parse`].
pub(super) fn parse(text: &str, path: &str) -> Result<Conf, Diagnostics> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut parser = Parser::new(path);
    for (index, line) in text.split('\n').enumerate() {
        parser.line(&words(index + 1, line));
    }
    parser.finish(path, text.trim().is_empty())
}

/// What stands between whitespace, and where.
#[derive(Clone, Copy)]
struct Word<'a> {
    text: &'a str,
    at: At,
}

impl Word<'_> {
    /// The place just behind it, where a word that is missing would be.
    fn end(&self) -> At {
        At { column: self.at.column + self.text.chars().count(), ..self.at }
    }
}

/// The words of a line up to its comment.
fn words(line: usize, text: &str) -> Vec<Word<'_>> {
    let text = text.split('#').next().unwrap_or(text);
    let mut words = Vec::new();
    let mut start: Option<(usize, At)> = None;
    // A space behind the last character ends the last word as any other.
    let characters = text.char_indices().chain([(text.len(), ' ')]);
    for (column, (offset, character)) in (1..).zip(characters) {
        match start {
            None if !character.is_whitespace() => start = Some((offset, At { line, column })),
            Some((from, at)) if character.is_whitespace() => {
                words.push(Word { text: &text[from..offset], at });
                start = None;
            }
            _ => {}
        }
    }
    words
}

/// What the lines said so far: `None` is not said, or not understood.
#[derive(Default)]
struct Draft {
    groups: [Option<SocketAddrV4>; 4],
    acceptor_ids: Option<Vec<u16>>,
    interface: Option<Interface>,
    ttl: Option<u8>,
    mtu: Option<u16>,
    heartbeat: Option<Duration>,
    suspect: Option<Duration>,
    rate: Option<Option<u32>>,
    buffer: Option<usize>,
    status: Option<Option<Duration>>,
    reserve: Option<usize>,
    data: Option<Option<String>>,
    key: Option<Option<String>>,
    encrypt: Option<bool>,
}

struct Parser {
    draft: Draft,
    /// By key: where its value is, or should be, in the first line that has the key.
    seen: [Option<At>; Key::ALL.len()],
    /// By key: whether a misspelt word seems to mean it. To call the key missing as well would be noise.
    misspelt: [bool; Key::ALL.len()],
    problems: Diagnostics,
}

impl Parser {
    fn new(path: &str) -> Parser {
        Parser {
            draft: Draft::default(),
            seen: [None; Key::ALL.len()],
            misspelt: [false; Key::ALL.len()],
            problems: Diagnostics::new(path),
        }
    }

    fn line(&mut self, words: &[Word]) {
        let Some(first) = words.first() else { return };
        let Some(key) = Key::named(first.text) else { return self.unknown(first) };
        let value_at = words.get(1).map_or(first.end(), |word| word.at);
        match self.seen[key as usize] {
            None => {
                self.seen[key as usize] = Some(value_at);
                self.value(key, words);
            }
            Some(At { line, .. }) => {
                let text =
                    format!("`{}` is written twice, first in line {line}; keep one of them", key.name());
                self.problems.add(Some(first.at), text);
                // The second may be the one that stays: what is wrong with it counts, what it says does not.
                let draft = std::mem::take(&mut self.draft);
                self.value(key, words);
                self.draft = draft;
            }
        }
    }

    fn unknown(&mut self, word: &Word) {
        let what = excerpt(word.text);
        let head = word.text.split(['=', ':']).next().and_then(Key::named);
        let guess = head.or_else(|| Key::guessed(word.text));
        let text = match (head, guess) {
            (Some(key), _) => {
                format!("`{what}` is not a key; write a space behind the key, as in `{}`", key.example())
            }
            (None, Some(key)) => format!("`{what}` is not a key; did you mean `{}`?", key.name()),
            (None, None) => {
                format!("`{what}` is not a key; the keys are {}", Key::ALL.map(Key::name).join(", "))
            }
        };
        if let Some(key) = guess {
            self.misspelt[key as usize] = true;
        }
        self.problems.add(Some(word.at), text);
    }

    fn value(&mut self, key: Key, words: &[Word]) {
        match key {
            Key::Clients | Key::Proposers | Key::Acceptors | Key::Learners => self.group(key, words),
            Key::Interface => self.draft.interface = self.single(key, words, value::interface),
            Key::Ttl => self.draft.ttl = self.single(key, words, value::ttl),
            Key::Mtu => self.draft.mtu = self.single(key, words, value::mtu),
            Key::Heartbeat => self.draft.heartbeat = self.single(key, words, value::heartbeat),
            Key::Suspect => self.draft.suspect = self.single(key, words, value::suspect),
            Key::Rate => self.draft.rate = self.single(key, words, value::rate),
            Key::Buffer => self.draft.buffer = self.single(key, words, value::buffer),
            Key::Status => self.draft.status = self.single(key, words, value::status),
            Key::Reserve => self.draft.reserve = self.single(key, words, value::reserve),
            Key::Data => self.draft.data = self.single(key, words, value::data),
            Key::Keys => self.draft.key = self.single(key, words, value::key),
            Key::Encrypt => self.draft.encrypt = self.single(key, words, value::encrypt),
        }
    }

    /// The value of a line that has one.
    fn single<T>(&mut self, key: Key, words: &[Word], read: Read<T>) -> Option<T> {
        let value = match words.get(1) {
            Some(word) => self.word(key.example(), word, read),
            None => {
                let text = format!("`{}` has no value; write one, as in `{}`", key.name(), key.example());
                self.problems.add(words.last().map(Word::end), text);
                None
            }
        };
        self.no_more(key, "one value", words.get(2));
        value
    }

    fn word<T>(&mut self, example: &str, word: &Word, read: Read<T>) -> Option<T> {
        let refuse = |reason| self.problems.add(Some(word.at), format!("{reason}, as in `{example}`"));
        read(word.text).map_err(refuse).ok()
    }

    fn no_more(&mut self, key: Key, allowed: &str, extra: Option<&Word>) {
        let Some(word) = extra else { return };
        let (what, example) = (excerpt(word.text), key.example());
        let text = format!("{what} is one word too many; write {allowed} only, as in `{example}`");
        self.problems.add(Some(word.at), text);
    }

    fn group(&mut self, key: Key, words: &[Word]) {
        let example = key.example();
        let end = words.last().map(Word::end);
        let Some(address_word) = words.get(1) else {
            let text = format!("`{}` has no address and no port; write both, as in `{example}`", key.name());
            return self.problems.add(end, text);
        };
        if let Ok(group) = address_word.text.parse::<SocketAddrV4>() {
            let apart = format!("{} {} {}", key.name(), group.ip(), group.port());
            let text = format!("{group} is an address and a port in one; write them apart, as in `{apart}`");
            return self.problems.add(Some(address_word.at), text);
        }
        let address = self.word(example, address_word, value::group_address);
        let Some(port_word) = words.get(2) else {
            let text =
                format!("`{}` has no port; write it behind the address, as in `{example}`", key.name());
            return self.problems.add(end, text);
        };
        let port = self.word(example, port_word, value::port);
        let group = address.zip(port).map(|(address, port)| SocketAddrV4::new(address, port));
        self.draft.groups[key as usize] = group;
        match key {
            Key::Acceptors if words.len() > 3 => self.draft.acceptor_ids = self.acceptor_ids(&words[3..]),
            Key::Acceptors => {}
            _ => self.no_more(key, "an address and a port", words.get(3)),
        }
    }

    fn acceptor_ids(&mut self, words: &[Word]) -> Option<Vec<u16>> {
        let example = format!("{} 1 2 3", Key::Acceptors.example());
        if let Some(word) = words.get(ACCEPTORS_MAX) {
            let text = format!("{} acceptors are too many; write {ACCEPTORS_MAX} ids at most", words.len());
            self.problems.add(Some(word.at), text);
        }
        let mut ids = Vec::with_capacity(ACCEPTORS_MAX);
        for word in words.iter().take(ACCEPTORS_MAX) {
            let Some(id) = self.word(&example, word, value::acceptor_id) else { continue };
            if ids.contains(&id) {
                let text = format!("acceptor {id} is listed twice; write each id once, as in `{example}`");
                self.problems.add(Some(word.at), text);
            } else {
                ids.push(id);
            }
        }
        ids.sort_unstable();
        Some(ids)
    }

    fn finish(mut self, path: &str, empty: bool) -> Result<Conf, Diagnostics> {
        if empty {
            let text =
                "the file is empty; write the lines `clients`, `proposers`, `acceptors` and `learners`, ";
            let text = format!("{text}each as `{}`", Key::Clients.example());
            return Err(Diagnostics::one(path, None, text));
        }
        self.check_groups();
        self.check_times();
        self.check_encryption();
        self.check_complete();
        let written = self.written();
        let Parser { draft, problems, .. } = self;
        match draft.groups {
            [Some(clients), Some(proposers), Some(acceptors), Some(learners)] if problems.is_empty() => {
                Ok(Conf {
                    path: path.into(),
                    clients,
                    proposers,
                    acceptors,
                    learners,
                    acceptor_ids: draft.acceptor_ids.unwrap_or(ACCEPTOR_IDS_DEFAULT.to_vec()),
                    interface: draft.interface.unwrap_or(Interface::Loopback),
                    ttl: draft.ttl.unwrap_or(TTL_DEFAULT),
                    mtu: draft.mtu.unwrap_or(MTU_DEFAULT),
                    heartbeat: draft.heartbeat.unwrap_or(HEARTBEAT_DEFAULT),
                    suspect: draft.suspect.unwrap_or(SUSPECT_DEFAULT),
                    rate: draft.rate.flatten(),
                    buffer: draft.buffer.unwrap_or(BUFFER_DEFAULT),
                    status: draft.status.unwrap_or(Some(STATUS_DEFAULT)),
                    reserve: draft.reserve.unwrap_or(0),
                    data: draft.data.flatten(),
                    key: draft.key.flatten(),
                    encrypt: draft.encrypt.unwrap_or(false),
                    written,
                })
            }
            _ => Err(problems.sorted()),
        }
    }

    /// Two roles in one group would hear each other's packets.
    fn check_groups(&mut self) {
        for (index, key) in Key::GROUPS.into_iter().enumerate() {
            for other in Key::GROUPS.into_iter().take(index) {
                self.check_pair(key, other);
            }
        }
    }

    fn check_pair(&mut self, one: Key, other: Key) {
        let group = self.draft.groups[one as usize];
        let (Some(group), true) = (group, group == self.draft.groups[other as usize]) else { return };
        // The line further down is the one to blame.
        let seen = |key: Key| self.seen[key as usize];
        let (first, second) = if seen(one) < seen(other) { (one, other) } else { (other, one) };
        let line = seen(first).map_or(0, |at| at.line);
        let text = format!(
            "{} {} is the group of `{}` already, in line {line}; write another address or another port",
            group.ip(),
            group.port(),
            first.name()
        );
        self.problems.add(seen(second), text);
    }

    /// A proposer must have the chance to be heard before it is thought dead.
    fn check_times(&mut self) {
        let (heartbeat_at, suspect_at) =
            (self.seen[Key::Heartbeat as usize], self.seen[Key::Suspect as usize]);
        // A value that was written and not understood cannot be judged.
        let heartbeat = self.draft.heartbeat.or(heartbeat_at.is_none().then_some(HEARTBEAT_DEFAULT));
        let suspect = self.draft.suspect.or(suspect_at.is_none().then_some(SUSPECT_DEFAULT));
        let (Some(heartbeat), Some(suspect)) = (heartbeat, suspect) else { return };
        if suspect > heartbeat {
            return;
        }
        let by_default = |at: Option<At>| if at.is_some() { "" } else { " by default" };
        let text = format!(
            "suspect, {}{}, is not longer than heartbeat, {}{}; {}",
            duration_text(suspect),
            by_default(suspect_at),
            duration_text(heartbeat),
            by_default(heartbeat_at),
            fitting_times(heartbeat, suspect)
        );
        self.problems.add(suspect_at.max(heartbeat_at), text);
    }

    /// Without a key there is nothing to encrypt with, and who writes the one believes in the other.
    fn check_encryption(&mut self) {
        // A key that was written and not understood is complained of already.
        let keyless = matches!(self.draft.key, Some(None)) || self.seen[Key::Keys as usize].is_none();
        if self.draft.encrypt == Some(true) && keyless && !self.misspelt[Key::Keys as usize] {
            let text = format!("`encrypt yes` needs a key; write a line `{}`", Key::Keys.example());
            self.problems.add(self.seen[Key::Encrypt as usize], text);
        }
    }

    fn check_complete(&mut self) {
        for key in Key::GROUPS {
            if self.seen[key as usize].is_none() && !self.misspelt[key as usize] {
                let text =
                    format!("the line `{}` is missing; write it, as in `{}`", key.name(), key.example());
                self.problems.add(None, text);
            }
        }
    }

    fn written(&self) -> Written {
        let mut written = Written::default();
        for key in Key::ALL {
            let whole = key != Key::Acceptors || self.draft.acceptor_ids.is_some();
            if self.seen[key as usize].is_some() && whole {
                written.add(key);
            }
        }
        written
    }
}

/// Reads one word, or says `what is wrong; what to write`.
type Read<T> = fn(&str) -> Result<T, String>;

/// What to write when one of the two is right: the other, in the proportion of the defaults.
fn fitting_times(heartbeat: Duration, suspect: Duration) -> String {
    let longer = duration_text(heartbeat * 5 / 2);
    let shorter = suspect * 2 / 5;
    match HEARTBEAT.contains(&shorter) {
        true => format!("write for example `suspect {longer}`, or `heartbeat {}`", duration_text(shorter)),
        false => format!("write for example `suspect {longer}`"),
    }
}
