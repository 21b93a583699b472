//! KDC-49, KDC-50, KDC-51: KDCs that are silent, refuse, drip, lie and answer, on loopback.
//!
//! Each case runs with the blocking client and, with the feature `tokio`, with that one.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use orthros::error::Error;
use orthros::step::{Ask, Awaiting};
use orthros::time::{KerberosTime, Timestamp};
use orthros::wire::{
    ErrorCode, ErrorText, KerberosString, KrbError, Message, Microseconds, NameType, PrincipalName,
};
use orthros_net::{KdcAddresses, KdcConfig, Policy};

const REALM: &str = "TEST";

/// Takes whatever comes as the end.
#[derive(Debug)]
struct Echo;

impl Awaiting for Echo {
    type Output = Vec<u8>;

    fn reply(self, answer: &[u8], _: Timestamp) -> Result<Ask<Self, Vec<u8>>, Error> {
        Ok(Ask::Done(answer.to_vec()))
    }
}

/// The first octet says AS-REQ; fake KDCs read no further.
fn request(len: usize) -> Vec<u8> {
    let mut request = vec![0x6A];
    request.resize(len, 0);
    request
}

fn ask(len: usize) -> Ask<Echo, Vec<u8>> {
    Ask::Send {
        realm: REALM.to_owned(),
        request: request(len),
        next: Echo,
    }
}

fn krb_error(code: ErrorCode, text: &str) -> Vec<u8> {
    let realm = KerberosString(REALM);
    let error = KrbError {
        pvno: 5,
        msg_type: 30,
        ctime: None,
        cusec: None,
        stime: KerberosTime::from_secs(0),
        susec: Microseconds::new(0).unwrap(),
        error_code: code,
        crealm: None,
        cname: None,
        realm,
        sname: PrincipalName {
            name_type: NameType::SRV_INST,
            name_string: vec![KerberosString("krbtgt"), realm],
        },
        e_text: Some(ErrorText(text)),
        e_data: None,
    };
    error.to_bytes().unwrap()
}

fn answer() -> Vec<u8> {
    krb_error(ErrorCode::KDC_ERR_C_PRINCIPAL_UNKNOWN, "the answer")
}

fn framed(message: &[u8]) -> Vec<u8> {
    let len = u32::try_from(message.len()).unwrap();
    [&len.to_be_bytes(), message].concat()
}

/// What a fake KDC does over UDP and over TCP.
struct Kdc {
    address: SocketAddr,
    /// How many requests came over UDP and TCP.
    udp: Arc<AtomicUsize>,
    tcp: Arc<AtomicUsize>,
}

enum OverTcp {
    /// Nothing listens.
    Refuse,
    /// Sends these octets, this far apart, and keeps the connection.
    Send(Vec<u8>, Duration),
    /// Sends these octets and closes.
    Close(Vec<u8>),
}

/// For each datagram the datagrams that come back.
type OverUdp = Box<dyn Fn(usize) -> Vec<Vec<u8>> + Send>;

fn silent() -> OverUdp {
    Box::new(|_| Vec::new())
}

fn always(datagram: Vec<u8>) -> OverUdp {
    Box::new(move |_| vec![datagram.clone()])
}

impl Kdc {
    fn start(over_udp: OverUdp, over_tcp: OverTcp) -> Self {
        let (listener, socket) = loop {
            let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
            let address = listener.local_addr().unwrap();
            if let Ok(socket) = UdpSocket::bind(address) {
                break (listener, socket);
            }
        };
        let address = listener.local_addr().unwrap();
        let (udp, tcp) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let count = Arc::clone(&udp);
        thread::spawn(move || {
            let mut buffer = [0; 65_535];
            while let Ok((_, from)) = socket.recv_from(&mut buffer) {
                let n = count.fetch_add(1, Ordering::SeqCst);
                for datagram in over_udp(n) {
                    socket.send_to(&datagram, from).unwrap();
                }
            }
        });
        let count = Arc::clone(&tcp);
        if !matches!(over_tcp, OverTcp::Refuse) {
            thread::spawn(move || {
                while let Ok((mut stream, _)) = listener.accept() {
                    let mut len = [0; 4];
                    if stream.read_exact(&mut len).is_err() {
                        continue;
                    }
                    let len = usize::try_from(u32::from_be_bytes(len)).unwrap();
                    stream.read_exact(&mut vec![0; len]).unwrap();
                    count.fetch_add(1, Ordering::SeqCst);
                    match &over_tcp {
                        OverTcp::Close(octets) => stream.write_all(octets).unwrap(),
                        OverTcp::Send(octets, apart) => {
                            let (octets, apart) = (octets.clone(), *apart);
                            thread::spawn(move || {
                                for octet in octets {
                                    if stream.write_all(&[octet]).is_err() {
                                        return;
                                    }
                                    thread::sleep(apart);
                                }
                                let _ = stream.read(&mut [0]);
                            });
                        }
                        OverTcp::Refuse => {}
                    }
                }
            });
        }
        Self { address, udp, tcp }
    }

    fn counts(&self) -> (usize, usize) {
        let get = |count: &AtomicUsize| count.load(Ordering::SeqCst);
        (get(&self.udp), get(&self.tcp))
    }
}

fn nobody() -> SocketAddr {
    // Both are closed again at once.
    loop {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        if UdpSocket::bind(address).is_ok() {
            return address;
        }
    }
}

fn policy() -> Policy {
    Policy {
        first_wait: Duration::from_millis(200),
        passes: 1,
        ..Policy::default()
    }
}

fn config(kdcs: &[SocketAddr], policy: Policy) -> KdcConfig {
    KdcConfig::new(KdcAddresses::new().with(REALM, kdcs.iter().copied())).policy(policy)
}

fn attempts(result: Result<Vec<u8>, Error>) -> Vec<String> {
    match result {
        Err(Error::Unreachable { realm, attempts }) => {
            assert_eq!(realm, REALM);
            attempts
        }
        other => panic!("{other:?}"),
    }
}

type Run = fn(KdcConfig, Ask<Echo, Vec<u8>>) -> Result<Vec<u8>, Error>;

mod cases {
    use super::*;

    pub(super) fn udp_answer(run: Run) {
        let kdc = Kdc::start(always(answer()), OverTcp::Refuse);
        let got = run(config(&[kdc.address], policy()), ask(100)).unwrap();
        assert_eq!(got, answer());
        assert_eq!(kdc.counts(), (1, 0));
    }

    pub(super) fn tcp_first_for_long_requests(run: Run) {
        for close in [true, false] {
            let reply = framed(&answer());
            let over_tcp = match close {
                true => OverTcp::Close(reply),
                false => OverTcp::Send(reply, Duration::ZERO),
            };
            let kdc = Kdc::start(always(answer()), over_tcp);
            let got = run(config(&[kdc.address], policy()), ask(1466)).unwrap();
            assert_eq!(got, answer());
            assert_eq!(kdc.counts(), (0, 1));
        }
    }

    pub(super) fn black_hole_then_the_next_kdc(run: Run) {
        let hole = Kdc::start(silent(), OverTcp::Refuse);
        let kdc = Kdc::start(always(answer()), OverTcp::Refuse);
        let start = Instant::now();
        let got = run(config(&[hole.address, kdc.address], policy()), ask(9)).unwrap();
        assert_eq!(got, answer());
        assert!(start.elapsed() >= Duration::from_millis(200));
        assert_eq!(hole.counts().0, 1);
    }

    pub(super) fn black_hole_alone(run: Run) {
        let hole = Kdc::start(silent(), OverTcp::Send(Vec::new(), Duration::ZERO));
        let mut patient = policy();
        patient.passes = 2;
        patient.first_wait = Duration::from_millis(100);
        let tried = attempts(run(config(&[hole.address], patient), ask(9)));
        let at = hole.address;
        assert_eq!(
            tried,
            [
                format!("{at}/udp: no answer in 100 ms"),
                format!("{at}/tcp: no answer in 100 ms"),
                format!("{at}/udp: no answer in 200 ms"),
                format!("{at}/tcp: no answer in 200 ms"),
            ]
        );
        assert_eq!(hole.counts(), (2, 2));
    }

    pub(super) fn refused(run: Run) {
        let at = nobody();
        let start = Instant::now();
        let tried = attempts(run(config(&[at], Policy::default()), ask(9)));
        assert_eq!(
            tried,
            [
                format!("{at}/udp: connection refused"),
                format!("{at}/tcp: connection refused"),
            ]
        );
        // Nobody waits for who refused.
        assert!(start.elapsed() < Duration::from_secs(1));
    }

    pub(super) fn too_big_goes_over_tcp(run: Run) {
        let big = krb_error(ErrorCode::KRB_ERR_RESPONSE_TOO_BIG, "too big");
        let kdc = Kdc::start(always(big), OverTcp::Close(framed(&answer())));
        let got = run(config(&[kdc.address], policy()), ask(9)).unwrap();
        assert_eq!(got, answer());
        assert_eq!(kdc.counts(), (1, 1));
    }

    pub(super) fn unavailable_goes_to_the_next_kdc(run: Run) {
        let down = krb_error(ErrorCode::KDC_ERR_SVC_UNAVAILABLE, "down");
        let first = Kdc::start(always(down), OverTcp::Refuse);
        let second = Kdc::start(always(answer()), OverTcp::Refuse);
        let got = run(config(&[first.address, second.address], policy()), ask(9)).unwrap();
        assert_eq!(got, answer());
    }

    pub(super) fn garbage_before_the_answer(run: Run) {
        let kdc = Kdc::start(
            Box::new(|_| {
                let mut truncated = answer();
                truncated.pop();
                // A TGS-REP answers no AS-REQ.
                vec![vec![], vec![0; 2_000], truncated, vec![0x6D, 0], answer()]
            }),
            OverTcp::Refuse,
        );
        let got = run(config(&[kdc.address], policy()), ask(9)).unwrap();
        assert_eq!(got, answer());
    }

    pub(super) fn garbage_alone(run: Run) {
        let kdc = Kdc::start(
            Box::new(|_| vec![b"HTTP/1.1 400 Bad Request".to_vec(); 2]),
            OverTcp::Close(framed(b"HTTP/1.1 400 Bad Request")),
        );
        let at = kdc.address;
        let tried = attempts(run(config(&[at], policy()), ask(9)));
        assert_eq!(
            tried,
            [
                format!("{at}/udp: no answer in 200 ms, only 2 datagrams that are none"),
                format!("{at}/tcp: what answers is no KDC"),
            ]
        );
    }

    pub(super) fn a_datagram_from_elsewhere_is_not_heard(run: Run) {
        let (send, port) = std::sync::mpsc::channel::<SocketAddr>();
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let at = socket.local_addr().unwrap();
        thread::spawn(move || {
            let (_, from) = socket.recv_from(&mut [0; 100]).unwrap();
            send.send(from).unwrap();
            // The KDC itself says nothing.
            thread::sleep(Duration::from_secs(2));
        });
        let forger = thread::spawn(move || {
            let to = port.recv().unwrap();
            let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
            socket.send_to(&answer(), to).unwrap();
        });
        let tried = attempts(run(config(&[at], policy()), ask(9)));
        assert_eq!(tried[0], format!("{at}/udp: no answer in 200 ms"));
        forger.join().unwrap();
    }

    pub(super) fn lengths_beyond_the_limit(run: Run) {
        for announced in [65_537, 0x8000_0000, u32::MAX] {
            let octets = [&announced.to_be_bytes()[..], &[0x7E; 100]].concat();
            let kdc = Kdc::start(silent(), OverTcp::Send(octets, Duration::ZERO));
            let at = kdc.address;
            let tried = attempts(run(config(&[at], policy()), ask(2_000)));
            assert_eq!(
                tried[0],
                format!(
                    "{at}/tcp: announces an answer of {announced} octets, at most 65536 are read"
                )
            );
        }
        // The limit is the caller's: an answer of its length is read, one octet more is not.
        for (limit, ok) in [(answer().len(), true), (answer().len() - 1, false)] {
            let kdc = Kdc::start(silent(), OverTcp::Close(framed(&answer())));
            let mut policy = policy();
            policy.max_reply = limit;
            let got = run(config(&[kdc.address], policy), ask(2_000));
            assert_eq!(got.is_ok(), ok, "{got:?}");
        }
    }

    pub(super) fn slow_drip(run: Run) {
        let kdc = Kdc::start(
            silent(),
            OverTcp::Send(framed(&answer()), Duration::from_millis(30)),
        );
        let at = kdc.address;
        let start = Instant::now();
        let tried = attempts(run(config(&[at], policy()), ask(2_000)));
        assert!(start.elapsed() < Duration::from_secs(2));
        let of = answer().len();
        assert!(
            tried[0].starts_with(&format!("{at}/tcp: "))
                && tried[0].ends_with(&format!(" of {of} octets of an answer in 200 ms")),
            "{tried:?}"
        );
    }

    pub(super) fn closed_early(run: Run) {
        let mut cut = framed(&answer());
        cut.pop();
        for octets in [Vec::new(), vec![0, 0], cut] {
            let kdc = Kdc::start(silent(), OverTcp::Close(octets));
            let at = kdc.address;
            let tried = attempts(run(config(&[at], policy()), ask(2_000)));
            assert_eq!(
                tried[0],
                format!("{at}/tcp: closed the connection without an answer")
            );
        }
    }

    pub(super) fn the_deadline_bounds_everything(run: Run) {
        let holes: Vec<_> = (0..4)
            .map(|_| Kdc::start(silent(), OverTcp::Refuse).address)
            .collect();
        let hurried = Policy {
            first_wait: Duration::from_millis(200),
            deadline: Duration::from_millis(500),
            ..Policy::default()
        };
        let start = Instant::now();
        let tried = attempts(run(config(&holes, hurried), ask(9)));
        let took = start.elapsed();
        assert!(took >= Duration::from_millis(500) && took < Duration::from_secs(2));
        assert_eq!(tried.last().unwrap(), "gave up after 500 ms");
        // Of twenty-four tries.
        assert!(tried.len() <= 4, "{tried:?}");
    }

    pub(super) fn a_second_pass_is_answered(run: Run) {
        let kdc = Kdc::start(
            Box::new(|n| match n {
                0 => Vec::new(),
                _ => vec![answer()],
            }),
            OverTcp::Refuse,
        );
        let mut patient = policy();
        patient.passes = 3;
        let got = run(config(&[kdc.address], patient), ask(9)).unwrap();
        assert_eq!(got, answer());
        assert_eq!(kdc.counts().0, 2);
    }

    pub(super) fn no_kdc_is_known(run: Run) {
        let tried = attempts(run(config(&[], policy()), ask(9)));
        assert_eq!(tried, ["no KDC of TEST is known"]);
    }

    pub(super) fn ipv6(run: Run) {
        let Ok(socket) = UdpSocket::bind("[::1]:0") else {
            println!("not run: no IPv6 on loopback");
            return;
        };
        let at = socket.local_addr().unwrap();
        thread::spawn(move || {
            let (_, from) = socket.recv_from(&mut [0; 100]).unwrap();
            socket.send_to(&answer(), from).unwrap();
        });
        let got = run(config(&[at], policy()), ask(9)).unwrap();
        assert_eq!(got, answer());
    }
}

/// One test for each case and client.
macro_rules! each {
    ($($(#[$doc:meta])* $name:ident = $case:ident;)*) => {
        mod blocking {
            fn run(
                config: super::KdcConfig,
                ask: super::Ask<super::Echo, Vec<u8>>,
            ) -> Result<Vec<u8>, super::Error> {
                orthros_net::blocking::KdcClient::new(config).run(ask)
            }
            $(#[test] fn $name() { super::cases::$case(run); })*
        }

        #[cfg(feature = "tokio")]
        mod with_tokio {
            fn run(
                config: super::KdcConfig,
                ask: super::Ask<super::Echo, Vec<u8>>,
            ) -> Result<Vec<u8>, super::Error> {
                tokio::runtime::Builder::new_current_thread()
                    .enable_all()
                    .build()
                    .unwrap()
                    .block_on(orthros_net::tokio::KdcClient::new(config).run(ask))
            }
            $(#[test] fn $name() { super::cases::$case(run); })*
        }
    };
}
each! {
    kdc_49_one_datagram_each_way = udp_answer;
    kdc_49_too_big_goes_over_tcp = too_big_goes_over_tcp;
    kdc_50_lengths_beyond_the_limit = lengths_beyond_the_limit;
    kdc_50_closed_before_the_answer = closed_early;
    kdc_50_slow_drip = slow_drip;
    kdc_51_long_requests_over_tcp_first = tcp_first_for_long_requests;
    kdc_51_black_hole_then_the_next = black_hole_then_the_next_kdc;
    kdc_51_black_hole_alone = black_hole_alone;
    kdc_51_refused = refused;
    kdc_51_second_pass = a_second_pass_is_answered;
    kdc_51_deadline = the_deadline_bounds_everything;
    unavailable_goes_to_the_next = unavailable_goes_to_the_next_kdc;
    garbage_before_the_answer = garbage_before_the_answer;
    garbage_alone = garbage_alone;
    datagram_from_elsewhere = a_datagram_from_elsewhere_is_not_heard;
    no_kdc_is_known = no_kdc_is_known;
    ipv6 = ipv6;
}
