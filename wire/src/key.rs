//! The keys of a cluster, and the file that holds them.
//!
//! A file has a line for each key: its id, 0 to 255, and 64 hexadecimal digits; `#` begins a comment. The first
//! key seals, all of them open, so a key can be replaced while everything runs.

use hkdf::Hkdf;
use hkdf::hmac::digest::Output;
use sha2::Sha256;
use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use zeroize::{Zeroize, Zeroizing};

/// Keys in a file: the one in use, the one before it, the one to come, and one to spare.
pub const KEYS_MAX: usize = 4;
/// Bytes of a key.
pub const KEY_LEN: usize = 32;
/// Bytes of a file, with plenty of comments.
const FILE_MAX: usize = 64 * 1024;

/// A secret that all processes of a cluster share.
#[derive(Clone)]
pub struct Key {
    id: u8,
    secret: Secret,
}

/// Forgotten when it goes.
#[derive(Clone, PartialEq, Eq)]
struct Secret([u8; KEY_LEN]);

impl Drop for Secret {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

/// The keys of a file: one at least, each with an id of its own.
#[derive(Clone, Debug)]
pub struct Keys(heapless::Vec<Key, KEYS_MAX>);

impl Key {
    /// # Panics
    /// Never: any bytes are a secret, if they were drawn at random.
    pub fn new(id: u8, secret: [u8; KEY_LEN]) -> Key {
        Key { id, secret: Secret(secret) }
    }

    /// What packets name it by.
    pub fn id(&self) -> u8 {
        self.id
    }

    /// As it stands in a file, with its newline.
    pub fn line(&self) -> Zeroizing<String> {
        use fmt::Write;
        // All of it at once: a string that grows leaves copies behind.
        let mut line = Zeroizing::new(String::with_capacity(4 + 2 * KEY_LEN + 1));
        write!(line, "{} ", self.id).expect("a string takes it");
        for byte in self.secret.0 {
            write!(line, "{byte:02x}").expect("a string takes it");
        }
        line.push('\n');
        line
    }

    /// Bytes that only who has the key can know, and others for every purpose.
    pub(crate) fn expand(&self, purpose: &[u8]) -> [u8; 32] {
        let prk: &Output<Sha256> = (&self.secret.0).into();
        let hkdf = Hkdf::<Sha256>::from_prk(prk).expect("a key is as long as a hash");
        let mut made = [0; 32];
        hkdf.expand(purpose, &mut made).expect("no more is asked for than a hash has");
        made
    }
}

/// Not the secret.
impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key {}", self.id)
    }
}

impl Keys {
    /// Reads a file of keys.
    ///
    /// # Errors
    /// What is wrong with it: it cannot be read, others than its owner may read it, or [`Keys::parse`] refuses what it
    /// says.
    pub fn load(path: &Path) -> Result<Keys, KeyError> {
        let failed = |why| KeyError { path: path.into(), line: None, why };
        let mut file = File::open(path).map_err(|error| failed(Why::System(error)))?;
        let metadata = file.metadata().map_err(|error| failed(Why::System(error)))?;
        if !metadata.is_file() {
            return Err(failed(Why::NoFile));
        }
        // As PostgreSQL and others have it: a file that root keeps may be lent to a group.
        let lent = if metadata.uid() == 0 { 0o040 } else { 0 };
        if metadata.mode() & 0o077 & !lent != 0 {
            return Err(failed(Why::Open { mode: metadata.mode() & 0o777 }));
        }
        let mut text = Zeroizing::new(Vec::with_capacity(FILE_MAX + 1));
        let read = (&mut file).take(FILE_MAX as u64 + 1).read_to_end(&mut text);
        read.map_err(|error| failed(Why::System(error)))?;
        if text.len() > FILE_MAX {
            return Err(failed(Why::Long));
        }
        let text = std::str::from_utf8(&text).map_err(|_| failed(Why::NoText))?;
        Keys::parse(text).map_err(|(line, why)| KeyError { path: path.into(), line, why })
    }

    /// Reads keys from text.
    ///
    /// # Errors
    /// The first line that is wrong, counted from 1, and why.
    pub fn parse(text: &str) -> Result<Keys, (Option<usize>, Why)> {
        let mut keys = Keys(heapless::Vec::new());
        for (number, line) in (1..).zip(text.lines()) {
            let mut words = line.split('#').next().unwrap_or_default().split_whitespace();
            let Some(id) = words.next() else { continue };
            let wrong = |why| (Some(number), why);
            let id = id.parse().map_err(|_| wrong(Why::Id))?;
            let secret = words.next().and_then(secret).ok_or(wrong(Why::Digits))?;
            if words.next().is_some() {
                return Err(wrong(Why::More));
            }
            if keys.get(id).is_some() {
                return Err(wrong(Why::Twice(id)));
            }
            keys.0.push(Key { id, secret }).map_err(|_| wrong(Why::TooMany))?;
        }
        if keys.0.is_empty() { Err((None, Why::None)) } else { Ok(keys) }
    }

    /// The key that seals.
    pub fn first(&self) -> &Key {
        &self.0[0]
    }

    /// The key of this id.
    pub fn get(&self, id: u8) -> Option<&Key> {
        self.0.iter().find(|key| key.id == id)
    }

    /// Their ids, as in `3, 2`: the first one seals.
    pub fn ids(&self) -> String {
        self.0.iter().map(|key| key.id.to_string()).collect::<Vec<_>>().join(", ")
    }

    /// The lowest id that none of them has, from 1 on.
    pub fn free_id(&self) -> u8 {
        (1..=u8::MAX).find(|id| self.get(*id).is_none()).expect("four keys leave ids free")
    }

    /// Whether there is no room for another.
    pub fn is_full(&self) -> bool {
        self.0.is_full()
    }
}

/// A secret of hexadecimal digits that nobody would guess: neither all zero nor any other byte repeated.
fn secret(digits: &str) -> Option<Secret> {
    let mut secret = Secret([0; KEY_LEN]);
    if digits.len() != 2 * KEY_LEN || !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        return None;
    }
    for (byte, at) in secret.0.iter_mut().zip((0..).step_by(2)) {
        *byte = u8::from_str_radix(&digits[at..at + 2], 16).ok()?;
    }
    secret.0.iter().any(|byte| *byte != secret.0[0]).then_some(secret)
}

/// Why a file of keys cannot be used: a sentence that says what to do.
#[derive(Debug)]
pub struct KeyError {
    path: PathBuf,
    line: Option<usize>,
    why: Why,
}

/// What is wrong with a file of keys. Never says what a key is.
#[derive(Debug)]
pub enum Why {
    System(io::Error),
    NoFile,
    Open { mode: u32 },
    Long,
    NoText,
    Id,
    Digits,
    More,
    Twice(u8),
    TooMany,
    None,
}

impl fmt::Display for KeyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:", self.path.display())?;
        if let Some(line) = self.line {
            write!(f, "{line}:")?;
        }
        write!(f, " {}", self.why)?;
        match self.why {
            Why::Open { .. } => write!(f, "; take that away: chmod go= {}", self.path.display()),
            Why::System(ref error) if error.kind() == io::ErrorKind::NotFound => {
                write!(f, "; make it with: paxos keygen {}", self.path.display())
            }
            _ => Ok(()),
        }
    }
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Why::System(error) => write!(f, "{error}"),
            Why::NoFile => f.write_str("not a file; write the name of a file with keys"),
            Why::Open { mode } => {
                write!(f, "others than its owner may use this file of keys (mode {mode:04o})")
            }
            Why::Long => write!(f, "longer than {} KiB, so no file of keys", FILE_MAX / 1024),
            Why::NoText => f.write_str("no text, so no file of keys"),
            Why::Id => f.write_str("a line begins with the id of its key, a number from 0 to 255"),
            Why::Digits => write!(
                f,
                "behind its id a key has {} hexadecimal digits, drawn at random: paxos keygen makes one",
                2 * KEY_LEN
            ),
            Why::More => f.write_str("more than an id and a key; write each key on a line of its own"),
            Why::Twice(id) => write!(f, "key {id} is there twice; give each key an id of its own"),
            Why::TooMany => write!(f, "more than {KEYS_MAX} keys; remove those that are no longer used"),
            Why::None => f.write_str("no key is in it; paxos keygen makes one"),
        }
    }
}

impl std::error::Error for KeyError {}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    const ONE: &str = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";
    const TWO: &str = "FF0102030405060708090A0B0C0D0E0F101112131415161718191A1B1C1D1E1F";

    fn wrong(text: &str) -> String {
        Keys::parse(text).expect_err("it is wrong").1.to_string()
    }

    #[test]
    fn the_first_key_seals_and_all_can_be_found() {
        let text = format!("# ours\n\n7 {ONE} # since May\r\n\t255  {TWO}\n");
        let keys = Keys::parse(&text).unwrap();
        assert_eq!((keys.first().id(), keys.ids().as_str(), keys.free_id()), (7, "7, 255", 1));
        assert!(keys.get(255).is_some() && keys.get(8).is_none());
        assert_eq!(*keys.first().line(), format!("7 {ONE}\n"));
        assert_eq!(*Keys::parse(&keys.first().line()).unwrap().first().line(), format!("7 {ONE}\n"));
    }

    #[test]
    fn a_line_that_is_wrong_is_named_and_no_key_is_told() {
        for (text, told) in [
            ("256 00", "0 to 255"),
            ("1", "64 hexadecimal digits"),
            ("1 abc", "64 hexadecimal digits"),
            (&format!("1 {}", "0".repeat(64)), "drawn at random"),
            (&format!("1 {ONE} {TWO}"), "a line of its own"),
            (&format!("1 {}é", &ONE[2..]), "64 hexadecimal digits"),
            (&format!("1 {ONE}\n1 {TWO}"), "key 1 is there twice"),
            (&format!("1 {ONE}\n2 {ONE}\n3 {ONE}\n4 {ONE}\n5 {ONE}"), "more than 4 keys"),
            ("# none\n", "no key is in it"),
        ] {
            let said = wrong(text);
            assert!(said.contains(told), "{said}");
            assert!(!said.contains("0102"), "{said}");
        }
        assert_eq!(format!("{:?}", Keys::parse(&format!("3 {ONE}")).unwrap()), "Keys([Key 3])");
    }

    #[test]
    fn a_file_that_others_may_read_is_refused() {
        let path = std::env::temp_dir().join(format!("paxos-key-{}", std::process::id()));
        std::fs::write(&path, format!("1 {ONE}\n")).unwrap();
        let with = |mode| {
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
            Keys::load(&path).map(|keys| keys.ids()).map_err(|error| error.to_string())
        };
        assert_eq!(with(0o600).as_deref(), Ok("1"));
        assert_eq!(with(0o400).as_deref(), Ok("1"));
        for mode in [0o644, 0o604, 0o602, 0o620] {
            let said = with(mode).expect_err("it is open to others");
            assert!(said.contains("chmod go="), "{said}");
        }
        let as_root = std::fs::metadata(&path).unwrap().uid() == 0;
        assert_eq!(with(0o640).is_ok(), as_root, "what root keeps may be lent to a group");
        std::fs::remove_file(&path).unwrap();
        assert!(Keys::load(&path).unwrap_err().to_string().ends_with(&format!("keygen {}", path.display())));
    }
}
