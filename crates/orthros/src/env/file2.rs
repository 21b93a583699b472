//! The replay cache in a file, in MIT krb5's format `file2` (FILE-20).
//!
//! ```text
//! seed, 16 octets | table of 1023 slots | of 2048 | of 4096 | ...
//! slot: tag, 12 octets | seconds since 1970, 4 octets, big-endian
//! ```
//!
//! A tag may be in two slots of each table: the one at SipHash-2-4(seed, tag) modulo the number of
//! slots, and the one behind it. The first octet of the seed grows by one from table to table. The
//! search ends at a table of which one of the two slots was never used.
//!
//! Every operation is done under an exclusive lock of the open file, of the kind that MIT krb5
//! takes (F_OFD_SETLKW). Its only change to a file with a seed is one write of one slot that lies
//! within a page: a process that is killed leaves the slot as it was or as it should be.

use std::fmt;
use std::fs::{self, File, Metadata, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::libc;
use siphasher::sip::SipHasher24;

use super::files::{ATTEMPTS, failed, wrong};
use super::process;
use crate::ap::{ReplayCache, ReplayEntry, ReplayVerdict};
use crate::error::Error;
use crate::random::{OsRandom, Random};
use crate::time::Timestamp;

const SEED: usize = 16;
const SLOT: u64 = 16;
const FIRST_SLOTS: u64 = 1023;
/// No file is larger: MIT krb5's offsets are numbers of 32 bits with a sign.
const MAX_SIZE: u64 = i32::MAX as u64;

/// A replay cache in a file, shared by the processes of one host, those of MIT krb5 included.
///
/// All that share it must allow the same clock skew: a program that allows less overwrites what
/// another still needs. The file is kept open; if its name leads to another file, that one is
/// opened. A process that was forked opens it anew.
///
/// What the cache holds survives the processes that use it. Nothing is forced to the disk: of
/// requests that were admitted just before the machine lost its power nothing may be left. Where
/// machines start again within one skew, see [`restarted`](Self::restarted).
pub struct File2ReplayCache {
    path: PathBuf,
    trust: Trust,
    open: Mutex<Option<Open>>,
    ready: Option<Timestamp>,
}

/// Who may have made the file.
#[derive(Clone, Copy, Debug)]
enum Trust {
    /// This user, with mode 0600.
    Own(u32),
    /// Whoever may write it.
    Shared,
}

struct Open {
    file: File,
    /// A lock belongs to the open file, which a forked process shares with its parent.
    process: u32,
}

impl File2ReplayCache {
    /// Opens a cache, or makes one of mode 0600. The file must belong to the effective user and
    /// nobody else may have a right to it; a symbolic link is not followed (FILE-19).
    pub fn open(path: impl Into<PathBuf>) -> Result<Self, Error> {
        let path = path.into();
        let ids = process::ids()
            .ok_or_else(|| wrong(&path, "the system does not tell the effective user's ID"))?;
        Self::with(path, Trust::Own(ids.euid))
    }

    /// As [`open`](Self::open), for a file that services of several users share. Whoever may write
    /// it can make it forget; its owner and mode are for the operator to choose.
    pub fn open_shared(path: impl Into<PathBuf>) -> Result<Self, Error> {
        Self::with(path.into(), Trust::Shared)
    }

    fn with(path: PathBuf, trust: Trust) -> Result<Self, Error> {
        let cache = Self {
            path,
            trust,
            open: Mutex::new(None),
            ready: None,
        };
        let open = cache.open_file().map_err(|error| {
            let what = "cannot be used as a replay cache";
            failed(&cache.path, what, &error)
        })?;
        *cache.open.lock().unwrap_or_else(PoisonError::into_inner) = Some(open);
        Ok(cache)
    }

    /// For a file that may have lost what it held just before `started`: every request is refused
    /// until one skew later, and after that every one that says it was made before then (AP-49).
    #[must_use]
    pub fn restarted(mut self, started: Timestamp, skew: Duration) -> Self {
        self.ready = Some(started.plus(skew));
        self
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    fn open_file(&self) -> io::Result<Open> {
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .custom_flags((OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK).bits())
            .open(&self.path)?;
        self.trust.check(&file.metadata()?)?;
        Ok(Open {
            file,
            process: std::process::id(),
        })
    }

    /// Does `work` with the locked file that has the name.
    fn locked<T>(&self, work: impl FnOnce(&File) -> io::Result<T>) -> io::Result<T> {
        // A lock of the open file does not keep our own threads apart.
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        for _ in 0..ATTEMPTS {
            let held = match open.take() {
                Some(held) if held.process == std::process::id() => held,
                _ => self.open_file()?,
            };
            let lock = Lock::take(&held.file)?;
            if !is_named(&held.file, &self.path)? {
                continue;
            }
            let result = work(&held.file);
            drop(lock);
            *open = Some(held);
            return result;
        }
        Err(io::Error::other(
            "the file is replaced faster than it can be opened",
        ))
    }
}

impl Trust {
    fn check(self, metadata: &Metadata) -> io::Result<()> {
        let refuse = |what: String| Err(io::Error::new(io::ErrorKind::PermissionDenied, what));
        if !metadata.is_file() {
            return refuse("it is not a regular file".to_owned());
        }
        let Self::Own(user) = self else {
            return Ok(());
        };
        if metadata.uid() != user {
            let owner = metadata.uid();
            return refuse(format!("it belongs to user {owner}, not to {user}"));
        }
        match metadata.mode() & 0o7777 {
            mode if mode & 0o077 == 0 => Ok(()),
            mode => refuse(format!("its mode is {mode:04o}, not 0600")),
        }
    }
}

fn is_named(file: &File, path: &Path) -> io::Result<bool> {
    let open = file.metadata()?;
    match fs::symlink_metadata(path) {
        Ok(named) => Ok((named.dev(), named.ino()) == (open.dev(), open.ino())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

/// An exclusive lock of the whole file, let go when dropped.
struct Lock<'f>(&'f File);

impl<'f> Lock<'f> {
    fn take(file: &'f File) -> io::Result<Self> {
        loop {
            match fcntl(file, FcntlArg::F_OFD_SETLKW(&whole_file(libc::F_WRLCK))) {
                Ok(_) => return Ok(Self(file)),
                Err(nix::errno::Errno::EINTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
}

impl Drop for Lock<'_> {
    fn drop(&mut self) {
        // Letting go of a lock that is held does not fail.
        let _ = fcntl(self.0, FcntlArg::F_OFD_SETLK(&whole_file(libc::F_UNLCK)));
    }
}

fn whole_file(kind: libc::c_int) -> libc::flock {
    libc::flock {
        l_type: kind as libc::c_short,
        l_whence: libc::SEEK_SET as libc::c_short,
        l_start: 0,
        l_len: 0,
        l_pid: 0,
    }
}

impl ReplayCache for File2ReplayCache {
    fn check_and_insert(&self, entry: &ReplayEntry, now: Timestamp) -> ReplayVerdict {
        if let Some(young) = self.ready.and_then(|at| entry.too_early_for(at, now)) {
            return young;
        }
        let stored = Times::of(entry, now).and_then(|times| {
            let tag = &entry.tag;
            self.locked(|file| store(file, tag, times))
        });
        stored.unwrap_or_else(|error| ReplayVerdict::Unavailable {
            why: format!("{}: {error}", self.path.display()),
        })
    }

    fn kind(&self) -> &'static str {
        "file2"
    }

    /// To the second, rounded up; of a request that was made ahead of its time, that time.
    fn first_seen(&self, entry: &ReplayEntry) -> Option<Timestamp> {
        let stamp = self.locked(|file| find(file, &entry.tag)).ok()??;
        Some(Timestamp::from_secs(i64::from(stamp)))
    }
}

/// The times of one operation, in seconds since 1970.
#[derive(Clone, Copy)]
struct Times {
    now: u32,
    /// What is written beside the tag.
    stamp: u32,
    skew: u32,
}

impl Times {
    /// MIT krb5 writes when a request was received and lets it be overwritten one skew later, when
    /// a request that was made ahead of its time is still good. A stamp that is not before the
    /// request's own time keeps it from overwriting ours (AP-46).
    fn of(entry: &ReplayEntry, now: Timestamp) -> io::Result<Self> {
        let seconds = |micros: i64| u32::try_from(micros.div_euclid(1_000_000));
        let up = |at: Timestamp| seconds(at.as_micros().saturating_add(999_999));
        let times = || {
            Ok::<_, std::num::TryFromIntError>(Self {
                now: seconds(now.as_micros())?,
                stamp: up(now.max(entry.ctime))?.max(1),
                skew: u32::try_from(entry.skew().as_micros().div_ceil(1_000_000))?,
            })
        };
        times().map_err(|_| io::Error::other("the format has no such time"))
    }

    /// MIT's stamps being what they are, what they stand beside can be good for two skews.
    fn is_free(self, stamp: u32) -> bool {
        let good_for = u64::from(self.skew) * 2;
        stamp == 0 || u64::from(self.now) > u64::from(stamp) + good_for
    }
}

/// The tables, each with its offset and number of slots.
fn tables() -> impl Iterator<Item = (u64, u64)> {
    let first = (SEED as u64, FIRST_SLOTS);
    std::iter::successors(Some(first), |(offset, slots)| {
        Some((offset + slots * SLOT, slots.div_ceil(2) * 4))
    })
    .take_while(|(offset, slots)| offset + slots * SLOT <= MAX_SIZE)
}

/// Tests for the tag and inserts it into a locked file.
fn store(file: &File, tag: &[u8; 12], times: Times) -> io::Result<ReplayVerdict> {
    let mut seed = seed(file)?;
    let mut free = None;
    let mut slots_seen = 0;
    for (offset, slots) in tables() {
        let hash = SipHasher24::new_with_key(&seed).hash(tag);
        let at = offset + hash % slots * SLOT;
        let pair = read_pair(file, at)?;
        let mut last = false;
        for (slot, at) in pair.into_iter().zip([at, at + SLOT]) {
            let (held, stamp) = slot.unwrap_or_default();
            if slot.is_some() && held == *tag {
                return Ok(ReplayVerdict::Seen);
            }
            last |= stamp == 0;
            if free.is_none() && times.is_free(stamp) {
                free = Some(at);
            }
        }
        if let (true, Some(at)) = (last, free) {
            let mut slot = [0; SLOT as usize];
            let (to_tag, to_stamp) = slot.split_at_mut(tag.len());
            to_tag.copy_from_slice(tag);
            to_stamp.copy_from_slice(&times.stamp.to_be_bytes());
            file.write_all_at(&slot, at)?;
            return Ok(ReplayVerdict::Fresh);
        }
        slots_seen += slots;
        let [first, ..] = &mut seed;
        *first = first.wrapping_add(1);
    }
    Ok(ReplayVerdict::Full {
        entries: usize::try_from(slots_seen).unwrap_or(usize::MAX),
    })
}

/// The stamp beside the tag in a locked file.
fn find(file: &File, tag: &[u8; 12]) -> io::Result<Option<u32>> {
    let mut seed = seed(file)?;
    for (offset, slots) in tables() {
        let hash = SipHasher24::new_with_key(&seed).hash(tag);
        let pair = read_pair(file, offset + hash % slots * SLOT)?;
        for (held, stamp) in pair.into_iter().map(Option::unwrap_or_default) {
            if stamp != 0 && held == *tag {
                return Ok(Some(stamp));
            }
        }
        if pair
            .iter()
            .any(|slot| slot.is_none_or(|(_, stamp)| stamp == 0))
        {
            break;
        }
        let [first, ..] = &mut seed;
        *first = first.wrapping_add(1);
    }
    Ok(None)
}

/// The seed; a new one in a file that has none.
fn seed(file: &File) -> io::Result<[u8; SEED]> {
    let mut seed = [0; SEED];
    if read_up_to(file, &mut seed, 0)? < SEED {
        OsRandom.fill(&mut seed).map_err(io::Error::other)?;
        file.write_all_at(&seed, 0)?;
    }
    Ok(seed)
}

/// A tag and its stamp.
type Slot = ([u8; 12], u32);

/// A slot and the one behind it; `None` where the file has ended.
fn read_pair(file: &File, at: u64) -> io::Result<[Option<Slot>; 2]> {
    let mut octets = [0; 2 * SLOT as usize];
    let read = read_up_to(file, &mut octets, at)?;
    let (slots, _) = octets.get(..read).unwrap_or_default().as_chunks();
    let slot = |index: usize| {
        let slot: &[u8; SLOT as usize] = slots.get(index)?;
        let (tag, stamp) = slot.split_first_chunk()?;
        Some((*tag, u32::from_be_bytes(*stamp.first_chunk()?)))
    };
    Ok([slot(0), slot(1)])
}

fn read_up_to(file: &File, octets: &mut [u8], at: u64) -> io::Result<usize> {
    let mut filled = 0;
    while let Some(rest) = octets.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        match file.read_at(rest, at + filled as u64) {
            Ok(0) => break,
            Ok(read) => filled += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}

impl fmt::Debug for File2ReplayCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("File2ReplayCache")
            .field("path", &self.path)
            .field("trust", &self.trust)
            .field("ready", &self.ready)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    const SKEW: Duration = Duration::from_secs(300);
    const NOW: Timestamp = Timestamp::from_secs(1_700_000_000);

    /// A directory of its own, gone with the test.
    struct Directory(PathBuf);

    impl Directory {
        fn new() -> Self {
            let name = format!("orthros-{}", super::super::files::random_name().unwrap());
            let path = std::env::temp_dir().join(name);
            fs::create_dir(&path).unwrap();
            Self(path)
        }

        fn file(&self) -> PathBuf {
            self.0.join("rcache")
        }
    }

    impl Drop for Directory {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    fn entry(number: u64, ctime: Timestamp) -> ReplayEntry {
        let mut tag = [7; 12];
        tag[..8].copy_from_slice(&number.to_be_bytes());
        ReplayEntry {
            tag,
            ctime,
            expires: ctime.plus(SKEW),
        }
    }

    fn later(seconds: u64) -> Timestamp {
        NOW.plus(Duration::from_secs(seconds))
    }

    /// The offsets are those of MIT krb5's description of the format.
    #[test]
    fn file_20_offsets_of_the_tables() {
        let tables: Vec<_> = tables().collect();
        let first = [(16, 1023), (16384, 2048), (49152, 4096), (114_688, 8192)];
        assert_eq!(tables[..4], first);
        let (offset, slots) = tables[tables.len() - 1];
        assert!(offset + slots * SLOT <= MAX_SIZE);
        assert!(offset + slots * SLOT * 3 > MAX_SIZE);
    }

    /// Also when the file was closed in between, and in tables that have grown.
    #[test]
    fn file_20_everything_is_found_again() {
        let directory = Directory::new();
        let cache = File2ReplayCache::open(directory.file()).unwrap();
        // How far the tables fill before the next is begun depends on the seed.
        let file = OpenOptions::new().write(true).open(directory.file());
        file.unwrap().write_all_at(&[0x5A; SEED], 0).unwrap();
        for n in 0..5000 {
            let verdict = cache.check_and_insert(&entry(n, NOW), NOW);
            assert_eq!(verdict, ReplayVerdict::Fresh, "{n}");
        }
        let size = fs::metadata(directory.file()).unwrap().len();
        assert!(size > 49152, "three tables, {size}");
        let again = File2ReplayCache::open(directory.file()).unwrap();
        for n in 0..5000 {
            for cache in [&cache, &again] {
                let verdict = cache.check_and_insert(&entry(n, NOW), later(299));
                assert_eq!(verdict, ReplayVerdict::Seen, "{n}");
            }
        }
        // A thousand seconds later there is room in the same tables.
        for n in 5000..9000 {
            let at = later(1000);
            let verdict = cache.check_and_insert(&entry(n, at), at);
            assert_eq!(verdict, ReplayVerdict::Fresh);
        }
        let grown = fs::metadata(directory.file()).unwrap().len();
        assert!(grown <= 16384 + (2048 + 4096 + 8192) * 16, "{grown}");
    }

    fn kept_until_too_old() {
        let directory = Directory::new();
        let cache = File2ReplayCache::open(directory.file()).unwrap();
        let early = entry(1, later(299));
        assert_eq!(cache.check_and_insert(&early, NOW), ReplayVerdict::Fresh);
        // Enough for every slot of the first tables to be wanted.
        for n in 2..6000 {
            let _ = cache.check_and_insert(&entry(n, later(301)), later(301));
        }
        for at in [301, 599] {
            let verdict = cache.check_and_insert(&early, later(at));
            assert_eq!(verdict, ReplayVerdict::Seen, "{at}");
        }
    }

    #[test]
    fn ap_46_kept_in_the_file_until_the_authenticator_is_too_old() {
        kept_until_too_old();
    }

    #[test]
    fn case_005_in_the_file() {
        kept_until_too_old();
    }

    /// What MIT krb5 wrote stands beside the time of its receipt.
    #[test]
    fn ap_46_an_entry_of_mit_is_kept_for_two_skews() {
        let times = Times::of(&entry(1, NOW), later(600)).unwrap();
        let received = 1_700_000_000;
        assert!(!times.is_free(received));
        let times = Times::of(&entry(1, NOW), later(601)).unwrap();
        assert!(times.is_free(received));
        // Ours is not before the request's own time, to the second rounded up.
        let ahead = entry(1, later(7).offset(1));
        assert_eq!(Times::of(&ahead, NOW).unwrap().stamp, received + 8);
        assert_eq!(
            Times::of(&entry(1, NOW), later(7)).unwrap().stamp,
            received + 7
        );
    }

    #[test]
    fn ap_47_what_cannot_be_stored_is_not_fresh() {
        let directory = Directory::new();
        let cache = File2ReplayCache::open(directory.file()).unwrap();
        // The file's name now leads to a directory.
        fs::remove_file(directory.file()).unwrap();
        fs::create_dir(directory.file()).unwrap();
        match cache.check_and_insert(&entry(1, NOW), NOW) {
            ReplayVerdict::Unavailable { why } => assert!(why.contains("rcache"), "{why}"),
            other => panic!("{other:?}"),
        }
        fs::remove_dir(directory.file()).unwrap();
        let verdict = cache.check_and_insert(&entry(1, NOW), NOW);
        assert_eq!(verdict, ReplayVerdict::Fresh);
        // The format's seconds end in 2106.
        let beyond = Timestamp::from_secs(1 << 32);
        let verdict = cache.check_and_insert(&entry(2, beyond), beyond);
        assert!(matches!(verdict, ReplayVerdict::Unavailable { .. }));
    }

    #[test]
    fn ap_49_file_that_may_have_lost_its_end() {
        let directory = Directory::new();
        let cache = File2ReplayCache::open(directory.file()).unwrap();
        let cache = cache.restarted(NOW, SKEW);
        let verdict = cache.check_and_insert(&entry(1, later(299)), later(299));
        assert_eq!(verdict, ReplayVerdict::Young { ready: later(300) });
        let verdict = cache.check_and_insert(&entry(1, later(300)), later(300));
        assert_eq!(verdict, ReplayVerdict::Fresh);
    }

    #[test]
    fn file_19_mode_owner_and_links() {
        let directory = Directory::new();
        let path = directory.file();
        let cache = File2ReplayCache::open(&path).unwrap();
        let mode = fs::metadata(&path).unwrap().permissions().mode() & 0o7777;
        assert_eq!(mode, 0o600);

        let refused = |cache: Result<File2ReplayCache, Error>, what: &str| {
            let text = format!("{:?}", cache.map(|_| ()).unwrap_err());
            assert!(text.contains(what), "{text}");
        };
        let link = directory.0.join("link");
        symlink(&path, &link).unwrap();
        refused(File2ReplayCache::open(&link), "symbolic link");
        refused(File2ReplayCache::open_shared(&link), "symbolic link");
        refused(File2ReplayCache::open(&directory.0), "directory");

        let euid = process::ids().unwrap().euid;
        let another = File2ReplayCache::with(path.clone(), Trust::Own(euid + 1));
        refused(another, "belongs to user");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o620)).unwrap();
        refused(File2ReplayCache::open(&path), "0620");
        assert!(File2ReplayCache::open_shared(&path).is_ok());

        // A link that takes the name later is not followed either.
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        fs::rename(&path, directory.0.join("elsewhere")).unwrap();
        symlink(directory.0.join("elsewhere"), &path).unwrap();
        let verdict = cache.check_and_insert(&entry(1, NOW), NOW);
        assert!(
            matches!(verdict, ReplayVerdict::Unavailable { .. }),
            "{verdict:?}"
        );
    }

    #[test]
    fn file_20_a_new_file_under_the_name_is_used() {
        let directory = Directory::new();
        let ours = File2ReplayCache::open(directory.file()).unwrap();
        assert_eq!(
            ours.check_and_insert(&entry(1, NOW), NOW),
            ReplayVerdict::Fresh
        );
        fs::remove_file(directory.file()).unwrap();
        let other = File2ReplayCache::open(directory.file()).unwrap();
        assert_eq!(
            other.check_and_insert(&entry(2, NOW), NOW),
            ReplayVerdict::Fresh
        );
        assert_eq!(
            ours.check_and_insert(&entry(2, NOW), NOW),
            ReplayVerdict::Seen
        );
    }

    /// A file that was cut, or is not such a file, is used as far as it goes; nothing panics.
    #[test]
    fn file_20_any_octets() {
        let directory = Directory::new();
        for len in [0, 1, 15, 16, 17, 31, 33, 16384, 16400, 49152] {
            for octet in [0, 0xff] {
                fs::write(directory.file(), vec![octet; len]).unwrap();
                fs::set_permissions(directory.file(), fs::Permissions::from_mode(0o600)).unwrap();
                let cache = File2ReplayCache::open(directory.file()).unwrap();
                let verdict = cache.check_and_insert(&entry(1, NOW), NOW);
                assert_eq!(verdict, ReplayVerdict::Fresh, "{len} of {octet}");
                let verdict = cache.check_and_insert(&entry(1, NOW), NOW);
                assert_eq!(verdict, ReplayVerdict::Seen, "{len} of {octet}");
            }
        }
    }
}
