//! The header of GS2's first message (RFC 5801 §4).
//!
//! ```text
//! gs2-header  = [gs2-nonstd-flag ","] gs2-cb-flag "," [gs2-authzid] ","
//! gs2-cb-flag = ("p=" cb-name) / "n" / "y"
//! gs2-authzid = "a=" saslname               ; "=2C" for ",", "=3D" for "="
//! ```

use std::fmt;

use super::broken;
use crate::error::Error;
use crate::gss::ChannelBindings;

/// What a client says about channel bindings (SASL-13).
#[derive(Clone, PartialEq, Eq)]
pub enum Binding {
    /// `n`: it has none.
    None,
    /// `y`: it has some, and saw that the server has not.
    NotAdvertised,
    /// `p=`: these.
    Channel {
        /// The type: `tls-exporter`, `tls-server-end-point`.
        name: String,
        /// The channel's octets, without the type's name.
        data: Vec<u8>,
    },
}

impl Binding {
    /// Bound to a channel of which these are the bindings: those of [`channel`](crate::channel),
    /// whose application data begin with a type. `None` if they do not, or if they hold more than
    /// application data: GS2 has nothing else.
    ///
    /// A server takes the same apart with [`typed`](ChannelBindings::typed).
    pub fn channel(bindings: &ChannelBindings) -> Option<Self> {
        let (name, data) = bindings.typed().filter(|(name, _)| is_name(name))?;
        let alone = ChannelBindings::from_application_data(bindings.application_data.as_slice());
        (*bindings == alone).then(|| Self::Channel {
            name: name.to_owned(),
            data: data.to_vec(),
        })
    }

    /// What the context is bound to: the header itself, and the channel (SASL-12).
    pub(super) fn application_data(&self, header: &str) -> Vec<u8> {
        let data = match self {
            Self::Channel { data, .. } => data.as_slice(),
            _ => &[],
        };
        [header.as_bytes(), data].concat()
    }
}

impl fmt::Debug for Binding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => f.write_str("n"),
            Self::NotAdvertised => f.write_str("y"),
            Self::Channel { name, .. } => write!(f, "p={name}"),
        }
    }
}

/// What a client writes.
pub(super) struct Header<'a> {
    pub(super) binding: &'a Binding,
    pub(super) authzid: &'a str,
}

impl Header<'_> {
    pub(super) fn to_text(&self) -> Result<String, Error> {
        let flag = match self.binding {
            Binding::Channel { name, .. } if !is_name(name) => {
                return Err(Error::Misuse(
                    "a type of channel bindings that cannot be written",
                ));
            }
            binding => format!("{binding:?}"),
        };
        let authzid = match self.authzid {
            "" => String::new(),
            authzid if authzid.contains('\0') => {
                return Err(Error::Misuse("an authorization identity with NUL"));
            }
            authzid => format!("a={}", authzid.replace('=', "=3D").replace(',', "=2C")),
        };
        Ok(format!("{flag},{authzid},"))
    }
}

/// A first message, taken apart.
pub(super) struct First<'a> {
    /// Without the channel's octets: those the server knows.
    pub(super) binding: Binding,
    pub(super) authzid: String,
    /// The header as it was received.
    pub(super) header: &'a [u8],
    /// The token without its framing.
    pub(super) token: &'a [u8],
}

/// Takes a first message apart.
pub(super) fn split(message: &[u8]) -> Result<First<'_>, Error> {
    let no_header = || broken("the first message has no header of GS2");
    let mut commas = message
        .iter()
        .enumerate()
        .filter(|(_, octet)| **octet == b',')
        .map(|(at, _)| at);
    let (Some(first), Some(second)) = (commas.next(), commas.next()) else {
        return Err(no_header());
    };
    let text = |from: usize, to: usize| {
        message
            .get(from..to)
            .and_then(|octets| std::str::from_utf8(octets).ok())
            .ok_or_else(no_header)
    };
    let binding = match text(0, first)? {
        "n" => Binding::None,
        "y" => Binding::NotAdvertised,
        // The tokens of Kerberos have the framing that it says is missing.
        "F" => return Err(broken("the client says that its token has no framing")),
        flag => match flag.strip_prefix("p=") {
            Some(name) if is_name(name) => Binding::Channel {
                name: name.to_owned(),
                data: Vec::new(),
            },
            _ => return Err(no_header()),
        },
    };
    let authzid = match text(first + 1, second)? {
        "" => String::new(),
        field => match field.strip_prefix("a=") {
            Some(name) if !name.is_empty() => unescaped(name).ok_or_else(no_header)?,
            _ => return Err(no_header()),
        },
    };
    let (header, token) = message.split_at_checked(second + 1).ok_or_else(no_header)?;
    Ok(First {
        binding,
        authzid,
        header,
        token,
    })
}

/// `cb-name = 1*(ALPHA / DIGIT / "." / "-")`
fn is_name(name: &str) -> bool {
    !name.is_empty()
        && name
            .bytes()
            .all(|octet| octet.is_ascii_alphanumeric() || matches!(octet, b'.' | b'-'))
}

fn unescaped(name: &str) -> Option<String> {
    let mut parts = name.split('=');
    let mut out = parts.next()?.to_owned();
    for part in parts {
        match part.split_at_checked(2)? {
            ("2C", rest) => out.extend([",", rest]),
            ("3D", rest) => out.extend(["=", rest]),
            _ => return None,
        }
    }
    Some(out)
}
