//! The names of keytabs and credential caches: `TYPE:residual` (FILE-08, FILE-17).

use std::fmt;
use std::path::{Path, PathBuf};

use crate::error::{Error, FileError};

/// A name that cannot be used.
pub(super) fn refused(name: &str, what: &str) -> Error {
    Error::from(FileError {
        path: name.to_owned(),
        at: None,
        what: what.to_owned(),
    })
}

/// The type in front of the colon; `None` for a path. A single letter is a drive of Windows.
fn split(name: &str) -> (Option<&str>, &str) {
    match name.split_once(':') {
        Some((kind, residual)) if kind.len() > 1 && !kind.contains(['/', '\\']) => {
            (Some(kind), residual)
        }
        _ => (None, name),
    }
}

fn path(name: &str, residual: &str) -> Result<PathBuf, Error> {
    if residual.is_empty() {
        return Err(refused(name, "the name has no path"));
    }
    Ok(PathBuf::from(residual))
}

/// The name of a keytab.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeytabName {
    /// `FILE:path`, `WRFILE:path` or a path.
    File(PathBuf),
}

impl KeytabName {
    /// Parses a name. `MEMORY` and other types are refused by name: a keytab in memory is a
    /// [`Keytab`](crate::keytab::Keytab), which needs no name.
    pub fn parse(name: &str) -> Result<Self, Error> {
        match split(name) {
            (None | Some("FILE" | "WRFILE"), residual) => path(name, residual).map(Self::File),
            (Some(kind), _) => Err(Error::Unsupported(format!(
                "keytab type {kind} (in {name}); FILE is supported"
            ))),
        }
    }

    /// The file.
    pub fn path(&self) -> &Path {
        match self {
            Self::File(path) => path,
        }
    }
}

impl fmt::Display for KeytabName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(f, "FILE:{}", path.display()),
        }
    }
}

/// The name of a credential cache or of a collection of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CcacheName {
    /// `FILE:path` or a path.
    File(PathBuf),
    /// `DIR:path`: a directory of caches, one of which is the primary.
    Dir(PathBuf),
    /// `DIR::path`: one cache in such a directory, by its file.
    DirCache(PathBuf),
}

impl CcacheName {
    /// Parses a name. `MEMORY`, `KEYRING`, `KCM`, `API`, `MSLSA` and unknown types are refused by
    /// name.
    pub fn parse(name: &str) -> Result<Self, Error> {
        match split(name) {
            (None | Some("FILE"), residual) => path(name, residual).map(Self::File),
            (Some("DIR"), residual) => match residual.strip_prefix(':') {
                Some(file) => {
                    let file = path(name, file)?;
                    if super::collection::is_cache_name(file.file_name()) {
                        Ok(Self::DirCache(file))
                    } else {
                        Err(refused(name, "the file of a DIR cache begins with tkt"))
                    }
                }
                None => path(name, residual).map(Self::Dir),
            },
            (Some(kind @ ("MEMORY" | "KEYRING" | "KCM" | "API" | "MSLSA")), _) => {
                Err(Error::Unsupported(format!(
                    "credential cache type {kind} (in {name}); FILE and DIR are supported"
                )))
            }
            (Some(kind), _) => Err(Error::Unsupported(format!(
                "credential cache type {kind}, which is not known (in {name}); FILE and DIR are \
                 supported"
            ))),
        }
    }
}

impl fmt::Display for CcacheName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(f, "FILE:{}", path.display()),
            Self::Dir(path) => write!(f, "DIR:{}", path.display()),
            Self::DirCache(path) => write!(f, "DIR::{}", path.display()),
        }
    }
}
