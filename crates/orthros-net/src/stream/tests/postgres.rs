//! What PostgreSQL says before there is encryption, from both ends.

use super::*;
use crate::stream::postgres::{
    AGREED, DECLINED, GSSENC_REQUEST, Request, SSL_REQUEST, error_response, error_text,
};

#[test]
fn postgres_frames_have_16_kib_at_most() {
    let config = StreamConfig::postgres();
    let mut sealer = sealer(Role::Initiator, &config);
    sealer.seal(&text(100_000)).unwrap();
    let len = u32::from_be_bytes(*sealer.pending().first_chunk().unwrap());
    assert_eq!(len + 4, 16 << 10);
}

#[test]
fn case_132_a_postgres_servers_text_is_read_within_bounds() {
    let config = StreamConfig::postgres();
    let response = |len: u32| {
        let fields = b"SFATAL\0C28000\0Mno entry for host\0\0";
        [b"E", &len.to_be_bytes()[..], fields].concat()
    };
    let cases: [(Vec<u8>, &str); 8] = [
        (b"Eout of order\0more".into(), "out of order"),
        (b"Eunterminated".into(), "unterminated"),
        (b"E".into(), ""),
        (b"E\0\0\0\0".into(), ""),
        (response(37), "no entry for host"),
        (response(60_000), "no entry for host"),
        (response(u32::MAX), "\u{FFFD}\u{FFFD}\u{FFFD}\u{FFFD}SFATAL"),
        ([&b"E"[..], &[b'x'; 100_000]].concat(), &"x".repeat(1024)),
    ];
    for (octets, expected) in cases {
        // In place of the answer to the request, and in place of a token.
        let mut said = Said::new(octets.clone());
        let error = blocking::request_gssenc(&mut said, &config).unwrap_err();
        assert!(said.octets.position() <= 1025);
        let HandshakeError::Peer(text) = error else {
            panic!("{error}");
        };
        assert_eq!(text, expected);
        if octets.len() < 4 {
            continue;
        }
        let (error, _) = initiate(&mut Said::new(octets), &config);
        let HandshakeError::Peer(text) = error else {
            panic!("{error}");
        };
        assert_eq!(text, expected);
    }
    assert!(matches!(
        blocking::request_gssenc(&mut Said::new(*b"N"), &config),
        Err(HandshakeError::Declined)
    ));
    // Of an initiator, and in other framings, it is a length.
    let (error, _) = initiate(&mut Said::new(*b"Etext\0"), &StreamConfig::knc());
    assert!(matches!(
        error,
        HandshakeError::Frame(FrameError::TooLong { .. })
    ));
}

impl blocking::Socket for Said {
    fn timeouts(&self) -> io::Result<[Option<Duration>; 2]> {
        Ok([None; 2])
    }

    fn set_timeouts(&self, _: [Option<Duration>; 2]) -> io::Result<()> {
        Ok(())
    }
}

/// The beginning of a StartupMessage.
const STARTUP: &[u8] = b"\0\0\0\x13\0\x03\0\0user\0alice\0\0";

#[test]
fn nothing_behind_the_servers_answer_is_read() {
    let mut said = Said::new(*b"Gselect 1");
    blocking::request_gssenc(&mut said, &StreamConfig::postgres()).unwrap();
    assert_eq!(said.octets.position(), 1);
    assert_eq!(said.heard, [0, 0, 0, 8, 4, 210, 22, 48]);
}

#[test]
fn what_a_client_asks_for() {
    let config = StreamConfig::postgres();
    for (octets, expected) in [
        (&GSSENC_REQUEST[..], Request::Gssenc),
        (&SSL_REQUEST, Request::Ssl),
        (STARTUP, Request::Other(STARTUP[..9].into())),
    ] {
        let mut said = Said::new(octets);
        let request = blocking::receive_request(&mut said, &config).unwrap();
        assert_eq!(request, expected);
        assert!(said.heard.is_empty());
        for len in 0..8 {
            let error = blocking::receive_request(&mut Said::new(&octets[..len]), &config);
            let truncated = matches!(error, Err(HandshakeError::Frame(FrameError::Truncated)));
            assert!(truncated, "{error:?}");
        }
    }
}

/// CVE-2021-23214 and its like: what is sent with the request is refused, whatever it is.
#[test]
fn octets_behind_the_request_are_refused() {
    let config = StreamConfig::postgres();
    for request in [GSSENC_REQUEST, SSL_REQUEST] {
        for smuggled in [&b"Q"[..], STARTUP, &GSSENC_REQUEST, &[0, 0, 0, 1, 9]] {
            let mut said = Said::new([&request[..], smuggled].concat());
            let error = blocking::require_gssenc(&mut said, &config).unwrap_err();
            let early = matches!(error, HandshakeError::Frame(FrameError::Early));
            assert!(early, "{error}");
            assert!(said.heard.is_empty());
        }
    }
    // In a segment of their own they are a token, which they are not.
    let mut said = Said::new(STARTUP);
    let mut tokens = Vec::new();
    let accept = |(), token: &[u8]| -> Result<Step0, Refusal> {
        tokens.push(token.to_vec());
        Ok(first())
    };
    let error = blocking::accept(&mut said, (), accept, &config).unwrap_err();
    // It was shorter than it said.
    let truncated = matches!(error, HandshakeError::Frame(FrameError::Truncated));
    assert!(truncated && tokens.is_empty(), "{error}");
    let mut said = Said::new(*b"Qselect 1");
    let error = blocking::accept(&mut said, (), super::accept, &config).unwrap_err();
    let too_long = matches!(error, HandshakeError::Frame(FrameError::TooLong { .. }));
    assert!(too_long, "{error}");
}

/// A client that says its requests one after the other.
struct Polite {
    requests: Vec<&'static [u8]>,
    heard: Vec<u8>,
}

impl Read for Polite {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let Some(request) = self.requests.first_mut() else {
            return Ok(0);
        };
        let len = request.len().min(out.len());
        out[..len].copy_from_slice(&request[..len]);
        *request = &request[len..];
        if request.is_empty() {
            self.requests.remove(0);
        }
        Ok(len)
    }
}

impl Write for Polite {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        self.heard.write(octets)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl blocking::Socket for Polite {
    fn timeouts(&self) -> io::Result<[Option<Duration>; 2]> {
        Ok([None; 2])
    }

    fn set_timeouts(&self, _: [Option<Duration>; 2]) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_server_that_requires_encryption() {
    let ask = |requests: &[&'static [u8]]| {
        let mut client = Polite {
            requests: requests.to_vec(),
            heard: Vec::new(),
        };
        let config = StreamConfig::postgres();
        let required = blocking::require_gssenc(&mut client, &config);
        (required, client.heard)
    };
    let (required, heard) = ask(&[&GSSENC_REQUEST]);
    required.unwrap();
    assert_eq!(heard, AGREED);
    let (required, heard) = ask(&[&SSL_REQUEST, &GSSENC_REQUEST]);
    required.unwrap();
    assert_eq!(heard, [DECLINED, AGREED].concat());
    // Without encryption there is an error in words, which our own client reads.
    for requests in [
        &[STARTUP][..],
        &[&SSL_REQUEST, STARTUP],
        &[&SSL_REQUEST, &SSL_REQUEST],
    ] {
        let (required, heard) = ask(requests);
        assert!(matches!(required, Err(HandshakeError::Declined)));
        let error = &heard[requests.len() - 1..];
        assert_eq!(
            error,
            error_response("28000", "this server requires GSSAPI encryption")
        );
        let mut said = Said::new(error);
        let error = blocking::request_gssenc(&mut said, &StreamConfig::postgres()).unwrap_err();
        assert_eq!(
            error.to_string(),
            "the peer says: this server requires GSSAPI encryption"
        );
    }
}

#[test]
fn case_132_an_acceptor_says_in_words_what_it_has_no_token_for() {
    let oversize = [0, 1, 0, 1];
    for (config, expected) in [
        (
            StreamConfig::postgres(),
            &b"Eno GSSAPI context could be established\0"[..],
        ),
        (StreamConfig::knc(), b""),
    ] {
        let mut said = Said::new(oversize);
        let error = blocking::accept(&mut said, (), accept, &config).unwrap_err();
        let too_long = matches!(error, HandshakeError::Frame(FrameError::TooLong { .. }));
        assert!(too_long, "{error}");
        assert_eq!(said.heard, expected);
    }
    let text = error_text(&"too many clients\0 ".repeat(100));
    assert_eq!(text.len(), 1 + 1024);
    assert_eq!(text.iter().filter(|octet| **octet == 0).count(), 1);
}
