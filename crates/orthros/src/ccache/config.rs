//! The settings that a cache holds beside its tickets (FILE-13).

use std::fmt;

use super::{CachedCredential, CredentialCache, Record};
use crate::principal::{NameError, Principal};
use crate::wire::NameType;

/// The realm of the server names that stand for settings.
const REALM: &str = "X-CACHECONF:";
/// Their first component.
const NAME: &str = "krb5_ccache_conf_data";
/// The realm of settings that were removed.
pub(super) const REMOVED_REALM: &str = "X-RMED-CONF:";

/// A setting: `fast_avail`, `pa_type`, `pa_config_data`, `proxy_impersonator`, `refresh_time`,
/// `start_realm` and the like.
///
/// `Debug` shows the length of the value only.
#[derive(Clone, Copy)]
pub struct ConfigEntry<'a> {
    /// What is set.
    pub key: &'a str,
    /// The principal for which it is set, in text form; `None` if it is for all.
    pub principal: Option<&'a str>,
    /// The value.
    pub value: &'a [u8],
}

impl fmt::Debug for ConfigEntry<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.key)?;
        if let Some(principal) = self.principal {
            write!(f, "({principal})")?;
        }
        write!(f, ": {} octets", self.value.len())
    }
}

impl CachedCredential {
    /// Whether this is a setting, not a ticket: then `ticket` holds its value (FILE-13).
    pub fn is_config(&self) -> bool {
        self.server.realm() == REALM && self.server.component(0) == Some(NAME)
    }

    fn config(&self) -> Option<ConfigEntry<'_>> {
        self.is_config().then(|| ConfigEntry {
            key: self.server.component(1).unwrap_or_default(),
            principal: self.server.component(2),
            value: &self.ticket,
        })
    }
}

impl CredentialCache {
    /// All settings, in the order of the file.
    pub fn config_entries(&self) -> impl Iterator<Item = ConfigEntry<'_>> {
        self.all().filter_map(CachedCredential::config)
    }

    /// The value of the setting `key`, for `principal` or for all. Of several the last, which was
    /// set last.
    pub fn config(&self, key: &str, principal: Option<&Principal>) -> Option<&[u8]> {
        let principal = principal.map(Principal::to_string);
        self.config_entries()
            .filter(|entry| entry.key == key && entry.principal == principal.as_deref())
            .map(|entry| entry.value)
            .last()
    }

    /// Sets `key`, for `principal` or for all, in place of what was set. A key with a NUL is
    /// refused.
    pub fn set_config(
        &mut self,
        key: &str,
        principal: Option<&Principal>,
        value: &[u8],
    ) -> Result<(), NameError> {
        let for_principal = principal.map(Principal::to_string);
        let components = [NAME, key].into_iter().chain(for_principal.as_deref());
        let server = Principal::new(REALM, NameType::UNKNOWN, components)?;
        let client = self.default_principal.clone();
        let setting = CachedCredential::setting(client, server, value.to_vec());
        self.remove_config(key, principal);
        self.records.push(Record::Credential(Box::new(setting)));
        Ok(())
    }

    /// Removes the setting `key`, for `principal` or for all; says whether it was there.
    pub fn remove_config(&mut self, key: &str, principal: Option<&Principal>) -> bool {
        let principal = principal.map(Principal::to_string);
        let before = self.records.len();
        self.records.retain(|record| match record {
            Record::Credential(credential) => credential
                .config()
                .is_none_or(|entry| entry.key != key || entry.principal != principal.as_deref()),
            Record::Unreadable(_) => true,
        });
        self.records.len() < before
    }
}
