//! The client's side of the AP exchange (RFC 4120 §3.2.2, §3.2.5).

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use super::Draw;
use super::session::SessionKeys;
use crate::credentials::Credentials;
use crate::crypto::{DEFAULT_ENCTYPES, Enctype, Key, KeyUsage};
use crate::error::{Error, PeerError, Rejection};
use crate::principal::Principal;
use crate::random::{OsRandom, Random};
use crate::secret::Secret;
use crate::step::{Refusal, Step};
use crate::time::Timestamp;
use crate::wire::{
    AdType, ApOptions, ApRep, ApReq, Authenticator, AuthorizationDataElement, Checksum,
    EncApRepPart, EncryptedData, EncryptionKey, ErrorCode, KRB5_PVNO, KrbError, Message,
    Microseconds, MsgType, OctetString, Raw, UInt32,
    primitive::{application_number, to_der},
};

/// What the authenticator's checksum protects.
#[derive(Clone, Copy)]
pub enum Cksum<'a> {
    /// There is none.
    None,
    /// The required checksum of the session key over these octets, under this key usage: 10 for
    /// application data, 6 for the body of a TGS-REQ (AP-11, KDC-18).
    Keyed(KeyUsage, &'a [u8]),
    /// A checksum that is made already: type and octets.
    Made(i32, &'a [u8]),
    /// A checksum of this type that needs the subkey, or without one the session key, to be made:
    /// GSS-API's 0x8003 (GSS-22).
    MadeWith(i32, &'a dyn Fn(&Key) -> Result<Vec<u8>, Error>),
}

impl fmt::Debug for Cksum<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => f.write_str("None"),
            Self::Keyed(usage, data) => write!(f, "Keyed({usage}, {} octets)", data.len()),
            Self::Made(cksumtype, octets) => {
                write!(f, "Made({cksumtype}, {} octets)", octets.len())
            }
            Self::MadeWith(cksumtype, _) => write!(f, "MadeWith({cksumtype})"),
        }
    }
}

/// What goes into an AP-REQ besides the ticket.
#[derive(Clone, Debug)]
pub struct AuthenticatorParts<'a> {
    /// Key usage of the authenticator: 11, or 7 in a TGS-REQ (AP-04).
    pub usage: KeyUsage,
    /// Ask the server to prove itself (AP-06).
    pub mutual: bool,
    /// The checksum.
    pub cksum: Cksum<'a>,
    /// Send a new key of this enctype (AP-08).
    pub subkey: Option<Enctype>,
    /// Send a sequence number (AP-09).
    pub sequence: bool,
    /// The enctypes to offer for the acceptor's subkey, most wanted first; sent only with
    /// `mutual` and only if one precedes the session key's (AP-12).
    pub enctypes: &'a [Enctype],
}

/// An AP-REQ, and what its sender has to remember.
#[derive(Clone, Debug)]
pub struct BuiltApReq {
    /// The AP-REQ, DER.
    pub octets: Vec<u8>,
    /// The time in its authenticator.
    pub ctime: Timestamp,
    /// The key in its authenticator.
    pub subkey: Option<Key>,
    /// The sequence number in its authenticator; 0 if there is none.
    pub seq: u32,
}

/// Builds an AP-REQ with a new authenticator (AP-01 to AP-12).
pub fn build_ap_req(
    credentials: &Credentials,
    parts: &AuthenticatorParts<'_>,
    now: Timestamp,
    rng: &dyn Random,
) -> Result<BuiltApReq, Error> {
    let session = &credentials.session_key;
    // Of the local clock, which is one; the offset is the realm's (AP-10).
    let ctime = TIMES.next(now).offset(credentials.clock_offset);
    let draw = Draw::new(rng)?;
    let subkey = match parts.subkey {
        Some(enctype) => {
            let len = enctype.key_len().unwrap_or_default();
            Some(Key::new(
                enctype,
                draw.seed().get(..len).unwrap_or_default(),
            )?)
        }
        None => None,
    };
    let seq = match parts.sequence {
        true => draw.sequence(),
        false => 0,
    };
    let (keyed, made);
    let cksum = match parts.cksum {
        Cksum::None => None,
        Cksum::Made(cksumtype, octets) => Some(Checksum {
            cksumtype,
            checksum: OctetString(octets),
        }),
        Cksum::MadeWith(cksumtype, make) => {
            made = make(subkey.as_ref().unwrap_or(session))?;
            Some(Checksum {
                cksumtype,
                checksum: OctetString(&made),
            })
        }
        Cksum::Keyed(usage, data) => {
            let mac = session.mac(usage)?;
            keyed = mac.checksum(&[data]);
            Some(Checksum {
                cksumtype: mac.checksum_type().0,
                checksum: OctetString(&keyed),
            })
        }
    };
    let negotiation = match parts.mutual {
        true => etype_negotiation(parts.enctypes, session.enctype())?,
        false => None,
    };
    let authenticator = Authenticator {
        authenticator_vno: KRB5_PVNO,
        crealm: credentials.client.realm_to_wire(),
        cname: credentials.client.to_wire(),
        cksum,
        cusec: Microseconds::from(ctime),
        ctime: ctime.time(),
        subkey: subkey.as_ref().map(|key| EncryptionKey {
            keytype: key.enctype().0,
            keyvalue: OctetString(key.expose()),
        }),
        seq_number: parts.sequence.then_some(UInt32(seq)),
        authorization_data: negotiation.as_deref().map(|list| {
            vec![AuthorizationDataElement {
                ad_type: AdType::IF_RELEVANT,
                ad_data: OctetString(list),
            }]
        }),
    };
    let authenticator = Secret::new(authenticator.to_bytes()?);
    let mut cipher = Vec::new();
    let sealer = session.cipher(parts.usage)?;
    sealer.encrypt_under(draw.confounder(), &[authenticator.expose()], &mut cipher);
    let mut ap_options = ApOptions::NONE;
    if parts.mutual {
        ap_options = ap_options | ApOptions::MUTUAL_REQUIRED;
    }
    if credentials.second_ticket.is_some() {
        ap_options = ap_options | ApOptions::USE_SESSION_KEY;
    }
    let request = ApReq {
        pvno: KRB5_PVNO,
        msg_type: MsgType::AP_REQ.0,
        ap_options,
        ticket: Raw::new(&credentials.ticket)?,
        authenticator: EncryptedData {
            etype: session.enctype().0,
            kvno: None,
            cipher: OctetString(&cipher),
        },
    };
    Ok(BuiltApReq {
        octets: request.to_bytes()?,
        ctime,
        subkey,
        seq,
    })
}

/// AP-12: AD-ETYPE-NEGOTIATION inside what goes into AD-IF-RELEVANT. The list ends with the
/// session key's enctype; if that comes first there is nothing to negotiate.
fn etype_negotiation(wanted: &[Enctype], session: Enctype) -> Result<Option<Vec<u8>>, Error> {
    let mut list: Vec<i32> = wanted
        .iter()
        .take_while(|enctype| **enctype != session)
        .map(|enctype| enctype.0)
        .filter(|number| *number > 0)
        .collect();
    if list.is_empty() || !wanted.contains(&session) {
        return Ok(None);
    }
    list.push(session.0);
    let list = to_der("EtypeList", &list)?;
    let elements = vec![AuthorizationDataElement {
        ad_type: AdType::ETYPE_NEGOTIATION,
        ad_data: OctetString(&list),
    }];
    Ok(Some(to_der("AuthorizationData", &elements)?))
}

/// Times of which none is given twice, though the clock stands still (AP-03).
struct UniqueTimes {
    last: AtomicI64,
}

/// Those of this process.
static TIMES: UniqueTimes = UniqueTimes::new();

impl UniqueTimes {
    /// Within this many microseconds a clock that stands still is pushed on.
    const STANDSTILL: i64 = 1_000_000;

    const fn new() -> Self {
        Self {
            last: AtomicI64::new(i64::MIN),
        }
    }

    /// `now`, or one microsecond after the last if the clock has not moved. A clock that was set
    /// back by more than a second is believed.
    fn next(&self, now: Timestamp) -> Timestamp {
        let now = now.as_micros();
        let next = |last: i64| {
            if last >= now && last.saturating_sub(now) < Self::STANDSTILL {
                last + 1
            } else {
                now
            }
        };
        let (set, fetch) = (Ordering::Relaxed, Ordering::Relaxed);
        let last = self.last.fetch_update(set, fetch, |last| Some(next(last)));
        Timestamp::from_micros(next(last.unwrap_or(i64::MIN)))
    }
}

/// How an initiator asks.
#[derive(Clone, Debug)]
pub struct InitiatorConfig {
    /// Ask the server to prove itself. On unless switched off.
    pub mutual: bool,
    /// Send a subkey of the session key's enctype (AP-08).
    pub subkey: bool,
    /// Send a sequence number.
    pub sequence: bool,
    /// The enctypes to use, most wanted first: no other is taken from the acceptor (AP-24).
    pub enctypes: Vec<Enctype>,
    /// Offer those that precede the session key's for the acceptor's subkey (AP-12). Off unless
    /// switched on: AES needs no replacement by AES. For a session key of RC4 it is always done.
    pub negotiate: bool,
}

impl Default for InitiatorConfig {
    fn default() -> Self {
        Self {
            mutual: true,
            subkey: true,
            sequence: true,
            enctypes: DEFAULT_ENCTYPES.to_vec(),
            negotiate: false,
        }
    }
}

/// A client with a ticket.
///
/// ```text
/// Initiator ─request─▶ Continue { AP-REQ, AwaitReply } ─reply(AP-REP)─▶ Established { keys }
///                    ▶ Established { AP-REQ, keys }                     without mutual
/// ```
pub struct Initiator {
    credentials: Arc<Credentials>,
    config: InitiatorConfig,
    rng: Arc<dyn Random>,
}

impl Initiator {
    /// A client that uses `credentials`.
    pub fn new(credentials: Arc<Credentials>, config: InitiatorConfig) -> Self {
        Self {
            credentials,
            config,
            rng: Arc::new(OsRandom),
        }
    }

    /// Where randomness comes from.
    #[must_use]
    pub fn random(mut self, rng: Arc<dyn Random>) -> Self {
        self.rng = rng;
        self
    }

    /// Builds the AP-REQ. `cksum` says what it vouches for.
    pub fn request(
        self,
        cksum: Cksum<'_>,
        now: Timestamp,
    ) -> Result<Step<AwaitReply, SessionKeys>, Error> {
        self.ask(cksum, now)
    }

    /// As [`request`](Self::request), and if the server answers that the clocks differ, one more
    /// AP-REQ can be made by the server's clock (AP-77).
    ///
    /// Nothing protects that answer. Whoever forges it chooses the time in the second AP-REQ, and
    /// can present it at that time, if the server has not seen it by then: within the life of the
    /// ticket, outside of which no second request is made. Do not ask for this where the server
    /// takes the AP-REQ for more than a proof whose keys protect everything that follows.
    pub fn request_or_retry(
        self,
        cksum: Cksum<'_>,
        now: Timestamp,
    ) -> Result<Step<AwaitReplyOrSkew, SessionKeys>, Error> {
        let step = self.ask(cksum, now)?;
        Ok(step.map_next(|first| AwaitReplyOrSkew {
            first,
            initiator: self,
        }))
    }

    fn ask(
        &self,
        cksum: Cksum<'_>,
        now: Timestamp,
    ) -> Result<Step<AwaitReply, SessionKeys>, Error> {
        let session = self.credentials.session_key.clone();
        // Security case 53: nothing is sent under RC4 unless the caller lists it.
        if session.enctype().is_weak() {
            super::verify::permitted("session key", session.enctype(), &self.config.enctypes)?;
        }
        let parts = AuthenticatorParts {
            usage: KeyUsage::AP_REQ_AUTHENTICATOR,
            mutual: self.config.mutual,
            cksum,
            subkey: self.config.subkey.then_some(session.enctype()),
            sequence: self.config.sequence,
            enctypes: match self.config.negotiate || !session.enctype().is_newer() {
                true => &self.config.enctypes,
                false => &[],
            },
        };
        let built = build_ap_req(&self.credentials, &parts, now, &*self.rng)?;
        let keys = SessionKeys {
            session,
            initiator_subkey: built.subkey,
            acceptor_subkey: None,
            initiator_seq: built.seq,
            acceptor_seq: built.seq,
        };
        if self.config.mutual {
            return Ok(Step::Continue {
                token: built.octets,
                next: AwaitReply {
                    server: self.credentials.server.clone(),
                    ctime: built.ctime,
                    keys,
                    enctypes: self.config.enctypes.clone(),
                },
            });
        }
        Ok(Step::Established {
            token: Some(built.octets),
            context: keys,
        })
    }

    /// This initiator, with the clock of a server that says it is `stime` there; none if the
    /// ticket is not valid then. The credentials of others stay as they are.
    fn by_clock_of(self, stime: Timestamp, now: Timestamp) -> Option<Self> {
        let (from, until) = (self.credentials.valid_from(), self.credentials.endtime);
        if stime < Timestamp::from(from) || stime > Timestamp::from(until) {
            return None;
        }
        let mut credentials = Credentials::clone(&self.credentials);
        credentials.clock_offset = stime.micros_since(now);
        Some(Self {
            credentials: Arc::new(credentials),
            ..self
        })
    }
}

/// Waits for the answer to a first AP-REQ, after which there may be a second one.
///
/// ```text
/// AwaitReplyOrSkew ─reply(AP-REP)─────────▶ Established { keys }
///                  ─reply(KRB-ERROR, 37)──▶ Continue { AP-REQ, AwaitReply }
/// ```
///
/// That there is no third is in the types: [`AwaitReply`] makes no request.
#[derive(Debug)]
pub struct AwaitReplyOrSkew {
    first: AwaitReply,
    initiator: Initiator,
}

impl AwaitReplyOrSkew {
    /// Takes the server's answer. If it is KRB_AP_ERR_SKEW, another AP-REQ with this `cksum` is
    /// made by the time in it, and that time is used for nothing else (AP-76, AP-77).
    pub fn reply(
        self,
        answer: &[u8],
        cksum: Cksum<'_>,
        now: Timestamp,
    ) -> Result<Step<AwaitReply, SessionKeys>, Refusal> {
        let refusal = match self.first.reply(answer, now) {
            Ok(step) => return Ok(step),
            Err(refusal) => refusal,
        };
        let stime = match &refusal.error {
            Error::Peer(error) if error.code == ErrorCode::KRB_AP_ERR_SKEW => error.stime,
            _ => return Err(refusal),
        };
        match self.initiator.by_clock_of(stime, now) {
            Some(second) => Ok(second.ask(cksum, now)?),
            None => Err(refusal),
        }
    }
}

impl fmt::Debug for Initiator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Initiator")
            .field("client", &self.credentials.client)
            .field("server", &self.credentials.server)
            .field("config", &self.config)
            .finish_non_exhaustive()
    }
}

/// Waits for the AP-REP. Nothing can be sent or received over a session before it is here
/// (AP-56).
#[derive(Debug)]
pub struct AwaitReply {
    server: Principal,
    ctime: Timestamp,
    keys: SessionKeys,
    enctypes: Vec<Enctype>,
}

impl AwaitReply {
    #[cfg(test)]
    pub(super) fn for_tests(server: Principal, ctime: Timestamp, keys: SessionKeys) -> Self {
        Self {
            server,
            ctime,
            keys,
            enctypes: DEFAULT_ENCTYPES.to_vec(),
        }
    }

    /// Takes the server's answer: an AP-REP that proves it, or a KRB-ERROR (AP-55, AP-76).
    pub fn reply(
        self,
        answer: &[u8],
        now: Timestamp,
    ) -> Result<Step<AwaitReply, SessionKeys>, Refusal> {
        let keys = self.keys_of(answer, now)?;
        Ok(Step::Established {
            token: None,
            context: keys,
        })
    }

    fn keys_of(self, answer: &[u8], now: Timestamp) -> Result<SessionKeys, Error> {
        match application_number(answer) {
            Some(KrbError::APPLICATION) => {
                let error = KrbError::from_bytes(answer)?;
                return Err(Error::Peer(Box::new(PeerError::new(&error, now))));
            }
            Some(number) if number != ApRep::APPLICATION => {
                return Err(wrong_type(MsgType(number.into()).to_string()));
            }
            _ => {}
        }
        let reply = ApRep::from_bytes(answer)?;
        if reply.msg_type != MsgType::AP_REP.0 {
            return Err(wrong_type(format!("msg-type {}", reply.msg_type)));
        }
        if reply.pvno != KRB5_PVNO {
            return Err(Rejection::Version {
                field: "pvno",
                found: reply.pvno,
            }
            .into());
        }
        let server = || self.server.clone();
        let session = &self.keys.session;
        let sealed = &reply.enc_part;
        let opened = match Enctype(sealed.etype) == session.enctype() {
            true => session
                .decrypt(KeyUsage::AP_REP, sealed.cipher.as_bytes())
                .ok(),
            false => None,
        };
        let Some(octets) = opened.map(Zeroizing::new) else {
            return Err(Rejection::ReplyModified { server: server() }.into());
        };
        let part = EncApRepPart::from_bytes(&octets)?;
        let returned = Timestamp::new(part.ctime, part.cusec.get()).as_micros();
        let sent = self.ctime.as_micros();
        if !bool::from(returned.to_be_bytes().ct_eq(&sent.to_be_bytes())) {
            return Err(Rejection::Mutual {
                why: "the time it returned is not the one that was sent",
                server: server(),
            }
            .into());
        }
        let acceptor_subkey = match &part.subkey {
            None => None,
            Some(subkey) => {
                let enctype = Enctype(subkey.keytype);
                super::verify::permitted("subkey", enctype, &self.enctypes)?;
                Some(Key::new(enctype, subkey.keyvalue.as_bytes())?)
            }
        };
        Ok(SessionKeys {
            acceptor_subkey,
            acceptor_seq: part.seq_number.unwrap_or_default().0,
            ..self.keys
        })
    }
}

fn wrong_type(found: String) -> Error {
    Error::rejected(Rejection::MessageType {
        expected: "AP-REP",
        found,
    })
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn ap_03_times_are_unique_though_the_clock_stands() {
        let times = UniqueTimes::new();
        // Close to the end of a second: the microseconds carry.
        let now = Timestamp::from_micros(1_795_343_467_999_913);
        let drawn: HashSet<(i64, u32)> = (0..10_000)
            .map(|_| times.next(now))
            .map(|time| (time.time().as_secs(), time.cusec()))
            .collect();
        assert_eq!(drawn.len(), 10_000);
        assert!(drawn.contains(&(1_795_343_468, 0)));
        // Set back, and on again.
        let earlier = now.offset(-3_600_000_000);
        assert_eq!(times.next(earlier), earlier);
        assert_eq!(times.next(now), now);
    }
}
