//! The TGS exchange (RFC 4120 §3.3.2, §3.3.3).
//!
//! ```text
//! TGS-REQ ── header ticket ──▶ AP-REQ checks ──▶ client ──▶ server ──▶ options ▶ times ▶ TGS-REP
//!            (lookup, if it                      lookup     lookup
//!             is no TGT)
//! ```

use std::sync::Arc;

use super::as_service::check_version;
use super::authdata::{self, Element};
use super::identity::Seal;
use super::issue::{self, NewTicket, Sealed, SealingKey};
use super::seen::Seen;
use super::times::{self, Times};
use super::{
    Asked, Kdc, Pending, PrincipalEntry, Refused, Reply, Serve, State, identity, policy,
    user_to_user,
};
use crate::ap::tgs::{self, TgsPolicy, TgsRequester};
use crate::ap::{HostAddr, Known, OpenTicket, ServiceKeys};
use crate::crypto::{ChecksumType, Enctype, Key, KeyUsage};
use crate::error::{Error, Rejection};
use crate::pac::VerifiedPac;
use crate::principal::Principal;
use crate::time::Timestamp;
use crate::wire::{
    ApReq, EncTgsRepPart, ErrorCode, HostAddress, KRB5_PVNO, KdcOptions, KdcRep, KdcReq,
    KdcReqBody, Message, MsgType, OctetString, PaDataType, Raw, TgsRep, TgsReq, Ticket,
    TicketFlags,
};

/// Options with which a ticket that is no TGT can be presented (KDC-20).
const OF_ANY_TICKET: KdcOptions =
    KdcOptions(KdcOptions::RENEW.0 | KdcOptions::VALIDATE.0 | KdcOptions::PROXY.0);

/// Requests for a ticket in another's name, which this KDC does not issue. Who sends one would
/// take the answer for that other's ticket.
const FOR_OTHERS: [PaDataType; 2] = [PaDataType::FOR_USER, PaDataType::S4U_X509_USER];

/// A TGS-REQ that waits for an entry.
#[derive(Debug)]
pub(super) struct TgsState {
    kdc: Arc<Kdc>,
    request: Vec<u8>,
    peer: Option<HostAddr>,
    now: Timestamp,
    known: Known,
    /// Whom the request names, or for user-to-user without a name the owner of the second TGT.
    server: Option<Principal>,
    found: Found,
}

#[derive(Debug)]
enum Found {
    Nothing,
    /// The header ticket was opened.
    Requester(Box<Requester>),
    /// And its client is known.
    Client(Box<Requester>, Arc<PrincipalEntry>),
}

/// Who asks, and with what.
#[derive(Debug)]
struct Requester {
    tgs: TgsRequester,
    /// The server of the header ticket, if that is not this realm's ticket-granting service.
    header: Option<Arc<PrincipalEntry>>,
    /// The TGT under whose session key the new ticket is sealed.
    second: Option<user_to_user::SecondTicket>,
}

/// A decoded request.
struct Decoded<'a> {
    req: KdcReq<'a>,
    body: KdcReqBody<'a>,
}

fn decode(request: &[u8]) -> Result<Decoded<'_>, crate::wire::Malformed> {
    let req = TgsReq::from_bytes(request)?;
    let body = req.body()?;
    Ok(Decoded { req, body })
}

/// Reads what the request names and opens the header ticket, or asks for its server.
pub(super) fn begin(
    kdc: Arc<Kdc>,
    request: &[u8],
    peer: Option<&HostAddr>,
    now: Timestamp,
) -> Serve {
    let decoded = match decode(request) {
        Ok(decoded) => decoded,
        Err(malformed) => return Serve::silence(malformed.into()),
    };
    let server = decoded
        .body
        .sname
        .as_ref()
        .and_then(|name| Principal::from_wire(&decoded.body.realm, name).ok());
    let state = TgsState {
        kdc,
        request: request.to_vec(),
        peer: peer.cloned(),
        now,
        known: Known::default(),
        server,
        found: Found::Nothing,
    };
    match state.header_server(&decoded) {
        Ok(server) if state.kdc.is_own_krbtgt(&server) => state.open(None),
        Ok(server) => Serve::Lookup {
            principal: server,
            next: Pending(State::Tgs(Box::new(state))),
        },
        Err(refused) => state.refused(refused),
    }
}

impl TgsState {
    /// The server of the header ticket, if such a ticket is good for this request (KDC-19, KDC-20).
    fn header_server(&self, decoded: &Decoded<'_>) -> Result<Principal, Refused> {
        let Decoded { req, body } = decoded;
        check_version(req, MsgType::TGS_REQ)?;
        let padata = req.padata.iter().flatten();
        let unsupported = padata
            .clone()
            .find(|pa| FOR_OTHERS.contains(&pa.padata_type));
        if let Some(pa) = unsupported {
            return Err(Refused::new(
                ErrorCode::KDC_ERR_PADATA_TYPE_NOSUPP,
                format!("{} is not supported", pa.padata_type),
            ));
        }
        let ap_req = ApReq::from_bytes(header(req)?)?;
        let ticket = Ticket::from_bytes(ap_req.ticket.as_bytes())?;
        let server = Principal::from_wire(&ticket.realm, &ticket.sname)?;
        let local = server.realm() == self.kdc.realm();
        if self.kdc.is_own_krbtgt(&server) || (local && body.kdc_options.0 & OF_ANY_TICKET.0 != 0) {
            return Ok(server);
        }
        Err(Error::from(Rejection::NotUs {
            ticket: server,
            accepts: self.kdc.krbtgt.name.to_string(),
        })
        .into())
    }

    pub(super) fn found(mut self, entry: Option<Arc<PrincipalEntry>>) -> Serve {
        match std::mem::replace(&mut self.found, Found::Nothing) {
            Found::Nothing => match entry {
                Some(entry) => self.open(Some(entry)),
                None => self.refused(Refused::new(
                    ErrorCode::KRB_AP_ERR_NOT_US,
                    "the header ticket is for nobody in the database",
                )),
            },
            Found::Requester(requester) => match entry {
                Some(client) => self.look_up_server(requester, client),
                None => {
                    let client = &requester.tgs.ticket.client;
                    let refused = Refused::new(
                        ErrorCode::KDC_ERR_C_PRINCIPAL_UNKNOWN,
                        format!("{client} is not in the database any more"),
                    );
                    self.refused(refused)
                }
            },
            Found::Client(requester, client) => match entry {
                Some(server) => self.issue(&requester, &client, &server),
                None => {
                    let refused = Refused::new(
                        ErrorCode::KDC_ERR_S_PRINCIPAL_UNKNOWN,
                        "the server is not in the database",
                    );
                    self.refused(refused)
                }
            },
        }
    }

    /// Judges the AP-REQ and asks for the client.
    fn open(mut self, header: Option<Arc<PrincipalEntry>>) -> Serve {
        match self.requester(header) {
            Ok(requester) => Serve::Lookup {
                principal: requester.tgs.ticket.client.clone(),
                next: Pending(State::Tgs(Box::new(Self {
                    found: Found::Requester(Box::new(requester)),
                    ..self
                }))),
            },
            Err(refused) => self.refused(refused),
        }
    }

    fn requester(&mut self, header: Option<Arc<PrincipalEntry>>) -> Result<Requester, Refused> {
        let request = std::mem::take(&mut self.request);
        let result = self.requester_of(&request, header);
        self.request = request;
        result
    }

    fn requester_of(
        &mut self,
        request: &[u8],
        header_entry: Option<Arc<PrincipalEntry>>,
    ) -> Result<Requester, Refused> {
        let Decoded { req, body } = decode(request)?;
        let kdc = Arc::clone(&self.kdc);
        let options = body.kdc_options;
        let tgs_policy = TgsPolicy {
            enctypes: &kdc.policy.enctypes,
            skew: kdc.policy.clock_skew,
            peer: self.peer.as_ref(),
            validate: options.contains(KdcOptions::VALIDATE),
            anonymous: false,
        };
        let keys = match &header_entry {
            Some(entry) => &service_keys(entry)?,
            None => &kdc.krbtgt_keys,
        };
        let octets = req.req_body.as_bytes();
        let known = &mut self.known;
        let tgs = tgs::open(keys, header(&req)?, octets, &tgs_policy, self.now, known)
            .map_err(with_kdc_code)?;
        if tgs.ticket.client.realm() != kdc.realm() {
            // No other realm is trusted here (KDC-29).
            return Err(Refused::new(
                ErrorCode::KDC_ERR_PATH_NOT_ACCEPTED,
                format!("{} is of another realm", tgs.ticket.client),
            ));
        }
        let ap_req = ApReq::from_bytes(header(&req)?)?;
        let seen = Seen {
            authenticator: ap_req.authenticator.cipher.as_bytes(),
            request,
            client: &tgs.ticket.client,
            ctime: tgs.ctime,
        };
        kdc.seen.admit(&seen, kdc.policy.clock_skew, self.now)?;
        let second = match options.contains(KdcOptions::ENC_TKT_IN_SKEY) {
            true => Some(user_to_user::open(&kdc, &body, self.now)?),
            false => None,
        };
        if body.sname.is_none()
            && let Some(second) = &second
        {
            self.server = Some(second.client.clone());
        }
        Ok(Requester {
            tgs,
            header: header_entry,
            second,
        })
    }

    /// The server of the header ticket is known; any other is asked for.
    fn look_up_server(self, requester: Box<Requester>, client: Arc<PrincipalEntry>) -> Serve {
        let unknown = ErrorCode::KDC_ERR_S_PRINCIPAL_UNKNOWN;
        let Some(server) = self.server.clone() else {
            return self.refused(Refused::new(unknown, "the request names no server"));
        };
        if server.realm() != self.kdc.realm() {
            let why = format!("{server} is of another realm");
            return self.refused(Refused::new(unknown, why));
        }
        if self.kdc.is_own_krbtgt(&server) {
            let entry = Arc::clone(&self.kdc.krbtgt);
            return self.issue(&requester, &client, &entry);
        }
        Serve::Lookup {
            principal: server,
            next: Pending(State::Tgs(Box::new(Self {
                found: Found::Client(requester, client),
                ..self
            }))),
        }
    }

    fn refused(self, refused: Refused) -> Serve {
        self.answered(Err(refused))
    }

    fn answered(self, result: Result<Reply, Refused>) -> Serve {
        let asked = Asked {
            server: self.server,
            known: self.known,
        };
        Serve::answered(&self.kdc, asked, result, self.now)
    }

    fn issue(
        self,
        requester: &Requester,
        client: &PrincipalEntry,
        server: &PrincipalEntry,
    ) -> Serve {
        let result = match &self.server {
            Some(name) => TgsRequest {
                kdc: &self.kdc,
                now: self.now,
                requester,
                client,
                server,
                server_name: name,
            }
            .answer(&self.request),
            None => Err(Error::Misuse("a server was found that nobody named").into()),
        };
        self.answered(result)
    }
}

/// The AP-REQ in the padata (KDC-19).
fn header<'a>(req: &KdcReq<'a>) -> Result<&'a [u8], Refused> {
    let padata = req.padata.iter().flatten();
    let mut headers = padata.filter(|pa| pa.padata_type == PaDataType::TGS_REQ);
    match headers.next() {
        Some(pa) => Ok(pa.padata_value.0),
        None => Err(Refused::new(
            ErrorCode::KDC_ERR_PADATA_TYPE_NOSUPP,
            "there is no PA-TGS-REQ",
        )),
    }
}

/// A checksum type that nobody knows has its own code in a KDC (KDC-19).
fn with_kdc_code(error: Error) -> Refused {
    if let Error::Rejected(rejection) = &error
        && let Rejection::ChecksumType { cksumtype } = **rejection
        && ChecksumType(cksumtype).len().is_none()
    {
        return Refused::new(
            ErrorCode::KDC_ERR_SUMTYPE_NOSUPP,
            format!("checksum type {cksumtype} is unknown"),
        );
    }
    error.into()
}

/// All keys of an entry, to open tickets that were sealed for it.
pub(super) fn service_keys(entry: &PrincipalEntry) -> Result<ServiceKeys, Error> {
    let names = std::iter::once(&entry.name).chain(&entry.aliases);
    let mut keys = Vec::new();
    for name in names {
        for version in &entry.keys {
            for key in &version.keys {
                keys.push((name.clone(), version.kvno, key.key()?.clone()));
            }
        }
    }
    Ok(ServiceKeys::new(keys))
}

/// A request about which everything is known.
struct TgsRequest<'a> {
    kdc: &'a Kdc,
    now: Timestamp,
    requester: &'a Requester,
    client: &'a PrincipalEntry,
    server: &'a PrincipalEntry,
    server_name: &'a Principal,
}

impl TgsRequest<'_> {
    fn answer(&self, request: &[u8]) -> Result<Reply, Refused> {
        let (kdc, now) = (self.kdc, self.now);
        let Decoded { body, .. } = decode(request)?;
        let tgt = &self.requester.tgs.ticket;
        let subkey = self.requester.tgs.subkey.as_ref();

        self.admissible()?;
        self.options_allowed(&body)?;
        self.header_is_for(&body)?;
        let session_enctype = kdc.session_enctype(&body.etype, self.server, self.server_name)?;
        let times = self.times(&body)?;
        let mut elements = authdata::of_tgt(tgt)?;
        elements.extend(self.of_client(&body)?);

        let session_key = Key::random(session_enctype, &*kdc.random)?;
        let sealing = self.sealing_key()?;
        let ticket = NewTicket {
            server: self.server_name,
            client: &tgt.client,
            flags: self.flags(body.kdc_options, &times),
            session_key: &session_key,
            authtime: tgt.authtime,
            times,
            caddr: addresses(&body, tgt),
            authorization_data: elements.iter().map(Element::to_wire).collect(),
        };
        let pac = self
            .pac()?
            .map(|pac| identity::reissued(&pac, self.server_name));
        let ticket_octets = ticket.seal(kdc, &sealing, pac)?;
        let part = ticket.reply_part(body.nonce, vec![issue::nothing_known(now)]);
        // No kvno: neither key is a long-term one (KDC-26, MSG-22).
        let (key, usage) = match subkey {
            Some(subkey) => (subkey, KeyUsage::TGS_REP_SUBKEY),
            None => (&tgt.session_key, KeyUsage::TGS_REP_SESSION_KEY),
        };
        let reply_key = SealingKey { key, kvno: None };
        let plain = EncTgsRepPart::to_bytes(&part);
        let enc_part = Sealed::new(kdc, &reply_key, usage, plain)?;
        let octets = TgsRep::to_bytes(&KdcRep {
            pvno: KRB5_PVNO,
            msg_type: MsgType::TGS_REP.0,
            padata: None,
            crealm: tgt.client.realm_to_wire(),
            cname: tgt.client.to_wire(),
            ticket: Raw::new(&ticket_octets)?,
            enc_part: enc_part.field(),
        });
        issue::reply(octets, ticket.issued(&sealing))
    }

    /// Whether these two may get and be given tickets now (KDC-11). That a password has expired
    /// does not end what it has started.
    fn admissible(&self) -> Result<(), Refused> {
        let Self { client, server, .. } = self;
        policy::admissible_client(client, &self.requester.tgs.ticket.client, self.now)?;
        policy::admissible_server(server, self.server_name, self.now)?;
        let second = self.requester.second.as_ref();
        if let Some(second) = second
            && !server.is_named(&second.client)
        {
            return Err(Refused::new(
                ErrorCode::KDC_ERR_SERVER_NOMATCH,
                format!("the second TGT is that of {}", second.client),
            ));
        }
        if server.attributes.only_user_to_user && second.is_none() {
            return Err(Refused::new(
                ErrorCode::KDC_ERR_MUST_USE_USER2USER,
                format!("{} takes user-to-user tickets only", self.server_name),
            ));
        }
        if server.attributes.only_initial {
            return Err(Refused::new(
                ErrorCode::KDC_ERR_POLICY,
                format!("{} takes initial tickets only", self.server_name),
            ));
        }
        Ok(())
    }

    /// Options need flags in the header ticket (KDC-22).
    fn options_allowed(&self, body: &KdcReqBody<'_>) -> Result<(), Refused> {
        let (options, tgt) = (body.kdc_options, &self.requester.tgs.ticket);
        let bad = ErrorCode::KDC_ERR_BADOPTION;
        let late = ErrorCode::KDC_ERR_CANNOT_POSTDATE;
        let rules = [
            (KdcOptions::FORWARDABLE, TicketFlags::FORWARDABLE, bad),
            (KdcOptions::FORWARDED, TicketFlags::FORWARDABLE, bad),
            (KdcOptions::PROXIABLE, TicketFlags::PROXIABLE, bad),
            (KdcOptions::PROXY, TicketFlags::PROXIABLE, bad),
            (KdcOptions::ALLOW_POSTDATE, TicketFlags::MAY_POSTDATE, bad),
            (KdcOptions::POSTDATED, TicketFlags::MAY_POSTDATE, late),
            (KdcOptions::RENEWABLE, TicketFlags::RENEWABLE, bad),
            (KdcOptions::RENEW, TicketFlags::RENEWABLE, bad),
            (KdcOptions::VALIDATE, TicketFlags::INVALID, bad),
        ];
        for (option, flag, code) in rules {
            if options.contains(option) && !tgt.flags.contains(flag) {
                return Err(Refused::new(
                    code,
                    format!("{option:?} needs {flag:?} in the header ticket"),
                ));
            }
        }
        let refuse = |why| Err(Refused::new(bad, why));
        if options.contains(KdcOptions::RENEW | KdcOptions::VALIDATE) {
            return refuse("renew and validate exclude each other");
        }
        if options.contains(KdcOptions::PROXY) && self.server_name.is_krbtgt() {
            return refuse("there are no proxy TGTs");
        }
        if options.contains(KdcOptions::CNAME_IN_ADDL_TKT) {
            return refuse("constrained delegation is not supported");
        }
        if options.contains(KdcOptions::REQUEST_ANONYMOUS) {
            return refuse("anonymous tickets are not supported");
        }
        if options.contains(KdcOptions::RENEW)
            && tgt
                .renew_till
                .is_none_or(|till| Timestamp::from(till) <= self.now)
        {
            return Err(Refused::new(
                ErrorCode::KRB_AP_ERR_TKT_EXPIRED,
                "the ticket cannot be renewed any more",
            ));
        }
        if options.contains(KdcOptions::VALIDATE) && Timestamp::from(tgt.valid_from()) > self.now {
            return Err(Error::from(Rejection::NotYetValid {
                starttime: tgt.valid_from(),
                now: self.now,
            })
            .into());
        }
        Ok(())
    }

    /// A ticket that is no TGT is good for its own server only, and what is renewed or validated
    /// stays what it is (KDC-20).
    fn header_is_for(&self, body: &KdcReqBody<'_>) -> Result<(), Refused> {
        let same = match &self.requester.header {
            Some(entry) => entry.is_named(self.server_name),
            None => self.kdc.is_own_krbtgt(self.server_name),
        };
        let header = &self.requester.tgs.ticket.server;
        if self.requester.header.is_some() && !same {
            return Err(Error::from(Rejection::NotUs {
                ticket: header.clone(),
                accepts: self.kdc.krbtgt.name.to_string(),
            })
            .into());
        }
        if remakes(body.kdc_options) && !same {
            return Err(Refused::new(
                ErrorCode::KDC_ERR_SERVER_NOMATCH,
                format!("a ticket for {header} is not renewed as another"),
            ));
        }
        Ok(())
    }

    fn times(&self, body: &KdcReqBody<'_>) -> Result<Times, Refused> {
        let (options, tgt) = (body.kdc_options, &self.requester.tgs.ticket);
        if options.contains(KdcOptions::VALIDATE) {
            return Ok(times::unchanged(tgt));
        }
        if options.contains(KdcOptions::RENEW) {
            return times::renewed(tgt, self.now);
        }
        let postdatable = self.client.attributes.postdatable && self.server.attributes.postdatable;
        let renewable = self.client.attributes.renewable && self.server.attributes.renewable;
        let may = times::May {
            postdate: postdatable,
            renew: renewable,
        };
        times::subsequent(body, &self.kdc.policy, self.server, tgt, may, self.now)
    }

    /// KDC-22, KDC-24.
    fn flags(&self, options: KdcOptions, times: &Times) -> TicketFlags {
        let tgt = self.requester.tgs.ticket.flags;
        if remakes(options) {
            return tgt.without(TicketFlags::INVALID);
        }
        let (c, s) = (&self.client.attributes, &self.server.attributes);
        let asked = |option| options.contains(option);
        let kept = [
            TicketFlags::FORWARDED,
            TicketFlags::PROXY,
            TicketFlags::PRE_AUTHENT,
            TicketFlags::HW_AUTHENT,
        ];
        let kept = kept.into_iter().map(|flag| (tgt.contains(flag), flag));
        let new = [
            (
                asked(KdcOptions::FORWARDABLE) && c.forwardable && s.forwardable,
                TicketFlags::FORWARDABLE,
            ),
            (asked(KdcOptions::FORWARDED), TicketFlags::FORWARDED),
            (
                asked(KdcOptions::PROXIABLE) && c.proxiable && s.proxiable,
                TicketFlags::PROXIABLE,
            ),
            (asked(KdcOptions::PROXY), TicketFlags::PROXY),
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
            // Of our own realm: there is no path to check (KDC-29).
            (
                !asked(KdcOptions::DISABLE_TRANSITED_CHECK),
                TicketFlags::TRANSITED_POLICY_CHECKED,
            ),
            // A TGT keeps what its clients rely on (KDC-04).
            (
                tgt.contains(TicketFlags::ENC_PA_REP) && self.server_name.is_krbtgt(),
                TicketFlags::ENC_PA_REP,
            ),
        ];
        kept.chain(new)
            .filter(|(set, _)| *set)
            .fold(TicketFlags::NONE, |flags, (_, flag)| flags | flag)
    }

    /// The PAC of the header ticket, verified. That of a second TGT is verified too: it says whose
    /// session key the ticket is sealed with (security case 74).
    fn pac(&self) -> Result<Option<VerifiedPac>, Refused> {
        let kdc = self.kdc;
        if let Some(second) = &self.requester.second {
            let part = second.part()?;
            identity::of_tgt(kdc, &part, second.seal, &second.client, self.server)?;
        }
        let tgt = &self.requester.tgs.ticket;
        let (part, seal) = (tgt.enc_part()?, Seal::of(tgt));
        match &self.requester.header {
            None => identity::of_tgt(kdc, &part, seal, &tgt.client, self.client),
            Some(server) => {
                let keys = service_keys(server)?;
                identity::of_service_ticket(kdc, &part, seal, &keys, &tgt.client, self.client)
            }
        }
    }

    /// The server's key, or for user-to-user its TGT's session key (KDC-30).
    fn sealing_key(&self) -> Result<SealingKey<'_>, Refused> {
        if let Some(second) = &self.requester.second {
            return Ok(SealingKey {
                key: &second.session_key,
                kvno: None,
            });
        }
        let (key, kvno) = self.kdc.ticket_key(self.server)?;
        Ok(SealingKey {
            key,
            kvno: Some(kvno),
        })
    }

    /// What the client wants to have in the ticket, as far as it may (KDC-25).
    fn of_client(&self, body: &KdcReqBody<'_>) -> Result<Vec<Element>, Refused> {
        let Some(sealed) = &body.enc_authorization_data else {
            return Ok(Vec::new());
        };
        let TgsRequester { ticket, subkey, .. } = &self.requester.tgs;
        let (key, usage) = match subkey {
            Some(subkey) => (subkey, KeyUsage::TGS_REQ_AUTHDATA_SUBKEY),
            None => (&ticket.session_key, KeyUsage::TGS_REQ_AUTHDATA_SESSION_KEY),
        };
        let plain = match Enctype(sealed.etype) == key.enctype() {
            true => key.decrypt(usage, sealed.cipher.0).ok(),
            false => None,
        };
        let plain = plain.ok_or_else(|| {
            Refused::new(
                ErrorCode::KRB_AP_ERR_BAD_INTEGRITY,
                "enc-authorization-data does not open",
            )
        })?;
        authdata::of_client(&plain)
    }
}

/// Whether the answer is the header ticket once more, with other times or without INVALID.
fn remakes(options: KdcOptions) -> bool {
    options.contains(KdcOptions::RENEW) || options.contains(KdcOptions::VALIDATE)
}

/// Those of the TGT, unless it is forwarded or lent (KDC-24).
fn addresses<'a>(body: &KdcReqBody<'a>, tgt: &'a OpenTicket) -> Option<Vec<HostAddress<'a>>> {
    let options = body.kdc_options;
    let elsewhere = options.contains(KdcOptions::FORWARDED) || options.contains(KdcOptions::PROXY);
    if elsewhere && !remakes(options) {
        return issue::addresses(&body.addresses);
    }
    let kept: Vec<_> = tgt
        .addresses
        .iter()
        .map(|(addr_type, address)| HostAddress {
            addr_type: *addr_type,
            address: OctetString(address),
        })
        .collect();
    (!kept.is_empty()).then_some(kept)
}
