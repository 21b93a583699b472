//! Wrap and MIC tokens (RFC 4121 §4.2).
//!
//! ```text
//!        0     2     3    4        6     8                16
//! Wrap   05 04 Flags FF   EC       RRC   SND_SEQ          payload, rotated right by RRC
//! MIC    04 04 Flags FF   FF FF FF FF FF SND_SEQ          checksum of message ++ header
//!
//! payload, confidential    confounder, { message, filler[EC], header with RRC = 0 }, MAC
//! payload, integrity only  message, checksum of message ++ header with EC = RRC = 0
//! ```
//!
//! Sent tokens have no filler and are not rotated, as those of MIT krb5. Those of messages in
//! several places are in `detached`.
//!
//! A context whose key is of RC4 has the tokens of RFC 1964 instead (GSS-48).

use std::fmt;
use std::sync::Arc;

#[cfg(feature = "legacy")]
use super::rfc1964::{self, OldTokens};
use super::window::{SequenceStatus, Window};
use crate::crypto::{Cipher, CryptoError, Key, KeyUsage, Mac};
use crate::error::{Error, Rejection};
use crate::random::Random;
use crate::wire::{ErrorCode, Malformed};

/// How long a token's header is.
pub(super) const HEADER: usize = 16;
pub(super) const CONFOUNDER: usize = 16;

pub(super) const WRAP_ID: [u8; 2] = [0x05, 0x04];
pub(super) const MIC_ID: [u8; 2] = [0x04, 0x04];
pub(super) const FILLER: u8 = 0xFF;

const SENT_BY_ACCEPTOR: u8 = 1;
pub(super) const SEALED: u8 = 2;
const ACCEPTOR_SUBKEY: u8 = 4;

/// Which end of a context.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// The end that sends the first token.
    Initiator,
    /// The end that receives it.
    Acceptor,
}

impl Role {
    /// The other end.
    #[must_use]
    pub const fn peer(self) -> Self {
        match self {
            Self::Initiator => Self::Acceptor,
            Self::Acceptor => Self::Initiator,
        }
    }

    /// The usages of what this end sends: Wrap tokens of either kind, and MIC tokens (GSS-26).
    const fn usages(self) -> (KeyUsage, KeyUsage) {
        match self {
            Self::Initiator => (KeyUsage::INITIATOR_SEAL, KeyUsage::INITIATOR_SIGN),
            Self::Acceptor => (KeyUsage::ACCEPTOR_SEAL, KeyUsage::ACCEPTOR_SIGN),
        }
    }

    const fn flag(self) -> u8 {
        match self {
            Self::Initiator => 0,
            Self::Acceptor => SENT_BY_ACCEPTOR,
        }
    }
}

/// What a Wrap token does for its message (GSS's conf_req_flag).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Protection {
    /// It is signed, and readable.
    Integrity,
    /// It is signed and encrypted.
    Confidentiality,
}

/// How many octets a Wrap token has before and behind its message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Room {
    /// The header, and a confounder.
    pub before: usize,
    /// The sealed header, and the checksum.
    pub behind: usize,
}

impl Room {
    /// Both together.
    pub const fn total(self) -> usize {
        self.before + self.behind
    }
}

/// The keys of per-message tokens (GSS-25).
#[derive(Clone, Debug)]
pub struct MessageKeys {
    /// The initiator's subkey, else the session key.
    pub base: Key,
    /// The acceptor's subkey; if there is one, both ends send with it.
    pub acceptor_subkey: Option<Key>,
}

impl MessageKeys {
    fn in_force(&self) -> &Key {
        self.acceptor_subkey.as_ref().unwrap_or(&self.base)
    }
}

/// What one key protects in one direction.
pub(super) struct Direction {
    pub(super) key: Key,
    pub(super) from: Role,
    cipher: Lazy<Cipher>,
    wrap_mac: Lazy<Mac>,
    mic: Lazy<Mac>,
    #[cfg(feature = "legacy")]
    pub(super) old: Lazy<OldTokens>,
}

/// Derived when it is first needed: most contexts see no message at all.
pub(super) struct Lazy<T>(Option<Box<T>>);

impl<T> Lazy<T> {
    fn get(&mut self, derive: impl FnOnce() -> Result<T, CryptoError>) -> Result<&T, CryptoError> {
        self.get_mut(derive).map(|derived| &*derived)
    }

    pub(super) fn get_mut(
        &mut self,
        derive: impl FnOnce() -> Result<T, CryptoError>,
    ) -> Result<&mut T, CryptoError> {
        match &mut self.0 {
            Some(derived) => Ok(derived),
            empty @ None => Ok(empty.insert(Box::new(derive()?))),
        }
    }
}

impl Direction {
    fn new(key: &Key, from: Role) -> Result<Self, Error> {
        Ok(Self {
            key: key.clone(),
            from,
            cipher: Lazy(None),
            wrap_mac: Lazy(None),
            mic: Lazy(None),
            #[cfg(feature = "legacy")]
            old: Lazy(None),
        })
    }

    /// What is derived of it is for the tokens of RFC 4121, which older enctypes do not have
    /// (GSS-48).
    fn newer(key: &Key) -> Result<&Key, CryptoError> {
        match key.enctype() {
            enctype if enctype.is_newer() => Ok(key),
            older => Err(CryptoError::UnsupportedEnctype(older)),
        }
    }

    pub(super) fn cipher(&mut self) -> Result<&Cipher, CryptoError> {
        let (usage, _) = self.from.usages();
        self.cipher.get(|| Self::newer(&self.key)?.cipher(usage))
    }

    pub(super) fn wrap_mac(&mut self) -> Result<&Mac, CryptoError> {
        let (usage, _) = self.from.usages();
        self.wrap_mac.get(|| Self::newer(&self.key)?.mac(usage))
    }

    pub(super) fn mic(&mut self) -> Result<&Mac, CryptoError> {
        let (_, usage) = self.from.usages();
        self.mic.get(|| Self::newer(&self.key)?.mac(usage))
    }

    pub(super) fn room(&self, protection: Protection) -> Room {
        let mac = self.key.enctype().mac_len().unwrap_or(0);
        match protection {
            Protection::Integrity => Room {
                before: HEADER,
                behind: mac,
            },
            Protection::Confidentiality => Room {
                before: HEADER + CONFOUNDER,
                behind: HEADER + mac,
            },
        }
    }
}

/// The sending half of a context.
pub struct Sender {
    pub(super) direction: Direction,
    pub(super) flags: u8,
    pub(super) next: u64,
    pub(super) confounders: Confounders,
    pub(super) dce: bool,
}

impl Sender {
    /// What `role` sends, from sequence number `first` on.
    pub fn new(
        keys: &MessageKeys,
        role: Role,
        first: u64,
        random: Arc<dyn Random>,
    ) -> Result<Self, Error> {
        let subkey = match keys.acceptor_subkey {
            Some(_) => ACCEPTOR_SUBKEY,
            None => 0,
        };
        Ok(Self {
            direction: Direction::new(keys.in_force(), role)?,
            flags: role.flag() | subkey,
            next: first,
            confounders: Confounders::new(random),
            dce: false,
        })
    }

    /// The context is one of DCE style: EC is 16 in messages of several places, as Windows has it
    /// (GSS-45).
    #[must_use]
    pub fn dce_style(mut self) -> Self {
        self.dce = true;
        self
    }

    /// The sequence number of the next token (GSS-30).
    pub fn next_number(&self) -> u64 {
        self.next
    }

    /// How much longer than its message a Wrap token is, and where (GSS-44).
    ///
    /// Around a token of RFC 1964 is a frame that grows with the message: of a context with RC4 it
    /// is the room of the longest message, and [`token_len`](Self::token_len) is exact.
    pub fn room(&self, protection: Protection) -> Room {
        #[cfg(feature = "legacy")]
        if self.direction.is_old() {
            let before = rfc1964::before(usize::MAX >> 1);
            return Room { before, behind: 1 };
        }
        self.direction.room(protection)
    }

    /// How many octets the Wrap token of a message of `message` octets has.
    pub fn token_len(&self, protection: Protection, message: usize) -> usize {
        #[cfg(feature = "legacy")]
        if self.direction.is_old() {
            return rfc1964::token_len(message);
        }
        message.saturating_add(self.room(protection).total())
    }

    /// The longest message whose Wrap token has at most `token` octets; 0 if there is none
    /// (GSS-44).
    pub fn wrap_size_limit(&self, protection: Protection, token: usize) -> usize {
        #[cfg(feature = "legacy")]
        if self.direction.is_old() {
            return rfc1964::wrap_size_limit(token);
        }
        token.saturating_sub(self.room(protection).total())
    }

    /// The Wrap token of a message.
    pub fn wrap(&mut self, protection: Protection, message: &[u8]) -> Result<Vec<u8>, Error> {
        let mut token = Vec::new();
        self.wrap_into(protection, message, &mut token)?;
        Ok(token)
    }

    /// Appends the Wrap token of a message to `out`. If it fails, `out` is as it was.
    pub fn wrap_into(
        &mut self,
        protection: Protection,
        message: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<(), Error> {
        #[cfg(feature = "legacy")]
        if self.direction.is_old() {
            return self.old_wrap_into(protection, message, out);
        }
        let (room, start) = (self.room(protection), out.len());
        out.reserve(message.len() + room.total());
        out.resize(start + room.before, 0);
        out.extend_from_slice(message);
        out.resize(out.len() + room.behind, 0);
        let wrapped = match out.get_mut(start..) {
            Some(token) => self.wrap_in_place(protection, token),
            None => Ok(()),
        };
        if wrapped.is_err() {
            out.truncate(start);
        }
        wrapped
    }

    /// Makes a Wrap token of a message that lies in `token` with [`room`](Self::room) before and
    /// behind it. What is in that room does not matter.
    ///
    /// Nothing is allocated and the message is not moved. A context with RC4 cannot do this: the
    /// place of the message in a token of RFC 1964 depends on its length.
    pub fn wrap_in_place(&mut self, protection: Protection, token: &mut [u8]) -> Result<(), Error> {
        self.has_fixed_room()?;
        if token.len() < self.room(protection).total() {
            return Err(Error::Misuse("no room for a Wrap token's own octets"));
        }
        match protection {
            Protection::Confidentiality => self.seal(token)?,
            Protection::Integrity => self.sign(token)?,
        }
        self.next = self.next.wrapping_add(1);
        Ok(())
    }

    /// Whether [`room`](Self::room) is the same for every message.
    pub(super) fn has_fixed_room(&self) -> Result<(), Error> {
        match self.direction.key.enctype().is_newer() {
            true => Ok(()),
            false => Err(Error::Misuse("tokens of RFC 1964 are not made in place")),
        }
    }

    fn seal(&mut self, token: &mut [u8]) -> Result<(), Error> {
        self.prepare(self.next, token)?;
        let cipher = self.direction.cipher()?;
        cipher.seal_in_place(token.get_mut(HEADER..).unwrap_or_default());
        Ok(())
    }

    /// Puts everything that is not the message into a confidential token, ready to be sealed
    /// (GSS-37, GSS-39: no filler).
    pub(super) fn prepare(&mut self, number: u64, token: &mut [u8]) -> Result<(), Error> {
        let header = header(WRAP_ID, self.flags | SEALED, [0; 4], number);
        let mac = self.direction.cipher()?.mac_len();
        let confounder = self.confounders.next()?;
        let Some((outer, payload)) = token.split_first_chunk_mut::<HEADER>() else {
            return Ok(());
        };
        *outer = header;
        let text = payload.len().saturating_sub(mac);
        if let Some((text, _)) = payload.split_at_mut_checked(text) {
            if let Some(inner) = text.last_chunk_mut::<HEADER>() {
                *inner = header;
            }
            if let Some(front) = text.first_chunk_mut::<CONFOUNDER>() {
                *front = confounder;
            }
        }
        Ok(())
    }

    /// What seals a [prepared](Self::prepare) token, behind its header.
    pub(super) fn wrap_cipher(&mut self) -> Result<&Cipher, Error> {
        Ok(self.direction.cipher()?)
    }

    /// Tokens up to this number are made.
    pub(super) fn go_on_at(&mut self, number: u64) {
        self.next = number;
    }

    /// (GSS-40.)
    fn sign(&mut self, token: &mut [u8]) -> Result<(), Error> {
        let mac = self.direction.wrap_mac()?;
        let signed = header(WRAP_ID, self.flags, [0; 4], self.next);
        let Some((outer, payload)) = token.split_first_chunk_mut::<HEADER>() else {
            return Ok(());
        };
        let [ec_high, ec_low] = (mac.len() as u16).to_be_bytes();
        *outer = header(WRAP_ID, self.flags, [ec_high, ec_low, 0, 0], self.next);
        let message = payload.len().saturating_sub(mac.len());
        if let Some((message, checksum)) = payload.split_at_mut_checked(message) {
            checksum.copy_from_slice(&mac.checksum(&[message, &signed]));
        }
        Ok(())
    }

    /// The MIC token of a message (GSS-36).
    pub fn get_mic(&mut self, message: &[u8]) -> Result<Vec<u8>, Error> {
        #[cfg(feature = "legacy")]
        if self.direction.is_old() {
            return self.old_mic(&[message]);
        }
        let header = header(MIC_ID, self.flags, [FILLER; 4], self.next);
        let checksum = self.direction.mic()?.checksum(&[message, &header]);
        self.next = self.next.wrapping_add(1);
        Ok([&header[..], &checksum].concat())
    }
}

/// The octets from 4 to 7 are EC and RRC of a Wrap token, filler of a MIC token.
pub(super) fn header(id: [u8; 2], flags: u8, middle: [u8; 4], number: u64) -> [u8; HEADER] {
    let [a, b] = id;
    let [c, d, e, f] = middle;
    let [s0, s1, s2, s3, s4, s5, s6, s7] = number.to_be_bytes();
    [
        a, b, flags, FILLER, c, d, e, f, s0, s1, s2, s3, s4, s5, s6, s7,
    ]
}

/// Confounders, drawn from the source of randomness sixteen at a time: asking the operating system
/// takes as long as encrypting a short message.
pub(super) struct Confounders {
    random: Arc<dyn Random>,
    /// Empty until the first is drawn: most contexts see no message at all.
    pool: Box<[u8]>,
    left: usize,
}

impl Confounders {
    fn new(random: Arc<dyn Random>) -> Self {
        Self {
            random,
            pool: Box::default(),
            left: 0,
        }
    }

    pub(super) fn next(&mut self) -> Result<[u8; CONFOUNDER], Error> {
        if self.left == 0 {
            if self.pool.is_empty() {
                self.pool = vec![0; 16 * CONFOUNDER].into();
            }
            self.random.fill(&mut self.pool)?;
            self.left = 16;
        }
        let (chunks, _) = self.pool.as_chunks::<CONFOUNDER>();
        let confounder = chunks.get(chunks.len() - self.left).copied();
        self.left -= 1;
        confounder.ok_or(Error::Random)
    }
}

/// The receiving half of a context.
pub struct Receiver {
    pub(super) base: Direction,
    pub(super) acceptor_subkey: Option<Direction>,
    pub(super) window: Window,
    dce: bool,
}

/// The header of a received token.
pub(super) struct Header {
    flags: u8,
    octets: [u8; HEADER],
}

impl Header {
    pub(super) const LEN: usize = HEADER;

    pub(super) fn take<'t>(
        what: &'static str,
        id: [u8; 2],
        token: &'t [u8],
    ) -> Result<(Self, &'t [u8]), Malformed> {
        let Some((octets, rest)) = token.split_first_chunk::<HEADER>() else {
            let why = format!("{} octets are shorter than a header", token.len());
            return Err(Malformed::new(what, 0, why));
        };
        let [a, b, flags, filler, ..] = *octets;
        if a == 0x60 {
            return Err(Malformed::new(what, 0, "it is a token of RFC 1964"));
        }
        if [a, b] != id {
            return Err(Malformed::new(what, 0, "another TOK_ID"));
        }
        if filler != FILLER {
            return Err(Malformed::new(what, 3, "the filler is not FF"));
        }
        Ok((
            Self {
                flags,
                octets: *octets,
            },
            rest,
        ))
    }

    /// Of a MIC token, with what follows it.
    pub(super) fn take_mic(token: &[u8]) -> Result<(Self, &[u8]), Malformed> {
        let (header, checksum) = Self::take(MIC, MIC_ID, token)?;
        if header.middle() != [FILLER; 4] {
            return Err(Malformed::new(MIC, 4, "the filler is not FF"));
        }
        if header.flags & SEALED != 0 {
            return Err(Malformed::new(MIC, 2, "it says it is sealed"));
        }
        Ok((header, checksum))
    }

    pub(super) fn octets(&self) -> [u8; HEADER] {
        self.octets
    }

    fn middle(&self) -> [u8; 4] {
        let [_, _, _, _, c, d, e, f, ..] = self.octets;
        [c, d, e, f]
    }

    pub(super) fn ec(&self) -> usize {
        let [high, low, _, _] = self.middle();
        usize::from(u16::from_be_bytes([high, low]))
    }

    pub(super) fn rrc(&self) -> usize {
        let [_, _, high, low] = self.middle();
        usize::from(u16::from_be_bytes([high, low]))
    }

    pub(super) fn number(&self) -> u64 {
        let [.., s0, s1, s2, s3, s4, s5, s6, s7] = self.octets;
        u64::from_be_bytes([s0, s1, s2, s3, s4, s5, s6, s7])
    }

    pub(super) fn flags(&self) -> u8 {
        self.flags
    }

    pub(super) fn protection(&self) -> Protection {
        match self.flags & SEALED {
            0 => Protection::Integrity,
            _ => Protection::Confidentiality,
        }
    }

    /// With RRC = 0 and another EC.
    pub(super) fn with_ec(&self, ec: [u8; 2]) -> [u8; HEADER] {
        let [a, b, ..] = self.octets;
        let [high, low] = ec;
        header([a, b], self.flags, [high, low, 0, 0], self.number())
    }
}

pub(super) const WRAP: &str = "Wrap token";
const MIC: &str = "MIC token";

impl Receiver {
    /// What the peer of `role` sends, from sequence number `first` on.
    pub fn new(keys: &MessageKeys, role: Role, window: Window) -> Result<Self, Error> {
        let from = role.peer();
        Ok(Self {
            base: Direction::new(&keys.base, from)?,
            acceptor_subkey: match &keys.acceptor_subkey {
                Some(subkey) => Some(Direction::new(subkey, from)?),
                None => None,
            },
            window,
            dce: false,
        })
    }

    /// The context is one of DCE style: what is encrypted and rotated at all is rotated by EC + RRC,
    /// as Windows does it (GSS-45).
    #[must_use]
    pub fn dce_style(mut self) -> Self {
        self.dce = true;
        self
    }

    /// By how many octets to the right the peer rotated a payload (GSS-41, GSS-45); it may be more
    /// than there are.
    pub(super) fn rotated_by(&self, header: &Header) -> usize {
        match (self.dce, header.protection(), header.rrc()) {
            (_, _, 0) => 0,
            (true, Protection::Confidentiality, rrc) => rrc + header.ec(),
            (_, _, rrc) => rrc,
        }
    }

    /// By how many octets to the left a payload is to be rotated (GSS-41).
    fn rotation(&self, header: &Header, payload: &[u8]) -> usize {
        let rotated = self.rotated_by(header);
        rotated.checked_rem(payload.len()).unwrap_or(0)
    }

    /// The keys that the flags name (GSS-27), if the token is from the peer (GSS-42).
    pub(super) fn direction(&mut self, flags: u8) -> Result<&mut Direction, Error> {
        if flags & SENT_BY_ACCEPTOR != self.base.from.flag() {
            return Err(bad_signature("it is one of our own"));
        }
        let direction = match flags & ACCEPTOR_SUBKEY {
            0 => &mut self.base,
            _ => self.acceptor_subkey.as_mut().ok_or_else(|| {
                bad_signature("it is made with an acceptor subkey, and there is none")
            })?,
        };
        if !direction.key.enctype().is_newer() {
            return Err(bad_signature("the key it names has no tokens of this kind"));
        }
        Ok(direction)
    }

    /// The message of a Wrap token.
    pub fn unwrap(&mut self, token: &[u8]) -> Result<Unwrapped<Vec<u8>>, Error> {
        #[cfg(feature = "legacy")]
        if self.is_old() {
            let mut token = token.to_vec();
            let unwrapped = self.old_unwrap(&mut token)?;
            let message = unwrapped.message.to_vec();
            return Ok(unwrapped.with(message));
        }
        let (header, payload) = Header::take(WRAP, WRAP_ID, token)?;
        let rotation = self.rotation(&header, payload);
        if rotation == 0 && header.protection() == Protection::Confidentiality {
            let cipher = self.direction(header.flags)?.cipher()?;
            let mut plaintext = cipher.decrypt(payload).map_err(|_| undecipherable())?;
            let message = compare_headers(&header, &mut plaintext)?;
            plaintext.truncate(message);
            return Ok(self.received(&header, plaintext));
        }
        let (behind, before) = payload.split_at(rotation);
        let mut payload = Vec::with_capacity(payload.len());
        payload.extend_from_slice(before);
        payload.extend_from_slice(behind);
        let (before, message) = self.open(&header, &mut payload)?;
        payload.truncate(before + message);
        payload.drain(..before);
        Ok(self.received(&header, payload))
    }

    /// The message of a Wrap token, where it lies.
    ///
    /// Nothing is allocated, and unless the peer rotated the token nothing is moved. If it is
    /// refused, `token` holds no plaintext that was not there before.
    pub fn unwrap_in_place<'t>(
        &mut self,
        token: &'t mut [u8],
    ) -> Result<Unwrapped<&'t mut [u8]>, Error> {
        #[cfg(feature = "legacy")]
        if self.is_old() {
            return self.old_unwrap(token);
        }
        let (header, payload) = self.received_in_place(token)?;
        self.unwrap_payload(&header, payload)
    }

    /// The header of a Wrap token, and its payload rotated back.
    pub(super) fn received_in_place<'t>(
        &self,
        token: &'t mut [u8],
    ) -> Result<(Header, &'t mut [u8]), Error> {
        let (header, _) = Header::take(WRAP, WRAP_ID, token)?;
        let payload = token.get_mut(HEADER..).unwrap_or_default();
        let rotation = self.rotation(&header, payload);
        if rotation != 0 {
            payload.rotate_left(rotation);
        }
        Ok((header, payload))
    }

    /// The message of a payload that is not rotated any more.
    pub(super) fn unwrap_payload<'t>(
        &mut self,
        header: &Header,
        payload: &'t mut [u8],
    ) -> Result<Unwrapped<&'t mut [u8]>, Error> {
        let (before, message) = self.open(header, payload)?;
        let message = payload
            .get_mut(before..before + message)
            .unwrap_or_default();
        Ok(self.received(header, message))
    }

    /// What opens confidential tokens with these flags.
    pub(super) fn wrap_cipher(&mut self, flags: u8) -> Result<&Cipher, Error> {
        Ok(self.direction(flags)?.cipher()?)
    }

    /// The message in what a confidential payload was decrypted to.
    pub(super) fn judge_sealed<'t>(
        &mut self,
        header: &Header,
        opened: Result<&'t mut [u8], CryptoError>,
    ) -> Result<Unwrapped<&'t mut [u8]>, Error> {
        let plaintext = opened.map_err(|_| undecipherable())?;
        let message = compare_headers(header, plaintext)?;
        let message = plaintext.get_mut(..message).unwrap_or_default();
        Ok(self.received(header, message))
    }

    /// Opens a payload that is not rotated any more: how many octets precede the message, and how
    /// many it has.
    fn open(&mut self, header: &Header, payload: &mut [u8]) -> Result<(usize, usize), Error> {
        let direction = self.direction(header.flags)?;
        match header.protection() {
            Protection::Confidentiality => {
                let cipher = direction.cipher()?;
                let plaintext = cipher
                    .open_in_place(payload)
                    .map_err(|_| undecipherable())?;
                Ok((CONFOUNDER, compare_headers(header, plaintext)?))
            }
            Protection::Integrity => {
                let mac = direction.wrap_mac()?;
                Ok((0, open_signed(mac, header, payload)?))
            }
        }
    }

    pub(super) fn received<M>(&mut self, header: &Header, message: M) -> Unwrapped<M> {
        Unwrapped {
            message,
            protection: header.protection(),
            status: self.window.receive(header.number()),
        }
    }

    /// Verifies the MIC token of a message (GSS-36).
    pub fn verify_mic(&mut self, message: &[u8], token: &[u8]) -> Result<SequenceStatus, Error> {
        #[cfg(feature = "legacy")]
        if self.is_old() {
            return self.old_verify_mic(&[message], token);
        }
        let (header, checksum) = Header::take_mic(token)?;
        self.direction(header.flags)?
            .mic()?
            .verify(&[message, &header.octets], checksum)
            .map_err(|_| bad_signature("the checksum does not fit the message"))?;
        Ok(self.window.receive(header.number()))
    }
}

pub(super) fn undecipherable() -> Error {
    bad_signature("it does not decrypt")
}

/// Compares the sealed header with the outer one, which alone is not protected (GSS-37, GSS-38):
/// how many octets the message has. EC is among what is compared, lest a message be cut by
/// changing it. What is refused is wiped.
pub(super) fn compare_headers(header: &Header, plaintext: &mut [u8]) -> Result<usize, Error> {
    let judged = (|| {
        let defective = |why| Malformed::new(WRAP, 0, why);
        let (text, sealed) = plaintext
            .split_last_chunk::<HEADER>()
            .ok_or_else(|| defective("no header was sealed in"))?;
        let [id0, id1, flags, filler, ec0, ec1, _, _, number @ ..] = sealed;
        let [oid0, oid1, oflags, ofiller, oec0, oec1, _, _, onumber @ ..] = &header.octets;
        if (id0, id1, flags, filler, ec0, ec1, number)
            != (oid0, oid1, oflags, ofiller, oec0, oec1, onumber)
        {
            return Err(defective("the sealed header is another"));
        }
        text.len()
            .checked_sub(header.ec())
            .ok_or_else(|| defective("EC is more than there is"))
    })();
    if judged.is_err() {
        plaintext.fill(0);
    }
    Ok(judged?)
}

/// Verifies the checksum over message and header (GSS-40).
fn open_signed(mac: &Mac, header: &Header, payload: &[u8]) -> Result<usize, Error> {
    if header.ec() != mac.len() {
        return Err(Malformed::new(WRAP, 4, "EC is not the checksum's length").into());
    }
    let (message, checksum) = payload
        .len()
        .checked_sub(mac.len())
        .and_then(|message| payload.split_at_checked(message))
        .ok_or_else(|| Malformed::new(WRAP, HEADER, "it is shorter than a checksum"))?;
    mac.verify(&[message, &header.with_ec([0, 0])], checksum)
        .map_err(|_| bad_signature("the checksum does not fit the message"))?;
    Ok(message.len())
}

pub(super) fn bad_signature(why: &'static str) -> Error {
    Rejection::Message {
        why,
        code: ErrorCode::KRB_AP_ERR_MODIFIED,
    }
    .into()
}

/// A message out of a genuine Wrap token, with what the token's number says.
#[must_use]
#[derive(Clone, PartialEq, Eq)]
pub struct Unwrapped<M> {
    pub(super) message: M,
    pub(super) protection: Protection,
    pub(super) status: SequenceStatus,
}

impl<M> Unwrapped<M> {
    /// The message, if its token is neither repeated nor out of order, as far as the context
    /// detects that.
    pub fn complete(self) -> Result<M, Error> {
        self.status.complete()?;
        Ok(self.message)
    }

    /// The message, whatever the order: for applications with an order of their own.
    pub fn in_any_order(self) -> (M, SequenceStatus) {
        (self.message, self.status)
    }

    /// The same of another message.
    pub(super) fn with<N>(self, message: N) -> Unwrapped<N> {
        Unwrapped {
            message,
            protection: self.protection,
            status: self.status,
        }
    }

    /// What the token's sequence number says.
    pub fn status(&self) -> SequenceStatus {
        self.status
    }

    /// Whether the message was encrypted.
    pub fn protection(&self) -> Protection {
        self.protection
    }
}

impl<M> fmt::Debug for Unwrapped<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Unwrapped({:?}, {:?})", self.protection, self.status)
    }
}

impl fmt::Debug for Sender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "Sender({}, next {})",
            self.direction.key.enctype(),
            self.next
        )
    }
}

impl fmt::Debug for Receiver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "Receiver({}, {:?})",
            self.base.key.enctype(),
            self.window
        )
    }
}
