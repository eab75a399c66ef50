//! Every bound of every buffer, table, window and queue, with the arithmetic behind it.
//!
//! Sizes are in bytes, times in nanoseconds unless the name says otherwise. "A packet" is 1472 bytes at the
//! default MTU.

/// Acceptors in a cluster: a vote mask and a few small arrays are sized by it.
pub const ACCEPTORS_MAX: usize = 15;

/// Bytes of one value, without its newline. A longer line is refused by the client, and ends the session that
/// sends it all the same.
pub const VALUE_MAX: usize = 1 << 20;

/// Bytes of unfinished values over all sessions. A session whose entry would exceed it ends: 256 clients may
/// each be in the middle of the longest value.
pub const PARTIAL_MAX: usize = 256 * VALUE_MAX;

/// Ranges of votes from which on an acceptor is sent no more but what it missed: three quarters of what its 2b can
/// tell of, for what is on the way may make more.
pub const VOTES_CROWDED: usize = wire::RANGES_MAX * 3 / 4;

/// Client ids, and so sessions: one live session per id. 65,536 × 32 bytes = 2 MiB in each proposer and
/// learner.
pub const SESSIONS: usize = 1 << 16;

/// Instances that may be proposed and not yet decided, at the leader. Credits usually allow fewer: with
/// default socket buffers about 140. 2,048 × 1,400 bytes = 2.8 MB in flight at most.
pub const PIPELINE: u64 = 2048;

/// How far beyond the watermark that a packet itself carries an acceptor accepts. A leader proposes at most
/// `PIPELINE` beyond it; more is a far-ahead instance, and dropped.
pub const AHEAD_MAX: u64 = PIPELINE;

/// Instances whose payload a proposer keeps, decided or not: 8,192 × 1,400 bytes = 11.5 MB (a power of two).
pub const PROPOSER_WINDOW: usize = 8192;

/// Instances that a proposer keeps before its frontier (undecided) at most; the rest is history for repairs.
pub const PROPOSER_AHEAD: u64 = 2 * PIPELINE;

/// Instances that a learner keeps before its frontier: 4,096 × 1,400 bytes = 5.7 MB (a power of two).
pub const LEARNER_WINDOW: usize = 4096;

/// Packets that a client keeps until they are decided: 1,024 × 1,400 bytes = 1.4 MB. Half of it leaves a durable cluster
/// waiting: what is on its way while three logs are synced is a millisecond or two.
pub const CLIENT_WINDOW: usize = 1024;

/// Bytes of these packets. Of jumbo packets 512 are as fast as 1,024, for they stay in the processor's cache, and a value
/// waits half as long.
pub const CLIENT_BYTES: usize = 512 * 9000;

/// Bytes that the pipes at stdin and stdout hold, where the system allows that: with the usual 64 KiB whoever writes and
/// whoever reads wake each other for each 64 KiB.
pub const PIPE: usize = 256 << 10;

/// Clients that a leader serves at once; another takes the place of the one unheard for longest.
pub const INTAKE_MAX: usize = 1024;

/// Entries that came out of order and wait at the leader: 2,048 × 1,400 bytes = 2.9 MB, shared by all
/// clients.
pub const REORDER_POOL: usize = 2048;

/// Proposers that one proposer keeps an eye on.
pub const PEERS_MAX: usize = 64;

/// Receivers of 2a (acceptors, learners, followers) whose credit the leader watches; others are served
/// unwatched.
pub const RECEIVERS_MAX: usize = 128;

/// Instances whose cost the leader remembers, to know what a receiver has not read: with the largest buffers
/// (8 MiB granted) and the smallest packets some 6,000 may be unread. 16,384 × 8 bytes = 128 KiB (a power of
/// two).
pub const FLOW_INSTANCES: usize = 16384;

/// Bytes of packets that one turn may send: 3 × `PIPELINE` packets would be 9 MB; a turn that wants more is
/// continued.
pub const OUTBOX_BYTES: usize = 4 << 20;

/// Packets that one turn may send.
pub const OUTBOX_PACKETS: usize = 8192;

/// Bytes of output after which a learner pauses delivery until they are written: twice what one read of a socket
/// brings at most, 16 datagrams of 64 KiB, so that delivery keeps up with reading.
pub const OUTPUT_TURN: usize = 2 << 20;

/// Senders that are known, by what they seal with or by their address, and places for each, in which several starts and
/// ids of one set meet: twice the clients that a leader serves. What stops first are the silent ones; who speaks again is
/// let in again. With the windows of 4 sockets, where packets are sealed, 2,048 × 2,080 bytes = 4.3 MB, of which only what is used becomes memory.
pub const SENDERS: usize = 2 * INTAKE_MAX;
/// See [`SENDERS`].
pub const SENDERS_WAYS: usize = 8;

/// Datagrams that one read of a socket brings. Each holds up to 64 packets, or, where the kernel puts none
/// together, one.
pub const READ_DATAGRAMS: u64 = 16;

/// Packets after which a turn reads no more from a socket.
pub const TURN_ENOUGH: u64 = 256;

/// Packets that one turn may bring on one socket: nearly enough, and one more read.
pub const TURN_PACKETS: u64 = TURN_ENOUGH + READ_DATAGRAMS * 64;

/// Instances asked for in one catch-up request at most; fewer when the receive buffer is small.
pub const CATCH_UP_MAX: u64 = 512;

/// Catch-up jobs that an acceptor keeps; more requests are dropped, for they come again.
pub const FETCH_JOBS: usize = 32;

/// Catch-up packets that an acceptor sends in one turn, so that serving the past does not delay votes.
pub const FETCH_BURST: u64 = 64;

/// The same of an acceptor with a disk, whose turns are as few as a second has syncs: at 700 a second 64 would be no
/// more than 45,000 instances/s, what 600,000 values/s of 100 bytes fill. Copying 256 takes about 0.5 ms.
pub const FETCH_BURST_DURABLE: u64 = 256;

/// Repairs that a leader sends in one turn.
pub const REPAIR_BURST: u64 = 256;

/// Bytes that a volatile acceptor keeps before it refuses to accept more.
pub const STORE_MAX: usize = 64 << 30;

/// Bytes of a segment of an acceptor's log: 2,000 turns of 32 KiB, or 0.1 s at the fastest disk's 640 MB/s, so
/// that a new one is there before the old one is full.
pub const SEGMENT: u64 = 64 << 20;

/// The part of a segment, 1/16, that accepted records leave to promises when the disk is full: 4 MiB are 8,192
/// frames of a promise, or of a mark behind one; with a campaign every suspicion time of 5 s, 5 hours.
pub const SEGMENT_RESERVE: u64 = 16;

/// What a queued packet costs a receive buffer beside its own bytes. A lone small datagram takes about 768
/// bytes, a lone full packet 2,304 (1,472 + 832); what the kernel coalesced takes less.
pub const PACKET_COST: u64 = 832;

/// The part of a receive buffer that flow control fills: the rest is for control packets, repairs and
/// retransmissions.
pub const CREDIT_SHARE: (u64, u64) = (5, 8);

/// What of a receive buffer is filled at most, before that share is taken, where there is a network between:
/// ports of switches on the way hold less than the largest buffers, and nobody tells of what they drop. What is
/// unread is 512 KiB then, of full packets 335 KB: a link of 1 Gbit/s is full with 125 KB for each millisecond of a round
/// trip, of which votes that gather are one, and a sync or a late wake-up another.
pub const LAN_SPACE: usize = (512 << 10) * CREDIT_SHARE.1 as usize / CREDIT_SHARE.0 as usize;

/// How long a receiver that does not read may hold the leader back before it is left to catch up: 250 ms.
pub const PATIENCE: u64 = 250 * MS;

/// Undecided instances below which a batch leaves though it is not full ("with nothing in flight send at
/// once").
pub const NAGLE_INSTANCES: u64 = 4;

/// How long packets on which nothing can be done yet may lie unread while little comes: votes, or a watermark, come
/// sooner; and who only follows the log may be late by a thousandth of the suspicion time. A burst that begins with
/// silence may stop the leader for so long, once.
pub const PATIENT: u64 = 2 * MS;

/// How long the leader lets the votes for a lone instance gather: all come within a round trip, and learners
/// count them themselves. Its client hears that much later of the decision.
pub const VOTES_GATHER: u64 = 200 * US;

/// Bytes of a block of a trace, which one write takes: 3,500 packets cut to 96 bytes, 340 whole ones. Writes of a
/// quarter of it cost three times the time of a processor, without the page cache.
pub const TRACE_BLOCK: usize = 512 << 10;
/// The least that a block may have: the longest packet, and what is said before it.
pub const TRACE_BLOCK_MIN: usize = 128 << 10;

/// Bytes in all blocks of a trace, full ones that wait for the disk included: a disk may pause for 0.1 s while
/// 160 MB/s come. What is never full is never memory.
pub const TRACE_MEMORY: usize = 16 << 20;

/// How long a packet may wait in a block that is not full: who follows a trace sees what happened a moment ago.
pub const TRACE_FLUSH: u64 = 80 * MS;

/// Bytes of what a service manager is told at once; what is longer is cut. The longest line of a process about itself
/// has about 200, and the numbers behind it, of 20 digits each at most, about 200 more.
pub const SUPERVISOR_MESSAGE: usize = 512;
/// Rounds of probes that an examination of the network may have: at 200 a second 327 s. What is heard of one observer takes six
/// sets of so many bits, 48 KiB.
pub const DOCTOR_ROUNDS: u32 = 1 << 16;
/// Other observers that are listened to: a tally of the smallest packet has room for them and oneself.
pub const DOCTOR_OTHERS: usize = wire::HEARD_MAX - 1;
/// Processes of clusters that an examination lists, and starts of them.
pub const DOCTOR_PROCESSES: usize = 256;
/// Kinds of refused packets that it lists, by host.
pub const DOCTOR_REFUSALS: usize = 64;

/// Processes that whoever watches a cluster tells apart: the clients that a leader serves, and as many others. With what each
/// said twice and its history, 2,048 × (2 × 250 + 8 × 240) bytes = 5 MB.
pub const WATCH_PROCESSES: usize = 2 * INTAKE_MAX;
/// Rates of a process that are remembered, a period apart.
pub const WATCH_HISTORY: usize = 240;
/// Senders of what is not of the cluster that are told apart.
pub const WATCH_STRANGERS: usize = 32;
/// Instances whose digests are remembered, and processes for each: 1,024 × 64 × 24 bytes = 1.6 MB.
pub const WATCH_DIGESTS: usize = 1024;
pub const WATCH_VOICES: usize = 64;
/// Events that are remembered: more than a terminal has lines.
pub const WATCH_EVENTS: usize = 200;

/// The longest time that a write to an acceptor's log is told to take, µs: a minute. With two digits of it, a histogram of
/// 20 ranges of 128 numbers of 8 bytes = 20 KiB.
pub const SYNC_US_MAX: u64 = 60_000_000;

/// One millisecond in nanoseconds.
pub const MS: u64 = 1_000_000;
/// One microsecond in nanoseconds.
pub const US: u64 = 1_000;

// A turn's frame is no longer than what the sockets bring: two of them, jumbo packets.
const _: () = assert!(2 * TURN_PACKETS * 9216 + SEGMENT / SEGMENT_RESERVE < SEGMENT);
const _: () = assert!(PROPOSER_WINDOW.is_power_of_two() && LEARNER_WINDOW.is_power_of_two());
const _: () = assert!(CLIENT_BYTES / wire::PACKET_MAX > wire::BEYOND_BITS);
const _: () = assert!(PROPOSER_AHEAD < PROPOSER_WINDOW as u64 && PIPELINE <= PROPOSER_AHEAD);
// Who has acted on all that it has read may be a pipeline behind; it then reads one more turn's worth before
// it acts.
const _: () = assert!(AHEAD_MAX >= PIPELINE && LEARNER_WINDOW as u64 >= PIPELINE + TURN_PACKETS);
const _: () = assert!(PROPOSER_AHEAD >= PIPELINE + TURN_PACKETS);
