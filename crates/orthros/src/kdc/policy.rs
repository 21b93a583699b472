//! The rules of a realm.

use std::time::Duration;

use super::{Domain, PrincipalEntry, Refused};
use crate::crypto::Enctype;
use crate::principal::Principal;
use crate::time::Timestamp;
use crate::wire::ErrorCode;

/// The rules of a realm; the defaults are those of RFC 4120 §8.2 (KDC-15).
#[derive(Clone, Debug)]
pub struct Policy {
    /// How far a client's clock may be off: 5 minutes.
    pub clock_skew: Duration,
    /// The shortest life that can be asked for: 5 minutes.
    pub min_life: Duration,
    /// The longest life of a ticket: 1 day.
    pub max_life: Duration,
    /// How long a ticket can be renewed: 7 days.
    pub max_renewable_life: Duration,
    /// The enctypes of tickets, replies and session keys, and of new random keys in this order.
    /// RC4 is not among them unless somebody puts it there (security cases 53, 96, 97).
    pub enctypes: Vec<Enctype>,
    /// The domain that PACs speak of; without it there are none.
    pub domain: Option<Domain>,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            clock_skew: Duration::from_secs(5 * 60),
            min_life: Duration::from_secs(5 * 60),
            max_life: Duration::from_secs(24 * 3_600),
            max_renewable_life: Duration::from_secs(7 * 24 * 3_600),
            enctypes: vec![
                Enctype::AES256_CTS_HMAC_SHA384_192,
                Enctype::AES256_CTS_HMAC_SHA1_96,
                Enctype::AES128_CTS_HMAC_SHA256_128,
                Enctype::AES128_CTS_HMAC_SHA1_96,
            ],
            domain: None,
        }
    }
}

impl Policy {
    /// Whether keys of this enctype are used at all.
    pub fn permits(&self, enctype: Enctype) -> bool {
        enctype.is_supported() && self.enctypes.contains(&enctype)
    }
}

/// Whether the principal may get tickets now (KDC-11).
pub(super) fn admissible_client(
    entry: &PrincipalEntry,
    name: &Principal,
    now: Timestamp,
) -> Result<(), Refused> {
    let codes = [
        ErrorCode::KDC_ERR_CLIENT_REVOKED,
        ErrorCode::KDC_ERR_NAME_EXP,
    ];
    admissible(entry, name, now, codes)
}

/// Whether tickets for the principal may be issued now (KDC-11).
pub(super) fn admissible_server(
    entry: &PrincipalEntry,
    name: &Principal,
    now: Timestamp,
) -> Result<(), Refused> {
    let codes = [
        ErrorCode::KDC_ERR_SERVICE_REVOKED,
        ErrorCode::KDC_ERR_SERVICE_EXP,
    ];
    admissible(entry, name, now, codes)
}

fn admissible(
    entry: &PrincipalEntry,
    name: &Principal,
    now: Timestamp,
    [revoked, expired]: [ErrorCode; 2],
) -> Result<(), Refused> {
    if entry.attributes.locked {
        return Err(Refused::new(revoked, format!("{name} is locked")));
    }
    if PrincipalEntry::past(entry.expires, now) {
        return Err(Refused::new(expired, format!("{name} has expired")));
    }
    Ok(())
}
