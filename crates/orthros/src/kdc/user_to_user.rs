//! User-to-user: tickets under the session key of the server's own TGT (RFC 4120 §3.7).

use super::identity::Seal;
use super::{Kdc, Refused};
use crate::crypto::{Enctype, Key, KeyUsage};
use crate::error::{Error, Rejection};
use crate::principal::Principal;
use crate::secret::Secret;
use crate::time::Timestamp;
use crate::wire::{
    EncTicketPart, ErrorCode, KRB5_PVNO, KdcReqBody, Malformed, Message, Ticket, TicketFlags,
};

/// The TGT of the server, opened.
pub(super) struct SecondTicket {
    /// Whose it is.
    pub(super) client: Principal,
    /// What the new ticket is sealed with.
    pub(super) session_key: Key,
    /// What it was sealed with.
    pub(super) seal: Seal,
    /// EncTicketPart, DER.
    octets: Secret,
}

impl std::fmt::Debug for SecondTicket {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SecondTicket({})", self.client)
    }
}

impl SecondTicket {
    pub(super) fn part(&self) -> Result<EncTicketPart<'_>, Malformed> {
        EncTicketPart::from_bytes(self.octets.expose())
    }
}

/// Opens the first additional ticket, which has to be a valid TGT of this realm (KDC-30).
///
/// No authenticator comes with it: who sends it need not be its client. It only says which key the
/// client of that TGT holds.
pub(super) fn open(
    kdc: &Kdc,
    body: &KdcReqBody<'_>,
    now: Timestamp,
) -> Result<SecondTicket, Refused> {
    let tickets = body.additional_tickets.as_deref().unwrap_or_default();
    let raw = tickets.first().ok_or_else(|| {
        Refused::new(
            ErrorCode::KDC_ERR_BADOPTION,
            "enc-tkt-in-skey without an additional ticket",
        )
    })?;
    let ticket = Ticket::from_bytes(raw.as_bytes())?;
    let server = Principal::from_wire(&ticket.realm, &ticket.sname)?;
    if ticket.tkt_vno != KRB5_PVNO || !kdc.is_own_krbtgt(&server) {
        return Err(Refused::new(
            ErrorCode::KDC_ERR_POLICY,
            format!("the additional ticket is for {server}"),
        ));
    }
    let octets = decrypt(kdc, &ticket, &server)?;
    let part = EncTicketPart::from_bytes(octets.expose())?;
    let skew = kdc.policy.clock_skew;
    if part.flags.contains(TicketFlags::INVALID) {
        return Err(Error::from(Rejection::InvalidFlag { flags: part.flags }).into());
    }
    if now > Timestamp::from(part.endtime).plus(skew) {
        return Err(Error::from(Rejection::Expired {
            endtime: part.endtime,
            now,
        })
        .into());
    }
    let enctype = Enctype(part.key.keytype);
    if !kdc.policy.permits(enctype) {
        return Err(Error::from(Rejection::Enctype {
            what: "session key",
            enctype,
            permitted: kdc.policy.enctypes.clone(),
        })
        .into());
    }
    Ok(SecondTicket {
        client: Principal::from_wire(&part.crealm, &part.cname)?,
        session_key: Key::new(enctype, part.key.keyvalue.0)?,
        seal: Seal {
            kvno: ticket.enc_part.kvno.map(|kvno| kvno.0),
            enctype: Enctype(ticket.enc_part.etype),
        },
        octets: octets.clone(),
    })
}

/// With the ticket-granting service's key of the ticket's version and enctype.
fn decrypt(kdc: &Kdc, ticket: &Ticket<'_>, server: &Principal) -> Result<Secret, Refused> {
    let sealed = &ticket.enc_part;
    let enctype = Enctype(sealed.etype);
    let kvno = sealed.kvno.map(|kvno| kvno.0);
    let versions = kdc.krbtgt.keys.iter();
    for version in versions.filter(|version| kvno.is_none_or(|kvno| kvno == version.kvno)) {
        if let Some(key) = version.of(enctype)
            && let Ok(plain) = key.key()?.decrypt(KeyUsage::TICKET, sealed.cipher.0)
        {
            return Ok(Secret::new(plain));
        }
    }
    Err(Error::from(Rejection::TicketModified {
        server: server.clone(),
        kvno,
        enctype,
    })
    .into())
}
