//! What a KDC says about the client's key: METHOD-DATA and the padata of a reply
//! (RFC 4120 §5.2.7).

use std::fmt;

use crate::crypto::{Enctype, Key, iteration_count};
use crate::error::{Error, Rejection};
use crate::principal::Principal;
use crate::secret::Secret;
use crate::wire::{EtypeInfo2Entry, EtypeInfoEntry, PaData, PaDataType, primitive};

use super::reply::broken;

/// What the client proves itself with.
pub(super) enum ClientSecret {
    /// From which a key is made for each enctype and salt.
    Password(Secret),
    /// One of each enctype, of a keytab for instance.
    Keys(Vec<Key>),
}

impl ClientSecret {
    /// Whether there is a key of this enctype.
    pub(super) fn serves(&self, enctype: Enctype) -> bool {
        match self {
            Self::Password(_) => enctype.is_supported(),
            Self::Keys(keys) => keys.iter().any(|key| key.enctype() == enctype),
        }
    }

    /// The key that `hint` describes.
    ///
    /// The iteration count is not less than the enctype's own: the hint is not protected, and a
    /// small count makes the password cheap to guess for whoever sees what the key encrypted.
    pub(super) fn key(&self, hint: &KeyHint, client: &Principal) -> Result<Key, Error> {
        let enctype = hint.enctype;
        match self {
            Self::Password(password) => {
                let params = hint.params.as_deref();
                let asked = iteration_count(enctype, params)?;
                let least = iteration_count(enctype, None)?;
                if asked < least {
                    return Err(broken(format!(
                        "the KDC wants the password hashed {asked} times for {enctype}, \
                         which is less than the {least} of that enctype"
                    )));
                }
                let default = client.default_salt();
                let salt = hint.salt.as_deref().unwrap_or(default.as_bytes());
                Ok(Key::from_password(
                    enctype,
                    password.expose(),
                    salt,
                    params,
                )?)
            }
            Self::Keys(keys) => keys
                .iter()
                .find(|key| key.enctype() == enctype)
                .cloned()
                .ok_or_else(|| no_key(enctype, keys)),
        }
    }
}

impl ClientSecret {
    /// How the key of `hint` comes about, for the operator.
    pub(super) fn described(&self, hint: &KeyHint) -> String {
        let enctype = hint.enctype;
        match (self, &hint.salt) {
            (Self::Keys(_), _) => format!("a key that was given (a keytab), {enctype}"),
            (Self::Password(_), None) => {
                format!("a password, {enctype}, the default salt of the name as it was given")
            }
            (Self::Password(_), Some(salt)) => {
                let salt = String::from_utf8_lossy(salt);
                format!("a password, {enctype}, salt {salt:?} (the KDC's, by PA-ETYPE-INFO2)")
            }
        }
    }
}

/// The KDC chose an enctype for which there is no key.
fn no_key(enctype: Enctype, keys: &[Key]) -> Error {
    Error::rejected(Rejection::Enctype {
        what: "client key",
        enctype,
        permitted: keys.iter().map(Key::enctype).collect(),
    })
}

impl fmt::Debug for ClientSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Password(_) => f.write_str("Password"),
            Self::Keys(keys) => f.debug_tuple("Keys").field(keys).finish(),
        }
    }
}

/// How the client's key is made: an entry of PA-ETYPE-INFO2 (MSG-18).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct KeyHint {
    pub(super) enctype: Enctype,
    /// The default salt if absent; a present one may be empty.
    pub(super) salt: Option<Vec<u8>>,
    /// The enctype's default if absent.
    pub(super) params: Option<Vec<u8>>,
}

impl KeyHint {
    /// Nothing said but the enctype.
    pub(super) fn default_for(enctype: Enctype) -> Self {
        Self {
            enctype,
            salt: None,
            params: None,
        }
    }

    /// The entries of a PA-DATA list, most telling first: those of PA-ETYPE-INFO2; without it
    /// those of PA-ETYPE-INFO, of which only the enctype is taken. PA-PW-SALT is not looked at
    /// (KDC-05).
    pub(super) fn all(padata: &[PaData<'_>]) -> Result<Vec<Self>, Error> {
        if let Some(octets) = find(padata, PaDataType::ETYPE_INFO2) {
            let entries: Vec<EtypeInfo2Entry<'_>> = primitive::from_der("ETYPE-INFO2", octets)?;
            return Ok(entries
                .iter()
                .map(|entry| Self {
                    enctype: Enctype(entry.etype),
                    salt: entry.salt.map(|salt| salt.0.as_bytes().to_vec()),
                    params: entry.s2kparams.map(|params| params.0.to_vec()),
                })
                .collect());
        }
        match find(padata, PaDataType::ETYPE_INFO) {
            Some(octets) => {
                let entries: Vec<EtypeInfoEntry<'_>> = primitive::from_der("ETYPE-INFO", octets)?;
                Ok(entries
                    .iter()
                    .map(|entry| Self::default_for(Enctype(entry.etype)))
                    .collect())
            }
            None => Ok(Vec::new()),
        }
    }

    /// The entry for the client's most wanted enctype for which it has a key: a KDC, or whoever
    /// speaks for it, cannot lower the choice below the client's list (KDC-06).
    pub(super) fn choose(
        entries: &[Self],
        wanted: &[Enctype],
        secret: &ClientSecret,
    ) -> Result<Self, Error> {
        let mut able = wanted.iter().filter(|enctype| secret.serves(**enctype));
        let chosen = match entries {
            [] => able.next().map(|enctype| Self::default_for(*enctype)),
            _ => able
                .find_map(|enctype| entries.iter().find(|entry| entry.enctype == *enctype))
                .cloned(),
        };
        chosen.ok_or_else(|| {
            let offered = entries.first().map(|entry| entry.enctype);
            match offered.or(wanted.first().copied()) {
                Some(enctype) => Error::rejected(Rejection::Enctype {
                    what: "client key",
                    enctype,
                    permitted: wanted.to_vec(),
                }),
                None => Error::Misuse("no enctype is wanted"),
            }
        })
    }

    /// The entry in an AS-REP. There is exactly one, and it is of the reply's enctype (MSG-19).
    pub(super) fn of_reply(padata: &[PaData<'_>], enctype: Enctype) -> Result<Option<Self>, Error> {
        let present = |padata_type| find(padata, padata_type).is_some();
        if !present(PaDataType::ETYPE_INFO2) && !present(PaDataType::ETYPE_INFO) {
            return Ok(None);
        }
        match <[Self; 1]>::try_from(Self::all(padata)?) {
            Ok([entry]) if entry.enctype == enctype => Ok(Some(entry)),
            Ok([entry]) => Err(broken(format!(
                "its PA-ETYPE-INFO2 is for {}, but it is encrypted with {enctype}",
                entry.enctype
            ))),
            Err(entries) => Err(broken(format!(
                "its PA-ETYPE-INFO2 has {} entries instead of one",
                entries.len()
            ))),
        }
    }
}

/// The value of the first element of this type.
pub(super) fn find<'a>(padata: &[PaData<'a>], padata_type: PaDataType) -> Option<&'a [u8]> {
    padata
        .iter()
        .find(|element| element.padata_type == padata_type)
        .map(|element| element.padata_value.0)
}
