//! What a server grants to peers that it does not know yet (security case 133).

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::error::HandshakeError;

/// What a peer may cost before it is authenticated.
///
/// | | by default |
/// |---|---|
/// | one token | 64 KiB |
/// | tokens from the peer | 4 |
/// | until its first token is there | 10 seconds |
/// | until the context is established | 30 seconds |
/// | handshakes under way with one peer | 64 |
/// | handshakes under way with all of them | 1024 |
///
/// The first four hold in every handshake with a [`StreamConfig`](super::StreamConfig) that has
/// these limits; the last two are counted by a [`Door`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    pub(super) token: usize,
    pub(super) rounds: u32,
    pub(super) first_token: Duration,
    pub(super) handshake: Duration,
    of_peer: usize,
    of_all: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self::new()
    }
}

impl Limits {
    /// The defaults.
    pub const fn new() -> Self {
        Self {
            token: 64 << 10,
            rounds: 4,
            first_token: Duration::from_secs(10),
            handshake: Duration::from_secs(30),
            of_peer: 64,
            of_all: 1024,
        }
    }

    /// The longest context token that is taken.
    #[must_use]
    pub const fn token(mut self, octets: usize) -> Self {
        self.token = octets;
        self
    }

    /// How many tokens the peer may send until the context is established.
    #[must_use]
    pub const fn rounds(mut self, rounds: u32) -> Self {
        self.rounds = rounds;
        self
    }

    /// How long an acceptor waits for the first token.
    #[must_use]
    pub const fn first_token(mut self, time: Duration) -> Self {
        self.first_token = time;
        self
    }

    /// How long the whole handshake may take.
    #[must_use]
    pub const fn handshake(mut self, time: Duration) -> Self {
        self.handshake = time;
        self
    }

    /// How many handshakes may be under way with one peer, and with all of them.
    #[must_use]
    pub const fn under_way(mut self, of_peer: usize, of_all: usize) -> Self {
        self.of_peer = of_peer;
        self.of_all = of_all;
        self
    }
}

/// Counts the handshakes under way.
///
/// A server asks it for a [`Place`] with every connection, before it spends a thread or a task on
/// it, and hangs up if there is none. The place is given back when it is dropped: once the context
/// is established, or, if connections are to be counted rather than handshakes, at their end.
///
/// ```no_run
/// use std::net::TcpListener;
/// use std::thread;
/// use std::time::SystemTime;
///
/// use orthros::gss::{Acceptor, AwaitToken};
/// use orthros::time::Timestamp;
/// use orthros_net::stream::{Door, Limits, StreamConfig, blocking};
///
/// fn serve(listener: TcpListener, acceptor: Acceptor) -> std::io::Result<()> {
///     let limits = Limits::new();
///     let door = Door::new(limits);
///     for socket in listener.incoming() {
///         let socket = socket?;
///         let Ok(place) = door.enter(socket.peer_addr()?.ip()) else {
///             continue;
///         };
///         let acceptor = acceptor.clone();
///         thread::spawn(move || {
///             let now = || Timestamp::from(SystemTime::now());
///             let step = |next: AwaitToken, token: &[u8]| next.accept(token, now());
///             let config = StreamConfig::knc().limits(limits);
///             let stream = blocking::accept_socket(socket, acceptor.into(), step, &config);
///             drop(place);
///             // And now the conversation.
///             # let _ = stream;
///         });
///     }
///     Ok(())
/// }
/// ```
#[derive(Clone, Debug)]
pub struct Door {
    limits: Limits,
    under_way: Arc<Mutex<UnderWay>>,
}

#[derive(Debug, Default)]
struct UnderWay {
    all: usize,
    of_peer: HashMap<IpAddr, usize>,
}

impl Door {
    /// Nobody is in.
    pub fn new(limits: Limits) -> Self {
        Self {
            limits,
            under_way: Arc::default(),
        }
    }

    /// A place for one more handshake with this peer, if it may have one.
    ///
    /// Addresses of IPv6 are one peer if their first 64 bits are the same: one host has them all.
    pub fn enter(&self, peer: IpAddr) -> Result<Place, HandshakeError> {
        let peer = host(peer);
        let mut under_way = self.lock();
        if under_way.all >= self.limits.of_all {
            let max = self.limits.of_all;
            return Err(HandshakeError::TooMany { peer: None, max });
        }
        let with_peer = under_way.of_peer.get(&peer).copied().unwrap_or(0);
        if with_peer >= self.limits.of_peer {
            let (peer, max) = (Some(peer), self.limits.of_peer);
            return Err(HandshakeError::TooMany { peer, max });
        }
        under_way.of_peer.insert(peer, with_peer + 1);
        under_way.all += 1;
        Ok(Place {
            door: self.clone(),
            peer,
        })
    }

    /// How many handshakes are under way.
    pub fn under_way(&self) -> usize {
        self.lock().all
    }

    /// What is locked is whole between any two statements: a thread that died in between has not
    /// closed the door for the others (security case 134).
    fn lock(&self) -> MutexGuard<'_, UnderWay> {
        self.under_way
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

/// A handshake under way, counted by its [`Door`] until this is dropped.
#[derive(Debug)]
pub struct Place {
    door: Door,
    peer: IpAddr,
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut under_way = self.door.lock();
        under_way.all = under_way.all.saturating_sub(1);
        match under_way.of_peer.get_mut(&self.peer) {
            Some(count) if *count > 1 => *count -= 1,
            // What is kept is of those who are in.
            _ => drop(under_way.of_peer.remove(&self.peer)),
        }
    }
}

/// What stands for one host.
fn host(peer: IpAddr) -> IpAddr {
    match peer.to_canonical() {
        IpAddr::V6(address) => {
            let network = address.to_bits() & !u128::from(u64::MAX);
            Ipv6Addr::from_bits(network).into()
        }
        v4 => v4,
    }
}
