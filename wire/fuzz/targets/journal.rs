//! Any bytes as an acceptor's log, and any damage to one: see `fuzz::journal`.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz::journal(bytes));
