//! The channel bindings of a TLS connection of rustls (RFC 5929, RFC 9266), for both ends.
//!
//! | type | client | server |
//! |---|---|---|
//! | `tls-server-end-point` | [`server_end_point`]: the certificate that the server showed | [`own_end_points`]: the certificates that it shows |
//! | `tls-exporter` | [`exporter`] | [`exporter`] |
//! | `tls-unique` | no | no |
//!
//! `tls-unique` is a Finished message, and rustls hands out none; what TLS 1.3 has in its place is
//! `tls-exporter`.
//!
//! ```no_run
//! # use orthros::{credentials::Credentials, gss::{Acceptor, AcceptorBindings, Initiator}};
//! # use orthros_net::tls::{self, rustls};
//! # use rustls::{ClientConnection, ServerConnection, pki_types::CertificateDer};
//! /// HTTP and LDAP bind to the certificate.
//! fn client(tls: &ClientConnection, ticket: Credentials) -> Result<Initiator, tls::NoBinding> {
//!     Ok(Initiator::new(ticket).bindings(tls::server_end_point(tls)?))
//! }
//!
//! /// Bound to our certificate, or to this very connection.
//! fn server(
//!     tls: &ServerConnection,
//!     ours: &CertificateDer<'_>,
//!     acceptor: Acceptor,
//! ) -> Acceptor {
//!     let mut candidates = tls::own_end_points([ours]);
//!     candidates.extend(tls::exporter(tls));
//!     acceptor.bindings(AcceptorBindings::Require(candidates))
//! }
//! ```
//!
//! GS2-KRB5-PLUS of SASL takes them apart: `Binding::channel(&tls::exporter(connection)?)` at the
//! client, `Server::gs2_plus(acceptor, candidates.iter().filter_map(ChannelBindings::typed))` at
//! the server.
//!
//! A connection inside a stream of tokio-rustls is the second of what its `get_ref` gives:
//! `tls::server_end_point(stream.get_ref().1)`.
//!
//! All of them want a finished handshake. Neither this module nor the core chooses the library's
//! cryptography: that is the affair of whoever made the connection.

use std::fmt;
use std::ops::Deref;

use orthros::channel::{self, EXPORTER_LABEL};
use orthros::gss::{Candidates, ChannelBindings};
use rustls::pki_types::CertificateDer;
use rustls::{ClientConnection, ConnectionCommon, ProtocolVersion};

/// The library for TLS.
pub use ::rustls;

/// Why a connection gives no binding.
#[derive(Clone, Debug, PartialEq)]
pub enum NoBinding {
    /// The handshake is not over.
    Handshaking,
    /// The server showed no certificate.
    NoCertificate,
    /// Its certificate gives none (CB-03).
    Certificate(channel::NoBinding),
    /// The connection is of TLS 1.2, and the library does not tell whether it has the extended
    /// master secret, without which two connections may export the same (CB-05).
    ExtendedMasterSecretUnknown,
    /// The library exports nothing.
    Library(rustls::Error),
}

impl fmt::Display for NoBinding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Handshaking => f.write_str("the TLS handshake is not over"),
            Self::NoCertificate => f.write_str("the TLS server showed no certificate"),
            Self::Certificate(why) => why.fmt(f),
            Self::ExtendedMasterSecretUnknown => f.write_str(
                "tls-exporter of TLS 1.2 needs the extended master secret, and nobody demanded it",
            ),
            Self::Library(error) => write!(f, "the TLS library exports nothing: {error}"),
        }
    }
}

impl std::error::Error for NoBinding {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Certificate(why) => Some(why),
            Self::Library(error) => Some(error),
            _ => None,
        }
    }
}

/// `tls-server-end-point`, at the client: the certificate that the server showed (CB-02).
pub fn server_end_point(connection: &ClientConnection) -> Result<ChannelBindings, NoBinding> {
    if connection.is_handshaking() {
        return Err(NoBinding::Handshaking);
    }
    let chain = connection.peer_certificates().unwrap_or_default();
    let certificate = chain.first().ok_or(NoBinding::NoCertificate)?;
    channel::tls_server_end_point(certificate).map_err(NoBinding::Certificate)
}

/// `tls-server-end-point`, at the server: of each certificate that it may show, in their order
/// (CB-04, CB-06).
///
/// The library does not tell which one it showed on a connection. Give those of all names that the
/// server serves, and those of a proxy that ends TLS in front of it: who could bind a client to
/// any of them holds its private key. Give the certificate itself, the first of its chain.
///
/// A certificate for which the type is not defined is left out (CB-03): where all are, nothing
/// agrees, and a server that requires bindings refuses everyone.
pub fn own_end_points<'c>(
    certificates: impl IntoIterator<Item = &'c CertificateDer<'c>>,
) -> Candidates {
    let certificates = certificates.into_iter();
    certificates
        .filter_map(|certificate| channel::tls_server_end_point(certificate).ok())
        .collect()
}

/// `tls-exporter`, at either end of a connection of TLS 1.3 (CB-05).
///
/// A connection of TLS 1.2 has it only with the extended master secret, of which the library says
/// nothing: see [`exporter_with_extended_master_secret`]. One value is for one authentication on
/// the connection.
pub fn exporter<C, D>(connection: &C) -> Result<ChannelBindings, NoBinding>
where
    C: Deref<Target = ConnectionCommon<D>>,
{
    export(&**connection, false)
}

/// The same, where the connection's configuration has `require_ems`, so that a connection of TLS
/// 1.2 has the extended master secret or does not come to be.
///
/// rustls knows no renegotiation, which RFC 9266 excludes as well.
pub fn exporter_with_extended_master_secret<C, D>(
    connection: &C,
) -> Result<ChannelBindings, NoBinding>
where
    C: Deref<Target = ConnectionCommon<D>>,
{
    export(&**connection, true)
}

fn export<D>(
    connection: &ConnectionCommon<D>,
    extended_master_secret: bool,
) -> Result<ChannelBindings, NoBinding> {
    if connection.is_handshaking() {
        return Err(NoBinding::Handshaking);
    }
    match connection.protocol_version() {
        Some(ProtocolVersion::TLSv1_3) => {}
        Some(ProtocolVersion::TLSv1_2) if extended_master_secret => {}
        _ => return Err(NoBinding::ExtendedMasterSecretUnknown),
    }
    // No context and a context of no octets are the same in TLS 1.3 alone; RFC 9266 has the
    // latter (RFC 5705 §4).
    let exported = connection
        .export_keying_material([0; 32], EXPORTER_LABEL, Some(&[]))
        .map_err(NoBinding::Library)?;
    Ok(channel::tls_exporter(&exported))
}

#[cfg(test)]
mod tests;
