//! Total-order broadcast for a LAN: Multi-Paxos over UDP/IP multicast.
//!
//! ```text
//! socket ─► batch ─► Packet ─► role.packet ─┐              (one clock read per turn)
//! wheel  ─► Timer ───────────► role.timer  ─┤► Outbox ─► send ─► sockets
//! stdin  ─► values ──────────► client.offer ┘        ├─► arm ─► wheel
//!                                                    └─► deliver ─► stdout
//! ```
//!
//! [`protocol`] holds the roles: functions of (state, packet, now) to (state, outbox), without sockets,
//! clocks, threads or files. [`engine`] is the only door to the world: sockets, timers, stdin and stdout;
//! [`sim`] is another world for the same roles, in simulated time. The packets are those of the `wire` crate.
//! [`mod@bench`] measures real processes; [`watch`] tells how those of a cluster are; [`doctor`] examines the network before there
//! are any.

pub mod bench;
pub mod cli;
pub mod conf;
pub mod doctor;
pub mod engine;
pub mod journal;
pub mod keygen;
pub mod limits;
pub mod planted;
pub mod protocol;
pub mod sim;
pub mod text;
pub mod watch;
pub mod wheel;
