//! UDP and TCP on one port (RFC 4120 §7.2, KDC-49, KDC-50).

use std::convert::Infallible;
use std::fmt;
use std::io;
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::sync::Arc;
use std::time::Duration;

use orthros::ap::HostAddr;
use orthros::kdc::{Answer, EmbeddedKdc, Event};
use orthros::wire::ErrorCode;
use orthros::wire::primitive::application_number;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use crate::Clock;

/// How much a stranger gets before he has said who he is.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// The longest request: 64 KiB.
    pub request: usize,
    /// The longest reply in a datagram: 4096 octets. For a longer one the client has to come over
    /// TCP.
    pub datagram: usize,
    /// How many TCP connections there are at once: 128. Those above are closed.
    pub connections: usize,
    /// How long a client may take to send a request, to take the reply, and between two requests:
    /// 30 seconds.
    pub idle: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            request: 64 * 1024,
            datagram: 4096,
            connections: 128,
            idle: Duration::from_secs(30),
        }
    }
}

/// Is told of every request.
pub type Observer = Arc<dyn Fn(SocketAddr, &Event) + Send + Sync>;

/// What answers.
#[derive(Clone)]
pub struct Service {
    /// The realm.
    pub kdc: Arc<EmbeddedKdc>,
    /// What time it is there.
    pub clock: Arc<Clock>,
    /// How much a stranger gets.
    pub limits: Limits,
    /// Who is told.
    pub observer: Option<Observer>,
}

impl fmt::Debug for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Service")
            .field("kdc", &self.kdc)
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}

/// Both sockets, bound.
#[derive(Debug)]
pub struct Listener {
    udp: UdpSocket,
    tcp: TcpListener,
    address: SocketAddr,
}

/// Senders that would answer an answer: echo, daytime, quote, chargen, time, other KDCs and
/// password servers (security case 98).
const NO_CLIENTS: [u16; 8] = [0, 7, 13, 17, 19, 37, 88, 464];

impl Listener {
    /// Binds both sockets. With port 0 the operating system chooses one that is free for both; they
    /// stay bound from here on.
    pub fn bind(address: SocketAddr) -> io::Result<Self> {
        let mut attempts = 0;
        loop {
            let tcp = TcpListener::bind(address)?;
            let bound = tcp.local_addr()?;
            match UdpSocket::bind(bound) {
                Ok(udp) => {
                    tcp.set_nonblocking(true)?;
                    udp.set_nonblocking(true)?;
                    return Ok(Self {
                        udp,
                        tcp,
                        address: bound,
                    });
                }
                // Somebody has this port for UDP; another one will do.
                Err(error) if error.kind() == io::ErrorKind::AddrInUse => {
                    attempts += 1;
                    if address.port() != 0 || attempts == 64 {
                        return Err(error);
                    }
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// Where it listens.
    pub fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// Answers until it is dropped or the sockets break. Needs a tokio runtime with IO and time.
    pub async fn run(self, service: Service) -> io::Result<Infallible> {
        let udp = tokio::net::UdpSocket::from_std(self.udp)?;
        let tcp = tokio::net::TcpListener::from_std(self.tcp)?;
        tokio::select! {
            broken = datagrams(udp, &service) => broken,
            broken = connections(tcp, &service) => broken,
        }
    }
}

impl Service {
    fn serve(&self, request: &[u8], from: SocketAddr) -> Answer {
        let peer = HostAddr::from(from.ip());
        let answer = self.kdc.serve(request, Some(&peer), self.clock.now());
        if let Some(observer) = &self.observer {
            observer(from, &answer.event);
        }
        answer
    }

    fn error(&self, code: ErrorCode) -> Option<Vec<u8>> {
        self.kdc.error(code, self.clock.now())
    }
}

/// How long nothing is done after a socket's error.
const AFTER_ERROR: Duration = Duration::from_millis(50);

async fn datagrams(socket: tokio::net::UdpSocket, service: &Service) -> io::Result<Infallible> {
    let mut buffer = vec![0; service.limits.request];
    loop {
        // An ICMP message about an earlier reply is reported here, and no reason to stop. An error
        // that stays is no reason to spin.
        let Ok((length, from)) = socket.recv_from(&mut buffer).await else {
            tokio::time::sleep(AFTER_ERROR).await;
            continue;
        };
        if NO_CLIENTS.contains(&from.port()) {
            continue;
        }
        let request = buffer.get(..length).unwrap_or_default();
        let reply = match service.serve(request, from).reply {
            Some(reply) if reply.len() > service.limits.datagram => {
                service.error(ErrorCode::KRB_ERR_RESPONSE_TOO_BIG)
            }
            reply => reply,
        };
        if let Some(reply) = reply {
            // Lost is lost: the client asks again.
            let _ = socket.send_to(&reply, from).await;
        }
    }
}

async fn connections(
    listener: tokio::net::TcpListener,
    service: &Service,
) -> io::Result<Infallible> {
    let places = Arc::new(Semaphore::new(service.limits.connections));
    loop {
        let Ok((stream, from)) = listener.accept().await else {
            // Out of file descriptors, perhaps: some will be free again.
            tokio::time::sleep(AFTER_ERROR).await;
            continue;
        };
        if let Ok(place) = Arc::clone(&places).try_acquire_owned() {
            tokio::spawn(connection(stream, from, service.clone(), place));
        }
    }
}

/// Requests one after the other, until the client goes, is silent or breaks a rule.
async fn connection(
    mut stream: TcpStream,
    from: SocketAddr,
    service: Service,
    place: OwnedSemaphorePermit,
) {
    let idle = service.limits.idle;
    while let Ok(Ok(request)) = timeout(idle, read(&mut stream, service.limits.request)).await {
        let (reply, more) = match request {
            Some(request) => answer(&service, &request, from),
            None => (service.error(ErrorCode::KRB_ERR_FIELD_TOOLONG), false),
        };
        let Some(reply) = reply else { break };
        if !matches!(timeout(idle, write(&mut stream, &reply)).await, Ok(Ok(()))) {
            return;
        }
        if !more {
            break;
        }
    }
    let _ = timeout(Duration::from_secs(1), part(&mut stream)).await;
    drop(place);
}

/// What goes back, and whether more may come.
fn answer(service: &Service, request: &[u8], from: SocketAddr) -> (Option<Vec<u8>>, bool) {
    let Answer { reply, event } = service.serve(request, from);
    match (reply, event.result) {
        (Some(reply), _) => (Some(reply), true),
        // Nobody answers an error (security case 98).
        (None, _) if application_number(request) == Some(30) => (None, false),
        // Over TCP, what is no request is told so (KDC-50).
        (None, Err(error)) => (service.error(error.protocol_code()), false),
        (None, Ok(_)) => (None, false),
    }
}

/// One record; `None` if it is too long or asks for an extension by its high bit (KDC-50, KDC-53).
async fn read(stream: &mut TcpStream, limit: usize) -> io::Result<Option<Vec<u8>>> {
    let length = stream.read_u32().await?;
    let length = usize::try_from(length).unwrap_or(usize::MAX);
    if length > limit {
        return Ok(None);
    }
    let mut request = Vec::new();
    let wanted = u64::try_from(length).unwrap_or(u64::MAX);
    if stream.take(wanted).read_to_end(&mut request).await? < length {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(Some(request))
}

async fn write(stream: &mut TcpStream, reply: &[u8]) -> io::Result<()> {
    let length = u32::try_from(reply.len()).map_err(io::Error::other)?;
    let mut record = Vec::with_capacity(4 + reply.len());
    record.extend_from_slice(&length.to_be_bytes());
    record.extend_from_slice(reply);
    stream.write_all(&record).await
}

/// Closes so that the last reply arrives: octets that nobody read would reset the connection.
async fn part(stream: &mut TcpStream) -> io::Result<()> {
    stream.shutdown().await?;
    let mut rest = [0; 4096];
    while stream.read(&mut rest).await? > 0 {}
    Ok(())
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::net::{Ipv4Addr, TcpStream};
    use std::os::fd::OwnedFd;

    use orthros::kdc::Policy;
    use orthros::random::OsRandom;

    use super::*;

    /// What this thread has computed so far, if the kernel says it.
    fn computed() -> Option<Duration> {
        let text = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
        let nanos = text.split_whitespace().next()?.parse().ok()?;
        Some(Duration::from_nanos(nanos))
    }

    /// A socket that is always ready and gives nothing but errors: a connection that was closed,
    /// in the place of a datagram socket.
    fn broken() -> UdpSocket {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let socket = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        drop(listener.accept().unwrap());
        socket.set_nonblocking(true).unwrap();
        UdpSocket::from(OwnedFd::from(socket))
    }

    #[test]
    fn endless_errors_do_not_spin() {
        if computed().is_none() {
            println!("not run: (optional) the kernel does not count a thread's time");
            return;
        }
        let mut buffer = [0; 16];
        let socket = broken();
        let error = socket.recv_from(&mut buffer).unwrap_err();
        assert_ne!(error.kind(), io::ErrorKind::WouldBlock, "{error}");
        let kdc = EmbeddedKdc::new("EXAMPLE.COM", Policy::default(), Arc::new(OsRandom)).unwrap();
        let service = Service {
            kdc: Arc::new(kdc),
            clock: Arc::default(),
            limits: Limits::default(),
            observer: None,
        };
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        let before = computed().unwrap();
        runtime.block_on(async {
            let socket = tokio::net::UdpSocket::from_std(socket).unwrap();
            let end = timeout(Duration::from_millis(400), datagrams(socket, &service)).await;
            assert!(end.is_err(), "it goes on");
        });
        let spent = computed().unwrap() - before;
        assert!(spent < Duration::from_millis(150), "{spent:?} of 400 ms");
    }
}
