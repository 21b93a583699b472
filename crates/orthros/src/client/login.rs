//! A login: the password is right, and so is the KDC that says so (KDC-10, security case 18).
//!
//! Whoever answers in the KDC's place can accept any password: it makes up the key and the reply.
//! What it cannot make up is a ticket under a key that only this host and the realm's KDC hold.
//!
//! ```text
//! InitialCredentials ── start ─▶ TGS-REQ for our own service ─▶ LoginAwait ─ ticket
//!         the ticket opens with our key, names the same client ─▶ VerifiedLogin
//! ```

use std::fmt;
use std::sync::Arc;

use super::as_exchange::InitialCredentials;
use super::reply::broken;
use super::tgs_exchange::{TgsAwait, TgsExchange};
use crate::ap::{
    Acceptor, AcceptorConfig, Accepts, AuthenticatorParts, Cksum, Peer, ServiceKeys, Unbound,
    build_ap_req,
};
use crate::credentials::Credentials;
use crate::crypto::KeyUsage;
use crate::error::Error;
use crate::principal::Principal;
use crate::random::{OsRandom, Random};
use crate::step::{Ask, Awaiting};
use crate::time::Timestamp;

/// Proves a KDC with a key of this host, before its word on a password counts.
pub struct LoginCheck {
    initial: InitialCredentials,
    service: Principal,
    keys: Arc<ServiceKeys>,
    random: Arc<dyn Random>,
}

impl LoginCheck {
    /// Whether `initial` is of the KDC with which we share the key of `service` in `keys`.
    pub fn new(initial: InitialCredentials, service: Principal, keys: Arc<ServiceKeys>) -> Self {
        Self {
            initial,
            service,
            keys,
            random: Arc::new(OsRandom),
        }
    }

    /// Another source of randomness than the operating system.
    #[must_use]
    pub fn random(mut self, random: Arc<dyn Random>) -> Self {
        self.random = random;
        self
    }

    /// The request for a ticket that only the genuine KDC can make.
    pub fn start(self, now: Timestamp) -> Result<Ask<LoginAwait, VerifiedLogin>, Error> {
        let ask = TgsExchange::new(&self.initial.credentials, self.service.clone())
            .random(Arc::clone(&self.random))
            .start(now)?;
        match ask {
            Ask::Send {
                realm,
                request,
                next,
            } => Ok(Ask::Send {
                realm,
                request,
                next: LoginAwait {
                    check: Box::new(self),
                    next,
                },
            }),
            Ask::Done(ticket) => self.judge(ticket.credentials, now).map(Ask::Done),
        }
    }

    /// The ticket opens with our key, and what is sealed in it names the client and the session
    /// key that the initial reply led to.
    ///
    /// The local clock judges: the offset that this KDC claimed is not proved yet.
    fn judge(self, mut ticket: Credentials, now: Timestamp) -> Result<VerifiedLogin, Error> {
        ticket.clock_offset = 0;
        let parts = AuthenticatorParts {
            usage: KeyUsage::AP_REQ_AUTHENTICATOR,
            mutual: false,
            cksum: Cksum::None,
            subkey: None,
            sequence: false,
            enctypes: &[],
        };
        let ap_req = build_ap_req(&ticket, &parts, now, &*self.random)?;
        // Nobody else has seen the AP-REQ, so nobody can have replayed it.
        let config = AcceptorConfig::new(self.keys, Accepts::Service(self.service))
            .without_replay_cache()
            .random(self.random);
        let accepted = Acceptor::new(config)
            .accept(&ap_req.octets, &Unbound, None, now)
            .map_err(|refusal| refusal.error)?;
        if *accepted.peer.client() != self.initial.credentials.client {
            return Err(broken(
                "the ticket for this host is another client's than the initial one",
            ));
        }
        Ok(VerifiedLogin {
            initial: self.initial,
            peer: accepted.peer,
        })
    }
}

impl fmt::Debug for LoginCheck {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LoginCheck")
            .field("client", &self.initial.credentials.client)
            .field("service", &self.service)
            .finish_non_exhaustive()
    }
}

/// Waits for the ticket that proves the KDC.
#[derive(Debug)]
pub struct LoginAwait {
    check: Box<LoginCheck>,
    next: TgsAwait,
}

impl Awaiting for LoginAwait {
    type Output = VerifiedLogin;

    fn reply(self, answer: &[u8], now: Timestamp) -> Result<Ask<Self, VerifiedLogin>, Error> {
        let check = self.check;
        match self.next.reply(answer, now)? {
            Ask::Send {
                realm,
                request,
                next,
            } => Ok(Ask::Send {
                realm,
                request,
                next: Self { check, next },
            }),
            Ask::Done(ticket) => check.judge(ticket.credentials, now).map(Ask::Done),
        }
    }
}

/// The user is who they say: the KDC that accepted their password holds this host's key.
///
/// Only [`LoginCheck`] makes one.
#[derive(Debug)]
pub struct VerifiedLogin {
    initial: InitialCredentials,
    peer: Peer,
}

impl VerifiedLogin {
    /// The user, as the genuine KDC names them.
    pub fn client(&self) -> &Principal {
        self.peer.client()
    }

    /// What the ticket for this host says about the user: authorization data, PAC, times.
    pub fn peer(&self) -> &Peer {
        &self.peer
    }

    /// The user's TGT, for what is done on their behalf.
    pub fn initial(&self) -> &InitialCredentials {
        &self.initial
    }

    /// The user's TGT, to be kept.
    pub fn into_initial(self) -> InitialCredentials {
        self.initial
    }
}
