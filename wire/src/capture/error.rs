//! Why a capture cannot be read, in words that say what to do.

use super::LinkType;
use std::fmt;
use std::io;

/// How many bytes of a file are looked at to know what it is.
pub const FIRST_BYTES: usize = 64;
/// How many of them are shown.
const SHOWN: usize = 8;

/// Why a capture, or the rest of it, cannot be read.
#[derive(Debug)]
pub enum Error {
    Io(io::Error),
    Empty,
    /// With its first bytes.
    NotACapture(heapless::Vec<u8, FIRST_BYTES>),
    /// A link type that we do not know, and how many frames of it were passed over.
    Link {
        link: LinkType,
        frames: u64,
    },
    /// The file ends at `at`, in the middle of the record that begins at `record_at`. Bytes.
    Cut {
        at: u64,
        record_at: u64,
        missing: usize,
    },
    /// The record that begins at `at` is something that cannot be.
    Damaged {
        at: u64,
        what: String,
    },
}

impl Error {
    /// Whether more is to come, but is not there yet: the reader would have to wait for it.
    pub fn is_pending(&self) -> bool {
        matches!(self, Error::Io(error) if error.kind() == io::ErrorKind::WouldBlock)
    }

    pub fn not_a_capture(first: &[u8]) -> Error {
        Error::NotACapture(first.iter().copied().take(FIRST_BYTES).collect())
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Io(error) => write!(f, "cannot read: {error}"),
            Error::Empty => f.write_str("empty; a capture has a header even when it holds no packets"),
            Error::NotACapture(first) => {
                let shown = &first[..first.len().min(SHOWN)];
                write!(f, "not a capture: it begins with")?;
                shown.iter().try_for_each(|byte| write!(f, " {byte:02x}"))?;
                write!(
                    f,
                    " (\"{}\"). Accepted are pcap and pcapng, as tcpdump -w and tshark -w write them",
                    Text(shown)
                )?;
                hint(first).map_or(Ok(()), |hint| write!(f, ". {hint}"))
            }
            Error::Link { link, frames } => {
                write!(f, "cannot read frames of link type {link}")?;
                if *frames > 0 {
                    write!(f, ", passed over {frames} of them")?;
                }
                f.write_str(". Supported are")?;
                for (index, link) in LinkType::SUPPORTED.iter().enumerate() {
                    write!(f, "{} {link}", if index == 0 { "" } else { "," })?;
                }
                Ok(())
            }
            Error::Cut { at, record_at, missing } => {
                write!(f, "cut at byte {at}, in the middle of a record that begins at byte {record_at}: ")?;
                write!(f, "at least {missing} more bytes were to come")
            }
            Error::Damaged { at, what } => {
                write!(f, "damaged: the record that begins at byte {at} is {what}; ")?;
                f.write_str("nothing from there on was read")
            }
        }
    }
}

impl std::error::Error for Error {}

/// What a file that is no capture seems to be, and what to do about it.
fn hint(first: &[u8]) -> Option<String> {
    let compressed: [(&[u8], &str); 5] = [
        (b"\x1F\x8B", "gzip"),
        (b"\x28\xB5\x2F\xFD", "zstd"),
        (b"\xFD7zXZ", "xz"),
        (b"BZh", "bzip2"),
        (b"\x04\x22\x4D\x18", "lz4"),
    ];
    if let Some((_, tool)) = compressed.iter().find(|(magic, _)| first.starts_with(magic)) {
        return Some(format!("This one is compressed: {tool} -dc FILE | wire dump -"));
    }
    if first.starts_with(b"PK\x03\x04") {
        return Some("This one is a zip archive: unzip -p FILE | wire dump -".into());
    }
    if super::datagram::begins_as_ours(first) {
        return Some("This one begins like a packet of ours, without the capture around it".into());
    }
    if is_text(first) {
        return Some("This one is text: tcpdump and tshark print text unless they are given -w FILE".into());
    }
    Some("Many other formats can be converted: editcap -F pcapng FILE NEW_FILE".into())
}

/// Whether these are the first bytes of a text; the last character may be cut.
fn is_text(first: &[u8]) -> bool {
    let whole = match std::str::from_utf8(first) {
        Ok(text) => text,
        Err(error) if error.error_len().is_none() => {
            std::str::from_utf8(&first[..error.valid_up_to()]).unwrap_or_default()
        }
        Err(_) => return false,
    };
    !whole.is_empty() && whole.chars().all(|character| !character.is_control() || character.is_whitespace())
}

/// Bytes as far as they are ASCII that can be printed.
struct Text<'a>(&'a [u8]);

impl fmt::Display for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let printable = |byte: u8| if byte == b' ' || byte.is_ascii_graphic() { byte.into() } else { '.' };
        self.0.iter().try_for_each(|byte| write!(f, "{}", printable(*byte)))
    }
}
