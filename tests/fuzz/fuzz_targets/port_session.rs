//! Arbitrary bytes as operations on a whole session.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| ssmpf_protocol_tests::fuzz::port_session(data));
