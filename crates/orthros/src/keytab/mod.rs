//! Keytabs: the long-term keys of services, and of clients that have nobody to type a password.
//!
//! ```text
//! keytab ::= 05 02, records                  every number big-endian
//! record ::= i32 length, entry               length < 0: a hole of that many octets
//!                                            length = 0: the end of the data
//! entry  ::= u16 number of components (without the realm)
//!            realm, components               each {u16 length, octets}
//!            u32 name-type, u32 timestamp, u8 kvno
//!            u16 enctype, key                {u16 length, octets}
//!            [u32 kvno]                      what remains of the record means nothing
//! ```
//!
//! A [`Keytab`] is the file in memory: entries that this build cannot use, holes and what stands
//! behind an entry are written back as they were read. Reading and changing the file itself is in
//! [`env`](crate::env).
#![cfg_attr(
    not(test),
    deny(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::indexing_slicing,
        clippy::panic
    )
)]

mod format;
mod lookup;
#[cfg(test)]
mod tests;

pub(crate) use lookup::newer;

use std::fmt;

use crate::crypto::{Enctype, Key};
use crate::error::Error;
use crate::principal::Principal;
use crate::secret::Secret;
use crate::time::KerberosTime;

/// A keytab in memory.
///
/// `Debug` shows no key (security case 118).
#[derive(Clone, Default)]
pub struct Keytab {
    records: Vec<Record>,
}

/// A record of the file.
#[derive(Clone)]
enum Record {
    /// An entry, boxed because a file can hold many tiny holes.
    Entry(Box<Stored>),
    /// Room for an entry: this many octets of no meaning.
    Hole(usize),
}

/// An entry and the octets of its record.
#[derive(Clone)]
struct Stored {
    /// The entry, or why no principal can be made of its name.
    entry: Result<KeytabEntry, String>,
    octets: Secret,
}

/// A key of a principal.
///
/// `Debug` does not show the key.
#[derive(Clone, PartialEq, Eq)]
pub struct KeytabEntry {
    principal: Principal,
    timestamp: u32,
    kvno: u32,
    key: StoredKey,
}

#[derive(Clone, PartialEq, Eq)]
enum StoredKey {
    Usable(Key),
    /// Of an enctype that this build does not have, or not as long as the keys of its enctype.
    Other {
        enctype: Enctype,
        octets: Secret,
    },
}

impl KeytabEntry {
    /// A key of `principal`, written at `timestamp` (seconds since 1970).
    pub fn new(principal: Principal, kvno: u32, key: Key, timestamp: u32) -> Self {
        Self {
            principal,
            timestamp,
            kvno,
            key: StoredKey::Usable(key),
        }
    }

    /// Whose key it is.
    pub fn principal(&self) -> &Principal {
        &self.principal
    }

    /// The key's version, as wide as the file has it.
    pub fn kvno(&self) -> u32 {
        self.kvno
    }

    /// When the entry was written, in seconds since 1970.
    pub fn timestamp(&self) -> u32 {
        self.timestamp
    }

    /// When the entry was written.
    pub fn time(&self) -> KerberosTime {
        KerberosTime::from_secs(i64::from(self.timestamp))
    }

    /// The key's enctype, whether or not this build has it.
    pub fn enctype(&self) -> Enctype {
        match &self.key {
            StoredKey::Usable(key) => key.enctype(),
            StoredKey::Other { enctype, .. } => *enctype,
        }
    }

    /// The key, unless this build does not have its enctype or its length is not that of the
    /// enctype (CRY-17).
    pub fn key(&self) -> Option<&Key> {
        match &self.key {
            StoredKey::Usable(key) => Some(key),
            StoredKey::Other { .. } => None,
        }
    }

    /// The octets of the key, usable or not. The name is long so that a reader of the calling
    /// code notices.
    pub fn expose_key_octets(&self) -> &[u8] {
        match &self.key {
            StoredKey::Usable(key) => key.expose(),
            StoredKey::Other { octets, .. } => octets.expose(),
        }
    }
}

impl fmt::Debug for KeytabEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} kvno {} {}, written {}",
            self.principal,
            self.kvno,
            self.enctype(),
            self.time()
        )?;
        match self.key {
            StoredKey::Usable(_) => Ok(()),
            StoredKey::Other { .. } => f.write_str(", not usable"),
        }
    }
}

impl Keytab {
    /// A keytab without entries.
    pub fn new() -> Self {
        Self::default()
    }

    /// Every record that is an entry, with its index from 1.
    fn stored(&self) -> impl Iterator<Item = (usize, &Stored)> {
        self.records
            .iter()
            .filter_map(|record| match record {
                Record::Entry(stored) => Some(&**stored),
                Record::Hole(_) => None,
            })
            .zip(1..)
            .map(|(stored, index)| (index, stored))
    }

    /// The entries in the order of the file, each with its index from 1 (the number that
    /// [`ConsideredKey::index`](crate::error::ConsideredKey::index) holds and that ktutil prints).
    ///
    /// An index is missing where [`unreadable`](Self::unreadable) has it.
    pub fn entries(&self) -> impl Iterator<Item = (usize, &KeytabEntry)> {
        self.stored()
            .filter_map(|(index, stored)| Some((index, stored.entry.as_ref().ok()?)))
    }

    /// The entries whose name no principal can have, with their index from 1 and the reason.
    /// They take part in nothing, and are kept.
    pub fn unreadable(&self) -> impl Iterator<Item = (usize, &str)> {
        self.stored()
            .filter_map(|(index, stored)| Some((index, stored.entry.as_ref().err()?.as_str())))
    }

    /// How many entries there are, unreadable ones counted.
    pub fn len(&self) -> usize {
        self.stored().count()
    }

    /// Whether there is no entry.
    pub fn is_empty(&self) -> bool {
        self.stored().next().is_none()
    }

    /// The principals, in the order of their first entries. The first is the default client of a
    /// client keytab (FILE-08).
    pub fn principals(&self) -> Vec<&Principal> {
        let mut seen = std::collections::HashSet::new();
        self.entries()
            .map(|(_, entry)| &entry.principal)
            .filter(|principal| seen.insert(*principal))
            .collect()
    }

    /// Puts `entry` into the first hole that is big enough, or else at the end (FILE-06), and
    /// gives its index.
    ///
    /// A name that does not fit into the format is refused.
    pub fn add(&mut self, entry: KeytabEntry) -> Result<usize, Error> {
        let octets = format::encode(&entry)?;
        let hole = self
            .records
            .iter()
            .position(|record| matches!(record, Record::Hole(size) if *size >= octets.len()));
        let entry = Ok(entry);
        let (Some(at), Some(record)) = (hole, hole.and_then(|at| self.records.get_mut(at))) else {
            self.records
                .push(Record::Entry(Box::new(Stored { entry, octets })));
            return Ok(self.len());
        };
        if let Record::Hole(size) = *record {
            // The record stays as long as the hole was: zeros follow the entry.
            let octets = format::padded(&octets, size);
            *record = Record::Entry(Box::new(Stored { entry, octets }));
        }
        Ok(self
            .records
            .iter()
            .take(at + 1)
            .filter(|record| matches!(record, Record::Entry(_)))
            .count())
    }

    /// Makes a hole of the entry at `index`, counted from 1 (FILE-06). The entries behind it
    /// have other indices then.
    ///
    /// `false` if there is no such entry.
    pub fn remove(&mut self, index: usize) -> bool {
        let record = self
            .records
            .iter_mut()
            .filter(|record| matches!(record, Record::Entry(_)))
            .nth(index.wrapping_sub(1));
        match record {
            Some(record) => {
                record.empty();
                true
            }
            None => false,
        }
    }

    /// Makes holes of all entries for which `keep` is false, and says how many those were.
    /// Unreadable entries stay.
    pub fn retain(&mut self, mut keep: impl FnMut(&KeytabEntry) -> bool) -> usize {
        let mut removed = 0;
        for record in &mut self.records {
            if matches!(record, Record::Entry(stored) if stored.entry.as_ref().is_ok_and(|e| !keep(e)))
            {
                record.empty();
                removed += 1;
            }
        }
        removed
    }
}

impl Record {
    /// Turns into a hole of the same size; the key is wiped.
    fn empty(&mut self) {
        if let Self::Entry(stored) = self {
            *self = Self::Hole(stored.octets.len());
        }
    }
}

impl fmt::Debug for Keytab {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut map = f.debug_map();
        for (index, stored) in self.stored() {
            match &stored.entry {
                Ok(entry) => map.entry(&index, entry),
                Err(why) => map.entry(&index, why),
            };
        }
        map.finish()
    }
}
