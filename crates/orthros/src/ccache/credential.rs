//! A ticket in a cache, and its way from and to [`Credentials`].

use std::fmt;

use super::CredentialCache;
use crate::credentials::Credentials;
use crate::crypto::{CryptoError, Enctype, Key};
use crate::error::Error;
use crate::principal::Principal;
use crate::secret::Secret;
use crate::time::{KerberosTime, Timestamp};
use crate::wire::{AdType, AddrType, TicketFlags};

/// A ticket with its session key, as a cache holds it.
///
/// `Debug` shows no key, and of a ticket only the length.
#[derive(Clone, PartialEq, Eq)]
pub struct CachedCredential {
    /// The client.
    pub client: Principal,
    /// The server for which it was asked.
    pub server: Principal,
    pub(super) key: StoredKey,
    /// When the client first authenticated.
    pub authtime: KerberosTime,
    /// From when the ticket is valid; the authtime if absent (FILE-12).
    pub starttime: Option<KerberosTime>,
    /// Until when the ticket is valid.
    pub endtime: KerberosTime,
    /// Until when it can be renewed.
    pub renew_till: Option<KerberosTime>,
    /// Whether the ticket is sealed under the session key of `second_ticket` (FILE-14).
    pub is_skey: bool,
    /// The ticket's flags (FILE-11).
    pub flags: TicketFlags,
    /// The addresses it may be used from; empty for any.
    pub addresses: Vec<(AddrType, Vec<u8>)>,
    /// Authorization data that was asked for with the ticket.
    pub authorization_data: Vec<(AdType, Vec<u8>)>,
    /// The Ticket, DER; the value where this is a setting (FILE-13).
    pub ticket: Vec<u8>,
    /// For user-to-user the server's TGT; empty otherwise.
    pub second_ticket: Vec<u8>,
}

#[derive(Clone, PartialEq, Eq)]
pub(super) enum StoredKey {
    Usable(Key),
    /// Of an enctype that this build does not have, or not as long as the keys of its enctype.
    Other {
        enctype: Enctype,
        octets: Secret,
    },
}

impl StoredKey {
    pub(super) fn new(enctype: Enctype, octets: &[u8]) -> Self {
        match Key::new(enctype, octets) {
            Ok(key) => Self::Usable(key),
            Err(_) => Self::Other {
                enctype,
                octets: Secret::from(octets),
            },
        }
    }
}

impl CachedCredential {
    /// The session key's enctype, whether or not this build has it.
    pub fn enctype(&self) -> Enctype {
        match &self.key {
            StoredKey::Usable(key) => key.enctype(),
            StoredKey::Other { enctype, .. } => *enctype,
        }
    }

    /// The session key, unless this build does not have its enctype or its length is not that of
    /// the enctype (CRY-17).
    pub fn session_key(&self) -> Option<&Key> {
        match &self.key {
            StoredKey::Usable(key) => Some(key),
            StoredKey::Other { .. } => None,
        }
    }

    /// The octets of the session key, usable or not. The name is long so that a reader of the
    /// calling code notices.
    pub fn expose_key_octets(&self) -> &[u8] {
        match &self.key {
            StoredKey::Usable(key) => key.expose(),
            StoredKey::Other { octets, .. } => octets.expose(),
        }
    }

    /// From when the ticket is valid (FILE-12).
    pub fn valid_from(&self) -> KerberosTime {
        self.starttime.unwrap_or(self.authtime)
    }

    /// Whether the ticket has not ended at `now`, a time of the KDC's clock (FILE-16).
    pub fn is_current(&self, now: Timestamp) -> bool {
        Timestamp::from(self.endtime) > now
    }

    /// The record of a setting (FILE-13).
    pub(super) fn setting(client: Principal, server: Principal, value: Vec<u8>) -> Self {
        Self {
            client,
            server,
            key: StoredKey::new(Enctype::NULL, &[]),
            authtime: KerberosTime::EPOCH,
            starttime: None,
            endtime: KerberosTime::EPOCH,
            renew_till: None,
            is_skey: false,
            flags: TicketFlags::NONE,
            addresses: Vec::new(),
            authorization_data: Vec::new(),
            ticket: value,
            second_ticket: Vec::new(),
        }
    }
}

impl From<&Credentials> for CachedCredential {
    /// The clock offset is not a ticket's but the cache's: see
    /// [`CredentialCache::set_kdc_offset`].
    fn from(credentials: &Credentials) -> Self {
        Self {
            client: credentials.client.clone(),
            server: credentials.server.clone(),
            key: StoredKey::Usable(credentials.session_key.clone()),
            authtime: credentials.authtime,
            starttime: credentials.starttime,
            endtime: credentials.endtime,
            renew_till: credentials.renew_till,
            is_skey: credentials.second_ticket.is_some(),
            flags: credentials.flags,
            addresses: credentials.addresses.clone(),
            authorization_data: Vec::new(),
            ticket: credentials.ticket.clone(),
            second_ticket: credentials.second_ticket.clone().unwrap_or_default(),
        }
    }
}

impl CredentialCache {
    /// A cache as a client begins it: with one ticket, mostly a TGT, and the clock offset that
    /// was learnt with it.
    pub fn with_credentials(credentials: &Credentials) -> Self {
        let mut cache = Self::new(credentials.client.clone());
        if credentials.clock_offset != 0 {
            cache.set_kdc_offset(credentials.clock_offset);
        }
        cache.store(credentials.into());
        cache
    }

    /// What a protocol needs to use a ticket of this cache, the cache's clock offset included
    /// (AP-10). A session key that this build cannot use is refused.
    pub fn to_credentials(&self, ticket: &CachedCredential) -> Result<Credentials, Error> {
        let session_key = ticket
            .session_key()
            .ok_or(CryptoError::UnsupportedEnctype(ticket.enctype()))?;
        Ok(Credentials {
            client: ticket.client.clone(),
            server: ticket.server.clone(),
            ticket: ticket.ticket.clone(),
            session_key: session_key.clone(),
            flags: ticket.flags,
            authtime: ticket.authtime,
            starttime: ticket.starttime,
            endtime: ticket.endtime,
            renew_till: ticket.renew_till,
            addresses: ticket.addresses.clone(),
            clock_offset: self.kdc_offset().unwrap_or(0),
            second_ticket: ticket.is_skey.then(|| ticket.second_ticket.clone()),
        })
    }
}

impl fmt::Debug for CachedCredential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CachedCredential")
            .field("client", &self.client)
            .field("server", &self.server)
            .field("enctype", &self.enctype())
            .field("authtime", &self.authtime)
            .field("starttime", &self.starttime)
            .field("endtime", &self.endtime)
            .field("renew_till", &self.renew_till)
            .field("is_skey", &self.is_skey)
            .field("flags", &self.flags)
            .field("addresses", &self.addresses)
            .field("authorization_data", &self.authorization_data.len())
            .field("ticket", &format_args!("{} octets", self.ticket.len()))
            .field(
                "second_ticket",
                &format_args!("{} octets", self.second_ticket.len()),
            )
            .finish()
    }
}
