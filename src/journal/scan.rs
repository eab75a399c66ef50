//! Reading a log from its first record to its end.
//!
//! A place where the next frame should begin and does not is one of three things. The log goes on in the next
//! segment, whose header says so. Or something proves that the frame was durable once: a later frame, or the
//! header of a later segment, which are written only then. Or, in a segment that was made of zeros, no sector
//! of the frame is zeros, so that it was written whole. Both are damage. Or nothing of the kind: the end of the
//! log.

use super::frame::{Condition, FrameHeader, begun};
use super::medium::Source;
use super::report::{Fault, Finding, Loss, OpenError, Place, Report};
use super::segment::{OtherVersion, SegmentHeader};
use super::{Owner, Record, SECTOR};
use crate::planted::{Bug, planted};
use std::collections::BTreeMap;
use std::io;
use std::ops::Range;

/// Where a log ends, and so where it goes on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct End {
    pub place: Place,
    /// Of the segment, bytes.
    pub length: u64,
    pub epoch: u64,
    /// Of the next frame.
    pub number: u64,
    /// For the next frame.
    pub chain: u64,
    /// From the first to the last byte behind that is not zero.
    pub remains: Range<u64>,
    /// The body of a record in the last frame is damaged: but for what stands behind that frame, it could not
    /// be told from one that was torn.
    pub doubtful: bool,
}

/// Reads a log, and calls `each` for every record in order. Returns what was found, and where the log ends;
/// `None` when nothing was written yet, or nothing can be read, or not its end.
///
/// It goes on behind losses, for those who only look; whoever wants to *act* on the records must ask
/// [`Report::lost`] first.
///
/// # Errors
/// When the source or `each` fails, or when it is a log of somebody other than `expected` (`None`: anybody's will do),
/// or of another version.
pub fn scan(
    source: &mut impl Source,
    expected: Option<Owner>,
    each: &mut dyn FnMut(Place, Record<'_>) -> io::Result<()>,
) -> Result<(Report, Option<End>), OpenError> {
    let numbers = source.segments()?;
    let (report, damaged) = (Report::default(), BTreeMap::new());
    let mut scan = Scan { source, numbers, expected, report, damaged, each };
    let end = scan.run()?;
    Ok((scan.report, end))
}

/// A segment that was read.
struct Segment {
    number: u64,
    bytes: Vec<u8>,
    /// `None`: it was not used yet, or its header is damaged.
    header: Option<SegmentHeader>,
}

/// Where the next frame should begin.
struct Cursor {
    segment: Segment,
    at: usize,
    /// Of that frame.
    number: u64,
    chain: u64,
    /// The frame before has a damaged body.
    doubtful: bool,
}

/// What stands where a frame should begin.
enum Look {
    Frame(Condition, usize),
    /// The frame, with a record's header damaged at this offset.
    Record(usize),
    Nothing,
}

/// Where the log goes on behind a place at which it seems to end.
enum Next {
    /// In the next segment, as it should.
    Border(Cursor),
    /// Further on in this segment: so what stood in between was durable once.
    Here {
        at: usize,
        number: u64,
        chain: u64,
    },
    /// In a later segment: the same.
    Later(Cursor),
    Nowhere,
}

struct Scan<'a, S> {
    source: &'a mut S,
    numbers: Vec<u64>,
    expected: Option<Owner>,
    report: Report,
    /// By instance: the findings about its damaged bodies.
    damaged: BTreeMap<u64, Vec<usize>>,
    each: &'a mut dyn FnMut(Place, Record<'_>) -> io::Result<()>,
}

impl<S: Source> Scan<'_, S> {
    fn run(&mut self) -> Result<Option<End>, OpenError> {
        let Some(mut cursor) = self.first()? else { return Ok(None) };
        loop {
            let look = cursor.look(self.report.epoch);
            if let Look::Frame(condition, length) = look
                && condition.bodies == 0
            {
                self.deliver(&mut cursor, condition, length)?;
                continue;
            }
            match self.next(&cursor)? {
                Next::Border(next) => {
                    self.unused(&cursor.segment, cursor.at);
                    cursor = self.enter(next);
                }
                Next::Nowhere if !cursor.written(&look, self.report.epoch) => {
                    return self.end(cursor).map(Some);
                }
                Next::Nowhere => match look {
                    Look::Frame(condition, length) => self.deliver(&mut cursor, condition, length)?,
                    look => {
                        self.lose(&cursor, look, &cursor.segment);
                        return Ok(None);
                    }
                },
                next => match (look, next) {
                    (Look::Frame(condition, length), _) => self.deliver(&mut cursor, condition, length)?,
                    (look, Next::Later(next)) => {
                        self.lose(&cursor, look, &next.segment);
                        cursor = self.enter(next);
                    }
                    (look, Next::Here { at, number, chain }) => {
                        self.lose(&cursor, look, &cursor.segment);
                        cursor = Cursor { at, number, chain, ..cursor };
                    }
                    (_, Next::Border(_) | Next::Nowhere) => unreachable!("both are matched above"),
                },
            }
        }
    }

    /// The beginning of the log; `None` when there is none.
    fn first(&mut self) -> Result<Option<Cursor>, OpenError> {
        let mut unreadable = None;
        let mut before = Vec::new();
        for number in self.numbers.clone() {
            let segment = self.load(number)?;
            let Some(header) = segment.header else {
                if !segment.remains(0).is_empty() {
                    unreadable.get_or_insert(Place { segment: number, offset: 0 });
                }
                before.push(number);
                continue;
            };
            let place = Place { segment: number, offset: 0 };
            if !before.is_empty() {
                let place = unreadable.unwrap_or(Place { segment: before[0], offset: 0 });
                self.find(place, Fault::Lost(Loss::SegmentHeader));
            } else if header.first.get() != 1 {
                self.find(place, Fault::Lost(Loss::Missing));
            }
            self.report.owner = Some(header.owner());
            self.report.epoch = header.epoch.get();
            return Ok(Some(self.enter(Cursor::begin(segment, &header))));
        }
        if let Some(place) = unreadable {
            self.find(place, Fault::Lost(Loss::SegmentHeader));
        }
        Ok(None)
    }

    fn load(&mut self, number: u64) -> Result<Segment, OpenError> {
        let mut bytes = self.source.read(number)?;
        let header = SegmentHeader::read(&bytes, number)
            .map_err(|OtherVersion(found)| OpenError::Version { found })?;
        if let (Some(header), Some(expected)) = (&header, self.expected)
            && header.owner() != expected
        {
            return Err(OpenError::Foreign { found: header.owner(), expected });
        }
        if let Some(header) = &header {
            bytes.truncate(usize::try_from(header.length.get()).unwrap_or(usize::MAX));
        }
        Ok(Segment { number, bytes, header })
    }

    /// Goes on in another segment.
    fn enter(&mut self, cursor: Cursor) -> Cursor {
        self.report.segments += 1;
        let segment = &cursor.segment;
        if let Some(header) = &segment.header
            && header.length.get() > segment.bytes.len() as u64
        {
            let place = Place { segment: segment.number, offset: segment.bytes.len() as u64 };
            self.find(place, Fault::Lost(Loss::Shorter { length: header.length.get() }));
        }
        cursor
    }

    /// Hands out the records of a frame, and moves behind it.
    fn deliver(&mut self, cursor: &mut Cursor, condition: Condition, length: usize) -> io::Result<()> {
        let place = cursor.place();
        if !condition.padded {
            self.find(place, Fault::Padding);
        }
        let bytes = &cursor.segment.bytes[cursor.at..];
        let header = FrameHeader::find(bytes, self.report.epoch).expect("it was looked at before");
        let mut taken = Ok(());
        let result = header.records(bytes, |at, record| {
            if taken.is_err() {
                return;
            }
            let place = Place { offset: place.offset + at as u64, ..place };
            self.report.records += 1;
            self.note(place, &record);
            taken = (self.each)(place, record);
        });
        taken?;
        assert_eq!(result, Ok(condition), "the same bytes say the same twice");
        self.report.frames += 1;
        self.report.bytes += length as u64;
        cursor.at += length;
        cursor.number += 1;
        cursor.chain = condition.chain;
        cursor.doubtful = condition.bodies > 0;
        Ok(())
    }

    /// Keeps account of damaged bodies and their repairs.
    fn note(&mut self, place: Place, record: &Record<'_>) {
        match *record {
            Record::Damaged { instance, ballot, decided } => {
                self.damaged.entry(instance).or_default().push(self.report.findings.len());
                self.find(place, Fault::Body { instance, ballot, decided, repaired: false });
            }
            Record::Accepted { instance, .. } if !self.damaged.is_empty() => {
                for index in self.damaged.remove(&instance).into_iter().flatten() {
                    if let Fault::Body { repaired, .. } = &mut self.report.findings[index].what {
                        *repaired = true;
                    }
                }
            }
            _ => {}
        }
    }

    /// Where the log goes on, when it does not at `cursor`.
    fn next(&mut self, cursor: &Cursor) -> Result<Next, OpenError> {
        let epoch = self.report.epoch;
        if planted(Bug::DamageCutOff) {
            return Ok(Next::Nowhere);
        }
        if let Some((at, header)) = cursor.segment.frame_behind(cursor.at + SECTOR, epoch, cursor.number + 1)
        {
            return Ok(Next::Here { at, number: header.number.get(), chain: header.chain.get() });
        }
        for number in self.after(cursor.segment.number) {
            let segment = self.load(number)?;
            match segment.header {
                Some(header) if header.epoch.get() != epoch => {
                    let place = Place { segment: number, offset: 0 };
                    self.find(place, Fault::Lost(Loss::OtherEpoch));
                }
                Some(header) if header.first.get() >= cursor.number => {
                    let next = Cursor::begin(segment, &header);
                    let fits = number == cursor.segment.number + 1
                        && (next.number, next.chain) == (cursor.number, cursor.chain);
                    return Ok(if fits { Next::Border(next) } else { Next::Later(next) });
                }
                // A damaged header, or a segment that was not used yet. The header is durable before the
                // first frame is written, so one that stands without it is proof enough.
                _ => {
                    if let Some((at, header)) = segment.frame_behind(SECTOR, epoch, cursor.number) {
                        let (number, chain) = (header.number.get(), header.chain.get());
                        let segment = Segment { header: None, ..segment };
                        return Ok(Next::Later(Cursor { segment, at, number, chain, doubtful: false }));
                    }
                }
            }
        }
        Ok(Next::Nowhere)
    }

    fn after(&self, segment: u64) -> Vec<u64> {
        self.numbers.iter().copied().filter(|number| *number > segment).collect()
    }

    /// Says what is wrong between `cursor` and `next`.
    fn lose(&mut self, cursor: &Cursor, look: Look, next: &Segment) {
        let (here, there) = (cursor.segment.number, next.number);
        let beginning = Place { segment: there, offset: 0 };
        let (place, loss) = match look {
            Look::Record(at) => {
                let offset = (cursor.at + at) as u64;
                (Place { offset, ..cursor.place() }, Loss::Record)
            }
            _ if there > here + 1 && !self.numbers.contains(&(here + 1)) => (beginning, Loss::Missing),
            _ if there > here && next.header.is_none() => (beginning, Loss::SegmentHeader),
            _ => (cursor.place(), Loss::Frame { number: cursor.number }),
        };
        self.find(place, Fault::Lost(loss));
    }

    fn end(&mut self, cursor: Cursor) -> Result<End, OpenError> {
        let remains = cursor.segment.remains(cursor.at);
        if !remains.is_empty() {
            let bytes = remains.end - cursor.at as u64;
            self.find(cursor.place(), Fault::TornTail { bytes });
        }
        for number in self.after(cursor.segment.number) {
            let segment = self.load(number)?;
            self.unused(&segment, 0);
        }
        Ok(End {
            place: cursor.place(),
            length: cursor.segment.bytes.len() as u64,
            epoch: self.report.epoch,
            number: cursor.number,
            chain: cursor.chain,
            remains,
            doubtful: cursor.doubtful,
        })
    }

    /// Looks at what should be zeros from `at` on.
    fn unused(&mut self, segment: &Segment, at: usize) {
        let remains = segment.remains(at);
        if !remains.is_empty() {
            let place = Place { segment: segment.number, offset: remains.start };
            self.find(place, Fault::Unused { bytes: remains.end - remains.start });
        }
    }

    fn find(&mut self, place: Place, what: Fault) {
        let finding = Finding { place, what };
        // What lies behind a damaged body is looked at once for each of them.
        if matches!(finding.what, Fault::Lost(_)) && self.report.findings.contains(&finding) {
            return;
        }
        self.report.findings.push(finding);
    }
}

impl Cursor {
    fn begin(segment: Segment, header: &SegmentHeader) -> Cursor {
        let (number, chain) = (header.first.get(), header.chain.get());
        Cursor { segment, at: SECTOR, number, chain, doubtful: false }
    }

    fn place(&self) -> Place {
        Place { segment: self.segment.number, offset: self.at as u64 }
    }

    /// Whether the frame that should begin here, which nothing proves, was written whole nevertheless. Only in
    /// a segment that was zeros: there every sector of it shows whether it was.
    fn written(&self, look: &Look, epoch: u64) -> bool {
        let zeroed = self.segment.header.is_some_and(|header| header.is_zeroed());
        let bytes = self.segment.bytes.get(self.at..).unwrap_or_default();
        zeroed
            && !planted(Bug::DamageCutOff)
            && match look {
                Look::Nothing => begun(&bytes[..bytes.len().min(SECTOR)]),
                Look::Frame(..) | Look::Record(_) => {
                    !FrameHeader::find(bytes, epoch).expect("it was looked at before").torn(bytes)
                }
            }
    }

    fn look(&self, epoch: u64) -> Look {
        let bytes = self.segment.bytes.get(self.at..).unwrap_or_default();
        let Some(header) = FrameHeader::find(bytes, epoch) else { return Look::Nothing };
        let follows = (header.number.get(), header.chain.get()) == (self.number, self.chain);
        if !follows && !planted(Bug::RecycledTail) {
            return Look::Nothing;
        }
        match header.records(bytes, |_, _| ()) {
            Ok(condition) => Look::Frame(condition, header.length.get() as usize),
            Err(at) => Look::Record(at),
        }
    }
}

impl Segment {
    /// The first frame from `at` on whose number is not below `number`.
    fn frame_behind(&self, at: usize, epoch: u64, number: u64) -> Option<(usize, &FrameHeader)> {
        (at..self.bytes.len()).step_by(SECTOR).find_map(|at| {
            let header = FrameHeader::find(&self.bytes[at..], epoch)?;
            (header.number.get() >= number).then_some((at, header))
        })
    }

    /// From the first to the last byte, from `at` on, that is not zero.
    fn remains(&self, at: usize) -> Range<u64> {
        // Whole sectors first: a segment is mostly zeros, and comparing them is what the processor does best.
        let used = |at: &usize| self.sector(*at) != &ZEROS[..self.sector(*at).len()];
        let mut sectors = (at..self.bytes.len()).step_by(SECTOR);
        let Some(first) = sectors.clone().find(used) else { return 0..0 };
        let last = sectors.rfind(used).unwrap_or(first);
        let start = self.sector(first).iter().position(|byte| *byte != 0).unwrap_or(0);
        let end = self.sector(last).iter().rposition(|byte| *byte != 0).unwrap_or(0) + 1;
        (first + start) as u64..(last + end) as u64
    }

    /// The bytes from `at` on, up to a sector's worth.
    fn sector(&self, at: usize) -> &[u8] {
        &self.bytes[at..self.bytes.len().min(at + SECTOR)]
    }
}

const ZEROS: [u8; SECTOR] = [0; SECTOR];
