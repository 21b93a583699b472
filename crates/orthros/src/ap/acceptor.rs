//! The server's side of the AP exchange (RFC 4120 §3.2.3, §3.2.4).

use std::fmt;
use std::sync::Arc;

use hmac::{Hmac, KeyInit, Mac as _};
use sha2::Sha256;
use zeroize::Zeroizing;

use super::Draw;
use super::address::HostAddr;
use super::binding::Binding;
use super::error_reply::{Known, error_reply, skew_recovery};
use super::peer::{Fresh, OpenedBy, Peer};
use super::policy::{AcceptorConfig, Accepts};
use super::remembered::{Facts, RememberedTicket, RememberedTickets, Sight};
use super::replay::{ReplayEntry, ReplayVerdict};
use super::session::SessionKeys;
use super::ticket::{Contents, OpenTicket};
use super::verify::{
    self, Admissible, AuthDataPolicy, Authorized, Bound, Claimed, InTime, PathAccepted, SameClient,
    SealedBy, Vouching,
};
use crate::crypto::{Cipher, Enctype, Key, KeyUsage, Schedule};
use crate::error::{Error, Rejection};
use crate::principal::Principal;
use crate::secret::Secret;
use crate::step::Refusal;
use crate::time::Timestamp;
use crate::wire::{
    ApOptions, ApRep, ApReq, EncApRepPart, EncryptedData, EncryptionKey, ErrorCode, KRB5_PVNO,
    Message, Microseconds, MsgType, OctetString, UInt32,
};

/// Accepts AP-REQs.
///
/// ```text
/// AP-REQ ─accept─▶ Accepted { peer, keys, reply }       with the cache of the configuration
/// AP-REQ ─verify─▶ Verified ─admit─▶ Accepted           with a cache elsewhere
/// ```
///
/// It changes with no request and can be shared by threads; cloning is cheap.
#[derive(Clone)]
pub struct Acceptor {
    shared: Arc<AcceptorState>,
}

struct AcceptorState {
    config: AcceptorConfig,
    /// Of this configuration alone: what it holds was judged by it.
    remembered: RememberedTickets,
}

/// An AP-REQ that passed every check but the last: whether it was seen before.
///
/// Nobody is authenticated yet, and nothing about the client can be read, not even in `Debug`. Ask
/// a replay cache about [`entry`](Self::entry), however long it takes, and give the answer to
/// [`admit`](Self::admit).
///
/// ```
/// # use orthros::ap::{Accepted, Acceptor, ReplayEntry, ReplayVerdict, Unbound};
/// # use orthros::step::Refusal;
/// # use orthros::time::Timestamp;
/// # struct Fleet;
/// # impl Fleet { async fn ask(&self, _: &ReplayEntry) -> ReplayVerdict { ReplayVerdict::Seen } }
/// # async fn example(acceptor: Acceptor, ap_req: &[u8], fleet: Fleet, now: Timestamp) -> Result<(), Refusal> {
/// let verified = acceptor.verify(ap_req, &Unbound, None, now)?;
/// let verdict = fleet.ask(verified.entry()).await;
/// let accepted = verified.admit(verdict, now)?;
/// # let _: Accepted<_> = accepted;
/// # Ok(())
/// # }
/// ```
#[must_use = "a verified request is not admitted yet"]
pub struct Verified<B> {
    shared: Arc<AcceptorState>,
    ticket: Arc<OpenTicket>,
    opened_by: OpenedBy,
    sealer: Sealer,
    subkey: Option<Key>,
    judged: Judged<B>,
}

/// What every check but the last has found.
struct Judged<B> {
    proofs: (SameClient, Admissible, InTime, PathAccepted),
    authorized: Authorized,
    bound: Bound<B>,
    initiator_seq: u32,
    ctime: Timestamp,
    mutual: bool,
    takes_subkey: fn(&B, Enctype) -> bool,
    entry: ReplayEntry,
}

/// What a request is judged by besides its octets and the policy.
struct Circumstances<'a, B> {
    binding: &'a B,
    peer: Option<&'a HostAddr>,
    now: Timestamp,
}

/// What seals the AP-REP: the session key.
#[expect(
    clippy::large_enum_variant,
    reason = "one a request, on the stack: a box would cost an allocation each"
)]
enum Sealer {
    Derived(Schedule),
    Remembered(Arc<RememberedTicket>),
}

/// An accepted AP-REQ.
#[derive(Debug)]
pub struct Accepted<B> {
    /// Who sent it.
    pub peer: Peer,
    /// What protects the session.
    pub keys: SessionKeys,
    /// What its checksum said.
    pub bound: B,
    /// The AP-REP to send, if the client asked for one (AP-50).
    pub reply: Option<Vec<u8>>,
}

impl Acceptor {
    /// An acceptor that judges as `config` says.
    pub fn new(config: AcceptorConfig) -> Self {
        let remembered = RememberedTickets::new(config.remembered_tickets);
        Self {
            shared: Arc::new(AcceptorState { config, remembered }),
        }
    }

    /// How it judges.
    pub fn config(&self) -> &AcceptorConfig {
        &self.shared.config
    }

    /// How many tickets are remembered.
    #[cfg(test)]
    pub(super) fn remembered(&self) -> usize {
        self.shared.remembered.len()
    }

    /// Judges an AP-REQ that came from `peer`, and admits it if it was not seen before.
    ///
    /// A refusal holds the KRB-ERROR for the peer; whether the protocol sends it is the caller's
    /// to know.
    pub fn accept<B: Binding>(
        &self,
        ap_req: &[u8],
        binding: &B,
        peer: Option<&HostAddr>,
        now: Timestamp,
    ) -> Result<Accepted<B::Bound>, Refusal> {
        let verified = self.verify(ap_req, binding, peer, now)?;
        let verdict = verified.own_verdict(now);
        verified.admit(verdict, now)
    }

    /// Judges an AP-REQ by every check but the replay cache.
    pub fn verify<B: Binding>(
        &self,
        ap_req: &[u8],
        binding: &B,
        peer: Option<&HostAddr>,
        now: Timestamp,
    ) -> Result<Verified<B::Bound>, Refusal> {
        let mut known = Known::default();
        self.check(ap_req, binding, peer, now, &mut known)
            .map_err(|error| self.config().refusal(error, &known, now))
    }

    fn check<B: Binding>(
        &self,
        ap_req: &[u8],
        binding: &B,
        peer: Option<&HostAddr>,
        now: Timestamp,
        known: &mut Known,
    ) -> Result<Verified<B::Bound>, Error> {
        let AcceptorState { config, remembered } = &*self.shared;
        let request = verify::decode(ap_req)?;
        let user_to_user = request.ap_options.contains(ApOptions::USE_SESSION_KEY);
        let sight = match user_to_user || config.user_to_user_only {
            true => Sight::Never,
            false => remembered.find(request.ticket.as_bytes()),
        };
        let of = Circumstances { binding, peer, now };
        match sight {
            Sight::Known(ticket) => self.check_with_known(ticket, &request, &of, known),
            sight => self.check_with_new(sight, &request, &of, known),
        }
    }

    /// The ticket was opened when it came before.
    fn check_with_known<B: Binding>(
        &self,
        remembered: Arc<RememberedTicket>,
        request: &ApReq<'_>,
        of: &Circumstances<'_, B>,
        known: &mut Known,
    ) -> Result<Verified<B::Bound>, Error> {
        let facts = &remembered.facts;
        let part = verify::known_part(&facts.ticket);
        let octets = verify::open_authenticator(request, &facts.authenticator, &part.1)?;
        let enctypes = &self.shared.config.permitted_enctypes;
        let claimed = verify::claim(part, octets.expose(), enctypes, known)?;
        let vouching = Vouching::Known(&facts.vouched);
        let judged = self.judge(&claimed, &facts.ticket.server, &vouching, request, of)?;
        let subkey = claimed.subkey;
        Ok(Verified {
            shared: Arc::clone(&self.shared),
            ticket: Arc::clone(&facts.ticket),
            opened_by: OpenedBy {
                key: facts.key,
                fallback: facts.fallback,
                authenticator: octets,
            },
            sealer: Sealer::Remembered(remembered),
            subkey,
            judged,
        })
    }

    /// The ticket has to be opened.
    fn check_with_new<B: Binding>(
        &self,
        sight: Sight,
        request: &ApReq<'_>,
        of: &Circumstances<'_, B>,
        known: &mut Known,
    ) -> Result<Verified<B::Bound>, Error> {
        let AcceptorState { config, remembered } = &*self.shared;
        let enctypes = &config.permitted_enctypes;
        let decoded = verify::decode_ticket(request)?;
        let opened = verify::open_ticket(
            request.ap_options,
            &decoded,
            &config.keys,
            &config.accepts,
            enctypes,
            config.user_to_user.as_ref(),
            config.user_to_user_only,
        )?;
        let (ticket, server) = decoded;
        let part = verify::ticket_part(opened.octets.expose(), enctypes)?;
        let schedule = part.2.schedule();
        let opener = schedule.cipher(KeyUsage::AP_REQ_AUTHENTICATOR)?;
        let octets = verify::open_authenticator(request, &opener, &part.1)?;
        let claimed = verify::claim(part, octets.expose(), enctypes, known)?;
        let vouching = Vouching::Key(&opened.sealed_by);
        let judged = self.judge(&claimed, &server, &vouching, request, of)?;

        let contents = Contents::of(&claimed.part, claimed.session_key, claimed.client);
        let subkey = claimed.subkey;
        let sealed = &ticket.enc_part;
        let kvno = sealed.kvno.map(|kvno| kvno.0);
        let identity = (server, kvno, Enctype(sealed.etype));
        let key = match &opened.sealed_by {
            SealedBy::Service(key) => Some((key.index(), key.kvno())),
            SealedBy::Tgt(_) => None,
        };
        let fallback = opened.fallback;
        let ticket = Arc::new(OpenTicket::new(opened.octets, identity, contents));
        let sealer = match sight {
            Sight::Again(hash) => {
                let facts = Facts {
                    ticket: Arc::clone(&ticket),
                    key,
                    fallback,
                    vouched: judged.authorized.vouched.clone(),
                    authenticator: opener,
                    reply: schedule.cipher(KeyUsage::AP_REP)?,
                };
                let (octets, now) = (request.ticket.as_bytes(), of.now.time());
                Sealer::Remembered(remembered.remember(hash, octets, facts, now))
            }
            Sight::First(hash) => {
                remembered.note(hash);
                Sealer::Derived(schedule)
            }
            Sight::Known(_) | Sight::Never => Sealer::Derived(schedule),
        };
        Ok(Verified {
            shared: Arc::clone(&self.shared),
            ticket,
            opened_by: OpenedBy {
                key,
                fallback,
                authenticator: octets,
            },
            sealer,
            subkey,
            judged,
        })
    }

    /// Judges what an opened ticket and an opened authenticator say.
    fn judge<B: Binding>(
        &self,
        claimed: &Claimed<'_, '_>,
        server: &Principal,
        vouching: &Vouching<'_>,
        request: &ApReq<'_>,
        of: &Circumstances<'_, B>,
    ) -> Result<Judged<B::Bound>, Error> {
        let config = &self.shared.config;
        let same_client = verify::same_client(claimed, server)?;
        let admissible = verify::admissible(claimed, config.addresses, of.peer, config.anonymous)?;
        let in_time = verify::in_time(claimed, of.now, config.skew, false)?;
        let path = verify::transited(claimed, server, &config.transited)?;
        let policy = AuthDataPolicy {
            unknown: config.unknown_critical,
            pac: config.pac,
            invalid_pac: config.invalid_pac,
        };
        let authorized = verify::authorized(claimed, vouching, &policy)?;
        let bound = verify::bound(claimed, &authorized, of.binding)?;

        let mac_len = claimed.session_key.enctype().mac_len().unwrap_or_default();
        let sealed = request.authenticator.cipher.as_bytes();
        Ok(Judged {
            mutual: B::mutual(&bound.0, request.ap_options),
            entry: ReplayEntry::new(sealed, mac_len, claimed.ctime, config.skew),
            proofs: (same_client, admissible, in_time, path),
            authorized,
            bound,
            initiator_seq: claimed.authenticator.seq_number.unwrap_or_default().0,
            ctime: claimed.ctime,
            takes_subkey: B::takes_subkey,
        })
    }
}

impl AcceptorConfig {
    /// A refusal with the KRB-ERROR for it.
    pub(crate) fn refusal(&self, error: Error, known: &Known, now: Timestamp) -> Refusal {
        let us = match &self.accepts {
            Accepts::Service(principal) => Some(principal),
            _ => self.keys.iter().map(|key| key.principal()).next(),
        };
        let code = error.protocol_code();
        let e_data = match code {
            ErrorCode::KRB_AP_ERR_SKEW => skew_recovery().ok(),
            _ => None,
        };
        let token = us.and_then(|us| error_reply(code, us, known, e_data.as_deref(), now).ok());
        Refusal {
            error,
            token,
            known: Box::new(known.clone()),
        }
    }
}

impl<B> Verified<B> {
    /// What the replay cache has to remember.
    pub fn entry(&self) -> &ReplayEntry {
        &self.judged.entry
    }

    /// What the configuration's own cache says of it.
    pub(crate) fn own_verdict(&self, now: Timestamp) -> ReplayVerdict {
        match &self.shared.config.replay_cache {
            Some(cache) => cache.check_and_insert(self.entry(), now),
            None => ReplayVerdict::Unchecked,
        }
    }

    /// Admits the request, if `verdict` says that it was not seen before (AP-47), and builds the
    /// AP-REP. The verdict must be a cache's answer about this [`entry`](Self::entry).
    pub fn admit(self, verdict: ReplayVerdict, now: Timestamp) -> Result<Accepted<B>, Refusal> {
        let shared = Arc::clone(&self.shared);
        let known = Known {
            client: Some(self.ticket.client.clone()),
            ctime: Some(self.judged.ctime),
        };
        self.admitted(verdict, now)
            .map_err(|error| shared.config.refusal(error, &known, now))
    }

    fn admitted(self, verdict: ReplayVerdict, now: Timestamp) -> Result<Accepted<B>, Error> {
        let judged = self.judged;
        let cache = self.shared.config.replay_cache.as_ref();
        let fresh = match verdict {
            ReplayVerdict::Fresh => Fresh { checked: true },
            ReplayVerdict::Unchecked => Fresh { checked: false },
            ReplayVerdict::Seen => {
                return Err(Rejection::Replay {
                    client: self.ticket.client.clone(),
                    ctime: judged.ctime,
                    first_seen: cache.and_then(|cache| cache.first_seen(&judged.entry)),
                    now,
                    cache: cache.map(|cache| cache.kind()),
                    tag: judged.entry.tag,
                }
                .into());
            }
            ReplayVerdict::Full { entries } => {
                return Err(Rejection::ReplayCacheFull { entries }.into());
            }
            ReplayVerdict::Young { ready } => {
                return Err(Rejection::ReplayCacheYoung { ready, now }.into());
            }
            ReplayVerdict::Unavailable { why } => {
                return Err(Rejection::ReplayCacheUnavailable { why }.into());
            }
        };
        let mut keys = SessionKeys {
            session: self.ticket.session_key.clone(),
            initiator_subkey: self.subkey,
            acceptor_subkey: None,
            initiator_seq: judged.initiator_seq,
            acceptor_seq: judged.initiator_seq,
        };
        let reply = if judged.mutual {
            let config = &self.shared.config;
            let wanted = config.subkey_enctype(&keys, &judged.authorized.enctypes);
            let draw = Draw::new(&*config.rng)?;
            if (judged.takes_subkey)(&judged.bound.0, wanted) {
                keys.acceptor_subkey = Some(acceptor_subkey(wanted, &keys.session, draw.seed())?);
            }
            keys.acceptor_seq = draw.sequence();
            let derived;
            let sealer = match &self.sealer {
                Sealer::Remembered(ticket) => &ticket.facts.reply,
                Sealer::Derived(schedule) => {
                    derived = schedule.cipher(KeyUsage::AP_REP)?;
                    &derived
                }
            };
            Some(ap_rep(&keys, sealer, judged.ctime, draw.confounder())?)
        } else {
            None
        };
        let cache = cache.filter(|_| fresh.checked).map(|cache| cache.kind());
        let replay = (cache, judged.entry.tag);
        let (peer, bound) = Peer::new(
            self.ticket,
            self.opened_by,
            judged.proofs,
            judged.authorized,
            judged.bound,
            fresh,
            replay,
        );
        Ok(Accepted {
            peer,
            keys,
            bound,
            reply,
        })
    }
}

impl AcceptorConfig {
    /// AP-53: the first enctype of the client's list that policy permits, if that comes before
    /// the enctype of the key in force; else that one.
    fn subkey_enctype(&self, keys: &SessionKeys, listed: &[Enctype]) -> Enctype {
        let current = keys.in_force().enctype();
        listed
            .iter()
            .copied()
            .take_while(|enctype| *enctype != current)
            .find(|e| e.is_supported() && self.permitted_enctypes.contains(e))
            .unwrap_or(current)
    }
}

/// A new key that depends on the KDC's randomness as well as on ours (AP-54): HMAC-SHA-256 of ours
/// under the session key, cut to the length of the enctype, of which the longest is 32 octets.
fn acceptor_subkey(enctype: Enctype, session: &Key, seed: &[u8; 32]) -> Result<Key, Error> {
    let mut hmac = Hmac::<Sha256>::new_from_slice(session.expose())
        .map_err(|_| Error::Misuse("a key of no length"))?;
    hmac.update(seed);
    let mixed = Zeroizing::new(<[u8; 32]>::from(hmac.finalize().into_bytes()));
    let len = enctype.key_len().unwrap_or_default();
    Ok(Key::new(enctype, mixed.get(..len).unwrap_or_default())?)
}

/// The AP-REP: the client's time, unchanged (AP-52), under the session key even where there are
/// subkeys (AP-51).
fn ap_rep(
    keys: &SessionKeys,
    sealer: &Cipher,
    ctime: Timestamp,
    confounder: &[u8; 16],
) -> Result<Vec<u8>, Error> {
    let subkey = keys.acceptor_subkey.as_ref().map(|key| EncryptionKey {
        keytype: key.enctype().0,
        keyvalue: OctetString(key.expose()),
    });
    let part = EncApRepPart {
        ctime: ctime.time(),
        cusec: Microseconds::from(ctime),
        subkey,
        seq_number: Some(UInt32(keys.acceptor_seq)),
    };
    let part = Secret::new(part.to_bytes()?);
    let mut cipher = Vec::new();
    sealer.encrypt_under(confounder, &[part.expose()], &mut cipher);
    let reply = ApRep {
        pvno: KRB5_PVNO,
        msg_type: MsgType::AP_REP.0,
        enc_part: EncryptedData {
            etype: sealer.enctype().0,
            kvno: None,
            cipher: OctetString(&cipher),
        },
    };
    Ok(reply.to_bytes()?)
}

impl fmt::Debug for Acceptor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Acceptor").field(self.config()).finish()
    }
}

impl<B> fmt::Debug for Verified<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Verified").finish_non_exhaustive()
    }
}
