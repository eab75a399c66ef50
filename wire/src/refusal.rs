//! Why a packet was refused.

use core::fmt;

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
}

impl Refusal {
    /// How many different reasons there are: the size of a table of counts.
    pub const COUNT: usize = 12;

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
        }
    }
}

impl Refusal {
    /// One word for it, for programs: sentences may change.
    pub fn name(self) -> &'static str {
        match self {
            Refusal::Short { .. } => "short",
            Refusal::Long { .. } => "long",
            Refusal::Magic => "magic",
            Refusal::Version(_) => "version",
            Refusal::Length { .. } => "length",
            Refusal::Tag => "tag",
            Refusal::Kind(_) => "kind",
            Refusal::Role(_) => "role",
            Refusal::Sender { .. } => "sender",
            Refusal::Reserved(_) => "reserved",
            Refusal::Body(_) => "body",
            Refusal::Field(_) => "field",
        }
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
        }
    }
}

impl core::error::Error for Refusal {}
