//! Packets with right tags as a capture: see `fuzz::trace`.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz::trace(bytes));
