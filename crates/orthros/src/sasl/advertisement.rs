//! Which mechanisms a server advertises.

use super::mechanism::Mechanism;
use crate::gss;

/// What the server knows of the channel below, as TLS is one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Channel {
    /// It has no bindings of it.
    #[default]
    Unknown,
    /// It has bindings, and clients may use them.
    Known,
    /// It has bindings, and clients must use them: what cannot be bound is not advertised.
    Demanded,
}

/// The mechanisms that a server may name to its clients (SASL-03).
///
/// ```
/// # use orthros::gss;
/// # use orthros::sasl::{Advertisement, Channel, Mechanism, Server};
/// # fn example(acceptor: gss::Acceptor) {
/// let advertised = Advertisement::new(&acceptor, "ldap")
///     .hosts(["ldap.example.com"])
///     .channel(Channel::Known)
///     .mechanisms();
/// // No key, no mechanism.
/// let plus = advertised.contains(&Mechanism::Gs2Krb5Plus);
/// let server = Server::gs2(acceptor, plus);
/// # let _ = server;
/// # }
/// ```
#[derive(Clone, Debug)]
#[must_use = "a description of what to advertise advertises nothing"]
pub struct Advertisement<'a> {
    acceptor: &'a gss::Acceptor,
    service: &'a str,
    hosts: Option<Vec<String>>,
    channel: Channel,
    wanted: Vec<Mechanism>,
}

impl<'a> Advertisement<'a> {
    /// All mechanisms, the ones that can be bound first, for the protocol's service name: `ldap`,
    /// `imap`.
    pub fn new(acceptor: &'a gss::Acceptor, service: &'a str) -> Self {
        Self {
            acceptor,
            service,
            hosts: None,
            channel: Channel::default(),
            wanted: vec![
                Mechanism::Gs2Krb5Plus,
                Mechanism::Gs2Krb5,
                Mechanism::Gssapi,
                Mechanism::GssSpnego,
            ],
        }
    }

    /// The key has to be for the service on one of these hosts, as
    /// [`Server::service`](super::Server::service) demands of a ticket. Without this, any host
    /// will do.
    pub fn hosts<H: Into<String>>(mut self, hosts: impl IntoIterator<Item = H>) -> Self {
        self.hosts = Some(hosts.into_iter().map(Into::into).collect());
        self
    }

    /// What is known of the channel below.
    pub fn channel(mut self, channel: Channel) -> Self {
        self.channel = channel;
        self
    }

    /// These and no others, in this order.
    pub fn wanted(mut self, wanted: impl IntoIterator<Item = Mechanism>) -> Self {
        self.wanted = wanted.into_iter().collect();
        self
    }

    /// The mechanisms to advertise; none without a key for the service.
    pub fn mechanisms(&self) -> Vec<Mechanism> {
        let ours = |host: &str| match &self.hosts {
            None => true,
            Some(hosts) => hosts.iter().any(|ours| ours.eq_ignore_ascii_case(host)),
        };
        let config = self.acceptor.config();
        if !config.has_key_for(self.service, ours) {
            return Vec::new();
        }
        let wanted = self.wanted.iter().copied();
        wanted.filter(|mechanism| self.suits(*mechanism)).collect()
    }

    /// Whether the channel allows it (SASL-13).
    fn suits(&self, mechanism: Mechanism) -> bool {
        match (self.channel, mechanism) {
            (Channel::Unknown, Mechanism::Gs2Krb5Plus) => false,
            (Channel::Unknown | Channel::Known, _) | (_, Mechanism::Gs2Krb5Plus) => true,
            (Channel::Demanded, Mechanism::Gs2Krb5) => false,
            // Their names say nothing of bindings: the acceptor's policy does.
            (Channel::Demanded, Mechanism::Gssapi | Mechanism::GssSpnego) => {
                self.acceptor.demands_bindings()
            }
        }
    }
}
