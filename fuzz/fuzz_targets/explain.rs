//! Octets that are no Kerberos message: what they look like, and what is said of them.
#![no_main]

use libfuzzer_sys::fuzz_target;
use orthros::cause::{recognise, recognised};
use orthros::error::Error;
use orthros::wire::{ApReq, Malformed, Message};
use orthros_fuzz::{bounded, refused};

fuzz_target!(|input: &[u8]| bounded(input, |input| {
    let label = recognise(input);
    let malformed = match ApReq::from_bytes(input) {
        Ok(_) => Malformed::new("AP-REQ", 0, "another reason"),
        Err(malformed) => malformed,
    };
    let error = Error::Malformed(recognised(malformed, input));
    refused(&error, &[]);
    let explanation = error.explain();
    assert!(!explanation.code.is_empty() && !explanation.message.is_empty());
    let text = explanation.render();
    assert!(text.len() < 8192, "nobody reads that");
    if let Some(label) = label {
        assert!(text.contains(label.split_once(' ').map_or(label, |(_, what)| what)));
    }
}));
