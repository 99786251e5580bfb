//! Arbitrary bytes as mux frames between what clients do.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| ssmpf_protocol_tests::fuzz::mux(data));
