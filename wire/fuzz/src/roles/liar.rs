//! Everybody else: makes packets with right tags that say anything.

use super::super::input::Input;
use super::super::packet::make_right;
use paxos::protocol::Setup;
use std::collections::VecDeque;
use wire::report::Room;
use wire::{
    Ack, AckRecord, BEYOND_BITS, Ballot, Body, CatchUp, EntryHeader, Fetch, FixedBody, Found, HEADER_LEN,
    Heartbeat, Hello, Helped, Join, Kind, Layout, Member, Nack, Over, PACKET_MAX, Packet, Phase1a, Phase1b,
    Phase2a, Phase2b, Probe, ProcessStatus, Purpose, RUNS_MAX, Range, RangeRecord, Report, Role, Run, Sender,
    Stamp, Submit, Tally, Value, Watermark, Way, flags,
};
use zerocopy::byteorder::big_endian::U64;
use zerocopy::{FromZeros, IntoBytes};

/// What was said last: packets to answer.
const RECENT: usize = 32;

const IDS: [u16; 8] = [1, 2, 3, 0, 65535, 9, 4, 2];
/// Starts before, at and after that of the role.
const INCARNATIONS: [u64; 8] = [77, 78, 1000, 1, 0, 999, 1001, u64::MAX];

pub struct Liar {
    layout: Layout,
    me: Sender,
    setup: Setup,
    sequence: u64,
    recent: VecDeque<Vec<u8>>,
    /// By client and start: the number of its next entry.
    numbers: [[u64; INCARNATIONS.len()]; IDS.len()],
    /// The ballot and the instance that were mentioned last, and the highest ballot of all.
    ballot: Ballot,
    instance: u64,
    highest: Ballot,
    /// The log that the role belongs to.
    log: u32,
}

impl Liar {
    pub fn new(setup: &Setup) -> Liar {
        Liar {
            layout: Layout { packet: PACKET_MAX, ..setup.layout },
            me: setup.me,
            setup: setup.clone(),
            sequence: 0,
            recent: VecDeque::new(),
            numbers: [[0; INCARNATIONS.len()]; IDS.len()],
            ballot: Ballot::new(1, 2, 77),
            instance: 0,
            highest: Ballot::ZERO,
            log: 7,
        }
    }

    /// The role has started again.
    pub fn restarted(&mut self, me: Sender) {
        self.me = me;
    }

    /// Somebody said this: the role, or one of the others, who answer each other as well.
    pub fn overhear(&mut self, bytes: &[u8], packet: &Packet<'_>) {
        if self.recent.len() == RECENT {
            self.recent.pop_front();
        }
        self.recent.push_back(bytes.to_vec());
        // A proposer speaks for itself: what others make up would only hide which ballot it is in.
        if self.me.role == Role::Proposer && packet.sender != self.me {
            return;
        }
        if packet.sender == self.me && packet.header.log.get() != 0 {
            self.log = packet.header.log.get();
        }
        let ballot = match packet.body {
            Body::Phase1a(body) => Some(body.ballot.get()),
            Body::Phase1b(body, ..) => Some(body.ballot.get()),
            Body::Phase2a(body, _) => {
                self.instance = body.instance.get();
                Some(body.ballot(packet.sender))
            }
            Body::Phase2b(body, _, ranges) => {
                self.instance = ranges.last().map_or(self.instance, |range| range.range().until - 1);
                Some(body.ballot.get())
            }
            Body::Watermark(body) => Some(body.ballot.get()),
            Body::Nack(body) => Some(body.promised.get()),
            Body::Heartbeat(body) => Some(body.ballot.get()),
            Body::Join(body) => Some(body.ballot.get()),
            Body::CatchUp(_, ranges) => {
                self.instance = ranges[0].first.get();
                None
            }
            Body::Submit(body, _) => {
                self.instance = body.number.get();
                None
            }
            _ => None,
        };
        if let Some(ballot) = ballot.filter(|ballot| !ballot.is_zero()) {
            self.ballot = ballot;
            self.highest = self.highest.max(ballot);
        }
    }

    /// What an honest process might answer to something that was said, or nearly.
    pub fn answer(&mut self, input: &mut Input<'_>) -> Option<Vec<u8>> {
        let back = usize::from(input.byte()) % self.recent.len().max(1);
        let bytes = self.recent.iter().rev().nth(back)?.clone();
        let packet = Packet::parse(&bytes).ok()?;
        let how = input.byte();
        let acceptor = self.acceptor(input);
        let proposer = self.sender(Role::Proposer, input);
        Some(match packet.body {
            Body::Phase1a(body) if how & 7 == 0 => {
                let promised = self.ballot(input).max(body.ballot.get());
                self.seal(acceptor, 0, &Nack { refused: body.ballot, promised: promised.into() }, &[], input)
            }
            Body::Phase1a(body) => self.promise(acceptor, body, how, input),
            Body::Phase2a(body, _) if how & 3 > 0 => {
                let until = body.instance.get() + 1;
                let first = until.saturating_sub(u64::from(how >> 2) + 1);
                let votes = RangeRecord::new(Range::new(first, until));
                let ballot = body.ballot(packet.sender);
                self.vote(acceptor, ballot, votes.as_bytes(), self.instance(input), input)
            }
            Body::Phase2a(body, batch) => {
                let value = Value { instance: body.instance, ballot: body.ballot(packet.sender).into() };
                self.seal(acceptor, flags::DECIDED, &value, &[batch.as_bytes()], input)
            }
            Body::Phase2b(body, _, ranges) => {
                let ballot = body.ballot.get();
                let sender =
                    Sender { role: Role::Proposer, id: ballot.proposer(), incarnation: ballot.incarnation() };
                let until = ranges.last().map_or(0, |range| range.range().until);
                let decided_until = until.saturating_sub((how >> 4).into());
                if how & 1 == 0 {
                    let watermark = Watermark {
                        ballot: body.ballot,
                        decided_until: decided_until.into(),
                        proposed_until: until.into(),
                    };
                    self.seal(sender, how & flags::ASK, &watermark, &[], input)
                } else {
                    let next = Phase2a::new(until, decided_until, ballot.round());
                    let batch = self.batch(input);
                    self.seal(sender, 0, &next, &[&batch], input)
                }
            }
            Body::Heartbeat(body) => self.seal(proposer, how & Kind::Heartbeat.flags(), body, &[], input),
            Body::Watermark(body) => {
                let room = self.room(body.proposed_until.get(), input);
                let report = Report { ballot: body.ballot, room, delivered_until: body.decided_until };
                let sender = self.sender(Role::Learner, input);
                self.seal(sender, 0, &report, &[], input)
            }
            Body::Submit(body, _) => self.acknowledge(proposer, body.number.get() + 1, how, input),
            Body::Ack(ack, records) => {
                let number = records.first().map_or(0, |record| record.received_until.get());
                self.ballot = ack.ballot.get();
                self.submit(number + u64::from(how % 4), input)
            }
            Body::CatchUp(_, ranges) | Body::Fetch(_, ranges) => {
                let range = ranges[usize::from(how) % ranges.len()].range();
                let instance = range.first + u64::from(input.byte()) % range.len();
                let fetched = matches!(packet.body, Body::Fetch(..)) && how & 3 == 0;
                let ballot = self.ballot(input);
                let batch = self.batch(input);
                let value = Value { instance: instance.into(), ballot: ballot.into() };
                self.seal(acceptor, if fetched { 0 } else { flags::DECIDED }, &value, &[&batch], input)
            }
            Body::Join(body) => {
                let helped = Helped {
                    joiner: body.life,
                    ballot: body.ballot,
                    life: acceptor.incarnation.into(),
                    former: if how & 1 == 0 { 0 } else { self.life(input) }.into(),
                    top: self.instance(input).into(),
                    ..Helped::new_zeroed()
                };
                let lives = self.lives(input);
                self.seal(acceptor, 0, &helped, &[lives.as_bytes()], input)
            }
            // Somebody else says the same.
            _ => {
                let mut bytes = bytes.clone();
                bytes[8..10].copy_from_slice(&acceptor.id.to_be_bytes());
                bytes[16..24].copy_from_slice(&acceptor.incarnation.to_be_bytes());
                make_right(&mut bytes);
                bytes
            }
        })
    }

    /// What lets an honest role go one instance further: first what comes before its turn, then what comes
    /// after.
    pub fn advance(&mut self, late: bool) -> Vec<Vec<u8>> {
        let zeros = &mut Input::new(&[]);
        match (self.me.role, late) {
            (Role::Proposer, false) => {
                let next = &mut self.numbers[0][0];
                let number = core::mem::replace(next, *next + 1);
                vec![self.submit(number, zeros)]
            }
            (Role::Proposer, true) => {
                let (instance, ballot) = (self.instance, self.ballot);
                let votes = [RangeRecord { first: instance.into(), count: 1.into() }];
                let acceptor = |id: &u16| Sender { role: Role::Acceptor, id: *id, incarnation: 77 };
                let acceptors: Vec<Sender> = self.setup.acceptors.iter().map(acceptor).collect();
                acceptors
                    .into_iter()
                    .map(|one| self.vote(one, ballot, votes.as_bytes(), instance.saturating_add(1), zeros))
                    .collect()
            }
            (Role::Learner | Role::Acceptor, false) => {
                let instance = self.instance.saturating_add(1).min(u64::MAX - 2);
                let ballot = self.ballot;
                let (id, incarnation) = (ballot.proposer(), ballot.incarnation());
                let sender = Sender { role: Role::Proposer, id, incarnation };
                let body = Phase2a::new(instance, instance + 1, ballot.round());
                vec![self.seal(sender, 0, &body, &[], zeros)]
            }
            _ => Vec::new(),
        }
    }

    /// A packet of any kind, its fields chosen by the bytes.
    pub fn make(&mut self, input: &mut Input<'_>) -> Vec<u8> {
        let kind = input.one_of(&Kind::ALL);
        let senders: Vec<Role> = Role::ALL.into_iter().filter(|role| kind.sent_by(*role)).collect();
        let role = input.one_of(&senders);
        let sender = if role == Role::Acceptor { self.acceptor(input) } else { self.sender(role, input) };
        let flags = if kind.flags() == 0 { 0 } else { input.byte() & kind.flags() };
        match kind {
            Kind::Hello => {
                let answered = input.one_of(&INCARNATIONS).into();
                self.seal(sender, flags, &Hello { answered }, &[], input)
            }
            Kind::Submit => {
                let number = self.instance(input);
                self.submit(number, input)
            }
            Kind::Ack => {
                let received = self.instance(input);
                let how = input.byte();
                self.acknowledge(sender, received, how, input)
            }
            Kind::Phase1a => {
                let body = Phase1a { ballot: self.ballot(input).into(), from: self.instance(input).into() };
                self.seal(sender, 0, &body, &[], input)
            }
            Kind::Phase1b => {
                let asked = Phase1a { ballot: self.ballot(input).into(), from: self.instance(input).into() };
                let how = input.byte();
                self.promise(sender, &asked, how, input)
            }
            Kind::Phase2a => {
                let ballot = self.ballot(input);
                let sender = if input.byte() & 3 == 0 {
                    sender
                } else {
                    Sender { role, id: ballot.proposer(), incarnation: ballot.incarnation() }
                };
                let body = Phase2a::new(self.instance(input), self.instance(input), ballot.round());
                let batch = self.batch(input);
                self.seal(sender, 0, &body, &[&batch], input)
            }
            Kind::Phase2b => {
                let ballot = self.ballot(input);
                let ranges = self.ranges(input);
                self.vote(sender, ballot, ranges.as_bytes(), self.instance(input), input)
            }
            Kind::Nack => {
                let body = Nack { refused: self.ballot(input).into(), promised: self.ballot(input).into() };
                self.seal(sender, flags, &body, &[], input)
            }
            Kind::Heartbeat => {
                let (ballot, decided_until) = (self.ballot(input).into(), self.instance(input).into());
                self.seal(sender, flags, &Heartbeat { ballot, decided_until }, &[], input)
            }
            Kind::Watermark => {
                let body = Watermark {
                    ballot: self.ballot(input).into(),
                    decided_until: self.instance(input).into(),
                    proposed_until: self.instance(input).into(),
                };
                self.seal(sender, flags, &body, &[], input)
            }
            Kind::CatchUp => {
                let body = CatchUp { have_until: self.instance(input).into() };
                let ranges = self.ranges(input);
                self.seal(sender, 0, &body, &[ranges.as_bytes()], input)
            }
            Kind::Fetch => {
                let mut to = self.setup.address;
                to.set_port(4000 + u16::from(input.byte() % 64));
                let body = Fetch::new(self.ballot(input), to);
                let ranges = self.ranges(input);
                self.seal(sender, 0, &body, &[ranges.as_bytes()], input)
            }
            Kind::Value => {
                let body = Value { instance: self.instance(input).into(), ballot: self.ballot(input).into() };
                let batch = self.batch(input);
                self.seal(sender, flags, &body, &[&batch], input)
            }
            Kind::Report => {
                let read_until = self.instance(input);
                let body = Report {
                    ballot: self.ballot(input).into(),
                    room: self.room(read_until, input),
                    delivered_until: self.instance(input).into(),
                };
                self.seal(sender, 0, &body, &[], input)
            }
            Kind::Join => {
                let life = self.life(input);
                let choice = input.byte();
                let ballot = if choice < 0xc0 {
                    let round = self.highest.round().saturating_add(u64::from(choice & 7));
                    Ballot::new(round.clamp(1, Ballot::ROUND_MAX), sender.id, life)
                } else {
                    self.ballot(input)
                };
                let body = Join { life: life.into(), ballot: ballot.into() };
                self.seal(sender, flags, &body, &[], input)
            }
            Kind::Helped => {
                let complete_until = self.instance(input);
                let body = Helped {
                    joiner: self.life(input).into(),
                    former: self.life(input).into(),
                    ballot: self.ballot(input).into(),
                    life: self.life(input).into(),
                    top: self.instance(input).max(complete_until).into(),
                    complete_until: complete_until.into(),
                };
                let lives = self.lives(input);
                self.seal(sender, 0, &body, &[lives.as_bytes()], input)
            }
            Kind::Over => {
                let body = Over::new(input.one_of(&IDS), self.life(input));
                self.seal(sender, 0, &body, &[], input)
            }
            Kind::ProcessStatus => {
                let mut body = ProcessStatus::new_zeroed();
                let decided_until = self.instance(input);
                body.ballot = self.ballot(input).into();
                body.period_ms = 1000.into();
                body.state = u32::from(input.byte()).into();
                (body.decided_until, body.known_until) = (decided_until.into(), decided_until.into());
                self.seal(sender, 0, &body, &[], input)
            }
            Kind::Found => {
                let body = Found { life: self.life(input).into() };
                let count = input.byte() % 6;
                let members: Vec<Member> =
                    (0..count).map(|_| Member::new(input.one_of(&IDS), self.life(input))).collect();
                self.seal(sender, 0, &body, &[members.as_bytes()], input)
            }
            Kind::Probe => {
                let way = input.one_of(&[Way::Group(Role::Acceptor), Way::Direct]);
                let body = Probe::new(way, Purpose::Count, input.byte().into(), 0);
                self.seal(sender, 0, &body, &[&[0; 16]], input)
            }
            Kind::Tally => self.seal(sender, 0, &Tally::new_zeroed(), &[], input),
        }
    }

    /// A packet whose kind and body are bytes of the script as they stand.
    pub fn raw(&mut self, input: &mut Input<'_>) -> Vec<u8> {
        let mut bytes = vec![0; HEADER_LEN];
        let choices = input.take(4);
        for (at, choice) in [3, 6, 7, 9].into_iter().zip(choices) {
            bytes[at] = *choice;
        }
        self.sequence += 1;
        bytes[12..16].copy_from_slice(&(self.sequence as u32).to_be_bytes());
        bytes[23] = 77;
        bytes[24..28].copy_from_slice(&self.layout.cluster.to_be_bytes());
        bytes[28..32].copy_from_slice(&self.log.to_be_bytes());
        let length = usize::from(input.byte());
        bytes.extend_from_slice(input.take(length));
        make_right(&mut bytes);
        bytes
    }

    /// Up to four bytes of it changed, and its tag right again.
    pub fn damage(&mut self, mut packet: Vec<u8>, input: &mut Input<'_>) -> Vec<u8> {
        for _ in 0..=input.byte() % 4 {
            let at = usize::from(input.u16()) % packet.len();
            packet[at] ^= input.byte();
        }
        make_right(&mut packet);
        packet
    }

    fn seal<B: FixedBody>(
        &mut self,
        sender: Sender,
        flags: u8,
        body: &B,
        tail: &[&[u8]],
        input: &mut Input<'_>,
    ) -> Vec<u8> {
        // Mostly the next one, of the same log.
        let choice = input.byte();
        self.sequence += 1;
        let late = if choice >= 0xe0 { u64::from(choice & 15) } else { 0 };
        let log = if choice & 0xf0 == 0xd0 { u32::from(choice & 3) } else { self.log };
        let stamp = Stamp { sequence: self.sequence.saturating_sub(late), log, flags };
        let mut bytes = vec![0; PACKET_MAX];
        let length = wire::seal(&mut bytes, self.layout, sender, stamp, body, tail);
        bytes.truncate(length);
        bytes
    }

    fn sender(&self, role: Role, input: &mut Input<'_>) -> Sender {
        let choice = usize::from(input.byte());
        Sender { role, id: IDS[choice & 7], incarnation: INCARNATIONS[choice >> 3 & 7] }
    }

    /// Mostly one of the set, in its first start.
    fn acceptor(&self, input: &mut Input<'_>) -> Sender {
        let choice = usize::from(input.byte());
        let ids = &self.setup.acceptors;
        let id = if choice & 0xc0 == 0xc0 { IDS[choice & 7] } else { ids[(choice & 7) % ids.len()] };
        Sender { role: Role::Acceptor, id, incarnation: INCARNATIONS[choice >> 3 & 7] }
    }

    fn life(&self, input: &mut Input<'_>) -> u64 {
        input.one_of(&INCARNATIONS)
    }

    fn lives(&self, input: &mut Input<'_>) -> Vec<U64> {
        let choice = input.byte();
        let all = self.setup.acceptors.len();
        match choice {
            0x00..=0x7f => vec![0.into(); all],
            0x80..=0xbf => vec![77.into(); all],
            0xc0..=0xef => (0..all).map(|_| self.life(input).into()).collect(),
            _ => vec![77.into(); usize::from(choice & 15)],
        }
    }

    /// Mostly near what the role mentioned, or small.
    fn instance(&self, input: &mut Input<'_>) -> u64 {
        const FAR: [u64; 16] = [
            u64::MAX,
            u64::MAX - 1,
            u64::MAX - 2,
            u64::MAX - 3,
            u64::MAX - 600,
            1 << 63,
            1 << 48,
            (1 << 48) - 1,
            1 << 33,
            1 << 32,
            8192,
            8191,
            4096,
            4095,
            2048,
            2047,
        ];
        let choice = input.byte();
        match choice {
            0x00..=0x3f => choice.into(),
            0x40..=0xbf => self.instance.saturating_add((choice & 0x7f).into()).saturating_sub(32),
            0xc0..=0xdf => FAR[usize::from(choice & 15)],
            _ => u64::from(input.u16()),
        }
    }

    /// Mostly what the role said last, or a little higher or lower.
    fn ballot(&mut self, input: &mut Input<'_>) -> Ballot {
        let choice = input.byte();
        let ballot = |round: u64, id: u16| Ballot::new(round.min(Ballot::ROUND_MAX), id, 77);
        let (near, id) = (u64::from(choice & 7), IDS[usize::from(choice >> 3 & 3)]);
        let made = match choice {
            0x00..=0x4f => self.ballot,
            0x50..=0x6f => ballot(near, id),
            0x70..=0x8f => ballot(self.highest.round().saturating_add(near), id),
            0x90..=0xaf => ballot(self.ballot.round().saturating_sub(near), id),
            0xb0..=0xbf => self.highest,
            0xc0..=0xcf => Ballot::ZERO,
            0xd0..=0xdf => ballot(Ballot::ROUND_MAX - near, id),
            0xe0..=0xef => ballot((self.highest.round() + Ballot::JUMP_MAX).saturating_sub(near), id),
            _ => ballot((self.ballot.round() + Ballot::JUMP_MAX + 3).saturating_sub(near), id),
        };
        self.highest = self.highest.max(made);
        made
    }

    /// Ranges as a packet may hold them, mostly.
    fn ranges(&self, input: &mut Input<'_>) -> Vec<RangeRecord> {
        let count = input.byte();
        let count = if count == u8::MAX { wire::RANGES_MAX as u8 } else { count % 4 + 1 };
        let mut first = self.instance(input);
        let mut ranges = Vec::new();
        for _ in 0..count {
            let choice = input.byte();
            let length = if choice == u8::MAX { u32::MAX } else { u32::from(choice % 64) + 1 };
            ranges.push(RangeRecord { first: first.into(), count: length.into() });
            first = first.saturating_add(u64::from(length) + 1 + u64::from(choice >> 6));
        }
        ranges
    }

    /// Zero to three entries of any session, mostly in order.
    fn batch(&mut self, input: &mut Input<'_>) -> Vec<u8> {
        let mut bytes = Vec::new();
        for _ in 0..input.byte() % 4 {
            let choice = usize::from(input.byte());
            let (id, incarnation) = (choice & 7, choice >> 3 & 7);
            let number = if choice < 0xc0 {
                let next = &mut self.numbers[id][incarnation];
                core::mem::replace(next, *next + 1)
            } else {
                self.instance(input) & ((1 << 48) - 1)
            };
            let piece = self.piece(input);
            let header = EntryHeader::new(IDS[id], INCARNATIONS[incarnation], number, piece.len());
            bytes.extend_from_slice(header.as_bytes());
            bytes.extend_from_slice(&piece);
        }
        bytes
    }

    /// Of a stream: up to a packet full, with newlines or without.
    fn piece(&self, input: &mut Input<'_>) -> Vec<u8> {
        let choice = input.byte();
        let length =
            if choice < 0xf0 { usize::from(choice >> 2) + 1 } else { usize::from(choice & 15) * 92 + 2 };
        let mut piece = vec![b'a' + choice % 16; length];
        if choice & 3 != 3 {
            piece[(length - 1) / (usize::from(choice & 3) + 1)] = b'\n';
        }
        piece
    }

    fn room(&self, read_until: u64, input: &mut Input<'_>) -> Room {
        let choice = input.byte();
        let space = [212_992, 4_608, 0, u32::MAX][usize::from(choice & 3)];
        Room { read_until: read_until.into(), space: space.into(), drops: u32::from(choice >> 2).into() }
    }

    fn submit(&mut self, number: u64, input: &mut Input<'_>) -> Vec<u8> {
        let client = self.sender(Role::Client, input);
        let piece = self.piece(input);
        let number = number & ((1 << 48) - 1);
        self.seal(client, 0, &Submit { number: number.into() }, &[&piece], input)
    }

    fn vote(
        &mut self,
        acceptor: Sender,
        ballot: Ballot,
        ranges: &[u8],
        read_until: u64,
        input: &mut Input<'_>,
    ) -> Vec<u8> {
        let lives = self.lives(input);
        let body = Phase2b {
            ballot: ballot.into(),
            decided_until: self.instance(input).into(),
            complete_until: self.instance(input).into(),
            room: self.room(read_until, input),
            life: acceptor.incarnation.into(),
            lives: (lives.len() as u16).into(),
            heard_until: wire::sequence_field(input.u16().into()),
        };
        self.seal(acceptor, 0, &body, &[lives.as_bytes(), ranges], input)
    }

    fn promise(&mut self, acceptor: Sender, asked: &Phase1a, how: u8, input: &mut Input<'_>) -> Vec<u8> {
        let count = if how == u8::MAX { RUNS_MAX } else { usize::from(how >> 3) % 4 };
        let mut runs = Vec::new();
        let mut until = asked.from.get();
        for _ in 0..count {
            let choice = input.byte();
            let first = until.saturating_add(u64::from(choice >> 6));
            let length = if choice & 63 == 63 { 4096 } else { u64::from(choice & 63) + 1 };
            until = first.saturating_add(length);
            let ballot = self.ballot(input).min(asked.ballot.get());
            runs.push(Run::new(Range::new(first, until), ballot));
        }
        let complete_until = if how & 4 == 0 { 0 } else { self.instance(input) };
        let top = if how & 2 == 0 { until } else { self.instance(input).max(until) };
        let blind_until = if how & 1 == 0 { 0 } else { self.instance(input) };
        let lives = self.lives(input);
        let body = Phase1b {
            ballot: asked.ballot,
            from: asked.from,
            until: until.into(),
            complete_until: complete_until.into(),
            top: top.into(),
            life: acceptor.incarnation.into(),
            blind_until: blind_until.into(),
            lives: (lives.len() as u16).into(),
            reserved: [0; 6],
        };
        self.seal(acceptor, 0, &body, &[lives.as_bytes(), runs.as_bytes()], input)
    }

    /// Of the role itself, when it is a client.
    fn acknowledge(&mut self, proposer: Sender, until: u64, how: u8, input: &mut Input<'_>) -> Vec<u8> {
        let mut record = AckRecord::new_zeroed();
        let client = if how & 1 == 0 { self.me } else { self.sender(Role::Client, input) };
        let until = until & ((1 << 48) - 1);
        record.client = client.id.into();
        record.incarnation = client.incarnation.into();
        record.status = if how & 0xc0 == 0xc0 { how >> 1 & 3 } else { 0 };
        if how & 0xc8 == 0xc8 {
            record.incarnation = self.life(input).into();
        }
        record.received_until = until.into();
        record.decided_until = until.saturating_sub((how >> 1 & 7).into()).into();
        record.credit = input.one_of(&[u32::MAX, 0, 2304, 100_000]).into();
        let beyond = input.byte();
        if how & 0x10 != 0 {
            record.beyond[usize::from(beyond) % (BEYOND_BITS / 8)] = beyond;
        }
        let ballot = self.ballot(input);
        let body = Ack { ballot: ballot.into(), heard: 7.into(), reserved: 0.into() };
        let flags = if how & 0x20 == 0 { flags::LEADING } else { 0 };
        self.seal(proposer, flags, &body, &[record.as_bytes()], input)
    }
}
