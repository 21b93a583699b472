//! Which ticket of a cache is meant (FILE-16).

use super::{CachedCredential, CredentialCache};
use crate::crypto::Enctype;
use crate::principal::Principal;
use crate::time::Timestamp;

/// What a ticket must be.
#[derive(Clone, Copy, Debug)]
pub struct Wanted<'a> {
    server: &'a Principal,
    client: Option<&'a Principal>,
    any_realm: bool,
    enctypes: Option<&'a [Enctype]>,
    server_tgt: Option<&'a [u8]>,
}

impl<'a> Wanted<'a> {
    /// A ticket for `server`, of the cache's default principal, with a session key that this
    /// build can use.
    pub const fn new(server: &'a Principal) -> Self {
        Self {
            server,
            client: None,
            any_realm: false,
            enctypes: None,
            server_tgt: None,
        }
    }

    /// A ticket of `client` instead: S4U2Self and S4U2Proxy give tickets of others.
    #[must_use]
    pub const fn client(mut self, client: &'a Principal) -> Self {
        self.client = Some(client);
        self
    }

    /// The server's realm is left to referrals: a ticket for that name in whatever realm.
    #[must_use]
    pub const fn in_any_realm(mut self) -> Self {
        self.any_realm = true;
        self
    }

    /// The session key must be of one of these.
    #[must_use]
    pub const fn enctypes(mut self, enctypes: &'a [Enctype]) -> Self {
        self.enctypes = Some(enctypes);
        self
    }

    /// A user-to-user ticket, sealed under the session key of this TGT of the server (FILE-14).
    #[must_use]
    pub const fn user_to_user(mut self, server_tgt: &'a [u8]) -> Self {
        self.server_tgt = Some(server_tgt);
        self
    }

    fn fits(&self, ticket: &CachedCredential, default: &Principal) -> bool {
        let server = if self.any_realm {
            ticket.server.components().eq(self.server.components())
        } else {
            ticket.server == *self.server
        };
        let user_to_user = match self.server_tgt {
            None => !ticket.is_skey,
            Some(tgt) => ticket.is_skey && ticket.second_ticket == tgt,
        };
        let enctype = ticket.session_key().is_some()
            && self
                .enctypes
                .is_none_or(|wanted| wanted.contains(&ticket.enctype()));
        server && user_to_user && enctype && ticket.client == *self.client.unwrap_or(default)
    }
}

impl CredentialCache {
    /// The ticket that is wanted: one that has not ended, and of several the one that ends last
    /// (FILE-16).
    ///
    /// `now` is the local clock; tickets end by the KDC's, which is that plus the cache's offset.
    pub fn search(&self, wanted: &Wanted<'_>, now: Timestamp) -> Option<&CachedCredential> {
        let now = now.offset(self.kdc_offset().unwrap_or(0));
        self.credentials()
            .filter(|c| c.is_current(now) && wanted.fits(c, self.default_principal()))
            // Of equal ones the last, which was stored last.
            .max_by_key(|credential| credential.endtime)
    }

    /// [`search`](Self::search) for a ticket for `server` with a session key of one of `enctypes`.
    pub fn find(
        &self,
        server: &Principal,
        now: Timestamp,
        enctypes: &[Enctype],
    ) -> Option<&CachedCredential> {
        self.search(&Wanted::new(server).enctypes(enctypes), now)
    }

    /// The ticket-granting ticket of the realm in which the client starts: the setting
    /// `start_realm`, or else the client's own.
    pub fn tgt(&self, now: Timestamp, enctypes: &[Enctype]) -> Option<&CachedCredential> {
        let realm = match self.config("start_realm", None) {
            Some(realm) => std::str::from_utf8(realm).ok()?,
            None => self.default_principal().realm(),
        };
        self.find(&Principal::krbtgt(realm).ok()?, now, enctypes)
    }
}
