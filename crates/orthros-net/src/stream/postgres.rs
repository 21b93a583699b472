//! What PostgreSQL does before the first token of GSSAPI session encryption.
//!
//! ```text
//! client   00 00 00 08 04 D2 16 30        GSSENCRequest
//! server   'G'                            go on
//!          'N'                            no
//!          'E' ...                        an error, in words
//! ```
//!
//! An error can come instead of a token, too. Nothing protects its text.
//!
//! A client that sends anything behind its request, before it has been answered, is refused: a
//! server that kept those octets would take them for what was sent inside the encryption
//! (CVE-2021-23214), and a client that keeps what comes behind the answer would do the same
//! (CVE-2021-23222).

use std::mem;
use std::time::Duration;

use super::error::{FrameError, HandshakeError};
use super::framing::StreamConfig;
use super::handshake::Conversation;

/// GSSENCRequest.
pub const GSSENC_REQUEST: [u8; 8] = [0, 0, 0, 8, 0x04, 0xD2, 0x16, 0x30];

/// SSLRequest.
pub const SSL_REQUEST: [u8; 8] = [0, 0, 0, 8, 0x04, 0xD2, 0x16, 0x2F];

/// The server's answer to GSSENCRequest, if tokens may follow.
pub const AGREED: [u8; 1] = *b"G";

/// The server's answer to GSSENCRequest and to SSLRequest, if it does not do that.
pub const DECLINED: [u8; 1] = *b"N";

/// How much of a server's text is read, and written.
const MAX_TEXT: usize = 1024;

/// What a client asks for first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request {
    /// Encryption by GSSAPI. It waits for [`AGREED`] or [`DECLINED`].
    Gssenc,
    /// Encryption by TLS. It waits for `S` or [`DECLINED`].
    Ssl,
    /// Something else, in the clear: a StartupMessage or a CancelRequest, of which this was read.
    Other(Vec<u8>),
}

/// An error that says why there is no connection, for a client that has sent a StartupMessage: an
/// ErrorResponse with this SQLSTATE.
pub fn error_response(sqlstate: &str, text: &str) -> Vec<u8> {
    let mut fields = Vec::new();
    for (kind, value) in [
        (b'S', "FATAL"),
        (b'V', "FATAL"),
        (b'C', sqlstate),
        (b'M', text),
    ] {
        fields.push(kind);
        put_text(value, &mut fields);
    }
    fields.push(0);
    let len = u32::try_from(fields.len() + 4).unwrap_or(u32::MAX);
    [b"E", &len.to_be_bytes()[..], &fields].concat()
}

/// An error for a client that waits for a context token: in that place libpq reads a text up to a
/// zero (security case 132).
pub fn error_text(text: &str) -> Vec<u8> {
    let mut octets = vec![b'E'];
    put_text(text, &mut octets);
    octets
}

/// A text and the zero that ends it.
fn put_text(text: &str, out: &mut Vec<u8>) {
    let text = text.bytes().filter(|octet| *octet != 0);
    out.extend(text.take(MAX_TEXT - 1));
    out.push(0);
}

/// A client asks for encryption.
pub(super) struct AskGssenc<'c> {
    config: &'c StreamConfig,
    to_send: Vec<u8>,
    state: Asked,
}

enum Asked {
    /// One octet: what comes behind it is not the server's answer.
    Awaits([u8; 1]),
    Text(ErrorText),
    Over(Result<(), HandshakeError>),
}

impl<'c> AskGssenc<'c> {
    pub(super) fn new(config: &'c StreamConfig) -> Self {
        Self {
            config,
            to_send: GSSENC_REQUEST.into(),
            state: Asked::Awaits([0]),
        }
    }
}

impl Conversation for AskGssenc<'_> {
    type Outcome = ();

    fn to_send(&mut self) -> Vec<u8> {
        mem::take(&mut self.to_send)
    }

    fn room(&mut self) -> Option<&mut [u8]> {
        match &mut self.state {
            Asked::Awaits(answer) => Some(answer),
            Asked::Text(text) => Some(text.room()),
            Asked::Over(_) => None,
        }
    }

    fn filled(&mut self, octets: usize) {
        self.state = match &mut self.state {
            Asked::Awaits(_) if octets == 0 => Asked::Over(Err(FrameError::Truncated.into())),
            Asked::Awaits(answer) => match *answer {
                AGREED => Asked::Over(Ok(())),
                DECLINED => Asked::Over(Err(HandshakeError::Declined)),
                [b'E'] => Asked::Text(ErrorText::begun(&[])),
                [other] => Asked::Over(Err(FrameError::Flags(other).into())),
            },
            Asked::Text(text) => match text.filled(octets) {
                Some(text) => Asked::Over(Err(HandshakeError::Peer(text))),
                None => return,
            },
            Asked::Over(_) => return,
        };
    }

    fn patience(&self) -> Duration {
        self.config.limits.handshake
    }

    fn outcome(self) -> Result<(), HandshakeError> {
        match self.state {
            Asked::Over(outcome) => outcome,
            Asked::Awaits(_) | Asked::Text(_) => Err(HandshakeError::TimedOut),
        }
    }
}

/// A server reads what a client asks for.
pub(super) struct Listen<'c> {
    config: &'c StreamConfig,
    /// One more than a request has: it shows whether anything came behind it.
    octets: [u8; 9],
    filled: usize,
    over: Option<Result<Request, HandshakeError>>,
}

impl<'c> Listen<'c> {
    pub(super) fn new(config: &'c StreamConfig) -> Self {
        Self {
            config,
            octets: [0; 9],
            filled: 0,
            over: None,
        }
    }

    fn judge(&self, octets: usize) -> Option<Result<Request, HandshakeError>> {
        let read = self.octets.get(..self.filled).unwrap_or_default();
        let (request, behind) = match read.split_first_chunk::<8>() {
            Some(split) => split,
            None if octets == 0 => return Some(Err(FrameError::Truncated.into())),
            None => return None,
        };
        Some(match (*request, behind) {
            (GSSENC_REQUEST, []) => Ok(Request::Gssenc),
            (SSL_REQUEST, []) => Ok(Request::Ssl),
            (GSSENC_REQUEST | SSL_REQUEST, _) => Err(FrameError::Early.into()),
            _ => Ok(Request::Other(read.into())),
        })
    }
}

impl Conversation for Listen<'_> {
    type Outcome = Request;

    fn to_send(&mut self) -> Vec<u8> {
        Vec::new()
    }

    fn room(&mut self) -> Option<&mut [u8]> {
        match self.over {
            Some(_) => None,
            None => self.octets.get_mut(self.filled..),
        }
    }

    fn filled(&mut self, octets: usize) {
        self.filled += octets;
        self.over = self.judge(octets);
    }

    fn patience(&self) -> Duration {
        self.config.limits.first_token
    }

    fn outcome(self) -> Result<Request, HandshakeError> {
        self.over.unwrap_or(Err(HandshakeError::TimedOut))
    }
}

/// The server's words, after the `E`.
///
/// Old servers send a text that a zero ends, newer ones an ErrorResponse: a length, and fields of
/// a letter and such a text each. No text begins like the length of one that is believed. Neither
/// the zero nor the length has to be there or true (security case 132).
pub(super) struct ErrorText {
    octets: Vec<u8>,
    filled: usize,
}

impl ErrorText {
    pub(super) fn begun(octets: &[u8]) -> Self {
        let mut text = Self {
            octets: vec![0; MAX_TEXT],
            filled: 0,
        };
        for (to, from) in text.octets.iter_mut().zip(octets) {
            *to = *from;
            text.filled += 1;
        }
        text
    }

    pub(super) fn room(&mut self) -> &mut [u8] {
        self.octets.get_mut(self.filled..).unwrap_or_default()
    }

    /// So many octets were put into [`room`](Self::room): the text, if that was its end.
    pub(super) fn filled(&mut self, octets: usize) -> Option<String> {
        self.filled = (self.filled + octets).min(self.octets.len());
        let so_far = self.octets.get(..self.filled).unwrap_or_default();
        let whole = match response_len(so_far) {
            Some(len) => so_far.len() >= len,
            None => so_far.len() > 4 && so_far.contains(&0),
        };
        let end = whole || octets == 0 || self.filled == self.octets.len();
        end.then(|| self.so_far())
    }

    /// What can be read of it.
    fn so_far(&self) -> String {
        let octets = self.octets.get(..self.filled).unwrap_or_default();
        let text = match response_len(octets) {
            Some(_) => octets
                .get(4..)
                .unwrap_or_default()
                .split(|octet| *octet == 0)
                .find_map(|field| field.strip_prefix(b"M"))
                .unwrap_or_default(),
            None => octets.split(|octet| *octet == 0).next().unwrap_or_default(),
        };
        String::from_utf8_lossy(text)
            .trim()
            .chars()
            .map(|c| if c.is_control() { ' ' } else { c })
            .collect()
    }
}

/// The length of an ErrorResponse, if it is one.
fn response_len(octets: &[u8]) -> Option<usize> {
    let [a, b, c, d, ..] = octets else {
        return None;
    };
    let len = usize::try_from(u32::from_be_bytes([*a, *b, *c, *d])).ok()?;
    (4..1 << 16).contains(&len).then_some(len)
}
