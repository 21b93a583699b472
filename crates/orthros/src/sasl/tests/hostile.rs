//! What went wrong elsewhere.

use super::gssapi::client;
use super::others::channel;
use crate::ap::tests::forge::NOW;
use crate::gss::tests::exchange::{acceptor, initiator};
use crate::sasl::{AwaitChallenge, Binding, Client, Layers, Server};
use crate::step::Step;

fn started(client: Client) -> (Vec<u8>, AwaitChallenge) {
    match client.start(NOW).unwrap() {
        Step::Continue { token, next } => (token, next),
        other => panic!("{other:?}"),
    }
}

fn challenged(next: AwaitChallenge, challenge: &[u8]) -> (Vec<u8>, AwaitChallenge) {
    match next.challenge(challenge, NOW).unwrap() {
        Step::Continue { token, next } => (token, next),
        other => panic!("{other:?}"),
    }
}

fn answered(server: Server, response: &[u8]) -> (Vec<u8>, Server) {
    match server.respond(response, NOW).unwrap() {
        Step::Continue { token, next } => (token, next),
        other => panic!("{other:?}"),
    }
}

fn gssapi() -> Server {
    Server::gssapi(acceptor(), Layers::ALL)
}

fn every_mechanism() -> [(Client, Server); 4] {
    let exporter = || channel("tls-exporter", b"x");
    [
        (client(Layers::ALL), gssapi()),
        (
            Client::gss_spnego(initiator(), Layers::ALL),
            Server::gss_spnego(acceptor(), Layers::ALL),
        ),
        (
            Client::gs2(initiator(), Binding::None),
            Server::gs2(acceptor(), false),
        ),
        (
            Client::gs2(initiator(), exporter()),
            Server::gs2_plus(acceptor(), [("tls-exporter", b"x")]),
        ),
    ]
}

/// A client stops at an empty challenge in every state, and a server asks for the initial response
/// once.
#[test]
fn case_136_an_empty_challenge_and_an_empty_response() {
    for (client, server) in every_mechanism() {
        let (_, next) = started(client);
        assert!(next.challenge(b"", NOW).is_err());
        let (asked, next) = answered(server, b"");
        assert!(asked.is_empty());
        // Asked again, there is no second question.
        let refusal = next.respond(b"", NOW).unwrap_err();
        assert_eq!(refusal.error.explain().code, "SASL_BROKEN");
    }
    // Where the offer is due, and where the choice is.
    let (token, next) = started(client(Layers::ALL));
    let (challenge, server) = answered(gssapi(), &token);
    let (response, next) = challenged(next, &challenge);
    assert!(response.is_empty());
    let (_, server) = answered(server, &response);
    assert!(next.challenge(b"", NOW).is_err());
    assert!(server.respond(b"", NOW).is_err());
}

/// Each state takes its own message alone: the one before, once more, is refused.
#[test]
fn case_056_the_message_before_once_more() {
    // A server of GSSAPI has two messages after the first.
    let (first, next) = started(client(Layers::ALL));
    let (challenge, server) = answered(gssapi(), &first);
    let (empty, next) = challenged(next, &challenge);
    let (offer, server) = answered(server, &empty);
    assert!(server.respond(&first, NOW).is_err());
    // Its client: the AP-REP where the offer is due.
    assert!(next.challenge(&challenge, NOW).is_err());
    // The first message, where the empty response is due (SASL-04).
    let (first, next) = started(client(Layers::ALL));
    let (challenge, server) = answered(gssapi(), &first);
    assert!(server.respond(&first, NOW).is_err());
    // An offer of another exchange, where the AP-REP is due, and where the offer is.
    let (_, early) = started(client(Layers::ALL));
    assert!(early.challenge(&offer, NOW).is_err());
    let (_, next) = challenged(next, &challenge);
    assert!(next.challenge(&offer, NOW).is_err());
    // The others have one message.
    for (client, server) in every_mechanism().into_iter().skip(1) {
        let (first, next) = started(client);
        let Step::Established { token, .. } = server.respond(&first, NOW).unwrap() else {
            panic!();
        };
        assert!(next.challenge(&first, NOW).is_err());
        let _ = token.unwrap();
    }
}
