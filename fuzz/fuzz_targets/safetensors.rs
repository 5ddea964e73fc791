//! Any bytes as a safetensors file: the header is given, the rest is the fuzzer's.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| litz_fuzz::read_all(data));
