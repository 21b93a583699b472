//! Who the peer is, proven.

use std::fmt;
use std::sync::Arc;

use super::authdata::{
    AP_OPTIONS_CBT, AP_OPTIONS_UNVERIFIED_TARGET_NAME, AuthData, elements_within,
};
use super::ms_kile::{self, TokenRestrictions};
use super::ticket::OpenTicket;
use super::verify::{
    Admissible, Authorized, Bound, InTime, PathAccepted, SameClient, Vouched, is_anonymous,
};
use crate::pac::VerifiedPac;
use crate::principal::Principal;
use crate::secret::Secret;
use crate::time::{KerberosTime, Timestamp};
use crate::wire::{AdType, Authenticator, Message, TicketFlags, primitive::from_der};

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
pub struct Peer {
    ticket: Arc<OpenTicket>,
    opened_by: OpenedBy,
    clock_offset: i64,
    vouched: Vouched,
    ap_options: u32,
    replay_checked: bool,
    replay_cache: Option<&'static str>,
    replay_tag: [u8; 12],
}

/// What opened the request: the ticket's key, and what the session key opened.
pub(super) struct OpenedBy {
    /// The place in the keytab and the version; `None` for a TGT's session key.
    pub(super) key: Option<(usize, u32)>,
    pub(super) fallback: bool,
    /// The Authenticator, DER.
    pub(super) authenticator: Secret,
}

impl Peer {
    pub(super) fn new<B>(
        ticket: Arc<OpenTicket>,
        opened_by: OpenedBy,
        (_, _, in_time, _): (SameClient, Admissible, InTime, PathAccepted),
        authorized: Authorized,
        bound: Bound<B>,
        fresh: Fresh,
        (replay_cache, replay_tag): (Option<&'static str>, [u8; 12]),
    ) -> (Self, B) {
        let peer = Self {
            ticket,
            opened_by,
            clock_offset: in_time.offset,
            vouched: authorized.vouched,
            ap_options: authorized.ap_options,
            replay_checked: fresh.checked,
            replay_cache,
            replay_tag,
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

    /// Whether the client is anonymous: nobody in particular, whatever the name says (AP-41). The
    /// acceptor's policy must have allowed it.
    pub fn is_anonymous(&self) -> bool {
        self.flags().contains(TicketFlags::ANONYMOUS) || is_anonymous(self.client())
    }

    /// When the ticket ends. It ends no session by itself.
    pub fn endtime(&self) -> KerberosTime {
        self.ticket.endtime
    }

    /// When the application should end the session: the ticket's end, or before it the moment from
    /// which the client's domain wants no session of it (KickOffTime of LOGON_INFO).
    pub fn session_expiry(&self) -> Timestamp {
        let ticket = Timestamp::from(self.ticket.endtime);
        let info = self.pac().and_then(VerifiedPac::logon_info);
        let kicked = info.and_then(|info| info.kick_off_time.timestamp());
        kicked.map_or(ticket, |kicked| kicked.min(ticket))
    }

    /// The authorization data of the ticket as the KDC sealed it, every element (AP-39). What is
    /// vouched for among it is in the other methods.
    pub fn authorization_data(&self) -> Vec<AuthData> {
        let part = self.ticket.enc_part();
        let elements = part.ok().and_then(|part| part.authorization_data);
        elements.iter().flatten().map(AuthData::new).collect()
    }

    /// The authorization data of the authenticator, every element: the client's own words, for
    /// which nobody vouches (AP-39).
    pub fn client_authorization_data(&self) -> Vec<AuthData> {
        let sent = Authenticator::from_bytes(self.opened_by.authenticator.expose());
        let elements = sent.ok().and_then(|sent| sent.authorization_data);
        elements.iter().flatten().map(AuthData::new).collect()
    }

    /// The elements of a type in the authenticator, also within AD-IF-RELEVANT.
    fn said(&self, ad_type: AdType) -> Option<AuthData> {
        let mut all = elements_within(self.client_authorization_data());
        all.find(|element| element.ad_type == ad_type)
    }

    /// The place of the key that opened the ticket in the keytab, from 1; `None` for a
    /// user-to-user ticket.
    pub fn keytab_entry(&self) -> Option<usize> {
        self.opened_by.key.map(|(index, _)| index)
    }

    /// The version of that key in the keytab, which may have kept its low eight bits only (AP-21).
    /// The version that the ticket names is in [`ticket`](Self::ticket).
    pub fn keytab_kvno(&self) -> Option<u32> {
        self.opened_by.key.map(|(_, kvno)| kvno)
    }

    /// Whether the key is not the one of the version that the ticket names: the keytab's numbers
    /// are wrong (AP-20).
    pub fn used_fallback_key(&self) -> bool {
        self.opened_by.fallback
    }

    /// The client's clock minus ours, in microseconds.
    pub fn clock_offset(&self) -> i64 {
        self.clock_offset
    }

    /// The PAC, its server signature verified.
    pub fn pac(&self) -> Option<&VerifiedPac> {
        self.vouched.pac.as_deref()
    }

    /// What the KDC put into AD-KDC-ISSUED. The checksum is right, but the client knows the key
    /// of it: this must not raise the client's rights (AP-36).
    pub fn kdc_issued(&self) -> &[AuthData] {
        &self.vouched.kdc_issued
    }

    /// What the KDC put into AD-CAMMAC for this service (AP-37).
    pub fn cammac(&self) -> &[AuthData] {
        &self.vouched.cammac
    }

    /// The authentication indicators in AD-CAMMAC: how the client authenticated (RFC 8129).
    pub fn authentication_indicators(&self) -> Vec<String> {
        let elements = self.vouched.cammac.iter();
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

    /// Which kind of replay cache said so, as the acceptor's configuration names it; `None` if none
    /// did.
    pub fn replay_cache(&self) -> Option<&'static str> {
        self.replay_cache
    }

    /// What a replay cache knows the request by. The refusal of the same request, sent again, names
    /// it too.
    pub fn replay_tag(&self) -> [u8; 12] {
        self.replay_tag
    }

    /// The client says that it knows of channel bindings, and supplies some if it has any (AP-80).
    pub fn supplies_channel_bindings(&self) -> bool {
        self.ap_options & AP_OPTIONS_CBT != 0
    }

    /// What a Windows client says about its own process (AP-82). It means something to the client's
    /// own machine only, and was not looked at.
    pub fn token_restrictions(&self) -> Option<TokenRestrictions> {
        TokenRestrictions::parse(&self.said(AdType::KERB_TOKEN_RESTRICTIONS)?.data)
    }

    /// The target that a Windows client says it wanted (AP-82): its own word.
    pub fn client_target(&self) -> Option<String> {
        ms_kile::client_target(&self.said(AdType::CLIENT_TARGET)?.data)
    }

    /// The client says that it got the target's name from an unverified source (AP-80; security
    /// case 128).
    pub fn target_name_unverified(&self) -> bool {
        self.ap_options & AP_OPTIONS_UNVERIFIED_TARGET_NAME != 0
    }
}

impl fmt::Debug for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Peer")
            .field("ticket", &self.ticket)
            .field("keytab_entry", &self.keytab_entry())
            .field("keytab_kvno", &self.keytab_kvno())
            .field("fallback_key", &self.used_fallback_key())
            .field("clock_offset", &self.clock_offset)
            .field("pac", &self.pac())
            .field(
                "authentication_indicators",
                &self.authentication_indicators(),
            )
            .finish_non_exhaustive()
    }
}
