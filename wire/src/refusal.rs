//! Why a packet was refused.

use core::fmt;
use core::net::SocketAddrV4;

/// The reason why bytes from the network are not a packet. Each is counted by itself, so that an operator
/// can tell a cut cable from a foreign program from another version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// Shorter than a header.
    Short { length: usize },
    /// Longer than any packet.
    Long { length: usize },
    /// The first two bytes are not ours.
    Magic,
    /// Another version of this format.
    Version(u8),
    /// The length field does not say what came.
    Length { said: usize, came: usize },
    /// The tag is not that of the bytes: damaged on the way, or forged.
    Tag,
    /// A kind that this version does not know.
    Kind(u8),
    /// A role that this version does not know.
    Role(u8),
    /// A packet of this kind is not for this role to send.
    Sender { kind: &'static str, role: &'static str },
    /// A byte that must be zero is not, or a flag is unknown.
    Reserved(&'static str),
    /// The body is shorter than its kind demands, or its tail is not a whole number of records.
    Body(&'static str),
    /// A field says something that cannot be.
    Field(&'static str),
    /// Sealed with a key that this process does not have.
    Sealed { key: u8 },
    /// Not sealed, where all must be.
    Unsealed,
    /// The key of this id did not seal these bytes: forged, damaged, or sealed with another key of the same id.
    Forged { key: u8 },
    /// Sealed for another address than the one it came to.
    Misdirected { to: SocketAddrV4 },
    /// Seen before, or too old to tell.
    Replayed { sequence: u64 },
    /// Of a start of its sender that a later one has taken the place of.
    Outdated,
    /// Its sender is heard from another address, or another acceptor from this one.
    Source { heard: SocketAddrV4 },
}

impl Refusal {
    /// How many different reasons there are: the size of a table of counts.
    pub const COUNT: usize = 19;

    /// A small number per reason, for tables of counts.
    pub fn index(self) -> usize {
        match self {
            Refusal::Short { .. } => 0,
            Refusal::Long { .. } => 1,
            Refusal::Magic => 2,
            Refusal::Version(_) => 3,
            Refusal::Length { .. } => 4,
            Refusal::Tag => 5,
            Refusal::Kind(_) => 6,
            Refusal::Role(_) => 7,
            Refusal::Sender { .. } => 8,
            Refusal::Reserved(_) => 9,
            Refusal::Body(_) => 10,
            Refusal::Field(_) => 11,
            Refusal::Sealed { .. } => 12,
            Refusal::Unsealed => 13,
            Refusal::Forged { .. } => 14,
            Refusal::Misdirected { .. } => 15,
            Refusal::Replayed { .. } => 16,
            Refusal::Outdated => 17,
            Refusal::Source { .. } => 18,
        }
    }
}

impl Refusal {
    /// By index: the words of [`Refusal::name`].
    pub const NAMES: [&'static str; Refusal::COUNT] = [
        "short",
        "long",
        "magic",
        "version",
        "length",
        "tag",
        "kind",
        "role",
        "sender",
        "reserved",
        "body",
        "field",
        "sealed",
        "unsealed",
        "forged",
        "misdirected",
        "replayed",
        "outdated",
        "source",
    ];

    /// One word for it, for programs: sentences may change.
    pub fn name(self) -> &'static str {
        Refusal::NAMES[self.index()]
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Refusal::Short { length } => write!(f, "too short: {length} of {} bytes", crate::HEADER_LEN),
            Refusal::Long { length } => write!(f, "too long: {length} bytes"),
            Refusal::Magic => f.write_str("not ours: wrong magic"),
            Refusal::Version(version) => write!(f, "version {version}, not {}", crate::VERSION),
            Refusal::Length { said, came } => write!(f, "says {said} bytes, has {came}"),
            Refusal::Tag => f.write_str("tag does not match: damaged or forged"),
            Refusal::Kind(kind) => write!(f, "unknown kind {kind}"),
            Refusal::Role(role) => write!(f, "unknown role {role}"),
            Refusal::Sender { kind, role } => write!(f, "a {role} does not send {kind}"),
            Refusal::Reserved(what) => write!(f, "reserved bits set in {what}"),
            Refusal::Body(what) => write!(f, "body of {what} has a wrong length"),
            Refusal::Field(what) => write!(f, "impossible value: {what}"),
            Refusal::Sealed { key } => write!(f, "sealed with key {key}, which is not at hand"),
            Refusal::Unsealed => f.write_str("not sealed, but this configuration asks for a key"),
            Refusal::Forged { key } => {
                write!(f, "not sealed by key {key} as we have it: forged, damaged, or the keys differ")
            }
            Refusal::Misdirected { to } => write!(f, "sealed for {to}, and not sent there: replayed"),
            Refusal::Replayed { sequence } => write!(f, "packet {sequence} of its sender again, or far too late"),
            Refusal::Outdated => f.write_str(
                "from an earlier start of its sender than one that was heard: replayed, or its host's clock was set back",
            ),
            Refusal::Source { heard } => {
                write!(f, "its sender is heard from {heard}, or another acceptor is: forged, or an address has moved")
            }
        }
    }
}

impl core::error::Error for Refusal {}
