//! Any packets, timers and turns into a role.
//!
//! The bytes are a script. The first says which role, in which cluster; then follow steps: turns, sleeps,
//! packets. A packet is an answer to what the role said (so that a proposer comes to lead), or made of
//! fields that the bytes choose, or one of these with damage; its tag is right, for a liar can make it so.
//! Nobody can tell a lie that fits from the truth, so what a role *believes* is not judged here. But it must
//! not panic, must say nothing that others would refuse, must keep what it promises about itself, and must
//! do the same when it is told the same.

mod liar;
mod rig;

use super::input::Input;
use liar::Liar;
use rig::Rig;

/// Bytes of a script that are read: two or three thousand steps.
const SCRIPT_MAX: usize = 8192;

/// A role that is told anything with right tags lives, or stops in an orderly way.
pub fn roles(bytes: &[u8]) {
    let bytes = &bytes[..bytes.len().min(SCRIPT_MAX)];
    let told = run(bytes);
    assert_eq!(told, run(bytes), "another output when the same came again");
}

/// What the role said, as a hash.
fn run(bytes: &[u8]) -> u64 {
    let mut input = Input::new(bytes);
    let mut rig = Rig::new(&mut input);
    let mut liar = Liar::new(rig.setup());
    while !input.is_empty() && !rig.stopped() {
        step(&mut rig, &mut liar, &mut input);
    }
    // What the last packets led to.
    for _ in 0..3 {
        rig.turn(&mut liar);
        rig.sleep_till_timer();
    }
    rig.turn(&mut liar);
    rig.told()
}

fn step(rig: &mut Rig, liar: &mut Liar, input: &mut Input<'_>) {
    let op = input.byte();
    let packet = match op % 16 {
        0 => {
            rig.sleep(u64::from(op >> 4) << 10);
            return rig.turn(liar);
        }
        1 => {
            rig.sleep_till_timer();
            return rig.turn(liar);
        }
        2 => {
            rig.sleep(1 << (input.byte() % 40));
            return rig.turn(liar);
        }
        3 => return rig.receive_space(input.byte()),
        4 => {
            let choice = input.byte();
            rig.feed(choice, liar);
            return rig.flood(choice, liar);
        }
        5..=9 => liar.answer(input),
        10 => liar.answer(input).map(|packet| liar.damage(packet, input)),
        11..=13 => Some(liar.make(input)),
        14 => {
            let packet = liar.make(input);
            Some(liar.damage(packet, input))
        }
        _ => Some(liar.raw(input)),
    };
    if let Some(packet) = packet {
        rig.hear(&packet, liar);
    }
}
