//! The two machines, and the drivers over a pipe in memory.

use std::io::{self, Cursor, Read, Write};
use std::sync::Arc;
use std::time::Duration;

use orthros::crypto::{DEFAULT_ENCTYPES, Enctype, Key};
use orthros::gss::{MessageKeys, Protection, Receiver, Role, SecurityContext, Sender, Window};
use orthros::random::OsRandom;
use orthros::step::{Refusal, Step};

use super::framing::StreamConfig;
use super::{FrameError, HandshakeError, Limits, Opener, Sealer, blocking};

mod limits;
mod postgres;
mod properties;
#[cfg(feature = "tokio")]
mod tokio;

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

/// What the stream below was given, call by call.
#[derive(Debug, Default)]
struct Calls(Vec<usize>);

impl Write for Calls {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        self.0.push(octets.len());
        Ok(octets.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_long_write_is_four_full_frames_in_one_write() {
    for (config, frame, message) in [
        (StreamConfig::postgres(), 16_384, 16_320),
        (StreamConfig::knc(), 16_384 + 64, 16_384),
        (StreamConfig::gss_sample(), 16_384 + 65, 16_384),
    ] {
        let halves = (
            sealer(Role::Initiator, &config),
            opener(Role::Initiator, &config),
        );
        let mut stream = blocking::SecureStream::of_halves(Calls::default(), halves.0, halves.1);
        stream.write_all(&text(10 * message)).unwrap();
        let four = 4 * frame;
        assert_eq!(stream.get_ref().0, [four, four, 2 * frame]);
    }
}

#[test]
fn whole_frames_are_opened_together_and_a_bad_one_ends_what_follows() {
    let config = StreamConfig::knc();
    let mut sealer = sealer(Role::Initiator, &config);
    let messages: [&[u8]; 6] = [b"one", b"two", b"three", b"four", b"five", b"six"];
    let mut frames = messages.map(|message| frame(&mut sealer, message));
    let read = |frames: &[Vec<u8>]| {
        let mut opener = opener(Role::Acceptor, &config);
        let wire = frames.concat();
        opener.room()[..wire.len()].copy_from_slice(&wire);
        opener.filled(wire.len());
        let mut reads = Vec::new();
        loop {
            let mut out = [0; 100];
            match opener.read(&mut out) {
                Ok(Some(read)) => reads.push(out[..read].to_vec()),
                Ok(None) => return (reads, None),
                Err(error) => {
                    let dead = opener.read(&mut out).unwrap_err();
                    assert_eq!(frame_error(&dead), Some(FrameError::Dead));
                    return (reads, Some(error));
                }
            }
        }
    };
    let (reads, error) = read(&frames);
    assert!(error.is_none());
    assert_eq!(reads, [&b"onetwothreefour"[..], b"fivesix"]);
    // The third is changed: nothing of the fourth is seen, though they were opened together.
    frames[2][40] ^= 1;
    let (reads, error) = read(&frames);
    assert_eq!(reads, [b"onetwo"]);
    assert!(frame_error(&error.unwrap()).is_none(), "it is the token's");
    // The length of the fourth is not one.
    frames[2][40] ^= 1;
    frames[3][0] = 9;
    let (reads, error) = read(&frames);
    assert_eq!(reads, [b"onetwothree"]);
    let error = frame_error(&error.unwrap());
    assert!(matches!(error, Some(FrameError::TooLong { .. })));
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
    // Its frame says it is not encrypted.
    let mut wire = frame(&mut sealer(Role::Acceptor, &config), b"two");
    wire[0] ^= 1 << 6;
    let error = open(&mut opener(Role::Initiator, &config), &wire, 5).unwrap_err();
    assert_eq!(frame_error(&error), Some(FrameError::Encrypted(true)));
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

/// An acceptor that is never satisfied.
fn accept((): (), _: &[u8]) -> Result<Step0, Refusal> {
    Ok(first())
}

/// What a party that is never satisfied makes of the peer's octets; it notes the tokens.
fn initiate(said: &mut Said, config: &StreamConfig) -> (HandshakeError, Vec<Vec<u8>>) {
    let mut tokens = Vec::new();
    let reply = |(), token: &[u8]| -> Result<Step0, Refusal> {
        tokens.push(token.to_vec());
        Ok(first())
    };
    let error = blocking::initiate(said, first(), reply, config).unwrap_err();
    (error, tokens)
}

#[test]
fn a_handshake_that_ends_too_early_is_an_error_at_every_octet() {
    for config in [StreamConfig::knc(), StreamConfig::gss_sample()] {
        let mut token = vec![0, 0, 0, 3, 1, 2, 3];
        if config.framing.head_len() == 5 {
            token.insert(0, 2);
        }
        for len in 0..token.len() {
            let (error, tokens) = initiate(&mut Said::new(&token[..len]), &config);
            let truncated = matches!(error, HandshakeError::Frame(FrameError::Truncated));
            assert!(truncated && tokens.is_empty());
        }
        assert_eq!(initiate(&mut Said::new(token), &config).1, [[1, 2, 3]]);
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
    let error = blocking::initiate(&mut said, first(), refuse, &StreamConfig::knc());
    assert!(matches!(error, Err(HandshakeError::Refused(_))));
    assert_eq!(said.octets.position(), 6);
    // The token of the refusal went out.
    assert_eq!(said.heard, b"\0\0\0\x05first\0\0\0\x03why");
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
        let _ = blocking::accept(Said::new(octets), (), accept, &config).unwrap_err();
        tokens
    };
    assert_eq!(accept(&token), [[9]]);
    assert!(accept(&token[5..]).is_empty());
}
