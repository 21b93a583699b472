#![no_main]
use libfuzzer_sys::fuzz_target;
use orthros::wire::{Message, ApReq};
fuzz_target!(|data: &[u8]| { let _ = ApReq::from_bytes(data); });
