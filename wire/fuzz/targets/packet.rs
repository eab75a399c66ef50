//! Any bytes as packets: see `fuzz::packet`.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz::packet(bytes));
