//! The listener as strangers see it, asked with recorded requests.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use orthros::wire::{ErrorCode, KrbError, Message};
use orthros_kdc::{Limits, RealmSpec, TestRealm};

const AS_REQ: &[u8] =
    include_bytes!("../../../vectors/pac/ad.example.test/alice-web/kdc/01-as-req.der");
const ERROR: &[u8] =
    include_bytes!("../../../vectors/pac/ad.example.test/alice-web/kdc/02-krb-error.der");
const AP_REQ: &[u8] =
    include_bytes!("../../../vectors/pac/ad.example.test/alice-web/raw.apreq.bin");

/// The realm of the recorded requests, in which there is nobody.
fn realm(limits: Limits) -> TestRealm {
    TestRealm::start_with(&RealmSpec {
        realm: "AD.EXAMPLE.TEST".to_owned(),
        limits,
        ..RealmSpec::default()
    })
    .unwrap()
}

fn code(reply: &[u8]) -> ErrorCode {
    KrbError::from_bytes(reply).unwrap().error_code
}

fn udp(to: SocketAddr) -> UdpSocket {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    socket.connect(to).unwrap();
    socket
        .set_read_timeout(Some(Duration::from_secs(10)))
        .unwrap();
    socket
}

fn receive(socket: &UdpSocket) -> Vec<u8> {
    let mut buffer = [0; 65_536];
    let length = socket.recv(&mut buffer).unwrap();
    buffer[..length].to_vec()
}

fn tcp(to: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(to).unwrap();
    stream
        .set_read_timeout(Some(Duration::from_secs(10)))
        .unwrap();
    stream
}

fn record(octets: &[u8]) -> Vec<u8> {
    let mut record = u32::try_from(octets.len()).unwrap().to_be_bytes().to_vec();
    record.extend(octets);
    record
}

fn read_record(stream: &mut TcpStream) -> Vec<u8> {
    let mut length = [0; 4];
    stream.read_exact(&mut length).unwrap();
    let mut reply = vec![0; u32::from_be_bytes(length) as usize];
    stream.read_exact(&mut reply).unwrap();
    reply
}

/// Whether the other side has closed.
fn is_closed(stream: &mut TcpStream) -> bool {
    matches!(stream.read(&mut [0]), Ok(0))
}

const UNKNOWN: ErrorCode = ErrorCode::KDC_ERR_C_PRINCIPAL_UNKNOWN;

#[test]
fn kdc_49_udp_and_tcp_on_one_port() {
    let realm = realm(Limits::default());
    let socket = udp(realm.kdc_addr());
    socket.send(AS_REQ).unwrap();
    assert_eq!(code(&receive(&socket)), UNKNOWN);
    let mut stream = tcp(realm.kdc_addr());
    stream.write_all(&record(AS_REQ)).unwrap();
    assert_eq!(code(&read_record(&mut stream)), UNKNOWN);
}

#[test]
fn kdc_49_a_reply_too_large_for_a_datagram() {
    let realm = realm(Limits {
        datagram: 40,
        ..Limits::default()
    });
    let socket = udp(realm.kdc_addr());
    socket.send(AS_REQ).unwrap();
    assert_eq!(code(&receive(&socket)), ErrorCode::KRB_ERR_RESPONSE_TOO_BIG);
    let mut stream = tcp(realm.kdc_addr());
    stream.write_all(&record(AS_REQ)).unwrap();
    assert_eq!(code(&read_record(&mut stream)), UNKNOWN);
}

#[test]
fn kdc_50_several_requests_in_one_connection() {
    let realm = realm(Limits::default());
    let mut stream = tcp(realm.kdc_addr());
    // Two at once, then one in pieces.
    stream
        .write_all(&[record(AS_REQ), record(AS_REQ)].concat())
        .unwrap();
    for _ in 0..2 {
        assert_eq!(code(&read_record(&mut stream)), UNKNOWN);
    }
    for piece in record(AS_REQ).chunks(7) {
        stream.write_all(piece).unwrap();
        stream.flush().unwrap();
    }
    assert_eq!(code(&read_record(&mut stream)), UNKNOWN);
}

#[test]
fn kdc_50_and_kdc_53_lengths_that_are_none() {
    let realm = realm(Limits::default());
    // The high bit is for extensions (STARTTLS is bit 0 of them); the others are too long.
    for length in [
        0x8000_0001_u32,
        0x8000_0000,
        u32::MAX,
        64 * 1024 + 1,
        1 << 30,
    ] {
        let mut stream = tcp(realm.kdc_addr());
        stream.write_all(&length.to_be_bytes()).unwrap();
        stream.write_all(&[0; 100]).unwrap();
        let reply = read_record(&mut stream);
        assert_eq!(code(&reply), ErrorCode::KRB_ERR_FIELD_TOOLONG);
        assert!(is_closed(&mut stream), "{length:#x}");
    }
}

#[test]
fn kdc_50_unknown_messages() {
    let realm = realm(Limits::default());
    let cases = [
        (AP_REQ, ErrorCode::KRB_AP_ERR_MSG_TYPE),
        (b"GET / HTTP/1.1\r\n\r\n", ErrorCode::KRB_AP_ERR_MSG_TYPE),
        (b"", ErrorCode::KRB_AP_ERR_MSG_TYPE),
        // An AS-REQ that breaks off.
        (&AS_REQ[..60], ErrorCode::KRB_ERR_GENERIC),
    ];
    for (octets, expected) in cases {
        let mut stream = tcp(realm.kdc_addr());
        stream.write_all(&record(octets)).unwrap();
        assert_eq!(code(&read_record(&mut stream)), expected);
        assert!(is_closed(&mut stream));
    }
}

#[test]
fn case_098_errors_and_garbage_get_no_datagram() {
    let realm = realm(Limits::default());
    let socket = udp(realm.kdc_addr());
    for octets in [ERROR, AP_REQ, b"", b"garbage", &AS_REQ[..60]] {
        socket.send(octets).unwrap();
    }
    // The next reply is that to the next request.
    socket.send(AS_REQ).unwrap();
    assert_eq!(code(&receive(&socket)), UNKNOWN);
    socket.set_nonblocking(true).unwrap();
    assert!(socket.recv(&mut [0; 100]).is_err());
    let mut stream = tcp(realm.kdc_addr());
    stream.write_all(&record(ERROR)).unwrap();
    assert!(is_closed(&mut stream));
}

#[test]
fn case_133_a_client_that_is_too_slow() {
    let realm = realm(Limits {
        idle: Duration::from_millis(100),
        ..Limits::default()
    });
    // Says nothing, says half a length, says half a request, stays after its request.
    for octets in [&b""[..], &[0, 0], &record(AS_REQ)[..50]] {
        let mut stream = tcp(realm.kdc_addr());
        stream.write_all(octets).unwrap();
        let start = Instant::now();
        assert!(is_closed(&mut stream));
        assert!(start.elapsed() < Duration::from_secs(5));
    }
    let mut stream = tcp(realm.kdc_addr());
    stream.write_all(&record(AS_REQ)).unwrap();
    read_record(&mut stream);
    assert!(is_closed(&mut stream));
}

#[test]
fn case_133_too_many_connections() {
    let realm = realm(Limits {
        connections: 2,
        ..Limits::default()
    });
    let mut kept: Vec<_> = (0..2)
        .map(|_| {
            let mut stream = tcp(realm.kdc_addr());
            stream.write_all(&record(AS_REQ)).unwrap();
            read_record(&mut stream);
            stream
        })
        .collect();
    assert!(is_closed(&mut tcp(realm.kdc_addr())));
    // Those that are there are served on, and make room when they go.
    kept[1].write_all(&record(AS_REQ)).unwrap();
    assert_eq!(code(&read_record(&mut kept[1])), UNKNOWN);
    drop(kept);
    let patience = Instant::now() + Duration::from_secs(10);
    loop {
        let mut stream = tcp(realm.kdc_addr());
        if stream.write_all(&record(AS_REQ)).is_ok() && matches!(stream.peek(&mut [0]), Ok(1)) {
            assert_eq!(code(&read_record(&mut stream)), UNKNOWN);
            break;
        }
        assert!(Instant::now() < patience, "no place was freed");
    }
}

#[test]
fn the_observer_is_told() {
    let told = Arc::new(Mutex::new(Vec::new()));
    let list = Arc::clone(&told);
    let realm = TestRealm::start_with(&RealmSpec {
        realm: "AD.EXAMPLE.TEST".to_owned(),
        observer: Some(Arc::new(move |_, event| {
            let client = event.client.as_ref().map(ToString::to_string);
            let result = event
                .result
                .as_ref()
                .map(|_| ())
                .map_err(|e| e.protocol_code());
            list.lock().unwrap().push((client, result));
        })),
        ..RealmSpec::default()
    })
    .unwrap();
    let socket = udp(realm.kdc_addr());
    socket.send(AS_REQ).unwrap();
    receive(&socket);
    let expected = (Some("alice@AD.EXAMPLE.TEST".to_owned()), Err(UNKNOWN));
    assert_eq!(*told.lock().unwrap(), [expected]);
}

#[test]
fn a_hundred_realms_start_at_once_and_leave_nothing() {
    let start = Instant::now();
    let realms: Vec<_> = (0..100).map(|_| TestRealm::start().unwrap()).collect();
    println!("a realm starts in {:?}", start.elapsed() / 100);
    for realm in &realms {
        realm.user("alice", "password").unwrap();
        let socket = udp(realm.kdc_addr());
        socket.send(AS_REQ).unwrap();
        assert_eq!(code(&receive(&socket)), UNKNOWN);
    }
    let left: Vec<_> = realms
        .iter()
        .map(|realm| (realm.kdc_addr(), realm.directory().to_owned()))
        .collect();
    drop(realms);
    for (address, directory) in left {
        assert!(!directory.exists());
        TcpListener::bind(address).expect("the port is free again");
    }
}
