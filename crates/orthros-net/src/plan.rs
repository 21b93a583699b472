//! Which KDC is asked next, over what, and for how long (KDC-51). No socket here.
//!
//! In a pass every KDC is asked over the transport that suits the request, then every KDC over the
//! other one. Who refused is not asked again; who was silent is, with twice the patience.

use std::collections::VecDeque;
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use orthros::error::Error;

use crate::config::Policy;

/// How octets travel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Transport {
    /// One datagram each way.
    Udp,
    /// With a length before each message (KDC-50).
    Tcp,
}

/// One KDC and one way to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Way {
    pub(crate) address: SocketAddr,
    pub(crate) transport: Transport,
}

impl fmt::Display for Way {
    /// `192.0.2.1:88/udp`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let transport = match self.transport {
            Transport::Udp => "udp",
            Transport::Tcp => "tcp",
        };
        write!(f, "{}/{transport}", self.address)
    }
}

/// Why a try gave no answer.
#[derive(Debug)]
pub(crate) enum Failure {
    /// Nothing came in time but so many datagrams that were no answer.
    Silence { waited: Duration, strays: usize },
    /// An answer began and did not end in time.
    Unfinished {
        waited: Duration,
        octets: usize,
        of: usize,
    },
    /// The KDC says that its answer does not fit into a datagram.
    TooBig,
    /// The KDC says that it cannot answer now.
    Unavailable,
    /// The operating system says no.
    Io(io::Error),
    /// What came over TCP is no answer.
    NoAnswer,
    /// The stream ended before the answer.
    Closed,
    /// The answer is announced to be longer than what is read.
    TooLong { announced: u32, limit: usize },
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Silence { waited, strays: 0 } => write!(f, "no answer in {}", Span(*waited)),
            Self::Silence { waited, strays } => write!(
                f,
                "no answer in {}, only {strays} datagrams that are none",
                Span(*waited)
            ),
            Self::Unfinished { waited, octets, of } => write!(
                f,
                "{octets} of {of} octets of an answer in {}",
                Span(*waited)
            ),
            Self::TooBig => f.write_str("the answer is too large for UDP"),
            Self::Unavailable => f.write_str("the KDC says that it is unavailable"),
            Self::NoAnswer => f.write_str("what answers is no KDC"),
            Self::Closed => f.write_str("closed the connection without an answer"),
            Self::TooLong { announced, limit } => write!(
                f,
                "announces an answer of {announced} octets, at most {limit} are read"
            ),
            Self::Io(error) => match error.kind() {
                io::ErrorKind::ConnectionRefused => f.write_str("connection refused"),
                io::ErrorKind::ConnectionReset => f.write_str("connection reset"),
                io::ErrorKind::HostUnreachable => f.write_str("no route to host"),
                io::ErrorKind::NetworkUnreachable => f.write_str("network unreachable"),
                _ => write!(f, "{error}"),
            },
        }
    }
}

/// How many octets of answer a length prefix announces. Its high bit is 0 (KDC-50), and no more
/// is read than the policy allows: nothing is allocated before this is known.
pub(crate) fn reply_len(announced: u32, limit: usize) -> Result<usize, Failure> {
    match usize::try_from(announced) {
        Ok(len) if len <= limit && announced >> 31 == 0 => Ok(len),
        _ => Err(Failure::TooLong { announced, limit }),
    }
}

/// `1 s`, `250 ms`.
struct Span(Duration);

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let millis = self.0.as_millis();
        match millis % 1_000 {
            0 => write!(f, "{} s", millis / 1_000),
            _ => write!(f, "{millis} ms"),
        }
    }
}

/// The tries for one request.
#[derive(Debug)]
pub(crate) struct Plan {
    realm: String,
    /// Of this pass.
    queue: VecDeque<Way>,
    /// For the next pass.
    silent: Vec<Way>,
    wait: Duration,
    passes: u32,
    attempts: Vec<String>,
}

impl Plan {
    pub(crate) fn new(
        realm: String,
        addresses: &[SocketAddr],
        request: &[u8],
        policy: &Policy,
    ) -> Self {
        let order = match request.len() > policy.udp_preference_limit {
            true => [Transport::Tcp, Transport::Udp],
            false => [Transport::Udp, Transport::Tcp],
        };
        let mut queue = VecDeque::new();
        for transport in order {
            for address in addresses {
                let way = Way {
                    address: *address,
                    transport,
                };
                if !queue.contains(&way) {
                    queue.push_back(way);
                }
            }
        }
        let attempts = match addresses {
            [] => vec![format!("no KDC of {realm} is known")],
            _ => Vec::new(),
        };
        Self {
            realm,
            queue,
            silent: Vec::new(),
            wait: policy.first_wait,
            passes: policy.passes,
            attempts,
        }
    }

    /// The next try and how long it may take; `None` if nothing is left to be tried.
    pub(crate) fn next(&mut self) -> Option<(Way, Duration)> {
        if self.passes == 0 {
            return None;
        }
        if self.queue.is_empty() {
            self.passes -= 1;
            if self.passes == 0 {
                return None;
            }
            self.wait = self.wait.saturating_mul(2);
            self.queue.extend(self.silent.drain(..));
        }
        let way = self.queue.pop_front()?;
        Some((way, self.wait))
    }

    /// What came of a try.
    pub(crate) fn failed(&mut self, way: Way, failure: &Failure) {
        self.attempts.push(format!("{way}: {failure}"));
        match failure {
            Failure::Silence { .. } | Failure::Unfinished { .. } => self.silent.push(way),
            // The same KDC over TCP, and nobody over UDP any more.
            Failure::TooBig => {
                let tcp = Way {
                    transport: Transport::Tcp,
                    ..way
                };
                let keep = |other: &Way| other.transport == Transport::Tcp && *other != tcp;
                self.queue.retain(keep);
                self.silent.retain(keep);
                self.queue.push_front(tcp);
            }
            _ => {}
        }
    }

    /// There is no time left.
    pub(crate) fn out_of_time(&mut self, deadline: Duration) {
        self.attempts
            .push(format!("gave up after {}", Span(deadline)));
    }

    /// Everything that was tried.
    pub(crate) fn unreachable(self) -> Error {
        Error::Unreachable {
            realm: self.realm,
            attempts: self.attempts,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn addresses() -> Vec<SocketAddr> {
        ["192.0.2.1:88", "[2001:db8::1]:88", "192.0.2.1:88"]
            .iter()
            .map(|text| text.parse().unwrap())
            .collect()
    }

    fn silence(waited: Duration) -> Failure {
        Failure::Silence { waited, strays: 0 }
    }

    /// All tries of a plan in which nobody answers.
    fn walk(plan: &mut Plan) -> Vec<String> {
        let mut out = Vec::new();
        while let Some((way, wait)) = plan.next() {
            out.push(format!("{way} {}", Span(wait)));
            plan.failed(way, &silence(wait));
        }
        out
    }

    #[test]
    fn kdc_51_three_passes_with_back_off() {
        let policy = Policy::default();
        let mut plan = Plan::new("R".into(), &addresses(), &[0; 1465], &policy);
        let pass = |wait: &str| {
            [
                "192.0.2.1:88/udp",
                "[2001:db8::1]:88/udp",
                "192.0.2.1:88/tcp",
                "[2001:db8::1]:88/tcp",
            ]
            .map(|way| format!("{way} {wait}"))
        };
        assert_eq!(
            walk(&mut plan),
            [pass("1 s"), pass("2 s"), pass("4 s")].concat()
        );
        let Error::Unreachable { realm, attempts } = plan.unreachable() else {
            panic!("another error")
        };
        assert_eq!(realm, "R");
        assert_eq!(attempts.len(), 12);
        assert_eq!(attempts[0], "192.0.2.1:88/udp: no answer in 1 s");
        assert_eq!(attempts[11], "[2001:db8::1]:88/tcp: no answer in 4 s");
    }

    #[test]
    fn kdc_51_long_requests_go_over_tcp_first() {
        let policy = Policy::default();
        for (len, transport) in [(1465, Transport::Udp), (1466, Transport::Tcp)] {
            let mut plan = Plan::new("R".into(), &addresses(), &vec![0; len], &policy);
            assert_eq!(plan.next().unwrap().0.transport, transport);
        }
    }

    #[test]
    fn kdc_51_who_refused_is_not_asked_again() {
        let policy = Policy::default();
        let mut plan = Plan::new("R".into(), &addresses()[..1], &[], &policy);
        let (udp, _) = plan.next().unwrap();
        plan.failed(
            udp,
            &Failure::Io(io::Error::from(io::ErrorKind::ConnectionRefused)),
        );
        let (tcp, wait) = plan.next().unwrap();
        plan.failed(tcp, &silence(wait));
        let (again, wait) = plan.next().unwrap();
        assert_eq!((again, wait), (tcp, Duration::from_secs(2)));
        plan.failed(tcp, &Failure::Closed);
        assert!(plan.next().is_none());
        assert!(plan.next().is_none());
    }

    #[test]
    fn kdc_49_too_big_goes_to_the_same_kdc_over_tcp() {
        let policy = Policy::default();
        let mut plan = Plan::new("R".into(), &addresses(), &[], &policy);
        let (first, wait) = plan.next().unwrap();
        plan.failed(first, &silence(wait));
        let (second, _) = plan.next().unwrap();
        plan.failed(second, &Failure::TooBig);
        let (tcp, _) = plan.next().unwrap();
        assert_eq!(
            (tcp.address, tcp.transport),
            (second.address, Transport::Tcp)
        );
        plan.failed(tcp, &Failure::Closed);
        // The other KDC is still tried, but over UDP nobody is.
        let rest = walk(&mut plan);
        assert_eq!(
            rest,
            [
                "192.0.2.1:88/tcp 1 s",
                "192.0.2.1:88/tcp 2 s",
                "192.0.2.1:88/tcp 4 s"
            ]
        );
    }

    #[test]
    fn no_kdc_is_said() {
        let policy = Policy::default();
        let mut plan = Plan::new("R".into(), &[], &[], &policy);
        assert!(plan.next().is_none());
        let Error::Unreachable { attempts, .. } = plan.unreachable() else {
            panic!("another error")
        };
        assert_eq!(attempts, ["no KDC of R is known"]);
        let none = Policy {
            passes: 0,
            ..Policy::default()
        };
        let mut plan = Plan::new("R".into(), &addresses(), &[], &none);
        assert!(plan.next().is_none());
    }

    #[test]
    fn failures_in_words() {
        for (failure, text) in [
            (
                Failure::Silence {
                    waited: Duration::from_millis(250),
                    strays: 2,
                },
                "no answer in 250 ms, only 2 datagrams that are none",
            ),
            (
                Failure::TooLong {
                    announced: u32::MAX,
                    limit: 65_536,
                },
                "announces an answer of 4294967295 octets, at most 65536 are read",
            ),
            (
                Failure::Unfinished {
                    waited: Duration::from_secs(1),
                    octets: 3,
                    of: 9,
                },
                "3 of 9 octets of an answer in 1 s",
            ),
        ] {
            assert_eq!(failure.to_string(), text);
        }
    }
}
