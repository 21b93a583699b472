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

/// GSSENCRequest.
pub const GSSENC_REQUEST: [u8; 8] = [0, 0, 0, 8, 0x04, 0xD2, 0x16, 0x30];

/// How much of a server's text is read.
const MAX_TEXT: usize = 1024;

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

    pub(super) fn filled(&mut self, octets: usize) -> Option<String> {
        self.filled = (self.filled + octets).min(self.octets.len());
        let so_far = self.octets.get(..self.filled).unwrap_or_default();
        let whole = match response_len(so_far) {
            Some(len) => so_far.len() >= len,
            None => so_far.len() > 4 && so_far.contains(&0),
        };
        (whole || self.filled == self.octets.len()).then(|| self.so_far())
    }

    /// What can be read of it.
    pub(super) fn so_far(&self) -> String {
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
