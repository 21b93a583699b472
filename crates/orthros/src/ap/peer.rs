//! Who the peer is, proven.

use super::authdata::{AP_OPTIONS_UNVERIFIED_TARGET_NAME, AuthData};
use super::ticket::OpenTicket;
use super::verify::{Admissible, Authorized, Bound, InTime, PathAccepted, SameClient};
use crate::pac::VerifiedPac;
use crate::principal::Principal;
use crate::time::KerberosTime;
use crate::wire::{AdType, TicketFlags, primitive::from_der};

/// The request was not seen before, or policy admits it without looking.
pub(super) struct Fresh {
    /// Whether a replay cache was asked.
    pub(super) checked: bool,
}

/// The client of an accepted AP-REQ: authenticated, and nothing more. Whether it may do what it
/// asks for is for the application to decide (AP-42).
///
/// It can be made only from the proofs of every check. What it says is from the sealed part of
/// the ticket, written by the KDC; what is from elsewhere says so. `Debug` shows no key.
#[derive(Debug)]
pub struct Peer {
    ticket: OpenTicket,
    keytab_entry: Option<usize>,
    fallback_key: bool,
    clock_offset: i64,
    pac: Option<Box<VerifiedPac>>,
    kdc_issued: Vec<AuthData>,
    cammac: Vec<AuthData>,
    ap_options: u32,
    replay_checked: bool,
}

/// Which key opened the ticket.
pub(super) struct OpenedBy {
    pub(super) keytab_entry: Option<usize>,
    pub(super) fallback: bool,
}

impl Peer {
    pub(super) fn new<B>(
        ticket: OpenTicket,
        opened_by: OpenedBy,
        (_, _, in_time, _): (SameClient, Admissible, InTime, PathAccepted),
        authorized: Authorized,
        bound: Bound<B>,
        fresh: Fresh,
    ) -> (Self, B) {
        let peer = Self {
            ticket,
            keytab_entry: opened_by.keytab_entry,
            fallback_key: opened_by.fallback,
            clock_offset: in_time.offset,
            pac: authorized.pac,
            kdc_issued: authorized.kdc_issued,
            cammac: authorized.cammac,
            ap_options: authorized.ap_options,
            replay_checked: fresh.checked,
        };
        (peer, bound.0)
    }

    /// The client.
    pub fn client(&self) -> &Principal {
        &self.ticket.client
    }

    /// The server it asked for; a key of this principal opened the ticket.
    pub fn server(&self) -> &Principal {
        &self.ticket.server
    }

    /// The whole ticket: flags, times, addresses, raw authorization data (AP-39).
    pub fn ticket(&self) -> &OpenTicket {
        &self.ticket
    }

    /// The ticket's flags (AP-39).
    pub fn flags(&self) -> TicketFlags {
        self.ticket.flags
    }

    /// When the ticket ends. It ends no session by itself.
    pub fn endtime(&self) -> KerberosTime {
        self.ticket.endtime
    }

    /// The place of the key that opened the ticket in the keytab, from 1; `None` for a
    /// user-to-user ticket.
    pub fn keytab_entry(&self) -> Option<usize> {
        self.keytab_entry
    }

    /// Whether the key is not the one of the version that the ticket names: the keytab's numbers
    /// are wrong (AP-20).
    pub fn used_fallback_key(&self) -> bool {
        self.fallback_key
    }

    /// The client's clock minus ours, in microseconds.
    pub fn clock_offset(&self) -> i64 {
        self.clock_offset
    }

    /// The PAC, its server signature verified.
    pub fn pac(&self) -> Option<&VerifiedPac> {
        self.pac.as_deref()
    }

    /// What the KDC put into AD-KDC-ISSUED. The checksum is right, but the client knows the key
    /// of it: this must not raise the client's rights (AP-36).
    pub fn kdc_issued(&self) -> &[AuthData] {
        &self.kdc_issued
    }

    /// What the KDC put into AD-CAMMAC for this service (AP-37).
    pub fn cammac(&self) -> &[AuthData] {
        &self.cammac
    }

    /// The authentication indicators in AD-CAMMAC: how the client authenticated (RFC 8129).
    pub fn authentication_indicators(&self) -> Vec<String> {
        let elements = self.cammac.iter();
        elements
            .filter(|e| e.ad_type == AdType::AUTHENTICATION_INDICATOR)
            .flat_map(|e| {
                from_der::<Vec<der::asn1::Utf8StringRef<'_>>>(
                    "AD-AUTHENTICATION-INDICATOR",
                    &e.data,
                )
                .unwrap_or_default()
                .into_iter()
                .map(|s| s.as_str().to_owned())
                .collect::<Vec<_>>()
            })
            .collect()
    }

    /// Whether a replay cache said that the request was not seen before. It is false where policy
    /// keeps no cache, or goes on when the cache fails (AP-43).
    pub fn replay_checked(&self) -> bool {
        self.replay_checked
    }

    /// The client says that it got the target's name from an unverified source (AP-80; security
    /// case 128).
    pub fn target_name_unverified(&self) -> bool {
        self.ap_options & AP_OPTIONS_UNVERIFIED_TARGET_NAME != 0
    }
}
