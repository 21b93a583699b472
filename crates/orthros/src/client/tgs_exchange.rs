//! The TGS exchange: from a ticket to another (RFC 4120 §3.3).

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::ap::{AuthenticatorParts, Cksum, build_ap_req};
use crate::credentials::Credentials;
use crate::crypto::{Enctype, Key, KeyUsage};
use crate::error::{Error, Rejection};
use crate::principal::Principal;
use crate::random::{OsRandom, Random};
use crate::secret::Secret;
use crate::step::{Ask, Awaiting};
use crate::time::{KerberosTime, Timestamp};
use crate::wire::{
    AddrType, EncKdcRepPart, EncTgsRepPart, KRB5_PVNO, KdcOptions, KdcRep, KdcReq, KdcReqBody,
    MsgType, OctetString, PaData, PaDataType, Raw, TgsRep, TgsReq, TicketFlags, primitive,
};

use super::DEFAULT_CLOCK_SKEW;
use super::krb_error;
use super::reply::{self, Asked, Clock, broken, krbtgt_of, same_name};
use super::request::Wishes;

/// How many realms lie between the client and the service at most (KDC-31).
const MAX_HOPS: u32 = 10;
/// How often a KDC can say that the service is of another realm (KDC-34).
const MAX_REFERRALS: u32 = 5;

/// What the new ticket is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Purpose {
    /// One for a service, wherever it is.
    Service,
    /// The same one for another time: RENEW or VALIDATE.
    Again,
    /// A TGT for other addresses: FORWARDED.
    Forwarded,
}

/// Asks a KDC for a ticket with a ticket that the client has.
///
/// The client gives its KDC's realm from the ticket. A service of another realm is reached through
/// the realms between: each KDC gives a TGT for the next one (KDC-31, KDC-34).
pub struct TgsExchange {
    /// The ticket that authenticates the first request.
    header: Credentials,
    service: Principal,
    purpose: Purpose,
    wishes: Wishes,
    /// The service's TGT, for a user-to-user ticket.
    second_ticket: Option<Vec<u8>>,
    /// The realms that may lie between; all if absent.
    through: Option<Vec<String>>,
    subkey: bool,
    random: Arc<dyn Random>,
    skew: Duration,
}

impl TgsExchange {
    /// A ticket for `service`. It is forwardable if the TGT is: a service that is allowed to act
    /// for the client needs that.
    pub fn new(tgt: &Credentials, service: Principal) -> Self {
        let mut exchange = Self::with(tgt, service, Purpose::Service);
        let forwardable = tgt.flags.contains(TicketFlags::FORWARDABLE);
        exchange.wishes.set(KdcOptions::FORWARDABLE, forwardable);
        exchange
    }

    /// The same ticket with a later end.
    pub fn renew(ticket: &Credentials) -> Self {
        Self::again(ticket, KdcOptions::RENEW)
    }

    /// The same ticket, no longer invalid: its start has come.
    pub fn validate(ticket: &Credentials) -> Self {
        Self::again(ticket, KdcOptions::VALIDATE)
    }

    /// A TGT to be sent to a service that acts for the client from `addresses`; from everywhere if
    /// there are none.
    pub fn forward(tgt: &Credentials, addresses: Vec<(AddrType, Vec<u8>)>) -> Self {
        let mut exchange = Self::with(tgt, tgt.server.clone(), Purpose::Forwarded);
        exchange.wishes.set(KdcOptions::FORWARDED, true);
        exchange.wishes.set(KdcOptions::FORWARDABLE, true);
        exchange.wishes.required = TicketFlags::FORWARDED;
        exchange.wishes.addresses = addresses;
        exchange
    }

    fn again(ticket: &Credentials, option: KdcOptions) -> Self {
        let mut exchange = Self::with(ticket, ticket.server.clone(), Purpose::Again);
        exchange.wishes.set(option, true);
        for (flag, option) in [
            (TicketFlags::FORWARDABLE, KdcOptions::FORWARDABLE),
            (TicketFlags::PROXIABLE, KdcOptions::PROXIABLE),
            (TicketFlags::RENEWABLE, KdcOptions::RENEWABLE),
        ] {
            exchange.wishes.set(option, ticket.flags.contains(flag));
        }
        exchange
    }

    fn with(header: &Credentials, service: Principal, purpose: Purpose) -> Self {
        Self {
            header: header.clone(),
            service,
            purpose,
            wishes: Wishes::default(),
            second_ticket: None,
            through: None,
            subkey: true,
            random: Arc::new(OsRandom),
            skew: DEFAULT_CLOCK_SKEW,
        }
    }

    /// The enctypes that are acceptable for the session key, most wanted first.
    #[must_use]
    pub fn enctypes(mut self, enctypes: Vec<Enctype>) -> Self {
        self.wishes.enctypes = enctypes;
        self
    }

    /// How long the ticket is to live; as long as the TGT unless this is said.
    #[must_use]
    pub fn lifetime(mut self, lifetime: Duration) -> Self {
        self.wishes.lifetime = Some(lifetime);
        self
    }

    /// A ticket that can be renewed this long.
    #[must_use]
    pub fn renewable(mut self, lifetime: Duration) -> Self {
        self.wishes.renewable(lifetime);
        self
    }

    /// Whether the ticket can be forwarded, or be the evidence for acting for the client.
    #[must_use]
    pub fn forwardable(mut self, wanted: bool) -> Self {
        self.wishes.set(KdcOptions::FORWARDABLE, wanted);
        self
    }

    /// A ticket that starts later, and is invalid until it is validated then.
    #[must_use]
    pub fn postdated(mut self, start: KerberosTime) -> Self {
        self.wishes.postdated(start);
        self
    }

    /// Whether the KDC may say that the service is of another realm than its name is of (KDC-34).
    #[must_use]
    pub fn canonicalize(mut self, wanted: bool) -> Self {
        self.wishes.set(KdcOptions::CANONICALIZE, wanted);
        self
    }

    /// A user-to-user ticket: sealed under the session key of the service's TGT, which is `tgt`
    /// (RFC 4120 §3.7).
    #[must_use]
    pub fn user_to_user(mut self, tgt: Vec<u8>) -> Self {
        self.wishes.set(KdcOptions::ENC_TKT_IN_SKEY, true);
        self.second_ticket = Some(tgt);
        self
    }

    /// Flags without which the ticket is refused: a KDC leaves out what policy forbids.
    #[must_use]
    pub fn require(mut self, flags: TicketFlags) -> Self {
        self.wishes.required = self.wishes.required.with(flags);
        self
    }

    /// The only realms that may lie between the client and the service (KDC-31), as `[capaths]`
    /// lists them.
    #[must_use]
    pub fn only_through(mut self, realms: Vec<String>) -> Self {
        self.through = Some(realms);
        self
    }

    /// Whether the request has a subkey for the reply (KDC-18, KDC-26). It has unless this is said.
    #[must_use]
    pub fn subkey(mut self, wanted: bool) -> Self {
        self.subkey = wanted;
        self
    }

    /// Another source of randomness than the operating system.
    #[must_use]
    pub fn random(mut self, random: Arc<dyn Random>) -> Self {
        self.random = random;
        self
    }

    /// Another limit for clocks that differ than [`DEFAULT_CLOCK_SKEW`].
    #[must_use]
    pub fn clock_skew(mut self, skew: Duration) -> Self {
        self.skew = skew;
        self
    }

    /// The first request.
    pub fn start(mut self, now: Timestamp) -> Result<Ask<TgsAwait, ServiceCredentials>, Error> {
        self.wishes
            .enctypes
            .retain(|enctype| enctype.is_supported());
        if self.wishes.enctypes.is_empty() {
            return Err(Error::Misuse("no supported enctype is acceptable"));
        }
        if self.purpose != Purpose::Again && !self.header.server.is_krbtgt() {
            return Err(Error::Misuse(
                "only a TGT gives other tickets; a service ticket can be renewed or validated",
            ));
        }
        if self.purpose == Purpose::Forwarded
            && self.header.server.component(1) != Some(self.header.server.realm())
        {
            return Err(Error::Misuse("a TGT for another realm cannot be forwarded"));
        }
        let budget = Budget {
            hops: MAX_HOPS,
            referrals: MAX_REFERRALS,
        };
        self.ask(Vec::new(), budget, now)
    }

    /// The next request: for the service if its KDC is reached, else for a TGT that leads there.
    fn ask(
        self,
        path: Vec<Credentials>,
        budget: Budget,
        now: Timestamp,
    ) -> Result<Ask<TgsAwait, ServiceCredentials>, Error> {
        let header = path.last().unwrap_or(&self.header);
        // krbtgt/HERE@THERE: the KDC of HERE takes it.
        let here = match self.purpose {
            Purpose::Service | Purpose::Forwarded => header.server.component(1),
            Purpose::Again => None,
        };
        let here = here.unwrap_or(header.server.realm()).to_owned();
        let random = &*self.random;
        let arrived = here == self.service.realm() || self.purpose != Purpose::Service;
        let (wishes, server, second_ticket) = if arrived {
            let wishes = self.wishes.clone();
            (wishes, self.service.clone(), self.second_ticket.as_deref())
        } else {
            let between = Wishes {
                options: self.wishes.options.without(
                    KdcOptions::ENC_TKT_IN_SKEY | KdcOptions::POSTDATED | KdcOptions::RENEWABLE,
                ),
                enctypes: self.wishes.enctypes.clone(),
                ..Wishes::default()
            };
            let next = Principal::krbtgt(self.service.realm())?;
            let next = Principal::new(&*here, next.name_type(), next.components())?;
            (between, next, None)
        };
        // The end that RENEW leads to is not known here.
        let latest = match wishes.options.contains(KdcOptions::RENEW) {
            true => KerberosTime::EPOCH,
            false => header.endtime,
        };
        let mut body = wishes.body(None, &server, Some(latest), second_ticket, now, random)?;
        if self.purpose == Purpose::Again && wishes.options.contains(KdcOptions::RENEWABLE) {
            // As far as before, and no further.
            body.rtime = header.renew_till;
        }
        let body = primitive::to_der("KDC-REQ-BODY", &body)?;
        // KDC-18: the checksum is over the body as it is sent.
        let parts = AuthenticatorParts {
            usage: KeyUsage::TGS_REQ_AUTHENTICATOR,
            mutual: false,
            cksum: Cksum::Keyed(KeyUsage::TGS_REQ_AUTHENTICATOR_CKSUM, &body),
            subkey: self.subkey.then(|| header.session_key.enctype()),
            sequence: false,
            enctypes: &[],
        };
        let ap_req = build_ap_req(header, &parts, now, random)?;
        let request = TgsReq::to_bytes(&KdcReq {
            pvno: KRB5_PVNO,
            msg_type: MsgType::TGS_REQ.0,
            padata: Some(vec![PaData {
                padata_type: PaDataType::TGS_REQ,
                padata_value: OctetString(&ap_req.octets),
            }]),
            req_body: Raw::new(&body)?,
        })?;
        let reply_key = match ap_req.subkey {
            Some(subkey) => (subkey, KeyUsage::TGS_REP_SUBKEY),
            None => (header.session_key.clone(), KeyUsage::TGS_REP_SESSION_KEY),
        };
        let addresses = match wishes.addresses.is_empty() && self.purpose != Purpose::Forwarded {
            true => header.addresses.clone(),
            false => wishes.addresses,
        };
        Ok(Ask::Send {
            realm: here,
            request: request.clone(),
            next: TgsAwait {
                exchange: Box::new(self),
                path,
                request,
                reply_key,
                addresses,
                arrived,
                budget,
            },
        })
    }
}

impl fmt::Debug for TgsExchange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TgsExchange")
            .field("client", &self.header.client)
            .field("header", &self.header.server)
            .field("service", &self.service)
            .field("purpose", &self.purpose)
            .field("wishes", &self.wishes)
            .finish_non_exhaustive()
    }
}

/// How far the client still goes.
#[derive(Clone, Copy, Debug)]
struct Budget {
    hops: u32,
    referrals: u32,
}

/// Waits for a KDC's answer to a TGS-REQ.
pub struct TgsAwait {
    exchange: Box<TgsExchange>,
    /// The TGTs of other realms that were gathered so far.
    path: Vec<Credentials>,
    request: Vec<u8>,
    /// What opens the reply: 9 under the subkey, or 8 under the session key (KDC-26).
    reply_key: (Key, KeyUsage),
    /// What the ticket's are to be.
    addresses: Vec<(AddrType, Vec<u8>)>,
    /// Whether the request is for the service, not for a TGT on the way to it.
    arrived: bool,
    budget: Budget,
}

impl fmt::Debug for TgsAwait {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TgsAwait")
            .field("exchange", &self.exchange)
            .field("budget", &self.budget)
            .finish_non_exhaustive()
    }
}

/// The ticket, and those that led to it.
#[derive(Clone, Debug)]
pub struct ServiceCredentials {
    /// The ticket that was asked for.
    pub credentials: Credentials,
    /// TGTs of the realms on the way, worth keeping: they lead to the service's realm again
    /// (KDC-34).
    pub path: Vec<Credentials>,
}

impl Awaiting for TgsAwait {
    type Output = ServiceCredentials;

    fn reply(self, answer: &[u8], now: Timestamp) -> Result<Ask<Self, ServiceCredentials>, Error> {
        match primitive::application_number(answer) {
            Some(TgsRep::APPLICATION) => self.granted(&TgsRep::from_bytes(answer)?, now),
            Some(30) => Err(krb_error::judged(&krb_error::decode(answer)?, now, None)),
            other => Err(Error::rejected(Rejection::MessageType {
                expected: "TGS-REP",
                found: match other {
                    Some(number) => MsgType(i32::from(number)).to_string(),
                    None => "no Kerberos message".to_owned(),
                },
            })),
        }
    }
}

#[cfg(test)]
impl TgsAwait {
    /// As if `request` had been sent: for conversations that others had.
    pub(super) fn of_recorded(
        exchange: TgsExchange,
        request: Vec<u8>,
        reply_key: (Key, KeyUsage),
    ) -> Self {
        Self {
            addresses: exchange.header.addresses.clone(),
            exchange: Box::new(exchange),
            path: Vec::new(),
            request,
            reply_key,
            arrived: true,
            budget: Budget {
                hops: MAX_HOPS,
                referrals: MAX_REFERRALS,
            },
        }
    }
}

impl TgsAwait {
    fn granted(
        self,
        rep: &KdcRep<'_>,
        now: Timestamp,
    ) -> Result<Ask<Self, ServiceCredentials>, Error> {
        let exchange = &self.exchange;
        let header = self.path.last().unwrap_or(&exchange.header);
        let request = TgsReq::from_bytes(&self.request)?;
        let body = request.body()?;
        reply::check_head(rep, MsgType::TGS_REP, &body)?;
        let (key, usage) = &self.reply_key;
        let plaintext = key
            .decrypt(*usage, rep.enc_part.cipher.0)
            .map_err(|_| broken("its sealed part does not open under the key of the request"))?;
        let plaintext = Secret::new(plaintext);
        let part = EncTgsRepPart::from_bytes(plaintext.expose())?;
        let asked = Asked {
            body: &body,
            inherited: header.flags.without(TicketFlags::INVALID),
            required: match self.arrived {
                true => exchange.wishes.required,
                false => TicketFlags::NONE,
            },
            addresses: &self.addresses,
            clock: Clock {
                now,
                offset: header.clock_offset,
                skew: exchange.skew,
            },
        };
        asked.check(rep, &part)?;
        if !header.client.matches(&rep.crealm, &rep.cname) {
            return Err(broken("the ticket is for another client than the TGT"));
        }
        let onward = self.onward(&body, &part)?;
        let second_ticket = match self.arrived && onward.is_none() {
            true => exchange.second_ticket.clone(),
            false => None,
        };
        let mut credentials = reply::credentials(rep, &part, header.clock_offset, second_ticket)?;
        if !self.recommends(header) {
            credentials.flags = credentials.flags.without(TicketFlags::OK_AS_DELEGATE);
        }
        let Self {
            mut exchange,
            mut path,
            ..
        } = self;
        match onward {
            None => Ok(Ask::Done(ServiceCredentials { credentials, path })),
            Some(Onward { service, budget }) => {
                exchange.service = service;
                path.push(credentials);
                exchange.ask(path, budget, now)
            }
        }
    }

    /// Whether the KDC that answers can recommend a server for delegation: that of the client's own
    /// realm can, another's if every realm on the way recommends the next one (GSS-34, security case
    /// 108). What is missing from a TGT on the way is so missing from all that come of it.
    fn recommends(&self, header: &Credentials) -> bool {
        let again = self.exchange.purpose == Purpose::Again;
        let own_realm = header.client.realm();
        let own = header.server.realm() == own_realm
            && (again || header.server.component(1) == Some(own_realm));
        own || header.flags.contains(TicketFlags::OK_AS_DELEGATE)
    }

    /// Whether the ticket is the one asked for, or leads on to another realm (KDC-27, KDC-34).
    /// Anything else is refused.
    fn onward(
        &self,
        body: &KdcReqBody<'_>,
        part: &EncKdcRepPart<'_>,
    ) -> Result<Option<Onward>, Error> {
        let exchange = &self.exchange;
        let is_asked = part.srealm == body.realm
            && body
                .sname
                .as_ref()
                .is_some_and(|name| same_name(name, &part.sname));
        if is_asked && self.arrived {
            return Ok(None);
        }
        let another = || broken("the ticket is for another server than asked for");
        let canonicalize = body.kdc_options.contains(KdcOptions::CANONICALIZE);
        let may_lead_on = exchange.purpose == Purpose::Service && (!self.arrived || canonicalize);
        // krbtgt/NEXT@HERE
        let next = match krbtgt_of(&part.sname) {
            Some(next) if part.srealm == body.realm && may_lead_on => next.0,
            _ => return Err(another()),
        };
        let mut budget = self.budget;
        let mut service = exchange.service.clone();
        if self.arrived {
            budget.referrals = budget.referrals.checked_sub(1).ok_or_else(|| {
                broken(format!("it refers on, for more than {MAX_REFERRALS} times"))
            })?;
            service = Principal::new(next, service.name_type(), service.components())?;
        }
        budget.hops = budget
            .hops
            .checked_sub(1)
            .ok_or_else(|| broken(format!("the service is more than {MAX_HOPS} realms away")))?;
        let mut visited = std::iter::once(&exchange.header)
            .chain(&self.path)
            .map(|tgt| &tgt.server);
        if visited.any(|tgs| tgs.realm() == next || tgs.component(1) == Some(next)) {
            return Err(broken(format!(
                "it leads back to {next}, where the client has been"
            )));
        }
        let allowed = match &exchange.through {
            Some(realms) => realms.iter().any(|realm| realm == next),
            None => true,
        };
        if !allowed && next != service.realm() {
            return Err(broken(format!(
                "it leads through {next}, which is not allowed"
            )));
        }
        Ok(Some(Onward { service, budget }))
    }
}

/// Where a TGT of another realm leads.
struct Onward {
    service: Principal,
    budget: Budget,
}
