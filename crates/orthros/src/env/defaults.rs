//! The credentials of a party that names none (GSS-61).

use std::sync::Arc;

use super::{Environment, read_ccache, read_keytab, resolve};
use crate::ap::{AcceptorConfig, Accepts, ServiceKeys};
use crate::credentials::Credentials;
use crate::crypto::DEFAULT_ENCTYPES;
use crate::error::{Error, FileError};
use crate::time::Timestamp;

impl Environment {
    /// The default credential of an acceptor: every key of the default keytab, for any of its
    /// principals. `keytab` is what krb5.conf calls `default_keytab_name`.
    ///
    /// A ticket for one service then opens another that is in the same keytab. A service that knows
    /// its name says it: [`HostBasedService::accepts`](crate::gss::HostBasedService::accepts).
    ///
    /// A keytab that is missing or has no key is an error, GSS_S_NO_CRED.
    pub fn default_acceptor(&self, keytab: Option<&str>) -> Result<AcceptorConfig, Error> {
        let name = self.keytab(keytab)?;
        let keys = ServiceKeys::from(&read_keytab(name.path())?);
        if keys.is_empty() {
            return Err(none(name.to_string(), "has no key that can be used"));
        }
        Ok(AcceptorConfig::new(Arc::new(keys), Accepts::AnyKey))
    }

    /// The default credential of an initiator: the TGT of the default cache's principal, valid at
    /// `now`. `ccache` is what krb5.conf calls `default_ccache_name`.
    ///
    /// A cache that is missing or has no such TGT is an error, GSS_S_NO_CRED.
    pub fn default_initiator(
        &self,
        ccache: Option<&str>,
        now: Timestamp,
    ) -> Result<Credentials, Error> {
        let name = self.ccache(ccache)?;
        let cache = read_ccache(&resolve(&name)?)?;
        match cache.tgt(now, DEFAULT_ENCTYPES) {
            Some(tgt) => cache.to_credentials(tgt),
            None => Err(none(name.to_string(), "has no TGT that is valid now")),
        }
    }
}

fn none(path: String, what: &str) -> Error {
    FileError {
        path,
        at: None,
        what: what.to_owned(),
    }
    .into()
}
