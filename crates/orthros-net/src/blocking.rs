//! The client that blocks its thread.

use std::collections::HashMap;
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream, UdpSocket};
use std::time::{Duration, Instant};

use orthros::client::{AsExchange, InitialCredentials, ServiceCredentials, TgsExchange};
use orthros::credentials::Credentials;
use orthros::error::Error;
use orthros::gss::Initiator;
use orthros::keytab::Keytab;
use orthros::principal::Principal;
use orthros::secret::Secret;
use orthros::step::{Ask, Awaiting};
use orthros::time::Timestamp;

use crate::answer::{Verdict, judge};
use crate::config::KdcConfig;
use crate::forwarding;
use crate::plan::{Failure, Plan, Transport};

/// The longest datagram there is.
const MAX_DATAGRAM: usize = 65_535;

/// Carries exchanges to KDCs and blocks meanwhile.
#[derive(Clone, Debug)]
pub struct KdcClient {
    config: KdcConfig,
}

impl KdcClient {
    /// With this configuration.
    pub fn new(config: KdcConfig) -> Self {
        Self { config }
    }

    /// What the configured clock says.
    pub fn now(&self) -> Timestamp {
        self.config.now()
    }

    /// A TGT for `client`, who has this password.
    pub fn get_tgt(
        &self,
        client: Principal,
        password: Secret,
    ) -> Result<InitialCredentials, Error> {
        let exchange = AsExchange::with_password(client, password);
        self.run(exchange.start(self.now())?)
    }

    /// A TGT for `client`, whose keys are in a keytab.
    pub fn get_tgt_with_keytab(
        &self,
        client: Principal,
        keytab: &Keytab,
    ) -> Result<InitialCredentials, Error> {
        let exchange = AsExchange::with_keytab(client, keytab);
        self.run(exchange.start(self.now())?)
    }

    /// A ticket for `service`.
    pub fn get_service_ticket(
        &self,
        tgt: &Credentials,
        service: Principal,
    ) -> Result<ServiceCredentials, Error> {
        let exchange = TgsExchange::new(tgt, service);
        self.run(exchange.start(self.now())?)
    }

    /// Gives `initiator` a forwarded TGT, if its flags ask for delegation and may have it (GSS-32,
    /// GSS-34): see
    /// [`wants_forwarded_tgt`](orthros::gss::Initiator::wants_forwarded_tgt).
    ///
    /// The initiator goes on in any case. If the KDC gave none, the error says why, and the context
    /// will not have DELEG (GSS-33).
    pub fn delegate(&self, initiator: Initiator, tgt: &Credentials) -> (Initiator, Option<Error>) {
        if !initiator.wants_forwarded_tgt() {
            return (initiator, None);
        }
        let got = match forwarding::start(&initiator, tgt, self.now()) {
            Ok(ask) => self.run(ask),
            Err(error) => Err(error),
        };
        match got {
            Ok(got) => (initiator.delegate(got.credentials), None),
            Err(error) => (initiator, Some(error)),
        }
    }

    /// Takes an exchange to its end.
    pub fn run<N: Awaiting>(&self, mut ask: Ask<N, N::Output>) -> Result<N::Output, Error> {
        // A deadline beyond the clock's end is none.
        let end = Instant::now().checked_add(self.config.policy.deadline);
        loop {
            match ask {
                Ask::Done(output) => return Ok(output),
                Ask::Send {
                    realm,
                    request,
                    next,
                } => {
                    let answer = self.ask(realm, &request, end)?;
                    ask = next.reply(&answer, self.now())?;
                }
            }
        }
    }

    /// One request and its answer.
    fn ask(&self, realm: String, request: &[u8], end: Option<Instant>) -> Result<Vec<u8>, Error> {
        let policy = &self.config.policy;
        let addresses = self.config.addresses.of(&realm);
        let mut plan = Plan::new(realm, addresses, request, policy);
        // Kept from pass to pass: a late answer is still one.
        let mut sockets = HashMap::new();
        while let Some((way, wait)) = plan.next() {
            let left = end.map_or(Duration::MAX, |end| {
                end.saturating_duration_since(Instant::now())
            });
            let wait = wait.min(left);
            if wait.is_zero() {
                plan.out_of_time(policy.deadline);
                break;
            }
            let clock = Stopwatch::start(wait);
            let answer = match way.transport {
                Transport::Udp => udp(&mut sockets, way.address, request, clock),
                Transport::Tcp => tcp(way.address, request, clock, policy.max_reply),
            };
            match answer {
                Ok(answer) => return Ok(answer),
                Err(failure) => plan.failed(way, &failure),
            }
        }
        Err(plan.unreachable())
    }
}

/// How long one try may still take.
#[derive(Clone, Copy)]
struct Stopwatch {
    start: Instant,
    wait: Duration,
}

impl Stopwatch {
    fn start(wait: Duration) -> Self {
        Self {
            start: Instant::now(),
            wait,
        }
    }

    /// What is left; `None` if nothing is. A socket takes no timeout of zero.
    fn left(&self) -> Option<Duration> {
        self.wait
            .checked_sub(self.start.elapsed())
            .filter(|left| !left.is_zero())
    }
}

fn timed_out(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut
    )
}

/// One datagram each way. The socket is connected: what others send does not arrive.
fn udp(
    sockets: &mut HashMap<SocketAddr, UdpSocket>,
    address: SocketAddr,
    request: &[u8],
    clock: Stopwatch,
) -> Result<Vec<u8>, Failure> {
    let socket = match sockets.remove(&address) {
        Some(socket) => socket,
        None => {
            let any: SocketAddr = match address {
                SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
                SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
            };
            let socket = UdpSocket::bind(any).map_err(Failure::Io)?;
            socket.connect(address).map_err(Failure::Io)?;
            socket
        }
    };
    socket
        .set_write_timeout(Some(clock.wait))
        .map_err(Failure::Io)?;
    socket.send(request).map_err(Failure::Io)?;
    let mut buffer = vec![0; MAX_DATAGRAM];
    let mut strays = 0;
    while let Some(left) = clock.left() {
        socket.set_read_timeout(Some(left)).map_err(Failure::Io)?;
        let octets = match socket.recv(&mut buffer) {
            Ok(len) => buffer.get(..len).unwrap_or_default(),
            Err(error) if timed_out(&error) || error.kind() == io::ErrorKind::Interrupted => {
                continue;
            }
            Err(error) => return Err(Failure::Io(error)),
        };
        match judge(request, octets) {
            Verdict::Answer => return Ok(octets.to_vec()),
            Verdict::TooBig => return Err(Failure::TooBig),
            Verdict::Unavailable => return Err(Failure::Unavailable),
            Verdict::NoAnswer => strays += 1,
        }
    }
    sockets.insert(address, socket);
    Err(Failure::Silence {
        waited: clock.wait,
        strays,
    })
}

/// A message with its length before it each way (KDC-50).
fn tcp(
    address: SocketAddr,
    request: &[u8],
    clock: Stopwatch,
    max_reply: usize,
) -> Result<Vec<u8>, Failure> {
    let silence = || Failure::Silence {
        waited: clock.wait,
        strays: 0,
    };
    let failed = |error: io::Error| match timed_out(&error) {
        true => silence(),
        false => Failure::Io(error),
    };
    let len = u32::try_from(request.len()).map_err(|_| Failure::NoAnswer)?;
    let message = [&len.to_be_bytes(), request].concat();
    let mut stream = TcpStream::connect_timeout(&address, clock.wait).map_err(failed)?;
    stream.set_nodelay(true).map_err(Failure::Io)?;
    let mut rest = message.as_slice();
    while !rest.is_empty() {
        let left = clock.left().ok_or_else(silence)?;
        stream.set_write_timeout(Some(left)).map_err(Failure::Io)?;
        match stream.write(rest) {
            Ok(0) => return Err(Failure::Closed),
            Ok(written) => rest = rest.get(written..).unwrap_or_default(),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(failed(error)),
        }
    }
    let mut prefix = [0; 4];
    read(&mut stream, &mut prefix, clock)?;
    let announced = u32::from_be_bytes(prefix);
    let len = crate::plan::reply_len(announced, max_reply)?;
    let mut answer = vec![0; len];
    read(&mut stream, &mut answer, clock)?;
    match judge(request, &answer) {
        // Over TCP it is for the caller to wonder about.
        Verdict::Answer | Verdict::TooBig => Ok(answer),
        Verdict::Unavailable => Err(Failure::Unavailable),
        Verdict::NoAnswer => Err(Failure::NoAnswer),
    }
}

/// Fills `buffer`, however slowly the octets drip, within the time that is left.
fn read(stream: &mut TcpStream, buffer: &mut [u8], clock: Stopwatch) -> Result<(), Failure> {
    let mut filled = 0;
    while let Some(rest) = buffer.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        let Some(left) = clock.left() else {
            return Err(match filled {
                0 => Failure::Silence {
                    waited: clock.wait,
                    strays: 0,
                },
                octets => Failure::Unfinished {
                    waited: clock.wait,
                    octets,
                    of: buffer.len(),
                },
            });
        };
        stream.set_read_timeout(Some(left)).map_err(Failure::Io)?;
        match stream.read(rest) {
            Ok(0) => return Err(Failure::Closed),
            Ok(octets) => filled += octets,
            Err(error) if timed_out(&error) || error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(Failure::Io(error)),
        }
    }
    Ok(())
}
