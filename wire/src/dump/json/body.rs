//! The fields of each kind, under the names of the structs; tails as arrays.

use super::object::{self, Object};
use crate::status::state;
use crate::{AckRecord, BEYOND_BITS, Batch, Body, Packet, ProcessStatus, Range, RangeRecord, Room, Status};
use zerocopy::byteorder::big_endian::{U16, U64};

pub fn tell(object: &mut Object, packet: &Packet) {
    match packet.body {
        Body::Hello(body) => object.id("answered", body.answered.get()),
        Body::Submit(body, piece) => {
            object.number("number", body.number.get());
            object.piece(piece);
        }
        Body::Ack(body, acks) => {
            object.ballot("ballot", body.ballot.get());
            heard(object, body.heard.get());
            object.objects("acks", acks, ack);
        }
        Body::Phase1a(body) => {
            object.ballot("ballot", body.ballot.get());
            object.number("from", body.from.get());
        }
        Body::Phase1b(body, each, runs) => {
            object.ballot("ballot", body.ballot.get());
            object.number("from", body.from.get());
            object.number("until", body.until.get());
            object.number("complete_until", body.complete_until.get());
            object.number("top", body.top.get());
            object.id("life", body.life.get());
            object.number("blind_until", body.blind_until.get());
            lives(object, each);
            object.objects("runs", runs, |object, run| {
                range(object, run.range());
                object.ballot("ballot", run.ballot.get());
            });
        }
        Body::Phase2a(body, batch) => {
            object.ballot("ballot", body.ballot(packet.sender));
            object.number("instance", body.instance.get());
            object.number("decided_until", body.decided_until.get());
            entries(object, batch);
        }
        Body::Phase2b(body, each, votes) => {
            object.ballot("ballot", body.ballot.get());
            object.number("decided_until", body.decided_until.get());
            object.number("complete_until", body.complete_until.get());
            object.number("heard_until", body.heard_until());
            room(object, &body.room);
            object.id("life", body.life.get());
            lives(object, each);
            ranges(object, votes);
        }
        Body::Nack(body) => {
            object.ballot("refused", body.refused.get());
            object.ballot("promised", body.promised.get());
        }
        Body::Heartbeat(body) => {
            object.ballot("ballot", body.ballot.get());
            object.number("decided_until", body.decided_until.get());
        }
        Body::Watermark(body) => {
            object.ballot("ballot", body.ballot.get());
            object.number("decided_until", body.decided_until.get());
            object.number("proposed_until", body.proposed_until.get());
        }
        Body::CatchUp(body, missing) => {
            object.number("have_until", body.have_until.get());
            ranges(object, missing);
        }
        Body::Fetch(body, wanted) => {
            object.ballot("ballot", body.ballot.get());
            object.raw("to", format_args!("\"{}\"", body.to()));
            ranges(object, wanted);
        }
        Body::Value(body, batch) => {
            object.ballot("ballot", body.ballot.get());
            object.number("instance", body.instance.get());
            entries(object, batch);
        }
        Body::Report(body) => {
            object.ballot("ballot", body.ballot.get());
            room(object, &body.room);
            object.number("delivered_until", body.delivered_until.get());
        }
        Body::Join(body) => {
            object.id("life", body.life.get());
            object.ballot("ballot", body.ballot.get());
        }
        Body::Helped(body, each) => {
            object.id("joiner", body.joiner.get());
            object.id("former", body.former.get());
            object.ballot("ballot", body.ballot.get());
            object.id("life", body.life.get());
            object.number("top", body.top.get());
            object.number("complete_until", body.complete_until.get());
            lives(object, each);
        }
        Body::Found(body, members) => {
            object.id("life", body.life.get());
            object.objects("members", members, |object, member| {
                object.number("acceptor", member.id.get());
                object.id("life", member.life.get());
            });
        }
        Body::Over(body) => {
            object.number("acceptor", body.acceptor.get());
            object.id("life", body.life.get());
        }
        Body::ProcessStatus(body) => status(object, body),
    }
}

fn status(object: &mut Object, status: &ProcessStatus) {
    object.ballot("ballot", status.ballot.get());
    let version = [status.version_major, status.version_minor, status.version_patch].map(U16::get);
    object.raw("version", format_args!("\"{}.{}.{}\"", version[0], version[1], version[2]));
    let states = state::ALL.into_iter().filter(|(bit, _)| status.is(*bit));
    object.array("state", states, |to, (_, word)| to.push_str(&format!("\"{word}\"")));
    object.number("up_ms", status.up_ms.get());
    object.number("period_ms", status.period_ms.get());
    object.number("heartbeat_us", status.heartbeat_us.get());
    object.number("suspect_us", status.suspect_us.get());
    heard(object, status.heard.get());
    object.number("decided_until", status.decided_until.get());
    object.number("known_until", status.known_until.get());
    object.number("in_flight", status.in_flight.get());
    object.number("credit", status.credit.get());
    object.objects("digests", status.digests(), |object, (until, digest)| {
        object.number("until", until);
        object.id("digest", digest);
    });
    object.number("values", status.values.get());
    object.number("output_bytes", status.output_bytes.get());
    object.number("received", status.received.get());
    object.number("sent", status.sent.get());
    object.number("unsent", status.unsent.get());
    object.number("refusals", status.refusals.get());
    object.number("repeats", status.repeats.get());
    object.number("space", status.space.get());
    object.number("drops", status.drops.get());
    object.number("dropped_s", status.dropped_s.get());
    object.number("sync_p50_us", status.sync_p50_us.get());
    object.number("sync_p99_us", status.sync_p99_us.get());
    object.number("sync_max_us", status.sync_max_us.get());
    object.number("syncs", status.syncs.get());
    object.number("sync_total_us", status.sync_total_us.get());
    object.number("memory", status.memory.get());
}

/// The places of acceptors in the configuration.
fn heard(object: &mut Object, bits: u16) {
    let heard = (0..16).filter(|bit| bits & 1 << bit != 0);
    object.array("heard", heard, |to, place: u32| to.push_str(&place.to_string()));
}

fn ack(object: &mut Object, ack: &AckRecord) {
    object.number("client", ack.client.get());
    let status = match ack.status() {
        Some(Status::Superseded) => "superseded",
        Some(Status::Ended) => "ended",
        Some(Status::Open) | None => "open",
    };
    object.text("status", status);
    object.number("credit", ack.credit.get());
    object.id("incarnation", ack.incarnation.get());
    object.number("decided_until", ack.decided_until.get());
    object.number("heard_until", ack.heard_until());
    let received = ack.received_until.get();
    object.number("received_until", received);
    let beyond = (received + 1..).take(BEYOND_BITS).filter(|number| ack.has(*number));
    object.array("beyond", beyond, |to, number| to.push_str(&number.to_string()));
}

fn room(object: &mut Object, room: &Room) {
    object.number("read_until", room.read_until.get());
    object.number("space", room.space.get());
    object.number("drops", room.drops.get());
}

fn lives(object: &mut Object, lives: &[U64]) {
    object.array("lives", lives, |to, life| object::push_id(to, life.get()));
}

fn ranges(object: &mut Object, ranges: &[RangeRecord]) {
    object.objects("ranges", RangeRecord::all(ranges), range);
}

fn range(object: &mut Object, range: Range) {
    object.number("first", range.first);
    object.number("until", range.until);
}

fn entries(object: &mut Object, batch: Batch) {
    object.objects("entries", batch.entries(), |object, entry| {
        object.number("client", entry.client);
        object.id("incarnation", entry.incarnation);
        object.number("number", entry.number);
        object.piece(entry.bytes);
    });
}
