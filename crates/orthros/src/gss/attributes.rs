//! What a mechanism says of itself (RFC 5587).

use std::fmt;

/// An attribute of a mechanism: the last number of 1.3.6.1.5.5.13.x (RFC 5587 §3.2).
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct MechAttribute(pub u8);

macro_rules! attributes {
    ($($(#[$doc:meta])* $name:ident = $value:expr;)*) => {
        impl MechAttribute {
            $($(#[$doc])* pub const $name: Self = Self($value);)*

            /// All that RFC 5587 knows: GSS_Inquire_attrs_for_mech's known_mech_attrs.
            pub const KNOWN: &'static [Self] = &[$(Self::$name),*];

            /// The name, without GSS_C_MA_.
            pub const fn name(self) -> Option<&'static str> {
                match self {
                    $(Self::$name => Some(stringify!($name)),)*
                    _ => None,
                }
            }
        }
    };
}

attributes! {
    /// A mechanism by itself.
    MECH_CONCRETE = 1;
    /// Stands for others.
    MECH_PSEUDO = 2;
    /// Made of others.
    MECH_COMPOSITE = 3;
    /// Negotiates others.
    MECH_NEGO = 4;
    /// Not a mechanism, but the layer above.
    MECH_GLUE = 5;
    /// The object identifier is of no mechanism.
    NOT_MECH = 6;
    /// Not to be used any more.
    DEPRECATED = 7;
    /// Not to be a default.
    NOT_DFLT_MECH = 8;
    /// The first token is framed as RFC 2743 §3.1 says.
    ITOK_FRAMED = 9;
    /// The initiator proves itself.
    AUTH_INIT = 10;
    /// The acceptor proves itself.
    AUTH_TARG = 11;
    /// The initiator proves itself to get its credentials.
    AUTH_INIT_INIT = 12;
    /// The acceptor proves itself to get its credentials.
    AUTH_TARG_INIT = 13;
    /// The initiator can be anonymous.
    AUTH_INIT_ANON = 14;
    /// The acceptor can be anonymous.
    AUTH_TARG_ANON = 15;
    /// Credentials can be delegated.
    DELEG_CRED = 16;
    /// Messages can be signed.
    INTEG_PROT = 17;
    /// Messages can be encrypted.
    CONF_PROT = 18;
    /// There are MIC tokens.
    MIC = 19;
    /// There are Wrap tokens.
    WRAP = 20;
    /// Messages can be protected before the context is complete.
    PROT_READY = 21;
    /// Repeated messages are detected.
    REPLAY_DET = 22;
    /// Messages out of order are detected.
    OOS_DET = 23;
    /// There are channel bindings.
    CBINDINGS = 24;
    /// What was recorded stays secret when a long-term key is lost.
    PFS = 25;
    /// Messages are compressed.
    COMPRESS = 26;
    /// Contexts can be exported.
    CTX_TRANS = 27;
}

impl MechAttribute {
    /// GSS_Inquire_attrs_for_mech: what this mechanism has in this build (GSS-64). There is no
    /// perfect forward secrecy in Kerberos.
    pub const OF_KERBEROS: &'static [Self] = &[
        Self::MECH_CONCRETE,
        Self::ITOK_FRAMED,
        Self::AUTH_INIT,
        Self::AUTH_TARG,
        Self::AUTH_INIT_ANON,
        Self::DELEG_CRED,
        Self::INTEG_PROT,
        Self::CONF_PROT,
        Self::MIC,
        Self::WRAP,
        Self::REPLAY_DET,
        Self::OOS_DET,
        Self::CBINDINGS,
    ];

    /// Its object identifier, DER with tag and length.
    pub const fn oid(self) -> [u8; 9] {
        [0x06, 0x07, 0x2B, 0x06, 0x01, 0x05, 0x05, 0x0D, self.0]
    }
}

impl fmt::Display for MechAttribute {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => write!(f, "GSS_C_MA_{name}"),
            None => write!(f, "1.3.6.1.5.5.13.{}", self.0),
        }
    }
}

impl fmt::Debug for MechAttribute {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
