//! Which replay cache a service uses: the names of MIT krb5 (FILE-18, FILE-19).

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use super::names::refused;
use super::{Environment, process};
use crate::ap::ReplayCache;
use crate::error::Error;

/// The name of a replay cache: `TYPE:residual` (FILE-18).
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub enum RcacheName {
    /// `none:`. Replays are accepted. Whoever finds this in the environment should tell the
    /// operator.
    None,
    /// `dfl:`, the file2 cache of the effective user in the directory for such files (FILE-19).
    Default(PathBuf),
    /// `file2:path`.
    File2(PathBuf),
}

impl Environment {
    /// The replay cache of a service: `KRB5RCACHENAME`, else of the type `KRB5RCACHETYPE`, else
    /// `default` (which krb5.conf calls `default_rcache_name`), else `dfl:` (FILE-18).
    pub fn replay_cache(&self, default: Option<&str>) -> Result<RcacheName, Error> {
        match (
            self.text("KRB5RCACHENAME")?,
            self.text("KRB5RCACHETYPE")?,
            default,
        ) {
            (Some(name), _, _) => self.rcache(name),
            (None, Some(kind), _) => self.rcache(&format!("{kind}:")),
            (None, None, Some(name)) => self.rcache(&self.expand(name)?),
            (None, None, None) => self.rcache("dfl:"),
        }
    }

    fn rcache(&self, name: &str) -> Result<RcacheName, Error> {
        match name.split_once(':') {
            Some(("none", _)) => Ok(RcacheName::None),
            Some(("dfl", _)) => Ok(RcacheName::Default(self.default_rcache()?)),
            Some(("file2", "")) => Err(refused(name, "the name has no path")),
            Some(("file2", path)) => Ok(RcacheName::File2(PathBuf::from(path))),
            // The rest can hold a password.
            Some((kind, _)) => Err(Error::Unsupported(format!(
                "replay cache type {kind}; dfl, file2 and none are supported"
            ))),
            None => Err(refused(name, "a replay cache is named TYPE:residual")),
        }
    }

    /// FILE-19: `{KRB5RCACHEDIR, else TMPDIR, else /var/tmp}/krb5_EUID.rcache2`.
    fn default_rcache(&self) -> Result<PathBuf, Error> {
        let directory = self.get("KRB5RCACHEDIR").or_else(|| self.get("TMPDIR"));
        let ids = self.ids.or_else(process::ids);
        let ids = ids.ok_or_else(|| refused("dfl:", "the system does not tell the user's ID"))?;
        let directory = directory.map_or_else(|| PathBuf::from("/var/tmp"), PathBuf::from);
        Ok(directory.join(format!("krb5_{}.rcache2", ids.euid)))
    }
}

impl RcacheName {
    /// Opens the cache, and makes its file if there is none. `None` for `none:`: then it is for
    /// the caller to go without ([`without_replay_cache`]) or not to go on.
    ///
    /// [`without_replay_cache`]: crate::ap::AcceptorConfig::without_replay_cache
    #[cfg(target_os = "linux")]
    pub fn open(&self) -> Result<Option<Arc<dyn ReplayCache>>, Error> {
        match self {
            Self::None => Ok(None),
            Self::Default(path) | Self::File2(path) => {
                Ok(Some(Arc::new(super::File2ReplayCache::open(path)?)))
            }
        }
    }

    /// Only Linux has the locks that a shared file needs.
    #[cfg(not(target_os = "linux"))]
    pub fn open(&self) -> Result<Option<Arc<dyn ReplayCache>>, Error> {
        match self {
            Self::None => Ok(None),
            Self::Default(_) | Self::File2(_) => Err(Error::Unsupported(
                "replay caches in files; on Linux they are supported".to_owned(),
            )),
        }
    }
}

impl fmt::Display for RcacheName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => f.write_str("none:"),
            Self::Default(path) | Self::File2(path) => write!(f, "file2:{}", path.display()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::env::process::Ids;

    fn user(euid: u32) -> Environment {
        Environment {
            ids: Some(Ids::for_tests(1000, euid)),
            ..Environment::default()
        }
    }

    fn name(variables: &[(&str, &str)], default: Option<&str>) -> Result<String, Error> {
        let mut environment = user(1001);
        for (variable, value) in variables {
            environment = environment.with(variable, *value).unwrap();
        }
        environment
            .replay_cache(default)
            .map(|name| name.to_string())
    }

    #[test]
    fn file_18_name_then_type_then_configuration_then_default() {
        let (by_name, by_type) = (
            ("KRB5RCACHENAME", "file2:/run/a"),
            ("KRB5RCACHETYPE", "none"),
        );
        let default = Some("file2:/run/%{uid}");
        let found = |variables: &[_], default| name(variables, default).unwrap();
        assert_eq!(found(&[by_name, by_type], default), "file2:/run/a");
        assert_eq!(found(&[by_type], default), "none:");
        assert_eq!(found(&[], default), "file2:/run/1000");
        assert_eq!(found(&[], None), "file2:/var/tmp/krb5_1001.rcache2");
        let dfl = ("KRB5RCACHETYPE", "dfl");
        assert_eq!(found(&[dfl], default), "file2:/var/tmp/krb5_1001.rcache2");
        let empty = ("KRB5RCACHENAME", "");
        assert_eq!(found(&[empty, by_type], default), "none:");
    }

    #[test]
    fn file_18_what_is_no_name() {
        for (value, why) in [
            ("file2", "TYPE:residual"),
            ("file2:", "no path"),
            ("/var/tmp/x", "TYPE:residual"),
            ("memory:", "memory"),
            ("redis://:secret@host", "redis"),
        ] {
            let error = name(&[("KRB5RCACHENAME", value)], None).unwrap_err();
            let text = format!("{error} {error:?}");
            assert!(text.contains(why), "{text}");
            assert!(!text.contains("secret"), "{text}");
        }
        assert!(name(&[("KRB5RCACHETYPE", "file2")], None).is_err());
    }

    #[test]
    fn file_18_none_gives_no_cache() {
        let environment = user(0).with("KRB5RCACHENAME", "none:").unwrap();
        let found = environment.replay_cache(None).unwrap();
        assert_eq!(found, RcacheName::None);
        assert!(found.open().unwrap().is_none());
    }

    #[test]
    fn file_19_directory_and_effective_user() {
        let (own, tmp) = (("KRB5RCACHEDIR", "/run/rc"), ("TMPDIR", "/scratch"));
        let found = |variables: &[_]| name(variables, None).unwrap();
        assert_eq!(found(&[own, tmp]), "file2:/run/rc/krb5_1001.rcache2");
        assert_eq!(found(&[tmp]), "file2:/scratch/krb5_1001.rcache2");
        assert_eq!(found(&[]), "file2:/var/tmp/krb5_1001.rcache2");
    }
}
