//! The colours of a terminal: a hue for what packets have to do with each other.

use crate::Kind;
use anstyle::{AnsiColor, Style};

/// Of when and where.
pub const PLACE: Style = Style::new().dimmed();
/// Of what is no packet.
pub const MALFORMED: Style = AnsiColor::Red.on_default().bold();
/// Of what the capture lacks.
pub const TRUNCATED: Style = AnsiColor::Red.on_default();

/// Of a packet of this kind.
pub const fn of(kind: Kind) -> Style {
    let colour = match kind {
        // Values, to the leader and decided.
        Kind::Submit | Kind::Ack => AnsiColor::Cyan,
        // Agreement.
        Kind::Phase2a => AnsiColor::Green,
        Kind::Phase2b => AnsiColor::BrightGreen,
        Kind::Phase1a | Kind::Phase1b => AnsiColor::Magenta,
        Kind::Nack | Kind::Over => AnsiColor::BrightRed,
        // Making up for losses.
        Kind::CatchUp | Kind::Fetch | Kind::Value => AnsiColor::Yellow,
        // Who lives and how far they are.
        Kind::Hello | Kind::Heartbeat | Kind::ProcessStatus | Kind::Watermark | Kind::Report => {
            AnsiColor::Blue
        }
        // Lives of acceptors.
        Kind::Probe | Kind::Tally => AnsiColor::White,
        Kind::Join | Kind::Helped | Kind::Found => AnsiColor::BrightMagenta,
    };
    colour.on_default()
}
