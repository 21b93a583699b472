//! A ticket and what its holder must know to use it.

use crate::crypto::Key;
use crate::principal::Principal;
use crate::time::KerberosTime;
use crate::wire::{AddrType, TicketFlags};

/// A ticket with its session key, as a KDC gave it (the sealed part of a KDC-REP).
///
/// `Debug` shows no key.
#[derive(Clone, Debug)]
pub struct Credentials {
    /// The client exactly as the KDC named it, not as it was asked for (AP-05).
    pub client: Principal,
    /// The server, read from the sealed part of the reply.
    pub server: Principal,
    /// The Ticket, DER, octet for octet as the KDC sent it (AP-01).
    pub ticket: Vec<u8>,
    /// The ticket session key.
    pub session_key: Key,
    /// The ticket's flags. OK-AS-DELEGATE stays only if every KDC on the way to the server's realm
    /// recommends the next (GSS-34).
    pub flags: TicketFlags,
    /// When the client first authenticated.
    pub authtime: KerberosTime,
    /// From when the ticket is valid; the authtime if absent.
    pub starttime: Option<KerberosTime>,
    /// Until when the ticket is valid.
    pub endtime: KerberosTime,
    /// Until when it can be renewed.
    pub renew_till: Option<KerberosTime>,
    /// The addresses it may be used from; empty for any.
    pub addresses: Vec<(AddrType, Vec<u8>)>,
    /// KDC clock minus local clock, in microseconds; added to `now` in everything sent with this
    /// ticket (AP-10). The system's clock is never touched.
    pub clock_offset: i64,
    /// For user-to-user: the server's TGT under whose session key the ticket is sealed (AP-07).
    pub second_ticket: Option<Vec<u8>>,
}

impl Credentials {
    /// From when the ticket is valid.
    pub fn valid_from(&self) -> KerberosTime {
        self.starttime.unwrap_or(self.authtime)
    }
}
