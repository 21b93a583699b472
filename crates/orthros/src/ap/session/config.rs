//! How the two sides of a session have agreed to talk; nothing in the messages says it.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::addresses::SessionAddresses;
use super::keys::SessionKeys;
use crate::random::{OsRandom, Random};

/// A side of the exchange.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Party {
    /// Who sent the AP-REQ.
    Initiator,
    /// Who received it.
    Acceptor,
}

/// What tells a new message from an old one (AP-65, AP-66).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Freshness {
    /// Messages carry the time; they may be lost or overtake each other.
    Timestamps,
    /// Messages carry the next number; none may be lost. Windows knows KRB-PRIV with these only,
    /// and no KRB-SAFE (AP-83).
    SequenceNumbers,
    /// Messages carry both.
    Both,
}

impl Freshness {
    pub(super) fn timestamps(self) -> bool {
        matches!(self, Self::Timestamps | Self::Both)
    }

    pub(super) fn sequence_numbers(self) -> bool {
        matches!(self, Self::SequenceNumbers | Self::Both)
    }
}

/// What a session's messages carry and demand.
#[derive(Clone)]
pub struct SessionConfig {
    pub(super) freshness: Freshness,
    pub(super) addresses: SessionAddresses,
    pub(super) skew: Duration,
    pub(super) clock_offset: i64,
    pub(super) memory: usize,
    acceptor_first: Option<u32>,
    pub(super) rng: Arc<dyn Random>,
}

impl SessionConfig {
    /// Clocks within five minutes, and room for 65 536 times each way.
    pub fn new(freshness: Freshness, addresses: impl Into<SessionAddresses>) -> Self {
        Self {
            freshness,
            addresses: addresses.into(),
            skew: Duration::from_secs(300),
            clock_offset: 0,
            memory: 65_536,
            acceptor_first: None,
            rng: Arc::new(OsRandom),
        }
    }

    /// How far the time of a message may be from our clock.
    #[must_use]
    pub fn skew(mut self, skew: Duration) -> Self {
        self.skew = skew;
        self
    }

    /// The peer's clock minus ours, in microseconds, if it is known:
    /// [`Credentials::clock_offset`](crate::credentials::Credentials) on the initiator's side
    /// (AP-10).
    #[must_use]
    pub fn clock_offset(mut self, micros: i64) -> Self {
        self.clock_offset = micros;
        self
    }

    /// How many messages with a time there may be each way within two skews. None is forgotten
    /// while it could be played back: above this, sending and receiving are refused.
    #[must_use]
    pub fn memory(mut self, messages: usize) -> Self {
        self.memory = messages;
        self
    }

    /// The acceptor's first number, where there was no AP-REP to say it. GSS-API takes the
    /// initiator's (and so do we unless told), MIT krb5's `krb5_mk_priv` 0.
    #[must_use]
    pub fn acceptor_starts_at(mut self, number: u32) -> Self {
        self.acceptor_first = Some(number);
        self
    }

    pub(super) fn acceptor_first(&self, keys: &SessionKeys) -> u32 {
        self.acceptor_first.unwrap_or(keys.acceptor_seq)
    }

    /// Where randomness comes from.
    #[must_use]
    pub fn random(mut self, rng: Arc<dyn Random>) -> Self {
        self.rng = rng;
        self
    }
}

impl fmt::Debug for SessionConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SessionConfig")
            .field("freshness", &self.freshness)
            .field("addresses", &self.addresses)
            .field("skew", &self.skew)
            .field("clock_offset", &self.clock_offset)
            .field("memory", &self.memory)
            .finish_non_exhaustive()
    }
}
