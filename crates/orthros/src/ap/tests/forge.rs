//! Requests as a client, a KDC or an attacker who knows every key could make them.

use std::sync::Arc;

use crate::ap::{Accepted, Acceptor, AcceptorConfig, Accepts, HostAddr, ServiceKeys, Unbound};
use crate::crypto::{Enctype, Key, KeyUsage};
use crate::error::{Error, Rejection};
use crate::principal::Principal;
use crate::random::OsRandom;
use crate::step::Refusal;
use crate::time::{KerberosTime, Timestamp};
use crate::wire::{
    AdType, ApOptions, ApReq, Authenticator, AuthorizationDataElement, Checksum, EncTicketPart,
    EncryptedData, EncryptionKey, Message, Microseconds, OctetString, Raw, Ticket, TicketFlags,
    TrType, TransitedEncoding, UInt32, primitive::to_der,
};

pub(crate) const AES256: Enctype = Enctype::AES256_CTS_HMAC_SHA1_96;
pub(crate) const AES128: Enctype = Enctype::AES128_CTS_HMAC_SHA1_96;

/// 2026-11-22T10:31:07.482913Z
pub(crate) const NOW: Timestamp = Timestamp::from_micros(1_795_343_467_482_913);

pub(crate) fn secs(seconds: i64) -> i64 {
    seconds * 1_000_000
}

pub(crate) fn principal(text: &str) -> Principal {
    Principal::parse(text, None).unwrap()
}

pub(crate) fn key(enctype: Enctype, seed: u8) -> Key {
    Key::new(enctype, &vec![seed; enctype.key_len().unwrap()]).unwrap()
}

/// Elements of authorization data, owned.
pub(crate) type Elements = Vec<(i32, Vec<u8>)>;

pub(crate) fn authorization_data(elements: &Elements) -> Vec<AuthorizationDataElement<'_>> {
    elements
        .iter()
        .map(|(ad_type, data)| AuthorizationDataElement {
            ad_type: AdType(*ad_type),
            ad_data: OctetString(data),
        })
        .collect()
}

pub(crate) fn if_relevant(elements: Elements) -> (i32, Vec<u8>) {
    (1, to_der("AD", &authorization_data(&elements)).unwrap())
}

/// Everything that goes into an AP-REQ.
#[derive(Clone)]
pub(crate) struct Forge {
    pub(crate) service_key: Key,
    pub(crate) session_key: Key,
    /// Claimed in the ticket instead of the session key's own.
    pub(crate) session_enctype: Option<Enctype>,
    pub(crate) server: Principal,
    pub(crate) client: Principal,
    pub(crate) authenticator_client: Principal,
    pub(crate) kvno: Option<u32>,
    pub(crate) ticket_usage: KeyUsage,
    pub(crate) flags: TicketFlags,
    pub(crate) transited: (i32, Vec<u8>),
    pub(crate) authtime: i64,
    pub(crate) starttime: Option<i64>,
    pub(crate) endtime: i64,
    pub(crate) caddr: Option<Vec<HostAddr>>,
    pub(crate) ticket_data: Elements,
    pub(crate) authenticator_data: Elements,
    pub(crate) cksum: Option<(i32, Vec<u8>)>,
    pub(crate) ctime: Timestamp,
    pub(crate) subkey: Option<Key>,
    pub(crate) seq: Option<u32>,
    pub(crate) options: ApOptions,
    pub(crate) authenticator_usage: KeyUsage,
    pub(crate) authenticator_key: Option<Key>,
    pub(crate) pvno: i32,
    pub(crate) msg_type: i32,
    pub(crate) tkt_vno: i32,
    pub(crate) authenticator_vno: i32,
}

impl Forge {
    /// A request against which nothing can be said.
    pub(crate) fn right() -> Self {
        Self {
            service_key: key(AES256, 1),
            session_key: key(AES256, 2),
            session_enctype: None,
            server: principal("HTTP/web.example.com@EXAMPLE.COM"),
            client: principal("alice@EXAMPLE.COM"),
            authenticator_client: principal("alice@EXAMPLE.COM"),
            kvno: Some(3),
            ticket_usage: KeyUsage::TICKET,
            flags: TicketFlags::INITIAL | TicketFlags::PRE_AUTHENT,
            transited: (1, Vec::new()),
            authtime: -600,
            starttime: None,
            endtime: 36_000,
            caddr: None,
            ticket_data: Vec::new(),
            authenticator_data: Vec::new(),
            cksum: None,
            ctime: NOW,
            subkey: Some(key(AES256, 3)),
            seq: Some(77),
            options: ApOptions::MUTUAL_REQUIRED,
            authenticator_usage: KeyUsage::AP_REQ_AUTHENTICATOR,
            authenticator_key: None,
            pvno: 5,
            msg_type: 14,
            tkt_vno: 5,
            authenticator_vno: 5,
        }
    }

    pub(crate) fn ticket(&self) -> Vec<u8> {
        let time = |offset: i64| KerberosTime::from_secs(NOW.time().as_secs() + offset);
        let enctype = self.session_enctype.unwrap_or(self.session_key.enctype());
        let part = EncTicketPart {
            flags: self.flags,
            key: EncryptionKey {
                keytype: enctype.0,
                keyvalue: OctetString(self.session_key.expose()),
            },
            crealm: self.client.realm_to_wire(),
            cname: self.client.to_wire(),
            transited: TransitedEncoding {
                tr_type: TrType(self.transited.0),
                contents: OctetString(&self.transited.1),
            },
            authtime: time(self.authtime),
            starttime: self.starttime.map(time),
            endtime: time(self.endtime),
            renew_till: None,
            caddr: self
                .caddr
                .as_ref()
                .map(|list| list.iter().map(HostAddr::to_wire).collect()),
            authorization_data: match self.ticket_data.is_empty() {
                true => None,
                false => Some(authorization_data(&self.ticket_data)),
            },
        };
        self.seal_ticket(&part.to_bytes().unwrap())
    }

    pub(crate) fn seal_ticket(&self, part: &[u8]) -> Vec<u8> {
        let cipher = self
            .service_key
            .encrypt(self.ticket_usage, part, &OsRandom)
            .unwrap();
        let ticket = Ticket {
            tkt_vno: self.tkt_vno,
            realm: self.server.realm_to_wire(),
            sname: self.server.to_wire(),
            enc_part: EncryptedData {
                etype: self.service_key.enctype().0,
                kvno: self.kvno.map(UInt32),
                cipher: OctetString(&cipher),
            },
        };
        ticket.to_bytes().unwrap()
    }

    pub(crate) fn authenticator(&self) -> Vec<u8> {
        let authenticator = Authenticator {
            authenticator_vno: self.authenticator_vno,
            crealm: self.authenticator_client.realm_to_wire(),
            cname: self.authenticator_client.to_wire(),
            cksum: self.cksum.as_ref().map(|(cksumtype, octets)| Checksum {
                cksumtype: *cksumtype,
                checksum: OctetString(octets),
            }),
            cusec: Microseconds::from(self.ctime),
            ctime: self.ctime.time(),
            subkey: self.subkey.as_ref().map(|key| EncryptionKey {
                keytype: key.enctype().0,
                keyvalue: OctetString(key.expose()),
            }),
            seq_number: self.seq.map(UInt32),
            authorization_data: match self.authenticator_data.is_empty() {
                true => None,
                false => Some(authorization_data(&self.authenticator_data)),
            },
        };
        authenticator.to_bytes().unwrap()
    }

    pub(crate) fn request(&self) -> Vec<u8> {
        self.request_of(&self.ticket(), &self.authenticator())
    }

    pub(crate) fn request_of(&self, ticket: &[u8], authenticator: &[u8]) -> Vec<u8> {
        let key = self.authenticator_key.as_ref().unwrap_or(&self.session_key);
        let cipher = key
            .encrypt(self.authenticator_usage, authenticator, &OsRandom)
            .unwrap();
        let request = ApReq {
            pvno: self.pvno,
            msg_type: self.msg_type,
            ap_options: self.options,
            ticket: Raw::new(ticket).unwrap(),
            authenticator: EncryptedData {
                etype: key.enctype().0,
                kvno: None,
                cipher: OctetString(&cipher),
            },
        };
        request.to_bytes().unwrap()
    }

    /// The keytab entries that a service of this name would have.
    pub(crate) fn keys(&self) -> Arc<ServiceKeys> {
        let entry = (self.server.clone(), 3, self.service_key.clone());
        Arc::new(ServiceKeys::new([entry]))
    }

    pub(crate) fn config(&self) -> AcceptorConfig {
        AcceptorConfig::new(self.keys(), Accepts::Service(self.server.clone()))
    }
}

pub(crate) fn accept(config: AcceptorConfig, request: &[u8]) -> Result<Accepted<()>, Refusal> {
    Acceptor::new(config).accept(request, &Unbound, None, NOW)
}

/// Presents `forge` to an acceptor that holds the right keys.
pub(crate) fn present(forge: &Forge) -> Result<Accepted<()>, Refusal> {
    accept(Forge::right().config(), &forge.request())
}

/// The rejection and the code in the KRB-ERROR; a refusal without KRB-ERROR is none.
pub(crate) fn refused<T: std::fmt::Debug>(result: Result<T, Refusal>) -> (Rejection, i32) {
    let refusal = result.unwrap_err();
    let token = refusal.token.expect("a KRB-ERROR");
    let error = crate::wire::KrbError::from_bytes(&token).unwrap();
    match refusal.error {
        Error::Rejected(rejection) => (*rejection, error.error_code.0),
        other => panic!("{other:?}"),
    }
}
