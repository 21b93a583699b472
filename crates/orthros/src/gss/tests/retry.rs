//! A second token, where the acceptor says that the clocks differ.

use super::exchange::{accepted, acceptor, first, initiator};
use crate::ap::tests::forge::NOW;
use crate::error::Error;
use crate::gss::{AcceptorBindings, ChannelBindings, ContextFlags};
use crate::step::Step;

/// One more token by the acceptor's clock, with all that the first one had; and only one.
#[test]
fn ap_77_retry_by_the_acceptors_clock() {
    let late = NOW.offset(600_000_000);
    let bindings = || ChannelBindings::from_application_data("tls-server-end-point:abc");
    let initiator = || {
        initiator()
            .bindings(bindings())
            .delegate(super::delegation::forwarded())
            .retry_by_acceptors_clock()
    };
    let acceptor = || acceptor().bindings(AcceptorBindings::Require(bindings().into()));
    let (token, next) = first(initiator());
    let refusal = acceptor().accept(&token, late).unwrap_err();
    let (token, next) = match next.reply(&refusal.token.unwrap(), NOW).unwrap() {
        Step::Continue { token, next } => (token, next),
        other => panic!("{other:?}"),
    };
    let (reply, theirs) = accepted(acceptor().accept(&token, late));
    assert!(theirs.flags().contains(ContextFlags::CHANNEL_BOUND));
    assert_eq!(theirs.info().delegated.len(), 1);
    match next.reply(&reply.unwrap(), NOW).unwrap() {
        Step::Established {
            token: None,
            context,
        } => assert!(context.flags().contains(ContextFlags::MUTUAL)),
        other => panic!("{other:?}"),
    }
    // The second error is the end.
    let (token, next) = first(initiator());
    let error = acceptor().accept(&token, late).unwrap_err().token.unwrap();
    let Step::Continue { next, .. } = next.reply(&error, NOW).unwrap() else {
        panic!("no retry")
    };
    let refused = next.reply(&error, NOW).unwrap_err();
    assert!(matches!(refused.error, Error::Peer(_)));
}
