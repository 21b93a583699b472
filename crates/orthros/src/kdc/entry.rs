//! What a KDC knows of a principal: its names, keys, limits and attributes.

use std::fmt;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use crate::crypto::{CryptoError, Enctype, Key};
use crate::principal::Principal;
use crate::random::Random;
use crate::secret::Secret;
use crate::time::{KerberosTime, Timestamp};

use super::Identity;

/// A principal in the database.
///
/// `Debug` shows no key.
#[derive(Clone, Debug)]
pub struct PrincipalEntry {
    /// The canonical name.
    pub name: Principal,
    /// Other names under which it is found.
    pub aliases: Vec<Principal>,
    /// Its keys, the newest version first.
    pub keys: Vec<KeyVersion>,
    /// What it may do and must do.
    pub attributes: Attributes,
    /// From when the principal can neither get nor be given tickets (KDC-11).
    pub expires: Option<KerberosTime>,
    /// From when the only ticket for it is one to change its password (KDC-11). A moment in the
    /// past: the password is to be changed now.
    pub password_expires: Option<KerberosTime>,
    /// The longest life of a ticket by or for it; the realm's limit if absent.
    pub max_life: Option<Duration>,
    /// How long such a ticket can be renewed; the realm's limit if absent.
    pub max_renewable_life: Option<Duration>,
    /// As a server: the enctypes of session keys that it can use; those of its own keys if absent
    /// (KDC-14).
    pub session_enctypes: Option<Vec<Enctype>>,
    /// Who it is in the words of a PAC; without it, its tickets hold none.
    pub identity: Option<Identity>,
}

/// What a principal may do and must do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attributes {
    /// As a client it has to show that it knows its key before it gets anything encrypted in it
    /// (KDC-12).
    pub requires_preauth: bool,
    /// Locked: neither gets tickets nor is given tickets for (KDC-11).
    pub locked: bool,
    /// Tickets by and for it can be forwardable.
    pub forwardable: bool,
    /// Tickets by and for it can be proxiable.
    pub proxiable: bool,
    /// Tickets by and for it can be postdated.
    pub postdatable: bool,
    /// Tickets by and for it can be renewable.
    pub renewable: bool,
    /// As a server: clients may trust it with forwarded credentials (RFC 4120 §2.8).
    pub ok_as_delegate: bool,
    /// As a server: only tickets under the session key of its TGT. A ticket under a key that comes
    /// from a password lets everybody guess the password offline (security case 97).
    pub only_user_to_user: bool,
    /// As a server: only tickets straight from the AS exchange, as kadmin/changepw wants them.
    pub only_initial: bool,
}

impl Attributes {
    /// Of a person.
    pub const USER: Self = Self {
        requires_preauth: true,
        locked: false,
        forwardable: true,
        proxiable: true,
        postdatable: true,
        renewable: true,
        ok_as_delegate: false,
        only_user_to_user: true,
        only_initial: false,
    };

    /// Of a service with a random key.
    pub const SERVICE: Self = Self {
        only_user_to_user: false,
        ..Self::USER
    };
}

/// The keys of one version, the most wanted first.
#[derive(Clone, Debug)]
pub struct KeyVersion {
    /// The version.
    pub kvno: u32,
    /// One key for each enctype.
    pub keys: Vec<EntryKey>,
}

/// A key in the database, and what a client needs to make it from a password.
#[derive(Clone)]
pub struct EntryKey {
    enctype: Enctype,
    salt: Option<Box<str>>,
    s2kparams: Option<Box<[u8]>>,
    source: Source,
}

#[derive(Clone)]
enum Source {
    Octets(Key),
    /// Clones share what the first of them derived.
    Password(Arc<(Secret, OnceLock<Key>)>),
}

impl EntryKey {
    /// A key that no password gives.
    pub fn random(key: Key) -> Self {
        Self {
            enctype: key.enctype(),
            salt: None,
            s2kparams: None,
            source: Source::Octets(key),
        }
    }

    /// A key that was made from a password with this salt and string-to-key parameter; `None` is
    /// the enctype's default parameter.
    pub fn salted(key: Key, salt: impl Into<Box<str>>, s2kparams: Option<&[u8]>) -> Self {
        Self {
            enctype: key.enctype(),
            salt: Some(salt.into()),
            s2kparams: s2kparams.map(Into::into),
            source: Source::Octets(key),
        }
    }

    /// A key to be made from a password when it is first needed: string-to-key is slow on purpose.
    pub fn from_password(
        enctype: Enctype,
        password: Secret,
        salt: impl Into<Box<str>>,
        s2kparams: Option<&[u8]>,
    ) -> Self {
        Self {
            enctype,
            salt: Some(salt.into()),
            s2kparams: s2kparams.map(Into::into),
            source: Source::Password(Arc::new((password, OnceLock::new()))),
        }
    }

    /// Its enctype.
    pub fn enctype(&self) -> Enctype {
        self.enctype
    }

    /// The salt, if a password gives this key.
    pub fn salt(&self) -> Option<&str> {
        self.salt.as_deref()
    }

    /// The string-to-key parameter, if it is not the enctype's default.
    pub fn s2kparams(&self) -> Option<&[u8]> {
        self.s2kparams.as_deref()
    }

    /// The key itself.
    pub fn key(&self) -> Result<&Key, CryptoError> {
        match &self.source {
            Source::Octets(key) => Ok(key),
            Source::Password(shared) => {
                let (password, derived) = &**shared;
                if let Some(key) = derived.get() {
                    return Ok(key);
                }
                let salt = self.salt.as_deref().unwrap_or_default();
                let key = Key::from_password(
                    self.enctype,
                    password.expose(),
                    salt.as_bytes(),
                    self.s2kparams(),
                )?;
                Ok(derived.get_or_init(|| key))
            }
        }
    }
}

impl fmt::Debug for EntryKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EntryKey")
            .field("enctype", &self.enctype)
            .field("salt", &self.salt)
            .finish_non_exhaustive()
    }
}

impl KeyVersion {
    /// A new random key for each of the enctypes.
    pub fn random(kvno: u32, enctypes: &[Enctype], rng: &dyn Random) -> Result<Self, CryptoError> {
        let keys = enctypes
            .iter()
            .map(|enctype| Ok(EntryKey::random(Key::random(*enctype, rng)?)))
            .collect::<Result<_, CryptoError>>()?;
        Ok(Self { kvno, keys })
    }

    /// The keys of a password with the default salt of `name` (MSG-18).
    pub fn from_password(
        kvno: u32,
        name: &Principal,
        password: &Secret,
        enctypes: &[Enctype],
    ) -> Self {
        let salt = name.default_salt();
        let keys = enctypes
            .iter()
            .map(|e| EntryKey::from_password(*e, password.clone(), salt.as_str(), None))
            .collect();
        Self { kvno, keys }
    }

    /// The key of an enctype.
    pub fn of(&self, enctype: Enctype) -> Option<&EntryKey> {
        self.keys.iter().find(|key| key.enctype == enctype)
    }
}

impl PrincipalEntry {
    /// A principal with these keys and nothing special about it.
    pub fn new(name: Principal, keys: KeyVersion, attributes: Attributes) -> Self {
        Self {
            name,
            aliases: Vec::new(),
            keys: vec![keys],
            attributes,
            expires: None,
            password_expires: None,
            max_life: None,
            max_renewable_life: None,
            session_enctypes: None,
            identity: None,
        }
    }

    /// The newest keys: the only ones by which a client is recognised, and that seal new tickets.
    pub fn newest(&self) -> Option<&KeyVersion> {
        self.keys.first()
    }

    /// Puts new keys before the old ones, which stay for tickets that were sealed with them.
    pub fn add_keys(&mut self, keys: KeyVersion) {
        self.keys.retain(|version| version.kvno != keys.kvno);
        self.keys.push(keys);
        self.keys
            .sort_by_key(|version| std::cmp::Reverse(version.kvno));
    }

    /// The version that the next change of keys gives.
    pub fn next_kvno(&self) -> u32 {
        self.newest().map_or(1, |keys| keys.kvno.saturating_add(1))
    }

    /// Whether it has this name, canonical or not.
    pub fn is_named(&self, name: &Principal) -> bool {
        self.name == *name || self.aliases.contains(name)
    }

    /// Whether a moment has come that `expires` or `password_expires` names.
    pub(super) fn past(moment: Option<KerberosTime>, now: Timestamp) -> bool {
        moment.is_some_and(|moment| Timestamp::from(moment) <= now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::OsRandom;

    const ENCTYPE: Enctype = Enctype::AES256_CTS_HMAC_SHA1_96;

    fn alice() -> Principal {
        Principal::parse("alice@R", None).unwrap()
    }

    #[test]
    fn a_changed_key_keeps_the_old_one() {
        let keys = KeyVersion::random(1, &[ENCTYPE], &OsRandom).unwrap();
        let mut entry = PrincipalEntry::new(alice(), keys, Attributes::USER);
        let next = KeyVersion::random(entry.next_kvno(), &[ENCTYPE], &OsRandom).unwrap();
        entry.add_keys(next);
        let kvnos: Vec<_> = entry.keys.iter().map(|v| v.kvno).collect();
        assert_eq!(kvnos, [2, 1]);
    }

    #[test]
    fn a_password_key_is_derived_once_for_all_clones() {
        let keys = KeyVersion::from_password(1, &alice(), &Secret::from("pw"), &[ENCTYPE]);
        let copy = keys.clone();
        let first: *const Key = keys.of(ENCTYPE).unwrap().key().unwrap();
        let second: *const Key = copy.of(ENCTYPE).unwrap().key().unwrap();
        assert_eq!(first, second);
        assert_eq!(keys.of(ENCTYPE).unwrap().salt(), Some("Ralice"));
    }

    #[test]
    fn cry_27_debug_shows_no_key() {
        let keys = KeyVersion::from_password(1, &alice(), &Secret::from("hunter2"), &[ENCTYPE]);
        let entry = PrincipalEntry::new(alice(), keys, Attributes::USER);
        assert!(!format!("{entry:?}").contains("hunter2"));
    }
}
