//! What a peer may cost before it is authenticated.

use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::thread;
use std::time::Instant;

use super::*;
use crate::stream::Door;

#[test]
fn case_133_a_context_token_has_64_kib_at_most() {
    for (len, taken) in [(65_536_u32, 1), (65_537, 0), (u32::MAX, 0)] {
        let mut octets = len.to_be_bytes().to_vec();
        octets.resize(4 + 65_537, 9);
        let (error, tokens) = initiate(&mut Said::new(octets), &StreamConfig::knc());
        assert_eq!(tokens.len(), taken, "{error}");
        if taken == 0 {
            let too_long = matches!(
                error,
                HandshakeError::Frame(FrameError::TooLong { max: 65_536, .. })
            );
            assert!(too_long, "{error}");
        }
    }
}

#[test]
fn case_136_an_empty_token_is_an_error_and_rounds_are_counted() {
    let (error, tokens) = initiate(&mut Said::new([0; 4]), &StreamConfig::knc());
    assert!(matches!(error, HandshakeError::Frame(FrameError::Empty)));
    assert!(tokens.is_empty());
    let octets = [0, 0, 0, 1, 9].repeat(100);
    let (error, tokens) = initiate(&mut Said::new(octets), &StreamConfig::knc());
    assert!(matches!(error, HandshakeError::TooManyRounds));
    assert_eq!(tokens.len(), 4);
}

/// One octet at a time of a frame of 65 535, after so many.
#[derive(Debug)]
struct Slow(usize);

impl Read for Slow {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        std::thread::sleep(Duration::from_millis(2));
        out[..1].fill(if self.0 < 2 { 0 } else { 255 });
        self.0 += 1;
        Ok(1)
    }
}

impl Write for Slow {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        Ok(octets.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_handshake_that_goes_on_for_too_long_ends() {
    let limits = Limits::new().handshake(Duration::from_millis(20));
    let config = StreamConfig::knc().limits(limits);
    let reply = |(), _: &[u8]| -> Result<Step0, Refusal> { Ok(first()) };
    let error = blocking::initiate(Slow(0), first(), reply, &config).unwrap_err();
    assert!(matches!(error, HandshakeError::TimedOut));
    let error = blocking::accept(Slow(0), (), accept, &config).unwrap_err();
    assert!(matches!(error, HandshakeError::TimedOut));
}

/// A connection: the peer's end, and the server's.
fn connected(listener: &TcpListener) -> (TcpStream, TcpStream) {
    let peer = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    (peer, listener.accept().unwrap().0)
}

fn listener() -> TcpListener {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap()
}

/// What waits for how long: the first token for less than the whole.
#[test]
fn case_133_time_to_the_first_token_whatever_the_peer_does() {
    let listener = listener();
    let limits = Limits::new()
        .first_token(Duration::from_millis(150))
        .handshake(Duration::from_millis(400));
    let config = StreamConfig::knc().limits(limits);
    for (said, pause, least, most) in [
        // Nothing at all, and the beginning of a frame.
        (vec![], 0, 150, 390),
        (vec![0, 0], 0, 150, 390),
        (vec![0, 0, 255, 255, 1, 2, 3], 0, 150, 390),
        // An octet at a time, which would take two minutes.
        ([&[0, 0, 255, 255][..], &[9; 65_535]].concat(), 2, 150, 390),
        // One token, and then nothing: the rest of the handshake's time.
        (vec![0, 0, 0, 1, 9], 0, 400, 4_000),
    ] {
        let (mut peer, socket) = connected(&listener);
        peer.set_nodelay(true).unwrap();
        let loris = thread::spawn(move || {
            match pause {
                0 => peer.write_all(&said).unwrap(),
                _ => {
                    for octet in said {
                        if peer.write_all(&[octet]).is_err() {
                            break;
                        }
                        thread::sleep(Duration::from_millis(pause));
                    }
                }
            }
            // Until the server hangs up.
            let _ = peer.read_to_end(&mut Vec::new());
        });
        let begin = Instant::now();
        let error = blocking::accept_socket(socket, (), accept, &config).unwrap_err();
        let took = begin.elapsed().as_millis();
        assert!(matches!(error, HandshakeError::TimedOut), "{error}");
        // Timers of the system are coarse at the lower end, and slow machines at the upper one.
        assert!(took + 5 >= least && took < most.max(4_000), "{took} ms");
        loris.join().unwrap();
    }
}

#[test]
fn case_133_an_announced_token_is_refused_by_its_length_alone() {
    let listener = listener();
    for announced in [65_537_u32, 1 << 24, u32::MAX] {
        let (mut peer, socket) = connected(&listener);
        peer.write_all(&announced.to_be_bytes()).unwrap();
        let config = StreamConfig::knc();
        let error = blocking::accept_socket(socket, (), accept, &config).unwrap_err();
        let (len, max) = (announced.into(), 65_536);
        let HandshakeError::Frame(error) = error else {
            panic!("{error}");
        };
        assert_eq!(error, FrameError::TooLong { len, max });
    }
}

/// A thread for each connection that the door lets in: all of them end by themselves, with or
/// without an answer, and leave nothing behind.
#[test]
fn case_133_100_half_open_connections_of_one_peer() {
    let listener = listener();
    let limits = Limits::new().first_token(Duration::from_millis(300));
    let door = Door::new(limits);
    let begin = Instant::now();
    let mut peers = Vec::new();
    let mut threads = Vec::new();
    let mut refused = 0;
    for n in 0..100 {
        let (mut peer, socket) = connected(&listener);
        // Half of them begin a token.
        peer.write_all(&[0, 0, 9][..n % 2 * 3]).unwrap();
        peers.push(peer);
        match door.enter(socket.peer_addr().unwrap().ip()) {
            Ok(place) => threads.push(thread::spawn(move || {
                let config = StreamConfig::knc().limits(limits);
                let stream = blocking::accept_socket(socket, (), accept, &config);
                drop(place);
                stream.map(drop)
            })),
            Err(error) => {
                assert!(
                    matches!(
                        error,
                        HandshakeError::TooMany {
                            peer: Some(_),
                            max: 64
                        }
                    ),
                    "{error}"
                );
                refused += 1;
            }
        }
    }
    assert_eq!((threads.len(), refused), (64, 36));
    for thread in threads {
        let error = thread.join().unwrap().unwrap_err();
        assert!(matches!(error, HandshakeError::TimedOut), "{error}");
    }
    assert_eq!(door.under_way(), 0);
    assert!(begin.elapsed() < Duration::from_secs(10));
}

/// Handshakes that fail in every way there is, one of them with a panic, give their places back.
#[test]
fn case_134_a_place_is_given_back_on_every_path() {
    let listener = listener();
    let limits = Limits::new()
        .first_token(Duration::from_millis(50))
        .under_way(5, 5);
    let door = Door::new(limits);
    type Judge = fn((), &[u8]) -> Result<Step0, Refusal>;
    let refuse: Judge = |(), _| {
        Err(Refusal {
            error: orthros::error::Error::Misuse("no"),
            token: None,
            known: Box::default(),
        })
    };
    let ways: [(&[u8], Judge); 5] = [
        (&[], accept),
        (&[0, 0, 0, 0], accept),
        (&[255, 255, 255, 255], accept),
        (&[0, 0, 0, 1, 9], refuse),
        (&[0, 0, 0, 1, 9], |(), _| panic!("the test's own")),
    ];
    for _ in 0..3 {
        let threads = ways.map(|(said, judge)| {
            let (mut peer, socket) = connected(&listener);
            peer.write_all(said).unwrap();
            let place = door.enter(socket.peer_addr().unwrap().ip()).unwrap();
            let config = StreamConfig::knc().limits(limits);
            thread::spawn(move || {
                let _place = place;
                let stream = blocking::accept_socket(socket, (), judge, &config);
                drop(peer);
                stream.map(drop)
            })
        });
        let ends = threads.map(|thread| thread.join());
        assert!(ends[..4].iter().all(|end| matches!(end, Ok(Err(_)))));
        assert!(ends[4].is_err());
        assert_eq!(door.under_way(), 0);
    }
}

#[test]
fn case_133_a_door_counts_hosts() {
    let door = Door::new(Limits::new().under_way(2, 4));
    let enter = |address: &str| door.enter(address.parse().unwrap());
    let first = enter("192.0.2.1").unwrap();
    let _second = enter("::ffff:192.0.2.1").unwrap();
    let error = enter("192.0.2.1").unwrap_err();
    assert!(error.to_string().contains("2 handshakes"), "{error}");
    // The first 64 bits of IPv6 are one host.
    let third = enter("2001:db8::1").unwrap();
    let _fourth = enter("2001:db8::2:0:0:1").unwrap();
    let all = enter("2001:db8:0:1::1").unwrap_err();
    assert!(matches!(
        all,
        HandshakeError::TooMany { peer: None, max: 4 }
    ));
    drop(first);
    assert!(enter("2001:db8::3").is_err());
    drop(enter("2001:db8:0:1::1").unwrap());
    drop(enter("192.0.2.1").unwrap());
    drop(third);
    assert_eq!(door.under_way(), 2);
}

#[test]
fn a_socket_has_its_own_timeouts_back() {
    let listener = listener();
    let (mut peer, mut socket) = connected(&listener);
    socket
        .set_write_timeout(Some(Duration::from_secs(7)))
        .unwrap();
    peer.write_all(&crate::stream::postgres::SSL_REQUEST)
        .unwrap();
    blocking::receive_request(&mut socket, &StreamConfig::postgres()).unwrap();
    assert_eq!(socket.read_timeout().unwrap(), None);
    assert_eq!(
        socket.write_timeout().unwrap(),
        Some(Duration::from_secs(7))
    );
}
