//! The per-message tokens of RFC 1964, with RC4 (RFC 4757 §7.2, §7.3): those of a context whose
//! key is of an enctype that RFC 4121 does not call newer (GSS-48).
//!
//! ```text
//!                                      0     2       4        6     8        16         24
//! MIC     60 len OID                   01 01 SGN_ALG FF FF FF FF    SND_SEQ  SGN_CKSUM
//! delete  60 len OID                   01 02 SGN_ALG FF FF FF FF    SND_SEQ  SGN_CKSUM
//! Wrap    60 len OID                   02 01 SGN_ALG SEAL_ALG FF FF SND_SEQ  SGN_CKSUM  text
//!
//! text       confounder[8], message, 01; encrypted if SEAL_ALG says so
//! SGN_CKSUM  the first 8 octets of the checksum of header[8] ++ text
//! SND_SEQ    number[4], direction[4]; encrypted, SGN_CKSUM being part of the key
//! ```
//!
//! RFC 4757 prints 15 as the usage of a Wrap token's checksum and the two directions the wrong way
//! round. What is here is what is deployed (GSS-50, GSS-51).
//!
//! The protection is weak. RC4 and MD5 are broken (security case 53), half of the checksum is
//! sent, and the key stream of a confidential token hangs on nothing but the key and the number:
//! two tokens of the same number, one in each direction, have the same. The checksum does not cover
//! the number, so that of a token that is not encrypted another number can be made: such a token,
//! sent again as the next one, is not noticed.

use subtle::{Choice, ConstantTimeEq};
use zeroize::{Zeroize, Zeroizing};

use super::message::{Direction, Protection, Receiver, Role, Sender, Unwrapped, bad_signature};
use super::token::{KRB5_OID, TokenId, put_head, unframe};
use super::window::{SequenceStatus, Window};
use crate::crypto::rc4::{hmac_md5, rc4};
use crate::crypto::{CryptoError, Key, KeyUsage, Mac};
use crate::error::Error;
use crate::wire::Malformed;

const CONFOUNDER: usize = 8;
/// TOK_ID, SGN_ALG, SEAL_ALG and filler, SND_SEQ, SGN_CKSUM.
const FIELDS: usize = 24;
/// HMAC-MD5.
const SGN_ALG: [u8; 2] = [0x11, 0x00];
/// RC4.
const SEAL_ALG: [u8; 2] = [0x10, 0x00];
const NONE: [u8; 2] = [0xFF, 0xFF];
/// RC4 has blocks of one octet, so that there is always one octet of padding.
const PADDING: u8 = 1;

/// The usages of the checksums, as RC4 counts them (GSS-50).
const SIGN: KeyUsage = KeyUsage(15);
const WRAP: KeyUsage = KeyUsage(13);

/// How much longer than its message a Wrap token is, its tag and length not counted.
const FIXED: usize = KRB5_OID.len() + FIELDS + CONFOUNDER + 1;

/// How many octets a MIC token has.
pub(super) const MIC_LEN: usize = 2 + KRB5_OID.len() + FIELDS;

/// How many octets the Wrap token of a message has, of either protection.
pub(super) fn token_len(message: usize) -> usize {
    let inner = message.saturating_add(FIXED);
    inner.saturating_add(1 + length_octets(inner))
}

/// The longest message whose Wrap token has at most `token` octets; 0 if there is none (GSS-44).
pub(super) fn wrap_size_limit(token: usize) -> usize {
    // A longer length takes an octet from the message.
    let inner = (1..=1 + size_of::<usize>()).filter_map(|length| {
        let inner = token.checked_sub(1 + length)?;
        (length_octets(inner) <= length).then_some(inner)
    });
    inner.max().unwrap_or(0).saturating_sub(FIXED)
}

/// How many octets precede the message in its Wrap token.
pub(super) fn before(message: usize) -> usize {
    token_len(message) - message - 1
}

/// How many octets a DER length has.
fn length_octets(len: usize) -> usize {
    match len {
        0..0x80 => 1,
        _ => 1 + (usize::BITS - len.leading_zeros()).div_ceil(8) as usize,
    }
}

/// What one key protects in one direction.
pub(super) struct OldTokens {
    /// In SND_SEQ: zeros from the initiator, ones from the acceptor (GSS-51).
    direction: [u8; 4],
    sign: Mac,
    wrap: Mac,
    /// HMAC(K, 0), from which the key of SND_SEQ is made.
    seq: Zeroizing<[u8; 16]>,
    /// HMAC(K xor F0 F0 .., 0), from which the key of the text is made.
    seal: Zeroizing<[u8; 16]>,
    /// How many tokens may still be made: as many as there are numbers.
    left: u64,
}

impl OldTokens {
    /// What `from` sends under an RC4 key.
    fn new(key: &Key, from: Role) -> Result<Self, CryptoError> {
        let zero = 0u32.to_le_bytes();
        let mut flipped: Zeroizing<Vec<u8>> = Zeroizing::new(key.expose().to_vec());
        for octet in flipped.iter_mut() {
            *octet ^= 0xF0;
        }
        Ok(Self {
            direction: match from {
                Role::Initiator => [0x00; 4],
                Role::Acceptor => [0xFF; 4],
            },
            sign: key.mac(SIGN)?,
            wrap: key.mac(WRAP)?,
            seq: Zeroizing::new(hmac_md5(key.expose(), &[&zero])),
            seal: Zeroizing::new(hmac_md5(&flipped, &[&zero])),
            left: 1 << 32,
        })
    }

    /// A number that came again would come with the same key stream.
    fn take_number(&mut self) -> Result<(), Error> {
        self.left = self
            .left
            .checked_sub(1)
            .ok_or(Error::Misuse("the numbers of an RC4 context are used up"))?;
        Ok(())
    }

    /// Appends the Wrap token of a message (GSS-49).
    fn wrap(
        &mut self,
        protection: Protection,
        number: u32,
        confounder: &[u8; CONFOUNDER],
        message: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<(), Error> {
        self.take_number()?;
        let seal_alg = match protection {
            Protection::Confidentiality => SEAL_ALG,
            Protection::Integrity => NONE,
        };
        let header = header(TokenId::OLD_WRAP, seal_alg);
        out.reserve(token_len(message.len()));
        put_head(
            &KRB5_OID,
            TokenId::OLD_WRAP,
            FIXED - KRB5_OID.len() - 2 + message.len(),
            out,
        );
        out.extend_from_slice(&[SGN_ALG, seal_alg, NONE].concat());
        let fields = out.len();
        out.extend_from_slice(&[0; 16]);
        out.extend_from_slice(confounder);
        out.extend_from_slice(message);
        out.push(PADDING);
        let (_, rest) = out.split_at_mut(fields);
        let Some((fields, text)) = rest.split_first_chunk_mut::<16>() else {
            return Ok(());
        };
        *fields = self.fields(number, checksum(&self.wrap, &header, &[text]));
        if protection == Protection::Confidentiality {
            self.stream(number, text);
        }
        Ok(())
    }

    /// The MIC token of a message of several parts.
    fn get_mic(&mut self, number: u32, parts: &[&[u8]]) -> Result<Vec<u8>, Error> {
        self.take_number()?;
        let header = header(TokenId::OLD_MIC, NONE);
        let mut token = Vec::with_capacity(MIC_LEN);
        put_head(&KRB5_OID, TokenId::OLD_MIC, FIELDS - 2, &mut token);
        token.extend_from_slice(&[SGN_ALG, NONE, NONE].concat());
        token.extend_from_slice(&self.fields(number, checksum(&self.sign, &header, parts)));
        Ok(token)
    }

    /// SND_SEQ and SGN_CKSUM (GSS-51, GSS-52).
    fn fields(&self, number: u32, checksum: [u8; 8]) -> [u8; 16] {
        let [n0, n1, n2, n3] = number.to_be_bytes();
        let [d0, d1, d2, d3] = self.direction;
        let mut snd_seq = [n0, n1, n2, n3, d0, d1, d2, d3];
        self.stream_seq(&checksum, &mut snd_seq);
        let mut fields = [0; 16];
        let both = snd_seq.iter().chain(&checksum);
        for (to, from) in fields.iter_mut().zip(both) {
            *to = *from;
        }
        fields
    }

    fn stream_seq(&self, checksum: &[u8; 8], snd_seq: &mut [u8; 8]) {
        let key = Zeroizing::new(hmac_md5(&*self.seq, &[checksum]));
        rc4(&*key, snd_seq);
    }

    /// Confounder, message and padding are one stream (GSS-52).
    fn stream(&self, number: u32, text: &mut [u8]) {
        let key = Zeroizing::new(hmac_md5(&*self.seal, &[&number.to_be_bytes()]));
        rc4(&*key, text);
    }

    /// Opens a Wrap token where it lies: message, protection and number. If it is refused, there is
    /// no plaintext in it that was not there before.
    fn unwrap<'t>(&self, token: &'t mut [u8]) -> Result<(&'t mut [u8], Protection, u32), Error> {
        let (received, len) = {
            let (received, text) = Received::parse("Wrap token", TokenId::OLD_WRAP, token)?;
            (received, text.len())
        };
        let protection = received.protection()?;
        if len < CONFOUNDER + 1 {
            let why = "it is shorter than a confounder and padding";
            return Err(Malformed::new("Wrap token", token.len() - len, why).into());
        }
        let text = token.len() - len;
        let text = token.get_mut(text..).unwrap_or_default();
        let (number, direction) = self.snd_seq(&received);
        if protection == Protection::Confidentiality {
            self.stream(number, text);
        }
        let expected = checksum(&self.wrap, &received.header, &[text]);
        let padding = text.last().copied().unwrap_or_default();
        // Every check is made and there is one answer, so that a wrong padding cannot be told from
        // a wrong checksum (security case 41).
        let genuine = expected.ct_eq(&received.sgn_cksum) & direction & padding.ct_eq(&PADDING);
        if !bool::from(genuine) {
            if protection == Protection::Confidentiality {
                text.zeroize();
            }
            return Err(bad_signature("it is not what the peer makes of a message"));
        }
        let message = text.len() - 1;
        let message = text.get_mut(CONFOUNDER..message).unwrap_or_default();
        Ok((message, protection, number))
    }

    /// Verifies the MIC token of a message of several parts: its number.
    fn verify_mic(&self, parts: &[&[u8]], token: &[u8]) -> Result<u32, Error> {
        self.verify("MIC token", TokenId::OLD_MIC, parts, token)
    }

    /// Verifies a context deletion token, which has the form of the MIC of an empty message
    /// (GSS-47): its number.
    fn verify_delete(&self, token: &[u8]) -> Result<u32, Error> {
        self.verify("context deletion token", TokenId::OLD_DELETE, &[], token)
    }

    fn verify(
        &self,
        what: &'static str,
        id: TokenId,
        parts: &[&[u8]],
        token: &[u8],
    ) -> Result<u32, Error> {
        let (received, rest) = Received::parse(what, id, token)?;
        if received.header != header(id, NONE) {
            return Err(Malformed::new(what, 4, "the filler is not FF").into());
        }
        if !rest.is_empty() {
            return Err(Malformed::new(what, FIELDS, "something follows its checksum").into());
        }
        let (number, direction) = self.snd_seq(&received);
        let expected = checksum(&self.sign, &received.header, parts);
        match bool::from(expected.ct_eq(&received.sgn_cksum) & direction) {
            true => Ok(number),
            false => Err(bad_signature("the checksum does not fit the message")),
        }
    }

    /// The number, and whether the direction is the right one: not our own (GSS-42).
    fn snd_seq(&self, received: &Received) -> (u32, Choice) {
        let mut snd_seq = received.snd_seq;
        self.stream_seq(&received.sgn_cksum, &mut snd_seq);
        let [n0, n1, n2, n3, direction @ ..] = snd_seq;
        let number = u32::from_be_bytes([n0, n1, n2, n3]);
        (number, direction.ct_eq(&self.direction))
    }
}

/// What every token begins with.
struct Received {
    header: [u8; 8],
    snd_seq: [u8; 8],
    sgn_cksum: [u8; 8],
}

impl Received {
    /// The fields of a token, and what follows them. What nothing protects is judged here; the
    /// answers may differ, since everybody can read it.
    fn parse<'t>(
        what: &'static str,
        id: TokenId,
        token: &'t [u8],
    ) -> Result<(Self, &'t [u8]), Error> {
        if let Some([0x04 | 0x05, 0x04]) = token.first_chunk::<2>() {
            return Err(Malformed::new(what, 0, "it is a token of RFC 4121").into());
        }
        let (found, body) = unframe(token).map_err(|error| match error {
            Error::Malformed(malformed) => Malformed { what, ..malformed },
            _ => Malformed::new(what, 2, "it is of another mechanism"),
        })?;
        if found != id {
            return Err(Malformed::new(what, 0, format!("it is a token of {found}")).into());
        }
        let short = || Malformed::new(what, 0, "it is shorter than its fields");
        let (algorithms, rest) = body.split_first_chunk::<6>().ok_or_else(short)?;
        let (snd_seq, rest) = rest.split_first_chunk().ok_or_else(short)?;
        let (sgn_cksum, rest) = rest.split_first_chunk().ok_or_else(short)?;
        let [s0, s1, e0, e1, f0, f1] = *algorithms;
        if [s0, s1] != SGN_ALG {
            return Err(Malformed::new(what, 2, "SGN_ALG is not HMAC-MD5").into());
        }
        if [f0, f1] != NONE {
            return Err(Malformed::new(what, 6, "the filler is not FF").into());
        }
        let received = Self {
            header: header(id, [e0, e1]),
            snd_seq: *snd_seq,
            sgn_cksum: *sgn_cksum,
        };
        Ok((received, rest))
    }

    fn protection(&self) -> Result<Protection, Malformed> {
        let [_, _, _, _, e0, e1, _, _] = self.header;
        match [e0, e1] {
            SEAL_ALG => Ok(Protection::Confidentiality),
            NONE => Ok(Protection::Integrity),
            _ => Err(Malformed::new("Wrap token", 4, "SEAL_ALG is not RC4")),
        }
    }
}

/// The octets before SND_SEQ, which the checksum covers.
fn header(id: TokenId, seal_alg: [u8; 2]) -> [u8; 8] {
    let [i0, i1] = id.0.to_be_bytes();
    let [s0, s1] = SGN_ALG;
    let [e0, e1] = seal_alg;
    let [f0, f1] = NONE;
    [i0, i1, s0, s1, e0, e1, f0, f1]
}

/// The first half of the checksum (GSS-50).
fn checksum(mac: &Mac, header: &[u8; 8], text: &[&[u8]]) -> [u8; 8] {
    let parts = std::iter::once(&header[..]).chain(text.iter().copied());
    mac.checksum_of(parts)
        .first_chunk()
        .copied()
        .unwrap_or_default()
}

impl Direction {
    /// Whether it has these tokens (GSS-48).
    pub(super) fn is_old(&self) -> bool {
        !self.key.enctype().is_newer()
    }

    fn old(&mut self) -> Result<&mut OldTokens, CryptoError> {
        self.old.get_mut(|| OldTokens::new(&self.key, self.from))
    }
}

impl Sender {
    pub(super) fn is_old(&self) -> bool {
        self.direction.is_old()
    }

    pub(super) fn old_wrap_into(
        &mut self,
        protection: Protection,
        message: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<(), Error> {
        let (confounder, number) = (self.confounders.next()?, self.next as u32);
        let confounder = confounder.first_chunk().ok_or(Error::Random)?;
        let old = self.direction.old()?;
        old.wrap(protection, number, confounder, message, out)?;
        self.next = self.next.wrapping_add(1);
        Ok(())
    }

    pub(super) fn old_mic(&mut self, parts: &[&[u8]]) -> Result<Vec<u8>, Error> {
        let token = self.direction.old()?.get_mic(self.next as u32, parts)?;
        self.next = self.next.wrapping_add(1);
        Ok(token)
    }
}

impl Receiver {
    /// The key in force decides (GSS-48).
    pub(super) fn is_old(&self) -> bool {
        self.acceptor_subkey.as_ref().unwrap_or(&self.base).is_old()
    }

    /// There is no flag in a token that would name another key.
    fn old(&mut self) -> Result<(&OldTokens, &mut Window), Error> {
        let direction = self.acceptor_subkey.as_mut().unwrap_or(&mut self.base);
        Ok((&*direction.old()?, &mut self.window))
    }

    pub(super) fn old_unwrap<'t>(
        &mut self,
        token: &'t mut [u8],
    ) -> Result<Unwrapped<&'t mut [u8]>, Error> {
        let (old, window) = self.old()?;
        let (message, protection, number) = old.unwrap(token)?;
        Ok(Unwrapped {
            message,
            protection,
            status: window.receive_short(number),
        })
    }

    pub(super) fn old_verify_mic(
        &mut self,
        parts: &[&[u8]],
        token: &[u8],
    ) -> Result<SequenceStatus, Error> {
        let (old, window) = self.old()?;
        Ok(window.receive_short(old.verify_mic(parts, token)?))
    }

    /// Verifies a context deletion token of RFC 1964 (§1.2.3; GSS-47). If it is genuine, the peer
    /// has deleted its context, and this one should be dropped.
    ///
    /// Peers with newer enctypes have no such tokens, and deployed ones do not send them any more.
    pub fn verify_delete(&mut self, token: &[u8]) -> Result<SequenceStatus, Error> {
        if !self.is_old() {
            return Err(Malformed::new("token", 0, "RFC 4121 has no deletion tokens").into());
        }
        let (old, window) = self.old()?;
        Ok(window.receive_short(old.verify_delete(token)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::Enctype;

    /// The key stream hangs on the number: none is used twice.
    #[test]
    fn gss_52_numbers_are_used_up() {
        let key = Key::new(Enctype::RC4_HMAC, &[1; 16]).unwrap();
        let mut tokens = OldTokens::new(&key, Role::Initiator).unwrap();
        assert_eq!(tokens.left, 1 << 32);
        tokens.left = 2;
        let (mut out, protection) = (Vec::new(), Protection::Confidentiality);
        tokens.wrap(protection, 7, &[0; 8], b"m", &mut out).unwrap();
        tokens.get_mic(8, &[b"m"]).unwrap();
        let len = out.len();
        let refused = tokens.wrap(protection, 9, &[0; 8], b"m", &mut out);
        assert!(matches!(refused, Err(Error::Misuse(_))));
        assert_eq!(out.len(), len);
        assert!(tokens.get_mic(9, &[b"m"]).is_err());
    }
}
