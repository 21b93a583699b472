//! The machine: the clock, the environment, and the files of a Kerberos client or service.
//!
//! Nothing else in this crate reads a clock, a variable or a file. A caller who passes every value
//! to the other modules needs nothing of this one (FILE-36).
//!
//! ```no_run
//! use orthros::env::{self, Environment};
//!
//! let environment = Environment::of_process();
//! let keytab = env::read_keytab(environment.keytab(None)?.path())?;
//! let ccache = env::read_ccache(&env::resolve(&environment.ccache(None)?)?)?;
//! # Ok::<(), orthros::error::Error>(())
//! ```
#![cfg_attr(
    not(test),
    deny(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::indexing_slicing,
        clippy::panic
    )
)]

mod collection;
mod defaults;
#[cfg(target_os = "linux")]
mod file2;
mod files;
mod names;
mod process;
mod rcache;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::path::PathBuf;
use std::time::SystemTime;

pub use collection::{Collection, resolve};
#[cfg(target_os = "linux")]
pub use file2::File2ReplayCache;
pub use files::{
    append_ccache, read, read_ccache, read_keytab, update_ccache, update_keytab, write_ccache,
    write_keytab,
};
pub use names::{CcacheName, KeytabName};
pub use rcache::RcacheName;

use crate::error::Error;
use crate::time::Timestamp;
use process::Ids;

/// The variables that are looked at (FILE-34), and the one that says where temporary files go.
const VARIABLES: [&str; 10] = [
    "KRB5_CONFIG",
    "KRB5CCNAME",
    "KRB5_KTNAME",
    "KRB5_CLIENT_KTNAME",
    "KRB5RCACHENAME",
    "KRB5RCACHETYPE",
    "KRB5RCACHEDIR",
    "KRB5_TRACE",
    "KRB5_KDC_PROFILE",
    "TMPDIR",
];

/// The time of the local clock.
pub fn now() -> Timestamp {
    SystemTime::now().into()
}

/// The environment variables of Kerberos as they were when this was made, and the user.
#[derive(Clone, Debug, Default)]
pub struct Environment {
    variables: BTreeMap<&'static str, OsString>,
    ids: Option<Ids>,
    elevated: bool,
}

impl Environment {
    /// The environment of this process.
    ///
    /// All variables are ignored if the process has more rights than the user who set them: a
    /// set-user-ID or set-group-ID program, or one with file capabilities (FILE-35, security case
    /// 122). The same holds where the system does not say whether it is one, as where `/proc` is
    /// missing: see [`of_trusted_process`](Self::of_trusted_process).
    pub fn of_process() -> Self {
        let ids = process::ids();
        if process::is_elevated(ids) {
            return Self {
                variables: BTreeMap::new(),
                ids,
                elevated: true,
            };
        }
        Self {
            variables: variables(),
            ids,
            elevated: false,
        }
    }

    /// The environment of this process, of which the caller knows that it has no more rights than
    /// the user who set the variables.
    pub fn of_trusted_process() -> Self {
        Self {
            variables: variables(),
            ids: process::ids(),
            elevated: false,
        }
    }

    /// This environment with `value` for `variable`; empty is as good as not set.
    ///
    /// A variable that is none of Kerberos' is refused.
    pub fn with(mut self, variable: &str, value: impl Into<OsString>) -> Result<Self, Error> {
        let known = VARIABLES.iter().find(|known| **known == variable);
        let known = known.ok_or(Error::Misuse("not an environment variable of Kerberos"))?;
        self.variables.insert(known, value.into());
        Ok(self)
    }

    /// Whether the variables are ignored because the process has more rights than the user who
    /// set them (FILE-35).
    pub fn is_elevated(&self) -> bool {
        self.elevated
    }

    /// The value of `KRB5_TRACE` or another of the variables; `None` if it is empty, not set or
    /// ignored (FILE-34).
    pub fn get(&self, variable: &str) -> Option<&OsStr> {
        self.variables
            .get(variable)
            .map(OsString::as_os_str)
            .filter(|value| !value.is_empty())
    }

    fn text(&self, variable: &'static str) -> Result<Option<&str>, Error> {
        self.get(variable)
            .map(|value| {
                value
                    .to_str()
                    .ok_or_else(|| names::refused(variable, "the value is not UTF-8"))
            })
            .transpose()
    }

    /// The configuration files, of which the first wins and the missing ones are passed over:
    /// `KRB5_CONFIG`, or else `/etc/krb5.conf` (FILE-25).
    pub fn config_files(&self) -> Vec<PathBuf> {
        match self.get("KRB5_CONFIG") {
            Some(paths) => std::env::split_paths(paths)
                .filter(|path| !path.as_os_str().is_empty())
                .collect(),
            None => vec![PathBuf::from("/etc/krb5.conf")],
        }
    }

    /// The keytab of a service: `KRB5_KTNAME`, else `default` (which krb5.conf calls
    /// `default_keytab_name`), else `FILE:/etc/krb5.keytab` (FILE-08).
    pub fn keytab(&self, default: Option<&str>) -> Result<KeytabName, Error> {
        match (self.text("KRB5_KTNAME")?, default) {
            (Some(name), _) => KeytabName::parse(name),
            (None, Some(name)) => KeytabName::parse(&self.expand(name)?),
            (None, None) => KeytabName::parse("FILE:/etc/krb5.keytab"),
        }
    }

    /// The keytab of a client: `KRB5_CLIENT_KTNAME`, else `default` (which krb5.conf calls
    /// `default_client_keytab_name`), else none (FILE-08).
    pub fn client_keytab(&self, default: Option<&str>) -> Result<Option<KeytabName>, Error> {
        match (self.text("KRB5_CLIENT_KTNAME")?, default) {
            (Some(name), _) => KeytabName::parse(name).map(Some),
            (None, Some(name)) => KeytabName::parse(&self.expand(name)?).map(Some),
            (None, None) => Ok(None),
        }
    }

    /// The credential cache: `KRB5CCNAME`, else `default` (which krb5.conf calls
    /// `default_ccache_name`), else `FILE:/tmp/krb5cc_%{uid}` (FILE-17).
    pub fn ccache(&self, default: Option<&str>) -> Result<CcacheName, Error> {
        match self.text("KRB5CCNAME")? {
            Some(name) => CcacheName::parse(name),
            None => CcacheName::parse(&self.expand(default.unwrap_or("FILE:/tmp/krb5cc_%{uid}"))?),
        }
    }

    /// Expands `%{uid}`, `%{USERID}` (the real user), `%{euid}` (the effective one), `%{TEMP}` and
    /// `%{null}` in a name out of krb5.conf; any other token is an error (FILE-33).
    pub fn expand(&self, name: &str) -> Result<String, Error> {
        let mut out = String::new();
        let mut rest = name;
        while let Some((before, behind)) = rest.split_once("%{") {
            out.push_str(before);
            let Some((token, behind)) = behind.split_once('}') else {
                return Err(names::refused(name, "%{ without }"));
            };
            let user = |id: fn(Ids) -> u32| match self.ids {
                Some(ids) => Ok(id(ids).to_string()),
                None => Err(names::refused(
                    name,
                    "the system does not tell the user's ID",
                )),
            };
            out.push_str(&match token {
                "uid" | "USERID" => user(|ids| ids.uid)?,
                "euid" => user(|ids| ids.euid)?,
                "TEMP" => self.text("TMPDIR")?.unwrap_or("/tmp").to_owned(),
                "null" => String::new(),
                other => {
                    let what = format!("the token %{{{other}}} is not known");
                    return Err(names::refused(name, &what));
                }
            });
            rest = behind;
        }
        out.push_str(rest);
        Ok(out)
    }
}

fn variables() -> BTreeMap<&'static str, OsString> {
    VARIABLES
        .into_iter()
        .filter_map(|name| Some((name, std::env::var_os(name)?)))
        .collect()
}
