//! Where KDCs are and how patiently they are asked.

use std::collections::HashMap;
use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use orthros::time::Timestamp;

/// The KDCs of each realm, in the order in which they are tried.
#[derive(Clone, Debug, Default)]
pub struct KdcAddresses(HashMap<String, Vec<SocketAddr>>);

impl KdcAddresses {
    /// No realm.
    pub fn new() -> Self {
        Self::default()
    }

    /// KDCs of `realm`, after those that are known already. Realms differ by case.
    #[must_use]
    pub fn with(
        mut self,
        realm: impl Into<String>,
        addresses: impl IntoIterator<Item = SocketAddr>,
    ) -> Self {
        self.0.entry(realm.into()).or_default().extend(addresses);
        self
    }

    /// The KDCs of `realm`.
    pub fn of(&self, realm: &str) -> &[SocketAddr] {
        self.0.get(realm).map(Vec::as_slice).unwrap_or_default()
    }
}

/// How patiently KDCs are asked (KDC-51).
#[derive(Clone, Debug)]
pub struct Policy {
    /// Requests longer than this many octets go over TCP first, others over UDP first.
    pub udp_preference_limit: usize,
    /// How long one KDC has to answer in the first pass; in every further pass twice as long.
    pub first_wait: Duration,
    /// How often the list of KDCs is gone through.
    pub passes: u32,
    /// How long a whole exchange may take, with all its requests.
    pub deadline: Duration,
    /// The longest answer that is read, in octets.
    pub max_reply: usize,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            udp_preference_limit: 1465,
            first_wait: Duration::from_secs(1),
            passes: 3,
            deadline: Duration::from_secs(30),
            max_reply: 64 * 1024,
        }
    }
}

/// What a client needs to reach KDCs.
#[derive(Clone)]
pub struct KdcConfig {
    pub(crate) addresses: KdcAddresses,
    pub(crate) policy: Policy,
    clock: Arc<dyn Fn() -> Timestamp + Send + Sync>,
}

impl KdcConfig {
    /// These KDCs, with the default policy and the system's clock.
    pub fn new(addresses: KdcAddresses) -> Self {
        Self {
            addresses,
            policy: Policy::default(),
            clock: Arc::new(|| Timestamp::from(SystemTime::now())),
        }
    }

    /// Another policy.
    #[must_use]
    pub fn policy(mut self, policy: Policy) -> Self {
        self.policy = policy;
        self
    }

    /// Another clock than the system's, for the times in the messages. Waiting goes by real time.
    #[must_use]
    pub fn clock(mut self, clock: impl Fn() -> Timestamp + Send + Sync + 'static) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// What the clock says.
    pub fn now(&self) -> Timestamp {
        (self.clock)()
    }
}

impl fmt::Debug for KdcConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KdcConfig")
            .field("addresses", &self.addresses)
            .field("policy", &self.policy)
            .finish_non_exhaustive()
    }
}
