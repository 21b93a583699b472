//! A KDC with its principals in memory.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use super::{Answer, Attributes, Domain, Identity, Kdc, KeyVersion, Policy, PrincipalEntry, Serve};
use crate::ap::HostAddr;
use crate::crypto::Key;
use crate::error::Error;
use crate::keytab::{Keytab, KeytabEntry};
use crate::pac::Sid;
use crate::principal::Principal;
use crate::random::Random;
use crate::secret::Secret;
use crate::time::Timestamp;
use crate::wire::ErrorCode;

/// The account of the ticket-granting service, as in every domain.
const KRBTGT_RID: u32 = 502;
/// The first account that is not made with the domain.
const FIRST_RID: u32 = 1000;

/// A domain with a random SID, named after the first label of the realm.
fn new_domain(realm: &str, random: &dyn Random) -> Result<Domain, Error> {
    let mut octets = [0; 12];
    random.fill(&mut octets)?;
    let (words, _) = octets.as_chunks::<4>();
    let mut parts = vec![21];
    parts.extend(words.iter().map(|word| u32::from_be_bytes(*word)));
    let sid = Sid::new(5, &parts).ok_or(Error::Misuse("a domain SID has four parts"))?;
    let label = realm.split('.').next().unwrap_or(realm);
    Ok(Domain {
        sid,
        netbios_name: label.to_uppercase().chars().take(15).collect(),
    })
}

/// A realm in memory: to be shared by threads, changed while it answers, and gone when dropped.
///
/// ```
/// use std::sync::Arc;
/// use orthros::kdc::{EmbeddedKdc, Policy};
/// use orthros::principal::Principal;
/// use orthros::random::OsRandom;
///
/// let kdc = EmbeddedKdc::new("EXAMPLE.TEST", Policy::default(), Arc::new(OsRandom))?;
/// let web = Principal::parse("HTTP/web.example.test", Some("EXAMPLE.TEST"))?;
/// kdc.add_service(web.clone())?;
/// assert_eq!(kdc.keys_of(&web)?.len(), 4);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct EmbeddedKdc {
    state: RwLock<Store>,
}

struct Store {
    kdc: Arc<Kdc>,
    /// By canonical name.
    entries: HashMap<Principal, Arc<PrincipalEntry>>,
    /// From every name to the canonical one.
    names: HashMap<Principal, Principal>,
    /// Every name as people confuse it, and whose it is.
    forms: HashMap<String, Principal>,
    /// For the next account that comes without.
    next_rid: u32,
}

/// A change that the store refuses.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum StoreError {
    /// Another principal has this name, or one that people would take for it.
    NameTaken {
        /// The name that is refused.
        name: Principal,
        /// Who has it.
        by: Principal,
    },
    /// A principal of another realm.
    OtherRealm(Principal),
    /// Nobody has this name.
    Unknown(Principal),
    /// The ticket-granting service can be neither removed nor renamed.
    TicketGrantingService,
    /// A principal needs a key.
    NoKey(Principal),
    /// A key could not be made.
    Key(Error),
}

impl EmbeddedKdc {
    /// A realm whose only principal is its ticket-granting service, with new random keys. Without
    /// a domain in `policy` it gets one with a random SID.
    pub fn new(realm: &str, policy: Policy, random: Arc<dyn Random>) -> Result<Self, Error> {
        let mut policy = policy;
        if policy.domain.is_none() {
            policy.domain = Some(new_domain(realm, &*random)?);
        }
        let name = Principal::krbtgt(realm)?;
        let keys = KeyVersion::random(1, &policy.enctypes, &*random)?;
        let mut krbtgt = PrincipalEntry::new(name, keys, Attributes::SERVICE);
        krbtgt.identity = Some(Identity::new(KRBTGT_RID));
        let kdc = Kdc::new(Arc::new(krbtgt), policy, random)?;
        Ok(Self::from_kdc(kdc))
    }

    /// A realm whose only principal is its ticket-granting service, with known keys.
    pub fn from_kdc(kdc: Kdc) -> Self {
        let krbtgt = Arc::clone(kdc.krbtgt());
        let mut store = Store {
            kdc: Arc::new(kdc),
            entries: HashMap::new(),
            names: HashMap::new(),
            forms: HashMap::new(),
            next_rid: FIRST_RID,
        };
        store.put(krbtgt);
        Self {
            state: RwLock::new(store),
        }
    }

    /// Answers a request; `None` for octets that get no answer (security case 98).
    pub fn answer(&self, request: &[u8], now: Timestamp) -> Option<Vec<u8>> {
        self.serve(request, None, now).reply
    }

    /// Answers a request that came from `peer`, and says what happened.
    pub fn serve(&self, request: &[u8], peer: Option<&HostAddr>, now: Timestamp) -> Answer {
        let kdc = self.kdc();
        let mut serve = kdc.serve(request, peer, now);
        loop {
            serve = match serve {
                Serve::Lookup { principal, next } => next.found(self.entry(&principal)),
                Serve::Answered(answer) => return answer,
            };
        }
    }

    /// A KRB-ERROR about nobody in particular.
    pub fn error(&self, code: ErrorCode, now: Timestamp) -> Option<Vec<u8>> {
        self.kdc().error(code, now)
    }

    /// The realm, its rules and its ticket-granting service as they are now.
    pub fn kdc(&self) -> Arc<Kdc> {
        Arc::clone(&self.read().kdc)
    }

    /// The principal with this name, canonical or not.
    pub fn entry(&self, name: &Principal) -> Option<Arc<PrincipalEntry>> {
        self.read().get(name).cloned()
    }

    /// All canonical names, in no order.
    pub fn principals(&self) -> Vec<Principal> {
        self.read().entries.keys().cloned().collect()
    }

    /// Adds a principal.
    ///
    /// Its names must differ from all others in more than case, the realm written into them or
    /// the way of writing it: who could choose another's name would be taken for him (security
    /// case 17). An entry without identity gets one.
    pub fn add(&self, entry: PrincipalEntry) -> Result<(), StoreError> {
        let mut store = self.write();
        store.check(&entry, None)?;
        store.put(Arc::new(entry));
        Ok(())
    }

    /// Adds a person with a password.
    pub fn add_user(&self, name: Principal, password: &Secret) -> Result<(), StoreError> {
        let enctypes = self.kdc().policy().enctypes.clone();
        let keys = KeyVersion::from_password(1, &name, password, &enctypes);
        self.add(PrincipalEntry::new(name, keys, Attributes::USER))
    }

    /// Adds a service with random keys.
    pub fn add_service(&self, name: Principal) -> Result<(), StoreError> {
        let kdc = self.kdc();
        let keys = KeyVersion::random(1, &kdc.policy().enctypes, &**kdc.random())?;
        self.add(PrincipalEntry::new(name, keys, Attributes::SERVICE))
    }

    /// Changes a principal.
    pub fn alter(
        &self,
        name: &Principal,
        change: impl FnOnce(&mut PrincipalEntry),
    ) -> Result<(), StoreError> {
        self.try_alter(name, |entry| {
            change(entry);
            Ok(())
        })
    }

    fn try_alter(
        &self,
        name: &Principal,
        change: impl FnOnce(&mut PrincipalEntry) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let mut store = self.write();
        let old = store.get(name).cloned();
        let old = old.ok_or_else(|| StoreError::Unknown(name.clone()))?;
        let mut entry = PrincipalEntry::clone(&old);
        change(&mut entry)?;
        if old.name == store.kdc.krbtgt().name {
            if entry.name != old.name {
                return Err(StoreError::TicketGrantingService);
            }
            store.check(&entry, Some(&old.name))?;
            let entry = Arc::new(entry);
            let (policy, random) = (store.kdc.policy().clone(), store.kdc.random().clone());
            let kdc = Kdc::new(Arc::clone(&entry), policy, random)?;
            store.kdc = Arc::new(kdc.in_place_of(&store.kdc));
            store.forget(&old);
            store.put(entry);
            return Ok(());
        }
        store.check(&entry, Some(&old.name))?;
        store.forget(&old);
        store.put(Arc::new(entry));
        Ok(())
    }

    /// Removes a principal. Tickets that it has are of no use any more with this KDC.
    pub fn remove(&self, name: &Principal) -> Result<(), StoreError> {
        let mut store = self.write();
        let entry = store.get(name).cloned();
        let entry = entry.ok_or_else(|| StoreError::Unknown(name.clone()))?;
        if entry.name == store.kdc.krbtgt().name {
            return Err(StoreError::TicketGrantingService);
        }
        store.forget(&entry);
        Ok(())
    }

    /// Gives a principal the keys of a new password, of the enctypes it has; the old keys stay for
    /// tickets that were sealed with them. Gives the new kvno.
    pub fn set_password(&self, name: &Principal, password: &Secret) -> Result<u32, StoreError> {
        self.new_keys(name, |entry, kvno| {
            let enctypes = enctypes_of(entry);
            Ok(KeyVersion::from_password(
                kvno,
                &entry.name,
                password,
                &enctypes,
            ))
        })
    }

    /// Gives a principal new random keys, of the enctypes it has; the old ones stay for tickets
    /// that were sealed with them. Gives the new kvno.
    pub fn rekey(&self, name: &Principal) -> Result<u32, StoreError> {
        let random = Arc::clone(self.kdc().random());
        self.new_keys(name, |entry, kvno| {
            Ok(KeyVersion::random(kvno, &enctypes_of(entry), &*random)?)
        })
    }

    fn new_keys(
        &self,
        name: &Principal,
        make: impl FnOnce(&PrincipalEntry, u32) -> Result<KeyVersion, StoreError>,
    ) -> Result<u32, StoreError> {
        let mut kvno = 0;
        self.try_alter(name, |entry| {
            kvno = entry.next_kvno();
            let keys = make(entry, kvno)?;
            entry.add_keys(keys);
            Ok(())
        })?;
        Ok(kvno)
    }

    /// Every key of a principal, under each of its names, the newest version first.
    pub fn keys_of(&self, name: &Principal) -> Result<Vec<(Principal, u32, Key)>, StoreError> {
        let entry = self.entry(name);
        let entry = entry.ok_or_else(|| StoreError::Unknown(name.clone()))?;
        let names = std::iter::once(&entry.name).chain(&entry.aliases);
        let mut keys = Vec::new();
        for name in names {
            for version in &entry.keys {
                for key in &version.keys {
                    let key = key.key().map_err(Error::from)?;
                    keys.push((name.clone(), version.kvno, key.clone()));
                }
            }
        }
        Ok(keys)
    }

    /// A keytab with every key of a principal, under each of its names; `now` is when it is made.
    pub fn keytab_for(&self, name: &Principal, now: Timestamp) -> Result<Keytab, StoreError> {
        let written = u32::try_from(now.time().as_secs()).unwrap_or(u32::MAX);
        let mut keytab = Keytab::new();
        for (principal, kvno, key) in self.keys_of(name)? {
            keytab.add(KeytabEntry::new(principal, kvno, key, written))?;
        }
        Ok(keytab)
    }

    // A thread that panics changes nothing halfway: changes are made on a copy.
    fn read(&self) -> RwLockReadGuard<'_, Store> {
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Store> {
        self.state.write().unwrap_or_else(PoisonError::into_inner)
    }
}

fn enctypes_of(entry: &PrincipalEntry) -> Vec<crate::crypto::Enctype> {
    let newest = entry.newest().into_iter();
    newest
        .flat_map(|keys| &keys.keys)
        .map(|key| key.enctype())
        .collect()
}

/// The name as people write it: in small letters, the realm behind `@` once.
///
/// `alice@R`, `ALICE@R` and the enterprise name `alice\@r@R` have one form.
fn form(name: &Principal) -> String {
    let mut text = name.components().collect::<Vec<_>>().join("/");
    if !text.contains('@') {
        text.push('@');
        text.push_str(name.realm());
    }
    text.to_lowercase()
}

impl Store {
    fn get(&self, name: &Principal) -> Option<&Arc<PrincipalEntry>> {
        self.entries.get(self.names.get(name)?)
    }

    /// Whether the entry can take the place of `replaced`.
    fn check(
        &self,
        entry: &PrincipalEntry,
        replaced: Option<&Principal>,
    ) -> Result<(), StoreError> {
        for name in std::iter::once(&entry.name).chain(&entry.aliases) {
            if name.realm() != self.kdc.realm() {
                return Err(StoreError::OtherRealm(name.clone()));
            }
            if let Some(by) = self
                .forms
                .get(&form(name))
                .filter(|by| replaced != Some(by))
            {
                return Err(StoreError::NameTaken {
                    name: name.clone(),
                    by: by.clone(),
                });
            }
        }
        if entry.newest().is_none_or(|keys| keys.keys.is_empty()) {
            return Err(StoreError::NoKey(entry.name.clone()));
        }
        Ok(())
    }

    fn put(&mut self, mut entry: Arc<PrincipalEntry>) {
        if entry.identity.is_none() {
            let identity = Identity::new(self.free_rid());
            Arc::make_mut(&mut entry).identity = Some(identity);
        }
        for name in std::iter::once(&entry.name).chain(&entry.aliases) {
            self.names.insert(name.clone(), entry.name.clone());
            self.forms.insert(form(name), entry.name.clone());
        }
        self.entries.insert(entry.name.clone(), entry);
    }

    /// One that nobody has and nobody had.
    fn free_rid(&mut self) -> u32 {
        let mut taken = self.entries.values().filter_map(|e| e.identity.as_ref());
        let highest = taken.by_ref().map(|identity| identity.rid).max();
        let rid = self
            .next_rid
            .max(highest.map_or(0, |rid| rid.saturating_add(1)));
        self.next_rid = rid.saturating_add(1);
        rid
    }

    fn forget(&mut self, entry: &PrincipalEntry) {
        for name in std::iter::once(&entry.name).chain(&entry.aliases) {
            self.names.remove(name);
            self.forms.remove(&form(name));
        }
        self.entries.remove(&entry.name);
    }
}

impl fmt::Debug for EmbeddedKdc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let store = self.read();
        f.debug_struct("EmbeddedKdc")
            .field("realm", &store.kdc.realm())
            .field("principals", &store.entries.len())
            .finish_non_exhaustive()
    }
}

impl<E: Into<Error>> From<E> for StoreError {
    fn from(error: E) -> Self {
        Self::Key(error.into())
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NameTaken { name, by } if name == by => write!(f, "{name} exists already"),
            Self::NameTaken { name, by } => {
                write!(f, "{name} is, or looks like, a name of {by}")
            }
            Self::OtherRealm(name) => write!(f, "{name} is not of this realm"),
            Self::Unknown(name) => write!(f, "{name} is not in the database"),
            Self::TicketGrantingService => {
                f.write_str("the ticket-granting service can be neither removed nor renamed")
            }
            Self::NoKey(name) => write!(f, "{name} has no key"),
            Self::Key(error) => fmt::Display::fmt(error, f),
        }
    }
}

impl std::error::Error for StoreError {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::OsRandom;

    fn principal(text: &str) -> Principal {
        Principal::parse(text, Some("R.TEST")).unwrap()
    }

    fn realm() -> EmbeddedKdc {
        EmbeddedKdc::new("R.TEST", Policy::default(), Arc::new(OsRandom)).unwrap()
    }

    fn with_alias(name: &str, alias: &str) -> PrincipalEntry {
        let enctypes = Policy::default().enctypes;
        let keys = KeyVersion::random(1, &enctypes, &OsRandom).unwrap();
        let mut entry = PrincipalEntry::new(principal(name), keys, Attributes::USER);
        entry.aliases.push(principal(alias));
        entry
    }

    #[test]
    fn case_017_a_name_cannot_be_had_twice_in_any_form() {
        let kdc = realm();
        kdc.add_user(principal("admin"), &Secret::from("pw"))
            .unwrap();
        let taken = |entry| matches!(kdc.add(entry), Err(StoreError::NameTaken { .. }));
        for name in ["admin", "ADMIN", r"admin\@R.TEST", r"Admin\@r.test"] {
            assert!(taken(with_alias(name, "other")), "canonical {name}");
            assert!(taken(with_alias("host/evil", name)), "alias {name}");
        }
        assert!(taken(with_alias("krbtgt/r.test", "other")));
        kdc.add(with_alias("host/good", r"good\@corp.test"))
            .unwrap();
        assert!(taken(with_alias(r"GOOD\@corp.test", "other")));
        // Nor by changing what is there.
        let altered = kdc.alter(&principal("host/good"), |entry| {
            entry.aliases.push(principal("Admin"));
        });
        assert!(matches!(altered, Err(StoreError::NameTaken { .. })));
        let foreign = Principal::parse("admin@OTHER.TEST", None).unwrap();
        let mut entry = with_alias("new", "newer");
        entry.aliases.push(foreign);
        assert!(matches!(kdc.add(entry), Err(StoreError::OtherRealm(_))));
    }

    #[test]
    fn names_are_free_again_after_removal_and_change() {
        let kdc = realm();
        kdc.add(with_alias("a", "b")).unwrap();
        kdc.alter(&principal("b"), |entry| entry.aliases.clear())
            .unwrap();
        assert!(kdc.entry(&principal("b")).is_none());
        kdc.add(with_alias("c", "b")).unwrap();
        kdc.remove(&principal("b")).unwrap();
        assert!(kdc.entry(&principal("c")).is_none());
        kdc.add(with_alias("b", "c")).unwrap();
        let krbtgt = Principal::krbtgt("R.TEST").unwrap();
        assert!(matches!(
            kdc.remove(&krbtgt),
            Err(StoreError::TicketGrantingService)
        ));
    }

    #[test]
    fn new_keys_come_before_the_old_ones() {
        let kdc = realm();
        let web = principal("HTTP/web");
        kdc.add_service(web.clone()).unwrap();
        assert_eq!(kdc.rekey(&web).unwrap(), 2);
        let keys = kdc.keys_of(&web).unwrap();
        let kvnos: Vec<_> = keys.iter().map(|(_, kvno, _)| *kvno).collect();
        assert_eq!(kvnos, [2, 2, 2, 2, 1, 1, 1, 1]);
        let krbtgt = Principal::krbtgt("R.TEST").unwrap();
        assert_eq!(kdc.rekey(&krbtgt).unwrap(), 2);
        assert_eq!(kdc.kdc().krbtgt().keys.len(), 2);
    }
}
