//! Whether the process has more rights than the user who started it (FILE-35).
//!
//! C programs ask getauxval(AT_SECURE) and getuid(). Safe Rust has neither; Linux tells the same
//! in `/proc/self`. What cannot be read there counts as elevated.

use std::fs;

/// The users and groups of the process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Ids {
    /// The real user: who started the process.
    pub(super) uid: u32,
    /// The effective user: with whose rights it runs.
    pub(super) euid: u32,
    gid: u32,
    egid: u32,
}

#[cfg(test)]
impl Ids {
    pub(super) fn for_tests(uid: u32, euid: u32) -> Self {
        Self {
            uid,
            euid,
            gid: 100,
            egid: 100,
        }
    }
}

pub(super) fn ids() -> Option<Ids> {
    parse_status(&fs::read_to_string("/proc/self/status").ok()?)
}

/// Each line is `Uid:` or `Gid:`, then real, effective, saved and file system ID.
fn parse_status(status: &str) -> Option<Ids> {
    let line = |name: &str| {
        let mut numbers = status
            .lines()
            .find_map(|line| line.strip_prefix(name))?
            .split_ascii_whitespace()
            .map(str::parse);
        Some((numbers.next()?.ok()?, numbers.next()?.ok()?))
    };
    let (uid, euid) = line("Uid:")?;
    let (gid, egid) = line("Gid:")?;
    Some(Ids {
        uid,
        euid,
        gid,
        egid,
    })
}

/// Whether the environment must not be trusted.
pub(super) fn is_elevated(ids: Option<Ids>) -> bool {
    // Set-user-ID programs are of Unix.
    if !cfg!(unix) {
        return false;
    }
    // In a set-group-ID program the file belongs to root and cannot be read.
    let secure = fs::read("/proc/self/auxv")
        .ok()
        .and_then(|auxv| parse_auxv(&auxv));
    judge(secure, ids)
}

fn judge(secure: Option<bool>, ids: Option<Ids>) -> bool {
    match (secure, ids) {
        (Some(secure), Some(ids)) => secure || ids.uid != ids.euid || ids.gid != ids.egid,
        (None, _) | (_, None) => true,
    }
}

/// The value of AT_SECURE in an auxiliary vector: pairs of native words, each a type and a value.
fn parse_auxv(auxv: &[u8]) -> Option<bool> {
    const AT_SECURE: usize = 23;
    const WORD: usize = size_of::<usize>();
    let (words, _) = auxv.as_chunks::<WORD>();
    let (pairs, _) = words.as_chunks::<2>();
    pairs
        .iter()
        .map(|pair| pair.map(usize::from_ne_bytes))
        .find_map(|[kind, value]| (kind == AT_SECURE).then_some(value != 0))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ORDINARY: Ids = Ids {
        uid: 1000,
        euid: 1000,
        gid: 100,
        egid: 100,
    };

    #[test]
    fn file_35_ids_of_the_status_file() {
        let status = "Name:\tcat\nUid:\t1000\t0\t0\t0\nGid:\t100\t100\t100\t100\n";
        assert_eq!(
            parse_status(status),
            Some(Ids {
                euid: 0,
                ..ORDINARY
            })
        );
        for broken in [
            "",
            "Uid:\t1\t1\n",
            "Uid:\t1\nGid:\t1\t1\n",
            "Uid: x y\nGid: 1 1\n",
        ] {
            assert_eq!(parse_status(broken), None, "{broken:?}");
        }
    }

    #[test]
    fn file_35_at_secure_of_the_auxiliary_vector() {
        let auxv = |pairs: &[(usize, usize)]| -> Vec<u8> {
            pairs
                .iter()
                .flat_map(|(kind, value)| [kind.to_ne_bytes(), value.to_ne_bytes()])
                .flatten()
                .collect()
        };
        // A value of 23 is not the type 23.
        assert_eq!(parse_auxv(&auxv(&[(6, 23), (23, 0), (0, 0)])), Some(false));
        assert_eq!(parse_auxv(&auxv(&[(6, 4096), (23, 1), (0, 0)])), Some(true));
        assert_eq!(parse_auxv(&auxv(&[(6, 4096), (0, 0)])), None);
        assert_eq!(parse_auxv(&[]), None);
    }

    #[test]
    fn case_122_elevated_when_any_sign_says_so_or_none_can_be_read() {
        assert!(!judge(Some(false), Some(ORDINARY)));
        assert!(judge(Some(true), Some(ORDINARY)));
        for ids in [
            Ids {
                euid: 0,
                ..ORDINARY
            },
            Ids {
                egid: 0,
                ..ORDINARY
            },
        ] {
            assert!(judge(Some(false), Some(ids)), "{ids:?}");
        }
        assert!(judge(None, Some(ORDINARY)));
        assert!(judge(Some(false), None));
    }
}
