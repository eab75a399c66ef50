//! The new format: blocks of a type and a length. A section names its byte order, then its interfaces with
//! their link types and clocks; packets refer to the interfaces by number.
//!
//! <https://www.ietf.org/archive/id/draft-ietf-opsawg-pcapng-02.html>

use super::input::Input;
use super::write::{APPLICATION, Direction};
use super::{Error, LinkType, Note, Order, RECORD_MAX, Record};
use std::io::Read;
use std::sync::Arc;

/// How many interfaces a section may describe: 64 Ki of 24 bytes are 1.5 MiB.
pub const INTERFACES_MAX: usize = 1 << 16;

/// The type of the block that begins a file, and each further section. It reads the same in both byte orders.
pub const SECTION: u32 = 0x0A0D_0D0A;
pub const BYTE_ORDER: u32 = 0x1A2B_3C4D;
pub const INTERFACE: u32 = 1;
const OBSOLETE_PACKET: u32 = 2;
const SIMPLE_PACKET: u32 = 3;
pub const STATISTICS: u32 = 5;
pub const ENHANCED_PACKET: u32 = 6;
/// Of the types that are for local use, which others pass over. It holds nothing.
pub const FILLER: u32 = 0x8000_5058;
/// Type and length before the content of a block, the length again behind it.
const FRONT: usize = 8;
const BACK: usize = 4;

/// Bytes of the names and comments that are kept.
const NAME_MAX: usize = 32;
const COMMENT_MAX: usize = 1000;

/// Codes of options, those of all blocks and those of some.
pub mod option {
    pub const COMMENT: u16 = 1;
    /// Of a section.
    pub const APPLICATION: u16 = 4;
    /// Of interfaces.
    pub const INTERFACE_NAME: u16 = 2;
    pub const INTERFACE_DESCRIPTION: u16 = 3;
    pub const RESOLUTION: u16 = 9;
    pub const OFFSET: u16 = 14;
    /// Of packets.
    pub const FLAGS: u16 = 2;
    /// Of statistics.
    pub const RECEIVED: u16 = 4;
    pub const DROPPED: u16 = 5;
}

/// A pcapng file.
pub struct PcapNg {
    order: Order,
    /// Those of the current section.
    interfaces: Vec<Interface>,
    /// Of the latest packet that has a time, ns: simple packets have none.
    time_ns: i64,
    /// Whether the current section is a trace, which is of a process.
    of_process: bool,
    /// What statistics said since the last packet: it is told with the next one.
    remark: Option<String>,
}

impl Default for PcapNg {
    fn default() -> PcapNg {
        PcapNg { order: Order::Little, interfaces: Vec::new(), time_ns: 0, of_process: false, remark: None }
    }
}

impl PcapNg {
    /// The next frame, or none where the file ends.
    pub fn next<'a>(&mut self, input: &'a mut Input<impl Read>) -> Result<Option<Record<'a>>, Error> {
        while input.begin_record()? {
            let at = input.record_at();
            let damaged = |what| Error::Damaged { at, what };
            let front = input.peek_whole(FRONT + BACK)?;
            if self.order.u32(front, 0) == SECTION {
                self.order =
                    byte_order(front).ok_or_else(|| damaged("a section without a byte order".into()))?;
            }
            let (kind, length) = (self.order.u32(front, 0), self.order.u32(front, 4) as usize);
            if length < FRONT + BACK || length % 4 != 0 {
                return Err(damaged(format!("a block of {length} bytes")));
            }
            match kind {
                SECTION => self.begin_section(self.block(input, length)?).map_err(damaged)?,
                INTERFACE => {
                    let interface =
                        Interface::read(self.order, self.block(input, length)?).map_err(damaged)?;
                    if self.interfaces.len() == INTERFACES_MAX {
                        return Err(damaged(format!(
                            "one more interface than the {INTERFACES_MAX} of a section that are read"
                        )));
                    }
                    self.interfaces.push(interface);
                }
                ENHANCED_PACKET | OBSOLETE_PACKET | SIMPLE_PACKET => {
                    let block = self.block(input, length)?;
                    return self.packet(kind, block).map(Some).map_err(damaged);
                }
                STATISTICS if length <= RECORD_MAX => {
                    let content = self.block(input, length)?;
                    if let Some(comment) = comment(self.order, content.get(12..).unwrap_or_default()) {
                        join(&mut self.remark, comment);
                    }
                }
                // Names, keys: not ours to read, and of any length.
                _ if length > RECORD_MAX => input.skip(length)?,
                _ => drop(self.block(input, length)?),
            }
        }
        Ok(None)
    }

    /// Takes a whole block and returns its content.
    fn block<'a>(&self, input: &'a mut Input<impl Read>, length: usize) -> Result<&'a [u8], Error> {
        let at = input.record_at();
        if length > RECORD_MAX {
            return Err(Error::Damaged { at, what: super::too_long("a block", length) });
        }
        let block = input.take(length)?;
        let (content, back) = block.split_at(length - BACK);
        self.check_back(back, length).map_err(|what| Error::Damaged { at, what })?;
        Ok(&content[FRONT..])
    }

    fn check_back(&self, back: &[u8], length: usize) -> Result<(), String> {
        match self.order.u32(back, 0) as usize {
            again if again == length => Ok(()),
            again => Err(format!("a block of {length} bytes that ends as one of {again}")),
        }
    }

    fn begin_section(&mut self, content: &[u8]) -> Result<(), String> {
        demand(content, 16, "section")?;
        let (major, minor) = (self.order.u16(content, 4), self.order.u16(content, 6));
        if major != 1 {
            return Err(format!("pcapng of version {major}.{minor}, not 1"));
        }
        self.interfaces.clear();
        let application = options(self.order, &content[16..]).find(|(code, _)| *code == option::APPLICATION);
        self.of_process = application.is_some_and(|(_, name)| name.starts_with(APPLICATION.as_bytes()));
        Ok(())
    }

    fn packet<'a>(&mut self, kind: u32, content: &'a [u8]) -> Result<Record<'a>, String> {
        let order = self.order;
        let header = if kind == SIMPLE_PACKET { 4 } else { 20 };
        demand(content, header, "packet")?;
        let (fields, rest) = content.split_at(header);
        let number = match kind {
            ENHANCED_PACKET => order.u32(fields, 0) as usize,
            OBSOLETE_PACKET => order.u16(fields, 0).into(),
            _ => 0,
        };
        let described = self.interfaces.len();
        let interface = self
            .interfaces
            .get(number)
            .ok_or_else(|| format!("a packet of interface {number} where {described} are described"))?;
        let (length, original) = if kind == SIMPLE_PACKET {
            let original = order.u32(fields, 0) as usize;
            (original.min(interface.snap_length).min(rest.len()), original)
        } else {
            let ticks = u64::from(order.u32(fields, 4)) << 32 | u64::from(order.u32(fields, 8));
            self.time_ns = interface.clock.time_ns(ticks);
            (order.u32(fields, 12) as usize, order.u32(fields, 16) as usize)
        };
        let bytes = rest
            .get(..length)
            .ok_or_else(|| format!("{length} bytes of frame in a block with {}", rest.len()))?;
        let missing = original.saturating_sub(length);
        let mut note = Note { comment: self.remark.take(), ..Note::default() };
        if self.of_process {
            note.process.clone_from(&interface.name);
        }
        if kind == ENHANCED_PACKET {
            let after = rest.get(length.next_multiple_of(4)..).unwrap_or_default();
            for (code, value) in options(order, after) {
                match code {
                    option::COMMENT => join(&mut note.comment, lossy(value, COMMENT_MAX)),
                    option::FLAGS if value.len() == 4 => note.direction = direction(order.u32(value, 0)),
                    _ => {}
                }
            }
        }
        Ok(Record { time_ns: self.time_ns, link: interface.link, bytes, missing, note })
    }
}

/// The byte order that the front of a section states.
fn byte_order(front: &[u8]) -> Option<Order> {
    [Order::Little, Order::Big].into_iter().find(|order| order.u32(front, FRONT) == BYTE_ORDER)
}

/// The options at the end of a block, up to where they make no sense any more.
fn options(order: Order, mut rest: &[u8]) -> impl Iterator<Item = (u16, &[u8])> {
    std::iter::from_fn(move || {
        if rest.len() < 4 {
            return None;
        }
        let (code, length) = (order.u16(rest, 0), usize::from(order.u16(rest, 2)));
        let value = rest[4..].get(..length)?;
        rest = rest.get(4 + length.next_multiple_of(4)..).unwrap_or_default();
        (code != 0).then_some((code, value))
    })
}

/// The first comment among these options.
fn comment(order: Order, content: &[u8]) -> Option<String> {
    let (_, text) = options(order, content).find(|(code, _)| *code == option::COMMENT)?;
    Some(lossy(text, COMMENT_MAX))
}

/// Text of a stranger, at most so many bytes of it.
fn lossy(text: &[u8], bytes_max: usize) -> String {
    String::from_utf8_lossy(&text[..text.len().min(bytes_max)]).into_owned()
}

/// Adds a comment to those before, if that does not become too much.
fn join(comments: &mut Option<String>, more: String) {
    match comments {
        None => *comments = Some(more),
        Some(text) if text.len() + more.len() > COMMENT_MAX => {}
        Some(text) => {
            text.push_str("; ");
            text.push_str(&more);
        }
    }
}

fn direction(flags: u32) -> Option<Direction> {
    match flags & 3 {
        1 => Some(Direction::In),
        2 => Some(Direction::Out),
        _ => None,
    }
}

fn demand(content: &[u8], length: usize, of: &str) -> Result<(), String> {
    if content.len() < length {
        return Err(format!("{} bytes of {of}, where {length} are needed", content.len()));
    }
    Ok(())
}

struct Interface {
    link: LinkType,
    /// How many bytes of a frame are captured at most.
    snap_length: usize,
    clock: Clock,
    name: Option<Arc<str>>,
}

impl Interface {
    fn read(order: Order, content: &[u8]) -> Result<Interface, String> {
        demand(content, 8, "interface")?;
        let link = LinkType(order.u16(content, 0).into());
        let snap_length = match order.u32(content, 4) {
            0 => usize::MAX,
            length => length as usize,
        };
        let (mut clock, mut name) = (Clock::default(), None);
        for (code, value) in options(order, &content[8..]) {
            match (code, value) {
                (option::INTERFACE_NAME, _) => name = Some(lossy(value, NAME_MAX).into()),
                (option::RESOLUTION, &[resolution]) => clock.resolution = resolution,
                (option::OFFSET, _) if value.len() == 8 => clock.offset_s = order.i64(value, 0),
                _ => {}
            }
        }
        Ok(Interface { link, snap_length, clock, name })
    }
}

/// What the ticks of an interface mean.
struct Clock {
    /// A tick is 10^-n s, or 2^-n s when the top bit is set (option `if_tsresol`).
    resolution: u8,
    /// To be added to all times, s (option `if_tsoffset`).
    offset_s: i64,
}

impl Default for Clock {
    fn default() -> Clock {
        Clock { resolution: 6, offset_s: 0 }
    }
}

impl Clock {
    /// Since 1970, ns; as near as they come for times that do not fit.
    fn time_ns(&self, ticks: u64) -> i64 {
        // 2^64 * 10^9 < 2^94, so nothing here overflows.
        let ticks = u128::from(ticks) * 1_000_000_000;
        let exponent = u32::from(self.resolution & 0x7F);
        let ns = match self.resolution {
            0x80.. => ticks >> exponent,
            // A power that does not fit is larger than any dividend.
            _ => 10u128.checked_pow(exponent).map_or(0, |per_second| ticks / per_second),
        };
        let ns = ns as i128 + i128::from(self.offset_s) * 1_000_000_000;
        ns.clamp(i64::MIN.into(), i64::MAX.into()) as i64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_of_any_length_become_nanoseconds() {
        let time_ns = |resolution, offset_s, ticks| Clock { resolution, offset_s }.time_ns(ticks);
        assert_eq!(time_ns(6, 0, 1_500_000), 1_500_000_000);
        assert_eq!(time_ns(9, 0, 1_500_000), 1_500_000);
        assert_eq!(time_ns(12, 0, 1_500_000), 1_500);
        assert_eq!(time_ns(0, 0, 7), 7_000_000_000);
        assert_eq!(time_ns(0x80 | 10, 0, 1536), 1_500_000_000);
        assert_eq!(time_ns(6, -2, 1_500_000), -500_000_000);
    }

    #[test]
    fn absurd_clocks_are_clamped() {
        for resolution in 0..=u8::MAX {
            for offset_s in [i64::MIN, -1, 0, i64::MAX] {
                for ticks in [0, 1, u64::MAX] {
                    Clock { resolution, offset_s }.time_ns(ticks);
                }
            }
        }
        assert_eq!(Clock { resolution: 0, offset_s: 0 }.time_ns(u64::MAX), i64::MAX);
        assert_eq!(Clock { resolution: 127, offset_s: 0 }.time_ns(u64::MAX), 0);
        assert_eq!(Clock { resolution: 6, offset_s: i64::MIN }.time_ns(0), i64::MIN);
    }
}
