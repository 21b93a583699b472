//! The AS exchange (RFC 4120 §3.1.3).
//!
//! ```text
//! AS-REQ ── names ──▶ client ──▶ server ──▶ enctypes ▶ pre-authentication ▶ times ▶ flags ▶ AS-REP
//!                     lookup     lookup
//! ```

use std::sync::Arc;

use super::issue::{self, NewTicket, Sealed, SealingKey};
use super::times::{self, Times};
use super::{
    Asked, Kdc, Pending, PrincipalEntry, Refused, Reply, Serve, State, identity, named, policy,
    preauth,
};
use crate::ap::Known;
use crate::crypto::{Key, KeyUsage};
use crate::error::{Error, Rejection};
use crate::principal::Principal;
use crate::time::Timestamp;
use crate::wire::primitive::to_der;
use crate::wire::{
    AsRep, AsReq, Checksum, EncAsRepPart, ErrorCode, KRB5_PVNO, KdcOptions, KdcRep, KdcReq,
    KdcReqBody, LastReq, LrType, MsgType, OctetString, PaData, PaDataType, Raw, TicketFlags,
};

/// Options that have no meaning without a ticket (KDC-01, RFC 4120 §5.4.1).
const NOT_INITIAL: [KdcOptions; 6] = [
    KdcOptions::FORWARDED,
    KdcOptions::PROXY,
    KdcOptions::RENEW,
    KdcOptions::VALIDATE,
    KdcOptions::ENC_TKT_IN_SKEY,
    KdcOptions::CNAME_IN_ADDL_TKT,
];

/// An AS-REQ that waits for an entry.
#[derive(Debug)]
pub(super) struct AsState {
    kdc: Arc<Kdc>,
    /// The AS-REQ as it came: a checksum will be over it.
    request: Vec<u8>,
    now: Timestamp,
    client: Principal,
    server: Principal,
    found: Found,
}

#[derive(Debug)]
enum Found {
    Nobody,
    Client(Arc<PrincipalEntry>),
}

/// Reads the names and asks for the client.
pub(super) fn begin(kdc: Arc<Kdc>, request: &[u8], now: Timestamp) -> Serve {
    let decoded = AsReq::from_bytes(request).and_then(|req| Ok((req.body()?, req)));
    let (body, req) = match decoded {
        Ok(decoded) => decoded,
        Err(malformed) => return Serve::silence(malformed.into()),
    };
    let mut asked = Asked::default();
    match names(&kdc, &req, &body, &mut asked) {
        Ok((client, server)) => Serve::Lookup {
            principal: client.clone(),
            next: Pending(State::As(Box::new(AsState {
                kdc,
                request: request.to_vec(),
                now,
                client,
                server,
                found: Found::Nobody,
            }))),
        },
        Err(refused) => Serve::answered(&kdc, asked, Err(refused), now),
    }
}

fn names(
    kdc: &Kdc,
    req: &KdcReq<'_>,
    body: &KdcReqBody<'_>,
    asked: &mut Asked,
) -> Result<(Principal, Principal), Refused> {
    let unknown_client = ErrorCode::KDC_ERR_C_PRINCIPAL_UNKNOWN;
    let client = named(&body.realm, body.cname.as_ref(), unknown_client);
    let unknown_server = ErrorCode::KDC_ERR_S_PRINCIPAL_UNKNOWN;
    let server = named(&body.realm, body.sname.as_ref(), unknown_server);
    asked.known.client = client.as_ref().ok().cloned();
    asked.server = server.as_ref().ok().cloned();
    check_version(req, MsgType::AS_REQ)?;
    let (client, server) = (client?, server?);
    if client.realm() != kdc.realm() {
        return Err(Refused::new(
            unknown_client,
            format!("this is the KDC of {}", kdc.realm()),
        ));
    }
    let options = body.kdc_options;
    if let Some(option) = NOT_INITIAL.into_iter().find(|o| options.contains(*o)) {
        return Err(Refused::new(
            ErrorCode::KDC_ERR_BADOPTION,
            format!("{option:?} needs a ticket"),
        ));
    }
    // Without PKINIT nothing could protect the reply to a client that has no key (KDC-35).
    let anonymous = client.components().eq(["WELLKNOWN", "ANONYMOUS"]);
    match (anonymous, options.contains(KdcOptions::REQUEST_ANONYMOUS)) {
        (false, false) => Ok((client, server)),
        (true, true) => Err(Refused::new(
            ErrorCode::KDC_ERR_NULL_KEY,
            "an anonymous client has no key here",
        )),
        _ => Err(Refused::new(
            ErrorCode::KDC_ERR_BADOPTION,
            "request-anonymous and the client's name contradict each other",
        )),
    }
}

/// pvno and msg-type of a KDC-REQ.
pub(super) fn check_version(req: &KdcReq<'_>, msg_type: MsgType) -> Result<(), Refused> {
    if req.pvno != KRB5_PVNO {
        return Err(Refused::new(
            ErrorCode::KDC_ERR_BAD_PVNO,
            format!("pvno is {}", req.pvno),
        ));
    }
    if req.msg_type != msg_type.0 {
        return Err(Error::from(Rejection::MessageType {
            expected: "the msg-type of the APPLICATION tag",
            found: MsgType(req.msg_type).to_string(),
        })
        .into());
    }
    Ok(())
}

impl AsState {
    pub(super) fn found(self, entry: Option<Arc<PrincipalEntry>>) -> Serve {
        let Some(entry) = entry else {
            let (code, name) = match self.found {
                Found::Nobody => (ErrorCode::KDC_ERR_C_PRINCIPAL_UNKNOWN, &self.client),
                Found::Client(_) => (ErrorCode::KDC_ERR_S_PRINCIPAL_UNKNOWN, &self.server),
            };
            let refused = Refused::new(code, format!("{name} is not in the database"));
            return self.answered(Err(refused));
        };
        match self.found {
            Found::Nobody if self.kdc.is_own_krbtgt(&self.server) => {
                let server = Arc::clone(&self.kdc.krbtgt);
                let result = self.issue(&entry, &server);
                self.answered(result)
            }
            Found::Nobody => Serve::Lookup {
                principal: self.server.clone(),
                next: Pending(State::As(Box::new(Self {
                    found: Found::Client(entry),
                    ..self
                }))),
            },
            Found::Client(ref client) => {
                let result = self.issue(client, &entry);
                self.answered(result)
            }
        }
    }

    fn answered(self, result: Result<Reply, Refused>) -> Serve {
        let asked = Asked {
            known: Known {
                client: Some(self.client),
                ctime: None,
            },
            server: Some(self.server),
        };
        Serve::answered(&self.kdc, asked, result, self.now)
    }

    fn issue(&self, client: &PrincipalEntry, server: &PrincipalEntry) -> Result<Reply, Refused> {
        let (kdc, now) = (&*self.kdc, self.now);
        let req = AsReq::from_bytes(&self.request)?;
        let body = req.body()?;
        let padata = req.padata.as_deref().unwrap_or_default();

        self.admissible(client, server)?;
        let reply_key = preauth::client_keys(kdc, client, &body.etype)
            .next()
            .ok_or_else(|| {
                Refused::new(
                    ErrorCode::KDC_ERR_ETYPE_NOSUPP,
                    format!("{} has a key of none of {:?}", client.name, body.etype),
                )
            })?;
        let session_enctype = kdc.session_enctype(&body.etype, server, &self.server)?;
        let (ticket_key, ticket_kvno) = kdc.ticket_key(server)?;
        let preauthenticated = preauth::authenticate(kdc, client, padata, &body.etype, now)?;
        let times = times::initial(&body, &kdc.policy, client, server, now)?;

        let session_key = Key::random(session_enctype, &*kdc.random)?;
        // The canonical name only where the client accepts another than it asked for (KDC-03).
        let cname = match body.kdc_options.contains(KdcOptions::CANONICALIZE) {
            true => &client.name,
            false => &self.client,
        };
        let ticket = NewTicket {
            server: &self.server,
            client: cname,
            flags: flags(body.kdc_options, client, server, &times, preauthenticated),
            session_key: &session_key,
            authtime: now.time(),
            times,
            caddr: issue::addresses(&body.addresses),
            authorization_data: Vec::new(),
        };
        let sealing = SealingKey {
            key: ticket_key,
            kvno: Some(ticket_kvno),
        };
        let authtime = now.time();
        let pac = identity::initial(kdc, client, cname, &self.server, padata, authtime)?;
        let ticket_octets = ticket.seal(kdc, &sealing, pac)?;

        let protected = match asked_for_enc_pa_rep(padata) {
            true => vec![enc_pa_rep(reply_key.key()?, &self.request)?],
            false => Vec::new(),
        };
        let mut part = ticket.reply_part(body.nonce, last_req(client, now));
        part.key_expiration = match (client.expires, client.password_expires) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        };
        part.encrypted_pa_data = issue::pa_data(&protected);
        let client_key = SealingKey {
            key: reply_key.key()?,
            kvno: client.newest().map(|keys| keys.kvno),
        };
        let plain = EncAsRepPart::to_bytes(&part);
        let enc_part = Sealed::new(kdc, &client_key, KeyUsage::AS_REP, plain)?;
        // One entry, of the enctype of enc-part (MSG-19).
        let hints = preauth::etype_info(&[reply_key], &body.etype)?;
        let octets = AsRep::to_bytes(&KdcRep {
            pvno: KRB5_PVNO,
            msg_type: MsgType::AS_REP.0,
            padata: issue::pa_data(&hints),
            crealm: cname.realm_to_wire(),
            cname: cname.to_wire(),
            ticket: Raw::new(&ticket_octets)?,
            enc_part: enc_part.field(),
        });
        issue::reply(octets, ticket.issued(&sealing))
    }

    /// Whether these two may get and be given tickets now (KDC-11).
    fn admissible(&self, client: &PrincipalEntry, server: &PrincipalEntry) -> Result<(), Refused> {
        let now = self.now;
        policy::admissible_client(client, &self.client, now)?;
        policy::admissible_server(server, &self.server, now)?;
        if PrincipalEntry::past(client.password_expires, now)
            && !self.server.components().eq(["kadmin", "changepw"])
        {
            return Err(Refused::new(
                ErrorCode::KDC_ERR_KEY_EXPIRED,
                format!("the password of {} has expired", self.client),
            ));
        }
        if server.attributes.only_user_to_user {
            return Err(Refused::new(
                ErrorCode::KDC_ERR_MUST_USE_USER2USER,
                format!("{} takes user-to-user tickets only", self.server),
            ));
        }
        Ok(())
    }
}

/// The flags of an initial ticket; what is asked for and may not be had is left out (KDC-16).
fn flags(
    options: KdcOptions,
    client: &PrincipalEntry,
    server: &PrincipalEntry,
    times: &Times,
    preauthenticated: bool,
) -> TicketFlags {
    let (c, s) = (&client.attributes, &server.attributes);
    let asked = |option| options.contains(option);
    [
        (true, TicketFlags::INITIAL),
        (true, TicketFlags::ENC_PA_REP),
        (preauthenticated, TicketFlags::PRE_AUTHENT),
        (
            asked(KdcOptions::FORWARDABLE) && c.forwardable && s.forwardable,
            TicketFlags::FORWARDABLE,
        ),
        (
            asked(KdcOptions::PROXIABLE) && c.proxiable && s.proxiable,
            TicketFlags::PROXIABLE,
        ),
        (
            asked(KdcOptions::ALLOW_POSTDATE) && c.postdatable && s.postdatable,
            TicketFlags::MAY_POSTDATE,
        ),
        (
            times.postdated,
            TicketFlags::POSTDATED | TicketFlags::INVALID,
        ),
        (times.renew_till.is_some(), TicketFlags::RENEWABLE),
        (s.ok_as_delegate, TicketFlags::OK_AS_DELEGATE),
    ]
    .into_iter()
    .filter(|(set, _)| *set)
    .fold(TicketFlags::NONE, |flags, (_, flag)| flags | flag)
}

/// When the account and its password end, so that the client can be warned.
fn last_req(client: &PrincipalEntry, now: Timestamp) -> Vec<LastReq> {
    let ends = [
        (LrType::PASSWORD_EXPIRY, client.password_expires),
        (LrType::ACCOUNT_EXPIRY, client.expires),
    ];
    let known: Vec<_> = ends
        .into_iter()
        .filter_map(|(lr_type, moment)| moment.map(|lr_value| LastReq { lr_type, lr_value }))
        .collect();
    match known.is_empty() {
        true => vec![issue::nothing_known(now)],
        false => known,
    }
}

fn asked_for_enc_pa_rep(padata: &[PaData<'_>]) -> bool {
    padata
        .iter()
        .any(|pa| pa.padata_type == PaDataType::REQ_ENC_PA_REP)
}

/// The checksum that shows the client which AS-REQ was answered (KDC-04, RFC 6806 §11).
fn enc_pa_rep(reply_key: &Key, request: &[u8]) -> Result<(PaDataType, Vec<u8>), Refused> {
    let mac = reply_key.mac(KeyUsage::REQ_ENC_PA_REP)?;
    let checksum = mac.checksum(&[request]);
    let value = to_der(
        "Checksum",
        &Checksum {
            cksumtype: mac.checksum_type().0,
            checksum: OctetString(&checksum),
        },
    )?;
    Ok((PaDataType::REQ_ENC_PA_REP, value))
}
