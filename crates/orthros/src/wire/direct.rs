//! The messages of every accept, without detours.
//!
//! The library's reader knows all of DER, and measured two fifths of an accept. This one knows
//! what these messages are made of, and no more: a SEQUENCE of fields with explicit tags of one
//! octet, of at most 64 KiB. What it does not take, it leaves to the library, whose judgement and
//! whose error it then is; what it takes, the library takes with the same value, and what it
//! writes, the library writes. The tests and the fuzz target hold one beside the other.

use zeroize::Zeroize;

use super::ap::{ApRep, ApReq, Authenticator, EncApRepPart};
use super::authdata::AuthorizationDataElement;
use super::names::{HostAddress, KerberosString, PrincipalName};
use super::numbers::{AdType, AddrType, ApOptions, NameType, TicketFlags, TrType};
use super::primitive::{
    MAX_ELEMENTS, Message, Microseconds, OctetString, Raw, UInt32, flags_of, format_time,
    parse_time,
};
use super::sealed::{Checksum, EncryptedData, EncryptionKey};
use super::ticket::{EncTicketPart, Ticket, TransitedEncoding};
use crate::time::KerberosTime;

const INTEGER: u8 = 0x02;
const BIT_STRING: u8 = 0x03;
const OCTET_STRING: u8 = 0x04;
const GENERALIZED_TIME: u8 = 0x18;
const GENERAL_STRING: u8 = 0x1b;
const SEQUENCE: u8 = 0x30;
const APPLICATION: u8 = 0x60;
const CONTEXT: u8 = 0xa0;

/// What has one tag: its contents, read and written.
pub(super) trait Direct<'a>: Sized {
    const TAG: u8;

    fn read(contents: &'a [u8]) -> Option<Self>;

    fn write(&self, out: &mut Out);
}

/// The message in an APPLICATION tag, if there is nothing else.
pub(super) fn read_message<'a, T: Direct<'a>>(octets: &'a [u8], number: u8) -> Option<T> {
    only(only(octets, APPLICATION | number)?, T::TAG).and_then(T::read)
}

/// The message in its APPLICATION tag.
pub(super) fn write_message<'a, T: Direct<'a>>(message: &T, number: u8) -> Vec<u8> {
    let mut out = Out(Vec::with_capacity(256));
    out.element(APPLICATION | number, |out| out.value(message));
    out.0
}

/// A SEQUENCE OF, if there is nothing else.
pub(super) fn read_list<'a, T: Direct<'a>>(octets: &'a [u8]) -> Option<Vec<T>> {
    Vec::read(only(octets, SEQUENCE)?)
}

/// The contents of the only element.
#[inline]
fn only(octets: &[u8], tag: u8) -> Option<&[u8]> {
    let mut rest = In(octets);
    let contents = rest.element(tag)?;
    rest.end()?;
    Some(contents)
}

/// Octets that are still to be read.
struct In<'a>(&'a [u8]);

impl<'a> In<'a> {
    /// The contents of the next element, which has this tag and a minimal length.
    #[inline]
    fn element(&mut self, tag: u8) -> Option<&'a [u8]> {
        let (&[found, first], rest) = self.0.split_first_chunk()?;
        if found != tag {
            return None;
        }
        let (length, rest) = match first {
            0..=0x7f => (usize::from(first), rest),
            0x81 => {
                let (&[low], rest) = rest.split_first_chunk()?;
                (usize::from(low), rest)
            }
            0x82 => {
                let (octets, rest) = rest.split_first_chunk()?;
                (usize::from(u16::from_be_bytes(*octets)), rest)
            }
            _ => return None,
        };
        let shortest = match first {
            0x81 => 0x80,
            0x82 => 0x100,
            _ => 0,
        };
        if length < shortest {
            return None;
        }
        let (contents, rest) = rest.split_at_checked(length)?;
        self.0 = rest;
        Some(contents)
    }

    /// The field with this number.
    #[inline]
    fn required<T: Direct<'a>>(&mut self, number: u8) -> Option<T> {
        only(self.element(CONTEXT | number)?, T::TAG).and_then(T::read)
    }

    /// The field with this number, if it is the next.
    #[inline]
    fn optional<T: Direct<'a>>(&mut self, number: u8) -> Option<Option<T>> {
        match self.0.first() {
            Some(&tag) if tag == CONTEXT | number => self.required(number).map(Some),
            _ => Some(None),
        }
    }

    /// The field with this number: a ticket, as it arrived.
    #[inline]
    fn ticket(&mut self, number: u8) -> Option<Raw<'a>> {
        let whole = self.element(CONTEXT | number)?;
        let contents = only(whole, APPLICATION | Ticket::APPLICATION)?;
        Some(Raw::ticket(whole, contents.len()))
    }

    fn end(&self) -> Option<()> {
        self.0.is_empty().then_some(())
    }
}

/// Octets that were written. Keys are among them: where they lay before is wiped.
pub(super) struct Out(Vec<u8>);

impl Out {
    #[inline]
    fn put(&mut self, octets: &[u8]) {
        if self.0.capacity() - self.0.len() < octets.len() {
            self.grow(octets.len());
        }
        self.0.extend_from_slice(octets);
    }

    #[cold]
    fn grow(&mut self, by: usize) {
        let mut larger = Vec::with_capacity(2 * (self.0.len() + by));
        larger.extend_from_slice(&self.0);
        self.0.zeroize();
        self.0 = larger;
    }

    /// An element whose contents are what `write` writes.
    #[inline]
    fn element(&mut self, tag: u8, write: impl FnOnce(&mut Self)) {
        self.put(&[tag, 0]);
        let start = self.0.len();
        write(self);
        let length = self.0.len() - start;
        if length >= 0x80 {
            self.lengthen(start, length);
        } else if let Some(octet) = self.0.get_mut(start - 1) {
            *octet = length as u8;
        }
    }

    /// Makes room for a length of several octets.
    fn lengthen(&mut self, start: usize, length: usize) {
        let digits = length.to_be_bytes();
        let zeros = digits.iter().take_while(|digit| **digit == 0).count();
        let count = digits.len() - zeros;
        self.put(digits.get(zeros..).unwrap_or_default());
        self.0.copy_within(start..start + length, start + count);
        if let Some(octet) = self.0.get_mut(start - 1) {
            *octet = 0x80 | count as u8;
        }
        for (to, from) in self.0.iter_mut().skip(start).zip(digits.iter().skip(zeros)) {
            *to = *from;
        }
    }

    #[inline]
    fn value<'a, T: Direct<'a>>(&mut self, value: &T) {
        self.element(T::TAG, |out| value.write(out));
    }

    #[inline]
    fn required<'a, T: Direct<'a>>(&mut self, number: u8, value: &T) {
        self.element(CONTEXT | number, |out| out.value(value));
    }

    #[inline]
    fn optional<'a, T: Direct<'a>>(&mut self, number: u8, value: &Option<T>) {
        if let Some(value) = value {
            self.required(number, value);
        }
    }

    #[inline]
    fn ticket(&mut self, number: u8, ticket: &Raw<'_>) {
        self.element(CONTEXT | number, |out| out.put(ticket.as_bytes()));
    }

    fn integer(&mut self, number: i64) {
        let digits = number.to_be_bytes();
        let sign = if number < 0 { 0xff } else { 0 };
        let minimal = digits
            .windows(2)
            .position(|two| !matches!(two, [a, b] if *a == sign && (a ^ b) < 0x80));
        self.put(digits.get(minimal.unwrap_or(7)..).unwrap_or_default());
    }
}

/// A minimal INTEGER of at most five octets: what an Int32 or UInt32 can need.
#[inline]
fn integer(contents: &[u8]) -> Option<i64> {
    let mut number = match contents {
        // Nine equal bits at the front are one octet too many.
        [0x00, second, ..] if *second < 0x80 => return None,
        [0xff, second, ..] if *second >= 0x80 => return None,
        [first, ..] if contents.len() <= 5 => i64::from(*first as i8) >> 7,
        _ => return None,
    };
    for octet in contents {
        number = number << 8 | i64::from(*octet);
    }
    Some(number)
}

impl Direct<'_> for i32 {
    const TAG: u8 = INTEGER;

    #[inline]
    fn read(contents: &[u8]) -> Option<Self> {
        integer(contents)?.try_into().ok()
    }

    fn write(&self, out: &mut Out) {
        out.integer((*self).into());
    }
}

/// A newtype around an Int32.
macro_rules! numbers {
    ($($name:ident),*) => {$(
        impl Direct<'_> for $name {
            const TAG: u8 = INTEGER;

            #[inline]
            fn read(contents: &[u8]) -> Option<Self> {
                i32::read(contents).map(Self)
            }

            fn write(&self, out: &mut Out) {
                self.0.write(out);
            }
        }
    )*};
}
numbers!(AdType, AddrType, NameType, TrType);

impl Direct<'_> for UInt32 {
    const TAG: u8 = INTEGER;

    /// AP-59.
    #[inline]
    fn read(contents: &[u8]) -> Option<Self> {
        let wide = integer(contents)?;
        let negative = || i32::try_from(wide).map(|number| number as u32);
        u32::try_from(wide).or_else(|_| negative()).ok().map(Self)
    }

    fn write(&self, out: &mut Out) {
        out.integer(self.0.into());
    }
}

impl Direct<'_> for Microseconds {
    const TAG: u8 = INTEGER;

    #[inline]
    fn read(contents: &[u8]) -> Option<Self> {
        Self::new(integer(contents)?.try_into().ok()?)
    }

    fn write(&self, out: &mut Out) {
        out.integer(self.get().into());
    }
}

/// KerberosFlags.
macro_rules! flag_words {
    ($($name:ident),*) => {$(
        impl Direct<'_> for $name {
            const TAG: u8 = BIT_STRING;

            #[inline]
            fn read(contents: &[u8]) -> Option<Self> {
                flags_of(contents).map(Self)
            }

            fn write(&self, out: &mut Out) {
                out.put(&[0]);
                out.put(&self.0.to_be_bytes());
            }
        }
    )*};
}
flag_words!(ApOptions, TicketFlags);

impl Direct<'_> for KerberosTime {
    const TAG: u8 = GENERALIZED_TIME;

    #[inline]
    fn read(contents: &[u8]) -> Option<Self> {
        parse_time(contents)
    }

    fn write(&self, out: &mut Out) {
        out.put(&format_time(*self));
    }
}

impl<'a> Direct<'a> for OctetString<'a> {
    const TAG: u8 = OCTET_STRING;

    #[inline]
    fn read(contents: &'a [u8]) -> Option<Self> {
        Some(Self(contents))
    }

    fn write(&self, out: &mut Out) {
        out.put(self.0);
    }
}

impl<'a> Direct<'a> for KerberosString<'a> {
    const TAG: u8 = GENERAL_STRING;

    #[inline]
    fn read(contents: &'a [u8]) -> Option<Self> {
        let text = std::str::from_utf8(contents).ok()?;
        (!contents.contains(&0)).then_some(Self(text))
    }

    fn write(&self, out: &mut Out) {
        out.put(self.0.as_bytes());
    }
}

impl<'a, T: Direct<'a>> Direct<'a> for Vec<T> {
    const TAG: u8 = SEQUENCE;

    fn read(contents: &'a [u8]) -> Option<Self> {
        let mut rest = In(contents);
        let mut list = Vec::new();
        while rest.end().is_none() {
            if list.len() == MAX_ELEMENTS {
                return None;
            }
            list.push(T::read(rest.element(T::TAG)?)?);
        }
        Some(list)
    }

    fn write(&self, out: &mut Out) {
        for element in self {
            out.value(element);
        }
    }
}

/// A SEQUENCE of fields with explicit tags.
macro_rules! sequence {
    ($name:ident { $($field:ident [$number:literal] $presence:ident),* $(,)? }) => {
        impl<'a> Direct<'a> for $name<'a> {
            const TAG: u8 = SEQUENCE;

            #[inline]
            fn read(contents: &'a [u8]) -> Option<Self> {
                let mut fields = In(contents);
                let value = Self { $($field: fields.$presence($number)?),* };
                fields.end()?;
                Some(value)
            }

            #[inline]
            fn write(&self, out: &mut Out) {
                $(out.$presence($number, &self.$field);)*
            }
        }
    };
}

sequence!(PrincipalName { name_type [0] required, name_string [1] required });
sequence!(HostAddress { addr_type [0] required, address [1] required });
sequence!(EncryptedData { etype [0] required, kvno [1] optional, cipher [2] required });
sequence!(EncryptionKey { keytype [0] required, keyvalue [1] required });
sequence!(Checksum { cksumtype [0] required, checksum [1] required });
sequence!(AuthorizationDataElement { ad_type [0] required, ad_data [1] required });
sequence!(TransitedEncoding { tr_type [0] required, contents [1] required });
sequence!(Ticket {
    tkt_vno [0] required,
    realm [1] required,
    sname [2] required,
    enc_part [3] required,
});
sequence!(EncTicketPart {
    flags [0] required,
    key [1] required,
    crealm [2] required,
    cname [3] required,
    transited [4] required,
    authtime [5] required,
    starttime [6] optional,
    endtime [7] required,
    renew_till [8] optional,
    caddr [9] optional,
    authorization_data [10] optional,
});
sequence!(ApReq {
    pvno [0] required,
    msg_type [1] required,
    ap_options [2] required,
    ticket [3] ticket,
    authenticator [4] required,
});
sequence!(Authenticator {
    authenticator_vno [0] required,
    crealm [1] required,
    cname [2] required,
    cksum [3] optional,
    cusec [4] required,
    ctime [5] required,
    subkey [6] optional,
    seq_number [7] optional,
    authorization_data [8] optional,
});
sequence!(ApRep { pvno [0] required, msg_type [1] required, enc_part [2] required });
sequence!(EncApRepPart {
    ctime [0] required,
    cusec [1] required,
    subkey [2] optional,
    seq_number [3] optional,
});
