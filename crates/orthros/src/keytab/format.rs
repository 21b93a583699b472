//! The octets of a keytab, version 2 (FILE-01 to FILE-04, FILE-07).

use super::{Keytab, KeytabEntry, Record, Stored, StoredKey};
use crate::crypto::{Enctype, Key};
use crate::cursor::{Cursor, Short};
use crate::error::{Error, FileError};
use crate::principal::Principal;
use crate::secret::Secret;
use crate::wire::NameType;

const MAGIC: [u8; 2] = [5, 2];

/// What ended the reading of a keytab before its end.
struct Broken {
    at: usize,
    what: String,
}

impl From<Short> for Broken {
    fn from(short: Short) -> Self {
        Self {
            at: short.at,
            what: short.to_string(),
        }
    }
}

impl Keytab {
    /// Reads a keytab. `name` is what errors call it.
    ///
    /// Every length is checked; the error of a broken file names the offset (FILE-07).
    pub fn parse(octets: &[u8], name: &str) -> Result<Self, Error> {
        match Self::parse_lossy(octets, name) {
            (keytab, None) => Ok(keytab),
            (_, Some(error)) => Err(error),
        }
    }

    /// Reads a keytab up to where it is broken, for listing (FILE-07).
    ///
    /// Do not write such a keytab over the file: what follows the broken place is not in it.
    pub fn parse_lossy(octets: &[u8], name: &str) -> (Self, Option<Error>) {
        let mut keytab = Self::new();
        let broken = keytab.read(octets).err().map(|broken| {
            Error::from(FileError {
                path: name.to_owned(),
                at: Some(broken.at),
                what: broken.what,
            })
        });
        (keytab, broken)
    }

    fn read(&mut self, octets: &[u8]) -> Result<(), Broken> {
        let mut cursor = Cursor::new(octets);
        match cursor.take(2, "keytab's version")? {
            [5, 2] => {}
            [5, 1] => {
                return Err(Broken {
                    at: 0,
                    what: "a keytab of version 1, which is not read".to_owned(),
                });
            }
            [5, 3 | 4] => {
                return Err(Broken {
                    at: 0,
                    what: "a credential cache, not a keytab".to_owned(),
                });
            }
            _ => {
                return Err(Broken {
                    at: 0,
                    what: "not a keytab: it does not begin with 05 02".to_owned(),
                });
            }
        }
        while cursor.left() > 0 {
            let size = cursor.u32("length of a record")?.cast_signed();
            let length = usize::try_from(size.unsigned_abs()).unwrap_or(usize::MAX);
            match size {
                0 => break,
                ..0 => {
                    cursor.take(length, "hole")?;
                    self.records.push(Record::Hole(length));
                }
                1.. => {
                    let record = cursor.part(length, "record")?;
                    let stored = read_entry(record, length)?;
                    self.records.push(Record::Entry(Box::new(stored)));
                }
            }
        }
        Ok(())
    }

    /// The keytab as a file holds it.
    pub fn to_bytes(&self) -> Secret {
        let length = self.records.iter().map(|record| {
            4 + match record {
                Record::Entry(stored) => stored.octets.len(),
                Record::Hole(size) => *size,
            }
        });
        // Exactly as much as is needed, so that no copy with keys is left behind by growing.
        let mut out = Vec::with_capacity(MAGIC.len() + length.sum::<usize>());
        out.extend(MAGIC);
        for record in &self.records {
            // A record is no longer than an i32 says: it was read so, or is an entry of ours.
            match record {
                Record::Entry(stored) => {
                    out.extend((stored.octets.len() as u32).to_be_bytes());
                    out.extend(stored.octets.expose());
                }
                Record::Hole(size) => {
                    out.extend((*size as u32).wrapping_neg().to_be_bytes());
                    out.resize(out.len() + size, 0);
                }
            }
        }
        Secret::new(out)
    }
}

fn read_entry(mut record: Cursor<'_>, length: usize) -> Result<Stored, Broken> {
    let mut whole = record;
    let octets = Secret::from(whole.take(length, "record")?);
    let count = record.u16("number of components")?;
    let realm = record.counted16("realm")?;
    // Room for no more components than can be there, whatever the count says.
    let mut components = Vec::with_capacity(usize::from(count).min(record.left() / 2));
    for _ in 0..count {
        components.push(record.counted16("component")?);
    }
    let name_type = NameType(record.u32("name-type")?.cast_signed());
    let timestamp = record.u32("timestamp")?;
    let mut kvno = u32::from(record.u8("kvno")?);
    let enctype = enctype_from(record.u16("enctype")?);
    let key = record.counted16("key")?;
    // Four octets of zeros are padding, not version 0 (FILE-03).
    if let Ok(wide @ 1..) = record.u32("kvno") {
        kvno = wide;
    }
    let key = match Key::new(enctype, key) {
        Ok(key) => StoredKey::Usable(key),
        Err(_) => StoredKey::Other {
            enctype,
            octets: Secret::from(key),
        },
    };
    let entry = principal(realm, name_type, &components).map(|principal| KeytabEntry {
        principal,
        timestamp,
        kvno,
        key,
    });
    Ok(Stored { entry, octets })
}

/// The file has 16 bits; numbers for private use are negative.
fn enctype_from(number: u16) -> Enctype {
    Enctype(i32::from(number.cast_signed()))
}

fn principal(realm: &[u8], name_type: NameType, components: &[&[u8]]) -> Result<Principal, String> {
    let text = |octets| std::str::from_utf8(octets).ok();
    if components.iter().any(|octets| text(octets).is_none()) {
        return Err("the principal name is not UTF-8".to_owned());
    }
    let realm = text(realm).ok_or("the realm is not UTF-8")?;
    let components = components.iter().filter_map(|octets| text(octets));
    Principal::new(realm, name_type, components).map_err(|why| why.to_string())
}

/// The octets of an entry, with both fields for the kvno (FILE-04).
pub(super) fn encode(entry: &KeytabEntry) -> Result<Secret, Error> {
    let key = entry.expose_key_octets();
    let names: usize = entry.principal.components().map(|c| 2 + c.len()).sum();
    let length = 2 + 2 + entry.principal.realm().len() + names + 4 + 4 + 1 + 2 + 2 + key.len() + 4;
    let mut out = Vec::with_capacity(length);
    let number = |length: usize| {
        u16::try_from(length)
            .map(u16::to_be_bytes)
            .map_err(|_| Error::Misuse("the name is too long for a keytab"))
    };
    out.extend(number(entry.principal.components().len())?);
    for text in [entry.principal.realm()]
        .into_iter()
        .chain(entry.principal.components())
    {
        out.extend(number(text.len())?);
        out.extend(text.as_bytes());
    }
    out.extend(entry.principal.name_type().0.to_be_bytes());
    out.extend(entry.timestamp.to_be_bytes());
    out.push((entry.kvno & 0xff) as u8);
    out.extend((entry.enctype().0 as u16).to_be_bytes());
    out.extend(number(key.len())?);
    out.extend(key);
    out.extend(entry.kvno.to_be_bytes());
    Ok(Secret::new(out))
}

/// `octets`, followed by zeros up to `length`.
pub(super) fn padded(octets: &Secret, length: usize) -> Secret {
    let mut out = Vec::with_capacity(length);
    out.extend(octets.expose());
    out.resize(length, 0);
    Secret::new(out)
}
