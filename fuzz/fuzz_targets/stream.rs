//! Frames of a protected stream, from somebody who may have the keys. The first octet says which
//! framing it is, the second in how many pieces the others come.
#![no_main]

use std::sync::Arc;

use libfuzzer_sys::fuzz_target;
use orthros::ap;
use orthros::gss::{Acceptor, Initiator, Protection, Role, SecurityContext};
use orthros::step::Step;
use orthros_fuzz::recorded::{CREDENTIALS, NOW, acceptor};
use orthros_fuzz::{Repeating, bounded, pick};
use orthros_net::stream::{Opener, StreamConfig};

/// The server's end.
fn established() -> SecurityContext {
    let initiator = Initiator::new(Arc::clone(&CREDENTIALS)).random(Arc::new(Repeating::new()));
    let Ok(Step::Continue { token, .. }) = initiator.request(NOW) else {
        panic!("mutual authentication was asked for");
    };
    match Acceptor::new(ap::Acceptor::new(acceptor())).accept(&token, NOW) {
        Ok(Step::Established { context, .. }) => context,
        _ => panic!("the recorded ticket is good"),
    }
}

#[derive(Clone, Copy)]
enum Framing {
    Sasl,
    Postgres,
    Knc,
    GssSample,
}

const FRAMINGS: [Framing; 4] = [
    Framing::Sasl,
    Framing::Postgres,
    Framing::Knc,
    Framing::GssSample,
];

fuzz_target!(|input: &[u8]| bounded(input, |input| {
    let Some((framing, octets)) = pick(&FRAMINGS, input) else {
        return;
    };
    let Some((pieces, mut rest)) = octets.split_first() else {
        return;
    };
    let config = match framing {
        Framing::Sasl => StreamConfig::sasl(Protection::Confidentiality, 4096, 4096),
        Framing::Postgres => StreamConfig::postgres(),
        Framing::Knc => StreamConfig::knc(),
        Framing::GssSample => StreamConfig::gss_sample(),
    };
    let (_, _, receiver) = established().split();
    let mut opener = Opener::new(receiver, Role::Acceptor, &config);
    let piece = usize::from(*pieces).max(1);
    let mut out = [0; 512];
    loop {
        loop {
            match opener.read(&mut out) {
                Ok(Some(read)) if read > 0 => {}
                Ok(None) => break,
                Ok(_) => return,
                Err(error) => {
                    std::hint::black_box(error.to_string());
                    assert!(opener.read(&mut out).is_err(), "it goes on after a refusal");
                    return;
                }
            }
        }
        if rest.is_empty() {
            std::hint::black_box(opener.end().is_ok());
            return;
        }
        let room = opener.room();
        let count = room.len().min(rest.len()).min(piece);
        assert!(count > 0, "no room, and nothing to read");
        room[..count].copy_from_slice(&rest[..count]);
        opener.filled(count);
        rest = &rest[count..];
    }
}));
