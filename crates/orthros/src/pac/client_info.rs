//! CLIENT_INFO: what ties a PAC to its ticket (MS-PAC 2.7).

use super::error::Fault;
use super::ndr::{to_utf16, utf16};
use super::{BufferType, FileTime, PacError};
use crate::principal::Principal;
use crate::time::KerberosTime;

/// How CLIENT_INFO writes the client's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NameForm {
    /// The components joined by "/".
    WithoutRealm,
    /// And "@" and the realm behind them: cross-realm S4U2self only.
    WithRealm,
}

/// ```text
/// ClientId FILETIME, NameLength u16, Name UTF-16LE of NameLength octets
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientInfo {
    /// The authtime of the ticket.
    pub client_id: FileTime,
    /// The client's name: components joined by "/", nothing quoted.
    pub name: String,
}

impl ClientInfo {
    pub(super) fn new(client: &Principal, form: NameForm, authtime: KerberosTime) -> Self {
        Self {
            client_id: authtime.into(),
            name: written(client, form),
        }
    }

    pub(super) fn parse(buffer: &[u8]) -> Result<Self, Fault> {
        let Some(([head @ .., l0, l1], rest)) = buffer.split_first_chunk::<10>() else {
            return Err(Fault::new(buffer.len(), "shorter than its fixed part"));
        };
        let length = usize::from(u16::from_le_bytes([*l0, *l1]));
        let name = rest
            .get(..length)
            .ok_or(Fault::new(8, "the name is longer than the buffer"))?;
        Ok(Self {
            client_id: FileTime(u64::from_le_bytes(*head)),
            name: utf16(name).ok_or(Fault::new(10, "a name that is not UTF-16"))?,
        })
    }

    /// Whether this PAC is of the ticket's client, authenticated when the ticket says (PAC-18).
    /// Names are compared octet for octet, as everywhere.
    pub(super) fn check(
        &self,
        client: &Principal,
        form: NameForm,
        authtime: KerberosTime,
    ) -> Result<(), PacError> {
        if self.client_id != FileTime::from(authtime) {
            return Err(PacError::AuthTime {
                pac: self.client_id,
                ticket: authtime,
            });
        }
        if !is(&self.name, client, form) {
            return Err(PacError::ClientName {
                pac: self.name.clone(),
                ticket: written(client, form),
            });
        }
        Ok(())
    }

    /// The buffer.
    pub fn to_bytes(&self) -> Result<Vec<u8>, PacError> {
        let name = to_utf16(&self.name);
        let length = u16::try_from(name.len()).map_err(|_| PacError::Unencodable {
            buffer: BufferType::CLIENT_INFO,
            why: "a name over 64 KiB",
        })?;
        let mut out = Vec::with_capacity(10 + name.len());
        out.extend(self.client_id.0.to_le_bytes());
        out.extend(length.to_le_bytes());
        out.extend(name);
        Ok(out)
    }
}

fn written(client: &Principal, form: NameForm) -> String {
    let mut name = String::new();
    for (index, component) in client.components().enumerate() {
        if index > 0 {
            name.push('/');
        }
        name.push_str(component);
    }
    if form == NameForm::WithRealm {
        name.push('@');
        name.push_str(client.realm());
    }
    name
}

/// `name == written(client, form)`, without writing it.
fn is(name: &str, client: &Principal, form: NameForm) -> bool {
    let mut rest = name;
    for (index, component) in client.components().enumerate() {
        if index > 0 {
            let Some(behind) = rest.strip_prefix('/') else {
                return false;
            };
            rest = behind;
        }
        let Some(behind) = rest.strip_prefix(component) else {
            return false;
        };
        rest = behind;
    }
    match form {
        NameForm::WithoutRealm => rest.is_empty(),
        NameForm::WithRealm => rest.strip_prefix('@') == Some(client.realm()),
    }
}
