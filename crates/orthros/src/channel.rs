//! Channel bindings of TLS (RFC 5929, RFC 9266), from what the TLS library gives.
//!
//! A binding's application data are the type's unique prefix, a colon and the channel's octets;
//! both addresses are unspecified and empty (CB-01). Both sides must use the same type: HTTP and
//! LDAP use `tls-server-end-point`. An acceptor takes any of several
//! ([`Candidates`](crate::gss::Candidates)): the certificates of a proxy in front of it (CB-04),
//! or one of each type (CB-06).
#![cfg_attr(
    not(test),
    deny(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::indexing_slicing,
        clippy::panic
    )
)]

use std::fmt;

use der::asn1::{AnyRef, ContextSpecific, ObjectIdentifier};
use der::{Decode, Header, Reader, SliceReader, Tag, TagNumber};
use sha2::{Digest, Sha224, Sha256, Sha384, Sha512};

use crate::gss::{BindingType, ChannelBindings};
use crate::wire::Malformed;

/// Why a certificate gives no binding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NoBinding {
    /// It is no certificate.
    Malformed(Malformed),
    /// Its signature has no single hash, or one that is unknown here: for it the type is not
    /// defined (CB-03).
    Undefined {
        /// The signature's algorithm.
        algorithm: String,
    },
    /// Octets that are the hash of no certificate: they are not as long as one.
    NoHash {
        /// How many there are.
        len: usize,
    },
}

impl fmt::Display for NoBinding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed(malformed) => malformed.fmt(f),
            Self::Undefined { algorithm } => write!(
                f,
                "tls-server-end-point is not defined for signatures by {algorithm}"
            ),
            Self::NoHash { len } => write!(f, "{len} octets are the hash of no certificate"),
        }
    }
}

impl std::error::Error for NoBinding {}

/// `tls-server-end-point`: the hash of the server's certificate, which is DER exactly as in the
/// Certificate message (CB-02).
pub fn tls_server_end_point(certificate: &[u8]) -> Result<ChannelBindings, NoBinding> {
    let octets = certificate_hash(certificate)?;
    Ok(bindings(BindingType::ServerEndPoint, &octets))
}

/// `tls-server-end-point` of a certificate of which the hash alone is known: where something in
/// front of the service ends TLS, and the service was told that hash (CB-04).
///
/// It is that of [`certificate_hash`]: with SHA-256, SHA-384, SHA-512 or SHA-224, as the
/// certificate's signature says.
pub fn tls_server_end_point_of_hash(hash: &[u8]) -> Result<ChannelBindings, NoBinding> {
    match hash.len() {
        28 | 32 | 48 | 64 => Ok(bindings(BindingType::ServerEndPoint, hash)),
        len => Err(NoBinding::NoHash { len }),
    }
}

/// The octets of [`tls_server_end_point`], without its prefix: what GS2 wants.
///
/// The hash is that of the certificate's signatureAlgorithm, but SHA-256 instead of MD5 and SHA-1.
pub fn certificate_hash(certificate: &[u8]) -> Result<Vec<u8>, NoBinding> {
    let (algorithm, parameters) = signature_algorithm(certificate).map_err(|error| {
        NoBinding::Malformed(Malformed::new("Certificate", 0, error.kind().to_string()))
    })?;
    let hash = match algorithm == RSASSA_PSS {
        true => pss_hash(parameters).map_err(|error| {
            let why = error.kind().to_string();
            NoBinding::Malformed(Malformed::new("RSASSA-PSS-params", 0, why))
        })?,
        false => algorithm,
    };
    let octets = match hash {
        MD5 | SHA1 | SHA256 | RSA_MD5 | RSA_SHA1 | DSA_SHA1 | ECDSA_SHA1 | RSA_SHA256
        | DSA_SHA256 | ECDSA_SHA256 => Sha256::digest(certificate).to_vec(),
        SHA224 | RSA_SHA224 | DSA_SHA224 | ECDSA_SHA224 => Sha224::digest(certificate).to_vec(),
        SHA384 | RSA_SHA384 | ECDSA_SHA384 => Sha384::digest(certificate).to_vec(),
        SHA512 | RSA_SHA512 | ECDSA_SHA512 => Sha512::digest(certificate).to_vec(),
        _ => {
            return Err(NoBinding::Undefined {
                algorithm: algorithm.to_string(),
            });
        }
    };
    Ok(octets)
}

/// `tls-exporter`: 32 octets that the connection exports under [`EXPORTER_LABEL`] with a context
/// of no octets (CB-05).
///
/// Only TLS 1.3 has it, and TLS 1.2 with extended master secret and without renegotiation. One
/// value is for one authentication, and never a key.
pub fn tls_exporter(exported: &[u8; 32]) -> ChannelBindings {
    bindings(BindingType::Exporter, exported)
}

/// The label under which [`tls_exporter`]'s octets are exported; the context has no octets.
pub const EXPORTER_LABEL: &[u8] = b"EXPORTER-Channel-Binding";

/// `tls-unique`: the first Finished message of the last handshake. TLS 1.3 does not have it.
pub fn tls_unique(finished: &[u8]) -> ChannelBindings {
    bindings(BindingType::Unique, finished)
}

fn bindings(binding_type: BindingType, octets: &[u8]) -> ChannelBindings {
    let prefix = binding_type.name().as_bytes();
    ChannelBindings::from_application_data([prefix, b":", octets].concat())
}

/// ```text
/// Certificate ::= SEQUENCE {
///     tbsCertificate      TBSCertificate,
///     signatureAlgorithm  AlgorithmIdentifier,
///     signatureValue      BIT STRING
/// }
/// ```
fn signature_algorithm(certificate: &[u8]) -> der::Result<(ObjectIdentifier, Option<AnyRef<'_>>)> {
    let mut outer = SliceReader::new(certificate)?;
    let header = Header::decode(&mut outer)?;
    header.tag().assert_eq(Tag::Sequence)?;
    let mut inner = SliceReader::new(outer.read_slice(header.length())?)?;
    outer.finish()?;
    Header::peek(&inner)?.tag().assert_eq(Tag::Sequence)?;
    inner.tlv_bytes()?;
    let algorithm = algorithm(inner.tlv_bytes()?)?;
    Header::peek(&inner)?.tag().assert_eq(Tag::BitString)?;
    inner.tlv_bytes()?;
    inner.finish()?;
    Ok(algorithm)
}

/// ```text
/// AlgorithmIdentifier ::= SEQUENCE { algorithm OBJECT IDENTIFIER, parameters ANY OPTIONAL }
/// ```
fn algorithm(octets: &[u8]) -> der::Result<(ObjectIdentifier, Option<AnyRef<'_>>)> {
    let mut outer = SliceReader::new(octets)?;
    let header = Header::decode(&mut outer)?;
    header.tag().assert_eq(Tag::Sequence)?;
    let mut inner = SliceReader::new(outer.read_slice(header.length())?)?;
    outer.finish()?;
    let oid = ObjectIdentifier::decode(&mut inner)?;
    let parameters = match inner.is_finished() {
        true => None,
        false => Some(AnyRef::decode(&mut inner)?),
    };
    inner.finish()?;
    Ok((oid, parameters))
}

/// ```text
/// RSASSA-PSS-params ::= SEQUENCE {
///     hashAlgorithm      [0] HashAlgorithm      DEFAULT sha1,
///     ...
/// }
/// ```
fn pss_hash(parameters: Option<AnyRef<'_>>) -> der::Result<ObjectIdentifier> {
    let Some(parameters) = parameters else {
        return Ok(SHA1);
    };
    der::Tagged::tag(&parameters).assert_eq(Tag::Sequence)?;
    let mut reader = SliceReader::new(parameters.value())?;
    let hash = ContextSpecific::<AnyRef<'_>>::decode_explicit(&mut reader, TagNumber(0))?;
    match hash {
        Some(hash) => {
            let mut inner = SliceReader::new(hash.value.value())?;
            ObjectIdentifier::decode(&mut inner)
        }
        None => Ok(SHA1),
    }
}

const fn oid(text: &str) -> ObjectIdentifier {
    ObjectIdentifier::new_unwrap(text)
}

const MD5: ObjectIdentifier = oid("1.2.840.113549.2.5");
const SHA1: ObjectIdentifier = oid("1.3.14.3.2.26");
const SHA224: ObjectIdentifier = oid("2.16.840.1.101.3.4.2.4");
const SHA256: ObjectIdentifier = oid("2.16.840.1.101.3.4.2.1");
const SHA384: ObjectIdentifier = oid("2.16.840.1.101.3.4.2.2");
const SHA512: ObjectIdentifier = oid("2.16.840.1.101.3.4.2.3");
const RSA_MD5: ObjectIdentifier = oid("1.2.840.113549.1.1.4");
const RSA_SHA1: ObjectIdentifier = oid("1.2.840.113549.1.1.5");
const RSASSA_PSS: ObjectIdentifier = oid("1.2.840.113549.1.1.10");
const RSA_SHA256: ObjectIdentifier = oid("1.2.840.113549.1.1.11");
const RSA_SHA384: ObjectIdentifier = oid("1.2.840.113549.1.1.12");
const RSA_SHA512: ObjectIdentifier = oid("1.2.840.113549.1.1.13");
const RSA_SHA224: ObjectIdentifier = oid("1.2.840.113549.1.1.14");
const DSA_SHA1: ObjectIdentifier = oid("1.2.840.10040.4.3");
const DSA_SHA224: ObjectIdentifier = oid("2.16.840.1.101.3.4.3.1");
const DSA_SHA256: ObjectIdentifier = oid("2.16.840.1.101.3.4.3.2");
const ECDSA_SHA1: ObjectIdentifier = oid("1.2.840.10045.4.1");
const ECDSA_SHA224: ObjectIdentifier = oid("1.2.840.10045.4.3.1");
const ECDSA_SHA256: ObjectIdentifier = oid("1.2.840.10045.4.3.2");
const ECDSA_SHA384: ObjectIdentifier = oid("1.2.840.10045.4.3.3");
const ECDSA_SHA512: ObjectIdentifier = oid("1.2.840.10045.4.3.4");

#[cfg(test)]
mod tests;
