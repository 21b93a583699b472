//! One record of every acceptance and every refusal, for logs, metrics and audits.
//!
//! ```text
//! Peer, ContextInfo ─┐                        ┌─ Record, a plain struct
//! Refusal, Error ────┴─▶ Report ─ on demand ──┼─ JSON (feature `serde`)
//!                                             └─ one event (feature `tracing`)
//! ```
//!
//! A [`Report`] borrows what there is; a [`Record`] is made when somebody wants it, so that nothing
//! is spent where nobody listens. Nothing here reads a clock: whoever measured says how long it
//! took.
//!
//! ```
//! # use orthros::{ap::HostAddr, gss, report::Report, step::Step, time::Timestamp};
//! # fn serve(acceptor: gss::Acceptor, token: &[u8], now: Timestamp, source: &str) {
//! let started = std::time::Instant::now();
//! let result = acceptor.accept(token, now);
//! let report = match &result {
//!     Ok(Step::Established { context, .. }) => Report::established(context.info()),
//!     Ok(Step::Continue { .. }) => return,
//!     Err(refusal) => Report::refused(refusal),
//! };
//! let record = report.request(token).at(now).took(started.elapsed()).source(&source).record();
//! assert!(record.accepted || record.failure.is_some());
//! # }
//! ```

#[cfg(feature = "tracing")]
mod event;
#[cfg(feature = "serde")]
mod serialize;

#[cfg(test)]
mod tests;

#[cfg(feature = "tracing")]
pub use event::{accept_span, initiate_span};

use std::fmt;
use std::time::Duration;

use crate::ap::Peer;
use crate::cause::Explanation;
use crate::crypto::Enctype;
use crate::error::{ConsideredKey, Error, Rejection};
use crate::gss::{
    BindingOutcome, BindingType, ContextFlags, ContextInfo, MajorStatus, Role, token,
};
use crate::pac::Sid;
use crate::principal::Principal;
use crate::step::{Known, Refusal};
use crate::time::{KerberosTime, Timestamp};
use crate::wire::{ApReq, Message, Ticket};

/// The cause code of a success.
pub const ACCEPTED: &str = "OK";

/// What happened, borrowed; and what its caller knows besides.
#[derive(Clone, Copy)]
#[must_use = "a report that nobody reads says nothing"]
pub struct Report<'a> {
    outcome: Outcome<'a>,
    request: Option<&'a [u8]>,
    at: Option<Timestamp>,
    took: Option<Duration>,
    source: Option<&'a dyn fmt::Display>,
    request_id: Option<&'a str>,
    replay_cache: Option<&'a str>,
}

#[derive(Clone, Copy)]
enum Outcome<'a> {
    Accepted(&'a Peer),
    Established(&'a ContextInfo),
    Refused(&'a Refusal),
    Failed(&'a Error),
}

impl<'a> Report<'a> {
    fn new(outcome: Outcome<'a>) -> Self {
        Self {
            outcome,
            request: None,
            at: None,
            took: None,
            source: None,
            request_id: None,
            replay_cache: None,
        }
    }

    /// A bare AP-REQ was accepted.
    pub fn accepted(peer: &'a Peer) -> Self {
        Self::new(Outcome::Accepted(peer))
    }

    /// A context was established, at either end.
    pub fn established(info: &'a ContextInfo) -> Self {
        Self::new(Outcome::Established(info))
    }

    /// An acceptor refused a request.
    pub fn refused(refusal: &'a Refusal) -> Self {
        Self::new(Outcome::Refused(refusal))
    }

    /// An initiator failed, or was refused.
    pub fn failed(error: &'a Error) -> Self {
        Self::new(Outcome::Failed(error))
    }

    /// The token or AP-REQ that was judged: what a refused one claims to be for is read from it.
    pub fn request(mut self, token: &'a [u8]) -> Self {
        self.request = Some(token);
        self
    }

    /// When.
    pub fn at(mut self, now: Timestamp) -> Self {
        self.at = Some(now);
        self
    }

    /// How long it took.
    pub fn took(mut self, took: Duration) -> Self {
        self.took = Some(took);
        self
    }

    /// Where the request came from.
    pub fn source(mut self, source: &'a dyn fmt::Display) -> Self {
        self.source = Some(source);
        self
    }

    /// The caller's name for the request.
    pub fn request_id(mut self, id: &'a str) -> Self {
        self.request_id = Some(id);
        self
    }

    /// The kind of replay cache that was asked, where the acceptor's configuration does not name
    /// it: `redis`, `none`.
    pub fn replay_cache(mut self, kind: &'a str) -> Self {
        self.replay_cache = Some(kind);
        self
    }

    /// The record.
    pub fn record(&self) -> Record {
        let mut record = match self.outcome {
            Outcome::Accepted(peer) => of_peer(peer),
            Outcome::Established(info) => of_context(info),
            Outcome::Refused(refusal) => self.of_error(&refusal.error, &refusal.known),
            Outcome::Failed(error) => Record {
                role: Role::Initiator,
                ..self.of_error(error, &Known::default())
            },
        };
        record.at = self.at;
        record.took = self.took;
        record.token_octets = self.request.map(<[u8]>::len);
        record.source = self.source.map(|source| clean(source.to_string()));
        record.request_id = self.request_id.map(|id| clean(id.to_owned()));
        if let Some(kind) = self.replay_cache {
            record.replay_cache = Some(kind.to_owned());
        }
        record
    }

    fn of_error(&self, error: &Error, known: &Known) -> Record {
        let explanation = error.explain();
        let mut record = Record {
            accepted: false,
            cause: explanation.code,
            protocol_code: explanation.protocol_code,
            failure: Some(explanation),
            clock_offset: known
                .ctime
                .zip(self.at)
                .map(|(theirs, ours)| theirs.micros_since(ours)),
            client: known.client.as_ref().map(|client| Name {
                name: client.to_string(),
                verified: true,
            }),
            ..Record::new(Role::Acceptor)
        };
        if let Some(claim) = self.request.and_then(claimed) {
            // Once the authenticator was opened, the ticket was opened with this server's key.
            record.service = claim.server.map(|server| Name {
                name: server.to_string(),
                verified: known.client.is_some(),
            });
            record.kvno = claim.kvno;
            record.etype = Some(claim.etype);
        }
        if let Error::Rejected(rejection) = error {
            record.add(rejection);
        }
        if let Error::Peer(peer) = error {
            record.clock_offset = Some(peer.stime.micros_since(peer.now));
        }
        record.gss_major = error.gss_major(match self.outcome {
            Outcome::Failed(_) => Role::Initiator,
            _ => Role::Acceptor,
        });
        record
    }
}

/// A principal in a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Name {
    /// As text, with its realm.
    pub name: String,
    /// Whether a key of the realm vouches for it. What is not verified is what the other side
    /// writes.
    pub verified: bool,
}

impl Name {
    fn verified(principal: &Principal) -> Self {
        Self {
            name: principal.to_string(),
            verified: true,
        }
    }

    fn claimed(name: &impl ToString) -> Self {
        Self {
            name: name.to_string(),
            verified: false,
        }
    }
}

/// What became of channel bindings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChannelBinding {
    /// Both sides' bindings agreed.
    Bound,
    /// The context is not bound: at least one side had none.
    Unbound,
    /// The client sent none where they are required, or where it said that it has some.
    Missing,
    /// The client's differ; an acceptance says so where the service only audits.
    Mismatch,
}

impl ChannelBinding {
    /// `bound`, `unbound`, `missing`, `mismatch`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Bound => "bound",
            Self::Unbound => "unbound",
            Self::Missing => "missing",
            Self::Mismatch => "mismatch",
        }
    }
}

/// One acceptance or refusal. No field can hold a key.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Record {
    /// Which end this is.
    pub role: Role,
    /// Whether it went well.
    pub accepted: bool,
    /// The stable cause code; [`ACCEPTED`] if it went well.
    pub cause: &'static str,
    /// The code of RFC 4120 §7.5.9; 0 if it went well. It is the minor status as well.
    pub protocol_code: i32,
    /// The major status of GSS-API.
    pub gss_major: MajorStatus,
    /// The client.
    pub client: Option<Name>,
    /// The service.
    pub service: Option<Name>,
    /// The key version that the ticket names.
    pub kvno: Option<u32>,
    /// The enctype that the ticket is sealed with.
    pub etype: Option<Enctype>,
    /// The enctype of the ticket's session key.
    pub session_etype: Option<Enctype>,
    /// The enctype of the key that protects the session.
    pub protection_etype: Option<Enctype>,
    /// The place of the key that opened the ticket in the keytab, from 1.
    pub keytab_entry: Option<usize>,
    /// Whether that key is another version than the ticket names (AP-20).
    pub fallback_key: bool,
    /// Of a refusal for want of a key: the keys that were considered, and why each was passed over.
    pub considered: Vec<ConsideredKey>,
    /// The other side's clock minus ours, in microseconds.
    pub clock_offset: Option<i64>,
    /// When the ticket ends.
    pub endtime: Option<KerberosTime>,
    /// The user's SID, of a verified PAC.
    pub user_sid: Option<Sid>,
    /// How many groups the verified PAC has; `None` without one.
    pub groups: Option<usize>,
    /// What became of channel bindings; `None` where the exchange has none or did not get there.
    pub channel_binding: Option<ChannelBinding>,
    /// At an acceptor, where they agree: which of its bindings did, from 0, and of what type.
    pub bound_to: Option<(usize, BindingType)>,
    /// Whether the server has proven itself.
    pub mutual: Option<bool>,
    /// Whether credentials were delegated.
    pub delegated: Option<bool>,
    /// The kind of replay cache that was asked.
    pub replay_cache: Option<String>,
    /// What the replay cache knows the request by: the same request, sent again, has the same.
    pub replay_tag: Option<[u8; 12]>,
    /// Of a request that was seen before: when, at the latest, if the cache remembers that.
    pub first_seen: Option<Timestamp>,
    /// When.
    pub at: Option<Timestamp>,
    /// How long it took.
    pub took: Option<Duration>,
    /// How many octets the request has, if it was given. A header has a limit, and the groups of a
    /// user make a ticket long.
    pub token_octets: Option<usize>,
    /// Where the request came from.
    pub source: Option<String>,
    /// The caller's name for the request.
    pub request_id: Option<String>,
    /// Of a refusal: what it means and what to do.
    pub failure: Option<Explanation>,
}

impl Record {
    fn new(role: Role) -> Self {
        Self {
            role,
            accepted: true,
            cause: ACCEPTED,
            protocol_code: 0,
            gss_major: MajorStatus::COMPLETE,
            client: None,
            service: None,
            kvno: None,
            etype: None,
            session_etype: None,
            protection_etype: None,
            keytab_entry: None,
            fallback_key: false,
            considered: Vec::new(),
            clock_offset: None,
            endtime: None,
            user_sid: None,
            groups: None,
            channel_binding: None,
            bound_to: None,
            mutual: None,
            delegated: None,
            replay_cache: None,
            replay_tag: None,
            first_seen: None,
            at: None,
            took: None,
            token_octets: None,
            source: None,
            request_id: None,
            failure: None,
        }
    }

    /// What the rejection itself says, which is more than the request does.
    fn add(&mut self, rejection: &Rejection) {
        use Rejection::*;
        match rejection {
            NotUs { ticket: server, .. } => self.claim(server),
            NoKey { server, considered } => {
                self.claim(server);
                self.considered.clone_from(considered);
            }
            KeyVersion {
                server,
                kvno,
                considered,
                ..
            } => {
                self.claim(server);
                self.kvno = Some(*kvno);
                self.considered.clone_from(considered);
            }
            KeyEnctype {
                server,
                enctype,
                considered,
            } => {
                self.claim(server);
                self.etype = Some(*enctype);
                self.considered.clone_from(considered);
            }
            WrongKey {
                server,
                kvno,
                enctype,
                considered,
            } => {
                self.claim(server);
                (self.kvno, self.etype) = (*kvno, Some(*enctype));
                self.considered.clone_from(considered);
            }
            TicketModified { server, .. } => self.claim(server),
            AuthenticatorModified { client, enctype } => {
                self.client = Some(Name::verified(client));
                self.session_etype = Some(*enctype);
            }
            ClientMismatch { ticket, .. } => self.client = Some(Name::verified(ticket)),
            Replay {
                client,
                cache,
                first_seen,
                tag,
                ..
            } => {
                self.client = Some(Name::verified(client));
                self.replay_cache = cache.map(str::to_owned);
                self.replay_tag = Some(*tag);
                self.first_seen = *first_seen;
            }
            Mutual { server, .. } | ReplyModified { server } => self.claim(server),
            Skew {
                client_time, now, ..
            } => self.clock_offset = Some(client_time.micros_since(*now)),
            ChannelBindings { sent } => {
                self.channel_binding = Some(match sent {
                    true => ChannelBinding::Mismatch,
                    false => ChannelBinding::Missing,
                });
            }
            Expired { endtime, .. } => self.endtime = Some(*endtime),
            _ => {}
        }
    }

    fn claim(&mut self, server: &Principal) {
        if self.service.is_none() {
            self.service = Some(Name::claimed(server));
        }
    }
}

#[cfg(any(feature = "serde", feature = "tracing"))]
fn hex(octets: &[u8]) -> String {
    octets.iter().map(|octet| format!("{octet:02x}")).collect()
}

fn of_peer(peer: &Peer) -> Record {
    let ticket = peer.ticket();
    Record {
        client: Some(Name::verified(peer.client())),
        service: Some(Name::verified(peer.server())),
        kvno: ticket.kvno,
        etype: Some(ticket.enctype),
        session_etype: Some(ticket.session_key.enctype()),
        keytab_entry: peer.keytab_entry(),
        fallback_key: peer.used_fallback_key(),
        clock_offset: Some(peer.clock_offset()),
        endtime: Some(ticket.endtime),
        user_sid: peer.pac().and_then(|pac| pac.user_sid()),
        groups: peer.pac().map(|pac| pac.group_sids().count()),
        replay_cache: peer.replay_cache().map(str::to_owned),
        replay_tag: Some(peer.replay_tag()),
        ..Record::new(Role::Acceptor)
    }
}

fn of_context(info: &ContextInfo) -> Record {
    let base = match &info.peer {
        Some(peer) => of_peer(peer),
        None => Record {
            // Without mutual authentication nobody has proven to be the service.
            service: Some(Name {
                name: info.acceptor.to_string(),
                verified: info.flags.contains(ContextFlags::MUTUAL),
            }),
            client: Some(Name::verified(&info.initiator)),
            session_etype: Some(info.keys.session.enctype()),
            endtime: Some(info.endtime),
            ..Record::new(info.role)
        },
    };
    Record {
        role: info.role,
        protection_etype: Some(info.keys.in_force().enctype()),
        channel_binding: match (info.role, info.bindings) {
            // The initiator is not told what the acceptor made of its bindings.
            (Role::Initiator, _) => None,
            (_, BindingOutcome::Agree { .. }) => Some(ChannelBinding::Bound),
            (_, BindingOutcome::Differ) => Some(ChannelBinding::Mismatch),
            (_, BindingOutcome::Withheld) => Some(ChannelBinding::Missing),
            (_, BindingOutcome::NotCompared | BindingOutcome::Absent) => {
                Some(ChannelBinding::Unbound)
            }
        },
        bound_to: match info.bindings {
            BindingOutcome::Agree {
                candidate,
                binding_type,
            } => Some((candidate, binding_type)),
            _ => None,
        },
        mutual: Some(info.flags.contains(ContextFlags::MUTUAL)),
        delegated: Some(info.flags.contains(ContextFlags::DELEG)),
        ..base
    }
}

/// What stands in the clear of a request.
struct Claim {
    server: Option<Principal>,
    kvno: Option<u32>,
    etype: Enctype,
}

/// Of an AP-REQ, framed or bare.
fn claimed(token: &[u8]) -> Option<Claim> {
    let message = match token::unframe(token) {
        Ok((_, message)) => message,
        Err(_) => token,
    };
    let request = ApReq::from_bytes(message).ok()?;
    let ticket = Ticket::from_bytes(request.ticket.as_bytes()).ok()?;
    Some(Claim {
        server: Principal::from_wire(&ticket.realm, &ticket.sname).ok(),
        kvno: ticket.enc_part.kvno.map(|kvno| kvno.0),
        etype: Enctype(ticket.enc_part.etype),
    })
}

/// Text of a caller that may have it from a stranger: one line.
fn clean(text: String) -> String {
    match text.chars().any(char::is_control) {
        true => text.chars().filter(|c| !c.is_control()).collect(),
        false => text,
    }
}

impl fmt::Debug for Report<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Report").field(&self.record()).finish()
    }
}

impl fmt::Display for Record {
    /// One line.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = |name: &Option<Name>| match name {
            Some(Name {
                name,
                verified: true,
            }) => name.clone(),
            Some(Name { name, .. }) => format!("{name} (claimed)"),
            None => "unknown".to_owned(),
        };
        let (client, service) = (name(&self.client), name(&self.service));
        let verb = if self.accepted { "accepted" } else { "refused" };
        let line = format!("{verb} {} client {client} service {service}", self.cause);
        f.write_str(&clean(line))
    }
}
