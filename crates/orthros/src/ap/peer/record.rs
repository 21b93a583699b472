//! A peer, written down and read again: part of an exported context.
//!
//! Whoever reads one has unsealed what holds it, under a key of its own: that is the proof that the
//! checks were made (GSS contexts; no other way leads here).

use std::fmt;
use std::sync::Arc;

use der::Sequence;
use zeroize::Zeroizing;

use super::{OpenedBy, Peer};
use crate::ap::authdata::AuthData;
use crate::ap::ticket::{Contents, OpenTicket};
use crate::ap::verify::Vouched;
use crate::crypto::{Enctype, Key};
use crate::error::Error;
use crate::pac::{Pac, VerifiedPac};
use crate::principal::Principal;
use crate::secret::Secret;
use crate::wire::primitive::{from_der, to_der};
use crate::wire::{
    AuthorizationDataElement, EncTicketPart, KerberosString, Malformed, Message, OctetString,
    PrincipalName,
};

const WHAT: &str = "PeerRecord";

/// ```text
/// PeerRecord      ::= SEQUENCE {
///         srealm          [0] Realm,
///         sname           [1] PrincipalName,
///         kvno            [2] INTEGER OPTIONAL,
///         etype           [3] Int32,
///         ticket          [4] OCTET STRING -- EncTicketPart --,
///         authenticator   [5] OCTET STRING -- Authenticator --,
///         entry           [6] INTEGER OPTIONAL -- of the keytab --,
///         entry-kvno      [7] INTEGER OPTIONAL,
///         fallback        [8] BOOLEAN,
///         clock-offset    [9] INTEGER,
///         pac             [10] OCTET STRING OPTIONAL -- verified --,
///         kdc-issued      [11] AuthorizationData,
///         cammac          [12] AuthorizationData,
///         ap-options      [13] INTEGER,
///         replay-checked  [14] BOOLEAN,
///         replay-cache    [15] KerberosString OPTIONAL -- its kind --,
///         replay-tag      [16] OCTET STRING (SIZE (12))
/// }
/// ```
#[derive(Sequence)]
struct PeerRecord<'a> {
    #[asn1(context_specific = "0")]
    srealm: KerberosString<'a>,
    #[asn1(context_specific = "1")]
    sname: PrincipalName<'a>,
    #[asn1(context_specific = "2", optional = "true")]
    kvno: Option<u32>,
    #[asn1(context_specific = "3")]
    etype: i32,
    #[asn1(context_specific = "4")]
    ticket: OctetString<'a>,
    #[asn1(context_specific = "5")]
    authenticator: OctetString<'a>,
    #[asn1(context_specific = "6", optional = "true")]
    entry: Option<u32>,
    #[asn1(context_specific = "7", optional = "true")]
    entry_kvno: Option<u32>,
    #[asn1(context_specific = "8")]
    fallback: bool,
    #[asn1(context_specific = "9")]
    clock_offset: i64,
    #[asn1(context_specific = "10", optional = "true")]
    pac: Option<OctetString<'a>>,
    #[asn1(context_specific = "11")]
    kdc_issued: Vec<AuthorizationDataElement<'a>>,
    #[asn1(context_specific = "12")]
    cammac: Vec<AuthorizationDataElement<'a>>,
    #[asn1(context_specific = "13")]
    ap_options: u32,
    #[asn1(context_specific = "14")]
    replay_checked: bool,
    #[asn1(context_specific = "15", optional = "true")]
    replay_cache: Option<KerberosString<'a>>,
    #[asn1(context_specific = "16")]
    replay_tag: OctetString<'a>,
}

fn elements(all: &[AuthData]) -> Vec<AuthorizationDataElement<'_>> {
    let element = all.iter().map(|one| AuthorizationDataElement {
        ad_type: one.ad_type,
        ad_data: OctetString(&one.data),
    });
    element.collect()
}

fn bad(why: impl fmt::Display) -> Error {
    Malformed::new(WHAT, 0, why.to_string()).into()
}

impl Peer {
    /// Everything about it, session key included: to be sealed.
    pub(crate) fn record(&self) -> Result<Zeroizing<Vec<u8>>, Error> {
        let (entry, entry_kvno) = self.opened_by.key.unzip();
        let record = PeerRecord {
            srealm: self.ticket.server.realm_to_wire(),
            sname: self.ticket.server.to_wire(),
            kvno: self.ticket.kvno,
            etype: self.ticket.enctype.0,
            ticket: OctetString(self.ticket.octets()),
            authenticator: OctetString(self.opened_by.authenticator.expose()),
            entry: entry.map(u32::try_from).transpose().map_err(bad)?,
            entry_kvno,
            fallback: self.opened_by.fallback,
            clock_offset: self.clock_offset,
            pac: self.pac().map(|pac| OctetString(pac.octets())),
            kdc_issued: elements(&self.vouched.kdc_issued),
            cammac: elements(&self.vouched.cammac),
            ap_options: self.ap_options,
            replay_checked: self.replay_checked,
            replay_cache: self.replay_cache.as_deref().map(KerberosString),
            replay_tag: OctetString(&self.replay_tag),
        };
        Ok(Zeroizing::new(to_der(WHAT, &record)?))
    }

    /// The peer of a record that was unsealed.
    pub(crate) fn restore(octets: &[u8]) -> Result<Self, Error> {
        let record: PeerRecord<'_> = from_der(WHAT, octets)?;
        let part = EncTicketPart::from_bytes(record.ticket.as_bytes())?;
        let session_key = Key::new(Enctype(part.key.keytype), part.key.keyvalue.as_bytes())?;
        let client = Principal::from_wire(&part.crealm, &part.cname).map_err(bad)?;
        let server = Principal::from_wire(&record.srealm, &record.sname).map_err(bad)?;
        let ticket = OpenTicket::new(
            Secret::from(record.ticket.as_bytes()),
            (server, record.kvno, Enctype(record.etype)),
            Contents::of(&part, session_key, client),
        );
        let pac = match &record.pac {
            Some(octets) => {
                let pac = Pac::parse(octets.as_bytes()).map_err(bad)?;
                Some(Arc::new(VerifiedPac::restore(&pac).map_err(bad)?))
            }
            None => None,
        };
        let entry = record.entry.map(usize::try_from).transpose();
        Ok(Self {
            ticket: Arc::new(ticket),
            opened_by: OpenedBy {
                key: entry.map_err(bad)?.zip(record.entry_kvno),
                fallback: record.fallback,
                authenticator: Secret::from(record.authenticator.as_bytes()),
            },
            clock_offset: record.clock_offset,
            vouched: Vouched {
                pac,
                kdc_issued: record.kdc_issued.iter().map(AuthData::new).collect(),
                cammac: record.cammac.iter().map(AuthData::new).collect(),
            },
            ap_options: record.ap_options,
            replay_checked: record.replay_checked,
            replay_cache: record.replay_cache.map(|kind| kind.0.to_owned().into()),
            replay_tag: (record.replay_tag.as_bytes().try_into())
                .map_err(|_| bad("the replay tag has not 12 octets"))?,
        })
    }
}
