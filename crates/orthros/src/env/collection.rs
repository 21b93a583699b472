//! A directory of credential caches (type DIR, FILE-17).
//!
//! Its caches are files whose names begin with `tkt`; the file `primary` names one of them. Until
//! there is such a file, the primary cache is `tkt`.

use std::ffi::OsStr;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::files::{self, failed};
use super::{CcacheName, read_ccache};
use crate::ccache::CredentialCache;
use crate::error::Error;
use crate::principal::Principal;

/// The file of a cache: of a collection that of its primary cache, which need not exist yet.
pub fn resolve(name: &CcacheName) -> Result<PathBuf, Error> {
    match name {
        CcacheName::File(path) | CcacheName::DirCache(path) => Ok(path.clone()),
        CcacheName::Dir(directory) => Collection::new(directory).primary(),
    }
}

pub(super) fn is_cache_name(name: Option<&OsStr>) -> bool {
    name.is_some_and(|name| name.as_encoded_bytes().starts_with(b"tkt"))
}

/// A directory of credential caches.
#[derive(Clone, Debug)]
pub struct Collection {
    directory: PathBuf,
}

impl Collection {
    /// The collection in `directory`, which need not exist yet.
    pub fn new(directory: impl Into<PathBuf>) -> Self {
        Self {
            directory: directory.into(),
        }
    }

    /// The file of the primary cache.
    pub fn primary(&self) -> Result<PathBuf, Error> {
        let path = self.directory.join("primary");
        let text = match fs::read(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => b"tkt\n".to_vec(),
            Err(error) => return Err(failed(&path, "cannot be read", &error)),
        };
        let name = text.strip_suffix(b"\n").unwrap_or(&text);
        match std::str::from_utf8(name) {
            // A name with a slash would lead out of the directory.
            Ok(name) if name.starts_with("tkt") && !name.contains(['/', '\\', '\0', '\n']) => {
                Ok(self.directory.join(name))
            }
            _ => Err(files::wrong(&path, "does not hold the name of a cache")),
        }
    }

    /// Makes the cache in the file `cache` of this directory the primary one.
    pub fn set_primary(&self, cache: &Path) -> Result<(), Error> {
        let name = cache.file_name().filter(|name| is_cache_name(Some(name)));
        let inside = cache.parent() == Some(&self.directory);
        let Some(name) = name.and_then(OsStr::to_str).filter(|_| inside) else {
            return Err(files::wrong(cache, "is not a cache of this collection"));
        };
        files::write(
            &self.directory.join("primary"),
            format!("{name}\n").as_bytes(),
        )
    }

    /// The files of all caches, the primary one first, the others by name.
    pub fn caches(&self) -> Result<Vec<PathBuf>, Error> {
        let primary = self.primary()?;
        let entries = match fs::read_dir(&self.directory) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(failed(&self.directory, "cannot be listed", &error)),
        };
        let mut caches = Vec::new();
        for entry in entries {
            let path = entry
                .map_err(|error| failed(&self.directory, "cannot be listed", &error))?
                .path();
            if is_cache_name(path.file_name()) {
                caches.push(path);
            }
        }
        caches.sort_by_key(|path| (*path != primary, path.clone()));
        Ok(caches)
    }

    /// Writes a cache under a name of its own and gives its file. The directory is made, for the
    /// user alone, if it is missing.
    pub fn add(&self, cache: &CredentialCache) -> Result<PathBuf, Error> {
        files::make_directory(&self.directory)?;
        let octets = cache.to_bytes()?;
        for _ in 0..files::ATTEMPTS {
            let path = self.directory.join(format!("tkt{}", files::random_name()?));
            if files::create(&path, octets.expose())? {
                return Ok(path);
            }
        }
        Err(files::wrong(
            &self.directory,
            "has no name left for a cache",
        ))
    }

    /// The cache of `client`, and its file. A cache that cannot be read is passed over.
    pub fn of_client(
        &self,
        client: &Principal,
    ) -> Result<Option<(PathBuf, CredentialCache)>, Error> {
        self.first(|cache| cache.default_principal() == client)
    }

    /// The cache for speaking to a service in `realm`: one whose client is of that realm, or else
    /// the primary one (FILE-17). `None` if there is neither.
    pub fn for_realm(&self, realm: &str) -> Result<Option<(PathBuf, CredentialCache)>, Error> {
        if let Some(found) = self.first(|cache| cache.default_principal().realm() == realm)? {
            return Ok(Some(found));
        }
        let primary = self.primary()?;
        if primary.exists() {
            let cache = read_ccache(&primary)?;
            return Ok(Some((primary, cache)));
        }
        Ok(None)
    }

    fn first(
        &self,
        fits: impl Fn(&CredentialCache) -> bool,
    ) -> Result<Option<(PathBuf, CredentialCache)>, Error> {
        Ok(self.caches()?.into_iter().find_map(|path| {
            let cache = read_ccache(&path).ok().filter(&fits)?;
            Some((path, cache))
        }))
    }
}
