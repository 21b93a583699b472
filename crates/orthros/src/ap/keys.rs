//! The keys of an acceptor, and which of them opens a ticket (AP-16 to AP-21).

use std::cmp::Reverse;
use std::collections::HashMap;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::OnceLock;

use crate::crypto::{Cipher, CryptoError, Enctype, Key, KeyUsage, Mac};
use crate::error::{ConsideredKey, KeyVerdict, Rejection};
use crate::keytab::{Keytab, newer};
use crate::principal::Principal;
use crate::secret::Secret;
use crate::wire::{EncryptedData, KerberosString, PrincipalName, Ticket};

/// A long-term key of a service.
///
/// What is derived from it is derived once and kept.
pub struct ServiceKey {
    index: usize,
    principal: Principal,
    kvno: u32,
    /// When it was written, in seconds; 0 if nobody says.
    written: u32,
    key: Key,
    ticket: OnceLock<Cipher>,
    pac: OnceLock<Mac>,
}

impl ServiceKey {
    /// Its place in the keytab, from 1.
    pub fn index(&self) -> usize {
        self.index
    }

    /// Whose key it is.
    pub fn principal(&self) -> &Principal {
        &self.principal
    }

    /// Its version.
    pub fn kvno(&self) -> u32 {
        self.kvno
    }

    /// Its enctype.
    pub fn enctype(&self) -> Enctype {
        self.key.enctype()
    }

    /// The key itself.
    pub fn key(&self) -> &Key {
        &self.key
    }

    fn ticket_cipher(&self) -> Result<&Cipher, CryptoError> {
        kept(&self.ticket, || self.key.cipher(KeyUsage::TICKET))
    }

    /// The MAC of the server signature of a PAC.
    pub(crate) fn pac_mac(&self) -> Result<&Mac, CryptoError> {
        kept(&self.pac, || self.key.mac(KeyUsage::NON_KERB_CKSUM))
    }
}

fn kept<T>(
    cell: &OnceLock<T>,
    derive: impl FnOnce() -> Result<T, CryptoError>,
) -> Result<&T, CryptoError> {
    match cell.get() {
        Some(derived) => Ok(derived),
        None => {
            let derived = derive()?;
            Ok(cell.get_or_init(|| derived))
        }
    }
}

/// The keys of an acceptor, found by the principal a ticket names.
///
/// Share them behind an `Arc`. `Debug` shows no key.
pub struct ServiceKeys {
    keys: Vec<ServiceKey>,
    by_name: HashMap<u64, Vec<usize>>,
    hasher: RandomState,
}

/// A ticket that was opened, and with which key.
pub(super) struct OpenedWith<'k> {
    pub(super) key: &'k ServiceKey,
    /// The key is not the one the ticket's kvno names (AP-20).
    pub(super) fallback: bool,
    /// EncTicketPart, DER.
    pub(super) plaintext: Secret,
}

impl ServiceKeys {
    /// Keys by principal and version; each gets the number of its place, from 1.
    pub fn new(keys: impl IntoIterator<Item = (Principal, u32, Key)>) -> Self {
        let numbered = keys.into_iter().zip(1..);
        Self::numbered(
            numbered.map(|((principal, kvno, key), index)| (index, principal, (kvno, 0), key)),
        )
    }

    /// Keys with their places in a keytab, some of whose entries may not be usable, and with
    /// version and time.
    fn numbered(keys: impl Iterator<Item = (usize, Principal, (u32, u32), Key)>) -> Self {
        let mut all = Self {
            keys: Vec::new(),
            by_name: HashMap::new(),
            hasher: RandomState::new(),
        };
        for (index, principal, (kvno, written), key) in keys {
            let name = all.hash(principal.realm(), principal.components());
            all.by_name.entry(name).or_default().push(all.keys.len());
            all.keys.push(ServiceKey {
                index,
                principal,
                kvno,
                written,
                key,
                ticket: OnceLock::new(),
                pac: OnceLock::new(),
            });
        }
        all
    }

    /// All keys, in their order.
    pub fn iter(&self) -> impl Iterator<Item = &ServiceKey> {
        self.keys.iter()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    fn hash<'n>(&self, realm: &str, components: impl Iterator<Item = &'n str>) -> u64 {
        let mut state = self.hasher.build_hasher();
        state.write(realm.as_bytes());
        for component in components {
            // 0xff is in no UTF-8 text.
            state.write_u8(0xff);
            state.write(component.as_bytes());
        }
        state.finish()
    }

    fn of<'k>(
        &'k self,
        realm: &KerberosString<'_>,
        name: &PrincipalName<'_>,
    ) -> impl Iterator<Item = &'k ServiceKey> {
        let hash = self.hash(realm.0, name.name_string.iter().map(|c| c.0));
        self.by_name
            .get(&hash)
            .into_iter()
            .flatten()
            .filter_map(|at| self.keys.get(*at))
            .filter(|key| key.principal.matches(realm, name))
    }

    /// Opens the ticket's enc-part.
    ///
    /// The key is chosen by the ticket's clear realm and sname, kvno and enctype (AP-16). If it
    /// does not fit, or the ticket has no kvno, the principal's other keys of the same enctype are
    /// tried, the newest first (AP-20); keys of other principals never are (security cases 9 and
    /// 12).
    pub(super) fn open(
        &self,
        ticket: &Ticket<'_>,
        server: &Principal,
    ) -> Result<OpenedWith<'_>, Rejection> {
        let (realm, sname, sealed) = (&ticket.realm, &ticket.sname, &ticket.enc_part);
        let enctype = Enctype(sealed.etype);
        let kvno = sealed.kvno.map(|kvno| kvno.0);
        let of_enctype = || self.of(realm, sname).filter(|k| k.enctype() == enctype);

        let mut tried = Vec::new();
        let named = kvno.and_then(|kvno| {
            // The full number first: a keytab may hold 3 and 259.
            let exact = of_enctype().find(|key| key.kvno == kvno);
            exact.or_else(|| of_enctype().find(|key| same_kvno(key.kvno, kvno)))
        });
        if let Some(key) = named {
            if let Some(plaintext) = decrypt(key, sealed) {
                return Ok(OpenedWith {
                    key,
                    fallback: false,
                    plaintext,
                });
            }
            tried.push(key.index);
        } else if let Some(kvno) = kvno {
            return Err(self.no_such_version(server, kvno, sealed));
        }

        let others = of_enctype().filter(|key| !tried.contains(&key.index));
        for key in newest_first(others.collect()) {
            if let Some(plaintext) = decrypt(key, sealed) {
                return Ok(OpenedWith {
                    key,
                    fallback: kvno.is_some(),
                    plaintext,
                });
            }
            tried.push(key.index);
        }
        if tried.is_empty() {
            return Err(self.none_fits(server, sealed));
        }
        Err(self.none_opens(server, kvno, sealed, &tried))
    }

    fn considered(&self, verdict: impl Fn(&ServiceKey) -> KeyVerdict) -> Vec<ConsideredKey> {
        let judged = self.keys.iter().map(|key| ConsideredKey {
            index: key.index,
            principal: key.principal.clone(),
            kvno: key.kvno,
            enctype: key.enctype(),
            verdict: verdict(key),
        });
        judged.collect()
    }

    /// AP-17, AP-18: no key of this version.
    #[cold]
    fn no_such_version(
        &self,
        server: &Principal,
        kvno: u32,
        sealed: &EncryptedData<'_>,
    ) -> Rejection {
        let enctype = Enctype(sealed.etype);
        // For the operator: whether a version is only called otherwise. It is not used (AP-18).
        let own = |key: &&ServiceKey| key.principal == *server && key.enctype() == enctype;
        let mut candidates = self.keys.iter().filter(own).take(MAX_ALIASES);
        let misnumbered = candidates.find(|key| decrypt(key, sealed).is_some());
        let misnumbered = misnumbered.map(|key| key.index);
        let considered = self.considered(|key| {
            if key.principal != *server {
                KeyVerdict::OtherPrincipal
            } else if same_kvno(key.kvno, kvno) {
                KeyVerdict::OtherEnctype
            } else if Some(key.index) == misnumbered {
                KeyVerdict::Misnumbered
            } else {
                KeyVerdict::OtherVersion
            }
        });
        let server = server.clone();
        let ours = || self.keys.iter().filter(|key| key.principal == server);
        match ours().map(|key| key.kvno).max() {
            None => self.no_key(server, sealed, considered),
            Some(_) if ours().any(|key| same_kvno(key.kvno, kvno)) => Rejection::KeyEnctype {
                server,
                enctype,
                considered,
            },
            Some(newest) => Rejection::KeyVersion {
                server,
                kvno,
                newest,
                considered,
            },
        }
    }

    /// AP-17. For the operator a key of another name is looked for that opens the ticket. It is not
    /// used: the ticket is for a name that nobody gave this service (security cases 9 and 12).
    fn no_key(
        &self,
        server: Principal,
        sealed: &EncryptedData<'_>,
        mut considered: Vec<ConsideredKey>,
    ) -> Rejection {
        let same = self
            .keys
            .iter()
            .filter(|key| key.enctype().0 == sealed.etype);
        let alias = same
            .take(MAX_ALIASES)
            .find(|key| decrypt(key, sealed).is_some());
        if let Some(alias) = alias {
            let entry = considered
                .iter_mut()
                .find(|entry| entry.index == alias.index);
            if let Some(entry) = entry {
                entry.verdict = KeyVerdict::Alias;
            }
        }
        Rejection::NoKey { server, considered }
    }

    /// A ticket without kvno and no key of its enctype.
    #[cold]
    fn none_fits(&self, server: &Principal, sealed: &EncryptedData<'_>) -> Rejection {
        let enctype = Enctype(sealed.etype);
        let considered = self.considered(|key| {
            if key.principal == *server {
                KeyVerdict::OtherEnctype
            } else {
                KeyVerdict::OtherPrincipal
            }
        });
        let server = server.clone();
        if self.keys.iter().any(|key| key.principal == server) {
            Rejection::KeyEnctype {
                server,
                enctype,
                considered,
            }
        } else {
            self.no_key(server, sealed, considered)
        }
    }

    /// AP-22. Whether the key is another or the ticket was changed matters to the operator only:
    /// the peer gets the same code for both.
    #[cold]
    fn none_opens(
        &self,
        server: &Principal,
        kvno: Option<u32>,
        sealed: &EncryptedData<'_>,
        tried: &[usize],
    ) -> Rejection {
        let enctype = Enctype(sealed.etype);
        let server = server.clone();
        let fits = self
            .keys
            .iter()
            .filter(|key| tried.contains(&key.index))
            .filter_map(|key| key.ticket_cipher().ok())
            .any(|cipher| fits(cipher, sealed));
        if fits {
            return Rejection::TicketModified {
                server,
                kvno,
                enctype,
            };
        }
        let considered = self.considered(|key| {
            if tried.contains(&key.index) {
                KeyVerdict::DidNotDecrypt
            } else if key.principal != server {
                KeyVerdict::OtherPrincipal
            } else if key.enctype() != enctype {
                KeyVerdict::OtherEnctype
            } else {
                KeyVerdict::OtherVersion
            }
        });
        Rejection::WrongKey {
            server,
            kvno,
            enctype,
            considered,
        }
    }
}

/// How many keys of other names or versions are tried for a diagnosis: a stranger can ask for it.
const MAX_ALIASES: usize = 16;

/// The newest in front, its version perhaps wrapped around (FILE-05), then the others, the highest
/// version first.
fn newest_first(mut keys: Vec<&ServiceKey>) -> Vec<&ServiceKey> {
    keys.sort_by_key(|key| Reverse(key.kvno));
    let version = |key: &ServiceKey| (key.kvno, key.written);
    let newest = (0..keys.len()).reduce(|best, next| match (keys.get(best), keys.get(next)) {
        (Some(a), Some(b)) if newer(version(b), version(a)) => next,
        _ => best,
    });
    if let Some(newest) = newest.and_then(|at| keys.get_mut(..=at)) {
        newest.rotate_right(1);
    }
    keys
}

/// Equal, or the keytab kept the low eight bits only (AP-21).
fn same_kvno(held: u32, wanted: u32) -> bool {
    held == wanted || (held <= 0xff && held == wanted & 0xff)
}

/// Opens a ticket that is sealed under the session key of the acceptor's TGT (AP-78). As with a
/// service's keys, only the operator learns whether it is another TGT's or was changed.
pub(super) fn open_user_to_user(
    tgt: &Key,
    sealed: &EncryptedData<'_>,
    server: &Principal,
) -> Result<Secret, Rejection> {
    let (server, kvno) = (server.clone(), sealed.kvno.map(|kvno| kvno.0));
    let enctype = Enctype(sealed.etype);
    let wrong_key = |server| Rejection::WrongKey {
        server,
        kvno,
        enctype,
        considered: Vec::new(),
    };
    let Some(cipher) = tgt.cipher(KeyUsage::TICKET).ok() else {
        return Err(wrong_key(server));
    };
    if enctype != cipher.enctype() {
        return Err(wrong_key(server));
    }
    match cipher.decrypt(sealed.cipher.as_bytes()) {
        Ok(octets) => Ok(Secret::new(octets)),
        Err(_) if fits(&cipher, sealed) => Err(Rejection::TicketModified {
            server,
            kvno,
            enctype,
        }),
        Err(_) => Err(wrong_key(server)),
    }
}

/// Whether the key is the ticket's, though the ticket was changed.
fn fits(cipher: &Cipher, sealed: &EncryptedData<'_>) -> bool {
    cipher.resembles(sealed.cipher.as_bytes(), looks_like_a_ticket)
}

fn decrypt(key: &ServiceKey, sealed: &EncryptedData<'_>) -> Option<Secret> {
    let cipher = key.ticket_cipher().ok()?;
    let plaintext = cipher.decrypt(sealed.cipher.as_bytes()).ok()?;
    Some(Secret::new(plaintext))
}

/// Whether octets that are perhaps garbled look like an EncTicketPart: they begin with its tag and
/// a length that fits, or there is a GeneralizedTime somewhere.
///
/// A changed bit of the cipher text garbles two blocks of 16 octets, which cannot hit both. Random
/// octets look so with a probability below 2^-20.
fn looks_like_a_ticket(octets: &[u8]) -> bool {
    let length = |digits: &[u8]| digits.iter().fold(0, |sum, d| sum << 8 | usize::from(*d));
    let header = match octets {
        [0x63, 0x81, a, rest @ ..] => length(&[*a]) == rest.len(),
        [0x63, 0x82, a, b, rest @ ..] => length(&[*a, *b]) == rest.len(),
        [0x63, 0x83, a, b, c, rest @ ..] => length(&[*a, *b, *c]) == rest.len(),
        _ => false,
    };
    header
        || octets.windows(17).any(|window| match window {
            [0x18, 0x0f, digits @ .., b'Z'] => digits.iter().all(u8::is_ascii_digit),
            _ => false,
        })
}

impl From<&Keytab> for ServiceKeys {
    /// The entries that this build can use, under their places in the keytab.
    fn from(keytab: &Keytab) -> Self {
        Self::numbered(keytab.entries().filter_map(|(index, entry)| {
            let key = entry.key()?.clone();
            let version = (entry.kvno(), entry.timestamp());
            Some((index, entry.principal().clone(), version, key))
        }))
    }
}

impl std::fmt::Debug for ServiceKeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(&self.keys).finish()
    }
}

impl std::fmt::Debug for ServiceKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "#{} {} kvno {} {}",
            self.index,
            self.principal,
            self.kvno,
            self.enctype()
        )
    }
}
