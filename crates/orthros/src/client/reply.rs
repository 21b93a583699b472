//! A KDC-REP held against the request it answers (RFC 4120 §3.1.5, §3.3.4; RFC 6806 §6).
//!
//! What is believed comes from the sealed part. A name that stands both there and in the clear
//! must be the same in both (case 81).

use std::time::Duration;

use crate::credentials::Credentials;
use crate::crypto::{ChecksumType, Enctype, Key, KeyUsage};
use crate::error::{Error, Rejection};
use crate::principal::Principal;
use crate::secret::Secret;
use crate::time::{KerberosTime, Timestamp};
use crate::wire::{
    AddrType, Checksum, EncAsRepPart, EncKdcRepPart, EncTgsRepPart, HostAddress, KRB5_PVNO,
    KdcOptions, KdcRep, KdcReqBody, KerberosString, Malformed, Message, MsgType, PaDataType,
    PrincipalName, Ticket, TicketFlags, primitive,
};

use super::hints::find;

/// The reply breaks a rule.
pub(super) fn broken(why: impl Into<String>) -> Error {
    Error::rejected(Rejection::KdcReply { why: why.into() })
}

/// Version, type and enctype, before any key is used.
pub(super) fn check_head(
    rep: &KdcRep<'_>,
    expected: MsgType,
    body: &KdcReqBody<'_>,
) -> Result<Enctype, Error> {
    if rep.pvno != KRB5_PVNO {
        return Err(Error::rejected(Rejection::Version {
            field: "pvno",
            found: rep.pvno,
        }));
    }
    if rep.msg_type != expected.0 {
        return Err(Error::rejected(Rejection::MessageType {
            expected: expected.name().unwrap_or("KDC-REP"),
            found: MsgType(rep.msg_type).to_string(),
        }));
    }
    check_enctype("reply", Enctype(rep.enc_part.etype), body)
}

/// Only what was asked for is used (KDC-06).
fn check_enctype(
    what: &'static str,
    enctype: Enctype,
    body: &KdcReqBody<'_>,
) -> Result<Enctype, Error> {
    if body.etype.contains(&enctype.0) {
        return Ok(enctype);
    }
    Err(Error::rejected(Rejection::Enctype {
        what,
        enctype,
        permitted: body.etype.iter().copied().map(Enctype).collect(),
    }))
}

/// The sealed part of an AS-REP, under either of its tags (MSG-16).
pub(super) fn decode_as_part(plaintext: &Secret) -> Result<EncKdcRepPart<'_>, Malformed> {
    let octets = plaintext.expose();
    match primitive::application_number(octets) {
        Some(EncTgsRepPart::APPLICATION) => EncTgsRepPart::from_bytes(octets),
        _ => EncAsRepPart::from_bytes(octets),
    }
}

/// The clock of the answer: the local one, the correction for it, and how much may remain.
#[derive(Clone, Copy)]
pub(super) struct Clock {
    pub(super) now: Timestamp,
    /// KDC minus local, in microseconds.
    pub(super) offset: i64,
    pub(super) skew: Duration,
}

impl Clock {
    /// The KDC's clock minus ours, to the second: its times have no fraction (KDC-09).
    pub(super) fn offset_to(authtime: KerberosTime, now: Timestamp) -> i64 {
        Timestamp::from(authtime).micros_since(now.time().into())
    }

    /// Whether the KDC can have written `time` just now.
    fn is_near(&self, time: KerberosTime) -> bool {
        let distance = Timestamp::from(time).micros_since(self.now.offset(self.offset));
        u128::from(distance.unsigned_abs()) <= self.skew.as_micros() + 1_000_000
    }
}

/// What was asked for, as far as the body of the request does not say it.
pub(super) struct Asked<'a> {
    pub(super) body: &'a KdcReqBody<'a>,
    /// Flags that the ticket may have without having been asked for: those of the ticket that the
    /// request was made with.
    pub(super) inherited: TicketFlags,
    pub(super) required: TicketFlags,
    /// The addresses that the ticket is to have.
    pub(super) addresses: &'a [(AddrType, Vec<u8>)],
    pub(super) clock: Clock,
}

impl Asked<'_> {
    /// All rules that AS and TGS replies share: nonce, names in clear and sealed, session key,
    /// addresses, flags, times. Client and server are judged by the exchange.
    pub(super) fn check(&self, rep: &KdcRep<'_>, part: &EncKdcRepPart<'_>) -> Result<(), Error> {
        if part.nonce != self.body.nonce {
            return Err(broken(
                "its nonce is not that of the request: it answers another",
            ));
        }
        check_ticket(rep, part)?;
        check_enctype("session key", Enctype(part.key.keytype), self.body)?;
        self.check_addresses(part)?;
        self.check_flags(part)?;
        self.check_times(part)
    }

    fn check_addresses(&self, part: &EncKdcRepPart<'_>) -> Result<(), Error> {
        let given = part.caddr.as_deref().unwrap_or_default();
        let asked = self.addresses;
        let same = |(addr_type, octets): &(AddrType, Vec<u8>), address: &HostAddress<'_>| {
            *addr_type == address.addr_type && octets == address.address.0
        };
        let all = asked.iter().all(|a| given.iter().any(|b| same(a, b)))
            && given.iter().all(|b| asked.iter().any(|a| same(a, b)));
        match all {
            true => Ok(()),
            false => Err(broken("its addresses are not those asked for")),
        }
    }

    /// A KDC ignores options it does not know, and whoever stands between can change them: a flag
    /// is there only if it was asked for (RFC 4120 §2).
    fn check_flags(&self, part: &EncKdcRepPart<'_>) -> Result<(), Error> {
        let options = self.body.kdc_options;
        for (flag, allowing) in [
            (TicketFlags::FORWARDABLE, KdcOptions::FORWARDABLE),
            (TicketFlags::FORWARDED, KdcOptions::FORWARDED),
            (TicketFlags::PROXIABLE, KdcOptions::PROXIABLE),
            (TicketFlags::PROXY, KdcOptions::PROXY),
            (TicketFlags::MAY_POSTDATE, KdcOptions::ALLOW_POSTDATE),
            (TicketFlags::POSTDATED, KdcOptions::POSTDATED),
            (TicketFlags::INVALID, KdcOptions::POSTDATED),
            (
                TicketFlags::RENEWABLE,
                KdcOptions::RENEWABLE | KdcOptions::RENEWABLE_OK,
            ),
            (TicketFlags::ANONYMOUS, KdcOptions::REQUEST_ANONYMOUS),
        ] {
            let asked = options.0 & allowing.0 != 0;
            if part.flags.contains(flag) && !asked && !self.inherited.contains(flag) {
                return Err(broken(format!("the ticket is {}, unasked", names(flag))));
            }
        }
        let missing = self.required.without(part.flags);
        if missing != TicketFlags::NONE {
            return Err(broken(format!("the ticket is not {}", names(missing))));
        }
        Ok(())
    }

    fn check_times(&self, part: &EncKdcRepPart<'_>) -> Result<(), Error> {
        let body = self.body;
        let options = body.kdc_options;
        let start = part.starttime.unwrap_or(part.authtime);
        if options.contains(KdcOptions::POSTDATED) {
            if body.from.is_some_and(|from| from != start) {
                return Err(broken(format!(
                    "the ticket starts at {start} and not when it was asked to"
                )));
            }
        } else if !options.contains(KdcOptions::VALIDATE) && !self.clock.is_near(start) {
            return Err(broken(format!(
                "the ticket starts at {start}, but it is {} here",
                self.clock.now
            )));
        }
        let limit = |time: KerberosTime| (time != KerberosTime::EPOCH).then_some(time);
        if part.endtime <= start {
            return Err(broken(format!(
                "the ticket ends at {}, no later than it starts",
                part.endtime
            )));
        }
        if limit(body.till).is_some_and(|till| part.endtime > till) {
            return Err(broken(format!(
                "the ticket ends at {}, later than asked for",
                part.endtime
            )));
        }
        if !part.flags.contains(TicketFlags::RENEWABLE) {
            return Ok(());
        }
        let Some(renew_till) = part.renew_till else {
            return Err(broken("the ticket is renewable without an end of renewals"));
        };
        let latest = match options.contains(KdcOptions::RENEWABLE) {
            true => body.rtime.and_then(limit),
            false if options.contains(KdcOptions::RENEWABLE_OK) => limit(body.till),
            false => None,
        };
        if latest.is_some_and(|latest| renew_till > latest) {
            return Err(broken(format!(
                "the ticket can be renewed until {renew_till}, later than asked for"
            )));
        }
        Ok(())
    }
}

fn names(flags: TicketFlags) -> String {
    flags.names().collect::<Vec<_>>().join(", ")
}

/// The clear part of the ticket says what the sealed part of the reply says (case 81).
fn check_ticket(rep: &KdcRep<'_>, part: &EncKdcRepPart<'_>) -> Result<(), Error> {
    let ticket = Ticket::from_bytes(rep.ticket.as_bytes())?;
    if ticket.tkt_vno != KRB5_PVNO {
        return Err(Error::rejected(Rejection::Version {
            field: "tkt-vno",
            found: ticket.tkt_vno,
        }));
    }
    match ticket.realm == part.srealm && same_name(&ticket.sname, &part.sname) {
        true => Ok(()),
        false => Err(broken(
            "the ticket names another server than the sealed part of the reply",
        )),
    }
}

/// Whether two names have the same components (MSG-13).
pub(super) fn same_name(a: &PrincipalName<'_>, b: &PrincipalName<'_>) -> bool {
    a.name_string == b.name_string
}

/// What encrypted-pa-data says once it is proved to answer this very request (KDC-04).
pub(super) struct PaRep {
    /// The KDC has FAST: PA-FX-FAST was there.
    pub(super) fast: bool,
}

/// A ticket with the ENC-PA-REP flag comes from a KDC that signs the AS-REQ as it received it:
/// the signature must be there and fit the octets that were sent (KDC-04). Without the flag
/// nothing is proved.
pub(super) fn check_pa_rep(
    part: &EncKdcRepPart<'_>,
    request: &[u8],
    reply_key: &Key,
) -> Result<PaRep, Error> {
    if !part.flags.contains(TicketFlags::ENC_PA_REP) {
        return Ok(PaRep { fast: false });
    }
    let padata = part.encrypted_pa_data.as_deref().unwrap_or_default();
    let Some(octets) = find(padata, PaDataType::REQ_ENC_PA_REP) else {
        return Err(broken(
            "it lacks the checksum of the request that its ticket's enc-pa-rep flag promises",
        ));
    };
    let checksum: Checksum<'_> = primitive::from_der("Checksum", octets)?;
    reply_key
        .verify_checksum(
            KeyUsage::REQ_ENC_PA_REP,
            ChecksumType(checksum.cksumtype),
            request,
            checksum.checksum.0,
        )
        .map_err(|_| {
            broken("the KDC saw another request than was sent: it was changed on its way")
        })?;
    Ok(PaRep {
        fast: find(padata, PaDataType::FX_FAST).is_some(),
    })
}

/// The ticket and what its holder must know, from a reply that was checked.
pub(super) fn credentials(
    rep: &KdcRep<'_>,
    part: &EncKdcRepPart<'_>,
    clock_offset: i64,
    second_ticket: Option<Vec<u8>>,
) -> Result<Credentials, Error> {
    let addresses = part.caddr.iter().flatten();
    Ok(Credentials {
        client: Principal::from_wire(&rep.crealm, &rep.cname)?,
        server: Principal::from_wire(&part.srealm, &part.sname)?,
        ticket: rep.ticket.as_bytes().to_vec(),
        session_key: Key::new(Enctype(part.key.keytype), part.key.keyvalue.0)?,
        flags: part.flags,
        authtime: part.authtime,
        starttime: part.starttime,
        endtime: part.endtime,
        renew_till: part.renew_till,
        addresses: addresses
            .map(|address| (address.addr_type, address.address.0.to_vec()))
            .collect(),
        clock_offset,
        second_ticket,
    })
}

/// Whether a name and realm are a ticket-granting service, and of which realm.
pub(super) fn krbtgt_of<'a>(name: &PrincipalName<'a>) -> Option<KerberosString<'a>> {
    match name.name_string.as_slice() {
        [krbtgt, realm] if krbtgt.0 == "krbtgt" => Some(*realm),
        _ => None,
    }
}
