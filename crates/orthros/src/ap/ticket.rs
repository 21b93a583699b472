//! A ticket that was opened, owned.

use std::fmt;

use crate::crypto::{Enctype, Key};
use crate::principal::Principal;
use crate::secret::Secret;
use crate::time::KerberosTime;
use crate::wire::{AddrType, EncTicketPart, Malformed, Message, TicketFlags, TrType};

/// A ticket's contents, from its sealed part; only `server` and `kvno` are from outside of it.
///
/// Whoever holds one had the key that opens it. It says nothing about who sent it: that is what
/// the authenticator is for. `Debug` shows no key.
pub struct OpenTicket {
    /// The server whose key opened it.
    pub server: Principal,
    /// The version of that key that the ticket names.
    pub kvno: Option<u32>,
    /// The enctype it was sealed with.
    pub enctype: Enctype,
    /// Its flags.
    pub flags: TicketFlags,
    /// The session key.
    pub session_key: Key,
    /// The client it was issued to (security case 1).
    pub client: Principal,
    /// The encoding of the realms it came through.
    pub transited: (TrType, Vec<u8>),
    /// When the client first authenticated.
    pub authtime: KerberosTime,
    /// From when it is valid; the authtime if absent.
    pub starttime: Option<KerberosTime>,
    /// Until when it is valid.
    pub endtime: KerberosTime,
    /// Until when it can be renewed.
    pub renew_till: Option<KerberosTime>,
    /// The addresses it may be used from; empty for any.
    pub addresses: Vec<(AddrType, Vec<u8>)>,
    octets: Secret,
}

impl OpenTicket {
    /// Takes what is needed out of the decrypted octets. `part` is `octets`, decoded.
    pub(super) fn new(
        octets: Secret,
        identity: (Principal, Option<u32>, Enctype),
        contents: Contents,
    ) -> Self {
        let (server, kvno, enctype) = identity;
        Self {
            server,
            kvno,
            enctype,
            flags: contents.flags,
            session_key: contents.session_key,
            client: contents.client,
            transited: contents.transited,
            authtime: contents.authtime,
            starttime: contents.starttime,
            endtime: contents.endtime,
            renew_till: contents.renew_till,
            addresses: contents.addresses,
            octets,
        }
    }

    /// The decrypted EncTicketPart, DER: it holds the session key.
    pub fn octets(&self) -> &[u8] {
        self.octets.expose()
    }

    /// The decrypted EncTicketPart, decoded; authorization data is in it.
    pub fn enc_part(&self) -> Result<EncTicketPart<'_>, Malformed> {
        EncTicketPart::from_bytes(self.octets.expose())
    }

    /// From when the ticket is valid.
    pub fn valid_from(&self) -> KerberosTime {
        self.starttime.unwrap_or(self.authtime)
    }
}

/// What [`OpenTicket`] takes out of an EncTicketPart.
pub(super) struct Contents {
    flags: TicketFlags,
    session_key: Key,
    client: Principal,
    transited: (TrType, Vec<u8>),
    authtime: KerberosTime,
    starttime: Option<KerberosTime>,
    endtime: KerberosTime,
    renew_till: Option<KerberosTime>,
    addresses: Vec<(AddrType, Vec<u8>)>,
}

impl Contents {
    pub(super) fn of(part: &EncTicketPart<'_>, session_key: Key, client: Principal) -> Self {
        Self {
            flags: part.flags,
            session_key,
            client,
            transited: (
                part.transited.tr_type,
                part.transited.contents.as_bytes().to_vec(),
            ),
            authtime: part.authtime,
            starttime: part.starttime,
            endtime: part.endtime,
            renew_till: part.renew_till,
            addresses: part
                .caddr
                .iter()
                .flatten()
                .map(|a| (a.addr_type, a.address.as_bytes().to_vec()))
                .collect(),
        }
    }
}

impl fmt::Debug for OpenTicket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OpenTicket")
            .field("server", &self.server)
            .field("kvno", &self.kvno)
            .field("enctype", &self.enctype)
            .field("client", &self.client)
            .field("flags", &self.flags)
            .field("session_key", &self.session_key)
            .field("authtime", &self.authtime)
            .field("endtime", &self.endtime)
            .finish_non_exhaustive()
    }
}
