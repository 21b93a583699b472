//! What is asked of a KDC so that an initiator can delegate.

use orthros::client::{ServiceCredentials, TgsAwait, TgsExchange};
use orthros::credentials::Credentials;
use orthros::crypto::DEFAULT_ENCTYPES;
use orthros::error::Error;
use orthros::gss::Initiator;
use orthros::step::Ask;
use orthros::time::Timestamp;

/// Asks for a forwarded TGT, good from every address. The enctype of its session key is one that the
/// acceptor knows, if the KDC has a choice: that of the ticket's.
pub(crate) fn start(
    initiator: &Initiator,
    tgt: &Credentials,
    now: Timestamp,
) -> Result<Ask<TgsAwait, ServiceCredentials>, Error> {
    let ticket = initiator.credentials();
    if ticket.client != tgt.client {
        return Err(Error::Misuse("a client delegates its own TGT"));
    }
    let known = ticket.session_key.enctype();
    let others = DEFAULT_ENCTYPES.iter().filter(|other| **other != known);
    let enctypes = std::iter::once(&known).chain(others).copied().collect();
    TgsExchange::forward(tgt, Vec::new())
        .enctypes(enctypes)
        .start(now)
}
