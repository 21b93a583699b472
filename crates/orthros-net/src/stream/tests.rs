//! The two machines, and the drivers over a pipe in memory.

use std::io::{self, Cursor, Read, Write};
use std::sync::Arc;
use std::time::Duration;

use orthros::crypto::{DEFAULT_ENCTYPES, Enctype, Key};
use orthros::gss::{MessageKeys, Protection, Receiver, Role, SecurityContext, Sender, Window};
use orthros::random::OsRandom;
use orthros::step::{Refusal, Step};

use super::blocking::{SecureStream, request_gssenc};
use super::framing::StreamConfig;
use super::{FrameError, HandshakeError, Opener, Sealer};

fn keys(enctype: Enctype) -> MessageKeys {
    let octets: Vec<u8> = (0..).take(enctype.key_len().unwrap()).collect();
    MessageKeys {
        base: Key::new(enctype, &octets).unwrap(),
        acceptor_subkey: None,
    }
}

const ENCTYPE: Enctype = Enctype::AES256_CTS_HMAC_SHA1_96;

fn sender(enctype: Enctype, role: Role) -> Sender {
    Sender::new(&keys(enctype), role, 7, Arc::new(OsRandom)).unwrap()
}

fn sealer(role: Role, config: &StreamConfig) -> Sealer {
    Sealer::new(sender(ENCTYPE, role), config).unwrap()
}

fn opener_of(enctype: Enctype, role: Role, config: &StreamConfig) -> Opener {
    let window = Window::new(7, true, true);
    let receiver = Receiver::new(&keys(enctype), role, window).unwrap();
    Opener::new(receiver, role, config)
}

fn opener(role: Role, config: &StreamConfig) -> Opener {
    opener_of(ENCTYPE, role, config)
}

/// The frame of one message.
fn frame(sealer: &mut Sealer, message: &[u8]) -> Vec<u8> {
    assert_eq!(sealer.seal(message).unwrap(), message.len());
    let frame = sealer.pending().to_vec();
    sealer.sent(frame.len());
    frame
}

/// Everything an opener makes of `octets`, given in pieces of `step`, and then the end.
fn open(opener: &mut Opener, octets: &[u8], step: usize) -> io::Result<Vec<u8>> {
    let (mut all, mut out) = (Vec::new(), [0; 999]);
    let mut take = |opener: &mut Opener| -> io::Result<()> {
        while let Some(read) = opener.read(&mut out)? {
            if read == 0 {
                break;
            }
            all.extend_from_slice(&out[..read]);
        }
        Ok(())
    };
    for mut piece in octets.chunks(step) {
        while !piece.is_empty() {
            let room = opener.room();
            let len = room.len().min(piece.len());
            room[..len].copy_from_slice(&piece[..len]);
            opener.filled(len);
            piece = &piece[len..];
            take(opener)?;
        }
    }
    opener.end()?;
    take(opener)?;
    Ok(all)
}

fn frame_error(error: &io::Error) -> Option<FrameError> {
    error.get_ref()?.downcast_ref().copied()
}

fn text(len: usize) -> Vec<u8> {
    (0..len).map(|i| (i * 7 + i / 256) as u8).collect()
}

#[test]
fn what_goes_in_comes_out() {
    let configs = [
        StreamConfig::postgres(),
        StreamConfig::knc(),
        StreamConfig::gss_sample(),
        StreamConfig::sasl(Protection::Integrity, 65_536, 65_536),
        StreamConfig::sasl(Protection::Confidentiality, 100, 100),
    ];
    let message = text(200_000);
    for config in &configs {
        for enctype in DEFAULT_ENCTYPES {
            for role in [Role::Initiator, Role::Acceptor] {
                let mut sealer = Sealer::new(sender(*enctype, role), config).unwrap();
                let mut wire = Vec::new();
                for len in [1, 2, 1000, 16_383, 16_384, 182_616] {
                    let mut left = &message[..len];
                    while !left.is_empty() {
                        let taken = sealer.seal(left).unwrap();
                        assert!(taken > 0);
                        left = &left[taken..];
                        wire.extend_from_slice(sealer.pending());
                        sealer.sent(sealer.pending().len());
                    }
                }
                let mut expected = Vec::new();
                for len in [1, 2, 1000, 16_383, 16_384, 182_616] {
                    expected.extend_from_slice(&message[..len]);
                }
                for step in [7919, 300_000] {
                    let mut opener = opener_of(*enctype, role.peer(), config);
                    assert!(open(&mut opener, &wire, step).unwrap() == expected);
                }
            }
        }
    }
}

#[test]
fn sasl_10_no_frame_is_longer_than_agreed() {
    for max in [61, 62, 100, 4096, 16_380] {
        let config = StreamConfig::sasl(Protection::Confidentiality, max, max);
        let mut sealer = sealer(Role::Initiator, &config);
        let message = text(5000);
        let taken = sealer.seal(&message).unwrap();
        let mut frames = sealer.pending();
        let mut longest = 0;
        while let Some((len, rest)) = frames.split_first_chunk() {
            let len = u32::from_be_bytes(*len);
            longest = longest.max(len);
            frames = &rest[len as usize..];
        }
        assert!(longest <= max && (longest == max || taken == message.len()));
        // One octet less agreed at the other end: the longest is refused.
        let less = StreamConfig::sasl(Protection::Confidentiality, max, longest - 1);
        let error = open(&mut opener(Role::Acceptor, &less), sealer.pending(), 999).unwrap_err();
        let (len, max) = (longest.into(), longest as usize - 1);
        assert_eq!(frame_error(&error), Some(FrameError::TooLong { len, max }));
    }
    // A limit that leaves no room for a message.
    let config = StreamConfig::sasl(Protection::Confidentiality, 60, 60);
    assert!(Sealer::new(sender(ENCTYPE, Role::Initiator), &config).is_err());
}

#[test]
fn postgres_frames_have_16_kib_at_most() {
    let config = StreamConfig::postgres();
    let mut sealer = sealer(Role::Initiator, &config);
    sealer.seal(&text(100_000)).unwrap();
    let len = u32::from_be_bytes(*sealer.pending().first_chunk().unwrap());
    assert_eq!(len + 4, 16 << 10);
}

#[test]
fn case_132_frames_empty_unterminated_or_of_4_gb() {
    let config = StreamConfig::postgres();
    for (octets, expected) in [
        (&[0, 0, 0, 0][..], FrameError::Empty),
        (
            &[0xFF, 0xFF, 0xFF, 0xFF, 1, 2, 3],
            FrameError::TooLong {
                len: 0xFFFF_FFFF,
                max: 16_380,
            },
        ),
        (&[0, 0, 0, 60, 5, 4], FrameError::Truncated),
        (&[0, 0], FrameError::Truncated),
    ] {
        let mut opener = opener(Role::Acceptor, &config);
        let error = open(&mut opener, octets, 3).unwrap_err();
        assert_eq!(frame_error(&error), Some(expected));
        // It stays so.
        let error = opener.read(&mut [0]).unwrap_err();
        assert_eq!(frame_error(&error), Some(FrameError::Dead));
    }
}

#[test]
fn a_frame_that_ends_too_early_is_an_error_at_every_octet() {
    for config in [StreamConfig::knc(), StreamConfig::gss_sample()] {
        let mut sealer = sealer(Role::Initiator, &config);
        let wire = [frame(&mut sealer, b"one"), frame(&mut sealer, b"two")].concat();
        let whole = wire.len() / 2;
        for len in 0..=wire.len() {
            let opened = open(&mut opener(Role::Acceptor, &config), &wire[..len], 5);
            match len {
                0 => assert_eq!(opened.unwrap(), b""),
                _ if len == whole => assert_eq!(opened.unwrap(), b"one"),
                _ if len == wire.len() => assert_eq!(opened.unwrap(), b"onetwo"),
                _ => {
                    let error = opened.unwrap_err();
                    assert_eq!(frame_error(&error), Some(FrameError::Truncated), "{len}");
                    assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
                }
            }
        }
    }
}

#[test]
fn sasl_09_repeated_missing_or_exchanged_frames_end_the_stream() {
    let config = StreamConfig::knc();
    let mut sealer = sealer(Role::Initiator, &config);
    let frames: Vec<Vec<u8>> = [b"one", b"two", b"six"]
        .map(|message| frame(&mut sealer, message))
        .into();
    for (order, good) in [
        (&[0, 1, 2][..], true),
        (&[0, 0], false),
        (&[1], false),
        (&[0, 2], false),
        (&[1, 0], false),
        (&[0, 1, 0], false),
    ] {
        let wire: Vec<u8> = order.iter().flat_map(|i| frames[*i].clone()).collect();
        let opened = open(&mut opener(Role::Acceptor, &config), &wire, 1000);
        assert_eq!(opened.is_ok(), good, "{order:?}");
    }
    // One's own.
    assert!(open(&mut opener(Role::Initiator, &config), &frames[0], 1000).is_err());
}

#[test]
fn case_037_every_changed_bit_ends_the_stream() {
    let config = StreamConfig::gss_sample();
    let mut sealer = sealer(Role::Initiator, &config);
    let wire = frame(&mut sealer, b"attack at dawn");
    for bit in 0..wire.len() * 8 {
        let mut changed = wire.clone();
        changed[bit / 8] ^= 1 << (bit % 8);
        // Bit 6 of the flags says "encrypted", for gss-server's eyes; the token says it itself.
        // RRC is not protected, but another one moves the octets.
        if bit == 6 {
            continue;
        }
        let opened = open(&mut opener(Role::Acceptor, &config), &changed, 1000);
        assert!(opened.is_err(), "bit {bit}");
    }
}

#[test]
fn a_token_that_is_only_signed_is_refused_where_encryption_was_agreed() {
    let config = StreamConfig::knc();
    let signing = config.clone().protection(Protection::Integrity);
    let wire = frame(&mut sealer(Role::Initiator, &signing), b"readable");
    assert!(wire.windows(8).any(|window| window == b"readable"));
    let error = open(&mut opener(Role::Acceptor, &config), &wire, 99).unwrap_err();
    assert_eq!(frame_error(&error), Some(FrameError::NotConfidential));
    assert_eq!(
        open(&mut opener(Role::Acceptor, &signing), &wire, 99).unwrap(),
        b"readable"
    );
}

#[test]
fn nothing_is_taken_before_the_last_batch_is_sent_and_buffers_stay() {
    let config = StreamConfig::sasl(Protection::Confidentiality, 1 << 24, 1 << 24);
    let mut sealer = sealer(Role::Initiator, &config);
    let mut opener = opener(Role::Acceptor, &config);
    let message = text(10 << 20);
    let taken = sealer.seal(&message).unwrap();
    assert!(taken > 0 && taken <= 64 << 10, "one batch, not {taken}");
    assert_eq!(sealer.seal(&message[taken..]).unwrap(), 0);
    let (mut sent, mut received, mut out) = (taken, 0, vec![0; 4096]);
    let mut rooms = Vec::new();
    while received < message.len() {
        while let Some(read) = opener.read(&mut out).unwrap() {
            assert!(out[..read] == message[received..received + read]);
            received += read;
            if received == message.len() {
                break;
            }
        }
        if sealer.pending().is_empty() {
            sent += sealer.seal(&message[sent..]).unwrap();
        }
        let room = opener.room();
        rooms.push(room.as_ptr().addr());
        let len = room.len().min(sealer.pending().len()).min(10_000);
        room[..len].copy_from_slice(&sealer.pending()[..len]);
        opener.filled(len);
        sealer.sent(len);
    }
    // The frames are of 64 KiB, so the buffer settles soon.
    let late = &rooms[rooms.len() / 2..];
    let span = late.iter().max().unwrap() - late.iter().min().unwrap();
    assert!(span <= 256 << 10, "{span}");
}

#[test]
fn the_last_frame_of_the_samples_is_empty_and_their_receipts_are_passed_over() {
    let config = StreamConfig::gss_sample();
    let mut client = sealer(Role::Initiator, &config);
    let mut wire = frame(&mut client, b"one");
    client.finish();
    wire.extend_from_slice(client.pending());
    assert_eq!(
        client.seal(b"more").unwrap_err().kind(),
        io::ErrorKind::BrokenPipe
    );
    let mut server = opener(Role::Acceptor, &config);
    assert_eq!(open(&mut server, &wire, 4).unwrap(), b"one");

    let mut answers = vec![1, 0, 0, 0, 0];
    answers.extend_from_slice(&frame(&mut sealer(Role::Acceptor, &config), b"two"));
    let mut client = opener(Role::Initiator, &config);
    assert_eq!(open(&mut client, &answers, 4).unwrap(), b"two");
    // A MIC where a message is due.
    let error = open(&mut opener(Role::Initiator, &config), &[8, 0, 0, 0, 28], 5).unwrap_err();
    assert_eq!(frame_error(&error), Some(FrameError::Flags(8)));
}

/// A peer that said all it will say.
#[derive(Debug)]
struct Said {
    octets: Cursor<Vec<u8>>,
    heard: Vec<u8>,
}

impl Said {
    fn new(octets: impl Into<Vec<u8>>) -> Self {
        Self {
            octets: Cursor::new(octets.into()),
            heard: Vec::new(),
        }
    }
}

impl Read for Said {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        self.octets.read(out)
    }
}

impl Write for Said {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        self.heard.write(octets)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

type Step0 = Step<(), SecurityContext>;

fn first() -> Step0 {
    Step::Continue {
        token: b"first".into(),
        next: (),
    }
}

/// What a party that is never satisfied makes of the peer's octets; it notes the tokens.
fn initiate(said: &mut Said, config: StreamConfig) -> (HandshakeError, Vec<Vec<u8>>) {
    let mut tokens = Vec::new();
    let reply = |(), token: &[u8]| -> Result<Step0, Refusal> {
        tokens.push(token.to_vec());
        Ok(first())
    };
    let error = SecureStream::initiate(said, first(), reply, config).unwrap_err();
    (error, tokens)
}

#[test]
fn case_133_a_context_token_has_64_kib_at_most() {
    for (len, taken) in [(65_536_u32, 1), (65_537, 0), (u32::MAX, 0)] {
        let mut octets = len.to_be_bytes().to_vec();
        octets.resize(4 + 65_537, 9);
        let (error, tokens) = initiate(&mut Said::new(octets), StreamConfig::knc());
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
    let (error, tokens) = initiate(&mut Said::new([0; 4]), StreamConfig::knc());
    assert!(matches!(error, HandshakeError::Frame(FrameError::Empty)));
    assert!(tokens.is_empty());
    let octets = [0, 0, 0, 1, 9].repeat(100);
    let (error, tokens) = initiate(&mut Said::new(octets), StreamConfig::knc());
    assert!(matches!(error, HandshakeError::TooManyRounds));
    assert_eq!(tokens.len(), 4);
}

#[test]
fn a_handshake_that_ends_too_early_is_an_error_at_every_octet() {
    for config in [StreamConfig::knc(), StreamConfig::gss_sample()] {
        let mut token = vec![0, 0, 0, 3, 1, 2, 3];
        if config.framing.head_len() == 5 {
            token.insert(0, 2);
        }
        for len in 0..token.len() {
            let (error, tokens) = initiate(&mut Said::new(&token[..len]), config.clone());
            let truncated = matches!(error, HandshakeError::Frame(FrameError::Truncated));
            assert!(truncated && tokens.is_empty());
        }
        assert_eq!(initiate(&mut Said::new(token), config).1, [[1, 2, 3]]);
    }
}

/// Octets behind the awaited token stay in the stream below; the first thing made of them is a
/// Wrap token.
#[test]
fn no_octet_behind_the_token_is_read_during_the_handshake() {
    let mut said = Said::new([&[0, 0, 0, 2, 1, 2][..], b"select 1"].concat());
    let refuse = |(), _: &[u8]| -> Result<Step0, Refusal> {
        Err(Refusal {
            error: orthros::error::Error::Misuse("no"),
            token: Some(b"why".into()),
            known: Box::default(),
        })
    };
    let error = SecureStream::initiate(&mut said, first(), refuse, StreamConfig::knc());
    assert!(matches!(error, Err(HandshakeError::Refused(_))));
    assert_eq!(said.octets.position(), 6);
    // The token of the refusal went out.
    assert_eq!(said.heard, b"\0\0\0\x05first\0\0\0\x03why");

    let mut said = Said::new(*b"Gselect 1");
    request_gssenc(&mut said).unwrap();
    assert_eq!(said.octets.position(), 1);
    assert_eq!(said.heard, [0, 0, 0, 8, 4, 210, 22, 48]);
}

#[test]
fn the_samples_begin_with_an_empty_frame() {
    let token = [&[0x11, 0, 0, 0, 0][..], &[2, 0, 0, 0, 1, 9]].concat();
    let accept = |octets: &[u8]| {
        let mut tokens = Vec::new();
        let accept = |(), token: &[u8]| -> Result<Step0, Refusal> {
            tokens.push(token.to_vec());
            Ok(first())
        };
        let config = StreamConfig::gss_sample();
        let _ = SecureStream::accept(Said::new(octets), (), accept, config).unwrap_err();
        tokens
    };
    assert_eq!(accept(&token), [[9]]);
    assert!(accept(&token[5..]).is_empty());
}

#[test]
fn case_132_a_postgres_servers_text_is_read_within_bounds() {
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
        let error = request_gssenc(&mut said).unwrap_err();
        assert!(said.octets.position() <= 1025);
        let HandshakeError::Peer(text) = error else {
            panic!("{error}");
        };
        assert_eq!(text, expected);
        if octets.len() < 4 {
            continue;
        }
        let (error, _) = initiate(&mut Said::new(octets), StreamConfig::postgres());
        let HandshakeError::Peer(text) = error else {
            panic!("{error}");
        };
        assert_eq!(text, expected);
    }
    assert!(matches!(
        request_gssenc(&mut Said::new(*b"N")),
        Err(HandshakeError::Declined)
    ));
    // Of an initiator, and in other framings, it is a length.
    let (error, _) = initiate(&mut Said::new(*b"Etext\0"), StreamConfig::knc());
    assert!(matches!(
        error,
        HandshakeError::Frame(FrameError::TooLong { .. })
    ));
}

/// One octet at a time, for ever.
#[derive(Debug)]
struct Slow;

impl Read for Slow {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        std::thread::sleep(Duration::from_millis(2));
        out[..1].fill(0);
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
    let config = StreamConfig::knc().timeout(Duration::from_millis(1));
    let reply = |(), _: &[u8]| -> Result<Step0, Refusal> { Ok(first()) };
    let error = SecureStream::initiate(Slow, first(), reply, config).unwrap_err();
    assert!(matches!(error, HandshakeError::TimedOut));
}

#[cfg(feature = "tokio")]
mod with_tokio {
    use ::tokio::io::{AsyncReadExt, AsyncWriteExt, duplex, split};

    use super::super::tokio::SecureStream;
    use super::*;

    fn run<F: Future>(future: F) -> F::Output {
        ::tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap()
            .block_on(future)
    }

    fn pair(pipe: usize, config: &StreamConfig) -> [SecureStream<::tokio::io::DuplexStream>; 2] {
        let (ours, theirs) = duplex(pipe);
        [(ours, Role::Initiator), (theirs, Role::Acceptor)].map(|(pipe, role)| {
            SecureStream::of_halves(pipe, sealer(role, config), opener(role, config))
        })
    }

    /// Through a pipe that holds less than a frame, both ways at once; one end closes first and
    /// still reads.
    #[test]
    fn halves_backpressure_and_half_close() {
        run(async {
            for config in [StreamConfig::postgres(), StreamConfig::gss_sample()] {
                let [client, mut server] = pair(1000, &config);
                let message = text(300_000);
                let expected = message.clone();
                let echo = async {
                    let mut all = Vec::new();
                    server.read_to_end(&mut all).await.unwrap();
                    server.write_all(&all).await.unwrap();
                    server.shutdown().await.unwrap();
                };
                let (mut reader, mut writer) = client.split(split);
                let write = async {
                    writer.write_all(&message).await.unwrap();
                    writer.shutdown().await.unwrap();
                };
                let read = async {
                    let mut all = vec![0; 300_000];
                    reader.read_exact(&mut all).await.unwrap();
                    all
                };
                let ((), (), all) = ::tokio::join!(echo, write, read);
                assert!(all == expected);
            }
        });
    }

    #[test]
    fn a_writer_waits_for_the_reader() {
        run(async {
            let [mut client, _server] = pair(1000, &StreamConfig::postgres());
            let message = text(10 << 20);
            let wait = Duration::from_millis(50);
            let written = ::tokio::time::timeout(wait, client.write_all(&message)).await;
            assert!(written.is_err(), "nobody reads");
        });
    }

    #[test]
    fn a_half_open_handshake_ends() {
        run(async {
            let (ours, _theirs) = duplex(1000);
            let config = StreamConfig::knc().timeout(Duration::from_millis(20));
            let accept = |(), _: &[u8]| -> Result<Step0, Refusal> { Ok(first()) };
            let error = SecureStream::accept(ours, (), accept, config).await;
            assert!(matches!(error, Err(HandshakeError::TimedOut)));
        });
    }
}
