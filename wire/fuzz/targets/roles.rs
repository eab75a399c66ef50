//! Any packets, timers and turns into a role: see `fuzz::roles`.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz::roles(bytes));
