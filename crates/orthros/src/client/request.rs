//! The body of a KDC-REQ: what is asked for (RFC 4120 §5.4.1).

use std::time::Duration;

use crate::crypto::{DEFAULT_ENCTYPES, Enctype};
use crate::error::Error;
use crate::principal::Principal;
use crate::random::Random;
use crate::time::{KerberosTime, Timestamp};
use crate::wire::{
    AddrType, HostAddress, KdcOptions, KdcReqBody, OctetString, Raw, TicketFlags, UInt32,
};

/// How a ticket should be, beside whose and for whom.
#[derive(Clone, Debug)]
pub(super) struct Wishes {
    pub(super) options: KdcOptions,
    /// In order of preference.
    pub(super) enctypes: Vec<Enctype>,
    /// From its start to its end; as long as policy allows if absent (MSG-17).
    pub(super) lifetime: Option<Duration>,
    /// From its start to the end of its renewals; absent if it need not be renewable.
    pub(super) renew_lifetime: Option<Duration>,
    /// The start of a postdated ticket.
    pub(super) start: Option<KerberosTime>,
    /// Empty for a ticket that can be used from everywhere (KDC-01).
    pub(super) addresses: Vec<(AddrType, Vec<u8>)>,
    /// Flags without which the ticket is of no use.
    pub(super) required: TicketFlags,
}

impl Default for Wishes {
    fn default() -> Self {
        Self {
            options: KdcOptions::NONE,
            enctypes: DEFAULT_ENCTYPES.to_vec(),
            lifetime: None,
            renew_lifetime: None,
            start: None,
            addresses: Vec::new(),
            required: TicketFlags::NONE,
        }
    }
}

impl Wishes {
    /// Asks for an option or not.
    pub(super) fn set(&mut self, option: KdcOptions, wanted: bool) {
        self.options = match wanted {
            true => self.options.with(option),
            false => self.options.without(option),
        };
    }

    /// Asks for a ticket that can be renewed.
    pub(super) fn renewable(&mut self, lifetime: Duration) {
        self.renew_lifetime = Some(lifetime);
        self.set(KdcOptions::RENEWABLE, true);
    }

    /// Asks for a ticket that starts later.
    pub(super) fn postdated(&mut self, start: KerberosTime) {
        self.start = Some(start);
        self.set(KdcOptions::POSTDATED, true);
    }

    /// The body. `latest` is the latest end there is, if the client knows one.
    ///
    /// The nonce is random and below 2^31 (KDC-01, MSG-11).
    pub(super) fn body<'a>(
        &'a self,
        client: Option<&'a Principal>,
        server: &'a Principal,
        latest: Option<KerberosTime>,
        additional_ticket: Option<&'a [u8]>,
        now: Timestamp,
        rng: &dyn Random,
    ) -> Result<KdcReqBody<'a>, Error> {
        let mut nonce = [0; 4];
        rng.fill(&mut nonce)?;
        let start = self.start.unwrap_or(now.time());
        let till = match (self.lifetime, latest) {
            (Some(lifetime), Some(latest)) => start.plus(lifetime).min(latest),
            (Some(lifetime), None) => start.plus(lifetime),
            (None, Some(latest)) => latest,
            (None, None) => KerberosTime::EPOCH,
        };
        let addresses = self.addresses.iter().map(|(addr_type, address)| {
            let (addr_type, address) = (*addr_type, OctetString(address));
            HostAddress { addr_type, address }
        });
        Ok(KdcReqBody {
            kdc_options: self.options,
            cname: client.map(Principal::to_wire),
            realm: server.realm_to_wire(),
            sname: Some(server.to_wire()),
            from: self.start,
            till,
            rtime: self.renew_lifetime.map(|lifetime| start.plus(lifetime)),
            nonce: UInt32(u32::from_be_bytes(nonce) & 0x7FFF_FFFF),
            etype: self.enctypes.iter().map(|enctype| enctype.0).collect(),
            addresses: match self.addresses.is_empty() {
                true => None,
                false => Some(addresses.collect()),
            },
            enc_authorization_data: None,
            additional_tickets: match additional_ticket {
                Some(ticket) => Some(vec![Raw::new(ticket)?]),
                None => None,
            },
        })
    }
}
