//! Makes keys: 32 random bytes of the system, in a file that only its owner may read.

use rustix::rand::{GetRandomFlags, getrandom};
use std::fs::OpenOptions;
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use wire::{KEY_LEN, Key, Keys};
use zeroize::Zeroizing;

/// What stands at the top of a new file.
const HEAD: &str = "\
# Keys of a paxos cluster, an id and 64 hexadecimal digits a line. The first key seals, all of them open.
# Who has a key can be anybody in the cluster: keep this file from others.
";

/// Makes a file with a new key, of this id or of 1. Returns the id.
///
/// # Errors
/// A sentence when there is such a file already, or it cannot be written.
pub fn create(path: &Path, id: Option<u8>) -> Result<u8, String> {
    let key = random(id.unwrap_or(1))?;
    let text = Zeroizing::new([HEAD.as_bytes(), key.line().as_bytes()].concat());
    let opened = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
    let mut file = opened.map_err(|error| match error.kind() {
        io::ErrorKind::AlreadyExists => {
            format!("{}: is there already; --append puts a new key behind those in it", path.display())
        }
        _ => format!("{}: {error}", path.display()),
    })?;
    let written = file.write_all(&text).and_then(|()| file.sync_all());
    written.map_err(|error| format!("{}: {error}", path.display()))?;
    Ok(key.id())
}

/// Puts a new key, of this id or of the lowest that is free, behind those in a file. Returns its id.
///
/// # Errors
/// A sentence when the file is not one of keys, has no room for another, or has this id.
pub fn append(path: &Path, id: Option<u8>) -> Result<u8, String> {
    let keys = Keys::load(path).map_err(|error| error.to_string())?;
    if keys.is_full() {
        return Err(format!("{}: has {} keys already; remove one first", path.display(), wire::KEYS_MAX));
    }
    let id = id.unwrap_or_else(|| keys.free_id());
    if keys.get(id).is_some() {
        return Err(format!("{}: has a key {id} already; give the new one another id", path.display()));
    }
    let key = random(id)?;
    // The last line may lack its end; an empty one does no harm.
    let text = Zeroizing::new([b"\n", key.line().as_bytes()].concat());
    let opened = OpenOptions::new().append(true).open(path);
    let written = opened.and_then(|mut file| file.write_all(&text).and_then(|()| file.sync_all()));
    written.map_err(|error| format!("{}: {error}", path.display()))?;
    Ok(id)
}

fn random(id: u8) -> Result<Key, String> {
    let mut secret = Zeroizing::new([0; KEY_LEN]);
    // Up to 256 bytes come whole.
    match getrandom(&mut *secret, GetRandomFlags::empty()) {
        Ok(KEY_LEN) => Ok(Key::new(id, *secret)),
        Ok(bytes) => Err(format!("the system gave {bytes} random bytes of {KEY_LEN}")),
        Err(error) => Err(format!("the system has no random bytes: {}", io::Error::from(error))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::scratch::Scratch;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_new_file_has_one_key_for_its_owner_and_is_never_overwritten() {
        let scratch = Scratch::new();
        let path = scratch.0.join("paxos.key");
        assert_eq!(create(&path, None), Ok(1));
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(Keys::load(&path).unwrap().ids(), "1");
        assert!(create(&path, Some(2)).unwrap_err().contains("--append"));
        assert_eq!((append(&path, None), append(&path, Some(9))), (Ok(2), Ok(9)));
        assert!(append(&path, Some(9)).unwrap_err().contains("another id"));
        assert_eq!(append(&path, None), Ok(3));
        assert!(append(&path, None).unwrap_err().contains("remove one"));
        assert_eq!(Keys::load(&path).unwrap().ids(), "1, 2, 9, 3");
    }

    #[test]
    fn no_two_keys_are_alike() {
        assert_ne!(random(1).unwrap().line(), random(1).unwrap().line());
    }
}
