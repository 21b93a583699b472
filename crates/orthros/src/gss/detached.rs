//! Wrap tokens of messages that lie in several places (GSS_Wrap_iov, EncryptMessage of SSPI).
//!
//! ```text
//! header, trailer   header: 16 octets, confounder          trailer: filler[EC], sealed header, MAC
//! token             16 octets, filler[EC], sealed header, MAC, confounder
//!
//! integrity only    header: 16 octets                      trailer: checksum
//!                   token: 16 octets, checksum
//! ```
//!
//! The message's pieces stay where they are, and what lies between them on the wire is the
//! protocol's affair. *Header and trailer* are a token that is not rotated; *token* is one that is
//! rotated by what follows the message, so that everything precedes it: the token and data of SSPI,
//! header and data without trailer of MIT krb5.
//!
//! In contexts of DCE style EC is 16 if the message is encrypted, and RRC counts what follows the
//! filler only: what is rotated is EC + RRC octets, as Windows does it (GSS-45).
//!
//! What is [signed only](Piece::SignOnly) enters the checksum where it stands among the pieces. The
//! enctypes that have these tokens need no padding.

use subtle::ConstantTimeEq;
use zeroize::Zeroize;

use super::message::{
    CONFOUNDER, FILLER, HEADER, Header, MIC_ID, Protection, Receiver, SEALED, Sender, Unwrapped,
    WRAP, WRAP_ID, bad_signature, compare_headers, header, undecipherable,
};
use super::window::SequenceStatus;
pub use crate::crypto::Piece;
use crate::error::Error;
use crate::wire::Malformed;

/// Octets of filler in contexts of DCE style: an AES block (GSS-45).
const DCE_FILLER: usize = 16;

/// How many octets of a Wrap token are not the message's, by place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DetachedRoom {
    /// The header, and a confounder.
    pub header: usize,
    /// Always none: the enctypes of RFC 4121 have ciphertext stealing.
    pub padding: usize,
    /// Filler, the sealed header, and the checksum.
    pub trailer: usize,
}

impl DetachedRoom {
    /// How long the token is, if everything is in one place before the message.
    pub const fn token(self) -> usize {
        self.header + self.padding + self.trailer
    }
}

/// The places of a token's own octets.
struct Places<'t> {
    outer: &'t mut [u8],
    confounder: &'t mut [u8],
    /// Filler and the sealed header.
    back: &'t mut [u8],
    mac: &'t mut [u8],
}

/// How many octets have the places that are not the same in every token.
#[derive(Clone, Copy)]
struct Lengths {
    confounder: usize,
    back: usize,
    mac: usize,
}

impl Lengths {
    const fn header(self) -> usize {
        HEADER + self.confounder
    }

    const fn trailer(self) -> usize {
        self.back + self.mac
    }

    fn split<'t>(self, header: &'t mut [u8], trailer: &'t mut [u8]) -> Option<Places<'t>> {
        if header.len() != self.header() || trailer.len() != self.trailer() {
            return None;
        }
        let (outer, confounder) = header.split_at_mut(HEADER);
        let (back, mac) = trailer.split_at_mut(self.back);
        Some(Places {
            outer,
            confounder,
            back,
            mac,
        })
    }

    fn split_token(self, token: &mut [u8]) -> Option<Places<'_>> {
        if token.len() != self.header() + self.trailer() {
            return None;
        }
        let (outer, rest) = token.split_at_mut(HEADER);
        let (back, rest) = rest.split_at_mut(self.back);
        let (mac, confounder) = rest.split_at_mut(self.mac);
        Some(Places {
            outer,
            confounder,
            back,
            mac,
        })
    }
}

impl Sender {
    fn filler(&self, protection: Protection) -> usize {
        match (self.dce, protection) {
            (true, Protection::Confidentiality) => DCE_FILLER,
            _ => 0,
        }
    }

    fn lengths(&self, protection: Protection) -> Lengths {
        let room = self.room(protection);
        match protection {
            Protection::Confidentiality => Lengths {
                confounder: CONFOUNDER,
                back: self.filler(protection) + HEADER,
                mac: room.behind.saturating_sub(HEADER),
            },
            Protection::Integrity => Lengths {
                confounder: 0,
                back: 0,
                mac: room.behind,
            },
        }
    }

    /// How many octets a Wrap token has in each place beside a message that is in other places.
    pub fn detached_room(&self, protection: Protection) -> DetachedRoom {
        let lengths = self.lengths(protection);
        DetachedRoom {
            header: lengths.header(),
            padding: 0,
            trailer: lengths.trailer(),
        }
    }

    /// Wraps a message where it lies, with the token's own octets in two places. Their lengths are
    /// those of [`detached_room`](Self::detached_room), and what is in them does not matter.
    ///
    /// `header`, the data and `trailer`, one after the other, are a Wrap token. Nothing is
    /// allocated.
    ///
    /// ```no_run
    /// # use orthros::{error::Error, gss::{Piece, Protection, Sender}};
    /// fn send(sender: &mut Sender, public: &[u8], text: &mut [u8]) -> Result<[Vec<u8>; 2], Error> {
    ///     let room = sender.detached_room(Protection::Confidentiality);
    ///     let (mut header, mut trailer) = (vec![0; room.header], vec![0; room.trailer]);
    ///     let mut pieces = [Piece::SignOnly(public), Piece::Data(text)];
    ///     sender.wrap_detached(
    ///         Protection::Confidentiality,
    ///         &mut header,
    ///         &mut pieces,
    ///         &mut trailer,
    ///     )?;
    ///     Ok([header, trailer])
    /// }
    /// ```
    pub fn wrap_detached(
        &mut self,
        protection: Protection,
        header: &mut [u8],
        pieces: &mut [Piece<'_>],
        trailer: &mut [u8],
    ) -> Result<(), Error> {
        let places = self.lengths(protection).split(header, trailer);
        let places = places.ok_or(Error::Misuse("header or trailer are of another length"))?;
        self.wrap_places(protection, places, pieces, 0)
    }

    /// Wraps a message where it lies, with all of the token's own octets in one place before it: as
    /// many as [`DetachedRoom::token`] says. What is in it does not matter.
    ///
    /// `token` and the data, one after the other, are a Wrap token. Nothing is allocated.
    pub fn wrap_token(
        &mut self,
        protection: Protection,
        token: &mut [u8],
        pieces: &mut [Piece<'_>],
    ) -> Result<(), Error> {
        let lengths = self.lengths(protection);
        let places = lengths.split_token(token);
        let places = places.ok_or(Error::Misuse("the token is of another length"))?;
        // Of what is rotated, EC is not counted (GSS-45).
        let rrc = lengths.trailer() - self.filler(protection);
        self.wrap_places(protection, places, pieces, rrc)
    }

    fn wrap_places(
        &mut self,
        protection: Protection,
        places: Places<'_>,
        pieces: &mut [Piece<'_>],
        rrc: usize,
    ) -> Result<(), Error> {
        self.has_fixed_room()?;
        let (number, filler) = (self.next, self.filler(protection));
        let ec = match protection {
            Protection::Confidentiality => filler,
            Protection::Integrity => places.mac.len(),
        };
        let [ec_high, ec_low] = (ec as u16).to_be_bytes();
        let [rrc_high, rrc_low] = (rrc as u16).to_be_bytes();
        let flags = match protection {
            Protection::Confidentiality => self.flags | SEALED,
            Protection::Integrity => self.flags,
        };
        match protection {
            Protection::Confidentiality => {
                let confounder = self.confounders.next()?;
                let sealed = header(WRAP_ID, flags, [ec_high, ec_low, 0, 0], number);
                let cipher = self.direction.cipher()?;
                places.confounder.copy_from_slice(&confounder);
                let (front, back) = places.back.split_at_mut(filler);
                front.fill(FILLER);
                back.copy_from_slice(&sealed);
                cipher.seal_pieces_in_place(places.confounder, pieces, places.back, places.mac)?;
            }
            Protection::Integrity => {
                let signed = header(WRAP_ID, flags, [0; 4], number);
                let mac = self.direction.wrap_mac()?;
                let checksum = mac.checksum_of(octets(pieces).chain([&signed[..]]));
                places.mac.copy_from_slice(&checksum);
            }
        }
        let outer = header(WRAP_ID, flags, [ec_high, ec_low, rrc_high, rrc_low], number);
        places.outer.copy_from_slice(&outer);
        self.next = self.next.wrapping_add(1);
        Ok(())
    }

    /// How many octets a MIC token has.
    pub fn mic_len(&self) -> usize {
        #[cfg(feature = "legacy")]
        if self.is_old() {
            return super::rfc1964::MIC_LEN;
        }
        HEADER + self.room(Protection::Integrity).behind
    }

    /// The MIC token of a message of several parts, into `token`, which has
    /// [`mic_len`](Self::mic_len) octets (GSS-36). Nothing is allocated.
    pub fn get_mic_of(&mut self, parts: &[&[u8]], token: &mut [u8]) -> Result<(), Error> {
        if token.len() != self.mic_len() {
            return Err(Error::Misuse("the MIC token is of another length"));
        }
        #[cfg(feature = "legacy")]
        if self.is_old() {
            token.copy_from_slice(&self.old_mic(parts)?);
            return Ok(());
        }
        let header = header(MIC_ID, self.flags, [FILLER; 4], self.next);
        let mac = self.direction.mic()?;
        let checksum = mac.checksum_of(parts.iter().copied().chain([&header[..]]));
        let (outer, place) = token.split_at_mut(HEADER);
        outer.copy_from_slice(&header);
        place.copy_from_slice(&checksum);
        self.next = self.next.wrapping_add(1);
        Ok(())
    }
}

fn octets<'p>(pieces: &'p [Piece<'_>]) -> impl Iterator<Item = &'p [u8]> {
    pieces.iter().map(Piece::octets)
}

fn misplaced() -> Error {
    Malformed::new(
        WRAP,
        HEADER,
        "its octets are not in the places of their own",
    )
    .into()
}

impl Receiver {
    fn lengths(&mut self, header: &Header) -> Result<Lengths, Error> {
        let protection = header.protection();
        let room = self.direction(header.flags())?.room(protection);
        Ok(match protection {
            Protection::Confidentiality => Lengths {
                confounder: CONFOUNDER,
                back: header.ec() + HEADER,
                mac: room.behind.saturating_sub(HEADER),
            },
            Protection::Integrity => Lengths {
                confounder: 0,
                back: 0,
                mac: room.behind,
            },
        })
    }

    /// The message of a Wrap token whose octets lie in several places, where it lies, as
    /// [`Sender::wrap_detached`] makes it.
    ///
    /// Header and trailer have exactly their own octets, and the token is not rotated: another one
    /// is put together and given to [`unwrap_stream`](Self::unwrap_stream). If it is refused, no
    /// place holds plaintext that was not there before. Nothing is allocated.
    pub fn unwrap_detached(
        &mut self,
        header: &mut [u8],
        pieces: &mut [Piece<'_>],
        trailer: &mut [u8],
    ) -> Result<Unwrapped<()>, Error> {
        let (outer, _) = Header::take(WRAP, WRAP_ID, header)?;
        if self.rotated_by(&outer) != 0 {
            return Err(misplaced());
        }
        let places = self.lengths(&outer)?.split(header, trailer);
        self.unwrap_places(&outer, places.ok_or_else(misplaced)?, pieces)
    }

    /// The message behind a token that holds all of the Wrap token's own octets, where it lies, as
    /// [`Sender::wrap_token`] makes it.
    ///
    /// `token` has exactly these octets. If it is refused, no place holds plaintext that was not
    /// there before. Nothing is allocated.
    pub fn unwrap_token(
        &mut self,
        token: &mut [u8],
        pieces: &mut [Piece<'_>],
    ) -> Result<Unwrapped<()>, Error> {
        let (outer, _) = Header::take(WRAP, WRAP_ID, token)?;
        let lengths = self.lengths(&outer)?;
        if self.rotated_by(&outer) != lengths.trailer() {
            return Err(misplaced());
        }
        let places = lengths.split_token(token);
        self.unwrap_places(&outer, places.ok_or_else(misplaced)?, pieces)
    }

    /// The message of a Wrap token that lies in one place, rotated or not, with what is signed only
    /// before and behind the message (a STREAM of GSS_Unwrap_iov, GSS_Unwrap_aead).
    ///
    /// Without the latter it is [`unwrap_in_place`](Self::unwrap_in_place). Nothing is allocated.
    pub fn unwrap_stream<'t>(
        &mut self,
        before: &'t [u8],
        token: &'t mut [u8],
        behind: &'t [u8],
    ) -> Result<Unwrapped<&'t mut [u8]>, Error> {
        let (outer, _) = Header::take(WRAP, WRAP_ID, token)?;
        let lengths = self.lengths(&outer)?;
        if token.len() < lengths.header() + lengths.trailer() {
            return Err(misplaced());
        }
        let (outer, payload) = self.received_in_place(token)?;
        let (confounder, rest) = payload.split_at_mut(lengths.confounder);
        let (message, rest) = rest.split_at_mut(rest.len() - lengths.trailer());
        let (back, mac) = rest.split_at_mut(lengths.back);
        let mut pieces = [
            Piece::SignOnly(before),
            Piece::Data(message),
            Piece::SignOnly(behind),
        ];
        let places = Places {
            outer: &mut [],
            confounder,
            back,
            mac,
        };
        let unwrapped = self.unwrap_places(&outer, places, &mut pieces)?;
        let [_, message, _] = pieces;
        Ok(unwrapped.with(match message {
            Piece::Data(message) => message,
            Piece::SignOnly(_) => &mut [],
        }))
    }

    fn unwrap_places(
        &mut self,
        header: &Header,
        places: Places<'_>,
        pieces: &mut [Piece<'_>],
    ) -> Result<Unwrapped<()>, Error> {
        let direction = self.direction(header.flags())?;
        match header.protection() {
            Protection::Confidentiality => {
                let cipher = direction.cipher()?;
                cipher
                    .open_pieces_in_place(places.confounder, pieces, places.back, places.mac)
                    .map_err(|_| undecipherable())?;
                compare_headers(header, places.back).inspect_err(|_| wipe(pieces))?;
            }
            Protection::Integrity => {
                let mac = direction.wrap_mac()?;
                if header.ec() != mac.len() {
                    return Err(Malformed::new(WRAP, 4, "EC is not the checksum's length").into());
                }
                let signed = header.with_ec([0, 0]);
                let checksum = mac.checksum_of(octets(pieces).chain([&signed[..]]));
                if !bool::from(checksum.ct_eq(places.mac)) {
                    return Err(bad_signature("the checksum does not fit the message"));
                }
            }
        }
        Ok(self.received(header, ()))
    }

    /// Verifies the MIC token of a message of several parts (GSS-36). Nothing is allocated.
    pub fn verify_mic_of(
        &mut self,
        parts: &[&[u8]],
        token: &[u8],
    ) -> Result<SequenceStatus, Error> {
        #[cfg(feature = "legacy")]
        if self.is_old() {
            return self.old_verify_mic(parts, token);
        }
        let (header, checksum) = Header::take_mic(token)?;
        let signed = header.octets();
        let mac = self.direction(header.flags())?.mic()?;
        let ours = mac.checksum_of(parts.iter().copied().chain([&signed[..]]));
        match bool::from(ours.ct_eq(checksum)) {
            true => Ok(self.window.receive(header.number())),
            false => Err(bad_signature("the checksum does not fit the message")),
        }
    }
}

fn wipe(pieces: &mut [Piece<'_>]) {
    for piece in pieces {
        if let Piece::Data(octets) = piece {
            octets.zeroize();
        }
    }
}
