//! Where each field of a packet stands, what it is and what it means.
//!
//! The structs of packets are declared within [`record!`] and [`body!`], which make two things of one
//! declaration: the struct, and a [`Struct`] that tells the same as data, its doc comments included. From
//! that data come the Wireshark dissector ([`crate::dissector`]), the depth of `wire dump` ([`walk`]) and the
//! page of all packets ([`crate::packets`]), so none of them can say other than what the code does.

#[cfg(test)]
mod page;
pub(crate) mod walk;

use crate::batch::EntryHeader;
use crate::kinds::ack::AckRecord;
use crate::kinds::phase1::Run;
use crate::kinds::rejoin::Member;
use crate::kinds::tally::{HEARD_MAX, Heard};
use crate::{BallotField, Kind, LIVES_MAX, RANGES_MAX, RUNS_MAX, RangeRecord};
use zerocopy::byteorder::big_endian::{U16, U32, U64};

/// A struct as it stands in a packet: its fields cover it, without gap or overlap.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Struct {
    #[cfg_attr(not(test), expect(dead_code, reason = "only docs/packets.md tells it, which a test makes"))]
    pub name: &'static str,
    /// The doc comment, a line a line.
    #[cfg_attr(not(test), expect(dead_code, reason = "as above"))]
    pub doc: &'static str,
    pub size: usize,
    pub fields: &'static [Field],
}

/// A field of a [`Struct`].
#[derive(Clone, Copy, Debug)]
pub(crate) struct Field {
    pub name: &'static str,
    /// Bytes from the start of the struct.
    pub at: usize,
    /// Bytes.
    pub length: usize,
    pub form: Form,
    pub doc: &'static str,
}

/// What the bytes of a field are. All numbers are big endian and have no sign.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Form {
    Number,
    /// A number that is only ever compared with others: an incarnation, a life, a hash.
    Hex,
    /// A set of small numbers: number i is in it when bit i is set.
    Bits,
    /// The same of any length: bit i % 8 of byte i / 8.
    Set,
    /// Round, proposer, incarnation.
    Ballot,
    /// The round of a ballot whose proposer and incarnation are those of the sender.
    Round,
    Kind,
    Role,
    Status,
    Flags,
    /// An IPv4 address.
    Address,
    Bytes,
    /// Reserved: nothing but zeros.
    Zero,
    Nested(&'static Struct),
}

/// What follows the fixed body of a kind: records of one struct, or bytes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tail {
    /// Of one of them.
    pub name: &'static str,
    pub what: What,
    pub doc: &'static str,
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum What {
    /// At least one byte, to the end of the packet.
    Bytes,
    Records {
        of: &'static Struct,
        /// The field of the body that counts them; else they go on to the end of the packet.
        counted_by: Option<&'static str>,
        /// The field of the record that counts bytes behind it, at least one.
        then_bytes: Option<&'static str>,
        /// How many there may be, where fewer than would fit.
        max: usize,
    },
}

const fn records(name: &'static str, of: &'static Struct, max: usize, doc: &'static str) -> Tail {
    Tail { name, what: What::Records { of, counted_by: None, then_bytes: None, max }, doc }
}

pub(crate) const BYTES: Tail =
    Tail { name: "bytes", what: What::Bytes, doc: "A piece of the session's stream, at least one byte." };
pub(crate) const FILLING: Tail = Tail { doc: "Nothing but length, at least one byte.", ..BYTES };
pub(crate) const HEARD: Tail =
    records("heard", &Heard::LAYOUT, HEARD_MAX, "One for each other observer that was heard.");
pub(crate) const ENTRIES: Tail = Tail {
    name: "entry",
    what: What::Records {
        of: &EntryHeader::LAYOUT,
        counted_by: None,
        then_bytes: Some("length"),
        max: usize::MAX,
    },
    doc: "The entries of the batch, each with its bytes; none at all are a no-op.",
};
pub(crate) const ACKS: Tail = records("ack", &AckRecord::LAYOUT, usize::MAX, "One for each session.");
pub(crate) const RANGES: Tail =
    records("range", &RangeRecord::LAYOUT, RANGES_MAX, "They ascend, with gaps between them.");
pub(crate) const RUNS: Tail = records("run", &Run::LAYOUT, RUNS_MAX, "They ascend.");
pub(crate) const MEMBERS: Tail =
    records("member", &Member::LAYOUT, LIVES_MAX, "One for each founding member.");
pub(crate) const LIVES: Tail = records(
    "known",
    &LIFE,
    LIVES_MAX,
    "Of all acceptors, in the order of their ids, as the sender knows them.",
);
pub(crate) const COUNTED_LIVES: Tail = Tail {
    what: What::Records { of: &LIFE, counted_by: Some("lives"), then_bytes: None, max: LIVES_MAX },
    ..LIVES
};

/// A life in a list of lives has no struct of its own.
const LIFE: Struct = Struct {
    name: "Life",
    doc: "A life in a list of lives: a memory without a gap that an acceptor speaks from.",
    size: size_of::<U64>(),
    fields: &[Field {
        name: "life",
        at: 0,
        length: size_of::<U64>(),
        form: Form::Hex,
        doc: "0 when none is known.",
    }],
};
const _: () = LIFE.prove();

/// What is declared by [`record!`].
pub(crate) trait Declared {
    const LAYOUT: Struct;
}

/// What follows the fixed body of a kind.
pub(crate) trait Tailed: Declared {
    const TAILS: &'static [Tail];
}

/// The fixed body of a kind, and what follows it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Parts {
    pub body: &'static Struct,
    pub tails: &'static [Tail],
}

impl Parts {
    const fn of<B: Tailed + 'static>() -> Parts {
        Parts { body: &B::LAYOUT, tails: B::TAILS }
    }

    pub const fn of_kind(kind: Kind) -> Parts {
        match kind {
            Kind::Hello => Parts::of::<crate::Hello>(),
            Kind::Submit => Parts::of::<crate::Submit>(),
            Kind::Ack => Parts::of::<crate::Ack>(),
            Kind::Phase1a => Parts::of::<crate::Phase1a>(),
            Kind::Phase1b => Parts::of::<crate::Phase1b>(),
            Kind::Phase2a => Parts::of::<crate::Phase2a>(),
            Kind::Phase2b => Parts::of::<crate::Phase2b>(),
            Kind::Nack => Parts::of::<crate::Nack>(),
            Kind::Heartbeat => Parts::of::<crate::Heartbeat>(),
            Kind::Watermark => Parts::of::<crate::Watermark>(),
            Kind::CatchUp => Parts::of::<crate::CatchUp>(),
            Kind::Fetch => Parts::of::<crate::Fetch>(),
            Kind::Value => Parts::of::<crate::Value>(),
            Kind::Report => Parts::of::<crate::Report>(),
            Kind::Join => Parts::of::<crate::Join>(),
            Kind::Helped => Parts::of::<crate::Helped>(),
            Kind::Found => Parts::of::<crate::Found>(),
            Kind::Over => Parts::of::<crate::Over>(),
            Kind::ProcessStatus => Parts::of::<crate::ProcessStatus>(),
            Kind::Probe => Parts::of::<crate::Probe>(),
            Kind::Tally => Parts::of::<crate::Tally>(),
        }
    }
}

/// What a field of this type is, unless its declaration says more.
pub(crate) trait Formed {
    const FORM: Form;
}

impl Formed for u8 {
    const FORM: Form = Form::Number;
}
impl Formed for U16 {
    const FORM: Form = Form::Number;
}
impl Formed for U32 {
    const FORM: Form = Form::Number;
}
impl Formed for U64 {
    const FORM: Form = Form::Number;
}
impl Formed for BallotField {
    const FORM: Form = Form::Ballot;
}
impl<T: Declared + 'static> Formed for T {
    const FORM: Form = Form::Nested(&T::LAYOUT);
}

impl Struct {
    /// Fails to compile when the fields leave out a byte, tell one twice, or cannot be what they say.
    pub const fn prove(&self) {
        let (mut end, mut at) = (0, 0);
        while at < self.fields.len() {
            let field = &self.fields[at];
            assert!(field.at == end, "a gap, or fields that overlap");
            assert!(field.form.fits(field.length), "a field of this length cannot have this form");
            end += field.length;
            at += 1;
        }
        assert!(end == self.size, "bytes at the end that no field tells of");
    }
}

impl Form {
    const fn fits(self, length: usize) -> bool {
        match self {
            Form::Number | Form::Hex => matches!(length, 1 | 2 | 4 | 6 | 8),
            Form::Bits => length <= 8,
            Form::Ballot => length == size_of::<BallotField>(),
            Form::Round => length == 6,
            Form::Kind | Form::Role | Form::Status | Form::Flags => length == 1,
            Form::Address => length == 4,
            Form::Set | Form::Bytes | Form::Zero => true,
            Form::Nested(inner) => inner.size == length,
        }
    }
}

/// A doc comment as plain text in one line: what rustdoc makes a link is only code.
pub(crate) fn plain(doc: &str) -> String {
    let lines: Vec<&str> = doc.lines().map(str::trim).collect();
    let text = lines.join(" ").replace("[`", "`").replace("`]", "`").replace("crate::", "");
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Declares a struct of packets, proves its size, and keeps the declaration as [`Declared::LAYOUT`].
///
/// `as` tells the [`Form`] of a field whose type does not.
macro_rules! record {
    (
        $(#[doc = $doc:literal])+
        pub struct $name:ident: $size:literal bytes {
            $($(#[doc = $meaning:literal])+ pub $field:ident: $type:ty $(as $form:ident)?,)+
        }
    ) => {
        $(#[doc = $doc])+
        #[doc = concat!("\n[Its bytes](crate::packets#", stringify!($name), ")")]
        #[derive(
            Clone,
            Copy,
            Debug,
            zerocopy::FromBytes,
            zerocopy::IntoBytes,
            zerocopy::Immutable,
            zerocopy::KnownLayout,
            zerocopy::Unaligned,
        )]
        #[repr(C)]
        pub struct $name {
            $($(#[doc = $meaning])+ pub $field: $type,)+
        }

        impl crate::layout::Declared for $name {
            const LAYOUT: crate::layout::Struct = crate::layout::Struct {
                name: stringify!($name),
                doc: concat!($($doc, "\n"),+),
                size: size_of::<$name>(),
                fields: &[$(crate::layout::Field {
                    name: stringify!($field),
                    at: core::mem::offset_of!($name, $field),
                    length: size_of::<$type>(),
                    form: crate::layout::form!($type $(as $form)?),
                    doc: concat!($($meaning, "\n"),+),
                }),+],
            };
        }
        const _: () = assert!(size_of::<$name>() == $size);
        const _: () = <$name as crate::layout::Declared>::LAYOUT.prove();
    };
}

macro_rules! form {
    ($type:ty) => {
        <$type as crate::layout::Formed>::FORM
    };
    ($type:ty as $form:ident) => {
        crate::layout::Form::$form
    };
}

/// Declares the fixed body of the kind of the same name, and what follows it.
macro_rules! body {
    (
        $(#[doc = $doc:literal])+
        pub struct $name:ident: $size:literal bytes $(, then $($tail:ident),+)? {
            $($fields:tt)+
        }
    ) => {
        crate::layout::record! {
            $(#[doc = $doc])+
            pub struct $name: $size bytes {
                $($fields)+
            }
        }

        impl crate::kinds::FixedBody for $name {
            const KIND: crate::Kind = crate::Kind::$name;
        }
        impl crate::layout::Tailed for $name {
            const TAILS: &'static [crate::layout::Tail] = &[$($(crate::layout::$tail),+)?];
        }
    };
}

pub(crate) use {body, form, record};
