//! What the checksum in an authenticator protects: the protocol around the exchange decides.

use crate::crypto::{ChecksumType, Enctype, Key, KeyUsage};
use crate::error::Rejection;
use crate::wire::{ApOptions, Checksum};

/// What a [`Binding`] may look at.
#[derive(Debug)]
pub struct BindingKeys<'a> {
    /// The ticket session key.
    pub session: &'a Key,
    /// The subkey in the authenticator.
    pub subkey: Option<&'a Key>,
    /// The client says that it supplies channel bindings wherever there are any
    /// (KERB-AP-OPTIONS 0x4000, AP-80, AP-81).
    pub client_supplies_bindings: bool,
}

/// Ties an AP-REQ to what it was sent for.
///
/// A kerberized protocol puts application data under the checksum ([`AppData`]), GSS-API its flags
/// and channel bindings, the TGS exchange the request's body.
pub trait Binding {
    /// What was learnt from the checksum.
    type Bound;

    /// Judges the checksum.
    fn bind(
        &self,
        cksum: Option<&Checksum<'_>>,
        keys: &BindingKeys<'_>,
    ) -> Result<Self::Bound, Rejection>;

    /// Whether the client wants to be answered with an AP-REP (AP-50).
    fn mutual(bound: &Self::Bound, options: ApOptions) -> bool {
        let _ = bound;
        options.contains(ApOptions::MUTUAL_REQUIRED)
    }

    /// Whether a subkey of the acceptor's, of this enctype, is of use (AP-53).
    fn takes_subkey(bound: &Self::Bound, enctype: Enctype) -> bool {
        let _ = (bound, enctype);
        true
    }
}

/// The AP-REQ stands for itself: it proves who sent it and nothing about other octets. A checksum
/// in it is not looked at.
#[derive(Clone, Copy, Debug, Default)]
pub struct Unbound;

impl Binding for Unbound {
    type Bound = ();

    fn bind(&self, _: Option<&Checksum<'_>>, _: &BindingKeys<'_>) -> Result<(), Rejection> {
        Ok(())
    }
}

/// The AP-REQ vouches for application data: a keyed checksum of it is required (AP-11).
#[derive(Clone, Copy, Debug)]
pub struct AppData<'a>(pub &'a [u8]);

impl Binding for AppData<'_> {
    type Bound = ();

    fn bind(&self, cksum: Option<&Checksum<'_>>, keys: &BindingKeys<'_>) -> Result<(), Rejection> {
        verify_keyed(
            cksum,
            keys.session,
            KeyUsage::AP_REQ_AUTHENTICATOR_CKSUM,
            self.0,
        )
    }
}

/// The required checksum of the session key over `data`.
pub(super) fn verify_keyed(
    cksum: Option<&Checksum<'_>>,
    session: &Key,
    usage: KeyUsage,
    data: &[u8],
) -> Result<(), Rejection> {
    let cksum = cksum.ok_or(Rejection::ChecksumMissing)?;
    let cksumtype = ChecksumType(cksum.cksumtype);
    if session.enctype().required_checksum() != Some(cksumtype) {
        return Err(Rejection::ChecksumType {
            cksumtype: cksumtype.0,
        });
    }
    session
        .verify_checksum(usage, cksumtype, data, cksum.checksum.as_bytes())
        .map_err(|_| Rejection::ChecksumMismatch)
}
