//! The octets of a credential cache, versions 3 and 4 (FILE-09 to FILE-14).

use super::config::REMOVED_REALM;
use super::credential::StoredKey;
use super::{CachedCredential, CredentialCache, Record};
use crate::crypto::Enctype;
use crate::cursor::{Cursor, Short};
use crate::error::{Error, FileError};
use crate::principal::Principal;
use crate::secret::Secret;
use crate::time::KerberosTime;
use crate::wire::{AdType, AddrType, NameType, TicketFlags};

/// A version of the format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    /// Without a header, the enctype written twice: read, and appended to.
    V3,
    /// The one that is written.
    V4,
}

/// What ended the reading of a cache before its end.
struct Broken {
    at: usize,
    what: String,
}

impl Broken {
    fn new(at: usize, what: impl Into<String>) -> Self {
        Self {
            at,
            what: what.into(),
        }
    }

    fn in_file(self, name: &str) -> Error {
        Error::from(FileError {
            path: name.to_owned(),
            at: Some(self.at),
            what: self.what,
        })
    }
}

impl From<Short> for Broken {
    fn from(short: Short) -> Self {
        Self::new(short.at, short.to_string())
    }
}

/// The lengths of the format are 16 or 32 bits wide.
const TOO_LONG: Error = Error::Misuse("too long for a credential cache");

impl CredentialCache {
    /// Reads a cache. `name` is what errors call it.
    ///
    /// Every length is checked; the error of a broken file names the offset (FILE-07). Records of
    /// removed tickets and settings are skipped (FILE-13).
    pub fn parse(octets: &[u8], name: &str) -> Result<Self, Error> {
        match Self::parse_lossy(octets, name)? {
            (cache, None) => Ok(cache),
            (_, Some(error)) => Err(error),
        }
    }

    /// Reads a cache up to where it is broken, for listing. It fails if the default principal
    /// cannot be read.
    ///
    /// Do not write such a cache over the file: what follows the broken place is not in it.
    pub fn parse_lossy(octets: &[u8], name: &str) -> Result<(Self, Option<Error>), Error> {
        let mut cursor = Cursor::new(octets);
        let mut cache = read_beginning(&mut cursor).map_err(|broken| broken.in_file(name))?;
        while cursor.left() > 0 {
            match Raw::read(&mut cursor, cache.version) {
                Ok(raw) if raw.is_removed() => {}
                Ok(raw) => cache.records.push(raw.record()?),
                Err(short) => {
                    let error = Broken::from(short).in_file(name);
                    return Ok((cache, Some(error)));
                }
            }
        }
        Ok((cache, None))
    }

    /// The cache as a file holds it, version 4 (FILE-09).
    ///
    /// Fails only if something is longer than the format's lengths can say.
    pub fn to_bytes(&self) -> Result<Secret, Error> {
        let records: Vec<Secret> = self
            .records
            .iter()
            .map(|record| match record {
                Record::Credential(credential) => credential.to_bytes(Version::V4),
                Record::Unreadable(octets) => Ok(octets.clone()),
            })
            .collect::<Result<_, _>>()?;
        let mut header = Vec::new();
        for (tag, value) in &self.header {
            let length = u16::try_from(value.len()).map_err(|_| TOO_LONG)?;
            header.extend(tag.to_be_bytes());
            header.extend(length.to_be_bytes());
            header.extend(value);
        }
        let header_length = u16::try_from(header.len()).map_err(|_| TOO_LONG)?;
        let name = Name::of(&self.default_principal);
        // Exactly as much as is needed, so that no copy with keys is left behind by growing.
        let length = 4 + header.len() + name.length();
        let mut out = Vec::with_capacity(length + records.iter().map(Secret::len).sum::<usize>());
        out.extend([5, 4]);
        out.extend(header_length.to_be_bytes());
        out.extend(header);
        name.write(&mut out)?;
        for record in &records {
            out.extend(record.expose());
        }
        Ok(Secret::new(out))
    }
}

impl CachedCredential {
    /// The record of this credential in a file of `version`, to be appended to it.
    ///
    /// Fails only if something is longer than the format's lengths can say, or if an address or
    /// an element of authorization data has a type of more than 16 bits.
    pub fn to_bytes(&self, version: Version) -> Result<Secret, Error> {
        // Later than 2106 cannot be said; 0 is "not given" (FILE-12).
        let time = |time: KerberosTime| u32::try_from(time.as_secs()).unwrap_or(u32::MAX);
        Raw {
            client: Name::of(&self.client),
            server: Name::of(&self.server),
            enctype: narrow(self.enctype().0)?,
            key: self.expose_key_octets(),
            authtime: time(self.authtime),
            starttime: self.starttime.map_or(0, time),
            endtime: time(self.endtime),
            renew_till: self.renew_till.map_or(0, time),
            is_skey: self.is_skey,
            flags: self.flags.0,
            addresses: self
                .addresses
                .iter()
                .map(|(number, octets)| Ok((narrow(number.0)?, octets.as_slice())))
                .collect::<Result<_, Error>>()?,
            authorization_data: self
                .authorization_data
                .iter()
                .map(|(number, octets)| Ok((narrow(number.0)?, octets.as_slice())))
                .collect::<Result<_, Error>>()?,
            ticket: &self.ticket,
            second_ticket: &self.second_ticket,
        }
        .write(version)
    }
}

/// The format has 16 bits for a type; numbers for private use are negative.
fn narrow(number: i32) -> Result<u16, Error> {
    i16::try_from(number)
        .map(i16::cast_unsigned)
        .map_err(|_| Error::Unsupported(format!("type {number} in a credential cache")))
}

fn widen(number: u16) -> i32 {
    i32::from(number.cast_signed())
}

fn read_beginning(cursor: &mut Cursor<'_>) -> Result<CredentialCache, Broken> {
    let version = match cursor.take(2, "cache's version")? {
        [5, 4] => Version::V4,
        [5, 3] => Version::V3,
        [5, 2] => {
            return Err(Broken::new(
                0,
                "a keytab, or a credential cache of version 2, which is not read",
            ));
        }
        [5, 1] => {
            return Err(Broken::new(
                0,
                "a credential cache of version 1, which is not read",
            ));
        }
        _ => {
            return Err(Broken::new(
                0,
                "not a credential cache: it does not begin with 05 04",
            ));
        }
    };
    let mut header = Vec::new();
    if version == Version::V4 {
        let length = cursor.u16("length of the header")?;
        let mut fields = cursor.part(usize::from(length), "header")?;
        while fields.left() > 0 {
            let tag = fields.u16("tag of a header field")?;
            let value = fields.counted16("header field")?;
            header.push((tag, value.to_vec()));
        }
    }
    let at = cursor.at();
    let default_principal = Name::read(cursor)?
        .principal()
        .map_err(|why| Broken::new(at, format!("the default principal: {why}")))?;
    Ok(CredentialCache {
        version,
        header,
        default_principal,
        records: Vec::new(),
    })
}

/// A principal's octets, whatever they are.
struct Name<'a> {
    name_type: u32,
    realm: &'a [u8],
    components: Vec<&'a [u8]>,
}

impl<'a> Name<'a> {
    fn of(principal: &'a Principal) -> Self {
        Self {
            name_type: principal.name_type().0.cast_unsigned(),
            realm: principal.realm().as_bytes(),
            components: principal.components().map(str::as_bytes).collect(),
        }
    }

    fn read(cursor: &mut Cursor<'a>) -> Result<Self, Short> {
        let name_type = cursor.u32("name-type")?;
        let count = cursor.u32("number of components")?;
        let realm = cursor.counted32("realm")?;
        // Room for no more components than can be there, whatever the count says.
        let mut components = Vec::with_capacity(at_most(count, cursor.left() / 4));
        for _ in 0..count {
            components.push(cursor.counted32("component")?);
        }
        Ok(Self {
            name_type,
            realm,
            components,
        })
    }

    fn principal(&self) -> Result<Principal, String> {
        let text = |octets| std::str::from_utf8(octets).ok();
        if self.components.iter().any(|octets| text(octets).is_none()) {
            return Err("the principal name is not UTF-8".to_owned());
        }
        let realm = text(self.realm).ok_or("the realm is not UTF-8")?;
        let components = self.components.iter().filter_map(|octets| text(octets));
        let name_type = NameType(self.name_type.cast_signed());
        Principal::new(realm, name_type, components).map_err(|why| why.to_string())
    }

    fn length(&self) -> usize {
        12 + self.realm.len() + self.components.iter().map(|c| 4 + c.len()).sum::<usize>()
    }

    fn write(&self, out: &mut Vec<u8>) -> Result<(), Error> {
        out.extend(self.name_type.to_be_bytes());
        out.extend(length32(self.components.len())?);
        write_counted(out, self.realm)?;
        for component in &self.components {
            write_counted(out, component)?;
        }
        Ok(())
    }
}

fn at_most(count: u32, limit: usize) -> usize {
    usize::try_from(count).map_or(limit, |count| count.min(limit))
}

fn length32(length: usize) -> Result<[u8; 4], Error> {
    u32::try_from(length)
        .map(u32::to_be_bytes)
        .map_err(|_| TOO_LONG)
}

fn write_counted(out: &mut Vec<u8>, octets: &[u8]) -> Result<(), Error> {
    out.extend(length32(octets.len())?);
    out.extend(octets);
    Ok(())
}

/// Octets with a type: addresses, authorization data.
type Elements<'a> = Vec<(u16, &'a [u8])>;

fn read_elements<'a>(cursor: &mut Cursor<'a>, what: &'static str) -> Result<Elements<'a>, Short> {
    let count = cursor.u32(what)?;
    let mut elements = Vec::with_capacity(at_most(count, cursor.left() / 6));
    for _ in 0..count {
        elements.push((cursor.u16(what)?, cursor.counted32(what)?));
    }
    Ok(elements)
}

fn write_elements(out: &mut Vec<u8>, elements: &Elements<'_>) -> Result<(), Error> {
    out.extend(length32(elements.len())?);
    for (number, octets) in elements {
        out.extend(number.to_be_bytes());
        write_counted(out, octets)?;
    }
    Ok(())
}

/// A credential as its octets say it, nothing judged.
struct Raw<'a> {
    client: Name<'a>,
    server: Name<'a>,
    enctype: u16,
    key: &'a [u8],
    authtime: u32,
    starttime: u32,
    endtime: u32,
    renew_till: u32,
    is_skey: bool,
    flags: u32,
    addresses: Elements<'a>,
    authorization_data: Elements<'a>,
    ticket: &'a [u8],
    second_ticket: &'a [u8],
}

impl<'a> Raw<'a> {
    fn read(cursor: &mut Cursor<'a>, version: Version) -> Result<Self, Short> {
        // The fields of a struct expression are evaluated in the order in which they are written.
        Ok(Self {
            client: Name::read(cursor)?,
            server: Name::read(cursor)?,
            enctype: {
                if version == Version::V3 {
                    cursor.u16("enctype")?;
                }
                cursor.u16("enctype")?
            },
            key: cursor.counted32("key")?,
            authtime: cursor.u32("authtime")?,
            starttime: cursor.u32("starttime")?,
            endtime: cursor.u32("endtime")?,
            renew_till: cursor.u32("renew-till")?,
            is_skey: cursor.u8("is-skey flag")? != 0,
            flags: cursor.u32("ticket flags")?,
            addresses: read_elements(cursor, "addresses")?,
            authorization_data: read_elements(cursor, "authorization data")?,
            ticket: cursor.counted32("ticket")?,
            second_ticket: cursor.counted32("second ticket")?,
        })
    }

    fn write(&self, version: Version) -> Result<Secret, Error> {
        let elements = |elements: &Elements<'_>| {
            4 + elements
                .iter()
                .map(|(_, octets)| 6 + octets.len())
                .sum::<usize>()
        };
        let length = self.client.length()
            + self.server.length()
            + if version == Version::V3 { 4 } else { 2 }
            + (4 + self.key.len())
            + (4 * 4 + 1 + 4)
            + elements(&self.addresses)
            + elements(&self.authorization_data)
            + (4 + self.ticket.len())
            + (4 + self.second_ticket.len());
        let mut out = Vec::with_capacity(length);
        self.client.write(&mut out)?;
        self.server.write(&mut out)?;
        if version == Version::V3 {
            out.extend(self.enctype.to_be_bytes());
        }
        out.extend(self.enctype.to_be_bytes());
        write_counted(&mut out, self.key)?;
        for time in [self.authtime, self.starttime, self.endtime, self.renew_till] {
            out.extend(time.to_be_bytes());
        }
        out.push(u8::from(self.is_skey));
        out.extend(self.flags.to_be_bytes());
        write_elements(&mut out, &self.addresses)?;
        write_elements(&mut out, &self.authorization_data)?;
        write_counted(&mut out, self.ticket)?;
        write_counted(&mut out, self.second_ticket)?;
        Ok(Secret::new(out))
    }

    /// Whether the ticket or setting was removed in place (FILE-13).
    fn is_removed(&self) -> bool {
        (self.endtime == 0 && self.authtime == u32::MAX)
            || self.server.realm == REMOVED_REALM.as_bytes()
    }

    fn record(&self) -> Result<Record, Error> {
        let (Ok(client), Ok(server)) = (self.client.principal(), self.server.principal()) else {
            return Ok(Record::Unreadable(self.write(Version::V4)?));
        };
        let time = |seconds| KerberosTime::from_secs(i64::from(seconds));
        let optional = |seconds| (seconds != 0).then(|| time(seconds));
        let addresses = self.addresses.iter();
        let authorization_data = self.authorization_data.iter();
        Ok(Record::Credential(Box::new(CachedCredential {
            client,
            server,
            key: StoredKey::new(Enctype(widen(self.enctype)), self.key),
            authtime: time(self.authtime),
            starttime: optional(self.starttime),
            endtime: time(self.endtime),
            renew_till: optional(self.renew_till),
            is_skey: self.is_skey,
            flags: TicketFlags(self.flags),
            addresses: addresses
                .map(|(number, octets)| (AddrType(widen(*number)), octets.to_vec()))
                .collect(),
            authorization_data: authorization_data
                .map(|(number, octets)| (AdType(widen(*number)), octets.to_vec()))
                .collect(),
            ticket: self.ticket.to_vec(),
            second_ticket: self.second_ticket.to_vec(),
        })))
    }
}
