//! The names of mechanisms.

use std::fmt;
use std::str::FromStr;

/// A SASL mechanism of Kerberos.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Mechanism {
    /// Kerberos with its security layers (RFC 4752).
    Gssapi,
    /// SPNEGO, as Active Directory's LDAP has it.
    GssSpnego,
    /// Kerberos without security layers (RFC 5801).
    Gs2Krb5,
    /// The same, bound to the channel.
    Gs2Krb5Plus,
}

impl Mechanism {
    /// All of them.
    pub const ALL: [Self; 4] = [
        Self::Gssapi,
        Self::GssSpnego,
        Self::Gs2Krb5,
        Self::Gs2Krb5Plus,
    ];

    /// The name under which it is registered.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Gssapi => "GSSAPI",
            Self::GssSpnego => "GSS-SPNEGO",
            Self::Gs2Krb5 => "GS2-KRB5",
            Self::Gs2Krb5Plus => "GS2-KRB5-PLUS",
        }
    }
}

impl fmt::Display for Mechanism {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A name of no mechanism that is here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnknownMechanism;

impl fmt::Display for UnknownMechanism {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("no SASL mechanism of Kerberos")
    }
}

impl std::error::Error for UnknownMechanism {}

impl FromStr for Mechanism {
    type Err = UnknownMechanism;

    fn from_str(name: &str) -> Result<Self, UnknownMechanism> {
        Self::ALL
            .into_iter()
            .find(|mechanism| mechanism.name() == name)
            .ok_or(UnknownMechanism)
    }
}
