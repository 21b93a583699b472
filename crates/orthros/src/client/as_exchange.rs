//! The AS exchange: from a password or key to a ticket (RFC 4120 §3.1).

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::credentials::Credentials;
use crate::crypto::{Enctype, Key, KeyUsage};
use crate::error::{Error, Rejection};
use crate::keytab::Keytab;
use crate::principal::Principal;
use crate::random::{OsRandom, Random};
use crate::secret::Secret;
use crate::step::{Ask, Awaiting};
use crate::time::{KerberosTime, Timestamp};
use crate::wire::{
    AddrType, AsRep, AsReq, EncKdcRepPart, EncryptedData, ErrorCode, KRB5_PVNO, KdcOptions, KdcRep,
    KdcReq, KdcReqBody, KrbError, LrType, MsgType, NameType, OctetString, PaData, PaDataType,
    PaEncTsEnc, PaPacRequest, Raw, TicketFlags, primitive,
};

use super::DEFAULT_CLOCK_SKEW;
use super::hints::{ClientSecret, KeyHint, find};
use super::krb_error::{self, ErrorData};
use super::reply::{self, Asked, Clock, broken, krbtgt_of, same_name};
use super::request::Wishes;

/// How many requests one exchange sends at most (KDC-07).
const MAX_ROUNDS: u32 = 10;
/// How many realms a KDC can send the client on to (KDC-33).
const MAX_REFERRALS: u32 = 5;

/// Asks a KDC for a ticket with the client's own password or key: usually the TGT.
///
/// ```
/// use orthros::client::AsExchange;
/// use orthros::principal::Principal;
/// use orthros::secret::Secret;
/// use orthros::step::Ask;
/// use orthros::time::Timestamp;
///
/// let alice = Principal::parse("alice@EXAMPLE.COM", None)?;
/// let ask = AsExchange::with_password(alice, Secret::from("open sesame"))
///     .forwardable(true)
///     .start(Timestamp::from_secs(1_800_000_000))?;
/// let Ask::Send { realm, request, next } = ask else { unreachable!() };
/// // Carry `request` to a KDC of `realm`; its answer goes to `next.reply(answer, now)`.
/// # let (_, _) = (request, next);
/// # assert_eq!(realm, "EXAMPLE.COM");
/// # Ok::<(), orthros::error::Error>(())
/// ```
pub struct AsExchange {
    client: Principal,
    /// The ticket-granting service of the client's realm if absent.
    service: Option<Principal>,
    secret: ClientSecret,
    wishes: Wishes,
    pac: Option<bool>,
    random: Arc<dyn Random>,
    skew: Duration,
    follow_kdc_clock: bool,
    skew_retries: u32,
    referral_realms: Vec<String>,
}

impl AsExchange {
    /// With the client's password. The KDC says how keys are made of it.
    pub fn with_password(client: Principal, password: Secret) -> Self {
        Self::new(client, ClientSecret::Password(password))
    }

    /// With the client's keys, of a keytab for instance: for each enctype the first one counts, so
    /// the newest version comes first.
    ///
    /// The enctypes of these keys are asked for before all others.
    pub fn with_keys(client: Principal, keys: Vec<Key>) -> Self {
        Self::new(client, ClientSecret::Keys(keys))
    }

    /// With the client's newest keys in a keytab.
    pub fn with_keytab(client: Principal, keytab: &Keytab) -> Self {
        let keys = keytab.newest_keys(&client).into_iter().cloned().collect();
        Self::with_keys(client, keys)
    }

    fn new(client: Principal, secret: ClientSecret) -> Self {
        let mut wishes = Wishes::default();
        // An enterprise name is not the name of any account by itself (KDC-32).
        wishes.set(
            KdcOptions::CANONICALIZE,
            client.name_type() == NameType::ENTERPRISE,
        );
        Self {
            client,
            service: None,
            secret,
            wishes,
            pac: None,
            random: Arc::new(OsRandom),
            skew: DEFAULT_CLOCK_SKEW,
            follow_kdc_clock: true,
            skew_retries: 0,
            referral_realms: Vec::new(),
        }
    }

    /// Another service than the ticket-granting one; it is of the client's realm.
    #[must_use]
    pub fn service(mut self, service: Principal) -> Self {
        self.service = Some(service);
        self
    }

    /// The enctypes that are acceptable, most wanted first.
    #[must_use]
    pub fn enctypes(mut self, enctypes: Vec<Enctype>) -> Self {
        self.wishes.enctypes = enctypes;
        self
    }

    /// How long the ticket is to live; as long as policy allows unless this is said.
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

    /// Whether a renewable ticket will do if policy cuts the lifetime short.
    #[must_use]
    pub fn renewable_ok(mut self, wanted: bool) -> Self {
        self.wishes.set(KdcOptions::RENEWABLE_OK, wanted);
        self
    }

    /// Whether the ticket can be forwarded.
    #[must_use]
    pub fn forwardable(mut self, wanted: bool) -> Self {
        self.wishes.set(KdcOptions::FORWARDABLE, wanted);
        self
    }

    /// Whether tickets for other addresses can be had with it.
    #[must_use]
    pub fn proxiable(mut self, wanted: bool) -> Self {
        self.wishes.set(KdcOptions::PROXIABLE, wanted);
        self
    }

    /// A ticket that starts later, and is invalid until it is validated then.
    #[must_use]
    pub fn postdated(mut self, start: KerberosTime) -> Self {
        self.wishes.postdated(start);
        self
    }

    /// Whether the KDC may answer with other names than were asked for (KDC-32). With an
    /// enterprise name it always may.
    #[must_use]
    pub fn canonicalize(mut self, wanted: bool) -> Self {
        let enterprise = self.client.name_type() == NameType::ENTERPRISE;
        self.wishes
            .set(KdcOptions::CANONICALIZE, wanted || enterprise);
        self
    }

    /// The only addresses from which the ticket can be used.
    #[must_use]
    pub fn addresses(mut self, addresses: Vec<(AddrType, Vec<u8>)>) -> Self {
        self.wishes.addresses = addresses;
        self
    }

    /// Asks for a ticket with a PAC, or for one without; the KDC decides unless this is said.
    #[must_use]
    pub fn pac(mut self, wanted: bool) -> Self {
        self.pac = Some(wanted);
        self
    }

    /// Flags without which the ticket is refused: a KDC leaves out what policy forbids.
    #[must_use]
    pub fn require(mut self, flags: TicketFlags) -> Self {
        self.wishes.required = self.wishes.required.with(flags);
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

    /// Whether the difference between the KDC's clock and ours, which a genuine reply tells, is
    /// kept with the credentials (KDC-09). If not, a difference beyond the limit is an error.
    #[must_use]
    pub fn follow_kdc_clock(mut self, wanted: bool) -> Self {
        self.follow_kdc_clock = wanted;
        self
    }

    /// Whether pre-authentication is tried once more with the time that a KRB-ERROR names. Nothing
    /// protects that time (KDC-08).
    #[must_use]
    pub fn retry_with_kdc_time(mut self, wanted: bool) -> Self {
        self.skew_retries = u32::from(wanted);
        self
    }

    /// The realms to which a KDC may send the client on (KDC-33): none unless this is said,
    /// because nothing protects the answer that does. It needs
    /// [`canonicalize`](Self::canonicalize).
    #[must_use]
    pub fn referrals_to(mut self, realms: Vec<String>) -> Self {
        self.referral_realms = realms;
        self
    }

    /// The first request.
    pub fn start(mut self, now: Timestamp) -> Result<Ask<AsAwait, InitialCredentials>, Error> {
        if let Some(service) = &self.service
            && service.realm() != self.client.realm()
        {
            return Err(Error::Misuse(
                "the AS of the client's realm gives no tickets for services of another realm",
            ));
        }
        // A KDC takes the first enctype of the list for which the client has a key (KDC-14).
        let secret = &self.secret;
        self.wishes
            .enctypes
            .retain(|enctype| enctype.is_supported());
        self.wishes
            .enctypes
            .sort_by_key(|enctype| !secret.serves(*enctype));
        if !self
            .wishes
            .enctypes
            .first()
            .is_some_and(|enctype| secret.serves(*enctype))
        {
            return Err(Error::Misuse(
                "the client has no key of an enctype that is acceptable",
            ));
        }
        let budget = Budget {
            rounds: MAX_ROUNDS,
            restarts: 1,
            skew_retries: self.skew_retries,
            referrals: MAX_REFERRALS,
        };
        self.ask(Sent::Bare, None, now, now, budget)
    }

    /// One request, with what is sent before it.
    ///
    /// `kdc_now` is the time for the pre-authentication, which need not be the local one.
    fn ask(
        self,
        sent: Sent,
        cookie: Option<&[u8]>,
        now: Timestamp,
        kdc_now: Timestamp,
        budget: Budget,
    ) -> Result<Ask<AsAwait, InitialCredentials>, Error> {
        let budget = Budget {
            rounds: spend(budget.rounds).ok_or_else(|| {
                broken(format!(
                    "the KDC still wants more after {MAX_ROUNDS} requests"
                ))
            })?,
            ..budget
        };
        let server = match &self.service {
            Some(service) => service.clone(),
            None => Principal::krbtgt(self.client.realm())?,
        };
        let random = &*self.random;
        let body = self
            .wishes
            .body(Some(&self.client), &server, None, None, now, random)?;
        let body = primitive::to_der("KDC-REQ-BODY", &body)?;
        let timestamp = match &sent {
            Sent::Bare => None,
            Sent::Timestamp(key) => Some(enc_timestamp(&key.key, kdc_now, random)?),
        };
        let pac = match self.pac {
            None => None,
            Some(include_pac) => Some(primitive::to_der(
                "KERB-PA-PAC-REQUEST",
                &PaPacRequest { include_pac },
            )?),
        };
        let padata = [
            (PaDataType::ENC_TIMESTAMP, timestamp.as_deref()),
            (PaDataType::FX_COOKIE, cookie),
            (PaDataType::PAC_REQUEST, pac.as_deref()),
            (PaDataType::REQ_ENC_PA_REP, Some(&[][..])),
        ];
        let padata = padata.into_iter().filter_map(|(padata_type, value)| {
            Some(PaData {
                padata_type,
                padata_value: OctetString(value?),
            })
        });
        let request = AsReq::to_bytes(&KdcReq {
            pvno: KRB5_PVNO,
            msg_type: MsgType::AS_REQ.0,
            padata: Some(padata.collect()),
            req_body: Raw::new(&body)?,
        })?;
        Ok(Ask::Send {
            realm: self.client.realm().to_owned(),
            request: request.clone(),
            next: AsAwait {
                exchange: Box::new(self),
                request,
                sent,
                budget,
            },
        })
    }

    /// The same client in another realm.
    fn moved_to(mut self, realm: &str) -> Result<Self, Error> {
        let moved = |principal: &Principal| {
            Principal::new(realm, principal.name_type(), principal.components())
        };
        self.service = match &self.service {
            Some(service) if !service.is_krbtgt() => Some(moved(service)?),
            _ => None,
        };
        self.client = moved(&self.client)?;
        Ok(self)
    }
}

impl fmt::Debug for AsExchange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AsExchange")
            .field("client", &self.client)
            .field("service", &self.service)
            .field("secret", &self.secret)
            .field("wishes", &self.wishes)
            .finish_non_exhaustive()
    }
}

/// PA-ENC-TIMESTAMP: the time, encrypted with the client's key (KDC-05).
fn enc_timestamp(key: &Key, now: Timestamp, random: &dyn Random) -> Result<Vec<u8>, Error> {
    let time = PaEncTsEnc {
        patimestamp: now.time(),
        pausec: Some(now.into()),
    };
    let time = primitive::to_der("PA-ENC-TS-ENC", &time)?;
    let cipher = key.encrypt(KeyUsage::PA_ENC_TIMESTAMP, &time, random)?;
    Ok(primitive::to_der(
        "EncryptedData",
        &EncryptedData {
            etype: key.enctype().0,
            kvno: None,
            cipher: OctetString(&cipher),
        },
    )?)
}

/// What may still be done in this exchange (KDC-07).
#[derive(Clone, Copy, Debug)]
struct Budget {
    rounds: u32,
    restarts: u32,
    skew_retries: u32,
    referrals: u32,
}

fn spend(left: u32) -> Option<u32> {
    left.checked_sub(1)
}

/// The pre-authentication in the request that is out.
enum Sent {
    /// None.
    Bare,
    /// PA-ENC-TIMESTAMP under this key.
    Timestamp(ReplyKey),
}

/// The client's key and how it was made.
struct ReplyKey {
    hint: KeyHint,
    key: Key,
}

/// Waits for a KDC's answer to an AS-REQ.
pub struct AsAwait {
    exchange: Box<AsExchange>,
    /// As it was sent (MSG-21).
    request: Vec<u8>,
    sent: Sent,
    budget: Budget,
}

impl fmt::Debug for AsAwait {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AsAwait")
            .field("exchange", &self.exchange)
            .field("budget", &self.budget)
            .finish_non_exhaustive()
    }
}

/// A ticket from the AS, and what else its reply said.
#[derive(Clone, Debug)]
pub struct InitialCredentials {
    /// The ticket.
    ///
    /// It proves the client to others, and nothing to us: whoever answers in the KDC's place can
    /// accept any password. A login needs [`LoginCheck`](crate::client::LoginCheck) (KDC-10).
    pub credentials: Credentials,
    /// When the client's password expires; what [`last_req`](Self::last_req) says supersedes it.
    pub key_expiration: Option<KerberosTime>,
    /// When the client was last seen, and when its password and account expire.
    pub last_req: Vec<(LrType, KerberosTime)>,
    /// The realm's KDC has FAST; said under the reply key (KDC-04).
    pub fast_available: bool,
}

impl Awaiting for AsAwait {
    type Output = InitialCredentials;

    fn reply(self, answer: &[u8], now: Timestamp) -> Result<Ask<Self, InitialCredentials>, Error> {
        match primitive::application_number(answer) {
            Some(AsRep::APPLICATION) => self.granted(&AsRep::from_bytes(answer)?, now),
            Some(30) => self.refused(&krb_error::decode(answer)?, now),
            other => Err(Error::rejected(Rejection::MessageType {
                expected: "AS-REP",
                found: match other {
                    Some(number) => MsgType(i32::from(number)).to_string(),
                    None => "no Kerberos message".to_owned(),
                },
            })),
        }
    }
}

#[cfg(test)]
impl AsAwait {
    /// As if `request` had been sent: for conversations that others had.
    pub(super) fn of_recorded(exchange: AsExchange, request: Vec<u8>) -> Self {
        Self {
            exchange: Box::new(exchange),
            request,
            sent: Sent::Bare,
            budget: Budget {
                rounds: MAX_ROUNDS,
                restarts: 1,
                skew_retries: 0,
                referrals: MAX_REFERRALS,
            },
        }
    }
}

impl AsAwait {
    /// A KRB-ERROR: it may ask for pre-authentication, or send elsewhere, or be the end.
    fn refused(
        self,
        error: &KrbError<'_>,
        now: Timestamp,
    ) -> Result<Ask<Self, InitialCredentials>, Error> {
        let tried = match &self.sent {
            Sent::Timestamp(tried) => Some(self.exchange.secret.described(&tried.hint)),
            Sent::Bare => None,
        };
        let end = Err(krb_error::judged(error, now, tried));
        let Self {
            exchange,
            sent,
            budget,
            ..
        } = self;
        match (error.error_code, sent) {
            (ErrorCode::KDC_ERR_PREAUTH_REQUIRED, Sent::Bare)
            | (ErrorCode::KDC_ERR_MORE_PREAUTH_DATA_REQUIRED, _) => match error.e_data {
                Some(data) => exchange.preauthenticate(error.error_code, data.0, now, budget),
                None => end,
            },
            (ErrorCode::KDC_ERR_PREAUTH_EXPIRED, _) => match spend(budget.restarts) {
                Some(restarts) => {
                    let budget = Budget { restarts, ..budget };
                    exchange.ask(Sent::Bare, None, now, now, budget)
                }
                None => end,
            },
            (ErrorCode::KRB_AP_ERR_SKEW, sent @ Sent::Timestamp(_)) => {
                match spend(budget.skew_retries) {
                    Some(skew_retries) => {
                        let budget = Budget {
                            skew_retries,
                            ..budget
                        };
                        exchange.ask(sent, None, now, krb_error::stime(error), budget)
                    }
                    None => end,
                }
            }
            (ErrorCode::KDC_ERR_WRONG_REALM, _) => {
                // The new realm is that of crealm; the cname is not looked at (KDC-33).
                let canonicalize = exchange.wishes.options.contains(KdcOptions::CANONICALIZE);
                let realm = error.crealm.map(|realm| realm.0).filter(|realm| {
                    canonicalize && exchange.referral_realms.iter().any(|known| known == realm)
                });
                match (realm, spend(budget.referrals)) {
                    (Some(realm), Some(referrals)) => {
                        let budget = Budget {
                            referrals,
                            ..budget
                        };
                        exchange
                            .moved_to(realm)?
                            .ask(Sent::Bare, None, now, now, budget)
                    }
                    _ => end,
                }
            }
            _ => end,
        }
    }

    fn granted(
        self,
        rep: &KdcRep<'_>,
        now: Timestamp,
    ) -> Result<Ask<Self, InitialCredentials>, Error> {
        let exchange = &self.exchange;
        let request = AsReq::from_bytes(&self.request)?;
        let body = request.body()?;
        let enctype = reply::check_head(rep, MsgType::AS_REP, &body)?;
        let key = self.reply_key(rep, enctype)?;
        let plaintext = key
            .decrypt(KeyUsage::AS_REP, rep.enc_part.cipher.0)
            .map_err(|_| {
                Error::rejected(Rejection::ReplyKey {
                    client: exchange.client.clone(),
                    enctype,
                })
            })?;
        let plaintext = Secret::new(plaintext);
        let part = reply::decode_as_part(&plaintext)?;
        let to_kdc = Clock::offset_to(part.authtime, now);
        let clock = Clock {
            now,
            offset: match exchange.follow_kdc_clock {
                true => to_kdc,
                false => 0,
            },
            skew: exchange.skew,
        };
        let asked = Asked {
            body: &body,
            inherited: TicketFlags::NONE,
            required: exchange.wishes.required.with(TicketFlags::INITIAL),
            addresses: &exchange.wishes.addresses,
            clock,
        };
        asked.check(rep, &part)?;
        check_names(&body, rep, &part)?;
        let pa_rep = reply::check_pa_rep(&part, &self.request, &key)?;
        let last_req = part.last_req.iter();
        Ok(Ask::Done(InitialCredentials {
            credentials: reply::credentials(rep, &part, clock.offset, None)?,
            key_expiration: part.key_expiration,
            last_req: last_req.map(|l| (l.lr_type, l.lr_value)).collect(),
            fast_available: pa_rep.fast,
        }))
    }

    /// The key that opens the reply: made as the reply says, else as the KDC said before, else in
    /// the default way.
    fn reply_key(&self, rep: &KdcRep<'_>, enctype: Enctype) -> Result<Key, Error> {
        let said = KeyHint::of_reply(rep.padata.as_deref().unwrap_or_default(), enctype)?;
        let before = match &self.sent {
            Sent::Timestamp(before) if before.hint.enctype == enctype => Some(before),
            _ => None,
        };
        let hint = match (said, before) {
            (Some(said), Some(before)) if said != before.hint => said,
            (_, Some(before)) => return Ok(before.key.clone()),
            (Some(said), None) => said,
            (None, None) => KeyHint::default_for(enctype),
        };
        self.exchange.secret.key(&hint, &self.exchange.client)
    }
}

impl AsExchange {
    /// Answers METHOD-DATA with PA-ENC-TIMESTAMP, and the cookie as it came (KDC-05, KDC-07).
    fn preauthenticate(
        self: Box<Self>,
        code: ErrorCode,
        data: &[u8],
        now: Timestamp,
        budget: Budget,
    ) -> Result<Ask<AsAwait, InitialCredentials>, Error> {
        let ErrorData::MethodData(padata) = ErrorData::read(code, data)? else {
            return Err(broken("its e-data is not METHOD-DATA"));
        };
        if find(&padata, PaDataType::ENC_TIMESTAMP).is_none() {
            let offered = padata.iter().map(|element| element.padata_type.to_string());
            return Err(Error::Preauthentication(format!(
                "the KDC accepts no PA-ENC-TIMESTAMP for {}, but one of: {}",
                self.client,
                offered.collect::<Vec<_>>().join(", ")
            )));
        }
        let entries = KeyHint::all(&padata)?;
        let hint = KeyHint::choose(&entries, &self.wishes.enctypes, &self.secret)?;
        let key = self.secret.key(&hint, &self.client)?;
        let cookie = find(&padata, PaDataType::FX_COOKIE);
        let sent = Sent::Timestamp(ReplyKey { hint, key });
        self.ask(sent, cookie, now, now, budget)
    }
}

/// Client and server are those asked for, or a change that was allowed: with `canonicalize` the
/// client's name, and the ticket-granting service of the realm that answers (KDC-03, RFC 6806 §6).
fn check_names(
    body: &KdcReqBody<'_>,
    rep: &KdcRep<'_>,
    part: &EncKdcRepPart<'_>,
) -> Result<(), Error> {
    let canonicalize = body.kdc_options.contains(KdcOptions::CANONICALIZE);
    let same = |asked: &Option<_>, given| asked.as_ref().is_some_and(|name| same_name(name, given));
    let asked_tgt = body.sname.as_ref().and_then(krbtgt_of).is_some();
    let server_is_asked = part.srealm == body.realm && same(&body.sname, &part.sname);
    let own_tgt = krbtgt_of(&part.sname) == Some(part.srealm);
    let server_changed = canonicalize && asked_tgt && own_tgt;
    if !server_is_asked && !server_changed {
        return Err(broken("the ticket is for another server than asked for"));
    }
    let client_is_asked = rep.crealm == body.realm && same(&body.cname, &rep.cname);
    let client_changed = canonicalize && rep.crealm == part.srealm;
    if !client_is_asked && !client_changed {
        return Err(broken("the ticket is for another client than asked for"));
    }
    Ok(())
}
