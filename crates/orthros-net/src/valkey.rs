//! A replay cache on a server of Valkey or Redis, for a service on many hosts (AP-48).
//!
//! ```no_run
//! # use orthros::ap::{Acceptor, Accepted, Unbound};
//! # use orthros::step::Refusal;
//! # use orthros::time::Timestamp;
//! use orthros_net::valkey::{ValkeyConfig, ValkeyReplayCache};
//!
//! # async fn example(acceptor: Acceptor, ap_req: &[u8], now: Timestamp) -> Result<(), Refusal> {
//! let cache = ValkeyReplayCache::new(
//!     ValkeyConfig::new("cache.example.com", 6379).user("orthros", "open sesame"),
//! );
//!
//! let verified = acceptor.verify(ap_req, &Unbound, None, now)?;
//! let verdict = cache.check_and_insert(verified.entry(), now).await;
//! let accepted = verified.admit(verdict, now)?;
//! # let _: Accepted<_> = accepted;
//! # Ok(())
//! # }
//! ```
//!
//! Each request is one atomic command, `SET prefix:tag 1 NX PX lifetime`. A command is never sent
//! twice: after a failure nobody knows whether the server has carried out the first.
//!
//! # What the server must be
//!
//! - It may evict nothing that lives: `maxmemory-policy noeviction`, or no `maxmemory`. A server
//!   that evicts is not used.
//! - Its user needs `+set +info ~prefix:*` and nothing else.
//! - What it knows must survive its end, or all requests are refused for one skew after its start
//!   (AP-49): see [`Persistence`].
//! - It is one server. A replica that takes over may not know the last requests; then let the
//!   service refuse for one skew, as after a start of its own.

use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use orthros::ap::{ReplayEntry, ReplayVerdict};
use orthros::secret::Secret;
use orthros::time::Timestamp;
use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, RedisConnectionInfo, RedisError, Value, cmd};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::ClientConfig;
use tokio_rustls::rustls::pki_types::ServerName;

use crate::bounded::{Bounded, Stream};

/// The library for TLS; its [`ClientConfig`] says whom to trust.
pub use tokio_rustls::rustls;

/// What becomes of a request when the server does not answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnFailure {
    /// It is refused (AP-47).
    #[default]
    Refuse,
    /// It is admitted unchecked, so that whoever can cut off the server can replay. Only for
    /// protocols that protect themselves (AP-43).
    Admit,
}

/// What the server still knows after it has ended and started again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Persistence {
    /// Perhaps nothing. When the server has started, all requests are refused until one skew has
    /// passed (AP-49).
    #[default]
    Lost,
    /// All that it has answered: it has `appendonly yes` and `appendfsync always`. A server
    /// without the first is not used; the second it does not tell everybody.
    Kept,
}

/// Where the server is, and how it is used.
#[derive(Clone)]
pub struct ValkeyConfig {
    host: String,
    port: u16,
    user: Option<(String, Secret)>,
    database: i64,
    tls: Option<Arc<ClientConfig>>,
    prefix: String,
    timeout: Duration,
    on_failure: OnFailure,
    persistence: Persistence,
}

impl ValkeyConfig {
    /// A server without TLS, its default user without a password, an answer within one second.
    pub fn new(host: impl Into<String>, port: u16) -> Self {
        Self {
            host: host.into(),
            port,
            user: None,
            database: 0,
            tls: None,
            prefix: "orthros:replay".to_owned(),
            timeout: Duration::from_secs(1),
            on_failure: OnFailure::default(),
            persistence: Persistence::default(),
        }
    }

    /// A user of the server's access control list; `default` for a server that has but a password.
    #[must_use]
    pub fn user(mut self, name: impl Into<String>, password: impl Into<Secret>) -> Self {
        self.user = Some((name.into(), password.into()));
        self
    }

    /// Another database than the first.
    #[must_use]
    pub fn database(mut self, number: u32) -> Self {
        self.database = number.into();
        self
    }

    /// Speaks TLS. The server's certificate must be for the host's name.
    #[must_use]
    pub fn tls(mut self, config: Arc<ClientConfig>) -> Self {
        self.tls = Some(config);
        self
    }

    /// What the keys begin with. Services that share a Kerberos key must share it (AP-48).
    #[must_use]
    pub fn prefix(mut self, prefix: impl Into<String>) -> Self {
        self.prefix = prefix.into();
        self
    }

    /// How long a request may wait, for a new connection and the answer together.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// What becomes of a request when the server does not answer.
    #[must_use]
    pub fn on_failure(mut self, on_failure: OnFailure) -> Self {
        self.on_failure = on_failure;
        self
    }

    /// What the server still knows after it has ended.
    #[must_use]
    pub fn persistence(mut self, persistence: Persistence) -> Self {
        self.persistence = persistence;
        self
    }
}

impl fmt::Debug for ValkeyConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ValkeyConfig")
            .field("host", &self.host)
            .field("port", &self.port)
            .field("user", &self.user.as_ref().map(|(name, _)| name))
            .field("database", &self.database)
            .field("tls", &self.tls.is_some())
            .field("prefix", &self.prefix)
            .field("timeout", &self.timeout)
            .field("on_failure", &self.on_failure)
            .field("persistence", &self.persistence)
            .finish()
    }
}

/// A replay cache on a server, to be shared by all tasks of a process behind an `Arc`.
///
/// It connects when it is first asked, and again when the connection is lost. All tasks use one
/// connection, on which their commands follow each other without waiting for the answers.
pub struct ValkeyReplayCache {
    config: ValkeyConfig,
    connection: Mutex<Option<Connection>>,
    /// Held by who connects, so that the others wait for the same connection.
    connecting: tokio::sync::Mutex<()>,
    failures: AtomicU64,
}

/// A server that was found fit.
#[derive(Clone)]
struct Connection {
    commands: MultiplexedConnection,
    closed: Arc<AtomicBool>,
    /// The server may know nothing from before.
    started: Option<Timestamp>,
}

impl ValkeyReplayCache {
    /// A cache on that server, which is not yet connected to.
    pub fn new(config: ValkeyConfig) -> Self {
        Self {
            config,
            connection: Mutex::new(None),
            connecting: tokio::sync::Mutex::new(()),
            failures: AtomicU64::new(0),
        }
    }

    /// Tests for `entry` and inserts it, in one atomic command. The answer is for
    /// [`Verified::admit`](orthros::ap::Verified::admit).
    ///
    /// # Panics
    ///
    /// Outside a runtime of tokio with its input, output and time enabled.
    pub async fn check_and_insert(&self, entry: &ReplayEntry, now: Timestamp) -> ReplayVerdict {
        let timeout = self.config.timeout;
        let why = match tokio::time::timeout(timeout, self.ask(entry, now)).await {
            Ok(Ok(verdict)) => return verdict,
            Ok(Err(why)) => why,
            Err(_) => format!("no answer within {timeout:?}"),
        };
        self.disconnect();
        self.failures.fetch_add(1, Ordering::Relaxed);
        match self.config.on_failure {
            OnFailure::Admit => ReplayVerdict::Unchecked,
            OnFailure::Refuse => ReplayVerdict::Unavailable {
                why: format!("{}:{}: {why}", self.config.host, self.config.port),
            },
        }
    }

    /// How often the server did not answer.
    pub fn failures(&self) -> u64 {
        self.failures.load(Ordering::Relaxed)
    }

    async fn ask(&self, entry: &ReplayEntry, now: Timestamp) -> Result<ReplayVerdict, String> {
        let mut connection = self.connection(now).await?;
        let ready = connection.started.map(|at| at.plus(entry.skew()));
        if let Some(young) = ready.and_then(|at| entry.too_early_for(at, now)) {
            return Ok(young);
        }
        let mut set = cmd("SET");
        set.arg(self.key(entry)).arg(1);
        set.arg("NX").arg("PX").arg(lifetime(entry, now));
        match connection.commands.send_packed_command(&set).await {
            Ok(Value::Okay) => Ok(ReplayVerdict::Fresh),
            Ok(Value::Nil) => Ok(ReplayVerdict::Seen),
            Ok(Value::ServerError(error)) => Err(error.to_string()),
            Ok(_) => Err("an answer that is none".to_owned()),
            Err(error) => Err(error.to_string()),
        }
    }

    fn key(&self, entry: &ReplayEntry) -> String {
        use fmt::Write as _;
        let mut key = format!("{}:", self.config.prefix);
        for octet in entry.tag {
            // A String takes everything.
            let _ = write!(key, "{octet:02x}");
        }
        key
    }

    fn current(&self) -> Option<Connection> {
        let current = self
            .connection
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        current
            .clone()
            .filter(|connection| !connection.closed.load(Ordering::Acquire))
    }

    fn disconnect(&self) {
        *self
            .connection
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = None;
    }

    async fn connection(&self, now: Timestamp) -> Result<Connection, String> {
        if let Some(connection) = self.current() {
            return Ok(connection);
        }
        let _connecting = self.connecting.lock().await;
        if let Some(connection) = self.current() {
            return Ok(connection);
        }
        let connection = self.connect(now).await?;
        *self
            .connection
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = Some(connection.clone());
        Ok(connection)
    }

    async fn connect(&self, now: Timestamp) -> Result<Connection, String> {
        let config = &self.config;
        let address = (config.host.as_str(), config.port);
        let tcp = TcpStream::connect(address).await.map_err(text)?;
        tcp.set_nodelay(true).map_err(text)?;
        let stream: Box<dyn Stream> = match &config.tls {
            None => Box::new(tcp),
            Some(tls) => {
                let name = ServerName::try_from(config.host.clone()).map_err(text)?;
                let tls = TlsConnector::from(Arc::clone(tls)).connect(name, tcp).await;
                Box::new(tls.map_err(text)?)
            }
        };
        let closed = Arc::new(AtomicBool::new(false));
        let stream = Bounded::new(stream, Arc::clone(&closed));
        let mut login = RedisConnectionInfo::default()
            .set_db(config.database)
            .set_skip_set_lib_name();
        if let Some((name, password)) = &config.user {
            let password = std::str::from_utf8(password.expose());
            login = login
                .set_username(name)
                .set_password(password.map_err(|_| "the password is not UTF-8")?);
        }
        // The time is taken in `check_and_insert`.
        let patience = AsyncConnectionConfig::new()
            .set_connection_timeout(None)
            .set_response_timeout(None);
        let (mut commands, driver) =
            MultiplexedConnection::new_with_config(&login, stream, patience)
                .await
                .map_err(|error| not_let_in(&error))?;
        tokio::spawn(driver);
        let info: String = cmd("INFO")
            .query_async(&mut commands)
            .await
            .map_err(|error| format!("INFO: {error}"))?;
        let started = fit(&info, config.persistence)?.map(|uptime| {
            // It was asked later than `now`, by less than the timeout.
            now.plus(config.timeout).minus(uptime)
        });
        Ok(Connection {
            commands,
            closed,
            started,
        })
    }
}

/// Why the server does not let us in. Its words may repeat what we sent, the password with it: only
/// the first of them, which is a code, is handed on.
fn not_let_in(error: &RedisError) -> String {
    match error.code() {
        Some(code) => format!("the server refuses the login: {code}"),
        None => format!("the login: {}", error.category()),
    }
}

fn text(error: impl fmt::Display) -> String {
    error.to_string()
}

/// How long the server keeps an entry, in milliseconds: until the request is too old (AP-46) for
/// an acceptor whose clock is one skew behind ours.
fn lifetime(entry: &ReplayEntry, now: Timestamp) -> i64 {
    let skew = entry.expires.micros_since(entry.ctime);
    let micros = entry.expires.micros_since(now).saturating_add(skew);
    micros.div_euclid(1000).saturating_add(1).max(1)
}

/// Whether a server that says this of itself forgets nothing that lives; how long ago it may have
/// forgotten everything.
fn fit(info: &str, persistence: Persistence) -> Result<Option<Duration>, String> {
    let field = |name: &str| {
        let mut lines = info.lines().filter_map(|line| line.split_once(':'));
        lines.find(|(key, _)| *key == name).map(|(_, value)| value)
    };
    let bounded = field("maxmemory").is_none_or(|limit| limit != "0");
    match field("maxmemory_policy") {
        Some("noeviction") => {}
        _ if !bounded => {}
        Some(policy) => return Err(format!("the server evicts: maxmemory-policy {policy}")),
        None => return Err("the server does not say whether it evicts".to_owned()),
    }
    match (persistence, field("aof_enabled")) {
        (Persistence::Kept, Some("1")) => Ok(None),
        (Persistence::Kept, _) => {
            Err("the server forgets everything when it ends: appendonly is off".to_owned())
        }
        (Persistence::Lost, _) => field("uptime_in_seconds")
            .and_then(|seconds| seconds.parse().ok())
            .map(|seconds| Some(Duration::from_secs(seconds)))
            .ok_or_else(|| "the server does not say since when it runs".to_owned()),
    }
}

impl fmt::Debug for ValkeyReplayCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ValkeyReplayCache")
            .field("config", &self.config)
            .field("failures", &self.failures())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_secs(1_700_000_000);

    fn entry(ctime: Timestamp) -> ReplayEntry {
        ReplayEntry {
            tag: [0xab; 12],
            ctime,
            expires: ctime.plus(Duration::from_secs(300)),
        }
    }

    #[test]
    fn ap_46_lifetime_goes_by_the_time_in_the_request() {
        let at = |seconds: i64| lifetime(&entry(NOW.offset(seconds * 1_000_000)), NOW);
        assert_eq!(at(299), 899_001);
        assert_eq!(at(0), 600_001);
        assert_eq!(at(-300), 300_001);
        assert_eq!(at(-900), 1);
    }

    #[test]
    fn file_21_a_server_that_evicts_is_not_used() {
        let info = |policy: &str, limit: &str| {
            format!(
                "# Memory\r\nmaxmemory:{limit}\r\nmaxmemory_policy:{policy}\r\nuptime_in_seconds:7\r\n"
            )
        };
        let uptime = Ok(Some(Duration::from_secs(7)));
        assert_eq!(fit(&info("noeviction", "5000"), Persistence::Lost), uptime);
        assert_eq!(fit(&info("volatile-lru", "0"), Persistence::Lost), uptime);
        for policy in ["volatile-lru", "allkeys-random", "volatile-ttl"] {
            let refused = fit(&info(policy, "5000"), Persistence::Lost);
            assert!(refused.unwrap_err().contains(policy));
        }
        assert!(fit("uptime_in_seconds:7\r\n", Persistence::Lost).is_err());
    }

    #[test]
    fn ap_49_a_server_that_keeps_nothing_is_told_apart() {
        let info =
            |aof: &str| format!("maxmemory:0\r\naof_enabled:{aof}\r\nuptime_in_seconds:7\r\n");
        assert_eq!(fit(&info("1"), Persistence::Kept), Ok(None));
        assert!(fit(&info("0"), Persistence::Kept).is_err());
        assert!(fit(&info("0"), Persistence::Lost).unwrap().is_some());
        assert!(fit("maxmemory:0\r\n", Persistence::Lost).is_err());
    }

    #[test]
    fn no_password_in_debug() {
        let config = ValkeyConfig::new("localhost", 1).user("orthros", "open sesame");
        let shown = format!("{:?}", ValkeyReplayCache::new(config));
        assert!(
            shown.contains("orthros") && !shown.contains("sesame"),
            "{shown}"
        );
    }
}
