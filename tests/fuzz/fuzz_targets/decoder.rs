//! Arbitrary bytes as a message.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| ssmpf_protocol_tests::fuzz::decoder(data));
