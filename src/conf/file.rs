//! From a path to text.

use std::fs::File;
use std::io::{self, ErrorKind, Read};
use std::path::Path;

use super::diagnostics::{At, Diagnostics};

/// The largest file that is read, so that a wrong path (a disk image, `/dev/zero`) cannot fill the memory.
const FILE_MAX: usize = 64 * 1024;

/// The text of the file at `path`, without a byte order mark.
pub(super) fn read_text(path: &Path) -> Result<String, Diagnostics> {
    let name = path.to_string_lossy();
    let bytes = read(path).map_err(|error| Diagnostics::one(&name, None, why_unreadable(&error)))?;
    if bytes.len() > FILE_MAX {
        let text = "the file is over 64 KiB, which no configuration is; is this the right file?";
        return Err(Diagnostics::one(&name, None, text.to_string()));
    }
    text(bytes).map_err(|(at, text)| Diagnostics::one(&name, Some(at), text))
}

/// A sentence for each way in which a file does not open.
pub(super) fn why_unreadable(error: &io::Error) -> String {
    match error.kind() {
        ErrorKind::NotFound => "there is no such file; name the cluster's paxos.conf".to_string(),
        ErrorKind::PermissionDenied => {
            "you may not read this file; allow it with chmod, or run as its owner".to_string()
        }
        ErrorKind::IsADirectory => "this is a directory; name the file in it".to_string(),
        _ => format!("the file cannot be read: {error}"),
    }
}

/// One byte more than the bound, if there are so many, tells that it is passed.
fn read(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(FILE_MAX as u64 + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn text(mut bytes: Vec<u8>) -> Result<String, (At, String)> {
    if bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]) {
        let at = At { line: 1, column: 1 };
        return Err((at, "the file is UTF-16, not UTF-8; save it as UTF-8 text".to_string()));
    }
    if bytes.starts_with("\u{feff}".as_bytes()) {
        bytes.drain(..3);
    }
    String::from_utf8(bytes).map_err(|error| {
        let valid = error.utf8_error().valid_up_to();
        let byte = error.as_bytes()[valid];
        let text = format!("byte 0x{byte:02x} is not UTF-8; save the file as UTF-8 text");
        (end_of(&error.as_bytes()[..valid]), text)
    })
}

/// The place just behind some valid UTF-8.
fn end_of(valid: &[u8]) -> At {
    let line = 1 + valid.iter().filter(|&&byte| byte == b'\n').count();
    let last = valid.rsplit(|&byte| byte == b'\n').next().unwrap_or_default();
    // A character is its first byte; the others start with the bits 10.
    let column = 1 + last.iter().filter(|&&byte| byte & 0xc0 != 0x80).count();
    At { line, column }
}
