//! Reading keytabs and caches, and changing them so that every reader sees a whole file
//! (FILE-06, FILE-15).
//!
//! MIT krb5 and Heimdal lock these files with fcntl. The standard library's `File::lock` is flock,
//! which does not see such locks, nor is it seen by them. So no file is changed in place: the new
//! contents go to a temporary file beside it, mode 0600, which then takes its name. Whoever reads
//! has the old file or the new one, whole. flock keeps our own writers apart, and a file that
//! another program has changed in the meantime is read again. What remains is a change that
//! another program makes in the moment between that check and the renaming: it is lost.
//!
//! Appending to a cache is one write with O_APPEND, as MIT's is, so that both find their place.

use std::fs::{self, File, Metadata, OpenOptions, TryLockError};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use crate::ccache::{CachedCredential, CredentialCache};
use crate::error::{Error, FileError};
use crate::keytab::Keytab;
use crate::random::{OsRandom, Random};
use crate::secret::Secret;

/// No keytab or cache is larger: a name can lead to a device that never ends.
const LIMIT: u64 = 64 << 20;
/// How many random names are tried, and how often a file is read that does not parse.
pub(super) const ATTEMPTS: usize = 8;
/// How long other writers may be in the way.
const PATIENCE: Duration = Duration::from_secs(20);
const PAUSE: Duration = Duration::from_millis(5);

pub(super) fn wrong(path: &Path, what: impl Into<String>) -> Error {
    Error::from(FileError {
        path: path.display().to_string(),
        at: None,
        what: what.into(),
    })
}

pub(super) fn failed(path: &Path, what: &str, error: &io::Error) -> Error {
    wrong(path, format!("{what}: {error}"))
}

// -------------------------------------------------------------------------------------- keytabs

/// Reads a keytab.
pub fn read_keytab(path: &Path) -> Result<Keytab, Error> {
    read_and_parse(path, Keytab::parse)
}

/// Writes a keytab as a new file of mode 0600, owned by this process, in place of what was there.
/// A symbolic link is replaced, not followed.
pub fn write_keytab(path: &Path, keytab: &Keytab) -> Result<(), Error> {
    write(path, keytab.to_bytes().expose())
}

/// Changes a keytab, which is made with mode 0600 if it is missing (FILE-06). Owner and mode of an
/// existing one stay; a symbolic link to it is followed.
///
/// `change` is called again with the new contents if another program changes the file meanwhile.
pub fn update_keytab<T>(
    path: &Path,
    mut change: impl FnMut(&mut Keytab) -> Result<T, Error>,
) -> Result<T, Error> {
    let name = path.display().to_string();
    update(path, |octets| {
        let mut keytab = match octets {
            Some(octets) => Keytab::parse(octets, &name)?,
            None => Keytab::new(),
        };
        let result = change(&mut keytab)?;
        Ok((keytab.to_bytes(), result))
    })
}

// --------------------------------------------------------------------------------------- caches

/// Reads a credential cache.
pub fn read_ccache(path: &Path) -> Result<CredentialCache, Error> {
    read_and_parse(path, CredentialCache::parse)
}

/// Initialises a cache: writes it as a new file of mode 0600, owned by this process, in place of
/// what was there (FILE-15). A symbolic link is replaced, not followed.
pub fn write_ccache(path: &Path, cache: &CredentialCache) -> Result<(), Error> {
    write(path, cache.to_bytes()?.expose())
}

/// Changes an existing cache. Owner and mode stay; a symbolic link to it is followed.
///
/// `change` is called again with the new contents if another program changes the file meanwhile.
pub fn update_ccache<T>(
    path: &Path,
    mut change: impl FnMut(&mut CredentialCache) -> Result<T, Error>,
) -> Result<T, Error> {
    let name = path.display().to_string();
    update(path, |octets| {
        let octets = octets.ok_or_else(|| wrong(path, "there is no such cache"))?;
        let mut cache = CredentialCache::parse(octets, &name)?;
        let result = change(&mut cache)?;
        Ok((cache.to_bytes()?, result))
    })
}

/// Appends a ticket to an existing cache, with one write (FILE-15).
///
/// A file that is not a whole cache is left alone: what is behind a broken record cannot be found.
pub fn append_ccache(path: &Path, credential: &CachedCredential) -> Result<(), Error> {
    let patience = Instant::now() + PATIENCE;
    while Instant::now() < patience {
        let cannot = |error: &io::Error| failed(path, "cannot be opened", error);
        regular(&fs::metadata(path).map_err(|e| cannot(&e))?, path)?;
        let mut file = OpenOptions::new()
            .read(true)
            .append(true)
            .open(path)
            .map_err(|e| cannot(&e))?;
        lock(&file, path, patience)?;
        if !is_at(&file, path)? {
            continue;
        }
        let version = read_and_parse(path, CredentialCache::parse)?.version();
        let octets = credential.to_bytes(version)?;
        return append(&mut file, octets.expose())
            .map_err(|error| failed(path, "cannot be appended to", &error));
    }
    Err(wrong(path, BUSY))
}

const BUSY: &str = "is changed by others faster than it can be rewritten";

fn append(file: &mut File, octets: &[u8]) -> io::Result<()> {
    let before = file.metadata()?.len();
    let written = loop {
        match file.write(octets) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            other => break other?,
        }
    };
    if written == octets.len() {
        return Ok(());
    }
    // The disk is full. A part of a record would make the cache useless.
    if file.metadata()?.len() == before + written as u64 {
        file.set_len(before)?;
    }
    Err(io::ErrorKind::WriteZero.into())
}

// -------------------------------------------------------------------------------------- reading

/// Reads the octets of a keytab or cache, to be parsed with `parse_lossy`. What is not a regular
/// file, or larger than 64 MiB, is refused.
pub fn read(path: &Path) -> Result<Secret, Error> {
    let cannot = |error: io::Error| failed(path, "cannot be opened", &error);
    // Opening a pipe would wait for somebody to write.
    regular(&fs::metadata(path).map_err(cannot)?, path)?;
    read_open(&File::open(path).map_err(cannot)?, path)
}

fn regular(metadata: &Metadata, path: &Path) -> Result<(), Error> {
    if metadata.is_file() {
        Ok(())
    } else {
        Err(wrong(path, "is not a regular file"))
    }
}

fn read_open(file: &File, path: &Path) -> Result<Secret, Error> {
    let cannot = |error: io::Error| failed(path, "cannot be read", &error);
    let metadata = file.metadata().map_err(cannot)?;
    regular(&metadata, path)?;
    // One octet more than there should be: then no copy with keys is left behind by growing.
    let length = metadata.len().min(LIMIT);
    let mut octets = Vec::with_capacity(length as usize + 1);
    file.take(LIMIT + 1)
        .read_to_end(&mut octets)
        .map_err(cannot)?;
    let octets = Secret::new(octets);
    if octets.len() as u64 > LIMIT {
        return Err(wrong(path, "is larger than 64 MiB"));
    }
    Ok(octets)
}

/// Reads and parses. As others write in place and their locks are not seen, a file that does not
/// parse is read again, until it stays as it is.
fn read_and_parse<T>(
    path: &Path,
    parse: impl Fn(&[u8], &str) -> Result<T, Error>,
) -> Result<T, Error> {
    let name = path.display().to_string();
    let mut octets = read(path)?;
    for _ in 0..ATTEMPTS {
        match parse(octets.expose(), &name) {
            Ok(parsed) => return Ok(parsed),
            Err(error) => {
                thread::sleep(PAUSE);
                let again = read(path)?;
                if again == octets {
                    return Err(error);
                }
                octets = again;
            }
        }
    }
    parse(octets.expose(), &name)
}

// -------------------------------------------------------------------------------------- writing

/// A temporary file in the directory of the file that it is to become; removed if it does not.
struct Temporary {
    file: File,
    path: PathBuf,
    kept: bool,
}

/// Sixteen hexadecimal digits.
pub(super) fn random_name() -> Result<String, Error> {
    let mut octets = [0; 8];
    OsRandom.fill(&mut octets)?;
    Ok(format!("{:016x}", u64::from_be_bytes(octets)))
}

impl Temporary {
    fn beside(path: &Path, octets: &[u8]) -> Result<Self, Error> {
        let Some(name) = path.file_name() else {
            return Err(wrong(path, "is not the name of a file"));
        };
        for _ in 0..ATTEMPTS {
            let mut hidden = std::ffi::OsString::from(".");
            hidden.push(name);
            hidden.push(format!(".{}", random_name()?));
            let temporary = path.with_file_name(hidden);
            let mut options = OpenOptions::new();
            // create_new is O_EXCL: an existing name, even a symbolic link, is not followed.
            options.write(true).create_new(true);
            #[cfg(unix)]
            std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
            let file = match options.open(&temporary) {
                Ok(file) => file,
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => continue,
                Err(error) => {
                    return Err(failed(&temporary, "cannot be created", &error));
                }
            };
            let mut made = Self {
                file,
                path: temporary,
                kept: false,
            };
            made.file
                .write_all(octets)
                .and_then(|()| made.file.sync_all())
                .map_err(|error| failed(&made.path, "cannot be written", &error))?;
            return Ok(made);
        }
        Err(wrong(path, "no name is left for a temporary file"))
    }

    /// Takes over owner and mode of the file that is to be replaced.
    #[cfg(unix)]
    fn dress_like(&self, original: &Metadata, path: &Path) -> Result<(), Error> {
        use std::os::unix::fs::{MetadataExt, PermissionsExt, fchown};

        let dress = || {
            let own = self.file.metadata()?;
            if (own.uid(), own.gid()) != (original.uid(), original.gid()) {
                fchown(&self.file, Some(original.uid()), Some(original.gid()))?;
            }
            let mode = original.permissions().mode() & 0o777;
            self.file.set_permissions(fs::Permissions::from_mode(mode))
        };
        dress().map_err(|error| failed(path, "owner and mode cannot be kept", &error))
    }

    #[cfg(not(unix))]
    fn dress_like(&self, _: &Metadata, _: &Path) -> Result<(), Error> {
        Ok(())
    }

    /// Takes the name `path`, whatever had it.
    fn rename(mut self, path: &Path) -> Result<(), Error> {
        fs::rename(&self.path, path).map_err(|error| failed(path, "cannot be replaced", &error))?;
        self.kept = true;
        self.sync_directory();
        Ok(())
    }

    /// Takes the name `path` unless something has it; says whether it did.
    fn link(mut self, path: &Path) -> Result<bool, Error> {
        match fs::hard_link(&self.path, path) {
            Ok(()) => {
                self.sync_directory();
                Ok(true)
            }
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
            // A file system without hard links. There renaming is the best there is.
            Err(_) => match fs::symlink_metadata(path) {
                Ok(_) => Ok(false),
                Err(_) => {
                    self.kept = true;
                    fs::rename(&self.path, path)
                        .map_err(|error| failed(path, "cannot be created", &error))?;
                    Ok(true)
                }
            },
        }
    }

    /// Makes the new name last. Where directories cannot be opened, the system sees to that.
    fn sync_directory(&self) {
        if let Some(directory) = self.path.parent() {
            // Of a bare file name the parent is empty.
            let _ = File::open(Path::new(".").join(directory))
                .and_then(|directory| directory.sync_all());
        }
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        if !self.kept {
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Writes a file of mode 0600 in place of what was there.
pub(super) fn write(path: &Path, octets: &[u8]) -> Result<(), Error> {
    Temporary::beside(path, octets)?.rename(path)
}

/// Writes a file of mode 0600 unless there is one; says whether it did.
pub(super) fn create(path: &Path, octets: &[u8]) -> Result<bool, Error> {
    Temporary::beside(path, octets)?.link(path)
}

/// Makes a directory for this user alone, unless it is there.
pub(super) fn make_directory(path: &Path) -> Result<(), Error> {
    let mut builder = fs::DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    match builder.create(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        other => other.map_err(|error| failed(path, "cannot be created", &error)),
    }
}

/// Rewrites a file. `change` gets what is there, `None` if there is nothing, and gives the new
/// contents.
fn update<T>(
    path: &Path,
    mut change: impl FnMut(Option<&[u8]>) -> Result<(Secret, T), Error>,
) -> Result<T, Error> {
    let patience = Instant::now() + PATIENCE;
    while Instant::now() < patience {
        let file = match OpenOptions::new().read(true).write(true).open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                if fs::symlink_metadata(path).is_ok_and(|m| m.is_symlink()) {
                    return Err(wrong(path, "is a symbolic link to nothing"));
                }
                let (octets, result) = change(None)?;
                if create(path, octets.expose())? {
                    return Ok(result);
                }
                continue;
            }
            Err(error) => return Err(failed(path, "cannot be opened for writing", &error)),
        };
        lock(&file, path, patience)?;
        // Whoever had the lock before has replaced the file.
        if !is_at(&file, path)? {
            continue;
        }
        let cannot = |error: io::Error| failed(path, "cannot be read", &error);
        let before = file.metadata().map_err(cannot)?;
        let old = read_open(&file, path)?;
        let (new, result) = change(Some(old.expose()))?;
        let real = fs::canonicalize(path).map_err(cannot)?;
        let temporary = Temporary::beside(&real, new.expose())?;
        temporary.dress_like(&before, path)?;
        if !is_at(&file, path)? || read(path)? != old {
            continue;
        }
        temporary.rename(&real)?;
        return Ok(result);
    }
    Err(wrong(path, BUSY))
}

/// Keeps our own writers apart. It is let go when the file is closed.
fn lock(file: &File, path: &Path, patience: Instant) -> Result<(), Error> {
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(()),
            Err(TryLockError::WouldBlock) if Instant::now() < patience => thread::sleep(PAUSE),
            Err(TryLockError::WouldBlock) => {
                return Err(wrong(path, "is locked by another process"));
            }
            // A file system without locks.
            Err(TryLockError::Error(error)) if error.kind() == io::ErrorKind::Unsupported => {
                return Ok(());
            }
            Err(TryLockError::Error(error)) => {
                return Err(failed(path, "cannot be locked", &error));
            }
        }
    }
}

/// Whether the open file is the one that has the name.
#[cfg(unix)]
fn is_at(file: &File, path: &Path) -> Result<bool, Error> {
    use std::os::unix::fs::MetadataExt;

    let open = file
        .metadata()
        .map_err(|error| failed(path, "cannot be read", &error))?;
    Ok(
        fs::metadata(path)
            .is_ok_and(|named| (named.dev(), named.ino()) == (open.dev(), open.ino())),
    )
}

#[cfg(not(unix))]
fn is_at(_: &File, path: &Path) -> Result<bool, Error> {
    Ok(path.exists())
}
