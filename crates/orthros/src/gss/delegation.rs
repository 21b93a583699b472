//! Delegation: a forwarded TGT inside the 0x8003 checksum, as a KRB-CRED (RFC 4121 §4.1.1).

use crate::ap::BindingKeys;
use crate::ap::session::cred;
use crate::credentials::Credentials;
use crate::crypto::Key;
use crate::error::Error;
use crate::random::Random;

/// The KRB-CRED of one forwarded TGT, encrypted with the ticket session key (GSS-32, AP-70).
pub(super) fn krb_cred(
    forwarded: &Credentials,
    session: &Key,
    rng: &dyn Random,
) -> Result<Vec<u8>, Error> {
    cred::seal(&[forwarded], session, None, None, rng)
}

/// What a KRB-CRED in the checksum of an authenticator delegates (AP-72, AP-73).
pub(super) fn credentials(
    krb_cred: &[u8],
    keys: &BindingKeys<'_>,
) -> Result<Vec<Credentials>, Error> {
    cred::inside_authenticator(krb_cred, keys)
}
