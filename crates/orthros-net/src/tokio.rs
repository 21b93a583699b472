//! The client for tokio: the same plan, without blocking. It needs a runtime with input, output
//! and time enabled.

use std::collections::HashMap;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use ::tokio::io::{AsyncReadExt, AsyncWriteExt};
use ::tokio::net::{TcpStream, UdpSocket};
use ::tokio::time::{Instant, timeout_at};

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
use crate::plan::{Failure, Plan, Transport, reply_len};

/// The longest datagram there is.
const MAX_DATAGRAM: usize = 65_535;

/// Carries exchanges to KDCs.
///
/// Dropping the future of a call ends the exchange; nothing goes on in the background.
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
    pub async fn get_tgt(
        &self,
        client: Principal,
        password: Secret,
    ) -> Result<InitialCredentials, Error> {
        let exchange = AsExchange::with_password(client, password);
        self.run(exchange.start(self.now())?).await
    }

    /// A TGT for `client`, whose keys are in a keytab.
    pub async fn get_tgt_with_keytab(
        &self,
        client: Principal,
        keytab: &Keytab,
    ) -> Result<InitialCredentials, Error> {
        let exchange = AsExchange::with_keytab(client, keytab);
        self.run(exchange.start(self.now())?).await
    }

    /// A ticket for `service`.
    pub async fn get_service_ticket(
        &self,
        tgt: &Credentials,
        service: Principal,
    ) -> Result<ServiceCredentials, Error> {
        let exchange = TgsExchange::new(tgt, service);
        self.run(exchange.start(self.now())?).await
    }

    /// Gives `initiator` a forwarded TGT, if its flags ask for delegation and may have it (GSS-32,
    /// GSS-34): see
    /// [`wants_forwarded_tgt`](orthros::gss::Initiator::wants_forwarded_tgt).
    ///
    /// The initiator goes on in any case. If the KDC gave none, the error says why, and the context
    /// will not have DELEG (GSS-33).
    pub async fn delegate(
        &self,
        initiator: Initiator,
        tgt: &Credentials,
    ) -> (Initiator, Option<Error>) {
        if !initiator.wants_forwarded_tgt() {
            return (initiator, None);
        }
        let got = match forwarding::start(&initiator, tgt, self.now()) {
            Ok(ask) => self.run(ask).await,
            Err(error) => Err(error),
        };
        match got {
            Ok(got) => (initiator.delegate(got.credentials), None),
            Err(error) => (initiator, Some(error)),
        }
    }

    /// Takes an exchange to its end.
    pub async fn run<N: Awaiting>(&self, mut ask: Ask<N, N::Output>) -> Result<N::Output, Error> {
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
                    let answer = self.ask(realm, &request, end).await?;
                    ask = next.reply(&answer, self.now())?;
                }
            }
        }
    }

    /// One request and its answer.
    async fn ask(
        &self,
        realm: String,
        request: &[u8],
        end: Option<Instant>,
    ) -> Result<Vec<u8>, Error> {
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
            let stop = match Instant::now().checked_add(wait) {
                Some(stop) if !wait.is_zero() => stop,
                _ => {
                    plan.out_of_time(policy.deadline);
                    break;
                }
            };
            let patience = Patience { wait, stop };
            let answer = match way.transport {
                Transport::Udp => udp(&mut sockets, way.address, request, patience).await,
                Transport::Tcp => tcp(way.address, request, patience, policy.max_reply).await,
            };
            match answer {
                Ok(answer) => return Ok(answer),
                Err(failure) => plan.failed(way, &failure),
            }
        }
        Err(plan.unreachable())
    }
}

/// How long one try takes, and until when.
#[derive(Clone, Copy)]
struct Patience {
    wait: Duration,
    stop: Instant,
}

impl Patience {
    fn silence(&self, strays: usize) -> Failure {
        Failure::Silence {
            waited: self.wait,
            strays,
        }
    }
}

/// One datagram each way. The socket is connected: what others send does not arrive.
async fn udp(
    sockets: &mut HashMap<SocketAddr, UdpSocket>,
    address: SocketAddr,
    request: &[u8],
    patience: Patience,
) -> Result<Vec<u8>, Failure> {
    let socket = match sockets.remove(&address) {
        Some(socket) => socket,
        None => {
            let any: SocketAddr = match address {
                SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
                SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
            };
            let socket = UdpSocket::bind(any).await.map_err(Failure::Io)?;
            socket.connect(address).await.map_err(Failure::Io)?;
            socket
        }
    };
    match timeout_at(patience.stop, socket.send(request)).await {
        Ok(sent) => sent.map_err(Failure::Io)?,
        Err(_) => return Err(patience.silence(0)),
    };
    let mut buffer = vec![0; MAX_DATAGRAM];
    let mut strays = 0;
    while let Ok(received) = timeout_at(patience.stop, socket.recv(&mut buffer)).await {
        let len = received.map_err(Failure::Io)?;
        let octets = buffer.get(..len).unwrap_or_default();
        match judge(request, octets) {
            Verdict::Answer => return Ok(octets.to_vec()),
            Verdict::TooBig => return Err(Failure::TooBig),
            Verdict::Unavailable => return Err(Failure::Unavailable),
            Verdict::NoAnswer => strays += 1,
        }
    }
    sockets.insert(address, socket);
    Err(patience.silence(strays))
}

/// A message with its length before it each way (KDC-50).
async fn tcp(
    address: SocketAddr,
    request: &[u8],
    patience: Patience,
    max_reply: usize,
) -> Result<Vec<u8>, Failure> {
    let len = u32::try_from(request.len()).map_err(|_| Failure::NoAnswer)?;
    let message = [&len.to_be_bytes(), request].concat();
    let sent = timeout_at(patience.stop, async {
        let mut stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        stream.write_all(&message).await?;
        Ok(stream)
    });
    let mut stream = match sent.await {
        Ok(stream) => stream.map_err(Failure::Io)?,
        Err(_) => return Err(patience.silence(0)),
    };
    let mut prefix = [0; 4];
    read(&mut stream, &mut prefix, patience).await?;
    let len = reply_len(u32::from_be_bytes(prefix), max_reply)?;
    let mut answer = vec![0; len];
    read(&mut stream, &mut answer, patience).await?;
    match judge(request, &answer) {
        // Over TCP it is for the caller to wonder about.
        Verdict::Answer | Verdict::TooBig => Ok(answer),
        Verdict::Unavailable => Err(Failure::Unavailable),
        Verdict::NoAnswer => Err(Failure::NoAnswer),
    }
}

/// Fills `buffer`, however slowly the octets drip, within the time that is left.
async fn read(
    stream: &mut TcpStream,
    buffer: &mut [u8],
    patience: Patience,
) -> Result<(), Failure> {
    let of = buffer.len();
    let mut filled = 0;
    while let Some(rest) = buffer.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        match timeout_at(patience.stop, stream.read(rest)).await {
            Ok(Ok(0)) => return Err(Failure::Closed),
            Ok(Ok(octets)) => filled += octets,
            Ok(Err(error)) => return Err(Failure::Io(error)),
            Err(_) if filled == 0 => return Err(patience.silence(0)),
            Err(_) => {
                return Err(Failure::Unfinished {
                    waited: patience.wait,
                    octets: filled,
                    of,
                });
            }
        }
    }
    Ok(())
}
