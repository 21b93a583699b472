//! SPNEGO and SASL: what either end is sent. The first octet says what the others are.
#![no_main]

use std::sync::Arc;

use libfuzzer_sys::fuzz_target;
use orthros::ap;
use orthros::gss;
use orthros::sasl::{self, Layers};
use orthros::spnego;
use orthros::step::Step;
use orthros_fuzz::recorded::{CREDENTIALS, NOW, SERVICE, SESSION, acceptor};
use orthros_fuzz::{Repeating, bounded, pick, refused};

/// What the input is.
#[derive(Clone, Copy)]
enum Input {
    /// A first token of SPNEGO.
    Offer,
    /// The one after the acceptor has spoken first.
    AfterHint,
    /// The acceptor's answer.
    Answer,
    /// What a server said before it was asked.
    Hint,
    /// A client's response in GSSAPI.
    Response,
    /// The same in GSS-SPNEGO.
    SpnegoResponse,
    /// The same in GS2-KRB5.
    Gs2Response,
    /// A server's challenge in GSSAPI.
    Challenge,
}

const INPUTS: [Input; 8] = [
    Input::Offer,
    Input::AfterHint,
    Input::Answer,
    Input::Hint,
    Input::Response,
    Input::SpnegoResponse,
    Input::Gs2Response,
    Input::Challenge,
];

fn kerberos() -> gss::Acceptor {
    gss::Acceptor::new(ap::Acceptor::new(acceptor()))
}

fn initiator() -> gss::Initiator {
    gss::Initiator::new(Arc::clone(&CREDENTIALS)).random(Arc::new(Repeating::new()))
}

fn judged<N, C>(result: Result<Step<N, C>, orthros::step::Refusal>) {
    if let Err(refusal) = result {
        refused(&refusal.error, &[&SERVICE, &SESSION]);
    }
}

fn respond(server: sasl::Server, octets: &[u8]) {
    match server.respond(octets, NOW) {
        // The next response is the same once more.
        Ok(Step::Continue { next, .. }) => judged(next.respond(octets, NOW)),
        other => judged(other),
    }
}

fuzz_target!(|input: &[u8]| bounded(input, |input| {
    let Some((input, octets)) = pick(&INPUTS, input) else {
        return;
    };
    match input {
        Input::Offer => match spnego::Acceptor::new(kerberos()).accept(octets, NOW) {
            Ok(Step::Continue { next, .. }) => judged(next.accept(octets, NOW)),
            other => judged(other),
        },
        Input::AfterHint => {
            let Ok(Step::Continue { next, .. }) =
                spnego::Acceptor::new(kerberos()).accept(&[], NOW)
            else {
                panic!("an empty token asks for a hint");
            };
            judged(next.accept(octets, NOW));
        }
        Input::Answer => {
            let Ok(Step::Continue { next, .. }) = spnego::Initiator::new(initiator()).request(NOW)
            else {
                panic!("mutual authentication was asked for");
            };
            match next.reply(octets, NOW) {
                Ok(Step::Established { .. }) => panic!("established with nobody"),
                Ok(Step::Continue { next, .. }) => judged(next.reply(octets, NOW)),
                other => judged(other),
            }
        }
        Input::Hint => {
            if let Err(error) = spnego::Initiator::hinted(octets) {
                refused(&error, &[]);
            }
        }
        Input::Response => respond(sasl::Server::gssapi(kerberos(), Layers::ALL), octets),
        Input::SpnegoResponse => respond(sasl::Server::gss_spnego(kerberos(), Layers::ALL), octets),
        Input::Gs2Response => respond(sasl::Server::gs2(kerberos(), false), octets),
        Input::Challenge => {
            let client = sasl::Client::gssapi(initiator(), Layers::ALL);
            let Ok(Step::Continue { next, .. }) = client.start(NOW) else {
                panic!("the server has to answer");
            };
            match next.challenge(octets, NOW) {
                Ok(Step::Established { .. }) => panic!("established with nobody"),
                other => judged(other),
            }
        }
    }
}));
