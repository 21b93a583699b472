//! Credential caches: the tickets of a client, as MIT krb5 and Heimdal keep them in files.
//!
//! ```text
//! cache      ::= 05 04, u16 header length, header fields {u16 tag, u16 length, value},
//!                default principal, credentials up to the end         every number big-endian
//! principal  ::= u32 name-type, u32 number of components (without the realm),
//!                realm, components                                    each {u32 length, octets}
//! credential ::= client, server, key {u16 enctype, u32 length, octets},
//!                u32 authtime, starttime, endtime, renew-till, u8 is-skey, u32 flags,
//!                addresses {u32 number, each u16 type, u32 length, octets},
//!                authorization data (likewise),
//!                ticket {u32 length, octets}, second ticket {u32 length, octets}
//! ```
//!
//! Version 3 (05 03) has no header and writes the enctype twice. A [`CredentialCache`] is the file
//! in memory. Reading and changing the file itself is in [`env`](crate::env).
#![cfg_attr(
    not(test),
    deny(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::indexing_slicing,
        clippy::panic
    )
)]

mod config;
mod credential;
mod format;
mod search;
#[cfg(test)]
mod tests;

use std::fmt;

pub use config::ConfigEntry;
pub use credential::CachedCredential;
pub use format::Version;
pub use search::Wanted;

use crate::principal::Principal;
use crate::secret::Secret;

/// The header field that holds the KDC's offset (FILE-10).
const KDC_OFFSET: u16 = 1;

/// A credential cache in memory.
///
/// `Debug` shows no key (security case 118).
#[derive(Clone)]
pub struct CredentialCache {
    /// What it was read as; it is written as version 4 (FILE-09).
    version: Version,
    /// The header fields in their order, unknown ones kept (FILE-10).
    header: Vec<(u16, Vec<u8>)>,
    default_principal: Principal,
    records: Vec<Record>,
}

/// What stands behind the default principal.
#[derive(Clone)]
enum Record {
    /// A ticket or a setting.
    Credential(Box<CachedCredential>),
    /// A credential with a name that no principal can have, as version 4 writes it.
    Unreadable(Secret),
}

impl CredentialCache {
    /// An empty cache of `default_principal`.
    pub fn new(default_principal: Principal) -> Self {
        Self {
            version: Version::V4,
            header: Vec::new(),
            default_principal,
            records: Vec::new(),
        }
    }

    /// The version of the file that it was read from; 4 if it is new.
    pub fn version(&self) -> Version {
        self.version
    }

    /// Whose tickets these are.
    pub fn default_principal(&self) -> &Principal {
        &self.default_principal
    }

    /// KDC clock minus local clock, in microseconds, if the cache says (FILE-10).
    pub fn kdc_offset(&self) -> Option<i64> {
        self.header
            .iter()
            .filter(|(tag, _)| *tag == KDC_OFFSET)
            .find_map(|(_, value)| match *value.as_slice() {
                [s0, s1, s2, s3, m0, m1, m2, m3] => {
                    let seconds = i32::from_be_bytes([s0, s1, s2, s3]);
                    let micros = i32::from_be_bytes([m0, m1, m2, m3]);
                    Some(i64::from(seconds) * 1_000_000 + i64::from(micros))
                }
                _ => None,
            })
    }

    /// Sets KDC clock minus local clock, in microseconds (FILE-10). An offset of more than 68
    /// years is cut to that.
    pub fn set_kdc_offset(&mut self, micros: i64) {
        let seconds = micros
            .div_euclid(1_000_000)
            .clamp(i64::from(i32::MIN), i64::from(i32::MAX)) as i32;
        let rest = micros.rem_euclid(1_000_000) as i32;
        let mut value = seconds.to_be_bytes().to_vec();
        value.extend(rest.to_be_bytes());
        self.header.retain(|(tag, _)| *tag != KDC_OFFSET);
        self.header.insert(0, (KDC_OFFSET, value));
    }

    fn all(&self) -> impl DoubleEndedIterator<Item = &CachedCredential> {
        self.records.iter().filter_map(|record| match record {
            Record::Credential(credential) => Some(&**credential),
            Record::Unreadable(_) => None,
        })
    }

    /// The tickets, in the order of the file; settings are not among them (FILE-13).
    pub fn credentials(&self) -> impl DoubleEndedIterator<Item = &CachedCredential> {
        self.all().filter(|credential| !credential.is_config())
    }

    /// How many credentials there are with a name that no principal can have. They take part in
    /// nothing, and are kept.
    pub fn unreadable(&self) -> usize {
        self.records.len() - self.all().count()
    }

    /// Puts a ticket at the end.
    pub fn store(&mut self, credential: CachedCredential) {
        self.records.push(Record::Credential(Box::new(credential)));
    }

    /// Removes all tickets for which `keep` is false, and says how many those were. Settings stay.
    pub fn retain(&mut self, mut keep: impl FnMut(&CachedCredential) -> bool) -> usize {
        let before = self.records.len();
        self.records.retain(|record| match record {
            Record::Credential(credential) => credential.is_config() || keep(credential),
            Record::Unreadable(_) => true,
        });
        before - self.records.len()
    }
}

impl fmt::Debug for CredentialCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CredentialCache")
            .field("default_principal", &self.default_principal)
            .field("kdc_offset", &self.kdc_offset())
            .field("credentials", &self.credentials().collect::<Vec<_>>())
            .field("config", &self.config_entries().collect::<Vec<_>>())
            .field("unreadable", &self.unreadable())
            .finish()
    }
}
