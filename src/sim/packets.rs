//! The bytes of packets on their way: each is stored once, however many receivers it has, and its space is
//! used again when the last one has read it.

/// Which packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PacketId(u32);

struct Slot {
    bytes: Vec<u8>,
    /// Who still needs it: arrivals to come, inboxes, the memory of the past.
    holders: u32,
    /// The network changed it: nobody may take it for a packet.
    damaged: bool,
}

/// All packets that somebody still needs.
#[derive(Default)]
pub struct Packets {
    slots: Vec<Slot>,
    free: Vec<u32>,
}

impl Packets {
    /// Stores a packet that nobody holds yet: each must be held, or released, at least once.
    pub fn put(&mut self, bytes: &[u8]) -> PacketId {
        let at = self.free.pop().unwrap_or_else(|| {
            self.slots.push(Slot { bytes: Vec::new(), holders: 0, damaged: false });
            self.slots.len() as u32 - 1
        });
        let slot = &mut self.slots[at as usize];
        slot.bytes.clear();
        slot.bytes.extend_from_slice(bytes);
        (slot.holders, slot.damaged) = (1, false);
        PacketId(at)
    }

    /// Stores what the network makes of a packet.
    pub fn put_damaged(&mut self, bytes: &[u8]) -> PacketId {
        let id = self.put(bytes);
        self.slots[id.0 as usize].damaged = true;
        id
    }

    pub fn bytes(&self, id: PacketId) -> &[u8] {
        &self.slots[id.0 as usize].bytes
    }

    pub fn damaged(&self, id: PacketId) -> bool {
        self.slots[id.0 as usize].damaged
    }

    /// One more needs it.
    pub fn hold(&mut self, id: PacketId) {
        self.slots[id.0 as usize].holders += 1;
    }

    /// One less needs it.
    pub fn release(&mut self, id: PacketId) {
        let slot = &mut self.slots[id.0 as usize];
        slot.holders -= 1;
        if slot.holders == 0 {
            self.free.push(id.0);
        }
    }

    /// How many are needed.
    pub fn len(&self) -> usize {
        self.slots.len() - self.free.len()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_space_of_a_packet_is_used_again_when_the_last_holder_releases_it() {
        let mut packets = Packets::default();
        let first = packets.put(b"first");
        packets.hold(first);
        packets.release(first);
        let second = packets.put_damaged(b"second");
        assert!(packets.bytes(first) == b"first" && packets.bytes(second) == b"second");
        packets.release(first);
        let third = packets.put(b"third");
        assert!(third == first && packets.damaged(second) && !packets.damaged(third));
        assert_eq!(packets.len(), 2);
    }
}
