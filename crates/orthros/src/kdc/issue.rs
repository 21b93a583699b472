//! Sealing: the ticket, and the KDC-REP around it (RFC 4120 §5.3, §5.4.2).

use super::{Issued, Kdc, Refused, Reply};
use crate::crypto::{Key, KeyUsage};
use crate::pac::PacBuilder;
use crate::principal::Principal;
use crate::secret::Secret;
use crate::time::{KerberosTime, Timestamp};
use crate::wire::{
    AuthorizationDataElement, EncKdcRepPart, EncTicketPart, EncryptedData, EncryptionKey,
    HostAddress, KRB5_PVNO, LastReq, LrType, Malformed, Message, OctetString, PaData, Ticket,
    TicketFlags, TrType, TransitedEncoding, UInt32,
};

use super::times::Times;

/// The key that seals a ticket; a version only where it is a long-term key (MSG-22).
pub(super) struct SealingKey<'k> {
    pub(super) key: &'k Key,
    pub(super) kvno: Option<u32>,
}

/// What a new ticket says.
pub(super) struct NewTicket<'a> {
    pub(super) server: &'a Principal,
    pub(super) client: &'a Principal,
    pub(super) flags: TicketFlags,
    pub(super) session_key: &'a Key,
    pub(super) authtime: KerberosTime,
    pub(super) times: Times,
    pub(super) caddr: Option<Vec<HostAddress<'a>>>,
    pub(super) authorization_data: Vec<AuthorizationDataElement<'a>>,
}

impl<'a> NewTicket<'a> {
    fn enc_part(&self) -> EncTicketPart<'_> {
        EncTicketPart {
            flags: self.flags,
            key: encryption_key(self.session_key),
            crealm: self.client.realm_to_wire(),
            cname: self.client.to_wire(),
            transited: TransitedEncoding {
                tr_type: TrType::DOMAIN_X500_COMPRESS,
                contents: OctetString(&[]),
            },
            authtime: self.authtime,
            starttime: Some(self.times.starttime),
            endtime: self.times.endtime,
            renew_till: self.times.renew_till,
            caddr: self.caddr.clone(),
            authorization_data: (!self.authorization_data.is_empty())
                .then(|| self.authorization_data.clone()),
        }
    }

    /// The Ticket, DER, with the PAC signed in it. The realm signs with the key that seals TGTs.
    pub(super) fn seal(
        &self,
        kdc: &Kdc,
        with: &SealingKey<'_>,
        pac: Option<PacBuilder>,
    ) -> Result<Vec<u8>, Refused> {
        let part = self.enc_part();
        let plain = match pac {
            Some(pac) => {
                let server = with.key.mac(KeyUsage::NON_KERB_CKSUM)?;
                let (krbtgt, _) = kdc.ticket_key(&kdc.krbtgt)?;
                let krbtgt = krbtgt.mac(KeyUsage::NON_KERB_CKSUM)?;
                pac.seal(&part, self.server, &server, &krbtgt)?
            }
            None => Secret::new(part.to_bytes()?),
        };
        let cipher = with
            .key
            .encrypt(KeyUsage::TICKET, plain.expose(), &*kdc.random)?;
        Ok(Ticket {
            tkt_vno: KRB5_PVNO,
            realm: self.server.realm_to_wire(),
            sname: self.server.to_wire(),
            enc_part: EncryptedData {
                etype: with.key.enctype().0,
                kvno: with.kvno.map(UInt32),
                cipher: OctetString(&cipher),
            },
        }
        .to_bytes()?)
    }

    /// The sealed part of the reply: what the ticket says, for the client.
    pub(super) fn reply_part(&self, nonce: UInt32, last_req: Vec<LastReq>) -> EncKdcRepPart<'_> {
        EncKdcRepPart {
            key: encryption_key(self.session_key),
            last_req,
            nonce,
            key_expiration: None,
            flags: self.flags,
            authtime: self.authtime,
            starttime: Some(self.times.starttime),
            endtime: self.times.endtime,
            renew_till: self.times.renew_till,
            srealm: self.server.realm_to_wire(),
            sname: self.server.to_wire(),
            caddr: self.caddr.clone(),
            encrypted_pa_data: None,
        }
    }

    /// What the operator reads.
    pub(super) fn issued(&self, with: &SealingKey<'_>) -> Issued {
        Issued {
            sealed_with: (with.key.enctype(), with.kvno),
            session_enctype: self.session_key.enctype(),
            flags: self.flags,
            endtime: self.times.endtime,
        }
    }
}

pub(super) fn encryption_key(key: &Key) -> EncryptionKey<'_> {
    EncryptionKey {
        keytype: key.enctype().0,
        keyvalue: OctetString(key.expose()),
    }
}

/// The field may not be empty, and nothing is known.
pub(super) fn nothing_known(now: Timestamp) -> LastReq {
    LastReq {
        lr_type: LrType::NONE,
        lr_value: now.time(),
    }
}

/// An empty SEQUENCE OF is an absent one (MSG-06).
pub(super) fn addresses<'a>(field: &Option<Vec<HostAddress<'a>>>) -> Option<Vec<HostAddress<'a>>> {
    field.clone().filter(|list| !list.is_empty())
}

/// PA-DATA that borrow their values.
pub(super) fn pa_data<'a>(
    values: &'a [(crate::wire::PaDataType, Vec<u8>)],
) -> Option<Vec<PaData<'a>>> {
    let list: Vec<_> = values
        .iter()
        .map(|(padata_type, value)| PaData {
            padata_type: *padata_type,
            padata_value: OctetString(value),
        })
        .collect();
    (!list.is_empty()).then_some(list)
}

/// The encrypted part of a KDC-REP as it goes on the wire.
pub(super) struct Sealed {
    etype: i32,
    kvno: Option<u32>,
    cipher: Vec<u8>,
}

impl Sealed {
    /// Encrypts `plain`, which is wiped.
    pub(super) fn new(
        kdc: &Kdc,
        with: &SealingKey<'_>,
        usage: KeyUsage,
        plain: Result<Vec<u8>, Malformed>,
    ) -> Result<Self, Refused> {
        let plain = Secret::new(plain?);
        Ok(Self {
            etype: with.key.enctype().0,
            kvno: with.kvno,
            cipher: with.key.encrypt(usage, plain.expose(), &*kdc.random)?,
        })
    }

    /// The field.
    pub(super) fn field(&self) -> EncryptedData<'_> {
        EncryptedData {
            etype: self.etype,
            kvno: self.kvno.map(UInt32),
            cipher: OctetString(&self.cipher),
        }
    }
}

/// The answer and what the operator reads of it.
pub(super) fn reply(octets: Result<Vec<u8>, Malformed>, issued: Issued) -> Result<Reply, Refused> {
    Ok(Reply {
        octets: octets?,
        issued,
    })
}
