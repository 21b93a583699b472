//! A realm for one test: on loopback, on a port of its own, gone when it is dropped.

use std::ffi::OsString;
use std::fmt;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use orthros::crypto::{Enctype, Key};
use orthros::env;
use orthros::error::Error;
use orthros::kdc::{
    Attributes, EmbeddedKdc, EntryKey, Identity, KeyVersion, Policy, PrincipalEntry, StoreError,
};
use orthros::keytab::Keytab;
use orthros::principal::{NameError, Principal};
use orthros::random::OsRandom;
use orthros::secret::Secret;
use orthros::time::{KerberosTime, Timestamp};
use tempfile::TempDir;
use tokio::sync::oneshot;

use crate::{Clock, Limits, Listener, Observer, Service};

/// What a realm is to be like.
#[derive(Clone)]
pub struct RealmSpec {
    /// Its name: `ORTHROS.TEST`.
    pub realm: String,
    /// Where the KDC listens: a free port of 127.0.0.1.
    pub address: SocketAddr,
    /// Its rules.
    pub policy: Policy,
    /// What strangers get.
    pub limits: Limits,
    /// Who is told of every request.
    pub observer: Option<Observer>,
    /// Where the realm's files are to be; a temporary directory if absent. What the realm wrote
    /// into it goes with the realm.
    pub directory: Option<PathBuf>,
    /// Who is in it.
    pub principals: Vec<PrincipalSpec>,
}

impl Default for RealmSpec {
    fn default() -> Self {
        Self {
            realm: "ORTHROS.TEST".to_owned(),
            address: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            policy: Policy::default(),
            limits: Limits::default(),
            observer: None,
            directory: None,
            principals: Vec::new(),
        }
    }
}

impl fmt::Debug for RealmSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RealmSpec")
            .field("realm", &self.realm)
            .field("address", &self.address)
            .field("principals", &self.principals)
            .finish_non_exhaustive()
    }
}

/// Where a principal's keys come from.
#[derive(Clone, Debug)]
pub enum KeySpec {
    /// New random keys.
    Random,
    /// A password, with the default salt.
    Password(Secret),
    /// These.
    Keys(Vec<Key>),
}

/// What a principal is to be like.
#[derive(Clone, Debug)]
pub struct PrincipalSpec {
    /// Its name, `alice` or `HTTP/web.example.com`; the realm can be left out.
    pub name: String,
    /// Other names for it.
    pub aliases: Vec<String>,
    /// Its keys.
    pub key: KeySpec,
    /// Their version.
    pub kvno: u32,
    /// Their enctypes, the most wanted first; those of the realm if empty.
    pub enctypes: Vec<Enctype>,
    /// What it may do and must do.
    pub attributes: Attributes,
    /// The password is to be changed before anything else.
    pub must_change_password: bool,
    /// From when its password is good for nothing but its change.
    pub password_expires: Option<KerberosTime>,
    /// From when it gets no tickets.
    pub expires: Option<KerberosTime>,
    /// The longest life of a ticket by or for it.
    pub max_life: Option<Duration>,
    /// How long such a ticket can be renewed.
    pub max_renewable_life: Option<Duration>,
    /// As a server: the enctypes of session keys that it can use.
    pub session_enctypes: Option<Vec<Enctype>>,
    /// Its account in the domain, SID and groups; one of its own if absent.
    pub identity: Option<Identity>,
}

impl PrincipalSpec {
    fn new(name: &str, key: KeySpec, attributes: Attributes) -> Self {
        Self {
            name: name.to_owned(),
            aliases: Vec::new(),
            key,
            kvno: 1,
            enctypes: Vec::new(),
            attributes,
            must_change_password: false,
            password_expires: None,
            expires: None,
            max_life: None,
            max_renewable_life: None,
            session_enctypes: None,
            identity: None,
        }
    }

    /// A person.
    pub fn user(name: &str, password: &str) -> Self {
        let key = KeySpec::Password(Secret::from(password));
        Self::new(name, key, Attributes::USER)
    }

    /// A service with random keys.
    pub fn service(name: &str) -> Self {
        Self::new(name, KeySpec::Random, Attributes::SERVICE)
    }

    /// The entry in the realm's database.
    fn entry(&self, kdc: &EmbeddedKdc) -> Result<PrincipalEntry, RealmError> {
        let kdc = kdc.kdc();
        let parse = |name: &str| Principal::parse(name, Some(kdc.realm()));
        let name = parse(&self.name)?;
        let enctypes = match self.enctypes.is_empty() {
            true => &kdc.policy().enctypes,
            false => &self.enctypes,
        };
        let keys = match &self.key {
            KeySpec::Random => KeyVersion::random(self.kvno, enctypes, &OsRandom)
                .map_err(|error| RealmError::Store(error.into()))?,
            KeySpec::Password(password) => {
                KeyVersion::from_password(self.kvno, &name, password, enctypes)
            }
            KeySpec::Keys(keys) => KeyVersion {
                kvno: self.kvno,
                keys: keys.iter().cloned().map(EntryKey::random).collect(),
            },
        };
        let mut entry = PrincipalEntry::new(name, keys, self.attributes);
        entry.aliases = self
            .aliases
            .iter()
            .map(|alias| parse(alias))
            .collect::<Result<_, _>>()?;
        entry.expires = self.expires;
        entry.password_expires = match self.must_change_password {
            true => Some(KerberosTime::EPOCH),
            false => self.password_expires,
        };
        entry.max_life = self.max_life;
        entry.max_renewable_life = self.max_renewable_life;
        entry.session_enctypes.clone_from(&self.session_enctypes);
        entry.identity.clone_from(&self.identity);
        Ok(entry)
    }
}

/// Why there is no such realm or principal.
#[derive(Debug)]
#[non_exhaustive]
pub enum RealmError {
    /// A socket, a file or a thread.
    Io(io::Error),
    /// A name that is none.
    Name(NameError),
    /// The realm's database refuses.
    Store(StoreError),
}

impl fmt::Display for RealmError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(error) => fmt::Display::fmt(error, f),
            Self::Name(error) => fmt::Display::fmt(error, f),
            Self::Store(error) => fmt::Display::fmt(error, f),
        }
    }
}

impl std::error::Error for RealmError {}

impl From<io::Error> for RealmError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl From<NameError> for RealmError {
    fn from(error: NameError) -> Self {
        Self::Name(error)
    }
}

impl From<StoreError> for RealmError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<Error> for RealmError {
    fn from(error: Error) -> Self {
        Self::Store(StoreError::from(error))
    }
}

/// Where a realm's files are.
#[derive(Debug)]
enum Directory {
    Temporary(TempDir),
    /// Somebody else's: only what the realm wrote is removed from it.
    Given(PathBuf),
}

impl Directory {
    fn new(given: Option<&Path>) -> io::Result<Self> {
        let Some(path) = given else {
            let directory = tempfile::Builder::new().prefix("orthros-").tempdir()?;
            return Ok(Self::Temporary(directory));
        };
        std::fs::create_dir_all(path)?;
        // Programs find the files by their names wherever they stand.
        let path = path.canonicalize()?;
        let taken = FILES
            .iter()
            .map(|name| path.join(name))
            .find(|file| file.exists());
        match taken {
            None => Ok(Self::Given(path)),
            Some(file) => Err(io::Error::new(
                io::ErrorKind::AlreadyExists,
                format!("{} exists already", file.display()),
            )),
        }
    }

    fn path(&self) -> &Path {
        match self {
            Self::Temporary(directory) => directory.path(),
            Self::Given(path) => path,
        }
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        if let Self::Given(path) = self {
            for name in FILES {
                // One that was never written is not there.
                let _ = std::fs::remove_file(path.join(name));
            }
        }
    }
}

/// The names of a realm's files.
const FILES: [&str; 4] = ["krb5.conf", "ccache", "keytab", "client.keytab"];

/// A realm for one test. Its KDC runs in a thread of its own and stops when this is dropped; its
/// directory goes with it.
///
/// ```
/// use std::time::Duration;
/// use orthros_kdc::TestRealm;
///
/// let realm = TestRealm::start()?;
/// let alice = realm.user("alice", "password")?;
/// let keytab = realm.service("HTTP/localhost")?;
/// realm.advance_clock(Duration::from_secs(6 * 60));
/// assert_eq!(alice.to_string(), "alice@ORTHROS.TEST");
/// assert!(realm.krb5_conf().contains(&realm.kdc_addr().to_string()));
/// # Ok::<(), orthros_kdc::RealmError>(())
/// ```
#[derive(Debug)]
pub struct TestRealm {
    kdc: Arc<EmbeddedKdc>,
    clock: Arc<Clock>,
    address: SocketAddr,
    directory: Directory,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl TestRealm {
    /// The realm `ORTHROS.TEST`, without principals of yours.
    pub fn start() -> Result<Self, RealmError> {
        Self::start_with(&RealmSpec::default())
    }

    /// A realm to order.
    pub fn start_with(spec: &RealmSpec) -> Result<Self, RealmError> {
        let kdc = EmbeddedKdc::new(&spec.realm, spec.policy.clone(), Arc::new(OsRandom))?;
        let kdc = Arc::new(kdc);
        for principal in &spec.principals {
            kdc.add(principal.entry(&kdc)?)?;
        }
        let listener = Listener::bind(spec.address)?;
        let address = listener.local_addr();
        let clock = Arc::new(Clock::new());
        let directory = Directory::new(spec.directory.as_deref())?;
        let service = Service {
            kdc: Arc::clone(&kdc),
            clock: Arc::clone(&clock),
            limits: spec.limits,
            observer: spec.observer.clone(),
        };
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let (stop, stopped) = oneshot::channel::<()>();
        let thread = std::thread::Builder::new()
            .name(format!("kdc {}", spec.realm))
            .spawn(move || {
                runtime.block_on(async {
                    tokio::select! {
                        _ = listener.run(service) => {}
                        _ = stopped => {}
                    }
                });
            })?;
        let realm = Self {
            kdc,
            clock,
            address,
            directory,
            stop: Some(stop),
            thread: Some(thread),
        };
        std::fs::write(realm.krb5_conf_path(), realm.krb5_conf())?;
        Ok(realm)
    }

    /// The realm's name.
    pub fn name(&self) -> String {
        self.kdc.kdc().realm().to_owned()
    }

    /// Its database, to be changed while it answers.
    pub fn kdc(&self) -> &Arc<EmbeddedKdc> {
        &self.kdc
    }

    /// Where the KDC listens, UDP and TCP.
    pub fn kdc_addr(&self) -> SocketAddr {
        self.address
    }

    /// Adds a person with a password.
    pub fn user(&self, name: &str, password: &str) -> Result<Principal, RealmError> {
        self.principal(&PrincipalSpec::user(name, password))
    }

    /// Adds a service with random keys; they are also written into the realm's keytab.
    pub fn service(&self, name: &str) -> Result<Keytab, RealmError> {
        let principal = self.principal(&PrincipalSpec::service(name))?;
        self.export(&principal)
    }

    /// Every key of a principal; they are also written into the realm's keytab, in place of those
    /// of the principal that are there.
    pub fn export(&self, principal: &Principal) -> Result<Keytab, RealmError> {
        let keytab = self.kdc.keytab_for(principal, self.now())?;
        env::update_keytab(&self.keytab_path(), |file| {
            for (_, entry) in keytab.entries() {
                file.retain(|old| old.principal() != entry.principal());
            }
            for (_, entry) in keytab.entries() {
                file.add(entry.clone())?;
            }
            Ok(())
        })?;
        Ok(keytab)
    }

    /// Adds a principal.
    pub fn principal(&self, spec: &PrincipalSpec) -> Result<Principal, RealmError> {
        let entry = spec.entry(&self.kdc)?;
        let name = entry.name.clone();
        self.kdc.add(entry)?;
        Ok(name)
    }

    /// What time it is in the realm: the `now` of everything that a test does in it.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// The realm's clock.
    pub fn clock(&self) -> &Arc<Clock> {
        &self.clock
    }

    /// Turns the realm's clock forward.
    pub fn advance_clock(&self, by: Duration) {
        self.clock.advance(by);
    }

    /// Turns the realm's clock to `moment`, from where it runs on.
    pub fn set_clock(&self, moment: Timestamp) {
        self.clock.set(moment);
    }

    /// A krb5.conf for programs in this realm: no DNS, no other realm.
    pub fn krb5_conf(&self) -> String {
        self.krb5_conf_with("")
    }

    /// As [`krb5_conf`](Self::krb5_conf), with further lines in `[libdefaults]`.
    pub fn krb5_conf_with(&self, libdefaults: &str) -> String {
        let (realm, address) = (self.name(), self.address);
        format!(
            "[libdefaults]\n    \
             default_realm = {realm}\n    \
             dns_lookup_kdc = false\n    \
             dns_lookup_realm = false\n    \
             dns_canonicalize_hostname = false\n    \
             rdns = false\n    \
             qualify_shortname = \"\"\n\
             {libdefaults}\n\
             [realms]\n    \
             {realm} = {{\n        \
             kdc = {address}\n    \
             }}\n\n\
             [domain_realm]\n    \
             localhost = {realm}\n"
        )
    }

    /// A directory for the realm's files.
    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// The file with [`krb5_conf`](Self::krb5_conf).
    pub fn krb5_conf_path(&self) -> PathBuf {
        self.directory().join("krb5.conf")
    }

    /// Where programs in the realm keep their tickets.
    pub fn ccache_path(&self) -> PathBuf {
        self.directory().join("ccache")
    }

    /// Where services in the realm find their keys.
    pub fn keytab_path(&self) -> PathBuf {
        self.directory().join("keytab")
    }

    /// For the keys of clients that have nobody to type a password.
    pub fn client_keytab_path(&self) -> PathBuf {
        self.directory().join("client.keytab")
    }

    /// The environment of programs in this realm.
    pub fn environment(&self) -> Vec<(&'static str, OsString)> {
        let file = |path: PathBuf| {
            let mut name = OsString::from("FILE:");
            name.push(path);
            name
        };
        vec![
            ("KRB5_CONFIG", self.krb5_conf_path().into()),
            ("KRB5CCNAME", file(self.ccache_path())),
            ("KRB5_KTNAME", file(self.keytab_path())),
            ("KRB5_CLIENT_KTNAME", file(self.client_keytab_path())),
            ("KRB5RCACHEDIR", self.directory().into()),
        ]
    }
}

impl Drop for TestRealm {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // A panic in it has been printed.
            let _ = thread.join();
        }
    }
}
