//! The two tokens that bring a TGT: the first octet says to which end the others are given.
#![no_main]

use libfuzzer_sys::fuzz_target;
use orthros::ap;
use orthros::gss::{Acceptor, AskTgt};
use orthros::step::Step;
use orthros_fuzz::recorded::{NOW, SERVICE, SESSION, TICKET, acceptor};
use orthros_fuzz::{bounded, refused};

fuzz_target!(|input: &[u8]| bounded(input, |input| {
    let Some((first, token)) = input.split_first() else {
        return;
    };
    if first % 2 == 0 {
        let acceptor = Acceptor::new(ap::Acceptor::new(acceptor()));
        let acceptor = acceptor.user_to_user_mechanism(TICKET.to_vec());
        match acceptor.accept(token, NOW) {
            Ok(Step::Continue {
                token: answer,
                next,
            }) => {
                let (_, awaiting) = AskTgt::new().request().expect("always");
                // The recorded ticket is no TGT, which the one who asked for one sees.
                assert!(awaiting.reply(&answer, NOW).is_err());
                std::hint::black_box(next.accept(token, NOW).is_ok());
            }
            Ok(Step::Established { context, .. }) => {
                std::hint::black_box(format!("{context:?}"));
            }
            Err(refusal) => refused(&refusal.error, &[&SERVICE, &SESSION]),
        }
    } else {
        let (_, awaiting) = AskTgt::new().request().expect("always");
        match awaiting.reply(token, NOW) {
            Ok(tgt) => assert!(token.ends_with(&tgt)),
            Err(error) => refused(&error, &[]),
        }
    }
}));
