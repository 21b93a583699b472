//! Which key of a keytab is meant (FILE-05).

use super::{Keytab, KeytabEntry};
use crate::crypto::{Enctype, Key};
use crate::error::{ConsideredKey, KeyVerdict, Rejection};
use crate::principal::Principal;

/// How well the version of an entry fits the wanted one, best first.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Fit {
    Exact,
    /// Old files and protocols keep the low eight bits only.
    LowBits,
    /// Version 0 stands for any.
    Any,
}

fn fit(kvno: u32, wanted: u32) -> Option<Fit> {
    if kvno == wanted {
        Some(Fit::Exact)
    } else if kvno == wanted & 0xff {
        Some(Fit::LowBits)
    } else if kvno == 0 {
        Some(Fit::Any)
    } else {
        None
    }
}

/// Whether `a`, a version and when it was written, is newer than `b`. A small version that was
/// written not earlier than a large one has wrapped around at some eight-bit field (FILE-05).
pub(crate) fn newer(a: (u32, u32), b: (u32, u32)) -> bool {
    let ((a, a_written), (b, b_written)) = (a, b);
    if a_written >= b_written && a < 128 && b > 240 {
        true
    } else if b_written >= a_written && b < 128 && a > 240 {
        false
    } else {
        a > b
    }
}

fn newest<'a>(
    entries: impl Iterator<Item = (usize, &'a KeytabEntry)>,
) -> Option<(usize, &'a KeytabEntry)> {
    let version = |entry: &KeytabEntry| (entry.kvno, entry.timestamp);
    entries.reduce(|best, next| match newer(version(next.1), version(best.1)) {
        true => next,
        false => best,
    })
}

impl Keytab {
    fn of<'k>(&'k self, principal: &Principal) -> impl Iterator<Item = (usize, &'k KeytabEntry)> {
        self.entries()
            .filter(move |(_, entry)| entry.principal == *principal)
    }

    /// The entries that may hold the key for `principal`, `kvno` and `enctype`, the likeliest
    /// first, each with its index (FILE-05).
    ///
    /// With a `kvno`: those of exactly that version, then those of that version modulo 256, then
    /// those of version 0. Without (or with 0, which names no version): the newest, then the
    /// others in the order of the file. Keys that this build cannot use are left out.
    pub fn candidates(
        &self,
        principal: &Principal,
        kvno: Option<u32>,
        enctype: Enctype,
    ) -> Vec<(usize, &KeytabEntry)> {
        let usable = || {
            self.of(principal)
                .filter(|(_, entry)| entry.enctype() == enctype && entry.key().is_some())
        };
        match kvno {
            None | Some(0) => {
                let first = newest(usable());
                let others = usable().filter(|(index, _)| first.is_some_and(|(i, _)| i != *index));
                first.into_iter().chain(others).collect()
            }
            Some(wanted) => {
                let mut found: Vec<_> = usable()
                    .filter_map(|found| Some((fit(found.1.kvno, wanted)?, found)))
                    .collect();
                // Stable: entries that fit alike stay in the order of the file.
                found.sort_by(|(a, _), (b, _)| a.cmp(b));
                found.into_iter().map(|(_, found)| found).collect()
            }
        }
    }

    /// The first of [`candidates`](Self::candidates), or the rejection that says what is missing:
    /// the principal, this version of its key, or this enctype of that version.
    pub fn find(
        &self,
        principal: &Principal,
        kvno: Option<u32>,
        enctype: Enctype,
    ) -> Result<(usize, &KeytabEntry), Rejection> {
        match self.candidates(principal, kvno, enctype).into_iter().next() {
            Some(found) => Ok(found),
            None => Err(self.missing(principal, kvno, enctype)),
        }
    }

    /// What is missing for a key of `principal`, `kvno` and `enctype`, given that no candidate is
    /// there (AP-17, AP-18).
    fn missing(&self, principal: &Principal, kvno: Option<u32>, enctype: Enctype) -> Rejection {
        let considered = self.considered(principal, kvno);
        let server = principal.clone();
        let Some((_, newest)) = newest(self.of(principal)) else {
            return Rejection::NoKey { server, considered };
        };
        match kvno {
            Some(kvno)
                if kvno != 0 && !self.of(principal).any(|(_, e)| fit(e.kvno, kvno).is_some()) =>
            {
                Rejection::KeyVersion {
                    server,
                    kvno,
                    newest: newest.kvno,
                    considered,
                }
            }
            _ => Rejection::KeyEnctype {
                server,
                enctype,
                considered,
            },
        }
    }

    /// All entries, and why each does not hold the key.
    fn considered(&self, principal: &Principal, kvno: Option<u32>) -> Vec<ConsideredKey> {
        self.entries()
            .map(|(index, entry)| ConsideredKey {
                index,
                principal: entry.principal.clone(),
                kvno: entry.kvno,
                enctype: entry.enctype(),
                verdict: if entry.principal != *principal {
                    KeyVerdict::OtherPrincipal
                } else if kvno
                    .is_some_and(|wanted| wanted != 0 && fit(entry.kvno, wanted).is_none())
                {
                    KeyVerdict::OtherVersion
                } else {
                    KeyVerdict::OtherEnctype
                },
            })
            .collect()
    }

    /// The version of the newest key of `principal` (FILE-05).
    pub fn newest_kvno(&self, principal: &Principal) -> Option<u32> {
        newest(self.of(principal)).map(|(_, entry)| entry.kvno)
    }

    /// The keys of the newest version of `principal` that this build can use, in the order of the
    /// file: what a client authenticates with instead of a password.
    pub fn newest_keys(&self, principal: &Principal) -> Vec<&Key> {
        let kvno = self.newest_kvno(principal);
        self.of(principal)
            .filter(|(_, entry)| Some(entry.kvno) == kvno)
            .filter_map(|(_, entry)| entry.key())
            .collect()
    }
}
